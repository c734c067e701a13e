/* dataset.c: crops for training from one image, a stack, a volume, or a folder of them. */
#include "image/phases.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NAMED_MAX = 8 }; /* unusable files named in the log, one by one */

typedef struct item {
    fcs_image *image;
    int64_t
        first; /* number of its first choice; a stack is one choice a page where crops are flat */
} item;

struct fcs_dataset {
    fcs_dataset_options o;
    item *items;
    size_t capacity;
    int n;
    int64_t choices;
    int channels;
    fcs_sample sample; /* of the first file; scaled images are floats */
    double from, to;   /* of fcs_image's integer or float values, scaled to o.low..o.high */
    double mean[FCS_PHASES_MAX];
    fcs_stats stats;
    double unit;                      /* fcs_facts.unit of the files */
    fcs_phases phases;                /* n 0: values */
    double threshold[FCS_PHASES_MAX]; /* as fcs_image_value counts */
    struct fcs_dataset *part[2];      /* of the axes y and z */
    bool full_range;                  /* integers of both widths: each type's whole range */
};

void fcs_dataset_free(fcs_dataset *d)
{
    if (!d)
        return;
    for (int i = 0; i < d->n; i++)
        fcs_image_free(d->items[i].image);
    fcs_dataset_free(d->part[0]);
    fcs_dataset_free(d->part[1]);
    free(d->items);
    free(d);
}

int fcs_dataset_channels(const fcs_dataset *d) { return d->channels; }

int64_t fcs_dataset_images(const fcs_dataset *d) { return d->choices; }

int64_t fcs_dataset_crops(const fcs_dataset *d)
{
    int64_t n = 0;
    for (int i = 0; i < d->n; i++) {
        const fcs_image *m = d->items[i].image;
        int64_t pages = d->o.depth == 1 ? m->depth : m->depth - d->o.depth + 1;
        n += pages * (m->height - d->o.height + 1) * (m->width - d->o.width + 1);
    }
    return n;
}

int64_t fcs_dataset_epoch(const fcs_dataset *d)
{
    bool whole = d->o.fitting.tile || d->o.fitting.fit || fcs_dataset_crops(d) == d->choices;
    return whole && d->choices > 1 ? d->choices : 0;
}

void fcs_dataset_range(const fcs_dataset *d, double *from, double *to)
{
    *from = d->from;
    *to = d->to;
}

bool fcs_dataset_is_float(const fcs_dataset *d) { return d->sample == FCS_F32; }

double fcs_dataset_mean(const fcs_dataset *d, int channel) { return d->mean[channel]; }

const fcs_phases *fcs_dataset_phases(const fcs_dataset *d)
{
    return d->phases.n ? &d->phases : NULL;
}

bool fcs_dataset_has_parts(const fcs_dataset *d) { return d->part[0] != NULL; }

const fcs_dataset *fcs_dataset_part(const fcs_dataset *d, int axis)
{
    return axis > 0 && d->part[0] ? d->part[axis - 1] : d;
}

static bool wants_phases(const fcs_dataset_options *o)
{
    return o->phases && strcmp(o->phases, "none") != 0;
}

static fcs_status check_options(fcs_error *e, const fcs_dataset_options *o)
{
    const fcs_fitting *f = &o->fitting;
    if (o->width < 1 || o->height < 1 || o->depth < 1)
        return fcs_fail(e, FCS_FAILED,
                        "data: a crop of %lld x %lld x %lld pixels; each must be at least 1",
                        (long long)o->width, (long long)o->height, (long long)o->depth);
    if (o->rotate && o->width != o->height)
        return fcs_fail(e, FCS_FAILED,
                        "data: rotation needs square crops, not %lld x %lld; switch rotate off",
                        (long long)o->width, (long long)o->height);
    if (!(o->low < o->high) || !isfinite(o->low) || !isfinite(o->high))
        return fcs_fail(e, FCS_FAILED, "data: range %g..%g; low must be below high", o->low,
                        o->high);
    if (o->depth > 1 && (f->tile || f->fit))
        return fcs_fail(e, FCS_FAILED,
                        "data: tiles and resizing are for images, not for volumes %lld deep; "
                        "set data.tile = 0 and data.resize = \"none\"",
                        (long long)o->depth);
    if (f->tile && f->fit)
        return fcs_fail(e, FCS_FAILED,
                        "data: tiles are scaled to the crop's size themselves; set data.resize = "
                        "\"none\" or data.tile = 0");
    if (f->stride && !f->tile)
        return fcs_fail(e, FCS_FAILED, "data: a stride of %lld, but no tiles: set data.tile too",
                        (long long)f->stride);
    return FCS_OK;
}

