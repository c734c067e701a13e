/* test_solid.c: what is measured on whole volumes: closed forms on shapes, and on Berea sandstone
 * what SciPy, scikit-image and PoreSpy say. */
#include "metrics/metrics.h"
#include "test.h"
#include <string.h>

static fcs_context *ctx;
static fcs_error e;

typedef bool shape(int x, int y, int z);

enum { SIDE = 64 };
static unsigned char phases[SIDE * SIDE * SIDE];
static uint32_t labels[SIDE * SIDE * SIDE];

static fcs_phase_view view_of(shape *in, int side, int64_t period)
{
    uint32_t count;
    for (int z = 0, i = 0; z < side; z++)
        for (int y = 0; y < side; y++)
            for (int x = 0; x < side; x++)
                phases[i++] = in(x, y, z);
    CHECK(fcs_label(&e, phases, side, side, side, false, labels, &count) == FCS_OK);
    return (fcs_phase_view){phases, side, side, side, labels, period};
}

static double measure(const fcs_phase_view *v, const char *name, int phase, char axis)
{
    double value = NAN;
    for (int i = 0; i < fcs_metric_count; i++)
        if (strcmp(fcs_metrics[i].name, name) == 0)
            CHECK(fcs_metrics[i].measure_phases(&e, v, phase, axis, &value) == FCS_OK);
    return value;
}

static bool ball(int x, int y, int z)
{
    return (x - 31) * (x - 31) + (y - 32) * (y - 32) + (z - 31) * (z - 31) <= 400;
}
static bool slab(int x, int y, int z) { return x < 10 + 0 * (y + z); }
static bool stairs(int x, int y, int z) { return x == y && z == 3; }
static bool bars(int x, int y, int z) { return x % 8 < 3 && y >= 0 && z >= 0; }
static uint64_t mixed(uint64_t k)
{
    k = (k ^ k >> 31) * 0x9e3779b97f4a7c15u;
    return (k ^ k >> 29) * 0xbf58476d1ce4e5b9u;
}
static bool noise(int x, int y, int z)
{
    return mixed((uint64_t)((z * 64 + y) * 64 + x + 1)) >> 63;
}
static bool tiled(int x, int y, int z) { return noise(x % 16, y % 16, z % 16); }
/* One voxel in twenty repeats every 16 along x; the others are noise. */
static bool haunted(int x, int y, int z)
{
    return mixed((uint64_t)((z * 64 + y) * 16 + x % 16 + 1)) % 20 == 0 ? tiled(x, y, z)
                                                                       : noise(x, y, z);
}

static void test_surface(void)
{
    const double pi = 3.14159265358979323846;
    fcs_phase_view v = view_of(ball, SIDE, 0);
    /* Of SIDE^3 voxels (SIDE - 1) SIDE^2 have a neighbour along an axis, and so on: a ball that is
     * alone in its volume counts for more by that. */
    double f = (double)SIDE / (SIDE - 1), area = 4 * pi * 400;
    area *= 6 * 0.04577789 * f + 12 * 0.03698063 * f * f + 8 * 0.03519564 * f * f * f;
    CHECK_NEAR(measure(&v, "surface", 1, 0) * SIDE * SIDE * SIDE, area, 0.01 * area);
    CHECK_NEAR(measure(&v, "surface", 0, 0), measure(&v, "surface", 1, 0), 1e-15);
    /* A plane across x: of each direction with dx != 0 one pair in 31 crosses. */
    v = view_of(slab, 32, 0);
    double rate =
        0.09155578240952 + 4 * 0.07396125575216 / sqrt(2) + 4 * 0.07039127956464 / sqrt(3);
    CHECK_NEAR(measure(&v, "surface", 1, 0), 2 * rate / 31, 1e-14);
}

