/* adversarial_graph.c: the graphs of the adversarial scheme: a discriminator's step, a generator's,
 * or both in one. */
#include "models/adversarial.h"
#include "graph/graph.h"
#include <stdlib.h>
#include <string.h>

/* One graph while it is made. */
typedef struct making {
    fcs_model *m;
    fcs_adversarial *a;
    fcs_graph *g;
    fcs_error *e;
    fcs_builder generator, discriminator, judge;
    fcs_net_parameter *updated; /* the discriminator's new weights, for the judge */
    fcs_node *fake, *flag;      /* flag: product of the finite flags so far */
    fcs_node *held[FCS_MAX_LOSSES];
} making;

static bool fakes(making *k)
{
    k->generator = fcs_training_builder(k->m, &k->a->generator, k->g, FCS_TRAIN);
    k->fake = fcs_net_build(&k->generator,
                            fcs_training_latent(k->m, k->g, k->a->batch, "latent/train"), NULL);
    return k->fake != NULL;
}

static bool gather(const fcs_builder *b, fcs_node **nodes)
{
    for (size_t i = 0; i < b->n_parameters; i++)
        nodes[i] = b->parameters[i].node;
    return true;
}

static fcs_update update_of(making *k, const fcs_net *net, int which)
{
    return (fcs_update){.graph = k->g,
                        .net = net->name,
                        .values = net->optimizer_values,
                        .tensor = fcs_model_source,
                        .user = k->m,
                        .clip = which == 0 ? k->a->clip : 0,
                        .factor = fcs_read(k->g, k->a->factor[which])};
}

/* Optimizes net by these gradients; its new weights go to updated[]. */
static bool optimize(making *k, const fcs_net *net, const fcs_builder *b, int which, fcs_node *loss,
                     fcs_node **gradients, fcs_node **updated)
{
    fcs_update u = update_of(k, net, which);
    return fcs_training_optimize(&u, net, b, loss, gradients, updated, &k->flag) == FCS_OK;
}

static bool update_discriminator(making *k, fcs_node *loss)
{
    fcs_builder *b = &k->discriminator;
    size_t n = b->n_parameters;
    fcs_node **nodes = fcs_alloc_array(k->e, 3 * n, sizeof *nodes);
    k->updated = fcs_alloc_array(k->e, n, sizeof *k->updated);
    bool done = nodes && k->updated && gather(b, nodes) &&
                fcs_grad(k->g, 1, &loss, NULL, (int)n, nodes, nodes + n) == FCS_OK &&
                optimize(k, &k->a->discriminator, b, 0, loss, nodes + n, nodes + 2 * n);
    for (size_t i = 0; done && i < n; i++) {
        k->updated[i] = b->parameters[i];
        k->updated[i].node = nodes[2 * n + i];
    }
    free(nodes);
    return done;
}

static fcs_node *add_terms(making *k, fcs_loss_terms *t, fcs_node *loss, fcs_part part, int which,
                           double penalty)
{
    return fcs_terms_add(&k->a->terms, t, loss, part, which, penalty, k->m, k->held);
}

static bool train_discriminator(making *k, bool penalty)
{
    k->discriminator = fcs_training_builder(k->m, &k->a->discriminator, k->g, FCS_TRAIN);
    fcs_builder *b = &k->discriminator;
    fcs_loss_terms t = {.real = fcs_read(k->g, k->a->real),
                        .fake = k->fake,
                        .real_label = k->a->real_label,
                        .data_mean = fcs_read(k->g, k->a->data_mean),
                        .net = b};
    t.real_logits = fcs_net_build(b, t.real, "real");
    t.fake_logits = fcs_net_build(b, t.fake, "fake");
    if (!t.real_logits || !t.fake_logits)
        return false;
    fcs_node *loss = add_terms(k, &t, k->a->gan->discriminator(&t), FCS_OF_DISCRIMINATOR,
                               FCS_ALL_TERMS, penalty ? (double)k->a->penalty_every : 0);
    k->held[FCS_HELD_D] = loss;
    k->held[FCS_HELD_REAL] = fcs_mean(t.real_logits, "ncdhw");
    k->held[FCS_HELD_FAKE] = fcs_mean(t.fake_logits, "ncdhw");
    return loss && update_discriminator(k, loss);
}

/* Differentiates the image loss to `judged` only, a copy of the fakes, then from the fakes to the
 * weights: the judge may be this step's new discriminator, which depends on the fakes too, and no
 * gradient shall pass through its training. */
static bool update_generator(making *k, fcs_node *judged, fcs_node *loss, fcs_node *parameter_loss)
{
    fcs_builder *b = &k->generator;
    size_t n = b->n_parameters;
    fcs_node **nodes = fcs_alloc_array(k->e, 3 * n, sizeof *nodes), *slope = NULL;
    fcs_node *total = fcs_add(loss, parameter_loss);
    bool done =
        nodes && gather(b, nodes) && fcs_grad(k->g, 1, &loss, NULL, 1, &judged, &slope) == FCS_OK;
    fcs_node *ys[2] = {k->fake, parameter_loss}, *weights[2] = {slope, NULL};
    done = done && fcs_grad(k->g, 2, ys, weights, (int)n, nodes, nodes + n) == FCS_OK &&
           optimize(k, &k->a->generator, b, 1, total, nodes + n, nodes + 2 * n) &&
           fcs_training_average(k->m, b, nodes + 2 * n);
    k->held[FCS_HELD_G] = total;
    free(nodes);
    return done;
}

