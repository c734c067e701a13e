/* generate.c: images of any size from a trained generator: slabs of tiles, an optional median
 * filter and threshold, rows into a file or into memory. Memory does not grow with the image's
 * height (nor depth). */
#include "train/run.h"
#include "train/tiles.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct generation {
    fcs_run *run;
    fcs_error *e;
    fcs_generate_options o;
    int64_t size[3];
    fcs_generator made;
    fcs_tiler *tiler;  /* its */
    double low, scale; /* of the generator's range */
    int64_t tiles, tiles_done;
    int phases;                  /* 0: values */
    float level[FCS_PHASES_MAX]; /* what is written for each phase */
    fcs_sample sample;           /* of files */
    bool onehot;
    float *slab, *rows;   /* its */
    size_t window_floats; /* of a thread */
    float *window;        /* of the median filter */
} generation;

/* ---- the options ---- */

static fcs_status check_options(generation *g)
{
    const fcs_generate_options *o = &g->o;
    if (o->width < 0 || o->height < 0 || o->depth < 0 || o->width > INT32_MAX ||
        o->height > INT32_MAX || o->depth > INT32_MAX)
        return fcs_fail(g->e, FCS_FAILED, "size %lldx%lldx%lld: sides must be 1 to %d pixels",
                        (long long)o->width, (long long)o->height, (long long)o->depth, INT32_MAX);
    if (o->median < 0 || o->median > 31 || (o->median && o->median % 2 == 0))
        return fcs_fail(g->e, FCS_FAILED, "median %d: the filter's side must be odd, 1 to 31",
                        o->median);
    if (o->has_threshold && !(o->threshold >= 0 && o->threshold <= 1))
        return fcs_fail(g->e, FCS_FAILED, "threshold %g: must lie in 0 to 1", o->threshold);
    if (o->count < 0 || o->first < 0)
        return fcs_fail(g->e, FCS_FAILED, "count %lld, first %lld: must not be negative",
                        (long long)o->count, (long long)o->first);
    return FCS_OK;
}

/* Grey levels of the data, as its files have them. */
static fcs_status set_labels(generation *g)
{
    float last = 0;
    bool whole = true;
    fcs_status s = fcs_tensor_get(g->run->model->level, g->level);
    for (int i = 0; i < g->phases; i++) {
        whole = whole && g->level[i] >= 0 && floorf(g->level[i]) >= g->level[i];
        last = g->level[i] > last ? g->level[i] : last;
    }
    g->sample = !whole || last > 65535 ? FCS_F32 : last > 255 ? FCS_U16 : FCS_U8;
    return s;
}

/* What becomes of phases: their grey levels, or shades evenly from 0 to 1, or a file each. */
static fcs_status set_format(generation *g, bool file)
{
    const char *format = g->o.format ? g->o.format : file ? "labels" : "grey";
    const fcs_recipe *r = g->run->recipe;
    g->phases = strcmp(fcs_recipe_word(r, "data.phases"), "none") ? g->run->model->channels : 0;
    g->onehot = strcmp(format, "onehot") == 0;
    bool labels = strcmp(format, "labels") == 0;
    if (!labels && !g->onehot && strcmp(format, "grey") != 0)
        return fcs_fail(g->e, FCS_FAILED, "format %.40s: give labels, grey or onehot", format);
    if (!g->phases && g->o.format && strcmp(format, "grey") != 0)
        return fcs_fail(g->e, FCS_FAILED,
                        "format %s: this run makes grey or colour values, not phases: leave it out",
                        format);
    if (g->phases && g->o.has_threshold)
        return fcs_fail(g->e, FCS_FAILED,
                        "threshold: this run makes phases, which need none: leave it out");
    for (int i = 0; i < g->phases; i++)
        g->level[i] = (float)i / (float)(g->phases - 1) * (file ? 255 : 1);
    return g->phases && labels ? set_labels(g) : FCS_OK;
}

static fcs_status set_density(generation *g)
{
    fcs_model *m = g->run->model;
    if (!g->o.n_density)
        return FCS_OK;
    for (int i = 0; i < g->o.n_density; i++)
        if (!(g->o.density[i] >= 0 && g->o.density[i] <= 1))
            return fcs_fail(g->e, FCS_FAILED, "density: shares lie in 0 to 1, not %g",
                            g->o.density[i]);
    if (!m->scheme->condition)
        return fcs_fail(g->e, FCS_FAILED,
                        "density: recipe %s takes none; slicegan-small with --set "
                        "latent.density=yes does",
                        g->run->recipe->name);
    return m->scheme->condition(m, g->o.density, g->o.n_density, g->e);
}

