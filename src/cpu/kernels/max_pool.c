/* max_pool.c: y[o] = the second input (or x itself) at the first largest x of window o. */
#include "cpu/kernels/max_window.h"

/* n channels of one window, n <= FCS_VLEN, from channel c on; a NaN stays the largest. */
FCS_INLINE fcs_vf pool_lanes(const fcs_view *x, const fcs_view *v, int64_t image,
                             const fcs_max_window *win, int64_t c, int64_t n)
{
    fcs_vf best = fcs_vset(0), value = fcs_vset(0);
    bool first = true;
    for (int64_t d = win->lo[0]; d < win->hi[0]; d++)
        for (int64_t h = win->lo[1]; h < win->hi[1]; h++) {
            const float *px = fcs_rows_pixel(x, image, d, h, win->lo[2]) + c;
            const float *pv = fcs_rows_pixel(v, image, d, h, win->lo[2]) + c;
            for (int64_t w = win->lo[2]; w < win->hi[2]; w++, px += x->cs, pv += v->cs) {
                fcs_vf a = n == FCS_VLEN ? fcs_vload(px) : fcs_vload_n(px, n);
                fcs_vf b = n == FCS_VLEN ? fcs_vload(pv) : fcs_vload_n(pv, n);
                fcs_vi larger = (a > best) | (a != a);
                larger = first ? ~(fcs_vi){0} : larger;
                best = fcs_vselect(larger, a, best);
                value = fcs_vselect(larger, b, value);
                first = false;
            }
        }
    return value;
}

static void pool_rows(void *arg, int64_t begin, int64_t end, int thread)
{
    const fcs_cpu_call *call = arg;
    const fcs_view *x = &call->in[0], *v = &call->in[call->args->n_in - 1], *out = &call->out;
    (void)thread;
    for (int64_t row = begin; row < end; row++) {
        int64_t n, d, h;
        fcs_rows_at(out, row, &n, &d, &h);
        float *y = fcs_rows_pixel(out, n, d, h, 0);
        for (int64_t w = 0; w < out->shape.n[FCS_W]; w++, y += out->cs) {
            fcs_max_window win = fcs_max_window_of(&call->args->attrs, x, d, h, w);
            int64_t c = 0;
            for (; c + FCS_VLEN <= out->cs; c += FCS_VLEN)
                fcs_vstore(y + c, pool_lanes(x, v, n, &win, c, FCS_VLEN));
            if (c < out->cs)
                fcs_vstore_n(y + c, pool_lanes(x, v, n, &win, c, out->cs - c), out->cs - c);
        }
    }
}

static void run(const fcs_cpu_call *c)
{
    fcs_cpu_call call = *c;
    fcs_rows_parallel(c->team, &c->out, &c->out, pool_rows, &call);
}

const fcs_cpu_op FCS_SYM(op_max_pool) = {.run = run};
