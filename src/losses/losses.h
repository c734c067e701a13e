/* losses.h: the loss registry. Losses take the discriminator's linear output (logits): the sigmoid
 * is theirs. */
#ifndef FCS_LOSSES_H
#define FCS_LOSSES_H

#include "layers/layers.h"

/* What a loss is made from. Images N x C x D x H x W; logits of any map. NULL where not there. */
typedef struct fcs_loss_terms {
    fcs_node *real, *fake;               /* images */
    fcs_node *real_logits, *fake_logits; /* of the discriminator in training */
    int fake_kinds;    /* of images in `fake`, whose losses are added up; 0: one */
    double real_label; /* of standard, nonsaturating, least_squares */
    fcs_node
        *data_mean; /* 1 x C x 1 x 1 x 1: mean of all training pixels; N x C: wanted of each fake */
    fcs_node *mean, *logvar;      /* of the latent, from the encoder of `real` */
    fcs_node *rebuilt;            /* images from that latent */
    fcs_node *rebuilt_logits;     /* before their sigmoid; NULL: they have none */
    const struct fcs_loss *image; /* loss.image */
    bool of_features;             /* loss.similarity: features, not pixels, are compared */
    bool averaged;                /* terms per number instead of sums per image */
    fcs_node *warmth;             /* 0 to 1: the factor of terms that are warmed up; NULL: 1 */
    /* Of loss.features, from the discriminator: of real images, and of fakes or rebuilt ones. */
    fcs_node *real_features[FCS_MAX_FROM], *fake_features[FCS_MAX_FROM];
    int n_features;
    fcs_passage passage;
    fcs_builder
        *net; /* whose loss it is: parameters of the last build; the discriminator for penalties */
} fcs_loss_terms;

typedef struct fcs_loss {
    const char *name, *text;
    bool gan; /* one of loss.gan's; else, and without `distance`, a term with a weight */
    /* One of loss.image's: how far each value of x is from that of y, logits of x where the loss
     * wants these, summed; NULL on failure. */
    fcs_node *(*distance)(fcs_node *x, fcs_node *y);
    bool of_logits;     /* `distance` takes logits: the generator must end in a sigmoid */
    bool clips;         /* loss.gan's: bounds the discriminator's weights by loss.clip */
    const char *with;   /* loss.gan's: the term that it cannot do without */
    double with_weight; /* which gets this weight where the recipe gives none */
    bool of_encoder, of_discriminator; /* a term of schemes that have this net only */
    bool of_images;     /* needs the discriminator's gradient in an image: no batch norm in it */
    bool of_parameters; /* a function of the weights alone */
    bool of_alike;      /* for data alike along all axes: left out where each has its own */
    bool warmed;        /* its weight grows from 0 (fcs_loss_terms.warmth) */
    /* Scalars; NULL on failure. A missing function: not part of that net's loss. */
    fcs_node *(*discriminator)(fcs_loss_terms *t);
    fcs_node *(*generator)(fcs_loss_terms *t);
    fcs_node *(*encoder)(fcs_loss_terms *t);
} fcs_loss;
extern const fcs_loss *const fcs_losses[];
extern const int fcs_n_losses;
const fcs_loss *fcs_loss_find(const char *name);
bool fcs_loss_weighs(const fcs_loss *l); /* a term: it has a weight, loss.NAME */

#endif