static fcs_status check_size(fcs_error *e, const char *path, const fcs_image *m,
                             const fcs_dataset_options *o)
{
    if (o->fitting.tile || o->fitting.fit)
        return fcs_fit_check(e, path, m, &o->fitting);
    if (m->width >= o->width && m->height >= o->height && m->depth >= o->depth)
        return FCS_OK;
    return fcs_fail(
        e, FCS_FAILED,
        "%s: %lld x %lld x %lld pixels are smaller than the crop, %lld x %lld x %lld; choose a "
        "smaller crop or larger images, or data.resize = \"cover\" to enlarge them",
        path, (long long)m->width, (long long)m->height, (long long)m->depth, (long long)o->width,
        (long long)o->height, (long long)o->depth);
}

/* Integers of one or both widths, or floats; but not both kinds in one folder. */
static fcs_status merge(fcs_error *e, fcs_dataset *d, const char *path, const fcs_image *m,
                        const fcs_stats *stats)
{
    if (d->n == 0) {
        d->stats = *stats;
        d->sample = m->sample;
        return FCS_OK;
    }
    fcs_sample first = d->sample;
    if ((first == FCS_F32) != (m->sample == FCS_F32))
        return fcs_fail(
            e, FCS_FAILED,
            "%s: %s samples, but the files before it hold %s; their scales cannot be compared",
            path, m->sample == FCS_F32 ? "float" : "integer",
            first == FCS_F32 ? "floats" : "integers");
    d->full_range = d->full_range || first != m->sample;
    fcs_stats_merge(&d->stats, stats);
    return FCS_OK;
}

/* Sums in units of each sample type's maximum, so that files of both widths add up; grey counts for
 * all channels. */
static void add_means(fcs_dataset *d, fcs_sample sample, int channels, const fcs_stats *stats)
{
    for (int c = 0; c < 4; c++)
        d->mean[c] += stats->sum[c < channels ? c : 0] / fcs_sample_max(sample);
}

/* Phases are grey levels of one kind of sample. */
static fcs_status check_phases(fcs_error *e, const fcs_dataset *d, const char *path,
                               const fcs_image *m, const fcs_stats *stats, double unit)
{
    if (!wants_phases(&d->o))
        return FCS_OK;
    if (m->channels > 1 && !stats->grey)
        return fcs_fail(e, FCS_FAILED,
                        "%s: is a colour image, and phases are grey levels; convert it to grey, or "
                        "learn its colours with a recipe of data.phases = none",
                        path);
    if (d->n > 0 && (d->sample != m->sample || d->unit < unit || d->unit > unit))
        return fcs_fail(
            e, FCS_FAILED,
            "%s: has another number of bits than the files before it, whose grey levels "
            "are phases; convert them to one kind",
            path);
    return FCS_OK;
}

/* *is_image: the file could be read, whatever else is wrong with it. */
static fcs_status add_file(fcs_context *ctx, fcs_error *e, fcs_dataset *d, const char *path,
                           bool only, fcs_stats *stats, bool *is_image)
{
    fcs_facts facts;
    fcs_image *m;
    char text[200];
    *is_image = fcs_decode(ctx, e, path, &facts, &m) == FCS_OK;
    if (!*is_image)
        return FCS_FAILED;
    if (d->o.channels == 1)
        fcs_image_to_grey(m);
    fcs_status status = check_size(e, path, m, &d->o);
    if (!status) {
        fcs_stats_of(m, stats);
        fcs_stats_problem(stats, m, facts.unit, text, sizeof text);
        if (text[0] && (only || stats->bad >= 0)) /* a folder may hold a few constant images */
            status = fcs_fail(e, FCS_FAILED, "%s: %s", path, text);
    }
    fcs_sample sample = m->sample;
    if (!status)
        status = check_phases(e, d, path, m, stats, facts.unit);
    if (!status)
        status = merge(e, d, path, m, stats);
    if (!status && stats->grey)
        fcs_image_to_grey(m);
    if (!status)
        status = fcs_fit_image(e, &m, &d->o.fitting);
    if (!status && !fcs_grow(e, &d->items, &d->capacity, (size_t)d->n + 1, sizeof *d->items))
        status = FCS_FAILED;
    if (status) {
        fcs_image_free(m);
        return status;
    }
    add_means(d, sample, m->channels, stats);
    d->channels = m->channels > d->channels ? m->channels : d->channels;
    d->unit = facts.unit;
    d->items[d->n++] = (item){m, d->choices};
    d->choices += d->o.depth == 1 ? m->depth : 1;
    fcs_stats_plan(stats, sample, m->channels, facts.unit, d->o.low, d->o.high, text, sizeof text);
    if (only && !wants_phases(&d->o))
        fcs_note(ctx, "%s: %lld x %lld x %lld pixels, %s%s%s", path, (long long)facts.width,
                 (long long)facts.height, (long long)facts.depth, text, facts.note[0] ? "; " : "",
                 facts.note);
    if (only && d->o.fitting.tile)
        fcs_note(ctx, "%s: %lld tiles", path, (long long)m->depth);
    return FCS_OK;
}

