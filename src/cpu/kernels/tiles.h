/* tiles.h: what the kernels of minimal filtering share: tiles of an image, where they lie or as
 * zero-padded copies. */
#ifndef FCS_TILES_H
#define FCS_TILES_H

#include "cpu/cpu.h"
#include "cpu/kernels/forms.h"

/* Where the tiles of each axis lie, in scratch. */
static inline size_t fcs_tile_places_bytes(const fcs_tiling t[3])
{
    return ((size_t)(t[0].tiles + t[1].tiles + t[2].tiles) * sizeof(fcs_tile_place) + 63) / 64 * 64;
}

static inline void fcs_tile_places(const fcs_tiling t[3], fcs_tile_place *scratch,
                                   fcs_tile_place *place[3])
{
    for (int k = 0; k < 3; k++) {
        place[k] = scratch;
        for (int64_t i = 0; i < t[k].tiles; i++)
            *scratch++ = fcs_tile_at(&t[k], i);
    }
}

/* Pixels first[axis] + step[axis] * i, i < count[axis], of sample n of an image. */
typedef struct fcs_tile_box {
    int64_t n, first[3], step[3], count[3];
} fcs_tile_box;

/* An odd number of cache lines that hold so many floats: planes of points must not fall on the same
 * cache sets. */
static inline int64_t fcs_plane(int64_t floats) { return ((floats + 15) / 16 | 1) * 16; }

/* Number i of a product of three counts, as three numbers. */
static inline void fcs_split(int64_t i, int64_t n1, int64_t n2, int64_t at[3])
{
    at[0] = i / (n1 * n2);
    at[1] = i / n2 % n1;
    at[2] = i % n2;
}

/* `width` channels from `channel` on of the box's pixels, zeros outside the image; width is a
 * multiple of FCS_VLEN. Small images are all border: no division, no call per pixel. */
static inline void fcs_tile_copy(const fcs_view *image, const fcs_tile_box *b, int64_t channel,
                                 int64_t width, float *y)
{
    const int64_t *size = image->shape.n + FCS_D;
    for (int64_t i = 0, z = b->first[0]; i < b->count[0]; i++, z += b->step[0])
        for (int64_t j = 0, v = b->first[1]; j < b->count[1]; j++, v += b->step[1]) {
            bool row = z >= 0 && z < size[0] && v >= 0 && v < size[1];
            int64_t line = ((b->n * size[0] + z) * size[1] + v) * size[2], u = b->first[2];
            for (int64_t k = 0; k < b->count[2]; k++, u += b->step[2], y += width) {
                bool inside = row && u >= 0 && u < size[2];
                const float *x = inside ? image->p + (line + u) * image->cs + channel : NULL;
                for (int64_t lane = 0; lane < width; lane += FCS_VLEN)
                    fcs_vstore(y + lane, inside ? fcs_vload(x + lane) : (fcs_vf){0});
            }
        }
}

/* The box's pixels from `channel` on, where they lie or, where some are outside, in patch; and
 * their strides. */
static inline const float *fcs_tile_pixels(const fcs_view *image, const fcs_tile_box *b,
                                           int64_t channel, int64_t width, int64_t xs[3],
                                           float *patch)
{
    const int64_t *size = image->shape.n + FCS_D;
    int64_t at = b->n, step;
    bool inside = true;
    for (int k = 0; k < 3; k++) {
        inside =
            inside && b->first[k] >= 0 && b->first[k] + b->step[k] * (b->count[k] - 1) < size[k];
        at = at * size[k] + b->first[k];
    }
    step = inside ? image->cs : width;
    for (int k = 2; k >= 0; k--) {
        xs[k] = inside ? step * b->step[k] : step;
        step *= inside ? size[k] : b->count[k];
    }
    if (inside)
        return image->p + at * image->cs + channel;
    fcs_tile_copy(image, b, channel, width, patch);
    return patch;
}

/* Fetches `width` channels of the box's pixels into the second cache, for the tile after this one:
 * else transforms wait for memory through half of their time. Inlined because gcc takes a function
 * that does nothing but fetch for one without effect, and leaves out its calls. */
