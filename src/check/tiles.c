/* tiles.c: what the errors of minimal filtering are measured by (docs/cross-check.md): for conv and
 * conv_dx, of each result, the sum over input channels of the largest |pixel| of its tile times the
 * sum of |weights|; for conv_dw, of each weight, the sum over tiles of the largest |pixel of x|
 * times the sum of |pixels of gy|. */
#include "check/check.h"
#include "ops/tiling.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct tiles {
    const fcs_apply_args *a;
    const fcs_tiling *t;
    fcs_shape read, write; /* the image that is read in tiles, and that which is written so */
    fcs_shape kernel;
    bool dw;
    double *most; /* of one tile and kernel, per channel */
} tiles;

static tiles tiles_of(const fcs_apply_args *a, const fcs_tiling *t)
{
    bool dw = !strcmp(a->op->name, "conv_dw");
    return (tiles){.a = a,
                   .t = t,
                   .read = a->in[0],
                   .write = dw ? a->in[1] : a->out,
                   .kernel = dw ? a->out : a->in[1],
                   .dw = dw};
}

/* Numbers of three axes, counted up; false after the last. */
static bool next(const int64_t n[3], int64_t at[3])
{
    for (int i = 2; i >= 0; i--) {
        if (++at[i] < n[i])
            return true;
        at[i] = 0;
    }
    return false;
}

/* The pixel of a D H W image where a plane begins at p; false outside. */
static bool pixel(fcs_shape s, const int64_t at[3], int64_t *p)
{
    for (int i = 0; i < 3; i++) {
        if (at[i] < 0 || at[i] >= s.n[FCS_D + i])
            return false;
        *p = *p * s.n[FCS_D + i] + at[i];
    }
    return true;
}

/* Of sample n and channel k, max |x| over the tile's pixels that kernel c reads for image v. */
static double tile_max(const tiles *g, const fcs_tile_place *place, const int64_t c[3],
                       const int64_t v[3], const double *x, int64_t n, int64_t k)
{
    int64_t points[3] = {g->t[0].points, g->t[1].points, g->t[2].points}, i[3] = {0};
    double most = 0;
    do {
        int64_t at[3], p = n * g->read.n[FCS_C] + k;
        for (int d = 0; d < 3; d++)
            at[d] = fcs_tile_first(&place[d], v[d], c[d]) + place[d].read_step * i[d];
        if (pixel(g->read, at, &p) && fabs(x[p]) > most)
            most = fabs(x[p]);
    } while (next(points, i));
    return most;
}

/* Adds `value` to the tile's results in y, or, where y is NULL, returns the sum of |gy| over them.
 */
static double tile_results(const tiles *g, const fcs_tile_place *place, const int64_t v[3],
                           int64_t n, int64_t k, double *y, double value, const double *gy)
{
    int64_t results[3] = {g->t[0].results, g->t[1].results, g->t[2].results}, i[3] = {0};
    double sum = 0;
    do {
        int64_t at[3], p = n * g->write.n[FCS_C] + k;
        for (int d = 0; d < 3; d++)
            at[d] = place[d].write[v[d]] + place[d].write_step * i[d];
        if (!pixel(g->write, at, &p))
            continue;
        if (y)
            y[p] += value;
        else
            sum += fabs(gy[p]);
    } while (next(results, i));
    return sum;
}

/* Over the taps of kernel c and written image v: the sum of |w|, or `value` is added to each in gw.
 */
static double taps(const tiles *g, const int64_t c[3], const int64_t v[3], int64_t plane,
                   const double *w, double *gw, double value)
{
    int64_t n[3] = {g->t[0].taps, g->t[1].taps, g->t[2].taps}, j[3] = {0};
    double sum = 0;
    do {
        int64_t at[3], p = plane;
        for (int d = 0; d < 3; d++)
            at[d] = fcs_tile_tap(&g->t[d], c[d], v[d], j[d]);
        if (!pixel(g->kernel, at, &p))
            continue;
        if (gw)
            gw[p] += value;
        else
            sum += fabs(w[p]);
    } while (next(n, j));
    return sum;
}

/* One tile, one kernel c, one written image v: all pairs of channels. */
static void add_tile(const tiles *g, const fcs_tile_place *place, const int64_t c[3],
                     const int64_t v[3], int64_t n, const double *x, const double *w, double *out)
{
    int64_t inputs = g->read.n[FCS_C], outputs = g->write.n[FCS_C];
    bool adjoint = g->t[0].adjoint;
    for (int64_t i = 0; i < inputs; i++)
        g->most[i] = tile_max(g, place, c, v, x, n, i);
    for (int64_t o = 0; o < outputs; o++) {
        double sum = 0, g1 = g->dw ? tile_results(g, place, v, n, o, NULL, 0, w) : 0;
        for (int64_t i = 0; i < inputs; i++) {
            int64_t plane = adjoint ? i * outputs + o : o * inputs + i;
            if (g->dw)
                taps(g, c, v, plane, NULL, out, g->most[i] * g1);
            else
                sum += g->most[i] * taps(g, c, v, plane, w, NULL, 0);
        }
        if (!g->dw)
            tile_results(g, place, v, n, o, out, sum, NULL);
    }
}

fcs_status fcs_tile_magnitudes(fcs_error *e, const fcs_apply_args *a, const fcs_tiling t[3],
                               const double *x, const double *w, double *out)
{
    tiles g = tiles_of(a, t);
    g.most = fcs_alloc_array(e, (size_t)g.read.n[FCS_C], sizeof *g.most);
    if (!g.most)
        return FCS_FAILED;
    int64_t count[3] = {t[0].tiles, t[1].tiles, t[2].tiles}, at[3] = {0};
    int64_t reads[3] = {t[0].reads, t[1].reads, t[2].reads};
    int64_t writes[3] = {t[0].writes, t[1].writes, t[2].writes};
    memset(out, 0, (size_t)fcs_shape_count(a->out) * sizeof *out);
    do {
        fcs_tile_place place[3];
        int64_t c[3] = {0}, v[3] = {0};
        for (int d = 0; d < 3; d++)
            place[d] = fcs_tile_at(&t[d], at[d]);
        for (int64_t n = 0; n < g.read.n[FCS_N]; n++)
            do
                do
                    add_tile(&g, place, c, v, n, x, w, out);
                while (next(writes, v));
            while (next(reads, c));
    } while (next(count, at));
    free(g.most);
    return FCS_OK;
}

double fcs_tile_mean_bound(const fcs_apply_args *a, const fcs_tiling t[3])
{
    double channels = (double)a->in[0].n[FCS_C];
    for (int d = 0; d < 3; d++)
        channels *= (double)t[d].reads;
    bool dw = !strcmp(a->op->name, "conv_dw");
    return 1e-11 * (dw || channels < 32 ? 1 : channels / 32);
}
