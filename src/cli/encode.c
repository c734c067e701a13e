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

static fcs_status encode(fcs_run *run, const cli_args *a, fcs_table **t)
{
    const fcs_encode_options o = {.path = a->output, .sweep = a->sweep, .rows = (int)a->rows};
    (void)t;
    return fcs_encode(run, a->operands.items + 1, a->operands.n - 1, &o);
}

static int run_encode(const cli_args *a)
{
    return cli_with_run(a, "encode", "the file with -o FILE or --sweep FILE", encode);
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
