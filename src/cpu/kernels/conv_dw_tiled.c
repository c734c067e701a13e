/* conv_dw_tiled.c: conv_dw by minimal filtering: the derivative of conv's form in the kernel.
 *
 * y = A' [(G w) * (B' x)] gives dw = G' sum over tiles of [(A gy) * (B' x)]: per point, the product
 * of two matrices that are as long as there are tiles. A work item has a group of x's channels, a
 * group of gy's, and a part of the tiles: their sums S[point][x channel][gy channel]. Groups are as
 * large as the third cache allows: both images are transformed once for each group of the other's
 * channels. Products of a block of tiles are summed in order, blocks are added up in order
 * within a part, parts at the end: lengths are fixed by the problem, so neither the rounding nor
 * the error depends on threads, and no sum is long (one over all tiles would lose two digits). */
#include "cpu/kernels/conv.h"
#include "cpu/kernels/tiles.h"

enum {
    BLOCK = 32,            /* tiles summed in one go */
    BLOCKS = 8,            /* blocks of a part, if memory allows: longer sums pass the bound */
    STRIP = 16,            /* channels are grouped by so many */
    SUM_FLOATS = 1 << 20,  /* of the sums of two groups, at most */
    PARTS = 16,            /* work items wanted, by parts of the tiles if need be */
    PART_FLOATS = 1 << 21, /* of all parts' results */
    THIRD = FCS_MR / 3
};

typedef struct tiled {
    fcs_view x, gy, out;
    fcs_tiling t[3];
    fcs_transform forward, spread, back;
    int64_t points, reads, results;
    int64_t tiles, blocks, parts;
    int64_t group_x, group_y;   /* channels of a group */
    int64_t strips, groups;     /* of x: kernels that add up x channels */
    int64_t lanes, lane_groups; /* of gy: channels */
    int64_t plane_x, plane_y, plane_sums;
    int64_t taps;   /* of one of the kernels that add up */
    float *partial; /* [part][as out], where there is more than one */
    fcs_tile_place *place[3];
    float *local;
    size_t local_floats;
} tiled;

/* Large groups transform less often, as long as their sums stay near: doubled where that saves the
 * most transforms. */
static void choose_groups(tiled *f)
{
    int64_t rows = f->strips * STRIP, x = 2 * STRIP, y = 2 * STRIP;
    while (f->points * 2 * x * y <= SUM_FLOATS) {
        int64_t by_x = f->lanes * (fcs_divide_up(rows, x) - fcs_divide_up(rows, 2 * x));
        int64_t by_y = rows * (fcs_divide_up(f->lanes, y) - fcs_divide_up(f->lanes, 2 * y));
        if (by_x + by_y == 0)
            break;
        if (by_x > by_y)
            x *= 2;
        else
            y *= 2;
    }
    f->group_x = x;
    f->group_y = y;
    f->groups = fcs_divide_up(rows, x);
    f->lane_groups = fcs_divide_up(f->lanes, y);
}

static void tiled_init(tiled *f, const fcs_apply_args *a, const fcs_tiling t[3])
{
    *f = (tiled){.points = 1, .reads = 1, .results = 1, .taps = 1, .tiles = a->in[0].n[FCS_N]};
    for (int i = 0; i < 3; i++) {
        f->t[i] = t[i];
        f->points *= t[i].points;
        f->reads *= t[i].reads;
        f->results *= t[i].results;
        f->taps *= t[i].taps;
        f->tiles *= t[i].tiles;
    }
    f->forward = FCS_SYM(transform_of)(t, FCS_TRANSFORM_IN);
    f->spread = FCS_SYM(transform_of)(t, FCS_TRANSFORM_OUT_ADJOINT);
    f->back = FCS_SYM(transform_of)(t, FCS_TRANSFORM_WEIGHTS_ADJOINT);
    f->strips = f->reads * fcs_channel_stride(a->in[0].n[FCS_C]) / STRIP;
    f->lanes = fcs_channel_stride(a->in[1].n[FCS_C]);
    choose_groups(f);
    f->blocks = fcs_divide_up(f->tiles, BLOCK);
    int64_t floats = fcs_shape_floats(a->out), parts = fcs_divide_up(f->blocks, BLOCKS);
    if (parts * f->groups * f->lane_groups < PARTS)
        parts = fcs_divide_up(PARTS, f->groups * f->lane_groups);
    f->parts = fcs_least(parts, fcs_least(f->blocks, 1 + PART_FLOATS / floats));
    f->plane_x = fcs_plane(BLOCK * f->group_x);
    f->plane_y = fcs_plane(BLOCK * f->group_y);
    f->plane_sums = fcs_plane(f->group_x * f->group_y);
    int64_t patch = f->group_x > f->group_y ? f->group_x : f->group_y;
    f->local_floats = (size_t)(f->points * (f->plane_x + f->plane_y + f->plane_sums + patch));
}

