/* conv.c: conv, conv_dx, conv_dw: one bilinear form in (x, w, gy) and its three partial
 * applications, so that each one's gradients are the other two. Attributes and sizes: enum
 * fcs_conv_attr in ops.h. */
#include "ops/tiling.h"

/* The sizes that the three ops have in common, along D H W. */
typedef struct conv_sizes {
    int64_t x[3], k[3], y[3];
} conv_sizes;

/* What an attribute is along dimension d = 0, 1, 2 (D H W). */
static int64_t stride_of(const fcs_attrs *a, int d) { return a->i[FCS_CONV_STRIDE + d]; }
static int64_t dilation_of(const fcs_attrs *a, int d) { return a->i[FCS_CONV_DILATION + d]; }
static int64_t lo_of(const fcs_attrs *a, int d) { return a->i[FCS_CONV_PAD_LO + d]; }
static int64_t hi_of(const fcs_attrs *a, int d) { return a->i[FCS_CONV_PAD_HI + d]; }
/* Pixels that a kernel of size k spans. */
static int64_t extent(const fcs_attrs *a, int d, int64_t k)
{
    return dilation_of(a, d) * (k - 1) + 1;
}

/* Size of y for x and kernel size k; below 1 where the kernel does not fit. */
static int64_t y_size(const fcs_attrs *a, int d, int64_t x, int64_t k)
{
    int64_t room = x + lo_of(a, d) + hi_of(a, d) - extent(a, d, k);
    return room < 0 ? 0 : room / stride_of(a, d) + 1;
}

/* Every output of conv must touch its input. Windows of conv_dx may begin up to stride - 1 further
 * out, and the input of a tile up to its points further. */
static fcs_status check_pads(const fcs_apply_args *a, const int64_t *k, bool forward, fcs_error *e)
{
    for (int d = 0; d < 3; d++) {
        int64_t stride = stride_of(&a->attrs, d), tile = dilation_of(&a->attrs, d) * stride,
                most = extent(&a->attrs, d, k[d]) - 1 + (forward ? 0 : stride - 1);
        if (!forward && a->attrs.i[FCS_CONV_FORM + d] > 1)
            most += tile * FCS_TILE_POINTS;
        int64_t pad =
            lo_of(&a->attrs, d) > hi_of(&a->attrs, d) ? lo_of(&a->attrs, d) : hi_of(&a->attrs, d);
        if (pad > most)
            return fcs_op_fail(a, e,
                               "padding %lld in %c is wider than the kernel reaches (%lld), use "
                               "less or the op pad",
                               (long long)pad, "DHW"[d], (long long)most);
    }
    return FCS_OK;
}

/* Last thing in each shape(). */
static fcs_status conv_finish(fcs_apply_args *a, fcs_shape out, fcs_error *e)
{
    fcs_status status = fcs_op_finish(a, out, e);
    const int64_t *form = a->attrs.i + FCS_CONV_FORM;
    if (status == FCS_OK && !fcs_conv_form_fits(a))
        return fcs_op_fail(a, e,
                           "there are no tiles of form=%lld,%lld,%lld for this kernel and these "
                           "channels, use 0 (the best) or 1 (direct sums)",
                           (long long)form[0], (long long)form[1], (long long)form[2]);
    return status;
}

static fcs_status conv_shape(fcs_apply_args *a, fcs_error *e)
{
    for (int d = 0; d < 3; d++)
        a->attrs.i[FCS_CONV_SIZE + d] = 0;
    fcs_status status = fcs_op_begin(a, e);
    if (status != FCS_OK)
        return status;
    const fcs_shape x = a->in[0], w = a->in[1];
    if (x.n[FCS_C] != w.n[FCS_C])
        return fcs_op_fail(a, e, "the image has %lld channels, the kernel takes %lld",
                           (long long)x.n[FCS_C], (long long)w.n[FCS_C]);
    if ((status = check_pads(a, w.n + FCS_D, true, e)) != FCS_OK)
        return status;
    fcs_shape y = x;
    y.n[FCS_C] = w.n[FCS_N];
    for (int d = 0; d < 3; d++) {
        y.n[FCS_D + d] = y_size(&a->attrs, d, x.n[FCS_D + d], w.n[FCS_D + d]);
        if (y.n[FCS_D + d] < 1)
            return fcs_op_fail(a, e,
                               "the kernel spans %lld in %c, more than the padded image, use "
                               "larger inputs or padding",
                               (long long)extent(&a->attrs, d, w.n[FCS_D + d]), "DHW"[d]);
    }
    return conv_finish(a, y, e);
}

