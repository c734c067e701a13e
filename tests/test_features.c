/* test_features.c: the two pretrained nets of the shared data run as graphs of ops: their 1000
 * outputs against those of an independent float program; what is not such a file. */
#include "metrics/features.h"
#include "test.h"
#include <string.h>
#include <unistd.h>

static fcs_context *ctx;

static bool path_of(char *path, size_t n, const char *format, const char *a, const char *b)
{
    const char *shared = getenv("FACIES_SHARED");
    int k = snprintf(path, n, "%s/data/pretrained/", shared ? shared : "../shared");
    snprintf(path + k, n - (size_t)k, format, a, b);
    return access(path, R_OK) == 0;
}

static int read_numbers(const char *path, float *out, int n)
{
    FILE *f = fopen(path, "r");
    int k = 0;
    while (f && k < n && fscanf(f, "%f", &out[k]) == 1)
        k++;
    if (f)
        fclose(f);
    return k;
}

static void check_picture(fcs_features *f, const char *net, const char *picture)
{
    char path[600];
    float want[1000], got[1000];
    double features[1024];
    fcs_image *image = NULL;
    char folder[100];
    snprintf(folder, sizeof folder, "%s_reference", net);
    char name[100];
    snprintf(name, sizeof name, "%s_%d.png", picture, (int)fcs_features_net(f)->side);
    CHECK(path_of(path, sizeof path, "%s/%s", folder, name));
    CHECK(fcs_image_read(ctx, path, &image) == FCS_OK);
    snprintf(name, sizeof name, "%s_logits1000.txt", picture);
    CHECK(path_of(path, sizeof path, "%s/%s", folder, name));
    CHECK(read_numbers(path, want, 1000) == 1000);
    if (image)
        CHECK(fcs_features_of(f, image, 0, NULL, 0, 1, features, got) == FCS_OK);
    double most = 0, worst = 0;
    for (int i = 0; i < 1000; i++) {
        most = fmax(most, fabs((double)want[i]));
        double d = fabs((double)want[i] - (double)got[i]);
        worst = d <= worst ? worst : d;
    }
    printf("%s, %s: largest output %g, largest difference %g\n", net, picture, most, worst);
    CHECK(worst <= 1e-5 * most);
    fcs_image_free(image);
}

static void check_net(const char *net, int64_t size)
{
    static const char *const pictures[] = {"chelsea", "coffee", "picosdeeuropa"};
    char path[600];
    fcs_features *f = NULL;
    path_of(path, sizeof path, "%s.safetensors%s", net, "");
    CHECK(fcs_features_open(ctx, path, &f) == FCS_OK);
    if (!f) {
        fprintf(stderr, "%s\n", fcs_message(ctx));
        return;
    }
    CHECK(strcmp(fcs_features_net(f)->name, net) == 0);
    CHECK(fcs_features_size(f) == size && fcs_features_classes(f) == 1000);
    for (int i = 0; i < 3; i++)
        check_picture(f, net, pictures[i]);
    fcs_features_close(f);
}

int main(void)
{
    char path[600];
    fcs_features *f = NULL;
    const char *source = getenv("srcdir");
    const fcs_options options = {.threads = 1};
    CHECK(fcs_open(&ctx, &options) == FCS_OK);
    snprintf(path, sizeof path, "%s/tests/data/python.safetensors", source ? source : ".");
    CHECK(fcs_features_open(ctx, path, &f) == FCS_FAILED && !f);
    CHECK(strstr(fcs_message(ctx), "SqueezeNet 1.0, Tiny Darknet"));
    CHECK(fcs_features_open(ctx, "nowhere.safetensors", &f) == FCS_FAILED && !f);
    CHECK(strstr(fcs_message(ctx), "nowhere.safetensors"));
    if (!path_of(path, sizeof path, "%s%s", "squeezenet1_0.safetensors", "")) {
        fcs_close(ctx);
        TEST_SKIP("no %s", path);
    }
    check_net("squeezenet1_0", 512);
    check_net("tiny_darknet", 128);
    fcs_close(ctx);
    return test_end();
}
