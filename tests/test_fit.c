/* test_fit.c: pictures scaled against another program's figures, tiles, epochs, colours, folders of
 * unequal images. */
#include "image/picture.h"
#include "test.h"
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static fcs_context ctx;
static char folder[64], notes[8192];

static void on_log(void *user, const char *line)
{
    size_t n = strlen(notes);
    (void)user;
    snprintf(notes + n, sizeof notes - n, "%s\n", line);
}

static const char *scratch(const char *name)
{
    static char path[4][200];
    static int next;
    next = (next + 1) % 4;
    snprintf(path[next], sizeof path[next], "%s/%s", folder, name);
    return path[next];
}

static int value_at(int64_t y, int64_t x) { return (int)((x * 37 + y * 91 + x * y * 13) % 256); }

/* height x width, channel c is value_at plus 50 c, modulo 256. */
static void write_image(const char *name, int64_t height, int64_t width, int channels)
{
    fcs_image *m = NULL;
    CHECK(fcs_image_new(&ctx, width, height, 1, channels, FCS_U8, &m) == FCS_OK);
    for (int64_t i = 0; m && i < width * height * channels; i++)
        ((uint8_t *)m->data)[i] =
            (uint8_t)(value_at(i / channels / width, i / channels % width) + 50 * (i % channels));
    CHECK(m && fcs_image_write(&ctx, m, scratch(name)) == FCS_OK);
    fcs_image_free(m);
}

/* PyTorch 2.15, float64: torch.nn.functional.interpolate(mode='bilinear', antialias=True and
 * False); area: NumPy, each pixel repeated to the common multiple of both sizes, then means of
 * blocks. */
static const struct {
    fcs_filter filter;
    int height, width;
    double want[24];
} scaled[] = {
    {FCS_FILTER_BILINEAR,
     3,
     4,
     {0.240389489, 0.500190476, 0.497591036, 0.636921435, 0.593484801, 0.558326797, 0.580113290,
      0.547504928, 0.414645858, 0.492168067, 0.554913165, 0.511964786}},
    {FCS_FILTER_POINTS,
     3,
     4,
     {0.179738562, 0.463398693, 0.454248366, 0.696078431, 0.806372549, 0.234803922, 0.667156863,
      0.472058824, 0.429084967, 0.340849673, 0.629084967, 0.499019608}},
    {FCS_FILTER_AREA,
     3,
     4,
     {0.213669468, 0.497366947, 0.494229692, 0.663193277, 0.618823529, 0.526050420, 0.576694678,
      0.541288515, 0.421624650, 0.468683473, 0.573109244, 0.505434174}},
    {FCS_FILTER_BILINEAR, 8, 3, {0.124369748, 0.435294118, 0.746218487, 0.299614846, 0.529152249,
                                 0.577836134, 0.536519608, 0.641089965, 0.377626050, 0.652415966,
                                 0.553719723, 0.540441176, 0.589040616, 0.558621684, 0.613620448,
                                 0.346393557, 0.655795848, 0.597163866, 0.426435574, 0.553662053,
                                 0.500035014, 0.507563025, 0.466666667, 0.425770308}},
    {FCS_FILTER_POINTS, 8, 3, {0.096732026, 0.435294118, 0.773856209, 0.267728758, 0.658333333,
                               0.609722222, 0.512009804, 0.914215686, 0.417075163, 0.756290850,
                               0.605392157, 0.600898693, 0.686846405, 0.610294118, 0.680147059,
                               0.303676471, 0.928921569, 0.654820261, 0.485212418, 0.682843137,
                               0.441258170, 0.656209150, 0.466666667, 0.277124183}},
};

static void test_scales(void)
{
    fcs_image *m = NULL;
    write_image("seven.png", 5, 7, 1);
    CHECK(fcs_image_read(&ctx, scratch("seven.png"), &m) == FCS_OK);
    for (size_t i = 0; m && i < sizeof scaled / sizeof *scaled; i++) {
        float out[24];
        CHECK(fcs_resize(&ctx.error, m, 0, NULL, scaled[i].filter, scaled[i].width,
                         scaled[i].height, out) == FCS_OK);
        for (int k = 0; k < scaled[i].width * scaled[i].height; k++)
            CHECK_NEAR(out[k], scaled[i].want[k], 1e-7);
    }
    fcs_image_free(m);
}

