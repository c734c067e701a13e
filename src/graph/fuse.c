/* fuse.c: groups of nodes that become one step.
 *
 * Elementwise nodes (and sums at their end) of one shape join a chain when no path leads from the
 * chain to them through another group. A node that can be computed again from one value that is
 * stored anyway, without a transcendental function, is computed again in each chain that wants it
 * instead of being stored: normalization and activations thus keep one tensor per layer for the
 * backward pass. */
#include "graph/planner.h"
#include <stdlib.h>
#include <string.h>

enum { MAX_LANES = 48, MAX_AGAIN = 12 };

static bool is_broadcast(const fcs_node *n) { return strcmp(n->op->name, "broadcast") == 0; }

static bool is_chained(const fcs_node *n)
{
    return n->op->kind == FCS_KIND_LANES || n->op->kind == FCS_KIND_SUM || is_broadcast(n);
}

/* A broadcast is no work inside a chain: what it broadcasts is read instead. */
static const fcs_node *see_through(const fcs_node *n)
{
    while (is_broadcast(n))
        n = n->in[0];
    return n;
}

/* ---- what can be computed again ---- */
static void find_leaf(fcs_planner *p, const fcs_node *n)
{
    int leaf = -1, lanes = 1;
    p->leaf[n->id] = FCS_NO_LEAF;
    if (n->op->kind != FCS_KIND_LANES || n->op->accuracy == FCS_FUNCTION || p->options.no_fusion)
        return;
    for (int i = 0; i < n->n_in; i++) {
        const fcs_node *in = see_through(n->in[i]);
        int of = in->id;
        if (!fcs_shape_equal(in->shape, n->shape))
            continue;
        if (p->leaf[of] != FCS_NO_LEAF) {
            lanes += p->lanes[of];
            of = p->leaf[of];
        }
        if (of >= 0 && leaf >= 0 && of != leaf)
            return;
        leaf = of >= 0 ? of : leaf;
    }
    if (lanes > MAX_AGAIN || p->kernel_input[n->id])
        return;
    p->leaf[n->id] = leaf;
    p->lanes[n->id] = lanes;
}

static bool again(const fcs_planner *p, const fcs_node *n) { return p->leaf[n->id] != FCS_NO_LEAF; }

/* ---- joining ---- */
/* Whether a node may join a group; `shared` tells whether it would use something that the group has
 * or reads. */
typedef struct join {
    fcs_planner *p;
    int group;
    bool shared;
} join;

static bool may_read(join *j, const fcs_node *n)
{
    const fcs_planner *p = j->p;
    int home = p->home[n->id];
    if (home < 0)
        return true; /* a tensor or constant */
    return home != j->group && !fcs_order_before(p, j->group, home);
}

static bool reads_big(const fcs_planner *p, int group, const fcs_node *n)
{
    const fcs_group *g = &p->groups[group];
    for (size_t m = 0; m < g->n_members; m++) {
        const fcs_node *member = p->g->nodes[g->members[m]];
        for (int i = 0; i < member->n_in; i++) {
            const fcs_node *in = see_through(member->in[i]);
            if (in == n || (p->leaf[in->id] >= 0 && p->leaf[in->id] == n->id))
                return true;
        }
    }
    return false;
}

/* Does no path lead from the group to v but inside it? */
static bool can_join(join *j, const fcs_node *v)
{
    fcs_planner *p = j->p;
    const fcs_group *g = &p->groups[j->group];
    for (int i = 0; i < v->n_in; i++) {
        const fcs_node *in = see_through(v->in[i]);
        bool big = fcs_shape_equal(in->shape, g->shape);
        if (p->home[in->id] == j->group && in->op->kind != FCS_KIND_SUM) {
            j->shared = true;
            continue;
        }
        if (big && again(p, in)) {
            if (!can_join(j, in))
                return false;
            continue;
        }
        if (!may_read(j, in))
            return false;
        if (big && !j->shared && reads_big(p, j->group, in))
            j->shared = true;
    }
    return true;
}

