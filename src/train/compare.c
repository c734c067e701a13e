/* compare.c: runs side by side: curves, samples, metrics, on one page and as a table. */
#include "train/run.h"
#include "report/report.h"
#include "train/folder.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { POINTS = 400, SHOWN = 8, DEFAULT_COUNT = 32, DEFAULT_CROPS = 64 };

typedef struct entry {
    const char *name; /* the folder as given */
    fcs_run *run;
    fcs_log_data log;
    char *images;        /* folder of images to measure, or NULL */
    fcs_table *measured; /* what evaluate says, of several runs; NULL where it could not */
    int from, to;        /* whose rows these are this run's */
    bool owns;           /* the table */
} entry;

static void entries_free(entry *list, int n)
{
    for (int i = 0; list && i < n; i++) {
        fcs_run_close(list[i].run);
        fcs_log_data_free(&list[i].log);
        if (list[i].owns)
            fcs_table_free(list[i].measured);
    }
    free(list);
}

static fcs_status open_entry(fcs_context *ctx, const char *folder, entry *it)
{
    it->name = folder;
    fcs_status status = fcs_run_open(ctx, folder, 0, &it->run);
    if (status == FCS_OK)
        status = fcs_log_load(it->run, &it->log);
    return status == FCS_OK ? fcs_run_find_data(it->run) : status;
}

/* ---- metrics ---- */

static fcs_status note_unmeasured(fcs_context *ctx, const entry *it)
{
    if (ctx->interrupted)
        return FCS_INTERRUPTED;
    fcs_note(ctx, "note: no metrics of %s: %s", it->name, ctx->error.message);
    return FCS_OK;
}

/* Images of the run in a folder of `top`. Runs of volumes are measured by facies evaluate. */
static fcs_status make_images(entry *it, int number, const fcs_compare_options *o, const char *top)
{
    fcs_context *ctx = it->run->ctx;
    const fcs_generate_options g = {.seed = o->seed, .count = o->count ? o->count : DEFAULT_COUNT};
    if (fcs_recipe_number(it->run->recipe, "data.depth") > 1) {
        fcs_note(ctx, "note: %s makes volumes: generate some and use facies evaluate", it->name);
        return FCS_OK;
    }
    /* messages name the folder */
    it->images = fcs_format(&ctx->error, "%s/%d-%s", top, number, fcs_file_name(it->name));
    char *path = it->images ? fcs_format(&ctx->error, "%s/image.png", it->images) : NULL;
    fcs_status status = path ? FCS_OK : FCS_FAILED;
    if (status == FCS_OK && mkdir(it->images, 0700))
        status = fcs_fail(&ctx->error, FCS_FAILED, "%s: cannot be made: %s", it->images,
                          strerror(errno));
    if (status == FCS_OK)
        status = fcs_generate(it->run, &g, path);
    free(path);
    return status;
}

static void remove_images(entry *it, const fcs_compare_options *o)
{
    int count = o->count ? o->count : DEFAULT_COUNT;
    for (int i = 0; it->images && i < count; i++) {
        char *file = fcs_format(NULL, "%s/image-%04d.png", it->images, i);
        if (file)
            unlink(file);
        free(file);
    }
    if (it->images)
        rmdir(it->images);
    free(it->images);
    it->images = NULL;
}

static bool same_number(const entry *a, const entry *b, const char *key)
{
    return fcs_recipe_number(a->run->recipe, key) == fcs_recipe_number(b->run->recipe, key);
}

/* Both learned from crops of one size of the same pictures. */
static bool same_data(const entry *a, const entry *b)
{
    return !strcmp(a->run->data_path, b->run->data_path) && same_number(a, b, "data.size");
}

/* Both are compared with the same real images, cut and scaled alike. */
static bool alike(const entry *a, const entry *b)
{
    return same_data(a, b) && same_number(a, b, "data.tile") && same_number(a, b, "data.stride") &&
           !strcmp(fcs_recipe_word(a->run->recipe, "data.resize"),
                   fcs_recipe_word(b->run->recipe, "data.resize"));
}

