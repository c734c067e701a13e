/* schemes.c: training schemes as far as recipes know them: which nets there are, what each takes,
 * what must agree between nets, losses and data. How they train is in src/models. */
#include "recipe/recipe.h"
#include "layers/layers.h"
#include "losses/losses.h"
#include <string.h>

bool fcs_recipe_has(const fcs_recipe *r, const char *section)
{
    return config_lookup(&r->config, section) != NULL;
}

const fcs_scheme_rules *fcs_scheme_rules_of(const fcs_recipe *r)
{
    const fcs_scheme_rules *rules = fcs_scheme_table;
    while (rules->name && strcmp(rules->name, fcs_recipe_word(r, "scheme")) != 0)
        rules++;
    return rules->name ? rules : NULL;
}

/* ---- what nets take ---- */
static fcs_shape latent_input(const fcs_recipe *r, const fcs_net *net)
{
    bool density = fcs_recipe_number(r, "latent.density") != 0;
    fcs_wave waves[FCS_MAX_WAVES];
    int n = fcs_recipe_waves(r, waves);
    return fcs_shape_of(1,
                        fcs_recipe_latent_channels(r) + (density ? fcs_recipe_channels(r) : 0) +
                            (n > 0 ? 2 * n : 0),
                        fcs_recipe_latent_size(r, net, 0), fcs_recipe_latent_size(r, net, 1),
                        fcs_recipe_latent_size(r, net, 2));
}

static fcs_shape image_input(const fcs_recipe *r, const fcs_net *net)
{
    int64_t side = (int64_t)fcs_recipe_number(r, "data.size");
    (void)net;
    return fcs_shape_of(1, fcs_recipe_channels(r), (int64_t)fcs_recipe_number(r, "data.depth"),
                        side, side);
}

/* ---- checks ---- */
static double weight_of(const fcs_recipe *r, const fcs_loss *l)
{
    char path[64];
    snprintf(path, sizeof path, "loss.%s", l->name);
    return fcs_loss_weighs(l) ? fcs_recipe_number(r, path) : 0;
}

static fcs_status refuse_term(fcs_error *e, const fcs_recipe *r, const fcs_loss *l, const char *why)
{
    char path[64];
    snprintf(path, sizeof path, "loss.%s", l->name);
    return fcs_recipe_fail(e, r, config_lookup(&r->config, path), "%s", why);
}

/* A gradient in one image needs a discriminator that judges each image by itself. */
static fcs_status check_penalties(fcs_error *e, const fcs_recipe *r, const fcs_net *d)
{
    int mixing = fcs_net_of_batch(d);
    for (int i = 0; i < fcs_n_losses && mixing >= 0; i++) {
        const fcs_net_layer *l = &d->layers[mixing];
        char why[300];
        if (!fcs_losses[i]->of_images || weight_of(r, fcs_losses[i]) == 0)
            continue;
        snprintf(why, sizeof why,
                 "cannot go with the layer %s (%s) of the discriminator, which mixes the images of "
                 "a batch; use %s there, or set this weight to 0%s",
                 l->name, l->entry->name,
                 strcmp(l->entry->name, "norm") == 0
                     ? "discriminator.norm = instance or none, with discriminator.spectral = yes,"
                     : "instance_norm or spectral = true",
                 fcs_loss_find(fcs_recipe_word(r, "loss.gan"))->with ? " and take another loss.gan"
                                                                     : "");
        return refuse_term(e, r, fcs_losses[i], why);
    }
    return FCS_OK;
}

fcs_passage fcs_recipe_passage(const fcs_recipe *r)
{
    return (fcs_passage){.axis = strcmp(fcs_recipe_word(r, "loss.passage_axis"), "x") == 0,
                         .length = (int64_t)fcs_recipe_number(r, "loss.passage_length"),
                         .bright = strcmp(fcs_recipe_word(r, "loss.passage_phase"), "bright") == 0,
                         .low = fcs_recipe_number(r, "data.low"),
                         .high = fcs_recipe_number(r, "data.high")};
}

