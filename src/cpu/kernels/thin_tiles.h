/* thin_tiles.h: tiles of images of one to seven channels, side by side: lanes of their transforms
 * are tiles times kernels that add up times channels. */
#ifndef FCS_THIN_TILES_H
#define FCS_THIN_TILES_H

#include "cpu/kernels/tiles.h"

typedef struct fcs_thin_tiles {
    fcs_view x;
    fcs_tiling t[3];
    int64_t run;   /* floats that lie side by side in x: kernels along W times channels */
    int64_t plane; /* floats from point to point of a patch */
} fcs_thin_tiles;

static inline fcs_thin_tiles fcs_thin_tiles_of(const fcs_view *x, const fcs_tiling t[3],
                                               int64_t plane)
{
    return (fcs_thin_tiles){
        .x = *x, .t = {t[0], t[1], t[2]}, .run = x->cs * t[2].reads, .plane = plane};
}

/* n runs of 4 x fours + rest floats. */
FCS_INLINE void fcs_copy_runs(const float *x, int64_t x_step, int64_t n, const int64_t fours,
                              const size_t rest, float *y, int64_t y_step)
{
    for (int64_t i = 0; i < n; i++, x += x_step, y += y_step) {
        for (int64_t k = 0; k < 4 * fours; k += 4)
            memcpy(y + k, x + k, 4 * sizeof *y);
        memcpy(y + 4 * fours, x + 4 * fours, rest * sizeof *y);
    }
}

static inline void fcs_copy_line(const float *x, int64_t x_step, int64_t n, int64_t run, float *y,
                                 int64_t y_step)
{
    if (run == 1)
        fcs_copy_runs(x, x_step, n, 0, 1, y, y_step);
    else if (run == 2)
        fcs_copy_runs(x, x_step, n, 0, 2, y, y_step);
    else if (run == 3)
        fcs_copy_runs(x, x_step, n, 0, 3, y, y_step);
    else if (run == 4)
        fcs_copy_runs(x, x_step, n, 1, 0, y, y_step);
    else if (run % 4 == 0)
        fcs_copy_runs(x, x_step, n, run / 4, 0, y, y_step);
    else if (run % 4 == 1)
        fcs_copy_runs(x, x_step, n, run / 4, 1, y, y_step);
    else if (run % 4 == 2)
        fcs_copy_runs(x, x_step, n, run / 4, 2, y, y_step);
    else
        fcs_copy_runs(x, x_step, n, run / 4, 3, y, y_step);
}

/* Runs of which some are not inside the image, zeros outside; NULL: the line is not. */
static inline void fcs_thin_border(const fcs_thin_tiles *f, const float *line, int64_t first,
                                   int64_t step, float *y)
{
    int64_t size = f->x.shape.n[FCS_W], cs = f->x.cs, reads = f->t[2].reads;
    for (int64_t i = 0; i < f->t[2].points; i++, first += step, y += f->plane) {
        if (line && first >= 0 && first + reads <= size) {
            fcs_copy_line(line + first * cs, 0, 1, f->run, y, 0);
            continue;
        }
        memset(y, 0, (size_t)f->run * sizeof *y);
        for (int64_t u = first; line && u < first + reads; u++)
            for (int64_t c = 0; c < cs && u >= 0 && u < size; c++)
                y[(u - first) * cs + c] = line[u * cs + c];
    }
}

/* What a tile reads of a line from pixel `first` on. */
static inline void fcs_thin_line(const fcs_thin_tiles *f, const float *line, int64_t first,
                                 int64_t step, float *y)
{
    int64_t n = f->t[2].points, last = first + step * (n - 1) + f->t[2].reads;
    if (line && first >= 0 && last <= f->x.shape.n[FCS_W])
        fcs_copy_line(line + first * f->x.cs, step * f->x.cs, n, f->run, y, f->plane);
    else
        fcs_thin_border(f, line, first, step, y);
}

/* What kernels (z, y, all along W) read of a tile's pixels, to their lanes of the patch:
 * [point][lane]. */
static inline void fcs_thin_kernels(const fcs_thin_tiles *f, int64_t n,
                                    const fcs_tile_place *const at[3], int64_t z, int64_t y,
                                    float *patch)
{
    const int64_t *size = f->x.shape.n + FCS_D, planes = f->t[0].points, rows = f->t[1].points,
                  step = f->plane * f->t[2].points;
    z = fcs_tile_first(at[0], 0, z);
    y = fcs_tile_first(at[1], 0, y);
    for (int64_t i = 0; i < planes; i++, z += at[0]->read_step) {
        int64_t v = y;
        for (int64_t j = 0; j < rows; j++, v += at[1]->read_step, patch += step) {
            bool inside = z >= 0 && z < size[0] && v >= 0 && v < size[1];
            int64_t line = ((n * size[0] + z) * size[1] + v) * size[2];
            fcs_thin_line(f, inside ? f->x.p + line * f->x.cs : NULL, at[2]->read[0],
                          at[2]->read_step, patch);
        }
    }
}

/* A tile of sample n, all kernels that add up. */
static inline void fcs_thin_tile(const fcs_thin_tiles *f, int64_t n,
                                 const fcs_tile_place *const at[3], float *patch)
{
    for (int64_t z = 0; z < f->t[0].reads; z++)
        for (int64_t y = 0; y < f->t[1].reads; y++, patch += f->run)
            fcs_thin_kernels(f, n, at, z, y, patch);
}

#endif
