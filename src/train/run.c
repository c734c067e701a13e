/* run.c: opening and closing runs. A run folder holds recipe.cfg, data.txt (where the training data
 * lies), log.csv, checkpoint.safetensors, samples/, report.html and lock. */
#include "train/run.h"
#include "losses/losses.h"
#include "train/folder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { RECIPE_LIMIT = 1 << 24 };

char *fcs_run_path(fcs_run *run, const char *name)
{
    return fcs_format(&run->ctx->error, "%s/%s", run->folder, name);
}

static fcs_run *run_new(fcs_context *ctx, const char *folder)
{
    fcs_run *run = fcs_alloc(&ctx->error, sizeof *run);
    if (!run)
        return NULL;
    run->ctx = ctx;
    run->lock = -1;
    run->saved = run->sampled = run->calibrated = -1;
    run->folder = folder ? fcs_strdup(&ctx->error, folder) : NULL;
    if (!folder || run->folder)
        return run;
    free(run);
    return NULL;
}

void fcs_run_close(fcs_run *run)
{
    if (!run)
        return;
    fcs_log_close(run);
    fcs_generator_free(&run->generator);
    fcs_model_free(run->model);
    fcs_dataset_free(run->data);
    fcs_recipe_free(run->recipe);
    if (run->lock >= 0)
        close(run->lock);
    free(run->sample);
    free(run->folder);
    free(run->data_path);
    for (int i = 0; i < 3; i++)
        free(run->axis_paths[i]);
    free(run);
}

/* ---- data ---- */

/* With crops at random places few images may be enough; tiles are all there is. Volumes can be made
 * from a single crop, of which the data set says so. */
static fcs_status check_count(const fcs_run *run)
{
    long long n = fcs_dataset_crops(run->data),
              side = (long long)fcs_recipe_number(run->recipe, "data.size"),
              batch = (long long)fcs_recipe_number(run->recipe, "train.batch");
    if (n >= batch || fcs_scheme_rules_of(run->recipe)->volumes)
        return FCS_OK;
    return fcs_fail(
        &run->ctx->error, FCS_FAILED,
        "%s: holds %lld different crops of %lld x %lld pixels, fewer than a batch of "
        "%lld: use --set train.batch=%lld or less, more or larger images, or tiles that "
        "overlap (a smaller data.stride)",
        run->data_path, n, side, side, batch, n);
}

fcs_status fcs_run_open_data(fcs_run *run)
{
    const fcs_recipe *r = run->recipe;
    int64_t side = (int64_t)fcs_recipe_number(r, "data.size");
    const char *resize = fcs_recipe_word(r, "data.resize");
    const fcs_fitting fitting = {
        .fit = !strcmp(resize, "cover")     ? FCS_FIT_COVER
               : !strcmp(resize, "stretch") ? FCS_FIT_STRETCH
                                            : FCS_FIT_NONE,
        .filter = !strcmp(fcs_recipe_word(r, "data.filter"), "area") ? FCS_FILTER_AREA
                                                                     : FCS_FILTER_BILINEAR,
        .tile = (int64_t)fcs_recipe_number(r, "data.tile"),
        .stride = (int64_t)fcs_recipe_number(r, "data.stride"),
    };
    const fcs_dataset_options o = {
        .width = side,
        .height = side,
        .depth = (int64_t)fcs_recipe_number(r, "data.depth"),
        .low = fcs_recipe_number(r, "data.low"),
        .high = fcs_recipe_number(r, "data.high"),
        .flip_x = fcs_recipe_number(r, "data.flip_x") != 0,
        .flip_y = fcs_recipe_number(r, "data.flip_y") != 0,
        .rotate = fcs_recipe_number(r, "data.rotate") != 0,
        .phases = fcs_recipe_word(r, "data.phases"),
        .channels = (int)fcs_recipe_number(r, "data.channels"),
        .fitting = fitting,
    };
    char *const *axes = run->axis_paths;
    const char *const paths[3] = {axes[0], axes[1], axes[2]};
    fcs_status s = axes[0] ? fcs_dataset_open_axes(run->ctx, paths, &o, &run->data)
                           : fcs_dataset_open(run->ctx, run->data_path, &o, &run->data);
    return s ? s : check_count(run);
}

