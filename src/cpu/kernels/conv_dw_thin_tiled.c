/* conv_dw_thin_tiled.c: conv_dw by minimal filtering (conv_dw_tiled.c) where x has one to seven
 * channels.
 *
 * S[point][row][lane] = sum over tiles of (B' x)[point][tile][row] (A gy)[point][tile][lane]
 *
 * Rows are x's, kernels that add up times channels, lanes are gy's channels. Several tiles of x are
 * transformed side by side: the lanes of their vectors are tiles times rows. With so few rows gy's
 * transforms weigh as much as the products, and what they write must stay near: a step has few
 * tiles, and its lanes are transformed and multiplied a vector or two at a time. Its products are
 * added to the sums of a sequence of steps, those, transformed back, to the sums of a part, parts
 * in order at the end: lengths are fixed by the problem, and no sum is long. */
#include "cpu/kernels/conv_dw_tiled.h"
#include "cpu/kernels/thin_tiles.h"

enum {
    NV = FCS_VLEN == 16 ? 1 : 2, /* vectors of lanes at a time */
    WIDTH = NV * FCS_VLEN,
    MR = 4,                /* rows of a register tile, at most */
    STEP_POINTS = 1 << 10, /* of a step's tiles of gy, at most */
    STEP = 16,             /* tiles of a step, at most */
    SIDE_BY_SIDE = 32,     /* lanes of x's tiles, at least, if there are as many */
    SEQUENCE = 16,         /* steps added up before they are transformed back, about */
    LANES = 32,            /* work items have multiples of so many */
    SUM_FLOATS = 1 << 16,  /* wanted size of a work item's sums */
    PARTS = 16,            /* work items wanted, by parts of the tiles if need be */
    PART_FLOATS = 1 << 21  /* of all parts' results */
};

typedef struct tiled {
    fcs_view x, gy, out;
    fcs_dw_tiles g;
    fcs_thin_tiles thin;
    int64_t rows;
    int64_t step, block;          /* tiles: of gy, of x that are transformed in one go */
    int64_t lanes, group, groups; /* group: lanes of a work item */
    int64_t width_x;              /* lanes of x's tiles */
    int64_t plane_x, plane_y;
    int64_t patch;
    fcs_dw_parts parts;
    float *local;
    int64_t pixels; /* of gy in a step, at most */
    size_t local_bytes;
} tiled;

static void choose_sizes(tiled *f)
{
    f->step = fcs_least(STEP, fcs_most(1, STEP_POINTS / f->g.points));
    f->block = f->step * fcs_divide_up(SIDE_BY_SIDE, f->step * f->rows);
    f->group = fcs_most(1, SUM_FLOATS / (f->g.points * f->rows) / LANES) * LANES;
    f->group = fcs_least(f->group, f->lanes);
    f->groups = fcs_divide_up(f->lanes, f->group);
    f->parts.n =
        fcs_least(fcs_divide_up(PARTS, f->groups), fcs_divide_up(f->g.n, 2 * SEQUENCE * f->step));
    f->parts.n = fcs_least(f->parts.n, 1 + PART_FLOATS / f->parts.floats);
}

static void tiled_init(tiled *f, const fcs_apply_args *a, const fcs_tiling t[3])
{
    int64_t results = 1, channels = a->in[0].n[FCS_C];
    *f = (tiled){.g = fcs_dw_tiles_of(a, t)};
    for (int i = 0; i < 3; i++)
        results *= t[i].results;
    f->rows = f->g.reads * channels;
    f->lanes = fcs_channel_stride(a->in[1].n[FCS_C]);
    f->parts.floats = fcs_shape_floats(a->out);
    choose_sizes(f);
    f->width_x = fcs_divide_up(f->block * f->rows, FCS_VLEN) * FCS_VLEN;
    f->plane_x = fcs_plane(f->width_x);
    f->plane_y = fcs_plane(f->step * WIDTH);
    f->patch = fcs_most(f->g.points * f->plane_x, fcs_most(results, f->g.taps) * WIDTH);
    f->pixels = f->step * results;
    f->local_bytes = fcs_lines((size_t)(f->g.points * (f->plane_x + f->plane_y) + f->patch +
                                        (f->g.points + f->g.taps) * f->rows * f->group) *
                                   sizeof(float) +
                               (size_t)(2 * f->pixels) * sizeof(float *));
}

