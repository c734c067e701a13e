/* list.c: fcs_list: every registry as a table. The one file that knows all of them. */
#include "cpu/cpu.h"
#include "graph/graph.h"
#include "image/synth.h"
#include "layers/layers.h"
#include "losses/losses.h"
#include "metrics/metrics.h"
#include "opencl/devices.h"
#include "optim/optim.h"
#include "recipe/recipe.h"
#include <stdlib.h>
#include <string.h>

/* ---- entries with params: a row for the entry, then one a param ---- */
static fcs_table *param_table(fcs_error *e)
{
    static const char *const columns[] = {"name", "parameter", "default", "range", "text"};
    return fcs_table_new(e, columns, 5);
}

static fcs_status add_params(fcs_error *e, fcs_table *t, const char *name, const char *text,
                             const fcs_param *params, int n)
{
    fcs_status status = fcs_table_add(e, t, "sssss", name, NULL, NULL, NULL, text);
    for (int i = 0; i < n && status == FCS_OK; i++) {
        char standard[64], range[96];
        fcs_param_standard(&params[i], standard);
        fcs_param_range(&params[i], range);
        status =
            fcs_table_add(e, t, "sssss", name, params[i].name, standard, range, params[i].text);
    }
    return status;
}

static fcs_status list_layers(fcs_context *ctx, fcs_table *t)
{
    fcs_error *e = &ctx->error;
    fcs_status status = add_params(e, t, "(every layer)", "what every layer has", fcs_layer_common,
                                   FCS_LAYER_COMMON);
    for (int i = 0; i < fcs_n_layers && status == FCS_OK; i++)
        status = add_params(e, t, fcs_layers[i]->name, fcs_layers[i]->text, fcs_layers[i]->params,
                            fcs_layers[i]->n_params);
    return status;
}

static fcs_status list_optimizers(fcs_context *ctx, fcs_table *t)
{
    fcs_status status = FCS_OK;
    for (int i = 0; i < fcs_n_optimizers && status == FCS_OK; i++)
        status = add_params(&ctx->error, t, fcs_optimizers[i]->name, fcs_optimizers[i]->text,
                            fcs_optimizers[i]->params, fcs_optimizers[i]->n_params);
    return status;
}

static fcs_status list_keys(fcs_context *ctx, fcs_table *t)
{
    fcs_status status = FCS_OK;
    for (int i = 0; i < fcs_n_sections && status == FCS_OK; i++) {
        const fcs_section *s = &fcs_sections[i];
        fcs_param params[FCS_MAX_PARAMS];
        bool loss = strcmp(s->path, "loss") == 0;
        memcpy(params, s->params, (size_t)s->n * sizeof *params);
        int n = loss ? fcs_loss_params(params) : s->n;
        status = add_params(&ctx->error, t, *s->path ? s->path : "(top)", s->text, params, n);
    }
    return status;
}

/* ---- entries with a name and a text ---- */
static fcs_table *text_table(fcs_error *e)
{
    static const char *const columns[] = {"name", "kind", "text"};
    return fcs_table_new(e, columns, 3);
}

static fcs_status list_losses(fcs_context *ctx, fcs_table *t)
{
    fcs_status status = FCS_OK;
    for (int i = 0; i < fcs_n_losses && status == FCS_OK; i++)
        status = fcs_table_add(&ctx->error, t, "sss", fcs_losses[i]->name,
                               fcs_losses[i]->gan        ? "loss.gan"
                               : fcs_losses[i]->distance ? "loss.image"
                                                         : "weight",
                               fcs_losses[i]->text);
    return status;
}

static fcs_status list_ops(fcs_context *ctx, fcs_table *t)
{
    fcs_status status = FCS_OK;
    for (int i = 0; i < fcs_n_ops && status == FCS_OK; i++)
        status = fcs_table_add(&ctx->error, t, "sss", fcs_ops[i]->name, fcs_ops[i]->family,
                               fcs_ops[i]->text);
    return status;
}

static fcs_status list_metrics(fcs_context *ctx, fcs_table *t)
{
    static const char *const kinds[] = {[FCS_METRIC_SCALAR] = "number",
                                        [FCS_METRIC_HISTOGRAM] = "histogram",
                                        [FCS_METRIC_CURVE] = "curve",
                                        [FCS_METRIC_SET] = "set"};
    fcs_status status = FCS_OK;
    for (int i = 0; i < fcs_metric_count && status == FCS_OK; i++)
        status = fcs_table_add(&ctx->error, t, "sss", fcs_metrics[i].name,
                               kinds[fcs_metrics[i].kind], fcs_metrics[i].definition);
    return status;
}

