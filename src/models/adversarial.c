/* adversarial.c: a generator against a discriminator: setting up, a training step, measuring,
 * generating. */
#include "models/adversarial.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void adversarial_free(fcs_model *m)
{
    fcs_adversarial *a = m->state;
    fcs_net_free(&a->generator);
    fcs_net_free(&a->discriminator);
    for (int i = 0; a->measured && i < 2 * a->n_statistics; i++)
        fcs_tensor_free(a->measured[i]);
    fcs_tensor_free(a->real);
    fcs_tensor_free(a->finite);
    fcs_tensor_free(a->factor[0]);
    fcs_tensor_free(a->factor[1]);
    free(a->weights);
    free(a->statistics);
    free(a->measured);
    free(a->pixels);
    free(a);
    m->state = NULL;
}

/* ---- setting up ---- */
static fcs_status read_recipe(fcs_model *m, fcs_adversarial *a, fcs_error *e)
{
    const fcs_recipe *r = m->recipe;
    if (fcs_net_read(r, "generator", &a->generator, e) != FCS_OK ||
        fcs_net_read(r, "discriminator", &a->discriminator, e) != FCS_OK)
        return FCS_FAILED;
    a->batch = (int64_t)fcs_recipe_number(r, "train.batch");
    a->critic_steps = (int64_t)fcs_recipe_number(r, "train.critic_steps");
    a->reuse_fakes = fcs_recipe_number(r, "train.reuse_fakes") != 0;
    a->penalty_every = (int64_t)fcs_recipe_number(r, "loss.penalty_every");
    a->real_label = fcs_recipe_number(r, "loss.real_label");
    a->gan = fcs_loss_find(fcs_recipe_word(r, "loss.gan"));
    a->axes = fcs_recipe_number(r, "data.depth") > 1 ? 3 : 2;
    for (int axis = 0; axis < 3; axis++) {
        a->latent[axis] = fcs_recipe_latent_size(r, &a->generator, axis);
        a->size[axis] = axis ? (int64_t)fcs_recipe_number(r, "data.size")
                             : (int64_t)fcs_recipe_number(r, "data.depth");
    }
    m->stride = fcs_net_size(&a->generator, 2, 5, NULL) - fcs_net_size(&a->generator, 2, 4, NULL);
    return FCS_OK;
}

/* Logged numbers: the two losses, the mean logits, and every term in use that says something about
 * images. */
static fcs_status name_losses(fcs_model *m, fcs_adversarial *a, fcs_error *e)
{
    static const char *const names[FCS_HELD_TERMS] = {"discriminator", "generator", "real_score",
                                                      "fake_score"};
    for (int i = 0; i < FCS_HELD_TERMS; i++)
        m->loss_names[m->n_losses++] = names[i];
    a->weights = fcs_alloc_array(e, (size_t)fcs_n_losses, sizeof *a->weights);
    if (!a->weights)
        return FCS_FAILED;
    for (int i = 0; i < fcs_n_losses; i++) {
        char path[64];
        snprintf(path, sizeof path, "loss.%s", fcs_losses[i]->name);
        a->weights[i] = fcs_losses[i]->gan ? 0 : fcs_recipe_number(m->recipe, path);
        if (a->weights[i] != 0 && !fcs_losses[i]->of_parameters && m->n_losses < FCS_MAX_LOSSES) {
            a->held_of[m->n_losses] = i;
            m->loss_names[m->n_losses++] = fcs_losses[i]->name;
        }
    }
    return FCS_OK;
}

static fcs_status make_tensors(fcs_model *m, fcs_adversarial *a, fcs_error *e)
{
    fcs_shape one = fcs_shape_of(1, 1, 1, 1, 1), pixel = fcs_shape_of(1, m->channels, 1, 1, 1);
    fcs_shape images = fcs_shape_of(a->batch, m->channels, a->size[0], a->size[1], a->size[2]);
    a->real = fcs_tensor_new(m->ctx, "real", images);
    a->finite = fcs_tensor_new(m->ctx, "finite", one);
    a->factor[0] = fcs_tensor_new(m->ctx, "discriminator.rate_factor", one);
    a->factor[1] = fcs_tensor_new(m->ctx, "generator.rate_factor", one);
    a->data_mean = fcs_model_tensor_of(m, "data.mean", pixel, false, e);
    /* Kept by checkpoints: a penalty that is not computed in every step is logged in all of them.
     */
    for (int i = 0; i < m->n_losses; i++) {
        char name[80];
        snprintf(name, sizeof name, "held.%s", m->loss_names[i]);
        if (!(a->held[i] = fcs_model_tensor_of(m, name, one, false, e)))
            return FCS_FAILED;
    }
    a->pixels = fcs_alloc_array(e, (size_t)fcs_shape_count(images), sizeof *a->pixels);
    float *mean = fcs_alloc_array(e, (size_t)m->channels, sizeof *mean);
    bool done =
        a->real && a->finite && a->factor[0] && a->factor[1] && a->data_mean && a->pixels && mean;
    for (int c = 0; done && m->data && c < m->channels; c++)
        mean[c] = (float)fcs_dataset_mean(m->data, c);
    done = done && fcs_tensor_set(a->data_mean, mean) == FCS_OK;
    free(mean);
    return done ? FCS_OK : FCS_FAILED;
}

