/* reduce.c: sum adds each element of the input to the output element with the same index, or 0
 * where the dimension is summed; broadcast reads the same way. */
#include "ref/reference.h"

#include <math.h>
#include <string.h>

fcs_ref fcs_ref_sum, fcs_ref_broadcast;

/* Index i with 0 in the dimensions where `small` has size 1. */
static int64_t folded(fcs_shape small, const int64_t *i)
{
    int64_t j[FCS_DIMS];
    for (int d = 0; d < FCS_DIMS; d++)
        j[d] = small.n[d] == 1 ? 0 : i[d];
    return fcs_ref_at(small, j);
}

void fcs_ref_sum(fcs_ref_call *c)
{
    fcs_shape in = c->args->in[0], out = c->args->out;
    size_t bytes = (size_t)fcs_shape_count(out) * sizeof *c->out;
    memset(c->out, 0, bytes);
    if (c->magnitude)
        memset(c->magnitude, 0, bytes);
    c->terms = fcs_shape_count(in) / fcs_shape_count(out);
    int64_t i[FCS_DIMS] = {0}, from = 0;
    do {
        int64_t to = folded(out, i);
        c->out[to] += c->in[0][from];
        if (c->magnitude)
            c->magnitude[to] += fabs(c->in[0][from]);
        from++;
    } while (fcs_ref_next(in, i));
}

void fcs_ref_broadcast(fcs_ref_call *c)
{
    c->terms = 1;
    int64_t i[FCS_DIMS] = {0}, to = 0;
    do {
        c->out[to] = c->in[0][folded(c->args->in[0], i)];
        if (c->magnitude)
            c->magnitude[to] = fabs(c->out[to]);
        to++;
    } while (fcs_ref_next(c->args->out, i));
}
