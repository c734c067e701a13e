/* interpolate.c: a row of y from up to four rows of x: blended along H, then along D, then along W.
 */
#include "cpu/kernels/rows.h"
#include "ops/ops.h"

/* y = 3/4 a + 1/4 b, n floats; y may be a or b. One loop, a rest in a vector of its own, so that an
 * element's bits do not depend on its place. */
static __attribute__((noinline)) void blend(float *y, const float *a, const float *b, int64_t n)
{
    const fcs_vf near = fcs_vset(0.75f), far = fcs_vset(0.25f);
    for (int64_t i = 0; i < n; i += FCS_VLEN) {
        bool whole = i + FCS_VLEN <= n;
        fcs_vf va = whole ? fcs_vload(a + i) : fcs_vload_n(a + i, n - i);
        fcs_vf vb = whole ? fcs_vload(b + i) : fcs_vload_n(b + i, n - i);
        fcs_vf v = fcs_vfma(va, near, vb * far);
        if (whole)
            fcs_vstore(y + i, v);
        else
            fcs_vstore_n(y + i, v, n - i);
    }
}

/* Output j of a dimension: nearer and further input, the same where nothing is interpolated. */
static void sources(int64_t j, int64_t factor, int64_t lo, int64_t *near, int64_t *far)
{
    int64_t at = j + lo;
    *near = factor == 1 ? j : (at + 1) / 2;
    *far = factor == 1 ? j : at % 2 ? at / 2 : at / 2 + 1;
}

/* The row (h) of plane d, blended along H; the input's own where there is nothing to blend. */
static const float *plane_row(const fcs_view *in, int64_t n, int64_t d, int64_t near, int64_t far,
                              float *buffer)
{
    const float *a = fcs_rows_pixel(in, n, d, near, 0), *b = fcs_rows_pixel(in, n, d, far, 0);
    if (near == far)
        return a;
    blend(buffer, a, b, in->shape.n[FCS_W] * in->cs);
    return buffer;
}

static void along_width(float *y, const float *x, int64_t width, int64_t cs, int64_t factor,
                        int64_t lo)
{
    if (factor == 1) {
        memcpy(y, x, (size_t)(width * cs) * sizeof *y);
        return;
    }
    for (int64_t w = 0; w < width; w++, y += cs) {
        int64_t near, far;
        sources(w, factor, lo, &near, &far);
        blend(y, x + near * cs, x + far * cs, cs);
    }
}

static void interpolate_rows(void *arg, int64_t begin, int64_t end, int thread)
{
    const fcs_cpu_call *call = arg;
    const fcs_view *in = &call->in[0], *out = &call->out;
    const int64_t *f = call->args->attrs.i + FCS_POOL_FACTOR,
                  *lo = call->args->attrs.i + FCS_POOL_CROP_LO;
    const int64_t floats = in->shape.n[FCS_W] * in->cs;
    float *first = (float *)call->scratch + 2 * floats * thread, *second = first + floats;
    for (int64_t row = begin; row < end; row++) {
        int64_t n, d, h, d_near, d_far, h_near, h_far;
        fcs_rows_at(out, row, &n, &d, &h);
        sources(d, f[0], lo[0], &d_near, &d_far);
        sources(h, f[1], lo[1], &h_near, &h_far);
        const float *x = plane_row(in, n, d_near, h_near, h_far, first);
        if (d_near != d_far) {
            blend(first, x, plane_row(in, n, d_far, h_near, h_far, second), floats);
            x = first;
        }
        along_width(fcs_rows_pixel(out, n, d, h, 0), x, out->shape.n[FCS_W], out->cs, f[2], lo[2]);
    }
}

static size_t scratch(const fcs_apply_args *a, int threads)
{
    return 2 * sizeof(float) * (size_t)threads *
           (size_t)(a->in[0].n[FCS_W] * fcs_channel_stride(a->in[0].n[FCS_C]));
}

static void run(const fcs_cpu_call *c)
{
    fcs_cpu_call call = *c;
    fcs_rows_parallel(c->team, &c->out, &c->out, interpolate_rows, &call);
}

const fcs_cpu_op FCS_SYM(op_interpolate) = {.run = run, .scratch = scratch};
