/* random.c: random_uniform, random_normal. Element i in row-major N C D H W order is number i of
 * the stream (seed, step, name), wherever it lies in memory. */
#include "ops/ops.h"

static fcs_status random_shape(fcs_apply_args *a, fcs_error *e)
{
    fcs_status status = fcs_op_begin(a, e);
    if (status != FCS_OK)
        return status;
    fcs_shape s;
    for (int d = 0; d < FCS_DIMS; d++)
        s.n[d] = a->attrs.i[d];
    return fcs_op_finish(a, s, e);
}

static const fcs_attr random_attrs[] = {
    {"shape", 'i', 0, 5, 1, 1099511627776.0, 1, "sizes N,C,D,H,W of the result"},
};
static const char *const random_cases[] = {
    "shape=1",
    "shape=2,3,1,5,7",
    "shape=1,17,1,9,11",
    "shape=2,7,3,5,4",
    "shape=3,40,1,3,1",
    "shape=2,1,1,33,31",
    NULL,
};
static const char *const random_bench[] = {"shape=1,1,1,4096,4096", "shape=4,32,1,256,256", NULL};

const fcs_op fcs_op_random_uniform = {
    .name = "random_uniform",
    .family = "random",
    .text = "uniform random numbers k * 2^-24 in [0,1)",
    .kind = FCS_KIND_KERNEL,
    .accuracy = FCS_EXACT,
    .attrs = random_attrs,
    .n_attrs = 1,
    .shape = random_shape,
    .nonzero = 0.9,
    .cases = random_cases,
    .bench = random_bench,
};
const fcs_op fcs_op_random_normal = {
    .name = "random_normal",
    .family = "random",
    .text = "normal random numbers, mean 0 and variance 1",
    .kind = FCS_KIND_KERNEL,
    .accuracy = FCS_EXACT,
    .attrs = random_attrs,
    .n_attrs = 1,
    .shape = random_shape,
    .nonzero = 0.9,
    .cases = random_cases,
    .bench = random_bench,
};
