/* reshape.c: the same numbers in row-major N C D H W order under other sizes. Memory is
 * channels-last, so that this is a copy only where channels stay what they are; else numbers are
 * fetched for a block of output pixels, channel by channel. */
#include "cpu/kernels/rows.h"

enum { BLOCK = 64 };

static int64_t pixels_of(fcs_shape s) { return s.n[FCS_D] * s.n[FCS_H] * s.n[FCS_W]; }

/* y[i * step] = number first + i of x, i < count. */
static void fetch(const fcs_view *x, int64_t first, int64_t count, float *y, int64_t step)
{
    const int64_t pixels = pixels_of(x->shape), channels = x->shape.n[FCS_C];
    int64_t pixel = first % pixels, channel = first / pixels % channels,
            sample = first / pixels / channels;
    while (count > 0) {
        int64_t run = pixels - pixel < count ? pixels - pixel : count;
        const float *p = x->p + (sample * pixels + pixel) * x->cs + channel;
        for (int64_t i = 0; i < run; i++)
            y[i * step] = p[i * x->cs];
        y += run * step, count -= run, pixel = 0;
        if (++channel == channels)
            channel = 0, sample++;
    }
}

static void reshape_blocks(void *arg, int64_t begin, int64_t end, int thread)
{
    const fcs_cpu_call *call = arg;
    const fcs_view *in = &call->in[0], *out = &call->out;
    const int64_t pixels = pixels_of(out->shape), channels = out->shape.n[FCS_C],
                  blocks = (pixels + BLOCK - 1) / BLOCK;
    (void)thread;
    for (int64_t i = begin; i < end; i++) {
        int64_t sample = i / blocks, pixel = i % blocks * BLOCK;
        int64_t count = pixels - pixel < BLOCK ? pixels - pixel : BLOCK;
        float *y = out->p + (sample * pixels + pixel) * out->cs;
        if (pixels == 1)
            fetch(in, sample * channels, channels, y, 1);
        else
            for (int64_t c = 0; c < channels; c++)
                fetch(in, (sample * channels + c) * pixels + pixel, count, y + c, out->cs);
        for (int64_t k = 0; k < count; k++)
            fcs_rows_zero(y + k * out->cs + channels, out->cs - channels);
    }
}

static void copy_floats(void *arg, int64_t begin, int64_t end, int thread)
{
    const fcs_cpu_call *call = arg;
    (void)thread;
    memcpy(call->out.p + begin, call->in[0].p + begin, (size_t)(end - begin) * sizeof(float));
}

static void run(const fcs_cpu_call *c)
{
    fcs_cpu_call call = *c;
    const fcs_view *in = &c->in[0], *out = &c->out;
    bool same = in->shape.n[FCS_C] == out->shape.n[FCS_C] &&
                (in->shape.n[FCS_C] == 1 || in->shape.n[FCS_N] == out->shape.n[FCS_N]);
    if (same) {
        fcs_parallel(c->team, fcs_shape_floats(out->shape), 1 << 15, copy_floats, &call);
    } else {
        int64_t blocks = (pixels_of(out->shape) + BLOCK - 1) / BLOCK;
        fcs_parallel(c->team, out->shape.n[FCS_N] * blocks, 1 + (1 << 14) / (BLOCK * out->cs),
                     reshape_blocks, &call);
    }
}

const fcs_cpu_op FCS_SYM(op_reshape) = {.run = run};
