/* stats.c: levels, range and sums of an image, and what is done with it because of them. */
#include "image/picture.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 1024 };

/* Counts distinct keys, open addressing; greys of 8 bits fall into slots of their own. */
typedef struct tally {
    fcs_level slot[SLOTS];
    int levels;
} tally;

static void count(tally *t, uint64_t key, double value)
{
    size_t i = (size_t)((key ^ key >> 16 ^ key >> 31) & (SLOTS - 1));
    while (t->slot[i].count && t->slot[i].key != key)
        i = (i + 1) & (SLOTS - 1);
    if (!t->slot[i].count) {
        if (t->levels > FCS_LEVELS_MAX)
            return;
        t->levels++;
        t->slot[i].key = key;
        t->slot[i].value = value;
    }
    t->slot[i].count++;
}

/* Orders as the floats do: negative numbers' bits are turned round, so keys ascend with values; -0
 * is 0. */
static uint64_t float_key(float v)
{
    uint32_t bits;
    v = v == 0 ? 0 : v;
    memcpy(&bits, &v, sizeof bits);
    return bits & 0x80000000u ? (uint32_t)~bits : bits | 0x80000000u;
}

static int by_key(const void *a, const void *b)
{
    uint64_t x = ((const fcs_level *)a)->key, y = ((const fcs_level *)b)->key;
    return (x > y) - (x < y);
}

static double sample_at(const fcs_image *image, int64_t i)
{
    switch (image->sample) {
    case FCS_U8: return ((const uint8_t *)image->data)[i];
    case FCS_U16: return ((const uint16_t *)image->data)[i];
    case FCS_F32: break;
    }
    return (double)((const float *)image->data)[i];
}

static uint64_t key_of(const fcs_image *image, const double *v)
{
    uint64_t key = 0;
    if (image->channels == 1)
        return image->sample == FCS_F32 ? float_key((float)v[0]) : (uint64_t)v[0];
    for (int c = 0; c < image->channels;
         c++) /* float colours are only counted: a mix of their bits will do */
        key = image->sample == FCS_F32 ? (key ^ float_key((float)v[c])) * 0x100000001b3u
                                       : key << 16 | (uint64_t)v[c];
    return key;
}

void fcs_stats_of(const fcs_image *image, fcs_stats *stats)
{
    tally t;
    memset(&t, 0, sizeof t);
    memset(stats, 0, sizeof *stats);
    stats->pixels = image->width * image->height * image->depth;
    stats->low = INFINITY;
    stats->high = -INFINITY;
    stats->grey = true;
    stats->bad = -1;
    int channels = image->channels;
    for (int64_t i = 0; i < stats->pixels; i++) {
        double v[4] = {0};
        for (int c = 0; c < channels; c++) {
            v[c] = sample_at(image, i * channels + c);
            if (!isfinite(v[c])) {
                stats->bad = stats->bad < 0 ? i : stats->bad;
                v[c] = 0;
            }
            stats->low = v[c] < stats->low ? v[c] : stats->low;
            stats->high = v[c] > stats->high ? v[c] : stats->high;
            stats->sum[c] += v[c];
            stats->grey = stats->grey && v[c] == v[0];
        }
        if (t.levels <= FCS_LEVELS_MAX)
            count(&t, key_of(image, v), v[0]);
    }
    stats->levels = t.levels;
    int n = 0;
    for (int i = 0; i < SLOTS; i++)
        if (t.slot[i].count && n <= FCS_LEVELS_MAX)
            stats->level[n++] = t.slot[i];
    qsort(stats->level, (size_t)n, sizeof *stats->level, by_key);
}

void fcs_stats_merge(fcs_stats *into, const fcs_stats *other)
{
    into->low = other->low < into->low ? other->low : into->low;
    into->high = other->high > into->high ? other->high : into->high;
    for (int c = 0; c < 4; c++)
        into->sum[c] += other->sum[c];
    into->pixels += other->pixels;
    into->grey = into->grey && other->grey;
    if (other->levels > FCS_LEVELS_MAX)
        into->levels = FCS_LEVELS_MAX + 1;
    for (int i = 0; into->levels <= FCS_LEVELS_MAX && i < other->levels; i++) {
        const fcs_level *l = &other->level[i];
        fcs_level *known = bsearch(l, into->level, (size_t)into->levels, sizeof *l, by_key);
        if (known) {
            known->count += l->count;
            continue;
        }
        into->level[into->levels++] = *l;
        qsort(into->level, (size_t)into->levels, sizeof *l, by_key);
    }
}

enum { FEW_LEVELS = 8 };

void fcs_stats_range(const fcs_stats *stats, fcs_sample sample, double *from, double *to)
{
    bool data = sample == FCS_F32 || stats->levels <= FEW_LEVELS;
    *from = data ? stats->low : 0;
    *to = data ? stats->high : fcs_sample_max(sample);
}

void fcs_stats_plan(const fcs_stats *stats, fcs_sample sample, int channels, double unit,
                    double low, double high, char *text, size_t n)
{
    double from, to;
    const char *what = channels == 1 ? "grey" : stats->grey ? "grey stored as RGB" : "RGB";
    fcs_stats_range(stats, sample, &from, &to);
    if (stats->levels == 2 && (channels == 1 || stats->grey))
        snprintf(text, n, "%s, 2 levels: %g and %g become %g and %g", what, from / unit, to / unit,
                 low, high);
    else if (stats->levels <= FEW_LEVELS && sample != FCS_F32)
        snprintf(text, n, "%s, %d %s: %g..%g scaled by value to %g..%g", what, stats->levels,
                 channels == 1 ? "levels" : "colours", from / unit, to / unit, low, high);
    else if (sample == FCS_F32)
        snprintf(text, n, "%s: the data's range %g..%g scaled to %g..%g", what, from, to, low,
                 high);
    else
        snprintf(text, n, "%s: full range %g..%g scaled to %g..%g (data: %g..%g)", what,
                 from / unit, to / unit, low, high, stats->low / unit, stats->high / unit);
}

void fcs_stats_shares(const fcs_stats *stats, int channels, double unit, char *text, size_t n)
{
    size_t used = 0;
    text[0] = 0;
    for (int i = 0; stats->levels <= 6 && i < stats->levels && used + 1 < n; i++) {
        const fcs_level *l = &stats->level[i];
        double share = 100.0 * (double)l->count / (double)stats->pixels;
        unsigned long long red = l->key >> 32, green = l->key >> 16 & 65535, blue = l->key & 65535;
        const char *comma = i ? ", " : "";
        int put = channels == 1 ? snprintf(text + used, n - used, "%s%g: %.2f %%", comma,
                                           l->value / unit, share)
                                : snprintf(text + used, n - used, "%s(%llu %llu %llu): %.2f %%",
                                           comma, red, green, blue, share);
        if (put < 0 || (size_t)put >= n - used) {
            text[used] = 0;
            return;
        }
        used += (size_t)put;
    }
}

void fcs_stats_problem(const fcs_stats *stats, const fcs_image *image, double unit, char *text,
                       size_t n)
{
    text[0] = 0;
    if (stats->bad >= 0) {
        int64_t x = stats->bad % image->width, y = stats->bad / image->width % image->height;
        snprintf(text, n,
                 "not a number or infinite at x %lld, y %lld, page %lld; replace such values first",
                 (long long)x, (long long)y,
                 (long long)(stats->bad / image->width / image->height) + 1);
    } else if (stats->low == stats->high) {
        snprintf(text, n, "constant: all samples are %g; there is nothing to learn from it",
                 stats->low / unit);
    }
}
