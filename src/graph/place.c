/* place.c: where each value lies in the arena: lifetimes, in-place results, offsets by size. */
#include "graph/backend.h"
#include "graph/planner.h"
#include <stdlib.h>
#include <string.h>

typedef struct block { /* what needs a place: values that share one, or a step's scratch */
    int first, last;   /* steps */
    size_t bytes, offset;
    int parent; /* lies in that block, `at` bytes behind its begin; -1: has a place of its own */
    size_t at;
} block;

static void use(block *b, int step)
{
    if (b->first < 0)
        b->first = step;
    b->last = step;
}

static void find_lifetimes(const fcs_plan *plan, block *blocks)
{
    for (int v = 0; v < plan->n_values; v++)
        blocks[v] = (block){-1, -1, (size_t)fcs_shape_floats(plan->values[v].shape) * sizeof(float),
                            0,  -1, 0};
    for (int s = 0; s < plan->n_steps; s++) {
        const fcs_step *step = &plan->steps[s];
        const fcs_chain *c = step->chain;
        for (int i = 0; i < (c ? c->n_inputs : step->n_in); i++)
            use(&blocks[c ? c->inputs[i] : step->in[i]], s);
        for (int i = 0; i < (c ? c->n_outputs : 1); i++)
            use(&blocks[c ? c->outputs[i].value : step->out], s);
        blocks[plan->n_values + s] = (block){s, s, step->scratch, 0, -1, 0};
    }
}

static int root(const block *blocks, int b)
{
    while (blocks[b].parent >= 0)
        b = blocks[b].parent;
    return b;
}

static bool is_op(const fcs_step *s, const char *name)
{
    return s->kind == FCS_STEP_KERNEL && !strcmp(s->args.op->name, name);
}

/* Whether parts along the axis follow one another in memory. */
static bool outermost(fcs_shape s, int axis)
{
    static const int order[] = {FCS_N, FCS_D, FCS_H, FCS_W};
    for (int i = 0; i < 4 && order[i] != axis; i++)
        if (s.n[order[i]] != 1)
            return false;
    return axis != FCS_C;
}

/* What a crop leaves is not copied where it lies in one piece and on a line of 64 bytes. */
static void crop_in_place(const fcs_plan *plan, block *blocks, const fcs_step *step)
{
    const fcs_shape x = step->args.in[0], y = step->args.out;
    int axis = -1, in = root(blocks, step->in[0]);
    for (int d = 0; d < FCS_DIMS; d++)
        if (x.n[d] != y.n[d])
            axis = axis < 0 ? d : FCS_DIMS;
    if (axis < 0 || axis == FCS_DIMS || !outermost(x, axis) ||
        plan->values[step->out].place.tensor || plan->values[in].place.tensor)
        return;
    size_t one = blocks[step->in[0]].bytes / (size_t)x.n[axis];
    size_t at = one * (size_t)step->args.attrs.i[axis];
    if (at % 64)
        return;
    blocks[step->out].parent = step->in[0];
    blocks[step->out].at = at;
    if (blocks[in].last < blocks[step->out].last)
        blocks[in].last = blocks[step->out].last;
}

/* Inputs of a concat that nobody reads later are computed where they belong in its result. */
static void join_in_place(const fcs_plan *plan, block *blocks, int s)
{
    const fcs_step *step = &plan->steps[s];
    int axis = (int)step->args.attrs.i[0];
    size_t at = 0;
    if (plan->values[step->out].place.tensor || !outermost(step->args.out, axis))
        return;
    for (int i = 0; i < step->n_in; at += blocks[step->in[i++]].bytes) {
        int in = root(blocks, step->in[i]);
        if (plan->values[in].place.tensor || blocks[in].last != s ||
            in == root(blocks, step->out) || at % 64 ||
            blocks[in].bytes != blocks[step->in[i]].bytes)
            continue;
        blocks[in].parent = step->out;
        blocks[in].at = at;
        if (blocks[in].first < blocks[step->out].first)
            blocks[step->out].first = blocks[in].first;
    }
}

/* Whether the chain reads what input i lies in by another input too: two crops of one value. */
static bool read_elsewhere(const block *blocks, const fcs_chain *c, int i)
{
    int in = root(blocks, c->inputs[i]);
    for (int k = 0; k < c->n_inputs; k++)
        if (c->inputs[k] != c->inputs[i] && root(blocks, c->inputs[k]) == in)
            return true;
    return false;
}

/* A stored result of a chain takes the place of an input of the same shape that nobody reads later.
 */
static void share_in_place(const fcs_plan *plan, block *blocks, int s)
{
    const fcs_chain *c = plan->steps[s].chain;
    for (int o = 0; o < c->n_outputs; o++) {
        int out = c->outputs[o].value;
        if (c->outputs[o].sum || plan->values[out].place.tensor || blocks[out].first != s)
            continue;
        for (int i = 0; i < c->n_inputs; i++) {
            int in = root(blocks, c->inputs[i]);
            if (plan->values[in].place.tensor || blocks[in].last != s || in == out ||
                blocks[out].parent >= 0 || read_elsewhere(blocks, c, i) ||
                !fcs_shape_equal(plan->values[c->inputs[i]].shape, c->shape))
                continue;
            blocks[out].parent = c->inputs[i];
            blocks[in].last = blocks[out].last;
            break;
        }
    }
}

