/* verify.c: whether a large product is right, without the reference's time: for benchmarks.
 *
 * An op that is linear in its second input is multiplied with a random vector r of signs: the
 * dimension of input 2 that becomes a dimension of the output is contracted, <op(x, w), r> = op(x,
 * <w, r>), and the right side costs the reference one channel only (Freivalds 1977). Elementwise
 * ops are compared at random elements. All others are compared whole. */
#include "check/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double sign_of(const fcs_case *c, int64_t i)
{
    return fcs_random_below(c->seed, 3, 9, (uint64_t)i, 2) ? 1 : -1;
}

/* y[.., 1, ..] = sum_j r_j x[.., j, ..] over dimension d; absolute: of |x| without signs. */
static void contract(const fcs_case *c, fcs_shape s, int d, const double *x, bool absolute,
                     double *y)
{
    fcs_shape small = s;
    small.n[d] = 1;
    int64_t i[FCS_DIMS] = {0}, from = 0;
    memset(y, 0, (size_t)fcs_shape_count(small) * sizeof *y);
    do {
        int64_t j[FCS_DIMS];
        memcpy(j, i, sizeof j);
        j[d] = 0;
        y[fcs_ref_at(small, j)] += absolute ? fabs(x[from]) : sign_of(c, i[d]) * x[from];
        from++;
    } while (fcs_ref_next(s, i));
}

/* The dimension of input 2 that alone decides a dimension of the output, if there is one over 1.
 * Convolutions of one channel have no tiles. */
static bool find_contraction(const fcs_case *c, fcs_apply_args *small, int *d_in, int *d_out)
{
    bool conv = !strcmp(c->args.op->family, "conv");
    if (c->args.n_in != 2 || c->args.op->accuracy != FCS_LINEAR)
        return false;
    for (*d_in = FCS_N; *d_in <= FCS_C; ++*d_in)
        for (*d_out = FCS_N; *d_out <= FCS_C; ++*d_out) {
            fcs_error ignored = {0};
            fcs_shape wanted = c->args.out;
            *small = c->args;
            for (int i = 0; i < 3 && conv; i++)
                small->attrs.i[FCS_CONV_FORM + i] = 1;
            small->in[1].n[*d_in] = 1;
            wanted.n[*d_out] = 1;
            if (c->args.in[1].n[*d_in] < 2 || c->args.in[1].n[*d_in] != c->args.out.n[*d_out])
                continue;
            if (c->args.op->shape(small, &ignored) == FCS_OK && fcs_shape_equal(small->out, wanted))
                return true;
        }
    return false;
}

typedef struct product {
    double *x, *w, *want, *size, *got;
    int64_t n;
    double terms, roundings, mean; /* bounds: roundings u size, mean of the squares */
} product;

static bool product_new(fcs_error *e, const fcs_apply_args *a, product *p)
{
    p->n = fcs_shape_count(a->out);
    p->x = fcs_alloc_array(e, (size_t)fcs_shape_count(a->in[0]), sizeof(double));
    p->w = fcs_alloc_array(e, (size_t)fcs_shape_count(a->in[1]), sizeof(double));
    p->want = fcs_alloc_array(e, (size_t)p->n, sizeof(double));
    p->size = fcs_alloc_array(e, (size_t)p->n, sizeof(double));
    p->got = fcs_alloc_array(e, (size_t)p->n, sizeof(double));
    return p->x && p->w && p->want && p->size && p->got;
}

static void product_free(product *p)
{
    free(p->x);
    free(p->w);
    free(p->want);
    free(p->size);
    free(p->got);
}

/* What errors are measured by, from |x| and |w| contracted: of all terms, or by tiles. */
static fcs_status product_size(fcs_error *e, const fcs_case *c, const fcs_apply_args *small,
                               product *p)
{
    fcs_tiling t[3];
    p->roundings = strcmp(c->args.op->family, "conv") ? 0 : fcs_conv_form_error(&c->args);
    if (p->roundings > 0 && fcs_conv_tiling(&c->args, t)) {
        p->mean = fcs_tile_mean_bound(&c->args, t);
        return fcs_tile_magnitudes(e, small, t, p->x, p->w, p->size);
    }
    fcs_ref_call call = {.args = small, .in = {p->x, p->w}, .out = p->size};
    fcs_refs[fcs_op_index(small->op)](&call);
    p->roundings = p->terms;
    p->mean = 1e-12 + 1e-15 * p->terms;
    return FCS_OK;
}

/* The same judgement as in judge.c, on contracted sums. */
static void judge_product(const product *p, fcs_finding *f)
{
    double wrong = 0, all = 0, worst = -1;
    f->pass = true;
    for (int64_t i = 0; i < p->n; i++) {
        fcs_finding one = {.got = p->got[i], .want = p->want[i]};
        one.error = fabs(one.got - one.want);
        one.bound = p->roundings * 0x1p-24 * p->size[i] + p->terms * 0x1p-126;
        wrong += one.error * one.error;
        all += one.want * one.want;
        fcs_finding_take(f, &one, &worst);
    }
    if (p->n >= 64 && !(wrong <= p->mean * all))
        f->pass = false;
}

