/* check.c: the walk: every op, every case, every instruction set, every test. A row per op,
 * instruction set and test with its worst case; a row of its own for every failure. */
#include "check/check.h"
#include "graph/backend.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef enum test {
    TEST_CASES,
    TEST_NONZERO,
    TEST_GRADIENT,
    TEST_GRADIENT_2, /* of the op: no instruction set */
    TEST_EXACT,
    TEST_RANDOM,
    TEST_MEAN,
    TEST_MEMORY,
    TEST_REPEAT,
    TEST_THREADS,
    TEST_LANES,
    TEST_ADJOINT,
    TEST_WINDOW,
    TEST_SOURCE,
    N_TESTS
} test;
static const char *const test_names[N_TESTS] = {
    "cases",  "nonzero", "gradient", "gradient_2", "exact",   "random", "mean",
    "memory", "repeat",  "threads",  "lanes",      "adjoint", "window", "source",
};
static const char *const columns[] = {
    "op",          "case",  "device", "isa", "test", "verdict", "samples",
    "worst_error", "bound", "at",     "got", "want", "seed",    "repeat",
};
enum { N_COLUMNS = sizeof columns / sizeof *columns, MAX_ISAS = 8 };

/* What one test found so far, over the cases of an op. */
typedef struct slot {
    int samples, failures;
    fcs_finding worst;
    char *text; /* of the worst case */
    uint64_t seed;
} slot;

/* Who computes: the CPU with one of its instruction sets, on one thread and on two, or a device. */
typedef struct way {
    const char *isa;        /* NULL: a device */
    fcs_context *one, *two; /* two NULL: a device */
    fcs_context on_one, on_two;
} way;

typedef struct checker {
    fcs_context *ctx;
    fcs_error *error;
    const fcs_check_options *options;
    way ways[MAX_ISAS];
    int n_ways;
    fcs_table *table;
    slot slots[MAX_ISAS + 1][N_TESTS]; /* the last row: of the op, without a way */
    int64_t findings, failures;
} checker;

/* ---- rows ---- */
/* The command that repeats one case. */
static char *repeat_of(const checker *k, const way *w, const char *text)
{
    if (w && !w->isa)
        return fcs_format(k->error, "facies check --device '%s' --case '%s'", k->ctx->device_word,
                          text);
    return fcs_format(k->error, "facies check --case '%s'%s%s", text, w ? " --isa " : "",
                      w ? w->isa : "");
}

static fcs_status add_row(checker *k, const fcs_op *op, int at, test t, const slot *s, bool pass)
{
    char seed[24];
    const fcs_finding *f = &s->worst;
    const way *w = at < k->n_ways ? &k->ways[at] : NULL;
    char *repeat = s->text ? repeat_of(k, w, s->text) : NULL;
    snprintf(seed, sizeof seed, "%016llx", (unsigned long long)s->seed);
    fcs_status status =
        fcs_table_add(k->error, k->table, "ssssssiddsddss", op ? op->name : NULL, s->text,
                      !w ? "reference" : fcs_device_name(w->one), w ? w->isa : NULL, test_names[t],
                      pass ? "pass" : "FAIL", (int64_t)s->samples, f->error, f->bound, f->at,
                      f->got, f->want, seed, repeat);
    free(repeat);
    return status;
}

/* Takes one finding in: a failure is a row at once, the worst pass is kept for the op's row. */
static fcs_status record(checker *k, const fcs_case *c, const fcs_op *op, int at, test t,
                         const fcs_finding *f)
{
    slot *s = &k->slots[at][t];
    k->findings++;
    s->samples++;
    if (!f->pass) {
        slot failed = {1, 1, *f, c ? c->text : NULL, c ? c->seed : 0};
        s->failures++;
        k->failures++;
        return add_row(k, op, at, t, &failed, false);
    }
    if (s->samples - s->failures > 1 && fcs_finding_ratio(f) <= fcs_finding_ratio(&s->worst))
        return FCS_OK;
    free(s->text);
    s->text = c ? fcs_strdup(k->error, c->text) : NULL;
    s->seed = c ? c->seed : 0;
    s->worst = *f;
    return c && !s->text ? FCS_FAILED : FCS_OK;
}

