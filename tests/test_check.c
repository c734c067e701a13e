/* test_check.c: the cross-check itself: kernels broken on purpose must be found, by the test that
 * is there for it; then the whole table on the real kernels. */
#include "check/check.h"
#include "test.h"

#include <string.h>

static const fcs_isa *real;
static const fcs_cpu_op *genuine; /* the kernel that a broken one imitates */

/* ---- ways to be wrong; all begin with the right result ---- */
static int64_t floats(const fcs_cpu_call *c) { return fcs_shape_floats(c->args->out); }

static void last_element(const fcs_cpu_call *c)
{
    genuine->run(c);
    int64_t channels = c->args->out.n[FCS_C], pixels = floats(c) / c->out.cs;
    c->out.p[(pixels - 1) * c->out.cs + channels - 1] += 0.001F;
}
static void shifted(const fcs_cpu_call *c)
{
    genuine->run(c);
    memmove(c->out.p, c->out.p + c->out.cs, (size_t)(floats(c) - c->out.cs) * sizeof(float));
}
static void not_a_number(const fcs_cpu_call *c)
{
    genuine->run(c);
    c->out.p[0] = NAN;
}
static void zeros(const fcs_cpu_call *c) { memset(c->out.p, 0, (size_t)floats(c) * sizeof(float)); }
static void nothing(const fcs_cpu_call *c) { (void)c; }
static void overrun(const fcs_cpu_call *c)
{
    genuine->run(c);
    c->out.p[floats(c)] = 0;
}
static void underrun(const fcs_cpu_call *c)
{
    genuine->run(c);
    c->out.p[-1] = 0;
}
static void dirty_padding(const fcs_cpu_call *c)
{
    genuine->run(c);
    if (c->out.cs > c->args->out.n[FCS_C])
        c->out.p[c->out.cs - 1] = 1;
}
static void changed_input(const fcs_cpu_call *c)
{
    genuine->run(c);
    c->in[0].p[0] += 1;
}
static size_t four_bytes(const fcs_apply_args *a, int threads)
{
    (void)a, (void)threads;
    return 4;
}
static void scratch_overrun(const fcs_cpu_call *c)
{
    genuine->run(c);
    ((float *)c->scratch)[1] = 0;
}
static void by_threads(const fcs_cpu_call *c)
{
    genuine->run(c);
    if (fcs_team_size(c->team) == 2)
        c->out.p[0] = nextafterf(c->out.p[0], 10);
}
static int calls;
static void by_turns(const fcs_cpu_call *c)
{
    genuine->run(c);
    if (calls++ % 2)
        c->out.p[0] = nextafterf(c->out.p[0], 10);
}
static void coarse(const fcs_cpu_call *c) /* eleven bits of mantissa: half precision */
{
    genuine->run(c);
    for (int64_t i = 0; i < floats(c); i++) {
        uint32_t bits;
        memcpy(&bits, c->out.p + i, sizeof bits);
        bits &= 0xffffe000U;
        memcpy(c->out.p + i, &bits, sizeof bits);
    }
}
static void by_position(
    const fcs_cpu_call *c) /* the last place depends on the width: windows differ */
{
    genuine->run(c);
    if (c->args->out.n[FCS_W] % 2 && floats(c) > 1)
        c->out.p[0] = nextafterf(c->out.p[0], 10);
}
static void halved(const fcs_cpu_call *c) /* an adjoint that is none */
{
    genuine->run(c);
    for (int64_t i = 0; i < floats(c); i++)
        c->out.p[i] *= 0.5F;
}
static void lanes_overrun(float *y, const float *a, const float *b, const float *c, int64_t n,
                          const fcs_attrs *attrs)
{
    genuine->lanes(y, a, b, c, n, attrs);
    y[n] = 0;
}
static void lanes_no_tail(float *y, const float *a, const float *b, const float *c, int64_t n,
                          const fcs_attrs *attrs)
{
    genuine->lanes(y, a, b, c, n - n % 4, attrs);
}

