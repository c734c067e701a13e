/* autoencoder.c: scheme "autoencoder": an encoder finds the latent of an image, the generator makes
 * the image of a latent (Kingma and Welling 2014). With a discriminator, which judges the
 * reconstructions and what the generator makes of random latents: Larsen et al. 2016.
 *
 * One plan is a step of all nets, from the weights before it (their algorithm 1). */
#include "models/autoencoder.h"
#include <stdlib.h>
#include <string.h>

/* What a plan does. */
enum { TRAIN, SPECTRAL, MEASURE, KINDS };
static const char *const plan_names[KINDS] = {"all nets", "spectral norm", "measuring statistics"};

typedef struct autoencoder {
    fcs_net nets[3]; /* by fcs_part */
    bool adversarial;
    int64_t batch;
    const fcs_loss *gan;
    double real_label, clip, kl_warmup;
    int features[FCS_MAX_FROM], n_features; /* layers of the discriminator */
    fcs_terms terms, encoder_terms;         /* these with the encoder's weight of reconstruction */
    fcs_tensor *real, *factor[3], *finite;
    fcs_tensor *warmth; /* of the kl term; NULL: its weight does not change */
    float *pixels;      /* of a batch, C D H W each */
    fcs_plan *plans[KINDS];
    fcs_statistics statistics;
} autoencoder;

static void free_state(fcs_model *m)
{
    autoencoder *a = m->state;
    for (int i = 0; i < 3; i++) {
        fcs_net_free(&a->nets[i]);
        fcs_tensor_free(a->factor[i]);
    }
    fcs_statistics_free(&a->statistics);
    fcs_terms_free(&a->terms);
    fcs_terms_free(&a->encoder_terms);
    fcs_tensor_free(a->real);
    fcs_tensor_free(a->finite);
    fcs_tensor_free(a->warmth);
    free(a->pixels);
    free(a);
    m->state = NULL;
}

/* ---- one graph while it is made ---- */
typedef struct making {
    fcs_model *m;
    autoencoder *a;
    fcs_graph *g;
    fcs_error *e;
    fcs_builder nets[3];
    fcs_loss_terms t;
    fcs_node *held[FCS_MAX_LOSSES];
    fcs_node *flag; /* product of the finite flags so far */
} making;

static bool begin(making *k, fcs_mode mode)
{
    static const fcs_part parts[] = {FCS_OF_ENCODER, FCS_OF_GENERATOR, FCS_OF_DISCRIMINATOR};
    for (int i = 0; i < (k->a->adversarial ? 3 : 2); i++) {
        const fcs_net *net = &k->a->nets[parts[i]];
        k->nets[parts[i]] = fcs_training_builder(k->m, net, k->g, mode);
        k->nets[parts[i]].averaged = mode != FCS_TRAIN && net->average > 0;
    }
    return true;
}

/* What the encoder says of these images: its last layer draws from it. */
static fcs_node *moments(const fcs_builder *encoder)
{
    const fcs_net_layer *last = &encoder->net->layers[encoder->net->n_layers - 1];
    return encoder->outputs[last->from[0]];
}

/* Latent of the images, as the generator takes it; NULL with a message where it is no such. */
static fcs_node *encode(fcs_model *m, fcs_builder *encoder, fcs_node *images)
{
    const int64_t *cells = m->latent_size;
    fcs_node *z = fcs_net_build(encoder, images, NULL);
    if (!z)
        return NULL;
    fcs_shape want =
        fcs_shape_of(z->shape.n[FCS_N], m->latent_channels, cells[0], cells[1], cells[2]);
    if (fcs_shape_equal(z->shape, want))
        return z;
    char have[96], wanted[96];
    fcs_shape_text(z->shape, have);
    fcs_shape_text(want, wanted);
    fcs_fail(encoder->error, FCS_FAILED,
             "encoder: its latent is %s, the generator takes %s (images, channels, cells); let it "
             "end with the layers moments and sample",
             have, wanted);
    return NULL;
}

static fcs_node *joined(fcs_node *a, fcs_node *b)
{
    fcs_attrs axis = {.i = {FCS_N}};
    return a && b ? fcs_node_new(a->graph, fcs_op_find(&a->graph->ctx->error, "concat"), &axis, 2,
                                 (fcs_node *[]){a, b})
                  : NULL;
}

