/* test_plan.c: the planner. Values against hand-made ones, and random graphs planned in two ways:
 * fused with places shared, and every node its own step and place. */
#include "graph/graph.h"
#include "cpu/cpu.h"
#include "random-graph.h"
#include "test.h"
#include <string.h>

static fcs_context *ctx;

static fcs_tensor *tensor(const char *name, fcs_shape s, double scale)
{
    fcs_tensor *t = fcs_tensor_new(ctx, name, s);
    int64_t n = fcs_shape_count(s);
    float *values = malloc((size_t)n * sizeof *values);
    for (int64_t i = 0; i < n; i++)
        values[i] = (float)(scale * ((double)((i * 7919 + 13) % 101) / 50 - 1));
    fcs_tensor_set(t, values);
    free(values);
    return t;
}

static void get(const fcs_tensor *t, float *out) { fcs_tensor_get(t, out); }

/* Reads see old values, whatever is assigned in the same run; two tensors can be swapped. */
static void test_assignments(void)
{
    fcs_shape s = fcs_shape_of(1, 3, 1, 2, 2);
    fcs_tensor *a = tensor("a", s, 1), *b = tensor("b", s, 3), *c = tensor("c", s, 0);
    float a0[12], b0[12], x[12];
    get(a, a0);
    get(b, b0);
    fcs_graph *g = fcs_graph_new(ctx);
    fcs_node *na = fcs_read(g, a), *nb = fcs_read(g, b);
    CHECK(fcs_assign(g, a, nb) == FCS_OK && fcs_assign(g, b, na) == FCS_OK);
    CHECK(fcs_assign(g, c, fcs_add(na, fcs_affine(nb, 2, 0))) == FCS_OK);
    CHECK(fcs_assign(g, c, na) == FCS_FAILED); /* assigned already */
    fcs_error_clear(&ctx->error);
    fcs_plan *p = NULL;
    CHECK(fcs_plan_new(g, &p) == FCS_OK && fcs_plan_run(p, 0, 0) == FCS_OK);
    get(a, x);
    CHECK(memcmp(x, b0, sizeof x) == 0);
    get(b, x);
    CHECK(memcmp(x, a0, sizeof x) == 0);
    get(c, x);
    for (int i = 0; i < 12; i++)
        CHECK_NEAR(x[i], a0[i] + 2 * b0[i], 1e-6);
    fcs_plan_free(p);
    fcs_graph_free(g);
    fcs_tensor_free(a);
    fcs_tensor_free(b);
    fcs_tensor_free(c);
}

/* An update p <- p - r g runs in the parameter's own memory: no copy, no scratch. */
static void test_in_place(void)
{
    fcs_shape s = fcs_shape_of(4, 20, 1, 5, 5);
    fcs_tensor *p = tensor("p", s, 1), *d = tensor("d", s, 1);
    fcs_graph *g = fcs_graph_new(ctx);
    fcs_node *np = fcs_read(g, p);
    fcs_assign(g, p, fcs_sub(np, fcs_affine(fcs_read(g, d), 0.5, 0)));
    fcs_plan *plan = NULL;
    CHECK(fcs_plan_new(g, &plan) == FCS_OK);
    CHECK(plan->n_steps == 1);
    for (int i = 0; i < plan->n_values; i++)
        CHECK(plan->values[i].place.tensor != NULL);
    fcs_plan_free(plan);
    fcs_graph_free(g);
    fcs_tensor_free(p);
    fcs_tensor_free(d);
}

/* Bias, batch norm and activation behind a convolution: three passes (mean, variance, result), one
 * big value beside the convolution's; what is planned is what is allocated. */
