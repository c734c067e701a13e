/* conv_few.c: conv and conv_dx with under eight output channels: lanes over taps.
 *
 * Each input pixel is multiplied by all taps that read it, one matrix product with (taps x output
 * channels) columns; the products are added where they belong. So no lane idles, and each input is
 * read once. Two passes: per input row, the sums along x, kept per (kz, ky); then per output row
 * the sum of its (kz, ky) rows. Orders are fixed: x by tap class and ascending input pixel, then
 * kz, ky ascending. */
#include "cpu/cpu.h"
#include "ops/axis.h"
#include "cpu/kernels/conv.h"

enum { PASS_FLOATS = 8 << 20 }; /* partial rows kept at a time, if more than one sample fits */

/* Input pixels of one residue per axis, and the taps that read them. */
typedef struct few_class {
    fcs_axis axis[3];
    int64_t columns, width; /* taps * channels, padded */
    float *weights;         /* [block][input channel][columns of the block] */
} few_class;

typedef struct few {
    fcs_view in, out;
    const float *w;
    int64_t inputs, channels;               /* channels in and out */
    int64_t channel_step, k_step, tap_step; /* of w: output channel, input channel, tap */
    fcs_conv_dims dims[3];
    bool adjoint;
    int64_t classes[3];
    few_class *table;
    float *rows, *local;
    int64_t row_floats, sample_floats, samples,
        first; /* of rows: one (kz, ky), one sample; samples per pass */
    size_t local_floats;
} few;

static int64_t padded(int64_t columns) { return (columns + FCS_VLEN - 1) / FCS_VLEN * FCS_VLEN; }

static void few_init(few *f, const fcs_apply_args *a, bool adjoint)
{
    *f = (few){.adjoint = adjoint, .channels = a->out.n[FCS_C], .inputs = a->in[0].n[FCS_C]};
    fcs_shape x = adjoint ? a->out : a->in[0], y = adjoint ? a->in[0] : a->out;
    int64_t taps = 1, rows = 1;
    for (int i = 0; i < 3; i++) {
        fcs_conv_dims *d = &f->dims[i];
        *d = fcs_conv_dims_of(&a->attrs, x, a->in[1], y, i);
        int64_t period = d->stride / fcs_gcd(d->stride, d->dilation);
        f->classes[i] = adjoint ? 1 : period < d->kernel ? period : d->kernel;
        taps *= d->kernel;
        rows *= i < 2 ? (adjoint ? d->y : d->x) * d->kernel : 1;
    }
    f->row_floats = a->out.n[FCS_W] * f->channels;
    f->sample_floats = rows * f->row_floats;
    f->samples = f->sample_floats < PASS_FLOATS ? PASS_FLOATS / f->sample_floats : 1;
    if (f->samples > a->out.n[FCS_N])
        f->samples = a->out.n[FCS_N];
    f->local_floats = (size_t)(FCS_MR * (padded(taps * f->channels) + f->inputs + 16));
}

static int64_t few_classes(const few *f) { return f->classes[0] * f->classes[1] * f->classes[2]; }

/* Floats of all packed weights: each class's columns are padded. */
static size_t few_weights(const few *f)
{
    int64_t taps = f->dims[0].kernel * f->dims[1].kernel * f->dims[2].kernel;
    return (size_t)((taps * f->channels + few_classes(f) * FCS_VLEN) * f->inputs);
}

size_t FCS_SYM(conv_few_scratch)(const fcs_apply_args *a, int threads, bool adjoint)
{
    few f;
    few_init(&f, a, adjoint);
    return fcs_lines((size_t)few_classes(&f) * sizeof(few_class)) +
           fcs_lines(few_weights(&f) * sizeof(float)) +
           fcs_lines((size_t)(f.samples * f.sample_floats) * sizeof(float)) +
           (size_t)threads * fcs_lines(f.local_floats * sizeof(float));
}

/* ---- classes and their weights ---- */

/* The residue of the input pixels that kernel index k reads. */
static int64_t residue(fcs_conv_dims d, int64_t k)
{
    return ((k * d.dilation - d.pad) % d.stride + d.stride) % d.stride;
}

static void few_tables(few *f, float *weights)
{
    for (int64_t i = 0; i < few_classes(f); i++) {
        few_class *c = &f->table[i];
        int64_t k[3] = {i / (f->classes[1] * f->classes[2]), i / f->classes[2] % f->classes[1],
                        i % f->classes[2]};
        c->columns = f->channels;
        for (int j = 0; j < 3; j++) {
            fcs_conv_dims d = f->dims[j];
            c->axis[j] = f->adjoint ? fcs_axis_forward(d) : fcs_axis_adjoint(d, residue(d, k[j]));
            c->columns *= c->axis[j].taps;
        }
        c->width = padded(c->columns);
        c->weights = weights;
        weights += c->width * f->inputs;
    }
}

