/* test_bench.c: what bench step and bench generate report: counts against sums by hand, parts
 * against wholes. */
#include "facies.h"
#include "recipe/recipe.h"
#include "test.h"
#include <string.h>
#include <unistd.h>

/* One layer a net: the generator's kernel adds 4x4 pixels for each of 4x4 latent cells, the
 * discriminator's looks at 4x4 pixels for each of 4x4 verdicts: 16 * 16 multiply-adds an image
 * each. */
#define RECIPE                                                                                     \
    "data = { size = 8; };\n"                                                                      \
    "generator = { layers = ( { type = \"deconv\"; kernel = 4; stride = 2; }, { type = \"tanh\"; " \
    "} ); };\n"                                                                                    \
    "discriminator = { layers = ( { type = \"conv\"; filters = 1; kernel = 4; stride = 2; } ); "   \
    "};\n"                                                                                         \
    "train = { steps = 100; batch = 2; };\n"

/* Two layers in the discriminator, whose slope is penalized. */
#define PENALIZED                                                                                  \
    "data = { size = 8; };\n"                                                                      \
    "generator = { layers = ( { type = \"deconv\"; kernel = 4; stride = 2; }, { type = \"tanh\"; " \
    "} ); };\n"                                                                                    \
    "discriminator = { layers = ( { type = \"conv\"; filters = 1; kernel = 4; stride = 2; }, "     \
    "{ type = \"relu\"; }, { type = \"conv\"; filters = 1; kernel = 4; stride = 2; } ); };\n"      \
    "loss = { gan = \"wasserstein_gp\"; gradient_penalty = 10.0; };\n"                             \
    "train = { steps = 100; batch = 2; };\n"

static fcs_context *ctx;

static double number(const fcs_table *t, int row, const char *column)
{
    for (int c = 0; c < fcs_table_columns(t); c++)
        if (strcmp(fcs_table_name(t, c), column) == 0)
            return fcs_table_number(t, row, c);
    return NAN;
}

static fcs_run *run_of(fcs_recipe *r)
{
    fcs_image *image;
    fcs_run *run = NULL;
    char path[64];
    snprintf(path, sizeof path, "test_bench_%ld.png", (long)getpid());
    CHECK(fcs_synth(ctx, "channels", 64, 48, 1, 7, &image) == FCS_OK);
    CHECK(fcs_image_write(ctx, image, path) == FCS_OK);
    fcs_image_free(image);
    CHECK(fcs_run_create(ctx, r, &(fcs_data){0, path}, 1, NULL, &run) == FCS_OK);
    unlink(path);
    return run;
}

/* A step computes the fakes and the gradient of the generator's kernel; of the discriminator its
 * verdicts on real images, on fakes and again on fakes, twice the gradient of its kernel and once
 * that of the fakes: eight times 16 * 16 multiply-adds for each of two images. */
static void test_step(fcs_run *run)
{
    fcs_table *t;
    const fcs_bench_options o = {.seconds = 1e-3};
    CHECK(fcs_bench_step(run, &o, &t) == FCS_OK);
    if (!t)
        return;
    CHECK(fcs_table_rows(t) == 1 && number(t, 0, "runs") >= 3);
    CHECK_NEAR(number(t, 0, "gflop"), 8 * 2 * 2 * 16 * 16 * 1e-9, 1e-15);
    double work = number(t, 0, "work_ms") * 1e-3, rate = number(t, 0, "gflops");
    CHECK_NEAR(rate * work, number(t, 0, "gflop"), 1e-12);
    CHECK_NEAR(number(t, 0, "images_per_s") * work, 2, 1e-9);
    CHECK_NEAR(number(t, 0, "share_of_gemm") * number(t, 0, "gemm_gflops"), rate, 1e-9 * rate);
    CHECK_NEAR(number(t, 0, "share_of_peak") * number(t, 0, "peak_gflops"), rate, 1e-9 * rate);
    CHECK(number(t, 0, "gemm_gflops") < 1.2 * number(t, 0, "peak_gflops"));
    CHECK(number(t, 0, "best_ms") <= number(t, 0, "median_ms") &&
          number(t, 0, "median_ms") <= number(t, 0, "worst_ms"));
    /* a batch of 2 x 8 x 8 numbers, and kernels with their moments, at least */
    CHECK(number(t, 0, "plan_bytes") >= 4 * (128 + 6 * 16));
    double resident = number(t, 0, "resident_bytes");
    CHECK(isnan(resident) || resident > number(t, 0, "plan_bytes"));
    fcs_table_free(t);
}

