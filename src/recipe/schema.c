/* schema.c: the sections of a recipe and their keys; schemes.c has what must agree between them. */
#include "recipe/recipe.h"
#include "layers/layers.h"
#include "losses/losses.h"
#include "optim/optim.h"
#include <stdlib.h>
#include <string.h>

#define COUNT(a) (int)(sizeof(a) / sizeof(a)[0])

static const fcs_param top_params[] = {
    {"name", 's', 0, "recipe", 0, 0, NULL, "short name of the system"},
    {"title", 's', 0, "", 0, 200, NULL, "what it is, for reports"},
    {"scheme", 's', 0, "adversarial", 0, 0, NULL, "how nets, losses and data are wired"},
    {"numerics", 's', 0, "fast", 0, 0, "fast|direct",
     "convolutions: fast takes minimal filtering where it pays, direct never"},
};
static const fcs_param data_params[] = {
    {"size", 'i', 384, NULL, 1, 65536, NULL, "side of the square training crops, pixels"},
    {"depth", 'i', 1, NULL, 1, 4096, NULL, "depth of the crops; 1: images, above: volumes"},
    {"channels", 'i', 0, NULL, 0, 64, NULL,
     "channels of the images: 1 makes colours grey; 0: as the data has"},
    {"low", 'f', -1, NULL, -100, 100, NULL, "value of black: -1 for tanh outputs, 0 for sigmoid"},
    {"high", 'f', 1, NULL, -100, 100, NULL, "value of white"},
    {"flip_x", 'b', 0, NULL, 0, 0, NULL, "flip crops left-right at random"},
    {"flip_y", 'b', 0, NULL, 0, 0, NULL, "flip crops upside down at random"},
    {"rotate", 'b', 0, NULL, 0, 0, NULL, "rotate crops by multiples of 90 degrees at random"},
    {"resize", 's', 0, "none", 0, 0, "none|cover|stretch",
     "scale images first: cover: until the shorter side is data.size; stretch: both sides"},
    {"filter", 's', 0, "area", 0, 0, "area|bilinear", "how images and tiles are scaled"},
    {"tile", 'i', 0, NULL, 0, 65536, NULL,
     "cut images into tiles of so many pixels, scaled to data.size; 0: crops at random places"},
    {"stride", 'i', 0, NULL, 0, 65536, NULL, "from one tile to the next, pixels; 0: data.tile"},
    {"phases", 's', 0, "none", 0, 300, NULL,
     "none: values; auto: a channel for each grey level; 3: Otsu's thresholds for so many; 85,170: "
     "these thresholds, in the file's grey levels"},
};
static const fcs_param latent_params[] = {
    {"channels", 'i', 1, NULL, 0, 4096, NULL,
     "random numbers per latent cell; 0: half of data.size"},
    {"size", 'i', 0, NULL, 0, 4096, NULL,
     "latent cells along a side in training; 0: what gives data.size"},
    {"distribution", 's', 0, "uniform", 0, 0, "uniform|normal", "U[-1,1] or N(0,1)"},
    {"waves", 's', 0, "none", 0, 300, NULL,
     "waves through the whole image, each an axis and a period in pixels: y64,x100; two more "
     "channels each, the sine and cosine of a phase drawn per image (Bergmann et al. 2017)"},
    {"density", 'b', 0, NULL, 0, 0, NULL,
     "slices: wanted shares of the phases as further channels, for generate --density"},
};
static const fcs_param net_params[] = {
    {"width", 'f', 1, NULL, 0.01, 64, NULL,
     "multiplies the filters of every layer that has two or more"},
    {"init_std", 'f', 0.02, NULL, 0, 10, NULL, "kernels start as N(0, init_std)"},
    {"init", 's', 0, "fixed", 0, 0, "fixed|scaled",
     "scaled: init_std over the root of the number of inputs that an output sums"},
    {"norm", 's', 0, "batch", 0, 0, "batch|instance|none", "what layers of type norm are"},
    {"norm_affine", 's', 0, "trained", 0, 0, "trained|fixed",
     "scale and shift of layers of type norm; fixed: 1 and 0"},
    {"spectral", 'b', 0, NULL, 0, 0, NULL,
     "divides the kernel of every conv, deconv and dense layer by its largest singular value"},
    {"average", 'f', 0, NULL, 0, 0.99999, NULL,
     "decay per step of the averaged weights that generation uses; 0: the last weights"},
};
static const fcs_param loss_params[] = {
    {"gan", 's', 0, "nonsaturating", 0, 0, NULL, "the adversarial loss, by name"},
    {"penalty_every", 'i', 1, NULL, 1, 1000, NULL,
     "discriminator steps from one penalty on slopes (r1, gradient_penalty) to the next, its "
     "weight times as many"},
    {"real_label", 'f', 1, NULL, 0, 1, NULL,
     "label of real images: 0.9 keeps the discriminator from certainty"},
    {"clip", 'f', 0.01, NULL, 0, 100, NULL,
     "gan = wasserstein: the discriminator's weights stay between -clip and clip"},
    {"passage_phase", 's', 0, "dark", 0, 0, "dark|bright",
     "passage: the phase that does not reach through"},
    {"passage_axis", 's', 0, "y", 0, 0, "x|y", "passage: along this axis"},
    {"passage_length", 'i', 0, NULL, 0, 65536, NULL,
     "passage: through so many pixels, a multiple of 4 below data.size: somewhat more than the "
     "phase's tallest body in the data"},
    {"image", 's', 0, "mse", 0, 0, NULL,
     "the loss between an image and its reconstruction, by name"},
    {"similarity", 's', 0, "pixel", 0, 0, "pixel|features",
     "what reconstruction compares: pixels, or the discriminator's features"},
    {"features", 's', 0, "", 0, 400, NULL,
     "layers of the discriminator, by name with commas; \"\": the one before the last"},
    {"average", 'b', 0, NULL, 0, 0, NULL,
     "reconstruction and kl per pixel (feature, latent number), instead of their sums per image"},
    {"kl_warmup", 'f', 0, NULL, 0, 1, NULL,
     "share of the planned steps over which the weight of kl grows from 0 to loss.kl (Bowman et "
     "al. "
     "2016, section 3.1): keeps latents from dying before the decoder listens"},
    {"sum_fakes", 'b', 0, NULL, 0, 0, NULL,
     "vaegan: reconstructions and random images each weigh as much as the real ones; else both "
     "together do"},
    {"encoder_reconstruction", 'f', 1, NULL, 0, 1e6, NULL,
     "vaegan: weight of reconstruction in the encoder's loss; reconstruction: in the generator's"},
};
static const fcs_param train_params[] = {
    {"steps", 'i', 10000, NULL, 1, 1e9, NULL, "training steps"},
    {"decay_steps", 'i', 0, NULL, 0, 1e9, NULL,
     "steps over which rates fall as decay_from says; 0: train.steps"},
    {"minutes", 'f', 0, NULL, 0, 1e6, NULL, "stop after this many minutes; 0: no limit"},
    {"batch", 'i', 8, NULL, 1, 65536, NULL, "images (slices: volumes) per batch"},
    {"generator_batch", 'i', 0, NULL, 0, 65536, NULL,
     "slices: volumes per generator step; 0: twice batch"},
    {"sections", 'i', 0, NULL, 0, 65536, NULL,
     "slices: sections of a volume along an axis that the discriminator sees, at random places; 0: "
     "all"},
    {"real_batch", 'i', 0, NULL, 0, 65536, NULL,
     "slices: real crops per axis and discriminator step; 0: as many as sections"},
    {"seed", 'i', 1, NULL, 0, 9007199254740992.0, NULL, "of all random numbers"},
    {"critic_steps", 'i', 1, NULL, 1, 100, NULL, "discriminator steps per generator step"},
    {"reuse_fakes", 'b', 1, NULL, 0, 0, NULL,
     "the generator's step uses the fakes of the last discriminator step: one forward pass less"},
    {"checkpoint_every", 'i', 500, NULL, 1, 1e9, NULL, "steps between checkpoints"},
    {"sample_every", 'i', 250, NULL, 1, 1e9, NULL, "steps between sample pictures"},
    {"log_every", 'i', 10, NULL, 1, 1e9, NULL, "steps between lines of log.csv"},
    {"samples", 'i', 4, NULL, 1, 256, NULL, "images in a sample picture"},
    {"calibration", 'i', 16, NULL, 1, 10000, NULL,
     "batches over which the normalization statistics for generation are measured"},
};
#define LOSS_SECTION 3
const fcs_section fcs_sections[] = {
    {"", top_params, COUNT(top_params), "the system"},
    {"data", data_params, COUNT(data_params), "training images"},
    {"latent", latent_params, COUNT(latent_params), "the generator's input"},
    {"loss", loss_params, COUNT(loss_params), "losses; also the weight of each term"},
    {"train", train_params, COUNT(train_params), "the training loop"},
    {"NET", net_params, COUNT(net_params), "a net of the scheme; also: optimizer, layers"},
};
#define NET_SECTION (COUNT(fcs_sections) - 1)
const int fcs_n_sections = COUNT(fcs_sections);
static const char *const net_also[] = {"optimizer", "layers", NULL};

