/* conv.c: the trilinear form  sum_{n,co,ci,o,t} x[n,ci,o*stride + t*dilation - lo] w[co,ci,t] y[n,co,o]  over all taps
 * that lie in the image. Each op of the family is its derivative in one of the three: the product of the other two is
 * added there. */
#include "ref/reference.h"

#include <math.h>
#include <string.h>

fcs_ref fcs_ref_conv, fcs_ref_conv_dx, fcs_ref_conv_dw;

typedef enum role { IMAGE, KERNEL, RESULT } role;
typedef struct form {
    fcs_shape shape[3];        /* by role */
    const double *value[3];    /* by role; the output's is NULL */
    double *out, *magnitude;
    role target;
} form;

static void add_tap(const form *f, const int64_t at[3])
{
    static const role others[3][2] = {{KERNEL, RESULT}, {IMAGE, RESULT}, {IMAGE, KERNEL}};
    role p = others[f->target][0], q = others[f->target][1];
    double product = f->value[p][at[p]] * f->value[q][at[q]];
    f->out[at[f->target]] += product;
    if (f->magnitude) f->magnitude[at[f->target]] += fabs(product);
}

/* All taps t for one output position o; plane: number of the D H W block in each of the three. */
static void add_position(const form *f, const fcs_attrs *a, const int64_t plane[3], const int64_t o[3])
{
    const int64_t *x = f->shape[IMAGE].n + 2, *k = f->shape[KERNEL].n + 2, *y = f->shape[RESULT].n + 2;
    int64_t i[3], t[3];
    for (t[0] = 0; t[0] < k[0]; t[0]++)
        for (t[1] = 0; t[1] < k[1]; t[1]++)
            for (t[2] = 0; t[2] < k[2]; t[2]++) {
                bool inside = true;
                for (int d = 0; d < 3; d++) {
                    i[d] = o[d] * a->i[FCS_CONV_STRIDE + d] + t[d] * a->i[FCS_CONV_DILATION + d] - a->i[FCS_CONV_PAD_LO + d];
                    inside = inside && i[d] >= 0 && i[d] < x[d];
                }
                if (!inside) continue;
                int64_t at[3] = {
                    ((plane[IMAGE] * x[0] + i[0]) * x[1] + i[1]) * x[2] + i[2],
                    ((plane[KERNEL] * k[0] + t[0]) * k[1] + t[1]) * k[2] + t[2],
                    ((plane[RESULT] * y[0] + o[0]) * y[1] + o[1]) * y[2] + o[2],
                };
                add_tap(f, at);
            }
}

static void run(fcs_ref_call *c, form *f)
{
    size_t bytes = (size_t)fcs_shape_count(c->args->out) * sizeof *c->out;
    f->out = c->out;
    f->magnitude = c->magnitude;
    memset(c->out, 0, bytes);
    if (c->magnitude) memset(c->magnitude, 0, bytes);
    int64_t ci_n = f->shape[IMAGE].n[1], co_n = f->shape[RESULT].n[1];
    int64_t taps = f->shape[KERNEL].n[2] * f->shape[KERNEL].n[3] * f->shape[KERNEL].n[4];
    int64_t pixels = f->shape[RESULT].n[0] * f->shape[RESULT].n[2] * f->shape[RESULT].n[3] * f->shape[RESULT].n[4];
    c->terms = f->target == KERNEL ? pixels : taps * (f->target == IMAGE ? co_n : ci_n);
    int64_t i[FCS_DIMS] = {0};
    do /* over n, co, o */
        for (int64_t ci = 0; ci < ci_n; ci++) {
            int64_t plane[3] = {i[0] * ci_n + ci, i[1] * ci_n + ci, i[0] * co_n + i[1]};
            add_position(f, &c->args->attrs, plane, i + 2);
        }
    while (fcs_ref_next(f->shape[RESULT], i));
}

void fcs_ref_conv(fcs_ref_call *c)
{
    form f = {{c->args->in[0], c->args->in[1], c->args->out}, {c->in[0], c->in[1], NULL}, NULL, NULL, RESULT};
    run(c, &f);
}

void fcs_ref_conv_dx(fcs_ref_call *c)
{
    form f = {{c->args->out, c->args->in[1], c->args->in[0]}, {NULL, c->in[1], c->in[0]}, NULL, NULL, IMAGE};
    run(c, &f);
}

void fcs_ref_conv_dw(fcs_ref_call *c)
{
    form f = {{c->args->in[0], c->args->out, c->args->in[1]}, {c->in[0], NULL, c->in[1]}, NULL, NULL, KERNEL};
    run(c, &f);
}
