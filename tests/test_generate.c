/* test_generate.c: streamed generation: tiles equal the whole bit for bit, periodic images wrap
 * around, a latent cell is felt only inside the receptive field that follows from the layer table
 * by hand. */
#include "ops/tiling.h"
#include "test.h"
#include "train/run.h"
#include "train/tiler.h"
#include <stdint.h>
#include <string.h>
#include <unistd.h>

/* Two transposed convolutions 5x5 stride 2, one dilated by 2 convolution, normalized and not:
 * stride 4, small. */
static const char recipe_text[] =
    "name = \"tiny\"; data = { size = 32; }; latent = { channels = 2; };\n"
    "generator = { layers = ( { type = \"deconv\"; filters = 9; kernel = 5; stride = 2; }, { type "
    "= \"relu\"; },\n"
    "  { type = \"batch_norm\"; }, { type = \"deconv\"; filters = 5; kernel = 5; stride = 2; }, { "
    "type = \"relu\"; },\n"
    "  { type = \"conv\"; filters = 8; kernel = 5; dilation = 2; }, { type = \"relu\"; },\n"
    "  { type = \"conv\"; filters = 1; kernel = 3; }, { type = \"tanh\"; } ); init_std = 0.3; };\n"
    "discriminator = { layers = ( { type = \"conv\"; filters = 8; kernel = 5; stride = 4; }, { "
    "type = \"relu\"; },\n"
    "  { type = \"conv\"; filters = 1; kernel = 3; } ); };\n"
    "train = { batch = 2; steps = 2; calibration = 2; };\n";

/* The same with 16 channels and more, so that its convolutions have tiles of their own: of 3 or 4
 * results, which do not begin with the cells. */
static const char wide_text[] =
    "name = \"wide\"; data = { size = 32; }; latent = { channels = 2; };\n"
    "generator = { layers = ( { type = \"deconv\"; filters = 32; kernel = 5; stride = 2; }, { type "
    "= \"relu\"; },\n"
    "  { type = \"batch_norm\"; }, { type = \"deconv\"; filters = 16; kernel = 5; stride = 2; }, { "
    "type = \"relu\"; },\n"
    "  { type = \"conv\"; filters = 16; kernel = 5; dilation = 3; }, { type = \"relu\"; },\n"
    "  { type = \"conv\"; filters = 1; kernel = 3; }, { type = \"tanh\"; } ); init_std = 0.3; };\n"
    "discriminator = { layers = ( { type = \"conv\"; filters = 8; kernel = 5; stride = 4; }, { "
    "type = \"relu\"; },\n"
    "  { type = \"conv\"; filters = 1; kernel = 3; } ); };\n"
    "train = { batch = 2; steps = 2; calibration = 2; };\n";

/* Output pixel o of a 'same' transposed convolution of size 5 and stride 2 (it crops 1 leading,
 * SYSTEMS.md) takes input i with tap k = o + 1 - 2 i in 0..4. So the cell i reaches o = 2 i - 1 ..
 * 2 i + 3; the inverse holds for ranges too. */
static void through_deconv(int64_t *lo, int64_t *hi)
{
    *lo = 2 * *lo - 1;
    *hi = 2 * *hi + 3;
}

