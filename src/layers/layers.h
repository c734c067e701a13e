/* layers.h: the layer registry and nets built as graphs. May use base/, graph/, ops/ and the
 * recipe's nets. */
#ifndef FCS_LAYERS_H
#define FCS_LAYERS_H

#include "graph/graph.h"
#include "recipe/recipe.h"

/* How a net is built. */
typedef enum fcs_mode {
    FCS_TRAIN,  /* batch statistics, noise */
    FCS_FROZEN, /* measured statistics, no noise: generation, where a tile must not depend on its
                   neighbours */
    FCS_MEASURE /* batch statistics, no noise; the statistics are collected in the builder */
} fcs_mode;
typedef enum fcs_role {
    FCS_KERNEL,    /* trained, weight decay applies */
    FCS_PARAMETER, /* trained: biases, scales */
    FCS_STATE      /* not trained: frozen statistics, vectors of the power iteration */
} fcs_role;

/* A trained value: its tensor, the node to differentiate by, and what stands for it in this graph.
 */
typedef struct fcs_net_parameter {
    fcs_tensor *tensor;
    fcs_node *node;
    fcs_role role;
    int layer;
} fcs_net_parameter;
/* What a normalization layer measured in this graph, and where its frozen form reads it. Variance:
 * of the batch (batch norm: total over batches = mean of variances + variance of means) or the mean
 * over instances. */
typedef struct fcs_net_statistic {
    fcs_tensor *frozen_mean, *frozen_variance;
    fcs_node *mean, *variance; /* 1 x C x 1 x 1 x 1 */
    bool of_batch;
} fcs_net_statistic;
/* A spectrally normalized kernel as a matrix, and its vectors u, v. */
typedef struct fcs_net_spectral {
    fcs_tensor *u, *v;
    fcs_node *matrix;
} fcs_net_spectral;

typedef struct fcs_builder {
    /* given */
    fcs_graph *graph;
    fcs_error *error;
    const fcs_net *net;
    fcs_mode mode;
    bool averaged;  /* read the averaged weights: "generator.average.up1.weight" */
    int axes;       /* 2 or 3 */
    int channels;   /* of the data: filters = 0 */
    int64_t latent; /* channels of the latent, for layers that make one */
    /* The tensor of that name, made and filled with N(mean, std) if it is not there; NULL on
     * failure. */
    fcs_tensor *(*tensor)(void *user, const char *name, fcs_shape shape, fcs_role role, double mean,
                          double std);
    void *user;
    const fcs_net_parameter *replace;
    int n_replace; /* nodes that stand for these tensors in this graph */
    /* collected; a net may be built several times on different inputs, each item is collected once
     */
    fcs_net_parameter *parameters;
    size_t n_parameters, parameters_capacity;
    fcs_net_statistic *statistics;
    size_t n_statistics, statistics_capacity;
    fcs_net_spectral *spectral;
    size_t n_spectral, spectral_capacity;
    fcs_node **outputs;
    size_t outputs_capacity; /* of each layer, in the last build */
    int at;                  /* the layer being built */
} fcs_builder;

/* The net's output for this input, or NULL with a message. `pass` ("real", "fake") tells apart the
 * random numbers of several builds in one graph; may be NULL. */
fcs_node *fcs_net_build(fcs_builder *b, fcs_node *input, const char *pass);
/* Assigns one power iteration to u and v of each spectral layer: v = W'u/|W'u|, u = Wv/|Wv|. */
fcs_status fcs_net_iterate(fcs_builder *b);
void fcs_builder_free(fcs_builder *b); /* frees what was collected */

/* ---- a layer's entry ---- */
/* Along an axis: taps and stride; cut: pixels cut from the result at the end where fewer are (a
 * transposed convolution) or zeros put around the input at the end where more are. */
typedef struct fcs_kernel_size {
    int64_t size, stride, cut;
    bool transposed;
} fcs_kernel_size;
typedef struct fcs_layer {
    const char *name, *text;
    const fcs_param *params;
    int n_params; /* beside type, name and from */
    int min_in, max_in;
    fcs_node *(*build)(fcs_builder *b, const fcs_value_of *v, fcs_node *const *in, int n);
    /* Output size along an axis; NULL: the input's. */
    int64_t (*size)(const fcs_value_of *v, int axis, int64_t in);
    /* Receptive field in cells of the net's input, and the distance there of two neighbouring
     * outputs; NULL: as before. */
    void (*field)(const fcs_value_of *v, int axis, double *field, double *jump);
    /* A layer with a kernel: its geometry along an axis; NULL: it has none, or false. */
    bool (*kernel)(const fcs_value_of *v, int axis, fcs_kernel_size *out);
    bool random; /* draws in training */
    bool whole;  /* an output depends on all of the input */
    /* Whether its value for one image depends on the others of the batch, so that there is no
     * gradient penalty; NULL: never. */
    bool (*of_batch)(const fcs_net *net);
    /* Where the value stands that the net's size sets along an axis, 0 in the recipe; NULL: there
     * is none. */
    int64_t *(*follows)(fcs_value_of *v, int axis);
    const char *sample; /* members of a recipe's layer, for a test: "filters = 2; kernel = 3;" */
    fcs_shape sample_in,
        sample_out; /* the sample's shapes (in: of each input), data of 3 channels */
} fcs_layer;
extern const fcs_layer *const fcs_layers[];
extern const int fcs_n_layers;
const fcs_layer *fcs_layer_find(const char *name); /* NULL: none of that name */
/* type, name, from: what every layer has. */
extern const fcs_param fcs_layer_common[];
enum { FCS_LAYER_TYPE, FCS_LAYER_NAME, FCS_LAYER_FROM, FCS_LAYER_COMMON };

/* ---- for entries ---- */
/* The node of "NET.LAYER.suffix", a trained value of role KERNEL or PARAMETER, or a state tensor
 * read. */
fcs_node *fcs_layer_parameter(fcs_builder *b, const char *suffix, fcs_shape shape, fcs_role role,
                              double mean, double std);
/* The tensor "NET.LAYER.suffix" or, with a group, "NET.GROUP.LAYER.suffix". */
fcs_tensor *fcs_layer_tensor(fcs_builder *b, const char *group, const char *suffix, fcs_shape shape,
                             fcs_role role, double mean, double std);
/* Kernel / largest singular value of the kernel as a matrix of its first dimension x the rest. */
fcs_node *fcs_layer_spectral(fcs_builder *b, fcs_node *kernel);
/* Filters of a layer: 0 gives the data's channels; from 2 up times the net's width. */
int64_t fcs_layer_filters(const fcs_builder *b, double filters);
/* Standard deviation at the start of a kernel whose output sums so many inputs. */
double fcs_layer_init(const fcs_builder *b, double inputs);
/* The halves of what moments gives: N x latent channels each. */
fcs_node *fcs_layer_mean(fcs_node *moments);
fcs_node *fcs_layer_logvar(fcs_node *moments);
/* A message for the layer being built; returns NULL. */
fcs_node *fcs_layer_fail(fcs_builder *b, const char *format, ...) FCS_PRINTF(2, 3);

#endif
