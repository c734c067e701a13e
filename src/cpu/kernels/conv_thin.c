/* conv_thin.c: conv and conv_dx of thin images, of one to seven channels: pixels without padding
 * lanes, sums of few products.
 *
 * out[q, co] = sum over k = (tap, ci) of in[reach * q + offset + spread * tap, ci] * w[k, co]
 *
 * A work item is a box of results. What it reads is copied first, with its padding, to a place of
 * few rows that stays near; then nothing asks where the image ends. A register tile is any MR
 * results of the box, of one row or of several: their places in the copy and in the image are
 * tables of the item, and so is the place of each product, so that the whole sum is one loop. */
#include "cpu/cpu.h"
#include "ops/axis.h"
#include "cpu/kernels/conv.h"

enum {
    PIXELS = 1024,         /* results of a box, at most */
    COPY_FLOATS = 1 << 15, /* wanted size of what it reads */
    THIN = 8               /* fewer input channels: a pixel has no padding lanes */
};

typedef struct phase {
    fcs_axis axis[3];
    int64_t box[4], boxes[4]; /* samples, D, H, W of the results; how many */
    int64_t copy[3];          /* D H W of a sample's copy */
    int64_t products;         /* of a sum: taps x channels */
    const int64_t *offset;    /* of each in the copy, in floats */
    float *weights;           /* [block of NR columns][product][NR] */
    int64_t item, end;        /* its work items */
} phase;

typedef struct thin {
    fcs_view in, out;
    const float *w;
    int64_t lane_step, k_step, tap_step; /* of w: output channel, input channel, tap */
    int64_t samples, channels, columns;
    fcs_conv_dims dims[3];
    int64_t classes[3];
    bool adjoint;
    phase *phases;
    char *local; /* of each thread: copy, a row that nobody reads, tables */
    int64_t pixels, copy;
    size_t local_bytes;
} thin;

typedef struct box {
    int64_t first[4], size[4]; /* N D H W of the phase's results */
} box;

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

static int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }

static int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

static int64_t n_phases(const thin *f) { return f->classes[0] * f->classes[1] * f->classes[2]; }

static int64_t kernel_taps(const thin *f)
{
    return f->dims[0].kernel * f->dims[1].kernel * f->dims[2].kernel;
}

/* ---- boxes ---- */

/* What a box of that size reads: D H W of a sample. */
static void box_reads(const phase *p, const int64_t size[4], int64_t reads[3])
{
    for (int i = 0; i < 3; i++) {
        const fcs_axis *x = &p->axis[i];
        reads[i] = x->taps ? (size[i + 1] - 1) * x->reach + (x->taps - 1) * x->spread + 1 : 0;
    }
}

static int64_t phase_copy(const thin *f, phase *p)
{
    box_reads(p, p->box, p->copy);
    return p->box[0] * p->copy[0] * p->copy[1] * p->copy[2] * f->channels;
}

static int64_t phase_count(const thin *f, const phase *p, int axis)
{
    return axis ? p->axis[axis - 1].count : f->samples;
}

/* Boxes of at most `room` results, of about the same size. */
static void phase_cut(const thin *f, phase *p, int64_t room)
{
    for (int i = 3; i >= 0; i--) {
        int64_t n = phase_count(f, p, i), boxes = ceil_div(n, least(n, room) + !n);
        p->box[i] = n ? ceil_div(n, boxes) : 0;
        room = boxes == 1 ? room / n : 1;
    }
    for (int i = 0; i < 4; i++)
        while (phase_copy(f, p) > COPY_FLOATS && p->box[i] > 1)
            p->box[i] = (p->box[i] + 1) / 2;
    for (int i = 0; i < 4; i++)
        p->boxes[i] = p->box[i] ? ceil_div(phase_count(f, p, i), p->box[i]) : 0;
}

