/* window.c: the graph that computes one box of a node's value, for streaming.
 *
 * First, from the node back to the tensors, the box that is needed of each node (the union over its
 * consumers); then, forwards, each op again on its boxed inputs with the attributes that its
 * window() gives. Padding thus acts at the true edges only, at every layer.
 *
 * Windows in a row along an axis overlap at every layer. What of a value the one before has
 * computed and the next one reads again is kept in a tensor between them, so that each computes
 * only what lies behind it; and as far behind as whole tiles of minimal filtering reach, which read
 * no more for it. */
#include "graph/graph.h"
#include <stdlib.h>
#include <string.h>

typedef struct value {
    bool needed;
    fcs_box box;   /* what is at hand after the window */
    fcs_box fresh; /* what is computed of it; the rest, before it along the axis, was kept */
    fcs_box in[FCS_MAX_IN]; /* of the inputs, for that */
    fcs_attrs attrs;
} value;

struct fcs_window {
    fcs_node *n;
    fcs_box box; /* that is wanted of n */
    int axis, users;
    value *values; /* per node of the graph, up to n */
};

/* ---- boxes ---- */

static fcs_box whole(fcs_shape s)
{
    fcs_box b;
    for (int i = 0; i < FCS_DIMS; i++) {
        b.lo[i] = 0;
        b.hi[i] = s.n[i];
    }
    return b;
}

static bool box_equal(const fcs_box *a, const fcs_box *b) { return memcmp(a, b, sizeof *a) == 0; }

static bool box_empty(const fcs_box *b)
{
    for (int i = 0; i < FCS_DIMS; i++)
        if (b->lo[i] >= b->hi[i])
            return true;
    return false;
}

static fcs_shape box_shape(const fcs_box *b)
{
    fcs_shape s;
    for (int i = 0; i < FCS_DIMS; i++)
        s.n[i] = b->hi[i] - b->lo[i];
    return s;
}

static void box_join(fcs_box *a, const fcs_box *b)
{
    for (int i = 0; i < FCS_DIMS; i++) {
        a->lo[i] = b->lo[i] < a->lo[i] ? b->lo[i] : a->lo[i];
        a->hi[i] = b->hi[i] > a->hi[i] ? b->hi[i] : a->hi[i];
    }
}

/* Whether they differ along the axis only. */
static bool same_section(const fcs_box *a, const fcs_box *b, int axis)
{
    for (int i = 0; i < FCS_DIMS; i++)
        if (i != axis && (a->lo[i] != b->lo[i] || a->hi[i] != b->hi[i]))
            return false;
    return true;
}

/* The part of a value that was kept from the window before. */
static bool kept_box(const fcs_window *w, const value *v, fcs_box *kept)
{
    if (!v->needed || w->axis < 0 || v->fresh.lo[w->axis] <= v->box.lo[w->axis])
        return false;
    *kept = v->box;
    kept->hi[w->axis] = v->fresh.lo[w->axis];
    return true;
}

/* ---- what is needed ---- */

/* The boxes of n's inputs and its attributes for the box `out`. False where it needs its whole
 * input for a part. */
static bool input_boxes(const fcs_node *n, const fcs_box *out, fcs_box *in, fcs_attrs *attrs)
{
    fcs_apply_args a;
    fcs_box all = whole(n->shape);
    fcs_apply_args_of(n, &a);
    *attrs = n->attrs;
    for (int i = 0; i < n->n_in; i++)
        in[i] = whole(n->in[i]->shape);
    if (box_equal(out, &all))
        return true;
    if (!n->op->window) {
        fcs_fail(&n->graph->ctx->error, FCS_FAILED,
                 "%s: op %s needs its whole input and cannot be computed in tiles",
                 n->name ? n->name : "a node", n->op->name);
        return false;
    }
    n->op->window(&a, out, in, attrs);
    return true;
}

