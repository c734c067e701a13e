/* conv_thin.c: conv and conv_dx of thin images (thin.h).
 *
 * out[q, co] = sum over k = (tap, ci) of in[reach * q + offset + spread * tap, ci] * w[k, co]
 *
 * A work item is a box of results. A register tile is any MR results of it; the places of products
 * in the copy are a table too, so that the whole sum is one loop. Meanwhile the next tile's lines
 * of the result are fetched where it is large, since they are read before they are written. */
#include "cpu/kernels/thin.h"

enum {
    PIXELS = 1024,         /* results of a box, at most */
    FETCH_FLOATS = 1 << 22 /* least size of a result whose lines are fetched */
};

typedef struct phase {
    fcs_thin_phase cut;
    int64_t products;      /* of a sum: taps x channels */
    const int64_t *offset; /* of each in the copy */
    float *weights;        /* [block of NR columns][product][NR] */
    int64_t item;          /* the first of its work items */
} phase;

typedef struct thin {
    fcs_view in, out;
    const float *w;
    int64_t lane_step, k_step, tap_step; /* of w: output channel, input channel, tap */
    int64_t channels, columns;
    fcs_conv_dims dims[3];
    bool adjoint;
    phase *phases;
    int64_t n_phases, room, threads;
    bool fetch;  /* lines of the result before they are written */
    char *local; /* of each thread: copy, a row that nobody reads, tables */
    int64_t pixels, copy;
    size_t local_bytes;
} thin;

static phase phase_of(const thin *f, const fcs_apply_args *a, int64_t i)
{
    phase p = {
        .cut = fcs_thin_phase_of(f->dims, f->adjoint, i, a->out.n[FCS_N], f->channels, f->room)};
    p.products = p.cut.taps * f->channels;
    return p;
}

static void thin_init(thin *f, const fcs_apply_args *a, int threads, bool adjoint)
{
    fcs_shape w = a->in[1], x = adjoint ? a->out : a->in[0], y = adjoint ? a->in[0] : a->out;
    int64_t pixels = fcs_shape_count(a->out) / a->out.n[FCS_C];
    *f = (thin){.adjoint = adjoint,
                .threads = threads,
                .fetch = fcs_shape_floats(a->out) >= FETCH_FLOATS,
                .channels = w.n[adjoint ? FCS_N : FCS_C],
                .columns = fcs_channel_stride(a->out.n[FCS_C])};
    f->room = fcs_most(FCS_MR, fcs_least(PIXELS, pixels / (4 * threads)));
    for (int i = 0; i < 3; i++)
        f->dims[i] = fcs_conv_dims_of(&a->attrs, x, w, y, i);
    f->n_phases = fcs_thin_phases(f->dims, adjoint);
    for (int64_t i = 0; i < f->n_phases; i++) {
        phase p = phase_of(f, a, i);
        f->copy = fcs_most(f->copy, fcs_thin_copy_floats(&p.cut));
        f->pixels = fcs_most(f->pixels, fcs_thin_box_pixels(&p.cut) + 2 * FCS_MR);
    }
    f->local_bytes = fcs_lines((size_t)(f->copy + f->columns) * sizeof(float)) +
                     2 * fcs_lines((size_t)f->pixels * sizeof(float *));
}

/* Of all phases. */
static size_t all_products(const thin *f)
{
    return (size_t)(f->dims[0].kernel * f->dims[1].kernel * f->dims[2].kernel * f->channels);
}

bool FCS_SYM(conv_thin_fits)(const fcs_apply_args *a, bool adjoint)
{
    return a->in[1].n[adjoint ? FCS_N : FCS_C] < FCS_THIN;
}

size_t FCS_SYM(conv_thin_scratch)(const fcs_apply_args *a, int threads, bool adjoint)
{
    thin f;
    thin_init(&f, a, threads, adjoint);
    return fcs_lines((size_t)f.n_phases * sizeof(phase)) +
           fcs_lines(all_products(&f) * sizeof(int64_t)) +
           fcs_lines(all_products(&f) * (size_t)f.columns * sizeof(float)) +
           (size_t)threads * f.local_bytes;
}

/* ---- weights ---- */

static void pack_block(const thin *f, const phase *p, int64_t first)
{
    int64_t width = fcs_least(f->columns - first, FCS_NR),
            lanes = fcs_most(fcs_least(f->out.shape.n[FCS_C] - first, width), 0);
    float *y = p->weights + first * p->products;
    for (int64_t tap = 0; tap < p->cut.taps; tap++, y += f->channels * width)
        fcs_pack(y,
                 f->w + fcs_thin_kernel(&p->cut, f->dims, tap) * f->tap_step + first * f->lane_step,
                 f->channels, f->k_step, f->lane_step, lanes, width);
}

