/* test_grad.c: gradients of gradients. A gradient penalty through convolution, normalization and
 * activations, against finite differences in double; the same numbers from a planned run in float;
 * closed forms. */
#include "graph/graph.h"
#include "ops/ops.h"
#include "ref/reference.h"
#include "test.h"

#include <string.h>

enum { PARAMETERS = 6, LARGEST = 512 };

typedef struct critic {
    fcs_context *ctx;
    fcs_graph *g;
    fcs_tensor *x,
        *parameter[PARAMETERS]; /* image; two kernels, gamma, beta, dense weights, bias */
    double values[PARAMETERS][LARGEST], image[LARGEST];
    fcs_node *penalty, *gradient[PARAMETERS];
} critic;

static fcs_node *conv(fcs_node *x, fcs_node *w, int64_t stride)
{
    fcs_attrs a = {.i = {1, stride, stride, 1, 1, 1, 0, 1, 1, 0, 1, 1}};
    return fcs_conv(x, w, &a);
}

/* (x - mean) / sqrt(variance + 1e-4) * gamma + beta over D H W: the textbook's instance
 * normalization. */
static fcs_node *normalize(fcs_graph *g, fcs_node *x, fcs_node *gamma, fcs_node *beta)
{
    fcs_node *centred = fcs_sub(x, fcs_mean(x, "dhw"));
    fcs_node *variance = fcs_mean(fcs_unary("square", centred), "dhw");
    fcs_node *scale = fcs_unary("rsqrt", fcs_add(variance, fcs_constant(g, 1e-4)));
    return fcs_add(fcs_mul(fcs_mul(centred, scale), gamma), beta);
}

/* mean over samples of (|d critic / d x| - 1)^2, with softplus behind the critic so that every op
 * bends. */
static fcs_node *build_penalty(critic *c)
{
    fcs_graph *g = c->g;
    fcs_node *x = fcs_read(g, c->x), *p[PARAMETERS], *gx;
    for (int k = 0; k < PARAMETERS; k++)
        p[k] = fcs_read(g, c->parameter[k]);
    fcs_node *h = fcs_unary("leaky_relu", normalize(g, conv(x, p[0], 2), p[2], p[3]));
    h = fcs_unary("tanh", conv(h, p[1], 1));
    fcs_node *flat = fcs_reshape(h, fcs_shape_of(2, 36, 1, 1, 1));
    fcs_attrs none = {.i = {0}};
    fcs_node *pair[2] = {flat, p[4]};
    fcs_node *y =
        fcs_add(fcs_node_new(g, fcs_op_find(&c->ctx->error, "matmul"), &none, 2, pair), p[5]);
    y = fcs_sum(fcs_unary("softplus", y), "ncdhw");
    if (fcs_grad(g, 1, &y, NULL, 1, &x, &gx) != FCS_OK)
        return NULL;
    fcs_node *length = fcs_unary("sqrt", fcs_sum(fcs_unary("square", gx), "cdhw"));
    fcs_node *penalty = fcs_mean(fcs_unary("square", fcs_affine(length, 1, -1)), "ncdhw");
    return fcs_grad(g, 1, &penalty, NULL, PARAMETERS, p, c->gradient) == FCS_OK ? penalty : NULL;
}

static void fill(fcs_tensor *t, double *values, uint32_t stream, double scale)
{
    float stored[LARGEST];
    CHECK(fcs_shape_count(t->shape) <= LARGEST);
    for (int64_t i = 0; i < fcs_shape_count(t->shape); i++) {
        stored[i] = (float)scale * fcs_random_normal(11, 0, stream, (uint64_t)i);
        values[i] = (double)stored[i];
    }
    CHECK(fcs_tensor_set(t, stored) == FCS_OK);
}