/* Images of the latents, and what their sigmoid was made of. */
static bool rebuild(making *k, fcs_node *z)
{
    fcs_builder *b = &k->nets[FCS_OF_GENERATOR];
    const fcs_net *net = b->net;
    const fcs_net_layer *last = &net->layers[net->n_layers - 1];
    k->t.rebuilt = fcs_net_build(b, z, "rebuilt");
    if (k->t.rebuilt && strcmp(last->entry->name, "sigmoid") == 0 && last->from[0] >= 0)
        k->t.rebuilt_logits = b->outputs[last->from[0]];
    return k->t.rebuilt != NULL;
}

/* Real images, their reconstructions and images of random latents before the discriminator. */
static bool judge(making *k)
{
    fcs_builder *d = &k->nets[FCS_OF_DISCRIMINATOR];
    const autoencoder *a = k->a;
    fcs_node *z = fcs_training_latent(k->m, k->g, a->batch, "latent/train");
    fcs_node *fake = fcs_net_build(&k->nets[FCS_OF_GENERATOR], z, "fake");
    fcs_node *of_fake = fake ? fcs_net_build(d, fake, "fake") : NULL;
    k->t.fake = fake;
    if (!of_fake || !(k->t.real_logits = fcs_net_build(d, k->t.real, "real")))
        return false;
    k->t.n_features = a->n_features;
    for (int i = 0; i < a->n_features; i++)
        k->t.real_features[i] = d->outputs[a->features[i]];
    fcs_node *of_rebuilt = fcs_net_build(d, k->t.rebuilt, "rebuilt");
    for (int i = 0; of_rebuilt && i < a->n_features; i++)
        k->t.fake_features[i] = d->outputs[a->features[i]];
    k->t.fake_logits = joined(of_rebuilt, of_fake);
    return k->t.fake_logits != NULL;
}

static bool forward(making *k)
{
    const fcs_recipe *r = k->m->recipe;
    k->t = (fcs_loss_terms){
        .real = fcs_read(k->g, k->a->real),
        .real_label = k->a->real_label,
        .fake_kinds = fcs_recipe_number(r, "loss.sum_fakes") != 0 ? 2 : 1,
        .image = fcs_loss_find(fcs_recipe_word(r, "loss.image")),
        .of_features = strcmp(fcs_recipe_word(r, "loss.similarity"), "features") == 0,
        .averaged = fcs_recipe_number(r, "loss.average") != 0,
        .warmth = k->a->warmth ? fcs_read(k->g, k->a->warmth) : NULL,
    };
    fcs_node *z = encode(k->m, &k->nets[FCS_OF_ENCODER], k->t.real);
    if (!z || !rebuild(k, z))
        return false;
    fcs_node *both = moments(&k->nets[FCS_OF_ENCODER]);
    k->t.mean = fcs_layer_mean(both);
    k->t.logvar = fcs_layer_logvar(both);
    return !k->a->adversarial || judge(k);
}

/* The loss of one net. */
static fcs_node *loss_of(making *k, fcs_part part)
{
    const autoencoder *a = k->a;
    const fcs_terms *terms = part == FCS_OF_ENCODER ? &a->encoder_terms : &a->terms;
    k->t.net = &k->nets[part];
    fcs_node *loss = part == FCS_OF_DISCRIMINATOR                 ? a->gan->discriminator(&k->t)
                     : part == FCS_OF_GENERATOR && a->adversarial ? a->gan->generator(&k->t)
                                                                  : fcs_constant(k->g, 0);
    return fcs_terms_add(terms, &k->t, loss, part, FCS_ALL_TERMS, 1, k->m, k->held);
}

static bool update(making *k, fcs_part part, fcs_node *loss)
{
    fcs_builder *b = &k->nets[part];
    const fcs_net *net = b->net;
    size_t n = b->n_parameters;
    fcs_node **nodes = fcs_alloc_array(k->e, 3 * n, sizeof *nodes);
    fcs_update u = {.graph = k->g,
                    .net = net->name,
                    .values = net->optimizer_values,
                    .tensor = fcs_model_source,
                    .user = k->m,
                    .clip = part == FCS_OF_DISCRIMINATOR ? k->a->clip : 0,
                    .factor = fcs_read(k->g, k->a->factor[part])};
    for (size_t i = 0; nodes && i < n; i++)
        nodes[i] = b->parameters[i].node;
    bool done =
        nodes && loss && fcs_grad(k->g, 1, &loss, NULL, (int)n, nodes, nodes + n) == FCS_OK &&
        fcs_training_optimize(&u, net, b, loss, nodes + n, nodes + 2 * n, &k->flag) == FCS_OK &&
        fcs_training_average(k->m, b, nodes + 2 * n);
    free(nodes);
    return done;
}

