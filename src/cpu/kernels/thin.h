/* thin.h: convolutions of thin images, of one to seven channels, by boxes of pixels: what
 * conv_thin.c and conv_dw_thin.c share.
 *
 * A phase (ops/axis.h) writes one image and reads another, the thin one. What the pixels of a box
 * read is copied, with its padding, to a place of few rows that stays near; then nothing asks where
 * the image ends. Where each pixel and each tap begin in the copy are tables, so that sums take the
 * pixels of a box in one row, over the ends of its rows. */
#ifndef FCS_THIN_H
#define FCS_THIN_H

#include "cpu/cpu.h"
#include "cpu/kernels/conv.h"
#include "ops/axis.h"

enum {
    FCS_THIN = 8,                  /* fewer channels: a pixel has no padding lanes */
    FCS_THIN_COPY_FLOATS = 1 << 15 /* wanted size of what a box reads */
};

/* One of a convolution's phases, cut into boxes. */
typedef struct fcs_thin_phase {
    fcs_axis axis[3];
    int64_t samples, channels; /* of the image that is read */
    int64_t taps;
    int64_t box[4], boxes[4], n_boxes; /* samples, D, H, W of the written pixels; how many */
    int64_t copy[3];                   /* D H W of a sample's copy */
    int64_t gap[3];                    /* from one of its lines to the next */
} fcs_thin_phase;

typedef struct fcs_thin_box {
    int64_t first[4], size[4]; /* N D H W of the phase's pixels */
} fcs_thin_box;

/* What a box of that size reads: D H W of a sample. Of dilated taps, where boxes have one pixel
 * along an axis, nothing between them. */
static inline void fcs_thin_reads(const fcs_thin_phase *p, const int64_t size[4], int64_t reads[3])
{
    for (int k = 0; k < 3; k++) {
        const fcs_axis *x = &p->axis[k];
        reads[k] = x->taps
                       ? ((size[k + 1] - 1) * x->reach + (x->taps - 1) * x->spread) / p->gap[k] + 1
                       : 0;
    }
}

static inline void fcs_thin_measure(fcs_thin_phase *p)
{
    for (int k = 0; k < 3; k++)
        p->gap[k] = p->box[k + 1] == 1 ? p->axis[k].spread : 1;
    fcs_thin_reads(p, p->box, p->copy);
}

/* Floats of a box's copy. */
static inline int64_t fcs_thin_copy_floats(const fcs_thin_phase *p)
{
    return p->box[0] * p->copy[0] * p->copy[1] * p->copy[2] * p->channels;
}

static inline int64_t fcs_thin_box_pixels(const fcs_thin_phase *p)
{
    return p->box[0] * p->box[1] * p->box[2] * p->box[3];
}

static inline int64_t fcs_thin_count(const fcs_thin_phase *p, int axis)
{
    return axis ? p->axis[axis - 1].count : p->samples;
}

/* Phase i of the convolution with these axes (adjoint: of those of conv_dx), in boxes of at most
 * `room` pixels, of about the same size. */
static inline fcs_thin_phase fcs_thin_phase_of(const fcs_conv_dims dims[3], bool adjoint, int64_t i,
                                               int64_t samples, int64_t channels, int64_t room)
{
    fcs_thin_phase p = {.samples = samples, .channels = channels, .taps = 1, .n_boxes = 1};
    for (int k = 2; k >= 0; k--) {
        int64_t phases = fcs_axis_phases(dims[k], adjoint);
        p.axis[k] = fcs_axis_phase(dims[k], adjoint, i % phases);
        p.taps *= p.axis[k].taps;
        i /= phases;
    }
    for (int k = 3; k >= 0; k--) {
        int64_t n = fcs_thin_count(&p, k), boxes = n ? fcs_divide_up(n, fcs_least(n, room)) : 1;
        p.box[k] = fcs_divide_up(n, boxes);
        room = boxes == 1 && n ? room / n : 1;
    }
    fcs_thin_measure(&p);
    for (int k = 0; k < 4; k++)
        while (fcs_thin_copy_floats(&p) > FCS_THIN_COPY_FLOATS && p.box[k] > 1) {
            p.box[k] = (p.box[k] + 1) / 2;
            fcs_thin_measure(&p);
        }
    for (int k = 0; k < 4; k++) {
        p.boxes[k] = p.box[k] ? fcs_divide_up(fcs_thin_count(&p, k), p.box[k]) : 0;
        p.n_boxes *= p.boxes[k];
    }
    return p;
}

