/* shape.c: reshape, pad, crop, concat by where each element goes. */
#include "ref/reference.h"

#include <math.h>
#include <string.h>

fcs_ref fcs_ref_reshape, fcs_ref_pad, fcs_ref_crop, fcs_ref_concat;

static void magnitudes(fcs_ref_call *c)
{
    c->terms = 1;
    if (!c->magnitude)
        return;
    for (int64_t k = 0; k < fcs_shape_count(c->args->out); k++)
        c->magnitude[k] = fabs(c->out[k]);
}

void fcs_ref_reshape(fcs_ref_call *c)
{
    memcpy(c->out, c->in[0], (size_t)fcs_shape_count(c->args->out) * sizeof *c->out);
    magnitudes(c);
}

void fcs_ref_pad(fcs_ref_call *c)
{
    fcs_shape in = c->args->in[0], out = c->args->out;
    memset(c->out, 0, (size_t)fcs_shape_count(out) * sizeof *c->out);
    int64_t i[FCS_DIMS] = {0};
    do {
        int64_t to[FCS_DIMS];
        for (int d = 0; d < FCS_DIMS; d++)
            to[d] = i[d] + c->args->attrs.i[d];
        c->out[fcs_ref_at(out, to)] = c->in[0][fcs_ref_at(in, i)];
    } while (fcs_ref_next(in, i));
    magnitudes(c);
}

void fcs_ref_crop(fcs_ref_call *c)
{
    fcs_shape in = c->args->in[0], out = c->args->out;
    int64_t i[FCS_DIMS] = {0};
    do {
        int64_t from[FCS_DIMS];
        for (int d = 0; d < FCS_DIMS; d++)
            from[d] = i[d] + c->args->attrs.i[d];
        c->out[fcs_ref_at(out, i)] = c->in[0][fcs_ref_at(in, from)];
    } while (fcs_ref_next(out, i));
    magnitudes(c);
}

void fcs_ref_concat(fcs_ref_call *c)
{
    int64_t axis = c->args->attrs.i[0], before = 0;
    for (int k = 0; k < c->args->n_in; k++) {
        fcs_shape in = c->args->in[k];
        int64_t i[FCS_DIMS] = {0};
        do {
            int64_t to[FCS_DIMS];
            memcpy(to, i, sizeof to);
            to[axis] += before;
            c->out[fcs_ref_at(c->args->out, to)] = c->in[k][fcs_ref_at(in, i)];
        } while (fcs_ref_next(in, i));
        before += in.n[axis];
    }
    magnitudes(c);
}