static fcs_status list_synth(fcs_context *ctx, fcs_table *t)
{
    int n;
    const fcs_synth_kind *kinds = fcs_synth_kinds(&n);
    fcs_status status = FCS_OK;
    for (int i = 0; i < n && status == FCS_OK; i++)
        status = fcs_table_add(&ctx->error, t, "sss", kinds[i].name, "image", kinds[i].text);
    return status;
}

static fcs_status list_recipes(fcs_context *ctx, fcs_table *t)
{
    fcs_status status = FCS_OK;
    for (const fcs_embedded *known = fcs_embedded_recipes; known->name && status == FCS_OK;
         known++) {
        fcs_recipe *r;
        status = fcs_recipe_load(ctx, known->name, &r);
        if (status != FCS_OK)
            break;
        status = fcs_table_add(&ctx->error, t, "sss", known->name, fcs_recipe_word(r, "scheme"),
                               fcs_recipe_word(r, "title"));
        fcs_recipe_free(r);
    }
    return status;
}

static fcs_status list_schemes(fcs_context *ctx, fcs_table *t)
{
    fcs_status status = FCS_OK;
    for (const fcs_scheme_rules *rules = fcs_scheme_table; rules->name && !status; rules++) {
        fcs_text nets = {0};
        for (const fcs_scheme_net *net = rules->nets; net->name; net++)
            fcs_text_add(&nets, "%s%s%s", net == rules->nets ? "" : ", ", net->name,
                         net->optional ? " (optional)" : "");
        status = fcs_table_add(&ctx->error, t, "sss", rules->name, nets.s, rules->text);
        free(nets.s);
    }
    return status;
}

static fcs_status list_isas(fcs_context *ctx, fcs_table *t)
{
    fcs_status status = FCS_OK;
    for (int i = 0; fcs_isas[i] && status == FCS_OK; i++)
        status = fcs_table_add(&ctx->error, t, "sss", fcs_isas[i]->name,
                               ctx->isa == fcs_isas[i] ? "in use" : "cpu",
                               fcs_isas[i]->available() ? "runs here" : "not on this machine");
    return status;
}

static fcs_status list_devices(fcs_context *ctx, fcs_table *t)
{
    char text[96];
    snprintf(text, sizeof text, "%d threads, instruction set %s", fcs_team_size(ctx->team),
             ctx->isa->name);
    fcs_status status = fcs_table_add(&ctx->error, t, "sss", "cpu", "cpu", text);
    return status == FCS_OK ? fcs_devices_list(ctx, t) : status;
}

static const struct {
    const char *name;
    fcs_table *(*table)(fcs_error *e);
    fcs_status (*fill)(fcs_context *ctx, fcs_table *t);
} lists[] = {
    {"ops", text_table, list_ops},         {"layers", param_table, list_layers},
    {"losses", text_table, list_losses},   {"optimizers", param_table, list_optimizers},
    {"recipes", text_table, list_recipes}, {"keys", param_table, list_keys},
    {"metrics", text_table, list_metrics}, {"synth", text_table, list_synth},
    {"isas", text_table, list_isas},       {"devices", text_table, list_devices},
    {"schemes", text_table, list_schemes},
};

fcs_status fcs_list(fcs_context *ctx, const char *what, fcs_table **out)
{
    enum { N = sizeof lists / sizeof lists[0] };
    const char *names[N];
    fcs_error_clear(&ctx->error);
    *out = NULL;
    for (int i = 0; i < N; i++) {
        names[i] = lists[i].name;
        if (strcmp(lists[i].name, what) != 0)
            continue;
        fcs_table *t = lists[i].table(&ctx->error);
        fcs_status status = t ? lists[i].fill(ctx, t) : FCS_FAILED;
        if (status == FCS_OK)
            *out = t;
        else
            fcs_table_free(t);
        return status;
    }
    const char *near = fcs_nearest(what, names, N);
    return fcs_fail(&ctx->error, FCS_USAGE,
                    "no list \"%.60s\"; did you mean \"%s\"? There are ops, layers, losses, "
                    "optimizers, recipes, schemes, keys, metrics, synth, isas, devices",
                    what, near ? near : "ops");
}
