/* test_metrics.c: metrics against closed forms, hand-made cases and numbers from other programs
 * (scikit-image 0.26, scipy 1.17, numpy brute force) on the same small arrays. */
#include "metrics/metrics.h"
#include "test.h"
#include <string.h>

enum { W = 72, H = 56, VW = 22, VH = 18, VD = 14 };

static fcs_image *image_new(fcs_context *ctx, int64_t w, int64_t h, int64_t d)
{
    fcs_image *image = NULL;
    if (fcs_image_new(ctx, w, h, d, 1, FCS_F32, &image) != FCS_OK) {
        fprintf(stderr, "%s\n", fcs_message(ctx));
        exit(1);
    }
    return image;
}

static float *at(const fcs_image *image, int64_t z, int64_t y, int64_t x)
{
    return (float *)image->data + (z * image->height + y) * image->width + x;
}

/* The page given to scikit-image and scipy. */
static fcs_image *waves(fcs_context *ctx)
{
    fcs_image *image = image_new(ctx, W, H, 1);
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++)
            *at(image, 0, y, x) = (float)(0.5 + 0.25 * sin(0.3 * x + 0.05 * y * y) +
                                          0.25 * cos(0.2 * y - 0.01 * x * x));
    return image;
}

static fcs_image *volume(fcs_context *ctx)
{
    fcs_image *image = image_new(ctx, VW, VH, VD);
    for (int z = 0; z < VD; z++)
        for (int y = 0; y < VH; y++)
            for (int x = 0; x < VW; x++)
                *at(image, z, y, x) =
                    (float)(sin(0.9 * x + 0.05 * y * z) + sin(1.1 * y - 0.3 * z + 0.02 * x * x) +
                            cos(0.8 * z + 0.4 * x));
    return image;
}

/* ---- closed forms ---- */

static void test_stripes(fcs_context *ctx)
{
    /* Vertical stripes, 4 pixels on, 4 off: an edge at every 4th of 64 columns but the last, dy =
     * 0. */
    fcs_image *image = image_new(ctx, 64, 40, 1);
    for (int y = 0; y < 40; y++)
        for (int x = 0; x < 64; x++)
            *at(image, 0, y, x) = (float)(x / 4 % 2);
    double iso, aniso, tau[41], c2[41], s2[41];
    CHECK(fcs_total_variation(ctx, image, &iso, &aniso) == FCS_OK);
    CHECK_NEAR(iso, 15.0 / 64, 1e-15);
    CHECK_NEAR(aniso, 15.0 / 64, 1e-15);
    /* Along y a column is one component: tau 1, S2 = C2 = 1/2 at all lags. */
    CHECK(fcs_connectivity(ctx, image, 0.5, 1, 4, 'y', 40, tau, c2, s2) == FCS_OK);
    for (int h = 0; h < 40; h++) {
        CHECK_NEAR(tau[h], 1, 0);
        CHECK_NEAR(c2[h], 0.5, 1e-15);
        CHECK_NEAR(s2[h], 0.5, 1e-15);
    }
    CHECK(isnan(tau[40]) && isnan(c2[40]) && isnan(s2[40])); /* no such pair in 40 rows */
    /* Along x at lag 8 the pattern repeats: 28 of 56 pairs both on, none in one stripe; at lag 4 no
     * pair at all. */
    CHECK(fcs_connectivity(ctx, image, 0.5, 1, 4, 'x', 40, tau, c2, s2) == FCS_OK);
    CHECK_NEAR(s2[8], 0.5, 1e-15);
    CHECK_NEAR(tau[8], 0, 0);
    CHECK(isnan(tau[4]) && s2[4] == 0);
    CHECK_NEAR(tau[3], 1, 0); /* one pixel of each of 8 stripes: 8 pairs of 61 */
    CHECK_NEAR(c2[3], 8.0 / 61, 1e-15);
    CHECK_NEAR(tau[5], 0,
               0); /* the last pixel of a stripe and the first of the next: 7 pairs of 59 */
    CHECK_NEAR(s2[5], 7.0 / 59, 1e-15);
    fcs_image_free(image);
}

