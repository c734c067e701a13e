/* plan.c: from a graph to an ordered, fused and placed list of steps. */
#include "graph/backend.h"
#include "graph/planner.h"
#include "graph/profile.h"
#include <stdlib.h>
#include <string.h>

static void mark_live(fcs_planner *p)
{
    const fcs_graph *g = p->g;
    for (size_t i = 0; i < g->n_assignments; i++) {
        int id = g->assignments[i].node->id;
        p->live[id] = p->stored[id] = p->kernel_input[id] = true;
    }
    for (int i = p->n_nodes - 1; i >= 0; i--) {
        const fcs_node *n = g->nodes[i];
        for (int k = 0; p->live[i] && k < n->n_in; k++) {
            p->live[n->in[k]->id] = true;
            if (n->op->kind == FCS_KIND_KERNEL)
                p->kernel_input[n->in[k]->id] = true;
        }
    }
}

static bool planner_init(fcs_planner *p)
{
    size_t n = (size_t)p->n_nodes + 1;
    p->words = (n + 63) / 64;
    p->live = fcs_alloc_array(p->e, n, sizeof *p->live);
    p->stored = fcs_alloc_array(p->e, n, sizeof *p->stored);
    p->kernel_input = fcs_alloc_array(p->e, n, sizeof *p->kernel_input);
    p->home = fcs_alloc_array(p->e, n, sizeof *p->home);
    p->leaf = fcs_alloc_array(p->e, n, sizeof *p->leaf);
    p->lanes = fcs_alloc_array(p->e, n, sizeof *p->lanes);
    p->value = fcs_alloc_array(p->e, n, sizeof *p->value);
    p->order = fcs_alloc_array(p->e, n, sizeof *p->order);
    p->before = fcs_alloc_array(p->e, n, p->words * sizeof *p->before);
    if (p->e->status != FCS_OK)
        return false;
    for (int i = 0; i < p->n_nodes; i++) {
        p->home[i] = p->value[i] = -1;
        p->leaf[i] = FCS_NO_LEAF;
    }
    mark_live(p);
    return true;
}

bool fcs_step_reads(const fcs_step *s, int value)
{
    int n = s->chain ? s->chain->n_inputs : s->n_in;
    const int *in = s->chain ? s->chain->inputs : s->in;
    for (int i = 0; i < n; i++)
        if (in[i] == value)
            return true;
    return false;
}

void fcs_chain_free(fcs_chain *c)
{
    if (!c)
        return;
    free(c->lanes);
    free(c->inputs);
    free(c->outputs);
    free(c);
}

static void planner_free(fcs_planner *p)
{
    for (size_t i = 0; i < p->n_groups; i++) { /* steps that were not moved to the plan */
        free(p->groups[i].members);
        free(p->groups[i].step.name);
        fcs_chain_free(p->groups[i].step.chain);
    }
    free(p->groups);
    free(p->live);
    free(p->stored);
    free(p->kernel_input);
    free(p->home);
    free(p->leaf);
    free(p->lanes);
    free(p->value);
    free(p->order);
    free(p->before);
}

/* The groups' steps in their order, before the copies that fcs_assign_places has put there. */
static bool collect_steps(fcs_planner *p)
{
    fcs_plan *plan = p->plan;
    int copies = plan->n_steps, n = 0;
    fcs_order_sort(p);
    fcs_step *steps = fcs_alloc_array(p->e, p->n_groups + (size_t)copies + 1, sizeof *steps);
    if (!steps || p->e->status != FCS_OK) {
        free(steps);
        return false;
    }
    for (size_t i = 0; i < p->n_groups; i++) {
        fcs_group *g = &p->groups[p->order[i]];
        if (g->empty)
            continue;
        steps[n++] = g->step;
        g->step.name = NULL;
        g->step.chain = NULL;
    }
    if (copies)
        memcpy(steps + n, plan->steps, (size_t)copies * sizeof *steps);
    free(plan->steps);
    plan->steps = steps;
    plan->n_steps = n + copies;
    for (int s = 0; s < plan->n_steps; s++)
        steps[s].scratch = plan->ctx->backend->step_scratch(plan->ctx, plan, &steps[s]);
    return true;
}

fcs_status fcs_plan_build(fcs_graph *g, const fcs_plan_options *o, fcs_plan **out)
{
    fcs_error *e = &g->ctx->error;
    *out = NULL;
    if (g->n_assignments == 0)
        return fcs_fail(e, FCS_FAILED,
                        "plan: nothing is assigned, so nothing needs to be computed");
    fcs_plan *plan = fcs_alloc(e, sizeof *plan);
    if (!plan)
        return FCS_FAILED;
    plan->ctx = g->ctx;
    fcs_planner p = {.g = g, .plan = plan, .e = e, .n_nodes = (int)g->n_nodes};
    if (o)
        p.options = *o;
    if (g->ctx->plain_plans)
        p.options = (fcs_plan_options){.no_fusion = true, .no_reuse = true};
    plan->steps =
        fcs_alloc_array(e, g->n_assignments, sizeof *plan->steps); /* the copies at the end */
    bool done = plan->steps && planner_init(&p) && fcs_fuse_groups(&p) && fcs_fuse_emit(&p) &&
                fcs_assign_places(&p) && collect_steps(&p) &&
                (p.options.no_reuse || fcs_recompute(&p)) && fcs_place_values(&p);
    planner_free(&p);
    if (!done) {
        fcs_plan_free(plan);
        return e->status != FCS_OK ? e->status
                                   : fcs_fail(e, FCS_FAILED, "internal: planning failed");
    }
    *out = plan;
    return FCS_OK;
}

