/* concat.c: inputs one behind the other along dimension i[0]: each is copied to its place, row by
 * row, unless the plan has it lie there (graph/place.c). */
#include "cpu/kernels/rows.h"

typedef struct concat_job {
    const fcs_view *in, *out;
    int64_t at[FCS_DIMS]; /* where the input begins in the output */
} concat_job;

static void concat_rows(void *arg, int64_t begin, int64_t end, int thread)
{
    const concat_job *j = arg;
    const fcs_view *in = j->in, *out = j->out;
    const int64_t width = in->shape.n[FCS_W], channels = in->shape.n[FCS_C];
    const bool last =
        j->at[FCS_C] + channels == out->shape.n[FCS_C]; /* writes the padding lanes too */
    (void)thread;
    for (int64_t row = begin; row < end; row++) {
        int64_t n, d, h;
        fcs_rows_at(in, row, &n, &d, &h);
        const float *x = fcs_rows_pixel(in, n, d, h, 0);
        float *y =
            fcs_rows_pixel(out, n + j->at[FCS_N], d + j->at[FCS_D], h + j->at[FCS_H], j->at[FCS_W]);
        if (channels == out->shape.n[FCS_C]) {
            memcpy(y, x, (size_t)(width * in->cs) * sizeof *y);
            continue;
        }
        y += j->at[FCS_C];
        for (int64_t w = 0; w < width; w++, y += out->cs, x += in->cs) {
            fcs_rows_copy(y, x, channels);
            if (last)
                fcs_rows_zero(y + channels, out->cs - out->shape.n[FCS_C]);
        }
    }
}

static void run(const fcs_cpu_call *c)
{
    const int64_t axis = c->args->attrs.i[0];
    concat_job j = {.out = &c->out};
    for (int i = 0; i < c->args->n_in; i++) {
        j.in = &c->in[i];
        if (!fcs_rows_lies_at(j.in, j.out, j.at))
            fcs_rows_parallel(c->team, j.in, j.in, concat_rows, &j);
        j.at[axis] += j.in->shape.n[axis];
    }
}

const fcs_cpu_op FCS_SYM(op_concat) = {.run = run};
