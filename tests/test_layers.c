/* test_layers.c: every layer's sample case, and each layer against closed forms and sums done by
 * hand. */
#include "facies.h"
#include "layers/layers.h"
#include "recipe/recipe.h"
#include "test.h"
#include <string.h>

static fcs_context *ctx;

/* ---- tensors by name, as a model keeps them ---- */
static fcs_tensor *pool[64];
static int n_pool;

static fcs_tensor *source(void *user, const char *name, fcs_shape shape, fcs_role role, double mean,
                          double std)
{
    (void)user, (void)role;
    for (int i = 0; i < n_pool; i++)
        if (strcmp(pool[i]->name, name) == 0)
            return pool[i];
    size_t n = (size_t)fcs_shape_count(shape);
    float *values = malloc(n * sizeof *values);
    fcs_tensor *t = fcs_tensor_new(ctx, name, shape);
    if (!t || !values)
        exit(1);
    fcs_random_normals(1, 0, fcs_random_stream(name), 0, n, values);
    for (size_t i = 0; i < n; i++)
        values[i] = (float)(mean + std * (double)values[i]);
    fcs_tensor_set(t, values);
    free(values);
    return pool[n_pool++] = t;
}

static void clear(void)
{
    while (n_pool)
        fcs_tensor_free(pool[--n_pool]);
}

/* ---- one net "discriminator" from the text of its layers, on one input ---- */
typedef struct bench {
    fcs_recipe *recipe;
    fcs_net net;
    fcs_graph *g;
    fcs_builder b;
    fcs_tensor *in, *out;
    fcs_node *x, *y;
} bench;

static bool open_bench(bench *t, const char *layers, fcs_shape in, fcs_mode mode, int axes)
{
    char text[1024];
    memset(t, 0, sizeof *t);
    snprintf(text, sizeof text,
             "data = { size = 16; channels = 3; %s };"
             "generator = { layers = ( { type = \"relu\"; } ); };"
             "discriminator = { init_std = 0.5; layers = ( %s ); };",
             axes == 3 ? "depth = 16;" : "", layers);
    if (fcs_recipe_from_text(ctx, text, NULL, &t->recipe) != FCS_OK ||
        fcs_net_read(t->recipe, "discriminator", &t->net, &ctx->error) != FCS_OK)
        return false;
    t->g = fcs_graph_new(ctx);
    t->b = (fcs_builder){.graph = t->g,
                         .error = &ctx->error,
                         .net = &t->net,
                         .mode = mode,
                         .axes = axes,
                         .channels = 3,
                         .latent = 5,
                         .tensor = source};
    t->in = fcs_tensor_new(ctx, "in", in);
    t->x = fcs_read(t->g, t->in);
    t->y = fcs_net_build(&t->b, t->x, NULL);
    return t->y != NULL;
}

static void close_bench(bench *t)
{
    fcs_builder_free(&t->b);
    fcs_graph_free(t->g);
    fcs_net_free(&t->net);
    fcs_recipe_free(t->recipe);
    fcs_tensor_free(t->in);
    fcs_tensor_free(t->out);
}

/* Value of a node for these inputs, logical order; y must hold fcs_shape_count(node's shape). */
static bool value(bench *t, fcs_node *n, const float *x, float *y)
{
    fcs_plan *p = NULL;
    fcs_tensor_free(t->out);
    t->out = fcs_tensor_new(ctx, "out", n->shape);
    t->g->n_assignments = 0;
    fcs_tensor_set(t->in, x);
    bool done = t->out && fcs_assign(t->g, t->out, n) == FCS_OK &&
                fcs_plan_new(t->g, &p) == FCS_OK && fcs_plan_run(p, 11, 3) == FCS_OK &&
                fcs_tensor_get(t->out, y) == FCS_OK;
    fcs_plan_free(p);
    return done;
}

static void say(bool done)
{
    if (!done)
        fprintf(stderr, "%s\n", fcs_message(ctx));
    CHECK(done);
}

