/* evaluate_page.c: the page of `facies evaluate --html`: pictures, a table with all sets beside
 * real, and the curves of each set inside the real envelope (Ruffino et al. 2018, figure 7: each
 * sample thin green, their mean red, real minimum and maximum dashed blue). */
#include "metrics/evaluate.h"
#include "report/report.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PICTURES = 6, PICTURE_PIXELS = 156, MOST_CURVES = 100, VIEW_PIXELS = 480 };

/* ---- pictures ---- */

/* The middle pages of a few samples. */
static fcs_status add_pictures(fcs_error *e, fcs_page *page, const fcs_evaluated *set,
                               const char *title)
{
    const fcs_crops *c = &set->crops;
    fcs_image image = {.width = c->box.width,
                       .height = c->box.height,
                       .depth = 1,
                       .channels = 1,
                       .sample = FCS_F32};
    image.data = fcs_alloc_array(e, (size_t)(image.width * image.height), sizeof(float));
    fcs_status status = image.data ? FCS_OK : FCS_FAILED;
    fcs_page_subheading(page, title);
    fcs_page_row_begin(page);
    for (int i = 0; i < c->n && i < PICTURES && status == FCS_OK; i++) {
        int shown = (int)((int64_t)i * c->n / (c->n < PICTURES ? c->n : PICTURES));
        fcs_crop_page(c, shown, c->box.depth / 2, image.data);
        status = fcs_page_image(e, page, &image, 0, PICTURE_PIXELS, NULL);
    }
    fcs_page_row_end(page);
    free(image.data);
    return status;
}

/* The first volume of a set: cut open, its first phase left out, layers and slices. */
static fcs_status add_volume(fcs_context *ctx, fcs_page *page, const fcs_protocol *p,
                             const fcs_evaluated *set)
{
    static const char *const captions[] = {"cut open", "without phase 0", "layers and slices"};
    double threshold = p->phases.by_level ? 0 : p->phases.bound[0];
    const fcs_render_options views[] = {
        {.width = VIEW_PIXELS, .cut = 0.4, .threshold = threshold},
        {.width = VIEW_PIXELS, .transparent = "0", .threshold = threshold},
        {.width = 2 * VIEW_PIXELS, .threshold = threshold},
    };
    fcs_status status = FCS_OK;
    fcs_page_subheading(page, set->set->name);
    fcs_page_row_begin(page);
    for (int i = 0; i < 3 && status == FCS_OK; i++) {
        const fcs_image *volume = set->set->sources[0].image;
        fcs_image *picture = NULL;
        status = i < 2 ? fcs_render(ctx, volume, &views[i], &picture)
                       : fcs_render_layers(ctx, volume, &views[i], &picture);
        if (status == FCS_OK)
            status = fcs_page_image(&ctx->error, page, picture, 0, 0, captions[i]);
        fcs_image_free(picture);
    }
    fcs_page_row_end(page);
    return status;
}

static fcs_status add_volumes(fcs_context *ctx, fcs_page *page, const fcs_protocol *p,
                              const fcs_evaluated *sets, int n)
{
    fcs_status status = FCS_OK;
    bool any = false;
    for (int s = 0; s < n && status == FCS_OK; s++) {
        if (!sets[s].whole)
            continue;
        if (!any)
            fcs_page_heading(page, "Volumes");
        any = true;
        status = add_volume(ctx, page, p, &sets[s]);
    }
    return status;
}

/* ---- the table ---- */

/* Is the real value a floor that 0 stands below? */
static bool is_floor(const fcs_metric *m)
{
    return m->kind == FCS_METRIC_HISTOGRAM || m->is_distance;
}

/* How far from real, in units of what real crops differ by among each other: 0 is real itself.
 * Chi-squares and envelope shares as multiples of, and points below, what real scores. */
static double badness(const fcs_finding *f)
{
    if (f->at == FCS_AT_MEAN_INSIDE || f->at == FCS_AT_SAMPLES_INSIDE)
        return fmax((isnan(f->real) ? 100 : f->real) - f->value, 0) / 10;
    if (is_floor(f->slot->metric))
        return f->real > 0 ? fmax(f->value / f->real - 1, 0) : (double)NAN;
    return f->floor > 0 ? fabs(f->value - f->real) / f->floor : (double)NAN;
}

static const char *grade(double bad) { return bad <= 1 ? "good" : bad <= 2 ? "fair" : "poor"; }

