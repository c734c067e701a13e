/* graph.c: nodes and graphs. */
#include "graph/graph.h"
#include <stdlib.h>
#include <string.h>

fcs_graph *fcs_graph_new(fcs_context *ctx)
{
    fcs_graph *g = fcs_alloc(&ctx->error, sizeof *g);
    if (g)
        g->ctx = ctx;
    return g;
}

void fcs_graph_free(fcs_graph *g)
{
    if (!g)
        return;
    for (size_t i = 0; i < g->n_nodes; i++) {
        free(g->nodes[i]->name);
        free(g->nodes[i]);
    }
    free(g->nodes);
    free(g->assignments);
    free(g->prefix);
    free(g);
}

void fcs_graph_prefix(fcs_graph *g, const char *prefix)
{
    free(g->prefix);
    g->prefix = prefix ? fcs_strdup(&g->ctx->error, prefix) : NULL;
}

static bool same_attrs(const fcs_attrs *a, const fcs_attrs *b)
{
    for (int i = 0; i < FCS_ATTR_FLOATS;
         i++) /* bits, so that a NaN constant equals itself and -0 differs from 0 */
        if (memcmp(&a->f[i], &b->f[i], sizeof a->f[i]) != 0)
            return false;
    return memcmp(a->i, b->i, sizeof a->i) == 0;
}

static fcs_node *find_same(fcs_graph *g, const fcs_apply_args *a, fcs_node *const *in)
{
    for (size_t i = g->n_nodes; i-- > 0;) {
        fcs_node *n = g->nodes[i];
        if (n->op != a->op || n->n_in != a->n_in || !fcs_shape_equal(n->shape, a->out))
            continue;
        int k = 0;
        while (k < a->n_in && n->in[k] == in[k])
            k++;
        if (k == a->n_in && same_attrs(&n->attrs, &a->attrs))
            return n;
    }
    return NULL;
}

static fcs_node *append(fcs_graph *g, const fcs_apply_args *a, fcs_node *const *in)
{
    fcs_error *e = &g->ctx->error;
    if (!fcs_grow(e, &g->nodes, &g->nodes_capacity, g->n_nodes + 1, sizeof *g->nodes))
        return NULL;
    fcs_node *n = fcs_alloc(e, sizeof *n);
    if (!n)
        return NULL;
    n->op = a->op;
    n->graph = g;
    n->id = (int)g->n_nodes;
    n->attrs = a->attrs;
    n->n_in = a->n_in;
    n->shape = a->out;
    for (int i = 0; i < a->n_in; i++)
        n->in[i] = in[i];
    g->nodes[g->n_nodes++] = n;
    return n;
}

fcs_node *fcs_node_new(fcs_graph *g, const fcs_op *op, const fcs_attrs *attrs, int n,
                       fcs_node *const *in)
{
    fcs_error *e = &g->ctx->error;
    fcs_apply_args a;
    memset(&a, 0, sizeof a);
    if (n < op->min_in || n > op->max_in) {
        fcs_fail(e, FCS_FAILED, "op %s takes %d to %d inputs, not %d", op->name, op->min_in,
                 op->max_in, n);
        return NULL;
    }
    for (int i = 0; i < n; i++) {
        if (!in[i]) {
            fcs_fail(e, FCS_FAILED, "op %s: input %d is missing", op->name, i);
            return NULL;
        }
        if (in[i]->graph != g) {
            fcs_fail(e, FCS_FAILED, "op %s: input %d is of another graph", op->name, i);
            return NULL;
        }
        a.in[i] = in[i]->shape;
    }
    a.op = op;
    a.n_in = n;
    if (attrs)
        a.attrs = *attrs;
    else if (fcs_attrs_parse(e, op, "", &a.attrs) != FCS_OK)
        return NULL;
    if (op->shape(&a, e) != FCS_OK)
        return NULL;
    bool random = strcmp(op->family, "random") == 0; /* told apart by their names only */
    fcs_node *same = random ? NULL : find_same(g, &a, in);
    return same ? same : append(g, &a, in);
}