static const struct broken {
    const char *what, *op, *expected; /* the test that must fail */
    fcs_cpu_run *run;                 /* NULL: the real one */
    fcs_cpu_scratch *scratch;
    fcs_cpu_lanes *lanes;
} brokens[] = {
    {"last element off by 0.001", "conv", "exact", last_element, NULL, NULL},
    {"last element off by 0.001", "conv_dw", "random", last_element, NULL, NULL},
    {"last element off by 0.001", "matmul", "exact", last_element, NULL, NULL},
    {"one pixel off", "pad", "random", shifted, NULL, NULL},
    {"one pixel off", "conv_dx", "exact", shifted, NULL, NULL},
    {"a NaN", "sum", "random", not_a_number, NULL, NULL},
    {"a NaN", "exp", "random", not_a_number, NULL, NULL},
    {"all zero", "conv", "random", zeros, NULL, NULL},
    {"all zero", "relu", "exact", zeros, NULL, NULL},
    {"nothing written", "crop", "exact", nothing, NULL, NULL},
    {"nothing written", "sigmoid", "mean", nothing, NULL, NULL},
    {"writes behind the output", "upsample", "memory", overrun, NULL, NULL},
    {"writes before the output", "concat", "memory", underrun, NULL, NULL},
    {"padding lanes not zero", "broadcast", "memory", dirty_padding, NULL, NULL},
    {"changes an input", "reshape", "memory", changed_input, NULL, NULL},
    {"writes behind its scratch", "sum_pool", "memory", scratch_overrun, four_bytes, NULL},
    {"depends on threads", "conv", "threads", by_threads, NULL, NULL},
    {"depends on earlier calls", "tanh", "repeat", by_turns, NULL, NULL},
    {"half precision", "tanh", "random", coarse, NULL, NULL},
    {"half precision", "conv", "mean", coarse, NULL, NULL},
    {"half precision", "add", "random", coarse, NULL, NULL},
    {"window differs in the last place", "conv", "window", by_position, NULL, NULL},
    {"not the adjoint", "conv_dx", "adjoint", halved, NULL, NULL},
    {"not the adjoint", "sum_pool", "adjoint", halved, NULL, NULL},
    {"lanes write too much", "mul", "lanes", NULL, NULL, lanes_overrun},
    {"lanes leave the tail", "neg", "lanes", NULL, NULL, lanes_no_tail},
};

/* Whether the table has a failed row of this test. */
static bool has_failure(const fcs_table *t, const char *test)
{
    for (int r = 0; t && r < fcs_table_rows(t); r++) {
        const char *name = fcs_table_text(t, r, 4), *verdict = fcs_table_text(t, r, 5);
        if (name && verdict && !strcmp(name, test) && !strcmp(verdict, "FAIL"))
            return true;
    }
    return false;
}

static fcs_status check_with(fcs_context *ctx, const fcs_op *op, const fcs_cpu_op *kernel,
                             fcs_table **t)
{
    static const fcs_cpu_op *table[256];
    CHECK(fcs_n_ops <= 256);
    memcpy(table, real->ops, (size_t)fcs_n_ops * sizeof *table);
    table[fcs_op_index(op)] = kernel;
    fcs_isa isa = *real;
    isa.name = "broken";
    isa.ops = table;
    const fcs_isa *isas[] = {&isa};
    /* One case is enough to find it; the third is of odd size and has padding lanes in most lists.
     */
    fcs_check_options options = {.ops = op->name, .cases = op->cases[2], .failures_only = 1};
    return fcs_check_tables(ctx, &options, isas, 1, t);
}

static bool several_threads(void)
{
    fcs_error e = {0};
    fcs_team *team = fcs_team_new(&e, 2);
    bool several = team && fcs_team_size(team) == 2;
    fcs_team_free(team);
    return several;
}

static void test_broken(fcs_context *ctx, const struct broken *b)
{
    const fcs_op *op = fcs_op_find(&ctx->error, b->op);
    fcs_table *t = NULL;
    genuine = real->ops[fcs_op_index(op)];
    fcs_cpu_op kernel = *genuine;
    if (b->run)
        kernel.run = b->run;
    if (b->scratch)
        kernel.scratch = b->scratch;
    if (b->lanes)
        kernel.lanes = b->lanes;
    fcs_status status = check_with(ctx, op, &kernel, &t);
    if (!strcmp(b->expected, "threads") && !several_threads()) {
        CHECK(status == FCS_OK); /* a build without threads: nothing can depend on their number */
        fcs_table_free(t);
        return;
    }
    CHECK(status == FCS_MISMATCH);
    if (!has_failure(t, b->expected))
        fprintf(stderr, "%s: %s: not found by test %s\n", b->op, b->what, b->expected);
    CHECK(has_failure(t, b->expected));
    fcs_table_free(t);
    fcs_error_clear(&ctx->error);
}

