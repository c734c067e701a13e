/* conv_dw_tiled.h: conv_dw by minimal filtering: what its kernels for many and for few channels of
 * x share. */
#ifndef FCS_CONV_DW_TILED_H
#define FCS_CONV_DW_TILED_H

#include "cpu/kernels/conv.h"
#include "cpu/kernels/tiles.h"

typedef struct fcs_dw_tiles {
    fcs_tiling t[3];
    fcs_transform forward, spread, back; /* B', A, G' */
    int64_t points, reads, taps;         /* of all axes */
    int64_t n;                           /* tiles of all samples */
    fcs_tile_place *place[3];
} fcs_dw_tiles;

static inline fcs_dw_tiles fcs_dw_tiles_of(const fcs_apply_args *a, const fcs_tiling t[3])
{
    fcs_dw_tiles g = {.forward = FCS_SYM(transform_of)(t, FCS_TRANSFORM_IN),
                      .spread = FCS_SYM(transform_of)(t, FCS_TRANSFORM_OUT_ADJOINT),
                      .back = FCS_SYM(transform_of)(t, FCS_TRANSFORM_WEIGHTS_ADJOINT),
                      .points = 1,
                      .reads = 1,
                      .taps = 1,
                      .n = a->in[0].n[FCS_N]};
    for (int i = 0; i < 3; i++) {
        g.t[i] = t[i];
        g.points *= t[i].points;
        g.reads *= t[i].reads;
        g.taps *= t[i].taps;
        g.n *= t[i].tiles;
    }
    return g;
}

/* A tile's sample and places. */
typedef struct fcs_dw_where {
    int64_t n;
    const fcs_tile_place *p[3];
} fcs_dw_where;

static inline fcs_dw_where fcs_dw_where_of(const fcs_dw_tiles *g, int64_t tile)
{
    int64_t at[3];
    fcs_split(tile, g->t[1].tiles, g->t[2].tiles, at);
    fcs_dw_where r = {.n = at[0] / g->t[0].tiles};
    at[0] %= g->t[0].tiles;
    for (int k = 0; k < 3; k++)
        r.p[k] = g->place[k] + at[k];
    return r;
}

/* What the tile reads of gy. */
static inline void fcs_dw_box_gy(const fcs_dw_tiles *g, const fcs_dw_where *at, fcs_tile_box *b)
{
    b->n = at->n;
    for (int k = 0; k < 3; k++) {
        b->first[k] = at->p[k]->write[0];
        b->step[k] = at->p[k]->write_step;
        b->count[k] = g->t[k].results;
    }
}

/* Strides of points that are planes. */
static inline void fcs_dw_strides(const fcs_dw_tiles *g, int64_t plane, int64_t ys[3])
{
    ys[2] = plane;
    ys[1] = ys[2] * g->t[2].points;
    ys[0] = ys[1] * g->t[1].points;
}

/* The position in the kernel of a tap of kernel c of those that add up, -1: it has none. */
static inline int64_t fcs_dw_tap(const fcs_dw_tiles *g, const int64_t c[3], int64_t tap)
{
    int64_t j[3], at = 0;
    fcs_split(tap, g->t[1].taps, g->t[2].taps, j);
    for (int k = 0; k < 3; k++) {
        int64_t i = fcs_tile_tap(&g->t[k], c[k], 0, j[k]);
        if (i < 0)
            return -1;
        at = at * g->t[k].dims.kernel + i;
    }
    return at;
}

#endif
