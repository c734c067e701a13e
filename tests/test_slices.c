/* test_slices.c: volumes from images: what critics see, training, resuming, generating in tiles,
 * periodic volumes, wanted shares, what is refused. */
#include "models/slices.h"
#include "train/run.h"
#include "train/tiles.h"
#include "test.h"
#include <string.h>
#include <unistd.h>

/* 4 voxels a latent cell, two cells cut: 16 voxels from 6 cells. */
#define RECIPE                                                                                     \
    "name = \"tiny\"; scheme = \"slices\";"                                                        \
    "data = { size = 16; phases = \"auto\"; low = 0.0; high = 1.0; };"                             \
    "latent = { channels = 3; distribution = \"normal\"; };"                                       \
    "generator = { average = 0.9; init = \"scaled\"; init_std = 1.0;"                              \
    "  optimizer = { type = \"adam\"; rate = 5e-3; beta1 = 0.0; beta2 = 0.9; };"                   \
    "  layers = ("                                                                                 \
    "  { type = \"deconv\"; name = \"up1\"; filters = 8; kernel = 4; stride = 2;"                  \
    "    pad = \"explicit\"; pad_lo = 2; pad_hi = 2; bias = false; },"                             \
    "  { type = \"batch_norm\"; }, { type = \"relu\"; },"                                          \
    "  { type = \"condition\"; from = \"relu1,input\"; factor = 2; },"                             \
    "  { type = \"deconv\"; name = \"up2\"; filters = 0; kernel = 4; stride = 2;"                  \
    "    pad = \"explicit\"; pad_lo = 3; pad_hi = 3; bias = false; },"                             \
    "  { type = \"softmax\"; } ); };"                                                              \
    "discriminator = { init = \"scaled\"; init_std = 1.0;"                                         \
    "  optimizer = { type = \"adam\"; rate = 5e-3; beta1 = 0.0; beta2 = 0.9; };"                   \
    "  layers = ("                                                                                 \
    "  { type = \"conv\"; name = \"down1\"; filters = 8; kernel = 4; stride = 2;"                  \
    "    pad = \"explicit\"; pad_lo = 1; pad_hi = 1; bias = false; }, { type = \"relu\"; },"       \
    "  { type = \"conv\"; name = \"down2\"; filters = 1; kernel = 8; stride = 1;"                  \
    "    pad = \"valid\"; bias = false; } ); };"                                                   \
    "loss = { gan = \"wasserstein_gp\"; share = 20.0; };"                                          \
    "train = { batch = 2; critic_steps = 2; calibration = 4; steps = 100; samples = 1; };"

static fcs_context *ctx;
static char picture[64], other[64], notes[4096];

static void on_log(void *user, const char *line)
{
    size_t n = strlen(notes);
    (void)user;
    snprintf(notes + n, sizeof notes - n, "%s\n", line);
}

/* Bands of three grey levels across, or along, the rows: 12.5, 12.5 and 75 % in the first half,
 * 37.5, 12.5 and 50 % in the second. */
static void draw(const char *path, bool rows, int width, int height)
{
    fcs_image *m;
    CHECK(fcs_image_new(ctx, width, height, 1, 1, FCS_U8, &m) == FCS_OK);
    for (int i = 0; i < width * height; i++) {
        int at = (rows ? i / width : i % width) % 8, wide = i % width < 32 ? 0 : 2;
        ((uint8_t *)m->data)[i] = at < 1 + wide ? 10 : at < 2 + wide ? 77 : 200;
    }
    CHECK(fcs_image_write(ctx, m, path) == FCS_OK);
    fcs_image_free(m);
}

static fcs_recipe *recipe_of(const char *const *assignments)
{
    fcs_recipe *r;
    fcs_status s = fcs_recipe_from_text(ctx, RECIPE, NULL, &r);
    for (; s == FCS_OK && assignments && *assignments; assignments++)
        s = fcs_recipe_set(r, *assignments);
    CHECK(s == FCS_OK);
    if (s != FCS_OK)
        fprintf(stderr, "%s\n", fcs_message(ctx));
    return r;
}

