/* solid.c: what is measured on the phases of a whole volume: surface, percolation, chords, spread
 * over blocks, isotropy, repetition. */
#include "metrics/metrics.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- surface ----
 * Crofton: the area per volume is twice the number of crossings per length of lines of all
 * directions. The 13 directions of a cubic lattice stand for all, each with the share of the sphere
 * that is nearest to it (Ohser and Muecklich, Statistical Analysis of Microstructures, 2000,
 * table 4.2: 0.0457779, 0.0369806, 0.0351956 for each of the 26). */

typedef struct crossing {
    int dx, dy, dz;
    double weight;
} crossing;
#define AXIS (2 * 0.04577789120476)
#define FACE (2 * 0.03698062787608)
#define BODY (2 * 0.03519563978232)
static const crossing crossings[] = {
    {1, 0, 0, AXIS},  {0, 1, 0, AXIS},  {0, 0, 1, AXIS},  {1, 1, 0, FACE},  {-1, 1, 0, FACE},
    {1, 0, 1, FACE},  {-1, 0, 1, FACE}, {0, 1, 1, FACE},  {0, -1, 1, FACE}, {1, 1, 1, BODY},
    {-1, 1, 1, BODY}, {1, -1, 1, BODY}, {-1, -1, 1, BODY}};

static int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }
/* Crossings per length along one direction. */
static double crossing_rate(const fcs_phase_view *v, const crossing *c, int phase)
{
    int64_t x0 = most(0, -c->dx), x1 = v->width - most(0, c->dx), count = 0, pairs = 0;
    int64_t step = (c->dz * v->height + c->dy) * v->width + c->dx;
    unsigned char p = (unsigned char)phase;
    for (int64_t z = 0; z < v->depth - c->dz; z++)
        for (int64_t y = most(0, -c->dy); y < fcs_least(v->height, v->height - c->dy); y++) {
            const unsigned char *row = v->phases + (z * v->height + y) * v->width;
            int found = 0;
            for (int64_t x = x0; x < x1; x++)
                found += (row[x] == p) != (row[x + step] == p);
            count += found;
            pairs += most(0, x1 - x0);
        }
    double length = sqrt(c->dx * c->dx + c->dy * c->dy + c->dz * c->dz);
    return pairs ? (double)count / ((double)pairs * length) : 0;
}

fcs_status fcs_measure_surface(fcs_error *e, const fcs_phase_view *v, int phase, char axis,
                               double *values)
{
    (void)e;
    (void)axis;
    *values = 0;
    for (size_t i = 0; i < sizeof crossings / sizeof *crossings; i++)
        *values += 2 * crossings[i].weight * crossing_rate(v, &crossings[i], phase);
    return FCS_OK;
}

/* ---- shares ---- */

fcs_status fcs_measure_share(fcs_error *e, const fcs_phase_view *v, int phase, char axis,
                             double *values)
{
    int64_t n = v->width * v->height * v->depth, count = 0;
    (void)e;
    (void)axis;
    for (int64_t i = 0; i < n; i++)
        count += v->phases[i] == phase;
    *values = (double)count / (double)n;
    return FCS_OK;
}

/* Blocks per axis: four where they keep a side of 32, at least two where that leaves 8. */
static int64_t blocks_along(int64_t n) { return n >= 64 ? fcs_least(n / 32, 4) : n >= 16 ? 2 : 1; }

typedef struct block {
    int64_t lo[3], hi[3]; /* x, y, z */
} block;

static int64_t block_count(const fcs_phase_view *v)
{
    return blocks_along(v->width) * blocks_along(v->height) * blocks_along(v->depth);
}

static block block_at(const fcs_phase_view *v, int64_t i)
{
    const int64_t n[3] = {v->width, v->height, v->depth};
    block b;
    for (int a = 0; a < 3; a++) {
        int64_t blocks = blocks_along(n[a]), k = i % blocks;
        i /= blocks;
        b.lo[a] = k * n[a] / blocks;
        b.hi[a] = (k + 1) * n[a] / blocks;
    }
    return b;
}

static size_t largest_block(const fcs_phase_view *v)
{
    return (size_t)((v->width / blocks_along(v->width) + 1) *
                    (v->height / blocks_along(v->height) + 1) *
                    (v->depth / blocks_along(v->depth) + 1));
}