static inline int64_t fcs_thin_phases(const fcs_conv_dims dims[3], bool adjoint)
{
    int64_t n = 1;
    for (int k = 0; k < 3; k++)
        n *= fcs_axis_phases(dims[k], adjoint);
    return n;
}

static inline fcs_thin_box fcs_thin_box_at(const fcs_thin_phase *p, int64_t i)
{
    fcs_thin_box b;
    for (int k = 3; k >= 0; k--) {
        b.first[k] = i % p->boxes[k] * p->box[k];
        b.size[k] = fcs_least(p->box[k], fcs_thin_count(p, k) - b.first[k]);
        i /= p->boxes[k];
    }
    return b;
}

/* Pixels first + gap * i, i < n, of a line of the image, zeros where they lie outside. */
static inline void fcs_thin_line(const float *x, int64_t size, int64_t first, int64_t gap,
                                 int64_t n, int64_t channels, float *y)
{
    if (gap > 1) {
        for (int64_t i = 0; i < n; i++, first += gap, y += channels)
            for (int64_t c = 0; c < channels; c++)
                y[c] = first >= 0 && first < size ? x[first * channels + c] : 0;
        return;
    }
    int64_t lo = fcs_most(0, fcs_least(-first, n)), hi = fcs_most(lo, fcs_least(n, size - first));
    memset(y, 0, (size_t)(lo * channels) * sizeof *y);
    memcpy(y + lo * channels, x + (first + lo) * channels,
           (size_t)((hi - lo) * channels) * sizeof *y);
    memset(y + hi * channels, 0, (size_t)((n - hi) * channels) * sizeof *y);
}

/* Sample n of what the box reads of the image, zeros outside it. */
static inline void fcs_thin_copy_sample(const fcs_thin_phase *p, const fcs_thin_box *b, int64_t n,
                                        const fcs_view *image, float *y)
{
    int64_t first[3], reads[3], c = p->channels;
    const int64_t size[3] = {p->axis[0].size, p->axis[1].size, p->axis[2].size};
    fcs_thin_reads(p, b->size, reads);
    for (int k = 0; k < 3; k++)
        first[k] = p->axis[k].reach * b->first[k + 1] + p->axis[k].offset;
    for (int64_t i = 0, z = first[0]; i < reads[0]; i++, z += p->gap[0]) {
        float *line = y + i * p->copy[1] * p->copy[2] * c;
        for (int64_t j = 0, v = first[1]; j < reads[1]; j++, v += p->gap[1], line += p->copy[2] * c)
            if (z >= 0 && z < size[0] && v >= 0 && v < size[1])
                fcs_thin_line(image->p + ((n * size[0] + z) * size[1] + v) * size[2] * c, size[2],
                              first[2], p->gap[2], reads[2], c, line);
            else
                memset(line, 0, (size_t)(reads[2] * c) * sizeof *line);
    }
}

static inline void fcs_thin_copy(const fcs_thin_phase *p, const fcs_thin_box *b,
                                 const fcs_view *image, float *y)
{
    for (int64_t n = 0; n < b->size[0]; n++)
        fcs_thin_copy_sample(p, b, b->first[0] + n, image,
                             y + n * p->copy[0] * p->copy[1] * p->copy[2] * p->channels);
}

/* Fetches what the box reads of rows first .. first + gap * (n - 1) of a plane. */
FCS_INLINE void fcs_thin_fetch_rows(const fcs_thin_phase *p, const float *plane, int64_t first,
                                    int64_t n, int64_t lo, int64_t hi)
{
    const fcs_axis *y = &p->axis[1], *x = &p->axis[2];
    for (int64_t i = 0, at = first; i < n; i++, at += p->gap[1])
        for (int64_t k = lo * p->channels; at >= 0 && at < y->size && k < hi * p->channels; k += 16)
            __builtin_prefetch(plane + at * x->size * p->channels + k, 0, 2);
}

