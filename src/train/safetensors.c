/* safetensors.c: reading and writing; see safetensors.h. */
#include "train/safetensors.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    uint64_t size;
} dtypes[] = {
    [FCS_DTYPE_F32] = {"F32", 4}, [FCS_DTYPE_I64] = {"I64", 8}, [FCS_DTYPE_U8] = {"U8", 1}};
enum { N_DTYPES = sizeof dtypes / sizeof *dtypes };
#define HEADER_LIMIT ((uint64_t)100000000) /* the format's own */

/* The data is little-endian; so is nearly every machine, where this does nothing. */
static void little_endian(void *data, uint64_t n, uint64_t size)
{
    const uint16_t one = 1;
    unsigned char first;
    memcpy(&first, &one, 1);
    if (first == 1 || size == 1)
        return;
    unsigned char *p = data;
    for (uint64_t i = 0; i < n; i++, p += size)
        for (uint64_t a = 0, b = size - 1; a < b; a++, b--) {
            unsigned char t = p[a];
            p[a] = p[b];
            p[b] = t;
        }
}

/* ---- reading ---- */

static fcs_status broken(fcs_error *e, const fcs_safetensors *st, const char *what,
                         const char *name)
{
    if (!name)
        return fcs_fail(e, FCS_FAILED, "%s: not a sound safetensors file: %s", st->path, what);
    return fcs_fail(e, FCS_FAILED, "%s: not a sound safetensors file: tensor \"%.100s\": %s",
                    st->path, name, what);
}

static fcs_status read_dtype(fcs_error *e, const fcs_safetensors *st, const json_t *j,
                             fcs_st_tensor *t)
{
    const char *word = json_string_value(json_object_get(j, "dtype"));
    if (!word)
        return broken(e, st, "it has no dtype", t->name);
    for (int i = 0; i < N_DTYPES; i++)
        if (!strcmp(word, dtypes[i].name)) {
            t->dtype = (fcs_dtype)i;
            return FCS_OK;
        }
    return fcs_fail(
        e, FCS_FAILED,
        "%s: tensor \"%.100s\" has type %.16s: facies reads F32, I64 and U8; convert it first",
        st->path, t->name, word);
}

static fcs_status read_shape(fcs_error *e, const fcs_safetensors *st, const json_t *j,
                             fcs_st_tensor *t, uint64_t *bytes)
{
    const json_t *shape = json_object_get(j, "shape");
    if (!json_is_array(shape))
        return broken(e, st, "it has no shape", t->name);
    if (json_array_size(shape) > FCS_ST_RANK)
        return broken(e, st, "it has more than 8 dimensions", t->name);
    t->rank = (int)json_array_size(shape);
    *bytes = dtypes[t->dtype].size;
    for (int i = 0; i < t->rank; i++) {
        const json_t *n = json_array_get(shape, (size_t)i);
        if (!json_is_integer(n) || json_integer_value(n) < 0)
            return broken(e, st, "its shape is not made of counts", t->name);
        t->shape[i] = json_integer_value(n);
        if (t->shape[i] > 0 && *bytes > UINT64_MAX / 2 / (uint64_t)t->shape[i])
            return broken(e, st, "its shape is too large to count", t->name);
        *bytes *= (uint64_t)t->shape[i];
    }
    return FCS_OK;
}

static fcs_status read_offsets(fcs_error *e, const fcs_safetensors *st, const json_t *j,
                               fcs_st_tensor *t, uint64_t bytes, uint64_t available)
{
    const json_t *offsets = json_object_get(j, "data_offsets");
    if (!json_is_array(offsets) || json_array_size(offsets) != 2)
        return broken(e, st, "it has no pair of data_offsets", t->name);
    const json_t *begin = json_array_get(offsets, 0), *end = json_array_get(offsets, 1);
    if (!json_is_integer(begin) || !json_is_integer(end) || json_integer_value(begin) < 0 ||
        json_integer_value(end) < json_integer_value(begin))
        return broken(e, st, "its data_offsets are not an ordered pair of counts", t->name);
    t->begin = (uint64_t)json_integer_value(begin);
    t->end = (uint64_t)json_integer_value(end);
    if (t->end > available)
        return broken(e, st, "its data lies behind the end of the file (truncated?)", t->name);
    if (t->end - t->begin != bytes)
        return broken(e, st, "its data_offsets do not agree with its shape", t->name);
    return FCS_OK;
}

