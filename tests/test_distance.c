/* test_distance.c: distances between sets of vectors against mpmath with 60 digits (eigenvalues of
 * the symmetric product; SciPy's linalg.sqrtm and NumPy's eigvalsh agree to 1e-12 where no
 * covariance is singular, to 5e-8 else) and NumPy 2.4 (kernel), closed forms, refusals. */
#include "metrics/distance.h"
#include "test.h"
#include <string.h>

static fcs_error error;

static double *make(int64_t n, int64_t size, int s)
{
    double *v = malloc((size_t)(n * size) * sizeof *v);
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < size; k++)
            v[i * size + k] = sin(1.3 * (double)(i * (k + 1)) + 0.7 * s * (double)k) +
                              0.3 * cos(0.11 * (double)(i * i) * (s + 1) + (double)k) +
                              0.2 * s * (double)(k % 3);
    return v;
}

static void test_known(void)
{
    /* Both sets full, both singular, one of each, and two lines. */
    static const struct {
        int64_t n, m, size;
        double frechet, kernel;
    } known[] = {{40, 50, 6, 0.4107077619120405, 0.083970474857},
                 {5, 7, 12, 10.05733195148804, -0.070798892763},
                 {30, 9, 12, 4.180952006000857, -0.018607605088},
                 {2, 2, 3, 2.257867354104906, -1.929257216439}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        double *a = make(known[i].n, known[i].size, 0), *b = make(known[i].m, known[i].size, 1);
        double got = NAN;
        fcs_vectors va = {a, known[i].n, known[i].size}, vb = {b, known[i].m, known[i].size};
        CHECK(fcs_frechet_distance(&error, &va, &vb, &got) == FCS_OK);
        CHECK_NEAR(got, known[i].frechet, 1e-13);
        CHECK(fcs_kernel_distance(&error, &va, &vb, &got) == FCS_OK);
        CHECK_NEAR(got, known[i].kernel, 1e-11);
        CHECK(fcs_frechet_distance(&error, &vb, &vb, &got) == FCS_OK);
        CHECK_NEAR(got, 0, 1e-12);
        free(a);
        free(b);
    }
}

/* Diagonal covariances: sum of (m1 - m2)^2 + (s1 - s2)^2, here exact by construction: each axis has
 * its two points +-s alone. */
static void test_closed_form(void)
{
    enum { SIZE = 5 };
    double a[2 * SIZE * SIZE] = {0}, b[2 * SIZE * SIZE] = {0}, want = 0, got;
    for (int k = 0; k < SIZE; k++) {
        double sa = k + 1, sb = 2 * k + 0.5, norm = sqrt((2 * SIZE - 1) / 2.0);
        for (int i = 0; i < 2 * SIZE; i++)
            b[i * SIZE + k] = 0.25 * k;
        a[2 * k * SIZE + k] = sa * norm;
        a[(2 * k + 1) * SIZE + k] = -sa * norm;
        b[2 * k * SIZE + k] += sb * norm;
        b[(2 * k + 1) * SIZE + k] -= sb * norm;
        want += 0.0625 * k * k + (sa - sb) * (sa - sb);
    }
    fcs_vectors va = {a, 2 * SIZE, SIZE}, vb = {b, 2 * SIZE, SIZE};
    CHECK(fcs_frechet_distance(&error, &va, &vb, &got) == FCS_OK);
    CHECK_NEAR(got, want, 1e-11 * want);
}

static void test_singular_values(void)
{
    static const double want[] = {3.325612443941, 2.414518806602, 2.069685043652, 1.355636615380};
    double *a = make(7, 4, 2), wide[28], got[4], zero[12] = {0};
    for (int i = 0; i < 28; i++)
        wide[i % 4 * 7 + i / 4] = a[i];
    CHECK(fcs_singular_values(&error, a, 7, 4, got) == FCS_OK);
    for (int i = 0; i < 4; i++)
        CHECK_NEAR(got[i], want[i], 1e-11);
    CHECK(fcs_singular_values(&error, wide, 4, 7, got) == FCS_OK);
    for (int i = 0; i < 4; i++)
        CHECK_NEAR(got[i], want[i], 1e-11);
    CHECK(fcs_singular_values(&error, zero, 4, 3, got) == FCS_OK && got[0] == 0 && got[2] == 0);
    double one = -3;
    CHECK(fcs_singular_values(&error, &one, 1, 1, got) == FCS_OK);
    CHECK_NEAR(got[0], 3, 1e-15);
    free(a);
    /* Hilbert's matrix of 8: the smallest of its singular values is 1.1e-10. */
    double hilbert[64];
    for (int i = 0; i < 64; i++)
        hilbert[i] = 1.0 / (i / 8 + i % 8 + 1);
    double values[8];
    CHECK(fcs_singular_values(&error, hilbert, 8, 8, values) == FCS_OK);
    CHECK_NEAR(values[0], 1.695938996921949, 1e-14);
    CHECK_NEAR(values[7], 1.1115389663725e-10, 1e-15);
}

static void test_refusals(void)
{
    double v[6] = {1, 2, 3, 4, NAN, 6}, got;
    fcs_vectors one = {v, 1, 2}, two = {v, 2, 2}, bad = {v, 3, 2};
    CHECK(fcs_frechet_distance(&error, &one, &two, &got) == FCS_FAILED);
    CHECK(strstr(error.message, "two of each"));
    fcs_error_clear(&error);
    CHECK(fcs_kernel_distance(&error, &two, &bad, &got) == FCS_FAILED);
    CHECK(strstr(error.message, "image 2 is not finite"));
    fcs_error_clear(&error);
}

int main(void)
{
    test_known();
    test_closed_form();
    test_singular_values();
    test_refusals();
    return test_end();
}
