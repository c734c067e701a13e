/* writer.c: rows into files of any format, that appear when they are whole. */
#include "image/picture.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

struct fcs_writer {
    const fcs_sink_kind *kind;
    fcs_sink *sink;
    char *path;
    int64_t rows, rows_wanted;
};

static const fcs_sink_kind *const kinds[] = {&fcs_png_sink, &fcs_tiff_sink, &fcs_nrrd_sink,
                                             &fcs_mha_sink, &fcs_mhd_sink,  &fcs_raw_sink,
                                             &fcs_vti_sink, &fcs_npy_sink};

static const fcs_sink_kind *kind_of(const char *path)
{
    size_t n = strlen(path);
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        for (const char *const *ending = kinds[k]->endings; *ending; ending++)
            if (n > strlen(*ending) && strcasecmp(path + n - strlen(*ending), *ending) == 0)
                return kinds[k];
    return NULL;
}

/* The folder's free space against the size before compression. Where that cannot be asked, writing
 * will tell. */
static fcs_status check_space(fcs_error *e, const char *path, double bytes)
{
    struct stat st;
    struct statvfs fs;
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
        return FCS_OK;
    char *folder = fcs_strdup(e, path);
    if (!folder)
        return FCS_FAILED;
    char *slash = strrchr(folder, '/');
    if (slash)
        slash[slash == folder] = 0;
    bool known = statvfs(slash ? folder : ".", &fs) == 0;
    free(folder);
    double available = known ? (double)fs.f_bavail * (double)fs.f_frsize : 0;
    if (known && available < bytes)
        return fcs_fail(
            e, FCS_FAILED,
            "%s: may need up to %.4g MB but the disk has %.4g MB free; free some or write "
            "elsewhere",
            path, bytes / 1e6, available / 1e6);
    return FCS_OK;
}

static fcs_status check_form(fcs_error *e, const char *path, const fcs_form *f)
{
    if (f->width < 1 || f->height < 1 || f->depth < 1 || f->width > INT32_MAX ||
        f->height > INT32_MAX || f->depth > INT32_MAX ||
        (double)f->width * (double)f->height * (double)f->depth > 1e15 ||
        (f->channels != 1 && f->channels != 3))
        return fcs_fail(
            e, FCS_FAILED, "%s: cannot write %lld x %lld x %lld pixels with %d channels (1 or 3)",
            path, (long long)f->width, (long long)f->height, (long long)f->depth, f->channels);
    return FCS_OK;
}

static fcs_status open_sink(fcs_error *e, fcs_writer *w)
{
    double bytes = (double)w->sink->row_bytes * (double)w->rows_wanted;
    if (check_space(e, w->path, bytes) || fcs_file_open(e, &w->sink->file, w->path))
        return FCS_FAILED;
    return w->kind->open(e, w->sink);
}

fcs_status fcs_writer_open(fcs_error *e, const char *path, const fcs_form *form, fcs_writer **out)
{
    *out = NULL;
    const fcs_sink_kind *kind = kind_of(path);
    if (!kind && strncmp(path, "/dev/", 5) == 0)
        kind = &fcs_png_sink; /* a device has no ending */
    if (!kind)
        return fcs_fail(e, FCS_FAILED,
                        "%s: the name must end in .png, .tif, .tiff, .nrrd, .mha, .mhd, .raw, .vti "
                        "or .npy, which says the format",
                        path);
    if (check_form(e, path, form))
        return FCS_FAILED;
    fcs_writer *w = fcs_alloc(e, sizeof *w);
    if (!w)
        return FCS_FAILED;
    w->kind = kind;
    w->path = fcs_strdup(e, path);
    w->sink = fcs_alloc(e, kind->size);
    if (w->path && w->sink) {
        w->rows_wanted = form->height * form->depth;
        w->sink->path = w->path;
        w->sink->form = *form;
        w->sink->row_bytes =
            (size_t)form->width * (size_t)form->channels * fcs_sample_bytes(form->sample);
        if (open_sink(e, w) == FCS_OK) {
            *out = w;
            return FCS_OK;
        }
    }
    fcs_writer_abort(w);
    return FCS_FAILED;
}

fcs_status fcs_writer_rows(fcs_error *e, fcs_writer *w, const void *rows, int64_t n)
{
    const char *row = rows;
    if (n > w->rows_wanted - w->rows)
        return fcs_fail(e, FCS_FAILED, "%s: internal: more rows than the image has", w->path);
    for (int64_t i = 0; i < n; i++, w->rows++)
        if (w->kind->row(e, w->sink, row + (size_t)i * w->sink->row_bytes))
            return FCS_FAILED;
    return FCS_OK;
}

static void free_writer(fcs_writer *w)
{
    if (w->sink)
        w->kind->free(w->sink);
    free(w->sink);
    free(w->path);
    free(w);
}

fcs_status fcs_writer_commit(fcs_error *e, fcs_writer *w)
{
    fcs_status status = FCS_OK;
    if (w->rows != w->rows_wanted)
        status = fcs_fail(e, FCS_FAILED, "%s: internal: %lld rows of %lld were written", w->path,
                          (long long)w->rows, (long long)w->rows_wanted);
    if (!status)
        status = w->kind->close(e, w->sink);
    if (status) {
        fcs_writer_abort(w);
        return status;
    }
    status = fcs_file_commit(e, &w->sink->file);
    free_writer(w);
    return status;
}

void fcs_writer_abort(fcs_writer *w)
{
    if (!w)
        return;
    if (w->sink && w->sink->file.f)
        fcs_file_abort(&w->sink->file);
    free_writer(w);
}

char *fcs_path_numbered(fcs_error *e, const char *path, int64_t number)
{
    const char *name = strrchr(path, '/'), *dot = strrchr(name ? name : path, '.');
    size_t stem = dot ? (size_t)(dot - path) : strlen(path);
    return fcs_format(e, "%.*s-%04lld%s", (int)stem, path, (long long)number, path + stem);
}
