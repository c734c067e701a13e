/* maxpool.c: max_pool and its adjoint in what it gathers, max_unpool.
 * Window o along each of D H W covers the pixels o * stride - pad_lo .. + kernel - 1; those beyond
 * the image are left out. The place of a window's largest x is the first one in the order D H W; a
 * NaN counts as largest.
 *   max_pool:   y[o] = v at the place of the largest x of window o (v: x itself, unless given)
 *   max_unpool: z[p] = sum of g[o] over the windows o whose largest x is at p
 * Both are linear in v and g, so each is the other's gradient; x itself has none but through v. */
#include "ops/ops.h"

static fcs_status begin(const fcs_apply_args *a, fcs_error *e)
{
    const int64_t *i = a->attrs.i;
    fcs_status status = fcs_op_begin(a, e);
    for (int k = 0; k < 3 && status == FCS_OK; k++)
        if (i[FCS_MAX_PAD_LO + k] >= i[FCS_MAX_KERNEL + k] ||
            i[FCS_MAX_PAD_HI + k] >= i[FCS_MAX_KERNEL + k])
            status = fcs_op_fail(a, e, "padding in %c must stay below the kernel's %lld pixels",
                                 "DHW"[k], (long long)i[FCS_MAX_KERNEL + k]);
    return status;
}

/* The sizes of the pooled image; fails where the padded image is smaller than the kernel. */
static fcs_status pooled(const fcs_apply_args *a, fcs_error *e, fcs_shape *s)
{
    const int64_t *i = a->attrs.i;
    *s = a->in[0];
    for (int k = 0; k < 3; k++) {
        int64_t room =
            s->n[FCS_D + k] + i[FCS_MAX_PAD_LO + k] + i[FCS_MAX_PAD_HI + k] - i[FCS_MAX_KERNEL + k];
        if (room < 0)
            return fcs_op_fail(a, e, "size %lld of %c is smaller than the kernel's %lld pixels",
                               (long long)s->n[FCS_D + k], "DHW"[k],
                               (long long)i[FCS_MAX_KERNEL + k]);
        s->n[FCS_D + k] = room / i[FCS_MAX_STRIDE + k] + 1;
    }
    return FCS_OK;
}

static fcs_status max_pool_shape(fcs_apply_args *a, fcs_error *e)
{
    fcs_shape s;
    fcs_status status = begin(a, e);
    if (status == FCS_OK)
        status = pooled(a, e, &s);
    if (status == FCS_OK && a->n_in == 2 && !fcs_shape_equal(a->in[0], a->in[1]))
        status = fcs_op_fail(a, e, "both inputs must have one shape");
    return status == FCS_OK ? fcs_op_finish(a, s, e) : status;
}

static fcs_status max_unpool_shape(fcs_apply_args *a, fcs_error *e)
{
    fcs_shape s;
    fcs_status status = begin(a, e);
    if (status == FCS_OK)
        status = pooled(a, e, &s);
    if (status == FCS_OK && !fcs_shape_equal(s, a->in[1]))
        status = fcs_op_fail(a, e, "the second input must have the shape of the pooled first");
    return status == FCS_OK ? fcs_op_finish(a, a->in[0], e) : status;
}

static fcs_status max_pool_grad(fcs_graph *g, fcs_node *y, fcs_node *gy, const bool *want,
                                fcs_node **gx)
{
    int moved = y->n_in - 1; /* the input whose values are in y */
    fcs_node *in[2] = {y->in[0], gy};
    if (want[moved] && !(gx[moved] = fcs_op_node(g, "max_unpool", &y->attrs, 2, in)))
        return FCS_FAILED;
    return FCS_OK;
}

static fcs_status max_unpool_grad(fcs_graph *g, fcs_node *y, fcs_node *gy, const bool *want,
                                  fcs_node **gx)
{
    fcs_node *in[2] = {y->in[0], gy};
    if (want[1] && !(gx[1] = fcs_op_node(g, "max_pool", &y->attrs, 2, in)))
        return FCS_FAILED;
    return FCS_OK;
}

static double max_pool_flops(const fcs_apply_args *a)
{
    const int64_t *k = a->attrs.i + FCS_MAX_KERNEL;
    return (double)fcs_shape_count(a->out) * (double)(k[0] * k[1] * k[2]);
}

static double max_unpool_flops(const fcs_apply_args *a)
{
    const int64_t *k = a->attrs.i + FCS_MAX_KERNEL;
    return (double)fcs_shape_count(a->in[1]) * (double)(k[0] * k[1] * k[2]);
}

