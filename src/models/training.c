/* training.c: what training schemes share; see training.h. */
#include "models/training.h"
#include <stdlib.h>
#include <string.h>

fcs_builder fcs_training_builder(fcs_model *m, const fcs_net *net, fcs_graph *g, fcs_mode mode)
{
    return (fcs_builder){.graph = g,
                         .error = &m->ctx->error,
                         .net = net,
                         .mode = mode,
                         .axes = m->size[0] > 1 ? 3 : 2,
                         .channels = m->channels,
                         .latent = m->latent_channels,
                         .tensor = fcs_model_source,
                         .user = m};
}

/* Plans of one step have run numbers of their own, so that one name will do. */
fcs_node *fcs_training_latent(fcs_model *m, fcs_graph *g, int64_t n, const char *name)
{
    fcs_attrs attrs = {.i = {0}};
    bool normal = strcmp(m->latent_distribution, "normal") == 0;
    const int64_t *cells = m->latent_size;
    fcs_shape s = fcs_shape_of(n, m->latent_channels, cells[0], cells[1], cells[2]);
    memcpy(attrs.i, s.n, sizeof s.n);
    const fcs_op *op = fcs_op_find(&m->ctx->error, normal ? "random_normal" : "random_uniform");
    fcs_node *z = op ? fcs_node_named(fcs_node_new(g, op, &attrs, 0, NULL), name) : NULL;
    return fcs_waves_add(m, normal ? z : fcs_affine(z, 2, -1), name);
}

/* To a fiftieth: a run that goes on beyond its plan still learns. */
double fcs_training_rate(const fcs_model *m, const fcs_net *net, int64_t step)
{
    const double least = 0.02;
    double from = net->optimizer_values[FCS_DECAY_FROM].number;
    double over = fcs_recipe_number(m->recipe, "train.decay_steps");
    double done = (double)step / (over > 0 ? over : fcs_recipe_number(m->recipe, "train.steps"));
    if (from >= 1 || done <= from)
        return 1;
    double left = (1 - done) / (1 - from);
    return left > least ? left : least;
}

fcs_status fcs_training_scalar(fcs_tensor *t, double v)
{
    float value = (float)v;
    return fcs_tensor_set(t, &value);
}

fcs_status fcs_training_batch(const fcs_model *m, fcs_tensor *images, float *pixels,
                              const char *stream, int64_t number)
{
    uint32_t of = fcs_random_stream(stream);
    int64_t n = images->shape.n[FCS_N];
    size_t image = (size_t)(fcs_shape_count(images->shape) / n);
    for (int64_t b = 0; b < n; b++)
        fcs_dataset_crop(m->data, m->seed, of, (uint64_t)(number * n + b),
                         pixels + (size_t)b * image);
    return fcs_tensor_set(images, pixels);
}

void fcs_training_sizes(fcs_model *m, const fcs_net *generator)
{
    for (int axis = 0; axis < 3; axis++) {
        m->latent_size[axis] = fcs_recipe_latent_size(m->recipe, generator, axis);
        m->size[axis] =
            axis ? (int64_t)fcs_recipe_number(m->recipe, "data.size") : fcs_recipe_depth(m->recipe);
    }
    m->stride = fcs_net_size(generator, 2, 5, NULL) - fcs_net_size(generator, 2, 4, NULL);
}

fcs_status fcs_training_optimize(fcs_update *u, const fcs_net *net, const fcs_builder *b,
                                 fcs_node *loss, fcs_node **gradients, fcs_node **updated,
                                 fcs_node **flag)
{
    int n = (int)b->n_parameters;
    fcs_node *finite = fcs_finite_flag(loss, n, gradients);
    *flag = *flag ? fcs_mul(*flag, finite) : finite;
    return *flag ? fcs_optimize(net->optimizer, u, b->parameters, n, gradients, updated)
                 : FCS_FAILED;
}

/* average' = average + (w' - average) / c', c' = decay c + 1 from 0: the exponential mean without a
 * bias towards the start. */