static void test_field(const fcs_run *run, fcs_error *e)
{
    fcs_model *m = run->model;
    fcs_graph *g = fcs_graph_new(m->ctx);
    const int64_t cells[3] = {1, 24, 24};
    fcs_node *out = NULL;
    fcs_tensor *latent = NULL;
    fcs_plan *plan = NULL;
    CHECK(g && m->scheme->generator(m, g, cells, &out, &latent, e) == FCS_OK);
    if (!out)
        return;
    fcs_tensor *image = fcs_tensor_new(m->ctx, "image", out->shape);
    CHECK(image && !fcs_assign(g, image, out) && !fcs_plan_build(g, NULL, &plan));
    static float z[2 * 24 * 24], before[96 * 96], after[96 * 96];
    for (size_t i = 0; i < sizeof z / sizeof *z; i++)
        z[i] = (float)((double)(i * 2654435761u % 1000) / 500.0 - 1);
    CHECK(out->shape.n[FCS_H] == 96 && out->shape.n[FCS_W] == 96);
    static const int64_t at[][2] = {{12, 12}, {0, 0}, {23, 5}, {7, 22}};
    for (size_t k = 0; k < sizeof at / sizeof *at; k++) {
        int64_t inside = 0, outside = 0, lo[2], hi[2];
        fcs_tensor_set(latent, z);
        CHECK(!fcs_plan_run(plan, 0, 0) && !fcs_tensor_get(image, before));
        float *cell = &z[at[k][0] * 24 + at[k][1]], kept = *cell;
        *cell = -3;
        fcs_tensor_set(latent, z);
        CHECK(!fcs_plan_run(plan, 0, 0) && !fcs_tensor_get(image, after));
        *cell = kept;
        for (int a = 0; a < 2; a++) {
            lo[a] = hi[a] = at[k][a];
            through_deconv(&lo[a], &hi[a]);
            through_deconv(&lo[a], &hi[a]);
            lo[a] -= 2 * 2 + 1; /* conv 5 dilation 2, conv 3 */
            hi[a] += 2 * 2 + 1;
        }
        for (int64_t y = 0; y < 96; y++)
            for (int64_t x = 0; x < 96; x++)
                if (before[y * 96 + x] != after[y * 96 + x]) {
                    bool in = y >= lo[0] && y <= hi[0] && x >= lo[1] && x <= hi[1];
                    inside += in;
                    outside += !in;
                }
        CHECK(outside == 0);
        CHECK(inside > (hi[0] - lo[0] + 1 > 96 ? 1 : 50));
    }
    fcs_plan_free(plan);
    fcs_tensor_free(image);
    fcs_tensor_free(latent);
    fcs_graph_free(g);
}

static fcs_image *generate(fcs_run *run, int64_t w, int64_t h, size_t memory, int periodic,
                           int median)
{
    const fcs_generate_options o = {.width = w,
                                    .height = h,
                                    .seed = 5,
                                    .first = 3,
                                    .memory = memory,
                                    .periodic = periodic,
                                    .median = median};
    fcs_image *image = NULL;
    CHECK(fcs_generate_image(run, &o, &image) == FCS_OK);
    if (!image)
        fprintf(stderr, "  %s\n", fcs_message(run->ctx));
    return image;
}

/* The smallest memory that is enough, by trying: many tiles. */
static size_t least_memory(fcs_run *run, int64_t w, int64_t h, int periodic, int median)
{
    size_t memory = 1 << 12;
    for (; memory < (size_t)1 << 30; memory += memory / 2) {
        const fcs_generate_options o = {
            .width = w, .height = h, .memory = memory, .periodic = periodic, .median = median};
        fcs_image *image = NULL;
        fcs_status s = fcs_generate_image(run, &o, &image);
        fcs_image_free(image);
        if (!s)
            return memory;
    }
    return 0;
}

