/* sets.c: reading sets of pictures and cutting them into equal pieces. */
#include "metrics/evaluate.h"
#include "image/picture.h"
#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

void fcs_set_free(fcs_set *set)
{
    for (size_t i = 0; i < set->n; i++) {
        fcs_image_free(set->sources[i].image);
        free(set->sources[i].path);
    }
    free(set->sources);
    memset(set, 0, sizeof *set);
}

static fcs_status set_add(fcs_context *ctx, fcs_set *set, const char *path)
{
    if (!fcs_grow(&ctx->error, &set->sources, &set->capacity, set->n + 1, sizeof *set->sources))
        return FCS_FAILED;
    fcs_source *s = &set->sources[set->n];
    fcs_status status = fcs_image_read(ctx, path, &s->image);
    if (status != FCS_OK)
        return status;
    set->n++;
    return (s->path = fcs_strdup(&ctx->error, path)) ? FCS_OK : FCS_FAILED;
}

static bool is_picture(const char *name)
{
    static const char *const endings[] = {".png", ".tif", ".tiff", ".nrrd", ".nhdr",
                                          ".mha", ".mhd", ".vti",  ".npy"};
    size_t n = strlen(name);
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        size_t k = strlen(endings[i]);
        if (name[0] != '.' && n > k && strcasecmp(name + n - k, endings[i]) == 0)
            return true;
    }
    return false;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void names_free(char **names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(names[i]);
    free(names);
}

/* The paths of a folder's pictures, sorted by name. */
static fcs_status folder_list(fcs_error *e, const char *path, char ***out, size_t *n)
{
    DIR *folder = opendir(path);
    if (!folder)
        return fcs_fail(e, FCS_FAILED, "%s: cannot open the folder: check its name and permissions",
                        path);
    char **names = NULL;
    size_t capacity = 0;
    *n = 0;
    fcs_status status = FCS_OK;
    for (struct dirent *entry; status == FCS_OK && (entry = readdir(folder));) {
        if (!is_picture(entry->d_name))
            continue;
        if (!fcs_grow(e, &names, &capacity, *n + 1, sizeof *names) ||
            !(names[*n] = fcs_format(e, "%s/%s", path, entry->d_name)))
            status = FCS_FAILED;
        else
            ++*n;
    }
    closedir(folder);
    if (status == FCS_OK && *n == 0)
        status = fcs_fail(e, FCS_FAILED,
                          "%s: no pictures in this folder: .png, .tif, .nrrd, .mhd, .vti and .npy "
                          "are read",
                          path);
    if (status != FCS_OK) {
        names_free(names, *n);
        return status;
    }
    qsort(names, *n, sizeof *names, compare_names);
    *out = names;
    return FCS_OK;
}

/* Those of a folder that can be read; the others are named. */
static fcs_status add_readable(fcs_context *ctx, const char *path, char *const *names, size_t n,
                               fcs_set *set)
{
    int skipped = 0;
    for (size_t i = 0; i < n; i++) {
        if (ctx->interrupted)
            return fcs_fail(&ctx->error, FCS_INTERRUPTED, "%s: interrupted while reading", path);
        size_t before = set->n;
        if (set_add(ctx, set, names[i]) == FCS_OK)
            continue;
        if (set->n > before || (size_t)++skipped == n) /* no memory for its name; or none is left */
            return FCS_FAILED;
        fcs_note_skipped(ctx, skipped, ctx->error.message);
        fcs_error_clear(&ctx->error);
    }
    if (skipped)
        fcs_note(ctx, "%s: %zu images used, %d files skipped", path, n - (size_t)skipped, skipped);
    return FCS_OK;
}

/* The images of a file or folder, as they are. */
static fcs_status read_files(fcs_context *ctx, const char *path, fcs_set *set)
{
    struct stat about;
    set->name = path;
    if (stat(path, &about) != 0)
        return fcs_fail(&ctx->error, FCS_FAILED, "%s: no such file or folder", path);
    if (!S_ISDIR(about.st_mode))
        return set_add(ctx, set, path);
    char **names = NULL;
    size_t n = 0;
    fcs_status status = folder_list(&ctx->error, path, &names, &n);
    if (status != FCS_OK)
        return status;
    status = add_readable(ctx, path, names, n, set);
    names_free(names, n);
    return status;
}

