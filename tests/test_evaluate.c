/* test_evaluate.c: fcs_evaluate on small images made here: stacks, folders, volumes, value ranges,
 * the envelope's closed forms, the page, threads, refusals. */
#include "base/base.h"
#include "test.h"
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SIDE = 48, PAGES = 4 };

typedef struct lab {
    fcs_context *ctx;
    char folder[64], path[200];
    char notes[2000];
} lab;

static void remember(void *user, const char *line)
{
    lab *l = user;
    size_t n = strlen(l->notes);
    snprintf(l->notes + n, sizeof l->notes - n, "%s\n", line);
}

static const char *in_folder(lab *l, const char *name)
{
    snprintf(l->path, sizeof l->path, "%s/%s", l->folder, name);
    return l->path;
}

/* ---- pictures: page k has stripes of k + 2 pixels along x, some broken ---- */

static int pattern(int64_t k, int64_t y, int64_t x)
{
    return x / (k + 2) % 2 == 0 && (y + 3 * x) % (17 + k) != 0;
}

typedef double value_of(int64_t page, int64_t y, int64_t x);
static double plain(int64_t k, int64_t y, int64_t x) { return pattern(k, y, x); }
static double signs(int64_t k, int64_t y, int64_t x) { return 2 * pattern(k, y, x) - 1; }
static double black(int64_t k, int64_t y, int64_t x)
{
    (void)k;
    (void)y;
    (void)x;
    return 0;
}
static double wild(int64_t k, int64_t y, int64_t x) { return 7.5 * pattern(k, y, x); }
static double soft(int64_t k, int64_t y, int64_t x) { return pattern(k, y, x) ? 0.9 : 0.1; }

static double three(int64_t k, int64_t y, int64_t x)
{
    return (double)((k * 7 + y / 2 * 11 + x * 5 + k * y) % 3);
}
static double layers(int64_t k, int64_t y, int64_t x) { return pattern(1, y, x) + 0 * (int)k; }

static void write_image(lab *l, const char *name, fcs_sample sample, int64_t side, int64_t first,
                        int64_t pages, double scale, value_of *value)
{
    fcs_image *image = NULL;
    if (fcs_image_new(l->ctx, side, side, pages, 1, sample, &image) != FCS_OK) {
        CHECK(false && "memory");
        return;
    }
    for (int64_t i = 0; i < side * side * pages; i++) {
        double v = scale * value(first + i / (side * side), i / side % side, i % side);
        if (sample == FCS_U8)
            ((unsigned char *)image->data)[i] = (unsigned char)v;
        else
            ((float *)image->data)[i] = (float)v;
    }
    CHECK(fcs_image_write(l->ctx, image, in_folder(l, name)) == FCS_OK);
    fcs_image_free(image);
}

/* ---- reading results ---- */

static int column(const fcs_table *t, const char *name)
{
    int c = 0;
    while (c < fcs_table_columns(t) && strcmp(fcs_table_name(t, c), name) != 0)
        c++;
    return c;
}

static bool is(const fcs_table *t, int row, const char *name, const char *want)
{
    const char *text = fcs_table_text(t, row, column(t, name));
    return !want || (text && strcmp(text, want) == 0);
}

static double find(const fcs_table *t, const char *metric, const char *variant, const char *phase,
                   const char *axis, const char *at, const char *what)
{
    for (int r = 0; t && r < fcs_table_rows(t); r++)
        if (is(t, r, "metric", metric) && is(t, r, "variant", variant) &&
            is(t, r, "phase", phase) && is(t, r, "axis", axis) && is(t, r, "at", at))
            return fcs_table_number(t, r, column(t, what));
    return NAN;
}

/* Evaluates files of the lab's folder; the caller frees. */
static fcs_table *evaluate(lab *l, const char *real, const char *generated,
                           const fcs_evaluate_options *o)
{
    char real_path[200];
    snprintf(real_path, sizeof real_path, "%s", in_folder(l, real));
    const char *path = in_folder(l, generated);
    fcs_table *t = NULL;
    l->notes[0] = 0;
    fcs_error_clear(&l->ctx->error);
    if (fcs_evaluate(l->ctx, real_path, &path, 1, o, &t) != FCS_OK)
        return NULL;
    return t;
}