static int64_t tap_index(const fcs_axis *a, int64_t j) { return a->k0 + a->dk * j; }

/* Column (jz, jy, jx, channel) of a class: where it lies in w. */
static int64_t column_offset(const few *f, const few_class *c, int64_t column)
{
    const fcs_axis *z = &c->axis[0], *y = &c->axis[1], *x = &c->axis[2];
    int64_t tap = column / f->channels;
    int64_t kz = tap_index(z, tap / x->taps / y->taps), ky = tap_index(y, tap / x->taps % y->taps);
    int64_t kx = tap_index(x, tap % x->taps);
    return ((kz * f->dims[1].kernel + ky) * f->dims[2].kernel + kx) * f->tap_step +
           column % f->channels * f->channel_step;
}

static int64_t block_width(const few_class *c, int64_t at)
{
    return c->width - at < FCS_NR ? FCS_VLEN : FCS_NR;
}

static void few_pack(const few *f, const few_class *c)
{
    for (int64_t column = 0; column < c->width; column++) {
        int64_t at = column / FCS_NR * FCS_NR, width = block_width(c, at);
        float *y = c->weights + at * f->inputs + (column - at);
        const float *w = f->w + (column < c->columns ? column_offset(f, c, column) : 0);
        for (int64_t k = 0; k < f->inputs; k++)
            y[k * width] = column < c->columns ? w[k * f->k_step] : 0;
    }
}

/* ---- first pass: sums along x ---- */

/* Adds the products of input pixels q + skip .. q + MR - 1 of a row to its partial rows; taps
 * descending, so that an output's sum runs over ascending input pixels whatever tile they are in.
 */
static void few_spread(const few *f, const few_class *c, const float *products, float *rows,
                       int64_t q, int64_t skip)
{
    const fcs_axis *y = &c->axis[1], *x = &c->axis[2];
    int64_t end = q + FCS_MR < x->count ? q + FCS_MR : x->count;
    for (int64_t column = c->columns - 1; column >= 0; column--) {
        int64_t channel = column % f->channels, tap = column / f->channels;
        int64_t kz = tap_index(&c->axis[0], tap / x->taps / y->taps),
                ky = tap_index(y, tap / x->taps % y->taps);
        int64_t at = x->offset + x->spread * (tap % x->taps), lo = q + skip, hi = end;
        float *row = rows + (kz * f->dims[1].kernel + ky) * f->row_floats + channel;
        while (lo < hi && x->reach * lo + at < 0)
            lo++;
        while (lo < hi && x->reach * (hi - 1) + at >= x->size)
            hi--;
        for (int64_t i = lo; i < hi; i++)
            row[(x->reach * i + at) * f->channels] += products[(i - q) * c->width + column];
    }
}

/* The row's pixels of one class in x. */
static void few_row(const few *f, const few_class *c, const float *in, float *rows, float *local)
{
    static const int64_t start[1] = {0};
    const fcs_axis *x = &c->axis[2];
    float *products = local, *patch = local + FCS_MR * c->width, *out[FCS_MR];
    int64_t step = x->step * f->in.cs;
    for (int m = 0; m < FCS_MR; m++)
        out[m] = products + m * c->width;
    in += x->start * f->in.cs;
    if (!x->count)
        return;
    if (x->count < FCS_MR) {
        for (int64_t m = 0; m < FCS_MR; m++)
            memcpy(patch + m * f->inputs, in + (m < x->count ? m : 0) * step,
                   (size_t)f->inputs * sizeof *patch);
        in = patch;
        step = f->inputs;
    }
    for (int64_t done = 0; done < x->count; done += FCS_MR) {
        int64_t q = x->count < FCS_MR ? 0 : done + FCS_MR > x->count ? x->count - FCS_MR : done;
        for (int64_t at = 0, width; at < c->width; at += width) {
            width = block_width(c, at);
            fcs_tile_runs(1, start, f->inputs, in + q * step, step, c->weights + at * f->inputs,
                          (int)width, out, at, false, NULL, 0);
        }
        few_spread(f, c, products, rows, q, done - q);
    }
}

/* Which class position i is in, or -1: no tap reads it. */
static int64_t class_of(const few *f, int axis, int64_t i)
{
    fcs_conv_dims d = f->dims[axis];
    for (int64_t k = 0; k < f->classes[axis]; k++)
        if (f->adjoint || residue(d, k) == i % d.stride)
            return k;
    return -1;
}