static double block_share(const fcs_phase_view *v, const block *b, int phase)
{
    int64_t count = 0;
    for (int64_t z = b->lo[2]; z < b->hi[2]; z++)
        for (int64_t y = b->lo[1]; y < b->hi[1]; y++)
            for (int64_t x = b->lo[0]; x < b->hi[0]; x++)
                count += v->phases[(z * v->height + y) * v->width + x] == phase;
    return (double)count /
           (double)((b->hi[0] - b->lo[0]) * (b->hi[1] - b->lo[1]) * (b->hi[2] - b->lo[2]));
}

fcs_status fcs_measure_share_spread(fcs_error *e, const fcs_phase_view *v, int phase, char axis,
                                    double *values)
{
    int64_t n = block_count(v);
    double sum = 0, squares = 0;
    (void)e;
    (void)axis;
    for (int64_t i = 0; i < n; i++) {
        block b = block_at(v, i);
        double share = block_share(v, &b, phase);
        sum += share;
        squares += share * share;
    }
    double variance = n > 1 ? (squares - sum * sum / (double)n) / (double)(n - 1) : (double)NAN;
    *values = sqrt(variance > 0 || isnan(variance) ? variance : 0);
    return FCS_OK;
}

/* ---- percolation ---- */

/* Strides and lengths of a view's axes, the one that is asked for first. */
typedef struct frame {
    int64_t length, stride, n1, stride1, n2, stride2;
} frame;

static frame frame_of(const fcs_phase_view *v, char axis)
{
    int64_t row = v->width, page = v->width * v->height;
    if (axis == 'x')
        return (frame){v->width, 1, v->height, row, v->depth, page};
    if (axis == 'y')
        return (frame){v->height, row, v->width, 1, v->depth, page};
    return (frame){v->depth, page, v->width, 1, v->height, row};
}

/* Marks with `bit` the components that touch the face at `position` along the frame's axis. */
static void mark_face(const fcs_phase_view *v, const frame *f, int64_t position, unsigned char bit,
                      unsigned char *marks)
{
    for (int64_t k = 0; k < f->n2; k++)
        for (int64_t i = 0; i < f->n1; i++)
            marks[v->labels[position * f->stride + k * f->stride2 + i * f->stride1]] |= bit;
}

fcs_status fcs_measure_percolation(fcs_error *e, const fcs_phase_view *v, int phase, char axis,
                                   double *values)
{
    int64_t n = v->width * v->height * v->depth, all = 0, through = 0;
    uint32_t highest = 0;
    (void)phase;
    for (int64_t i = 0; i < n; i++)
        highest = v->labels[i] > highest ? v->labels[i] : highest;
    unsigned char *marks = fcs_alloc(e, (size_t)highest + 1);
    if (!marks)
        return FCS_FAILED;
    frame f = frame_of(v, axis);
    mark_face(v, &f, 0, 1, marks);
    mark_face(v, &f, f.length - 1, 2, marks);
    marks[0] = 0; /* not of the phase */
    for (int64_t i = 0; i < n; i++) {
        all += v->labels[i] != 0;
        through += marks[v->labels[i]] == 3;
    }
    *values = all ? (double)through / (double)all : (double)NAN;
    free(marks);
    return FCS_OK;
}

/* ---- chords: runs of the phase along lines, without those that the volume's edge cuts ---- */

fcs_status fcs_measure_chord(fcs_error *e, const fcs_phase_view *v, int phase, char axis,
                             double *values)
{
    frame f = frame_of(v, axis);
    int64_t *begin = fcs_alloc_array(e, (size_t)f.n1, sizeof *begin), sum = 0, count = 0;
    if (!begin)
        return FCS_FAILED;
    for (int64_t k = 0; k < f.n2; k++) {
        for (int64_t i = 0; i < f.n1; i++)
            begin[i] = 0; /* of the run now open, plus 1; 0: none */
        for (int64_t a = 0; a < f.length; a++) {
            const unsigned char *line = v->phases + k * f.stride2 + a * f.stride;
            for (int64_t i = 0; i < f.n1; i++) {
                bool in = line[i * f.stride1] == phase;
                if (in && !begin[i]) {
                    begin[i] = a + 1;
                } else if (!in && begin[i]) {
                    sum += begin[i] > 1 ? a + 1 - begin[i] : 0;
                    count += begin[i] > 1;
                    begin[i] = 0;
                }
            }
        }
    }
    *values = count ? (double)sum / (double)count : (double)NAN;
    free(begin);
    return FCS_OK;
}

