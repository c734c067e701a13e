/* selftest.c: a short test of a device at its first use with a driver: some compute wrong numbers
 * and say nothing (products of certain tiles, from certain sizes on; CLBlast issues 533, 542).
 * Small plans as training makes them, on integers whose sums float32 holds exactly, so that right
 * is equal; functions within what OpenCL owes. The verdict is kept in the cache folder, per device,
 * driver and version of the kernels. `facies check` is the long form. */
#include "opencl/opencl.h"

#include "ops/ops.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_OUT = 8 };

/* A part of the test. Names what is wrong, or leaves `wrong` empty. */
typedef struct trial {
    fcs_context *ctx;
    char *wrong;
    size_t size;
} trial;

/* Integers -3 .. 3 without 0, so that one wrong number shows in any sum of products. */
static int64_t integer(uint32_t stream, int64_t i)
{
    int64_t n = fcs_random_below(1, 0, stream, (uint64_t)i, 6);
    return n < 3 ? n - 3 : n - 2;
}

static float *integers(trial *t, uint32_t stream, fcs_shape shape)
{
    int64_t n = fcs_shape_count(shape);
    float *x = fcs_alloc_array(&t->ctx->error, (size_t)n, sizeof *x);
    for (int64_t i = 0; x && i < n; i++)
        x[i] = (float)integer(stream, i);
    return x;
}

/* ---- one plan ---- */
typedef struct plan {
    fcs_graph *graph;
    fcs_tensor *tensors[2 + MOST_OUT];
    fcs_plan *plan;
    int n;
} plan;

static void plan_free(plan *p)
{
    fcs_plan_free(p->plan);
    for (int i = 0; i < p->n; i++)
        fcs_tensor_free(p->tensors[i]);
    fcs_graph_free(p->graph);
}

static fcs_tensor *add_tensor(fcs_context *ctx, plan *p, fcs_shape shape)
{
    fcs_tensor *t = fcs_tensor_new(ctx, "self-test", shape);
    if (t)
        p->tensors[p->n++] = t;
    return t;
}

/* out[i] = op i of the list applied to the inputs, row-major; NULL on failure. */
static bool compute(trial *t, const char *const *ops, int n_ops, const char *attributes, int n_in,
                    const fcs_shape *shapes, float *const *in, float **out)
{
    fcs_context *ctx = t->ctx;
    plan p = {.graph = fcs_graph_new(ctx)};
    fcs_node *nodes[2];
    bool good = p.graph != NULL;
    for (int i = 0; i < n_in && good; i++) {
        fcs_tensor *x = in[i] ? add_tensor(ctx, &p, shapes[i]) : NULL;
        good = x && fcs_tensor_set(x, in[i]) == FCS_OK;
        nodes[i] = good ? fcs_read(p.graph, x) : NULL;
    }
    int first = p.n;
    for (int i = 0; i < n_ops && good; i++) {
        fcs_node *y = fcs_node_named(fcs_apply(p.graph, ops[i], attributes, n_in, nodes), "z");
        fcs_tensor *to = y ? add_tensor(ctx, &p, fcs_node_shape(y)) : NULL;
        good = to && fcs_assign(p.graph, to, y) == FCS_OK;
    }
    good = good && fcs_plan_new(p.graph, &p.plan) == FCS_OK && fcs_plan_run(p.plan, 1, 2) == FCS_OK;
    for (int i = 0; i < n_ops && good; i++) {
        const fcs_tensor *y = p.tensors[first + i];
        out[i] = fcs_alloc_array(&ctx->error, (size_t)fcs_shape_count(y->shape), sizeof(float));
        good = out[i] && fcs_tensor_get(y, out[i]) == FCS_OK;
    }
    plan_free(&p);
    return good;
}

static bool compute_one(trial *t, const char *op, const char *attributes, int n_in,
                        const fcs_shape *shapes, float *const *in, float **out)
{
    *out = NULL;
    return compute(t, &op, 1, attributes, n_in, shapes, in, out);
}

/* ---- products ---- */
/* a b r = a (b r) for a vector r: every row of the product is compared, at the price of two
 * matrix-vector products (Freivalds 1977). a is n x k, b k x m; ta, tb: they lie transposed. */