fcs_node *fcs_node_named(fcs_node *n, const char *name)
{
    if (!n || n->name)
        return n;
    const char *prefix = n->graph->prefix;
    n->name =
        fcs_format(&n->graph->ctx->error, "%s%s%s", prefix ? prefix : "", prefix ? "/" : "", name);
    return n->name ? n : NULL;
}

bool fcs_graph_name(fcs_graph *g, size_t from, const char *name)
{
    for (size_t i = from; i < g->n_nodes; i++) {
        const fcs_op *op = g->nodes[i]->op;
        bool skip = op->kind == FCS_KIND_SOURCE || strcmp(op->family, "random") == 0;
        if (!skip && !fcs_node_named(g->nodes[i], name))
            return false;
    }
    return true;
}

fcs_shape fcs_node_shape(const fcs_node *n) { return n->shape; }

fcs_node *fcs_apply(fcs_graph *g, const char *name, const char *attributes, int n_inputs,
                    fcs_node *const *inputs)
{
    fcs_attrs attrs;
    const fcs_op *op = fcs_op_find(&g->ctx->error, name);
    if (!op)
        return NULL;
    if (op->kind == FCS_KIND_SOURCE && op->min_in == 0 && strcmp(name, "read") == 0) {
        fcs_fail(&g->ctx->error, FCS_FAILED, "op read: use fcs_read() with a tensor");
        return NULL;
    }
    if (fcs_attrs_parse(&g->ctx->error, op, attributes ? attributes : "", &attrs) != FCS_OK)
        return NULL;
    return fcs_node_new(g, op, &attrs, n_inputs, inputs);
}

fcs_node *fcs_read(fcs_graph *g, fcs_tensor *t)
{
    if (!t)
        return NULL;
    for (size_t i = 0; i < g->n_nodes; i++)
        if (g->nodes[i]->tensor == t)
            return g->nodes[i];
    const fcs_op *op = fcs_op_find(&g->ctx->error, "read");
    fcs_apply_args a;
    memset(&a, 0, sizeof a);
    a.op = op;
    a.out = t->shape;
    fcs_node *n = op ? append(g, &a, NULL) : NULL;
    if (n) {
        n->tensor = t;
        n->name = fcs_strdup(&g->ctx->error, t->name);
    }
    return n;
}

fcs_status fcs_assign(fcs_graph *g, fcs_tensor *t, fcs_node *n)
{
    fcs_error *e = &g->ctx->error;
    char a[96], b[96];
    if (!t || !n)
        return fcs_fail(e, FCS_FAILED, "assignment: the %s is missing", t ? "node" : "tensor");
    if (n->graph != g)
        return fcs_fail(e, FCS_FAILED, "assignment to %s: the node is of another graph", t->name);
    if (!fcs_shape_equal(t->shape, n->shape)) {
        fcs_shape_text(t->shape, a);
        fcs_shape_text(n->shape, b);
        return fcs_fail(e, FCS_FAILED, "assignment to %s: the tensor is %s, the node %s", t->name,
                        a, b);
    }
    for (size_t i = 0; i < g->n_assignments; i++)
        if (g->assignments[i].tensor == t)
            return fcs_fail(e, FCS_FAILED, "assignment to %s: it is assigned already", t->name);
    if (n->op->kind == FCS_KIND_SOURCE) /* a value of its own, so that no order of copies matters */
        n = fcs_unary("neg", fcs_unary("neg", n));
    if (!n)
        return FCS_FAILED;
    if (!fcs_grow(e, &g->assignments, &g->assignments_capacity, g->n_assignments + 1,
                  sizeof *g->assignments))
        return FCS_FAILED;
    g->assignments[g->n_assignments++] = (fcs_assignment){t, n};
    return FCS_OK;
}

void fcs_apply_args_of(const fcs_node *n, fcs_apply_args *a)
{
    memset(a, 0, sizeof *a);
    a->op = n->op;
    a->attrs = n->attrs;
    a->n_in = n->n_in;
    a->out = n->shape;
    for (int i = 0; i < n->n_in; i++)
        a->in[i] = n->in[i]->shape;
}
