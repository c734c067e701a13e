/* test_chain.c: random elementwise chains, with every kind of broadcast input and sum, against
 * loops over indices in double precision. The data are small integers, so that results must be
 * equal; on 1, 2 and 3 threads, on every instruction set, in place, between canaries. */
#include "cpu/chain.h"
#include "test.h"
#include <string.h>

enum { MAX_VALUES = 12, MAX_LANES = 8, GUARD = 64 };

static uint64_t counter;
static int64_t draw(int64_t n) { return fcs_random_below(2024, 0, 1, counter++, n); }

/* A value of the test: row-major doubles, and floats as the library keeps them, between canaries.
 */
typedef struct stored {
    double *want;
    float *base, *p;
} stored;
typedef struct fixture {
    fcs_chain chain;
    fcs_lane lanes[MAX_LANES];
    int inputs[MAX_VALUES], alias[MAX_VALUES]; /* alias: the value in whose place this one lies */
    fcs_chain_io outputs[MAX_VALUES];
    fcs_value values[MAX_VALUES];
    stored v[MAX_VALUES];
    int n_values;
} fixture;

static void *get(size_t n, size_t size)
{
    void *p = calloc(n, size);
    if (!p)
        exit(1);
    return p;
}

static int64_t at_logical(fcs_shape s, const int64_t *i)
{
    int64_t at = 0;
    for (int d = 0; d < FCS_DIMS; d++)
        at = at * s.n[d] + (s.n[d] == 1 ? 0 : i[d]);
    return at;
}

static int64_t at_stored(fcs_shape s, const int64_t *i)
{
    static const int order[] = {FCS_N, FCS_D, FCS_H, FCS_W};
    int64_t at = 0;
    for (int k = 0; k < 4; k++)
        at = at * s.n[order[k]] + (s.n[order[k]] == 1 ? 0 : i[order[k]]);
    return at * fcs_channel_stride(s.n[FCS_C]) + (s.n[FCS_C] == 1 ? 0 : i[FCS_C]);
}

static bool next(fcs_shape s, int64_t *i)
{
    for (int d = FCS_DIMS - 1; d >= 0; d--) {
        if (++i[d] < s.n[d])
            return true;
        i[d] = 0;
    }
    return false;
}

static int add_value(fixture *f, fcs_shape s)
{
    stored *v = &f->v[f->n_values];
    f->values[f->n_values].shape = s;
    f->alias[f->n_values] = f->n_values;
    v->want = get((size_t)fcs_shape_count(s), sizeof *v->want);
    v->base = get((size_t)fcs_shape_floats(s) + 2 * GUARD, sizeof *v->base);
    v->p = v->base + GUARD;
    return f->n_values++;
}

static void free_fixture(fixture *f)
{
    for (int i = 0; i < f->n_values; i++) {
        free(f->v[i].want);
        free(f->v[i].base);
    }
}

/* Each dimension kept or made 1. */
static fcs_shape shrunk(fcs_shape s)
{
    int64_t mask = draw(5) == 0 ? 31 : draw(32);
    for (int d = 0; d < FCS_DIMS; d++)
        if (!(mask >> d & 1))
            s.n[d] = 1;
    return s;
}

/* Ops that keep integers, as this test computes them. */
static const struct {
    const char *name;
    int inputs;
} known[] = {
    {"add", 2},    {"sub", 2},  {"max", 2}, {"neg", 1},
    {"affine", 1}, {"relu", 1}, {"mul", 2}, {"select", 3},
};
static double apply(const char *name, const double *a, const fcs_attrs *attrs)
{
    switch (name[0]) {
    case 'm': return name[1] == 'u' ? a[0] * a[1] : a[0] > a[1] ? a[0] : a[1];
    case 's': return name[1] == 'u' ? a[0] - a[1] : a[0] != 0 ? a[1] : a[2];
    case 'n': return -a[0];
    case 'r': return a[0] > 0 ? a[0] : 0;
    default: return strcmp(name, "add") == 0 ? a[0] + a[1] : attrs->f[0] * a[0] + attrs->f[1];
    }
}

/* A chain of random lanes over at least one input of full size; some lanes write over registers in
 * use. */
