/* test_latents.c: reconstruct, interpolate, encode and compare on a small run: nets whose output is
 * known in closed form, and files beside what the library's own parts give. */
#include "metrics/metrics.h"
#include "test.h"
#include "train/run.h"
#include "train/safetensors.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SIDE = 16, LATENT = 5, GAP = 4, PICTURES = 3 };
static fcs_context *ctx;
static char folder[64];

static const char *in_folder(const char *name)
{
    static char path[16][128]; /* of one test */
    static int next;
    next = (next + 1) % 16;
    snprintf(path[next], sizeof path[next], "%s/%s", folder, name);
    return path[next];
}

static void check_ok(fcs_status s)
{
    if (s != FCS_OK)
        fprintf(stderr, "%s\n", fcs_message(ctx));
    CHECK(s == FCS_OK);
}

static int grey_at(int picture, int64_t i)
{
    return (int)((i * 37 + i / 7 * 101 + picture * 53) % 256);
}

static void write_pictures(void)
{
    fcs_image *m = NULL;
    CHECK(mkdir(in_folder("set"), 0700) == 0);
    for (int k = 0; k < PICTURES; k++) {
        char name[32];
        snprintf(name, sizeof name, "set/%c.png", 'a' + k);
        check_ok(fcs_image_new(ctx, SIDE, SIDE, 1, 1, FCS_U8, &m));
        for (int64_t i = 0; m && i < SIDE * SIDE; i++)
            ((uint8_t *)m->data)[i] = (uint8_t)grey_at(k, i);
        check_ok(fcs_image_write(ctx, m, in_folder(name)));
        fcs_image_free(m);
    }
}

/* Trains two steps into the folder `name`. */
static void make_run(const char *name, const char *extra)
{
    static const char *const set[] = {
        "data.size=16",  "latent.channels=5",   "encoder.width=0.25", "generator.width=0.25",
        "train.batch=2", "train.calibration=1", "train.samples=1",    "train.log_every=1"};
    const fcs_data data = {0, in_folder("set")};
    const fcs_train_options two = {.steps = 2};
    fcs_recipe *r = NULL;
    fcs_run *run = NULL;
    check_ok(fcs_recipe_load(ctx, "material-vae-small", &r));
    for (size_t i = 0; i < sizeof set / sizeof *set; i++)
        check_ok(fcs_recipe_set(r, set[i]));
    check_ok(fcs_recipe_set(r, extra));
    check_ok(fcs_run_create(ctx, r, &data, 1, in_folder(name), &run));
    check_ok(fcs_run_train(run, &two));
    fcs_run_close(run);
    fcs_recipe_free(r);
}

static fcs_run *opened(const char *name)
{
    fcs_run *run = NULL;
    check_ok(fcs_run_open(ctx, in_folder(name), 0, &run));
    return run;
}

/* Cell (column, row) of a grid of SIDE x SIDE images. */
static const uint8_t *cell(const fcs_image *grid, int column, int row, int64_t i)
{
    int64_t x = column * (SIDE + GAP) + i % SIDE, y = row * (SIDE + GAP) + i / SIDE;
    return (const uint8_t *)grid->data + y * grid->width + x;
}

static fcs_image *read_back(const char *path)
{
    fcs_image *m = NULL;
    check_ok(fcs_image_read(ctx, path, &m));
    return m;
}

/* ---- closed forms: all weights zero, so that every output is a bias ---- */

static void set_constant(fcs_model *m, const char *name, float first, float step)
{
    float v[64] = {0};
    fcs_tensor *t = fcs_model_tensor_find(m, name);
    CHECK(t != NULL && fcs_shape_count(t->shape) <= 64);
    for (int i = 0; i < 64; i++)
        v[i] = first + step * (float)i;
    if (t)
        check_ok(fcs_tensor_set(t, v));
}

static void make_constant(fcs_model *m)
{
    for (size_t i = 0; i < m->n_tensors; i++) {
        if (m->tensors[i].tensor == m->range)
            continue;
        float *zero = calloc((size_t)fcs_shape_count(m->tensors[i].tensor->shape), sizeof *zero);
        CHECK(zero && fcs_tensor_set(m->tensors[i].tensor, zero) == FCS_OK);
        free(zero);
    }
    set_constant(m, "encoder.moments.mean.bias", 0.25f, 0.5f);
    set_constant(m, "encoder.moments.logvar.bias", -1, 0.125f);
    set_constant(m, "generator.up4.bias", 0.75f, 0);
}

static double constant(void) { return 1 / (1 + exp(-0.75)); } /* of every pixel */

