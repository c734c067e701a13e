/* pad.c: zeros around the input; attributes: leading counts in i[0..4], trailing ones in i[5..9].
 */
#include "cpu/kernels/rows.h"

/* The inside of a row whose channels are shifted by `before`. */
static void pad_channels(const fcs_view *out, const fcs_view *in, float *y, const float *x,
                         int64_t before)
{
    int64_t channels = in->shape.n[FCS_C];
    for (int64_t w = 0; w < in->shape.n[FCS_W]; w++, y += out->cs, x += in->cs) {
        fcs_rows_zero(y, before);
        fcs_rows_copy(y + before, x, channels);
        fcs_rows_zero(y + before + channels, out->cs - before - channels);
    }
}

static void pad_rows(void *arg, int64_t begin, int64_t end, int thread)
{
    const fcs_cpu_call *call = arg;
    const fcs_view *in = &call->in[0], *out = &call->out;
    const int64_t *lead = call->args->attrs.i, *s = in->shape.n, width = out->shape.n[FCS_W];
    (void)thread;
    for (int64_t row = begin; row < end; row++) {
        int64_t n, d, h;
        fcs_rows_at(out, row, &n, &d, &h);
        float *y = fcs_rows_pixel(out, n, d, h, 0);
        n -= lead[FCS_N], d -= lead[FCS_D], h -= lead[FCS_H];
        if (n < 0 || n >= s[FCS_N] || d < 0 || d >= s[FCS_D] || h < 0 || h >= s[FCS_H]) {
            fcs_rows_zero(y, width * out->cs);
            continue;
        }
        const float *x = fcs_rows_pixel(in, n, d, h, 0);
        float *inside = y + lead[FCS_W] * out->cs;
        fcs_rows_zero(y, lead[FCS_W] * out->cs);
        if (out->shape.n[FCS_C] == s[FCS_C])
            memcpy(inside, x, (size_t)(s[FCS_W] * in->cs) * sizeof *x);
        else
            pad_channels(out, in, inside, x, lead[FCS_C]);
        fcs_rows_zero(inside + s[FCS_W] * out->cs, (width - lead[FCS_W] - s[FCS_W]) * out->cs);
    }
}

static void run(const fcs_cpu_call *c)
{
    fcs_cpu_call call = *c;
    fcs_rows_parallel(c->team, &c->out, &c->out, pad_rows, &call);
}

const fcs_cpu_op FCS_SYM(op_pad) = {.run = run};