static fcs_status check_passage(fcs_error *e, const fcs_recipe *r)
{
    int64_t side = (int64_t)fcs_recipe_number(r, "data.size"),
            length = (int64_t)fcs_recipe_number(r, "loss.passage_length");
    if (fcs_recipe_number(r, "loss.passage") == 0)
        return FCS_OK;
    if (strcmp(fcs_recipe_word(r, "scheme"), "adversarial") != 0 || fcs_recipe_depth(r) > 1 ||
        fcs_recipe_channels(r) > 1)
        return refuse_term(e, r, fcs_loss_find("passage"),
                           "is for grey images of the scheme adversarial; set this weight to 0");
    if (length < FCS_PASSAGE_BLOCK || length >= side || length % FCS_PASSAGE_BLOCK ||
        side % FCS_PASSAGE_BLOCK)
        return fcs_recipe_fail(
            e, r, config_lookup(&r->config, "loss.passage_length"),
            "must be a multiple of %d from %d on and below data.size, which must "
            "be one too",
            FCS_PASSAGE_BLOCK, FCS_PASSAGE_BLOCK);
    return FCS_OK;
}

/* Terms need the nets that they are about; clipping and a penalty are two ways to the same end. */
static fcs_status check_terms(fcs_error *e, const fcs_recipe *r, bool encoder, bool discriminator)
{
    const fcs_loss *gan = fcs_loss_find(fcs_recipe_word(r, "loss.gan"));
    if (discriminator && fcs_recipe_number(r, "loss.sum_fakes") != 0 && (gan->clips || gan->with))
        return fcs_fail(e, FCS_FAILED,
                        "loss.sum_fakes cannot go with loss.gan = \"%s\": with two kinds of fakes "
                        "against one of real images its sum has no lower bound; set it to false",
                        gan->name);
    for (int i = 0; i < fcs_n_losses; i++) {
        const fcs_loss *l = fcs_losses[i];
        if (weight_of(r, l) == 0)
            continue;
        if (l->of_encoder && !encoder)
            return refuse_term(
                e, r, l,
                "needs an encoder, which schemes autoencoder and vaegan have (recipe "
                "material-vae); set this weight to 0 here");
        if ((l->of_discriminator || l->of_images) && !discriminator)
            return refuse_term(e, r, l,
                               "needs a discriminator, which schemes adversarial and vaegan have; "
                               "set this weight to 0 here");
        if (l->of_images && discriminator && gan->clips)
            return refuse_term(
                e, r, l,
                "cannot go with loss.gan = \"wasserstein\", which bounds the slope by "
                "clipping weights; use wasserstein_gp, or set this weight to 0");
    }
    return check_passage(e, r);
}

/* In a net that sees a whole image at once, batch norm needs several of them. */
static fcs_status check_batch(fcs_error *e, const fcs_recipe *r, const fcs_net *net)
{
    int mixing = fcs_net_of_batch(net);
    if (mixing < 0 || !fcs_net_whole(net) || fcs_recipe_number(r, "train.batch") > 1)
        return FCS_OK;
    return fcs_recipe_fail(
        e, r, config_lookup(&r->config, "train.batch"),
        "batch norm (layer %s of the %s) over a batch of one image leaves nothing "
        "to learn from; use 2 or more (8 or more are better), or instance norm",
        net->layers[mixing].name, net->name);
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
    bool softmax = strcmp(last, "softmax") == 0;
    if (softmax != (strcmp(fcs_recipe_word(r, "data.phases"), "none") != 0))
        return fcs_recipe_fail(
            e, r, config_lookup(&r->config, "data.phases"),
            softmax ? "the generator ends in softmax, which makes phases: set data.phases = auto "
                      "(or their number), or end it in tanh for grey and colours"
                    : "phases want a generator that ends in softmax; or set data.phases = none for "
                      "grey and colours");
    if (softmax && (low < 0 || low > 0 || high < 1 || high > 1))
        return fcs_recipe_fail(e, r, at, "phases are 0 or 1: set data.low = 0 and data.high = 1");
    return FCS_OK;
}

