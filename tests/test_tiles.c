/* test_tiles.c: every form of the kernels that multiply, on every OpenCL device that is here: each
 * is forced, and the cross-check of its ops run; and what gives way on a device without room. */
#include "opencl/opencl.h"
#include "test.h"

#include <stdlib.h>
#include <string.h>

static void force(fcs_cl *cl, int form)
{
    fcs_cl_tiles_guess(cl);
    for (int u = 0; u < FCS_CL_USES; u++)
        if (fcs_cl_tile_serves(fcs_cl_tile_at(cl, form), (fcs_cl_use)u))
            cl->form[u] = form;
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
    force(device->device, form);
    for (int u = 0; u < FCS_CL_USES; u++)
        for (const char *const *c = fcs_cl_uses[u].checked;
             *c && fcs_cl_tile_serves(t, (fcs_cl_use)u); c++)
            test_case(device, t, fcs_cl_uses[u].op, *c);
    for (const char *const *c = adjoint; *c; c++)
        test_case(device, t, "conv_dx", *c);
}

/* A device as large as those of the list, then smaller ones. */
static void test_room(void)
{
    fcs_cl cl = {.group_limit = 1024, .local_bytes = 65536};
    const fcs_cl_tile *t;
    fcs_cl_tiles_guess(&cl);
    CHECK(!strcmp(fcs_cl_tile_for(&cl, FCS_CL_PRODUCT)->name, "local-64x64x16-8x4"));
    for (int i = 0; (t = fcs_cl_tile_at(&cl, i)) != NULL; i++)
        CHECK(fcs_cl_tile_fits(&cl, t));
    CHECK(t == NULL);
    cl.local_bytes = 32768; /* what OpenCL 1.2 owes */
    for (int i = 0; (t = fcs_cl_tile_at(&cl, i)) != NULL; i++)
        CHECK(fcs_cl_tile_fits(&cl, t));
    cl.group_limit = 64;
    CHECK(!strcmp(fcs_cl_tile_for(&cl, FCS_CL_PRODUCT)->name, "local-32x32x8-4x4"));
    cl.group_limit = 1;
    CHECK(fcs_cl_tile_for(&cl, FCS_CL_PRODUCT)->style == FCS_CL_REGISTERS);
    cl.group_limit = 1024;
    cl.local_bytes = 1024;
    CHECK(fcs_cl_tile_for(&cl, FCS_CL_DW)->style == FCS_CL_REGISTERS);
    cl = (fcs_cl){.cpu = true, .group_limit = 4096, .local_bytes = 1 << 20};
    fcs_cl_tiles_guess(&cl);
    for (int u = 0; u < FCS_CL_USES; u++)
        CHECK(fcs_cl_tile_for(&cl, (fcs_cl_use)u)->style != FCS_CL_LOCAL);
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
        if (fcs_cl_tile_fits(device->device, t))
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
