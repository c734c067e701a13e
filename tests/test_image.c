/* test_image.c: images of other programs against their known values, round trips, damaged files,
 * training crops. */
#include "image/image.h"
#include "test.h"
#include <dirent.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static fcs_context ctx;
static char folder[64], last_note[1024];

static void on_log(void *user, const char *line)
{
    (void)user;
    snprintf(last_note, sizeof last_note, "%s", line);
}

static const char *fixture(const char *name)
{
    static char path[1024];
    const char *source = getenv("srcdir");
    snprintf(path, sizeof path, "%s/tests/data/images/%s", source ? source : ".", name);
    return path;
}

static const char *scratch(const char *name)
{
    static char path[4][200];
    static int next;
    next = (next + 1) % 4;
    snprintf(path[next], sizeof path[next], "%s/%s", folder, name);
    return path[next];
}

/* ---- what the README of the fixtures says ---- */

typedef double truth(int z, int y, int x, int c);

static double grey(int z, int y, int x, int c) { return 16 * y + x + z + 0 * c; }
static double white(int z, int y, int x, int c) { return 255 - grey(z, y, x, c); }
static double bits1(int z, int y, int x, int c) { return (x + y) % 2 * 255 + 0 * (z + c); }
static double bits1_white(int z, int y, int x, int c) { return 255 - bits1(z, y, x, c); }
static double bits2(int z, int y, int x, int c) { return (x + y) % 4 * 85 + 0 * (z + c); }
static double bits4(int z, int y, int x, int c) { return (x + 3 * y) % 16 * 17 + 0 * (z + c); }
static double wide(int z, int y, int x, int c) { return 257 * grey(z, y, x, c) + 1; }
static double colours(int z, int y, int x, int c)
{
    double v = grey(z, y, x, c);
    return c == 0 ? v : c == 1 ? v + 1 : 200 - v;
}
static double wide_colours(int z, int y, int x, int c)
{
    double v = wide(z, y, x, c);
    return c == 0 ? v : c == 1 ? v + 1 : 65535 - v;
}
static double palette(int z, int y, int x, int c)
{
    return 10 + 30 * ((x + y) % 3) + 10 * c + 0 * z;
}
static double greys(int z, int y, int x, int c)
{
    static const double level[] = {0, 128, 255};
    return level[(x + y) % 3] + 0 * (z + c);
}
static double real(int z, int y, int x, int c) { return grey(z, y, x, c) / 8 - 1; }
static double integers(int z, int y, int x, int c) { return 100 * grey(z, y, x, c) - 3000; }
static double large(int z, int y, int x, int c) { return 1000 * grey(z, y, x, c); }
static double tiles(int z, int y, int x, int c) { return (x + 3 * y) % 251 + 0 * (z + c); }