fcs_status fcs_set_read(fcs_context *ctx, const char *path, fcs_set *set)
{
    fcs_status status = read_files(ctx, path, set);
    for (size_t i = 0; i < set->n && status == FCS_OK; i++)
        status = fcs_source_scale(ctx, &set->sources[i], set->sources[i].path);
    return status;
}

bool fcs_set_is_volume(const fcs_set *set)
{
    bool volume = set->n > 0 && !set->tiles;
    for (size_t i = 0; i < set->n; i++)
        volume = volume && set->sources[i].image->depth >= FCS_VOLUME_PAGES;
    return volume;
}

static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

/* Which of x, y, z (0, 1, 2) lies along a piece's width, height and depth. */
static const int *axes_of(char across)
{
    static const int axes[3][3] = {{1, 2, 0}, {0, 2, 1}, {0, 1, 2}};
    return axes[across - 'x'];
}

/* The image's size as it is seen across that axis. */
static fcs_box size_across(const fcs_image *image, char across)
{
    const int64_t n[3] = {image->width, image->height, image->depth};
    const int *axis = axes_of(across);
    return (fcs_box){n[axis[0]], n[axis[1]], n[axis[2]]};
}

void fcs_set_limit(const fcs_set *set, char across, fcs_box *box)
{
    for (size_t i = 0; i < set->n; i++) {
        fcs_box size = size_across(set->sources[i].image, across);
        box->width = smaller(box->width, size.width);
        box->height = smaller(box->height, size.height);
        box->depth = smaller(box->depth, size.depth);
    }
}

/* Values of scaled images are no levels any more: they lie between them. */
static fcs_status fit_source(fcs_error *e, fcs_source *s, const char *name, const fcs_fitting *f)
{
    int64_t width = f->tile ? f->tile : s->image->width,
            height = f->tile ? f->tile : s->image->height;
    bool spread = s->image->sample != FCS_F32 && s->levels > 1;
    fcs_status status = fcs_fit_check(e, name, s->image, f);
    if (status == FCS_OK)
        status = fcs_fit_image(e, &s->image, f);
    if (status != FCS_OK || (s->image->width == width && s->image->height == height))
        return status;
    if (spread) {
        s->offset = s->level[0];
        s->scale = 1 / (s->level[s->levels - 1] - s->level[0]);
    }
    s->levels = 0;
    return FCS_OK;
}

static fcs_status fit_set(fcs_error *e, fcs_set *set, const fcs_fitting *f)
{
    fcs_status status = FCS_OK;
    for (size_t i = 0; i < set->n && status == FCS_OK; i++)
        status = fit_source(e, &set->sources[i], set->name, f);
    set->tiles = set->tiles || f->tile;
    return status;
}

fcs_status fcs_sets_fit(fcs_error *e, fcs_set *sets, int n, const fcs_evaluate_options *o)
{
    static const char *const words[] = {"cover", "stretch"};
    fcs_fitting f = {.tile = o->tile, .stride = o->stride};
    int64_t side = o->crop ? o->crop : INT64_MAX;
    fcs_box box = {side, side, INT64_MAX};
    if (o->tile < 0 || o->stride < 0 || (o->stride && !o->tile))
        return fcs_fail(e, FCS_FAILED,
                        "evaluate: a stride is from one tile to the next: give --tile N too");
    if (o->resize && strcmp(o->resize, words[0]) != 0 && strcmp(o->resize, words[1]) != 0)
        return fcs_fail(e, FCS_FAILED, "evaluate: resize %.40s: cover or stretch", o->resize);
    if (!o->tile && !o->resize)
        return FCS_OK;
    for (int s = 1; s < n; s++)
        fcs_set_limit(&sets[s], 'z', &box);
    f.width = f.height = smaller(box.width, box.height);
    fcs_status status = o->tile ? fit_set(e, &sets[0], &f) : FCS_OK;
    f.tile = f.stride = 0;
    if (o->resize)
        f.fit = strcmp(o->resize, words[0]) == 0 ? FCS_FIT_COVER : FCS_FIT_STRETCH;
    for (int s = 0; s < n && status == FCS_OK && o->resize; s++)
        status = fit_set(e, &sets[s], &f);
    return status;
}

