/* judge.c: got against want. Conditions are written !(error <= bound), so that a NaN anywhere
 * fails. */
#include "check/check.h"

#include <math.h>

/* Half a unit in the last place of 1, and the smallest normal float: below it a device may flush to
 * 0. */
static const double u = 0x1p-24, smallest = 0x1p-126;

double fcs_finding_ratio(const fcs_finding *f)
{
    double ratio = f->bound > 0 ? f->error / f->bound : f->error > 0 ? INFINITY : f->error;
    return isnan(ratio) || isnan(f->bound) ? INFINITY : ratio;
}

bool fcs_finding_take(fcs_finding *f, const fcs_finding *one, double *worst)
{
    if (!(one->error <= one->bound))
        f->pass = false;
    double ratio = fcs_finding_ratio(one);
    if (ratio <= *worst)
        return false;
    *worst = ratio;
    f->error = one->error, f->bound = one->bound, f->got = one->got, f->want = one->want;
    return true;
}

static void index_text(fcs_shape s, int64_t at, char text[FCS_TROUBLE])
{
    int64_t i[FCS_DIMS];
    for (int d = FCS_DIMS - 1; d >= 0; d--) {
        i[d] = at % s.n[d];
        at /= s.n[d];
    }
    snprintf(text, FCS_TROUBLE, "%lld,%lld,%lld,%lld,%lld", (long long)i[0], (long long)i[1],
             (long long)i[2], (long long)i[3], (long long)i[4]);
}

/* What element i must be, rounded where the class says so, and how far off it may be. */
static double owed(const fcs_apply_args *a, const fcs_sample_data *d, int64_t i, double *bound)
{
    fcs_class class = a->op->accuracy;
    *bound = 0;
    double terms = (double)d->terms;
    if (d->form_error > 0) {
        *bound = d->form_error * u * d->magnitude[i] + terms * smallest;
        return d->want[i];
    }
    if (class == FCS_EXACT || (class == FCS_LINEAR && d->kind == FCS_DATA_INTEGERS))
        return fcs_ref_rounded(d->want[i]);
    *bound = class == FCS_LINEAR ? terms * u * d->magnitude[i] + terms * smallest
                                 : (a->op->ulp + 1) * 2 * u * fabs(d->want[i]) + smallest;
    return d->want[i];
}

void fcs_judge(const fcs_apply_args *a, const fcs_sample_data *d, const float *got, fcs_finding *f)
{
    f->pass = true;
    f->error = f->bound = 0;
    double worst = -1;
    for (int64_t i = 0; i < fcs_shape_count(a->out); i++) {
        fcs_finding one = {.got = (double)got[i]};
        one.want = owed(a, d, i, &one.bound);
        one.error = fabs(one.got - one.want);
        if (fcs_finding_take(f, &one, &worst))
            index_text(a->out, i, f->at);
    }
    f->pass = f->pass && worst >= 0;
}

void fcs_judge_mean(const fcs_apply_args *a, const fcs_sample_data *d, const float *got,
                    fcs_finding *f)
{
    double wrong = 0, all = 0;
    for (int64_t i = 0; i < fcs_shape_count(a->out); i++) {
        double difference = (double)got[i] - d->want[i];
        wrong += difference * difference;
        all += d->want[i] * d->want[i];
    }
    f->got = all > 0 ? wrong / all : wrong;
    f->error = f->got;
    f->want = 0;
    f->bound = d->form_error > 0 ? d->mean_bound : 1e-12 + 1e-15 * (double)d->terms;
    f->pass = f->error <= f->bound;
    snprintf(f->at, sizeof f->at, "all");
}

void fcs_judge_equal(fcs_shape shape, const float *got, const float *want, fcs_finding *f)
{
    f->pass = true;
    f->error = f->bound = 0;
    for (int64_t i = 0; i < fcs_shape_count(shape) && f->pass; i++) {
        f->pass = got[i] == want[i];
        if (f->pass && i)
            continue;
        f->got = (double)got[i], f->want = (double)want[i];
        f->error = fabs(f->got - f->want);
        index_text(shape, i, f->at);
    }
}

void fcs_judge_number(double got, double want, double bound, fcs_finding *f)
{
    f->got = got, f->want = want, f->bound = bound;
    f->error = fabs(got - want);
    f->pass = f->error <= bound;
    *f->at = '\0';
}

void fcs_judge_samples(const fcs_op *op, const fcs_case *cases, int n, fcs_finding *f)
{
    int own = 0, odd = 0;
    for (int i = 0; i < n; i++)
        if (!cases[i].edge) {
            own++;
            odd += fcs_case_is_odd(&cases[i]);
        }
    bool sized = op->max_in > 0 || op->kind != FCS_KIND_SOURCE; /* a constant has no sizes */
    *f = (fcs_finding){.pass = own >= 4 && (odd > 0 || !sized), .got = own, .want = 4};
    snprintf(f->at, sizeof f->at, "%d cases, %d of odd size", own, odd);
}

bool fcs_judge_share(const fcs_case *c, const fcs_sample_data *d, fcs_finding *f)
{
    int64_t n = fcs_shape_count(c->args.out), nonzero = 0;
    if (n < 32 || c->args.op->kind == FCS_KIND_SOURCE)
        return false;
    for (int64_t i = 0; i < n; i++)
        nonzero += fabs(d->want[i]) > 0;
    *f = (fcs_finding){.got = (double)nonzero / (double)n, .want = c->args.op->nonzero / 2};
    f->pass = f->got >= f->want;
    f->error = f->pass ? 0 : f->want - f->got;
    return true;
}