/* Rows of the op's passed tests; empties the slots. */
static fcs_status finish_op(checker *k, const fcs_op *op)
{
    fcs_status status = FCS_OK;
    for (int at = 0; at <= k->n_ways; at++)
        for (int t = 0; t < N_TESTS; t++) {
            slot *s = &k->slots[at][t];
            bool passed = s->samples > 0 && s->failures == 0 && !k->options->failures_only;
            if (passed && status == FCS_OK)
                status = add_row(k, op, at, (test)t, s, true);
            free(s->text);
            memset(s, 0, sizeof *s);
        }
    return status;
}

/* A test that could not be carried out is a failure of the op, with the reason as its place. */
static fcs_status record_outcome(checker *k, const fcs_case *c, int at, test t, fcs_status outcome,
                                 fcs_finding *f)
{
    if (outcome != FCS_OK) {
        f->pass = false;
        f->error = f->bound = f->got = f->want = NAN;
        snprintf(f->at, sizeof f->at, "%.150s", k->error->message);
        fcs_error_clear(k->error);
    }
    return record(k, c, c->args.op, at, t, f);
}

/* ---- tests that no instruction set has a part in ---- */
static fcs_status check_share(checker *k, const fcs_case *c, const fcs_sample_data *d)
{
    fcs_finding f = {0};
    return fcs_judge_share(c, d, &f) ? record(k, c, c->args.op, k->n_ways, TEST_NONZERO, &f)
                                     : FCS_OK;
}

/* A gradient's formula does not depend on sizes: edges and large cases are left out, the references
 * being slow. */
static const double largest_gradient = 1e6; /* operations */

static fcs_status check_gradients(checker *k, const fcs_case *c)
{
    const fcs_op *op = c->args.op;
    bool large = op->flops && op->flops(&c->args) > largest_gradient;
    int orders = op->max_in == 0 || c->edge || large ? 0 : op->grad ? 2 : 1;
    for (int order = 1; order <= orders; order++) {
        fcs_finding f = {0};
        fcs_status outcome = fcs_check_gradient(k->ctx, c, order, &f);
        fcs_status status = record_outcome(
            k, c, k->n_ways, order == 1 ? TEST_GRADIENT : TEST_GRADIENT_2, outcome, &f);
        if (status != FCS_OK)
            return status;
    }
    return FCS_OK;
}

static fcs_status check_samples(checker *k, const fcs_op *op, const fcs_case *cases, int n)
{
    fcs_finding f = {0};
    fcs_judge_samples(op, cases, n, &f);
    return record(k, NULL, op, k->n_ways, TEST_CASES, &f);
}

/* ---- tests of one way ---- */
typedef struct results {
    float *first, *again;
} results;

static fcs_status apply(checker *k, const fcs_case *c, int at, fcs_context *on,
                        const fcs_sample_data *d, float *out)
{
    fcs_finding f = {.pass = true};
    char trouble[FCS_TROUBLE];
    fcs_status status = fcs_apply_kernel(on, &c->args, (const float *const *)d->in, out, c->seed,
                                         fcs_case_stream(c), trouble);
    if (status != FCS_OK)
        return status;
    f.pass = !*trouble;
    memcpy(f.at, trouble, sizeof trouble);
    return record(k, c, c->args.op, at, TEST_MEMORY, &f);
}

