/* softmax.c: exp(x[c]) / sum of exp(x[k]) over the channels of a pixel; the quotient as one over a
 * sum of exponentials of differences, none of which overflows in double. */
#include "ref/reference.h"

#include <math.h>

fcs_ref fcs_ref_softmax;

void fcs_ref_softmax(fcs_ref_call *c)
{
    fcs_shape s = c->args->out;
    int64_t i[FCS_DIMS] = {0}, to = 0;
    c->terms = s.n[FCS_C];
    do {
        int64_t k[FCS_DIMS] = {i[0], 0, i[2], i[3], i[4]};
        double sum = 0;
        for (; k[1] < s.n[FCS_C]; k[1]++)
            sum += exp(c->in[0][fcs_ref_at(s, k)] - c->in[0][to]);
        c->out[to] = 1 / sum;
        if (c->magnitude)
            c->magnitude[to] = c->out[to];
        to++;
    } while (fcs_ref_next(s, i));
}
