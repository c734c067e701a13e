/* checkpoint.c: a model's tensors and the state of its training in one safetensors file.
 *
 * Nothing in the file depends on the time or the place of the run: an interrupted and resumed run
 * ends with the same bytes as one that was not. */
#include "train/run.h"
#include "train/safetensors.h"
#include "graph/backend.h"

#include <stdlib.h>
#include <string.h>

/* The shape as other programs expect it: vectors [C], matrices [N,C], 2D kernels [N,C,H,W], else
 * all five. */
static void outside_shape(fcs_shape s, fcs_st_tensor *t)
{
    t->rank = 0;
    bool flat = s.n[FCS_D] == 1, point = flat && s.n[FCS_H] == 1 && s.n[FCS_W] == 1;
    for (int d = 0; d < FCS_DIMS; d++) {
        bool skip = (d == FCS_N && point && s.n[FCS_N] == 1) || (d == FCS_D && flat) ||
                    (d > FCS_D && point);
        if (!skip)
            t->shape[t->rank++] = s.n[d];
    }
}

/* Whether the two agree but for dimensions of size 1: files of other programs may keep or drop
 * them. */
static bool same_shape(const fcs_st_tensor *t, fcs_shape s)
{
    int i = 0;
    for (int d = 0; d < FCS_DIMS; d++) {
        if (s.n[d] == 1)
            continue;
        while (i < t->rank && t->shape[i] == 1)
            i++;
        if (i == t->rank || t->shape[i++] != s.n[d])
            return false;
    }
    while (i < t->rank && t->shape[i] == 1)
        i++;
    return i == t->rank;
}

static void shape_words(const fcs_st_tensor *t, char text[160])
{
    int n = snprintf(text, 160, "[");
    for (int d = 0; d < t->rank; d++)
        n += snprintf(text + n, 160 - (size_t)n, "%s%lld", d ? "," : "", (long long)t->shape[d]);
    snprintf(text + n, 160 - (size_t)n, "]");
}

/* ---- saving ---- */

static fcs_status put_tensors(fcs_error *e, fcs_st_writer *w, const fcs_model *m)
{
    for (size_t i = 0; i < m->n_tensors; i++) {
        const fcs_tensor *t = m->tensors[i].tensor;
        float *values = fcs_alloc_array(e, (size_t)fcs_shape_count(t->shape), sizeof *values);
        fcs_status s = values ? fcs_tensor_get(t, values) : FCS_FAILED;
        if (!s)
            s = fcs_st_writer_put(e, w, values);
        free(values);
        if (s)
            return s;
    }
    return FCS_OK;
}

fcs_status fcs_checkpoint_save(fcs_run *run, const char *path)
{
    fcs_error *e = &run->ctx->error;
    const fcs_model *m = run->model;
    char step[32], seed[32], channels[32];
    snprintf(step, sizeof step, "%lld", (long long)run->step);
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)run->seed);
    snprintf(channels, sizeof channels, "%d", m->channels);
    fcs_recipe *recipe = run->recipe;
    const fcs_tuning *tuning = run->ctx->backend->tuning;
    char *forms = tuning ? tuning->text(run->ctx) : NULL;
    if (tuning && !forms)
        return FCS_FAILED;
    const fcs_st_pair meta[] = {
        {"format", "facies"},
        {"version", FCS_VERSION},
        {"recipe", (char *)fcs_recipe_text(recipe)},
        {"step", step},
        {"seed", seed},
        {"channels", channels},
        {"device", (char *)fcs_device_name(run->ctx)},
        {"isa", (char *)run->ctx->backend->kernels_name(run->ctx)},
        {"tuning", forms}, /* where there is one */
    };
    int n_meta = (int)(sizeof meta / sizeof *meta) - (forms ? 0 : 1);
    fcs_st_tensor *tensors = fcs_alloc_array(e, m->n_tensors + 1, sizeof *tensors);
    for (size_t i = 0; i < m->n_tensors && tensors; i++) {
        tensors[i].name = m->tensors[i].tensor->name;
        tensors[i].dtype = FCS_DTYPE_F32;
        outside_shape(m->tensors[i].tensor->shape, &tensors[i]);
    }
    fcs_st_writer *w;
    fcs_status s = tensors
                       ? fcs_st_writer_open(e, path, tensors, (int)m->n_tensors, meta, n_meta, &w)
                       : FCS_FAILED;
    free(tensors);
    free(forms);
    if (s)
        return s;
    s = put_tensors(e, w, m);
    if (s) {
        fcs_st_writer_abort(w);
        return s;
    }
    return fcs_st_writer_commit(e, w);
}

/* ---- loading ---- */

/* The first tensor of the model that the file has not, or has otherwise; or of the file that the
 * model has not. */
static fcs_status compare(fcs_error *e, const fcs_safetensors *st, const fcs_model *m, bool exact)
{
    for (size_t i = 0; i < m->n_tensors; i++) {
        const fcs_tensor *t = m->tensors[i].tensor;
        const fcs_st_tensor *f = fcs_safetensors_find(st, t->name);
        fcs_st_tensor want = {0};
        char have_text[160], want_text[160];
        outside_shape(t->shape, &want);
        shape_words(&want, want_text);
        if (!f)
            return fcs_fail(e, FCS_FAILED,
                            "%s: a checkpoint of another network: it has no tensor \"%.100s\" %s",
                            st->path, t->name, want_text);
        shape_words(f, have_text);
        if (f->dtype != FCS_DTYPE_F32 || !same_shape(f, t->shape))
            return fcs_fail(
                e, FCS_FAILED,
                "%s: a checkpoint of another network: tensor \"%.100s\" is %s%s, the recipe's %s",
                st->path, t->name, f->dtype == FCS_DTYPE_F32 ? "" : "not F32 but ", have_text,
                want_text);
    }
    for (int i = 0; exact && i < st->n; i++) {
        bool known = false;
        for (size_t k = 0; k < m->n_tensors && !known; k++)
            known = !strcmp(st->tensors[i].name, m->tensors[k].tensor->name);
        if (!known)
            return fcs_fail(
                e, FCS_FAILED,
                "%s: a checkpoint of another network: the recipe has no tensor \"%.100s\"",
                st->path, st->tensors[i].name);
    }
    return FCS_OK;
}

