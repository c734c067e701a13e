/* elementwise.c: one number from one to three, broadcasting. ops.def has the expressions that
 * kernels compute, src/ref the definitions. Gradients of broadcast inputs are summed to the inputs'
 * shapes. */
#include "ops/ops.h"

static fcs_status lanes_shape(fcs_apply_args *a, fcs_error *e)
{
    fcs_status status = fcs_op_begin(a, e);
    if (status != FCS_OK)
        return status;
    fcs_shape s = a->in[0];
    for (int i = 1; i < a->n_in; i++)
        if (!fcs_shape_broadcast(s, a->in[i], &s))
            return fcs_op_fail(a, e, "sizes must be equal or 1 in every dimension");
    return fcs_op_finish(a, s, e);
}

static void lanes_window(const fcs_apply_args *a, const fcs_box *out, fcs_box *in, fcs_attrs *attrs)
{
    *attrs = a->attrs;
    for (int i = 0; i < a->n_in; i++)
        for (int d = 0; d < FCS_DIMS; d++) {
            bool repeated = a->in[i].n[d] == 1;
            in[i].lo[d] = repeated ? 0 : out->lo[d];
            in[i].hi[d] = repeated ? 1 : out->hi[d];
        }
}

/* Sets gx[i] to what flows back to input i, summed over what was broadcast; false on failure. */
static bool put(fcs_node **gx, const bool *want, fcs_node *y, int i, fcs_node *flow)
{
    if (want[i])
        gx[i] = fcs_sum_to(flow, y->in[i]->shape);
    return !want[i] || gx[i];
}

/* One-input ops differ only in this factor: gx = gy * slope(y, x). */
typedef fcs_node *slope_of(fcs_node *y, fcs_node *x);

static fcs_status slope_grad(fcs_node *y, fcs_node *gy, const bool *want, fcs_node **gx,
                             slope_of *slope)
{
    if (want[0] && !(gx[0] = fcs_mul(gy, slope(y, y->in[0]))))
        return FCS_FAILED;
    return FCS_OK;
}

/* ---- two inputs ---- */
static fcs_status add_grad(fcs_graph *g, fcs_node *y, fcs_node *gy, const bool *want, fcs_node **gx)
{
    (void)g;
    return put(gx, want, y, 0, gy) && put(gx, want, y, 1, gy) ? FCS_OK : FCS_FAILED;
}

static fcs_status sub_grad(fcs_graph *g, fcs_node *y, fcs_node *gy, const bool *want, fcs_node **gx)
{
    (void)g;
    if (!put(gx, want, y, 0, gy))
        return FCS_FAILED;
    return !want[1] || put(gx, want, y, 1, fcs_unary("neg", gy)) ? FCS_OK : FCS_FAILED;
}

static fcs_status mul_grad(fcs_graph *g, fcs_node *y, fcs_node *gy, const bool *want, fcs_node **gx)
{
    (void)g;
    for (int i = 0; i < 2; i++)
        if (want[i] && !put(gx, want, y, i, fcs_mul(gy, y->in[1 - i])))
            return FCS_FAILED;
    return FCS_OK;
}

/* y = a / b: gy / b and -gy y / b. */
static fcs_status div_grad(fcs_graph *g, fcs_node *y, fcs_node *gy, const bool *want, fcs_node **gx)
{
    (void)g;
    fcs_node *ga = fcs_div(gy, y->in[1]);
    if (!put(gx, want, y, 0, ga))
        return FCS_FAILED;
    if (want[1] && !put(gx, want, y, 1, fcs_unary("neg", fcs_mul(ga, y))))
        return FCS_FAILED;
    return FCS_OK;
}

/* The first input gets gy where `first` is 1, the second where it is 0 (ties: the second, as in the
 * kernels). */
static fcs_status extremum_grad(fcs_node *y, fcs_node *gy, const bool *want, fcs_node **gx,
                                fcs_node *first)
{
    if (want[0] && !put(gx, want, y, 0, fcs_mul(gy, first)))
        return FCS_FAILED;
    if (want[1] && !put(gx, want, y, 1, fcs_mul(gy, fcs_affine(first, -1, 1))))
        return FCS_FAILED;
    return FCS_OK;
}

