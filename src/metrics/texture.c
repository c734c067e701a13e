/* texture.c: total variation, local binary patterns, histograms of oriented gradients. */
#include "metrics/metrics.h"
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double pi = 3.14159265358979323846;

/* ---- total variation: forward differences, 0 beyond the last row and column ---- */

static void tv_sums(const fcs_page_view *page, double *isotropic, double *anisotropic)
{
    double iso = 0, aniso = 0;
    for (int64_t y = 0; y < page->height; y++) {
        const float *row = page->values + y * page->width;
        const float *below = y + 1 < page->height ? row + page->width : row;
        for (int64_t x = 0; x < page->width; x++) {
            double dx = x + 1 < page->width ? (double)row[x + 1] - (double)row[x] : 0;
            double dy = (double)below[x] - (double)row[x];
            iso += sqrt(dx * dx + dy * dy);
            aniso += fabs(dx) + fabs(dy);
        }
    }
    *isotropic = iso / ((double)page->width * (double)page->height);
    *anisotropic = aniso / ((double)page->width * (double)page->height);
}

fcs_status fcs_measure_tv_isotropic(fcs_error *e, const fcs_page_view *page, int phase,
                                    double *values)
{
    (void)e;
    (void)phase;
    double other;
    tv_sums(page, values, &other);
    return FCS_OK;
}

fcs_status fcs_measure_tv_anisotropic(fcs_error *e, const fcs_page_view *page, int phase,
                                      double *values)
{
    (void)e;
    (void)phase;
    double other;
    tv_sums(page, &other, values);
    return FCS_OK;
}

fcs_status fcs_total_variation(fcs_context *ctx, const fcs_image *image, double *isotropic,
                               double *anisotropic)
{
    if (image->depth != 1)
        return fcs_fail(&ctx->error, FCS_FAILED,
                        "total variation: an image of %lld pages: give it one page",
                        (long long)image->depth);
    int64_t n = image->width * image->height;
    float *values = fcs_alloc_array(&ctx->error, (size_t)n, sizeof *values);
    if (!values)
        return FCS_FAILED;
    for (int64_t y = 0; y < image->height; y++)
        for (int64_t x = 0; x < image->width; x++)
            values[y * image->width + x] = (float)fcs_image_value(image, 0, y, x, 0);
    double iso, aniso;
    tv_sums(&(fcs_page_view){values, image->width, image->height}, &iso, &aniso);
    free(values);
    if (isotropic)
        *isotropic = iso;
    if (anisotropic)
        *anisotropic = aniso;
    return FCS_OK;
}

/* ---- shares: pages come thresholded, 0 or 1 ---- */

/* ---- local binary patterns (Ojala et al. 2002), as scikit-image's 'default' method ----
 * Bit i is set where the value at angle 2 pi i / 8, bilinear, 0 outside the page, is at least the
 * centre's. The offsets are rounded to five decimals as there. Interpolating as a + t (b - a) keeps
 * flat ground flat. */

enum { NEIGHBOURS = 8, RIM = 3 };

typedef struct spot {
    int64_t offset;
    double right, down;
} spot; /* of the upper left of four samples; weights */

static double five_decimals(double v) { return nearbyint(v * 1e5) / 1e5; }

static void spots_make(double radius, int64_t stride, spot *spots)
{
    for (int i = 0; i < NEIGHBOURS; i++) {
        double angle = 2 * pi * i / NEIGHBOURS;
        double y = five_decimals(-radius * sin(angle)), x = five_decimals(radius * cos(angle));
        spots[i] =
            (spot){(int64_t)floor(y) * stride + (int64_t)floor(x), x - floor(x), y - floor(y)};
    }
}

static double spot_value(const spot *s, const float *centre, int64_t stride)
{
    const float *p = centre + s->offset;
    double top = (double)p[0] + s->right * ((double)p[1] - (double)p[0]);
    double bottom = (double)p[stride] + s->right * ((double)p[stride + 1] - (double)p[stride]);
    return top + s->down * (bottom - top);
}

static fcs_status lbp(fcs_error *e, const fcs_page_view *page, double radius, double *counts)
{
    int64_t stride = page->width + 2 * RIM;
    float *padded =
        fcs_alloc_array(e, (size_t)(page->height + 2 * RIM), (size_t)stride * sizeof *padded);
    if (!padded)
        return FCS_FAILED;
    for (int64_t y = 0; y < page->height; y++)
        memcpy(padded + (y + RIM) * stride + RIM, page->values + y * page->width,
               (size_t)page->width * sizeof *padded);
    spot spots[NEIGHBOURS];
    spots_make(radius, stride, spots);
    memset(counts, 0, 256 * sizeof *counts);
    for (int64_t y = 0; y < page->height; y++)
        for (int64_t x = 0; x < page->width; x++) {
            const float *centre = padded + (y + RIM) * stride + RIM + x;
            unsigned pattern = 0;
            for (unsigned i = 0; i < NEIGHBOURS; i++)
                pattern |= (spot_value(&spots[i], centre, stride) >= (double)*centre ? 1u : 0u)
                           << i;
            counts[pattern]++;
        }
    free(padded);
    return FCS_OK;
}

