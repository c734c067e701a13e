/* phases.c: phases from grey levels: the levels themselves where they are few, Otsu's thresholds or
 * given ones where the image is noisy. */
#include "image/phases.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- histogram ---- */
static double sample_at(const fcs_image *m, int64_t i)
{
    switch (m->sample) {
    case FCS_U8: return ((const uint8_t *)m->data)[i];
    case FCS_U16: return ((const uint16_t *)m->data)[i];
    case FCS_F32: break;
    }
    return (double)((const float *)m->data)[i];
}

void fcs_histogram_add(fcs_histogram *h, const fcs_image *m, double factor)
{
    double scale = h->high > h->low ? (FCS_BINS - 1) / (h->high - h->low) : 0;
    int64_t pixels = m->width * m->height * m->depth;
    for (int64_t i = 0; i < pixels; i++) {
        double bin = (sample_at(m, i * m->channels) * factor - h->low) * scale + 0.5;
        if (bin >= 0 && bin < FCS_BINS)
            h->count[(int)bin]++;
    }
}

/* ---- Otsu ---- */
typedef struct otsu {
    double p[FCS_BINS + 1], s[FCS_BINS + 1]; /* sums of counts and of count x bin before each bin */
    double best[FCS_PHASES_MAX + 1][FCS_BINS + 1]; /* of k classes in the bins before i */
    int from[FCS_PHASES_MAX + 1][FCS_BINS + 1];    /* where the last of them begins */
} otsu;

static double of_class(const otsu *o, int from, int to)
{
    double p = o->p[to] - o->p[from], s = o->s[to] - o->s[from];
    return p > 0 ? s * s / p : 0;
}

void fcs_otsu(const fcs_histogram *h, int n, int *bins)
{
    otsu o;
    memset(&o, 0, sizeof o);
    for (int i = 0; i < FCS_BINS; i++) {
        o.p[i + 1] = o.p[i] + h->count[i];
        o.s[i + 1] = o.s[i] + h->count[i] * i;
    }
    for (int i = 1; i <= FCS_BINS; i++)
        o.best[1][i] = of_class(&o, 0, i);
    for (int k = 2; k <= n; k++)
        for (int i = k; i <= FCS_BINS; i++)
            for (int j = k - 1; j < i; j++) {
                double value = o.best[k - 1][j] + of_class(&o, j, i);
                if (value > o.best[k][i]) {
                    o.best[k][i] = value;
                    o.from[k][i] = j;
                }
            }
    for (int k = n, end = FCS_BINS; k >= 2; k--) {
        end = o.from[k][end];
        bins[k - 2] = end - 1;
    }
}

/* ---- finding ---- */
static fcs_status from_levels(fcs_error *e, const char *path, const fcs_stats *stats, double unit,
                              fcs_phases *out)
{
    char many[16] = "more than 256";
    if (stats->levels <= FCS_LEVELS_MAX)
        snprintf(many, sizeof many, "%d", stats->levels);
    if (stats->levels > FCS_PHASES_MAX)
        return fcs_fail(
            e, FCS_FAILED,
            "%s: %s grey levels are too many for phases (at most %d): give their number, "
            "--phases N, for Otsu's thresholds, or thresholds, --phases T1,T2",
            path, many, FCS_PHASES_MAX);
    snprintf(out->how, sizeof out->how, "the grey levels");
    out->n = stats->levels;
    for (int i = 0; i < out->n; i++)
        out->label[i] = stats->level[i].value / unit;
    for (int i = 0; i + 1 < out->n; i++)
        out->threshold[i] = (out->label[i] + out->label[i + 1]) / 2;
    return FCS_OK;
}

/* The mean bin of bins from..to-1. */
static double mean_bin(const fcs_histogram *h, int from, int to)
{
    double p = 0, s = 0;
    for (int i = from; i < to; i++) {
        p += h->count[i];
        s += h->count[i] * i;
    }
    return p > 0 ? s / p : (from + to - 1) / 2.0;
}

/* Labels: the mean grey of each phase, whole where the samples are. */
static void label(const fcs_histogram *h, bool whole, double unit, fcs_phases *out)
{
    double bin = (h->high - h->low) / (FCS_BINS - 1);
    int from = 0;
    for (int i = 0; i < out->n; i++) {
        int to = FCS_BINS;
        if (i + 1 < out->n) {
            double end = bin > 0 ? floor((out->threshold[i] * unit - h->low) / bin) + 1 : 0;
            to = end < from ? from : end > FCS_BINS ? FCS_BINS : (int)end;
        }
        double mean = (h->low + mean_bin(h, from, to) * bin) / unit;
        out->label[i] = whole ? floor(mean + 0.5) : mean;
        from = to;
    }
}

