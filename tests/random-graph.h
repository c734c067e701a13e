/* random-graph.h: random graphs, planned in two ways and run on one or two contexts: what comes out
 * must agree. Used by test_plan.c and test_opencl.c. */
#include "graph/graph.h"
#include "test.h"
#include <string.h>

enum { TENSORS = 6, NODES = 40, RESULTS = 5 };
static uint64_t dice_state;
static bool only_smooth; /* no op that jumps: rounding differs between devices */
static int dice(int n) { return (int)fcs_random_below(99, 0, 1, dice_state++, n); }

static const fcs_shape shapes[] = {
    {{2, 17, 1, 5, 3}}, {{1, 17, 1, 1, 1}}, {{2, 1, 1, 5, 3}},
    {{2, 17, 1, 1, 1}}, {{1, 1, 1, 1, 1}},  {{2, 17, 1, 5, 3}},
};

static fcs_node *random_node(fcs_graph *g, fcs_node **have, int n)
{
    static const char *const unary[] = {"neg",        "relu",    "tanh", "affine",
                                        "leaky_relu", "sigmoid", "abs",  "step"};
    static const char *const binary[] = {"add", "sub", "mul", "max", "less"};
    static const char *const axes[] = {"ndhw", "c", "ncdhw", "dhw", "n"};
    fcs_node *a = have[dice(n)], *b = have[dice(n)];
    fcs_shape s;
    switch (dice(8)) {
    case 0: return fcs_sum(a, axes[dice(5)]);
    case 1:
        return fcs_shape_broadcast(a->shape, shapes[0], &s) && fcs_shape_equal(s, shapes[0])
                   ? fcs_broadcast(a, shapes[0])
                   : a;
    case 2:
    case 3: return fcs_unary(unary[dice(only_smooth ? 7 : 8)], a);
    case 4: return fcs_reshape(a, fcs_shape_of(1, fcs_shape_count(a->shape), 1, 1, 1));
    default: {
        fcs_node *in[2] = {a, b};
        return fcs_shape_broadcast(a->shape, b->shape, &s)
                   ? fcs_apply(g, binary[dice(only_smooth ? 4 : 5)], NULL, 2, in)
                   : a;
    }
    }
}

static void random_graph(fcs_graph *g, fcs_tensor **tensors, fcs_tensor **results)
{
    fcs_node *have[NODES + TENSORS];
    int n = 0;
    for (int i = 0; i < TENSORS; i++)
        have[n++] = fcs_read(g, tensors[i]);
    while (n < NODES + TENSORS) {
        fcs_node *x = random_node(g, have, n);
        CHECK(x != NULL);
        if (!x)
            return;
        have[n++] = x;
    }
    for (int i = 0; i < RESULTS; i++) {
        fcs_node *x = have[NODES + TENSORS - 1 - i];
        results[i] = fcs_tensor_new(g->ctx, "result", x->shape);
        fcs_assign(g, results[i], x);
    }
    for (int i = 0, k = n - 1; i < TENSORS; i++) { /* some inputs are assigned as well */
        while (k > TENSORS && !fcs_shape_equal(have[k]->shape, tensors[i]->shape))
            k--;
        if (k > TENSORS && dice(2))
            fcs_assign(g, tensors[i], have[k--]);
    }
}

/* Of all stored floats, padding lanes too; both infinite or not a number: none. */
static double stored_difference(const fcs_tensor *a, const fcs_tensor *b)
{
    double worst = 0;
    float *x = fcs_tensor_map(a, FCS_MAP_READ), *y = fcs_tensor_map(b, FCS_MAP_READ);
    CHECK(x && y);
    for (int64_t i = 0; x && y && i < fcs_shape_floats(a->shape); i++) {
        double p = (double)x[i], q = (double)y[i], d = fabs(p - q) / (1 + fabs(q));
        if (!(d <= worst) && !(isnan(p) && isnan(q)) && p != q)
            worst = isnan(d) ? 1e9 : d;
    }
    CHECK(!x || fcs_tensor_unmap(a, x) == FCS_OK);
    CHECK(!y || fcs_tensor_unmap(b, y) == FCS_OK);
    return worst;
}

static fcs_tensor *filled_tensor(fcs_context *ctx, fcs_shape s, double seed)
{
    fcs_tensor *t = fcs_tensor_new(ctx, "t", s);
    float *v = calloc((size_t)fcs_shape_count(s), sizeof *v);
    for (int64_t i = 0; v && i < fcs_shape_count(s); i++)
        v[i] = (float)sin((double)i * 0.7 + seed);
    CHECK(t && v && fcs_tensor_set(t, v) == FCS_OK);
    free(v);
    return t;
}

/* Graph `number` on contexts on[0] and on[1], planned as o[0] and o[1] say, run twice each. */
static double random_graph_difference(fcs_context *const on[2], const fcs_plan_options *const o[2],
                                      int number)
{
    fcs_tensor *tensors[2][TENSORS], *results[2][RESULTS] = {{NULL}};
    for (int way = 0; way < 2; way++) {
        fcs_graph *g = fcs_graph_new(on[way]);
        fcs_plan *p = NULL;
        for (int i = 0; i < TENSORS; i++)
            tensors[way][i] = filled_tensor(on[way], shapes[i], 1 + i * 0.3);
        dice_state = (uint64_t)number * 10000;
        random_graph(g, tensors[way], results[way]);
        CHECK(fcs_plan_build(g, o[way], &p) == FCS_OK);
        for (int run = 0; p && run < 2; run++)
            CHECK(fcs_plan_run(p, 1, 2) == FCS_OK);
        fcs_plan_free(p);
        fcs_graph_free(g);
    }
    double worst = 0;
    for (int i = 0; i < RESULTS + TENSORS; i++) {
        fcs_tensor *a = i < RESULTS ? results[0][i] : tensors[0][i - RESULTS];
        fcs_tensor *b = i < RESULTS ? results[1][i] : tensors[1][i - RESULTS];
        double d = a && b ? stored_difference(a, b) : 1;
        worst = d > worst ? d : worst;
        fcs_tensor_free(a);
        fcs_tensor_free(b);
    }
    return worst;
}