static void test_missing(fcs_context *ctx)
{
    static const fcs_cpu_op none;
    fcs_table *t = NULL;
    CHECK(check_with(ctx, fcs_op_find(&ctx->error, "add"), &none, &t) == FCS_MISMATCH);
    CHECK(has_failure(t, "memory"));
    fcs_table_free(t);
    fcs_error_clear(&ctx->error);
}

/* No instruction set, too few samples, no odd one, too many zeros: failures, not skips. */
static void test_too_little(fcs_context *ctx)
{
    fcs_table *t = NULL;
    const fcs_op *relu = fcs_op_find(&ctx->error, "relu");
    fcs_case cases[5];
    fcs_finding f;
    CHECK(fcs_check_tables(ctx, NULL, NULL, 0, &t) == FCS_MISMATCH);
    fcs_table_free(t);
    fcs_error_clear(&ctx->error);
    for (int i = 0; i < 5; i++)
        CHECK(fcs_case_parse(&ctx->error, relu, i < 4 ? "in=2x4x1x8x16" : "in=2x4x1x7x16",
                             &cases[i]) == FCS_OK);
    fcs_judge_samples(relu, cases + 2, 3, &f);
    CHECK(!f.pass); /* three cases */
    fcs_judge_samples(relu, cases, 4, &f);
    CHECK(!f.pass); /* none odd */
    fcs_judge_samples(relu, cases, 5, &f);
    CHECK(f.pass);
    double want[1024] = {0};
    fcs_sample_data d = {.want = want};
    for (int i = 0; i < 100; i++)
        want[i] = 1; /* 100 of 1024; relu declares 0.2, half of it is owed */
    CHECK(fcs_judge_share(&cases[0], &d, &f) && !f.pass);
    for (int i = 0; i < 103; i++)
        want[i] = 1;
    CHECK(fcs_judge_share(&cases[0], &d, &f) && f.pass);
    for (int i = 0; i < 5; i++)
        fcs_case_free(&cases[i]);
}

/* The quick comparison of benchmarks: right results pass; one wrong element of a product, or any
 * NaN, does not. */
static void test_verify(fcs_context *ctx)
{
    static const char *const texts[] = {
        "conv in=2x17x1x13x12,33x17x1x5x5 stride=1,2,2 pad_lo=0,1,1 pad_hi=0,2,2",
        "conv_dx in=1x33x1x6x6,33x17x1x5x5 stride=1,2,2",
        "conv_dw in=2x17x1x13x12,2x33x1x9x8",
        "matmul in=97x101x1x1x1,101x103x1x1x1",
        "matmul in=97x101x1x1x1,103x101x1x1x1 tb=1",
        "sum_pool in=2x17x1x16x16 factor=1,2,2",
        "mul in=2x17x1x5x7,1x17x1x1x1",
    };
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
        fcs_case c;
        fcs_sample_data d;
        fcs_finding f;
        char trouble[FCS_TROUBLE];
        fcs_context on = fcs_context_with(ctx, real, ctx->team);
        CHECK(fcs_case_parse(&ctx->error, NULL, texts[k], &c) == FCS_OK);
        CHECK(fcs_sample_data_new(&ctx->error, &c, FCS_DATA_RANDOM, &d) == FCS_OK);
        size_t n = (size_t)fcs_shape_count(c.args.out), at = n / 3;
        float *got = calloc(n, sizeof *got);
        CHECK(fcs_apply_kernel(&on, &c.args, (const float *const *)d.in, got, 0, 0, trouble) ==
              FCS_OK);
        CHECK(fcs_verify(&ctx->error, &c, d.in_double, got, &f) == FCS_OK && f.pass);
        float right = got[at];
        got[at] += 0.01F;
        CHECK(fcs_verify(&ctx->error, &c, d.in_double, got, &f) == FCS_OK && !f.pass);
        got[at] = NAN;
        CHECK(fcs_verify(&ctx->error, &c, d.in_double, got, &f) == FCS_OK && !f.pass);
        got[at] = right;
        memset(got, 0, n * sizeof *got);
        CHECK(fcs_verify(&ctx->error, &c, d.in_double, got, &f) == FCS_OK && !f.pass);
        free(got);
        fcs_sample_data_free(&c, &d);
        fcs_case_free(&c);
    }
}