static fcs_run *run_of(const char *const *assignments, const char *folder, bool axes)
{
    fcs_recipe *r = recipe_of(assignments);
    fcs_run *run;
    const fcs_data one = {0, picture}, three[3] = {{'x', picture}, {'y', other}, {'z', picture}};
    fcs_status s = fcs_run_create(ctx, r, axes ? three : &one, axes ? 3 : 1, folder, &run);
    CHECK(s == FCS_OK);
    if (s != FCS_OK)
        fprintf(stderr, "%s\n", fcs_message(ctx));
    fcs_recipe_free(r);
    return run;
}

static float *values_of(const fcs_tensor *t)
{
    float *v = malloc((size_t)fcs_shape_count(t->shape) * sizeof *v);
    CHECK(v && fcs_tensor_get(t, v) == FCS_OK);
    return v;
}

/* What makes all axes alike is left out, and saved so, where each has its image. */
static void test_alike(void)
{
    for (int axes = 0; axes < 2; axes++) {
        fcs_run *run = run_of((const char *[]){"loss.isotropy=3", NULL}, NULL, axes);
        CHECK_NEAR(fcs_recipe_number(run->recipe, "loss.isotropy"), axes ? 0 : 3, 0);
        CHECK(fcs_run_one_step(run) == FCS_OK);
        fcs_run_close(run);
    }
}

/* Voxel (x, y, z) is in one section across each axis; the critics must be shown the same value, at
 * the place where images perpendicular to that axis have it. Shares of phases add up to 1. */
static void test_sections(void)
{
    fcs_run *run = run_of(NULL, NULL, false);
    CHECK(run && fcs_run_one_step(run) == FCS_OK);
    fcs_slices *s = run->model->state;
    CHECK(s->sections == 16 && s->reals == 32 && s->n_critics == 1 && s->volumes[1] == 4);
    float *x = values_of(s->fakes[0]), *y = values_of(s->fakes[1]), *z = values_of(s->fakes[2]);
    int differ = 0, sums = 0;
    for (int n = 0; n < 2; n++)
        for (int i = 0; i < 16 * 16 * 16; i++) {
            int at[3] = {i % 16, i / 16 % 16, i / 256}; /* x y z */
            double sum = 0;
            for (int c = 0; c < 3; c++) {
                float vx = x[(((n * 16 + at[0]) * 3 + c) * 16 + at[2]) * 16 + at[1]];
                float vy = y[(((n * 16 + at[1]) * 3 + c) * 16 + at[2]) * 16 + at[0]];
                float vz = z[(((n * 16 + at[2]) * 3 + c) * 16 + at[1]) * 16 + at[0]];
                differ += vx != vy || vy != vz;
                sum += (double)vx;
            }
            sums += !(fabs(sum - 1) < 1e-6);
        }
    CHECK(differ == 0 && sums == 0);
    free(x);
    free(y);
    free(z);
    fcs_run_close(run);
}

/* Few sections: each volume is cut in as many parts, a place in each, anew in each step. */
static void test_positions(void)
{
    notes[0] = 0;
    fcs_run *run = run_of((const char *[]){"train.sections=4", NULL}, NULL, false);
    CHECK(strstr(notes, "8 sections along each axis"));
    fcs_slices *s = run->model->state;
    int moved = 0;
    float *before = NULL;
    for (int step = 0; step < 3; step++) {
        CHECK(fcs_run_one_step(run) == FCS_OK);
        float *at = values_of(s->at[1][FCS_OF_CRITIC_STEP]);
        for (int i = 0; i < 8; i++) {
            CHECK(at[i] >= (float)(i % 4 * 4) && at[i] < (float)(i % 4 * 4 + 4));
            moved += before && before[i] != at[i];
        }
        free(before);
        before = at;
    }
    CHECK(moved > 8);
    free(before);
    fcs_run_close(run);
}