static fcs_status check_values(checker *k, const fcs_case *c, int at, const fcs_sample_data *d,
                               float *out)
{
    fcs_finding f = {0};
    fcs_status status = apply(k, c, at, k->ways[at].one, d, out);
    if (status != FCS_OK)
        return status;
    fcs_judge(&c->args, d, out, &f);
    bool exact = d->kind == FCS_DATA_INTEGERS && !(d->form_error > 0);
    status = record(k, c, c->args.op, at, exact ? TEST_EXACT : TEST_RANDOM, &f);
    bool rounded = c->args.op->accuracy != FCS_EXACT && d->kind == FCS_DATA_RANDOM;
    if (status != FCS_OK || !rounded || fcs_shape_count(c->args.out) < 64)
        return status;
    fcs_judge_mean(&c->args, d, out, &f);
    return record(k, c, c->args.op, at, TEST_MEAN, &f);
}

static fcs_status check_same(checker *k, const fcs_case *c, int at, const fcs_sample_data *d,
                             const results *r, test t)
{
    fcs_finding f = {0};
    const way *w = &k->ways[at];
    fcs_status status = apply(k, c, at, t == TEST_THREADS ? w->two : w->one, d, r->again);
    if (status != FCS_OK)
        return status;
    fcs_judge_equal(c->args.out, r->again, r->first, &f);
    return record(k, c, c->args.op, at, t, &f);
}

/* The elementwise kernel itself: unaligned, and in place of one of its inputs. */
static fcs_status check_lanes(checker *k, const fcs_case *c, int at, const fcs_sample_data *d,
                              const results *r)
{
    if (c->args.op->kind != FCS_KIND_LANES)
        return FCS_OK;
    for (int i = 0; i < c->args.n_in; i++)
        if (!fcs_shape_equal(c->args.in[i], c->args.out))
            return FCS_OK;
    for (int in_place = -1; in_place < c->args.n_in; in_place++) {
        fcs_finding f = {0};
        char trouble[FCS_TROUBLE];
        fcs_status status =
            fcs_apply_lanes(k->error, k->ways[at].one->isa, &c->args, (const float *const *)d->in,
                            fcs_shape_count(c->args.out), in_place, r->again, trouble);
        if (status != FCS_OK)
            return status;
        fcs_judge(&c->args, d, r->again, &f);
        if (*trouble) {
            f.pass = false;
            memcpy(f.at, trouble, sizeof trouble);
        }
        status = record(k, c, c->args.op, at, TEST_LANES, &f);
        if (status != FCS_OK)
            return status;
    }
    return FCS_OK;
}

static fcs_status check_more(checker *k, const fcs_case *c, int at, const fcs_sample_data *d,
                             const results *r)
{
    fcs_finding f = {0};
    bool ran = false;
    fcs_status status = fcs_check_window(k->ways[at].one, c, d, r->first, &f, &ran);
    if (status != FCS_OK || ran)
        status = record_outcome(k, c, at, TEST_WINDOW, status, &f);
    if (status != FCS_OK)
        return status;
    f = (fcs_finding){0};
    status = fcs_check_adjoint(k->ways[at].one, c, &f, &ran);
    return status != FCS_OK || ran ? record_outcome(k, c, at, TEST_ADJOINT, status, &f) : FCS_OK;
}

static fcs_status check_kernel(checker *k, const fcs_case *c, int at,
                               const fcs_sample_data *integers, const fcs_sample_data *random)
{
    size_t n = (size_t)fcs_shape_count(c->args.out);
    results r = {fcs_alloc_array(k->error, n, sizeof(float)),
                 fcs_alloc_array(k->error, n, sizeof(float))};
    fcs_status status = r.first && r.again ? FCS_OK : FCS_FAILED;
    if (status == FCS_OK && c->args.op->accuracy != FCS_FUNCTION)
        status = check_values(k, c, at, integers, r.first);
    if (status == FCS_OK)
        status = check_values(k, c, at, random, r.first);
    if (status == FCS_OK)
        status = check_same(k, c, at, random, &r, TEST_REPEAT);
    if (status == FCS_OK && k->ways[at].two)
        status = check_same(k, c, at, random, &r, TEST_THREADS);
    if (status == FCS_OK && k->ways[at].two)
        status = check_lanes(k, c, at, random, &r);
    if (status == FCS_OK)
        status = check_more(k, c, at, random, &r);
    free(r.first);
    free(r.again);
    return status;
}

