/* features.c: a net of known layers run as a graph of ops. */
#include "metrics/features.h"
#include "ops/ops.h"
#include "train/safetensors.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct fcs_feature_builder {
    fcs_context *ctx;
    fcs_graph *graph;
    fcs_safetensors *file;
    fcs_tensor **tensors;
    size_t n, capacity;
};

struct fcs_features {
    fcs_context *ctx;
    const fcs_feature_net *net;
    fcs_tensor **weights;
    size_t n_weights;
    fcs_tensor *image, *features, *classes;
    fcs_plan *plan;
    float *pixels, *planes; /* side x side x 3, as an image and as C H W */
    float *values;          /* of features */
};

/* ---- weights ---- */

static const fcs_st_tensor *find(fcs_feature_builder *b, const char *name, const char *what)
{
    char full[96];
    snprintf(full, sizeof full, "%s.%s", name, what);
    return fcs_safetensors_find(b->file, full);
}

/* rank 4: out x in x height x width; rank 1: channels. */
static bool to_shape(const fcs_st_tensor *t, fcs_shape *shape)
{
    if (t->dtype != FCS_DTYPE_F32 || (t->rank != 1 && t->rank != 4))
        return false;
    for (int d = 0; d < t->rank; d++)
        if (t->shape[d] < 1 || t->shape[d] > 65536)
            return false;
    *shape = t->rank == 1 ? fcs_shape_of(1, t->shape[0], 1, 1, 1)
                          : fcs_shape_of(t->shape[0], t->shape[1], 1, t->shape[2], t->shape[3]);
    return true;
}

/* A node that reads the file's tensor NAME.WHAT. */
static fcs_node *weight(fcs_feature_builder *b, const char *name, const char *what, int rank)
{
    fcs_error *e = &b->ctx->error;
    fcs_shape shape;
    const fcs_st_tensor *t = find(b, name, what);
    if (!t || t->rank != rank || !to_shape(t, &shape)) {
        fcs_fail(e, FCS_FAILED, "%s: %s.%s is %s", b->file->path, name, what,
                 t ? "not of the kind that this net has there" : "missing");
        return NULL;
    }
    float *values = fcs_alloc(e, (size_t)(t->end - t->begin));
    bool good = values && fcs_safetensors_read(e, b->file, t, values) == FCS_OK &&
                fcs_grow(e, &b->tensors, &b->capacity, b->n + 1, sizeof *b->tensors);
    fcs_tensor *tensor = good ? fcs_tensor_new(b->ctx, t->name, shape) : NULL;
    if (tensor)
        b->tensors[b->n++] = tensor;
    good = tensor && fcs_tensor_set(tensor, values) == FCS_OK;
    free(values);
    return good ? fcs_read(b->graph, tensor) : NULL;
}

int64_t fcs_feature_kernel(fcs_feature_builder *b, const char *name)
{
    const fcs_st_tensor *t = find(b, name, "weight");
    if (t && t->rank == 4)
        return t->shape[2];
    fcs_fail(&b->ctx->error, FCS_FAILED, "%s: %s.weight is missing or no kernel", b->file->path,
             name);
    return 0;
}

/* ---- layers ---- */

/* (x - mean) / sqrt(variance + eps) * gamma + beta, as one factor and one shift per channel. */
static fcs_node *batch_norm(fcs_feature_builder *b, fcs_node *x, const char *name)
{
    const double eps = 1e-3;
    fcs_node *gamma = weight(b, name, "gamma", 1), *beta = weight(b, name, "beta", 1);
    fcs_node *mean = weight(b, name, "moving_mean", 1);
    fcs_node *variance = weight(b, name, "moving_variance", 1);
    if (!gamma || !beta || !mean || !variance)
        return NULL;
    fcs_node *scale = fcs_mul(gamma, fcs_unary("rsqrt", fcs_affine(variance, 1, eps)));
    return fcs_add(fcs_mul(x, scale), fcs_sub(beta, fcs_mul(mean, scale)));
}

