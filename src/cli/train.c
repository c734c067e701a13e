/* train.c: facies train. */
#include "cli/cli.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static const cli_option options[] = {
    {"data", 0, CLI_LIST, CLI_AT(data), "PATH",
     "an image, or a folder of images, to learn from (PNG, TIFF); x=PATH, y=PATH and z=PATH: "
     "images "
     "perpendicular to these axes, of which volumes are learnt",
     0, 0},
    {"phases", 0, CLI_TEXT, CLI_AT(phases), "N|T1,T2",
     "phases of a grey image: so many, by Otsu's thresholds where it is noisy; or these thresholds "
     "(data.phases of the recipe)",
     0, 0},
    {"output", 'o', CLI_TEXT, CLI_AT(output), "RUN", "the run folder to make (RECIPE-run)", 0, 0},
    {"steps", 'n', CLI_INT, CLI_AT(steps), "N", "train until step N (train.steps of the recipe)", 1,
     1e15},
    {"minutes", 'm', CLI_REAL, CLI_AT(minutes), "M",
     "stop after M minutes, if the steps are not done before", 0.001, 1e7},
    {"resume", 'r', CLI_FLAG, CLI_AT(resume), NULL, "train the run on from its last checkpoint", 0,
     0},
    {"plan", 'p', CLI_FLAG, CLI_AT(plan), NULL,
     "print the memory that training would take, and end", 0, 0},
    {"tile", 0, CLI_INT, CLI_AT(tile), "N",
     "cut the images into tiles of N x N pixels, scaled to data.size (data.tile of the recipe)", 1,
     65536},
    {"stride", 0, CLI_INT, CLI_AT(stride), "N",
     "from one tile to the next, pixels (that of the tile)", 1, 65536},
    CLI_SET_OPTION,
    {"seed", 0, CLI_INT, CLI_AT(seed), "S", "seed of all random numbers (train.seed of the recipe)",
     0, 9007199254740992.0},
    CLI_COMPUTE_OPTIONS,
    CLI_TABLE_OPTIONS,
    {"quiet", 'q', CLI_FLAG, CLI_AT(quiet), NULL, "no progress and no notes", 0, 0},
    CLI_HELP_OPTION,
};
static const char *const examples[] = {
    "facies train dsgan-small --data rock.png --minutes 30",
    "half an hour; the run goes into dsgan-small-run",
    "facies train --resume -o dsgan-small-run --minutes 30",
    "half an hour more, from where it stopped",
    "facies train dsgan --data rock.png --plan",
    "what memory the paper's full system would take",
    "facies train dsgan --data rock.png -o wide --set generator.width=0.5 --set data.size=192",
    "change values of the recipe",
    "facies train dsgan-small --data photos/ --set data.resize=cover --set data.rotate=true",
    "a folder of images of different sizes, each scaled first, turned and flipped",
    "facies train dsgan-small --data micrograph.tif --tile 128 --stride 64",
    "one large image, cut into overlapping tiles",
    NULL};

/* "dsgan-small-run" for "dsgan-small" and for "some/where/dsgan-small.cfg". */
static char *default_folder(const char *recipe)
{
    const char *slash = strrchr(recipe, '/'), *name = slash ? slash + 1 : recipe;
    size_t n = strlen(name);
    char *folder = malloc(n + 8);
    if (!folder)
        return NULL;
    if (n > 4 && !strcmp(name + n - 4, ".cfg"))
        n -= 4;
    snprintf(folder, n + 8, "%.*s-run", (int)n, name);
    return folder;
}

static int usage(const char *message)
{
    cli_error("train: %s (see facies train --help)", message);
    return FCS_USAGE;
}

