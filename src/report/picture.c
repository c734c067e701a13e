/* picture.c: images inside a page, as PNG in a data URI. */
#include "report/report.h"
#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

static unsigned char sample_byte(const fcs_image *image, int64_t index)
{
    switch (image->sample) {
    case FCS_U8: return ((const unsigned char *)image->data)[index];
    case FCS_U16: return (unsigned char)((((const uint16_t *)image->data)[index] + 128) / 257);
    default: {
        float v = ((const float *)image->data)[index];
        return v > 0 ? (unsigned char)(v < 1 ? v * 255 + 0.5f : 255) : 0;
    }
    }
}

static void memory_write(png_structp png, png_bytep bytes, png_size_t n)
{
    fcs_text_put(png_get_io_ptr(png), (const char *)bytes, n);
}

static void memory_flush(png_structp png) { (void)png; }

static void png_stop(png_structp png, png_const_charp message)
{
    (void)message;
    longjmp(*(jmp_buf *)png_get_error_ptr(png), 1);
}

static void png_ignore(png_structp png, png_const_charp message)
{
    (void)png;
    (void)message;
}

/* Page z, height x width x channels bytes in `pixels`, as a PNG file in t. False when libpng gives
 * up. */
static bool png_encode(const fcs_image *image, unsigned char *pixels, fcs_text *t)
{
    jmp_buf stop;
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &stop, png_stop, png_ignore);
    png_infop volatile info = png ? png_create_info_struct(png) : NULL;
    if (!info || setjmp(stop)) {
        png_infop made = info;
        png_structp writer = png;
        png_destroy_write_struct(&writer, &made);
        return false;
    }
    png_set_write_fn(png, t, memory_write, memory_flush);
    png_set_IHDR(png, info, (png_uint_32)image->width, (png_uint_32)image->height, 8,
                 image->channels == 3 ? PNG_COLOR_TYPE_RGB : PNG_COLOR_TYPE_GRAY,
                 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png, info);
    size_t row = (size_t)image->width * (image->channels == 3 ? 3u : 1u);
    for (int64_t y = 0; y < image->height; y++)
        png_write_row(png, pixels + (size_t)y * row);
    png_write_end(png, NULL);
    png_infop made = info;
    png_destroy_write_struct(&png, &made);
    return true;
}

static void base64(const unsigned char *s, size_t n, fcs_text *t)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < n; i += 3) {
        size_t left = n - i;
        unsigned v = (unsigned)s[i] << 16 | (left > 1 ? (unsigned)s[i + 1] << 8 : 0) |
                     (left > 2 ? s[i + 2] : 0u);
        char four[4] = {digits[v >> 18], digits[v >> 12 & 63], left > 1 ? digits[v >> 6 & 63] : '=',
                        left > 2 ? digits[v & 63] : '='};
        fcs_text_put(t, four, 4);
    }
}

fcs_status fcs_image_data_uri(fcs_error *e, const fcs_image *image, int64_t z, fcs_text *t)
{
    int channels = image->channels == 3 ? 3 : 1;
    size_t pixels = (size_t)image->width * (size_t)image->height;
    unsigned char *bytes = fcs_alloc_array(e, pixels, (size_t)channels);
    if (!bytes)
        return FCS_FAILED;
    for (size_t i = 0; i < pixels; i++)
        for (int c = 0; c < channels; c++)
            bytes[i * (size_t)channels + (size_t)c] =
                sample_byte(image, (z * (int64_t)pixels + (int64_t)i) * image->channels + c);
    fcs_text file = {0};
    bool good = png_encode(image, bytes, &file) && !file.failed;
    free(bytes);
    if (good) {
        fcs_text_add(t, "data:image/png;base64,");
        base64((const unsigned char *)file.s, file.n, t);
    }
    free(file.s);
    if (!good || t->failed)
        return fcs_fail(e, FCS_FAILED,
                        "cannot put a %lld x %lld picture into the page: out of memory",
                        (long long)image->width, (long long)image->height);
    return FCS_OK;
}

fcs_status fcs_page_image(fcs_error *e, fcs_page *page, const fcs_image *image, int64_t z,
                          int css_width, const char *caption)
{
    fcs_text *t = &page->html;
    fcs_text_add(t, "<figure><img alt=\"");
    fcs_page_escape(t, caption ? caption : "");
    fcs_text_add(t, "\" width=\"%lld\" src=\"",
                 (long long)(css_width > 0 ? css_width : image->width));
    fcs_status status = fcs_image_data_uri(e, image, z, t);
    fcs_text_add(t, "\">");
    if (caption) {
        fcs_text_add(t, "<figcaption>");
        fcs_page_escape(t, caption);
        fcs_text_add(t, "</figcaption>");
    }
    fcs_text_add(t, "</figure>\n");
    return status;
}
