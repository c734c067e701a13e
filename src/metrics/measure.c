/* measure.c: all selected metrics of a sample, as one row of numbers (its profile). */
#include "metrics/evaluate.h"
#include "metrics/features.h"
#include <stdlib.h>
#include <string.h>

static fcs_status add_slot(fcs_error *e, fcs_protocol *p, size_t *capacity, fcs_slot slot)
{
    if (!fcs_grow(e, &p->slots, capacity, (size_t)p->n_slots + 1, sizeof *p->slots))
        return FCS_FAILED;
    slot.n = slot.metric->bins                     ? slot.metric->bins
             : slot.metric->kind == FCS_METRIC_SET ? 0
                                                   : p->max_lag + 1;
    slot.at = p->length;
    p->slots[p->n_slots++] = slot;
    p->length += (size_t)slot.n;
    return FCS_OK;
}

static fcs_status add_metric(fcs_error *e, fcs_protocol *p, size_t *capacity, const fcs_metric *m)
{
    static const char axes[] = "xyz";
    int n_axes = !m->by_axis ? 1 : p->box.depth > 1 && !m->trace ? 3 : 2;
    int n_phases = m->by_phase ? p->phases.n : 1;
    int from = m->raw || m->only_raw ? 0 : 1, to = m->only_raw ? 1 : 2;
    fcs_status status = FCS_OK;
    if ((m->of_features && !p->features) || (m->between && p->box.depth > 1))
        return FCS_OK;
    for (int thresholded = from; thresholded < to; thresholded++)
        for (int phase = 0; phase < n_phases; phase++)
            for (int a = 0; a < n_axes && status == FCS_OK; a++)
                status = add_slot(
                    e, p, capacity,
                    (fcs_slot){.metric = m,
                               .thresholded = thresholded,
                               .phase = m->by_phase ? phase : -1,
                               .axis = (char)(m->by_axis ? axes[a] : 0),
                               .net = m->of_features ? fcs_features_net(p->features)->name : NULL});
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
        if ((!names || listed(names, fcs_metrics[i].name)) &&
            (p->whole ? fcs_metrics[i].whole : !fcs_metrics[i].only_whole))
            status = add_metric(e, p, &capacity, &fcs_metrics[i]);
    if (status == FCS_OK && p->n_slots == 0 && !names)
        status = fcs_fail(e, FCS_FAILED, "metrics: none selected: see `facies list metrics`");
    return status;
}

/* ---- one sample ---- */

typedef struct sample {
    const fcs_protocol *protocol;
    const fcs_crops *crops;
    int index;
    double *profile;
    unsigned char *phases; /* of all pixels */
    uint32_t *labels;      /* of one phase */
    double *one;           /* of one page: the values of a slot */
} sample;

/* Scalars, histograms and curves of grey pages: the mean over the pages of a sample. */
static fcs_status measure_page(fcs_error *e, const sample *s, const float *values, bool thresholded)
{
    const fcs_protocol *p = s->protocol;
    const fcs_box *box = &s->crops->box;
    fcs_page_view page = {values, box->width, box->height};
    fcs_status status = FCS_OK;
    for (int i = 0; i < p->n_slots && status == FCS_OK; i++) {
        const fcs_slot *slot = &p->slots[i];
        const fcs_metric *m = slot->metric;
        if ((!m->measure && !m->trace) || slot->thresholded != thresholded)
            continue;
        status = m->trace ? m->trace(e, &page, slot->axis, slot->n, s->one)
                          : m->measure(e, &page, slot->phase, s->one);
        for (int k = 0; k < slot->n && status == FCS_OK; k++)
            s->profile[slot->at + (size_t)k] += s->one[k] / (double)box->depth;
    }
    return status;
}

/* Measures page after page and keeps the phases. */
static fcs_status measure_pages(fcs_error *e, const sample *s)
{
    const fcs_protocol *p = s->protocol;
    const fcs_box *box = &s->crops->box;
    size_t n = (size_t)(box->width * box->height);
    float *page = fcs_alloc_array(e, n, sizeof *page);
    fcs_status status = page ? FCS_OK : FCS_FAILED;
    for (int64_t z = 0; z < box->depth && status == FCS_OK; z++) {
        unsigned char *phases = s->phases + (size_t)z * n;
        fcs_crop_page(s->crops, s->index, z, page);
        status = measure_page(e, s, page, false);
        for (size_t i = 0; i < n; i++) {
            phases[i] = fcs_phase_of(&p->phases, page[i]);
            page[i] = (float)phases[i] / (float)(p->phases.n - 1);
        }
        if (status == FCS_OK)
            status = measure_page(e, s, page, true);
    }
    free(page);
    return status;
}

