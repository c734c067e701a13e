/* crosscheck.c: facies check --model: a run's whole training step on two devices, node by node.
 *
 * Both hold the run's last checkpoint. The first takes a step, so that all of a step's inputs are
 * there; then each plan is walked, every node a step of its own: the second gets the first's
 * inputs, both compute, and results are compared. Differences thus do not grow from node to node.
 * Each side may be off by its op's bound: classes and bounds are those of the cross-check, the
 * magnitudes of sums computed by the op itself on absolute values. */
#include "check/check.h"
#include "graph/backend.h"
#include "train/run.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const columns[] = {"plan",   "node",    "op",     "shape",
                                      "device", "verdict", "values", "worst_error",
                                      "bound",  "got",     "want"};
enum { N_COLUMNS = sizeof columns / sizeof *columns };

typedef struct tally { /* of one op in one plan */
    int nodes;
    fcs_finding worst;
    const char *name;
    fcs_shape shape;
} tally;

typedef struct pair {
    fcs_context *ctx[2]; /* the one that is believed, the one that is checked */
    fcs_run *run[2];
    fcs_table *table;
    const char *plan;
    tally *tallies; /* by op */
    int64_t nodes, failures;
} pair;

/* ---- one node as an op with shapes ---- */
typedef struct node {
    fcs_apply_args args;
    int in[FCS_MAX_IN], out;
    const char *name;
} node;

/* Without fusion a chain has one lane, or is a bare sum, broadcast or copy. */
static void node_of(const fcs_plan *p, const fcs_step *s, const fcs_op *copy, const fcs_op *sum,
                    node *n)
{
    const fcs_chain *c = s->chain;
    memset(n, 0, sizeof *n);
    n->args.n_in = c ? c->n_inputs : s->n_in;
    n->out = c ? c->outputs[0].value : s->out;
    for (int i = 0; i < n->args.n_in; i++) {
        n->in[i] = c ? c->inputs[i] : s->in[i];
        n->args.in[i] = p->values[n->in[i]].shape;
    }
    n->args.out = p->values[n->out].shape;
    n->name = p->values[n->out].name;
    if (s->kind == FCS_STEP_KERNEL) {
        n->args = s->args;
    } else if (c && c->n_lanes) {
        n->args.op = c->lanes[0].op;
        n->args.attrs = c->lanes[0].attrs;
        for (int i = 0; i < c->lanes[0].n_in; i++) /* an input may come twice */
            n->args.in[i] = p->values[c->inputs[-1 - c->lanes[0].in[i]]].shape;
        n->args.n_in = c->lanes[0].n_in;
        for (int i = n->args.n_in - 1; i >= 0; i--)
            n->in[i] = c->inputs[-1 - c->lanes[0].in[i]];
    } else {
        n->args.op = c && c->outputs[0].sum ? sum : copy;
        for (int d = 0; d < FCS_DIMS; d++)
            n->args.attrs.i[d] =
                n->args.op == sum ? n->args.out.n[d] != n->args.in[0].n[d] : n->args.out.n[d];
    }
}

/* ---- bounds ---- */
/* The most products or numbers that one result adds up; results at edges may have more than the
 * mean says. */
static double terms_of(const fcs_apply_args *a)
{
    double flops = a->op->flops ? a->op->flops(a) : 1;
    double terms = ceil(flops / (double)fcs_shape_count(a->out));
    return terms < 2 ? 2 : terms;
}

/* Stored floats of a value, or of their absolute values, into memory at an offset. */
static bool copy_value(const fcs_plan *p, int value, fcs_context *on, void *memory, size_t offset,
                       bool absolute)
{
    size_t n = (size_t)fcs_shape_floats(p->values[value].shape);
    float *x = fcs_plan_map(p, value, FCS_MAP_READ);
    float *y = x ? on->backend->map(on, memory, offset, n * sizeof *y, FCS_MAP_WRITE) : NULL;
    for (size_t i = 0; y && i < n; i++)
        y[i] = absolute ? fabsf(x[i]) : x[i];
    bool good = y && on->backend->unmap(on, memory, y) == FCS_OK;
    return (!x || fcs_plan_unmap(p, value, x) == FCS_OK) && good;
}

