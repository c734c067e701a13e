/* file.c: files that appear under their name only when they are whole. */
#include "base/base.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

fcs_status fcs_file_open(fcs_error *e, fcs_file *file, const char *path)
{
    struct stat st;
    memset(file, 0, sizeof *file);
    file->path = fcs_strdup(e, path);
    if (!file->path)
        return FCS_FAILED;
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) { /* a device or pipe stays what it is */
        if (!S_ISDIR(st.st_mode))
            file->f = fopen(path, "wb");
        else
            errno = EISDIR;
    } else if ((file->temporary = fcs_format(e, "%s.%ld.tmp", path, (long)getpid())) != NULL) {
        file->f = fopen(file->temporary, "wb");
    }
    if (!file->f) {
        fcs_fail(e, FCS_FAILED, "%s: cannot be written: %s", path, strerror(errno));
        free(file->path);
        free(file->temporary);
        memset(file, 0, sizeof *file);
        return FCS_FAILED;
    }
    return FCS_OK;
}

void fcs_file_abort(fcs_file *file)
{
    if (file->f)
        fclose(file->f);
    if (file->temporary)
        unlink(file->temporary);
    free(file->path);
    free(file->temporary);
    memset(file, 0, sizeof *file);
}

fcs_status fcs_file_commit(fcs_error *e, fcs_file *file)
{
    /* fsync is refused by pipes and devices with EINVAL: nothing to sync there. */
    bool bad = ferror(file->f) || fflush(file->f);
    if (!bad && file->temporary)
        bad = fsync(fileno(file->f)) != 0;
    int why = bad ? errno : 0;
    if (fclose(file->f) && !bad) {
        bad = true;
        why = errno;
    }
    file->f = NULL;
    if (!bad && file->temporary && rename(file->temporary, file->path)) {
        bad = true;
        why = errno;
    }
    if (bad)
        fcs_fail(e, FCS_FAILED, "%s: writing failed: %s; the file is as it was before", file->path,
                 strerror(why ? why : EIO));
    else if (file->temporary)
        file->temporary[0] = 0;
    if (file->temporary && !file->temporary[0]) {
        free(file->temporary);
        file->temporary = NULL;
    }
    fcs_file_abort(file);
    return bad ? FCS_FAILED : FCS_OK;
}

char *fcs_file_read(fcs_error *e, const char *path, size_t limit, size_t *size)
{
    FILE *f = fopen(path, "rb");
    if (!f) {
        fcs_fail(e, FCS_FAILED, "%s: cannot be read: %s", path, strerror(errno));
        return NULL;
    }
    char *s = NULL;
    size_t n = 0, capacity = 0;
    for (;;) {
        if (!fcs_grow(e, &s, &capacity, n + 65536 + 1, 1))
            break;
        size_t got = fread(s + n, 1, 65536, f);
        n += got;
        if (n > limit) {
            fcs_fail(e, FCS_FAILED, "%s: larger than %zu bytes", path, limit);
            break;
        }
        if (got == 0) {
            if (ferror(f)) {
                fcs_fail(e, FCS_FAILED, "%s: cannot be read: %s", path, strerror(errno));
                break;
            }
            fclose(f);
            s[n] = 0;
            if (size)
                *size = n;
            return s;
        }
    }
    free(s);
    fclose(f);
    return NULL;
}

const char *fcs_file_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}