/* Without a given size: the smallest image whose convolution has gy's size. */
static fcs_status conv_dx_shape(fcs_apply_args *a, fcs_error *e)
{
    fcs_status status = fcs_op_begin(a, e);
    if (status != FCS_OK)
        return status;
    const fcs_shape gy = a->in[0], w = a->in[1];
    if (gy.n[FCS_C] != w.n[FCS_N])
        return fcs_op_fail(a, e, "the image has %lld channels, the kernel gives %lld",
                           (long long)gy.n[FCS_C], (long long)w.n[FCS_N]);
    if ((status = check_pads(a, w.n + FCS_D, false, e)) != FCS_OK)
        return status;
    fcs_shape x = gy;
    x.n[FCS_C] = w.n[FCS_C];
    for (int d = 0; d < 3; d++) {
        int64_t *size = &a->attrs.i[FCS_CONV_SIZE + d], n = gy.n[FCS_D + d], k = w.n[FCS_D + d];
        if (!*size)
            *size = (n - 1) * stride_of(&a->attrs, d) + extent(&a->attrs, d, k) -
                    lo_of(&a->attrs, d) - hi_of(&a->attrs, d);
        if (*size < 1)
            return fcs_op_fail(a, e, "padding leaves nothing in %c, use less", "DHW"[d]);
        if (y_size(&a->attrs, d, *size, k) != n)
            return fcs_op_fail(a, e,
                               "a convolution of size %lld in %c gives %lld, not the input's %lld",
                               (long long)*size, "DHW"[d],
                               (long long)y_size(&a->attrs, d, *size, k), (long long)n);
        x.n[FCS_D + d] = *size;
    }
    return conv_finish(a, x, e);
}

/* Without a given size: the largest kernel that fits. */
static fcs_status conv_dw_shape(fcs_apply_args *a, fcs_error *e)
{
    fcs_status status = fcs_op_begin(a, e);
    if (status != FCS_OK)
        return status;
    const fcs_shape x = a->in[0], gy = a->in[1];
    if (x.n[FCS_N] != gy.n[FCS_N])
        return fcs_op_fail(a, e, "the inputs differ in their number of samples");
    fcs_shape w = fcs_shape_of(gy.n[FCS_C], x.n[FCS_C], 1, 1, 1);
    for (int d = 0; d < 3; d++) {
        int64_t *size = &a->attrs.i[FCS_CONV_SIZE + d], n = gy.n[FCS_D + d];
        int64_t room = x.n[FCS_D + d] + lo_of(&a->attrs, d) + hi_of(&a->attrs, d) - 1 -
                       (n - 1) * stride_of(&a->attrs, d);
        if (!*size)
            *size = room < 0 ? 1 : room / dilation_of(&a->attrs, d) + 1;
        if (y_size(&a->attrs, d, x.n[FCS_D + d], *size) != n)
            return fcs_op_fail(
                a, e, "a kernel of size %lld in %c gives %lld outputs, not the second input's %lld",
                (long long)*size, "DHW"[d], (long long)y_size(&a->attrs, d, x.n[FCS_D + d], *size),
                (long long)n);
        w.n[FCS_D + d] = *size;
    }
    if ((status = check_pads(a, w.n + FCS_D, false, e)) != FCS_OK)
        return status;
    return conv_finish(a, w, e);
}

/* A multiplication and an addition per kernel tap, input channel and element of y, padding counted
 * as well. */
static double flops(fcs_shape y, fcs_shape w)
{
    double taps = (double)w.n[FCS_C];
    for (int d = FCS_D; d < FCS_DIMS; d++)
        taps *= (double)w.n[d];
    return 2.0 * taps * (double)fcs_shape_count(y);
}
static double conv_flops(const fcs_apply_args *a) { return flops(a->out, a->in[1]); }
static double conv_dx_flops(const fcs_apply_args *a) { return flops(a->in[0], a->in[1]); }
static double conv_dw_flops(const fcs_apply_args *a) { return flops(a->in[1], a->out); }

