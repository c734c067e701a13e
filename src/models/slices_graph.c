/* slices_graph.c: the graphs of the slices scheme: making volumes and cutting them, a critic's step
 * along an axis, the generator's step. */
#include "models/slices.h"
#include "ops/ops.h"
#include <stdlib.h>
#include <string.h>

/* One graph while it is made. */
typedef struct making {
    fcs_model *m;
    fcs_slices *s;
    fcs_graph *g;
    fcs_error *e;
    fcs_builder generator, critic;
    fcs_node *volume, *flag; /* flag: product of the finite flags so far */
    fcs_node *held[FCS_MAX_LOSSES];
} making;

/* (mean - mean of the data) / spread of its crops: numbers of the size of the random ones. */
static fcs_node *conditions(fcs_slices *s, fcs_graph *g, fcs_tensor *target)
{
    return fcs_div(fcs_sub(fcs_read(g, target), fcs_read(g, s->mean)), fcs_read(g, s->spread));
}

fcs_node *fcs_slices_latent(fcs_model *m, fcs_graph *g, fcs_tensor *target, const char *name)
{
    fcs_slices *s = m->state;
    fcs_node *z = fcs_training_latent(m, g, target->shape.n[FCS_N], name);
    if (!s->conditions || !z)
        return z;
    fcs_shape shape = z->shape;
    shape.n[FCS_C] = s->conditions;
    fcs_node *wanted = fcs_broadcast(conditions(s, g, target), shape);
    fcs_attrs a = {.i = {FCS_C}};
    return wanted ? fcs_op_node(g, "concat", &a, 2, (fcs_node *[]){z, wanted}) : NULL;
}

static bool make_volume(making *k, int step, fcs_mode mode, const char *name)
{
    k->generator = fcs_training_builder(k->m, &k->s->generator, k->g, mode);
    k->generator.averaged = mode == FCS_MEASURE && k->s->generator.average > 0;
    k->volume =
        fcs_net_build(&k->generator, fcs_slices_latent(k->m, k->g, k->s->target[step], name), NULL);
    return k->volume != NULL;
}

/* Sections of the volume perpendicular to axis x y z. */
static fcs_node *sections(making *k, fcs_node *volume, int axis, int step)
{
    fcs_attrs a = {.i = {0}};
    a.i[FCS_SLICES_AXIS] = FCS_W - axis;
    fcs_node *at = fcs_read(k->g, k->s->at[axis][step]);
    return volume && at ? fcs_op_node(k->g, "slices", &a, 2, (fcs_node *[]){volume, at}) : NULL;
}

static bool make_fakes(making *k)
{
    if (!make_volume(k, FCS_OF_CRITIC_STEP, FCS_TRAIN, "latent/train"))
        return false;
    for (int axis = 0; axis < 3; axis++) {
        fcs_node *images = sections(k, k->volume, axis, FCS_OF_CRITIC_STEP);
        if (!images || fcs_assign(k->g, k->s->fakes[axis], images) != FCS_OK)
            return false;
    }
    return true;
}

static fcs_builder critic_of(making *k, int axis)
{
    fcs_slices *s = k->s;
    fcs_builder b =
        fcs_training_builder(k->m, &s->critics[s->n_critics > 1 ? axis : 0], k->g, FCS_TRAIN);
    b.axes = 2;
    return b;
}

/* The update of a net: nodes[] gets its weights, their gradients and the new weights. The gradients
 * are those of the n_ys values ys weighted by gys, and loss is what they belong to. */
