/* conv_sums.c: conv and conv_dx with under eight output channels and whole vectors of input ones:
 * lanes over input channels.
 *
 * A block is some pixels of a row by all or some outputs, a vector of sums each, so that a vector
 * of the image meets several of the weights and the reverse; lanes are added up at the end.
 * Meanwhile the row is fetched that the next row of outputs reads besides: with dilation that is
 * some rows further. Sums run over taps in ascending order of what they read, then channels; taps
 * outside the image are added as zeros or left out, which is the same for finite weights. So a
 * pixel's bits depend on its own inputs only, not on the block, the strip or the thread. */
#include "cpu/cpu.h"
#include "ops/axis.h"
#include "cpu/kernels/conv.h"
#include "cpu/kernels/simd.h"

enum {
    SUMS = FCS_MR * FCS_NV, /* vectors of sums of a block, at most */
    SLOTS = (SUMS + FCS_VLEN - 1) / FCS_VLEN * FCS_VLEN,
    BORDER = 4,     /* pixels of a block at the border of the image */
    ROWS_LEAST = 4, /* output rows of a work item */
    ROWS_MOST = 64,
    STRIP = 16,      /* its pixels of a class along W are a multiple of this */
    WINDOW = 1 << 17 /* floats of the image that a row of them reads, wanted */
};

/* Output pixels of one residue per axis. */
typedef struct sums_class {
    fcs_axis axis[3];
    const float *weights; /* [output][tap][lanes] */
} sums_class;

typedef struct sums {
    fcs_view in, out;
    const float *w;
    int64_t channel_step, k_step, tap_step; /* of w: output channel, input channel, tap */
    int64_t channels, lanes, outputs;       /* of in: real ones, as they are stored; of out */
    fcs_conv_dims dims[3];
    bool adjoint;
    int64_t classes[3];
    sums_class *table;
    float *zeros;
    int64_t strip, strips; /* pixels of a class along W in a work item; how many strips */
    int64_t rows, bands;   /* output rows of a work item; how many bands of them */
    int64_t row_step;      /* from a row to the one that is summed after it */
} sums;

static void sums_init(sums *f, const fcs_apply_args *a, bool adjoint)
{
    fcs_shape x = adjoint ? a->out : a->in[0], y = adjoint ? a->in[0] : a->out;
    *f = (sums){.adjoint = adjoint, .channels = a->in[0].n[FCS_C], .outputs = a->out.n[FCS_C]};
    f->lanes = fcs_channel_stride(f->channels);
    for (int i = 0; i < 3; i++) {
        f->dims[i] = fcs_conv_dims_of(&a->attrs, x, a->in[1], y, i);
        f->classes[i] = !adjoint                           ? 1
                        : f->dims[i].stride < f->dims[i].x ? f->dims[i].stride
                                                           : f->dims[i].x;
    }
}

static int64_t n_classes(const sums *f) { return f->classes[0] * f->classes[1] * f->classes[2]; }

static int64_t kernel_taps(const sums *f)
{
    return f->dims[0].kernel * f->dims[1].kernel * f->dims[2].kernel;
}

/* A pixel is read again for every tap: with one output, many channels and many taps lanes over taps
 * (conv_few.c) read less. */
bool FCS_SYM(conv_sums_fits)(const fcs_apply_args *a)
{
    fcs_shape w = a->in[1];
    int64_t channels = a->in[0].n[FCS_C], taps = w.n[FCS_D] * w.n[FCS_H] * w.n[FCS_W];
    return a->out.n[FCS_C] < 8 && fcs_channel_stride(channels) % 16 == 0 &&
           (a->out.n[FCS_C] > 1 || channels <= 128 || taps <= 16);
}

size_t FCS_SYM(conv_sums_scratch)(const fcs_apply_args *a, bool adjoint)
{
    sums f;
    sums_init(&f, a, adjoint);
    return fcs_lines((size_t)n_classes(&f) * sizeof(sums_class)) +
           (size_t)((kernel_taps(&f) * f.outputs + 1) * f.lanes) * sizeof(float);
}

/* ---- weights ---- */

