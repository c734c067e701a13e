/* report.c: report.html: one page, without other files, that shows what a run has learned. */
#include "train/run.h"
#include "train/folder.h"
#include "cpu/cpu.h"
#include "report/report.h"

#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

enum {
    GROUP = 4,
    HISTORY = 8,
    EVALUATED = 8,
    EVALUATION_CROPS = 30,
    POINTS = 400,
    SWEPT = 16,
    TILES = 256,
    REPORT_SEED = 2
};

/* Steps in an epoch, each image once; 0: crops lie anywhere in larger images. */
static double epoch_steps(const fcs_run *run)
{
    const fcs_recipe *r = run->recipe;
    return (double)fcs_dataset_epoch(run->data) / fcs_recipe_number(r, "train.batch") /
           fcs_recipe_number(r, "train.critic_steps");
}

/* ---- figures at the head ---- */

static void time_text(double seconds, char text[32])
{
    if (seconds < 120)
        snprintf(text, 32, "%.0f s", seconds);
    else if (seconds < 7200)
        snprintf(text, 32, "%.0f min", seconds / 60);
    else
        snprintf(text, 32, "%.1f h", seconds / 3600);
}

static int64_t parameter_count(const fcs_model *m, const char *net)
{
    int64_t n = 0;
    for (size_t i = 0; i < m->n_tensors; i++) {
        const fcs_tensor *t = m->tensors[i].tensor;
        if (m->tensors[i].parameter && !strncmp(t->name, net, strlen(net)) &&
            !strstr(t->name, ".average."))
            n += fcs_shape_count(t->shape);
    }
    return n;
}

static void add_figures(fcs_run *run, fcs_page *page, const fcs_log_data *log)
{
    char steps[64], time[32], rate[32], size[32], parameters[64], machine[128];
    static const char *const labels[] = {"steps", "training time",        "per step",
                                         "crops", "generator parameters", "machine"};
    const char *const values[] = {steps, time, rate, size, parameters, machine};
    double seconds = log->rows > 0 ? log->values[(size_t)log->rows * 2 - 1] : 0;
    long long side = (long long)fcs_recipe_number(run->recipe, "data.size");
    struct utsname u;
    if (epoch_steps(run) > 0)
        snprintf(steps, sizeof steps, "%lld (%.3g epochs)", (long long)run->step,
                 (double)run->step / epoch_steps(run));
    else
        snprintf(steps, sizeof steps, "%lld", (long long)run->step);
    time_text(seconds, time);
    snprintf(rate, sizeof rate, "%.3g s", run->step > 0 ? seconds / (double)run->step : 0);
    snprintf(size, sizeof size, "%.0f \xc3\x97 %lld\xc2\xb2",
             fcs_recipe_number(run->recipe, "train.batch"), side);
    snprintf(parameters, sizeof parameters, "%lld",
             (long long)parameter_count(run->model, "generator."));
    snprintf(machine, sizeof machine, "%.40s, %s, %d thread%s", uname(&u) >= 0 ? u.machine : "?",
             run->ctx->isa->name, fcs_team_size(run->ctx->team),
             fcs_team_size(run->ctx->team) == 1 ? "" : "s");
    fcs_page_figures(page, 6, labels, values);
}

/* ---- curves ---- */

/* At most POINTS means of neighbouring rows. */
static int thin(const double *values, int n, double *out)
{
    int points = n < POINTS ? n : POINTS;
    for (int i = 0; i < points; i++) {
        int from = (int)((int64_t)i * n / points), to = (int)((int64_t)(i + 1) * n / points);
        double sum = 0;
        for (int k = from; k < to; k++)
            sum += values[k];
        out[i] = sum / (to - from);
    }
    return points;
}

/* A mean over a twentieth of the run, to either side. */
static void smooth(const double *y, int n, double *out)
{
    int half = n / 40;
    for (int i = 0; i < n; i++) {
        int from = i - half < 0 ? 0 : i - half, to = i + half >= n ? n - 1 : i + half;
        double sum = 0;
        for (int k = from; k <= to; k++)
            sum += y[k];
        out[i] = sum / (to - from + 1);
    }
}

