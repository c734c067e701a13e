/* chain.h: elementwise chains, run in blocks that stay in the first cache. */
#ifndef FCS_CHAIN_H
#define FCS_CHAIN_H

#include "cpu/cpu.h"

/* A chain with its values: shapes by value index, and where they lie. */
typedef struct fcs_chain_call {
    const fcs_chain *chain;
    const fcs_value *values;
    float *(*data)(const void *owner, int value);
    const void *owner;
    const fcs_isa *isa;
    fcs_team *team;
    void *scratch; /* 64-byte aligned, fcs_chain_scratch() bytes */
} fcs_chain_call;
size_t fcs_chain_scratch(const fcs_chain *chain, const fcs_value *values, int threads);
void fcs_chain_run(const fcs_chain_call *call);

/* One op as a chain: an elementwise op, a sum or a broadcast. */
void fcs_chain_apply(const fcs_cpu_call *c, const fcs_isa *isa);
size_t fcs_chain_apply_scratch(const fcs_apply_args *a, int threads);

/* out = x summed over every dimension that out has no more; any set of dimensions. */
void fcs_sum_general(const fcs_view *out, const fcs_view *x, const fcs_isa *isa, fcs_team *team);
/* The sum of n floats from x on, pairwise in a fixed order. */
float fcs_sum_lanes(const float *x, int64_t n);

#endif
