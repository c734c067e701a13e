/* bench.c: facies bench: speed of ops, of training steps and of generation. */
#include "cli/cli.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const cli_option options[] = {
    {"ops", 0, CLI_TEXT, CLI_AT(ops), "A,B", "only these ops or cases", 0, 0},
    {"seconds", 0, CLI_REAL, CLI_AT(seconds), "S",
     "time per case (0.5); of step and generate in all (10)", 0.001, 86400},
    {"size", 0, CLI_SIZE, CLI_AT(size), "WxH[xD]", "of generate: size of the image (1024x1024)", 0,
     0},
    {"data", 0, CLI_LIST, CLI_AT(data), "PATH", "of step: the image (synthetic, three phases)", 0, 0},
    {"profile", 0, CLI_FLAG, CLI_AT(profile), NULL,
     "of step and generate: what the time goes into, the costliest first", 0, 0},
    CLI_SET_OPTION,
    CLI_COMPUTE_OPTIONS,
    CLI_TABLE_OPTIONS,
    CLI_HELP_OPTION,
};
static const char *const examples[] = {"facies bench ops",
                                       "every op, beside what the machine could do",
                                       "facies bench step dsgan-small",
                                       "milliseconds per training step",
                                       "facies bench step dsgan-small --profile --threads 1",
                                       "which layers take them, and what limits each",
                                       "facies bench generate dsgan-small-run --size 4096x4096",
                                       "seconds per image of a run",
                                       "facies bench generate bench-dsgan --size 2500x2500",
                                       "of a recipe, with weights as they start",
                                       NULL};

static int bench_ops(fcs_context *ctx, const cli_args *a)
{
    const fcs_bench_options o = {.ops = a->ops, .seconds = a->seconds};
    fcs_table *t = NULL;
    fcs_status s = fcs_bench_ops(ctx, &o, &t);
    int status = t ? cli_table(a, t) : FCS_OK;
    return s ? cli_failed(ctx, s) : status;
}

/* A file of a synthetic image to train on: three grey levels, for recipes that want phases. */
static fcs_status synthetic(fcs_context *ctx, char path[256])
{
    fcs_image *image = NULL;
    const char *folder = getenv("TMPDIR");
    snprintf(path, 256, "%.200s/facies-bench-%ld.png", folder ? folder : "/tmp", (long)getpid());
    fcs_status s = fcs_synth(ctx, "blobs", 1024, 1024, 1, 1, &image);
    if (!s)
        s = fcs_image_write(ctx, image, path);
    fcs_image_free(image);
    return s;
}

static int bench_step(fcs_context *ctx, const cli_args *a)
{
    char path[256] = "";
    fcs_run *run = NULL;
    fcs_table *t = NULL;
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
        s = fcs_bench_step(run, &(fcs_bench_options){NULL, a->seconds, a->profile}, &t);
    int status = s ? cli_failed(ctx, s) : cli_table(a, t);
    fcs_run_close(run);
    fcs_recipe_free(r);
    return status;
}

/* A trained run, or a recipe with weights as they start. */
static int open_run(fcs_context *ctx, const cli_args *a, fcs_run **run)
{
    const char *word = a->operands.items[1];
    struct stat st;
    size_t n = strlen(word), end = strlen(".cfg");
    bool recipe = stat(word, &st) != 0 || (n > end && !strcmp(word + n - end, ".cfg"));
    fcs_recipe *r = recipe ? cli_recipe(ctx, word, a) : NULL;
    if (recipe && !r)
        return FCS_FAILED;
    fcs_status s = recipe ? fcs_run_untrained(ctx, r, run) : fcs_run_open(ctx, word, 0, run);
    fcs_recipe_free(r);
    return s ? cli_failed(ctx, s) : FCS_OK;
}

static int bench_generate(fcs_context *ctx, const cli_args *a)
{
    bool given = a->size[0] > 0;
    const fcs_generate_options o = {.width = given ? a->size[0] : 1024,
                                    .height = given ? a->size[1] : 1024,
                                    .depth = given ? a->size[2] : 1};
    fcs_run *run = NULL;
    fcs_table *t = NULL;
    int status = open_run(ctx, a, &run);
    if (status)
        return status;
    fcs_status s =
        fcs_bench_generate(run, &o, &(fcs_bench_options){NULL, a->seconds, a->profile}, &t);
    status = s ? cli_failed(ctx, s) : cli_table(a, t);
    fcs_run_close(run);
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
    cli_error("bench: give ops, step RECIPE or generate RUN|RECIPE (see facies bench --help)");
    return FCS_USAGE;
}

const cli_command cli_bench = {
    "bench",
    "ops | step RECIPE | generate RUN|RECIPE",
    "measure speed, beside the machine's own limits",
    "ops: times the benchmark cases of the ops that have any, beside "
    "the peak of multiply-adds, a matrix product and the "
    "copy rate, measured in the same run. Nothing is timed that has not "
    "passed its check. step: whole training steps of a "
    "recipe, on synthetic data where none is given. generate: images "
    "from a trained run or, with weights as they start, of a recipe. "
    "GFLOP count direct convolutions and products, as other frameworks "
    "do; fast forms of convolution do less. A profile's limit is compute, "
    "memory, or overhead where a step reaches a quarter of neither.",
    options,
    CLI_COUNT(options),
    1,
    2,
    examples,
    "check show",
    run_bench};
