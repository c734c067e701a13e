/* axis.h: convolutions as phases: one spatial axis of a phase.
 *
 * A phase writes the lattice start + step * q, q < count, and reads, for tap j < taps, the other
 * image at reach * q + offset + spread * j; j stands for kernel index k0 + dk * j. Within a phase
 * there is neither a stride on the written side nor a tap that meets no data: conv is one phase;
 * its adjoint in x with stride s is s per axis. */
#ifndef FCS_AXIS_H
#define FCS_AXIS_H

#include "ops/ops.h"

typedef struct fcs_axis {
    int64_t count, start, step;    /* the written side */
    int64_t reach, offset, spread; /* the read side, spread > 0 */
    int64_t taps, k0, dk;
    int64_t size; /* of the read side */
} fcs_axis;

typedef struct fcs_conv_dims {
    int64_t stride, dilation, pad, kernel;
    int64_t x, y; /* sizes of the image and of the result of conv */
} fcs_conv_dims;

/* Axis 0..2 = D H W of conv with image x, weights w, result y. */
static inline fcs_conv_dims fcs_conv_dims_of(const fcs_attrs *a, fcs_shape x, fcs_shape w,
                                             fcs_shape y, int axis)
{
    return (fcs_conv_dims){.stride = a->i[FCS_CONV_STRIDE + axis],
                           .dilation = a->i[FCS_CONV_DILATION + axis],
                           .pad = a->i[FCS_CONV_PAD_LO + axis],
                           .kernel = w.n[FCS_D + axis],
                           .x = x.n[FCS_D + axis],
                           .y = y.n[FCS_D + axis]};
}

/* y[q] reads x[q * stride + k * dilation - pad]. */
static inline fcs_axis fcs_axis_forward(fcs_conv_dims d)
{
    return (fcs_axis){.count = d.y,
                      .start = 0,
                      .step = 1,
                      .reach = d.stride,
                      .offset = -d.pad,
                      .spread = d.dilation,
                      .taps = d.kernel,
                      .k0 = 0,
                      .dk = 1,
                      .size = d.x};
}

static inline int64_t fcs_gcd(int64_t a, int64_t b)
{
    while (b) {
        int64_t r = a % b;
        a = b;
        b = r;
    }
    return a;
}

/* x[r + stride * q] reads y[q + (r + pad - k * dilation) / stride] for the k where that divides;
 * taps in the order of ascending y, that is descending k. */
static inline fcs_axis fcs_axis_adjoint(fcs_conv_dims d, int64_t r)
{
    int64_t g = fcs_gcd(d.stride, d.dilation), period = d.stride / g, first = 0;
    fcs_axis p = {.count = r < d.x ? (d.x - r + d.stride - 1) / d.stride : 0,
                  .start = r,
                  .step = d.stride,
                  .reach = 1,
                  .spread = d.dilation / g,
                  .dk = -period,
                  .size = d.y};
    while (first < period && (r + d.pad - first * d.dilation) % d.stride != 0)
        first++;
    if (first == period || first >= d.kernel)
        return p;
    p.taps = (d.kernel - 1 - first) / period + 1;
    p.k0 = first + (p.taps - 1) * period;
    p.offset = (r + d.pad - p.k0 * d.dilation) / d.stride;
    return p;
}

/* The phases of conv (one) or of its adjoint. */
static inline int64_t fcs_axis_phases(fcs_conv_dims d, bool adjoint)
{
    return !adjoint ? 1 : d.stride < d.x ? d.stride : d.x;
}

static inline fcs_axis fcs_axis_phase(fcs_conv_dims d, bool adjoint, int64_t r)
{
    return adjoint ? fcs_axis_adjoint(d, r) : fcs_axis_forward(d);
}

/* Widens lo and hi to the pixels that the phase's taps reach before and behind the read image. */
static inline void fcs_axis_room(const fcs_axis *a, int64_t *lo, int64_t *hi)
{
    if (!a->taps || !a->count)
        return;
    int64_t last = a->reach * (a->count - 1) + a->offset + a->spread * (a->taps - 1);
    *lo = -a->offset > *lo ? -a->offset : *lo;
    *hi = last - (a->size - 1) > *hi ? last - (a->size - 1) : *hi;
}

#endif
