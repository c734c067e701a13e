/* simd.h: vectors for kernel bodies, on GCC/Clang vector extensions.
 *
 * Every kernel body is compiled once per instruction set with -DFCS_ISA=<name> -DFCS_VLEN=<floats
 * per vector> and the instruction set's -m flags, -O3 -ffp-contract=fast (a * b + c is one fma
 * where the machine has it). All external symbols go through FCS_SYM, so the copies live side by
 * side; everything else is static. */
#ifndef FCS_SIMD_H
#define FCS_SIMD_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if !defined(FCS_ISA) || !defined(FCS_VLEN)
#error "kernel bodies are compiled with -DFCS_ISA=... -DFCS_VLEN=..."
#endif

#define FCS_SYM_PASTE(isa, name) fcs_##isa##_##name
#define FCS_SYM_EXPAND(isa, name) FCS_SYM_PASTE(isa, name)
#define FCS_SYM(name) FCS_SYM_EXPAND(FCS_ISA, name) /* fcs_<isa>_<name> */

#define FCS_INLINE static inline __attribute__((always_inline))

/* Loops with constant bounds that must vanish, so that arrays of vectors become registers. */
#if defined(__clang__)
#define FCS_UNROLL _Pragma("clang loop unroll(full)")
#else
#define FCS_UNROLL _Pragma("GCC unroll 64")
#endif

typedef float fcs_vf __attribute__((vector_size(FCS_VLEN * 4)));
typedef int32_t fcs_vi __attribute__((vector_size(FCS_VLEN * 4)));
typedef uint32_t fcs_vu __attribute__((vector_size(FCS_VLEN * 4)));
/* The same in memory: aligned as a float is. */
typedef float fcs_vf_memory __attribute__((vector_size(FCS_VLEN * 4), aligned(4), may_alias));

FCS_INLINE fcs_vf fcs_vload(const float *p) { return (fcs_vf) * (const fcs_vf_memory *)p; }

FCS_INLINE void fcs_vstore(float *p, fcs_vf v) { *(fcs_vf_memory *)p = (fcs_vf_memory)v; }

/* A store past the caches where a vector is a whole cache line, at its boundary; a thread calls
 * fcs_vstreamed() before another one reads them. */
FCS_INLINE void fcs_vstream(float *p, fcs_vf v)
{
#if !defined(__AVX512F__) || FCS_VLEN != 16
    fcs_vstore(p, v);
#elif defined(__clang__)
    __builtin_nontemporal_store(v, (fcs_vf *)(void *)p);
#else
    __builtin_ia32_movntps512(p, v);
#endif
}

FCS_INLINE void fcs_vstreamed(void)
{
#ifdef __AVX512F__
    __builtin_ia32_sfence();
#endif
}

/* All lanes x. (x - 0 is x for every x, -0 and NaN included; 0 + x would lose the sign of -0.) */
FCS_INLINE fcs_vf fcs_vset(float x) { return x - (fcs_vf){0}; }

FCS_INLINE fcs_vi fcs_viset(int32_t x) { return x - (fcs_vi){0}; }

/* a * b + c: fused where the instruction set has it (-ffp-contract=fast). */
FCS_INLINE fcs_vf fcs_vfma(fcs_vf a, fcs_vf b, fcs_vf c) { return a * b + c; }

/* Lanes of a where the mask is -1, of b where it is 0. Comparisons of fcs_vf give such masks. */
FCS_INLINE fcs_vf fcs_vselect(fcs_vi mask, fcs_vf a, fcs_vf b)
{
    return (fcs_vf)((mask & (fcs_vi)a) | (~mask & (fcs_vi)b));
}

/* The first n lanes (0 <= n <= FCS_VLEN), zeros behind. */
FCS_INLINE fcs_vf fcs_vload_n(const float *p, int64_t n)
{
    float t[FCS_VLEN] = {0};
    memcpy(t, p, (size_t)n * sizeof *t);
    return fcs_vload(t);
}

FCS_INLINE void fcs_vstore_n(float *p, fcs_vf v, int64_t n)
{
    float t[FCS_VLEN];
    fcs_vstore(t, v);
    memcpy(p, t, (size_t)n * sizeof *t);
}

/* Elements 0, 2, 4 .. and 1, 3, 5 .. of a and b in a row, or of each half of them: whatever order
 * the instruction set has, as long as it is the same for both. */
#if FCS_VLEN == 4
#define FCS_EVEN 0, 2, 4, 6
#define FCS_ODD 1, 3, 5, 7
#elif FCS_VLEN == 8
#define FCS_EVEN 0, 2, 8, 10, 4, 6, 12, 14
#define FCS_ODD 1, 3, 9, 11, 5, 7, 13, 15
#define FCS_LOW 0, 1, 2, 3, 8, 9, 10, 11
#define FCS_HIGH 4, 5, 6, 7, 12, 13, 14, 15
#elif FCS_VLEN == 16
#define FCS_EVEN 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
#define FCS_ODD 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31
#endif
/* Of each quarter, four lanes, of a and b: elements 0 and 1 or 2 and 3 in turn, or as pairs. Every
 * other quarter of a, then of b. */
