/* job.c: a case with its data, ready to run again and again. */
#include "check/job.h"
#include "graph/profile.h"

#include <stdlib.h>
#include <string.h>

void fcs_job_free(fcs_job *j)
{
    for (int k = 0; k < FCS_MAX_IN; k++) {
        free(j->in[k]);
        free(j->in_double[k]);
    }
    fcs_prepared_free(&j->run);
    fcs_case_free(&j->c);
}

fcs_status fcs_job_new(fcs_context *ctx, const fcs_op *op, const char *text, fcs_job *j)
{
    *j = (fcs_job){.ctx = ctx};
    fcs_status status = fcs_case_parse(&ctx->error, op, text, &j->c);
    for (int k = 0; k < j->c.args.n_in && status == FCS_OK; k++) {
        int64_t n = fcs_shape_count(j->c.args.in[k]);
        j->in[k] = fcs_alloc_array(&ctx->error, (size_t)n, sizeof(float));
        j->in_double[k] = fcs_alloc_array(&ctx->error, (size_t)n, sizeof(double));
        if (!j->in[k] || !j->in_double[k])
            return FCS_FAILED;
        fcs_data_fill(j->c.args.op, FCS_DATA_RANDOM, j->c.seed, k, n, j->in_double[k]);
        for (int64_t i = 0; i < n; i++)
            j->in[k][i] = (float)j->in_double[k][i];
    }
    if (status == FCS_OK)
        status = fcs_prepare(ctx, &j->c.args, (const float *const *)j->in, j->c.seed,
                             fcs_case_stream(&j->c), &j->run);
    return status;
}

fcs_status fcs_job_verify(const fcs_job *j, fcs_finding *f, char trouble[FCS_TROUBLE])
{
    fcs_error *e = &j->ctx->error;
    float *got = fcs_alloc_array(e, (size_t)fcs_shape_count(j->c.args.out), sizeof *got);
    if (!got)
        return FCS_FAILED;
    fcs_status status = fcs_prepared_run(&j->run);
    if (status == FCS_OK)
        status = fcs_prepared_result(&j->run, (const float *const *)j->in, got, trouble);
    if (status == FCS_OK)
        status = fcs_verify(e, &j->c, j->in_double, got, f);
    free(got);
    return status;
}

fcs_status fcs_job_time(const fcs_job *j, double *seconds)
{
    double start = fcs_profile_seconds(j->ctx);
    fcs_status s = fcs_prepared_run(&j->run);
    *seconds = fcs_profile_seconds(j->ctx) - start;
    return s;
}

double fcs_job_flops(const fcs_job *j)
{
    const fcs_apply_args *a = &j->c.args;
    return a->op->flops ? a->op->flops(a) : (double)fcs_shape_count(a->out);
}

double fcs_job_bytes(const fcs_job *j)
{
    double floats = (double)fcs_shape_floats(j->c.args.out);
    for (int k = 0; k < j->c.args.n_in; k++)
        floats += (double)fcs_shape_floats(j->c.args.in[k]);
    return floats * (double)sizeof(float);
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double fcs_median(double *values, int n)
{
    qsort(values, (size_t)n, sizeof *values, ascending);
    return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}
