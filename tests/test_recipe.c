/* test_recipe.c: recipes: what ships loads and counts as SYSTEMS.md says, bad keys and values give
 * one clear line, text reads back the same. */
#include "facies.h"
#include "layers/layers.h"
#include "recipe/recipe.h"
#include "test.h"
#include <string.h>

static fcs_context *ctx;

static fcs_recipe *load(const char *name)
{
    fcs_recipe *r;
    if (fcs_recipe_load(ctx, name, &r) != FCS_OK)
        fprintf(stderr, "%s: %s\n", name, fcs_message(ctx));
    return r;
}

/* The total of a net, by the table; -1 if it is not there. */
static double parameters_with(const char *recipe, const char *net, const char *assignment)
{
    fcs_table *t;
    double found = -1;
    fcs_recipe *r = load(recipe);
    if (!r)
        return -1;
    if (assignment && fcs_recipe_set(r, assignment) != FCS_OK)
        fprintf(stderr, "%s: %s\n", recipe, fcs_message(ctx));
    if (fcs_show(r, &t) == FCS_OK) {
        for (int i = 0; i < fcs_table_rows(t); i++)
            if (strcmp(fcs_table_text(t, i, 0), net) == 0 &&
                strcmp(fcs_table_text(t, i, 1), "total") == 0)
                found = fcs_table_number(t, i, 4);
        fcs_table_free(t);
    } else {
        fprintf(stderr, "%s: %s\n", recipe, fcs_message(ctx));
    }
    fcs_recipe_free(r);
    return found;
}

static double parameters(const char *recipe, const char *net)
{
    return parameters_with(recipe, net, NULL);
}

/* SYSTEMS.md, sections 1 and 2. */
static void test_counts(void)
{
    CHECK(parameters("dsgan", "generator") == 8636162);
    CHECK(parameters("slicegan", "generator") == 11548544);
    CHECK(parameters("slicegan-code", "generator") == 13121408);
    CHECK(parameters("slicegan", "discriminator") == 2763776);
    CHECK(parameters("dsgan", "discriminator") == 13983040);
    CHECK(parameters("sgan", "generator") == 4318081);
    CHECK(parameters("sgan", "discriminator") == 13983040);
    /* what other frameworks count for the same nets (bench/models.py) */
    CHECK(parameters("bench-dsgan", "generator") == 4471169);
    CHECK(parameters("bench-dsgan", "discriminator") == 13984001);
    CHECK(parameters("bench-material", "generator") == 1303937);
    CHECK(parameters("bench-material", "discriminator") == 99649);
    CHECK(parameters("bench-slicegan", "generator") == 13121408);
    CHECK(parameters("bench-slicegan", "discriminator") == 2763776);
    /* by hand: 25 * 4*128 + 25 * (128*64 + 64*32 + 32*16 + 16) + biases 241 + norms 480, then
     * 25 * (16 + 3*256 + 16) + biases 65 + norms 128 */
    CHECK(parameters("dsgan-small", "generator") ==
          25 * (512 + 8192 + 2048 + 512 + 16) + 241 + 480 + 25 * 800 + 65 + 128);
    static const char *const gans[] = {"material-gan", "material-gan-code"};
    for (int i = 0; i < 2; i++) {
        CHECK(parameters(gans[i], "generator") == 1303937);
        CHECK(parameters(gans[i], "discriminator") == 99649);
        CHECK(parameters_with(gans[i], "generator", "data.size=128") == 8742273);
        CHECK(parameters_with(gans[i], "discriminator", "data.size=128") == 105793);
    }
    /* by hand: 16 (32 + 32*64 + 64*128 + 128*256 + 256*512) + biases, 2 (8192*64 + 64); back */
    CHECK(parameters("material-vae", "encoder") == 16 * 174112 + 992 + 2 * 524352);
    CHECK(parameters("material-vae", "generator") == 64 * 8192 + 8192 + 16 * 174112 + 481);
    CHECK(parameters_with("material-gan", "generator", "generator.norm=none") == 1303937 - 640);
    CHECK(parameters_with("material-gan", "generator", "generator.norm_affine=fixed") ==
          1303937 - 640);
}