/* The logged numbers that are no terms, in the order of their names. */
static void note(making *k, fcs_node *const losses[3])
{
    int n = 0;
    if (!k->a->adversarial) {
        k->held[0] = losses[FCS_OF_ENCODER];
        return;
    }
    k->held[n++] = losses[FCS_OF_DISCRIMINATOR];
    k->held[n++] = losses[FCS_OF_GENERATOR];
    k->held[n++] = fcs_mean(k->t.real_logits, "ncdhw");
    k->held[n++] = fcs_mean(k->t.fake_logits, "ncdhw");
    k->held[n++] = losses[FCS_OF_ENCODER];
}

static bool train(making *k)
{
    fcs_node *losses[3] = {NULL};
    if (!begin(k, FCS_TRAIN) || !forward(k))
        return false;
    losses[FCS_OF_GENERATOR] = loss_of(k, FCS_OF_GENERATOR);
    losses[FCS_OF_ENCODER] = loss_of(k, FCS_OF_ENCODER);
    if (k->a->adversarial)
        losses[FCS_OF_DISCRIMINATOR] = loss_of(k, FCS_OF_DISCRIMINATOR);
    for (int i = 0; i < (k->a->adversarial ? 3 : 2); i++) {
        static const fcs_part order[] = {FCS_OF_ENCODER, FCS_OF_GENERATOR, FCS_OF_DISCRIMINATOR};
        if (!update(k, order[i], losses[order[i]]))
            return false;
    }
    note(k, losses);
    return fcs_assign_when(k->g, 0, k->flag) == FCS_OK &&
           fcs_terms_hold(&k->a->terms, k->m, k->g, k->held) == FCS_OK &&
           fcs_assign(k->g, k->a->finite, k->flag) == FCS_OK;
}

static bool iterate(making *k)
{
    if (!begin(k, FCS_TRAIN) || !forward(k))
        return false;
    for (int i = 0; i < 3; i++)
        if (k->nets[i].graph && fcs_net_iterate(&k->nets[i]) != FCS_OK)
            return false;
    return true;
}

/* The generator meets latents of images and random ones: both are in its statistics. */
static bool measure(making *k)
{
    fcs_builder *encoder = &k->nets[FCS_OF_ENCODER], *generator = &k->nets[FCS_OF_GENERATOR];
    if (!begin(k, FCS_MEASURE))
        return false;
    fcs_node *z = encode(k->m, encoder, fcs_read(k->g, k->a->real));
    fcs_node *random = fcs_training_latent(k->m, k->g, k->a->batch, "latent/measure");
    return z && fcs_net_build(generator, joined(z, random), NULL) &&
           fcs_statistics_add(&k->a->statistics, encoder) == FCS_OK &&
           fcs_statistics_add(&k->a->statistics, generator) == FCS_OK;
}

static fcs_status make_plan(fcs_model *m, int kind, const fcs_plan_options *o, fcs_plan **out,
                            fcs_error *e)
{
    static bool (*const makers[KINDS])(making * k) = {
        [TRAIN] = train, [SPECTRAL] = iterate, [MEASURE] = measure};
    making k = {.m = m, .a = m->state, .g = fcs_graph_new(m->ctx), .e = e};
    *out = NULL;
    bool done = k.g && makers[kind](&k);
    if (done && k.g->n_assignments) /* without normalization there is nothing to measure */
        done = fcs_plan_build(k.g, o, out) == FCS_OK;
    for (int i = 0; i < 3; i++)
        fcs_builder_free(&k.nets[i]);
    fcs_graph_free(k.g);
    return fcs_training_made(m, done, e);
}

/* ---- setting up ---- */
static fcs_status read_terms(fcs_model *m, autoencoder *a, fcs_error *e)
{
    static const char *const alone[] = {"loss"};
    static const char *const judged[] = {"discriminator", "generator", "real_score", "fake_score",
                                         "encoder"};
    fcs_status status =
        fcs_terms_read(m, &a->terms, a->adversarial ? judged : alone, a->adversarial ? 5 : 1, e);
    if (status != FCS_OK)
        return status;
    a->encoder_terms = a->terms;
    a->encoder_terms.weights = fcs_alloc_array(e, (size_t)fcs_n_losses, sizeof(double));
    if (!a->encoder_terms.weights)
        return FCS_FAILED;
    double own = fcs_recipe_number(m->recipe, "loss.encoder_reconstruction");
    for (int i = 0; i < fcs_n_losses; i++)
        a->encoder_terms.weights[i] = own != 0 && strcmp(fcs_losses[i]->name, "reconstruction") == 0
                                          ? own
                                          : a->terms.weights[i];
    return FCS_OK;
}

