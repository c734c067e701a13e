/* compare.c: facies compare. */
#include "cli/cli.h"

#include <stddef.h>

static const cli_option options[] = {
    {"html", 0, CLI_TEXT, CLI_AT(html), "FILE",
     "a page with curves, samples, metrics and recipes side by side", 0, 0},
    {"count", 'n', CLI_INT, CLI_AT(count), "N", "images to generate of each run, for metrics (32)",
     2, 10000},
    {"metrics", 0, CLI_TEXT, CLI_AT(metrics), "A,B", "only these metrics (facies list metrics)", 0,
     0},
    {"crops", 0, CLI_INT, CLI_AT(crops), "N", "random crops of the training data (64)", 2, 100000},
    {"features", 0, CLI_TEXT, CLI_AT(features), "FILE",
     "weights of SqueezeNet 1.0 or Tiny Darknet (safetensors): adds the Frechet and kernel "
     "distances, nearest images and variety in what it sees, named after it",
     0, 0},
    {"seed", 0, CLI_INT, CLI_AT(seed), "S", "seed of images and crops (0)", 0, 9007199254740992.0},
    CLI_TABLE_OPTIONS,
    CLI_COMPUTE_OPTIONS,
    {"quiet", 'q', CLI_FLAG, CLI_AT(quiet), NULL, "no notes", 0, 0},
    CLI_HELP_OPTION,
};
static const char *const examples[] = {
    "facies compare batch-norm instance-norm --html compare.html", "two runs on one page",
    "facies compare gan vae vaegan --metrics tv_isotropic,lbp_r1 --csv table.csv",
    "two metrics of three runs, as a table", NULL};

static int run_compare(const cli_args *a)
{
    const fcs_compare_options o = {
        .metrics = a->metrics,
        .count = (int)a->count,
        .crops = (int)a->crops,
        .seed = (uint64_t)a->seed,
        .html = a->html,
        .features = a->features,
    };
    fcs_context *ctx = cli_open(a, NULL);
    if (!ctx)
        return FCS_FAILED;
    fcs_table *t;
    fcs_status s = fcs_compare(ctx, a->operands.items, a->operands.n, &o, &t);
    int status = s ? cli_failed(ctx, s) : cli_table(a, t);
    cli_close(ctx);
    return status;
}

const cli_command cli_compare = {
    "compare",
    "RUN...",
    "lay runs side by side: curves, samples, metrics",
    "Generates images with each RUN, measures them against its training data, cut and scaled as in "
    "training, and prints a row per run and metric. --html writes one page without other files: "
    "the runs, samples made from the "
    "same seeds, metrics in columns, the curves of each loss in one plot, and the recipes.",
    options,
    CLI_COUNT(options),
    1,
    -1,
    examples,
    "train evaluate",
    run_compare};
