/* resize.c: pictures to another size, and pictures made fit for training: scaled, or cut into
 * tiles. One axis after the other: y[i] = sum of weight[i][k] * x[first[i] + k]. */
#include "image/picture.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct taps { /* of one axis */
    int64_t *first, *count;
    double *weight; /* `most` for each result */
    int64_t most;
} taps;

/* Half the width of the triangle, in pixels of the input. */
static double radius_of(double scale, fcs_filter filter)
{
    return filter == FCS_FILTER_POINTS || scale < 1 ? 1 : scale;
}

/* The share of pixel j in [lo, hi]. */
static double overlap(double lo, double hi, int64_t j)
{
    double from = fmax(lo, (double)j), to = fmin(hi, (double)j + 1);
    return to > from ? to - from : 0;
}

static void set_taps(taps *t, int64_t i, int64_t in, double scale, fcs_filter filter)
{
    bool area = filter == FCS_FILTER_AREA && scale > 1;
    double radius = area ? scale / 2 : radius_of(scale, filter);
    double middle = ((double)i + 0.5) * scale, lo = middle - radius, hi = middle + radius;
    int64_t first = lo > 0 ? (int64_t)lo : 0, end = (int64_t)ceil(hi);
    double sum = 0, *weight = t->weight + i * t->most;
    end = end > in ? in : end;
    for (int64_t j = first; j < end; j++) {
        double distance = fabs((double)j + 0.5 - middle) / radius;
        double w = area ? overlap(lo, hi, j) : fmax(1 - distance, 0);
        weight[j - first] = w;
        sum += w;
    }
    for (int64_t j = first; j < end; j++)
        weight[j - first] /= sum;
    t->first[i] = first;
    t->count[i] = end - first;
}

static void taps_free(taps *t)
{
    free(t->first);
    free(t->count);
    free(t->weight);
}

static fcs_status taps_make(fcs_error *e, int64_t in, int64_t out, fcs_filter filter, taps *t)
{
    double scale = (double)in / (double)out;
    t->most = (int64_t)(2 * fmax(scale, 1)) + 3;
    t->first = fcs_alloc_array(e, (size_t)out, sizeof *t->first);
    t->count = fcs_alloc_array(e, (size_t)out, sizeof *t->count);
    t->weight = fcs_alloc_array(e, (size_t)out, (size_t)t->most * sizeof *t->weight);
    if (!t->first || !t->count || !t->weight)
        return FCS_FAILED;
    for (int64_t i = 0; i < out; i++)
        set_taps(t, i, in, scale, filter);
    return FCS_OK;
}

/* Rows along x into `between` (height of the part x width of the result), then columns. */
static void run_taps(const fcs_image *m, int64_t z, const fcs_part *part, const taps *tx,
                     const taps *ty, int64_t width, int64_t height, double *between, float *out)
{
    int channels = m->channels;
    for (int64_t y = 0; y < part->height; y++)
        for (int64_t x = 0; x < width; x++)
            for (int c = 0; c < channels; c++) {
                const double *w = tx->weight + x * tx->most;
                double sum = 0;
                for (int64_t k = 0; k < tx->count[x]; k++)
                    sum += w[k] * fcs_image_value(m, z, part->y + y, part->x + tx->first[x] + k, c);
                between[(y * width + x) * channels + c] = sum;
            }
    for (int64_t y = 0; y < height; y++)
        for (int64_t i = 0; i < width * channels; i++) {
            const double *w = ty->weight + y * ty->most;
            double sum = 0;
            for (int64_t k = 0; k < ty->count[y]; k++)
                sum += w[k] * between[(ty->first[y] + k) * width * channels + i];
            out[y * width * channels + i] = (float)sum;
        }
}

fcs_status fcs_resize(fcs_error *e, const fcs_image *m, int64_t z, const fcs_part *part,
                      fcs_filter filter, int64_t width, int64_t height, float *out)
{
    const fcs_part whole = {0, 0, m->width, m->height};
    taps tx = {0}, ty = {0};
    double *between = NULL;
    part = part ? part : &whole;
    fcs_status status = taps_make(e, part->width, width, filter, &tx);
    if (!status)
        status = taps_make(e, part->height, height, filter, &ty);
    if (!status) {
        between = fcs_alloc_array(e, (size_t)(part->height * width),
                                  (size_t)m->channels * sizeof *between);
        status = between ? FCS_OK : FCS_FAILED;
    }
    if (!status)
        run_taps(m, z, part, &tx, &ty, width, height, between, out);
    taps_free(&tx);
    taps_free(&ty);
    free(between);
    return status;
}

/* ---- for training ---- */

/* Takes the place of *m. */
static void replace(fcs_image **m, fcs_image *by)
{
    fcs_image_free(*m);
    *m = by;
}

