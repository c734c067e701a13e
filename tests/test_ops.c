/* test_ops.c: the registry: attributes as text, shapes, refusals; values worked out by hand. */
#include "check/check.h"
#include "test.h"

#include <string.h>

static fcs_error e;

/* The output's shape as text, or the message of the refusal. */
static const char *outcome(const char *text)
{
    static char shape[96];
    fcs_case c;
    fcs_error_clear(&e);
    if (fcs_case_parse(&e, NULL, text, &c) != FCS_OK)
        return e.message;
    fcs_shape_text(c.args.out, shape);
    fcs_case_free(&c);
    return shape;
}

static void gives(const char *text, const char *shape)
{
    const char *got = outcome(text);
    if (strcmp(got, shape))
        fprintf(stderr, "%s: %s, not %s\n", text, got, shape);
    CHECK(!strcmp(got, shape));
}

/* Refused, with a message of one line that has this word in it. */
static void refused(const char *text, const char *word)
{
    const char *got = outcome(text);
    if (e.status == FCS_OK || !strstr(got, word))
        fprintf(stderr, "%s: %s (wanted: %s)\n", text, got, word);
    CHECK(e.status == FCS_FAILED && strstr(got, word) && !strchr(got, '\n'));
}

/* Sizes from SYSTEMS.md and from the formula in ops.h. */
static void test_shapes(void)
{
    gives("conv in=1x1x1x384x384,64x1x1x9x9 stride=1,2,2 pad_lo=0,3,3 pad_hi=0,4,4",
          "1x64x1x192x192");
    gives("conv_dx in=8x1x1x12x12,1x512x1x5x5 stride=1,2,2 pad_lo=0,1,1 pad_hi=0,2,2",
          "8x512x1x24x24");
    gives("conv in=1x512x1x384x384,1x512x1x5x5 dilation=1,5,5 pad_lo=0,10,10 pad_hi=0,10,10",
          "1x1x1x384x384");
    gives("conv_dx in=1x16x4x4x4,16x512x4x4x4 stride=2 pad_lo=2 pad_hi=2", "1x512x6x6x6");
    gives("conv_dx in=1x64x34x34x34,64x3x4x4x4 stride=2 pad_lo=3 pad_hi=3", "1x3x64x64x64");
    gives("conv_dw in=2x3x1x9x7,2x5x1x7x5", "5x3x1x3x3");
    gives("conv in=1x1x1x10x10,1x1x1x3x3 stride=1,2,2", "1x1x1x4x4");
    gives("conv_dx in=1x1x1x4x4,1x1x1x3x3 stride=1,2,2", "1x1x1x9x9");
    gives("conv_dx in=1x1x1x4x4,1x1x1x3x3 stride=1,2,2 size=1,10,10", "1x1x1x10x10");
    gives("matmul in=5x7x1x1x1,3x7x1x1x1 tb=1", "5x3x1x1x1");
    gives("sum in=2x3x4x5x6 axes=1,0,1,1,1", "1x3x1x1x1");
    gives("add in=3x1x1x5x1,1x33x1x1x7", "3x33x1x5x7");
    gives("upsample in=1x1x1x3x3 factor=1,2,3 crop_lo=0,1,2", "1x1x1x5x7");
    gives("sum_pool in=1x1x1x5x7 factor=1,2,3 crop_lo=0,1,2", "1x1x1x3x3");
    gives("concat in=1x2x1x3x3,1x5x1x3x3", "1x7x1x3x3");
    gives("random_normal shape=2,3,1,5,7", "2x3x1x5x7");
}

