/* slices.c: pages of volumes, copied row by row. */
#include "cpu/kernels/slices.h"

static void slices_rows(void *arg, int64_t begin, int64_t end, int thread)
{
    const fcs_cpu_call *call = arg;
    const fcs_view *x = &call->in[0], *at = &call->in[1], *out = &call->out;
    const int64_t axis = call->args->attrs.i[FCS_SLICES_AXIS], pages = at->shape.n[FCS_C];
    const int64_t rows = out->shape.n[FCS_H], width = out->shape.n[FCS_W];
    (void)thread;
    for (int64_t row = begin; row < end; row++) {
        int64_t image = row / rows, n = image / pages, next;
        int64_t page = fcs_slices_page(at, n, image % pages, x->shape.n[axis]);
        const float *from = fcs_slices_row(x, axis, n, page, row % rows, &next);
        float *y = out->p + row * width * out->cs;
        if (next == out->cs) {
            memcpy(y, from, (size_t)(width * out->cs) * sizeof *y);
            continue;
        }
        for (int64_t w = 0; w < width; w++)
            fcs_rows_copy(y + w * out->cs, from + w * next, out->cs);
    }
}

static void run(const fcs_cpu_call *c)
{
    fcs_cpu_call call = *c;
    fcs_rows_parallel(c->team, &c->out, &c->out, slices_rows, &call);
}

const fcs_cpu_op FCS_SYM(op_slices) = {.run = run};