static const struct expected {
    const char *name;
    int width, height, depth, channels;
    fcs_sample sample;
    truth *value;
    const char
        *note; /* a word of the note about what was converted; "" where there is to be none */
} expected[] = {
    {"grey8.png", 7, 5, 1, 1, FCS_U8, grey, ""},
    {"interlaced.png", 7, 5, 1, 1, FCS_U8, grey, ""},
    {"bigtiff.tif", 7, 5, 1, 1, FCS_U8, grey, ""},
    {"grey8-lzw.tif", 7, 5, 1, 1, FCS_U8, grey, ""},
    {"grey8-packbits-be.tif", 7, 5, 1, 1, FCS_U8, grey, ""},
    {"grey1.png", 7, 5, 1, 1, FCS_U8, bits1, ""},
    {"bilevel.tif", 7, 5, 1, 1, FCS_U8, bits1, ""},
    {"bilevel-g4.tif", 7, 5, 1, 1, FCS_U8, bits1, NULL},
    {"bilevel-white.tif", 7, 5, 1, 1, FCS_U8, bits1_white, "inverted"},
    {"grey2.png", 7, 5, 1, 1, FCS_U8, bits2, ""},
    {"grey4.png", 7, 5, 1, 1, FCS_U8, bits4, ""},
    {"grey16.png", 7, 5, 1, 1, FCS_U16, wide, ""},
    {"grey16-be.tif", 7, 5, 1, 1, FCS_U16, wide, ""},
    {"grey16-deflate-predictor.tif", 7, 5, 1, 1, FCS_U16, wide, ""},
    {"grey16-trns.png", 7, 5, 1, 1, FCS_U16, wide, "transparent"},
    {"greyalpha8.png", 7, 5, 1, 1, FCS_U8, grey, "alpha"},
    {"rgb8.png", 7, 5, 1, 3, FCS_U8, colours, ""},
    {"rgb8-planar.tif", 7, 5, 1, 3, FCS_U8, colours, ""},
    {"rgba8.png", 7, 5, 1, 3, FCS_U8, colours, "alpha"},
    {"rgba8.tif", 7, 5, 1, 3, FCS_U8, colours, "alpha"},
    {"rgb16.png", 7, 5, 1, 3, FCS_U16, wide_colours, ""},
    {"palette.png", 7, 5, 1, 3, FCS_U8, palette, "palette"},
    {"palette.tif", 7, 5, 1, 3, FCS_U8, palette, "palette"},
    {"palette-grey.png", 7, 5, 1, 1, FCS_U8, greys, "palette"},
    {"white8.tif", 7, 5, 1, 1, FCS_U8, white, "inverted"},
    {"float32.tif", 7, 5, 1, 1, FCS_F32, real, ""},
    {"float64-be.tif", 7, 5, 1, 1, FCS_F32, real, "64-bit float"},
    {"float16.tif", 7, 5, 1, 1, FCS_F32, real, "16-bit float"},
    {"int16.tif", 7, 5, 1, 1, FCS_F32, integers, "16-bit signed"},
    {"uint32.tif", 7, 5, 1, 1, FCS_F32, large, "32-bit unsigned"},
    {"tiles.tif", 37, 21, 1, 1, FCS_U8, tiles, ""},
    {"stack.tif", 7, 5, 3, 1, FCS_U8, grey, ""},
    {"stack-imagej.tif", 7, 5, 3, 1, FCS_U8, grey, ""},
    {"imagej-virtual.tif", 7, 5, 1, 1, FCS_U8, grey, "first of 3 images"},
    {"thumbnail.tif", 7, 5, 1, 1, FCS_U8, grey, "skipped"},
};
enum { EXPECTED = sizeof expected / sizeof *expected };

static double scale_of(fcs_sample s) { return s == FCS_U8 ? 255 : s == FCS_U16 ? 65535 : 1; }

static void test_known(const struct expected *x)
{
    fcs_image *m;
    int wrong = 0;
    last_note[0] = 0;
    fcs_status status = fcs_image_read(&ctx, fixture(x->name), &m);
    CHECK(status == FCS_OK);
    if (status) {
        fprintf(stderr, "%s: %s\n", x->name, fcs_message(&ctx));
        return;
    }
    bool shape = m->width == x->width && m->height == x->height && m->depth == x->depth &&
                 m->channels == x->channels && m->sample == x->sample;
    for (int z = 0; shape && z < x->depth; z++)
        for (int y = 0; y < x->height; y++)
            for (int i = 0; i < x->width; i++)
                for (int c = 0; c < x->channels; c++)
                    wrong += fabs(fcs_image_value(m, z, y, i, c) * scale_of(x->sample) -
                                  x->value(z, y, i, c)) > 1e-6;
    bool note = !x->note || (x->note[0] ? strstr(last_note, x->note) != NULL : last_note[0] == 0);
    CHECK(shape && wrong == 0 && note);
    if (!shape || wrong || !note)
        fprintf(stderr, "%s: %lld x %lld x %lld, %d channels, type %d; %d wrong; note: %s\n",
                x->name, (long long)m->width, (long long)m->height, (long long)m->depth,
                m->channels, (int)m->sample, wrong, last_note);
    fcs_image_free(m);
}

/* ---- writing and reading back ---- */

