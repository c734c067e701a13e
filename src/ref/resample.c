/* resample.c: the pixel p of the large side and p' = (p + crop_lo) / factor of the small side
 * belong together; upsample copies from p' to p, sum_pool adds p to p'. */
#include "ref/reference.h"

#include <math.h>
#include <string.h>

fcs_ref fcs_ref_upsample, fcs_ref_sum_pool;

static int64_t partner(const fcs_attrs *a, fcs_shape small, const int64_t *i)
{
    int64_t j[FCS_DIMS] = {i[0], i[1]};
    for (int d = 0; d < 3; d++)
        j[2 + d] = (i[2 + d] + a->i[FCS_POOL_CROP_LO + d]) / a->i[FCS_POOL_FACTOR + d];
    return fcs_ref_at(small, j);
}

void fcs_ref_upsample(fcs_ref_call *c)
{
    c->terms = 1;
    int64_t i[FCS_DIMS] = {0}, to = 0;
    do {
        c->out[to] = c->in[0][partner(&c->args->attrs, c->args->in[0], i)];
        if (c->magnitude)
            c->magnitude[to] = fabs(c->out[to]);
        to++;
    } while (fcs_ref_next(c->args->out, i));
}

void fcs_ref_sum_pool(fcs_ref_call *c)
{
    const fcs_attrs *a = &c->args->attrs;
    size_t bytes = (size_t)fcs_shape_count(c->args->out) * sizeof *c->out;
    memset(c->out, 0, bytes);
    if (c->magnitude)
        memset(c->magnitude, 0, bytes);
    c->terms = a->i[FCS_POOL_FACTOR] * a->i[FCS_POOL_FACTOR + 1] * a->i[FCS_POOL_FACTOR + 2];
    int64_t i[FCS_DIMS] = {0}, from = 0;
    do {
        int64_t to = partner(a, c->args->out, i);
        c->out[to] += c->in[0][from];
        if (c->magnitude)
            c->magnitude[to] += fabs(c->in[0][from]);
        from++;
    } while (fcs_ref_next(c->args->in[0], i));
}
