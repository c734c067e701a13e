/* sum.c: the inner loop of all sums. Every column is added up from the first row to the last. */
#include "cpu/chain.h"
#include "cpu/kernels/kernels.h"

/* VECTORS vectors of columns. */
#define SUM_COLUMNS(VECTORS)                                                                       \
    static void sum_columns_##VECTORS(float *y, const float *x, int64_t rows, int64_t cs)          \
    {                                                                                              \
        fcs_vf s[VECTORS];                                                                         \
        FCS_UNROLL                                                                                 \
        for (int k = 0; k < VECTORS; k++)                                                          \
            s[k] = fcs_vload(y + k * FCS_VLEN);                                                    \
        for (int64_t r = 0; r < rows; r++, x += cs) {                                              \
            FCS_UNROLL                                                                             \
            for (int k = 0; k < VECTORS; k++)                                                      \
                s[k] += fcs_vload(x + k * FCS_VLEN);                                               \
        }                                                                                          \
        FCS_UNROLL                                                                                 \
        for (int k = 0; k < VECTORS; k++)                                                          \
            fcs_vstore(y + k * FCS_VLEN, s[k]);                                                    \
    }
SUM_COLUMNS(8)
SUM_COLUMNS(1)

void FCS_SYM(sum_rows)(float *y, const float *x, int64_t rows, int64_t cs, int64_t n)
{
    int64_t c = 0;
    for (; c + 8 * FCS_VLEN <= n; c += 8 * FCS_VLEN)
        sum_columns_8(y + c, x + c, rows, cs);
    for (; c + FCS_VLEN <= n; c += FCS_VLEN)
        sum_columns_1(y + c, x + c, rows, cs);
    if (c == n)
        return;
    fcs_vf s = fcs_vload_n(y + c, n - c);
    for (int64_t r = 0; r < rows; r++)
        s += fcs_vload_n(x + r * cs + c, n - c);
    fcs_vstore_n(y + c, s, n - c);
}

static void run(const fcs_cpu_call *c) { fcs_chain_apply(c, &FCS_SYM(isa)); }

const fcs_cpu_op FCS_SYM(op_sum) = {.run = run, .scratch = fcs_chain_apply_scratch};