static void test_constant_pairs(fcs_run *run)
{
    const char *const images[] = {in_folder("set")};
    const char *path = in_folder("pairs.png");
    fcs_table *t = NULL;
    check_ok(fcs_reconstruct(run, images, 1, path, &t));
    fcs_image *grid = read_back(path);
    CHECK(t && fcs_table_rows(t) == PICTURES);
    CHECK(grid && grid->width == PICTURES * SIDE + (PICTURES - 1) * GAP &&
          grid->height == 2 * SIDE + GAP);
    for (int k = 0; t && grid && k < PICTURES; k++) {
        double want = 0;
        int wrong = 0;
        for (int64_t i = 0; i < SIDE * SIDE; i++) {
            double d = grey_at(k, i) / 255.0 - constant();
            want += d * d / (SIDE * SIDE);
            wrong += *cell(grid, k, 0, i) != grey_at(k, i);
            wrong += *cell(grid, k, 1, i) != (int)(constant() * 255 + 0.5);
        }
        CHECK(wrong == 0);
        CHECK_NEAR(fcs_table_number(t, k, 1), want, 1e-6);
        char end[16];
        snprintf(end, sizeof end, "/set/%c.png", 'a' + k);
        CHECK(strstr(fcs_table_text(t, k, 0), end) != NULL);
    }
    fcs_image_free(grid);
    fcs_table_free(t);
}

/* Values count as in the run's data, whatever levels an image has: two greys stay these greys. */
static void test_range(fcs_run *run)
{
    const char *const path[] = {in_folder("two.png")}, *const floats[] = {in_folder("floats.tif")};
    fcs_image *m = NULL, *f = NULL;
    fcs_table *t = NULL;
    check_ok(fcs_image_new(ctx, SIDE, SIDE, 1, 1, FCS_U8, &m));
    check_ok(fcs_image_new(ctx, SIDE, SIDE, 1, 1, FCS_F32, &f));
    for (int64_t i = 0; m && f && i < SIDE * SIDE; i++) {
        ((uint8_t *)m->data)[i] = i % 3 ? 100 : 150;
        ((float *)f->data)[i] = (float)i;
    }
    check_ok(fcs_image_write(ctx, m, path[0]));
    check_ok(fcs_image_write(ctx, f, floats[0]));
    check_ok(fcs_reconstruct(run, path, 1, in_folder("pairs.png"), &t));
    fcs_image *grid = read_back(in_folder("pairs.png"));
    int wrong = 0;
    for (int64_t i = 0; grid && i < SIDE * SIDE; i++)
        wrong += *cell(grid, 0, 0, i) != (i % 3 ? 100 : 150);
    CHECK(grid && wrong == 0);
    fcs_table_free(t);
    CHECK(fcs_reconstruct(run, floats, 1, in_folder("pairs.png"), &t) == FCS_FAILED);
    CHECK(strstr(fcs_message(ctx), "holds floats"));
    fcs_image_free(grid);
    fcs_image_free(m);
    fcs_image_free(f);
}

/* A folder, then one image again: names are those of the files, whatever came before. */
static void test_constant_csv(fcs_run *run)
{
    const char *const images[] = {in_folder("set"), in_folder("set/b.png")};
    const char *path = in_folder("latents.csv");
    static const char order[] = "abcb";
    const fcs_encode_options o = {.path = path};
    check_ok(fcs_encode(run, images, 2, &o));
    char *text = fcs_file_read(&ctx->error, path, 1 << 20, NULL), *line = text;
    CHECK(text && strncmp(text, "image,mean_0,mean_1,mean_2,mean_3,mean_4,logvar_0,", 50) == 0);
    for (int row = 0; line && row < 4; row++) {
        line = strchr(line, '\n');
        char *at = line ? strchr(++line, ',') : NULL;
        CHECK(at && strncmp(at - 6, "/", 1) == 0 && at[-5] == order[row]);
        for (int k = 0; at && k < 2 * LATENT; k++) {
            double want = k < LATENT ? 0.25 + 0.5 * k : -1 + 0.125 * (k - LATENT);
            CHECK_NEAR(strtod(at + 1, &at), want, 0);
        }
        CHECK(at && *at == '\n');
    }
    CHECK(line && strchr(line, '\n') && strchr(line, '\n')[1] == 0);
    free(text);
}