size_t FCS_SYM(conv_dw_thin_tiled_scratch)(const fcs_apply_args *a, const fcs_tiling t[3],
                                           int threads)
{
    tiled f;
    tiled_init(&f, a, t);
    return fcs_tile_places_bytes(t) + fcs_dw_parts_bytes(&f.parts) +
           (size_t)threads * f.local_bytes;
}

/* ---- transforms ---- */

static void transform_x(const tiled *f, int64_t first, int64_t tiles, float *patch, float *v)
{
    int64_t s[3];
    fcs_dw_strides(&f->g, f->plane_x, s);
    for (int64_t i = 0; i < tiles; i++) {
        fcs_dw_where at = fcs_dw_where_of(&f->g, first + i);
        fcs_thin_tile(&f->thin, at.n, at.p, patch + i * f->rows);
    }
    FCS_SYM(transform)(&f->g.forward, patch, s, v, s, fcs_divide_up(tiles * f->rows, FCS_VLEN));
}

/* What a step's tiles read of gy. */
typedef struct step {
    fcs_tile_box box[STEP];
    const float **pixel; /* those inside the image */
    int64_t tiles, pixels;
} step;

static void box_pixels(const fcs_view *image, const fcs_tile_box *b, step *s)
{
    const int64_t *size = image->shape.n + FCS_D;
    for (int64_t i = 0, z = b->first[0]; i < b->count[0]; i++, z += b->step[0])
        for (int64_t j = 0, v = b->first[1]; j < b->count[1]; j++, v += b->step[1]) {
            if (z < 0 || z >= size[0] || v < 0 || v >= size[1])
                continue;
            int64_t line = ((b->n * size[0] + z) * size[1] + v) * size[2], u = b->first[2];
            for (int64_t k = 0; k < b->count[2]; k++, u += b->step[2])
                if (u >= 0 && u < size[2])
                    s->pixel[s->pixels++] = image->p + (line + u) * image->cs;
        }
}

static void step_at(const tiled *f, int64_t first, int64_t end, step *s)
{
    s->tiles = fcs_most(0, fcs_least(f->step, end - first));
    s->pixels = 0;
    for (int64_t i = 0; i < s->tiles; i++) {
        fcs_dw_where at = fcs_dw_where_of(&f->g, first + i);
        fcs_dw_box_gy(&f->g, &at, &s->box[i]);
        box_pixels(&f->gy, &s->box[i], s);
    }
}

static void transform_gy(const tiled *f, const step *s, int64_t lane, float *patch, float *y)
{
    int64_t xs[3], ys[3];
    fcs_dw_strides(&f->g, f->plane_y, ys);
    for (int64_t i = 0; i < s->tiles; i++, y += WIDTH) {
        const float *g = fcs_tile_pixels(&f->gy, &s->box[i], lane, WIDTH, xs, patch);
        FCS_SYM(transform)(&f->g.spread, g, xs, y, ys, NV);
    }
}

/* ---- sums ---- */

/* The products of a step: of x's tiles and gy's, planes of points of both; to, or added to, the
 * sums [point][row][lane]. */
typedef struct products {
    const float *x, *y;
    int64_t plane_x, plane_y, rows, points, tiles;
    bool more;
    const float *const *ahead; /* pixels, `each` with a point, that are fetched from lane on */
    int64_t n_ahead, each, lane;
} products;