/* The op on absolute values, on the CPU: the sum of |terms| of each result, in stored order. */
static float *magnitudes(pair *k, const fcs_plan *p, const node *n)
{
    fcs_context *cpu = k->ctx[0];
    const fcs_apply_args *a = &n->args;
    fcs_op_place place = {.args = a};
    size_t at = 0, bytes = (size_t)fcs_shape_floats(a->out) * sizeof(float);
    for (int i = 0; i < a->n_in; i++) {
        place.in[i] = at;
        at += ((size_t)fcs_shape_floats(a->in[i]) * sizeof(float) + 63) & ~(size_t)63;
    }
    place.out = at;
    place.scratch = at += (bytes + 63) & ~(size_t)63;
    void *memory = cpu->backend->memory_new(cpu, at + cpu->backend->op_scratch(cpu, a), true);
    place.memory = memory;
    bool good = memory != NULL;
    for (int i = 0; i < a->n_in && good; i++)
        good = copy_value(p, n->in[i], cpu, memory, place.in[i], true);
    void *op = good ? cpu->backend->op_new(cpu, &place) : NULL;
    float *out = op ? fcs_alloc(&cpu->error, bytes) : NULL;
    if (out && cpu->backend->op_run(cpu, op, 0, 0) == FCS_OK) {
        float *y = cpu->backend->map(cpu, memory, place.out, bytes, FCS_MAP_READ);
        memcpy(out, y, bytes);
        cpu->backend->unmap(cpu, memory, y);
    }
    cpu->backend->op_free(cpu, op);
    cpu->backend->memory_free(cpu, memory);
    return out;
}

/* Stored floats of a value as row-major doubles. */
static double *row_major(pair *k, const fcs_plan *p, int value)
{
    fcs_shape s = p->values[value].shape;
    int64_t channels = s.n[FCS_C], cs = fcs_channel_stride(channels),
            pixels = s.n[FCS_D] * s.n[FCS_H] * s.n[FCS_W];
    double *y = fcs_alloc_array(&k->ctx[0]->error, (size_t)fcs_shape_count(s), sizeof *y);
    float *x = y ? fcs_plan_map(p, value, FCS_MAP_READ) : NULL;
    for (int64_t i = 0; x && i < s.n[FCS_N] * pixels; i++)
        for (int64_t c = 0; c < channels; c++)
            y[(i / pixels * channels + c) * pixels + i % pixels] = (double)x[i * cs + c];
    if (x && fcs_plan_unmap(p, value, x) == FCS_OK)
        return y;
    free(y);
    return NULL;
}

/* Of convolutions by minimal filtering: the magnitudes of their tiles (docs/cross-check.md). */
static float *tile_magnitudes(pair *k, const fcs_plan *p, const node *n)
{
    fcs_error *e = &k->ctx[0]->error;
    fcs_tiling t[3];
    fcs_shape s = n->args.out;
    int64_t channels = s.n[FCS_C], cs = fcs_channel_stride(channels),
            pixels = s.n[FCS_D] * s.n[FCS_H] * s.n[FCS_W];
    double *in[2] = {row_major(k, p, n->in[0]), row_major(k, p, n->in[1])};
    double *m = fcs_alloc_array(e, (size_t)fcs_shape_count(s), sizeof *m);
    float *out = fcs_alloc_array(e, (size_t)fcs_shape_floats(s), sizeof *out);
    bool good = in[0] && in[1] && m && out && fcs_conv_tiling(&n->args, t) &&
                fcs_tile_magnitudes(e, &n->args, t, in[0], in[1], m) == FCS_OK;
    for (int64_t i = 0; good && i < s.n[FCS_N] * pixels; i++)
        for (int64_t c = 0; c < channels; c++)
            out[i * cs + c] = (float)m[(i / pixels * channels + c) * pixels + i % pixels];
    free(in[0]);
    free(in[1]);
    free(m);
    if (good)
        return out;
    free(out);
    return NULL;
}

static double form_error(const fcs_apply_args *a)
{
    return strcmp(a->op->family, "conv") ? 0 : fcs_conv_form_error(a);
}

