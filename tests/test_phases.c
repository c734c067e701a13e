/* test_phases.c: phases of training images: levels, Otsu's thresholds, given ones, what is refused;
 * one-hot crops; an image for each axis. */
#include "image/phases.h"
#include "test.h"
#include <math.h>
#include <string.h>
#include <unistd.h>

static fcs_context ctx;
static char last_note[1024];

static void on_log(void *user, const char *line)
{
    (void)user;
    snprintf(last_note, sizeof last_note, "%s", line);
}

static const char *scratch(const char *name)
{
    static char path[4][100];
    static int next;
    next = (next + 1) % 4;
    snprintf(path[next], sizeof path[next], "test_phases_%ld_%s", (long)getpid(), name);
    return path[next];
}

/* An image of width x height whose pixel i has the value of values[i % n], in a file. */
static const char *image_of(const char *name, int64_t width, int64_t height, int channels,
                            const uint8_t *values, int n)
{
    fcs_image *m = NULL;
    const char *path = scratch(name);
    CHECK(fcs_image_new(&ctx, width, height, 1, channels, FCS_U8, &m) == FCS_OK);
    for (int64_t i = 0; m && i < width * height * channels; i++)
        ((uint8_t *)m->data)[i] = values[i % n];
    CHECK(fcs_image_write(&ctx, m, path) == FCS_OK);
    fcs_image_free(m);
    return path;
}

static fcs_dataset_options options(const char *how)
{
    return (fcs_dataset_options){
        .width = 4, .height = 4, .depth = 1, .low = 0, .high = 1, .phases = how};
}

/* Of this histogram, by exhaustive search with NumPy; scikit-image 0.26's threshold_multiotsu,
 * which sums in single precision, agrees but for one bin of three classes. */
static void test_otsu(void)
{
    static const int want[6][4] = {
        [2] = {108}, [3] = {94, 164}, [4] = {88, 127, 168}, [5] = {60, 93, 128, 169}};
    fcs_histogram h = {.low = 0, .high = 255};
    for (int i = 0; i < FCS_BINS; i++)
        h.count[i] = floor(1000 * exp(-pow((i - 60) / 14.0, 2))) +
                     floor(800 * exp(-pow((i - 128) / 18.0, 2))) +
                     floor(600 * exp(-pow((i - 200) / 12.0, 2))) + 1;
    for (int n = 2; n <= 5; n++) {
        int bins[FCS_PHASES_MAX];
        fcs_otsu(&h, n, bins);
        for (int k = 0; k + 1 < n; k++)
            CHECK_NEAR(bins[k], want[n][k], 0);
    }
}

/* Grey levels as they are: a channel each, in ascending order, and their shares. */
static void test_levels(void)
{
    static const uint8_t values[] = {255, 0, 0, 128, 0, 255, 0, 0};
    fcs_dataset_options o = options("auto");
    fcs_dataset *d = NULL;
    const char *path = image_of("levels.png", 8, 8, 1, values, 8);
    float crop[48];
    CHECK(fcs_dataset_open(&ctx, path, &o, &d) == FCS_OK && fcs_dataset_channels(d) == 3);
    CHECK(
        strstr(last_note, "3 phases from the grey levels: 0: 62.50 %, 128: 12.50 %, 255: 25.00 %"));
    const fcs_phases *p = d ? fcs_dataset_phases(d) : NULL;
    CHECK(p && p->n == 3);
    CHECK_NEAR(p->label[1], 128, 0);
    CHECK_NEAR(fcs_dataset_mean(d, 0), 0.625, 1e-12);
    CHECK_NEAR(fcs_dataset_mean(d, 2), 0.25, 1e-12);
    /* The image repeats every row: columns 0 to 7 of a crop follow from its first one. */
    for (uint64_t i = 0; d && i < 50; i++) {
        int fits = 0;
        fcs_dataset_crop(d, 1, 2, i, crop);
        for (int x = 0; x <= 4; x++) {
            bool same = true;
            for (int k = 0; k < 16; k++) {
                uint8_t v = values[x + k % 4];
                int phase = v == 255 ? 2 : v == 128;
                for (int c = 0; c < 3; c++)
                    same = same && crop[c * 16 + k] == (c == phase);
            }
            fits += same;
        }
        CHECK(fits >= 1);
    }
    fcs_dataset_free(d);
    unlink(path);
}