void fcs_run_data_name(const fcs_run *run, char *text, size_t size)
{
    char *const *axes = run->axis_paths;
    if (axes[0])
        snprintf(text, size, "%.80s (x), %.80s (y), %.80s (z)", fcs_file_name(axes[0]),
                 fcs_file_name(axes[1]), fcs_file_name(axes[2]));
    else
        snprintf(text, size, "%.250s", fcs_file_name(run->data_path));
}

void fcs_run_fitting(const fcs_run *run, fcs_evaluate_options *o)
{
    const char *resize = fcs_recipe_word(run->recipe, "data.resize");
    o->tile = (int64_t)fcs_recipe_number(run->recipe, "data.tile");
    o->stride = (int64_t)fcs_recipe_number(run->recipe, "data.stride");
    o->resize = strcmp(resize, "none") ? resize : NULL;
}

/* The data's absolute path, so that the run can be resumed from any folder. */
static char *absolute(fcs_error *e, const char *path)
{
    char here[4096];
    if (strchr(path, '\n')) {
        fcs_fail(e, FCS_FAILED, "%s: facies cannot keep a path with a line break: rename it", path);
        return NULL;
    }
    if (path[0] == '/')
        return fcs_strdup(e, path);
    if (getcwd(here, sizeof here))
        return fcs_format(e, "%s/%s", here, path);
    fcs_fail(e, FCS_FAILED, "the working folder has no name (%s): give --data as /FULL/PATH",
             strerror(errno));
    return NULL;
}

static fcs_status name_axes(fcs_run *run, const fcs_data *data, int n)
{
    fcs_error *e = &run->ctx->error;
    const char *paths[3] = {NULL};
    for (int i = 0; i < n; i++)
        if (data[i].axis)
            paths[data[i].axis - 'x'] = data[i].path;
    if (!fcs_scheme_rules_of(run->recipe)->volumes)
        return fcs_fail(
            e, FCS_FAILED,
            "--data %c=%s: this recipe learns from one image or folder: give --data PATH "
            "once",
            data[0].axis, data[0].path);
    if (n != 3 || !paths[0] || !paths[1] || !paths[2])
        return fcs_fail(e, FCS_FAILED,
                        "--data: give one image for all axes, --data PATH, or one for each: --data "
                        "x=PATH --data y=PATH --data z=PATH, perpendicular to that axis");
    for (int i = 0; i < 3; i++)
        if (!(run->axis_paths[i] = absolute(e, paths[i])))
            return FCS_FAILED;
    run->data_path = fcs_strdup(e, run->axis_paths[0]);
    return run->data_path ? FCS_OK : FCS_FAILED;
}

static fcs_status name_data(fcs_run *run, const fcs_data *data, int n)
{
    fcs_error *e = &run->ctx->error;
    if (n < 1)
        return fcs_fail(e, FCS_FAILED,
                        "no training data: give an image or a folder of images with --data PATH");
    if (data[0].axis)
        return name_axes(run, data, n);
    if (n > 1)
        return fcs_fail(
            e, FCS_FAILED,
            "--data %s: this recipe learns from one image or folder: give --data PATH once",
            data[n - 1].path);
    run->data_path = absolute(e, data[0].path);
    return run->data_path ? FCS_OK : FCS_FAILED;
}

/* What the data asks for is saved with the run. Phases are counted once; terms that make all axes
 * alike do not go with an image for each. */
static fcs_status fit_recipe(fcs_run *run)
{
    char text[64];
    fcs_status s = FCS_OK;
    if (fcs_dataset_phases(run->data)) {
        snprintf(text, sizeof text, "data.channels=%d", fcs_dataset_channels(run->data));
        s = fcs_recipe_set(run->recipe, text);
    }
    for (int i = 0; i < fcs_n_losses && run->axis_paths[0] && !s; i++) {
        snprintf(text, sizeof text, "loss.%s", fcs_losses[i]->name);
        if (!fcs_losses[i]->of_alike || fcs_recipe_number(run->recipe, text) == 0)
            continue;
        snprintf(text, sizeof text, "loss.%s=0", fcs_losses[i]->name);
        fcs_note(run->ctx, "each axis has an image of its own: %s", text);
        s = fcs_recipe_set(run->recipe, text);
    }
    return s;
}

static fcs_status make_model(fcs_run *run, int channels)
{
    fcs_status s =
        fcs_model_new(run->ctx, run->recipe, run->data, channels, run->training, &run->model);
    if (!s)
        run->seed = run->model->seed;
    return s;
}

/* ---- creating ---- */