/* Of a gradient, whose result is another: tiles are counted from its own first pixel. */
static fcs_attrs with_size(const fcs_attrs *a, fcs_shape s)
{
    fcs_attrs sized = *a;
    for (int d = 0; d < 3; d++) {
        sized.i[FCS_CONV_SIZE + d] = s.n[FCS_D + d];
        sized.i[FCS_CONV_ORIGIN + d] = 0;
    }
    sized.i[FCS_CONV_SPLIT] = 0;
    return sized;
}

/* A form for under eight channels need not be one of a gradient's op: that takes its best. */
static void without_thin(fcs_attrs *a, int64_t channels)
{
    int64_t *form = a->i + FCS_CONV_FORM;
    bool direct = form[0] == 1 && form[1] == 1 && form[2] == 1;
    for (int d = 0; d < 3 && channels < FCS_TILING_CHANNELS && !direct; d++)
        form[d] = 0;
}

static fcs_status conv_grad(fcs_graph *g, fcs_node *y, fcs_node *gy, const bool *want,
                            fcs_node **gx)
{
    (void)g;
    fcs_node *x = y->in[0], *w = y->in[1];
    fcs_attrs dx = with_size(&y->attrs, x->shape), dw = with_size(&y->attrs, w->shape);
    without_thin(&dx, x->shape.n[FCS_C]);
    if (want[0] && !(gx[0] = fcs_conv_dx(gy, w, &dx)))
        return FCS_FAILED;
    if (want[1] && !(gx[1] = fcs_conv_dw(x, gy, &dw)))
        return FCS_FAILED;
    return FCS_OK;
}

/* y = conv_dx(p, w) has an image's shape, and so has gy. */
static fcs_status conv_dx_grad(fcs_graph *g, fcs_node *y, fcs_node *gy, const bool *want,
                               fcs_node **gx)
{
    (void)g;
    fcs_node *p = y->in[0], *w = y->in[1];
    fcs_attrs dw = with_size(&y->attrs, w->shape);
    without_thin(&dw, y->shape.n[FCS_C]);
    if (want[0] && !(gx[0] = fcs_conv(gy, w, &dw)))
        return FCS_FAILED;
    if (want[1] && !(gx[1] = fcs_conv_dw(gy, p, &dw)))
        return FCS_FAILED;
    return FCS_OK;
}

/* y = conv_dw(x, p) has a kernel's shape, and so has gy. */
static fcs_status conv_dw_grad(fcs_graph *g, fcs_node *y, fcs_node *gy, const bool *want,
                               fcs_node **gx)
{
    (void)g;
    fcs_node *x = y->in[0], *p = y->in[1];
    fcs_attrs dx = with_size(&y->attrs, x->shape);
    without_thin(&dx, x->shape.n[FCS_C]);
    if (want[0] && !(gx[0] = fcs_conv_dx(p, gy, &dx)))
        return FCS_FAILED;
    if (want[1] && !(gx[1] = fcs_conv(x, gy, &dx)))
        return FCS_FAILED;
    return FCS_OK;
}

/* Kernels are always whole, and so are samples and channels. The form is the whole image's, and so
 * is the place of its tiles; windows that lie alike to them have the same attributes. */
static bool window_begin(const fcs_apply_args *a, const fcs_box *out, fcs_box *in, fcs_attrs *attrs,
                         fcs_tiling t[3])
{
    bool tiled = fcs_conv_tiling(a, t);
    *attrs = a->attrs;
    for (int d = 0; d < 3; d++) {
        attrs->i[FCS_CONV_FORM + d] = tiled ? t[d].results : 1;
        attrs->i[FCS_CONV_ORIGIN + d] += out->lo[FCS_D + d];
        attrs->i[FCS_CONV_ORIGIN + d] %= tiled ? fcs_tiling_period(&t[d]) : 1;
    }
    attrs->i[FCS_CONV_SPLIT] = tiled && t[0].split;
    in[0] = fcs_box_whole(a->in[0]);
    in[1] = fcs_box_whole(a->in[1]);
    in[0].lo[FCS_N] = out->lo[FCS_N];
    in[0].hi[FCS_N] = out->hi[FCS_N];
    return tiled;
}