static void add_number(fcs_text *t, double v, int digits)
{
    char buffer[40] = "\xe2\x80\x93"; /* a dash */
    if (!isnan(v))
        snprintf(buffer, sizeof buffer, fabs(v) >= 100 ? "%.*f" : "%.*g",
                 fabs(v) >= 100 ? 0 : digits, v);
    for (char *c = buffer; *c; c++)
        if (*c == ',')
            *c = '.';
    fcs_text_add(t, "%s", buffer);
}

static void add_real_cell(fcs_text *t, const fcs_finding *f)
{
    fcs_text_add(t, "<td class=\"n\">");
    add_number(t, f->real, 4);
    if (!is_floor(f->slot->metric) && !isnan(f->floor)) {
        fcs_text_add(t, " <small>&plusmn; ");
        add_number(t, f->floor, 2);
        fcs_text_add(t, "</small>");
    }
    fcs_text_add(t, "</td>");
}

/* The bar is full at a badness of 4 and above. */
static void add_value_cell(fcs_text *t, const fcs_finding *f)
{
    double bad = badness(f);
    fcs_text_add(t, "<td class=\"n\">");
    add_number(t, f->value, 4);
    if (!isnan(bad))
        fcs_text_add(t, "<span class=\"bar\"><i class=\"%s\" style=\"width:%d%%\"></i></span>",
                     grade(bad), (int)(4 + 96 * fmin(bad, 4) / 4));
    fcs_text_add(t, "</td>");
}

static void add_label_cells(fcs_text *t, const fcs_finding *f)
{
    static const char *const inside[] = {
        NULL, NULL, "mean curve: inside, %", "samples: inside, %", "whole volume", NULL};
    const fcs_slot *s = f->slot;
    char label[40];
    fcs_text_add(t, "<td title=\"");
    fcs_page_escape(t, s->metric->definition);
    fcs_text_add(t, "\">");
    fcs_page_escape(t, s->metric->title);
    if (s->net)
        fcs_text_add(t, ": %s", s->net);
    fcs_text_add(t, "</td><td class=\"soft\">%s</td><td class=\"soft\">",
                 s->thresholded ? "thresholded" : "raw");
    if (s->phase >= 0)
        fcs_text_add(t, "phase %d%s", s->phase, s->axis ? ", " : "");
    if (s->axis)
        fcs_text_add(t, "along %c", s->axis);
    fcs_text_add(t, "</td><td class=\"soft\">");
    if (f->at == FCS_AT_LAG || f->at == FCS_AT_WHOLE_LAG)
        fcs_text_add(t, "%s", fcs_finding_label(f, label, sizeof label));
    else
        fcs_text_add(t, "%s", inside[f->at] ? inside[f->at] : "");
    fcs_text_add(t, "</td>");
}

typedef bool chooser(const fcs_finding *f);
static bool is_summary(const fcs_finding *f)
{
    return f->at == FCS_AT_VALUE || f->at == FCS_AT_MEAN_INSIDE || f->at == FCS_AT_WHOLE;
}
static bool is_detail(const fcs_finding *f) { return !is_summary(f); }

/* All sets have the same findings in the same order; volumes have some more behind them. */
static const fcs_evaluated *longest(const fcs_evaluated *sets, int n)
{
    const fcs_evaluated *most = &sets[1];
    for (int s = 2; s < n; s++)
        most = sets[s].n_findings > most->n_findings ? &sets[s] : most;
    return most;
}

static void add_findings(fcs_page *page, const fcs_evaluated *sets, int n, chooser *wanted)
{
    fcs_text *t = &page->html;
    fcs_text_add(t, "<div class=\"wide\"><table><thead><tr><th>metric</th><th>taken "
                    "on</th><th>of</th><th>at</th>"
                    "<th class=\"n\">real</th>");
    for (int s = 1; s < n; s++) {
        char name[400];
        fcs_text_add(t, "<th class=\"n\">");
        fcs_page_escape(t, fcs_evaluated_name(&sets[s], name, sizeof name));
        fcs_text_add(t, "</th>");
    }
    fcs_text_add(t, "</tr></thead>\n<tbody>\n");
    const fcs_evaluated *most = longest(sets, n);
    for (size_t i = 0; i < most->n_findings; i++) {
        if (!wanted(&most->findings[i]))
            continue;
        fcs_text_add(t, "<tr>");
        add_label_cells(t, &most->findings[i]);
        add_real_cell(t, &most->findings[i]);
        for (int s = 1; s < n; s++)
            if (i < sets[s].n_findings)
                add_value_cell(t, &sets[s].findings[i]);
            else
                fcs_text_add(t, "<td></td>");
        fcs_text_add(t, "</tr>\n");
    }
    fcs_text_add(t, "</tbody></table></div>\n");
}