static fcs_status max_grad(fcs_graph *g, fcs_node *y, fcs_node *gy, const bool *want, fcs_node **gx)
{
    return extremum_grad(y, gy, want, gx,
                         fcs_op_node(g, "less", NULL, 2, (fcs_node *[]){y->in[1], y->in[0]}));
}

static fcs_status min_grad(fcs_graph *g, fcs_node *y, fcs_node *gy, const bool *want, fcs_node **gx)
{
    return extremum_grad(y, gy, want, gx,
                         fcs_op_node(g, "less", NULL, 2, (fcs_node *[]){y->in[0], y->in[1]}));
}

/* select and not a product: what was not chosen may be infinite and must not become NaN. */
static fcs_status select_grad(fcs_graph *g, fcs_node *y, fcs_node *gy, const bool *want,
                              fcs_node **gx)
{
    fcs_node *zero = fcs_constant(g, 0), *c = y->in[0];
    if (want[1] &&
        !put(gx, want, y, 1, fcs_op_node(g, "select", NULL, 3, (fcs_node *[]){c, gy, zero})))
        return FCS_FAILED;
    if (want[2] &&
        !put(gx, want, y, 2, fcs_op_node(g, "select", NULL, 3, (fcs_node *[]){c, zero, gy})))
        return FCS_FAILED;
    return FCS_OK;
}

/* ---- one input ---- */
static fcs_status affine_grad(fcs_graph *g, fcs_node *y, fcs_node *gy, const bool *want,
                              fcs_node **gx)
{
    (void)g;
    if (want[0] && !(gx[0] = fcs_affine(gy, y->attrs.f[0], 0)))
        return FCS_FAILED;
    return FCS_OK;
}

static fcs_status neg_grad(fcs_graph *g, fcs_node *y, fcs_node *gy, const bool *want, fcs_node **gx)
{
    (void)g, (void)y;
    if (want[0] && !(gx[0] = fcs_unary("neg", gy)))
        return FCS_FAILED;
    return FCS_OK;
}

static fcs_status log_grad(fcs_graph *g, fcs_node *y, fcs_node *gy, const bool *want, fcs_node **gx)
{
    (void)g;
    if (want[0] && !(gx[0] = fcs_div(gy, y->in[0])))
        return FCS_FAILED;
    return FCS_OK;
}

static fcs_status sqrt_grad(fcs_graph *g, fcs_node *y, fcs_node *gy, const bool *want,
                            fcs_node **gx)
{
    (void)g;
    if (want[0] && !(gx[0] = fcs_div(fcs_affine(gy, 0.5, 0), y)))
        return FCS_FAILED;
    return FCS_OK;
}

static fcs_node *slope_square(fcs_node *y, fcs_node *x)
{
    (void)y;
    return fcs_affine(x, 2, 0);
}
static fcs_node *slope_abs(fcs_node *y, fcs_node *x)
{
    (void)y;
    return fcs_unary("sign", x);
}
/* Where y has the sign of x, the step is taken of y: it is kept for the next layer anyway, so x
 * need not be. */
static fcs_node *slope_relu(fcs_node *y, fcs_node *x)
{
    (void)x;
    return fcs_unary("step", y);
}
static fcs_node *slope_leaky_relu(fcs_node *y, fcs_node *x)
{
    return fcs_op_node(y->graph, "leaky_step", &y->attrs, 1, y->attrs.f[0] > 0 ? &y : &x);
}
/* d x^-1/2 = -1/2 y^3,  d 1/x = -y^2 */
static fcs_node *slope_rsqrt(fcs_node *y, fcs_node *x)
{
    (void)x;
    return fcs_affine(fcs_mul(fcs_unary("square", y), y), -0.5, 0);
}
static fcs_node *slope_reciprocal(fcs_node *y, fcs_node *x)
{
    (void)x;
    return fcs_unary("neg", fcs_unary("square", y));
}
static fcs_node *slope_exp(fcs_node *y, fcs_node *x)
{
    (void)x;
    return y;
}
static fcs_node *slope_tanh(fcs_node *y, fcs_node *x)
{
    (void)x;
    return fcs_affine(fcs_unary("square", y), -1, 1);
}
static fcs_node *slope_sigmoid(fcs_node *y, fcs_node *x)
{
    (void)x;
    return fcs_mul(y, fcs_affine(y, -1, 1));
}
static fcs_node *slope_softplus(fcs_node *y, fcs_node *x)
{
    (void)y;
    return fcs_unary("sigmoid", x);
}

