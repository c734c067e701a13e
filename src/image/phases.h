/* phases.h: what a phase of the training images is: a range of grey levels. Inside src/image, but
 * for fcs_phases itself (image.h). */
#ifndef FCS_IMAGE_PHASES_H
#define FCS_IMAGE_PHASES_H

#include "image/picture.h"

/* Pixels by grey level, in bins of equal width between low and high. */
enum { FCS_BINS = 256 };
typedef struct fcs_histogram {
    double low, high; /* centres of the first and of the last bin */
    double count[FCS_BINS];
} fcs_histogram;
/* One bin a value for 8 bits, else 256 between the image's least and greatest values; adds up.
 * factor: from the image's values to those of low and high (scaled images are floats). */
void fcs_histogram_add(fcs_histogram *h, const fcs_image *image, double factor);

/* Otsu's method for n classes: the n - 1 bins b, ascending, for which the classes "up to bin b"
 * vary least within themselves (Liao et al. 2001: the largest sum of S_k^2 / P_k). */
void fcs_otsu(const fcs_histogram *h, int n, int *bins);

/* Reads "auto", a number of phases or a list of thresholds, and finds them in the images' levels:
 * stats of all images together, histogram of all images, unit as in fcs_facts. Thresholds and
 * labels are in the file's own units. Fails with a message that begins with the path. */
fcs_status fcs_phases_find(fcs_error *e, const char *path, const char *how, const fcs_stats *stats,
                           const fcs_histogram *h, double unit, fcs_phases *out);
/* Shares from the counted pixels of each phase; fails where a phase has none. */
fcs_status fcs_phases_share(fcs_error *e, const char *path, fcs_phases *p, const int64_t *pixels);
/* "3 phases from the grey levels: 0: 24.1 %, 128: 30.2 %, 255: 45.7 %" */
void fcs_phases_text(const fcs_phases *p, char *text, size_t n);

#endif
