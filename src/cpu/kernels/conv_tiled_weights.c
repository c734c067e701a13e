/* conv_tiled_weights.c: conv_tiled's weights transformed. */
#include "cpu/kernels/conv_tiled.h"

enum {
    CHUNK = 64,   /* columns that are transformed back at a time */
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
    return (size_t)(taps_of(u) * FCS_PACK * FCS_NR);
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

/* The piece's taps of `n` input channels from k on: y[tap][k][width], zeros where there is no tap.
 */
static void pack_taps(const fcs_tiled_weights *u, const fcs_weights_piece *p, int64_t k, int64_t n,
                      float *y)
{
    int64_t lanes = fcs_least(u->lanes - p->column, p->width);
    for (int64_t j = 0; j < taps_of(u); j++, y += FCS_PACK * p->width) {
        if (p->tap[j] < 0 || lanes <= 0)
            memset(y, 0, (size_t)(n * p->width) * sizeof *y);
        else
            fcs_pack(y, u->w + p->tap[j] + k * u->k_step, n, u->k_step, u->lane_step, lanes,
                     p->width);
    }
}

/* The same of packed columns. */
static void pack_lanes(const fcs_tiled_weights *u, const int64_t c[3], int64_t k, int64_t n,
                       int64_t first, int64_t width, float *y)
{
    int64_t columns = u->t[0].writes * u->t[1].writes * u->t[2].writes * u->packed;
    memset(y, 0, (size_t)(taps_of(u) * FCS_PACK * width) * sizeof *y);
    for (int64_t lane = 0; lane < fcs_least(columns - first, width); lane++) {
        int64_t at[3], v[3], image = (first + lane) / u->packed;
        const float *w = u->w + k * u->k_step + (first + lane) % u->packed * u->lane_step;
        fcs_split(image, u->t[1].writes, u->t[2].writes, at);
        for (int i = 0; i < 3; i++)
            v[i] = u->order[i][at[i]];
        for (int64_t j = 0; j < taps_of(u); j++) {
            int64_t index = tap_index(u, c, v, j);
            for (int64_t i = 0; i < n && index >= 0; i++)
                y[(j * FCS_PACK + i) * width + lane] = w[index * u->tap_step + i * u->k_step];
        }
    }
}

void FCS_SYM(tiled_weights_locate)(const fcs_tiled_weights *u, fcs_weights_piece *p)
{
    int64_t c[3], v[3];
    p->width = fcs_block_width(u, p->column);
    fcs_split(p->c, u->t[1].reads, u->t[2].reads, c);
    fcs_split(p->v, u->t[1].writes, u->t[2].writes, v);
    for (int64_t j = 0; j < taps_of(u); j++) {
        int64_t index = tap_index(u, c, v, j);
        p->tap[j] = index < 0 ? -1 : index * u->tap_step + p->column * u->lane_step;
    }
}

/* FCS_PACK input channels of the piece from k on, or as many as there are. */
static void pack_block(const fcs_tiled_weights *u, const fcs_weights_piece *p, int64_t k, float *y,
                       int64_t step, float *taps)
{
    int64_t c[3], n = fcs_least(FCS_PACK, u->channels - k);
    int64_t xs[3] = {0, 0, FCS_PACK * p->width}, ys[3] = {0, 0, step};
    for (int i = 1; i >= 0; i--) {
        xs[i] = xs[i + 1] * u->t[i + 1].taps;
        ys[i] = ys[i + 1] * u->t[i + 1].points;
    }
    fcs_split(p->c, u->t[1].reads, u->t[2].reads, c);
    if (u->packed)
        pack_lanes(u, c, k, n, p->column, p->width, taps);
    else
        pack_taps(u, p, k, n, taps);
    FCS_SYM(transform)(&u->transform, taps, xs, y, ys, n * p->width / FCS_VLEN);
}

void FCS_SYM(tiled_weights_piece)(const fcs_tiled_weights *u, const fcs_weights_piece *p, float *y,
                                  int64_t step, float *scratch)
{
    for (int64_t i = 0; i < p->n; i += FCS_PACK)
        pack_block(u, p, p->k + i, y + i * p->width, step, scratch);
}

/* Lanes or channels, whichever lie side by side, are runs; far apart, each in lines of its own. */
void FCS_SYM(tiled_weights_fetch)(const fcs_tiled_weights *u, const fcs_weights_piece *p,
                                  int64_t part, int64_t parts)
{
    int64_t lanes = fcs_least(u->lanes - p->column, p->width);
    int64_t runs = u->k_step == 1 ? lanes : p->n, length = u->k_step == 1 ? p->n : lanes,
            step = u->k_step == 1 ? u->lane_step : u->k_step, all = taps_of(u) * runs;
    int64_t i = part * all / parts, end = (part + 1) * all / parts;
    for (int64_t tap = i / runs, run = i % runs; i < end; i++) {
        const float *w = u->w + p->tap[tap] + p->k * u->k_step + run * step;
        for (int64_t j = 0; j < length && p->tap[tap] >= 0; j += 16)
            __builtin_prefetch(w + j, 0, 2);
        if (++run == runs) {
            run = 0;
            tap++;
        }
    }
}

static int64_t column_blocks(const fcs_tiled_weights *u)
{
    return (u->columns + FCS_NR - 1) / FCS_NR;
}

static int64_t pack_groups(const fcs_tiled_weights *u)
{
    return (u->channels + FCS_PACK - 1) / FCS_PACK;
}

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
        int64_t k = i % pack_groups(u) * FCS_PACK, rest = i / pack_groups(u), row = rest / u->reads;
        fcs_weights_piece p = {.v = row / column_blocks(u),
                               .column = row % column_blocks(u) * FCS_NR,
                               .c = rest % u->reads,
                               .k = k,
                               .n = fcs_least(FCS_PACK, u->channels - k)};
        FCS_SYM(tiled_weights_locate)(u, &p);
        float *y = f->y + fcs_chunk_at(u, p.v, p.column / u->chunk) +
                   p.column % u->chunk * u->sums + (p.c * u->channels + k) * p.width;
        float *taps = f->scratch + (size_t)thread * f->each;
        FCS_SYM(tiled_weights_piece)(u, &p, y, fcs_point_step(u), taps);
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
