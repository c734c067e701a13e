/* sum_pool.c: y[j] = sum of x[i] with (i + crop_lo) / factor = j along D, H and W: rows of x are
 * added to rows of y. */
#include "cpu/kernels/rows.h"
#include "ops/ops.h"

/* y[j] += x[i] for one row. */
static void add_row(const fcs_view *in, float *y, const float *x, int64_t factor, int64_t lo)
{
    int64_t left = factor - lo; /* pixels still to add to this one */
    for (int64_t w = 0; w < in->shape.n[FCS_W]; w++, x += in->cs) {
        fcs_rows_add(y, x, in->cs);
        if (--left == 0)
            y += in->cs, left = factor;
    }
}

static int64_t clipped(int64_t i, int64_t n) { return i < 0 ? 0 : i > n ? n : i; }

static void pool_rows(void *arg, int64_t begin, int64_t end, int thread)
{
    const fcs_cpu_call *call = arg;
    const fcs_view *in = &call->in[0], *out = &call->out;
    const int64_t *f = call->args->attrs.i + FCS_POOL_FACTOR,
                  *lo = call->args->attrs.i + FCS_POOL_CROP_LO;
    (void)thread;
    for (int64_t row = begin; row < end; row++) {
        int64_t n, d, h;
        fcs_rows_at(out, row, &n, &d, &h);
        float *y = fcs_rows_pixel(out, n, d, h, 0);
        fcs_rows_zero(y, out->shape.n[FCS_W] * out->cs);
        const int64_t depth = in->shape.n[FCS_D], height = in->shape.n[FCS_H];
        for (int64_t i = clipped(d * f[0] - lo[0], depth);
             i < clipped((d + 1) * f[0] - lo[0], depth); i++)
            for (int64_t k = clipped(h * f[1] - lo[1], height);
                 k < clipped((h + 1) * f[1] - lo[1], height); k++)
                add_row(in, y, fcs_rows_pixel(in, n, i, k, 0), f[2], lo[2]);
    }
}

static void run(const fcs_cpu_call *c)
{
    fcs_cpu_call call = *c;
    fcs_rows_parallel(c->team, &c->out, &c->in[0], pool_rows, &call);
}

const fcs_cpu_op FCS_SYM(op_sum_pool) = {.run = run};
