/* tiff_io.c: see tiff_io.h. */
#include "image/tiff_io.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void keep(char *kept, size_t size, const char *format, va_list list)
{
    if (!kept[0])
        vsnprintf(kept, size, format, list);
}

#if TIFFLIB_VERSION >= 20221213
static int on_error(TIFF *tiff, void *user, const char *module, const char *format, va_list list)
{
    fcs_tiff *t = user;
    (void)tiff;
    (void)module;
    keep(t->message, sizeof t->message, format, list);
    return 1;
}

static int on_warning(TIFF *tiff, void *user, const char *module, const char *format, va_list list)
{
    fcs_tiff *t = user;
    (void)tiff;
    (void)module;
    keep(t->warning, sizeof t->warning, format, list);
    return 1;
}
#endif

static tmsize_t on_read(thandle_t handle, void *bytes, tmsize_t n)
{
    fcs_tiff *t = handle;
    tmsize_t done = 0;
    while (done < n) {
        ssize_t got = read(t->fd, (char *)bytes + done, (size_t)(n - done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && !t->why)
            t->why = errno;
        if (got <= 0)
            break;
        done += (tmsize_t)got;
    }
    return done;
}

static tmsize_t on_write(thandle_t handle, void *bytes, tmsize_t n)
{
    fcs_tiff *t = handle;
    tmsize_t done = 0;
    if (t->discard)
        return n;
    while (done < n) {
        ssize_t put = write(t->fd, (const char *)bytes + done, (size_t)(n - done));
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0) {
            if (!t->why)
                t->why = put < 0 ? errno : ENOSPC;
            return -1;
        }
        done += (tmsize_t)put;
    }
    return done;
}

static toff_t on_seek(thandle_t handle, toff_t offset, int whence)
{
    fcs_tiff *t = handle;
    off_t at = lseek(t->fd, (off_t)offset, whence);
    if (at < 0 && !t->why)
        t->why = errno;
    return (toff_t)at;
}

static int on_close(thandle_t handle)
{
    (void)handle; /* fcs_tiff_close does */
    return 0;
}

static toff_t on_size(thandle_t handle)
{
    struct stat st;
    fcs_tiff *t = handle;
    return fstat(t->fd, &st) ? 0 : (toff_t)st.st_size;
}

static int on_map(thandle_t handle, void **base, toff_t *size)
{
    (void)handle; /* never mapped: a file cut off while it is read would be a signal */
    (void)base;
    (void)size;
    return 0;
}

static void on_unmap(thandle_t handle, void *base, toff_t size)
{
    (void)handle;
    (void)base;
    (void)size;
}

/* libtiff 4.5 has handlers per file; before, only one for the process, which is silenced. */
static TIFF *client_open(fcs_tiff *t, const char *path, const char *mode)
{
#if TIFFLIB_VERSION >= 20221213
    TIFFOpenOptions *o = TIFFOpenOptionsAlloc();
    if (!o)
        return NULL;
    TIFFOpenOptionsSetMaxSingleMemAlloc(o, (tmsize_t)((uint64_t)1 << 31));
    TIFFOpenOptionsSetErrorHandlerExtR(o, on_error, t);
    TIFFOpenOptionsSetWarningHandlerExtR(o, on_warning, t);
    TIFF *tiff = TIFFClientOpenExt(path, mode, t, on_read, on_write, on_seek, on_close, on_size,
                                   on_map, on_unmap, o);
    TIFFOpenOptionsFree(o);
    return tiff;
#else
    TIFFSetErrorHandler(NULL);
    TIFFSetWarningHandler(NULL);
    return TIFFClientOpen(path, mode, t, on_read, on_write, on_seek, on_close, on_size, on_map,
                          on_unmap);
#endif
}

bool fcs_tiff_open(fcs_tiff *t, const char *path, const char *mode)
{
    memset(t, 0, sizeof *t);
    t->fd = open(path, mode[0] == 'r' ? O_RDONLY : O_RDWR);
    if (t->fd < 0) {
        t->why = errno;
        return false;
    }
    t->tiff = client_open(t, path, mode);
    if (!t->tiff) {
        close(t->fd);
        t->fd = -1;
    }
    return t->tiff != NULL;
}

void fcs_tiff_close(fcs_tiff *t)
{
    if (!t->tiff)
        return;
    TIFFClose(t->tiff);
    if (close(t->fd) && !t->why)
        t->why = errno;
    t->tiff = NULL;
}

const char *fcs_tiff_why(const fcs_tiff *t)
{
    return t->why ? strerror(t->why) : t->message[0] ? t->message : "no reason given by libtiff";
}