static void test_checkerboard(fcs_context *ctx)
{
    enum { N = 20 };
    fcs_image *image = image_new(ctx, N, N, 1);
    for (int y = 0; y < N; y++)
        for (int x = 0; x < N; x++)
            *at(image, 0, y, x) = (float)((x + y) % 2);
    double iso, aniso, tau[5], s2[5];
    uint32_t labels[N * N], count;
    CHECK(fcs_total_variation(ctx, image, &iso, &aniso) == FCS_OK);
    CHECK_NEAR(aniso, 2.0 * N * (N - 1) / (N * N), 1e-14);
    CHECK_NEAR(iso, ((N - 1) * (N - 1) * sqrt(2) + 2 * (N - 1)) / (N * N), 1e-14);
    CHECK(fcs_components(ctx, image, 0.5, 1, 4, labels, &count) == FCS_OK && count == N * N / 2);
    CHECK(fcs_components(ctx, image, 0.5, 1, 8, labels, &count) == FCS_OK && count == 1);
    CHECK(fcs_connectivity(ctx, image, 0.5, 0, 8, 'x', 4, tau, NULL, s2) == FCS_OK);
    CHECK_NEAR(tau[2], 1, 0);
    CHECK_NEAR(s2[2], 0.5, 0);
    CHECK(isnan(tau[1]) && s2[1] == 0);
    CHECK(fcs_connectivity(ctx, image, 0.5, 0, 4, 'x', 4, tau, NULL, NULL) == FCS_OK);
    CHECK_NEAR(tau[2], 0, 0);
    fcs_image_free(image);
}

/* Discs: as many components as discs; the anisotropic total variation of a convex body is twice the
 * sum of its extents, the background of separate discs is one component. */
static void test_discs(fcs_context *ctx)
{
    enum { N = 200 };
    static const int discs[3][3] = {{50, 50, 30}, {140, 60, 25}, {100, 150, 40}}; /* x, y, radius */
    fcs_image *image = image_new(ctx, N, N, 1);
    double extents = 0, area = 0;
    for (int i = 0; i < 3; i++)
        for (int y = 0; y < N; y++)
            for (int x = 0; x < N; x++) {
                int dx = x - discs[i][0], dy = y - discs[i][1];
                if (dx * dx + dy * dy <= discs[i][2] * discs[i][2])
                    *at(image, 0, y, x) = 1;
            }
    for (int i = 0; i < 3; i++) {
        extents += 4.0 * (2 * discs[i][2] + 1);
        area += 3.14159265358979 * discs[i][2] * discs[i][2];
    }
    uint32_t *labels = malloc(N * N * sizeof *labels), count = 0;
    double aniso;
    CHECK(labels && fcs_components(ctx, image, 0.5, 1, 4, labels, &count) == FCS_OK);
    CHECK(count == 3);
    if (labels)
        CHECK(labels[50 * N + 50] == 1 && labels[60 * N + 140] == 2 && labels[150 * N + 100] == 3 &&
              labels[0] == 0);
    CHECK(labels && fcs_components(ctx, image, 0.5, 0, 4, labels, &count) == FCS_OK && count == 1);
    CHECK(fcs_total_variation(ctx, image, NULL, &aniso) == FCS_OK);
    CHECK_NEAR(aniso, extents / (N * N), 1e-14);
    double s2;
    CHECK(fcs_connectivity(ctx, image, 0.5, 1, 4, 'x', 0, NULL, NULL, &s2) == FCS_OK);
    CHECK_NEAR(s2, area / (N * N), 0.01 * area / (N * N));
    free(labels);
    fcs_image_free(image);
}

/* ---- by hand ---- */

