/* options.c: reading a command line by a command's table. */
#include "cli/cli.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* ---- the nearest word ---- */

/* Letters to insert, delete or replace (Levenshtein), for words of fewer than 64 letters; 99 for
 * others. */
static int distance(const char *a, const char *b)
{
    int row[64];
    size_t n = strlen(b);
    if (n >= 64 || strlen(a) >= 64)
        return 99;
    for (size_t j = 0; j <= n; j++)
        row[j] = (int)j;
    for (size_t i = 1; a[i - 1]; i++) {
        int diagonal = row[0];
        row[0] = (int)i;
        for (size_t j = 1; j <= n; j++) {
            int replace = diagonal + (a[i - 1] != b[j - 1]),
                other = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = replace < other ? replace : other;
        }
    }
    return row[n];
}

const char *cli_nearest(const char *word, const char *const *words, int n)
{
    const char *best = NULL;
    int least = 3;
    size_t length = strlen(word);
    for (int i = 0; i < n; i++) {
        int d = length > 1 && !strncmp(word, words[i], length) ? 0 : distance(word, words[i]);
        if (d < least && d < (int)strlen(words[i])) {
            least = d;
            best = words[i];
        }
    }
    return best;
}

/* ---- values ---- */

static fcs_status usage(const cli_command *c, const char *format, ...) FCS_PRINTF(2, 3);
static fcs_status usage(const cli_command *c, const char *format, ...)
{
    char message[512];
    va_list list;
    va_start(list, format);
    vsnprintf(message, sizeof message, format, list);
    va_end(list);
    cli_error("%s: %s (see facies %s --help)", c->name, message, c->name);
    return FCS_USAGE;
}

static bool parse_count(const char *s, const char **end, int64_t *out)
{
    char *stop;
    errno = 0;
    long long v = strtoll(s, &stop, 10);
    *end = stop;
    *out = (int64_t)v;
    return stop != s && errno == 0 && strspn(s, "+-0123456789") >= (size_t)(stop - s);
}

static fcs_status set_int(const cli_command *c, const cli_option *o, const char *value, void *at)
{
    const char *end;
    int64_t v;
    if (!parse_count(value, &end, &v) || *end || (double)v < o->min || (double)v > o->max)
        return usage(c, "--%s %.60s: give an integer from %.0f to %.0f", o->name, value, o->min,
                     o->max);
    memcpy(at, &v, sizeof v);
    return FCS_OK;
}

static fcs_status set_real(const cli_command *c, const cli_option *o, const char *value, void *at)
{
    char *end;
    double v = strtod(value, &end);
    if (end == value || *end || !isfinite(v) || v < o->min || v > o->max)
        return usage(c, "--%s %.60s: give a number from %g to %g", o->name, value, o->min, o->max);
    memcpy(at, &v, sizeof v);
    return FCS_OK;
}

static fcs_status set_size(const cli_command *c, const cli_option *o, const char *value, void *at)
{
    int64_t n[3] = {0, 0, 1};
    const char *s = value;
    int i = 0;
    for (; i < 3; i++) {
        if (!parse_count(s, &s, &n[i]) || n[i] < 1 || n[i] > INT32_MAX)
            return usage(c, "--%s %.60s: give WIDTHxHEIGHT or WIDTHxHEIGHTxDEPTH in pixels",
                         o->name, value);
        if (*s != 'x')
            break;
        s++;
    }
    if (i < 1 || i > 2 || *s)
        return usage(c, "--%s %.60s: give WIDTHxHEIGHT or WIDTHxHEIGHTxDEPTH in pixels", o->name,
                     value);
    memcpy(at, n, sizeof n);
    return FCS_OK;
}

static fcs_status append(cli_words *list, const char *item)
{
    const char **more = realloc(list->items, (size_t)(list->n + 1) * sizeof *more);
    if (!more) {
        cli_error("out of memory");
        return FCS_FAILED;
    }
    list->items = more;
    list->items[list->n++] = item;
    return FCS_OK;
}

static fcs_status set_value(const cli_command *c, const cli_option *o, const char *value,
                            cli_args *a)
{
    void *at = (char *)a + o->at;
    const bool yes = true;
    if (o->at == CLI_AT(seed))
        a->has_seed = true;
    if (o->at == CLI_AT(threshold))
        a->has_threshold = true;
    switch (o->kind) {
    case CLI_FLAG: memcpy(at, &yes, sizeof yes); return FCS_OK;
    case CLI_INT: return set_int(c, o, value, at);
    case CLI_REAL: return set_real(c, o, value, at);
    case CLI_TEXT: memcpy(at, &value, sizeof value); return FCS_OK;
    case CLI_SIZE: return set_size(c, o, value, at);
    case CLI_LIST: return append(at, value);
    }
    return FCS_USAGE;
}