static void test_shipped(void)
{
    int n = 0;
    for (const fcs_embedded *known = fcs_embedded_recipes; known->name; known++, n++) {
        fcs_recipe *r = load(known->name), *again;
        CHECK(r != NULL);
        if (!r)
            continue;
        CHECK(strcmp(fcs_recipe_word(r, "name"), known->name) == 0);
        CHECK(parameters(known->name, "generator") > 0);
        CHECK(parameters(known->name, "discriminator") > 0 ||
              (!fcs_recipe_has(r, "discriminator") && parameters(known->name, "encoder") > 0));
        /* complete text reads back the same, and is complete already */
        const char *text = fcs_recipe_text(r);
        CHECK(strstr(text, "eps = ") && strstr(text, "calibration = "));
        CHECK(fcs_recipe_from_text(ctx, text, "text", &again) == FCS_OK);
        CHECK(again && strcmp(fcs_recipe_text(again), text) == 0);
        fcs_recipe_free(again);
        fcs_recipe_free(r);
    }
    CHECK(n >= 7);
}

/* The embedded bytes are those of the files. */
static void test_embedded(void)
{
    const char *top = getenv("top_srcdir");
    for (const fcs_embedded *known = fcs_embedded_recipes; known->name; known++) {
        char path[512], line[512];
        snprintf(path, sizeof path, "%s/data/recipes/%s.cfg", top ? top : ".", known->name);
        FILE *f = fopen(path, "r");
        CHECK(f != NULL);
        const char *const *want = known->lines;
        while (f && fgets(line, sizeof line, f)) {
            line[strcspn(line, "\n")] = 0;
            CHECK(*want && strcmp(*want, line) == 0);
            want += *want != NULL;
        }
        CHECK(f && *want == NULL);
        if (f)
            fclose(f);
    }
}

/* Setting it fails, with words of the message, and changes nothing. */
static void refuse(fcs_recipe *r, const char *assignment, const char *words)
{
    char before[65536];
    snprintf(before, sizeof before, "%s", fcs_recipe_text(r));
    CHECK(fcs_recipe_set(r, assignment) == FCS_FAILED);
    if (!strstr(fcs_message(ctx), words))
        fprintf(stderr, "%s: \"%s\" lacks \"%s\"\n", assignment, fcs_message(ctx), words);
    CHECK(strstr(fcs_message(ctx), words) != NULL);
    CHECK(strchr(fcs_message(ctx), '\n') == NULL);
    CHECK(strcmp(before, fcs_recipe_text(r)) == 0);
}

