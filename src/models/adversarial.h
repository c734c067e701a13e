/* adversarial.h: a generator against a discriminator: what the scheme keeps. Inside src/models
 * only. */
#ifndef FCS_ADVERSARIAL_H
#define FCS_ADVERSARIAL_H

#include "models/model.h"
#include "layers/layers.h"
#include "losses/losses.h"
#include "optim/optim.h"

extern const fcs_scheme fcs_scheme_adversarial;

/* What a plan does: a set of these. */
enum {
    FCS_PLAN_D = 1,
    FCS_PLAN_G = 2,
    FCS_PLAN_PENALTY = 4,
    FCS_PLAN_SPECTRAL = 8,
    FCS_PLAN_MEASURE = 16,
    FCS_PLAN_KINDS = 32
};
/* The first numbers of a step, then a term each. */
enum { FCS_HELD_D, FCS_HELD_G, FCS_HELD_REAL, FCS_HELD_FAKE, FCS_HELD_TERMS };

typedef struct fcs_adversarial {
    fcs_net generator, discriminator;
    int axes;
    int64_t latent[3], size[3]; /* cells and pixels D H W in training */
    int64_t batch, critic_steps, penalty_every;
    bool reuse_fakes;
    const fcs_loss *gan;
    double real_label;
    double *weights;                  /* of each loss of the registry */
    fcs_tensor *real, *data_mean;     /* the batch; the mean pixel, which a checkpoint keeps */
    fcs_tensor *factor[2];            /* of the rates of D and G */
    fcs_tensor *finite;               /* the flag of the last plan that ran */
    fcs_tensor *held[FCS_MAX_LOSSES]; /* beside m->loss_names */
    int held_of[FCS_MAX_LOSSES];      /* terms: their number in the registry */
    float *pixels;                    /* of a batch, C D H W each */
    fcs_plan *plans[FCS_PLAN_KINDS];  /* by what they do; owned by the model */
    fcs_net_statistic *statistics;
    int n_statistics;      /* as in the measuring plan; mean and variance are in: */
    fcs_tensor **measured; /* two per statistic */
} fcs_adversarial;

/* The plan of that kind (adversarial_graph.c). */
fcs_status fcs_adversarial_plan(fcs_model *m, int kind, const fcs_plan_options *o, fcs_plan **out,
                                fcs_error *e);
/* Builders of the two nets in this graph. */
fcs_builder fcs_adversarial_builder(fcs_model *m, const fcs_net *net, fcs_graph *g, fcs_mode mode);

#endif
