/* recompute.c: a value that waits long for its last readers is computed again before them, where
 * that takes a few elementwise operations on values that wait anyway, as long as the plan's peak
 * falls: the output of an activation need not wait for the backward pass if the convolution's does
 * (rematerialization: Jain et al. 2020, "Checkmate", with the largest value at the peak first in
 * place of their solver). */
#include "graph/backend.h"
#include "graph/planner.h"
#include <stdlib.h>
#include <string.h>

enum { MAX_LANES = 12, MAX_COPIES = 64, GAIN = 64 }; /* a GAIN-th of the peak is worth it */

typedef struct repetition {
    int step, of, value; /* the step that computes `of` again, as `value` */
} repetition;
typedef struct recompute {
    fcs_planner *p;
    int *first, *last, *maker; /* of values: steps; maker: the chain that stores it, -1 */
    size_t *live;              /* of steps: bytes in the arena, about */
    repetition copies[MAX_COPIES];
    int n;
} recompute;

static const int *inputs_of(const fcs_step *s, int *n)
{
    *n = s->chain ? s->chain->n_inputs : s->n_in;
    return s->chain ? s->chain->inputs : s->in;
}

static bool writes_tensor(const recompute *r, const fcs_step *s, const fcs_tensor *t)
{
    const fcs_value *values = r->p->plan->values;
    for (int i = 0; i < (s->chain ? s->chain->n_outputs : 1); i++)
        if (values[s->chain ? s->chain->outputs[i].value : s->out].place.tensor == t)
            return true;
    return false;
}

/* ---- lifetimes ---- */
static void use(recompute *r, int value, int step)
{
    if (r->first[value] < 0)
        r->first[value] = step;
    r->last[value] = step;
}

static size_t arena_bytes(const recompute *r, int value)
{
    const fcs_value *v = &r->p->plan->values[value];
    return v->place.tensor ? 0 : (size_t)fcs_shape_floats(v->shape) * sizeof(float);
}

/* What a chain's results take of places that inputs leave (place.c: share_in_place). */
static size_t shared_bytes(const recompute *r, int step)
{
    const fcs_plan *plan = r->p->plan;
    const fcs_chain *c = plan->steps[step].chain;
    size_t left = 0, new = 0;
    for (int i = 0; c && i < c->n_inputs; i++)
        if (r->last[c->inputs[i]] == step &&
            fcs_shape_equal(plan->values[c->inputs[i]].shape, c->shape))
            left += arena_bytes(r, c->inputs[i]);
    for (int i = 0; c && i < c->n_outputs; i++)
        if (!c->outputs[i].sum && r->first[c->outputs[i].value] == step)
            new += arena_bytes(r, c->outputs[i].value);
    return left < new ? left : new;
}

static int find_peak(recompute *r)
{
    const fcs_plan *plan = r->p->plan;
    int peak = 0;
    size_t live = 0;
    for (int v = 0; v < plan->n_values; v++)
        r->first[v] = r->last[v] = r->maker[v] = -1;
    for (int s = 0; s < plan->n_steps; s++) {
        const fcs_step *step = &plan->steps[s];
        const fcs_chain *c = step->chain;
        int n;
        const int *in = inputs_of(step, &n);
        for (int i = 0; i < n; i++)
            use(r, in[i], s);
        for (int i = 0; i < (c ? c->n_outputs : 1); i++) {
            int out = c ? c->outputs[i].value : step->out;
            use(r, out, s);
            r->maker[out] = c && !c->outputs[i].sum ? s : -1;
        }
        r->live[s] = 0;
    }
    r->live[plan->n_steps] = 0;
    for (int v = 0; v < plan->n_values; v++)
        if (r->first[v] >= 0) {
            r->live[r->first[v]] += arena_bytes(r, v);
            r->live[r->last[v] + 1] -= arena_bytes(r, v);
        }
    for (int s = 0; s < plan->n_steps; s++) {
        live += r->live[s];
        r->live[s] = live + plan->steps[s].scratch - shared_bytes(r, s);
        peak = r->live[s] > r->live[peak] ? s : peak;
    }
    return peak;
}

/* ---- what can be computed again ---- */
/* Marks the lanes and inputs that the chain's stored value needs; their number of lanes, -1: it is
 * no result of theirs, or takes too long. */