/* Widens the input's range [*lo, *hi), which lies in [0, n), to what whole tiles read of it. */
static void widen(const fcs_tiling *t, const fcs_box *out, int m, int64_t n, int64_t *lo,
                  int64_t *hi)
{
    int64_t first, end;
    fcs_tiles_reads(t, out->lo[m], out->hi[m], &first, &end);
    if (first < *lo)
        *lo = first < 0 ? 0 : first;
    if (end > *hi)
        *hi = end > n ? n : end;
}

/* y[o] reads x[o * stride - lo .. + extent - 1]: what lies outside the true image becomes the box's
 * padding; what tiles read beyond that, padding below 0. */
static void conv_window(const fcs_apply_args *a, const fcs_box *out, fcs_box *in, fcs_attrs *attrs)
{
    fcs_tiling t[3];
    bool tiled = window_begin(a, out, in, attrs, t);
    for (int d = 0; d < 3; d++) {
        int m = FCS_D + d;
        int64_t s = stride_of(&a->attrs, d), lo = lo_of(&a->attrs, d), n = a->in[0].n[m];
        int64_t first = out->lo[m] * s - lo,
                end = (out->hi[m] - 1) * s - lo + extent(&a->attrs, d, a->in[1].n[m]);
        in[0].lo[m] = first < 0 ? 0 : first;
        in[0].hi[m] = end > n ? n : end;
        if (tiled)
            widen(&t[d], out, m, n, &in[0].lo[m], &in[0].hi[m]);
        attrs->i[FCS_CONV_PAD_LO + d] = in[0].lo[m] - first;
        attrs->i[FCS_CONV_PAD_HI + d] = end - in[0].hi[m];
    }
}

static int64_t floor_divide(int64_t a, int64_t b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }

/* x[i] = sum of p[o] w[t] over o * stride + t * dilation - lo = i. For i in [first, end) that is o
 * from ceil((first + lo - extent + 1) / stride) to floor((end - 1 + lo) / stride), clipped to p;
 * the first o is lowered to floor((first + lo) / stride) where it is above (kernels smaller than
 * the stride), so that the new lo, which is first + lo - o * stride, is not negative. The new hi
 * completes the size, or is 0 where the stride's slack does. */
static void conv_dx_window(const fcs_apply_args *a, const fcs_box *out, fcs_box *in,
                           fcs_attrs *attrs)
{
    fcs_tiling t[3];
    bool tiled = window_begin(a, out, in, attrs, t);
    for (int d = 0; d < 3; d++) {
        int m = FCS_D + d;
        int64_t s = stride_of(&a->attrs, d), lo = lo_of(&a->attrs, d), n = a->in[0].n[m];
        int64_t span = extent(&a->attrs, d, a->in[1].n[m]), size = out->hi[m] - out->lo[m];
        int64_t o = floor_divide(out->lo[m] + lo - span + s, s), lowest = (out->lo[m] + lo) / s;
        int64_t last = (out->hi[m] - 1 + lo) / s;
        if (o > lowest)
            o = lowest;
        if (o < 0)
            o = 0;
        if (o > n - 1)
            o = n - 1;
        if (last > n - 1)
            last = n - 1;
        in[0].lo[m] = o;
        in[0].hi[m] = last + 1;
        if (tiled)
            widen(&t[d], out, m, n, &in[0].lo[m], &in[0].hi[m]);
        o = in[0].lo[m];
        last = in[0].hi[m] - 1;
        int64_t new_lo = out->lo[m] + lo - o * s, hi = (last - o) * s + span - size - new_lo;
        attrs->i[FCS_CONV_PAD_LO + d] = new_lo;
        attrs->i[FCS_CONV_PAD_HI + d] = hi < 0 ? 0 : hi;
        attrs->i[FCS_CONV_SIZE + d] = size;
    }
}

#define MOST 1048576
#define LARGEST 1099511627776.0
/* One a line, three values each: kept apart so that the two lists below read as lists. */
#define ATTR(name, at, min, max, standard, text)                                                   \
    {                                                                                              \
        name, 'i', at, 3, min, max, standard, text                                                 \
    }
