/* max_window.h: the pixels of a window of max_pool and max_unpool, clipped to the image. */
#ifndef FCS_MAX_WINDOW_H
#define FCS_MAX_WINDOW_H

#include "cpu/kernels/rows.h"
#include "ops/ops.h"

typedef struct fcs_max_window { /* half-open, along D H W */
    int64_t lo[3], hi[3];
} fcs_max_window;

FCS_INLINE fcs_max_window fcs_max_window_of(const fcs_attrs *a, const fcs_view *x, int64_t d,
                                            int64_t h, int64_t w)
{
    const int64_t o[3] = {d, h, w};
    fcs_max_window v;
    for (int k = 0; k < 3; k++) {
        int64_t first = o[k] * a->i[FCS_MAX_STRIDE + k] - a->i[FCS_MAX_PAD_LO + k];
        int64_t end = first + a->i[FCS_MAX_KERNEL + k], n = x->shape.n[FCS_D + k];
        v.lo[k] = first < 0 ? 0 : first;
        v.hi[k] = end > n ? n : end;
    }
    return v;
}

#endif
