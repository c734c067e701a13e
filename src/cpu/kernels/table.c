/* table.c: the kernels of one instruction set, from ops.def: an op without a kernel does not link.
 */
#include "cpu/kernels/kernels.h"

#define FCS_OP(name) extern const fcs_cpu_op FCS_SYM(op_##name);
#include "ops/ops.def"

#define FCS_OP(name) &FCS_SYM(op_##name),
static const fcs_cpu_op *const ops[] = {
#include "ops/ops.def"
};

#define FCS_TEXT_OF(x) #x
#define FCS_NAME_OF(x) FCS_TEXT_OF(x)
const fcs_isa FCS_SYM(isa) = {
    .name = FCS_NAME_OF(FCS_ISA),
    .available = FCS_SYM(available),
    .ops = ops,
    .sum_rows = FCS_SYM(sum_rows),
    .fma_peak = FCS_SYM(fma_peak),
};
