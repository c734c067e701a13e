/* params.c: tables of recipe values against libconfig settings: checking, filling in, reading. */
#include "recipe/recipe.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *member_word(const config_setting_t *group, const char *name)
{
    const config_setting_t *s = config_setting_type(group) == CONFIG_TYPE_GROUP
                                    ? config_setting_get_member(group, name)
                                    : NULL;
    return s && config_setting_type(s) == CONFIG_TYPE_STRING ? config_setting_get_string(s) : NULL;
}

/* "generator.layers.up1.kernel": list elements go by their name where they have one. */
static void add_path(fcs_text *t, const config_setting_t *s)
{
    const config_setting_t *parent = config_setting_parent(s);
    if (!parent)
        return;
    add_path(t, parent);
    const char *name = config_setting_name(s);
    if (!name)
        name = member_word(s, "name");
    if (t->n)
        fcs_text_put(t, ".", 1);
    if (name && *name)
        fcs_text_add(t, "%s", name);
    else
        fcs_text_add(t, "%d", config_setting_index(s));
}

fcs_status fcs_recipe_fail(fcs_error *e, const fcs_recipe *r, const config_setting_t *s,
                           const char *format, ...)
{
    char message[640];
    va_list list;
    va_start(list, format);
    vsnprintf(message, sizeof message, format, list);
    va_end(list);
    fcs_text where = {0};
    if (r->origin)
        fcs_text_add(&where, "%s", r->origin);
    if (r->origin && config_setting_source_line(s))
        fcs_text_add(&where, ":%u", (unsigned)config_setting_source_line(s));
    fcs_text path = {0};
    add_path(&path, s);
    if (path.n)
        fcs_text_add(&where, "%s%s", where.n ? ": " : "", path.s);
    fcs_status status =
        fcs_fail(e, FCS_FAILED, "%s%s%s", where.s ? where.s : "", where.n ? ": " : "", message);
    free(path.s);
    free(where.s);
    return status;
}

static bool is_number(const config_setting_t *s)
{
    int type = config_setting_type(s);
    return type == CONFIG_TYPE_INT || type == CONFIG_TYPE_INT64 || type == CONFIG_TYPE_FLOAT;
}

/* libconfig's getters convert only with an option set; int64 holds every integer exactly. */
static double number_of(const config_setting_t *s)
{
    switch (config_setting_type(s)) {
    case CONFIG_TYPE_INT: return config_setting_get_int(s);
    case CONFIG_TYPE_INT64: return (double)config_setting_get_int64(s);
    case CONFIG_TYPE_FLOAT: return config_setting_get_float(s);
    case CONFIG_TYPE_BOOL: return config_setting_get_bool(s);
    default: return NAN;
    }
}

/* The shortest text that reads back as the same double, with a '.' in every locale. */
static void double_text(double v, char text[40])
{
    if (v == floor(v) && fabs(v) < 1e15) {
        snprintf(text, 40, "%.0f", v);
        return;
    }
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, 40, "%.*g", digits, v);
        if (strtod(text, NULL) == v)
            break;
    }
    for (char *s = text; *s; s++)
        if (*s == ',')
            *s = '.';
}

void fcs_param_standard(const fcs_param *p, char text[64])
{
    char number[40];
    double_text(p->standard, number);
    snprintf(text, 64, "%s",
             p->kind == 's'   ? p->word
             : p->kind == 'b' ? (p->standard != 0 ? "true" : "false")
                              : number);
}

void fcs_param_range(const fcs_param *p, char text[96])
{
    char lo[40], hi[40];
    text[0] = 0;
    if (p->kind == 's') {
        snprintf(text, 96, "%s", p->choices ? p->choices : "text");
    } else if (p->kind == 'b') {
        snprintf(text, 96, "true|false");
    } else {
        double_text(p->min, lo);
        double_text(p->max, hi);
        snprintf(text, 96, "%s to %s", lo, hi);
    }
}

static fcs_status check_number(fcs_error *e, const fcs_recipe *r, const config_setting_t *s,
                               const fcs_param *p)
{
    double v = number_of(s);
    char text[40], range[96];
    double_text(v, text);
    fcs_param_range(p, range);
    if (!is_number(s))
        return fcs_recipe_fail(e, r, s, "must be a number, %s", range);
    if (p->kind != 'f' && v != floor(v))
        return fcs_recipe_fail(e, r, s, "must be an integer, %s, not %s", range, text);
    if (!(v >= p->min && v <= p->max))
        return fcs_recipe_fail(e, r, s, "must be in %s, not %s", range, text);
    return FCS_OK;
}

/* Is word one of "a|b|c"? */
static bool in_choices(const char *choices, const char *word)
{
    size_t n = strlen(word);
    for (const char *c = choices; c; c = strchr(c, '|') ? strchr(c, '|') + 1 : NULL)
        if (strncmp(c, word, n) == 0 && (c[n] == '|' || c[n] == 0))
            return true;
    return false;
}

static fcs_status check_word(fcs_error *e, const fcs_recipe *r, const config_setting_t *s,
                             const fcs_param *p)
{
    if (config_setting_type(s) != CONFIG_TYPE_STRING)
        return fcs_recipe_fail(e, r, s, "must be a text in quotes%s%s", p->choices ? ": " : "",
                               p->choices ? p->choices : "");
    const char *word = config_setting_get_string(s);
    size_t limit = p->max > 0 ? (size_t)p->max : FCS_WORD - 1;
    if (p->choices && !in_choices(p->choices, word))
        return fcs_recipe_fail(e, r, s, "must be one of %s, not \"%.60s\"", p->choices, word);
    if (strlen(word) > limit)
        return fcs_recipe_fail(e, r, s, "the text is longer than %zu bytes", limit);
    return FCS_OK;
}

