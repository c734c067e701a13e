/* test_opencl.c: plans on every OpenCL device that is here against the CPU; the embedded kernels;
 * words that choose a device. (The ops one by one: test_devices.sh.) Takes the folder with cl/. */
#include "random-graph.h"
#include "opencl/opencl.h"
#include "test.h"

/* ---- embedded files are the files ---- */
static void check_file(const fcs_embedded *e, const char *top)
{
    char path[1024], line[512];
    snprintf(path, sizeof path, "%s/cl/%s.cl", top, e->name);
    FILE *f = fopen(path, "r");
    if (!f) {
        snprintf(path, sizeof path, "%s/src/base/%s.h", top, e->name);
        f = fopen(path, "r");
    }
    CHECK(f != NULL);
    int n = 0;
    for (; f && fgets(line, sizeof line, f); n++) {
        size_t length = strlen(line);
        CHECK(length > 0 && line[length - 1] == '\n');
        line[length - 1] = '\0';
        CHECK(e->lines[n] && strcmp(e->lines[n], line) == 0);
        if (!e->lines[n])
            break;
    }
    CHECK(n > 10 && e->lines[n] == NULL);
    if (f)
        fclose(f);
}

static int count_lines(const char *const *lines, const char *word)
{
    int n = 0;
    for (; *lines; lines++)
        n += strstr(*lines, word) != NULL;
    return n;
}

static void test_embedded(const char *top)
{
    int n = 0, continued = 0;
    for (const fcs_embedded *e = fcs_cl_sources; e->name; e++, n++) {
        check_file(e, top);
        continued += count_lines(e->lines, "\\");
    }
    CHECK(n == 12 && continued > 10); /* backslashes survive the quoting */
}

/* ---- words ---- */
static void test_word(const char *word, const char *message)
{
    fcs_context *ctx = NULL;
    const fcs_options o = {.device = word};
    CHECK(fcs_open(&ctx, &o) == FCS_FAILED);
    CHECK(ctx && strstr(fcs_message(ctx), message));
    if (!strstr(fcs_message(ctx), message))
        fprintf(stderr, "%s: %s\n", word, fcs_message(ctx));
    fcs_close(ctx);
}

/* ---- plans ---- */
static void test_random_graphs(fcs_context *device, fcs_context *cpu)
{
    static const fcs_plan_options apart = {true, true};
    fcs_context *const same[2] = {device, device}, *const other[2] = {device, cpu};
    const fcs_plan_options *const both[2] = {NULL, &apart}, *const fused[2] = {NULL, NULL};
    for (int i = 0; i < 12; i++) {
        double way = random_graph_difference(same, both, i);
        only_smooth = true;
        double from_cpu = random_graph_difference(other, fused, 100 + i);
        only_smooth = false;
        if (way > 2e-4 || from_cpu > 2e-4)
            fprintf(stderr, "random graph %d: fused %g, from the cpu %g\n", i, way, from_cpu);
        CHECK(way <= 2e-4);
        CHECK(from_cpu <= 2e-4);
    }
}

/* Random numbers are the same bits; a chain of them and a product agree. */
static void test_random_numbers(fcs_context *device, fcs_context *cpu)
{
    enum { N = 2 * 17 * 5 * 3 };
    static const char *const ops[] = {"random_normal", "random_uniform"};
    float values[2][N];
    for (int op = 0; op < 2; op++) {
        for (int way = 0; way < 2; way++) {
            fcs_context *on = way ? cpu : device;
            fcs_graph *g = fcs_graph_new(on);
            fcs_tensor *t = fcs_tensor_new(on, "t", fcs_shape_of(2, 17, 1, 5, 3));
            fcs_plan *p = NULL;
            fcs_node *n = fcs_node_named(fcs_apply(g, ops[op], "shape=2,17,1,5,3", 0, NULL), "z");
            CHECK(n && fcs_assign(g, t, n) == FCS_OK && fcs_plan_new(g, &p) == FCS_OK);
            CHECK(p && fcs_plan_run(p, 0x123456789abcdefu, 0x1000000002u) == FCS_OK);
            CHECK(fcs_tensor_get(t, values[way]) == FCS_OK);
            fcs_plan_free(p);
            fcs_graph_free(g);
            fcs_tensor_free(t);
        }
        CHECK(memcmp(values[0], values[1], sizeof values[0]) == 0);
        CHECK(values[0][0] != values[0][1]);
    }
}

/* What no device has is said before it is asked for. */
static void test_too_large(fcs_context *device)
{
    fcs_tensor *t = fcs_tensor_new(device, "t", fcs_shape_of(1 << 19, 1, 1, 1 << 10, 1 << 10));
    CHECK(t == NULL && strstr(fcs_message(device), "largest buffer"));
    fcs_error_clear(&device->error);
}

static int test_device(int number, fcs_context *cpu)
{
    char word[16];
    snprintf(word, sizeof word, "%d", number);
    fcs_context *device = NULL;
    const fcs_options o = {.device = word};
    if (fcs_open(&device, &o) != FCS_OK) {
        fcs_close(device);
        return 0;
    }
    fprintf(stderr, "device %d: %s\n", number, fcs_device_name(device));
    test_random_numbers(device, cpu);
    test_random_graphs(device, cpu);
    test_too_large(device);
    CHECK(device->allocated == 0);
    fcs_close(device);
    return 1;
}

int main(void)
{
    const char *top = getenv("top_srcdir");
    fcs_context *cpu = NULL;
    test_embedded(top ? top : ".");
    if (fcs_open(&cpu, NULL) != FCS_OK)
        return 1;
    int n = 0;
    while (test_device(n + 1, cpu))
        n++;
    if (n) {
        test_word("99", "not here");
        test_word("no such device", "not here");
    }
    test_word("nowhere:1", "no OpenCL device");
    fcs_close(cpu);
    int status = test_end();
    if (!n)
        printf("skipped: plans on OpenCL devices: none is here\n");
    return status ? status : n ? 0 : 77;
}
