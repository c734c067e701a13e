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
    size_t row_bytes;
    int64_t strip_rows, rows; /* rows per strip; rows of this page so far */
    int64_t page;
} state;

static fcs_status failed(fcs_error *e, const state *s)
{
    return fcs_fail(e, FCS_FAILED, "%s: writing failed: %s", s->sink.path, fcs_tiff_why(&s->t));
}

static bool set_tags(state *s)
{
    TIFF *t = s->t.tiff;
    const fcs_sink *k = &s->sink;
    /* ImageJ knows horizontal differences of integers, but not the predictor for floats. */
    bool ok = TIFFSetField(t, TIFFTAG_IMAGEWIDTH, (uint32_t)k->width) &&
              TIFFSetField(t, TIFFTAG_IMAGELENGTH, (uint32_t)k->height) &&
              TIFFSetField(t, TIFFTAG_BITSPERSAMPLE, (int)fcs_sample_bytes(k->sample) * 8) &&
              TIFFSetField(t, TIFFTAG_SAMPLESPERPIXEL, k->channels) &&
              TIFFSetField(t, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG) &&
              TIFFSetField(t, TIFFTAG_PHOTOMETRIC,
                           k->channels == 3 ? PHOTOMETRIC_RGB : PHOTOMETRIC_MINISBLACK) &&
              TIFFSetField(t, TIFFTAG_SAMPLEFORMAT,
                           k->sample == FCS_F32 ? SAMPLEFORMAT_IEEEFP : SAMPLEFORMAT_UINT) &&
              TIFFSetField(t, TIFFTAG_ROWSPERSTRIP, (uint32_t)s->strip_rows) &&
              TIFFSetField(t, TIFFTAG_COMPRESSION, COMPRESSION_ADOBE_DEFLATE) &&
              (k->sample == FCS_F32 || TIFFSetField(t, TIFFTAG_PREDICTOR, PREDICTOR_HORIZONTAL));
    if (ok && k->depth > 1 && s->page == 0) {
        char text[120];
        snprintf(text, sizeof text, "ImageJ=1.11a\nimages=%lld\nslices=%lld\nloop=false\n",
                 (long long)k->depth, (long long)k->depth);
        ok = TIFFSetField(t, TIFFTAG_IMAGEDESCRIPTION, text) != 0;
    }
    return ok;
}

static fcs_status tiff_sink_open(fcs_error *e, void *p)
{
    state *s = p;
    fcs_sink *k = &s->sink;
    s->row_bytes = (size_t)k->width * (size_t)k->channels * fcs_sample_bytes(k->sample);
    s->strip_rows = s->row_bytes >= STRIP_BYTES ? 1 : (int64_t)(STRIP_BYTES / s->row_bytes);
    if (s->strip_rows > k->height)
        s->strip_rows = k->height;
    s->strip = fcs_alloc_array(e, (size_t)s->strip_rows, s->row_bytes);
    if (!s->strip)
        return FCS_FAILED;
    /* Deflate grows what it cannot compress by far less than 1/64; tables of strips and pages are
     * small beside it. */
    double most = (double)s->row_bytes * (double)k->height * (double)k->depth * (1 + 1.0 / 64) +
                  4096.0 * (double)k->depth;
    const char *path = k->file.temporary ? k->file.temporary : k->path;
    if (!fcs_tiff_open(&s->t, path, most < 4e9 ? "w" : "w8") || !set_tags(s))
        return failed(e, s);
    return FCS_OK;
}

static bool write_strip(state *s, int64_t rows)
{
    uint32_t strip = (uint32_t)((s->rows - 1) / s->strip_rows);
    return TIFFWriteEncodedStrip(s->t.tiff, strip, s->strip,
                                 (tmsize_t)((size_t)rows * s->row_bytes)) >= 0;
}

static fcs_status tiff_sink_row(fcs_error *e, void *p, const void *row)
{
    state *s = p;
    int64_t at = s->rows % s->strip_rows;
    memcpy(s->strip + (size_t)at * s->row_bytes, row, s->row_bytes);
    s->rows++;
    bool page_done = s->rows == s->sink.height;
    if ((at + 1 == s->strip_rows || page_done) && !write_strip(s, at + 1))
        return failed(e, s);
    if (!page_done)
        return FCS_OK;
    s->rows = 0;
    s->page++;
    if (s->page < s->sink.depth && (!TIFFWriteDirectory(s->t.tiff) || !set_tags(s)))
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
