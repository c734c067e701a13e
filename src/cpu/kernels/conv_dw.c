/* conv_dw.c: the gradient in the weights: sums over pixels of one image's values times the other's
 * channels.
 *
 * sum[m, lane] = sum over lattice pixels q of
 *                A[reach * q + offset + spread * tap(m), channel(m)] * B[q, lane]
 *
 * A is x and the lanes are output channels; with under eight output channels A is gy and the lanes
 * are input channels, over the phases of the adjoint. Lattice pixels go in chunks of at most CHUNK
 * (fixed by the problem): B's lanes and A's channels are copied once per chunk, zero padded, and
 * then read by all taps; a tile's sums stay in registers over a chunk. Chunks are added up in order
 * within a part, parts in order at the end. */
#include "cpu/cpu.h"
#include "ops/axis.h"
#include "cpu/kernels/conv.h"

enum {
    CHUNK = 2048,           /* pixels summed in one go */
    PATCH_FLOATS = 1 << 17, /* wanted size of A's copy */
    PARTS = 16,             /* work items wanted, by parts of the pixels if need be */
    PART_FLOATS = 1 << 21,  /* of all parts' results */
    LANES = 32,
    ROWS = 12, /* lanes and A's channels of a work item, at least, so that copies pay */
    TILES = 8  /* tiles that share B's copy, at least */
};

typedef struct dw_class {
    fcs_axis axis[3];
    int64_t taps;
    int64_t box[4], boxes[4]; /* a chunk: samples, D, H, W; how many */
    int64_t patch[3];         /* the part of A that a chunk reads: D H W */
    int64_t chunks, item;
} dw_class;

typedef struct dw {
    fcs_view a, b, out;
    bool swapped; /* a is gy */
    int64_t a_channels, b_channels;
    bool wide; /* tiles over channels of A, one tap each; else over (tap, channel) */
    fcs_conv_dims dims[3];
    int64_t classes[3];
    dw_class *table;
    int64_t groups, batch, batches; /* of A's channels, MR each (wide): so many in an item */
    int64_t blocks, width;          /* of lanes */
    int64_t span, spans;            /* blocks in an item */
    int64_t parts;
    float *partial; /* [part][as out], where there is more than one */
    char *local;
    size_t local_bytes, sums, panel, copy; /* floats */
    size_t rows;
} dw;

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

static int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

static int64_t class_count(const dw *w) { return w->classes[0] * w->classes[1] * w->classes[2]; }

/* ---- the problem's cut: nothing here may depend on threads ---- */

static int64_t class_patch(dw_class *c)
{
    int64_t floats = c->box[0];
    for (int i = 0; i < 3; i++) {
        const fcs_axis *x = &c->axis[i];
        c->patch[i] = x->taps ? (c->box[i + 1] - 1) * x->reach + (x->taps - 1) * x->spread + 1 : 0;
        floats *= c->patch[i];
    }
    return floats;
}

static void class_cut(const dw *w, dw_class *c)
{
    int64_t room = CHUNK, samples = w->b.shape.n[FCS_N],
            channels = w->wide ? FCS_MR : w->a_channels;
    c->taps = c->chunks = 1;
    for (int i = 3; i >= 0; i--) {
        int64_t n = i ? c->axis[i - 1].count : samples;
        c->box[i] = least(n, room);
        room = c->box[i] == n && n ? room / n : 1;
        c->taps *= i ? c->axis[i - 1].taps : 1;
    }
    for (int i = 0; i < 3; i++)
        while (class_patch(c) * channels > PATCH_FLOATS && c->box[i] > 1)
            c->box[i] = (c->box[i] + 1) / 2;
    for (int i = 0; i < 4; i++) {
        int64_t n = i ? c->axis[i - 1].count : samples;
        c->boxes[i] = n ? ceil_div(n, c->box[i]) : 0;
        c->chunks *= c->boxes[i];
    }
}

static void dw_class_of(const dw *w, int64_t i, dw_class *c)
{
    int64_t k[3] = {i / (w->classes[1] * w->classes[2]), i / w->classes[2] % w->classes[1],
                    i % w->classes[2]};
    *c = (dw_class){0};
    for (int j = 0; j < 3; j++)
        c->axis[j] = fcs_axis_phase(w->dims[j], w->swapped, k[j]);
    class_cut(w, c);
}

static size_t more(size_t a, int64_t b) { return a > (size_t)b ? a : (size_t)b; }

