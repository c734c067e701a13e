/* tensor.c: persistent values, stored channels-last with zero padding lanes. */
#include "graph/graph.h"
#include <stdlib.h>
#include <string.h>

fcs_tensor *fcs_tensor_new(fcs_context *ctx, const char *name, fcs_shape shape)
{
    fcs_error *e = &ctx->error;
    double floats = 1;
    for (int i = 0; i < FCS_DIMS; i++) {
        floats *= i == FCS_C ? (double)fcs_channel_stride(shape.n[i]) : (double)shape.n[i];
        if (shape.n[i] < 1 || floats > 1099511627776.0) {
            fcs_fail(
                e, FCS_FAILED,
                "tensor %s: dimension %d is %lld: sizes must be at least 1, 2^40 numbers in all",
                name, i, (long long)shape.n[i]);
            return NULL;
        }
    }
    fcs_tensor *t = fcs_alloc(e, sizeof *t);
    if (!t)
        return NULL;
    size_t bytes = (size_t)fcs_shape_floats(shape) * sizeof(float);
    t->ctx = ctx;
    t->shape = shape;
    t->name = fcs_strdup(e, name ? name : "");
    t->data = fcs_alloc_aligned(e, bytes);
    if (!t->name || !t->data) {
        free(t->name);
        free(t->data);
        free(t);
        return NULL;
    }
    memset(t->data, 0, bytes);
    ctx->allocated += bytes;
    return t;
}

void fcs_tensor_free(fcs_tensor *t)
{
    if (!t)
        return;
    t->ctx->allocated -= (size_t)fcs_shape_floats(t->shape) * sizeof(float);
    free(t->name);
    free(t->data);
    free(t);
}

fcs_shape fcs_tensor_shape(const fcs_tensor *t) { return t->shape; }

fcs_status fcs_tensor_set(fcs_tensor *t, const float *values)
{
    int64_t channels = t->shape.n[FCS_C], cs = fcs_channel_stride(channels);
    int64_t pixels = t->shape.n[FCS_D] * t->shape.n[FCS_H] * t->shape.n[FCS_W];
    for (int64_t n = 0; n < t->shape.n[FCS_N]; n++)
        for (int64_t c = 0; c < channels; c++)
            for (int64_t p = 0; p < pixels; p++)
                t->data[(n * pixels + p) * cs + c] = values[(n * channels + c) * pixels + p];
    return FCS_OK;
}

fcs_status fcs_tensor_get(const fcs_tensor *t, float *values)
{
    int64_t channels = t->shape.n[FCS_C], cs = fcs_channel_stride(channels);
    int64_t pixels = t->shape.n[FCS_D] * t->shape.n[FCS_H] * t->shape.n[FCS_W];
    for (int64_t n = 0; n < t->shape.n[FCS_N]; n++)
        for (int64_t c = 0; c < channels; c++)
            for (int64_t p = 0; p < pixels; p++)
                values[(n * channels + c) * pixels + p] = t->data[(n * pixels + p) * cs + c];
    return FCS_OK;
}