static void test_refusals(void)
{
    refused("conv in=1x1x1x8x8,1x1x1x3x3 stride=0", "stride");
    refused("conv in=1x1x1x8x8,1x1x1x3x3 stride=-2", "stride");
    refused("conv in=1x1x1x8x8,1x1x1x3x3 strid=2", "did you mean 'stride'");
    refused("cnv in=1x1x1x8x8,1x1x1x3x3", "did you mean 'conv'");
    refused("conv in=1x1x1x8x8,1x1x1x3x3 stride=two", "not an integer");
    refused("conv in=1x1x1x8x8,1x1x1x3x3 stride=1,2", "give 1 or 3");
    refused("conv in=1x1x1x8x8,1x1x1x3x3 dilation=9223372036854775807", "dilation");
    refused("conv in=1x2x1x8x8,1x3x1x3x3", "2 channels, the kernel takes 3");
    refused("conv in=1x1x1x4x4,1x1x1x5x5", "more than the padded image");
    refused("conv in=1x1x1x4x4,1x1x1x3x3 pad_lo=0,3,3", "wider than the kernel");
    refused("conv in=1x1x1x4x4", "1 inputs given, takes 2 to 2");
    refused("conv in=1x1000000000x1x1000000x1000000,1x1000000000x1x1x1", "2^40");
    refused("conv in=1048576x1x1x1024x1024,1048576x1x1x1x1", "2^40");
    refused("conv in=1x0x1x8x8,1x0x1x3x3", "below 1");
    refused("conv_dx in=1x1x1x4x4,1x1x1x3x3 size=1,40,40", "gives 38, not the input's 4");
    refused("conv_dx in=1x1x1x1x1,1x1x1x3x3 pad_lo=0,2,2 pad_hi=0,2,2", "leaves nothing");
    refused("conv_dw in=2x3x1x9x7,1x5x1x7x5", "number of samples");
    /* a mean error of 1.2e-11 */
    refused("conv in=1x8x9x9x9,8x8x3x3x3 form=2,6,6", "no tiles of form=2,6,6");
    refused("matmul in=5x7x1x1x1,3x7x1x1x1", "7 columns, the second 3 rows");
    refused("matmul in=5x7x1x1x2,7x3x1x1x1", "no matrix");
    refused("add in=2x3x1x1x1,3x3x1x1x1", "equal or 1");
    refused("crop in=1x1x1x4x4 leading=0,0,0,4,0", "empty");
    refused("pad in=1x1x1x4x4 leading=1099511627776,0,0,1099511627776,0", "2^40");
    refused("broadcast in=1x3x1x1x1 shape=1,4,1,1,1", "only a size of 1");
    refused("reshape in=1x3x1x2x2 shape=1,3,1,2,1", "another number");
    refused("upsample in=1x1x1x1048576x1048576 factor=1048576", "2^40");
    refused("sum_pool in=1x1x1x5x5 factor=1,2,2", "not divided");
    refused("upsample in=1x1x1x5x5 factor=1,2,2 crop_lo=0,2,0", "below the factor");
    refused("concat in=1x2x1x3x3,1x2x1x3x4", "differs in dimension W");
    refused("leaky_relu in=1x1x1x1x1 slope=nan", "not a number");
    refused("random_uniform shape=0", "shape");
}

static void test_text(void)
{
    const fcs_op *op = fcs_op_find(&e, "conv_dx"), *affine = fcs_op_find(&e, "affine");
    fcs_attrs a, again;
    fcs_text t = {0};
    CHECK(fcs_attrs_parse(&e, op, " stride=1,2,2  pad_lo=0,1,3 dilation=2 ", &a) == FCS_OK);
    CHECK(a.i[FCS_CONV_STRIDE] == 1 && a.i[FCS_CONV_STRIDE + 2] == 2 &&
          a.i[FCS_CONV_PAD_LO + 2] == 3);
    CHECK(a.i[FCS_CONV_DILATION] == 2 && a.i[FCS_CONV_DILATION + 2] == 2 &&
          a.i[FCS_CONV_PAD_HI] == 0);
    fcs_attrs_text(op, &a, &t);
    CHECK(t.s && !strcmp(t.s, "stride=1,2,2 dilation=2 pad_lo=0,1,3"));
    CHECK(fcs_attrs_parse(&e, op, t.s, &again) == FCS_OK && !memcmp(&a, &again, sizeof a));
    t.n = 0;
    CHECK(fcs_attrs_parse(&e, affine, "scale=0.1 shift=-2.5e-07", &a) == FCS_OK);
    fcs_attrs_text(affine, &a, &t);
    CHECK(!strcmp(t.s, "scale=0.1 shift=-2.5e-07"));
    free(t.s);
}

/* y[0] = 1*5 + 2*6 + 3*7, y[1] with the pixel behind the edge 0; and the two adjoints of the same.
 */
