/* conv_tiled_weights.c: conv_tiled's weights transformed. */
#include "cpu/kernels/conv_tiled.h"

enum {
    CHUNK = 64,   /* columns that are transformed back at a time */
    PACK = 16,    /* input channels whose weights are transformed at a time */
    FAR = 1 << 22 /* floats that do not stay in the caches until they are read */
};

static int64_t taps_of(const fcs_tiled_weights *u)
{
    return (int64_t)u->t[0].taps * u->t[1].taps * u->t[2].taps;
}

/* Columns of all written images side by side, (image, channel), in whole vectors. */
static void pack_images(fcs_tiled_weights *u, int64_t channels)
{
    u->packed = channels;
    u->columns = (u->writes * channels + FCS_VLEN - 1) / FCS_VLEN * FCS_VLEN;
    u->writes = 1;
    for (int k = 0; k < 3; k++) {
        fcs_tile_place p = fcs_tile_at(&u->t[k], 0);
        int64_t first = p.write[0];
        for (int64_t v = 1; v < u->t[k].writes; v++)
            first = fcs_least(first, p.write[v]);
        for (int64_t v = 0; v < u->t[k].writes; v++)
            u->order[k][p.write[v] - first] = v;
    }
}

fcs_tiled_weights FCS_SYM(tiled_weights_of)(const fcs_apply_args *a, const fcs_tiling t[3])
{
    bool adjoint = t[0].adjoint;
    int64_t taps = 1, step = fcs_channel_stride(a->in[1].n[FCS_C]);
    fcs_tiled_weights u = {.points = 1, .reads = 1, .writes = 1, .lanes = a->out.n[FCS_C]};
    for (int i = 0; i < 3; i++) {
        u.t[i] = t[i];
        u.points *= t[i].points;
        u.reads *= t[i].reads;
        u.writes *= t[i].writes;
        taps *= t[i].dims.kernel;
    }
    u.tap_step = step;
    u.lane_step = adjoint ? 1 : taps * step;
    u.k_step = adjoint ? taps * step : 1;
    u.channels = a->in[1].n[adjoint ? FCS_N : FCS_C];
    u.sums = u.reads * u.channels;
    u.columns = fcs_channel_stride(u.lanes);
    if (u.lanes < FCS_TILING_CHANNELS)
        pack_images(&u, u.lanes);
    u.chunk = u.packed ? u.columns : CHUNK;
    u.transform = FCS_SYM(transform_of)(t, FCS_TRANSFORM_WEIGHTS);
    return u;
}

size_t FCS_SYM(tiled_weights_scratch)(const fcs_tiled_weights *u)
{
    return (size_t)(taps_of(u) * PACK * FCS_NR);
}

/* The kernel index of tap j for kernel c (of those that add up) and written image v, or -1: none.
 */
static int64_t tap_index(const fcs_tiled_weights *u, const int64_t c[3], const int64_t v[3],
                         int64_t j)
{
    int64_t at[3], index = 0;
    fcs_split(j, u->t[1].taps, u->t[2].taps, at);
    for (int i = 0; i < 3; i++) {
        int64_t tap = fcs_tile_tap(&u->t[i], c[i], v[i], at[i]);
        if (tap < 0)
            return -1;
        index = index * u->t[i].dims.kernel + tap;
    }
    return index;
}

/* The taps of kernel c and written image v for `n` input channels from k on and `width` columns:
 * y[tap][k][width], zeros where there is no tap. */
static void pack_taps(const fcs_tiled_weights *u, const int64_t c[3], const int64_t v[3], int64_t k,
                      int64_t n, int64_t first, int64_t width, float *y)
{
    int64_t lanes = fcs_least(u->lanes - first, width);
    for (int64_t j = 0; j < taps_of(u); j++, y += PACK * width) {
        int64_t index = tap_index(u, c, v, j);
        if (index < 0 || lanes <= 0)
            memset(y, 0, (size_t)(n * width) * sizeof *y);
        else
            fcs_pack(y, u->w + index * u->tap_step + k * u->k_step + first * u->lane_step, n,
                     u->k_step, u->lane_step, lanes, width);
    }
}