/* Sample number `index` of the set: its source and its page (0 for volumes). */
static const fcs_source *set_sample(const fcs_set *set, bool volumes, char across, int64_t index,
                                    int64_t *page)
{
    *page = 0;
    if (volumes)
        return &set->sources[index];
    size_t i = 0;
    while (index >= size_across(set->sources[i].image, across).depth)
        index -= size_across(set->sources[i++].image, across).depth;
    *page = index;
    return &set->sources[i];
}

static bool set_fits(const fcs_set *set, fcs_box box, bool volumes, char across, int64_t *samples)
{
    bool fits = true;
    *samples = 0;
    for (size_t i = 0; i < set->n; i++) {
        fcs_box size = size_across(set->sources[i].image, across);
        fits = fits && size.width == box.width && size.height == box.height &&
               (!volumes || size.depth == box.depth);
        *samples += volumes ? 1 : size.depth;
    }
    return fits;
}

fcs_status fcs_set_crops(fcs_error *e, const fcs_set *set, fcs_box box, bool volumes, char across,
                         int wanted, uint64_t seed, fcs_crops *crops)
{
    int64_t samples, page;
    bool fits = set_fits(set, box, volumes, across, &samples);
    int64_t n = fits ? samples : wanted;
    if (n > 1000000)
        return fcs_fail(e, FCS_FAILED, "%s: %lld samples: use a million at most", set->name,
                        (long long)n);
    *crops = (fcs_crops){box, across, (int)n, !fits,
                         fcs_alloc_array(e, (size_t)n, sizeof *crops->places)};
    if (!crops->places)
        return FCS_FAILED;
    uint32_t stream = fcs_random_stream("evaluate.crops");
    for (int64_t i = 0; i < n; i++) {
        const fcs_source *s = set_sample(set, volumes, across, fits ? i : i * samples / n, &page);
        fcs_box size = size_across(s->image, across);
        uint64_t draw = 3 * (uint64_t)i;
        crops->places[i] = (fcs_place){
            s, fcs_random_below(seed, 0, stream, draw, size.width - box.width + 1),
            fcs_random_below(seed, 0, stream, draw + 1, size.height - box.height + 1),
            volumes ? fcs_random_below(seed, 0, stream, draw + 2, size.depth - box.depth + 1)
                    : page};
    }
    return FCS_OK;
}

fcs_status fcs_source_crops(fcs_error *e, const fcs_source *s, int split, fcs_crops *crops)
{
    const fcs_image *m = s->image;
    fcs_box box = {m->width / split, m->height / split, m->depth / split};
    int n = split * split * split;
    *crops = (fcs_crops){box, 'z', n, false, fcs_alloc_array(e, (size_t)n, sizeof *crops->places)};
    for (int i = 0; crops->places && i < n; i++)
        crops->places[i] = (fcs_place){s, i % split * box.width, i / split % split * box.height,
                                       i / split / split * box.depth};
    return crops->places ? FCS_OK : FCS_FAILED;
}

/* ---- values ---- */

static float value_of(const fcs_source *s, double v)
{
    if (s->levels == 0)
        return (float)fmin(fmax((v - s->offset) * s->scale, 0), 1);
    int best = 0;
    for (int k = 1; k < s->levels; k++)
        best = fabs(s->level[k] - v) < fabs(s->level[best] - v) ? k : best;
    return (float)s->value[best];
}