fcs_status fcs_plan_new(fcs_graph *g, fcs_plan **out) { return fcs_plan_build(g, NULL, out); }

/* ---- the arena ---- */
static void arena_leave(fcs_plan *p)
{
    fcs_arena *a = p->arena;
    p->arena = NULL;
    if (!a || --a->users > 0)
        return;
    fcs_count_memory(p->ctx, -(int64_t)a->size);
    p->ctx->backend->memory_free(p->ctx, a->memory);
    free(a);
}

fcs_status fcs_plan_share(fcs_plan *const *plans, int n, fcs_error *e)
{
    fcs_context *ctx = plans[0]->ctx;
    size_t size = 0;
    for (int i = 0; i < n; i++)
        size = plans[i]->arena_bytes > size ? plans[i]->arena_bytes : size;
    fcs_arena *a = fcs_alloc(e, sizeof *a);
    if (!a || !(a->memory = ctx->backend->memory_new(ctx, size, false))) {
        free(a);
        return FCS_FAILED;
    }
    a->size = size;
    fcs_count_memory(ctx, (int64_t)size);
    for (int i = 0; i < n; i++) {
        arena_leave(plans[i]);
        plans[i]->arena = a;
        a->users++;
    }
    return FCS_OK;
}

fcs_status fcs_plan_allocate(fcs_plan *p)
{
    return p->arena ? FCS_OK : fcs_plan_share(&p, 1, &p->ctx->error);
}

float *fcs_plan_map(const fcs_plan *p, int value, fcs_map_mode mode)
{
    const fcs_value *v = &p->values[value];
    if (v->place.tensor)
        return fcs_tensor_map(v->place.tensor, mode);
    return p->ctx->backend->map(p->ctx, p->arena->memory, v->place.offset,
                                (size_t)fcs_shape_floats(v->shape) * sizeof(float), mode);
}

fcs_status fcs_plan_unmap(const fcs_plan *p, int value, float *mapped)
{
    const fcs_tensor *t = p->values[value].place.tensor;
    return p->ctx->backend->unmap(p->ctx, t ? t->memory : p->arena->memory, mapped);
}

void fcs_plan_free(fcs_plan *p)
{
    if (!p)
        return;
    if (p->prepared && p->ctx->backend->forget)
        p->ctx->backend->forget(p);
    arena_leave(p);
    for (int i = 0; i < p->n_values; i++)
        free(p->values[i].name);
    for (int i = 0; p->steps && i < p->n_steps; i++) {
        free(p->steps[i].name);
        fcs_chain_free(p->steps[i].chain);
    }
    for (int i = 0; i < p->n_constants; i++)
        fcs_tensor_free(p->constants[i]);
    free(p->constants);
    free(p->values);
    free(p->steps);
    free(p);
}

size_t fcs_plan_bytes(const fcs_plan *p) { return p->arena_bytes; }

fcs_status fcs_plan_run_steps(fcs_plan *p, int first, int end, uint64_t seed, uint64_t step)
{
    fcs_status s = fcs_plan_allocate(p);
    return s == FCS_OK ? p->ctx->backend->run(p, first, end, seed, step) : s;
}

fcs_status fcs_plan_run(fcs_plan *p, uint64_t seed, uint64_t step)
{
    return p->ctx->profile ? fcs_profile_run(p, seed, step)
                           : fcs_plan_run_steps(p, 0, p->n_steps, seed, step);
}

fcs_status fcs_plan_table(const fcs_plan *p, fcs_table **out)
{
    static const char *const columns[] = {"step",  "name",          "op",   "shape",
                                          "bytes", "scratch_bytes", "flops"};
    fcs_error *e = &p->ctx->error;
    fcs_table *t = fcs_table_new(e, columns, 7);
    fcs_status status = t ? FCS_OK : FCS_FAILED;
    for (int i = 0; status == FCS_OK && i < p->n_steps; i++) {
        const fcs_step *s = &p->steps[i];
        const fcs_chain *c = s->chain;
        char shape[96], op[64];
        int64_t bytes = 0;
        for (int k = 0; k < (c ? c->n_outputs : 1); k++)
            bytes += 4 * fcs_shape_floats(p->values[c ? c->outputs[k].value : s->out].shape);
        fcs_step_words(p, s, op, shape);
        status = fcs_table_add(e, t, "isssiid", (int64_t)i, s->name, op, shape, bytes,
                               (int64_t)s->scratch, fcs_step_flops(s));
    }
    if (status != FCS_OK) {
        fcs_table_free(t);
        t = NULL;
    }
    *out = t;
    return status;
}
