/* evaluate.c: sets of generated pictures beside real ones. */
#include "metrics/evaluate.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const int table_lags[] = {25, 50, 100, 200};
enum { TABLE_LAGS = sizeof table_lags / sizeof table_lags[0], DEFAULT_CROPS = 100 };

/* ---- statistics over the samples of a set; NaN is left out ---- */

typedef struct spread {
    double mean, deviation, low, high;
    int n;
} spread;

static const double *profile_of(const fcs_protocol *p, const fcs_evaluated *set, int sample,
                                const fcs_slot *slot)
{
    return set->profiles + (size_t)sample * p->length + slot->at;
}

static spread spread_at(const fcs_protocol *p, const fcs_evaluated *set, const fcs_slot *slot,
                        int index)
{
    spread s = {NAN, NAN, NAN, NAN, 0};
    double sum = 0, squares = 0;
    for (int i = 0; i < set->crops.n; i++) {
        double v = profile_of(p, set, i, slot)[index];
        if (isnan(v))
            continue;
        s.low = fmin(s.low, v); /* fmin and fmax prefer the number to NaN */
        s.high = fmax(s.high, v);
        sum += v;
        s.n++;
    }
    if (s.n == 0)
        return s;
    s.mean = sum / s.n;
    for (int i = 0; i < set->crops.n; i++) {
        double d = profile_of(p, set, i, slot)[index] - s.mean;
        squares += isnan(d) ? 0 : d * d;
    }
    s.deviation = s.n > 1 ? sqrt(squares / (s.n - 1)) : (double)NAN;
    return s;
}

/* Mean chi-square over all pairs (a, b) of two sets, or of different samples of one. */
static double mean_chi(const fcs_protocol *p, const fcs_evaluated *a, const fcs_evaluated *b,
                       const fcs_slot *slot)
{
    double sum = 0;
    int64_t pairs = 0;
    for (int i = 0; i < a->crops.n; i++)
        for (int k = a == b ? i + 1 : 0; k < b->crops.n; k++, pairs++)
            sum += fcs_chi_square(profile_of(p, a, i, slot), profile_of(p, b, k, slot), slot->n);
    return pairs ? slot->metric->chi_scale * sum / (double)pairs : (double)NAN;
}

/* Percent of the lags 1..max_lag at which the set's mean curve lies between the real crops' lowest
 * and highest. Of the real set itself that is 100, so other crops of the same image say what can be
 * asked for. */
static double mean_inside(const fcs_protocol *p, const fcs_evaluated *set,
                          const fcs_evaluated *real, const fcs_slot *slot)
{
    int inside = 0, lags = 0;
    for (int h = 1; h < slot->n; h++) {
        spread r = spread_at(p, real, slot, h), s = spread_at(p, set, slot, h);
        if (r.n == 0)
            continue;
        lags++;
        inside += s.mean >= r.low && s.mean <= r.high;
    }
    return lags ? 100.0 * inside / lags : (double)NAN;
}

/* Is the value between the lowest and highest of the real curves at lag h, `but` (an index, or -1)
 * left out? */
static bool is_inside(const fcs_protocol *p, const fcs_evaluated *real, const fcs_slot *slot, int h,
                      int but, double v)
{
    bool above = false, below = false;
    for (int i = 0; i < real->crops.n && !(above && below); i++) {
        double r = profile_of(p, real, i, slot)[h];
        above = above || (i != but && v >= r);
        below = below || (i != but && v <= r);
    }
    return above && below;
}

/* The same for each sample's curve, averaged over samples. For the real set each crop is left out
 * of its own envelope. */
static double samples_inside(const fcs_protocol *p, const fcs_evaluated *set,
                             const fcs_evaluated *real, const fcs_slot *slot)
{
    int64_t inside = 0, all = 0;
    for (int h = 1; h < slot->n; h++) {
        if (spread_at(p, real, slot, h).n == 0)
            continue;
        for (int i = 0; i < set->crops.n; i++, all++)
            inside +=
                is_inside(p, real, slot, h, set == real ? i : -1, profile_of(p, set, i, slot)[h]);
    }
    return all ? 100.0 * (double)inside / (double)all : (double)NAN;
}