/* The rows of the table that are of this run's folder. */
static void take_rows(entry *it, fcs_table *t)
{
    it->measured = t;
    while (it->from < fcs_table_rows(t) && strcmp(fcs_table_text(t, it->from, 0), it->images))
        it->from++;
    for (it->to = it->from;
         it->to < fcs_table_rows(t) && !strcmp(fcs_table_text(t, it->to, 0), it->images);)
        it->to++;
}

/* Run `first` and those after it that are compared with the same real images, which are looked at
 * once for all of them. */
static fcs_status measure_like(entry *list, int n, int first, const fcs_compare_options *o)
{
    fcs_context *ctx = list[first].run->ctx;
    fcs_evaluate_options evaluate = {.metrics = o->metrics,
                                     .crops = o->crops ? o->crops : DEFAULT_CROPS,
                                     .seed = o->seed,
                                     .features = o->features};
    fcs_run_fitting(list[first].run, &evaluate);
    const char **folders = fcs_alloc_array(&ctx->error, (size_t)n, sizeof *folders);
    int *of = fcs_alloc_array(&ctx->error, (size_t)n, sizeof *of), members = 0;
    fcs_status status = folders && of ? FCS_OK : FCS_FAILED;
    for (int i = first; i < n && status == FCS_OK; i++)
        if (list[i].images && !list[i].measured && alike(&list[first], &list[i])) {
            of[members] = i;
            folders[members++] = list[i].images;
        }
    fcs_table *t = NULL;
    if (status == FCS_OK &&
        fcs_evaluate(ctx, list[first].run->data_path, folders, members, &evaluate, &t) == FCS_OK) {
        list[first].owns = true;
        for (int i = 0; i < members; i++)
            take_rows(&list[of[i]], t);
    } else {
        for (int i = 0; i < members && status == FCS_OK; i++) {
            status = note_unmeasured(ctx, &list[of[i]]);
            remove_images(&list[of[i]], o);
        }
    }
    free(folders);
    free(of);
    return status;
}

/* A run that cannot be measured is said to be so. */
static fcs_status measure_all(fcs_context *ctx, entry *list, int n, const fcs_compare_options *o)
{
    const char *place = getenv("TMPDIR");
    char *top = fcs_format(&ctx->error, "%s/facies-XXXXXX", place && place[0] ? place : "/tmp");
    if (!top)
        return FCS_FAILED;
    fcs_status status =
        mkdtemp(top) ? FCS_OK
                     : fcs_fail(&ctx->error, FCS_FAILED,
                                "%s: no folder can be made here for the images to measure: set "
                                "TMPDIR to another place",
                                top);
    bool made = status == FCS_OK;
    for (int i = 0; i < n && status == FCS_OK; i++)
        if (make_images(&list[i], i, o, top) != FCS_OK) {
            status = note_unmeasured(ctx, &list[i]);
            remove_images(&list[i], o);
        }
    for (int i = 0; i < n && status == FCS_OK; i++)
        if (list[i].images && !list[i].measured)
            status = measure_like(list, n, i, o);
    for (int i = 0; i < n; i++)
        remove_images(&list[i], o);
    if (made)
        rmdir(top);
    free(top);
    if (status == FCS_OK)
        fcs_error_clear(&ctx->error);
    return status;
}

/* ---- the table ---- */

static int column_of(const fcs_table *t, const char *name)
{
    int c = 0;
    while (strcmp(fcs_table_name(t, c), name))
        c++; /* evaluate's columns are all there */
    return c;
}

static const char *text_at(const fcs_table *t, int row, const char *name)
{
    return fcs_table_text(t, row, column_of(t, name));
}

static double number_at(const fcs_table *t, int row, const char *name)
{
    return fcs_table_number(t, row, column_of(t, name));
}

static double seconds_of(const entry *it)
{
    return it->log.rows ? it->log.values[(size_t)it->log.rows * 2 - 1] : (double)NAN;
}