static fcs_status read_recipe(fcs_model *m, autoencoder *a, fcs_error *e)
{
    static const char *const names[3] = {[FCS_OF_GENERATOR] = "generator",
                                         [FCS_OF_DISCRIMINATOR] = "discriminator",
                                         [FCS_OF_ENCODER] = "encoder"};
    const fcs_recipe *r = m->recipe;
    a->adversarial = fcs_recipe_has(r, "discriminator");
    for (int i = 0; i < 3; i++)
        if ((i != FCS_OF_DISCRIMINATOR || a->adversarial) &&
            fcs_net_read(r, names[i], &a->nets[i], e) != FCS_OK)
            return FCS_FAILED;
    a->batch = (int64_t)fcs_recipe_number(r, "train.batch");
    a->real_label = fcs_recipe_number(r, "loss.real_label");
    a->gan = fcs_loss_find(fcs_recipe_word(r, "loss.gan"));
    a->kl_warmup = fcs_recipe_number(r, "loss.kl_warmup");
    a->clip = a->gan->clips ? fcs_recipe_number(r, "loss.clip") : 0;
    if (a->adversarial)
        a->n_features =
            fcs_net_find(r, &a->nets[FCS_OF_DISCRIMINATOR], "loss.features", a->features, e);
    fcs_training_sizes(m, &a->nets[FCS_OF_GENERATOR]);
    return a->n_features < 0 ? FCS_FAILED : read_terms(m, a, e);
}

static fcs_status make_tensors(fcs_model *m, autoencoder *a, fcs_error *e)
{
    fcs_shape one = fcs_shape_of(1, 1, 1, 1, 1);
    fcs_shape images = fcs_shape_of(a->batch, m->channels, m->size[0], m->size[1], m->size[2]);
    a->real = fcs_tensor_new(m->ctx, "real", images);
    a->finite = fcs_tensor_new(m->ctx, "finite", one);
    a->pixels = fcs_alloc_array(e, (size_t)fcs_shape_count(images), sizeof *a->pixels);
    if (a->kl_warmup > 0)
        a->warmth = fcs_tensor_new(m->ctx, "warmth", one);
    bool done = a->real && a->finite && a->pixels && (a->warmth || a->kl_warmup <= 0);
    for (int i = 0; i < 3; i++)
        done = done && (a->factor[i] = fcs_tensor_new(m->ctx, "rate_factor", one)) != NULL;
    return done && fcs_terms_tensors(m, &a->terms, e) == FCS_OK &&
                   fcs_terms_tensors(m, &a->encoder_terms, e) == FCS_OK
               ? FCS_OK
               : FCS_FAILED;
}

/* The averaged weights come into being with the training plan, so the measuring plan comes last. */
static fcs_status make_plans(fcs_model *m, autoencoder *a, fcs_error *e)
{
    fcs_status status = FCS_OK;
    for (int kind = TRAIN; kind < KINDS && status == FCS_OK; kind++) {
        if (kind == SPECTRAL && !fcs_training_has_spectral(m))
            continue;
        status = make_plan(m, kind, NULL, &a->plans[kind], e);
        if (status == FCS_OK && a->plans[kind])
            fcs_training_add_plan(m, a->plans[kind], plan_names[kind]);
    }
    return status;
}

/* What generation needs comes into being with the nets' graphs. */
static fcs_status make_generation(fcs_model *m, fcs_error *e)
{
    fcs_node *out, *mean, *logvar;
    fcs_tensor *latent = NULL;
    fcs_graph *g = fcs_graph_new(m->ctx);
    fcs_tensor *image = fcs_tensor_new(
        m->ctx, "image", fcs_shape_of(1, m->channels, m->size[0], m->size[1], m->size[2]));
    fcs_status status =
        g && image ? m->scheme->generator(m, g, m->latent_size, &out, &latent, e) : FCS_FAILED;
    if (status == FCS_OK)
        status = m->scheme->encoder(m, g, fcs_read(g, image), &mean, &logvar, e);
    fcs_graph_free(g);
    fcs_tensor_free(image);
    fcs_tensor_free(latent);
    return status;
}

