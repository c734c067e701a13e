/* test_conv: conv, conv_dx, conv_dw and matmul of every instruction set against the sums of their
 * definition.
 *
 * Integers: every sum is exact in float, so results must be equal. Then on fractions: windows of a
 * convolution with its pads rewritten, and other numbers of threads, give the same bits. Outputs
 * start as NaN, with guards round them and behind the scratch memory. */
#include "cpu/cpu.h"
#include "ops/tiling.h"
#include "test.h"
#include <string.h>

enum { GUARD = 16 };
static const float guard = 12345.5f;

typedef struct buffer {
    fcs_view v;
    float *whole;
    int64_t floats;
} buffer;

static uint32_t state = 1;

static int64_t pick(int64_t lo, int64_t hi)
{
    state = state * 1664525u + 1013904223u;
    return lo + (int64_t)(state >> 8) % (hi - lo + 1);
}

static buffer buffer_new(fcs_shape s)
{
    buffer b = {.floats = fcs_shape_floats(s)};
    b.whole = malloc((size_t)(b.floats + 2 * GUARD) * sizeof(float));
    if (!b.whole)
        exit(1);
    for (int64_t i = 0; i < b.floats + 2 * GUARD; i++)
        b.whole[i] = i < GUARD || i >= b.floats + GUARD ? guard : NAN;
    b.v = (fcs_view){b.whole + GUARD, s, fcs_channel_stride(s.n[FCS_C])};
    return b;
}

static int64_t place(const fcs_view *v, int64_t n, int64_t c, int64_t z, int64_t y, int64_t x)
{
    const int64_t *s = v->shape.n;
    return (((n * s[FCS_D] + z) * s[FCS_H] + y) * s[FCS_W] + x) * v->cs + c;
}

static void buffer_fill(buffer *b, bool integers)
{
    for (int64_t i = 0; i < b->floats; i++) {
        float x = integers ? (float)pick(-4, 4) : (float)pick(-9999, 9999) / 10000.0f;
        b->v.p[i] = i % b->v.cs < b->v.shape.n[FCS_C] ? x : 0;
    }
}

/* Guards whole, padding lanes zero. */
static bool buffer_sound(const buffer *b)
{
    for (int i = 0; i < GUARD; i++)
        if (b->whole[i] != guard || b->whole[b->floats + GUARD + i] != guard)
            return false;
    for (int64_t i = 0; i < b->floats; i++)
        if (i % b->v.cs >= b->v.shape.n[FCS_C] && b->v.p[i] != 0)
            return false;
    return true;
}

/* ---- definitions ---- */

/* The products of one tap at one result pixel, added to the sums of x, w or y, whichever is the
 * output. */
static void add_products(fcs_view x, fcs_view w, fcs_view y, char which, double *sum, int64_t n,
                         const int64_t *i, const int64_t *k, const int64_t *o)
{
    for (int64_t co = 0; co < w.shape.n[FCS_N]; co++)
        for (int64_t ci = 0; ci < w.shape.n[FCS_C]; ci++) {
            int64_t px = place(&x, n, ci, i[0], i[1], i[2]),
                    pw = place(&w, co, ci, k[0], k[1], k[2]);
            int64_t py = place(&y, n, co, o[0], o[1], o[2]);
            if (which == 'x')
                sum[px] += (double)y.p[py] * w.p[pw];
            else if (which == 'w')
                sum[pw] += (double)y.p[py] * x.p[px];
            else
                sum[py] += (double)x.p[px] * w.p[pw];
        }
}

