/* layout.c: samples of a volume, as its header describes them, into an image. */
#include "image/volume.h"
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

fcs_status fcs_header_fail(fcs_error *e, const char *path, const char *format, const char *reason)
{
    return fcs_fail(e, FCS_FAILED, "%s: damaged or unusual %s header: %s", path, format, reason);
}

FILE *fcs_layout_open(fcs_error *e, const char *header, const char *name)
{
    const char *slash = name[0] == '/' ? NULL : strrchr(header, '/');
    char *path = fcs_format(e, "%.*s%s", slash ? (int)(slash - header + 1) : 0, header, name);
    struct stat st;
    if (!path)
        return NULL;
    FILE *f = stat(path, &st) == 0 && S_ISREG(st.st_mode) ? fopen(path, "rb") : NULL;
    if (!f)
        fcs_fail(e, FCS_FAILED, "%s: its data file %s cannot be read: %s", header, path,
                 errno ? strerror(errno) : "not a regular file");
    free(path);
    return f;
}

static fcs_status cut_off(fcs_error *e, const fcs_layout *l)
{
    return fcs_fail(e, FCS_FAILED,
                    "%s: damaged or cut off: the data end before %lld x %lld x %lld samples",
                    l->path, (long long)l->size[0], (long long)l->size[1], (long long)l->size[2]);
}

static int64_t stored_bytes(const fcs_layout *l)
{
    return l->size[0] * l->size[1] * l->size[2] * l->channels * (l->kind->bits / 8);
}

/* Nothing is allocated for a header that claims more than its file can hold: deflate makes at most
 * 1032 bytes of one, a number in text takes two. */
static fcs_status check_file(fcs_error *e, const fcs_layout *l)
{
    struct stat st;
    int64_t need = stored_bytes(l), at = (int64_t)ftello(l->f);
    if (fstat(fileno(l->f), &st) || at < 0)
        return fcs_fail(e, FCS_FAILED, "%s: cannot be read: %s", l->path, strerror(errno));
    if (l->encoding == FCS_ASCII)
        need = need / (l->kind->bits / 8) * 2 - 1;
    if (l->encoding == FCS_DEFLATE)
        need /= 1040;
    if (l->base64)
        need = need / 3 * 4;
    if (l->at_end) {
        if (need > (int64_t)st.st_size || fseeko(l->f, (off_t)(st.st_size - need), SEEK_SET))
            return cut_off(e, l);
        return FCS_OK;
    }
    return need > (int64_t)st.st_size - at ? cut_off(e, l) : FCS_OK;
}

static bool machine_is_big(void)
{
    const uint16_t one = 1;
    return *(const uint8_t *)&one == 0;
}

static void swap(uint8_t *bytes, size_t n, size_t width)
{
    for (uint8_t *s = bytes; width > 1 && s + width <= bytes + n; s += width)
        for (size_t i = 0; i < width / 2; i++) {
            uint8_t t = s[i];
            s[i] = s[width - 1 - i];
            s[width - 1 - i] = t;
        }
}

/* A number of a text, as a double of 64 bits in `bytes`. */
static bool next_value(FILE *f, double *v)
{
    char word[64];
    size_t n = 0;
    int c;
    while ((c = getc(f)) != EOF && (isspace(c) || c == ','))
        ;
    for (; c != EOF && c != ',' && c != '<' && !isspace(c) && n + 1 < sizeof word; c = getc(f))
        word[n++] = (char)c;
    word[n] = 0;
    if (c == '<')
        ungetc(c, f);
    if (n == 3 && tolower(word[0]) == 'n' && tolower(word[1]) == 'a') {
        *v = NAN;
        return true;
    }
    return fcs_parse_double(word, v);
}

static void put_value(void *row, fcs_sample sample, int64_t i, double v)
{
    double most = fcs_sample_max(sample);
    if (sample == FCS_F32)
        ((float *)row)[i] = (float)v;
    else if (sample == FCS_U8)
        ((uint8_t *)row)[i] = (uint8_t)(v > 0 ? v < most ? v : most : 0);
    else
        ((uint16_t *)row)[i] = (uint16_t)(v > 0 ? v < most ? v : most : 0);
}

static bool read_text_row(const fcs_layout *l, fcs_image *image, char *to)
{
    for (int64_t x = 0; x < image->width; x++)
        for (int c = 0; c < l->channels; c++) {
            double v;
            if (!next_value(l->f, &v))
                return false;
            if (c < image->channels)
                put_value(to, image->sample, x * image->channels + c, v);
        }
    return true;
}

static bool read_row(const fcs_layout *l, fcs_stream *s, uint8_t *row, size_t row_bytes,
                     fcs_image *image, char *to)
{
    if (fcs_stream_read(s, row, row_bytes) != row_bytes)
        return false;
    if (l->big_endian != machine_is_big())
        swap(row, row_bytes, (size_t)l->kind->bits / 8);
    for (int c = 0; c < image->channels; c++) {
        fcs_unpack_row r = {row,
                            c,
                            l->channels,
                            image->width,
                            l->kind->bits,
                            image->channels,
                            to + (size_t)c * fcs_sample_bytes(image->sample)};
        l->kind->unpack(&r);
    }
    return true;
}

