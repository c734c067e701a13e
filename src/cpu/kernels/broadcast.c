/* broadcast.c: a chain without lanes. */
#include "cpu/chain.h"
#include "cpu/kernels/kernels.h"

static void run(const fcs_cpu_call *c) { fcs_chain_apply(c, &FCS_SYM(isa)); }

const fcs_cpu_op FCS_SYM(op_broadcast) = {.run = run, .scratch = fcs_chain_apply_scratch};
