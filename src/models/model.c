/* model.c: what all training schemes share: tensors by name, the latent, the table of schemes. */
#include "models/model.h"
#include "models/adversarial.h"
#include "models/autoencoder.h"
#include "models/slices.h"
#include "models/training.h"
#include <stdlib.h>
#include <string.h>

const fcs_scheme *const fcs_schemes[] = {&fcs_scheme_adversarial, &fcs_scheme_autoencoder,
                                         &fcs_scheme_slices, NULL};

static fcs_status set_scheme(fcs_model *m, fcs_error *e)
{
    const char *word = fcs_recipe_word(m->recipe, "scheme");
    for (int i = 0; fcs_schemes[i]; i++)
        if (strcmp(fcs_schemes[i]->name, word) == 0)
            m->scheme = fcs_schemes[i];
    return m->scheme ? FCS_OK : fcs_fail(e, FCS_FAILED, "scheme \"%s\": unknown", word);
}

static fcs_status set_channels(fcs_model *m, int channels, fcs_error *e)
{
    int wanted = (int)fcs_recipe_number(m->recipe, "data.channels");
    m->channels = channels;
    if (channels < 1)
        return fcs_fail(e, FCS_FAILED, "a model needs images of at least one channel");
    if (wanted && wanted != channels)
        return fcs_fail(
            e, FCS_FAILED,
            "the images have %d channels, data.channels wants %d; 0 takes what the data has",
            channels, wanted);
    return FCS_OK;
}

/* Checkpoints keep what the data's values were scaled from, for images that are encoded later. */
static fcs_status set_range(fcs_model *m, fcs_error *e)
{
    double from, to;
    if (!m->scheme->encoder)
        return FCS_OK;
    m->range = fcs_model_tensor_of(m, "data.range", fcs_shape_of(1, 3, 1, 1, 1), false, e);
    if (!m->range || !m->data)
        return m->range ? FCS_OK : FCS_FAILED;
    fcs_dataset_range(m->data, &from, &to);
    const float values[3] = {(float)from, (float)to, fcs_dataset_is_float(m->data) ? 1 : 0};
    return fcs_tensor_set(m->range, values);
}

/* And the grey levels of phases, for files with the data's own levels. */
static fcs_status set_levels(fcs_model *m, fcs_error *e)
{
    float level[FCS_PHASES_MAX];
    const fcs_phases *phases = m->data ? fcs_dataset_phases(m->data) : NULL;
    if (strcmp(fcs_recipe_word(m->recipe, "data.phases"), "none") == 0)
        return set_range(m, e);
    if (m->channels > FCS_PHASES_MAX)
        return fcs_fail(e, FCS_FAILED, "%d phases are too many, at most %d", m->channels,
                        FCS_PHASES_MAX);
    m->level =
        fcs_model_tensor_of(m, "data.level", fcs_shape_of(1, m->channels, 1, 1, 1), false, e);
    for (int i = 0; phases && i < phases->n; i++)
        level[i] = (float)phases->label[i];
    return !m->level ? FCS_FAILED : phases ? fcs_tensor_set(m->level, level) : FCS_OK;
}

fcs_status fcs_model_new(fcs_context *ctx, fcs_recipe *r, const fcs_dataset *data, int channels,
                         bool train, fcs_model **out)
{
    fcs_error *e = &ctx->error;
    *out = NULL;
    fcs_model *m = fcs_alloc(e, sizeof *m);
    if (!m)
        return FCS_FAILED;
    m->ctx = ctx;
    m->recipe = r;
    m->data = data;
    m->seed = (uint64_t)fcs_recipe_number(r, "train.seed");
    m->latent_channels = fcs_recipe_latent_channels(r);
    snprintf(m->latent_distribution, sizeof m->latent_distribution, "%s",
             fcs_recipe_word(r, "latent.distribution"));
    m->n_waves = fcs_recipe_waves(r, m->waves);
    fcs_status status = set_scheme(m, e);
    if (status == FCS_OK)
        status = set_channels(m, channels, e);
    if (status == FCS_OK)
        status = set_levels(m, e);
    if (status == FCS_OK)
        status = m->scheme->build(m, train, e);
    if (status != FCS_OK) {
        fcs_model_free(m);
        return status;
    }
    *out = m;
    return FCS_OK;
}