static void test_refused(void)
{
    static const char *const cases[][2] = {
        {"train.bach=3", "train.batch"},
        {"trian.batch=3", "train"},
        {"generator.layers.up9.filters=3", "up"},
        {"generator.layers.up1.filtres=3", "filters"},
        {"generator.layers.99.filters=3", "99"},
        {"generator.layers.up1.stride=0", "1 to 64"},
        {"generator.layers.up1.filters=1000000000", "65536"},
        {"generator.layers.up1.filters=99999999999999", "65536"},
        {"generator.layers.up1.filters=2.5", "integer"},
        {"generator.layers.up1.kernel=-3", "1 to 255"},
        {"generator.layers.up1.kernel=3,0", "1 to 255"},
        {"generator.layers.up1.kernel=3,3,3,3", "number"},
        {"generator.optimizer.rate=-1", "0 to 10"},
        {"generator.optimizer.rate=nan", "number"},
        {"generator.optimizer.rate=inf", "number"},
        {"generator.optimizer.rate=1e999", "number"},
        {"generator.width=0", "0.01"},
        {"generator.width=1e9", "64"},
        {"loss.gan=hing", "hinge"},
        {"loss.gan=r1", "loss"},
        {"generator.optimizer.type=adan", "adam"},
        {"generator.layers.up1.type=decnov", "deconv"},
        {"generator.layers.up1.pad=sam", "same|valid|explicit"},
        {"train.batch=0", "1 to"},
        {"train.batch=many", "number"},
        {"train.batch=", "number"},
        {"data.flip_x=3", "true or false"},
        {"data.size=100", "cannot make 100 pixels: use 96 or 128"},
        {"data.size=1", "use 32 or more"},
        {"latent.size=3", "cannot make 192"},
        {"data.low=1", "below data.high"},
        {"generator.layers.up1=3", "several"},
        {"generator=3", "several"},
        {"batch", "no assignment"},
        {"=3", "no assignment"},
        {"generator.layers.up1.name=up2", "two layers"},
        {"generator.layers.up1.name=Up.1", "letters"},
        {"generator.layers.up2.from=up3", "no layer"},
        {"train.reuse_fakes=maybe", "true or false"},
        {"scheme=adversarail", "adversarial"},
        {"train..batch=3", "no key"},
        {"data.high=3", "tanh"},
        {"loss.passage=1", "multiple of 4"},
        {"latent.waves=y64,", "y64,x100"},
        {"latent.waves=64", "an axis"},
        {"latent.waves=y1", "2 pixels"},
        {"latent.waves=ynan", "y64,x100"},
        {"latent.waves=y64,y65,y66,y67,y68", "up to 4"},
        {"latent.waves=y64,z9", "no z"},
    };
    fcs_recipe *r = load("dsgan-small");
    for (size_t i = 0; r && i < sizeof cases / sizeof cases[0]; i++)
        refuse(r, cases[i][0], cases[i][1]);
    fcs_recipe_free(r);
    /* a gradient penalty with batch norm in the discriminator: the alternative is named */
    r = load("dsgan");
    if (r) {
        refuse(r, "loss.r1=1", "instance_norm");
        refuse(r, "loss.gradient_penalty=10", "spectral");
        refuse(r, "loss.gan=wasserstein_gp", "instance_norm");
    }
    fcs_recipe_free(r);
    r = load("material-gan");
    if (r) {
        static const char *const gan[][2] = {
            {"loss.gan=wasserstein_gp", "discriminator.norm = instance"},
            {"loss.r1=1", "discriminator.norm = instance"},
            {"loss.kl=1", "encoder"},
            {"loss.reconstruction=1", "encoder"},
            {"loss.image=msse", "mse"},
            {"loss.gan=mse", "no loss"},
            {"loss.features=down9", "no layer \"down9\""},
            {"generator.norm=layer", "batch|instance|none"},
            {"train.batch=1", "2 or more"},
            {"data.size=66", "cannot make 66"},
            {"latent.waves=y64", "one size"},
        };
        for (size_t i = 0; i < sizeof gan / sizeof gan[0]; i++)
            refuse(r, gan[i][0], gan[i][1]);
    }
    fcs_recipe_free(r);
    r = load("dsgan-small"); /* has a penalty: clipping would be a second bound */
    if (r)
        refuse(r, "loss.gan=wasserstein", "wasserstein_gp");
    fcs_recipe_free(r);
}

/* Waves add two channels each to what the generator takes. */
static void test_waves(void)
{
    fcs_recipe *r = load("slicegan-small");
    if (r)
        refuse(r, "latent.waves=y64", "scheme adversarial");
    if (r)
        refuse(r, "loss.passage=1", "grey images");
    fcs_recipe_free(r);
    CHECK(parameters_with("dsgan-small", "generator", "latent.waves=y64,x50") -
              parameters_with("dsgan-small", "generator", "latent.waves=none") ==
          4 * 128 * 25);
}

