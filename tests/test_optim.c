/* test_optim.c: each optimizer against its published algorithm done in double, step by step; adam's
 * first steps by hand. */
#include "facies.h"
#include "optim/optim.h"
#include "test.h"
#include <string.h>

static fcs_context *ctx;
static fcs_tensor *pool[16];
static int n_pool;

static fcs_tensor *source(void *user, const char *name, fcs_shape shape, fcs_role role, double mean,
                          double std)
{
    (void)user, (void)role, (void)mean, (void)std;
    for (int i = 0; i < n_pool; i++)
        if (strcmp(pool[i]->name, name) == 0)
            return pool[i];
    return pool[n_pool++] = fcs_tensor_new(ctx, name, shape);
}

enum { STEPS = 5 };
static const double gradients[STEPS] = {0.1, -0.25, 1e-3, 0.5, 0.5};

/* w after each step from w = 1, factor 1 then 0.5 in the last step; text: "rate = ..." values by
 * position. */
static void descend(const fcs_optimizer *o, const double *values, double *w)
{
    fcs_value_of v[FCS_MAX_PARAMS];
    fcs_shape one = fcs_shape_of(1, 1, 1, 1, 1);
    fcs_tensor *t = fcs_tensor_new(ctx, "net.layer.weight", one),
               *in = fcs_tensor_new(ctx, "gradient", one);
    fcs_tensor *factor = fcs_tensor_new(ctx, "factor", one);
    fcs_graph *g = fcs_graph_new(ctx);
    fcs_plan *p = NULL;
    memset(v, 0, sizeof v);
    for (int i = 0; i < o->n_params; i++)
        v[i].number = values[i];
    fcs_update u = {
        .graph = g, .net = "net", .values = v, .factor = fcs_read(g, factor), .tensor = source};
    fcs_net_parameter parameter = {t, fcs_read(g, t), FCS_KERNEL, 0};
    fcs_node *gradient = fcs_read(g, in), *updated;
    CHECK(fcs_optimize(o, &u, &parameter, 1, &gradient, &updated) == FCS_OK);
    CHECK(fcs_assign_when(g, 0, fcs_finite_flag(gradient, 1, &gradient)) == FCS_OK);
    CHECK(fcs_plan_new(g, &p) == FCS_OK);
    fcs_tensor_set(t, (float[]){1});
    for (int i = 0; i < STEPS && p; i++) {
        float before, after;
        fcs_tensor_get(t, &before);
        fcs_tensor_set(factor, (float[]){i == STEPS - 1 ? 0.5f : 1});
        fcs_tensor_set(in, (float[]){NAN}); /* a bad gradient changes nothing, state included */
        CHECK(fcs_plan_run(p, 0, 0) == FCS_OK);
        fcs_tensor_get(t, &after);
        CHECK(after == before);
        fcs_tensor_set(in, (float[]){(float)gradients[i]});
        CHECK(fcs_plan_run(p, 0, 0) == FCS_OK);
        fcs_tensor_get(t, &after);
        w[i] = (double)after;
    }
    fcs_plan_free(p);
    fcs_graph_free(g);
    fcs_tensor_free(t);
    fcs_tensor_free(in);
    fcs_tensor_free(factor);
    while (n_pool)
        fcs_tensor_free(pool[--n_pool]);
}

static double factor_of(int i) { return i == STEPS - 1 ? 0.5 : 1; }

/* Kingma and Ba, algorithm 1. By hand, rate 0.1, beta1 0.5, beta2 0.9, g = 0.1, -0.25, 0.001:
 * step 1: m = .05, v = .001; m/.5 = .1, v/.1 = .01: w = 1 - .1 = .9
 * step 2: m = .025 - .125 = -.1, v = .0009 + .00625 = .00715; m/.75 = -.1333333, v/.19 = .0376316,
 * root .1939886: w = .9 + .0687326 = .9687326 step 3: m = -.05 + .0005 = -.0495, v = .006435 + 1e-7
 * = .0064351; m/.875 = -.0565714, v/.271 = .0237458, root .1540967: w = .9687326 + .0367116
 * = 1.0054442 */
static void test_adam(const fcs_optimizer *o)
{
    const double values[] = {0.1, 1, 0.5, 0.9, 1e-8};
    double w[STEPS], x = 1, m = 0, v = 0;
    descend(o, values, w);
    CHECK_NEAR(w[0], 0.9, 1e-6);
    CHECK_NEAR(w[1], 0.9687326, 1e-6);
    CHECK_NEAR(w[2], 1.0054442, 1e-6);
    for (int i = 0; i < STEPS; i++) {
        m = 0.5 * m + 0.5 * gradients[i];
        v = 0.9 * v + 0.1 * gradients[i] * gradients[i];
        x -= factor_of(i) * 0.1 * (m / (1 - pow(0.5, i + 1))) /
             (sqrt(v / (1 - pow(0.9, i + 1))) + 1e-8);
        CHECK_NEAR(w[i], x, 2e-6);
    }
    /* the first step is the rate, whatever the gradient's size: beta2 close to 1 does not spoil the
     * correction */
    const double slow[] = {0.01, 1, 0.9, 0.999, 0};
    descend(o, slow, w);
    CHECK_NEAR(w[0], 0.99, 1e-7);
}