static void compare_product(trial *t, const int64_t size[3], bool ta, bool tb, const float *a,
                            const float *b, const float *y)
{
    int64_t n = size[0], k = size[1], m = size[2], wrong = 0;
    double *br = fcs_alloc_array(&t->ctx->error, (size_t)k, sizeof *br);
    for (int64_t j = 0; br && j < k; j++)
        for (int64_t c = 0; c < m; c++)
            br[j] += (double)b[tb ? c * k + j : j * m + c] * (double)(c % 97 + 1);
    for (int64_t i = 0; br && i < n; i++) {
        double want = 0, got = 0;
        for (int64_t j = 0; j < k; j++)
            want += (double)a[ta ? j * n + i : i * k + j] * br[j];
        for (int64_t c = 0; c < m; c++)
            got += (double)y[i * m + c] * (double)(c % 97 + 1);
        wrong += !(got == want);
    }
    if (wrong)
        snprintf(t->wrong, t->size, "product %lldx%lldx%lld: %lld of %lld rows are wrong",
                 (long long)n, (long long)k, (long long)m, (long long)wrong, (long long)n);
    free(br);
}

/* Tiles, their edges, and the sizes from which on some were wrong. */
static bool test_product(trial *t)
{
    static const struct {
        int64_t size[3];
        const char *attributes;
    } products[] = {{{61, 37, 53}, ""}, {{70, 33, 129}, "ta=1 tb=1"}, {{1152, 1152, 1152}, ""}};
    bool good = true;
    for (size_t i = 0; i < sizeof products / sizeof *products && good && !*t->wrong; i++) {
        const int64_t *s = products[i].size;
        bool turned = *products[i].attributes != '\0';
        const fcs_shape shapes[2] = {
            turned ? fcs_shape_of(s[1], s[0], 1, 1, 1) : fcs_shape_of(s[0], s[1], 1, 1, 1),
            turned ? fcs_shape_of(s[2], s[1], 1, 1, 1) : fcs_shape_of(s[1], s[2], 1, 1, 1)};
        float *in[2] = {integers(t, 1, shapes[0]), integers(t, 2, shapes[1])}, *y;
        good = compute_one(t, "matmul", products[i].attributes, 2, shapes, in, &y);
        if (good)
            compare_product(t, s, turned, turned, in[0], in[1], y);
        free(in[0]);
        free(in[1]);
        free(y);
    }
    return good;
}

/* ---- convolutions ---- */
enum { N = 2, SIDE = 37, TAP = 5, STRIDE = 2, PAD = 2, OUT = 19, MOST_CHANNELS = 33 };
/* Few, many, and many to few channels have kernels of their own (tile.c). */
static const struct layer {
    int channels, outputs;
} layers[] = {{5, 35}, {21, 35}, {MOST_CHANNELS, 3}};
static const char *const conv_geometry = "stride=1,2,2 pad_lo=0,2,2 pad_hi=0,2,2";

/* The same with r over the outputs' channels: conv(x, w) r = conv(x, w r), one channel. */
static double one_channel(const float *x, const double *wr, int channels, int n, int py, int px)
{
    double sum = 0;
    for (int c = 0; c < channels; c++)
        for (int v = 0; v < TAP; v++)
            for (int u = 0; u < TAP; u++) {
                int row = py * STRIDE - PAD + v, column = px * STRIDE - PAD + u;
                if (row >= 0 && row < SIDE && column >= 0 && column < SIDE)
                    sum += (double)x[((n * channels + c) * SIDE + row) * SIDE + column] *
                           wr[(c * TAP + v) * TAP + u];
            }
    return sum;
}

static void compare_conv(trial *t, const struct layer *l, const float *x, const float *w,
                         const float *y)
{
    double wr[MOST_CHANNELS * TAP * TAP] = {0};
    int wrong = 0, weights = l->channels * TAP * TAP;
    for (int i = 0; i < l->outputs * weights; i++)
        wr[i % weights] += (double)w[i] * (i / weights + 1);
    for (int p = 0; p < N * OUT * OUT; p++) {
        int n = p / (OUT * OUT), at = p % (OUT * OUT);
        double got = 0;
        for (int k = 0; k < l->outputs; k++)
            got += (double)y[(n * l->outputs + k) * OUT * OUT + at] * (k + 1);
        wrong += !(got == one_channel(x, wr, l->channels, n, at / OUT, at % OUT));
    }
    if (wrong)
        snprintf(t->wrong, t->size, "convolution: %d of %d pixels are wrong", wrong, N * OUT * OUT);
}

