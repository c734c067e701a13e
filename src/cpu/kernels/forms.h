/* forms.h: the transforms of minimal filtering, along one axis and nested.
 *
 * y = A' [(G w) * (B' x)]: x a tile of `points` pixels, w `taps` weights, y `results` results, *
 * the product point by point (Winograd 1980; Lavin and Gray 2016, section 4). The gradient in w is
 * G' [(A gy) * (B' x)]. */
#ifndef FCS_FORMS_H
#define FCS_FORMS_H

#include "cpu/kernels/simd.h"
#include "ops/tiling.h"

/* Transforms `lines` lines of one vector of lanes: elements x[line * x_line + i * x_step] to
 * y[line * y_line + j * y_step]. n is `points` of an axis without a form. */
typedef void fcs_pass(const float *x, int64_t x_line, int64_t x_step, float *y, int64_t y_line,
                      int64_t y_step, int64_t lines, int n);

typedef struct fcs_passes {
    fcs_pass *in;                        /* B': points to points */
    fcs_pass *out, *out_adjoint;         /* A': points to results; A */
    fcs_pass *weights, *weights_adjoint; /* G: taps to points; G' */
} fcs_passes;
/* Of fcs_tiling.form. */
const fcs_passes *FCS_SYM(form_passes)(int form);

/* Three axes D H W, nested: from[] to to[] elements along each. Strides in floats. */
typedef struct fcs_transform {
    fcs_pass *pass[3];
    int n[3], from[3], to[3];
} fcs_transform;
void FCS_SYM(transform)(const fcs_transform *t, const float *x, const int64_t xs[3], float *y,
                        const int64_t ys[3]);

#endif