/* Zeros round the image: for a kernel that is smaller than its padding. */
static fcs_node *framed(fcs_feature_builder *b, fcs_node *x, int64_t width)
{
    fcs_attrs attrs = {{0}, {0}};
    for (int d = FCS_H; d <= FCS_W; d++)
        attrs.i[d] = attrs.i[FCS_DIMS + d] = width;
    return fcs_op_node(b->graph, "pad", &attrs, 1, &x);
}

fcs_node *fcs_feature_conv(fcs_feature_builder *b, fcs_node *x, const char *name, int64_t stride,
                           int64_t pad, const char *bn, fcs_feature_after after)
{
    fcs_attrs attrs = {{0}, {0}};
    fcs_node *w = x ? weight(b, name, "weight", 4) : NULL;
    if (!w)
        return NULL;
    if (pad >= w->shape.n[FCS_H]) {
        x = framed(b, x, pad);
        pad = 0;
    }
    for (int k = 0; k < 3; k++) {
        attrs.i[FCS_CONV_STRIDE + k] = k ? stride : 1;
        attrs.i[FCS_CONV_DILATION + k] = 1;
        attrs.i[FCS_CONV_PAD_LO + k] = attrs.i[FCS_CONV_PAD_HI + k] = k ? pad : 0;
    }
    fcs_node *y = fcs_conv(x, w, &attrs);
    if (find(b, name, "bias"))
        y = fcs_add(y, weight(b, name, "bias", 1));
    if (y && bn)
        y = batch_norm(b, y, bn);
    if (after == FCS_AFTER_LEAKY)
        return fcs_apply(b->graph, "leaky_relu", "slope=0.1", 1, &y);
    return after == FCS_AFTER_RELU ? fcs_unary("relu", y) : y;
}

fcs_node *fcs_feature_max_pool(fcs_feature_builder *b, fcs_node *x, int64_t kernel, int64_t stride)
{
    fcs_attrs attrs = {{0}, {0}};
    if (!x)
        return NULL;
    for (int k = 0; k < 3; k++) {
        int64_t rest = (x->shape.n[FCS_D + k] - kernel) % stride;
        attrs.i[FCS_MAX_KERNEL + k] = k ? kernel : 1;
        attrs.i[FCS_MAX_STRIDE + k] = k ? stride : 1;
        attrs.i[FCS_MAX_PAD_HI + k] = k && rest > 0 ? stride - rest : 0;
    }
    return fcs_op_node(b->graph, "max_pool", &attrs, 1, &x);
}

/* ---- opening ---- */

static const fcs_feature_net *recognize(fcs_error *e, const fcs_safetensors *file)
{
    for (int i = 0; i < fcs_n_feature_nets; i++) {
        const fcs_feature_net *net = &fcs_feature_nets[i];
        const fcs_st_tensor *t = fcs_safetensors_find(file, net->weight);
        if (t && t->rank == 4 && memcmp(t->shape, net->shape, sizeof net->shape) == 0)
            return net;
    }
    fcs_text known = {0};
    for (int i = 0; i < fcs_n_feature_nets; i++)
        fcs_text_add(&known, "%s%s", i ? ", " : "", fcs_feature_nets[i].text);
    fcs_fail(e, FCS_FAILED, "%s: not the weights of a net that facies knows (%s)", file->path,
             known.s ? known.s : "");
    free(known.s);
    return NULL;
}

static fcs_status build(fcs_features *f, fcs_feature_builder *b)
{
    const fcs_shape image = fcs_shape_of(1, 3, 1, f->net->side, f->net->side);
    fcs_node *features = NULL;
    f->image = fcs_tensor_new(f->ctx, "image", image);
    fcs_node *classes = f->image ? f->net->build(b, fcs_read(b->graph, f->image), &features) : NULL;
    if (!classes || !features)
        return FCS_FAILED;
    f->features = fcs_tensor_new(f->ctx, "features", fcs_node_shape(features));
    f->classes = fcs_tensor_new(f->ctx, "classes", fcs_node_shape(classes));
    size_t pixels = (size_t)(3 * f->net->side * f->net->side);
    f->pixels = fcs_alloc_array(&f->ctx->error, pixels, sizeof *f->pixels);
    f->planes = fcs_alloc_array(&f->ctx->error, pixels, sizeof *f->planes);
    f->values =
        fcs_alloc_array(&f->ctx->error, (size_t)features->shape.n[FCS_C], sizeof *f->values);
    bool good = f->features && f->classes && f->pixels && f->planes && f->values &&
                fcs_assign(b->graph, f->features, features) == FCS_OK &&
                fcs_assign(b->graph, f->classes, classes) == FCS_OK &&
                fcs_plan_new(b->graph, &f->plan) == FCS_OK;
    return good ? FCS_OK : FCS_FAILED;
}