static phase phase_of(const thin *f, int64_t i, int64_t room)
{
    int64_t r[3] = {i / (f->classes[1] * f->classes[2]), i / f->classes[2] % f->classes[1],
                    i % f->classes[2]};
    phase p = {.products = f->channels};
    for (int k = 0; k < 3; k++) {
        p.axis[k] = fcs_axis_phase(f->dims[k], f->adjoint, r[k]);
        p.products *= p.axis[k].taps;
    }
    phase_cut(f, &p, room);
    return p;
}

/* Results of a box: enough boxes for the team. */
static int64_t box_room(const fcs_apply_args *a, int threads)
{
    int64_t pixels = fcs_shape_count(a->out) / a->out.n[FCS_C];
    return most(FCS_MR, least(PIXELS, pixels / (4 * threads)));
}

static void thin_init(thin *f, const fcs_apply_args *a, int threads, bool adjoint)
{
    fcs_shape w = a->in[1], x = adjoint ? a->out : a->in[0], y = adjoint ? a->in[0] : a->out;
    *f = (thin){.adjoint = adjoint,
                .samples = a->out.n[FCS_N],
                .channels = w.n[adjoint ? FCS_N : FCS_C],
                .columns = fcs_channel_stride(a->out.n[FCS_C])};
    for (int i = 0; i < 3; i++) {
        f->dims[i] = fcs_conv_dims_of(&a->attrs, x, w, y, i);
        f->classes[i] = fcs_axis_phases(f->dims[i], adjoint);
    }
    for (int64_t i = 0; i < n_phases(f); i++) {
        phase p = phase_of(f, i, box_room(a, threads));
        f->copy = most(f->copy, phase_copy(f, &p));
        f->pixels = most(f->pixels, p.box[0] * p.box[1] * p.box[2] * p.box[3]);
    }
    f->pixels += FCS_MR;
    f->local_bytes = fcs_lines((size_t)(f->copy + f->columns) * sizeof(float)) +
                     fcs_lines((size_t)f->pixels * sizeof(int64_t)) +
                     fcs_lines((size_t)f->pixels * sizeof(float *));
}

static size_t thin_products(const thin *f) { return (size_t)(kernel_taps(f) * f->channels); }

bool FCS_SYM(conv_thin_fits)(const fcs_apply_args *a, bool adjoint)
{
    return a->in[1].n[adjoint ? FCS_N : FCS_C] < THIN;
}

size_t FCS_SYM(conv_thin_scratch)(const fcs_apply_args *a, int threads, bool adjoint)
{
    thin f;
    thin_init(&f, a, threads, adjoint);
    return fcs_lines((size_t)n_phases(&f) * sizeof(phase)) +
           fcs_lines(thin_products(&f) * sizeof(int64_t)) +
           fcs_lines(thin_products(&f) * (size_t)f.columns * sizeof(float)) +
           (size_t)threads * f.local_bytes;
}

/* ---- products: places and weights ---- */

static void tap_at(const phase *p, int64_t tap, int64_t j[3])
{
    j[0] = tap / p->axis[2].taps / p->axis[1].taps;
    j[1] = tap / p->axis[2].taps % p->axis[1].taps;
    j[2] = tap % p->axis[2].taps;
}

static void place_products(const thin *f, const phase *p, int64_t *offset)
{
    for (int64_t k = 0; k < p->products; k++) {
        int64_t j[3];
        tap_at(p, k / f->channels, j);
        int64_t line = j[0] * p->axis[0].spread * p->copy[1] + j[1] * p->axis[1].spread;
        offset[k] = (line * p->copy[2] + j[2] * p->axis[2].spread) * f->channels + k % f->channels;
    }
}

static void pack_block(const thin *f, const phase *p, int64_t first)
{
    int64_t width = least(f->columns - first, FCS_NR),
            lanes = most(least(f->out.shape.n[FCS_C] - first, width), 0);
    float *y = p->weights + first * p->products;
    for (int64_t tap = 0; tap < p->products / f->channels; tap++, y += f->channels * width) {
        int64_t j[3], at = 0;
        tap_at(p, tap, j);
        for (int i = 0; i < 3; i++)
            at = at * f->dims[i].kernel + p->axis[i].k0 + p->axis[i].dk * j[i];
        fcs_pack(y, f->w + at * f->tap_step + first * f->lane_step, f->channels, f->k_step,
                 f->lane_step, lanes, width);
    }
}