/* ---- isotropy ----
 * In each block S2 along the axes, less their mean in that block, so that what blocks differ by in
 * share falls out. The mean over blocks is then the axes' difference, the standard deviation over
 * blocks their spread; the value is the ratio of the two, its mean over lags, of the axis where it
 * is largest. Of n blocks that differ by chance alone it is about 1 / sqrt(n). */

typedef struct isotropy {
    int lags, axes;
    uint32_t *labels; /* of a block: 1 where it is of the phase */
    int64_t *pairs;   /* 2 x (lags + 1) */
    double *curves;   /* [blocks][axes][lags + 1] */
} isotropy;

static fcs_status block_curves(fcs_error *e, const fcs_phase_view *v, const block *b, int phase,
                               const isotropy *q, double *curves)
{
    const int64_t n[3] = {b->hi[0] - b->lo[0], b->hi[1] - b->lo[1], b->hi[2] - b->lo[2]};
    uint32_t *to = q->labels;
    for (int64_t z = b->lo[2]; z < b->hi[2]; z++)
        for (int64_t y = b->lo[1]; y < b->hi[1]; y++)
            for (int64_t x = b->lo[0]; x < b->hi[0]; x++)
                *to++ = v->phases[(z * v->height + y) * v->width + x] == phase;
    fcs_status status = FCS_OK;
    for (int a = 0; a < q->axes && !status; a++) {
        status = fcs_pairs(e, q->labels, n[0], n[1], n[2], "xyz"[a], q -> lags, q -> pairs,
                           q -> pairs + q -> lags + 1);
        int64_t lines = n[0] * n[1] * n[2] / n[a];
        for (int h = 0; h <= q->lags; h++)
            curves[a * (q->lags + 1) + h] =
                (double)q->pairs[h] / (double)(lines * most(1, n[a] - h));
    }
    return status;
}

/* |mean| / standard deviation over the blocks of S2 along axis a less the axes' mean, at lag h. */
static double axis_ratio(const isotropy *q, int64_t blocks, int a, int h)
{
    double sum = 0, squares = 0;
    for (int64_t b = 0; b < blocks; b++) {
        const double *c = q->curves + b * q->axes * (q->lags + 1) + h;
        double mean = 0;
        for (int i = 0; i < q->axes; i++)
            mean += c[i * (q->lags + 1)] / q->axes;
        double d = c[a * (q->lags + 1)] - mean;
        sum += d;
        squares += d * d;
    }
    double n = (double)blocks, variance = (squares - sum * sum / n) / (n - 1);
    double ratio = fabs(sum / n) / sqrt(variance > 1e-12 ? variance : 1e-12);
    return ratio < 1000 ? ratio : 1000; /* blocks that are all alike have no spread */
}

fcs_status fcs_measure_isotropy(fcs_error *e, const fcs_phase_view *v, int phase, char axis,
                                double *values)
{
    int64_t blocks = block_count(v), side = fcs_least(v->width, v->height);
    (void)axis;
    *values = NAN;
    side = v->depth > 1 ? fcs_least(side, v->depth) : side;
    isotropy q = {.lags = (int)fcs_least(side / blocks_along(side) / 2, 32),
                  .axes = v->depth > 1 ? 3 : 2};
    if (blocks < 4 || q.lags < 2)
        return FCS_OK;
    size_t n = (size_t)q.lags + 1;
    q.labels = fcs_alloc_array(e, largest_block(v), sizeof *q.labels);
    q.pairs = fcs_alloc_array(e, 2 * n, sizeof *q.pairs);
    q.curves = fcs_alloc_array(e, (size_t)blocks * (size_t)q.axes * n, sizeof *q.curves);
    fcs_status status = q.labels && q.pairs && q.curves ? FCS_OK : FCS_FAILED;
    for (int64_t i = 0; i < blocks && !status; i++) {
        block b = block_at(v, i);
        status = block_curves(e, v, &b, phase, &q, q.curves + (size_t)i * (size_t)q.axes * n);
    }
    for (int a = 0; a < q.axes && !status; a++) {
        double sum = 0;
        for (int h = 1; h <= q.lags; h++)
            sum += axis_ratio(&q, blocks, a, h);
        *values = fmax(*values, sum / q.lags); /* fmax prefers the number */
    }
    free(q.labels);
    free(q.pairs);
    free(q.curves);
    return status;
}

