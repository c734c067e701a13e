/* slices.h: volumes from images: what the scheme keeps. Inside src/models only.
 *
 * A generator of volumes against a critic of images: sections of the volumes along each of the
 * three axes are shown to it beside crops of real images (SliceGAN, Kench and Cooper 2021). Axes
 * are counted x y z: 0 1 2; an image perpendicular to x has rows along z and columns along y, to y:
 * z and x, to z: y and x. */
#ifndef FCS_SLICES_H
#define FCS_SLICES_H

#include "models/training.h"

extern const fcs_scheme fcs_scheme_slices;

/* Plans: kinds of critics are FCS_SLICES_CRITIC + axis, and + 3 with a penalty on slopes. */
enum {
    FCS_SLICES_FAKES,
    FCS_SLICES_GENERATOR,
    FCS_SLICES_SPECTRAL,
    FCS_SLICES_MEASURE,
    FCS_SLICES_CRITIC,
    FCS_SLICES_KINDS = FCS_SLICES_CRITIC + 6
};
/* The first numbers of a step; then, of phases, a difference each; then a term each. */
enum { FCS_SLICES_D, FCS_SLICES_G, FCS_SLICES_REAL, FCS_SLICES_FAKE, FCS_SLICES_HELD };
enum { FCS_OF_CRITIC_STEP, FCS_OF_GENERATOR_STEP }; /* index of volumes, at, target */

typedef struct fcs_slices {
    fcs_net generator, critics[3];
    int n_critics;                       /* 3: one for each axis, which has images of its own */
    int64_t volumes[2], sections, reals; /* in a step; of a volume along an axis; real crops */
    int64_t critic_steps, penalty_every;
    int conditions;  /* latent channels with the wanted shares: channels of the data, or 0 */
    int differences; /* logged: as many as there are phases, or 0 */
    const fcs_loss *gan;
    double real_label;
    fcs_terms terms;
    fcs_tensor *real, *fakes[3]; /* images for the critic: real ones, sections along each axis */
    fcs_tensor *at[3][2];        /* where sections are taken: volumes x sections */
    fcs_tensor *target[2];       /* wanted mean of each channel: volumes x channels */
    fcs_tensor *mean, *spread;   /* of the data, and of its crops' means; kept by checkpoints */
    fcs_tensor *factor[2];       /* of the rates of critic and generator */
    fcs_tensor *finite;          /* the flag of the last plan that ran */
    float *pixels;               /* of the real crops */
    fcs_plan *plans[FCS_SLICES_KINDS];
    fcs_statistics statistics;
} fcs_slices;

fcs_plan_again fcs_slices_plan; /* the plan of that kind (slices_graph.c) */
/* The latent as the generator takes it: random channels, then the wanted shares of these means
 * (volumes x channels). */
fcs_node *fcs_slices_latent(fcs_model *m, fcs_graph *g, fcs_tensor *target, const char *name);

#endif
