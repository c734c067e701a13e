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
 * y[line * y_line + j * y_step]. */
typedef void fcs_pass(const float *x, int64_t x_line, int64_t x_step, float *y, int64_t y_line,
                      int64_t y_step, int64_t lines);
/* The same along W, then along H, of `vectors` planes, one vector of lanes each, side by side:
 * x[i * x_row + j * x_step + lane] to y[k * y_row + l * y_step + lane]. What lies between stays in
 * the first cache at places known to the compiler: two to three times as fast as two passes. */
typedef void fcs_plane_pass(const float *x, int64_t x_row, int64_t x_step, float *y, int64_t y_row,
                            int64_t y_step, int64_t vectors);

/* Elements lo .. hi - 1 along D H W that lie in the image; the others are zeros and not read. */
typedef struct fcs_inside {
    unsigned lo[3], hi[3];
} fcs_inside;
typedef void fcs_edge_pass(const float *x, int64_t x_row, int64_t x_step, const fcs_inside *in,
                           float *y, int64_t y_row, int64_t y_step, int64_t vectors);

/* Along W, H, then D, of cubes. in: NULL where all elements lie inside, and of transforms that have
 * no edge. */
typedef void fcs_cube_pass(const float *x, const int64_t xs[3], const fcs_inside *in, float *y,
                           const int64_t ys[3], int64_t vectors);

/* Three axes D H W, nested: from[] to to[] elements along each. */
typedef struct fcs_transform {
    fcs_pass *pass[3];
    fcs_cube_pass *cube;   /* of all axes where they have one form, else NULL */
    fcs_plane_pass *plane; /* of H and W where they have one form, else NULL */
    fcs_edge_pass *edge;   /* the same, of IN and OUT_ADJOINT */
    int n[3], from[3], to[3];
} fcs_transform;
typedef enum fcs_transform_kind {
    FCS_TRANSFORM_IN,          /* B': points to points */
    FCS_TRANSFORM_OUT,         /* A': points to results */
    FCS_TRANSFORM_OUT_ADJOINT, /* A */
    FCS_TRANSFORM_WEIGHTS,     /* G: taps to points */
    FCS_TRANSFORM_WEIGHTS_FAR, /* the same, to lines of memory that are not kept in the caches */
    FCS_TRANSFORM_WEIGHTS_ADJOINT, /* G' */
    FCS_TRANSFORMS
} fcs_transform_kind;
fcs_transform FCS_SYM(transform_of)(const fcs_tiling t[3], fcs_transform_kind kind);
/* `vectors` vectors of lanes that lie side by side in x and in y. Strides in floats. */
void FCS_SYM(transform)(const fcs_transform *t, const float *x, const int64_t xs[3], float *y,
                        const int64_t ys[3], int64_t vectors);
/* With `in`, which may be NULL where all lie inside; t has an edge. */
void FCS_SYM(transform_inside)(const fcs_transform *t, const float *x, const int64_t xs[3],
                               const fcs_inside *in, float *y, const int64_t ys[3],
                               int64_t vectors);

#endif
