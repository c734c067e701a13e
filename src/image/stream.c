/* stream.c: stored bytes of a volume, base64 and deflate undone (gzip's and zlib's wrapping,
 * several streams behind each other as VTK writes blocks). */
#include "image/volume.h"
#include <stdlib.h>
#include <string.h>
#ifdef FCS_HAVE_ZLIB
#include <zlib.h>
#endif

struct fcs_stream {
    FILE *f;
    bool base64, deflate, ended;
    unsigned char held[3]; /* decoded from base64, not yet taken */
    int n_held;
#ifdef FCS_HAVE_ZLIB
    z_stream z;
    bool z_open;
    unsigned char in[1 << 14];
#endif
};

static int digit(int c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c > 0 ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* Four characters, blanks between them left out, into up to three held bytes. Padding may stand in
 * the middle: VTK encodes an array's length apart from its values. */
static bool next_group(fcs_stream *s)
{
    unsigned v = 0;
    int n = 0, padding = 0;
    while (n + padding < 4) {
        int c = getc(s->f), d = digit(c);
        if (c == ' ' || (c >= '\t' && c <= '\r'))
            continue;
        if (c == '=' && n >= 2)
            padding++;
        else if (d >= 0 && padding == 0)
            v = v << 6 | (unsigned)d, n++;
        else
            return false;
    }
    v <<= 6 * padding;
    s->n_held = 3 - padding;
    for (int i = 0; i < s->n_held; i++)
        s->held[i] = (unsigned char)(v >> (8 * (2 - i)));
    return true;
}

static size_t read_stored(fcs_stream *s, unsigned char *bytes, size_t n)
{
    if (!s->base64)
        return fread(bytes, 1, n, s->f);
    size_t done = 0;
    while (done < n && (s->n_held > 0 || next_group(s))) {
        bytes[done++] = s->held[0];
        s->held[0] = s->held[1];
        s->held[1] = s->held[2];
        s->n_held--;
    }
    return done;
}

#ifdef FCS_HAVE_ZLIB
bool fcs_stream_inflates(void) { return true; }

static size_t read_inflated(fcs_stream *s, unsigned char *bytes, size_t n)
{
    s->z.next_out = bytes;
    s->z.avail_out = (uInt)n;
    while (s->z.avail_out > 0 && !s->ended) {
        if (s->z.avail_in == 0) {
            s->z.next_in = s->in;
            s->z.avail_in = (uInt)read_stored(s, s->in, sizeof s->in);
        }
        bool dry = s->z.avail_in == 0;
        int status = inflate(&s->z, Z_NO_FLUSH);
        if (status == Z_STREAM_END) /* perhaps another one follows */
            s->ended = inflateReset(&s->z) != Z_OK;
        else if (status != Z_OK || dry)
            s->ended = true;
    }
    return n - s->z.avail_out;
}

static bool open_inflate(fcs_stream *s)
{
    s->z_open = inflateInit2(&s->z, 15 + 32) == Z_OK; /* 32: gzip or zlib, as it comes */
    return s->z_open;
}

static void close_inflate(fcs_stream *s)
{
    if (s->z_open)
        inflateEnd(&s->z);
}
#else
bool fcs_stream_inflates(void) { return false; }
static size_t read_inflated(fcs_stream *s, unsigned char *bytes, size_t n)
{
    (void)s;
    (void)bytes;
    (void)n;
    return 0;
}
static bool open_inflate(fcs_stream *s) { return s == NULL; }
static void close_inflate(fcs_stream *s) { (void)s; }
#endif

fcs_stream *fcs_stream_open(fcs_error *e, FILE *f, bool base64, bool deflate)
{
    fcs_stream *s = fcs_alloc(e, sizeof *s);
    if (!s)
        return NULL;
    s->f = f;
    s->base64 = base64;
    s->deflate = deflate;
    if (deflate && !open_inflate(s)) {
        fcs_fail(e, FCS_FAILED, "compressed data: zlib could not start");
        free(s);
        return NULL;
    }
    return s;
}

size_t fcs_stream_read(fcs_stream *s, void *bytes, size_t n)
{
    const size_t most = (size_t)1 << 30; /* zlib counts in 32 bits */
    size_t done = 0;
    while (done < n) {
        size_t want = n - done < most ? n - done : most;
        unsigned char *to = (unsigned char *)bytes + done;
        size_t got = s->deflate ? read_inflated(s, to, want) : read_stored(s, to, want);
        done += got;
        if (got < want)
            break;
    }
    return done;
}

void fcs_stream_close(fcs_stream *s)
{
    if (s)
        close_inflate(s);
    free(s);
}