static double bound_of(const node *n, const float *magnitude, double terms, size_t i, double want)
{
    const double u = 0x1p-24, smallest = 0x1p-126;
    switch (n->args.op->accuracy) {
    case FCS_EXACT: return 0;
    case FCS_LINEAR: return 2 * terms * (u * (double)magnitude[i] + smallest);
    case FCS_FUNCTION: return 2 * ((n->args.op->ulp + 1) * 2 * u * fabs(want) + smallest);
    }
    return 0;
}

/* affine: |scale x| + |shift| are its terms. */
static void make_absolute(node *n)
{
    for (int i = 0; i < FCS_ATTR_FLOATS; i++)
        n->args.attrs.f[i] = fabs(n->args.attrs.f[i]);
}

static void compare(const node *n, const float *magnitude, const float *got, const float *want,
                    fcs_finding *f)
{
    size_t count = (size_t)fcs_shape_floats(n->args.out);
    double terms = terms_of(&n->args) + form_error(&n->args), worst = -1;
    *f = (fcs_finding){.pass = true};
    for (size_t i = 0; i < count; i++) {
        fcs_finding one = {.got = (double)got[i], .want = (double)want[i]};
        one.bound = bound_of(n, magnitude, terms, i, one.want);
        one.error = got[i] == want[i] ? 0 : fabs(one.got - one.want);
        fcs_finding_take(f, &one, &worst);
    }
}

/* ---- rows ---- */
static fcs_status add_row(pair *k, const char *name, const fcs_op *op, fcs_shape shape, int nodes,
                          const fcs_finding *f)
{
    char text[96];
    fcs_shape_text(shape, text);
    return fcs_table_add(&k->ctx[1]->error, k->table, "ssssssidddd", k->plan, name, op->name, text,
                         fcs_device_name(k->ctx[1]), f->pass ? "pass" : "FAIL", (int64_t)nodes,
                         f->error, f->bound, f->got, f->want);
}

static fcs_status record(pair *k, const node *n, const fcs_finding *f)
{
    tally *t = &k->tallies[fcs_op_index(n->args.op)];
    k->nodes++;
    if (!f->pass) {
        k->failures++;
        return add_row(k, n->name, n->args.op, n->args.out, 1, f);
    }
    if (!t->nodes++ || fcs_finding_ratio(f) > fcs_finding_ratio(&t->worst)) {
        t->worst = *f;
        t->name = n->name;
        t->shape = n->args.out;
    }
    return FCS_OK;
}

/* A row for each op of the plan that has passed nodes: their number, and the worst of them. */
static fcs_status finish_plan(pair *k)
{
    fcs_status s = FCS_OK;
    for (int i = 0; i < fcs_n_ops; i++) {
        tally *t = &k->tallies[i];
        if (t->nodes && s == FCS_OK)
            s = add_row(k, t->name, fcs_ops[i], t->shape, t->nodes, &t->worst);
        *t = (tally){0};
    }
    return s;
}

/* ---- the walk ---- */
static fcs_status feed(const fcs_plan *from, const fcs_plan *to, const node *n)
{
    for (int i = 0; i < n->args.n_in; i++) {
        const fcs_value *v = &to->values[n->in[i]];
        fcs_context *on = to->ctx;
        void *memory = v->place.tensor ? v->place.tensor->memory : to->arena->memory;
        if (!copy_value(from, n->in[i], on, memory, v->place.tensor ? 0 : v->place.offset, false))
            return FCS_FAILED;
    }
    return FCS_OK;
}

static fcs_status compare_step(pair *k, fcs_plan *p[2], int step, node *n)
{
    float *magnitude = NULL, *x[2] = {NULL, NULL};
    fcs_finding f;
    if (n->args.op->accuracy == FCS_LINEAR) {
        node absolute = *n;
        make_absolute(&absolute);
        magnitude =
            form_error(&n->args) > 0 ? tile_magnitudes(k, p[0], n) : magnitudes(k, p[0], &absolute);
        if (!magnitude)
            return FCS_FAILED;
    }
    fcs_status s = feed(p[0], p[1], n);
    for (int i = 0; i < 2 && s == FCS_OK; i++) {
        s = fcs_plan_run_steps(p[i], step, step + 1, k->run[0]->seed, 1);
        x[i] = s == FCS_OK ? fcs_plan_map(p[i], n->out, FCS_MAP_READ) : NULL;
        s = x[i] ? FCS_OK : FCS_FAILED;
    }
    if (s == FCS_OK) {
        compare(n, magnitude, x[1], x[0], &f);
        s = record(k, n, &f);
    }
    for (int i = 0; i < 2; i++)
        if (x[i] && fcs_plan_unmap(p[i], n->out, x[i]) != FCS_OK)
            s = FCS_FAILED;
    free(magnitude);
    return s;
}