static void test_fusion(void)
{
    fcs_shape s = fcs_shape_of(2, 16, 1, 24, 24), v = fcs_shape_of(1, 16, 1, 1, 1);
    fcs_tensor *x = tensor("x", s, 1), *w = tensor("w", fcs_shape_of(16, 16, 1, 3, 3), 0.1);
    fcs_tensor *bias = tensor("bias", v, 1), *gamma = tensor("gamma", v, 1), *y = tensor("y", s, 0);
    fcs_graph *g = fcs_graph_new(ctx);
    fcs_node *in[2] = {fcs_read(g, x), fcs_read(g, w)};
    fcs_node *z = fcs_apply(g, "conv", "pad_lo=0,1,1 pad_hi=0,1,1", 2, in);
    fcs_node *r = fcs_unary("leaky_relu", fcs_add(z, fcs_read(g, bias)));
    fcs_node *d = fcs_sub(r, fcs_mean(r, "ndhw"));
    fcs_node *var = fcs_mean(fcs_unary("square", d), "ndhw");
    fcs_node *n =
        fcs_mul(fcs_mul(d, fcs_unary("rsqrt", fcs_affine(var, 1, 1e-9))), fcs_read(g, gamma));
    fcs_assign(g, y, n);
    fcs_plan *p = NULL;
    CHECK(fcs_plan_new(g, &p) == FCS_OK);
    int big = 0, convs = 0;
    for (int i = 0; p && i < p->n_steps; i++) {
        big += p->steps[i].chain && fcs_shape_equal(p->steps[i].chain->shape, s);
        convs += p->steps[i].kind == FCS_STEP_KERNEL;
    }
    CHECK(big == 3 && convs == 1);
    uint64_t before = ctx->allocated;
    CHECK(p && fcs_plan_run(p, 0, 0) == FCS_OK);
    CHECK(p && ctx->allocated - before == fcs_plan_bytes(p));
    float *out = malloc((size_t)fcs_shape_count(s) * sizeof *out), gammas[16];
    get(y, out);
    get(gamma, gammas);
    for (int c = 0; c < 16; c++) { /* normalized: mean 0, mean square gamma^2 */
        double sum = 0, square = 0;
        for (int i = 0; i < 2 * 576; i++) {
            double value = (double)out[(i / 576 * 16 + c) * 576 + i % 576];
            sum += value;
            square += value * value;
        }
        CHECK_NEAR(sum / 1152, 0, 1e-5);
        CHECK_NEAR(square / 1152, (double)gammas[c] * (double)gammas[c], 2e-2);
    }
    free(out);
    fcs_plan_free(p);
    fcs_graph_free(g);
    fcs_tensor *all[] = {x, w, bias, gamma, y};
    for (int i = 0; i < 5; i++)
        fcs_tensor_free(all[i]);
}

/* ---- windows ---- */
typedef struct cut_out {
    fcs_tensor *made[4];
    int n;
} cut_out;

static fcs_tensor *window_of(void *user, fcs_tensor *t, const fcs_box *box)
{
    cut_out *c = user;
    int64_t h = box->hi[FCS_H] - box->lo[FCS_H], w = box->hi[FCS_W] - box->lo[FCS_W];
    fcs_tensor *part = fcs_tensor_new(ctx, "part", fcs_shape_of(1, t->shape.n[FCS_C], 1, h, w));
    int64_t cs = fcs_channel_stride(t->shape.n[FCS_C]);
    for (int64_t y = 0; y < h; y++)
        memcpy(fcs_cpu_floats(part) + y * w * cs,
               fcs_cpu_floats(t) + ((y + box->lo[FCS_H]) * t->shape.n[FCS_W] + box->lo[FCS_W]) * cs,
               (size_t)(w * cs) * sizeof(float));
    return c->made[c->n++] = part;
}

/* Two images, padded and joined side by side: every box of the result, from windows of the two,
 * equals the whole; boxes that see one image only, or nothing but padding, included. */
static void test_windows(void)
{
    fcs_shape s = fcs_shape_of(1, 3, 1, 4, 3), all = fcs_shape_of(1, 3, 1, 7, 12);
    fcs_tensor *a = tensor("a", s, 1), *b = tensor("b", s, 2), *y = fcs_tensor_new(ctx, "y", all);
    fcs_graph *g = fcs_graph_new(ctx);
    fcs_node *in[2] = {fcs_read(g, a), fcs_read(g, b)}, *joined;
    fcs_plan *p = NULL;
    in[0] = fcs_apply(g, "pad", "leading=0,0,0,2,1 trailing=0,0,0,1,2", 1, &in[0]);
    in[1] = fcs_apply(g, "pad", "leading=0,0,0,3,3", 1, &in[1]);
    joined = fcs_apply(g, "concat", "axis=4", 2, in);
    CHECK(joined && fcs_assign(g, y, joined) == FCS_OK && fcs_plan_new(g, &p) == FCS_OK);
    CHECK(p && fcs_plan_run(p, 0, 0) == FCS_OK);
    for (int64_t top = 0; joined && top < 7; top++)
        for (int64_t left = 0; left < 12; left++) {
            fcs_box box = {{0, 0, 0, top, left}, {1, 3, 1, top + 1, left + 2 < 12 ? left + 2 : 12}};
            fcs_tensor *part =
                fcs_tensor_new(ctx, "out", fcs_shape_of(1, 3, 1, 1, box.hi[4] - left));
            fcs_graph *small = fcs_graph_new(ctx);
            fcs_plan *plan = NULL;
            cut_out c = {{NULL}, 0};
            const fcs_window_tensors tensors = {window_of, NULL, &c};
            fcs_window *window = fcs_window_new(joined, &box, -1, NULL);
            fcs_node *n = window ? fcs_window_build(window, NULL, small, &tensors) : NULL;
            fcs_window_free(window);
            CHECK(n && fcs_assign(small, part, n) == FCS_OK &&
                  fcs_plan_new(small, &plan) == FCS_OK);
            CHECK(plan && fcs_plan_run(plan, 0, 0) == FCS_OK);
            CHECK(memcmp(fcs_cpu_floats(part), fcs_cpu_floats(y) + (top * 12 + left) * 3,
                         (size_t)fcs_shape_floats(part->shape) * sizeof(float)) == 0);
            fcs_plan_free(plan);
            fcs_graph_free(small);
            fcs_tensor_free(part);
            for (int i = 0; i < c.n; i++)
                fcs_tensor_free(c.made[i]);
        }
    fcs_plan_free(p);
    fcs_graph_free(g);
    fcs_tensor_free(a);
    fcs_tensor_free(b);
    fcs_tensor_free(y);
}

