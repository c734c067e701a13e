/* interpolate.c: facies interpolate. */
#include "cli/cli.h"

#include <stddef.h>

static const cli_option options[] = {
    {"output", 'o', CLI_TEXT, CLI_AT(output), "FILE", "a .png or .tif file: a strip", 0, 0},
    {"count", 'n', CLI_INT, CLI_AT(count), "N", "images in the strip, both ends included (9)", 2,
     1000},
    CLI_COMPUTE_OPTIONS,
    {"quiet", 'q', CLI_FLAG, CLI_AT(quiet), NULL, "no notes", 0, 0},
    CLI_HELP_OPTION,
};
static const char *const examples[] = {
    "facies interpolate material-gan-run 1 2 -o strip.png",
    "from the image of seed 1 to that of seed 2",
    "facies interpolate material-vae-run a.png b.png --count 12 -o strip.png",
    "from one image to another, through the latents that the encoder finds", NULL};

static fcs_status interpolate(fcs_run *run, const cli_args *a, fcs_table **t)
{
    (void)t;
    return fcs_interpolate(run, a->operands.items[1], a->operands.items[2],
                           a->count ? (int)a->count : 9, a->output);
}

static int run_interpolate(const cli_args *a)
{
    return cli_with_run(a, "interpolate", "the strip with -o FILE", interpolate);
}

const cli_command cli_interpolate = {
    "interpolate",
    "RUN A B -o FILE",
    "a strip of images from A to B",
    "A and B are images, whose latents RUN's encoder finds, or seeds (whole numbers): the latent "
    "that facies generate --seed draws. Between two seeds of normal latents the way is along the "
    "great circle, else along the straight line.",
    options,
    CLI_COUNT(options),
    3,
    3,
    examples,
    "generate encode reconstruct",
    run_interpolate};