static bool update(making *k, const fcs_builder *b, int which, fcs_node *loss, int n_ys,
                   fcs_node *const *ys, fcs_node *const *gys, fcs_node **nodes)
{
    int n = (int)b->n_parameters;
    fcs_update u = {.graph = k->g,
                    .net = b->net->name,
                    .values = b->net->optimizer_values,
                    .tensor = fcs_model_source,
                    .user = k->m,
                    .factor = fcs_read(k->g, k->s->factor[which])};
    for (int i = 0; i < n; i++)
        nodes[i] = b->parameters[i].node;
    return fcs_grad(k->g, n_ys, ys, gys, n, nodes, nodes + n) == FCS_OK &&
           fcs_training_optimize(&u, b->net, b, loss, nodes + n, nodes + 2 * n, &k->flag) == FCS_OK;
}

/* The first n images: penalties compare as many fakes as there are real images. */
static fcs_node *first_images(fcs_node *images, int64_t n)
{
    fcs_attrs a = {.i = {0}};
    a.i[5 + FCS_N] = images->shape.n[FCS_N] - n;
    return a.i[5 + FCS_N] ? fcs_op_node(images->graph, "crop", &a, 1, &images) : images;
}

static bool train_critic(making *k, int axis, bool penalty)
{
    fcs_slices *s = k->s;
    k->critic = critic_of(k, axis);
    fcs_builder *b = &k->critic;
    fcs_node *fakes = fcs_read(k->g, s->fakes[axis]);
    fcs_loss_terms t = {.real = fcs_read(k->g, s->real), .real_label = s->real_label, .net = b};
    t.real_logits = fcs_net_build(b, t.real, "real");
    t.fake_logits = fcs_net_build(b, fakes, "fake");
    if (!t.real_logits || !t.fake_logits || !(t.fake = first_images(fakes, s->reals)))
        return false;
    fcs_node *loss =
        fcs_terms_add(&s->terms, &t, s->gan->discriminator(&t), FCS_OF_DISCRIMINATOR, FCS_ALL_TERMS,
                      penalty ? (double)s->penalty_every : 0, k->m, k->held);
    k->held[FCS_SLICES_D] = loss;
    k->held[FCS_SLICES_REAL] = fcs_mean(t.real_logits, "ncdhw");
    k->held[FCS_SLICES_FAKE] = fcs_mean(t.fake_logits, "ncdhw");
    fcs_node **nodes = fcs_alloc_array(k->e, 3 * b->n_parameters, sizeof *nodes);
    bool done = loss && nodes && update(k, b, 0, loss, 1, &loss, NULL, nodes);
    free(nodes);
    return done;
}

/* The mean over the axes of the critics' verdict on sections along them, and its gradient in the
 * volume. Each axis is differentiated as soon as it is judged, so that what one leaves to its
 * gradient is gone before the next begins. */
static fcs_node *verdict(making *k, fcs_node **slope)
{
    fcs_node *sum = NULL;
    *slope = NULL;
    for (int axis = 0; axis < 3; axis++) {
        fcs_builder b = critic_of(k, axis);
        char pass[16];
        snprintf(pass, sizeof pass, "judge/%c", 'x' + axis);
        fcs_loss_terms t = {.real_label = k->s->real_label};
        t.fake_logits =
            fcs_net_build(&b, sections(k, k->volume, axis, FCS_OF_GENERATOR_STEP), pass);
        fcs_node *loss = t.fake_logits ? k->s->gan->generator(&t) : NULL, *part = NULL;
        fcs_builder_free(&b);
        loss = loss ? fcs_affine(loss, 1.0 / 3, 0) : NULL;
        if (!loss || fcs_grad(k->g, 1, &loss, NULL, 1, &k->volume, &part) != FCS_OK)
            return NULL;
        sum = axis ? fcs_add(sum, loss) : loss;
        *slope = axis ? fcs_add(*slope, part) : part;
    }
    return *slope ? sum : NULL;
}

