/* test_training.c: training on the first OpenCL device against the CPU. Each of 50 steps, restarted
 * from the CPU's state, and 50 steps running free: the difference is at most ten times that between
 * two of the CPU's own instruction sets. Checkpoints move between devices, generated images agree,
 * node by node the training step is within the ops' bounds. */
#include "cpu/cpu.h"
#include "graph/backend.h"
#include "models/model.h"
#include "test.h"
#include <string.h>
#include <unistd.h>

#define RECIPE                                                                                     \
    "data = { size = 32; };\n"                                                                     \
    "latent = { channels = 2; };\n"                                                                \
    "generator = { init_std = 0.1; average = 0.9; optimizer = { type = \"adam\"; rate = 0.001; "   \
    "}; layers = (\n"                                                                              \
    "  { type = \"deconv\"; filters = 9; kernel = 5; stride = 2; }, { type = \"relu\"; }, { type " \
    "= \"batch_norm\"; },\n"                                                                       \
    "  { type = \"deconv\"; filters = 4; kernel = 5; stride = 2; }, { type = \"relu\"; },\n"       \
    "  { type = \"conv\"; filters = 0; kernel = 5; dilation = 2; }, { type = \"tanh\"; } ); };\n"  \
    "discriminator = { init_std = 0.1; optimizer = { type = \"adam\"; rate = 0.001; }; layers = "  \
    "(\n"                                                                                          \
    "  { type = \"noise\"; }, { type = \"conv\"; filters = 9; kernel = 9; stride = 2; }, { type "  \
    "= \"leaky_relu\"; },\n"                                                                       \
    "  { type = \"conv\"; filters = 1; kernel = 5; stride = 2; spectral = true; } ); };\n"         \
    "loss = { weight_decay = 1e-4; r1 = 0.5; penalty_every = 2; };\n"                              \
    "train = { steps = 100; batch = 2; calibration = 2; };\n"

enum { STEPS = 50 };
static char picture[64], folder[64];

/* A model on a device of its own. */
typedef struct trained {
    fcs_context *ctx;
    fcs_recipe *recipe;
    fcs_dataset *data;
    fcs_model *model;
} trained;

static bool train_on(trained *t, fcs_context *ctx)
{
    const fcs_dataset_options o = {.width = 32, .height = 32, .depth = 1, .low = -1, .high = 1};
    *t = (trained){.ctx = ctx};
    bool good = fcs_dataset_open(ctx, picture, &o, &t->data) == FCS_OK &&
                fcs_recipe_from_text(ctx, RECIPE, NULL, &t->recipe) == FCS_OK &&
                fcs_model_new(ctx, t->recipe, t->data, 1, true, &t->model) == FCS_OK;
    if (!good)
        fprintf(stderr, "%s\n", fcs_message(ctx));
    CHECK(good);
    return good;
}

static void trained_free(trained *t)
{
    fcs_model_free(t->model);
    fcs_recipe_free(t->recipe);
    fcs_dataset_free(t->data);
}

static void step(trained *t, int64_t n)
{
    if (t->model->scheme->step(t->model, n, &t->ctx->error) != FCS_OK) {
        fprintf(stderr, "%s\n", fcs_message(t->ctx));
        CHECK(!"a step fails");
    }
}

/* y = x, tensor by tensor, through the host. */
static void copy_state(const fcs_model *x, fcs_model *y)
{
    for (size_t i = 0; i < x->n_tensors; i++) {
        const fcs_tensor *from = x->tensors[i].tensor;
        fcs_tensor *to = fcs_model_tensor_find(y, from->name);
        float *values = calloc((size_t)fcs_shape_count(from->shape), sizeof *values);
        CHECK(to && values && fcs_tensor_get(from, values) == FCS_OK &&
              fcs_tensor_set(to, values) == FCS_OK);
        free(values);
    }
}

/* Root mean square over all state. */
static double distance(const fcs_model *x, const fcs_model *y)
{
    double sum = 0, n = 0;
    for (size_t i = 0; i < x->n_tensors; i++) {
        const fcs_tensor *a = x->tensors[i].tensor, *b = fcs_model_tensor_find(y, a->name);
        float *p = fcs_tensor_map(a, FCS_MAP_READ), *q = b ? fcs_tensor_map(b, FCS_MAP_READ) : NULL;
        CHECK(p && q);
        for (int64_t k = 0; p && q && k < fcs_shape_floats(a->shape); k++, n++)
            sum += ((double)p[k] - (double)q[k]) * ((double)p[k] - (double)q[k]);
        CHECK(p && fcs_tensor_unmap(a, p) == FCS_OK && q && fcs_tensor_unmap(b, q) == FCS_OK);
    }
    return sqrt(sum / n);
}

