/* image.c: images in memory, and the functions of facies.h that read and write them. */
#include "image/picture.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
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
    *image = (fcs_image){width, height, depth, channels, sample, fcs_alloc(e, (size_t)bytes)};
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

static bool is_tiff(const unsigned char *b)
{
    return memcmp(b, "II*", 4) == 0 || memcmp(b, "MM\0*", 4) == 0 || memcmp(b, "II+", 4) == 0 ||
           memcmp(b, "MM\0+", 4) == 0;
}

fcs_status fcs_decode(fcs_context *ctx, fcs_error *e, const char *path, fcs_facts *facts,
                      fcs_image **out)
{
    static const unsigned char png[8] = {137, 'P', 'N', 'G', 13, 10, 26, 10};
    unsigned char head[8] = {0};
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
    if (!S_ISREG(st.st_mode)) {
        status = fcs_fail(e, FCS_FAILED, "%s: %s, not an image file", path,
                          S_ISDIR(st.st_mode) ? "a folder" : "not a regular file");
    } else if (st.st_size == 0) {
        status = fcs_fail(e, FCS_FAILED, "%s: empty file", path);
    } else {
        size_t got = fread(head, 1, 8, f);
        rewind(f);
        if (got == 8 && memcmp(head, png, 8) == 0)
            status = fcs_png_decode(e, path, f, st.st_size, facts, out);
        else if (got == 8 && is_tiff(head))
            status = fcs_tiff_decode(ctx, e, path, facts, out);
        else
            status =
                fcs_fail(e, FCS_FAILED,
                         "%s: neither a PNG nor a TIFF image, or cut off; convert it first", path);
    }
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
    if (fcs_writer_open(e, path, image->width, image->height, image->depth, image->channels,
                        image->sample, &w))
        return FCS_FAILED;
    if (fcs_writer_rows(e, w, image->data, image->height * image->depth)) {
        fcs_writer_abort(w);
        return FCS_FAILED;
    }
    return fcs_writer_commit(e, w);
}
