/* table.c: the ops on OpenCL devices, expanded from ops.def: an op without its fcs_cl_op_<name>
 * does not link. Elementwise ops have their expression's text, which chain.c puts into kernels. */
#include "opencl/opencl.h"

#define FCS_OP(name)
#define FCS_LANES(name, inputs, text)                                                              \
    static const fcs_cl_op fcs_cl_op_##name = {fcs_cl_chain_apply, fcs_cl_chain_apply_scratch,     \
                                               #text};
#include "ops/ops.def"

#define FCS_OP(name) extern const fcs_cl_op fcs_cl_op_##name;
#define FCS_LANES(name, inputs, text)
#include "ops/ops.def"

#define FCS_OP(name) &fcs_cl_op_##name,
const fcs_cl_op *const fcs_cl_ops[] = {
#include "ops/ops.def"
};
