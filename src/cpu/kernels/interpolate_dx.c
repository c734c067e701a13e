/* interpolate_dx.c: x[i] = (g[2i-2] + 3 g[2i-1] + 3 g[2i] + g[2i+1]) / 4 along each doubled
 * dimension, where those are; all rows that have a part in a row of x are added up, then along W.
 */
#include "cpu/kernels/rows.h"
#include "ops/ops.h"

static const float tap_weights[4] = {0.25f, 0.75f, 0.75f, 0.25f};

/* y += w x, n floats. */
static void add_scaled(float *y, const float *x, float w, int64_t n)
{
    int64_t i = 0;
    const fcs_vf weight = fcs_vset(w);
    for (; i + FCS_VLEN <= n; i += FCS_VLEN)
        fcs_vstore(y + i, fcs_vfma(weight, fcs_vload(x + i), fcs_vload(y + i)));
    for (; i < n; i++)
        y[i] += w * x[i];
}

/* The inputs with a part in output i: numbers and weights; how many. */
static int taps(int64_t i, int64_t factor, int64_t lo, int64_t size, int64_t *from, float *w)
{
    int n = 0;
    if (factor == 1) {
        from[0] = i;
        w[0] = 1;
        return 1;
    }
    for (int k = 0; k < 4; k++) {
        int64_t at = 2 * i - 2 + k - lo;
        if (at < 0 || at >= size)
            continue;
        from[n] = at;
        w[n++] = tap_weights[k];
    }
    return n;
}

static void along_width(const fcs_view *in, const fcs_view *out, float *y, const float *x,
                        int64_t factor, int64_t lo)
{
    int64_t from[4];
    float w[4];
    for (int64_t i = 0; i < out->shape.n[FCS_W]; i++, y += out->cs) {
        int n = taps(i, factor, lo, in->shape.n[FCS_W], from, w);
        fcs_rows_zero(y, out->cs);
        for (int k = 0; k < n; k++)
            add_scaled(y, x + from[k] * in->cs, w[k], in->cs);
    }
}

static void adjoint_rows(void *arg, int64_t begin, int64_t end, int thread)
{
    const fcs_cpu_call *call = arg;
    const fcs_view *in = &call->in[0], *out = &call->out;
    const int64_t *f = call->args->attrs.i + FCS_POOL_FACTOR,
                  *lo = call->args->attrs.i + FCS_POOL_CROP_LO;
    const int64_t floats = in->shape.n[FCS_W] * in->cs;
    float *sum = (float *)call->scratch + floats * thread;
    for (int64_t row = begin; row < end; row++) {
        int64_t n, d, h, planes[4], lines[4];
        float wd[4], wh[4];
        fcs_rows_at(out, row, &n, &d, &h);
        int nd = taps(d, f[0], lo[0], in->shape.n[FCS_D], planes, wd);
        int nh = taps(h, f[1], lo[1], in->shape.n[FCS_H], lines, wh);
        fcs_rows_zero(sum, floats);
        for (int i = 0; i < nd; i++)
            for (int k = 0; k < nh; k++)
                add_scaled(sum, fcs_rows_pixel(in, n, planes[i], lines[k], 0), wd[i] * wh[k],
                           floats);
        along_width(in, out, fcs_rows_pixel(out, n, d, h, 0), sum, f[2], lo[2]);
    }
}

static size_t scratch(const fcs_apply_args *a, int threads)
{
    return sizeof(float) * (size_t)threads *
           (size_t)(a->in[0].n[FCS_W] * fcs_channel_stride(a->in[0].n[FCS_C]));
}

static void run(const fcs_cpu_call *c)
{
    fcs_cpu_call call = *c;
    fcs_rows_parallel(c->team, &c->out, &c->in[0], adjoint_rows, &call);
}

const fcs_cpu_op FCS_SYM(op_interpolate_dx) = {.run = run, .scratch = scratch};
