/* common.c: what the entries of all families share. */
#include "ops/ops.h"

#include <stdlib.h>

static bool shape_in_range(fcs_shape s)
{
    int64_t left = FCS_MAX_ELEMENTS;
    for (int d = 0; d < FCS_DIMS; d++) {
        if (s.n[d] < 1 || s.n[d] > left)
            return false;
        left /= s.n[d];
    }
    return true;
}

fcs_status fcs_op_fail(const fcs_apply_args *a, fcs_error *e, const char *format, ...)
{
    char what[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    fcs_text inputs = {0};
    for (int i = 0; i < a->n_in && i < FCS_MAX_IN; i++) {
        char text[96];
        fcs_shape_text(a->in[i], text);
        fcs_text_add(&inputs, "%s%s", i ? ", " : " (inputs ", text);
    }
    fcs_status status = fcs_fail(e, FCS_FAILED, "%s: %s%s%s", a->op->name, what,
                                 inputs.s ? inputs.s : "", inputs.s ? ")" : "");
    free(inputs.s);
    return status;
}

static fcs_status attrs_in_range(const fcs_apply_args *a, fcs_error *e)
{
    for (int k = 0; k < a->op->n_attrs; k++) {
        const fcs_attr *t = &a->op->attrs[k];
        for (int j = 0; j < t->count; j++) {
            double v = t->kind == 'i' ? (double)a->attrs.i[t->at + j] : a->attrs.f[t->at + j];
            if (!(v >= t->min && v <= t->max))
                return fcs_op_fail(a, e, "%s is %.9g, give a value from %.9g to %.9g", t->name, v,
                                   t->min, t->max);
        }
    }
    return FCS_OK;
}

fcs_status fcs_op_begin(const fcs_apply_args *a, fcs_error *e)
{
    const fcs_op *op = a->op;
    if (a->n_in < op->min_in || a->n_in > op->max_in)
        return fcs_fail(e, FCS_FAILED, "%s: %d inputs given, takes %d to %d", op->name, a->n_in,
                        op->min_in, op->max_in);
    for (int i = 0; i < a->n_in; i++)
        if (!shape_in_range(a->in[i]))
            return fcs_op_fail(
                a, e, "input %d has a size below 1 or more than 2^40 elements, use smaller sizes",
                i + 1);
    return attrs_in_range(a, e);
}

fcs_status fcs_op_finish(fcs_apply_args *a, fcs_shape out, fcs_error *e)
{
    char text[96];
    fcs_shape_text(out, text);
    for (int d = 0; d < FCS_DIMS; d++)
        if (out.n[d] < 1)
            return fcs_op_fail(a, e, "the result would be empty, %s: use larger inputs", text);
    if (!shape_in_range(out))
        return fcs_op_fail(
            a, e, "the result would have more than 2^40 elements, %s: use smaller sizes", text);
    a->out = out;
    return FCS_OK;
}

fcs_box fcs_box_whole(fcs_shape s)
{
    fcs_box b;
    for (int d = 0; d < FCS_DIMS; d++) {
        b.lo[d] = 0;
        b.hi[d] = s.n[d];
    }
    return b;
}

fcs_node *fcs_op_node(fcs_graph *g, const char *name, const fcs_attrs *attrs, int n,
                      fcs_node *const *in)
{
    const fcs_op *op = fcs_op_find(&g->ctx->error, name);
    fcs_attrs standard;
    if (!op)
        return NULL;
    if (!attrs) {
        if (fcs_attrs_parse(&g->ctx->error, op, NULL, &standard) != FCS_OK)
            return NULL;
        attrs = &standard;
    }
    return fcs_node_new(g, op, attrs, n, in);
}

fcs_status fcs_op_adjoint_grad(fcs_graph *g, const char *adjoint, const fcs_node *y, fcs_node *gy,
                               const bool *want, fcs_node **gx)
{
    if (want[0] && !(gx[0] = fcs_op_node(g, adjoint, &y->attrs, 1, &gy)))
        return FCS_FAILED;
    return FCS_OK;
}

fcs_status fcs_op_begin_crops(const fcs_apply_args *a, fcs_error *e)
{
    fcs_status status = fcs_op_begin(a, e);
    for (int k = 0; k < 3 && status == FCS_OK; k++) {
        int64_t f = a->attrs.i[FCS_POOL_FACTOR + k];
        if (a->attrs.i[FCS_POOL_CROP_LO + k] >= f || a->attrs.i[FCS_POOL_CROP_HI + k] >= f)
            status = fcs_op_fail(a, e, "cropping in %c must stay below the factor %lld", "DHW"[k],
                                 (long long)f);
    }
    return status;
}