static void pack_items(void *arg, int64_t begin, int64_t end, int thread)
{
    const thin *f = arg;
    int64_t blocks = ceil_div(f->columns, FCS_NR);
    (void)thread;
    for (int64_t i = begin; i < end; i++)
        pack_block(f, &f->phases[i / blocks], i % blocks * FCS_NR);
}

/* ---- boxes: copies and tables ---- */

static box box_at(const thin *f, const phase *p, int64_t i)
{
    box b;
    for (int k = 3; k >= 0; k--) {
        b.first[k] = i % p->boxes[k] * p->box[k];
        b.size[k] = least(p->box[k], phase_count(f, p, k) - b.first[k]);
        i /= p->boxes[k];
    }
    return b;
}

/* What the box reads, zeros outside the image. */
static void copy_box(const thin *f, const phase *p, const box *b, float *y)
{
    int64_t at[3], reads[3], lo, hi, c = f->channels;
    box_reads(p, b->size, reads);
    for (int k = 0; k < 3; k++)
        at[k] = p->axis[k].reach * b->first[k + 1] + p->axis[k].offset;
    lo = most(0, least(-at[2], reads[2]));
    hi = most(lo, least(reads[2], p->axis[2].size - at[2]));
    for (int64_t i = 0; i < b->size[0] * reads[0] * reads[1]; i++) {
        int64_t n = i / (reads[0] * reads[1]), z = i / reads[1] % reads[0], v = i % reads[1];
        float *line = y + ((n * p->copy[0] + z) * p->copy[1] + v) * p->copy[2] * c;
        z += at[0], v += at[1];
        if (z < 0 || z >= p->axis[0].size || v < 0 || v >= p->axis[1].size) {
            memset(line, 0, (size_t)(reads[2] * c) * sizeof *line);
            continue;
        }
        n = ((b->first[0] + n) * p->axis[0].size + z) * p->axis[1].size + v;
        memset(line, 0, (size_t)(lo * c) * sizeof *line);
        memcpy(line + lo * c, f->in.p + (n * p->axis[2].size + at[2] + lo) * c,
               (size_t)((hi - lo) * c) * sizeof *line);
        memset(line + hi * c, 0, (size_t)((reads[2] - hi) * c) * sizeof *line);
    }
}

/* Where each result's first product lies in the copy and where it is written; how many there are.
 * Behind them an idle tile's end: results that nobody reads. */
static int64_t place_results(const thin *f, const phase *p, const box *b, int64_t *in, float **out,
                             float *unread)
{
    const fcs_axis *x = &p->axis[2];
    int64_t count = 0, in_step = x->reach * f->channels, out_step = x->step * f->out.cs;
    for (int64_t i = 0; i < b->size[0] * b->size[1] * b->size[2]; i++) {
        int64_t q[3] = {i / (b->size[1] * b->size[2]), i / b->size[2] % b->size[1], i % b->size[2]};
        int64_t from = q[0], to = b->first[0] + q[0];
        for (int k = 0; k < 2; k++) {
            from = from * p->copy[k] + p->axis[k].reach * q[k + 1];
            to = to * f->out.shape.n[FCS_D + k] + p->axis[k].start +
                 p->axis[k].step * (b->first[k + 1] + q[k + 1]);
        }
        from *= p->copy[2] * f->channels;
        float *y =
            f->out.p + (to * f->out.shape.n[FCS_W] + x->start + x->step * b->first[3]) * f->out.cs;
        for (int64_t j = 0; j < b->size[3]; j++, count++) {
            in[count] = from + j * in_step;
            out[count] = y + j * out_step;
        }
    }
    for (int m = 0; m < FCS_MR; m++) {
        in[count + m] = 0;
        out[count + m] = unread;
    }
    return count;
}

