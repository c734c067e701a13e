/* resample.c: upsample (nearest, whole factors) and its adjoint, sum_pool.
 * Along each of D H W, with factor f and cropping lo, hi below f:
 *   upsample: y[i] = x[(i + lo) / f],             out = in * f - lo - hi
 *   sum_pool: y[j] = sum of x[i], (i + lo) / f = j, out = (in + lo + hi) / f
 * The cropping lets a window begin inside a repeated pixel. */
#include "ops/ops.h"

static fcs_status upsample_shape(fcs_apply_args *a, fcs_error *e)
{
    fcs_status status = fcs_op_begin_crops(a, e);
    if (status != FCS_OK)
        return status;
    fcs_shape s = a->in[0];
    for (int k = 0; k < 3; k++)
        s.n[FCS_D + k] = s.n[FCS_D + k] * a->attrs.i[FCS_POOL_FACTOR + k] -
                         a->attrs.i[FCS_POOL_CROP_LO + k] - a->attrs.i[FCS_POOL_CROP_HI + k];
    return fcs_op_finish(a, s, e);
}

static fcs_status sum_pool_shape(fcs_apply_args *a, fcs_error *e)
{
    fcs_status status = fcs_op_begin_crops(a, e);
    if (status != FCS_OK)
        return status;
    fcs_shape s = a->in[0];
    for (int k = 0; k < 3; k++) {
        int64_t f = a->attrs.i[FCS_POOL_FACTOR + k];
        int64_t n =
            s.n[FCS_D + k] + a->attrs.i[FCS_POOL_CROP_LO + k] + a->attrs.i[FCS_POOL_CROP_HI + k];
        if (n % f)
            return fcs_op_fail(a, e,
                               "size %lld of %c is not divided by the factor %lld, pad or crop it",
                               (long long)n, "DHW"[k], (long long)f);
        s.n[FCS_D + k] = n / f;
    }
    return fcs_op_finish(a, s, e);
}

static fcs_status upsample_grad(fcs_graph *g, fcs_node *y, fcs_node *gy, const bool *want,
                                fcs_node **gx)
{
    return fcs_op_adjoint_grad(g, "sum_pool", y, gy, want, gx);
}

static fcs_status sum_pool_grad(fcs_graph *g, fcs_node *y, fcs_node *gy, const bool *want,
                                fcs_node **gx)
{
    return fcs_op_adjoint_grad(g, "upsample", y, gy, want, gx);
}

static double sum_pool_flops(const fcs_apply_args *a) { return (double)fcs_shape_count(a->in[0]); }

static void upsample_window(const fcs_apply_args *a, const fcs_box *out, fcs_box *in,
                            fcs_attrs *attrs)
{
    *attrs = a->attrs;
    *in = *out;
    for (int k = 0; k < 3; k++) {
        int64_t f = a->attrs.i[FCS_POOL_FACTOR + k], lo = a->attrs.i[FCS_POOL_CROP_LO + k];
        int64_t first = out->lo[FCS_D + k] + lo, end = out->hi[FCS_D + k] + lo;
        in->lo[FCS_D + k] = first / f;
        in->hi[FCS_D + k] = (end + f - 1) / f;
        attrs->i[FCS_POOL_CROP_LO + k] = first - in->lo[FCS_D + k] * f;
        attrs->i[FCS_POOL_CROP_HI + k] = in->hi[FCS_D + k] * f - end;
    }
}

static void sum_pool_window(const fcs_apply_args *a, const fcs_box *out, fcs_box *in,
                            fcs_attrs *attrs)
{
    *attrs = a->attrs;
    *in = *out;
    for (int k = 0; k < 3; k++) {
        int d = FCS_D + k;
        int64_t f = a->attrs.i[FCS_POOL_FACTOR + k], lo = a->attrs.i[FCS_POOL_CROP_LO + k];
        int64_t first = out->lo[d] * f - lo, end = out->hi[d] * f - lo;
        in->lo[d] = first < 0 ? 0 : first;
        in->hi[d] = end > a->in[0].n[d] ? a->in[0].n[d] : end;
        attrs->i[FCS_POOL_CROP_LO + k] = in->lo[d] - first;
        attrs->i[FCS_POOL_CROP_HI + k] = end - in->hi[d];
    }
}

static const fcs_attr pool_attrs[] = {
    {"factor", 'i', FCS_POOL_FACTOR, 3, 1, 1048576, 1, "whole factor in D,H,W"},
    {"crop_lo", 'i', FCS_POOL_CROP_LO, 3, 0, 1048575, 0,
     "leading pixels of the larger side left out, below the factor"},
    {"crop_hi", 'i', FCS_POOL_CROP_HI, 3, 0, 1048575, 0,
     "trailing pixels of the larger side left out, below the factor"},
};
static const char *const upsample_cases[] = {
    "in=1x1x1x1x1 factor=1,2,2",
    "in=2x3x1x5x7 factor=1,2,2",
    "in=1x17x1x3x5 factor=1,3,2",
    "in=2x7x3x2x3 factor=2",
    "in=1x40x1x5x5 factor=1,2,2 crop_lo=0,1,0 crop_hi=0,0,1",
    "in=1x16x3x3x2 factor=3,1,4 crop_lo=2,0,1 crop_hi=1,0,3",
    "in=3x33x1x4x3 factor=1",
    NULL,
};
static const char *const sum_pool_cases[] = {
    "in=1x1x1x2x2 factor=1,2,2",
    "in=2x3x1x10x14 factor=1,2,2",
    "in=1x17x1x9x10 factor=1,3,2",
    "in=2x7x6x4x6 factor=2",
    "in=1x40x1x9x9 factor=1,2,2 crop_lo=0,1,0 crop_hi=0,0,1",
    "in=1x16x6x3x4 factor=3,1,4 crop_lo=2,0,1 crop_hi=1,0,3",
    "in=3x33x1x4x3 factor=1",
    NULL,
};
static const char *const upsample_bench[] = {"in=1x32x1x362x362 factor=1,2,2",
                                             "in=8x128x1x32x32 factor=1,2,2", NULL};
static const char *const sum_pool_bench[] = {"in=1x32x1x724x724 factor=1,2,2",
                                             "in=8x128x1x64x64 factor=1,2,2", NULL};

const fcs_op fcs_op_upsample = {
    .name = "upsample",
    .family = "resample",
    .text = "repeats each pixel, by a whole factor per dimension",
    .kind = FCS_KIND_KERNEL,
    .accuracy = FCS_EXACT,
    .min_in = 1,
    .max_in = 1,
    .attrs = pool_attrs,
    .n_attrs = 3,
    .shape = upsample_shape,
    .grad = upsample_grad,
    .window = upsample_window,
    .nonzero = 0.5,
    .cases = upsample_cases,
    .bench = upsample_bench,
};
const fcs_op fcs_op_sum_pool = {
    .name = "sum_pool",
    .family = "resample",
    .text = "sums blocks of pixels, by a whole factor per dimension",
    .kind = FCS_KIND_KERNEL,
    .accuracy = FCS_LINEAR,
    .min_in = 1,
    .max_in = 1,
    .attrs = pool_attrs,
    .n_attrs = 3,
    .shape = sum_pool_shape,
    .grad = sum_pool_grad,
    .flops = sum_pool_flops,
    .window = sum_pool_window,
    .nonzero = 0.5,
    .cases = sum_pool_cases,
    .bench = sum_pool_bench,
};