static void fill(fcs_image *m)
{
    int64_t n = m->width * m->height * m->depth * m->channels;
    for (int64_t i = 0; i < n; i++)
        switch (m->sample) {
        case FCS_U8: ((uint8_t *)m->data)[i] = (uint8_t)(i * 37); break;
        case FCS_U16: ((uint16_t *)m->data)[i] = (uint16_t)(i * 12347); break;
        case FCS_F32: ((float *)m->data)[i] = (float)(i % 97) / 96.0f; break;
        }
}

static void test_round_trip(const char *name, int64_t w, int64_t h, int64_t d, int channels,
                            fcs_sample sample)
{
    fcs_image *a = NULL, *b = NULL;
    CHECK(fcs_image_new(&ctx, w, h, d, channels, sample, &a) == FCS_OK);
    fill(a);
    const char *path = scratch(name);
    CHECK(fcs_image_write(&ctx, a, path) == FCS_OK);
    CHECK(fcs_image_read(&ctx, path, &b) == FCS_OK);
    if (b) {
        size_t size = sample == FCS_U8 ? 1 : sample == FCS_U16 ? 2 : 4;
        CHECK(b->width == w && b->height == h && b->depth == d && b->channels == channels &&
              b->sample == sample);
        CHECK(memcmp(a->data, b->data, (size_t)(w * h * d * channels) * size) == 0);
    }
    fcs_image_free(a);
    fcs_image_free(b);
}

static void test_round_trips(void)
{
    for (int channels = 1; channels <= 3; channels += 2) {
        for (int s = 0; s < 2; s++)
            test_round_trip("a.png", 31, 17, 1, channels, (fcs_sample)s);
        for (int s = 0; s < 3; s++)
            for (int depth = 1; depth <= 5; depth += 4) {
                test_round_trip("a.tif", 33, 19, depth, channels, (fcs_sample)s);
                test_round_trip("wide.tiff", 70001, 7, 1, channels,
                                (fcs_sample)s); /* several strips */
            }
    }
    test_round_trip("one.PNG", 1, 1, 1, 1, FCS_U8);
    test_round_trip("tall.tif", 1, 300001, 1, 1, FCS_U8);
    struct stat st;
    CHECK(stat(scratch("one.PNG"), &st) == 0 && st.st_size > 0);
}

/* Floats into a PNG: rounded to 8 bit, out of range and NaN clamped. */
static void test_float_png(void)
{
    static const float in[] = {-1, 0, 0.5f / 255 - 1e-4f, 0.5f / 255 + 1e-4f, 0.5f, 1, 2, 0};
    static const int out[] = {0, 0, 0, 1, 128, 255, 255, 0};
    fcs_image *m = NULL, *b = NULL;
    CHECK(fcs_image_new(&ctx, 8, 1, 1, 1, FCS_F32, &m) == FCS_OK);
    memcpy(m->data, in, sizeof in);
    ((float *)m->data)[7] = (float)NAN;
    CHECK(fcs_image_write(&ctx, m, scratch("f.png")) == FCS_OK);
    CHECK(fcs_image_read(&ctx, scratch("f.png"), &b) == FCS_OK);
    for (int i = 0; b && i < 8; i++)
        CHECK(((uint8_t *)b->data)[i] == out[i]);
    fcs_image_free(b);
    CHECK(fcs_image_to_float(&ctx, m, &b) == FCS_OK);
    CHECK(b && b->sample == FCS_F32 && memcmp(b->data, in, 7 * sizeof *in) == 0);
    fcs_image_free(b);
    fcs_image_free(m);
}

/* ---- failures: a status, one line that names the file, nothing left behind ---- */

static void check_failed(fcs_status status, const char *path, const char *word)
{
    const char *message = fcs_message(&ctx);
    bool ok = status == FCS_FAILED && strstr(message, path) && strstr(message, word) &&
              !strchr(message, '\n');
    CHECK(ok);
    if (!ok)
        fprintf(stderr, "%s: status %d, message: %s\n", path, status, message);
}

static void write_bytes(const char *path, const void *bytes, size_t n)
{
    FILE *f = fopen(path, "wb");
    CHECK(f && fwrite(bytes, 1, n, f) == n && fclose(f) == 0);
}

