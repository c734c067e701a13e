/* losses.h: the loss registry. Losses take the discriminator's linear output (logits): the sigmoid
 * is theirs. */
#ifndef FCS_LOSSES_H
#define FCS_LOSSES_H

#include "layers/layers.h"

/* What a loss is made from. Images N x C x D x H x W; logits of any map. NULL where not there. */
typedef struct fcs_loss_terms {
    fcs_node *real, *fake;               /* images */
    fcs_node *real_logits, *fake_logits; /* of the discriminator in training */
    double real_label;                   /* of standard, nonsaturating, least_squares */
    fcs_node *data_mean;                 /* 1 x C x 1 x 1 x 1: mean of all training pixels */
    fcs_builder
        *net; /* whose loss it is: parameters of the last build; the discriminator for penalties */
} fcs_loss_terms;

typedef struct fcs_loss {
    const char *name, *text;
    bool gan;           /* one of loss.gan's; else a term with a weight */
    bool of_images;     /* needs the discriminator's gradient in an image: no batch norm in it */
    bool of_parameters; /* a function of the weights alone */
    /* Scalars; NULL on failure. A missing function: not part of that net's loss. */
    fcs_node *(*discriminator)(fcs_loss_terms *t);
    fcs_node *(*generator)(fcs_loss_terms *t);
} fcs_loss;
extern const fcs_loss *const fcs_losses[];
extern const int fcs_n_losses;
const fcs_loss *fcs_loss_find(const char *name);

#endif
