/* source.c: read and constant have no kernels: the plan places their values. */
#include "cpu/kernels/kernels.h"

const fcs_cpu_op FCS_SYM(op_read) = {.run = NULL};
const fcs_cpu_op FCS_SYM(op_constant) = {.run = NULL};
