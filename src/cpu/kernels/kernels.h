/* kernels.h: what the kernel bodies of one instruction set give to its table. */
#ifndef FCS_KERNELS_H
#define FCS_KERNELS_H

#include "cpu/cpu.h"
#include "cpu/kernels/simd.h"

extern const fcs_isa FCS_SYM(isa);
bool FCS_SYM(available)(void); /* src/cpu/isa.c: compiled for every machine */
void FCS_SYM(sum_rows)(float *y, const float *x, int64_t rows, int64_t cs, int64_t n);
double FCS_SYM(fma_peak)(double seconds);

#endif
