/* encode.c: facies encode. */
#include "cli/cli.h"

#include <stddef.h>

static const cli_option options[] = {
    {"output", 'o', CLI_TEXT, CLI_AT(output), "FILE",
     "mean and logarithm of the variance of each image's latent: .csv, or .safetensors with "
     "tensors mean and logvar",
     0, 0},
    {"sweep", 0, CLI_TEXT, CLI_AT(sweep), "FILE",
     "a picture: a row for each of the latent numbers that say most of these images, moved from -3 "
     "to 3 while the others stay those of the first image",
     0, 0},
    {"rows", 0, CLI_INT, CLI_AT(rows), "N", "latent numbers in the sweep (8)", 1, 1000},
    CLI_COMPUTE_OPTIONS,
    {"quiet", 'q', CLI_FLAG, CLI_AT(quiet), NULL, "no notes", 0, 0},
    CLI_HELP_OPTION,
};
static const char *const examples[] = {
    "facies encode material-vae-run tiles/ -o latents.csv", "the latents of a folder of images",
    "facies encode material-vae-run tiles/ --sweep sweep.png --rows 6",
    "what the six most telling latent numbers do", NULL};

static int run_encode(const cli_args *a)
{
    const fcs_encode_options o = {.path = a->output, .sweep = a->sweep, .rows = (int)a->rows};
    if (!a->output && !a->sweep) {
        cli_error("encode: give the file to write with -o FILE or --sweep FILE (see facies encode "
                  "--help)");
        return FCS_USAGE;
    }
    fcs_context *ctx = cli_open(a, NULL);
    if (!ctx)
        return FCS_FAILED;
    fcs_run *run;
    fcs_status s = fcs_run_open(ctx, a->operands.items[0], 0, &run);
    if (!s)
        s = fcs_encode(run, a->operands.items + 1, a->operands.n - 1, &o);
    int status = s ? cli_failed(ctx, s) : FCS_OK;
    fcs_run_close(run);
    cli_close(ctx);
    return status;
}

const cli_command cli_encode = {
    "encode",
    "RUN IMAGE... -o FILE",
    "the latents of images",
    "Writes what RUN's encoder makes of each IMAGE, or of the images of a folder: a row with the "
    "mean and the logarithm of the variance of each number of the latent. Images of other sizes "
    "are scaled until the shorter side fits, and their middle is taken.\n\n"
    "RUN must have an encoder: material-vae, material-vaegan and others of scheme autoencoder.",
    options,
    CLI_COUNT(options),
    2,
    -1,
    examples,
    "train reconstruct interpolate",
    run_encode};
