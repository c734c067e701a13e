/* test_kernels.c: the elementwise functions on floats of every size against the C library in double
 * precision, what comes of infinities, zeros and NaNs, and that an element's bits do not depend on
 * its place in the block. */
#include "cpu/cpu.h"
#include "test.h"
#include <string.h>

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }
static double softplus(double x) { return fmax(x, 0) + log1p(exp(-fabs(x))); }
static double rsqrt(double x) { return 1 / sqrt(x); }
static double reciprocal(double x) { return 1 / x; }

/* Bounds in units of the last place of the float next to the exact value; 0.5 is correct rounding.
 */
static const struct {
    const char *name;
    double (*f)(double);
    double ulp;
} functions[] = {
    {"exp", exp, 2},           {"log", log, 2},
    {"tanh", tanh, 3},         {"sigmoid", sigmoid, 4},
    {"softplus", softplus, 3}, {"sqrt", sqrt, 0.5001},
    {"rsqrt", rsqrt, 2},       {"reciprocal", reciprocal, 0.5001},
};

static fcs_cpu_lanes *lanes_of(const fcs_isa *isa, const char *name)
{
    fcs_error e = {FCS_OK, ""};
    const fcs_op *op = fcs_op_find(&e, name);
    return op ? isa->ops[fcs_op_index(op)]->lanes : NULL;
}

/* Error in units of the last place; 0 where both are the same infinity or NaN, infinite where only
 * one is. */
static double ulps(float got, double want)
{
    int exponent;
    if (isnan(want) || isnan(got))
        return isnan(want) && isnan(got) ? 0 : INFINITY;
    if (fabs(want) > 3.4028235677973366e38 ||
        isinf(got)) /* above the largest float and a half unit: infinity is right */
        return isinf(got) && (got > 0) == (want > 0) && fabs(want) > 3.4028230e38 ? 0
               : fabs(want) < 3.4028245e38 && fabs(got) > 3.4028234e38f           ? 1
                                                                                  : INFINITY;
    if (want == 0)
        return got == 0 ? 0 : INFINITY;
    frexp(want, &exponent);
    return fabs(got - want) / ldexp(1, exponent < -125 ? -149 : exponent - 24);
}

/* Every 10007th bit pattern: all exponents, both signs, subnormals, infinities and NaNs among them.
 */
static void test_accuracy(const fcs_isa *isa)
{
    enum { N = 4096 };
    static float x[N], y[N];
    static const float special[] = {0.0f,      -0.0f, 1.0f,      -1.0f,      INFINITY,
                                    -INFINITY, NAN,   0x1p-149f, -0x1p-149f, 3.4e38f};
    fcs_attrs attrs = {.i = {0}};
    for (size_t k = 0; k < sizeof functions / sizeof *functions; k++) {
        fcs_cpu_lanes *lanes = lanes_of(isa, functions[k].name);
        double worst = 0, where = 0;
        CHECK(lanes != NULL);
        for (uint64_t bits = 0; lanes && bits < 1ull << 32;) {
            int n = 0;
            for (; n < N && bits < 1ull << 32; n++, bits += 10007) {
                uint32_t b = (uint32_t)bits;
                memcpy(&x[n], &b, sizeof b);
                if (bits < 10007 * 10)
                    x[n] = special[n];
                if (bits % 3 == 0) /* more of what matters: [-20, 20] */
                    x[n] = (float)((double)bits * (40.0 / 4294967296.0) - 20);
            }
            lanes(y, x, x, x, n, &attrs);
            for (int i = 0; i < n; i++) {
                double error = ulps(y[i], functions[k].f(x[i]));
                if (!(error <= worst))
                    worst = error, where = x[i];
            }
        }
        CHECK(worst <= functions[k].ulp);
        printf("%-9s %-10s %.3f ulp at %.9g\n", isa->name, functions[k].name, worst, where);
    }
}

/* Counts 0 to 67 at every offset in a vector, between canaries, in place: always the bits of the
 * whole block. */
static void test_places(const fcs_isa *isa)
{
    enum { N = 128 };
    float a[N], b[N], c[N], whole[N], part[N];
    fcs_attrs attrs = {.f = {0.3, -0.7}};
    for (uint64_t i = 0; i < N; i++) {
        a[i] = fcs_random_normal(1, 0, 0, i);
        b[i] = fcs_random_normal(1, 0, 1, i);
        c[i] = fcs_random_normal(1, 0, 2, i);
    }
    for (int op = 0; op < fcs_n_ops; op++) {
        if (fcs_ops[op]->kind != FCS_KIND_LANES)
            continue;
        int wrong = 0;
        isa->ops[op]->lanes(whole, a, b, c, N, &attrs);
        for (int offset = 0; offset < 17; offset++)
            for (int n = 0; n < 68; n++) {
                memcpy(part, a, sizeof part);
                isa->ops[op]->lanes(part + offset, part + offset, b + offset, c + offset, n,
                                    &attrs);
                wrong += memcmp(part + offset, whole + offset, (size_t)n * sizeof *part) != 0;
                wrong += memcmp(part, a, (size_t)offset * sizeof *part) != 0;
                wrong += memcmp(part + offset + n, a + offset + n,
                                (size_t)(N - offset - n) * sizeof *part) != 0;
            }
        CHECK(wrong == 0);
    }
}

/* sum_rows adds to y column by column; integers, so that the order does not show. */
static void test_sum_rows(const fcs_isa *isa)
{
    enum { ROWS = 7, CS = 300 };
    static float x[ROWS * CS], y[CS + 1];
    for (int i = 0; i < ROWS * CS; i++)
        x[i] = (float)(i * 7919 % 101);
    for (int n = 0; n <= CS; n = n < 40 ? n + 1 : n + 13) {
        int wrong = 0;
        for (int c = 0; c <= CS; c++)
            y[c] = (float)c;
        isa->sum_rows(y, x, ROWS, CS, n);
        for (int c = 0; c <= CS; c++) {
            float want = (float)c;
            for (int r = 0; c < n && r < ROWS; r++)
                want += x[r * CS + c];
            wrong += y[c] != want;
        }
        CHECK(wrong == 0);
    }
}

int main(void)
{
    for (int k = 0; fcs_isas[k]; k++) {
        if (!fcs_isas[k]->available())
            continue;
        test_accuracy(fcs_isas[k]);
        test_places(fcs_isas[k]);
        test_sum_rows(fcs_isas[k]);
        double peak = fcs_isas[k]->fma_peak(0.01);
        CHECK(peak > 0.01 && peak < 1e4);
    }
    return test_end();
}
