/* conv_tiled.c: conv and conv_dx by minimal filtering (ops/tiling.h says which form, and where the
 * tiles lie).
 *
 * A block of tiles goes through: transform of its pixels, V[point][tile][kernel, channel]; one
 * product per point with the transformed weights, M[point][tile][column], some columns at a time;
 * transform back, each pixel written once. A work item is a block of tiles: V and M of a block stay
 * in the caches, all weights are transformed before. Where these are too many to be kept and tiles
 * are few, a work item is a strip of columns: V of all tiles is made before; the strip's weights,
 * which no other item needs, are transformed piece by piece of their channels, and M goes on with
 * each, while the next ones are fetched. Under eight output channels (conv_dx with stride) the
 * columns of all written images lie packed side by side, as if they were one, in the order of their
 * pixels, and a tile's results become a box of the image. With under eight channels read (conv) a
 * block's tiles are transformed side by side, lanes of one another's vectors. The numbers of a tile
 * depend on nothing but its pixels: neither the block nor the strip nor the thread nor the border
 * changes the sequence of operations. */
#include "cpu/kernels/conv_tiled.h"
#include "cpu/kernels/rows.h"
#include "cpu/kernels/thin_tiles.h"

enum {
    ACROSS = 12,       /* tiles along W that follow one another, then the next row of tiles */
    WEIGHTS = 1 << 16, /* of a piece's weights, wanted: they stay in the second cache */
    PIECE = 64,        /* channels of a piece, at most */
    THIRD = FCS_MR / 3
};

typedef struct tiled {
    fcs_tiled_weights u;
    fcs_view in, out;
    fcs_transform forward, back;
    int64_t depth; /* floats per point and tile: reads x channels as stored */
    int64_t chunks;
    bool few;                    /* tiles, and many weights: items are strips of columns */
    int64_t rows, piece, pieces; /* few: tiles in whole thirds of MR; channels, of a kernel */
    bool thin; /* one to seven channels read: tiles are transformed side by side */
    fcs_thin_tiles beside;
    int64_t tiles, block, plane_in, plane_out, plane_w;
    int64_t run[FCS_TILING_READS];
    fcs_tile_place *place[3];
    float *shared; /* the weights; few: V of all tiles */
    int64_t v;     /* few and split: the written image that V is for */
    float *local;
    size_t local_floats;
} tiled;

/* Floats of a packed tile's results; a vector may be read behind them. */
static int64_t packed_results(const tiled *f)
{
    int64_t results = (int64_t)f->u.t[0].results * f->u.t[1].results * f->u.t[2].results;
    return f->u.packed ? results * f->u.columns + FCS_VLEN : 0;
}

/* Floats of them twice: as they are transformed back, and as they lie in the image. */
static int64_t packed_floats(const tiled *f)
{
    return (int64_t)(fcs_lines(2 * (size_t)packed_results(f) * sizeof(float)) / sizeof(float));
}

