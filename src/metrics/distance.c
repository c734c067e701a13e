/* distance.c: Frechet and kernel distances.
 *
 * With centred rows A = (a - mean) / sqrt(n - 1) the covariance is A'A, and the eigenvalues of
 * Sa Sb = A'A B'B are, zeros left out, those of (A B')(A B')': tr (Sa Sb)^1/2 is the sum of the
 * singular values of A B'. That needs no square root of a matrix, loses no digits where covariances
 * are singular, and few vectors make a small matrix. Where there are more vectors than features,
 * the triangle R of A = QR takes A's place. */
#include "metrics/distance.h"
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Householder reflections of row-major matrices ---- */

/* Makes v (n numbers, `step` apart) the vector of the reflection I - t v v' that maps it to a
 * multiple of its first axis; returns t, and that multiple in *to. t is 0 where nothing is to do.
 */
static double reflector(double *v, int64_t n, int64_t step, double *to)
{
    double most = 0, sum = 0;
    for (int64_t i = 0; i < n; i++)
        most = fmax(most, fabs(v[i * step]));
    *to = v[0];
    if (most == 0 || n < 2)
        return 0;
    for (int64_t i = 0; i < n; i++)
        sum += v[i * step] / most * (v[i * step] / most);
    double length = most * sqrt(sum);
    *to = v[0] > 0 ? -length : length;
    double head = v[0] - *to;
    for (int64_t i = 1; i < n; i++)
        v[i * step] /= head;
    v[0] = 1;
    return -head / *to; /* 2 / v'v */
}

/* Rows k.. of the columns c..: a -= t v (v'a), v in column k; w is scratch. */
static void reflect_rows(double *a, int64_t rows, int64_t columns, int64_t k, int64_t c, double t,
                         double *w)
{
    if (t == 0)
        return;
    memset(w + c, 0, (size_t)(columns - c) * sizeof *w);
    for (int64_t i = k; i < rows; i++)
        for (int64_t j = c; j < columns; j++)
            w[j] += a[i * columns + k] * a[i * columns + j];
    for (int64_t i = k; i < rows; i++) {
        double f = t * a[i * columns + k];
        for (int64_t j = c; j < columns; j++)
            a[i * columns + j] -= f * w[j];
    }
}

/* Columns k.. of the rows r..: a -= t (a v) v', v in row r - 1. */
static void reflect_columns(double *a, int64_t rows, int64_t columns, int64_t r, int64_t k,
                            double t)
{
    const double *v = a + (r - 1) * columns;
    for (int64_t i = r; t != 0 && i < rows; i++) {
        double sum = 0, *row = a + i * columns;
        for (int64_t j = k; j < columns; j++)
            sum += row[j] * v[j];
        for (int64_t j = k; j < columns; j++)
            row[j] -= t * sum * v[j];
    }
}

/* ---- singular values ---- */

static int descending(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;
    return (a < b) - (a > b);
}

/* Eigenvalues of the symmetric tridiagonal matrix with diagonal d[0..n-1] and e[i] between i and
 * i + 1, into d: implicit QL (Bowdler et al. 1968, EISPACK's imtql1). */
static bool tridiagonal_values(double *d, double *e, int64_t n)
{
    double least = 0; /* what no eigenvalue can feel */
    for (int64_t i = 0; i < n - 1; i++)
        least = fmax(least, DBL_EPSILON / 1024 * fabs(e[i]));
    for (int64_t l = 0; l < n; l++)
        for (int tries = 0;; tries++) {
            int64_t m = l;
            while (m < n - 1 && fabs(e[m]) > least &&
                   fabs(e[m]) > DBL_EPSILON * (fabs(d[m]) + fabs(d[m + 1])))
                m++;
            if (m == l)
                break;
            if (tries == 60)
                return false;
            double g = (d[l + 1] - d[l]) / (2 * e[l]), r = hypot(g, 1), s = 1, c = 1, p = 0;
            g = d[m] - d[l] + e[l] / (g + copysign(r, g));
            int64_t i = m - 1;
            for (; i >= l; i--) {
                double f = s * e[i], b = c * e[i];
                e[i + 1] = r = hypot(f, g);
                if (r == 0) {
                    d[i + 1] -= p;
                    e[m] = 0;
                    break;
                }
                s = f / r;
                c = g / r;
                g = d[i + 1] - p;
                r = (d[i] - g) * s + 2 * c * b;
                p = s * r;
                d[i + 1] = g + p;
                g = c * r - b;
            }
            if (i >= l)
                continue;
            d[l] -= p;
            e[l] = g;
            e[m] = 0;
        }
    return true;
}