void fcs_note_skipped(fcs_context *ctx, int number, const char *why)
{
    if (number <= NAMED_MAX)
        fcs_note(ctx, "skipped: %s", why);
    else if (number == NAMED_MAX + 1)
        fcs_note(ctx, "skipped: %s; further ones are only counted", why);
}

static fcs_status add_folder(fcs_context *ctx, fcs_dataset *d, const char *path,
                             const fcs_paths *paths, fcs_stats *stats)
{
    int skipped = 0;
    bool is_image = false,
         told = false; /* an image's reason tells more than that of a file that is none */
    fcs_error first = {0};
    for (int i = 0; i < paths->n; i++) {
        fcs_error own = {0};
        if (ctx->interrupted)
            return fcs_fail(&ctx->error, FCS_INTERRUPTED, "%s: interrupted while reading", path);
        if (add_file(ctx, &own, d, paths->path[i], false, stats, &is_image) == FCS_OK)
            continue;
        if (skipped++ == 0 || (is_image && !told))
            first = own;
        told = told || is_image;
        fcs_note_skipped(ctx, skipped, own.message);
    }
    if (d->n == 0)
        return fcs_fail(&ctx->error, FCS_FAILED, "%s: none of its %d files can be used; %s", path,
                        paths->n, first.message);
    if (d->stats.low == d->stats.high)
        return fcs_fail(&ctx->error, FCS_FAILED,
                        "%s: all samples of its %d images are equal; there is nothing to learn",
                        path, d->n);
    char text[200];
    fcs_stats_plan(&d->stats, d->sample, d->channels, 1, d->o.low, d->o.high, text, sizeof text);
    fcs_note(ctx, "%s: %d images used, %d files skipped; %s", path, d->n, skipped,
             d->full_range ? "8- and 16-bit integers, each type's full range scaled" : text);
    if (d->o.fitting.tile)
        fcs_note(ctx, "%s: %lld tiles", path, (long long)d->choices);
    return FCS_OK;
}

static void finish(fcs_dataset *d)
{
    double max = fcs_sample_max(d->sample);
    fcs_stats_range(&d->stats, d->sample, &d->from, &d->to);
    d->from /= max; /* as fcs_image_value counts */
    d->to /= max;
    if (d->full_range) {
        d->from = 0;
        d->to = 1;
    }
    if (d->o.channels > d->channels)
        d->channels = d->o.channels;
    for (int c = 0; c < 4; c++) {
        double t = (d->mean[c] / (double)d->stats.pixels - d->from) / (d->to - d->from);
        d->mean[c] = d->o.low * (1 - t) + d->o.high * t;
    }
}

/* ---- phases ---- */
static int phase_of(const fcs_dataset *d, double value)
{
    int k = 0;
    while (k + 1 < d->phases.n && value > d->threshold[k])
        k++;
    return k;
}

static fcs_status count_phases(fcs_error *e, fcs_dataset *d, const char *path)
{
    int64_t pixels[FCS_PHASES_MAX] = {0};
    for (int i = 0; i < d->n; i++) {
        const fcs_image *m = d->items[i].image;
        for (int64_t z = 0; z < m->depth; z++)
            for (int64_t y = 0; y < m->height; y++)
                for (int64_t x = 0; x < m->width; x++)
                    pixels[phase_of(d, fcs_image_value(m, z, y, x, 0))]++;
    }
    return fcs_phases_share(e, path, &d->phases, pixels);
}