static int new_group(fcs_planner *p, const fcs_node *n, bool chain)
{
    if (!fcs_grow(p->e, &p->groups, &p->groups_capacity, p->n_groups + 1, sizeof *p->groups))
        return -1;
    fcs_group *g = &p->groups[p->n_groups];
    g->chain = chain;
    g->shape = n->op->kind == FCS_KIND_SUM ? n->in[0]->shape : n->shape;
    return (int)p->n_groups++;
}

/* Records what group must wait for because of v's inputs. */
static void require_inputs(fcs_planner *p, int group, const fcs_node *v)
{
    for (int i = 0; i < v->n_in; i++) {
        const fcs_node *in = p->groups[group].chain ? see_through(v->in[i]) : v->in[i];
        if (p->home[in->id] == group)
            continue;
        bool clone = p->groups[group].chain && again(p, in) &&
                     fcs_shape_equal(in->shape, p->groups[group].shape);
        if (clone)
            require_inputs(p, group, in);
        else if (p->home[in->id] >= 0)
            fcs_order_require(p, p->home[in->id], group);
    }
}

static bool add_member(fcs_planner *p, int group, const fcs_node *n)
{
    fcs_group *g = &p->groups[group];
    if (!fcs_grow(p->e, &g->members, &g->members_capacity, g->n_members + 1, sizeof *g->members))
        return false;
    g->members[g->n_members++] = n->id;
    g->key = n->id;
    p->home[n->id] = group;
    require_inputs(p, group, n);
    return true;
}

static int find_group(fcs_planner *p, const fcs_node *v)
{
    fcs_shape shape = v->op->kind == FCS_KIND_SUM ? v->in[0]->shape : v->shape;
    for (int i = (int)p->n_groups - 1; i >= 0 && !p->options.no_fusion; i--) {
        const fcs_group *g = &p->groups[i];
        join j = {p, i, false};
        if (g->chain && fcs_shape_equal(g->shape, shape) && g->n_members < MAX_LANES &&
            can_join(&j, v) && j.shared)
            return i;
    }
    return -1;
}

bool fcs_fuse_groups(fcs_planner *p)
{
    for (int id = 0; id < p->n_nodes; id++) {
        const fcs_node *n = p->g->nodes[id];
        find_leaf(p, n);
        if (!p->live[id] || n->op->kind == FCS_KIND_SOURCE)
            continue;
        bool chained = is_chained(n);
        int group = chained ? find_group(p, n) : -1;
        if (group < 0)
            group = new_group(p, n, chained);
        if (group < 0 || !add_member(p, group, n))
            return false;
    }
    return true;
}

/* ---- values ---- */
static fcs_tensor *plan_constant(fcs_planner *p, const fcs_node *n)
{
    fcs_plan *plan = p->plan;
    const float value = (float)n->attrs.f[0];
    fcs_tensor *t = fcs_tensor_new(p->g->ctx, "constant", n->shape);
    fcs_tensor **list =
        t ? realloc(plan->constants, (size_t)(plan->n_constants + 1) * sizeof(fcs_tensor *)) : NULL;
    if (!list) {
        fcs_tensor_free(t);
        fcs_fail(p->e, FCS_FAILED, "out of memory");
        return NULL;
    }
    plan->constants = list;
    plan->constants[plan->n_constants++] = t;
    return fcs_tensor_set(t, &value) == FCS_OK ? t : NULL;
}

int fcs_fuse_value(fcs_planner *p, const fcs_node *n)
{
    fcs_plan *plan = p->plan;
    fcs_tensor *t = n->tensor;
    if (p->value[n->id] >= 0)
        return p->value[n->id];
    if (n->op->kind == FCS_KIND_SOURCE && !t && !(t = plan_constant(p, n)))
        return -1;
    if (!fcs_grow(p->e, &plan->values, &p->values_capacity, (size_t)plan->n_values + 1,
                  sizeof *plan->values))
        return -1;
    fcs_value *v = &plan->values[plan->n_values];
    v->shape = n->shape;
    v->place.tensor = t;
    v->name = n->name ? fcs_strdup(p->e, n->name) : fcs_format(p->e, "%s#%d", n->op->name, n->id);
    return v->name ? (p->value[n->id] = plan->n_values++) : -1;
}