static void tiled_init(tiled *f, const fcs_apply_args *a, const fcs_tiling t[3], int threads)
{
    *f = (tiled){.u = FCS_SYM(tiled_weights_of)(a, t), .tiles = a->out.n[FCS_N]};
    fcs_tiled_weights *u = &f->u;
    for (int i = 0; i < 3; i++)
        f->tiles *= t[i].tiles;
    f->depth = u->reads * fcs_channel_stride(u->channels);
    f->thin = u->channels < FCS_TILING_CHANNELS;
    f->rows = fcs_divide_up(f->tiles, THIRD) * THIRD;
    f->few =
        !u->packed && !f->thin &&
        fcs_tiling_strips((double)u->points, (double)f->tiles, (double)(u->writes * u->columns),
                          (double)(u->points * u->writes * u->columns * u->sums));
    u->chunk = f->few ? FCS_NR : u->chunk;
    f->chunks = fcs_chunks(u);
    int64_t block = f->tiles / (4 * threads), piece = WEIGHTS / (u->points * FCS_NR);
    f->block = block >= FCS_TILE_BLOCK ? FCS_TILE_BLOCK : (block / FCS_MR + 1) * FCS_MR;
    f->piece = fcs_most(FCS_PACK, fcs_least(PIECE, piece / FCS_PACK * FCS_PACK));
    f->pieces = fcs_divide_up(u->channels, f->piece);
    f->plane_w = f->few ? fcs_plane(f->piece * FCS_NR) : fcs_point_step(u);
    f->plane_in = fcs_plane(f->few ? f->rows * f->piece : f->block * f->depth);
    f->plane_out =
        fcs_plane(f->few ? f->rows * FCS_NR : f->block * fcs_least(u->columns, u->chunk));
    int64_t patch = u->points * (f->thin ? f->plane_in : fcs_channel_stride(u->channels)),
            pack = (int64_t)FCS_SYM(tiled_weights_scratch)(u);
    int64_t item = f->few ? u->points * (f->plane_out + f->plane_w) + pack
                          : u->points * (f->plane_in + f->plane_out) + patch + packed_floats(f);
    f->local_floats = (size_t)fcs_most(item, fcs_most(patch, pack));
    f->forward = FCS_SYM(transform_of)(t, FCS_TRANSFORM_IN);
    f->back = FCS_SYM(transform_of)(t, FCS_TRANSFORM_OUT);
}

/* Floats that all threads share: the weights, or V of all tiles. */
static size_t tiled_shared(const tiled *f)
{
    return (size_t)(f->few ? f->u.reads * f->pieces * f->u.points * f->plane_in
                           : fcs_tiled_floats(&f->u));
}

size_t FCS_SYM(conv_tiled_scratch)(const fcs_apply_args *a, const fcs_tiling t[3], int threads)
{
    tiled f;
    tiled_init(&f, a, t, threads);
    return fcs_tile_places_bytes(t) + fcs_lines(tiled_shared(&f) * sizeof(float)) +
           (size_t)threads * fcs_lines(f.local_floats * sizeof(float));
}

static size_t local_each(const tiled *f)
{
    return fcs_lines(f->local_floats * sizeof(float)) / sizeof(float);
}

static float *local_of(const tiled *f, int thread)
{
    return f->local + (size_t)thread * local_each(f);
}

/* ---- tiles ---- */

typedef struct tile {
    int64_t n;
    bool begins; /* a row of a strip: those before it are in another */
    const fcs_tile_place *place[3];
} tile;

/* Tiles go down strips of the image: the rows that a tile shares with the one above are still in
 * the second cache. */
static tile tile_at(const tiled *f, int64_t i)
{
    int64_t plane = f->u.t[1].tiles * f->u.t[2].tiles, rows = f->u.t[1].tiles, depth = i / plane;
    int64_t first = i % plane / (rows * ACROSS) * ACROSS;
    int64_t width = fcs_least(ACROSS, f->u.t[2].tiles - first), inside = i % plane - first * rows;
    return (tile){.n = depth / f->u.t[0].tiles,
                  .begins = inside % width == 0,
                  .place = {f->place[0] + depth % f->u.t[0].tiles, f->place[1] + inside / width,
                            f->place[2] + first + inside % width}};
}

/* The pixels that kernel c reads for written image v. */
static fcs_tile_box tile_box(const tiled *f, const tile *t, const int64_t c[3], const int64_t v[3])
{
    fcs_tile_box b = {.n = t->n};
    for (int k = 0; k < 3; k++) {
        b.first[k] = fcs_tile_first(t->place[k], v[k], c[k]);
        b.step[k] = t->place[k]->read_step;
        b.count[k] = f->u.t[k].points;
    }
    return b;
}

/* What a tile reads and the one before it did not, along W within a strip, nor that above. */
static fcs_tile_box new_box(const tiled *f, const tile *t, const int64_t c[3], const int64_t v[3])
{
    fcs_tile_box b = tile_box(f, t, c, v);
    for (int k = 1; k < (t->begins ? 2 : 3); k++) {
        b.first[k] += (b.count[k] - f->u.t[k].results) * b.step[k];
        b.count[k] = f->u.t[k].results;
    }
    return b;
}