fcs_status fcs_features_open(fcs_context *ctx, const char *path, fcs_features **out)
{
    fcs_feature_builder b = {.ctx = ctx};
    *out = NULL;
    fcs_error_clear(&ctx->error);
    fcs_features *f = fcs_alloc(&ctx->error, sizeof *f);
    if (!f)
        return FCS_FAILED;
    f->ctx = ctx;
    fcs_status status = fcs_safetensors_open(&ctx->error, path, &b.file);
    if (!status && !(f->net = recognize(&ctx->error, b.file)))
        status = FCS_FAILED;
    if (!status)
        b.graph = fcs_graph_new(ctx);
    if (!status)
        status = b.graph ? build(f, &b) : FCS_FAILED;
    f->weights = b.tensors;
    f->n_weights = b.n;
    fcs_graph_free(b.graph);
    if (b.file)
        fcs_safetensors_close(b.file);
    if (status)
        fcs_features_close(f);
    else
        *out = f;
    return status;
}

void fcs_features_close(fcs_features *f)
{
    if (!f)
        return;
    fcs_plan_free(f->plan);
    for (size_t i = 0; i < f->n_weights; i++)
        fcs_tensor_free(f->weights[i]);
    fcs_tensor_free(f->image);
    fcs_tensor_free(f->features);
    fcs_tensor_free(f->classes);
    free(f->weights);
    free(f->pixels);
    free(f->planes);
    free(f->values);
    free(f);
}

const fcs_feature_net *fcs_features_net(const fcs_features *f) { return f->net; }
int64_t fcs_features_size(const fcs_features *f) { return f->features->shape.n[FCS_C]; }
int64_t fcs_features_classes(const fcs_features *f) { return f->classes->shape.n[FCS_C]; }

/* ---- running ---- */

static void fill_planes(fcs_features *f, int channels, double offset, double factor)
{
    const fcs_feature_net *net = f->net;
    int64_t n = net->side * net->side;
    for (int c = 0; c < 3; c++) {
        int from = channels < 3 ? 0 : net->bgr ? 2 - c : c;
        for (int64_t i = 0; i < n; i++) {
            double v = ((double)f->pixels[i * channels + from] - offset) * factor;
            f->planes[c * n + i] = (float)(fmin(fmax(v, 0), 1) * net->scale - net->mean[c]);
        }
    }
}

fcs_status fcs_features_of(fcs_features *f, const fcs_image *image, int64_t z, const fcs_part *part,
                           double offset, double factor, double *features, float *classes)
{
    int64_t side = f->net->side;
    if (image->channels != 1 && image->channels != 3)
        return fcs_fail(&f->ctx->error, FCS_FAILED,
                        "an image of %d channels: features are of grey and RGB images",
                        image->channels);
    fcs_status status =
        fcs_resize(&f->ctx->error, image, z, part, f->net->filter, side, side, f->pixels);
    if (!status) {
        fill_planes(f, image->channels, offset, factor);
        status = fcs_tensor_set(f->image, f->planes);
    }
    if (!status)
        status = fcs_plan_run(f->plan, 0, 0);
    if (!status)
        status = fcs_tensor_get(f->features, f->values);
    for (int64_t i = 0; i < fcs_features_size(f) && !status; i++)
        features[i] = (double)f->values[i];
    return !status && classes ? fcs_tensor_get(f->classes, classes) : status;
}