/* Noise around 50, 120 and 200: thresholds found, or given; labels are the means. */
static void test_noise(void)
{
    uint8_t values[64];
    fcs_dataset *d = NULL;
    for (int i = 0; i < 64; i++)
        values[i] = (uint8_t)((i % 4 == 0 ? 50 : i % 4 == 1 ? 200 : 120) + i % 7 - 3);
    const char *path = image_of("noise.png", 16, 16, 1, values, 64);
    fcs_dataset_options o = options("3");
    CHECK(fcs_dataset_open(&ctx, path, &o, &d) == FCS_OK);
    CHECK(strstr(last_note, "3 phases from Otsu's thresholds"));
    CHECK_NEAR(fcs_dataset_mean(d, 0), 0.25, 1e-12);
    CHECK_NEAR(fcs_dataset_mean(d, 1), 0.5, 1e-12);
    const fcs_phases *p = fcs_dataset_phases(d);
    CHECK(p->label[0] >= 49 && p->label[0] <= 51 && p->label[2] >= 199 && p->label[2] <= 201);
    fcs_dataset_free(d);
    o = options("100,");
    CHECK(fcs_dataset_open(&ctx, path, &o, &d) == FCS_OK && fcs_dataset_channels(d) == 2);
    CHECK_NEAR(fcs_dataset_mean(d, 0), 0.25, 1e-12);
    fcs_dataset_free(d);
    unlink(path);
}

static void refuse(const char *path, const char *how, const char *words)
{
    fcs_dataset_options o = options(how);
    fcs_dataset *d = NULL;
    CHECK(fcs_dataset_open(&ctx, path, &o, &d) == FCS_FAILED && !d);
    CHECK(strstr(ctx.error.message, words));
    if (!strstr(ctx.error.message, words))
        fprintf(stderr, "%s: %s\n", how, ctx.error.message);
}

static void test_refused(void)
{
    static const uint8_t one[] = {7}, colours[] = {0, 0, 0, 255, 0, 0, 0, 0, 255};
    uint8_t forty[40];
    for (int i = 0; i < 40; i++)
        forty[i] = (uint8_t)(6 * i);
    const char *path = image_of("one.png", 8, 8, 1, one, 1);
    refuse(path, "auto", "constant");
    unlink(path);
    path = image_of("colours.png", 9, 9, 3, colours, 9);
    refuse(path, "auto", "colour image");
    unlink(path);
    path = image_of("forty.png", 40, 8, 1, forty, 40);
    refuse(path, "auto", "40 grey levels are too many");
    refuse(path, "40", "2 to 16");
    refuse(path, "1", "2 to 16");
    refuse(path, "three", "give auto, a number");
    refuse(path, "90,50", "ascending");
    refuse(path, "300,", "no pixel belongs to phase 2 of 2");
    unlink(path);
    path = image_of("two.png", 8, 8, 1, (const uint8_t[]){0, 255, 255}, 3);
    refuse(path, "3", "has 2 grey levels");
    unlink(path);
    path = image_of("small.png", 3, 8, 1, (const uint8_t[]){0, 255, 255}, 3);
    refuse(path, "auto", "smaller than the crop");
    unlink(path);
}

static void test_axes(void)
{
    char two[100], other[100], three[100];
    snprintf(two, sizeof two, "%s", image_of("a.png", 8, 8, 1, (const uint8_t[]){0, 255}, 2));
    snprintf(other, sizeof other, "%s",
             image_of("b.png", 8, 8, 1, (const uint8_t[]){0, 255, 255}, 3));
    snprintf(three, sizeof three, "%s", image_of("c.png", 8, 8, 1, (const uint8_t[]){0, 9, 8}, 3));
    fcs_dataset_options o = options("auto");
    fcs_dataset *d = NULL;
    CHECK(fcs_dataset_open_axes(&ctx, (const char *[]){two, other, two}, &o, &d) == FCS_OK);
    CHECK(d && fcs_dataset_has_parts(d) && fcs_dataset_part(d, 0) == d);
    CHECK_NEAR(fcs_dataset_mean(fcs_dataset_part(d, 0), 0), 0.5, 1e-12);
    CHECK_NEAR(fcs_dataset_mean(fcs_dataset_part(d, 1), 0), 22 / 64.0, 1e-12);
    fcs_dataset_free(d);
    CHECK(fcs_dataset_open_axes(&ctx, (const char *[]){two, other, three}, &o, &d) == FCS_FAILED);
    CHECK(!d && strstr(ctx.error.message, "has 3 phases") && strstr(ctx.error.message, "has 2"));
    CHECK(fcs_dataset_open(&ctx, two, &o, &d) == FCS_OK && !fcs_dataset_has_parts(d));
    CHECK(fcs_dataset_part(d, 2) == d);
    fcs_dataset_free(d);
    unlink(two);
    unlink(other);
    unlink(three);
}

/* A picture of just one crop says what that means. */
static void test_variety(void)
{
    fcs_dataset_options o = options("auto");
    fcs_dataset *d = NULL;
    const char *path = image_of("crop.png", 4, 4, 1, (const uint8_t[]){0, 255, 255}, 3);
    CHECK(fcs_dataset_open(&ctx, path, &o, &d) == FCS_OK);
    CHECK(strstr(last_note, "just one crop"));
    fcs_dataset_free(d);
    unlink(path);
}

int main(void)
{
    ctx.log = on_log;
    test_otsu();
    test_levels();
    test_noise();
    test_refused();
    test_axes();
    test_variety();
    return test_end();
}
