/* test_synth.c: procedural images: shares, anisotropy, and bits that never change. */
#include "image/image.h"
#include "test.h"
#include <string.h>

static fcs_context ctx;

static fcs_image *make(const char *kind, int64_t w, int64_t h, int64_t d, uint64_t seed)
{
    fcs_image *m = NULL;
    CHECK(fcs_synth(&ctx, kind, w, h, d, seed, &m) == FCS_OK);
    if (!m)
        exit(1);
    return m;
}

static double share(const fcs_image *m, int value)
{
    int64_t n = m->width * m->height * m->depth, hits = 0;
    for (int64_t i = 0; i < n; i++)
        hits += ((const uint8_t *)m->data)[i] == value;
    return (double)hits / (double)n;
}

/* Changes of phase per pixel along an axis given by its stride. */
static double changes(const fcs_image *m, int64_t dx, int64_t dy)
{
    const uint8_t *s = m->data;
    int64_t n = 0;
    for (int64_t y = 0; y + dy < m->height; y++)
        for (int64_t x = 0; x + dx < m->width; x++)
            n += s[y * m->width + x] != s[(y + dy) * m->width + x + dx];
    return (double)n / (double)(m->width * m->height);
}

static void test_channels(void)
{
    static const int sizes[][3] = {{128, 128, 1}, {160, 200, 1},   {256, 256, 1}, {512, 300, 1},
                                   {300, 700, 1}, {1000, 1000, 1}, {64, 64, 64}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (uint64_t seed = 0; seed < 6; seed++) {
            fcs_image *m = make("channels", sizes[i][0], sizes[i][1], sizes[i][2], seed * 1000003);
            double sand = share(m, 255);
            CHECK(sand >= 0.25 && sand <= 0.30);
            if (!(sand >= 0.25 && sand <= 0.30))
                fprintf(stderr, "%d x %d x %d, seed %d: %.4f\n", sizes[i][0], sizes[i][1],
                        sizes[i][2], (int)seed, sand);
            CHECK_NEAR(share(m, 0) + sand, 1, 1e-12);
            /* Rivers run from left to right: few changes along x, many along y; 10 to 14 pixels
             * wide: along y a change for each 5 to 7 pixels of sand, fewer where channels meet or
             * slant. */
            if (sizes[i][2] == 1 && sizes[i][1] >= 256) {
                CHECK(changes(m, 1, 0) < 0.75 * changes(m, 0, 1));
                double width = 2 * sand / changes(m, 0, 1);
                CHECK(width > 9 && width < 18);
            }
            fcs_image_free(m);
        }
}

/* No part of the image is favoured: the mean share of each third across and down is that of the
 * whole. */
static void test_channels_even(void)
{
    enum { SIDE = 360, SEEDS = 24 };
    double across[3] = {0}, down[3] = {0};
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        fcs_image *m = make("channels", SIDE, SIDE, 1, seed);
        for (int y = 0; y < SIDE; y++)
            for (int x = 0; x < SIDE; x++) {
                double sand = ((const uint8_t *)m->data)[y * SIDE + x] / 255.0;
                across[x / (SIDE / 3)] += sand * 3 / SIDE / SIDE / SEEDS;
                down[y / (SIDE / 3)] += sand * 3 / SIDE / SIDE / SEEDS;
            }
        fcs_image_free(m);
    }
    for (int i = 0; i < 3; i++) {
        CHECK_NEAR(across[i], 0.275, 0.03);
        CHECK_NEAR(down[i], 0.275, 0.03);
    }
}