/* The shares, which a loss pulls to the data's, come near them. */
static void test_learns(void)
{
    fcs_run *run = run_of(NULL, NULL, false);
    double first = 0, last = 0;
    const fcs_model *m = run->model;
    static const char *const names[] = {"discriminator", "generator",        "real_score",
                                        "fake_score",    "density_1",        "density_2",
                                        "density_3",     "gradient_penalty", "share"};
    CHECK(m->n_losses == 9);
    for (int i = 0; i < 9 && i < m->n_losses; i++)
        CHECK(strcmp(m->loss_names[i], names[i]) == 0);
    for (int step = 0; step < 40; step++) {
        CHECK(fcs_run_one_step(run) == FCS_OK);
        double sum = m->losses[4] + m->losses[5] + m->losses[6];
        first += step < 5 ? sum / 5 : 0;
        last += step >= 30 ? sum / 10 : 0;
        /* What is minimized is the sum over the phases of what is logged of each. */
        CHECK_NEAR(m->losses[8], sum, 1e-5);
    }
    CHECK(last < first / 2 && last < 0.15);
    fcs_run_close(run);
}

static char *file_of(const char *folder, const char *name, size_t *n)
{
    char path[200];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    char *text = fcs_file_read(&ctx->error, path, 1 << 24, n);
    CHECK(text != NULL);
    return text;
}

static void remove_run(const char *folder)
{
    char command[300];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    CHECK(system(command) == 0);
}

/* Stopped and taken up again, from three images: the same file to the last byte. */
static void test_resume(bool axes)
{
    char whole[80], parts[80];
    size_t n = 0, k = 0;
    snprintf(whole, sizeof whole, "test_slices_%ld_a", (long)getpid());
    snprintf(parts, sizeof parts, "test_slices_%ld_b", (long)getpid());
    static const char *const sets[] = {"latent.density=yes", "train.sections=8", NULL};
    fcs_run *run = run_of(sets, whole, axes);
    CHECK(((fcs_slices *)run->model->state)->n_critics == (axes ? 3 : 1));
    CHECK((fcs_model_tensor_find(run->model, "discriminator_y.down1.weight") != NULL) == axes);
    CHECK(fcs_run_train(run, &(fcs_train_options){.steps = 4}) == FCS_OK);
    fcs_run_close(run);
    run = run_of(sets, parts, axes);
    CHECK(fcs_run_train(run, &(fcs_train_options){.steps = 2}) == FCS_OK);
    fcs_run_close(run);
    CHECK(fcs_run_open(ctx, parts, 1, &run) == FCS_OK);
    CHECK(fcs_run_train(run, &(fcs_train_options){.steps = 4}) == FCS_OK);
    fcs_run_close(run);
    char *a = file_of(whole, "checkpoint.safetensors", &n),
         *b = file_of(parts, "checkpoint.safetensors", &k);
    CHECK(a && b && n == k && memcmp(a, b, n) == 0);
    free(a);
    free(b);
    CHECK(fcs_run_open(ctx, whole, 0, &run) == FCS_OK);
    CHECK(fcs_recipe_number(run->recipe, "data.channels") == 3);
    fcs_run_close(run);
    remove_run(whole);
    remove_run(parts);
}

/* The generator's output for these latent cells as one plan. */
static float *plain(fcs_model *m, const int64_t cells[3], const int64_t period[3])
{
    fcs_graph *g = fcs_graph_new(ctx);
    fcs_node *out;
    fcs_tensor *latent, *result;
    fcs_plan *plan = NULL;
    CHECK(m->scheme->generator(m, g, cells, &out, &latent, &ctx->error) == FCS_OK);
    fcs_box box = {{0}, {1, latent->shape.n[FCS_C], cells[0], cells[1], cells[2]}};
    float *z = malloc((size_t)fcs_shape_count(latent->shape) * sizeof *z);
    fcs_model_latent(m, 5, 0, &box, period, z);
    CHECK(fcs_tensor_set(latent, z) == FCS_OK);
    result = fcs_tensor_new(ctx, "result", out->shape);
    CHECK(fcs_assign(g, result, out) == FCS_OK && fcs_plan_new(g, &plan) == FCS_OK);
    CHECK(fcs_plan_run(plan, 0, 0) == FCS_OK);
    free(z);
    z = values_of(result);
    fcs_plan_free(plan);
    fcs_graph_free(g);
    fcs_tensor_free(latent);
    fcs_tensor_free(result);
    return z;
}