static fcs_status take_folder(fcs_run *run, bool *made)
{
    fcs_error *e = &run->ctx->error;
    fcs_status s = fcs_folder_make(e, run->folder, made);
    if (!s)
        s = fcs_folder_lock(e, run->folder, &run->lock);
    if (!s && fcs_folder_has(run->folder, "recipe.cfg"))
        s = fcs_fail(
            e, FCS_FAILED,
            "%s: holds a run already: train it on with --resume, or give another folder with -o",
            run->folder);
    return s;
}

static fcs_status write_folder(fcs_run *run)
{
    fcs_error *e = &run->ctx->error;
    char *const *axes = run->axis_paths;
    char *line = axes[0] ? fcs_format(e, "x=%s\ny=%s\nz=%s\n", axes[0], axes[1], axes[2])
                         : fcs_format(e, "%s\n", run->data_path);
    bool made;
    if (!line)
        return FCS_FAILED;
    fcs_status s = fcs_folder_write(e, run->folder, "data.txt", line);
    free(line);
    char *samples = s ? NULL : fcs_run_path(run, "samples");
    s = samples ? fcs_folder_make(e, samples, &made) : FCS_FAILED;
    free(samples);
    /* Last, because it is what makes the folder a run. */
    return s ? s : fcs_folder_write(e, run->folder, "recipe.cfg", fcs_recipe_text(run->recipe));
}

static void take_back(fcs_run *run, bool made)
{
    static const char *const names[] = {"data.txt", "samples"};
    for (size_t i = 0; made && i < sizeof names / sizeof *names; i++) {
        char *path = fcs_format(NULL, "%s/%s", run->folder, names[i]);
        if (path && unlink(path) != 0)
            rmdir(path);
        free(path);
    }
    fcs_folder_undo(run->folder, made, run->lock);
    run->lock = -1;
}

/* A copy of the recipe, complete and checked. */
static fcs_status take_recipe(fcs_run *run, fcs_recipe *recipe)
{
    const char *text = fcs_recipe_text(recipe);
    fcs_status s =
        text ? fcs_recipe_from_text(run->ctx, text, recipe->name, &run->recipe) : FCS_FAILED;
    return s ? s : fcs_recipe_check(run->recipe, &run->ctx->error);
}

fcs_status fcs_run_create(fcs_context *ctx, fcs_recipe *recipe, const fcs_data *data, int n_data,
                          const char *folder, fcs_run **out)
{
    bool made = false;
    *out = NULL;
    fcs_error_clear(&ctx->error);
    fcs_run *run = run_new(ctx, folder);
    if (!run)
        return FCS_FAILED;
    run->training = true;
    fcs_status s = take_recipe(run, recipe);
    if (!s)
        s = name_data(run, data, n_data);
    if (!s && folder)
        s = take_folder(run, &made);
    if (!s)
        s = fcs_run_open_data(run);
    if (!s)
        s = fit_recipe(run);
    if (!s)
        s = make_model(run, fcs_dataset_channels(run->data));
    /* Too large a run shall not leave a folder that no other can take. */
    if (!s && folder)
        s = fcs_plan_share(run->model->plans, run->model->n_plans, &ctx->error);
    if (!s && folder)
        s = write_folder(run);
    if (!s) {
        *out = run;
        return FCS_OK;
    }
    if (folder)
        take_back(run, made);
    fcs_run_close(run);
    return s;
}

fcs_status fcs_run_untrained(fcs_context *ctx, fcs_recipe *recipe, fcs_run **out)
{
    *out = NULL;
    fcs_error_clear(&ctx->error);
    fcs_run *run = run_new(ctx, NULL);
    if (!run)
        return FCS_FAILED;
    fcs_status s = take_recipe(run, recipe);
    if (!s)
        s = make_model(run, fcs_recipe_channels(run->recipe));
    if (s) {
        fcs_run_close(run);
        return s;
    }
    *out = run;
    return FCS_OK;
}

/* ---- opening ---- */

static fcs_status read_recipe(fcs_run *run)
{
    char *path = fcs_run_path(run, "recipe.cfg");
    if (!path)
        return FCS_FAILED;
    fcs_status s = FCS_FAILED;
    if (!fcs_folder_has(run->folder, "recipe.cfg")) {
        s = fcs_fail(&run->ctx->error, FCS_FAILED, "%s: not a run folder: it has no recipe.cfg",
                     run->folder);
    } else {
        char *text = fcs_file_read(&run->ctx->error, path, RECIPE_LIMIT, NULL);
        s = text ? fcs_recipe_from_text(run->ctx, text, path, &run->recipe) : FCS_FAILED;
        free(text);
    }
    free(path);
    return s ? s : fcs_recipe_check(run->recipe, &run->ctx->error);
}

