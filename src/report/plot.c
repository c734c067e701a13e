/* plot.c: line plots as inline SVG. Coordinates are integers, tenths of a pixel, so that no
 * locale's decimal comma can get in; colours and fonts come from the page's style sheet. */
#include "report/report.h"
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LEFT = 560, RIGHT = 140, TITLE = 260, LEGEND = 190, BOTTOM = 400, MOST_TICKS = 24 };

typedef struct frame {
    long x0, y0, x1, y1; /* the plotting area, tenths of a pixel; y0 is its top */
    double low_x, high_x, low_y, high_y;
    bool log_y;
} frame;

static const char *const palette[] = {"var(--c0)", "var(--c1)", "var(--c2)", "var(--c3)",
                                      "var(--c4)", "var(--c5)", "var(--c6)", "var(--c7)"};

static const char *series_colour(const fcs_series *s, int i)
{
    return s->colour ? s->colour : palette[i % 8];
}

static double series_x(const fcs_series *s, int i) { return s->x ? s->x[i] : (double)i; }

/* The number as text with a point in every locale. */
static const char *number(char *buffer, size_t size, double value)
{
    snprintf(buffer, size, "%.6g", fabs(value) < 1e-12 ? 0.0 : value);
    for (char *c = buffer; *c; c++)
        if (*c == ',')
            *c = '.';
    return buffer;
}

static bool drawable(double x, double y, bool log_y)
{
    return isfinite(x) && isfinite(y) && (!log_y || y > 0);
}

static void frame_include(frame *f, double x, double y)
{
    if (!drawable(x, y, f->log_y))
        return;
    y = f->log_y ? log10(y) : y;
    f->low_x = fmin(f->low_x, x);
    f->high_x = fmax(f->high_x, x);
    f->low_y = fmin(f->low_y, y);
    f->high_y = fmax(f->high_y, y);
}

/* The one of 1, 2, 5 x 10^k that gives about `wanted` steps. */
static double tick_step(double span, int wanted)
{
    double raw = span / wanted, power = pow(10, floor(log10(raw))), m = raw / power;
    return power * (m < 1.5 ? 1 : m < 3.5 ? 2 : m < 7.5 ? 5 : 10);
}

static void widen(double *low, double *high, double least)
{
    if (!(*high > *low)) {
        double middle = isfinite(*low) && *low <= *high ? *low : 0;
        double half = fmax(fabs(middle) * 0.1, least);
        *low = middle - half;
        *high = middle + half;
    }
}

static void frame_range(frame *f, const fcs_plot *p)
{
    f->low_x = f->low_y = DBL_MAX;
    f->high_x = f->high_y = -DBL_MAX;
    for (int i = 0; i < p->n; i++)
        for (int k = 0; k < p->series[i].n; k++) {
            frame_include(f, series_x(&p->series[i], k), p->series[i].y[k]);
            if (p->series[i].y_to)
                frame_include(f, series_x(&p->series[i], k), p->series[i].y_to[k]);
        }
    widen(&f->low_x, &f->high_x, 0.5);
    if (p->y_high > p->y_low && (!p->log_y || p->y_low > 0)) {
        f->low_y = p->log_y ? log10(p->y_low) : p->y_low;
        f->high_y = p->log_y ? log10(p->y_high) : p->y_high;
        return;
    }
    widen(&f->low_y, &f->high_y, 0.05);
    if (f->log_y) {
        f->low_y = floor(f->low_y * 2) / 2;
        f->high_y = ceil(f->high_y * 2) / 2;
        return;
    }
    double step = tick_step(f->high_y - f->low_y, 5);
    f->low_y = floor(f->low_y / step + 1e-9) * step;
    f->high_y = ceil(f->high_y / step - 1e-9) * step;
}

static long place_x(const frame *f, double x)
{
    return f->x0 + lround((x - f->low_x) / (f->high_x - f->low_x) * (double)(f->x1 - f->x0));
}

/* y far outside is held near the frame: the clip path hides it. */
static long place_y(const frame *f, double y)
{
    double share = ((f->log_y ? log10(y) : y) - f->low_y) / (f->high_y - f->low_y);
    return f->y1 - lround(fmin(fmax(share, -2), 3) * (double)(f->y1 - f->y0));
}

static void draw_text(fcs_text *t, const char *class, long x, long y, const char *anchor,
                      const char *text)
{
    fcs_text_add(t, "<text class=\"%s\" x=\"%ld\" y=\"%ld\" text-anchor=\"%s\">", class, x, y,
                 anchor);
    fcs_page_escape(t, text);
    fcs_text_add(t, "</text>");
}

