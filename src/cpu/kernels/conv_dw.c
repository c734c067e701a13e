/* conv_dw.c: the gradient in the weights: sums over pixels of x's channels times gy's.
 *
 * sum[tap, m, lane] = sum over pixels q of x[reach * q + offset + spread * tap, m] * gy[q, lane]
 *
 * Pixels of gy go in chunks of at most CHUNK (fixed by the problem): gy's lanes and x's channels
 * are copied once per chunk, zero padded, and then read by all taps; a tile's sums, MR channels by
 * NR lanes of one tap, stay in registers over a chunk. Chunks are added up in order within a part,
 * parts in order at the end. Images of few channels: conv_dw_thin.c. */
#include "cpu/cpu.h"
#include "ops/axis.h"
#include "cpu/kernels/conv.h"

enum {
    CHUNK = 2048,           /* pixels summed in one go */
    PATCH_FLOATS = 1 << 17, /* wanted size of x's copy */
    PARTS = 16,             /* work items wanted, by parts of the pixels if need be */
    PART_FLOATS = 1 << 21,  /* of all parts' results */
    LANES = 32,
    ROWS = 12, /* lanes and x's channels of a work item, at least, so that copies pay */
    TILES = 8  /* tiles that share gy's copy, at least */
};

typedef struct dw {
    fcs_view x, gy, out;
    fcs_axis axis[3];
    int64_t channels, taps;
    int64_t box[4], boxes[4], chunks; /* a chunk of gy: samples, D, H, W; how many */
    int64_t patch[3];                 /* the part of x that a chunk reads: D H W */
    int64_t groups, batch, batches;   /* of x's channels, MR each: so many in an item */
    int64_t blocks, width;            /* of lanes */
    int64_t span, spans;              /* blocks in an item */
    fcs_dw_parts parts;
    char *local;
    size_t local_bytes, sums, panel, copy; /* floats */
    size_t rows;
} dw;

/* ---- the problem's cut: nothing here may depend on threads ---- */

static int64_t dw_patch(dw *w)
{
    int64_t floats = w->box[0] * FCS_MR;
    for (int i = 0; i < 3; i++) {
        const fcs_axis *x = &w->axis[i];
        w->patch[i] = (w->box[i + 1] - 1) * x->reach + (x->taps - 1) * x->spread + 1;
        floats *= w->patch[i];
    }
    return floats;
}

static int64_t dw_count(const dw *w, int axis)
{
    return axis ? w->axis[axis - 1].count : w->gy.shape.n[FCS_N];
}

static void dw_cut(dw *w)
{
    int64_t room = CHUNK;
    w->chunks = 1;
    for (int i = 3; i >= 0; i--) {
        int64_t n = dw_count(w, i);
        w->box[i] = fcs_least(n, room);
        room = w->box[i] == n && n ? room / n : 1;
    }
    for (int i = 0; i < 3; i++)
        while (dw_patch(w) > PATCH_FLOATS && w->box[i] > 1)
            w->box[i] = (w->box[i] + 1) / 2;
    for (int i = 0; i < 4; i++) {
        w->boxes[i] = w->box[i] ? fcs_divide_up(dw_count(w, i), w->box[i]) : 0;
        w->chunks *= w->boxes[i];
    }
}

