/* tile.c: the forms of the kernels that multiply (cl/tile.cl), and which form a use takes: what was
 * chosen for it (by `facies tune`, or with a checkpoint), else a guess by the kind of device. A
 * form that the device has no room for gives way to the next one that fits. */
#include "opencl/opencl.h"

#include <stdlib.h>
#include <string.h>

#define REGISTERS(m, v)                                                                            \
    {                                                                                              \
        "registers-" #m "x" #v, "-DFCS_M=" #m " -DFCS_V=" #v, FCS_CL_REGISTERS, m, v, 0, m, v      \
    }
#define DOT(m, v)                                                                                  \
    {                                                                                              \
        "dot-" #m "x" #v, "-DFCS_DOT -DFCS_M=" #m " -DFCS_V=" #v, FCS_CL_DOT, m, 1, 0, m, v        \
    }
#define LOCAL(bm, bn, bk, m, v)                                                                    \
    {                                                                                              \
        "local-" #bm "x" #bn "x" #bk "-" #m "x" #v,                                                \
            "-DFCS_BM=" #bm " -DFCS_BN=" #bn " -DFCS_BK=" #bk " -DFCS_M=" #m " -DFCS_V=" #v,       \
            FCS_CL_LOCAL, bm, bn, bk, m, v                                                         \
    }
/* Shapes that others found best (CLBlast's database, dlprimitives), large ones first, and what
 * suits processors of 16 and 32 vector registers. A form that does not fit gives way to one further
 * down; registers fit everywhere. */
static const fcs_cl_tile tiles[FCS_CL_FORMS + 1] = {
#ifdef FCS_HAVE_CLBLAST
    {"clblast", "", FCS_CL_BLAST, 1, 1, 0, 1, 1},
#endif
    LOCAL(128, 128, 16, 8, 8),
    LOCAL(64, 128, 16, 8, 8),
    LOCAL(64, 64, 16, 8, 4),
    LOCAL(32, 64, 16, 4, 4),
    LOCAL(32, 32, 8, 4, 4),
    REGISTERS(8, 4),
    REGISTERS(6, 16),
    REGISTERS(12, 16),
    REGISTERS(12, 8),
    REGISTERS(4, 16),
    REGISTERS(8, 8),
    REGISTERS(1, 16),
    DOT(6, 16),
    DOT(6, 4),
    {.name = NULL},
};

static const char *const product_checks[] = {"in=97x101x1x1x1,101x103x1x1x1",
                                             "in=300x31x1x1x1,300x34x1x1x1 ta=1",
                                             "in=65x16x1x1x1,49x16x1x1x1 tb=1", NULL};
static const char *const flat_checks[] = {"in=2x300x1x1x1,300x40x1x1x1", "in=5x7x1x1x1,7x3x1x1x1",
                                          NULL};
static const char *const conv_checks[] = {
    "in=2x31x1x23x19,37x31x1x5x5 stride=1,2,2 pad_lo=0,1,1 pad_hi=0,2,2",
    "in=1x17x5x9x7,18x17x2x3x3 dilation=1,1,2 pad_lo=1 pad_hi=0,1,2", NULL};
static const char *const few_in_checks[] = {
    "in=2x3x1x23x21,33x3x1x9x9 stride=1,2,2 pad_lo=0,3,3 pad_hi=0,4,4",
    "in=1x4x6x7x5,17x4x4x4x4 stride=2 pad_lo=1 pad_hi=2", NULL};
static const char *const few_out_checks[] = {"in=2x33x1x21x17,3x33x1x5x5 pad_lo=0,2,2 pad_hi=0,2,2",
                                             "in=1x18x5x7x9,1x18x3x3x3 pad_lo=1 pad_hi=1", NULL};
static const char *const dw_checks[] = {
    "in=2x31x1x23x19,2x37x1x12x10 stride=1,2,2 pad_lo=0,1,1 pad_hi=0,3,3 size=1,5,5",
    "in=1x17x5x9x7,1x18x5x9x6 pad_lo=1 pad_hi=0,1,2 dilation=1,1,2 size=2,3,3", NULL};
static const char *const dw_few_in_checks[] = {
    "in=2x3x1x23x21,2x33x1x11x10 stride=1,2,2 pad_lo=0,3,3 pad_hi=0,4,4 size=1,9,9",
    "in=1x4x6x7x5,1x17x3x4x3 stride=2 pad_lo=1 pad_hi=2 size=4,4,4", NULL};
