/* test_losses.c: every loss of the registry against its closed form on given logits and images. */
#include "facies.h"
#include "losses/losses.h"
#include "recipe/recipe.h"
#include "test.h"
#include <string.h>

static fcs_context *ctx;
static const double real_logits[4] = {2, -1, 0.5, 30}, fake_logits[4] = {-3, 0.25, 1.5, -40};
enum { LABEL_PERCENT = 90 };

static double sigmoid_log(double x) /* log(1 / (1 + exp(-x))) */
{
    return x > 0 ? -log1p(exp(-x)) : x - log1p(exp(x));
}

/* Means over the four logits of the published formulas, in D = sigmoid(l) where that is how they
 * are written; what is of fakes is added up over their kinds. */
static double want(const char *name, bool generator, int kinds)
{
    double a = LABEL_PERCENT / 100.0, sum = 0;
    for (int i = 0; i < 4; i++) {
        double r = real_logits[i], f = fake_logits[i];
        double entropy = -a * sigmoid_log(r) - (1 - a) * sigmoid_log(-r) - kinds * sigmoid_log(-f);
        if (strcmp(name, "standard") == 0)
            sum += generator ? kinds * sigmoid_log(-f) : entropy;
        else if (strcmp(name, "nonsaturating") == 0)
            sum += generator ? -kinds * sigmoid_log(f) : entropy;
        else if (strcmp(name, "hinge") == 0)
            sum += generator ? -kinds * f : fmax(0, 1 - r) + kinds * fmax(0, 1 + f);
        else if (strcmp(name, "least_squares") == 0)
            sum +=
                generator ? kinds * (f - 1) * (f - 1) / 2 : ((r - a) * (r - a) + kinds * f * f) / 2;
        else if (strncmp(name, "wasserstein", 11) == 0) /* with clipping, with a penalty */
            sum += generator ? -kinds * f : kinds * f - r;
        else
            return NAN;
    }
    return sum / 4;
}

/* Value of a scalar node. */
static double value(fcs_node *n)
{
    float v = NAN;
    fcs_plan *p = NULL;
    fcs_tensor *out = n ? fcs_tensor_new(ctx, "out", n->shape) : NULL;
    if (n)
        n->graph->n_assignments = 0;
    if (!out || fcs_shape_count(n->shape) != 1 || fcs_assign(n->graph, out, n) != FCS_OK ||
        fcs_plan_new(n->graph, &p) != FCS_OK || fcs_plan_run(p, 3, 4) != FCS_OK ||
        fcs_tensor_get(out, &v) != FCS_OK)
        fprintf(stderr, "%s\n", fcs_message(ctx));
    fcs_plan_free(p);
    fcs_tensor_free(out);
    return (double)v;
}

static fcs_tensor *tensor_of(const char *name, fcs_shape shape, const double *values)
{
    float v[64];
    fcs_tensor *t = fcs_tensor_new(ctx, name, shape);
    for (int i = 0; i < (int)fcs_shape_count(shape); i++)
        v[i] = (float)values[i];
    fcs_tensor_set(t, v);
    return t;
}

static void test_gan(const fcs_loss *l)
{
    fcs_graph *g = fcs_graph_new(ctx);
    fcs_tensor *r = tensor_of("r", fcs_shape_of(2, 1, 1, 1, 2), real_logits);
    fcs_tensor *f = tensor_of("f", fcs_shape_of(2, 1, 1, 1, 2), fake_logits);
    fcs_loss_terms t = {.real_logits = fcs_read(g, r),
                        .fake_logits = fcs_read(g, f),
                        .real_label = LABEL_PERCENT / 100.0};
    for (t.fake_kinds = 0; t.fake_kinds < 3; t.fake_kinds++) {
        int kinds = t.fake_kinds ? t.fake_kinds : 1;
        CHECK_NEAR(value(l->discriminator(&t)), want(l->name, false, kinds), 4e-5);
        CHECK_NEAR(value(l->generator(&t)), want(l->name, true, kinds), 4e-5);
    }
    fcs_graph_free(g);
    fcs_tensor_free(r);
    fcs_tensor_free(f);
}