/* Only what lies behind the part that the window before has. */
static void leave_out_kept(const fcs_window *w, value *v, const value *before)
{
    int a = w->axis;
    if (!before->needed || before->box.hi[a] <= v->box.lo[a] || before->box.lo[a] > v->box.lo[a] ||
        !same_section(&before->box, &v->box, a))
        return;
    v->fresh.lo[a] = before->box.hi[a];
    if (v->box.hi[a] < v->fresh.lo[a])
        v->box.hi[a] = v->fresh.hi[a] = v->fresh.lo[a];
}

static bool inside(const fcs_box *part, const fcs_box *b)
{
    for (int i = 0; i < FCS_DIMS; i++)
        if (part->lo[i] < b->lo[i] || part->hi[i] > b->hi[i])
            return false;
    return true;
}

/* Whether inputs' boxes are what v reads anyway or, at hand, what is there of the inputs. */
static bool reads_no_more(const fcs_window *w, const fcs_node *n, const value *v, const fcs_box *in,
                          bool at_hand)
{
    for (int k = 0; k < n->n_in; k++)
        if (at_hand ? !inside(&in[k], &w->values[n->in[k]->id].box) : !box_equal(&in[k], &v->in[k]))
            return false;
    return true;
}

/* On along the axis as long as the op reads no more. */
static bool go_on(const fcs_window *w, const fcs_node *n, value *v, bool at_hand)
{
    while (v->fresh.hi[w->axis] < n->shape.n[w->axis]) {
        fcs_box further = v->fresh, in[FCS_MAX_IN];
        fcs_attrs attrs;
        further.hi[w->axis]++;
        if (!input_boxes(n, &further, in, &attrs))
            return false;
        if (!reads_no_more(w, n, v, in, at_hand))
            break;
        v->fresh = further;
        v->attrs = attrs;
        memcpy(v->in, in, (size_t)n->n_in * sizeof *in);
    }
    v->box.hi[w->axis] = v->fresh.hi[w->axis];
    return true;
}

/* An elementwise op takes all that its inputs have gone on to: so what is kept of them is kept
 * once, behind the last one. */
static bool follow(fcs_window *w, const fcs_node *n)
{
    value *v = &w->values[n->id];
    bool takes = v->needed && n->shape.n[w->axis] > 1 && n->n_in > 0 &&
                 n->op->kind == FCS_KIND_LANES && !box_empty(&v->fresh);
    return !takes || go_on(w, n, v, true);
}

static bool find_needs(fcs_window *w, const fcs_node *n, const fcs_window *before)
{
    value *v = &w->values[n->id];
    bool along = w->axis >= 0 && n->shape.n[w->axis] > 1;
    v->fresh = v->box;
    v->attrs = n->attrs;
    if (n->n_in == 0)
        return true;
    if (along && before)
        leave_out_kept(w, v, &before->values[n->id]);
    if (box_empty(&v->fresh))
        return true;
    if (!input_boxes(n, &v->fresh, v->in, &v->attrs) || (along && !go_on(w, n, v, false)))
        return false;
    for (int k = 0; k < n->n_in; k++) {
        value *in = &w->values[n->in[k]->id];
        if (box_empty(&v->in[k]))
            continue;
        if (in->needed)
            box_join(&in->box, &v->in[k]);
        else
            in->box = v->in[k];
        in->needed = true;
    }
    return true;
}

fcs_window *fcs_window_new(fcs_node *n, const fcs_box *box, int axis, const fcs_window *before)
{
    fcs_error *e = &n->graph->ctx->error;
    fcs_window *w = fcs_alloc(e, sizeof *w);
    if (!w)
        return NULL;
    *w = (fcs_window){.n = n, .box = *box, .axis = axis, .users = 1};
    w->values = fcs_alloc_array(e, (size_t)n->id + 1, sizeof *w->values);
    bool done = w->values != NULL;
    if (done) {
        w->values[n->id].needed = true;
        w->values[n->id].box = *box;
    }
    for (int i = n->id; done && i >= 0; i--)
        if (w->values[i].needed)
            done = find_needs(w, n->graph->nodes[i], before);
    for (int i = 0; done && axis >= 0 && i < n->id; i++)
        done = follow(w, n->graph->nodes[i]);
    if (done)
        return w;
    fcs_window_free(w);
    return NULL;
}