static fcs_status scale_pages(fcs_error *e, fcs_image **m, const fcs_fitting *f)
{
    const fcs_image *from = *m;
    int64_t width = f->width, height = f->height;
    fcs_image *to;
    if (f->fit == FCS_FIT_COVER) {
        double sx = (double)f->width / (double)from->width,
               sy = (double)f->height / (double)from->height;
        if (sx < sy) /* the other side is as long as the picture's shape makes it */
            width = llround((double)from->width * sy);
        else
            height = llround((double)from->height * sx);
    }
    if (width == from->width && height == from->height)
        return FCS_OK;
    if (fcs_image_make(e, width, height, from->depth, from->channels, FCS_F32, &to))
        return FCS_FAILED;
    fcs_status status = FCS_OK;
    for (int64_t z = 0; z < from->depth && !status; z++)
        status = fcs_resize(e, from, z, NULL, f->filter, width, height,
                            (float *)to->data + z * width * height * from->channels);
    if (status)
        fcs_image_free(to);
    else
        replace(m, to);
    return status;
}

static void copy_part(const fcs_image *from, int64_t z, const fcs_part *p, char *out)
{
    size_t pixel = fcs_sample_bytes(from->sample) * (size_t)from->channels;
    for (int64_t y = 0; y < p->height; y++)
        memcpy(out + (size_t)(y * p->width) * pixel,
               (const char *)from->data +
                   (size_t)((z * from->height + p->y + y) * from->width + p->x) * pixel,
               (size_t)p->width * pixel);
}

/* A stack of all tiles, row by row, page by page; samples stay as they are where nothing is scaled.
 */
static fcs_status cut_tiles(fcs_error *e, fcs_image **m, const fcs_fitting *f)
{
    const fcs_image *from = *m;
    int64_t stride = f->stride ? f->stride : f->tile;
    int64_t across = (from->width - f->tile) / stride + 1;
    int64_t down = (from->height - f->tile) / stride + 1;
    bool plain = f->tile == f->width && f->tile == f->height;
    fcs_image *to;
    if (fcs_image_make(e, f->width, f->height, from->depth * across * down, from->channels,
                       plain ? from->sample : FCS_F32, &to))
        return FCS_FAILED;
    size_t page = (size_t)(f->width * f->height * to->channels) * fcs_sample_bytes(to->sample);
    fcs_status status = FCS_OK;
    for (int64_t i = 0; i < to->depth && !status; i++) {
        int64_t z = i / (across * down), at = i % (across * down);
        const fcs_part part = {at % across * stride, at / across * stride, f->tile, f->tile};
        char *out = (char *)to->data + (size_t)i * page;
        if (plain)
            copy_part(from, z, &part, out);
        else
            status = fcs_resize(e, from, z, &part, f->filter, f->width, f->height, (float *)out);
    }
    if (status)
        fcs_image_free(to);
    else
        replace(m, to);
    return status;
}

fcs_status fcs_fit_check(fcs_error *e, const char *path, const fcs_image *m, const fcs_fitting *f)
{
    if (m->width >= f->tile && m->height >= f->tile)
        return FCS_OK;
    return fcs_fail(e, FCS_FAILED,
                    "%s: %lld x %lld pixels are smaller than the tile, %lld x %lld; choose smaller "
                    "tiles or larger images",
                    path, (long long)m->width, (long long)m->height, (long long)f->tile,
                    (long long)f->tile);
}

fcs_status fcs_fit_image(fcs_error *e, fcs_image **m, const fcs_fitting *f)
{
    if (f->tile)
        return cut_tiles(e, m, f);
    return f->fit == FCS_FIT_NONE ? FCS_OK : scale_pages(e, m, f);
}

/* Luma of ITU-R BT.601, as other programs make grey of colour; what is grey already stays as it is.
 */
static double grey_of(const fcs_image *m, int64_t z, int64_t y, int64_t x)
{
    double r = fcs_image_value(m, z, y, x, 0), g = fcs_image_value(m, z, y, x, 1);
    double b = fcs_image_value(m, z, y, x, 2);
    return r == g && g == b ? r : 0.299 * r + 0.587 * g + 0.114 * b;
}

void fcs_image_to_grey(fcs_image *m)
{
    if (m->channels < 3)
        return;
    int64_t n = m->width * m->height * m->depth;
    double max = fcs_sample_max(m->sample);
    for (int64_t i = 0; i < n; i++) { /* sample i is written when pixel i has been read */
        int64_t row = i / m->width;
        double v = grey_of(m, row / m->height, row % m->height, i % m->width);
        if (m->sample == FCS_U8)
            ((uint8_t *)m->data)[i] = (uint8_t)(v * max + 0.5);
        else if (m->sample == FCS_U16)
            ((uint16_t *)m->data)[i] = (uint16_t)(v * max + 0.5);
        else
            ((float *)m->data)[i] = (float)v;
    }
    m->channels = 1;
    void *smaller = realloc(m->data, (size_t)n * fcs_sample_bytes(m->sample));
    if (smaller)
        m->data = smaller;
}