/* ---- emitting a chain ---- */
typedef struct emitter {
    fcs_planner *p;
    int group;
    int *operand; /* node -> register or input, NONE */
    fcs_lane *lanes;
    size_t n_lanes, lanes_capacity;
    int *inputs;
    size_t n_inputs, inputs_capacity;
    fcs_chain_io *outputs;
    size_t n_outputs, outputs_capacity;
    bool failed;
} emitter;
enum { NONE = INT32_MIN };

static int chain_input(emitter *m, const fcs_node *n)
{
    int value = fcs_fuse_value(m->p, n);
    if (value < 0 ||
        !fcs_grow(m->p->e, &m->inputs, &m->inputs_capacity, m->n_inputs + 1, sizeof *m->inputs)) {
        m->failed = true;
        return 0;
    }
    m->p->stored[n->id] = true;
    m->inputs[m->n_inputs++] = value;
    return m->operand[n->id] = -(int)m->n_inputs;
}

/* The operand that holds n inside the chain: computed, computed again, or read. Recursion is as
 * deep as a chain is long. */
static int operand(emitter *m, const fcs_node *node)
{
    const fcs_planner *p = m->p;
    const fcs_node *n = see_through(node);
    const fcs_group *g = &p->groups[m->group];
    if (m->operand[n->id] != NONE)
        return m->operand[n->id];
    bool here = p->home[n->id] == m->group && n->op->kind == FCS_KIND_LANES;
    if (!here && !(again(p, n) && fcs_shape_equal(n->shape, g->shape)))
        return chain_input(m, n);
    fcs_lane lane;
    memset(&lane, 0, sizeof lane);
    lane.op = n->op;
    lane.attrs = n->attrs;
    lane.n_in = n->n_in;
    for (int i = 0; i < n->n_in; i++)
        lane.in[i] = operand(m, n->in[i]);
    if (m->failed ||
        !fcs_grow(p->e, &m->lanes, &m->lanes_capacity, m->n_lanes + 1, sizeof *m->lanes)) {
        m->failed = true;
        return 0;
    }
    lane.out = (int)m->n_lanes; /* virtual registers: one a lane; packed later */
    m->lanes[m->n_lanes] = lane;
    return m->operand[n->id] = (int)m->n_lanes++;
}

static void add_output(emitter *m, const fcs_node *n)
{
    bool sum = n->op->kind == FCS_KIND_SUM;
    int reg = operand(m, sum ? n->in[0] : n), value = fcs_fuse_value(m->p, n);
    if (m->failed || value < 0 ||
        !fcs_grow(m->p->e, &m->outputs, &m->outputs_capacity, m->n_outputs + 1,
                  sizeof *m->outputs)) {
        m->failed = true;
        return;
    }
    m->outputs[m->n_outputs++] = (fcs_chain_io){value, reg, sum};
}

/* Virtual registers to few: a register is free after its last reader, outputs keep theirs to the
 * end. */
static int pack_registers(emitter *m)
{
    size_t n = m->n_lanes;
    int *last = calloc(n + 1, sizeof *last), *real = calloc(n + 1, sizeof *real), used = 0;
    bool *busy = calloc(n + 1, sizeof *busy);
    m->failed = m->failed || !last || !real || !busy;
    for (size_t i = 0; !m->failed && i < n; i++) {
        last[i] = (int)i;
        for (int k = 0; k < m->lanes[i].n_in; k++)
            if (m->lanes[i].in[k] >= 0)
                last[m->lanes[i].in[k]] = (int)i;
    }
    for (size_t o = 0; !m->failed && o < m->n_outputs; o++)
        if (m->outputs[o].reg >= 0)
            last[m->outputs[o].reg] = (int)n;
    for (size_t i = 0; !m->failed && i < n; i++) {
        fcs_lane *lane = &m->lanes[i];
        for (int k = 0; k < lane->n_in; k++) {
            int v = lane->in[k];
            if (v < 0)
                continue;
            lane->in[k] = real[v];
            if (last[v] == (int)i)
                busy[real[v]] = false;
        }
        int r = 0;
        while (busy[r])
            r++;
        busy[r] = last[i] > (int)i;
        real[i] = lane->out = r;
        used = r + 1 > used ? r + 1 : used;
    }
    for (size_t o = 0; !m->failed && o < m->n_outputs; o++)
        if (m->outputs[o].reg >= 0)
            m->outputs[o].reg = real[m->outputs[o].reg];
    free(last);
    free(real);
    free(busy);
    return used;
}