/* ---- curves ---- */

typedef struct envelope {
    double *low, *high, *mean;
} envelope; /* n values each, over the samples of a set */

static void envelope_fill(const fcs_protocol *p, const fcs_evaluated *set, const fcs_slot *slot,
                          envelope *v)
{
    for (int h = 0; h < slot->n; h++) {
        double sum = 0, low = NAN, high = NAN;
        int count = 0;
        for (int i = 0; i < set->crops.n; i++) {
            double y = set->profiles[(size_t)i * p->length + slot->at + (size_t)h];
            if (isnan(y))
                continue;
            low = fmin(low, y);
            high = fmax(high, y);
            sum += y;
            count++;
        }
        v->low[h] = low;
        v->high[h] = high;
        v->mean[h] = count ? sum / count : (double)NAN;
    }
}

static void curve_name(const fcs_protocol *p, const fcs_slot *slot, char text[80])
{
    char phase[60];
    snprintf(phase, sizeof phase, slot->phase < 0 ? "grey values" : "phase %d%s", slot->phase,
             p->phases.n > 2 ? ""
             : slot->phase   ? " (above the threshold)"
                             : " (below the threshold)");
    snprintf(text, 80, "%s%s%c", phase, slot->axis ? " along " : "", slot->axis);
}

/* samples: room for MOST_CURVES + 3 series. */
static void add_curve_plot(fcs_page *page, const fcs_protocol *p, const fcs_evaluated *set,
                           const fcs_slot *slot, const envelope *real, const envelope *own,
                           fcs_series *series)
{
    int n = 0, shown = set->crops.n < MOST_CURVES ? set->crops.n : MOST_CURVES;
    for (int i = 0; i < shown; i++)
        series[n++] = (fcs_series){.label = "each sample",
                                   .colour = FCS_COLOUR_SAMPLE,
                                   .n = slot->n,
                                   .width = 0.6,
                                   .opacity = 0.45,
                                   .y = set->profiles + (size_t)i * p->length + slot->at};
    series[n++] = (fcs_series){
        .label = "mean", .colour = FCS_COLOUR_MEAN, .n = slot->n, .width = 2, .y = own->mean};
    series[n++] = (fcs_series){.label = "real, minimum and maximum",
                               .colour = FCS_COLOUR_REAL,
                               .n = slot->n,
                               .width = 1.6,
                               .dashed = true,
                               .y = real->low};
    series[n] = series[n - 1];
    series[n++].y = real->high;
    char title[80];
    const fcs_metric *m = slot->metric;
    curve_name(p, slot, title);
    /* tau fills [0,1]; the others are better seen in their own range */
    bool unit = !m->trace && m->curve == 0;
    fcs_page_plot(page, &(fcs_plot){.title = title,
                                    .x_label = m->x_label ? m->x_label : "lag, pixels",
                                    .y_label = m->name,
                                    .n = n,
                                    .series = series,
                                    .y_low = 0,
                                    .y_high = unit ? 1 : 0});
}

static fcs_status add_curves(fcs_error *e, fcs_page *page, const fcs_protocol *p,
                             const fcs_evaluated *sets, int s, const fcs_metric *metric)
{
    size_t lags = (size_t)p->max_lag + 1;
    double *values = fcs_alloc_array(e, lags, 6 * sizeof *values);
    fcs_series *series = fcs_alloc_array(e, MOST_CURVES + 3, sizeof *series);
    if (values && series) {
        envelope real = {values, values + lags, values + 2 * lags};
        envelope own = {values + 3 * lags, values + 4 * lags, values + 5 * lags};
        char title[400], name[300];
        snprintf(title, sizeof title, "%s, %s", fcs_evaluated_name(&sets[s], name, sizeof name),
                 metric->title);
        fcs_page_subheading(page, title);
        fcs_page_row_begin(page);
        for (int i = 0; i < p->n_slots; i++)
            if (p->slots[i].metric == metric) {
                envelope_fill(p, &sets[0], &p->slots[i], &real);
                envelope_fill(p, &sets[s], &p->slots[i], &own);
                add_curve_plot(page, p, &sets[s], &p->slots[i], &real, &own, series);
            }
        fcs_page_row_end(page);
    }
    bool good = values && series;
    free(values);
    free(series);
    return good ? FCS_OK : FCS_FAILED;
}

