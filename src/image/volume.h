/* volume.h: what the volume formats share. A header says where samples lie and of what kind (a
 * layout); a stream undoes base64 and deflate; fcs_layout_load makes an image of the two. */
#ifndef FCS_VOLUME_H
#define FCS_VOLUME_H

#include "image/picture.h"
#include "image/tiff_sample.h"

typedef enum fcs_encoding { FCS_RAW, FCS_DEFLATE, FCS_ASCII } fcs_encoding;

typedef struct fcs_layout {
    const char *path; /* of the header, for messages */
    FILE *f;          /* stands at the first stored byte */
    int64_t size[3];  /* x, y, z */
    int channels;     /* as stored, interleaved */
    const fcs_sample_kind *kind;
    bool big_endian;
    bool z_first; /* z varies fastest, then y, then x (NumPy's Fortran order) */
    fcs_encoding encoding;
    bool base64;    /* on top of the encoding */
    bool at_end;    /* the samples are the file's last bytes, wherever f stands */
    int skip_bytes; /* decoded bytes before the first sample */
    fcs_voxel voxel;
} fcs_layout;
/* Reads the samples. 2 channels are grey with alpha, 4 RGB with alpha; alpha is dropped. Integers
 * other than U8 and U16 become the narrowest of these that holds them, else F32. Fills facts. */
fcs_status fcs_layout_load(fcs_error *e, const fcs_layout *layout, fcs_facts *facts,
                           fcs_image **out);
/* Opens the file of data that a header names, beside the header unless the name is absolute. NULL
 * and a message when it is no regular file. */
FILE *fcs_layout_open(fcs_error *e, const char *header, const char *name);
/* "header: damaged ...: reason" */
fcs_status fcs_header_fail(fcs_error *e, const char *path, const char *format, const char *reason);

/* ---- stream.c ---- */
typedef struct fcs_stream fcs_stream;
/* Decoded bytes from where f stands. */
fcs_stream *fcs_stream_open(fcs_error *e, FILE *f, bool base64, bool deflate);
/* As many of n bytes as there are. */
size_t fcs_stream_read(fcs_stream *s, void *bytes, size_t n);
void fcs_stream_close(fcs_stream *s);
bool fcs_stream_inflates(void); /* was zlib there at configure time? */

/* ---- header.c: pieces of text headers ---- */
/* The next line without its end; false at the end of the file, and for lines that do not fit or
 * hold a NUL. */
bool fcs_header_line(FILE *f, char *line, size_t size);
/* Splits "key: value" or "key = value" at the separator, blanks around both taken off. */
bool fcs_header_split(char *line, const char *separator, char **key, char **value);
/* Up to n numbers separated by anything that is not part of one; how many there were. */
int fcs_header_numbers(const char *text, double *v, int n);
int fcs_header_sizes(const char *text, int64_t *v, int n);
typedef struct fcs_kind_name {
    const char *name;
    int bits, format; /* as in tiff_sample.h */
} fcs_kind_name;
/* The kind of that name in the table (ended by NULL), letters of either case; NULL if none. */
const fcs_sample_kind *fcs_kind_named(const fcs_kind_name *table, const char *name);
/* Sets a unit: quotes off, the many names of the micrometre become "um". */
void fcs_voxel_unit(fcs_voxel *v, const char *text);
/* Makes the voxel unknown where a size is not positive, or where it is the default that says
 * nothing (1 x 1 x 1 without a unit). */
void fcs_voxel_check(fcs_voxel *v);

#endif