static void test_steps(fcs_context *cpu, fcs_context *other, fcs_context *device)
{
    trained a, b, c, b_free, c_free;
    double worst[2] = {0, 0}, floor = 1e-9;
    if (!train_on(&a, cpu) || !train_on(&b, device) || !train_on(&c, other) ||
        !train_on(&b_free, device) || !train_on(&c_free, other))
        return;
    CHECK(distance(a.model, b.model) == 0); /* the same start from the seed */
    for (int n = 0; n < STEPS; n++) {
        copy_state(a.model, b.model);
        copy_state(a.model, c.model);
        trained *all[] = {&a, &b, &c, &b_free, &c_free};
        for (int i = 0; i < 5; i++)
            step(all[i], n);
        double once[2] = {distance(a.model, b.model), distance(a.model, c.model)};
        double far[2] = {distance(a.model, b_free.model), distance(a.model, c_free.model)};
        CHECK(once[0] <= 10 * once[1] + floor);
        CHECK(far[0] <= 10 * far[1] + floor);
        if (n % 10 == 0 || !(once[0] <= 10 * once[1] + floor && far[0] <= 10 * far[1] + floor))
            fprintf(stderr, "step %d: restarted %g (cpu's own %g), free %g (%g)\n", n, once[0],
                    once[1], far[0], far[1]);
        worst[0] = once[0] > worst[0] ? once[0] : worst[0];
        worst[1] = far[0] > worst[1] ? far[0] : worst[1];
    }
    CHECK(worst[0] > 0 && worst[1] >= worst[0]); /* something was computed elsewhere */
    trained_free(&a);
    trained_free(&b);
    trained_free(&c);
    trained_free(&b_free);
    trained_free(&c_free);
}

/* ---- run folders ---- */
static fcs_run *opened(fcs_context *ctx, int resume)
{
    fcs_run *run = NULL;
    if (fcs_run_open(ctx, folder, resume, &run) != FCS_OK)
        fprintf(stderr, "%s\n", fcs_message(ctx));
    CHECK(run != NULL);
    return run;
}

static void two_steps(fcs_run *run)
{
    CHECK(run && fcs_run_step(run, 0, NULL) == FCS_OK && fcs_run_step(run, 0, NULL) == FCS_OK &&
          fcs_run_save(run) == FCS_OK);
    fcs_run_close(run);
}

static fcs_image *generated(fcs_context *ctx)
{
    const fcs_generate_options o = {.width = 150, .height = 90, .seed = 3, .memory = 1 << 20};
    fcs_run *run = opened(ctx, 0);
    fcs_image *image = NULL;
    CHECK(run && fcs_generate_image(run, &o, &image) == FCS_OK);
    fcs_run_close(run);
    return image;
}

/* Begun on the device, resumed on the CPU, resumed on the device; then images from both. */
static void test_moving(fcs_context *cpu, fcs_context *device)
{
    const fcs_data data = {0, picture};
    fcs_recipe *recipe = NULL;
    fcs_run *run = NULL;
    CHECK(fcs_recipe_from_text(device, RECIPE, "test", &recipe) == FCS_OK);
    CHECK(fcs_run_create(device, recipe, &data, 1, folder, &run) == FCS_OK);
    two_steps(run);
    two_steps(opened(cpu, 1));
    two_steps(opened(device, 1));
    fcs_image *a = generated(cpu), *b = generated(device);
    double worst = 0, range = 0;
    for (int64_t i = 0; a && b && i < 150 * 90; i++) {
        double x = (double)((float *)a->data)[i], y = (double)((float *)b->data)[i];
        worst = fabs(x - y) > worst ? fabs(x - y) : worst;
        range = fabs(x - (double)((float *)a->data)[0]) > range
                    ? fabs(x - (double)((float *)a->data)[0])
                    : range;
    }
    CHECK(a && b && worst < 1e-5 && range > 0.01);
    fcs_image_free(a);
    fcs_image_free(b);
    fcs_recipe_free(recipe);
}

static void test_nodes(fcs_context *device)
{
    fcs_table *t = NULL;
    CHECK(fcs_check_model(device, folder, &t) == FCS_OK);
    int nodes = 0;
    for (int i = 0; t && i < fcs_table_rows(t); i++)
        nodes += (int)fcs_table_number(t, i, 6);
    CHECK(nodes > 500);
    fcs_table_free(t);
    CHECK(fcs_check_model(device, "nowhere", &t) == FCS_FAILED && !t);
    CHECK(strstr(fcs_message(device), "nowhere"));
}

static void remove_folder(void)
{
    static const char *const names[] = {"recipe.cfg", "data.txt", "checkpoint.safetensors",
                                        "log.csv",    "lock",     "samples"};
    char path[128];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        if (unlink(path) != 0)
            rmdir(path);
    }
    CHECK(rmdir(folder) == 0);
}

int main(void)
{
    const fcs_options portable = {.isa = "portable"}, first = {.device = "1"};
    fcs_context *cpu = NULL, *other = NULL, *device = NULL;
    fcs_image *image;
    snprintf(picture, sizeof picture, "test_training_%ld.png", (long)getpid());
    snprintf(folder, sizeof folder, "test_training_%ld.run", (long)getpid());
    if (fcs_open(&cpu, NULL) != FCS_OK || fcs_open(&other, &portable) != FCS_OK)
        return 1;
    if (fcs_open(&device, &first) != FCS_OK) {
        printf("skipped: training on an OpenCL device: %s\n", fcs_message(device));
        return 77;
    }
    CHECK(fcs_synth(cpu, "channels", 160, 128, 1, 7, &image) == FCS_OK);
    CHECK(fcs_image_write(cpu, image, picture) == FCS_OK);
    fcs_image_free(image);
    test_steps(cpu, other, device);
    test_moving(cpu, device);
    test_nodes(device);
    remove_folder();
    remove(picture);
    CHECK(device->allocated == 0 && cpu->allocated == 0);
    fcs_close(device);
    fcs_close(other);
    fcs_close(cpu);
    return test_end();
}