fcs_window *fcs_window_share(fcs_window *w)
{
    if (w)
        w->users++;
    return w;
}

void fcs_window_free(fcs_window *w)
{
    if (!w || --w->users > 0)
        return;
    free(w->values);
    free(w);
}

bool fcs_window_reads(const fcs_window *w, const fcs_tensor *t, fcs_box *box)
{
    for (int i = 0; i <= w->n->id; i++)
        if (w->values[i].needed && w->n->graph->nodes[i]->tensor == t) {
            *box = w->values[i].box;
            return true;
        }
    return false;
}

/* ---- equal windows ---- */

/* The box `part`, seen from the first corner of `of`, is the same in both. */
static bool same_place(const fcs_box *part, const fcs_box *of, const fcs_box *part_b,
                       const fcs_box *of_b)
{
    for (int i = 0; i < FCS_DIMS; i++)
        if (part->lo[i] - of->lo[i] != part_b->lo[i] - of_b->lo[i] ||
            part->hi[i] - of->lo[i] != part_b->hi[i] - of_b->lo[i])
            return false;
    return true;
}

static bool same_value(const fcs_window *a, const fcs_window *b, int id)
{
    const value *v = &a->values[id], *u = &b->values[id];
    const fcs_node *n = a->n->graph->nodes[id];
    if (v->needed != u->needed)
        return false;
    if (!v->needed)
        return true;
    if (!same_place(&v->box, &v->box, &u->box, &u->box) ||
        !same_place(&v->fresh, &v->box, &u->fresh, &u->box))
        return false;
    if (n->n_in == 0 || box_empty(&v->fresh))
        return true;
    if (memcmp(&v->attrs, &u->attrs, sizeof v->attrs))
        return false;
    for (int k = 0; k < n->n_in; k++) {
        int in = n->in[k]->id;
        if (box_empty(&v->in[k]) != box_empty(&u->in[k]))
            return false;
        if (!box_empty(&v->in[k]) &&
            !same_place(&v->in[k], &a->values[in].box, &u->in[k], &b->values[in].box))
            return false;
    }
    return true;
}

static bool same_kept(const fcs_window *a, const fcs_window *a_next, const fcs_window *b,
                      const fcs_window *b_next, int id)
{
    fcs_box in_a = {{0}, {0}}, in_b = {{0}, {0}};
    bool kept = a_next && kept_box(a_next, &a_next->values[id], &in_a);
    if (kept != (b_next && kept_box(b_next, &b_next->values[id], &in_b)))
        return false;
    return !kept || same_place(&in_a, &a->values[id].box, &in_b, &b->values[id].box);
}

bool fcs_window_same(const fcs_window *a, const fcs_window *a_next, const fcs_window *b,
                     const fcs_window *b_next)
{
    if (a->n != b->n || a->axis != b->axis ||
        !same_place(&a->box, &a->values[a->n->id].box, &b->box, &b->values[b->n->id].box))
        return false;
    for (int i = a->n->id; i >= 0; i--)
        if (!same_value(a, b, i) || !same_kept(a, a_next, b, b_next, i))
            return false;
    return true;
}

/* ---- the graph ---- */

typedef struct building {
    const fcs_window *w, *next;
    fcs_graph *into;
    fcs_node **made;
    const fcs_window_tensors *tensors;
} building;

/* Cuts the box `wanted` out of a made node that holds `have`. */
static fcs_node *cut(fcs_node *made, const fcs_box *have, const fcs_box *wanted)
{
    fcs_attrs attrs;
    if (!made || box_equal(have, wanted))
        return made;
    memset(&attrs, 0, sizeof attrs);
    for (int i = 0; i < FCS_DIMS; i++) {
        attrs.i[i] = wanted->lo[i] - have->lo[i];
        attrs.i[FCS_DIMS + i] = have->hi[i] - wanted->hi[i];
    }
    const fcs_op *op = fcs_op_find(&made->graph->ctx->error, "crop");
    return op ? fcs_node_new(made->graph, op, &attrs, 1, &made) : NULL;
}