/* |wanted share - share|, the mean over the volumes, for each phase. */
static bool hold_differences(making *k, fcs_node *wanted)
{
    fcs_node *difference = fcs_unary("abs", fcs_sub(fcs_mean(k->volume, "dhw"), wanted));
    fcs_node *means = fcs_mean(difference, "n");
    for (int i = 0; i < k->s->differences; i++) {
        fcs_attrs a = {.i = {0}};
        a.i[FCS_C] = i;
        a.i[5 + FCS_C] = k->s->differences - 1 - i;
        if (!means || !(k->held[FCS_SLICES_HELD + i] = fcs_op_node(k->g, "crop", &a, 1, &means)))
            return false;
    }
    return true;
}

static bool train_generator(making *k)
{
    fcs_slices *s = k->s;
    if (!make_volume(k, FCS_OF_GENERATOR_STEP, FCS_TRAIN, "latent/train"))
        return false;
    fcs_builder *b = &k->generator;
    fcs_node *wanted = fcs_read(k->g, s->target[FCS_OF_GENERATOR_STEP]);
    fcs_loss_terms t = {.fake = k->volume, .data_mean = wanted, .net = b};
    fcs_node *slope, *judged = verdict(k, &slope);
    fcs_node *terms = fcs_terms_add(&s->terms, &t, fcs_constant(k->g, 0), FCS_OF_GENERATOR,
                                    FCS_ALL_TERMS, 0, k->m, k->held);
    fcs_node *loss = judged && terms ? fcs_add(judged, terms) : NULL;
    fcs_node *ys[2] = {k->volume, terms}, *gys[2] = {slope, NULL};
    fcs_node **nodes = fcs_alloc_array(k->e, 3 * b->n_parameters, sizeof *nodes);
    bool done = loss && nodes && hold_differences(k, wanted) &&
                update(k, b, 1, loss, 2, ys, gys, nodes) &&
                fcs_training_average(k->m, b, nodes + 2 * b->n_parameters);
    k->held[FCS_SLICES_G] = loss;
    free(nodes);
    return done;
}

/* One power iteration for every spectrally normalized kernel. */
static bool iterate(making *k)
{
    if (!make_volume(k, FCS_OF_CRITIC_STEP, FCS_TRAIN, "latent/train") ||
        fcs_net_iterate(&k->generator) != FCS_OK)
        return false;
    for (int i = 0; i < k->s->n_critics; i++) {
        fcs_builder b = critic_of(k, i);
        bool done =
            fcs_net_build(&b, fcs_read(k->g, k->s->real), "real") && fcs_net_iterate(&b) == FCS_OK;
        fcs_builder_free(&b);
        if (!done)
            return false;
    }
    return true;
}

static bool make(making *k, int kind)
{
    if (kind == FCS_SLICES_FAKES)
        return make_fakes(k);
    if (kind == FCS_SLICES_SPECTRAL)
        return iterate(k);
    if (kind == FCS_SLICES_MEASURE)
        return make_volume(k, FCS_OF_CRITIC_STEP, FCS_MEASURE, "latent/measure") &&
               fcs_statistics_add(&k->s->statistics, &k->generator) == FCS_OK;
    int critic = kind - FCS_SLICES_CRITIC;
    bool done =
        kind == FCS_SLICES_GENERATOR ? train_generator(k) : train_critic(k, critic % 3, critic > 2);
    return done && fcs_assign_when(k->g, 0, k->flag) == FCS_OK &&
           fcs_terms_hold(&k->s->terms, k->m, k->g, k->held) == FCS_OK &&
           fcs_assign(k->g, k->s->finite, k->flag) == FCS_OK;
}

fcs_status fcs_slices_plan(fcs_model *m, int kind, const fcs_plan_options *o, fcs_plan **out,
                           fcs_error *e)
{
    making k = {.m = m, .s = m->state, .g = fcs_graph_new(m->ctx), .e = e};
    *out = NULL;
    bool done = k.g && make(&k, kind) && fcs_plan_build(k.g, o, out) == FCS_OK;
    fcs_builder_free(&k.generator);
    fcs_builder_free(&k.critic);
    fcs_graph_free(k.g);
    return fcs_training_made(m, done, e);
}