static void check_equal(const fcs_table *a, const fcs_table *b, double tolerance)
{
    CHECK(a && b && fcs_table_rows(a) == fcs_table_rows(b) &&
          fcs_table_rows(a) == 61); /* lags end at 24: one row of a lag, 10 */
    if (!a || !b)
        return;
    int value = column(a, "value"), worst = 0;
    for (int r = 0; r < fcs_table_rows(a); r++) {
        double x = fcs_table_number(a, r, value), y = fcs_table_number(b, r, value);
        worst += !(fabs(x - y) <= tolerance || (isnan(x) && isnan(y)));
    }
    CHECK(worst == 0);
}

/* ---- tests ---- */

static const fcs_evaluate_options defaults;

/* The pages of a stack and the same pages as files of a folder give the same numbers. */
static void test_pages(lab *l)
{
    fcs_table *stack = evaluate(l, "pages", "stack.tif", &defaults),
              *folder = evaluate(l, "pages", "pages", &defaults);
    check_equal(stack, folder, 0);
    /* Equal sets: value = real for means, all of every curve inside. */
    CHECK_NEAR(find(stack, "share", NULL, "1", NULL, NULL, "value"),
               find(stack, "share", NULL, "1", NULL, NULL, "real"), 0);
    CHECK_NEAR(find(stack, "s2", NULL, "1", "x", "share_of_lags_in_envelope_percent", "value"), 100,
               0);
    CHECK_NEAR(
        find(stack, "s2", NULL, "1", "x", "share_of_sample_lags_in_envelope_percent", "value"), 100,
        0);
    /* Four samples, at each lag two extremes: leaving each out of its own envelope puts half of
     * them outside, fewer where samples tie. */
    double left_out =
        find(stack, "s2", NULL, "1", "x", "share_of_sample_lags_in_envelope_percent", "real");
    CHECK(left_out >= 50 && left_out < 75);
    /* Pairs (i, k) of one set with itself hold 4 zeros among 16, the floor 6 pairs that are not:
     * 12/16 of it. */
    double floor = find(stack, "lbp_r1", "raw", NULL, NULL, NULL, "floor");
    CHECK(floor > 0);
    CHECK_NEAR(find(stack, "lbp_r1", "raw", NULL, NULL, NULL, "value"), 0.75 * floor,
               1e-12 * floor);
    fcs_table_free(stack);
    fcs_table_free(folder);
}

static void test_ranges(lab *l)
{
    fcs_table *want = evaluate(l, "pages", "stack.tif", &defaults);
    fcs_table *from_signs = evaluate(l, "pages", "signs.tif", &defaults);
    CHECK(strstr(l->notes, "[-1,1]") != NULL);
    check_equal(want, from_signs, 0);
    fcs_table *labels = evaluate(l, "pages", "labels.tif", &defaults);
    CHECK(strstr(l->notes, "two levels") != NULL);
    check_equal(want, labels, 0);
    /* 0.1 and 0.9: the raw variation shrinks by 0.8, the thresholded one stays. */
    fcs_table *shrunk = evaluate(l, "pages", "soft.tif", &defaults);
    CHECK_NEAR(find(shrunk, "tv_anisotropic", "raw", NULL, NULL, NULL, "value"),
               0.8 * find(want, "tv_anisotropic", "raw", NULL, NULL, NULL, "value"), 1e-7);
    CHECK_NEAR(find(shrunk, "tv_anisotropic", "thresholded", NULL, NULL, NULL, "value"),
               find(want, "tv_anisotropic", "raw", NULL, NULL, NULL, "value"), 1e-15);
    CHECK(evaluate(l, "pages", "wild.tif", &defaults) == NULL &&
          strstr(fcs_message(l->ctx), "7.5"));
    fcs_table_free(want);
    fcs_table_free(from_signs);
    fcs_table_free(labels);
    fcs_table_free(shrunk);
}

