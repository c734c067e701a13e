/* assign.c: results go straight into their tensors where all that read the old value run before;
 * elsewhere they are copied at the end of the plan. */
#include "graph/planner.h"
#include <string.h>

/* In a chain of the tensor's own shape each element is read before it is written; elsewhere it is
 * not. */
static bool overwrites_safely(const fcs_group *g, const fcs_tensor *t, int result)
{
    const fcs_chain *c = g->step.chain;
    if (!c || !fcs_shape_equal(c->shape, t->shape))
        return false;
    for (int i = 0; i < c->n_outputs; i++)
        if (c->outputs[i].value == result)
            return !c->outputs[i].sum;
    return false;
}

static int value_of_tensor(const fcs_planner *p, const fcs_tensor *t)
{
    for (int i = 0; i < p->n_nodes; i++)
        if (p->g->nodes[i]->tensor == t)
            return p->value[i];
    return -1;
}

static bool can_write(const fcs_planner *p, const fcs_tensor *t, int home, int old, int result)
{
    for (int g = 0; g < (int)p->n_groups; g++) {
        if (p->groups[g].empty || old < 0 || !fcs_step_reads(&p->groups[g].step, old))
            continue;
        if (g == home ? !overwrites_safely(&p->groups[g], t, result) : fcs_order_before(p, home, g))
            return false;
    }
    return true;
}

static bool add_copy(fcs_planner *p, fcs_tensor *t, int from)
{
    fcs_plan *plan = p->plan;
    if (!fcs_grow(p->e, &plan->values, &p->values_capacity, (size_t)plan->n_values + 1,
                  sizeof *plan->values))
        return false;
    fcs_value *v = &plan->values[plan->n_values];
    v->shape = t->shape;
    v->place.tensor = t;
    v->name = fcs_strdup(p->e, t->name);
    fcs_step *s = &plan->steps[plan->n_steps++]; /* room was made for one per assignment */
    s->kind = FCS_STEP_COPY;
    s->n_in = 1;
    s->in[0] = from;
    s->out = plan->n_values++;
    s->name = fcs_format(p->e, "copy to %s", t->name);
    return v->name && s->name;
}

bool fcs_assign_places(fcs_planner *p)
{
    for (size_t i = 0; i < p->g->n_assignments; i++) {
        fcs_assignment *a = &p->g->assignments[i];
        int home = p->home[a->node->id], result = p->value[a->node->id],
            old = value_of_tensor(p, a->tensor);
        fcs_value *v = &p->plan->values[result];
        if (v->place.tensor || p->options.no_reuse || !can_write(p, a->tensor, home, old, result)) {
            if (!add_copy(p, a->tensor, result))
                return false;
            continue;
        }
        for (int g = 0; old >= 0 && g < (int)p->n_groups; g++)
            if (!p->groups[g].empty && g != home && fcs_step_reads(&p->groups[g].step, old))
                fcs_order_require(p, g, home);
        v->place.tensor = a->tensor;
    }
    return true;
}