/* ---- terms: a linear discriminator, sum of w x over 1 x 2 pixels, whose slope is |w| everywhere
 * ---- */
static fcs_tensor *weight, *bias;
static const double w[2] = {3, -4}, image[4] = {0.5, -1, 2, 0.25}, other[4] = {1, -3, 2, 0},
                    two[2] = {3, 7};

static fcs_tensor *source(void *user, const char *name, fcs_shape shape, fcs_role role, double mean,
                          double std)
{
    (void)user, (void)role, (void)mean, (void)std;
    fcs_tensor **t = strstr(name, "bias") ? &bias : &weight;
    if (!*t)
        *t = tensor_of(name, shape, strstr(name, "bias") ? two : w);
    return *t;
}

static double term(const fcs_loss *l)
{
    static const char text[] =
        "data = { size = 2; channels = 1; }; generator = { layers = ( { type = \"relu\"; } ); };"
        "discriminator = { layers = ( { type = \"dense\"; filters = 1; } ); };";
    const double mean[1] = {0.125};
    fcs_recipe *r = NULL;
    fcs_net net = {0};
    fcs_graph *g = fcs_graph_new(ctx);
    CHECK(fcs_recipe_from_text(ctx, text, NULL, &r) == FCS_OK &&
          fcs_net_read(r, "discriminator", &net, &ctx->error) == FCS_OK);
    fcs_builder b = {
        .graph = g, .error = &ctx->error, .net = &net, .axes = 2, .channels = 1, .tensor = source};
    fcs_tensor *x = tensor_of("real", fcs_shape_of(2, 1, 1, 1, 2), image);
    fcs_tensor *y = tensor_of("fake", fcs_shape_of(2, 1, 1, 1, 2), other);
    fcs_tensor *m = tensor_of("mean", fcs_shape_of(1, 1, 1, 1, 1), mean);
    fcs_loss_terms t = {
        .real = fcs_read(g, x), .fake = fcs_read(g, y), .data_mean = fcs_read(g, m), .net = &b};
    t.real_logits = fcs_net_build(&b, t.real, "real");
    t.fake_logits = fcs_net_build(&b, t.fake, "fake");
    double v = value(l->discriminator ? l->discriminator(&t) : l->generator(&t));
    if (l->discriminator && l->of_images) { /* a penalty's slope in the weights: finite differences
                                               of the closed form */
        fcs_node *penalty = l->discriminator(&t), *slope = NULL;
        CHECK(fcs_grad(g, 1, &penalty, NULL, 1, &b.parameters[0].node, &slope) == FCS_OK);
        double change =
            value(fcs_sum(fcs_mul(slope, b.parameters[0].node), "ncdhw")); /* d/dt at w (1 + t) */
        CHECK_NEAR(change, strcmp(l->name, "r1") == 0 ? 25 : 2 * (5 - 1) * 5, 1e-4);
    }
    fcs_builder_free(&b);
    fcs_graph_free(g);
    fcs_tensor_free(x);
    fcs_tensor_free(y);
    fcs_tensor_free(m);
    fcs_tensor_free(weight);
    fcs_tensor_free(bias);
    weight = bias = NULL;
    fcs_net_free(&net);
    fcs_recipe_free(r);
    return v;
}

/* ---- losses of encoders: two images of 1 x 2 pixels, two latent numbers each ---- */
static const double target[4] = {0.25, 1, 0, 0.5}, guess[4] = {0.5, -2, 3, 0.125},
                    mu[4] = {0.5, -1, 0, 2}, logvar[4] = {-1, 0.5, 0, 1};

