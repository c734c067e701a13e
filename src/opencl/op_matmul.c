/* op_matmul.c: launches of matmul (cl/matmul.cl). */
#include "opencl/opencl.h"

#include "ops/ops.h"

enum { PANEL = 16, FLAT = 64 };

typedef struct product {
    const fcs_cl_tile *tile;
    int64_t rows, inner, columns, panels;
    bool ta, tb;
    bool pack; /* the second matrix, into panels */
} product;

static product product_of(fcs_cl *cl, const fcs_apply_args *a)
{
    product p = {.ta = a->attrs.i[FCS_MATMUL_TA] != 0, .tb = a->attrs.i[FCS_MATMUL_TB] != 0};
    p.rows = a->out.n[FCS_N];
    p.columns = a->out.n[FCS_C];
    p.inner = a->in[0].n[p.ta ? FCS_N : FCS_C];
    p.panels = (p.columns + PANEL - 1) / PANEL;
    p.tile = fcs_cl_tile_for(cl, p.rows < FLAT ? FCS_CL_PRODUCT_FLAT : FCS_CL_PRODUCT);
    /* Read once or twice it is not worth packing. */
    bool lines = !p.tb && fcs_channel_stride(p.columns) % PANEL == 0;
    p.pack = p.tile->style != FCS_CL_BLAST && (!lines || p.rows > 2 * p.tile->m);
    return p;
}

static size_t matmul_scratch(fcs_cl *cl, const fcs_apply_args *a)
{
    product p = product_of(cl, a);
    return p.pack ? (size_t)(p.panels * p.inner * PANEL) * sizeof(float) : 0;
}

static void pack_emit(const fcs_cl_call *c, const product *p)
{
    fcs_cl_launches *l = c->to;
    const fcs_cl_view *b = &c->in[1];
    int64_t items = p->panels * p->inner;
    fcs_cl_begin(l, "tile matmul", p->tile->options, NULL, "pack");
    fcs_cl_view_arg(l, b);
    fcs_cl_view_arg(l, &c->scratch);
    fcs_cl_ints_arg(l, (int64_t[]){items, p->inner, p->columns}, 3);
    fcs_cl_ints_arg(l, (int64_t[]){p->tb ? 1 : b->cs, p->tb ? b->cs : 1}, 2);
    fcs_cl_end(l, items, 64, (double)(items * PANEL * 2));
}

static void matmul_emit(const fcs_cl_call *c)
{
    product p = product_of(c->to->cl, c->args);
    fcs_cl_launches *l = c->to;
    const fcs_cl_view *a = &c->in[0], *b = p.pack ? &c->scratch : &c->in[1];
    if (p.tile->style == FCS_CL_BLAST) {
        fcs_cl_blast_launch(
            l, &(fcs_cl_blast){*a, *b, c->out, p.ta, p.tb, p.rows, p.columns, p.inner});
        return;
    }
    int64_t written = c->out.cs % PANEL ? p.columns : c->out.cs;
    int64_t items =
        ((p.rows + p.tile->m - 1) / p.tile->m) * ((written + p.tile->n - 1) / p.tile->n);
    if (p.pack)
        pack_emit(c, &p);
    fcs_cl_begin(l, "tile matmul", p.tile->options, NULL, "multiply");
    fcs_cl_view_arg(l, a);
    fcs_cl_view_arg(l, b);
    fcs_cl_view_arg(l, &c->out);
    fcs_cl_ints_arg(l, (int64_t[]){items, p.rows, p.inner, p.columns, written}, 5);
    fcs_cl_ints_arg(l, (int64_t[]){p.ta ? 1 : a->cs, p.ta ? a->cs : 1}, 2);
    fcs_cl_ints_arg(l, (int64_t[]){p.pack ? p.inner * PANEL : PANEL, p.pack ? PANEL : b->cs}, 2);
    fcs_cl_int_arg(l, c->out.cs);
    fcs_cl_tile_end(l, p.tile, items, (double)(p.rows * p.inner * p.columns) / 8);
}

const fcs_cl_op fcs_cl_op_matmul = {.emit = matmul_emit, .scratch = matmul_scratch};
