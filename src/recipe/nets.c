/* nets.c: the nets of a checked recipe as layers with values; their sizes. */
#include "recipe/recipe.h"
#include "layers/layers.h"
#include "optim/optim.h"
#include <stdlib.h>
#include <string.h>

/* Names become parts of tensor names and of --set paths. */
static bool good_name(const char *name)
{
    return name[0] >= 'a' && name[0] <= 'z' && strcmp(name, "input") != 0 &&
           name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_")] == 0;
}

/* The earlier layer of that name, -1 for "input", -2 for none. */
static int find_layer(const fcs_net *net, int before, const char *name, size_t n)
{
    if (n == 5 && strncmp(name, "input", n) == 0)
        return -1;
    for (int i = 0; i < before; i++)
        if (strlen(net->layers[i].name) == n && strncmp(net->layers[i].name, name, n) == 0)
            return i;
    return -2;
}

/* from = "up1,input": the layers before it by name; "": the one before. */
static fcs_status read_from(const fcs_recipe *r, const config_setting_t *layer, fcs_net *net,
                            int at, fcs_error *e)
{
    const config_setting_t *s = config_setting_get_member(layer, "from");
    const char *from = config_setting_get_string(s);
    fcs_net_layer *l = &net->layers[at];
    if (!*from) {
        l->n_from = 1;
        l->from[0] = at - 1;
    }
    while (*from) {
        from += strspn(from, " ,");
        size_t n = strcspn(from, " ,");
        int found = find_layer(net, at, from, n);
        if (n == 0)
            break;
        if (found == -2)
            return fcs_recipe_fail(e, r, s, "no layer \"%.*s\" before this one", (int)n, from);
        if (l->n_from == FCS_MAX_FROM)
            return fcs_recipe_fail(e, r, s, "more than %d layers", FCS_MAX_FROM);
        l->from[l->n_from++] = found;
        from += n;
    }
    if (l->n_from < l->entry->min_in || l->n_from > l->entry->max_in)
        return fcs_recipe_fail(e, r, s, "%s takes %d to %d layers, not %d: from = \"first,second\"",
                               l->entry->name, l->entry->min_in, l->entry->max_in, l->n_from);
    return FCS_OK;
}

static fcs_status read_layer(const fcs_recipe *r, const config_setting_t *layer, fcs_net *net,
                             int at, fcs_error *e)
{
    fcs_net_layer *l = &net->layers[at];
    const config_setting_t *name = config_setting_get_member(layer, "name");
    l->entry = fcs_layer_find(config_setting_get_string(config_setting_get_member(layer, "type")));
    snprintf(l->name, sizeof l->name, "%s", config_setting_get_string(name));
    if (!good_name(l->name))
        return fcs_recipe_fail(
            e, r, name,
            "must be small letters, digits and _, begin with a letter, not be \"input\"");
    if (find_layer(net, at, l->name, strlen(l->name)) != -2)
        return fcs_recipe_fail(e, r, name, "two layers have this name");
    fcs_params_read(layer, l->entry->params, l->entry->n_params, l->values);
    return read_from(r, layer, net, at, e);
}

static void read_norms(const config_setting_t *group, fcs_net *out)
{
    const char *init = config_setting_get_string(config_setting_get_member(group, "init"));
    const char *norm = config_setting_get_string(config_setting_get_member(group, "norm"));
    const char *affine = config_setting_get_string(config_setting_get_member(group, "norm_affine"));
    out->init_scaled = strcmp(init, "scaled") == 0;
    snprintf(out->norm, sizeof out->norm, "%s", norm);
    out->norm_affine = strcmp(affine, "trained") == 0;
    out->spectral = config_setting_get_bool(config_setting_get_member(group, "spectral"));
}

/* The shape of dense layers that have 0 there: what the layers behind them make data.size of. It
 * stays 0, which no image is made with, where there is none. */
static void follow_size(const fcs_recipe *r, fcs_net *net)
{
    for (int axis = 0; axis < 3; axis++) {
        int64_t want = axis ? (int64_t)fcs_recipe_number(r, "data.size") : fcs_recipe_depth(r),
                size = 0;
        int64_t *of[64];
        int n = 0;
        for (int i = 0; i < net->n_layers && n < 64; i++)
            if (net->layers[i].entry->follows &&
                net->layers[i].entry->follows(net->layers[i].values, axis))
                of[n++] = net->layers[i].entry->follows(net->layers[i].values, axis);
        for (int64_t s = 1; n && s <= want && size != want; s++) {
            for (int i = 0; i < n; i++)
                *of[i] = s;
            size = fcs_net_size(net, axis, 1, NULL);
        }
        for (int i = 0; i < n && size != want; i++)
            *of[i] = 0;
    }
}

fcs_status fcs_net_read(const fcs_recipe *r, const char *name, fcs_net *out, fcs_error *e)
{
    *out = (fcs_net){0};
    snprintf(out->name, sizeof out->name, "%s", name);
    const config_setting_t *group = config_lookup(&r->config, name);
    const config_setting_t *layers = config_setting_get_member(group, "layers");
    const config_setting_t *optimizer = config_setting_get_member(group, "optimizer");
    char path[80];
    snprintf(path, sizeof path, "%s.width", name);
    out->width = fcs_recipe_number(r, path);
    snprintf(path, sizeof path, "%s.init_std", name);
    out->init_std = fcs_recipe_number(r, path);
    snprintf(path, sizeof path, "%s.average", name);
    out->average = fcs_recipe_number(r, path);
    read_norms(group, out);
    out->direct = strcmp(fcs_recipe_word(r, "numerics"), "direct") == 0;
    out->optimizer =
        fcs_optimizer_find(config_setting_get_string(config_setting_get_member(optimizer, "type")));
    fcs_params_read(optimizer, out->optimizer->params, out->optimizer->n_params,
                    out->optimizer_values);
    out->n_layers = config_setting_length(layers);
    out->layers = fcs_alloc_array(e, (size_t)out->n_layers, sizeof *out->layers);
    if (!out->layers)
        return FCS_FAILED;
    for (int i = 0; i < out->n_layers; i++)
        if (read_layer(r, config_setting_get_elem(layers, (unsigned)i), out, i, e) != FCS_OK) {
            fcs_net_free(out);
            return FCS_FAILED;
        }
    follow_size(r, out);
    return FCS_OK;
}

