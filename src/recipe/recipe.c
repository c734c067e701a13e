/* recipe.c: recipes by name or file, values by path, assignments, and the text that reads back the
 * same. */
#include "recipe/recipe.h"
#include "layers/layers.h"
#include "optim/optim.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- text of a setting ---- */
static void add_string(fcs_text *t, const char *s)
{
    fcs_text_put(t, "\"", 1);
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\')
            fcs_text_add(t, "\\%c", c);
        else if (c < ' ' || c == 127)
            fcs_text_add(t, "\\x%02x", c);
        else
            fcs_text_put(t, s, 1);
    }
    fcs_text_put(t, "\"", 1);
}

/* Shortest form that reads back the same, and that libconfig takes for a float. */
static void add_float(fcs_text *t, double v)
{
    char text[64];
    fcs_param p = {.kind = 'f', .standard = v};
    fcs_param_standard(&p, text);
    fcs_text_add(t, "%s%s", text, text[strcspn(text, ".e")] ? "" : ".0");
}

static void add_setting(fcs_text *t, const config_setting_t *s, int indent, bool lines);

/* Members end with ";", elements are parted by ","; a line each, or all in one. */
static void add_members(fcs_text *t, const config_setting_t *s, int indent, bool lines)
{
    int n = config_setting_length(s);
    for (int i = 0; i < n; i++) {
        const config_setting_t *member = config_setting_get_elem(s, (unsigned)i);
        const char *name = config_setting_name(member);
        bool last = i + 1 == n;
        if (lines)
            fcs_text_add(t, "%*s", indent, "");
        if (name)
            fcs_text_add(t, "%s = ", name);
        add_setting(t, member, indent, lines);
        if (name || !last)
            fcs_text_add(t, name ? ";" : ",");
        if (lines || !last)
            fcs_text_add(t, lines ? "\n" : " ");
    }
}

/* Groups have a line a member, but the layers of a net a line each. */
static void add_aggregate(fcs_text *t, const config_setting_t *s, int indent, bool lines)
{
    int type = config_setting_type(s);
    const char *brackets = type == CONFIG_TYPE_LIST    ? "()"
                           : type == CONFIG_TYPE_ARRAY ? "[]"
                                                       : "{}";
    lines = lines && config_setting_name(s) && type != CONFIG_TYPE_ARRAY;
    fcs_text_add(t, "%c%s", brackets[0], lines ? "\n" : " ");
    add_members(t, s, indent + 2, lines);
    fcs_text_add(t, "%*s%c", lines ? indent : 1, "", brackets[1]);
}

static void add_setting(fcs_text *t, const config_setting_t *s, int indent, bool lines)
{
    switch (config_setting_type(s)) {
    case CONFIG_TYPE_GROUP:
    case CONFIG_TYPE_LIST:
    case CONFIG_TYPE_ARRAY: add_aggregate(t, s, indent, lines); break;
    case CONFIG_TYPE_INT: fcs_text_add(t, "%d", config_setting_get_int(s)); break;
    case CONFIG_TYPE_INT64: fcs_text_add(t, "%lldL", config_setting_get_int64(s)); break;
    case CONFIG_TYPE_FLOAT: add_float(t, config_setting_get_float(s)); break;
    case CONFIG_TYPE_BOOL: fcs_text_add(t, config_setting_get_bool(s) ? "true" : "false"); break;
    default: add_string(t, config_setting_get_string(s)); break;
    }
}

static char *config_text(const config_t *config)
{
    fcs_text t = {0};
    add_members(&t, config_root_setting(config), 0, true);
    if (t.failed) {
        free(t.s);
        return NULL;
    }
    return t.s;
}

const char *fcs_recipe_text(fcs_recipe *r)
{
    if (!r->text)
        r->text = config_text(&r->config);
    return r->text ? r->text : "";
}

/* ---- making recipes ---- */
void fcs_recipe_free(fcs_recipe *r)
{
    if (!r)
        return;
    config_destroy(&r->config);
    free(r->name);
    free(r->text);
    free(r->origin);
    free(r);
}

