/* conv_dw_tiled.c: conv_dw by minimal filtering: the derivative of conv's form in the kernel.
 *
 * y = A' [(G w) * (B' x)] gives dw = G' sum over tiles of [(A gy) * (B' x)]: per point, the product
 * of two matrices that are as long as there are tiles. A work item has a group of gy's channels
 * (rows), a group of x's (lanes, as in the result), and a part of the tiles: their sums
 * S[point][row][lane]. Groups are large, because both images are transformed once for each group of
 * the other's channels. Products of a block of tiles are summed in order, blocks are added up in
 * order within a sequence, whose sums are transformed back, sequences in order within a part, parts
 * at the end: lengths are fixed by the problem, so neither the rounding nor the error depends on
 * threads, and no sum is long (one over all tiles would lose two digits).
 *
 * A sequence of one block has nothing to add to: the sums of some rows at a time are transformed
 * back from the second cache (deep layers, whose sums are larger than the last one). */
#include "cpu/kernels/conv_dw_tiled.h"

enum {
    BLOCK = 64,             /* tiles that are transformed in one go, at most */
    SUM_TILES = 32,         /* summed in registers, at most: longer sums pass the bound, but */
    FEW_POINTS = 4,         /* not those of forms of so few: BLOCK */
    SEQUENCE = 4,           /* blocks added up before they are transformed back, at most */
    STRIP = 16,             /* channels are grouped by so many */
    GROUP = 128,            /* lanes or rows of a work item, if the two below allow */
    BLOCK_FLOATS = 1 << 20, /* of a block's transformed tiles, at most */
    SUM_FLOATS = 1 << 20,   /* of two groups' sums, at most */
    SUB_ROWS = 24,          /* transformed back at once where there is one block */
    AHEAD = 4,              /* rows of the result that are fetched before they are written */
    PARTS = 16,             /* work items wanted, by parts of the tiles if need be */
    PART_FLOATS = 1 << 21,  /* of all parts' results */
    THIRD = FCS_MR / 3
};

typedef struct tiled {
    fcs_view x, gy, out;
    fcs_dw_tiles g;
    int64_t blocks;
    int64_t block, sequence;    /* tiles, blocks; at most */
    int64_t sum;                /* tiles summed in registers, at most */
    int64_t lanes, rows;        /* of x, all kernels that add up; of gy */
    int64_t group_x, group_y;   /* of them in a work item */
    int64_t groups_x, groups_y; /* how many groups */
    int64_t sub_y;              /* rows summed and transformed back at once */
    int64_t plane_x, plane_y;
    int64_t filter; /* floats of a row in out */
    fcs_dw_parts parts;
    float *local;
    size_t local_floats, sums;
} tiled;

/* n in groups of equal size, at most `most` but for the rounding to whole strips. */
static int64_t even_groups(int64_t n, int64_t most)
{
    int64_t groups = fcs_divide_up(n, most);
    return fcs_divide_up(n, groups * STRIP) * STRIP;
}

static void choose_groups(tiled *f)
{
    int64_t x = GROUP, y = GROUP, tiles = fcs_least(f->g.n, BLOCK);
    while (f->g.points * x * y > SUM_FLOATS)
        if (x > y)
            x /= 2;
        else
            y /= 2;
    if (f->g.n <= BLOCK && f->g.points * tiles * (x + 2 * y) <= BLOCK_FLOATS)
        y *= 2; /* sums are few at a time */
    f->group_x = even_groups(f->lanes, x);
    f->group_y = even_groups(f->rows, y);
    f->groups_x = fcs_divide_up(f->lanes, f->group_x);
    f->groups_y = fcs_divide_up(f->rows, f->group_y);
}