void fcs_net_free(fcs_net *net)
{
    free(net->layers);
    *net = (fcs_net){0};
}

/* Layers that take several inputs want them of one size, which building checks; here the first
 * counts. */
int64_t fcs_net_size(const fcs_net *net, int axis, int64_t in, int *bad)
{
    /* no image side is longer: stops products of strides from overflowing */
    enum { LIMIT = 1 << 24 };
    int64_t *size = malloc(((size_t)net->n_layers + 1) * sizeof *size), out = 0;
    if (!size)
        return 0;
    size[0] = in;
    for (int i = 0; i < net->n_layers; i++) {
        const fcs_net_layer *l = &net->layers[i];
        out = size[l->from[0] + 1];
        if (l->entry->size && out >= 1)
            out = l->entry->size(l->values, axis, out);
        if (bad && out < 1)
            *bad = i;
        if (out < 1)
            break;
        size[i + 1] = out > LIMIT ? LIMIT : out;
    }
    free(size);
    return out;
}

int fcs_net_find(const fcs_recipe *r, const fcs_net *net, const char *path, int out[FCS_MAX_FROM],
                 fcs_error *e)
{
    const config_setting_t *s = config_lookup(&r->config, path);
    const char *names = config_setting_get_string(s);
    int n = 0;
    if (!names[strspn(names, " ,")] && net->n_layers > 1)
        out[n++] = net->n_layers - 2;
    for (size_t length; *(names += strspn(names, " ,")) && n < FCS_MAX_FROM; names += length) {
        length = strcspn(names, " ,");
        out[n] = find_layer(net, net->n_layers, names, length);
        if (out[n++] < 0) {
            fcs_recipe_fail(e, r, s, "the %s has no layer \"%.*s\"", net->name, (int)length, names);
            return -1;
        }
    }
    return n;
}

int fcs_net_of_batch(const fcs_net *net)
{
    for (int i = 0; i < net->n_layers; i++)
        if (net->layers[i].entry->of_batch && net->layers[i].entry->of_batch(net))
            return i;
    return -1;
}

bool fcs_net_whole(const fcs_net *net)
{
    for (int i = 0; i < net->n_layers; i++)
        if (net->layers[i].entry->whole)
            return true;
    return false;
}

int64_t fcs_recipe_latent_channels(const fcs_recipe *r)
{
    int64_t given = (int64_t)fcs_recipe_number(r, "latent.channels");
    int64_t half = (int64_t)fcs_recipe_number(r, "data.size") / 2;
    return given ? given : half ? half : 1;
}

int fcs_recipe_waves(const fcs_recipe *r, fcs_wave waves[FCS_MAX_WAVES])
{
    static const char axes[] = "zyx";
    const char *at = fcs_recipe_word(r, "latent.waves");
    int n = 0;
    if (strcmp(at, "none") == 0)
        return 0;
    for (;; at++) {
        const char *axis = *at ? strchr(axes, *at) : NULL;
        char number[16];
        size_t length = axis ? strcspn(at + 1, ",") : 0;
        if (!axis || n == FCS_MAX_WAVES || length >= sizeof number)
            return -1;
        memcpy(number, at + 1, length);
        number[length] = 0;
        waves[n].axis = (int)(axis - axes);
        if (!fcs_parse_double(number, &waves[n].period) || !(waves[n].period >= 2) ||
            waves[n].period > 1e6)
            return -1;
        n++;
        at += 1 + length;
        if (!*at)
            return n;
    }
}

int64_t fcs_recipe_depth(const fcs_recipe *r)
{
    const fcs_scheme_rules *rules = fcs_scheme_rules_of(r);
    return (int64_t)fcs_recipe_number(r, rules && rules->volumes ? "data.size" : "data.depth");
}

int fcs_recipe_channels(const fcs_recipe *r)
{
    int channels = (int)fcs_recipe_number(r, "data.channels"), n = 1;
    const char *phases = fcs_recipe_word(r, "data.phases");
    int64_t count;
    if (channels || strcmp(phases, "none") == 0)
        return channels ? channels : 1;
    if (strcmp(phases, "auto") == 0)
        return 3;
    if (fcs_parse_int64(phases, &count))
        return (int)count;
    for (const char *at = phases; *at; at++)
        n += *at == ',' ? at[1] != 0 : at[1] == 0;
    return n;
}

int64_t fcs_recipe_latent_size(const fcs_recipe *r, const fcs_net *generator, int axis)
{
    bool flat = fcs_recipe_depth(r) == 1;
    int64_t want = axis ? (int64_t)fcs_recipe_number(r, "data.size") : fcs_recipe_depth(r);
    int64_t given = (int64_t)fcs_recipe_number(r, "latent.size");
    if (axis == 0 && flat)
        return 1;
    if (given)
        return given;
    for (int64_t cells = 1; cells <= want; cells++) {
        int64_t size = fcs_net_size(generator, axis, cells, NULL);
        if (size == want)
            return cells;
        if (size > want)
            break;
    }
    return 0;
}
