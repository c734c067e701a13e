/* test_random.c: Philox against the published vectors, the distributions against closed forms. */
#include "base/base.h"
#include "test.h"
#include <string.h>

/* Known answers of Random123's kat_vectors for philox4x32, 10 rounds. */
static void test_philox(void)
{
    static const struct {
        uint32_t counter[4], key[2], out[4];
    } kat[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof kat / sizeof *kat; i++) {
        uint32_t out[4];
        fcs_philox(kat[i].counter, kat[i].key, out);
        CHECK(memcmp(out, kat[i].out, sizeof out) == 0);
    }
    /* The layout: numbers 0..3 of stream 0, step 0, seed 0 are the words of counter zero. */
    for (uint64_t i = 0; i < 4; i++)
        CHECK(fcs_random_uniform(0, 0, 0, i) == (float)(kat[0].out[i] >> 8) / 16777216.0f);
    CHECK(fcs_hash("") == 0xcbf29ce484222325u &&
          fcs_hash("foobar") == 0x85944171f73967e8u); /* FNV's own vectors */
}

/* Bulk equals single, at every offset and length round the block sizes. */
static void test_bulk(void)
{
    enum { N = 1100 };
    static float u[N], v[N];
    static const uint64_t firsts[] = {0, 1, 2, 3, 5, 31, 0x3fffffffeu, 0x3ffffffffffu};
    static const size_t counts[] = {0, 1, 3, 4, 31, 32, 33, 67, 511, 513, N - 1};
    for (size_t f = 0; f < sizeof firsts / sizeof *firsts; f++)
        for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
            size_t n = counts[c], wrong = 0;
            u[n] = v[n] = -77;
            fcs_random_uniforms(7, 1ull << 33 | 5, 9, firsts[f], n, u);
            fcs_random_normals(7, 1ull << 33 | 5, 9, firsts[f], n, v);
            for (size_t i = 0; i < n; i++) {
                wrong += u[i] != fcs_random_uniform(7, 1ull << 33 | 5, 9, firsts[f] + i);
                wrong += v[i] != fcs_random_normal(7, 1ull << 33 | 5, 9, firsts[f] + i);
            }
            CHECK(wrong == 0 && u[n] == -77 && v[n] == -77);
        }
}

