/* window.c: the graph that computes one box of a node's value, for streaming.
 *
 * First, from the node back to the tensors, the box that is needed of each node (the union over its
 * consumers); then, forwards, each op again on its boxed inputs with the attributes that its
 * window() gives. Padding thus acts at the true edges only, at every layer. */
#include "graph/graph.h"
#include <stdlib.h>
#include <string.h>

typedef struct walk {
    const fcs_graph *from;
    fcs_graph *into;
    bool *needed;
    fcs_box *boxes; /* per node of `from` */
    fcs_node **made;
    fcs_window_source *source;
    void *user;
    fcs_error *e;
} walk;

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

static void box_join(fcs_box *a, const fcs_box *b)
{
    for (int i = 0; i < FCS_DIMS; i++) {
        a->lo[i] = b->lo[i] < a->lo[i] ? b->lo[i] : a->lo[i];
        a->hi[i] = b->hi[i] > a->hi[i] ? b->hi[i] : a->hi[i];
    }
}

/* The boxes of n's inputs and its attributes for its own box. False where it needs its whole input
 * for a part. */
static bool input_boxes(const walk *w, const fcs_node *n, fcs_box *in, fcs_attrs *attrs)
{
    fcs_apply_args a;
    fcs_box all = whole(n->shape);
    const fcs_box *out = &w->boxes[n->id];
    fcs_apply_args_of(n, &a);
    *attrs = n->attrs;
    for (int i = 0; i < n->n_in; i++)
        in[i] = whole(n->in[i]->shape);
    if (box_equal(out, &all))
        return true;
    if (!n->op->window) {
        fcs_fail(w->e, FCS_FAILED,
                 "%s: op %s needs its whole input and cannot be computed in tiles",
                 n->name ? n->name : "a node", n->op->name);
        return false;
    }
    n->op->window(&a, out, in, attrs);
    return true;
}

static bool find_boxes(walk *w, const fcs_node *n)
{
    for (int i = n->id; i >= 0; i--) {
        const fcs_node *node = w->from->nodes[i];
        fcs_box in[FCS_MAX_IN];
        fcs_attrs attrs;
        if (!w->needed[i] || node->n_in == 0)
            continue;
        if (!input_boxes(w, node, in, &attrs))
            return false;
        for (int k = 0; k < node->n_in; k++) {
            int id = node->in[k]->id;
            if (box_empty(&in[k]))
                continue;
            if (w->needed[id])
                box_join(&w->boxes[id], &in[k]);
            else
                w->boxes[id] = in[k];
            w->needed[id] = true;
        }
    }
    return true;
}

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
static fcs_node *apply_boxed(walk *w, const fcs_node *n, const fcs_box *in, const fcs_attrs *attrs)
{
    const fcs_box *box = &w->boxes[n->id];
    fcs_node *inputs[FCS_MAX_IN];
    fcs_shape shape;
    int count = 0;
    for (int k = 0; k < n->n_in; k++) {
        int id = n->in[k]->id;
        if (box_empty(&in[k]))
            continue;
        inputs[count] = cut(w->made[id], &w->boxes[id], &in[k]);
        if (!inputs[count++])
            return NULL;
    }
    if (count > 0 || n->n_in == 0)
        return fcs_node_new(w->into, n->op, attrs, count, inputs);
    for (int i = 0; i < FCS_DIMS; i++)
        shape.n[i] = box->hi[i] - box->lo[i];
    return fcs_broadcast(fcs_constant(w->into, 0), shape);
}

static fcs_node *make(walk *w, const fcs_node *n)
{
    const fcs_box *box = &w->boxes[n->id];
    fcs_box in[FCS_MAX_IN];
    fcs_attrs attrs;
    fcs_node *made;
    if (n->tensor) {
        fcs_tensor *t = w->source(w->user, n->tensor, box);
        return t ? fcs_read(w->into, t) : NULL;
    }
    if (!input_boxes(w, n, in, &attrs))
        return NULL;
    made = apply_boxed(w, n, in, &attrs);
    for (int i = 0; made && i < FCS_DIMS; i++)
        if (made->shape.n[i] != box->hi[i] - box->lo[i]) {
            fcs_fail(w->e, FCS_FAILED,
                     "internal: the window of op %s has %lld of %lld in dimension %d", n->op->name,
                     (long long)made->shape.n[i], (long long)(box->hi[i] - box->lo[i]), i);
            return NULL;
        }
    return n->name ? fcs_node_named(made, n->name) : made;
}

fcs_node *fcs_graph_window(fcs_graph *into, fcs_node *n, const fcs_box *box,
                           fcs_window_source *source, void *user)
{
    walk w = {n->graph, into, NULL, NULL, NULL, source, user, &into->ctx->error};
    size_t count = (size_t)n->id + 1;
    w.needed = fcs_alloc_array(w.e, count, sizeof *w.needed);
    w.boxes = fcs_alloc_array(w.e, count, sizeof *w.boxes);
    w.made = fcs_alloc_array(w.e, count, sizeof *w.made);
    bool done = w.needed && w.boxes && w.made;
    if (done) {
        w.needed[n->id] = true;
        w.boxes[n->id] = *box;
        done = find_boxes(&w, n);
    }
    for (size_t i = 0; done && i < count; i++)
        if (w.needed[i])
            done = (w.made[i] = make(&w, w.from->nodes[i])) != NULL;
    fcs_node *result = done ? w.made[n->id] : NULL;
    free(w.needed);
    free(w.boxes);
    free(w.made);
    return result;
}
