/* check.c: facies check. */
#include "cli/cli.h"

#include <stddef.h>

static const cli_option options[] = {
    {"ops", 0, CLI_TEXT, CLI_AT(ops), "A,B", "only these ops (facies list ops)", 0, 0},
    {"case", 0, CLI_TEXT, CLI_AT(one_case), "TEXT",
     "one case, as a failed row's repeat line gives it", 0, 0},
    {"isa", 0, CLI_TEXT, CLI_AT(isa), "NAME", "one instruction set (all that the machine has)", 0,
     0},
    {"limit", 0, CLI_REAL, CLI_AT(limit), "N",
     "only cases of at most so many operations: for slow devices", 1, 1e18},
    {"failures", 0, CLI_FLAG, CLI_AT(failures), NULL, "print the rows that fail only", 0, 0},
    {"model", 0, CLI_TEXT, CLI_AT(model), "RUN",
     "a run's whole training step on the device, node by node against the cpu", 0, 0},
    CLI_COMPUTE_OPTIONS,
    CLI_TABLE_OPTIONS,
    CLI_HELP_OPTION,
};
static const char *const examples[] = {
    "facies check",
    "every op, case and instruction set against the double-precision reference",
    "facies check --ops conv,conv_dw --isa avx2 --failures",
    "a few of them",
    "facies check --device 1",
    "every op on the first OpenCL device",
    "facies check --model run --device 1",
    "every node of a run's training step there, against the cpu",
    NULL};

static int run_check(const cli_args *a)
{
    const fcs_check_options o = {.ops = a->ops,
                                 .cases = a->one_case,
                                 .isa = a->isa,
                                 .failures_only = a->failures,
                                 .limit = a->limit};
    cli_args args = *a;
    args.untrusted = true; /* a check says what is wrong */
    fcs_context *ctx = cli_open(&args, NULL);
    if (!ctx)
        return FCS_FAILED;
    fcs_table *t = NULL;
    fcs_status s = a->model ? fcs_check_model(ctx, a->model, &t) : fcs_check(ctx, &o, &t);
    int status = t ? cli_table(a, t) : FCS_OK;
    if (s)
        status = cli_failed(ctx, s);
    cli_close(ctx);
    return status;
}

const cli_command cli_check = {
    "check",
    "",
    "check every op against the double-precision reference",
    "Runs the op registry's sample cases on each instruction set and "
    "compares the numbers with an independent reference in "
    "double precision: integers exactly, random data within each op's "
    "bound. With --device the same on an OpenCL device. With --model a run's training step, from "
    "its "
    "last checkpoint, node by node on the device and on the cpu; without --device on the best "
    "instruction set and the portable one. The exit status is 3 if a row fails.",
    options,
    CLI_COUNT(options),
    0,
    0,
    examples,
    "bench devices list",
    run_check};