/* Sums over both images of the formulas in double. */
static double encoder_sum(const char *name)
{
    double sum = 0;
    for (int i = 0; i < 4; i++) {
        double t = target[i], x = guess[i], p = 1 / (1 + exp(-x));
        if (strcmp(name, "bce") == 0)
            sum += -t * log(p) - (1 - t) * log(1 - p);
        else if (strcmp(name, "mse") == 0)
            sum += (x - t) * (x - t);
        else if (strcmp(name, "l1") == 0)
            sum += fabs(x - t);
        else
            sum += 0.5 * (mu[i] * mu[i] + exp(logvar[i]) - logvar[i] - 1);
    }
    return sum;
}

/* A term, per image (of which there are two) or per number (of which there are four), and its slope
 * along `of`, (1 + t) of: a difference of the double formula. */
static void test_encoder(void)
{
    static const char *const images[] = {"bce", "mse", "l1"};
    const fcs_shape s = fcs_shape_of(2, 1, 1, 1, 2), z = fcs_shape_of(2, 2, 1, 1, 1);
    fcs_tensor *tensors[4] = {tensor_of("t", s, target), tensor_of("x", s, guess),
                              tensor_of("mu", z, mu), tensor_of("v", z, logvar)};
    for (int averaged = 0; averaged < 2; averaged++) {
        fcs_graph *g = fcs_graph_new(ctx);
        double parts = averaged ? 4 : 2;
        fcs_loss_terms t = {.real = fcs_read(g, tensors[0]),
                            .rebuilt = fcs_read(g, tensors[1]),
                            .mean = fcs_read(g, tensors[2]),
                            .logvar = fcs_read(g, tensors[3]),
                            .averaged = averaged};
        t.rebuilt_logits = t.rebuilt;
        fcs_node *kl = fcs_loss_find("kl")->encoder(&t), *slopes[2];
        CHECK_NEAR(value(kl), encoder_sum("kl") / parts, 1e-6);
        CHECK(fcs_grad(g, 1, &kl, NULL, 2, (fcs_node *[]){t.mean, t.logvar}, slopes) == FCS_OK);
        CHECK_NEAR(value(fcs_sum(slopes[0], "ncdhw")), (0.5 - 1 + 0 + 2) / parts, 1e-6);
        CHECK_NEAR(value(fcs_sum(slopes[1], "ncdhw")),
                   (exp(-1) + exp(0.5) + 1 + exp(1) - 4) / 2 / parts, 1e-6);
        const fcs_loss *l = fcs_loss_find("reconstruction");
        CHECK(l->generator == l->encoder);
        for (int i = 0; i < 3; i++) {
            t.image = fcs_loss_find(images[i]);
            fcs_node *n = l->encoder(&t), *slope;
            CHECK_NEAR(value(n), encoder_sum(images[i]) / parts, 1e-6);
            CHECK(fcs_grad(g, 1, &n, NULL, 1, &t.rebuilt, &slope) == FCS_OK);
            double want = 0; /* d/dx, by hand */
            for (int k = 0; k < 4; k++)
                want += i == 0   ? 1 / (1 + exp(-guess[k])) - target[k]
                        : i == 1 ? 2 * (guess[k] - target[k])
                                 : (guess[k] > target[k] ? 1 : -1);
            CHECK_NEAR(value(fcs_sum(slope, "ncdhw")), want / parts, 1e-6);
        }
        fcs_graph_free(g);
    }
    for (int i = 0; i < 4; i++)
        fcs_tensor_free(tensors[i]);
}

/* Features: one layer of 2 x 1 x 2 numbers, the same once more. Mean real (.125, .75), mean fake
 * (1.75, -.9375). */
