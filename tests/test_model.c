/* test_model.c: the adversarial scheme: joint and separate steps agree, steps repeat bitwise,
 * failures keep the state, measured statistics and generation. */
#include "facies.h"
#include "cpu/cpu.h"
#include "models/adversarial.h"
#include "models/model.h"
#include "models/training.h"
#include "test.h"
#include <string.h>
#include <unistd.h>

#define RECIPE                                                                                     \
    "data = { size = 32; };\n"                                                                     \
    "latent = { channels = 2; };\n"                                                                \
    "generator = { init_std = 0.1; average = 0.9; optimizer = { type = \"adam\"; rate = 0.001; "   \
    "}; layers = (\n"                                                                              \
    "  { type = \"deconv\"; filters = 6; kernel = 5; stride = 2; }, { type = \"relu\"; }, { type " \
    "= \"batch_norm\"; },\n"                                                                       \
    "  { type = \"deconv\"; filters = 4; kernel = 5; stride = 2; }, { type = \"relu\"; }, { type " \
    "= \"instance_norm\"; },\n"                                                                    \
    "  { type = \"conv\"; filters = 0; kernel = 5; dilation = 2; }, { type = \"tanh\"; } ); };\n"  \
    "discriminator = { init_std = 0.1; optimizer = { type = \"adam\"; rate = 0.001; }; layers = "  \
    "(\n"                                                                                          \
    "  { type = \"noise\"; }, { type = \"conv\"; filters = 5; kernel = 9; stride = 2; }, { type "  \
    "= \"leaky_relu\"; },\n"                                                                       \
    "  { type = \"conv\"; filters = 1; kernel = 5; stride = 2; spectral = true; } ); };\n"         \
    "loss = { weight_decay = 1e-4; r1 = 0.5; penalty_every = 2; share = 0.3; real_label = 0.9; "   \
    "};\n"                                                                                         \
    "train = { steps = 100; batch = 3; calibration = 4; };\n"

static fcs_context *ctx;
static char picture[64];
static fcs_dataset *data;

static void open_data(void)
{
    fcs_image *image;
    const fcs_dataset_options o = {.width = 32, .height = 32, .depth = 1, .low = -1, .high = 1};
    snprintf(picture, sizeof picture, "test_model_%ld.png", (long)getpid());
    CHECK(fcs_synth(ctx, "channels", 160, 128, 1, 7, &image) == FCS_OK);
    CHECK(fcs_image_write(ctx, image, picture) == FCS_OK);
    fcs_image_free(image);
    CHECK(fcs_dataset_open(ctx, picture, &o, &data) == FCS_OK);
}

