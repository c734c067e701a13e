/* matmul.c: y[M,K'] = op(a) op(b); a matrix has its rows in N and its columns in C, D = H = W = 1.
 */
#include "ops/ops.h"

/* Rows and columns of input i after its transposition. */
static void matrix_size(const fcs_apply_args *a, int i, int64_t *rows, int64_t *columns)
{
    bool transposed = a->attrs.i[i] != 0;
    *rows = a->in[i].n[transposed ? FCS_C : FCS_N];
    *columns = a->in[i].n[transposed ? FCS_N : FCS_C];
}

static fcs_status matmul_shape(fcs_apply_args *a, fcs_error *e)
{
    fcs_status status = fcs_op_begin(a, e);
    if (status != FCS_OK)
        return status;
    for (int i = 0; i < 2; i++)
        if (a->in[i].n[FCS_D] != 1 || a->in[i].n[FCS_H] != 1 || a->in[i].n[FCS_W] != 1)
            return fcs_op_fail(a, e, "input %d is no matrix, reshape it to rows x columns x1x1x1",
                               i + 1);
    int64_t m, k, k2, n;
    matrix_size(a, 0, &m, &k);
    matrix_size(a, 1, &k2, &n);
    if (k != k2)
        return fcs_op_fail(a, e,
                           "the first has %lld columns, the second %lld rows, make them equal",
                           (long long)k, (long long)k2);
    return fcs_op_finish(a, fcs_shape_of(m, n, 1, 1, 1), e);
}

static double matmul_flops(const fcs_apply_args *a)
{
    int64_t m, k;
    matrix_size(a, 0, &m, &k);
    return 2.0 * (double)m * (double)k * (double)a->out.n[FCS_C];
}

static fcs_node *product(fcs_graph *g, fcs_node *a, fcs_node *b, int ta, int tb)
{
    fcs_attrs attrs = {.i = {ta, tb}};
    return fcs_op_node(g, "matmul", &attrs, 2, (fcs_node *[]){a, b});
}

/* With A = op(a), B = op(b): dA = gy B^T, dB = A^T gy; each transposed once more where its input
 * is. */
static fcs_status matmul_grad(fcs_graph *g, fcs_node *y, fcs_node *gy, const bool *want,
                              fcs_node **gx)
{
    fcs_node *a = y->in[0], *b = y->in[1];
    int ta = y->attrs.i[FCS_MATMUL_TA] != 0, tb = y->attrs.i[FCS_MATMUL_TB] != 0;
    if (want[0] && !(gx[0] = ta ? product(g, b, gy, tb, 1) : product(g, gy, b, 0, !tb)))
        return FCS_FAILED;
    if (want[1] && !(gx[1] = tb ? product(g, gy, a, 1, ta) : product(g, a, gy, !ta, 0)))
        return FCS_FAILED;
    return FCS_OK;
}

static const fcs_attr matmul_attrs[] = {
    {"ta", 'i', FCS_MATMUL_TA, 1, 0, 1, 0, "1: the first input is transposed"},
    {"tb", 'i', FCS_MATMUL_TB, 1, 0, 1, 0, "1: the second input is transposed"},
};
static const char *const matmul_cases[] = {
    "in=1x1x1x1x1,1x1x1x1x1",
    "in=5x7x1x1x1,7x3x1x1x1",
    "in=7x5x1x1x1,7x3x1x1x1 ta=1",
    "in=5x7x1x1x1,3x7x1x1x1 tb=1",
    "in=7x5x1x1x1,3x7x1x1x1 ta=1 tb=1",
    "in=13x33x1x1x1,33x17x1x1x1",
    "in=2x300x1x1x1,300x40x1x1x1",
    "in=65x16x1x1x1,49x16x1x1x1 tb=1",
    "in=300x31x1x1x1,300x34x1x1x1 ta=1",
    "in=97x101x1x1x1,101x103x1x1x1",
    NULL,
};
static const char *const matmul_bench[] = {
    "in=2048x2048x1x1x1,2048x2048x1x1x1",      "in=2048x2048x1x1x1,2048x2048x1x1x1 ta=1",
    "in=2048x2048x1x1x1,2048x2048x1x1x1 tb=1", "in=1023x1025x1x1x1,1025x1021x1x1x1",
    "in=64x8192x1x1x1,8192x512x1x1x1",         NULL,
};

const fcs_op fcs_op_matmul = {
    .name = "matmul",
    .family = "matmul",
    .text = "product of two matrices (rows N, columns C), each transposed or not",
    .kind = FCS_KIND_KERNEL,
    .accuracy = FCS_LINEAR,
    .min_in = 2,
    .max_in = 2,
    .attrs = matmul_attrs,
    .n_attrs = 2,
    .shape = matmul_shape,
    .grad = matmul_grad,
    .flops = matmul_flops,
    .nonzero = 0.5,
    .cases = matmul_cases,
    .bench = matmul_bench,
};
