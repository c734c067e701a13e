/* elementwise.c: the definitions as functions of doubles. Attributes are rounded to float32 first,
 * as kernels have them. */
#include "ref/reference.h"

#include <math.h>

typedef double function(const double *x, const double *f);

static void apply(fcs_ref_call *c, function *y)
{
    const fcs_apply_args *a = c->args;
    double f[2] = {fcs_ref_rounded(a->attrs.f[0]), fcs_ref_rounded(a->attrs.f[1])};
    int64_t i[FCS_DIMS] = {0}, to = 0;
    c->terms = 1;
    do {
        double x[3] = {0};
        for (int k = 0; k < a->n_in; k++) {
            int64_t from[FCS_DIMS];
            for (int d = 0; d < FCS_DIMS; d++)
                from[d] = a->in[k].n[d] == 1 ? 0 : i[d];
            x[k] = c->in[k][fcs_ref_at(a->in[k], from)];
        }
        c->out[to] = y(x, f);
        if (c->magnitude)
            c->magnitude[to] = fabs(c->out[to]);
        to++;
    } while (fcs_ref_next(a->out, i));
}

#define DEFINE(name, value)                                                                        \
    static double y_##name(const double *x, const double *f)                                       \
    {                                                                                              \
        (void)x, (void)f;                                                                          \
        return value;                                                                              \
    }                                                                                              \
    fcs_ref fcs_ref_##name;                                                                        \
    void fcs_ref_##name(fcs_ref_call *c) { apply(c, y_##name); }

DEFINE(add, x[0] + x[1])
DEFINE(sub, x[0] - x[1])
DEFINE(mul, x[0] * x[1])
DEFINE(div, x[0] / x[1])
DEFINE(max, fmax(x[0], x[1]))
DEFINE(min, fmin(x[0], x[1]))
DEFINE(less, x[0] < x[1])
DEFINE(select, fabs(x[0]) > 0 ? x[1] : x[2])
DEFINE(neg, 0 - x[0])
DEFINE(square, pow(x[0], 2))
DEFINE(abs, fabs(x[0]))
DEFINE(sign, (x[0] > 0) - (x[0] < 0))
DEFINE(step, x[0] > 0)
DEFINE(finite, isfinite(x[0]) ? 1 : 0)
DEFINE(relu, fmax(x[0], 0))
DEFINE(leaky_relu, fmax(x[0], 0) + f[0] * fmin(x[0], 0))
DEFINE(leaky_step, x[0] > 0 ? 1 : f[0])
DEFINE(sqrt, sqrt(x[0]))
DEFINE(rsqrt, 1 / sqrt(x[0]))
DEFINE(reciprocal, 1 / x[0])
DEFINE(exp, exp(x[0]))
DEFINE(log, log(x[0]))
DEFINE(tanh, tanh(x[0]))
DEFINE(sigmoid, 1 / (1 + exp(-x[0])))
DEFINE(softplus, fmax(x[0], 0) + log1p(exp(-fabs(x[0]))))

static double y_affine(const double *x, const double *f) { return f[0] * x[0] + f[1]; }

fcs_ref fcs_ref_affine;
void fcs_ref_affine(fcs_ref_call *c)
{
    apply(c, y_affine);
    c->terms = 2;
    if (!c->magnitude)
        return;
    double f[2] = {fcs_ref_rounded(c->args->attrs.f[0]), fcs_ref_rounded(c->args->attrs.f[1])};
    for (int64_t k = 0; k < fcs_shape_count(c->args->out); k++)
        c->magnitude[k] = fabs(f[0] * c->in[0][k]) + fabs(f[1]);
}
