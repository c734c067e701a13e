/* profile.c: times and counts of plans while they run. */
#include "graph/profile.h"
#include "graph/backend.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- what a step is ---- */
double fcs_step_flops(const fcs_step *s)
{
    if (s->kind == FCS_STEP_KERNEL)
        return s->args.op->flops ? s->args.op->flops(&s->args)
                                 : (double)fcs_shape_count(s->args.out);
    return s->chain ? (double)fcs_shape_count(s->chain->shape) * s->chain->n_lanes : 0;
}

bool fcs_step_counts(const fcs_step *s) { return s->kind == FCS_STEP_KERNEL && s->args.op->flops; }

/* What the backend makes of a step that counts. */
static double step_work(const fcs_plan *p, const fcs_step *s)
{
    const fcs_op *op = s->args.op;
    return p->ctx->backend->fast_forms && op->work ? op->work(&s->args) : fcs_step_flops(s);
}

static double stored(const fcs_plan *p, int value)
{
    return (double)fcs_shape_floats(p->values[value].shape) * (double)sizeof(float);
}

double fcs_step_bytes(const fcs_plan *p, const fcs_step *s)
{
    const fcs_chain *c = s->chain;
    double bytes = 0;
    for (int i = 0; i < (c ? c->n_inputs : s->n_in); i++)
        bytes += stored(p, c ? c->inputs[i] : s->in[i]);
    for (int i = 0; i < (c ? c->n_outputs : 1); i++)
        bytes += stored(p, c ? c->outputs[i].value : s->out);
    return bytes;
}

void fcs_step_words(const fcs_plan *p, const fcs_step *s, char op[64], char shape[96])
{
    fcs_shape_text(s->chain ? s->chain->shape : p->values[s->out].shape, shape);
    if (s->chain)
        snprintf(op, 64, "chain of %d", s->chain->n_lanes);
    else
        snprintf(op, 64, "%s", s->kind == FCS_STEP_COPY ? "copy" : s->args.op->name);
}

/* ---- time ---- */
double fcs_profile_seconds(const fcs_context *ctx)
{
    struct timespec t;
    clock_gettime(ctx->backend->one_thread(ctx) ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- rows ---- */
void fcs_profile_clear(fcs_profile *p)
{
    p->flops = p->work = 0;
    for (size_t i = 0; i < p->n; i++) {
        p->rows[i].seconds = 0;
        p->rows[i].calls = 0;
    }
}

void fcs_profile_free(fcs_profile *p)
{
    for (size_t i = 0; i < p->n; i++) {
        free(p->rows[i].name);
        free(p->rows[i].op);
        free(p->rows[i].shape);
    }
    free(p->rows);
    *p = (fcs_profile){0};
}

/* The row of a step, made where there is none; NULL out of memory. Two kernels of one name and
 * shape are different work where their counts differ. */
static fcs_profile_row *row_of(fcs_profile *profile, const fcs_plan *p, const fcs_step *s)
{
    fcs_error *e = &p->ctx->error;
    char op[64], shape[96];
    double flops = fcs_step_flops(s), bytes = fcs_step_bytes(p, s);
    fcs_step_words(p, s, op, shape);
    for (size_t i = 0; i < profile->n; i++) {
        fcs_profile_row *r = &profile->rows[i];
        if (r->flops == flops && r->bytes == bytes && !strcmp(r->name, s->name) &&
            !strcmp(r->op, op) && !strcmp(r->shape, shape))
            return r;
    }
    if (!fcs_grow(e, &profile->rows, &profile->capacity, profile->n + 1, sizeof *profile->rows))
        return NULL;
    fcs_profile_row *r = &profile->rows[profile->n++];
    *r = (fcs_profile_row){.name = fcs_strdup(e, s->name),
                           .op = fcs_strdup(e, op),
                           .shape = fcs_strdup(e, shape),
                           .kernel = fcs_step_counts(s),
                           .flops = flops,
                           .bytes = bytes};
    if (r->name && r->op && r->shape)
        return r;
    free(r->name);
    free(r->op);
    free(r->shape);
    profile->n--;
    return NULL;
}

fcs_status fcs_profile_run(fcs_plan *p, uint64_t seed, uint64_t step)
{
    fcs_profile *profile = p->ctx->profile;
    for (int i = 0; i < p->n_steps; i++)
        if (fcs_step_counts(&p->steps[i])) {
            profile->flops += fcs_step_flops(&p->steps[i]);
            profile->work += step_work(p, &p->steps[i]);
        }
    if (!profile->steps)
        return fcs_plan_run_steps(p, 0, p->n_steps, seed, step);
    fcs_status (*finish)(fcs_context *) = p->ctx->backend->finish;
    for (int i = 0; i < p->n_steps; i++) {
        fcs_profile_row *row = row_of(profile, p, &p->steps[i]);
        double start = fcs_profile_seconds(p->ctx);
        fcs_status status = row ? fcs_plan_run_steps(p, i, i + 1, seed, step) : FCS_FAILED;
        if (status == FCS_OK)
            status = finish ? finish(p->ctx) : FCS_OK;
        if (status != FCS_OK)
            return status;
        row->seconds += fcs_profile_seconds(p->ctx) - start;
        row->calls++;
    }
    return FCS_OK;
}
