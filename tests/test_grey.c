/* test_grey.c: levels, sharpness, correlation and spectrum of a grey page against NumPy 2.4 (var,
 * fft.fft2, histogram); pages that are even. */
#include "metrics/metrics.h"
#include "test.h"

enum { W = 12, H = 10, N = 6 };

int main(void)
{
    static const double along_x[] = {1, -0.218182240331, 0.078238645932, -0.015113057807,
                                     0.033907095456},
                        along_y[] = {1, -0.155972329138, -0.104593255301, 0.059065994871,
                                     -0.199033345148},
                        power[] = {-1.293115090678, -1.122679350313, -1.212269117916,
                                   -1.144359974871, -0.788522424486};
    static const double shares[] = {0.033333, 0.025000, 0.016667, 0.016667};
    fcs_error e = {0};
    float v[W * H];
    double got[FCS_GREY_BINS], sum = 0;
    for (int i = 0; i < W * H; i++)
        v[i] = (float)((i % W * 37 + i / W * 91 + i % W * (i / W) * 13) % 256) / 255.0f;
    fcs_page_view page = {v, W, H};
    CHECK(fcs_measure_laplacian(&e, &page, -1, got) == FCS_OK);
    CHECK_NEAR(*got, 2.455237859937, 1e-9);
    CHECK(fcs_curve_correlation(&e, &page, 'x', 5, got) == FCS_OK);
    for (int h = 0; h < 5; h++)
        CHECK_NEAR(got[h], along_x[h], 1e-9);
    CHECK(fcs_curve_correlation(&e, &page, 'y', 5, got) == FCS_OK);
    for (int h = 0; h < 5; h++)
        CHECK_NEAR(got[h], along_y[h], 1e-9);
    CHECK(fcs_curve_spectrum(&e, &page, 0, N, got) == FCS_OK);
    CHECK(isnan(got[0]));
    for (int k = 1; k < N; k++)
        CHECK_NEAR(got[k], power[k - 1], 1e-9);
    CHECK(fcs_measure_levels(&e, &page, -1, got) == FCS_OK);
    for (int b = 0; b < FCS_GREY_BINS; b++)
        sum += got[b];
    for (int b = 0; b < 4; b++)
        CHECK_NEAR(got[b], shares[b], 1e-6);
    CHECK_NEAR(sum, 1, 1e-12);
    for (int i = 0; i < W * H; i++)
        v[i] = 1;
    CHECK(fcs_measure_laplacian(&e, &page, -1, got) == FCS_OK && *got == 0);
    CHECK(fcs_curve_correlation(&e, &page, 'x', 5, got) == FCS_OK && isnan(got[1]));
    CHECK(fcs_curve_spectrum(&e, &page, 0, N, got) == FCS_OK);
    CHECK_NEAR(got[3], -12, 1e-9);
    CHECK(fcs_measure_levels(&e, &page, -1, got) == FCS_OK && got[FCS_GREY_BINS - 1] > 0.999);
    page.height = 2;
    CHECK(fcs_measure_laplacian(&e, &page, -1, got) == FCS_OK && isnan(*got));
    return test_end();
}