/* ---- findings ---- */

static fcs_status add_finding(fcs_error *e, fcs_evaluated *set, fcs_finding f)
{
    if (!fcs_grow(e, &set->findings, &set->capacity, set->n_findings + 1, sizeof f))
        return FCS_FAILED;
    set->findings[set->n_findings++] = f;
    return FCS_OK;
}

static fcs_status find_value(fcs_error *e, const fcs_protocol *p, fcs_evaluated *set,
                             const fcs_evaluated *real, const fcs_slot *slot, fcs_at at, int index)
{
    spread s = spread_at(p, set, slot, index), r = spread_at(p, real, slot, index);
    return add_finding(e, set,
                       (fcs_finding){slot, at, index, s.mean, r.mean, r.deviation, r.low, r.high});
}

typedef fcs_status finder(fcs_error *e, const fcs_protocol *p, fcs_evaluated *set,
                          const fcs_evaluated *real, const fcs_slot *slot);

static fcs_status find_scalar(fcs_error *e, const fcs_protocol *p, fcs_evaluated *set,
                              const fcs_evaluated *real, const fcs_slot *slot)
{
    return find_value(e, p, set, real, slot, FCS_AT_VALUE, 0);
}

static fcs_status find_histogram(fcs_error *e, const fcs_protocol *p, fcs_evaluated *set,
                                 const fcs_evaluated *real, const fcs_slot *slot)
{
    double floor = mean_chi(p, real, real, slot);
    return add_finding(
        e, set,
        (fcs_finding){slot, FCS_AT_VALUE, 0, mean_chi(p, set, real, slot), floor, floor, NAN, NAN});
}

static fcs_status find_curve(fcs_error *e, const fcs_protocol *p, fcs_evaluated *set,
                             const fcs_evaluated *real, const fcs_slot *slot)
{
    double own = samples_inside(p, real, real, slot);
    double again = real->again ? mean_inside(p, real->again, real, slot) : (double)NAN;
    fcs_status status =
        add_finding(e, set,
                    (fcs_finding){slot, FCS_AT_MEAN_INSIDE, 0, mean_inside(p, set, real, slot),
                                  again, NAN, NAN, NAN});
    if (status == FCS_OK)
        status = add_finding(e, set,
                             (fcs_finding){slot, FCS_AT_SAMPLES_INSIDE, 0,
                                           samples_inside(p, set, real, slot), own, NAN, NAN, NAN});
    for (int i = 0; i < TABLE_LAGS && status == FCS_OK; i++)
        if (table_lags[i] <= p->max_lag)
            status = find_value(e, p, set, real, slot, FCS_AT_LAG, table_lags[i]);
    return status;
}

static fcs_status find_all(fcs_error *e, const fcs_protocol *p, fcs_evaluated *set,
                           const fcs_evaluated *real)
{
    static finder *const finders[] = {[FCS_METRIC_SCALAR] = find_scalar,
                                      [FCS_METRIC_HISTOGRAM] = find_histogram,
                                      [FCS_METRIC_CURVE] = find_curve};
    fcs_status status = FCS_OK;
    for (int i = 0; i < p->n_slots && status == FCS_OK; i++)
        status = finders[p->slots[i].metric->kind](e, p, set, real, &p->slots[i]);
    return status;
}

const char *fcs_finding_label(const fcs_finding *f, char *buffer, size_t size)
{
    static const char *const labels[] = {NULL, NULL, "share_of_lags_in_envelope_percent",
                                         "share_of_sample_lags_in_envelope_percent"};
    if (f->at == FCS_AT_LAG) {
        snprintf(buffer, size, "lag %d", f->lag);
        return buffer;
    }
    return labels[f->at];
}