static fcs_status add_plan(fcs_model *m, fcs_adversarial *a, int kind, const char *name,
                           fcs_error *e)
{
    if (a->plans[kind])
        return FCS_OK;
    fcs_status status = fcs_adversarial_plan(m, kind, NULL, &a->plans[kind], e);
    if (status != FCS_OK)
        return status;
    m->plan_names[m->n_plans] = name;
    m->plans[m->n_plans++] = a->plans[kind];
    return FCS_OK;
}

static bool has_penalty(const fcs_adversarial *a)
{
    for (int i = 0; i < fcs_n_losses; i++)
        if (fcs_losses[i]->of_images && a->weights[i] != 0)
            return true;
    return false;
}

static bool has_spectral(const fcs_model *m)
{
    for (size_t i = 0; i < m->n_tensors; i++) {
        const char *name = m->tensors[i].tensor->name;
        size_t n = strlen(name);
        if (n > 2 && strcmp(name + n - 2, ".u") == 0)
            return true;
    }
    return false;
}

/* The kind of plan of a step's i-th discriminator step. */
static int kind_of(const fcs_adversarial *a, int64_t step, int64_t i)
{
    int64_t number = step * a->critic_steps + i;
    bool last = i == a->critic_steps - 1;
    bool penalty = has_penalty(a) && number % a->penalty_every == 0;
    return FCS_PLAN_D | (last && a->reuse_fakes ? FCS_PLAN_G : 0) |
           (penalty ? FCS_PLAN_PENALTY : 0);
}

static const char *plan_name(int kind)
{
    static const char *const names[8] = {
        [FCS_PLAN_D] = "discriminator",
        [FCS_PLAN_G] = "generator",
        [FCS_PLAN_D | FCS_PLAN_G] = "both nets",
        [FCS_PLAN_D | FCS_PLAN_PENALTY] = "discriminator with penalty",
        [FCS_PLAN_D | FCS_PLAN_G | FCS_PLAN_PENALTY] = "both nets with penalty"};
    return names[kind & 7];
}

/* The averaged weights come into being with the generator's step, so the measuring plan comes last.
 */
static fcs_status make_plans(fcs_model *m, fcs_adversarial *a, fcs_error *e)
{
    fcs_status status = FCS_OK;
    int64_t period =
        a->critic_steps * a->penalty_every; /* of the schedule; two steps of it hold every kind */
    for (int64_t n = 0; n < 2 * period && status == FCS_OK; n++) {
        int kind = kind_of(a, n / a->critic_steps, n % a->critic_steps);
        status = add_plan(m, a, kind, plan_name(kind), e);
    }
    if (status == FCS_OK && !a->reuse_fakes)
        status = add_plan(m, a, FCS_PLAN_G, plan_name(FCS_PLAN_G), e);
    if (status == FCS_OK && has_spectral(m))
        status = add_plan(m, a, FCS_PLAN_SPECTRAL, "spectral norm", e);
    return status == FCS_OK ? add_plan(m, a, FCS_PLAN_MEASURE, "measuring statistics", e) : status;
}

/* What generation needs comes into being with a generator of the smallest size. */
static fcs_status make_generator(fcs_model *m, fcs_adversarial *a, fcs_error *e)
{
    fcs_node *out;
    fcs_tensor *latent;
    fcs_graph *g = fcs_graph_new(m->ctx);
    fcs_status status = g ? m->scheme->generator(m, g, a->latent, &out, &latent, e) : FCS_FAILED;
    fcs_graph_free(g);
    if (status == FCS_OK)
        fcs_tensor_free(latent);
    return status;
}