static void test_features(void)
{
    const fcs_shape s = fcs_shape_of(2, 1, 1, 1, 2);
    fcs_graph *g = fcs_graph_new(ctx);
    fcs_tensor *x = tensor_of("real", s, target), *y = tensor_of("fake", s, guess);
    fcs_node *real = fcs_read(g, x), *fake = fcs_read(g, y);
    fcs_loss_terms t = {.real_features = {real, real},
                        .fake_features = {fake, fake},
                        .n_features = 2,
                        .of_features = true};
    CHECK_NEAR(value(fcs_loss_find("feature_matching")->generator(&t)),
               1.625 * 1.625 + 1.6875 * 1.6875, 1e-5);
    CHECK_NEAR(value(fcs_loss_find("reconstruction")->generator(&t)), encoder_sum("mse"), 1e-5);
    fcs_graph_free(g);
    fcs_tensor_free(x);
    fcs_tensor_free(y);
}

static double isotropy_of(fcs_shape s, const double *v)
{
    fcs_graph *g = fcs_graph_new(ctx);
    fcs_tensor *x = tensor_of("fake", s, v);
    fcs_loss_terms t = {.fake = fcs_read(g, x)};
    double loss = value(fcs_loss_find("isotropy")->generator(&t));
    fcs_graph_free(g);
    fcs_tensor_free(x);
    return loss;
}

/* Ramps: differences are the same everywhere, so that the tensor is their outer product. */
static double ramps(const double first[3], const double second[3], bool volumes)
{
    const double *slope[2] = {first, second};
    double v[2 * 8];
    const fcs_shape s = fcs_shape_of(2, 1, volumes ? 2 : 1, 2, 2);
    const int depth = volumes ? 2 : 1;
    for (int i = 0; i < 2 * 4 * depth; i++) {
        const double *of = slope[i / (4 * depth)];
        v[i] = 0.25 + of[0] * (i % 2) + of[1] * (i / 2 % 2) + of[2] * (i / 4 % depth);
    }
    return isotropy_of(s, v);
}

/* E of a ramp along x in 2D: diag(1, -1); along the diagonal: 0 with 1 beside; along z in 3D:
 * diag(-1, -1, 2). */
static void test_isotropy(void)
{
    const double x[3] = {0.5, 0, 0}, y[3] = {0, 2, 0}, xy[3] = {1, 1, 0}, z[3] = {0, 0, 3},
                 xyz[3] = {1, -1, 1};
    CHECK_NEAR(ramps(x, x, false), 2, 1e-5);
    CHECK_NEAR(ramps(xy, xy, false), 2, 1e-5);
    CHECK_NEAR(ramps(z, z, true), 6, 1e-5);
    CHECK_NEAR(ramps(xyz, xyz, true), 6, 1e-5);
    /* of a batch: (x x' + y y') with slopes 1/2 and 2 is diag(1/4, 4), of trace 4.25 */
    CHECK_NEAR(ramps(x, y, false), 2 * pow(4 / 2.125 - 1, 2), 1e-5);
    /* a single pixel has no direction */
    const double dot[18] = {0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0};
    CHECK_NEAR(isotropy_of(fcs_shape_of(2, 1, 1, 3, 3), dot), 0, 1e-5);
}

/* ---- passage ---- */
enum { ROWS = 20, COLUMNS = 24 };

/* The loss of an image of dark clay (-1) with a bright wall in the third of five rows of blocks, in
 * which block `at` has the value `gap`; bright: of the negative. Its gradient goes to `slope`. */
