/* list.c: facies list and facies devices. */
#include "cli/cli.h"

#include <stddef.h>

static const cli_option options[] = {CLI_TABLE_OPTIONS, CLI_HELP_OPTION};
static const char *const examples[] = {"facies list recipes",
                                       "the systems that can be trained by name",
                                       "facies list layers",
                                       "what nets are made of, with every parameter",
                                       "facies list ops --json -",
                                       "the op registry as JSON",
                                       NULL};
static const char *const device_examples[] = {
    "facies devices", "what can be given to --device", "facies check --device 1",
    "whether the first OpenCL device computes right", NULL};
static int list(const cli_args *a, const char *what)
{
    fcs_context *ctx = cli_open(a, NULL);
    if (!ctx)
        return FCS_FAILED;
    fcs_table *t;
    fcs_status s = fcs_list(ctx, what, &t);
    int status = s ? cli_failed(ctx, s) : cli_table(a, t);
    cli_close(ctx);
    return status;
}

static int run_list(const cli_args *a) { return list(a, a->operands.items[0]); }

static int run_devices(const cli_args *a) { return list(a, "devices"); }

const cli_command cli_list = {
    "list",
    "ops|layers|losses|optimizers|recipes|schemes|keys|metrics|synth|isas|devices",
    "list what facies knows",
    "Prints one of the registries: every entry with its parameters, "
    "their ranges and defaults, and what it does.",
    options,
    CLI_COUNT(options),
    1,
    1,
    examples,
    "show",
    run_list};
const cli_command cli_devices = {
    "devices",
    "",
    "list the devices that can compute",
    "Prints what --device takes, a row each: the cpu with its instruction set, and the OpenCL "
    "devices that the loader finds, by number; a part of a name that fits one device does as well, "
    "and PLATFORM:NAME asks that platform only. An OpenCL device is tested when it is first used "
    "with a driver; the verdict is shown here, and kept in $XDG_CACHE_HOME/facies "
    "(~/.cache/facies).",
    options,
    CLI_COUNT(options),
    0,
    0,
    device_examples,
    "check bench",
    run_devices};
