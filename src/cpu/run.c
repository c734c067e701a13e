/* run.c: runs a plan's steps on the CPU. */
#include "cpu/chain.h"

#include <string.h>

static const fcs_cpu_op *kernel_of(const fcs_context *ctx, const fcs_step *s)
{
    return ctx->isa->ops[fcs_op_index(s->args.op)];
}

size_t fcs_cpu_step_scratch(const fcs_context *ctx, const fcs_plan *p, const fcs_step *s)
{
    int threads = fcs_team_size(ctx->team);
    if (s->kind == FCS_STEP_CHAIN)
        return fcs_chain_scratch(s->chain, p->values, threads);
    if (s->kind == FCS_STEP_COPY)
        return 0;
    const fcs_cpu_op *kernel = kernel_of(ctx, s);
    return kernel->scratch ? kernel->scratch(&s->args, threads) : 0;
}

static float *value_data(const void *plan, int value) { return fcs_plan_data(plan, value); }

static void *scratch_of(const fcs_plan *p, const fcs_step *s)
{
    return s->scratch ? p->arena->bytes + s->scratch_offset : NULL;
}

static fcs_view view_of(const fcs_plan *p, int value)
{
    fcs_shape shape = p->values[value].shape;
    return (fcs_view){fcs_plan_data(p, value), shape, fcs_channel_stride(shape.n[FCS_C])};
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
    copy c = {fcs_plan_data(p, s->out), fcs_plan_data(p, s->in[0])};
    if (c.to != c.from)
        fcs_parallel(p->ctx->team, fcs_shape_floats(p->values[s->out].shape), 1 << 16, copy_part,
                     &c);
}

fcs_status fcs_cpu_plan_run(fcs_plan *p, uint64_t seed, uint64_t step)
{
    fcs_status status = fcs_plan_allocate(p);
    if (status != FCS_OK)
        return status;
    for (int i = 0; i < p->n_steps; i++) {
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
