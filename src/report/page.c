/* page.c: the frame of a self-contained page: style sheet, text, tables. */
#include "report/report.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Colours that the colour blind tell apart too (Okabe and Ito's, shifted for the dark scheme). */
static const char *const style[] = {
    ":root{color-scheme:light dark;--ground:#fff;--panel:#f7f8fa;--ink:#1b1f24;",
    "--muted:#6a737d;--rule:#d8dee4;--real:#0969da;--sample:#2da44e;--mean:#cf222e;",
    "--good:#2da44e;--fair:#bf8700;--poor:#cf222e;--c0:#0072b2;--c1:#d55e00;--c2:#009e73;",
    "--c3:#9a4fb0;--c4:#b8860b;--c5:#3a9fd6;--c6:#a33;--c7:#555}",
    "@media(prefers-color-scheme:dark){:root{--ground:#0f1319;--panel:#171c24;--ink:#e2e6ea;",
    "--muted:#8b949e;--rule:#2e353e;--real:#58a6ff;--sample:#3fb950;--mean:#ff7b72;",
    "--good:#3fb950;--fair:#d29922;--poor:#ff7b72;--c0:#58a6ff;--c1:#ff9d5c;--c2:#3fcf9f;",
    "--c3:#d2a8ff;--c4:#e3b341;--c5:#79c0ff;--c6:#ff8f8f;--c7:#b0b8c0}}",
    "*{box-sizing:border-box}body{margin:0 auto;padding:2.2rem 1.6rem 4rem;max-width:1180px;",
    "background:var(--ground);color:var(--ink);",
    "font:15px/1.55 system-ui,-apple-system,'Segoe UI',Roboto,'Liberation Sans',Helvetica,",
    "Arial,sans-serif}h1{font-size:1.9rem;line-height:1.2;margin:0;letter-spacing:-.01em}",
    "h2{font-size:1.2rem;margin:2.4rem 0 .7rem;padding-bottom:.3rem;",
    "border-bottom:1px solid var(--rule)}h3{font-size:1rem;margin:1.2rem 0 .4rem}",
    ".subtitle{color:var(--muted);margin:.3rem 0 1.4rem}p{max-width:75ch;margin:.5rem 0}",
    ".row{display:flex;flex-wrap:wrap;gap:14px;align-items:flex-start;margin:.6rem 0}",
    "figure{margin:0}figcaption{color:var(--muted);font-size:.82rem;margin-top:.25rem}",
    "img{display:block;max-width:100%;height:auto;border:1px solid var(--rule);",
    "border-radius:3px}.wide{overflow-x:auto}table{border-collapse:collapse;font-size:.88rem;",
    "margin:.5rem 0}caption{text-align:left;color:var(--muted);padding-bottom:.3rem}",
    "th{text-align:left;font-weight:600;border-bottom:1.5px solid var(--rule);",
    "padding:.3rem .7rem;vertical-align:bottom}td{padding:.26rem .7rem;",
    "border-bottom:1px solid var(--rule);vertical-align:top}td.n,th.n{text-align:right;",
    "font-variant-numeric:tabular-nums;white-space:nowrap}",
    "tbody tr:hover{background:var(--panel)}small,.soft{color:var(--muted)}",
    ".bar{display:block;height:4px;border-radius:2px;background:var(--rule);margin-top:3px;",
    "min-width:90px}.bar i{display:block;height:4px;border-radius:2px}",
    ".good{background:var(--good)}.fair{background:var(--fair)}.poor{background:var(--poor)}",
    ".figures{display:flex;flex-wrap:wrap;gap:12px;margin:1rem 0}",
    ".figures div{background:var(--panel);border:1px solid var(--rule);border-radius:8px;",
    "padding:.55rem .95rem}.figures b{display:block;font-size:1.25rem;font-weight:600;",
    "font-variant-numeric:tabular-nums}.figures span{color:var(--muted);font-size:.8rem}",
    "pre{background:var(--panel);border:1px solid var(--rule);border-radius:6px;",
    "padding:.8rem 1rem;overflow-x:auto;",
    "font:12.5px/1.5 ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace}",
    "details{margin:.5rem 0}summary{cursor:pointer;font-weight:600}",
    "svg.plot{background:var(--panel);border:1px solid var(--rule);border-radius:6px;",
    "max-width:100%;height:auto;font-family:inherit}svg text{fill:var(--ink);font-size:110px}",
    "svg .title{font-size:130px;font-weight:600}svg .tick{font-size:105px;fill:var(--muted)}",
    "svg .grid{stroke:var(--rule);stroke-width:7}svg .axis{stroke:var(--muted);",
    "stroke-width:10;fill:none}footer{margin-top:3rem;color:var(--muted);font-size:.82rem}",
    "@media print{body{max-width:none;padding:0}h2{break-after:avoid}",
    "svg.plot,figure{break-inside:avoid}}",
};

void fcs_page_escape(fcs_text *t, const char *text)
{
    static const struct {
        char c;
        const char *as;
    } table[] = {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}, {'\'', "&#39;"}};
    while (*text) {
        size_t plain = strcspn(text, "&<>\"'");
        fcs_text_put(t, text, plain);
        text += plain;
        for (size_t i = 0; *text && i < sizeof table / sizeof table[0]; i++)
            if (table[i].c == *text) {
                fcs_text_add(t, "%s", table[i].as);
                text++;
                break;
            }
    }
}

