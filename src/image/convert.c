/* convert.c: a file, or the pictures of a folder as pages, into another format: whole or as slices,
 * the levels renumbered if wanted. */
#include "image/picture.h"
#include <stdlib.h>
#include <string.h>

/* ---- in ---- */

static fcs_status add_page(fcs_error *e, const char *path, const fcs_image *page, int64_t z,
                           int64_t pages, fcs_image **stack)
{
    size_t bytes =
        (size_t)(page->width * page->height * page->channels) * fcs_sample_bytes(page->sample);
    if (!*stack &&
        fcs_image_make(e, page->width, page->height, pages, page->channels, page->sample, stack))
        return FCS_FAILED;
    const fcs_image *s = *stack;
    if (page->depth != 1 || page->width != s->width || page->height != s->height ||
        page->channels != s->channels || page->sample != s->sample)
        return fcs_fail(e, FCS_FAILED,
                        "%s: %lld x %lld x %lld with %d channels is no page for a volume of %lld x "
                        "%lld with %d channels; all pictures of a folder must be alike",
                        path, (long long)page->width, (long long)page->height,
                        (long long)page->depth, page->channels, (long long)s->width,
                        (long long)s->height, s->channels);
    memcpy((char *)(*stack)->data + (size_t)z * bytes, page->data, bytes);
    return FCS_OK;
}

/* The pictures of a folder, sorted by name, as the pages of a volume. */
static fcs_status read_stack(fcs_context *ctx, const fcs_paths *paths, fcs_image **out)
{
    fcs_error *e = &ctx->error;
    fcs_status status = FCS_OK;
    for (int z = 0; z < paths->n && !status; z++) {
        fcs_facts facts;
        fcs_image *page = NULL;
        if (ctx->interrupted)
            return fcs_fail(e, FCS_INTERRUPTED, "convert: stopped on request");
        status = fcs_decode(ctx, e, paths->path[z], &facts, &page);
        if (!status)
            status = add_page(e, paths->path[z], page, z, paths->n, out);
        if (!status && z == 0)
            (*out)->voxel = page->voxel;
        fcs_image_free(page);
    }
    return status;
}

static fcs_status read_any(fcs_context *ctx, const char *path, fcs_image **out)
{
    fcs_paths paths;
    if (fcs_paths_of(&ctx->error, path, &paths))
        return FCS_FAILED;
    fcs_status status =
        paths.is_folder ? read_stack(ctx, &paths, out) : fcs_image_read(ctx, path, out);
    fcs_paths_free(&paths);
    return status;
}

/* ---- levels ---- */

/* The distinct values become 0, 1, 2, ... (labels), or these spread over 0..255 (grey). */
static fcs_status renumber(fcs_error *e, const char *path, bool spread, fcs_image **image)
{
    fcs_image *from = *image, *to = NULL;
    fcs_stats *stats = fcs_alloc(e, sizeof *stats);
    if (!stats)
        return FCS_FAILED;
    fcs_stats_of(from, stats);
    fcs_status status = FCS_OK;
    if (from->channels != 1 || stats->levels > FCS_LEVELS_MAX || stats->bad >= 0)
        status = fcs_fail(e, FCS_FAILED,
                          "%s: %s; --format needs a grey image of up to %d levels (facies inspect "
                          "counts them)",
                          path,
                          from->channels != 1 ? "colours"
                          : stats->bad >= 0   ? "values that are no numbers"
                                              : "too many levels to be phases",
                          FCS_LEVELS_MAX);
    if (!status)
        status = fcs_image_make(e, from->width, from->height, from->depth, 1, FCS_U8, &to);
    double max = fcs_sample_max(from->sample);
    for (int64_t i = 0, x = 0, row = 0; !status && i < stats->pixels; i++) {
        double v = fcs_image_value(from, 0, row, x, 0) * max;
        int k = 0;
        while (k + 1 < stats->levels && v > stats->level[k].value)
            k++;
        ((uint8_t *)to->data)[i] =
            (uint8_t)(spread && stats->levels > 1 ? k * 255 / (stats->levels - 1) : k);
        if (++x == from->width)
            x = 0, row++;
    }
    free(stats);
    if (status)
        return status;
    to->voxel = from->voxel;
    fcs_image_free(from);
    *image = to;
    return FCS_OK;
}

/* ---- out ---- */