static void dw_init(dw *w, const fcs_apply_args *a)
{
    int64_t ci = a->in[0].n[FCS_C], co = a->in[1].n[FCS_C], floats = fcs_shape_floats(a->out);
    int64_t columns, chunks = 0, taps = 1, least_taps = INT64_MAX;
    *w = (dw){.swapped = co < 8 && ci >= 8};
    w->a_channels = w->swapped ? co : ci;
    w->b_channels = w->swapped ? ci : co;
    w->wide = w->a_channels >= 8;
    w->b.shape = a->in[w->swapped ? 0 : 1];
    for (int i = 0; i < 3; i++) {
        w->dims[i] = fcs_conv_dims_of(&a->attrs, a->in[0], a->out, a->in[1], i);
        w->classes[i] = fcs_axis_phases(w->dims[i], w->swapped);
        taps *= w->dims[i].kernel;
    }
    columns = ceil_div(w->b_channels, FCS_VLEN) * FCS_VLEN;
    w->width = columns < FCS_NR ? columns : FCS_NR;
    w->blocks = ceil_div(columns, FCS_NR);
    w->span = least(w->blocks, LANES / FCS_NR);
    w->spans = ceil_div(w->blocks, w->span);
    w->groups = w->wide ? ceil_div(w->a_channels, FCS_MR) : 1;
    for (int64_t i = 0; i < class_count(w); i++) {
        dw_class c;
        dw_class_of(w, i, &c);
        chunks += c.chunks;
        least_taps = c.taps ? least(least_taps, c.taps) : least_taps;
        w->panel = more(w->panel, c.box[0] * c.box[1] * c.box[2] * c.box[3] * FCS_NR);
        w->copy = more(w->copy, class_patch(&c) * (w->wide ? FCS_MR : w->a_channels));
        w->rows = more(w->rows, c.box[0] * c.box[1] * c.box[2]);
    }
    w->batch = least(w->groups, ceil_div(ROWS / FCS_MR * TILES, least(least_taps, TILES)));
    w->batches = ceil_div(w->groups, w->batch);
    w->parts =
        least(ceil_div(PARTS, w->spans * w->batches), least(chunks, 1 + PART_FLOATS / floats));
    w->sums = (size_t)(w->span * w->batch *
                       (w->wide ? taps : ceil_div(taps * w->a_channels, FCS_MR)) * FCS_MR * FCS_NR);
    w->local_bytes = fcs_lines(w->sums * sizeof(float)) +
                     fcs_lines((size_t)w->span * w->panel * sizeof(float)) +
                     fcs_lines(w->copy * sizeof(float)) + fcs_lines(w->rows * sizeof(int64_t));
}

static size_t dw_scratch(const fcs_apply_args *a, int threads)
{
    dw w;
    dw_init(&w, a);
    size_t partial = w.parts > 1 ? (size_t)(w.parts * fcs_shape_floats(a->out)) * sizeof(float) : 0;
    return fcs_lines((size_t)class_count(&w) * sizeof(dw_class)) + fcs_lines(partial) +
           (size_t)threads * w.local_bytes;
}

/* ---- copies ---- */

typedef struct chunk {
    int64_t first[4], size[4];
} chunk; /* N D H W of the lattice */

static chunk class_chunk(const dw *w, const dw_class *c, int64_t i)
{
    chunk k;
    for (int j = 3; j >= 0; j--) {
        int64_t n = j ? c->axis[j - 1].count : w->b.shape.n[FCS_N];
        k.first[j] = i % c->boxes[j] * c->box[j];
        k.size[j] = least(c->box[j], n - k.first[j]);
        i /= c->boxes[j];
    }
    return k;
}

/* Row i of the chunk: n, z, y of the lattice. */
static void chunk_row(const chunk *k, int64_t i, int64_t at[3])
{
    at[0] = i / (k->size[1] * k->size[2]);
    at[1] = i / k->size[2] % k->size[1];
    at[2] = i % k->size[2];
}

/* Lanes first .. first + width - 1 of the chunk's pixels of B, one pixel after another, zeros
 * beyond its channels. */