/* From here on there is a channel for each phase. */
static fcs_status find_phases(fcs_context *ctx, fcs_dataset *d, const char *path)
{
    fcs_error *e = &ctx->error;
    char text[400];
    bool bytes = d->sample == FCS_U8;
    fcs_histogram h = {.low = bytes ? 0 : d->stats.low, .high = bytes ? 255 : d->stats.high};
    for (int i = 0; i < d->n; i++)
        fcs_histogram_add(&h, d->items[i].image,
                          fcs_sample_max(d->sample) / fcs_sample_max(d->items[i].image->sample));
    fcs_status status = fcs_phases_find(e, path, d->o.phases, &d->stats, &h, d->unit, &d->phases);
    if (status)
        return status;
    for (int k = 0; k + 1 < d->phases.n; k++)
        d->threshold[k] = d->phases.threshold[k] * d->unit / fcs_sample_max(d->sample);
    if ((status = count_phases(e, d, path)) != FCS_OK)
        return status;
    d->channels = d->phases.n;
    for (int k = 0; k < d->phases.n; k++)
        d->mean[k] = d->o.low * (1 - d->phases.share[k]) + d->o.high * d->phases.share[k];
    const fcs_image *m = d->items[0].image;
    fcs_phases_text(&d->phases, text, sizeof text);
    if (d->n == 1)
        fcs_note(ctx, "%s: %lld x %lld x %lld pixels, %s", path, (long long)m->width,
                 (long long)m->height, (long long)m->depth, text);
    else
        fcs_note(ctx, "%s: %d images, %s", path, d->n, text);
    return FCS_OK;
}

static void note_variety(fcs_context *ctx, const fcs_dataset *d, const char *path)
{
    const fcs_image *m = d->items[0].image;
    if (d->choices == 1 && m->width == d->o.width && m->height == d->o.height &&
        m->depth == d->o.depth)
        fcs_note(ctx,
                 "note: %s is just one crop: what is learnt from it cannot have more variety than "
                 "that; data.flip_x, flip_y and rotate add to it where the material allows them",
                 path);
}

fcs_status fcs_dataset_open_axes(fcs_context *ctx, const char *const paths[3],
                                 const fcs_dataset_options *o, fcs_dataset **out)
{
    fcs_dataset *d[3] = {NULL};
    fcs_status status = FCS_OK;
    *out = NULL;
    for (int i = 0; i < 3 && !status; i++) {
        status = fcs_dataset_open(ctx, paths[i], o, &d[i]);
        if (status || i == 0 || d[i]->channels == d[0]->channels)
            continue;
        status =
            fcs_fail(&ctx->error, FCS_FAILED, "%s: has %d %s, %s has %d; the three axes must agree",
                     paths[i], d[i]->channels, d[i]->phases.n ? "phases" : "channels", paths[0],
                     d[0]->channels);
    }
    if (status) {
        for (int i = 0; i < 3; i++)
            fcs_dataset_free(d[i]);
        return status;
    }
    d[0]->part[0] = d[1];
    d[0]->part[1] = d[2];
    *out = d[0];
    return FCS_OK;
}

fcs_status fcs_dataset_open(fcs_context *ctx, const char *path, const fcs_dataset_options *o,
                            fcs_dataset **out)
{
    fcs_error *e = &ctx->error;
    fcs_paths paths = {0};
    fcs_error_clear(e);
    *out = NULL;
    fcs_status status = check_options(e, o);
    if (status || (status = fcs_paths_of(e, path, &paths)) != FCS_OK)
        return status;
    fcs_dataset *d = fcs_alloc(e, sizeof *d);
    fcs_stats *stats = d ? fcs_alloc(e, sizeof *stats) : NULL;
    status = stats ? FCS_OK : FCS_FAILED;
    if (!status) {
        bool is_image;
        d->o = *o;
        d->o.fitting.width = o->width;
        d->o.fitting.height = o->height;
        status = paths.is_folder ? add_folder(ctx, d, path, &paths, stats)
                                 : add_file(ctx, e, d, path, true, stats, &is_image);
    }
    free(stats);
    fcs_paths_free(&paths);
    if (!status) {
        finish(d);
        if (wants_phases(o))
            status = find_phases(ctx, d, path);
    }
    if (status) {
        fcs_dataset_free(d);
        return status;
    }
    note_variety(ctx, d, path);
    d->o.phases = NULL; /* the caller's */
    *out = d;
    return FCS_OK;
}

static const item *item_of(const fcs_dataset *d, int64_t choice)
{
    int low = 0, high = d->n;
    while (high - low > 1) {
        int middle = low + (high - low) / 2;
        if (d->items[middle].first <= choice)
            low = middle;
        else
            high = middle;
    }
    return &d->items[low];
}