/* `width` channels from `channel` on of what kernel c reads for written image v, transformed; of
 * `next`, which may be NULL, they are fetched. */
static void kernel_in(const tiled *f, const tile *t, const tile *next, const int64_t c[3],
                      const int64_t of[3], int64_t channel, int64_t width, float *v, float *patch)
{
    int64_t ys[3] = {f->plane_in * f->u.t[1].points * f->u.t[2].points,
                     f->plane_in * f->u.t[2].points, f->plane_in};
    fcs_tile_box box = tile_box(f, t, c, of), ahead;
    if (next)
        ahead = new_box(f, next, c, of);
    fcs_tile_read(&f->forward, &f->in, &box, channel, width, v, ys, next ? &ahead : NULL, patch);
}

/* The tile's pixels transformed: for all written images or, split, for that one. */
static void tile_in(const tiled *f, const tile *t, const tile *next, const int64_t of[3], float *v,
                    float *patch)
{
    for (int64_t i = 0; i < f->u.reads; i++, v += f->in.cs) {
        int64_t c[3];
        fcs_split(i, f->u.t[1].reads, f->u.t[2].reads, c);
        kernel_in(f, t, next, c, of, 0, f->in.cs, v, patch);
    }
}

/* Results of a tile along an axis that lie in the image: [*lo, *hi). */
static void tile_range(const tiled *f, const tile *t, int axis, int64_t v, int64_t *lo, int64_t *hi)
{
    const fcs_tile_place *p = t->place[axis];
    *lo = 0;
    *hi = f->u.t[axis].results;
    while (*lo < *hi && p->write[v] + p->write_step * *lo < 0)
        ++*lo;
    while (*hi > *lo && p->write[v] + p->write_step * (*hi - 1) >= f->out.shape.n[FCS_D + axis])
        --*hi;
}

/* Where a tile's results go, outside the image too. */
static fcs_tile_box result_box(const tiled *f, const tile *t, const int64_t v[3])
{
    fcs_tile_box b = {.n = t->n};
    for (int k = 0; k < 3; k++) {
        b.first[k] = t->place[k]->write[v[k]];
        b.step[k] = t->place[k]->write_step;
        b.count[k] = f->u.t[k].results;
    }
    return b;
}

/* `width` columns from `first` on of written image v: straight to the image, or, where some results
 * lie outside, by way of y. */
static void tile_out(const tiled *f, const tile *t, const tile *next, const int64_t v[3],
                     const float *m, int64_t first, int64_t width)
{
    fcs_tile_box ahead = result_box(f, next, v);
    float y[FCS_TILING_POINTS * FCS_VLEN];
    int64_t lo[3], hi[3], at = t->n, step = f->out.cs, r1 = f->u.t[1].results,
                          r2 = f->u.t[2].results;
    int64_t xs[3] = {f->plane_out * f->u.t[1].points * f->u.t[2].points,
                     f->plane_out * f->u.t[2].points, f->plane_out};
    int64_t ys[3] = {r1 * r2 * FCS_VLEN, r2 * FCS_VLEN, FCS_VLEN}, image[3];
    bool inside = true;
    for (int k = 0; k < 3; k++) {
        tile_range(f, t, k, v[k], &lo[k], &hi[k]);
        inside = inside && lo[k] == 0 && hi[k] == f->u.t[k].results;
        at = at * f->out.shape.n[FCS_D + k] + t->place[k]->write[v[k]];
    }
    for (int k = 2; k >= 0; step *= f->out.shape.n[FCS_D + k], k--)
        image[k] = step * t->place[k]->write_step;
    float *out = f->out.p + at * f->out.cs + first;
    if (inside) {
        fcs_tile_transform(&f->back, m, xs, NULL, out, image, width, &f->out, &ahead, first);
        return;
    }
    fcs_tile_fetch(&f->out, &ahead, first, width);
    for (int64_t lane = 0; lane < width; lane += FCS_VLEN) {
        FCS_SYM(transform)(&f->back, m + lane, xs, y, ys, 1);
        for (int64_t i = lo[0]; i < hi[0]; i++)
            for (int64_t j = lo[1]; j < hi[1]; j++)
                for (int64_t k = lo[2]; k < hi[2]; k++)
                    fcs_vstore(out + i * image[0] + j * image[1] + k * image[2] + lane,
                               fcs_vload(y + ((i * r1 + j) * r2 + k) * FCS_VLEN));
    }
}