static fcs_status adversarial_build(fcs_model *m, bool train, fcs_error *e)
{
    fcs_adversarial *a = fcs_alloc(e, sizeof *a);
    if (!a)
        return FCS_FAILED;
    m->state = a;
    m->free_state = adversarial_free;
    fcs_status status = read_recipe(m, a, e);
    if (status == FCS_OK)
        status = name_losses(m, a, e);
    if (status != FCS_OK || !train)
        return status == FCS_OK ? make_generator(m, a, e) : status;
    status = make_tensors(m, a, e);
    return status == FCS_OK ? make_plans(m, a, e) : status;
}

/* ---- a step ---- */
static fcs_status set_scalar(fcs_tensor *t, double v)
{
    float value = (float)v;
    return fcs_tensor_set(t, &value);
}

/* The rates' factor: 1, then linearly down over the last part of the planned steps, to a fiftieth:
 * a run that goes on beyond its plan still learns. */
static double rate_factor(const fcs_model *m, const fcs_net *net, int64_t step)
{
    const double least = 0.02;
    double from = net->optimizer_values[FCS_DECAY_FROM].number;
    double done = (double)step / fcs_recipe_number(m->recipe, "train.steps");
    if (from >= 1 || done <= from)
        return 1;
    double left = (1 - done) / (1 - from);
    return left > least ? left : least;
}

static fcs_status load_batch(fcs_model *m, fcs_adversarial *a, int64_t number)
{
    uint32_t stream = fcs_random_stream("crop");
    size_t image = (size_t)(fcs_shape_count(a->real->shape) / a->batch);
    for (int64_t b = 0; b < a->batch; b++)
        fcs_dataset_crop(m->data, m->seed, stream, (uint64_t)(number * a->batch + b),
                         a->pixels + (size_t)b * image);
    return fcs_tensor_set(a->real, a->pixels);
}

/* Runs the plan of that kind; `run` numbers its random draws. */
static fcs_status run_plan(fcs_model *m, fcs_adversarial *a, int kind, int64_t step, uint64_t run,
                           fcs_error *e)
{
    float finite;
    fcs_plan *plain;
    fcs_status status = fcs_plan_run(a->plans[kind], m->seed, run);
    if (status != FCS_OK || kind == FCS_PLAN_SPECTRAL)
        return status;
    status = fcs_tensor_get(a->finite, &finite);
    if (status != FCS_OK || finite == 1)
        return status;
    const fcs_plan_options options = {.no_fusion = true, .no_reuse = true};
    snprintf(m->culprit, sizeof m->culprit, "unknown (no memory to look for it)");
    if (fcs_adversarial_plan(m, kind, &options, &plain, e) == FCS_OK) {
        fcs_model_culprit(m, plain, run);
        fcs_plan_free(plain);
    }
    fcs_error_clear(e);
    return fcs_fail(
        e, FCS_FAILED,
        "step %lld (%s): a loss or gradient is not finite, first at %s; this step was not "
        "applied: lower the rates, or raise loss.r1",
        (long long)step, plan_name(kind), m->culprit);
}

static fcs_status critic_step(fcs_model *m, fcs_adversarial *a, int64_t step, int64_t i,
                              fcs_error *e)
{
    uint64_t run = (uint64_t)(step * (a->critic_steps + 1) + i);
    /* u and v start at random: a fresh run turns them towards the largest singular vectors first.
     */
    int turns = a->plans[FCS_PLAN_SPECTRAL] ? (step == 0 && i == 0 ? 16 : 1) : 0;
    for (int n = 0; n < turns; n++) {
        fcs_status status = run_plan(m, a, FCS_PLAN_SPECTRAL, step, 0, e);
        if (status != FCS_OK)
            return status;
    }
    fcs_status status = load_batch(m, a, step * a->critic_steps + i);
    return status == FCS_OK ? run_plan(m, a, kind_of(a, step, i), step, run, e) : status;
}

static fcs_status adversarial_step(fcs_model *m, int64_t step, fcs_error *e)
{
    fcs_adversarial *a = m->state;
    fcs_status status = m->plans[0]->arena ? FCS_OK : fcs_plan_share(m->plans, m->n_plans, e);
    m->culprit[0] = 0;
    if (status == FCS_OK)
        status = set_scalar(a->factor[0], rate_factor(m, &a->discriminator, step));
    if (status == FCS_OK)
        status = set_scalar(a->factor[1], rate_factor(m, &a->generator, step));
    for (int64_t i = 0; i < a->critic_steps && status == FCS_OK; i++)
        status = critic_step(m, a, step, i, e);
    if (status == FCS_OK && !a->reuse_fakes)
        status =
            run_plan(m, a, FCS_PLAN_G, step, (uint64_t)((step + 1) * (a->critic_steps + 1) - 1), e);
    for (int i = 0; i < m->n_losses; i++) {
        float value = NAN;
        fcs_status read = fcs_tensor_get(a->held[i], &value);
        status = status == FCS_OK ? read : status;
        m->losses[i] = (double)value;
    }
    return status;
}