static void test_constant_safetensors(fcs_run *run)
{
    const char *const images[] = {in_folder("set")};
    const char *path = in_folder("latents.safetensors");
    const fcs_encode_options o = {.path = path, .sweep = in_folder("sweep.png"), .rows = 2};
    fcs_safetensors *file = NULL;
    float v[PICTURES * LATENT] = {0};
    check_ok(fcs_encode(run, images, 1, &o));
    check_ok(fcs_safetensors_open(&ctx->error, path, &file));
    const fcs_st_tensor *t = file ? fcs_safetensors_find(file, "logvar") : NULL;
    CHECK(t && t->rank == 2 && t->shape[0] == PICTURES && t->shape[1] == LATENT);
    if (t)
        check_ok(fcs_safetensors_read(&ctx->error, file, t, v));
    for (int i = 0; t && i < PICTURES * LATENT; i++)
        CHECK_NEAR(v[i], -1 + 0.125 * (i % LATENT), 0);
    if (file)
        fcs_safetensors_close(file);
    fcs_image *grid = read_back(o.sweep);
    CHECK(grid && grid->width == 7 * SIDE + 6 * GAP && grid->height == 2 * SIDE + GAP);
    fcs_image_free(grid);
}

/* ---- beside the library's own parts ---- */

/* Reconstructions are decode(encode(image)); a strip between two images begins and ends with
 * theirs. */
static void test_forward(fcs_run *run)
{
    fcs_model *m = run->model;
    float image[SIDE * SIDE], latent[LATENT], again[2][SIDE * SIDE];
    const char *const images[] = {in_folder("set")};
    const char *path = in_folder("pairs.png");
    fcs_table *t = NULL;
    check_ok(fcs_reconstruct(run, images, 1, path, &t));
    fcs_image *grid = read_back(path);
    double spread = 0;
    for (int k = 0; k < 2; k++) {
        for (int64_t i = 0; i < SIDE * SIDE; i++)
            image[i] = (float)(grey_at(k, i) / 255.0);
        check_ok(fcs_model_encode(m, image, 1, latent, NULL, &ctx->error));
        check_ok(fcs_model_decode(m, latent, 1, again[k], &ctx->error));
        int worst = 0;
        for (int64_t i = 0; grid && i < SIDE * SIDE; i++) {
            int d = abs(*cell(grid, k, 1, i) - (int)(again[k][i] * 255 + 0.5f));
            worst = d > worst ? d : worst;
            spread = fmax(spread, fabs((double)again[k][i] - (double)again[k][0]));
        }
        CHECK(worst == 0);
    }
    CHECK(spread > 0.01); /* not the constant of before */
    fcs_image_free(grid);
    fcs_table_free(t);
    path = in_folder("strip.png");
    check_ok(fcs_interpolate(run, in_folder("set/a.png"), in_folder("set/b.png"), 4, path));
    grid = read_back(path);
    CHECK(grid && grid->width == 4 * SIDE + 3 * GAP);
    int wrong = 0;
    for (int64_t i = 0; grid && i < SIDE * SIDE; i++)
        wrong += *cell(grid, 0, 0, i) != (int)(again[0][i] * 255 + 0.5f) ||
                 *cell(grid, 3, 0, i) != (int)(again[1][i] * 255 + 0.5f);
    CHECK(grid && wrong == 0);
    fcs_image_free(grid);
}

/* A strip between two seeds begins and ends with what generate makes of them. */
static void test_seeds(fcs_run *run)
{
    const char *path = in_folder("strip.png");
    check_ok(fcs_interpolate(run, "7", "11", 3, path));
    fcs_image *grid = read_back(path);
    for (int end = 0; end < 2; end++) {
        const fcs_generate_options o = {.seed = end ? 11 : 7};
        fcs_image *image = NULL;
        check_ok(fcs_generate_image(run, &o, &image));
        int worst = 0;
        for (int64_t i = 0; image && grid && i < SIDE * SIDE; i++) {
            int d = abs(*cell(grid, 2 * end, 0, i) -
                        (int)(((const float *)image->data)[i] * 255 + 0.5f));
            worst = d > worst ? d : worst;
        }
        CHECK(image && grid && worst <= 1); /* sums in another order, rounded to 8 bits */
        fcs_image_free(image);
    }
    fcs_image_free(grid);
}

static const char *text_of(const fcs_table *t, int row, const char *name)
{
    for (int c = 0; c < fcs_table_columns(t); c++)
        if (strcmp(fcs_table_name(t, c), name) == 0)
            return fcs_table_text(t, row, c);
    return NULL;
}

static double number_of(const fcs_table *t, int row, const char *name)
{
    for (int c = 0; c < fcs_table_columns(t); c++)
        if (strcmp(fcs_table_name(t, c), name) == 0)
            return fcs_table_number(t, row, c);
    return NAN;
}