/* Curves of one phase: labels once, then all axes and definitions that are asked for. */
static fcs_status measure_curves(fcs_error *e, const sample *s, int phase)
{
    static const char axes[] = "xyz";
    const fcs_protocol *p = s->protocol;
    const fcs_box *box = &s->crops->box;
    fcs_status status = FCS_OK;
    for (int a = 0; a < 3 && status == FCS_OK; a++) {
        double *curves[3] = {NULL, NULL, NULL};
        for (int i = 0; i < p->n_slots; i++)
            if (p->slots[i].metric->kind == FCS_METRIC_CURVE && p->slots[i].axis == axes[a] &&
                p->slots[i].phase == phase)
                curves[p->slots[i].metric->curve] = s->profile + p->slots[i].at;
        if (curves[0] || curves[1] || curves[2])
            status = fcs_curves(e, s->labels, box->width, box->height, box->depth, axes[a],
                                p->max_lag, curves[0], curves[1], curves[2]);
    }
    return status;
}

/* What is measured on phases: all of one phase. */
static fcs_status measure_phase(fcs_error *e, const sample *s, int phase, size_t n)
{
    const fcs_protocol *p = s->protocol;
    const fcs_box *box = &s->crops->box;
    const fcs_phase_view view = {s->phases,  box->width, box->height,
                                 box->depth, s->labels,  p->period};
    fcs_status status = FCS_OK;
    if (s->labels) {
        unsigned char *mask = fcs_alloc(e, n);
        uint32_t count;
        for (size_t i = 0; mask && i < n; i++)
            mask[i] = s->phases[i] == phase;
        status = mask ? fcs_label(e, mask, box->width, box->height, box->depth, p->all_neighbours,
                                  s->labels, &count)
                      : FCS_FAILED;
        free(mask);
        if (status == FCS_OK)
            status = measure_curves(e, s, phase);
    }
    for (int i = 0; i < p->n_slots && status == FCS_OK; i++)
        if (p->slots[i].metric->measure_phases && p->slots[i].phase == phase)
            status = p->slots[i].metric->measure_phases(e, &view, phase, p->slots[i].axis,
                                                        s->profile + p->slots[i].at);
    return status;
}

static bool needs_labels(const fcs_protocol *p)
{
    for (int i = 0; i < p->n_slots; i++)
        if (p->slots[i].metric->by_axis && p->slots[i].metric->by_phase)
            return true;
    return false;
}

static size_t longest_slot(const fcs_protocol *p)
{
    int n = 0;
    for (int i = 0; i < p->n_slots; i++)
        n = p->slots[i].n > n ? p->slots[i].n : n;
    return (size_t)n;
}

static fcs_status measure_sample(fcs_error *e, const fcs_protocol *p, const fcs_crops *crops,
                                 int index, double *profile)
{
    size_t n = (size_t)(crops->box.width * crops->box.height * crops->box.depth);
    sample s = {p, crops, index, profile, fcs_alloc(e, n), NULL, NULL};
    s.one = fcs_alloc_array(e, longest_slot(p) + 1, sizeof *s.one);
    if (s.phases && needs_labels(p))
        s.labels = fcs_alloc_array(e, n, sizeof *s.labels);
    fcs_status status = s.phases && s.one && (s.labels || !needs_labels(p)) ? FCS_OK : FCS_FAILED;
    if (status == FCS_OK)
        status = measure_pages(e, &s);
    for (int phase = 0; phase < p->phases.n && status == FCS_OK; phase++)
        status = measure_phase(e, &s, phase, n);
    free(s.phases);
    free(s.labels);
    free(s.one);
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
    for (int64_t i = begin; i < end && j->errors[thread].status == FCS_OK; i++)
        measure_sample(&j->errors[thread], j->protocol, j->crops, (int)i,
                       j->profiles + (size_t)i * j->protocol->length);
}

fcs_status fcs_measure_crops(fcs_context *ctx, const fcs_protocol *p, const fcs_crops *crops,
                             double **profiles)
{
    int threads = fcs_team_size(ctx->team);
    job j = {p, crops, NULL, NULL};
    j.profiles =
        fcs_alloc_array(&ctx->error, (size_t)crops->n, (p->length + 1) * sizeof *j.profiles);
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