static void from_otsu(const fcs_histogram *h, int n, double unit, fcs_phases *out)
{
    int bins[FCS_PHASES_MAX];
    double bin = (h->high - h->low) / (FCS_BINS - 1);
    fcs_otsu(h, n, bins);
    snprintf(out->how, sizeof out->how, "Otsu's thresholds");
    out->n = n;
    for (int i = 0; i + 1 < n; i++)
        out->threshold[i] = (h->low + bins[i] * bin) / unit;
}

/* "85,170" or "85,": ascending numbers. False where it is none. */
static bool read_thresholds(const char *how, fcs_phases *out)
{
    out->n = 1;
    for (const char *at = how; *at;) {
        char word[32];
        size_t n = strcspn(at, ",");
        double v;
        if (n == 0 || n >= sizeof word || out->n >= FCS_PHASES_MAX)
            return false;
        memcpy(word, at, n);
        word[n] = 0;
        if (!fcs_parse_double(word, &v) || (out->n > 1 && !(v > out->threshold[out->n - 2])))
            return false;
        out->threshold[out->n++ - 1] = v;
        at += n + (at[n] == ',');
    }
    return out->n > 1;
}

fcs_status fcs_phases_find(fcs_error *e, const char *path, const char *how, const fcs_stats *stats,
                           const fcs_histogram *h, double unit, fcs_phases *out)
{
    int64_t n;
    memset(out, 0, sizeof *out);
    if (strcmp(how, "auto") == 0)
        return from_levels(e, path, stats, unit, out);
    if (fcs_parse_int64(how, &n) && (n < 2 || n > FCS_PHASES_MAX))
        return fcs_fail(e, FCS_FAILED, "phases = %.40s: give 2 to %d phases, or thresholds: T1,T2",
                        how, FCS_PHASES_MAX);
    if (fcs_parse_int64(how, &n)) {
        if (stats->levels == n)
            return from_levels(e, path, stats, unit, out);
        if (stats->levels < n)
            return fcs_fail(e, FCS_FAILED, "%s: has %d grey levels, %lld phases were asked for",
                            path, stats->levels, (long long)n);
        from_otsu(h, (int)n, unit, out);
    } else if (read_thresholds(how, out)) {
        snprintf(out->how, sizeof out->how, "given thresholds");
    } else {
        return fcs_fail(e, FCS_FAILED,
                        "phases = \"%.40s\": give auto, a number of phases (2 to %d), or ascending "
                        "thresholds in the image's grey levels: T1,T2 (a single one: T1,)",
                        how, FCS_PHASES_MAX);
    }
    bool whole = true;
    for (int i = 0; whole && i < stats->levels && stats->levels <= FCS_LEVELS_MAX; i++)
        whole = floor(stats->level[i].value) >= stats->level[i].value;
    label(h, whole && stats->high > 1, unit, out);
    return FCS_OK;
}

fcs_status fcs_phases_share(fcs_error *e, const char *path, fcs_phases *p, const int64_t *pixels)
{
    double all = 0;
    for (int i = 0; i < p->n; i++)
        all += (double)pixels[i];
    for (int i = 0; i < p->n; i++) {
        p->share[i] = (double)pixels[i] / all;
        if (pixels[i] == 0)
            return fcs_fail(e, FCS_FAILED,
                            "%s: no pixel belongs to phase %d of %d (%s); give other thresholds or "
                            "fewer phases",
                            path, i + 1, p->n, p->how);
    }
    return FCS_OK;
}

void fcs_phases_text(const fcs_phases *p, char *text, size_t n)
{
    size_t used = (size_t)snprintf(text, n, "%d phases from %s", p->n, p->how);
    bool found = strcmp(p->how, "the grey levels") != 0;
    for (int i = 0; found && i + 1 < p->n && used < n; i++)
        used += (size_t)snprintf(text + used, n - used, "%s%g", i ? ", " : " ", p->threshold[i]);
    for (int i = 0; i < p->n && used < n; i++)
        used += (size_t)snprintf(text + used, n - used, "%s%g: %.2f %%", i ? ", " : ": ",
                                 p->label[i], 100 * p->share[i]);
}