static int compare(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static double normal_cdf(double x) { return 0.5 * erfc(-x * sqrt(0.5)); }
static double uniform_cdf(double x) { return x; }

/* Largest distance between the empirical and the exact distribution, times sqrt(n): above 1.95 once
 * in 1000 samples. */
static double ks_distance(float *x, size_t n, double (*cdf)(double))
{
    double worst = 0;
    qsort(x, n, sizeof *x, compare);
    for (size_t i = 0; i < n; i++) {
        double f = cdf(x[i]);
        worst = fmax(worst, fmax(f - (double)i / (double)n, (double)(i + 1) / (double)n - f));
    }
    return worst * sqrt((double)n);
}

/* Moments within five standard deviations, Kolmogorov-Smirnov, no correlation with the neighbour.
 */
static void test_distributions(void)
{
    enum { N = 1 << 19 };
    float *x = malloc(N * sizeof *x);
    if (!x)
        exit(1);
    double sum[5] = {0}, lag = 0, sd = 1 / sqrt((double)N);
    fcs_random_normals(42, 3, fcs_random_stream("generator/noise"), 0, N, x);
    for (int i = 0; i < N; i++) {
        double p = 1;
        for (int k = 0; k < 5; k++, p *= x[i])
            sum[k] += p / N;
        lag += i ? (double)x[i] * x[i - 1] / N : 0;
    }
    CHECK_NEAR(sum[1], 0, 5 * sd);
    CHECK_NEAR(sum[2], 1, 5 * sqrt(2.0) * sd);
    CHECK_NEAR(sum[3], 0, 5 * sqrt(15.0) * sd);
    CHECK_NEAR(sum[4], 3, 5 * sqrt(96.0) * sd);
    CHECK_NEAR(lag, 0, 5 * sd);
    CHECK_NEAR(ks_distance(x, N, normal_cdf), 0, 1.95);
    fcs_random_uniforms(42, 4, fcs_random_stream("generator/noise"), 0, N, x);
    double mean = 0, square = 0, fraction = 0;
    for (int i = 0; i < N; i++) {
        mean += x[i] / (double)N, square += (double)x[i] * x[i] / N;
        fraction += fabs(x[i] * 0x1p24 - rint(x[i] * 0x1p24)) + (x[i] < 0 || x[i] >= 1);
    }
    CHECK(fraction == 0);
    CHECK_NEAR(mean, 0.5, 5 * sqrt(1.0 / 12) * sd);
    CHECK_NEAR(square, 1.0 / 3, 5 * sqrt(4.0 / 45) * sd);
    CHECK_NEAR(ks_distance(x, N, uniform_cdf), 0, 1.95);
    free(x);
}

/* Each normal against its word: Phi(-|x|) must be (bits + 1/2) 2^-32. The word comes from the
 * uniform's top 24 bits, so the quantile is known up to 2^-24 of probability; and over many draws
 * the far tail appears as often as it should. */
static void test_quantile(void)
{
    enum { N = 1 << 22, PART = 1 << 14 };
    static float u[PART], x[PART];
    double worst = 0, far = 0, extreme = 0;
    int misplaced = 0;
    for (uint64_t first = 0; first < N; first += PART) {
        fcs_random_uniforms(1, 2, 3, first, PART, u);
        fcs_random_normals(1, 2, 3, first, PART, x);
        for (int i = 0; i < PART; i++) {
            double fraction = u[i] >= 0.5f ? u[i] - 0.5 : (double)u[i]; /* p / (1/2) / 2 */
            double p = normal_cdf(-fabs((double)x[i])),
                   density = exp(-0.5 * x[i] * x[i]) / 2.50662827463;
            misplaced += (x[i] < 0) != (u[i] >= 0.5f);
            /* distance in x from the interval of probabilities that the 24 bits leave open */
            double off = fmax(fmax(fraction - p, p - (fraction + 0x1p-24)), 0) / density;
            if (fabs(x[i]) < 5)
                worst = fmax(worst, off);
            far += fabs(x[i]) > 4;
            extreme = fmax(extreme, fabs(x[i]));
        }
    }
    CHECK(misplaced == 0);
    CHECK_NEAR(worst, 0, 2e-6);
    double expect = 2 * normal_cdf(-4.0) * N;
    CHECK_NEAR(far, expect, 5 * sqrt(expect));
    CHECK(extreme > 4.6 && extreme < 6.4); /* P(max < 4.6) = exp(-17) */
}

/* The same bits everywhere: the sum was computed by a program of its own in Python, with integers
 * of any size and single precision rounded by struct.pack. */
static void test_bits(void)
{
    static float x[4 * 4096];
    uint64_t sum = 0;
    fcs_random_normals(1ull << 32 | 9, 5, 77, 0, 4 * 4096, x);
    for (int i = 0; i < 4 * 4096; i++) {
        uint32_t bits;
        memcpy(&bits, &x[i], sizeof bits);
        sum = sum * 31 + bits;
    }
    CHECK(sum == 0x5835424e3aa53116u);
}

static void test_streams(void)
{
    /* Neighbours in seed, step, stream and index draw unrelated numbers. */
    float a = fcs_random_uniform(1, 1, 1, 1);
    CHECK(a != fcs_random_uniform(2, 1, 1, 1) && a != fcs_random_uniform(1, 2, 1, 1));
    CHECK(a != fcs_random_uniform(1, 1, 2, 1) && a != fcs_random_uniform(1, 1, 1, 2));
    CHECK(a != fcs_random_uniform(1ull << 32 | 1, 1, 1, 1) &&
          a != fcs_random_uniform(1, 1ull << 32 | 1, 1, 1));
    CHECK(fcs_random_stream("a") != fcs_random_stream("b"));
}

static void test_below(void)
{
    enum { N = 60000 };
    static const int64_t limits[] = {1, 2, 3, 7, 100};
    for (size_t k = 0; k < sizeof limits / sizeof *limits; k++) {
        int count[100] = {0}, outside = 0;
        double chi = 0, expect = (double)N / (double)limits[k];
        for (uint64_t i = 0; i < N; i++) {
            int64_t r = fcs_random_below(11, 0, 5, i, limits[k]);
            if (r < 0 || r >= limits[k])
                outside++;
            else
                count[r]++;
        }
        for (int r = 0; r < limits[k]; r++)
            chi += (count[r] - expect) * (count[r] - expect) / expect;
        double freedom = (double)limits[k] - 1;
        CHECK(outside == 0);
        CHECK(chi <= freedom + 5 * sqrt(2 * freedom) + 5);
    }
    /* 3 * 2^29 is where a 32-bit remainder would favour the lower third: 3/4 of draws instead of
     * 1/2 below the middle. */
    int64_t n = 3ll << 29, low = 0;
    for (uint64_t i = 0; i < N; i++)
        low += fcs_random_below(12, 0, 5, i, n) < n / 2;
    CHECK_NEAR((double)low / N, 0.5, 5 * 0.5 / sqrt((double)N));
}

int main(void)
{
    test_philox();
    test_bulk();
    test_distributions();
    test_quantile();
    test_bits();
    test_streams();
    test_below();
    return test_end();
}
