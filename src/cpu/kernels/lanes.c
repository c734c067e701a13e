/* lanes.c: the elementwise ops, each from its expression in ops.def.
 *
 * An op is a loop over whole vectors, once: a rest goes through the same loop in vectors of its
 * own, so that an element's bits do not depend on where in a block it lies. */
#include "cpu/chain.h"
#include "cpu/kernels/kernels.h"
#include "cpu/kernels/lanes_math.h"

/* y = f(a, b, c), n a multiple of FCS_VLEN; f: the op's floats f0, f1. */
typedef void whole_vectors(float *y, const float *a, const float *b, const float *c, int64_t n,
                           const float *f);

static void run_lanes(whole_vectors *whole, int inputs, float *y, const float *const in[3],
                      int64_t n, const fcs_attrs *attrs)
{
    const float f[2] = {(float)attrs->f[0], (float)attrs->f[1]};
    int64_t body = n - n % FCS_VLEN;
    size_t rest = (size_t)(n - body) * sizeof *y;
    if (body > 0)
        whole(y, in[0], in[1], in[2], body, f);
    if (rest == 0)
        return;
    float t[3][FCS_VLEN];
    for (int k = 0; k < inputs; k++) {
        for (int i = 0; i < FCS_VLEN; i++)
            t[k][i] = 0;
        memcpy(t[k], in[k] + body, rest);
    }
    whole(t[0], t[0], t[1], t[2], FCS_VLEN, f);
    memcpy(y + body, t[0], rest);
}

/* The loop is kept out of line: inlined twice, the compiler might fuse a * b + c in one copy and
 * not in the other. */
#define FCS_OP(name)
#define FCS_LANES(name, inputs, expression)                                                        \
    static __attribute__((noinline)) void whole_##name(float *y, const float *pa, const float *pb, \
                                                       const float *pc, int64_t n, const float *f) \
    {                                                                                              \
        const fcs_vf f0 = fcs_vset(f[0]), f1 = fcs_vset(f[1]);                                     \
        (void)f0, (void)f1;                                                                        \
        for (int64_t i = 0; i < n; i += FCS_VLEN) {                                                \
            const fcs_vf a = fcs_vload(pa + i), b = (inputs) > 1 ? fcs_vload(pb + i) : a;          \
            const fcs_vf c = (inputs) > 2 ? fcs_vload(pc + i) : a;                                 \
            (void)b, (void)c;                                                                      \
            fcs_vstore(y + i, expression);                                                         \
        }                                                                                          \
    }                                                                                              \
    static void lanes_##name(float *y, const float *a, const float *b, const float *c, int64_t n,  \
                             const fcs_attrs *attrs)                                               \
    {                                                                                              \
        const float *const in[3] = {a, b, c};                                                      \
        run_lanes(whole_##name, inputs, y, in, n, attrs);                                          \
    }
#include "ops/ops.def"

/* Alone, an op is a chain of one lane. */
static void run_alone(const fcs_cpu_call *c) { fcs_chain_apply(c, &FCS_SYM(isa)); }

#define FCS_OP(name)
#define FCS_LANES(name, inputs, expression)                                                        \
    const fcs_cpu_op FCS_SYM(op_##name) = {run_alone, fcs_chain_apply_scratch, lanes_##name};
#include "ops/ops.def"
