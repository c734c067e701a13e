/* image.c: images in memory, and the functions of facies.h that read and write them. */
#include "image/picture.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

size_t fcs_sample_bytes(fcs_sample sample)
{
    static const size_t bytes[] = {[FCS_U8] = 1, [FCS_U16] = 2, [FCS_F32] = 4};
    return bytes[sample];
}

double fcs_sample_max(fcs_sample sample)
{
    static const double max[] = {[FCS_U8] = 255, [FCS_U16] = 65535, [FCS_F32] = 1};
    return max[sample];
}

/* The product of n positive factors, or -1 when it exceeds the limit. */
static int64_t bounded_product(const int64_t *factor, int n, int64_t limit)
{
    int64_t product = 1;
    for (int i = 0; i < n; i++) {
        if (factor[i] < 1 || product > limit / factor[i])
            return -1;
        product *= factor[i];
    }
    return product;
}

fcs_status fcs_decode_limit(fcs_error *e, const char *path, int64_t width, int64_t height,
                            int64_t depth, int64_t pixel)
{
    const int64_t factor[] = {width, height, depth, pixel};
    if (width < 1 || height < 1 || depth < 1)
        return fcs_fail(e, FCS_FAILED,
                        "%s: image of %lld x %lld pixels, %lld pages: it is empty or damaged", path,
                        (long long)width, (long long)height, (long long)depth);
    if (bounded_product(factor, 4, (int64_t)1 << 36) < 0)
        return fcs_fail(e, FCS_FAILED,
                        "%s: image of %lld x %lld pixels, %lld pages, is over 64 GiB when decoded; "
                        "cut it into parts",
                        path, (long long)width, (long long)height, (long long)depth);
    return FCS_OK;
}

fcs_status fcs_image_make(fcs_error *e, int64_t width, int64_t height, int64_t depth, int channels,
                          fcs_sample sample, fcs_image **out)
{
    *out = NULL;
    if (sample != FCS_U8 && sample != FCS_U16 && sample != FCS_F32)
        return fcs_fail(e, FCS_FAILED, "image: unknown sample type %d", (int)sample);
    const int64_t factor[] = {width, height, depth, channels, (int64_t)fcs_sample_bytes(sample)};
    int64_t bytes = bounded_product(factor, 5, (int64_t)1 << 40);
    if (bytes < 0 || (uint64_t)bytes > SIZE_MAX)
        return fcs_fail(
            e, FCS_FAILED,
            "image of %lld x %lld x %lld pixels with %d channels: each must be at least 1 and "
            "all together at most 2^40 bytes",
            (long long)width, (long long)height, (long long)depth, channels);
    fcs_image *image = fcs_alloc(e, sizeof *image);
    if (!image)
        return FCS_FAILED;
    *image = (fcs_image){.width = width,
                         .height = height,
                         .depth = depth,
                         .channels = channels,
                         .sample = sample,
                         .data = fcs_alloc(e, (size_t)bytes)};
    if (!image->data) {
        free(image);
        return FCS_FAILED;
    }
    *out = image;
    return FCS_OK;
}

fcs_status fcs_image_new(fcs_context *ctx, int64_t width, int64_t height, int64_t depth,
                         int channels, fcs_sample sample, fcs_image **out)
{
    fcs_error_clear(&ctx->error);
    return fcs_image_make(&ctx->error, width, height, depth, channels, sample, out);
}

void fcs_image_free(fcs_image *image)
{
    if (image)
        free(image->data);
    free(image);
}

double fcs_image_value(const fcs_image *image, int64_t z, int64_t y, int64_t x, int channel)
{
    size_t i = (size_t)(((z * image->height + y) * image->width + x) * image->channels + channel);
    switch (image->sample) {
    case FCS_U8: return ((const uint8_t *)image->data)[i] / 255.0;
    case FCS_U16: return ((const uint16_t *)image->data)[i] / 65535.0;
    case FCS_F32: break;
    }
    return (double)((const float *)image->data)[i];
}

fcs_status fcs_image_to_float(fcs_context *ctx, const fcs_image *image, fcs_image **out)
{
    fcs_status status = fcs_image_new(ctx, image->width, image->height, image->depth,
                                      image->channels, FCS_F32, out);
    if (status)
        return status;
    (*out)->voxel = image->voxel;
    size_t n = (size_t)(image->width * image->height * image->depth * image->channels);
    float *to = (*out)->data;
    if (image->sample == FCS_F32)
        memcpy(to, image->data, n * sizeof *to);
    for (size_t i = 0; image->sample == FCS_U8 && i < n; i++)
        to[i] = (float)(((const uint8_t *)image->data)[i] / 255.0);
    for (size_t i = 0; image->sample == FCS_U16 && i < n; i++)
        to[i] = (float)(((const uint16_t *)image->data)[i] / 65535.0);
    return FCS_OK;
}

void fcs_voxel_replace(fcs_voxel *v, const fcs_voxel *with)
{
    if (with->size[0] > 0)
        memcpy(v->size, with->size, sizeof v->size);
    if (with->unit[0])
        memcpy(v->unit, with->unit, sizeof v->unit);
}