/* The results of a packed tile as its box of the image: the written images of a row lie side by
 * side, as do their pixels. What a vector has behind its run is written over by the next. */
static void packed_box(const tiled *f, const float *y, const int64_t ys[3], float *box)
{
    const fcs_tiling *a = f->u.t;
    int64_t run = a[2].writes * f->u.packed;
    for (int64_t i = 0; i < a[0].results; i++)
        for (int64_t u = 0; u < a[0].writes; u++)
            for (int64_t j = 0; j < a[1].results; j++)
                for (int64_t v = 0; v < a[1].writes; v++) {
                    const float *from = y + i * ys[0] + j * ys[1] + (u * a[1].writes + v) * run;
                    for (int64_t k = 0; k < a[2].results; k++, from += ys[2], box += run)
                        for (int64_t n = 0; n < run; n += FCS_VLEN)
                            fcs_vstore(box + n, fcs_vload(from + n));
                }
}

/* A packed tile's results to the image; y: room for packed_floats(). */
static void packed_out(const tiled *f, const tile *t, const float *m, float *y)
{
    const fcs_tiling *a = f->u.t;
    const int64_t *size = f->out.shape.n + FCS_D;
    int64_t r2 = a[2].results, xs[3] = {f->plane_out * a[1].points * a[2].points,
                                        f->plane_out * a[2].points, f->plane_out};
    int64_t ys[3] = {f->u.columns * a[1].results * r2, f->u.columns * r2, f->u.columns};
    int64_t first[3], lo[3], hi[3], width = r2 * a[2].writes, height = a[1].results * a[1].writes;
    float *box = y + packed_results(f);
    FCS_SYM(transform)(&f->back, m, xs, y, ys, f->u.columns / FCS_VLEN);
    packed_box(f, y, ys, box);
    for (int k = 0; k < 3; k++) {
        first[k] = t->place[k]->write[f->u.order[k][0]];
        lo[k] = fcs_most(0, -first[k]);
        hi[k] = fcs_least(a[k].results * a[k].writes, size[k] - first[k]);
    }
    for (int64_t i = lo[0]; i < hi[0]; i++)
        for (int64_t j = lo[1]; j < hi[1]; j++) {
            int64_t line = (t->n * size[0] + first[0] + i) * size[1] + first[1] + j;
            fcs_rows_copy(f->out.p + (line * size[2] + first[2] + lo[2]) * f->u.packed,
                          box + ((i * height + j) * width + lo[2]) * f->u.packed,
                          (hi[2] - lo[2]) * f->u.packed);
        }
}

/* M = V U for one chunk of columns. Wide layers' weights come from far: while the rows pass one
 * block of columns, the next one is fetched, a share with each MR rows. */