static void make_chain(fixture *f, fcs_shape shape, int n_inputs, int n_lanes, int n_outputs)
{
    fcs_error e = {FCS_OK, ""};
    memset(f, 0, sizeof *f);
    f->chain = (fcs_chain){.shape = shape,
                           .lanes = f->lanes,
                           .n_lanes = n_lanes,
                           .n_registers = n_lanes,
                           .inputs = f->inputs,
                           .n_inputs = n_inputs,
                           .outputs = f->outputs,
                           .n_outputs = n_outputs};
    for (int i = 0; i < n_inputs; i++)
        f->inputs[i] = add_value(f, i == 0 ? shape : shrunk(shape));
    int products = 0, registers = 0;
    for (int k = 0; k < n_lanes; k++) {
        fcs_lane *lane = &f->lanes[k];
        int64_t which = draw(products < 2 ? 8 : 6);
        products += which == 6;
        lane->op = fcs_op_find(&e, known[which].name);
        lane->n_in = known[which].inputs;
        lane->attrs.f[0] = (double)draw(3) - 1;
        lane->attrs.f[1] = (double)draw(5) - 2;
        for (int a = 0; a < lane->n_in; a++)
            lane->in[a] = k && draw(2) ? (int)draw(registers) : -1 - (int)draw(n_inputs);
        lane->out = k && draw(3) == 0 ? (int)draw(registers) : registers++;
    }
    f->chain.n_registers = registers;
    for (int o = 0; o < n_outputs; o++) {
        fcs_chain_io *io = &f->outputs[o];
        io->sum = draw(2);
        io->reg = n_lanes && draw(4) ? (int)draw(registers) : -1 - (int)draw(n_inputs);
        io->value = add_value(f, io->sum ? shrunk(shape) : shape);
    }
    /* The first stored output in place of an input of full size. */
    for (int o = 0; o < n_outputs && draw(2); o++)
        if (!f->outputs[o].sum) {
            f->alias[f->outputs[o].value] = f->inputs[0];
            break;
        }
}

/* Inputs, and what the outputs should be. */
static void compute(fixture *f)
{
    int64_t i[FCS_DIMS] = {0};
    for (int k = 0; k < f->chain.n_inputs; k++)
        for (int64_t j = 0; j < fcs_shape_count(f->values[k].shape); j++)
            f->v[k].want[j] = (double)draw(5) - 2;
    do {
        double reg[MAX_LANES];
        for (int k = 0; k < f->chain.n_lanes; k++) {
            const fcs_lane *lane = &f->lanes[k];
            double a[3] = {0};
            for (int j = 0; j < lane->n_in; j++) {
                int in = lane->in[j];
                a[j] =
                    in >= 0 ? reg[in] : f->v[-1 - in].want[at_logical(f->values[-1 - in].shape, i)];
            }
            reg[lane->out] = apply(lane->op->name, a, &lane->attrs);
        }
        for (int o = 0; o < f->chain.n_outputs; o++) {
            const fcs_chain_io *io = &f->outputs[o];
            double x = io->reg >= 0
                           ? reg[io->reg]
                           : f->v[-1 - io->reg].want[at_logical(f->values[-1 - io->reg].shape, i)];
            f->v[io->value].want[at_logical(f->values[io->value].shape, i)] += x;
        }
    } while (next(f->chain.shape, i));
}

static float *data_of(const void *owner, int value)
{
    const fixture *f = owner;
    return f->v[f->alias[value]].p;
}

static void fill(fixture *f)
{
    for (int k = 0; k < f->n_values; k++) {
        fcs_shape s = f->values[k].shape;
        int64_t n = fcs_shape_floats(s), i[FCS_DIMS] = {0};
        for (int64_t j = 0; j < n + 2 * GUARD; j++)
            f->v[k].base[j] = NAN;
        if (k >= f->chain.n_inputs)
            continue;
        memset(f->v[k].p, 0, (size_t)n * sizeof(float));
        do
            f->v[k].p[at_stored(s, i)] = (float)f->v[k].want[at_logical(s, i)];
        while (next(s, i));
    }
}

/* Wrong elements, padding lanes and canaries of all values. */
static int64_t wrong(const fixture *f)
{
    int64_t bad = 0;
    for (int k = 0; k < f->n_values; k++) {
        fcs_shape s = f->values[k].shape;
        const float *p = f->v[f->alias[k]].p;
        int64_t n = fcs_shape_floats(s), i[FCS_DIMS] = {0}, zeros = 0;
        bool overwritten = false;
        for (int o = 0; o < f->n_values; o++)
            overwritten = overwritten || (o != k && f->alias[o] == k);
        for (int j = 0; j < GUARD; j++)
            bad += f->v[k].base[j] == f->v[k].base[j] || f->v[k].p[n + j] == f->v[k].p[n + j];
        if (overwritten)
            continue;
        do
            bad += !((double)p[at_stored(s, i)] == f->v[k].want[at_logical(s, i)]);
        while (next(s, i));
        for (int64_t j = 0; j < n; j++)
            zeros += p[j] == 0;
        for (int64_t j = 0; j < fcs_shape_count(s); j++)
            zeros -= f->v[k].want[j] == 0;
        bad += zeros != n - fcs_shape_count(s); /* padding lanes are zeros */
    }
    return bad;
}