static void critic_new(fcs_context *ctx, critic *c)
{
    static const int64_t shapes[PARAMETERS][FCS_DIMS] = {{5, 3, 1, 4, 4},  {4, 5, 1, 3, 3},
                                                         {1, 5, 1, 1, 1},  {1, 5, 1, 1, 1},
                                                         {36, 1, 1, 1, 1}, {1, 1, 1, 1, 1}};
    memset(c, 0, sizeof *c);
    c->ctx = ctx;
    c->g = fcs_graph_new(ctx);
    c->x = fcs_tensor_new(ctx, "x", fcs_shape_of(2, 3, 1, 7, 7));
    fill(c->x, c->image, 1, 1);
    for (int k = 0; k < PARAMETERS; k++) {
        const int64_t *n = shapes[k];
        c->parameter[k] = fcs_tensor_new(ctx, "p", fcs_shape_of(n[0], n[1], n[2], n[3], n[4]));
        fill(c->parameter[k], c->values[k], (uint32_t)k + 2, 0.5);
    }
    c->penalty = build_penalty(c);
    CHECK(c->penalty != NULL);
    if (!c->penalty)
        fprintf(stderr, "%s\n", fcs_message(ctx));
}

static void critic_free(critic *c)
{
    fcs_graph_free(c->g);
    fcs_tensor_free(c->x);
    for (int k = 0; k < PARAMETERS; k++)
        fcs_tensor_free(c->parameter[k]);
}

static double evaluate(critic *c, fcs_node *n, double *out)
{
    fcs_ref_feed feeds[PARAMETERS + 1] = {{c->x, c->image}};
    double value = 0;
    if (!out)
        out = &value;
    for (int k = 0; k < PARAMETERS; k++)
        feeds[k + 1] = (fcs_ref_feed){c->parameter[k], c->values[k]};
    CHECK(fcs_ref_graph_eval(&c->ctx->error, feeds, PARAMETERS + 1, &n, 1, &out, 0, 0) == FCS_OK);
    return *out;
}

/* Each of a sample of parameters moved by h: the penalty's change, error of the fourth order. */
static void test_differences(critic *c)
{
    const double h = 1e-4;
    double largest = 0;
    for (int k = 0; k < PARAMETERS; k++) {
        double gradient[LARGEST];
        int64_t n = fcs_shape_count(c->parameter[k]->shape);
        evaluate(c, c->gradient[k], gradient);
        for (int64_t i = 0; i<n; i += n> 40 ? 17 : 3) {
            double kept = c->values[k][i], f[4];
            for (int j = 0; j < 4; j++) {
                static const double step[4] = {-2, -1, 1, 2};
                c->values[k][i] = kept + step[j] * h;
                f[j] = evaluate(c, c->penalty, NULL);
            }
            c->values[k][i] = kept;
            double slope = (f[0] - f[3] + 8 * (f[2] - f[1])) / (12 * h);
            CHECK_NEAR(gradient[i], slope, 1e-7 * (1 + fabs(slope)));
            largest = fmax(largest, fabs(slope));
        }
    }
    CHECK(largest > 0.01); /* else nothing was tested */
}

/* The planned run computes what the references do, within float rounding. */
static void test_planned(critic *c)
{
    fcs_tensor *out[PARAMETERS + 1];
    fcs_plan *plan = NULL;
    double want[LARGEST];
    float got[LARGEST];
    for (int k = 0; k <= PARAMETERS; k++) {
        fcs_node *n = k < PARAMETERS ? c->gradient[k] : c->penalty;
        out[k] = fcs_tensor_new(c->ctx, "out", n->shape);
        CHECK(fcs_assign(c->g, out[k], n) == FCS_OK);
    }
    CHECK(fcs_plan_new(c->g, &plan) == FCS_OK);
    CHECK(plan && fcs_plan_run(plan, 1, 1) == FCS_OK);
    for (int k = 0; k <= PARAMETERS; k++) {
        int64_t n = fcs_shape_count(out[k]->shape);
        double scale = 0;
        evaluate(c, k < PARAMETERS ? c->gradient[k] : c->penalty, want);
        CHECK(fcs_tensor_get(out[k], got) == FCS_OK);
        for (int64_t i = 0; i < n; i++)
            scale = fmax(scale, fabs(want[i]));
        for (int64_t i = 0; i < n; i++)
            CHECK_NEAR(got[i], want[i], 1e-5 * scale);
        fcs_tensor_free(out[k]);
    }
    fcs_plan_free(plan);
}

