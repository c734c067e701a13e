/* table.c: the references by op, expanded from ops.def: an op without one does not link. */
#include "ref/reference.h"

#define FCS_OP(name) fcs_ref fcs_ref_##name;
#include "ops/ops.def"

fcs_ref *const fcs_refs[] = {
#define FCS_OP(name) fcs_ref_##name,
#include "ops/ops.def"
};

double fcs_ref_rounded(double v)
{
    volatile float rounded = (float)v;
    return (double)rounded;
}

int64_t fcs_ref_at(fcs_shape s, const int64_t *i)
{
    int64_t at = 0;
    for (int d = 0; d < FCS_DIMS; d++)
        at = at * s.n[d] + i[d];
    return at;
}

bool fcs_ref_next(fcs_shape s, int64_t *i)
{
    for (int d = FCS_DIMS - 1; d >= 0; d--) {
        if (++i[d] < s.n[d])
            return true;
        i[d] = 0;
    }
    return false;
}
