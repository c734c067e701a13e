/* inspect.c: facies inspect. */
#include "cli/cli.h"

#include <stddef.h>

static const cli_option options[] = {CLI_TABLE_OPTIONS, CLI_HELP_OPTION};
static const char *const examples[] = {"facies inspect rock.png", "one image",
                                       "facies inspect scans/", "all images of a folder", NULL};

static int run_inspect(const cli_args *a)
{
    fcs_context *ctx = cli_open(a, NULL);
    if (!ctx)
        return FCS_FAILED;
    fcs_table *t = NULL;
    fcs_status s = fcs_inspect(ctx, a->operands.items, a->operands.n, &t);
    int status = t ? cli_table(a, t) : FCS_OK;
    if (s)
        status = cli_failed(ctx, s);
    cli_close(ctx);
    return status;
}

const cli_command cli_inspect = {
    "inspect",
    "PATH...",
    "say what is in image files, and what a run would do",
    "Looks at images and folders: format, size, channels, depth, levels and their shares, and what "
    "a training run would do "
    "with each file. A file that cannot be used has the reason in its row.",
    options,
    CLI_COUNT(options),
    1,
    -1,
    examples,
    "train synth",
    run_inspect};