static const char *const dw_few_out_checks[] = {
    "in=2x33x1x21x17,2x3x1x21x17 pad_lo=0,2,2 pad_hi=0,2,2 size=1,5,5",
    "in=1x18x5x7x9,1x1x5x7x9 pad_lo=1 pad_hi=1 size=3,3,3", NULL};

/* What forms are timed on: layers of the dilated spatial GAN, and a product beyond the size from
 * which some drivers get large ones wrong (CLBlast issue 542). */
const fcs_tuning_use fcs_cl_uses[FCS_CL_USES] = {
    [FCS_CL_PRODUCT] = {"matmul", "matmul", "in=1152x1160x1x1x1,1160x1168x1x1x1", product_checks},
    [FCS_CL_PRODUCT_FLAT] = {"matmul-flat", "matmul", "in=16x4096x1x1x1,4096x1024x1x1x1",
                             flat_checks},
    [FCS_CL_CONV] = {"conv", "conv",
                     "in=1x128x1x96x96,256x128x1x5x5 stride=1,2,2 pad_lo=0,1,1 pad_hi=0,2,2",
                     conv_checks},
    [FCS_CL_CONV_FEW_IN] = {"conv-few-in", "conv",
                            "in=1x1x1x384x384,64x1x1x5x5 pad_lo=0,2,2 pad_hi=0,2,2", few_in_checks},
    [FCS_CL_CONV_FEW_OUT] = {"conv-few-out", "conv",
                             "in=1x64x1x192x192,1x64x1x5x5 pad_lo=0,2,2 pad_hi=0,2,2",
                             few_out_checks},
    [FCS_CL_DW] = {"conv_dw", "conv_dw",
                   "in=1x64x1x192x192,1x128x1x96x96 stride=1,2,2 pad_lo=0,1,1 pad_hi=0,2,2 "
                   "size=1,5,5",
                   dw_checks},
    [FCS_CL_DW_FEW_IN] = {"conv_dw-few-in", "conv_dw",
                          "in=1x1x1x384x384,1x64x1x384x384 pad_lo=0,2,2 pad_hi=0,2,2 size=1,5,5",
                          dw_few_in_checks},
    [FCS_CL_DW_FEW_OUT] = {"conv_dw-few-out", "conv_dw",
                           "in=1x64x1x192x192,1x1x1x192x192 pad_lo=0,2,2 pad_hi=0,2,2 size=1,5,5",
                           dw_few_out_checks},
};

/* Guesses for processors and for all else. */
static const char *const guesses[FCS_CL_USES][2] = {
    [FCS_CL_PRODUCT] = {"registers-6x16", "local-64x64x16-8x4"},
    [FCS_CL_PRODUCT_FLAT] = {"registers-4x16", "local-32x32x8-4x4"},
    [FCS_CL_CONV] = {"registers-6x16", "local-64x64x16-8x4"},
    [FCS_CL_CONV_FEW_IN] = {"registers-6x16", "local-64x64x16-8x4"},
    [FCS_CL_CONV_FEW_OUT] = {"dot-6x16", "dot-6x4"},
    [FCS_CL_DW] = {"registers-6x16", "local-64x64x16-8x4"},
    [FCS_CL_DW_FEW_IN] = {"registers-6x16", "local-64x64x16-8x4"},
    [FCS_CL_DW_FEW_OUT] = {"dot-6x16", "dot-6x4"},
};

const fcs_cl_tile *fcs_cl_tile_at(const fcs_cl *cl, int form)
{
    const fcs_cl_tile *t = cl->tiles ? cl->tiles : tiles;
    for (int i = 0; t[i].name; i++)
        if (i == form)
            return &t[i];
    return NULL;
}

static int items_of(const fcs_cl_tile *t) { return t->m / t->item_m * (t->n / t->item_n); }

/* Local memory of a group, the largest of the kernels': both factors' parts and the places. */
static size_t local_bytes(const fcs_cl_tile *t)
{
    int floats = t->k * (t->m + 1 + t->n) + (t->m > t->n ? 2 * t->m : t->m + t->n) + t->k;
    return (size_t)floats * sizeof(float);
}

