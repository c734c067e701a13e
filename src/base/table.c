/* table.c: rows of named columns, written as aligned text, CSV or JSON. */
#include "base/base.h"
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct cell {
    char kind;
    char *text;
    double number;
    int64_t integer;
} cell; /* kind: 0 empty, s, d, i */
struct fcs_table {
    char **names;
    int columns, rows;
    cell *cells;
    size_t capacity;
};

void fcs_table_free(fcs_table *t)
{
    if (!t)
        return;
    for (int i = 0; i < t->rows * t->columns; i++)
        free(t->cells[i].text);
    for (int i = 0; t->names && i < t->columns; i++)
        free(t->names[i]);
    free(t->names);
    free(t->cells);
    free(t);
}

fcs_table *fcs_table_new(fcs_error *e, const char *const *columns, int n)
{
    fcs_table *t = fcs_alloc(e, sizeof *t);
    if (!t)
        return NULL;
    t->columns = n;
    t->names = fcs_alloc_array(e, (size_t)n, sizeof *t->names);
    for (int i = 0; t->names && i < n; i++) {
        t->names[i] = fcs_strdup(e, columns[i]);
        if (!t->names[i])
            goto failed;
    }
    if (t->names)
        return t;
failed:
    fcs_table_free(t);
    return NULL;
}

fcs_status fcs_table_add(fcs_error *e, fcs_table *t, const char *kinds, ...)
{
    size_t at = (size_t)t->rows * (size_t)t->columns;
    if ((int)strlen(kinds) != t->columns)
        return fcs_fail(e, FCS_FAILED, "internal: a row of %zu cells in a table of %d",
                        strlen(kinds), t->columns);
    if (!fcs_grow(e, &t->cells, &t->capacity, at + (size_t)t->columns, sizeof *t->cells))
        return FCS_FAILED;
    memset(t->cells + at, 0, (size_t)t->columns * sizeof *t->cells);
    va_list list;
    va_start(list, kinds);
    bool failed = false;
    for (int i = 0; i < t->columns; i++) {
        cell *c = &t->cells[at + (size_t)i];
        c->kind = kinds[i];
        if (kinds[i] == 's') {
            const char *s = va_arg(list, const char *);
            if (!s)
                c->kind = 0;
            else if (!(c->text = fcs_strdup(e, s)))
                failed = true;
        } else if (kinds[i] == 'd') {
            c->number = va_arg(list, double);
        } else {
            c->integer = va_arg(list, int64_t);
            c->number = (double)c->integer;
        }
    }
    va_end(list);
    t->rows++;
    return failed ? FCS_FAILED : FCS_OK;
}

int fcs_table_rows(const fcs_table *t) { return t->rows; }
int fcs_table_columns(const fcs_table *t) { return t->columns; }

const char *fcs_table_name(const fcs_table *t, int column)
{
    return column >= 0 && column < t->columns ? t->names[column] : NULL;
}

static const cell *cell_at(const fcs_table *t, int row, int column)
{
    static const cell none;
    bool inside = row >= 0 && row < t->rows && column >= 0 && column < t->columns;
    return inside ? &t->cells[row * t->columns + column] : &none;
}

const char *fcs_table_text(const fcs_table *t, int row, int column)
{
    return cell_at(t, row, column)->text;
}

double fcs_table_number(const fcs_table *t, int row, int column)
{
    const cell *c = cell_at(t, row, column);
    return c->kind == 'd' || c->kind == 'i' ? c->number : (double)NAN;
}

/* The cell as people read it: four significant digits. Returns its width in characters, UTF-8
 * continuation bytes not counted. */
static int cell_text(const cell *c, const char *number_format, fcs_text *out)
{
    out->n = 0;
    fcs_text_put(out, "", 0);
    if (c->kind == 's')
        fcs_text_put(out, c->text, strlen(c->text));
    else if (c->kind == 'i')
        fcs_text_add(out, "%lld", (long long)c->integer);
    else if (c->kind == 'd' && !isnan(c->number))
        fcs_text_add(out, number_format, c->number);
    int width = 0;
    for (size_t i = 0; i < out->n; i++)
        width += ((unsigned char)out->s[i] & 0xC0) != 0x80;
    return width;
}

