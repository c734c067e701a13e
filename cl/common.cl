/* common.cl: in front of every program: vectors of FCS_V floats, and the helper names of the
 * expressions in ops.def for OpenCL (the CPU's are in src/cpu/kernels/lanes_math.h).
 *
 * OpenCL C 1.2, no double. Built-ins owe what the specification says (exp and log 3 units in the
 * last place, tanh 5, division 2.5); a * b + c may become one fma. No native_ or half_ functions.
 * Kernels take a buffer and an offset in floats. */
#ifndef FCS_V
#define FCS_V 1
#endif

#define FCS_PASTE(a, b) a##b
#define FCS_JOIN(a, b) FCS_PASTE(a, b)
#if FCS_V == 1
typedef float V;
typedef int VI;
#define FCS_LOAD(p) (*(p))
#define FCS_STORE(v, p) (*(p) = (v))
#else
typedef FCS_JOIN(float, FCS_V) V;
typedef FCS_JOIN(int, FCS_V) VI;
#define FCS_LOAD(p) FCS_JOIN(vload, FCS_V)(0, p)
#define FCS_STORE(v, p) FCS_JOIN(vstore, FCS_V)(v, 0, p)
#endif
#if FCS_V == 1
#define FCS_LANE_IDS 0
#elif FCS_V == 4
#define FCS_LANE_IDS ((int4)(0, 1, 2, 3))
#elif FCS_V == 8
#define FCS_LANE_IDS ((int8)(0, 1, 2, 3, 4, 5, 6, 7))
#else
#define FCS_LANE_IDS ((int16)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15))
#endif

/* Items i of 0 .. n - 1, a block of neighbours each: long ones on a processor, of one item
 * elsewhere. */
#define FCS_ITEMS(i, n, block)                                                                     \
    for (int i = (int)get_global_id(0) * (block), i##_end = min(i + (block), n); i < i##_end; i++)

#define FCS_ONE ((V)(1.0f))
#define FCS_ZERO ((V)(0.0f))
#define FCS_SELECT(condition, a, b) select((V)(b), (V)(a), (VI)(condition))
#define FCS_FMA(a, b, c) ((a) * (b) + (c))
#define FCS_ABS(a) fabs(a)
#define FCS_SQRT(a) sqrt(a)
#define FCS_EXP(a) exp(a)
#define FCS_LOG(a) log(a)
#define FCS_TANH(a) tanh(a)
#define FCS_SIGMOID(a) fcs_sigmoid(a)
#define FCS_SOFTPLUS(a) fcs_softplus(a)

/* From exp(-|x|), which does not overflow. */
V fcs_sigmoid(V x)
{
    V e = exp(-fabs(x));
    return FCS_SELECT(x < 0, e, FCS_ONE) / (e + 1);
}

V fcs_softplus(V x) { return FCS_SELECT(x > 0, x, FCS_ZERO) + log1p(exp(-fabs(x))); }

/* v with zeros from lane n on. */
V fcs_first(V v, int n) { return FCS_SELECT(FCS_LANE_IDS < n, v, FCS_ZERO); }
