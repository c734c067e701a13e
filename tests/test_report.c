/* test_report.c: pages: escaping, pictures that survive the way through base64 and PNG, plots of
 * difficult data. */
#include "report/report.h"
#include "test.h"
#include <string.h>
#include <unistd.h>

static void test_escape(void)
{
    fcs_text t = {0};
    fcs_page_escape(&t, "a<b> & \"c\" it's");
    CHECK(t.s && strcmp(t.s, "a&lt;b&gt; &amp; &quot;c&quot; it&#39;s") == 0);
    free(t.s);
}

/* Decodes base64 (RFC 4648); returns the number of bytes. */
static size_t decode(const char *s, size_t n, unsigned char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t made = 0;
    for (size_t i = 0; i + 3 < n; i += 4) {
        unsigned long v = 0;
        int padding = 0;
        for (size_t k = 0; k < 4; k++) {
            const char *d = s[i + k] == '=' ? NULL : strchr(digits, s[i + k]);
            v = v << 6 | (d ? (unsigned long)(d - digits) : 0);
            padding += s[i + k] == '=';
        }
        for (int k = 0; k < 3 - padding; k++)
            out[made++] = (unsigned char)(v >> (16 - 8 * k));
    }
    return made;
}

/* Through fcs_image_data_uri, our decoder above, a file and the library's reader. */
static fcs_image *round_trip(fcs_context *ctx, const fcs_image *image, int64_t z)
{
    static const char head[] = "data:image/png;base64,";
    char name[64];
    fcs_text t = {0};
    fcs_image *back = NULL;
    CHECK(fcs_image_data_uri(&ctx->error, image, z, &t) == FCS_OK);
    CHECK(t.s && strncmp(t.s, head, strlen(head)) == 0 && (t.n - strlen(head)) % 4 == 0);
    unsigned char *bytes = malloc(t.n + 1);
    snprintf(name, sizeof name, "test_report.%ld.png", (long)getpid());
    FILE *f = fopen(name, "wb");
    if (t.s && bytes && f) {
        size_t n = decode(t.s + strlen(head), t.n - strlen(head), bytes);
        CHECK(fwrite(bytes, 1, n, f) == n);
    }
    if (f)
        fclose(f);
    CHECK(fcs_image_read(ctx, name, &back) == FCS_OK);
    remove(name);
    free(bytes);
    free(t.s);
    return back;
}

static void test_pictures(fcs_context *ctx)
{
    fcs_image *grey = NULL, *colour = NULL;
    CHECK(fcs_image_new(ctx, 5, 3, 2, 1, FCS_F32, &grey) == FCS_OK);
    CHECK(fcs_image_new(ctx, 7, 2, 1, 3, FCS_U16, &colour) == FCS_OK);
    if (!grey || !colour)
        return;
    static const float values[] = {-1, 0, 0.5f, 1, 2}; /* clipped: 0 0 128 255 255 */
    static const int bytes[] = {0, 0, 128, 255, 255};
    for (int i = 0; i < 15; i++)
        ((float *)grey->data)[15 + i] = values[i % 5];
    fcs_image *back = round_trip(ctx, grey, 1);
    CHECK(back && back->width == 5 && back->height == 3 && back->channels == 1);
    for (int i = 0; back && i < 15; i++)
        CHECK(((unsigned char *)back->data)[i] == bytes[i % 5]);
    fcs_image_free(back);
    for (int i = 0; i < 42; i++)
        ((uint16_t *)colour->data)[i] = (uint16_t)(257 * (6 * i));
    back = round_trip(ctx, colour, 0);
    CHECK(back && back->width == 7 && back->height == 2 && back->channels == 3);
    for (int i = 0; back && i < 42; i++)
        CHECK(((unsigned char *)back->data)[i] == 6 * i);
    fcs_image_free(back);
    fcs_image_free(grey);
    fcs_image_free(colour);
}

static int count_of(const char *text, const char *word)
{
    int n = 0;
    for (const char *at = text; at && (at = strstr(at, word)); at++)
        n++;
    return n;
}

/* No plot may hold "nan" or "inf", whatever is in the data; returns the number of line pieces. */
static int pieces(const fcs_plot *p)
{
    fcs_text t = {0};
    fcs_plot_svg(&t, p, 0);
    CHECK(!t.failed && count_of(t.s, "<svg") == 1 && count_of(t.s, "</svg>") == 1);
    CHECK(count_of(t.s, "nan") == 0 && count_of(t.s, "inf") == 0);
    CHECK(count_of(t.s, "<g") == count_of(t.s, "</g>"));
    int n = count_of(t.s, "M") - 1; /* one is the axis */
    free(t.s);
    return n;
}

static void test_plots(void)
{
    double gap[] = {1, 2, NAN, 3, INFINITY, 4, 5}, flat[] = {3, 3, 3}, none[] = {NAN, NAN};
    double wide[] = {1e-30, 0, -1, 1e30};
    fcs_series s = {.y = gap, .n = 7};
    CHECK(pieces(&(fcs_plot){.series = &s, .n = 1}) == 3);
    s = (fcs_series){.y = flat, .n = 3};
    CHECK(pieces(&(fcs_plot){.series = &s, .n = 1}) == 1);
    s = (fcs_series){.y = none, .n = 2};
    CHECK(pieces(&(fcs_plot){.series = &s, .n = 1}) == 0);
    CHECK(pieces(&(fcs_plot){.series = &s, .n = 1, .log_y = true}) == 0);
    s = (fcs_series){.y = wide, .n = 4};
    CHECK(pieces(&(fcs_plot){.series = &s, .n = 1, .log_y = true}) == 2); /* not 0, -1 */
    CHECK(pieces(&(fcs_plot){.series = &s, .n = 1}) == 1);
    CHECK(pieces(&(fcs_plot){.n = 0}) == 0);
}

/* A long log draws no more points than there are places for, and keeps its extremes. */
static void test_long(void)
{
    enum { N = 100000 };
    double *y = malloc(N * sizeof *y);
    for (int i = 0; y && i < N; i++)
        y[i] = i == 54321 ? 100 : i % 2;
    fcs_text t = {0};
    fcs_series s = {.y = y, .n = N};
    fcs_plot_svg(&t, &(fcs_plot){.series = &s, .n = 1, .y_low = 0, .y_high = 100}, 0);
    CHECK(!t.failed && t.n < 60000);
    /* The spike reaches the frame's top, y0 = 140. */
    CHECK(count_of(t.s, " 140L") + count_of(t.s, " 140\"") >= 1);
    free(t.s);
    free(y);
}

int main(void)
{
    fcs_context *ctx;
    if (fcs_open(&ctx, NULL) != FCS_OK) {
        fprintf(stderr, "%s\n", fcs_message(ctx));
        return 1;
    }
    test_escape();
    test_pictures(ctx);
    test_plots();
    test_long();
    fcs_close(ctx);
    return test_end();
}
