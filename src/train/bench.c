/* bench.c: the speed of whole training steps and of generation. */
#include "train/run.h"
#include <stdlib.h>

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

typedef fcs_status timed(void *arg);

/* Calls body until the time is over, three times at least; the first call, which allocates, is not
 * counted. One row: what, threads, median, best, worst, calls. */
static fcs_status measure(fcs_context *ctx, const char *what, timed *body, void *arg,
                          double seconds, fcs_table **out)
{
    static const char *const columns[] = {"what",    "threads",  "median_ms",
                                          "best_ms", "worst_ms", "runs"};
    double times[1000];
    int n = 0;
    fcs_status s = body(arg);
    double end = fcs_seconds() + (seconds > 0 ? seconds : 10);
    for (; !s && n < 1000 && (n < 3 || fcs_seconds() < end); n++) {
        double start = fcs_seconds();
        s = body(arg);
        times[n] = 1e3 * (fcs_seconds() - start);
    }
    *out = NULL;
    if (s)
        return s;
    qsort(times, (size_t)n, sizeof *times, by_value);
    fcs_table *t = fcs_table_new(&ctx->error, columns, 6);
    if (!t)
        return FCS_FAILED;
    s = fcs_table_add(&ctx->error, t, "sidddi", what, (int64_t)fcs_team_size(ctx->team),
                      times[n / 2], times[0], times[n - 1], (int64_t)n);
    if (s) {
        fcs_table_free(t);
        return s;
    }
    *out = t;
    return FCS_OK;
}

static fcs_status one_step(void *run) { return fcs_run_step(run, 0, NULL); }

fcs_status fcs_bench_step(fcs_run *run, double seconds, fcs_table **out)
{
    return measure(run->ctx, "step", one_step, run, seconds, out);
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

fcs_status fcs_bench_generate(fcs_run *run, const fcs_generate_options *options, double seconds,
                              fcs_table **out)
{
    generating g = {run, options};
    return measure(run->ctx, "generate", one_image, &g, seconds, out);
}
