/* run.c: the CPU as a backend: memory is the host's own, a plan's steps run one after the other. */
#include "cpu/chain.h"
#include "graph/backend.h"

#include <stdlib.h>
#include <string.h>

static const char *kernels_name(const fcs_context *ctx) { return ctx->isa->name; }

static bool one_thread(const fcs_context *ctx) { return fcs_team_size(ctx->team) == 1; }

/* ---- memory ---- */
/* Always zeros, since calloc does not touch pages that are fresh: a tensor that is made to plan
 * with costs nothing. The block's own address lies before the first line. */
static void *memory_new(fcs_context *ctx, size_t bytes, bool zero)
{
    enum { LINE = 64 };
    char *block = fcs_alloc(&ctx->error, bytes < SIZE_MAX - 2 * LINE ? bytes + 2 * LINE : SIZE_MAX);
    (void)zero;
    if (!block)
        return NULL;
    char *memory = block + 2 * LINE - (uintptr_t)block % LINE;
    memcpy(memory - sizeof block, &block, sizeof block);
    return memory;
}

static void memory_free(fcs_context *ctx, void *memory)
{
    char *block = NULL;
    (void)ctx;
    if (memory)
        memcpy(&block, (char *)memory - sizeof block, sizeof block);
    free(block);
}

static float *map(fcs_context *ctx, void *memory, size_t offset, size_t bytes, fcs_map_mode mode)
{
    (void)ctx, (void)bytes, (void)mode;
    return (float *)memory + offset / sizeof(float);
}

static fcs_status unmap(fcs_context *ctx, void *memory, float *mapped)
{
    (void)ctx, (void)memory, (void)mapped;
    return FCS_OK;
}

static float *floats_of(const fcs_plan *p, int value)
{
    const fcs_place *place = &p->values[value].place;
    return place->tensor ? place->tensor->memory
                         : (float *)p->arena->memory + place->offset / sizeof(float);
}

/* ---- steps ---- */
static const fcs_cpu_op *kernel_of(const fcs_context *ctx, const fcs_step *s)
{
    return ctx->isa->ops[fcs_op_index(s->args.op)];
}

static size_t step_scratch(const fcs_context *ctx, const fcs_plan *p, const fcs_step *s)
{
    int threads = fcs_team_size(ctx->team);
    if (s->kind == FCS_STEP_CHAIN)
        return fcs_chain_scratch(s->chain, p->values, threads);
    if (s->kind == FCS_STEP_COPY)
        return 0;
    const fcs_cpu_op *kernel = kernel_of(ctx, s);
    return kernel->scratch ? kernel->scratch(&s->args, threads) : 0;
}

static float *value_data(const void *plan, int value) { return floats_of(plan, value); }

static void *scratch_of(const fcs_plan *p, const fcs_step *s)
{
    return s->scratch ? (char *)p->arena->memory + s->scratch_offset : NULL;
}

static fcs_view view_of(const fcs_plan *p, int value)
{
    fcs_shape shape = p->values[value].shape;
    return (fcs_view){floats_of(p, value), shape, fcs_channel_stride(shape.n[FCS_C])};
}

static void run_kernel(const fcs_plan *p, const fcs_step *s, uint64_t seed, uint64_t step)
{
    fcs_cpu_call call = {.args = &s->args,
                         .out = view_of(p, s->out),
                         .scratch = scratch_of(p, s),
                         .team = p->ctx->team,
                         .seed = seed,
                         .step = step,
                         .stream = s->stream};
    for (int i = 0; i < s->n_in; i++)
        call.in[i] = view_of(p, s->in[i]);
    kernel_of(p->ctx, s)->run(&call);
}

static void run_chain(const fcs_plan *p, const fcs_step *s)
{
    fcs_chain_run(&(fcs_chain_call){s->chain, p->values, value_data, p, p->ctx->isa, p->ctx->team,
                                    scratch_of(p, s)});
}

typedef struct copy {
    float *to;
    const float *from;
} copy;

static void copy_part(void *arg, int64_t begin, int64_t end, int thread)
{
    const copy *c = arg;
    (void)thread;
    memcpy(c->to + begin, c->from + begin, (size_t)(end - begin) * sizeof *c->to);
}

static void run_copy(const fcs_plan *p, const fcs_step *s)
{
    copy c = {floats_of(p, s->out), floats_of(p, s->in[0])};
    if (c.to != c.from)
        fcs_parallel(p->ctx->team, fcs_shape_floats(p->values[s->out].shape), 1 << 16, copy_part,
                     &c);
}

static fcs_status run(fcs_plan *p, int first, int end, uint64_t seed, uint64_t step)
{
    for (int i = first; i < end; i++) {
        const fcs_step *s = &p->steps[i];
        if (s->kind == FCS_STEP_CHAIN)
            run_chain(p, s);
        else if (s->kind == FCS_STEP_COPY)
            run_copy(p, s);
        else
            run_kernel(p, s, seed, step);
    }
    return FCS_OK;
}

/* ---- one op ---- */
static size_t op_scratch(const fcs_context *ctx, const fcs_apply_args *a)
{
    const fcs_cpu_op *kernel = ctx->isa->ops[fcs_op_index(a->op)];
    return kernel && kernel->scratch ? kernel->scratch(a, fcs_team_size(ctx->team)) : 0;
}

static fcs_view view_at(const fcs_op_place *place, size_t offset, fcs_shape shape)
{
    return (fcs_view){(float *)place->memory + offset / sizeof(float), shape,
                      fcs_channel_stride(shape.n[FCS_C])};
}

static void *op_new(fcs_context *ctx, const fcs_op_place *place)
{
    const fcs_cpu_op *kernel = ctx->isa->ops[fcs_op_index(place->args->op)];
    if (!kernel || !kernel->run) {
        fcs_fail(&ctx->error, FCS_FAILED, "%s: no kernel", place->args->op->name);
        return NULL;
    }
    fcs_cpu_call *call = fcs_alloc(&ctx->error, sizeof *call);
    if (!call)
        return NULL;
    call->args = place->args;
    call->team = ctx->team;
    call->stream = place->stream;
    call->out = view_at(place, place->out, place->args->out);
    call->scratch = (char *)place->memory + place->scratch;
    for (int i = 0; i < place->args->n_in; i++)
        call->in[i] = view_at(place, place->in[i], place->args->in[i]);
    return call;
}

static fcs_status op_run(fcs_context *ctx, void *op, uint64_t seed, uint64_t step)
{
    fcs_cpu_call *call = op;
    call->seed = seed;
    call->step = step;
    ctx->isa->ops[fcs_op_index(call->args->op)]->run(call);
    return FCS_OK;
}

static void op_free(fcs_context *ctx, void *op)
{
    (void)ctx;
    free(op);
}

const fcs_backend fcs_cpu_backend = {
    .name = "cpu",
    .fast_forms = true,
    .kernels_name = kernels_name,
    .one_thread = one_thread,
    .memory_new = memory_new,
    .memory_free = memory_free,
    .map = map,
    .unmap = unmap,
    .step_scratch = step_scratch,
    .run = run,
    .op_scratch = op_scratch,
    .op_new = op_new,
    .op_run = op_run,
    .op_free = op_free,
};