static fcs_status read_metadata(fcs_error *e, fcs_safetensors *st, json_t *meta)
{
    if (!json_is_object(meta))
        return broken(e, st, "__metadata__ is not an object", NULL);
    st->meta = fcs_alloc_array(e, json_object_size(meta) + 1, sizeof *st->meta);
    if (!st->meta)
        return FCS_FAILED;
    const char *key;
    json_t *value;
    json_object_foreach(meta, key, value)
    {
        if (!json_is_string(value))
            return broken(e, st, "__metadata__ holds something that is not a string", NULL);
        fcs_st_pair *p = &st->meta[st->n_meta++];
        p->key = fcs_strdup(e, key);
        p->value = fcs_strdup(e, json_string_value(value));
        if (!p->key || !p->value)
            return FCS_FAILED;
    }
    return FCS_OK;
}

static int by_begin(const void *a, const void *b)
{
    const fcs_st_tensor *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return (x->end > y->end) - (x->end < y->end);
}

static fcs_status read_tensors(fcs_error *e, fcs_safetensors *st, json_t *header,
                               uint64_t available)
{
    const char *key;
    json_t *value;
    st->tensors = fcs_alloc_array(e, json_object_size(header) + 1, sizeof *st->tensors);
    if (!st->tensors)
        return FCS_FAILED;
    json_object_foreach(header, key, value)
    {
        if (!strcmp(key, "__metadata__")) {
            if (read_metadata(e, st, value))
                return FCS_FAILED;
            continue;
        }
        fcs_st_tensor *t = &st->tensors[st->n++];
        uint64_t bytes = 0;
        t->name = fcs_strdup(e, key);
        if (!t->name)
            return FCS_FAILED;
        if (!json_is_object(value))
            return broken(e, st, "its entry is not an object", t->name);
        if (read_dtype(e, st, value, t) || read_shape(e, st, value, t, &bytes) ||
            read_offsets(e, st, value, t, bytes, available))
            return FCS_FAILED;
    }
    qsort(st->tensors, (size_t)st->n, sizeof *st->tensors, by_begin);
    uint64_t at = 0;
    for (int i = 0; i < st->n; i++) {
        if (st->tensors[i].begin != at)
            return broken(e, st,
                          st->tensors[i].begin < at ? "its data overlaps another tensor's"
                                                    : "there is a hole before its data",
                          st->tensors[i].name);
        at = st->tensors[i].end;
    }
    if (at != available)
        return broken(e, st, "there are bytes behind the last tensor", NULL);
    return FCS_OK;
}

static fcs_status read_header(fcs_error *e, fcs_safetensors *st)
{
    unsigned char count[8];
    if (fseeko(st->f, 0, SEEK_END))
        return fcs_fail(e, FCS_FAILED, "%s: cannot be read: %s", st->path, strerror(errno));
    off_t size = ftello(st->f);
    rewind(st->f);
    if (size < 8 || fread(count, 1, 8, st->f) != 8)
        return broken(e, st, "it is shorter than its 8-byte header length (truncated?)", NULL);
    uint64_t n = 0;
    for (int i = 7; i >= 0; i--)
        n = n << 8 | count[i];
    if (n > HEADER_LIMIT)
        return broken(e, st, "its header claims to be over 100 MB long", NULL);
    if (n > (uint64_t)size - 8)
        return broken(e, st, "its header is longer than the file (truncated?)", NULL);
    char *text = fcs_alloc(e, (size_t)n + 1);
    if (!text)
        return FCS_FAILED;
    if (fread(text, 1, (size_t)n, st->f) != n) {
        free(text);
        return fcs_fail(e, FCS_FAILED, "%s: cannot be read: %s", st->path, strerror(errno));
    }
    json_error_t why;
    json_t *header =
        text[0] == '{' ? json_loadb(text, (size_t)n, JSON_REJECT_DUPLICATES, &why) : NULL;
    bool object = text[0] == '{';
    free(text);
    if (!header) {
        char what[JSON_ERROR_TEXT_LENGTH + 48];
        snprintf(what, sizeof what, "its header is not JSON: %s",
                 object ? why.text : "it does not begin with {");
        for (char *c = what; *c;
             c++) /* the parser quotes the input: keep the message one printable line */
            if ((unsigned char)*c < 32 || (unsigned char)*c > 126)
                *c = '?';
        return broken(e, st, what, NULL);
    }
    st->data = 8 + n;
    fcs_status s = read_tensors(e, st, header, (uint64_t)size - st->data);
    json_decref(header);
    return s;
}