static void block_product(const tiled *f, const float *v, const float *w, int64_t rows,
                          int64_t width, float *m)
{
    float *out[FCS_MR];
    int64_t step = FCS_NR * FCS_MR / rows, share = step * f->u.sums;
    for (int64_t p = 0; p < f->u.points; p++)
        for (int64_t at = 0; at < width; at += FCS_NR) {
            const float *now = w + p * f->plane_w + at * f->u.sums;
            const float *ahead =
                at + FCS_NR < width ? now + FCS_NR * f->u.sums : w + (p + 1) * f->plane_w;
            for (int64_t r = 0; r < rows; r += FCS_MR, ahead += share) {
                for (int i = 0; i < FCS_MR; i++)
                    out[i] = m + p * f->plane_out + (r + i) * width;
                fcs_tile_runs(f->thin ? 1 : f->u.reads, f->run, f->thin ? f->u.sums : f->u.channels,
                              v + p * f->plane_in + r * f->depth, f->depth, now,
                              width - at < FCS_NR ? FCS_VLEN : FCS_NR, out, at, false, ahead, step);
            }
        }
}

/* Results of `count` tiles for one chunk of a written image's columns; v: their V, rows beyond them
 * zero; y: packed, room for packed_floats(). */
static void block_results(const tiled *f, const tile *t, int64_t count, int64_t image,
                          int64_t chunk, const float *v, const float *w, float *m, float *y)
{
    int64_t written[3], width = fcs_chunk_width(&f->u, chunk),
                        rows = (count + FCS_MR - 1) / FCS_MR * FCS_MR;
    fcs_split(image, f->u.t[1].writes, f->u.t[2].writes, written);
    block_product(f, v, w, rows, width, m);
    for (int64_t k = 0; k < count; k++) {
        if (f->u.packed) {
            packed_out(f, &t[k], m + k * width, y);
            continue;
        }
        tile_out(f, &t[k], &t[fcs_least(k + 1, count - 1)], written, m + k * width,
                 chunk * f->u.chunk, width);
    }
}

/* The block's tiles from `first` on; how many there are. */
static int64_t block_tiles(const tiled *f, int64_t first, tile t[FCS_TILE_BLOCK])
{
    int64_t count = fcs_least(f->block, f->tiles - first);
    for (int64_t i = 0; i < count; i++)
        t[i] = tile_at(f, first + i);
    return count;
}

/* A block of thin tiles transformed. */
static void thin_in(const tiled *f, const tile *t, int64_t count, float *v, float *patch)
{
    int64_t s[3] = {f->plane_in * f->u.t[1].points * f->u.t[2].points,
                    f->plane_in * f->u.t[2].points, f->plane_in};
    for (int64_t k = 0; k < count; k++)
        fcs_thin_tile(&f->beside, t[k].n, t[k].place, patch + k * f->depth);
    FCS_SYM(transform)(&f->forward, patch, s, v, s, fcs_divide_up(count * f->depth, FCS_VLEN));
}

/* Zeros in V behind its tiles, up to a whole number of MR rows. */
static void fill_rows(const tiled *f, int64_t count, float *v)
{
    int64_t rows = (count + FCS_MR - 1) / FCS_MR * FCS_MR;
    for (int64_t p = 0; p < f->u.points && rows > count; p++)
        memset(v + p * f->plane_in + count * f->depth, 0,
               (size_t)((rows - count) * f->depth) * sizeof *v);
}

static void tile_items(void *arg, int64_t begin, int64_t end, int thread)
{
    const tiled *f = arg;
    float *v = local_of(f, thread), *m = v + f->u.points * f->plane_in,
          *y = m + f->u.points * f->plane_out, *patch = y + packed_floats(f);
    for (int64_t item = begin; item < end; item++) {
        tile t[FCS_TILE_BLOCK];
        int64_t count = block_tiles(f, item * f->block, t);
        if (f->thin)
            thin_in(f, t, count, v, patch);
        fill_rows(f, count, v);
        for (int64_t i = 0; i < f->u.writes * f->chunks; i++) {
            int64_t image = i / f->chunks, chunk = i % f->chunks, written[3];
            fcs_split(image, f->u.t[1].writes, f->u.t[2].writes, written);
            for (int64_t k = 0;
                 k < count && !f->thin && (i == 0 || (f->u.t[0].split && chunk == 0)); k++)
                tile_in(f, &t[k], k + 1 < count ? &t[k + 1] : NULL, written, v + k * f->depth,
                        patch);
            block_results(f, t, count, image, chunk, v,
                          f->shared + fcs_chunk_at(&f->u, image, chunk), m, y);
        }
    }
}