static fcs_status make_table(fcs_error *e, const entry *list, int n, fcs_table **out)
{
    static const char *const columns[] = {"run",    "recipe",  "steps", "train_seconds",
                                          "metric", "variant", "phase", "axis",
                                          "at",     "value",   "real",  "floor"};
    fcs_table *t = fcs_table_new(e, columns, (int)(sizeof columns / sizeof *columns));
    fcs_status status = t ? FCS_OK : FCS_FAILED;
    for (int i = 0; i < n && status == FCS_OK; i++) {
        const fcs_table *m = list[i].measured;
        const char *recipe = fcs_recipe_word(list[i].run->recipe, "name");
        for (int r = list[i].from; r < (m ? list[i].to : 1) && status == FCS_OK; r++)
            status = fcs_table_add(
                e, t, "ssidsssssddd", list[i].name, recipe, list[i].run->step, seconds_of(&list[i]),
                m ? text_at(m, r, "metric") : NULL, m ? text_at(m, r, "variant") : NULL,
                m ? text_at(m, r, "phase") : NULL, m ? text_at(m, r, "axis") : NULL,
                m ? text_at(m, r, "at") : NULL, m ? number_at(m, r, "value") : (double)NAN,
                m ? number_at(m, r, "real") : (double)NAN,
                m ? number_at(m, r, "floor") : (double)NAN);
    }
    if (status == FCS_OK)
        *out = t;
    else
        fcs_table_free(t);
    return status;
}

/* ---- the page ---- */

/* What tells a metric's row from the others. */
static void key_of(const fcs_table *t, int row, char key[200])
{
    static const char *const parts[] = {"metric", "variant", "phase", "axis", "at", "across"};
    int n = 0;
    key[0] = 0;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        const char *word = text_at(t, row, parts[i]);
        if (word && word[0] && n < 150)
            n += snprintf(key + n, 200 - (size_t)n, "%s%s%.45s", n ? ", " : "",
                          !strcmp(parts[i], "phase")    ? "phase "
                          : !strcmp(parts[i], "axis")   ? "along "
                          : !strcmp(parts[i], "across") ? "across "
                                                        : "",
                          word);
    }
}

static int row_of(const entry *it, const char *key)
{
    char other[200];
    for (int r = it->from; r < it->to; r++) {
        key_of(it->measured, r, other);
        if (!strcmp(key, other))
            return r;
    }
    return -1;
}

static void add_number(fcs_text *t, double v)
{
    if (isnan(v))
        fcs_text_add(t, "<td class=\"n\">\xe2\x80\x93</td>"); /* a dash */
    else
        fcs_text_add(t, "<td class=\"n\">%.4g</td>", v);
}

/* Rows: the metrics of the first run that has some; columns: real and each run. */
static fcs_status add_metrics(fcs_error *e, fcs_page *page, const entry *list, int n)
{
    int first = 0;
    while (first < n && !list[first].measured)
        first++;
    if (first == n)
        return FCS_OK;
    fcs_page_heading(page, "Metrics");
    fcs_page_paragraph(page,
                       "Generated images of each run against its training data. Real: what the "
                       "data itself scores (of the first run). facies list metrics has the "
                       "definitions.");
    fcs_text *t = &page->html;
    fcs_text_add(t,
                 "<div class=\"wide\"><table><thead><tr><th>metric</th><th class=\"n\">real</th>");
    for (int i = 0; i < n; i++) {
        fcs_text_add(t, "<th class=\"n\">");
        fcs_page_escape(t, list[i].name);
        fcs_text_add(t, "</th>");
    }
    fcs_text_add(t, "</tr></thead><tbody>\n");
    for (int r = list[first].from; r < list[first].to; r++) {
        char key[200];
        const char *at = text_at(list[first].measured, r, "at");
        if (at && strstr(at, "lag ") == at)
            continue;
        key_of(list[first].measured, r, key);
        fcs_text_add(t, "<tr><td>");
        fcs_page_escape(t, key);
        fcs_text_add(t, "</td>");
        add_number(t, number_at(list[first].measured, r, "real"));
        for (int i = 0; i < n; i++) {
            int row = row_of(&list[i], key);
            if (row < 0)
                fcs_text_add(t, "<td></td>");
            else
                add_number(t, number_at(list[i].measured, row, "value"));
        }
        fcs_text_add(t, "</tr>\n");
    }
    fcs_text_add(t, "</tbody></table></div>\n");
    return t->failed ? fcs_fail(e, FCS_FAILED, "compare: out of memory") : FCS_OK;
}

