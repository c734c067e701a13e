/* isa.c: the instruction sets compiled in, best first. */
#include "cpu/cpu.h"

#include <string.h>

/* One line a set: whether the machine has it, and its table (src/cpu/kernels/table.c). */
#define FCS_KERNELS(name, condition)                                                               \
    extern const fcs_isa fcs_##name##_isa;                                                         \
    bool fcs_##name##_available(void);                                                             \
    bool fcs_##name##_available(void) { return condition; }
#ifdef FCS_HAVE_AVX512
FCS_KERNELS(avx512, __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
                        __builtin_cpu_supports("fma"))
#endif
#ifdef FCS_HAVE_AVX2
FCS_KERNELS(avx2, __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
#endif
#ifdef FCS_HAVE_SSE2
FCS_KERNELS(sse2, __builtin_cpu_supports("sse2") != 0)
#endif
#ifdef FCS_HAVE_NEON
FCS_KERNELS(neon, true)
#endif
FCS_KERNELS(portable, true)

const fcs_isa *const fcs_isas[] = {
#ifdef FCS_HAVE_AVX512
    &fcs_avx512_isa,
#endif
#ifdef FCS_HAVE_AVX2
    &fcs_avx2_isa,
#endif
#ifdef FCS_HAVE_SSE2
    &fcs_sse2_isa,
#endif
#ifdef FCS_HAVE_NEON
    &fcs_neon_isa,
#endif
    &fcs_portable_isa, NULL,
};

const fcs_isa *fcs_isa_find(fcs_error *e, const char *name)
{
    const char *names[sizeof fcs_isas / sizeof *fcs_isas];
    int n = 0;
    for (; fcs_isas[n]; n++) {
        names[n] = fcs_isas[n]->name;
        if (name ? strcmp(name, names[n]) != 0 : !fcs_isas[n]->available())
            continue;
        if (fcs_isas[n]->available())
            return fcs_isas[n];
        fcs_fail(e, FCS_FAILED,
                 "instruction set %s: this machine does not have it, leave the choice out", name);
        return NULL;
    }
    const char *near = fcs_nearest(name ? name : "", names, n);
    fcs_fail(e, FCS_FAILED, "instruction set %s: unknown, try %s", name ? name : "",
             near ? near : "portable");
    return NULL;
}