static void choose_blocks(tiled *f)
{
    int64_t most = BLOCK_FLOATS / (f->g.points * (f->group_x + f->group_y));
    f->blocks = fcs_divide_up(f->g.n, fcs_least(BLOCK, most));
    f->parts.n = fcs_divide_up(PARTS, f->groups_x * f->groups_y);
    /* blocks by the two, so that not every one is transformed back */
    f->parts.n = fcs_least(f->parts.n, fcs_divide_up(f->blocks, 2));
    f->parts.n = fcs_least(f->parts.n, 1 + PART_FLOATS / f->parts.floats);
    f->blocks = fcs_divide_up(f->blocks, f->parts.n) * f->parts.n; /* as many in each part */
    f->block = fcs_divide_up(f->g.n, f->blocks);
    f->sequence = fcs_least(SEQUENCE, fcs_divide_up(f->blocks, f->parts.n));
    f->sub_y = f->sequence > 1 ? f->group_y : fcs_least(f->group_y, SUB_ROWS);
}

static void tiled_init(tiled *f, const fcs_apply_args *a, const fcs_tiling t[3])
{
    *f = (tiled){.g = fcs_dw_tiles_of(a, t)};
    f->lanes = f->g.reads * fcs_channel_stride(a->in[0].n[FCS_C]);
    f->rows = fcs_channel_stride(a->in[1].n[FCS_C]);
    f->parts.floats = fcs_shape_floats(a->out);
    f->filter = f->parts.floats / a->out.n[FCS_N];
    f->sum = BLOCK;
    for (int i = 0; i < 3; i++)
        f->sum = t[i].points <= FEW_POINTS ? f->sum : SUM_TILES;
    choose_groups(f);
    choose_blocks(f);
    f->plane_x = fcs_plane(f->block * f->group_x);
    f->plane_y = fcs_plane(f->block * f->group_y);
    f->sums = (size_t)(f->g.points * fcs_plane(f->group_x * f->sub_y));
    int64_t patch = f->group_x > f->group_y ? f->group_x : f->group_y;
    f->local_floats = (size_t)(f->g.points * (f->plane_x + f->plane_y + patch)) + f->sums;
}

size_t FCS_SYM(conv_dw_tiled_scratch)(const fcs_apply_args *a, const fcs_tiling t[3], int threads)
{
    tiled f;
    tiled_init(&f, a, t);
    return fcs_tile_places_bytes(t) + fcs_dw_parts_bytes(&f.parts) +
           (size_t)threads * fcs_lines(f.local_floats * sizeof(float));
}

/* ---- transforms ---- */

/* Lanes of x and rows of gy. */
typedef struct work {
    int64_t lane, lanes; /* the first one, how many */
    int64_t row, rows;
} work;

/* The lane's kernel c, and its channel there. */
static int64_t lane_channel(const tiled *f, int64_t lane, int64_t c[3])
{
    fcs_split(lane / f->x.cs, f->g.t[1].reads, f->g.t[2].reads, c);
    return lane % f->x.cs;
}

/* What the tile reads of x for lanes from `lane` on, as many as lie in one kernel; their number. */
static int64_t box_x(const tiled *f, const work *w, int64_t lane, const fcs_dw_where *at,
                     fcs_tile_box *b, int64_t *channel)
{
    int64_t c[3];
    *channel = lane_channel(f, w->lane + lane, c);
    b->n = at->n;
    for (int k = 0; k < 3; k++) {
        b->first[k] = fcs_tile_first(at->p[k], 0, c[k]);
        b->step[k] = at->p[k]->read_step;
        b->count[k] = f->g.t[k].points;
    }
    return fcs_least(w->lanes - lane, f->x.cs - *channel);
}

/* Those of the box that the tile before did not read: tiles follow one another along W. */
static void leave_new(const tiled *f, fcs_tile_box *b)
{
    int64_t known = b->count[2] - f->g.t[2].results;
    b->first[2] += b->step[2] * known;
    b->count[2] -= known;
}