static void conv_definition(const fcs_attrs *a, fcs_view x, fcs_view w, fcs_view y, char which,
                            double *sum)
{
    const int64_t *ks = w.shape.n + FCS_D, *os = y.shape.n + FCS_D, *is = x.shape.n + FCS_D;
    int64_t taps = ks[0] * ks[1] * ks[2], pixels = os[0] * os[1] * os[2];
    for (int64_t p = 0; p < y.shape.n[FCS_N] * pixels; p++)
        for (int64_t t = 0; t < taps; t++) {
            int64_t k[3] = {t / (ks[1] * ks[2]), t / ks[2] % ks[1], t % ks[2]}, i[3];
            int64_t o[3] = {p / (os[1] * os[2]) % os[0], p / os[2] % os[1], p % os[2]};
            bool inside = true;
            for (int j = 0; j < 3; j++) {
                i[j] = o[j] * a->i[FCS_CONV_STRIDE + j] + k[j] * a->i[FCS_CONV_DILATION + j] -
                       a->i[FCS_CONV_PAD_LO + j];
                inside = inside && i[j] >= 0 && i[j] < is[j];
            }
            if (inside)
                add_products(x, w, y, which, sum, p / pixels, i, k, o);
        }
}

static void matmul_definition(const fcs_attrs *attrs, fcs_view a, fcs_view b, fcs_view y,
                              double *sum)
{
    bool ta = attrs->i[FCS_MATMUL_TA], tb = attrs->i[FCS_MATMUL_TB];
    for (int64_t m = 0; m < y.shape.n[0]; m++)
        for (int64_t n = 0; n < y.shape.n[1]; n++)
            for (int64_t i = 0, inner = a.shape.n[ta ? 0 : 1]; i < inner; i++)
                sum[m * y.cs + n] += (double)a.p[ta ? i * a.cs + m : m * a.cs + i] *
                                     b.p[tb ? n * b.cs + i : i * b.cs + n];
}

static void definition(const char *op, const fcs_attrs *a, fcs_view in0, fcs_view in1, fcs_view out,
                       double *sum)
{
    if (!strcmp(op, "conv"))
        conv_definition(a, in0, in1, out, 'y', sum);
    else if (!strcmp(op, "conv_dx"))
        conv_definition(a, out, in1, in0, 'x', sum);
    else if (!strcmp(op, "conv_dw"))
        conv_definition(a, in0, out, in1, 'w', sum);
    else
        matmul_definition(a, in0, in1, out, sum);
}

/* ---- running ---- */

typedef struct problem {
    const char *op;
    fcs_shape in0, in1, out;
    fcs_attrs attrs;
} problem;

/* Runs the op in scratch memory with guards; whether all guards are whole. */
static bool run(const fcs_isa *isa, const problem *p, int threads, const buffer *in0,
                const buffer *in1, buffer *out)
{
    fcs_error e = {0};
    const fcs_op *op = fcs_op_find(&e, p->op);
    const fcs_cpu_op *kernel = isa->ops[fcs_op_index(op)];
    fcs_apply_args a = {
        .op = op, .attrs = p->attrs, .n_in = 2, .in = {p->in0, p->in1}, .out = p->out};
    fcs_team *team = fcs_team_new(&e, threads); /* of one where there are no threads */
    if (!team)
        exit(1);
    size_t bytes = kernel->scratch ? kernel->scratch(&a, fcs_team_size(team)) : 0;
    unsigned char *scratch = fcs_alloc_aligned(&e, bytes + 64);
    if (!scratch)
        exit(1);
    memset(scratch, 0xff, bytes);
    memset(scratch + bytes, 0x5a, 64);
    fcs_cpu_call c = {
        .args = &a, .in = {in0->v, in1->v}, .out = out->v, .scratch = scratch, .team = team};
    kernel->run(&c);
    bool sound = buffer_sound(out);
    for (size_t i = 0; i < 64; i++)
        sound = sound && scratch[bytes + i] == 0x5a;
    free(scratch);
    fcs_team_free(team);
    return sound;
}

static void print_problem(const fcs_isa *isa, const problem *p)
{
    const fcs_shape *shapes[3] = {&p->in0, &p->in1, &p->out};
    fprintf(stderr, "  %s %s", isa->name, p->op);
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 5; k++)
            fprintf(stderr, "%c%lld", k ? 'x' : ' ', (long long)shapes[i]->n[k]);
    for (int i = 0; i < 12; i++)
        fprintf(stderr, "%c%lld", i % 3 ? ',' : ' ', (long long)p->attrs.i[i]);
    fprintf(stderr, "\n");
}

