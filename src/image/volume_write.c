/* volume_write.c: rows into uncompressed volumes: a header, the samples as they come, perhaps a
 * footer. .mhd and .raw are the two files of one MetaImage. */
#include "image/picture.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

typedef struct state {
    fcs_sink sink; /* its file is the one that was asked for */
    fcs_file other;
    FILE *data;
    const char *footer;
} state;

static bool machine_is_big(void)
{
    const uint16_t one = 1;
    return *(const uint8_t *)&one == 0;
}

static double spacing(const fcs_form *f, int axis)
{
    return f->voxel.size[axis] > 0 ? f->voxel.size[axis] : 1;
}

static fcs_status failed(fcs_error *e, const state *s)
{
    return fcs_fail(e, FCS_FAILED, "%s: writing failed: %s", s->sink.path,
                    strerror(errno ? errno : EIO));
}

static fcs_status put(fcs_error *e, state *s, FILE *f, fcs_text *t)
{
    errno = 0;
    bool good = !t->failed && fwrite(t->s, 1, t->n, f) == t->n;
    free(t->s);
    return good ? FCS_OK : failed(e, s);
}

static fcs_status volume_row(fcs_error *e, void *p, const void *row)
{
    state *s = p;
    errno = 0;
    return fwrite(row, 1, s->sink.row_bytes, s->data) == s->sink.row_bytes ? FCS_OK : failed(e, s);
}

static fcs_status volume_close(fcs_error *e, void *p)
{
    state *s = p;
    errno = 0;
    if (s->footer && fputs(s->footer, s->data) < 0)
        return failed(e, s);
    return s->other.f ? fcs_file_commit(e, &s->other) : FCS_OK;
}

static void volume_free(void *p)
{
    state *s = p;
    if (s->other.f)
        fcs_file_abort(&s->other);
}

/* ---- NRRD ---- */

static fcs_status nrrd_open(fcs_error *e, void *p)
{
    static const char *const types[] = {
        [FCS_U8] = "uint8", [FCS_U16] = "uint16", [FCS_F32] = "float"};
    state *s = p;
    const fcs_form *f = &s->sink.form;
    bool colour = f->channels > 1;
    fcs_text t = {0};
    fcs_text_add(&t, "NRRD0004\ntype: %s\ndimension: %d\n", types[f->sample], colour ? 4 : 3);
    fcs_text_add(&t, colour ? "space dimension: 3\nsizes: 3 " : "space dimension: 3\nsizes: ");
    fcs_text_add(&t, "%lld %lld %lld\n", (long long)f->width, (long long)f->height,
                 (long long)f->depth);
    fcs_text_add(&t, "space directions: %s(%.9g,0,0) (0,%.9g,0) (0,0,%.9g)\n",
                 colour ? "none " : "", spacing(f, 0), spacing(f, 1), spacing(f, 2));
    fcs_text_add(&t, "kinds: %sdomain domain domain\n", colour ? "RGB-color " : "");
    if (f->voxel.unit[0])
        fcs_text_add(&t, "space units: \"%s\" \"%s\" \"%s\"\n", f->voxel.unit, f->voxel.unit,
                     f->voxel.unit);
    fcs_text_add(&t, "space origin: (0,0,0)\nendian: %s\nencoding: raw\n\n",
                 machine_is_big() ? "big" : "little");
    s->data = s->sink.file.f;
    return put(e, s, s->data, &t);
}

/* ---- MetaImage ---- */

static void metaimage_header(const fcs_form *f, const char *data_file, fcs_text *t)
{
    static const char *const types[] = {
        [FCS_U8] = "MET_UCHAR", [FCS_U16] = "MET_USHORT", [FCS_F32] = "MET_FLOAT"};
    static const char *const units[] = {"um", "mm", "cm"};
    fcs_text_add(t, "ObjectType = Image\nNDims = 3\nBinaryData = True\n");
    fcs_text_add(t, "BinaryDataByteOrderMSB = %s\n", machine_is_big() ? "True" : "False");
    fcs_text_add(t, "CompressedData = False\nOffset = 0 0 0\n");
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (strcmp(f->voxel.unit, units[i]) == 0)
            fcs_text_add(t, "DistanceUnits = %s\n", units[i]);
    fcs_text_add(t, "ElementSpacing = %.9g %.9g %.9g\n", spacing(f, 0), spacing(f, 1),
                 spacing(f, 2));
    fcs_text_add(t, "DimSize = %lld %lld %lld\n", (long long)f->width, (long long)f->height,
                 (long long)f->depth);
    if (f->channels > 1)
        fcs_text_add(t, "ElementNumberOfChannels = %d\n", f->channels);
    fcs_text_add(t, "ElementType = %s\nElementDataFile = %s\n", types[f->sample], data_file);
}

static fcs_status mha_open(fcs_error *e, void *p)
{
    state *s = p;
    fcs_text t = {0};
    metaimage_header(&s->sink.form, "LOCAL", &t);
    s->data = s->sink.file.f;
    return put(e, s, s->data, &t);
}

/* "a/b.mhd" and ".raw" give "a/b.raw". */
static char *sibling(fcs_error *e, const char *path, const char *ending)
{
    const char *dot = strrchr(path, '.');
    return fcs_format(e, "%.*s%s", (int)(dot - path), path, ending);
}