/* The tile's pixels of x transformed, while those of the next one, which may be NULL, come. */
static void tile_x(const tiled *f, const work *w, const fcs_dw_where *at, const fcs_dw_where *next,
                   float *v, float *patch)
{
    int64_t ys[3], channel, width;
    fcs_tile_box b, ahead;
    fcs_dw_strides(&f->g, f->plane_x, ys);
    for (int64_t lane = 0; lane < w->lanes; lane += width) {
        width = box_x(f, w, lane, at, &b, &channel);
        if (next) {
            box_x(f, w, lane, next, &ahead, &channel);
            leave_new(f, &ahead);
        }
        fcs_tile_read(&f->g.forward, &f->x, &b, channel, width, v + lane, ys, next ? &ahead : NULL,
                      patch);
    }
}

static void tile_gy(const tiled *f, const work *w, const fcs_dw_where *at, const fcs_dw_where *next,
                    float *y, float *patch)
{
    fcs_tile_box b, ahead;
    int64_t ys[3];
    fcs_dw_strides(&f->g, f->plane_y, ys);
    fcs_dw_box_gy(&f->g, at, &b);
    if (next)
        fcs_dw_box_gy(&f->g, next, &ahead);
    fcs_tile_read(&f->g.spread, &f->gy, &b, w->row, w->rows, y, ys, next ? &ahead : NULL, patch);
}

/* The tiles from `first` on; while one is transformed, the pixels of the next come. */
static void transform_block(const tiled *f, const work *w, int64_t first, int64_t tiles, float *v,
                            float *y, float *patch)
{
    fcs_dw_where at = fcs_dw_where_of(&f->g, first), next = at;
    for (int64_t i = 0; i < tiles; i++, v += w->lanes, y += w->rows, at = next) {
        bool more = i + 1 < tiles;
        if (more)
            next = fcs_dw_where_of(&f->g, first + i + 1);
        tile_x(f, w, &at, more ? &next : NULL, v, patch);
        tile_gy(f, w, &at, more ? &next : NULL, y, patch);
    }
}

/* ---- sums ---- */

/* s[m][0..NR) (+)= sum over tiles of y[tile][m] v[tile][0..NR), m < mr. */
FCS_INLINE void sum_tile(const int mr, const int nv, const float *y, int64_t y_step, const float *v,
                         int64_t v_step, int64_t tiles, float *s, int64_t s_step, bool more)
{
    fcs_vf sum[FCS_MR][FCS_NV];
    FCS_UNROLL
    for (int m = 0; m < mr; m++) {
        FCS_UNROLL
        for (int i = 0; i < nv; i++)
            sum[m][i] = (fcs_vf){0};
    }
    FCS_UNROLL
    for (int m = 0; m < mr; m++) {
        __builtin_prefetch(s + m * s_step, 1); /* needed when the tiles are summed */
        if (nv * FCS_VLEN > 16)
            __builtin_prefetch(s + m * s_step + 16, 1);
    }
    for (int64_t t = 0; t < tiles; t++, v += v_step, y += y_step) {
        fcs_vf row[FCS_NV];
        FCS_UNROLL
        for (int i = 0; i < nv; i++)
            row[i] = fcs_vload(v + i * FCS_VLEN);
        FCS_UNROLL
        for (int m = 0; m < mr; m++) {
            fcs_vf x = fcs_vset(y[m]);
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
            fcs_vstore(p, more ? fcs_vload(p) + sum[m][i] : sum[m][i]);
        }
    }
}

typedef void sum_function(const float *y, int64_t y_step, const float *v, int64_t v_step,
                          int64_t tiles, float *s, int64_t s_step, bool more);
#define SUM(name, mr, nv)                                                                          \
    static void name(const float *y, int64_t y_step, const float *v, int64_t v_step,               \
                     int64_t tiles, float *s, int64_t s_step, bool more)                           \
    {                                                                                              \
        sum_tile(mr, nv, y, y_step, v, v_step, tiles, s, s_step, more);                            \
    }
