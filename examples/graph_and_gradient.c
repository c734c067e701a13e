/* graph_and_gradient.c: a graph by hand, its gradient, and the gradient's gradient: y = tanh(w *
 * x), summed. Build: cc graph_and_gradient.c $(pkg-config --cflags --libs facies) -lm */
#include <facies.h>
#include <math.h>

static fcs_node *op(fcs_graph *g, const char *name, fcs_node *a, fcs_node *b)
{
    fcs_node *in[2] = {a, b};
    return fcs_apply(g, name, NULL, b ? 2 : 1, in);
}

int main(void)
{
    const fcs_shape shape = {{1, 1, 1, 1, 4}};
    const float x_values[4] = {-1.5f, -0.25f, 0.5f, 2.0f}, w_values[4] = {1, 2, 3, 0.5f};
    float first[4], second[4];
    fcs_context *ctx;
    fcs_plan *plan = NULL;
    int wrong = 4;
    fcs_status status = fcs_open(&ctx, NULL);
    if (status != FCS_OK) {
        fprintf(stderr, "%s\n", fcs_message(ctx));
        fcs_close(ctx);
        return (int)status;
    }
    fcs_tensor *x = fcs_tensor_new(ctx, "x", shape), *w = fcs_tensor_new(ctx, "w", shape);
    fcs_tensor *dx = fcs_tensor_new(ctx, "dx", shape), *ddx = fcs_tensor_new(ctx, "ddx", shape);
    fcs_graph *g = fcs_graph_new(ctx);
    fcs_node *nx = fcs_read(g, x), *y, *gx = NULL, *ggx = NULL;
    y = op(g, "tanh", op(g, "mul", fcs_read(g, w), nx), NULL);
    /* The gradient is more nodes of the same graph, so it has a gradient too. */
    status = y ? fcs_grad(g, 1, &y, NULL, 1, &nx, &gx) : FCS_FAILED;
    if (status == FCS_OK)
        status = fcs_grad(g, 1, &gx, NULL, 1, &nx, &ggx);
    if (status == FCS_OK && fcs_assign(g, dx, gx) == FCS_OK && fcs_assign(g, ddx, ggx) == FCS_OK)
        status = fcs_plan_new(g, &plan);
    fcs_graph_free(g);
    if (plan) {
        fcs_tensor_set(x, x_values);
        fcs_tensor_set(w, w_values);
        status = fcs_plan_run(plan, 0, 0);
        fcs_tensor_get(dx, first);
        fcs_tensor_get(ddx, second);
    }
    for (int i = 0; plan && status == FCS_OK && i < 4; i++) {
        double t = tanh((double)w_values[i] * (double)x_values[i]), wi = (double)w_values[i];
        double want = wi * (1 - t * t), want2 = -2 * wi * wi * t * (1 - t * t);
        printf("x %6.2f  dy/dx %9.6f (exact %9.6f)  d2y/dx2 %9.6f (exact %9.6f)\n",
               (double)x_values[i], (double)first[i], want, (double)second[i], want2);
        wrong -= fabs((double)first[i] - want) < 1e-5 && fabs((double)second[i] - want2) < 1e-5;
    }
    if (status != FCS_OK)
        fprintf(stderr, "%s\n", fcs_message(ctx));
    fcs_plan_free(plan);
    fcs_tensor_free(x);
    fcs_tensor_free(w);
    fcs_tensor_free(dx);
    fcs_tensor_free(ddx);
    fcs_close(ctx);
    return status != FCS_OK ? (int)status : wrong ? FCS_MISMATCH : 0;
}