static void dw_init(dw *w, const fcs_apply_args *a)
{
    int64_t columns, floats = fcs_shape_floats(a->out);
    *w = (dw){.channels = a->in[0].n[FCS_C], .taps = 1};
    w->gy.shape = a->in[1];
    for (int i = 0; i < 3; i++) {
        w->axis[i] = fcs_axis_forward(fcs_conv_dims_of(&a->attrs, a->in[0], a->out, a->in[1], i));
        w->taps *= w->axis[i].taps;
    }
    dw_cut(w);
    columns = fcs_divide_up(a->in[1].n[FCS_C], FCS_VLEN) * FCS_VLEN;
    w->width = columns < FCS_NR ? columns : FCS_NR;
    w->blocks = fcs_divide_up(columns, FCS_NR);
    w->span = fcs_least(w->blocks, LANES / FCS_NR);
    w->spans = fcs_divide_up(w->blocks, w->span);
    w->groups = fcs_divide_up(w->channels, FCS_MR);
    w->panel = (size_t)(w->box[0] * w->box[1] * w->box[2] * w->box[3] * FCS_NR);
    w->copy = (size_t)dw_patch(w);
    w->rows = (size_t)(w->box[0] * w->box[1] * w->box[2]);
    w->batch =
        fcs_least(w->groups, fcs_divide_up(ROWS / FCS_MR * TILES, fcs_least(w->taps, TILES)));
    w->batches = fcs_divide_up(w->groups, w->batch);
    w->parts = (fcs_dw_parts){.floats = floats,
                              .n = fcs_least(fcs_divide_up(PARTS, w->spans * w->batches),
                                             fcs_least(w->chunks, 1 + PART_FLOATS / floats))};
    w->sums = (size_t)(w->span * w->batch * w->taps * FCS_MR * FCS_NR);
    w->local_bytes = fcs_lines(w->sums * sizeof(float)) +
                     fcs_lines((size_t)w->span * w->panel * sizeof(float)) +
                     fcs_lines(w->copy * sizeof(float)) + fcs_lines(w->rows * sizeof(int64_t));
}

static size_t dw_scratch(const fcs_apply_args *a, int threads)
{
    dw w;
    dw_init(&w, a);
    return fcs_dw_parts_bytes(&w.parts) + (size_t)threads * w.local_bytes;
}

/* ---- copies ---- */

typedef struct chunk {
    int64_t first[4], size[4];
} chunk; /* N D H W of gy */

static chunk dw_chunk(const dw *w, int64_t i)
{
    chunk k;
    for (int j = 3; j >= 0; j--) {
        k.first[j] = i % w->boxes[j] * w->box[j];
        k.size[j] = fcs_least(w->box[j], dw_count(w, j) - k.first[j]);
        i /= w->boxes[j];
    }
    return k;
}

/* Row i of the chunk: n, z, y. */
static void chunk_row(const chunk *k, int64_t i, int64_t at[3])
{
    at[0] = i / (k->size[1] * k->size[2]);
    at[1] = i / k->size[2] % k->size[1];
    at[2] = i % k->size[2];
}

/* Lanes first .. first + width - 1 of the chunk's pixels of gy, one pixel after another, zeros
 * beyond its channels. */
static void copy_panel(const dw *w, const chunk *k, int64_t first, float *y)
{
    int64_t n = fcs_least(w->width, w->gy.cs - first);
    for (int64_t i = 0; i < k->size[0] * k->size[1] * k->size[2]; i++) {
        int64_t at[3], line;
        chunk_row(k, i, at);
        line = k->first[0] + at[0];
        for (int j = 0; j < 2; j++)
            line = line * w->gy.shape.n[FCS_D + j] + k->first[j + 1] + at[j + 1];
        const float *x = w->gy.p + (line * w->gy.shape.n[FCS_W] + k->first[3]) * w->gy.cs + first;
        if (n == FCS_NR)
            for (int64_t q = 0; q < k->size[3]; q++, x += w->gy.cs, y += FCS_NR)
                memcpy(y, x, FCS_NR * sizeof *y);
        else
            for (int64_t q = 0; q < k->size[3]; q++, x += w->gy.cs, y += w->width) {
                memset(y, 0, (size_t)w->width * sizeof *y);
                memcpy(y, x, (size_t)n * sizeof *y);
            }
    }
}

FCS_INLINE void copy_channels(float *y, const float *x, int64_t n, int64_t step, const int channels)
{
    for (int64_t i = 0; i < n; i++, y += channels, x += step)
        memcpy(y, x, (size_t)channels * sizeof *y);
}