static fcs_status make_table(fcs_error *e, const fcs_evaluated *sets, int n, fcs_table **out)
{
    static const char *const columns[] = {"set",   "metric",   "variant",   "phase",
                                          "axis",  "at",       "value",     "real",
                                          "floor", "real_low", "real_high", "definition"};
    static const char *const phases[] = {NULL, "0", "1"};
    fcs_table *t = fcs_table_new(e, columns, (int)(sizeof columns / sizeof columns[0]));
    fcs_status status = t ? FCS_OK : FCS_FAILED;
    char buffer[40];
    for (int s = 1; s < n; s++)
        for (size_t i = 0; i < sets[s].n_findings && status == FCS_OK; i++) {
            const fcs_finding *f = &sets[s].findings[i];
            const char axis[2] = {f->slot->axis, 0};
            status = fcs_table_add(e, t, "ssssssddddds", sets[s].set.name, f->slot->metric->name,
                                   f->slot->thresholded ? "thresholded" : "raw",
                                   phases[f->slot->phase + 1], axis[0] ? axis : NULL,
                                   fcs_finding_label(f, buffer, sizeof buffer), f->value, f->real,
                                   f->floor, f->low, f->high, f->slot->metric->definition);
        }
    if (status == FCS_OK)
        *out = t;
    else
        fcs_table_free(t);
    return status;
}

/* ---- the whole ---- */

/* A volume is compared with volumes; else every page is a sample. */
static fcs_status choose_volumes(fcs_error *e, const fcs_evaluated *sets, int n, bool *volumes)
{
    const fcs_set *real = &sets[0].set;
    *volumes = real->n == 1 && real->sources[0].image->depth > 1;
    for (int s = 1; s < n && *volumes; s++)
        for (size_t i = 0; i < sets[s].set.n; i++)
            if (sets[s].set.sources[i].image->depth == 1)
                return fcs_fail(
                    e, FCS_FAILED,
                    "%s: single pages, but %s is a volume: compare volumes with volumes, or "
                    "give one page as the real image",
                    sets[s].set.name, real->name);
    return FCS_OK;
}

static fcs_status choose_box(fcs_error *e, const fcs_evaluated *sets, int n, bool volumes,
                             const fcs_evaluate_options *o, fcs_protocol *p)
{
    if (o->crop < 0 || o->crops < 0 || o->max_lag < 0)
        return fcs_fail(
            e, FCS_FAILED,
            "evaluate: a negative number of crops, crop side or lag: use 0 for the default");
    int64_t side = o->crop ? o->crop : INT64_MAX;
    p->box = (fcs_box){side, side, side};
    for (int s = 0; s < n; s++)
        fcs_set_limit(&sets[s].set, &p->box);
    if (!volumes)
        p->box.depth = 1;
    int64_t least = p->box.width < p->box.height ? p->box.width : p->box.height;
    if (volumes && p->box.depth < least)
        least = p->box.depth;
    if (least < 2)
        return fcs_fail(e, FCS_FAILED, "evaluate: crops of %lld x %lld pixels: give larger images",
                        (long long)p->box.width, (long long)p->box.height);
    p->max_lag = o->max_lag ? o->max_lag : (int)(least / 2 < 100000 ? least / 2 : 100000);
    if (p->max_lag >= least)
        p->max_lag = (int)least - 1;
    return FCS_OK;
}

static fcs_status choose_rest(fcs_error *e, const fcs_evaluate_options *o, bool volumes,
                              fcs_protocol *p)
{
    int few = volumes ? 6 : 4, many = volumes ? 26 : 8;
    if (o->neighbours != 0 && o->neighbours != few && o->neighbours != many)
        return fcs_fail(e, FCS_FAILED, "evaluate: %d neighbours: use %d or %d for %s",
                        o->neighbours, few, many, volumes ? "volumes" : "images");
    if (!(o->threshold >= 0 && o->threshold < 1))
        return fcs_fail(e, FCS_FAILED, "evaluate: threshold %g: use a value between 0 and 1",
                        o->threshold);
    p->all_neighbours = o->neighbours == many;
    p->threshold = o->threshold > 0 ? o->threshold : 0.5;
    return fcs_protocol_make(e, o->metrics, p);
}