/* The reconstruction loss of a VAE/GAN is shown by iteration, as its paper does. */
static double unit_of(const fcs_run *run, const char *name)
{
    bool both = run->model->scheme->encoder && fcs_recipe_has(run->recipe, "discriminator");
    return both && strcmp(name, "reconstruction") == 0 ? 0 : epoch_steps(run);
}

/* Columns in one plot: faint as logged, strong smoothed, over epochs where there are such. */
static fcs_status add_plot(fcs_run *run, fcs_page *page, const fcs_log_data *log,
                           const int *columns, int n, const char *title)
{
    static const char *const colours[] = {FCS_COLOUR_REAL, FCS_COLOUR_MEAN, FCS_COLOUR_SAMPLE,
                                          FCS_COLOUR_MUTED};
    fcs_series series[2 * GROUP] = {{0}};
    fcs_error *e = &run->ctx->error;
    double *buffer = fcs_alloc_array(e, (size_t)(2 * n + 1) * POINTS, sizeof *buffer), *x = buffer;
    if (!buffer)
        return FCS_FAILED;
    int points = thin(log->values, log->rows, x);
    double steps = unit_of(run, log->names[columns[0]]);
    for (int i = 0; steps > 0 && i < points; i++)
        x[i] /= steps;
    for (int i = 0; i < n; i++) {
        double *y = buffer + (size_t)(2 * i + 1) * POINTS, *mean = y + POINTS;
        thin(log->values + (size_t)columns[i] * (size_t)log->rows, log->rows, y);
        smooth(y, points, mean);
        series[i] = (fcs_series){
            .colour = colours[i % 4], .x = x, .y = y, .n = points, .width = 1, .opacity = 0.3};
        series[n + i] = (fcs_series){.label = log->names[columns[i]],
                                     .colour = colours[i % 4],
                                     .x = x,
                                     .y = mean,
                                     .n = points,
                                     .width = 2};
    }
    const fcs_plot plot = {.title = title,
                           .x_label = steps > 0 ? "epoch" : "step",
                           .series = series,
                           .n = 2 * n,
                           .width = 440,
                           .height = 280};
    fcs_page_plot(page, &plot);
    free(buffer);
    return FCS_OK;
}

/* Logged numbers that belong into one plot; others have one each, under their name. */
static const struct {
    const char *title, *names[GROUP + 1];
} groups[] = {
    {"losses", {"discriminator", "generator", "encoder"}},
    {"mean scores of the discriminator", {"real_score", "fake_score"}},
    {"difference from the wanted share, by phase", {"density_"}}, /* _: with what follows it */
};

static bool names_it(const char *pattern, const char *name)
{
    size_t n = strlen(pattern);
    return pattern[n - 1] == '_' ? !strncmp(pattern, name, n) : !strcmp(pattern, name);
}

/* The group of a logged number, -1: none. */
static int group_of(const char *name)
{
    for (size_t g = 0; g < sizeof groups / sizeof groups[0]; g++)
        for (int i = 0; groups[g].names[i]; i++)
            if (names_it(groups[g].names[i], name))
                return (int)g;
    return -1;
}

static fcs_status add_curves(fcs_run *run, fcs_page *page, const fcs_log_data *log)
{
    bool drawn[sizeof groups / sizeof groups[0]] = {false};
    fcs_status s = FCS_OK;
    if (log->rows < 2)
        return FCS_OK;
    fcs_page_heading(page, "Curves");
    fcs_page_row_begin(page);
    for (int c = 2; !s && c < log->columns; c++) {
        int of[GROUP] = {c}, n = 1, group = group_of(log->names[c]);
        if (group >= 0 && drawn[group])
            continue;
        for (int other = c + 1; group >= 0 && other < log->columns && n < GROUP; other++)
            if (group_of(log->names[other]) == group)
                of[n++] = other;
        if (group >= 0)
            drawn[group] = true;
        s = add_plot(run, page, log, of, n, group >= 0 ? groups[group].title : log->names[c]);
    }
    fcs_page_row_end(page);
    return s;
}

/* ---- pictures ---- */