static float *pack_class(const sums *f, const fcs_axis axis[3], float *to)
{
    int64_t taps = axis[0].taps * axis[1].taps * axis[2].taps;
    for (int64_t o = 0; o < f->outputs; o++)
        for (int64_t j = 0; j < taps; j++, to += f->lanes) {
            int64_t at[3] = {j / axis[2].taps / axis[1].taps, j / axis[2].taps % axis[1].taps,
                             j % axis[2].taps};
            int64_t index = 0;
            for (int i = 0; i < 3; i++)
                index = index * f->dims[i].kernel + axis[i].k0 + axis[i].dk * at[i];
            const float *w = f->w + index * f->tap_step + o * f->channel_step;
            for (int64_t k = 0; k < f->lanes; k++)
                to[k] = k < f->channels ? w[k * f->k_step] : 0;
        }
    return to;
}

/* ---- sums ---- */

/* Output pixels first .. end - 1 of a row, of one class along W, and the rows of taps that they
 * read. */
typedef struct row {
    fcs_axis axis;
    int64_t first, end;
    const float *in;                       /* the row of the image that tap row 0 reads */
    int64_t step, z_step, y_step;          /* floats from pixel to pixel, from tap row to tap row */
    int64_t z_lo, z_hi, y_lo, y_hi, y_all; /* tap rows inside the image; all along H */
    const float *weights;
    int64_t output_step; /* of weights */
    float *out;
    int64_t out_step;
    int64_t lanes;
    const float *zeros; /* so many, for taps outside the image */
    const float *ahead; /* as `in`, the row that the next output row reads besides, or NULL */
} row;

/* Pixels q, q + 1 .. of outputs o, o + 1 ..; border: some of their taps along W may lie outside. */
FCS_INLINE void block(const row *r, int64_t q, int64_t o, const bool border, const int pixels,
                      const int outputs)
{
    const fcs_axis *a = &r->axis;
    int64_t next = a->reach * r->step;
    fcs_vf sum[SLOTS];
    float totals[SLOTS];
    FCS_UNROLL
    for (int i = 0; i < SLOTS; i++)
        sum[i] = (fcs_vf){0};
    for (int64_t z = r->z_lo; z < r->z_hi; z++)
        for (int64_t y = r->y_lo; y < r->y_hi; y++)
            for (int64_t t = 0; t < a->taps; t++) {
                int64_t at = a->reach * q + a->offset + a->spread * t;
                const float *x = r->in + z * r->z_step + y * r->y_step + at * r->step, *in[SUMS];
                FCS_UNROLL
                for (int m = 0; m < pixels && border; m++, at += a->reach)
                    in[m] = at >= 0 && at < a->size ? x + m * next : r->zeros;
                const float *w =
                    r->weights + o * r->output_step + ((z * r->y_all + y) * a->taps + t) * r->lanes;
                for (int64_t k = 0; k < r->lanes; k += FCS_VLEN) {
                    fcs_vf v[SUMS];
                    FCS_UNROLL
                    for (int i = 0; i < outputs; i++)
                        v[i] = fcs_vload(w + i * r->output_step + k);
                    FCS_UNROLL
                    for (int m = 0; m < pixels; m++) {
                        fcs_vf p = fcs_vload((border ? in[m] : x + m * next) + k);
                        FCS_UNROLL
                        for (int i = 0; i < outputs; i++)
                            sum[i * pixels + m] = fcs_vfma(p, v[i], sum[i * pixels + m]);
                    }
                }
            }
    FCS_UNROLL
    for (int i = 0; i < outputs * pixels; i += FCS_VLEN)
        fcs_vstore(totals + i, fcs_vsums(sum + i));
    for (int i = 0; i < outputs; i++)
        for (int m = 0; m < pixels; m++)
            r->out[(q + m) * r->out_step + o + i] = totals[i * pixels + m];
}

/* Outputs of a block where so many are left: none is left alone, whose sums would be too few to
 * follow one another without waiting. */
FCS_INLINE int64_t group(int64_t left, const int most)
{
    return left <= most ? left : left == most + 1 && most > 2 ? most - 1 : most;
}

/* All outputs of so many pixels, at most so many of them at a time. */
FCS_INLINE void blocks(const row *r, int64_t outputs, int64_t q, const bool border,
                       const int pixels, const int most)
{
    for (int64_t o = 0, n; o < outputs; o += n) {
        n = group(outputs - o, most);
        if (most == 4 && n == 4)
            block(r, q, o, border, pixels, 4);
        else if (most >= 3 && n == 3)
            block(r, q, o, border, pixels, 3);
        else if (most >= 2 && n == 2)
            block(r, q, o, border, pixels, 2);
        else
            block(r, q, o, border, pixels, 1);
    }
}

