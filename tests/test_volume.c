/* test_volume.c: volumes of other programs against their known values, what is written read again,
 * headers that lie. */
#include "image/image.h"
#include "test.h"
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static fcs_context ctx;
static char folder[64], last_note[1024];

static void on_log(void *user, const char *line)
{
    (void)user;
    snprintf(last_note, sizeof last_note, "%s", line);
}

static const char *fixture(const char *name)
{
    static char path[1024];
    const char *source = getenv("srcdir");
    snprintf(path, sizeof path, "%s/tests/data/volumes/%s", source ? source : ".", name);
    return path;
}

static const char *scratch(const char *name)
{
    static char path[4][200];
    static int next;
    next = (next + 1) % 4;
    snprintf(path[next], sizeof path[next], "%s/%s", folder, name);
    return path[next];
}

/* ---- what the README of the fixtures says ---- */

typedef double truth(int z, int y, int x, int c);

static double grey(int z, int y, int x, int c) { return 60 * z + 10 * y + x + 0 * c; }
static double wide(int z, int y, int x, int c) { return 257 * grey(z, y, x, c); }
static double real(int z, int y, int x, int c) { return grey(z, y, x, c) / 8 - 1; }
static double odd(int z, int y, int x, int c) { return (int)grey(z, y, x, c) % 2; }
static double colours(int z, int y, int x, int c)
{
    double v = grey(z, y, x, 0);
    return c == 0 ? v : c == 1 ? v + 1 : 200 - v;
}

static const struct expected {
    const char *name;
    fcs_sample sample;
    truth *value;
    int channels, depth;
    bool spaced; /* 0.5 x 0.25 x 2 */
    const char *unit, *note;
} expected[] = {
    {"imagej.tif", FCS_U8, grey, 1, 3, true, "um", ""},
    {"imagej-truncated.tif", FCS_U16, wide, 1, 3, true, "um", ""},
    {"itk.mha", FCS_U8, grey, 1, 3, true, "", ""},
    {"itk-zlib.mhd", FCS_U8, grey, 1, 3, true, "", ""},
    {"itk-int32.mhd", FCS_U8, grey, 1, 3, true, "", "32 bits held in 8"},
    {"itk-int32.raw", FCS_U8, grey, 1, 3, true, "", "32 bits held in 8"},
    {"itk-float.mha", FCS_F32, real, 1, 3, false, "", ""},
    {"itk-gzip.nrrd", FCS_U8, grey, 1, 3, true, "", ""},
    {"itk-rgb.nrrd", FCS_U8, colours, 3, 3, false, "", ""},
    {"pynrrd-ascii.nrrd", FCS_U16, wide, 1, 3, true, "um", ""},
    {"pynrrd-detached.nhdr", FCS_U8, grey, 1, 3, true, "um", ""},
    {"pynrrd-detached.raw", FCS_U8, grey, 1, 3, true, "um", ""},
    {"numpy.npy", FCS_U8, grey, 1, 3, false, "", ""},
    {"numpy-fortran.npy", FCS_U8, grey, 1, 3, false, "", "64 bits held in 8"},
    {"numpy-rgb.npy", FCS_U8, colours, 3, 3, false, "", ""},
    {"numpy-bool.npy", FCS_U8, odd, 1, 3, false, "", ""},
    {"numpy-be.npy", FCS_F32, real, 1, 3, false, "", "64-bit float"},
    {"numpy-page.npy", FCS_U8, grey, 1, 1, false, "", ""},
    {"vtk-ascii.vti", FCS_U8, grey, 1, 3, true, "", ""},
    {"vtk-base64.vti", FCS_U16, wide, 1, 3, true, "", ""},
    {"vtk-base64-zlib.vti", FCS_F32, real, 1, 3, true, "", ""},
    {"vtk-raw.vti", FCS_U8, grey, 1, 3, true, "", ""},
    {"vtk-raw-zlib-cells.vti", FCS_U8, grey, 1, 3, true, "", ""},
    {"vtk-appended64-zlib-be.vti", FCS_U8, grey, 1, 3, true, "", "16 bits held in 8"},
    {"vtk-appended64.vti", FCS_F32, real, 1, 3, true, "", "64-bit float"},
};
enum { EXPECTED = sizeof expected / sizeof *expected };

