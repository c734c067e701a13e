/* dense.c: layers in which every output sums all inputs: dense, moments; and sample, which draws
 * from what moments gives. */
#include "layers/layers.h"
#include "ops/ops.h"
#include <string.h>

/* NAME.weight, NAME.bias of the layer, or SUFFIX.weight: y = W x + b, x and y N x n. */
static fcs_node *product(fcs_builder *b, const char *suffix, fcs_node *x, int64_t outputs,
                         bool bias, bool spectral)
{
    char name[32];
    int64_t inputs = x ? x->shape.n[FCS_C] : 1;
    snprintf(name, sizeof name, "%sweight", suffix);
    fcs_node *w = fcs_layer_parameter(b, name, fcs_shape_of(outputs, inputs, 1, 1, 1), FCS_KERNEL,
                                      0, fcs_layer_init(b, (double)inputs));
    if (spectral || b->net->spectral)
        w = fcs_layer_spectral(b, w);
    fcs_node *y = w && x ? fcs_apply(b->graph, "matmul", "tb=1", 2, (fcs_node *[]){x, w}) : NULL;
    snprintf(name, sizeof name, "%sbias", suffix);
    return y && bias ? fcs_add(y, fcs_layer_parameter(b, name, fcs_shape_of(1, outputs, 1, 1, 1),
                                                      FCS_PARAMETER, 0, 0))
                     : y;
}

static fcs_node *flat(fcs_node *x)
{
    int64_t images = x->shape.n[FCS_N];
    return fcs_reshape(x, fcs_shape_of(images, fcs_shape_count(x->shape) / images, 1, 1, 1));
}

enum { UNITS, SHAPE, BIAS, SPECTRAL, DENSE_PARAMS };
static const fcs_param dense_params[DENSE_PARAMS] = {
    {"filters", 'i', 1, NULL, 0, 65536, NULL, "output channels; 0: as the data has"},
    {"shape", 'n', 1, NULL, 0, 4096, NULL,
     "pixels of the output along each axis; 0: what the layers behind make data.size of"},
    {"bias", 'b', 1, NULL, 0, 0, NULL, "adds a trained number per output"},
    {"spectral", 'b', 0, NULL, 0, 0, NULL, "divides the matrix by its largest singular value"},
};

static int64_t dense_size(const fcs_value_of *v, int axis, int64_t in)
{
    (void)in;
    return v[SHAPE].list[axis];
}

static int64_t *dense_follows(fcs_value_of *v, int axis)
{
    return v[SHAPE].list[axis] == 0 ? &v[SHAPE].list[axis] : NULL;
}

static fcs_node *dense_build(fcs_builder *b, const fcs_value_of *v, fcs_node *const *in, int n)
{
    (void)n;
    const int64_t *size = v[SHAPE].list;
    fcs_shape out = fcs_shape_of(in[0]->shape.n[FCS_N], fcs_layer_filters(b, v[UNITS].number),
                                 b->axes == 3 ? size[0] : 1, size[1], size[2]);
    int64_t outputs = fcs_shape_count(out) / out.n[FCS_N];
    return fcs_reshape(
        product(b, "", flat(in[0]), outputs, v[BIAS].number != 0, v[SPECTRAL].number != 0), out);
}

/* Every output sees the whole input: the field is the input's size, which only the shapes know. */
const fcs_layer fcs_layer_dense = {
    .name = "dense",
    .text = "every output a weighted sum of all inputs; the net then has one size",
    .params = dense_params,
    .n_params = DENSE_PARAMS,
    .min_in = 1,
    .max_in = 1,
    .build = dense_build,
    .size = dense_size,
    .whole = true,
    .follows = dense_follows,
    .sample = "filters = 2; shape = [3, 4];",
    .sample_in = {{2, 3, 1, 5, 2}},
    .sample_out = {{2, 2, 1, 3, 4}},
};

/* ---- what an encoder says about the latent ---- */
static int64_t moments_size(const fcs_value_of *v, int axis, int64_t in)
{
    (void)v, (void)axis, (void)in;
    return 1;
}

static fcs_node *moments_build(fcs_builder *b, const fcs_value_of *v, fcs_node *const *in, int n)
{
    (void)v, (void)n;
    fcs_attrs a = {.i = {FCS_C}};
    fcs_node *x = flat(in[0]);
    fcs_node *both[2] = {product(b, "mean.", x, b->latent, true, false),
                         product(b, "logvar.", x, b->latent, true, false)};
    return fcs_node_new(b->graph, fcs_op_find(b->error, "concat"), &a, 2, both);
}

const fcs_layer fcs_layer_moments = {
    .name = "moments",
    .text = "two dense maps: the mean and the logarithm of the variance of latent.channels numbers",
    .min_in = 1,
    .max_in = 1,
    .build = moments_build,
    .size = moments_size,
    .whole = true,
    .sample = "",
    .sample_in = {{2, 3, 1, 5, 2}},
    .sample_out = {{2, 10, 1, 1, 1}},
};

/* Channels from, from + 1 ... of x, as many as half of x has. */
static fcs_node *half(fcs_node *x, bool second)
{
    fcs_attrs a = {.i = {0}};
    int64_t channels = x->shape.n[FCS_C] / 2;
    a.i[FCS_C] = second ? channels : 0;            /* cut off before */
    a.i[FCS_DIMS + FCS_C] = second ? 0 : channels; /* and behind */
    return fcs_node_new(x->graph, fcs_op_find(&x->graph->ctx->error, "crop"), &a, 1, &x);
}

fcs_node *fcs_layer_mean(fcs_node *moments) { return half(moments, false); }
fcs_node *fcs_layer_logvar(fcs_node *moments) { return half(moments, true); }

/* Kingma and Welling 2014, eq. 4 and 10: mean + exp(logvar / 2) * N(0,1). */
static fcs_node *sample_build(fcs_builder *b, const fcs_value_of *v, fcs_node *const *in, int n)
{
    (void)v, (void)n;
    if (in[0]->shape.n[FCS_C] % 2)
        return fcs_layer_fail(b, "takes means and as many logarithms of variances, not %lld maps",
                              (long long)in[0]->shape.n[FCS_C]);
    fcs_node *mean = fcs_layer_mean(in[0]);
    if (b->mode != FCS_TRAIN || !mean)
        return mean;
    fcs_attrs a = {.i = {0}};
    memcpy(a.i, mean->shape.n, sizeof mean->shape.n);
    fcs_node *noise = fcs_node_named(
        fcs_node_new(b->graph, fcs_op_find(b->error, "random_normal"), &a, 0, NULL), "random");
    fcs_node *deviation = fcs_unary("exp", fcs_affine(fcs_layer_logvar(in[0]), 0.5, 0));
    return fcs_add(mean, fcs_mul(deviation, noise));
}

const fcs_layer fcs_layer_sample = {
    .name = "sample",
    .text = "draws from N(mean, variance) of moments in training; gives the mean in generation",
    .min_in = 1,
    .max_in = 1,
    .build = sample_build,
    .random = true,
    .sample = "",
    .sample_in = {{2, 6, 1, 5, 2}},
    .sample_out = {{2, 3, 1, 5, 2}},
};