static double passage_of(int at, float gap, bool along_x, bool bright, float *slope)
{
    fcs_graph *g = fcs_graph_new(ctx);
    fcs_shape shape =
        along_x ? fcs_shape_of(1, 1, 1, COLUMNS, ROWS) : fcs_shape_of(1, 1, 1, ROWS, COLUMNS);
    fcs_tensor *t = fcs_tensor_new(ctx, "x", shape), *d = fcs_tensor_new(ctx, "d", shape);
    float x[ROWS * COLUMNS];
    for (int i = 0; i < ROWS; i++)
        for (int k = 0; k < COLUMNS; k++) {
            float v = i / 4 != 2 ? -1 : k / 4 == at ? gap : 1;
            x[along_x ? k * ROWS + i : i * COLUMNS + k] = bright ? -v : v;
        }
    fcs_tensor_set(t, x);
    fcs_loss_terms terms = {
        .fake = fcs_read(g, t),
        .passage = {.axis = along_x, .length = 16, .bright = bright, .low = -1, .high = 1}};
    fcs_node *loss = fcs_loss_find("passage")->generator(&terms), *gradient = NULL;
    double v = value(loss);
    if (slope) {
        fcs_plan *p = NULL;
        CHECK(fcs_grad(g, 1, &loss, NULL, 1, &terms.fake, &gradient) == FCS_OK);
        g->n_assignments = 0;
        CHECK(fcs_assign(g, d, gradient) == FCS_OK && fcs_plan_new(g, &p) == FCS_OK);
        CHECK(fcs_plan_run(p, 0, 0) == FCS_OK && fcs_tensor_get(d, slope) == FCS_OK);
        fcs_plan_free(p);
    }
    fcs_graph_free(g);
    fcs_tensor_free(t);
    fcs_tensor_free(d);
    return v;
}

static void test_passage(void)
{
    float slope[ROWS * COLUMNS];
    CHECK_NEAR(passage_of(-1, 0, false, false, NULL), 0, 0); /* a wall */
    CHECK_NEAR(passage_of(3, -1, false, false, NULL), 1, 1e-6);
    /* (8 s - 1) / 7 for the share s = (1 - gap) / 2: a neck, one pixel of four, has 1 / 7 */
    CHECK_NEAR(passage_of(3, 0.5F, false, false, NULL), 1.0 / 7, 1e-6);
    CHECK_NEAR(passage_of(3, 0.75F, false, false, NULL), 0, 1e-6);
    for (int k = 0; k < 4; k++)
        CHECK_NEAR(passage_of(5, -0.5F, k & 1, k & 2, NULL), 5.0 / 7, 1e-6);
    /* the whole slope lies in the gap: a block of 16 pixels */
    CHECK_NEAR(passage_of(0, -0.5F, false, false, slope), 5.0 / 7, 1e-6);
    for (int i = 0; i < ROWS * COLUMNS; i++) {
        bool gap = i / COLUMNS / 4 == 2 && i % COLUMNS < 4;
        CHECK_NEAR((double)slope[i], gap ? -4.0 / 7 / 16 : 0, 1e-7);
    }
}

int main(void)
{
    static const struct {
        const char *name;
        double value;
    } terms[] = {
        {"weight_decay", 25},     /* 9 + 16; the bias is no kernel */
        {"r1", 12.5},             /* |w|^2 / 2 */
        {"gradient_penalty", 16}, /* (5 - 1)^2 */
        {"share", 0.125},         /* mean of the fakes 0, of the data 0.125 */
        {"flatness", 2},          /* less their means: (2, -2) and (1, -1) */
        {"isotropy", 0},          /* of lines; the rest in test_isotropy */
    };
    if (fcs_open(&ctx, NULL) != FCS_OK)
        return 1;
    for (int i = 0; i < fcs_n_losses; i++) { /* a loss without a closed form here fails */
        /* test_encoder and test_features have these */
        bool tested = fcs_losses[i]->gan || fcs_losses[i]->distance || fcs_losses[i]->of_encoder ||
                      fcs_losses[i]->of_discriminator ||
                      strcmp(fcs_losses[i]->name, "passage") == 0; /* test_passage */
        if (fcs_losses[i]->gan)
            test_gan(fcs_losses[i]);
        for (size_t k = 0; k < sizeof terms / sizeof terms[0]; k++)
            if (strcmp(terms[k].name, fcs_losses[i]->name) == 0) {
                CHECK_NEAR(term(fcs_losses[i]), terms[k].value, 1e-5 * (1 + terms[k].value));
                tested = true;
            }
        CHECK(tested);
    }
    test_encoder();
    test_features();
    test_isotropy();
    test_passage();
    fcs_close(ctx);
    return test_end();
}