/* On integers equal to the definition; on fractions near it; three threads give the bits of one. */
static void check_problem(const fcs_isa *isa, const problem *p)
{
    for (int integers = 1; integers >= 0; integers--) {
        buffer in0 = buffer_new(p->in0), in1 = buffer_new(p->in1), out = buffer_new(p->out),
               again = buffer_new(p->out);
        double *sum = calloc((size_t)out.floats, sizeof *sum), error = 0;
        if (!sum)
            exit(1);
        buffer_fill(&in0, integers);
        buffer_fill(&in1, integers);
        definition(p->op, &p->attrs, in0.v, in1.v, out.v, sum);
        int before = test_failures;
        CHECK(run(isa, p, 1, &in0, &in1, &out));
        CHECK(run(isa, p, 3, &in0, &in1, &again));
        CHECK(!memcmp(out.whole, again.whole, (size_t)(out.floats + 2 * GUARD) * sizeof(float)));
        for (int64_t i = 0; i < out.floats; i++)
            if (!(fabs(out.v.p[i] - sum[i]) <= error))
                error = fabs(out.v.p[i] - sum[i]);
        CHECK(integers ? error == 0 : error < 1e-3);
        if (test_failures > before)
            print_problem(isa, p);
        free(sum);
        free(in0.whole);
        free(in1.whole);
        free(out.whole);
        free(again.whole);
    }
}

/* ---- problems ---- */

static int tiles; /* problems that were cut into tiles */
static const int64_t channels[] = {1, 2, 3, 5, 8, 16, 17, 32, 48, 64};

/* Direct sums, and minimal filtering where its form is exact on integers. */
static void check_forms(const fcs_isa *isa, problem *p)
{
    fcs_error e = {0};
    for (int results = 1; results <= 3; results++) {
        fcs_tiling t[3];
        for (int i = 0; i < 3; i++)
            p->attrs.i[FCS_CONV_FORM + i] = results;
        fcs_apply_args a = {.op = fcs_op_find(&e, p->op),
                            .attrs = p->attrs,
                            .n_in = 2,
                            .in = {p->in0, p->in1},
                            .out = p->out};
        bool tiled = fcs_conv_tiling(&a, t);
        if (results == 1 || (tiled && !(fcs_conv_form_error(&a) > 0)))
            check_problem(isa, p);
        tiles += tiled;
    }
}

/* Images of 96 tiles of 2 x 2 or 3 x 3 results, and of 288: four blocks of the longest length for
 * one thread, and for three. */
static void check_blocks(const fcs_isa *isa)
{
    static const int64_t size[][2] = {{16, 24}, {24, 36}, {32, 36}, {48, 54}};
    for (int i = 0; i < 4; i++) {
        problem p = {.op = "conv"};
        for (int k = 0; k < 3; k++) {
            p.attrs.i[FCS_CONV_STRIDE + k] = p.attrs.i[FCS_CONV_DILATION + k] = 1;
            p.attrs.i[FCS_CONV_PAD_LO + k] = p.attrs.i[FCS_CONV_PAD_HI + k] = k > 0;
        }
        p.in0 = p.out = fcs_shape_of(1, 8, 1, size[i][0], size[i][1]);
        p.in1 = fcs_shape_of(8, 8, 1, 3, 3);
        check_forms(isa, &p);
    }
}

/* More transformed weights (64 points x 512 channels x 264 x 8 written images: 277 MB) than are
 * kept, and one tile: strips of columns, with shared and with own tiles. */