/* Names the sizes on either side of the wanted one; cells: what latent.size asks for, or 0. */
static fcs_status refuse_size(fcs_error *e, const fcs_recipe *r, const fcs_net *g, int axis,
                              int64_t want, int64_t cells)
{
    const config_setting_t *at = config_lookup(&r->config, axis ? "data.size" : "data.depth");
    int64_t below = 0, above = 0;
    if (cells >= 1)
        return fcs_recipe_fail(
            e, r, at, "the generator cannot make %lld pixels from %lld latent cells: it makes %lld",
            (long long)want, (long long)cells, (long long)fcs_net_size(g, axis, cells, NULL));
    for (int64_t n = 1; n <= want + 1 && above < want; n++) {
        below = above;
        above = fcs_net_size(g, axis, n, NULL);
    }
    if (above < want)
        return fcs_recipe_fail(e, r, at, "the generator cannot make %lld pixels", (long long)want);
    if (below < 1)
        return fcs_recipe_fail(e, r, at, "the generator cannot make %lld pixels: use %lld or more",
                               (long long)want, (long long)above);
    return fcs_recipe_fail(e, r, at, "the generator cannot make %lld pixels: use %lld or %lld",
                           (long long)want, (long long)below, (long long)above);
}

static fcs_status check_sizes(fcs_error *e, const fcs_recipe *r, const fcs_net *g, const fcs_net *d)
{
    int64_t depth = fcs_recipe_depth(r), side = (int64_t)fcs_recipe_number(r, "data.size");
    for (int axis = depth > 1 ? 0 : 1; axis < 3; axis++) {
        int64_t want = axis ? side : depth, cells = fcs_recipe_latent_size(r, g, axis);
        int64_t got = fcs_net_size(g, axis, cells, NULL);
        int bad = 0;
        if (cells < 1 || got != want)
            return refuse_size(e, r, g, axis, want, cells);
        if (fcs_net_size(d, axis, want, &bad) < 1)
            return fcs_recipe_fail(e, r, config_lookup(&r->config, d->name),
                                   "%lld pixels are too few for its layer %s", (long long)want,
                                   d->layers[bad].name);
    }
    return FCS_OK;
}

/* A wave's phase at a latent cell follows from the cell's place, which nets of one size have not.
 */
static fcs_status check_waves(fcs_error *e, const fcs_recipe *r, const fcs_net *g)
{
    const config_setting_t *at = config_lookup(&r->config, "latent.waves");
    fcs_wave waves[FCS_MAX_WAVES];
    int n = fcs_recipe_waves(r, waves);
    if (n < 0)
        return fcs_recipe_fail(
            e, r, at,
            "\"%s\" is no list of waves: give up to %d, each an axis (x, y or z) "
            "and a period of 2 pixels or more, with commas between: y64,x100",
            fcs_recipe_word(r, "latent.waves"), FCS_MAX_WAVES);
    if (n > 0 && strcmp(fcs_recipe_word(r, "scheme"), "adversarial") != 0)
        return fcs_recipe_fail(e, r, at, "waves are for the scheme adversarial: set it to none");
    if (n > 0 && (fcs_net_whole(g) || fcs_recipe_latent_size(r, g, 2) < 2))
        return fcs_recipe_fail(
            e, r, at,
            "this generator makes images of one size, in which waves say nothing: "
            "set it to none");
    for (int i = 0; i < n; i++)
        if (waves[i].axis == 0 && fcs_recipe_depth(r) == 1)
            return fcs_recipe_fail(e, r, at, "images have no z: give waves along x or y");
    return FCS_OK;
}

/* The generator makes data.size, the other net (NULL: none) takes it. */
static fcs_status check_nets(fcs_error *e, const fcs_recipe *r, const fcs_net *g,
                             const fcs_net *other)
{
    fcs_status status = check_range(e, r, g);
    if (status == FCS_OK)
        status = check_waves(e, r, g);
    if (status == FCS_OK)
        status = check_sizes(e, r, g, other);
    if (status == FCS_OK)
        status = check_batch(e, r, g);
    return status == FCS_OK ? check_batch(e, r, other) : status;
}

/* A generator against a discriminator of its images. */
static fcs_status check_adversarial(fcs_error *e, const fcs_recipe *r)
{
    fcs_net g, d;
    if (fcs_net_read(r, "generator", &g, e) != FCS_OK)
        return FCS_FAILED;
    fcs_status status = fcs_net_read(r, "discriminator", &d, e);
    if (status == FCS_OK) {
        int features[FCS_MAX_FROM];
        status = check_terms(e, r, false, true);
        if (status == FCS_OK && fcs_net_find(r, &d, "loss.features", features, e) < 0)
            status = FCS_FAILED;
        if (status == FCS_OK)
            status = check_penalties(e, r, &d);
        if (status == FCS_OK)
            status = check_nets(e, r, &g, &d);
        fcs_net_free(&d);
    }
    fcs_net_free(&g);
    return status;
}