static fcs_status read_rows(fcs_error *e, const fcs_layout *l, fcs_image *image)
{
    size_t row_bytes = (size_t)(image->width * l->channels * (l->kind->bits / 8));
    size_t step = (size_t)image->width * (size_t)image->channels * fcs_sample_bytes(image->sample);
    uint8_t *row = fcs_alloc(e, row_bytes), skipped[16];
    fcs_stream *s = fcs_stream_open(e, l->f, l->base64, l->encoding == FCS_DEFLATE);
    char *to = image->data;
    fcs_status status = row && s ? FCS_OK : FCS_FAILED;
    if (!status && l->skip_bytes &&
        fcs_stream_read(s, skipped, (size_t)l->skip_bytes) != (size_t)l->skip_bytes)
        status = cut_off(e, l);
    for (int64_t i = 0; i < image->height * image->depth && !status; i++, to += step) {
        bool good = l->encoding == FCS_ASCII ? read_text_row(l, image, to)
                                             : read_row(l, s, row, row_bytes, image, to);
        status = good ? FCS_OK : cut_off(e, l);
    }
    fcs_stream_close(s);
    free(row);
    return status;
}

/* Whole numbers in floats into U8 or U16 where all of them fit: labels are often stored in 32 or 64
 * bits. Writes in place: what is written never lies behind what is read. */
static void narrow(fcs_image *image, fcs_facts *facts)
{
    size_t n = (size_t)(image->width * image->height * image->depth * image->channels);
    const float *from = image->data;
    float most = 0;
    for (size_t i = 0; i < n; i++) {
        if (!(from[i] >= 0 && from[i] <= 65535))
            return;
        most = from[i] > most ? from[i] : most;
    }
    image->sample = most <= 255 ? FCS_U8 : FCS_U16;
    for (size_t i = 0; i < n; i++) {
        float v;
        memcpy(&v, (const char *)image->data + i * sizeof v, sizeof v);
        if (image->sample == FCS_U8)
            ((uint8_t *)image->data)[i] = (uint8_t)v;
        else
            ((uint16_t *)image->data)[i] = (uint16_t)v;
    }
    fcs_facts_note(facts, "integers of %d bits held in %d", facts->bits,
                   image->sample == FCS_U8 ? 8 : 16);
}

/* From z fastest to x fastest; the image was read with its x and z exchanged. */
static fcs_status transpose(fcs_error *e, fcs_image **image)
{
    fcs_image *from = *image, *to;
    size_t size = fcs_sample_bytes(from->sample) * (size_t)from->channels;
    if (fcs_image_make(e, from->depth, from->height, from->width, from->channels, from->sample,
                       &to))
        return FCS_FAILED;
    char *out = to->data;
    for (int64_t z = 0; z < to->depth; z++)
        for (int64_t y = 0; y < to->height; y++)
            for (int64_t x = 0; x < to->width; x++, out += size)
                memcpy(out,
                       (char *)from->data +
                           (size_t)((x * from->height + y) * from->width + z) * size,
                       size);
    fcs_image_free(from);
    *image = to;
    return FCS_OK;
}

static void fill_facts(const fcs_layout *l, fcs_facts *facts)
{
    static const char *const formats[] = {"", "unsigned", "signed", "float"};
    facts->width = l->size[0];
    facts->height = l->size[1];
    facts->depth = l->size[2];
    facts->channels = l->channels;
    facts->bits = l->kind->bits;
    facts->is_float = l->kind->format == 3;
    facts->unit = 1;
    facts->voxel = l->voxel;
    fcs_voxel_check(&facts->voxel);
    if (l->channels == 2 || l->channels == 4)
        fcs_facts_note(facts, "alpha channel dropped");
    if (facts->is_float && facts->bits != 32)
        fcs_facts_note(facts, "%d-bit %s samples read as 32-bit floats", facts->bits,
                       formats[l->kind->format]);
}

fcs_status fcs_layout_load(fcs_error *e, const fcs_layout *l, fcs_facts *facts, fcs_image **out)
{
    fcs_image *image = NULL;
    int64_t x = l->z_first ? 2 : 0, z = 2 - x;
    *out = NULL;
    if (l->channels < 1 || l->channels > 4)
        return fcs_fail(e, FCS_FAILED, "%s: %d channels; 1 (grey) or 3 (colours) are read", l->path,
                        l->channels);
    if (fcs_decode_limit(e, l->path, l->size[0], l->size[1], l->size[2],
                         (int64_t)l->channels * 8) ||
        check_file(e, l))
        return FCS_FAILED;
    if (l->encoding == FCS_DEFLATE && !fcs_stream_inflates())
        return fcs_fail(e, FCS_FAILED,
                        "%s: compressed, and this build has no zlib; save it uncompressed",
                        l->path);
    fill_facts(l, facts);
    if (fcs_image_make(e, l->size[x], l->size[1], l->size[z], l->channels >= 3 ? 3 : 1,
                       l->kind->sample, &image))
        return FCS_FAILED;
    fcs_status status = read_rows(e, l, image);
    if (!status && l->kind->format != 3 && image->sample == FCS_F32)
        narrow(image, facts);
    if (!status && l->z_first)
        status = transpose(e, &image);
    if (status) {
        fcs_image_free(image);
        return status;
    }
    *out = image;
    return FCS_OK;
}