static fcs_status create(fcs_context *ctx, const cli_args *a, const char *folder, fcs_run **run)
{
    fcs_recipe *recipe = cli_recipe(ctx, a->operands.items[0], a);
    fcs_data *data = calloc((size_t)a->data.n + 1, sizeof *data);
    fcs_status s = recipe && data ? FCS_OK : FCS_FAILED;
    for (int i = 0; !s && i < a->data.n; i++) {
        const char *item = a->data.items[i];
        bool axis = item[0] >= 'x' && item[0] <= 'z' && item[1] == '=';
        data[i].axis = axis ? item[0] : 0;
        data[i].path = axis ? item + 2 : item;
    }
    if (!s &&
        (s = fcs_run_create(ctx, recipe, data, a->data.n, a->plan ? NULL : folder, run)) != FCS_OK)
        cli_failed(ctx, s);
    fcs_recipe_free(recipe);
    free(data);
    return s;
}

static fcs_status open_run(fcs_context *ctx, const cli_args *a, const char *folder, fcs_run **run)
{
    if (!a->resume)
        return create(ctx, a, folder, run);
    fcs_status s = fcs_run_open(ctx, folder, 1, run);
    if (s)
        cli_failed(ctx, s);
    return s;
}

static int plan(fcs_context *ctx, const cli_args *a, fcs_run *run)
{
    fcs_table *t;
    fcs_status s = fcs_run_plan(run, &t);
    return s ? cli_failed(ctx, s) : cli_table(a, t);
}

static int train(fcs_context *ctx, const cli_args *a, cli_progress *p, fcs_run *run,
                 const char *folder)
{
    const fcs_train_options o = {
        .steps = a->steps, .minutes = a->minutes, .progress = cli_progress_train, .user = p};
    cli_progress_begin(p, a->quiet);
    fcs_status s = fcs_run_train(run, &o);
    cli_progress_end(p);
    if (s)
        return cli_failed(ctx, s);
    if (!a->quiet)
        fprintf(stderr,
                "done: open %s/report.html; facies generate %s -o FILE makes more (sizes and "
                "formats: facies generate --help)\n",
                folder, folder);
    return FCS_OK;
}

static int run_train(const cli_args *a)
{
    cli_progress progress = {0};
    if (a->resume && (a->set.n || a->has_seed || a->data.n || a->tile || a->stride || a->phases))
        return usage("--resume goes on with the run's own recipe and data; --set, --seed, "
                     "--tile, --stride, --phases and --data cannot change them "
                     "(edit RUN/recipe.cfg to)");
    if (a->operands.n == 0 && !(a->resume && a->output))
        return usage("give a RECIPE: facies train RECIPE --data PATH");
    char *made = a->output ? NULL : default_folder(a->operands.items[0]);
    const char *folder = a->output ? a->output : made;
    fcs_context *ctx = folder ? cli_open(a, &progress) : NULL;
    fcs_run *run = NULL;
    int status = FCS_FAILED;
    if (ctx && !open_run(ctx, a, folder, &run))
        status = a->plan ? plan(ctx, a, run) : train(ctx, a, &progress, run, folder);
    fcs_run_close(run);
    cli_close(ctx);
    free(made);
    return status;
}

const cli_command cli_train = {"train",
                               "RECIPE --data PATH",
                               "learn from images; makes a run folder",
                               "Trains the system of RECIPE (a name that `facies list recipes` "
                               "prints, or a .cfg file) on the images at PATH. The run "
                               "folder gets the recipe that was used, log.csv, sample pictures "
                               "made from the same random numbers throughout, "
                               "checkpoint.safetensors and report.html, one page with curves, "
                               "samples beside real crops, and metrics.\n\n"
                               "Ctrl-C stops after the current step and saves. --resume trains on, "
                               "with the same result to the last bit as a run that "
                               "was not interrupted. A loss that is not finite stops the run, "
                               "names the step and the first bad node, and leaves the "
                               "last checkpoint as it was.",
                               options,
                               CLI_COUNT(options),
                               0,
                               1,
                               examples,
                               "generate evaluate show inspect",
                               run_train};