static void test_set(void)
{
    fcs_recipe *r = load("dsgan-small");
    CHECK(r != NULL);
    if (!r)
        return;
    CHECK(fcs_recipe_set(r, "generator.layers.up1.filters=64") == FCS_OK);
    CHECK(strstr(fcs_recipe_text(r), "name = \"up1\"; filters = 64;") != NULL);
    CHECK(fcs_recipe_set(r, "generator.layers.0.filters=32") == FCS_OK);
    CHECK(strstr(fcs_recipe_text(r), "name = \"up1\"; filters = 32;") != NULL);
    CHECK(fcs_recipe_set(r, "generator.optimizer.rate=1e-4") == FCS_OK);
    CHECK(fcs_recipe_number(r, "generator.optimizer.rate") == 1e-4);
    CHECK(fcs_recipe_set(r, "generator.optimizer.rate=1") == FCS_OK);
    CHECK(fcs_recipe_number(r, "generator.optimizer.rate") == 1);
    CHECK(fcs_recipe_set(r, "data.flip_x=yes") == FCS_OK &&
          fcs_recipe_number(r, "data.flip_x") == 1);
    CHECK(fcs_recipe_set(r, "data.flip_x=false") == FCS_OK &&
          fcs_recipe_number(r, "data.flip_x") == 0);
    CHECK(fcs_recipe_set(r, "train.seed=9007199254740991") == FCS_OK);
    CHECK(fcs_recipe_number(r, "train.seed") == 9007199254740991.0);
    CHECK(fcs_recipe_set(r, "data.size=384") == FCS_OK &&
          fcs_recipe_set(r, "data.size=64") == FCS_OK);
    CHECK(fcs_recipe_set(r, "name=mine") == FCS_OK && strcmp(r->name, "mine") == 0);
    CHECK(fcs_recipe_set(r, "discriminator.layers.down1.spectral=yes") == FCS_OK);
    /* another optimizer: its own keys, beta1 gone, the rate kept */
    CHECK(fcs_recipe_set(r, "generator.optimizer.type=rmsprop") == FCS_OK);
    CHECK(fcs_recipe_number(r, "generator.optimizer.rho") == 0.99 &&
          fcs_recipe_number(r, "generator.optimizer.rate") == 1);
    CHECK(isnan(fcs_recipe_number(r, "generator.optimizer.beta1")));
    CHECK(fcs_recipe_set(r, "generator.layers.dilated1.kernel=3,5") == FCS_OK);
    fcs_net net;
    CHECK(fcs_net_read(r, "generator", &net, &ctx->error) == FCS_OK);
    for (int i = 0; i < net.n_layers; i++)
        if (strcmp(net.layers[i].name, "dilated1") == 0)
            CHECK(net.layers[i].values[1].list[1] == 3 && net.layers[i].values[1].list[2] == 5);
    fcs_net_free(&net);
    fcs_recipe *again;
    CHECK(fcs_recipe_from_text(ctx, fcs_recipe_text(r), NULL, &again) == FCS_OK);
    CHECK(again && strcmp(fcs_recipe_text(again), fcs_recipe_text(r)) == 0);
    fcs_recipe_free(again);
    fcs_recipe_free(r);
}

/* Any adversarial loss goes into any GAN by one assignment, or says what is in its way; what it
 * cannot do without comes with it. */
static void test_gan_losses(void)
{
    static const char *const losses[] = {"standard",      "nonsaturating", "hinge",
                                         "least_squares", "wasserstein",   "wasserstein_gp"};
    fcs_recipe *r = load("material-gan");
    CHECK(r && fcs_recipe_set(r, "discriminator.norm=instance") == FCS_OK);
    for (size_t i = 0; r && i < sizeof losses / sizeof losses[0]; i++) {
        char assignment[64];
        snprintf(assignment, sizeof assignment, "loss.gan=%s", losses[i]);
        CHECK(fcs_recipe_set(r, assignment) == FCS_OK);
    }
    CHECK(r && fcs_recipe_number(r, "loss.gradient_penalty") == 10);
    fcs_recipe_free(r);
}

