/* shape.c: reshape, pad, crop, concat: they move numbers and change none. */
#include "ops/ops.h"

static fcs_status reshape_shape(fcs_apply_args *a, fcs_error *e)
{
    fcs_status status = fcs_op_begin(a, e);
    if (status != FCS_OK)
        return status;
    fcs_apply_args out = *a;
    fcs_shape s;
    for (int d = 0; d < FCS_DIMS; d++)
        s.n[d] = a->attrs.i[d];
    if ((status = fcs_op_finish(&out, s, e)) != FCS_OK)
        return status;
    if (fcs_shape_count(s) != fcs_shape_count(a->in[0])) {
        char text[96];
        fcs_shape_text(s, text);
        return fcs_op_fail(a, e, "%s has another number of elements than the input", text);
    }
    a->out = s;
    return FCS_OK;
}

static fcs_status reshape_grad(fcs_graph *g, fcs_node *y, fcs_node *gy, const bool *want,
                               fcs_node **gx)
{
    (void)g;
    if (want[0] && !(gx[0] = fcs_reshape(gy, y->in[0]->shape)))
        return FCS_FAILED;
    return FCS_OK;
}

/* Positions in the attributes of pad and crop. */
enum { LEADING = 0, TRAILING = 5 };

static fcs_status pad_shape(fcs_apply_args *a, fcs_error *e)
{
    fcs_status status = fcs_op_begin(a, e);
    if (status != FCS_OK)
        return status;
    fcs_shape s = a->in[0];
    for (int d = 0; d < FCS_DIMS; d++)
        s.n[d] += a->attrs.i[LEADING + d] + a->attrs.i[TRAILING + d];
    return fcs_op_finish(a, s, e);
}

static fcs_status crop_shape(fcs_apply_args *a, fcs_error *e)
{
    fcs_status status = fcs_op_begin(a, e);
    if (status != FCS_OK)
        return status;
    fcs_shape s = a->in[0];
    for (int d = 0; d < FCS_DIMS; d++)
        s.n[d] -= a->attrs.i[LEADING + d] + a->attrs.i[TRAILING + d];
    return fcs_op_finish(a, s, e);
}

static fcs_status pad_grad(fcs_graph *g, fcs_node *y, fcs_node *gy, const bool *want, fcs_node **gx)
{
    return fcs_op_adjoint_grad(g, "crop", y, gy, want, gx);
}

static fcs_status crop_grad(fcs_graph *g, fcs_node *y, fcs_node *gy, const bool *want,
                            fcs_node **gx)
{
    return fcs_op_adjoint_grad(g, "pad", y, gy, want, gx);
}

/* An output box that lies in the padding alone gets an empty input box (lo = hi): the caller writes
 * zeros. */
static void pad_window(const fcs_apply_args *a, const fcs_box *out, fcs_box *in, fcs_attrs *attrs)
{
    *attrs = a->attrs;
    for (int d = 0; d < FCS_DIMS; d++) {
        int64_t first = out->lo[d] - a->attrs.i[LEADING + d],
                end = out->hi[d] - a->attrs.i[LEADING + d];
        int64_t n = a->in[0].n[d];
        in->lo[d] = first < 0 ? 0 : first > n ? n : first;
        in->hi[d] = end > n ? n : end < 0 ? 0 : end;
        attrs->i[LEADING + d] = in->lo[d] - first;
        attrs->i[TRAILING + d] = end - in->hi[d];
    }
}

/* Samples and channels stay whole, so that what comes before never has to compute some of its
 * channels. */
static void crop_window(const fcs_apply_args *a, const fcs_box *out, fcs_box *in, fcs_attrs *attrs)
{
    *attrs = a->attrs;
    for (int d = 0; d < FCS_DIMS; d++) {
        int64_t first = out->lo[d] + a->attrs.i[LEADING + d],
                end = out->hi[d] + a->attrs.i[LEADING + d];
        bool whole = d == FCS_N || d == FCS_C;
        in->lo[d] = whole ? 0 : first;
        in->hi[d] = whole ? a->in[0].n[d] : end;
        attrs->i[LEADING + d] = whole ? first : 0;
        attrs->i[TRAILING + d] = whole ? in->hi[d] - end : 0;
    }
}

