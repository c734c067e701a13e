/* nrrd.c: NRRD headers (https://teem.sourceforge.net/nrrd/format.html): data in the file or beside
 * it, raw, gzip or text. */
#include "image/volume.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const fcs_kind_name kinds[] = {
    {"uchar", 8, 1},
    {"unsigned char", 8, 1},
    {"uint8", 8, 1},
    {"uint8_t", 8, 1},
    {"signed char", 8, 2},
    {"int8", 8, 2},
    {"int8_t", 8, 2},
    {"ushort", 16, 1},
    {"unsigned short", 16, 1},
    {"unsigned short int", 16, 1},
    {"uint16", 16, 1},
    {"uint16_t", 16, 1},
    {"short", 16, 2},
    {"short int", 16, 2},
    {"signed short", 16, 2},
    {"signed short int", 16, 2},
    {"int16", 16, 2},
    {"int16_t", 16, 2},
    {"uint", 32, 1},
    {"unsigned int", 32, 1},
    {"uint32", 32, 1},
    {"uint32_t", 32, 1},
    {"int", 32, 2},
    {"signed int", 32, 2},
    {"int32", 32, 2},
    {"int32_t", 32, 2},
    {"ulonglong", 64, 1},
    {"unsigned long long", 64, 1},
    {"unsigned long long int", 64, 1},
    {"uint64", 64, 1},
    {"uint64_t", 64, 1},
    {"longlong", 64, 2},
    {"long long", 64, 2},
    {"long long int", 64, 2},
    {"signed long long", 64, 2},
    {"int64", 64, 2},
    {"int64_t", 64, 2},
    {"float", 32, 3},
    {"double", 64, 3},
    {NULL, 0, 0},
};

enum { AXES = 4, LINES_MAX = 2000 };

typedef struct header {
    int64_t dimension, sizes[AXES], line_skip, byte_skip;
    int n_sizes;
    bool channel_axis; /* the first axis holds channels: its kind or its direction says so */
    double spacing[AXES];
    char data_file[1024];
    fcs_layout layout;
} header;

static double length_of(const double *v) { return sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]); }

/* "(a,b,c) (d,e,f) ...", "none" for an axis that is not one of space. */
static void set_directions(header *h, const char *value)
{
    for (int axis = 0; axis < AXES && *value; axis++) {
        double v[3] = {0};
        size_t n = strcspn(value, "()nN");
        value += n;
        if (*value == '(') {
            fcs_header_numbers(value, v, 3);
            h->spacing[axis] = length_of(v);
            value += strcspn(value, ")");
            value += *value == ')';
        } else if (*value) {
            h->spacing[axis] = 0;
            h->channel_axis = h->channel_axis || axis == 0;
            value += strcspn(value, " ");
        }
    }
}

static void set_kinds(header *h, const char *value)
{
    static const char *const space[] = {"domain", "space", "time", "???", "none"};
    size_t n = strcspn(value, " \t");
    h->channel_axis = true;
    for (size_t i = 0; i < sizeof space / sizeof *space; i++)
        if (strlen(space[i]) == n && strncasecmp(value, space[i], n) == 0)
            h->channel_axis = false;
}

static bool set_encoding(header *h, const char *value)
{
    static const struct {
        const char *name;
        fcs_encoding encoding;
    } known[] = {{"raw", FCS_RAW},     {"gzip", FCS_DEFLATE}, {"gz", FCS_DEFLATE},
                 {"ascii", FCS_ASCII}, {"text", FCS_ASCII},   {"txt", FCS_ASCII}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcasecmp(value, known[i].name) == 0) {
            h->layout.encoding = known[i].encoding;
            return true;
        }
    return false;
}