static void draw_x_axis(fcs_text *t, const frame *f)
{
    char buffer[40];
    double step = tick_step(f->high_x - f->low_x, 6);
    double first = ceil(f->low_x / step - 1e-9);
    for (int i = 0; i < MOST_TICKS && (first + i) * step <= f->high_x + 1e-9 * step; i++) {
        double x = (first + i) * step;
        long at = place_x(f, x);
        fcs_text_add(t, "<line class=\"grid\" x1=\"%ld\" y1=\"%ld\" x2=\"%ld\" y2=\"%ld\"/>", at,
                     f->y0, at, f->y1);
        draw_text(t, "tick", at, f->y1 + 150, "middle", number(buffer, sizeof buffer, x));
    }
}

static void draw_y_tick(fcs_text *t, const frame *f, double y)
{
    char buffer[40];
    long at = place_y(f, y);
    fcs_text_add(t, "<line class=\"grid\" x1=\"%ld\" y1=\"%ld\" x2=\"%ld\" y2=\"%ld\"/>", f->x0, at,
                 f->x1, at);
    draw_text(t, "tick", f->x0 - 60, at + 38, "end", number(buffer, sizeof buffer, y));
}

/* Linear: steps of 1, 2, 5; logarithmic: decades, with 2 and 5 between them when there are few. */
static void draw_y_axis(fcs_text *t, const frame *f)
{
    double span = f->high_y - f->low_y;
    if (!f->log_y) {
        double step = tick_step(span, 5), first = ceil(f->low_y / step - 1e-9);
        for (int i = 0; i < MOST_TICKS && (first + i) * step <= f->high_y + 1e-9 * step; i++)
            draw_y_tick(t, f, (first + i) * step);
        return;
    }
    static const double parts[] = {1, 2, 5};
    int stride = span > 8 ? (int)ceil(span / 8) : 1;
    for (int k = (int)floor(f->low_y); k <= (int)ceil(f->high_y); k += stride)
        for (int i = 0; i < (span < 2.5 ? 3 : 1); i++) {
            double at = k + log10(parts[i]);
            if (at >= f->low_y - 1e-9 && at <= f->high_y + 1e-9)
                draw_y_tick(t, f, pow(10, at));
        }
}

/* Points first..n of a run without gaps. Where many fall on one pixel only its lowest and highest
 * are drawn. */
static int draw_run(fcs_text *t, const frame *f, const fcs_series *s, int first)
{
    int i = first;
    char command = 'M';
    while (i < s->n && drawable(series_x(s, i), s->y[i], f->log_y)) {
        long x = place_x(f, series_x(s, i)), low = place_y(f, s->y[i]), high = low, y = low;
        int k = i + 1;
        for (; k < s->n && drawable(series_x(s, k), s->y[k], f->log_y) &&
               place_x(f, series_x(s, k)) - x < 5;
             k++) {
            y = place_y(f, s->y[k]);
            low = y < low ? y : low;
            high = y > high ? y : high;
        }
        fcs_text_add(t, "%c%ld %ld", command, x, low);
        command = 'L';
        if (high != low)
            fcs_text_add(t, "L%ld %ld", x, high);
        i = k;
    }
    return i;
}

static void draw_line(fcs_text *t, const frame *f, const fcs_series *s, const char *colour)
{
    long width = lround((s->width > 0 ? s->width : 1.6) * 10);
    long opacity = lround((s->opacity > 0 ? s->opacity : 1) * 100);
    fcs_text_add(
        t,
        "<path fill=\"none\" style=\"stroke:%s\" stroke-width=\"%ld\" stroke-opacity=\"%ld%%\" "
        "stroke-linejoin=\"round\"%s d=\"",
        colour, width, opacity, s->dashed ? " stroke-dasharray=\"55 35\"" : "");
    for (int i = 0; i < s->n;)
        i = drawable(series_x(s, i), s->y[i], f->log_y) ? draw_run(t, f, s, i) : i + 1;
    fcs_text_add(t, "\"/>");
}

static void draw_band(fcs_text *t, const frame *f, const fcs_series *s, const char *colour)
{
    long opacity = lround((s->opacity > 0 ? s->opacity : 0.18) * 100);
    fcs_text_add(t, "<path stroke=\"none\" style=\"fill:%s\" fill-opacity=\"%ld%%\" d=\"", colour,
                 opacity);
    char command = 'M';
    for (int i = 0; i < s->n; i++)
        if (drawable(series_x(s, i), s->y[i], f->log_y) && drawable(0, s->y_to[i], f->log_y)) {
            fcs_text_add(t, "%c%ld %ld", command, place_x(f, series_x(s, i)), place_y(f, s->y[i]));
            command = 'L';
        }
    for (int i = s->n - 1; i >= 0; i--)
        if (drawable(series_x(s, i), s->y[i], f->log_y) && drawable(0, s->y_to[i], f->log_y))
            fcs_text_add(t, "L%ld %ld", place_x(f, series_x(s, i)), place_y(f, s->y_to[i]));
    fcs_text_add(t, "%s\"/>", command == 'L' ? "Z" : "");
}

