/* synth.h: training images made by rule. Only integers decide, so that the bits are the same
 * everywhere. */
#ifndef FCS_SYNTH_H
#define FCS_SYNTH_H

#include "base/base.h"

/* Integers of one kind and seed, one after the other. */
typedef struct fcs_dice {
    uint64_t seed, next;
    uint32_t stream;
} fcs_dice;
static inline int64_t fcs_dice_below(fcs_dice *d, int64_t n)
{
    return fcs_random_below(d->seed, 0, d->stream, d->next++, n);
}

/* Fills a grey 8-bit image that is all zero. The dice are those of the kind. */
typedef struct fcs_synth_kind {
    const char *name, *text;
    fcs_status (*make)(fcs_error *e, fcs_image *image, fcs_dice *dice);
} fcs_synth_kind;
/* The table: n kinds. */
const fcs_synth_kind *fcs_synth_kinds(int *n);

fcs_status fcs_synth_channels(fcs_error *e, fcs_image *image, fcs_dice *dice);
fcs_status fcs_synth_spheres(fcs_error *e, fcs_image *image, fcs_dice *dice);
fcs_status fcs_synth_grains(fcs_error *e, fcs_image *image, fcs_dice *dice);
fcs_status fcs_synth_blobs(fcs_error *e, fcs_image *image, fcs_dice *dice);
fcs_status fcs_synth_stripes(fcs_error *e, fcs_image *image, fcs_dice *dice);

#endif