/* Values C D H W of the training size as an image in [0,1]; the middle page of a volume. */
static fcs_status page_of(fcs_run *run, const float *values, fcs_image **out)
{
    const fcs_recipe *r = run->recipe;
    int64_t side = (int64_t)fcs_recipe_number(r, "data.size"),
            depth = (int64_t)fcs_recipe_number(r, "data.depth");
    double low = fcs_recipe_number(r, "data.low"), high = fcs_recipe_number(r, "data.high");
    int64_t plane = side * side, volume = depth * plane;
    bool phases = fcs_dataset_phases(run->data) != NULL;
    int channels = run->model->channels;
    fcs_status s =
        fcs_image_new(run->ctx, side, side, 1, channels == 3 && !phases ? 3 : 1, FCS_F32, out);
    float *to = s ? NULL : (*out)->data;
    for (int64_t p = 0; !s && p < plane && phases; p++, to++)
        for (int c = 1; c < channels; c++)
            *to += values[c * volume + p] * (float)c / (float)(channels - 1);
    for (int64_t p = 0; !s && p < plane && !phases; p++)
        for (int c = 0; c < (*out)->channels; c++)
            *to++ =
                (float)(((double)values[c * volume + depth / 2 * plane + p] - low) / (high - low));
    return s;
}

fcs_status fcs_run_crop(fcs_run *run, uint64_t index, bool rebuilt, fcs_image **out)
{
    fcs_model *m = run->model;
    fcs_error *e = &run->ctx->error;
    int64_t side = (int64_t)fcs_recipe_number(run->recipe, "data.size"),
            depth = (int64_t)fcs_recipe_number(run->recipe, "data.depth");
    int64_t numbers = rebuilt ? fcs_model_latent_count(m) : 1;
    float *values = fcs_alloc_array(e, (size_t)(m->channels * depth * side * side), sizeof *values);
    float *latent = fcs_alloc_array(e, (size_t)numbers, sizeof *latent);
    fcs_status s = values && latent ? FCS_OK : FCS_FAILED;
    if (!s)
        fcs_dataset_crop(fcs_dataset_part(run->data, (int)(index % 3)), REPORT_SEED,
                         fcs_random_stream("report"), index, values);
    if (!s && rebuilt)
        s = fcs_model_encode(m, values, 1, latent, NULL, e);
    if (!s && rebuilt)
        s = fcs_model_decode(m, latent, 1, values, e);
    if (!s)
        s = page_of(run, values, out);
    free(values);
    free(latent);
    return s;
}

/* A volume cut open, and its layers and slices. */
static fcs_status add_volume(fcs_run *run, fcs_page *page, const fcs_image *volume)
{
    const fcs_render_options o = {.width = 480, .cut = 0.4}, wide = {.width = 960};
    fcs_image *view = NULL, *layers = NULL;
    fcs_status s = fcs_render(run->ctx, volume, &o, &view);
    if (!s)
        s = fcs_render_layers(run->ctx, volume, &wide, &layers);
    if (!s) {
        fcs_page_heading(page, "A generated volume");
        fcs_page_row_begin(page);
        s = fcs_page_image(&run->ctx->error, page, view, 0, 0, "cut open");
        if (!s)
            s = fcs_page_image(&run->ctx->error, page, layers, 0, 0,
                               "successive layers; middle slices");
        fcs_page_row_end(page);
    }
    fcs_image_free(view);
    fcs_image_free(layers);
    return s;
}

