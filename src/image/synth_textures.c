/* synth_textures.c: discs and balls, polycrystals, three-phase blobs, layers; each in 2D and 3D. */
#include "image/synth.h"
#include <stdlib.h>
#include <string.h>

/* ---- discs and balls: random places, the large ones first, refused where they would touch another
 * ---- */

enum { BALL_SMALL = 6, BALL_LARGE = 16 };

typedef struct ball {
    int64_t x, y, z;
    int radius;
} ball;

/* Calls of the ball's pixels grown by `grow`: true when one is set, or sets them. */
static bool ball_pixels(fcs_image *m, const ball *b, int grow, bool set)
{
    int r = b->radius + grow, deep = m->depth > 1 ? r : 0;
    for (int dz = -deep; dz <= deep; dz++)
        for (int dy = -r; dy <= r; dy++) {
            int64_t y = b->y + dy, z = b->z + dz;
            if (y < 0 || y >= m->height || z < 0 || z >= m->depth)
                continue;
            uint8_t *row = (uint8_t *)m->data + (z * m->height + y) * m->width;
            for (int dx = -r; dx <= r; dx++) {
                int64_t x = b->x + dx;
                if (x < 0 || x >= m->width || dx * dx + dy * dy + dz * dz > r * r)
                    continue;
                if (set)
                    row[x] = 255;
                else if (row[x])
                    return true;
            }
        }
    return false;
}

fcs_status fcs_synth_spheres(fcs_error *e, fcs_image *image, fcs_dice *dice)
{
    (void)e;
    bool deep = image->depth > 1;
    int64_t pixels = image->width * image->height * image->depth;
    for (int radius = BALL_LARGE; radius >= BALL_SMALL; radius -= 2) {
        int64_t size = deep ? 4 * radius * radius * radius : 3 * radius * radius;
        int64_t tries = pixels / size * 2 + 4;
        for (int64_t i = 0; i < tries; i++) {
            /* Centres may lie outside by a radius: balls are cut by the edges as anywhere else. */
            ball b = {.radius = radius};
            b.x = fcs_dice_below(dice, image->width + 2 * radius) - radius;
            b.y = fcs_dice_below(dice, image->height + 2 * radius) - radius;
            b.z = deep ? fcs_dice_below(dice, image->depth + 2 * radius) - radius : 0;
            if (!ball_pixels(image, &b, 1, false))
                ball_pixels(image, &b, 0, true);
        }
    }
    return FCS_OK;
}

/* ---- grains: Voronoi cells of one random point in each square of a grid ---- */

enum { GRAIN = 24 };

typedef struct grain {
    int32_t x, y, z;
    uint8_t level;
} grain;
typedef struct grains {
    int64_t nx, ny, nz;
    grain *g;
} grains;

/* The grid is larger than the image by two squares all round: no nearest point lies beyond. */
static fcs_status place_grains(fcs_error *e, const fcs_image *m, fcs_dice *dice, grains *all)
{
    all->nx = m->width / GRAIN + 5;
    all->ny = m->height / GRAIN + 5;
    all->nz = m->depth > 1 ? m->depth / GRAIN + 5 : 1;
    all->g = fcs_alloc_array(e, (size_t)(all->nx * all->ny * all->nz), sizeof *all->g);
    if (!all->g)
        return FCS_FAILED;
    grain *g = all->g;
    for (int64_t z = 0; z < all->nz; z++)
        for (int64_t y = 0; y < all->ny; y++)
            for (int64_t x = 0; x < all->nx; x++, g++) {
                g->x = (int32_t)((x - 2) * GRAIN + fcs_dice_below(dice, GRAIN));
                g->y = (int32_t)((y - 2) * GRAIN + fcs_dice_below(dice, GRAIN));
                g->z = all->nz > 1 ? (int32_t)((z - 2) * GRAIN + fcs_dice_below(dice, GRAIN)) : 0;
                g->level = (uint8_t)(40 + fcs_dice_below(dice, 200));
            }
    return FCS_OK;
}

/* The nearest of the points in the 5 x 5 (x 5) squares round the pixel's; the first one where two
 * are as near. */
static uint8_t level_at(const grains *all, int64_t x, int64_t y, int64_t z)
{
    int64_t cx = x / GRAIN + 2, cy = y / GRAIN + 2, cz = all->nz > 1 ? z / GRAIN + 2 : 0,
            best = INT64_MAX;
    int reach_z = all->nz > 1 ? 2 : 0;
    uint8_t level = 0;
    for (int64_t k = cz - reach_z; k <= cz + reach_z; k++)
        for (int64_t j = cy - 2; j <= cy + 2; j++)
            for (int64_t i = cx - 2; i <= cx + 2; i++) {
                const grain *g = &all->g[(k * all->ny + j) * all->nx + i];
                int64_t dx = g->x - x, dy = g->y - y, dz = g->z - z,
                        d = dx * dx + dy * dy + dz * dz;
                if (d < best) {
                    best = d;
                    level = g->level;
                }
            }
    return level;
}