static fcs_status compare_plan(pair *k, fcs_plan *p[2])
{
    fcs_error *e = &k->ctx[1]->error;
    const fcs_op *copy = fcs_op_find(e, "broadcast"), *sum = fcs_op_find(e, "sum");
    if (p[0]->n_steps != p[1]->n_steps || p[0]->n_values != p[1]->n_values)
        return fcs_fail(e, FCS_FAILED, "internal: plan %s differs between devices", k->plan);
    fcs_status s = fcs_plan_allocate(p[0]);
    if (s == FCS_OK)
        s = fcs_plan_allocate(p[1]);
    for (int i = 0; i < p[0]->n_steps && s == FCS_OK && !k->ctx[1]->interrupted; i++) {
        node n;
        node_of(p[0], &p[0]->steps[i], copy, sum, &n);
        s = compare_step(k, p, i, &n);
    }
    return s == FCS_OK ? finish_plan(k) : s;
}

static fcs_status compare_plans(pair *k)
{
    fcs_model *m[2] = {k->run[0]->model, k->run[1]->model};
    fcs_status s = fcs_run_one_step(k->run[0]);
    for (int i = 0; i < m[0]->n_plans && s == FCS_OK; i++) {
        fcs_plan *p[2] = {m[0]->plans[i], m[1]->plans[i]};
        k->plan = m[0]->plan_names[i];
        s = compare_plan(k, p);
    }
    return s;
}

/* The CPU to compare with: its best instruction set, or the portable one where that is checked. */
static fcs_status open_other(fcs_context *ctx, fcs_context **other)
{
    const fcs_options o = {.threads = fcs_team_size(ctx->team),
                           .isa = ctx->device ? NULL : "portable"};
    fcs_status s = fcs_open(other, &o);
    return s == FCS_OK ? s : fcs_fail(&ctx->error, s, "%s", fcs_message(*other));
}

static fcs_status walk(pair *k, const char *folder)
{
    fcs_error *e = &k->ctx[1]->error;
    fcs_status s = FCS_OK;
    for (int i = 0; i < 2 && s == FCS_OK; i++) {
        k->ctx[i]->plain_plans = true;
        s = fcs_run_open(k->ctx[i], folder, 1, &k->run[i]);
        k->ctx[i]->plain_plans = false;
    }
    k->tallies = fcs_alloc_array(e, (size_t)fcs_n_ops, sizeof *k->tallies);
    k->table = fcs_table_new(e, columns, N_COLUMNS);
    if (s == FCS_OK)
        s = k->tallies && k->table ? compare_plans(k) : FCS_FAILED;
    if (s != FCS_OK && e->status == FCS_OK)
        fcs_fail(e, s, "%s", fcs_message(k->ctx[0]));
    if (s == FCS_OK && k->ctx[1]->interrupted)
        s = fcs_fail(e, FCS_INTERRUPTED, "check: stopped on request");
    fcs_run_close(k->run[0]);
    fcs_run_close(k->run[1]);
    free(k->tallies);
    return s;
}

fcs_status fcs_check_model(fcs_context *ctx, const char *folder, fcs_table **out)
{
    pair k = {.ctx = {NULL, ctx}};
    *out = NULL;
    fcs_error_clear(&ctx->error);
    fcs_status s = open_other(ctx, &k.ctx[0]);
    if (s == FCS_OK)
        s = walk(&k, folder);
    fcs_close(k.ctx[0]);
    if (s != FCS_OK) {
        fcs_table_free(k.table);
        return s;
    }
    *out = k.table;
    if (!k.nodes)
        return fcs_fail(&ctx->error, FCS_MISMATCH, "check: nothing was run");
    return k.failures
               ? fcs_fail(&ctx->error, FCS_MISMATCH,
                          "check: %lld of %lld nodes are out of bounds, the rows marked FAIL "
                          "name them in the order in which they run",
                          (long long)k.failures, (long long)k.nodes)
               : FCS_OK;
}
