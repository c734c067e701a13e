/* conv_dw_thin.c: the gradient in the weights where one of the images is thin (thin.h).
 *
 * sum[k, lane] = sum over pixels q of A[reach * q + offset + spread * tap, channel] * B[q, lane],
 *                k = (tap, channel)
 *
 * A is the thin image: x or, where that has more channels, gy, over the phases of the adjoint. A
 * register tile is MR values of k by NR lanes, or half as many by twice the lanes; its sums stay in
 * registers over a box of pixels, and B is read where it lies unless it is thin as well. Boxes are
 * fixed by the problem; they are added up in order within a part, parts in order at the end. */
#include "cpu/kernels/thin.h"

enum {
    PIXELS = 128,          /* of a box, at most: what tiles read again stays near */
    SUM_FLOATS = 1 << 16,  /* wanted size of a work item's sums */
    PARTS = 16,            /* work items wanted, by parts of the pixels if need be */
    PART_BOXES = 16,       /* of a part, at least, so that adding it pays */
    PART_FLOATS = 1 << 21, /* of all parts' results */
    /* a tile that loads less where registers are many: fewer values by more lanes */
    WIDE_NV = FCS_MR == 12 ? 2 * FCS_NV : FCS_NV,
    WIDE_MR = FCS_MR * FCS_NV / WIDE_NV,
    WIDE = WIDE_NV * FCS_VLEN
};

typedef struct phase {
    fcs_thin_phase cut;
    int64_t values, tiles; /* taps x channels; MR each */
    const int64_t *offset; /* of each value in the copy, those behind the last as that */
} phase;

typedef struct dw {
    fcs_view a, b, out;
    fcs_conv_dims dims[3];
    bool swapped; /* a is gy */
    phase *phases;
    int64_t n_phases, a_channels, b_channels;
    int64_t columns, span, spans; /* lanes in whole vectors, of a work item, how many of those */
    fcs_dw_parts parts;
    char *local; /* of each thread: copy, sums, panel (0: B is read where it lies), tables */
    int64_t tiles, pixels, copy, sums, panel; /* most of a phase and box; floats */
    size_t table_bytes, local_bytes;
} dw;

bool FCS_SYM(conv_dw_thin_fits)(const fcs_apply_args *a)
{
    return a->in[0].n[FCS_C] < FCS_THIN || a->in[1].n[FCS_C] < FCS_THIN;
}

static phase phase_of(const dw *w, const fcs_apply_args *a, int64_t i)
{
    phase p = {
        .cut = fcs_thin_phase_of(w->dims, w->swapped, i, a->in[0].n[FCS_N], w->a_channels, PIXELS)};
    p.values = p.cut.taps * w->a_channels;
    p.tiles = fcs_divide_up(p.values, FCS_MR);
    return p;
}

/* Floats rounded up to whole cache lines. */
static int64_t lines(int64_t floats) { return fcs_divide_up(floats, 16) * 16; }

static void dw_init(dw *w, const fcs_apply_args *a)
{
    int64_t boxes = 0;
    *w = (dw){.swapped = a->in[0].n[FCS_C] >= FCS_THIN};
    w->a_channels = a->in[w->swapped ? 1 : 0].n[FCS_C];
    w->b_channels = a->in[w->swapped ? 0 : 1].n[FCS_C];
    bool thin = w->b_channels < FCS_THIN; /* as well: pixels without padding lanes */
    w->columns = thin ? fcs_divide_up(w->b_channels, FCS_VLEN) * FCS_VLEN
                      : fcs_channel_stride(w->b_channels);
    for (int i = 0; i < 3; i++)
        w->dims[i] = fcs_conv_dims_of(&a->attrs, a->in[0], a->out, a->in[1], i);
    w->n_phases = fcs_thin_phases(w->dims, w->swapped);
    for (int64_t i = 0; i < w->n_phases; i++) {
        phase p = phase_of(w, a, i);
        boxes = fcs_most(boxes, p.cut.n_boxes);
        w->tiles = fcs_most(w->tiles, p.tiles);
        w->copy = fcs_most(w->copy, fcs_thin_copy_floats(&p.cut));
        w->pixels = fcs_most(w->pixels, fcs_thin_box_pixels(&p.cut));
    }
    w->span = SUM_FLOATS / fcs_most(1, w->tiles * FCS_MR * FCS_NR);
    w->span = fcs_least(fcs_divide_up(fcs_most(1, w->span) * FCS_NR, WIDE) * WIDE, w->columns);
    w->spans = fcs_divide_up(w->columns, w->span);
    w->parts.floats = fcs_shape_floats(a->out);
    w->parts.n =
        fcs_least(fcs_divide_up(PARTS, w->spans * w->n_phases),
                  fcs_least(fcs_divide_up(boxes, PART_BOXES), 1 + PART_FLOATS / w->parts.floats));
    w->copy = lines(w->copy);
    w->sums = lines(w->tiles * FCS_MR * w->span);
    w->panel = thin ? lines(w->pixels * w->columns) : 0;
    w->table_bytes = fcs_lines((size_t)w->pixels * sizeof(float *));
    w->local_bytes = (size_t)(w->copy + w->sums + w->panel) * sizeof(float) + 4 * w->table_bytes;
}