static fcs_recipe *recipe_of(const char *assignment)
{
    fcs_recipe *r;
    fcs_status s = fcs_recipe_from_text(ctx, RECIPE, NULL, &r);
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

static fcs_status step(fcs_model *m, int64_t n)
{
    fcs_status s = m->scheme->step(m, n, &ctx->error);
    if (s != FCS_OK)
        fprintf(stderr, "%s\n", fcs_message(ctx));
    return s;
}

/* The largest difference of two models' tensors, and how many differ in any bit. */
static double difference(const fcs_model *a, const fcs_model *b, int *differ)
{
    double worst = 0;
    *differ = 0;
    CHECK(a->n_tensors == b->n_tensors);
    for (size_t i = 0; i < a->n_tensors && i < b->n_tensors; i++) {
        const fcs_tensor *x = a->tensors[i].tensor, *y = fcs_model_tensor_find(b, x->name);
        CHECK(y && fcs_shape_equal(x->shape, y->shape));
        if (!y)
            continue;
        size_t n = (size_t)fcs_shape_floats(x->shape);
        *differ += memcmp(fcs_cpu_floats(x), fcs_cpu_floats(y), n * sizeof(float)) != 0;
        for (size_t k = 0; k < n; k++) {
            double d = fabs((double)fcs_cpu_floats(x)[k] - (double)fcs_cpu_floats(y)[k]);
            worst = d <= worst ? worst : d;
        }
    }
    return worst;
}

static void test_repeats(void)
{
    fcs_recipe *r = recipe_of(NULL);
    fcs_model *a = model_of(r, true), *b = model_of(r, true);
    int differ = 0;
    for (int i = 0; i < 3; i++) {
        CHECK(step(a, i) == FCS_OK);
        for (int k = 0; k < a->n_losses; k++)
            CHECK(isfinite(a->losses[k]));
    }
    CHECK(difference(a, b, &differ) > 1e-4);
    for (int i = 0; i < 3; i++)
        CHECK(step(b, i) == FCS_OK);
    difference(a, b, &differ);
    CHECK(differ == 0);
    /* real and fake scores, losses and the image terms are there by name */
    static const char *const names[] = {"discriminator", "generator", "real_score",
                                        "fake_score",    "r1",        "share"};
    CHECK(a->n_losses == 6);
    for (int i = 0; i < 6 && i < a->n_losses; i++)
        CHECK(strcmp(a->loss_names[i], names[i]) == 0);
    fcs_model_free(a);
    fcs_model_free(b);
    fcs_recipe_free(r);
}

/* One plan that trains both nets equals the discriminator's plan and then the generator's on the
 * same random numbers: no gradient passes through the discriminator's training. */
static void test_joint(void)
{
    fcs_recipe *joint = recipe_of("train.reuse_fakes=yes"),
               *apart = recipe_of("train.reuse_fakes=no");
    fcs_model *a = model_of(joint, true), *b = model_of(apart, true);
    fcs_adversarial *in_a = a->state, *in_b = b->state;
    int differ;
    float one = 1;
    CHECK(step(a, 0) == FCS_OK && step(b, 0) == FCS_OK);
    for (size_t i = 0; i < a->n_tensors; i++) { /* the same state for both */
        fcs_tensor *y = fcs_model_tensor_find(b, a->tensors[i].tensor->name);
        memcpy(fcs_cpu_floats(y), fcs_cpu_floats(a->tensors[i].tensor),
               (size_t)fcs_shape_floats(y->shape) * sizeof(float));
    }
    memcpy(fcs_cpu_floats(in_b->real), fcs_cpu_floats(in_a->real),
           (size_t)fcs_shape_floats(in_a->real->shape) * sizeof(float));
    CHECK(difference(a, b, &differ) == 0);
    for (int i = 0; i < 2; i++)
        CHECK(fcs_tensor_set(in_a->factor[i], &one) == FCS_OK &&
              fcs_tensor_set(in_b->factor[i], &one) == FCS_OK);
    CHECK(fcs_plan_run(in_a->plans[FCS_PLAN_D | FCS_PLAN_G | FCS_PLAN_PENALTY], 5, 77) == FCS_OK);
    CHECK(fcs_plan_run(in_b->plans[FCS_PLAN_D | FCS_PLAN_PENALTY], 5, 77) == FCS_OK);
    CHECK(fcs_plan_run(in_b->plans[FCS_PLAN_G], 5, 77) == FCS_OK);
    CHECK_NEAR(difference(a, b, &differ), 0,
               2e-6); /* steps of 1e-3: a wrong gradient changes 1e-4 or more */
    fcs_model_free(a);
    fcs_model_free(b);
    fcs_recipe_free(joint);
    fcs_recipe_free(apart);
}

static void test_not_finite(void)
{
    fcs_recipe *r = recipe_of(NULL);
    fcs_model *a = model_of(r, true), *b = model_of(r, true);
    int differ;
    CHECK(step(a, 0) == FCS_OK && step(b, 0) == FCS_OK);
    CHECK(a->culprit[0] == 0);
    fcs_tensor *w = fcs_model_tensor_find(a, "generator.conv1.weight");
    CHECK(w != NULL);
    float kept = fcs_cpu_floats(w)[0];
    fcs_cpu_floats(w)[0] = NAN;
    CHECK(a->scheme->step(a, 1, &ctx->error) == FCS_FAILED);
    CHECK(strstr(fcs_message(ctx), "step 1") && strstr(fcs_message(ctx), "generator.conv1.weight"));
    CHECK(strcmp(a->culprit, "generator.conv1.weight") == 0);
    fcs_error_clear(&ctx->error);
    fcs_cpu_floats(w)[0] = kept;
    /* all as before, but for the vectors of the power iteration, which go ahead of the step, and
     * the losses, which are the failed step's */
    for (size_t i = 0; i < a->n_tensors; i++) {
        const fcs_tensor *x = a->tensors[i].tensor, *y = fcs_model_tensor_find(b, x->name);
        size_t n = strlen(x->name), bytes = (size_t)fcs_shape_floats(x->shape) * sizeof(float);
        bool vector = !strcmp(x->name + n - 2, ".u") || !strcmp(x->name + n - 2, ".v");
        if (!vector && strncmp(x->name, "held.", 5) != 0)
            CHECK(memcmp(fcs_cpu_floats(x), fcs_cpu_floats(y), bytes) == 0);
    }
    /* a sum that overflows is found as well, by the node where it happens */
    w = fcs_model_tensor_find(a, "discriminator.conv1.weight");
    for (int i = 0; i < 32; i++)
        fcs_cpu_floats(w)[i] = 1e30f;
    CHECK(a->scheme->step(a, 1, &ctx->error) == FCS_FAILED);
    CHECK(a->culprit[0] && strcmp(a->culprit, "discriminator.conv1.weight") != 0);
    fcs_error_clear(&ctx->error);
    difference(a, b, &differ);
    fcs_model_free(a);
    fcs_model_free(b);
    fcs_recipe_free(r);
}

/* Calibration reads training state only, writes *.frozen.* only, and the frozen net is near the
 * measured one. */
static void test_calibrate(void)
{
    fcs_recipe *r = recipe_of(NULL);
    fcs_model *a = model_of(r, true), *b = model_of(r, true);
    int changed = 0;
    CHECK(step(a, 0) == FCS_OK && step(b, 0) == FCS_OK);
    CHECK(a->scheme->calibrate(a, &ctx->error) == FCS_OK);
    for (size_t i = 0; i < a->n_tensors; i++) {
        const fcs_tensor *x = a->tensors[i].tensor, *y = fcs_model_tensor_find(b, x->name);
        bool same = memcmp(fcs_cpu_floats(x), fcs_cpu_floats(y),
                           (size_t)fcs_shape_floats(x->shape) * sizeof(float)) == 0;
        CHECK(same == (strstr(x->name, ".frozen.") == NULL));
        changed += !same;
        if (strstr(x->name, ".variance"))
            CHECK(fcs_cpu_floats(x)[0] > 0 && fcs_cpu_floats(x)[0] != 1);
    }
    CHECK(changed == 4);
    CHECK(step(a, 1) == FCS_OK && step(b, 1) == FCS_OK);
    const fcs_tensor *x = fcs_model_tensor_find(a, "generator.conv1.weight");
    const fcs_tensor *y = fcs_model_tensor_find(b, "generator.conv1.weight");
    CHECK(memcmp(fcs_cpu_floats(x), fcs_cpu_floats(y),
                 (size_t)fcs_shape_floats(x->shape) * sizeof(float)) == 0);
    fcs_model_free(a);
    fcs_model_free(b);
    fcs_recipe_free(r);
}

/* After one step the average is that step's weights; after two, (0.9 w1 + w2) / 1.9. */
static void test_average(void)
{
    fcs_recipe *r = recipe_of(NULL);
    fcs_model *m = model_of(r, true);
    const fcs_tensor *w = fcs_model_tensor_find(m, "generator.deconv1.weight");
    const fcs_tensor *mean = fcs_model_tensor_find(m, "generator.average.deconv1.weight");
    CHECK(w && mean);
    CHECK(step(m, 0) == FCS_OK);
    double first = (double)fcs_cpu_floats(w)[3];
    CHECK_NEAR(fcs_cpu_floats(mean)[3], first, 1e-7);
    CHECK(step(m, 1) == FCS_OK);
    CHECK_NEAR(fcs_cpu_floats(mean)[3], (0.9 * first + (double)fcs_cpu_floats(w)[3]) / 1.9, 1e-7);
    CHECK(fabs((double)fcs_cpu_floats(w)[3] - first) > 1e-5);
    fcs_model_free(m);
    fcs_recipe_free(r);
}

/* How far one step moves a weight: Adam's steps are near the rate. */
static double moved(fcs_model *m, int64_t n)
{
    const fcs_tensor *w = fcs_model_tensor_find(m, "discriminator.conv1.weight");
    double before = (double)fcs_cpu_floats(w)[0];
    CHECK(step(m, n) == FCS_OK);
    return fabs((double)fcs_cpu_floats(w)[0] - before);
}

/* The rate stays up for good by default, and otherwise falls over the planned 100 steps (`steps`,
 * or decay_steps of fewer steps), but never to nothing. */
static void test_rate(bool planned)
{
    fcs_recipe *r = recipe_of(NULL), *falling = recipe_of("discriminator.optimizer.decay_from=0.5");
    CHECK(!planned || (fcs_recipe_set(falling, "train.decay_steps=100") == FCS_OK &&
                       fcs_recipe_set(falling, "train.steps=60") == FCS_OK));
    fcs_model *a = model_of(r, true), *b = model_of(falling, true);
    const float *factor = fcs_cpu_floats(((fcs_adversarial *)b->state)->factor[0]);
    static const struct {
        int64_t step;
        double factor;
    } want[] = {{0, 1}, {50, 1}, {75, 0.5}, {90, 0.2}, {99, 0.02}, {500, 0.02}};
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
        CHECK(moved(b, want[i].step) > 0);
        CHECK_NEAR(*factor, want[i].factor, 1e-6);
        CHECK(fcs_cpu_floats(((fcs_adversarial *)b->state)->factor[1])[0] == 1);
        CHECK(moved(a, want[i].step) > 1e-5);
        CHECK(fcs_cpu_floats(((fcs_adversarial *)a->state)->factor[0])[0] == 1);
    }
    fcs_model_free(a);
    fcs_model_free(b);
    fcs_recipe_free(r);
    fcs_recipe_free(falling);
}

