/* metrics.h: what pictures are compared by. The single metrics of facies.h work on any image; those
 * here on one page in [0,1], or on the phases of a page or volume. */
#ifndef FCS_METRICS_H
#define FCS_METRICS_H

#include "base/base.h"

/* One page of floats, row-major, height x width. */
typedef struct fcs_page_view {
    const float *values;
    int64_t width, height;
} fcs_page_view;

enum { FCS_METRIC_PHASES = 8 };

/* The phase of each pixel of a page or volume, x fastest. */
typedef struct fcs_phase_view {
    const unsigned char *phases;
    int64_t width, height, depth;
    const uint32_t *labels; /* connected components of the phase that is measured, 0 elsewhere */
    int64_t period;         /* in pixels, for the repetition test */
} fcs_phase_view;

typedef enum fcs_metric_kind {
    /* A number per image; compared by its mean. Floor: standard deviation over real crops. */
    FCS_METRIC_SCALAR,
    /* Bins per image; compared by chi-square. Floor: its mean over pairs of real crops. */
    FCS_METRIC_HISTOGRAM,
    /* A value per lag 0..max_lag; compared with the real crops' minimum to maximum. */
    FCS_METRIC_CURVE,
    /* A number of a whole set of images, beside the real set's own. */
    FCS_METRIC_SET
} fcs_metric_kind;

struct fcs_evaluated;
struct fcs_finding;
/* Fills value, real and what real differs by (or has as its floor). */
typedef fcs_status fcs_between(fcs_context *ctx, const struct fcs_evaluated *set,
                               const struct fcs_evaluated *real, struct fcs_finding *f);

/* A metric per line of the table in registry.c, printed by fcs_list(ctx, "metrics"). */
typedef struct fcs_metric {
    const char *name;
    const char *title;      /* for pages */
    const char *definition; /* one line, with the unit */
    const char *source;     /* of the equation */
    fcs_metric_kind kind;
    int bins;         /* values per image; 1 for scalars; 0: max_lag + 1 */
    double chi_scale; /* histograms: value = chi_scale * sum over bins of (a - b)^2 / (a + b) */
    bool raw;         /* taken on the raw page as well as on the thresholded one */
    bool only_raw;    /* taken on the raw page alone */
    bool by_phase;    /* per phase 0, 1, ... */
    bool by_axis;     /* per axis x, y and, of volumes, z */
    bool whole;       /* taken on whole volumes */
    bool only_whole;  /* and on nothing else */
    /* Scalars and histograms: fills `bins` values from a page. Curves have NULL: fcs_pairs gives
     * all of them at once. */
    fcs_status (*measure)(fcs_error *e, const fcs_page_view *page, int phase, double *values);
    /* The same from the phases of a page or volume. */
    fcs_status (*measure_phases)(fcs_error *e, const struct fcs_phase_view *view, int phase,
                                 char axis, double *values);
    int curve; /* curves of phases: 0 tau, 1 c2, 2 s2 */
    /* Curves of grey pages: n values along the axis. */
    fcs_status (*trace)(fcs_error *e, const fcs_page_view *page, char axis, int n, double *values);
    const char *x_word, *x_label; /* what a curve runs over; NULL: lags in pixels */
    fcs_between *between;         /* sets */
    bool of_features;             /* needs a net; the metric's name gets that of the net */
    bool is_distance;             /* of sets: 0 is best; real: that between the real set's halves */
} fcs_metric;
extern const fcs_metric fcs_metrics[];
extern const int fcs_metric_count;

/* ---- texture.c: each fills values for a page; phase is used where by_phase says so ---- */
fcs_status fcs_measure_tv_isotropic(fcs_error *e, const fcs_page_view *page, int phase,
                                    double *values);
fcs_status fcs_measure_tv_anisotropic(fcs_error *e, const fcs_page_view *page, int phase,
                                      double *values);
/* 256 counts. */
fcs_status fcs_measure_lbp1(fcs_error *e, const fcs_page_view *page, int phase, double *values);
fcs_status fcs_measure_lbp2(fcs_error *e, const fcs_page_view *page, int phase, double *values);
/* 10 shares; NaN when the page is under 24 x 24 pixels. */
fcs_status fcs_measure_hog(fcs_error *e, const fcs_page_view *page, int phase, double *values);

