/* generate.c: facies generate. */
#include "cli/cli.h"

#include <stddef.h>
#include <stdlib.h>

static const cli_option options[] = {
    {"size", 0, CLI_SIZE, CLI_AT(size), "WxH[xD]", "size in pixels (that of the training crops)", 0,
     0},
    {"output", 'o', CLI_TEXT, CLI_AT(output), "FILE",
     "a .png or .tif file, or a volume: .tif, .nrrd, .mha, .mhd, .raw, .vti, .npy; with --count "
     "above 1 "
     "it gets numbers",
     0, 0},
    {"count", 'n', CLI_INT, CLI_AT(count), "N", "how many images (1)", 1, 1e9},
    {"first", 0, CLI_INT, CLI_AT(first), "I",
     "number of the first image (0); image I of a seed is always the same", 0, 1e15},
    {"seed", 0, CLI_INT, CLI_AT(seed), "S", "seed of the random numbers (0)", 0,
     9007199254740992.0},
    {"threshold", 0, CLI_REAL, CLI_AT(threshold), "T",
     "black and white: white where the value, 0 to 1, is above T", 0, 1},
    {"median", 0, CLI_INT, CLI_AT(median), "N", "a median filter, N pixels wide, N odd", 1, 31},
    {"format", 0, CLI_TEXT, CLI_AT(format), "FORMAT",
     "of phases: labels, the data's grey levels (usual); grey, shades from 0 to 255; onehot, a "
     "file "
     "for each phase",
     0, 0},
    {"density", 0, CLI_TEXT, CLI_AT(density), "S1,S2,...",
     "the wanted share of each phase, from dark to light; for runs trained with latent.density=yes",
     0, 0},
    {"periodic", 0, CLI_FLAG, CLI_AT(periodic), NULL, "an image that tiles the plane without seams",
     0, 0},
    {"memory", 0, CLI_INT, CLI_AT(memory), "MIB",
     "memory to stay under (448, or the least that does)", 1, 1e9},
    CLI_VOXEL_OPTIONS,
    CLI_COMPUTE_OPTIONS,
    {"quiet", 'q', CLI_FLAG, CLI_AT(quiet), NULL, "no progress and no notes", 0, 0},
    CLI_HELP_OPTION,
};
static const char *const examples[] = {
    "facies generate dsgan-run --size 2000x1000 -o new.png",
    "one image",
    "facies generate dsgan-run --size 20000x20000 -o huge.tif",
    "streamed in tiles, in the same memory",
    "facies generate dsgan-run --count 100 -o samples/s.png",
    "samples/s-0000.png to samples/s-0099.png",
    "facies generate slicegan-small-run --size 512x512x512 -o volume.tif",
    "a volume, streamed",
    "facies generate dsgan-run --size 512x512 --periodic --threshold 0.5 -o tile.png",
    "black and white, without seams",
    NULL};

enum { MAX_SHARES = 16 };

static bool read_shares(const char *text, double *shares, int *n)
{
    for (*n = 0; *n < MAX_SHARES; ++*n) {
        char *end;
        double v = strtod(text, &end);
        if (end == text || (*end && *end != ','))
            return false;
        shares[*n] = v;
        if (!*end) {
            ++*n;
            return true;
        }
        text = end + 1;
    }
    return false;
}

static int run_generate(const cli_args *a)
{
    cli_progress progress = {0};
    fcs_generate_options o = {
        .width = a->size[0],
        .height = a->size[1],
        .depth = a->size[0] ? a->size[2] : 0,
        .seed = (uint64_t)a->seed,
        .first = a->first,
        .count = a->count,
        .periodic = a->periodic,
        .median = (int)a->median,
        .has_threshold = a->has_threshold,
        .threshold = a->threshold,
        .memory = (size_t)a->memory << 20,
        .format = a->format,
        .progress = cli_progress_part,
        .user = &progress,
    };
    if (cli_voxel(a, &o.voxel))
        return FCS_USAGE;
    double density[MAX_SHARES];
    if (a->density && !read_shares(a->density, density, &o.n_density)) {
        cli_error(
            "generate: --density %s: give numbers with commas between: 0.3,0.5,0.2 (see facies "
            "generate --help)",
            a->density);
        return FCS_USAGE;
    }
    o.density = density;
    if (!a->output) {
        cli_error("generate: give the file to write with -o FILE (see facies generate --help)");
        return FCS_USAGE;
    }
    fcs_context *ctx = cli_open(a, &progress);
    if (!ctx)
        return FCS_FAILED;
    fcs_run *run;
    fcs_status s = fcs_run_open(ctx, a->operands.items[0], 0, &run);
    cli_progress_begin(&progress, a->quiet);
    if (!s)
        s = fcs_generate(run, &o, a->output);
    cli_progress_end(&progress);
    int status = s ? cli_failed(ctx, s) : FCS_OK;
    fcs_run_close(run);
    cli_close(ctx);
    return status;
}

const cli_command cli_generate = {
    "generate",
    "RUN -o FILE",
    "make images of any size from a trained run",
    "Makes images with the generator of RUN, a run folder or a checkpoint file. Any size is made "
    "in tiles, in constant "
    "memory, and equals what one piece would give. A pixel depends on the seed, the image's number "
    "and its place only, so a "
    "part of a larger image and a smaller image of the same seed agree, but near the edges.\n\n"
    "With --periodic the sides must be multiples of the net's stride; the error names the nearest "
    "ones.",
    options,
    CLI_COUNT(options),
    1,
    1,
    examples,
    "train evaluate",
    run_generate};
