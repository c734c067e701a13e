/* slices_dx.c: a thread has whole volumes and adds their images one after the other, so that the
 * order of the sums is always the same. */
#include "cpu/kernels/slices.h"

static void add_image(const fcs_cpu_call *call, int64_t n, int64_t p)
{
    const fcs_view *gy = &call->in[0], *at = &call->in[1], *out = &call->out;
    const int64_t axis = call->args->attrs.i[FCS_SLICES_AXIS], width = gy->shape.n[FCS_W];
    const int64_t page = fcs_slices_page(at, n, p, out->shape.n[axis]);
    for (int64_t r = 0; r < gy->shape.n[FCS_H]; r++) {
        int64_t next;
        const float *x = fcs_rows_pixel(gy, n * at->shape.n[FCS_C] + p, 0, r, 0);
        float *y = fcs_slices_row(out, axis, n, page, r, &next);
        if (next == gy->cs)
            fcs_rows_add(y, x, width * gy->cs);
        for (int64_t w = 0; next != gy->cs && w < width; w++)
            fcs_rows_add(y + w * next, x + w * gy->cs, gy->cs);
    }
}

static void volumes(void *arg, int64_t begin, int64_t end, int thread)
{
    const fcs_cpu_call *call = arg;
    const fcs_view *out = &call->out;
    const int64_t floats = fcs_shape_floats(out->shape) / out->shape.n[FCS_N];
    (void)thread;
    for (int64_t n = begin; n < end; n++) {
        fcs_rows_zero(out->p + n * floats, floats);
        for (int64_t p = 0; p < call->in[1].shape.n[FCS_C]; p++)
            add_image(call, n, p);
    }
}

static void run(const fcs_cpu_call *c)
{
    fcs_cpu_call call = *c;
    fcs_parallel(c->team, c->out.shape.n[FCS_N], 1, volumes, &call);
}

const fcs_cpu_op FCS_SYM(op_slices_dx) = {.run = run};