static fcs_status pair_open(fcs_error *e, state *s, bool asked_for_header)
{
    fcs_text t = {0};
    char *name = sibling(e, s->sink.path, asked_for_header ? ".raw" : ".mhd");
    fcs_status status = name ? fcs_file_open(e, &s->other, name) : FCS_FAILED;
    if (!status) {
        FILE *header = asked_for_header ? s->sink.file.f : s->other.f;
        const char *data = asked_for_header ? name : s->sink.path, *slash = strrchr(data, '/');
        s->data = asked_for_header ? s->other.f : s->sink.file.f;
        metaimage_header(&s->sink.form, slash ? slash + 1 : data, &t);
        status = put(e, s, header, &t);
    }
    free(name);
    return status;
}

static fcs_status mhd_open(fcs_error *e, void *p) { return pair_open(e, p, true); }
static fcs_status raw_open(fcs_error *e, void *p) { return pair_open(e, p, false); }

/* ---- VTK image data ---- */

static const char vti_footer[] = "\n  </AppendedData>\n</VTKFile>\n";

/* Values of points by default: ParaView draws volumes of cell values badly. */
static fcs_status vti_open(fcs_error *e, void *p)
{
    static const char *const types[] = {
        [FCS_U8] = "UInt8", [FCS_U16] = "UInt16", [FCS_F32] = "Float32"};
    state *s = p;
    const fcs_form *f = &s->sink.form;
    const char *of = f->cells ? "CellData" : "PointData";
    long long less = f->cells ? 0 : 1, n[3] = {f->width - less, f->height - less, f->depth - less};
    char extent[100];
    fcs_text t = {0};
    snprintf(extent, sizeof extent, "0 %lld 0 %lld 0 %lld", n[0], n[1], n[2]);
    fcs_text_add(&t,
                 "<?xml version=\"1.0\"?>\n<VTKFile type=\"ImageData\" version=\"1.0\" "
                 "byte_order=\"%s\" header_type=\"UInt64\">\n",
                 machine_is_big() ? "BigEndian" : "LittleEndian");
    fcs_text_add(&t,
                 "  <ImageData WholeExtent=\"%s\" Origin=\"0 0 0\" Spacing=\"%.9g %.9g %.9g\">\n",
                 extent, spacing(f, 0), spacing(f, 1), spacing(f, 2));
    fcs_text_add(&t, "    <Piece Extent=\"%s\">\n      <%s Scalars=\"values\">\n", extent, of);
    fcs_text_add(&t,
                 "        <DataArray type=\"%s\" Name=\"values\" NumberOfComponents=\"%d\" "
                 "format=\"appended\" offset=\"0\"/>\n",
                 types[f->sample], f->channels);
    fcs_text_add(&t, "      </%s>\n    </Piece>\n  </ImageData>\n", of);
    fcs_text_add(&t, "  <AppendedData encoding=\"raw\">\n_");
    uint64_t bytes = (uint64_t)s->sink.row_bytes * (uint64_t)f->height * (uint64_t)f->depth;
    fcs_text_put(&t, (const char *)&bytes, sizeof bytes);
    s->data = s->sink.file.f;
    s->footer = vti_footer;
    return put(e, s, s->data, &t);
}

/* ---- NumPy ---- */

/* Version 1: magic, length of the dictionary in two bytes, the dictionary padded with blanks to a
 * multiple of 64 bytes in all. */
static fcs_status npy_open(fcs_error *e, void *p)
{
    static const char *const types[] = {[FCS_U8] = "u1", [FCS_U16] = "u2", [FCS_F32] = "f4"};
    state *s = p;
    const fcs_form *f = &s->sink.form;
    char text[192], shape[100], depth[32] = "", colours[16] = "";
    if (f->depth > 1)
        snprintf(depth, sizeof depth, "%lld, ", (long long)f->depth);
    if (f->channels > 1)
        snprintf(colours, sizeof colours, ", %d", f->channels);
    snprintf(shape, sizeof shape, "%s%lld, %lld%s", depth, (long long)f->height,
             (long long)f->width, colours);
    int n =
        snprintf(text, sizeof text, "{'descr': '%c%s', 'fortran_order': False, 'shape': (%s), }",
                 f->sample == FCS_U8 ? '|'
                 : machine_is_big()  ? '>'
                                     : '<',
                 types[f->sample], shape);
    int padded = (n + 1 + 10 + 63) / 64 * 64 - 10;
    const char head[10] = {(char)0x93,         'N', 'U', 'M', 'P', 'Y', 1, 0, (char)(padded & 255),
                           (char)(padded >> 8)};
    fcs_text t = {0};
    fcs_text_put(&t, head, sizeof head);
    fcs_text_add(&t, "%-*s\n", padded - 1, text);
    s->data = s->sink.file.f;
    return put(e, s, s->data, &t);
}

#define KIND(ending, open)                                                                         \
    {                                                                                              \
        {ending, NULL}, sizeof(state), open, volume_row, volume_close, volume_free                 \
    }
const fcs_sink_kind fcs_nrrd_sink = KIND(".nrrd", nrrd_open);
const fcs_sink_kind fcs_mha_sink = KIND(".mha", mha_open);
const fcs_sink_kind fcs_mhd_sink = KIND(".mhd", mhd_open);
const fcs_sink_kind fcs_raw_sink = KIND(".raw", raw_open);
const fcs_sink_kind fcs_vti_sink = KIND(".vti", vti_open);
const fcs_sink_kind fcs_npy_sink = KIND(".npy", npy_open);
