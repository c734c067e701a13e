/* norm.c: batch and instance normalization. In training: (x - mean) / sqrt(variance + eps) * gamma
 * + beta with the statistics of this batch; for generation with measured ones, per channel, so that
 * a pixel depends on its receptive field only. */
#include "layers/layers.h"
#include <string.h>

enum { EPS, GAMMA_STD, AFFINE, NORM_PARAMS };
static const fcs_param norm_params[NORM_PARAMS] = {
    {"eps", 'f', 1e-5, NULL, 0, 1, NULL, "added to the variance"},
    {"gamma_std", 'f', 0.02, NULL, 0, 1, NULL, "scales start as N(1, gamma_std)"},
    {"affine", 'b', 1, NULL, 0, 0, NULL,
     "trained scale gamma and shift beta per channel; false: 1 and 0"},
};

extern const fcs_layer fcs_layer_norm;

static fcs_status collect(fcs_builder *b, fcs_node *mean, fcs_node *variance, bool of_batch)
{
    fcs_shape s = fcs_shape_of(1, mean->shape.n[FCS_C], 1, 1, 1);
    fcs_tensor *m = fcs_layer_tensor(b, "frozen", "mean", s, FCS_STATE, 0, 0);
    fcs_tensor *v = fcs_layer_tensor(b, "frozen", "variance", s, FCS_STATE, 1, 0);
    if (!m || !v ||
        !fcs_grow(b->error, &b->statistics, &b->statistics_capacity, b->n_statistics + 1,
                  sizeof *b->statistics))
        return FCS_FAILED;
    b->statistics[b->n_statistics++] =
        (fcs_net_statistic){m, v, of_batch ? mean : fcs_mean(mean, "n"),
                            of_batch ? variance : fcs_mean(variance, "n"), of_batch};
    return FCS_OK;
}

/* Layers of type norm follow the net. */
static bool fixed_here(const fcs_builder *b)
{
    return b->net->layers[b->at].entry == &fcs_layer_norm && !b->net->norm_affine;
}

static fcs_node *scaled(fcs_builder *b, const fcs_value_of *v, fcs_node *inverse, fcs_node **shift,
                        int64_t channels)
{
    fcs_shape s = fcs_shape_of(1, channels, 1, 1, 1);
    *shift = NULL;
    if (v[AFFINE].number == 0 || fixed_here(b))
        return inverse;
    fcs_node *gamma = fcs_layer_parameter(b, "gamma", s, FCS_PARAMETER, 1, v[GAMMA_STD].number);
    *shift = fcs_layer_parameter(b, "beta", s, FCS_PARAMETER, 0, 0);
    return *shift ? fcs_mul(gamma, inverse) : NULL;
}

/* y = x * scale + (beta - mean * scale): both per channel, so that generation pays one
 * multiplication a pixel. */
static fcs_node *frozen(fcs_builder *b, const fcs_value_of *v, fcs_node *x)
{
    fcs_node *shift;
    int64_t channels = x->shape.n[FCS_C];
    fcs_shape s = fcs_shape_of(1, channels, 1, 1, 1);
    fcs_node *mean = fcs_read(b->graph, fcs_layer_tensor(b, "frozen", "mean", s, FCS_STATE, 0, 0));
    fcs_node *variance =
        fcs_read(b->graph, fcs_layer_tensor(b, "frozen", "variance", s, FCS_STATE, 1, 0));
    fcs_node *scale =
        scaled(b, v, fcs_unary("rsqrt", fcs_affine(variance, 1, v[EPS].number)), &shift, channels);
    fcs_node *offset = fcs_mul(mean, scale);
    return fcs_add(fcs_mul(x, scale), shift ? fcs_sub(shift, offset) : fcs_unary("neg", offset));
}

static fcs_node *normalize(fcs_builder *b, const fcs_value_of *v, fcs_node *x, bool of_batch)
{
    if (b->mode == FCS_FROZEN)
        return frozen(b, v, x);
    if (!of_batch && fcs_shape_count(x->shape) == x->shape.n[FCS_N] * x->shape.n[FCS_C])
        return fcs_layer_fail(b, "instance norm of maps of one pixel is always 0; use batch norm "
                                 "or none here");
    const char *axes = of_batch ? "ndhw" : "dhw";
    fcs_node *mean = fcs_mean(x, axes), *centred = fcs_sub(x, mean), *shift;
    fcs_node *variance = fcs_mean(fcs_unary("square", centred), axes);
    if (!variance || (b->mode == FCS_MEASURE && collect(b, mean, variance, of_batch) != FCS_OK))
        return NULL;
    fcs_node *inverse = fcs_unary("rsqrt", fcs_affine(variance, 1, v[EPS].number));
    fcs_node *y = fcs_mul(centred, scaled(b, v, inverse, &shift, x->shape.n[FCS_C]));
    return shift ? fcs_add(y, shift) : y;
}

static fcs_node *batch_build(fcs_builder *b, const fcs_value_of *v, fcs_node *const *in, int n)
{
    (void)n;
    return normalize(b, v, in[0], true);
}

static fcs_node *instance_build(fcs_builder *b, const fcs_value_of *v, fcs_node *const *in, int n)
{
    (void)n;
    return normalize(b, v, in[0], false);
}

static bool always_of_batch(const fcs_net *net)
{
    (void)net;
    return true;
}

static bool batch_in(const fcs_net *net) { return strcmp(net->norm, "batch") == 0; }

static fcs_node *norm_build(fcs_builder *b, const fcs_value_of *v, fcs_node *const *in, int n)
{
    (void)n;
    if (strcmp(b->net->norm, "none") == 0)
        return in[0];
    return normalize(b, v, in[0], batch_in(b->net));
}

const fcs_layer fcs_layer_norm = {
    .name = "norm",
    .text = "batch_norm, instance_norm or nothing, as the net's norm and norm_affine say",
    .params = norm_params,
    .n_params = NORM_PARAMS,
    .min_in = 1,
    .max_in = 1,
    .build = norm_build,
    .of_batch = batch_in,
    .sample = "eps = 0.8;",
    .sample_in = {{3, 5, 1, 4, 6}},
    .sample_out = {{3, 5, 1, 4, 6}},
};
const fcs_layer fcs_layer_batch_norm = {
    .name = "batch_norm",
    .text = "each channel to mean 0 and variance 1 over the batch, then scaled and shifted",
    .params = norm_params,
    .n_params = NORM_PARAMS,
    .min_in = 1,
    .max_in = 1,
    .build = batch_build,
    .of_batch = always_of_batch,
    .sample = "eps = 1e-4;",
    .sample_in = {{3, 5, 1, 4, 6}},
    .sample_out = {{3, 5, 1, 4, 6}},
};
const fcs_layer fcs_layer_instance_norm = {
    .name = "instance_norm",
    .text = "each channel of each image to mean 0 and variance 1, then scaled and shifted",
    .params = norm_params,
    .n_params = NORM_PARAMS,
    .min_in = 1,
    .max_in = 1,
    .build = instance_build,
    .sample = "gamma_std = 0.0;",
    .sample_in = {{3, 5, 1, 4, 6}},
    .sample_out = {{3, 5, 1, 4, 6}},
};
