/* sets.c: reading sets of pictures and cutting them into equal pieces. */
#include "metrics/evaluate.h"
#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

void fcs_set_free(fcs_set *set)
{
    for (size_t i = 0; i < set->n; i++)
        fcs_image_free(set->sources[i].image);
    free(set->sources);
    memset(set, 0, sizeof *set);
}

/* Lowest, highest and, up to three, the number of distinct values of channel 0. */
static int image_levels(const fcs_image *image, double *low, double *high)
{
    *low = *high = fcs_image_value(image, 0, 0, 0, 0);
    int levels = 1;
    for (int64_t z = 0; z < image->depth; z++)
        for (int64_t y = 0; y < image->height; y++)
            for (int64_t x = 0; x < image->width; x++) {
                double v = fcs_image_value(image, z, y, x, 0);
                if (v < *low || v > *high) {
                    levels++;
                    *low = fmin(*low, v);
                    *high = fmax(*high, v);
                } else if (v > *low && v < *high) {
                    levels = 3;
                } else if (isnan(v)) {
                    *low = v;
                    return 3;
                }
            }
    return levels < 3 ? levels : 3;
}

/* Chooses how samples become [0,1]: integers by their type's maximum, except where there are two
 * levels only (labels 0 and 1); floats are taken as they are, or from [-1,1]. */
static fcs_status source_scale(fcs_context *ctx, fcs_source *s, const char *path)
{
    double low, high;
    int levels = image_levels(s->image, &low, &high);
    s->offset = 0;
    s->scale = 1;
    if (s->image->channels > 1)
        fcs_note(ctx, "%s: %d channels: the first is used", path, s->image->channels);
    if (s->image->sample != FCS_F32) {
        if (levels == 2 && (low > 0 || high < 1)) {
            s->offset = low;
            s->scale = 1 / (high - low);
            fcs_note(ctx, "%s: two levels, taken as 0 and 1", path);
        }
        return FCS_OK;
    }
    const double slack = 1e-3;
    if (low < -1 - slack || high > 1 + slack || isnan(low))
        return fcs_fail(&ctx->error, FCS_FAILED,
                        "%s: float values from %g to %g: scale them to [0,1] or [-1,1]", path, low,
                        high);
    if (low < -slack) {
        s->offset = -1;
        s->scale = 0.5;
        fcs_note(ctx, "%s: values from %g to %g, rescaled from [-1,1] to [0,1]", path, low, high);
    }
    return FCS_OK;
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
    return source_scale(ctx, s, path);
}

static bool is_picture(const char *name)
{
    static const char *const endings[] = {".png", ".tif", ".tiff"};
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
                          "%s: no pictures in this folder: .png, .tif and .tiff are read", path);
    if (status != FCS_OK) {
        names_free(names, *n);
        return status;
    }
    qsort(names, *n, sizeof *names, compare_names);
    *out = names;
    return FCS_OK;
}

fcs_status fcs_set_read(fcs_context *ctx, const char *path, fcs_set *set)
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
    for (size_t i = 0; i < n && status == FCS_OK; i++)
        status = set_add(ctx, set, names[i]);
    names_free(names, n);
    return status;
}

static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

void fcs_set_limit(const fcs_set *set, fcs_box *box)
{
    for (size_t i = 0; i < set->n; i++) {
        const fcs_image *image = set->sources[i].image;
        box->width = smaller(box->width, image->width);
        box->height = smaller(box->height, image->height);
        box->depth = smaller(box->depth, image->depth);
    }
}

/* Sample number `index` of the set: its source and its page (0 for volumes). */
static const fcs_source *set_sample(const fcs_set *set, bool volumes, int64_t index, int64_t *page)
{
    *page = 0;
    if (volumes)
        return &set->sources[index];
    size_t i = 0;
    while (index >= set->sources[i].image->depth)
        index -= set->sources[i++].image->depth;
    *page = index;
    return &set->sources[i];
}

static bool set_fits(const fcs_set *set, fcs_box box, bool volumes, int64_t *samples)
{
    bool fits = true;
    *samples = 0;
    for (size_t i = 0; i < set->n; i++) {
        const fcs_image *image = set->sources[i].image;
        fits = fits && image->width == box.width && image->height == box.height &&
               (!volumes || image->depth == box.depth);
        *samples += volumes ? 1 : image->depth;
    }
    return fits;
}

static void crop_copy(const fcs_source *s, fcs_box box, int64_t z0, int64_t y0, int64_t x0,
                      float *out)
{
    for (int64_t z = 0; z < box.depth; z++)
        for (int64_t y = 0; y < box.height; y++)
            for (int64_t x = 0; x < box.width; x++) {
                double v =
                    (fcs_image_value(s->image, z0 + z, y0 + y, x0 + x, 0) - s->offset) * s->scale;
                *out++ = (float)fmin(fmax(v, 0), 1);
            }
}

fcs_status fcs_set_crops(fcs_error *e, const fcs_set *set, fcs_box box, bool volumes, int wanted,
                         uint64_t seed, fcs_crops *crops)
{
    int64_t samples, page;
    bool fits = set_fits(set, box, volumes, &samples);
    int64_t n = fits ? samples : wanted, length = box.width * box.height * box.depth;
    if (n > 1000000)
        return fcs_fail(e, FCS_FAILED, "%s: %lld samples: use a million at most", set->name,
                        (long long)n);
    *crops = (fcs_crops){box, (int)n, !fits,
                         fcs_alloc_array(e, (size_t)n, (size_t)length * sizeof *crops->values)};
    if (!crops->values)
        return FCS_FAILED;
    uint32_t stream = fcs_random_stream("evaluate.crops");
    for (int64_t i = 0; i < n; i++) {
        const fcs_source *s = set_sample(set, volumes, fits ? i : i * samples / n, &page);
        uint64_t draw = 3 * (uint64_t)i;
        int64_t x = fcs_random_below(seed, 0, stream, draw, s->image->width - box.width + 1);
        int64_t y = fcs_random_below(seed, 0, stream, draw + 1, s->image->height - box.height + 1);
        int64_t z =
            volumes ? fcs_random_below(seed, 0, stream, draw + 2, s->image->depth - box.depth + 1)
                    : page;
        crop_copy(s, box, z, y, x, crops->values + i * length);
    }
    return FCS_OK;
}