/* No product with a gradient that is known to be zero, as ReLU's second derivative is. Of a = 16 *
 * 16 and b = 16 * 4 multiply-adds of the discriminator's layers, an image: real and fake verdicts
 * a + b, kernels a + b, and b back through the second layer, each; the judged fakes a + b forth and
 * back; the generator a for its fakes and a for its kernel. The penalty: a for the first layer's
 * sign, b + a back to the image; from there a through the first layer, and a + b for the kernels.
 */
static void test_zeros(void)
{
    fcs_recipe *r;
    fcs_table *t;
    const double a = 16 * 16, b = 16 * 4;
    const fcs_bench_options o = {.seconds = 1e-3};
    CHECK(fcs_recipe_from_text(ctx, PENALIZED, NULL, &r) == FCS_OK);
    fcs_run *run = run_of(r);
    CHECK(run && fcs_bench_step(run, &o, &t) == FCS_OK);
    if (run && t) {
        double most = 2 * (2 * (a + b) + b) + 2 * (a + b) + 2 * a + a + (b + a) + a + (a + b);
        CHECK_NEAR(number(t, 0, "gflop"), 2 * 2 * most * 1e-9, 1e-15);
        CHECK_NEAR(number(t, 0, "done_gflop"), 2 * 2 * most * 1e-9,
                   1e-15); /* too small for forms */
        fcs_table_free(t);
    }
    fcs_run_close(run);
    fcs_recipe_free(r);
}

/* Every convolution has a row, and the rows sum up to the whole. */
static void test_profile(fcs_run *run)
{
    fcs_table *t;
    double share = 0, kernels = 0;
    const fcs_bench_options o = {.seconds = 1e-3, .profile = 1};
    CHECK(fcs_bench_step(run, &o, &t) == FCS_OK);
    if (!t)
        return;
    for (int i = 0; i < fcs_table_rows(t); i++) {
        share += number(t, i, "share");
        const char *op = fcs_table_text(t, i, 1), *limit = fcs_table_text(t, i, 10);
        if (op && strncmp(op, "conv", 4) == 0)
            kernels += number(t, i, "gflops") * number(t, i, "ms") * 1e6;
        CHECK(limit && strstr("compute memory overhead", limit));
        CHECK(i == 0 || i >= fcs_table_rows(t) - 2 || number(t, i, "ms") <= number(t, i - 1, "ms"));
    }
    CHECK_NEAR(share, 1, 1e-9);
    CHECK_NEAR(kernels, 8 * 2 * 2 * 16 * 16, 1e-6);
    CHECK(strcmp(fcs_table_text(t, fcs_table_rows(t) - 1, 0), "outside the plans") == 0);
    fcs_table_free(t);
}

/* One kernel, 4x4 on each of 4x4 cells, and no run folder. */
static void test_generate(fcs_recipe *r)
{
    fcs_run *run;
    fcs_table *t = NULL;
    const fcs_bench_options o = {.seconds = 1e-3};
    const fcs_generate_options size = {.width = 8, .height = 8};
    CHECK(fcs_run_untrained(ctx, r, &run) == FCS_OK);
    CHECK(run && fcs_run_step(run, 0, NULL) == FCS_FAILED &&
          strstr(fcs_message(ctx), "generating"));
    CHECK(run && fcs_bench_generate(run, &size, &o, &t) == FCS_OK);
    CHECK(t && number(t, 0, "gflop") >= 2 * 16 * 16 * 1e-9 * (1 - 1e-12));
    fcs_table_free(t);
    fcs_run_close(run);
}

/* A weight gradient over 18,432 tiles: sums that are too long for the class of its form fail here,
 * not in the cross-check's small cases. */
static void test_long_sums(void)
{
    fcs_table *t = NULL;
    const fcs_bench_options o = {
        .seconds = 1e-3,
        .ops = "conv_dw in=2x32x1x384x384,2x32x1x384x384 dilation=1,2,2 pad_lo=0,4,4 pad_hi=0,4,4 "
               "size=1,5,5"};
    CHECK(fcs_bench_ops(ctx, &o, &t) == FCS_OK);
    CHECK(t && number(t, 0, "gflops") > 0); /* timed: it passed */
    fcs_table_free(t);
}

int main(void)
{
    fcs_recipe *r;
    if (fcs_open(&ctx, &(fcs_options){.threads = 1}) != FCS_OK ||
        fcs_recipe_from_text(ctx, RECIPE, NULL, &r) != FCS_OK)
        return 1;
    fcs_run *run = run_of(r);
    test_step(run);
    test_profile(run);
    test_generate(r);
    test_zeros();
    test_long_sums();
    fcs_run_close(run);
    fcs_recipe_free(r);
    fcs_close(ctx);
    return test_end();
}