/* ---- autoencoder ---- */
/* An encoder ends by drawing from what it says about a latent of the generator's size. */
static fcs_status check_encoder(fcs_error *e, const fcs_recipe *r, const fcs_net *encoder,
                                const fcs_net *g)
{
    const config_setting_t *at = config_lookup(&r->config, "encoder");
    bool volume = fcs_recipe_number(r, "data.depth") > 1;
    if (strcmp(encoder->layers[encoder->n_layers - 1].entry->name, "sample") != 0 ||
        encoder->layers[encoder->n_layers - 1].from[0] < 0)
        return fcs_recipe_fail(e, r, at,
                               "must end with the layers moments and sample: what is known of the "
                               "latent, and a draw from it");
    for (int axis = volume ? 0 : 1; axis < 3; axis++) {
        int64_t side = (int64_t)fcs_recipe_number(r, axis ? "data.size" : "data.depth");
        int64_t have = fcs_net_size(encoder, axis, side, NULL),
                want = fcs_recipe_latent_size(r, g, axis);
        if (have != want)
            return fcs_recipe_fail(e, r, at,
                                   "gives a latent of %lld cells a side, the generator takes %lld",
                                   (long long)have, (long long)want);
    }
    return FCS_OK;
}

static fcs_status check_reconstruction(fcs_error *e, const fcs_recipe *r, const fcs_net *g,
                                       bool discriminator)
{
    const fcs_loss *image = fcs_loss_find(fcs_recipe_word(r, "loss.image"));
    bool pixels = strcmp(fcs_recipe_word(r, "loss.similarity"), "pixel") == 0;
    if (!pixels && !discriminator)
        return fcs_recipe_fail(e, r, config_lookup(&r->config, "loss.similarity"),
                               "features are a discriminator's, which this recipe has not; use "
                               "pixel, or start from recipe material-vaegan");
    if (pixels && image->of_logits &&
        strcmp(g->layers[g->n_layers - 1].entry->name, "sigmoid") != 0)
        return fcs_recipe_fail(e, r, config_lookup(&r->config, "loss.image"),
                               "%s needs a generator that ends in sigmoid; use mse or l1",
                               image->name);
    if (fcs_recipe_number(r, "loss.reconstruction") == 0)
        return fcs_recipe_fail(e, r, config_lookup(&r->config, "loss.reconstruction"),
                               "must not be 0: an encoder learns by reconstructing images");
    if (strcmp(fcs_recipe_word(r, "latent.distribution"), "normal") != 0)
        return fcs_recipe_fail(e, r, config_lookup(&r->config, "latent.distribution"),
                               "must be normal: an encoder's latents are held near N(0,1)");
    return FCS_OK;
}

static fcs_status check_judge(fcs_error *e, const fcs_recipe *r, const fcs_net *g)
{
    fcs_net d;
    int features[FCS_MAX_FROM];
    if (fcs_net_read(r, "discriminator", &d, e) != FCS_OK)
        return FCS_FAILED;
    fcs_status status = fcs_net_find(r, &d, "loss.features", features, e) < 0 ? FCS_FAILED : FCS_OK;
    if (status == FCS_OK)
        status = check_penalties(e, r, &d);
    if (status == FCS_OK)
        status = check_nets(e, r, g, &d);
    fcs_net_free(&d);
    return status;
}

static fcs_status check_autoencoder(fcs_error *e, const fcs_recipe *r)
{
    fcs_net g, encoder;
    bool judged = fcs_recipe_has(r, "discriminator");
    if (fcs_net_read(r, "generator", &g, e) != FCS_OK)
        return FCS_FAILED;
    fcs_status status = fcs_net_read(r, "encoder", &encoder, e);
    if (status == FCS_OK) {
        status = check_terms(e, r, true, judged);
        if (status == FCS_OK)
            status = check_nets(e, r, &g, &encoder);
        if (status == FCS_OK)
            status = check_encoder(e, r, &encoder, &g);
        if (status == FCS_OK)
            status = check_reconstruction(e, r, &g, judged);
        if (status == FCS_OK && judged)
            status = check_judge(e, r, &g);
        fcs_net_free(&encoder);
    }
    fcs_net_free(&g);
    return status;
}