/* rows >= columns = n: the diagonal and what is above it, alternating, in `off`: 2 n - 1 numbers
 * (Golub and Kahan 1965). */
static void bidiagonal(double *a, int64_t rows, int64_t n, double *off, double *w)
{
    for (int64_t k = 0; k < n; k++) {
        double t = reflector(a + k * n + k, rows - k, n, &off[2 * k]);
        reflect_rows(a, rows, n, k, k + 1, t, w);
        if (k + 1 >= n)
            break;
        t = reflector(a + k * n + k + 1, n - k - 1, 1, &off[2 * k + 1]);
        reflect_columns(a, rows, n, k + 1, k + 1, t);
    }
}

static fcs_status transposed(fcs_error *e, double *a, int64_t rows, int64_t columns)
{
    double *copy = fcs_alloc_array(e, (size_t)(rows * columns), sizeof *copy);
    if (!copy)
        return FCS_FAILED;
    memcpy(copy, a, (size_t)(rows * columns) * sizeof *copy);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++)
            a[j * rows + i] = copy[i * columns + j];
    free(copy);
    return FCS_OK;
}

/* The singular values of a bidiagonal matrix are the positive eigenvalues of the symmetric
 * tridiagonal one with zeros on its diagonal and both diagonals, alternating, beside it. */
fcs_status fcs_singular_values(fcs_error *e, double *a, int64_t rows, int64_t columns, double *out)
{
    if (rows < columns) {
        if (transposed(e, a, rows, columns) != FCS_OK)
            return FCS_FAILED;
        int64_t swap = rows;
        rows = columns;
        columns = swap;
    }
    double *d = fcs_alloc_array(e, (size_t)(5 * columns), sizeof *d);
    if (!d)
        return FCS_FAILED;
    double *off = d + 2 * columns, *w = d + 4 * columns;
    bidiagonal(a, rows, columns, off, w);
    bool done = tridiagonal_values(d, off, 2 * columns);
    qsort(d, (size_t)(2 * columns), sizeof *d, descending);
    for (int64_t i = 0; i < columns; i++)
        out[i] = fabs(d[i]);
    free(d);
    return done ? FCS_OK
                : fcs_fail(e, FCS_FAILED,
                           "singular values: no convergence: are all numbers finite?");
}

/* ---- Frechet ---- */

static fcs_status check_finite(fcs_error *e, const fcs_vectors *v)
{
    for (int64_t i = 0; i < v->n * v->size; i++)
        if (!isfinite(v->values[i]))
            return fcs_fail(e, FCS_FAILED, "feature %lld of image %lld is not finite",
                            (long long)(i % v->size), (long long)(i / v->size));
    return FCS_OK;
}

typedef struct factor { /* covariance = rows' rows */
    double *rows, *mean;
    int64_t n, size;
} factor;

static void factor_free(factor *f)
{
    free(f->rows);
    free(f->mean);
}

/* Leaves the triangle of QR in the first `size` rows. */
static void triangle(factor *f, double *w)
{
    for (int64_t k = 0; k < f->size; k++) {
        double to, t = reflector(f->rows + k * f->size + k, f->n - k, f->size, &to);
        reflect_rows(f->rows, f->n, f->size, k, k + 1, t, w);
        f->rows[k * f->size + k] = to;
        for (int64_t i = k + 1; i < f->n; i++)
            f->rows[i * f->size + k] = 0;
    }
    f->n = f->size;
}