/* Volumes of other sizes are fine, but whoever asks for 100 may rather want 96 or 128. */
static void note_size(const generation *g)
{
    int64_t stride = g->run->model->stride;
    if (g->o.periodic || stride < 2 || fcs_recipe_depth(g->run->recipe) == 1)
        return;
    for (int a = 0; a < 3; a++)
        if (g->size[a] % stride) {
            fcs_note(g->run->ctx,
                     "note: %lldx%lldx%lld: sides are made in multiples of %lld and cut to size",
                     (long long)g->size[2], (long long)g->size[1], (long long)g->size[0],
                     (long long)stride);
            return;
        }
}

static void fill_in(generation *g)
{
    const fcs_recipe *r = g->run->recipe;
    fcs_generate_options *o = &g->o;
    int64_t side = (int64_t)fcs_recipe_number(r, "data.size");
    if (!o->width && !o->height) {
        o->depth = o->depth ? o->depth : fcs_recipe_depth(r);
        o->width = o->height = side;
    }
    o->width = o->width ? o->width : o->height;
    o->height = o->height ? o->height : o->width;
    o->depth = o->depth ? o->depth : 1;
    o->count = o->count ? o->count : 1;
    g->size[0] = o->depth;
    g->size[1] = o->height;
    g->size[2] = o->width;
    g->low = fcs_recipe_number(r, "data.low");
    g->scale = 1 / (fcs_recipe_number(r, "data.high") - g->low);
}

/* More would not fit into a file, and overflow counts. */
static fcs_status check_pixels(const generation *g)
{
    const int log2_most = 40;
    if ((double)g->size[0] * (double)g->size[1] * (double)g->size[2] <= ldexp(1, log2_most))
        return FCS_OK;
    return fcs_fail(g->e, FCS_FAILED, "size %lldx%lldx%lld: use 2^%d pixels at most",
                    (long long)g->size[2], (long long)g->size[1], (long long)g->size[0], log2_most);
}

/* ---- tiles and memory ---- */

void fcs_generator_free(fcs_generator *g)
{
    fcs_tiler_free(g->tiler);
    if (g->rows != g->slab)
        free(g->rows);
    free(g->slab);
    *g = (fcs_generator){.tiler = NULL};
}

static bool same_options(const fcs_tiler_options *a, const fcs_tiler_options *b)
{
    return !memcmp(a->size, b->size, sizeof a->size) && a->periodic == b->periodic &&
           a->halo == b->halo && a->phases == b->phases && a->memory == b->memory;
}

static fcs_status generator_new(fcs_run *run, fcs_generator *g)
{
    fcs_error *e = &run->ctx->error;
    fcs_status s = fcs_tiler_new(run->model, &g->options, e, &g->tiler);
    if (s)
        return s;
    size_t bytes = (size_t)fcs_tiler_slab_floats(g->tiler) * sizeof(float);
    g->slab = fcs_alloc_aligned(e, bytes);
    g->rows = fcs_tiler_rows_apart(g->tiler) ? fcs_alloc_aligned(e, bytes) : g->slab;
    return g->slab && g->rows ? FCS_OK : FCS_FAILED;
}

/* That of the run's latest generation, if it will do. */
static fcs_status find_generator(generation *g)
{
    fcs_generator *last = &g->run->generator;
    g->made.options = (fcs_tiler_options){
        .size = {g->size[0], g->size[1], g->size[2]},
        .periodic = g->o.periodic != 0,
        .halo = g->o.median / 2,
        .phases = g->phases > 0,
        .memory = g->o.memory,
    };
    bool fits = last->tiler && same_options(&last->options, &g->made.options);
    if (!fits)
        fcs_generator_free(last);
    fcs_status s = FCS_OK;
    if (fits)
        g->made = *last;
    else
        s = generator_new(g->run, &g->made);
    *last = (fcs_generator){.tiler = NULL};
    g->tiler = g->made.tiler;
    g->slab = g->made.slab;
    g->rows = g->made.rows;
    return s;
}