static void check_strips(const fcs_isa *isa)
{
    for (int split = 0; split < 2; split++) {
        fcs_error e = {0};
        problem p = {.op = "conv_dx",
                     .in0 = fcs_shape_of(1, 512, 3, 3, 3),
                     .in1 = fcs_shape_of(512, 264, 4, 4, 4),
                     .out = fcs_shape_of(1, 264, 4, 4, 4)};
        for (int k = 0; k < 3; k++) {
            p.attrs.i[FCS_CONV_STRIDE + k] = p.attrs.i[FCS_CONV_PAD_LO + k] =
                p.attrs.i[FCS_CONV_PAD_HI + k] = 2;
            p.attrs.i[FCS_CONV_DILATION + k] = 1;
            p.attrs.i[FCS_CONV_SIZE + k] = 4;
            p.attrs.i[FCS_CONV_FORM + k] = 3;
        }
        p.attrs.i[FCS_CONV_SPLIT] = split;
        fcs_apply_args a = {.op = fcs_op_find(&e, p.op),
                            .attrs = p.attrs,
                            .n_in = 2,
                            .in = {p.in0, p.in1},
                            .out = p.out};
        CHECK(isa->ops[fcs_op_index(a.op)]->scratch(&a, 1) < (size_t)100 << 20);
        check_problem(isa, &p);
    }
}

/* The three ops on a convolution of random form: they have the same shapes, in other roles. */
static void check_convolution(const fcs_isa *isa, bool volume, int64_t ci, int64_t co)
{
    problem p = {.op = "conv"};
    int64_t n = pick(1, 3), x[3] = {1, 1, 1}, k[3] = {1, 1, 1}, y[3], *a = p.attrs.i;
    for (int i = 0; i < 3; i++) {
        a[FCS_CONV_STRIDE + i] = a[FCS_CONV_DILATION + i] = 1;
        if (i > 0 || volume) {
            k[i] = pick(1, volume ? 4 : 6);
            a[FCS_CONV_STRIDE + i] = pick(1, 3);
            a[FCS_CONV_DILATION + i] = pick(1, 3);
            a[FCS_CONV_PAD_LO + i] = pick(0, 4);
            a[FCS_CONV_PAD_HI + i] = pick(0, 4);
            x[i] = pick(1, volume ? 8 : i == 2 ? 40 : 14);
        }
        int64_t reach = a[FCS_CONV_DILATION + i] * (k[i] - 1) + 1,
                pads = a[FCS_CONV_PAD_LO + i] + a[FCS_CONV_PAD_HI + i];
        if (x[i] + pads < reach)
            x[i] = reach - pads;
        y[i] = (x[i] + pads - reach) / a[FCS_CONV_STRIDE + i] + 1;
    }
    fcs_shape sx = {{n, ci, x[0], x[1], x[2]}}, sw = {{co, ci, k[0], k[1], k[2]}},
              sy = {{n, co, y[0], y[1], y[2]}};
    p.in0 = sx, p.in1 = sw, p.out = sy;
    check_forms(isa, &p);
    p.op = "conv_dx", p.in0 = sy, p.out = sx;
    check_forms(isa, &p);
    p.op = "conv_dw", p.in0 = sx, p.in1 = sy, p.out = sw;
    check_forms(isa, &p);
}

/* conv_dx to 1 to 7 channels, the columns of its interleaved results side by side. */
static void check_packed(const fcs_isa *isa, int64_t channels_out, bool volume)
{
    problem p = {.op = "conv_dx"};
    int64_t x[3] = {1, 1, 1}, k[3] = {1, 1, 1}, y[3], *a = p.attrs.i;
    for (int i = 0; i < 3; i++) {
        a[FCS_CONV_STRIDE + i] = a[FCS_CONV_DILATION + i] = 1;
        if (i > 0 || volume) {
            a[FCS_CONV_STRIDE + i] = pick(2, 4);
            k[i] = pick(a[FCS_CONV_STRIDE + i] + 1, 2 * a[FCS_CONV_STRIDE + i]); /* two taps */
            a[FCS_CONV_PAD_LO + i] = pick(0, k[i] - 1);
            a[FCS_CONV_PAD_HI + i] = pick(0, k[i] - 1);
            x[i] = pick(k[i], 14);
        }
        y[i] = (x[i] + a[FCS_CONV_PAD_LO + i] + a[FCS_CONV_PAD_HI + i] - k[i]) /
                   a[FCS_CONV_STRIDE + i] +
               1;
    }
    p.in0 = (fcs_shape){{pick(1, 3), 17, y[0], y[1], y[2]}};
    p.in1 = (fcs_shape){{17, channels_out, k[0], k[1], k[2]}};
    p.out = (fcs_shape){{p.in0.n[FCS_N], channels_out, x[0], x[1], x[2]}};
    int before = tiles;
    check_forms(isa, &p);
    CHECK(tiles == before + 2);
}

