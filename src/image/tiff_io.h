/* tiff_io.h: libtiff on a file descriptor of ours, its messages kept with the file instead of
 * printed. */
#ifndef FCS_TIFF_IO_H
#define FCS_TIFF_IO_H

#include "image/picture.h"
#include <tiffio.h>

typedef struct fcs_tiff {
    TIFF *tiff;
    int fd;
    int why;           /* errno of the first failed read, write or seek */
    bool discard;      /* the file is given up: pretend that writing works */
    char message[160]; /* the first error */
    char warning[160]; /* the first warning */
} fcs_tiff;

/* mode as in TIFFOpen: "r", "w", "w8". On failure t->message or t->why says why. */
bool fcs_tiff_open(fcs_tiff *t, const char *path, const char *mode);
void fcs_tiff_close(fcs_tiff *t);
/* The reason of the last failure in words. */
const char *fcs_tiff_why(const fcs_tiff *t);

#endif
