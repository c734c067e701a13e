/* test_autoencoder.c: the autoencoder scheme, alone and against a discriminator: every net goes
 * down the slope of its own logged loss, steps repeat, single images become latents and images
 * again. */
#include "facies.h"
#include "models/model.h"
#include "test.h"
#include <string.h>
#include <unistd.h>

#define RATE 1e-3
#define OPTIMIZER "optimizer = { type = \"sgd\"; rate = 0.001; };"
#define NETS                                                                                       \
    "scheme = \"autoencoder\"; data = { size = 16; low = 0.0; high = 1.0; };\n"                    \
    "latent = { channels = 3; distribution = \"normal\"; };\n"                                     \
    "encoder = { init = \"scaled\"; init_std = 1.0; " OPTIMIZER " layers = (\n"                    \
    "  { type = \"conv\"; filters = 4; kernel = 4; stride = 2; }, { type = \"norm\"; },\n"         \
    "  { type = \"tanh\"; }, { type = \"moments\"; }, { type = \"sample\"; } ); };\n"              \
    "generator = { init = \"scaled\"; init_std = 1.0; " OPTIMIZER " layers = (\n"                  \
    "  { type = \"dense\"; filters = 4; shape = 0; }, { type = \"norm\"; },\n"                     \
    "  { type = \"tanh\"; }, { type = \"deconv\"; filters = 0; kernel = 4; stride = 2; },\n"       \
    "  { type = \"sigmoid\"; } ); };\n"                                                            \
    "train = { steps = 100; batch = 3; calibration = 4; };\n"
#define ALONE                                                                                      \
    NETS "loss = { image = \"bce\"; reconstruction = 1.0; kl = 0.5; weight_decay = 1e-3; };\n"
#define JUDGED                                                                                     \
    NETS "discriminator = { init = \"scaled\"; init_std = 1.0; spectral = true; " OPTIMIZER        \
         " layers = (\n"                                                                           \
         "  { type = \"conv\"; filters = 4; kernel = 4; stride = 2; }, { type = \"tanh\"; "        \
         "name = \"seen\"; },\n"                                                                   \
         "  { type = \"dense\"; } ); };\n"                                                         \
         "loss = { image = \"mse\"; reconstruction = 15.0; encoder_reconstruction = 5.0;\n"        \
         "  kl = 2.0; similarity = \"features\"; features = \"seen\"; average = true; };\n"

static fcs_context *ctx;
static char picture[64];
static fcs_dataset *data;

static void open_data(void)
{
    fcs_image *image;
    const fcs_dataset_options o = {.width = 16, .height = 16, .depth = 1, .low = 0, .high = 1};
    snprintf(picture, sizeof picture, "test_autoencoder_%ld.png", (long)getpid());
    CHECK(fcs_synth(ctx, "channels", 80, 64, 1, 7, &image) == FCS_OK);
    CHECK(fcs_image_write(ctx, image, picture) == FCS_OK);
    fcs_image_free(image);
    CHECK(fcs_dataset_open(ctx, picture, &o, &data) == FCS_OK);
}

static fcs_recipe *recipe_of(const char *text, const char *assignment)
{
    fcs_recipe *r;
    fcs_status s = fcs_recipe_from_text(ctx, text, NULL, &r);
    if (s == FCS_OK && assignment)
        s = fcs_recipe_set(r, assignment);
    if (s != FCS_OK)
        fprintf(stderr, "%s\n", fcs_message(ctx));
    CHECK(s == FCS_OK);
    return r;
}

static fcs_model *model_of(fcs_recipe *r, bool train)
{
    fcs_model *m;
    if (fcs_model_new(ctx, r, train ? data : NULL, 1, train, &m) != FCS_OK)
        fprintf(stderr, "%s\n", fcs_message(ctx));
    CHECK(m != NULL);
    return m;
}

static void step(fcs_model *m, int64_t n)
{
    fcs_status s = m->scheme->step(m, n, &ctx->error);
    if (s != FCS_OK)
        fprintf(stderr, "%s\n", fcs_message(ctx));
    CHECK(s == FCS_OK);
}

/* The values of a tensor, in a new array. */
static float *values_of(fcs_tensor *t)
{
    float *v = malloc((size_t)fcs_shape_count(t->shape) * sizeof *v);
    CHECK(v && fcs_tensor_get(t, v) == FCS_OK);
    return v;
}

static double loss_named(const fcs_model *m, const char *name)
{
    for (int i = 0; i < m->n_losses; i++)
        if (strcmp(m->loss_names[i], name) == 0)
            return m->losses[i];
    fprintf(stderr, "no loss %s\n", name);
    CHECK(false);
    return NAN;
}