/* Of all phases, each rounded up to whole tiles. */
static size_t all_values(const dw *w)
{
    return (size_t)(w->dims[0].kernel * w->dims[1].kernel * w->dims[2].kernel * w->a_channels +
                    w->n_phases * FCS_MR);
}

size_t FCS_SYM(conv_dw_thin_scratch)(const fcs_apply_args *a, int threads)
{
    dw w;
    dw_init(&w, a);
    return fcs_lines((size_t)w.n_phases * sizeof(phase)) +
           fcs_lines(all_values(&w) * sizeof(int64_t)) + fcs_dw_parts_bytes(&w.parts) +
           (size_t)threads * w.local_bytes;
}

/* ---- sums ---- */

/* A box's pixels: where each reads A's copy, and its lanes. */
typedef struct pixels {
    const float **read;
    float **lanes;
    int64_t count;
    float *const *ahead; /* pixels that are fetched meanwhile, from `line` on, or NULL */
    int64_t line;
} pixels;

/* sum[m][lane] += over the pixels A[offset[m]] * B[at + lane]; mr and nv are literals. */
FCS_INLINE void sum_tile(const pixels *p, const int64_t *offset, int64_t at, float *sum,
                         const unsigned mr, const unsigned nv)
{
    fcs_vf acc[FCS_MR * FCS_NV];
    FCS_UNROLL
    for (unsigned i = 0; i < mr * nv; i++)
        acc[i] = (fcs_vf){0};
    for (int64_t q = 0; q < p->count; q++) {
        const float *a = p->read[q], *b = p->lanes[q] + at;
        fcs_vf lanes[WIDE_NV];
        if (p->ahead)
            __builtin_prefetch(p->ahead[q] + p->line);
        FCS_UNROLL
        for (unsigned v = 0; v < nv; v++)
            lanes[v] = fcs_vload(b + v * FCS_VLEN);
        FCS_UNROLL
        for (unsigned m = 0; m < mr; m++) {
            fcs_vf x = fcs_vset(a[offset[m]]);
            FCS_UNROLL
            for (unsigned v = 0; v < nv; v++)
                acc[m * nv + v] = fcs_vfma(x, lanes[v], acc[m * nv + v]);
        }
    }
    FCS_UNROLL
    for (unsigned i = 0; i < mr * nv; i++)
        fcs_vstore(sum + i * FCS_VLEN, fcs_vload(sum + i * FCS_VLEN) + acc[i]);
}

typedef void tile_function(const pixels *p, const int64_t *offset, int64_t at, float *sum);
#define TILE(name, mr, nv)                                                                         \
    static void name(const pixels *p, const int64_t *offset, int64_t at, float *sum)               \
    {                                                                                              \
        sum_tile(p, offset, at, sum, mr, nv);                                                      \
    }
FCS_TILE_SIZES(TILE)
TILE(wide_third, WIDE_MR / 3, WIDE_NV)
TILE(wide_two_thirds, WIDE_MR * 2 / 3, WIDE_NV)
TILE(wide_full, WIDE_MR, WIDE_NV)
static tile_function *const wide_functions[3] = {wide_third, wide_two_thirds, wide_full};

/* Lanes of the next block where so many are left. */
static int64_t block_lanes(int64_t left) { return left >= WIDE ? WIDE : fcs_least(FCS_NR, left); }

/* All values of the box's pixels for lanes first .. first + width - 1; sums [block of
 * lanes][value][lane]. Meanwhile those of the next box are fetched, a cache line of each pixel with
 * each tile. */
static void sum_box(const phase *p, pixels *x, const pixels *next, int64_t first, int64_t width,
                    float *sums)
{
    x->line = first;
    for (int64_t at = 0, lanes; at < width; at += lanes) {
        lanes = block_lanes(width - at);
        int64_t mr = lanes == WIDE ? WIDE_MR : FCS_MR;
        tile_function *const *functions =
            lanes == WIDE ? wide_functions : tile_functions[lanes == FCS_NR];
        for (int64_t k = 0; k < p->values; k += mr, x->line += 16) {
            int64_t rows = fcs_least(mr, p->values - k);
            x->ahead = x->line < first + width && next->count >= x->count ? next->lanes : NULL;
            functions[(rows * 3 - 1) / mr](x, p->offset + k, first + at, sums + k * lanes);
        }
        sums += p->tiles * FCS_MR * lanes;
    }
}

/* The pixels' lanes one after another in the panel, whose other lanes are zero. */
static void copy_panel(const dw *w, pixels *x, float *panel)
{
    for (int64_t q = 0; q < x->count; q++, panel += w->columns) {
        for (int64_t i = 0; i < w->b_channels; i++)
            panel[i] = x->lanes[q][i];
        x->lanes[q] = panel;
    }
}

