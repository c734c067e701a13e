/* evaluate.h: sets of pictures, their crops, what is measured on them; private to evaluate. */
#ifndef FCS_EVALUATE_H
#define FCS_EVALUATE_H

#include "metrics/metrics.h"

/* ---- phases.c: which phases there are, and as what each file's values count ---- */
typedef struct fcs_metric_phases {
    int n;
    double bound[FCS_METRIC_PHASES]; /* phase k lies above bound[k - 1], in [0,1]; n - 1 of them */
    bool by_level; /* of a real set of 2 to 8 distinct values; else by threshold */
} fcs_metric_phases;
typedef struct fcs_source { /* value in [0,1] = (value - offset) * scale, but for listed levels */
    char *path;             /* of its file */
    fcs_image *image;
    double offset, scale;
    int levels; /* listed: distinct values of channel 0, up to FCS_METRIC_PHASES; 0: more, or none
                 */
    double level[FCS_METRIC_PHASES], value[FCS_METRIC_PHASES]; /* as in fcs_image_value; in [0,1] */
    int64_t count[FCS_METRIC_PHASES];
} fcs_source;
typedef struct fcs_set {
    const char *name; /* the path as given */
    fcs_source *sources;
    size_t n, capacity;
    bool tiles; /* the pages of its files are tiles */
} fcs_set;
/* How a file's samples become [0,1] when it is looked at alone. Refuses floats beyond [-1,1] unless
 * they are levels. */
fcs_status fcs_source_scale(fcs_context *ctx, fcs_source *s, const char *path);
/* Chooses the phases: by threshold where one is given (> 0), else by the real set's levels where
 * there are 2 to 8, else at 0.5. Lists how the files of all sets, the real one first, spell them.
 */
fcs_status fcs_phases_choose(fcs_context *ctx, fcs_set **sets, int n, double threshold,
                             fcs_metric_phases *phases);
unsigned char fcs_phase_of(const fcs_metric_phases *p, float value);

/* ---- sets.c: a set is a file, a multi-page file or a folder ---- */
typedef struct fcs_box {
    int64_t width, height, depth;
} fcs_box;
/* Equal pieces of the images of a set. Nothing is copied: pages are fetched when wanted. */
typedef struct fcs_place {
    const fcs_source *source;
    int64_t x, y, z; /* of the piece's first pixel, along the piece's axes */
} fcs_place;
typedef struct fcs_crops {
    fcs_box box;
    char across; /* pages are taken across this axis: 'z' shows x and y, 'y' x and z, 'x' y and z */
    int n;
    bool drawn; /* at random places: another seed gives others */
    fcs_place *places;
} fcs_crops;

/* A file of at least so many pages is a volume, one of fewer a set of pictures. */
enum { FCS_VOLUME_PAGES = 16 };
bool fcs_set_is_volume(const fcs_set *set);
fcs_status fcs_set_read(fcs_context *ctx, const char *path, fcs_set *set);
/* What the options say of tiles and scaling: tiles are of the real set, sets[0], alone; all sets
 * are scaled. */
fcs_status fcs_sets_fit(fcs_error *e, fcs_set *sets, int n, const fcs_evaluate_options *o);
void fcs_set_free(fcs_set *set);
/* Makes box no larger than any image of the set, as it lies across that axis. */
void fcs_set_limit(const fcs_set *set, char across, fcs_box *box);
/* Images that have exactly the box's size are taken as they are, each once; of larger ones `wanted`
 * crops are taken at random places, spread evenly over the images. volumes: an image is one sample,
 * else each of its pages is. */
fcs_status fcs_set_crops(fcs_error *e, const fcs_set *set, fcs_box box, bool volumes, char across,
                         int wanted, uint64_t seed, fcs_crops *crops);
/* One source cut into split^3 equal pieces. */
fcs_status fcs_source_crops(fcs_error *e, const fcs_source *s, int split, fcs_crops *crops);
/* Page z of piece i, in [0,1]: width x height values. */
void fcs_crop_page(const fcs_crops *crops, int i, int64_t z, float *out);