static fcs_status concat_shape(fcs_apply_args *a, fcs_error *e)
{
    fcs_status status = fcs_op_begin(a, e);
    if (status != FCS_OK)
        return status;
    int64_t axis = a->attrs.i[0];
    fcs_shape s = a->in[0];
    for (int i = 1; i < a->n_in; i++) {
        for (int d = 0; d < FCS_DIMS; d++)
            if (d != axis && a->in[i].n[d] != s.n[d])
                return fcs_op_fail(a, e, "input %d differs in dimension %c, only %c may differ",
                                   i + 1, "NCDHW"[d], "NCDHW"[axis]);
        s.n[axis] += a->in[i].n[axis];
    }
    return fcs_op_finish(a, s, e);
}

static fcs_status concat_grad(fcs_graph *g, fcs_node *y, fcs_node *gy, const bool *want,
                              fcs_node **gx)
{
    int64_t axis = y->attrs.i[0], before = 0;
    for (int i = 0; i < y->n_in; i++) {
        int64_t n = y->in[i]->shape.n[axis];
        fcs_attrs attrs = {.i = {0}};
        attrs.i[LEADING + axis] = before;
        attrs.i[TRAILING + axis] = y->shape.n[axis] - before - n;
        if (want[i] && !(gx[i] = fcs_op_node(g, "crop", &attrs, 1, &gy)))
            return FCS_FAILED;
        before += n;
    }
    return FCS_OK;
}

/* An input that has no part in the output box gets an empty box (lo = hi): the caller leaves it
 * out. */
static void concat_window(const fcs_apply_args *a, const fcs_box *out, fcs_box *in,
                          fcs_attrs *attrs)
{
    int64_t axis = a->attrs.i[0], before = 0;
    *attrs = a->attrs;
    for (int i = 0; i < a->n_in; i++) {
        int64_t n = a->in[i].n[axis], first = out->lo[axis] - before, end = out->hi[axis] - before;
        in[i] = *out;
        in[i].lo[axis] = first < 0 ? 0 : first > n ? n : first;
        in[i].hi[axis] = end < 0 ? 0 : end > n ? n : end;
        before += n;
    }
}

#define LARGEST 1099511627776.0
static const fcs_attr reshape_attrs[] = {
    {"shape", 'i', 0, 5, 1, LARGEST, 1, "sizes N,C,D,H,W of the result"},
};
static const fcs_attr pad_attrs[] = {
    {"leading", 'i', LEADING, 5, 0, LARGEST, 0, "zeros put before N,C,D,H,W"},
    {"trailing", 'i', TRAILING, 5, 0, LARGEST, 0, "zeros put behind N,C,D,H,W"},
};
static const fcs_attr crop_attrs[] = {
    {"leading", 'i', LEADING, 5, 0, LARGEST, 0, "how many are cut off before N,C,D,H,W"},
    {"trailing", 'i', TRAILING, 5, 0, LARGEST, 0, "how many are cut off behind N,C,D,H,W"},
};
static const fcs_attr concat_attrs[] = {
    {"axis", 'i', 0, 1, 0, 4, 1, "dimension along which to join: 0 to 4 for N,C,D,H,W"},
};
static const char *const reshape_cases[] = {
    "in=1x1x1x1x1 shape=1",
    "in=2x3x1x5x7 shape=2,105,1,1,1",
    "in=3x105x1x1x1 shape=3,3,1,5,7",
    "in=2x16x1x5x3 shape=1,32,1,3,5",
    "in=2x40x3x5x1 shape=2,3,5,8,5",
    "in=4x31x1x3x3 shape=1,4,31,3,3",
    "in=1x33x1x4x4 shape=33,1,1,16,1",
    "in=6x7x1x5x3 shape=6,7,1,3,5",
    NULL,
};
static const char *const pad_cases[] = {
    "in=1x1x1x1x1 leading=0,0,0,1,2",
    "in=2x3x1x5x7 leading=0,0,0,1,3 trailing=0,0,0,2,4",
    "in=1x17x1x5x5 leading=0,15,0,0,0",
    "in=2x7x3x4x5 leading=1,2,1,0,3 trailing=2,1,0,1,0",
    "in=1x40x1x3x3 trailing=0,1,1,0,1",
    "in=1x15x1x7x5 leading=0,0,0,2,2 trailing=0,2,0,2,2",
    NULL,
};
static const char *const crop_cases[] = {
    "in=1x1x1x3x3 leading=0,0,0,1,2",
    "in=2x3x1x9x11 leading=0,0,0,1,3 trailing=0,0,0,2,4",
    "in=1x33x1x5x5 leading=0,15,0,0,0 trailing=0,1,0,0,0",
    "in=4x10x4x5x7 leading=1,2,1,0,3 trailing=2,1,0,1,0",
    "in=1x41x2x3x5 trailing=0,1,1,0,1",
    "in=1x17x1x7x5 leading=0,0,0,2,1 trailing=0,2,0,2,1",
    NULL,
};
static const char *const concat_cases[] = {
    "in=1x1x1x3x5,1x1x1x3x5",
    "in=2x3x1x5x7,2x5x1x5x7",
    "in=1x16x1x5x5,1x17x1x5x5,1x7x1x5x5",
    "in=1x7x2x3x5,3x7x2x3x5 axis=0",
    "in=2x17x1x3x5,2x17x3x3x5 axis=2",
    "in=2x40x1x3x5,2x40x1x2x5 axis=3",
    "in=2x3x1x7x1,2x3x1x7x6,2x3x1x7x3 axis=4",
    "in=1x33x1x3x3",
    NULL,
};
static const char *const reshape_bench[] = {"in=8x16384x1x1x1 shape=8,256,1,8,8", NULL};
static const char *const pad_bench[] = {"in=1x32x1x720x720 leading=0,0,0,2,2 trailing=0,0,0,2,2",
                                        NULL};