fcs_status fcs_safetensors_open(fcs_error *e, const char *path, fcs_safetensors **out)
{
    *out = NULL;
    fcs_safetensors *st = fcs_alloc(e, sizeof *st);
    if (!st)
        return FCS_FAILED;
    st->path = fcs_strdup(e, path);
    fcs_status s = FCS_FAILED;
    if (st->path) {
        st->f = fopen(path, "rb");
        s = st->f ? read_header(e, st)
                  : fcs_fail(e, FCS_FAILED, "%s: cannot be opened: %s", path, strerror(errno));
    }
    if (s) {
        fcs_safetensors_close(st);
        return s;
    }
    *out = st;
    return FCS_OK;
}

void fcs_safetensors_close(fcs_safetensors *st)
{
    if (!st)
        return;
    for (int i = 0; i < st->n; i++)
        free(st->tensors[i].name);
    for (int i = 0; i < st->n_meta; i++) {
        free(st->meta[i].key);
        free(st->meta[i].value);
    }
    if (st->f)
        fclose(st->f);
    free(st->tensors);
    free(st->meta);
    free(st->path);
    free(st);
}

const fcs_st_tensor *fcs_safetensors_find(const fcs_safetensors *st, const char *name)
{
    for (int i = 0; i < st->n; i++)
        if (!strcmp(st->tensors[i].name, name))
            return &st->tensors[i];
    return NULL;
}

const char *fcs_safetensors_meta(const fcs_safetensors *st, const char *key)
{
    for (int i = 0; i < st->n_meta; i++)
        if (!strcmp(st->meta[i].key, key))
            return st->meta[i].value;
    return NULL;
}

fcs_status fcs_safetensors_read(fcs_error *e, fcs_safetensors *st, const fcs_st_tensor *t,
                                void *out)
{
    uint64_t bytes = t->end - t->begin, size = dtypes[t->dtype].size;
    errno = 0;
    if (fseeko(st->f, (off_t)(st->data + t->begin), SEEK_SET) ||
        fread(out, 1, (size_t)bytes, st->f) != bytes)
        return fcs_fail(e, FCS_FAILED, "%s: tensor \"%.100s\" cannot be read: %s", st->path,
                        t->name, errno ? strerror(errno) : "the file got shorter");
    little_endian(out, bytes / size, size);
    return FCS_OK;
}

/* ---- writing ---- */

struct fcs_st_writer {
    fcs_file file;
    fcs_st_tensor *tensors; /* names borrowed */
    int n, next;
};

/* The string, with bytes that are not UTF-8 as question marks: metadata must never stop a
 * checkpoint. */
static json_t *json_text(const char *s)
{
    json_t *j = json_string(s);
    if (j)
        return j;
    char *copy = malloc(strlen(s) + 1);
    if (!copy)
        return NULL;
    strcpy(copy, s);
    for (char *c = copy; *c; c++)
        if ((unsigned char)*c > 126)
            *c = '?';
    j = json_string(copy);
    free(copy);
    return j;
}

static json_t *tensor_json(const fcs_st_tensor *t)
{
    json_t *shape = json_array();
    for (int i = 0; i < t->rank; i++)
        json_array_append_new(shape, json_integer((json_int_t)t->shape[i]));
    return json_pack("{s:s, s:o, s:[I,I]}", "dtype", dtypes[t->dtype].name, "shape", shape,
                     "data_offsets", (json_int_t)t->begin, (json_int_t)t->end);
}

/* The header's text, padded with spaces to a multiple of 8 so that the data is aligned; NULL when
 * out of memory. */
