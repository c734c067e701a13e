/* tensor.c: persistent values, stored channels-last with zero padding lanes. */
#include "graph/backend.h"
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
    size_t largest = ctx->backend->slab_bytes ? ctx->backend->slab_bytes(ctx) : bytes;
    if (bytes > largest) {
        fcs_fail(e, FCS_FAILED,
                 "tensor %s: needs %.1f MiB, the device's largest buffer is %.1f MiB: use another "
                 "device, or make it smaller",
                 name ? name : "", (double)bytes / 1048576, (double)largest / 1048576);
        free(t);
        return NULL;
    }
    t->ctx = ctx;
    t->shape = shape;
    t->name = fcs_strdup(e, name ? name : "");
    t->memory = t->name ? ctx->backend->memory_new(ctx, bytes, true) : NULL;
    if (!t->memory) {
        free(t->name);
        free(t);
        return NULL;
    }
    fcs_count_memory(ctx, (int64_t)bytes);
    return t;
}

static size_t bytes_of(const fcs_tensor *t)
{
    return (size_t)fcs_shape_floats(t->shape) * sizeof(float);
}

void fcs_tensor_free(fcs_tensor *t)
{
    if (!t)
        return;
    fcs_count_memory(t->ctx, -(int64_t)bytes_of(t));
    free(t->name);
    t->ctx->backend->memory_free(t->ctx, t->memory);
    free(t);
}

fcs_shape fcs_tensor_shape(const fcs_tensor *t) { return t->shape; }

float *fcs_tensor_map(const fcs_tensor *t, fcs_map_mode mode)
{
    return t->ctx->backend->map(t->ctx, t->memory, 0, bytes_of(t), mode);
}

fcs_status fcs_tensor_unmap(const fcs_tensor *t, float *mapped)
{
    return t->ctx->backend->unmap(t->ctx, t->memory, mapped);
}

fcs_status fcs_tensor_copy(fcs_tensor *to, const fcs_tensor *from)
{
    float *x = fcs_tensor_map(from, FCS_MAP_READ),
          *y = x ? fcs_tensor_map(to, FCS_MAP_WRITE) : NULL;
    if (y)
        memcpy(y, x, bytes_of(to));
    fcs_status s = y ? fcs_tensor_unmap(to, y) : FCS_FAILED;
    fcs_status read = x ? fcs_tensor_unmap(from, x) : FCS_FAILED;
    return s == FCS_OK ? read : s;
}

fcs_status fcs_tensor_set(fcs_tensor *t, const float *values)
{
    int64_t channels = t->shape.n[FCS_C], cs = fcs_channel_stride(channels);
    int64_t pixels = t->shape.n[FCS_D] * t->shape.n[FCS_H] * t->shape.n[FCS_W];
    float *y = fcs_tensor_map(t, FCS_MAP_WRITE);
    if (!y)
        return FCS_FAILED;
    for (int64_t n = 0; n < t->shape.n[FCS_N]; n++)
        for (int64_t c = 0; c < cs; c++)
            for (int64_t p = 0; p < pixels; p++)
                y[(n * pixels + p) * cs + c] =
                    c < channels ? values[(n * channels + c) * pixels + p] : 0;
    return fcs_tensor_unmap(t, y);
}

fcs_status fcs_tensor_get(const fcs_tensor *t, float *values)
{
    int64_t channels = t->shape.n[FCS_C], cs = fcs_channel_stride(channels);
    int64_t pixels = t->shape.n[FCS_D] * t->shape.n[FCS_H] * t->shape.n[FCS_W];
    float *x = fcs_tensor_map(t, FCS_MAP_READ);
    if (!x)
        return FCS_FAILED;
    for (int64_t n = 0; n < t->shape.n[FCS_N]; n++)
        for (int64_t c = 0; c < channels; c++)
            for (int64_t p = 0; p < pixels; p++)
                values[(n * channels + c) * pixels + p] = x[(n * pixels + p) * cs + c];
    return fcs_tensor_unmap(t, x);
}
