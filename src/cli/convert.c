/* convert.c: facies convert. */
#include "cli/cli.h"

#include <stddef.h>
#include <string.h>

static const cli_option options[] = {
    {"slices", 0, CLI_TEXT, CLI_AT(slices), "AXIS",
     "write a numbered 2D file for each page across x, y or z: OUT-0000.png, ...", 0, 0},
    {"format", 'f', CLI_TEXT, CLI_AT(format), "FORMAT",
     "labels: the distinct values become 0, 1, 2, ...; grey: these spread over 0 to 255", 0, 0},
    CLI_VOXEL_OPTIONS,
    {"cells", 0, CLI_FLAG, CLI_AT(cells), NULL,
     ".vti: values of cells, as solvers want them, instead of points", 0, 0},
    {"quiet", 'q', CLI_FLAG, CLI_AT(quiet), NULL, "no notes", 0, 0},
    CLI_HELP_OPTION,
};
static const char *const examples[] = {"facies convert volume.tif volume.nrrd",
                                       "an ImageJ stack for Slicer, ParaView or napari",
                                       "facies convert volume.mhd slices/a.png --slices x",
                                       "a picture for each page across x",
                                       "facies convert folder volume.tif --voxel 0.4 --unit um",
                                       "the pictures of a folder as a stack that knows its voxel",
                                       "facies convert v.tif v.vti --format labels --cells",
                                       "phases 0, 1, 2, ... for a solver",
                                       NULL};

static int run_convert(const cli_args *a)
{
    fcs_convert_options o = {.format = a->format, .cells = a->cells};
    if (a->slices && (strlen(a->slices) != 1 || !strchr("xyz", a->slices[0]))) {
        cli_error("convert: --slices %.20s: give x, y or z (see facies convert --help)", a->slices);
        return FCS_USAGE;
    }
    o.slices = a->slices ? a->slices[0] : 0;
    if (cli_voxel(a, &o.voxel))
        return FCS_USAGE;
    fcs_context *ctx = cli_open(a, NULL);
    if (!ctx)
        return FCS_FAILED;
    fcs_status s = fcs_convert(ctx, a->operands.items[0], a->operands.items[1], &o);
    int status = s ? cli_failed(ctx, s) : FCS_OK;
    cli_close(ctx);
    return status;
}

const cli_command cli_convert = {
    "convert",
    "IN OUT",
    "write a picture or volume in another format",
    "Reads IN, or all pictures of the folder IN as the pages of a volume, and writes it as OUT, "
    "whose "
    "ending chooses the format: .png, .tif (ImageJ stacks, BigTIFF where needed), .nrrd, .mha, "
    ".mhd "
    "with .raw, .raw with .mhd, .vti, .npy. Reads the same formats, .nhdr, and compressed NRRD, "
    "MetaImage and VTI as well. Voxel size and unit are kept where the format has a place for "
    "them.",
    options,
    CLI_COUNT(options),
    2,
    2,
    examples,
    "inspect view evaluate",
    run_convert};