static fcs_status measure_set(fcs_context *ctx, const fcs_protocol *p, bool volumes,
                              const fcs_evaluate_options *o, uint64_t number, fcs_evaluated *set)
{
    if (ctx->interrupted)
        return fcs_fail(&ctx->error, FCS_INTERRUPTED, "evaluate: stopped on request");
    int wanted = o->crops ? o->crops : DEFAULT_CROPS;
    /* Each set its own places: equal ones would compare a set with itself. */
    fcs_status status = fcs_set_crops(&ctx->error, &set->set, p->box, volumes, wanted,
                                      o->seed + number, &set->crops);
    return status == FCS_OK ? fcs_measure_crops(ctx, p, &set->crops, &set->profiles) : status;
}

static bool has_curves(const fcs_protocol *p)
{
    for (int i = 0; i < p->n_slots; i++)
        if (p->slots[i].metric->kind == FCS_METRIC_CURVE)
            return true;
    return false;
}

/* again: of the real set, its places numbered after those of all sets. */
static fcs_status measure_all(fcs_context *ctx, const fcs_protocol *p, bool volumes,
                              const fcs_evaluate_options *o, fcs_evaluated *sets, int n,
                              fcs_evaluated *again)
{
    fcs_status status = FCS_OK;
    for (int s = 0; s < n && status == FCS_OK; s++)
        status = measure_set(ctx, p, volumes, o, (uint64_t)s, &sets[s]);
    if (status != FCS_OK || !sets[0].crops.drawn || !has_curves(p))
        return status;
    again->set = sets[0].set;
    sets[0].again = again;
    return measure_set(ctx, p, volumes, o, (uint64_t)n, again);
}

static fcs_status evaluate_sets(fcs_context *ctx, fcs_protocol *p, fcs_evaluated *sets, int n,
                                const fcs_evaluate_options *o, fcs_table **out)
{
    bool volumes = false;
    fcs_error *e = &ctx->error;
    fcs_evaluated again = {0};
    fcs_status status = choose_volumes(e, sets, n, &volumes);
    if (status == FCS_OK)
        status = choose_box(e, sets, n, volumes, o, p);
    if (status == FCS_OK)
        status = choose_rest(e, o, volumes, p);
    if (status == FCS_OK)
        status = measure_all(ctx, p, volumes, o, sets, n, &again);
    for (int s = 1; s < n && status == FCS_OK; s++)
        status = find_all(e, p, &sets[s], &sets[0]);
    if (status == FCS_OK && o->html)
        status = fcs_evaluate_page(e, p, sets, n, o->html);
    free(again.crops.values);
    free(again.profiles);
    return status == FCS_OK ? make_table(e, sets, n, out) : status;
}

fcs_status fcs_evaluate(fcs_context *ctx, const char *real, const char *const *generated, int n,
                        const fcs_evaluate_options *options, fcs_table **out)
{
    static const fcs_evaluate_options defaults;
    if (n < 1)
        return fcs_fail(&ctx->error, FCS_FAILED,
                        "evaluate: nothing to compare with %s: name generated images", real);
    fcs_evaluated *sets = fcs_alloc_array(&ctx->error, (size_t)n + 1, sizeof *sets);
    fcs_protocol protocol = {0};
    fcs_status status = sets ? fcs_set_read(ctx, real, &sets[0].set) : FCS_FAILED;
    for (int s = 0; s < n && status == FCS_OK; s++)
        status = fcs_set_read(ctx, generated[s], &sets[s + 1].set);
    if (status == FCS_OK)
        status = evaluate_sets(ctx, &protocol, sets, n + 1, options ? options : &defaults, out);
    for (int s = 0; sets && s <= n; s++) {
        fcs_set_free(&sets[s].set);
        free(sets[s].crops.values);
        free(sets[s].profiles);
        free(sets[s].findings);
    }
    free(sets);
    free(protocol.slots);
    return status;
}