static int find_lanes(const fcs_chain *c, int value, bool *lanes, bool *inputs)
{
    bool *wanted = calloc((size_t)c->n_registers + 1, sizeof *wanted);
    int n = 0, reg = -1;
    for (int i = 0; i < c->n_outputs; i++)
        if (c->outputs[i].value == value && !c->outputs[i].sum)
            reg = c->outputs[i].reg;
    if (!wanted || reg < 0) {
        free(wanted);
        return -1;
    }
    wanted[reg] = true;
    for (int i = c->n_lanes - 1; i >= 0; i--) { /* registers are reused: the last writer counts */
        const fcs_lane *l = &c->lanes[i];
        lanes[i] = wanted[l->out];
        if (!lanes[i])
            continue;
        wanted[l->out] = false;
        n = l->op->accuracy == FCS_FUNCTION ? MAX_LANES + 1 : n + 1;
        for (int k = 0; k < l->n_in; k++) {
            if (l->in[k] >= 0)
                wanted[l->in[k]] = true;
            else
                inputs[-1 - l->in[k]] = true;
        }
    }
    free(wanted);
    return n > MAX_LANES ? -1 : n;
}

/* Whether an input of the chain `maker` is as it was there when step `at` begins, at no cost. */
static bool waits(const recompute *r, int input, int maker, int at)
{
    const fcs_plan *plan = r->p->plan;
    const fcs_value *v = &plan->values[input];
    bool large = fcs_shape_equal(v->shape, plan->steps[maker].chain->shape);
    if (!v->place.tensor)
        return !large || r->last[input] >= at;
    for (int s = maker; s < at; s++)
        if (writes_tensor(r, &plan->steps[s], v->place.tensor))
            return false;
    return true;
}

/* The chain that computes the value again, to be made into a step; NULL: it cannot be. */
static fcs_chain *copy_chain(const recompute *r, int value, int at)
{
    fcs_error *e = r->p->e;
    int maker = r->maker[value], n = 0;
    const fcs_chain *c = r->p->plan->steps[maker].chain;
    bool *lanes = calloc((size_t)c->n_lanes + 1, sizeof *lanes),
         *inputs = calloc((size_t)c->n_inputs + 1, sizeof *inputs);
    int *number = calloc((size_t)c->n_inputs + 1, sizeof *number);
    bool can = lanes && inputs && number && find_lanes(c, value, lanes, inputs) > 0;
    for (int i = 0; can && i < c->n_inputs; i++)
        can = !inputs[i] || waits(r, c->inputs[i], maker, at);
    fcs_chain *copy = can ? fcs_alloc(e, sizeof *copy) : NULL;
    if (copy) {
        copy->shape = c->shape;
        copy->n_registers = c->n_registers;
        copy->lanes = fcs_alloc_array(e, (size_t)c->n_lanes + 1, sizeof *copy->lanes);
        copy->inputs = fcs_alloc_array(e, (size_t)c->n_inputs + 1, sizeof *copy->inputs);
        copy->outputs = fcs_alloc_array(e, 1, sizeof *copy->outputs);
    }
    if (copy && copy->lanes && copy->inputs && copy->outputs) {
        for (int i = 0; i < c->n_inputs; i++)
            if (inputs[i]) {
                number[i] = -1 - copy->n_inputs;
                copy->inputs[copy->n_inputs++] = c->inputs[i];
            }
        for (int i = 0; i < c->n_lanes; i++)
            if (lanes[i]) {
                fcs_lane *l = &copy->lanes[copy->n_lanes++];
                *l = c->lanes[i];
                for (int k = 0; k < l->n_in; k++)
                    l->in[k] = l->in[k] < 0 ? number[-1 - l->in[k]] : l->in[k];
            }
        for (n = 0; c->outputs[n].value != value || c->outputs[n].sum; n++)
            ;
        copy->outputs[copy->n_outputs++] = c->outputs[n];
    }
    free(lanes);
    free(inputs);
    free(number);
    return copy;
}

/* ---- inserting and taking back ---- */
static void replace(recompute *r, int from_step, int value, int by)
{
    fcs_plan *plan = r->p->plan;
    for (int s = from_step; s < plan->n_steps; s++) {
        fcs_step *step = &plan->steps[s];
        int n = step->chain ? step->chain->n_inputs : step->n_in;
        int *in = step->chain ? step->chain->inputs : step->in;
        for (int i = 0; i < n; i++)
            in[i] = in[i] == value ? by : in[i];
    }
}

static int next_reader(const recompute *r, int value, int after)
{
    int s = after + 1;
    while (!fcs_step_reads(&r->p->plan->steps[s], value))
        s++;
    return s;
}