static const fcs_scheme_net autoencoder_nets[] = {
    {.name = "generator", .input = latent_input},
    {.name = "encoder", .input = image_input},
    {.name = "discriminator", .optional = true, .input = image_input},
    {.name = NULL},
};
/* ---- volumes from images ---- */
/* Kench and Cooper 2021, section "uniform information density": so that every voxel is made from as
 * many numbers as every other, s < k, k mod s = 0, p >= k - s. */
static fcs_status check_uniform(fcs_error *e, const fcs_recipe *r, const fcs_net *g)
{
    for (int i = 0; i < g->n_layers; i++) {
        const fcs_net_layer *l = &g->layers[i];
        char path[120];
        for (int axis = 0; axis < 3; axis++) {
            fcs_kernel_size k;
            if (!l->entry->kernel || !l->entry->kernel(l->values, axis, &k))
                continue;
            bool uniform = k.transposed ? k.stride < k.size && k.size % k.stride == 0 &&
                                              k.cut >= k.size - k.stride
                                        : k.cut == 0;
            if (uniform)
                continue;
            snprintf(path, sizeof path, "generator.layers.[%d]", i);
            return fcs_recipe_fail(
                e, r, config_lookup(&r->config, path),
                k.transposed
                    ? "layer %s (kernel %d, stride %d, %d cut) makes voxels of unequal "
                      "information, "
                      "seen as weak edges and a grid: the stride must be below the kernel and "
                      "divide it, pad_lo and pad_hi must be at least kernel - stride"
                    : "layer %s (kernel %d, stride %d, %d padded) would see zeros around the "
                      "volume, "
                      "seen as weak edges: set pad = \"valid\"",
                l->name, (int)k.size, (int)k.stride, (int)k.cut);
        }
    }
    return FCS_OK;
}

static fcs_status check_batches(fcs_error *e, const fcs_recipe *r)
{
    int64_t side = (int64_t)fcs_recipe_number(r, "data.size"),
            sections = (int64_t)fcs_recipe_number(r, "train.sections"),
            fakes = (int64_t)fcs_recipe_number(r, "train.batch") * (sections ? sections : side);
    if (fcs_recipe_number(r, "data.depth") > 1)
        return fcs_recipe_fail(e, r, config_lookup(&r->config, "data.depth"),
                               "must be 1: volumes are learnt from images here (scheme adversarial "
                               "learns from volumes)");
    if (sections > side)
        return fcs_recipe_fail(e, r, config_lookup(&r->config, "train.sections"),
                               "a volume has %lld sections along an axis, not %lld",
                               (long long)side, (long long)sections);
    if (fcs_recipe_number(r, "train.real_batch") > (double)fakes)
        return fcs_recipe_fail(e, r, config_lookup(&r->config, "train.real_batch"),
                               "must be at most train.batch x train.sections, %lld: as many fakes "
                               "are compared with them",
                               (long long)fakes);
    return FCS_OK;
}

static fcs_status check_slices(fcs_error *e, const fcs_recipe *r)
{
    fcs_net g;
    if (check_batches(e, r) != FCS_OK || fcs_net_read(r, "generator", &g, e) != FCS_OK)
        return FCS_FAILED;
    fcs_status status = check_uniform(e, r, &g);
    fcs_net_free(&g);
    return status == FCS_OK ? check_adversarial(e, r) : status;
}

static const fcs_scheme_net adversarial_nets[] = {
    {.name = "generator", .input = latent_input},
    {.name = "discriminator", .input = image_input},
    {.name = NULL},
};
static const fcs_scheme_net slices_nets[] = {
    {.name = "generator", .input = latent_input},
    {.name = "discriminator", .input = image_input, .flat = true},
    {.name = NULL},
};
const fcs_scheme_rules fcs_scheme_table[] = {
    {.name = "adversarial",
     .text = "a generator against a discriminator, one step each in turn",
     .nets = adversarial_nets,
     .check = check_adversarial},
    {.name = "autoencoder",
     .text = "an encoder finds an image's latent, the generator makes the image of it; with a "
             "discriminator: VAE/GAN",
     .nets = autoencoder_nets,
     .check = check_autoencoder},
    {.name = "slices",
     .text = "a generator of volumes against a discriminator of their sections, from images",
     .volumes = true,
     .nets = slices_nets,
     .check = check_slices},
    {.name = NULL},
};
