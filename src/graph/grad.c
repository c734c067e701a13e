/* grad.c: reverse differentiation as a function that adds nodes. */
#include "graph/graph.h"
#include <stdlib.h>
#include <string.h>

/* depends[id]: the node is one of xs or computed from one. */
static void mark_dependents(const fcs_graph *g, int n_nodes, int n_xs, fcs_node *const *xs,
                            bool *depends)
{
    for (int i = 0; i < n_xs; i++)
        if (xs[i]->id < n_nodes)
            depends[xs[i]->id] = true;
    for (int i = 0; i < n_nodes; i++)
        for (int k = 0; k < g->nodes[i]->n_in; k++)
            if (depends[g->nodes[i]->in[k]->id])
                depends[i] = true;
}

static bool accumulate(fcs_node **sum, fcs_node *n, const fcs_node *of, fcs_error *e)
{
    if (!n)
        return true;
    if (!fcs_shape_equal(n->shape, of->shape)) {
        char a[96], b[96];
        fcs_shape_text(n->shape, a);
        fcs_shape_text(of->shape, b);
        fcs_fail(e, FCS_FAILED, "internal: gradient of %s is %s, the value %s", of->op->name, a, b);
        return false;
    }
    *sum = *sum ? fcs_add(*sum, n) : n;
    return *sum != NULL;
}

/* Names what a node's gradient is made of after the node. */
static bool name_gradients(fcs_graph *g, size_t from, const fcs_node *y)
{
    static const char before[] = "gradient of ";
    char name[256];
    snprintf(name, sizeof name, "%s%s",
             y->name && strncmp(y->name, before, sizeof before - 1) == 0 ? "" : before,
             y->name ? y->name : y->op->name);
    return fcs_graph_name(g, from, name);
}

/* The chain rule at one node: passes gy on to the inputs. */
static bool pass_back(fcs_node *y, fcs_node *gy, const bool *depends, fcs_node **sums)
{
    fcs_node *gx[FCS_MAX_IN] = {NULL};
    bool want[FCS_MAX_IN] = {false}, any = false;
    fcs_error *e = &y->graph->ctx->error;
    for (int i = 0; i < y->n_in; i++)
        any |= want[i] = depends[y->in[i]->id];
    if (!any || !y->op->grad)
        return true;
    size_t made = y->graph->n_nodes;
    if (y->op->grad(y->graph, y, gy, want, gx) != FCS_OK || e->status != FCS_OK ||
        !name_gradients(y->graph, made, y))
        return false;
    for (int i = 0; i < y->n_in; i++)
        if (want[i] && !accumulate(&sums[y->in[i]->id], gx[i], y->in[i], e))
            return false;
    return true;
}

fcs_status fcs_grad(fcs_graph *g, int n_ys, fcs_node *const *ys, fcs_node *const *gys, int n_xs,
                    fcs_node *const *xs, fcs_node **gxs)
{
    fcs_error *e = &g->ctx->error;
    int n = 0;
    for (int i = 0; i < n_ys + n_xs; i++) {
        const fcs_node *node = i < n_ys ? ys[i] : xs[i - n_ys];
        if (!node || node->graph != g)
            return fcs_fail(e, FCS_FAILED, "gradient: a node is missing or of another graph");
        if (i < n_ys && node->id >= n)
            n = node->id + 1;
    }
    size_t count = (size_t)(n > 0 ? n : 1);
    bool *depends = fcs_alloc_array(e, g->n_nodes, sizeof *depends);
    fcs_node **sums = fcs_alloc_array(e, count, sizeof *sums);
    bool done = depends && sums;
    if (done)
        mark_dependents(g, n, n_xs, xs, depends);
    for (int i = 0; done && i < n_ys; i++) {
        fcs_node *seed = gys ? gys[i] : NULL;
        if (!seed)
            seed = fcs_broadcast(fcs_constant(g, 1), ys[i]->shape);
        done = seed && accumulate(&sums[ys[i]->id], seed, ys[i], e);
    }
    for (int i = n; done && i-- > 0;)
        if (sums[i] && depends[i])
            done = pass_back(g->nodes[i], sums[i], depends, sums);
    for (int i = 0; done && i < n_xs; i++) {
        fcs_node *gx = xs[i]->id < n ? sums[xs[i]->id] : NULL;
        gxs[i] = gx ? gx : fcs_broadcast(fcs_constant(g, 0), xs[i]->shape);
        done = gxs[i] != NULL;
    }
    free(depends);
    free(sums);
    return done ? FCS_OK : e->status != FCS_OK ? e->status : FCS_FAILED;
}
