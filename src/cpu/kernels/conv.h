/* conv.h: what the convolution kernels' files share. */
#ifndef FCS_CONV_KERNELS_H
#define FCS_CONV_KERNELS_H

#include "cpu/cpu.h"
#include "cpu/kernels/gemm.h"

/* conv and, with adjoint, conv_dx for under eight output channels (conv_few.c). */
void FCS_SYM(conv_few_run)(const fcs_cpu_call *call, bool adjoint);
size_t FCS_SYM(conv_few_scratch)(const fcs_apply_args *a, int threads, bool adjoint);

extern const fcs_cpu_op FCS_SYM(op_conv), FCS_SYM(op_conv_dx), FCS_SYM(op_conv_dw),
    FCS_SYM(op_matmul);

#endif