/* Runs a net on x. */
static void run(const char *layers, fcs_shape in, fcs_mode mode, const float *x, float *y)
{
    bench t;
    bool done = open_bench(&t, layers, in, mode, in.n[FCS_D] > 1 ? 3 : 2);
    say(done && value(&t, t.y, x, y));
    close_bench(&t);
}

static void set(const char *name, int n, const float *values)
{
    for (int i = 0; i < n_pool; i++)
        if (strcmp(pool[i]->name, name) == 0) {
            CHECK(fcs_shape_count(pool[i]->shape) == n);
            if (fcs_shape_count(pool[i]->shape) == n)
                fcs_tensor_set(pool[i], values);
            return;
        }
    fprintf(stderr, "no tensor %s\n", name);
    CHECK(false);
}

/* ---- every entry's sample: shapes, sizes, finite values, a gradient that reaches the input ----
 */
static void test_sample(const fcs_layer *l, fcs_mode mode)
{
    bench t;
    char layer[256];
    fcs_node *sum, *gx = NULL;
    size_t n = (size_t)fcs_shape_count(l->sample_in), m = (size_t)fcs_shape_count(l->sample_out);
    float *x = malloc(n * sizeof *x), *y = malloc(m * sizeof *y),
          *slope = malloc(n * sizeof *slope);
    snprintf(layer, sizeof layer, "{ type = \"%s\"; %s }", l->name, l->sample);
    bool open = x && y && slope && open_bench(&t, layer, l->sample_in, mode, 2);
    say(open);
    if (!open)
        return;
    CHECK(fcs_shape_equal(t.y->shape, l->sample_out));
    for (int axis = 1; axis < 3; axis++)
        CHECK(fcs_net_size(&t.net, axis, l->sample_in.n[FCS_D + axis], NULL) ==
              l->sample_out.n[FCS_D + axis]);
    fcs_random_normals(2, 0, 9, 0, n, x);
    say(value(&t, t.y, x, y));
    int zeros = 0;
    for (size_t i = 0; i < m; i++) {
        CHECK(isfinite(y[i]));
        zeros += y[i] == 0;
    }
    CHECK(zeros < (int)m * 3 / 4);
    sum = fcs_sum(fcs_unary("square", t.y), "ncdhw");
    say(fcs_grad(t.g, 1, &sum, NULL, 1, &t.x, &gx) == FCS_OK && value(&t, gx, x, slope));
    zeros = 0;
    for (size_t i = 0; i < n; i++)
        zeros += slope[i] == 0;
    CHECK(zeros < (int)n * 3 / 4);
    close_bench(&t);
    clear();
    free(x);
    free(y);
    free(slope);
}