/* Labels of the image against the largest channel of the plain output, of size out[] (D H W). */
static int unlike(const fcs_image *image, const float *plain_values, const int64_t out[3])
{
    static const float level[] = {10, 77, 200};
    int differ = 0;
    const float *v = image->data;
    for (int64_t z = 0; z < image->depth; z++)
        for (int64_t y = 0; y < image->height; y++)
            for (int64_t x = 0; x < image->width; x++, v++) {
                int64_t at = (z * out[1] + y) * out[2] + x, plane = out[0] * out[1] * out[2];
                int best = 0;
                for (int c = 1; c < 3; c++)
                    if (plain_values[c * plane + at] > plain_values[best * plane + at])
                        best = c;
                differ += *v != level[best];
            }
    return differ;
}

/* Tiles equal the whole; a periodic volume is that of a latent whose first two cells come again. */
static void test_tiles(void)
{
    fcs_run *run = run_of(NULL, NULL, false);
    fcs_image *image, *tiled;
    for (int i = 0; i < 3; i++)
        CHECK(fcs_run_one_step(run) == FCS_OK);
    fcs_generate_options o = {
        .width = 40, .height = 32, .depth = 24, .seed = 5, .format = "labels"};
    CHECK(fcs_generate_image(run, &o, &image) == FCS_OK);
    float *whole = plain(run->model, (const int64_t[]){8, 10, 12}, NULL);
    CHECK(image && unlike(image, whole, (const int64_t[]){24, 32, 40}) == 0);
    o.memory = 7 << 18;
    fcs_tiler *tiler;
    const fcs_tiler_options t = {.size = {24, 32, 40}, .memory = o.memory};
    CHECK(fcs_tiler_new(run->model, &t, &ctx->error, &tiler) == FCS_OK);
    CHECK(tiler && fcs_tiler_tiles(tiler) > 1);
    fcs_tiler_free(tiler);
    fcs_status s = fcs_generate_image(run, &o, &tiled);
    if (s != FCS_OK)
        fprintf(stderr, "%s\n", fcs_message(ctx));
    CHECK(s == FCS_OK && tiled &&
          memcmp(tiled->data, image->data, 40 * 32 * 24 * sizeof(float)) == 0);
    fcs_image_free(tiled);
    fcs_image_free(image);
    free(whole);
    o.periodic = 1;
    CHECK(fcs_generate_image(run, &o, &image) == FCS_OK);
    whole = plain(run->model, (const int64_t[]){8, 10, 12}, (const int64_t[]){6, 8, 10});
    CHECK(image && unlike(image, whole, (const int64_t[]){24, 32, 40}) == 0);
    fcs_image_free(image);
    free(whole);
    o.depth = 26;
    CHECK(fcs_generate_image(run, &o, &image) == FCS_FAILED);
    CHECK(strstr(fcs_message(ctx), "24 or 28"));
    fcs_run_close(run);
}

/* A slab of 16 x 1280 x 1280 voxels alone is more than the usual memory. */
static void test_large(void)
{
    fcs_run *run = run_of(NULL, NULL, false);
    fcs_tiler *tiler;
    fcs_tiler_options t = {.size = {64, 1280, 1280}};
    CHECK(fcs_tiler_new(run->model, &t, &ctx->error, &tiler) == FCS_OK);
    CHECK(tiler && fcs_tiler_tiles(tiler) > 1 && 8 * fcs_tiler_slab_floats(tiler) > 512 << 20);
    fcs_tiler_free(tiler);
    t.memory = (size_t)512 << 20;
    CHECK(fcs_tiler_new(run->model, &t, &ctx->error, &tiler) == FCS_FAILED);
    CHECK(strstr(fcs_message(ctx), "512 MiB are allowed: allow more (--memory)"));
    fcs_run_close(run);
}

/* 256^3 voxels of a wide net in the usual memory: few large tiles, though the weights of its second
 * layer take 524 MB as the whole volume's form has them, and though tiles at edges have plans of
 * their own. */