/* ---- the walk ---- */
static bool on_device(const checker *k) { return k->n_ways && !k->ways[0].two; }

static fcs_status check_case(checker *k, const fcs_case *c)
{
    fcs_sample_data integers, random;
    fcs_status status = fcs_sample_data_new(k->error, c, FCS_DATA_INTEGERS, &integers);
    if (status != FCS_OK)
        return status;
    status = fcs_sample_data_new(k->error, c, FCS_DATA_RANDOM, &random);
    if (status == FCS_OK) {
        status = check_share(k, c, &random);
        if (status == FCS_OK && !on_device(k)) /* no device has a part in them */
            status = check_gradients(k, c);
        for (int at = 0; at < k->n_ways && status == FCS_OK; at++) {
            if (c->args.op->kind != FCS_KIND_SOURCE) {
                status = check_kernel(k, c, at, &integers, &random);
                continue;
            }
            fcs_finding f = {0};
            status =
                record_outcome(k, c, at, TEST_SOURCE, fcs_check_source(k->ways[at].one, c, &f), &f);
        }
        fcs_sample_data_free(c, &random);
    }
    fcs_sample_data_free(c, &integers);
    return status;
}

/* What limits are compared with: operations, or numbers that come in and go out. */
static double size_of(const fcs_case *c)
{
    const fcs_apply_args *a = &c->args;
    double moved = (double)fcs_shape_count(a->out), flops = a->op->flops ? a->op->flops(a) : 0;
    for (int i = 0; i < a->n_in; i++)
        moved += (double)fcs_shape_count(a->in[i]);
    return flops > moved ? flops : moved;
}

static fcs_status check_op(checker *k, const fcs_op *op)
{
    fcs_case *cases = NULL;
    int n = 0;
    fcs_status status = fcs_case_list(k->error, op, &cases, &n);
    if (status == FCS_OK)
        status = check_samples(k, op, cases, n);
    for (int i = 0; i < n && status == FCS_OK && !k->ctx->interrupted; i++)
        if (!(k->options->limit > 0) || size_of(&cases[i]) <= k->options->limit)
            status = check_case(k, &cases[i]);
    fcs_case_list_free(cases, n);
    fcs_status finished = finish_op(k, op);
    return status != FCS_OK ? status : finished;
}

bool fcs_check_chosen(const char *words, const char *name)
{
    size_t n = strlen(name);
    for (const char *w = words; w && *w; w += strcspn(w, ","), w += *w == ',')
        if (strcspn(w, ",") == n && !strncmp(w, name, n))
            return true;
    return !words || !*words;
}

fcs_status fcs_check_words(fcs_error *e, const char *words)
{
    char *copy = fcs_strdup(e, words ? words : ""), *save = NULL;
    fcs_status status = copy ? FCS_OK : FCS_FAILED;
    for (char *w = copy ? strtok_r(copy, ",", &save) : NULL; w && status == FCS_OK;
         w = strtok_r(NULL, ",", &save))
        if (!fcs_op_find(e, w))
            status = FCS_FAILED;
    free(copy);
    return status;
}

static fcs_status walk(checker *k)
{
    const fcs_check_options *o = k->options;
    fcs_status status = fcs_check_words(k->error, o->ops);
    if (status == FCS_OK && o->cases) {
        const fcs_op *op = o->ops ? fcs_op_find(k->error, o->ops) : NULL;
        fcs_case c;
        if (o->ops && !op)
            return FCS_FAILED;
        status = fcs_case_parse(k->error, op, o->cases, &c);
        if (status == FCS_OK)
            status = check_case(k, &c);
        if (status == FCS_OK)
            status = finish_op(k, c.args.op);
        fcs_case_free(&c);
        return status;
    }
    for (int i = 0; i < fcs_n_ops && status == FCS_OK && !k->ctx->interrupted; i++)
        if (fcs_check_chosen(o->ops, fcs_ops[i]->name))
            status = check_op(k, fcs_ops[i]);
    return status;
}

