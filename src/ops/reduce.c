/* reduce.c: sum over dimensions and its adjoint, broadcast. */
#include "ops/ops.h"

static fcs_status sum_shape(fcs_apply_args *a, fcs_error *e)
{
    fcs_status status = fcs_op_begin(a, e);
    if (status != FCS_OK)
        return status;
    fcs_shape s = a->in[0];
    for (int d = 0; d < FCS_DIMS; d++)
        if (a->attrs.i[d])
            s.n[d] = 1;
    return fcs_op_finish(a, s, e);
}

static double sum_flops(const fcs_apply_args *a) { return (double)fcs_shape_count(a->in[0]); }

static fcs_status sum_grad(fcs_graph *g, fcs_node *y, fcs_node *gy, const bool *want, fcs_node **gx)
{
    (void)g;
    if (want[0] && !(gx[0] = fcs_broadcast(gy, y->in[0]->shape)))
        return FCS_FAILED;
    return FCS_OK;
}

static fcs_status broadcast_shape(fcs_apply_args *a, fcs_error *e)
{
    fcs_status status = fcs_op_begin(a, e);
    if (status != FCS_OK)
        return status;
    fcs_shape s;
    for (int d = 0; d < FCS_DIMS; d++) {
        s.n[d] = a->attrs.i[d];
        if (a->in[0].n[d] != 1 && a->in[0].n[d] != s.n[d])
            return fcs_op_fail(a, e,
                               "size %lld of dimension %c cannot become %lld, only a size of 1 can",
                               (long long)a->in[0].n[d], "NCDHW"[d], (long long)s.n[d]);
    }
    return fcs_op_finish(a, s, e);
}

static fcs_status broadcast_grad(fcs_graph *g, fcs_node *y, fcs_node *gy, const bool *want,
                                 fcs_node **gx)
{
    (void)g;
    if (want[0] && !(gx[0] = fcs_sum_to(gy, y->in[0]->shape)))
        return FCS_FAILED;
    return FCS_OK;
}

static void broadcast_window(const fcs_apply_args *a, const fcs_box *out, fcs_box *in,
                             fcs_attrs *attrs)
{
    *attrs = a->attrs;
    for (int d = 0; d < FCS_DIMS; d++) {
        bool repeated = a->in[0].n[d] == 1;
        in[0].lo[d] = repeated ? 0 : out->lo[d];
        in[0].hi[d] = repeated ? 1 : out->hi[d];
        attrs->i[d] = out->hi[d] - out->lo[d];
    }
}

static const fcs_attr sum_attrs[] = {
    {"axes", 'i', 0, 5, 0, 1, 1, "1 where the dimension N,C,D,H,W is summed and becomes 1"},
};
static const fcs_attr broadcast_attrs[] = {
    {"shape", 'i', 0, 5, 1, 1099511627776.0, 1, "sizes N,C,D,H,W of the result"},
};
static const char *const sum_cases[] = {
    "in=1x1x1x1x1",
    "in=2x3x1x5x7",
    "in=3x17x2x5x7",
    "in=2x3x1x5x7 axes=1,0,1,1,1",
    "in=3x17x1x9x5 axes=1,0,1,1,1",
    "in=3x33x1x9x5 axes=0,1,0,0,0",
    "in=2x7x3x5x4 axes=0,0,1,1,1",
    "in=5x16x1x7x9 axes=1,0,0,0,0",
    "in=2x40x3x5x7 axes=0,0,0,1,0",
    "in=2x5x3x6x7 axes=1,1,0,0,1",
    "in=2x31x3x6x7 axes=0,0,0,0,1",
    "in=1x4x1x63x65 axes=1,0,1,1,1",
    "in=4x32x1x31x33 axes=1,0,1,1,1",
    "in=3x15x1x5x5 axes=0",
    NULL,
};
static const char *const broadcast_cases[] = {
    "in=1x1x1x1x1 shape=1",
    "in=1x1x1x1x1 shape=2,3,1,5,7",
    "in=1x17x1x1x1 shape=3,17,2,5,7",
    "in=2x1x1x5x7 shape=2,33,1,5,7",
    "in=2x5x3x1x1 shape=2,5,3,6,7",
    "in=1x40x1x1x9 shape=2,40,3,5,9",
    "in=1x16x1x7x1 shape=5,16,1,7,9",
    "in=3x1x1x1x1 shape=3,8,1,3,3",
    NULL,
};
static const char *const sum_bench[] = {
    "in=1x1x1x4096x4096",
    "in=1x32x1x724x724 axes=1,0,1,1,1",
    "in=8x16x1x362x362 axes=0,0,1,1,1",
    NULL,
};
static const char *const broadcast_bench[] = {"in=1x32x1x1x1 shape=1,32,1,724,724", NULL};

const fcs_op fcs_op_sum = {
    .name = "sum",
    .family = "reduce",
    .text = "sum over dimensions, kept as size 1",
    .kind = FCS_KIND_SUM,
    .accuracy = FCS_LINEAR,
    .min_in = 1,
    .max_in = 1,
    .attrs = sum_attrs,
    .n_attrs = 1,
    .shape = sum_shape,
    .grad = sum_grad,
    .flops = sum_flops,
    .nonzero = 0.5,
    .cases = sum_cases,
    .bench = sum_bench,
};
const fcs_op fcs_op_broadcast = {
    .name = "broadcast",
    .family = "reduce",
    .text = "repeats dimensions of size 1",
    .kind = FCS_KIND_KERNEL,
    .accuracy = FCS_EXACT,
    .min_in = 1,
    .max_in = 1,
    .attrs = broadcast_attrs,
    .n_attrs = 1,
    .shape = broadcast_shape,
    .grad = broadcast_grad,
    .window = broadcast_window,
    .nonzero = 0.5,
    .cases = broadcast_cases,
    .bench = broadcast_bench,
};
