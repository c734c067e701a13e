/* measure.c: all selected metrics of a sample, as one row of numbers (its profile). */
#include "metrics/evaluate.h"
#include <stdlib.h>
#include <string.h>

static fcs_status add_slot(fcs_error *e, fcs_protocol *p, size_t *capacity, fcs_slot slot)
{
    if (!fcs_grow(e, &p->slots, capacity, (size_t)p->n_slots + 1, sizeof *p->slots))
        return FCS_FAILED;
    slot.n = slot.metric->bins ? slot.metric->bins : p->max_lag + 1;
    slot.at = p->length;
    p->slots[p->n_slots++] = slot;
    p->length += (size_t)slot.n;
    return FCS_OK;
}

static fcs_status add_metric(fcs_error *e, fcs_protocol *p, size_t *capacity, const fcs_metric *m)
{
    static const char axes[] = "xyz";
    int n_axes = m->kind != FCS_METRIC_CURVE ? 1 : p->box.depth > 1 ? 3 : 2;
    fcs_status status = FCS_OK;
    for (int thresholded = m->raw ? 0 : 1; thresholded < 2; thresholded++)
        for (int phase = m->by_phase ? 0 : -1; phase < (m->by_phase ? 2 : 0); phase++)
            for (int a = 0; a < n_axes && status == FCS_OK; a++)
                status =
                    add_slot(e, p, capacity,
                             (fcs_slot){.metric = m,
                                        .thresholded = thresholded,
                                        .phase = phase,
                                        .axis = (char)(m->kind == FCS_METRIC_CURVE ? axes[a] : 0)});
    return status;
}

/* Does the word (n bytes) select the name: is it the name or how it begins? */
static bool selects(const char *word, size_t n, const char *name)
{
    return n > 0 && strncmp(word, name, n) == 0;
}

static bool listed(const char *words, const char *name)
{
    for (const char *at = words; *at;) {
        size_t n = strcspn(at, ",");
        if (selects(at, n, name))
            return true;
        at += n + (at[n] == ',');
    }
    return false;
}

static fcs_status check_word(fcs_error *e, const char *word, size_t n)
{
    const char *names[64];
    char copy[80];
    for (int i = 0; i < fcs_metric_count; i++) {
        names[i] = fcs_metrics[i].name;
        if (selects(word, n, names[i]))
            return FCS_OK;
    }
    snprintf(copy, sizeof copy, "%.*s", (int)(n < 79 ? n : 79), word);
    const char *near = fcs_nearest(copy, names, fcs_metric_count);
    return fcs_fail(e, FCS_FAILED, "metrics: no metric \"%s\"%s%s%s: see `facies list metrics`",
                    copy, near ? ", did you mean \"" : "", near ? near : "", near ? "\"" : "");
}

fcs_status fcs_protocol_make(fcs_error *e, const char *names, fcs_protocol *p)
{
    fcs_status status = FCS_OK;
    size_t capacity = 0;
    for (const char *at = names; at && *at && status == FCS_OK;) {
        size_t n = strcspn(at, ",");
        status = check_word(e, at, n);
        at += n + (at[n] == ',');
    }
    for (int i = 0; i < fcs_metric_count && status == FCS_OK; i++)
        if (!names || listed(names, fcs_metrics[i].name))
            status = add_metric(e, p, &capacity, &fcs_metrics[i]);
    if (status == FCS_OK && p->n_slots == 0)
        status = fcs_fail(e, FCS_FAILED, "metrics: none selected: see `facies list metrics`");
    return status;
}

/* ---- one sample ---- */

/* Scalars and histograms: the mean over the pages of a sample. */
static fcs_status measure_pages(fcs_error *e, const fcs_protocol *p, const fcs_slot *slot,
                                const float *values, double *out)
{
    double *one = fcs_alloc_array(e, (size_t)slot->n, sizeof *one);
    fcs_status status = one ? FCS_OK : FCS_FAILED;
    memset(out, 0, (size_t)slot->n * sizeof *out);
    for (int64_t z = 0; z < p->box.depth && status == FCS_OK; z++) {
        fcs_page_view page = {values + z * p->box.width * p->box.height, p->box.width,
                              p->box.height};
        status = slot->metric->measure(e, &page, slot->phase, one);
        for (int i = 0; i < slot->n && status == FCS_OK; i++)
            out[i] += one[i] / (double)p->box.depth;
    }
    free(one);
    return status;
}