static void reuse_places(const fcs_plan *plan, block *blocks)
{
    for (int s = 0; s < plan->n_steps; s++)
        if (is_op(&plan->steps[s], "crop"))
            crop_in_place(plan, blocks, &plan->steps[s]);
    for (int s = 0; s < plan->n_steps; s++)
        if (plan->steps[s].chain)
            share_in_place(plan, blocks, s);
    for (int s = 0; s < plan->n_steps; s++)
        if (is_op(&plan->steps[s], "concat"))
            join_in_place(plan, blocks, s);
}

static size_t offset_of(const block *blocks, int b)
{
    size_t offset = 0;
    for (; blocks[b].parent >= 0; b = blocks[b].parent)
        offset += blocks[b].at;
    return offset + blocks[b].offset;
}

static int by_size(const void *a, const void *b)
{
    const block *x = *(block *const *)a, *y = *(block *const *)b;
    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? 1 : -1;
    return x->first != y->first ? (x->first < y->first ? -1 : 1) : (x < y ? -1 : x > y);
}

static int by_offset(const void *a, const void *b)
{
    const block *x = *(block *const *)a, *y = *(block *const *)b;
    return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* The lowest offset from this one on at which the block does not lie across a multiple of `slab`
 * (0: no slabs). */
static size_t in_one_slab(size_t offset, size_t bytes, size_t slab)
{
    return slab && offset / slab != (offset + bytes - 1) / slab ? (offset / slab + 1) * slab
                                                                : offset;
}

/* A device's buffers are limited: what does not fit into one is said before anything runs. */
static bool check_slab(fcs_planner *p, block *const *list, int n, size_t slab)
{
    for (int i = 0; i < n && slab; i++)
        if (list[i]->bytes > slab) {
            fcs_fail(p->e, FCS_FAILED,
                     "plan: one value needs %.1f MiB, the device's largest buffer is %.1f MiB: "
                     "make crops, batch or tiles smaller, or use another device",
                     (double)list[i]->bytes / 1048576, (double)slab / 1048576);
            return false;
        }
    return true;
}

/* Greedy by size: the largest first, each at the lowest offset that is free over its lifetime
 * (Pisarchyk and Lee 2020, "Efficient memory management for deep neural net inference",
 * section 5.2). */
static size_t set_offsets(block **list, int n, block **busy, size_t slab)
{
    size_t peak = 0;
    qsort(list, (size_t)n, sizeof *list, by_size);
    for (int i = 0; i < n; i++) {
        size_t offset = 0;
        int overlaps = 0;
        for (int k = 0; k < i; k++)
            if (list[k]->first <= list[i]->last && list[i]->first <= list[k]->last)
                busy[overlaps++] = list[k];
        qsort(busy, (size_t)overlaps, sizeof *busy, by_offset);
        for (int k = 0; k < overlaps; k++) {
            if (busy[k]->offset >= offset + list[i]->bytes)
                break;
            size_t end = (busy[k]->offset + busy[k]->bytes + 63) / 64 * 64;
            offset = in_one_slab(end > offset ? end : offset, list[i]->bytes, slab);
        }
        list[i]->offset = offset;
        peak = offset + list[i]->bytes > peak ? offset + list[i]->bytes : peak;
    }
    return (peak + 63) / 64 * 64;
}

static size_t no_reuse_offsets(block **list, int n, size_t slab)
{
    size_t at = 0;
    for (int i = 0; i < n; i++) {
        list[i]->offset = in_one_slab(at, list[i]->bytes, slab);
        at = list[i]->offset + (list[i]->bytes + 63) / 64 * 64;
    }
    return at;
}

bool fcs_place_values(fcs_planner *p)
{
    fcs_plan *plan = p->plan;
    const fcs_backend *backend = p->g->ctx->backend;
    size_t slab = backend->slab_bytes ? backend->slab_bytes(p->g->ctx) : 0;
    int n = plan->n_values + plan->n_steps, count = 0;
    block *blocks = fcs_alloc_array(p->e, (size_t)n, sizeof *blocks);
    block **list = fcs_alloc_array(p->e, (size_t)n * 2, sizeof *list);
    bool fits = false;
    if (blocks && list) {
        find_lifetimes(plan, blocks);
        if (!p->options.no_reuse)
            reuse_places(plan, blocks);
        for (int b = 0; b < n; b++) {
            bool in_tensor = b < plan->n_values && plan->values[b].place.tensor;
            if (!in_tensor && blocks[b].parent < 0 && blocks[b].first >= 0 && blocks[b].bytes)
                list[count++] = &blocks[b];
        }
        fits = check_slab(p, list, count, slab);
        plan->arena_bytes = p->options.no_reuse ? no_reuse_offsets(list, count, slab)
                                                : set_offsets(list, count, list + n, slab);
        for (int v = 0; v < plan->n_values; v++)
            plan->values[v].place.offset = offset_of(blocks, v);
        for (int s = 0; s < plan->n_steps; s++)
            plan->steps[s].scratch_offset = blocks[plan->n_values + s].offset;
    }
    free(blocks);
    free(list);
    return fits;
}
