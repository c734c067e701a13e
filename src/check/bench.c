/* bench.c: speed of ops beside the machine's own limits. A case is checked first; what has not
 * passed is not timed. Runs of the case alternate with runs of its yardstick (a 2048^3 product, or
 * a copy), so that both meet the same machine; medians are compared. With one thread the times are
 * the processor's. */
#include "check/job.h"
#include "check/yardstick.h"
#include "graph/backend.h"

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

typedef struct bench {
    fcs_context *ctx;
    fcs_error *error;
    const fcs_isa *isa; /* NULL: a device */
    double seconds;
    fcs_yardstick *yardstick;
    fcs_table *table;
    int rows, failures;
} bench;

/* ---- rows ---- */
/* Of a device there is no number. */
static int64_t threads_of(const bench *b) { return b->isa ? fcs_team_size(b->ctx->team) : 0; }

static fcs_status add_failure(bench *b, const fcs_job *j)
{
    const double none = NAN;
    b->failures++;
    return fcs_table_add(b->error, b->table, "ssssisddddddddddi", j->c.args.op->name, j->c.text,
                         fcs_device_name(b->ctx), b->isa ? b->isa->name : NULL, threads_of(b),
                         "FAIL", none, none, none, none, none, none, none, none, none, none,
                         (int64_t)0);
}

static fcs_status time_job(bench *b, const fcs_job *j)
{
    double times[MAX_RUNS], limits[MAX_RUNS], start = fcs_seconds();
    double flops = fcs_job_flops(j), bytes = fcs_job_bytes(j);
    bool compute = flops >= compute_bound * bytes;
    int n = 0;
    for (; n < MAX_RUNS && (n < MIN_RUNS || fcs_seconds() - start < b->seconds); n++) {
        fcs_status s = fcs_job_time(j, &times[n]);
        if (s != FCS_OK)
            return s;
        limits[n] = compute ? fcs_yardstick_gemm(b->yardstick) : fcs_yardstick_copy(b->yardstick);
    }
    double time = fcs_median(times, n), limit = fcs_median(limits, n), peak = NAN, gemm = NAN,
           copy = NAN;
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
    fcs_job j;
    fcs_finding f;
    char trouble[FCS_TROUBLE] = "";
    fcs_status status = fcs_job_new(b->ctx, op, text, &j);
    if (status == FCS_OK)
        fcs_note(b->ctx, "bench: %s", j.c.text);
    if (status == FCS_OK)
        status = fcs_job_verify(&j, &f, trouble);
    if (status == FCS_OK)
        status = f.pass && !*trouble ? time_job(b, &j) : add_failure(b, &j);
    b->rows++;
    fcs_job_free(&j);
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
    const fcs_tuning *tuning = ctx->backend->tuning;
    if (tuning)
        tuning->timing(ctx, true);
    if (status == FCS_OK)
        status = walk(&b, options ? options->ops : NULL);
    if (tuning)
        tuning->timing(ctx, false);
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