#define SLOPE_GRAD(name)                                                                           \
    static fcs_status name##_grad(fcs_graph *g, fcs_node *y, fcs_node *gy, const bool *want,       \
                                  fcs_node **gx)                                                   \
    {                                                                                              \
        (void)g;                                                                                   \
        return slope_grad(y, gy, want, gx, slope_##name);                                          \
    }
SLOPE_GRAD(square)
SLOPE_GRAD(abs)
SLOPE_GRAD(relu)
SLOPE_GRAD(leaky_relu)
SLOPE_GRAD(rsqrt)
SLOPE_GRAD(reciprocal)
SLOPE_GRAD(exp)
SLOPE_GRAD(tanh)
SLOPE_GRAD(sigmoid)
SLOPE_GRAD(softplus)

/* ---- tables ---- */
static const fcs_attr affine_attrs[] = {
    {"scale", 'f', 0, 1, -3.4028234e38, 3.4028234e38, 1, "factor"},
    {"shift", 'f', 1, 1, -3.4028234e38, 3.4028234e38, 0, "added after the factor"},
};
static const fcs_attr slope_attrs[] = {
    {"slope", 'f', 0, 1, -1e6, 1e6, 0.2, "slope where the input is not above 0"},
};
static const char *const cases_1[] = {
    "in=1x1x1x1x1",  "in=2x3x1x5x7",    "in=1x17x1x9x11", "in=2x7x3x5x4",
    "in=3x40x1x1x3", "in=1x16x1x13x11", "in=2x1x1x33x35", NULL,
};
static const char *const affine_cases[] = {
    "in=1x1x1x1x1",
    "in=2x3x1x5x7 scale=2",
    "in=1x17x1x9x11 scale=-1 shift=1",
    "in=2x7x3x5x4 scale=0.5 shift=-0.25",
    "in=3x40x1x1x3 shift=3",
    "in=1x16x1x13x11 scale=0 shift=1",
    NULL,
};
static const char *const slope_cases[] = {
    "in=1x1x1x1x1",
    "in=2x3x1x5x7",
    "in=1x17x1x9x11 slope=0.25",
    "in=2x7x3x5x4 slope=0.01",
    "in=3x40x1x1x3 slope=0.5",
    "in=1x16x1x13x11",
    NULL,
};
static const char *const cases_2[] = {
    "in=1x1x1x1x1,1x1x1x1x1",     "in=2x3x1x5x7,2x3x1x5x7",
    "in=1x17x1x9x11,1x17x1x9x11", "in=2x17x1x5x7,1x17x1x1x1",
    "in=1x1x1x1x1,2x40x1x3x5",    "in=2x7x3x5x4,2x1x3x5x4",
    "in=3x1x1x5x1,1x33x1x1x7",    "in=2x16x1x9x5,2x16x1x1x1",
    "in=1x5x1x1x9,4x5x1x7x9",     NULL,
};
static const char *const cases_3[] = {
    "in=1x1x1x1x1,1x1x1x1x1,1x1x1x1x1",
    "in=2x3x1x5x7,2x3x1x5x7,2x3x1x5x7",
    "in=1x17x1x9x11,1x17x1x9x11,1x17x1x9x11",
    "in=1x1x1x1x1,2x33x1x5x3,1x33x1x1x1",
    "in=2x1x3x5x4,2x7x3x5x4,1x1x1x1x1",
    "in=2x16x1x9x5,1x16x1x9x1,2x1x1x1x5",
    NULL,
};
static const char *const bench_1[] = {"in=1x32x1x724x724", "in=16x1x1x1024x1024", NULL};
static const char *const bench_2[] = {"in=1x32x1x724x724,1x32x1x724x724",
                                      "in=1x32x1x724x724,1x32x1x1x1", NULL};
static const char *const bench_3[] = {"in=1x32x1x724x724,1x32x1x724x724,1x32x1x724x724", NULL};

#define LANES(op_name, inputs, cases_of, bench_of)                                                 \
    .name = #op_name, .family = "elementwise", .kind = FCS_KIND_LANES, .min_in = inputs,           \
    .max_in = inputs, .shape = lanes_shape, .window = lanes_window, .cases = cases_of,             \
    .bench = bench_of
#define ROUNDED_ONCE .accuracy = FCS_EXACT
#define WITHIN(units) .accuracy = FCS_FUNCTION, .ulp = units
#define ATTRS(table) .attrs = table, .n_attrs = (int)(sizeof table / sizeof *table)

const fcs_op fcs_op_add = {LANES(add, 2, cases_2, bench_2),
                           .text = "a + b",
                           ROUNDED_ONCE,
                           .grad = add_grad,
                           .preserves_zero = 1,
                           .nonzero = 0.5};
const fcs_op fcs_op_sub = {LANES(sub, 2, cases_2, bench_2),
                           .text = "a - b",
                           ROUNDED_ONCE,
                           .grad = sub_grad,
                           .preserves_zero = 1,
                           .nonzero = 0.5};
const fcs_op fcs_op_mul = {LANES(mul, 2, cases_2, bench_2),
                           .text = "a * b",
                           ROUNDED_ONCE,
                           .grad = mul_grad,
                           .preserves_zero = 1,
                           .nonzero = 0.5};
const fcs_op fcs_op_div = {LANES(div, 2, cases_2, bench_2),
                           .text = "a / b",
                           WITHIN(2.5),
                           .grad = div_grad,
                           .domain_lo = -4,
                           .domain_hi = 4,
                           .kinks = 1,
                           .nonzero = 0.5};
const fcs_op fcs_op_max = {LANES(max, 2, cases_2, bench_2),
                           .text = "the larger of a and b",
                           ROUNDED_ONCE,
                           .grad = max_grad,
                           .preserves_zero = 1,
                           .kinks = 1,
                           .nonzero = 0.5};
const fcs_op fcs_op_min = {LANES(min, 2, cases_2, bench_2),
                           .text = "the smaller of a and b",
                           ROUNDED_ONCE,
                           .grad = min_grad,
                           .preserves_zero = 1,
                           .kinks = 1,
                           .nonzero = 0.5};
const fcs_op fcs_op_less = {LANES(less, 2, cases_2, bench_2),
                            .text = "1 where a < b, else 0",
                            ROUNDED_ONCE,
                            .preserves_zero = 1,
                            .kinks = 1,
                            .nonzero = 0.2};
const fcs_op fcs_op_select = {LANES(select, 3, cases_3, bench_3),
                              .text = "b where a is not 0, else c",
                              ROUNDED_ONCE,
                              .grad = select_grad,
                              .preserves_zero = 1,
                              .kinks = 1,
                              .nonzero = 0.5};
const fcs_op fcs_op_affine = {LANES(affine, 1, affine_cases, bench_1),
                              .text = "scale * a + shift",
                              .accuracy = FCS_LINEAR,
                              ATTRS(affine_attrs),
                              .grad = affine_grad,
                              .nonzero = 0.5};
const fcs_op fcs_op_neg = {LANES(neg, 1, cases_1, bench_1),
                           .text = "-a",
                           ROUNDED_ONCE,
                           .grad = neg_grad,
                           .preserves_zero = 1,
                           .nonzero = 0.5};
const fcs_op fcs_op_square = {LANES(square, 1, cases_1, bench_1),
                              .text = "a * a",
                              ROUNDED_ONCE,
                              .grad = square_grad,
                              .preserves_zero = 1,
                              .nonzero = 0.5};
const fcs_op fcs_op_abs = {LANES(abs, 1, cases_1, bench_1),
                           .text = "|a|",
                           ROUNDED_ONCE,
                           .grad = abs_grad,
                           .preserves_zero = 1,
                           .kinks = 1,
                           .nonzero = 0.5};
const fcs_op fcs_op_sign = {LANES(sign, 1, cases_1, bench_1),
                            .text = "-1, 0 or 1 as a is below, at or above 0",
                            ROUNDED_ONCE,
                            .preserves_zero = 1,
                            .kinks = 1,
                            .nonzero = 0.5};
const fcs_op fcs_op_step = {LANES(step, 1, cases_1, bench_1),
                            .text = "1 where a > 0, else 0",
                            ROUNDED_ONCE,
                            .preserves_zero = 1,
                            .kinks = 1,
                            .nonzero = 0.2};
const fcs_op fcs_op_finite = {LANES(finite, 1, cases_1, bench_1),
                              .text = "1 where a is finite, else 0", ROUNDED_ONCE, .nonzero = 0.5};
const fcs_op fcs_op_relu = {LANES(relu, 1, cases_1, bench_1),
                            .text = "a where a > 0, else 0",
                            ROUNDED_ONCE,
                            .grad = relu_grad,
                            .preserves_zero = 1,
                            .kinks = 1,
                            .nonzero = 0.2};
const fcs_op fcs_op_leaky_relu = {LANES(leaky_relu, 1, slope_cases, bench_1),
                                  .text = "a where a > 0, else slope * a",
                                  ROUNDED_ONCE,
                                  ATTRS(slope_attrs),
                                  .grad = leaky_relu_grad,
                                  .preserves_zero = 1,
                                  .kinks = 1,
                                  .nonzero = 0.5};
const fcs_op fcs_op_leaky_step = {LANES(leaky_step, 1, slope_cases, bench_1),
                                  .text = "1 where a > 0, else slope",
                                  ROUNDED_ONCE,
                                  ATTRS(slope_attrs),
                                  .kinks = 1,
                                  .nonzero = 0.5};
const fcs_op fcs_op_sqrt = {LANES(sqrt, 1, cases_1, bench_1),
                            .text = "square root",
                            WITHIN(3),
                            .grad = sqrt_grad,
                            .preserves_zero = 1,
                            .domain_lo = 0.05,
                            .domain_hi = 9,
                            .nonzero = 0.5};
const fcs_op fcs_op_rsqrt = {LANES(rsqrt, 1, cases_1, bench_1),
                             .text = "1 / square root",
                             WITHIN(5.5),
                             .grad = rsqrt_grad,
                             .domain_lo = 0.05,
                             .domain_hi = 9,
                             .nonzero = 0.5};
const fcs_op fcs_op_reciprocal = {LANES(reciprocal, 1, cases_1, bench_1),
                                  .text = "1 / a",
                                  WITHIN(2.5),
                                  .grad = reciprocal_grad,
                                  .domain_lo = -4,
                                  .domain_hi = 4,
                                  .kinks = 1,
                                  .nonzero = 0.5};
const fcs_op fcs_op_exp = {LANES(exp, 1, cases_1, bench_1),
                           .text = "e to the power a",
                           WITHIN(3),
                           .grad = exp_grad,
                           .domain_lo = -20,
                           .domain_hi = 20,
                           .nonzero = 0.5};
const fcs_op fcs_op_log = {LANES(log, 1, cases_1, bench_1),
                           .text = "natural logarithm",
                           WITHIN(3),
                           .grad = log_grad,
                           .domain_lo = 0.01,
                           .domain_hi = 10,
                           .nonzero = 0.5};
const fcs_op fcs_op_tanh = {LANES(tanh, 1, cases_1, bench_1),
                            .text = "hyperbolic tangent",
                            WITHIN(5),
                            .grad = tanh_grad,
                            .preserves_zero = 1,
                            .domain_lo = -4,
                            .domain_hi = 4,
                            .nonzero = 0.5};
const fcs_op fcs_op_sigmoid = {LANES(sigmoid, 1, cases_1, bench_1),
                               .text = "1 / (1 + exp(-a))",
                               WITHIN(6),
                               .grad = sigmoid_grad,
                               .domain_lo = -10,
                               .domain_hi = 10,
                               .nonzero = 0.5};
const fcs_op fcs_op_softplus = {LANES(softplus, 1, cases_1, bench_1),
                                .text = "log(1 + exp(a)), without overflow",
                                WITHIN(6),
                                .grad = softplus_grad,
                                .domain_lo = -20,
                                .domain_hi = 20,
                                .nonzero = 0.5};