static void add_element(fcs_text *t, const char *tag, const char *text)
{
    fcs_text_add(t, "<%s>", tag);
    fcs_page_escape(t, text);
    fcs_text_add(t, "</%.*s>\n", (int)strcspn(tag, " "), tag);
}

void fcs_page_begin(fcs_page *page, const char *title, const char *subtitle)
{
    memset(page, 0, sizeof *page);
    fcs_text *t = &page->html;
    fcs_text_add(t, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
                    "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n");
    add_element(t, "title", title);
    fcs_text_add(t, "<style>\n");
    for (size_t i = 0; i < sizeof style / sizeof style[0]; i++)
        fcs_text_add(t, "%s\n", style[i]);
    fcs_text_add(t, "</style></head><body>\n");
    add_element(t, "h1", title);
    if (subtitle)
        add_element(t, "p class=\"subtitle\"", subtitle);
}

void fcs_page_abort(fcs_page *page)
{
    free(page->html.s);
    memset(page, 0, sizeof *page);
}

fcs_status fcs_page_end(fcs_error *e, fcs_page *page, const char *path)
{
    fcs_text *t = &page->html;
    fcs_text_add(t, "<footer>Made by facies %s.</footer>\n</body></html>\n", FCS_VERSION);
    fcs_status status =
        t->failed ? fcs_fail(e, FCS_FAILED, "%s: out of memory while writing the page", path)
                  : FCS_OK;
    fcs_file file;
    if (status == FCS_OK && (status = fcs_file_open(e, &file, path)) == FCS_OK) {
        if (fwrite(t->s, 1, t->n, file.f) == t->n) {
            status = fcs_file_commit(e, &file);
        } else {
            status = fcs_fail(e, FCS_FAILED, "%s: cannot write the page: is the disk full?", path);
            fcs_file_abort(&file);
        }
    }
    fcs_page_abort(page);
    return status;
}

void fcs_page_heading(fcs_page *page, const char *text) { add_element(&page->html, "h2", text); }

void fcs_page_subheading(fcs_page *page, const char *text) { add_element(&page->html, "h3", text); }

void fcs_page_paragraph(fcs_page *page, const char *format, ...)
{
    char text[4000];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    add_element(&page->html, "p", text);
}

void fcs_page_fold(fcs_page *page, const char *summary, const char *text, bool open)
{
    fcs_text_add(&page->html, "<details%s>", open ? " open" : "");
    add_element(&page->html, "summary", summary);
    add_element(&page->html, "pre", text);
    fcs_text_add(&page->html, "</details>\n");
}

void fcs_page_row_begin(fcs_page *page) { fcs_text_add(&page->html, "<div class=\"row\">\n"); }

void fcs_page_row_end(fcs_page *page) { fcs_text_add(&page->html, "</div>\n"); }

void fcs_page_figures(fcs_page *page, int n, const char *const *labels, const char *const *values)
{
    fcs_text *t = &page->html;
    fcs_text_add(t, "<div class=\"figures\">");
    for (int i = 0; i < n; i++) {
        fcs_text_add(t, "<div>");
        add_element(t, "b", values[i]);
        add_element(t, "span", labels[i]);
        fcs_text_add(t, "</div>");
    }
    fcs_text_add(t, "</div>\n");
}

/* A column is numeric when one of its cells is a number. */
static bool column_is_number(const fcs_table *table, int column)
{
    for (int r = 0; r < fcs_table_rows(table); r++)
        if (!isnan(fcs_table_number(table, r, column)))
            return true;
    return false;
}

static void add_cell(fcs_text *t, const fcs_table *table, int row, int column)
{
    const char *text = fcs_table_text(table, row, column);
    double value = fcs_table_number(table, row, column);
    if (text) {
        add_element(t, "td", text);
    } else if (isnan(value)) {
        fcs_text_add(t, "<td></td>");
    } else {
        char buffer[40];
        bool whole = value == floor(value) && fabs(value) < 1e15;
        snprintf(buffer, sizeof buffer, whole ? "%.0f" : "%.4g", value);
        add_element(t, "td class=\"n\"", buffer);
    }
}

void fcs_page_table(fcs_page *page, const fcs_table *table, const char *caption)
{
    fcs_text *t = &page->html;
    int columns = fcs_table_columns(table);
    fcs_text_add(t, "<div class=\"wide\"><table>");
    if (caption)
        add_element(t, "caption", caption);
    fcs_text_add(t, "<thead><tr>");
    for (int c = 0; c < columns; c++)
        add_element(t, column_is_number(table, c) ? "th class=\"n\"" : "th",
                    fcs_table_name(table, c));
    fcs_text_add(t, "</tr></thead>\n<tbody>\n");
    for (int r = 0; r < fcs_table_rows(table); r++) {
        fcs_text_add(t, "<tr>");
        for (int c = 0; c < columns; c++)
            add_cell(t, table, r, c);
        fcs_text_add(t, "</tr>\n");
    }
    fcs_text_add(t, "</tbody></table></div>\n");
}
