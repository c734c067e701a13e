/* components.c: connected components by runs: first pass joins runs of neighbouring rows in a
 * union-find forest, second pass numbers the roots in scan order and writes the labels (Rosenfeld
 * and Pfaltz 1966, on runs). */
#include "metrics/metrics.h"
#include <stdlib.h>
#include <string.h>

typedef struct run {
    int64_t begin, end;
} run; /* pixels begin..end-1 of one row */
typedef struct forest {
    run *runs;
    uint32_t *parent; /* smaller indices are nearer to the root */
    size_t n, run_capacity, parent_capacity;
    size_t *row_start; /* runs of row r are row_start[r] .. row_start[r + 1] - 1 */
} forest;

static uint32_t forest_root(uint32_t *parent, uint32_t i)
{
    while (parent[i] != i) {
        parent[i] = parent[parent[i]];
        i = parent[i];
    }
    return i;
}

static void forest_join(uint32_t *parent, uint32_t a, uint32_t b)
{
    a = forest_root(parent, a);
    b = forest_root(parent, b);
    if (a < b)
        parent[b] = a;
    else
        parent[a] = b;
}

static fcs_status forest_add_row(fcs_error *e, forest *f, const unsigned char *row, int64_t width)
{
    const unsigned char *end = row + width, *at = row;
    while (at < end) {
        while (at < end && !*at)
            at++;
        if (at == end)
            break;
        const unsigned char *stop = at;
        while (stop < end && *stop)
            stop++;
        if (f->n >= UINT32_MAX - 1)
            return fcs_fail(e, FCS_FAILED,
                            "components: more than 2^32 runs of pixels: use a smaller image");
        if (!fcs_grow(e, &f->runs, &f->run_capacity, f->n + 1, sizeof *f->runs) ||
            !fcs_grow(e, &f->parent, &f->parent_capacity, f->n + 1, sizeof *f->parent))
            return FCS_FAILED;
        f->runs[f->n] = (run){at - row, stop - row};
        f->parent[f->n] = (uint32_t)f->n;
        f->n++;
        at = stop;
    }
    return FCS_OK;
}

/* Joins the runs of row a with those of row b that touch them; reach 1: diagonally as well. */
static void forest_join_rows(forest *f, int64_t a, int64_t b, int64_t reach)
{
    size_t i = f->row_start[a], i_end = f->row_start[a + 1], k = f->row_start[b],
           k_end = f->row_start[b + 1];
    while (i < i_end && k < k_end) {
        const run *p = &f->runs[i], *q = &f->runs[k];
        if (p->begin < q->end + reach && q->begin < p->end + reach)
            forest_join(f->parent, (uint32_t)i, (uint32_t)k);
        if (p->end < q->end)
            i++;
        else
            k++;
    }
}

static void forest_connect(forest *f, int64_t height, int64_t z, int64_t y, bool all)
{
    int64_t row = z * height + y, reach = all ? 1 : 0;
    if (y > 0)
        forest_join_rows(f, row - 1, row, reach);
    for (int64_t dy = all ? -1 : 0; z > 0 && dy <= reach; dy++)
        if (y + dy >= 0 && y + dy < height)
            forest_join_rows(f, row - height + dy, row, reach);
}

static uint32_t forest_number(forest *f)
{
    uint32_t count = 0;
    for (size_t i = 0; i < f->n; i++) {
        uint32_t p = f->parent[i]; /* p < i holds its final label already */
        f->parent[i] = p == i ? ++count : f->parent[p];
    }
    return count;
}

static void forest_write(const forest *f, int64_t width, int64_t rows, uint32_t *labels)
{
    memset(labels, 0, (size_t)(width * rows) * sizeof *labels);
    for (int64_t r = 0; r < rows; r++)
        for (size_t i = f->row_start[r]; i < f->row_start[r + 1]; i++)
            for (int64_t x = f->runs[i].begin; x < f->runs[i].end; x++)
                labels[r * width + x] = f->parent[i];
}

fcs_status fcs_label(fcs_error *e, const unsigned char *mask, int64_t width, int64_t height,
                     int64_t depth, bool all, uint32_t *labels, uint32_t *count)
{
    forest f = {0};
    f.row_start = fcs_alloc_array(e, (size_t)(height * depth) + 1, sizeof *f.row_start);
    fcs_status status = f.row_start ? FCS_OK : FCS_FAILED;
    for (int64_t z = 0; z < depth && status == FCS_OK; z++)
        for (int64_t y = 0; y < height && status == FCS_OK; y++) {
            int64_t row = z * height + y;
            status = forest_add_row(e, &f, mask + row * width, width);
            f.row_start[row + 1] = f.n;
            if (status == FCS_OK)
                forest_connect(&f, height, z, y, all);
        }
    if (status == FCS_OK) {
        *count = forest_number(&f);
        forest_write(&f, width, height * depth, labels);
    }
    free(f.row_start);
    free(f.parent);
    free(f.runs);
    return status;
}

static bool value_is_phase(double value, double threshold, int phase)
{
    return (value > threshold) == (phase != 0);
}

void fcs_mask_fill(const fcs_image *image, double threshold, int phase, unsigned char *mask)
{
    size_t n = (size_t)(image->width * image->height * image->depth),
           step = (size_t)image->channels;
    unsigned char levels[256];
    switch (image->sample) {
    case FCS_U8:
        for (int v = 0; v < 256; v++)
            levels[v] = value_is_phase(v / 255.0, threshold, phase);
        for (size_t i = 0; i < n; i++)
            mask[i] = levels[((const uint8_t *)image->data)[i * step]];
        break;
    case FCS_U16:
        for (size_t i = 0; i < n; i++)
            mask[i] = value_is_phase(((const uint16_t *)image->data)[i * step] / 65535.0, threshold,
                                     phase);
        break;
    case FCS_F32:
        for (size_t i = 0; i < n; i++)
            mask[i] =
                value_is_phase((double)((const float *)image->data)[i * step], threshold, phase);
        break;
    }
}

fcs_status fcs_components(fcs_context *ctx, const fcs_image *image, double threshold, int phase,
                          int neighbours, uint32_t *labels, uint32_t *count)
{
    int few = image->depth > 1 ? 6 : 4, many = image->depth > 1 ? 26 : 8;
    if (neighbours != few && neighbours != many)
        return fcs_fail(&ctx->error, FCS_FAILED, "components: %d neighbours: use %d or %d for %s",
                        neighbours, few, many, image->depth > 1 ? "a volume" : "an image");
    if (phase != 0 && phase != 1)
        return fcs_fail(&ctx->error, FCS_FAILED, "components: phase %d: use 0 or 1", phase);
    unsigned char *mask =
        fcs_alloc_array(&ctx->error, (size_t)(image->width * image->height), (size_t)image->depth);
    if (!mask)
        return FCS_FAILED;
    fcs_mask_fill(image, threshold, phase, mask);
    fcs_status status = fcs_label(&ctx->error, mask, image->width, image->height, image->depth,
                                  neighbours == many, labels, count);
    free(mask);
    return status;
}
