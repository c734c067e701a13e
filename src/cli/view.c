/* view.c: facies view. */
#include "cli/cli.h"

#include <stddef.h>

static const cli_option options[] = {
    {"output", 'o', CLI_TEXT, CLI_AT(output), "FILE", "the picture to write, a .png or .tif file",
     0, 0},
    {"layers", 'l', CLI_FLAG, CLI_AT(layers), NULL,
     "six successive layers and the three middle slices instead of a view", 0, 0},
    {"transparent", 0, CLI_TEXT, CLI_AT(transparent), "PHASES",
     "phases to see through: 0, or 0,2; numbered by their values", 0, 0},
    {"cut", 0, CLI_REAL, CLI_AT(cut), "SHARE",
     "cut the corner towards the viewer away, so much of each side, 0 to 0.99", 0, 0.99},
    {"azimuth", 0, CLI_REAL, CLI_AT(azimuth), "DEGREES", "the viewer's place round the volume (32)",
     -360, 360},
    {"elevation", 0, CLI_REAL, CLI_AT(elevation), "DEGREES", "and above it (26)", -89, 89},
    {"threshold", 0, CLI_REAL, CLI_AT(threshold), "T",
     "two phases, 1 where the value, 0 to 1, is above T", 0, 1},
    {"size", 0, CLI_SIZE, CLI_AT(size), "WxH", "size of the picture (1000x1000)", 0, 0},
    {"threads", 't', CLI_INT, CLI_AT(threads), "T", "threads (one per processor)", 1, 4096},
    {"quiet", 'q', CLI_FLAG, CLI_AT(quiet), NULL, "no notes", 0, 0},
    CLI_HELP_OPTION,
};
static const char *const examples[] = {"facies view volume.tif -o view.png --cut 0.4",
                                       "a shaded view, one corner cut away",
                                       "facies view volume.nrrd -o pores.png --transparent 1",
                                       "phase 0 alone",
                                       "facies view volume.mhd -o layers.png --layers",
                                       "layers and slices",
                                       NULL};

static int run_view(const cli_args *a)
{
    const fcs_render_options o = {.width = a->size[0],
                                  .height = a->size[1],
                                  .transparent = a->transparent,
                                  .cut = a->cut,
                                  .azimuth = a->azimuth,
                                  .elevation = a->elevation,
                                  .threshold = a->threshold};
    fcs_image *volume = NULL, *picture = NULL;
    if (!a->output) {
        cli_error("view: give the file to write with -o FILE (see facies view --help)");
        return FCS_USAGE;
    }
    fcs_context *ctx = cli_open(a, NULL);
    if (!ctx)
        return FCS_FAILED;
    fcs_status s = fcs_image_read(ctx, a->operands.items[0], &volume);
    if (!s)
        s = a->layers ? fcs_render_layers(ctx, volume, &o, &picture)
                      : fcs_render(ctx, volume, &o, &picture);
    if (!s)
        s = fcs_image_write(ctx, picture, a->output);
    int status = s ? cli_failed(ctx, s) : FCS_OK;
    fcs_image_free(volume);
    fcs_image_free(picture);
    cli_close(ctx);
    return status;
}

const cli_command cli_view = {
    "view",
    "VOLUME -o FILE",
    "draw a volume: a shaded view, or layers and slices",
    "Draws a volume as it looks from one corner, x to the right, y away from the viewer, z up, "
    "with "
    "soft shadows. Up to eight distinct values are phases, each with its colour; "
    "--transparent leaves some out and shows the smoothed surface of the others. Greys and colours "
    "are shown as they are. Voxels that are not cubes keep their shape.\n\n"
    "With --layers: six successive layers from the middle, below them the middle slices across z, "
    "y "
    "and x; bars tell the axes, x red, y green, z blue.",
    options,
    CLI_COUNT(options),
    1,
    1,
    examples,
    "convert evaluate generate",
    run_view};
