/* registry.c: the table of optimizers, from optim.def, and what they share. */
#include "optim/optim.h"
#include <string.h>

#define FCS_OPTIMIZER(name) extern const fcs_optimizer fcs_optimizer_##name;
#include "optim/optim.def"

#define FCS_OPTIMIZER(name) &fcs_optimizer_##name,
const fcs_optimizer *const fcs_optimizers[] = {
#include "optim/optim.def"
};
const int fcs_n_optimizers = (int)(sizeof fcs_optimizers / sizeof fcs_optimizers[0]);

const fcs_optimizer *fcs_optimizer_find(const char *name)
{
    for (int i = 0; i < fcs_n_optimizers; i++)
        if (strcmp(fcs_optimizers[i]->name, name) == 0)
            return fcs_optimizers[i];
    return NULL;
}

/* "generator.up1.weight" -> "generator.optimizer.up1.weight.SUFFIX" */
fcs_node *fcs_update_state(fcs_update *u, const fcs_net_parameter *p, const char *suffix,
                           fcs_shape shape, fcs_tensor **tensor)
{
    char name[300];
    const char *own = p ? p->tensor->name : "";
    size_t n = strlen(u->net);
    if (strncmp(own, u->net, n) == 0 && own[n] == '.')
        own += n + 1;
    snprintf(name, sizeof name, "%s.optimizer.%s%s%s", u->net, own, *own ? "." : "", suffix);
    *tensor = u->tensor(u->user, name, shape, FCS_STATE, 0, 0);
    return *tensor ? fcs_read(u->graph, *tensor) : NULL;
}

fcs_node *fcs_update_keep(fcs_update *u, fcs_tensor *tensor, fcs_node *value)
{
    return value && fcs_assign(u->graph, tensor, value) == FCS_OK ? value : NULL;
}

/* Arjovsky et al. 2017, algorithm 1, line 7. */
static fcs_node *clipped(const fcs_update *u, fcs_node *w)
{
    fcs_node *low = u->clip > 0 ? fcs_constant(u->graph, -u->clip) : NULL;
    fcs_node *high = low ? fcs_constant(u->graph, u->clip) : NULL;
    if (!w || !high)
        return u->clip > 0 ? NULL : w;
    fcs_node *raised = fcs_apply(u->graph, "max", "", 2, (fcs_node *[]){w, low});
    return fcs_apply(u->graph, "min", "", 2, (fcs_node *[]){raised, high});
}

fcs_status fcs_optimize(const fcs_optimizer *o, fcs_update *u, const fcs_net_parameter *parameters,
                        int n, fcs_node *const *gradients, fcs_node **updated)
{
    fcs_error *e = &u->graph->ctx->error;
    if (!u->factor || (o->begin && !o->begin(u)))
        return e->status != FCS_OK ? e->status
                                   : fcs_fail(e, FCS_FAILED, "internal: optimizer %s", o->name);
    for (int i = 0; i < n; i++) {
        size_t made = u->graph->n_nodes;
        char name[300];
        snprintf(name, sizeof name, "update of %s", parameters[i].tensor->name);
        fcs_node *change = o->change(u, &parameters[i], gradients[i]);
        fcs_node *value =
            fcs_sub(fcs_read(u->graph, parameters[i].tensor), fcs_mul(change, u->factor));
        updated[i] = fcs_update_keep(u, parameters[i].tensor, clipped(u, value));
        if (!updated[i] || !fcs_graph_name(u->graph, made, name))
            return e->status != FCS_OK ? e->status
                                       : fcs_fail(e, FCS_FAILED, "internal: optimizer %s", o->name);
    }
    return FCS_OK;
}

/* A sum of squares is finite where all its terms are: one number per gradient. */
fcs_node *fcs_finite_flag(fcs_node *loss, int n, fcs_node *const *gradients)
{
    size_t made = loss ? loss->graph->n_nodes : 0;
    fcs_node *flag = fcs_unary("finite", loss);
    for (int i = 0; i < n; i++)
        flag =
            fcs_mul(flag, fcs_unary("finite", fcs_sum(fcs_unary("square", gradients[i]), "ncdhw")));
    return flag && fcs_graph_name(flag->graph, made, "finite") ? flag : NULL;
}

fcs_status fcs_assign_when(fcs_graph *g, size_t first, fcs_node *flag)
{
    for (size_t i = first; i < g->n_assignments; i++) {
        fcs_assignment *a = &g->assignments[i];
        fcs_node *old = fcs_read(g, a->tensor);
        a->node = fcs_apply(g, "select", "", 3, (fcs_node *[]){flag, a->node, old});
        char name[300];
        snprintf(name, sizeof name, "new %s", a->tensor->name);
        if (!(a->node = fcs_node_named(a->node, name)))
            return FCS_FAILED;
    }
    return FCS_OK;
}