/* A row of real crops, or of images of the run, with its title. */
static fcs_status add_images(fcs_run *run, fcs_page *page, bool real, const char *title)
{
    fcs_page_subheading(page, title);
    fcs_page_row_begin(page);
    fcs_status status = FCS_OK;
    for (int i = 0; i < SHOWN && status == FCS_OK; i++) {
        const fcs_generate_options o = {.seed = 1, .first = i};
        fcs_image *image = NULL;
        status = real ? fcs_run_crop(run, (uint64_t)i, false, &image)
                      : fcs_generate_image(run, &o, &image);
        if (status == FCS_OK && (image->channels == 1 || image->channels == 3))
            status = fcs_page_image(&run->ctx->error, page, image, image->depth / 2, 112, NULL);
        fcs_image_free(image);
    }
    fcs_page_row_end(page);
    return status;
}

/* Crops of what the run was trained on, unless they are on the page already. */
static fcs_status add_real(const entry *list, int i, fcs_page *page)
{
    fcs_run *run = list[i].run;
    char data[280], title[300];
    for (int k = 0; k < i; k++)
        if (same_data(&list[k], &list[i]))
            return FCS_OK;
    if (fcs_run_open_data(run) != FCS_OK) {
        fcs_note(run->ctx, "note: nothing real beside %s: %s", list[i].name,
                 run->ctx->error.message);
        fcs_error_clear(&run->ctx->error);
        return FCS_OK;
    }
    fcs_run_data_name(run, data, sizeof data);
    snprintf(title, sizeof title, "Real: %s", data);
    return add_images(run, page, true, title);
}

/* Means of neighbouring rows of a column: the curve and its x. */
static int thin(const fcs_log_data *log, int column, double *x, double *y)
{
    int points = log->rows < POINTS ? log->rows : POINTS;
    for (int i = 0; i < points; i++) {
        int from = (int)((int64_t)i * log->rows / points);
        int to = (int)((int64_t)(i + 1) * log->rows / points);
        double sum = 0;
        for (int k = from; k < to; k++)
            sum += log->values[(size_t)column * (size_t)log->rows + (size_t)k];
        x[i] = log->values[to - 1];
        y[i] = sum / (to - from);
    }
    return points;
}

static int log_column(const fcs_log_data *log, const char *name)
{
    for (int c = 2; c < log->columns; c++)
        if (!strcmp(log->names[c], name))
            return c;
    return -1;
}

/* One plot of the column `name`: a line for each run that has it. */
static fcs_status add_curve(fcs_error *e, fcs_page *page, const entry *list, int n,
                            const char *name)
{
    fcs_series *series = fcs_alloc_array(e, (size_t)n, sizeof *series);
    double *buffer = fcs_alloc_array(e, (size_t)n * 2 * POINTS, sizeof *buffer);
    int lines = 0;
    if (series && buffer) {
        for (int i = 0; i < n; i++) {
            int column = log_column(&list[i].log, name);
            double *x = buffer + (size_t)i * 2 * POINTS, *y = x + POINTS;
            if (column >= 0 && list[i].log.rows > 1)
                series[lines++] = (fcs_series){
                    .label = list[i].name, .x = x, .y = y, .n = thin(&list[i].log, column, x, y)};
        }
        const fcs_plot plot = {.title = name, .x_label = "step", .series = series, .n = lines};
        if (lines)
            fcs_page_plot(page, &plot);
    }
    bool good = series && buffer;
    free(series);
    free(buffer);
    return good ? FCS_OK : FCS_FAILED;
}