fcs_status fcs_measure_lbp1(fcs_error *e, const fcs_page_view *page, int phase, double *values)
{
    (void)phase;
    return lbp(e, page, 1, values);
}

fcs_status fcs_measure_lbp2(fcs_error *e, const fcs_page_view *page, int phase, double *values)
{
    (void)phase;
    return lbp(e, page, 2, values);
}

/* ---- histograms of oriented gradients (Dalal and Triggs 2005), as scikit-image's hog ----
 * Central differences (0 on the rim), magnitudes summed per cell and per 20 degrees of unsigned
 * direction, blocks of 3x3 cells at every cell, each normalized L2, clipped at 0.2, normalized
 * again. */

enum {
    DIRECTIONS = 9,
    CELL = 8,
    BLOCK = 3,
    BLOCK_VALUES = BLOCK * BLOCK * DIRECTIONS,
    HOG_BINS = 10
};

static int direction_bin(double dx, double dy)
{
    double degrees = atan2(dy, dx) * (180 / pi);
    if (degrees < 0)
        degrees += 180;
    int bin = (int)(degrees / (180.0 / DIRECTIONS));
    return bin < DIRECTIONS ? bin : 0;
}

/* cells: DIRECTIONS values per cell. Each is a mean over the cell's pixels. */
static void hog_cells(const fcs_page_view *page, int64_t cells_x, int64_t cells_y, double *cells)
{
    for (int64_t y = 0; y < cells_y * CELL; y++)
        for (int64_t x = 0; x < cells_x * CELL; x++) {
            const float *p = page->values + y * page->width + x;
            double dx = x > 0 && x + 1 < page->width ? (double)p[1] - (double)p[-1] : 0;
            double dy = y > 0 && y + 1 < page->height
                            ? (double)p[page->width] - (double)p[-page->width]
                            : 0;
            if (dx != 0 || dy != 0)
                cells[((y / CELL) * cells_x + x / CELL) * DIRECTIONS + direction_bin(dx, dy)] +=
                    hypot(dx, dy) / (CELL * CELL);
        }
}

static void normalize(double *block)
{
    double sum = 1e-10; /* scikit-image's eps^2 */
    for (int i = 0; i < BLOCK_VALUES; i++)
        sum += block[i] * block[i];
    for (int i = 0; i < BLOCK_VALUES; i++)
        block[i] /= sqrt(sum);
}

static void block_count(const double *cells, int64_t cells_x, double *counts)
{
    double block[BLOCK_VALUES];
    for (int64_t y = 0; y < BLOCK; y++)
        memcpy(block + y * BLOCK * DIRECTIONS, cells + y * cells_x * DIRECTIONS,
               BLOCK * DIRECTIONS * sizeof *block);
    normalize(block);
    for (int i = 0; i < BLOCK_VALUES; i++)
        block[i] = fmin(block[i], 0.2);
    normalize(block);
    for (int i = 0; i < BLOCK_VALUES; i++) {
        int bin = (int)(block[i] * HOG_BINS);
        counts[bin < HOG_BINS ? bin : HOG_BINS - 1]++;
    }
}

fcs_status fcs_measure_hog(fcs_error *e, const fcs_page_view *page, int phase, double *values)
{
    (void)phase;
    int64_t cells_x = page->width / CELL, cells_y = page->height / CELL;
    for (int i = 0; i < HOG_BINS; i++)
        values[i] = cells_x < BLOCK || cells_y < BLOCK ? (double)NAN : 0;
    if (cells_x < BLOCK || cells_y < BLOCK)
        return FCS_OK;
    double *cells = fcs_alloc_array(e, (size_t)(cells_x * cells_y), DIRECTIONS * sizeof *cells);
    if (!cells)
        return FCS_FAILED;
    hog_cells(page, cells_x, cells_y, cells);
    int64_t blocks_x = cells_x - BLOCK + 1, blocks_y = cells_y - BLOCK + 1;
    for (int64_t y = 0; y < blocks_y; y++)
        for (int64_t x = 0; x < blocks_x; x++)
            block_count(cells + (y * cells_x + x) * DIRECTIONS, cells_x, values);
    for (int i = 0; i < HOG_BINS; i++)
        values[i] /= (double)(blocks_x * blocks_y * BLOCK_VALUES);
    free(cells);
    return FCS_OK;
}

double fcs_chi_square(const double *a, const double *b, int bins)
{
    double sum = 0;
    for (int i = 0; i < bins; i++)
        if (!(a[i] + b[i] <= 0)) /* NaN stays NaN */
            sum += (a[i] - b[i]) * (a[i] - b[i]) / (a[i] + b[i]);
    return sum;
}