static fcs_dataset *open_data(const char *name, int64_t side, fcs_fitting fitting, int channels)
{
    const fcs_dataset_options o = {.width = side,
                                   .height = side,
                                   .depth = 1,
                                   .low = 0,
                                   .high = 1,
                                   .channels = channels,
                                   .fitting = fitting};
    fcs_dataset *d = NULL;
    notes[0] = 0;
    fcs_error_clear(&ctx.error);
    CHECK((fcs_dataset_open(&ctx, scratch(name), &o, &d) == FCS_OK) == (d != NULL));
    return d;
}

static void check_refused(const char *name, fcs_fitting fitting, const char *word)
{
    CHECK(open_data(name, 4, fitting, 0) == NULL);
    CHECK(strstr(ctx.error.message, word) != NULL);
}

/* 20 x 14 pixels in tiles of 6, every 4: 4 across, 3 down. Each epoch has each tile once, in an
 * order of its own; without flips a tile lies where it was cut. */
static void test_tiles(void)
{
    write_image("large.png", 14, 20, 1);
    fcs_dataset *d = open_data("large.png", 6, (fcs_fitting){.tile = 6, .stride = 4}, 0);
    CHECK(d && fcs_dataset_images(d) == 12 && strstr(notes, "12 tiles"));
    CHECK(d && fcs_dataset_crops(d) == 12 && fcs_dataset_epoch(d) == 12);
    float tile[36], crop[36];
    int order[3][12] = {{0}}, wrong = 0;
    for (int64_t i = 0; d && i < 12; i++) {
        fcs_dataset_image(d, i, tile);
        for (int64_t k = 0; k < 36; k++)
            wrong +=
                fabs((double)tile[k] * 255 - value_at(i / 4 * 4 + k / 6, i % 4 * 4 + k % 6)) > 1e-4;
    }
    for (int e = 0; d && e < 3; e++) {
        bool seen[12] = {false};
        for (int i = 0; i < 12; i++) {
            fcs_dataset_crop(d, 5, 7, (uint64_t)(e * 12 + i), crop);
            for (int k = 0; k < 12; k++) {
                fcs_dataset_image(d, k, tile);
                if (memcmp(crop, tile, sizeof crop) == 0)
                    seen[k] = true, order[e][i] = k;
            }
        }
        for (int k = 0; k < 12; k++)
            CHECK(seen[k]);
    }
    CHECK(wrong == 0);
    CHECK(memcmp(order[0], order[1], sizeof *order) && memcmp(order[1], order[2], sizeof *order));
    fcs_dataset_free(d);
    /* The mean of 2 x 2 pixels. */
    d = open_data("large.png", 4, (fcs_fitting){.tile = 8}, 0);
    CHECK(d && fcs_dataset_images(d) == 2);
    if (d)
        fcs_dataset_image(d, 1, tile);
    for (int64_t k = 0; d && k < 16; k++) {
        int64_t y = k / 4 * 2, x = 8 + k % 4 * 2;
        CHECK_NEAR(tile[k] * 255 * 4,
                   value_at(y, x) + value_at(y + 1, x) + value_at(y, x + 1) +
                       value_at(y + 1, x + 1),
                   1e-3);
    }
    fcs_dataset_free(d);
}

/* Over many epochs each place of the order meets each image about equally often. */
static void test_orders(void)
{
    enum { EPOCHS = 3000, IMAGES = 5 };
    int count[IMAGES][IMAGES] = {{0}};
    write_image("strip.png", 4, 20, 1);
    fcs_dataset *d = open_data("strip.png", 4, (fcs_fitting){.tile = 4}, 0);
    CHECK(d && fcs_dataset_images(d) == IMAGES);
    for (int i = 0; d && i < EPOCHS * IMAGES; i++) {
        float crop[16];
        fcs_dataset_crop(d, 1, 2, (uint64_t)i, crop);
        for (int k = 0; k < IMAGES; k++)
            count[i % IMAGES][k] += lrint((double)crop[0] * 255) == value_at(0, 4 * k);
    }
    for (int i = 0; i < IMAGES * IMAGES; i++) /* 600 expected, deviation 22 */
        CHECK(abs(count[i / IMAGES][i % IMAGES] - EPOCHS / IMAGES) < 110);
    fcs_dataset_free(d);
}

