/* op_matmul.c: launches of matmul (cl/matmul.cl). */
#include "opencl/opencl.h"

#include "ops/ops.h"

enum { PANEL = 16, FLAT = 64 };

typedef struct product {
    const fcs_cl_tile *tile;
    int64_t rows, inner, columns;
    bool ta, tb;
    bool pack_a, pack_b; /* into panels */
} product;

static product product_of(fcs_cl *cl, const fcs_apply_args *a)
{
    product p = {.ta = a->attrs.i[FCS_MATMUL_TA] != 0, .tb = a->attrs.i[FCS_MATMUL_TB] != 0};
    p.rows = a->out.n[FCS_N];
    p.columns = a->out.n[FCS_C];
    p.inner = a->in[0].n[p.ta ? FCS_N : FCS_C];
    p.tile = fcs_cl_tile_for(cl, p.rows < FLAT ? FCS_CL_PRODUCT_FLAT : FCS_CL_PRODUCT);
    /* Read once or twice it is not worth packing. */
    bool lines = !p.tb && fcs_channel_stride(p.columns) % PANEL == 0;
    p.pack_b = p.tile->style != FCS_CL_BLAST && (!lines || p.rows > 2 * p.tile->m);
    /* An item that walks down a column meets few sets of the caches where rows are long. */
    p.pack_a = p.tile->style == FCS_CL_REGISTERS && p.ta && p.columns > 2 * p.tile->n;
    return p;
}

static int64_t panels_of(int64_t lanes) { return (lanes + PANEL - 1) / PANEL; }

static size_t panel_bytes(const product *p, int64_t lanes)
{
    return (size_t)(panels_of(lanes) * p->inner * PANEL) * sizeof(float);
}

static size_t matmul_scratch(fcs_cl *cl, const fcs_apply_args *a)
{
    product p = product_of(cl, a);
    return (p.pack_b ? panel_bytes(&p, p.columns) : 0) + (p.pack_a ? panel_bytes(&p, p.rows) : 0);
}

/* The terms of so many lanes; steps, in floats, from one term to the next and from one lane to the
 * next. */
static void pack_emit(const fcs_cl_call *c, const product *p, const fcs_cl_view *from,
                      const fcs_cl_view *to, int64_t lanes, const int64_t steps[2])
{
    fcs_cl_launches *l = c->to;
    int64_t items = panels_of(lanes) * p->inner;
    fcs_cl_begin(l, "tile matmul", p->tile->options, NULL, "pack");
    fcs_cl_view_arg(l, from);
    fcs_cl_view_arg(l, to);
    fcs_cl_ints_arg(l, (int64_t[]){items, p->inner, lanes}, 3);
    fcs_cl_ints_arg(l, steps, 2);
    fcs_cl_end(l, items, 64, (double)(items * PANEL * 2));
}

static void matmul_emit(const fcs_cl_call *c)
{
    product p = product_of(c->to->cl, c->args);
    fcs_cl_launches *l = c->to;
    const fcs_cl_view *a = &c->in[0], *b = &c->in[1];
    if (p.tile->style == FCS_CL_BLAST) {
        fcs_cl_blast_launch(
            l, &(fcs_cl_blast){*a, *b, c->out, p.ta, p.tb, p.rows, p.columns, p.inner});
        return;
    }
    int64_t written = c->out.cs % PANEL ? p.columns : c->out.cs;
    int64_t items =
        ((p.rows + p.tile->m - 1) / p.tile->m) * ((written + p.tile->n - 1) / p.tile->n);
    int64_t a_steps[2] = {p.ta ? 1 : a->cs, p.ta ? a->cs : 1}; /* to the next row, term */
    int64_t b_steps[2] = {p.tb ? 1 : b->cs, p.tb ? b->cs : 1}; /* to the next term, column */
    int64_t a_panel = a_steps[0] * PANEL, b_panel = PANEL;
    fcs_cl_view packed_b = c->scratch;
    fcs_cl_view packed_a = fcs_cl_part(&packed_b, p.pack_b ? panel_bytes(&p, p.columns) : 0);
    if (p.pack_b) {
        pack_emit(c, &p, b, &packed_b, p.columns, b_steps);
        b = &packed_b;
        b_panel = p.inner * PANEL;
        b_steps[0] = PANEL;
    }
    if (p.pack_a) {
        pack_emit(c, &p, a, &packed_a, p.rows, (int64_t[]){a_steps[1], a_steps[0]});
        a = &packed_a;
        a_panel = p.inner * PANEL;
        a_steps[0] = 1;
        a_steps[1] = PANEL;
    }
    fcs_cl_begin(l, "tile matmul", p.tile->options, NULL, "multiply");
    fcs_cl_view_arg(l, a);
    fcs_cl_view_arg(l, b);
    fcs_cl_view_arg(l, &c->out);
    fcs_cl_ints_arg(l, (int64_t[]){items, p.rows, p.inner, p.columns, written}, 5);
    fcs_cl_int_arg(l, a_panel);
    fcs_cl_ints_arg(l, a_steps, 2);
    fcs_cl_ints_arg(l, (int64_t[]){b_panel, b_steps[0], c->out.cs}, 3);
    fcs_cl_tile_end(l, p.tile, items, (double)(p.rows * p.inner * p.columns) / 8);
}

const fcs_cl_op fcs_cl_op_matmul = {.emit = matmul_emit, .scratch = matmul_scratch};
