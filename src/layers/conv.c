/* conv.c: conv, deconv and dense layers. */
#include "layers/layers.h"
#include "ops/ops.h"
#include <string.h>

enum { FILTERS, KERNEL, STRIDE, DILATION, PAD, PAD_LO, PAD_HI, BIAS, SPECTRAL, CONV_PARAMS };
static const fcs_param conv_params[CONV_PARAMS] = {
    {"filters", 'i', 0, NULL, 0, 65536, NULL, "output channels; 0: as the data has"},
    {"kernel", 'n', 3, NULL, 1, 255, NULL, "kernel size, pixels"},
    {"stride", 'n', 1, NULL, 1, 64, NULL,
     "output pixels are this far apart in the input (deconv: the reverse)"},
    {"dilation", 'n', 1, NULL, 1, 1024, NULL, "kernel taps are this many pixels apart"},
    {"pad", 's', 0, "same", 0, 0, "same|valid|explicit",
     "same: output = input / stride (deconv: times), the odd pixel at the end; valid: none; "
     "explicit: pad_lo, pad_hi"},
    {"pad_lo", 'n', 0, NULL, 0, 4096, NULL,
     "zeros before the image (deconv: pixels cut), with pad = explicit"},
    {"pad_hi", 'n', 0, NULL, 0, 4096, NULL,
     "zeros behind the image (deconv: pixels cut), with pad = explicit"},
    {"bias", 'b', 1, NULL, 0, 0, NULL, "adds a trained number per channel"},
    {"spectral", 'b', 0, NULL, 0, 0, NULL,
     "divides the kernel, as a matrix of its first dimension x the rest, by its largest singular "
     "value"},
};

static int64_t extent(const fcs_value_of *v, int axis)
{
    return v[DILATION].list[axis] * (v[KERNEL].list[axis] - 1) + 1;
}

static bool explicit_pad(const fcs_value_of *v) { return strcmp(v[PAD].word, "explicit") == 0; }

/* Zeros around an image of size `in` whose convolution has size `out`: half before, the odd one
 * behind. */
static void same_pads(const fcs_value_of *v, int axis, int64_t in, int64_t out, int64_t *lo,
                      int64_t *hi)
{
    int64_t total = (out - 1) * v[STRIDE].list[axis] + extent(v, axis) - in;
    if (total < 0)
        total = 0;
    *lo = total / 2;
    *hi = total - total / 2;
}

static void conv_pads(const fcs_value_of *v, int axis, int64_t in, int64_t *lo, int64_t *hi)
{
    int64_t stride = v[STRIDE].list[axis];
    *lo = *hi = 0;
    if (explicit_pad(v)) {
        *lo = v[PAD_LO].list[axis];
        *hi = v[PAD_HI].list[axis];
    } else if (strcmp(v[PAD].word, "same") == 0) {
        same_pads(v, axis, in, (in + stride - 1) / stride, lo, hi);
    }
}

static int64_t conv_size(const fcs_value_of *v, int axis, int64_t in)
{
    int64_t lo, hi;
    conv_pads(v, axis, in, &lo, &hi);
    int64_t room = in + lo + hi - extent(v, axis);
    return room < 0 ? 0 : room / v[STRIDE].list[axis] + 1;
}

/* A transposed convolution is the adjoint of the convolution of its output: 'same' means in *
 * stride pixels. */
static int64_t deconv_size(const fcs_value_of *v, int axis, int64_t in)
{
    int64_t stride = v[STRIDE].list[axis], full = (in - 1) * stride + extent(v, axis);
    if (strcmp(v[PAD].word, "same") == 0)
        return in * stride;
    return explicit_pad(v) ? full - v[PAD_LO].list[axis] - v[PAD_HI].list[axis] : full;
}

static void deconv_pads(const fcs_value_of *v, int axis, int64_t in, int64_t *lo, int64_t *hi)
{
    *lo = explicit_pad(v) ? v[PAD_LO].list[axis] : 0;
    *hi = explicit_pad(v) ? v[PAD_HI].list[axis] : 0;
    if (strcmp(v[PAD].word, "same") == 0)
        same_pads(v, axis, in * v[STRIDE].list[axis], in, lo, hi);
}

static void conv_field(const fcs_value_of *v, int axis, double *field, double *jump)
{
    *field += (double)(extent(v, axis) - 1) * *jump;
    *jump *= (double)v[STRIDE].list[axis];
}

/* An output pixel of a transposed convolution lies under ceil(extent / stride) input cells at most.
 */
static void deconv_field(const fcs_value_of *v, int axis, double *field, double *jump)
{
    int64_t stride = v[STRIDE].list[axis], cells = (extent(v, axis) + stride - 1) / stride;
    *field += (double)(cells - 1) * *jump;
    *jump /= (double)stride;
}

typedef void pads_of(const fcs_value_of *v, int axis, int64_t in, int64_t *lo, int64_t *hi);

/* Attributes for the axes in use; in 2D depth is 1 and nothing happens along it. */
static fcs_attrs conv_attrs(const fcs_builder *b, const fcs_value_of *v, fcs_shape in,
                            pads_of *pads)
{
    fcs_attrs a;
    memset(&a, 0, sizeof a);
    for (int d = 0; d < 3; d++) {
        bool used = d >= 3 - b->axes;
        a.i[FCS_CONV_STRIDE + d] = used ? v[STRIDE].list[d] : 1;
        a.i[FCS_CONV_DILATION + d] = used ? v[DILATION].list[d] : 1;
        a.i[FCS_CONV_FORM + d] = b->net->direct ? 1 : 0;
        if (used)
            pads(v, d, in.n[FCS_D + d], &a.i[FCS_CONV_PAD_LO + d], &a.i[FCS_CONV_PAD_HI + d]);
    }
    return a;
}