static fcs_form form_of(const fcs_image *m, const fcs_convert_options *o)
{
    return (fcs_form){.width = m->width,
                      .height = m->height,
                      .depth = m->depth,
                      .channels = m->channels,
                      .sample = m->sample,
                      .voxel = m->voxel,
                      .cells = o->cells != 0};
}

static fcs_status write_image(fcs_error *e, const fcs_image *m, const fcs_convert_options *o,
                              const char *path)
{
    const fcs_form form = form_of(m, o);
    fcs_writer *w;
    if (fcs_writer_open(e, path, &form, &w))
        return FCS_FAILED;
    if (!fcs_writer_rows(e, w, m->data, m->height * m->depth))
        return fcs_writer_commit(e, w);
    fcs_writer_abort(w);
    return FCS_FAILED;
}

fcs_status fcs_image_slice(fcs_error *e, const fcs_image *m, char across, int64_t at,
                           fcs_image **out)
{
    const int64_t n[3] = {m->width, m->height, m->depth}, stride[3] = {1, n[0], n[0] * n[1]};
    int u = across == 'x' ? 1 : 0, v = across == 'z' ? 1 : 2;
    size_t size = fcs_sample_bytes(m->sample) * (size_t)m->channels;
    if (fcs_image_make(e, n[u], n[v], 1, m->channels, m->sample, out))
        return FCS_FAILED;
    char *to = (*out)->data;
    const char *from = (const char *)m->data + (size_t)(at * stride[across - 'x']) * size;
    for (int64_t y = 0; y < n[v]; y++)
        for (int64_t x = 0; x < n[u]; x++, to += size)
            memcpy(to, from + (size_t)(y * stride[v] + x * stride[u]) * size, size);
    (*out)->voxel = m->voxel;
    (*out)->voxel.size[0] = m->voxel.size[u];
    (*out)->voxel.size[1] = m->voxel.size[v];
    (*out)->voxel.size[2] = m->voxel.size[across - 'x'];
    return FCS_OK;
}

/* "a/b-0007.png" for slice 7 into "a/b.png". */
static fcs_status write_slices(fcs_context *ctx, const fcs_image *m, const fcs_convert_options *o,
                               const char *path)
{
    fcs_error *e = &ctx->error;
    const int64_t n[3] = {m->width, m->height, m->depth};
    fcs_status status = FCS_OK;
    for (int64_t i = 0; i < n[o->slices - 'x'] && !status; i++) {
        fcs_image *page = NULL;
        char *name = fcs_path_numbered(e, path, i);
        status = name ? fcs_image_slice(e, m, o->slices, i, &page) : FCS_FAILED;
        if (!status)
            status = write_image(e, page, o, name);
        fcs_image_free(page);
        free(name);
        if (!status && ctx->interrupted)
            status = fcs_fail(e, FCS_INTERRUPTED, "convert: stopped on request after %lld files",
                              (long long)i + 1);
    }
    return status;
}

/* ---- the whole ---- */

static fcs_status check_options(fcs_error *e, const fcs_convert_options *o, bool *labels,
                                bool *grey)
{
    *labels = o->format && strcmp(o->format, "labels") == 0;
    *grey = o->format && strcmp(o->format, "grey") == 0;
    if (o->format && !*labels && !*grey)
        return fcs_fail(e, FCS_FAILED, "convert: format \"%.40s\": use labels or grey", o->format);
    if (o->slices && (o->slices < 'x' || o->slices > 'z'))
        return fcs_fail(e, FCS_FAILED, "convert: slices across '%c': use x, y or z", o->slices);
    return FCS_OK;
}

fcs_status fcs_convert(fcs_context *ctx, const char *from, const char *to,
                       const fcs_convert_options *options)
{
    static const fcs_convert_options defaults;
    const fcs_convert_options *o = options ? options : &defaults;
    fcs_image *image = NULL;
    bool labels, grey;
    fcs_error_clear(&ctx->error);
    fcs_status status = check_options(&ctx->error, o, &labels, &grey);
    if (!status)
        status = read_any(ctx, from, &image);
    if (!status && (labels || grey))
        status = renumber(&ctx->error, from, grey, &image);
    if (!status) {
        fcs_voxel_replace(&image->voxel, &o->voxel);
        status =
            o->slices ? write_slices(ctx, image, o, to) : write_image(&ctx->error, image, o, to);
    }
    fcs_image_free(image);
    if (status == FCS_INTERRUPTED)
        ctx->interrupted = 0;
    return status;
}