static void test_rmsprop(const fcs_optimizer *o)
{
    const double values[] = {0.1, 1, 0.9, 1e-4};
    double w[STEPS], x = 1, v = 0;
    descend(o, values, w);
    for (int i = 0; i < STEPS; i++) {
        v = 0.9 * v + 0.1 * gradients[i] * gradients[i];
        x -= factor_of(i) * 0.1 * gradients[i] / (sqrt(v) + 1e-4);
        CHECK_NEAR(w[i], x, 2e-6);
    }
}

static void test_adadelta(const fcs_optimizer *o)
{
    const double values[] = {1, 1, 0.9, 1e-2};
    double w[STEPS], x = 1, v = 0, d = 0;
    descend(o, values, w);
    for (int i = 0; i < STEPS; i++) {
        v = 0.9 * v + 0.1 * gradients[i] * gradients[i];
        double step = sqrt(d + 1e-2) / sqrt(v + 1e-2) * gradients[i];
        d = 0.9 * d + 0.1 * step * step;
        x -= factor_of(i) * step;
        CHECK_NEAR(w[i], x, 2e-6);
    }
}

static void test_sgd(const fcs_optimizer *o)
{
    const double values[] = {0.2, 1, 0.5}, plain[] = {0.2, 1, 0};
    double w[STEPS], x = 1, m = 0;
    descend(o, values, w);
    for (int i = 0; i < STEPS; i++) {
        m = 0.5 * m + gradients[i];
        x -= factor_of(i) * 0.2 * m;
        CHECK_NEAR(w[i], x, 1e-6);
    }
    descend(o, plain, w);
    CHECK_NEAR(w[0], 0.98, 1e-7);
    CHECK_NEAR(w[1], 1.03, 1e-7);
}

/* Clipping comes after the update: w = 1 - 0.1 * 3, then within 0.05. */
static void test_clip(void)
{
    fcs_value_of v[FCS_MAX_PARAMS];
    fcs_shape two = fcs_shape_of(1, 2, 1, 1, 1);
    fcs_tensor *t = fcs_tensor_new(ctx, "net.layer.weight", two);
    fcs_graph *g = fcs_graph_new(ctx);
    fcs_plan *p = NULL;
    float w[2] = {1, 0.03f};
    memset(v, 0, sizeof v);
    v[0].number = 0.1;
    fcs_update u = {.graph = g,
                    .net = "net",
                    .values = v,
                    .factor = fcs_constant(g, 1),
                    .tensor = source,
                    .clip = 0.05};
    fcs_net_parameter parameter = {t, fcs_read(g, t), FCS_KERNEL, 0};
    fcs_node *gradient = fcs_constant(g, 0.5), *updated;
    fcs_tensor_set(t, w);
    CHECK(fcs_optimize(fcs_optimizer_find("sgd"), &u, &parameter, 1, &gradient, &updated) ==
          FCS_OK);
    CHECK(fcs_plan_new(g, &p) == FCS_OK && fcs_plan_run(p, 0, 0) == FCS_OK);
    fcs_tensor_get(t, w);
    CHECK_NEAR(w[0], 0.05, 1e-8);
    CHECK_NEAR(w[1], -0.02, 1e-8);
    fcs_plan_free(p);
    fcs_graph_free(g);
    fcs_tensor_free(t);
    while (n_pool)
        fcs_tensor_free(pool[--n_pool]);
}

int main(void)
{
    static const struct {
        const char *name;
        void (*test)(const fcs_optimizer *o);
    } tests[] = {{"adam", test_adam},
                 {"rmsprop", test_rmsprop},
                 {"adadelta", test_adadelta},
                 {"sgd", test_sgd}};
    if (fcs_open(&ctx, NULL) != FCS_OK)
        return 1;
    for (int i = 0; i < fcs_n_optimizers; i++) { /* an optimizer without a test fails */
        bool tested = false;
        CHECK(strcmp(fcs_optimizers[i]->params[FCS_RATE].name, "rate") == 0);
        CHECK(strcmp(fcs_optimizers[i]->params[FCS_DECAY_FROM].name, "decay_from") == 0);
        for (size_t k = 0; k < sizeof tests / sizeof tests[0]; k++)
            if (strcmp(tests[k].name, fcs_optimizers[i]->name) == 0) {
                tests[k].test(fcs_optimizers[i]);
                tested = true;
            }
        CHECK(tested);
    }
    test_clip();
    fcs_close(ctx);
    return test_end();
}
