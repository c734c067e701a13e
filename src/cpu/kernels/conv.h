/* conv.h: what the convolution kernels' files share. */
#ifndef FCS_CONV_KERNELS_H
#define FCS_CONV_KERNELS_H

#include "cpu/cpu.h"
#include "cpu/kernels/gemm.h"
#include "ops/tiling.h"

/* conv and, with adjoint, conv_dx for under eight output channels (conv_few.c). */
void FCS_SYM(conv_few_run)(const fcs_cpu_call *call, bool adjoint);
size_t FCS_SYM(conv_few_scratch)(const fcs_apply_args *a, int threads, bool adjoint);

/* The same where input channels fill vectors (conv_sums.c). */
bool FCS_SYM(conv_sums_fits)(const fcs_apply_args *a);
void FCS_SYM(conv_sums_run)(const fcs_cpu_call *call, bool adjoint);
size_t FCS_SYM(conv_sums_scratch)(const fcs_apply_args *a, bool adjoint);

/* conv and conv_dx of one to seven input channels (conv_thin.c). */
bool FCS_SYM(conv_thin_fits)(const fcs_apply_args *a, bool adjoint);
void FCS_SYM(conv_thin_run)(const fcs_cpu_call *call, bool adjoint);
size_t FCS_SYM(conv_thin_scratch)(const fcs_apply_args *a, int threads, bool adjoint);

/* conv and conv_dx by minimal filtering (conv_tiled.c). */
void FCS_SYM(conv_tiled_run)(const fcs_cpu_call *call, const fcs_tiling t[3]);
size_t FCS_SYM(conv_tiled_scratch)(const fcs_apply_args *a, const fcs_tiling t[3], int threads);
/* conv_dw by the same (conv_dw_tiled.c). */
void FCS_SYM(conv_dw_tiled_run)(const fcs_cpu_call *call, const fcs_tiling t[3]);
size_t FCS_SYM(conv_dw_tiled_scratch)(const fcs_apply_args *a, const fcs_tiling t[3], int threads);

/* The same where x has one to seven channels (conv_dw_thin_tiled.c). */
void FCS_SYM(conv_dw_thin_tiled_run)(const fcs_cpu_call *call, const fcs_tiling t[3]);
size_t FCS_SYM(conv_dw_thin_tiled_scratch)(const fcs_apply_args *a, const fcs_tiling t[3],
                                           int threads);

/* conv_dw where x or gy has one to seven channels (conv_dw_thin.c). */
bool FCS_SYM(conv_dw_thin_fits)(const fcs_apply_args *a);
void FCS_SYM(conv_dw_thin_run)(const fcs_cpu_call *call);
size_t FCS_SYM(conv_dw_thin_scratch)(const fcs_apply_args *a, int threads);

/* Sums over parts of the pixels, each as out; added up in order. One part is out itself. */
typedef struct fcs_dw_parts {
    float *out, *partial; /* [part][floats] */
    int64_t floats, n;
} fcs_dw_parts;

static inline size_t fcs_dw_parts_bytes(const fcs_dw_parts *p)
{
    return p->n > 1 ? fcs_lines((size_t)(p->n * p->floats) * sizeof(float)) : 0;
}

static inline float *fcs_dw_part(const fcs_dw_parts *p, int64_t part)
{
    return p->n > 1 ? p->partial + part * p->floats : p->out;
}

void FCS_SYM(dw_parts_clear)(fcs_team *team, fcs_dw_parts *p);
void FCS_SYM(dw_parts_add)(fcs_team *team, fcs_dw_parts *p);

extern const fcs_cpu_op FCS_SYM(op_conv), FCS_SYM(op_conv_dx), FCS_SYM(op_conv_dw),
    FCS_SYM(op_matmul);

#endif
