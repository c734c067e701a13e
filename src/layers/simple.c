/* simple.c: layers without weights: activations, noise, upsampling, joining branches. */
#include "layers/layers.h"
#include "ops/ops.h"
#include <string.h>

/* ---- activations ---- */
static fcs_node *relu_build(fcs_builder *b, const fcs_value_of *v, fcs_node *const *in, int n)
{
    (void)b, (void)v, (void)n;
    return fcs_unary("relu", in[0]);
}

static fcs_node *tanh_build(fcs_builder *b, const fcs_value_of *v, fcs_node *const *in, int n)
{
    (void)b, (void)v, (void)n;
    return fcs_unary("tanh", in[0]);
}

static fcs_node *sigmoid_build(fcs_builder *b, const fcs_value_of *v, fcs_node *const *in, int n)
{
    (void)b, (void)v, (void)n;
    return fcs_unary("sigmoid", in[0]);
}

static fcs_node *softmax_build(fcs_builder *b, const fcs_value_of *v, fcs_node *const *in, int n)
{
    (void)b, (void)v, (void)n;
    return fcs_unary("softmax", in[0]);
}

static const fcs_param leaky_params[] = {
    {"slope", 'f', 0.2, NULL, 0, 1, NULL, "factor of negative values"},
};

static fcs_node *leaky_build(fcs_builder *b, const fcs_value_of *v, fcs_node *const *in, int n)
{
    (void)n;
    fcs_attrs a = {{0}, {v[0].number}};
    return fcs_node_new(b->graph, fcs_op_find(b->error, "leaky_relu"), &a, 1, in);
}

#define SAMPLE_SAME .sample_in = {{2, 3, 1, 5, 4}}, .sample_out = {{2, 3, 1, 5, 4}}
const fcs_layer fcs_layer_relu = {
    .name = "relu",
    .text = "max(x, 0)",
    .min_in = 1,
    .max_in = 1,
    .build = relu_build,
    .sample = "",
    SAMPLE_SAME,
};
const fcs_layer fcs_layer_leaky_relu = {
    .name = "leaky_relu",
    .text = "x where positive, else slope * x",
    .params = leaky_params,
    .n_params = 1,
    .min_in = 1,
    .max_in = 1,
    .build = leaky_build,
    .sample = "slope = 0.3;",
    SAMPLE_SAME,
};
const fcs_layer fcs_layer_tanh = {
    .name = "tanh",
    .text = "hyperbolic tangent, -1 to 1",
    .min_in = 1,
    .max_in = 1,
    .build = tanh_build,
    .sample = "",
    SAMPLE_SAME,
};
const fcs_layer fcs_layer_sigmoid = {
    .name = "sigmoid",
    .text = "1 / (1 + exp(-x)), 0 to 1",
    .min_in = 1,
    .max_in = 1,
    .build = sigmoid_build,
    .sample = "",
    SAMPLE_SAME,
};

const fcs_layer fcs_layer_softmax = {
    .name = "softmax",
    .text = "shares over the channels of each pixel, for phases: 0 to 1, adding up to 1",
    .min_in = 1,
    .max_in = 1,
    .build = softmax_build,
    .sample = "",
    SAMPLE_SAME,
};

/* ---- noise ---- */
static const fcs_param noise_params[] = {
    {"std", 'f', 0.1, NULL, 0, 100, NULL, "standard deviation"},
};

static fcs_node *noise_build(fcs_builder *b, const fcs_value_of *v, fcs_node *const *in, int n)
{
    (void)n;
    fcs_attrs a;
    memset(&a, 0, sizeof a);
    memcpy(a.i, in[0]->shape.n, sizeof in[0]->shape.n);
    if (b->mode != FCS_TRAIN || v[0].number == 0)
        return in[0];
    fcs_node *noise = fcs_node_named(
        fcs_node_new(b->graph, fcs_op_find(b->error, "random_normal"), &a, 0, NULL), "random");
    return fcs_add(in[0], fcs_affine(noise, v[0].number, 0));
}

const fcs_layer fcs_layer_noise = {
    .name = "noise",
    .text = "adds N(0, std) in training, nothing in generation",
    .params = noise_params,
    .n_params = 1,
    .min_in = 1,
    .max_in = 1,
    .build = noise_build,
    .random = true,
    .sample = "std = 0.5;",
    SAMPLE_SAME,
};

/* ---- dropout ---- */
static const fcs_param dropout_params[] = {
    {"rate", 'f', 0.25, NULL, 0, 0.99, NULL, "share of the values that is set to 0"},
    {"maps", 'b', 0, NULL, 0, 0, NULL, "whole maps of an image at once (2D dropout)"},
};

