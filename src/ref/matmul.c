/* matmul.c: y[m,n] = sum_k A[m,k] B[k,n]. */
#include "ref/reference.h"

#include <math.h>

fcs_ref fcs_ref_matmul;

void fcs_ref_matmul(fcs_ref_call *c)
{
    const fcs_apply_args *a = c->args;
    bool ta = a->attrs.i[0] != 0, tb = a->attrs.i[1] != 0;
    int64_t rows = a->out.n[0], columns = a->out.n[1], inner = a->in[0].n[ta ? 0 : 1];
    c->terms = inner;
    for (int64_t m = 0; m < rows; m++)
        for (int64_t n = 0; n < columns; n++) {
            double sum = 0, magnitude = 0;
            for (int64_t k = 0; k < inner; k++) {
                double left = c->in[0][ta ? k * rows + m : m * inner + k];
                double right = c->in[1][tb ? n * inner + k : k * columns + n];
                sum += left * right;
                magnitude += fabs(left * right);
            }
            c->out[m * columns + n] = sum;
            if (c->magnitude)
                c->magnitude[m * columns + n] = magnitude;
        }
}