static bool emit_chain(fcs_planner *p, int group)
{
    fcs_group *g = &p->groups[group];
    emitter m = {.p = p, .group = group};
    m.operand = fcs_alloc_array(p->e, (size_t)p->n_nodes, sizeof *m.operand);
    m.failed = !m.operand;
    for (int i = 0; !m.failed && i < p->n_nodes; i++)
        m.operand[i] = NONE;
    for (size_t i = 0; !m.failed && i < g->n_members; i++)
        if (p->stored[g->members[i]])
            add_output(&m, p->g->nodes[g->members[i]]);
    int registers = pack_registers(&m);
    fcs_chain *c = m.failed ? NULL : fcs_alloc(p->e, sizeof *c);
    free(m.operand);
    if (!c) {
        free(m.lanes);
        free(m.inputs);
        free(m.outputs);
        return false;
    }
    *c = (fcs_chain){g->shape, m.lanes,         (int)m.n_lanes, registers,
                     m.inputs, (int)m.n_inputs, m.outputs,      (int)m.n_outputs};
    g->step.kind = FCS_STEP_CHAIN;
    g->step.chain = c;
    g->empty = c->n_outputs == 0;
    return true;
}

static bool emit_kernel(fcs_planner *p, int group)
{
    fcs_group *g = &p->groups[group];
    const fcs_node *n = p->g->nodes[g->members[0]];
    fcs_step *s = &g->step;
    g->empty = !p->stored[n->id];
    if (g->empty)
        return true;
    s->kind = FCS_STEP_KERNEL;
    fcs_apply_args_of(n, &s->args);
    s->n_in = n->n_in;
    s->stream = fcs_random_stream(n->name ? n->name : n->op->name);
    for (int i = 0; i < n->n_in; i++) {
        p->stored[n->in[i]->id] = true;
        if ((s->in[i] = fcs_fuse_value(p, n->in[i])) < 0)
            return false;
    }
    return (s->out = fcs_fuse_value(p, n)) >= 0;
}

/* A readable name: the last named members, "b + a". */
static bool name_step(fcs_planner *p, fcs_group *g)
{
    fcs_text t = {0};
    int listed = 0;
    const char *last = "";
    for (size_t i = g->n_members; i-- > 0 && listed < 2;) {
        const fcs_node *n = p->g->nodes[g->members[i]];
        if (!n->name || strcmp(n->name, last) == 0)
            continue;
        fcs_text_add(&t, "%s%s", listed++ ? " + " : "", n->name);
        last = n->name;
    }
    if (!listed)
        fcs_text_add(&t, "%s#%d", p->g->nodes[g->key]->op->name, g->key);
    g->step.name = t.s;
    return !t.failed;
}

/* Consumers before producers, so that each group knows which of its nodes anybody wants. */
bool fcs_fuse_emit(fcs_planner *p)
{
    fcs_order_sort(p);
    for (int i = (int)p->n_groups - 1; i >= 0 && p->e->status == FCS_OK; i--) {
        int group = p->order[i];
        fcs_group *g = &p->groups[group];
        /* A lone sum or broadcast has a kernel of its own. */
        const fcs_node *first = p->g->nodes[g->members[0]];
        bool lone = g->chain && g->n_members == 1 && first->op->kind != FCS_KIND_LANES &&
                    !again(p, first->in[0]) && !is_broadcast(first->in[0]);
        if (!(g->chain && !lone ? emit_chain(p, group) : emit_kernel(p, group)) || !name_step(p, g))
            return false;
    }
    return p->e->status == FCS_OK;
}