/* A recipe comes from checkpoints too: it must not make the library open other files. */
static bool has_include(const char *text)
{
    for (const char *line = text; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
        if (strncmp(line + strspn(line, " \t"), "@include", 8) == 0)
            return true;
    return false;
}

static fcs_status set_name(fcs_recipe *r, fcs_error *e)
{
    free(r->name);
    r->name = fcs_strdup(e, fcs_recipe_word(r, "name"));
    return r->name ? FCS_OK : FCS_FAILED;
}

fcs_status fcs_recipe_from_text(fcs_context *ctx, const char *text, const char *origin,
                                fcs_recipe **out)
{
    fcs_error *e = &ctx->error;
    *out = NULL;
    fcs_recipe *r = fcs_alloc(e, sizeof *r);
    if (!r)
        return FCS_FAILED;
    r->ctx = ctx;
    config_init(&r->config);
    if (has_include(text))
        fcs_fail(e, FCS_FAILED, "%s: a recipe must not @include other files",
                 origin ? origin : "recipe");
    else if (config_read_string(&r->config, text) != CONFIG_TRUE)
        fcs_fail(e, FCS_FAILED, "%s:%d: %s (libconfig: key = value; groups in {}, lists in ())",
                 origin ? origin : "recipe", config_error_line(&r->config),
                 config_error_text(&r->config));
    else if (!origin || (r->origin = fcs_strdup(e, origin)))
        if (fcs_recipe_check(r, e) == FCS_OK && set_name(r, e) == FCS_OK) {
            *out = r;
            return FCS_OK;
        }
    fcs_recipe_free(r);
    return FCS_FAILED;
}

static fcs_status load_embedded(fcs_context *ctx, const char *name, fcs_recipe **out)
{
    const fcs_embedded *known = fcs_embedded_recipes;
    const char *names[64];
    int n = 0;
    for (; known->name && strcmp(known->name, name) != 0; known++)
        if (n < 64)
            names[n++] = known->name;
    if (!known->name) {
        const char *near = fcs_nearest(name, names, n);
        return fcs_fail(&ctx->error, FCS_FAILED,
                        "no recipe \"%.100s\"%s%s%s; facies list recipes names them, and a file "
                        "is given with a / or the ending .cfg",
                        name, near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    }
    fcs_text t = {0};
    for (const char *const *line = known->lines; *line; line++)
        fcs_text_add(&t, "%s\n", *line);
    fcs_status status = t.failed ? fcs_fail(&ctx->error, FCS_FAILED, "out of memory")
                                 : fcs_recipe_from_text(ctx, t.s ? t.s : "", name, out);
    free(t.s);
    return status;
}

fcs_status fcs_recipe_load(fcs_context *ctx, const char *name_or_path, fcs_recipe **out)
{
    fcs_error_clear(&ctx->error);
    *out = NULL;
    size_t n = strlen(name_or_path);
    if (!strchr(name_or_path, '/') && !(n > 4 && strcmp(name_or_path + n - 4, ".cfg") == 0))
        return load_embedded(ctx, name_or_path, out);
    enum { LIMIT = 1 << 20 };
    char *text = fcs_file_read(&ctx->error, name_or_path, LIMIT, &n);
    if (!text)
        return FCS_FAILED;
    fcs_status status = strlen(text) != n
                            ? fcs_fail(&ctx->error, FCS_FAILED,
                                       "%s: not a text file: it holds a zero byte", name_or_path)
                            : fcs_recipe_from_text(ctx, text, name_or_path, out);
    free(text);
    return status;
}

/* ---- values by path ---- */
double fcs_recipe_number(const fcs_recipe *r, const char *path)
{
    const config_setting_t *s = config_lookup(&r->config, path);
    switch (s ? config_setting_type(s) : CONFIG_TYPE_NONE) {
    case CONFIG_TYPE_INT: return config_setting_get_int(s);
    case CONFIG_TYPE_INT64: return (double)config_setting_get_int64(s);
    case CONFIG_TYPE_FLOAT: return config_setting_get_float(s);
    case CONFIG_TYPE_BOOL: return config_setting_get_bool(s);
    default: return NAN;
    }
}

const char *fcs_recipe_word(const fcs_recipe *r, const char *path)
{
    const config_setting_t *s = config_lookup(&r->config, path);
    return s && config_setting_type(s) == CONFIG_TYPE_STRING ? config_setting_get_string(s) : NULL;
}

/* ---- assignments ---- */
static const char *element_name(const config_setting_t *s)
{
    const config_setting_t *name =
        config_setting_type(s) == CONFIG_TYPE_GROUP ? config_setting_get_member(s, "name") : NULL;
    return config_setting_name(s) ? config_setting_name(s)
           : name                 ? config_setting_get_string(name)
                                  : NULL;
}

/* The member or element called word (n bytes): by name, list elements also by index. */
static config_setting_t *child(const config_setting_t *s, const char *word, size_t n)
{
    char text[FCS_WORD];
    int64_t index;
    if (n == 0 || n >= sizeof text || !config_setting_is_aggregate(s))
        return NULL;
    memcpy(text, word, n);
    text[n] = 0;
    for (int i = 0; i < config_setting_length(s); i++) {
        config_setting_t *c = config_setting_get_elem(s, (unsigned)i);
        if (element_name(c) && strcmp(element_name(c), text) == 0)
            return c;
    }
    if (config_setting_type(s) != CONFIG_TYPE_GROUP && fcs_parse_int64(text, &index) &&
        index >= 0 && index < config_setting_length(s))
        return config_setting_get_elem(s, (unsigned)index);
    return NULL;
}

static fcs_status unknown_path(fcs_error *e, const config_setting_t *s, const char *path,
                               size_t done, const char *word, size_t n)
{
    const char *names[128];
    char text[FCS_WORD];
    int count = 0;
    for (int i = 0; config_setting_is_aggregate(s) && i < config_setting_length(s) && count < 128;
         i++) {
        const char *name = element_name(config_setting_get_elem(s, (unsigned)i));
        if (name)
            names[count++] = name;
    }
    snprintf(text, sizeof text, "%.*s", (int)(n < sizeof text ? n : sizeof text - 1), word);
    const char *near = fcs_nearest(text, names, count);
    fcs_text known = {0};
    for (int i = 0; i < count && i < 20; i++)
        fcs_text_add(&known, "%s%s", i ? ", " : "", names[i]);
    fcs_status status =
        near ? fcs_fail(e, FCS_FAILED, "%.200s: no key \"%s\"; did you mean \"%.*s%s\"?", path,
                        text, (int)done, path, near)
             : fcs_fail(e, FCS_FAILED, "%.200s: no key \"%s\"; known there: %s", path, text,
                        known.s ? known.s : "none");
    free(known.s);
    return status;
}

static config_setting_t *find_path(fcs_error *e, const config_t *config, const char *path)
{
    config_setting_t *s = config_root_setting(config);
    const char *word = path;
    for (;;) {
        size_t n = strcspn(word, ".");
        config_setting_t *next = child(s, word, n);
        if (!next) {
            unknown_path(e, s, path, (size_t)(word - path), word, n);
            return NULL;
        }
        s = next;
        if (!word[n])
            return s;
        word += n + 1;
    }
}

/* The setting that takes a value of this type: s itself, or a new one of its name. */
static config_setting_t *retyped(config_setting_t *s, int type)
{
    if (config_setting_type(s) == type && config_setting_is_scalar(s))
        return s;
    config_setting_t *group = config_setting_parent(s);
    char name[FCS_WORD];
    snprintf(name, sizeof name, "%s", config_setting_name(s));
    return config_setting_remove(group, name) == CONFIG_TRUE ? config_setting_add(group, name, type)
                                                             : NULL;
}

static bool put_number(config_setting_t *s, const char *value)
{
    int64_t i;
    double v;
    if (fcs_parse_int64(value, &i) && i >= -2147483647 && i <= 2147483647)
        return (s = retyped(s, CONFIG_TYPE_INT)) && config_setting_set_int(s, (int)i);
    if (fcs_parse_int64(value, &i))
        return (s = retyped(s, CONFIG_TYPE_INT64)) && config_setting_set_int64(s, i);
    return fcs_parse_double(value, &v) && (s = retyped(s, CONFIG_TYPE_FLOAT)) &&
           config_setting_set_float(s, v);
}

/* "3,5": an array of integers. False if it is none. */
static bool put_list(config_setting_t *s, const char *value)
{
    int64_t list[3];
    int n = 0;
    for (const char *v = value; v; v = strchr(v, ',') ? strchr(v, ',') + 1 : NULL) {
        char word[24];
        snprintf(word, sizeof word, "%.*s", (int)(strcspn(v, ",") < 23 ? strcspn(v, ",") : 23), v);
        if (n == 3 || !fcs_parse_int64(word, &list[n]) || list[n] > 2147483647 ||
            list[n] < -2147483647)
            return false;
        n++;
    }
    s = retyped(s, CONFIG_TYPE_ARRAY);
    for (int i = 0; s && i < n; i++)
        if (!config_setting_set_int_elem(s, -1, (int)list[i]))
            return false;
    return s && n > 0;
}

static bool put_value(config_setting_t *s, const char *value)
{
    double v;
    bool yes = strcmp(value, "yes") == 0 || strcmp(value, "true") == 0;
    bool no = strcmp(value, "no") == 0 || strcmp(value, "false") == 0;
    if (config_setting_type(s) == CONFIG_TYPE_STRING)
        return config_setting_set_string(s, value) == CONFIG_TRUE;
    if (yes || no)
        return (s = retyped(s, CONFIG_TYPE_BOOL)) && config_setting_set_bool(s, yes) == CONFIG_TRUE;
    if (fcs_parse_double(value, &v))
        return put_number(s, value);
    if (strchr(value, ',') && put_list(s, value))
        return true;
    return (s = retyped(s, CONFIG_TYPE_STRING)) &&
           config_setting_set_string(s, value) == CONFIG_TRUE;
}

static bool has_param(const fcs_param *params, int n, const char *name)
{
    for (int i = 0; i < n; i++)
        if (strcmp(params[i].name, name) == 0)
            return true;
    return false;
}

/* A new type of layer or optimizer keeps the values that it also has and drops the others. */
static void drop_foreign(config_setting_t *group, const char *type)
{
    const fcs_layer *layer = fcs_layer_find(type);
    const fcs_optimizer *optimizer = fcs_optimizer_find(type);
    bool in_list = !config_setting_name(group);
    const fcs_param *params = in_list     ? (layer ? layer->params : NULL)
                              : optimizer ? optimizer->params
                                          : NULL;
    int n = in_list ? (layer ? layer->n_params : 0) : optimizer ? optimizer->n_params : 0;
    if (in_list ? !layer : !optimizer)
        return; /* the check says so */
    for (int i = config_setting_length(group) - 1; i >= 0; i--) {
        const char *name = config_setting_name(config_setting_get_elem(group, (unsigned)i));
        bool common = in_list ? has_param(fcs_layer_common, FCS_LAYER_COMMON, name)
                              : strcmp(name, "type") == 0;
        if (!common && !has_param(params, n, name))
            config_setting_remove_elem(group, (unsigned)i);
    }
}

static fcs_status assign(fcs_error *e, fcs_recipe *r, const char *path, const char *value)
{
    config_setting_t *s = find_path(e, &r->config, path);
    if (!s)
        return FCS_FAILED;
    if (config_setting_type(s) == CONFIG_TYPE_GROUP || !config_setting_name(s) ||
        strcmp(config_setting_name(s), "layers") == 0)
        return fcs_fail(e, FCS_FAILED,
                        "%.200s: holds several values; set one of them: %.200s.KEY=VALUE", path,
                        path);
    bool type = strcmp(config_setting_name(s), "type") == 0;
    config_setting_t *group = config_setting_parent(s);
    if (!put_value(s, value))
        return fcs_fail(e, FCS_FAILED, "out of memory");
    if (type)
        drop_foreign(group, value);
    return fcs_recipe_check(r, e);
}

/* What was there comes back when a value is refused. */
static void restore(fcs_recipe *r, const char *text)
{
    config_destroy(&r->config);
    config_init(&r->config);
    config_read_string(&r->config, text);
    fcs_recipe_check(r, &(fcs_error){0});
}

fcs_status fcs_recipe_set(fcs_recipe *r, const char *assignment)
{
    fcs_error *e = &r->ctx->error;
    fcs_error_clear(e);
    const char *equals = strchr(assignment, '=');
    if (!equals || equals == assignment)
        return fcs_fail(e, FCS_FAILED,
                        "\"%.200s\" is no assignment; it must read path.of.key=value", assignment);
    char *path = fcs_strdup(e, assignment), *before = config_text(&r->config), *origin = r->origin;
    fcs_status status = FCS_FAILED;
    if (path && before) {
        path[equals - assignment] = 0;
        r->origin = NULL; /* messages are about the assignment, not about a line of the file */
        status = assign(e, r, path, equals + 1);
        if (status != FCS_OK || (status = set_name(r, e)) != FCS_OK)
            restore(r, before);
        r->origin = origin;
    } else {
        fcs_fail(e, FCS_FAILED, "out of memory");
    }
    free(path);
    free(before);
    free(r->text);
    r->text = NULL;
    return status;
}
