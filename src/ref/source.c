/* source.c: read copies the tensor's value, constant is its attribute as a float32. */
#include "ref/reference.h"

#include <math.h>

fcs_ref fcs_ref_read, fcs_ref_constant;

void fcs_ref_read(fcs_ref_call *c)
{
    c->terms = 1;
    for (int64_t i = 0; i < fcs_shape_count(c->args->out); i++) {
        c->out[i] = c->in[0][i];
        if (c->magnitude)
            c->magnitude[i] = fabs(c->out[i]);
    }
}

void fcs_ref_constant(fcs_ref_call *c)
{
    c->terms = 1;
    c->out[0] = fcs_ref_rounded(c->args->attrs.f[0]);
    if (c->magnitude)
        c->magnitude[0] = fabs(c->out[0]);
}