static size_t tiled_places(const tiled *f)
{
    return fcs_lines((size_t)(f->t[0].tiles + f->t[1].tiles + f->t[2].tiles) *
                     sizeof(fcs_tile_place));
}

static size_t tiled_partial(const tiled *f, fcs_shape out)
{
    return f->parts > 1 ? fcs_lines((size_t)(f->parts * fcs_shape_floats(out)) * sizeof(float)) : 0;
}

size_t FCS_SYM(conv_dw_tiled_scratch)(const fcs_apply_args *a, const fcs_tiling t[3], int threads)
{
    tiled f;
    tiled_init(&f, a, t);
    return tiled_places(&f) + tiled_partial(&f, a->out) +
           (size_t)threads * fcs_lines(f.local_floats * sizeof(float));
}

/* ---- transforms ---- */

/* A group of x's strips and one of gy's lanes. */
typedef struct work {
    int64_t strip, rows;   /* the first strip; channels of x in all */
    int64_t lane, columns; /* the first lane; channels of gy */
} work;

static void place_of(const tiled *f, int64_t tile, int64_t *n, const fcs_tile_place *p[3])
{
    int64_t at[3];
    fcs_split(tile, f->t[1].tiles, f->t[2].tiles, at);
    *n = at[0] / f->t[0].tiles;
    at[0] %= f->t[0].tiles;
    for (int k = 0; k < 3; k++)
        p[k] = f->place[k] + at[k];
}

/* Kernel c of the strip, and its first channel. */
static int64_t strip_channel(const tiled *f, int64_t strip, int64_t c[3])
{
    int64_t each = f->x.cs / STRIP;
    fcs_split(strip / each, f->t[1].reads, f->t[2].reads, c);
    return strip % each * STRIP;
}

static void strides(const tiled *f, int64_t plane, int64_t ys[3])
{
    ys[2] = plane;
    ys[1] = ys[2] * f->t[2].points;
    ys[0] = ys[1] * f->t[1].points;
}

/* Strips of one kernel that follow one another are read together. */
static void tile_x(const tiled *f, const work *w, int64_t n, const fcs_tile_place *const p[3],
                   float *v, float *patch)
{
    int64_t ys[3], width;
    strides(f, f->plane_x, ys);
    for (int64_t s = 0; s < w->rows; s += width) {
        fcs_tile_box b = {.n = n};
        int64_t c[3], xs[3], channel = strip_channel(f, w->strip + s / STRIP, c);
        for (int k = 0; k < 3; k++) {
            b.first[k] = p[k]->read[0] + c[k];
            b.step[k] = p[k]->read_step;
            b.count[k] = f->t[k].points;
        }
        width = fcs_least(w->rows - s, f->x.cs - channel);
        const float *x = fcs_tile_pixels(&f->x, &b, channel, width, xs, patch);
        FCS_SYM(transform)(&f->forward, x, xs, v + s, ys, width / FCS_VLEN);
    }
}

static void tile_gy(const tiled *f, const work *w, int64_t n, const fcs_tile_place *const p[3],
                    float *y, float *patch)
{
    fcs_tile_box b = {.n = n};
    int64_t xs[3], ys[3];
    strides(f, f->plane_y, ys);
    for (int k = 0; k < 3; k++) {
        b.first[k] = p[k]->write[0];
        b.step[k] = p[k]->write_step;
        b.count[k] = f->t[k].results;
    }
    const float *g = fcs_tile_pixels(&f->gy, &b, w->lane, w->columns, xs, patch);
    FCS_SYM(transform)(&f->spread, g, xs, y, ys, w->columns / FCS_VLEN);
}

/* ---- sums ---- */

