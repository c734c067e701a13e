/* cpu.h: the CPU backend's interface: views, kernel tables per instruction set, running a plan.
 *
 * Values lie channels-last: N D H W C, channel stride fcs_channel_stride(C). Padding lanes
 * (channels C..stride-1) are zero on every write; no reduction reads them. Kernel bodies
 * (src/cpu/kernels/ *.c) are compiled once per instruction set with -DFCS_ISA=name; table.c
 * collects them. Results never depend on the number of threads. */
#ifndef FCS_CPU_H
#define FCS_CPU_H

#include "graph/graph.h"

typedef struct fcs_view {
    float *p;
    fcs_shape shape;
    int64_t cs; /* floats from one pixel to the next; rows, planes and samples follow densely */
} fcs_view;

typedef struct fcs_cpu_call {
    const fcs_apply_args *args;
    fcs_view in[FCS_MAX_IN], out;
    void *scratch; /* 64-byte aligned, as many bytes as the op's scratch() said */
    fcs_team *team;
    uint64_t seed, step; /* random ops */
    uint32_t stream;
} fcs_cpu_call;

/* A kernel: fills out. Cannot fail: shapes were checked, scratch given. */
typedef void fcs_cpu_run(const fcs_cpu_call *c);
/* Bytes of scratch for these shapes and this many threads. */
typedef size_t fcs_cpu_scratch(const fcs_apply_args *a, int threads);
/* Elementwise: y[i] = f(a[i], b[i], c[i]) for i < n; any of them may be y itself. n is any number,
 * pointers are 4-byte aligned. */
typedef void fcs_cpu_lanes(float *y, const float *a, const float *b, const float *c, int64_t n,
                           const fcs_attrs *attrs);

typedef struct fcs_cpu_op {
    fcs_cpu_run *run;
    fcs_cpu_scratch *scratch; /* may be NULL: none */
    fcs_cpu_lanes *lanes;     /* elementwise ops only */
} fcs_cpu_op;

typedef struct fcs_isa {
    const char *name; /* portable, sse2, avx2, avx512, neon */
    bool (*available)(void);
    const fcs_cpu_op *const *ops; /* by fcs_op_index */
    /* Sums block x [rows x cs] over rows: y[c] = sum_r x[r*cs + c] for c < n, fixed order; and over
     * everything. */
    void (*sum_rows)(float *y, const float *x, int64_t rows, int64_t cs, int64_t n); /* adds to y */
    double (*fma_peak)(
        double seconds); /* GFLOP/s of independent FMAs on one thread: the yardstick */
} fcs_isa;
/* All instruction sets compiled in, best first, NULL-terminated; the first available is the
 * default. */
extern const fcs_isa *const fcs_isas[];
const fcs_isa *fcs_isa_find(fcs_error *e, const char *name); /* NULL name: the best available */

/* The stored floats of a tensor of the CPU's: for tests. */
static inline float *fcs_cpu_floats(const fcs_tensor *t) { return t->memory; }

extern const struct fcs_backend fcs_cpu_backend; /* graph/backend.h */

#endif
