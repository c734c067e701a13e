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
