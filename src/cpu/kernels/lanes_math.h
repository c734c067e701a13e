/* lanes_math.h: the helper names of ops.def's expressions, for the CPU: functions on vectors.
 *
 * Errors, in units of the last place, with and without fma: exp 1, log 0.8, tanh 1.3, sigmoid 2.1,
 * softplus 1.8 (tests/test_kernels.c). Infinities and zeros come out as in C's functions, a NaN
 * stays a NaN, results may be subnormal. Polynomials of exp, log and tanh: S. Moshier's Cephes
 * library (single precision). */
#ifndef FCS_LANES_MATH_H
#define FCS_LANES_MATH_H

#include "cpu/kernels/simd.h"

#if defined(__SSE2__)
#include <immintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif
#include <math.h>

#define FCS_ONE fcs_vset(1)
#define FCS_ZERO fcs_vset(0)
#define FCS_SELECT(condition, a, b) fcs_vselect((fcs_vi)(condition), a, b)
#define FCS_FMA(a, b, c) fcs_vfma(a, b, c)
#define FCS_ABS(a) fcs_lanes_abs(a)
#define FCS_SQRT(a) fcs_lanes_sqrt(a)
#define FCS_EXP(a) fcs_lanes_exp(a)
#define FCS_LOG(a) fcs_lanes_log(a)
#define FCS_TANH(a) fcs_lanes_tanh(a)
#define FCS_SIGMOID(a) fcs_lanes_sigmoid(a)
#define FCS_SOFTPLUS(a) fcs_lanes_softplus(a)

FCS_INLINE fcs_vf fcs_lanes_abs(fcs_vf a) { return (fcs_vf)((fcs_vu)a & 0x7fffffffu); }

/* All lanes the float with these bits. */
FCS_INLINE fcs_vf fcs_lanes_bits(uint32_t bits) { return (fcs_vf)(bits - (fcs_vu){0}); }

/* Correctly rounded. Vector extensions have no square root. */
FCS_INLINE fcs_vf fcs_lanes_sqrt(fcs_vf a)
{
#if defined(__AVX512F__) && FCS_VLEN == 16
    return (fcs_vf)_mm512_sqrt_ps((__m512)a);
#elif defined(__AVX__) && FCS_VLEN == 8
    return (fcs_vf)_mm256_sqrt_ps((__m256)a);
#elif defined(__SSE2__) && FCS_VLEN == 4
    return (fcs_vf)_mm_sqrt_ps((__m128)a);
#elif defined(__ARM_NEON) && defined(__aarch64__) && FCS_VLEN == 4
    return (fcs_vf)vsqrtq_f32((float32x4_t)a);
#else
    for (int i = 0; i < FCS_VLEN; i++)
        a[i] = sqrtf(a[i]);
    return a;
#endif
}

/* 2^n for |n| <= 126, as the bits of the exponent; anything for what is made of a NaN. */
FCS_INLINE fcs_vf fcs_lanes_power(fcs_vi n) { return (fcs_vf)(((fcs_vu)n + 127u) << 23); }

/* x = n log 2 + r, |r| <= log(2) / 2; exp(r) = 1 + r + r^2 P(r); 2^n in two factors, so that the
 * result may leave the normal numbers with one rounding. */
FCS_INLINE fcs_vf fcs_lanes_exp(fcs_vf x)
{
    const float magic = 12582912; /* 1.5 * 2^23: adding it rounds to whole numbers */
    x = FCS_SELECT(x > 90, fcs_vset(90), x);
    x = FCS_SELECT(x < -105, fcs_vset(-105), x);
    fcs_vf t = x * 1.44269504088896341f + magic, n = t - magic;
    fcs_vi k = (fcs_vi)((fcs_vu)t - 0x4b400000u); /* n as integers */
    fcs_vf r = x - n * 0.693359375f; /* exact: nine bits of log 2; then the rest of it */
    r = r + n * 2.12194440e-4f;
    fcs_vf p = r * 1.9875691500e-4f + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    fcs_vf y = p * (r * r) + r + 1;
    fcs_vi half = k >> 1;
    return y * fcs_lanes_power(half) * fcs_lanes_power((fcs_vi)((fcs_vu)k - (fcs_vu)half));
}

/* x = 2^n (1 + f), sqrt(1/2) <= 1 + f < sqrt(2); log(1 + f) = f - f^2 / 2 + f^3 P(f). */
FCS_INLINE fcs_vf fcs_lanes_log(fcs_vf x)
{
    fcs_vi tiny = (fcs_vi)(x < 0x1p-126f);
    fcs_vf scaled = FCS_SELECT(tiny, x * 0x1p23f, x);
    fcs_vu bits = (fcs_vu)scaled + (0x3f800000u - 0x3f3504f3u);
    fcs_vf f = (fcs_vf)((bits & 0x7fffffu) + 0x3f3504f3u) - 1;
    fcs_vf n = __builtin_convertvector((fcs_vi)(bits >> 23) - 127 - (tiny & 23), fcs_vf);
    fcs_vf p = f * 7.0376836292e-2f - 1.1514610310e-1f;
    p = p * f + 1.1676998740e-1f;
    p = p * f - 1.2420140846e-1f;
    p = p * f + 1.4249322787e-1f;
    p = p * f - 1.6668057665e-1f;
    p = p * f + 2.0000714765e-1f;
    p = p * f - 2.4999993993e-1f;
    p = p * f + 3.3333331174e-1f;
    fcs_vf y = p * f * (f * f) - n * 2.12194440e-4f;
    y = y - 0.5f * (f * f);
    y = f + y + n * 0.693359375f;
    const fcs_vf infinity = fcs_lanes_bits(0x7f800000u);
    y = FCS_SELECT(x < infinity, y, x); /* infinity and NaN */
    y = FCS_SELECT(x < 0, infinity - infinity, y);
    return FCS_SELECT(x == 0, -infinity, y);
}

/* Below 5/8 an odd polynomial, above 1 - 2 / (exp(2 |x|) + 1), with the sign of x. */
FCS_INLINE fcs_vf fcs_lanes_tanh(fcs_vf x)
{
    fcs_vf a = fcs_lanes_abs(x), z = a * a;
    fcs_vf p = z * -5.70498872745e-3f + 2.06390887954e-2f;
    p = p * z - 5.37397155531e-2f;
    p = p * z + 1.33314422036e-1f;
    p = p * z - 3.33332819422e-1f;
    fcs_vf low = p * z * a + a;
    fcs_vf high = 1 - 2 / (fcs_lanes_exp(a + a) + 1);
    fcs_vf y = FCS_SELECT(a < 0.625f, low, high);
    return (fcs_vf)((fcs_vu)y | ((fcs_vu)x & 0x80000000u));
}

/* 1 / (1 + exp(-x)), from exp(-|x|), which does not overflow. */
FCS_INLINE fcs_vf fcs_lanes_sigmoid(fcs_vf x)
{
    fcs_vf e = fcs_lanes_exp(-fcs_lanes_abs(x));
    return FCS_SELECT(x < 0, e, FCS_ONE) / (e + 1);
}

/* log(1 + exp(x)) = max(x, 0) + log(1 + e), e = exp(-|x|); what rounding 1 + e to u loses comes
 * back as (e - (u-1)) / u. */
FCS_INLINE fcs_vf fcs_lanes_softplus(fcs_vf x)
{
    fcs_vf e = fcs_lanes_exp(-fcs_lanes_abs(x)), u = e + 1;
    fcs_vf tail = fcs_lanes_log(u) + (e - (u - 1)) / u;
    return FCS_SELECT(x > 0, x, FCS_ZERO) + tail;
}

#endif
