/* registry.c: the table of layers, from layers.def. */
#include "layers/layers.h"
#include <string.h>

#define FCS_LAYER(name) extern const fcs_layer fcs_layer_##name;
#include "layers/layers.def"

#define FCS_LAYER(name) &fcs_layer_##name,
const fcs_layer *const fcs_layers[] = {
#include "layers/layers.def"
};
const int fcs_n_layers = (int)(sizeof fcs_layers / sizeof fcs_layers[0]);

const fcs_param fcs_layer_common[FCS_LAYER_COMMON] = {
    {"type", 's', 0, "", 0, 0, NULL, "the layer, by name"},
    {"name", 's', 0, "", 0, 0, NULL, "of its tensors and for --set; \"\": type and number"},
    {"from", 's', 0, "", 0, 0, NULL,
     "earlier layers, or input, that it takes, by name with commas; \"\": the one before"},
};

const fcs_layer *fcs_layer_find(const char *name)
{
    for (int i = 0; i < fcs_n_layers; i++)
        if (strcmp(fcs_layers[i]->name, name) == 0)
            return fcs_layers[i];
    return NULL;
}
