/* upsample.c: y[i] = x[(i + crop_lo) / factor] along D, H and W. */
#include "cpu/kernels/rows.h"
#include "ops/ops.h"

static void upsample_rows(void *arg, int64_t begin, int64_t end, int thread)
{
    const fcs_cpu_call *call = arg;
    const fcs_view *in = &call->in[0], *out = &call->out;
    const int64_t *f = call->args->attrs.i + FCS_POOL_FACTOR,
                  *lo = call->args->attrs.i + FCS_POOL_CROP_LO;
    const int64_t width = out->shape.n[FCS_W], cs = out->cs;
    (void)thread;
    for (int64_t row = begin; row < end; row++) {
        int64_t n, d, h;
        fcs_rows_at(out, row, &n, &d, &h);
        float *y = fcs_rows_pixel(out, n, d, h, 0);
        const float *x = fcs_rows_pixel(in, n, (d + lo[0]) / f[0], (h + lo[1]) / f[1], 0);
        if (f[2] == 1) {
            memcpy(y, x, (size_t)(width * cs) * sizeof *y);
            continue;
        }
        int64_t left = f[2] - lo[2]; /* copies of this pixel still to write */
        for (int64_t w = 0; w < width; w++, y += cs) {
            fcs_rows_copy(y, x, cs);
            if (--left == 0)
                x += cs, left = f[2];
        }
    }
}

static void run(const fcs_cpu_call *c)
{
    fcs_cpu_call call = *c;
    fcs_rows_parallel(c->team, &c->out, &c->out, upsample_rows, &call);
}

const fcs_cpu_op FCS_SYM(op_upsample) = {.run = run};
