/* softmax.c: shares over the channels of each pixel: y[c] = exp(x[c]) / sum over k of exp(x[k]). */
#include "ops/ops.h"

static fcs_status softmax_shape(fcs_apply_args *a, fcs_error *e)
{
    fcs_status status = fcs_op_begin(a, e);
    return status == FCS_OK ? fcs_op_finish(a, a->in[0], e) : status;
}

/* gx[c] = y[c] (gy[c] - sum over k of gy[k] y[k]). */
static fcs_status softmax_grad(fcs_graph *g, fcs_node *y, fcs_node *gy, const bool *want,
                               fcs_node **gx)
{
    (void)g;
    if (want[0] && !(gx[0] = fcs_mul(y, fcs_sub(gy, fcs_sum(fcs_mul(gy, y), "c")))))
        return FCS_FAILED;
    return FCS_OK;
}

/* Per number: a comparison, a difference, an exponential (about 15), a sum, a product. */
static double softmax_flops(const fcs_apply_args *a)
{
    return 19 * (double)fcs_shape_count(a->out);
}

static void softmax_window(const fcs_apply_args *a, const fcs_box *out, fcs_box *in,
                           fcs_attrs *attrs)
{
    *attrs = a->attrs;
    *in = *out;
}

static const char *const softmax_cases[] = {
    "in=1x1x1x3x3",
    "in=2x3x1x5x7",
    "in=1x2x4x5x3",
    "in=2x7x3x3x5",
    "in=1x17x1x5x7",
    "in=1x40x2x3x5",
    "in=2x3x3x11x29",
    "in=1x4x1x13x10",
    "in=3x5x1x9x17",
    "in=1x6x2x7x33",
    "in=2x8x1x19x7",
    "in=1x9x1x3x50",
    NULL,
};
static const char *const softmax_bench[] = {"in=2x3x64x64x64", NULL};

const fcs_op fcs_op_softmax = {
    .name = "softmax",
    .family = "softmax",
    .text = "exp(x) over its sum over the channels of each pixel",
    .kind = FCS_KIND_KERNEL,
    .accuracy = FCS_FUNCTION,
    .ulp = 10, /* the largest difference of two inputs, 8, loses 4; the sum and exp the rest */
    .min_in = 1,
    .max_in = 1,
    .shape = softmax_shape,
    .grad = softmax_grad,
    .flops = softmax_flops,
    .window = softmax_window,
    .domain_lo = -4,
    .domain_hi = 4,
    .nonzero = 1,
    .cases = softmax_cases,
    .bench = softmax_bench,
};