/* y = x^3: 3 x^2, 6 x, 6, 0, each the gradient of the one before. */
static void test_powers(fcs_context *ctx)
{
    fcs_graph *g = fcs_graph_new(ctx);
    fcs_tensor *t = fcs_tensor_new(ctx, "x", fcs_shape_of(1, 1, 1, 1, 3));
    const double x[3] = {-1.5, 0.5, 2};
    fcs_ref_feed feed = {t, x};
    fcs_node *read = fcs_read(g, t), *y = fcs_mul(fcs_mul(read, read), read);
    for (int order = 1; order <= 4; order++) {
        fcs_node *next;
        double got[3], *out = got;
        CHECK(fcs_grad(g, 1, &y, NULL, 1, &read, &next) == FCS_OK);
        CHECK(fcs_ref_graph_eval(&ctx->error, &feed, 1, &next, 1, &out, 0, 0) == FCS_OK);
        for (int i = 0; i < 3; i++) {
            const double want[4] = {3 * x[i] * x[i], 6 * x[i], 6, 0};
            CHECK_NEAR(got[i], want[order - 1], 1e-12);
        }
        y = next;
    }
    fcs_graph_free(g);
    fcs_tensor_free(t);
}

/* What has no influence has a zero gradient, of its own shape; a broadcast input's gradient is
 * summed. */
static void test_edges(fcs_context *ctx)
{
    fcs_graph *g = fcs_graph_new(ctx);
    fcs_tensor *t[3] = {fcs_tensor_new(ctx, "a", fcs_shape_of(2, 3, 1, 2, 2)),
                        fcs_tensor_new(ctx, "b", fcs_shape_of(1, 3, 1, 1, 1)),
                        fcs_tensor_new(ctx, "unused", fcs_shape_of(1, 2, 1, 1, 1))};
    fcs_node *x[3], *gx[3];
    double a[24], b[3] = {1, 2, 3}, results[3][24], *out[3] = {results[0], results[1], results[2]};
    for (int i = 0; i < 24; i++)
        a[i] = i;
    fcs_ref_feed feeds[2] = {{t[0], a}, {t[1], b}};
    for (int k = 0; k < 3; k++)
        x[k] = fcs_read(g, t[k]);
    fcs_node *y = fcs_mul(x[0], x[1]);
    CHECK(fcs_grad(g, 1, &y, NULL, 3, x, gx) == FCS_OK);
    for (int k = 0; k < 3; k++)
        CHECK(fcs_shape_equal(gx[k]->shape, x[k]->shape));
    CHECK(fcs_ref_graph_eval(&ctx->error, feeds, 2, gx, 3, out, 0, 0) == FCS_OK);
    for (int i = 0; i < 24; i++)
        CHECK_NEAR(results[0][i], b[i / 4 % 3], 0);
    /* sum over samples and pixels of a: channel c has 4c .. 4c+3 and 12 more in the second sample
     */
    for (int c = 0; c < 3; c++)
        CHECK_NEAR(results[1][c], 2 * (16 * c + 6) + 48, 0);
    for (int i = 0; i < 2; i++)
        CHECK_NEAR(results[2][i], 0, 0);
    fcs_graph_free(g);
    for (int k = 0; k < 3; k++)
        fcs_tensor_free(t[k]);
}

int main(void)
{
    static critic c;
    fcs_context *ctx;
    CHECK(fcs_open(&ctx, NULL) == FCS_OK);
    test_powers(ctx);
    test_edges(ctx);
    critic_new(ctx, &c);
    if (c.penalty) {
        test_differences(&c);
        test_planned(&c);
    }
    critic_free(&c);
    fcs_close(ctx);
    return test_end();
}