/* Parts that crop and concat have to copy, since they do not lie in the whole. */
static int moves(const fcs_plan *p)
{
    int n = 0;
    for (int s = 0; s < p->n_steps; s++) {
        const fcs_step *step = &p->steps[s];
        bool crop = step->kind == FCS_STEP_KERNEL && !strcmp(step->args.op->name, "crop"),
             concat = step->kind == FCS_STEP_KERNEL && !strcmp(step->args.op->name, "concat");
        const fcs_place *out = &p->values[step->out].place;
        size_t at = concat ? out->offset : 0;
        for (int i = 0; (crop || concat) && i < step->n_in; i++) {
            const fcs_place *in = &p->values[step->in[i]].place;
            const fcs_shape shape = step->args.in[i];
            size_t row = (size_t)(shape.n[FCS_C] * shape.n[FCS_W]) * sizeof(float);
            if (crop)
                at = in->offset + (size_t)step->args.attrs.i[FCS_H] * row;
            n +=
                (crop ? out->offset : in->offset) != at || (crop ? in : out)->tensor || out->tensor;
            at += concat ? (size_t)shape.n[FCS_H] * row : 0;
        }
    }
    return n;
}

/* Parts of values lie in the whole: halves that are computed where they are joined, crops that are
 * not copied; d = y[1..] - y[..n-1] of such a crop must not be written over what it still reads. */
static void test_parts(void)
{
    enum { CHANNELS = 16, W = 5, H = 6, FLOATS = CHANNELS * W };
    fcs_shape half = fcs_shape_of(1, CHANNELS, 1, H, W),
              less = fcs_shape_of(1, CHANNELS, 1, 2 * H - 1, W);
    fcs_tensor *a = tensor("a", half, 1), *b = tensor("b", half, 1), *out[2];
    const fcs_plan_options apart = {true, true}, *const options[2] = {NULL, &apart};
    for (int k = 0; k < 2; k++) {
        fcs_graph *g = fcs_graph_new(ctx);
        fcs_node *halves[2] = {fcs_unary("square", fcs_read(g, a)),
                               fcs_unary("exp", fcs_read(g, b))};
        fcs_node *y = fcs_apply(g, "concat", "axis=3", 2, halves);
        fcs_node *behind = fcs_apply(g, "crop", "leading=0,0,0,1,0", 1, &y);
        fcs_node *before = fcs_apply(g, "crop", "trailing=0,0,0,1,0", 1, &y);
        fcs_plan *p = NULL;
        out[k] = fcs_tensor_new(ctx, "out", less);
        /* through a value of the arena, so that the difference has a place to look for */
        fcs_node *d = fcs_sub(behind, before), *one = fcs_unary("neg", d);
        fcs_node *pieces[2] = {fcs_apply(g, "crop", "trailing=0,0,0,3,0", 1, &one),
                               fcs_apply(g, "crop", "leading=0,0,0,8,0", 1, &one)};
        fcs_node *again = fcs_apply(g, "concat", "axis=3", 2, pieces);
        CHECK(again && !fcs_assign(g, out[k], again) && !fcs_plan_build(g, options[k], &p));
        CHECK(p && fcs_plan_run(p, 0, 0) == FCS_OK);
        CHECK(p && moves(p) == (k == 0 ? 2 : 8)); /* of eight parts two go into the tensor */
        fcs_plan_free(p);
        fcs_graph_free(g);
    }
    const float *x[2] = {fcs_cpu_floats(a), fcs_cpu_floats(b)};
    for (int i = 0; i < (2 * H - 1) * FLOATS; i++) {
        int h = i / FLOATS, c = i % FLOATS;
        double y[2];
        for (int k = 0; k < 2; k++) {
            double v = (double)x[(h + k) / H][(h + k) % H * FLOATS + c];
            y[k] = (h + k) / H ? exp(v) : v * v;
        }
        CHECK_NEAR((double)fcs_cpu_floats(out[0])[i], y[0] - y[1], 1e-5);
    }
    CHECK(!memcmp(fcs_cpu_floats(out[0]), fcs_cpu_floats(out[1]),
                  (size_t)(2 * H - 1) * FLOATS * sizeof(float)));
    fcs_tensor *all[] = {a, b, out[0], out[1]};
    for (int i = 0; i < 4; i++)
        fcs_tensor_free(all[i]);
}