static bool column_is_text(const fcs_table *t, int column)
{
    for (int r = 0; r < t->rows; r++)
        if (cell_at(t, r, column)->kind == 's')
            return true;
    return false;
}

static bool column_is_empty(const fcs_table *t, int column)
{
    for (int r = 0; r < t->rows; r++)
        if (cell_at(t, r, column)->kind)
            return false;
    return t->rows > 0;
}

static void write_padded(FILE *f, const char *s, int width, int wanted, bool left, bool last)
{
    if (!left)
        fprintf(f, "%*s", wanted - width, "");
    fputs(s, f);
    if (left && !last)
        fprintf(f, "%*s", wanted - width, "");
    fputs(last ? "\n" : "  ", f);
}

static bool write_text(const fcs_table *t, FILE *f)
{
    int *widths = calloc((size_t)t->columns + 1, sizeof *widths), last = t->columns - 1;
    fcs_text s = {0};
    bool done = widths != NULL;
    while (last > 0 && column_is_empty(t, last))
        last--;
    for (int c = 0; done && c < t->columns; c++) {
        widths[c] = (int)strlen(t->names[c]);
        for (int r = 0; r < t->rows; r++) {
            int w = cell_text(cell_at(t, r, c), "%.4g", &s);
            widths[c] = w > widths[c] ? w : widths[c];
        }
    }
    for (int r = -1; done && r < t->rows; r++)
        for (int c = 0; c <= last; c++) {
            if (column_is_empty(t, c))
                continue;
            int w = r < 0 ? (int)strlen(t->names[c]) : cell_text(cell_at(t, r, c), "%.4g", &s);
            write_padded(f, r < 0 ? t->names[c] : s.s, w, widths[c], column_is_text(t, c),
                         c == last);
        }
    done = done && !s.failed;
    free(s.s);
    free(widths);
    return done;
}

static void write_csv_field(FILE *f, const char *s)
{
    if (!s[strcspn(s, ",\"\r\n")]) {
        fputs(s, f);
        return;
    }
    fputc('"', f);
    for (; *s; s++) {
        if (*s == '"')
            fputc('"', f);
        fputc(*s, f);
    }
    fputc('"', f);
}

static bool write_csv(const fcs_table *t, FILE *f)
{
    fcs_text s = {0};
    for (int r = -1; r < t->rows; r++)
        for (int c = 0; c < t->columns; c++) {
            if (r >= 0)
                cell_text(cell_at(t, r, c), "%.9g", &s);
            write_csv_field(f, r < 0 ? t->names[c] : s.s ? s.s : "");
            fputc(c == t->columns - 1 ? '\n' : ',', f);
        }
    bool done = !s.failed;
    free(s.s);
    return done;
}

static bool write_json(const fcs_table *t, FILE *f)
{
    json_t *rows = json_array();
    bool done = rows != NULL;
    for (int r = 0; done && r < t->rows; r++) {
        json_t *row = json_object();
        for (int c = 0; row && c < t->columns; c++) {
            const cell *x = cell_at(t, r, c);
            json_t *v = x->kind == 's'                          ? json_string(x->text)
                        : x->kind == 'i'                        ? json_integer(x->integer)
                        : x->kind == 'd' && isfinite(x->number) ? json_real(x->number)
                                                                : json_null();
            done = json_object_set_new(row, t->names[c], v) == 0 && done;
        }
        done = row && json_array_append_new(rows, row) == 0 && done;
    }
    done = done &&
           json_dumpf(rows, f, JSON_INDENT(1) | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(9)) == 0;
    json_decref(rows);
    return done && fputc('\n', f) != EOF;
}

int fcs_table_write(const fcs_table *t, fcs_table_format format, FILE *f)
{
    bool done = format == FCS_JSON  ? write_json(t, f)
                : format == FCS_CSV ? write_csv(t, f)
                                    : write_text(t, f);
    if (!done && !ferror(f))
        errno = ENOMEM;
    return done && !ferror(f) ? 0 : -1;
}