static void check_matmul(const fcs_isa *isa, int64_t m, int64_t k, int64_t n)
{
    for (int64_t t = 0; t < 4; t++) {
        problem p = {.op = "matmul", .attrs = {.i = {t / 2, t % 2}}};
        p.in0 = (fcs_shape){{t / 2 ? k : m, t / 2 ? m : k, 1, 1, 1}};
        p.in1 = (fcs_shape){{t % 2 ? n : k, t % 2 ? k : n, 1, 1, 1}};
        p.out = (fcs_shape){{m, n, 1, 1, 1}};
        check_problem(isa, &p);
    }
}

/* ---- windows ---- */

/* A copy of columns lo .. lo + size - 1. */
static buffer window(const buffer *b, int64_t lo, int64_t size)
{
    fcs_shape s = b->v.shape;
    s.n[FCS_W] = size;
    buffer r = buffer_new(s);
    for (int64_t line = 0; line < s.n[FCS_N] * s.n[FCS_D] * s.n[FCS_H]; line++)
        memcpy(r.v.p + line * size * r.v.cs, b->v.p + (line * b->v.shape.n[FCS_W] + lo) * b->v.cs,
               (size_t)(size * r.v.cs) * sizeof(float));
    return r;
}

static int64_t floor_div(int64_t a, int64_t b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }

/* Columns lo .. hi - 1 of the result of p, computed from the columns of the input that they need
 * with pads rewritten: the bits of the whole. */
static void check_window(const fcs_isa *isa, const problem *p, const buffer *in0, const buffer *in1,
                         const buffer *whole, int64_t lo, int64_t hi)
{
    problem q = *p;
    const int64_t *a = p->attrs.i;
    int64_t s = a[FCS_CONV_STRIDE + 2], d = a[FCS_CONV_DILATION + 2], pad = a[FCS_CONV_PAD_LO + 2];
    int64_t k = p->in1.n[FCS_W], size = p->in0.n[FCS_W], first, last,
            *pads = q.attrs.i + FCS_CONV_PAD_LO + 2;
    if (!strcmp(p->op, "conv")) {
        first = lo * s - pad, last = (hi - 1) * s + (k - 1) * d - pad;
        *pads = first < 0 ? -first : 0;
        q.attrs.i[FCS_CONV_PAD_HI + 2] = last >= size ? last - size + 1 : 0;
    } else {
        first = -floor_div(-(lo + pad - (k - 1) * d), s), last = floor_div(hi - 1 + pad, s);
        *pads = pad + lo - (first < 0 ? 0 : first) * s;
    }
    first = first < 0 ? 0 : first;
    last = last >= size ? size - 1 : last;
    if (first > last || *pads < 0)
        return;
    buffer part = window(in0, first, last - first + 1), want = window(whole, lo, hi - lo), out;
    q.in0 = part.v.shape;
    q.out = want.v.shape;
    out = buffer_new(q.out);
    int before = test_failures;
    CHECK(run(isa, &q, 2, &part, in1, &out));
    CHECK(!memcmp(out.v.p, want.v.p, (size_t)out.floats * sizeof(float)));
    if (test_failures > before)
        print_problem(isa, &q);
    free(part.whole);
    free(out.whole);
    free(want.whole);
}