/* q from which on, and up to which, tap `t` lies inside the image. */
static int64_t first_inside(const fcs_axis *a, int64_t t)
{
    int64_t at = -(a->offset + a->spread * t);
    return at <= 0 ? 0 : (at + a->reach - 1) / a->reach;
}

static int64_t end_inside(const fcs_axis *a, int64_t t)
{
    int64_t room = a->size - 1 - (a->offset + a->spread * t);
    return room < 0 ? 0 : room / a->reach + 1;
}

/* Taps along an axis that lie inside the image for position q: [*lo, *hi). */
static void taps_inside(const fcs_axis *a, int64_t q, int64_t *lo, int64_t *hi)
{
    *lo = 0;
    *hi = a->taps;
    while (*lo < *hi && a->reach * q + a->offset + a->spread * *lo < 0)
        ++*lo;
    while (*hi > *lo && a->reach * q + a->offset + a->spread * (*hi - 1) >= a->size)
        --*hi;
}

/* Pixels q .. end - 1, of which some or all of the taps lie outside; some of the strip's others may
 * be summed once more. */
static void borders(const row *r, int64_t outputs, int64_t q, int64_t end)
{
    if (r->end - r->first < BORDER)
        for (; q < end; q++)
            blocks(r, outputs, q, true, 1, 3);
    for (; q < end; q += BORDER)
        blocks(r, outputs, fcs_least(q, r->end - BORDER), true, BORDER, 3);
}

/* Fetches what so many pixels read last of the row ahead. */
FCS_INLINE void fetch(const row *r, int64_t q, const int pixels)
{
    const fcs_axis *a = &r->axis;
    if (!r->ahead)
        return;
    const float *x = r->ahead + (a->reach * q + a->offset + a->spread * (a->taps - 1)) * r->step;
    for (int64_t i = 0; i < pixels * a->reach * r->step; i += 16)
        __builtin_prefetch(x + i);
}

/* Pixels q .. hi - 1 in blocks of so many; the first behind them. */
FCS_INLINE int64_t run_blocks(const row *r, int64_t outputs, int64_t q, int64_t hi,
                              const int pixels, const int most)
{
    for (; q + pixels <= hi; q += pixels) {
        fetch(r, q, pixels);
        blocks(r, outputs, q, false, pixels, most);
    }
    return q;
}

/* The widest blocks that the registers hold. */
FCS_INLINE int64_t run_wide(const row *r, int64_t outputs, int64_t q, int64_t hi)
{
    if (SUMS == 24)
        return outputs == 4 || outputs == 7 ? run_blocks(r, outputs, q, hi, 5, 4)
                                            : run_blocks(r, outputs, q, hi, 8, 3);
    return outputs == 1                   ? run_blocks(r, outputs, q, hi, 8, 1)
           : outputs == 2 || outputs == 4 ? run_blocks(r, outputs, q, hi, 6, 2)
                                          : q;
}

static void run_row(const row *r, int64_t outputs)
{
    const fcs_axis *a = &r->axis;
    int64_t hi = fcs_least(end_inside(a, a->taps - 1), r->end),
            lo = fcs_most(r->first, fcs_least(first_inside(a, 0), hi));
    borders(r, outputs, r->first, lo);
    lo = run_wide(r, outputs, lo, hi);
    lo = run_blocks(r, outputs, lo, hi, BORDER, 3);
    borders(r, outputs, lo, r->end);
}