/* ---- grey.c ---- */
enum { FCS_GREY_BINS = 32 };
/* FCS_GREY_BINS shares of equal ranges of [0,1]. */
fcs_status fcs_measure_levels(fcs_error *e, const fcs_page_view *page, int phase, double *values);
/* Variance of v(left) + v(right) + v(above) + v(below) - 4 v over the inner pixels. */
fcs_status fcs_measure_laplacian(fcs_error *e, const fcs_page_view *page, int phase,
                                 double *values);
/* Curves of n values. Correlation of v(x) and v(x + h) along 'x' or 'y': 1 at lag 0; NaN where all
 * is even. */
fcs_status fcs_curve_correlation(fcs_error *e, const fcs_page_view *page, char axis, int n,
                                 double *values);
/* log10 of the mean power |F|^2 / pixels of the frequencies around k periods in the shorter side.
 */
fcs_status fcs_curve_spectrum(fcs_error *e, const fcs_page_view *page, char axis, int n,
                              double *values);
/* Sum over bins of (a - b)^2 / (a + b), empty bins left out. */
double fcs_chi_square(const double *a, const double *b, int bins);

/* ---- between.c: numbers of whole sets ---- */
fcs_between fcs_between_nearest_pixels, fcs_between_variety_pixels, fcs_between_nearest_features,
    fcs_between_variety_features, fcs_between_frechet, fcs_between_kernel;

/* ---- solid.c: each fills one value; lengths in pixels; NaN where it is not defined ---- */
fcs_status fcs_measure_share(fcs_error *e, const fcs_phase_view *v, int phase, char axis,
                             double *values);
fcs_status fcs_measure_share_spread(fcs_error *e, const fcs_phase_view *v, int phase, char axis,
                                    double *values);
fcs_status fcs_measure_surface(fcs_error *e, const fcs_phase_view *v, int phase, char axis,
                               double *values);
fcs_status fcs_measure_percolation(fcs_error *e, const fcs_phase_view *v, int phase, char axis,
                                   double *values);
fcs_status fcs_measure_chord(fcs_error *e, const fcs_phase_view *v, int phase, char axis,
                             double *values);
fcs_status fcs_measure_isotropy(fcs_error *e, const fcs_phase_view *v, int phase, char axis,
                                double *values);
fcs_status fcs_measure_period(fcs_error *e, const fcs_phase_view *v, int phase, char axis,
                              double *values);
/* Up to these values isotropy and period say "isotropic" and "no period". */
#define FCS_ISOTROPY_MOST 1.0
#define FCS_PERIOD_MOST 3.0

/* ---- sets.c: pictures of one size, for models ---- */
typedef struct fcs_pictures {
    float *values; /* n times C H W, in [0,1] */
    char **names;  /* of the file, with the page's number where it holds several */
    int n;
    size_t capacity, names_capacity;
} fcs_pictures; /* start with {0} */
/* Adds the pictures of a file or folder, scaled until the shorter side fits; the middle of each.
 * range: what becomes 0 and 1, as fcs_image_value counts, and 1 if of floats (files must hold the
 * same kind). */
fcs_status fcs_pictures_read(fcs_context *ctx, const char *path, int64_t width, int64_t height,
                             int channels, const float range[3], fcs_pictures *p);
void fcs_pictures_free(fcs_pictures *p);

/* ---- components.c ---- */
/* Labels 1..count of the connected components where mask is not 0, in scan order of their first
 * pixels; 0 elsewhere. all: 8 neighbours in a page and 26 in a volume, else 4 and 6. */
fcs_status fcs_label(fcs_error *e, const unsigned char *mask, int64_t width, int64_t height,
                     int64_t depth, bool all, uint32_t *labels, uint32_t *count);

/* mask[i] = channel 0 of pixel i is of the phase (value > threshold) == phase. */
void fcs_mask_fill(const fcs_image *image, double threshold, int phase, unsigned char *mask);

/* ---- connectivity.c ---- */
/* Adds up, per lag 0..max_lag along the axis ('x', 'y', 'z'), the pairs of pixels with labels (any
 * but 0), and among them those with equal labels. both, same: max_lag + 1. Exact. */
fcs_status fcs_pairs(fcs_error *e, const uint32_t *labels, int64_t width, int64_t height,
                     int64_t depth, char axis, int max_lag, int64_t *both, int64_t *same);
/* tau, c2, s2 of facies.h from labels; each may be NULL. */
fcs_status fcs_curves(fcs_error *e, const uint32_t *labels, int64_t width, int64_t height,
                      int64_t depth, char axis, int max_lag, double *tau, double *c2, double *s2);

#endif
