/* evaluate.h: sets of pictures, their crops, what is measured on them; private to evaluate. */
#ifndef FCS_EVALUATE_H
#define FCS_EVALUATE_H

#include "metrics/metrics.h"

/* ---- sets.c: a set is a file, a multi-page file or a folder ---- */
typedef struct fcs_source { /* value in [0,1] = (value - offset) * scale */
    fcs_image *image;
    double offset, scale;
} fcs_source;
typedef struct fcs_set {
    const char *name; /* the path as given */
    fcs_source *sources;
    size_t n, capacity;
} fcs_set;
typedef struct fcs_box {
    int64_t width, height, depth;
} fcs_box;
/* Equal pieces of the images of a set, in [0,1], one behind the other. */
typedef struct fcs_crops {
    fcs_box box;
    int n;
    bool drawn; /* at random places: another seed gives others */
    float *values;
} fcs_crops;

fcs_status fcs_set_read(fcs_context *ctx, const char *path, fcs_set *set);
void fcs_set_free(fcs_set *set);
/* Makes box no larger than any image of the set. */
void fcs_set_limit(const fcs_set *set, fcs_box *box);
/* Images that have exactly the box's size are taken as they are, each once; of larger ones `wanted`
 * crops are taken at random places, spread evenly over the images. volumes: an image is one sample,
 * else each of its pages is. */
fcs_status fcs_set_crops(fcs_error *e, const fcs_set *set, fcs_box box, bool volumes, int wanted,
                         uint64_t seed, fcs_crops *crops);

/* ---- measure.c ---- */
typedef struct fcs_slot { /* one metric in one variant, for one phase, along one axis */
    const fcs_metric *metric;
    bool thresholded;
    int phase; /* -1: none */
    char axis; /* 0: none */
    int n;     /* values per sample */
    size_t at; /* of the first in a profile */
} fcs_slot;
typedef struct fcs_protocol { /* what is measured, and how */
    fcs_slot *slots;
    int n_slots;
    size_t length; /* values in a profile: all slots of one sample */
    fcs_box box;
    double threshold;
    bool all_neighbours;
    int max_lag;
} fcs_protocol;
/* names: comma-separated; a name selects itself and all that begin with it ("tv", "lbp"); NULL:
 * all. */
fcs_status fcs_protocol_make(fcs_error *e, const char *names, fcs_protocol *p);
/* profiles: crops->n x p->length. */
fcs_status fcs_measure_crops(fcs_context *ctx, const fcs_protocol *p, const fcs_crops *crops,
                             double **profiles);

/* ---- evaluate.c ---- */
typedef enum fcs_at { FCS_AT_VALUE, FCS_AT_LAG, FCS_AT_MEAN_INSIDE, FCS_AT_SAMPLES_INSIDE } fcs_at;
typedef struct fcs_finding { /* a row of the result */
    const fcs_slot *slot;
    fcs_at at;
    int lag;
    double value, real, floor, low, high; /* low, high: of real crops */
} fcs_finding;
typedef struct fcs_evaluated { /* a set with everything known of it */
    fcs_set set;
    fcs_crops crops;
    double *profiles;
    fcs_finding *findings;
    size_t n_findings, capacity;
    /* Of the real set: as many crops from other places, to tell what real itself scores; NULL where
     * each of its images is a sample and there are no others. */
    const struct fcs_evaluated *again;
} fcs_evaluated;
const char *fcs_finding_label(const fcs_finding *f, char *buffer,
                              size_t size); /* "lag 25", NULL for a plain value */

/* ---- evaluate_page.c: sets[0] is the real one ---- */
fcs_status fcs_evaluate_page(fcs_error *e, const fcs_protocol *p, const fcs_evaluated *sets, int n,
                             const char *path);

#endif