static void test_paths(void)
{
    fcs_phase_view v = view_of(slab, 32, 0);
    CHECK_NEAR(measure(&v, "percolation", 1, 'x'), 0, 0);
    CHECK_NEAR(measure(&v, "percolation", 1, 'y'), 1, 0);
    CHECK_NEAR(measure(&v, "percolation", 1, 'z'), 1, 0);
    CHECK(isnan(measure(&v, "percolation", 2, 'x')) == 0); /* labels decide, not the number */
    fcs_image image = {.width = 16, .height = 16, .depth = 16, .channels = 1, .sample = FCS_U8};
    static unsigned char bytes[16 * 16 * 16];
    for (int i = 0; i < 16 * 16 * 16; i++)
        bytes[i] = stairs(i % 16, i / 16 % 16, i / 256) ? 255 : 0;
    image.data = bytes;
    double share = NAN;
    CHECK(fcs_percolation(ctx, &image, 0.5, 1, 6, 'x', &share) == FCS_OK);
    CHECK_NEAR(share, 0, 0);
    CHECK(fcs_percolation(ctx, &image, 0.5, 1, 26, 'x', &share) == FCS_OK);
    CHECK_NEAR(share, 1, 0);
    CHECK(fcs_percolation(ctx, &image, 0.5, 1, 26, 'z', &share) == FCS_OK);
    CHECK_NEAR(share, 0, 0);
    CHECK(fcs_percolation(ctx, &image, 0.5, 1, 8, 'z', &share) == FCS_FAILED);
    CHECK(fcs_percolation(ctx, &image, 0.5, 1, 6, 'w', &share) == FCS_FAILED);
    memset(bytes, 0, sizeof bytes);
    CHECK(fcs_percolation(ctx, &image, 0.5, 1, 6, 'x', &share) == FCS_OK && isnan(share));
}

static void test_chords(void)
{
    fcs_phase_view v = view_of(bars, 32, 0);
    CHECK_NEAR(measure(&v, "chord", 1, 'x'), 3, 0);
    CHECK_NEAR(measure(&v, "chord", 0, 'x'), 5, 0);
    CHECK(isnan(measure(&v, "chord", 1, 'y'))); /* all touch both faces */
    CHECK_NEAR(measure(&v, "share", 1, 0), 12.0 / 32, 1e-15);
    CHECK_NEAR(measure(&v, "share_spread", 1, 0), 0, 1e-9);
}

static void test_order(void)
{
    fcs_phase_view v = view_of(noise, SIDE, 16);
    CHECK(measure(&v, "isotropy", 1, 0) < FCS_ISOTROPY_MOST);
    CHECK(measure(&v, "period", 1, 'x') < FCS_PERIOD_MOST);
    CHECK(measure(&v, "period", 1, 'z') < FCS_PERIOD_MOST);
    v = view_of(bars, SIDE, 16);
    CHECK(measure(&v, "isotropy", 1, 0) > FCS_ISOTROPY_MOST);
    v = view_of(tiled, SIDE, 16);
    CHECK(measure(&v, "period", 1, 'x') > FCS_PERIOD_MOST);
    CHECK(measure(&v, "period", 1, 'y') > FCS_PERIOD_MOST);
    v = view_of(haunted, SIDE, 16);
    CHECK(measure(&v, "period", 1, 'x') > FCS_PERIOD_MOST);
    v.period = 48; /* beyond half of the volume: not defined */
    CHECK(isnan(measure(&v, "period", 1, 'x')));
}

/* ---- Berea sandstone, 256^3, phase 0 the pores ----
 * scipy.ndimage.label (6 and 26 neighbours), numpy for pairs and the 13 directions,
 * porespy.filters.trim_nonpercolating_paths(axis=2): 0.9926533206191336 along x;
 * skimage.measure.marching_cubes at 0.5 gives 0.09193575, which is known to be large for voxels:
 *   l, n = nd.label(pores); both = np.intersect1d(l[:, :, 0], l[:, :, -1]); np.isin(l, both[both >
 * 0]).sum() / pores.sum()
 */