/* ---- padding: a kernel with a single 1 moves the image by a known distance ---- */
static void test_conv(void)
{
    float x[64], w[81] = {0}, y[64];
    const float bias[1] = {10};
    for (int i = 0; i < 64; i++)
        x[i] = (float)(i + 1);
    /* SYSTEMS.md: conv k9 s2 pads 3 leading, 4 trailing: tap 3 sees pixel 2 o */
    const char *layer = "{ type = \"conv\"; filters = 1; kernel = 9; stride = 2; }";
    run(layer, fcs_shape_of(1, 1, 1, 8, 8), FCS_TRAIN, x, y);
    w[3 * 9 + 3] = 1;
    set("discriminator.conv1.weight", 81, w);
    set("discriminator.conv1.bias", 1, bias);
    run(layer, fcs_shape_of(1, 1, 1, 8, 8), FCS_TRAIN, x, y);
    for (int i = 0; i < 16; i++)
        CHECK(y[i] == x[i / 4 * 16 + i % 4 * 2] + 10);
    clear();
    /* deconv k5 s2 cuts 1 leading, 2 trailing: tap 1 writes pixel 2 o */
    layer = "{ type = \"deconv\"; filters = 1; kernel = 5; stride = 2; bias = false; }";
    float v[25] = {0}, z[256];
    run(layer, fcs_shape_of(1, 1, 1, 8, 8), FCS_TRAIN, x, z);
    v[1 * 5 + 1] = 1;
    set("discriminator.deconv1.weight", 25, v);
    run(layer, fcs_shape_of(1, 1, 1, 8, 8), FCS_TRAIN, x, z);
    for (int i = 0; i < 256; i++)
        CHECK(z[i] == (i / 16 % 2 || i % 2 ? 0 : x[i / 32 * 8 + i % 16 / 2]));
    clear();
    /* dilation 2, 3x3, explicit zeros of 4 before and none behind: the last tap sees the pixel
     * itself */
    layer = "{ type = \"conv\"; filters = 1; kernel = 3; dilation = 2; pad = \"explicit\"; pad_lo "
            "= 4; bias = false; }";
    run(layer, fcs_shape_of(1, 1, 1, 8, 8), FCS_TRAIN, x, y);
    const float last[9] = {0, 0, 0, 0, 0, 0, 0, 0, 1}, centre[9] = {0, 0, 0, 0, 1, 0, 0, 0, 0};
    set("discriminator.conv1.weight", 9, last);
    run(layer, fcs_shape_of(1, 1, 1, 8, 8), FCS_TRAIN, x, y);
    for (int i = 0; i < 64; i++)
        CHECK(y[i] == x[i]);
    set("discriminator.conv1.weight", 9, centre);
    run(layer, fcs_shape_of(1, 1, 1, 8, 8), FCS_TRAIN, x, y);
    for (int i = 0; i < 64; i++)
        CHECK(y[i] == (i / 8 < 2 || i % 8 < 2 ? 0 : x[i - 18]));
    clear();
    /* 3D: 'same' 3x1x1 kernel with its first tap: the slice before */
    layer = "{ type = \"conv\"; filters = 1; kernel = [3, 1, 1]; bias = false; }";
    const float before[3] = {1, 0, 0};
    run(layer, fcs_shape_of(1, 1, 4, 4, 4), FCS_TRAIN, x, y);
    set("discriminator.conv1.weight", 3, before);
    run(layer, fcs_shape_of(1, 1, 4, 4, 4), FCS_TRAIN, x, y);
    for (int i = 0; i < 64; i++)
        CHECK(y[i] == (i < 16 ? 0 : x[i - 16]));
    clear();
}

/* Sizes by hand: SliceGAN's deconvs (4^3, stride 2, padding 2,2,2,2,3) make 64 of 4; conv4 s2 p1
 * halves. */
static void test_sizes(void)
{
    bench t;
    const char *slice = "{ type = \"deconv\"; kernel = 4; stride = 2; pad = \"explicit\"; pad_lo = "
                        "2; pad_hi = 2; filters = 1; },"
                        "{ type = \"deconv\"; kernel = 4; stride = 2; pad = \"explicit\"; pad_lo = "
                        "2; pad_hi = 2; filters = 1; },"
                        "{ type = \"deconv\"; kernel = 4; stride = 2; pad = \"explicit\"; pad_lo = "
                        "2; pad_hi = 2; filters = 1; },"
                        "{ type = \"deconv\"; kernel = 4; stride = 2; pad = \"explicit\"; pad_lo = "
                        "2; pad_hi = 2; filters = 1; },"
                        "{ type = \"deconv\"; kernel = 4; stride = 2; pad = \"explicit\"; pad_lo = "
                        "3; pad_hi = 3; filters = 1; }";
    say(open_bench(&t, slice, fcs_shape_of(1, 1, 1, 4, 5), FCS_TRAIN, 2));
    CHECK(t.y && fcs_shape_equal(t.y->shape, fcs_shape_of(1, 1, 1, 64, 96)));
    CHECK(fcs_net_size(&t.net, 1, 4, NULL) == 64 && fcs_net_size(&t.net, 2, 5, NULL) == 96);
    close_bench(&t);
    say(open_bench(
        &t,
        "{ type = \"conv\"; kernel = 4; stride = 2; pad = \"explicit\"; pad_lo = 1; pad_hi = 1; },"
        "{ type = \"conv\"; kernel = 3; pad = \"valid\"; }",
        fcs_shape_of(1, 1, 1, 64, 16), FCS_TRAIN, 2));
    CHECK(t.y && fcs_shape_equal(t.y->shape, fcs_shape_of(1, 3, 1, 30, 6)));
    close_bench(&t);
    clear();
}