static void pack_items(void *arg, int64_t begin, int64_t end, int thread)
{
    const thin *f = arg;
    int64_t blocks = fcs_divide_up(f->columns, FCS_NR);
    (void)thread;
    for (int64_t i = begin; i < end; i++)
        pack_block(f, &f->phases[i / blocks], i % blocks * FCS_NR);
}

/* ---- sums ---- */

/* MR results, nv vectors of columns from `column` on; nv is a literal. */
FCS_INLINE void sum_tile(const phase *p, const float *const *read, const int nv, float *const *out,
                         int64_t column, bool fetch)
{
    const float *b = p->weights + column * p->products;
    fcs_tile acc;
    fcs_tile_zero(acc, nv);
    if (fetch)
        fcs_tile_prefetch(out + FCS_MR, column);
    for (int64_t k = 0; k < p->products; k++, b += nv * FCS_VLEN) {
        FCS_TILE_PRODUCT(acc, FCS_MR, nv, b, read[m][p->offset[k]]);
    }
    fcs_tile_store(acc, nv, out, column, false);
}

/* Box i; meanwhile the one is fetched that this thread will probably take next. */
static void sum_box(const thin *f, const phase *p, int64_t i, char *local)
{
    fcs_thin_box b = fcs_thin_box_at(&p->cut, i);
    float *copy = (float *)(void *)local, *unread = copy + f->copy;
    char *tables = local + fcs_lines((size_t)(f->copy + f->columns) * sizeof *copy);
    const float **read = (const float **)(void *)tables;
    float **out = (float **)(void *)(tables + fcs_lines((size_t)f->pixels * sizeof copy));
    int64_t count = fcs_thin_places(&p->cut, &b, copy, read, &f->out, out);
    for (int m = 0; m < 2 * FCS_MR; m++) { /* behind them: the end of the last tile, one more */
        read[count + m] = copy;
        out[count + m] = unread;
    }
    fcs_thin_copy(&p->cut, &b, &f->in, copy);
    if (i + f->threads < p->cut.n_boxes)
        fcs_thin_fetch(&p->cut, i + f->threads, &f->in);
    for (int64_t q = 0; q < count; q += FCS_MR)
        for (int64_t at = 0; at < f->columns; at += FCS_NR)
            if (f->columns - at < FCS_NR)
                sum_tile(p, read + q, 1, out + q, at, f->fetch);
            else
                sum_tile(p, read + q, FCS_NV, out + q, at, f->fetch);
}

static void box_items(void *arg, int64_t begin, int64_t end, int thread)
{
    const thin *f = arg;
    const phase *p = f->phases;
    for (int64_t i = begin; i < end; i++) {
        while (i - p->item >= p->cut.n_boxes)
            p++;
        sum_box(f, p, i - p->item, f->local + (size_t)thread * f->local_bytes);
    }
}

void FCS_SYM(conv_thin_run)(const fcs_cpu_call *call, bool adjoint)
{
    thin f;
    thin_init(&f, call->args, fcs_team_size(call->team), adjoint);
    f.in = call->in[0];
    f.out = call->out;
    f.w = call->in[1].p;
    f.tap_step = call->in[1].cs;
    int64_t filter = (int64_t)all_products(&f) / f.channels * f.tap_step;
    f.lane_step = adjoint ? 1 : filter;
    f.k_step = adjoint ? filter : 1;
    f.phases = call->scratch;
    char *at = (char *)call->scratch + fcs_lines((size_t)f.n_phases * sizeof(phase));
    int64_t *offset = (int64_t *)(void *)at, items = 0;
    at += fcs_lines(all_products(&f) * sizeof *offset);
    float *weights = (float *)(void *)at;
    f.local = at + fcs_lines(all_products(&f) * (size_t)f.columns * sizeof *weights);
    for (int64_t i = 0; i < f.n_phases; i++) {
        phase *p = &f.phases[i];
        *p = phase_of(&f, call->args, i);
        p->offset = offset;
        p->weights = weights;
        p->item = items;
        for (int64_t k = 0; k < p->products; k++)
            *offset++ = fcs_thin_offset(&p->cut, k);
        weights += p->products * f.columns;
        items += p->cut.n_boxes;
    }
    fcs_parallel(call->team, f.n_phases * fcs_divide_up(f.columns, FCS_NR), 1, pack_items, &f);
    fcs_parallel(call->team, items, 1, box_items, &f);
}