/* A copy of all state, and back. */
static float **keep(const fcs_model *m)
{
    float **all = malloc(m->n_tensors * sizeof *all);
    for (size_t i = 0; i < m->n_tensors; i++)
        all[i] = values_of(m->tensors[i].tensor);
    return all;
}

static void put_back(const fcs_model *m, float *const *all)
{
    for (size_t i = 0; i < m->n_tensors; i++)
        CHECK(fcs_tensor_set(m->tensors[i].tensor, all[i]) == FCS_OK);
}

/* The loss of a step (always step 1: the same images, latents and draws) with number `at` of this
 * tensor moved by h. */
static double moved(fcs_model *m, float *const *all, const char *tensor, int at, float h,
                    const char *loss)
{
    fcs_tensor *t = fcs_model_tensor_find(m, tensor);
    put_back(m, all);
    float *w = values_of(t);
    w[at] += h;
    CHECK(fcs_tensor_set(t, w) == FCS_OK);
    free(w);
    step(m, 1);
    return loss_named(m, loss);
}

/* sgd: w - w' = rate * slope of the net's loss, which differences of that loss give too. */
static void test_slopes(const char *text, const char *const (*cases)[2], int n)
{
    const float h = 4e-3f;
    fcs_recipe *r = recipe_of(text, NULL);
    fcs_model *m = model_of(r, true);
    step(m, 0);
    float **before = keep(m);
    for (int i = 0; i < n; i++)
        for (int at = 0; at < 3; at += 2) {
            fcs_tensor *t = fcs_model_tensor_find(m, cases[i][0]);
            CHECK(t != NULL);
            if (!t)
                continue;
            double up = moved(m, before, cases[i][0], at, h, cases[i][1]);
            double down = moved(m, before, cases[i][0], at, -h, cases[i][1]);
            double slope = (up - down) / (2 * (double)h);
            moved(m, before, cases[i][0], at, 0, cases[i][1]);
            float *w = values_of(t), *old = before[0];
            for (size_t k = 0; k < m->n_tensors; k++)
                if (m->tensors[k].tensor == t)
                    old = before[k];
            double got = ((double)old[at] - (double)w[at]) / RATE;
            if (fabs(got - slope) > 2e-2 * (0.1 + fabs(slope)))
                fprintf(stderr, "%s[%d]: %g, differences say %g\n", cases[i][0], at, got, slope);
            CHECK(fabs(got - slope) <= 2e-2 * (0.1 + fabs(slope)));
            CHECK(slope != 0);
            free(w);
        }
    for (size_t i = 0; i < m->n_tensors; i++)
        free(before[i]);
    free(before);
    fcs_model_free(m);
    fcs_recipe_free(r);
}

static void test_repeats(const char *text, const char *const *names, int n)
{
    fcs_recipe *r = recipe_of(text, NULL);
    fcs_model *a = model_of(r, true), *b = model_of(r, true);
    for (int i = 0; i < 3; i++) {
        step(a, i);
        step(b, i);
    }
    CHECK(a->n_losses == n);
    for (int i = 0; i < n && i < a->n_losses; i++) {
        CHECK(strcmp(a->loss_names[i], names[i]) == 0);
        CHECK(isfinite(a->losses[i]) && a->losses[i] == b->losses[i]);
    }
    CHECK(a->scheme->calibrate(a, &ctx->error) == FCS_OK);
    for (size_t i = 0; i < a->n_tensors; i++) {
        float *x = values_of(a->tensors[i].tensor), *y = values_of(b->tensors[i].tensor);
        size_t bytes = (size_t)fcs_shape_count(a->tensors[i].tensor->shape) * sizeof *x;
        bool frozen = strstr(a->tensors[i].tensor->name, ".frozen.") != NULL;
        CHECK((memcmp(x, y, bytes) == 0) == !frozen);
        free(x);
        free(y);
    }
    fcs_model_free(a);
    fcs_model_free(b);
    fcs_recipe_free(r);
}