static void test_cut(const char *name)
{
    size_t size = 0;
    char *bytes = fcs_file_read(&ctx.error, fixture(name), 1 << 20, &size);
    const char *path = scratch("cut");
    CHECK(bytes && size > 0);
    int accepted = 0;
    for (size_t n = 0; bytes && n < size; n++) {
        fcs_image *m = NULL;
        write_bytes(path, bytes, n);
        fcs_status status = fcs_image_read(&ctx, path, &m);
        accepted += status == FCS_OK;
        if (status)
            check_failed(status, path, ":");
        CHECK((status == FCS_OK) == (m != NULL));
        fcs_image_free(m);
    }
    /* A TIFF may end in padding or in tags that nobody needs; all of a PNG is needed. */
    CHECK(strstr(name, ".png") ? accepted == 0 : accepted <= (int)size / 3);
    free(bytes);
}

static void test_errors(void)
{
    fcs_image *m = NULL;
    fcs_writer *w = NULL;
    check_failed(fcs_image_read(&ctx, scratch("none.png"), &m), "none.png", "No such file");
    check_failed(fcs_image_read(&ctx, folder, &m), folder, "folder");
    check_failed(fcs_image_read(&ctx, fixture("README.md"), &m), "README.md", "neither a PNG");
    write_bytes(scratch("empty.png"), "", 0);
    check_failed(fcs_image_read(&ctx, scratch("empty.png"), &m), "empty.png", "empty file");
    check_failed(fcs_image_read(&ctx, fixture("pages-differ.tif"), &m), "pages-differ.tif",
                 "page 2");
    CHECK(m == NULL);
    /* An honest header of 2^31 - 1 pixels squared on a tiny file: refused before any memory is
     * spent. */
    static const unsigned char bomb[] = {137, 'P', 'N', 'G', 13,  10,  26,  10,   0,    0,    0,
                                         13,  'I', 'H', 'D', 'R', 127, 255, 255,  255,  127,  255,
                                         255, 255, 8,   0,   0,   0,   0,   0x99, 0xa9, 0x0f, 0x2e};
    write_bytes(scratch("bomb.png"), bomb, sizeof bomb);
    check_failed(fcs_image_read(&ctx, scratch("bomb.png"), &m), "bomb.png", ":");

    uint8_t row[64] = {0};
    fcs_error_clear(&ctx.error);
    check_failed(
        fcs_writer_open(
            &ctx.error, scratch("a.jpg"),
            &(fcs_form){.width = 8, .height = 8, .depth = 1, .channels = 1, .sample = FCS_U8}, &w),
        "a.jpg", ".png");
    fcs_error_clear(&ctx.error);
    check_failed(
        fcs_writer_open(
            &ctx.error, scratch("a.png"),
            &(fcs_form){.width = 8, .height = 8, .depth = 2, .channels = 1, .sample = FCS_U8}, &w),
        "a.png", "one page");
    fcs_error_clear(&ctx.error);
    check_failed(
        fcs_writer_open(
            &ctx.error, scratch("none/a.png"),
            &(fcs_form){.width = 8, .height = 8, .depth = 1, .channels = 1, .sample = FCS_U8}, &w),
        "none/a.png", "No such");
    fcs_error_clear(&ctx.error);
    check_failed(
        fcs_writer_open(
            &ctx.error, scratch("big.tif"),
            &(fcs_form){
                .width = 1 << 24, .height = 1 << 24, .depth = 1, .channels = 1, .sample = FCS_F32},
            &w),
        "big.tif", "free");
    fcs_error_clear(&ctx.error);
    /* Given up or with rows missing: the old file stays. */
    write_bytes(scratch("old.tif"), "old", 3);
    CHECK(fcs_writer_open(
              &ctx.error, scratch("old.tif"),
              &(fcs_form){.width = 64, .height = 9, .depth = 1, .channels = 1, .sample = FCS_U8},
              &w) == FCS_OK);
    CHECK(fcs_writer_rows(&ctx.error, w, row, 1) == FCS_OK);
    check_failed(fcs_writer_commit(&ctx.error, w), "old.tif", "1 rows of 9");
    fcs_error_clear(&ctx.error);
    char *old = fcs_file_read(&ctx.error, scratch("old.tif"), 10, NULL);
    CHECK(old && strcmp(old, "old") == 0);
    free(old);
    CHECK(fcs_writer_open(
              &ctx.error, scratch("old.png"),
              &(fcs_form){.width = 64, .height = 9, .depth = 1, .channels = 1, .sample = FCS_U8},
              &w) == FCS_OK);
    fcs_writer_abort(w);
    CHECK(access(scratch("old.png"), F_OK) != 0);
}

