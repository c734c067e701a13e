/* adversarial.c: a generator against a discriminator: setting up, a training step, measuring,
 * generating. */
#include "models/adversarial.h"
#include <stdlib.h>
#include <string.h>

static void adversarial_free(fcs_model *m)
{
    fcs_adversarial *a = m->state;
    fcs_net_free(&a->generator);
    fcs_net_free(&a->discriminator);
    fcs_statistics_free(&a->statistics);
    fcs_terms_free(&a->terms);
    fcs_tensor_free(a->real);
    fcs_tensor_free(a->finite);
    fcs_tensor_free(a->factor[0]);
    fcs_tensor_free(a->factor[1]);
    free(a->pixels);
    free(a);
    m->state = NULL;
}

/* ---- setting up ---- */
static fcs_status read_recipe(fcs_model *m, fcs_adversarial *a, fcs_error *e)
{
    static const char *const names[FCS_HELD_TERMS] = {"discriminator", "generator", "real_score",
                                                      "fake_score"};
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
    a->clip = a->gan->clips ? fcs_recipe_number(r, "loss.clip") : 0;
    a->n_features = fcs_net_find(r, &a->discriminator, "loss.features", a->features, e);
    fcs_training_sizes(m, &a->generator);
    return a->n_features < 0 ? FCS_FAILED : fcs_terms_read(m, &a->terms, names, FCS_HELD_TERMS, e);
}

static fcs_status make_tensors(fcs_model *m, fcs_adversarial *a, fcs_error *e)
{
    fcs_shape one = fcs_shape_of(1, 1, 1, 1, 1), pixel = fcs_shape_of(1, m->channels, 1, 1, 1);
    fcs_shape images = fcs_shape_of(a->batch, m->channels, m->size[0], m->size[1], m->size[2]);
    a->real = fcs_tensor_new(m->ctx, "real", images);
    a->finite = fcs_tensor_new(m->ctx, "finite", one);
    a->factor[0] = fcs_tensor_new(m->ctx, "discriminator.rate_factor", one);
    a->factor[1] = fcs_tensor_new(m->ctx, "generator.rate_factor", one);
    a->data_mean = fcs_model_tensor_of(m, "data.mean", pixel, false, e);
    if (fcs_terms_tensors(m, &a->terms, e) != FCS_OK)
        return FCS_FAILED;
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
    if (status != FCS_OK || !a->plans[kind])
        return status;
    fcs_training_add_plan(m, a->plans[kind], name);
    return FCS_OK;
}

/* The kind of plan of a step's i-th discriminator step. */
static int kind_of(const fcs_adversarial *a, int64_t step, int64_t i)
{
    int64_t number = step * a->critic_steps + i;
    bool last = i == a->critic_steps - 1;
    bool penalty = fcs_terms_penalize(&a->terms) && number % a->penalty_every == 0;
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
    if (status == FCS_OK && fcs_training_has_spectral(m))
        status = add_plan(m, a, FCS_PLAN_SPECTRAL, "spectral norm", e);
    return status == FCS_OK ? add_plan(m, a, FCS_PLAN_MEASURE, "measuring statistics", e) : status;
}

/* What generation needs comes into being with a generator of the smallest size. */
static fcs_status make_generator(fcs_model *m, fcs_error *e)
{
    fcs_node *out;
    fcs_tensor *latent;
    fcs_graph *g = fcs_graph_new(m->ctx);
    fcs_status status =
        g ? m->scheme->generator(m, g, m->latent_size, &out, &latent, e) : FCS_FAILED;
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
    if (status != FCS_OK || !train)
        return status == FCS_OK ? make_generator(m, e) : status;
    status = make_tensors(m, a, e);
    return status == FCS_OK ? make_plans(m, a, e) : status;
}

/* ---- a step ---- */
/* Runs the plan of that kind; `run` numbers its random draws. */
static fcs_status run_plan(fcs_model *m, fcs_adversarial *a, int kind, int64_t step, uint64_t run,
                           fcs_error *e)
{
    fcs_status status = fcs_plan_run(a->plans[kind], m->seed, run);
    if (status != FCS_OK || kind == FCS_PLAN_SPECTRAL)
        return status;
    return fcs_training_finite(m, a->finite, fcs_adversarial_plan, kind, plan_name(kind), step, run,
                               e);
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
    fcs_status status =
        fcs_training_batch(m, a->real, a->pixels, "crop", step * a->critic_steps + i);
    return status == FCS_OK ? run_plan(m, a, kind_of(a, step, i), step, run, e) : status;
}

static fcs_status adversarial_step(fcs_model *m, int64_t step, fcs_error *e)
{
    fcs_adversarial *a = m->state;
    fcs_status status = m->plans[0]->arena ? FCS_OK : fcs_plan_share(m->plans, m->n_plans, e);
    m->culprit[0] = 0;
    if (status == FCS_OK)
        status = fcs_training_scalar(a->factor[0], fcs_training_rate(m, &a->discriminator, step));
    if (status == FCS_OK)
        status = fcs_training_scalar(a->factor[1], fcs_training_rate(m, &a->generator, step));
    for (int64_t i = 0; i < a->critic_steps && status == FCS_OK; i++)
        status = critic_step(m, a, step, i, e);
    if (status == FCS_OK && !a->reuse_fakes)
        status =
            run_plan(m, a, FCS_PLAN_G, step, (uint64_t)((step + 1) * (a->critic_steps + 1) - 1), e);
    fcs_status read = fcs_terms_values(m, &a->terms);
    return status == FCS_OK ? read : status;
}

static fcs_status adversarial_calibrate(fcs_model *m, fcs_error *e)
{
    fcs_adversarial *a = m->state;
    return fcs_statistics_measure(&a->statistics, m, a->plans[FCS_PLAN_MEASURE], NULL, e);
}

/* ---- generating ---- */
static fcs_status adversarial_generator(fcs_model *m, fcs_graph *g, const int64_t latent_size[3],
                                        fcs_node **out, fcs_tensor **latent, fcs_error *e)
{
    const fcs_adversarial *a = m->state;
    return fcs_training_generator(m, &a->generator, g, latent_size, out, latent, e);
}

const fcs_scheme fcs_scheme_adversarial = {
    .name = "adversarial",
    .build = adversarial_build,
    .step = adversarial_step,
    .calibrate = adversarial_calibrate,
    .generator = adversarial_generator,
};