static void test_generator(void)
{
    fcs_recipe *r = recipe_of(NULL);
    fcs_model *trained = model_of(r, true), *m = model_of(r, false);
    CHECK(m->stride == 4 && m->latent_channels == 2 && m->n_plans == 0);
    for (size_t i = 0; i < m->n_tensors; i++) { /* nothing that a training checkpoint has not */
        const fcs_tensor *t = m->tensors[i].tensor,
                         *other = fcs_model_tensor_find(trained, t->name);
        CHECK(other && fcs_shape_equal(t->shape, other->shape));
        CHECK(strncmp(t->name, "generator.average.", 18) == 0 ||
              strncmp(t->name, "generator.frozen.", 17) == 0);
    }
    fcs_graph *g = fcs_graph_new(ctx);
    fcs_node *out;
    fcs_tensor *latent;
    const int64_t cells[3] = {1, 3, 7};
    CHECK(m->scheme->generator(m, g, cells, &out, &latent, &ctx->error) == FCS_OK);
    CHECK(out && fcs_shape_equal(out->shape, fcs_shape_of(1, 1, 1, 12, 28)));
    CHECK(latent && fcs_shape_equal(latent->shape, fcs_shape_of(1, 2, 1, 3, 7)));
    fcs_graph_free(g);
    fcs_tensor_free(latent);
    fcs_model_free(trained);
    fcs_model_free(m);
    fcs_recipe_free(r);
}

