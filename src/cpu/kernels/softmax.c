/* softmax.c: row by row: the largest channel of each pixel is taken off, all numbers of the row go
 * through exp, then each pixel is divided by its sum. */
#include "cpu/kernels/rows.h"

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

static void softmax_rows(void *arg, int64_t begin, int64_t end, int thread)
{
    const fcs_cpu_call *call = arg;
    const fcs_view *out = &call->out;
    const int64_t width = out->shape.n[FCS_W], channels = out->shape.n[FCS_C];
    const fcs_attrs none = {.i = {0}};
    (void)thread;
    for (int64_t row = begin; row < end; row++) {
        float *y = out->p + row * width * out->cs;
        below_largest(y, call->in[0].p + row * width * out->cs, width, channels, out->cs);
        FCS_SYM(op_exp).lanes(y, y, NULL, NULL, width * out->cs, &none);
        divide_by_sum(y, width, channels, out->cs);
    }
}

static void run(const fcs_cpu_call *c)
{
    fcs_cpu_call call = *c;
    fcs_parallel(c->team, fcs_rows_count(&c->out), fcs_rows_grain(&c->out), softmax_rows, &call);
}

const fcs_cpu_op FCS_SYM(op_softmax) = {.run = run};
