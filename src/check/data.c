/* data.c: test data, the same on every machine, and the reference's results. */
#include "check/check.h"

#include <stdlib.h>
#include <string.h>
#include <math.h>

static int64_t common_factor(int64_t a, int64_t b) { return b ? common_factor(b, a % b) : a; }

/* n different numbers, evenly spaced from lo to hi, neighbours far apart: steps near the golden
 * section of n that have no factor in common with it. */
static double spread(int64_t i, int64_t n, double lo, double hi)
{
    int64_t step = n * 618 / 1000 + 1;
    while (common_factor(step, n) > 1)
        step++;
    return lo + (hi - lo) * ((double)(i * step % n) + 0.5) / (double)n;
}

void fcs_data_fill(const fcs_op *op, fcs_data_kind kind, uint64_t seed, int k, int64_t n,
                   double *out)
{
    uint32_t stream = (uint32_t)k + 1;
    double lo = op->domain_lo, hi = op->domain_hi;
    if (!(hi > lo))
        lo = -1, hi = 1;
    for (int64_t i = 0; i < n; i++) {
        if (kind == FCS_DATA_INTEGERS) {
            out[i] = (double)(fcs_random_below(seed, 0, stream, (uint64_t)i, 7) - 3);
            continue;
        }
        double x = lo + (hi - lo) * (double)fcs_random_uniform(seed, 1, stream, (uint64_t)i);
        /* Poles: a quarter further from 0. */
        if (op->kinks == FCS_KINKS_ZERO && op->domain_hi > op->domain_lo)
            x += x < 0 ? -0.25 : 0.25;
        /* Multiples of 1/32, shifted by another 128th for each input: never 0, never equal. */
        if (op->kinks == FCS_KINKS_ZERO)
            x = floor(x * 32) / 32 + (k % 3 + 1) / 128.0;
        if (op->kinks == FCS_KINKS_EQUAL)
            x = spread(i, n, lo, hi);
        out[i] = fcs_ref_rounded(x);
    }
}

uint32_t fcs_case_stream(const fcs_case *c) { return (uint32_t)(c->seed >> 32); }

static fcs_status fill_input(fcs_error *e, const fcs_case *c, int k, fcs_sample_data *d)
{
    int64_t n = fcs_shape_count(c->args.in[k]);
    d->in[k] = fcs_alloc_array(e, (size_t)n, sizeof(float));
    d->in_double[k] = fcs_alloc_array(e, (size_t)n, sizeof(double));
    if (!d->in[k] || !d->in_double[k])
        return FCS_FAILED;
    fcs_data_fill(c->args.op, d->kind, c->seed, k, n, d->in_double[k]);
    for (int64_t i = 0; i < n; i++)
        d->in[k][i] = (float)d->in_double[k][i];
    return FCS_OK;
}

fcs_status fcs_form_class(fcs_error *e, const fcs_case *c, double *const *in, fcs_sample_data *d)
{
    fcs_tiling t[3];
    if (strcmp(c->args.op->family, "conv") || !fcs_conv_tiling(&c->args, t))
        return FCS_OK;
    d->form_error = fcs_conv_form_error(&c->args);
    d->mean_bound = fcs_tile_mean_bound(&c->args, t);
    return d->form_error > 0 ? fcs_tile_magnitudes(e, &c->args, t, in[0], in[1], d->magnitude)
                             : FCS_OK;
}

fcs_status fcs_sample_data_new(fcs_error *e, const fcs_case *c, fcs_data_kind kind,
                               fcs_sample_data *out)
{
    memset(out, 0, sizeof *out);
    out->kind = kind;
    fcs_status status = FCS_OK;
    for (int k = 0; k < c->args.n_in && status == FCS_OK; k++)
        status = fill_input(e, c, k, out);
    size_t n = (size_t)fcs_shape_count(c->args.out);
    out->want = fcs_alloc_array(e, n, sizeof(double));
    out->magnitude = fcs_alloc_array(e, n, sizeof(double));
    if (status != FCS_OK || !out->want || !out->magnitude) {
        fcs_sample_data_free(c, out);
        return FCS_FAILED;
    }
    fcs_ref_call call = {.args = &c->args,
                         .out = out->want,
                         .magnitude = out->magnitude,
                         .seed = c->seed,
                         .step = 1,
                         .stream = fcs_case_stream(c)};
    for (int k = 0; k < c->args.n_in; k++)
        call.in[k] = out->in_double[k];
    if (c->args.op->kind == FCS_KIND_SOURCE)
        return FCS_OK; /* compared in source.c */
    fcs_refs[fcs_op_index(c->args.op)](&call);
    out->terms = call.terms;
    status = fcs_form_class(e, c, out->in_double, out);
    if (status != FCS_OK)
        fcs_sample_data_free(c, out);
    return status;
}

void fcs_sample_data_free(const fcs_case *c, fcs_sample_data *d)
{
    for (int k = 0; k < c->args.n_in; k++) {
        free(d->in[k]);
        free(d->in_double[k]);
    }
    free(d->want);
    free(d->magnitude);
    memset(d, 0, sizeof *d);
}
