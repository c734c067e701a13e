/* culprit.c: naming the first node of a plan that is not finite. */
#include "models/model.h"
#include <math.h>
#include <stdlib.h>

/* One bad number per value is enough; padding lanes are zero and do no harm. */
static bool is_finite(const fcs_plan *p, int value)
{
    float *x = fcs_plan_map(p, value, FCS_MAP_READ);
    int64_t i = 0, n = x ? fcs_shape_floats(p->values[value].shape) : 0;
    while (i < n && isfinite(x[i]))
        i++;
    return !x || (fcs_plan_unmap(p, value, x) == FCS_OK && i == n);
}

/* The value that a step reads or makes and that is not finite; -1: none. Chains have inputs and
 * outputs of their own. */
static int bad_value(const fcs_plan *p, const fcs_step *s)
{
    const fcs_chain *c = s->chain;
    int inputs = c ? c->n_inputs : s->n_in, outputs = c ? c->n_outputs : 1;
    for (int i = 0; i < inputs; i++) {
        int value = c ? c->inputs[i] : s->in[i];
        if (!is_finite(p, value))
            return value;
    }
    for (int i = 0; i < outputs; i++) {
        int value = c ? c->outputs[i].value : s->out;
        if (!is_finite(p, value))
            return value;
    }
    return -1;
}

void fcs_model_culprit(fcs_model *m, fcs_plan *plain, uint64_t run)
{
    enum {
        LIMIT_GIB = 8
    }; /* every value in its own place: a large recipe would fill the machine */
    if (fcs_plan_bytes(plain) >> 30 >= LIMIT_GIB || fcs_plan_run(plain, m->seed, run) != FCS_OK)
        return;
    snprintf(m->culprit, sizeof m->culprit, "no node when repeated");
    for (int i = 0; i < plain->n_steps; i++) {
        int value = bad_value(plain, &plain->steps[i]);
        if (value >= 0) {
            snprintf(m->culprit, sizeof m->culprit, "%s", plain->values[value].name);
            return;
        }
    }
}