static void test_kinds(void)
{
    fcs_image *m = make("spheres", 400, 300, 1, 5);
    CHECK(share(m, 255) > 0.45 && share(m, 255) < 0.7 &&
          fabs(share(m, 0) + share(m, 255) - 1) < 1e-12);
    CHECK_NEAR(changes(m, 1, 0) / changes(m, 0, 1), 1, 0.08); /* isotropic */
    fcs_image_free(m);
    m = make("spheres", 80, 80, 80, 5);
    CHECK(share(m, 255) > 0.3 && share(m, 255) < 0.65);
    fcs_image_free(m);
    m = make("blobs", 300, 400, 1, 6);
    CHECK_NEAR(share(m, 0), 0.45, 0.01);
    CHECK_NEAR(share(m, 128), 0.35, 0.01);
    CHECK_NEAR(share(m, 255), 0.20, 0.01);
    fcs_image_free(m);
    m = make("stripes", 300, 480, 1, 7);
    CHECK_NEAR(share(m, 255), 0.5, 0.02);
    CHECK_NEAR(changes(m, 0, 1), 1.0 / 12, 0.003); /* a change every 12 pixels */
    fcs_image_free(m);
    m = make("grains", 480, 480, 1, 8);
    /* A line meets 4 sqrt(density) / pi edges a pixel in a Poisson-Voronoi mosaic (Miles 1970); a
     * point in each 24 x 24 square is a little more regular. */
    CHECK_NEAR(changes(m, 1, 0), 4.0 / 24 / 3.14159265, 0.006);
    CHECK_NEAR(changes(m, 0, 1), 4.0 / 24 / 3.14159265, 0.006);
    CHECK(share(m, 0) == 0);
    fcs_image_free(m);
}

/* Any size works, and other seeds give other pictures. */
static void test_sizes(void)
{
    static const char *const kinds[] = {"channels", "spheres", "grains", "blobs", "stripes"};
    static const int sizes[][3] = {{1, 1, 1},   {1, 50, 1}, {50, 1, 1}, {3, 2, 1},
                                   {20, 1, 20}, {2, 2, 2},  {1, 1, 30}};
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
            fcs_image_free(make(kinds[k], sizes[i][0], sizes[i][1], sizes[i][2], 3));
        fcs_image *a = make(kinds[k], 100, 100, 1, 1), *b = make(kinds[k], 100, 100, 1, 1),
                  *c = make(kinds[k], 100, 100, 1, 2);
        CHECK(memcmp(a->data, b->data, 10000) == 0 && memcmp(a->data, c->data, 10000) != 0);
        fcs_image_free(a);
        fcs_image_free(b);
        fcs_image_free(c);
    }
}

/* FNV-1a of all pixels, as on the machine where each kind was made: these bits are part of the
 * interface. */
static void test_bits(void)
{
    static const struct {
        const char *kind;
        int w, h, d;
        uint64_t hash;
    } known[] = {
        {"channels", 200, 150, 1, 0xf42deb6c4d09c289}, {"channels", 40, 50, 30, 0x9ff109138b364178},
        {"spheres", 200, 150, 1, 0x40a37fd4ce8117c5},  {"spheres", 40, 50, 30, 0x9986f93f386446c4},
        {"grains", 200, 150, 1, 0x9d1f1911ec850a2b},   {"grains", 40, 50, 30, 0x6a08d9bcafb9f60c},
        {"blobs", 200, 150, 1, 0x35458d7182c46917},    {"blobs", 40, 50, 30, 0x073d02556855cc23},
        {"stripes", 200, 150, 1, 0xf7eb233812a4350d},  {"stripes", 40, 50, 30, 0x30e66959ed7b3dc5},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        fcs_image *m = make(known[i].kind, known[i].w, known[i].h, known[i].d, 42);
        uint64_t hash = 0xcbf29ce484222325u;
        for (int64_t p = 0; p < m->width * m->height * m->depth; p++)
            hash = (hash ^ ((const uint8_t *)m->data)[p]) * 0x100000001b3u;
        CHECK(hash == known[i].hash);
        if (hash != known[i].hash)
            fprintf(stderr, "{\"%s\", %d, %d, %d, 0x%016llx},\n", known[i].kind, known[i].w,
                    known[i].h, known[i].d, (unsigned long long)hash);
        fcs_image_free(m);
    }
}

static void test_errors(void)
{
    fcs_image *m = NULL;
    CHECK(fcs_synth(&ctx, "chanels", 10, 10, 1, 1, &m) == FCS_FAILED && m == NULL);
    CHECK(strstr(fcs_message(&ctx), "did you mean 'channels'") != NULL);
    CHECK(fcs_synth(&ctx, "channels", 0, 10, 1, 1, &m) == FCS_FAILED && m == NULL);
    CHECK(fcs_synth(&ctx, "grains", INT64_MAX, INT64_MAX, 1, 1, &m) == FCS_FAILED && m == NULL);
}

int main(void)
{
    test_channels();
    test_channels_even();
    test_kinds();
    test_sizes();
    test_bits();
    test_errors();
    return test_end();
}
