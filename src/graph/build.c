/* build.c: short forms for code that builds graphs. */
#include "graph/graph.h"
#include "ops/ops.h"
#include <string.h>

static fcs_node *apply(const char *name, const fcs_attrs *attrs, int n, fcs_node *const *in)
{
    fcs_graph *g = NULL;
    for (int i = 0; i < n; i++) {
        if (!in[i])
            return NULL;
        g = in[i]->graph;
    }
    const fcs_op *op = fcs_op_find(&g->ctx->error, name);
    return op ? fcs_node_new(g, op, attrs, n, in) : NULL;
}

static fcs_node *binary(const char *name, fcs_node *a, fcs_node *b)
{
    return apply(name, NULL, 2, (fcs_node *[]){a, b});
}

fcs_node *fcs_add(fcs_node *a, fcs_node *b) { return binary("add", a, b); }
fcs_node *fcs_sub(fcs_node *a, fcs_node *b) { return binary("sub", a, b); }
fcs_node *fcs_mul(fcs_node *a, fcs_node *b) { return binary("mul", a, b); }
fcs_node *fcs_div(fcs_node *a, fcs_node *b) { return binary("div", a, b); }

fcs_node *fcs_unary(const char *op, fcs_node *a) { return apply(op, NULL, 1, &a); }

fcs_node *fcs_affine(fcs_node *a, double scale, double shift)
{
    fcs_attrs attrs = {{0}, {scale, shift}};
    return apply("affine", &attrs, 1, &a);
}

fcs_node *fcs_constant(fcs_graph *g, double value)
{
    fcs_attrs attrs = {{0}, {value}};
    const fcs_op *op = fcs_op_find(&g->ctx->error, "constant");
    return op ? fcs_node_new(g, op, &attrs, 0, NULL) : NULL;
}

fcs_node *fcs_sum(fcs_node *a, const char *axes)
{
    static const char names[] = "ncdhw";
    fcs_attrs attrs;
    memset(&attrs, 0, sizeof attrs);
    for (const char *s = axes; *s; s++) {
        const char *at = strchr(names, *s);
        if (at)
            attrs.i[at - names] = 1;
    }
    return apply("sum", &attrs, 1, &a);
}

fcs_node *fcs_mean(fcs_node *a, const char *axes)
{
    fcs_node *s = fcs_sum(a, axes);
    return s ? fcs_affine(s, (double)fcs_shape_count(s->shape) / (double)fcs_shape_count(a->shape),
                          0)
             : NULL;
}

static fcs_node *to_shape(const char *op, fcs_node *a, fcs_shape shape)
{
    fcs_attrs attrs;
    if (!a || fcs_shape_equal(a->shape, shape))
        return a;
    memset(&attrs, 0, sizeof attrs);
    memcpy(attrs.i, shape.n, sizeof shape.n);
    return apply(op, &attrs, 1, &a);
}

fcs_node *fcs_broadcast(fcs_node *a, fcs_shape shape) { return to_shape("broadcast", a, shape); }
fcs_node *fcs_reshape(fcs_node *a, fcs_shape shape) { return to_shape("reshape", a, shape); }

fcs_node *fcs_sum_to(fcs_node *a, fcs_shape shape)
{
    char axes[FCS_DIMS + 1];
    int n = 0;
    if (!a)
        return NULL;
    for (int i = 0; i < FCS_DIMS; i++)
        if (shape.n[i] == 1 && a->shape.n[i] != 1)
            axes[n++] = "ncdhw"[i];
    axes[n] = 0;
    return n ? fcs_sum(a, axes) : a;
}

fcs_node *fcs_conv(fcs_node *x, fcs_node *w, const fcs_attrs *a)
{
    return apply("conv", a, 2, (fcs_node *[]){x, w});
}

fcs_node *fcs_conv_dx(fcs_node *gy, fcs_node *w, const fcs_attrs *a)
{
    return apply("conv_dx", a, 2, (fcs_node *[]){gy, w});
}

fcs_node *fcs_conv_dw(fcs_node *x, fcs_node *gy, const fcs_attrs *a)
{
    return apply("conv_dw", a, 2, (fcs_node *[]){x, gy});
}