#define GENERATOR                                                                                  \
    "generator = { layers = ( { type = \"deconv\"; stride = 2; }, { type = \"tanh\"; } ); };"
#define DISCRIMINATOR "discriminator = { layers = ( { type = \"conv\"; } ); };"
/* A text that fails, and words of its message. */
static void test_texts(void)
{
    static const char *const cases[][2] = {
        {"", "generator: needs layers"},
        {"name = ", "x:2: syntax"},
        {"nam = \"a\";", "name"},
        {"train = { batch = \"8\"; };", "x:1: train.batch: must be a number"},
        {"\n\ntrain = { steps = 5; bach = 8; };",
         "x:3: train.bach: unknown key; did you mean \"batch\"?"},
        {"train = 5;", "must be a group"},
        {"@include \"/etc/passwd\"\n", "@include"},
        {"generator = { layers = ( 5 ); };", "must be a group"},
        {"generator = { layers = ( { name = \"a\"; } ); };", "type"},
        {"generator = { layers = ( { type = \"relu\"; slope = 1; } ); };", "unknown key"},
        {"generator = { optimizer = 3; layers = ( { type = \"relu\"; } ); };", "must be a group"},
        {"generator = { layers = ( { type = \"add\"; } ); };", "takes 2 to"},
        {"name = \"0123456789012345678901234567890123456789012345678901234567890\";", "longer"},
        {"data = { size = 0x7fffffff; };", "1 to 65536"},
        {"data = { low = 1e999; };", "-100 to 100"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fcs_recipe *r;
        char text[1024];
        snprintf(text, sizeof text, "%s\n%s%s", cases[i][0],
                 strstr(cases[i][0], "generator") || !*cases[i][0] ? "" : GENERATOR,
                 *cases[i][0] ? DISCRIMINATOR : "");
        fcs_error_clear(&ctx->error);
        CHECK(fcs_recipe_from_text(ctx, text, "x", &r) == FCS_FAILED && r == NULL);
        if (!strstr(fcs_message(ctx), cases[i][1]))
            fprintf(stderr, "\"%s\" lacks \"%s\"\n", fcs_message(ctx), cases[i][1]);
        CHECK(strstr(fcs_message(ctx), cases[i][1]) != NULL);
    }
    fcs_recipe *r;
    CHECK(fcs_recipe_load(ctx, "dsgn", &r) == FCS_FAILED && strstr(fcs_message(ctx), "dsgan"));
    CHECK(fcs_recipe_load(ctx, "./no/such.cfg", &r) == FCS_FAILED &&
          strstr(fcs_message(ctx), "such.cfg"));
}

static void test_lists(void)
{
    static const char *const lists[] = {"ops",  "layers",  "losses", "optimizers", "recipes",
                                        "keys", "metrics", "synth",  "isas",       "devices"};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        fcs_table *t;
        CHECK(fcs_list(ctx, lists[i], &t) == FCS_OK);
        CHECK(t && fcs_table_rows(t) > 0 && strcmp(fcs_table_name(t, 0), "name") == 0);
        for (int row = 0; row < fcs_table_rows(t) && strcmp(fcs_table_name(t, 1), "kind") == 0;
             row++)
            CHECK(fcs_table_text(t, row, 1) && *fcs_table_text(t, row, 1));
        fcs_table_free(t);
    }
    fcs_table *t;
    CHECK(fcs_list(ctx, "layrs", &t) == FCS_USAGE && strstr(fcs_message(ctx), "layers"));
}

int main(void)
{
    if (fcs_open(&ctx, NULL) != FCS_OK)
        return 1;
    test_counts();
    test_shipped();
    test_embedded();
    test_refused();
    test_waves();
    test_set();
    test_gan_losses();
    test_texts();
    test_lists();
    fcs_close(ctx);
    return test_end();
}
