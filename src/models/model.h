/* model.h: a recipe made into tensors and plans. One file per training scheme wires nets, losses
 * and data; the loop, checkpoints and generation (src/train) know only this header. */
#ifndef FCS_MODEL_H
#define FCS_MODEL_H

#include "graph/graph.h"
#include "image/image.h"
#include "layers/layers.h"
#include "recipe/recipe.h"

enum { FCS_MAX_PLANS = 12, FCS_MAX_LOSSES = 32 };
typedef struct fcs_model fcs_model;

/* A training scheme's entry; src/recipe/schemes.c has what recipes must know of it. */
typedef struct fcs_scheme {
    const char *name;
    /* Makes tensors (fcs_model_tensor) and plans. train: all; otherwise only what generation needs.
     */
    fcs_status (*build)(fcs_model *m, bool train, fcs_error *e);
    /* Runs one whole training step number `step` (from 0): draws data, runs the plans in the
     * recipe's order. */
    fcs_status (*step)(fcs_model *m, int64_t step, fcs_error *e);
    /* Measures frozen normalization statistics for the weights that generation uses. Reads training
     * state only, draws from streams of its own, writes the tensors named "*.frozen.*" only. */
    fcs_status (*calibrate)(fcs_model *m, fcs_error *e);
    /* The generator in inference form: its output node in g, its latent's shape for an output of
     * `size` (D H W, rounded up to the stride), its value range. Reads frozen statistics and the
     * averaged weights where the recipe has them. */
    fcs_status (*generator)(fcs_model *m, fcs_graph *g, const int64_t latent_size[3],
                            fcs_node **out, fcs_tensor **latent, fcs_error *e);
    /* The encoder in inference form: mean and logarithm of the variance of the latents of these
     * images, in the data's range. NULL: the scheme has no encoder. */
    fcs_status (*encoder)(fcs_model *m, fcs_graph *g, fcs_node *images, fcs_node **mean,
                          fcs_node **logvar, fcs_error *e);
    /* Sets m->condition for generating with these wanted shares of the phases (means of the
     * channels); NULL: the scheme takes none. */
    fcs_status (*condition)(fcs_model *m, const double *shares, int n, fcs_error *e);
} fcs_scheme;
extern const fcs_scheme *const fcs_schemes[]; /* NULL-terminated */

typedef struct fcs_model_tensor {
    fcs_tensor *tensor;
    bool parameter;
} fcs_model_tensor_entry;
struct fcs_model {
    fcs_context *ctx;
    fcs_recipe *recipe; /* borrowed, checked */
    const fcs_scheme *scheme;
    const fcs_dataset *data; /* borrowed; NULL when only generating */
    int channels;            /* of the images */
    uint64_t seed;
    fcs_model_tensor_entry *tensors;
    size_t n_tensors, tensors_capacity; /* what a checkpoint keeps, unique names */
    fcs_plan *plans[FCS_MAX_PLANS];
    const char *plan_names[FCS_MAX_PLANS];
    int n_plans;
    const char *loss_names[FCS_MAX_LOSSES];
    double losses[FCS_MAX_LOSSES];
    int n_losses;                    /* of the last step */
    int64_t size[3], latent_size[3]; /* of an image in training, and its latent's cells: D H W */
    int64_t stride; /* output pixels per latent cell; 0: the generator has one size */
    int64_t latent_channels;
    char latent_distribution[16]; /* "uniform" U[-1,1] or "normal" */
    fcs_tensor *level;            /* of phases: the grey level of each; else NULL */
    fcs_tensor *range;            /* of values: from, to, and 1 where files hold floats; NULL:
                                     no encoder wants it */
    int conditions; /* latent channels behind those, that hold condition[] everywhere */
    float condition[FCS_PHASES_MAX];
    fcs_wave waves[FCS_MAX_WAVES]; /* two latent channels each, behind those */
    int n_waves;
    fcs_tensor *wave[FCS_MAX_WAVES][2]; /* in training: sine and cosine along their axis, phase 0 */
    char culprit[256]; /* after a step that was not finite: the first bad node, "" otherwise */
    struct fcs_coder *encoder, *decoder; /* made when first asked for (coder.c) */
    void *state;                         /* the scheme's own */
    void (*free_state)(fcs_model *m);
};
fcs_status fcs_model_new(fcs_context *ctx, fcs_recipe *r, const fcs_dataset *data, int channels,
                         bool train, fcs_model **out);
void fcs_model_free(fcs_model *m);
/* The tensor of that name, made if it is not there (then zero); NULL on a shape that differs or out
 * of memory. */
fcs_tensor *fcs_model_tensor_of(fcs_model *m, const char *name, fcs_shape shape, bool parameter,
                                fcs_error *e);
fcs_tensor *fcs_model_tensor_find(const fcs_model *m,
                                  const char *name); /* NULL: none of that name */
/* The same for layers and optimizers (fcs_builder.tensor): a new tensor is filled with N(mean, std)
 * from the seed. */
fcs_tensor *fcs_model_source(void *model, const char *name, fcs_shape shape, fcs_role role,
                             double mean, double std);
/* Runs a plan made without fusion and reuse, and puts the first node that is not finite into
 * m->culprit. */
void fcs_model_culprit(fcs_model *m, fcs_plan *plain, uint64_t run);
/* ---- single images and their latents (coder.c), with frozen statistics ---- */
/* Channels of the latent: random ones, conditions, waves. */
int64_t fcs_model_latent_width(const fcs_model *m);
/* Numbers in the latent of an image of the training size. */
int64_t fcs_model_latent_count(const fcs_model *m);
/* The latents of n images C D H W of the training size, in the data's range: mean and logvar
 * (NULL: not wanted) get n times fcs_model_latent_count() numbers, C D H W each. Fails where the
 * scheme has no encoder. */
fcs_status fcs_model_encode(fcs_model *m, const float *images, int64_t n, float *mean,
                            float *logvar, fcs_error *e);
/* n images C D H W, in the data's range, of n latents: every scheme has this. */
fcs_status fcs_model_decode(fcs_model *m, const float *latents, int64_t n, float *images,
                            fcs_error *e);
typedef struct fcs_coder fcs_coder;
void fcs_coder_free(fcs_coder *c);
/* Latent value at an absolute position of realization r: the same whatever tile it is asked for. */
void fcs_model_latent(const fcs_model *m, uint64_t seed, int64_t realization,
                      const fcs_box *box /* C D H W used */, const int64_t period[3] /* 0: none */,
                      float *out);

#endif
