/* png_read.c: PNG of every depth and colour type into 8- or 16-bit grey or RGB. */
#include "image/picture.h"
#include <png.h>
#include <stdlib.h>
#include <string.h>

typedef struct job {
    png_structp png;
    png_infop info;
    FILE *f;
    fcs_image *image;
    int passes;
    char message[160];
} job;

static void on_error(png_structp png, png_const_charp text)
{
    job *j = png_get_error_ptr(png);
    snprintf(j->message, sizeof j->message, "%s", text);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp text)
{
    (void)png;
    (void)text; /* libpng warns of ancillary chunks only: nothing that changes samples */
}

/* Runs a step; false with j->message when libpng gave up. All state is in *j, so nothing is lost by
 * the jump. */
static bool guarded(job *j, void (*step)(job *j))
{
    if (setjmp(png_jmpbuf(j->png)))
        return false;
    step(j);
    return true;
}

static void step_header(job *j)
{
    png_init_io(j->png, j->f);
    png_set_user_limits(j->png, PNG_UINT_31_MAX,
                        PNG_UINT_31_MAX); /* sizes are checked by us, in bytes */
    png_read_info(j->png, j->info);
}

static void step_transforms(job *j)
{
    const uint16_t one = 1;
    int type = png_get_color_type(j->png, j->info), bits = png_get_bit_depth(j->png, j->info);
    if (type == PNG_COLOR_TYPE_PALETTE)
        png_set_palette_to_rgb(j->png);
    else if (bits < 8)
        png_set_expand_gray_1_2_4_to_8(j->png);
    if (bits == 16 && *(const uint8_t *)&one) /* PNG is big-endian */
        png_set_swap(j->png);
    png_set_strip_alpha(j->png);
    j->passes = png_set_interlace_handling(j->png);
    png_read_update_info(j->png, j->info);
}

static void step_rows(job *j)
{
    png_bytep data = j->image->data;
    size_t row = png_get_rowbytes(j->png, j->info);
    for (int pass = 0; pass < j->passes; pass++)
        for (int64_t y = 0; y < j->image->height; y++)
            png_read_row(j->png, data + (size_t)y * row, NULL);
    png_read_end(j->png, NULL);
}

/* Whether every colour of the palette is a grey: it then says nothing that one channel would not.
 */
static bool grey_palette(job *j)
{
    png_colorp palette;
    int n = 0;
    if (!png_get_PLTE(j->png, j->info, &palette, &n))
        return false;
    for (int i = 0; i < n; i++)
        if (palette[i].red != palette[i].green || palette[i].red != palette[i].blue)
            return false;
    return n > 0;
}

static void drop_to_grey(fcs_image *image)
{
    uint8_t *s = image->data;
    size_t n = (size_t)(image->width * image->height);
    for (size_t i = 0; i < n; i++)
        s[i] = s[3 * i];
    image->channels = 1;
}

static void fill_facts(job *j, fcs_facts *facts)
{
    int type = png_get_color_type(j->png, j->info);
    facts->width = png_get_image_width(j->png, j->info);
    facts->height = png_get_image_height(j->png, j->info);
    facts->depth = 1;
    facts->bits = png_get_bit_depth(j->png, j->info);
    facts->palette = type == PNG_COLOR_TYPE_PALETTE;
    facts->channels = facts->palette ? 1 : png_get_channels(j->png, j->info);
    if (type == PNG_COLOR_TYPE_GRAY && facts->bits < 8)
        facts->unit = 255 / ((1 << facts->bits) - 1);
    if (type & PNG_COLOR_MASK_ALPHA)
        fcs_facts_note(facts, "alpha channel dropped");
    else if (png_get_valid(j->png, j->info, PNG_INFO_tRNS))
        fcs_facts_note(facts, "transparent colour dropped");
}

/* zlib's best is 1032 bytes from one: a file that claims more is cut off or hostile, and no memory
 * is spent on it. */
static bool fits_file(const fcs_facts *facts, int64_t file_size)
{
    int64_t row = (facts->width * facts->bits * facts->channels + 7) / 8;
    return row * facts->height / 1032 <= file_size;
}

static fcs_status decode(fcs_error *e, const char *path, job *j, int64_t file_size,
                         fcs_facts *facts)
{
    if (!guarded(j, step_header))
        return fcs_fail(e, FCS_FAILED, "%s: damaged or cut-off PNG: %s", path, j->message);
    fill_facts(j, facts);
    if (fcs_decode_limit(e, path, facts->width, facts->height, 1, 6))
        return FCS_FAILED;
    if (!fits_file(facts, file_size))
        return fcs_fail(
            e, FCS_FAILED, "%s: damaged or cut-off PNG: %lld bytes cannot hold %lld x %lld pixels",
            path, (long long)file_size, (long long)facts->width, (long long)facts->height);
    bool grey = facts->palette && grey_palette(j);
    if (!guarded(j, step_transforms))
        return fcs_fail(e, FCS_FAILED, "%s: damaged PNG: %s", path, j->message);
    int channels = png_get_channels(j->png, j->info);
    fcs_sample sample = facts->bits == 16 ? FCS_U16 : FCS_U8;
    if (fcs_image_make(e, facts->width, facts->height, 1, channels, sample, &j->image))
        return FCS_FAILED;
    if (png_get_rowbytes(j->png, j->info) !=
        (size_t)(facts->width * channels) * fcs_sample_bytes(sample))
        return fcs_fail(e, FCS_FAILED, "%s: unexpected row size from libpng", path);
    if (!guarded(j, step_rows))
        return fcs_fail(e, FCS_FAILED, "%s: damaged or cut-off PNG: %s", path, j->message);
    if (grey)
        drop_to_grey(j->image);
    if (facts->palette)
        fcs_facts_note(facts, grey ? "grey palette replaced by its values"
                                   : "palette replaced by its colours");
    return FCS_OK;
}

fcs_status fcs_png_decode(fcs_context *ctx, fcs_error *e, const char *path, FILE *f,
                          int64_t file_size, fcs_facts *facts, fcs_image **out)
{
    job j = {.f = f};
    (void)ctx;
    fcs_status status = FCS_FAILED;
    snprintf(facts->format, sizeof facts->format, "png");
    j.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &j, on_error, on_warning);
    if (j.png)
        j.info = png_create_info_struct(j.png);
    if (j.info)
        status = decode(e, path, &j, file_size, facts);
    else
        fcs_fail(e, FCS_FAILED,
                 "%s: libpng %s could not start: out of memory, or not the version built for", path,
                 png_get_libpng_ver(NULL));
    png_destroy_read_struct(&j.png, &j.info, NULL);
    if (status) {
        fcs_image_free(j.image);
        return status;
    }
    *out = j.image;
    return FCS_OK;
}