static double dot(const float *a, const float *b, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

/* <conv(x, w), g> = <x, conv_dx(g, w)> = <w, conv_dw(x, g)>. */
static bool test_adjoints(trial *t, const fcs_shape shapes[3], float *const in[3], const float *y)
{
    const fcs_shape dx_shapes[2] = {shapes[2], shapes[1]}, dw_shapes[2] = {shapes[0], shapes[2]};
    float *const dx_in[2] = {in[2], in[1]}, *const dw_in[2] = {in[0], in[2]};
    float *dx = NULL, *dw = NULL;
    double want = dot(y, in[2], fcs_shape_count(shapes[2]));
    char attributes[96];
    snprintf(attributes, sizeof attributes, "%s size=1,%d,%d", conv_geometry, SIDE, SIDE);
    bool good = compute_one(t, "conv_dx", attributes, 2, dx_shapes, dx_in, &dx);
    snprintf(attributes, sizeof attributes, "%s size=1,%d,%d", conv_geometry, TAP, TAP);
    good = good && compute_one(t, "conv_dw", attributes, 2, dw_shapes, dw_in, &dw);
    if (good && !(dot(dx, in[0], fcs_shape_count(shapes[0])) == want))
        snprintf(t->wrong, t->size, "gradient of a convolution to its image: wrong");
    else if (good && !(dot(dw, in[1], fcs_shape_count(shapes[1])) == want))
        snprintf(t->wrong, t->size, "gradient of a convolution to its weights: wrong");
    free(dx);
    free(dw);
    return good;
}

static bool test_layer(trial *t, const struct layer *l)
{
    const fcs_shape shapes[3] = {fcs_shape_of(N, l->channels, 1, SIDE, SIDE),
                                 fcs_shape_of(l->outputs, l->channels, 1, TAP, TAP),
                                 fcs_shape_of(N, l->outputs, 1, OUT, OUT)};
    float *in[3], *y = NULL;
    for (int i = 0; i < 3; i++)
        in[i] = integers(t, 3 + (uint32_t)i, shapes[i]);
    bool good = in[2] && compute_one(t, "conv", conv_geometry, 2, shapes, in, &y);
    if (good)
        compare_conv(t, l, in[0], in[1], y);
    if (good && !*t->wrong)
        good = test_adjoints(t, shapes, in, y);
    for (int i = 0; i < 3; i++)
        free(in[i]);
    free(y);
    return good;
}

static bool test_conv(trial *t)
{
    bool good = true;
    for (size_t i = 0; i < sizeof layers / sizeof *layers && good && !*t->wrong; i++)
        good = test_layer(t, &layers[i]);
    return good;
}

/* ---- sums ---- */
static bool test_sum(trial *t)
{
    static const char *const dims[] = {"axes=1,1,1,1,1", "axes=1,0,1,1,1"};
    const fcs_shape shape = fcs_shape_of(3, 17, 1, 219, 101);
    const int64_t pixels = 219 * 101;
    float *in[1] = {integers(t, 6, shape)};
    bool good = true;
    for (int which = 0; which < 2 && good && !*t->wrong; which++) {
        double want[17] = {0};
        int n = which ? 17 : 1, wrong = 0;
        float *y;
        good = compute_one(t, "sum", dims[which], 1, &shape, in, &y);
        for (int64_t i = 0; good && i < fcs_shape_count(shape); i++)
            want[which ? i / pixels % 17 : 0] += (double)in[0][i];
        for (int i = 0; good && i < n; i++)
            wrong += !((double)y[i] == want[i]);
        if (wrong)
            snprintf(t->wrong, t->size, "sum of %s: %d of %d are wrong",
                     which ? "pixels" : "all numbers", wrong, n);
        free(y);
    }
    free(in[0]);
    return good;
}

/* ---- a chain of functions ---- */
static double sigmoid(double x) { return 1 / (1 + exp(-x)); }

static double softplus(double x) { return log1p(exp(x)); }

static bool test_functions(trial *t)
{
    static const char *const ops[] = {"exp", "log", "sqrt", "tanh", "sigmoid", "softplus"};
    static double (*const exact[])(double) = {exp, log, sqrt, tanh, sigmoid, softplus};
    enum { COUNT = 6, PIXELS = 1023 };
    const fcs_shape shape = fcs_shape_of(1, 16, 1, 1, PIXELS);
    float *in[1] = {fcs_alloc_array(&t->ctx->error, 16 * PIXELS, sizeof(float))}, *out[COUNT] = {0};
    if (in[0])
        fcs_random_uniforms(1, 0, 7, 0, 16 * PIXELS, in[0]);
    for (int i = 0; in[0] && i < 16 * PIXELS; i++)
        in[0][i] = 0.01f + 8 * in[0][i];
    bool good = compute(t, ops, COUNT, "", 1, &shape, in, out);
    for (int k = 0; k < COUNT && good && !*t->wrong; k++) {
        double ulp = fcs_op_find(&t->ctx->error, ops[k])->ulp;
        for (int i = 0; i < 16 * PIXELS && !*t->wrong; i++) {
            double x = (double)in[0][i], want = exact[k](x), got = (double)out[k][i];
            if (!(fabs(got - want) <= (ulp + 1) * 0x1p-23 * fabs(want) + 0x1p-126))
                snprintf(t->wrong, t->size, "%s(%.9g) = %.9g, must be %.9g", ops[k], x, got, want);
        }
    }
    for (int k = 0; k < COUNT; k++)
        free(out[k]);
    free(in[0]);
    return good;
}

/* ---- random numbers: the same bits ---- */
static bool test_random(trial *t)
{
    enum { COUNT = 9999 };
    static const char *const ops[] = {"random_uniform", "random_normal"};
    static void (*const fill[])(uint64_t, uint64_t, uint32_t, uint64_t, size_t,
                                float *) = {fcs_random_uniforms, fcs_random_normals};
    float *want = fcs_alloc_array(&t->ctx->error, COUNT, sizeof *want), *out[2] = {NULL};
    bool good = want && compute(t, ops, 2, "shape=1,1,1,1,9999", 0, NULL, NULL, out);
    for (int k = 0; k < 2 && good && !*t->wrong; k++) {
        fill[k](1, 2, fcs_random_stream("z"), 0, COUNT, want);
        if (memcmp(out[k], want, COUNT * sizeof *want))
            snprintf(t->wrong, t->size, "%s: not the numbers that the cpu draws", ops[k]);
    }
    free(out[0]);
    free(out[1]);
    free(want);
    return good;
}

/* ---- the verdict ---- */
static const char passed[] = "passed";

static char *kept_key(fcs_error *e)
{
    fcs_text all = {0};
    for (const fcs_embedded *f = fcs_cl_sources; f->name; f++)
        for (const char *const *line = f->lines; *line; line++)
            fcs_text_add(&all, "%s\n", *line);
    char *key = all.failed ? NULL
                           : fcs_format(e, "facies %s, kernels %016llx", FCS_VERSION,
                                        (unsigned long long)fcs_hash(all.s));
    free(all.s);
    return key;
}

bool fcs_cl_selftest_kept(const fcs_cl *cl, char *verdict, size_t size)
{
    size_t n;
    fcs_error none = {0};
    char *key = kept_key(&none), *text = key ? fcs_cl_cache_read(cl, "verdict", key, &n) : NULL;
    if (text)
        snprintf(verdict, size, "%s", text);
    free(key);
    free(text);
    return text != NULL;
}

static fcs_status run_trials(fcs_cl *cl, char *wrong, size_t size)
{
    static bool (*const trials[])(trial *) = {test_random, test_functions, test_sum, test_product,
                                              test_conv};
    trial t = {cl->ctx, wrong, size};
    *wrong = '\0';
    for (size_t i = cl->embedded; i < sizeof trials / sizeof *trials && !*wrong; i++)
        if (!trials[i](&t)) {
            fcs_error_where(&cl->ctx->error, "the self-test cannot be made");
            return FCS_FAILED;
        }
    return FCS_OK;
}

fcs_status fcs_cl_selftest(fcs_cl *cl, char *verdict, size_t size)
{
    if (fcs_cl_selftest_kept(cl, verdict, size))
        return FCS_OK;
    fcs_note(cl->ctx, "note: device %s: first use with this driver, testing it", cl->name);
    fcs_status s = run_trials(cl, verdict, size);
    cl->ctx->allocated_most = cl->ctx->allocated;
    if (s != FCS_OK)
        return s;
    if (!*verdict)
        snprintf(verdict, size, "%s", passed);
    char *key = kept_key(&cl->ctx->error);
    if (key)
        fcs_cl_cache_write(cl, "verdict", key, verdict, strlen(verdict));
    free(key);
    return key ? FCS_OK : FCS_FAILED;
}
