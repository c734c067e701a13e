/* reconstruct.c: facies reconstruct. */
#include "cli/cli.h"

#include <stddef.h>

static const cli_option options[] = {
    {"output", 'o', CLI_TEXT, CLI_AT(output), "FILE",
     "a .png or .tif file: originals above, reconstructions below", 0, 0},
    CLI_TABLE_OPTIONS,
    CLI_COMPUTE_OPTIONS,
    {"quiet", 'q', CLI_FLAG, CLI_AT(quiet), NULL, "no notes", 0, 0},
    CLI_HELP_OPTION,
};
static const char *const examples[] = {
    "facies reconstruct material-vae-run a.png b.png -o pairs.png",
    "two images above what the VAE keeps of them",
    "facies reconstruct material-vae-run tiles/ -o pairs.png --csv errors.csv",
    "a folder; the error of each image as a table", NULL};

static fcs_status reconstruct(fcs_run *run, const cli_args *a, fcs_table **t)
{
    return fcs_reconstruct(run, a->operands.items + 1, a->operands.n - 1, a->output, t);
}

static int run_reconstruct(const cli_args *a)
{
    return cli_with_run(a, "reconstruct", "the picture with -o FILE", reconstruct);
}

const cli_command cli_reconstruct = {
    "reconstruct",
    "RUN IMAGE... -o FILE",
    "images beside what an autoencoder makes of them",
    "Encodes each IMAGE (or the images of a folder) with RUN's encoder and decodes the mean of its "
    "latent. Images of other sizes are scaled until the shorter side fits, and their middle is "
    "taken. Prints the mean square error of each, values in [0,1].\n\n"
    "RUN must have an encoder: material-vae, material-vaegan and others of scheme autoencoder.",
    options,
    CLI_COUNT(options),
    2,
    -1,
    examples,
    "train encode interpolate",
    run_reconstruct};