static void test_by_hand(fcs_context *ctx)
{
    static const struct {
        const char *text;
        float a[4], b[4], want[4];
        int n;
    } known[] = {
        {"conv in=1x1x1x1x4,1x1x1x1x3", {1, 2, 3, 4}, {5, 6, 7}, {38, 56}, 2},
        {"conv in=1x1x1x1x4,1x1x1x1x3 stride=2 pad_hi=0,0,1", {1, 2, 3, 4}, {5, 6, 7}, {38, 39}, 2},
        {"conv_dx in=1x1x1x1x2,1x1x1x1x3", {1, 2}, {5, 6, 7}, {5, 16, 19, 14}, 4},
        {"conv_dx in=1x1x1x1x2,1x1x1x1x2 stride=2", {1, 2}, {5, 6}, {5, 6, 10, 12}, 4},
        {"conv_dw in=1x1x1x1x4,1x1x1x1x2",
         {1, 2, 3, 4},
         {5, 6},
         {17, 28, 39},
         3}, /* 1*5+2*6, 2*5+3*6, 3*5+4*6 */
        {"conv_dw in=1x1x1x1x4,1x1x1x1x2 dilation=3 size=1,1,2 pad_hi=0,0,1",
         {1, 2, 3, 4},
         {5, 6},
         {17, 20},
         2},
        {"matmul in=2x2x1x1x1,2x2x1x1x1", {1, 2, 3, 4}, {5, 6, 7, 8}, {19, 22, 43, 50}, 4},
        {"matmul in=2x2x1x1x1,2x2x1x1x1 ta=1", {1, 2, 3, 4}, {5, 6, 7, 8}, {26, 30, 38, 44}, 4},
        {"matmul in=2x2x1x1x1,2x2x1x1x1 tb=1", {1, 2, 3, 4}, {5, 6, 7, 8}, {17, 23, 39, 53}, 4},
        {"sum in=1x2x1x1x2 axes=0,0,0,0,1", {1, 2, 3, 4}, {0}, {3, 7}, 2},
        {"sum_pool in=1x1x1x1x4 factor=1,1,3 crop_lo=0,0,2", {1, 2, 3, 4}, {0}, {1, 9}, 2},
        {"upsample in=1x1x1x1x2 factor=1,1,3 crop_lo=0,0,2", {1, 2}, {0}, {1, 2, 2, 2}, 4},
        {"pad in=1x1x1x1x2 leading=0,0,0,0,1 trailing=0,0,0,0,1", {1, 2}, {0}, {0, 1, 2, 0}, 4},
    };
    fcs_team *team = fcs_team_new(&ctx->error, 1);
    fcs_context on = fcs_context_with(ctx, ctx->isa, team);
    for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
        fcs_case c;
        char trouble[FCS_TROUBLE];
        float got[4];
        double a[4], b[4], want[4];
        const float *in[2] = {known[k].a, known[k].b};
        CHECK(fcs_case_parse(&ctx->error, NULL, known[k].text, &c) == FCS_OK);
        CHECK(fcs_shape_count(c.args.out) == known[k].n);
        for (int i = 0; i < 4; i++)
            a[i] = (double)known[k].a[i], b[i] = (double)known[k].b[i];
        fcs_ref_call call = {.args = &c.args, .in = {a, b}, .out = want};
        fcs_refs[fcs_op_index(c.args.op)](&call);
        CHECK(fcs_apply_kernel(&on, &c.args, in, got, 0, 0, trouble) == FCS_OK && !*trouble);
        for (int i = 0; i < known[k].n; i++) {
            CHECK_NEAR(got[i], known[k].want[i], 0);
            CHECK_NEAR(want[i], known[k].want[i], 0);
        }
        fcs_case_free(&c);
    }
    fcs_team_free(team);
}

/* Every op of the registry is found by its name, at its index. */
static void test_registry(void)
{
    for (int i = 0; i < fcs_n_ops; i++) {
        CHECK(fcs_op_find(&e, fcs_ops[i]->name) == fcs_ops[i] && fcs_op_index(fcs_ops[i]) == i);
        CHECK(fcs_ops[i]->text && fcs_ops[i]->family && fcs_ops[i]->shape);
    }
}

int main(void)
{
    fcs_context *ctx;
    CHECK(fcs_open(&ctx, NULL) == FCS_OK);
    test_registry();
    test_shapes();
    test_refusals();
    test_text();
    test_by_hand(ctx);
    fcs_close(ctx);
    return test_end();
}