/* ---- measure.c ---- */
typedef struct fcs_slot { /* one metric in one variant, for one phase, along one axis */
    const fcs_metric *metric;
    bool thresholded;
    int phase;       /* -1: none */
    char axis;       /* 0: none */
    int n;           /* values per sample; 0: of sets, not of samples */
    size_t at;       /* of the first in a profile */
    const char *net; /* whose features; NULL */
} fcs_slot;
typedef struct fcs_protocol { /* what is measured, and how */
    fcs_slot *slots;
    int n_slots;
    size_t length; /* values in a profile: all slots of one sample */
    fcs_box box;   /* of crops; of whole volumes the smallest */
    bool whole;    /* of whole volumes: what their phases give, and nothing else */
    fcs_metric_phases phases;
    bool all_neighbours;
    int max_lag;
    int64_t period;
    struct fcs_features *features; /* NULL: none asked for */
} fcs_protocol;
/* names: comma-separated; a name selects itself and all that begin with it ("tv", "lbp"); NULL:
 * all. p holds all but the slots; of a whole protocol there may be none. */
fcs_status fcs_protocol_make(fcs_error *e, const char *names, fcs_protocol *p);
/* profiles: crops->n x p->length. */
fcs_status fcs_measure_crops(fcs_context *ctx, const fcs_protocol *p, const fcs_crops *crops,
                             double **profiles);

/* ---- between.c ---- */
typedef struct fcs_near { /* the nearest real sample; index -1: not looked for */
    int index;
    double distance;
    int form; /* of fcs_turned that the generated one has there */
} fcs_near;
/* A sample mirrored along x (form & 1) and y (form & 2), transposed before (form & 4). */
void fcs_turned(const fcs_crops *c, const float *v, int form, float *out);
/* Values and features of all samples, and the nearest real ones, as far as the protocol wants them.
 * sets[0] is the real one. */
fcs_status fcs_between_prepare(fcs_context *ctx, const fcs_protocol *p, struct fcs_evaluated *sets,
                               int n);

/* ---- evaluate.c ---- */
typedef enum fcs_at {
    FCS_AT_VALUE,
    FCS_AT_LAG,
    FCS_AT_MEAN_INSIDE,
    FCS_AT_SAMPLES_INSIDE,
    FCS_AT_WHOLE,
    FCS_AT_WHOLE_LAG
} fcs_at;
typedef struct fcs_finding { /* a row of the result */
    const fcs_slot *slot;
    fcs_at at;
    int lag;
    double value, real, floor, low, high; /* low, high: of real crops */
} fcs_finding;
typedef struct fcs_evaluated { /* a set with everything known of it */
    fcs_set *set;              /* several share one where a volume is seen across each axis */
    char across;               /* 0: not one of these */
    fcs_crops crops;
    double *profiles;
    double *whole;   /* of its volumes: the mean profile; NULL where there are none */
    double *eighths; /* of the real volumes cut in eight: a profile each */
    int n_eighths;
    float *values;    /* of all samples in [0,1], where they are compared one by one; or NULL */
    double *features; /* crops.n x n_features, or NULL */
    int64_t n_features;
    fcs_near *near, *near_features; /* crops.n each, or NULL */
    fcs_finding *findings;
    size_t n_findings, capacity;
    /* Of the real set: as many crops from other places, to tell what real itself scores; NULL where
     * each of its images is a sample and there are no others. */
    const struct fcs_evaluated *again;
} fcs_evaluated;
/* "frechet_squeezenet1_0": the metric's name, with the net's. */
const char *fcs_slot_name(const fcs_slot *slot, char *buffer, size_t size);
const char *fcs_finding_label(const fcs_finding *f, char *buffer,
                              size_t size); /* "lag 25", NULL for a plain value */

/* ---- evaluate_page.c: sets[0] is the real one ---- */
fcs_status fcs_evaluate_page(fcs_context *ctx, const fcs_protocol *p, const fcs_evaluated *sets,
                             int n, const char *path);
/* "name", "name, across z" */
const char *fcs_evaluated_name(const fcs_evaluated *set, char *buffer, size_t size);

#endif