/* Rows row .. row + mr - 1 of all points. */
FCS_INLINE void sum_rows(const products *work, int64_t row, float *s, const unsigned mr)
{
    const products p = *work; /* stores might change those behind the pointer */
    const float *const *ahead = p.ahead, *const *end = ahead + p.n_ahead;
    for (int64_t point = 0; point < p.points; point++) {
        const float *x = p.x + point * p.plane_x + row, *y = p.y + point * p.plane_y;
        float *to = s + (point * p.rows + row) * WIDTH;
        fcs_vf sum[MR * NV];
        for (int64_t i = 0; i < p.each && ahead < end; i++, ahead++)
            __builtin_prefetch(*ahead + p.lane, 0, 2);
        FCS_UNROLL
        for (unsigned i = 0; i < mr * NV; i++)
            sum[i] = (fcs_vf){0};
        for (int64_t t = 0; t < p.tiles; t++, x += p.rows, y += WIDTH) {
            fcs_vf lanes[NV];
            FCS_UNROLL
            for (unsigned v = 0; v < NV; v++)
                lanes[v] = fcs_vload(y + v * FCS_VLEN);
            FCS_UNROLL
            for (unsigned m = 0; m < mr; m++) {
                fcs_vf a = fcs_vset(x[m]);
                FCS_UNROLL
                for (unsigned v = 0; v < NV; v++)
                    sum[m * NV + v] = fcs_vfma(a, lanes[v], sum[m * NV + v]);
            }
        }
        FCS_UNROLL
        for (unsigned i = 0; i < mr * NV; i++, to += FCS_VLEN)
            fcs_vstore(to, p.more ? fcs_vload(to) + sum[i] : sum[i]);
    }
}

typedef void sum_function(const products *p, int64_t row, float *s);
#define SUM(name, mr)                                                                              \
    static void name(const products *p, int64_t row, float *s) { sum_rows(p, row, s, mr); }
SUM(sum_1, 1)
SUM(sum_2, 2)
SUM(sum_3, 3)
SUM(sum_4, 4)
static sum_function *const sum_functions[MR] = {sum_1, sum_2, sum_3, sum_4};

typedef struct buffers {
    float *x, *y, *patch, *sums, *total;
    const float **pixel[2];
} buffers;

/* Adds a sequence's sums, transformed back, to the part's: [lanes][tap][row][lane]. */
static void sums_back(const tiled *f, int64_t lanes, const buffers *b)
{
    int64_t xs[3], ys[3] = {f->g.t[1].taps * f->g.t[2].taps * WIDTH, f->g.t[2].taps * WIDTH, WIDTH};
    const float *s = b->sums;
    float *total = b->total;
    fcs_dw_strides(&f->g, f->rows * WIDTH, xs);
    for (int64_t lane = 0; lane < lanes; lane += WIDTH) {
        for (int64_t row = 0; row < f->rows; row++) {
            FCS_SYM(transform)(&f->g.back, s + row * WIDTH, xs, b->patch, ys, NV);
            for (int64_t tap = 0; tap < f->g.taps; tap++)
                for (int64_t i = 0; i < WIDTH; i += FCS_VLEN) {
                    float *to = total + (tap * f->rows + row) * WIDTH + i;
                    fcs_vstore(to, fcs_vload(to) + fcs_vload(b->patch + tap * WIDTH + i));
                }
        }
        s += f->g.points * f->rows * WIDTH;
        total += f->g.taps * f->rows * WIDTH;
    }
}

/* Floats from a filter's first weight to that of a tap and row, -1: it has none. */
static int64_t weight_offset(const tiled *f, int64_t tap, int64_t row)
{
    int64_t c[3];
    fcs_split(row / f->x.cs, f->g.t[1].reads, f->g.t[2].reads, c);
    int64_t at = fcs_dw_tap(&f->g, c, tap);
    return at < 0 ? -1 : at * f->out.cs + row % f->x.cs;
}

/* A part's sums to where they belong in out, [co][tap][ci]. */
static void write_part(const tiled *f, int64_t first, int64_t lanes, const float *total, float *out)
{
    int64_t filter = f->parts.floats / f->out.shape.n[FCS_N], n = f->gy.shape.n[FCS_C];
    for (int64_t lane = first; lane < first + lanes; lane += WIDTH)
        for (int64_t tap = 0; tap < f->g.taps; tap++)
            for (int64_t row = 0; row < f->rows; row++, total += WIDTH) {
                int64_t at = weight_offset(f, tap, row);
                for (int64_t i = 0; i < WIDTH && lane + i < n && at >= 0; i++)
                    out[(lane + i) * filter + at] = total[i];
            }
}