/* s[m][0..NR) += sum over tiles of v[tile][m] y[tile][0..NR), m < mr. */
FCS_INLINE void sum_tile(const int mr, const int nv, const float *v, int64_t v_step, const float *y,
                         int64_t y_step, int64_t tiles, float *s, int64_t s_step)
{
    fcs_vf sum[FCS_MR][FCS_NV];
    FCS_UNROLL
    for (int m = 0; m < mr; m++) {
        FCS_UNROLL
        for (int i = 0; i < nv; i++)
            sum[m][i] = (fcs_vf){0};
    }
    FCS_UNROLL
    for (int m = 0; m < mr; m++)
        __builtin_prefetch(s + m * s_step, 1); /* needed when the tiles are summed */
    for (int64_t t = 0; t < tiles; t++, v += v_step, y += y_step) {
        fcs_vf row[FCS_NV];
        FCS_UNROLL
        for (int i = 0; i < nv; i++)
            row[i] = fcs_vload(y + i * FCS_VLEN);
        FCS_UNROLL
        for (int m = 0; m < mr; m++) {
            fcs_vf x = fcs_vset(v[m]);
            FCS_UNROLL
            for (int i = 0; i < nv; i++)
                sum[m][i] = fcs_vfma(x, row[i], sum[m][i]);
        }
    }
    FCS_UNROLL
    for (int m = 0; m < mr; m++) {
        FCS_UNROLL
        for (int i = 0; i < nv; i++) {
            float *p = s + m * s_step + i * FCS_VLEN;
            fcs_vstore(p, fcs_vload(p) + sum[m][i]);
        }
    }
}

typedef void sum_function(const float *v, int64_t v_step, const float *y, int64_t y_step,
                          int64_t tiles, float *s, int64_t s_step);
#define SUM(name, mr, nv)                                                                          \
    static void name(const float *v, int64_t v_step, const float *y, int64_t y_step,               \
                     int64_t tiles, float *s, int64_t s_step)                                      \
    {                                                                                              \
        sum_tile(mr, nv, v, v_step, y, y_step, tiles, s, s_step);                                  \
    }
SUM(sum_full, FCS_MR, FCS_NV)
SUM(sum_third, THIRD, FCS_NV)
SUM(sum_full_1, FCS_MR, 1)
SUM(sum_third_1, THIRD, 1)

static void sum_block(const tiled *f, const work *w, const float *v, const float *y, int64_t tiles,
                      float *s)
{
    for (int64_t p = 0; p < f->points; p++, v += f->plane_x, y += f->plane_y)
        for (int64_t at = 0; at < w->columns; at += FCS_NR) {
            bool wide = w->columns - at >= FCS_NR;
            float *sums = s + p * fcs_plane(w->rows * w->columns) + at;
            for (int64_t m = 0; m < w->rows;) {
                bool full = w->rows - m >= FCS_MR;
                sum_function *sum = full   ? wide ? sum_full : sum_full_1
                                    : wide ? sum_third
                                           : sum_third_1;
                sum(v + m, w->rows, y + at, w->columns, tiles, sums + m * w->columns, w->columns);
                m += full ? FCS_MR : THIRD;
            }
        }
}

/* One vector of gy's lanes from `at` on, a strip of x: y[tap][x channel][lane] to where it belongs
 * in out, [gy channel][tap][x channel]. */
static void write_back(const tiled *f, const work *w, int64_t strip, int64_t at, const float *y,
                       float *out)
{
    const fcs_conv_dims d[3] = {f->t[0].dims, f->t[1].dims, f->t[2].dims};
    int64_t filter = d[0].kernel * d[1].kernel * d[2].kernel * f->out.cs;
    int64_t c[3], j[3], k[3], channel = strip_channel(f, strip, c);
    int64_t n = fcs_least(STRIP, f->x.shape.n[FCS_C] - channel),
            lanes = fcs_least(FCS_VLEN, f->gy.shape.n[FCS_C] - w->lane - at);
    for (int64_t tap = 0; tap < f->taps; tap++, y += STRIP * FCS_VLEN) {
        fcs_split(tap, f->t[1].taps, f->t[2].taps, j);
        for (int i = 0; i < 3; i++)
            k[i] = fcs_tile_tap(&f->t[i], c[i], 0, j[i]);
        if (k[0] < 0 || k[1] < 0 || k[2] < 0)
            continue;
        float *to = out + (w->lane + at) * filter + channel +
                    ((k[0] * d[1].kernel + k[1]) * d[2].kernel + k[2]) * f->out.cs;
        for (int64_t l = 0; l < lanes; l++, to += filter)
            for (int64_t row = 0; row < n; row++)
                to[row] = y[row * FCS_VLEN + l];
    }
}