/* The same of packed columns. */
static void pack_lanes(const fcs_tiled_weights *u, const int64_t c[3], int64_t k, int64_t n,
                       int64_t first, int64_t width, float *y)
{
    int64_t columns = u->t[0].writes * u->t[1].writes * u->t[2].writes * u->packed;
    memset(y, 0, (size_t)(taps_of(u) * PACK * width) * sizeof *y);
    for (int64_t lane = 0; lane < fcs_least(columns - first, width); lane++) {
        int64_t at[3], v[3], image = (first + lane) / u->packed;
        const float *w = u->w + k * u->k_step + (first + lane) % u->packed * u->lane_step;
        fcs_split(image, u->t[1].writes, u->t[2].writes, at);
        for (int i = 0; i < 3; i++)
            v[i] = u->order[i][at[i]];
        for (int64_t j = 0; j < taps_of(u); j++) {
            int64_t index = tap_index(u, c, v, j);
            for (int64_t i = 0; i < n && index >= 0; i++)
                y[(j * PACK + i) * width + lane] = w[index * u->tap_step + i * u->k_step];
        }
    }
}

/* All weights of PACK input channels from k on, kernel c, the block of columns at `column`; into
 * its chunk's weights at y. */
static void pack_block(const fcs_tiled_weights *u, int64_t v, int64_t column, int64_t c, int64_t k,
                       float *y, float *taps)
{
    int64_t cs[3], vs[3], n = fcs_least(PACK, u->channels - k);
    int64_t of = fcs_chunk_width(u, column / u->chunk), inside = column % u->chunk;
    int64_t width = of - inside < FCS_NR ? FCS_VLEN : FCS_NR;
    int64_t xs[3] = {0, 0, PACK * width}, ys[3] = {0, 0, fcs_point_step(u)};
    for (int i = 1; i >= 0; i--) {
        xs[i] = xs[i + 1] * u->t[i + 1].taps;
        ys[i] = ys[i + 1] * u->t[i + 1].points;
    }
    fcs_split(c, u->t[1].reads, u->t[2].reads, cs);
    fcs_split(v, u->t[1].writes, u->t[2].writes, vs);
    if (u->packed)
        pack_lanes(u, cs, k, n, column, width, taps);
    else
        pack_taps(u, cs, vs, k, n, column, width, taps);
    y += inside * u->sums + (c * u->channels + k) * width;
    FCS_SYM(transform)(&u->transform, taps, xs, y, ys, n * width / FCS_VLEN);
}

static int64_t column_blocks(const fcs_tiled_weights *u)
{
    return (u->columns + FCS_NR - 1) / FCS_NR;
}

static int64_t pack_groups(const fcs_tiled_weights *u) { return (u->channels + PACK - 1) / PACK; }

typedef struct all {
    const fcs_tiled_weights *u;
    float *y, *scratch;
    size_t each;
} all;

static void pack_items(void *arg, int64_t begin, int64_t end, int thread)
{
    const all *f = arg;
    const fcs_tiled_weights *u = f->u;
    for (int64_t i = begin; i < end; i++) {
        int64_t k = i % pack_groups(u) * PACK, rest = i / pack_groups(u);
        int64_t c = rest % u->reads, at = rest / u->reads % column_blocks(u),
                v = rest / u->reads / column_blocks(u);
        pack_block(u, v, at * FCS_NR, c, k, f->y + fcs_chunk_at(u, v, at * FCS_NR / u->chunk),
                   f->scratch + (size_t)thread * f->each);
    }
    fcs_vstreamed();
}

void FCS_SYM(tiled_weights_all)(const fcs_tiled_weights *u, fcs_team *team, float *y,
                                float *scratch, size_t each)
{
    fcs_tiled_weights of = *u;
    all f = {&of, y, scratch, each};
    if (fcs_tiled_floats(u) > FAR)
        of.transform = FCS_SYM(transform_of)(u->t, FCS_TRANSFORM_WEIGHTS_FAR);
    fcs_parallel(team, u->writes * column_blocks(u) * u->reads * pack_groups(u), 1, pack_items, &f);
}

void FCS_SYM(tiled_weights_chunk)(const fcs_tiled_weights *u, int64_t v, int64_t chunk, float *y,
                                  float *scratch)
{
    for (int64_t at = 0; at < fcs_chunk_width(u, chunk); at += FCS_NR)
        for (int64_t c = 0; c < u->reads; c++)
            for (int64_t k = 0; k < u->channels; k += PACK)
                pack_block(u, v, chunk * u->chunk + at, c, k, y, scratch);
}