static fcs_status add_pairs(fcs_run *run, fcs_page *page)
{
    fcs_error *e = &run->ctx->error;
    int64_t side = (int64_t)fcs_recipe_number(run->recipe, "data.size");
    int width =
        side > 220 ? 220 : 220 / (int)side * (int)side; /* whole pixels where they are few */
    fcs_image *volume = NULL;
    fcs_status s = fcs_run_calibrate(run);
    for (int kind = 0; kind < 3; kind++) {
        static const char *const titles[] = {"Real crops", "Reconstructed by encoder and generator",
                                             "Generated"};
        if (kind == 1 && !run->model->scheme->encoder)
            continue;
        fcs_page_heading(page, titles[kind]);
        fcs_page_row_begin(page);
        for (int i = 0; !s && i < 4; i++) {
            const fcs_generate_options o = {.seed = REPORT_SEED, .first = i};
            fcs_image *image = NULL;
            s = kind == 2 ? fcs_generate_image(run, &o, &image)
                          : fcs_run_crop(run, (uint64_t)i, kind == 1, &image);
            if (!s && (image->channels == 1 || image->channels == 3))
                s = fcs_page_image(e, page, image, image->depth / 2, width, NULL);
            if (!s && kind == 2 && !volume && image->depth > 1) {
                volume = image;
                image = NULL;
            }
            fcs_image_free(image);
        }
        fcs_page_row_end(page);
    }
    if (!s && volume && (volume->channels == 1 || volume->channels == 3))
        s = add_volume(run, page, volume);
    fcs_image_free(volume);
    return s;
}

/* What the latent does, from a few crops of the data on. */
static fcs_status add_sweep(fcs_run *run, fcs_page *page)
{
    fcs_model *m = run->model;
    fcs_error *e = &run->ctx->error;
    int64_t values = m->channels * m->size[0] * m->size[1] * m->size[2];
    float *crops = fcs_alloc_array(e, (size_t)(SWEPT * values), sizeof *crops);
    fcs_image *grid = NULL;
    fcs_status s = crops ? FCS_OK : FCS_FAILED;
    for (uint64_t i = 0; !s && i < SWEPT && m->scheme->encoder; i++)
        fcs_dataset_crop(run->data, REPORT_SEED, fcs_random_stream("report"), i,
                         crops + (int64_t)i * values);
    if (!s && !fcs_dataset_phases(run->data))
        s = fcs_run_sweep(run, crops, SWEPT, &grid);
    if (!s && grid) {
        fcs_page_heading(page, "What the latent does");
        fcs_page_paragraph(page, m->scheme->encoder
                                     ? "A row for each of the latent numbers that say most of the "
                                       "data, moved from -3 to 3; the others stay what the encoder "
                                       "finds in the first real crop."
                                     : "Each row from one random latent to another.");
        fcs_page_row_begin(page);
        s = fcs_page_image(e, page, grid, 0, 0, NULL);
        fcs_page_row_end(page);
    }
    fcs_image_free(grid);
    free(crops);
    return s;
}

