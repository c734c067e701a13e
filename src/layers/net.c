/* net.c: a net of the recipe as nodes of a graph, and what its layers share. */
#include "layers/layers.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const fcs_net_layer *current(const fcs_builder *b) { return &b->net->layers[b->at]; }

fcs_node *fcs_layer_fail(fcs_builder *b, const char *format, ...)
{
    char message[400];
    va_list list;
    va_start(list, format);
    vsnprintf(message, sizeof message, format, list);
    va_end(list);
    fcs_fail(b->error, FCS_FAILED, "%s", message); /* build_layer says where */
    return NULL;
}

int64_t fcs_layer_filters(const fcs_builder *b, double filters)
{
    if (filters < 1)
        return b->channels;
    if (filters < 2) /* a map of one number, such as the discriminator's verdict, stays one */
        return 1;
    double scaled = floor(filters * b->net->width + 0.5);
    return scaled < 1 ? 1 : (int64_t)scaled;
}

/* He et al. 2015, eq. 10, with init_std = 1.41: the root of two. */
double fcs_layer_init(const fcs_builder *b, double inputs)
{
    return b->net->init_scaled ? b->net->init_std / sqrt(inputs) : b->net->init_std;
}

fcs_tensor *fcs_layer_tensor(fcs_builder *b, const char *group, const char *suffix, fcs_shape shape,
                             fcs_role role, double mean, double std)
{
    char name[256];
    snprintf(name, sizeof name, "%s.%s%s%s.%s", b->net->name, group ? group : "", group ? "." : "",
             current(b)->name, suffix);
    return b->tensor(b->user, name, shape, role, mean, std);
}

static fcs_node *collect(fcs_builder *b, fcs_tensor *t, fcs_role role)
{
    for (size_t i = 0; i < b->n_parameters; i++)
        if (b->parameters[i].tensor == t)
            return b->parameters[i].node;
    fcs_node *node = NULL;
    for (int i = 0; i < b->n_replace; i++)
        if (b->replace[i].tensor == t)
            node = b->replace[i].node;
    if (!node)
        node = fcs_read(b->graph, t);
    if (!node || !fcs_grow(b->error, &b->parameters, &b->parameters_capacity, b->n_parameters + 1,
                           sizeof *b->parameters))
        return NULL;
    b->parameters[b->n_parameters++] = (fcs_net_parameter){t, node, role, b->at};
    return node;
}

fcs_node *fcs_layer_parameter(fcs_builder *b, const char *suffix, fcs_shape shape, fcs_role role,
                              double mean, double std)
{
    fcs_tensor *t =
        fcs_layer_tensor(b, b->averaged ? "average" : NULL, suffix, shape, role, mean, std);
    return t ? collect(b, t, role) : NULL;
}

/* The matrix and its vectors, collected once per kernel. */
static const fcs_net_spectral *spectral_of(fcs_builder *b, fcs_node *kernel)
{
    int64_t rows = kernel->shape.n[FCS_N], columns = fcs_shape_count(kernel->shape) / rows;
    fcs_tensor *u = fcs_layer_tensor(b, NULL, "u", fcs_shape_of(rows, 1, 1, 1, 1), FCS_STATE, 0, 1);
    fcs_tensor *v =
        fcs_layer_tensor(b, NULL, "v", fcs_shape_of(columns, 1, 1, 1, 1), FCS_STATE, 0, 1);
    fcs_node *matrix = fcs_reshape(kernel, fcs_shape_of(rows, columns, 1, 1, 1));
    for (size_t i = 0; i < b->n_spectral; i++)
        if (b->spectral[i].u == u && b->spectral[i].matrix == matrix)
            return &b->spectral[i];
    if (!u || !v || !matrix ||
        !fcs_grow(b->error, &b->spectral, &b->spectral_capacity, b->n_spectral + 1,
                  sizeof *b->spectral))
        return NULL;
    b->spectral[b->n_spectral] = (fcs_net_spectral){u, v, matrix};
    return &b->spectral[b->n_spectral++];
}

