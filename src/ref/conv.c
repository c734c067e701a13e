/* conv.c: the trilinear form  sum_{n,co,ci,o,t} x[n,ci,o*stride + t*dilation - lo] w[co,ci,t]
 * y[n,co,o]  over all taps that lie in the image. Each op of the family is its derivative in one of
 * the three: the product of the other two is added there. */
#include "ref/reference.h"

#include <math.h>
#include <string.h>

fcs_ref fcs_ref_conv, fcs_ref_conv_dx, fcs_ref_conv_dw;

typedef enum role { IMAGE, KERNEL, RESULT } role;
typedef struct form {
    fcs_shape shape[3];     /* by role */
    const double *value[3]; /* by role; the output's is NULL */
    double *out, *magnitude;
    role target;
} form;

/* Position o + tap t of dimension d in the image; false outside it. */
static bool place(const form *f, const fcs_attrs *a, int d, int64_t o, int64_t t, int64_t *i)
{
    *i =
        o * a->i[FCS_CONV_STRIDE + d] + t * a->i[FCS_CONV_DILATION + d] - a->i[FCS_CONV_PAD_LO + d];
    return *i >= 0 && *i < f->shape[IMAGE].n[2 + d];
}

/* The taps along W of one row; at: where the row begins in each of the three. */
static void add_row(const form *f, const fcs_attrs *a, const int64_t at[3], int64_t o)
{
    static const role others[3][2] = {{KERNEL, RESULT}, {IMAGE, RESULT}, {IMAGE, KERNEL}};
    role p = others[f->target][0], q = others[f->target][1];
    for (int64_t t = 0; t < f->shape[KERNEL].n[4]; t++) {
        int64_t i;
        if (!place(f, a, 2, o, t, &i))
            continue;
        int64_t index[3] = {at[IMAGE] + i, at[KERNEL] + t, at[RESULT] + o};
        double product = f->value[p][index[p]] * f->value[q][index[q]];
        f->out[index[f->target]] += product;
        if (f->magnitude)
            f->magnitude[index[f->target]] += fabs(product);
    }
}

/* All taps for one output position o; plane: number of the D H W block in each of the three. */
static void add_position(const form *f, const fcs_attrs *a, const int64_t plane[3],
                         const int64_t o[3])
{
    const int64_t *x = f->shape[IMAGE].n + 2, *k = f->shape[KERNEL].n + 2,
                  *y = f->shape[RESULT].n + 2;
    for (int64_t t0 = 0; t0 < k[0]; t0++)
        for (int64_t t1 = 0; t1 < k[1]; t1++) {
            int64_t i0, i1;
            if (!place(f, a, 0, o[0], t0, &i0) || !place(f, a, 1, o[1], t1, &i1))
                continue;
            int64_t at[3] = {
                ((plane[IMAGE] * x[0] + i0) * x[1] + i1) * x[2],
                ((plane[KERNEL] * k[0] + t0) * k[1] + t1) * k[2],
                ((plane[RESULT] * y[0] + o[0]) * y[1] + o[1]) * y[2],
            };
            add_row(f, a, at, o[2]);
        }
}

static void run(fcs_ref_call *c, form *f)
{
    size_t bytes = (size_t)fcs_shape_count(c->args->out) * sizeof *c->out;
    f->out = c->out;
    f->magnitude = c->magnitude;
    memset(c->out, 0, bytes);
    if (c->magnitude)
        memset(c->magnitude, 0, bytes);
    int64_t ci_n = f->shape[IMAGE].n[1], co_n = f->shape[RESULT].n[1];
    int64_t taps = f->shape[KERNEL].n[2] * f->shape[KERNEL].n[3] * f->shape[KERNEL].n[4];
    int64_t pixels = f->shape[RESULT].n[0] * f->shape[RESULT].n[2] * f->shape[RESULT].n[3] *
                     f->shape[RESULT].n[4];
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
    form f = {{c->args->in[0], c->args->in[1], c->args->out},
              {c->in[0], c->in[1], NULL},
              NULL,
              NULL,
              RESULT};
    run(c, &f);
}

void fcs_ref_conv_dx(fcs_ref_call *c)
{
    form f = {{c->args->out, c->args->in[1], c->args->in[0]},
              {NULL, c->in[1], c->in[0]},
              NULL,
              NULL,
              IMAGE};
    run(c, &f);
}

void fcs_ref_conv_dw(fcs_ref_call *c)
{
    form f = {{c->args->in[0], c->args->out, c->args->in[1]},
              {c->in[0], NULL, c->in[1]},
              NULL,
              NULL,
              KERNEL};
    run(c, &f);
}
