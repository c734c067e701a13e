/* between.c: what is said of a whole set of single images: nearest real images, variety, distances
 * over features. Distances in pixels are root mean square differences; in features, Euclid's. */
#include "metrics/distance.h"
#include "metrics/evaluate.h"
#include "metrics/features.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_QUERIES = 64, MOST_PAIRED = 100 }; /* of real samples among themselves; of variety */

static int64_t length_of(const fcs_crops *c) { return c->box.width * c->box.height; }

/* ---- nearest real sample, in pixels ---- */

void fcs_turned(const fcs_crops *c, const float *v, int form, float *out)
{
    int64_t w = c->box.width, h = c->box.height;
    for (int64_t y = 0; y < h; y++)
        for (int64_t x = 0; x < w; x++) {
            int64_t sx = form & 1 ? w - 1 - x : x, sy = form & 2 ? h - 1 - y : y;
            out[y * w + x] = form & 4 ? v[sx * w + sy] : v[sy * w + sx];
        }
}

/* The sum of squared differences, or any number above `most` once it is passed. */
static double difference(const float *a, const float *b, int64_t n, double most)
{
    enum { PART = 256 };
    double sum = 0;
    for (int64_t i = 0; i < n && sum <= most; i += PART) {
        float part = 0;
        for (int64_t k = i; k < n && k < i + PART; k++)
            part += (a[k] - b[k]) * (a[k] - b[k]);
        sum += (double)part;
    }
    return sum;
}

typedef struct search {
    const fcs_evaluated *set, *real;
    int forms, every; /* each so many-th sample is a query */
    fcs_near *near;
    float *turned; /* a sample per thread */
} search;

static void search_some(void *arg, int64_t begin, int64_t end, int thread)
{
    const search *s = arg;
    int64_t n = length_of(&s->set->crops);
    for (int64_t q = begin; q < end; q++) {
        int64_t i = q * s->every;
        const float *v = s->set->values + i * n;
        fcs_near best = {-1, INFINITY, 0};
        for (int form = 0; form < s->forms; form++) {
            const float *turned = v;
            if (form) {
                float *to = s->turned + thread * n;
                fcs_turned(&s->set->crops, v, form, to);
                turned = to;
            }
            for (int k = 0; k < s->real->crops.n; k++) {
                double d = s->set == s->real && k == i
                               ? (double)INFINITY
                               : difference(turned, s->real->values + k * n, n, best.distance);
                if (d < best.distance)
                    best = (fcs_near){k, d, form};
            }
        }
        best.distance = sqrt(best.distance / (double)n);
        s->near[i] = best;
    }
}

static fcs_near *near_new(fcs_error *e, int n)
{
    fcs_near *near = fcs_alloc_array(e, (size_t)n, sizeof *near);
    for (int i = 0; near && i < n; i++)
        near[i] = (fcs_near){-1, (double)NAN, 0};
    return near;
}

/* Real samples among themselves: some of them tell as much. */
static int every_of(const fcs_evaluated *set, const fcs_evaluated *real)
{
    return set == real ? (set->crops.n + MOST_QUERIES - 1) / MOST_QUERIES : 1;
}

static fcs_status near_pixels(fcs_context *ctx, fcs_evaluated *set, const fcs_evaluated *real)
{
    const fcs_crops *c = &set->crops;
    search s = {.set = set, .real = real, .every = every_of(set, real)};
    s.forms = c->box.width == c->box.height ? 8 : 4;
    s.near = set->near = near_new(&ctx->error, c->n);
    s.turned = fcs_alloc_array(&ctx->error, (size_t)fcs_team_size(ctx->team),
                               (size_t)length_of(c) * sizeof *s.turned);
    fcs_status status = s.near && s.turned ? FCS_OK : FCS_FAILED;
    if (!status && (set != real || c->n > 1))
        fcs_parallel(ctx->team, (c->n + s.every - 1) / s.every, 1, search_some, &s);
    free(s.turned);
    return status;
}

/* ---- features ---- */

/* Colours are seen as they are; all else as it is measured. */
static fcs_status features_of(fcs_features *f, const fcs_evaluated *set, int i, double *out)
{
    const fcs_crops *c = &set->crops;
    const fcs_place *at = &c->places[i];
    const fcs_image grey = {.width = c->box.width,
                            .height = c->box.height,
                            .depth = 1,
                            .channels = 1,
                            .sample = FCS_F32,
                            .data = set->values + i * length_of(c)};
    const fcs_part part = {at->x, at->y, c->box.width, c->box.height};
    if (at->source->image->channels == 3 && c->across == 'z')
        return fcs_features_of(f, at->source->image, at->z, &part, at->source->offset,
                               at->source->scale, out, NULL);
    return fcs_features_of(f, &grey, 0, NULL, 0, 1, out, NULL);
}

