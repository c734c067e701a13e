/* gemm.h: the register tile that convolution and matrix product share: MR rows times NR = NV
 * vectors of columns.
 *
 * acc[m][n] += sum_k a[m * am + k * ak] * b[k * bk + n], k ascending, one fma each: the sequence of
 * operations of an element depends on nothing but k, so neither position nor tile changes its bits.
 */
#ifndef FCS_GEMM_H
#define FCS_GEMM_H

#include "cpu/kernels/simd.h"
#include <stdbool.h>

/* 24 accumulators of 32 registers, or 12 of 16. */
#if FCS_VLEN == 16 || defined(__aarch64__)
enum { FCS_MR = 12 };
#else
enum { FCS_MR = 6 };
#endif
enum { FCS_NV = 2, FCS_NR = FCS_NV * FCS_VLEN };

typedef fcs_vf fcs_tile[FCS_MR][FCS_NV];

FCS_INLINE void fcs_tile_zero(fcs_tile acc, const int nv)
{
    FCS_UNROLL
    for (int m = 0; m < FCS_MR; m++) {
        FCS_UNROLL
        for (int v = 0; v < nv; v++)
            acc[m][v] = (fcs_vf){0};
    }
}

/* acc[m][v] += x * b[v] for m < mr: x is an expression of m, mr and nv are literals. */
#define FCS_TILE_PRODUCT(acc, mr, nv, b, x)                                                        \
    do {                                                                                           \
        fcs_vf row_[FCS_NV];                                                                       \
        FCS_UNROLL                                                                                 \
        for (int v = 0; v < (nv); v++)                                                             \
            row_[v] = fcs_vload((b) + v * FCS_VLEN);                                               \
        FCS_UNROLL                                                                                 \
        for (int m = 0; m < (mr); m++) {                                                           \
            fcs_vf x_ = fcs_vset(x);                                                               \
            FCS_UNROLL                                                                             \
            for (int v = 0; v < (nv); v++)                                                         \
                (acc)[m][v] = fcs_vfma(x_, row_[v], (acc)[m][v]);                                  \
        }                                                                                          \
    } while (0)

/* nv, and those of am, ak, bk, ahead that are literals at the call, become constants. With every
 * step one address behind `ahead` is fetched into the second cache. */
FCS_INLINE void fcs_tile_sum(fcs_tile acc, const int nv, const float *a, int64_t am, int64_t ak,
                             const float *b, int64_t bk, int64_t length, const float *ahead,
                             int64_t ahead_step)
{
    for (int64_t k = 0; k < length; k++, b += bk) {
        if (ahead)
            __builtin_prefetch(ahead + k * ahead_step, 0, 2);
        FCS_TILE_PRODUCT(acc, FCS_MR, nv, b, a[m * am + k * ak]);
    }
}

/* c[m][at..] = acc, or += acc. */
FCS_INLINE void fcs_tile_store(fcs_tile acc, const int nv, float *const *c, int64_t at, bool add)
{
    FCS_UNROLL
    for (int m = 0; m < FCS_MR; m++) {
        FCS_UNROLL
        for (int v = 0; v < nv; v++) {
            float *p = c[m] + at + v * FCS_VLEN;
            fcs_vstore(p, add ? fcs_vload(p) + acc[m][v] : acc[m][v]);
        }
    }
}

FCS_INLINE void fcs_tile_prefetch(float *const *c, int64_t at)
{
    FCS_UNROLL
    for (int m = 0; m < FCS_MR; m++) {
        FCS_UNROLL
        for (int v = 0; v < FCS_NR; v += 16)
            __builtin_prefetch(c[m] + at + v, 1);
    }
}

/* `runs` stretches of `length` floats in each row of a, at the offsets given, against the rows of b
 * one after another (`width` columns, FCS_NR or FCS_VLEN). Meanwhile `ahead`, which may be NULL, is
 * fetched, ahead_step floats with each row of b. */
