/* op_slices.c: launches of slices and slices_dx (cl/slices.cl) and of softmax (cl/softmax.cl). */
#include "opencl/opencl.h"

#include "ops/ops.h"

/* sizes: of y and x, as the kernel takes them. */
static void slices_emit_as(const fcs_cl_call *c, const char *kernel, const int64_t *sizes, int n)
{
    const fcs_cl_view *x = &c->in[0], *at = &c->in[1], *y = &c->out;
    int vector = fcs_cl_vector(c->to->cl, y->cs);
    int64_t items = fcs_shape_floats(y->shape) / vector;
    fcs_cl_begin(c->to, "slices", fcs_cl_vector_option(vector), NULL, kernel);
    fcs_cl_view_arg(c->to, x);
    fcs_cl_view_arg(c->to, at);
    fcs_cl_view_arg(c->to, y);
    fcs_cl_items_arg(c->to, items);
    fcs_cl_int_arg(c->to, y->cs);
    fcs_cl_ints_arg(c->to, sizes, n);
    fcs_cl_int_arg(c->to, at->cs);
    fcs_cl_int_arg(c->to, at->shape.n[FCS_C]);
    fcs_cl_int_arg(c->to, c->args->attrs.i[FCS_SLICES_AXIS]);
    fcs_cl_items_end(c->to, items,
                     (double)(fcs_shape_floats(y->shape) + fcs_shape_floats(x->shape)));
}

static void slices_emit(const fcs_cl_call *c)
{
    const int64_t *y = c->out.shape.n, *x = c->in[0].shape.n;
    slices_emit_as(c, "cut", (int64_t[]){y[FCS_H], y[FCS_W], x[FCS_D], x[FCS_H], x[FCS_W]}, 5);
}

static void slices_dx_emit(const fcs_cl_call *c)
{
    const int64_t *y = c->out.shape.n, *x = c->in[0].shape.n;
    slices_emit_as(c, "uncut", (int64_t[]){y[FCS_D], y[FCS_H], y[FCS_W], x[FCS_H], x[FCS_W]}, 5);
}

const fcs_cl_op fcs_cl_op_slices = {.emit = slices_emit};
const fcs_cl_op fcs_cl_op_slices_dx = {.emit = slices_dx_emit};

static void softmax_emit(const fcs_cl_call *c)
{
    const fcs_cl_view *x = &c->in[0], *y = &c->out;
    int64_t floats = fcs_shape_floats(y->shape), pixels = floats / y->cs;
    fcs_cl_begin(c->to, "softmax", fcs_cl_vector_option(1), NULL, "softmax");
    fcs_cl_view_arg(c->to, x);
    fcs_cl_view_arg(c->to, y);
    fcs_cl_items_arg(c->to, pixels);
    fcs_cl_int_arg(c->to, y->cs);
    fcs_cl_int_arg(c->to, y->shape.n[FCS_C]);
    fcs_cl_items_end(c->to, pixels, 2 * (double)floats);
}

const fcs_cl_op fcs_cl_op_softmax = {.emit = softmax_emit};