static const char *const crop_bench[] = {"in=1x32x1x724x724 leading=0,0,0,2,2 trailing=0,0,0,2,2",
                                         NULL};
static const char *const concat_bench[] = {"in=1x32x1x512x512,1x32x1x512x512", NULL};

const fcs_op fcs_op_reshape = {
    .name = "reshape",
    .family = "shape",
    .text = "the same numbers in row-major N C D H W order under other sizes",
    .kind = FCS_KIND_KERNEL,
    .accuracy = FCS_EXACT,
    .min_in = 1,
    .max_in = 1,
    .attrs = reshape_attrs,
    .n_attrs = 1,
    .shape = reshape_shape,
    .grad = reshape_grad,
    .nonzero = 0.5,
    .cases = reshape_cases,
    .bench = reshape_bench,
};
const fcs_op fcs_op_pad = {
    .name = "pad",
    .family = "shape",
    .text = "zeros around the input",
    .kind = FCS_KIND_KERNEL,
    .accuracy = FCS_EXACT,
    .min_in = 1,
    .max_in = 1,
    .attrs = pad_attrs,
    .n_attrs = 2,
    .shape = pad_shape,
    .grad = pad_grad,
    .window = pad_window,
    .nonzero = 0.1,
    .cases = pad_cases,
    .bench = pad_bench,
};
const fcs_op fcs_op_crop = {
    .name = "crop",
    .family = "shape",
    .text = "the middle of the input",
    .kind = FCS_KIND_KERNEL,
    .accuracy = FCS_EXACT,
    .min_in = 1,
    .max_in = 1,
    .attrs = crop_attrs,
    .n_attrs = 2,
    .shape = crop_shape,
    .grad = crop_grad,
    .window = crop_window,
    .nonzero = 0.5,
    .cases = crop_cases,
    .bench = crop_bench,
};
const fcs_op fcs_op_concat = {
    .name = "concat",
    .family = "shape",
    .text = "inputs one behind the other along a dimension",
    .kind = FCS_KIND_KERNEL,
    .accuracy = FCS_EXACT,
    .min_in = 1,
    .max_in = FCS_MAX_IN,
    .attrs = concat_attrs,
    .n_attrs = 1,
    .shape = concat_shape,
    .grad = concat_grad,
    .window = concat_window,
    .nonzero = 0.5,
    .cases = concat_cases,
    .bench = concat_bench,
};