static void test_curves(const fcs_image *berea)
{
    static const struct {
        char axis;
        double s2[2], tau[2], c2[2]; /* lags 10, 50 */
    } cases[] = {
        {'x',
         {0.075833204316, 0.043206076020},
         {0.997712200181, 0.981520658323},
         {0.075659713125, 0.042407656179}},
        {'y',
         {0.072463679120, 0.042175811471},
         {0.997941363528, 0.987498924289},
         {0.072314502747, 0.041648568459}},
        {'z',
         {0.073274379823, 0.038224303607},
         {0.997772828508, 0.981152769919},
         {0.073111185213, 0.037503881362}},
    };
    static const int lags[2] = {10, 50};
    double tau[51], c2[51], s2[51];
    for (size_t i = 0; i < 3; i++) {
        CHECK(fcs_connectivity(ctx, berea, 0.5, 0, 6, cases[i].axis, 50, tau, c2, s2) == FCS_OK);
        for (int k = 0; k < 2; k++) {
            CHECK_NEAR(s2[lags[k]], cases[i].s2[k], 1e-12);
            CHECK_NEAR(tau[lags[k]], cases[i].tau[k], 1e-12);
            CHECK_NEAR(c2[lags[k]], cases[i].c2[k], 1e-12);
        }
    }
}

static void test_berea(const char *path)
{
    static const double chords[] = {9.5721001296, 9.0883526048, 8.8788393627};
    fcs_image *berea = NULL;
    double value;
    uint32_t count;
    CHECK(fcs_image_read(ctx, path, &berea) == FCS_OK);
    if (!berea)
        return;
    size_t n = (size_t)(berea->width * berea->height * berea->depth);
    uint32_t *own = malloc(n * sizeof *own);
    CHECK(own && fcs_components(ctx, berea, 0.5, 0, 26, own, &count) == FCS_OK && count == 594);
    CHECK(own && fcs_components(ctx, berea, 0.5, 0, 6, own, &count) == FCS_OK && count == 715);
    CHECK(fcs_percolation(ctx, berea, 0.5, 0, 6, 'x', &value) == FCS_OK);
    CHECK_NEAR(value, 0.9926533206191336, 1e-12);
    CHECK(fcs_percolation(ctx, berea, 0.5, 0, 26, 'z', &value) == FCS_OK);
    CHECK_NEAR(value, 0.993110406140, 1e-11);
    CHECK(fcs_surface(ctx, berea, 0.5, 0, &value) == FCS_OK);
    CHECK_NEAR(value, 0.085007711043, 1e-11);
    CHECK_NEAR(value, 0.09193575, 0.1 * 0.09193575);
    const fcs_phase_view v = {berea->data, berea->width, berea->height, berea->depth, own, 32};
    for (int a = 0; a < 3 && own; a++)
        CHECK_NEAR(measure(&v, "chord", 0, "xyz"[a]), chords[a], 1e-9);
    for (int a = 0; a < 3 && own; a++) /* a rock does not repeat */
        CHECK(measure(&v, "period", 0, "xyz"[a]) < FCS_PERIOD_MOST);
    CHECK(measure(&v, "isotropy", 0, 0) < FCS_ISOTROPY_MOST);
    test_curves(berea);
    free(own);
    fcs_image_free(berea);
}

int main(void)
{
    const char *shared = getenv("FACIES_SHARED");
    char path[2000];
    if (fcs_open(&ctx, NULL) != FCS_OK)
        return 1;
    test_surface();
    test_paths();
    test_chords();
    test_order();
    snprintf(path, sizeof path, "%s/data/materials/volume3d/berea_256.tif",
             shared ? shared : "../shared");
    FILE *f = fopen(path, "rb");
    if (f)
        test_berea(path);
    else
        printf("left out: %s is not here; set FACIES_SHARED to the folder that holds data/\n",
               path);
    if (f)
        fclose(f);
    fcs_close(ctx);
    return test_end();
}
