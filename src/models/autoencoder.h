/* autoencoder.h: an encoder and a generator, with or without a discriminator. */
#ifndef FCS_AUTOENCODER_H
#define FCS_AUTOENCODER_H

#include "models/training.h"

extern const fcs_scheme fcs_scheme_autoencoder;

#endif