static bool label_is_new(const fcs_plot *p, int i)
{
    if (!p->series[i].label)
        return false;
    for (int k = 0; k < i; k++)
        if (p->series[k].label && strcmp(p->series[k].label, p->series[i].label) == 0)
            return false;
    return true;
}

/* Width of a label in tenths of a pixel: characters, not bytes, of an 11 pixel font. */
static long label_width(const char *s)
{
    long n = 0;
    for (; *s; s++)
        n += ((unsigned char)*s & 0xc0) != 0x80;
    return 60 * n + 420;
}

/* Lays the legend out in rows from y; returns the rows. t NULL: only counts. */
static int draw_legend(fcs_text *t, const fcs_plot *p, long x0, long x1, long y)
{
    long x = x0;
    int rows = 0;
    for (int i = 0; i < p->n && !p->no_legend; i++) {
        if (!label_is_new(p, i))
            continue;
        const fcs_series *s = &p->series[i];
        long width = label_width(s->label);
        if (rows == 0 || x + width > x1) {
            x = x0;
            rows++;
        }
        if (t) {
            long at = y + (rows - 1) * LEGEND;
            fcs_text_add(t,
                         "<line x1=\"%ld\" y1=\"%ld\" x2=\"%ld\" y2=\"%ld\" style=\"stroke:%s\" "
                         "stroke-width=\"%d\" stroke-opacity=\"%d%%\"%s/>",
                         x, at - 35, x + 220, at - 35, series_colour(s, i), s->y_to ? 100 : 22,
                         s->y_to ? 25 : 100, s->dashed ? " stroke-dasharray=\"55 35\"" : "");
            draw_text(t, "key", x + 270, at, "start", s->label);
        }
        x += width;
    }
    return rows;
}

static void draw_series(fcs_text *t, const frame *f, const fcs_plot *p, int id)
{
    fcs_text_add(t,
                 "<clipPath id=\"clip%d\"><rect x=\"%ld\" y=\"%ld\" width=\"%ld\" "
                 "height=\"%ld\"/></clipPath>"
                 "<g clip-path=\"url(#clip%d)\">",
                 id, f->x0, f->y0 - 10, f->x1 - f->x0 + 10, f->y1 - f->y0 + 20, id);
    for (int i = 0; i < p->n; i++) {
        const fcs_series *s = &p->series[i];
        (s->y_to ? draw_band : draw_line)(t, f, s, series_colour(s, i));
    }
    fcs_text_add(t, "</g>");
}

void fcs_plot_svg(fcs_text *t, const fcs_plot *p, int id)
{
    long width = (p->width > 0 ? p->width : 556) * 10L,
         height = (p->height > 0 ? p->height : 300) * 10L;
    long top = (p->title ? TITLE : 80) + 60;
    long x0 = LEFT + (p->y_label ? 140 : 0);
    int rows = draw_legend(NULL, p, x0, width - RIGHT, 0);
    frame f = {.x0 = x0,
               .x1 = width - RIGHT,
               .y0 = top + rows * LEGEND,
               .y1 = height - BOTTOM + (p->x_label ? 0 : 160),
               .log_y = p->log_y};
    frame_range(&f, p);
    fcs_text_add(
        t, "<svg class=\"plot\" viewBox=\"0 0 %ld %ld\" width=\"%ld\" height=\"%ld\" role=\"img\">",
        width, height, width / 10, height / 10);
    if (p->title)
        draw_text(t, "title", f.x0, 170, "start", p->title);
    draw_legend(t, p, f.x0, width - RIGHT, top + LEGEND - 70);
    draw_x_axis(t, &f);
    draw_y_axis(t, &f);
    fcs_text_add(t, "<path class=\"axis\" d=\"M%ld %ldV%ldH%ld\"/>", f.x0, f.y0, f.y1, f.x1);
    draw_series(t, &f, p, id);
    if (p->x_label)
        draw_text(t, "label", (f.x0 + f.x1) / 2, height - 70, "middle", p->x_label);
    if (p->y_label) {
        fcs_text_add(t, "<g transform=\"translate(130 %ld) rotate(-90)\">", (f.y0 + f.y1) / 2);
        draw_text(t, "label", 0, 0, "middle", p->y_label);
        fcs_text_add(t, "</g>");
    }
    fcs_text_add(t, "</svg>\n");
}

void fcs_page_plot(fcs_page *page, const fcs_plot *plot)
{
    fcs_plot_svg(&page->html, plot, page->plots++);
}
