/* log.c: log.csv: a header, then a row for each log_every steps: step, seconds, losses. */
#include "train/run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOG_LIMIT ((size_t)1 << 30)

static void header_text(const fcs_model *m, fcs_text *t)
{
    fcs_text_add(t, "step,seconds");
    for (int i = 0; i < m->n_losses; i++)
        fcs_text_add(t, ",%s", m->loss_names[i]);
    fcs_text_add(t, "\n");
}

/* A number with '.' whatever the program's locale. */
static void put_number(fcs_text *t, const char *format, double value)
{
    char text[64];
    snprintf(text, sizeof text, format, value);
    for (char *c = text; *c; c++)
        if (*c == ',')
            *c = '.';
    fcs_text_add(t, ",%s", text);
}

/* The number at s, up to a comma or the line's end; 0 where there is none. */
static double number_at(const char *s)
{
    char text[64];
    double value = 0;
    size_t n = strcspn(s, ",\n");
    if (n < sizeof text) {
        memcpy(text, s, n);
        text[n] = 0;
        fcs_parse_double(text, &value);
    }
    return value;
}

static fcs_status failed(fcs_run *run)
{
    return fcs_fail(&run->ctx->error, FCS_FAILED, "%s/log.csv: cannot be written: %s", run->folder,
                    strerror(errno));
}

/* Copies to `kept` the header and the whole rows up to the run's step; a row cut short by a kill is
 * dropped. */
static void keep_rows(fcs_run *run, const char *old, fcs_text *kept)
{
    const char *line = strchr(old, '\n');
    while (line && *++line) {
        const char *end = strchr(line, '\n');
        char *comma;
        long long step = strtoll(line, &comma, 10);
        if (!end || *comma != ',' || step > run->step)
            break;
        fcs_text_put(kept, line, (size_t)(end + 1 - line));
        run->seconds = number_at(comma + 1);
        line = end;
    }
}

fcs_status fcs_log_open(fcs_run *run)
{
    fcs_error *e = &run->ctx->error;
    char *path = fcs_run_path(run, "log.csv");
    fcs_text kept = {0};
    fcs_file file;
    if (!path)
        return FCS_FAILED;
    header_text(run->model, &kept);
    fcs_status s = FCS_OK;
    if (run->step > 0 && access(path, F_OK) == 0) {
        char *old = fcs_file_read(e, path, LOG_LIMIT, NULL);
        if (old)
            keep_rows(run, old, &kept);
        else
            s = FCS_FAILED;
        free(old);
    }
    if (!s && kept.failed)
        s = fcs_fail(e, FCS_FAILED, "%s: out of memory", path);
    if (!s)
        s = fcs_file_open(e, &file, path);
    if (!s && fwrite(kept.s, 1, kept.n, file.f) != kept.n) {
        s = failed(run);
        fcs_file_abort(&file);
    } else if (!s) {
        s = fcs_file_commit(e, &file);
    }
    if (!s && !(run->log = fopen(path, "ab")))
        s = failed(run);
    free(kept.s);
    free(path);
    return s;
}

fcs_status fcs_log_row(fcs_run *run, double seconds)
{
    fcs_text t = {0};
    fcs_text_add(&t, "%lld", (long long)run->step);
    put_number(&t, "%.3f", seconds);
    for (int i = 0; i < run->model->n_losses; i++)
        put_number(&t, "%.9g", run->model->losses[i]);
    fcs_text_add(&t, "\n");
    bool good = !t.failed && fwrite(t.s, 1, t.n, run->log) == t.n && fflush(run->log) == 0;
    free(t.s);
    return good ? FCS_OK : failed(run);
}

fcs_status fcs_log_flush(fcs_run *run)
{
    if (run->log && (fflush(run->log) || fsync(fileno(run->log))))
        return failed(run);
    return FCS_OK;
}

void fcs_log_close(fcs_run *run)
{
    if (run->log)
        fclose(run->log); /* every row was flushed and checked when it was written */
    run->log = NULL;
}

/* ---- reading it back, for the report ---- */

static int count_of(const char *s, const char *end, char c)
{
    int n = 0;
    for (; s < end; s++)
        n += *s == c;
    return n;
}

static fcs_status read_header(fcs_error *e, const char *text, const char *end, fcs_log_data *d)
{
    d->columns = count_of(text, end, ',') + 1;
    d->names = fcs_alloc_array(e, (size_t)d->columns, sizeof *d->names);
    for (int i = 0; d->names && i < d->columns; i++) {
        size_t n = strcspn(text, ",\n");
        d->names[i] = fcs_format(e, "%.*s", (int)n, text);
        if (!d->names[i])
            return FCS_FAILED;
        text += n + 1;
    }
    return d->names ? FCS_OK : FCS_FAILED;
}

fcs_status fcs_log_load(fcs_run *run, fcs_log_data *d)
{
    fcs_error *e = &run->ctx->error;
    size_t size = 0;
    memset(d, 0, sizeof *d);
    char *path = fcs_run_path(run, "log.csv"),
         *text = path ? fcs_file_read(e, path, LOG_LIMIT, &size) : NULL;
    const char *line = text ? strchr(text, '\n') : NULL;
    fcs_status s = text ? FCS_OK : FCS_FAILED;
    if (line && !(s = read_header(e, text, line, d))) {
        d->rows = count_of(line + 1, text + size, '\n');
        d->values = fcs_alloc_array(e, (size_t)d->rows * (size_t)d->columns + 1, sizeof *d->values);
        s = d->values ? FCS_OK : FCS_FAILED;
        for (int r = 0; !s && r < d->rows; r++) {
            const char *at = line + 1;
            for (int c = 0; c < d->columns; c++, at += strcspn(at, ",\n"), at += *at == ',')
                d->values[(size_t)c * (size_t)d->rows + (size_t)r] = number_at(at);
            line = strchr(line + 1, '\n');
        }
    }
    free(text);
    free(path);
    return s;
}

void fcs_log_data_free(fcs_log_data *d)
{
    for (int i = 0; d->names && i < d->columns; i++)
        free(d->names[i]);
    free(d->names);
    free(d->values);
}