/* Fetches what box i reads of the image into the second cache. */
FCS_INLINE void fcs_thin_fetch(const fcs_thin_phase *p, int64_t i, const fcs_view *image)
{
    fcs_thin_box b = fcs_thin_box_at(p, i);
    int64_t first[3], reads[3], plane = p->axis[1].size * p->axis[2].size * p->channels;
    fcs_thin_reads(p, b.size, reads);
    for (int k = 0; k < 3; k++)
        first[k] = p->axis[k].reach * b.first[k + 1] + p->axis[k].offset;
    int64_t lo = fcs_most(0, first[2]),
            hi = fcs_least(p->axis[2].size, first[2] + (reads[2] - 1) * p->gap[2] + 1);
    for (int64_t n = b.first[0]; n < b.first[0] + b.size[0]; n++)
        for (int64_t k = 0, z = first[0]; k < reads[0]; k++, z += p->gap[0])
            if (z >= 0 && z < p->axis[0].size)
                fcs_thin_fetch_rows(p, image->p + (n * p->axis[0].size + z) * plane, first[1],
                                    reads[1], lo, hi);
}

/* Where each pixel's first tap lies in the copy and where the pixel lies in the written image; how
 * many there are. */
static inline int64_t fcs_thin_places(const fcs_thin_phase *p, const fcs_thin_box *b,
                                      const float *copy, const float **read, const fcs_view *image,
                                      float **written)
{
    const fcs_axis *x = p->axis;
    const int64_t *size = image->shape.n + FCS_D;
    int64_t count = 0, read_step = x[2].reach * p->channels, write_step = x[2].step * image->cs;
    for (int64_t n = 0; n < b->size[0]; n++)
        for (int64_t z = 0; z < b->size[1]; z++)
            for (int64_t y = 0; y < b->size[2]; y++) {
                int64_t from = (n * p->copy[0] + x[0].reach * z) * p->copy[1] + x[1].reach * y;
                int64_t to =
                    (b->first[0] + n) * size[0] + x[0].start + x[0].step * (b->first[1] + z);
                to = to * size[1] + x[1].start + x[1].step * (b->first[2] + y);
                to = to * size[2] + x[2].start + x[2].step * b->first[3];
                const float *in = copy + from * p->copy[2] * p->channels;
                float *out = image->p + to * image->cs;
                for (int64_t i = 0; i < b->size[3]; i++, count++) {
                    read[count] = in + i * read_step;
                    written[count] = out + i * write_step;
                }
            }
    return count;
}

/* D H W of a tap. */
static inline void fcs_thin_tap(const fcs_thin_phase *p, int64_t tap, int64_t j[3])
{
    j[0] = tap / p->axis[2].taps / p->axis[1].taps;
    j[1] = tap / p->axis[2].taps % p->axis[1].taps;
    j[2] = tap % p->axis[2].taps;
}

/* Where product k = (tap, channel) lies in the copy, from a pixel's first tap. */
static inline int64_t fcs_thin_offset(const fcs_thin_phase *p, int64_t k)
{
    int64_t j[3];
    fcs_thin_tap(p, k / p->channels, j);
    int64_t at = 0;
    for (int i = 0; i < 3; i++)
        at = at * p->copy[i] + j[i] * (p->axis[i].spread / p->gap[i]);
    return at * p->channels + k % p->channels;
}

/* The kernel's index of a tap. */
static inline int64_t fcs_thin_kernel(const fcs_thin_phase *p, const fcs_conv_dims dims[3],
                                      int64_t tap)
{
    int64_t j[3], at = 0;
    fcs_thin_tap(p, tap, j);
    for (int k = 0; k < 3; k++)
        at = at * dims[k].kernel + p->axis[k].k0 + p->axis[k].dk * j[k];
    return at;
}

#endif