static fcs_status add_curves(fcs_error *e, fcs_page *page, const entry *list, int n)
{
    fcs_status status = FCS_OK;
    fcs_page_heading(page, "Curves");
    fcs_page_row_begin(page);
    for (int i = 0; i < n; i++)
        for (int c = 2; c < list[i].log.columns && status == FCS_OK; c++) {
            bool shown = false; /* with a run before this one */
            for (int k = 0; k < i; k++)
                shown = shown || log_column(&list[k].log, list[i].log.names[c]) >= 0;
            if (!shown)
                status = add_curve(e, page, list, n, list[i].log.names[c]);
        }
    fcs_page_row_end(page);
    return status;
}

static fcs_status add_runs(fcs_error *e, fcs_page *page, const entry *list, int n)
{
    static const char *const columns[] = {"run",   "recipe", "what it is", "steps",
                                          "batch", "time_s", "data"};
    fcs_table *t = fcs_table_new(e, columns, 7);
    fcs_status status = t ? FCS_OK : FCS_FAILED;
    for (int i = 0; i < n && status == FCS_OK; i++) {
        const fcs_recipe *r = list[i].run->recipe;
        char data[280];
        fcs_run_data_name(list[i].run, data, sizeof data);
        status = fcs_table_add(e, t, "sssidds", list[i].name, fcs_recipe_word(r, "name"),
                               fcs_recipe_word(r, "title"), list[i].run->step,
                               fcs_recipe_number(r, "train.batch"), seconds_of(&list[i]), data);
    }
    if (status == FCS_OK)
        fcs_page_table(page, t, NULL);
    fcs_table_free(t);
    return status;
}

static fcs_status write_page(fcs_context *ctx, entry *list, int n, const char *path)
{
    fcs_page page;
    char title[60];
    snprintf(title, sizeof title, "%d runs side by side", n);
    fcs_page_begin(&page, title, NULL);
    fcs_status status = add_runs(&ctx->error, &page, list, n);
    fcs_page_heading(&page, "Samples: the same seed for all");
    for (int i = 0; i < n && status == FCS_OK; i++)
        status = add_real(list, i, &page);
    for (int i = 0; i < n && status == FCS_OK; i++)
        status = add_images(list[i].run, &page, false, list[i].name);
    if (status == FCS_OK)
        status = add_metrics(&ctx->error, &page, list, n);
    if (status == FCS_OK)
        status = add_curves(&ctx->error, &page, list, n);
    if (status == FCS_OK && n)
        fcs_page_heading(&page, "Recipes");
    for (int i = 0; i < n && status == FCS_OK; i++)
        fcs_page_fold(&page, list[i].name, fcs_recipe_text(list[i].run->recipe), false);
    if (status == FCS_OK)
        return fcs_page_end(&ctx->error, &page, path);
    fcs_page_abort(&page);
    return status;
}

fcs_status fcs_compare(fcs_context *ctx, const char *const *runs, int n,
                       const fcs_compare_options *options, fcs_table **out)
{
    static const fcs_compare_options defaults;
    const fcs_compare_options *o = options ? options : &defaults;
    *out = NULL;
    fcs_error_clear(&ctx->error);
    if (n < 1 || (o->count && o->count < 2))
        return fcs_fail(&ctx->error, FCS_FAILED,
                        "compare: %d runs, %d images of each: one run and two images at least", n,
                        o->count);
    entry *list = fcs_alloc_array(&ctx->error, (size_t)n + 1, sizeof *list);
    fcs_status status = list ? FCS_OK : FCS_FAILED;
    for (int i = 0; i < n && status == FCS_OK; i++)
        status = open_entry(ctx, runs[i], &list[i]);
    if (status == FCS_OK)
        status = measure_all(ctx, list, n, o);
    if (status == FCS_OK && o->html)
        status = write_page(ctx, list, n, o->html);
    if (status == FCS_OK)
        status = make_table(&ctx->error, list, n, out);
    entries_free(list, n);
    return status;
}