/* Of max_unpool there is none: it needs all of its input. */
static void max_pool_window(const fcs_apply_args *a, const fcs_box *out, fcs_box *in,
                            fcs_attrs *attrs)
{
    *attrs = a->attrs;
    *in = *out;
    for (int k = 0; k < 3; k++) {
        int d = FCS_D + k;
        int64_t stride = attrs->i[FCS_MAX_STRIDE + k], lo = attrs->i[FCS_MAX_PAD_LO + k];
        int64_t first = out->lo[d] * stride - lo,
                end = (out->hi[d] - 1) * stride - lo + attrs->i[FCS_MAX_KERNEL + k];
        in->lo[d] = first < 0 ? 0 : first;
        in->hi[d] = end > a->in[0].n[d] ? a->in[0].n[d] : end;
        attrs->i[FCS_MAX_PAD_LO + k] = in->lo[d] - first;
        attrs->i[FCS_MAX_PAD_HI + k] = end - in->hi[d];
    }
    for (int i = 1; i < a->n_in; i++)
        in[i] = in[0];
}

static const fcs_attr max_attrs[] = {
    {"kernel", 'i', FCS_MAX_KERNEL, 3, 1, 1048576, 1, "size of the window in D,H,W"},
    {"stride", 'i', FCS_MAX_STRIDE, 3, 1, 1048576, 1, "pixels from one window to the next"},
    {"pad_lo", 'i', FCS_MAX_PAD_LO, 3, 0, 1048575, 0,
     "leading pixels of the first window that lie beyond the image, below the kernel"},
    {"pad_hi", 'i', FCS_MAX_PAD_HI, 3, 0, 1048575, 0,
     "trailing pixels that windows may reach beyond the image, below the kernel"},
};
static const char *const max_pool_cases[] = {
    "in=1x1x1x2x2 kernel=1,2,2 stride=1,2,2",
    "in=2x3x1x9x7 kernel=1,3,3 stride=1,2,2",
    "in=1x17x1x6x8 kernel=1,3,3 stride=1,2,2 pad_hi=0,1,1",
    "in=2x5x3x4x5 kernel=2 stride=1",
    "in=1x16x1x5x7 kernel=1,2,3 stride=1,1,2 pad_lo=0,1,2",
    "in=1x20x1x5x5 kernel=1,3,3 stride=1,1,1 pad_lo=0,1,1 pad_hi=0,1,1",
    "in=1x33x1x6x6 kernel=1,2,2 stride=1,3,3",
    "in=2x7x1x5x5,2x7x1x5x5 kernel=1,3,3 stride=1,2,2",
    "in=1x19x2x4x5,1x19x2x4x5 kernel=2,2,3 stride=1,2,1 pad_lo=1,0,1 pad_hi=0,1,0",
    NULL,
};
static const char *const max_unpool_cases[] = {
    "in=1x1x1x2x2,1x1x1x1x1 kernel=1,2,2 stride=1,2,2",
    "in=2x3x1x9x7,2x3x1x4x3 kernel=1,3,3 stride=1,2,2",
    "in=1x17x1x6x8,1x17x1x3x4 kernel=1,3,3 stride=1,2,2 pad_hi=0,1,1",
    "in=2x5x3x4x5,2x5x2x3x4 kernel=2 stride=1",
    "in=1x20x1x5x5,1x20x1x5x5 kernel=1,3,3 stride=1,1,1 pad_lo=0,1,1 pad_hi=0,1,1",
    "in=1x33x1x6x6,1x33x1x2x2 kernel=1,2,2 stride=1,3,3",
    NULL,
};
static const char *const max_pool_bench[] = {"in=1x96x1x111x111 kernel=1,3,3 stride=1,2,2",
                                             "in=8x64x1x112x112 kernel=1,2,2 stride=1,2,2", NULL};
static const char *const max_unpool_bench[] = {
    "in=8x64x1x112x112,8x64x1x56x56 kernel=1,2,2 stride=1,2,2", NULL};

const fcs_op fcs_op_max_pool = {
    .name = "max_pool",
    .family = "resample",
    .text = "the largest pixel of each window, or a second input's value at its place",
    .kind = FCS_KIND_KERNEL,
    .accuracy = FCS_EXACT,
    .min_in = 1,
    .max_in = 2,
    .attrs = max_attrs,
    .n_attrs = 4,
    .shape = max_pool_shape,
    .grad = max_pool_grad,
    .flops = max_pool_flops,
    .window = max_pool_window,
    .kinks = FCS_KINKS_EQUAL,
    .nonzero = 0.5,
    .cases = max_pool_cases,
    .bench = max_pool_bench,
};
const fcs_op fcs_op_max_unpool = {
    .name = "max_unpool",
    .family = "resample",
    .text = "adds the second input to the places of the largest pixels of the first",
    .kind = FCS_KIND_KERNEL,
    .accuracy = FCS_LINEAR,
    .min_in = 2,
    .max_in = 2,
    .attrs = max_attrs,
    .n_attrs = 4,
    .shape = max_unpool_shape,
    .grad = max_unpool_grad,
    .flops = max_unpool_flops,
    .kinks = FCS_KINKS_EQUAL,
    .nonzero = 0.05,
    .cases = max_unpool_cases,
    .bench = max_unpool_bench,
};