/* n pixels' `channels` floats, a third, two thirds or all of MR, from x (pixel stride cs). */
static void copy_pixels(float *y, const float *x, int64_t n, int64_t cs, int64_t channels)
{
    if (channels == FCS_MR)
        copy_channels(y, x, n, cs, FCS_MR);
    else if (channels == FCS_MR * 2 / 3)
        copy_channels(y, x, n, cs, FCS_MR * 2 / 3);
    else
        copy_channels(y, x, n, cs, FCS_MR / 3);
}

/* The chunk's patch of x, `channels` from `first` on, zeros outside the image. */
static void copy_patch(const dw *w, const chunk *k, int64_t first, int64_t channels, float *y)
{
    const fcs_axis *ax = &w->axis[2];
    int64_t size[3], x0 = ax->reach * k->first[3] + ax->offset, row = w->patch[2] * channels, lo,
                     hi;
    for (int j = 0; j < 3; j++)
        size[j] =
            (k->size[j + 1] - 1) * w->axis[j].reach + (w->axis[j].taps - 1) * w->axis[j].spread + 1;
    lo = x0 < 0 ? fcs_least(-x0, size[2]) : 0;
    hi = fcs_least(size[2], ax->size - x0);
    for (int64_t i = 0; i < k->size[0] * size[0] * size[1]; i++) {
        int64_t n = i / (size[0] * size[1]), z = i / size[1] % size[0], v = i % size[1];
        float *line = y + ((n * w->patch[0] + z) * w->patch[1] + v) * row;
        z += w->axis[0].reach * k->first[1] + w->axis[0].offset;
        v += w->axis[1].reach * k->first[2] + w->axis[1].offset;
        if (z < 0 || z >= w->axis[0].size || v < 0 || v >= w->axis[1].size || lo >= hi) {
            memset(line, 0, (size_t)(size[2] * channels) * sizeof *line);
            continue;
        }
        n = ((k->first[0] + n) * w->axis[0].size + z) * w->axis[1].size + v;
        memset(line, 0, (size_t)(lo * channels) * sizeof *line);
        copy_pixels(line + lo * channels, w->x.p + (n * ax->size + x0 + lo) * w->x.cs + first,
                    hi - lo, w->x.cs, channels);
        memset(line + hi * channels, 0, (size_t)((size[2] - hi) * channels) * sizeof *line);
    }
}

/* ---- sums ---- */

/* A chunk's pixels as a tile sees them: rows of x at row[i], `count` pixels `step` apart; gy's
 * behind one another. */
typedef struct pixels {
    const float *a, *b;
    const int64_t *row;
    int64_t rows, count, step;
} pixels;

/* sum[m][lane] += over the pixels a[offset[m]] * b[lane]; mr and nv are literals. */
FCS_INLINE void sum_tile(const pixels *p, const int64_t *offset, float *sum, const int mr,
                         const int nv)
{
    fcs_tile acc;
    const float *b = p->b;
    fcs_tile_zero(acc, nv);
    for (int64_t r = 0; r < p->rows; r++) {
        const float *a[FCS_MR];
        FCS_UNROLL
        for (int m = 0; m < mr; m++)
            a[m] = p->a + p->row[r] + offset[m];
        for (int64_t q = 0, at = 0; q < p->count; q++, at += p->step, b += nv * FCS_VLEN) {
            FCS_TILE_PRODUCT(acc, mr, nv, b, a[m][at]);
        }
    }
    fcs_tile_add(acc, mr, nv, sum, FCS_NR);
}

typedef void tile_function(const pixels *p, const int64_t *offset, float *sum);
#define FCS_DW_TILE(name, mr, nv)                                                                  \
    static void name(const pixels *p, const int64_t *offset, float *sum)                           \
    {                                                                                              \
        sum_tile(p, offset, sum, mr, nv);                                                          \
    }
