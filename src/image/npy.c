/* npy.c: NumPy's array files (numpy.lib.format), versions 1 to 3: a dictionary literal, then the
 * samples. [z][y][x], [y][x], with colours as the last index. */
#include "image/volume.h"
#include <stdlib.h>
#include <string.h>

enum { AXES = 6 };

/* The text behind 'key': in the dictionary; NULL when it is not there. */
static const char *value_of(const char *dictionary, const char *key)
{
    const char *at = strstr(dictionary, key);
    at = at ? strchr(at, ':') : NULL;
    return at ? at + 1 + strspn(at + 1, " ") : NULL;
}

/* '<u2' and the like: order, letter, bytes. */
static const char *set_type(fcs_layout *l, const char *text)
{
    static const char letters[] = "bu?if"; /* b: one-byte truth values, 0 or 1 */
    static const int formats[] = {1, 1, 1, 2, 3};
    if (!text || (*text != '\'' && *text != '"') || !text[1] || !text[2])
        return "descr: arrays of numbers are read";
    const char *letter = strchr(letters, text[2]);
    int bytes = letter ? (int)strtol(text + 3, NULL, 10) : 0;
    if (bytes >= 1 && bytes <= 8)
        l->kind = fcs_sample_kind_of(8 * bytes, formats[letter - letters]);
    l->big_endian = text[1] == '>';
    return l->kind ? NULL : "descr: integers of 1 to 8 bytes and floats of 2 to 8 are read";
}

static const char *set_shape(fcs_layout *l, const char *text, bool fortran)
{
    int64_t v[AXES] = {0}, *n = v;
    char shape[200];
    if (!text || *text != '(' || strcspn(text, ")") >= sizeof shape)
        return "shape";
    snprintf(shape, sizeof shape, "%.*s", (int)strcspn(text, ")"), text);
    int axes = fcs_header_sizes(shape, v, AXES);
    for (; axes > 3 && n[0] == 1; axes--) /* a batch of one */
        n++;
    if (!fortran && axes >= 3 && (n[axes - 1] == 3 || (axes == 4 && n[3] >= 1 && n[3] <= 4)))
        l->channels = (int)n[--axes];
    if (axes < 2 || axes > 3)
        return "shape: (height, width) or (depth, height, width) are read";
    l->size[0] = n[axes - 1];
    l->size[1] = n[axes - 2];
    l->size[2] = axes == 3 ? n[0] : 1;
    l->z_first = fortran;
    return NULL;
}

static const char *parse(fcs_layout *l, const char *dictionary)
{
    const char *order = value_of(dictionary, "'fortran_order'");
    const char *reason = set_type(l, value_of(dictionary, "'descr'"));
    bool fortran = order && !strncmp(order, "True", 4);
    return reason ? reason : set_shape(l, value_of(dictionary, "'shape'"), fortran);
}

fcs_status fcs_npy_decode(fcs_context *ctx, fcs_error *e, const char *path, FILE *f,
                          int64_t file_size, fcs_facts *facts, fcs_image **out)
{
    unsigned char head[12];
    char dictionary[2048];
    fcs_layout l = {.path = path, .f = f, .channels = 1};
    (void)ctx;
    (void)file_size;
    snprintf(facts->format, sizeof facts->format, "npy");
    if (fread(head, 1, 10, f) != 10 || (head[6] > 1 && fread(head + 10, 1, 2, f) != 2))
        return fcs_header_fail(e, path, "NumPy", "cut off");
    size_t n = (size_t)head[8] | (size_t)head[9] << 8;
    if (head[6] > 1)
        n |= (size_t)head[10] << 16 | (size_t)head[11] << 24;
    if (n >= sizeof dictionary || fread(dictionary, 1, n, f) != n)
        return fcs_header_fail(e, path, "NumPy", "its length");
    dictionary[n] = 0;
    const char *reason = parse(&l, dictionary);
    return reason ? fcs_header_fail(e, path, "NumPy", reason) : fcs_layout_load(e, &l, facts, out);
}
