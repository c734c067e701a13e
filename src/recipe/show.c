/* show.c: fcs_show: the nets of a recipe layer by layer, without the memory of their tensors. */
#include "graph/graph.h"
#include "layers/layers.h"
#include "recipe/recipe.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Tensors that are names and shapes only: enough to build nodes, and to count. */
typedef struct ghosts {
    fcs_context *ctx;
    fcs_tensor **list;
    size_t n, capacity;
} ghosts;

static fcs_tensor *ghost(void *user, const char *name, fcs_shape shape, fcs_role role, double mean,
                         double std)
{
    ghosts *all = user;
    fcs_error *e = &all->ctx->error;
    (void)role, (void)mean, (void)std;
    for (size_t i = 0; i < all->n; i++)
        if (strcmp(all->list[i]->name, name) == 0)
            return all->list[i];
    if (!fcs_grow(e, &all->list, &all->capacity, all->n + 1, sizeof *all->list))
        return NULL;
    fcs_tensor *t = fcs_alloc(e, sizeof *t);
    char *copy = fcs_strdup(e, name);
    if (!t || !copy) {
        free(t);
        free(copy);
        return NULL;
    }
    *t = (fcs_tensor){.ctx = all->ctx, .name = copy, .shape = shape};
    return all->list[all->n++] = t;
}

static void free_ghosts(ghosts *all)
{
    for (size_t i = 0; i < all->n; i++) {
        free(all->list[i]->name);
        free(all->list[i]);
    }
    free(all->list);
}

/* Input cells that an output sees along W, and how far apart neighbouring outputs look. */
typedef struct reach {
    double field, jump;
} reach;

static void set_reach(const fcs_net *net, reach *of)
{
    of[0] = (reach){1, 1};
    for (int i = 0; i < net->n_layers; i++) {
        const fcs_net_layer *l = &net->layers[i];
        of[i + 1] = of[l->from[0] + 1];
        for (int k = 1; k < l->n_from; k++)
            if (of[l->from[k] + 1].field > of[i + 1].field)
                of[i + 1].field = of[l->from[k] + 1].field;
        if (l->entry->field)
            l->entry->field(l->values, 2, &of[i + 1].field, &of[i + 1].jump);
    }
}

static double flops_of(const fcs_graph *g, int from, int to)
{
    double sum = 0;
    for (int i = from; i < to; i++) {
        fcs_apply_args a;
        fcs_apply_args_of(g->nodes[i], &a);
        sum += a.op->flops ? a.op->flops(&a) : (double)fcs_shape_count(a.out);
    }
    return sum;
}

static int64_t parameters_of(const fcs_builder *b, int layer)
{
    int64_t sum = 0;
    for (size_t i = 0; i < b->n_parameters; i++)
        if (layer < 0 || b->parameters[i].layer == layer)
            sum += fcs_shape_count(b->parameters[i].tensor->shape);
    return sum;
}

static fcs_status add_rows(fcs_error *e, fcs_table *t, const fcs_builder *b, const fcs_node *input,
                           const reach *of)
{
    char shape[96];
    const fcs_net *net = b->net;
    int at = input->id + 1;
    double flops = 0;
    int64_t bytes = 0;
    fcs_shape_text(input->shape, shape);
    fcs_status status = fcs_table_add(e, t, "ssssiddi", net->name, "input", NULL, shape, (int64_t)0,
                                      0.0, 1.0, 4 * fcs_shape_floats(input->shape));
    for (int i = 0; i < net->n_layers && status == FCS_OK; i++) {
        const fcs_node *out = b->outputs[i];
        int end = out->id + 1 > at ? out->id + 1 : at;
        double cost = flops_of(b->graph, at, end);
        int64_t size = 4 * fcs_shape_floats(out->shape);
        at = end;
        flops += cost;
        bytes += size;
        fcs_shape_text(out->shape, shape);
        status = fcs_table_add(e, t, "ssssiddi", net->name, net->layers[i].name,
                               net->layers[i].entry->name, shape, parameters_of(b, i), cost * 1e-9,
                               ceil(of[i + 1].field), size);
    }
    if (status != FCS_OK)
        return status;
    return fcs_table_add(e, t, "ssssiddi", net->name, "total", NULL, NULL, parameters_of(b, -1),
                         flops * 1e-9, ceil(of[net->n_layers].field), bytes);
}

static fcs_status show_net(fcs_recipe *r, const fcs_scheme_net *of_scheme, fcs_table *t)
{
    fcs_error *e = &r->ctx->error;
    fcs_net net;
    ghosts all = {.ctx = r->ctx};
    if (fcs_net_read(r, of_scheme->name, &net, e) != FCS_OK)
        return FCS_FAILED;
    fcs_shape in = of_scheme->input(r, &net);
    fcs_graph *g = fcs_graph_new(r->ctx);
    fcs_builder b = {.graph = g,
                     .error = e,
                     .net = &net,
                     .mode = FCS_TRAIN,
                     .tensor = ghost,
                     .user = &all,
                     .axes = fcs_recipe_depth(r) > 1 && !of_scheme->flat ? 3 : 2,
                     .channels = fcs_recipe_channels(r),
                     .latent = fcs_recipe_latent_channels(r)};
    reach *of = fcs_alloc_array(e, (size_t)net.n_layers + 1, sizeof *of);
    fcs_node *input = g ? fcs_read(g, ghost(&all, "input", in, FCS_STATE, 0, 0)) : NULL;
    fcs_status status = of && input && fcs_net_build(&b, input, NULL) ? FCS_OK : FCS_FAILED;
    if (status == FCS_OK) {
        set_reach(&net, of);
        status = add_rows(e, t, &b, input, of);
    }
    free(of);
    fcs_builder_free(&b);
    fcs_graph_free(g);
    free_ghosts(&all);
    fcs_net_free(&net);
    return status;
}

static fcs_status show_all(fcs_recipe *r, fcs_table *t)
{
    fcs_status status = FCS_OK;
    for (const fcs_scheme_net *net = fcs_scheme_rules_of(r)->nets; net->name && !status; net++)
        if (!net->optional || fcs_recipe_has(r, net->name))
            status = show_net(r, net, t);
    return status;
}

/* Shapes and FLOPs are for one image of the training size; the receptive field is in cells of the
 * net's input along W, bytes are those of the layer's output in memory. */
fcs_status fcs_show(fcs_recipe *recipe, fcs_table **out)
{
    static const char *const columns[] = {
        "net", "layer", "type", "shape", "parameters", "gflops", "receptive_field", "bytes"};
    fcs_error_clear(&recipe->ctx->error);
    *out = NULL;
    fcs_table *t = fcs_table_new(&recipe->ctx->error, columns, 8);
    fcs_status status = t ? show_all(recipe, t) : FCS_FAILED;
    if (status == FCS_OK)
        *out = t;
    else
        fcs_table_free(t);
    return status;
}