/* A device that is always full, under a name of ours for the TIFF. */
static void test_full(const char *path)
{
    struct stat st;
    if (stat("/dev/full", &st))
        return;
    fcs_image *m = NULL;
    CHECK(fcs_image_new(&ctx, 600, 600, 1, 1, FCS_U16, &m) == FCS_OK);
    fill(m);
    check_failed(fcs_image_write(&ctx, m, path), path, "No space left");
    CHECK(stat("/dev/full", &st) == 0 && S_ISCHR(st.st_mode));
    fcs_image_free(m);
}

/* A limit on file sizes stands for a disk that fills up while a regular file is written: nothing
 * may stay behind. */
static void test_limit(const char *name)
{
    struct rlimit old, small;
    fcs_image *m = NULL;
    CHECK(fcs_image_new(&ctx, 600, 600, 1, 1, FCS_U16, &m) == FCS_OK);
    for (int i = 0; i < 360000; i++) /* nothing that could be compressed */
        ((uint16_t *)m->data)[i] = (uint16_t)fcs_random_below(1, 2, 3, (uint64_t)i, 65536);
    signal(SIGXFSZ, SIG_IGN);
    CHECK(getrlimit(RLIMIT_FSIZE, &old) == 0);
    small = old;
    small.rlim_cur = 5000;
    CHECK(setrlimit(RLIMIT_FSIZE, &small) == 0);
    fcs_status status = fcs_image_write(&ctx, m, scratch(name));
    CHECK(setrlimit(RLIMIT_FSIZE, &old) == 0);
    check_failed(status, name, "too large");
    CHECK(access(scratch(name), F_OK) != 0);
    DIR *d = opendir(folder);
    struct dirent *entry;
    int left = 0;
    while (d && (entry = readdir(d)) != NULL)
        left += strstr(entry->d_name, name) != NULL;
    CHECK(d && closedir(d) == 0 && left == 0);
    fcs_image_free(m);
}

/* ---- looks ---- */

static void test_looks(void)
{
    fcs_look k;
    CHECK(fcs_look_at(&ctx, fixture("grey1.png"), &k) == FCS_OK);
    /* 7 x 5 chequered, even corner first: 18 of 35 are 0. */
    CHECK(strcmp(k.format, "png") == 0 && k.width == 7 && k.height == 5 && k.bits == 1 &&
          k.levels == 2);
    CHECK(k.low == 0 && k.high == 1 && strcmp(k.shares, "0: 51.43 %, 1: 48.57 %") == 0 &&
          k.problem[0] == 0);
    CHECK_NEAR(k.mean, 17.0 / 35, 1e-12);
    CHECK(strstr(k.plan, "0 and 1 become -1 and 1") != NULL);
    CHECK(fcs_look_at(&ctx, fixture("rgba8.png"), &k) == FCS_OK && k.channels == 4 &&
          k.levels == 35 && !k.palette);
    CHECK(fcs_look_at(&ctx, fixture("palette.png"), &k) == FCS_OK && k.palette && k.levels == 3 &&
          k.bits == 2);
    CHECK(strstr(k.shares, "(10 20 30): ") != NULL);
    CHECK(fcs_look_at(&ctx, fixture("grey8.png"), &k) == FCS_OK && k.levels == 35 && k.high == 70 &&
          k.shares[0] == 0);
    CHECK(fcs_look_at(&ctx, fixture("float32.tif"), &k) == FCS_OK && k.is_float && k.low == -1 &&
          k.high == 7.75);
    CHECK(fcs_look_at(&ctx, fixture("constant.png"), &k) == FCS_OK &&
          strstr(k.problem, "constant") && k.plan[0] == 0);
    CHECK(fcs_look_at(&ctx, fixture("nan.tif"), &k) == FCS_OK &&
          strstr(k.problem, "x 2, y 3, page 1"));
    CHECK(fcs_look_at(&ctx, fixture("README.md"), &k) == FCS_FAILED &&
          strstr(k.problem, "neither"));
    CHECK(fcs_look_at(&ctx, fixture("stack.tif"), &k) == FCS_OK && k.depth == 3);
}