/* A net may have all its kernels normalized, a layer its own. */
static fcs_node *normalized(fcs_builder *b, bool spectral, fcs_node *w)
{
    return spectral || b->net->spectral ? fcs_layer_spectral(b, w) : w;
}

/* inputs: how many an output sums. */
static fcs_node *kernel_of(fcs_builder *b, const fcs_value_of *v, int64_t first, int64_t second,
                           double inputs)
{
    const int64_t *k = v[KERNEL].list;
    fcs_shape shape = fcs_shape_of(first, second, b->axes == 3 ? k[0] : 1, k[1], k[2]);
    fcs_node *w = fcs_layer_parameter(b, "weight", shape, FCS_KERNEL, 0, fcs_layer_init(b, inputs));
    return normalized(b, v[SPECTRAL].number != 0, w);
}

/* Kernel taps along the axes in use, over the stride's where only every s-th meets an output. */
static double taps_of(const fcs_builder *b, const fcs_value_of *v, bool strided)
{
    double taps = 1;
    for (int d = 3 - b->axes; d < 3; d++)
        taps *= (double)v[KERNEL].list[d] / (strided ? (double)v[STRIDE].list[d] : 1);
    return taps;
}

static fcs_node *biased(fcs_builder *b, bool bias, fcs_node *y)
{
    if (!y || !bias)
        return y;
    return fcs_add(y, fcs_layer_parameter(b, "bias", fcs_shape_of(1, y->shape.n[FCS_C], 1, 1, 1),
                                          FCS_PARAMETER, 0, 0));
}

static fcs_node *conv_build(fcs_builder *b, const fcs_value_of *v, fcs_node *const *in, int n)
{
    (void)n;
    fcs_attrs a = conv_attrs(b, v, in[0]->shape, conv_pads);
    int64_t channels = in[0]->shape.n[FCS_C];
    fcs_node *w = kernel_of(b, v, fcs_layer_filters(b, v[FILTERS].number), channels,
                            (double)channels * taps_of(b, v, false));
    return biased(b, v[BIAS].number != 0, fcs_conv(in[0], w, &a));
}

static fcs_node *deconv_build(fcs_builder *b, const fcs_value_of *v, fcs_node *const *in, int n)
{
    (void)n;
    fcs_shape s = in[0]->shape;
    fcs_attrs a = conv_attrs(b, v, s, deconv_pads);
    for (int d = 0; d < 3; d++) {
        bool used = d >= 3 - b->axes;
        a.i[FCS_CONV_SIZE + d] = used ? deconv_size(v, d, s.n[FCS_D + d]) : 1;
        if (a.i[FCS_CONV_SIZE + d] < 1)
            return fcs_layer_fail(b, "pad_lo and pad_hi cut away everything");
    }
    fcs_node *w = kernel_of(b, v, s.n[FCS_C], fcs_layer_filters(b, v[FILTERS].number),
                            (double)s.n[FCS_C] * taps_of(b, v, true));
    return biased(b, v[BIAS].number != 0, fcs_conv_dx(in[0], w, &a));
}

/* For an input of a usual size: paddings of the type "same" hardly depend on it. */
static bool conv_kernel(const fcs_value_of *v, int axis, fcs_kernel_size *out)
{
    int64_t lo, hi;
    conv_pads(v, axis, 64, &lo, &hi);
    *out = (fcs_kernel_size){extent(v, axis), v[STRIDE].list[axis], lo > hi ? lo : hi, false};
    return true;
}

static bool deconv_kernel(const fcs_value_of *v, int axis, fcs_kernel_size *out)
{
    int64_t lo, hi;
    deconv_pads(v, axis, 64, &lo, &hi);
    *out = (fcs_kernel_size){extent(v, axis), v[STRIDE].list[axis], lo < hi ? lo : hi, true};
    return true;
}

const fcs_layer fcs_layer_conv = {
    .name = "conv",
    .text = "convolution",
    .params = conv_params,
    .n_params = CONV_PARAMS,
    .min_in = 1,
    .max_in = 1,
    .build = conv_build,
    .size = conv_size,
    .kernel = conv_kernel,
    .field = conv_field,
    .sample = "filters = 4; kernel = 9; stride = 2;",
    .sample_in = {{2, 3, 1, 12, 10}},
    .sample_out = {{2, 4, 1, 6, 5}},
};
const fcs_layer fcs_layer_deconv = {
    .name = "deconv",
    .text = "transposed convolution: each input pixel adds its kernel to the output",
    .params = conv_params,
    .n_params = CONV_PARAMS,
    .min_in = 1,
    .max_in = 1,
    .build = deconv_build,
    .size = deconv_size,
    .kernel = deconv_kernel,
    .field = deconv_field,
    .sample = "filters = 0; kernel = 5; stride = 2;",
    .sample_in = {{2, 4, 1, 3, 5}},
    .sample_out = {{2, 3, 1, 6, 10}},
};