void fcs_model_free(fcs_model *m)
{
    if (!m)
        return;
    fcs_coder_free(m->encoder);
    fcs_coder_free(m->decoder);
    if (m->free_state)
        m->free_state(m);
    for (int i = 0; i < m->n_plans; i++)
        fcs_plan_free(m->plans[i]);
    for (size_t i = 0; i < m->n_tensors; i++)
        fcs_tensor_free(m->tensors[i].tensor);
    free(m->tensors);
    for (int i = 0; i < m->n_waves; i++)
        for (int part = 0; part < 2; part++)
            fcs_tensor_free(m->wave[i][part]);
    free(m);
}

fcs_tensor *fcs_model_tensor_find(const fcs_model *m, const char *name)
{
    for (size_t i = 0; i < m->n_tensors; i++)
        if (strcmp(m->tensors[i].tensor->name, name) == 0)
            return m->tensors[i].tensor;
    return NULL;
}

fcs_tensor *fcs_model_tensor_of(fcs_model *m, const char *name, fcs_shape shape, bool parameter,
                                fcs_error *e)
{
    fcs_tensor *t = fcs_model_tensor_find(m, name);
    if (t && fcs_shape_equal(t->shape, shape))
        return t;
    if (t) {
        char have[96], want[96];
        fcs_shape_text(t->shape, have);
        fcs_shape_text(shape, want);
        fcs_fail(e, FCS_FAILED, "tensor %s is %s, not %s", name, have, want);
        return NULL;
    }
    if (!fcs_grow(e, &m->tensors, &m->tensors_capacity, m->n_tensors + 1, sizeof *m->tensors))
        return NULL;
    t = fcs_tensor_new(m->ctx, name, shape);
    if (t)
        m->tensors[m->n_tensors++] = (fcs_model_tensor_entry){t, parameter};
    return t;
}

static bool fill_normal(const fcs_model *m, fcs_tensor *t, double mean, double std)
{
    size_t n = (size_t)fcs_shape_count(t->shape);
    float *values = fcs_alloc_array(&m->ctx->error, n, sizeof *values);
    if (!values)
        return false;
    if (std != 0)
        fcs_random_normals(m->seed, 0, fcs_random_stream(t->name), 0, n, values);
    for (size_t i = 0; i < n; i++)
        values[i] = (float)(mean + std * (double)values[i]);
    fcs_status status = fcs_tensor_set(t, values);
    free(values);
    return status == FCS_OK;
}

fcs_tensor *fcs_model_source(void *model, const char *name, fcs_shape shape, fcs_role role,
                             double mean, double std)
{
    fcs_model *m = model;
    bool there = fcs_model_tensor_find(m, name) != NULL;
    fcs_tensor *t = fcs_model_tensor_of(m, name, shape, role != FCS_STATE, &m->ctx->error);
    if (!t || there || (mean == 0 && std == 0))
        return t;
    return fill_normal(m, t, mean, std) ? t : NULL;
}

int64_t fcs_model_latent_width(const fcs_model *m)
{
    return m->latent_channels + m->conditions + 2 * m->n_waves;
}

/* The counter is the cell's absolute position, 21 bits an axis; each channel is a stream of its
 * own. */
void fcs_model_latent(const fcs_model *m, uint64_t seed, int64_t realization, const fcs_box *box,
                      const int64_t period[3], float *out)
{
    bool normal = strcmp(m->latent_distribution, "normal") == 0;
    uint32_t stream = fcs_random_stream("latent");
    int64_t at[3];
    for (int64_t c = box->lo[FCS_C]; c < box->hi[FCS_C]; c++)
        for (int64_t z = box->lo[FCS_D]; z < box->hi[FCS_D]; z++)
            for (int64_t y = box->lo[FCS_H]; y < box->hi[FCS_H]; y++)
                for (int64_t x = box->lo[FCS_W]; x < box->hi[FCS_W]; x++) {
                    const int64_t position[3] = {z, y, x};
                    for (int d = 0; d < 3; d++) {
                        int64_t p = period ? period[d] : 0;
                        at[d] = p > 0 ? (position[d] % p + p) % p : position[d];
                    }
                    uint64_t index =
                        (uint64_t)at[0] << 42 | (uint64_t)at[1] << 21 | (uint64_t)at[2];
                    uint32_t of = stream + (uint32_t)c;
                    int64_t told = c - m->latent_channels, wave = told - m->conditions;
                    if (told >= 0) {
                        *out++ = wave < 0 ? m->condition[told]
                                          : fcs_wave_value(m, wave, seed, realization, at, period);
                        continue;
                    }
                    *out++ =
                        normal ? fcs_random_normal(seed, (uint64_t)realization, of, index)
                               : 2 * fcs_random_uniform(seed, (uint64_t)realization, of, index) - 1;
                }
}
