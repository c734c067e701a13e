/* samples.c: a picture of generated images, or of layers of volumes, from latents that stay the
 * same during the whole run. */
#include "train/run.h"

#include <stdlib.h>
#include <string.h>

enum { GAP = FCS_GRID_GAP, SAMPLE_SEED = 1, LAYERS = 6 };

static int64_t columns_of(int64_t n)
{
    int64_t c = 1;
    while (c * c < n)
        c++;
    return c;
}

/* Copies a page of an image, 0 to 1, to bytes at (x, y). */
static void paste(fcs_image *grid, const fcs_image *image, int64_t page, int64_t x, int64_t y)
{
    const float *from =
        (const float *)image->data + page * image->height * image->width * image->channels;
    unsigned char *to = grid->data;
    for (int64_t r = 0; r < image->height; r++)
        for (int64_t i = 0; i < image->width * image->channels; i++)
            to[((y + r) * grid->width + x) * grid->channels + i] =
                (unsigned char)(from[r * image->width * image->channels + i] * 255 + 0.5f);
}

/* Images in rows and columns, or a row for each volume: successive layers from its middle. */
static void place(fcs_image *grid, const fcs_image *image, int64_t i, int64_t columns)
{
    int64_t layers = image->depth > 1 ? columns : 1, first = (image->depth - layers + 1) / 2;
    for (int64_t k = 0; k < layers; k++) {
        int64_t at = i * layers + k;
        paste(grid, image, first + k, at % columns * (image->width + GAP),
              at / columns * (image->height + GAP));
    }
}

fcs_status fcs_grid_new(fcs_context *ctx, int64_t columns, int64_t rows, int64_t width,
                        int64_t height, int channels, fcs_image **grid)
{
    fcs_status s = fcs_image_new(ctx, columns * (width + GAP) - GAP, rows * (height + GAP) - GAP, 1,
                                 channels, FCS_U8, grid);
    if (!s)
        memset((*grid)->data, 128, (size_t)((*grid)->width * (*grid)->height * channels));
    return s;
}

static fcs_status make_grid(fcs_run *run, int64_t n, fcs_image **grid)
{
    int64_t depth = fcs_recipe_depth(run->recipe), layers = depth < LAYERS ? depth : LAYERS;
    int64_t columns = depth > 1 ? layers : columns_of(n),
            rows = depth > 1 ? n : (n + columns - 1) / columns;
    *grid = NULL;
    for (int64_t i = 0; i < n; i++) {
        const fcs_generate_options o = {.seed = SAMPLE_SEED, .first = i};
        fcs_image *image;
        fcs_status s = fcs_generate_image(run, &o, &image);
        if (!s && !*grid) {
            int channels = image->channels == 3 ? 3 : 1;
            s = fcs_grid_new(run->ctx, columns, rows, image->width, image->height, channels, grid);
        }
        if (!s && image->channels == (*grid)->channels)
            place(*grid, image, i, columns);
        fcs_image_free(image);
        if (s)
            return s;
    }
    return FCS_OK;
}

fcs_status fcs_run_sample(fcs_run *run)
{
    char name[64];
    snprintf(name, sizeof name, "samples/step-%06lld.png", (long long)run->step);
    char *path = fcs_run_path(run, name);
    fcs_image *grid = NULL;
    int stop = run->ctx->interrupted; /* a picture is quick: it is finished before the run stops */
    run->ctx->interrupted = 0;
    fcs_status s =
        path ? make_grid(run, (int64_t)fcs_recipe_number(run->recipe, "train.samples"), &grid)
             : FCS_FAILED;
    if (!s)
        s = fcs_image_write(run->ctx, grid, path);
    run->ctx->interrupted = run->ctx->interrupted || stop;
    fcs_image_free(grid);
    if (s) {
        free(path);
        return s;
    }
    free(run->sample);
    run->sample = path;
    run->sampled = run->step;
    return FCS_OK;
}