static void check_windows(const fcs_isa *isa, int64_t ci, int64_t co, int64_t kernel,
                          int64_t stride, int64_t dilation)
{
    static const int64_t cuts[][2] = {{0, 1}, {0, 7}, {3, 29}, {5, 6}, {13, 61}, {40, 70}, {1, 70}};
    problem p = {.op = "conv",
                 .attrs = {.i = {1, stride, stride, 1, dilation, dilation, 0, 1, 3, 0, 2,
                                 4, [FCS_CONV_FORM] = 1, 1, 1}}};
    int64_t reach = dilation * (kernel - 1) + 1, h = 3 * stride + reach, w = 90 * stride;
    fcs_shape sx = {{2, ci, 1, h, w}};
    fcs_shape sy = {{2, co, 1, (h + 3 - reach) / stride + 1, (w + 7 - reach) / stride + 1}};
    p.in1 = (fcs_shape){{co, ci, 1, kernel, kernel}};
    for (int adjoint = 0; adjoint < 2; adjoint++) {
        p.op = adjoint ? "conv_dx" : "conv";
        p.in0 = adjoint ? sy : sx;
        p.out = adjoint ? sx : sy;
        buffer in0 = buffer_new(p.in0), in1 = buffer_new(p.in1), out = buffer_new(p.out);
        buffer_fill(&in0, false);
        buffer_fill(&in1, false);
        CHECK(run(isa, &p, 1, &in0, &in1, &out));
        for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++)
            check_window(isa, &p, &in0, &in1, &out, cuts[i][0], cuts[i][1]);
        free(in0.whole);
        free(in1.whole);
        free(out.whole);
    }
}

/* A result that does not stay in the caches: fetched before it is written, which its windows are
 * not. */
static void check_large(const fcs_isa *isa)
{
    problem p = {.op = "conv",
                 .in0 = fcs_shape_of(1, 2, 1, 150, 640),
                 .in1 = fcs_shape_of(40, 2, 1, 3, 5),
                 .out = fcs_shape_of(1, 40, 1, 148, 636),
                 .attrs = {.i = {1, 1, 1, 1, 1, 1}}};
    buffer in0 = buffer_new(p.in0), in1 = buffer_new(p.in1), out = buffer_new(p.out);
    uint32_t drawn = state; /* which problems are drawn later does not depend on these */
    buffer_fill(&in0, false);
    buffer_fill(&in1, false);
    state = drawn;
    CHECK(run(isa, &p, 2, &in0, &in1, &out));
    check_window(isa, &p, &in0, &in1, &out, 0, 9);
    check_window(isa, &p, &in0, &in1, &out, 300, 420);
    check_window(isa, &p, &in0, &in1, &out, 635, 636);
    free(in0.whole);
    free(in1.whole);
    free(out.whole);
}

static void check_isa(const fcs_isa *isa)
{
    static const int64_t products[][3] = {
        {1, 1, 1},    {13, 7, 5},    {8, 300, 17},  {70, 33, 6},   {25, 600, 140},
        {130, 65, 9}, {90, 513, 64}, {65, 17, 530}, {66, 2100, 3}, {67, 5, 2090}};
    size_t n = sizeof channels / sizeof *channels;
    for (size_t i = 0; i < 2 * n * n; i++)
        check_convolution(isa, i % 3 == 0, channels[i / n % n], channels[i % n]);
    check_convolution(isa, false, 300, 80); /* a tap in several chunks */
    check_convolution(isa, false, 16, 560); /* several groups of columns */
    check_convolution(isa, false, 600, 2);
    for (size_t i = 0; i < sizeof products / sizeof *products; i++)
        check_matmul(isa, products[i][0], products[i][1], products[i][2]);
    check_windows(isa, 32, 32, 5, 1, 2);
    check_windows(isa, 17, 16, 3, 2, 1);
    check_windows(isa, 1, 24, 5, 2, 1);
    check_windows(isa, 24, 1, 5, 1, 3);
    check_windows(isa, 9, 2, 5, 2, 1);
    check_windows(isa, 8, 3, 4, 3, 2);
    check_windows(isa, 140, 20, 3, 3, 3);
    check_large(isa);
}

int main(void)
{
    for (const fcs_isa *const *isa = fcs_isas; *isa; isa++) {
        tiles = 0;
        if ((*isa)->available()) {
            check_isa(*isa);
            CHECK(tiles > 12); /* tried in a form of their own */
            check_blocks(*isa);
            for (int64_t i = 0; i < 14; i++)
                check_packed(*isa, 1 + i / 2, i % 2);
            check_strips(*isa);
        }
    }
    return test_end();
}
