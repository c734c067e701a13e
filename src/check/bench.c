/* bench.c: speed of ops beside the machine's own limits. A case is checked first; what has not
 * passed is not timed. Runs of the case alternate with runs of its yardstick (a 2048^3 product, or
 * a copy), so that both meet the same machine; medians are compared. With one thread the times are
 * the processor's. */
#include "check/check.h"
#include "check/yardstick.h"
#include "graph/backend.h"
#include "graph/profile.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const columns[] = {
    "op",
    "case",
    "device",
    "isa",
    "threads",
    "verdict",
    "ms",
    "best_ms",
    "gflops",
    "gb_per_s",
    "share_of_peak",
    "share_of_gemm",
    "share_of_copy",
    "peak_gflops",
    "gemm_gflops",
    "copy_gb_per_s",
    "runs",
};
enum { N_COLUMNS = sizeof columns / sizeof *columns, MAX_RUNS = 101, MIN_RUNS = 3 };
/* From this many operations per byte on, arithmetic is the limit and not memory. */
static const double compute_bound = 4;
static const double default_seconds = 0.5;

/* A case ready to run. */
typedef struct job {
    fcs_case c;
    float *in[FCS_MAX_IN];
    double *in_double[FCS_MAX_IN];
    fcs_prepared run;
} job;

typedef struct bench {
    fcs_context *ctx;
    fcs_error *error;
    const fcs_isa *isa; /* NULL: a device */
    double seconds;
    fcs_yardstick *yardstick;
    fcs_table *table;
    int rows, failures;
} bench;