static void test_black(lab *l)
{
    fcs_table *t = evaluate(l, "pages", "black.png", &defaults);
    CHECK_NEAR(find(t, "tv_isotropic", "raw", NULL, NULL, NULL, "value"), 0, 0);
    CHECK_NEAR(find(t, "share", NULL, "0", NULL, NULL, "value"), 1, 0);
    CHECK_NEAR(find(t, "s2", NULL, "1", "y", "share_of_lags_in_envelope_percent", "value"), 0, 0);
    CHECK_NEAR(find(t, "tau", NULL, "1", "y", "share_of_lags_in_envelope_percent", "value"), 0,
               0); /* NaN is outside */
    fcs_table_free(t);
}

/* Larger images are cut into random crops; more of them than asked for are never taken. */
static void test_crops(lab *l)
{
    fcs_evaluate_options o = {.crops = 7, .seed = 3};
    fcs_table *a = evaluate(l, "large.png", "stack.tif", &o),
              *b = evaluate(l, "large.png", "stack.tif", &o);
    check_equal(a, b, 0);
    CHECK_NEAR(find(a, "share", NULL, "1", NULL, NULL, "real"),
               find(b, "share", NULL, "1", NULL, NULL, "real"), 0);
    o.seed = 4;
    fcs_table *c = evaluate(l, "large.png", "stack.tif", &o);
    CHECK(find(a, "share", NULL, "1", NULL, NULL, "real") !=
          find(c, "share", NULL, "1", NULL, NULL, "real"));
    fcs_table_free(a);
    fcs_table_free(b);
    fcs_table_free(c);
}

/* The real share of lags inside is that of more crops of the real image, numbered after all sets:
 * the same that a second set made of this image gets. Images that are samples as they are leave
 * nothing to compare with. */
static void test_real_inside(lab *l)
{
    static const char *const at = "share_of_lags_in_envelope_percent";
    char large[200], stack[200];
    snprintf(large, sizeof large, "%s", in_folder(l, "large.png"));
    snprintf(stack, sizeof stack, "%s", in_folder(l, "stack.tif"));
    const char *const two[] = {stack, large};
    const fcs_evaluate_options o = {.crops = 3, .seed = 5};
    fcs_table *one = evaluate(l, "large.png", "stack.tif", &o), *both = NULL;
    CHECK(fcs_evaluate(l->ctx, large, two, 2, &o, &both) == FCS_OK);
    int checked = 0, below = 0, path = column(both, "set"), value = column(both, "value");
    for (int r = 0; one && both && r < fcs_table_rows(one); r++) {
        int twin = r + fcs_table_rows(one); /* the second set's rows follow in the same order */
        if (!is(one, r, "at", at))
            continue;
        CHECK(strcmp(fcs_table_text(both, twin, path), large) == 0);
        CHECK_NEAR(fcs_table_number(one, r, column(one, "real")),
                   fcs_table_number(both, twin, value), 0);
        below += fcs_table_number(one, r, column(one, "real")) < 100;
        checked++;
    }
    CHECK(checked == 15 && below > 0);
    fcs_table *exact = evaluate(l, "pages", "stack.tif", &o);
    CHECK(exact && isnan(find(exact, "tau", NULL, "1", "x", at, "real")));
    fcs_table_free(one);
    fcs_table_free(both);
    fcs_table_free(exact);
}

