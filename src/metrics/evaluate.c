/* evaluate.c: sets of generated pictures beside real ones. */
#include "metrics/evaluate.h"
#include "metrics/features.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const int table_lags[] = {10, 25, 50, 100, 200};
enum { TABLE_LAGS = sizeof table_lags / sizeof table_lags[0], DEFAULT_CROPS = 100 };
enum {
    MOST_PAIRED = 400
}; /* samples that are compared with all of a set: pairs grow with its square */

/* ---- statistics over the samples of a set; NaN is left out ---- */

typedef struct spread {
    double mean, deviation, low, high;
    int n;
} spread;

/* Of value number `at` of n profiles. */
static spread spread_of(const double *profiles, int n, size_t length, size_t at)
{
    spread s = {NAN, NAN, NAN, NAN, 0};
    double sum = 0, squares = 0;
    for (int i = 0; i < n; i++) {
        double v = profiles[(size_t)i * length + at];
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
    for (int i = 0; i < n; i++) {
        double d = profiles[(size_t)i * length + at] - s.mean;
        squares += isnan(d) ? 0 : d * d;
    }
    s.deviation = s.n > 1 ? sqrt(squares / (s.n - 1)) : (double)NAN;
    return s;
}

static const double *profile_of(const fcs_protocol *p, const fcs_evaluated *set, int sample,
                                const fcs_slot *slot)
{
    return set->profiles + (size_t)sample * p->length + slot->at;
}

static spread spread_at(const fcs_protocol *p, const fcs_evaluated *set, const fcs_slot *slot,
                        int index)
{
    return spread_of(set->profiles, set->crops.n, p->length, slot->at + (size_t)index);
}

/* Of so many samples each such one is paired. */
static int every_of(const fcs_evaluated *set)
{
    return (set->crops.n + MOST_PAIRED - 1) / MOST_PAIRED;
}

/* Mean chi-square over all pairs (a, b) of two sets, or of different samples of one. */
static double mean_chi(const fcs_protocol *p, const fcs_evaluated *a, const fcs_evaluated *b,
                       const fcs_slot *slot)
{
    double sum = 0;
    int64_t pairs = 0;
    int da = every_of(a), db = every_of(b);
    for (int i = 0; i < a->crops.n; i += da)
        for (int k = a == b ? i + db : 0; k < b->crops.n; k += db, pairs++)
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
        for (int i = 0; i < set->crops.n; i += every_of(set), all++)
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

typedef fcs_status finder(fcs_context *ctx, const fcs_protocol *p, fcs_evaluated *set,
                          const fcs_evaluated *real, const fcs_slot *slot);

static fcs_status find_scalar(fcs_context *ctx, const fcs_protocol *p, fcs_evaluated *set,
                              const fcs_evaluated *real, const fcs_slot *slot)
{
    return find_value(&ctx->error, p, set, real, slot, FCS_AT_VALUE, 0);
}

static fcs_status find_histogram(fcs_context *ctx, const fcs_protocol *p, fcs_evaluated *set,
                                 const fcs_evaluated *real, const fcs_slot *slot)
{
    double floor = mean_chi(p, real, real, slot);
    return add_finding(
        &ctx->error, set,
        (fcs_finding){slot, FCS_AT_VALUE, 0, mean_chi(p, set, real, slot), floor, floor, NAN, NAN});
}

static fcs_status find_curve(fcs_context *ctx, const fcs_protocol *p, fcs_evaluated *set,
                             const fcs_evaluated *real, const fcs_slot *slot)
{
    fcs_error *e = &ctx->error;
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

static fcs_status find_between(fcs_context *ctx, const fcs_protocol *p, fcs_evaluated *set,
                               const fcs_evaluated *real, const fcs_slot *slot)
{
    fcs_finding f = {slot, FCS_AT_VALUE, 0, NAN, NAN, NAN, NAN, NAN};
    (void)p;
    fcs_status status = slot->metric->between(ctx, set, real, &f);
    return status == FCS_OK ? add_finding(&ctx->error, set, f) : status;
}

static fcs_status find_all(fcs_context *ctx, const fcs_protocol *p, fcs_evaluated *set,
                           const fcs_evaluated *real)
{
    static finder *const finders[] = {[FCS_METRIC_SCALAR] = find_scalar,
                                      [FCS_METRIC_HISTOGRAM] = find_histogram,
                                      [FCS_METRIC_CURVE] = find_curve,
                                      [FCS_METRIC_SET] = find_between};
    fcs_status status = FCS_OK;
    for (int i = 0; i < p->n_slots && status == FCS_OK; i++)
        status = finders[p->slots[i].metric->kind](ctx, p, set, real, &p->slots[i]);
    return status;
}

/* The set's whole volumes beside the real one, if that is a volume; its eighths tell how far parts
 * of it differ. */
static fcs_status find_whole(fcs_error *e, const fcs_protocol *p, fcs_evaluated *set,
                             const fcs_evaluated *real, const fcs_slot *slot, fcs_at at, int index)
{
    size_t i = slot->at + (size_t)index;
    spread r = spread_of(real->eighths, real->n_eighths, p->length, i);
    return add_finding(e, set,
                       (fcs_finding){slot, at, index, set->whole[i],
                                     real->whole ? real->whole[i] : (double)NAN, r.deviation, r.low,
                                     r.high});
}

static fcs_status find_all_whole(fcs_error *e, const fcs_protocol *p, fcs_evaluated *set,
                                 const fcs_evaluated *real)
{
    fcs_status status = FCS_OK;
    for (int i = 0; i < p->n_slots && set->whole; i++) {
        const fcs_slot *slot = &p->slots[i];
        if (slot->metric->kind != FCS_METRIC_CURVE)
            status = find_whole(e, p, set, real, slot, FCS_AT_WHOLE, 0);
        for (int k = 0; k < TABLE_LAGS && slot->metric->kind == FCS_METRIC_CURVE; k++)
            if (table_lags[k] <= p->max_lag && status == FCS_OK)
                status = find_whole(e, p, set, real, slot, FCS_AT_WHOLE_LAG, table_lags[k]);
        if (status)
            return status;
    }
    return status;
}

/* One line a volume: do the axes agree, does anything repeat? */
static void tell_verdicts(fcs_context *ctx, const fcs_evaluated *set)
{
    double isotropy = NAN, period = NAN;
    for (size_t i = 0; i < set->n_findings; i++) {
        const fcs_finding *f = &set->findings[i];
        const char *name = f->slot->metric->name;
        if (strcmp(name, "isotropy") == 0)
            isotropy = fmax(isotropy, f->value);
        if (strcmp(name, "period") == 0)
            period = fmax(period, f->value);
    }
    if (!isnan(isotropy))
        fcs_note(ctx, "%s: the axes %s within the spread of blocks (%.2f, up to %g)",
                 set->set->name, isotropy <= FCS_ISOTROPY_MOST ? "agree" : "do NOT agree", isotropy,
                 FCS_ISOTROPY_MOST);
    if (!isnan(period))
        fcs_note(ctx, "%s: %s repetition at the multiples of the period (%.2f, up to %g)",
                 set->set->name, period <= FCS_PERIOD_MOST ? "no" : "visible", period,
                 FCS_PERIOD_MOST);
}

const char *fcs_slot_name(const fcs_slot *slot, char *buffer, size_t size)
{
    snprintf(buffer, size, "%s%s%s", slot->metric->name, slot->net ? "_" : "",
             slot->net ? slot->net : "");
    return buffer;
}

const char *fcs_finding_label(const fcs_finding *f, char *buffer, size_t size)
{
    static const char *const labels[] = {NULL,
                                         NULL,
                                         "share_of_lags_in_envelope_percent",
                                         "share_of_sample_lags_in_envelope_percent",
                                         "whole",
                                         NULL};
    const char *word = f->slot->metric->x_word;
    if (f->at == FCS_AT_LAG || f->at == FCS_AT_WHOLE_LAG) {
        snprintf(buffer, size, "%s%s %d", f->at == FCS_AT_LAG ? "" : "whole, ", word ? word : "lag",
                 f->lag);
        return buffer;
    }
    return labels[f->at];
}

const char *fcs_evaluated_name(const fcs_evaluated *set, char *buffer, size_t size)
{
    if (!set->across)
        return set->set->name;
    snprintf(buffer, size, "%s, across %c", set->set->name, set->across);
    return buffer;
}

static fcs_status add_row(fcs_error *e, fcs_table *t, const fcs_evaluated *set,
                          const fcs_finding *f)
{
    char buffer[40], name[80], phase[8];
    const char axis[2] = {f->slot->axis, 0}, across[2] = {set->across, 0};
    bool whole = f->at == FCS_AT_WHOLE || f->at == FCS_AT_WHOLE_LAG;
    snprintf(phase, sizeof phase, "%d", f->slot->phase);
    return fcs_table_add(
        e, t, "ssssssdddddss", set->set->name, fcs_slot_name(f->slot, name, sizeof name),
        f->slot->thresholded ? "thresholded" : "raw", f->slot->phase >= 0 ? phase : NULL,
        axis[0] ? axis : NULL, fcs_finding_label(f, buffer, sizeof buffer), f->value, f->real,
        f->floor, f->low, f->high, across[0] && !whole ? across : NULL,
        f->slot->metric->definition);
}

static fcs_status make_table(fcs_error *e, const fcs_evaluated *sets, int n, fcs_table **out)
{
    static const char *const columns[] = {"set",       "metric", "variant",   "phase", "axis",
                                          "at",        "value",  "real",      "floor", "real_low",
                                          "real_high", "across", "definition"};
    fcs_table *t = fcs_table_new(e, columns, (int)(sizeof columns / sizeof columns[0]));
    fcs_status status = t ? FCS_OK : FCS_FAILED;
    for (int s = 1; s < n; s++)
        for (size_t i = 0; i < sets[s].n_findings && status == FCS_OK; i++)
            status = add_row(e, t, &sets[s], &sets[s].findings[i]);
    if (status == FCS_OK)
        *out = t;
    else
        fcs_table_free(t);
    return status;
}

/* ---- what is compared ---- */

typedef struct evaluation {
    fcs_context *ctx;
    const fcs_evaluate_options *o;
    fcs_set *sets; /* 0: real */
    int n_sets;
    fcs_evaluated *views; /* 0: real; a volume beside real pages has three */
    int n_views;
    fcs_evaluated again;       /* other crops of the real set */
    bool volumes;              /* compared with volumes */
    fcs_protocol crops, whole; /* what is measured on pieces, and on whole volumes */
} evaluation;

/* A volume is compared with volumes; beside pages it is seen across each of its axes. */
static fcs_status choose_views(evaluation *v)
{
    fcs_error *e = &v->ctx->error;
    v->volumes = fcs_set_is_volume(&v->sets[0]);
    v->views = fcs_alloc_array(e, 3 * (size_t)v->n_sets, sizeof *v->views);
    if (!v->views)
        return FCS_FAILED;
    for (int s = 0; s < v->n_sets; s++) {
        bool volume = fcs_set_is_volume(&v->sets[s]);
        if (v->volumes && !volume)
            return fcs_fail(e, FCS_FAILED,
                            "%s: single pages, but %s is a volume: compare volumes with volumes, "
                            "or give one page as the real image",
                            v->sets[s].name, v->sets[0].name);
        bool sliced = volume && !v->volumes;
        for (int a = 0; a < (sliced ? 3 : 1); a++) {
            v->views[v->n_views].set = &v->sets[s];
            v->views[v->n_views++].across = (char)(sliced ? "zyx"[a] : 0);
        }
    }
    return FCS_OK;
}

static char across_of(const fcs_evaluated *view) { return view->across ? view->across : 'z'; }

static int64_t smallest(fcs_box box, bool volumes)
{
    int64_t least = box.width < box.height ? box.width : box.height;
    return volumes && box.depth < least ? box.depth : least;
}

/* Without a wish, crops of volumes have a quarter of their side, at least 32: what the spread is
 * taken from. */
static fcs_box default_box(fcs_box box)
{
    int64_t least = smallest(box, true), side = least / 4 > 32 ? least / 4 : 32;
    return (fcs_box){box.width < side ? box.width : side, box.height < side ? box.height : side,
                     box.depth < side ? box.depth : side};
}

static fcs_status choose_box(evaluation *v)
{
    const fcs_evaluate_options *o = v->o;
    fcs_protocol *p = &v->crops;
    if (o->crop < 0 || o->crops < 0 || o->max_lag < 0 || o->period < 0)
        return fcs_fail(&v->ctx->error, FCS_FAILED,
                        "evaluate: a negative number of crops, crop side, lag or period: use 0 for "
                        "the default");
    int64_t side = o->crop ? o->crop : INT64_MAX;
    p->box = (fcs_box){side, side, side};
    for (int i = 0; i < v->n_views; i++)
        fcs_set_limit(v->views[i].set, across_of(&v->views[i]), &p->box);
    if (!v->volumes)
        p->box.depth = 1;
    else if (!o->crop)
        p->box = default_box(p->box);
    int64_t least = smallest(p->box, v->volumes);
    if (least < 2)
        return fcs_fail(&v->ctx->error, FCS_FAILED,
                        "evaluate: crops of %lld x %lld pixels: give larger images",
                        (long long)p->box.width, (long long)p->box.height);
    p->max_lag = o->max_lag ? o->max_lag : (int)(least / 2 < 100000 ? least / 2 : 100000);
    if (p->max_lag >= least)
        p->max_lag = (int)least - 1;
    return FCS_OK;
}

static bool any_volume(const evaluation *v)
{
    for (int s = 0; s < v->n_sets; s++)
        if (fcs_set_is_volume(&v->sets[s]))
            return true;
    return false;
}

static fcs_status choose_rest(evaluation *v)
{
    fcs_error *e = &v->ctx->error;
    const fcs_evaluate_options *o = v->o;
    bool solid = any_volume(v), all = o->neighbours == 8 || o->neighbours == 26;
    int few = v->volumes ? 6 : 4, many = v->volumes ? 26 : 8;
    if (o->neighbours != 0 && o->neighbours != few && o->neighbours != many)
        return fcs_fail(e, FCS_FAILED, "evaluate: %d neighbours: use %d or %d for %s",
                        o->neighbours, few, many, v->volumes ? "volumes" : "images");
    if (!(o->threshold >= 0 && o->threshold < 1))
        return fcs_fail(e, FCS_FAILED, "evaluate: threshold %g: use a value between 0 and 1",
                        o->threshold);
    fcs_status status = FCS_FAILED;
    fcs_set **sets = fcs_alloc_array(e, (size_t)v->n_sets, sizeof *sets);
    for (int s = 0; sets && s < v->n_sets; s++)
        sets[s] = &v->sets[s];
    if (sets)
        status = fcs_phases_choose(v->ctx, sets, v->n_sets, o->threshold, &v->crops.phases);
    free(sets);
    v->crops.all_neighbours = all;
    v->crops.period = o->period ? o->period : 32;
    v->whole = v->crops;
    if (status == FCS_OK)
        status = fcs_protocol_make(e, o->metrics, &v->crops);
    if (status == FCS_OK && solid) {
        v->whole.whole = true;
        v->whole.box = (fcs_box){INT64_MAX, INT64_MAX, INT64_MAX};
        for (int s = 0; s < v->n_sets; s++)
            if (fcs_set_is_volume(&v->sets[s]))
                fcs_set_limit(&v->sets[s], 'z', &v->whole.box);
        int64_t half = smallest(v->whole.box, true) / 2;
        v->whole.max_lag = o->max_lag ? o->max_lag : (int)(half < 256 ? half : 256);
        if (v->whole.max_lag >= 2 * half)
            v->whole.max_lag = (int)(2 * half - 1);
        status = fcs_protocol_make(e, o->metrics, &v->whole);
    }
    if (status == FCS_OK && v->crops.n_slots + v->whole.n_slots == 0)
        status =
            fcs_fail(e, FCS_FAILED,
                     "metrics: nothing here that \"%s\" can be taken on: those of volumes need "
                     "%d pages at least, nearest and variety single images, and those of a "
                     "net's features need it: --features FILE",
                     o->metrics ? o->metrics : "", FCS_VOLUME_PAGES);
    return status;
}

/* ---- measuring ---- */

static fcs_status check_interrupt(evaluation *v)
{
    return v->ctx->interrupted
               ? fcs_fail(&v->ctx->error, FCS_INTERRUPTED, "evaluate: stopped on request")
               : FCS_OK;
}

static fcs_status measure_view(evaluation *v, fcs_evaluated *view, int number)
{
    int wanted = v->o->crops ? v->o->crops : DEFAULT_CROPS;
    fcs_status status = check_interrupt(v);
    /* Each set its own places: equal ones would compare a set with itself. */
    if (status == FCS_OK)
        status = fcs_set_crops(&v->ctx->error, view->set, v->crops.box, v->volumes, across_of(view),
                               wanted, v->o->seed + (uint64_t)number, &view->crops);
    return status == FCS_OK ? fcs_measure_crops(v->ctx, &v->crops, &view->crops, &view->profiles)
                            : status;
}

static bool has_curves(const fcs_protocol *p)
{
    for (int i = 0; i < p->n_slots; i++)
        if (p->slots[i].metric->kind == FCS_METRIC_CURVE)
            return true;
    return false;
}

/* Profiles of all volumes of the set, each cut into split^3 pieces, behind each other. */
static fcs_status measure_pieces(evaluation *v, const fcs_set *set, int split, double **out, int *n)
{
    fcs_error *e = &v->ctx->error;
    size_t per = (size_t)(split * split * split) * v->whole.length;
    *out = fcs_alloc_array(e, set->n * per, sizeof **out);
    *n = (int)set->n * split * split * split;
    fcs_status status = *out ? FCS_OK : FCS_FAILED;
    for (size_t i = 0; i < set->n && status == FCS_OK; i++) {
        fcs_crops crops = {0};
        double *profiles = NULL;
        status = check_interrupt(v);
        if (status == FCS_OK)
            status = fcs_source_crops(e, &set->sources[i], split, &crops);
        if (status == FCS_OK)
            status = fcs_measure_crops(v->ctx, &v->whole, &crops, &profiles);
        if (status == FCS_OK)
            memcpy(*out + i * per, profiles, per * sizeof **out);
        free(crops.places);
        free(profiles);
    }
    return status;
}

enum { SMALLEST_EIGHTH = 16 };

/* The volumes of a view that is its set's first, and of the real set the eighths too. */
static fcs_status measure_whole(evaluation *v, fcs_evaluated *view)
{
    const fcs_protocol *p = &v->whole;
    int n = 0;
    if (p->n_slots == 0 || !fcs_set_is_volume(view->set) || across_of(view) != 'z')
        return FCS_OK;
    fcs_status status = measure_pieces(v, view->set, 1, &view->whole, &n);
    for (size_t i = 0; i < p->length && status == FCS_OK; i++)
        view->whole[i] = spread_of(view->whole, n, p->length, i).mean;
    if (status == FCS_OK && view == v->views && smallest(p->box, true) >= 2 * SMALLEST_EIGHTH)
        status = measure_pieces(v, view->set, 2, &view->eighths, &view->n_eighths);
    return status;
}

/* `again`: of the real set, its places numbered after those of all views. */
static fcs_status measure_all(evaluation *v)
{
    fcs_status status = FCS_OK;
    for (int i = 0; i < v->n_views && status == FCS_OK; i++) {
        status = measure_view(v, &v->views[i], i);
        if (status == FCS_OK)
            status = measure_whole(v, &v->views[i]);
    }
    if (status != FCS_OK || !v->views[0].crops.drawn || !has_curves(&v->crops))
        return status;
    v->again.set = v->views[0].set;
    v->views[0].again = &v->again;
    return measure_view(v, &v->again, v->n_views);
}

static fcs_status evaluate_views(evaluation *v, fcs_table **out)
{
    fcs_error *e = &v->ctx->error;
    fcs_status status = choose_views(v);
    if (status == FCS_OK)
        status = choose_box(v);
    if (status == FCS_OK)
        status = choose_rest(v);
    if (status == FCS_OK)
        status = measure_all(v);
    if (status == FCS_OK)
        status = fcs_between_prepare(v->ctx, &v->crops, v->views, v->n_views);
    for (int i = 1; i < v->n_views && status == FCS_OK; i++) {
        status = find_all(v->ctx, &v->crops, &v->views[i], &v->views[0]);
        if (status == FCS_OK)
            status = find_all_whole(e, &v->whole, &v->views[i], &v->views[0]);
        tell_verdicts(v->ctx, &v->views[i]);
    }
    if (status == FCS_OK && v->o->html)
        status = fcs_evaluate_page(v->ctx, &v->crops, v->views, v->n_views, v->o->html);
    return status == FCS_OK ? make_table(e, v->views, v->n_views, out) : status;
}

static void evaluation_free(evaluation *v)
{
    for (int i = 0; i < v->n_views; i++) {
        free(v->views[i].crops.places);
        free(v->views[i].profiles);
        free(v->views[i].whole);
        free(v->views[i].eighths);
        free(v->views[i].values);
        free(v->views[i].features);
        free(v->views[i].near);
        free(v->views[i].near_features);
        free(v->views[i].findings);
    }
    free(v->again.crops.places);
    free(v->again.profiles);
    for (int s = 0; v->sets && s < v->n_sets; s++)
        fcs_set_free(&v->sets[s]);
    free(v->views);
    free(v->sets);
    free(v->crops.slots);
    free(v->whole.slots);
    fcs_features_close(v->crops.features);
}

fcs_status fcs_evaluate(fcs_context *ctx, const char *real, const char *const *generated, int n,
                        const fcs_evaluate_options *options, fcs_table **out)
{
    static const fcs_evaluate_options defaults;
    if (n < 1)
        return fcs_fail(&ctx->error, FCS_FAILED,
                        "evaluate: nothing to compare with %s: name generated images", real);
    evaluation v = {.ctx = ctx, .o = options ? options : &defaults, .n_sets = n + 1};
    v.sets = fcs_alloc_array(&ctx->error, (size_t)n + 1, sizeof *v.sets);
    fcs_status status = v.sets ? fcs_set_read(ctx, real, &v.sets[0]) : FCS_FAILED;
    for (int s = 0; s < n && status == FCS_OK; s++)
        status = fcs_set_read(ctx, generated[s], &v.sets[s + 1]);
    if (status == FCS_OK)
        status = fcs_sets_fit(&ctx->error, v.sets, v.n_sets, v.o);
    if (status == FCS_OK && v.o->features)
        status = fcs_features_open(ctx, v.o->features, &v.crops.features);
    if (status == FCS_OK)
        status = evaluate_views(&v, out);
    evaluation_free(&v);
    return status;
}
