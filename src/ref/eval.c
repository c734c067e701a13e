/* eval.c: a graph evaluated by the references, node by node: for finite differences of gradients.
 */
#include "ref/reference.h"

#include <stdlib.h>

typedef struct evaluation {
    fcs_error *error;
    const fcs_ref_feed *feeds;
    int n_feeds;
    uint64_t seed, step;
    double **values; /* by node id */
    bool *needed;
} evaluation;

static bool read_tensor(evaluation *ev, const fcs_node *n, double *out)
{
    int64_t count = fcs_shape_count(n->shape);
    for (int k = 0; k < ev->n_feeds; k++)
        if (ev->feeds[k].tensor == n->tensor) {
            for (int64_t i = 0; i < count; i++)
                out[i] = ev->feeds[k].values[i];
            return true;
        }
    float *stored = fcs_alloc_array(ev->error, (size_t)count, sizeof *stored);
    if (!stored)
        return false;
    bool good = fcs_tensor_get(n->tensor, stored) == FCS_OK;
    for (int64_t i = 0; i < count && good; i++)
        out[i] = (double)stored[i];
    free(stored);
    return good;
}

static bool compute(evaluation *ev, const fcs_node *n)
{
    double *out = fcs_alloc_array(ev->error, (size_t)fcs_shape_count(n->shape), sizeof *out);
    if (!out)
        return false;
    ev->values[n->id] = out;
    if (n->tensor)
        return read_tensor(ev, n, out);
    fcs_apply_args args;
    fcs_apply_args_of(n, &args);
    fcs_ref_call c = {.args = &args,
                      .out = out,
                      .seed = ev->seed,
                      .step = ev->step,
                      .stream = fcs_random_stream(n->name ? n->name : "")};
    for (int k = 0; k < n->n_in; k++)
        c.in[k] = ev->values[n->in[k]->id];
    fcs_refs[fcs_op_index(n->op)](&c);
    return true;
}

/* Inputs have smaller ids than their users: one pass down marks what is needed, one pass up
 * computes. */
static fcs_status evaluate(evaluation *ev, fcs_graph *g, fcs_node *const *ys, int n_ys,
                           double *const *out)
{
    for (int k = 0; k < n_ys; k++)
        ev->needed[ys[k]->id] = true;
    for (size_t i = g->n_nodes; i-- > 0;)
        for (int k = 0; k < g->nodes[i]->n_in && ev->needed[i]; k++)
            ev->needed[g->nodes[i]->in[k]->id] = true;
    for (size_t i = 0; i < g->n_nodes; i++)
        if (ev->needed[i] && !compute(ev, g->nodes[i]))
            return FCS_FAILED;
    for (int k = 0; k < n_ys; k++)
        for (int64_t i = 0; i < fcs_shape_count(ys[k]->shape); i++)
            out[k][i] = ev->values[ys[k]->id][i];
    return FCS_OK;
}

fcs_status fcs_ref_graph_eval(fcs_error *e, const fcs_ref_feed *feeds, int n_feeds,
                              fcs_node *const *ys, int n_ys, double *const *out, uint64_t seed,
                              uint64_t step)
{
    fcs_graph *g = ys[0]->graph;
    evaluation ev = {e,
                     feeds,
                     n_feeds,
                     seed,
                     step,
                     fcs_alloc_array(e, g->n_nodes, sizeof(double *)),
                     fcs_alloc_array(e, g->n_nodes, sizeof(bool))};
    fcs_status status = ev.values && ev.needed ? evaluate(&ev, g, ys, n_ys, out) : FCS_FAILED;
    for (size_t i = 0; i < g->n_nodes && ev.values; i++)
        free(ev.values[i]);
    free(ev.values);
    free(ev.needed);
    return status;
}