/* Srivastava et al. 2014, with the kept values scaled in training instead of in generation; maps:
 * Tompson et al. 2015. The mask is rate <= u, scaled: exactly 0 or 1 / (1 - rate). */
static fcs_node *dropout_build(fcs_builder *b, const fcs_value_of *v, fcs_node *const *in, int n)
{
    fcs_attrs a = {.i = {0}};
    fcs_shape s = in[0]->shape;
    double rate = v[0].number, scale = 1 / (1 - rate);
    (void)n;
    if (b->mode != FCS_TRAIN || rate == 0)
        return in[0];
    if (v[1].number != 0)
        s.n[FCS_D] = s.n[FCS_H] = s.n[FCS_W] = 1;
    memcpy(a.i, s.n, sizeof s.n);
    fcs_node *u = fcs_node_named(
        fcs_node_new(b->graph, fcs_op_find(b->error, "random_uniform"), &a, 0, NULL), "random");
    fcs_node *bound = fcs_constant(b->graph, rate);
    fcs_node *drop =
        u && bound ? fcs_apply(b->graph, "less", "", 2, (fcs_node *[]){u, bound}) : NULL;
    return fcs_mul(in[0], fcs_affine(drop, -scale, scale));
}

const fcs_layer fcs_layer_dropout = {
    .name = "dropout",
    .text = "sets values to 0 at random in training and scales the others; nothing in generation",
    .params = dropout_params,
    .n_params = 2,
    .min_in = 1,
    .max_in = 1,
    .build = dropout_build,
    .random = true,
    .sample = "rate = 0.3; maps = true;",
    SAMPLE_SAME,
};

/* ---- upsampling ---- */
static const fcs_param upsample_params[] = {
    {"factor", 'n', 2, NULL, 1, 64, NULL, "output pixels per input pixel, along each axis"},
};

static int64_t upsample_size(const fcs_value_of *v, int axis, int64_t in)
{
    return in * v[0].list[axis];
}

static void upsample_field(const fcs_value_of *v, int axis, double *field, double *jump)
{
    (void)field;
    *jump /= (double)v[0].list[axis];
}

static fcs_node *enlarge(fcs_builder *b, const char *op, const fcs_value_of *v, fcs_node *const *in)
{
    fcs_attrs a = {.i = {0}};
    for (int d = 0; d < 3; d++)
        a.i[FCS_POOL_FACTOR + d] = d < 3 - b->axes ? 1 : v[0].list[d];
    return fcs_node_new(b->graph, fcs_op_find(b->error, op), &a, 1, in);
}

static fcs_node *upsample_build(fcs_builder *b, const fcs_value_of *v, fcs_node *const *in, int n)
{
    (void)n;
    return enlarge(b, "upsample", v, in);
}

const fcs_layer fcs_layer_upsample = {
    .name = "upsample",
    .text = "repeats pixels (nearest)",
    .params = upsample_params,
    .n_params = 1,
    .min_in = 1,
    .max_in = 1,
    .build = upsample_build,
    .size = upsample_size,
    .field = upsample_field,
    .sample = "factor = [2, 3];",
    .sample_in = {{2, 3, 1, 5, 4}},
    .sample_out = {{2, 3, 1, 10, 12}},
};

/* ---- linear interpolation ---- */
static const fcs_param interpolate_params[] = {
    {"factor", 'n', 2, NULL, 1, 2, NULL, "1 or 2 along each axis"},
};

static int64_t interpolate_size(const fcs_value_of *v, int axis, int64_t in)
{
    return v[0].list[axis] == 2 ? 2 * (in - 1) : in;
}

/* Each output lies between two inputs. */
static void interpolate_field(const fcs_value_of *v, int axis, double *field, double *jump)
{
    if (v[0].list[axis] == 1)
        return;
    *field += *jump;
    *jump /= 2;
}

static fcs_node *interpolate_build(fcs_builder *b, const fcs_value_of *v, fcs_node *const *in,
                                   int n)
{
    (void)n;
    return enlarge(b, "interpolate", v, in);
}

const fcs_layer fcs_layer_interpolate = {
    .name = "interpolate",
    .text = "2 (n - 1) pixels from n, linearly between neighbours",
    .params = interpolate_params,
    .n_params = 1,
    .min_in = 1,
    .max_in = 1,
    .build = interpolate_build,
    .size = interpolate_size,
    .field = interpolate_field,
    .sample = "factor = 2;",
    .sample_in = {{2, 3, 1, 5, 4}},
    .sample_out = {{2, 3, 1, 8, 6}},
};

