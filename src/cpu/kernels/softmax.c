/* softmax.c: the largest channel of each pixel is taken off, exp, then each pixel is divided by its
 * sum. Few channels: lanes over pixels, a block of them at a time, channel by channel; else row by
 * row, lanes over channels. */
#include "cpu/kernels/lanes_math.h"
#include "cpu/kernels/rows.h"

enum {
    FEW = 8,    /* channels that are taken apart, at most */
    BLOCK = 128 /* pixels of them at a time: whole vectors, in the first cache */
};

extern const fcs_cpu_op FCS_SYM(op_exp);

static void below_largest(float *y, const float *x, int64_t pixels, int64_t channels, int64_t cs)
{
    for (int64_t w = 0; w < pixels; w++, x += cs, y += cs) {
        float largest = x[0];
        for (int64_t c = 1; c < channels; c++)
            largest = x[c] > largest ? x[c] : largest;
        for (int64_t c = 0; c < cs; c++)
            y[c] = x[c] - largest;
    }
}

static void divide_by_sum(float *y, int64_t pixels, int64_t channels, int64_t cs)
{
    for (int64_t w = 0; w < pixels; w++, y += cs) {
        float sum = 0;
        for (int64_t c = 0; c < channels; c++)
            sum += y[c];
        for (int64_t c = 0; c < channels; c++)
            y[c] /= sum;
        fcs_rows_zero(y + channels, cs - channels);
    }
}

static void many(float *y, const float *x, int64_t pixels, int64_t channels, int64_t cs)
{
    const fcs_attrs none = {.i = {0}};
    below_largest(y, x, pixels, channels, cs);
    FCS_SYM(op_exp).lanes(y, y, NULL, NULL, pixels * cs, &none);
    divide_by_sum(y, pixels, channels, cs);
}

/* A vector of pixels of each channel, BLOCK floats apart. */
FCS_INLINE void shares(float *p, const int channels)
{
    fcs_vf v[FEW], largest = fcs_vload(p), sum = {0};
    FCS_UNROLL
    for (int c = 0; c < channels; c++) {
        v[c] = fcs_vload(p + c * BLOCK);
        largest = FCS_SELECT(v[c] > largest, v[c], largest);
    }
    FCS_UNROLL
    for (int c = 0; c < channels; c++) {
        v[c] = FCS_EXP(v[c] - largest);
        sum = sum + v[c];
    }
    FCS_UNROLL
    for (int c = 0; c < channels; c++)
        fcs_vstore(p + c * BLOCK, v[c] / sum);
}

/* With literals for channels and cs the compiler makes vectors of taking apart and joining. */
FCS_INLINE void few(float *restrict y, const float *restrict x, int64_t pixels, const int channels,
                    const int cs)
{
    float part[FEW * BLOCK] = {0};
    for (int64_t n; pixels > 0; pixels -= n, x += n * cs, y += n * cs) {
        n = pixels < BLOCK ? pixels : BLOCK;
        for (int64_t w = 0; w < n; w++)
            for (int c = 0; c < channels; c++)
                part[c * BLOCK + w] = x[w * cs + c];
        for (int64_t w = 0; w < n; w += FCS_VLEN)
            shares(part + w, channels);
        for (int64_t w = 0; w < n; w++)
            for (int c = 0; c < cs; c++)
                y[w * cs + c] = c < channels ? part[c * BLOCK + w] : 0;
    }
}

#define FEW_CHANNELS(channels, cs)                                                                 \
    static void few_##channels(float *y, const float *x, int64_t pixels)                           \
    {                                                                                              \
        few(y, x, pixels, channels, cs);                                                           \
    }
FEW_CHANNELS(1, 1)
FEW_CHANNELS(2, 2)
FEW_CHANNELS(3, 3)
FEW_CHANNELS(4, 4)
FEW_CHANNELS(5, 5)
FEW_CHANNELS(6, 6)
FEW_CHANNELS(7, 7)
FEW_CHANNELS(8, 16)
static void (*const by_channels[])(float *y, const float *x, int64_t pixels) = {
    few_1, few_2, few_3, few_4, few_5, few_6, few_7, few_8};

static void softmax_rows(void *arg, int64_t begin, int64_t end, int thread)
{
    const fcs_cpu_call *call = arg;
    const fcs_view *out = &call->out;
    const int64_t width = out->shape.n[FCS_W], channels = out->shape.n[FCS_C];
    const float *x = call->in[0].p + begin * width * out->cs;
    float *y = out->p + begin * width * out->cs;
    (void)thread;
    if (channels <= FEW) {
        by_channels[channels - 1](y, x, (end - begin) * width);
        return;
    }
    for (int64_t row = begin; row < end; row++, x += width * out->cs, y += width * out->cs)
        many(y, x, width, channels, out->cs);
}

static void run(const fcs_cpu_call *c)
{
    fcs_cpu_call call = *c;
    fcs_rows_parallel(c->team, &c->out, &c->out, softmax_rows, &call);
}

const fcs_cpu_op FCS_SYM(op_softmax) = {.run = run};
