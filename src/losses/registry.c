/* registry.c: the table of losses, from losses.def. */
#include "losses/losses.h"
#include <string.h>

#define FCS_LOSS(name) extern const fcs_loss fcs_loss_##name;
#include "losses/losses.def"

#define FCS_LOSS(name) &fcs_loss_##name,
const fcs_loss *const fcs_losses[] = {
#include "losses/losses.def"
};
const int fcs_n_losses = (int)(sizeof fcs_losses / sizeof fcs_losses[0]);

const fcs_loss *fcs_loss_find(const char *name)
{
    for (int i = 0; i < fcs_n_losses; i++)
        if (strcmp(fcs_losses[i]->name, name) == 0)
            return fcs_losses[i];
    return NULL;
}

bool fcs_loss_weighs(const fcs_loss *l) { return !l->gan && !l->distance; }