/* ---- words ---- */

static fcs_status unknown_option(const cli_command *c, const char *word, size_t n)
{
    char given[64];
    const char *names[64];
    int count = 0;
    snprintf(given, sizeof given, "%.*s", (int)(n < 60 ? n : 60), word);
    for (; count < c->n_options && count < 64; count++)
        names[count] = c->options[count].name;
    const char *near = cli_nearest(given, names, count);
    return near ? usage(c, "unknown option --%s; did you mean --%s?", given, near)
                : usage(c, "unknown option --%s", given);
}

/* "--name", "--name=value" or "--name value"; *i moves on where the value is the next word. */
static fcs_status long_option(const cli_command *c, int argc, char **argv, int *i, cli_args *a)
{
    const char *word = argv[*i] + 2;
    size_t n = strcspn(word, "=");
    for (int k = 0; k < c->n_options; k++) {
        const cli_option *o = &c->options[k];
        if (strlen(o->name) != n || strncmp(o->name, word, n))
            continue;
        const char *value = word[n] == '=' ? word + n + 1 : NULL;
        if (!o->argument && value)
            return usage(c, "option --%s takes no value", o->name);
        if (o->argument && !value && ++*i >= argc)
            return usage(c, "option --%s needs a value: --%s %s", o->name, o->name, o->argument);
        return set_value(c, o, value ? value : o->argument ? argv[*i] : "", a);
    }
    return unknown_option(c, word, n);
}

/* "-q", "-qh", "-oFILE" or "-o FILE". */
static fcs_status short_options(const cli_command *c, int argc, char **argv, int *i, cli_args *a)
{
    for (const char *s = argv[*i] + 1; *s; s++) {
        const cli_option *o = NULL;
        for (int k = 0; k < c->n_options && !o; k++)
            o = c->options[k].letter == *s ? &c->options[k] : NULL;
        if (!o)
            return usage(c, "unknown option -%c", *s);
        if (!o->argument) {
            set_value(c, o, "", a);
            continue;
        }
        if (!s[1] && ++*i >= argc)
            return usage(c, "option -%c needs a value: -%c %s", *s, *s, o->argument);
        return set_value(c, o, s[1] ? s + 1 : argv[*i], a);
    }
    return FCS_OK;
}

fcs_status cli_parse(const cli_command *c, int argc, char **argv, cli_args *a)
{
    bool options = true;
    memset(a, 0, sizeof *a);
    for (int i = 0; i < argc; i++) {
        fcs_status s;
        if (options && !strcmp(argv[i], "--")) {
            options = false;
            continue;
        }
        if (options && argv[i][0] == '-' && argv[i][1] == '-')
            s = long_option(c, argc, argv, &i, a);
        else if (options && argv[i][0] == '-' && argv[i][1])
            s = short_options(c, argc, argv, &i, a);
        else
            s = append(&a->operands, argv[i]);
        if (s)
            return s;
    }
    if (a->help)
        return FCS_OK;
    if (a->operands.n < c->min_operands)
        return usage(c, "too few words: facies %s %s", c->name, c->operands);
    if (c->max_operands >= 0 && a->operands.n > c->max_operands)
        return usage(c, "\"%.60s\" is one word too many: facies %s %s",
                     a->operands.items[c->max_operands], c->name, c->operands);
    return FCS_OK;
}

fcs_status cli_voxel(const cli_args *a, fcs_voxel *out)
{
    const char *at = a->voxel;
    char *end;
    int n = 0;
    memset(out, 0, sizeof *out);
    while (at && n < 3) {
        out->size[n] = strtod(at, &end);
        if (end == at || !isfinite(out->size[n]) || out->size[n] <= 0)
            break;
        n++;
        at = *end == 'x' ? end + 1 : end;
        if (*end != 'x')
            break;
    }
    if (a->voxel && (*at || n == 0 || n == 2)) {
        cli_error("--voxel %.60s: give the size of a voxel, 0.4 or 0.4x0.4x1", a->voxel);
        return FCS_USAGE;
    }
    for (; n == 1 || n == 2; n++)
        out->size[n] = out->size[0];
    if (a->unit &&
        (!a->unit[0] || strlen(a->unit) >= sizeof out->unit || strpbrk(a->unit, "\"<>\n\r"))) {
        cli_error("--unit %.60s: give a short name such as um or mm", a->unit);
        return FCS_USAGE;
    }
    if (a->unit)
        snprintf(out->unit, sizeof out->unit, "%s", a->unit);
    return FCS_OK;
}

void cli_args_free(cli_args *a)
{
    free(a->data.items);
    free(a->set.items);
    free(a->operands.items);
}
