/* evaluate.c: facies evaluate. */
#include "cli/cli.h"

#include <stddef.h>

static const cli_option options[] = {
    {"metrics", 0, CLI_TEXT, CLI_AT(metrics), "A,B", "only these metrics (facies list metrics)", 0,
     0},
    {"crops", 0, CLI_INT, CLI_AT(crops), "N",
     "random crops of the real image, for values and floor (100)", 2, 100000},
    {"crop", 0, CLI_INT, CLI_AT(crop), "PIXELS",
     "side of these crops (that of the generated images)", 1, 1e9},
    {"neighbours", 0, CLI_INT, CLI_AT(neighbours), "4|8",
     "which neighbours connect (4; of volumes 6, or 26)", 4, 26},
    {"threshold", 0, CLI_REAL, CLI_AT(threshold), "T",
     "two phases, 1 where the value, 0 to 1, is above T (the real images' 2 to 8 distinct values, "
     "else "
     "0.5)",
     0, 1},
    {"max-lag", 0, CLI_INT, CLI_AT(max_lag), "N",
     "longest lag of the curves, pixels (half of the crop)", 1, 1e9},
    {"period", 0, CLI_INT, CLI_AT(period), "N",
     "volumes: look for repetition at the multiples of N pixels (32)", 4, 4096},
    {"seed", 0, CLI_INT, CLI_AT(seed), "S", "seed of the crops (0)", 0, 9007199254740992.0},
    {"features", 0, CLI_TEXT, CLI_AT(features), "FILE",
     "weights of SqueezeNet 1.0 or Tiny Darknet (safetensors): adds the Frechet and kernel "
     "distances, nearest images and variety in what it sees, named after it",
     0, 0},
    {"tile", 0, CLI_INT, CLI_AT(tile), "N",
     "cut the real images into tiles of N x N pixels, scaled to the generated images' side: all of "
     "them are compared with, as in training with --tile",
     1, 65536},
    {"stride", 0, CLI_INT, CLI_AT(stride), "N",
     "from one tile to the next, pixels (that of the tile)", 1, 65536},
    {"resize", 0, CLI_TEXT, CLI_AT(resize), "cover|stretch",
     "scale all images first: until the shorter side fits, or both sides", 0, 0},
    {"html", 0, CLI_TEXT, CLI_AT(html), "FILE",
     "a page with tables and curves beside the real ones' envelope", 0, 0},
    CLI_TABLE_OPTIONS,
    CLI_COMPUTE_OPTIONS,
    {"quiet", 'q', CLI_FLAG, CLI_AT(quiet), NULL, "no notes", 0, 0},
    CLI_HELP_OPTION,
};
static const char *const examples[] = {
    "facies evaluate rock.png samples/",
    "a folder of generated images against the real one",
    "facies evaluate rock.png dsgan/ sgan/ --html compare.html",
    "two sets, with curves",
    "facies evaluate rock.png new.png --metrics tv_isotropic --json -",
    "one metric, as JSON",
    "facies evaluate anode.png volume.tif --crop 64 --html volume.html",
    "a volume seen across each axis beside a micrograph, and as a whole",
    "facies evaluate tiles/ gan/ vae/ --features squeezenet1_0.safetensors --html compare.html",
    "distances over the features of a net; nearest real images and variety",
    NULL};

static int run_evaluate(const cli_args *a)
{
    const fcs_evaluate_options o = {
        .metrics = a->metrics,
        .crops = (int)a->crops,
        .crop = a->crop,
        .neighbours = (int)a->neighbours,
        .threshold = a->threshold,
        .max_lag = (int)a->max_lag,
        .period = (int)a->period,
        .seed = (uint64_t)a->seed,
        .html = a->html,
        .features = a->features,
        .tile = a->tile,
        .stride = a->stride,
        .resize = a->resize,
    };
    fcs_context *ctx = cli_open(a, NULL);
    if (!ctx)
        return FCS_FAILED;
    fcs_table *t;
    fcs_status s =
        fcs_evaluate(ctx, a->operands.items[0], a->operands.items + 1, a->operands.n - 1, &o, &t);
    int status = s ? cli_failed(ctx, s) : cli_table(a, t);
    cli_close(ctx);
    return status;
}

const cli_command cli_evaluate = {
    "evaluate",
    "REAL GENERATED...",
    "compare generated images with a real one",
    "Compares sets of generated images (a file or a folder each) with the real image: total "
    "variation, connectivity, "
    "two-point correlation, local binary patterns, histograms of gradients and of grey levels, "
    "shares of the phases, sharpness, variety, nearest real image. "
    "Each row has the value, "
    "the real image's, and the floor: what random crops of the real image give against each other. "
    "Curves: the share of lags at which "
    "the mean lies between the lowest and highest of the real crops, beside what as many other "
    "real "
    "crops score.\n\n"
    "Phases are the real image's distinct values where there are 2 to 8; --threshold makes two. A "
    "file of 16 pages or more is a volume. Beside a real picture it is seen across each axis (the "
    "column across); beside a real volume random blocks of both are compared. Rows at whole are of "
    "the whole volume: shares and their spread over blocks, surface area per volume, the share "
    "that "
    "percolates, chord lengths, the axes' difference (isotropy: up to 1 they agree within the "
    "spread of blocks) and repetition (period: up to 3 there is none beyond noise).",
    options,
    CLI_COUNT(options),
    2,
    -1,
    examples,
    "generate inspect",
    run_evaluate};