/* dw = G' S; y: taps x STRIP x VLEN floats of scratch. */
static void sums_back(const tiled *f, const work *w, const float *s, float *y, float *out)
{
    int64_t xs[3], tap = STRIP * FCS_VLEN,
                   ys[3] = {f->t[1].taps * f->t[2].taps * tap, f->t[2].taps * tap, tap};
    strides(f, fcs_plane(w->rows * w->columns), xs);
    for (int64_t strip = 0; strip < w->rows; strip += STRIP)
        for (int64_t at = 0; at < w->columns; at += FCS_VLEN) {
            for (int64_t row = 0; row < STRIP; row++)
                FCS_SYM(transform)
            (&f->back, s + (strip + row) * w->columns + at, xs, y + row * FCS_VLEN, ys, 1);
            write_back(f, w, w->strip + strip / STRIP, at, y, out);
        }
}

static void sum_items(void *arg, int64_t begin, int64_t end, int thread)
{
    const tiled *f = arg;
    size_t each = fcs_lines(f->local_floats * sizeof(float)) / sizeof(float);
    float *v = f->local + (size_t)thread * each, *y = v + f->points * f->plane_x,
          *s = y + f->points * f->plane_y, *patch = s + f->points * f->plane_sums;
    for (int64_t item = begin; item < end; item++) {
        int64_t part = item % f->parts, lanes = item / f->parts % f->lane_groups,
                strips = item / f->parts / f->lane_groups;
        work w = {.strip = strips * f->group_x / STRIP, .lane = lanes * f->group_y};
        w.rows = fcs_least(f->group_x, (f->strips - w.strip) * STRIP);
        w.columns = fcs_least(f->group_y, f->lanes - w.lane);
        memset(s, 0, (size_t)(f->points * fcs_plane(w.rows * w.columns)) * sizeof *s);
        for (int64_t b = part * f->blocks / f->parts; b < (part + 1) * f->blocks / f->parts; b++) {
            int64_t first = b * BLOCK, tiles = fcs_least(BLOCK, f->tiles - first);
            for (int64_t i = 0; i < tiles; i++) {
                const fcs_tile_place *p[3];
                int64_t n;
                place_of(f, first + i, &n, p);
                tile_x(f, &w, n, p, v + i * w.rows, patch);
                tile_gy(f, &w, n, p, y + i * w.columns, patch);
            }
            sum_block(f, &w, v, y, tiles, s);
        }
        sums_back(f, &w, s, v,
                  f->parts > 1 ? f->partial + part * fcs_shape_floats(f->out.shape) : f->out.p);
    }
}

static void clear(void *arg, int64_t begin, int64_t end, int thread)
{
    const tiled *f = arg;
    (void)thread;
    memset((f->parts > 1 ? f->partial : f->out.p) + begin, 0,
           (size_t)(end - begin) * sizeof(float));
}

static void add_parts(void *arg, int64_t begin, int64_t end, int thread)
{
    const tiled *f = arg;
    int64_t floats = fcs_shape_floats(f->out.shape);
    (void)thread;
    memcpy(f->out.p + begin, f->partial + begin, (size_t)(end - begin) * sizeof(float));
    for (int64_t part = 1; part < f->parts; part++)
        for (int64_t i = begin; i < end; i++)
            f->out.p[i] += f->partial[part * floats + i];
}

void FCS_SYM(conv_dw_tiled_run)(const fcs_cpu_call *call, const fcs_tiling t[3])
{
    tiled f;
    tiled_init(&f, call->args, t);
    int64_t floats = fcs_shape_floats(call->out.shape);
    fcs_tile_place *place = call->scratch;
    f.x = call->in[0];
    f.gy = call->in[1];
    f.out = call->out;
    for (int k = 0; k < 3; k++) {
        f.place[k] = place;
        for (int64_t i = 0; i < t[k].tiles; i++)
            *place++ = fcs_tile_at(&t[k], i);
    }
    f.partial = (float *)(void *)((char *)call->scratch + tiled_places(&f));
    f.local = f.partial + tiled_partial(&f, call->out.shape) / sizeof(float);
    fcs_parallel(call->team, f.parts * floats, 65536, clear, &f);
    fcs_parallel(call->team, f.parts * f.lane_groups * f.groups, 1, sum_items, &f);
    if (f.parts > 1)
        fcs_parallel(call->team, floats, 16384, add_parts, &f);
}