static void few_inputs(void *arg, int64_t begin, int64_t end, int thread)
{
    const few *f = arg;
    float *local =
        f->local + (size_t)thread * (fcs_lines(f->local_floats * sizeof(float)) / sizeof(float));
    int64_t height = f->in.shape.n[FCS_H], depth = f->in.shape.n[FCS_D];
    int64_t slots = f->dims[0].kernel * f->dims[1].kernel;
    for (int64_t i = begin; i < end; i++) {
        int64_t z = i / height % depth, y = i % height, cz = class_of(f, 0, z),
                cy = class_of(f, 1, y);
        const float *in =
            f->in.p + (f->first * depth * height + i) * f->in.shape.n[FCS_W] * f->in.cs;
        float *rows = f->rows + i * slots * f->row_floats;
        if (cz < 0 || cy < 0)
            continue;
        memset(rows, 0, (size_t)(slots * f->row_floats) * sizeof *rows);
        for (int64_t cx = 0; cx < f->classes[2]; cx++)
            few_row(f, &f->table[(cz * f->classes[1] + cy) * f->classes[2] + cx], in, rows, local);
    }
}

/* ---- second pass: sums over (kz, ky) ---- */

/* The input position that output o and kernel index k meet in, or -1. */
static int64_t meet(const few *f, int axis, int64_t o, int64_t k)
{
    fcs_conv_dims d = f->dims[axis];
    int64_t t = f->adjoint ? o + d.pad - k * d.dilation : o * d.stride + k * d.dilation - d.pad;
    if (f->adjoint && t % d.stride != 0)
        return -1;
    t /= f->adjoint ? d.stride : 1;
    return t >= 0 && t < (f->adjoint ? d.y : d.x) ? t : -1;
}

static void few_outputs(void *arg, int64_t begin, int64_t end, int thread)
{
    const few *f = arg;
    int64_t height = f->out.shape.n[FCS_H], depth = f->out.shape.n[FCS_D], n = f->row_floats;
    (void)thread;
    for (int64_t i = begin; i < end; i++) {
        float *out = f->out.p + (f->first * depth * height + i) * n;
        const float *sample = f->rows + i / height / depth * f->sample_floats;
        memset(out, 0, (size_t)n * sizeof *out);
        for (int64_t kz = 0; kz < f->dims[0].kernel; kz++)
            for (int64_t ky = 0; ky < f->dims[1].kernel; ky++) {
                int64_t z = meet(f, 0, i / height % depth, kz), y = meet(f, 1, i % height, ky);
                if (z < 0 || y < 0)
                    continue;
                int64_t slot =
                    ((z * f->in.shape.n[FCS_H] + y) * f->dims[0].kernel + kz) * f->dims[1].kernel +
                    ky;
                for (int64_t j = 0; j < n; j++)
                    out[j] += sample[slot * n + j];
            }
    }
}

void FCS_SYM(conv_few_run)(const fcs_cpu_call *call, bool adjoint)
{
    few f;
    few_init(&f, call->args, adjoint);
    int64_t taps = f.dims[0].kernel * f.dims[1].kernel * f.dims[2].kernel,
            n = call->out.shape.n[FCS_N];
    char *at = call->scratch;
    f.table = (few_class *)(void *)at;
    at += fcs_lines((size_t)few_classes(&f) * sizeof(few_class));
    f.in = call->in[0];
    f.out = call->out;
    f.w = call->in[1].p;
    f.tap_step = call->in[1].cs;
    f.channel_step = adjoint ? 1 : taps * f.tap_step;
    f.k_step = adjoint ? taps * f.tap_step : 1;
    few_tables(&f, (float *)(void *)at);
    at += fcs_lines(few_weights(&f) * sizeof(float));
    f.rows = (float *)(void *)at;
    at += fcs_lines((size_t)(f.samples * f.sample_floats) * sizeof(float));
    f.local = (float *)(void *)at;
    for (int64_t i = 0; i < few_classes(&f); i++)
        few_pack(&f, &f.table[i]);
    for (f.first = 0; f.first < n; f.first += f.samples) {
        int64_t samples = f.samples < n - f.first ? f.samples : n - f.first;
        fcs_parallel(call->team, samples * f.in.shape.n[FCS_D] * f.in.shape.n[FCS_H], 1, few_inputs,
                     &f);
        fcs_parallel(call->team, samples * f.out.shape.n[FCS_D] * f.out.shape.n[FCS_H], 4,
                     few_outputs, &f);
    }
}