static void test_wide(void)
{
    char path[80];
    fcs_recipe *r;
    fcs_run *run = NULL;
    fcs_tiler *tiler = NULL;
    snprintf(path, sizeof path, "test_slices_%ld_wide.png", (long)getpid());
    draw(path, false, 64, 64);
    CHECK(fcs_recipe_load(ctx, "bench-slicegan", &r) == FCS_OK);
    CHECK(fcs_recipe_set(r, "train.batch=1") == FCS_OK &&
          fcs_recipe_set(r, "train.generator_batch=1") == FCS_OK &&
          fcs_recipe_set(r, "train.real_batch=1") == FCS_OK);
    const fcs_data data = {0, path};
    CHECK(fcs_run_create(ctx, r, &data, 1, NULL, &run) == FCS_OK);
    const fcs_tiler_options t = {.size = {256, 256, 256}, .phases = true};
    CHECK(run && fcs_tiler_new(run->model, &t, &ctx->error, &tiler) == FCS_OK);
    CHECK(tiler && fcs_tiler_tiles(tiler) <= 4);
    CHECK(tiler && fcs_tiler_bytes(tiler) <= (size_t)448 << 20);
    fcs_tiler_free(tiler);
    fcs_run_close(run);
    fcs_recipe_free(r);
    unlink(path);
}

/* The same volume as labels, shades and one file a phase; sizes that are cut are said. */
static void test_formats(void)
{
    fcs_run *run = run_of(NULL, NULL, false);
    fcs_image *labels, *grey, *phases, *file;
    char path[80], phase[100];
    CHECK(fcs_run_one_step(run) == FCS_OK);
    fcs_generate_options o = {.width = 17, .height = 16, .depth = 16, .format = "labels"};
    CHECK(fcs_generate_image(run, &o, &labels) == FCS_OK);
    o.format = NULL;
    CHECK(fcs_generate_image(run, &o, &grey) == FCS_OK);
    o.format = "onehot";
    CHECK(fcs_generate_image(run, &o, &phases) == FCS_OK && phases->channels == 3);
    snprintf(path, sizeof path, "test_slices_%ld.tif", (long)getpid());
    notes[0] = 0;
    CHECK(fcs_generate(run, &o, path) == FCS_OK);
    CHECK(strstr(notes, "17x16x16: sides are made in multiples of 4"));
    const float *l = labels->data, *g = grey->data, *p = phases->data;
    for (int c = 0; c < 3; c++) {
        snprintf(phase, sizeof phase, "test_slices_%ld-phase%d.tif", (long)getpid(), c + 1);
        CHECK(fcs_image_read(ctx, phase, &file) == FCS_OK && file->depth == 16);
        int wrong = 0;
        for (int i = 0; i < 17 * 16 * 16; i++) {
            bool here = l[i] == (c == 0 ? 10 : c == 1 ? 77 : 200);
            wrong += ((uint8_t *)file->data)[i] != (here ? 255 : 0);
            wrong += p[3 * i + c] != (float)here || (here && g[i] != (float)c / 2);
        }
        CHECK(wrong == 0);
        fcs_image_free(file);
        unlink(phase);
    }
    o.format = NULL;
    CHECK(fcs_generate(run, &o, path) == FCS_OK && fcs_image_read(ctx, path, &file) == FCS_OK);
    int wrong = 0;
    for (int i = 0; i < 17 * 16 * 16; i++)
        wrong += ((uint8_t *)file->data)[i] != (uint8_t)l[i];
    CHECK(wrong == 0 && file->sample == FCS_U8);
    unlink(path);
    fcs_image_free(file);
    fcs_image_free(labels);
    fcs_image_free(grey);
    fcs_image_free(phases);
    fcs_run_close(run);
}

static double share_of(fcs_run *run, const double *density)
{
    fcs_image *image;
    fcs_generate_options o = {.width = 32,
                              .height = 32,
                              .depth = 32,
                              .density = density,
                              .n_density = density ? 3 : 0,
                              .format = "onehot"};
    double sum = 0;
    CHECK(fcs_generate_image(run, &o, &image) == FCS_OK);
    for (int i = 0; image && i < 32 * 32 * 32; i++)
        sum += (double)((float *)image->data)[3 * i] / (32 * 32 * 32);
    fcs_image_free(image);
    return sum;
}