/* Does slot i bring a metric that no slot before it has? */
static bool first_of_metric(const fcs_protocol *p, int i)
{
    return i == 0 || p->slots[i - 1].metric != p->slots[i].metric;
}

static fcs_status add_all_curves(fcs_error *e, fcs_page *page, const fcs_protocol *p,
                                 const fcs_evaluated *sets, int n)
{
    fcs_status status = FCS_OK;
    bool any = false;
    for (int i = 0; i < p->n_slots && status == FCS_OK; i++) {
        const fcs_metric *metric = p->slots[i].metric;
        if (metric->kind != FCS_METRIC_CURVE || !first_of_metric(p, i))
            continue;
        if (!any)
            fcs_page_heading(page, "Curves");
        any = true;
        fcs_page_paragraph(page, "%s: %s.", metric->title, metric->definition);
        for (int s = 1; s < n && status == FCS_OK; s++)
            status = add_curves(e, page, p, sets, s, metric);
    }
    return status;
}

/* ---- nearest real images ---- */

static int by_distance(const void *a, const void *b)
{
    double x = ((const fcs_near *)a)->distance, y = ((const fcs_near *)b)->distance;
    return (x > y) - (x < y);
}

/* Sample i of a, in the form that is nearest, beside what it is near to in b. */
static fcs_status add_pair(fcs_error *e, fcs_page *page, const fcs_evaluated *a, int i,
                           const fcs_evaluated *b, const fcs_near *near, const char *caption)
{
    enum { GAP = 2 };
    const int k = near->index;
    int64_t w = a->crops.box.width, h = a->crops.box.height, width = 2 * w + GAP;
    float *both = fcs_alloc_array(e, (size_t)(width * h), sizeof *both);
    float *turned = fcs_alloc_array(e, (size_t)(w * h), sizeof *turned);
    if (!both || !turned) {
        free(both);
        free(turned);
        return FCS_FAILED;
    }
    fcs_turned(&a->crops, a->values + i * w * h, near->form, turned);
    for (int64_t y = 0; y < h; y++) {
        const size_t row = (size_t)w * sizeof *both;
        memcpy(both + y * width, turned + y * w, row);
        memcpy(both + y * width + w + GAP, b->values + (k * h + y) * w, row);
        both[y * width + w] = both[y * width + w + 1] = 0.5f;
    }
    const fcs_image image = {
        .width = width, .height = h, .depth = 1, .channels = 1, .sample = FCS_F32, .data = both};
    fcs_status status = fcs_page_image(e, page, &image, 0, 2 * PICTURE_PIXELS, caption);
    free(both);
    free(turned);
    return status;
}

/* The samples that are nearest to a real one, the nearest first. */
static fcs_status add_nearest_of(fcs_error *e, fcs_page *page, const fcs_evaluated *set,
                                 const fcs_evaluated *real, const fcs_near *near, const char *where)
{
    typedef struct pair {
        fcs_near near;
        int sample;
    } pair;
    int n = set->crops.n;
    pair *pairs = fcs_alloc_array(e, (size_t)n, sizeof *pairs);
    char text[400];
    if (!pairs)
        return FCS_FAILED;
    for (int i = 0; i < n; i++)
        pairs[i] = (pair){near[i], i};
    qsort(pairs, (size_t)n, sizeof *pairs, by_distance);
    char name[300];
    snprintf(text, sizeof text, "%s, in %s", fcs_evaluated_name(set, name, sizeof name), where);
    fcs_page_subheading(page, text);
    fcs_page_row_begin(page);
    fcs_status status = FCS_OK;
    for (int i = 0; i < n && i < PICTURES && status == FCS_OK; i++) {
        if (pairs[i].near.index < 0)
            continue;
        snprintf(text, sizeof text, "sample %d, real %d: %.3g", pairs[i].sample,
                 pairs[i].near.index, pairs[i].near.distance);
        status = add_pair(e, page, set, pairs[i].sample, real, &pairs[i].near, text);
    }
    fcs_page_row_end(page);
    free(pairs);
    return status;
}

static fcs_status add_nearest(fcs_error *e, fcs_page *page, const fcs_evaluated *sets, int n)
{
    fcs_status status = FCS_OK;
    if (!sets[1].near && !sets[1].near_features)
        return FCS_OK;
    fcs_page_heading(page, "Nearest real images");
    fcs_page_paragraph(page,
                       "Left the generated image, mirrored and turned as it is nearest, right "
                       "the real sample that it is nearest to; the closest pairs of each set. "
                       "Copies show here.");
    for (int s = 1; s < n && status == FCS_OK; s++) {
        if (sets[s].near)
            status = add_nearest_of(e, page, &sets[s], &sets[0], sets[s].near, "pixels");
        if (status == FCS_OK && sets[s].near_features)
            status = add_nearest_of(e, page, &sets[s], &sets[0], sets[s].near_features, "features");
    }
    return status;
}