/* The latent's numbers belong to positions: a part of a box has the box's numbers, and a period
 * wraps around. */
static void test_latent(void)
{
    fcs_recipe *r = recipe_of(NULL);
    fcs_model *m = model_of(r, false);
    const fcs_box whole = {{0, 0, 0, 0, 0}, {1, 2, 1, 8, 9}},
                  part = {{0, 1, 0, 3, 4}, {1, 2, 1, 5, 7}};
    const fcs_box wide = {{0, 0, 0, 0, 0}, {1, 2, 1, 8, 18}};
    const int64_t period[3] = {0, 0, 9};
    float a[144], b[6], c[288];
    double sum = 0, square = 0;
    fcs_model_latent(m, 3, 5, &whole, NULL, a);
    fcs_model_latent(m, 3, 5, &part, NULL, b);
    for (int y = 0; y < 2; y++)
        for (int x = 0; x < 3; x++)
            CHECK(b[y * 3 + x] == a[72 + (3 + y) * 9 + 4 + x]);
    fcs_model_latent(m, 3, 5, &wide, period, c);
    for (int i = 0; i < 144; i++) {
        CHECK(c[i / 9 * 18 + i % 9] == a[i] && c[i / 9 * 18 + 9 + i % 9] == a[i]);
        CHECK(a[i] >= -1 && a[i] < 1);
        sum += (double)a[i];
        square += (double)a[i] * (double)a[i];
    }
    CHECK_NEAR(sum / 144, 0, 0.2);
    CHECK_NEAR(square / 144, 1.0 / 3, 0.1);
    fcs_model_latent(m, 3, 6, &part, NULL, c);
    CHECK(memcmp(c, b, sizeof b) != 0);
    fcs_model_latent(m, 4, 5, &part, NULL, c);
    CHECK(memcmp(c, b, sizeof b) != 0);
    fcs_model_free(m);
    fcs_recipe_free(r);
}