static void test_tiles(fcs_run *run)
{
    static const struct {
        int64_t w, h;
        int periodic, median;
    } cases[] = {{200, 130, 0, 0}, {33, 257, 0, 0}, {160, 96, 1, 0}, {150, 121, 0, 3},
                 {96, 128, 1, 5},  {7, 5, 0, 0},    {1, 1, 0, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t w = cases[i].w, h = cases[i].h;
        size_t small = least_memory(run, w, h, cases[i].periodic, cases[i].median);
        fcs_image *whole = generate(run, w, h, (size_t)1 << 30, cases[i].periodic, cases[i].median);
        fcs_image *tiled = generate(run, w, h, small, cases[i].periodic, cases[i].median);
        CHECK(small > 0 && whole && tiled);
        if (!whole || !tiled)
            continue;
        const fcs_tiler_options o = {.size = {1, h, w},
                                     .periodic = cases[i].periodic,
                                     .halo = cases[i].median / 2,
                                     .memory = small};
        fcs_tiler *t = NULL;
        CHECK(fcs_tiler_new(run->model, &o, &run->ctx->error, &t) == FCS_OK);
        CHECK(t && (w * h < 3000 || fcs_tiler_tiles(t) > 8)); /* or nothing is tested */
        CHECK(t && fcs_tiler_bytes(t) <= small);
        fcs_tiler_free(t);
        CHECK(whole->width == w && whole->height == h);
        CHECK(!memcmp(whole->data, tiled->data, (size_t)(w * h) * sizeof(float)));
        fcs_image_free(whole);
        fcs_image_free(tiled);
    }
}

/* Pixels of all channels that convolutions write for an image; *tiled: some by minimal filtering.
 */
static int64_t written(const fcs_tiler *t, bool *tiled)
{
    int64_t sum = 0;
    for (int64_t i = 0; i < t->tiles; i++) {
        const fcs_plan *p = t->pieces[t->piece_of[i]].plan;
        for (int s = 0; s < p->n_steps; s++) {
            const fcs_apply_args *a = &p->steps[s].args;
            fcs_tiling form[3];
            if (p->steps[s].kind != FCS_STEP_KERNEL || strncmp(a->op->name, "conv", 4) ||
                !strcmp(a->op->name, "concat"))
                continue;
            sum += fcs_shape_count(a->out);
            *tiled = *tiled || fcs_conv_tiling(a, form);
        }
    }
    return sum;
}

/* Images that take many tiles, in one row or not, by plans that several share: the bits of the
 * whole. In a row no convolution writes a pixel twice. */
static void test_forms(fcs_run *run)
{
    static const struct {
        int64_t w, h;
        int periodic, median;
    } cases[] = {{56, 680, 0, 0}, {680, 56, 0, 0}, {60, 600, 1, 5}, {276, 300, 0, 3}};
    int grids = 0, shared = 0;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t w = cases[i].w, h = cases[i].h, once = 0;
        int rows = 0;
        fcs_image *whole = generate(run, w, h, (size_t)1 << 30, cases[i].periodic, cases[i].median);
        for (size_t memory = (size_t)1 << 26; whole && memory > 1 << 12; memory -= memory / 3) {
            const fcs_tiler_options o = {.size = {1, h, w},
                                         .periodic = cases[i].periodic,
                                         .halo = cases[i].median / 2,
                                         .memory = memory};
            fcs_tiler *t = NULL;
            bool tiled = false;
            if (fcs_tiler_new(run->model, &o, &run->ctx->error, &t)) {
                fcs_error_clear(&run->ctx->error);
                break;
            }
            int64_t sum = written(t, &tiled);
            CHECK(tiled && fcs_tiler_bytes(t) <= memory);
            once = once ? once : sum; /* the first is of one tile */
            rows += t->row >= 0 && t->tiles > 2;
            grids += t->row < 0 && t->tiles > 2;
            shared += t->n_pieces < t->tiles;
            /* periodic ones end within a tile of what is thrown away */
            CHECK(t->row < 0 || (cases[i].periodic ? sum <= once + once / 100 : sum == once));
            fcs_tiler_free(t);
            fcs_image *image = generate(run, w, h, memory, cases[i].periodic, cases[i].median);
            CHECK(image && !memcmp(whole->data, image->data, (size_t)(w * h) * sizeof(float)));
            fcs_image_free(image);
        }
        CHECK(rows > 0 || w > h);
        fcs_image_free(whole);
    }
    CHECK(grids > 2 && shared > 2); /* or nothing of that is tested */
}

/* A larger image of the same seed begins with the smaller one, but where the smaller one's far
 * edges are felt. */
static void test_prefix(fcs_run *run)
{
    int64_t margin = 0, same = 0;
    CHECK(fcs_model_margin(run->model, false, &margin, &run->ctx->error) == FCS_OK);
    fcs_image *a = generate(run, 128, 128, 0, 0, 0), *b = generate(run, 64, 64, 0, 0, 0);
    if (!a || !b)
        return;
    const float *big = a->data, *small = b->data;
    int64_t sure = 64 - margin * 4;
    CHECK(sure > 16);
    for (int64_t y = 0; y < sure; y++)
        same += !memcmp(big + y * 128, small + y * 64, (size_t)sure * sizeof(float));
    CHECK(same == sure);
    CHECK(memcmp(big + 63 * 128, small + 63 * 64, 64 * sizeof(float)) != 0);
    fcs_image_free(a);
    fcs_image_free(b);
}

