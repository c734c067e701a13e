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

fcs_builder fcs_adversarial_builder(fcs_model *m, const fcs_net *net, fcs_graph *g, fcs_mode mode)
{
    const fcs_adversarial *a = m->state;
    return (fcs_builder){.graph = g,
                         .error = &m->ctx->error,
                         .net = net,
                         .mode = mode,
                         .axes = a->axes,
                         .channels = m->channels,
                         .tensor = fcs_model_source,
                         .user = m};
}

/* Plans of one step have run numbers of their own, so that one name will do. */
static fcs_node *random_latent(making *k, const char *name)
{
    fcs_attrs attrs;
    const fcs_adversarial *a = k->a;
    bool normal = strcmp(k->m->latent_distribution, "normal") == 0;
    fcs_shape s =
        fcs_shape_of(a->batch, k->m->latent_channels, a->latent[0], a->latent[1], a->latent[2]);
    memset(&attrs, 0, sizeof attrs);
    memcpy(attrs.i, s.n, sizeof s.n);
    const fcs_op *op = fcs_op_find(k->e, normal ? "random_normal" : "random_uniform");
    fcs_node *z = op ? fcs_node_named(fcs_node_new(k->g, op, &attrs, 0, NULL), name) : NULL;
    return normal ? z : fcs_affine(z, 2, -1);
}

static bool fakes(making *k)
{
    k->generator = fcs_adversarial_builder(k->m, &k->a->generator, k->g, FCS_TRAIN);
    k->fake = fcs_net_build(&k->generator, random_latent(k, "latent/train"), NULL);
    return k->fake != NULL;
}

/* Which terms of the loss to take. */
enum { ALL_TERMS, IMAGE_TERMS, PARAMETER_TERMS };

/* loss + weight * term, for the terms that this net has. */
static fcs_node *add_terms(making *k, fcs_loss_terms *t, fcs_node *loss, bool of_generator,
                           int which, bool penalty)
{
    for (int i = 0; i < fcs_n_losses && loss; i++) {
        const fcs_loss *l = fcs_losses[i];
        double weight = k->a->weights[i];
        fcs_node *(*term)(fcs_loss_terms *) = of_generator ? l->generator : l->discriminator;
        bool wanted = which == ALL_TERMS || (which == PARAMETER_TERMS) == l->of_parameters;
        if (l->gan || !term || weight == 0 || !wanted || (l->of_images && !penalty))
            continue;
        fcs_node *value = term(t);
        if (l->of_images)
            weight *= (double)k->a->penalty_every;
        for (int h = FCS_HELD_TERMS; h < k->m->n_losses; h++)
            if (k->a->held_of[h] == i && value)
                k->held[h] = value;
        loss = fcs_add(loss, fcs_affine(value, weight, 0));
    }
    return loss;
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
                        .factor = fcs_read(k->g, k->a->factor[which])};
}