static fcs_node *matmul(fcs_node *a, fcs_node *b, const char *attributes)
{
    return a && b ? fcs_apply(a->graph, "matmul", attributes, 2, (fcs_node *[]){a, b}) : NULL;
}

/* Miyato et al. 2018, eq. 8: sigma = u'Wv with u and v held constant in the gradient: they are
 * tensors, updated by fcs_net_iterate before the step. */
fcs_node *fcs_layer_spectral(fcs_builder *b, fcs_node *kernel)
{
    const fcs_net_spectral *s = kernel ? spectral_of(b, kernel) : NULL;
    if (!s)
        return NULL;
    fcs_node *u = fcs_read(b->graph, s->u), *v = fcs_read(b->graph, s->v);
    fcs_node *sigma = fcs_sum(fcs_mul(u, matmul(s->matrix, v, "")), "ncdhw");
    return fcs_div(kernel, sigma);
}

static fcs_node *normalized(fcs_node *x)
{
    return fcs_mul(
        x, fcs_unary("rsqrt", fcs_affine(fcs_sum(fcs_unary("square", x), "ncdhw"), 1, 1e-24)));
}

fcs_status fcs_net_iterate(fcs_builder *b)
{
    for (size_t i = 0; i < b->n_spectral; i++) {
        const fcs_net_spectral *s = &b->spectral[i];
        fcs_node *v = normalized(matmul(s->matrix, fcs_read(b->graph, s->u), "ta=1"));
        fcs_node *u = normalized(matmul(s->matrix, v, ""));
        if (fcs_assign(b->graph, s->v, v) != FCS_OK || fcs_assign(b->graph, s->u, u) != FCS_OK)
            return FCS_FAILED;
    }
    return FCS_OK;
}

static fcs_node *build_layer(fcs_builder *b, fcs_node *input, const char *pass)
{
    const fcs_net_layer *l = current(b);
    fcs_node *in[FCS_MAX_FROM];
    char prefix[3 * FCS_WORD];
    for (int i = 0; i < l->n_from; i++)
        in[i] = l->from[i] < 0 ? input : b->outputs[l->from[i]];
    snprintf(prefix, sizeof prefix, "%s%s%s/%s", b->net->name, pass ? "/" : "", pass ? pass : "",
             l->name);
    size_t made = b->graph->n_nodes;
    fcs_graph_prefix(b->graph, prefix);
    fcs_node *out = l->entry->build(b, l->values, in, l->n_from);
    fcs_graph_prefix(b->graph, NULL);
    if (!out && b->error->status == FCS_OK)
        fcs_layer_fail(b, "cannot be built");
    if (!out)
        fcs_error_where(b->error, "%s.layers.%s", b->net->name, l->name);
    return fcs_graph_name(b->graph, made, prefix) ? fcs_node_named(out, prefix) : NULL;
}

fcs_node *fcs_net_build(fcs_builder *b, fcs_node *input, const char *pass)
{
    if (!input || !fcs_grow(b->error, &b->outputs, &b->outputs_capacity, (size_t)b->net->n_layers,
                            sizeof *b->outputs))
        return NULL;
    for (b->at = 0; b->at < b->net->n_layers; b->at++)
        if (!(b->outputs[b->at] = build_layer(b, input, pass)))
            return NULL;
    return b->outputs[b->net->n_layers - 1];
}

void fcs_builder_free(fcs_builder *b)
{
    free(b->parameters);
    free(b->statistics);
    free(b->spectral);
    free(b->outputs);
    b->parameters = NULL;
    b->statistics = NULL;
    b->spectral = NULL;
    b->outputs = NULL;
    b->n_parameters = b->n_statistics = b->n_spectral = 0;
    b->parameters_capacity = b->statistics_capacity = b->spectral_capacity = b->outputs_capacity =
        0;
}
