/* peak.c: the rate of independent multiply-adds, the yardstick of the kernels. */
#include "cpu/kernels/kernels.h"

enum { CHAINS = 12, ROUNDS = 4096 }; /* enough to hide a latency of four cycles on two units */

/* x = x * a + b, over and over, in CHAINS vectors. */
static __attribute__((noinline)) void multiply_add(float *y, float first, float second)
{
    fcs_vf x[CHAINS];
    const fcs_vf a = fcs_vset(first), b = fcs_vset(second);
    FCS_UNROLL
    for (int k = 0; k < CHAINS; k++)
        x[k] = fcs_vset(y[k]);
    for (int r = 0; r < ROUNDS; r++) {
        FCS_UNROLL
        for (int k = 0; k < CHAINS; k++)
            x[k] = fcs_vfma(x[k], a, b);
    }
    FCS_UNROLL
    for (int k = 0; k < CHAINS; k++)
        y[k] = fcs_vsum(x[k]) / FCS_VLEN;
}

double FCS_SYM(fma_peak)(double seconds)
{
    float y[CHAINS] = {0};
    const double flops = 2.0 * CHAINS * FCS_VLEN * ROUNDS;
    double best = 0, end = fcs_seconds() + seconds;
    do {
        double start = fcs_seconds();
        for (int i = 0; i < 20; i++)
            multiply_add(y, 0.5f, 0.25f);
        double rate = 20 * flops / (fcs_seconds() - start) * 1e-9;
        best = rate > best ? rate : best;
    } while (fcs_seconds() < end);
    float used = 0; /* every chain counts, so that the compiler leaves none out */
    for (int k = 0; k < CHAINS; k++)
        used += y[k];
    return used >= 0 ? best : 0;
}
