/* features_nets.c: the nets whose weights can be given as a file. A further one is an entry in the
 * table and a function that says its layers. Features are the input of the last layer, averaged
 * over the picture. */
#include "metrics/features.h"
#include "ops/ops.h"

/* ---- SqueezeNet 1.0 (Iandola et al. 2016): fire modules squeeze with 1x1, expand with 1x1 and 3x3
 * ---- */
static fcs_node *fire(fcs_feature_builder *b, fcs_node *x, int number)
{
    char name[3][32];
    static const char *const parts[] = {"conv1x1_1", "conv1x1_2", "conv3x3_2"};
    for (int i = 0; i < 3; i++)
        snprintf(name[i], sizeof name[i], "fire%d.%s", number, parts[i]);
    fcs_node *squeezed = fcs_feature_conv(b, x, name[0], 1, 0, NULL, FCS_AFTER_RELU);
    fcs_node *expanded[2] = {fcs_feature_conv(b, squeezed, name[1], 1, 0, NULL, FCS_AFTER_RELU),
                             fcs_feature_conv(b, squeezed, name[2], 1, 1, NULL, FCS_AFTER_RELU)};
    return expanded[0] && expanded[1] ? fcs_apply(expanded[0]->graph, "concat", NULL, 2, expanded)
                                      : NULL;
}

static fcs_node *squeezenet(fcs_feature_builder *b, fcs_node *image, fcs_node **features)
{
    fcs_node *x = fcs_feature_conv(b, image, "conv1", 2, 0, NULL, FCS_AFTER_RELU);
    x = fcs_feature_max_pool(b, x, 3, 2);
    for (int i = 2; i <= 9; i++) {
        x = fire(b, x, i);
        if (i == 4 || i == 8)
            x = fcs_feature_max_pool(b, x, 3, 2);
    }
    if (!x)
        return NULL;
    *features = fcs_mean(x, "dhw");
    x = fcs_feature_conv(b, x, "conv_final", 1, 1, NULL, FCS_AFTER_RELU);
    return x ? fcs_mean(x, "dhw") : NULL;
}

/* ---- Tiny Darknet (Redmon 2016) ---- */
static fcs_node *tiny_darknet(fcs_feature_builder *b, fcs_node *image, fcs_node **features)
{
    fcs_node *x = image;
    for (int i = 1; i <= 16 && x; i++) {
        char name[16], bn[16];
        snprintf(name, sizeof name, "conv%d", i);
        snprintf(bn, sizeof bn, "bn%d", i);
        int64_t kernel = fcs_feature_kernel(b, name);
        if (!kernel)
            return NULL;
        if (i == 16)
            *features = fcs_mean(x, "dhw");
        x = fcs_feature_conv(b, x, name, 1, kernel / 2, i < 16 ? bn : NULL,
                             i < 16 ? FCS_AFTER_LEAKY : FCS_AFTER_NONE);
        if (i == 1 || i == 2 || i == 6 || i == 10)
            x = fcs_feature_max_pool(b, x, 2, 2);
    }
    return x ? fcs_mean(x, "dhw") : NULL;
}

const fcs_feature_net fcs_feature_nets[] = {
    {.name = "squeezenet1_0",
     .text = "SqueezeNet 1.0",
     .weight = "fire9.conv3x3_2.weight",
     .shape = {256, 64, 3, 3},
     .side = 227,
     .filter = FCS_FILTER_BILINEAR,
     .bgr = true,
     .scale = 255,
     .mean = {104, 117, 123},
     .build = squeezenet},
    {.name = "tiny_darknet",
     .text = "Tiny Darknet",
     .weight = "conv14.weight",
     .shape = {512, 64, 3, 3},
     .side = 224,
     .filter = FCS_FILTER_BILINEAR,
     .scale = 1,
     .build = tiny_darknet},
};
const int fcs_n_feature_nets = (int)(sizeof fcs_feature_nets / sizeof fcs_feature_nets[0]);
