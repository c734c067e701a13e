/* header.c: pieces of the text headers of volume formats. */
#include "image/volume.h"
#include <ctype.h>
#include <math.h>
#include <string.h>
#include <strings.h>

bool fcs_header_line(FILE *f, char *line, size_t size)
{
    size_t n = 0;
    int c;
    while ((c = getc(f)) != EOF && c != '\n') {
        if (c == 0 || n + 1 >= size)
            return false;
        line[n++] = (char)c;
    }
    if (n > 0 && line[n - 1] == '\r')
        n--;
    line[n] = 0;
    return c != EOF || n > 0;
}

static char *trimmed(char *s)
{
    while (isspace((unsigned char)*s))
        s++;
    size_t n = strlen(s);
    while (n > 0 && isspace((unsigned char)s[n - 1]))
        s[--n] = 0;
    return s;
}

bool fcs_header_split(char *line, const char *separator, char **key, char **value)
{
    char *at = strstr(line, separator);
    if (!at)
        return false;
    *at = 0;
    *key = trimmed(line);
    *value = trimmed(at + strlen(separator));
    return true;
}

/* The next run of characters of a number in *text, at most size - 1; false when there is none. */
static bool next_number(const char **text, char *word, size_t size)
{
    static const char digits[] = "0123456789+-.eE";
    const char *s = *text + strcspn(*text, "0123456789+-.");
    size_t n = strspn(s, digits);
    *text = s + n;
    if (n == 0 || n >= size)
        return false;
    memcpy(word, s, n);
    word[n] = 0;
    return true;
}

int fcs_header_numbers(const char *text, double *v, int n)
{
    char word[64];
    int found = 0;
    while (found < n && next_number(&text, word, sizeof word) && fcs_parse_double(word, &v[found]))
        found++;
    return found;
}

int fcs_header_sizes(const char *text, int64_t *v, int n)
{
    char word[64];
    int found = 0;
    while (found < n && next_number(&text, word, sizeof word) && fcs_parse_int64(word, &v[found]))
        found++;
    return found;
}

const fcs_sample_kind *fcs_kind_named(const fcs_kind_name *table, const char *name)
{
    for (; table->name; table++)
        if (strcasecmp(table->name, name) == 0)
            return fcs_sample_kind_of(table->bits, table->format);
    return NULL;
}

void fcs_voxel_unit(fcs_voxel *v, const char *text)
{
    static const char *const micro[] = {"\xc2\xb5m",  "\xce\xbcm",  "\xb5m",      "\\u00B5m",
                                        "micron",     "microns",    "micrometer", "micrometers",
                                        "micrometre", "micrometres"};
    size_t n = 0;
    while (*text == '"' || isspace((unsigned char)*text))
        text++;
    char word[64];
    while (text[n] && text[n] != '"' && text[n] != '\n' && n + 1 < sizeof word) {
        word[n] = text[n];
        n++;
    }
    word[n] = 0;
    for (size_t i = 0; i < sizeof micro / sizeof *micro; i++)
        if (strcasecmp(word, micro[i]) == 0)
            snprintf(word, sizeof word, "um");
    bool plain = strlen(word) < sizeof v->unit;
    for (const char *c = word; *c; c++)
        plain = plain && *c > ' ' && *c < 127;
    snprintf(v->unit, sizeof v->unit, "%.*s", (int)sizeof v->unit - 1,
             plain && strcasecmp(word, "pixel") && strcasecmp(word, "pixels") ? word : "");
}

void fcs_voxel_check(fcs_voxel *v)
{
    bool good = true, ones = true;
    for (int a = 0; a < 3; a++) {
        v->size[a] = fabs(v->size[a]); /* an axis may point backwards */
        good = good && isfinite(v->size[a]) && v->size[a] > 0;
        ones = ones && v->size[a] == 1;
    }
    if (!good || (ones && !v->unit[0]))
        memset(v, 0, sizeof *v);
}
