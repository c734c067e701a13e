/* loop.c: training: steps, and what is written when. */
#include "train/run.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

fcs_status fcs_run_calibrate(fcs_run *run)
{
    if (!run->training || run->calibrated == run->step)
        return FCS_OK;
    fcs_status s = run->model->scheme->calibrate(run->model, &run->ctx->error);
    if (!s)
        run->calibrated = run->step;
    return s;
}

/* Names the step and the culprit; the checkpoint stays as it was. */
static fcs_status not_finite(fcs_run *run, const char *what)
{
    char kept[64] = "there is no checkpoint yet";
    if (run->saved >= 0)
        snprintf(kept, sizeof kept, "the checkpoint of step %lld is untouched",
                 (long long)run->saved);
    return fcs_fail(&run->ctx->error, FCS_FAILED,
                    "step %lld: %s is not finite (first bad: %s); %s; "
                    "try lower rates (--set generator.optimizer.rate=...) or another seed",
                    (long long)run->step + 1, what,
                    run->model->culprit[0] ? run->model->culprit : "unknown", kept);
}

static fcs_status cannot_train(fcs_run *run)
{
    return fcs_fail(&run->ctx->error, FCS_FAILED,
                    "%s: was opened for generating: open it for resuming to train it",
                    run->folder ? run->folder : run->recipe->name);
}

fcs_status fcs_run_one_step(fcs_run *run)
{
    fcs_error *e = &run->ctx->error;
    fcs_model *m = run->model;
    if (!run->training)
        return cannot_train(run);
    fcs_generator_free(&run->generator);
    m->culprit[0] = 0;
    fcs_status s = m->scheme->step(m, run->step, e);
    if (m->culprit[0]) {
        fcs_error_clear(e);
        return not_finite(run, "a loss or gradient");
    }
    if (s)
        return s;
    for (int i = 0; i < m->n_losses; i++)
        if (!isfinite(m->losses[i]))
            return not_finite(run, m->loss_names[i]);
    run->step++;
    return FCS_OK;
}

fcs_status fcs_run_step(fcs_run *run, int n, double *losses)
{
    fcs_error_clear(&run->ctx->error);
    fcs_status s = fcs_run_one_step(run);
    for (int i = 0; !s && losses && i < n && i < run->model->n_losses; i++)
        losses[i] = run->model->losses[i];
    return s;
}

static fcs_status save(fcs_run *run)
{
    if (!run->folder || run->saved == run->step)
        return FCS_OK;
    fcs_status s = fcs_run_calibrate(run);
    if (!s)
        s = fcs_log_flush(run);
    char *path = s ? NULL : fcs_run_path(run, "checkpoint.safetensors");
    s = path ? fcs_checkpoint_save(run, path) : FCS_FAILED;
    free(path);
    if (!s)
        run->saved = run->step;
    return s;
}

fcs_status fcs_run_save(fcs_run *run)
{
    fcs_error_clear(&run->ctx->error);
    if (!run->training || !run->folder)
        return fcs_fail(&run->ctx->error, FCS_FAILED,
                        "this run cannot be saved: it has no folder to train into");
    return save(run);
}

/* ---- the plan, before anything is allocated ---- */

fcs_status fcs_run_plan(fcs_run *run, fcs_table **out)
{
    static const char *const columns[] = {"plan", "steps", "gflop", "bytes", "what"};
    fcs_error *e = &run->ctx->error;
    const fcs_model *m = run->model;
    int64_t arena = 0, state = 0;
    fcs_error_clear(e);
    fcs_table *t = fcs_table_new(e, columns, 5);
    *out = NULL;
    if (!t)
        return FCS_FAILED;
    fcs_status s = FCS_OK;
    for (int i = 0; !s && i < m->n_plans; i++) {
        const fcs_plan *p = m->plans[i];
        double flops = 0;
        for (int k = 0; k < p->n_steps; k++)
            if (p->steps[k].kind == FCS_STEP_KERNEL && p->steps[k].args.op->flops)
                flops += p->steps[k].args.op->flops(&p->steps[k].args);
        arena = (int64_t)p->arena_bytes > arena ? (int64_t)p->arena_bytes : arena;
        s = fcs_table_add(e, t, "sidis", m->plan_names[i], (int64_t)p->n_steps, flops * 1e-9,
                          (int64_t)p->arena_bytes, "scratch; the plans share one arena");
    }
    for (size_t i = 0; i < m->n_tensors; i++)
        state += fcs_shape_floats(m->tensors[i].tensor->shape) * (int64_t)sizeof(float);
    if (!s)
        s = fcs_table_add(e, t, "sssis", "tensors", NULL, NULL, state,
                          "parameters and what the optimizers keep");
    if (!s)
        s = fcs_table_add(e, t, "sssis", "total", NULL, NULL, arena + state,
                          "the largest plan and the tensors");
    if (s)
        fcs_table_free(t);
    else
        *out = t;
    return s;
}