static fcs_status check_list(fcs_error *e, const fcs_recipe *r, const config_setting_t *s,
                             const fcs_param *p)
{
    int type = config_setting_type(s);
    if (type != CONFIG_TYPE_ARRAY && type != CONFIG_TYPE_LIST)
        return check_number(e, r, s, p);
    int n = config_setting_length(s);
    if (n < 1 || n > 3)
        return fcs_recipe_fail(e, r, s,
                               "must hold one integer (all axes), two (H W) or three (D H W)");
    for (int i = 0; i < n; i++) {
        const config_setting_t *element = config_setting_get_elem(s, (unsigned)i);
        if (check_number(e, r, element, p) != FCS_OK)
            return FCS_FAILED;
    }
    return FCS_OK;
}

static fcs_status check_one(fcs_error *e, const fcs_recipe *r, const config_setting_t *s,
                            const fcs_param *p)
{
    switch (p->kind) {
    case 's': return check_word(e, r, s, p);
    case 'n': return check_list(e, r, s, p);
    case 'b':
        if (config_setting_type(s) != CONFIG_TYPE_BOOL)
            return fcs_recipe_fail(e, r, s, "must be true or false");
        return FCS_OK;
    default: return check_number(e, r, s, p);
    }
}

static bool add_standard(config_setting_t *group, const fcs_param *p)
{
    int type = p->kind == 's'   ? CONFIG_TYPE_STRING
               : p->kind == 'b' ? CONFIG_TYPE_BOOL
               : p->kind == 'f' ? CONFIG_TYPE_FLOAT
                                : CONFIG_TYPE_INT;
    config_setting_t *s = config_setting_add(group, p->name, type);
    if (!s)
        return false;
    switch (p->kind) {
    case 's': return config_setting_set_string(s, p->word) == CONFIG_TRUE;
    case 'b': return config_setting_set_bool(s, p->standard != 0) == CONFIG_TRUE;
    case 'f': return config_setting_set_float(s, p->standard) == CONFIG_TRUE;
    default: return config_setting_set_int(s, (int)p->standard) == CONFIG_TRUE;
    }
}

static fcs_status unknown_key(fcs_error *e, const fcs_recipe *r, const config_setting_t *s,
                              const fcs_param *params, int n, const char *const *also)
{
    const char *names[2 * FCS_MAX_PARAMS] = {NULL};
    int count = 0;
    for (int i = 0; i < n && count < FCS_MAX_PARAMS; i++)
        names[count++] = params[i].name;
    for (; also && *also && count < 2 * FCS_MAX_PARAMS; also++)
        names[count++] = *also;
    const char *near = fcs_nearest(config_setting_name(s), names, count);
    fcs_text known = {0};
    for (int i = 0; i < count; i++)
        fcs_text_add(&known, "%s%s", i ? ", " : "", names[i]);
    fcs_status status =
        near ? fcs_recipe_fail(e, r, s, "unknown key; did you mean \"%s\"?", near)
             : fcs_recipe_fail(e, r, s, "unknown key; known here: %s", known.s ? known.s : "");
    free(known.s);
    return status;
}

fcs_status fcs_params_check(fcs_error *e, const fcs_recipe *r, config_setting_t *group,
                            const fcs_param *params, int n, const char *const *also)
{
    if (config_setting_type(group) != CONFIG_TYPE_GROUP)
        return fcs_recipe_fail(e, r, group, "must be a group: { key = value; ... }");
    for (int i = 0; i < config_setting_length(group); i++) {
        const config_setting_t *s = config_setting_get_elem(group, (unsigned)i);
        const char *name = config_setting_name(s);
        bool known = false;
        for (int k = 0; k < n && !known; k++) {
            known = strcmp(params[k].name, name) == 0;
            if (known && check_one(e, r, s, &params[k]) != FCS_OK)
                return FCS_FAILED;
        }
        for (const char *const *a = also; a && *a && !known; a++)
            known = strcmp(*a, name) == 0;
        if (!known)
            return unknown_key(e, r, s, params, n, also);
    }
    for (int k = 0; k < n; k++)
        if (!config_setting_get_member(group, params[k].name) && !add_standard(group, &params[k]))
            return fcs_fail(e, FCS_FAILED, "out of memory");
    return FCS_OK;
}

static void read_list(const config_setting_t *s, int64_t list[3])
{
    int type = config_setting_type(s);
    if (type != CONFIG_TYPE_ARRAY && type != CONFIG_TYPE_LIST) {
        list[0] = list[1] = list[2] = (int64_t)number_of(s);
        return;
    }
    int n = config_setting_length(s);
    /* two values are H W: D takes the first, and 2D nets do not look at it */
    for (int axis = 0; axis < 3; axis++) {
        int i = n == 1 ? 0 : n == 2 ? (axis == 2) : axis;
        list[axis] = (int64_t)number_of(config_setting_get_elem(s, (unsigned)i));
    }
}

void fcs_params_read(const config_setting_t *group, const fcs_param *params, int n,
                     fcs_value_of *values)
{
    for (int k = 0; k < n; k++) {
        const config_setting_t *s = config_setting_get_member(group, params[k].name);
        memset(&values[k], 0, sizeof values[k]);
        if (params[k].kind == 's')
            snprintf(values[k].word, sizeof values[k].word, "%s", config_setting_get_string(s));
        else if (params[k].kind == 'n')
            read_list(s, values[k].list);
        else
            values[k].number = number_of(s);
    }
}