static void copy_panel(const dw *w, const dw_class *c, const chunk *k, int64_t first, float *y)
{
    const fcs_axis *ax = &c->axis[2];
    int64_t step = ax->step * w->b.cs, n = least(w->width, w->b.cs - first);
    for (int64_t i = 0; i < k->size[0] * k->size[1] * k->size[2]; i++) {
        int64_t at[3], line;
        chunk_row(k, i, at);
        line = k->first[0] + at[0];
        for (int j = 0; j < 2; j++)
            line = line * w->b.shape.n[FCS_D + j] + c->axis[j].start +
                   c->axis[j].step * (k->first[j + 1] + at[j + 1]);
        const float *x =
            w->b.p + (line * w->b.shape.n[FCS_W] + ax->start + ax->step * k->first[3]) * w->b.cs +
            first;
        if (n == FCS_NR)
            for (int64_t q = 0; q < k->size[3]; q++, x += step, y += FCS_NR)
                memcpy(y, x, FCS_NR * sizeof *y);
        else
            for (int64_t q = 0; q < k->size[3]; q++, x += step, y += w->width) {
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

/* n pixels' `channels` floats from x (pixel stride cs). */
static void copy_pixels(float *y, const float *x, int64_t n, int64_t cs, int64_t channels)
{
    if (channels == cs)
        memcpy(y, x, (size_t)(n * cs) * sizeof *y);
    else if (channels == FCS_MR)
        copy_channels(y, x, n, cs, FCS_MR);
    else if (channels == FCS_MR * 2 / 3)
        copy_channels(y, x, n, cs, FCS_MR * 2 / 3);
    else
        copy_channels(y, x, n, cs, FCS_MR / 3);
}

/* The chunk's patch of A, `channels` from `first` on, zeros outside the image. */
static void copy_patch(const dw *w, const dw_class *c, const chunk *k, int64_t first,
                       int64_t channels, float *y)
{
    const fcs_axis *ax = &c->axis[2];
    int64_t size[3], x0 = ax->reach * k->first[3] + ax->offset, row = c->patch[2] * channels, lo,
                     hi;
    for (int j = 0; j < 3; j++)
        size[j] =
            (k->size[j + 1] - 1) * c->axis[j].reach + (c->axis[j].taps - 1) * c->axis[j].spread + 1;
    lo = x0 < 0 ? least(-x0, size[2]) : 0;
    hi = least(size[2], ax->size - x0);
    for (int64_t i = 0; i < k->size[0] * size[0] * size[1]; i++) {
        int64_t n = i / (size[0] * size[1]), z = i / size[1] % size[0], v = i % size[1];
        float *line = y + ((n * c->patch[0] + z) * c->patch[1] + v) * row;
        z += c->axis[0].reach * k->first[1] + c->axis[0].offset;
        v += c->axis[1].reach * k->first[2] + c->axis[1].offset;
        if (z < 0 || z >= c->axis[0].size || v < 0 || v >= c->axis[1].size || lo >= hi) {
            memset(line, 0, (size_t)(size[2] * channels) * sizeof *line);
            continue;
        }
        n = ((k->first[0] + n) * c->axis[0].size + z) * c->axis[1].size + v;
        memset(line, 0, (size_t)(lo * channels) * sizeof *line);
        copy_pixels(line + lo * channels, w->a.p + (n * ax->size + x0 + lo) * w->a.cs + first,
                    hi - lo, w->a.cs, channels);
        memset(line + hi * channels, 0, (size_t)((size[2] - hi) * channels) * sizeof *line);
    }
}

/* ---- sums ---- */

/* A chunk's pixels as a tile sees them: rows of A at row[i], `count` pixels `step` apart; B's
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
            fcs_vf lanes[FCS_NV];
            FCS_UNROLL
            for (int v = 0; v < nv; v++)
                lanes[v] = fcs_vload(b + v * FCS_VLEN);
            FCS_UNROLL
            for (int m = 0; m < mr; m++) {
                fcs_vf x = fcs_vset(a[m][at]);
                FCS_UNROLL
                for (int v = 0; v < nv; v++)
                    acc[m][v] = fcs_vfma(x, lanes[v], acc[m][v]);
            }
        }
    }
    FCS_UNROLL
    for (int m = 0; m < mr; m++) {
        FCS_UNROLL
        for (int v = 0; v < nv; v++) {
            float *s = sum + m * FCS_NR + v * FCS_VLEN;
            fcs_vstore(s, fcs_vload(s) + acc[m][v]);
        }
    }
}

typedef void tile_function(const pixels *p, const int64_t *offset, float *sum);
#define FCS_DW_TILE(name, mr, nv)                                                                  \
    static void name(const pixels *p, const int64_t *offset, float *sum)                           \
    {                                                                                              \
        sum_tile(p, offset, sum, mr, nv);                                                          \
    }
FCS_DW_TILE(tile_third, FCS_MR / 3, FCS_NV)
FCS_DW_TILE(tile_two_thirds, FCS_MR * 2 / 3, FCS_NV)
FCS_DW_TILE(tile_full, FCS_MR, FCS_NV)
FCS_DW_TILE(tile_third_1, FCS_MR / 3, 1)
FCS_DW_TILE(tile_two_thirds_1, FCS_MR * 2 / 3, 1)
FCS_DW_TILE(tile_full_1, FCS_MR, 1)

/* By rows of the tile in thirds, and by vectors of lanes. */
static tile_function *const tile_functions[2][3] = {{tile_third_1, tile_two_thirds_1, tile_full_1},
                                                    {tile_third, tile_two_thirds, tile_full}};

/* Rows a tile of n values takes: a third, two thirds or all of MR. */
static int64_t tile_rows(int64_t n)
{
    return least(ceil_div(n * 3, FCS_MR) * (FCS_MR / 3), FCS_MR);
}

typedef struct work {
    const dw_class *c;
    int64_t first, channels; /* A's channels in the patch */
    int64_t values;          /* taps * channels */
} work;

static work group_work(const dw *w, const dw_class *c, int64_t group)
{
    work k = {.c = c, .channels = w->a_channels};
    if (w->wide) {
        k.first = group * FCS_MR;
        k.channels = tile_rows(w->a_channels - k.first);
    }
    k.values = c->taps * k.channels;
    return k;
}

static int64_t work_rows(const dw *w, const work *k) { return w->wide ? k->channels : FCS_MR; }

/* All taps of a group over a chunk; sums [tile][MR][NR]. */
static void sum_chunk(const dw *w, const work *k, pixels *p, float *sums)
{
    const dw_class *c = k->c;
    const fcs_axis *z = &c->axis[0], *y = &c->axis[1], *x = &c->axis[2];
    int64_t rows = work_rows(w, k), offset[FCS_MR];
    p->step = x->reach * k->channels;
    for (int64_t at = 0; at < k->values; at += rows, sums += FCS_MR * FCS_NR) {
        int64_t n = tile_rows(least(rows, k->values - at));
        for (int64_t m = 0; m < n; m++) {
            int64_t v = at + m < k->values ? at + m : at, tap = v / k->channels;
            int64_t plane = tap / x->taps / y->taps * z->spread,
                    line = tap / x->taps % y->taps * y->spread;
            offset[m] = ((plane * c->patch[1] + line) * c->patch[2] + tap % x->taps * x->spread) *
                            k->channels +
                        v % k->channels;
        }
        tile_functions[w->width == FCS_NR][n / (FCS_MR / 3) - 1](p, offset, sums);
    }
}

static int64_t tap_kernel(const dw *w, const dw_class *c, int64_t tap)
{
    const fcs_axis *z = &c->axis[0], *y = &c->axis[1], *x = &c->axis[2];
    int64_t kz = z->k0 + z->dk * (tap / x->taps / y->taps),
            ky = y->k0 + y->dk * (tap / x->taps % y->taps);
    return (kz * w->dims[1].kernel + ky) * w->dims[2].kernel + x->k0 + x->dk * (tap % x->taps);
}

/* Sums to where they belong in out, [co][tap][ci]. */
static void write_sums(const dw *w, const work *k, int64_t lane0, const float *sums, float *out)
{
    int64_t rows = work_rows(w, k), lanes = least(w->width, w->b_channels - lane0);
    int64_t filter = w->dims[0].kernel * w->dims[1].kernel * w->dims[2].kernel * w->out.cs;
    int64_t lane_step = w->swapped ? 1 : filter, value_step = w->swapped ? filter : 1;
    for (int64_t v = 0; v < k->values; v++) {
        int64_t channel = k->first + v % k->channels;
        const float *s = sums + (v / rows * FCS_MR + v % rows) * FCS_NR;
        float *y = out + tap_kernel(w, k->c, v / k->channels) * w->out.cs + channel * value_step +
                   lane0 * lane_step;
        for (int64_t lane = 0; channel < w->a_channels && lane < lanes; lane++)
            y[lane * lane_step] = s[lane];
    }
}

static void dw_item(const dw *w, const dw_class *c, int64_t i, char *local)
{
    int64_t part = i % w->parts, batch = i / w->parts / w->spans,
            first = i / w->parts % w->spans * w->span;
    int64_t begin = batch * w->batch, end = least(begin + w->batch, w->groups);
    int64_t blocks = least(w->span, w->blocks - first);
    float *sums = (float *)(void *)local,
          *panel = sums + fcs_lines(w->sums * sizeof(float)) / sizeof(float);
    float *copy = panel + fcs_lines((size_t)w->span * w->panel * sizeof(float)) / sizeof(float);
    int64_t *row = (int64_t *)(void *)((char *)copy + fcs_lines(w->copy * sizeof(float)));
    int64_t block_sums = (int64_t)w->sums / (w->span * w->batch);
    memset(sums, 0, w->sums * sizeof *sums);
    for (int64_t q = part * c->chunks / w->parts; q < (part + 1) * c->chunks / w->parts; q++) {
        chunk k = class_chunk(w, c, q);
        pixels p = {
            .a = copy, .row = row, .rows = k.size[0] * k.size[1] * k.size[2], .count = k.size[3]};
        for (int64_t b = 0; b < blocks; b++)
            copy_panel(w, c, &k, (first + b) * FCS_NR, panel + b * (int64_t)w->panel);
        for (int64_t g = begin; g < end; g++) {
            work v = group_work(w, c, g);
            copy_patch(w, c, &k, v.first, v.channels, copy);
            for (int64_t r = 0; r < p.rows; r++) {
                int64_t at[3];
                chunk_row(&k, r, at);
                row[r] = ((at[0] * c->patch[0] + at[1] * c->axis[0].reach) * c->patch[1] +
                          at[2] * c->axis[1].reach) *
                         c->patch[2] * v.channels;
            }
            for (int64_t b = 0; b < blocks; b++) {
                p.b = panel + b * (int64_t)w->panel;
                sum_chunk(w, &v, &p, sums + ((g - begin) * w->span + b) * block_sums);
            }
        }
    }
    for (int64_t g = begin; g < end; g++) {
        work v = group_work(w, c, g);
        float *out = w->parts > 1 ? w->partial + part * fcs_shape_floats(w->out.shape) : w->out.p;
        for (int64_t b = 0; b < blocks; b++)
            write_sums(w, &v, (first + b) * FCS_NR, sums + ((g - begin) * w->span + b) * block_sums,
                       out);
    }
}

static void dw_items(void *arg, int64_t begin, int64_t end, int thread)
{
    const dw *w = arg;
    for (int64_t i = begin; i < end; i++) {
        int64_t each = w->parts * w->spans * w->batches;
        if (w->table[i / each].taps)
            dw_item(w, &w->table[i / each], i % each, w->local + (size_t)thread * w->local_bytes);
    }
}

static void dw_clear(void *arg, int64_t begin, int64_t end, int thread)
{
    const dw *w = arg;
    (void)thread;
    memset((w->parts > 1 ? w->partial : w->out.p) + begin, 0,
           (size_t)(end - begin) * sizeof(float));
}

static void dw_add_parts(void *arg, int64_t begin, int64_t end, int thread)
{
    const dw *w = arg;
    int64_t floats = fcs_shape_floats(w->out.shape);
    (void)thread;
    memcpy(w->out.p + begin, w->partial + begin, (size_t)(end - begin) * sizeof(float));
    for (int64_t part = 1; part < w->parts; part++)
        for (int64_t i = begin; i < end; i++)
            w->out.p[i] += w->partial[part * floats + i];
}

static void dw_run(const fcs_cpu_call *call)
{
    dw w;
    dw_init(&w, call->args);
    int64_t floats = fcs_shape_floats(call->out.shape);
    char *at = call->scratch;
    w.a = call->in[w.swapped ? 1 : 0];
    w.b = call->in[w.swapped ? 0 : 1];
    w.out = call->out;
    w.table = (dw_class *)(void *)at;
    at += fcs_lines((size_t)class_count(&w) * sizeof(dw_class));
    w.partial = (float *)(void *)at;
    at += fcs_lines(w.parts > 1 ? (size_t)(w.parts * floats) * sizeof(float) : 0);
    w.local = at;
    for (int64_t i = 0; i < class_count(&w); i++)
        dw_class_of(&w, i, &w.table[i]);
    fcs_parallel(call->team, w.parts * floats, 65536, dw_clear, &w);
    fcs_parallel(call->team, class_count(&w) * w.batches * w.spans * w.parts, 1, dw_items, &w);
    if (w.parts > 1)
        fcs_parallel(call->team, floats, 16384, dw_add_parts, &w);
}

static void any_run(const fcs_cpu_call *c)
{
    fcs_tiling t[3];
    fcs_conv_tiling(c->args, t) ? FCS_SYM(conv_dw_tiled_run)(c, t) : dw_run(c);
}

static size_t any_scratch(const fcs_apply_args *a, int threads)
{
    fcs_tiling t[3];
    return fcs_conv_tiling(a, t) ? FCS_SYM(conv_dw_tiled_scratch)(a, t, threads)
                                 : dw_scratch(a, threads);
}

const fcs_cpu_op FCS_SYM(op_conv_dw) = {any_run, any_scratch, NULL};
