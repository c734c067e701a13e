/* conv_tiled.h: the weights of conv and conv_dx by minimal filtering, as the products read them. */
#ifndef FCS_CONV_TILED_H
#define FCS_CONV_TILED_H

#include "cpu/kernels/conv.h"
#include "cpu/kernels/tiles.h"

enum { FCS_PACK = 16 }; /* channels read whose weights are transformed at a time */

/* U[written image, chunk][point][block of NR columns][kernel, channel][NR]; points lie an odd
 * number of cache lines apart. */
typedef struct fcs_tiled_weights {
    const float *w;
    int64_t lane_step, k_step, tap_step; /* of w: output channel, input channel, tap */
    int64_t lanes;                       /* output channels */
    fcs_tiling t[3];
    fcs_transform transform;
    int64_t points, reads, writes;     /* of all axes; of packed columns one image is written */
    int64_t channels;                  /* read */
    int64_t sums;                      /* products per point and result: reads x channels */
    int64_t columns, chunk;            /* per written image; of a chunk, at most */
    int64_t packed;                    /* output channels, where they are under eight, else 0 */
    int64_t order[3][FCS_TILE_STRIDE]; /* packed: written images as their pixels lie */
} fcs_tiled_weights;

/* `w` is set by the caller before weights are transformed. */
fcs_tiled_weights FCS_SYM(tiled_weights_of)(const fcs_apply_args *a, const fcs_tiling t[3]);
/* Floats of scratch for one thread that transforms. */
size_t FCS_SYM(tiled_weights_scratch)(const fcs_tiled_weights *u);
/* All of them to y; the threads' scratch lies `each` floats apart. */
void FCS_SYM(tiled_weights_all)(const fcs_tiled_weights *u, fcs_team *team, float *y,
                                float *scratch, size_t each);
/* Some weights of written image v, kernel c: the block of columns from `column` on, channels k .. k
 * + n - 1 (k a multiple of FCS_PACK, n too or up to the last). */
typedef struct fcs_weights_piece {
    int64_t v, column, c, k, n;
    int64_t width;                  /* columns, as fcs_block_width() */
    int64_t tap[FCS_TILING_POINTS]; /* floats from w to each tap's, -1: there is none */
} fcs_weights_piece;
/* Fills in what follows from v, column, c. */
void FCS_SYM(tiled_weights_locate)(const fcs_tiled_weights *u, fcs_weights_piece *p);
/* To y[point][channel][width], points `step` floats apart. */
void FCS_SYM(tiled_weights_piece)(const fcs_tiled_weights *u, const fcs_weights_piece *p, float *y,
                                  int64_t step, float *scratch);
/* Fetches share `part` of `parts` of what it reads. */
void FCS_SYM(tiled_weights_fetch)(const fcs_tiled_weights *u, const fcs_weights_piece *p,
                                  int64_t part, int64_t parts);

static inline int64_t fcs_chunks(const fcs_tiled_weights *u)
{
    return fcs_divide_up(u->columns, u->chunk);
}

/* Floats from a point to the next. */
static inline int64_t fcs_point_step(const fcs_tiled_weights *u)
{
    return fcs_plane(fcs_least(u->columns, u->chunk) * u->sums);
}

static inline int64_t fcs_tiled_floats(const fcs_tiled_weights *u)
{
    return u->points * u->writes * fcs_chunks(u) * fcs_point_step(u);
}

/* Lanes of a block of columns: NR, or one vector where the chunk ends. */
static inline int64_t fcs_block_width(const fcs_tiled_weights *u, int64_t column)
{
    return fcs_least(u->columns, (column / u->chunk + 1) * u->chunk) - column < FCS_NR ? FCS_VLEN
                                                                                       : FCS_NR;
}

static inline int64_t fcs_chunk_width(const fcs_tiled_weights *u, int64_t chunk)
{
    return fcs_least(u->chunk, u->columns - chunk * u->chunk);
}

/* Where written image v's columns of the chunk begin, in floats. */
static inline int64_t fcs_chunk_at(const fcs_tiled_weights *u, int64_t v, int64_t chunk)
{
    return u->points * (v * fcs_chunks(u) + chunk) * fcs_point_step(u);
}

#endif
