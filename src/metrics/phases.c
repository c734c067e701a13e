/* phases.c: which phases there are, and as what the values of each file count. */
#include "metrics/evaluate.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- levels of one image ---- */

typedef struct levels {
    int n; /* FCS_METRIC_PHASES + 1: more */
    double value[FCS_METRIC_PHASES + 1];
    int64_t count[FCS_METRIC_PHASES + 1];
    double low, high;
} levels;

/* Keeps the values ascending. */
static void levels_add(levels *l, double v, int64_t count)
{
    int at = 0;
    while (at < l->n && at < FCS_METRIC_PHASES && l->value[at] < v)
        at++;
    if (at < l->n && l->value[at] == v) {
        l->count[at] += count;
        return;
    }
    if (l->n > FCS_METRIC_PHASES)
        return;
    for (int i = l->n < FCS_METRIC_PHASES ? l->n : FCS_METRIC_PHASES; i > at; i--) {
        l->value[i] = l->value[i - 1];
        l->count[i] = l->count[i - 1];
    }
    l->value[at] = v;
    l->count[at] = count;
    l->n++;
}

/* Of channel 0, as fcs_image_value gives it. Runs of equal values are counted together. */
static void levels_of(const fcs_image *image, levels *l)
{
    double run = fcs_image_value(image, 0, 0, 0, 0);
    int64_t length = 0;
    memset(l, 0, sizeof *l);
    l->low = l->high = run;
    for (int64_t row = 0; row < image->height * image->depth; row++)
        for (int64_t x = 0; x < image->width; x++, length++) {
            double v = fcs_image_value(image, 0, row, x, 0);
            if (v == run)
                continue;
            levels_add(l, run, length);
            run = v;
            length = 0;
            l->low = isnan(v) ? v : fmin(l->low, v);
            l->high = fmax(l->high, v);
            if (isnan(v)) {
                l->n = FCS_METRIC_PHASES + 1;
                l->low = v;
                return;
            }
        }
    levels_add(l, run, length);
}

static bool is_integer(const fcs_source *s) { return s->image->sample != FCS_F32; }

/* In the file's own unit. */
static double stored(const fcs_source *s, double v)
{
    static const double max[] = {[FCS_U8] = 255, [FCS_U16] = 65535, [FCS_F32] = 1};
    return v * max[s->image->sample];
}

static const double slack = 1e-3;

/* Floats that no scale is told of: neither in [0,1] nor in [-1,1]. */
static bool is_wild(const fcs_source *s, double low, double high)
{
    return !is_integer(s) && (low < -1 - slack || high > 1 + slack || isnan(low));
}

static bool are_whole(const levels *l)
{
    for (int i = 0; i < l->n; i++)
        if (l->value[i] != floor(l->value[i]))
            return false;
    return true;
}

static void list_levels(fcs_source *s, const levels *l)
{
    s->levels = l->n;
    for (int i = 0; i < l->n; i++) {
        s->level[i] = l->value[i];
        s->count[i] = l->count[i];
        s->value[i] = fmin(fmax((l->value[i] - s->offset) * s->scale, 0), 1);
    }
}

fcs_status fcs_source_scale(fcs_context *ctx, fcs_source *s, const char *path)
{
    levels l;
    levels_of(s->image, &l);
    bool few = l.n <= FCS_METRIC_PHASES, spread = false;
    s->offset = 0;
    s->scale = 1;
    if (s->image->channels > 1)
        fcs_note(ctx, "%s: %d channels: the first is used", path, s->image->channels);
    if (is_wild(s, l.low, l.high)) {
        if (!few || l.n < 2 || !are_whole(&l))
            return fcs_fail(&ctx->error, FCS_FAILED,
                            "%s: float values from %g to %g: scale them to [0,1] or [-1,1]", path,
                            l.low, l.high);
        spread = true;
    } else if (!is_integer(s) && l.low < -slack) {
        s->offset = -1;
        s->scale = 0.5;
        fcs_note(ctx, "%s: values from %g to %g, rescaled from [-1,1] to [0,1]", path, l.low,
                 l.high);
    } else if (is_integer(s) && l.n == 2 && (l.low > 0 || l.high < 1)) {
        spread = true;
        fcs_note(ctx, "%s: two levels, taken as 0 and 1", path);
    }
    if (spread) {
        s->offset = l.low;
        s->scale = 1 / (l.high - l.low);
    }
    if (few)
        list_levels(s, &l);
    return FCS_OK;
}

/* ---- the phases of all ---- */