/* ---- sums ---- */

/* MR results, nv vectors of columns from `column` on; nv is a literal. */
FCS_INLINE void sum_tile(const phase *p, const float *copy, const int64_t *in, const int nv,
                         float *const *out, int64_t column)
{
    const float *b = p->weights + column * p->products;
    fcs_tile acc;
    fcs_tile_zero(acc, nv);
    for (int64_t k = 0; k < p->products; k++, b += nv * FCS_VLEN) {
        const float *a = copy + p->offset[k];
        fcs_vf row[FCS_NV];
        FCS_UNROLL
        for (int v = 0; v < nv; v++)
            row[v] = fcs_vload(b + v * FCS_VLEN);
        FCS_UNROLL
        for (int m = 0; m < FCS_MR; m++) {
            fcs_vf x = fcs_vset(a[in[m]]);
            FCS_UNROLL
            for (int v = 0; v < nv; v++)
                acc[m][v] = fcs_vfma(x, row[v], acc[m][v]);
        }
    }
    fcs_tile_store(acc, nv, out, column, false);
}

static void sum_box(const thin *f, const phase *p, const box *b, char *local)
{
    float *copy = (float *)(void *)local, *unread = copy + f->copy;
    int64_t *in =
        (int64_t *)(void *)(local + fcs_lines((size_t)(f->copy + f->columns) * sizeof(float)));
    float **out = (float **)(void *)((char *)in + fcs_lines((size_t)f->pixels * sizeof *in));
    int64_t count = place_results(f, p, b, in, out, unread);
    copy_box(f, p, b, copy);
    for (int64_t q = 0; q < count; q += FCS_MR)
        for (int64_t at = 0; at < f->columns; at += FCS_NR)
            if (f->columns - at < FCS_NR)
                sum_tile(p, copy, in + q, 1, out + q, at);
            else
                sum_tile(p, copy, in + q, FCS_NV, out + q, at);
}

static void box_items(void *arg, int64_t begin, int64_t end, int thread)
{
    const thin *f = arg;
    const phase *p = f->phases;
    for (int64_t i = begin; i < end; i++) {
        while (p->end <= i)
            p++;
        box b = box_at(f, p, i - p->item);
        sum_box(f, p, &b, f->local + (size_t)thread * f->local_bytes);
    }
}

void FCS_SYM(conv_thin_run)(const fcs_cpu_call *call, bool adjoint)
{
    thin f;
    int threads = fcs_team_size(call->team);
    thin_init(&f, call->args, threads, adjoint);
    f.in = call->in[0];
    f.out = call->out;
    f.w = call->in[1].p;
    f.tap_step = call->in[1].cs;
    f.lane_step = adjoint ? 1 : kernel_taps(&f) * f.tap_step;
    f.k_step = adjoint ? kernel_taps(&f) * f.tap_step : 1;
    f.phases = call->scratch;
    char *at = (char *)call->scratch + fcs_lines((size_t)n_phases(&f) * sizeof(phase));
    int64_t *offset = (int64_t *)(void *)at, items = 0;
    at += fcs_lines(thin_products(&f) * sizeof *offset);
    float *weights = (float *)(void *)at;
    f.local = at + fcs_lines(thin_products(&f) * (size_t)f.columns * sizeof *weights);
    for (int64_t i = 0; i < n_phases(&f); i++) {
        phase *p = &f.phases[i];
        *p = phase_of(&f, i, box_room(call->args, threads));
        p->offset = offset;
        p->weights = weights;
        place_products(&f, p, offset);
        offset += p->products;
        weights += p->products * f.columns;
        p->item = items;
        p->end = items += p->boxes[0] * p->boxes[1] * p->boxes[2] * p->boxes[3];
    }
    fcs_parallel(call->team, n_phases(&f) * ceil_div(f.columns, FCS_NR), 1, pack_items, &f);
    fcs_parallel(call->team, items, 1, box_items, &f);
}