static void test_folder(void)
{
    CHECK(mkdir(scratch("set"), 0700) == 0);
    write_image("set/a.png", 9, 13, 1);
    write_image("set/b.png", 40, 8, 3);
    write_image("set/c.png", 3, 3, 1);
    FILE *f = fopen(scratch("set/d.png"), "w");
    CHECK(f && fputs("no picture", f) >= 0 && fclose(f) == 0);
    fcs_dataset *d = open_data("set", 8, (fcs_fitting){0}, 0);
    CHECK(d && fcs_dataset_images(d) == 2 && fcs_dataset_channels(d) == 3);
    CHECK(strstr(notes, "set/c.png") && strstr(notes, "set/d.png") &&
          strstr(notes, "2 images used, 2 files skipped"));
    /* a: 6 x 2 places, b: 1 x 33, which make no epochs. */
    CHECK(d && fcs_dataset_crops(d) == 12 + 33 && fcs_dataset_epoch(d) == 0);
    fcs_dataset_free(d);
    for (int fit = FCS_FIT_COVER; fit <= FCS_FIT_STRETCH; fit++)
        for (int channels = 0; channels <= 1; channels++) {
            float crop[3 * 64];
            d = open_data("set", 8, (fcs_fitting){.fit = (fcs_fit)fit}, channels);
            CHECK(d && fcs_dataset_images(d) == 3 && fcs_dataset_epoch(d) == 3);
            CHECK(d && fcs_dataset_channels(d) == (channels ? 1 : 3));
            for (uint64_t i = 0; d && i < 6; i++)
                fcs_dataset_crop(d, 1, 1, i, crop);
            fcs_dataset_free(d);
        }
    /* Grey of red, green, blue: 0.299, 0.587, 0.114. */
    float crop[64];
    d = open_data("set/b.png", 8, (fcs_fitting){0}, 1);
    if (d)
        fcs_dataset_image(d, 0, crop);
    CHECK_NEAR(crop[0] * 255,
               floor(0.299 * (16 * 91 % 256) + 0.587 * ((16 * 91 + 50) % 256) +
                     0.114 * ((16 * 91 + 100) % 256) + 0.5),
               1e-4);
    fcs_dataset_free(d);
    d = open_data("set/a.png", 8, (fcs_fitting){0}, 3);
    CHECK(d && fcs_dataset_channels(d) == 3);
    fcs_dataset_free(d);
}

static void test_refusals(void)
{
    check_refused("set/c.png", (fcs_fitting){.tile = 4}, "smaller than the tile");
    check_refused("set/c.png", (fcs_fitting){0}, "cover");
    check_refused("set/a.png", (fcs_fitting){.tile = 4, .fit = FCS_FIT_COVER}, "data.resize");
    check_refused("set/a.png", (fcs_fitting){.stride = 4}, "data.tile");
    const fcs_dataset_options o = {
        .width = 4, .height = 4, .depth = 2, .high = 1, .fitting = {.tile = 4}};
    fcs_dataset *d = NULL;
    fcs_error_clear(&ctx.error);
    CHECK(fcs_dataset_open(&ctx, scratch("set/a.png"), &o, &d) == FCS_FAILED &&
          strstr(ctx.error.message, "volumes"));
}

int main(void)
{
    char command[100];
    ctx.log = on_log;
    snprintf(folder, sizeof folder, "test_fit.%ld", (long)getpid());
    CHECK(mkdir(folder, 0700) == 0);
    test_scales();
    test_tiles();
    test_orders();
    test_folder();
    test_refusals();
    snprintf(command, sizeof command, "rm -rf %s", folder);
    CHECK(system(command) == 0);
    return test_end();
}
