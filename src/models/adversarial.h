/* adversarial.h: a generator against a discriminator: what the scheme keeps. Inside src/models
 * only. */
#ifndef FCS_ADVERSARIAL_H
#define FCS_ADVERSARIAL_H

#include "models/training.h"

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
    int64_t batch, critic_steps, penalty_every;
    bool reuse_fakes;
    const fcs_loss *gan;
    double real_label, clip;
    int features[FCS_MAX_FROM], n_features; /* layers of the discriminator */
    fcs_terms terms;
    fcs_tensor *real, *data_mean;    /* the batch; the mean pixel, which a checkpoint keeps */
    fcs_tensor *factor[2];           /* of the rates of D and G */
    fcs_tensor *finite;              /* the flag of the last plan that ran */
    float *pixels;                   /* of a batch, C D H W each */
    fcs_plan *plans[FCS_PLAN_KINDS]; /* by what they do; owned by the model */
    fcs_statistics statistics;
} fcs_adversarial;

/* The plan of that kind (adversarial_graph.c); NULL where there is nothing to compute: statistics
 * of a generator without normalization. */
fcs_plan_again fcs_adversarial_plan;

#endif