/* The generator on the plane: the periodic image equals the middle of a latent that repeats it, so
 * that putting copies side by side shows no seam. Both rolled by one latent cell: the reference is
 * made of shifted tiles. */
static void test_periodic(fcs_run *run)
{
    const int64_t n = 64;
    fcs_tiler *t = NULL;
    const fcs_tiler_options o = {
        .size = {1, n, n}, .periodic = true, .halo = 8, .memory = (size_t)1 << 30};
    CHECK(fcs_tiler_new(run->model, &o, &run->ctx->error, &t) == FCS_OK);
    if (!t)
        return;
    fcs_slab s;
    fcs_tiler_slab(t, 0, &s);
    CHECK(s.lo[1] == -8 && s.hi[1] == n + 8 && s.lo[2] == -8 && s.hi[2] == n + 8);
    float *slab = calloc((size_t)fcs_tiler_slab_floats(t), sizeof *slab);
    CHECK(slab && !fcs_tiler_run(t, 0, 5, 3, slab, NULL, NULL, &run->ctx->error));
    int64_t wide = n + 16, wrong = 0;
    for (int64_t y = 0; slab && y < wide; y++) /* pixels outside are those a period away */
        for (int64_t x = 0; x < wide; x++) {
            int64_t yy = (y - 8 + n) % n + 8, xx = (x - 8 + n) % n + 8;
            wrong += slab[y * wide + x] != slab[yy * wide + xx];
        }
    CHECK(wrong == 0);
    double seam = 0, inner = 0; /* and the step across the seam is as any other */
    for (int64_t y = 8; slab && y < n + 8; y++) {
        seam += fabs((double)slab[y * wide + n + 7] - (double)slab[y * wide + 8]);
        for (int64_t x = 8; x < n + 7; x++)
            inner +=
                fabs((double)slab[y * wide + x + 1] - (double)slab[y * wide + x]) / (double)(n - 1);
    }
    CHECK(inner > 0 && seam < 2 * inner);
    free(slab);
    fcs_tiler_free(t);
    const fcs_generate_options bad = {.width = 66, .height = 64, .periodic = 1};
    fcs_image *image;
    CHECK(fcs_generate_image(run, &bad, &image) == FCS_FAILED && !image);
    CHECK(strstr(fcs_message(run->ctx), "64 or 68") != NULL);
}

static void test_values(fcs_run *run)
{
    fcs_generate_options o = {.width = 40, .height = 24, .seed = 9};
    fcs_image *grey = NULL, *two = NULL, *other = NULL, *median = NULL;
    CHECK(!fcs_generate_image(run, &o, &grey));
    o.has_threshold = 1;
    o.threshold = 0.5;
    CHECK(!fcs_generate_image(run, &o, &two));
    o.has_threshold = 0;
    o.median = 3;
    CHECK(!fcs_generate_image(run, &o, &median));
    o.median = 0;
    o.seed = 10;
    CHECK(!fcs_generate_image(run, &o, &other));
    if (!grey || !two || !other || !median)
        return;
    const float *g = grey->data, *t = two->data, *d = median->data;
    int64_t ones = 0, wrong = 0;
    for (int64_t i = 0; i < 40 * 24; i++) {
        ones += t[i] == 1;
        wrong += (g[i] > 0.5f ? 1 : 0) != (int)t[i] || g[i] < 0 || g[i] > 1;
    }
    CHECK(wrong == 0 && ones > 0 && ones < 40 * 24);
    for (int64_t y = 0; y < 24; y++) /* the definition: as many of the nine below as above */
        for (int64_t x = 0; x < 40; x++) {
            int below = 0, above = 0;
            for (int64_t k = 0; k < 9; k++) {
                int64_t yy = y + k / 3 - 1, xx = x + k % 3 - 1;
                yy = yy < 0 ? 0 : yy > 23 ? 23 : yy;
                xx = xx < 0 ? 0 : xx > 39 ? 39 : xx;
                below += g[yy * 40 + xx] < d[y * 40 + x];
                above += g[yy * 40 + xx] > d[y * 40 + x];
            }
            wrong += below > 4 || above > 4;
        }
    CHECK(wrong == 0);
    CHECK(memcmp(grey->data, other->data, 40 * 24 * sizeof(float)) != 0);
    fcs_image_free(grey);
    fcs_image_free(two);
    fcs_image_free(other);
    fcs_image_free(median);
}

