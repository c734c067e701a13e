/* test_tiles.c: every form of the kernels that multiply, on every OpenCL device that is here: each
 * is forced, and the cross-check of its ops run; and what gives way on a device without room. */
#include "opencl/opencl.h"
#include "test.h"

#include <stdlib.h>
#include <string.h>

/* Uses that the form is not for keep their guess. */
static bool force(fcs_cl *cl, int form)
{
    bool any = false;
    fcs_cl_tiles_guess(cl);
    for (int u = 0; u < FCS_CL_USES; u++)
        any = fcs_cl_tile_choose(cl, (fcs_cl_use)u, form) || any;
    return any;
}

static void test_case(fcs_context *device, const fcs_cl_tile *t, const char *op, const char *text)
{
    const fcs_check_options o = {.ops = op, .cases = text, .failures_only = 1};
    fcs_table *rows = NULL;
    fcs_status s = fcs_check(device, &o, &rows);
    CHECK(s == FCS_OK);
    if (s != FCS_OK)
        fprintf(stderr, "%s: %s %s: %s\n", t->name, op, text, fcs_message(device));
    for (int r = 0; s != FCS_OK && rows && r < fcs_table_rows(rows); r++)
        fprintf(stderr, "    %s: %s\n", fcs_table_text(rows, r, 4), fcs_table_text(rows, r, 9));
    fcs_error_clear(&device->error);
    fcs_table_free(rows);
}

/* conv's cases are conv_dx's as well, with its inputs. */
static void test_form(fcs_context *device, int form)
{
    static const char *const adjoint[] = {
        "in=2x37x1x11x9,37x31x1x5x5 stride=1,2,2 pad_lo=0,1,1 pad_hi=0,2,2 size=1,23,19",
        "in=1x18x5x9x7,18x17x2x3x3 dilation=1,1,2 pad_lo=1,1,2 pad_hi=0,1,2 size=5,9,7",
        "in=2x33x1x11x10,33x3x1x9x9 stride=1,2,2 pad_lo=0,3,3 pad_hi=0,4,4 size=1,23,21",
        "in=1x3x1x21x17,3x33x1x5x5 pad_lo=0,2,2 pad_hi=0,2,2 size=1,21,17",
        NULL,
    };
    const fcs_cl_tile *t = fcs_cl_tile_at(device->device, form);
    if (!force(device->device, form)) {
        fprintf(stderr, "no room for %s\n", t->name);
        return;
    }
    for (int u = 0; u < FCS_CL_USES; u++)
        for (const char *const *c = fcs_cl_uses[u].checked; *c; c++)
            if (fcs_cl_tile_for(device->device, (fcs_cl_use)u) == t)
                test_case(device, t, fcs_cl_uses[u].op, *c);
    for (const char *const *c = adjoint; *c; c++)
        test_case(device, t, "conv_dx", *c);
}

/* The form of a use on a device with so much room. */
static const fcs_cl_tile *form_for(bool cpu, size_t items, size_t bytes, fcs_cl_use use)
{
    fcs_cl cl = {.cpu = cpu, .group_limit = items, .local_bytes = bytes};
    fcs_cl_tiles_guess(&cl);
    return fcs_cl_tile_for(&cl, use);
}

static void test_room(void)
{
    /* 32 KB of local memory is what OpenCL owes: every form fits. */
    fcs_cl cl = {.group_limit = 256, .local_bytes = 32768};
    const fcs_cl_tile *t;
    for (int i = 0; (t = fcs_cl_tile_at(&cl, i)) != NULL; i++) {
        bool tile = t->style == FCS_CL_REGISTERS || t->style == FCS_CL_LOCAL;
        CHECK(fcs_cl_tile_choose(&cl, FCS_CL_CONV, i) == tile);
    }
    CHECK(!strcmp(form_for(false, 256, 32768, FCS_CL_PRODUCT)->name, "local-64x64x16-8x4"));
    CHECK(!strcmp(form_for(false, 64, 32768, FCS_CL_PRODUCT)->name, "local-32x32x8-4x4"));
    CHECK(form_for(false, 1, 32768, FCS_CL_CONV)->style == FCS_CL_REGISTERS);
    CHECK(form_for(false, 1024, 1024, FCS_CL_DW)->style == FCS_CL_REGISTERS);
    for (int u = 0; u < FCS_CL_USES; u++)
        CHECK(form_for(true, 4096, 1 << 20, (fcs_cl_use)u)->style != FCS_CL_LOCAL);
}

static int test_device(int number)
{
    char word[16];
    snprintf(word, sizeof word, "%d", number);
    fcs_context *device = NULL;
    const fcs_options o = {.device = word};
    if (fcs_open(&device, &o) != FCS_OK) {
        fcs_close(device);
        return 0;
    }
    const fcs_cl_tile *t;
    for (int i = 0; (t = fcs_cl_tile_at(device->device, i)) != NULL; i++) {
        double start = fcs_seconds();
        test_form(device, i);
        fprintf(stderr, "device %d: %s: %.1f s\n", number, t->name, fcs_seconds() - start);
    }
    fcs_close(device);
    return 1;
}

int main(void)
{
    int n = 0;
    test_room();
    while (test_device(n + 1))
        n++;
    int status = test_end();
    if (!n)
        printf("skipped: forms of kernels on OpenCL devices: none is here\n");
    return status ? status : n ? 0 : 77;
}