static int by_number(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* The steps of the pictures in samples/, in order. */
static fcs_status sample_steps(fcs_run *run, int64_t **steps, int *n)
{
    fcs_error *e = &run->ctx->error;
    char *path = fcs_run_path(run, "samples");
    DIR *d = path ? opendir(path) : NULL;
    size_t capacity = 0;
    *steps = NULL;
    *n = 0;
    fcs_status s = path ? FCS_OK : FCS_FAILED;
    for (struct dirent *f = NULL; !s && d && (f = readdir(d)) != NULL;) {
        long long step;
        char expected[64];
        if (sscanf(f->d_name, "step-%lld.png", &step) != 1)
            continue;
        snprintf(expected, sizeof expected, "step-%06lld.png", step);
        if (strcmp(f->d_name, expected) || step > run->step)
            continue;
        if (!fcs_grow(e, steps, &capacity, (size_t)*n + 1, sizeof **steps))
            s = FCS_FAILED;
        else
            (*steps)[(*n)++] = step;
    }
    if (d)
        closedir(d);
    free(path);
    if (*n)
        qsort(*steps, (size_t)*n, sizeof **steps, by_number);
    return s;
}

static fcs_status add_sample(fcs_run *run, fcs_page *page, int64_t step, int width)
{
    char name[64], caption[64];
    fcs_image *image = NULL;
    double steps = epoch_steps(run);
    snprintf(name, sizeof name, "samples/step-%06lld.png", (long long)step);
    if (steps > 0)
        snprintf(caption, sizeof caption, "epoch %.3g (step %lld)", (double)step / steps,
                 (long long)step);
    else
        snprintf(caption, sizeof caption, "step %lld", (long long)step);
    char *path = fcs_run_path(run, name);
    fcs_status s = path ? fcs_image_read(run->ctx, path, &image) : FCS_FAILED;
    if (!s)
        s = fcs_page_image(&run->ctx->error, page, image, 0, width, caption);
    fcs_image_free(image);
    free(path);
    return s;
}

static fcs_status add_history(fcs_run *run, fcs_page *page)
{
    int64_t *steps;
    int n, shown;
    fcs_status s = sample_steps(run, &steps, &n);
    if (!s && n > 0) {
        fcs_page_heading(page, "How it learned: the same random numbers at different steps");
        fcs_page_row_begin(page);
        shown = n < HISTORY ? n : HISTORY;
        for (int i = 0; !s && i < shown; i++)
            s = add_sample(run, page, steps[shown > 1 ? (int64_t)i * (n - 1) / (shown - 1) : 0],
                           220);
        fcs_page_row_end(page);
    }
    free(steps);
    return s;
}

/* ---- metrics ---- */

static int column_of(const fcs_table *t, const char *name)
{
    for (int c = 0; c < fcs_table_columns(t); c++)
        if (!strcmp(fcs_table_name(t, c), name))
            return c;
    return -1;
}

/* "connectivity, phase 1, x, lag 25" */
static void metric_name(const fcs_table *t, int row, char text[160])
{
    static const char *const parts[][2] = {
        {"metric", ""}, {"phase", ", phase "}, {"axis", ", "}, {"at", ", "}};
    int n = 0;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        int c = column_of(t, parts[i][0]);
        const char *word = c >= 0 ? fcs_table_text(t, row, c) : NULL;
        double number = c >= 0 ? fcs_table_number(t, row, c) : (double)NAN;
        char digits[32];
        snprintf(digits, sizeof digits, "%g", number);
        if (!word && !isnan(number))
            word = digits;
        if (word && word[0] && n < 100)
            n += snprintf(text + n, 160 - (size_t)n, "%s%.40s", parts[i][1], word);
    }
}

/* The evaluation's table, narrow enough for a page. */
static fcs_status short_table(fcs_error *e, const fcs_table *t, fcs_table **out)
{
    static const char *const columns[] = {"metric",      "image",        "generated", "real",
                                          "real lowest", "real highest", "floor"};
    static const char *const from[] = {"value", "real", "real_low", "real_high", "floor"};
    fcs_status s = (*out = fcs_table_new(e, columns, 7)) ? FCS_OK : FCS_FAILED;
    for (int r = 0; !s && r < fcs_table_rows(t); r++) {
        char name[160] = "";
        double v[5];
        int variant = column_of(t, "variant"), metric = column_of(t, "metric");
        const char *word = metric >= 0 ? fcs_table_text(t, r, metric) : NULL;
        if (word && (!strcmp(word, "c2") || !strcmp(word, "s2"))) /* evaluation.html has them */
            continue;
        metric_name(t, r, name);
        for (int i = 0; i < 5; i++)
            v[i] = column_of(t, from[i]) >= 0 ? fcs_table_number(t, r, column_of(t, from[i]))
                                              : (double)NAN;
        s = fcs_table_add(e, *out, "ssddddd", name,
                          variant >= 0 ? fcs_table_text(t, r, variant) : NULL, v[0], v[1], v[2],
                          v[3], v[4]);
    }
    return s;
}

/* So many tiles tell enough for a report: each so many-th along both axes. */
static void thin_tiles(const fcs_run *run, fcs_evaluate_options *o)
{
    double step = ceil(sqrt((double)fcs_dataset_epoch(run->data) / TILES));
    if (o->tile && step > 1)
        o->stride = (o->stride ? o->stride : o->tile) * (int64_t)step;
}

/* Compares a few generated images with the data. What cannot be evaluated is a note, not a failure
 * of the run. */