/* NaN and infinity through the ops that guard against them, on every instruction set. */
static void test_special(fcs_context *ctx)
{
    const float x[8] = {NAN, INFINITY, -INFINITY, 0, -0.0F, 1, 3.4e38F, 1e-40F},
                ones[8] = {1, 1, 1, 1, 1, 1, 1, 1};
    const float zero[8] = {0}, finite[8] = {0, 0, 0, 1, 1, 1, 1, 1};
    for (int i = 0; fcs_isas[i]; i++) {
        if (!fcs_isas[i]->available())
            continue;
        const fcs_cpu_op *const *ops = fcs_isas[i]->ops;
        float y[8];
        fcs_attrs none = {{0}, {0}};
        ops[fcs_op_index(fcs_op_find(&ctx->error, "finite"))]->lanes(y, x, NULL, NULL, 8, &none);
        for (int k = 0; k < 8; k++)
            CHECK_NEAR(y[k], finite[k], 0);
        ops[fcs_op_index(fcs_op_find(&ctx->error, "select"))]->lanes(y, zero, x, ones, 8, &none);
        for (int k = 0; k < 8; k++)
            CHECK_NEAR(y[k], 1, 0);
        ops[fcs_op_index(fcs_op_find(&ctx->error, "softplus"))]->lanes(
            y, (const float[8]){-200, 200, 0, -50, 50, 88, -88, 1}, NULL, NULL, 8, &none);
        CHECK_NEAR(y[0], 0, 1e-30);
        CHECK_NEAR(y[1], 200, 1e-4);
        CHECK_NEAR(y[2], 0.693147180559945, 1e-6);
        ops[fcs_op_index(fcs_op_find(&ctx->error, "exp"))]->lanes(
            y, (const float[8]){-200, 0, 1, 88, -1e30F, 200, 89, -87}, NULL, NULL, 8, &none);
        CHECK_NEAR(y[0], 0, 0x1p-126);
        CHECK_NEAR(y[1], 1, 0);
        CHECK_NEAR(y[3] / 1.6516363e38F, 1, 1e-6);
        CHECK_NEAR(y[4], 0, 0);
        CHECK(isinf(y[5]) && isinf(y[6]));
        ops[fcs_op_index(fcs_op_find(&ctx->error, "tanh"))]->lanes(
            y, (const float[8]){-200, 200, 0, 9, -9, 1e-6F, 30, NAN}, NULL, NULL, 8, &none);
        CHECK_NEAR(y[0], -1, 0);
        CHECK_NEAR(y[1], 1, 0);
        CHECK_NEAR(y[5], 1e-6F, 1e-12);
        CHECK(isnan(y[7]));
    }
}

/* The real kernels: all ops, all instruction sets that the machine has. */
static void test_all(fcs_context *ctx)
{
    fcs_table *t = NULL;
    fcs_check_options options = {.failures_only = 1};
    fcs_status status = fcs_check(ctx, &options, &t);
    CHECK(status == FCS_OK);
    if (status != FCS_OK)
        fprintf(stderr, "%s\n", fcs_message(ctx));
    if (t && fcs_table_rows(t))
        fcs_table_write(t, FCS_TEXT, stderr);
    fcs_table_free(t);
}

int main(void)
{
    fcs_context *ctx;
    CHECK(fcs_open(&ctx, NULL) == FCS_OK);
    real = ctx->isa;
    for (size_t i = 0; i < sizeof brokens / sizeof *brokens; i++)
        test_broken(ctx, &brokens[i]);
    test_missing(ctx);
    test_too_little(ctx);
    test_verify(ctx);
    test_special(ctx);
    test_all(ctx);
    fcs_close(ctx);
    return test_end();
}
