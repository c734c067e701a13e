/* show.c: facies show. */
#include "cli/cli.h"

#include <stddef.h>

static const cli_option options[] = {
    {"recipe", 0, CLI_FLAG, CLI_AT(recipe_text), NULL,
     "print the whole recipe as text instead, defaults included", 0, 0},
    CLI_SET_OPTION,
    CLI_TABLE_OPTIONS,
    CLI_HELP_OPTION,
};
static const char *const examples[] = {"facies show dsgan",
                                       "the nets layer by layer",
                                       "facies show dsgan --set generator.width=0.25",
                                       "the same, a quarter as wide",
                                       "facies show dsgan --recipe > mine.cfg",
                                       "a recipe of your own to edit",
                                       NULL};

static int run_show(const cli_args *a)
{
    fcs_context *ctx = cli_open(a, NULL);
    fcs_recipe *r = ctx ? cli_recipe(ctx, a->operands.items[0], a) : NULL;
    int status = FCS_FAILED;
    fcs_table *t;
    if (r && a->recipe_text) {
        const char *text = fcs_recipe_text(r);
        status = text ? FCS_OK : cli_failed(ctx, FCS_FAILED);
        fputs(text ? text : "", stdout);
    } else if (r) {
        fcs_status s = fcs_show(r, &t);
        status = s ? cli_failed(ctx, s) : cli_table(a, t);
    }
    fcs_recipe_free(r);
    cli_close(ctx);
    return status;
}

const cli_command cli_show = {
    "show",
    "RECIPE|RUN",
    "print the nets of a recipe: shapes, parameters, cost",
    "Prints the nets of a recipe, layer by layer: output shape, parameters, floating-point "
    "operations, receptive field and "
    "bytes. RECIPE is a name (facies list recipes) or a file, RUN a run folder.",
    options,
    CLI_COUNT(options),
    1,
    1,
    examples,
    "list train",
    run_show};
