/* bench.c: the speed of whole training steps and of generation, and what their time goes into.
 * Measurements alternate with a matrix product, so that both meet the same machine. */
#include "train/run.h"
#include "check/yardstick.h"
#include "graph/profile.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { MAX_CALLS = 1000, MIN_CALLS = 3 };
static const double default_seconds = 10;
/* A step of a plan that reaches less than this share of what would limit it is limited by neither
 * arithmetic nor memory: by calls, waits, small sizes or functions that cost more than an addition.
 */
static const double limited_from = 0.25;

typedef fcs_status timed(void *arg);

/* What is measured: body(arg) makes so many images. */
typedef struct bench {
    fcs_context *ctx;
    const char *what;
    timed *body;
    void *arg;
    double images, seconds;
    uint64_t allocated; /* most bytes of plans and tensors in a call */
    fcs_profile profile;
    fcs_yardstick *yardstick;
    int n;
    double wall[MAX_CALLS], work[MAX_CALLS]; /* seconds; of fcs_profile_seconds */
    double all;                              /* of all calls' work */
    double peak, gemm, copy, resident;
} bench;

/* ---- measuring ---- */

/* Most bytes of memory that the process has had at once; NaN where the system does not say. */
static double resident_bytes(void)
{
#ifdef HAVE_STRUCT_RUSAGE_RU_MAXRSS
    struct rusage r;
    if (getrusage(RUSAGE_SELF, &r) == 0)
        return 1024.0 * (double)r.ru_maxrss;
#endif
    return NAN;
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

/* The first call allocates, and fills pages: it is not counted. The yardstick's memory comes after
 * the peak was read. */
static fcs_status warm_up(bench *b)
{
    b->ctx->allocated_most = b->ctx->allocated;
    fcs_status s = b->body(b->arg);
    b->allocated = b->ctx->allocated_most;
    b->resident = resident_bytes();
    if (s == FCS_OK)
        s = fcs_yardstick_new(b->ctx, &b->yardstick);
    fcs_profile_clear(&b->profile);
    return s;
}

/* The product takes a quarter of the time at most, and is measured three times at least. */
static fcs_status measure(bench *b)
{
    double gemm[MAX_CALLS], copy[MIN_CALLS], spent = 0;
    int products = 0;
    fcs_status s = warm_up(b);
    double end = fcs_seconds() + b->seconds;
    while (s == FCS_OK && b->n < MAX_CALLS && !b->ctx->interrupted &&
           (b->n < MIN_CALLS || fcs_seconds() < end)) {
        double start = fcs_seconds(), work = fcs_profile_seconds(b->ctx);
        s = b->body(b->arg);
        b->all += b->work[b->n] = fcs_profile_seconds(b->ctx) - work;
        b->wall[b->n++] = fcs_seconds() - start;
        start = fcs_seconds();
        if (products < MIN_CALLS || 3 * spent < b->all)
            gemm[products++] = fcs_yardstick_gemm(b->yardstick);
        spent += fcs_seconds() - start;
    }
    if (s != FCS_OK || b->n < MIN_CALLS)
        return s != FCS_OK ? s
                           : fcs_fail(&b->ctx->error, FCS_INTERRUPTED, "bench: stopped on request");
    for (int i = 0; i < MIN_CALLS; i++)
        copy[i] = fcs_yardstick_copy(b->yardstick);
    b->gemm = median(gemm, products);
    b->copy = median(copy, MIN_CALLS);
    b->peak = fcs_yardstick_peak(b->yardstick);
    return FCS_OK;
}

/* ---- tables ---- */

/* Rates are of the work's time, which other programs disturb less than median_ms where one thread
 * does it. gflop counts multiplications and additions of direct convolutions and products, those on
 * padding too: what other frameworks count; done_gflop those that fast forms leave, their
 * transforms left out. */
static fcs_status summary(bench *b, fcs_table **out)
{
    static const char *const columns[] = {
        "what",        "threads",       "isa",           "median_ms",     "best_ms",
        "worst_ms",    "work_ms",       "runs",          "images_per_s",  "gflop",
        "done_gflop",  "gflops",        "share_of_gemm", "share_of_peak", "gemm_gflops",
        "peak_gflops", "copy_gb_per_s", "plan_bytes",    "resident_bytes"};
    fcs_error *e = &b->ctx->error;
    double time = median(b->wall, b->n), work = median(b->work, b->n);
    double gflop = b->profile.flops / b->n * 1e-9, rate = gflop / work;
    fcs_table *t = fcs_table_new(e, columns, sizeof columns / sizeof *columns);
    fcs_status s = t ? FCS_OK : FCS_FAILED;
    if (s == FCS_OK)
        s = fcs_table_add(e, t, "sisddddidddddddddid", b->what,
                          (int64_t)fcs_team_size(b->ctx->team), fcs_yardstick_isa(b->yardstick),
                          1e3 * time, 1e3 * b->wall[0], 1e3 * b->wall[b->n - 1], 1e3 * work,
                          (int64_t)b->n, b->images / work, gflop, b->profile.work / b->n * 1e-9,
                          rate, rate / b->gemm, rate / b->peak, b->gemm, b->peak, b->copy,
                          (int64_t)b->allocated, b->resident);
    if (s == FCS_OK)
        *out = t;
    else
        fcs_table_free(t);
    return s;
}

static int costliest_first(const void *a, const void *b)
{
    const fcs_profile_row *x = a, *y = b;
    return (x->seconds < y->seconds) - (x->seconds > y->seconds);
}

/* Steps below this share are one row together. */
static const double least_share = 0.0005;

static fcs_status profile_row(const bench *b, fcs_table *t, const fcs_profile_row *r)
{
    double calls = (double)r->calls, time = r->seconds / calls, none = NAN;
    double gflops = r->flops / time * 1e-9, gb = r->bytes / time * 1e-9;
    double arithmetic = r->kernel ? gflops / b->gemm : 0, memory = gb / b->copy;
    const char *limit = arithmetic < limited_from && memory < limited_from ? "overhead"
                        : arithmetic > memory                              ? "compute"
                                                                           : "memory";
    return fcs_table_add(&b->ctx->error, t, "sssddddddds", r->name, r->op, r->shape, calls / b->n,
                         1e3 * r->seconds / b->n, r->seconds / b->all, r->kernel ? gflops : none,
                         gb, r->kernel ? arithmetic : none, memory, limit);
}

/* What has no row of its own. */
static fcs_status rest_row(const bench *b, fcs_table *t, const char *name, double calls,
                           double rest)
{
    double none = NAN;
    return fcs_table_add(&b->ctx->error, t, "sssddddddds", name, NULL, NULL, calls / b->n,
                         1e3 * rest / b->n, rest / b->all, none, none, none, none, "overhead");
}

static fcs_status profile(bench *b, fcs_table **out)
{
    static const char *const columns[] = {
        "name",   "op",       "shape",         "calls",         "ms",   "share",
        "gflops", "gb_per_s", "share_of_gemm", "share_of_copy", "limit"};
    fcs_table *t = fcs_table_new(&b->ctx->error, columns, sizeof columns / sizeof *columns);
    fcs_status s = t ? FCS_OK : FCS_FAILED;
    double inside = 0, small = 0, calls = 0;
    qsort(b->profile.rows, b->profile.n, sizeof *b->profile.rows, costliest_first);
    for (size_t i = 0; i < b->profile.n && s == FCS_OK; i++) {
        const fcs_profile_row *r = &b->profile.rows[i];
        inside += r->seconds;
        if (r->seconds >= least_share * b->all) {
            s = profile_row(b, t, r);
        } else {
            small += r->seconds;
            calls += (double)r->calls;
        }
    }
    if (s == FCS_OK)
        s = rest_row(b, t, "smaller steps", calls, small);
    if (s == FCS_OK) /* data, bookkeeping, files */
        s = rest_row(b, t, "outside the plans", b->n, b->all - inside);
    if (s == FCS_OK)
        *out = t;
    else
        fcs_table_free(t);
    return s;
}

static fcs_status run_bench(bench *b, const fcs_bench_options *o, fcs_table **out)
{
    *out = NULL;
    fcs_error_clear(&b->ctx->error);
    b->seconds = o && o->seconds > 0 ? o->seconds : default_seconds;
    b->profile.steps = o && o->profile;
    b->ctx->profile = &b->profile;
    fcs_status s = measure(b);
    b->ctx->profile = NULL;
    if (s == FCS_OK)
        s = b->profile.steps ? profile(b, out) : summary(b, out);
    fcs_yardstick_free(b->yardstick);
    fcs_profile_free(&b->profile);
    return s;
}

/* ---- what is measured ---- */

static fcs_status one_step(void *run) { return fcs_run_step(run, 0, NULL); }

fcs_status fcs_bench_step(fcs_run *run, const fcs_bench_options *options, fcs_table **out)
{
    bench b = {.ctx = run->ctx, .what = "step", .body = one_step, .arg = run};
    b.images = fcs_recipe_number(run->recipe, "train.batch");
    return run_bench(&b, options, out);
}

typedef struct generating {
    fcs_run *run;
    const fcs_generate_options *options;
} generating;

static fcs_status one_image(void *arg)
{
    generating *g = arg;
    fcs_image *image = NULL;
    fcs_status s = fcs_generate_image(g->run, g->options, &image);
    fcs_image_free(image);
    return s;
}

fcs_status fcs_bench_generate(fcs_run *run, const fcs_generate_options *generate,
                              const fcs_bench_options *options, fcs_table **out)
{
    generating g = {run, generate};
    bench b = {.ctx = run->ctx, .what = "generate", .body = one_image, .arg = &g, .images = 1};
    return run_bench(&b, options, out);
}
