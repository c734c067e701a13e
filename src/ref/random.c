/* random.c: element i of the row-major order is number i of the stream. */
#include "ref/reference.h"

#include <math.h>

fcs_ref fcs_ref_random_uniform, fcs_ref_random_normal;

static void draw(fcs_ref_call *c, float number(uint64_t, uint64_t, uint32_t, uint64_t))
{
    c->terms = 1;
    for (int64_t i = 0; i < fcs_shape_count(c->args->out); i++) {
        c->out[i] = (double)number(c->seed, c->step, c->stream, (uint64_t)i);
        if (c->magnitude)
            c->magnitude[i] = fabs(c->out[i]);
    }
}

void fcs_ref_random_uniform(fcs_ref_call *c) { draw(c, fcs_random_uniform); }
void fcs_ref_random_normal(fcs_ref_call *c) { draw(c, fcs_random_normal); }
