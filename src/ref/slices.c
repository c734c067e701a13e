/* slices.c: pixel (r, c) of image m belongs to voxel (page, r, c), the page's number put in at the
 * cut dimension; slices reads from there, slices_dx adds to it. */
#include "ref/reference.h"

#include <math.h>
#include <string.h>

fcs_ref fcs_ref_slices, fcs_ref_slices_dx;

/* Where pixel i of the images (shape N P, C, 1, rows, columns) lies in the volumes. */
static int64_t voxel_of(const fcs_ref_call *c, fcs_shape volumes, const int64_t *i)
{
    int64_t axis = c->args->attrs.i[FCS_SLICES_AXIS], pages = c->args->in[1].n[FCS_C];
    double at = floor(c->in[1][i[FCS_N]]), last = (double)volumes.n[axis] - 1;
    int64_t v[FCS_DIMS] = {i[FCS_N] / pages, i[FCS_C]};
    int from = FCS_H;
    for (int d = FCS_D; d <= FCS_W; d++)
        v[d] = d == axis ? (int64_t)fmin(fmax(at, 0), last) : i[from++];
    return fcs_ref_at(volumes, v);
}

void fcs_ref_slices(fcs_ref_call *c)
{
    int64_t i[FCS_DIMS] = {0}, to = 0;
    c->terms = 1;
    do {
        c->out[to] = c->in[0][voxel_of(c, c->args->in[0], i)];
        if (c->magnitude)
            c->magnitude[to] = fabs(c->out[to]);
        to++;
    } while (fcs_ref_next(c->args->out, i));
}

void fcs_ref_slices_dx(fcs_ref_call *c)
{
    size_t bytes = (size_t)fcs_shape_count(c->args->out) * sizeof *c->out;
    int64_t i[FCS_DIMS] = {0}, from = 0;
    memset(c->out, 0, bytes);
    if (c->magnitude)
        memset(c->magnitude, 0, bytes);
    c->terms = c->args->in[1].n[FCS_C];
    do {
        int64_t to = voxel_of(c, c->args->out, i);
        c->out[to] += c->in[0][from];
        if (c->magnitude)
            c->magnitude[to] += fabs(c->in[0][from]);
        from++;
    } while (fcs_ref_next(c->args->in[0], i));
}