static void run(const fixture *f, const fcs_isa *isa, fcs_team *team)
{
    fcs_error e = {FCS_OK, ""};
    size_t bytes = fcs_chain_scratch(&f->chain, f->values, fcs_team_size(team));
    char *scratch = fcs_alloc_aligned(&e, bytes + 64);
    if (!scratch)
        exit(1);
    memset(scratch, 0xff, bytes + 64); /* NaNs */
    fcs_chain_run(&(fcs_chain_call){&f->chain, f->values, data_of, f, isa, team, scratch});
    for (int i = 0; i < 64; i++)
        CHECK(scratch[bytes + (size_t)i] == (char)0xff);
    free(scratch);
}

static const fcs_shape shapes[] = {
    {{1, 1, 1, 1, 1}},    {{1, 3, 1, 1, 1}},   {{2, 1, 1, 5, 7}},     {{3, 3, 2, 3, 5}},
    {{2, 5, 1, 7, 11}},   {{2, 8, 3, 3, 4}},   {{1, 17, 1, 9, 9}},    {{3, 32, 1, 9, 11}},
    {{2, 1, 1, 41, 33}},  {{2, 40, 2, 6, 5}},  {{1, 1, 1, 130, 257}}, {{3, 1025, 1, 1, 2}},
    {{2, 2500, 1, 1, 1}}, {{300, 3, 1, 1, 1}}, {{5, 7, 1, 1, 31}},    {{1, 16, 1, 70, 67}},
};

static void test_random_chains(fcs_team *const *teams)
{
    for (int round = 0; round < 12; round++)
        for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
            fixture f;
            make_chain(&f, shapes[s], 1 + (int)draw(4), (int)draw(MAX_LANES), 1 + (int)draw(4));
            compute(&f);
            for (int k = 0; fcs_isas[k]; k++)
                for (int t = 0; t < 3; t++) {
                    if (!fcs_isas[k]->available())
                        continue;
                    fill(&f);
                    run(&f, fcs_isas[k], teams[t]);
                    int64_t bad = wrong(&f);
                    CHECK(bad == 0);
                    if (bad)
                        fprintf(stderr, "round %d shape %d, %s, %d threads: %d wrong\n", round,
                                (int)s, fcs_isas[k]->name, t + 1, (int)bad);
                }
            free_fixture(&f);
        }
}

/* Sums of a million numbers that are no integers: close to the double sum, and the same bits on 1,
 * 2 and 3 threads. */
static void test_sums(fcs_team *const *teams)
{
    static const fcs_shape results[] = {{{1, 1, 1, 1, 1}},   {{1, 5, 1, 1, 1}},
                                        {{2, 5, 1, 1, 1}},   {{2, 1, 1, 321, 333}},
                                        {{1, 5, 1, 321, 1}}, {{1, 1, 1, 1, 333}}};
    for (size_t r = 0; r < sizeof results / sizeof *results; r++) {
        fixture f = {0};
        fcs_shape shape = {{2, 5, 1, 321, 333}};
        f.chain = (fcs_chain){.shape = shape,
                              .inputs = f.inputs,
                              .n_inputs = 1,
                              .outputs = f.outputs,
                              .n_outputs = 1};
        f.inputs[0] = add_value(&f, shape);
        f.outputs[0] = (fcs_chain_io){.value = add_value(&f, results[r]), .reg = -1, .sum = true};
        int64_t n = fcs_shape_count(results[r]);
        int64_t i[FCS_DIMS] = {0};
        do {
            double x = fcs_random_uniform(3, 0, 0, (uint64_t)at_logical(shape, i));
            f.v[0].want[at_logical(shape, i)] = x;
            f.v[1].want[at_logical(results[r], i)] += x;
        } while (next(shape, i));
        float *first = get((size_t)n, sizeof *first);
        for (int k = 0; fcs_isas[k]; k++)
            for (int t = 0; t < 3; t++) {
                if (!fcs_isas[k]->available())
                    continue;
                fill(&f);
                run(&f, fcs_isas[k], teams[t]);
                double worst = 0;
                memset(i, 0, sizeof i);
                do {
                    double want = f.v[1].want[at_logical(results[r], i)];
                    worst = fmax(worst, fabs(f.v[1].p[at_stored(results[r], i)] / want - 1));
                } while (next(results[r], i));
                CHECK_NEAR(worst, 0, 1e-6);
                if (t == 0)
                    memcpy(first, f.v[1].p, (size_t)n * sizeof *first);
                else
                    CHECK(memcmp(first, f.v[1].p, (size_t)n * sizeof *first) == 0);
            }
        free(first);
        free_fixture(&f);
    }
}

int main(void)
{
    fcs_error e = {FCS_OK, ""};
    fcs_team *teams[3];
    for (int t = 0; t < 3; t++)
        if (!(teams[t] = fcs_team_new(&e, t + 1)))
            return 1;
    test_random_chains(teams);
    test_sums(teams);
    for (int t = 0; t < 3; t++)
        fcs_team_free(teams[t]);
    return test_end();
}
