/* tune.c: which form of its kernels each kind of problem takes on a device: the fastest of those
 * that compute right. A form is first checked, on small odd shapes and on the large one that is
 * timed (some drivers get products wrong from a size on); one that is wrong is named and left out.
 */
#include "check/job.h"
#include "graph/backend.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const columns[] = {"use", "form", "verdict", "ms", "gflops", "case"};
enum {
    N_COLUMNS = sizeof columns / sizeof *columns,
    MAX_RUNS = 101,
    MIN_RUNS = 3,
    MOST_FORMS = 64
};
static const double default_seconds = 0.2;
/* So many times as long as the fastest so far: not run again. */
static const double hopeless = 2;

typedef struct tuner {
    fcs_context *ctx;
    fcs_error *error;
    const fcs_tuning *tuning;
    double seconds;
    fcs_table *table;
    int wrong;
} tuner;

typedef struct trial {
    const char *form;
    char verdict[FCS_TROUBLE + 64];
    double seconds; /* NaN: not timed */
    bool right;
} trial;

/* What is wrong with a form, in words; a device that is lost ends the tuning. */
static fcs_status condemn(tuner *t, trial *r, const char *why)
{
    snprintf(r->verdict, sizeof r->verdict, "WRONG: %.200s", why);
    r->right = false;
    t->wrong++;
    fcs_error_clear(t->error);
    return FCS_OK;
}

static fcs_status verify(tuner *t, const fcs_job *j, trial *r)
{
    char trouble[FCS_TROUBLE] = "", text[FCS_TROUBLE + 64];
    fcs_finding f = {0};
    fcs_status s = fcs_job_verify(j, &f, trouble);
    if (s != FCS_OK)
        return condemn(t, r, t->error->message);
    if (*trouble)
        return condemn(t, r, trouble);
    if (f.pass)
        return FCS_OK;
    snprintf(text, sizeof text, "%g instead of %g in %.150s", f.got, f.want, j->c.text);
    return condemn(t, r, text);
}

/* A right form's time: the median of some runs, of one where it is hopeless. */
static fcs_status time_form(const tuner *t, const fcs_job *j, double best, trial *r)
{
    double times[MAX_RUNS], start = fcs_seconds();
    int n = 0;
    for (; n < MAX_RUNS && (n < MIN_RUNS || fcs_seconds() - start < t->seconds); n++) {
        fcs_status s = fcs_job_time(j, &times[n]);
        if (s != FCS_OK)
            return s;
        if (n == 0 && times[0] > hopeless * best) {
            n = 1;
            break;
        }
    }
    r->seconds = fcs_median(times, n);
    return FCS_OK;
}

/* One case: made, checked and, with `timed`, timed. */
static fcs_status try_case(tuner *t, const fcs_tuning_use *use, const char *text, bool timed,
                           double best, trial *r)
{
    fcs_job j;
    const fcs_op *op = fcs_op_find(t->error, use->op);
    fcs_status s = op ? fcs_job_new(t->ctx, op, text, &j) : FCS_FAILED;
    if (!op)
        return s;
    if (s != FCS_OK)
        s = condemn(t, r, t->error->message);
    else
        s = verify(t, &j, r);
    if (s == FCS_OK && timed && r->right)
        s = time_form(t, &j, best, r);
    fcs_job_free(&j);
    return s;
}

static fcs_status try_form(tuner *t, const fcs_tuning_use *use, double best, trial *r)
{
    fcs_status s = FCS_OK;
    r->right = true;
    r->seconds = NAN;
    snprintf(r->verdict, sizeof r->verdict, "right");
    for (const char *const *c = use->checked; *c && s == FCS_OK && r->right; c++)
        s = try_case(t, use, *c, false, best, r);
    if (s == FCS_OK && r->right)
        s = try_case(t, use, use->timed, true, best, r);
    return s;
}

static fcs_status add_rows(tuner *t, const fcs_tuning_use *use, const trial *r, int n, int best)
{
    fcs_case c;
    fcs_status s = fcs_case_parse(t->error, fcs_op_find(t->error, use->op), use->timed, &c);
    double flops = s == FCS_OK ? c.args.op->flops(&c.args) : 0;
    for (int i = 0; i < n && s == FCS_OK; i++)
        s = fcs_table_add(t->error, t->table, "sssdds", use->name, r[i].form,
                          i == best ? "chosen" : r[i].verdict, r[i].seconds * 1e3,
                          flops / r[i].seconds / 1e9, c.text);
    fcs_case_free(&c);
    return s;
}