/* Curves of one phase: labels once, then all axes and definitions that are asked for. */
static fcs_status measure_curves(fcs_error *e, const fcs_protocol *p, const uint32_t *labels,
                                 int phase, double *profile)
{
    static const char axes[] = "xyz";
    fcs_status status = FCS_OK;
    for (int a = 0; a < 3 && status == FCS_OK; a++) {
        double *curves[3] = {NULL, NULL, NULL};
        for (int i = 0; i < p->n_slots; i++)
            if (p->slots[i].axis == axes[a] && p->slots[i].phase == phase)
                curves[p->slots[i].metric->curve] = profile + p->slots[i].at;
        if (curves[0] || curves[1] || curves[2])
            status = fcs_curves(e, labels, p->box.width, p->box.height, p->box.depth, axes[a],
                                p->max_lag, curves[0], curves[1], curves[2]);
    }
    return status;
}

static bool has_curves(const fcs_protocol *p)
{
    for (int i = 0; i < p->n_slots; i++)
        if (p->slots[i].metric->kind == FCS_METRIC_CURVE)
            return true;
    return false;
}

static fcs_status measure_phases(fcs_error *e, const fcs_protocol *p, const float *phases, size_t n,
                                 double *profile)
{
    unsigned char *mask = fcs_alloc(e, n);
    uint32_t count, *labels = fcs_alloc_array(e, n, sizeof *labels);
    fcs_status status = mask && labels ? FCS_OK : FCS_FAILED;
    for (int phase = 0; phase < 2 && status == FCS_OK; phase++) {
        for (size_t i = 0; i < n; i++)
            mask[i] = (phases[i] > 0.5f) == phase;
        status = fcs_label(e, mask, p->box.width, p->box.height, p->box.depth, p->all_neighbours,
                           labels, &count);
        if (status == FCS_OK)
            status = measure_curves(e, p, labels, phase, profile);
    }
    free(mask);
    free(labels);
    return status;
}

static fcs_status measure_sample(fcs_error *e, const fcs_protocol *p, const float *values,
                                 double *profile)
{
    size_t n = (size_t)(p->box.width * p->box.height * p->box.depth);
    float *phases = fcs_alloc_array(e, n, sizeof *phases);
    if (!phases)
        return FCS_FAILED;
    for (size_t i = 0; i < n; i++)
        phases[i] = (double)values[i] > p->threshold ? 1 : 0;
    fcs_status status = FCS_OK;
    for (int i = 0; i < p->n_slots && status == FCS_OK; i++)
        if (p->slots[i].metric->measure)
            status = measure_pages(e, p, &p->slots[i], p->slots[i].thresholded ? phases : values,
                                   profile + p->slots[i].at);
    if (status == FCS_OK && has_curves(p))
        status = measure_phases(e, p, phases, n, profile);
    free(phases);
    return status;
}

/* ---- all samples, in parallel: each writes its own profile ---- */

typedef struct job {
    const fcs_protocol *protocol;
    const fcs_crops *crops;
    double *profiles;
    fcs_error *errors; /* one per thread */
} job;

static void measure_some(void *arg, int64_t begin, int64_t end, int thread)
{
    const job *j = arg;
    int64_t length = j->crops->box.width * j->crops->box.height * j->crops->box.depth;
    for (int64_t i = begin; i < end && j->errors[thread].status == FCS_OK; i++)
        measure_sample(&j->errors[thread], j->protocol, j->crops->values + i * length,
                       j->profiles + (size_t)i * j->protocol->length);
}

fcs_status fcs_measure_crops(fcs_context *ctx, const fcs_protocol *p, const fcs_crops *crops,
                             double **profiles)
{
    int threads = fcs_team_size(ctx->team);
    job j = {p, crops, NULL, NULL};
    j.profiles = fcs_alloc_array(&ctx->error, (size_t)crops->n, p->length * sizeof *j.profiles);
    j.errors = fcs_alloc_array(&ctx->error, (size_t)threads, sizeof *j.errors);
    fcs_status status = j.profiles && j.errors ? FCS_OK : FCS_FAILED;
    if (status == FCS_OK)
        fcs_parallel(ctx->team, crops->n, 1, measure_some, &j);
    for (int t = 0; t < threads && status == FCS_OK; t++)
        if (j.errors[t].status != FCS_OK)
            status = fcs_fail(&ctx->error, j.errors[t].status, "%s", j.errors[t].message);
    free(j.errors);
    *profiles = j.profiles;
    return status;
}