static fcs_status fill_features(fcs_context *ctx, fcs_features *f, fcs_evaluated *set)
{
    int n = set->crops.n;
    set->n_features = fcs_features_size(f);
    set->features = fcs_alloc_array(&ctx->error, (size_t)(n * set->n_features), sizeof(double));
    fcs_status status = set->features ? FCS_OK : FCS_FAILED;
    for (int i = 0; i < n && !status; i++)
        status = ctx->interrupted
                     ? fcs_fail(&ctx->error, FCS_INTERRUPTED, "evaluate: stopped on request")
                     : features_of(f, set, i, set->features + i * set->n_features);
    return status;
}

static double feature_distance(const fcs_evaluated *a, int i, const fcs_evaluated *b, int k)
{
    const double *x = a->features + i * a->n_features, *y = b->features + k * b->n_features;
    double sum = 0;
    for (int64_t d = 0; d < a->n_features; d++)
        sum += (x[d] - y[d]) * (x[d] - y[d]);
    return sqrt(sum);
}

static fcs_status near_features(fcs_context *ctx, fcs_evaluated *set, const fcs_evaluated *real)
{
    set->near_features = near_new(&ctx->error, set->crops.n);
    int every = every_of(set, real);
    for (int i = 0; set->near_features && i < set->crops.n; i += every)
        for (int k = 0; k < real->crops.n; k++) {
            double d = set == real && i == k ? (double)NAN : feature_distance(set, i, real, k);
            fcs_near *best = &set->near_features[i];
            if (d < best->distance || (best->index < 0 && !isnan(d)))
                *best = (fcs_near){k, d, 0};
        }
    return set->near_features ? FCS_OK : FCS_FAILED;
}

static bool wants(const fcs_protocol *p, fcs_between *between)
{
    for (int i = 0; i < p->n_slots; i++)
        if (p->slots[i].metric->between == between)
            return true;
    return false;
}

static bool wants_any(const fcs_protocol *p, bool of_features)
{
    for (int i = 0; i < p->n_slots; i++)
        if (p->slots[i].metric->between && p->slots[i].metric->of_features >= of_features)
            return true;
    return false;
}

static fcs_status fill_values(fcs_error *e, fcs_evaluated *set)
{
    const fcs_crops *c = &set->crops;
    set->values = fcs_alloc_array(e, (size_t)c->n, (size_t)length_of(c) * sizeof *set->values);
    for (int i = 0; set->values && i < c->n; i++)
        fcs_crop_page(c, i, 0, set->values + i * length_of(c));
    return set->values ? FCS_OK : FCS_FAILED;
}

static void note_few(fcs_context *ctx, const fcs_evaluated *set)
{
    if (set->crops.n <= set->n_features)
        fcs_note(ctx,
                 "%s: %d samples for %lld features: the Frechet distance comes out too large; "
                 "compare sets of equal numbers, or use the kernel distance",
                 set->set->name, set->crops.n, (long long)set->n_features);
}

fcs_status fcs_between_prepare(fcs_context *ctx, const fcs_protocol *p, fcs_evaluated *sets, int n)
{
    fcs_status status = FCS_OK;
    for (int s = 0; s < n && !status && wants_any(p, false); s++)
        status = fill_values(&ctx->error, &sets[s]);
    for (int s = 0; s < n && !status && wants_any(p, true); s++) {
        status = fill_features(ctx, p->features, &sets[s]);
        if (!status && wants(p, fcs_between_frechet))
            note_few(ctx, &sets[s]);
    }
    for (int s = 0; s < n && !status && wants(p, fcs_between_nearest_pixels); s++)
        status = near_pixels(ctx, &sets[s], &sets[0]);
    for (int s = 0; s < n && !status && wants(p, fcs_between_nearest_features); s++)
        status = near_features(ctx, &sets[s], &sets[0]);
    return status;
}

/* ---- findings ---- */

/* Mean and standard deviation; NaN left out. */
typedef struct moments {
    double n, sum, squares;
} moments;

static void moments_add(moments *m, double v)
{
    if (isnan(v))
        return;
    m->n++;
    m->sum += v;
    m->squares += v * v;
}

static double mean_of(const moments *m) { return m->n > 0 ? m->sum / m->n : (double)NAN; }

static double deviation_of(const moments *m)
{
    double mean = mean_of(m);
    return m->n > 1 ? sqrt(fmax(m->squares - m->n * mean * mean, 0) / (m->n - 1)) : (double)NAN;
}