static void test_inspect(void)
{
    fcs_table *t = NULL;
    const char *paths[2];
    char data[1024];
    snprintf(data, sizeof data, "%s", fixture(""));
    paths[0] = data;
    paths[1] = "/nowhere/at/all.png";
    CHECK(fcs_inspect(&ctx, paths, 2, &t) == FCS_OK);
    if (!t)
        return;
    int rows = fcs_table_rows(t), bad = 0;
    CHECK(rows >= EXPECTED + 4 && strcmp(fcs_table_name(t, 0), "file") == 0);
    for (int i = 0; i < rows; i++) {
        const char *problem = fcs_table_text(t, i, fcs_table_columns(t) - 1);
        bad += problem && problem[0];
        CHECK(i == 0 || i == rows - 1 ||
              strcmp(fcs_table_text(t, i - 1, 0), fcs_table_text(t, i, 0)) < 0);
    }
    CHECK(bad == 5); /* README.md, constant, nan, pages-differ, nowhere */
    fcs_table_free(t);
    CHECK(fcs_inspect(&ctx, paths + 1, 1, &t) == FCS_FAILED && t && fcs_table_rows(t) == 1);
    fcs_table_free(t);
}

/* ---- training data ---- */

static fcs_dataset *open_data(const char *path, int64_t w, int64_t h, int64_t d, bool flips,
                              bool rotate)
{
    fcs_dataset *data = NULL;
    fcs_dataset_options o = {.width = w,
                             .height = h,
                             .depth = d,
                             .low = -1,
                             .high = 1,
                             .flip_x = flips,
                             .flip_y = flips,
                             .rotate = rotate};
    fcs_status status = fcs_dataset_open(&ctx, path, &o, &data);
    CHECK((status == FCS_OK) == (data != NULL));
    return data;
}

/* In tiles.tif each value tells its place along a diagonal: 251 levels, so the full range 0..255
 * becomes -1..1. */
static void test_crops(void)
{
    fcs_dataset *d = open_data(fixture("tiles.tif"), 5, 4, 1, false, false);
    float crop[20];
    bool seen[33][18] = {{false}};
    int wrong = 0, places = 0;
    for (uint64_t i = 0; d && i < 4000; i++) {
        fcs_dataset_crop(d, 3, 4, i, crop);
        /* x + 3y is below 97 at most: never wrapped. Find (x0, y0) from seeds: x0 + 3 y0 = first
         * value. */
        double first = (crop[0] + 1) / 2 * 255;
        for (int k = 0; k < 20; k++)
            wrong += fabs((crop[k] + 1) / 2 * 255 - (first + k % 5 + 3 * (k / 5))) > 1e-3;
        int f = (int)(first + 0.5);
        if (f <= 32 + 3 * 17 && !seen[f % 33][f / 33])
            seen[f % 33][f / 33] = true, places++;
    }
    CHECK(wrong == 0 && places == 32 + 3 * 17 + 1); /* all sums from 0 to 83 occur */
    fcs_dataset_free(d);
}

/* With flips and quarter turns of a square crop that is the whole image: exactly its eight
 * symmetric forms occur. */