static char *header_text(const fcs_st_writer *w, const fcs_st_pair *meta, int n_meta,
                         size_t *length)
{
    json_t *header = json_object(), *pairs = json_object();
    bool good = header && pairs;
    for (int i = 0; good && i < n_meta; i++)
        good = json_object_set_new(pairs, meta[i].key, json_text(meta[i].value)) == 0;
    good = good && json_object_set(header, "__metadata__", pairs) == 0;
    for (int i = 0; good && i < w->n; i++)
        good = json_object_set_new(header, w->tensors[i].name, tensor_json(&w->tensors[i])) == 0;
    char *text = good ? json_dumps(header, JSON_COMPACT) : NULL;
    json_decref(header);
    json_decref(pairs);
    if (!text)
        return NULL;
    size_t n = strlen(text);
    *length = (n + 7) / 8 * 8;
    char *padded = realloc(text, *length + 1);
    if (!padded) {
        free(text);
        return NULL;
    }
    memset(padded + n, ' ', *length - n);
    return padded;
}

static fcs_status put_bytes(fcs_error *e, fcs_st_writer *w, const void *data, size_t n)
{
    if (n && fwrite(data, 1, n, w->file.f) != n)
        return fcs_fail(e, FCS_FAILED, "%s: cannot be written: %s", w->file.path, strerror(errno));
    return FCS_OK;
}

static fcs_status write_header(fcs_error *e, fcs_st_writer *w, const char *path,
                               const fcs_st_pair *meta, int n_meta)
{
    size_t length;
    char *text = header_text(w, meta, n_meta, &length);
    if (!text)
        return fcs_fail(e, FCS_FAILED, "%s: out of memory for its header", path);
    unsigned char count[8];
    for (int i = 0; i < 8; i++)
        count[i] = (unsigned char)((uint64_t)length >> 8 * i & 255);
    fcs_status s = fcs_file_open(e, &w->file, path);
    if (!s)
        s = put_bytes(e, w, count, 8);
    if (!s)
        s = put_bytes(e, w, text, length);
    free(text);
    return s;
}

fcs_status fcs_st_writer_open(fcs_error *e, const char *path, const fcs_st_tensor *tensors, int n,
                              const fcs_st_pair *meta, int n_meta, fcs_st_writer **out)
{
    *out = NULL;
    fcs_st_writer *w = fcs_alloc(e, sizeof *w);
    if (!w)
        return FCS_FAILED;
    w->n = n;
    w->tensors = fcs_alloc_array(e, (size_t)n + 1, sizeof *tensors);
    fcs_status s = w->tensors ? FCS_OK : FCS_FAILED;
    uint64_t at = 0;
    for (int i = 0; !s && i < n; i++) {
        fcs_st_tensor *t = &w->tensors[i];
        *t = tensors[i];
        uint64_t bytes = dtypes[t->dtype].size;
        for (int d = 0; d < t->rank; d++)
            bytes *= (uint64_t)t->shape[d];
        t->begin = at;
        t->end = at += bytes;
    }
    if (!s)
        s = write_header(e, w, path, meta, n_meta);
    if (s) {
        fcs_st_writer_abort(w);
        return s;
    }
    *out = w;
    return FCS_OK;
}

fcs_status fcs_st_writer_put(fcs_error *e, fcs_st_writer *w, const void *data)
{
    const fcs_st_tensor *t = &w->tensors[w->next++];
    uint64_t size = dtypes[t->dtype].size, left = t->end - t->begin;
    const unsigned char *p = data;
    unsigned char block[4096];
    while (left) {
        size_t n = left < sizeof block ? (size_t)left : sizeof block;
        memcpy(block, p, n);
        little_endian(block, n / size, size);
        if (put_bytes(e, w, block, n))
            return FCS_FAILED;
        p += n;
        left -= n;
    }
    return FCS_OK;
}

static void writer_free(fcs_st_writer *w)
{
    free(w->tensors);
    free(w);
}

fcs_status fcs_st_writer_commit(fcs_error *e, fcs_st_writer *w)
{
    fcs_status s = fcs_file_commit(e, &w->file);
    writer_free(w);
    return s;
}

void fcs_st_writer_abort(fcs_st_writer *w)
{
    if (!w)
        return;
    if (w->file.f)
        fcs_file_abort(&w->file);
    writer_free(w);
}