/* The reason, or NULL when the field is fine or means nothing here. */
static const char *set_field(header *h, const char *key, const char *value)
{
    if (!strcasecmp(key, "type"))
        return (h->layout.kind = fcs_kind_named(kinds, value)) ? NULL : "this type is not read";
    if (!strcasecmp(key, "dimension"))
        return fcs_header_sizes(value, &h->dimension, 1) ? NULL : "dimension";
    if (!strcasecmp(key, "sizes"))
        h->n_sizes = fcs_header_sizes(value, h->sizes, AXES);
    else if (!strcasecmp(key, "encoding"))
        return set_encoding(h, value) ? NULL : "encoding: raw, gzip and ascii are read";
    else if (!strcasecmp(key, "endian"))
        h->layout.big_endian = !strcasecmp(value, "big");
    else if (!strcasecmp(key, "spacings"))
        fcs_header_numbers(value, h->spacing, AXES);
    else if (!strcasecmp(key, "space directions"))
        set_directions(h, value);
    else if (!strcasecmp(key, "space units") || !strcasecmp(key, "units"))
        fcs_voxel_unit(&h->layout.voxel, value + (value[0] == '"' && value[1] == '"' ? 2 : 0));
    else if (!strcasecmp(key, "kinds"))
        set_kinds(h, value);
    else if (!strcasecmp(key, "line skip") || !strcasecmp(key, "lineskip"))
        fcs_header_sizes(value, &h->line_skip, 1);
    else if (!strcasecmp(key, "byte skip") || !strcasecmp(key, "byteskip"))
        fcs_header_sizes(value, &h->byte_skip, 1);
    else if (!strcasecmp(key, "data file") || !strcasecmp(key, "datafile"))
        snprintf(h->data_file, sizeof h->data_file, "%s", value);
    return NULL;
}

static const char *read_fields(header *h, FILE *f)
{
    char line[4096], *key, *value;
    const char *reason;
    if (!fcs_header_line(f, line, sizeof line) || strncmp(line, "NRRD", 4))
        return "no NRRD line";
    for (int n = 0; n < LINES_MAX; n++) {
        if (!fcs_header_line(f, line, sizeof line)) {
            if (h->data_file[0])
                return NULL; /* a detached header may end without an empty line */
            return "it has no end";
        }
        if (!line[0])
            return NULL;
        if (line[0] == '#' || strstr(line, ":="))
            continue;
        if (!fcs_header_split(line, ":", &key, &value))
            return "a line without a colon";
        if ((reason = set_field(h, key, value)))
            return reason;
    }
    return "too many lines";
}

/* Sizes and spacings of x, y, z behind the channels' axis, if there is one. */
static const char *set_sizes(header *h)
{
    fcs_layout *l = &h->layout;
    if (!l->kind || h->dimension < 1 || h->dimension > AXES || h->n_sizes != h->dimension)
        return "type, dimension (2 to 4) and sizes are needed";
    int first = (h->channel_axis && h->dimension > 2) || h->dimension == AXES ? 1 : 0;
    l->channels = first ? (int)(h->sizes[0] < 100 ? h->sizes[0] : 100) : 1;
    for (int a = 0; a < 3; a++) {
        bool there = first + a < h->dimension;
        l->size[a] = there ? h->sizes[first + a] : 1;
        l->voxel.size[a] = there ? h->spacing[first + a] : l->voxel.size[0];
    }
    if (strpbrk(h->data_file, "%") || !strncmp(h->data_file, "LIST", 4))
        return "data in several files are not read; join them";
    return NULL;
}

fcs_status fcs_nrrd_decode(fcs_context *ctx, fcs_error *e, const char *path, FILE *f,
                           int64_t file_size, fcs_facts *facts, fcs_image **out)
{
    header h = {.dimension = 0, .layout = {.path = path, .f = f}};
    const char *reason;
    (void)ctx;
    (void)file_size;
    snprintf(facts->format, sizeof facts->format, "nrrd");
    if ((reason = read_fields(&h, f)) || (reason = set_sizes(&h)))
        return fcs_header_fail(e, path, "NRRD", reason);
    if (h.data_file[0] && !(h.layout.f = fcs_layout_open(e, path, h.data_file)))
        return FCS_FAILED;
    fcs_status status = FCS_OK;
    for (int64_t i = 0, c = 0; i < h.line_skip && c != EOF; i++)
        while ((c = getc(h.layout.f)) != EOF && c != '\n')
            ;
    h.layout.at_end = h.byte_skip == -1;
    if (h.byte_skip > 0 && fseeko(h.layout.f, (off_t)h.byte_skip, SEEK_CUR))
        status = fcs_header_fail(e, path, "NRRD", "byte skip");
    if (!status)
        status = fcs_layout_load(e, &h.layout, facts, out);
    if (h.layout.f != f)
        fclose(h.layout.f);
    return status;
}
