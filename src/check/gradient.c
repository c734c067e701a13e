/* gradient.c: fcs_grad against finite differences, both evaluated by the double references, so that
 * only the gradient's formula is judged. With L = <op(x), r>: order 1 tests dL/dx; order 2 tests
 * the derivatives, in x and r, of S = sum_i <dL/dx_i, s_i>. One random direction v per test: every
 * element of every gradient has a part in <gradient, v>. */
#include "check/check.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_TENSORS = 3 * (FCS_MAX_IN + 1) };

typedef struct setup {
    fcs_context *ctx;
    fcs_graph *g;
    fcs_tensor *tensor[MAX_TENSORS];
    double *value[MAX_TENSORS];
    fcs_ref_feed feeds[MAX_TENSORS];
    int n_tensors;
    uint64_t seed;
} setup;

/* A tensor with random values that the evaluation reads; op NULL: in [-1, 1]. */
static fcs_node *new_input(setup *s, const fcs_op *op, fcs_shape shape)
{
    static const fcs_op plain = {.domain_lo = -1, .domain_hi = 1};
    int k = s->n_tensors;
    int64_t n = fcs_shape_count(shape);
    s->tensor[k] = fcs_tensor_new(s->ctx, "check", shape);
    s->value[k] = fcs_alloc_array(&s->ctx->error, (size_t)n, sizeof(double));
    s->n_tensors++;
    if (!s->tensor[k] || !s->value[k])
        return NULL;
    fcs_data_fill(op ? op : &plain, FCS_DATA_RANDOM, s->seed, k, n, s->value[k]);
    s->feeds[k] = (fcs_ref_feed){s->tensor[k], s->value[k]};
    return fcs_read(s->g, s->tensor[k]);
}

static fcs_node *inner(fcs_node *a, fcs_node *b) { return fcs_sum(fcs_mul(a, b), "ncdhw"); }

/* sum_i <a_i, b_i>, or of the absolute values. */
static fcs_node *inner_all(int n, fcs_node *const *a, fcs_node *const *b, bool absolute)
{
    fcs_node *sum = NULL;
    for (int i = 0; i < n; i++) {
        fcs_node *one =
            absolute ? fcs_sum(fcs_unary("abs", fcs_mul(a[i], b[i])), "ncdhw") : inner(a[i], b[i]);
        sum = i ? fcs_add(sum, one) : one;
    }
    return sum;
}

/* The function whose gradient is tested, and its variables: tensors 0 .. *n - 1. */
static fcs_node *build_function(setup *s, const fcs_case *c, int order, fcs_node **vars, int *n)
{
    int inputs = c->args.n_in;
    for (int k = 0; k < inputs; k++)
        if (!(vars[k] = new_input(s, c->args.op, c->args.in[k])))
            return NULL;
    fcs_node *r = new_input(s, NULL, c->args.out);
    fcs_node *y = fcs_node_new(s->g, c->args.op, &c->args.attrs, inputs, vars);
    if (!r || !y)
        return NULL;
    fcs_node *loss = inner(y, r);
    *n = inputs;
    if (order == 1)
        return loss;
    fcs_node *gradients[FCS_MAX_IN], *weights[FCS_MAX_IN];
    if (!loss || fcs_grad(s->g, 1, &loss, NULL, inputs, vars, gradients) != FCS_OK)
        return NULL;
    for (int k = 0; k < inputs; k++)
        if (!(weights[k] = new_input(s, NULL, c->args.in[k])))
            return NULL;
    vars[inputs] = r;
    *n = inputs + 1;
    return inner_all(inputs, gradients, weights, false);
}

static fcs_status value_at(setup *s, fcs_node *f, double *const *start, double *const *direction,
                           int n, double t, double *out)
{
    for (int k = 0; k < n; k++)
        for (int64_t i = 0; i < fcs_shape_count(s->tensor[k]->shape); i++)
            s->value[k][i] = start[k][i] + t * direction[k][i];
    return fcs_ref_graph_eval(&s->ctx->error, s->feeds, s->n_tensors, &f, 1, &out, 0, 0);
}

/* d f(start + t direction) / dt at 0, error of the fourth order in h. */
static fcs_status difference(setup *s, fcs_node *f, double *const *start, double *const *direction,
                             int n, double *out)
{
    static const double step[4] = {-2, -1, 1, 2}, weight[4] = {1, -8, 8, -1};
    const double h = 2e-4;
    *out = 0;
    for (int j = 0; j < 4; j++) {
        double value;
        if (value_at(s, f, start, direction, n, step[j] * h, &value) != FCS_OK)
            return FCS_FAILED;
        *out += weight[j] * value / (12 * h);
    }
    return FCS_OK;
}

static fcs_status compare(setup *s, fcs_node *f, fcs_node **vars, int n, fcs_finding *out)
{
    fcs_node *gradients[FCS_MAX_IN + 1], *directions[FCS_MAX_IN + 1] = {NULL};
    double *start[FCS_MAX_IN + 1] = {NULL}, *v[FCS_MAX_IN + 1], slope = 0, scale = 0, measured = 0;
    if (fcs_grad(s->g, 1, &f, NULL, n, vars, gradients) != FCS_OK)
        return FCS_FAILED;
    for (int k = 0; k < n; k++) {
        v[k] = NULL;
        if (!(directions[k] = new_input(s, NULL, vars[k]->shape)))
            return FCS_FAILED;
        v[k] = s->value[s->n_tensors - 1];
    }
    fcs_node *ys[2] = {inner_all(n, gradients, directions, false),
                       inner_all(n, gradients, directions, true)};
    double *results[2] = {&slope, &scale};
    if (!ys[0] || !ys[1])
        return FCS_FAILED;
    fcs_status status =
        fcs_ref_graph_eval(&s->ctx->error, s->feeds, s->n_tensors, ys, 2, results, 0, 0);
    for (int k = 0; k < n && status == FCS_OK; k++) {
        size_t bytes = (size_t)fcs_shape_count(vars[k]->shape) * sizeof(double);
        start[k] = fcs_alloc(&s->ctx->error, bytes);
        if (start[k])
            memcpy(start[k], s->value[k], bytes);
        else
            status = FCS_FAILED;
    }
    if (status == FCS_OK)
        status = difference(s, f, start, v, n, &measured);
    if (status == FCS_OK)
        fcs_judge_number(slope, measured, 1e-5 * scale + 1e-9, out);
    for (int k = 0; k < n; k++)
        free(start[k]);
    return status;
}

fcs_status fcs_check_gradient(fcs_context *ctx, const fcs_case *c, int order, fcs_finding *f)
{
    setup s = {.ctx = ctx, .g = fcs_graph_new(ctx), .seed = c->seed};
    fcs_node *vars[FCS_MAX_IN + 1];
    int n = 0;
    fcs_node *function = s.g ? build_function(&s, c, order, vars, &n) : NULL;
    fcs_status status = function ? compare(&s, function, vars, n, f) : FCS_FAILED;
    fcs_graph_free(s.g);
    for (int k = 0; k < s.n_tensors; k++) {
        fcs_tensor_free(s.tensor[k]);
        free(s.value[k]);
    }
    return status;
}