static fcs_status get_tensors(fcs_error *e, fcs_safetensors *st, fcs_model *m)
{
    for (size_t i = 0; i < m->n_tensors; i++) {
        fcs_tensor *t = m->tensors[i].tensor;
        float *values = fcs_alloc_array(e, (size_t)fcs_shape_count(t->shape), sizeof *values);
        fcs_status s = values
                           ? fcs_safetensors_read(e, st, fcs_safetensors_find(st, t->name), values)
                           : FCS_FAILED;
        if (!s)
            s = fcs_tensor_set(t, values);
        free(values);
        if (s)
            return s;
    }
    return FCS_OK;
}

/* A count in the metadata; files of other programs have none. */
static fcs_status count_of(fcs_error *e, const fcs_safetensors *st, const char *key, int64_t *out)
{
    const char *text = fcs_safetensors_meta(st, key);
    if (!text)
        return fcs_fail(e, FCS_FAILED, "%s: its metadata has no %s: it is no checkpoint of facies",
                        st->path, key);
    if (!fcs_parse_int64(text, out) || *out < 0)
        return fcs_fail(e, FCS_FAILED, "%s: %s in its metadata is \"%.40s\", not a count", st->path,
                        key, text);
    return FCS_OK;
}

static void note_changes(fcs_run *run, const fcs_safetensors *st)
{
    const char *device = fcs_safetensors_meta(st, "device"), *isa = fcs_safetensors_meta(st, "isa"),
               *version = fcs_safetensors_meta(st, "version");
    const char *now = fcs_device_name(run->ctx),
               *kernels = run->ctx->backend->kernels_name(run->ctx);
    if ((isa && strcmp(isa, kernels)) || (device && strcmp(device, now)))
        fcs_note(
            run->ctx,
            "note: this run was trained on %.60s with %.120s, now on %.60s with %.120s: it goes "
            "on, but not with the same bits",
            device ? device : "?", isa ? isa : "?", now, kernels);
    if (version && strcmp(version, FCS_VERSION))
        fcs_note(run->ctx,
                 "note: this run was trained by facies %.40s, now %s: the bits may differ", version,
                 FCS_VERSION);
}

fcs_status fcs_checkpoint_tuning(fcs_run *run, const char *path)
{
    fcs_context *ctx = run->ctx;
    const fcs_tuning *tuning = ctx->backend->tuning;
    fcs_safetensors *st;
    if (!tuning)
        return FCS_OK;
    fcs_status s = fcs_safetensors_open(&ctx->error, path, &st);
    if (s)
        return s;
    const char *device = fcs_safetensors_meta(st, "device"), *isa = fcs_safetensors_meta(st, "isa"),
               *forms = fcs_safetensors_meta(st, "tuning");
    bool same = device && isa && !strcmp(device, fcs_device_name(ctx)) &&
                !strcmp(isa, ctx->backend->kernels_name(ctx));
    if (same && forms && tuning->set(ctx, forms) != FCS_OK) {
        fcs_note(ctx, "note: %s: %s: the run goes on with other kernels, not with the same bits",
                 path, ctx->error.message);
        fcs_error_clear(&ctx->error);
    }
    fcs_safetensors_close(st);
    return FCS_OK;
}

fcs_status fcs_checkpoint_load(fcs_run *run, const char *path, bool exact)
{
    fcs_error *e = &run->ctx->error;
    fcs_safetensors *st;
    int64_t step = 0, seed = 0;
    fcs_status s = fcs_safetensors_open(e, path, &st);
    if (s)
        return s;
    s = compare(e, st, run->model, exact);
    if (!s)
        s = count_of(e, st, "step", &step);
    if (!s)
        s = count_of(e, st, "seed", &seed);
    if (!s)
        s = get_tensors(e, st, run->model);
    if (!s && exact)
        note_changes(run, st);
    if (!s) {
        run->step = run->saved = run->calibrated = step;
        run->seed = run->model->seed = (uint64_t)seed;
    }
    fcs_safetensors_close(st);
    return s;
}

fcs_status fcs_checkpoint_recipe(fcs_context *ctx, const char *path, fcs_recipe **recipe,
                                 int *channels)
{
    fcs_error *e = &ctx->error;
    fcs_safetensors *st;
    int64_t n = 0;
    *recipe = NULL;
    fcs_status s = fcs_safetensors_open(e, path, &st);
    if (s)
        return s;
    const char *text = fcs_safetensors_meta(st, "recipe");
    if (!text)
        s = fcs_fail(e, FCS_FAILED, "%s: its metadata has no recipe: it is no checkpoint of facies",
                     path);
    if (!s)
        s = count_of(e, st, "channels", &n);
    if (!s && (n < 1 || n > 4096))
        s = fcs_fail(e, FCS_FAILED, "%s: channels in its metadata is %lld", path, (long long)n);
    if (!s)
        s = fcs_recipe_from_text(ctx, text, path, recipe);
    *channels = (int)n;
    fcs_safetensors_close(st);
    return s;
}
