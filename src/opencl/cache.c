/* cache.c: what is kept of a device from one run of the program to the next: built programs, the
 * self-test's verdict; tuning.c has its own file there. Files of $XDG_CACHE_HOME/facies
 * (~/.cache/facies), which belong to the user alone; any of them may be deleted at any time.
 *
 * A file holds the key under which it was written, device and driver in front: a new driver finds
 * nothing. What is damaged, or was written under another key, is as good as absent; where the
 * folder cannot be written nothing is kept, and one note says so. */
#include "opencl/opencl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* First line of a file: version, bytes of the key and of the rest behind it, hash of both. */
static const char first_line[] = "facies cache 1 %zu %zu %016llx\n";
enum { LINE = 96, MOST_BYTES = 1 << 28 };

/* NULL where there is none. An $XDG_CACHE_HOME that is not absolute is to be ignored. */
static char *folder_of(fcs_error *e)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (cache && *cache == '/')
        return fcs_format(e, "%s/facies", cache);
    if (home && *home == '/')
        return fcs_format(e, "%s/.cache/facies", home);
    fcs_fail(e, FCS_FAILED, "neither XDG_CACHE_HOME nor HOME is set");
    return NULL;
}

/* Makes the folder and the one above it. */
static bool make_folder(fcs_error *e, char *path)
{
    char *last = strrchr(path, '/');
    *last = '\0';
    mkdir(path, 0700);
    *last = '/';
    if (mkdir(path, 0700) == 0 || errno == EEXIST)
        return true;
    fcs_fail(e, FCS_FAILED, "%s: cannot be made: %s", path, strerror(errno));
    return false;
}

static char *whole_key(fcs_error *e, const fcs_cl *cl, const char *key)
{
    return fcs_format(e, "%s\n%s\n%s\n", cl->name, cl->driver, key);
}

static char *path_of(fcs_error *e, const char *folder, const char *kind, const char *key)
{
    return fcs_format(e, "%s/%s-%016llx", folder, kind, (unsigned long long)fcs_hash(key));
}

/* What the file holds behind its key, moved to the beginning; NULL unless it is whole and of this
 * key. */
static char *unpack(char *file, size_t size, const char *key, size_t *n)
{
    size_t key_bytes, bytes;
    unsigned long long hash;
    char again[LINE];
    const char *end = memchr(file, '\n', size < LINE ? size : LINE);
    if (!end || sscanf(file, first_line, &key_bytes, &bytes, &hash) != 3)
        return NULL;
    size_t line = (size_t)(end - file) + 1;
    snprintf(again, sizeof again, first_line, key_bytes, bytes, hash);
    if (strncmp(file, again, line) != 0 || key_bytes != strlen(key) || key_bytes > size - line ||
        bytes != size - line - key_bytes || memcmp(file + line, key, key_bytes) != 0 ||
        hash != fcs_hash_bytes(file + line, key_bytes + bytes))
        return NULL;
    memmove(file, file + line + key_bytes, bytes);
    file[bytes] = '\0';
    *n = bytes;
    return file;
}

char *fcs_cl_cache_folder(fcs_error *e, bool make)
{
    char *folder = folder_of(e);
    if (folder && make && !make_folder(e, folder)) {
        free(folder);
        return NULL;
    }
    return folder;
}

char *fcs_cl_cache_read(const fcs_cl *cl, const char *kind, const char *key, size_t *n)
{
    fcs_error e = {0}; /* what cannot be read is not there: no failure */
    size_t size = 0;
    char *folder = folder_of(&e), *all = whole_key(&e, cl, key);
    char *path = folder && all ? path_of(&e, folder, kind, all) : NULL;
    char *file = path ? fcs_file_read(&e, path, MOST_BYTES, &size) : NULL;
    char *found = file ? unpack(file, size, all, n) : NULL;
    if (!found)
        free(file);
    free(folder);
    free(all);
    free(path);
    return found;
}

static fcs_status write_file(fcs_error *e, const char *path, const char *key, const void *bytes,
                             size_t n)
{
    fcs_file file;
    fcs_text t = {0};
    fcs_text_put(&t, key, strlen(key));
    fcs_text_put(&t, bytes, n);
    if (t.failed) {
        free(t.s);
        return fcs_fail(e, FCS_FAILED, "out of memory");
    }
    fcs_status s = fcs_file_open(e, &file, path);
    if (s == FCS_OK) {
        fprintf(file.f, first_line, strlen(key), n, (unsigned long long)fcs_hash_bytes(t.s, t.n));
        fwrite(t.s, 1, t.n, file.f); /* its errors are the commit's */
        s = fcs_file_commit(e, &file);
    }
    free(t.s);
    return s;
}

void fcs_cl_cache_write(fcs_cl *cl, const char *kind, const char *key, const void *bytes, size_t n)
{
    fcs_error e = {0};
    if (cl->cacheless)
        return;
    char *folder = folder_of(&e), *all = whole_key(&e, cl, key);
    bool good = folder && all && make_folder(&e, folder);
    char *path = good ? path_of(&e, folder, kind, all) : NULL;
    cl->cacheless = !path || write_file(&e, path, all, bytes, n) != FCS_OK;
    if (cl->cacheless)
        fcs_note(cl->ctx,
                 "note: nothing is kept for the next time (built kernels, the device's self-test): "
                 "%s",
                 e.message);
    free(folder);
    free(all);
    free(path);
}