static fcs_status generation_open(generation *g, fcs_run *run, const fcs_generate_options *o,
                                  bool file)
{
    memset(g, 0, sizeof *g);
    g->run = run;
    g->e = &run->ctx->error;
    fcs_error_clear(g->e);
    if (o)
        g->o = *o;
    fcs_status s = check_options(g);
    if (!s)
        s = set_format(g, file);
    if (!s)
        s = set_density(g);
    if (s)
        return s;
    fill_in(g);
    if ((s = check_pixels(g)) != FCS_OK)
        return s;
    if (file)
        note_size(g);
    s = fcs_run_calibrate(run);
    if (!s)
        s = find_generator(g);
    if (s)
        return s;
    size_t threads = (size_t)fcs_team_size(run->ctx->team), k = (size_t)(g->o.median | 1);
    g->window_floats = k * k * k;
    g->window = fcs_alloc_array(g->e, threads * g->window_floats, sizeof *g->window);
    return g->window ? FCS_OK : FCS_FAILED;
}

/* s: how it ended. What met a failure, of a device perhaps, is not taken again. */
static void generation_close(generation *g, fcs_status s)
{
    if (s == FCS_OK || (s == FCS_INTERRUPTED && g->tiler))
        g->run->generator = g->made;
    else
        fcs_generator_free(&g->made);
    free(g->window);
}

/* ---- values ---- */

static float unit_value(const generation *g, float v)
{
    double x = ((double)v - g->low) * g->scale;
    if (g->o.has_threshold)
        return x > g->o.threshold ? 1 : 0;
    return (float)(x > 0 ? x < 1 ? x : 1 : 0); /* a NaN becomes 0 */
}

/* The middle one of n values, n odd (Hoare's selection). */
static float middle(float *v, int n)
{
    int lo = 0, hi = n - 1, k = n / 2;
    while (lo < hi) {
        float pivot = v[k];
        int i = lo, j = hi;
        while (i <= j) {
            while (v[i] < pivot)
                i++;
            while (pivot < v[j])
                j--;
            if (i <= j) {
                float t = v[i];
                v[i++] = v[j];
                v[j--] = t;
            }
        }
        if (j < k)
            lo = i;
        if (k < i)
            hi = j;
    }
    return v[k];
}

static int64_t clamp(int64_t a, int64_t n) { return a < 0 ? 0 : a < n ? a : n - 1; }

/* The median around (z, y, x) of a plane of the slab, n pixels; its own edges repeat, which are the
 * image's. */
static float median_at(const generation *g, const float *plane, const int64_t n[3],
                       const int64_t at[3], float *window)
{
    const int64_t h = g->o.median / 2, hz = g->size[0] > 1 ? h : 0;
    int count = 0;
    for (int64_t z = at[0] - hz; z <= at[0] + hz; z++)
        for (int64_t y = at[1] - h; y <= at[1] + h; y++)
            for (int64_t x = at[2] - h; x <= at[2] + h; x++)
                window[count++] =
                    plane[(clamp(z, n[0]) * n[1] + clamp(y, n[1])) * n[2] + clamp(x, n[2])];
    return middle(window, count);
}

typedef struct finishing {
    generation *g;
    const fcs_slab *slab;
    int64_t n[3], plane; /* the slab's sizes, their product */
} finishing;

/* Values of the slab. */
static void finish_values(void *arg, int64_t begin, int64_t end, int thread)
{
    generation *g = arg;
    (void)thread;
    for (int64_t i = begin; i < end; i++)
        g->slab[i] = unit_value(g, g->slab[i]);
}

/* Rows of the slab's core, interleaved. */
static void finish_lines(void *arg, int64_t begin, int64_t end, int thread)
{
    const finishing *f = arg;
    generation *g = f->g;
    const fcs_slab *s = f->slab;
    const int64_t height = s->core_hi[1] - s->core_lo[1], width = s->core_hi[2] - s->core_lo[2];
    const int channels = fcs_tiler_channels(g->tiler);
    float *window = g->window + (size_t)thread * g->window_floats;
    for (int64_t i = begin; i < end; i++) {
        float *to = g->rows + i * width * channels;
        int64_t at[3] = {s->core_lo[0] - s->lo[0] + i / height,
                         s->core_lo[1] - s->lo[1] + i % height};
        for (at[2] = s->core_lo[2] - s->lo[2]; at[2] < s->core_hi[2] - s->lo[2]; at[2]++)
            for (int c = 0; c < channels; c++) {
                const float *p = g->slab + c * f->plane;
                *to++ = g->o.median > 1 ? median_at(g, p, f->n, at, window)
                                        : p[(at[0] * f->n[1] + at[1]) * f->n[2] + at[2]];
            }
    }
}