static fcs_status factor_make(fcs_error *e, const fcs_vectors *v, factor *f)
{
    *f = (factor){.n = v->n, .size = v->size};
    f->rows = fcs_alloc_array(e, (size_t)(v->n * v->size), sizeof *f->rows);
    f->mean = fcs_alloc_array(e, (size_t)(2 * v->size), sizeof *f->mean);
    if (!f->rows || !f->mean)
        return FCS_FAILED;
    for (int64_t i = 0; i < v->n; i++)
        for (int64_t k = 0; k < v->size; k++)
            f->mean[k] += v->values[i * v->size + k] / (double)v->n;
    double scale = 1 / sqrt((double)(v->n - 1));
    for (int64_t i = 0; i < v->n; i++)
        for (int64_t k = 0; k < v->size; k++)
            f->rows[i * v->size + k] = scale * (v->values[i * v->size + k] - f->mean[k]);
    if (f->n > f->size)
        triangle(f, f->mean + f->size);
    return FCS_OK;
}

static double squares(const double *x, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += x[i] * x[i];
    return sum;
}

static double dot(const double *x, const double *y, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += x[i] * y[i];
    return sum;
}

/* The sum of the singular values of A B'. */
static fcs_status cross_trace(fcs_error *e, const factor *a, const factor *b, double *out)
{
    int64_t least = a->n < b->n ? a->n : b->n;
    double *m = fcs_alloc_array(e, (size_t)(a->n * b->n), sizeof *m);
    double *values = fcs_alloc_array(e, (size_t)least, sizeof *values);
    fcs_status status = m && values ? FCS_OK : FCS_FAILED;
    for (int64_t i = 0; i < a->n && !status; i++)
        for (int64_t k = 0; k < b->n; k++)
            m[i * b->n + k] = dot(a->rows + i * a->size, b->rows + k * b->size, a->size);
    if (!status)
        status = fcs_singular_values(e, m, a->n, b->n, values);
    *out = 0;
    for (int64_t i = 0; i < least && !status; i++)
        *out += values[i];
    free(m);
    free(values);
    return status;
}

static fcs_status check_sets(fcs_error *e, const fcs_vectors *a, const fcs_vectors *b)
{
    if (a->n < 2 || b->n < 2)
        return fcs_fail(e, FCS_FAILED,
                        "%lld and %lld images: a distance between sets needs two of each at least",
                        (long long)a->n, (long long)b->n);
    return check_finite(e, a) || check_finite(e, b) ? FCS_FAILED : FCS_OK;
}

fcs_status fcs_frechet_distance(fcs_error *e, const fcs_vectors *a, const fcs_vectors *b,
                                double *out)
{
    factor fa = {0}, fb = {0};
    double cross = 0;
    fcs_status status = check_sets(e, a, b);
    if (!status)
        status = factor_make(e, a, &fa);
    if (!status)
        status = factor_make(e, b, &fb);
    if (!status)
        status = cross_trace(e, &fa, &fb, &cross);
    if (!status) {
        double means = 0;
        for (int64_t k = 0; k < a->size; k++)
            means += (fa.mean[k] - fb.mean[k]) * (fa.mean[k] - fb.mean[k]);
        double v =
            means + squares(fa.rows, fa.n * fa.size) + squares(fb.rows, fb.n * fb.size) - 2 * cross;
        *out = v > 0 ? v : 0; /* equal sets: rounding alone */
    }
    factor_free(&fa);
    factor_free(&fb);
    return status;
}

/* ---- kernel ---- */

/* Mean of the kernel over all pairs; of one set, over pairs of different vectors. */
static double kernel_mean(const fcs_vectors *a, const fcs_vectors *b, bool same)
{
    double sum = 0;
    for (int64_t i = 0; i < a->n; i++)
        for (int64_t k = same ? i + 1 : 0; k < b->n; k++) {
            double x =
                dot(a->values + i * a->size, b->values + k * b->size, a->size) / (double)a->size +
                1;
            sum += x * x * x;
        }
    double n = (double)a->n;
    return same ? sum / (n * (n - 1) / 2) : sum / (n * (double)b->n);
}

fcs_status fcs_kernel_distance(fcs_error *e, const fcs_vectors *a, const fcs_vectors *b,
                               double *out)
{
    fcs_status status = check_sets(e, a, b);
    if (!status)
        *out = kernel_mean(a, a, true) + kernel_mean(b, b, true) - 2 * kernel_mean(a, b, false);
    return status;
}
