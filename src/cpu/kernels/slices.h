/* slices.h: what slices and slices_dx share. */
#ifndef FCS_SLICES_H
#define FCS_SLICES_H

#include "cpu/kernels/rows.h"
#include "ops/ops.h"

/* The page that position p of volume n means; at: N x P numbers. Comparisons first: the conversion
 * to an integer is defined in between only. */
FCS_INLINE int64_t fcs_slices_page(const fcs_view *at, int64_t n, int64_t p, int64_t pages)
{
    float position = at->p[n * at->cs + p];
    if (!(position > 0))
        return 0;
    return position < (float)pages ? (int64_t)position : pages - 1;
}

/* Row r of a page: the first voxel of it, and the floats from there to the next one. */
FCS_INLINE float *fcs_slices_row(const fcs_view *v, int64_t axis, int64_t n, int64_t page,
                                 int64_t r, int64_t *next)
{
    *next = axis == FCS_W ? v->shape.n[FCS_W] * v->cs : v->cs;
    if (axis == FCS_D)
        return fcs_rows_pixel(v, n, page, r, 0);
    return axis == FCS_H ? fcs_rows_pixel(v, n, r, page, 0) : fcs_rows_pixel(v, n, r, 0, page);
}

#endif