static void test_hand(fcs_context *ctx)
{
    /* A spiral whose arms meet late, and a loner: labels must be merged across rows. */
    static const char *const rows[] = {"#.#####", "#.#...#", "#.#.#.#", "#.###.#",
                                       "#.....#", "#######", "......."};
    static const char *const steps[] = {"#..", ".#.", "#.#"};
    fcs_image *image = image_new(ctx, 7, 7, 1), *small = image_new(ctx, 3, 3, 1);
    for (int y = 0; y < 7; y++)
        for (int x = 0; x < 7; x++)
            *at(image, 0, y, x) = rows[y][x] == '#';
    uint32_t labels[49], count;
    CHECK(fcs_components(ctx, image, 0.5, 1, 4, labels, &count) == FCS_OK && count == 1);
    CHECK(fcs_components(ctx, image, 0.5, 0, 4, labels, &count) == FCS_OK && count == 2);
    CHECK(labels[1] == 1 && labels[4 * 7 + 1] == 1 && labels[7 + 3] == 1 && labels[48] == 2);
    for (int y = 0; y < 3; y++)
        for (int x = 0; x < 3; x++)
            *at(small, 0, y, x) = steps[y][x] == '#';
    CHECK(fcs_components(ctx, small, 0.5, 1, 4, labels, &count) == FCS_OK && count == 4);
    CHECK(fcs_components(ctx, small, 0.5, 1, 8, labels, &count) == FCS_OK && count == 1);
    /* Row 2 is "#.#": at lag 2 one pair both on, of 3 pairs in all; connected diagonally only. */
    double tau[3], c2[3], s2[3];
    CHECK(fcs_connectivity(ctx, small, 0.5, 1, 4, 'x', 2, tau, c2, s2) == FCS_OK);
    CHECK_NEAR(tau[2], 0, 0);
    CHECK_NEAR(s2[2], 1.0 / 3, 1e-15);
    CHECK(fcs_connectivity(ctx, small, 0.5, 1, 8, 'x', 2, tau, c2, s2) == FCS_OK);
    CHECK_NEAR(tau[2], 1, 0);
    CHECK_NEAR(c2[2], 1.0 / 3, 1e-15);
    fcs_image_free(image);
    fcs_image_free(small);
}

static void test_refusals(fcs_context *ctx)
{
    fcs_image *image = image_new(ctx, 4, 4, 1);
    uint32_t labels[16], count;
    double tau[3];
    CHECK(fcs_components(ctx, image, 0.5, 1, 6, labels, &count) == FCS_FAILED);
    CHECK(strstr(fcs_message(ctx), "4 or 8") != NULL);
    fcs_error_clear(&ctx->error);
    CHECK(fcs_components(ctx, image, 0.5, 2, 4, labels, &count) == FCS_FAILED);
    fcs_error_clear(&ctx->error);
    CHECK(fcs_connectivity(ctx, image, 0.5, 1, 4, 'w', 2, tau, NULL, NULL) == FCS_FAILED);
    fcs_error_clear(&ctx->error);
    CHECK(fcs_connectivity(ctx, image, 0.5, 1, 4, 'x', -1, tau, NULL, NULL) == FCS_FAILED);
    fcs_error_clear(&ctx->error);
    fcs_image_free(image);
}

/* ---- against scipy and brute force ---- */

typedef struct pair_case {
    int phase, neighbours;
    uint32_t count, largest;
    char axis;
    int lag;
    double same, both, all; /* pairs */
} pair_case;

static const pair_case page_cases[] = {
    {0, 4, 38, 643, 'x', 1, 1578, 1578, 3976}, {0, 4, 38, 643, 'x', 5, 667, 968, 3752},
    {0, 4, 38, 643, 'x', 17, 134, 858, 3080},  {0, 4, 38, 643, 'x', 40, 0, 570, 1792},
    {0, 4, 38, 643, 'y', 5, 789, 1085, 3672},  {0, 4, 38, 643, 'y', 40, 15, 259, 1152},
    {0, 8, 32, 757, 'x', 5, 713, 968, 3752},   {0, 8, 32, 757, 'y', 17, 181, 458, 2808},
    {1, 4, 21, 797, 'x', 5, 862, 992, 3752},   {1, 4, 21, 797, 'x', 40, 34, 592, 1792},
    {1, 4, 21, 797, 'y', 0, 2027, 2027, 4032}, {1, 4, 21, 797, 'y', 17, 252, 476, 2808},
    {1, 8, 15, 1581, 'x', 17, 552, 878, 3080}, {1, 8, 15, 1581, 'y', 40, 171, 258, 1152},
};
static const pair_case volume_cases[] = {
    {0, 6, 1, 3757, 'z', 6, 1383, 1383, 3168}, {1, 6, 5, 1726, 'x', 1, 1211, 1211, 5292},
    {1, 6, 5, 1726, 'x', 6, 319, 332, 4032},   {1, 6, 5, 1726, 'y', 6, 685, 702, 3696},
    {1, 6, 5, 1726, 'z', 1, 1210, 1210, 5148}, {1, 6, 5, 1726, 'z', 6, 284, 307, 3168},
    {1, 26, 4, 1727, 'x', 6, 320, 332, 4032},
};