/* A wave's pair turns by 2 pi stride / period from one cell to the next along its axis, keeps along
 * the others, and has length 1. */
static void check_wave(const float *pair, int64_t cells, int ny, int nx, bool along_y, double turns)
{
    const double angle = 2 * acos(-1.0) * turns;
    for (int y = 0; y < ny; y++)
        for (int x = 0; x < nx; x++) {
            int at = y * nx + x, to = along_y ? at + nx : at + 1;
            double s = (double)pair[at], c = (double)pair[cells + at];
            CHECK_NEAR(s * s + c * c, 1, 1e-6);
            if (along_y ? x + 1 < nx : y + 1 < ny)
                CHECK_NEAR((double)pair[along_y ? at + 1 : at + nx], s, 1e-6);
            if (along_y ? y + 1 == ny : x + 1 == nx)
                continue;
            CHECK_NEAR((double)pair[to], s * cos(angle) + c * sin(angle), 1e-6);
            CHECK_NEAR((double)pair[cells + to], c * cos(angle) - s * sin(angle), 1e-6);
        }
}

/* Waves of 24 pixels along y and 10 along x; a cell has 4. */
static void test_waves(void)
{
    fcs_recipe *r = recipe_of("latent.waves=y24,x10");
    fcs_model *m = model_of(r, true);
    const fcs_box whole = {{0, 0, 0, 0, 0}, {1, 6, 1, 8, 8}},
                  part = {{0, 2, 0, -3, 4}, {1, 6, 1, 5, 7}};
    const int64_t period[3] = {0, 8, 8};
    float a[6 * 64], b[4 * 24], z[3 * 6 * 64];
    CHECK(m->stride == 4 && fcs_model_latent_width(m) == 6);
    fcs_model_latent(m, 3, 5, &whole, NULL, a);
    check_wave(a + 2 * 64, 64, 8, 8, true, 4.0 / 24);
    check_wave(a + 4 * 64, 64, 8, 8, false, 4.0 / 10);
    fcs_model_latent(m, 3, 5, &part, NULL, b);
    check_wave(b, 24, 8, 3, true, 4.0 / 24);
    for (int c = 0; c < 4; c++)
        for (int y = 3; y < 8; y++)
            CHECK(b[c * 24 + y * 3 + 2] == a[(2 + c) * 64 + (y - 3) * 8 + 6]);
    /* 32 pixels hold a whole number of waves where the image wraps around: 1 and 3 */
    fcs_model_latent(m, 3, 5, &whole, period, a);
    check_wave(a + 2 * 64, 64, 8, 8, true, 1.0 / 8);
    check_wave(a + 4 * 64, 64, 8, 8, false, 3.0 / 8);
    fcs_model_latent(m, 3, 6, &whole, period, z);
    CHECK(fabs((double)(z[128] - a[128])) > 1e-3 && fabs((double)(z[256] - a[256])) > 1e-3);

    /* in training: each image of the batch has a phase of its own */
    fcs_graph *g = fcs_graph_new(ctx);
    fcs_node *n = fcs_training_latent(m, g, 3, "latent/train");
    fcs_tensor *t = fcs_tensor_new(ctx, "z", n->shape);
    fcs_plan *plan = NULL;
    CHECK(fcs_assign(g, t, n) == FCS_OK && fcs_plan_new(g, &plan) == FCS_OK);
    CHECK(fcs_plan_run(plan, 1, 2) == FCS_OK && fcs_tensor_get(t, z) == FCS_OK);
    for (int i = 0; i < 3; i++) {
        check_wave(z + (i * 6 + 2) * 64, 64, 8, 8, true, 4.0 / 24);
        check_wave(z + (i * 6 + 4) * 64, 64, 8, 8, false, 4.0 / 10);
    }
    CHECK(fabs((double)(z[128] - z[512])) > 1e-3 && fabs((double)(z[128] - z[896])) > 1e-3);
    fcs_plan_free(plan);
    fcs_graph_free(g);
    fcs_tensor_free(t);
    for (int i = 0; i < 2; i++)
        CHECK(step(m, i) == FCS_OK);
    fcs_model_free(m);
    fcs_recipe_free(r);
}