static bool wants_features(const making *k)
{
    for (int i = 0; i < fcs_n_losses; i++)
        if (fcs_losses[i]->of_discriminator && k->a->terms.weights[i] != 0)
            return true;
    return false;
}

/* The judge's features of the fakes, from its last build, and of the real images. */
static bool match_features(making *k, fcs_loss_terms *t)
{
    t->n_features = k->a->n_features;
    for (int i = 0; i < t->n_features; i++)
        t->fake_features[i] = k->judge.outputs[k->a->features[i]];
    if (!fcs_net_build(&k->judge, fcs_read(k->g, k->a->real), "judge/real"))
        return false;
    for (int i = 0; i < t->n_features; i++)
        t->real_features[i] = k->judge.outputs[k->a->features[i]];
    return true;
}

static bool train_generator(making *k)
{
    k->judge = fcs_training_builder(k->m, &k->a->discriminator, k->g, FCS_TRAIN);
    k->judge.replace = k->updated;
    k->judge.n_replace = k->updated ? (int)k->discriminator.n_parameters : 0;
    fcs_node *judged = fcs_node_named(fcs_affine(k->fake, 1, 0), "judged");
    fcs_loss_terms t = {.fake = judged,
                        .real_label = k->a->real_label,
                        .net = &k->generator,
                        .data_mean = fcs_read(k->g, k->a->data_mean),
                        .passage = fcs_recipe_passage(k->m->recipe)};
    t.fake_logits = fcs_net_build(&k->judge, judged, "judge");
    if (!t.fake_logits || (wants_features(k) && !match_features(k, &t)))
        return false;
    fcs_node *loss =
        add_terms(k, &t, k->a->gan->generator(&t), FCS_OF_GENERATOR, FCS_IMAGE_TERMS, 0);
    fcs_node *parameters =
        add_terms(k, &t, fcs_constant(k->g, 0), FCS_OF_GENERATOR, FCS_PARAMETER_TERMS, 0);
    return loss && parameters && update_generator(k, judged, loss, parameters);
}

static bool hold(making *k)
{
    return fcs_terms_hold(&k->a->terms, k->m, k->g, k->held) == FCS_OK &&
           (!k->flag || fcs_assign(k->g, k->a->finite, k->flag) == FCS_OK);
}

/* One power iteration for every spectrally normalized kernel; the nets' outputs are not asked for,
 * so not computed. */
static bool iterate(making *k)
{
    k->discriminator = fcs_training_builder(k->m, &k->a->discriminator, k->g, FCS_TRAIN);
    if (!fakes(k) || !fcs_net_build(&k->discriminator, fcs_read(k->g, k->a->real), "real"))
        return false;
    return fcs_net_iterate(&k->generator) == FCS_OK && fcs_net_iterate(&k->discriminator) == FCS_OK;
}

/* The statistics of one batch with the weights that generation uses. */
static bool measure(making *k)
{
    fcs_adversarial *a = k->a;
    k->generator = fcs_training_builder(k->m, &a->generator, k->g, FCS_MEASURE);
    k->generator.averaged = a->generator.average > 0;
    return fcs_net_build(&k->generator, fcs_training_latent(k->m, k->g, a->batch, "latent/measure"),
                         NULL) &&
           fcs_statistics_add(&a->statistics, &k->generator) == FCS_OK;
}

static bool make(making *k, int kind)
{
    if (kind & FCS_PLAN_SPECTRAL)
        return iterate(k);
    if (kind & FCS_PLAN_MEASURE)
        return measure(k);
    if (!fakes(k))
        return false;
    if ((kind & FCS_PLAN_D) && !train_discriminator(k, (kind & FCS_PLAN_PENALTY) != 0))
        return false;
    if ((kind & FCS_PLAN_G) && !train_generator(k))
        return false;
    return fcs_assign_when(k->g, 0, k->flag) == FCS_OK && hold(k);
}

fcs_status fcs_adversarial_plan(fcs_model *m, int kind, const fcs_plan_options *o, fcs_plan **out,
                                fcs_error *e)
{
    making k = {.m = m, .a = m->state, .g = fcs_graph_new(m->ctx), .e = e};
    *out = NULL;
    bool done =
        k.g && make(&k, kind) && (k.g->n_assignments == 0 || fcs_plan_build(k.g, o, out) == FCS_OK);
    fcs_builder_free(&k.generator);
    fcs_builder_free(&k.discriminator);
    fcs_builder_free(&k.judge);
    free(k.updated);
    fcs_graph_free(k.g);
    return fcs_training_made(m, done, e);
}