static uint32_t largest_of(const uint32_t *labels, size_t n, uint32_t count)
{
    uint32_t best = 0;
    for (uint32_t l = 1; l <= count; l++) {
        uint32_t size = 0;
        for (size_t i = 0; i < n; i++)
            size += labels[i] == l;
        best = size > best ? size : best;
    }
    return best;
}

static void test_cases(fcs_context *ctx, const fcs_image *image, double threshold,
                       const pair_case *cases, size_t n)
{
    size_t pixels = (size_t)(image->width * image->height * image->depth);
    uint32_t *labels = malloc(pixels * sizeof *labels), count = 0;
    for (size_t i = 0; i < n && labels; i++) {
        const pair_case *c = &cases[i];
        double tau[41], c2[41], s2[41];
        CHECK(fcs_components(ctx, image, threshold, c->phase, c->neighbours, labels, &count) ==
              FCS_OK);
        CHECK(count == c->count);
        CHECK(largest_of(labels, pixels, count) == c->largest);
        CHECK(fcs_connectivity(ctx, image, threshold, c->phase, c->neighbours, c->axis, 40, tau, c2,
                               s2) == FCS_OK);
        CHECK_NEAR(tau[c->lag], c->same / c->both, 1e-15);
        CHECK_NEAR(c2[c->lag], c->same / c->all, 1e-15);
        CHECK_NEAR(s2[c->lag], c->both / c->all, 1e-15);
    }
    free(labels);
}

/* The same answer for one image in all sample types and with channels. */
static void test_types(fcs_context *ctx)
{
    fcs_image *grey = waves(ctx), *rgb = NULL;
    CHECK(fcs_image_new(ctx, W, H, 1, 3, FCS_U16, &rgb) == FCS_OK);
    for (int i = 0; rgb && i < W * H; i++)
        ((uint16_t *)rgb->data)[3 * i] = ((float *)grey->data)[i] > 0.5f ? 65535 : 0;
    uint32_t labels[W * H], count = 0;
    CHECK(rgb && fcs_components(ctx, rgb, 0.5, 1, 4, labels, &count) == FCS_OK && count == 21);
    fcs_image_free(rgb);
    fcs_image_free(grey);
}

/* ---- against scikit-image ---- */

typedef struct texture_case {
    double lbp[2][3]; /* radius 1, 2: sum of counts * k, counts * k^2, counts^2 */
    double hog[10];   /* counts */
} texture_case;
static const texture_case grey_case = {{{500088, 104456292, 549516}, {491202, 98597528, 383034}},
                                       {1914, 556, 365, 0, 0, 0, 0, 0, 0, 0}};
static const texture_case binary_case = {
    {{771239, 183383727, 5462048}, {704428, 160641272, 4282064}},
    {1996, 400, 439, 0, 0, 0, 0, 0, 0, 0}};

static void test_texture(const fcs_page_view *page, const texture_case *c)
{
    fcs_error e = {0};
    double counts[256], hog[10];
    for (int r = 0; r < 2; r++) {
        double sum[3] = {0};
        CHECK((r ? fcs_measure_lbp2 : fcs_measure_lbp1)(&e, page, -1, counts) == FCS_OK);
        for (int k = 0; k < 256; k++) {
            sum[0] += counts[k] * k;
            sum[1] += counts[k] * k * k;
            sum[2] += counts[k] * counts[k];
        }
        for (int i = 0; i < 3; i++)
            CHECK_NEAR(sum[i], c->lbp[r][i], 0);
    }
    CHECK(fcs_measure_hog(&e, page, -1, hog) == FCS_OK);
    for (int i = 0; i < 10; i++)
        CHECK_NEAR(hog[i] * 2835, c->hog[i], 1e-9);
}