/* The pixel of the image that pixel (y, x) of the crop shows: turned by quarter turns, then
 * mirrored. */
typedef struct turn {
    bool mirror_x, mirror_y, transpose;
} turn;

/* Channel c of a pixel: its value, or whether it is phase c. */
static float channel_of(const fcs_dataset *d, const fcs_image *m, int64_t z, int64_t y, int64_t x,
                        int c)
{
    double v = fcs_image_value(m, z, y, x, d->phases.n || c >= m->channels ? 0 : c);
    v = d->phases.n ? phase_of(d, v) == c : (v - d->from) / (d->to - d->from);
    return (float)(d->o.low * (1 - v) + d->o.high * v);
}

static void fill_crop(const fcs_dataset *d, const fcs_image *m, int64_t z0, int64_t y0, int64_t x0,
                      turn t, float *out)
{
    int64_t width = d->o.width, height = d->o.height;
    for (int c = 0; c < d->channels; c++)
        for (int64_t z = 0; z < d->o.depth; z++)
            for (int64_t y = 0; y < height; y++)
                for (int64_t x = 0; x < width; x++) {
                    int64_t sy = t.transpose ? x : y, sx = t.transpose ? y : x;
                    sy = t.mirror_y ? height - 1 - sy : sy;
                    sx = t.mirror_x ? width - 1 - sx : sx;
                    *out++ = channel_of(d, m, z0 + z, y0 + sy, x0 + sx, c);
                }
}

/* Number `index` of an endless sequence in which each n numbers in a row are a permutation of
 * 0..n-1, a different one each time: a Feistel network on the next even power of two, repeated
 * until the result is below n (Black and Rogaway 2002). */
static int64_t permuted(uint64_t seed, uint32_t stream, uint64_t index, int64_t n)
{
    enum { ROUNDS = 6 };
    const uint64_t epoch = index / (uint64_t)n, key = stream ^ 0x9e3779b9u;
    int half = 1;
    while (((int64_t)1 << 2 * half) < n)
        half++;
    int64_t side = (int64_t)1 << half, v = (int64_t)(index % (uint64_t)n);
    do {
        int64_t left = v / side, right = v % side;
        for (uint64_t round = 0; round < ROUNDS; round++) {
            int64_t f =
                fcs_random_below(seed, epoch, (uint32_t)key, round << 32 | (uint64_t)right, side);
            int64_t next = left ^ f;
            left = right;
            right = next;
        }
        v = left * side + right;
    } while (v >= n);
    return v;
}

void fcs_dataset_crop(const fcs_dataset *d, uint64_t seed, uint32_t stream, uint64_t index,
                      float *out)
{
    enum { Z = 1, Y, X, MIRROR_X, MIRROR_Y, TURN };
    int64_t choice = permuted(seed, stream, index, d->choices);
    const item *i = item_of(d, choice);
    const fcs_image *m = i->image;
    int64_t z = d->o.depth == 1
                    ? choice - i->first
                    : fcs_random_below(seed, index, stream, Z, m->depth - d->o.depth + 1);
    int64_t y = fcs_random_below(seed, index, stream, Y, m->height - d->o.height + 1);
    int64_t x = fcs_random_below(seed, index, stream, X, m->width - d->o.width + 1);
    turn t = {
        .mirror_x = d->o.flip_x && fcs_random_below(seed, index, stream, MIRROR_X, 2),
        .mirror_y = d->o.flip_y && fcs_random_below(seed, index, stream, MIRROR_Y, 2),
    };
    int64_t quarter = d->o.rotate ? fcs_random_below(seed, index, stream, TURN, 4) : 0;
    /* One quarter turn is a transposition and one mirroring, two are both mirrorings. */
    t.transpose = quarter & 1;
    t.mirror_x ^= quarter == 1 || quarter == 2;
    t.mirror_y ^= quarter == 2 || quarter == 3;
    fill_crop(d, m, z, y, x, t, out);
}

void fcs_dataset_image(const fcs_dataset *d, int64_t i, float *out)
{
    const item *from = item_of(d, i);
    const fcs_image *m = from->image;
    int64_t z = d->o.depth == 1 ? i - from->first : (m->depth - d->o.depth) / 2;
    fill_crop(d, m, z, (m->height - d->o.height) / 2, (m->width - d->o.width) / 2, (turn){0}, out);
}