/* A strip of output row z, y of sample n. */
static void output_row(const sums *f, int64_t n, int64_t z, int64_t y, int64_t strip)
{
    const int64_t *in = f->in.shape.n + FCS_D, *out = f->out.shape.n + FCS_D;
    const sums_class *c =
        f->table + (z % f->classes[0] * f->classes[1] + y % f->classes[1]) * f->classes[2];
    const fcs_axis *az = &c->axis[0], *ay = &c->axis[1];
    int64_t qz = z / f->classes[0], qy = y / f->classes[1], row_floats = in[2] * f->in.cs;
    row r = {.step = f->in.cs, .lanes = f->lanes, .zeros = f->zeros, .y_all = ay->taps};
    r.z_step = az->spread * in[1] * row_floats;
    r.y_step = ay->spread * row_floats;
    r.in = f->in.p +
           ((n * in[0] + az->reach * qz + az->offset) * in[1] + ay->reach * qy + ay->offset) *
               row_floats;
    int64_t below = ay->reach * (qy + f->row_step) + ay->offset + ay->spread * (ay->taps - 1);
    if (below >= 0 && below < ay->size)
        r.ahead = r.in + (az->taps - 1) * r.z_step + (ay->taps - 1) * r.y_step +
                  ay->reach * f->row_step * row_floats;
    taps_inside(az, qz, &r.z_lo, &r.z_hi);
    taps_inside(ay, qy, &r.y_lo, &r.y_hi);
    float *to = f->out.p + ((n * out[0] + z) * out[1] + y) * out[2] * f->out.cs;
    for (int64_t x = 0; x < f->classes[2]; x++, c++) {
        r.axis = c->axis[2];
        r.first = strip * f->strip;
        r.end = fcs_least(r.first + f->strip, r.axis.count);
        r.output_step = az->taps * ay->taps * r.axis.taps * f->lanes;
        r.weights = c->weights;
        r.out = to + r.axis.start * f->out.cs;
        r.out_step = r.axis.step * f->out.cs;
        run_row(&r, f->outputs);
        r.ahead = NULL;
    }
}

/* A work item is a strip of a band of rows: what one of its rows reads is still in the second cache
 * for the next one that reads most of it too. */
static void cut_planes(sums *f, int64_t planes, int threads)
{
    const fcs_axis *z = &f->table->axis[0], *y = &f->table->axis[1], *x = &f->table->axis[2];
    int64_t rows = fcs_most(1, z->taps * y->taps),
            pixels = (WINDOW / (rows * f->lanes) - x->spread * (x->taps - 1)) / x->reach;
    int64_t equal = fcs_divide_up(x->count, fcs_divide_up(x->count, fcs_most(STRIP, pixels)));
    f->strip = fcs_divide_up(equal, STRIP) * STRIP;
    f->strips = fcs_divide_up(x->count, f->strip);
    int64_t height = f->out.shape.n[FCS_H], all = planes * height * f->strips;
    f->rows = fcs_most(ROWS_LEAST, fcs_least(ROWS_MOST, all / (8 * threads)));
    f->bands = fcs_divide_up(height, f->rows);
    f->row_step = y->spread / fcs_gcd(y->spread, y->reach);
}

static void row_items(void *arg, int64_t begin, int64_t end, int thread)
{
    const sums *f = arg;
    int64_t height = f->out.shape.n[FCS_H], depth = f->out.shape.n[FCS_D], step = f->row_step;
    (void)thread;
    for (int64_t i = begin; i < end; i++) {
        int64_t strip = i % f->strips, band = i / f->strips % f->bands,
                plane = i / f->strips / f->bands, first = band * f->rows,
                last = fcs_least(first + f->rows, height);
        for (int64_t r = first; r < fcs_least(first + step, last); r++)
            for (int64_t y = r; y < last; y += step)
                output_row(f, plane / depth, plane % depth, y, strip);
    }
}

void FCS_SYM(conv_sums_run)(const fcs_cpu_call *call, bool adjoint)
{
    sums f;
    sums_init(&f, call->args, adjoint);
    f.in = call->in[0];
    f.out = call->out;
    f.w = call->in[1].p;
    f.tap_step = call->in[1].cs;
    f.channel_step = adjoint ? 1 : kernel_taps(&f) * f.tap_step;
    f.k_step = adjoint ? kernel_taps(&f) * f.tap_step : 1;
    f.table = call->scratch;
    float *weights = (float *)(void *)((char *)call->scratch +
                                       fcs_lines((size_t)n_classes(&f) * sizeof(sums_class)));
    for (int64_t i = 0; i < n_classes(&f); i++) {
        sums_class *c = &f.table[i];
        int64_t residue[3] = {i / (f.classes[1] * f.classes[2]), i / f.classes[2] % f.classes[1],
                              i % f.classes[2]};
        for (int k = 0; k < 3; k++)
            c->axis[k] =
                adjoint ? fcs_axis_adjoint(f.dims[k], residue[k]) : fcs_axis_forward(f.dims[k]);
        c->weights = weights;
        weights = pack_class(&f, c->axis, weights);
    }
    f.zeros = memset(weights, 0, (size_t)f.lanes * sizeof *weights);
    int64_t planes = f.out.shape.n[FCS_N] * f.out.shape.n[FCS_D];
    cut_planes(&f, planes, fcs_team_size(call->team));
    fcs_parallel(call->team, planes * f.bands * f.strips, 1, row_items, &f);
}
