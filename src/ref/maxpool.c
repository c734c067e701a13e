/* maxpool.c: the largest pixel of each window, by looking at all of them. */
#include "ref/reference.h"

#include <math.h>
#include <string.h>

fcs_ref fcs_ref_max_pool, fcs_ref_max_unpool;

/* Position in x of the first largest pixel of window o = (n, c, d, h, w). */
static int64_t place(const fcs_apply_args *a, const double *x, const int64_t *o)
{
    const int64_t *attr = a->attrs.i;
    int64_t best = -1, k[3], i[FCS_DIMS] = {o[0], o[1]};
    for (k[0] = 0; k[0] < attr[FCS_MAX_KERNEL]; k[0]++)
        for (k[1] = 0; k[1] < attr[FCS_MAX_KERNEL + 1]; k[1]++)
            for (k[2] = 0; k[2] < attr[FCS_MAX_KERNEL + 2]; k[2]++) {
                bool inside = true;
                for (int d = 0; d < 3; d++) {
                    i[2 + d] =
                        o[2 + d] * attr[FCS_MAX_STRIDE + d] - attr[FCS_MAX_PAD_LO + d] + k[d];
                    inside = inside && i[2 + d] >= 0 && i[2 + d] < a->in[0].n[2 + d];
                }
                int64_t at = inside ? fcs_ref_at(a->in[0], i) : -1;
                if (inside && (best < 0 || x[at] > x[best]))
                    best = at;
            }
    return best;
}

void fcs_ref_max_pool(fcs_ref_call *c)
{
    const double *v = c->in[c->args->n_in - 1];
    int64_t o[FCS_DIMS] = {0}, to = 0;
    c->terms = 1;
    do {
        c->out[to] = v[place(c->args, c->in[0], o)];
        if (c->magnitude)
            c->magnitude[to] = fabs(c->out[to]);
        to++;
    } while (fcs_ref_next(c->args->out, o));
}

void fcs_ref_max_unpool(fcs_ref_call *c)
{
    size_t bytes = (size_t)fcs_shape_count(c->args->out) * sizeof *c->out;
    int64_t o[FCS_DIMS] = {0}, from = 0;
    memset(c->out, 0, bytes);
    if (c->magnitude)
        memset(c->magnitude, 0, bytes);
    c->terms = 1;
    for (int d = 0; d < 3; d++) { /* windows that share a pixel */
        int64_t stride = c->args->attrs.i[FCS_MAX_STRIDE + d];
        c->terms *= (c->args->attrs.i[FCS_MAX_KERNEL + d] + stride - 1) / stride;
    }
    do {
        int64_t to = place(c->args, c->in[0], o);
        c->out[to] += c->in[1][from];
        if (c->magnitude)
            c->magnitude[to] += fabs(c->in[1][from]);
        from++;
    } while (fcs_ref_next(c->args->in[1], o));
}
