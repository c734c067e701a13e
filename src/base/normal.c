/* normal.c: normal variates from random words, the same bits on every machine: integer operations
 * and single, correctly rounded + and * only. This object is compiled with -ffp-contract=off, so
 * that no pair of them becomes one fma.
 *
 * The top bit of a word is the sign; the others, v = 2 * bits + 1, are the tail probability p = v *
 * 2^-33 in (0, 1/2). The octave of p, the next three bits and the following 24 (t in [0,1)) choose
 * a cubic and evaluate it: |x| = c0 + t (c1 + t (c2 + t c3)), within 1e-6 of the quantile, up
 * to 6.34. */
#include "base/random.h"
#include "base/normal-table.h"
#include <string.h>

static float normal_of(uint32_t word)
{
    double v = (double)(word << 1 | 1u); /* exact: its bits are exponent and mantissa of v */
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    const float *c = table[(1023 + 31 - (bits >> 52)) * 8 + (bits >> 49 & 7)];
    float t = (float)(int32_t)(bits >> 25 & 0xffffff) * 0x1p-24f;
    float x = c[3] * t;
    x = x + c[2];
    x = x * t;
    x = x + c[1];
    x = x * t;
    x = x + c[0];
    return word >> 31 ? -x : x;
}

float fcs_random_normal(uint64_t seed, uint64_t step, uint32_t stream, uint64_t index)
{
    return normal_of(fcs_random_word(seed, step, stream, index));
}

void fcs_random_normals(uint64_t seed, uint64_t step, uint32_t stream, uint64_t first, size_t n,
                        float *y)
{
    uint32_t words[512];
    while (n > 0) {
        size_t m = n < 512 ? n : 512;
        fcs_random_words(seed, step, stream, first, m, words);
        for (size_t i = 0; i < m; i++)
            y[i] = normal_of(words[i]);
        y += m, first += m, n -= m;
    }
}
