/* synth.c: facies synth. */
#include "cli/cli.h"

#include <stddef.h>

static const cli_option options[] = {
    {"size", 0, CLI_SIZE, CLI_AT(size), "WxH[xD]", "size in pixels (1024x1024)", 0, 0},
    {"output", 'o', CLI_TEXT, CLI_AT(output), "FILE", "a .png or .tif file", 0, 0},
    {"seed", 0, CLI_INT, CLI_AT(seed), "S", "seed of the random numbers (0)", 0,
     9007199254740992.0},
    CLI_HELP_OPTION,
};
static const char *const examples[] = {"facies synth channels --size 2500x2500 -o ti.png",
                                       "meandering channels, a quarter of it sand",
                                       "facies list synth", "which kinds there are", NULL};

static int run_synth(const cli_args *a)
{
    if (!a->output) {
        cli_error("synth: give the file to write with -o FILE (see facies synth --help)");
        return FCS_USAGE;
    }
    fcs_context *ctx = cli_open(a, NULL);
    if (!ctx)
        return FCS_FAILED;
    bool given = a->size[0] > 0;
    fcs_image *image = NULL;
    fcs_status s =
        fcs_synth(ctx, a->operands.items[0], given ? a->size[0] : 1024, given ? a->size[1] : 1024,
                  given ? a->size[2] : 1, (uint64_t)a->seed, &image);
    if (!s)
        s = fcs_image_write(ctx, image, a->output);
    int status = s ? cli_failed(ctx, s) : FCS_OK;
    fcs_image_free(image);
    cli_close(ctx);
    return status;
}

const cli_command cli_synth = {"synth",
                               "KIND -o FILE",
                               "make a training image procedurally",
                               "Draws a training image by a procedure, so that everything can be "
                               "tried without data of one's own. The same arguments "
                               "give the same file everywhere.",
                               options,
                               CLI_COUNT(options),
                               1,
                               1,
                               examples,
                               "inspect train",
                               run_synth};