/* ---- the loop ---- */

typedef struct pace {
    double start, minutes, last, rate; /* rate: seconds a step, smoothed */
    int64_t first, steps;
} pace;

static void report_progress(fcs_run *run, pace *p, const fcs_train_options *o)
{
    const fcs_model *m = run->model;
    double now = fcs_seconds(), step = now - p->last;
    p->rate = p->rate > 0 ? 0.9 * p->rate + 0.1 * step : step;
    p->last = now;
    if (!o || !o->progress)
        return;
    double done = now - p->start, left = (double)(p->steps - run->step) * p->rate;
    if (p->minutes > 0 && 60 * p->minutes - done < left)
        left = 60 * p->minutes - done;
    const fcs_progress progress = {
        .step = run->step,
        .steps = p->steps,
        .seconds = done,
        .seconds_left = left > 0 ? left : 0,
        .images_per_second = fcs_recipe_number(run->recipe, "train.batch") / p->rate,
        .n_losses = m->n_losses,
        .loss_names = m->loss_names,
        .losses = m->losses,
        .newest_sample = run->sample,
    };
    o->progress(o->user, &progress);
}

static bool due(fcs_run *run, const char *key)
{
    int64_t every = (int64_t)fcs_recipe_number(run->recipe, key);
    return every > 0 && run->step % every == 0;
}

/* What the schedule asks for after a step. */
static fcs_status keep(fcs_run *run, const pace *p)
{
    fcs_status s = FCS_OK;
    if (!run->folder)
        return s;
    if (due(run, "train.log_every") || run->step == p->steps)
        s = fcs_log_row(run, run->seconds + fcs_seconds() - p->start);
    if (!s && due(run, "train.sample_every"))
        s = fcs_run_sample(run);
    if (!s && due(run, "train.checkpoint_every")) {
        s = save(run);
        if (!s)
            s = fcs_run_report(run, false);
    }
    return s;
}

static fcs_status finish(fcs_run *run, bool whole)
{
    if (!run->folder)
        return FCS_OK;
    fcs_status s = save(run);
    if (!s && run->sampled != run->step)
        s = fcs_run_sample(run);
    if (!s)
        s = fcs_run_report(run, whole);
    if (s != FCS_INTERRUPTED)
        return s;
    fcs_error_clear(&run->ctx->error);
    return fcs_fail(
        &run->ctx->error, s,
        "stopped while the last pictures were made; step %lld is saved: --resume goes on "
        "from here",
        (long long)run->step);
}

static fcs_status loop(fcs_run *run, pace *p, const fcs_train_options *o)
{
    fcs_status s = FCS_OK;
    while (!s && run->step < p->steps && !run->ctx->interrupted) {
        s = fcs_run_one_step(run);
        if (!s)
            s = keep(run, p);
        if (s == FCS_INTERRUPTED) { /* asked to while a picture was made: as after any step */
            fcs_error_clear(&run->ctx->error);
            run->ctx->interrupted = 1;
            s = FCS_OK;
        }
        if (!s)
            report_progress(run, p, o);
        if (p->minutes > 0 && fcs_seconds() - p->start >= 60 * p->minutes)
            break;
    }
    return s;
}

fcs_status fcs_run_train(fcs_run *run, const fcs_train_options *o)
{
    fcs_error *e = &run->ctx->error;
    fcs_error_clear(e);
    if (!run->training)
        return cannot_train(run);
    pace p = {.start = fcs_seconds(), .last = fcs_seconds(), .first = run->step};
    p.steps = o && o->steps > 0 ? o->steps : (int64_t)fcs_recipe_number(run->recipe, "train.steps");
    p.minutes = o && o->minutes > 0 ? o->minutes : fcs_recipe_number(run->recipe, "train.minutes");
    fcs_status s = run->folder ? fcs_log_open(run) : FCS_OK;
    if (!s)
        s = loop(run, &p, o);
    bool stopped = run->ctx->interrupted;
    run->ctx->interrupted = 0; /* what saves may run long: a second request stops it */
    if (!s)
        s = finish(run, !stopped);
    fcs_log_close(run);
    run->seconds += fcs_seconds() - p.start;
    if (!s && stopped)
        return fcs_fail(e, FCS_INTERRUPTED,
                        "stopped at step %lld; everything is saved: --resume goes on from here",
                        (long long)run->step);
    return s;
}
