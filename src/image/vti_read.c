/* vti_read.c: VTK image data in XML (.vti): one piece, the first array of its points, else of its
 * cells; in the tags or appended, as text, base64 or raw, with zlib's compressor or none. */
#include "image/volume.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const fcs_kind_name kinds[] = {
    {"UInt8", 8, 1},    {"Int8", 8, 2},     {"UInt16", 16, 1}, {"Int16", 16, 2},
    {"UInt32", 32, 1},  {"Int32", 32, 2},   {"UInt64", 64, 1}, {"Int64", 64, 2},
    {"Float32", 32, 3}, {"Float64", 64, 3}, {NULL, 0, 0},
};

enum { TAG_MAX = 4096, TAGS_MAX = 1000 };

typedef struct header {
    fcs_layout layout;
    int64_t whole[6], extent[6];
    int length_bytes; /* of the counts before data: header_type */
    bool compressed, cells, found, appended;
    int64_t offset; /* in the appended data */
} header;

/* The next tag without < and >, comments included; false at the end. */
static bool next_tag(FILE *f, char tag[TAG_MAX])
{
    int c, n = 0;
    while ((c = getc(f)) != EOF && c != '<')
        ;
    while (c != EOF && (c = getc(f)) != EOF && c != '>') {
        if (c == 0 || n + 1 >= TAG_MAX)
            return false;
        tag[n++] = (char)c;
    }
    tag[n] = 0;
    return c != EOF;
}

static bool is_tag(const char *tag, const char *name)
{
    size_t n = strlen(name);
    return strncmp(tag, name, n) == 0 &&
           (tag[n] == 0 || isspace((unsigned char)tag[n]) || tag[n] == '/');
}

/* The value of an attribute; "" when the tag has none of that name. */
static const char *attribute(const char *tag, const char *name, char *value, size_t size)
{
    size_t n = strlen(name);
    value[0] = 0;
    for (const char *at = tag; (at = strstr(at, name)) != NULL; at += n) {
        const char *s = at + n + strspn(at + n, " \t\r\n");
        if (!isspace((unsigned char)at[-(at > tag)]) || *s != '=')
            continue;
        s += 1 + strspn(s + 1, " \t\r\n");
        size_t length = *s ? strcspn(s + 1, *s == '\'' ? "'" : "\"") : 0;
        if (length + 1 < size) {
            memcpy(value, s + (*s != 0), length);
            value[length] = 0;
        }
        break;
    }
    return value;
}

static const char *open_file_tag(header *h, const char *tag)
{
    char v[200];
    if (strcmp(attribute(tag, "type", v, sizeof v), "ImageData"))
        return "only ImageData is read; resample the data to an image";
    h->layout.big_endian = !strcmp(attribute(tag, "byte_order", v, sizeof v), "BigEndian");
    h->length_bytes = !strcmp(attribute(tag, "header_type", v, sizeof v), "UInt64") ? 8 : 4;
    attribute(tag, "compressor", v, sizeof v);
    h->compressed = v[0] != 0;
    return v[0] && strcmp(v, "vtkZLibDataCompressor")
               ? "of the compressors only vtkZLibDataCompressor is read"
               : NULL;
}

static const char *open_image_tag(header *h, const char *tag)
{
    char v[200];
    fcs_header_numbers(attribute(tag, "Spacing", v, sizeof v), h->layout.voxel.size, 3);
    return fcs_header_sizes(attribute(tag, "WholeExtent", v, sizeof v), h->whole, 6) == 6
               ? NULL
               : "WholeExtent";
}

static const char *open_piece_tag(header *h, const char *tag)
{
    char v[200];
    if (fcs_header_sizes(attribute(tag, "Extent", v, sizeof v), h->extent, 6) != 6)
        return "Extent";
    return memcmp(h->whole, h->extent, sizeof h->whole)
               ? "images in several pieces are not read; write it as one"
               : NULL;
}

/* The array's own attributes; its data follow the tag, or stand in the appended part. */
static const char *open_array_tag(header *h, const char *tag)
{
    char v[200], *end;
    fcs_layout *l = &h->layout;
    int64_t channels = 1;
    if (!(l->kind = fcs_kind_named(kinds, attribute(tag, "type", v, sizeof v))))
        return "this type of DataArray is not read";
    if (attribute(tag, "NumberOfComponents", v, sizeof v)[0] &&
        (fcs_header_sizes(v, &channels, 1) != 1 || channels < 1 || channels > 99))
        return "NumberOfComponents";
    l->channels = (int)channels;
    attribute(tag, "format", v, sizeof v);
    h->appended = !strcmp(v, "appended");
    l->base64 = !strcmp(v, "binary");
    if (!h->appended && !l->base64 && strcmp(v, "ascii"))
        return "format of a DataArray";
    l->encoding = h->appended || l->base64 ? FCS_RAW : FCS_ASCII;
    h->offset = strtoll(attribute(tag, "offset", v, sizeof v), &end, 10);
    for (int a = 0; a < 3; a++) {
        int64_t low = h->extent[2 * a], high = h->extent[2 * a + 1];
        if (low < -INT32_MAX || high > INT32_MAX || high < low)
            return "Extent";
        l->size[a] = high - low + (h->cells ? 0 : 1);
    }
    h->found = true;
    return NULL;
}