/* ---- measuring ---- */
/* One statistic of a batch, added to its sums: mean, mean of squared means, variance. */
static fcs_status add_batch(const fcs_adversarial *a, int s, float *values, double *sums)
{
    int64_t channels = a->statistics[s].frozen_mean->shape.n[FCS_C];
    fcs_status status = fcs_tensor_get(a->measured[2 * s], values);
    if (status == FCS_OK)
        status = fcs_tensor_get(a->measured[2 * s + 1], values + channels);
    for (int64_t c = 0; c < channels && status == FCS_OK; c++) {
        sums[3 * c] += (double)values[c];
        sums[3 * c + 1] += (double)values[c] * (double)values[c];
        sums[3 * c + 2] += (double)values[channels + c];
    }
    return status;
}

/* Over batches the variance is the mean variance plus, where a batch is one population, the
 * variance of the means. */
static fcs_status set_frozen(const fcs_net_statistic *s, const double *sums, double batches,
                             float *values)
{
    int64_t channels = s->frozen_mean->shape.n[FCS_C];
    for (int64_t c = 0; c < channels; c++) {
        double mean = sums[3 * c] / batches, between = sums[3 * c + 1] / batches - mean * mean;
        values[c] = (float)mean;
        values[channels + c] =
            (float)(sums[3 * c + 2] / batches + (s->of_batch && between > 0 ? between : 0));
    }
    fcs_status status = fcs_tensor_set(s->frozen_mean, values);
    return status == FCS_OK ? fcs_tensor_set(s->frozen_variance, values + channels) : status;
}

static fcs_status adversarial_calibrate(fcs_model *m, fcs_error *e)
{
    fcs_adversarial *a = m->state;
    int batches = (int)fcs_recipe_number(m->recipe, "train.calibration");
    size_t channels = 0, widest = 0;
    for (int s = 0; s < a->n_statistics; s++) {
        size_t n = (size_t)a->statistics[s].frozen_mean->shape.n[FCS_C];
        channels += n;
        widest = n > widest ? n : widest;
    }
    if (!channels)
        return FCS_OK;
    double *sums = fcs_alloc_array(e, 3 * channels, sizeof *sums);
    float *values = fcs_alloc_array(e, 2 * widest, sizeof *values);
    fcs_status status = sums && values ? FCS_OK : FCS_FAILED;
    if (status == FCS_OK && !m->plans[0]->arena)
        status = fcs_plan_share(m->plans, m->n_plans, e);
    for (int b = 0; b < batches && status == FCS_OK; b++) {
        double *at = sums;
        status = fcs_plan_run(a->plans[FCS_PLAN_MEASURE], m->seed, (uint64_t)b);
        for (int s = 0; s < a->n_statistics && status == FCS_OK; s++) {
            status = add_batch(a, s, values, at);
            at += 3 * a->statistics[s].frozen_mean->shape.n[FCS_C];
        }
    }
    const double *at = sums;
    for (int s = 0; s < a->n_statistics && status == FCS_OK; s++) {
        status = set_frozen(&a->statistics[s], at, batches, values);
        at += 3 * a->statistics[s].frozen_mean->shape.n[FCS_C];
    }
    free(sums);
    free(values);
    return status;
}

/* ---- generating ---- */
static fcs_status adversarial_generator(fcs_model *m, fcs_graph *g, const int64_t latent_size[3],
                                        fcs_node **out, fcs_tensor **latent, fcs_error *e)
{
    const fcs_adversarial *a = m->state;
    fcs_builder b = fcs_adversarial_builder(m, &a->generator, g, FCS_FROZEN);
    b.averaged = a->generator.average > 0;
    *out = NULL;
    *latent = fcs_tensor_new(
        m->ctx, "latent",
        fcs_shape_of(1, m->latent_channels, latent_size[0], latent_size[1], latent_size[2]));
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

const fcs_scheme fcs_scheme_adversarial = {
    .name = "adversarial",
    .build = adversarial_build,
    .step = adversarial_step,
    .calibrate = adversarial_calibrate,
    .generator = adversarial_generator,
};