static void test_volumes(lab *l)
{
    fcs_table *t = evaluate(l, "cube.tif", "cube.tif", &defaults);
    /* One sample each, equal: same numbers; curves along z are there (lags 1..8 of a 16-cube). */
    CHECK_NEAR(find(t, "tau", NULL, "1", "z", "share_of_lags_in_envelope_percent", "value"), 100,
               0);
    CHECK_NEAR(find(t, "tv_isotropic", "raw", NULL, NULL, NULL, "value"),
               find(t, "tv_isotropic", "raw", NULL, NULL, NULL, "real"), 0);
    int64_t ones = 0;
    for (int64_t i = 0; i < 16 * 16 * 16; i++)
        ones += pattern(i / 256, i / 16 % 16, i % 16);
    CHECK_NEAR(find(t, "share", NULL, "1", NULL, NULL, "value"), (double)ones / 4096, 1e-15);
    CHECK(evaluate(l, "cube.tif", "black.png", &defaults) == NULL &&
          strstr(fcs_message(l->ctx), "volume"));
    CHECK(evaluate(l, "cube.tif", "cube.tif", &(fcs_evaluate_options){.neighbours = 8}) == NULL);
    fcs_table_free(t);
}

/* Three levels are three phases, however a file spells them; --threshold makes two again. */
static void test_phases(lab *l)
{
    fcs_table *grey = evaluate(l, "three.tif", "three.tif", &defaults);
    CHECK(strstr(l->notes, "3 phases") && strstr(l->notes, "2 is 254"));
    fcs_table *numbers = evaluate(l, "three.tif", "three-labels.tif", &defaults);
    int n = 0, bad = 0, value = column(grey, "value");
    for (int r = 0; grey && numbers && r < fcs_table_rows(grey); r++, n++) {
        double a = fcs_table_number(grey, r, value), b = fcs_table_number(numbers, r, value);
        bad += !(a == b || (isnan(a) && isnan(b)));
    }
    CHECK(n > 0 && bad == 0 && fcs_table_rows(numbers) == n);
    double sum = 0;
    for (int k = 0; k < 3; k++) {
        const char phase[2] = {(char)('0' + k), 0};
        sum += find(grey, "share", NULL, phase, NULL, "whole", "value");
    }
    CHECK_NEAR(sum, 1, 1e-15);
    CHECK_NEAR(find(grey, "share", NULL, "2", NULL, "whole", "value"), 1.0 / 3, 0.01);
    fcs_table *two =
        evaluate(l, "three.tif", "three.tif", &(fcs_evaluate_options){.threshold = 0.6});
    CHECK(isnan(find(two, "share", NULL, "2", NULL, "whole", "value")));
    CHECK_NEAR(find(two, "share", NULL, "1", NULL, "whole", "value"),
               find(grey, "share", NULL, "2", NULL, "whole", "value"), 1e-15);
    fcs_table_free(grey);
    fcs_table_free(numbers);
    fcs_table_free(two);
}

/* The value of s2's lags inside the envelope, along x of the pages across that axis. */
static double inside_across(const fcs_table *t, const char *across)
{
    for (int r = 0; t && r < fcs_table_rows(t); r++)
        if (is(t, r, "metric", "s2") && is(t, r, "phase", "1") && is(t, r, "axis", "x") &&
            is(t, r, "at", "share_of_lags_in_envelope_percent") && is(t, r, "across", across))
            return fcs_table_number(t, r, column(t, "value"));
    return NAN;
}

/* The real page's stripes along x, the same at each z: pages across z and y show them along their
 * x, pages across x, whose x is the volume's y, do not. */
static void test_slices(lab *l)
{
    fcs_evaluate_options o = {.crop = 16};
    fcs_table *t = evaluate(l, "large.png", "layers.tif", &o);
    CHECK(strstr(l->notes, "NOT agree") != NULL);
    CHECK(inside_across(t, "z") >= 95 && inside_across(t, "y") >= 75);
    CHECK(inside_across(t, "x") < 25);
    CHECK(find(t, "isotropy", NULL, "1", NULL, "whole", "value") > 1);
    CHECK(!isnan(find(t, "percolation", NULL, "1", "z", "whole", "value")));
    CHECK(isnan(find(t, "surface", NULL, "1", NULL, "whole", "real")));
    fcs_table_free(t);
}

