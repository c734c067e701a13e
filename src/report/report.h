/* report.h: self-contained HTML pages: no scripts, no other files, light and dark. Used by `facies
 * evaluate --html`, by the training report and by `facies compare`. May use base/ only.
 *
 *     fcs_page page;
 *     fcs_page_begin(&page, "dsgan-small", "30 minutes on two cores");
 *     fcs_page_heading(&page, "Losses");
 *     fcs_page_row_begin(&page);             // plots and images side by side
 *     fcs_page_plot(&page, &plot);
 *     fcs_page_row_end(&page);
 *     status = fcs_page_end(e, &page, "report.html");  // or fcs_page_abort(&page)
 *
 * Functions without a status record their failure (out of memory) in the page; fcs_page_end reports
 * it. */
#ifndef FCS_REPORT_H
#define FCS_REPORT_H

#include "base/base.h"

/* ---- pages ---- */
typedef struct fcs_page {
    fcs_text html;
    int plots; /* so far: makes clip path names unique */
} fcs_page;

/* Starts the page with its style sheet, title and a line below it (may be NULL). Text is escaped
 * everywhere. */
void fcs_page_begin(fcs_page *page, const char *title, const char *subtitle);
/* Closes the page and writes it beside its target, then renames it. Frees the page in any case. */
fcs_status fcs_page_end(fcs_error *e, fcs_page *page, const char *path);
void fcs_page_abort(fcs_page *page);

void fcs_page_heading(fcs_page *page, const char *text);    /* <h2> */
void fcs_page_subheading(fcs_page *page, const char *text); /* <h3> */
void fcs_page_paragraph(fcs_page *page, const char *format, ...)
    FCS_PRINTF(2, 3);                                /* <p>, up to 4000 bytes */
void fcs_page_escape(fcs_text *t, const char *text); /* & < > " ' */
/* Preformatted text (a recipe) that unfolds on a click; open: unfolded at first. */
void fcs_page_fold(fcs_page *page, const char *summary, const char *text, bool open);
/* Plots and images between these two stand side by side and wrap. */
void fcs_page_row_begin(fcs_page *page);
void fcs_page_row_end(fcs_page *page);
/* A table; caption may be NULL. Numbers with four significant digits, aligned right. */
void fcs_page_table(fcs_page *page, const fcs_table *table, const char *caption);
/* A row of figures in large type, for the head of a page: n pairs (label, value). */
void fcs_page_figures(fcs_page *page, int n, const char *const *labels, const char *const *values);
/* Page z of the image as an <img> with PNG data inside; caption may be NULL; css_width in pixels
 * (0: natural size). Grey or RGB; F32 is clipped to [0,1]. */
fcs_status fcs_page_image(fcs_error *e, fcs_page *page, const fcs_image *image, int64_t z,
                          int css_width, const char *caption);
/* Appends "data:image/png;base64,..." for page z of the image. */
fcs_status fcs_image_data_uri(fcs_error *e, const fcs_image *image, int64_t z, fcs_text *t);

/* ---- line plots, as inline SVG ---- */
/* Colours are CSS: NULL takes the next of eight that read well on light and dark; FCS_COLOUR_* have
 * a meaning. */
#define FCS_COLOUR_REAL "var(--real)"     /* blue */
#define FCS_COLOUR_SAMPLE "var(--sample)" /* green */
#define FCS_COLOUR_MEAN "var(--mean)"     /* red */
#define FCS_COLOUR_MUTED "var(--muted)"   /* grey */

typedef struct fcs_series {
    const char *label; /* in the legend; NULL: none (equal labels appear once) */
    const char *colour;
    const double *x;    /* NULL: 0, 1, 2, ... */
    const double *y;    /* NaN breaks the line; so do values <= 0 with log_y */
    const double *y_to; /* not NULL: a filled band between y and y_to instead of a line */
    int n;
    double width;   /* of the line; 0: 1.6 */
    double opacity; /* 0: 1 (bands: 0.18) */
    bool dashed;
} fcs_series;

typedef struct fcs_plot {
    const char *title, *x_label, *y_label; /* may be NULL */
    const fcs_series *series;              /* drawn in this order */
    int n;
    double y_low, y_high; /* equal: from the data */
    bool log_y;           /* base 10 */
    bool no_legend;
    int width, height; /* 0: 556 x 300, two in a row of the page */
} fcs_plot;
void fcs_page_plot(fcs_page *page, const fcs_plot *plot);
/* The <svg> element alone. id must differ between the plots of one page. */
void fcs_plot_svg(fcs_text *t, const fcs_plot *plot, int id);

#endif
