/* interpolate.c: twice the resolution by linear interpolation, without the rim that would need
 * pixels from outside, and the adjoint. Along each of D H W with factor 2 and cropping lo, hi of 0
 * or 1:
 *   interpolate:    y[2 i + k - lo] = (3 x[i + k] + x[i + 1 - k]) / 4 for k = 0, 1 and 0 <= i < in
 * - 1, out = 2 (in - 1) - lo - hi interpolate_dx: the adjoint in x, out = (in + lo + hi) / 2 + 1
 * That is the usual half-pixel form (align_corners false) less its first and last pixel. Factor 1
 * leaves a dimension alone. The cropping lets a window begin with the second of a pair. */
#include "ops/ops.h"

static fcs_status interpolate_shape(fcs_apply_args *a, fcs_error *e)
{
    fcs_status status = fcs_op_begin_crops(a, e);
    if (status != FCS_OK)
        return status;
    fcs_shape s = a->in[0];
    for (int k = 0; k < 3; k++)
        if (a->attrs.i[FCS_POOL_FACTOR + k] == 2)
            s.n[FCS_D + k] = 2 * (s.n[FCS_D + k] - 1) - a->attrs.i[FCS_POOL_CROP_LO + k] -
                             a->attrs.i[FCS_POOL_CROP_HI + k];
    return fcs_op_finish(a, s, e);
}

static fcs_status interpolate_dx_shape(fcs_apply_args *a, fcs_error *e)
{
    fcs_status status = fcs_op_begin_crops(a, e);
    if (status != FCS_OK)
        return status;
    fcs_shape s = a->in[0];
    for (int k = 0; k < 3; k++) {
        int64_t n =
            s.n[FCS_D + k] + a->attrs.i[FCS_POOL_CROP_LO + k] + a->attrs.i[FCS_POOL_CROP_HI + k];
        if (a->attrs.i[FCS_POOL_FACTOR + k] == 1)
            continue;
        if (n % 2)
            return fcs_op_fail(a, e, "size %lld of %c, with its cropping, is odd",
                               (long long)s.n[FCS_D + k], "DHW"[k]);
        s.n[FCS_D + k] = n / 2 + 1;
    }
    return fcs_op_finish(a, s, e);
}

static fcs_status interpolate_grad(fcs_graph *g, fcs_node *y, fcs_node *gy, const bool *want,
                                   fcs_node **gx)
{
    return fcs_op_adjoint_grad(g, "interpolate_dx", y, gy, want, gx);
}

static fcs_status interpolate_dx_grad(fcs_graph *g, fcs_node *y, fcs_node *gy, const bool *want,
                                      fcs_node **gx)
{
    return fcs_op_adjoint_grad(g, "interpolate", y, gy, want, gx);
}

/* Two products and a sum for each doubled dimension. */
static double interpolate_flops(const fcs_apply_args *a)
{
    double larger = (double)fcs_shape_count(a->out), other = (double)fcs_shape_count(a->in[0]);
    return 9 * (larger > other ? larger : other);
}

static void interpolate_window(const fcs_apply_args *a, const fcs_box *out, fcs_box *in,
                               fcs_attrs *attrs)
{
    *attrs = a->attrs;
    *in = *out;
    for (int k = 0; k < 3; k++) {
        if (a->attrs.i[FCS_POOL_FACTOR + k] == 1)
            continue;
        int d = FCS_D + k;
        int64_t lo = a->attrs.i[FCS_POOL_CROP_LO + k];
        int64_t first = out->lo[d] + lo, end = out->hi[d] + lo;
        in->lo[d] = first / 2;
        in->hi[d] = (end - 1) / 2 + 2;
        attrs->i[FCS_POOL_CROP_LO + k] = first % 2;
        attrs->i[FCS_POOL_CROP_HI + k] = end % 2;
    }
}

static const fcs_attr interpolate_attrs[] = {
    {"factor", 'i', FCS_POOL_FACTOR, 3, 1, 2, 2, "1 or 2 in D,H,W"},
    {"crop_lo", 'i', FCS_POOL_CROP_LO, 3, 0, 1, 0,
     "leading pixels of the larger side left out, below the factor"},
    {"crop_hi", 'i', FCS_POOL_CROP_HI, 3, 0, 1, 0,
     "trailing pixels of the larger side left out, below the factor"},
};
static const char *const interpolate_cases[] = {
    "in=1x1x1x2x2 factor=1,2,2",
    "in=2x3x1x5x7 factor=1,2,2",
    "in=1x17x3x3x5",
    "in=2x7x3x2x3 factor=2,1,2",
    "in=1x40x1x5x5 factor=1,2,2 crop_lo=0,1,0 crop_hi=0,0,1",
    "in=1x16x3x4x2 crop_lo=1,0,1 crop_hi=0,1,0",
    "in=3x33x2x4x3 factor=2,1,1",
    "in=2x5x3x4x3 factor=1",
    NULL,
};
static const char *const interpolate_dx_cases[] = {
    "in=1x1x1x2x2 factor=1,2,2",
    "in=2x3x1x8x12 factor=1,2,2",
    "in=1x17x4x4x8",
    "in=2x7x4x3x4 factor=2,1,2",
    "in=1x40x1x7x7 factor=1,2,2 crop_lo=0,1,0 crop_hi=0,0,1",
    "in=1x16x3x5x1 crop_lo=1,0,1 crop_hi=0,1,0",
    "in=3x33x2x5x3 factor=2,1,1",
    "in=2x5x3x4x3 factor=1",
    NULL,
};
static const char *const interpolate_bench[] = {"in=1x32x34x34x34", NULL};
static const char *const interpolate_dx_bench[] = {"in=1x32x66x66x66", NULL};

const fcs_op fcs_op_interpolate = {
    .name = "interpolate",
    .family = "interpolate",
    .text = "twice as many pixels, linearly between neighbours, the outermost left out",
    .kind = FCS_KIND_KERNEL,
    .accuracy = FCS_LINEAR,
    .min_in = 1,
    .max_in = 1,
    .attrs = interpolate_attrs,
    .n_attrs = 3,
    .shape = interpolate_shape,
    .grad = interpolate_grad,
    .flops = interpolate_flops,
    .window = interpolate_window,
    .nonzero = 0.5,
    .cases = interpolate_cases,
    .bench = interpolate_bench,
};
const fcs_op fcs_op_interpolate_dx = {
    .name = "interpolate_dx",
    .family = "interpolate",
    .text = "the adjoint of interpolate",
    .kind = FCS_KIND_KERNEL,
    .accuracy = FCS_LINEAR,
    .min_in = 1,
    .max_in = 1,
    .attrs = interpolate_attrs,
    .n_attrs = 3,
    .shape = interpolate_dx_shape,
    .grad = interpolate_dx_grad,
    .flops = interpolate_flops,
    .nonzero = 0.5,
    .cases = interpolate_dx_cases,
    .bench = interpolate_dx_bench,
};