FCS_TILE_SIZES(FCS_DW_TILE)

/* Rows a tile of n values takes: a third, two thirds or all of MR. */
static int64_t tile_rows(int64_t n)
{
    return fcs_least(fcs_divide_up(n * 3, FCS_MR) * (FCS_MR / 3), FCS_MR);
}

/* Channels of a group that are copied, a third, two thirds or all of MR. */
static int64_t group_channels(const dw *w, int64_t group)
{
    return tile_rows(w->channels - group * FCS_MR);
}

/* All taps of a group over a chunk; sums [tap][MR][NR]. */
static void sum_chunk(const dw *w, int64_t channels, pixels *p, float *sums)
{
    const fcs_axis *z = &w->axis[0], *y = &w->axis[1], *x = &w->axis[2];
    int64_t offset[FCS_MR];
    p->step = x->reach * channels;
    for (int64_t tap = 0; tap < w->taps; tap++, sums += FCS_MR * FCS_NR) {
        int64_t plane = tap / x->taps / y->taps * z->spread,
                line = tap / x->taps % y->taps * y->spread;
        for (int64_t m = 0; m < channels; m++)
            offset[m] = ((plane * w->patch[1] + line) * w->patch[2] + tap % x->taps * x->spread) *
                            channels +
                        m;
        tile_functions[w->width == FCS_NR][channels / (FCS_MR / 3) - 1](p, offset, sums);
    }
}

/* Sums to where they belong in out, [co][tap][ci]. */
static void write_sums(const dw *w, int64_t group, int64_t lane0, const float *sums, float *out)
{
    int64_t first = group * FCS_MR, channels = fcs_least(FCS_MR, w->channels - first),
            lanes = fcs_least(w->width, w->gy.shape.n[FCS_C] - lane0), filter = w->taps * w->out.cs;
    for (int64_t tap = 0; tap < w->taps; tap++)
        for (int64_t m = 0; m < channels; m++) {
            const float *s = sums + (tap * FCS_MR + m) * FCS_NR;
            float *y = out + tap * w->out.cs + first + m + lane0 * filter;
            for (int64_t lane = 0; lane < lanes; lane++)
                y[lane * filter] = s[lane];
        }
}

static void dw_item(const dw *w, int64_t i, char *local)
{
    int64_t part = i % w->parts.n, batch = i / w->parts.n / w->spans,
            first = i / w->parts.n % w->spans * w->span;
    int64_t begin = batch * w->batch, end = fcs_least(begin + w->batch, w->groups);
    int64_t blocks = fcs_least(w->span, w->blocks - first);
    float *sums = (float *)(void *)local,
          *panel = sums + fcs_lines(w->sums * sizeof(float)) / sizeof(float);
    float *copy = panel + fcs_lines((size_t)w->span * w->panel * sizeof(float)) / sizeof(float);
    int64_t *row = (int64_t *)(void *)((char *)copy + fcs_lines(w->copy * sizeof(float)));
    int64_t block_sums = (int64_t)w->sums / (w->span * w->batch);
    memset(sums, 0, w->sums * sizeof *sums);
    for (int64_t q = part * w->chunks / w->parts.n; q < (part + 1) * w->chunks / w->parts.n; q++) {
        chunk k = dw_chunk(w, q);
        pixels p = {
            .a = copy, .row = row, .rows = k.size[0] * k.size[1] * k.size[2], .count = k.size[3]};
        for (int64_t b = 0; b < blocks; b++)
            copy_panel(w, &k, (first + b) * FCS_NR, panel + b * (int64_t)w->panel);
        for (int64_t g = begin; g < end; g++) {
            int64_t channels = group_channels(w, g);
            copy_patch(w, &k, g * FCS_MR, channels, copy);
            for (int64_t r = 0; r < p.rows; r++) {
                int64_t at[3];
                chunk_row(&k, r, at);
                row[r] = ((at[0] * w->patch[0] + at[1] * w->axis[0].reach) * w->patch[1] +
                          at[2] * w->axis[1].reach) *
                         w->patch[2] * channels;
            }
            for (int64_t b = 0; b < blocks; b++) {
                p.b = panel + b * (int64_t)w->panel;
                sum_chunk(w, channels, &p, sums + ((g - begin) * w->span + b) * block_sums);
            }
        }
    }
    for (int64_t g = begin; g < end; g++)
        for (int64_t b = 0; b < blocks; b++)
            write_sums(w, g, (first + b) * FCS_NR, sums + ((g - begin) * w->span + b) * block_sums,
                       fcs_dw_part(&w->parts, part));
}