static void test_symmetries(void)
{
    fcs_image *m = NULL;
    CHECK(fcs_image_new(&ctx, 2, 2, 1, 1, FCS_U8, &m) == FCS_OK);
    memcpy(m->data, "\0\x55\xaa\xff", 4);
    CHECK(fcs_image_write(&ctx, m, scratch("four.png")) == FCS_OK);
    fcs_image_free(m);
    static const char *const form[] = {"0123", "1032", "2301", "3210",
                                       "0213", "1302", "2031", "3120"};
    for (int turned = 0; turned < 2; turned++) {
        int seen[8] = {0}, other = 0;
        fcs_dataset *d = open_data(scratch("four.png"), 2, 2, 1, true, turned);
        for (uint64_t i = 0; d && i < 400; i++) {
            float crop[4];
            char text[5] = {0};
            int known = 0;
            fcs_dataset_crop(d, 1, 2, i, crop);
            for (int k = 0; k < 4; k++)
                text[k] = (char)('0' + lrint((crop[k] + 1) * 1.5));
            for (int f = 0; f < 8; f++)
                if (strcmp(text, form[f]) == 0)
                    seen[f]++, known = 1;
            other += !known;
        }
        CHECK(other == 0);
        for (int f = 0; f < 8; f++)
            CHECK(f < 4 || turned ? seen[f] > 20 : seen[f] == 0);
        fcs_dataset_free(d);
    }
}

static void test_stacks(void)
{
    fcs_dataset *pages = open_data(fixture("stack.tif"), 7, 5, 1, false, false);
    CHECK(pages && fcs_dataset_images(pages) == 3);
    int seen[3] = {0};
    float crop[105];
    for (uint64_t i = 0; pages && i < 100; i++) {
        fcs_dataset_crop(pages, 5, 6, i, crop);
        int z = (int)lrint((crop[0] + 1) / 2 * 255);
        CHECK(z >= 0 && z < 3);
        seen[z]++;
    }
    CHECK(seen[0] > 10 && seen[1] > 10 && seen[2] > 10);
    fcs_dataset_free(pages);
    fcs_dataset *volume = open_data(fixture("stack.tif"), 7, 5, 3, false, false);
    CHECK(volume && fcs_dataset_images(volume) == 1);
    if (volume) {
        fcs_dataset_crop(volume, 5, 6, 0, crop);
        for (int i = 0; i < 105; i++)
            CHECK_NEAR((crop[i] + 1) / 2 * 255, grey(i / 35, i % 35 / 7, i % 7, 0), 1e-4);
        CHECK_NEAR((fcs_dataset_mean(volume, 0) + 1) / 2 * 255, 16 * 2 + 3 + 1, 1e-9);
    }
    fcs_dataset_free(volume);
}

