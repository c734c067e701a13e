/* tiling.h: convolutions by minimal filtering: which form, and where its tiles lie.
 *
 * F(m, r) gives m results of an r-tap filter with m + r - 1 products (Winograd 1980; Toom-Cook),
 * here along each axis of a convolution (Lavin and Gray 2016). Dilation d makes d interleaved
 * images; stride s makes s kernels of ceil(k / s) taps that add up (conv) or write s interleaved
 * results (conv_dx). One tile reads the same pixels for all of them, unless the tiling is split:
 * the written images of conv_dx then have tiles of their own, each read and transformed for itself.
 * Where they begin at other pixels shared tiles must reach further, which costs much in images of
 * few tiles. With fewer than eight output channels they are shared, and the columns of all
 * written images fill vectors together. Tiles are counted from the whole image's first pixel, so a
 * window of an image has the bits of the whole. conv_dw is the derivative of conv's form in the
 * kernel: it has conv's tiles. */
#ifndef FCS_TILING_H
#define FCS_TILING_H

#include "ops/axis.h"

enum {
    FCS_TILE_STRIDE = 4,         /* the largest stride of a tiled axis */
    FCS_TILE_POINTS = 8,         /* products of a form, at most */
    FCS_TILE_BLOCK = 24,         /* tiles of a work item of conv and conv_dx, at most */
    FCS_TILING_POINTS = 256,     /* those of all axes together, at most */
    FCS_KEPT_WEIGHTS = 1 << 25,  /* floats of transformed weights that are kept: 128 MB */
    FCS_STRIP_WEIGHTS = 1 << 20, /* floats of them that strips pay for */
    FCS_STRIP_SUMS = 1 << 14,    /* points x tiles whose sums stay in the second cache */
    FCS_TILING_READS = 64,       /* kernels that add up, of all axes together, at most */
    /* least number of channels but of x: conv and conv_dw read, conv_dx with stride writes less */
    FCS_TILING_CHANNELS = 8
};

/* F(results, taps). */
typedef struct fcs_filter_form {
    int results, taps;
    bool dyadic;  /* its constants are multiples of 1/2: exact on integers */
    double error; /* factor of the bound per element, one axis (docs/cross-check.md) */
} fcs_filter_form;
extern const fcs_filter_form fcs_forms[];
extern const int fcs_n_forms;

/* One axis cut into tiles. */
typedef struct fcs_tiling {
    int results, taps, points; /* points = results + taps - 1 */
    int form;                  /* position in fcs_forms, -1: none; a tap is a kernel, all are 1 */
    int64_t images;            /* interleaved ones */
    int64_t reads, writes;     /* kernels that add up, results that are written */
    int64_t tiles;             /* of all images */
    fcs_conv_dims dims;
    int64_t origin;
    bool adjoint, split; /* split: of all three axes or none */
} fcs_tiling;

/* Point i of a tile for the v-th written image reads pixel read[v] + read_step * i + kernel_step *
 * c of the c-th kernel that adds up; its result i is pixel write[v] + write_step * i, where that
 * lies in the image. Unless the tiling is split, read[v] is that of all. */
typedef struct fcs_tile_place {
    int64_t read[FCS_TILE_STRIDE], read_step, kernel_step;
    int64_t write[FCS_TILE_STRIDE], write_step;
} fcs_tile_place;

/* The pixel of point 0 for the v-th written image and the c-th kernel. */
static inline int64_t fcs_tile_first(const fcs_tile_place *p, int64_t v, int64_t c)
{
    return p->read[v] + p->kernel_step * c;
}

/* Whether conv and conv_dx transform so many floats of weights where they are used, for all tiles
 * at once: where weights do not stay in the caches from one block of tiles to the next, and the
 * sums of few tiles do; or where weights would take much memory, more than the tiles do. */
static inline bool fcs_tiling_strips(double points, double tiles, double columns, double weights)
{
    return (weights > FCS_STRIP_WEIGHTS && points * tiles <= FCS_STRIP_SUMS) ||
           (weights > FCS_KEPT_WEIGHTS && tiles < columns);
}

/* The tiling of conv, conv_dx or conv_dw along D H W by its attribute form, or, where that is 0, by
 * the estimate of work. False: direct sums. */
bool fcs_conv_tiling(const fcs_apply_args *a, fcs_tiling t[3]);
/* Whether an explicit attribute form can be had. */
bool fcs_conv_form_fits(const fcs_apply_args *a);
fcs_tile_place fcs_tile_at(const fcs_tiling *t, int64_t tile);
/* Origins that differ by so many pixels have the same tiles. */
int64_t fcs_tiling_period(const fcs_tiling *t);
/* The kernel index of tap j for added-up kernel c and written image v, or -1: none. */
int64_t fcs_tile_tap(const fcs_tiling *t, int64_t c, int64_t v, int64_t j);
/* Pixels [*lo, *hi) that the tiles of results [lo, hi) read, beyond the image too. */
void fcs_tiles_reads(const fcs_tiling *t, int64_t from, int64_t to, int64_t *lo, int64_t *hi);
/* Multiplications and additions of the products of conv, conv_dx or conv_dw in its form, transforms
 * left out; of direct sums where it has none. */
double fcs_conv_work(const fcs_apply_args *a);
/* The factor of the error bound where the op's form is not exact on integers, else 0. */
double fcs_conv_form_error(const fcs_apply_args *a);

#endif