static void test_textures(fcs_context *ctx)
{
    fcs_image *image = waves(ctx);
    double iso, aniso;
    CHECK(fcs_total_variation(ctx, image, &iso, &aniso) == FCS_OK);
    CHECK_NEAR(iso, 0.2721774476531579, 1e-12);
    CHECK_NEAR(aniso, 0.3376764691051831, 1e-12);
    fcs_page_view page = {image->data, W, H};
    test_texture(&page, &grey_case);
    unsigned char phases[W * H];
    for (int i = 0; i < W * H; i++) {
        phases[i] = ((float *)image->data)[i] > 0.5f;
        ((float *)image->data)[i] = phases[i];
    }
    test_texture(&page, &binary_case);
    double share;
    fcs_error e = {0};
    const fcs_phase_view view = {.phases = phases, .width = W, .height = H, .depth = 1};
    CHECK(fcs_measure_share(&e, &view, 1, 0, &share) == FCS_OK);
    CHECK_NEAR(share, 2027.0 / 4032, 1e-15);
    CHECK(fcs_measure_share(&e, &view, 0, 0, &share) == FCS_OK);
    CHECK_NEAR(share, 2005.0 / 4032, 1e-15);
    fcs_page_view tiny = {image->data, 20, 20};
    double hog[10];
    CHECK(fcs_measure_hog(&e, &tiny, -1, hog) == FCS_OK && isnan(hog[0]));
    /* Flat ground of any value: inside the rim every neighbour equals the centre. */
    for (int i = 0; i < W * H; i++)
        ((float *)image->data)[i] = 0.3f;
    double counts[256];
    CHECK(fcs_measure_lbp2(&e, &page, -1, counts) == FCS_OK);
    CHECK_NEAR(counts[255], (W - 4) * (H - 4), 0);
    fcs_image_free(image);
}

static void test_chi(void)
{
    static const double a[4] = {1, 2, 0, 5}, b[4] = {3, 2, 0, 0}; /* 4/4 + 0 + nothing + 25/5 */
    CHECK_NEAR(fcs_chi_square(a, b, 4), 6, 0);
    CHECK_NEAR(fcs_chi_square(a, a, 4), 0, 0);
}

static void test_table(void)
{
    CHECK(fcs_metric_count >= 9);
    for (int i = 0; i < fcs_metric_count; i++) {
        const fcs_metric *m = &fcs_metrics[i];
        CHECK(m->name && m->title && m->definition && m->source);
        CHECK((m->kind == FCS_METRIC_SCALAR || m->kind == FCS_METRIC_HISTOGRAM) ==
              (m->measure || m->measure_phases));
        CHECK((m->kind == FCS_METRIC_SET) == (m->between != NULL));
        CHECK((m->kind == FCS_METRIC_HISTOGRAM) == (m->chi_scale > 0));
    }
}

int main(void)
{
    fcs_context *ctx;
    if (fcs_open(&ctx, NULL) != FCS_OK) {
        fprintf(stderr, "%s\n", fcs_message(ctx));
        return 1;
    }
    test_stripes(ctx);
    test_checkerboard(ctx);
    test_discs(ctx);
    test_hand(ctx);
    test_refusals(ctx);
    fcs_image *page = waves(ctx), *block = volume(ctx);
    test_cases(ctx, page, 0.5, page_cases, sizeof page_cases / sizeof page_cases[0]);
    test_cases(ctx, block, 0.6, volume_cases, sizeof volume_cases / sizeof volume_cases[0]);
    fcs_image_free(page);
    fcs_image_free(block);
    test_types(ctx);
    test_textures(ctx);
    test_chi();
    test_table();
    fcs_close(ctx);
    return test_end();
}