static double scale_of(fcs_sample s) { return s == FCS_U8 ? 255 : s == FCS_U16 ? 65535 : 1; }

static void check_values(const fcs_image *m, truth *value, const char *name)
{
    int bad = 0;
    for (int z = 0; z < m->depth; z++)
        for (int y = 0; y < m->height; y++)
            for (int x = 0; x < m->width; x++)
                for (int c = 0; c < m->channels; c++)
                    bad += fabs(fcs_image_value(m, z, y, x, c) * scale_of(m->sample) -
                                value(z, y, x, c)) > 1e-6;
    if (bad)
        fprintf(stderr, "%s: %d samples differ\n", name, bad);
    CHECK(bad == 0);
}

static void check_voxel(const fcs_voxel *v, bool spaced, const char *unit)
{
    CHECK_NEAR(v->size[0], spaced ? 0.5 : 0, 1e-7);
    CHECK_NEAR(v->size[1], spaced ? 0.25 : 0, 1e-7);
    CHECK_NEAR(v->size[2], spaced ? 2 : 0, 1e-7);
    CHECK(strcmp(v->unit, unit) == 0);
}

static void test_fixture(const struct expected *x)
{
    fcs_image *m = NULL;
    last_note[0] = 0;
    bool read = fcs_image_read(&ctx, fixture(x->name), &m) == FCS_OK;
    if (!read)
        fprintf(stderr, "%s\n", fcs_message(&ctx));
    CHECK(read);
    if (!read)
        return;
    CHECK(m->width == 5 && m->height == 4 && m->depth == x->depth && m->channels == x->channels &&
          m->sample == x->sample);
    check_values(m, x->value, x->name);
    check_voxel(&m->voxel, x->spaced, x->unit);
    CHECK(x->note[0] ? strstr(last_note, x->note) != NULL : last_note[0] == 0);
    fcs_image_free(m);
}

/* ---- round trips ---- */

static void fill(fcs_image *m, truth *value)
{
    size_t i = 0;
    for (int z = 0; z < m->depth; z++)
        for (int y = 0; y < m->height; y++)
            for (int x = 0; x < m->width; x++)
                for (int c = 0; c < m->channels; c++, i++) {
                    double v = value(z, y, x, c);
                    if (m->sample == FCS_U8)
                        ((uint8_t *)m->data)[i] = (uint8_t)v;
                    else if (m->sample == FCS_U16)
                        ((uint16_t *)m->data)[i] = (uint16_t)v;
                    else
                        ((float *)m->data)[i] = (float)v;
                }
}

static const struct written {
    const char *name;
    bool spaced, unit;
} written[] = {{"w.tif", true, true},  {"w.nrrd", true, true}, {"w.mha", true, true},
               {"w.mhd", true, true},  {"v.raw", true, true},  {"w.vti", true, false},
               {"w.npy", false, false}};

static void test_round(const struct written *w, fcs_sample sample, int channels, int depth)
{
    static truth *const values[] = {[FCS_U8] = grey, [FCS_U16] = wide, [FCS_F32] = real};
    truth *value = channels == 3 ? colours : values[sample];
    fcs_image *m = NULL, *back = NULL;
    CHECK(fcs_image_new(&ctx, 5, 4, depth, channels, sample, &m) == FCS_OK);
    m->voxel = (fcs_voxel){{0.5, 0.25, 2}, "um"};
    fill(m, value);
    CHECK(fcs_image_write(&ctx, m, scratch(w->name)) == FCS_OK);
    CHECK(fcs_image_read(&ctx, scratch(w->name), &back) == FCS_OK);
    if (back) {
        CHECK(back->width == 5 && back->height == 4 && back->depth == depth &&
              back->channels == channels && back->sample == sample);
        check_values(back, value, w->name);
        check_voxel(&back->voxel, w->spaced, w->unit ? "um" : "");
    }
    fcs_image_free(m);
    fcs_image_free(back);
}

