/* connectivity.c: pairs of pixels by lag. A line holds few runs of equal labels; two runs of
 * lengths p and q give at lag h the number of (i, k) with k - i = h, a trapezoid in h. Its second
 * difference has four non-zeros, so all lags of a pair of runs cost four additions; summing twice
 * at the end gives exact counts. */
#include "metrics/metrics.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LINES = 16 }; /* lines across memory are gathered together: a cache line of labels */

typedef struct run {
    int64_t begin, length;
    uint32_t label;
} run;
typedef struct counter {
    run *runs;            /* of one line: at most its length */
    int64_t *both, *same; /* second differences by lag; indices above max_lag are dropped */
    int64_t max_lag;
} counter;

static void add_at(const counter *c, bool same, int64_t lag, int64_t value)
{
    if (lag > c->max_lag)
        return;
    c->both[lag] += value;
    if (same)
        c->same[lag] += value;
}

static void count_pair(const counter *c, const run *a, const run *b)
{
    bool same = a->label == b->label;
    int64_t start = b->begin - a->begin - a->length + 1; /* the smallest lag, with one pair */
    add_at(c, same, start, 1);
    add_at(c, same, start + a->length, -1);
    add_at(c, same, start + b->length, -1);
    add_at(c, same, start + a->length + b->length, 1);
}

/* A run with itself: length - h pairs at lags 0..length. */
static void count_self(const counter *c, const run *a)
{
    add_at(c, true, 0, a->length);
    add_at(c, true, 1, -1 - a->length);
    add_at(c, true, a->length + 1, 1);
}

static void count_line(const counter *c, const uint32_t *line, int64_t length)
{
    int64_t n = 0;
    for (int64_t i = 0; i < length;) {
        int64_t begin = i;
        while (i < length && line[i] == line[begin])
            i++;
        if (line[begin])
            c->runs[n++] = (run){begin, i - begin, line[begin]};
    }
    for (int64_t i = 0; i < n; i++) {
        count_self(c, &c->runs[i]);
        int64_t last = c->runs[i].begin + c->runs[i].length - 1 + c->max_lag;
        for (int64_t k = i + 1; k < n && c->runs[k].begin <= last; k++)
            count_pair(c, &c->runs[i], &c->runs[k]);
    }
}

static void sum_twice(int64_t *values, int n)
{
    for (int pass = 0; pass < 2; pass++)
        for (int i = 1; i < n; i++)
            values[i] += values[i - 1];
}

/* Counts n adjacent lines, samples `stride` apart; lines: room for LINES * length labels. */
static void count_lines(const counter *c, const uint32_t *first, int64_t n, int64_t length,
                        int64_t stride, uint32_t *lines)
{
    for (int64_t i = 0; i < length; i++)
        for (int64_t k = 0; k < n; k++)
            lines[k * length + i] = first[i * stride + k];
    for (int64_t k = 0; k < n; k++)
        count_line(c, lines + k * length, length);
}

/* Lines along y are adjacent in x within one page, lines along z within one row. */
static void count_across(const counter *c, const uint32_t *labels, int64_t width, int64_t height,
                         int64_t depth, bool along_y, uint32_t *lines)
{
    int64_t groups = along_y ? depth : height, group_stride = along_y ? width * height : width;
    int64_t length = along_y ? height : depth, stride = along_y ? width : width * height;
    for (int64_t g = 0; g < groups; g++)
        for (int64_t x = 0; x < width; x += LINES) {
            int64_t n = width - x < LINES ? width - x : LINES;
            count_lines(c, labels + g * group_stride + x, n, length, stride, lines);
        }
}

fcs_status fcs_pairs(fcs_error *e, const uint32_t *labels, int64_t width, int64_t height,
                     int64_t depth, char axis, int max_lag, int64_t *both, int64_t *same)
{
    int64_t length = axis == 'x' ? width : axis == 'y' ? height : depth;
    counter c = {.both = both, .same = same, .max_lag = max_lag};
    c.runs = fcs_alloc_array(e, (size_t)length, sizeof *c.runs);
    uint32_t *lines = fcs_alloc_array(e, (size_t)length * LINES, sizeof *lines);
    if (c.runs && lines) {
        memset(both, 0, ((size_t)max_lag + 1) * sizeof *both);
        memset(same, 0, ((size_t)max_lag + 1) * sizeof *same);
        if (axis == 'x')
            for (int64_t row = 0; row < height * depth; row++)
                count_line(&c, labels + row * width, width);
        else
            count_across(&c, labels, width, height, depth, axis == 'y', lines);
        sum_twice(both, max_lag + 1);
        sum_twice(same, max_lag + 1);
    }
    bool good = c.runs && lines;
    free(c.runs);
    free(lines);
    return good ? FCS_OK : FCS_FAILED;
}

static void divide(const int64_t *above, const int64_t *below, int n, double *ratio)
{
    for (int h = 0; ratio && h < n; h++)
        ratio[h] = below[h] > 0 ? (double)above[h] / (double)below[h] : (double)NAN;
}

fcs_status fcs_curves(fcs_error *e, const uint32_t *labels, int64_t width, int64_t height,
                      int64_t depth, char axis, int max_lag, double *tau, double *c2, double *s2)
{
    if (max_lag < 0)
        return fcs_fail(e, FCS_FAILED, "connectivity: largest lag %d: use 0 or more", max_lag);
    int n = max_lag + 1;
    int64_t *counts = fcs_alloc_array(e, (size_t)n, 3 * sizeof *counts), *same = counts + n,
            *all = counts + 2 * n;
    if (!counts)
        return FCS_FAILED;
    fcs_status status = fcs_pairs(e, labels, width, height, depth, axis, max_lag, counts, same);
    int64_t length = axis == 'x' ? width : axis == 'y' ? height : depth;
    int64_t lines = width * height * depth / length;
    for (int h = 0; h < n; h++)
        all[h] = h < length ? (length - h) * lines : 0;
    if (status == FCS_OK) {
        divide(same, counts, n, tau);
        divide(same, all, n, c2);
        divide(counts, all, n, s2);
    }
    free(counts);
    return status;
}

fcs_status fcs_connectivity(fcs_context *ctx, const fcs_image *image, double threshold, int phase,
                            int neighbours, char axis, int max_lag, double *tau, double *c2,
                            double *s2)
{
    if (axis != 'x' && axis != 'y' && axis != 'z')
        return fcs_fail(&ctx->error, FCS_FAILED, "connectivity: axis '%c': use x, y or z", axis);
    uint32_t count, *labels = fcs_alloc_array(&ctx->error,
                                              (size_t)(image->width * image->height * image->depth),
                                              sizeof *labels);
    if (!labels)
        return FCS_FAILED;
    fcs_status status = fcs_components(ctx, image, threshold, phase, neighbours, labels, &count);
    if (status == FCS_OK)
        status = fcs_curves(&ctx->error, labels, image->width, image->height, image->depth, axis,
                            max_lag, tau, c2, s2);
    free(labels);
    return status;
}