static fcs_status walk_ways(checker *k, fcs_table **out)
{
    static const fcs_check_options all;
    *out = NULL;
    k->options = k->options ? k->options : &all;
    k->table = fcs_table_new(k->error, columns, N_COLUMNS);
    fcs_status status = k->table ? walk(k) : FCS_FAILED;
    if (status == FCS_OK && k->ctx->interrupted)
        status = fcs_fail(k->error, FCS_INTERRUPTED, "check: stopped on request");
    if (status != FCS_OK) {
        fcs_table_free(k->table);
        return status;
    }
    *out = k->table;
    if (!k->findings || !k->n_ways)
        return fcs_fail(k->error, FCS_MISMATCH, "check: nothing was run");
    if (k->failures)
        return fcs_fail(k->error, FCS_MISMATCH,
                        "check: %lld of %lld tests failed, the rows marked FAIL name them",
                        (long long)k->failures, (long long)k->findings);
    return FCS_OK;
}

fcs_context fcs_context_with(const fcs_context *ctx, const fcs_isa *isa, fcs_team *team)
{
    fcs_context on = *ctx;
    on.backend = &fcs_cpu_backend;
    on.device = NULL;
    on.isa = isa;
    on.team = team;
    fcs_error_clear(&on.error);
    return on;
}

fcs_status fcs_check_tables(fcs_context *ctx, const fcs_check_options *options,
                            const fcs_isa *const *isas, int n_isas, fcs_table **out)
{
    checker k = {.ctx = ctx, .error = &ctx->error, .options = options};
    fcs_team *one = fcs_team_new(k.error, 1), *two = fcs_team_new(k.error, 2);
    *out = NULL;
    k.n_ways = n_isas < MAX_ISAS ? n_isas : MAX_ISAS;
    for (int i = 0; i < k.n_ways; i++) {
        way *w = &k.ways[i];
        w->on_one = fcs_context_with(ctx, isas[i], one);
        w->on_two = fcs_context_with(ctx, isas[i], two);
        w->one = &w->on_one;
        w->two = &w->on_two;
        w->isa = isas[i]->name;
    }
    fcs_status status = one && two ? walk_ways(&k, out) : FCS_FAILED;
    fcs_team_free(one);
    fcs_team_free(two);
    return status;
}

static fcs_status check_device(fcs_context *ctx, const fcs_check_options *options, fcs_table **out)
{
    checker k = {.ctx = ctx, .error = &ctx->error, .options = options, .n_ways = 1};
    k.ways[0].one = ctx;
    *out = NULL;
    if (options && options->isa)
        return fcs_fail(k.error, FCS_FAILED,
                        "check: instruction sets are the cpu's, leave --isa or --device out");
    return walk_ways(&k, out);
}

fcs_status fcs_check(fcs_context *ctx, const fcs_check_options *options, fcs_table **out)
{
    const fcs_isa *isas[MAX_ISAS];
    int n = 0;
    *out = NULL;
    if (ctx->device)
        return check_device(ctx, options, out);
    if (options && options->isa) {
        isas[n++] = fcs_isa_find(&ctx->error, options->isa);
        if (!isas[0])
            return FCS_FAILED;
    }
    for (int i = 0; fcs_isas[i] && n < MAX_ISAS && !(options && options->isa); i++)
        if (fcs_isas[i]->available())
            isas[n++] = fcs_isas[i];
    return fcs_check_tables(ctx, options, isas, n, out);
}
