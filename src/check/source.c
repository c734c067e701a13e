/* source.c: read and constant have no kernel; a plan places them. Their value, assigned to a tensor
 * by a run of the plan, must arrive unchanged. */
#include "check/check.h"

#include <stdlib.h>

static fcs_status assign_and_run(fcs_node *n, fcs_tensor *to)
{
    fcs_plan *plan = NULL;
    if (!n || fcs_assign(n->graph, to, n) != FCS_OK)
        return FCS_FAILED;
    fcs_status status = fcs_plan_new(n->graph, &plan);
    if (status == FCS_OK)
        status = fcs_plan_run(plan, 1, 1);
    fcs_plan_free(plan);
    return status;
}

static fcs_status run_case(fcs_context *ctx, const fcs_case *c, const double *values,
                           fcs_tensor *from, fcs_tensor *to, fcs_finding *f)
{
    int64_t count = fcs_shape_count(c->args.out);
    float *want = fcs_alloc_array(&ctx->error, (size_t)count, sizeof *want);
    float *got = fcs_alloc_array(&ctx->error, (size_t)count, sizeof *got);
    fcs_graph *g = fcs_graph_new(ctx);
    fcs_status status = want && got && g ? FCS_OK : FCS_FAILED;
    for (int64_t i = 0; i < count && status == FCS_OK; i++)
        want[i] = (float)values[i];
    bool reads = c->args.op->n_attrs > 0 && c->args.op->attrs[0].kind == 'i';
    if (status == FCS_OK)
        status = fcs_tensor_set(from, want);
    if (status == FCS_OK)
        status = assign_and_run(
            reads ? fcs_read(g, from) : fcs_node_new(g, c->args.op, &c->args.attrs, 0, NULL), to);
    if (status == FCS_OK)
        status = fcs_tensor_get(to, got);
    if (status == FCS_OK)
        fcs_judge_equal(c->args.out, got, want, f);
    fcs_graph_free(g);
    free(want);
    free(got);
    return status;
}

fcs_status fcs_check_source(fcs_context *on, const fcs_case *c, fcs_finding *f)
{
    int64_t count = fcs_shape_count(c->args.out);
    double *values = fcs_alloc_array(&on->error, (size_t)count, sizeof *values);
    fcs_tensor *from = fcs_tensor_new(on, "from", c->args.out),
               *to = fcs_tensor_new(on, "to", c->args.out);
    fcs_status status = values && from && to ? FCS_OK : FCS_FAILED;
    if (status == FCS_OK) {
        if (c->args.op->attrs[0].kind == 'f')
            values[0] = c->args.attrs.f[0];
        else
            fcs_data_fill(c->args.op, FCS_DATA_RANDOM, c->seed, 0, count, values);
        status = run_case(on, c, values, from, to, f);
    }
    fcs_tensor_free(from);
    fcs_tensor_free(to);
    free(values);
    return status;
}
