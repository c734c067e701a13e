/* text.c: growing text, parsing numbers, the nearest known word. */
#include "base/base.h"
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void fcs_text_put(fcs_text *t, const char *bytes, size_t n)
{
    if (t->failed)
        return;
    if (!fcs_grow(NULL, &t->s, &t->capacity, t->n + n + 1, 1)) {
        t->failed = true;
        return;
    }
    memcpy(t->s + t->n, bytes, n);
    t->n += n;
    t->s[t->n] = 0;
}

static char *format_list(const char *format, va_list list)
{
    va_list again;
    va_copy(again, list);
    int n = vsnprintf(NULL, 0, format, again);
    va_end(again);
    char *s = n < 0 ? NULL : malloc((size_t)n + 1);
    if (s)
        vsnprintf(s, (size_t)n + 1, format, list);
    return s;
}

void fcs_text_add(fcs_text *t, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    char *s = format_list(format, list);
    va_end(list);
    if (s)
        fcs_text_put(t, s, strlen(s));
    else
        t->failed = true;
    free(s);
}

char *fcs_strdup(fcs_error *e, const char *s)
{
    size_t n = strlen(s) + 1;
    char *copy = fcs_alloc(e, n);
    if (copy)
        memcpy(copy, s, n);
    return copy;
}

char *fcs_format(fcs_error *e, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    char *s = format_list(format, list);
    va_end(list);
    if (!s)
        fcs_fail(e, FCS_FAILED, "out of memory");
    return s;
}

/* Levenshtein distance; words longer than the row are far from everything. */
static int distance(const char *a, const char *b)
{
    int row[64], n = (int)strlen(b);
    if (n >= 64 || strlen(a) >= 64)
        return 99;
    for (int j = 0; j <= n; j++)
        row[j] = j;
    for (int i = 1; *a; a++, i++) {
        int diagonal = row[0];
        row[0] = i;
        for (int j = 1; j <= n; j++) {
            int change =
                diagonal + (tolower((unsigned char)*a) != tolower((unsigned char)b[j - 1]));
            diagonal = row[j];
            int step = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            row[j] = change < step ? change : step;
        }
    }
    return row[n];
}

const char *fcs_nearest(const char *word, const char *const *names, int n)
{
    const char *best = NULL;
    int least = 99;
    for (int i = 0; i < n; i++) {
        int d = distance(word, names[i]);
        size_t length = strlen(names[i]);
        if (strlen(word) >= 3 && strncmp(word, names[i], strlen(word)) == 0)
            d = 1; /* a prefix is near */
        if (d < least && d <= (int)(length / 2) + 1) {
            least = d;
            best = names[i];
        }
    }
    return best;
}

bool fcs_parse_int64(const char *s, int64_t *out)
{
    char *end;
    errno = 0;
    long long v = strtoll(s, &end, 10);
    if (end == s || *end || errno || isspace((unsigned char)*s))
        return false;
    *out = v;
    return true;
}

/* strtod follows the locale's decimal point; the library never sets a locale, but its user may
 * have: such a program's "0.5" is read by swapping the point. */
bool fcs_parse_double(const char *s, double *out)
{
    char copy[64], *end, point[8];
    size_t n = strlen(s);
    if (n == 0 || n >= sizeof copy || s[strspn(s, "0123456789+-.eE")])
        return false;
    memcpy(copy, s, n + 1);
    snprintf(point, sizeof point, "%.1f", 0.5);
    char *dot = strchr(copy, '.');
    if (dot)
        *dot = point[1];
    errno = 0;
    double v = strtod(copy, &end);
    if (end == copy || *end || !isfinite(v))
        return false;
    *out = v;
    return true;
}

double fcs_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}