static fcs_status tune_use(tuner *t, int u)
{
    const fcs_tuning_use *use = &t->tuning->uses[u];
    trial trials[MOST_FORMS];
    int n = 0, best = -1, best_form = -1;
    fcs_status s = FCS_OK;
    fcs_note(t->ctx, "tune: %s", use->name);
    for (int form = 0; n < MOST_FORMS && s == FCS_OK && !t->ctx->interrupted; form++) {
        trial *r = &trials[n];
        r->form = t->tuning->form(t->ctx, form);
        if (!r->form)
            break;
        if (!t->tuning->choose(t->ctx, u, form))
            continue;
        s = try_form(t, use, best < 0 ? (double)INFINITY : trials[best].seconds, r);
        if (s == FCS_OK && !r->right)
            fcs_note(t->ctx, "tune: %s: %s is left out: %s", use->name, r->form, r->verdict);
        if (s == FCS_OK && r->right && (best < 0 || r->seconds < trials[best].seconds)) {
            best = n;
            best_form = form;
        }
        n++;
    }
    if (s == FCS_OK && t->ctx->interrupted)
        s = fcs_fail(t->error, FCS_INTERRUPTED, "tune: stopped on request, nothing was kept");
    if (s == FCS_OK && best < 0)
        s = fcs_fail(t->error, FCS_MISMATCH,
                     "tune: no form of %s computes right on %s: another driver may help, `facies "
                     "check` shows more",
                     use->name, fcs_device_name(t->ctx));
    if (s != FCS_OK)
        return s;
    t->tuning->choose(t->ctx, u, best_form);
    return add_rows(t, use, trials, n, best);
}

/* Each word must be the name of a use. */
static fcs_status check_words(const tuner *t, const char *words)
{
    fcs_text known = {0};
    fcs_status s = FCS_OK;
    for (int u = 0; u < t->tuning->n_uses; u++)
        fcs_text_add(&known, "%s%s", u ? ", " : "", t->tuning->uses[u].name);
    for (const char *w = words; w && *w && s == FCS_OK; w += strcspn(w, ","), w += *w == ',') {
        int n = (int)strcspn(w, ","), u = 0;
        while (u < t->tuning->n_uses && (strncmp(t->tuning->uses[u].name, w, (size_t)n) != 0 ||
                                         (int)strlen(t->tuning->uses[u].name) != n))
            u++;
        if (u == t->tuning->n_uses)
            s = fcs_fail(t->error, FCS_FAILED, "tune: no kind of problem \"%.*s\": there are %s",
                         n < 60 ? n : 60, w, known.s ? known.s : "");
    }
    free(known.s);
    return s;
}

fcs_status fcs_tune(fcs_context *ctx, const fcs_tune_options *options, fcs_table **out)
{
    tuner t = {.ctx = ctx,
               .error = &ctx->error,
               .tuning = ctx->backend->tuning,
               .seconds = options && options->seconds > 0 ? options->seconds : default_seconds};
    *out = NULL;
    if (!t.tuning)
        return fcs_fail(t.error, FCS_FAILED,
                        "tune: on the cpu nothing is chosen by timing: give --device "
                        "(`facies devices` lists what is here)");
    char *before = t.tuning->text(ctx);
    t.table = before ? fcs_table_new(t.error, columns, N_COLUMNS) : NULL;
    const char *words = options ? options->uses : NULL;
    fcs_status s = t.table ? check_words(&t, words) : FCS_FAILED;
    t.tuning->timing(ctx, true);
    for (int u = 0; u < t.tuning->n_uses && s == FCS_OK; u++)
        if (fcs_check_chosen(words, t.tuning->uses[u].name))
            s = tune_use(&t, u);
    t.tuning->timing(ctx, false);
    if (s == FCS_OK)
        s = t.tuning->keep(ctx);
    else if (before) {
        fcs_error failure = *t.error;
        t.tuning->set(ctx, before);
        *t.error = failure;
    }
    free(before);
    if (s != FCS_OK) {
        fcs_table_free(t.table);
        return s;
    }
    *out = t.table;
    return FCS_OK;
}