/* Ends of the range are met exactly; floats and few levels by their own extremes. */
static void test_ranges(void)
{
    float crop[105];
    static const struct {
        const char *name;
        int channels;
        float first, last;
    } cases[] = {
        {"bilevel.tif", 1, -1, -1}, {"palette-grey.png", 1, -1, 0}, {"float32.tif", 1, -1, 1},
        {"int16.tif", 1, -1, 1},    {"uint32.tif", 1, -1, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fcs_dataset *d = open_data(fixture(cases[i].name), 7, 5, 1, false, false);
        CHECK(d && fcs_dataset_channels(d) == cases[i].channels);
        if (d)
            fcs_dataset_crop(d, 0, 0, 0, crop);
        CHECK(crop[0] == cases[i].first);
        CHECK_NEAR(crop[34], i == 1 ? 128 / 127.5 - 1 : (double)cases[i].last, 1e-6);
        fcs_dataset_free(d);
    }
    fcs_dataset *d = open_data(fixture("rgb8.png"), 7, 5, 1, false, false);
    CHECK(d && fcs_dataset_channels(d) == 3);
    if (d)
        fcs_dataset_crop(d, 0, 0, 0, crop);
    for (int i = 0; i < 105; i++)
        CHECK_NEAR((crop[i] + 1) / 2 * 255, colours(0, i % 35 / 7, i % 7, i / 35), 1e-4);
    fcs_dataset_free(d);
}

static void copy_in(const char *name)
{
    size_t size = 0;
    char *bytes = fcs_file_read(&ctx.error, fixture(name), 1 << 20, &size);
    char to[300];
    snprintf(to, sizeof to, "set/%s", name);
    write_bytes(scratch(to), bytes ? bytes : "", size);
    free(bytes);
}

static void test_folder(void)
{
    CHECK(mkdir(scratch("set"), 0700) == 0 && mkdir(scratch("none"), 0700) == 0);
    check_failed((open_data(scratch("none"), 2, 2, 1, false, false), ctx.error.status), "none",
                 "no files");
    copy_in("README.md");
    check_failed((open_data(scratch("set"), 2, 2, 1, false, false), ctx.error.status), "set",
                 "none of its 1 files");
    copy_in("grey8.png");
    copy_in("greyalpha8.png");
    copy_in("stack.tif");
    copy_in("rgb8.png");
    copy_in("nan.tif");
    copy_in("float32.tif");
    copy_in("pages-differ.tif");
    last_note[0] = 0;
    /* float32.tif comes first in the order of names: then the integers cannot be compared. */
    fcs_dataset *d = open_data(scratch("set"), 2, 2, 1, false, false);
    CHECK(d && fcs_dataset_images(d) == 1 && strstr(last_note, "7 files skipped"));
    fcs_dataset_free(d);
    CHECK(unlink(scratch("set/float32.tif")) == 0);
    d = open_data(scratch("set"), 2, 2, 1, false, false);
    CHECK(d && fcs_dataset_images(d) == 6 && fcs_dataset_channels(d) == 3 &&
          strstr(last_note, "3 files skipped"));
    float a[12], b[12];
    int grey_crops = 0;
    for (uint64_t i = 0; d && i < 60; i++) {
        fcs_dataset_crop(d, 1, 1, i, a);
        fcs_dataset_crop(d, 1, 1, i, b);
        CHECK(memcmp(a, b, sizeof a) == 0);
        grey_crops += memcmp(a, a + 4, 4 * sizeof *a) == 0 && memcmp(a, a + 8, 4 * sizeof *a) == 0;
    }
    CHECK(grey_crops > 30 && grey_crops < 60); /* five of six images */
    fcs_dataset_free(d);
    check_failed((open_data(scratch("set"), 8, 8, 1, false, false), ctx.error.status), "set",
                 "smaller than the crop");
}

static void test_refusals(void)
{
    check_failed((open_data(fixture("nan.tif"), 2, 2, 1, false, false), ctx.error.status),
                 "nan.tif", "x 2, y 3");
    check_failed((open_data(fixture("constant.png"), 2, 2, 1, false, false), ctx.error.status),
                 "constant.png", "constant");
    check_failed((open_data(fixture("grey8.png"), 8, 2, 1, false, false), ctx.error.status),
                 "grey8.png", "smaller");
    check_failed((open_data(fixture("grey8.png"), 2, 2, 2, false, false), ctx.error.status),
                 "grey8.png", "smaller");
    check_failed((open_data(fixture("grey8.png"), 2, 3, 1, false, true), ctx.error.status), "data",
                 "square");
    check_failed((open_data(fixture("grey8.png"), 0, 3, 1, false, false), ctx.error.status), "data",
                 "at least 1");
}

int main(void)
{
    ctx.log = on_log;
    snprintf(folder, sizeof folder, "test_image.%ld", (long)getpid());
    CHECK(mkdir(folder, 0700) == 0);
    for (int i = 0; i < EXPECTED; i++)
        test_known(&expected[i]);
    test_round_trips();
    test_float_png();
    static const char *const cut[] = {"grey8.png",
                                      "rgb16.png",
                                      "palette.png",
                                      "interlaced.png",
                                      "grey8-lzw.tif",
                                      "stack.tif",
                                      "grey16-deflate-predictor.tif",
                                      "bigtiff.tif",
                                      "tiles.tif",
                                      "bilevel-g4.tif"};
    for (size_t i = 0; i < sizeof cut / sizeof *cut; i++)
        test_cut(cut[i]);
    test_errors();
    test_full("/dev/full");
    CHECK(symlink("/dev/full", scratch("full.tif")) == 0);
    test_full(scratch("full.tif"));
    test_limit("limit.png");
    test_limit("limit.tif");
    test_looks();
    test_inspect();
    test_crops();
    test_symmetries();
    test_stacks();
    test_ranges();
    test_folder();
    test_refusals();
    char command[100];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    CHECK(system(command) == 0);
    return test_end();
}