/* Six layers of conv and square, with the gradients of their kernels: each square waits for its
 * gradient, and so do its input and, unless it is computed again, its output: 12 values of one size
 * at least. */
static void test_recompute(void)
{
    enum { LAYERS = 6 };
    static const fcs_plan_options apart = {true, true};
    fcs_shape s = fcs_shape_of(2, 16, 1, 64, 64);
    const size_t size = (size_t)fcs_shape_floats(s) * sizeof(float);
    fcs_tensor *x = tensor("x", s, 0.5), *w[LAYERS], *dw[2][LAYERS];
    for (int i = 0; i < LAYERS; i++)
        w[i] = tensor("w", fcs_shape_of(16, 16, 1, 3, 3), 0.1);
    for (int k = 0; k < 2; k++) {
        fcs_graph *g = fcs_graph_new(ctx);
        fcs_node *y = fcs_read(g, x), *weights[LAYERS], *gradients[LAYERS];
        for (int i = 0; i < LAYERS; i++) {
            fcs_node *in[2] = {y, weights[i] = fcs_read(g, w[i])};
            y = fcs_apply(g, "conv", "pad_lo=0,1,1 pad_hi=0,1,1", 2, in);
            y = fcs_affine(fcs_unary("square", y), 0.5, 0.1);
        }
        fcs_node *loss = fcs_mean(y, "ncdhw"), *one = NULL;
        CHECK(fcs_grad(g, 1, &loss, &one, LAYERS, weights, gradients) == FCS_OK);
        fcs_plan *p = NULL;
        for (int i = 0; i < LAYERS; i++) {
            dw[k][i] = fcs_tensor_new(ctx, "dw", w[i]->shape);
            CHECK(fcs_assign(g, dw[k][i], gradients[i]) == FCS_OK);
        }
        CHECK(fcs_plan_build(g, k ? &apart : NULL, &p) == FCS_OK);
        int again = 0;
        size_t scratch = 0;
        for (int i = 0; p && i < p->n_steps; i++) {
            again += p->steps[i].chain && strstr(p->steps[i].name, "again") != NULL;
            scratch = p->steps[i].scratch > scratch ? p->steps[i].scratch : scratch;
        }
        CHECK(k ? again == 0 : again >= LAYERS / 2);
        CHECK(p && (k == 1 || fcs_plan_bytes(p) < 9 * size + scratch));
        CHECK(p && fcs_plan_run(p, 0, 0) == FCS_OK);
        fcs_plan_free(p);
        fcs_graph_free(g);
    }
    for (int i = 0; i < LAYERS; i++) {
        const size_t bytes = (size_t)fcs_shape_floats(w[i]->shape) * sizeof(float);
        CHECK(!memcmp(fcs_cpu_floats(dw[0][i]), fcs_cpu_floats(dw[1][i]), bytes));
        CHECK(fcs_cpu_floats(dw[0][i])[0] > 0 || fcs_cpu_floats(dw[0][i])[0] < 0);
        fcs_tensor_free(w[i]);
        fcs_tensor_free(dw[0][i]);
        fcs_tensor_free(dw[1][i]);
    }
    fcs_tensor_free(x);
}

static void test_random_graph(int number)
{
    static const fcs_plan_options apart = {true, true};
    fcs_context *const on[2] = {ctx, ctx};
    const fcs_plan_options *const options[2] = {NULL, &apart};
    double worst = random_graph_difference(on, options, number);
    if (worst > 2e-4)
        fprintf(stderr, "random graph %d differs by %g\n", number, worst);
    CHECK(worst <= 2e-4);
}

int main(void)
{
    if (fcs_open(&ctx, NULL) != FCS_OK) {
        fprintf(stderr, "%s\n", fcs_message(ctx));
        return 1;
    }
    test_assignments();
    test_in_place();
    test_parts();
    test_fusion();
    test_windows();
    test_recompute();
    for (int i = 0; i < 300; i++)
        test_random_graph(i);
    CHECK(ctx->allocated == 0); /* all that was allocated was given back */
    fcs_close(ctx);
    return test_end();
}