#define STRIDE                                                                                     \
    ATTR("stride", FCS_CONV_STRIDE, 1, MOST, 1, "from one output to the next, pixels D,H,W")
#define DILATION                                                                                   \
    ATTR("dilation", FCS_CONV_DILATION, 1, MOST, 1, "from one kernel tap to the next, pixels D,H,W")
#define PAD_LO                                                                                     \
    ATTR("pad_lo", FCS_CONV_PAD_LO, -LARGEST, LARGEST, 0,                                          \
         "zeros before the image, D,H,W (conv_dx: pixels cropped)")
#define PAD_HI                                                                                     \
    ATTR("pad_hi", FCS_CONV_PAD_HI, -LARGEST, LARGEST, 0,                                          \
         "zeros behind the image, D,H,W (conv_dx: pixels cropped)")
#define FORM                                                                                       \
    ATTR("form", FCS_CONV_FORM, 0, FCS_TILE_POINTS, 0,                                             \
         "minimal filtering: results per tile, D,H,W; 1: direct sums; 0: chosen by size")
#define ORIGIN                                                                                     \
    ATTR("origin", FCS_CONV_ORIGIN, 0, LARGEST, 0,                                                 \
         "place of the result in the whole image, D,H,W, from where tiles are counted")
static const fcs_attr conv_attrs[] = {STRIDE, DILATION, PAD_LO, PAD_HI, FORM, ORIGIN};
static const fcs_attr conv_dx_attrs[] = {
    STRIDE,
    DILATION,
    PAD_LO,
    PAD_HI,
    ATTR("size", FCS_CONV_SIZE, 0, LARGEST, 0, "size of the result, D,H,W; 0: the smallest"),
    FORM,
    ORIGIN,
    {"split", 'i', FCS_CONV_SPLIT, 1, 0, 1, 0,
     "minimal filtering, stride > 1: 1 gives each of the interleaved results tiles of its own"},
};
static const fcs_attr conv_dw_attrs[] = {
    STRIDE,
    DILATION,
    PAD_LO,
    PAD_HI,
    ATTR("size", FCS_CONV_SIZE, 0, LARGEST, 0, "size of the kernel, D,H,W; 0: the largest"),
    FORM,
};

#include "ops/conv-cases.h"

const fcs_op fcs_op_conv = {
    .name = "conv",
    .family = "conv",
    .text = "convolution of an image N,Ci,D,H,W with a kernel Co,Ci,kD,kH,kW",
    .kind = FCS_KIND_KERNEL,
    .accuracy = FCS_LINEAR,
    .min_in = 2,
    .max_in = 2,
    .attrs = conv_attrs,
    .n_attrs = 6,
    .shape = conv_shape,
    .grad = conv_grad,
    .flops = conv_flops,
    .work = fcs_conv_work,
    .window = conv_window,
    .nonzero = 0.5,
    .cases = conv_cases,
    .bench = conv_bench,
};
const fcs_op fcs_op_conv_dx = {
    .name = "conv_dx",
    .family = "conv",
    .text = "transposed convolution: the adjoint of conv in the image",
    .kind = FCS_KIND_KERNEL,
    .accuracy = FCS_LINEAR,
    .min_in = 2,
    .max_in = 2,
    .attrs = conv_dx_attrs,
    .n_attrs = 8,
    .shape = conv_dx_shape,
    .grad = conv_dx_grad,
    .flops = conv_dx_flops,
    .work = fcs_conv_work,
    .window = conv_dx_window,
    .nonzero = 0.2,
    .cases = conv_dx_cases,
    .bench = conv_dx_bench,
};
const fcs_op fcs_op_conv_dw = {
    .name = "conv_dw",
    .family = "conv",
    .text = "the adjoint of conv in the kernel: its gradient from image and gy",
    .kind = FCS_KIND_KERNEL,
    .accuracy = FCS_LINEAR,
    .min_in = 2,
    .max_in = 2,
    .attrs = conv_dw_attrs,
    .n_attrs = 6,
    .shape = conv_dw_shape,
    .grad = conv_dw_grad,
    .flops = conv_dw_flops,
    .work = fcs_conv_work,
    .nonzero = 0.5,
    .cases = conv_dw_cases,
    .bench = conv_dw_bench,
};
