/* distance.h: distances between sets of feature vectors, in double. Vectors are rows. */
#ifndef FCS_DISTANCE_H
#define FCS_DISTANCE_H

#include "base/base.h"

typedef struct fcs_vectors {
    const double *values; /* n rows of `size` */
    int64_t n, size;
} fcs_vectors;

/* Singular values of a (rows x columns, row-major, overwritten), min(rows, columns) of them in
 * descending order. Absolute errors are some units of rounding of the largest. */
fcs_status fcs_singular_values(fcs_error *e, double *a, int64_t rows, int64_t columns, double *out);
/* |mean a - mean b|^2 + tr(Sa + Sb - 2 (Sa Sb)^1/2) with unbiased covariances (Frechet 1957, Dowson
 * and Landau 1982); at least two vectors each. */
fcs_status fcs_frechet_distance(fcs_error *e, const fcs_vectors *a, const fcs_vectors *b,
                                double *out);
/* Unbiased squared maximum mean discrepancy with the kernel (x.y / size + 1)^3 (Binkowski et al.
 * 2018): around 0 for equal distributions, also below. */
fcs_status fcs_kernel_distance(fcs_error *e, const fcs_vectors *a, const fcs_vectors *b,
                               double *out);

#endif