/* The op on its boxed inputs. An input that has no part in the box is left out (concat); where none
 * has, the box is all padding: zeros. */
static fcs_node *apply_boxed(building *b, const fcs_node *n)
{
    const value *v = &b->w->values[n->id];
    fcs_node *inputs[FCS_MAX_IN];
    int count = 0;
    for (int k = 0; k < n->n_in; k++) {
        int id = n->in[k]->id;
        if (box_empty(&v->in[k]))
            continue;
        inputs[count] = cut(b->made[id], &b->w->values[id].box, &v->in[k]);
        if (!inputs[count++])
            return NULL;
    }
    if (count > 0 || n->n_in == 0)
        return fcs_node_new(b->into, n->op, &v->attrs, count, inputs);
    return fcs_broadcast(fcs_constant(b->into, 0), box_shape(&v->fresh));
}

static fcs_node *make_fresh(building *b, const fcs_node *n)
{
    const value *v = &b->w->values[n->id];
    fcs_shape shape = box_shape(&v->fresh);
    fcs_node *made = apply_boxed(b, n);
    if (made && !fcs_shape_equal(made->shape, shape)) {
        char is[96], wanted[96];
        fcs_shape_text(made->shape, is);
        fcs_shape_text(shape, wanted);
        fcs_fail(&b->into->ctx->error, FCS_FAILED, "internal: the window of op %s is %s, not %s",
                 n->op->name, is, wanted);
        return NULL;
    }
    return n->name ? fcs_node_named(made, n->name) : made;
}

/* The tensor that holds node id's kept part between the two windows. */
static fcs_tensor *kept_tensor(const building *b, int id, const fcs_box *box)
{
    return b->tensors->kept(b->tensors->user, id, box_shape(box));
}

/* What was kept, and behind it what is computed. */
static fcs_node *make(building *b, const fcs_node *n)
{
    const value *v = &b->w->values[n->id];
    fcs_box kept;
    fcs_node *parts[2];
    if (n->tensor) {
        fcs_tensor *t = b->tensors->part(b->tensors->user, n->tensor, &v->box);
        return t ? fcs_read(b->into, t) : NULL;
    }
    if (!kept_box(b->w, v, &kept))
        return make_fresh(b, n);
    fcs_tensor *t = kept_tensor(b, n->id, &kept);
    parts[0] = t ? fcs_read(b->into, t) : NULL;
    if (!parts[0] || box_empty(&v->fresh))
        return parts[0];
    parts[1] = make_fresh(b, n);
    fcs_attrs attrs;
    memset(&attrs, 0, sizeof attrs);
    attrs.i[0] = b->w->axis;
    const fcs_op *op = parts[1] ? fcs_op_find(&b->into->ctx->error, "concat") : NULL;
    return op ? fcs_node_named(fcs_node_new(b->into, op, &attrs, 2, parts), n->name) : NULL;
}

/* Has the next window find what it reads again. */
static bool keep(building *b, int id)
{
    fcs_box kept;
    if (!b->next || !kept_box(b->next, &b->next->values[id], &kept))
        return true;
    fcs_tensor *t = kept_tensor(b, id, &kept);
    fcs_node *n = t ? cut(b->made[id], &b->w->values[id].box, &kept) : NULL;
    return n && (n->tensor == t || fcs_assign(b->into, t, n) == FCS_OK);
}

fcs_node *fcs_window_build(const fcs_window *w, const fcs_window *next, fcs_graph *into,
                           const fcs_window_tensors *tensors)
{
    building b = {w, next, into, NULL, tensors};
    int last = w->n->id;
    b.made = fcs_alloc_array(&into->ctx->error, (size_t)last + 1, sizeof *b.made);
    bool done = b.made != NULL;
    for (int i = 0; done && i <= last; i++)
        if (w->values[i].needed)
            done = (b.made[i] = make(&b, w->n->graph->nodes[i])) != NULL && keep(&b, i);
    fcs_node *result = done ? cut(b.made[last], &w->values[last].box, &w->box) : NULL;
    free(b.made);
    return result;
}