#if FCS_VLEN == 4
#define FCS_ZIP_LOW 0, 4, 1, 5
#define FCS_ZIP_HIGH 2, 6, 3, 7
#define FCS_PAIRS_LOW 0, 1, 4, 5
#define FCS_PAIRS_HIGH 2, 3, 6, 7
#elif FCS_VLEN == 8
#define FCS_ZIP_LOW 0, 8, 1, 9, 4, 12, 5, 13
#define FCS_ZIP_HIGH 2, 10, 3, 11, 6, 14, 7, 15
#define FCS_PAIRS_LOW 0, 1, 8, 9, 4, 5, 12, 13
#define FCS_PAIRS_HIGH 2, 3, 10, 11, 6, 7, 14, 15
#define FCS_EVEN_QUARTERS FCS_LOW
#define FCS_ODD_QUARTERS FCS_HIGH
#elif FCS_VLEN == 16
#define FCS_ZIP_LOW 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29
#define FCS_ZIP_HIGH 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31
#define FCS_PAIRS_LOW 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29
#define FCS_PAIRS_HIGH 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31
#define FCS_EVEN_QUARTERS 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27
#define FCS_ODD_QUARTERS 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31
#endif
#if defined(__clang__)
#define FCS_SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define FCS_SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (fcs_vi){__VA_ARGS__})
#endif

/* Sums of neighbouring lanes: those of a, then those of b (VLEN = 8: in each half). */
FCS_INLINE fcs_vf fcs_vpairs(fcs_vf a, fcs_vf b)
{
    return FCS_SHUFFLE(a, b, FCS_EVEN) + FCS_SHUFFLE(a, b, FCS_ODD);
}

/* v as a VLEN x VLEN matrix transposed: 4 x 4 elements within quarters of four lanes, where
 * shuffles are cheapest, then the quarters. */
FCS_INLINE void fcs_vtranspose(fcs_vf v[FCS_VLEN])
{
    FCS_UNROLL
    for (unsigned i = 0; i < FCS_VLEN; i += 4) {
        fcs_vf a = FCS_SHUFFLE(v[i], v[i + 1], FCS_ZIP_LOW),
               b = FCS_SHUFFLE(v[i], v[i + 1], FCS_ZIP_HIGH),
               c = FCS_SHUFFLE(v[i + 2], v[i + 3], FCS_ZIP_LOW),
               d = FCS_SHUFFLE(v[i + 2], v[i + 3], FCS_ZIP_HIGH);
        v[i] = FCS_SHUFFLE(a, c, FCS_PAIRS_LOW);
        v[i + 1] = FCS_SHUFFLE(a, c, FCS_PAIRS_HIGH);
        v[i + 2] = FCS_SHUFFLE(b, d, FCS_PAIRS_LOW);
        v[i + 3] = FCS_SHUFFLE(b, d, FCS_PAIRS_HIGH);
    }
#if FCS_VLEN > 4
    FCS_UNROLL
    for (unsigned round = 4; round < FCS_VLEN; round *= 2) {
        fcs_vf t[FCS_VLEN];
        FCS_UNROLL
        for (unsigned i = 0; i < FCS_VLEN; i++)
            t[i] = v[i];
        FCS_UNROLL
        for (unsigned i = 0; i < FCS_VLEN / 2; i++) {
            unsigned from = i / 4 * 8 + i % 4;
            v[i] = FCS_SHUFFLE(t[from], t[from + 4], FCS_EVEN_QUARTERS);
            v[i + FCS_VLEN / 2] = FCS_SHUFFLE(t[from], t[from + 4], FCS_ODD_QUARTERS);
        }
    }
#endif
}

/* Lane i: the sum of v[i]'s lanes, neighbours first, then neighbouring sums. VLEN vectors. */
FCS_INLINE fcs_vf fcs_vsums(const fcs_vf *v)
{
    fcs_vf t[FCS_VLEN];
    FCS_UNROLL
    for (int i = 0; i < FCS_VLEN; i++)
        t[i] = v[i];
    FCS_UNROLL
    for (int n = FCS_VLEN / 2; n > (FCS_VLEN == 8); n /= 2)
        FCS_UNROLL
    for (int i = 0; i < n; i++)
        t[i] = fcs_vpairs(t[2 * i], t[2 * i + 1]);
#if FCS_VLEN == 8 /* the halves last, so that vectors are crossed once only */
    return FCS_SHUFFLE(t[0], t[1], FCS_LOW) + FCS_SHUFFLE(t[0], t[1], FCS_HIGH);
#else
    return t[0];
#endif
}

/* The sum of all lanes, in a fixed order: halves added until one is left. */
FCS_INLINE float fcs_vsum(fcs_vf v)
{
    float t[FCS_VLEN];
    fcs_vstore(t, v);
    for (int half = FCS_VLEN / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            t[i] += t[i + half];
    return t[0];
}

#endif