static fcs_status add_metrics(fcs_run *run, fcs_page *page)
{
    fcs_error *e = &run->ctx->error;
    bool made;
    char *folder = fcs_run_path(run, "generated"), *path = fcs_run_path(run, "generated/image.png");
    const fcs_generate_options o = {.seed = REPORT_SEED, .count = EVALUATED};
    char *curves = fcs_run_path(run, "evaluation.html");
    fcs_evaluate_options evaluate = {
        .crops = EVALUATION_CROPS, .seed = REPORT_SEED, .html = curves};
    fcs_table *t = NULL, *shown = NULL;
    bool volume = fcs_recipe_depth(run->recipe) > 1;
    fcs_status s = folder && path && curves ? FCS_OK : FCS_FAILED;
    fcs_run_fitting(run, &evaluate);
    thin_tiles(run, &evaluate);
    if (!s && !volume)
        s = fcs_folder_make(e, folder, &made);
    if (!s && !volume)
        s = fcs_generate(run, &o, path);
    if (!s && !volume) {
        const char *const sets[] = {folder};
        if (fcs_evaluate(run->ctx, run->data_path, sets, 1, &evaluate, &t) == FCS_OK) {
            fcs_page_heading(page, "Metrics");
            fcs_page_paragraph(page,
                               "%d generated images against the data: each image that has their "
                               "size (of tiles some hundred), or %d random crops of larger ones. "
                               "The floor is what real "
                               "images give against each other: no set can be expected below it. "
                               "evaluation.html in the run folder has the definitions and the "
                               "curves beside the real ones.",
                               EVALUATED, EVALUATION_CROPS);
            s = short_table(e, t, &shown);
            if (!s)
                fcs_page_table(page, shown, NULL);
        } else {
            fcs_note(run->ctx, "note: no metrics in the report: %s", e->message);
            fcs_error_clear(e);
        }
    }
    fcs_table_free(t);
    fcs_table_free(shown);
    free(folder);
    free(curves);
    free(path);
    return s;
}

/* ---- the page ---- */

static fcs_status add_tables(fcs_run *run, fcs_page *page)
{
    fcs_table *layers = NULL, *plans = NULL;
    fcs_status s = fcs_show(run->recipe, &layers);
    if (!s)
        s = fcs_run_plan(run, &plans);
    if (!s) {
        fcs_page_heading(page, "Nets");
        fcs_page_table(page, layers, NULL);
        fcs_page_heading(page, "Work and memory");
        fcs_page_table(page, plans, NULL);
        fcs_page_heading(page, "Recipe");
        fcs_page_fold(page, "everything that was used, defaults included",
                      fcs_recipe_text(run->recipe), false);
        fcs_page_paragraph(page, "Seed %llu; facies %s; data: %s", (unsigned long long)run->seed,
                           FCS_VERSION, run->data_path);
    }
    fcs_table_free(layers);
    fcs_table_free(plans);
    return s;
}

static fcs_status fill_page(fcs_run *run, fcs_page *page, bool metrics)
{
    fcs_log_data log;
    const char *title = fcs_recipe_word(run->recipe, "title"),
               *name = fcs_recipe_word(run->recipe, "name");
    char data[280], subtitle[600];
    fcs_status s = fcs_log_load(run, &log);
    fcs_run_data_name(run, data, sizeof data);
    snprintf(subtitle, sizeof subtitle, "%.250s%slearned from %s", title,
             title[0] ? " \xc2\xb7 " : "", data);
    fcs_page_begin(page, name, subtitle);
    if (!s) {
        add_figures(run, page, &log);
        s = add_pairs(run, page);
    }
    if (!s)
        s = add_sweep(run, page);
    if (!s)
        s = add_history(run, page);
    if (!s)
        s = add_curves(run, page, &log);
    if (!s && metrics)
        s = add_metrics(run, page);
    if (!s)
        s = add_tables(run, page);
    fcs_log_data_free(&log);
    return s;
}

fcs_status fcs_run_report(fcs_run *run, bool metrics)
{
    fcs_page page;
    char *path = fcs_run_path(run, "report.html");
    int stop = run->ctx->interrupted; /* asked to stop, the page is finished all the same */
    run->ctx->interrupted = 0;
    fcs_status s = path ? fill_page(run, &page, metrics) : FCS_FAILED;
    if (path && !s)
        s = fcs_page_end(&run->ctx->error, &page, path);
    else if (path)
        fcs_page_abort(&page);
    run->ctx->interrupted = run->ctx->interrupted || stop;
    free(path);
    return s;
}