/* Sums to where they belong in out, [co][tap][ci]. */
static void write_sums(const dw *w, const phase *p, int64_t first, int64_t width, const float *sums,
                       float *out)
{
    int64_t filter = w->dims[0].kernel * w->dims[1].kernel * w->dims[2].kernel * w->out.cs;
    int64_t lane_step = w->swapped ? 1 : filter, value_step = w->swapped ? filter : 1;
    for (int64_t at = first, lanes; at < first + width; at += lanes) {
        lanes = block_lanes(first + width - at);
        for (int64_t k = 0; k < p->values; k++) {
            float *y = out + fcs_thin_kernel(&p->cut, w->dims, k / w->a_channels) * w->out.cs +
                       k % w->a_channels * value_step;
            for (int64_t i = 0; i < lanes && at + i < w->b_channels; i++)
                y[(at + i) * lane_step] = sums[k * lanes + i];
        }
        sums += p->tiles * FCS_MR * lanes;
    }
}

/* The tables of box q; empty from `end` on. */
static void place_box(const dw *w, const phase *p, int64_t q, int64_t end, const float *copy,
                      pixels *x)
{
    x->count = 0;
    if (q < end) {
        fcs_thin_box b = fcs_thin_box_at(&p->cut, q);
        x->count = fcs_thin_places(&p->cut, &b, copy, x->read, &w->b, x->lanes);
    }
}

static void dw_item(const dw *w, const phase *p, int64_t i, char *local)
{
    int64_t part = i % w->parts.n, first = i / w->parts.n * w->span;
    int64_t width = fcs_least(w->span, w->columns - first);
    int64_t begin = part * p->cut.n_boxes / w->parts.n,
            end = (part + 1) * p->cut.n_boxes / w->parts.n;
    float *copy = (float *)(void *)local, *sums = copy + w->copy, *panel = sums + w->sums;
    char *tables = (char *)(panel + w->panel);
    pixels x[2]; /* the box's and the next one's */
    for (int k = 0; k < 2; k++, tables += 2 * w->table_bytes) {
        x[k].read = (const float **)(void *)tables;
        x[k].lanes = (float **)(void *)(tables + w->table_bytes);
    }
    memset(sums, 0, (size_t)(p->tiles * FCS_MR * width) * sizeof *sums);
    memset(panel, 0, (size_t)w->panel * sizeof *panel);
    place_box(w, p, begin, end, copy, &x[0]);
    for (int64_t q = begin; q < end; q++) {
        pixels *now = &x[(q - begin) % 2], *next = &x[(q - begin + 1) % 2];
        fcs_thin_box b = fcs_thin_box_at(&p->cut, q);
        place_box(w, p, q + 1, end, copy, next);
        if (w->panel)
            copy_panel(w, now, panel);
        fcs_thin_copy(&p->cut, &b, &w->a, copy);
        if (q + 1 < end)
            fcs_thin_fetch(&p->cut, q + 1, &w->a);
        sum_box(p, now, next, first, width, sums);
    }
    write_sums(w, p, first, width, sums, fcs_dw_part(&w->parts, part));
}

static void dw_items(void *arg, int64_t begin, int64_t end, int thread)
{
    const dw *w = arg;
    int64_t each = w->parts.n * w->spans;
    for (int64_t i = begin; i < end; i++)
        if (w->phases[i / each].values)
            dw_item(w, &w->phases[i / each], i % each, w->local + (size_t)thread * w->local_bytes);
}

void FCS_SYM(conv_dw_thin_run)(const fcs_cpu_call *call)
{
    dw w;
    dw_init(&w, call->args);
    w.a = call->in[w.swapped ? 1 : 0];
    w.b = call->in[w.swapped ? 0 : 1];
    w.out = call->out;
    w.phases = call->scratch;
    char *at = (char *)call->scratch + fcs_lines((size_t)w.n_phases * sizeof(phase));
    int64_t *offset = (int64_t *)(void *)at;
    at += fcs_lines(all_values(&w) * sizeof *offset);
    w.parts.out = call->out.p;
    w.parts.partial = (float *)(void *)at;
    w.local = at + fcs_dw_parts_bytes(&w.parts);
    for (int64_t i = 0; i < w.n_phases; i++) {
        phase *p = &w.phases[i];
        *p = phase_of(&w, call->args, i);
        p->offset = offset;
        for (int64_t k = 0; k < p->tiles * FCS_MR; k++)
            *offset++ = fcs_thin_offset(&p->cut, fcs_least(k, p->values - 1));
    }
    FCS_SYM(dw_parts_clear)(call->team, &w.parts);
    fcs_parallel(call->team, w.n_phases * w.spans * w.parts.n, 1, dw_items, &w);
    FCS_SYM(dw_parts_add)(call->team, &w.parts);
}