static void test_selection(lab *l)
{
    fcs_table *t =
        evaluate(l, "pages", "stack.tif", &(fcs_evaluate_options){.metrics = "tv,share"});
    CHECK(t && fcs_table_rows(t) == 6); /* two variations raw and thresholded, two phases */
    fcs_table_free(t);
    CHECK(evaluate(l, "pages", "stack.tif", &(fcs_evaluate_options){.metrics = "tv,shar_"}) ==
          NULL);
    CHECK(strstr(fcs_message(l->ctx), "\"share\"") != NULL);
}

static void test_refusals(lab *l)
{
    CHECK(evaluate(l, "pages", "nothing.png", &defaults) == NULL &&
          strstr(fcs_message(l->ctx), "nothing.png"));
    CHECK(evaluate(l, "pages", "empty", &defaults) == NULL &&
          strstr(fcs_message(l->ctx), "no pictures"));
    CHECK(evaluate(l, "pages", "stack.tif", &(fcs_evaluate_options){.neighbours = 5}) == NULL);
    CHECK(evaluate(l, "pages", "stack.tif", &(fcs_evaluate_options){.threshold = NAN}) == NULL);
    CHECK(evaluate(l, "pages", "stack.tif", &(fcs_evaluate_options){.crops = -1}) == NULL);
    CHECK(evaluate(l, "pages", "stack.tif", &(fcs_evaluate_options){.crop = 1}) == NULL);
    fcs_table *t = NULL;
    fcs_error_clear(&l->ctx->error);
    CHECK(fcs_evaluate(l->ctx, "x", NULL, 0, NULL, &t) == FCS_FAILED && t == NULL);
    fcs_error_clear(&l->ctx->error);
}

static int count_of(const char *text, const char *word)
{
    int n = 0;
    for (const char *at = text; (at = strstr(at, word)); at++)
        n++;
    return n;
}

static void test_page(lab *l)
{
    char page[200];
    snprintf(page, sizeof page, "%s", in_folder(l, "page.html"));
    fcs_table *t = evaluate(l, "pages", "a<b>&.tif", &(fcs_evaluate_options){.html = page});
    CHECK(t != NULL);
    char *html = fcs_file_read(&l->ctx->error, page, (size_t)64 << 20, NULL);
    CHECK(html != NULL);
    if (html) {
        /* tau, c2, s2 x two phases x two axes, spectrum, correlation x two axes; four pictures of
         * each set, four pairs. */
        CHECK(count_of(html, "<svg") == 15 && count_of(html, "</svg>") == 15);
        CHECK(count_of(html, "src=\"data:image/png;base64,iVBORw0KGgo") == 12);
        CHECK(count_of(html, "a&lt;b&gt;&amp;.tif") > 0 && count_of(html, "<b>&") == 0);
        CHECK(count_of(html, "<script") == 0 &&
              count_of(html, "http") == 0); /* nothing from elsewhere */
        CHECK(count_of(html, "nan") == 0 && count_of(html, "inf") == 0);
        CHECK(count_of(html, "<table") == count_of(html, "</table>"));
    }
    free(html);
    fcs_table_free(t);
    CHECK(evaluate(l, "pages", "stack.tif", &(fcs_evaluate_options){.html = "/dev/full"}) == NULL);
}

static void test_threads(lab *l)
{
    fcs_context *mine = l->ctx;
    fcs_table *one, *many = evaluate(l, "pages", "soft.tif", &defaults);
    CHECK(fcs_open(&l->ctx, &(fcs_options){.threads = 1}) == FCS_OK);
    one = evaluate(l, "pages", "soft.tif", &defaults);
    check_equal(one, many, 0);
    fcs_close(l->ctx);
    l->ctx = mine;
    fcs_table_free(one);
    fcs_table_free(many);
}