static int count_of(const char *text, const char *word)
{
    int n = 0;
    for (const char *at = text; at && (at = strstr(at, word)); at++)
        n++;
    return n;
}

/* A row a run and metric, with the numbers that evaluate gives of the same images. */
static void test_compare(void)
{
    /* the last two are compared with the same real images: in one go */
    const char *const runs[] = {in_folder("vae"), in_folder("tiles"), in_folder("tiles")};
    const fcs_compare_options o = {.metrics = "tv_isotropic,variety",
                                   .count = 4,
                                   .seed = 3,
                                   .html = in_folder("compare.html")};
    const fcs_generate_options g = {.seed = 3, .count = 4};
    fcs_table *t = NULL, *own = NULL;
    check_ok(fcs_compare(ctx, runs, 3, &o, &t));
    CHECK(t && fcs_table_rows(t) == 3 * 3); /* raw and thresholded, variety */
    CHECK(mkdir(in_folder("made"), 0700) == 0);
    fcs_run *run = opened("tiles");
    check_ok(fcs_generate(run, &g, in_folder("made/i.png")));
    fcs_run_close(run);
    const char *const made[] = {in_folder("made")};
    const fcs_evaluate_options same = {.metrics = o.metrics, .crops = 64, .seed = 3, .tile = 8};
    check_ok(fcs_evaluate(ctx, in_folder("set"), made, 1, &same, &own));
    for (int r = 0; t && own && r < 3; r++) {
        CHECK(strcmp(text_of(t, r, "run"), runs[0]) == 0 &&
              strcmp(text_of(t, 3 + r, "run"), runs[1]) == 0);
        CHECK(strcmp(text_of(t, 3 + r, "metric"), text_of(own, r, "metric")) == 0);
        CHECK(number_of(t, 3 + r, "steps") == 2);
        CHECK_NEAR(number_of(t, 3 + r, "value"), number_of(own, r, "value"), 0);
        CHECK_NEAR(number_of(t, 3 + r, "real"), number_of(own, r, "real"), 0);
        CHECK(strcmp(text_of(t, 6 + r, "run"), runs[2]) == 0 &&
              strcmp(text_of(t, 6 + r, "metric"), text_of(own, r, "metric")) == 0);
        CHECK_NEAR(number_of(t, 6 + r, "real"), number_of(own, r, "real"), 0);
    }
    fcs_table_free(t);
    fcs_table_free(own);
    char *page = fcs_file_read(&ctx->error, o.html, (size_t)64 << 20, NULL);
    CHECK(page && strstr(page, "3 runs side by side") && strstr(page, "variety"));
    /* both learned from `set`: its crops once, then a row of each run, eight images a row */
    CHECK(count_of(page, "data:image/png") == 4 * 8);
    CHECK(count_of(page, "Real: set") == 1);
    free(page);
}

static void test_refused(void)
{
    fcs_run *run = opened("vae");
    const char *const nothing[] = {in_folder("nothing.png")}, *const good[] = {in_folder("set")};
    fcs_encode_options o = {.path = in_folder("latents.txt")};
    fcs_table *t = NULL;
    CHECK(fcs_reconstruct(run, nothing, 1, in_folder("x.png"), &t) == FCS_FAILED && !t);
    CHECK(strstr(fcs_message(ctx), "nothing.png"));
    CHECK(fcs_encode(run, good, 1, &o) == FCS_FAILED && strstr(fcs_message(ctx), ".safetensors"));
    CHECK(fcs_interpolate(run, "1", "nothing.png", 3, in_folder("x.png")) == FCS_FAILED);
    CHECK(strstr(fcs_message(ctx), "nothing.png"));
    CHECK(access(in_folder("x.png"), F_OK) != 0);
    fcs_run_close(run);
}

int main(void)
{
    const fcs_options options = {.threads = 1};
    check_ok(fcs_open(&ctx, &options));
    snprintf(folder, sizeof folder, "test_latents.XXXXXX");
    CHECK(mkdtemp(folder) != NULL);
    write_pictures();
    make_run("vae", "data.rotate=false");
    make_run("tiles", "data.tile=8");
    fcs_run *run = opened("vae");
    if (run) {
        test_forward(run);
        test_seeds(run);
        make_constant(run->model);
        test_constant_pairs(run);
        test_range(run);
        test_constant_csv(run);
        test_constant_safetensors(run);
    }
    fcs_run_close(run);
    test_compare();
    test_refused();
    fcs_close(ctx);
    char command[100];
    snprintf(command, sizeof command, "rm -r %s", folder);
    CHECK(system(command) == 0);
    return test_end();
}
