/* schema.c: the sections of a recipe, their keys, and what must agree between them. */
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
    {"scheme", 's', 0, "adversarial", 0, 0, "adversarial", "how nets, losses and data are wired"},
    {"numerics", 's', 0, "direct", 0, 0, "direct", "forms of convolution: direct sums only"},
};
static const fcs_param data_params[] = {
    {"size", 'i', 384, NULL, 1, 65536, NULL, "side of the square training crops, pixels"},
    {"depth", 'i', 1, NULL, 1, 4096, NULL, "depth of the crops; 1: images, above: volumes"},
    {"channels", 'i', 0, NULL, 0, 64, NULL, "channels of the images; 0: as the data has"},
    {"low", 'f', -1, NULL, -100, 100, NULL, "value of black: -1 for tanh outputs, 0 for sigmoid"},
    {"high", 'f', 1, NULL, -100, 100, NULL, "value of white"},
    {"flip_x", 'b', 0, NULL, 0, 0, NULL, "flip crops left-right at random"},
    {"flip_y", 'b', 0, NULL, 0, 0, NULL, "flip crops upside down at random"},
    {"rotate", 'b', 0, NULL, 0, 0, NULL, "rotate crops by multiples of 90 degrees at random"},
};
static const fcs_param latent_params[] = {
    {"channels", 'i', 1, NULL, 1, 4096, NULL, "random numbers per latent cell"},
    {"size", 'i', 0, NULL, 0, 4096, NULL,
     "latent cells along a side in training; 0: what gives data.size"},
    {"distribution", 's', 0, "uniform", 0, 0, "uniform|normal", "U[-1,1] or N(0,1)"},
};
static const fcs_param net_params[] = {
    {"width", 'f', 1, NULL, 0.01, 64, NULL,
     "multiplies the filters of every layer that has two or more"},
    {"init_std", 'f', 0.02, NULL, 0, 10, NULL, "kernels start as N(0, init_std)"},
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
};
static const fcs_param train_params[] = {
    {"steps", 'i', 10000, NULL, 1, 1e9, NULL,
     "training steps; a rate's decay is planned over them"},
    {"minutes", 'f', 0, NULL, 0, 1e6, NULL, "stop after this many minutes; 0: no limit"},
    {"batch", 'i', 8, NULL, 1, 65536, NULL, "images per batch"},
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
#define LOSS_SECTION 5
const fcs_section fcs_sections[] = {
    {"", top_params, COUNT(top_params), "the system"},
    {"data", data_params, COUNT(data_params), "training images"},
    {"latent", latent_params, COUNT(latent_params), "the generator's input"},
    {"generator", net_params, COUNT(net_params), "a net; also: optimizer, layers"},
    {"discriminator", net_params, COUNT(net_params), "a net; also: optimizer, layers"},
    {"loss", loss_params, COUNT(loss_params), "losses; also the weight of each term"},
    {"train", train_params, COUNT(train_params), "the training loop"},
};
const int fcs_n_sections = COUNT(fcs_sections);
const char *const fcs_recipe_nets[] = {"generator", "discriminator", NULL};
static const char *const net_also[] = {"optimizer", "layers", NULL};

int fcs_loss_params(fcs_param params[FCS_MAX_PARAMS])
{
    int n = fcs_sections[LOSS_SECTION].n;
    memcpy(params, loss_params, sizeof loss_params);
    for (int i = 0; i < fcs_n_losses && n < FCS_MAX_PARAMS; i++)
        if (!fcs_losses[i]->gan)
            params[n++] =
                (fcs_param){fcs_losses[i]->name, 'f', 0, NULL, 0, 1e6, NULL, fcs_losses[i]->text};
    return n;
}

static bool is_net(const char *name)
{
    for (const char *const *net = fcs_recipe_nets; *net; net++)
        if (strcmp(*net, name) == 0)
            return true;
    return false;
}

static fcs_status unknown_entry(fcs_error *e, const fcs_recipe *r, const config_setting_t *s,
                                const char *what, const char *const *names, int n)
{
    const char *word = config_setting_get_string(s), *near = fcs_nearest(word, names, n);
    return fcs_recipe_fail(e, r, s, "no %s \"%.60s\"; did you mean \"%s\"? (facies list %s)", what,
                           word, near ? near : names[0],
                           what[0] == 'l' && what[1] == 'o' ? "losses"
                           : what[0] == 'l'                 ? "layers"
                                                            : "optimizers");
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
        return unknown_entry(e, r, type, "optimizer", names, fcs_n_optimizers);
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
        return unknown_entry(e, r, type, "layer", names, fcs_n_layers);
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

static fcs_status check_section(fcs_error *e, fcs_recipe *r, const fcs_section *section)
{
    config_setting_t *root = config_root_setting(&r->config);
    config_setting_t *group = config_setting_get_member(root, section->path);
    if (!group)
        group = config_setting_add(root, section->path, CONFIG_TYPE_GROUP);
    if (!group)
        return fcs_fail(e, FCS_FAILED, "out of memory");
    fcs_param params[FCS_MAX_PARAMS];
    memcpy(params, section->params, (size_t)section->n * sizeof *params);
    bool loss = section == &fcs_sections[LOSS_SECTION], net = is_net(section->path);
    int n = loss ? fcs_loss_params(params) : section->n;
    if (fcs_params_check(e, r, group, params, n, net ? net_also : NULL) != FCS_OK)
        return FCS_FAILED;
    return net ? check_net(e, r, group) : FCS_OK;
}

static fcs_status check_gan(fcs_error *e, const fcs_recipe *r)
{
    const config_setting_t *gan = config_lookup(&r->config, "loss.gan");
    const fcs_loss *loss = fcs_loss_find(config_setting_get_string(gan));
    const char *names[64];
    int n = 0;
    for (int i = 0; i < fcs_n_losses && n < 64; i++)
        if (fcs_losses[i]->gan)
            names[n++] = fcs_losses[i]->name;
    return loss && loss->gan ? FCS_OK : unknown_entry(e, r, gan, "loss", names, n);
}

/* A gradient in one image needs a discriminator that judges each image by itself. */
static fcs_status check_penalties(fcs_error *e, const fcs_recipe *r, const fcs_net *d)
{
    for (int i = 0; i < fcs_n_losses; i++) {
        char path[64];
        snprintf(path, sizeof path, "loss.%s", fcs_losses[i]->name);
        if (fcs_losses[i]->gan || !fcs_losses[i]->of_images || fcs_recipe_number(r, path) == 0)
            continue;
        for (int k = 0; k < d->n_layers; k++)
            if (d->layers[k].entry->of_batch)
                return fcs_recipe_fail(
                    e, r, config_lookup(&r->config, path),
                    "cannot go with the layer %s (%s) of the discriminator, which mixes the images "
                    "of a batch; use instance_norm or spectral = true there, or set this weight "
                    "to 0",
                    d->layers[k].name, d->layers[k].entry->name);
    }
    return FCS_OK;
}

static fcs_status check_range(fcs_error *e, const fcs_recipe *r, const fcs_net *g)
{
    double low = fcs_recipe_number(r, "data.low"), high = fcs_recipe_number(r, "data.high");
    const config_setting_t *at = config_lookup(&r->config, "data.low");
    const char *last = g->layers[g->n_layers - 1].entry->name;
    if (!(low < high))
        return fcs_recipe_fail(e, r, at, "must be below data.high");
    if (strcmp(last, "tanh") == 0 && (low < -1 || high > 1))
        return fcs_recipe_fail(
            e, r, at, "the generator ends in tanh: data.low and data.high must lie in -1 to 1");
    if (strcmp(last, "sigmoid") == 0 && (low < 0 || high > 1))
        return fcs_recipe_fail(e, r, at,
                               "the generator ends in sigmoid: set data.low = 0 and data.high = 1");
    return FCS_OK;
}

static fcs_status check_sizes(fcs_error *e, const fcs_recipe *r, const fcs_net *g, const fcs_net *d)
{
    int64_t depth = (int64_t)fcs_recipe_number(r, "data.depth"),
            side = (int64_t)fcs_recipe_number(r, "data.size");
    for (int axis = depth > 1 ? 0 : 1; axis < 3; axis++) {
        int64_t want = axis ? side : depth, cells = fcs_recipe_latent_size(r, g, axis);
        int64_t got = fcs_net_size(g, axis, cells, NULL);
        int bad = 0;
        if (cells < 1 || got != want)
            return fcs_recipe_fail(
                e, r, config_lookup(&r->config, axis ? "data.size" : "data.depth"),
                "the generator cannot make %lld pixels%s; from %lld latent cells it makes %lld",
                (long long)want, cells < 1 ? " from any latent" : "",
                (long long)(cells < 1 ? 1 : cells),
                (long long)fcs_net_size(g, axis, cells < 1 ? 1 : cells, NULL));
        if (fcs_net_size(d, axis, want, &bad) < 1)
            return fcs_recipe_fail(e, r, config_lookup(&r->config, "discriminator"),
                                   "%lld pixels are too few for its layer %s", (long long)want,
                                   d->layers[bad].name);
    }
    return FCS_OK;
}

static fcs_status check_system(fcs_error *e, const fcs_recipe *r)
{
    fcs_net g, d;
    if (fcs_net_read(r, "generator", &g, e) != FCS_OK)
        return FCS_FAILED;
    fcs_status status = fcs_net_read(r, "discriminator", &d, e);
    if (status == FCS_OK) {
        status = check_penalties(e, r, &d);
        if (status == FCS_OK)
            status = check_range(e, r, &g);
        if (status == FCS_OK)
            status = check_sizes(e, r, &g, &d);
        fcs_net_free(&d);
    }
    fcs_net_free(&g);
    return status;
}

fcs_status fcs_recipe_check(fcs_recipe *r, fcs_error *e)
{
    const char *also[16];
    int n = 0;
    for (int i = 1; i < fcs_n_sections && n < 15; i++)
        also[n++] = fcs_sections[i].path;
    also[n] = NULL;
    r->checked = false;
    if (fcs_params_check(e, r, config_root_setting(&r->config), top_params, COUNT(top_params),
                         also) != FCS_OK)
        return FCS_FAILED;
    for (int i = 1; i < fcs_n_sections; i++)
        if (check_section(e, r, &fcs_sections[i]) != FCS_OK)
            return FCS_FAILED;
    if (check_gan(e, r) != FCS_OK || check_system(e, r) != FCS_OK)
        return FCS_FAILED;
    r->checked = true;
    return FCS_OK;
}