static void make_pictures(lab *l)
{
    static const char *const folders[] = {"pages", "empty"};
    for (int i = 0; i < 2; i++)
        CHECK(mkdir(in_folder(l, folders[i]), 0700) == 0);
    for (int k = 0; k < PAGES; k++) {
        char name[40];
        snprintf(name, sizeof name, "pages/%d.png", k);
        write_image(l, name, FCS_U8, SIDE, k, 1, 255, plain);
    }
    write_image(l, "stack.tif", FCS_U8, SIDE, 0, PAGES, 255, plain);
    write_image(l, "a<b>&.tif", FCS_U8, SIDE, 0, PAGES, 255, plain);
    write_image(l, "labels.tif", FCS_U8, SIDE, 0, PAGES, 1, plain);
    write_image(l, "signs.tif", FCS_F32, SIDE, 0, PAGES, 1, signs);
    write_image(l, "soft.tif", FCS_F32, SIDE, 0, PAGES, 1, soft);
    write_image(l, "wild.tif", FCS_F32, SIDE, 0, PAGES, 1, wild);
    write_image(l, "black.png", FCS_U8, SIDE, 0, 1, 255, black);
    write_image(l, "large.png", FCS_U8, 3 * SIDE, 1, 1, 255, plain);
    write_image(l, "cube.tif", FCS_U8, 16, 0, 16, 255, plain);
    write_image(l, "three.tif", FCS_U8, 24, 0, 24, 127, three);
    write_image(l, "three-labels.tif", FCS_F32, 24, 0, 24, 1, three);
    write_image(l, "layers.tif", FCS_U8, SIDE, 0, SIDE, 255, layers);
}

