/* folder.c: run folders; see folder.h. */
#include "train/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

fcs_status fcs_folder_make(fcs_error *e, const char *path, bool *made)
{
    struct stat st;
    *made = mkdir(path, 0777) == 0;
    if (*made)
        return FCS_OK;
    int why = errno;
    if (stat(path, &st) == 0)
        return S_ISDIR(st.st_mode)
                   ? FCS_OK
                   : fcs_fail(e, FCS_FAILED,
                              "%s: is a file, not a folder: give another run folder with -o", path);
    return fcs_fail(e, FCS_FAILED, "%s: the run folder cannot be made: %s", path, strerror(why));
}

bool fcs_folder_has(const char *folder, const char *name)
{
    char *path = fcs_format(NULL, "%s/%s", folder, name);
    bool has = path && access(path, F_OK) == 0;
    free(path);
    return has;
}

fcs_status fcs_folder_lock(fcs_error *e, const char *folder, int *descriptor)
{
    char *path = fcs_format(e, "%s/lock", folder);
    if (!path)
        return FCS_FAILED;
    fcs_status s = FCS_OK;
    int d = open(path, O_RDWR | O_CREAT, 0666);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (d < 0) {
        s = fcs_fail(e, FCS_FAILED, "%s: cannot be written: %s", path, strerror(errno));
    } else if (fcntl(d, F_SETLK, &lock) != 0) {
        int why = errno;
        struct flock other = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        bool known = fcntl(d, F_GETLK, &other) == 0 && other.l_type != F_UNLCK;
        if (why == EACCES || why == EAGAIN)
            s = fcs_fail(
                e, FCS_FAILED,
                "%s: another facies (process %ld) is training into this folder: wait for it, "
                "or give another folder with -o",
                folder, known ? (long)other.l_pid : 0L);
        else
            s = fcs_fail(e, FCS_FAILED, "%s: cannot be locked: %s", path, strerror(why));
        close(d);
        d = -1;
    }
    *descriptor = d;
    free(path);
    return s;
}

fcs_status fcs_folder_write(fcs_error *e, const char *folder, const char *name, const char *text)
{
    char *path = fcs_format(e, "%s/%s", folder, name);
    fcs_file file;
    if (!path)
        return FCS_FAILED;
    fcs_status s = fcs_file_open(e, &file, path);
    if (!s && fputs(text, file.f) == EOF) {
        s = fcs_fail(e, FCS_FAILED, "%s: cannot be written: %s", path, strerror(errno));
        fcs_file_abort(&file);
    } else if (!s) {
        s = fcs_file_commit(e, &file);
    }
    free(path);
    return s;
}

void fcs_folder_undo(const char *folder, bool made, int descriptor)
{
    if (descriptor >= 0 && made) {
        char *path = fcs_format(NULL, "%s/lock", folder);
        if (path)
            unlink(path);
        free(path);
    }
    if (descriptor >= 0)
        close(descriptor);
    if (made)
        rmdir(folder);
}