/* ---- normalization against sums in double ---- */
static void test_norms(void)
{
    enum { N = 3, C = 2, P = 6 };
    float x[N * C * P], y[N * C * P], f[N * C * P];
    const float gamma[C] = {2, -0.5f}, beta[C] = {0.25f, 3}, mean[C] = {0.5f, -1},
                variance[C] = {4, 0.25f};
    static const char *const layers[2] = {"{ type = \"batch_norm\"; eps = 0.01; }",
                                          "{ type = \"instance_norm\"; eps = 0.01; }"};
    static const char *const names[2] = {"batch_norm1", "instance_norm1"};
    fcs_random_normals(5, 0, 1, 0, N * C * P, x);
    for (int kind = 0; kind < 2; kind++) {
        char name[80];
        run(layers[kind], fcs_shape_of(N, C, 1, 2, 3), FCS_TRAIN, x, y);
        run(layers[kind], fcs_shape_of(N, C, 1, 2, 3), FCS_FROZEN, x, f);
        snprintf(name, sizeof name, "discriminator.%s.gamma", names[kind]);
        set(name, C, gamma);
        snprintf(name, sizeof name, "discriminator.%s.beta", names[kind]);
        set(name, C, beta);
        snprintf(name, sizeof name, "discriminator.frozen.%s.mean", names[kind]);
        set(name, C, mean);
        snprintf(name, sizeof name, "discriminator.frozen.%s.variance", names[kind]);
        set(name, C, variance);
        run(layers[kind], fcs_shape_of(N, C, 1, 2, 3), FCS_TRAIN, x, y);
        run(layers[kind], fcs_shape_of(N, C, 1, 2, 3), FCS_FROZEN, x, f);
        for (int i = 0; i < N * C * P; i++) {
            int n = i / (C * P), c = i / P % C, from = kind ? n : 0, to = kind ? n + 1 : N;
            double m = 0, v = 0, count = (to - from) * P;
            for (int k = from; k < to; k++)
                for (int p = 0; p < P; p++)
                    m += (double)x[(k * C + c) * P + p] / count;
            for (int k = from; k < to; k++)
                for (int p = 0; p < P; p++)
                    v += pow((double)x[(k * C + c) * P + p] - m, 2) / count;
            CHECK_NEAR(y[i],
                       ((double)x[i] - m) / sqrt(v + 0.01) * (double)gamma[c] + (double)beta[c],
                       5e-6);
            CHECK_NEAR(f[i],
                       ((double)x[i] - (double)mean[c]) / sqrt((double)variance[c] + 0.01) *
                               (double)gamma[c] +
                           (double)beta[c],
                       5e-6);
        }
        clear();
    }
}

