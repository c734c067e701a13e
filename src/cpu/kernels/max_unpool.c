/* max_unpool.c: adds g[o] to the place of the first largest x of window o. Windows share pixels, so
 * that a thread takes some channels of a whole image: all windows in one order. */
#include "cpu/kernels/max_window.h"

enum { BLOCK = 16 };

/* Positions, in floats, of the largest x of each of n channels. */
FCS_INLINE void find_largest(const fcs_view *x, int64_t image, const fcs_max_window *win, int64_t c,
                             int64_t n, int64_t *at)
{
    float best[BLOCK];
    bool first = true;
    for (int64_t d = win->lo[0]; d < win->hi[0]; d++)
        for (int64_t h = win->lo[1]; h < win->hi[1]; h++) {
            const float *p = fcs_rows_pixel(x, image, d, h, win->lo[2]) + c;
            for (int64_t w = win->lo[2]; w < win->hi[2]; w++, p += x->cs) {
                for (int64_t i = 0; i < n; i++)
                    if (first || p[i] > best[i] || p[i] != p[i]) {
                        best[i] = p[i];
                        at[i] = p + i - x->p;
                    }
                first = false;
            }
        }
}

static void unpool_blocks(void *arg, int64_t begin, int64_t end, int thread)
{
    const fcs_cpu_call *call = arg;
    const fcs_view *x = &call->in[0], *g = &call->in[1], *out = &call->out;
    const int64_t *s = g->shape.n, blocks = (out->cs + BLOCK - 1) / BLOCK;
    int64_t at[BLOCK];
    (void)thread;
    for (int64_t i = begin; i < end; i++) {
        int64_t image = i / blocks, c = i % blocks * BLOCK;
        int64_t n = out->cs - c < BLOCK ? out->cs - c : BLOCK;
        int64_t pixels = out->shape.n[FCS_D] * out->shape.n[FCS_H] * out->shape.n[FCS_W];
        float *z = fcs_rows_pixel(out, image, 0, 0, 0) + c;
        for (int64_t k = 0; k < pixels; k++)
            fcs_rows_zero(z + k * out->cs, n);
        for (int64_t d = 0; d < s[FCS_D]; d++)
            for (int64_t h = 0; h < s[FCS_H]; h++)
                for (int64_t w = 0; w < s[FCS_W]; w++) {
                    fcs_max_window win = fcs_max_window_of(&call->args->attrs, x, d, h, w);
                    const float *from = fcs_rows_pixel(g, image, d, h, w) + c;
                    find_largest(x, image, &win, c, n, at);
                    for (int64_t k = 0; k < n; k++)
                        out->p[at[k]] += from[k];
                }
    }
}

static void run(const fcs_cpu_call *c)
{
    fcs_cpu_call call = *c;
    int64_t blocks = (c->out.cs + BLOCK - 1) / BLOCK;
    fcs_parallel(c->team, c->out.shape.n[FCS_N] * blocks, 1, unpool_blocks, &call);
}

const fcs_cpu_op FCS_SYM(op_max_unpool) = {.run = run};