/* ---- joining branches ---- */
static bool same_shapes(fcs_builder *b, fcs_node *const *in, int n, bool channels)
{
    for (int i = 1; i < n; i++)
        for (int d = 0; d < FCS_DIMS; d++)
            if ((d != FCS_C || channels) && in[i]->shape.n[d] != in[0]->shape.n[d]) {
                char one[96], other[96];
                fcs_shape_text(in[0]->shape, one);
                fcs_shape_text(in[i]->shape, other);
                fcs_layer_fail(b, "the layers it joins differ in shape: %s and %s", one, other);
                return false;
            }
    return true;
}

static fcs_node *add_build(fcs_builder *b, const fcs_value_of *v, fcs_node *const *in, int n)
{
    (void)v;
    fcs_node *sum = same_shapes(b, in, n, true) ? in[0] : NULL;
    for (int i = 1; sum && i < n; i++)
        sum = fcs_add(sum, in[i]);
    return sum;
}

static fcs_node *concat_build(fcs_builder *b, const fcs_value_of *v, fcs_node *const *in, int n)
{
    (void)v;
    fcs_attrs a;
    memset(&a, 0, sizeof a);
    a.i[0] = FCS_C;
    return same_shapes(b, in, n, false)
               ? fcs_node_new(b->graph, fcs_op_find(b->error, "concat"), &a, n, in)
               : NULL;
}

/* ---- what the latent is told ---- */
static const fcs_param condition_params[] = {
    {"factor", 'n', 1, NULL, 1, 64, NULL, "pixels per cell of the latent, along each axis"},
};

/* Channels of the input behind the random ones say what is wanted, the same everywhere: batch norm
 * takes from a layer's channels what all images have in common, so that only layers behind the last
 * one can be told how much. Cells are centred on the other layer's pixels. */
static fcs_node *condition_build(fcs_builder *b, const fcs_value_of *v, fcs_node *const *in, int n)
{
    (void)n;
    int64_t told = in[1]->shape.n[FCS_C] - b->latent;
    fcs_attrs crop = {.i = {0}}, enlarged = {.i = {0}};
    if (told < 1)
        return in[0];
    crop.i[FCS_C] = b->latent;
    for (int d = 0; d < 3; d++) {
        int64_t factor = d < 3 - b->axes ? 1 : v[0].list[d];
        int64_t cut = in[1]->shape.n[FCS_D + d] * factor - in[0]->shape.n[FCS_D + d];
        if (cut < 0 || cut % 2)
            return fcs_layer_fail(b, "%lld cells of %lld pixels do not cover %lld evenly",
                                  (long long)in[1]->shape.n[FCS_D + d], (long long)factor,
                                  (long long)in[0]->shape.n[FCS_D + d]);
        enlarged.i[FCS_POOL_FACTOR + d] = factor;
        enlarged.i[FCS_POOL_CROP_LO + d] = enlarged.i[FCS_POOL_CROP_HI + d] = cut / 2;
    }
    fcs_node *wanted = fcs_op_node(b->graph, "crop", &crop, 1, &in[1]);
    wanted = wanted ? fcs_op_node(b->graph, "upsample", &enlarged, 1, &wanted) : NULL;
    return wanted ? concat_build(b, v, (fcs_node *[]){in[0], wanted}, 2) : NULL;
}

const fcs_layer fcs_layer_condition = {
    .name = "condition",
    .text =
        "a layer's channels and what the latent is told (latent.density): from = \"LAYER,input\"",
    .params = condition_params,
    .n_params = 1,
    .min_in = 2,
    .max_in = 2,
    .build = condition_build,
    .sample = "from = \"input,input\"; factor = 1;",
    .sample_in = {{2, 8, 1, 5, 4}}, /* 5 random channels, 3 that tell */
    .sample_out = {{2, 11, 1, 5, 4}},
};

const fcs_layer fcs_layer_add = {
    .name = "add",
    .text = "the sum of several layers of one shape",
    .min_in = 2,
    .max_in = FCS_MAX_FROM,
    .build = add_build,
    .sample = "from = \"input,input\";",
    SAMPLE_SAME,
};
const fcs_layer fcs_layer_concat = {
    .name = "concat",
    .text = "the channels of several layers, one after the other",
    .min_in = 2,
    .max_in = FCS_MAX_FROM,
    .build = concat_build,
    .sample = "from = \"input,input\";",
    .sample_in = {{2, 3, 1, 5, 4}},
    .sample_out = {{2, 6, 1, 5, 4}},
};