FCS_INLINE void fcs_tile_fetch(const fcs_view *image, const fcs_tile_box *b, int64_t channel,
                               int64_t width)
{
    const int64_t *size = image->shape.n + FCS_D;
    for (int64_t i = 0, z = b->first[0]; i < b->count[0]; i++, z += b->step[0])
        for (int64_t j = 0, v = b->first[1]; j < b->count[1]; j++, v += b->step[1]) {
            if (z < 0 || z >= size[0] || v < 0 || v >= size[1])
                continue;
            int64_t line = ((b->n * size[0] + z) * size[1] + v) * size[2], u = b->first[2];
            const float *p = image->p + (line + u) * image->cs + channel;
            for (int64_t k = 0; k < b->count[2]; k++, u += b->step[2], p += b->step[2] * image->cs)
                if (u >= 0 && u < size[2])
                    for (int64_t lane = 0; lane < width; lane += 16)
                        __builtin_prefetch(p + lane, 0, 2);
        }
}

/* Transforms `width` lanes, and with some of them fetches the same ones of the pixels of `ahead`,
 * which may be NULL: in one burst they would wait for one another. in: as for transform_inside. */
static inline void fcs_tile_transform(const fcs_transform *t, const float *x, const int64_t xs[3],
                                      const fcs_inside *in, float *y, const int64_t ys[3],
                                      int64_t width, const fcs_view *image,
                                      const fcs_tile_box *ahead, int64_t channel)
{
    enum { LINE = 16, BURST = 80 };
    int64_t pixels = ahead ? ahead->count[0] * ahead->count[1] * ahead->count[2] : 1;
    int64_t step = LINE * fcs_most(1, ahead ? BURST / pixels : width / LINE);
    for (int64_t lane = 0; lane < width; lane += step) {
        int64_t n = fcs_least(step, width - lane);
        if (ahead)
            fcs_tile_fetch(image, ahead, channel + lane, n);
        FCS_SYM(transform_inside)(t, x + lane, xs, in, y + lane, ys, n / FCS_VLEN);
    }
}

/* Which of the box's pixels lie in the image; whether all of them do. */
static inline bool fcs_tile_inside(const fcs_view *image, const fcs_tile_box *b, fcs_inside *in)
{
    bool all = true;
    for (int k = 0; k < 3; k++) {
        int lo = 0, hi = (int)b->count[k];
        while (lo < hi && b->first[k] + b->step[k] * lo < 0)
            lo++;
        while (hi > lo && b->first[k] + b->step[k] * (hi - 1) >= image->shape.n[FCS_D + k])
            hi--;
        all = all && lo == 0 && hi == b->count[k];
        in->lo[k] = (unsigned)lo;
        in->hi[k] = (unsigned)hi;
    }
    return all;
}

/* The box's pixels transformed, `width` channels from `channel` on; `ahead` is fetched meanwhile.
 * patch: room for the box, where t has no edge. */
static inline void fcs_tile_read(const fcs_transform *t, const fcs_view *image,
                                 const fcs_tile_box *b, int64_t channel, int64_t width, float *y,
                                 const int64_t ys[3], const fcs_tile_box *ahead, float *patch)
{
    const int64_t *size = image->shape.n + FCS_D;
    int64_t at = b->n, step = image->cs, xs[3];
    fcs_inside in;
    bool all = fcs_tile_inside(image, b, &in);
    if (!all && !t->edge) {
        const float *x = fcs_tile_pixels(image, b, channel, width, xs, patch);
        fcs_tile_transform(t, x, xs, NULL, y, ys, width, image, ahead, channel);
        return;
    }
    for (int k = 0; k < 3; k++)
        at = at * size[k] + b->first[k];
    for (int k = 2; k >= 0; step *= size[k], k--)
        xs[k] = step * b->step[k];
    fcs_tile_transform(t, image->p + at * image->cs + channel, xs, all ? NULL : &in, y, ys, width,
                       image, ahead, channel);
}

#endif