fcs_status fcs_synth_grains(fcs_error *e, fcs_image *image, fcs_dice *dice)
{
    grains all;
    if (place_grains(e, image, dice, &all))
        return FCS_FAILED;
    uint8_t *out = image->data;
    for (int64_t z = 0; z < image->depth; z++)
        for (int64_t y = 0; y < image->height; y++)
            for (int64_t x = 0; x < image->width; x++)
                *out++ = level_at(&all, x, y, z);
    free(all.g);
    return FCS_OK;
}

/* ---- smooth noise: random integers, averaged three times along each axis; edges are mirrored ----
 */

enum { SMOOTH = 6 };

static int64_t mirror(int64_t i, int64_t n)
{
    while (i < 0 || i >= n)
        i = i < 0 ? -1 - i : 2 * n - 1 - i;
    return i;
}

/* Running means of 2 * radius + 1 samples along a line with the given stride. */
static void smooth_line(int32_t *line, int64_t n, int64_t stride, int radius, int32_t *copy)
{
    int64_t sum = 0;
    for (int64_t i = 0; i < n; i++)
        copy[i] = line[i * stride];
    for (int64_t i = -radius; i <= radius; i++)
        sum += copy[mirror(i, n)];
    for (int64_t i = 0; i < n; i++) {
        line[i * stride] = (int32_t)(sum / (2 * radius + 1));
        sum += copy[mirror(i + radius + 1, n)] - copy[mirror(i - radius, n)];
    }
}

static void smooth(int32_t *noise, const fcs_image *m, int32_t *line)
{
    int64_t area = m->width * m->height;
    for (int pass = 0; pass < 3; pass++) {
        for (int64_t i = 0; i < m->height * m->depth; i++)
            smooth_line(noise + i * m->width, m->width, 1, SMOOTH, line);
        for (int64_t z = 0; z < m->depth; z++)
            for (int64_t x = 0; x < m->width; x++)
                smooth_line(noise + z * area + x, m->height, m->width, SMOOTH, line);
        for (int64_t i = 0; m->depth > 1 && i < area; i++)
            smooth_line(noise + i, m->depth, area, SMOOTH, line);
    }
}

static int by_value(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

/* Two values between which 45 % and 80 % of the noise lie, from up to 2^20 pixels spread over the
 * image. */
static fcs_status cuts(fcs_error *e, const int32_t *noise, int64_t n, int32_t cut[2])
{
    int64_t every = n / ((int64_t)1 << 20) + 1, taken = (n + every - 1) / every;
    int32_t *some = fcs_alloc_array(e, (size_t)taken, sizeof *some);
    if (!some)
        return FCS_FAILED;
    for (int64_t i = 0; i < taken; i++)
        some[i] = noise[i * every];
    qsort(some, (size_t)taken, sizeof *some, by_value);
    cut[0] = some[taken * 45 / 100];
    cut[1] = some[taken * 80 / 100];
    free(some);
    return FCS_OK;
}

static int64_t longest(const fcs_image *m)
{
    int64_t n = m->width > m->height ? m->width : m->height;
    return n > m->depth ? n : m->depth;
}

fcs_status fcs_synth_blobs(fcs_error *e, fcs_image *image, fcs_dice *dice)
{
    int64_t n = image->width * image->height * image->depth;
    int32_t *noise = fcs_alloc_array(e, (size_t)n, sizeof *noise);
    int32_t *line = noise ? fcs_alloc_array(e, (size_t)longest(image), sizeof *line) : NULL;
    int32_t cut[2];
    fcs_status status = FCS_FAILED;
    if (line) {
        for (int64_t i = 0; i < n; i++) /* the wide range keeps many levels after averaging */
            noise[i] = (int32_t)fcs_dice_below(dice, (int64_t)1 << 30);
        smooth(noise, image, line);
        status = cuts(e, noise, n, cut);
    }
    uint8_t *out = image->data;
    for (int64_t i = 0; !status && i < n; i++)
        out[i] = noise[i] < cut[0] ? 0 : noise[i] < cut[1] ? 128 : 255;
    free(line);
    free(noise);
    return status;
}

/* ---- stripes: layers whose height wanders along x and z ---- */

enum { LAYER = 12 };

fcs_status fcs_synth_stripes(fcs_error *e, fcs_image *image, fcs_dice *dice)
{
    /* The shift of each column (x, z), in 1/256 pixels: noise smoothed as above, on a single row of
     * height 1. */
    fcs_image top = {
        .width = image->width, .height = image->depth, .depth = 1, .channels = 1, .sample = FCS_U8};
    int64_t n = top.width * top.height;
    int32_t *shift = fcs_alloc_array(e, (size_t)n, sizeof *shift);
    int32_t *line = shift ? fcs_alloc_array(e, (size_t)longest(&top), sizeof *line) : NULL;
    if (!line) {
        free(shift);
        return FCS_FAILED;
    }
    for (int64_t i = 0; i < n; i++)
        shift[i] = (int32_t)fcs_dice_below(dice, 256 * LAYER * 8);
    smooth(shift, &top, line);
    int64_t start = fcs_dice_below(dice, 2 * LAYER);
    uint8_t *out = image->data;
    for (int64_t z = 0; z < image->depth; z++)
        for (int64_t y = 0; y < image->height; y++)
            for (int64_t x = 0; x < image->width; x++)
                *out++ = (y + start + shift[z * image->width + x] / 256) / LAYER % 2 ? 255 : 0;
    free(line);
    free(shift);
    return FCS_OK;
}
