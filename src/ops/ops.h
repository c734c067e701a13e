/* ops.h: what the families share: attribute positions and helpers for entries. */
#ifndef FCS_OPS_H
#define FCS_OPS_H

#include "graph/graph.h"

/* Positions in fcs_attrs.i of the convolution family (conv, conv_dx, conv_dw); three values each: D
 * H W. conv:    y[n,co,o] = sum_{ci,k} x[n,ci, o*stride + k*dilation - pad_lo] * w[co,ci,k] out =
 * floor((in + pad_lo + pad_hi - dilation*(k-1) - 1) / stride) + 1;
 * conv_dx: inputs gy [N Co ..], w; the adjoint in x; SIZE is the spatial size of x (its output)
 *          (a transposed convolution is conv_dx applied forward; pad_lo, pad_hi are then its
 * cropping) conv_dw: inputs x, gy; the adjoint in w; SIZE is the kernel's size. Pads may be below 0
 * in windows: pixels of x that conv does not read. FORM: results of a tile of minimal filtering
 * (tiling.h); ORIGIN: where the result's first pixel lies in the whole image, for its tiles; SPLIT
 * (one value, of conv_dx): whether written images have tiles of their own. */
enum fcs_conv_attr {
    FCS_CONV_STRIDE = 0,
    FCS_CONV_DILATION = 3,
    FCS_CONV_PAD_LO = 6,
    FCS_CONV_PAD_HI = 9,
    FCS_CONV_SIZE = 12,
    FCS_CONV_FORM = 15,
    FCS_CONV_ORIGIN = 18,
    FCS_CONV_SPLIT = 21
};
/* matmul: rows are N, columns C: y[M,K'] = op(a) op(b); i[0] transposes a, i[1] transposes b. */
enum fcs_matmul_attr { FCS_MATMUL_TA = 0, FCS_MATMUL_TB = 1 };
/* sum: i[0..4] 1 where the dimension (N C D H W) is summed; broadcast, reshape: i[0..4] the new
 * shape. */
/* pad, crop: i[0..4] leading, i[5..9] trailing counts per dimension. concat: i[0] the dimension.
 * upsample (nearest), sum_pool: i[0..2] the factor in D H W, i[3..5] crop_lo, i[6..8] crop_hi
 * (default 0, below the factor; windows need them): upsample: y[i] = x[(i + crop_lo) / factor], out
 * = in * factor - crop_lo - crop_hi;  sum_pool is its adjoint: y[j] = sum of x[i] over (i +
 * crop_lo) / factor = j, out = (in + crop_lo + crop_hi) / factor, which must be whole. */
enum fcs_pool_attr { FCS_POOL_FACTOR = 0, FCS_POOL_CROP_LO = 3, FCS_POOL_CROP_HI = 6 };
/* max_pool (largest pixel of windows, or a second input's value there), max_unpool (its adjoint in
 * what it gathers): three values each, D H W; window o covers o * stride - pad_lo .. + kernel - 1.
 */
enum fcs_max_attr {
    FCS_MAX_KERNEL = 0,
    FCS_MAX_STRIDE = 3,
    FCS_MAX_PAD_LO = 6,
    FCS_MAX_PAD_HI = 9
};
/* interpolate, interpolate_dx: the same positions; factor 1 or 2 (ops/interpolate.c). */
/* slices: i[0] the dimension cut across; slices_dx: also i[1], the volume's pages. */
enum fcs_slices_attr { FCS_SLICES_AXIS = 0, FCS_SLICES_SIZE = 1 };
/* affine: f[0] scale, f[1] shift; leaky_relu: f[0] slope; constant: f[0] value; random_*: shape in
 * i[0..4]. */

/* ---- helpers of the entries (src/ops/common.c) ---- */
/* No tensor has more elements than this: products of sizes cannot overflow. */
#define FCS_MAX_ELEMENTS ((int64_t)1 << 40)
/* First thing in every shape(): number of inputs, attributes in range, input sizes between 1 and
 * FCS_MAX_ELEMENTS. */
fcs_status fcs_op_begin(const fcs_apply_args *a, fcs_error *e);
/* Last thing: accepts `out`, or fails where a size is below 1 or the product too large. */
fcs_status fcs_op_finish(fcs_apply_args *a, fcs_shape out, fcs_error *e);
/* A failure that begins with the op's name and ends with the shapes of its inputs. */
fcs_status fcs_op_fail(const fcs_apply_args *a, fcs_error *e, const char *format, ...)
    FCS_PRINTF(3, 4);
/* The same for upsample, interpolate and their adjoints, which must not crop a whole factor. */
fcs_status fcs_op_begin_crops(const fcs_apply_args *a, fcs_error *e);
fcs_box fcs_box_whole(fcs_shape s);
/* A node of the op `name`; NULL attributes: defaults. */
fcs_node *fcs_op_node(fcs_graph *g, const char *name, const fcs_attrs *attrs, int n,
                      fcs_node *const *in);
/* The gradient of a linear op of one input: its adjoint, with the same attributes, of gy. */
fcs_status fcs_op_adjoint_grad(fcs_graph *g, const char *adjoint, const fcs_node *y, fcs_node *gy,
                               const bool *want, fcs_node **gx);

#endif
