/* tiff_write.c: rows into a TIFF of strips, deflate-compressed, a page after the other; ImageJ
 * reads stacks as such. */
#include "image/tiff_io.h"
#include <stdlib.h>
#include <string.h>

enum { STRIP_BYTES = 1 << 18 };

typedef struct state {
    fcs_sink sink;
    fcs_tiff t;
    uint8_t *strip;
    int64_t strip_rows, rows; /* rows per strip; rows of this page so far */
    int64_t page;
} state;

static fcs_status failed(fcs_error *e, const state *s)
{
    return fcs_fail(e, FCS_FAILED, "%s: writing failed: %s", s->sink.path, fcs_tiff_why(&s->t));
}

/* What ImageJ reads of a stack: the number of pages, the voxel and its unit. */
static bool set_description(state *s)
{
    const fcs_form *f = &s->sink.form;
    TIFF *t = s->t.tiff;
    char text[200];
    int n = 0;
    bool known = f->voxel.size[0] > 0, ok = true;
    if (known)
        ok = TIFFSetField(t, TIFFTAG_RESOLUTIONUNIT, RESUNIT_NONE) &&
             TIFFSetField(t, TIFFTAG_XRESOLUTION, 1 / f->voxel.size[0]) &&
             TIFFSetField(t, TIFFTAG_YRESOLUTION, 1 / f->voxel.size[1]);
    if (!ok || s->page > 0 || (f->depth == 1 && !known))
        return ok;
    n = snprintf(text, sizeof text, "ImageJ=1.11a\n");
    if (f->depth > 1)
        n += snprintf(text + n, sizeof text - (size_t)n, "images=%lld\nslices=%lld\n",
                      (long long)f->depth, (long long)f->depth);
    if (known)
        n += snprintf(text + n, sizeof text - (size_t)n, "unit=%s\nspacing=%.9g\n",
                      f->voxel.unit[0] ? f->voxel.unit : "pixel", f->voxel.size[2]);
    snprintf(text + n, sizeof text - (size_t)n, "loop=false\n");
    return TIFFSetField(t, TIFFTAG_IMAGEDESCRIPTION, text) != 0;
}

static bool set_tags(state *s)
{
    TIFF *t = s->t.tiff;
    const fcs_sink *k = &s->sink;
    /* ImageJ knows horizontal differences of integers, but not the predictor for floats. */
    bool ok =
        TIFFSetField(t, TIFFTAG_IMAGEWIDTH, (uint32_t)k->form.width) &&
        TIFFSetField(t, TIFFTAG_IMAGELENGTH, (uint32_t)k->form.height) &&
        TIFFSetField(t, TIFFTAG_BITSPERSAMPLE, (int)fcs_sample_bytes(k->form.sample) * 8) &&
        TIFFSetField(t, TIFFTAG_SAMPLESPERPIXEL, k->form.channels) &&
        TIFFSetField(t, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG) &&
        TIFFSetField(t, TIFFTAG_PHOTOMETRIC,
                     k->form.channels == 3 ? PHOTOMETRIC_RGB : PHOTOMETRIC_MINISBLACK) &&
        TIFFSetField(t, TIFFTAG_SAMPLEFORMAT,
                     k->form.sample == FCS_F32 ? SAMPLEFORMAT_IEEEFP : SAMPLEFORMAT_UINT) &&
        TIFFSetField(t, TIFFTAG_ROWSPERSTRIP, (uint32_t)s->strip_rows) &&
        TIFFSetField(t, TIFFTAG_COMPRESSION, COMPRESSION_ADOBE_DEFLATE) &&
        (k->form.sample == FCS_F32 || TIFFSetField(t, TIFFTAG_PREDICTOR, PREDICTOR_HORIZONTAL));
    return ok && set_description(s);
}

static fcs_status tiff_sink_open(fcs_error *e, void *p)
{
    state *s = p;
    fcs_sink *k = &s->sink;
    s->strip_rows =
        s->sink.row_bytes >= STRIP_BYTES ? 1 : (int64_t)(STRIP_BYTES / s->sink.row_bytes);
    if (s->strip_rows > k->form.height)
        s->strip_rows = k->form.height;
    s->strip = fcs_alloc_array(e, (size_t)s->strip_rows, s->sink.row_bytes);
    if (!s->strip)
        return FCS_FAILED;
    /* Deflate grows what it cannot compress by far less than 1/64; tables of strips and pages are
     * small beside it. */
    double most = (double)s->sink.row_bytes * (double)k->form.height * (double)k->form.depth *
                      (1 + 1.0 / 64) +
                  4096.0 * (double)k->form.depth;
    const char *path = k->file.temporary ? k->file.temporary : k->path;
    if (!fcs_tiff_open(&s->t, path, most < 4e9 ? "w" : "w8") || !set_tags(s))
        return failed(e, s);
    return FCS_OK;
}

static bool write_strip(state *s, int64_t rows)
{
    uint32_t strip = (uint32_t)((s->rows - 1) / s->strip_rows);
    return TIFFWriteEncodedStrip(s->t.tiff, strip, s->strip,
                                 (tmsize_t)((size_t)rows * s->sink.row_bytes)) >= 0;
}

static fcs_status tiff_sink_row(fcs_error *e, void *p, const void *row)
{
    state *s = p;
    int64_t at = s->rows % s->strip_rows;
    memcpy(s->strip + (size_t)at * s->sink.row_bytes, row, s->sink.row_bytes);
    s->rows++;
    bool page_done = s->rows == s->sink.form.height;
    if ((at + 1 == s->strip_rows || page_done) && !write_strip(s, at + 1))
        return failed(e, s);
    if (!page_done)
        return FCS_OK;
    s->rows = 0;
    s->page++;
    if (s->page < s->sink.form.depth && (!TIFFWriteDirectory(s->t.tiff) || !set_tags(s)))
        return failed(e, s);
    return FCS_OK;
}

static fcs_status tiff_sink_close(fcs_error *e, void *p)
{
    state *s = p;
    bool ok = TIFFWriteDirectory(s->t.tiff) && TIFFFlush(s->t.tiff);
    if (!ok || s->t.why)
        return failed(e, s);
    s->t.discard = true;
    fcs_tiff_close(&s->t);
    return s->t.why ? failed(e, s) : FCS_OK;
}

static void tiff_sink_free(void *p)
{
    state *s = p;
    s->t.discard = true;
    fcs_tiff_close(&s->t);
    free(s->strip);
}

const fcs_sink_kind fcs_tiff_sink = {
    {".tif", ".tiff", NULL}, sizeof(state),   tiff_sink_open,
    tiff_sink_row,           tiff_sink_close, tiff_sink_free,
};