/* Critic steps, separate fakes, 3D: everything that a recipe may say runs. */
static void test_variants(void)
{
    static const char *const variants[] = {"train.critic_steps=3",
                                           "train.reuse_fakes=no",
                                           "loss.gan=hinge",
                                           "loss.gan=least_squares",
                                           "loss.gradient_penalty=10",
                                           "loss.feature_matching=1",
                                           "discriminator.spectral=yes",
                                           "generator.optimizer.type=adadelta",
                                           "data.depth=8",
                                           "latent.distribution=normal",
                                           "generator.layers.conv1.spectral=yes",
                                           "generator.average=0"};
    for (size_t i = 0; i < sizeof variants / sizeof variants[0]; i++) {
        fcs_recipe *r = recipe_of(variants[i]);
        bool volume = strncmp(variants[i], "data.depth", 10) == 0;
        fcs_model *m = NULL;
        if (!volume) {
            m = model_of(r, true);
            for (int k = 0; m && k < 3; k++)
                CHECK(step(m, k) == FCS_OK);
            CHECK(m && m->scheme->calibrate(m, &ctx->error) == FCS_OK);
        } else {
            CHECK(fcs_model_new(ctx, r, NULL, 1, true, &m) == FCS_OK);
            CHECK(m && fcs_plan_run(((fcs_adversarial *)m->state)->plans[FCS_PLAN_D | FCS_PLAN_G],
                                    1, 1) == FCS_OK);
        }
        fcs_model_free(m);
        fcs_recipe_free(r);
    }
}

int main(void)
{
    if (fcs_open(&ctx, NULL) != FCS_OK)
        return 1;
    open_data();
    test_repeats();
    test_joint();
    test_not_finite();
    test_calibrate();
    test_average();
    test_rate(false);
    test_rate(true);
    test_generator();
    test_latent();
    test_waves();
    test_variants();
    fcs_dataset_free(data);
    remove(picture);
    fcs_close(ctx);
    return test_end();
}