static void dw_items(void *arg, int64_t begin, int64_t end, int thread)
{
    const dw *w = arg;
    for (int64_t i = begin; i < end; i++)
        dw_item(w, i, w->local + (size_t)thread * w->local_bytes);
}

static void dw_run(const fcs_cpu_call *call)
{
    dw w;
    dw_init(&w, call->args);
    w.x = call->in[0];
    w.gy = call->in[1];
    w.out = call->out;
    w.parts.out = call->out.p;
    w.parts.partial = call->scratch;
    w.local = (char *)call->scratch + fcs_dw_parts_bytes(&w.parts);
    FCS_SYM(dw_parts_clear)(call->team, &w.parts);
    fcs_parallel(call->team, w.batches * w.spans * w.parts.n, 1, dw_items, &w);
    FCS_SYM(dw_parts_add)(call->team, &w.parts);
}

/* ---- parts ---- */

static void clear_items(void *arg, int64_t begin, int64_t end, int thread)
{
    const fcs_dw_parts *p = arg;
    (void)thread;
    memset(fcs_dw_part(p, 0) + begin, 0, (size_t)(end - begin) * sizeof(float));
}

void FCS_SYM(dw_parts_clear)(fcs_team *team, fcs_dw_parts *p)
{
    fcs_parallel(team, p->n * p->floats, 65536, clear_items, p);
}

static void add_items(void *arg, int64_t begin, int64_t end, int thread)
{
    const fcs_dw_parts *p = arg;
    (void)thread;
    memcpy(p->out + begin, p->partial + begin, (size_t)(end - begin) * sizeof(float));
    for (int64_t part = 1; part < p->n; part++)
        for (int64_t i = begin; i < end; i++)
            p->out[i] += p->partial[part * p->floats + i];
}

void FCS_SYM(dw_parts_add)(fcs_team *team, fcs_dw_parts *p)
{
    if (p->n > 1)
        fcs_parallel(team, p->floats, 16384, add_items, p);
}

static bool thin_x(const fcs_apply_args *a) { return a->in[0].n[FCS_C] < FCS_TILING_CHANNELS; }

static void any_run(const fcs_cpu_call *c)
{
    fcs_tiling t[3];
    if (fcs_conv_tiling(c->args, t))
        (thin_x(c->args) ? FCS_SYM(conv_dw_thin_tiled_run) : FCS_SYM(conv_dw_tiled_run))(c, t);
    else if (FCS_SYM(conv_dw_thin_fits)(c->args))
        FCS_SYM(conv_dw_thin_run)(c);
    else
        dw_run(c);
}

static size_t any_scratch(const fcs_apply_args *a, int threads)
{
    fcs_tiling t[3];
    if (fcs_conv_tiling(a, t))
        return thin_x(a) ? FCS_SYM(conv_dw_thin_tiled_scratch)(a, t, threads)
                         : FCS_SYM(conv_dw_tiled_scratch)(a, t, threads);
    return FCS_SYM(conv_dw_thin_fits)(a) ? FCS_SYM(conv_dw_thin_scratch)(a, threads)
                                         : dw_scratch(a, threads);
}

const fcs_cpu_op FCS_SYM(op_conv_dw) = {any_run, any_scratch, NULL};
