/* slices.c: volumes from images: setting up, a training step, measuring, generating. */
#include "models/slices.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void slices_free(fcs_model *m)
{
    fcs_slices *s = m->state;
    fcs_net_free(&s->generator);
    for (int i = 0; i < 3; i++) {
        fcs_net_free(&s->critics[i]);
        fcs_tensor_free(s->fakes[i]);
        fcs_tensor_free(s->at[i][0]);
        fcs_tensor_free(s->at[i][1]);
    }
    for (int i = 0; i < 2; i++) {
        fcs_tensor_free(s->factor[i]);
        fcs_tensor_free(s->target[i]);
    }
    fcs_tensor_free(s->real);
    fcs_tensor_free(s->finite);
    fcs_terms_free(&s->terms);
    fcs_statistics_free(&s->statistics);
    free(s->pixels);
    free(s);
    m->state = NULL;
}

/* ---- setting up ---- */
static fcs_status read_critics(fcs_model *m, fcs_slices *s, fcs_error *e)
{
    s->n_critics = m->data && fcs_dataset_has_parts(m->data) ? 3 : 1;
    for (int i = 0; i < s->n_critics; i++) {
        if (fcs_net_read(m->recipe, "discriminator", &s->critics[i], e) != FCS_OK)
            return FCS_FAILED;
        if (s->n_critics > 1)
            snprintf(s->critics[i].name, sizeof s->critics[i].name, "discriminator_%c", 'x' + i);
    }
    return FCS_OK;
}

static fcs_status read_recipe(fcs_model *m, fcs_slices *s, fcs_error *e)
{
    const fcs_recipe *r = m->recipe;
    if (fcs_net_read(r, "generator", &s->generator, e) != FCS_OK || read_critics(m, s, e) != FCS_OK)
        return FCS_FAILED;
    fcs_training_sizes(m, &s->generator);
    s->volumes[0] = (int64_t)fcs_recipe_number(r, "train.batch");
    s->volumes[1] = (int64_t)fcs_recipe_number(r, "train.generator_batch");
    s->sections = (int64_t)fcs_recipe_number(r, "train.sections");
    s->reals = (int64_t)fcs_recipe_number(r, "train.real_batch");
    s->volumes[1] = s->volumes[1] ? s->volumes[1] : 2 * s->volumes[0];
    s->sections = s->sections ? s->sections : m->size[1];
    s->reals = s->reals ? s->reals : s->volumes[0] * s->sections;
    s->critic_steps = (int64_t)fcs_recipe_number(r, "train.critic_steps");
    s->penalty_every = (int64_t)fcs_recipe_number(r, "loss.penalty_every");
    s->real_label = fcs_recipe_number(r, "loss.real_label");
    s->gan = fcs_loss_find(fcs_recipe_word(r, "loss.gan"));
    s->conditions = fcs_recipe_number(r, "latent.density") != 0 ? m->channels : 0;
    s->differences = strcmp(fcs_recipe_word(r, "data.phases"), "none") ? m->channels : 0;
    return FCS_OK;
}

/* "density_difference_1": of phases, as many as there can be. */
static fcs_status name_losses(fcs_model *m, fcs_slices *s, fcs_error *e)
{
    static const char *const names[FCS_SLICES_HELD + FCS_PHASES_MAX] = {
        "discriminator", "generator",  "real_score", "fake_score", "density_1",
        "density_2",     "density_3",  "density_4",  "density_5",  "density_6",
        "density_7",     "density_8",  "density_9",  "density_10", "density_11",
        "density_12",    "density_13", "density_14", "density_15", "density_16"};
    return fcs_terms_read(m, &s->terms, names, FCS_SLICES_HELD + s->differences, e);
}

static fcs_tensor *new_tensor(fcs_model *m, const char *name, int64_t n, int64_t c)
{
    return fcs_tensor_new(m->ctx, name, fcs_shape_of(n, c, 1, 1, 1));
}