/* A generator that is told the shares answers to them. */
static void test_density(void)
{
    fcs_run *run =
        run_of((const char *[]){"latent.density=yes", "loss.share=100", NULL}, NULL, true);
    static const double less[] = {0.125, 0.125, 0.75}, more[] = {0.375, 0.125, 0.5};
    for (int i = 0; i < 60; i++)
        CHECK(fcs_run_one_step(run) == FCS_OK);
    CHECK(share_of(run, more) > share_of(run, less) + 0.15); /* wanted: 0.25 more */
    fcs_image *image, *tiled;
    fcs_generate_options o = {.width = 40,
                              .height = 32,
                              .depth = 24,
                              .seed = 5,
                              .format = "onehot",
                              .density = less,
                              .n_density = 3};
    CHECK(fcs_generate_image(run, &o, &image) == FCS_OK);
    o.memory = 7 << 18;
    CHECK(fcs_generate_image(run, &o, &tiled) == FCS_OK);
    CHECK(image && tiled &&
          memcmp(tiled->data, image->data, (size_t)image->channels * 40 * 32 * 24 * 4) == 0);
    fcs_image_free(image);
    fcs_image_free(tiled);
    o = (fcs_generate_options){.density = less, .n_density = 2};
    CHECK(fcs_generate_image(run, &o, &image) == FCS_FAILED);
    CHECK(strstr(fcs_message(ctx), "2 shares given, the run has 3 phases"));
    o.density = (const double[]){0.5, 0.5, 0.5};
    o.n_density = 3;
    CHECK(fcs_generate_image(run, &o, &image) == FCS_FAILED);
    CHECK(strstr(fcs_message(ctx), "add up to 1.5"));
    fcs_run_close(run);
    run = run_of(NULL, NULL, false);
    CHECK(fcs_generate_image(run, &o, &image) == FCS_FAILED);
    CHECK(strstr(fcs_message(ctx), "was not taught"));
    fcs_run_close(run);
}

static void refuse(const char *assignment, const char *words)
{
    fcs_recipe *r = recipe_of(NULL);
    CHECK(fcs_recipe_set(r, assignment) == FCS_FAILED);
    CHECK(strstr(fcs_message(ctx), words));
    if (!strstr(fcs_message(ctx), words))
        fprintf(stderr, "%s: %s\n", assignment, fcs_message(ctx));
    fcs_recipe_free(r);
}

/* An image of one crop, fewer than the volumes of a step: it trains, and one line says what that
 * means. */
static void test_single(void)
{
    char whole[sizeof picture];
    snprintf(whole, sizeof whole, "%s", picture);
    snprintf(picture, sizeof picture, "test_slices_%ld_one.png", (long)getpid());
    draw(picture, false, 16, 16);
    notes[0] = 0;
    fcs_run *run = run_of(NULL, NULL, false);
    CHECK(run && fcs_run_one_step(run) == FCS_OK);
    CHECK(strstr(notes, "just one crop"));
    fcs_run_close(run);
    unlink(picture);
    snprintf(picture, sizeof picture, "%s", whole);
}

static void test_refused(void)
{
    refuse("generator.layers.up1.kernel=5", "unequal information");
    refuse("generator.layers.up1.pad=same", "unequal information");
    refuse("generator.layers.up2.pad_lo=1", "unequal information");
    refuse("train.sections=17", "16 sections along an axis, not 17");
    refuse("train.real_batch=33", "at most train.batch x train.sections, 32");
    refuse("data.phases=none", "ends in softmax");
    refuse("data.high=2", "phases are 0 or 1");
    refuse("data.depth=16", "must be 1");
    const fcs_data two[2] = {{'x', picture}, {'y', other}};
    fcs_recipe *r = recipe_of(NULL);
    fcs_run *run;
    CHECK(fcs_run_create(ctx, r, two, 2, NULL, &run) == FCS_FAILED);
    CHECK(strstr(fcs_message(ctx), "--data z=PATH"));
    fcs_recipe_free(r);
}

int main(void)
{
    const fcs_options options = {.threads = 1, .log = on_log};
    CHECK(fcs_open(&ctx, &options) == FCS_OK);
    snprintf(picture, sizeof picture, "test_slices_%ld_x.png", (long)getpid());
    snprintf(other, sizeof other, "test_slices_%ld_y.png", (long)getpid());
    draw(picture, false, 64, 48);
    draw(other, true, 64, 48);
    test_sections();
    test_alike();
    test_positions();
    test_learns();
    test_resume(false);
    test_resume(true);
    test_tiles();
    test_large();
    test_wide();
    test_formats();
    test_density();
    test_single();
    test_refused();
    unlink(picture);
    unlink(other);
    fcs_close(ctx);
    return test_end();
}