/* The levels of the real files together; n 0 where one of them has too many, or only one is there.
 */
static void real_levels(const fcs_set *real, levels *l)
{
    memset(l, 0, sizeof *l);
    l->low = INFINITY;
    l->high = -INFINITY;
    for (size_t i = 0; i < real->n; i++) {
        const fcs_source *s = &real->sources[i];
        bool alike = is_integer(s) == is_integer(&real->sources[0]);
        for (int k = 0; k < s->levels; k++)
            levels_add(l, s->level[k], s->count[k]);
        if (s->levels == 0 || !alike || l->n > FCS_METRIC_PHASES) {
            l->n = 0;
            return;
        }
        l->low = fmin(l->low, s->level[0]);
        l->high = fmax(l->high, s->level[s->levels - 1]);
    }
    if (l->n < 2)
        l->n = 0;
}

/* What each real level counts as: integers, and floats beyond [-1,1], spread over [0,1]. */
static void real_values(const fcs_source *s, const levels *l, double *value)
{
    bool spread = is_integer(s) || is_wild(s, l->low, l->high);
    for (int k = 0; k < l->n; k++)
        value[k] = spread ? (l->value[k] - l->low) / (l->high - l->low)
                          : (l->value[k] - s->offset) * s->scale;
}

static int index_of(const levels *l, double v)
{
    for (int k = 0; k < l->n; k++)
        if (fabs(l->value[k] - v) < 1e-9)
            return k;
    return -1;
}

static bool all_known(const fcs_source *s, const levels *l)
{
    for (int i = 0; i < s->levels; i++)
        if (index_of(l, s->level[i]) < 0)
            return false;
    return true;
}

static bool are_labels(const fcs_source *s, int n)
{
    for (int i = 0; i < s->levels; i++) {
        double v = stored(s, s->level[i]);
        if (v < -1e-6 || v > n - 1 + 1e-6 || fabs(v - floor(v + 0.5)) > 1e-6)
            return false;
    }
    return true;
}

/* A file's levels are the real ones; or as many, in their order; or the phases' numbers. Floats in
 * [-1,1] stay what they are: their distances mean something. */
static void match_levels(fcs_source *s, const levels *l, const double *value)
{
    bool known = all_known(s, l), numbers = are_labels(s, l->n);
    if (s->levels == 0 ||
        (!known && !is_integer(s) && !is_wild(s, s->level[0], s->level[s->levels - 1])))
        return;
    for (int i = 0; i < s->levels; i++) {
        if (known)
            s->value[i] = value[index_of(l, s->level[i])];
        else if (s->levels == l->n)
            s->value[i] = value[i];
        else if (numbers)
            s->value[i] = value[(int)(stored(s, s->level[i]) + 0.5)];
    }
}

static void tell(fcs_context *ctx, const fcs_set *real, const levels *l)
{
    char text[400];
    int64_t all = 0;
    int n = 0;
    for (int k = 0; k < l->n; k++)
        all += l->count[k];
    for (int k = 0; k < l->n && n < 350; k++)
        n += snprintf(text + n, sizeof text - (size_t)n, "%s%d is %g (%.2f %%)", k ? ", " : "", k,
                      stored(&real->sources[0], l->value[k]),
                      100 * (double)l->count[k] / (double)all);
    fcs_note(ctx, "%s: %d phases: %s", real->name, l->n, text);
}

fcs_status fcs_phases_choose(fcs_context *ctx, fcs_set **sets, int n, double threshold,
                             fcs_metric_phases *phases)
{
    levels l;
    double value[FCS_METRIC_PHASES];
    *phases = (fcs_metric_phases){.n = 2, .bound = {threshold > 0 ? threshold : 0.5}};
    real_levels(sets[0], &l);
    if (threshold > 0 || l.n == 0)
        return FCS_OK;
    real_values(&sets[0]->sources[0], &l, value);
    phases->n = l.n;
    phases->by_level = true;
    for (int k = 0; k + 1 < l.n; k++)
        phases->bound[k] = (value[k] + value[k + 1]) / 2;
    if (l.n > 2)
        tell(ctx, sets[0], &l);
    for (int s = 0; s < n; s++)
        for (size_t i = 0; i < sets[s]->n; i++)
            match_levels(&sets[s]->sources[i], &l, value);
    return FCS_OK;
}

unsigned char fcs_phase_of(const fcs_metric_phases *p, float value)
{
    int k = 0;
    while (k + 1 < p->n && (double)value > p->bound[k])
        k++;
    return (unsigned char)k;
}