int fcs_loss_params(fcs_param params[FCS_MAX_PARAMS])
{
    int n = fcs_sections[LOSS_SECTION].n;
    memcpy(params, loss_params, sizeof loss_params);
    for (int i = 0; i < fcs_n_losses && n < FCS_MAX_PARAMS; i++)
        if (fcs_loss_weighs(fcs_losses[i]))
            params[n++] =
                (fcs_param){fcs_losses[i]->name, 'f', 0, NULL, 0, 1e6, NULL, fcs_losses[i]->text};
    return n;
}

static fcs_status unknown_entry(fcs_error *e, const fcs_recipe *r, const config_setting_t *s,
                                const char *what, const char *list, const char *const *names, int n)
{
    const char *word = config_setting_get_string(s), *near = fcs_nearest(word, names, n);
    return fcs_recipe_fail(e, r, s, "no %s \"%.60s\"; did you mean \"%s\"? (facies list %s)", what,
                           word, near ? near : names[0], list);
}

/* The member `key` of group, a word; NULL with a message if it is missing or none. */
static const config_setting_t *word_member(fcs_error *e, const fcs_recipe *r,
                                           config_setting_t *group, const char *key,
                                           const char *example)
{
    if (config_setting_type(group) != CONFIG_TYPE_GROUP) {
        fcs_recipe_fail(e, r, group, "must be a group: { %s = \"%s\"; ... }", key, example);
        return NULL;
    }
    const config_setting_t *s = config_setting_get_member(group, key);
    if (!s || config_setting_type(s) != CONFIG_TYPE_STRING) {
        fcs_recipe_fail(e, r, s ? s : group, "needs %s = \"%s\" or another word in quotes", key,
                        example);
        return NULL;
    }
    return s;
}