static void find_moments(const moments *set, const moments *real, fcs_finding *f)
{
    f->value = mean_of(set);
    f->real = mean_of(real);
    f->floor = deviation_of(real);
}

static moments near_moments(const fcs_near *near, int n)
{
    moments m = {0};
    for (int i = 0; i < n; i++)
        moments_add(&m, near[i].index < 0 ? (double)NAN : near[i].distance);
    return m;
}

fcs_status fcs_between_nearest_pixels(fcs_context *ctx, const fcs_evaluated *set,
                                      const fcs_evaluated *real, fcs_finding *f)
{
    moments a = near_moments(set->near, set->crops.n), b = near_moments(real->near, real->crops.n);
    (void)ctx;
    find_moments(&a, &b, f);
    return FCS_OK;
}

fcs_status fcs_between_nearest_features(fcs_context *ctx, const fcs_evaluated *set,
                                        const fcs_evaluated *real, fcs_finding *f)
{
    moments a = near_moments(set->near_features, set->crops.n),
            b = near_moments(real->near_features, real->crops.n);
    (void)ctx;
    find_moments(&a, &b, f);
    return FCS_OK;
}

/* Over pairs of up to MOST_PAIRED samples, spread evenly. */
static moments pair_moments(const fcs_evaluated *set, bool features)
{
    moments m = {0};
    int n = set->crops.n, used = n < MOST_PAIRED ? n : MOST_PAIRED;
    int64_t length = length_of(&set->crops);
    for (int a = 0; a < used; a++)
        for (int b = a + 1; b < used; b++) {
            int i = (int)((int64_t)a * n / used), k = (int)((int64_t)b * n / used);
            const float *values = set->values;
            moments_add(&m, features ? feature_distance(set, i, set, k)
                                     : sqrt(difference(values + i * length, values + k * length,
                                                       length, INFINITY) /
                                            (double)length));
        }
    return m;
}

static void find_variety(const fcs_evaluated *set, const fcs_evaluated *real, bool features,
                         fcs_finding *f)
{
    moments a = pair_moments(set, features), b = pair_moments(real, features);
    find_moments(&a, &b, f);
}

fcs_status fcs_between_variety_pixels(fcs_context *ctx, const fcs_evaluated *set,
                                      const fcs_evaluated *real, fcs_finding *f)
{
    (void)ctx;
    find_variety(set, real, false, f);
    return FCS_OK;
}

fcs_status fcs_between_variety_features(fcs_context *ctx, const fcs_evaluated *set,
                                        const fcs_evaluated *real, fcs_finding *f)
{
    (void)ctx;
    find_variety(set, real, true, f);
    return FCS_OK;
}

typedef fcs_status distance(fcs_error *e, const fcs_vectors *a, const fcs_vectors *b, double *out);

/* The real value is that between the even and the odd real samples. */
static fcs_status find_distance(fcs_context *ctx, const fcs_evaluated *set,
                                const fcs_evaluated *real, distance *of, fcs_finding *f)
{
    int64_t size = real->n_features, half = real->crops.n / 2;
    const fcs_vectors a = {set->features, set->crops.n, size},
                      b = {real->features, real->crops.n, size};
    if (of(&ctx->error, &a, &b, &f->value) != FCS_OK) {
        fcs_error_where(&ctx->error, "%s against %s", set->set->name, real->set->name);
        return FCS_FAILED;
    }
    if (half < 2)
        return FCS_OK;
    double *halves = fcs_alloc_array(&ctx->error, (size_t)(2 * half * size), sizeof *halves);
    if (!halves)
        return FCS_FAILED;
    for (int64_t i = 0; i < 2 * half; i++)
        memcpy(halves + (i % 2 * half + i / 2) * size, real->features + i * size,
               (size_t)size * sizeof *halves);
    const fcs_vectors even = {halves, half, size}, odd = {halves + half * size, half, size};
    fcs_status status = of(&ctx->error, &even, &odd, &f->real);
    f->floor = f->real;
    free(halves);
    return status;
}

fcs_status fcs_between_frechet(fcs_context *ctx, const fcs_evaluated *set,
                               const fcs_evaluated *real, fcs_finding *f)
{
    return find_distance(ctx, set, real, fcs_frechet_distance, f);
}

fcs_status fcs_between_kernel(fcs_context *ctx, const fcs_evaluated *set, const fcs_evaluated *real,
                              fcs_finding *f)
{
    return find_distance(ctx, set, real, fcs_kernel_distance, f);
}
