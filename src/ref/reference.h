/* reference.h: every op once more, in double precision, row-major N C D H W, with the plainest
 * loops. For tests and `facies check` only. Written from the ops' definitions (ops.h), not from
 * kernels or from ops.def's expressions: what both sides get wrong alike is not found. May use
 * base, graph and ops. */
#ifndef FCS_REFERENCE_H
#define FCS_REFERENCE_H

#include "graph/graph.h"
#include "ops/ops.h"

typedef struct fcs_ref_call {
    const fcs_apply_args *args;
    const double *in[FCS_MAX_IN]; /* for the op read: in[0] is the tensor's value */
    double *out;
    double *magnitude;   /* per element of out the sum of |terms|, for error bounds; may be NULL */
    int64_t terms;       /* set: the most terms that one element adds up; 1 where none are */
    uint64_t seed, step; /* random ops */
    uint32_t stream;
} fcs_ref_call;
typedef void fcs_ref(fcs_ref_call *c);

extern fcs_ref *const fcs_refs[]; /* by fcs_op_index */

/* The nearest float32. A function, because gcc 12 drops the rounding where it turns several of them
 * into vectors. */
double fcs_ref_rounded(double v);
/* Position of index i[5] in row-major order, and the index after i (false behind the last). */
int64_t fcs_ref_at(fcs_shape s, const int64_t *i);
bool fcs_ref_next(fcs_shape s, int64_t *i);

/* The values of nodes, computed by the references. A tensor's value comes from the feed that names
 * it, else from the tensor. out[k] holds fcs_shape_count(ys[k]->shape) doubles. Random nodes draw
 * from (seed, step, their name). */
typedef struct fcs_ref_feed {
    const fcs_tensor *tensor;
    const double *values;
} fcs_ref_feed;
fcs_status fcs_ref_graph_eval(fcs_error *e, const fcs_ref_feed *feeds, int n_feeds,
                              fcs_node *const *ys, int n_ys, double *const *out, uint64_t seed,
                              uint64_t step);

#endif
