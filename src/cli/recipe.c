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
    char text[64];
    const struct {
        const char *key;
        int64_t value;
        bool given;
    } numbers[] = {{"train.seed", a->seed, a->has_seed},
                   {"data.tile", a->tile, a->tile > 0},
                   {"data.stride", a->stride, a->stride > 0}};
    fcs_status s = load(ctx, word, &r);
    for (int i = 0; !s && i < a->set.n; i++)
        s = fcs_recipe_set(r, a->set.items[i]);
    for (size_t i = 0; !s && i < sizeof numbers / sizeof *numbers; i++) {
        snprintf(text, sizeof text, "%s=%" PRId64, numbers[i].key, numbers[i].value);
        if (numbers[i].given)
            s = fcs_recipe_set(r, text);
    }
    if (!s && a->phases) {
        char phases[400];
        snprintf(phases, sizeof phases, "data.phases=%s", a->phases);
        s = fcs_recipe_set(r, phases);
    }
    if (!s)
        return r;
    cli_failed(ctx, s);
    fcs_recipe_free(r);
    return NULL;
}