SUM(sum_full, FCS_MR, FCS_NV)
SUM(sum_third, THIRD, FCS_NV)
SUM(sum_full_1, FCS_MR, 1)
SUM(sum_third_1, THIRD, 1)

/* Of `rows` of the work's rows from `row` on. */
static void sum_block(const tiled *f, const work *w, int64_t row, int64_t rows, const float *v,
                      const float *y, int64_t tiles, float *s, bool more)
{
    int64_t each = fcs_divide_up(tiles, fcs_divide_up(tiles, f->sum));
    for (int64_t p = 0; p < f->g.points; p++, v += f->plane_x, y += f->plane_y)
        for (int64_t at = 0; at < w->lanes; at += FCS_NR) {
            bool wide = w->lanes - at >= FCS_NR;
            float *sums = s + p * fcs_plane(rows * w->lanes) + at;
            for (int64_t m = 0; m < rows;) {
                bool full = rows - m >= FCS_MR;
                sum_function *sum = full   ? wide ? sum_full : sum_full_1
                                    : wide ? sum_third
                                           : sum_third_1;
                for (int64_t t = 0; t < tiles; t += each)
                    sum(y + row + m + t * w->rows, w->rows, v + at + t * w->lanes, w->lanes,
                        fcs_least(each, tiles - t), sums + m * w->lanes, w->lanes, more || t);
                m += full ? FCS_MR : THIRD;
            }
        }
}

/* Where the lanes of a kernel go: floats from a row's first in out to the channel of each tap, -1
 * where the kernel has none; whether it has all. */
static bool tap_offsets(const tiled *f, const int64_t c[3], int64_t channel, int64_t *offset)
{
    bool all = true;
    for (int64_t tap = 0; tap < f->g.taps; tap++) {
        int64_t at = fcs_dw_tap(&f->g, c, tap);
        offset[tap] = at < 0 ? -1 : at * f->out.cs + channel;
        all = all && at >= 0;
    }
    return all;
}

/* y[tap][lane], one row of gy, of which n channels are some, to the row in out. */
static void write_row(const tiled *f, const int64_t *offset, int64_t width, int64_t n,
                      const float *y, float *out, bool more)
{
    for (int64_t tap = 0; tap < f->g.taps; tap++, y += width) {
        if (offset[tap] < 0)
            continue;
        float *to = out + offset[tap];
        for (int64_t i = 0; i < n; i++)
            to[i] = more ? to[i] + y[i] : y[i];
        for (int64_t i = n; i < width; i++)
            to[i] = 0;
    }
}

FCS_INLINE void fetch_row(const tiled *f, const int64_t *offset, int64_t width, const float *out)
{
    for (int64_t tap = 0; tap < f->g.taps; tap++)
        for (int64_t i = 0; i < width && offset[tap] >= 0; i += 16)
            __builtin_prefetch(out + offset[tap] + i, 1);
}

/* Where the taps of a row lie in out, one distance along each axis. */
static void tap_strides(const tiled *f, const int64_t *offset, int64_t ys[3])
{
    int64_t taps = 1;
    for (int k = 2; k >= 0; taps *= f->g.t[k].taps, k--)
        ys[k] = f->g.t[k].taps > 1 ? offset[taps] - offset[0] : 0;
}

/* dw = G' S of `rows` of the work's rows from `row` on, straight to out where nothing is added and
 * the kernel has all taps; y: taps x lanes floats of scratch. */
