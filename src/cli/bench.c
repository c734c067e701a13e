/* bench.c: facies bench: speed of ops, of training steps and of generation. */
#include "cli/cli.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const cli_option options[] = {
    {"ops", 0, CLI_TEXT, CLI_AT(ops), "A,B", "only these ops or cases", 0, 0},
    {"seconds", 0, CLI_REAL, CLI_AT(seconds), "S",
     "time per case (0.5); of step and generate in all (10)", 0.001, 86400},
    {"size", 0, CLI_SIZE, CLI_AT(size), "WxH[xD]", "of generate: size of the image (1024x1024)", 0,
     0},
    {"data", 0, CLI_LIST, CLI_AT(data), "PATH", "of step: the image (synthetic channels)", 0, 0},
    CLI_SET_OPTION,
    CLI_COMPUTE_OPTIONS,
    CLI_TABLE_OPTIONS,
    CLI_HELP_OPTION,
};
static const char *const examples[] = {"facies bench ops",
                                       "every op, beside what the machine could do",
                                       "facies bench step dsgan-small",
                                       "milliseconds per training step",
                                       "facies bench generate dsgan-small-run --size 4096x4096",
                                       "pixels per second of a run",
                                       NULL};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int bench_ops(fcs_context *ctx, const cli_args *a)
{
    const fcs_bench_options o = {.ops = a->ops, .seconds = a->seconds};
    fcs_table *t = NULL;
    fcs_status s = fcs_bench_ops(ctx, &o, &t);
    int status = t ? cli_table(a, t) : FCS_OK;
    return s ? cli_failed(ctx, s) : status;
}

/* One row of two columns. JSON and text alike, without a table of the library's: it has only its
 * own. */
static int print_result(const cli_args *a, const char *what, const char *unit, double median,
                        double best, int n)
{
    if (a->json && !strcmp(a->json, "-"))
        printf("[{\"what\": \"%s\", \"median_%s\": %.6g, \"best_%s\": %.6g, \"runs\": %d}]\n", what,
               unit, median, unit, best, n);
    else
        printf("%s: median %.4g %s, best %.4g, %d runs\n", what, median, unit, best, n);
    return FCS_OK;
}

/* Calls body until the time is over, three times at least; the first call, which allocates, is not
 * counted. */
typedef fcs_status timed(void *arg);
static fcs_status measure(timed *body, void *arg, double seconds, double *median, double *best,
                          int *n)
{
    double times[1000], end = now() + (seconds > 0 ? seconds : 10);
    fcs_status s = body(arg);
    for (*n = 0; !s && *n < 1000 && (*n < 3 || now() < end); ++*n) {
        double start = now();
        s = body(arg);
        times[*n] = now() - start;
    }
    if (s)
        return s;
    qsort(times, (size_t)*n, sizeof *times, by_value);
    *median = times[*n / 2];
    *best = times[0];
    return FCS_OK;
}

static fcs_status one_step(void *run) { return fcs_run_step(run, 0, NULL); }

/* A file of synthetic channels to train on; NULL after a message. */
static fcs_status synthetic(fcs_context *ctx, char path[64])
{
    fcs_image *image = NULL;
    snprintf(path, 64, "facies-bench-%ld.png", (long)getpid());
    fcs_status s = fcs_synth(ctx, "channels", 1024, 1024, 1, 1, &image);
    if (!s)
        s = fcs_image_write(ctx, image, path);
    fcs_image_free(image);
    return s;
}

static int bench_step(fcs_context *ctx, const cli_args *a)
{
    char path[64] = "";
    fcs_run *run = NULL;
    double median = 0, best = 0;
    int n = 0;
    fcs_recipe *r = cli_recipe(ctx, a->operands.items[1], a);
    if (!r)
        return FCS_FAILED;
    fcs_status s = a->data.n ? FCS_OK : synthetic(ctx, path);
    const fcs_data data = {0, a->data.n ? a->data.items[0] : path};
    if (!s)
        s = fcs_run_create(ctx, r, &data, 1, NULL, &run);
    if (path[0])
        unlink(path);
    if (!s)
        s = measure(one_step, run, a->seconds, &median, &best, &n);
    int status =
        s ? cli_failed(ctx, s) : print_result(a, "step", "ms", 1e3 * median, 1e3 * best, n);
    fcs_run_close(run);
    fcs_recipe_free(r);
    return status;
}

typedef struct generating {
    fcs_run *run;
    fcs_generate_options o;
} generating;

static fcs_status one_image(void *arg)
{
    generating *g = arg;
    fcs_image *image;
    fcs_status s = fcs_generate_image(g->run, &g->o, &image);
    if (!s)
        fcs_image_free(image);
    return s;
}

static int bench_generate(fcs_context *ctx, const cli_args *a)
{
    bool given = a->size[0] > 0;
    generating g = {NULL,
                    {.width = given ? a->size[0] : 1024,
                     .height = given ? a->size[1] : 1024,
                     .depth = given ? a->size[2] : 1}};
    double median = 0, best = 0;
    int n = 0;
    fcs_status s = fcs_run_open(ctx, a->operands.items[1], 0, &g.run);
    if (!s)
        s = measure(one_image, &g, a->seconds, &median, &best, &n);
    int status =
        s ? cli_failed(ctx, s) : print_result(a, "generate", "ms", 1e3 * median, 1e3 * best, n);
    fcs_run_close(g.run);
    return status;
}

static int run_bench(const cli_args *a)
{
    static const struct {
        const char *name;
        int words;
        int (*run)(fcs_context *, const cli_args *);
    } kinds[] = {{"ops", 1, bench_ops}, {"step", 2, bench_step}, {"generate", 2, bench_generate}};
    for (int i = 0; i < CLI_COUNT(kinds); i++) {
        if (strcmp(kinds[i].name, a->operands.items[0]))
            continue;
        if (a->operands.n != kinds[i].words)
            break;
        fcs_context *ctx = cli_open(a, NULL);
        int status = ctx ? kinds[i].run(ctx, a) : FCS_FAILED;
        cli_close(ctx);
        return status;
    }
    cli_error("bench: give ops, step RECIPE or generate RUN (see facies bench --help)");
    return FCS_USAGE;
}

const cli_command cli_bench = {"bench",
                               "ops | step RECIPE | generate RUN",
                               "measure speed, beside the machine's own limits",
                               "ops: times the benchmark cases of the ops that have any, beside "
                               "the peak of multiply-adds, a matrix product and the "
                               "copy rate, measured in the same run. Nothing is timed that has not "
                               "passed its check. step: whole training steps of a "
                               "recipe. generate: images from a trained run.",
                               options,
                               CLI_COUNT(options),
                               1,
                               2,
                               examples,
                               "check show",
                               run_bench};