static fcs_status check_optimizer(fcs_error *e, const fcs_recipe *r, config_setting_t *net)
{
    config_setting_t *group = config_setting_get_member(net, "optimizer");
    if (!group) {
        group = config_setting_add(net, "optimizer", CONFIG_TYPE_GROUP);
        config_setting_t *type =
            group ? config_setting_add(group, "type", CONFIG_TYPE_STRING) : NULL;
        if (!type || config_setting_set_string(type, fcs_optimizers[0]->name) != CONFIG_TRUE)
            return fcs_fail(e, FCS_FAILED, "out of memory");
    }
    const config_setting_t *type = word_member(e, r, group, "type", fcs_optimizers[0]->name);
    if (!type)
        return FCS_FAILED;
    const fcs_optimizer *o = fcs_optimizer_find(config_setting_get_string(type));
    const char *names[64];
    for (int i = 0; i < fcs_n_optimizers && i < 64; i++)
        names[i] = fcs_optimizers[i]->name;
    if (!o)
        return unknown_entry(e, r, type, "optimizer", "optimizers", names, fcs_n_optimizers);
    static const char *const also[] = {"type", NULL};
    return fcs_params_check(e, r, group, o->params, o->n_params, also);
}

static fcs_status check_layer(fcs_error *e, const fcs_recipe *r, config_setting_t *layer)
{
    const config_setting_t *type = word_member(e, r, layer, "type", "conv");
    if (!type)
        return FCS_FAILED;
    const fcs_layer *entry = fcs_layer_find(config_setting_get_string(type));
    const char *names[64];
    for (int i = 0; i < fcs_n_layers && i < 64; i++)
        names[i] = fcs_layers[i]->name;
    if (!entry)
        return unknown_entry(e, r, type, "layer", "layers", names, fcs_n_layers);
    fcs_param params[FCS_MAX_PARAMS + FCS_LAYER_COMMON];
    memcpy(params, fcs_layer_common, FCS_LAYER_COMMON * sizeof *params);
    if (entry->n_params)
        memcpy(params + FCS_LAYER_COMMON, entry->params, (size_t)entry->n_params * sizeof *params);
    return fcs_params_check(e, r, layer, params, FCS_LAYER_COMMON + entry->n_params, NULL);
}

