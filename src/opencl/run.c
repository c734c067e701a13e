/* run.c: plans on the device. A plan's steps are turned into launches when it first runs, and again
 * if it has got another arena; so are single ops, for checks and benchmarks. */
#include "opencl/opencl.h"

#include <stdlib.h>
#include <string.h>

/* fcs_plan.prepared. */
typedef struct prepared {
    const fcs_arena *arena; /* that the launches' arguments name */
    fcs_cl_launches launches;
    size_t *first; /* launch of each step, and the end */
} prepared;

static fcs_cl_view value_view(const void *owner, int value)
{
    const fcs_plan *p = owner;
    const fcs_value *v = &p->values[value];
    return v->place.tensor ? fcs_cl_view_of(v->place.tensor->memory, 0, v->shape)
                           : fcs_cl_view_of(p->arena->memory, v->place.offset, v->shape);
}

static fcs_cl_view scratch_view(const fcs_plan *p, const fcs_step *s)
{
    if (!s->scratch)
        return (fcs_cl_view){0};
    return fcs_cl_view_of(p->arena->memory, s->scratch_offset, fcs_shape_of(1, 1, 1, 1, 1));
}

static void emit_kernel(fcs_cl_launches *to, const fcs_plan *p, const fcs_step *s)
{
    fcs_cl_call call = {.to = to,
                        .args = &s->args,
                        .out = value_view(p, s->out),
                        .scratch = scratch_view(p, s),
                        .stream = s->stream};
    for (int i = 0; i < s->n_in; i++)
        call.in[i] = value_view(p, s->in[i]);
    fcs_cl_ops[fcs_op_index(s->args.op)]->emit(&call);
}

/* A copy is a chain without lanes. */
static void emit_copy(fcs_cl_launches *to, const fcs_plan *p, const fcs_step *s)
{
    fcs_step step = *s;
    fcs_chain_io out = {.value = s->out, .reg = -1};
    const fcs_chain copy = {.shape = p->values[s->out].shape,
                            .inputs = step.in,
                            .n_inputs = 1,
                            .outputs = &out,
                            .n_outputs = 1};
    fcs_cl_chain_emit(&(fcs_cl_chain){
        .chain = &copy, .values = p->values, .view = value_view, .owner = p, .to = to});
}

static void emit_step(fcs_cl_launches *to, const fcs_plan *p, const fcs_step *s)
{
    if (s->kind == FCS_STEP_KERNEL)
        emit_kernel(to, p, s);
    else if (s->kind == FCS_STEP_COPY)
        emit_copy(to, p, s);
    else
        fcs_cl_chain_emit(&(fcs_cl_chain){.chain = s->chain,
                                          .values = p->values,
                                          .view = value_view,
                                          .owner = p,
                                          .scratch = scratch_view(p, s),
                                          .to = to});
}

void fcs_cl_forget(fcs_plan *p)
{
    prepared *r = p->prepared;
    if (!r)
        return;
    fcs_cl_launches_free(&r->launches);
    free(r->first);
    free(r);
    p->prepared = NULL;
}

static fcs_status prepare(fcs_plan *p)
{
    fcs_error *e = &p->ctx->error;
    prepared *r = fcs_alloc(e, sizeof *r);
    p->prepared = r;
    if (!r)
        return FCS_FAILED;
    r->arena = p->arena;
    r->launches.cl = p->ctx->device;
    r->first = fcs_alloc_array(e, (size_t)p->n_steps + 1, sizeof *r->first);
    for (int i = 0; i < p->n_steps && r->first && !r->launches.failed; i++) {
        emit_step(&r->launches, p, &p->steps[i]);
        r->first[i + 1] = r->launches.n;
        if (r->launches.failed)
            fcs_error_where(e, "%s", p->steps[i].name);
    }
    if (r->first && !r->launches.failed)
        return FCS_OK;
    fcs_cl_forget(p);
    return FCS_FAILED;
}

fcs_status fcs_cl_run(fcs_plan *p, int first, int end, uint64_t seed, uint64_t step)
{
    prepared *r = p->prepared;
    if (r && r->arena != p->arena)
        fcs_cl_forget(p);
    if (!p->prepared && prepare(p) != FCS_OK)
        return FCS_FAILED;
    r = p->prepared;
    for (int i = first; i < end; i++) {
        fcs_status s =
            fcs_cl_queue(&r->launches, r->first[i], r->first[i + 1], seed, step, p->steps[i].name);
        if (s != FCS_OK)
            return s;
    }
    return FCS_OK;
}

size_t fcs_cl_step_scratch(const fcs_context *ctx, const fcs_plan *p, const fcs_step *s)
{
    if (s->kind == FCS_STEP_CHAIN)
        return fcs_cl_chain_scratch(ctx->device, s->chain, p->values);
    return s->kind == FCS_STEP_COPY ? 0 : fcs_cl_op_scratch(ctx, &s->args);
}

/* ---- one op ---- */
size_t fcs_cl_op_scratch(const fcs_context *ctx, const fcs_apply_args *a)
{
    const fcs_cl_op *op = fcs_cl_ops[fcs_op_index(a->op)];
    return op->scratch ? op->scratch(ctx->device, a) : 0;
}

void *fcs_cl_op_new(fcs_context *ctx, const fcs_op_place *place)
{
    fcs_cl_launches *l = fcs_alloc(&ctx->error, sizeof *l);
    if (!l)
        return NULL;
    l->cl = ctx->device;
    fcs_cl_call call = {.to = l,
                        .args = place->args,
                        .out = fcs_cl_view_of(place->memory, place->out, place->args->out),
                        .scratch = fcs_cl_view_of(place->memory, place->scratch, place->args->out),
                        .stream = place->stream};
    for (int i = 0; i < place->args->n_in; i++)
        call.in[i] = fcs_cl_view_of(place->memory, place->in[i], place->args->in[i]);
    fcs_cl_ops[fcs_op_index(place->args->op)]->emit(&call);
    if (!l->failed)
        return l;
    fcs_cl_op_free(ctx, l);
    return NULL;
}

fcs_status fcs_cl_op_run(fcs_context *ctx, void *op, uint64_t seed, uint64_t step)
{
    fcs_cl_launches *l = op;
    (void)ctx;
    return fcs_cl_queue(l, 0, l->n, seed, step, "one op");
}

void fcs_cl_op_free(fcs_context *ctx, void *op)
{
    (void)ctx;
    if (op)
        fcs_cl_launches_free(op);
    free(op);
}