static bool same_pixels(const fcs_image *a, const fcs_image *b)
{
    return a && b && a->width == b->width && a->height == b->height &&
           !memcmp(a->data, b->data, (size_t)(a->width * a->height) * sizeof(float));
}

/* The next image of the same tiles takes the plans and the memory of the one before; one of others
 * does not, nor one after a training step, which sees the new weights. */
static void test_again(fcs_run *run)
{
    fcs_image *first = generate(run, 64, 40, 0, 0, 0);
    const fcs_tiler *kept = run->generator.tiler;
    fcs_image *again = generate(run, 64, 40, 0, 0, 0);
    CHECK(kept && run->generator.tiler == kept && same_pixels(first, again));
    fcs_image *other = generate(run, 40, 64, 0, 0, 0);
    CHECK(other && other->width == 40 && other->height == 64);
    fcs_image *back = generate(run, 64, 40, 0, 0, 0);
    CHECK(same_pixels(first, back));
    CHECK(!fcs_run_step(run, 0, NULL) && !run->generator.tiler);
    fcs_image *trained = generate(run, 64, 40, 0, 0, 0), *twice = generate(run, 64, 40, 0, 0, 0);
    CHECK(same_pixels(trained, twice) && !same_pixels(first, trained));
    fcs_image *all[] = {first, again, other, back, trained, twice};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        fcs_image_free(all[i]);
}

static void test_refused(fcs_run *run)
{
    static const struct {
        fcs_generate_options o;
        const char *says;
    } cases[] = {{{.width = -1, .height = 4}, "size"},
                 {{.width = 8, .height = 8, .median = 4}, "median"},
                 {{.width = 8, .height = 8, .depth = 8}, "2D"},
                 {{.width = 8, .height = 8, .memory = 1}, "memory"},
                 {{.width = 8, .height = 8, .has_threshold = 1, .threshold = 2}, "threshold"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fcs_image *image;
        CHECK(fcs_generate_image(run, &cases[i].o, &image) == FCS_FAILED && !image);
        CHECK(strstr(fcs_message(run->ctx), cases[i].says) != NULL);
    }
}

static fcs_context *ctx;
static char path[64];

/* A run of the recipe after one step. */
static fcs_run *run_of(const char *text)
{
    fcs_recipe *recipe = NULL;
    fcs_run *run = NULL;
    const fcs_data data = {0, path};
    fcs_status s = fcs_recipe_from_text(ctx, text, "test", &recipe);
    if (!s)
        s = fcs_run_create(ctx, recipe, &data, 1, NULL, &run);
    if (!s)
        s = fcs_run_step(run, 0, NULL);
    if (!s)
        s = fcs_run_calibrate(run);
    fcs_recipe_free(recipe);
    CHECK(s == FCS_OK);
    if (s)
        fprintf(stderr, "%s\n", fcs_message(ctx));
    return run;
}

int main(void)
{
    fcs_image *ti = NULL;
    snprintf(path, sizeof path, "test-generate-%ld.png", (long)getpid());
    const fcs_options one = {.threads = 1}; /* tests run side by side */
    CHECK(!fcs_open(&ctx, &one) && !fcs_synth(ctx, "channels", 64, 64, 1, 1, &ti) &&
          !fcs_image_write(ctx, ti, path));
    fcs_run *run = run_of(recipe_text);
    if (run) {
        test_field(run, &ctx->error);
        test_tiles(run);
        test_prefix(run);
        test_periodic(run);
        test_values(run);
        test_refused(run);
        test_again(run);
    }
    uint64_t before = ctx->allocated;
    fcs_run_close(run);
    CHECK(before > ctx->allocated && ctx->allocated == 0); /* no tensor is left */
    run = run_of(wide_text);
    if (run)
        test_forms(run);
    fcs_run_close(run);
    CHECK(ctx->allocated == 0);
    fcs_image_free(ti);
    fcs_close(ctx);
    unlink(path);
    return test_end();
}
