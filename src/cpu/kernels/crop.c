/* crop.c: the middle of the input; attributes: leading counts in i[0..4]. Nothing is to be
 * done where the plan has the result lie in the input (graph/place.c). */
#include "cpu/kernels/rows.h"

static void crop_rows(void *arg, int64_t begin, int64_t end, int thread)
{
    const fcs_cpu_call *call = arg;
    const fcs_view *in = &call->in[0], *out = &call->out;
    const int64_t *lead = call->args->attrs.i, width = out->shape.n[FCS_W],
                  channels = out->shape.n[FCS_C];
    (void)thread;
    for (int64_t row = begin; row < end; row++) {
        int64_t n, d, h;
        fcs_rows_at(out, row, &n, &d, &h);
        float *y = fcs_rows_pixel(out, n, d, h, 0);
        const float *x =
            fcs_rows_pixel(in, n + lead[FCS_N], d + lead[FCS_D], h + lead[FCS_H], lead[FCS_W]);
        if (in->shape.n[FCS_C] == channels) {
            memcpy(y, x, (size_t)(width * out->cs) * sizeof *y);
            continue;
        }
        for (int64_t w = 0; w < width; w++, y += out->cs, x += in->cs) {
            fcs_rows_copy(y, x + lead[FCS_C], channels);
            fcs_rows_zero(y + channels, out->cs - channels);
        }
    }
}

static void run(const fcs_cpu_call *c)
{
    fcs_cpu_call call = *c;
    const int64_t *lead = c->args->attrs.i;
    if (fcs_rows_lies_at(&c->out, &c->in[0], lead))
        return;
    fcs_rows_parallel(c->team, &c->out, &c->out, crop_rows, &call);
}

const fcs_cpu_op FCS_SYM(op_crop) = {.run = run};
