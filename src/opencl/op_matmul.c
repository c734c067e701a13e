/* op_matmul.c: launches of matmul (cl/matmul.cl). */
#include "opencl/opencl.h"

#include "ops/ops.h"

enum { M = 6, PANEL = 16 };

typedef struct product {
    int64_t rows, inner, columns, panels;
    bool ta, tb;
} product;

static product product_of(const fcs_apply_args *a)
{
    product p = {.ta = a->attrs.i[FCS_MATMUL_TA] != 0, .tb = a->attrs.i[FCS_MATMUL_TB] != 0};
    p.rows = a->out.n[FCS_N];
    p.columns = a->out.n[FCS_C];
    p.inner = a->in[0].n[p.ta ? FCS_N : FCS_C];
    p.panels = (p.columns + PANEL - 1) / PANEL;
    return p;
}

static size_t matmul_scratch(const fcs_cl *cl, const fcs_apply_args *a)
{
    product p = product_of(a);
    (void)cl;
    return (size_t)(p.panels * p.inner * PANEL) * sizeof(float);
}

static void matmul_emit(const fcs_cl_call *c)
{
    product p = product_of(c->args);
    fcs_cl_launches *l = c->to;
    const fcs_cl_view *a = &c->in[0], *b = &c->in[1];
    int64_t packs = p.panels * p.inner, items = p.panels * ((p.rows + M - 1) / M);
    fcs_cl_begin(l, "matmul", "-DFCS_V=16", NULL, "pack");
    fcs_cl_view_arg(l, b);
    fcs_cl_view_arg(l, &c->scratch);
    fcs_cl_ints_arg(l, (int64_t[]){packs, p.inner, p.columns}, 3);
    fcs_cl_ints_arg(l, (int64_t[]){p.tb ? 1 : b->cs, p.tb ? b->cs : 1}, 2);
    fcs_cl_end(l, packs, 64, (double)(packs * PANEL * 2));
    fcs_cl_begin(l, "matmul", "-DFCS_V=16", NULL, "multiply");
    fcs_cl_view_arg(l, a);
    fcs_cl_view_arg(l, &c->scratch);
    fcs_cl_view_arg(l, &c->out);
    fcs_cl_ints_arg(l, (int64_t[]){items, p.rows, p.inner, p.columns}, 4);
    fcs_cl_ints_arg(l, (int64_t[]){p.ta ? 1 : a->cs, p.ta ? a->cs : 1, c->out.cs}, 3);
    fcs_cl_end(l, items, 1, (double)(p.rows * p.inner * p.columns) / 8);
}

const fcs_cl_op fcs_cl_op_matmul = {.emit = matmul_emit, .scratch = matmul_scratch};