/* The slab's core as interleaved rows. A threshold commutes with the median, so values are made
 * final first. */
static void finish_rows(generation *g, const fcs_slab *s)
{
    finishing f = {.g = g, .slab = s, .plane = 1};
    for (int a = 0; a < 3; a++)
        f.plane *= f.n[a] = s->hi[a] - s->lo[a];
    fcs_team *team = g->run->ctx->team;
    if (!g->phases)
        fcs_parallel(team, f.plane * fcs_tiler_channels(g->tiler), 16384, finish_values, g);
    if (g->rows == g->slab)
        return;
    fcs_parallel(team, (s->core_hi[0] - s->core_lo[0]) * (s->core_hi[1] - s->core_lo[1]), 16,
                 finish_lines, &f);
}

/* ---- streaming ---- */

static bool tile_done(void *user)
{
    generation *g = user;
    g->tiles_done++;
    if (g->o.progress)
        g->o.progress(g->o.user, (double)g->tiles_done / (double)g->tiles);
    return !g->run->ctx->interrupted;
}

/* Takes n finished rows of width * channels floats in [0,1]. */
typedef fcs_status row_sink(generation *g, float *rows, int64_t n, void *user);

static fcs_status stream(generation *g, int64_t realization, row_sink *sink, void *user)
{
    for (int64_t i = 0; i < fcs_tiler_slabs(g->tiler); i++) {
        fcs_slab slab;
        fcs_tiler_slab(g->tiler, i, &slab);
        fcs_status s =
            fcs_tiler_run(g->tiler, i, g->o.seed, realization, g->slab, tile_done, g, g->e);
        if (s == FCS_INTERRUPTED)
            return fcs_fail(g->e, s, "stopped on request: nothing was written");
        if (s)
            return s;
        finish_rows(g, &slab);
        s = sink(g, g->rows,
                 (slab.core_hi[0] - slab.core_lo[0]) * (slab.core_hi[1] - slab.core_lo[1]), user);
        if (s)
            return s;
    }
    return FCS_OK;
}

/* ---- into a file ---- */

/* The writers of an image: one, or one for each phase. */
typedef struct outputs {
    fcs_writer *writer[FCS_PHASES_MAX];
    int n;
    unsigned char *row; /* of one of several */
} outputs;

/* Samples in place: none lies behind the float it comes from. */
static fcs_status to_writer(generation *g, float *rows, int64_t n, void *user)
{
    const outputs *to = user;
    unsigned char *bytes = (unsigned char *)rows;
    int64_t count = n * g->size[2] * fcs_tiler_channels(g->tiler);
    for (int64_t i = 0; i < count; i++) {
        float v = g->phases ? g->level[(int)rows[i]] : rows[i] * 255;
        uint16_t wide = (uint16_t)(g->sample == FCS_U16 ? lrintf(v) : 0);
        if (g->sample == FCS_U8)
            bytes[i] = (unsigned char)lrintf(v);
        else if (g->sample == FCS_U16)
            memcpy(bytes + 2 * i, &wide, 2);
        else
            rows[i] = v;
    }
    return fcs_writer_rows(g->e, to->writer[0], bytes, n);
}

/* White where the phase is, a row at a time. */
static fcs_status to_phases(generation *g, float *rows, int64_t n, void *user)
{
    const outputs *to = user;
    const int64_t width = g->size[2];
    fcs_status s = FCS_OK;
    for (int64_t y = 0; y < n; y++)
        for (int c = 0; c < to->n && !s; c++) {
            for (int64_t x = 0; x < width; x++)
                to->row[x] = (int)rows[y * width + x] == c ? 255 : 0;
            s = fcs_writer_rows(g->e, to->writer[c], to->row, 1);
        }
    return s;
}

/* "a/b.tif", 2 -> "a/b-phase2.tif". */
static char *phase_path(fcs_error *e, const char *path, int phase)
{
    const char *name = strrchr(path, '/'), *dot = strrchr(name ? name : path, '.');
    size_t stem = dot ? (size_t)(dot - path) : strlen(path);
    return fcs_format(e, "%.*s-phase%d%s", (int)stem, path, phase, path + stem);
}