static fcs_status make_tensors(fcs_model *m, fcs_slices *s, fcs_error *e)
{
    int64_t c = m->channels, side = m->size[1];
    fcs_shape real = fcs_shape_of(s->reals, c, 1, side, side), fake = real;
    fake.n[FCS_N] = s->volumes[0] * s->sections;
    s->real = fcs_tensor_new(m->ctx, "real", real);
    s->finite = new_tensor(m, "finite", 1, 1);
    s->factor[0] = new_tensor(m, "discriminator.rate_factor", 1, 1);
    s->factor[1] = new_tensor(m, "generator.rate_factor", 1, 1);
    bool done = s->real && s->finite && s->factor[0] && s->factor[1];
    for (int i = 0; i < 2 && done; i++)
        done = (s->target[i] = new_tensor(m, "target", s->volumes[i], c)) != NULL;
    for (int i = 0; i < 3 && done; i++) {
        s->fakes[i] = fcs_tensor_new(m->ctx, "fakes", fake);
        s->at[i][0] = new_tensor(m, "at", s->volumes[0], s->sections);
        s->at[i][1] = new_tensor(m, "at", s->volumes[1], s->sections);
        done = s->fakes[i] && s->at[i][0] && s->at[i][1];
    }
    s->pixels = fcs_alloc_array(e, (size_t)fcs_shape_count(real), sizeof *s->pixels);
    return done && s->pixels ? fcs_terms_tensors(m, &s->terms, e) : FCS_FAILED;
}

/* The mean of each channel of a crop of this axis's data. */
static void crop_means(const fcs_model *m, int axis, const char *stream, uint64_t index,
                       float *pixels, float *means)
{
    int64_t plane = m->size[1] * m->size[2];
    fcs_dataset_crop(fcs_dataset_part(m->data, axis), m->seed, fcs_random_stream(stream), index,
                     pixels);
    for (int c = 0; c < m->channels; c++) {
        double sum = 0;
        for (int64_t i = 0; i < plane; i++)
            sum += (double)pixels[c * plane + i];
        means[c] = (float)(sum / (double)plane);
    }
}

/* The data's mean per channel, over the axes, and the standard deviation of that of its crops. */
static fcs_status set_means(fcs_model *m, fcs_slices *s)
{
    enum { CROPS = 300 };
    float means[FCS_PHASES_MAX], mean[FCS_PHASES_MAX], spread[FCS_PHASES_MAX];
    double sum[FCS_PHASES_MAX] = {0};
    for (int c = 0; c < m->channels; c++)
        mean[c] = (float)((fcs_dataset_mean(fcs_dataset_part(m->data, 0), c) +
                           fcs_dataset_mean(fcs_dataset_part(m->data, 1), c) +
                           fcs_dataset_mean(fcs_dataset_part(m->data, 2), c)) /
                          3);
    for (int i = 0; i < CROPS; i++) {
        crop_means(m, i % 3, "spread", (uint64_t)i, s->pixels, means);
        for (int c = 0; c < m->channels; c++)
            sum[c] += pow((double)means[c] - (double)mean[c], 2);
    }
    for (int c = 0; c < m->channels; c++)
        spread[c] = (float)fmax(sqrt(sum[c] / CROPS), 1e-3);
    fcs_status status = fcs_tensor_set(s->mean, mean);
    return status == FCS_OK ? fcs_tensor_set(s->spread, spread) : status;
}

static fcs_status make_means(fcs_model *m, fcs_slices *s, fcs_error *e)
{
    fcs_shape pixel = fcs_shape_of(1, m->channels, 1, 1, 1);
    s->mean = fcs_model_tensor_of(m, "data.mean", pixel, false, e);
    s->spread = fcs_model_tensor_of(m, "data.spread", pixel, false, e);
    if (!s->mean || !s->spread)
        return FCS_FAILED;
    return m->data ? set_means(m, s) : FCS_OK;
}

static const char *plan_name(int kind)
{
    static const char *const names[FCS_SLICES_KINDS] = {"volumes",
                                                        "generator",
                                                        "spectral norm",
                                                        "measuring statistics",
                                                        "critic x",
                                                        "critic y",
                                                        "critic z",
                                                        "critic x with penalty",
                                                        "critic y with penalty",
                                                        "critic z with penalty"};
    return names[kind];
}