/* NumPy's own file, byte for byte. */
static void test_numpy_bytes(void)
{
    fcs_image *m = NULL;
    size_t n = 0, k = 0;
    CHECK(fcs_image_new(&ctx, 5, 4, 3, 1, FCS_U8, &m) == FCS_OK);
    fill(m, grey);
    CHECK(fcs_image_write(&ctx, m, scratch("same.npy")) == FCS_OK);
    char *ours = fcs_file_read(&ctx.error, scratch("same.npy"), 10000, &n);
    char *theirs = fcs_file_read(&ctx.error, fixture("numpy.npy"), 10000, &k);
    CHECK(ours && theirs && n == k && memcmp(ours, theirs, n) == 0);
    free(ours);
    free(theirs);
    fcs_image_free(m);
}

static void check_failed(fcs_status status, const char *path, const char *word)
{
    CHECK(status == FCS_FAILED);
    if (!strstr(fcs_message(&ctx), word) || !strstr(fcs_message(&ctx), path))
        fprintf(stderr, "%s, no \"%s\": %s\n", path, word, fcs_message(&ctx));
    CHECK(strstr(fcs_message(&ctx), word) && strstr(fcs_message(&ctx), path));
}

/* A volume that no disk holds is refused before anything is computed; an aborted pair leaves
 * neither file. */
static void test_writer(void)
{
    static const char *const names[] = {"huge.nrrd", "huge.mha", "huge.mhd", "huge.raw",
                                        "huge.vti",  "huge.npy", "huge.tif"};
    fcs_writer *w = NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const fcs_form f = {.width = 90000, .height = 90000, .depth = 90000, .channels = 1};
        fcs_error_clear(&ctx.error);
        check_failed(fcs_writer_open(&ctx.error, scratch(names[i]), &f, &w), names[i], "free");
        CHECK(access(scratch(names[i]), F_OK) != 0);
    }
    const fcs_form f = {.width = 5, .height = 4, .depth = 3, .channels = 1};
    fcs_error_clear(&ctx.error);
    CHECK(fcs_writer_open(&ctx.error, scratch("gone.mhd"), &f, &w) == FCS_OK);
    fcs_writer_abort(w);
    CHECK(access(scratch("gone.mhd"), F_OK) != 0 && access(scratch("gone.raw"), F_OK) != 0);
    check_failed(fcs_writer_open(&ctx.error, scratch("v.gif"), &f, &w), "v.gif", ".nrrd");
    fcs_error_clear(&ctx.error);
    const fcs_form png = {.width = 5, .height = 4, .depth = 3, .channels = 1};
    check_failed(fcs_writer_open(&ctx.error, scratch("v.png"), &png, &w), "v.png", "one page");
}

/* ---- headers that lie ---- */

#define NRRD "NRRD0004\ntype: uint8\ndimension: 3\n"
#define META "ObjectType = Image\nNDims = 3\nElementType = MET_UCHAR\n"
#define VTI(extent, array)                                                                         \
    "<VTKFile type=\"ImageData\" byte_order=\"LittleEndian\"><ImageData WholeExtent=\"" extent     \
    "\"><Piece Extent=\"0 4 0 3 0 2\"><PointData>" array