/* ---- few tiles ---- */

static int64_t piece_width(const tiled *f, int64_t piece, int64_t channels)
{
    return fcs_least(f->piece, channels - piece * f->piece);
}

/* V[piece of all kernels'][point][row][channel] of some rows: of tiles, zeros behind them. */
static void pixel_items(void *arg, int64_t begin, int64_t end, int thread)
{
    const tiled *f = arg;
    int64_t written[3], c[3];
    fcs_split(f->v, f->u.t[1].writes, f->u.t[2].writes, written);
    for (int64_t row = begin; row < end; row++) {
        tile t = tile_at(f, fcs_least(row, f->tiles - 1));
        for (int64_t i = 0; i < f->u.reads * f->pieces; i++) {
            int64_t kernel = i / f->pieces, piece = i % f->pieces,
                    width = piece_width(f, piece, f->in.cs);
            float *v = f->shared + i * f->u.points * f->plane_in + row * width;
            fcs_split(kernel, f->u.t[1].reads, f->u.t[2].reads, c);
            if (row < f->tiles)
                kernel_in(f, &t, NULL, c, written, piece * f->piece, width, v, local_of(f, thread));
            for (int64_t p = 0; p < f->u.points && row >= f->tiles; p++)
                fcs_rows_zero(v + p * f->plane_in, width);
        }
    }
}

/* What a product of a strip reads, and what the next one will, which is fetched meanwhile. */
typedef struct strip_tile {
    const float *v, *w, *next_v, *next_w;
    int64_t stored, n; /* channels from row to row of v, channels */
    bool more;
} strip_tile;

/* sums[row][0..NR) = or, with `more`, += the sum of v[row][k] w[k][0..NR), on in the order of k. */
FCS_INLINE void sum_rows(const strip_tile *t, float *sums, const int mr, const int nv)
{
    const int width = nv * FCS_VLEN;
    const float *in = t->v, *w = t->w, *next_v = t->next_v, *next_w = t->next_w;
    const int64_t n = t->n, step = t->stored;
    const bool more = t->more;
    fcs_tile acc;
    FCS_UNROLL
    for (int i = 0; i < mr; i++) {
        FCS_UNROLL
        for (int j = 0; j < nv; j++)
            acc[i][j] = more ? fcs_vload(sums + i * width + j * FCS_VLEN) : (fcs_vf){0};
    }
    for (int64_t k = 0; k < n; k++, w += width, next_w += width, next_v += mr) {
        __builtin_prefetch(next_v);
        __builtin_prefetch(next_w);
        if (width > 16)
            __builtin_prefetch(next_w + 16);
        FCS_TILE_PRODUCT(acc, mr, nv, w, in[m * step + k]);
    }
    FCS_UNROLL
    for (int i = 0; i < mr; i++) {
        FCS_UNROLL
        for (int j = 0; j < nv; j++)
            fcs_vstore(sums + i * width + j * FCS_VLEN, acc[i][j]);
    }
}

typedef void tile_function(const strip_tile *t, float *sums);
#define SUM(name, mr, nv)                                                                          \
    static void name(const strip_tile *t, float *sums) { sum_rows(t, sums, mr, nv); }
FCS_TILE_SIZES(SUM)

/* The sums of a strip go on by the piece, number i of all kernels'; the weights of `next`, which
 * may be NULL, are fetched. */
