/* grey.c: what tells grey images apart: levels, correlation over distance, sharpness, spectrum. */
#include "metrics/metrics.h"
#include <complex.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- levels ---- */

fcs_status fcs_measure_levels(fcs_error *e, const fcs_page_view *page, int phase, double *values)
{
    int64_t n = page->width * page->height;
    (void)e;
    (void)phase;
    memset(values, 0, FCS_GREY_BINS * sizeof *values);
    for (int64_t i = 0; i < n; i++) {
        int bin = (int)(page->values[i] * (float)FCS_GREY_BINS);
        bin = bin < 0 ? 0 : bin >= FCS_GREY_BINS ? FCS_GREY_BINS - 1 : bin;
        values[bin] += 1.0 / (double)n;
    }
    return FCS_OK;
}

/* ---- sharpness ---- */

fcs_status fcs_measure_laplacian(fcs_error *e, const fcs_page_view *page, int phase, double *values)
{
    double sum = 0, squares = 0;
    int64_t w = page->width, n = (w - 2) * (page->height - 2);
    (void)e;
    (void)phase;
    *values = NAN;
    if (w < 3 || page->height < 3)
        return FCS_OK;
    for (int64_t y = 1; y < page->height - 1; y++)
        for (int64_t x = 1; x < w - 1; x++) {
            const float *p = page->values + y * w + x;
            double v = (double)p[-1] + (double)p[1] + (double)p[-w] + (double)p[w] - 4 * (double)*p;
            sum += v;
            squares += v * v;
        }
    double mean = sum / (double)n;
    *values = fmax(squares / (double)n - mean * mean, 0);
    return FCS_OK;
}

/* ---- correlation ---- */

static double mean_of(const fcs_page_view *page, double *variance)
{
    int64_t n = page->width * page->height;
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)page->values[i];
    for (int64_t i = 0; i < n; i++) {
        double d = (double)page->values[i] - sum / (double)n;
        squares += d * d;
    }
    *variance = squares / (double)n;
    return sum / (double)n;
}

fcs_status fcs_curve_correlation(fcs_error *e, const fcs_page_view *page, char axis, int n,
                                 double *values)
{
    double variance, mean = mean_of(page, &variance);
    bool along_x = axis == 'x';
    int64_t step = along_x ? 1 : page->width;
    (void)e;
    for (int h = 0; h < n; h++) {
        int64_t w = page->width - (along_x ? h : 0), height = page->height - (along_x ? 0 : h);
        double sum = 0;
        for (int64_t y = 0; y < height; y++)
            for (int64_t x = 0; x < w; x++) {
                const float *p = page->values + y * page->width + x;
                sum += ((double)p[0] - mean) * ((double)p[h * step] - mean);
            }
        values[h] = variance > 0 && w > 0 && height > 0
                        ? sum / ((double)w * (double)height * variance)
                        : (double)NAN;
    }
    return FCS_OK;
}

/* ---- spectrum ---- */

/* out[k] = sum over i of in[i * step] exp(-2 pi i k / n), by the smallest prime factor p of n: p
 * transforms of n / p numbers, put together with the n-th roots of unity, every `every`-th one of
 * `root` (Cooley and Tukey 1965). work: n numbers. */
static void transform(const double complex *in, int64_t step, int64_t n, const double complex *root,
                      int64_t every, double complex *out, double complex *work)
{
    int64_t p = 2;
    while (p * p <= n && n % p)
        p++;
    p = p * p > n ? n : p;
    int64_t m = n / p;
    if (n == 1) {
        out[0] = in[0];
        return;
    }
    for (int64_t r = 0; r < p; r++)
        transform(in + r * step, step * p, m, root, every * p, out + r * m, work);
    memcpy(work, out, (size_t)n * sizeof *work);
    for (int64_t k = 0; k < n; k++) {
        out[k] = 0;
        for (int64_t r = 0; r < p; r++)
            out[k] += work[r * m + k % m] * root[r * k % n * every];
    }
}

static double complex *roots_new(fcs_error *e, int64_t n)
{
    const double turn = 6.283185307179586476925286766559;
    double complex *root = fcs_alloc_array(e, (size_t)n, sizeof *root);
    for (int64_t k = 0; root && k < n; k++) {
        double angle = -turn * (double)k / (double)n;
        root[k] = cos(angle) + sin(angle) * I;
    }
    return root;
}

/* The transform of the page, height x width, in place of its values less their mean. */
static fcs_status transform_page(fcs_error *e, const fcs_page_view *page, double complex *values)
{
    int64_t w = page->width, h = page->height, longest = w > h ? w : h;
    double variance, mean = mean_of(page, &variance);
    double complex *rx = roots_new(e, w), *ry = roots_new(e, h);
    double complex *work = fcs_alloc_array(e, (size_t)(2 * longest), sizeof *work);
    double complex *line = work ? work + longest : NULL;
    bool good = rx && ry && work;
    for (int64_t i = 0; i < w * h; i++)
        values[i] = (double)page->values[i] - mean;
    for (int64_t y = 0; good && y < h; y++) {
        transform(values + y * w, 1, w, rx, 1, line, work);
        memcpy(values + y * w, line, (size_t)w * sizeof *line);
    }
    for (int64_t x = 0; good && x < w; x++) {
        transform(values + x, w, h, ry, 1, line, work);
        for (int64_t y = 0; y < h; y++)
            values[y * w + x] = line[y];
    }
    free(rx);
    free(ry);
    free(work);
    return good ? FCS_OK : FCS_FAILED;
}

/* Ring k holds the frequencies of k - 1/2 to k + 1/2 periods in the page's shorter side. */
static void sum_rings(const fcs_page_view *page, const double complex *values, int n, double *sums,
                      double *counts)
{
    int64_t w = page->width, h = page->height;
    double side = (double)(w < h ? w : h);
    for (int64_t y = 0; y < h; y++)
        for (int64_t x = 0; x < w; x++) {
            double fy = (double)(2 * y < h ? y : h - y) / (double)h;
            double fx = (double)(2 * x < w ? x : w - x) / (double)w;
            int ring = (int)lround(side * sqrt(fx * fx + fy * fy));
            if (ring >= n)
                continue;
            double re = creal(values[y * w + x]), im = cimag(values[y * w + x]);
            sums[ring] += re * re + im * im;
            counts[ring]++;
        }
}

fcs_status fcs_curve_spectrum(fcs_error *e, const fcs_page_view *page, char axis, int n,
                              double *values)
{
    const double least = 1e-12; /* of an even page: far below the step of 8 bits */
    double pixels = (double)page->width * (double)page->height;
    double complex *spectrum = fcs_alloc_array(e, (size_t)pixels, sizeof *spectrum);
    double *counts = fcs_alloc_array(e, (size_t)n, sizeof *counts);
    fcs_status status = spectrum && counts ? transform_page(e, page, spectrum) : FCS_FAILED;
    (void)axis;
    memset(values, 0, (size_t)n * sizeof *values);
    if (!status)
        sum_rings(page, spectrum, n, values, counts);
    for (int k = 0; k < n && !status; k++) /* ring 0 is the mean, which was taken off */
        values[k] =
            k && counts[k] > 0 ? log10(values[k] / counts[k] / pixels + least) : (double)NAN;
    free(spectrum);
    free(counts);
    return status;
}
