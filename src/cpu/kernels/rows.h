/* rows.h: what the kernels that move pixels share: a row is all pixels of one (n, d, h). */
#ifndef FCS_ROWS_H
#define FCS_ROWS_H

#include "cpu/kernels/kernels.h"

/* Rows of a view, and a good number of them for one thread at a time. */
FCS_INLINE int64_t fcs_rows_count(const fcs_view *v)
{
    return v->shape.n[FCS_N] * v->shape.n[FCS_D] * v->shape.n[FCS_H];
}

/* The rows of v are spread over the team; `moved` is what most of the time goes into, v or an image
 * that the rows are made of. A thread takes 16 thousand floats of it at a time, of large images a
 * sixty-fourth, but no more than eight times as many: threads that work close to one another slow
 * each other down. */
FCS_INLINE void fcs_rows_parallel(fcs_team *team, const fcs_view *v, const fcs_view *moved,
                                  fcs_body *body, void *arg)
{
    int64_t rows = fcs_rows_count(v),
            floats = fcs_rows_count(moved) * moved->shape.n[FCS_W] * moved->cs,
            piece = fcs_most(1 << 14, fcs_least(1 << 17, floats / 64));
    fcs_parallel(team, rows, 1 + piece * rows / floats, body, arg);
}

/* n, d, h of a row. */
FCS_INLINE void fcs_rows_at(const fcs_view *v, int64_t row, int64_t *n, int64_t *d, int64_t *h)
{
    *h = row % v->shape.n[FCS_H];
    row /= v->shape.n[FCS_H];
    *d = row % v->shape.n[FCS_D];
    *n = row / v->shape.n[FCS_D];
}

/* The first float of pixel w of row (n, d, h). */
FCS_INLINE float *fcs_rows_pixel(const fcs_view *v, int64_t n, int64_t d, int64_t h, int64_t w)
{
    const int64_t *s = v->shape.n;
    return v->p + (((n * s[FCS_D] + d) * s[FCS_H] + h) * s[FCS_W] + w) * v->cs;
}

FCS_INLINE void fcs_rows_zero(float *y, int64_t n)
{
    if (n > 0)
        memset(y, 0, (size_t)n * sizeof *y);
}

/* y = x, n >= 0 floats: few, so that a call of memcpy would be the larger part. */
FCS_INLINE void fcs_rows_copy(float *y, const float *x, int64_t n)
{
    int64_t i = 0;
    for (; i + FCS_VLEN <= n; i += FCS_VLEN)
        fcs_vstore(y + i, fcs_vload(x + i));
    FCS_UNROLL
    for (int64_t part = FCS_VLEN / 2; part > 0; part /= 2)
        if (n & part) {
            memcpy(y + i, x + i, (size_t)part * sizeof *y);
            i += part;
        }
}

/* y += x, n floats. */
FCS_INLINE void fcs_rows_add(float *y, const float *x, int64_t n)
{
    int64_t i = 0;
    for (; i + FCS_VLEN <= n; i += FCS_VLEN)
        fcs_vstore(y + i, fcs_vload(y + i) + fcs_vload(x + i));
    for (; i < n; i++)
        y[i] += x[i];
}

/* Whether a part lies where it belongs in the whole: then no kernel need move it. */
FCS_INLINE bool fcs_rows_lies_at(const fcs_view *part, const fcs_view *whole,
                                 const int64_t at[FCS_DIMS])
{
    return at[FCS_C] == 0 && part->cs == whole->cs &&
           part->p == fcs_rows_pixel(whole, at[FCS_N], at[FCS_D], at[FCS_H], at[FCS_W]);
}

#endif