bool fcs_training_average(fcs_model *m, const fcs_builder *b, fcs_node *const *weights)
{
    char name[300];
    const char *net = b->net->name;
    double decay = b->net->average;
    fcs_graph *g = b->graph;
    if (decay == 0)
        return true;
    snprintf(name, sizeof name, "%s.average_count", net);
    fcs_tensor *count = fcs_model_source(m, name, fcs_shape_of(1, 1, 1, 1, 1), FCS_STATE, 0, 0);
    fcs_node *next = count ? fcs_affine(fcs_read(g, count), decay, 1) : NULL;
    fcs_node *share = fcs_unary("reciprocal", next);
    if (!share || fcs_assign(g, count, next) != FCS_OK)
        return false;
    for (size_t i = 0; i < b->n_parameters; i++) {
        fcs_tensor *w = b->parameters[i].tensor;
        snprintf(name, sizeof name, "%s.average%s", net, w->name + strlen(net));
        bool there = fcs_model_tensor_find(m, name) != NULL;
        fcs_tensor *t = fcs_model_tensor_of(m, name, w->shape, true, &m->ctx->error);
        if (!t || (!there && fcs_tensor_copy(t, w) != FCS_OK))
            return false;
        fcs_node *old = fcs_read(g, t);
        if (fcs_assign(g, t, fcs_add(old, fcs_mul(fcs_sub(weights[i], old), share))) != FCS_OK)
            return false;
    }
    return true;
}

fcs_status fcs_training_finite(fcs_model *m, const fcs_tensor *flag, fcs_plan_again *again,
                               int kind, const char *name, int64_t step, uint64_t run, fcs_error *e)
{
    float finite;
    fcs_plan *plain;
    fcs_status status = fcs_tensor_get(flag, &finite);
    if (status != FCS_OK || finite == 1)
        return status;
    const fcs_plan_options options = {.no_fusion = true, .no_reuse = true};
    snprintf(m->culprit, sizeof m->culprit, "unknown (no memory to look for it)");
    if (again(m, kind, &options, &plain, e) == FCS_OK) {
        fcs_model_culprit(m, plain, run);
        fcs_plan_free(plain);
    }
    fcs_error_clear(e);
    return fcs_fail(e, FCS_FAILED,
                    "step %lld (%s): a loss or gradient is not finite, first at %s; this step was "
                    "not applied: lower the rates%s",
                    (long long)step, name, m->culprit,
                    fcs_recipe_has(m->recipe, "discriminator") ? ", or raise loss.r1" : "");
}

bool fcs_training_has_spectral(const fcs_model *m)
{
    for (size_t i = 0; i < m->n_tensors; i++) {
        const char *name = m->tensors[i].tensor->name;
        size_t n = strlen(name);
        if (n > 2 && strcmp(name + n - 2, ".u") == 0)
            return true;
    }
    return false;
}

void fcs_training_add_plan(fcs_model *m, fcs_plan *p, const char *name)
{
    m->plan_names[m->n_plans] = name;
    m->plans[m->n_plans++] = p;
}

fcs_status fcs_training_made(const fcs_model *m, bool done, fcs_error *e)
{
    if (done)
        return FCS_OK;
    return e->status != FCS_OK
               ? e->status
               : fcs_fail(e, FCS_FAILED, "internal: a plan of %s cannot be made", m->recipe->name);
}

fcs_status fcs_training_generator(fcs_model *m, const fcs_net *net, fcs_graph *g,
                                  const int64_t latent_size[3], fcs_node **out, fcs_tensor **latent,
                                  fcs_error *e)
{
    fcs_builder b = fcs_training_builder(m, net, g, FCS_FROZEN);
    b.averaged = net->average > 0;
    *out = NULL;
    *latent = fcs_tensor_new(
        m->ctx, "latent",
        fcs_shape_of(1, fcs_model_latent_width(m), latent_size[0], latent_size[1], latent_size[2]));
    if (*latent)
        *out = fcs_net_build(&b, fcs_read(g, *latent), NULL);
    fcs_builder_free(&b);
    if (*out)
        return FCS_OK;
    fcs_tensor_free(*latent);
    *latent = NULL;
    return e->status != FCS_OK ? e->status
                               : fcs_fail(e, FCS_FAILED, "the generator cannot be built");
}