/* Optimizes net by these gradients; its new weights go to updated[]. */
static bool optimize(making *k, const fcs_net *net, const fcs_builder *b, int which, fcs_node *loss,
                     fcs_node **gradients, fcs_node **updated)
{
    int n = (int)b->n_parameters;
    fcs_update u = update_of(k, net, which);
    fcs_node *flag = fcs_finite_flag(loss, n, gradients);
    k->flag = k->flag ? fcs_mul(k->flag, flag) : flag;
    return k->flag &&
           fcs_optimize(net->optimizer, &u, b->parameters, n, gradients, updated) == FCS_OK;
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

static bool train_discriminator(making *k, bool penalty)
{
    k->discriminator = fcs_adversarial_builder(k->m, &k->a->discriminator, k->g, FCS_TRAIN);
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
    fcs_node *loss = add_terms(k, &t, k->a->gan->discriminator(&t), false, ALL_TERMS, penalty);
    k->held[FCS_HELD_D] = loss;
    k->held[FCS_HELD_REAL] = fcs_mean(t.real_logits, "ncdhw");
    k->held[FCS_HELD_FAKE] = fcs_mean(t.fake_logits, "ncdhw");
    return loss && update_discriminator(k, loss);
}

/* average' = average + (w' - average) / c', c' = decay c + 1 from 0: the exponential mean without a
 * bias towards the start. */
static bool average(making *k, fcs_node *const *weights)
{
    const fcs_builder *b = &k->generator;
    double decay = k->a->generator.average;
    fcs_shape one = fcs_shape_of(1, 1, 1, 1, 1);
    if (decay == 0)
        return true;
    fcs_tensor *count = fcs_model_source(k->m, "generator.average_count", one, FCS_STATE, 0, 0);
    fcs_node *next = count ? fcs_affine(fcs_read(k->g, count), decay, 1) : NULL;
    fcs_node *share = fcs_unary("reciprocal", next);
    if (!share || fcs_assign(k->g, count, next) != FCS_OK)
        return false;
    for (size_t i = 0; i < b->n_parameters; i++) {
        char name[300];
        fcs_tensor *w = b->parameters[i].tensor;
        snprintf(name, sizeof name, "generator.average.%s", w->name + strlen("generator."));
        bool there = fcs_model_tensor_find(k->m, name) != NULL;
        fcs_tensor *t = fcs_model_tensor_of(k->m, name, w->shape, true, k->e);
        if (!t)
            return false;
        if (!there && fcs_tensor_copy(t, w) != FCS_OK)
            return false;
        fcs_node *old = fcs_read(k->g, t);
        if (fcs_assign(k->g, t, fcs_add(old, fcs_mul(fcs_sub(weights[i], old), share))) != FCS_OK)
            return false;
    }
    return true;
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
           average(k, nodes + 2 * n);
    k->held[FCS_HELD_G] = total;
    free(nodes);
    return done;
}

static bool train_generator(making *k)
{
    k->judge = fcs_adversarial_builder(k->m, &k->a->discriminator, k->g, FCS_TRAIN);
    k->judge.replace = k->updated;
    k->judge.n_replace = k->updated ? (int)k->discriminator.n_parameters : 0;
    fcs_node *judged = fcs_node_named(fcs_affine(k->fake, 1, 0), "judged");
    fcs_loss_terms t = {.fake = judged,
                        .real_label = k->a->real_label,
                        .net = &k->generator,
                        .data_mean = fcs_read(k->g, k->a->data_mean)};
    t.fake_logits = fcs_net_build(&k->judge, judged, "judge");
    if (!t.fake_logits)
        return false;
    fcs_node *loss = add_terms(k, &t, k->a->gan->generator(&t), true, IMAGE_TERMS, true);
    fcs_node *parameters = add_terms(k, &t, fcs_constant(k->g, 0), true, PARAMETER_TERMS, true);
    return loss && parameters && update_generator(k, judged, loss, parameters);
}

static bool hold(making *k)
{
    for (int i = 0; i < k->m->n_losses; i++)
        if (k->held[i] && fcs_assign(k->g, k->a->held[i], k->held[i]) != FCS_OK)
            return false;
    return !k->flag || fcs_assign(k->g, k->a->finite, k->flag) == FCS_OK;
}

/* One power iteration for every spectrally normalized kernel; the nets' outputs are not asked for,
 * so not computed. */
static bool iterate(making *k)
{
    k->discriminator = fcs_adversarial_builder(k->m, &k->a->discriminator, k->g, FCS_TRAIN);
    if (!fakes(k) || !fcs_net_build(&k->discriminator, fcs_read(k->g, k->a->real), "real"))
        return false;
    return fcs_net_iterate(&k->generator) == FCS_OK && fcs_net_iterate(&k->discriminator) == FCS_OK;
}

/* The statistics of one batch with the weights that generation uses. */
static bool measure(making *k)
{
    fcs_adversarial *a = k->a;
    k->generator = fcs_adversarial_builder(k->m, &a->generator, k->g, FCS_MEASURE);
    k->generator.averaged = a->generator.average > 0;
    if (!fcs_net_build(&k->generator, random_latent(k, "latent/measure"), NULL))
        return false;
    if (!a->statistics) {
        a->n_statistics = (int)k->generator.n_statistics;
        a->statistics = fcs_alloc_array(k->e, k->generator.n_statistics, sizeof *a->statistics);
        a->measured = fcs_alloc_array(k->e, 2 * k->generator.n_statistics, sizeof(fcs_tensor *));
        if (!a->statistics || !a->measured)
            return false;
        memcpy(a->statistics, k->generator.statistics,
               k->generator.n_statistics * sizeof *a->statistics);
    }
    for (int i = 0; i < 2 * a->n_statistics; i++) {
        const fcs_net_statistic *s = &k->generator.statistics[i / 2];
        if (!a->measured[i])
            a->measured[i] = fcs_tensor_new(k->m->ctx, "measured", s->mean->shape);
        if (fcs_assign(k->g, a->measured[i], i % 2 ? s->variance : s->mean) != FCS_OK)
            return false;
    }
    return true;
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
    bool done = k.g && make(&k, kind) && fcs_plan_build(k.g, o, out) == FCS_OK;
    fcs_builder_free(&k.generator);
    fcs_builder_free(&k.discriminator);
    fcs_builder_free(&k.judge);
    free(k.updated);
    fcs_graph_free(k.g);
    if (done)
        return FCS_OK;
    return e->status != FCS_OK
               ? e->status
               : fcs_fail(e, FCS_FAILED, "internal: a plan of %s cannot be made", m->recipe->name);
}
