/* train_and_generate.c: trains a small dilated spatial GAN for a few steps on a picture and writes
 * a new picture. usage: train_and_generate PICTURE RUN-FOLDER OUTPUT.png [STEPS] Build: cc
 * train_and_generate.c $(pkg-config --cflags --libs facies) */
#include <facies.h>
#include <stdlib.h>

static void show(void *user, const fcs_progress *p)
{
    (void)user;
    fprintf(stderr, "step %lld of %lld: %s %.3f\n", (long long)p->step, (long long)p->steps,
            p->loss_names[0], p->losses[0]);
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: %s PICTURE RUN-FOLDER OUTPUT.png [STEPS]\n", argv[0]);
        return FCS_USAGE;
    }
    fcs_context *ctx;
    fcs_recipe *recipe = NULL;
    fcs_run *run = NULL;
    fcs_data data = {0, argv[1]};
    fcs_train_options train = {.steps = argc > 4 ? atoll(argv[4]) : 200, .progress = show};
    fcs_generate_options picture = {.width = 300, .height = 200, .seed = 1};
    fcs_status status = fcs_open(&ctx, NULL);
    if (status == FCS_OK)
        status = fcs_recipe_load(ctx, "dsgan-tiny", &recipe);
    if (status == FCS_OK)
        status = fcs_recipe_set(recipe, "train.seed=3");
    if (status == FCS_OK)
        status = fcs_run_create(ctx, recipe, &data, 1, argv[2], &run);
    if (status == FCS_OK)
        status = fcs_run_train(run, &train);
    if (status == FCS_OK)
        status = fcs_generate(run, &picture, argv[3]);
    if (status != FCS_OK)
        fprintf(stderr, "%s\n", fcs_message(ctx));
    fcs_run_close(run);
    fcs_recipe_free(recipe);
    fcs_close(ctx);
    return (int)status;
}