static void remove_pictures(lab *l)
{
    static const char *const names[] = {
        "copies.tif",  "wide.png",         "tile.png",  "labels.png", "pages/0.png", "pages/1.png",
        "pages/2.png", "pages/3.png",      "stack.tif", "a<b>&.tif",  "labels.tif",  "signs.tif",
        "soft.tif",    "wild.tif",         "black.png", "large.png",  "cube.tif",    "page.html",
        "three.tif",   "three-labels.tif", "layers.tif"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        unlink(in_folder(l, names[i]));
    rmdir(in_folder(l, "pages"));
    rmdir(in_folder(l, "empty"));
    CHECK(rmdir(l->folder) == 0); /* nothing else was left behind */
}

/* Pages that are mirrored and turned copies of the real ones are found; variety in closed form. */
static double mirrored(int64_t k, int64_t y, int64_t x) { return pattern(k, x, SIDE - 1 - y); }

static void test_copies(lab *l)
{
    write_image(l, "copies.tif", FCS_F32, SIDE, 0, PAGES, 1, mirrored);
    const fcs_evaluate_options o = {.metrics = "nearest,variety"};
    fcs_table *pages = evaluate(l, "pages", "copies.tif", &o);
    CHECK(pages && fcs_table_rows(pages) == 2);
    CHECK_NEAR(find(pages, "nearest_pixels", NULL, NULL, NULL, NULL, "value"), 0, 0);
    CHECK(find(pages, "nearest_pixels", NULL, NULL, NULL, NULL, "real") > 0.3);
    double sum = 0, want = 0;
    for (int a = 0; a < PAGES; a++)
        for (int b = a + 1; b < PAGES; b++) {
            sum = 0;
            for (int64_t i = 0; i < SIDE * SIDE; i++)
                sum += pattern(a, i / SIDE, i % SIDE) != pattern(b, i / SIDE, i % SIDE);
            want += sqrt(sum / (SIDE * SIDE)) / (PAGES * (PAGES - 1) / 2);
        }
    CHECK_NEAR(find(pages, "variety_pixels", NULL, NULL, NULL, NULL, "value"), want, 1e-6);
    CHECK_NEAR(find(pages, "variety_pixels", NULL, NULL, NULL, NULL, "real"), want, 1e-6);
    fcs_table_free(pages);
}

/* Tiles of the real image are all of its samples; what does not fit together is refused. */
static void test_tiles(lab *l)
{
    write_image(l, "wide.png", FCS_U8, 2 * SIDE, 0, 1, 255, plain);
    write_image(l, "tile.png", FCS_U8, SIDE, 0, 1, 255, plain);
    fcs_evaluate_options o = {.metrics = "nearest_pixels", .tile = SIDE, .stride = 8};
    fcs_table *t = evaluate(l, "wide.png", "tile.png", &o);
    CHECK_NEAR(find(t, "nearest_pixels", NULL, NULL, NULL, NULL, "value"), 0, 0);
    fcs_table_free(t);
    o = (fcs_evaluate_options){.metrics = "share", .resize = "stretch", .crop = SIDE / 2};
    t = evaluate(l, "wide.png", "tile.png", &o);
    int64_t above = 0, blocks = SIDE / 2; /* of 4 x 4 pixels */
    for (int64_t b = 0; b < blocks * blocks; b++) {
        int sum = 0;
        for (int64_t i = 0; i < 16; i++)
            sum += pattern(0, b / blocks * 4 + i / 4, b % blocks * 4 + i % 4);
        above += sum > 8;
    }
    CHECK_NEAR(find(t, "share", NULL, "1", NULL, NULL, "real"),
               (double)above / (double)(blocks * blocks), 1e-9);
    fcs_table_free(t);
    /* The same when the phases are spelt 0 and 1. */
    write_image(l, "labels.png", FCS_U8, 2 * SIDE, 0, 1, 1, plain);
    t = evaluate(l, "labels.png", "tile.png", &o);
    CHECK_NEAR(find(t, "share", NULL, "1", NULL, NULL, "real"),
               (double)above / (double)(blocks * blocks), 1e-9);
    fcs_table_free(t);
    static const struct {
        fcs_evaluate_options o;
        const char *word;
    } bad[] = {{{.tile = 500}, "smaller than the tile"},
               {{.stride = 5}, "--tile"},
               {{.resize = "both"}, "cover or stretch"},
               {{.metrics = "frechet"}, "--features"},
               {{.features = "nowhere.safetensors"}, "nowhere.safetensors"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK(!evaluate(l, "wide.png", "tile.png", &bad[i].o));
        CHECK(strstr(fcs_message(l->ctx), bad[i].word));
    }
}

/* With a net, where one is at hand: a set against itself, and against another. */
static void test_features(lab *l)
{
    char net[600];
    const char *shared = getenv("FACIES_SHARED");
    snprintf(net, sizeof net, "%s/data/pretrained/tiny_darknet.safetensors",
             shared ? shared : "../shared");
    if (access(net, R_OK) != 0) {
        printf("no %s: distances over features are not tested here\n", net);
        return;
    }
    const fcs_evaluate_options o = {.metrics = "frechet,kernel,nearest,variety", .features = net};
    fcs_table *same = evaluate(l, "pages", "pages", &o),
              *other = evaluate(l, "pages", "soft.tif", &o);
    CHECK(same && fcs_table_rows(same) == 6 && strstr(l->notes, "4 samples for 128 features"));
    CHECK_NEAR(find(same, "frechet_tiny_darknet", NULL, NULL, NULL, NULL, "value"), 0, 1e-6);
    CHECK_NEAR(find(same, "nearest_tiny_darknet", NULL, NULL, NULL, NULL, "value"), 0, 1e-6);
    CHECK(find(other, "frechet_tiny_darknet", NULL, NULL, NULL, NULL, "value") > 1e-3);
    fcs_table_free(same);
    fcs_table_free(other);
}

int main(void)
{
    lab l = {.folder = "test_evaluate.XXXXXX"};
    if (!mkdtemp(l.folder) ||
        fcs_open(&l.ctx, &(fcs_options){.log = remember, .user = &l, .threads = 2}) != FCS_OK) {
        fprintf(stderr, "cannot start: %s\n", l.ctx ? fcs_message(l.ctx) : "no folder");
        return 1;
    }
    make_pictures(&l);
    test_pages(&l);
    test_ranges(&l);
    test_black(&l);
    test_crops(&l);
    test_real_inside(&l);
    test_volumes(&l);
    test_phases(&l);
    test_slices(&l);
    test_selection(&l);
    test_refusals(&l);
    test_page(&l);
    test_threads(&l);
    test_copies(&l);
    test_tiles(&l);
    test_features(&l);
    remove_pictures(&l);
    fcs_close(l.ctx);
    return test_end();
}
