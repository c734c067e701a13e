/* yardstick.c: the peak of multiply-adds, a matrix product, a copy: on all threads of the context.
 */
#include "check/yardstick.h"
#include "cpu/cpu.h"
#include "graph/backend.h"
#include "graph/profile.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE = 2048, COPY_SIDE = 4096, COPY_FLOATS = COPY_SIDE * COPY_SIDE }; /* 64 MiB each way */

struct fcs_yardstick {
    fcs_context *ctx;
    fcs_tensor *in[2], *out;
    fcs_plan *product;
    float *from, *to;         /* on the CPU */
    fcs_tensor *image, *copy; /* on a device */
    fcs_plan *copying;
};

/* Inputs that are neither zero nor equal, so that nothing is special about them. */
static fcs_status fill(fcs_tensor *t, uint32_t stream)
{
    size_t n = (size_t)fcs_shape_count(t->shape);
    float *values = fcs_alloc_array(&t->ctx->error, n, sizeof *values);
    if (!values)
        return FCS_FAILED;
    fcs_random_uniforms(1, 0, stream, 0, n, values);
    fcs_status status = fcs_tensor_set(t, values);
    free(values);
    return status;
}

static fcs_status make_product(fcs_yardstick *y)
{
    fcs_shape square = fcs_shape_of(SIDE, SIDE, 1, 1, 1);
    fcs_graph *g = fcs_graph_new(y->ctx);
    fcs_node *read[2] = {NULL, NULL};
    for (int i = 0; i < 2 && g; i++) {
        y->in[i] = fcs_tensor_new(y->ctx, "yardstick", square);
        if (y->in[i] && fill(y->in[i], (uint32_t)i) == FCS_OK)
            read[i] = fcs_read(g, y->in[i]);
    }
    y->out = fcs_tensor_new(y->ctx, "yardstick", square);
    fcs_node *product = g ? fcs_apply(g, "matmul", "", 2, read) : NULL;
    fcs_status status = product && y->out ? fcs_assign(g, y->out, product) : FCS_FAILED;
    if (status == FCS_OK)
        status = fcs_plan_build(g, NULL, &y->product);
    fcs_graph_free(g);
    return status;
}

/* A broadcast that repeats nothing. */
static fcs_status make_device_copy(fcs_yardstick *y)
{
    fcs_shape shape = fcs_shape_of(1, 1, 1, COPY_SIDE, COPY_SIDE);
    fcs_graph *g = fcs_graph_new(y->ctx);
    y->image = fcs_tensor_new(y->ctx, "yardstick", shape);
    y->copy = fcs_tensor_new(y->ctx, "yardstick", shape);
    fcs_node *from = g && y->image ? fcs_read(g, y->image) : NULL;
    fcs_node *to = !from ? NULL : fcs_apply(g, "broadcast", "shape=1,1,1,4096,4096", 1, &from);
    fcs_status status = to && y->copy ? fcs_assign(g, y->copy, to) : FCS_FAILED;
    if (status == FCS_OK)
        status = fcs_plan_build(g, NULL, &y->copying);
    fcs_graph_free(g);
    return status;
}

static fcs_status make_copy(fcs_yardstick *y)
{
    y->from = fcs_alloc_aligned(&y->ctx->error, COPY_FLOATS * sizeof(float));
    y->to = fcs_alloc_aligned(&y->ctx->error, COPY_FLOATS * sizeof(float));
    if (!y->from || !y->to)
        return FCS_FAILED;
    memset(y->from, 1, COPY_FLOATS * sizeof(float));
    memset(y->to, 0, COPY_FLOATS * sizeof(float));
    return FCS_OK;
}

fcs_status fcs_yardstick_new(fcs_context *ctx, fcs_yardstick **out)
{
    fcs_yardstick *y = fcs_alloc(&ctx->error, sizeof *y);
    *out = y;
    if (!y)
        return FCS_FAILED;
    y->ctx = ctx;
    fcs_status status = make_product(y);
    if (status == FCS_OK)
        status = ctx->device ? make_device_copy(y) : make_copy(y);
    return status;
}

void fcs_yardstick_free(fcs_yardstick *y)
{
    if (!y)
        return;
    fcs_plan_free(y->product);
    fcs_plan_free(y->copying);
    fcs_tensor_free(y->image);
    fcs_tensor_free(y->copy);
    fcs_tensor_free(y->in[0]);
    fcs_tensor_free(y->in[1]);
    fcs_tensor_free(y->out);
    free(y->from);
    free(y->to);
    free(y);
}

const char *fcs_yardstick_isa(const fcs_yardstick *y)
{
    return y->ctx->device ? NULL : y->ctx->isa->name;
}

double fcs_yardstick_peak(const fcs_yardstick *y)
{
    return y->ctx->device ? (double)NAN : y->ctx->isa->fma_peak(0.02) * fcs_team_size(y->ctx->team);
}

/* Seconds of a run; NaN where it fails. */
static double run_seconds(const fcs_yardstick *y, fcs_plan *p)
{
    const fcs_backend *backend = y->ctx->backend;
    double start = fcs_profile_seconds(y->ctx);
    fcs_status status = fcs_plan_run_steps(p, 0, p->n_steps, 0, 0);
    if (status == FCS_OK && backend->finish)
        status = backend->finish(y->ctx);
    return status == FCS_OK ? fcs_profile_seconds(y->ctx) - start : (double)NAN;
}

double fcs_yardstick_gemm(const fcs_yardstick *y)
{
    return 2.0 * SIDE * SIDE * SIDE / run_seconds(y, y->product) / 1e9;
}

static void copy_block(void *arg, int64_t begin, int64_t end, int thread)
{
    const fcs_yardstick *y = arg;
    (void)thread;
    memcpy(y->to + begin, y->from + begin, (size_t)(end - begin) * sizeof(float));
}

double fcs_yardstick_copy(const fcs_yardstick *y)
{
    double start = fcs_profile_seconds(y->ctx), seconds;
    if (y->copying) {
        seconds = run_seconds(y, y->copying);
    } else {
        fcs_parallel(y->ctx->team, COPY_FLOATS, 1 << 16, copy_block, (void *)(uintptr_t)y);
        seconds = fcs_profile_seconds(y->ctx) - start;
    }
    return 2.0 * COPY_FLOATS * sizeof(float) / seconds / 1e9;
}