static const char *open_appended_tag(header *h, const char *tag)
{
    char v[200];
    int c;
    if (!h->appended)
        return "no array of points or cells";
    h->layout.base64 = !strcmp(attribute(tag, "encoding", v, sizeof v), "base64");
    while ((c = getc(h->layout.f)) != EOF && isspace(c))
        ;
    if (c != '_' || h->offset < 0 || fseeko(h->layout.f, (off_t)h->offset, SEEK_CUR))
        return "AppendedData";
    return NULL;
}

/* Reads tags until f stands at the array's data. */
static const char *read_tags(header *h)
{
    static const struct {
        const char *name;
        const char *(*open)(header *h, const char *tag);
    } known[] = {
        {"VTKFile", open_file_tag}, {"ImageData", open_image_tag}, {"Piece", open_piece_tag}};
    char tag[TAG_MAX];
    bool inside = false; /* PointData or CellData */
    const char *reason = NULL;
    for (int n = 0; n < TAGS_MAX && !reason && next_tag(h->layout.f, tag); n++) {
        for (size_t i = 0; i < sizeof known / sizeof *known && !reason; i++)
            if (is_tag(tag, known[i].name))
                reason = known[i].open(h, tag);
        if (is_tag(tag, "PointData") || is_tag(tag, "CellData")) {
            inside = tag[strlen(tag) - 1] != '/';
            h->cells = tag[0] == 'C';
        } else if (is_tag(tag, "/PointData") || is_tag(tag, "/CellData")) {
            inside = false;
        } else if (!reason && is_tag(tag, "DataArray") && inside && !h->found) {
            if ((reason = open_array_tag(h, tag)) || !h->appended)
                return reason;
        } else if (!reason && is_tag(tag, "AppendedData")) {
            return open_appended_tag(h, tag);
        }
    }
    return reason ? reason : "no array of points or cells";
}

static uint64_t count_at(const header *h, const unsigned char *bytes)
{
    uint64_t v = 0;
    for (int i = 0; i < h->length_bytes; i++) {
        int at = h->layout.big_endian ? i : h->length_bytes - 1 - i;
        v = v << 8 | bytes[at];
    }
    return v;
}

/* Before compressed blocks stand their number, the size of one, of the last, and each one's
 * compressed size; in base64 these are encoded apart. Leaves f behind them. */
static const char *skip_block_sizes(header *h, fcs_error *e)
{
    unsigned char v[8];
    fcs_layout *l = &h->layout;
    off_t start = ftello(l->f);
    fcs_stream *s = fcs_stream_open(e, l->f, l->base64, false);
    if (!s)
        return "out of memory";
    bool good = fcs_stream_read(s, v, (size_t)h->length_bytes) == (size_t)h->length_bytes;
    fcs_stream_close(s);
    uint64_t blocks = good ? count_at(h, v) : 0;
    if (blocks < 1 || blocks > (uint64_t)1 << 40)
        return "number of compressed blocks";
    int64_t bytes = (int64_t)(blocks + 3) * h->length_bytes;
    if (l->base64)
        bytes = (bytes + 2) / 3 * 4;
    if (l->base64) /* blanks before the text of an array in its tag */
        for (int c = (fseeko(l->f, start, SEEK_SET), getc(l->f)); c != EOF && isspace(c);
             c = getc(l->f))
            start++;
    if (fseeko(l->f, start + (off_t)bytes, SEEK_SET))
        return "sizes of compressed blocks";
    l->encoding = FCS_DEFLATE;
    return NULL;
}

fcs_status fcs_vti_decode(fcs_context *ctx, fcs_error *e, const char *path, FILE *f,
                          int64_t file_size, fcs_facts *facts, fcs_image **out)
{
    header h = {.layout = {.path = path, .f = f}, .length_bytes = 4};
    (void)ctx;
    (void)file_size;
    snprintf(facts->format, sizeof facts->format, "vti");
    const char *reason = read_tags(&h);
    if (!reason && h.layout.encoding != FCS_ASCII) {
        if (h.compressed)
            reason = skip_block_sizes(&h, e);
        else
            h.layout.skip_bytes = h.length_bytes;
    }
    if (reason)
        return fcs_header_fail(e, path, "VTI", reason);
    for (int a = 0; a < 3; a++) /* cells of a flat image */
        h.layout.size[a] += h.layout.size[a] == 0;
    return fcs_layout_load(e, &h.layout, facts, out);
}