void fcs_crop_page(const fcs_crops *crops, int i, int64_t z, float *out)
{
    const fcs_place *p = &crops->places[i];
    const fcs_image *m = p->source->image;
    const int64_t stride[3] = {m->channels, m->width * m->channels,
                               m->width * m->height * m->channels};
    const int *axis = axes_of(crops->across);
    const int64_t step = stride[axis[0]], row = stride[axis[1]];
    const int64_t start = p->x * step + p->y * row + (p->z + z) * stride[axis[2]];
    float table[256];
    for (int k = 0; k < 256; k++)
        table[k] = m->sample == FCS_U8 ? value_of(p->source, k / 255.0) : 0;
    for (int64_t y = 0; y < crops->box.height; y++)
        for (int64_t x = 0; x < crops->box.width; x++) {
            int64_t at = start + y * row + x * step;
            if (m->sample == FCS_U8)
                *out++ = table[((const uint8_t *)m->data)[at]];
            else if (m->sample == FCS_U16)
                *out++ = value_of(p->source, ((const uint16_t *)m->data)[at] / 65535.0);
            else
                *out++ = value_of(p->source, (double)((const float *)m->data)[at]);
        }
}

/* ---- pictures of one size, for models ---- */

void fcs_pictures_free(fcs_pictures *p)
{
    for (int i = 0; i < p->n; i++)
        free(p->names[i]);
    free(p->names);
    free(p->values);
    memset(p, 0, sizeof *p);
}

/* The middle of page z, as C H W in [0,1]; grey counts for all channels. */
static void picture_copy(const fcs_source *s, int64_t z, int64_t width, int64_t height,
                         int channels, const float range[3], float *out)
{
    const fcs_image *m = s->image;
    int64_t x0 = (m->width - width) / 2, y0 = (m->height - height) / 2;
    const double from = (double)range[0], scale = 1 / ((double)range[1] - from);
    for (int c = 0; c < channels; c++)
        for (int64_t y = 0; y < height; y++)
            for (int64_t x = 0; x < width; x++) {
                double v = fcs_image_value(m, z, y0 + y, x0 + x, c < m->channels ? c : 0);
                *out++ = (float)fmin(fmax((v - from) * scale, 0), 1);
            }
}

/* Pages of a file of several are numbered from 0, as in names of slices. */
static fcs_status picture_add(fcs_error *e, fcs_pictures *p, const fcs_source *s, int64_t width,
                              int64_t height, int channels, const float range[3])
{
    size_t length = (size_t)(width * height * channels);
    for (int64_t z = 0; z < s->image->depth; z++) {
        size_t n = (size_t)p->n + 1;
        if (!fcs_grow(e, &p->values, &p->capacity, n * length, sizeof *p->values) ||
            !fcs_grow(e, &p->names, &p->names_capacity, n, sizeof *p->names) ||
            !(p->names[p->n] = s->image->depth == 1
                                   ? fcs_strdup(e, s->path)
                                   : fcs_format(e, "%s:%lld", s->path, (long long)z)))
            return FCS_FAILED;
        picture_copy(s, z, width, height, channels, range, p->values + (size_t)p->n * length);
        p->n++;
    }
    return FCS_OK;
}

fcs_status fcs_pictures_read(fcs_context *ctx, const char *path, int64_t width, int64_t height,
                             int channels, const float range[3], fcs_pictures *p)
{
    fcs_set set = {0};
    const fcs_fitting fitting = {.width = width, .height = height, .fit = FCS_FIT_COVER};
    const bool floats = range[2] > 0;
    fcs_status status = read_files(ctx, path, &set);
    for (size_t i = 0; i < set.n && status == FCS_OK; i++) {
        fcs_source *s = &set.sources[i];
        if ((s->image->sample == FCS_F32) != floats)
            status = fcs_fail(&ctx->error, FCS_FAILED,
                              "%s: holds %s, the run's data %s; convert one of them", s->path,
                              floats ? "integers" : "floats", floats ? "floats" : "integers");
        if (channels == 1)
            fcs_image_to_grey(s->image);
        if (status == FCS_OK)
            status = fcs_fit_image(&ctx->error, &s->image, &fitting);
        if (status == FCS_OK)
            status = picture_add(&ctx->error, p, s, width, height, channels, range);
    }
    fcs_set_free(&set);
    return status;
}