/* "x=PATH", "y=PATH", "z=PATH" in the lines of data.txt, or one absolute path. */
static fcs_status split_axes(fcs_run *run)
{
    const char *line = run->data_path;
    for (int i = 0; i < 3 && line[0] == 'x' + i && line[1] == '='; i++) {
        size_t n = strcspn(line, "\n");
        run->axis_paths[i] = fcs_format(&run->ctx->error, "%.*s", (int)n - 2, line + 2);
        if (!run->axis_paths[i])
            return FCS_FAILED;
        line += n + (line[n] == '\n');
    }
    if (!run->axis_paths[0])
        return FCS_OK;
    if (!run->axis_paths[2])
        return fcs_fail(&run->ctx->error, FCS_FAILED,
                        "%s/data.txt: must name x=, y= and z=", run->folder);
    free(run->data_path);
    run->data_path = fcs_strdup(&run->ctx->error, run->axis_paths[0]);
    return run->data_path ? FCS_OK : FCS_FAILED;
}

fcs_status fcs_run_find_data(fcs_run *run)
{
    char *path = fcs_run_path(run, "data.txt");
    run->data_path = path ? fcs_file_read(&run->ctx->error, path, RECIPE_LIMIT, NULL) : NULL;
    free(path);
    if (!run->data_path)
        return FCS_FAILED;
    fcs_status s = split_axes(run);
    if (!s)
        run->data_path[strcspn(run->data_path, "\n")] = 0;
    return s;
}

static fcs_status open_for_training(fcs_run *run)
{
    fcs_error *e = &run->ctx->error;
    run->training = true;
    fcs_status s = read_recipe(run);
    if (!s)
        s = fcs_folder_lock(e, run->folder, &run->lock);
    if (!s)
        s = fcs_run_find_data(run);
    if (!s)
        s = fcs_run_open_data(run);
    bool begun = fcs_folder_has(run->folder, "checkpoint.safetensors");
    char *path = fcs_run_path(run, "checkpoint.safetensors");
    if (!path)
        s = FCS_FAILED;
    if (!s && begun)
        s = fcs_checkpoint_tuning(run, path);
    if (!s)
        s = make_model(run, fcs_dataset_channels(run->data));
    if (!s && begun)
        s = fcs_checkpoint_load(run, path, true);
    else if (!s)
        fcs_note(run->ctx, "note: %s has no checkpoint yet: training starts at step 0",
                 run->folder);
    free(path);
    return s;
}

/* A folder, or a checkpoint file by itself: its metadata holds the recipe. */
static fcs_status open_for_generating(fcs_run *run)
{
    fcs_error *e = &run->ctx->error;
    size_t n = strlen(run->folder);
    bool file = n > 12 && !strcmp(run->folder + n - 12, ".safetensors");
    char *path = file ? fcs_strdup(e, run->folder) : fcs_run_path(run, "checkpoint.safetensors");
    fcs_recipe *inside = NULL;
    int channels = 0;
    fcs_status s = path ? FCS_OK : FCS_FAILED;
    if (!s && !file)
        s = read_recipe(run);
    if (!s && !file && !fcs_folder_has(run->folder, "checkpoint.safetensors"))
        s = fcs_fail(e, FCS_FAILED, "%s: has no checkpoint yet: let it train until the first one",
                     run->folder);
    if (!s)
        s = fcs_checkpoint_recipe(run->ctx, path, &inside, &channels);
    if (!s && file) {
        run->recipe = inside;
        inside = NULL;
        s = fcs_recipe_check(run->recipe, e);
    }
    fcs_recipe_free(inside);
    if (!s)
        s = make_model(run, channels);
    if (!s)
        s = fcs_checkpoint_load(run, path, false);
    free(path);
    return s;
}

fcs_status fcs_run_open(fcs_context *ctx, const char *folder, int resume, fcs_run **out)
{
    *out = NULL;
    fcs_error_clear(&ctx->error);
    fcs_run *run = run_new(ctx, folder);
    if (!run)
        return FCS_FAILED;
    fcs_status s = resume ? open_for_training(run) : open_for_generating(run);
    if (s) {
        fcs_run_close(run);
        return s;
    }
    *out = run;
    return FCS_OK;
}