/* The parts of the total: weights of the recipe, the kernels' squares. */
static void check_total(const char *assignment, int64_t number, double kl)
{
    fcs_recipe *r = recipe_of(ALONE, assignment);
    fcs_model *m = model_of(r, true);
    double squares = 0;
    step(m, number);
    for (size_t i = 0; i < m->n_tensors; i++) {
        const char *name = m->tensors[i].tensor->name;
        size_t n = strlen(name);
        if (strncmp(name, "encoder.", 8) != 0 || strcmp(name + n - 7, ".weight") != 0)
            continue;
        float *w = values_of(m->tensors[i].tensor);
        for (int64_t k = 0; k < fcs_shape_count(m->tensors[i].tensor->shape); k++)
            squares += (double)w[k] * (double)w[k];
        free(w);
    }
    /* the step's own change of the weights is far below the tolerance */
    CHECK_NEAR(loss_named(m, "loss"),
               loss_named(m, "reconstruction") + kl * loss_named(m, "kl") + 1e-3 * squares, 2e-3);
    CHECK(loss_named(m, "kl") > 0.1);
    fcs_model_free(m);
    fcs_recipe_free(r);
}

/* Warming up, kl has a share of its weight: 100 steps are planned. */
static void test_total(void)
{
    check_total(NULL, 0, 0.5);
    check_total("loss.kl_warmup=0.1", 0, 0);
    check_total("loss.kl_warmup=0.2", 5, 0.5 * 0.25);
    check_total("loss.kl_warmup=0.2", 30, 0.5);
}

/* With weights of zero the encoder's biases are its answer; several images are as one by one; what
 * only generates knows the same tensors and gives the same numbers. */
static void test_coder(void)
{
    static const float mean_bias[3] = {0.5f, -1, 2}, logvar_bias[3] = {-1, 0.25f, 3};
    fcs_recipe *r = recipe_of(ALONE, NULL);
    fcs_model *trained = model_of(r, true), *m = model_of(r, false);
    float images[512], mean[6], logvar[6], one[3], back[512], single[256];
    step(trained, 0);
    CHECK(trained->scheme->calibrate(trained, &ctx->error) == FCS_OK);
    CHECK(fcs_model_latent_count(m) == 3 && m->stride == 0 && m->n_plans == 0);
    for (size_t i = 0; i < m->n_tensors; i++) {
        fcs_tensor *t = m->tensors[i].tensor, *from = fcs_model_tensor_find(trained, t->name);
        CHECK(from && fcs_tensor_copy(t, from) == FCS_OK);
    }
    for (int i = 0; i < 2; i++)
        fcs_dataset_crop(data, 1, 2, (uint64_t)i, images + 256 * i);
    CHECK(fcs_model_encode(m, images, 2, mean, logvar, &ctx->error) == FCS_OK);
    CHECK(fcs_model_encode(trained, images + 256, 1, one, NULL, &ctx->error) == FCS_OK);
    CHECK(memcmp(one, mean + 3, sizeof one) == 0 && memcmp(mean, mean + 3, sizeof one) != 0);
    CHECK(fcs_model_decode(m, mean, 2, back, &ctx->error) == FCS_OK);
    CHECK(fcs_model_decode(m, mean + 3, 1, single, &ctx->error) == FCS_OK);
    CHECK(memcmp(single, back + 256, sizeof single) == 0 && memcmp(back, back + 256, 1024) != 0);
    for (int i = 0; i < 512; i++)
        CHECK(back[i] > 0 && back[i] < 1);
    for (int k = 0; k < 2; k++) {
        char name[64];
        const char *part = k ? "logvar" : "mean";
        snprintf(name, sizeof name, "encoder.moments1.%s.weight", part);
        fcs_tensor *w = fcs_model_tensor_find(m, name);
        float *zero = calloc((size_t)fcs_shape_count(w->shape), sizeof *zero);
        CHECK(fcs_tensor_set(w, zero) == FCS_OK);
        free(zero);
        snprintf(name, sizeof name, "encoder.moments1.%s.bias", part);
        CHECK(fcs_tensor_set(fcs_model_tensor_find(m, name), k ? logvar_bias : mean_bias) ==
              FCS_OK);
    }
    CHECK(fcs_model_encode(m, images, 2, mean, logvar, &ctx->error) == FCS_OK);
    for (int i = 0; i < 6; i++)
        CHECK(mean[i] == mean_bias[i % 3] && logvar[i] == logvar_bias[i % 3]);
    fcs_model_free(trained);
    fcs_model_free(m);
    fcs_recipe_free(r);
}

