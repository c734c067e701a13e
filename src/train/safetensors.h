/* safetensors.h: named tensors and string metadata in one file
 * (https://github.com/huggingface/safetensors: 8 bytes little-endian header length, a JSON header,
 * then the data without holes). Uses base/ only.
 *
 * Files are not trusted: every length, offset and product is checked against the file's size before
 * it is used. */
#ifndef FCS_SAFETENSORS_H
#define FCS_SAFETENSORS_H

#include "base/base.h"

enum { FCS_ST_RANK = 8 };
typedef enum fcs_dtype { FCS_DTYPE_F32, FCS_DTYPE_I64, FCS_DTYPE_U8 } fcs_dtype;

typedef struct fcs_st_tensor {
    char *name;
    fcs_dtype dtype;
    int rank;
    int64_t shape[FCS_ST_RANK]; /* row-major */
    uint64_t begin, end; /* bytes from the start of the data; set by the reader and the writer */
} fcs_st_tensor;
typedef struct fcs_st_pair {
    char *key, *value;
} fcs_st_pair;

/* A file opened for reading: its header in memory, its data still on disk. */
typedef struct fcs_safetensors {
    char *path;
    FILE *f;
    uint64_t data;          /* file position of the data */
    fcs_st_tensor *tensors; /* in the order of their data */
    int n;
    fcs_st_pair *meta;
    int n_meta;
} fcs_safetensors;

fcs_status fcs_safetensors_open(fcs_error *e, const char *path, fcs_safetensors **out);
void fcs_safetensors_close(fcs_safetensors *st);
const fcs_st_tensor *fcs_safetensors_find(const fcs_safetensors *st,
                                          const char *name);                  /* or NULL */
const char *fcs_safetensors_meta(const fcs_safetensors *st, const char *key); /* or NULL */
/* Copies the tensor's elements, in the machine's byte order; out holds t->end - t->begin bytes. */
fcs_status fcs_safetensors_read(fcs_error *e, fcs_safetensors *st, const fcs_st_tensor *t,
                                void *out);

/* Writing: the header first, then each tensor's data in the order given. The file appears under its
 * name at commit. */
typedef struct fcs_st_writer fcs_st_writer;
fcs_status fcs_st_writer_open(fcs_error *e, const char *path, const fcs_st_tensor *tensors, int n,
                              const fcs_st_pair *meta, int n_meta, fcs_st_writer **out);
fcs_status fcs_st_writer_put(fcs_error *e, fcs_st_writer *w, const void *data);
fcs_status fcs_st_writer_commit(fcs_error *e, fcs_st_writer *w); /* frees w in any case */
void fcs_st_writer_abort(fcs_st_writer *w);

#endif
