/* source.c: read, constant: values that no kernel makes. The plan places them. */
#include "ops/ops.h"

static fcs_status read_shape(fcs_apply_args *a, fcs_error *e)
{
    fcs_status status = fcs_op_begin(a, e);
    if (status != FCS_OK)
        return status;
    fcs_shape s;
    for (int d = 0; d < FCS_DIMS; d++)
        s.n[d] = a->attrs.i[d];
    return fcs_op_finish(a, s, e);
}

static fcs_status constant_shape(fcs_apply_args *a, fcs_error *e)
{
    fcs_status status = fcs_op_begin(a, e);
    return status != FCS_OK ? status : fcs_op_finish(a, fcs_shape_of(1, 1, 1, 1, 1), e);
}

static double no_flops(const fcs_apply_args *a)
{
    (void)a;
    return 0;
}

static const fcs_attr read_attrs[] = {
    {"shape", 'i', 0, 5, 1, 1099511627776.0, 1, "the tensor's sizes N,C,D,H,W"},
};
static const fcs_attr constant_attrs[] = {
    {"value", 'f', 0, 1, -3.4028234e38, 3.4028234e38, 0, "the value, rounded to float32"},
};
static const char *const read_cases[] = {
    "shape=1", "shape=2,3,1,5,7", "shape=1,17,1,9,11", "shape=2,8,3,5,4", "shape=3,40,1,1,1", NULL,
};
static const char *const constant_cases[] = {"value=0", "value=1", "value=-0.1", "value=1e30",
                                             NULL};

const fcs_op fcs_op_read = {
    .name = "read",
    .family = "source",
    .text = "the value of a tensor at the start of the run",
    .kind = FCS_KIND_SOURCE,
    .accuracy = FCS_EXACT,
    .attrs = read_attrs,
    .n_attrs = 1,
    .shape = read_shape,
    .flops = no_flops,
    .nonzero = 0.5,
    .cases = read_cases,
};
const fcs_op fcs_op_constant = {
    .name = "constant",
    .family = "source",
    .text = "one number",
    .kind = FCS_KIND_SOURCE,
    .accuracy = FCS_EXACT,
    .attrs = constant_attrs,
    .n_attrs = 1,
    .shape = constant_shape,
    .flops = no_flops,
    .cases = constant_cases,
};
