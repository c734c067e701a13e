/* recipe.c: finding the recipe that a word means. */
#include "cli/cli.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static fcs_status load(fcs_context *ctx, const char *word, fcs_recipe **r)
{
    size_t n = strlen(word) + 16;
    char *path = malloc(n);
    if (!path)
        return fcs_recipe_load(ctx, word, r);
    snprintf(path, n, "%s/recipe.cfg", word);
    fcs_status s = fcs_recipe_load(ctx, access(path, F_OK) == 0 ? path : word, r);
    free(path);
    return s;
}

fcs_recipe *cli_recipe(fcs_context *ctx, const char *word, const cli_args *a)
{
    fcs_recipe *r = NULL;
    char seed[64];
    fcs_status s = load(ctx, word, &r);
    for (int i = 0; !s && i < a->set.n; i++)
        s = fcs_recipe_set(r, a->set.items[i]);
    snprintf(seed, sizeof seed, "train.seed=%" PRId64, a->seed);
    if (!s && a->has_seed)
        s = fcs_recipe_set(r, seed);
    if (!s)
        return r;
    cli_failed(ctx, s);
    fcs_recipe_free(r);
    return NULL;
}
