/* tiff_read.c: TIFF pages of every depth, sample format, layout and byte order into 8-, 16-bit or
 * float images. */
#include "image/tiff_io.h"
#include "image/volume.h"
#include <stdlib.h>
#include <string.h>

/* What all pages of a stack must have in common. */
typedef struct page {
    uint32_t width, height;
    uint16_t bits, samples, format, photometric, planar, compression;
} page;

typedef struct job {
    fcs_tiff t;
    fcs_error *e;
    const char *path;
    fcs_facts *facts;
    page page;
    int64_t pages, hidden; /* hidden: pages of ImageJ that follow the first without a directory */
    fcs_unpack *unpack;    /* stored samples to the image's */
    const uint16_t *map[3];
    bool wide_map, grey_map;
    fcs_image *image;
    uint8_t *chunk; /* a strip or tile */
    size_t chunk_bytes;
} job;

static fcs_status fail(job *j, const char *what)
{
    return fcs_fail(j->e, FCS_FAILED, "%s: damaged or cut-off TIFF: %s: %s", j->path, what,
                    fcs_tiff_why(&j->t));
}

static bool get_page(job *j, page *p)
{
    TIFF *t = j->t.tiff;
    memset(p, 0, sizeof *p);
    bool ok = TIFFGetField(t, TIFFTAG_IMAGEWIDTH, &p->width) &&
              TIFFGetField(t, TIFFTAG_IMAGELENGTH, &p->height);
    TIFFGetFieldDefaulted(t, TIFFTAG_BITSPERSAMPLE, &p->bits);
    TIFFGetFieldDefaulted(t, TIFFTAG_SAMPLESPERPIXEL, &p->samples);
    TIFFGetFieldDefaulted(t, TIFFTAG_SAMPLEFORMAT, &p->format);
    TIFFGetFieldDefaulted(t, TIFFTAG_PLANARCONFIG, &p->planar);
    TIFFGetFieldDefaulted(t, TIFFTAG_COMPRESSION, &p->compression);
    if (p->format == SAMPLEFORMAT_VOID)
        p->format = SAMPLEFORMAT_UINT;
    if (!TIFFGetField(t, TIFFTAG_PHOTOMETRIC, &p->photometric))
        p->photometric = p->samples >= 3 ? PHOTOMETRIC_RGB : PHOTOMETRIC_MINISBLACK;
    if (p->compression == COMPRESSION_JPEG && p->photometric == PHOTOMETRIC_YCBCR) {
        TIFFSetField(t, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
        p->photometric = PHOTOMETRIC_RGB;
    }
    return ok;
}

/* Thumbnails and masks stand among the pages of some files. */
static bool is_subfile(job *j)
{
    uint32_t type = 0;
    return TIFFGetField(j->t.tiff, TIFFTAG_SUBFILETYPE, &type) &&
           (type & (FILETYPE_REDUCEDIMAGE | FILETYPE_MASK));
}

static bool same_page(const page *a, const page *b)
{
    return a->width == b->width && a->height == b->height && a->bits == b->bits &&
           a->samples == b->samples && a->format == b->format && a->photometric == b->photometric;
}

/* "name=value" of ImageJ's description, up to the line's end; NULL where it is not there. */
static const char *imagej_value(job *j, const char *name)
{
    char *text = NULL;
    size_t n = strlen(name);
    if (!TIFFGetField(j->t.tiff, TIFFTAG_IMAGEDESCRIPTION, &text) || !text ||
        strncmp(text, "ImageJ=", 7) != 0)
        return NULL;
    for (const char *line = text; (line = strchr(line, '\n')) != NULL;)
        if (strncmp(++line, name, n) == 0 && line[n] == '=')
            return line + n + 1;
    return NULL;
}

static void read_voxel(job *j)
{
    fcs_voxel *v = &j->facts->voxel;
    const char *unit = imagej_value(j, "unit"), *spacing = imagej_value(j, "spacing");
    float x = 0, y = 0;
    if (!unit && !spacing)
        return;
    TIFFGetField(j->t.tiff, TIFFTAG_XRESOLUTION, &x);
    TIFFGetField(j->t.tiff, TIFFTAG_YRESOLUTION, &y);
    v->size[0] = x > 0 ? 1 / (double)x : 1;
    v->size[1] = y > 0 ? 1 / (double)y : v->size[0];
    v->size[2] = v->size[0];
    if (unit)
        fcs_voxel_unit(v, unit);
    if (spacing)
        fcs_header_numbers(spacing, &v->size[2], 1);
    fcs_voxel_check(v);
}

/* Do n pages lie behind each other from the first strip on, uncompressed? */
static bool are_there(job *j, int64_t n)
{
    const page *p = &j->page;
    TIFF *t = j->t.tiff;
    uint64_t *at = NULL;
    int64_t bytes = (int64_t)p->width * p->height * p->samples * (p->bits / 8);
    return p->compression == COMPRESSION_NONE && !TIFFIsTiled(t) && p->bits % 8 == 0 &&
           p->planar == PLANARCONFIG_CONTIG && TIFFGetField(t, TIFFTAG_STRIPOFFSETS, &at) && at &&
           n < (int64_t)1 << 31 && bytes > 0 && bytes < INT64_MAX / n &&
           bytes * n <= (int64_t)TIFFGetSizeProc(t)(&j->t) &&
           (int64_t)at[0] <= (int64_t)TIFFGetSizeProc(t)(&j->t) - bytes * n;
}

/* ImageJ writes stacks over 4 GB as one page that the others follow without a directory. */
static void find_hidden_pages(job *j)
{
    const char *images = imagej_value(j, "images");
    int64_t n = images ? strtoll(images, NULL, 10) : 1;
    if (n > 1 && are_there(j, n))
        j->hidden = n;
    else if (n > 1)
        fcs_facts_note(
            j->facts,
            "only the first of %lld images is read: ImageJ stored the others without a directory, "
            "save it as an ordinary TIFF sequence",
            (long long)n);
}

/* First pass: counts pages and checks that they agree. */
static fcs_status survey(job *j)
{
    int64_t skipped = 0, index = 0;
    do {
        page p;
        if (is_subfile(j) && (skipped++, true))
            continue;
        if (!get_page(j, &p))
            return fail(j, "no size");
        if (j->pages == 0)
            j->page = p;
        if (!same_page(&p, &j->page))
            return fcs_fail(
                j->e, FCS_FAILED,
                "%s: page %lld (%u x %u, %d x %d bit) differs from the first (%u x %u, %d x "
                "%d bit); split the file",
                j->path, (long long)index + 1, (unsigned)p.width, (unsigned)p.height, p.samples,
                p.bits, (unsigned)j->page.width, (unsigned)j->page.height, j->page.samples,
                j->page.bits);
        j->pages++;
    } while (index++, TIFFReadDirectory(j->t.tiff));
    if (j->t.message[0] || j->t.why)
        return fail(j, "page list");
    if (j->pages == 0)
        return fcs_fail(j->e, FCS_FAILED, "%s: holds thumbnails only, no image", j->path);
    if (index == 1)
        find_hidden_pages(j);
    if (skipped)
        fcs_facts_note(j->facts, "%lld thumbnails or masks skipped", (long long)skipped);
    return FCS_OK;
}

static int channels_of(const page *p) { return p->photometric == PHOTOMETRIC_RGB ? 3 : 1; }

/* Which of the file's kinds are taken, and as what. */
static fcs_status choose(job *j, fcs_sample *sample)
{
    const page *p = &j->page;
    static const char *const format[] = {"", "unsigned", "signed", "float"};
    bool known = p->photometric == PHOTOMETRIC_MINISBLACK ||
                 p->photometric == PHOTOMETRIC_MINISWHITE || p->photometric == PHOTOMETRIC_RGB ||
                 p->photometric == PHOTOMETRIC_PALETTE;
    if (!known || p->samples < channels_of(p))
        return fcs_fail(
            j->e, FCS_FAILED,
            "%s: TIFF colours of kind %d with %d samples are not read; convert it to grey or "
            "RGB",
            j->path, p->photometric, p->samples);
    const fcs_sample_kind *kind = p->format <= 3 ? fcs_sample_kind_of(p->bits, p->format) : NULL;
    if (!kind || (p->photometric == PHOTOMETRIC_PALETTE && kind->sample == FCS_F32))
        return fcs_fail(
            j->e, FCS_FAILED,
            "%s: TIFF samples of %d bit%s%s are not read; convert them to 8 or 16 bit or float",
            j->path, p->bits, p->format <= 3 ? ", " : "", p->format <= 3 ? format[p->format] : "");
    j->unpack = kind->unpack;
    *sample = kind->sample;
    j->facts->unit = kind->unit;
    j->facts->is_float = p->format == SAMPLEFORMAT_IEEEFP;
    if (kind->sample == FCS_F32 && !(p->bits == 32 && j->facts->is_float))
        fcs_facts_note(j->facts, "%d-bit %s samples read as 32-bit float", p->bits,
                       format[p->format]);
    return FCS_OK;
}

/* Colour maps hold 16-bit values; some writers put 8-bit values there. */
static fcs_status choose_map(job *j)
{
    uint16_t *r, *g, *b;
    if (j->page.photometric != PHOTOMETRIC_PALETTE)
        return FCS_OK;
    if (j->page.bits > 8 || !TIFFGetField(j->t.tiff, TIFFTAG_COLORMAP, &r, &g, &b))
        return fcs_fail(j->e, FCS_FAILED,
                        "%s: palette TIFF without a palette of 8 bits; convert it to RGB", j->path);
    j->map[0] = r;
    j->map[1] = g;
    j->map[2] = b;
    j->grey_map = true;
    for (int i = 0; i < 1 << j->page.bits; i++) {
        j->wide_map = j->wide_map || r[i] > 255 || g[i] > 255 || b[i] > 255;
        j->grey_map = j->grey_map && r[i] == g[i] && r[i] == b[i];
    }
    return FCS_OK;
}

static void note_conversions(job *j)
{
    const page *p = &j->page;
    int used = channels_of(p);
    bool alpha = p->samples == used + 1;
    if (p->photometric == PHOTOMETRIC_PALETTE)
        fcs_facts_note(j->facts, j->grey_map ? "grey palette replaced by its values"
                                             : "palette replaced by its colours");
    if (p->photometric == PHOTOMETRIC_MINISWHITE && j->image->sample != FCS_F32)
        fcs_facts_note(j->facts, "inverted, for 0 means white in this file");
    if (p->samples > used)
        fcs_facts_note(j->facts,
                       alpha ? "alpha channel dropped" : "only the first %d of %d channels used",
                       used, p->samples);
}

/* Places n samples of one row: from bit `first` in steps of `step` samples, into every
 * `channels`-th of the image. */
static void place(job *j, const uint8_t *row, int64_t first, int step, int64_t n, char *to)
{
    fcs_image *image = j->image;
    fcs_unpack_row r = {row, first, step, n, j->page.bits, image->channels, to};
    if (!j->map[0]) {
        j->unpack(&r);
        return;
    }
    uint8_t *out = (uint8_t *)to;
    int shift = j->wide_map ? 8 : 0;
    for (int64_t i = 0; i < n; i++) {
        unsigned index = fcs_unpack_bits(row, first + i * step, j->page.bits);
        for (int c = 0; c < image->channels; c++)
            out[i * image->channels + c] = (uint8_t)(j->map[c][index] >> shift);
    }
}

/* A strip or tile of w x h pixels at (x, y) of page z; plane -1: all samples of a pixel together.
 */
static void place_chunk(job *j, int64_t z, int64_t x, int64_t y, int64_t w, int64_t h,
                        size_t row_bytes, int plane)
{
    fcs_image *image = j->image;
    size_t size = fcs_sample_bytes(image->sample);
    int64_t columns = x + w > image->width ? image->width - x : w,
            rows = y + h > image->height ? image->height - y : h;
    int samples = plane < 0 ? j->page.samples : 1;
    int channels = j->map[0] ? 1 : image->channels; /* that are unpacked one by one */
    for (int64_t i = 0; i < rows; i++) {
        int64_t pixel = (z * image->height + y + i) * image->width + x;
        for (int c = 0; c < channels; c++) {
            if (plane >= 0 && plane != c)
                continue;
            char *to = (char *)image->data + (size_t)(pixel * image->channels + c) * size;
            place(j, j->chunk + (size_t)i * row_bytes, plane < 0 ? c : 0, samples, columns, to);
        }
    }
}

static bool reserve(job *j, tmsize_t need)
{
    if (need < 1 || need > (tmsize_t)1 << 31)
        return !fcs_fail(
            j->e, FCS_FAILED,
            "%s: TIFF strips or tiles of %lld bytes are not read; write it with smaller ones",
            j->path, (long long)need);
    if ((size_t)need <= j->chunk_bytes)
        return true;
    free(j->chunk);
    j->chunk_bytes = 0;
    j->chunk = fcs_alloc(j->e, (size_t)need);
    j->chunk_bytes = j->chunk ? (size_t)need : 0;
    return j->chunk != NULL;
}

static fcs_status read_strips(job *j, int64_t z, int planes)
{
    TIFF *t = j->t.tiff;
    uint32_t rows = 0;
    int64_t height = j->page.height;
    TIFFGetFieldDefaulted(t, TIFFTAG_ROWSPERSTRIP, &rows);
    if (rows == 0 || rows > height)
        rows = (uint32_t)height;
    tmsize_t row_bytes = TIFFScanlineSize(t);
    if (row_bytes < 1 || !reserve(j, TIFFVStripSize(t, rows)))
        return fail(j, "strip size");
    for (int plane = 0; plane < planes; plane++)
        for (int64_t y = 0; y < height; y += rows) {
            int64_t h = y + rows > height ? height - y : rows;
            tmsize_t want = TIFFVStripSize(t, (uint32_t)h);
            uint32_t strip = TIFFComputeStrip(t, (uint32_t)y, (uint16_t)plane);
            if (want < (tmsize_t)h * row_bytes || want > (tmsize_t)j->chunk_bytes ||
                TIFFReadEncodedStrip(t, strip, j->chunk, want) != want)
                return fail(j, "pixels");
            place_chunk(j, z, 0, y, j->image->width, h, (size_t)row_bytes, planes > 1 ? plane : -1);
        }
    return FCS_OK;
}

static fcs_status read_tiles(job *j, int64_t z, int planes)
{
    TIFF *t = j->t.tiff;
    uint32_t w = 0, h = 0;
    TIFFGetField(t, TIFFTAG_TILEWIDTH, &w);
    TIFFGetField(t, TIFFTAG_TILELENGTH, &h);
    tmsize_t size = TIFFTileSize(t), row_bytes = TIFFTileRowSize(t);
    if (w == 0 || h == 0 || row_bytes < 1 || size / row_bytes < (tmsize_t)h || !reserve(j, size))
        return fail(j, "tile size");
    for (int plane = 0; plane < planes; plane++)
        for (int64_t y = 0; y < j->image->height; y += h)
            for (int64_t x = 0; x < j->image->width; x += w) {
                uint32_t tile = TIFFComputeTile(t, (uint32_t)x, (uint32_t)y, 0, (uint16_t)plane);
                if (TIFFReadEncodedTile(t, tile, j->chunk, size) != size)
                    return fail(j, "pixels");
                place_chunk(j, z, x, y, w, h, (size_t)row_bytes, planes > 1 ? plane : -1);
            }
    return FCS_OK;
}

static fcs_status read_page(job *j, int64_t z)
{
    page p;
    if (!get_page(j, &p) || !same_page(&p, &j->page))
        return fail(j, "page changed while it was read");
    int planes = p.planar == PLANARCONFIG_SEPARATE && p.samples > 1 ? channels_of(&p) : 1;
    bool separate = planes == 1 && p.planar == PLANARCONFIG_SEPARATE && p.samples > 1;
    if (separate)
        j->page.samples = 1; /* one plane of several: its samples stand alone */
    bool grey = j->grey_map;
    if (j->map[0] && choose_map(j)) /* the palette belongs to the page */
        return FCS_FAILED;
    if (grey && !j->grey_map)
        return fcs_fail(j->e, FCS_FAILED,
                        "%s: page %lld has colours, the first has greys; convert all to RGB",
                        j->path, (long long)z + 1);
    fcs_status status =
        TIFFIsTiled(j->t.tiff) ? read_tiles(j, z, planes) : read_strips(j, z, planes);
    j->page.samples = p.samples;
    return status;
}

static void invert(fcs_image *image)
{
    size_t n = (size_t)(image->width * image->height * image->depth * image->channels);
    for (size_t i = 0; image->sample == FCS_U8 && i < n; i++)
        ((uint8_t *)image->data)[i] = (uint8_t)(255 - ((uint8_t *)image->data)[i]);
    for (size_t i = 0; image->sample == FCS_U16 && i < n; i++)
        ((uint16_t *)image->data)[i] = (uint16_t)(65535 - ((uint16_t *)image->data)[i]);
}

/* Known compressions make at most so many bytes from one: a file that claims more is cut off or
 * hostile. */
static fcs_status check_ratio(job *j)
{
    static const struct {
        uint16_t compression;
        int64_t ratio;
    } most[] = {
        {COMPRESSION_NONE, 1},       {COMPRESSION_PACKBITS, 64},        {COMPRESSION_LZW, 4096},
        {COMPRESSION_DEFLATE, 1040}, {COMPRESSION_ADOBE_DEFLATE, 1040},
    };
    int64_t file = (int64_t)TIFFGetSizeProc(j->t.tiff)(&j->t);
    int64_t row = ((int64_t)j->page.width * j->page.bits * j->page.samples + 7) / 8;
    for (size_t i = 0; i < sizeof most / sizeof *most; i++)
        if (most[i].compression == j->page.compression &&
            row * j->page.height / most[i].ratio > file)
            return fcs_fail(j->e, FCS_FAILED,
                            "%s: damaged or cut-off TIFF: %lld bytes cannot hold %u x %u pixels",
                            j->path, (long long)file, (unsigned)j->page.width,
                            (unsigned)j->page.height);
    return FCS_OK;
}

/* The pages that only ImageJ's description tells of. */
static fcs_status read_hidden(job *j)
{
    const page *p = &j->page;
    uint64_t *at;
    fcs_voxel voxel = j->facts->voxel;
    fcs_layout l = {.path = j->path,
                    .f = fopen(j->path, "rb"),
                    .size = {p->width, p->height, j->hidden},
                    .channels = p->samples,
                    .kind = fcs_sample_kind_of(p->bits, p->format),
                    .big_endian = TIFFIsBigEndian(j->t.tiff) != 0};
    fcs_status status = FCS_FAILED;
    if (!l.f || !TIFFGetField(j->t.tiff, TIFFTAG_STRIPOFFSETS, &at) ||
        fseeko(l.f, (off_t)at[0], SEEK_SET))
        fail(j, "pages without a directory");
    else
        status = fcs_layout_load(j->e, &l, j->facts, &j->image);
    j->facts->voxel = voxel;
    if (l.f)
        fclose(l.f);
    if (!status && p->photometric == PHOTOMETRIC_MINISWHITE)
        invert(j->image);
    return status;
}

static fcs_status decode(job *j)
{
    fcs_sample sample = FCS_U8;
    if (survey(j) || !TIFFSetDirectory(j->t.tiff, 0))
        return j->e->status ? j->e->status : fail(j, "first page");
    while (is_subfile(j) && TIFFReadDirectory(j->t.tiff))
        ;
    const page *p = &j->page;
    read_voxel(j);
    if (choose(j, &sample) || choose_map(j))
        return FCS_FAILED;
    if (j->hidden)
        return read_hidden(j);
    j->facts->width = p->width;
    j->facts->height = p->height;
    j->facts->depth = j->pages;
    j->facts->channels = p->samples;
    j->facts->bits = p->bits;
    j->facts->palette = p->photometric == PHOTOMETRIC_PALETTE;
    int channels = j->facts->palette && !j->grey_map ? 3 : channels_of(p);
    if (j->facts->palette)
        j->facts->unit = 1;
    if (fcs_decode_limit(j->e, j->path, p->width, p->height, j->pages, (int64_t)p->samples * 8) ||
        check_ratio(j) ||
        fcs_image_make(j->e, p->width, p->height, j->pages, channels, sample, &j->image))
        return FCS_FAILED;
    for (int64_t z = 0; z < j->pages; z++) {
        if (read_page(j, z))
            return FCS_FAILED;
        while (z + 1 < j->pages && TIFFReadDirectory(j->t.tiff) && is_subfile(j))
            ;
    }
    if (p->photometric == PHOTOMETRIC_MINISWHITE)
        invert(j->image);
    note_conversions(j);
    return FCS_OK;
}

fcs_status fcs_tiff_decode(fcs_context *ctx, fcs_error *e, const char *path, FILE *f,
                           int64_t file_size, fcs_facts *facts, fcs_image **out)
{
    job j = {.e = e, .path = path, .facts = facts};
    fcs_status status;
    (void)f; /* libtiff opens it itself */
    (void)file_size;
    snprintf(facts->format, sizeof facts->format, "tiff");
    if (fcs_tiff_open(&j.t, path, "r"))
        status = decode(&j);
    else
        status =
            fcs_fail(e, FCS_FAILED, "%s: damaged or cut-off TIFF: %s", path, fcs_tiff_why(&j.t));
    if (j.t.warning[0])
        fcs_note(ctx, "%s: libtiff: %s", path, j.t.warning);
    fcs_tiff_close(&j.t);
    free(j.chunk);
    if (status) {
        fcs_image_free(j.image);
        return status;
    }
    *out = j.image;
    return FCS_OK;
}
