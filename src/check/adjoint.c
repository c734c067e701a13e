/* adjoint.c: Euler's identity on the kernels. An op that is homogeneous of degree m, op(2x) = 2^m
 * op(x), has sum_i <x_i, gx_i> = m <op(x), gy>: for linear ops (m = 1) that is <x, A'y> = <Ax, y>,
 * for bilinear ones (m = 2) the same for each factor, added up. On integers all sums are exact, so
 * both sides must be equal. The gradients are the op's gradient graph, run node by node with the
 * kernels of one instruction set. */
#include "check/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct kernels {
    fcs_context *on;
    const float *const *inputs; /* of the read nodes, in the order in which they were made */
    int n_read;
    float **values; /* by node id */
} kernels;

static bool compute(kernels *k, const fcs_node *n)
{
    int64_t count = fcs_shape_count(n->shape);
    float *out = fcs_alloc_array(&k->on->error, (size_t)count, sizeof *out);
    if (!out)
        return false;
    k->values[n->id] = out;
    if (n->tensor) {
        memcpy(out, k->inputs[k->n_read++], (size_t)count * sizeof *out);
        return true;
    }
    if (n->op->kind == FCS_KIND_SOURCE) {
        *out = (float)n->attrs.f[0];
        return true;
    }
    fcs_apply_args a;
    const float *in[FCS_MAX_IN];
    char trouble[FCS_TROUBLE];
    fcs_apply_args_of(n, &a);
    for (int i = 0; i < n->n_in; i++)
        in[i] = k->values[n->in[i]->id];
    return fcs_apply_kernel(k->on, &a, in, out, 0, 0, trouble) == FCS_OK;
}

static double inner(const float *a, const float *b, int64_t n, double *size)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        sum += (double)a[i] * (double)b[i];
        *size += fabs((double)a[i] * (double)b[i]);
    }
    return sum;
}

/* m with op(2x) = 2^m op(x) for m = 1 or 2, else 0. */
static fcs_status find_degree(fcs_error *e, const fcs_case *c, const fcs_sample_data *d,
                              int *degree)
{
    fcs_ref_call call = {.args = &c->args};
    double *doubled[FCS_MAX_IN] = {NULL};
    int64_t n = fcs_shape_count(c->args.out);
    bool good = (call.out = fcs_alloc_array(e, (size_t)n, sizeof(double))) != NULL;
    for (int k = 0; k < c->args.n_in && good; k++) {
        int64_t size = fcs_shape_count(c->args.in[k]);
        doubled[k] = fcs_alloc_array(e, (size_t)size, sizeof(double));
        good = doubled[k] != NULL;
        for (int64_t i = 0; i < size && good; i++)
            doubled[k][i] = 2 * d->in_double[k][i];
        call.in[k] = doubled[k];
    }
    if (good)
        fcs_refs[fcs_op_index(c->args.op)](&call);
    *degree = 0;
    for (int m = 1; m <= 2 && good; m++) {
        bool equal = true, zero = true;
        for (int64_t i = 0; i < n && equal; i++) {
            equal = fabs(call.out[i] - m * 2 * d->want[i]) <= 0;
            zero = zero && fabs(d->want[i]) <= 0;
        }
        if (equal && !zero)
            *degree = m;
    }
    for (int k = 0; k < FCS_MAX_IN; k++)
        free(doubled[k]);
    free(call.out);
    return good ? FCS_OK : FCS_FAILED;
}

static double form_error(const fcs_apply_args *a)
{
    return strcmp(a->op->family, "conv") ? 0 : fcs_conv_form_error(a);
}

/* Attributes such as a slope round, and so do forms that are not exact on integers, the op's own or
 * its gradients': then the identity holds within rounding only. */
static double roundings(const fcs_case *c, fcs_node *const *gx)
{
    double most = form_error(&c->args);
    for (int k = 0; k < c->args.op->n_attrs; k++)
        if (c->args.op->attrs[k].kind == 'f')
            return 1;
    for (int i = 0; i < c->args.n_in; i++) {
        fcs_apply_args a;
        if (gx[i]->tensor)
            continue;
        fcs_apply_args_of(gx[i], &a);
        most = form_error(&a) > most ? form_error(&a) : most;
    }
    return most;
}