void fcs_facts_note(fcs_facts *facts, const char *format, ...)
{
    size_t n = strlen(facts->note);
    if (n && n + 2 < sizeof facts->note) {
        memcpy(facts->note + n, "; ", 3);
        n += 2;
    }
    va_list list;
    va_start(list, format);
    vsnprintf(facts->note + n, sizeof facts->note - n, format, list);
    va_end(list);
}

/* ---- which format ---- */

typedef struct head { /* a file's first bytes, zeros behind its end */
    char bytes[1024];
    size_t n;
    const char *path;
} head;

static bool begins(const head *h, const char *bytes, size_t n)
{
    return h->n >= n && memcmp(h->bytes, bytes, n) == 0;
}

static bool ends(const head *h, const char *ending)
{
    size_t n = strlen(h->path), k = strlen(ending);
    return n > k && strcasecmp(h->path + n - k, ending) == 0;
}

static bool is_png(const head *h) { return begins(h, "\x89PNG\r\n\x1a\n", 8); }

static bool is_tiff(const head *h)
{
    return begins(h, "II*", 4) || begins(h, "MM\0*", 4) || begins(h, "II+", 4) ||
           begins(h, "MM\0+", 4);
}

static bool is_nrrd(const head *h) { return begins(h, "NRRD", 4); }
static bool is_npy(const head *h) { return begins(h, "\x93NUMPY", 6); }

static bool is_vti(const head *h)
{
    return begins(h, "<VTKFile", 8) || (begins(h, "<?xml", 5) && strstr(h->bytes, "<VTKFile"));
}

static bool is_metaimage(const head *h)
{
    return begins(h, "ObjectType", 10) || begins(h, "NDims", 5) || ends(h, ".mhd") ||
           ends(h, ".mha");
}

static bool is_raw(const head *h) { return ends(h, ".raw"); }

/* By their first bytes; only what has none of its own by the name. */
static const struct {
    bool (*is)(const head *h);
    fcs_decoder *decode;
} decoders[] = {
    {is_png, fcs_png_decode}, {is_tiff, fcs_tiff_decode}, {is_nrrd, fcs_nrrd_decode},
    {is_npy, fcs_npy_decode}, {is_vti, fcs_vti_decode},   {is_metaimage, fcs_metaimage_decode},
    {is_raw, fcs_raw_decode},
};

static fcs_status decode_by_head(fcs_context *ctx, fcs_error *e, const char *path, FILE *f,
                                 int64_t size, fcs_facts *facts, fcs_image **out)
{
    head h = {.path = path};
    h.n = fread(h.bytes, 1, sizeof h.bytes - 1, f);
    rewind(f);
    for (size_t i = 0; i < sizeof decoders / sizeof *decoders; i++)
        if (decoders[i].is(&h)) {
            fcs_status status = decoders[i].decode(ctx, e, path, f, size, facts, out);
            if (!status)
                (*out)->voxel = facts->voxel;
            return status;
        }
    return fcs_fail(e, FCS_FAILED,
                    "%s: neither a PNG, TIFF, NRRD, MetaImage, VTI nor NumPy file, or cut off; "
                    "convert it first",
                    path);
}

fcs_status fcs_decode(fcs_context *ctx, fcs_error *e, const char *path, fcs_facts *facts,
                      fcs_image **out)
{
    struct stat st;
    *out = NULL;
    memset(facts, 0, sizeof *facts);
    facts->unit = 1;
    FILE *f = fopen(path, "rb");
    if (!f || fstat(fileno(f), &st)) {
        fcs_fail(e, FCS_FAILED, "%s: cannot be read: %s", path, strerror(errno));
        if (f)
            fclose(f);
        return FCS_FAILED;
    }
    fcs_status status;
    if (!S_ISREG(st.st_mode))
        status = fcs_fail(e, FCS_FAILED, "%s: %s, not an image file", path,
                          S_ISDIR(st.st_mode) ? "a folder" : "not a regular file");
    else if (st.st_size == 0)
        status = fcs_fail(e, FCS_FAILED, "%s: empty file", path);
    else
        status = decode_by_head(ctx, e, path, f, st.st_size, facts, out);
    fclose(f);
    return status;
}

fcs_status fcs_image_read(fcs_context *ctx, const char *path, fcs_image **out)
{
    fcs_facts facts;
    fcs_error_clear(&ctx->error);
    fcs_status status = fcs_decode(ctx, &ctx->error, path, &facts, out);
    if (!status && facts.note[0])
        fcs_note(ctx, "%s: %s", path, facts.note);
    return status;
}

fcs_status fcs_image_write(fcs_context *ctx, const fcs_image *image, const char *path)
{
    fcs_writer *w;
    fcs_error *e = &ctx->error;
    fcs_error_clear(e);
    const fcs_form form = {.width = image->width,
                           .height = image->height,
                           .depth = image->depth,
                           .channels = image->channels,
                           .sample = image->sample,
                           .voxel = image->voxel};
    if (fcs_writer_open(e, path, &form, &w))
        return FCS_FAILED;
    if (fcs_writer_rows(e, w, image->data, image->height * image->depth)) {
        fcs_writer_abort(w);
        return FCS_FAILED;
    }
    return fcs_writer_commit(e, w);
}
