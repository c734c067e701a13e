/* features.h: what a trained classification net, given as a safetensors file, sees in a picture:
 * its last inner values, averaged over the picture. Distances over them carry the net's name. May
 * use base, image, graph and train/safetensors.h. */
#ifndef FCS_FEATURES_H
#define FCS_FEATURES_H

#include "image/picture.h"

/* Weights by name while a net's graph is built. */
typedef struct fcs_feature_builder fcs_feature_builder;

/* A known net; features_nets.c has the table. */
typedef struct fcs_feature_net {
    const char *name;   /* in names of metrics: frechet_NAME */
    const char *text;   /* for people */
    const char *weight; /* a tensor that only this net has, with its shape */
    int64_t shape[4];
    /* The picture as the net wants it. */
    int64_t side; /* square */
    fcs_filter filter;
    bool bgr;
    double scale, mean[3]; /* value = in [0,1] * scale - mean, per input channel */
    /* From the image node 1 x 3 x 1 x side x side to the features (1 x size x 1 x 1 x 1) and what
     * the net says of its classes. NULL and a message on failure. */
    fcs_node *(*build)(fcs_feature_builder *b, fcs_node *image, fcs_node **features);
} fcs_feature_net;
extern const fcs_feature_net fcs_feature_nets[];
extern const int fcs_n_feature_nets;

/* ---- for build() ---- */
typedef enum fcs_feature_after {
    FCS_AFTER_NONE,
    FCS_AFTER_RELU,
    FCS_AFTER_LEAKY
} fcs_feature_after;
/* conv NAME.weight with NAME.bias, where there is one; then the batch norm BN, unless NULL. */
fcs_node *fcs_feature_conv(fcs_feature_builder *b, fcs_node *x, const char *name, int64_t stride,
                           int64_t pad, const char *bn, fcs_feature_after after);
/* The last window may reach beyond the image, as long as it begins inside. */
fcs_node *fcs_feature_max_pool(fcs_feature_builder *b, fcs_node *x, int64_t kernel, int64_t stride);
/* Side of the kernel of NAME.weight; 0 and a message where it is missing. */
int64_t fcs_feature_kernel(fcs_feature_builder *b, const char *name);

/* ---- in use ---- */
typedef struct fcs_features fcs_features;
/* Finds out which net the file holds and makes it ready to run. */
fcs_status fcs_features_open(fcs_context *ctx, const char *path, fcs_features **out);
void fcs_features_close(fcs_features *f);
const fcs_feature_net *fcs_features_net(const fcs_features *f);
int64_t fcs_features_size(const fcs_features *f);
int64_t fcs_features_classes(const fcs_features *f);
/* A part of a page (NULL: all), scaled to the net's side; grey counts for all three colours. Values
 * are (fcs_image_value - offset) * factor, clipped to [0,1]. features: fcs_features_size numbers;
 * classes (may be NULL): fcs_features_classes numbers. */
fcs_status fcs_features_of(fcs_features *f, const fcs_image *image, int64_t z, const fcs_part *part,
                           double offset, double factor, double *features, float *classes);

#endif
