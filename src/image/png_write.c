/* png_write.c: rows into a PNG of 8 or 16 bit. */
#include "image/picture.h"
#include <errno.h>
#include <png.h>
#include <stdlib.h>
#include <string.h>

typedef struct state {
    fcs_sink sink;
    png_structp png;
    png_infop info;
    uint8_t *bytes; /* a row of 8-bit samples made from floats */
    const void *row;
    int why; /* errno of the failed write */
    char message[160];
} state;

static void on_error(png_structp png, png_const_charp text)
{
    state *s = png_get_error_ptr(png);
    snprintf(s->message, sizeof s->message, "%s", s->why ? strerror(s->why) : text);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp text)
{
    (void)png;
    (void)text;
}

static void on_write(png_structp png, png_bytep bytes, size_t n)
{
    state *s = png_get_io_ptr(png);
    errno = 0;
    if (fwrite(bytes, 1, n, s->sink.file.f) != n) {
        s->why = errno ? errno : EIO;
        png_error(png, "write");
    }
}

static void on_flush(png_structp png) { (void)png; /* done once, at commit */ }

static bool guarded(state *s, void (*step)(state *s))
{
    if (setjmp(png_jmpbuf(s->png)))
        return false;
    step(s);
    return true;
}

static fcs_status failed(fcs_error *e, const state *s)
{
    return fcs_fail(e, FCS_FAILED, "%s: writing failed: %s", s->sink.path, s->message);
}

static void step_header(state *s)
{
    const uint16_t one = 1;
    png_set_write_fn(s->png, s, on_write, on_flush);
    png_set_user_limits(s->png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    /* Level 4 and three filters: a few percent larger than the defaults, several times faster. */
    png_set_compression_level(s->png, 4);
    png_set_filter(s->png, PNG_FILTER_TYPE_BASE, PNG_FILTER_NONE | PNG_FILTER_SUB | PNG_FILTER_UP);
    png_set_IHDR(s->png, s->info, (png_uint_32)s->sink.form.width, (png_uint_32)s->sink.form.height,
                 s->sink.form.sample == FCS_U16 ? 16 : 8,
                 s->sink.form.channels == 3 ? PNG_COLOR_TYPE_RGB : PNG_COLOR_TYPE_GRAY,
                 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(s->png, s->info);
    if (s->sink.form.sample == FCS_U16 && *(const uint8_t *)&one)
        png_set_swap(s->png);
}

static fcs_status png_sink_open(fcs_error *e, void *p)
{
    state *s = p;
    if (s->sink.form.depth != 1)
        return fcs_fail(e, FCS_FAILED, "%s: a PNG holds one page, not %lld; name it .tif",
                        s->sink.path, (long long)s->sink.form.depth);
    if (s->sink.form.width > PNG_UINT_31_MAX || s->sink.form.height > PNG_UINT_31_MAX)
        return fcs_fail(e, FCS_FAILED,
                        "%s: a PNG is at most 2^31 - 1 pixels wide and high; name it .tif",
                        s->sink.path);
    if (s->sink.form.sample == FCS_F32 &&
        !(s->bytes = fcs_alloc_array(e, (size_t)s->sink.form.width, (size_t)s->sink.form.channels)))
        return FCS_FAILED;
    s->png = png_create_write_struct(PNG_LIBPNG_VER_STRING, s, on_error, on_warning);
    if (s->png)
        s->info = png_create_info_struct(s->png);
    if (!s->info)
        return fcs_fail(
            e, FCS_FAILED,
            "%s: libpng %s could not start: out of memory, or not the version built for",
            s->sink.path, png_get_libpng_ver(NULL));
    return guarded(s, step_header) ? FCS_OK : failed(e, s);
}

static void step_row(state *s) { png_write_row(s->png, s->row); }

static fcs_status png_sink_row(fcs_error *e, void *p, const void *row)
{
    state *s = p;
    s->row = row;
    if (s->bytes) {
        const float *f = row;
        for (int64_t i = 0; i < s->sink.form.width * s->sink.form.channels; i++) /* NaN becomes 0 */
            s->bytes[i] = !(f[i] > 0) ? 0 : f[i] >= 1 ? 255 : (uint8_t)(f[i] * 255.0f + 0.5f);
        s->row = s->bytes;
    }
    return guarded(s, step_row) ? FCS_OK : failed(e, s);
}

static void step_end(state *s) { png_write_end(s->png, s->info); }

static fcs_status png_sink_close(fcs_error *e, void *p)
{
    state *s = p;
    return guarded(s, step_end) ? FCS_OK : failed(e, s);
}

static void png_sink_free(void *p)
{
    state *s = p;
    png_destroy_write_struct(&s->png, &s->info);
    free(s->bytes);
}

const fcs_sink_kind fcs_png_sink = {
    {".png", NULL}, sizeof(state), png_sink_open, png_sink_row, png_sink_close, png_sink_free,
};
