/* metaimage.c: MetaImage headers (ITK's, VTK's and pore-network codes' .mha and .mhd), and .raw
 * files that such a header lies beside. */
#include "image/volume.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static const fcs_kind_name kinds[] = {
    {"MET_UCHAR", 8, 1},
    {"MET_CHAR", 8, 2},
    {"MET_USHORT", 16, 1},
    {"MET_SHORT", 16, 2},
    {"MET_UINT", 32, 1},
    {"MET_INT", 32, 2},
    {"MET_ULONG", 32, 1},
    {"MET_LONG", 32, 2},
    {"MET_ULONG_LONG", 64, 1},
    {"MET_LONG_LONG", 64, 2},
    {"MET_FLOAT", 32, 3},
    {"MET_DOUBLE", 64, 3},
    {NULL, 0, 0},
};

enum { LINES_MAX = 2000 };

typedef struct header {
    int64_t dimensions, header_size;
    int n_sizes;
    bool binary;
    char data_file[1024];
    fcs_layout layout;
} header;

static bool yes(const char *value) { return strncasecmp(value, "true", 4) == 0 || value[0] == '1'; }

/* The reason, or NULL when the field is fine or means nothing here. */
static const char *set_field(header *h, const char *key, const char *value)
{
    fcs_layout *l = &h->layout;
    int64_t channels = 1;
    if (!strcasecmp(key, "ObjectType"))
        return strcasecmp(value, "Image") ? "ObjectType is not Image" : NULL;
    if (!strcasecmp(key, "ElementType"))
        return (l->kind = fcs_kind_named(kinds, value)) ? NULL : "this ElementType is not read";
    if (!strcasecmp(key, "NDims"))
        fcs_header_sizes(value, &h->dimensions, 1);
    else if (!strcasecmp(key, "DimSize"))
        h->n_sizes = fcs_header_sizes(value, l->size, 3);
    else if (!strcasecmp(key, "ElementNumberOfChannels"))
        l->channels = fcs_header_sizes(value, &channels, 1) && channels > 0 && channels < 100
                          ? (int)channels
                          : 100;
    else if (!strcasecmp(key, "ElementSpacing") ||
             (!strcasecmp(key, "ElementSize") && l->voxel.size[0] == 0))
        fcs_header_numbers(value, l->voxel.size, 3);
    else if (!strcasecmp(key, "DistanceUnits"))
        fcs_voxel_unit(&l->voxel, value[0] == '?' ? "" : value);
    else if (!strcasecmp(key, "BinaryData"))
        h->binary = yes(value);
    else if (!strcasecmp(key, "BinaryDataByteOrderMSB") || !strcasecmp(key, "ElementByteOrderMSB"))
        l->big_endian = yes(value);
    else if (!strcasecmp(key, "CompressedData"))
        l->encoding = yes(value) ? FCS_DEFLATE : FCS_RAW;
    else if (!strcasecmp(key, "HeaderSize"))
        fcs_header_sizes(value, &h->header_size, 1);
    else if (!strcasecmp(key, "ElementDataFile"))
        snprintf(h->data_file, sizeof h->data_file, "%s", value);
    return NULL;
}

/* ElementDataFile is the last line. */
static const char *read_fields(header *h, FILE *f)
{
    char line[4096], *key, *value;
    const char *reason;
    for (int n = 0; n < LINES_MAX && !h->data_file[0]; n++) {
        if (!fcs_header_line(f, line, sizeof line))
            return "it ends before ElementDataFile";
        if (!line[0])
            continue;
        if (!fcs_header_split(line, "=", &key, &value))
            return "a line without an equals sign";
        if ((reason = set_field(h, key, value)))
            return reason;
    }
    if (!h->layout.kind || h->dimensions < 2 || h->dimensions > 3 || h->n_sizes != h->dimensions)
        return "NDims (2 or 3), DimSize and ElementType are needed";
    if (!strncmp(h->data_file, "LIST", 4) || strpbrk(h->data_file, "%"))
        return "data in several files are not read; join them";
    return NULL;
}

fcs_status fcs_metaimage_decode(fcs_context *ctx, fcs_error *e, const char *path, FILE *f,
                                int64_t file_size, fcs_facts *facts, fcs_image **out)
{
    header h = {.binary = true, .layout = {.path = path, .f = f, .size = {1, 1, 1}, .channels = 1}};
    fcs_status status = FCS_OK;
    (void)ctx;
    (void)file_size;
    snprintf(facts->format, sizeof facts->format, "metaimage");
    const char *reason = read_fields(&h, f);
    if (reason)
        return fcs_header_fail(e, path, "MetaImage", reason);
    if (h.dimensions == 2)
        h.layout.voxel.size[2] = h.layout.voxel.size[0];
    if (!h.binary)
        h.layout.encoding = FCS_ASCII;
    if (strcasecmp(h.data_file, "LOCAL") && !(h.layout.f = fcs_layout_open(e, path, h.data_file)))
        return FCS_FAILED;
    h.layout.at_end = h.header_size == -1;
    if (h.header_size > 0 && fseeko(h.layout.f, (off_t)h.header_size, SEEK_SET))
        status = fcs_header_fail(e, path, "MetaImage", "HeaderSize");
    if (!status)
        status = fcs_layout_load(e, &h.layout, facts, out);
    if (h.layout.f != f)
        fclose(h.layout.f);
    return status;
}

fcs_status fcs_raw_decode(fcs_context *ctx, fcs_error *e, const char *path, FILE *f,
                          int64_t file_size, fcs_facts *facts, fcs_image **out)
{
    static const struct {
        const char *ending;
        fcs_decoder *decode;
    } headers[] = {{".mhd", fcs_metaimage_decode}, {".nhdr", fcs_nrrd_decode}};
    const char *dot = strrchr(path, '.');
    int stem = dot ? (int)(dot - path) : (int)strlen(path);
    (void)f;
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        char *name = fcs_format(e, "%.*s%s", stem, path, headers[i].ending);
        FILE *beside = name && access(name, F_OK) == 0 ? fopen(name, "rb") : NULL;
        fcs_status status =
            beside ? headers[i].decode(ctx, e, name, beside, file_size, facts, out) : FCS_FAILED;
        if (beside)
            fclose(beside);
        free(name);
        if (beside || !name)
            return status;
    }
    return fcs_fail(e, FCS_FAILED,
                    "%s: raw samples without a header: put %.*s.mhd beside it, with the lines "
                    "NDims, DimSize, ElementType and ElementDataFile",
                    path, stem, path);
}
