/* look.c: what is in files and folders, before anybody trains on them. */
#include "image/picture.h"
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void fcs_paths_free(fcs_paths *paths)
{
    for (int i = 0; i < paths->n; i++)
        free(paths->path[i]);
    free(paths->path);
    memset(paths, 0, sizeof *paths);
}

static fcs_status add_path(fcs_error *e, fcs_paths *paths, char *path)
{
    if (!path ||
        !fcs_grow(e, &paths->path, &paths->capacity, (size_t)paths->n + 1, sizeof *paths->path)) {
        free(path);
        return FCS_FAILED;
    }
    paths->path[paths->n++] = path;
    return FCS_OK;
}

/* Regular files (also behind links) whose names do not begin with a dot. */
static fcs_status list_folder(fcs_error *e, const char *path, DIR *folder, fcs_paths *out)
{
    const char *slash = path[strlen(path) - 1] == '/' ? "" : "/";
    struct dirent *entry;
    while (errno = 0, (entry = readdir(folder)) != NULL) {
        struct stat st;
        if (entry->d_name[0] == '.')
            continue;
        char *name = fcs_format(e, "%s%s%s", path, slash, entry->d_name);
        if (name && (stat(name, &st) || !S_ISREG(st.st_mode))) {
            free(name);
            continue;
        }
        if (add_path(e, out, name))
            return FCS_FAILED;
    }
    if (errno)
        return fcs_fail(e, FCS_FAILED, "%s: cannot be read: %s", path, strerror(errno));
    if (out->n == 0)
        return fcs_fail(e, FCS_FAILED,
                        "%s: the folder holds no files; name one with PNG or TIFF images", path);
    qsort(out->path, (size_t)out->n, sizeof *out->path, by_name);
    return FCS_OK;
}

fcs_status fcs_paths_of(fcs_error *e, const char *path, fcs_paths *out)
{
    struct stat st;
    fcs_status status;
    memset(out, 0, sizeof *out);
    if (stat(path, &st))
        return fcs_fail(e, FCS_FAILED, "%s: cannot be read: %s", path[0] ? path : "(empty name)",
                        strerror(errno));
    out->is_folder = S_ISDIR(st.st_mode);
    if (out->is_folder) {
        DIR *folder = opendir(path);
        if (!folder)
            return fcs_fail(e, FCS_FAILED, "%s: cannot be read: %s", path, strerror(errno));
        status = list_folder(e, path, folder, out);
        closedir(folder);
    } else {
        status = add_path(e, out, fcs_strdup(e, path));
    }
    if (status)
        fcs_paths_free(out);
    return status;
}

static void fill(fcs_look *look, const fcs_facts *facts, const fcs_image *image,
                 const fcs_stats *stats)
{
    memcpy(look->format, facts->format, sizeof look->format);
    look->width = facts->width;
    look->height = facts->height;
    look->depth = facts->depth;
    look->channels = facts->channels;
    look->bits = facts->bits;
    look->palette = facts->palette;
    look->is_float = facts->is_float;
    look->voxel = facts->voxel;
    look->levels = stats->levels;
    look->low = stats->low / facts->unit;
    look->high = stats->high / facts->unit;
    double sum = 0;
    for (int c = 0; c < image->channels; c++)
        sum += stats->sum[c];
    look->mean = sum / facts->unit / (double)stats->pixels / image->channels;
    fcs_stats_shares(stats, image->channels, facts->unit, look->shares, sizeof look->shares);
    fcs_stats_problem(stats, image, facts->unit, look->problem, sizeof look->problem);
    if (look->problem[0])
        return;
    fcs_stats_plan(stats, image->sample, image->channels, facts->unit, -1, 1, look->plan,
                   sizeof look->plan);
    size_t n = strlen(look->plan);
    if (facts->note[0])
        snprintf(look->plan + n, sizeof look->plan - n, "; %s", facts->note);
}

static void set_problem(fcs_look *look, const char *reason)
{
    size_t n = strlen(reason);
    n = n < sizeof look->problem ? n : sizeof look->problem - 1;
    memcpy(look->problem, reason, n);
    look->problem[n] = 0;
}