static fcs_status build(fcs_model *m, bool train_too, fcs_error *e)
{
    autoencoder *a = fcs_alloc(e, sizeof *a);
    if (!a)
        return FCS_FAILED;
    m->state = a;
    m->free_state = free_state;
    fcs_status status = read_recipe(m, a, e);
    if (status != FCS_OK || !train_too)
        return status == FCS_OK ? make_generation(m, e) : status;
    status = make_tensors(m, a, e);
    return status == FCS_OK ? make_plans(m, a, e) : status;
}

/* ---- a step ---- */
/* Linearly up over the first part of the planned steps, then 1. */
static fcs_status set_warmth(const fcs_model *m, const autoencoder *a, int64_t step)
{
    double over = a->kl_warmup * fcs_recipe_number(m->recipe, "train.steps");
    double warmth = (double)step / over;
    return a->warmth ? fcs_training_scalar(a->warmth, warmth < 1 ? warmth : 1) : FCS_OK;
}

static fcs_status run_spectral(fcs_model *m, const autoencoder *a, int64_t step)
{
    /* u and v start at random: a fresh run turns them towards the largest singular vectors first */
    int turns = !a->plans[SPECTRAL] ? 0 : step == 0 ? 16 : 1;
    fcs_status status = FCS_OK;
    for (int n = 0; n < turns && status == FCS_OK; n++)
        status = fcs_plan_run(a->plans[SPECTRAL], m->seed, 0);
    return status;
}

static fcs_status train_step(fcs_model *m, int64_t step, fcs_error *e)
{
    autoencoder *a = m->state;
    fcs_status status = m->plans[0]->arena ? FCS_OK : fcs_plan_share(m->plans, m->n_plans, e);
    m->culprit[0] = 0;
    for (int i = 0; i < 3 && status == FCS_OK; i++)
        if (a->nets[i].n_layers)
            status = fcs_training_scalar(a->factor[i], fcs_training_rate(m, &a->nets[i], step));
    if (status == FCS_OK)
        status = set_warmth(m, a, step);
    if (status == FCS_OK)
        status = run_spectral(m, a, step);
    if (status == FCS_OK)
        status = fcs_training_batch(m, a->real, a->pixels, "crop", step);
    if (status == FCS_OK)
        status = fcs_plan_run(a->plans[TRAIN], m->seed, (uint64_t)step);
    if (status == FCS_OK)
        status = fcs_training_finite(m, a->finite, make_plan, TRAIN, plan_names[TRAIN], step,
                                     (uint64_t)step, e);
    fcs_status read = fcs_terms_values(m, &a->terms);
    return status == FCS_OK ? read : status;
}

/* ---- measuring and generating ---- */
static fcs_status load_measured(fcs_model *m, int64_t batch)
{
    autoencoder *a = m->state;
    return fcs_training_batch(m, a->real, a->pixels, "crop/measure", batch);
}

static fcs_status calibrate(fcs_model *m, fcs_error *e)
{
    autoencoder *a = m->state;
    return fcs_statistics_measure(&a->statistics, m, a->plans[MEASURE], load_measured, e);
}

static fcs_status generator(fcs_model *m, fcs_graph *g, const int64_t latent_size[3],
                            fcs_node **out, fcs_tensor **latent, fcs_error *e)
{
    const autoencoder *a = m->state;
    return fcs_training_generator(m, &a->nets[FCS_OF_GENERATOR], g, latent_size, out, latent, e);
}

static fcs_status encoder(fcs_model *m, fcs_graph *g, fcs_node *images, fcs_node **mean,
                          fcs_node **logvar, fcs_error *e)
{
    const autoencoder *a = m->state;
    fcs_builder b = fcs_training_builder(m, &a->nets[FCS_OF_ENCODER], g, FCS_FROZEN);
    b.averaged = b.net->average > 0;
    *mean = *logvar = NULL;
    if (encode(m, &b, images)) {
        fcs_node *both = moments(&b);
        *mean = fcs_layer_mean(both);
        *logvar = fcs_layer_logvar(both);
    }
    fcs_builder_free(&b);
    if (*logvar)
        return FCS_OK;
    return e->status != FCS_OK ? e->status : fcs_fail(e, FCS_FAILED, "the encoder cannot be built");
}

const fcs_scheme fcs_scheme_autoencoder = {
    .name = "autoencoder",
    .build = build,
    .step = train_step,
    .calibrate = calibrate,
    .generator = generator,
    .encoder = encoder,
};
