/* slices.c: pages of volumes as images, and the adjoint.
 *   slices:    x [N C D H W], at [N P]: image n P + p is the page floor(at[n, p]) of volume n, cut
 *              across `axis`; positions beyond the volume mean its first or last page. Images are
 *              H x W across D, D x W across H, D x H across W.
 *   slices_dx: the adjoint in x: images are added to the pages they came from.
 * Positions have no gradient. */
#include "ops/ops.h"

static fcs_status check_positions(const fcs_apply_args *a, fcs_error *e, int64_t images)
{
    fcs_shape at = a->in[1];
    if (at.n[FCS_D] != 1 || at.n[FCS_H] != 1 || at.n[FCS_W] != 1 ||
        at.n[FCS_N] * at.n[FCS_C] != images)
        return fcs_op_fail(a, e, "positions must be N x P x 1 x 1 x 1 for N volumes, P pages each");
    return FCS_OK;
}

/* The two dimensions of the pages, in order. */
static void page_dims(int64_t axis, int *rows, int *columns)
{
    *rows = axis == FCS_D ? FCS_H : FCS_D;
    *columns = axis == FCS_W ? FCS_H : FCS_W;
}

static fcs_status slices_shape(fcs_apply_args *a, fcs_error *e)
{
    int rows, columns;
    fcs_status status = fcs_op_begin(a, e);
    if (status != FCS_OK)
        return status;
    fcs_shape x = a->in[0];
    int64_t images = x.n[FCS_N] * a->in[1].n[FCS_C];
    page_dims(a->attrs.i[FCS_SLICES_AXIS], &rows, &columns);
    status = check_positions(a, e, images);
    if (status != FCS_OK)
        return status;
    return fcs_op_finish(a, fcs_shape_of(images, x.n[FCS_C], 1, x.n[rows], x.n[columns]), e);
}

static fcs_status slices_dx_shape(fcs_apply_args *a, fcs_error *e)
{
    int rows, columns;
    fcs_status status = fcs_op_begin(a, e);
    if (status != FCS_OK)
        return status;
    fcs_shape gy = a->in[0], x = fcs_shape_of(a->in[1].n[FCS_N], gy.n[FCS_C], 1, 1, 1);
    status = check_positions(a, e, gy.n[FCS_N]);
    if (status == FCS_OK && gy.n[FCS_D] != 1)
        status = fcs_op_fail(a, e, "images must have a depth of 1");
    if (status != FCS_OK)
        return status;
    page_dims(a->attrs.i[FCS_SLICES_AXIS], &rows, &columns);
    x.n[rows] = gy.n[FCS_H];
    x.n[columns] = gy.n[FCS_W];
    x.n[a->attrs.i[FCS_SLICES_AXIS]] = a->attrs.i[FCS_SLICES_SIZE];
    return fcs_op_finish(a, x, e);
}

static fcs_status slices_grad(fcs_graph *g, fcs_node *y, fcs_node *gy, const bool *want,
                              fcs_node **gx)
{
    fcs_attrs a = y->attrs;
    a.i[FCS_SLICES_SIZE] = y->in[0]->shape.n[a.i[FCS_SLICES_AXIS]];
    if (want[0] && !(gx[0] = fcs_op_node(g, "slices_dx", &a, 2, (fcs_node *[]){gy, y->in[1]})))
        return FCS_FAILED;
    return FCS_OK;
}

static fcs_status slices_dx_grad(fcs_graph *g, fcs_node *y, fcs_node *gy, const bool *want,
                                 fcs_node **gx)
{
    fcs_attrs a = {.i = {0}};
    a.i[FCS_SLICES_AXIS] = y->attrs.i[FCS_SLICES_AXIS];
    if (want[0] && !(gx[0] = fcs_op_node(g, "slices", &a, 2, (fcs_node *[]){gy, y->in[1]})))
        return FCS_FAILED;
    return FCS_OK;
}

static double slices_dx_flops(const fcs_apply_args *a) { return (double)fcs_shape_count(a->in[0]); }

static const fcs_attr slices_attrs[] = {
    {"axis", 'i', FCS_SLICES_AXIS, 1, 2, 4, 2, "the volume is cut across it: 2, 3, 4 for D, H, W"},
};
static const fcs_attr slices_dx_attrs[] = {
    {"axis", 'i', FCS_SLICES_AXIS, 1, 2, 4, 2, "the volume is cut across it: 2, 3, 4 for D, H, W"},
    {"size", 'i', FCS_SLICES_SIZE, 1, 1, 1048576, 1, "pages of the volume"},
};
static const char *const slices_cases[] = {
    "in=1x1x1x1x1,1x1x1x1x1",
    "in=2x3x5x4x7,2x3x1x1x1",
    "in=2x3x5x4x7,2x4x1x1x1 axis=3",
    "in=2x3x5x4x7,2x5x1x1x1 axis=4",
    "in=1x17x3x5x4,1x9x1x1x1",
    "in=1x16x4x5x3,1x2x1x1x1 axis=3",
    "in=3x40x3x3x5,3x1x1x1x1 axis=4",
    "in=2x7x5x6x7,2x17x1x1x1 axis=4",
    NULL,
};
static const char *const slices_dx_cases[] = {
    "in=1x1x1x1x1,1x1x1x1x1",
    "in=6x3x1x4x7,2x3x1x1x1 size=5",
    "in=8x3x1x5x7,2x4x1x1x1 size=4 axis=3",
    "in=10x3x1x5x4,2x5x1x1x1 size=7 axis=4",
    "in=9x17x1x5x4,1x9x1x1x1 size=3",
    "in=2x16x1x4x3,1x2x1x1x1 size=3 axis=3",
    "in=3x40x1x3x5,3x1x1x1x1 size=2 axis=4",
    "in=34x7x1x5x6,2x17x1x1x1 size=7 axis=4",
    NULL,
};
static const char *const slices_bench[] = {"in=2x3x64x64x64,2x16x1x1x1 axis=4", NULL};
static const char *const slices_dx_bench[] = {"in=32x3x1x64x64,2x16x1x1x1 size=64 axis=4", NULL};

/* kinks: positions stay clear of whole numbers, where the page changes. */
const fcs_op fcs_op_slices = {
    .name = "slices",
    .family = "slices",
    .text = "pages of volumes at given positions along an axis, as images",
    .kind = FCS_KIND_KERNEL,
    .accuracy = FCS_EXACT,
    .min_in = 2,
    .max_in = 2,
    .attrs = slices_attrs,
    .n_attrs = 1,
    .shape = slices_shape,
    .grad = slices_grad,
    .domain_lo = -1,
    .domain_hi = 7,
    .kinks = 1,
    .nonzero = 0.5,
    .cases = slices_cases,
    .bench = slices_bench,
};
const fcs_op fcs_op_slices_dx = {
    .name = "slices_dx",
    .family = "slices",
    .text = "images added to the pages of volumes they came from",
    .kind = FCS_KIND_KERNEL,
    .accuracy = FCS_LINEAR,
    .min_in = 2,
    .max_in = 2,
    .attrs = slices_dx_attrs,
    .n_attrs = 2,
    .shape = slices_dx_shape,
    .grad = slices_dx_grad,
    .flops = slices_dx_flops,
    .domain_lo = -1,
    .domain_hi = 7,
    .kinks = 1,
    .nonzero = 0.3,
    .cases = slices_dx_cases,
    .bench = slices_dx_bench,
};
