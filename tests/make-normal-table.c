/* make-normal-table.c: prints src/base/normal-table.h. Not part of the build: run it by hand when
 * the method changes. cc -std=c11 -O2 tests/make-normal-table.c -lm -o make-normal-table &&
 * ./make-normal-table > src/base/normal-table.h
 *
 * x(p) with P(X > x) = p for p in (0, 1/2), as cubics: one for each of the 8 sub-intervals of each
 * octave [2^-k-2, 2^-k-1), k = 0..31, in t = position in the sub-interval, 0 <= t < 1, interpolated
 * at the Chebyshev nodes. */
#include <math.h>
#include <stdio.h>

enum { OCTAVES = 32, PARTS = 8, TERMS = 4 };

/* Newton's method on log of the tail probability, which is close to a parabola. */
static double tail_inverse(double p)
{
    double x = sqrt(fmax(0, -2 * log(2 * p)));
    for (int i = 0; i < 60; i++) {
        double q = 0.5 * erfc(x * sqrt(0.5));
        double density = exp(-0.5 * x * x) / sqrt(2 * acos(-1.0));
        x += (log(q) - log(p)) * q / density;
    }
    return x;
}

/* Coefficients in powers of t of the cubic through (t[i], y[i]): Newton's divided differences,
 * multiplied out. */
static void interpolate(const double *t, const double *y, double *c)
{
    double d[TERMS];
    for (int i = 0; i < TERMS; i++)
        d[i] = y[i];
    for (int k = 1; k < TERMS; k++)
        for (int i = TERMS - 1; i >= k; i--)
            d[i] = (d[i] - d[i - 1]) / (t[i] - t[i - k]);
    for (int i = 0; i < TERMS; i++)
        c[i] = 0;
    for (int k = TERMS - 1; k >= 0; k--) { /* c = c * (t - t[k]) + d[k] */
        for (int i = TERMS - 1; i > 0; i--)
            c[i] = c[i - 1] - t[k] * c[i];
        c[0] = d[k] - t[k] * c[0];
    }
}

int main(void)
{
    printf("/* Made by tests/make-normal-table.c: cubics of the normal tail quantile, "
           "[octave][eighth][power of t]. */\n");
    printf("static const float table[%d][%d] = {\n", OCTAVES * PARTS, TERMS);
    for (int k = 0; k < OCTAVES; k++)
        for (int part = 0; part < PARTS; part++) {
            double t[TERMS], y[TERMS], c[TERMS];
            for (int i = 0; i < TERMS; i++) {
                t[i] = 0.5 - 0.5 * cos((2 * i + 1) * acos(-1.0) / (2 * TERMS));
                y[i] = tail_inverse(ldexp(1 + (part + t[i]) / PARTS, -k - 2));
            }
            interpolate(t, y, c);
            printf("    {%.9ef, %.9ef, %.9ef, %.9ef},\n", c[0], c[1], c[2], c[3]);
        }
    printf("};\n");
    return 0;
}
