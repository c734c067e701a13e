/* tuning.c: the choice of forms (tile.c) as text, and the file in the cache folder that keeps it:
 * one a device and platform, with the driver's version in it, for another driver may be slower or
 * wrong. A file that cannot be used is named in one line, and guesses are taken. */
#include "opencl/opencl.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* ---- as text ---- */
static const char *form_name(const fcs_context *ctx, int form)
{
    const fcs_cl_tile *t = fcs_cl_tile_at(ctx->device, form);
    return t ? t->name : NULL;
}

static bool choose(fcs_context *ctx, int use, int form)
{
    return fcs_cl_tile_choose(ctx->device, (fcs_cl_use)use, form);
}

static char *text(fcs_context *ctx)
{
    fcs_text t = {0};
    for (int u = 0; u < FCS_CL_USES; u++)
        fcs_text_add(&t, "%s%s=%s", u ? " " : "", fcs_cl_uses[u].name,
                     fcs_cl_tile_for(ctx->device, (fcs_cl_use)u)->name);
    if (!t.failed)
        return t.s;
    free(t.s);
    fcs_fail(&ctx->error, FCS_FAILED, "out of memory");
    return NULL;
}

static int use_named(const char *name, size_t n)
{
    for (int u = 0; u < FCS_CL_USES; u++)
        if (strlen(fcs_cl_uses[u].name) == n && !strncmp(fcs_cl_uses[u].name, name, n))
            return u;
    return -1;
}

static fcs_status unknown(fcs_cl *cl, const char *word, size_t n)
{
    return fcs_fail(&cl->ctx->error, FCS_FAILED, "no form of kernels \"%.*s\" here",
                    (int)(n < 80 ? n : 80), word);
}

static fcs_status set(fcs_context *ctx, const char *words)
{
    fcs_cl *cl = ctx->device;
    int before[FCS_CL_USES];
    memcpy(before, cl->form, sizeof before);
    for (size_t n; *words; words += n, words += strspn(words, " ")) {
        n = strcspn(words, " ");
        const char *equal = memchr(words, '=', n);
        int use = equal ? use_named(words, (size_t)(equal - words)) : -1;
        int form = use < 0 ? -1
                           : fcs_cl_tile_named(cl, (fcs_cl_use)use, equal + 1,
                                               n - (size_t)(equal + 1 - words));
        if (form < 0 || !fcs_cl_tile_choose(cl, (fcs_cl_use)use, form)) {
            memcpy(cl->form, before, sizeof before);
            return ctx->error.status ? FCS_FAILED : unknown(cl, words, n);
        }
    }
    return FCS_OK;
}

/* ---- the file ---- */
/* The driver's text begins with the platform's name. */
static char *path_of(fcs_error *e, const fcs_cl *cl, const char *folder)
{
    char *key = fcs_format(e, "%s\n%.*s", cl->name, (int)strcspn(cl->driver, ","), cl->driver);
    char *path =
        key ? fcs_format(e, "%s/tuning-%016llx.json", folder, (unsigned long long)fcs_hash(key))
            : NULL;
    free(key);
    return path;
}

static const char *string_of(const json_t *object, const char *key)
{
    const char *s = json_string_value(json_object_get(object, key));
    return s ? s : "";
}

/* What is wrong with a table; NULL: nothing, and its forms are taken. */
static const char *apply(fcs_cl *cl, json_t *root)
{
    json_t *forms = json_object_get(root, "forms"), *form;
    const char *use;
    fcs_text t = {0};
    if (!json_is_object(root) || !json_is_object(forms))
        return "not a table of forms";
    if (strcmp(string_of(root, "device"), cl->name) ||
        strcmp(string_of(root, "driver"), cl->driver))
        return "made with another driver";
    json_object_foreach(forms, use, form)
        fcs_text_add(&t, "%s=%s ", use, json_is_string(form) ? json_string_value(form) : "?");
    bool good = !t.failed && set(cl->ctx, t.s ? t.s : "") == FCS_OK;
    free(t.s);
    return good ? NULL : cl->ctx->error.message;
}

void fcs_cl_tuning_load(fcs_cl *cl)
{
    enum { MOST_BYTES = 1 << 16 };
    fcs_error e = {0}; /* no folder, no file: nothing was tuned */
    size_t n = 0;
    json_error_t why;
    fcs_cl_tiles_guess(cl);
    char *folder = fcs_cl_cache_folder(&e, false), *path = folder ? path_of(&e, cl, folder) : NULL;
    FILE *there = path ? fopen(path, "rb") : NULL;
    char *bytes = there ? fcs_file_read(&e, path, MOST_BYTES, &n) : NULL;
    json_t *root = bytes ? json_loadb(bytes, n, JSON_REJECT_DUPLICATES, &why) : NULL;
    if (there) {
        const char *wrong = !bytes ? e.message : !root ? why.text : apply(cl, root);
        if (wrong)
            fcs_note(cl->ctx,
                     "note: %s: %.120s: the tuning is ignored, `facies tune` makes a new one", path,
                     wrong);
        fcs_error_clear(&cl->ctx->error);
        fclose(there);
    }
    json_decref(root);
    free(bytes);
    free(path);
    free(folder);
}

static fcs_status write_table(fcs_cl *cl, const char *path)
{
    fcs_error *e = &cl->ctx->error;
    fcs_file file;
    json_t *forms = json_object();
    for (int u = 0; u < FCS_CL_USES; u++)
        json_object_set_new(forms, fcs_cl_uses[u].name,
                            json_string(fcs_cl_tile_for(cl, (fcs_cl_use)u)->name));
    json_t *root =
        json_pack("{s:s, s:s, s:o}", "device", cl->name, "driver", cl->driver, "forms", forms);
    char *bytes = root ? json_dumps(root, JSON_INDENT(2)) : NULL;
    json_decref(root);
    fcs_status s =
        bytes ? fcs_file_open(e, &file, path) : fcs_fail(e, FCS_FAILED, "%s: out of memory", path);
    if (s == FCS_OK) {
        fprintf(file.f, "%s\n", bytes); /* its errors are the commit's */
        s = fcs_file_commit(e, &file);
    }
    free(bytes);
    return s;
}

static fcs_status keep(fcs_context *ctx)
{
    fcs_cl *cl = ctx->device;
    char *folder = fcs_cl_cache_folder(&ctx->error, true);
    char *path = folder ? path_of(&ctx->error, cl, folder) : NULL;
    fcs_status s = path ? write_table(cl, path) : FCS_FAILED;
    if (s == FCS_OK)
        fcs_note(ctx, "kept in %s", path);
    free(path);
    free(folder);
    return s;
}

static void timing(fcs_context *ctx, bool on) { ((fcs_cl *)ctx->device)->timing = on; }

const fcs_tuning fcs_cl_tuning = {.uses = fcs_cl_uses,
                                  .n_uses = FCS_CL_USES,
                                  .form = form_name,
                                  .choose = choose,
                                  .text = text,
                                  .set = set,
                                  .keep = keep,
                                  .timing = timing};