static void strip_product(const tiled *f, const fcs_weights_piece *now, int64_t i,
                          const fcs_weights_piece *next, const float *w, float *m)
{
    const float *v = f->shared + i * f->u.points * f->plane_in;
    strip_tile t = {.stored = piece_width(f, i % f->pieces, f->in.cs), .n = now->n, .more = i > 0};
    for (int64_t p = 0; p < f->u.points; p++) {
        if (next)
            FCS_SYM(tiled_weights_fetch)(&f->u, next, p, f->u.points);
        for (int64_t row = 0, rows; row < f->rows; row += rows) {
            bool last = row + FCS_MR >= f->rows;
            rows = fcs_least(FCS_MR, f->rows - row);
            t.v = v + p * f->plane_in + row * t.stored;
            t.w = w + p * f->plane_w;
            t.next_v = last ? v + (p + 1) * f->plane_in : t.v + FCS_MR * t.stored;
            t.next_w = last ? t.w + f->plane_w : t.w;
            tile_functions[now->width == FCS_NR][rows / THIRD - 1](&t, m + p * f->plane_out +
                                                                           row * now->width);
        }
    }
}

/* Piece i of all kernels' of a strip. */
static void locate_piece(const tiled *f, int64_t v, int64_t column, int64_t i, fcs_weights_piece *p)
{
    p->v = v;
    p->column = column;
    p->c = i / f->pieces;
    p->k = i % f->pieces * f->piece;
    p->n = piece_width(f, i % f->pieces, f->u.channels);
    FCS_SYM(tiled_weights_locate)(&f->u, p);
}

/* Strip after strip of the written image v and, unless tiles are split, of those behind it. */
static void strip_items(void *arg, int64_t begin, int64_t end, int thread)
{
    const tiled *f = arg;
    float *m = local_of(f, thread), *w = m + f->u.points * f->plane_out,
          *taps = w + f->u.points * f->plane_w;
    for (int64_t item = begin; item < end; item++) {
        int64_t v = f->v + item / f->chunks, column = item % f->chunks * FCS_NR, written[3],
                all = f->u.reads * f->pieces;
        fcs_weights_piece piece[2];
        locate_piece(f, v, column, 0, &piece[0]);
        for (int64_t i = 0; i < all; i++) {
            fcs_weights_piece *now = &piece[i % 2], *next = i + 1 < all ? &piece[1 - i % 2] : NULL;
            if (next)
                locate_piece(f, v, column, i + 1, next);
            FCS_SYM(tiled_weights_piece)(&f->u, now, w, f->plane_w, taps);
            strip_product(f, now, i, next, w, m);
        }
        fcs_split(v, f->u.t[1].writes, f->u.t[2].writes, written);
        tile t = tile_at(f, 0);
        for (int64_t k = 0; k < f->tiles; k++) {
            tile next = tile_at(f, fcs_least(k + 1, f->tiles - 1));
            tile_out(f, &t, &next, written, m + k * piece->width, column, piece->width);
            t = next;
        }
    }
}

void FCS_SYM(conv_tiled_run)(const fcs_cpu_call *call, const fcs_tiling t[3])
{
    tiled f;
    tiled_init(&f, call->args, t, fcs_team_size(call->team));
    f.in = call->in[0];
    f.out = call->out;
    f.u.w = call->in[1].p;
    fcs_tile_places(t, call->scratch, f.place);
    f.beside = fcs_thin_tiles_of(&f.in, t, f.plane_in);
    for (int64_t i = 0; i < f.u.reads; i++)
        f.run[i] = i * f.in.cs;
    f.shared = (float *)(void *)((char *)call->scratch + fcs_tile_places_bytes(t));
    f.local = f.shared + fcs_lines(tiled_shared(&f) * sizeof(float)) / sizeof(float);
    if (!f.few) {
        FCS_SYM(tiled_weights_all)(&f.u, call->team, f.shared, f.local, local_each(&f));
        fcs_parallel(call->team, fcs_divide_up(f.tiles, f.block), 1, tile_items, &f);
        return;
    }
    for (f.v = 0; f.v < (t[0].split ? f.u.writes : 1); f.v++) {
        fcs_parallel(call->team, f.rows, 1, pixel_items, &f);
        fcs_parallel(call->team, (t[0].split ? 1 : f.u.writes) * f.chunks, 1, strip_items, &f);
    }
}
