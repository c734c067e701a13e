/* training.h: what training schemes share: builders of nets, batches, rates, the terms of losses
 * and their logged values, averaged weights, frozen statistics. Inside src/models only. */
#ifndef FCS_TRAINING_H
#define FCS_TRAINING_H

#include "models/model.h"
#include "losses/losses.h"
#include "optim/optim.h"

/* A builder of this net in this graph, on the model's tensors. */
fcs_builder fcs_training_builder(fcs_model *m, const fcs_net *net, fcs_graph *g, fcs_mode mode);
/* N images' worth of the latent, drawn anew in each run: a random node of this name. */
fcs_node *fcs_training_latent(fcs_model *m, fcs_graph *g, int64_t n, const char *name);
/* waves.c: the latent with the model's waves behind it, phases drawn anew in each run ... */
fcs_node *fcs_waves_add(fcs_model *m, fcs_node *z, const char *name);
/* ... and channel `of` of them at a latent cell of an image; of the period (cells, 0: none) a wave
 * takes a whole part, so that it wraps around. */
float fcs_wave_value(const fcs_model *m, int64_t of, uint64_t seed, int64_t realization,
                     const int64_t cell[3], const int64_t period[3]);
/* The rates' factor at a step: 1, then linearly down over the last part of the planned steps. */
double fcs_training_rate(const fcs_model *m, const fcs_net *net, int64_t step);
fcs_status fcs_training_scalar(fcs_tensor *t, double v);
/* Fills images with crops number * N and on of the stream; pixels has room for them. */
fcs_status fcs_training_batch(const fcs_model *m, fcs_tensor *images, float *pixels,
                              const char *stream, int64_t number);
/* m->size, m->latent_size, m->stride of the net that makes the images. */
void fcs_training_sizes(fcs_model *m, const fcs_net *generator);
/* Adds an update of the builder's parameters by `gradients`; new weights go to updated[]. flag:
 * multiplied by whether loss and gradients are finite (NULL at first). */
fcs_status fcs_training_optimize(fcs_update *u, const fcs_net *net, const fcs_builder *b,
                                 fcs_node *loss, fcs_node **gradients, fcs_node **updated,
                                 fcs_node **flag);
/* Assigns the averaged weights where the net has them. */
bool fcs_training_average(fcs_model *m, const fcs_builder *b, fcs_node *const *weights);
/* Reads the flag of a plan that ran; where it is 0, repeats the run node by node to name the
 * culprit, with a plan that `again` makes, and fails. */
typedef fcs_status fcs_plan_again(fcs_model *m, int kind, const fcs_plan_options *o, fcs_plan **out,
                                  fcs_error *e);
fcs_status fcs_training_finite(fcs_model *m, const fcs_tensor *flag, fcs_plan_again *again,
                               int kind, const char *name, int64_t step, uint64_t run,
                               fcs_error *e);
/* The net in inference form, as a scheme's `generator`. */
fcs_status fcs_training_generator(fcs_model *m, const fcs_net *net, fcs_graph *g,
                                  const int64_t latent_size[3], fcs_node **out, fcs_tensor **latent,
                                  fcs_error *e);
/* What the maker of a plan returns: FCS_OK where it is done, else a failure, with a message in any
 * case. */
fcs_status fcs_training_made(const fcs_model *m, bool done, fcs_error *e);
/* Whether there is a spectrally normalized kernel, with vectors to be iterated. */
bool fcs_training_has_spectral(const fcs_model *m);
/* Adds the plan to m->plans. */
void fcs_training_add_plan(fcs_model *m, fcs_plan *p, const char *name);

/* ---- losses and what is logged of them (terms.c) ---- */
typedef struct fcs_terms {
    double *weights;                  /* of each loss of the registry; 0: none */
    int of[FCS_MAX_LOSSES];           /* of each logged number: its loss, or -1 */
    fcs_tensor *held[FCS_MAX_LOSSES]; /* what is logged, beside m->loss_names */
} fcs_terms;
/* Logged: these n names, then every term in use that says something about images. */
fcs_status fcs_terms_read(fcs_model *m, fcs_terms *t, const char *const *names, int n,
                          fcs_error *e);
fcs_status fcs_terms_tensors(fcs_model *m, fcs_terms *t, fcs_error *e);
/* m->losses from the held tensors. */
fcs_status fcs_terms_values(fcs_model *m, const fcs_terms *t);
void fcs_terms_free(fcs_terms *t);
/* Is there a penalty on slopes in images, which not every step must have? */
bool fcs_terms_penalize(const fcs_terms *t);

typedef enum fcs_part { FCS_OF_GENERATOR, FCS_OF_DISCRIMINATOR, FCS_OF_ENCODER } fcs_part;
enum { FCS_ALL_TERMS, FCS_IMAGE_TERMS, FCS_PARAMETER_TERMS };
/* loss + weight * term, for the terms that this net has; penalty: the factor of those on slopes, 0:
 * not in this plan. held[]: what is to be logged. */
fcs_node *fcs_terms_add(const fcs_terms *t, fcs_loss_terms *x, fcs_node *loss, fcs_part part,
                        int which, double penalty, const fcs_model *m, fcs_node **held);
/* Assigns what is to be logged. */
fcs_status fcs_terms_hold(const fcs_terms *t, const fcs_model *m, fcs_graph *g, fcs_node **held);

/* ---- frozen statistics (statistics.c) ---- */
typedef struct fcs_statistics {
    fcs_net_statistic *of;
    int n;
    fcs_tensor **measured; /* mean and variance of a batch: two per statistic */
} fcs_statistics;
/* Assigns what the builder, of mode FCS_MEASURE, has collected; several builders one after the
 * other. */
fcs_status fcs_statistics_add(fcs_statistics *s, const fcs_builder *b);
/* Runs the measuring plan so many times (before each, `load`, unless it is NULL) and sets the
 * frozen statistics. */
typedef fcs_status fcs_statistics_load(fcs_model *m, int64_t batch);
fcs_status fcs_statistics_measure(fcs_statistics *s, fcs_model *m, fcs_plan *p,
                                  fcs_statistics_load *load, fcs_error *e);
void fcs_statistics_free(fcs_statistics *s);

#endif