/* The largest value that waits over the peak and can be computed again; its chain. */
static fcs_chain *choose(const recompute *r, int peak, int *value, int *at)
{
    const fcs_plan *plan = r->p->plan;
    size_t bound = SIZE_MAX;
    int tried = -1;
    for (;;) { /* by size, the first one of a size first */
        int best = -1;
        for (int v = 0; v < plan->n_values; v++) {
            size_t bytes = arena_bytes(r, v);
            if (r->maker[v] < 0 || r->maker[v] >= peak || r->last[v] <= peak || !bytes ||
                bytes > bound || (bytes == bound && v <= tried) ||
                (best >= 0 && bytes <= arena_bytes(r, best)) ||
                fcs_step_reads(&plan->steps[peak], v))
                continue;
            best = v;
        }
        if (best < 0)
            return NULL;
        *value = tried = best;
        bound = arena_bytes(r, best);
        *at = next_reader(r, best, peak);
        fcs_chain *c = copy_chain(r, best, *at);
        if (c || r->p->e->status != FCS_OK)
            return c;
    }
}

static bool insert(recompute *r, fcs_chain *c, int value, int at)
{
    fcs_planner *p = r->p;
    fcs_plan *plan = p->plan;
    if (!fcs_grow(p->e, &plan->values, &p->values_capacity, (size_t)plan->n_values + 1,
                  sizeof *plan->values))
        return false;
    char *name = fcs_format(p->e, "%s again", plan->steps[r->maker[value]].name);
    char *of = name ? fcs_format(p->e, "%s again", plan->values[value].name) : NULL;
    fcs_step *steps = of ? realloc(plan->steps, (size_t)(plan->n_steps + 1) * sizeof *steps) : NULL;
    if (!steps) {
        free(name);
        free(of);
        fcs_fail(p->e, FCS_FAILED, "out of memory");
        return false;
    }
    plan->steps = steps;
    plan->values[plan->n_values] = (fcs_value){.shape = plan->values[value].shape, .name = of};
    replace(r, at, value, plan->n_values);
    memmove(steps + at + 1, steps + at, (size_t)(plan->n_steps - at) * sizeof *steps);
    steps[at] = (fcs_step){.kind = FCS_STEP_CHAIN, .chain = c, .name = name};
    c->outputs[0].value = plan->n_values++;
    plan->n_steps++;
    steps[at].scratch = plan->ctx->backend->step_scratch(plan->ctx, plan, &steps[at]);
    r->copies[r->n++] = (repetition){at, value, c->outputs[0].value};
    return true;
}

static void take_back(recompute *r)
{
    fcs_plan *plan = r->p->plan;
    const repetition *last = &r->copies[--r->n];
    fcs_step *s = &plan->steps[last->step];
    fcs_chain_free(s->chain);
    free(s->name);
    plan->n_steps--;
    memmove(s, s + 1, (size_t)(plan->n_steps - last->step) * sizeof *s);
    replace(r, last->step, last->value, last->of);
    free(plan->values[--plan->n_values].name);
}

static bool make_room(recompute *r)
{
    size_t values = (size_t)r->p->plan->n_values + MAX_COPIES,
           steps = (size_t)r->p->plan->n_steps + MAX_COPIES + 1;
    r->first = fcs_alloc_array(r->p->e, values, sizeof *r->first);
    r->last = fcs_alloc_array(r->p->e, values, sizeof *r->last);
    r->maker = fcs_alloc_array(r->p->e, values, sizeof *r->maker);
    r->live = fcs_alloc_array(r->p->e, steps, sizeof *r->live);
    return r->first && r->last && r->maker && r->live;
}

bool fcs_recompute(fcs_planner *p)
{
    recompute r = {.p = p};
    int peak, value, at, kept = 0;
    bool fine = make_room(&r);
    size_t least = SIZE_MAX;
    while (fine) {
        peak = find_peak(&r);
        if (r.live[peak] < least - least / GAIN) {
            least = r.live[peak];
            kept = r.n;
        }
        fcs_chain *c = r.n < MAX_COPIES ? choose(&r, peak, &value, &at) : NULL;
        if (!c)
            break;
        fine = insert(&r, c, value, at);
        if (!fine)
            fcs_chain_free(c);
    }
    while (fine && r.n > kept)
        take_back(&r);
    free(r.first);
    free(r.last);
    free(r.maker);
    free(r.live);
    return fine && p->e->status == FCS_OK;
}