static fcs_status add_plan(fcs_model *m, fcs_slices *s, int kind, fcs_error *e)
{
    if (s->plans[kind])
        return FCS_OK;
    fcs_status status = fcs_slices_plan(m, kind, NULL, &s->plans[kind], e);
    if (status == FCS_OK)
        fcs_training_add_plan(m, s->plans[kind], plan_name(kind));
    return status;
}

/* The critics' plans of a step's i-th critic step. */
static int critic_kind(const fcs_slices *s, int64_t step, int64_t i)
{
    bool penalty =
        fcs_terms_penalize(&s->terms) && (step * s->critic_steps + i) % s->penalty_every == 0;
    return FCS_SLICES_CRITIC + (penalty ? 3 : 0);
}

/* The averaged weights come into being with the generator's step, so the measuring plan comes last.
 */
static fcs_status make_plans(fcs_model *m, fcs_slices *s, fcs_error *e)
{
    fcs_status status = add_plan(m, s, FCS_SLICES_FAKES, e);
    for (int64_t n = 0; n < 2 * s->penalty_every && status == FCS_OK; n++)
        for (int axis = 0; axis < 3 && status == FCS_OK; axis++)
            status =
                add_plan(m, s, critic_kind(s, n / s->critic_steps, n % s->critic_steps) + axis, e);
    if (status == FCS_OK)
        status = add_plan(m, s, FCS_SLICES_GENERATOR, e);
    if (status == FCS_OK && fcs_training_has_spectral(m))
        status = add_plan(m, s, FCS_SLICES_SPECTRAL, e);
    return status == FCS_OK ? add_plan(m, s, FCS_SLICES_MEASURE, e) : status;
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

static void warn(const fcs_model *m, const fcs_slices *s)
{
    enum { LEAST = 32 }; /* Kench and Cooper 2021 */
    int64_t n = s->volumes[0] * s->sections;
    if (n < LEAST)
        fcs_note(m->ctx,
                 "note: the critic sees %lld sections along each axis in a step; fewer than %d may "
                 "leave structures unseen: raise train.sections or train.batch",
                 (long long)n, LEAST);
}

static fcs_status slices_build(fcs_model *m, bool train, fcs_error *e)
{
    fcs_slices *s = fcs_alloc(e, sizeof *s);
    if (!s)
        return FCS_FAILED;
    m->state = s;
    m->free_state = slices_free;
    if (m->channels > FCS_PHASES_MAX)
        return fcs_fail(e, FCS_FAILED, "%d channels are too many, at most %d", m->channels,
                        FCS_PHASES_MAX);
    fcs_status status = read_recipe(m, s, e);
    m->conditions = s->conditions;
    if (status == FCS_OK)
        status = name_losses(m, s, e);
    if (status == FCS_OK && train)
        status = make_tensors(m, s, e);
    if (status == FCS_OK)
        status = make_means(m, s, e);
    if (status != FCS_OK || !train)
        return status == FCS_OK ? make_generator(m, e) : status;
    warn(m, s);
    return make_plans(m, s, e);
}

/* ---- a step ---- */
static fcs_status run_plan(fcs_model *m, fcs_slices *s, int kind, int64_t step, uint64_t run,
                           fcs_error *e)
{
    fcs_status status = fcs_plan_run(s->plans[kind], m->seed, run);
    if (status != FCS_OK || kind == FCS_SLICES_SPECTRAL || kind == FCS_SLICES_FAKES)
        return status;
    return fcs_training_finite(m, s->finite, fcs_slices_plan, kind, plan_name(kind), step, run, e);
}

/* Where sections are taken: one at a random place in each of as many equal parts of the volume; all
 * of them where there are as many as pages. */
static fcs_status set_positions(fcs_model *m, fcs_slices *s, int step, uint64_t number)
{
    int64_t n = s->volumes[step], p = s->sections;
    float *at = fcs_alloc_array(&m->ctx->error, (size_t)(n * p), sizeof *at);
    fcs_status status = at ? FCS_OK : FCS_FAILED;
    for (int axis = 0; axis < 3 && status == FCS_OK; axis++) {
        char name[] = "sections/x";
        name[sizeof name - 2] = (char)('x' + axis);
        uint32_t stream = fcs_random_stream(name);
        int64_t pages = m->size[2 - axis];
        for (int64_t i = 0; i < n * p; i++) {
            int64_t first = i % p * pages / p, end = (i % p + 1) * pages / p;
            at[i] = (float)(first + fcs_random_below(m->seed, number, stream, (uint64_t)i,
                                                     end > first ? end - first : 1));
        }
        status = fcs_tensor_set(s->at[axis][step], at);
    }
    free(at);
    return status;
}

/* What shares the volumes shall have: the data's; or, where the generator is told, those of real
 * crops, one a volume. */
static fcs_status set_targets(fcs_model *m, fcs_slices *s, int step, uint64_t number)
{
    int64_t n = s->volumes[step];
    float *target = fcs_alloc_array(&m->ctx->error, (size_t)(n * m->channels), sizeof *target);
    fcs_status status = target ? fcs_tensor_get(s->mean, target) : FCS_FAILED;
    for (int64_t i = 0; i < n && status == FCS_OK; i++) {
        float *at = target + i * m->channels;
        uint64_t index = number * (uint64_t)n + (uint64_t)i;
        if (s->conditions)
            crop_means(m, (int)(index % 3), "density", index, s->pixels, at);
        else if (i > 0)
            memcpy(at, target, (size_t)m->channels * sizeof *at);
    }
    if (status == FCS_OK)
        status = fcs_tensor_set(s->target[step], target);
    free(target);
    return status;
}

static fcs_status load_reals(fcs_model *m, fcs_slices *s, int axis, int64_t number)
{
    char name[] = "crop/x";
    name[sizeof name - 2] = (char)('x' + axis);
    uint32_t stream = fcs_random_stream(name);
    size_t image = (size_t)(fcs_shape_count(s->real->shape) / s->reals);
    for (int64_t i = 0; i < s->reals; i++)
        fcs_dataset_crop(fcs_dataset_part(m->data, axis), m->seed, stream,
                         (uint64_t)(number * s->reals + i), s->pixels + (size_t)i * image);
    return fcs_tensor_set(s->real, s->pixels);
}

/* What a step logs of its critics: the mean over the axes of each of these numbers. */
static fcs_status add_held(const fcs_model *m, const fcs_slices *s, double *sums)
{
    fcs_status status = FCS_OK;
    for (int i = 0; i < m->n_losses && status == FCS_OK; i++) {
        float value;
        status = fcs_tensor_get(s->terms.held[i], &value);
        sums[i] += status == FCS_OK ? (double)value / 3 : 0;
    }
    return status;
}

static fcs_status critic_step(fcs_model *m, fcs_slices *s, int64_t step, int64_t i, double *sums,
                              fcs_error *e)
{
    uint64_t run = (uint64_t)(step * (s->critic_steps + 1) + i);
    int64_t number = step * s->critic_steps + i;
    /* u and v start at random: a fresh run turns them towards the largest singular vectors first.
     */
    int turns = s->plans[FCS_SLICES_SPECTRAL] ? (number == 0 ? 16 : 1) : 0;
    fcs_status status = FCS_OK;
    for (int n = 0; n < turns && status == FCS_OK; n++)
        status = run_plan(m, s, FCS_SLICES_SPECTRAL, step, 0, e);
    if (status == FCS_OK)
        status = set_positions(m, s, FCS_OF_CRITIC_STEP, run);
    if (status == FCS_OK)
        status = set_targets(m, s, FCS_OF_CRITIC_STEP, run);
    if (status == FCS_OK)
        status = run_plan(m, s, FCS_SLICES_FAKES, step, run, e);
    memset(sums, 0, (size_t)m->n_losses * sizeof *sums);
    for (int axis = 0; axis < 3 && status == FCS_OK; axis++) {
        status = load_reals(m, s, axis, number);
        if (status == FCS_OK)
            status = run_plan(m, s, critic_kind(s, step, i) + axis, step, run, e);
        if (status == FCS_OK)
            status = add_held(m, s, sums);
    }
    return status;
}

static bool of_critic(const fcs_slices *s, int i)
{
    int loss = s->terms.of[i];
    return loss >= 0 ? fcs_losses[loss]->discriminator && !fcs_losses[loss]->generator
                     : i != FCS_SLICES_G && i < FCS_SLICES_HELD;
}

static fcs_status slices_step(fcs_model *m, int64_t step, fcs_error *e)
{
    fcs_slices *s = m->state;
    double sums[FCS_MAX_LOSSES] = {0};
    uint64_t run = (uint64_t)((step + 1) * (s->critic_steps + 1) - 1);
    fcs_status status = m->plans[0]->arena ? FCS_OK : fcs_plan_share(m->plans, m->n_plans, e);
    m->culprit[0] = 0;
    if (status == FCS_OK)
        status = fcs_training_scalar(s->factor[0], fcs_training_rate(m, &s->critics[0], step));
    if (status == FCS_OK)
        status = fcs_training_scalar(s->factor[1], fcs_training_rate(m, &s->generator, step));
    for (int64_t i = 0; i < s->critic_steps && status == FCS_OK; i++)
        status = critic_step(m, s, step, i, sums, e);
    if (status == FCS_OK)
        status = set_positions(m, s, FCS_OF_GENERATOR_STEP, run);
    if (status == FCS_OK)
        status = set_targets(m, s, FCS_OF_GENERATOR_STEP, run);
    if (status == FCS_OK)
        status = run_plan(m, s, FCS_SLICES_GENERATOR, step, run, e);
    fcs_status read = fcs_terms_values(m, &s->terms);
    for (int i = 0; i < m->n_losses && status == FCS_OK; i++)
        if (of_critic(s, i))
            m->losses[i] = sums[i];
    return status == FCS_OK ? read : status;
}

/* ---- measuring ---- */
static fcs_status load_targets(fcs_model *m, int64_t batch)
{
    return set_targets(m, m->state, FCS_OF_CRITIC_STEP, (uint64_t)batch);
}

static fcs_status slices_calibrate(fcs_model *m, fcs_error *e)
{
    fcs_slices *s = m->state;
    return fcs_statistics_measure(&s->statistics, m, s->plans[FCS_SLICES_MEASURE], load_targets, e);
}

/* ---- generating ---- */
static fcs_status slices_generator(fcs_model *m, fcs_graph *g, const int64_t latent_size[3],
                                   fcs_node **out, fcs_tensor **latent, fcs_error *e)
{
    const fcs_slices *s = m->state;
    return fcs_training_generator(m, &s->generator, g, latent_size, out, latent, e);
}

static fcs_status slices_condition(fcs_model *m, const double *shares, int n, fcs_error *e)
{
    const fcs_slices *s = m->state;
    float mean[FCS_PHASES_MAX], spread[FCS_PHASES_MAX];
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += shares[i];
    if (!s->conditions)
        return fcs_fail(e, FCS_FAILED,
                        "density: this run was not taught to take one; train with --set "
                        "latent.density=yes");
    if (n != s->conditions)
        return fcs_fail(e, FCS_FAILED, "density: %d shares given, the run has %d phases", n,
                        s->conditions);
    if (s->differences && fabs(sum - 1) > 1e-3)
        return fcs_fail(e, FCS_FAILED, "density: the shares add up to %g, not 1", sum);
    if (fcs_tensor_get(s->mean, mean) != FCS_OK || fcs_tensor_get(s->spread, spread) != FCS_OK)
        return FCS_FAILED;
    for (int i = 0; i < n; i++)
        m->condition[i] = (float)((shares[i] - (double)mean[i]) / (double)spread[i]);
    return FCS_OK;
}

const fcs_scheme fcs_scheme_slices = {
    .name = "slices",
    .build = slices_build,
    .step = slices_step,
    .calibrate = slices_calibrate,
    .generator = slices_generator,
    .condition = slices_condition,
};
