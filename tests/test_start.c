/* test_start.c: every recipe starts and takes two steps, its nets a tenth as wide, with numbers
 * that are finite and weights that move. */
#include "test.h"
#include "train/run.h"

#include <string.h>
#include <unistd.h>

static fcs_context *ctx;

static bool set(fcs_recipe *r, const char *assignment)
{
    fcs_status s = fcs_recipe_set(r, assignment);
    if (s != FCS_OK)
        fprintf(stderr, "%s\n", fcs_message(ctx));
    return s == FCS_OK;
}

/* Smaller than anyone would train it: the wiring is the recipe's. */
static fcs_recipe *small(const char *name)
{
    static const char *const nets[] = {"generator", "discriminator", "encoder"};
    char text[64];
    fcs_recipe *r = NULL;
    CHECK(fcs_recipe_load(ctx, name, &r) == FCS_OK);
    for (size_t i = 0; r && i < sizeof nets / sizeof *nets; i++) {
        snprintf(text, sizeof text, "%s.width=0.1", nets[i]);
        if (fcs_recipe_has(r, nets[i]))
            CHECK(set(r, text));
    }
    CHECK(r && set(r, "train.batch=2"));
    if (r && fcs_recipe_number(r, "loss.passage") != 0)
        CHECK(set(r, "loss.passage_length=48")); /* below data.size */
    if (r && fcs_recipe_number(r, "data.size") > 128)
        CHECK(set(r, "data.size=96"));
    if (r && fcs_scheme_rules_of(r)->volumes)
        CHECK(set(r, "train.real_batch=4") && set(r, "train.batch=1") &&
              set(r, "train.sections=4"));
    return r;
}

static float first_weight(const fcs_model *m)
{
    for (size_t i = 0; i < m->n_tensors; i++) {
        const char *name = m->tensors[i].tensor->name;
        if (!m->tensors[i].parameter || strncmp(name, "generator.", 10) || !strstr(name, ".weight"))
            continue;
        float *v =
            fcs_alloc_array(NULL, (size_t)fcs_shape_count(m->tensors[i].tensor->shape), sizeof *v);
        float first = v && fcs_tensor_get(m->tensors[i].tensor, v) == FCS_OK ? v[0] : NAN;
        free(v);
        return first;
    }
    return NAN;
}

static void test_recipe(const char *name, const fcs_data *data)
{
    fcs_recipe *r = small(name);
    fcs_run *run = NULL;
    double losses[FCS_MAX_LOSSES] = {0};
    fcs_status s = r ? fcs_run_create(ctx, r, data, 1, NULL, &run) : FCS_FAILED;
    float before = run ? first_weight(run->model) : 0;
    for (int i = 0; i < 2 && s == FCS_OK; i++)
        s = fcs_run_step(run, FCS_MAX_LOSSES, losses);
    if (s != FCS_OK)
        fprintf(stderr, "%s: %s\n", name, fcs_message(ctx));
    CHECK(s == FCS_OK);
    for (int i = 0; run && i < run->model->n_losses; i++)
        CHECK(isfinite(losses[i]));
    CHECK(run && run->model->n_losses > 0);
    CHECK(run && fabsf(first_weight(run->model) - before) > 0);
    fcs_run_close(run);
    fcs_recipe_free(r);
}

int main(void)
{
    char path[64];
    fcs_image *image = NULL;
    fcs_table *t = NULL;
    CHECK(fcs_open(&ctx, NULL) == FCS_OK);
    snprintf(path, sizeof path, "test_start_%ld.png", (long)getpid());
    CHECK(fcs_synth(ctx, "channels", 160, 160, 1, 7, &image) == FCS_OK);
    CHECK(fcs_image_write(ctx, image, path) == FCS_OK);
    fcs_image_free(image);
    const fcs_data data = {0, path};
    CHECK(fcs_list(ctx, "recipes", &t) == FCS_OK && fcs_table_rows(t) > 20);
    for (int i = 0; t && i < fcs_table_rows(t); i++)
        test_recipe(fcs_table_text(t, i, 0), &data);
    fcs_table_free(t);
    unlink(path);
    fcs_close(ctx);
    return test_end();
}