/* ---- the page ---- */

static bool is_found(const fcs_evaluated *set, const fcs_metric *m)
{
    for (size_t i = 0; i < set->n_findings; i++)
        if (set->findings[i].slot->metric == m)
            return true;
    return false;
}

static void add_definitions(fcs_page *page, const fcs_evaluated *most)
{
    fcs_text *t = &page->html;
    fcs_page_heading(page, "Definitions");
    fcs_text_add(t, "<div "
                    "class=\"wide\"><table><thead><tr><th>metric</th><th>definition</"
                    "th><th>source</th></tr></thead>"
                    "<tbody>\n");
    for (int i = 0; i < fcs_metric_count; i++) {
        const fcs_metric *m = &fcs_metrics[i];
        const char *const cells[] = {m->title, m->definition, m->source};
        if (!is_found(most, m))
            continue;
        fcs_text_add(t, "<tr>");
        for (int c = 0; c < 3; c++) {
            fcs_text_add(t, "<td>");
            fcs_page_escape(t, cells[c]);
            fcs_text_add(t, "</td>");
        }
        fcs_text_add(t, "</tr>\n");
    }
    fcs_text_add(t, "</tbody></table></div>\n");
}

static void begin(fcs_page *page, const fcs_protocol *p, const fcs_evaluated *sets)
{
    char line[300], depth[40] = "", split[60];
    if (p->phases.by_level)
        snprintf(split, sizeof split, "%d phases by the real levels", p->phases.n);
    else
        snprintf(split, sizeof split, "phases split at %.3g", p->phases.bound[0]);
    if (p->box.depth > 1)
        snprintf(depth, sizeof depth, " x %lld", (long long)p->box.depth);
    snprintf(line, sizeof line,
             "%d real samples of %lld x %lld%s pixels; %s; components with %s "
             "neighbours; lags to %d",
             sets[0].crops.n, (long long)p->box.width, (long long)p->box.height, depth, split,
             p->box.depth > 1 ? (p->all_neighbours ? "26" : "6") : (p->all_neighbours ? "8" : "4"),
             p->max_lag);
    fcs_page_begin(page, "Generated beside real", line);
}

fcs_status fcs_evaluate_page(fcs_context *ctx, const fcs_protocol *p, const fcs_evaluated *sets,
                             int n, const char *path)
{
    fcs_error *e = &ctx->error;
    fcs_page page;
    begin(&page, p, sets);
    fcs_status status = FCS_OK;
    fcs_page_heading(&page, "Samples");
    for (int s = 0; s < n && status == FCS_OK; s++) {
        char title[400], name[300];
        snprintf(title, sizeof title, "%s%s (%d samples)",
                 s ? "" : "real: ", fcs_evaluated_name(&sets[s], name, sizeof name),
                 sets[s].crops.n);
        status = add_pictures(e, &page, &sets[s], title);
    }
    if (status == FCS_OK)
        status = add_volumes(ctx, &page, p, sets, n);
    fcs_page_heading(&page, "Summary");
    fcs_page_paragraph(
        &page,
        "Real: mean and standard deviation over the real samples; for chi-squares, the mean over "
        "pairs of real samples, the lowest value that means anything; for lags inside, what as "
        "many "
        "other real samples score. Bars show the distance from real: "
        "green within one standard deviation (chi-squares: twice real; envelopes: 10 points), "
        "yellow "
        "within two, red beyond. The envelope is the real samples' minimum to maximum.");
    add_findings(&page, sets, n, is_summary);
    if (status == FCS_OK)
        status = add_nearest(e, &page, sets, n);
    if (status == FCS_OK)
        status = add_all_curves(e, &page, p, sets, n);
    bool details = false;
    const fcs_evaluated *most = longest(sets, n);
    for (size_t i = 0; i < most->n_findings; i++)
        details = details || is_detail(&most->findings[i]);
    if (details) {
        fcs_page_heading(&page, "Curves in numbers");
        add_findings(&page, sets, n, is_detail);
    }
    add_definitions(&page, most);
    if (status == FCS_OK)
        return fcs_page_end(e, &page, path);
    fcs_page_abort(&page);
    return status;
}