/* Tiles first .. end - 1, at most a block. */
static void sum_block(const tiled *f, int64_t first, int64_t end, int64_t lane, int64_t lanes,
                      bool more, const buffers *b)
{
    products p = {.y = b->y,
                  .plane_x = f->plane_x,
                  .plane_y = f->plane_y,
                  .rows = f->rows,
                  .points = f->g.points};
    step steps[2] = {{.pixel = b->pixel[0]}, {.pixel = b->pixel[1]}}, *now = &steps[0],
         *next = &steps[1];
    transform_x(f, first, end - first, b->patch, b->x);
    step_at(f, first, end, now);
    for (int64_t tile = first; tile < end; tile += f->step) {
        step_at(f, tile + f->step, f->g.n, next);
        now->tiles = fcs_least(now->tiles, end - tile);
        p.tiles = now->tiles;
        p.x = b->x + (tile - first) * f->rows;
        p.more = more || tile > first;
        p.ahead = next->pixel;
        p.each = fcs_divide_up(next->pixels, f->g.points);
        for (int64_t at = 0; at < lanes; at += WIDTH) {
            float *s = b->sums + at * f->g.points * f->rows;
            transform_gy(f, now, lane + at, b->patch, b->y);
            p.n_ahead = next->pixels;
            p.lane = lane + at;
            for (int64_t row = 0; row < f->rows; row += MR, p.n_ahead = 0)
                sum_functions[fcs_least(MR, f->rows - row) - 1](&p, row, s);
        }
        step *other = now;
        now = next;
        next = other;
    }
}

static void sum_items(void *arg, int64_t begin, int64_t end, int thread)
{
    const tiled *f = arg;
    buffers b = {.x = f->local + (size_t)thread * (f->local_bytes / sizeof(float))};
    b.y = b.x + f->g.points * f->plane_x;
    b.patch = b.y + f->g.points * f->plane_y;
    b.sums = b.patch + f->patch;
    b.total = b.sums + f->g.points * f->rows * f->group;
    b.pixel[0] = (const float **)(void *)(b.total + f->g.taps * f->rows * f->group);
    b.pixel[1] = b.pixel[0] + f->pixels;
    for (int64_t item = begin; item < end; item++) {
        int64_t part = item % f->parts.n, lane = item / f->parts.n * f->group,
                lanes = fcs_least(f->group, f->lanes - lane);
        int64_t first = part * f->g.n / f->parts.n, last = (part + 1) * f->g.n / f->parts.n;
        memset(b.total, 0, (size_t)(f->g.taps * f->rows * lanes) * sizeof *b.total);
        for (int64_t tile = first, added = 0; tile < last; tile += f->block) {
            sum_block(f, tile, fcs_least(tile + f->block, last), lane, lanes, added > 0, &b);
            added += f->block;
            if (added >= SEQUENCE * f->step || tile + f->block >= last) {
                sums_back(f, lanes, &b);
                added = 0;
            }
        }
        write_part(f, lane, lanes, b.total, fcs_dw_part(&f->parts, part));
    }
}

void FCS_SYM(conv_dw_thin_tiled_run)(const fcs_cpu_call *call, const fcs_tiling t[3])
{
    tiled f;
    tiled_init(&f, call->args, t);
    f.x = call->in[0];
    f.thin = fcs_thin_tiles_of(&f.x, t, f.plane_x);
    f.gy = call->in[1];
    f.out = call->out;
    fcs_tile_places(t, call->scratch, f.g.place);
    f.parts.out = call->out.p;
    f.parts.partial = (float *)(void *)((char *)call->scratch + fcs_tile_places_bytes(t));
    f.local = f.parts.partial + fcs_dw_parts_bytes(&f.parts) / sizeof(float);
    fcs_parallel(call->team, f.parts.n * f.groups, 1, sum_items, &f);
    FCS_SYM(dw_parts_add)(call->team, &f.parts);
}