static fcs_status run_once(const bench *b, const job *j, double *seconds)
{
    double start = fcs_profile_seconds(b->ctx);
    fcs_status s = fcs_prepared_run(&j->run);
    *seconds = fcs_profile_seconds(b->ctx) - start;
    return s;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int n)
{
    qsort(values, (size_t)n, sizeof *values, ascending);
    return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

/* ---- jobs ---- */
static void job_free(job *j)
{
    for (int k = 0; k < FCS_MAX_IN; k++) {
        free(j->in[k]);
        free(j->in_double[k]);
    }
    fcs_prepared_free(&j->run);
    fcs_case_free(&j->c);
}

static fcs_status job_new(bench *b, const fcs_op *op, const char *text, job *j)
{
    memset(j, 0, sizeof *j);
    fcs_status status = fcs_case_parse(b->error, op, text, &j->c);
    for (int k = 0; k < j->c.args.n_in && status == FCS_OK; k++) {
        int64_t n = fcs_shape_count(j->c.args.in[k]);
        j->in[k] = fcs_alloc_array(b->error, (size_t)n, sizeof(float));
        j->in_double[k] = fcs_alloc_array(b->error, (size_t)n, sizeof(double));
        if (!j->in[k] || !j->in_double[k])
            return FCS_FAILED;
        fcs_data_fill(j->c.args.op, FCS_DATA_RANDOM, j->c.seed, k, n, j->in_double[k]);
        for (int64_t i = 0; i < n; i++)
            j->in[k][i] = (float)j->in_double[k][i];
    }
    if (status == FCS_OK)
        status = fcs_prepare(b->ctx, &j->c.args, (const float *const *)j->in, j->c.seed,
                             fcs_case_stream(&j->c), &j->run);
    return status;
}

/* Runs once and compares. */
static fcs_status job_verify(bench *b, const job *j, bool *passed)
{
    char trouble[FCS_TROUBLE];
    fcs_finding f;
    float *got = fcs_alloc_array(b->error, (size_t)fcs_shape_count(j->c.args.out), sizeof *got);
    if (!got)
        return FCS_FAILED;
    fcs_status status = fcs_prepared_run(&j->run);
    if (status == FCS_OK)
        status = fcs_prepared_result(&j->run, (const float *const *)j->in, got, trouble);
    if (status == FCS_OK)
        status = fcs_verify(b->error, &j->c, j->in_double, got, &f);
    *passed = status == FCS_OK && f.pass && !*trouble;
    free(got);
    return status;
}

static double job_flops(const job *j)
{
    const fcs_apply_args *a = &j->c.args;
    return a->op->flops ? a->op->flops(a) : (double)fcs_shape_count(a->out);
}

/* Bytes read and written once each, as stored. */
static double job_bytes(const job *j)
{
    double floats = (double)fcs_shape_floats(j->c.args.out);
    for (int k = 0; k < j->c.args.n_in; k++)
        floats += (double)fcs_shape_floats(j->c.args.in[k]);
    return floats * (double)sizeof(float);
}

/* ---- rows ---- */
/* Of a device there is no number. */
static int64_t threads_of(const bench *b) { return b->isa ? fcs_team_size(b->ctx->team) : 0; }

static fcs_status add_failure(bench *b, const job *j)
{
    const double none = NAN;
    b->failures++;
    return fcs_table_add(b->error, b->table, "ssssisddddddddddi", j->c.args.op->name, j->c.text,
                         fcs_device_name(b->ctx), b->isa ? b->isa->name : NULL, threads_of(b),
                         "FAIL", none, none, none, none, none, none, none, none, none, none,
                         (int64_t)0);
}

static fcs_status time_job(bench *b, const job *j)
{
    double times[MAX_RUNS], limits[MAX_RUNS], start = fcs_seconds();
    double flops = job_flops(j), bytes = job_bytes(j);
    bool compute = flops >= compute_bound * bytes;
    int n = 0;
    for (; n < MAX_RUNS && (n < MIN_RUNS || fcs_seconds() - start < b->seconds); n++) {
        fcs_status s = run_once(b, j, &times[n]);
        if (s != FCS_OK)
            return s;
        limits[n] = compute ? fcs_yardstick_gemm(b->yardstick) : fcs_yardstick_copy(b->yardstick);
    }
    double time = median(times, n), limit = median(limits, n), peak = NAN, gemm = NAN, copy = NAN;
    if (compute) {
        peak = fcs_yardstick_peak(b->yardstick);
        gemm = limit;
    } else {
        copy = limit;
    }
    double gflops = flops / time / 1e9, gb = bytes / time / 1e9;
    return fcs_table_add(b->error, b->table, "ssssisddddddddddi", j->c.args.op->name, j->c.text,
                         fcs_device_name(b->ctx), b->isa ? b->isa->name : NULL, threads_of(b),
                         "pass", time * 1e3, times[0] * 1e3, compute ? gflops : (double)NAN,
                         compute ? (double)NAN : gb, gflops / peak, gflops / gemm, gb / copy, peak,
                         gemm, copy, (int64_t)n);
}

static fcs_status bench_case(bench *b, const fcs_op *op, const char *text)
{
    job j;
    bool passed = false;
    fcs_status status = job_new(b, op, text, &j);
    if (status == FCS_OK)
        fcs_note(b->ctx, "bench: %s", j.c.text);
    if (status == FCS_OK)
        status = job_verify(b, &j, &passed);
    if (status == FCS_OK)
        status = passed ? time_job(b, &j) : add_failure(b, &j);
    b->rows++;
    job_free(&j);
    return status;
}

/* ---- the walk ---- */
/* A list of names, or one case: a case has attributes, "in=" or others. */
static fcs_status walk(bench *b, const char *what)
{
    if (what && strchr(what, '='))
        return bench_case(b, NULL, what);
    fcs_status status = fcs_check_words(b->error, what);
    for (int i = 0; i < fcs_n_ops && status == FCS_OK; i++) {
        const char *const *cases =
            fcs_check_chosen(what, fcs_ops[i]->name) ? fcs_ops[i]->bench : NULL;
        for (; cases && *cases && status == FCS_OK && !b->ctx->interrupted; cases++)
            status = bench_case(b, fcs_ops[i], *cases);
    }
    return status;
}

fcs_status fcs_bench_ops(fcs_context *ctx, const fcs_bench_options *options, fcs_table **out)
{
    bench b = {.ctx = ctx,
               .error = &ctx->error,
               .isa = ctx->device ? NULL : ctx->isa,
               .seconds = options && options->seconds > 0 ? options->seconds : default_seconds};
    *out = NULL;
    b.table = fcs_table_new(b.error, columns, N_COLUMNS);
    fcs_status status = b.table ? fcs_yardstick_new(ctx, &b.yardstick) : FCS_FAILED;
    if (status == FCS_OK)
        status = walk(&b, options ? options->ops : NULL);
    fcs_yardstick_free(b.yardstick);
    if (status == FCS_OK && !b.rows)
        status = fcs_fail(b.error, FCS_FAILED,
                          "bench: the chosen ops have no cases, give one such as 'conv in=...'");
    if (status != FCS_OK) {
        fcs_table_free(b.table);
        return status;
    }
    *out = b.table;
    return b.failures
               ? fcs_fail(b.error, FCS_MISMATCH,
                          "bench: %d cases gave wrong numbers and were not timed", b.failures)
               : FCS_OK;
}