/* Layers without a name get one: conv1, conv2, ... */
static fcs_status name_layer(fcs_error *e, config_setting_t *layers, int at)
{
    config_setting_t *layer = config_setting_get_elem(layers, (unsigned)at);
    config_setting_t *name = config_setting_get_member(layer, "name");
    const char *type = config_setting_get_string(config_setting_get_member(layer, "type"));
    int ordinal = 0;
    for (int i = 0; i <= at; i++) {
        config_setting_t *other = config_setting_get_elem(layers, (unsigned)i);
        ordinal +=
            strcmp(config_setting_get_string(config_setting_get_member(other, "type")), type) == 0;
    }
    char text[FCS_WORD];
    snprintf(text, sizeof text, "%.36s%d", type, ordinal);
    if (config_setting_get_string(name)[0] == 0 &&
        config_setting_set_string(name, text) != CONFIG_TRUE)
        return fcs_fail(e, FCS_FAILED, "out of memory");
    return FCS_OK;
}

static fcs_status check_net(fcs_error *e, const fcs_recipe *r, config_setting_t *net)
{
    config_setting_t *layers = config_setting_get_member(net, "layers");
    int n = layers && config_setting_type(layers) == CONFIG_TYPE_LIST
                ? config_setting_length(layers)
                : 0;
    if (n < 1 || n > 4096)
        return fcs_recipe_fail(e, r, net,
                               "needs layers = ( { type = \"conv\"; ... }, ... ), at most 4096");
    for (int i = 0; i < n; i++)
        if (check_layer(e, r, config_setting_get_elem(layers, (unsigned)i)) != FCS_OK ||
            name_layer(e, layers, i) != FCS_OK)
            return FCS_FAILED;
    return check_optimizer(e, r, net);
}

/* The group at that path of the root, made where it is not there. */
static config_setting_t *group_of(fcs_error *e, fcs_recipe *r, const char *path)
{
    config_setting_t *root = config_root_setting(&r->config);
    config_setting_t *group = config_setting_get_member(root, path);
    if (!group)
        group = config_setting_add(root, path, CONFIG_TYPE_GROUP);
    if (!group)
        fcs_fail(e, FCS_FAILED, "out of memory");
    return group;
}

static fcs_status check_section(fcs_error *e, fcs_recipe *r, const fcs_section *section)
{
    config_setting_t *group = group_of(e, r, section->path);
    fcs_param params[FCS_MAX_PARAMS];
    memcpy(params, section->params, (size_t)section->n * sizeof *params);
    int n = section == &fcs_sections[LOSS_SECTION] ? fcs_loss_params(params) : section->n;
    return group ? fcs_params_check(e, r, group, params, n, NULL) : FCS_FAILED;
}