static const struct lie {
    const char *name, *text, *word;
} lies[] = {
    {"a.nrrd", NRRD "sizes: 5 4 3\nencoding: raw\n\nshort", "cut off"},
    {"a.nrrd", NRRD "sizes: 100000 100000 100000\nencoding: raw\n\nx", "GiB"},
    {"a.nrrd", NRRD "sizes: 9000 9000 90\nencoding: gzip\n\nx", "cut off"},
    {"a.nrrd", NRRD "sizes: 5 4 0\nencoding: raw\n\nx", "empty or damaged"},
    {"a.nrrd", NRRD "sizes: 5 4\nencoding: raw\n\nx", "sizes"},
    {"a.nrrd", NRRD "sizes: 5 -4 3\nencoding: raw\n\nx", "empty or damaged"},
    {"a.nrrd", NRRD "sizes: 5 4 3\nencoding: bzip2\n\nx", "encoding"},
    {"a.nrrd", NRRD "sizes: 5 4 3\nencoding: raw\n", "no end"},
    {"a.nrrd", NRRD "sizes: 5 4 3\nno field\n\nx", "colon"},
    {"a.nrrd", "NRRD0004\ntype: block\ndimension: 3\nsizes: 5 4 3\n\nx", "type"},
    {"a.nrrd", "NRRD0004\ntype: uint8\ndimension: 4\nsizes: 9 5 4 3\n\nx", "channels"},
    {"a.nrrd", NRRD "sizes: 5 4 3\nencoding: raw\ndata file: none.raw\n\n", "none.raw"},
    {"a.nrrd", NRRD "sizes: 5 4 3\nencoding: raw\ndata file: LIST\n\n", "several files"},
    {"a.nrrd", NRRD "sizes: 5 4 3\nencoding: ascii\n\n1 2 3 x", "cut off"},
    {"a.mha", META "DimSize = 5 4 3\nElementDataFile = LOCAL\nshort", "cut off"},
    {"a.mha", META "DimSize = 5 4 3\n", "ElementDataFile"},
    {"a.mha", META "DimSize = 5 4\nElementDataFile = LOCAL\nx", "DimSize"},
    {"a.mha", META "DimSize = 5 4 3\nElementDataFile = /dev/zero\n", "/dev/zero"},
    {"a.mha", META "DimSize = 5 4 3\nElementDataFile = slice%03d.raw 1 3 1\n", "several files"},
    {"a.mha", META "DimSize = 5 4 3\nnonsense\nElementDataFile = LOCAL\n", "equals"},
    {"a.mhd", "no header at all", "MetaImage"},
    {"a.vti", VTI("0 4 0 3 0 2", "<DataArray type=\"UInt8\" format=\"ascii\">1 2 3</DataArray>"),
     "cut off"},
    {"a.vti", VTI("0 9 0 3 0 2", ""), "several pieces"},
    {"a.vti", VTI("0 4 0 3 0 2", ""), "no array"},
    {"a.vti", VTI("0 4 0 3 0 2", "<DataArray type=\"String\" format=\"ascii\">"), "type"},
    {"a.vti", VTI("0 4 0 3 0 2", "<DataArray type=\"UInt8\" format=\"binary\">????"), "cut off"},
    {"a.vti", "<VTKFile type=\"PolyData\">", "ImageData"},
    {"a.npy", "\x93NUMPY\x01", "cut off"},
    {"b.raw", "no header beside it", "b.mhd"},
};

static void test_lie(const struct lie *l)
{
    fcs_image *m = NULL;
    FILE *f = fopen(scratch(l->name), "wb");
    CHECK(f && fputs(l->text, f) >= 0 && fclose(f) == 0);
    check_failed(fcs_image_read(&ctx, scratch(l->name), &m), l->name, l->word);
    CHECK(m == NULL);
}

static void test_inspect(void)
{
    const char *const paths[] = {fixture("pynrrd-detached.nhdr")};
    fcs_table *t = NULL;
    CHECK(fcs_inspect(&ctx, paths, 1, &t) == FCS_OK);
    int column = 0;
    while (t && column < fcs_table_columns(t) && strcmp(fcs_table_name(t, column), "voxel"))
        column++;
    CHECK(t && column < fcs_table_columns(t) && fcs_table_text(t, 0, column) &&
          strcmp(fcs_table_text(t, 0, column), "0.5 x 0.25 x 2 um") == 0);
    fcs_table_free(t);
}

int main(void)
{
    static const struct {
        fcs_sample sample;
        int channels, depth;
    } forms[] = {{FCS_U8, 1, 3}, {FCS_U16, 1, 3}, {FCS_F32, 1, 3}, {FCS_U8, 3, 3}, {FCS_U8, 1, 1}};
    ctx.log = on_log;
    snprintf(folder, sizeof folder, "test_volume.%ld.tmp", (long)getpid());
    if (mkdir(folder, 0700))
        return 1;
    for (int i = 0; i < EXPECTED; i++)
        test_fixture(&expected[i]);
    for (size_t w = 0; w < sizeof written / sizeof *written; w++)
        for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
            test_round(&written[w], forms[i].sample, forms[i].channels, forms[i].depth);
    test_numpy_bytes();
    test_writer();
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++)
        test_lie(&lies[i]);
    test_inspect();
    char command[100];
    snprintf(command, sizeof command, "rm -r %s", folder);
    CHECK(system(command) == 0);
    return test_end();
}