static inline void fcs_tile_runs(int64_t runs, const int64_t *offset, int64_t length,
                                 const float *a, int64_t am, const float *b, int width,
                                 float *const *c, int64_t at, bool add, const float *ahead,
                                 int64_t ahead_step)
{
    fcs_tile acc;
    if (add)
        fcs_tile_prefetch(c, at);
    if (width == FCS_NR) {
        fcs_tile_zero(acc, FCS_NV);
        for (int64_t r = 0; r < runs; r++, b += length * FCS_NR)
            fcs_tile_sum(acc, FCS_NV, a + offset[r], am, 1, b, FCS_NR, length,
                         ahead ? ahead + r * length * ahead_step : NULL, ahead_step);
        fcs_tile_store(acc, FCS_NV, c, at, add);
    } else {
        fcs_tile_zero(acc, 1);
        for (int64_t r = 0; r < runs; r++, b += length * FCS_VLEN)
            fcs_tile_sum(acc, 1, a + offset[r], am, 1, b, FCS_VLEN, length, NULL, 0);
        fcs_tile_store(acc, 1, c, at, add);
    }
}

/* y[k][lane] = w[lane * lane_step + k] for k, lane < VLEN. */
FCS_INLINE void fcs_pack_square(float *restrict y, const float *restrict w, int64_t lane_step,
                                int64_t width)
{
    fcs_vf v[FCS_VLEN];
    FCS_UNROLL
    for (int i = 0; i < FCS_VLEN; i++)
        v[i] = fcs_vload(w + i * lane_step);
    fcs_vtranspose(v);
    FCS_UNROLL
    for (int i = 0; i < FCS_VLEN; i++)
        fcs_vstore(y + i * width, v[i]);
}

/* y[k][lane] = w[lane * lane_step + k * k_step] for k < n, zeros in lanes lanes..width-1; whole
 * vectors of lanes by vectors. */
static inline void fcs_pack(float *restrict y, const float *restrict w, int64_t n, int64_t k_step,
                            int64_t lane_step, int64_t lanes, int64_t width)
{
    int64_t whole = lane_step == 1 || k_step == 1 ? lanes / FCS_VLEN * FCS_VLEN : 0, k = 0;
    if (lane_step == 1)
        for (; k < n; k++)
            for (int64_t lane = 0; lane < whole; lane += FCS_VLEN)
                fcs_vstore(y + k * width + lane, fcs_vload(w + k * k_step + lane));
    else
        for (; k + FCS_VLEN <= n; k += FCS_VLEN)
            for (int64_t lane = 0; lane < whole; lane += FCS_VLEN)
                fcs_pack_square(y + k * width + lane, w + lane * lane_step + k, lane_step, width);
    for (int64_t lane = 0; lane < lanes; lane++)
        for (int64_t i = lane < whole ? k : 0; i < n; i++)
            y[i * width + lane] = w[lane * lane_step + i * k_step];
    for (int64_t i = 0; lanes < width && i < n; i++)
        memset(y + i * width + lanes, 0, (size_t)(width - lanes) * sizeof *y);
}

/* sum[m * step + lane] += acc[m] for m < mr; mr, nv and step are literals. Unsigned: with overflow
 * checks of a sanitizer in what is unrolled clang takes eight times as long. */
FCS_INLINE void fcs_tile_add(fcs_tile acc, const int mr, const int nv, float *sum, const int step)
{
    FCS_UNROLL
    for (unsigned m = 0; m < (unsigned)mr; m++) {
        FCS_UNROLL
        for (unsigned v = 0; v < (unsigned)nv; v++) {
            float *s = sum + m * (unsigned)step + v * FCS_VLEN;
            fcs_vstore(s, fcs_vload(s) + acc[m][v]);
        }
    }
}

/* Functions of tiles of a third, two thirds and all of MR rows, of one vector of lanes and of NV;
 * ONE(name, mr, nv) defines one of them, a tile_function. */
#define FCS_TILE_SIZES(ONE)                                                                        \
    ONE(tile_third, FCS_MR / 3, FCS_NV)                                                            \
    ONE(tile_two_thirds, FCS_MR * 2 / 3, FCS_NV)                                                   \
    ONE(tile_full, FCS_MR, FCS_NV)                                                                 \
    ONE(tile_third_1, FCS_MR / 3, 1)                                                               \
    ONE(tile_two_thirds_1, FCS_MR * 2 / 3, 1)                                                      \
    ONE(tile_full_1, FCS_MR, 1)                                                                    \
    static tile_function *const tile_functions[2][3] = {                                           \
        {tile_third_1, tile_two_thirds_1, tile_full_1}, {tile_third, tile_two_thirds, tile_full}};

/* Bytes rounded up to whole cache lines: how scratch is divided. */
FCS_INLINE size_t fcs_lines(size_t bytes) { return (bytes + 63) / 64 * 64; }

#endif