/* look->problem holds the reason when the file cannot be used; it begins with no path. */
static fcs_status look_at(fcs_context *ctx, fcs_error *e, const char *path, fcs_look *look)
{
    fcs_facts facts;
    fcs_image *image;
    memset(look, 0, sizeof *look);
    if (fcs_decode(ctx, e, path, &facts, &image)) {
        size_t n = strlen(path);
        const char *reason =
            strncmp(e->message, path, n) == 0 && strncmp(e->message + n, ": ", 2) == 0
                ? e->message + n + 2
                : e->message;
        set_problem(look, reason);
        return FCS_FAILED;
    }
    fcs_stats *stats = fcs_alloc(e, sizeof *stats);
    if (stats) {
        fcs_stats_of(image, stats);
        fill(look, &facts, image, stats);
    }
    free(stats);
    fcs_image_free(image);
    return stats ? FCS_OK : FCS_FAILED;
}

fcs_status fcs_look_at(fcs_context *ctx, const char *path, fcs_look *look)
{
    fcs_error_clear(&ctx->error);
    return look_at(ctx, &ctx->error, path, look);
}

/* "0.4 x 0.4 x 1 um", "0.4 um" where all are equal, "" where it is not known. */
static void voxel_text(const fcs_voxel *v, char *text, size_t n)
{
    const double *s = v->size;
    text[0] = 0;
    if (s[0] > 0 && s[0] == s[1] && s[0] == s[2])
        snprintf(text, n, "%g%s%s", s[0], v->unit[0] ? " " : "", v->unit);
    else if (s[0] > 0)
        snprintf(text, n, "%g x %g x %g%s%s", s[0], s[1], s[2], v->unit[0] ? " " : "", v->unit);
}

static fcs_status add_row(fcs_error *e, fcs_table *t, const char *path, const fcs_look *k)
{
    char voxel[100];
    if (!k->format[0])
        return fcs_table_add(e, t, "sssssssssssssss", path, NULL, NULL, NULL, NULL, NULL, NULL,
                             NULL, NULL, NULL, NULL, NULL, NULL, NULL, k->problem);
    voxel_text(&k->voxel, voxel, sizeof voxel);
    return fcs_table_add(e, t, "ssiiisiiidddsss", path, k->format, k->width, k->height, k->depth,
                         voxel[0] ? voxel : NULL, (int64_t)k->channels, (int64_t)k->bits,
                         (int64_t)k->levels, k->low, k->high, k->mean, k->shares, k->plan,
                         k->problem);
}

static fcs_status inspect(fcs_context *ctx, const char *path, fcs_table *t, int *usable)
{
    fcs_paths paths;
    fcs_error *e = &ctx->error;
    fcs_error own = {0};
    fcs_look look = {0};
    if (fcs_paths_of(&own, path, &paths)) { /* a row with the reason, not a failure of the others */
        set_problem(&look, own.message);
        return add_row(e, t, path, &look);
    }
    fcs_status status = FCS_OK;
    for (int i = 0; i < paths.n && !status && !ctx->interrupted; i++) {
        fcs_error_clear(&own);
        look_at(ctx, &own, paths.path[i], &look);
        *usable += look.problem[0] == 0;
        status = add_row(e, t, paths.path[i], &look);
    }
    fcs_paths_free(&paths);
    return status;
}

fcs_status fcs_inspect(fcs_context *ctx, const char *const *paths, int n, fcs_table **out)
{
    static const char *const columns[] = {"file",  "format",   "width",  "height", "depth",
                                          "voxel", "channels", "bits",   "levels", "low",
                                          "high",  "mean",     "shares", "plan",   "problem"};
    fcs_error *e = &ctx->error;
    int usable = 0;
    fcs_error_clear(e);
    *out = NULL;
    fcs_table *t = fcs_table_new(e, columns, (int)(sizeof columns / sizeof *columns));
    for (int i = 0; t && i < n; i++)
        if (inspect(ctx, paths[i], t, &usable)) {
            fcs_table_free(t);
            return FCS_FAILED;
        }
    *out = t;
    if (t && usable == 0 && fcs_table_rows(t) == 1)
        return fcs_fail(e, FCS_FAILED, "%s: %s", fcs_table_text(t, 0, 0),
                        fcs_table_text(t, 0, (int)(sizeof columns / sizeof *columns) - 1));
    if (t && usable == 0)
        return fcs_fail(e, FCS_FAILED,
                        "no usable image among %d files; the table names the reasons",
                        fcs_table_rows(t));
    return t ? FCS_OK : FCS_FAILED;
}
