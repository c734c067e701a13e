/* test_metrics_real.c: the metrics on the 2500 x 2500 channel image, where it is at hand, against
 * scikit-image 0.26 and scipy 1.17 on two crops, and against the measured values of SYSTEMS.md,
 * section 1, on random crops. */
#include "metrics/metrics.h"
#include "test.h"
#include <string.h>
#include <unistd.h>

enum { SIDE = 384 };

static bool find_image(char *path, size_t size)
{
    static const char name[] = "data/geology/binary/channels_2500_laloy2018.png";
    const char *shared = getenv("FACIES_SHARED"), *source = getenv("srcdir");
    if (shared)
        snprintf(path, size, "%s/%s", shared, name);
    else
        snprintf(path, size, "%s/../shared/%s", source ? source : ".", name);
    return access(path, R_OK) == 0;
}

/* ---- two crops: what scikit-image and scipy say ---- */

typedef struct crop_case {
    int y, x;
    double tv[2], share, lbp[2][3], hog[10];
    double pairs[2][2][2]
                [2]; /* phase 0, 1; along x, y; lag 25, 200; same component, both of the phase */
} crop_case;
static const crop_case crop_cases[] = {
    {0,
     0,
     {0.05167142968484412, 0.05610487196180555},
     0.2537773980034722,
     {{36621026, 9279831000, 19270731982}, {35819434, 9022831356, 16981816892}},
     {156230, 2896, 3145, 6324, 2007, 565, 76, 120, 1, 32},
     {{{{81924, 85002}, {12879, 39070}}, {{38914, 72866}, {0, 41855}}},
      {{{17895, 17895}, {3212, 4271}}, {{4948, 4949}, {0, 5823}}}}},
    {1000,
     1500,
     {0.052671462879536765, 0.05689832899305555},
     0.2656182183159722,
     {{36590613, 9272456583, 19223990372}, {35726040, 8999185046, 16910622116}},
     {156977, 2308, 2989, 6210, 2084, 642, 37, 120, 4, 25},
     {{{{83565, 85143}, {10656, 38417}}, {{35234, 71465}, {0, 39199}}},
      {{{20006, 20006}, {5375, 5483}}, {{4591, 5473}, {67, 5030}}}}},
};

static void test_crop_texture(const fcs_page_view *page, const crop_case *c)
{
    fcs_error e = {0};
    double tv[2], counts[256], hog[10];
    CHECK(fcs_measure_tv_isotropic(&e, page, -1, &tv[0]) == FCS_OK);
    CHECK(fcs_measure_tv_anisotropic(&e, page, -1, &tv[1]) == FCS_OK);
    CHECK_NEAR(tv[0], c->tv[0], 1e-12);
    CHECK_NEAR(tv[1], c->tv[1], 1e-12);
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
        CHECK_NEAR(hog[i] * 46 * 46 * 81, c->hog[i], 1e-6);
}

static void test_crop(fcs_context *ctx, const fcs_image *whole, const crop_case *c)
{
    fcs_image *crop = NULL;
    if (fcs_image_new(ctx, SIDE, SIDE, 1, 1, FCS_F32, &crop) != FCS_OK) {
        CHECK(false && "memory");
        return;
    }
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++)
            ((float *)crop->data)[y * SIDE + x] =
                (float)fcs_image_value(whole, 0, c->y + y, c->x + x, 0);
    test_crop_texture(&(fcs_page_view){crop->data, SIDE, SIDE}, c);
    static const int lags[] = {25, 200};
    double tau[201], s2[201];
    for (int phase = 0; phase < 2; phase++)
        for (int a = 0; a < 2; a++) {
            CHECK(fcs_connectivity(ctx, crop, 0.5, phase, 4, "xy"[a], 200, tau, NULL, s2) ==
                  FCS_OK);
            for (int i = 0; i < 2; i++) {
                const double *pairs = c->pairs[phase][a][i];
                CHECK_NEAR(s2[0], phase ? c->share : 1 - c->share, 1e-12);
                CHECK_NEAR(tau[lags[i]], pairs[0] / pairs[1], 1e-14);
                CHECK_NEAR(s2[lags[i]], pairs[1] / (SIDE * (SIDE - lags[i])), 1e-14);
            }
        }
    fcs_image_free(crop);
}

static void test_whole(fcs_context *ctx, const fcs_image *whole)
{
    double iso, aniso;
    CHECK(fcs_total_variation(ctx, whole, &iso, &aniso) == FCS_OK);
    CHECK_NEAR(iso, 0.0533, 0.00005);
    CHECK_NEAR(aniso, 0.0568, 0.00005);
    uint32_t *labels = malloc((size_t)(whole->width * whole->height) * sizeof *labels), count = 0;
    static const struct {
        int phase, neighbours;
        uint32_t count;
    } cases[] = {{1, 4, 2}, {1, 8, 2}, {0, 4, 578}, {0, 8, 550}};
    for (size_t i = 0; labels && i < 4; i++) {
        CHECK(fcs_components(ctx, whole, 0.5, cases[i].phase, cases[i].neighbours, labels,
                             &count) == FCS_OK);
        CHECK(count == cases[i].count);
    }
    free(labels);
}