/* ---- repetition ---- */

/* The autocorrelation at the highest of the multiples of a period above what it is elsewhere, in
 * standard deviations. Left out: lags under half a period, where shapes still correlate with
 * themselves, and for the comparison an eighth of a period around each multiple. */
static double excess(const double *rho, int lags, int64_t period)
{
    double sum = 0, squares = 0, highest = -INFINITY, n = 0;
    for (int64_t h = period / 2; h <= lags; h++) {
        int64_t off = llabs((h + period / 2) % period - period / 2);
        if (off == 0)
            highest = fmax(highest, rho[h]);
        if (off * 8 <= period)
            continue;
        sum += rho[h];
        squares += rho[h] * rho[h];
        n++;
    }
    double variance = n > 2 ? (squares - sum * sum / n) / (n - 1) : (double)NAN;
    if (!(variance > 1e-18) || isinf(highest))
        return NAN;
    return (highest - sum / n) / sqrt(variance);
}

fcs_status fcs_measure_period(fcs_error *e, const fcs_phase_view *v, int phase, char axis,
                              double *values)
{
    frame f = frame_of(v, axis);
    int lags = (int)fcs_least(f.length / 2, 4096);
    *values = NAN;
    if (v->period < 4 || v->period > lags)
        return FCS_OK;
    double share, *rho = fcs_alloc_array(e, (size_t)lags + 1, sizeof *rho);
    fcs_status status =
        rho ? fcs_curves(e, v->labels, v->width, v->height, v->depth, axis, lags, NULL, NULL, rho)
            : FCS_FAILED;
    if (!status)
        status = fcs_measure_share(e, v, phase, axis, &share);
    if (!status && share > 0 && share < 1) {
        for (int h = 0; h <= lags; h++)
            rho[h] = (rho[h] - share * share) / (share - share * share);
        *values = excess(rho, lags, v->period);
    }
    free(rho);
    return status;
}

/* ---- facies.h ---- */

typedef fcs_status measure(fcs_error *e, const fcs_phase_view *v, int phase, char axis,
                           double *values);

static fcs_status measure_image(fcs_context *ctx, const fcs_image *image, double threshold,
                                int phase, const uint32_t *labels, char axis, measure *m,
                                double *value)
{
    size_t n = (size_t)(image->width * image->height * image->depth);
    unsigned char *mask = fcs_alloc(&ctx->error, n);
    if (!mask)
        return FCS_FAILED;
    fcs_mask_fill(image, threshold, phase, mask);
    const fcs_phase_view v = {mask, image->width, image->height, image->depth, labels, 0};
    fcs_status status = m(&ctx->error, &v, 1, axis, value);
    free(mask);
    return status;
}

fcs_status fcs_surface(fcs_context *ctx, const fcs_image *image, double threshold, int phase,
                       double *area)
{
    if (image->depth < 2)
        return fcs_fail(&ctx->error, FCS_FAILED, "surface: one page: give it a volume");
    return measure_image(ctx, image, threshold, phase, NULL, 'x', fcs_measure_surface, area);
}

fcs_status fcs_percolation(fcs_context *ctx, const fcs_image *image, double threshold, int phase,
                           int neighbours, char axis, double *share)
{
    uint32_t count;
    if (axis != 'x' && axis != 'y' && axis != 'z')
        return fcs_fail(&ctx->error, FCS_FAILED, "percolation: axis '%c': use x, y or z", axis);
    uint32_t *labels = fcs_alloc_array(
        &ctx->error, (size_t)(image->width * image->height * image->depth), sizeof *labels);
    if (!labels)
        return FCS_FAILED;
    fcs_status status = fcs_components(ctx, image, threshold, phase, neighbours, labels, &count);
    if (!status)
        status = measure_image(ctx, image, threshold, phase, labels, axis, fcs_measure_percolation,
                               share);
    free(labels);
    return status;
}