static fcs_status verify_product(fcs_error *e, const fcs_case *c, const fcs_apply_args *small,
                                 int d_in, int d_out, double *const *in, const float *got,
                                 fcs_finding *f)
{
    product p = {0};
    int64_t n_x = fcs_shape_count(c->args.in[0]), n_y = fcs_shape_count(c->args.out);
    double *y = fcs_alloc_array(e, (size_t)n_y, sizeof *y);
    bool good = y && product_new(e, small, &p);
    if (good) {
        fcs_ref_call call = {.args = small, .in = {in[0], p.w}, .out = p.want};
        contract(c, c->args.in[1], d_in, in[1], false, p.w);
        fcs_refs[fcs_op_index(small->op)](&call);
        for (int64_t i = 0; i < n_x; i++)
            p.x[i] = fabs(in[0][i]);
        contract(c, c->args.in[1], d_in, in[1], true, p.w);
        p.terms = (double)call.terms;
        good = product_size(e, c, small, &p) == FCS_OK;
        for (int64_t i = 0; i < n_y; i++)
            y[i] = (double)got[i];
        contract(c, c->args.out, d_out, y, false, p.got);
        judge_product(&p, f);
    }
    product_free(&p);
    free(y);
    return good ? FCS_OK : FCS_FAILED;
}

/* Elementwise ops at SAMPLES random elements (repeated inputs are gathered as well). */
enum { SAMPLES = 8192 };

static fcs_status verify_samples(fcs_error *e, const fcs_case *c, double *const *in,
                                 const float *got, fcs_finding *f)
{
    fcs_apply_args a = c->args;
    double *memory = fcs_alloc_array(e, 6 * (size_t)SAMPLES, sizeof *memory);
    float *some = fcs_alloc_array(e, SAMPLES, sizeof *some);
    fcs_status status = memory && some ? FCS_OK : FCS_FAILED;
    int64_t n = fcs_shape_count(c->args.out);
    fcs_sample_data d = {
        .kind = FCS_DATA_RANDOM, .want = memory + 3 * SAMPLES, .magnitude = memory + 4 * SAMPLES};
    for (int64_t s = 0; s < SAMPLES && status == FCS_OK; s++) {
        int64_t at = fcs_random_below(c->seed, 4, 9, (uint64_t)s, n < INT32_MAX ? n : INT32_MAX),
                left = at;
        int64_t i[FCS_DIMS];
        for (int q = FCS_DIMS - 1; q >= 0; left /= c->args.out.n[q], q--)
            i[q] = left % c->args.out.n[q];
        some[s] = got[at];
        for (int k = 0; k < a.n_in; k++) {
            int64_t j[FCS_DIMS];
            for (int q = 0; q < FCS_DIMS; q++)
                j[q] = c->args.in[k].n[q] == 1 ? 0 : i[q];
            memory[k * SAMPLES + s] = in[k][fcs_ref_at(c->args.in[k], j)];
        }
    }
    a.out = fcs_shape_of(1, 1, 1, 1, SAMPLES);
    fcs_ref_call call = {.args = &a, .out = d.want, .magnitude = d.magnitude};
    for (int k = 0; k < a.n_in; k++) {
        a.in[k] = a.out;
        call.in[k] = memory ? memory + k * SAMPLES : NULL;
    }
    if (status == FCS_OK) {
        fcs_refs[fcs_op_index(a.op)](&call);
        d.terms = call.terms;
        fcs_judge(&a, &d, some, f);
    }
    free(memory);
    free(some);
    return status;
}

static fcs_status verify_whole(fcs_error *e, const fcs_case *c, double *const *in, const float *got,
                               fcs_finding *f)
{
    size_t n = (size_t)fcs_shape_count(c->args.out);
    fcs_sample_data d = {.kind = FCS_DATA_RANDOM,
                         .want = fcs_alloc_array(e, n, sizeof(double)),
                         .magnitude = fcs_alloc_array(e, n, sizeof(double))};
    fcs_status status = d.want && d.magnitude ? FCS_OK : FCS_FAILED;
    if (status == FCS_OK) {
        fcs_ref_call call = {.args = &c->args,
                             .out = d.want,
                             .magnitude = d.magnitude,
                             .seed = c->seed,
                             .step = 1,
                             .stream = fcs_case_stream(c)};
        for (int k = 0; k < c->args.n_in; k++)
            call.in[k] = in[k];
        fcs_refs[fcs_op_index(c->args.op)](&call);
        d.terms = call.terms;
        status = fcs_form_class(e, c, in, &d);
        fcs_judge(&c->args, &d, got, f);
        if (f->pass && c->args.op->accuracy != FCS_EXACT && n >= 64)
            fcs_judge_mean(&c->args, &d, got, f);
    }
    free(d.want);
    free(d.magnitude);
    return status;
}

fcs_status fcs_verify(fcs_error *e, const fcs_case *c, double *const *in, const float *got,
                      fcs_finding *f)
{
    fcs_apply_args small;
    int d_in, d_out;
    memset(f, 0, sizeof *f);
    if (c->args.op->kind == FCS_KIND_LANES && fcs_shape_count(c->args.out) > SAMPLES)
        return verify_samples(e, c, in, got, f);
    if (find_contraction(c, &small, &d_in, &d_out))
        return verify_product(e, c, &small, d_in, d_out, in, got, f);
    return verify_whole(e, c, in, got, f);
}