static void sums_back(const tiled *f, const work *w, int64_t row, int64_t rows, const float *s,
                      float *y, float *out, bool more)
{
    int64_t xs[3], width, offset[FCS_TILING_POINTS];
    fcs_dw_strides(&f->g, fcs_plane(rows * w->lanes), xs);
    rows = fcs_least(rows, f->gy.shape.n[FCS_C] - w->row - row);
    out += (w->row + row) * f->filter;
    for (int64_t lane = 0; lane < w->lanes; lane += width) {
        int64_t c[3], channel = lane_channel(f, w->lane + lane, c);
        width = fcs_least(w->lanes - lane, f->x.cs - channel);
        int64_t ys[3] = {f->g.t[1].taps * f->g.t[2].taps * width, f->g.t[2].taps * width, width},
                n = fcs_least(width, f->x.shape.n[FCS_C] - channel);
        bool straight = tap_offsets(f, c, channel, offset) && n == width && !more;
        if (straight)
            tap_strides(f, offset, ys);
        for (int64_t i = -AHEAD; i < rows; i++) {
            if (i + AHEAD < rows)
                fetch_row(f, offset, width, out + (i + AHEAD) * f->filter);
            if (i < 0)
                continue;
            float *to = straight ? out + i * f->filter + offset[0] : y;
            FCS_SYM(transform)(&f->g.back, s + i * w->lanes + lane, xs, to, ys, width / FCS_VLEN);
            if (!straight)
                write_row(f, offset, width, n, y, out + i * f->filter, more);
        }
    }
}

typedef struct buffers {
    float *v, *y, *s, *patch;
} buffers;

/* Blocks begin .. end - 1, to out or, with `more`, added to it. */
static void sum_sequence(const tiled *f, const work *w, int64_t begin, int64_t end,
                         const buffers *b, float *out, bool more)
{
    for (int64_t i = begin; i < end; i++) {
        int64_t first = i * f->g.n / f->blocks, tiles = (i + 1) * f->g.n / f->blocks - first;
        transform_block(f, w, first, tiles, b->v, b->y, b->patch);
        for (int64_t row = 0; row < w->rows; row += f->sub_y) {
            int64_t rows = fcs_least(f->sub_y, w->rows - row);
            sum_block(f, w, row, rows, b->v, b->y, tiles, b->s, i > begin);
            if (i + 1 == end)
                sums_back(f, w, row, rows, b->s, b->patch, out, more);
        }
    }
}

static void sum_items(void *arg, int64_t begin, int64_t end, int thread)
{
    const tiled *f = arg;
    size_t each = fcs_lines(f->local_floats * sizeof(float)) / sizeof(float);
    buffers b = {.v = f->local + (size_t)thread * each};
    b.y = b.v + f->g.points * f->plane_x;
    b.s = b.y + f->g.points * f->plane_y;
    b.patch = b.s + f->sums;
    for (int64_t item = begin; item < end; item++) {
        int64_t part = item % f->parts.n, y = item / f->parts.n % f->groups_y,
                x = item / f->parts.n / f->groups_y;
        work w = {.lane = x * f->group_x, .row = y * f->group_y};
        w.lanes = fcs_least(f->group_x, f->lanes - w.lane);
        w.rows = fcs_least(f->group_y, f->rows - w.row);
        float *out = fcs_dw_part(&f->parts, part);
        int64_t first = part * f->blocks / f->parts.n, last = (part + 1) * f->blocks / f->parts.n;
        for (int64_t i = first; i < last; i += f->sequence)
            sum_sequence(f, &w, i, fcs_least(i + f->sequence, last), &b, out, i > first);
    }
}

void FCS_SYM(conv_dw_tiled_run)(const fcs_cpu_call *call, const fcs_tiling t[3])
{
    tiled f;
    tiled_init(&f, call->args, t);
    f.x = call->in[0];
    f.gy = call->in[1];
    f.out = call->out;
    fcs_tile_places(t, call->scratch, f.g.place);
    f.parts.out = call->out.p;
    f.parts.partial = (float *)(void *)((char *)call->scratch + fcs_tile_places_bytes(t));
    f.local = f.parts.partial + fcs_dw_parts_bytes(&f.parts) / sizeof(float);
    fcs_parallel(call->team, f.parts.n * f.groups_x * f.groups_y, 1, sum_items, &f);
    FCS_SYM(dw_parts_add)(call->team, &f.parts);
}