/* A kernel's own limit may be below the device's, and is known when it is built. */
static bool kernel_fits(fcs_cl *cl, const fcs_cl_tile *t, fcs_cl_use use)
{
    static const char *const kernels[FCS_CL_USES] = {"multiply", "multiply", "gather",  "gather",
                                                     "gather",   "weights",  "weights", "weights"};
    size_t limit = 0;
    cl_kernel k = fcs_cl_kernel(cl, use <= FCS_CL_PRODUCT_FLAT ? "tile matmul" : "tile conv",
                                t->options, NULL, kernels[use]);
    if (!k)
        return false;
    bool known = clGetKernelWorkGroupInfo(k, cl->id, CL_KERNEL_WORK_GROUP_SIZE, sizeof limit,
                                          &limit, NULL) == CL_SUCCESS;
    clReleaseKernel(k);
    return known && (size_t)items_of(t) <= limit;
}

/* Of forms in local memory alone: the others fit everywhere. */
static bool fits(fcs_cl *cl, int form, fcs_cl_use use)
{
    const fcs_cl_tile *t = fcs_cl_tile_at(cl, form);
    signed char *known = &cl->room[use][form];
    if (t->style != FCS_CL_LOCAL || *known)
        return t->style != FCS_CL_LOCAL || *known > 0;
    bool good = (size_t)items_of(t) <= cl->group_limit && local_bytes(t) <= cl->local_bytes;
    if (good && cl->context) {
        good = kernel_fits(cl, t, use);
        if (!good && cl->ctx->error.status && !cl->lost) { /* a compiler that cannot do it */
            fcs_note(cl->ctx, "note: form %s is left out: %s", t->name, cl->ctx->error.message);
            fcs_error_clear(&cl->ctx->error);
        }
    }
    *known = good ? 1 : -1;
    return good;
}

static int form_named(const fcs_cl *cl, const char *name, size_t n)
{
    const fcs_cl_tile *t;
    for (int i = 0; (t = fcs_cl_tile_at(cl, i)) != NULL; i++)
        if (strlen(t->name) == n && !strncmp(t->name, name, n))
            return i;
    return -1;
}

void fcs_cl_tiles_guess(fcs_cl *cl)
{
    for (int u = 0; u < FCS_CL_USES; u++) {
        const char *name = guesses[u][cl->cpu ? 0 : 1];
        cl->form[u] = form_named(cl, name, strlen(name));
    }
}

/* Sums for one output are for few of them; the largest tiles are not. */
static bool serves(const fcs_cl_tile *t, fcs_cl_use use)
{
    bool few_rows = use == FCS_CL_PRODUCT_FLAT || use == FCS_CL_DW_FEW_OUT;
    if (t->style == FCS_CL_DOT)
        return use == FCS_CL_CONV_FEW_OUT || use == FCS_CL_DW_FEW_OUT;
    if (t->style == FCS_CL_BLAST)
        return use == FCS_CL_PRODUCT || use == FCS_CL_PRODUCT_FLAT;
    return t->style != FCS_CL_LOCAL || (few_rows                     ? t->m
                                        : use == FCS_CL_CONV_FEW_OUT ? t->n
                                                                     : 0) <= 64;
}

const fcs_cl_tile *fcs_cl_tile_for(fcs_cl *cl, fcs_cl_use use)
{
    int form = cl->form[use];
    while (!fits(cl, form, use)) /* the last forms fit everywhere */
        form++;
    return fcs_cl_tile_at(cl, form);
}

bool fcs_cl_tile_choose(fcs_cl *cl, fcs_cl_use use, int form)
{
    if (!serves(fcs_cl_tile_at(cl, form), use) || !fits(cl, form, use))
        return false;
    cl->form[use] = form;
    return true;
}

int fcs_cl_tile_named(const fcs_cl *cl, fcs_cl_use use, const char *name, size_t n)
{
    int form = form_named(cl, name, n);
    return form >= 0 && serves(fcs_cl_tile_at(cl, form), use) ? form : -1;
}

void fcs_cl_tile_end(fcs_cl_launches *l, const fcs_cl_tile *t, int64_t groups, double work)
{
    if (t->style == FCS_CL_LOCAL)
        fcs_cl_groups_end(l, groups, items_of(t), work);
    else
        fcs_cl_end(l, groups, l->cl->cpu ? 1 : 64, work);
}
