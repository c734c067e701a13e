/* window.c: an op's window() against the whole: output boxes computed from their input boxes, with
 * the attributes that window() gives, must have the whole's very bits. */
#include "check/check.h"

#include <stdlib.h>
#include <string.h>

/* Copies the box of a row-major array. */
static void cut_box(fcs_shape s, const float *from, const fcs_box *box, float *to)
{
    int64_t i[FCS_DIMS] = {0};
    fcs_shape size;
    for (int d = 0; d < FCS_DIMS; d++)
        size.n[d] = box->hi[d] - box->lo[d];
    do {
        int64_t at[FCS_DIMS];
        for (int d = 0; d < FCS_DIMS; d++)
            at[d] = i[d] + box->lo[d];
        *to++ = from[fcs_ref_at(s, at)];
    } while (fcs_ref_next(size, i));
}

static fcs_shape box_shape(const fcs_box *b)
{
    fcs_shape s;
    for (int d = 0; d < FCS_DIMS; d++)
        s.n[d] = b->hi[d] - b->lo[d];
    return s;
}

/* The op's arguments for the box; inputs without a part in it are left out (concat). False where
 * none is left. */
static bool boxed_args(const fcs_apply_args *whole, const fcs_box *out, fcs_apply_args *a,
                       fcs_box *in, int *from)
{
    fcs_box boxes[FCS_MAX_IN];
    memset(boxes, 0, sizeof boxes);
    *a = *whole;
    whole->op->window(whole, out, boxes, &a->attrs);
    a->n_in = 0;
    for (int k = 0; k < whole->n_in; k++) {
        fcs_shape s = box_shape(&boxes[k]);
        bool empty = false;
        for (int d = 0; d < FCS_DIMS; d++)
            empty = empty || s.n[d] < 1;
        if (empty)
            continue;
        a->in[a->n_in] = s;
        in[a->n_in] = boxes[k];
        from[a->n_in++] = k;
    }
    return a->n_in >= whole->op->min_in;
}

/* Runs the op on the boxed inputs and compares with the box of the whole. */
static fcs_status run_box(fcs_context *on, const fcs_apply_args *a, const float *const *in,
                          const float *want, fcs_finding *f)
{
    char trouble[FCS_TROUBLE];
    float *got = fcs_alloc_array(&on->error, (size_t)fcs_shape_count(a->out), sizeof *got);
    fcs_status status = got ? fcs_apply_kernel(on, a, in, got, 0, 0, trouble) : FCS_FAILED;
    if (status == FCS_OK) {
        fcs_judge_equal(a->out, got, want, f);
        if (*trouble) {
            f->pass = false;
            memcpy(f->at, trouble, sizeof trouble);
        }
    }
    free(got);
    return status;
}

/* False, with the reason in f, where the boxed shapes do not give the wanted one. */
static bool shape_fits(fcs_apply_args *a, const fcs_box *out, fcs_finding *f)
{
    fcs_error ignored = {0};
    fcs_shape wanted = box_shape(out);
    bool accepted = a->op->shape(a, &ignored) == FCS_OK;
    if (accepted && fcs_shape_equal(a->out, wanted))
        return true;
    char text[96], got[96] = "refused";
    fcs_shape_text(wanted, text);
    if (accepted)
        fcs_shape_text(a->out, got);
    snprintf(f->at, sizeof f->at, "window of %.60s: %.60s", text, got);
    f->pass = false;
    return false;
}

static fcs_status check_box(fcs_context *on, const fcs_case *c, const fcs_sample_data *d,
                            const float *whole, const fcs_box *out, fcs_finding *f, bool *ran)
{
    fcs_apply_args a;
    fcs_box boxes[FCS_MAX_IN];
    int from[FCS_MAX_IN];
    if (!boxed_args(&c->args, out, &a, boxes, from))
        return FCS_OK;
    *ran = true;
    if (!shape_fits(&a, out, f))
        return FCS_OK;
    float *in[FCS_MAX_IN] = {NULL},
          *want = fcs_alloc_array(&on->error, (size_t)fcs_shape_count(a.out), sizeof *want);
    bool good = want != NULL;
    if (good)
        cut_box(c->args.out, whole, out, want);
    for (int k = 0; k < a.n_in && good; k++) {
        in[k] = fcs_alloc_array(&on->error, (size_t)fcs_shape_count(a.in[k]), sizeof(float));
        good = in[k] != NULL;
        if (good)
            cut_box(c->args.in[from[k]], d->in[from[k]], &boxes[k], in[k]);
    }
    fcs_status status = good ? run_box(on, &a, (const float *const *)in, want, f) : FCS_FAILED;
    for (int k = 0; k < a.n_in; k++)
        free(in[k]);
    free(want);
    return status;
}

/* Box number k: along each of D H W one of: all, the first part, the last part, a part in the
 * middle. */
static fcs_box some_box(const fcs_case *c, int k)
{
    fcs_box b = fcs_box_whole(c->args.out);
    for (int d = FCS_D; d < FCS_DIMS; d++) {
        int64_t n = c->args.out.n[d];
        uint64_t draw = (uint64_t)(k * FCS_DIMS + d) * 4;
        int64_t kind = fcs_random_below(c->seed, 2, 7, draw, 4);
        int64_t i = fcs_random_below(c->seed, 2, 7, draw + 1, n),
                j = fcs_random_below(c->seed, 2, 7, draw + 2, n);
        if (kind == 1 || kind == 3)
            b.hi[d] = (i > j ? i : j) + 1;
        if (kind == 2 || kind == 3)
            b.lo[d] = i < j ? i : j;
    }
    return b;
}

fcs_status fcs_check_window(fcs_context *on, const fcs_case *c, const fcs_sample_data *d,
                            const float *whole, fcs_finding *f, bool *ran)
{
    enum { BOXES = 6 };
    *ran = false;
    f->pass = true;
    if (!c->args.op->window)
        return FCS_OK;
    for (int k = 0; k < BOXES && f->pass; k++) {
        fcs_box out = some_box(c, k);
        if (check_box(on, c, d, whole, &out, f, ran) != FCS_OK)
            return FCS_FAILED;
    }
    return FCS_OK;
}