/* What cannot go together, and a word of the way out. */
static void test_refused(void)
{
    static const char *const alone[][2] = {{"loss.similarity=features", "material-vaegan"},
                                           {"generator.layers.sigmoid1.type=tanh", "mse or l1"},
                                           {"loss.reconstruction=0", "must not be 0"},
                                           {"loss.r1=1", "discriminator"},
                                           {"latent.distribution=uniform", "normal"},
                                           {"encoder.layers.sample1.type=relu", "sample"},
                                           {"encoder.layers.moments1.type=relu", "cells"},
                                           {"train.batch=1", "2 or more"}};
    fcs_recipe *r = recipe_of(ALONE, NULL);
    for (size_t i = 0; i < sizeof alone / sizeof alone[0]; i++) {
        CHECK(fcs_recipe_set(r, alone[i][0]) == FCS_FAILED);
        if (!strstr(fcs_message(ctx), alone[i][1]))
            fprintf(stderr, "%s: %s\n", alone[i][0], fcs_message(ctx));
        CHECK(strstr(fcs_message(ctx), alone[i][1]));
    }
    fcs_recipe_free(r);
    /* channels are found when the nets are built */
    fcs_model *m;
    r = recipe_of(ALONE, "encoder.norm=instance");
    CHECK(fcs_recipe_set(r, "encoder.layers.moments1.type=dense") == FCS_OK &&
          fcs_recipe_set(r, "encoder.layers.moments1.filters=4") == FCS_OK);
    CHECK(fcs_model_new(ctx, r, data, 1, true, &m) == FCS_FAILED && m == NULL);
    CHECK(strstr(fcs_message(ctx), "3x2x1x1x1") && strstr(fcs_message(ctx), "3x3x1x1x1"));
    fcs_recipe_free(r);
}

static void test_variants(void)
{
    static const char *const variants[] = {"loss.gan=hinge",
                                           "loss.gan=least_squares",
                                           "loss.gan=wasserstein",
                                           "loss.gan=wasserstein_gp",
                                           "loss.r1=1",
                                           "loss.feature_matching=1",
                                           "loss.similarity=pixel",
                                           "generator.average=0.9",
                                           "encoder.norm=none",
                                           "generator.spectral=yes",
                                           "encoder.optimizer.type=rmsprop"};
    for (size_t i = 0; i < sizeof variants / sizeof variants[0]; i++) {
        fcs_recipe *r = recipe_of(JUDGED, variants[i]);
        fcs_model *m = model_of(r, true);
        for (int k = 0; m && k < 2; k++)
            step(m, k);
        CHECK(m && m->scheme->calibrate(m, &ctx->error) == FCS_OK);
        fcs_model_free(m);
        fcs_recipe_free(r);
    }
}

/* Nets without normalization have no statistics to measure, and train all the same. */
static void test_no_norm(void)
{
    fcs_model *m;
    fcs_recipe *r = recipe_of(ALONE, "encoder.norm=none");
    CHECK(fcs_recipe_set(r, "generator.norm=none") == FCS_OK);
    m = model_of(r, true);
    CHECK(m && m->n_plans == 1);
    if (m) {
        step(m, 0);
        CHECK(m->scheme->calibrate(m, &ctx->error) == FCS_OK);
    }
    fcs_model_free(m);
    fcs_recipe_free(r);
    CHECK(fcs_recipe_load(ctx, "material-gan", &r) == FCS_OK &&
          fcs_recipe_set(r, "generator.norm=none") == FCS_OK &&
          fcs_recipe_set(r, "generator.width=0.1") == FCS_OK);
    CHECK(fcs_model_new(ctx, r, NULL, 1, true, &m) == FCS_OK);
    CHECK(m && m->scheme->calibrate(m, &ctx->error) == FCS_OK);
    fcs_model_free(m);
    fcs_recipe_free(r);
}

int main(void)
{
    static const char *const alone[][2] = {{"encoder.conv1.weight", "loss"},
                                           {"encoder.moments1.mean.weight", "loss"},
                                           {"encoder.moments1.logvar.bias", "loss"}};
    static const char *const judged[][2] = {{"encoder.conv1.weight", "encoder"},
                                            {"encoder.moments1.logvar.weight", "encoder"},
                                            {"generator.dense1.weight", "generator"},
                                            {"generator.deconv1.weight", "generator"},
                                            {"discriminator.conv1.weight", "discriminator"},
                                            {"discriminator.dense1.weight", "discriminator"}};
    static const char *const few[] = {"loss", "reconstruction", "kl"};
    static const char *const many[] = {
        "discriminator", "generator",      "real_score", "fake_score",
        "encoder",       "reconstruction", "kl"};
    if (fcs_open(&ctx, NULL) != FCS_OK)
        return 1;
    open_data();
    test_slopes(ALONE, alone, 3);
    test_slopes(JUDGED, judged, 6);
    test_repeats(ALONE, few, 3);
    test_repeats(JUDGED, many, 7);
    test_total();
    test_coder();
    test_refused();
    test_variants();
    test_no_norm();
    fcs_dataset_free(data);
    remove(picture);
    fcs_close(ctx);
    return test_end();
}