static void test_measured(void)
{
    bench t;
    float x[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, v[1];
    say(open_bench(
        &t,
        "{ type = \"batch_norm\"; affine = false; }, { type = \"instance_norm\"; affine = false; }",
        fcs_shape_of(2, 1, 1, 2, 3), FCS_MEASURE, 2));
    CHECK(t.b.n_statistics == 2 && t.b.n_parameters == 0);
    if (t.b.n_statistics == 2) {
        CHECK(t.b.statistics[0].of_batch && !t.b.statistics[1].of_batch);
        say(value(&t, t.b.statistics[0].mean, x, v));
        CHECK_NEAR(v[0], 6.5, 1e-6);
        say(value(&t, t.b.statistics[0].variance, x, v));
        CHECK_NEAR(v[0], 143.0 / 12, 1e-5); /* (n^2 - 1) / 12 */
        say(value(&t, t.b.statistics[1].variance, x, v));
        CHECK_NEAR(v[0], (35.0 / 12) / (143.0 / 12 + 1e-5),
                   1e-6); /* each image: six numbers in a row */
    }
    close_bench(&t);
    clear();
}

/* ---- spectral norm: matrices with known singular values ---- */
static void test_spectral(void)
{
    bench t;
    const float x[2] = {1, 0}, w[4] = {3, 0, 4, 5}; /* singular values sqrt(45), sqrt(5) */
    float y[2];
    fcs_plan *p = NULL;
    say(open_bench(&t, "{ type = \"dense\"; filters = 2; bias = false; spectral = true; }",
                   fcs_shape_of(1, 2, 1, 1, 1), FCS_TRAIN, 2));
    set("discriminator.dense1.weight", 4, w);
    CHECK(t.b.n_spectral == 1);
    say(fcs_net_iterate(&t.b) == FCS_OK && fcs_plan_new(t.g, &p) == FCS_OK);
    for (int i = 0; i < 40 && p; i++)
        CHECK(fcs_plan_run(p, 1, 1) == FCS_OK);
    fcs_plan_free(p);
    say(value(&t, t.y, x, y));
    CHECK_NEAR(y[0], 3 / sqrt(45), 1e-6);
    CHECK_NEAR(y[1], 4 / sqrt(45), 1e-6);
    close_bench(&t);
    /* a convolution whose kernel as 2 x 4 matrix has rows (2 0 0 0) and (0 0 1 0): largest singular
     * value 2 */
    const float kernel[8] = {2, 0, 0, 0, 0, 0, 1, 0}, pixels[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    float z[8];
    say(open_bench(&t,
                   "{ type = \"conv\"; filters = 2; kernel = 2; pad = \"valid\"; bias = false; "
                   "spectral = true; }",
                   fcs_shape_of(1, 1, 1, 3, 3), FCS_TRAIN, 2));
    set("discriminator.conv1.weight", 8, kernel);
    say(fcs_net_iterate(&t.b) == FCS_OK && fcs_plan_new(t.g, &p) == FCS_OK);
    for (int i = 0; i < 40 && p; i++)
        CHECK(fcs_plan_run(p, 1, 1) == FCS_OK);
    fcs_plan_free(p);
    say(value(&t, t.y, pixels, z));
    const float want[8] = {1, 2, 4, 5, 2, 2.5f, 3.5f, 4};
    for (int i = 0; i < 8; i++)
        CHECK_NEAR(z[i], want[i], 1e-6);
    close_bench(&t);
    clear();
}

/* ---- the rest ---- */
static void test_simple(void)
{
    const float x[6] = {-2, -1, -0.5f, 0.5f, 1, 2};
    const fcs_shape s = fcs_shape_of(1, 3, 1, 1, 2);
    float y[12];
    run("{ type = \"relu\"; }", s, FCS_TRAIN, x, y);
    for (int i = 0; i < 6; i++)
        CHECK(y[i] == (x[i] > 0 ? x[i] : 0));
    run("{ type = \"leaky_relu\"; slope = 0.25; }", s, FCS_TRAIN, x, y);
    for (int i = 0; i < 6; i++)
        CHECK(y[i] == (x[i] > 0 ? x[i] : x[i] * 0.25f));
    run("{ type = \"tanh\"; }", s, FCS_TRAIN, x, y);
    for (int i = 0; i < 6; i++)
        CHECK_NEAR(y[i], tanh((double)x[i]), 1e-6);
    run("{ type = \"sigmoid\"; }", s, FCS_TRAIN, x, y);
    for (int i = 0; i < 6; i++)
        CHECK_NEAR(y[i], 1 / (1 + exp(-(double)x[i])), 1e-6);
    run("{ type = \"upsample\"; factor = [1, 2]; }", s, FCS_TRAIN, x, y);
    for (int i = 0; i < 12; i++)
        CHECK(y[i] == x[i / 2]);
    run("{ type = \"relu\"; name = \"a\"; }, { type = \"add\"; from = \"input,a\"; }", s, FCS_TRAIN,
        x, y);
    for (int i = 0; i < 6; i++)
        CHECK(y[i] == (x[i] > 0 ? 2 * x[i] : x[i]));
    run("{ type = \"relu\"; name = \"a\"; }, { type = \"concat\"; from = \"input, a\"; }", s,
        FCS_TRAIN, x, y);
    for (int i = 0; i < 6; i++)
        CHECK(y[i] == x[i] && y[6 + i] == (x[i] > 0 ? x[i] : 0));
}

static void test_dense(void)
{
    const float x[4] = {1, 2, 3, 4}, w[12] = {1, 0, 0, 0, 0, 1, 0, 1, 1, 1, 1, 1},
                b[3] = {10, 20, 30};
    const char *layer = "{ type = \"dense\"; filters = 3; }";
    float y[3];
    run(layer, fcs_shape_of(1, 2, 1, 1, 2), FCS_TRAIN, x, y);
    set("discriminator.dense1.weight", 12, w);
    set("discriminator.dense1.bias", 3, b);
    run(layer, fcs_shape_of(1, 2, 1, 1, 2), FCS_TRAIN, x, y);
    CHECK(y[0] == 11 && y[1] == 26 && y[2] == 40);
    clear();
}

static void test_noise(void)
{
    enum { N = 4096 };
    static float x[N], y[N];
    double sum = 0, square = 0;
    run("{ type = \"noise\"; std = 0.5; }", fcs_shape_of(1, 1, 1, 64, 64), FCS_TRAIN, x, y);
    for (int i = 0; i < N; i++) {
        sum += (double)y[i];
        square += (double)y[i] * (double)y[i];
    }
    CHECK_NEAR(sum / N, 0, 0.5 * 4 / 64);
    CHECK_NEAR(sqrt(square / N), 0.5, 0.03);
    run("{ type = \"noise\"; std = 0.5; }", fcs_shape_of(1, 1, 1, 64, 64), FCS_FROZEN, x, y);
    for (int i = 0; i < N; i++)
        CHECK(y[i] == 0);
    /* two passes of one net draw different numbers */
    bench t;
    say(open_bench(&t, "{ type = \"noise\"; std = 0.5; }", fcs_shape_of(1, 1, 1, 64, 64), FCS_TRAIN,
                   2));
    fcs_node *other = fcs_net_build(&t.b, t.x, "other");
    say(other && value(&t, fcs_sub(t.y, other), x, y));
    square = 0;
    for (int i = 0; i < N; i++)
        square += (double)y[i] * (double)y[i];
    CHECK_NEAR(sqrt(square / N), 0.5 * sqrt(2), 0.04);
    close_bench(&t);
}

/* Kept values are 1 / (1 - rate) times as large, so that the mean stays; maps go as a whole. */
static void test_dropout(void)
{
    enum { MAPS = 500, P = 16, N = MAPS * P };
    static float x[N], y[N];
    for (int i = 0; i < N; i++)
        x[i] = 3;
    for (int maps = 0; maps < 2; maps++) {
        int kept = 0, mixed = 0;
        run(maps ? "{ type = \"dropout\"; rate = 0.25; maps = true; }"
                 : "{ type = \"dropout\"; rate = 0.25; }",
            fcs_shape_of(1, MAPS, 1, 4, 4), FCS_TRAIN, x, y);
        for (int i = 0; i < N; i++) {
            CHECK(y[i] == 0 || fabs((double)y[i] - 4) < 1e-6);
            kept += y[i] != 0;
            mixed += y[i] != y[i / P * P];
        }
        CHECK_NEAR((double)kept / N, 0.75, maps ? 4 * sqrt(0.1875 / MAPS) : 4 * sqrt(0.1875 / N));
        CHECK(maps ? mixed == 0 : mixed > MAPS);
    }
    run("{ type = \"dropout\"; rate = 0.25; }", fcs_shape_of(1, MAPS, 1, 4, 4), FCS_FROZEN, x, y);
    for (int i = 0; i < N; i++)
        CHECK(y[i] == 3);
}

/* A net's norm, norm_affine and spectral are what its layers do. */
static void test_net_settings(void)
{
    static const char *const norms[] = {"batch", "instance", "none"};
    static const char *const same[] = {"{ type = \"batch_norm\"; gamma_std = 0.0; }",
                                       "{ type = \"instance_norm\"; gamma_std = 0.0; }", NULL};
    const fcs_shape s = fcs_shape_of(3, 2, 1, 2, 3);
    float x[36], y[36], want[36];
    fcs_random_normals(5, 0, 1, 0, 36, x);
    for (int k = 0; k < 3; k++) {
        bench t;
        char setting[64];
        memcpy(want, x, sizeof x);
        if (same[k])
            run(same[k], s, FCS_TRAIN, x, want);
        clear();
        say(open_bench(&t, "{ type = \"norm\"; gamma_std = 0.0; }", s, FCS_TRAIN, 2));
        snprintf(setting, sizeof setting, "discriminator.norm=%s", norms[k]);
        for (int fixed = 0; fixed < 2; fixed++) {
            say(fcs_recipe_set(t.recipe, setting) == FCS_OK &&
                fcs_recipe_set(t.recipe, fixed ? "discriminator.norm_affine=fixed"
                                               : "discriminator.norm_affine=trained") == FCS_OK);
            fcs_net_free(&t.net);
            fcs_builder_free(&t.b);
            say(fcs_net_read(t.recipe, "discriminator", &t.net, &ctx->error) == FCS_OK);
            say(value(&t, fcs_net_build(&t.b, t.x, "again"), x, y));
            CHECK(t.b.n_parameters == (fixed || k == 2 ? 0 : 2));
            CHECK(fcs_net_of_batch(&t.net) == (k == 0 ? 0 : -1));
            for (int i = 0; i < 36; i++)
                CHECK(y[i] == want[i]);
        }
        close_bench(&t);
        clear();
    }
    bench t;
    say(open_bench(&t, "{ type = \"conv\"; filters = 2; }, { type = \"dense\"; }", s, FCS_TRAIN,
                   2));
    CHECK(t.b.n_spectral == 0);
    say(fcs_recipe_set(t.recipe, "discriminator.spectral=yes") == FCS_OK);
    fcs_net_free(&t.net);
    say(fcs_net_read(t.recipe, "discriminator", &t.net, &ctx->error) == FCS_OK &&
        fcs_net_build(&t.b, t.x, "again"));
    CHECK(t.b.n_spectral == 2);
    close_bench(&t);
    clear();
}

/* Kernels start with the deviation gain / sqrt(inputs): conv 3 * 25, deconv 3 * 16 / 4, dense 3
 * * 64. */
static void test_init(void)
{
    static const struct {
        const char *layer, *tensor;
        double inputs;
    } cases[] = {
        {"{ type = \"conv\"; filters = 64; kernel = 5; }", "discriminator.conv1.weight", 75},
        {"{ type = \"deconv\"; filters = 64; kernel = 4; stride = 2; }",
         "discriminator.deconv1.weight", 12},
        {"{ type = \"dense\"; filters = 64; }", "discriminator.dense1.weight", 192}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bench t;
        double square = 0;
        say(open_bench(&t, cases[i].layer, fcs_shape_of(1, 3, 1, 8, 8), FCS_TRAIN, 2));
        clear(); /* and a new graph: nodes know tensors by their addresses */
        say(fcs_recipe_set(t.recipe, "discriminator.init=scaled") == FCS_OK);
        fcs_net_free(&t.net);
        fcs_builder_free(&t.b);
        fcs_graph_free(t.g);
        t.b.graph = t.g = fcs_graph_new(ctx);
        t.x = fcs_read(t.g, t.in);
        say(fcs_net_read(t.recipe, "discriminator", &t.net, &ctx->error) == FCS_OK &&
            fcs_net_build(&t.b, t.x, "again"));
        int n = (int)fcs_shape_count(pool[0]->shape);
        float *w = malloc((size_t)n * sizeof *w);
        CHECK(strcmp(pool[0]->name, cases[i].tensor) == 0 && w &&
              fcs_tensor_get(pool[0], w) == FCS_OK);
        for (int k = 0; w && k < n; k++)
            square += (double)w[k] * (double)w[k];
        CHECK_NEAR(sqrt(square / n) * sqrt(cases[i].inputs) / 0.5, 1, 4 / sqrt(2.0 * n));
        free(w);
        close_bench(&t);
        clear();
    }
}

/* Draws have the mean and deviation that the moments say; generation takes the mean. */
static void test_sample_layer(void)
{
    enum { N = 4000 };
    static float x[2 * N], y[N];
    double sum = 0, square = 0;
    for (int i = 0; i < N; i++) {
        x[2 * i] = 1.5f;
        x[2 * i + 1] = -1; /* deviation exp(-1/2) */
    }
    run("{ type = \"sample\"; }", fcs_shape_of(N, 2, 1, 1, 1), FCS_TRAIN, x, y);
    for (int i = 0; i < N; i++) {
        sum += (double)y[i] / N;
        square += ((double)y[i] - 1.5) * ((double)y[i] - 1.5) / N;
    }
    CHECK_NEAR(sum, 1.5, 4 * exp(-0.5) / sqrt(N));
    CHECK_NEAR(square, exp(-1), 4 * exp(-1) * sqrt(2.0 / N));
    run("{ type = \"sample\"; }", fcs_shape_of(N, 2, 1, 1, 1), FCS_FROZEN, x, y);
    for (int i = 0; i < N; i++)
        CHECK(y[i] == 1.5f);
    bench t;
    CHECK(!open_bench(&t, "{ type = \"sample\"; }", fcs_shape_of(1, 3, 1, 1, 1), FCS_TRAIN, 2));
    CHECK(strstr(fcs_message(ctx), "not 3 maps"));
    fcs_error_clear(&ctx->error);
    close_bench(&t);
}

/* Means first, then log-variances, each a product of all inputs. */
static void test_moments(void)
{
    const float x[2] = {1, 2}, mean[10] = {1, 0, 0, 1, 1, 1, 2, 0, 0, 3},
                logvar[10] = {-1, 0, 0, -1, -1, -1, -2, 0, 0, -3}, shift[5] = {0, 0, 0, 0, 10};
    const float want[10] = {1, 2, 3, 2, 16, -1, -2, -3, -2, -6};
    float y[10];
    const char *layer = "{ type = \"moments\"; }";
    run(layer, fcs_shape_of(1, 1, 1, 1, 2), FCS_TRAIN, x, y);
    set("discriminator.moments1.mean.weight", 10, mean);
    set("discriminator.moments1.logvar.weight", 10, logvar);
    set("discriminator.moments1.mean.bias", 5, shift);
    run(layer, fcs_shape_of(1, 1, 1, 1, 2), FCS_TRAIN, x, y);
    for (int i = 0; i < 10; i++)
        CHECK(y[i] == want[i]);
    clear();
}

static void test_messages(void)
{
    bench t;
    CHECK(!open_bench(&t,
                      "{ type = \"conv\"; name = \"a\"; stride = 2; }, { type = \"add\"; name = "
                      "\"b\"; from = \"input,a\"; }",
                      fcs_shape_of(1, 3, 1, 8, 8), FCS_TRAIN, 2));
    CHECK(strstr(fcs_message(ctx), "discriminator.layers.b") &&
          strstr(fcs_message(ctx), "1x3x1x4x4"));
    fcs_error_clear(&ctx->error);
    close_bench(&t);
    clear();
}

int main(void)
{
    if (fcs_open(&ctx, NULL) != FCS_OK)
        return 1;
    for (int i = 0; i < fcs_n_layers; i++)
        for (int mode = FCS_TRAIN; mode <= FCS_MEASURE; mode++)
            test_sample(fcs_layers[i], (fcs_mode)mode);
    test_conv();
    test_sizes();
    test_norms();
    test_measured();
    test_spectral();
    test_simple();
    test_dense();
    test_noise();
    test_dropout();
    test_net_settings();
    test_init();
    test_sample_layer();
    test_moments();
    test_messages();
    fcs_close(ctx);
    return test_end();
}
