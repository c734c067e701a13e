/* tune.c: facies tune. */
#include "cli/cli.h"

#include <stddef.h>

static const cli_option options[] = {
    {"device", 'd', CLI_TEXT, CLI_AT(device), "D",
     "OpenCL device: a number or a part of a name that `facies devices` prints (1)", 0, 0},
    {"ops", 0, CLI_TEXT, CLI_AT(ops), "A,B",
     "only these kinds of problem, as the table names them: matmul, conv, conv_dw, ... (all)", 0,
     0},
    {"seconds", 0, CLI_REAL, CLI_AT(seconds), "S", "time per form, at least (0.2)", 0.001, 86400},
    CLI_TABLE_OPTIONS,
    CLI_HELP_OPTION,
};
static const char *const examples[] = {"facies tune", "time the first OpenCL device's kernels",
                                       "facies tune --device nvidia --csv tuning.csv",
                                       "another's, with all times in a file", NULL};

static int run_tune(const cli_args *a)
{
    const fcs_tune_options o = {.uses = a->ops, .seconds = a->seconds};
    cli_args args = *a;
    args.device = a->device ? a->device : "1";
    args.untrusted = true; /* what is wrong is left out, and said */
    fcs_context *ctx = cli_open(&args, NULL);
    if (!ctx)
        return FCS_FAILED;
    fcs_table *t = NULL;
    fcs_status s = fcs_tune(ctx, &o, &t);
    int status = s ? cli_failed(ctx, s) : cli_table(a, t);
    cli_close(ctx);
    return status;
}

const cli_command cli_tune = {
    "tune",
    "",
    "choose the fastest kernels for an OpenCL device",
    "Products of matrices and convolutions have kernels of several forms: tiles in registers or in "
    "local memory, in several shapes. Each is compared with the reference in double precision, on "
    "small odd shapes and on a large one, and those that are right are timed on the large one; one "
    "that is wrong is named and left out. The choice is kept in $XDG_CACHE_HOME/facies "
    "(~/.cache/facies) for the device and its driver; runs that begin later use it. A run keeps "
    "the forms that it began with, so that a resumed one ends with the same bits.",
    options,
    CLI_COUNT(options),
    0,
    0,
    examples,
    "devices bench check",
    run_tune};
