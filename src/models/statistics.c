/* statistics.c: frozen normalization statistics, measured over batches for generation. */
#include "models/training.h"
#include <stdlib.h>
#include <string.h>

void fcs_statistics_free(fcs_statistics *s)
{
    for (int i = 0; s->measured && i < 2 * s->n; i++)
        fcs_tensor_free(s->measured[i]);
    free(s->measured);
    free(s->of);
    *s = (fcs_statistics){0};
}

/* Appends the builder's statistics to the list. */
static fcs_status append(fcs_statistics *s, const fcs_builder *b)
{
    size_t n = (size_t)s->n + b->n_statistics;
    fcs_net_statistic *of = fcs_alloc_array(b->error, n, sizeof *of);
    fcs_tensor **measured = fcs_alloc_array(b->error, 2 * n, sizeof *measured);
    if (!of || !measured) {
        free(of);
        free(measured);
        return FCS_FAILED;
    }
    if (s->n) {
        memcpy(of, s->of, (size_t)s->n * sizeof *of);
        memcpy(measured, s->measured, 2 * (size_t)s->n * sizeof *measured);
    }
    memcpy(of + s->n, b->statistics, b->n_statistics * sizeof *of);
    free(s->of);
    free(s->measured);
    s->of = of;
    s->measured = measured;
    s->n = (int)n;
    return FCS_OK;
}

fcs_status fcs_statistics_add(fcs_statistics *s, const fcs_builder *b)
{
    int first = s->n;
    if (b->n_statistics && append(s, b) != FCS_OK)
        return FCS_FAILED;
    for (int i = 2 * first; i < 2 * s->n; i++) {
        const fcs_net_statistic *of = &s->of[i / 2];
        s->measured[i] = fcs_tensor_new(b->graph->ctx, "measured", of->mean->shape);
        if (fcs_assign(b->graph, s->measured[i], i % 2 ? of->variance : of->mean) != FCS_OK)
            return FCS_FAILED;
    }
    return FCS_OK;
}

/* One statistic of a batch, added to its sums: mean, mean of squared means, variance. */
static fcs_status add_batch(const fcs_statistics *all, int s, float *values, double *sums)
{
    int64_t channels = all->of[s].frozen_mean->shape.n[FCS_C];
    fcs_status status = fcs_tensor_get(all->measured[2 * s], values);
    if (status == FCS_OK)
        status = fcs_tensor_get(all->measured[2 * s + 1], values + channels);
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

static fcs_status sum_batches(fcs_statistics *all, fcs_model *m, fcs_plan *p,
                              fcs_statistics_load *load, int batches, double *sums, float *values)
{
    fcs_status status = FCS_OK;
    for (int b = 0; b < batches && status == FCS_OK; b++) {
        double *at = sums;
        status = load ? load(m, b) : FCS_OK;
        if (status == FCS_OK)
            status = fcs_plan_run(p, m->seed, (uint64_t)b);
        for (int s = 0; s < all->n && status == FCS_OK; s++) {
            status = add_batch(all, s, values, at);
            at += 3 * all->of[s].frozen_mean->shape.n[FCS_C];
        }
    }
    return status;
}

fcs_status fcs_statistics_measure(fcs_statistics *all, fcs_model *m, fcs_plan *p,
                                  fcs_statistics_load *load, fcs_error *e)
{
    int batches = (int)fcs_recipe_number(m->recipe, "train.calibration");
    size_t channels = 0, widest = 0;
    for (int s = 0; s < all->n; s++) {
        size_t n = (size_t)all->of[s].frozen_mean->shape.n[FCS_C];
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
    if (status == FCS_OK)
        status = sum_batches(all, m, p, load, batches, sums, values);
    const double *at = sums;
    for (int s = 0; s < all->n && status == FCS_OK; s++) {
        status = set_frozen(&all->of[s], at, batches, values);
        at += 3 * all->of[s].frozen_mean->shape.n[FCS_C];
    }
    free(sums);
    free(values);
    return status;
}