static fcs_status check_nets(fcs_error *e, fcs_recipe *r, const fcs_scheme_rules *rules)
{
    const fcs_section *section = &fcs_sections[NET_SECTION];
    for (int i = 0; rules->nets[i].name; i++) {
        if (rules->nets[i].optional && !fcs_recipe_has(r, rules->nets[i].name))
            continue;
        config_setting_t *group = group_of(e, r, rules->nets[i].name);
        if (!group || fcs_params_check(e, r, group, section->params, section->n, net_also) ||
            check_net(e, r, group))
            return FCS_FAILED;
    }
    return FCS_OK;
}

static bool is_gan(const fcs_loss *l) { return l->gan; }
static bool is_image(const fcs_loss *l) { return l->distance != NULL; }

/* The loss that the recipe chooses at this path; NULL with a message if it is none of its kind. */
static const fcs_loss *chosen_loss(fcs_error *e, const fcs_recipe *r, const char *path,
                                   bool (*kind)(const fcs_loss *l))
{
    const config_setting_t *s = config_lookup(&r->config, path);
    const fcs_loss *loss = fcs_loss_find(config_setting_get_string(s));
    const char *names[64];
    int n = 0;
    if (loss && kind(loss))
        return loss;
    for (int i = 0; i < fcs_n_losses && n < 64; i++)
        if (kind(fcs_losses[i]))
            names[n++] = fcs_losses[i]->name;
    unknown_entry(e, r, s, "loss", "losses", names, n);
    return NULL;
}

/* A term that the adversarial loss cannot do without gets its usual weight. */
static fcs_status check_losses(fcs_error *e, fcs_recipe *r)
{
    const fcs_loss *gan = chosen_loss(e, r, "loss.gan", is_gan);
    if (!gan || !chosen_loss(e, r, "loss.image", is_image))
        return FCS_FAILED;
    config_setting_t *loss = config_lookup(&r->config, "loss");
    config_setting_t *with = gan->with ? config_setting_get_member(loss, gan->with) : NULL;
    if (with && config_setting_get_float(with) == 0 &&
        config_setting_set_float(with, gan->with_weight) != CONFIG_TRUE)
        return fcs_fail(e, FCS_FAILED, "out of memory");
    return FCS_OK;
}

static const fcs_scheme_rules *scheme_of(fcs_error *e, const fcs_recipe *r)
{
    const config_setting_t *scheme = config_lookup(&r->config, "scheme");
    const char *names[16], *word = config_setting_get_string(scheme);
    int n = 0;
    for (; fcs_scheme_table[n].name && n < 16; n++) {
        if (strcmp(fcs_scheme_table[n].name, word) == 0)
            return &fcs_scheme_table[n];
        names[n] = fcs_scheme_table[n].name;
    }
    unknown_entry(e, r, scheme, "scheme", "schemes", names, n);
    return NULL;
}

/* A misspelt scheme is found first: which sections there are depends on it. */
static const fcs_scheme_rules *check_top(fcs_error *e, fcs_recipe *r)
{
    const char *also[32];
    config_setting_t *root = config_root_setting(&r->config);
    const config_setting_t *word = config_setting_get_member(root, "scheme");
    const fcs_scheme_rules *rules = &fcs_scheme_table[0];
    int n = 0;
    if (word && config_setting_type(word) == CONFIG_TYPE_STRING && !(rules = scheme_of(e, r)))
        return NULL;
    for (int i = 1; i < NET_SECTION; i++)
        also[n++] = fcs_sections[i].path;
    for (int i = 0; rules->nets[i].name && n < 31; i++)
        also[n++] = rules->nets[i].name;
    also[n] = NULL;
    return fcs_params_check(e, r, root, top_params, COUNT(top_params), also) ? NULL : rules;
}

fcs_status fcs_recipe_check(fcs_recipe *r, fcs_error *e)
{
    r->checked = false;
    const fcs_scheme_rules *rules = check_top(e, r);
    if (!rules)
        return FCS_FAILED;
    for (int i = 1; i < NET_SECTION; i++)
        if (check_section(e, r, &fcs_sections[i]) != FCS_OK)
            return FCS_FAILED;
    if (check_nets(e, r, rules) || check_losses(e, r) || rules->check(e, r))
        return FCS_FAILED;
    r->checked = true;
    return FCS_OK;
}