static fcs_status open_outputs(generation *g, const char *path, outputs *to)
{
    const fcs_form form = {.width = g->size[2],
                           .height = g->size[1],
                           .depth = g->size[0],
                           .channels = fcs_tiler_channels(g->tiler),
                           .sample = g->sample,
                           .voxel = g->o.voxel};
    int n = g->phases && g->onehot ? g->phases : 1;
    to->row = fcs_alloc(g->e, (size_t)g->size[2]);
    fcs_status s = to->row ? FCS_OK : FCS_FAILED;
    while (to->n < n && !s) {
        char *name = n > 1 ? phase_path(g->e, path, to->n + 1) : fcs_strdup(g->e, path);
        s = name ? fcs_writer_open(g->e, name, &form, &to->writer[to->n]) : FCS_FAILED;
        to->n += !s;
        free(name);
    }
    return s;
}

static fcs_status write_one(generation *g, int64_t realization, const char *path)
{
    outputs to = {.n = 0};
    fcs_status s = open_outputs(g, path, &to);
    if (!s)
        s = stream(g, realization, to.n > 1 ? to_phases : to_writer, &to);
    for (int i = 0; i < to.n; i++)
        if (s)
            fcs_writer_abort(to.writer[i]);
        else
            s = fcs_writer_commit(g->e, to.writer[i]);
    free(to.row);
    return s;
}

fcs_status fcs_generate(fcs_run *run, const fcs_generate_options *options, const char *path)
{
    generation g;
    fcs_status s = generation_open(&g, run, options, true);
    g.tiles = s ? 1 : g.o.count * fcs_tiler_tiles(g.tiler);
    for (int64_t i = 0; !s && i < g.o.count; i++) {
        int64_t realization = g.o.first + i;
        char *name =
            g.o.count > 1 ? fcs_path_numbered(g.e, path, realization) : fcs_strdup(g.e, path);
        s = name ? write_one(&g, realization, name) : FCS_FAILED;
        free(name);
    }
    generation_close(&g, s);
    if (s == FCS_INTERRUPTED)
        run->ctx->interrupted = 0;
    return s;
}

/* ---- into memory ---- */

typedef struct image_sink {
    const generation *g;
    fcs_image *image;
    size_t at;
    const float *rows;
} image_sink;

/* Rows' numbers from `begin` on. The threads share it because the image's pages are touched first
 * here. */
static void image_values(void *arg, int64_t begin, int64_t end, int thread)
{
    const image_sink *sink = arg;
    const generation *g = sink->g;
    float *to = (float *)sink->image->data + sink->at;
    (void)thread;
    if (!g->phases)
        memcpy(to + begin, sink->rows + begin, (size_t)(end - begin) * sizeof *to);
    for (int64_t i = begin; g->phases && i < end; i++)
        to[i] = g->onehot ? sink->rows[i / g->phases] == (float)(i % g->phases)
                          : g->level[(int)sink->rows[i]];
}

static fcs_status to_image(generation *g, float *rows, int64_t n, void *user)
{
    image_sink *sink = user;
    int64_t count = n * g->size[2] * sink->image->channels;
    sink->g = g;
    sink->rows = rows;
    fcs_parallel(g->run->ctx->team, count, 1 << 16, image_values, sink);
    sink->at += (size_t)count;
    return FCS_OK;
}

fcs_status fcs_generate_image(fcs_run *run, const fcs_generate_options *options, fcs_image **out)
{
    generation g;
    image_sink sink = {0};
    *out = NULL;
    fcs_status s = generation_open(&g, run, options, false);
    if (!s)
        s = fcs_image_new(run->ctx, g.size[2], g.size[1], g.size[0],
                          g.onehot ? g.phases : fcs_tiler_channels(g.tiler), FCS_F32, &sink.image);
    if (!s) {
        g.tiles = fcs_tiler_tiles(g.tiler);
        s = stream(&g, g.o.first, to_image, &sink);
    }
    generation_close(&g, s);
    if (s == FCS_INTERRUPTED)
        run->ctx->interrupted = 0;
    if (s)
        fcs_image_free(sink.image);
    else
        *out = sink.image;
    return s;
}
