/* registry.c: the table of ops, expanded from ops.def, and attributes as text. */
#include "ops/ops.h"

#include <stdlib.h>
#include <string.h>

#define FCS_OP(name) extern const fcs_op fcs_op_##name;
#include "ops/ops.def"

const fcs_op *const fcs_ops[] = {
#define FCS_OP(name) &fcs_op_##name,
#include "ops/ops.def"
};
const int fcs_n_ops = (int)(sizeof fcs_ops / sizeof *fcs_ops);

int fcs_op_index(const fcs_op *op)
{
    for (int i = 0; i < fcs_n_ops; i++)
        if (fcs_ops[i] == op)
            return i;
    return -1;
}

const fcs_op *fcs_op_find(fcs_error *e, const char *name)
{
    const char *names[sizeof fcs_ops / sizeof *fcs_ops];
    for (int i = 0; i < fcs_n_ops; i++) {
        names[i] = fcs_ops[i]->name;
        if (!strcmp(names[i], name))
            return fcs_ops[i];
    }
    const char *nearest = fcs_nearest(name, names, fcs_n_ops);
    fcs_fail(e, FCS_FAILED, "no op is called '%.64s'%s%s%s; 'facies list ops' prints them", name,
             nearest ? ", did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
    return NULL;
}

static void attrs_standard(const fcs_op *op, fcs_attrs *out)
{
    memset(out, 0, sizeof *out);
    for (int k = 0; k < op->n_attrs; k++) {
        const fcs_attr *t = &op->attrs[k];
        for (int j = 0; j < t->count; j++) {
            if (t->kind == 'i')
                out->i[t->at + j] = (int64_t)t->standard;
            else
                out->f[t->at + j] = t->standard;
        }
    }
}

static const fcs_attr *attr_find(fcs_error *e, const fcs_op *op, const char *name)
{
    const char *names[FCS_ATTR_INTS + FCS_ATTR_FLOATS];
    for (int k = 0; k < op->n_attrs; k++) {
        names[k] = op->attrs[k].name;
        if (!strcmp(names[k], name))
            return &op->attrs[k];
    }
    const char *nearest = op->n_attrs ? fcs_nearest(name, names, op->n_attrs) : NULL;
    fcs_fail(e, FCS_FAILED, "%s: no attribute is called '%.64s'%s%s%s", op->name, name,
             nearest       ? ", did you mean '"
             : op->n_attrs ? ""
                           : ", this op takes none",
             nearest ? nearest : "", nearest ? "'?" : "");
    return NULL;
}

/* One value of an attribute; the word is NUL-terminated. */
static fcs_status value_set(fcs_error *e, const fcs_op *op, const fcs_attr *t, const char *word,
                            int j, fcs_attrs *out)
{
    int64_t integer = 0;
    double value = 0;
    bool good = t->kind == 'i' ? fcs_parse_int64(word, &integer) : fcs_parse_double(word, &value);
    if (!good)
        return fcs_fail(e, FCS_FAILED, "%s: %s=%.64s is not %s", op->name, t->name, word,
                        t->kind == 'i' ? "an integer" : "a number");
    if (t->kind == 'i')
        value = (double)integer;
    if (!(value >= t->min && value <= t->max))
        return fcs_fail(e, FCS_FAILED, "%s: %s is %.9g, give a value from %.9g to %.9g", op->name,
                        t->name, value, t->min, t->max);
    if (t->kind == 'i')
        out->i[t->at + j] = integer;
    else
        out->f[t->at + j] = value;
    return FCS_OK;
}

/* "1,2,2": as many values as the attribute has, or one for all of them. Changes `list`. */
static fcs_status values_set(fcs_error *e, const fcs_op *op, const fcs_attr *t, char *list,
                             fcs_attrs *out)
{
    int n = 0;
    for (char *word = list; word; n++) {
        char *comma = strchr(word, ',');
        if (comma)
            *comma = '\0';
        if (n < t->count) {
            fcs_status status = value_set(e, op, t, word, n, out);
            if (status != FCS_OK)
                return status;
        }
        word = comma ? comma + 1 : NULL;
    }
    if (n != 1 && n != t->count)
        return fcs_fail(e, FCS_FAILED, "%s: %s has %d values, give 1 or %d", op->name, t->name, n,
                        t->count);
    for (int j = n; j < t->count; j++) {
        if (t->kind == 'i')
            out->i[t->at + j] = out->i[t->at];
        else
            out->f[t->at + j] = out->f[t->at];
    }
    return FCS_OK;
}

fcs_status fcs_attrs_parse(fcs_error *e, const fcs_op *op, const char *text, fcs_attrs *out)
{
    attrs_standard(op, out);
    char *copy = text ? fcs_strdup(e, text) : NULL, *save = NULL;
    if (text && !copy)
        return FCS_FAILED;
    fcs_status status = FCS_OK;
    for (char *w = copy ? strtok_r(copy, " \t\n", &save) : NULL; w && status == FCS_OK;
         w = strtok_r(NULL, " \t\n", &save)) {
        char *equals = strchr(w, '=');
        if (!equals) {
            status = fcs_fail(e, FCS_FAILED, "%s: '%.64s' is no attribute, write name=value",
                              op->name, w);
            break;
        }
        *equals = '\0';
        const fcs_attr *t = attr_find(e, op, w);
        status = t ? values_set(e, op, t, equals + 1, out) : FCS_FAILED;
    }
    free(copy);
    return status;
}

/* The shortest decimal form that reads back as the same number. */
static void add_number(fcs_text *out, double v)
{
    char text[32];
    for (int digits = 1; digits <= 17; digits++) {
        double back;
        snprintf(text, sizeof text, "%.*g", digits, v);
        for (char *p = text; *p; p++)
            if (*p == ',')
                *p = '.';
        if (fcs_parse_double(text, &back) && back >= v && back <= v)
            break;
    }
    fcs_text_add(out, "%s", text);
}

void fcs_attrs_text(const fcs_op *op, const fcs_attrs *a, fcs_text *out)
{
    const char *separator = "";
    for (int k = 0; k < op->n_attrs; k++) {
        const fcs_attr *t = &op->attrs[k];
        bool differs = false, same = true;
        for (int j = 0; j < t->count; j++) {
            double v = t->kind == 'i' ? (double)a->i[t->at + j] : a->f[t->at + j];
            double first = t->kind == 'i' ? (double)a->i[t->at] : a->f[t->at];
            differs = differs || v < t->standard || v > t->standard;
            same = same && v >= first && v <= first;
        }
        if (!differs)
            continue;
        fcs_text_add(out, "%s%s=", separator, t->name);
        for (int j = 0; j < (same ? 1 : t->count); j++) {
            if (j)
                fcs_text_add(out, ",");
            if (t->kind == 'i')
                fcs_text_add(out, "%lld", (long long)a->i[t->at + j]);
            else
                add_number(out, a->f[t->at + j]);
        }
        separator = " ";
    }
}