static void judge(const kernels *k, const fcs_case *c, int degree, const fcs_node *y,
                  fcs_node *const *gx, fcs_finding *f)
{
    double left = 0, size = 0;
    int inputs = c->args.n_in;
    double right =
        degree * inner(k->values[y->id], k->inputs[inputs], fcs_shape_count(y->shape), &size);
    for (int i = 0; i < inputs; i++)
        left += inner(k->values[gx[i]->id], k->inputs[i], fcs_shape_count(gx[i]->shape), &size);
    fcs_judge_number(left, right, roundings(c, gx) * 0x1p-22 * size, f);
}

/* inputs: x_0 .. x_n-1, gy */
static fcs_status run_graph(fcs_context *ctx, kernels *k, const fcs_case *c, int degree,
                            fcs_tensor *const *tensors, fcs_graph *g, fcs_finding *f)
{
    int n = c->args.n_in;
    fcs_node *x[FCS_MAX_IN + 1], *gx[FCS_MAX_IN];
    for (int i = 0; i <= n; i++)
        x[i] = fcs_read(g, tensors[i]);
    fcs_node *y = fcs_node_new(g, c->args.op, &c->args.attrs, n, x);
    if (!y || fcs_grad(g, 1, &y, &x[n], n, x, gx) != FCS_OK)
        return FCS_FAILED;
    k->values = fcs_alloc_array(&ctx->error, g->n_nodes, sizeof *k->values);
    bool good = k->values != NULL;
    for (size_t i = 0; i < g->n_nodes && good; i++)
        good = compute(k, g->nodes[i]);
    if (good)
        judge(k, c, degree, y, gx, f);
    for (size_t i = 0; i < g->n_nodes && k->values; i++)
        free(k->values[i]);
    free(k->values);
    return good ? FCS_OK : FCS_FAILED;
}

static fcs_status run_identity(fcs_context *ctx, const fcs_case *c, const fcs_sample_data *d,
                               int degree, fcs_finding *f)
{
    int n = c->args.n_in;
    int64_t count = fcs_shape_count(c->args.out);
    fcs_tensor *tensors[FCS_MAX_IN + 1] = {NULL};
    const float *inputs[FCS_MAX_IN + 1];
    double *weights = fcs_alloc_array(&ctx->error, (size_t)count, sizeof *weights);
    float *gy = fcs_alloc_array(&ctx->error, (size_t)count, sizeof *gy);
    fcs_graph *g = fcs_graph_new(ctx);
    bool good = weights && gy && g;
    for (int i = 0; i <= n && good; i++) {
        tensors[i] = fcs_tensor_new(ctx, "check", i < n ? c->args.in[i] : c->args.out);
        inputs[i] = i < n ? d->in[i] : gy;
        good = tensors[i] != NULL;
    }
    if (good) {
        fcs_data_fill(c->args.op, FCS_DATA_INTEGERS, c->seed, n, count, weights);
        for (int64_t i = 0; i < count; i++)
            gy[i] = (float)weights[i];
        kernels k = {ctx, inputs, 0, NULL};
        good = run_graph(ctx, &k, c, degree, tensors, g, f) == FCS_OK;
    }
    fcs_graph_free(g);
    for (int i = 0; i <= n; i++)
        fcs_tensor_free(tensors[i]);
    free(weights);
    free(gy);
    return good ? FCS_OK : FCS_FAILED;
}

fcs_status fcs_check_adjoint(fcs_context *on, const fcs_case *c, fcs_finding *f, bool *ran)
{
    fcs_sample_data d;
    int degree = 0;
    *ran = false;
    if (c->args.op->accuracy == FCS_FUNCTION || !c->args.op->grad)
        return FCS_OK;
    fcs_status status = fcs_sample_data_new(&on->error, c, FCS_DATA_INTEGERS, &d);
    if (status != FCS_OK)
        return status;
    status = find_degree(&on->error, c, &d, &degree);
    *ran = status == FCS_OK && degree > 0;
    if (*ran)
        status = run_identity(on, c, &d, degree, f);
    fcs_sample_data_free(c, &d);
    return status;
}