/* ---- random crops: SYSTEMS.md ---- */

typedef struct known {
    const char *metric, *phase, *axis, *at;
    double value, tolerance;
} known;
/* The tolerances are three standard errors of a mean over 40 crops (SYSTEMS.md's figures) and one
 * over 100 (ours); for chi-squares what six draws of 100 crops with scikit-image differed by. */
static const known systems[] = {
    {"tv_isotropic", NULL, NULL, NULL, 0.0535, 0.002},
    {"tv_anisotropic", NULL, NULL, NULL, 0.0569, 0.002},
    {"share", "1", NULL, NULL, 0.2593, 0.01},
    {"lbp_r1", NULL, NULL, NULL, 0.70, 0.13},
    {"lbp_r2", NULL, NULL, NULL, 1.98, 0.30},
    {"hog", NULL, NULL, NULL, 1.46e-4, 0.4e-4},
    {"tau", "1", "x", "lag 25", 1.000, 0.001},
    {"tau", "1", "x", "lag 50", 0.997, 0.003},
    {"tau", "1", "x", "lag 100", 0.989, 0.012},
    {"tau", "1", "x", "lag 200", 0.952, 0.03},
    {"tau", "1", "y", "lag 25", 0.940, 0.04},
    {"tau", "1", "y", "lag 50", 0.833, 0.08},
    {"tau", "1", "y", "lag 100", 0.734, 0.12},
    {"tau", "1", "y", "lag 200", 0.533, 0.21},
    {"tau", "0", "x", "lag 25", 0.976, 0.006},
    {"tau", "0", "x", "lag 50", 0.854, 0.02},
    {"tau", "0", "x", "lag 100", 0.592, 0.045},
    {"tau", "0", "x", "lag 200", 0.272, 0.06},
    {"tau", "0", "y", "lag 25", 0.496, 0.035},
    {"tau", "0", "y", "lag 50", 0.079, 0.025},
    {"tau", "0", "y", "lag 100", 0, 0.001},
    {"tau", "0", "y", "lag 200", 0, 0},
};

static bool same_text(const char *a, const char *b) { return a && b ? strcmp(a, b) == 0 : a == b; }

/* The value of column `column` in the row that fits; NaN when there is none. */
static double look_up(const fcs_table *t, const char *variant, const known *k, const char *column)
{
    int c = 0;
    while (c < fcs_table_columns(t) && strcmp(fcs_table_name(t, c), column) != 0)
        c++;
    for (int r = 0; r < fcs_table_rows(t); r++)
        if (same_text(fcs_table_text(t, r, 1), k->metric) &&
            same_text(fcs_table_text(t, r, 2), variant) &&
            same_text(fcs_table_text(t, r, 3), k->phase) &&
            same_text(fcs_table_text(t, r, 4), k->axis) &&
            same_text(fcs_table_text(t, r, 5), k->at))
            return fcs_table_number(t, r, c);
    return NAN;
}

/* The image against itself: other crops of the same. Both columns must then be what SYSTEMS.md says
 * of real. */
static void test_systems(fcs_context *ctx, const char *path)
{
    fcs_evaluate_options o = {.crop = SIDE, .max_lag = 200};
    fcs_table *t = NULL;
    CHECK(fcs_evaluate(ctx, path, &path, 1, &o, &t) == FCS_OK);
    for (size_t i = 0; t && i < sizeof systems / sizeof systems[0]; i++) {
        const known *k = &systems[i];
        CHECK_NEAR(look_up(t, "thresholded", k, "real"), k->value, k->tolerance);
        CHECK_NEAR(look_up(t, "thresholded", k, "value"), k->value, k->tolerance);
    }
    fcs_table_free(t);
}

int main(void)
{
    char path[2000];
    fcs_context *ctx;
    fcs_image *whole = NULL;
    if (!find_image(path, sizeof path))
        TEST_SKIP("%s is not here; set FACIES_SHARED to the folder that holds data/", path);
    if (fcs_open(&ctx, NULL) != FCS_OK || fcs_image_read(ctx, path, &whole) != FCS_OK) {
        fprintf(stderr, "%s\n", fcs_message(ctx));
        return 1;
    }
    test_whole(ctx, whole);
    for (size_t i = 0; i < sizeof crop_cases / sizeof crop_cases[0]; i++)
        test_crop(ctx, whole, &crop_cases[i]);
    fcs_image_free(whole);
    test_systems(ctx, path);
    fcs_close(ctx);
    return test_end();
}
