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

static int run_reconstruct(const cli_args *a)
{
    if (!a->output) {
        cli_error("reconstruct: give the picture to write with -o FILE (see facies reconstruct "
                  "--help)");
        return FCS_USAGE;
    }
    fcs_context *ctx = cli_open(a, NULL);
    if (!ctx)
        return FCS_FAILED;
    fcs_run *run;
    fcs_table *t;
    fcs_status s = fcs_run_open(ctx, a->operands.items[0], 0, &run);
    if (!s)
        s = fcs_reconstruct(run, a->operands.items + 1, a->operands.n - 1, a->output, &t);
    int status = s ? cli_failed(ctx, s) : cli_table(a, t);
    fcs_run_close(run);
    cli_close(ctx);
    return status;
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
