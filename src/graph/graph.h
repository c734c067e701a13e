/* graph.h: shapes, attributes, op entries, nodes, graphs, and the plan. May use base/ only; ops/
 * and the backends use it.
 *
 * A graph is a list of nodes; a node applies a registered op to nodes made before it. Gradients are
 * more nodes. A plan is an ordered, fused and placed form of what a graph's assignments need; a
 * backend runs it. */
#ifndef FCS_GRAPH_H
#define FCS_GRAPH_H

#include "base/base.h"

enum { FCS_DIMS = 5, FCS_ATTR_INTS = 24, FCS_ATTR_FLOATS = 4 };
enum { FCS_N, FCS_C, FCS_D, FCS_H, FCS_W };

/* ---- shapes ---- */
fcs_shape fcs_shape_of(int64_t n, int64_t c, int64_t d, int64_t h, int64_t w);
bool fcs_shape_equal(fcs_shape a, fcs_shape b);
int64_t fcs_shape_count(fcs_shape s); /* elements */
/* Channels from one pixel to the next inside the plan: C below 8, else C rounded up to 16. */
int64_t fcs_channel_stride(int64_t channels);
int64_t fcs_shape_floats(fcs_shape s);           /* floats stored, padding lanes included */
void fcs_shape_text(fcs_shape s, char text[96]); /* "2x3x1x8x8" */
/* Broadcast of a and b: each dimension equal or 1. False when they do not fit. */
bool fcs_shape_broadcast(fcs_shape a, fcs_shape b, fcs_shape *out);

/* ---- attributes: values by position, described by a table per op ---- */
typedef struct fcs_attrs {
    int64_t i[FCS_ATTR_INTS];
    double f[FCS_ATTR_FLOATS];
} fcs_attrs;
typedef struct fcs_attr {
    const char *name;
    char kind;     /* 'i' integers, 'f' one float */
    int at, count; /* position in i[] or f[], how many; one given value fills all of them */
    double min, max, standard;
    const char *text; /* what it means, with unit */
} fcs_attr;

/* ---- an op's entry ---- */
enum { FCS_MAX_IN = 16 };
/* What an op is applied to: everything that shape, FLOPs, references and kernels depend on. */
typedef struct fcs_apply_args {
    const struct fcs_op *op;
    fcs_attrs attrs;
    int n_in;
    fcs_shape in[FCS_MAX_IN], out;
} fcs_apply_args;

/* Half-open ranges per dimension. */
typedef struct fcs_box {
    int64_t lo[FCS_DIMS], hi[FCS_DIMS];
} fcs_box;

typedef enum fcs_kind {
    FCS_KIND_LANES,  /* elementwise with broadcasting: one expression, fused into chains */
    FCS_KIND_SUM,    /* sum over axes: may end a chain */
    FCS_KIND_KERNEL, /* has a kernel of its own */
    FCS_KIND_SOURCE  /* reads a tensor or is a broadcast constant: no kernel */
} fcs_kind;
typedef enum fcs_class {
    FCS_EXACT,   /* moves, compares or rounds exactly once: equal bits */
    FCS_LINEAR,  /* linear or multilinear, dyadic coefficients: exact on integers, K u sum|ab| else
                  */
    FCS_FUNCTION /* transcendental or chained: ulp bound of the entry */
} fcs_class;

enum fcs_kinks { FCS_KINKS_NONE, FCS_KINKS_ZERO, FCS_KINKS_EQUAL }; /* at 0; where two are equal */

typedef struct fcs_op {
    const char *name, *family, *text; /* one line */
    fcs_kind kind;
    fcs_class accuracy;
    double ulp; /* FCS_FUNCTION: owed ULP per element */
    int min_in, max_in;
    const fcs_attr *attrs;
    int n_attrs;
    /* Sets a->out and completes attributes; fails with a message on shapes that do not fit. */
    fcs_status (*shape)(fcs_apply_args *a, fcs_error *e);
    /* Adds nodes for gx[i] (left NULL: zero gradient) where want[i]; gy has y's shape. NULL: no
     * input has a gradient. */
    fcs_status (*grad)(fcs_graph *g, fcs_node *y, fcs_node *gy, const bool *want, fcs_node **gx);
    double (*flops)(const fcs_apply_args *a); /* NULL: one per output element */
    double (*work)(const fcs_apply_args *a);  /* the same where fast forms are used; NULL: flops */
    /* Streaming: for an output box (coordinates of a->out, clipped to it) the input boxes that it
     * needs, clipped to the inputs' true extents, and the attributes with which the op applied to
     * these boxes gives just that output. NULL: needs the whole input. */
    void (*window)(const fcs_apply_args *a, const fcs_box *out, fcs_box *in, fcs_attrs *attrs);
    double preserves_zero;       /* LANES: 1 when f(0, ..) is 0 for padding lanes */
    double domain_lo, domain_hi; /* random test data's range; 0, 0: [-1, 1] */
    int kinks; /* where the gradient is undefined: enum fcs_kinks; test data keep away from it */
    double nonzero;           /* share of outputs that must differ from 0 in a test, e.g. 0.5 */
    const char *const *cases; /* NULL-terminated: "in=1x3x1x9x9,4x3x1x3x3 stride=1,2,2" */
    const char *const *bench; /* NULL-terminated, may be NULL: cases that `bench ops` times */
} fcs_op;

/* The registry, from ops.def (src/ops/registry.c). */
extern const fcs_op *const fcs_ops[];
extern const int fcs_n_ops;
int fcs_op_index(const fcs_op *op); /* position in fcs_ops */
const fcs_op *fcs_op_find(fcs_error *e,
                          const char *name); /* NULL and a message that names the nearest */
/* "stride=2 pad_lo=1,2,2": fills attrs with defaults, then the given ones, range-checked. */
fcs_status fcs_attrs_parse(fcs_error *e, const fcs_op *op, const char *text, fcs_attrs *out);
void fcs_attrs_text(const fcs_op *op, const fcs_attrs *a,
                    fcs_text *out); /* what differs from the defaults */

/* How values are reached on the host (graph/backend.h). */
typedef enum fcs_map_mode {
    FCS_MAP_READ,
    FCS_MAP_WRITE /* all of it is written: what it held is lost */
} fcs_map_mode;

/* ---- tensors: persistent values; stored by the backend, channels-last, padding lanes zero ---- */
struct fcs_tensor {
    fcs_context *ctx;
    char *name;
    fcs_shape shape;
    void *memory; /* the backend's (graph/backend.h): fcs_shape_floats(shape) floats */
};
/* The stored floats, on the host until unmapped (graph/backend.h: mode and failures). */
float *fcs_tensor_map(const fcs_tensor *t, fcs_map_mode mode);
fcs_status fcs_tensor_unmap(const fcs_tensor *t, float *mapped);
fcs_status fcs_tensor_copy(fcs_tensor *to, const fcs_tensor *from); /* of one shape */

/* ---- nodes and graphs ---- */
struct fcs_node {
    const fcs_op *op;
    fcs_graph *graph;
    int id; /* position in the graph: inputs have smaller ones */
    fcs_attrs attrs;
    int n_in;
    fcs_node *in[FCS_MAX_IN];
    fcs_shape shape;
    fcs_tensor *tensor; /* of the op "read" */
    char *name;         /* for messages, profiles and random streams; may be NULL */
};
typedef struct fcs_assignment {
    fcs_tensor *tensor;
    fcs_node *node;
} fcs_assignment;
struct fcs_graph {
    fcs_context *ctx;
    fcs_node **nodes;
    size_t n_nodes, nodes_capacity;
    fcs_assignment *assignments;
    size_t n_assignments, assignments_capacity;
    char *prefix; /* put before names of new nodes: "generator/up1" */
};
/* Nodes by op entry. All return NULL (message in the context) on failure or when an input is NULL.
 * Identical applications give the same node (random ops excepted: they carry names). */
fcs_node *fcs_node_new(fcs_graph *g, const fcs_op *op, const fcs_attrs *attrs, int n,
                       fcs_node *const *in);
fcs_node *fcs_node_named(fcs_node *n, const char *name); /* names a node, NULL passes through */
/* Names the unnamed nodes from number `from` on, for profiles and messages; not random ones, whose
 * names choose their numbers. */
bool fcs_graph_name(fcs_graph *g, size_t from, const char *name);
void fcs_graph_prefix(fcs_graph *g, const char *prefix); /* NULL: none */
fcs_node *fcs_constant(fcs_graph *g, double value);      /* shape 1x1x1x1x1 */
void fcs_apply_args_of(const fcs_node *n, fcs_apply_args *a);

/* Short forms for code that builds graphs (layers, losses, gradients). */
fcs_node *fcs_add(fcs_node *a, fcs_node *b);
fcs_node *fcs_sub(fcs_node *a, fcs_node *b);
fcs_node *fcs_mul(fcs_node *a, fcs_node *b);
fcs_node *fcs_div(fcs_node *a, fcs_node *b);
fcs_node *fcs_unary(const char *op, fcs_node *a); /* "relu", "exp", ... default attributes */
fcs_node *fcs_affine(fcs_node *a, double scale, double shift); /* scale * a + shift */
fcs_node *fcs_sum(fcs_node *a, const char *axes); /* "ndhw": kept as size 1; "ncdhw": scalar */
fcs_node *fcs_mean(fcs_node *a, const char *axes);
fcs_node *fcs_broadcast(fcs_node *a, fcs_shape shape);
fcs_node *fcs_sum_to(fcs_node *a, fcs_shape shape); /* adjoint of broadcast */
fcs_node *fcs_reshape(fcs_node *a, fcs_shape shape);
/* Convolution of x [N Ci D H W] with w [Co Ci kD kH kW]; attrs i[] as enum fcs_conv_attr
 * (ops/ops.h). */
fcs_node *fcs_conv(fcs_node *x, fcs_node *w, const fcs_attrs *a);
fcs_node *fcs_conv_dx(fcs_node *gy, fcs_node *w, const fcs_attrs *a);
fcs_node *fcs_conv_dw(fcs_node *x, fcs_node *gy, const fcs_attrs *a);

/* ---- windows ---- */
/* What is needed of every node for one box of n's value, to compute that alone. before: the window
 * that is computed before this one in a row along dimension `axis` (NULL: this is the first; axis
 * -1: no row): what it has of values that this one reads again is kept, and not computed twice; the
 * other dimensions of their boxes must be alike. Fails, naming the op, where an op needs its whole
 * input. The graph of n outlives the window. */
typedef struct fcs_window fcs_window;
fcs_window *fcs_window_new(fcs_node *n, const fcs_box *box, int axis, const fcs_window *before);
fcs_window *fcs_window_share(fcs_window *w); /* one more owner */
void fcs_window_free(fcs_window *w);         /* one owner less */
/* The box of tensor t that is read; false: none. */
bool fcs_window_reads(const fcs_window *w, const fcs_tensor *t, fcs_box *box);
/* Whether two windows, each with the one after it in its row (NULL: the last), are computed by the
 * same graph, to the bit: they lie alike to the image's edges and to its tiles. */
bool fcs_window_same(const fcs_window *a, const fcs_window *a_next, const fcs_window *b,
                     const fcs_window *b_next);
/* part: the tensor to read instead of t (of the box's size; t itself if the box is all of it).
 * kept: the tensor for what is kept of node number `node` between two windows, the same for the
 * same shape; NULL where windows are in no row. Both return NULL after an error. */
typedef struct fcs_window_tensors {
    fcs_tensor *(*part)(void *user, fcs_tensor *t, const fcs_box *box);
    fcs_tensor *(*kept)(void *user, int node, fcs_shape shape);
    void *user;
} fcs_window_tensors;
/* Builds the graph of a window: the box's value. Assigns what the next window finds kept. */
fcs_node *fcs_window_build(const fcs_window *w, const fcs_window *next, fcs_graph *into,
                           const fcs_window_tensors *tensors);

/* ---- plans ---- */
typedef enum fcs_step_kind {
    FCS_STEP_KERNEL, /* an op's own kernel */
    FCS_STEP_CHAIN,  /* fused elementwise ops, sums at their end */
    FCS_STEP_COPY    /* value in[0] into value out, same shape: fcs_shape_floats() floats */
} fcs_step_kind;
/* Where a value lives: in a tensor, or in the arena at offset (bytes). */
typedef struct fcs_place {
    fcs_tensor *tensor;
    size_t offset;
} fcs_place;
/* A value of the plan: what a node became. Registers of chains are no values. */
typedef struct fcs_value {
    fcs_shape shape;
    fcs_place place;
    char *name; /* the node's name or "op#id" */
} fcs_value;
/* One elementwise instruction of a chain: out = op(in...), in blocks of lanes. */
typedef struct fcs_lane {
    const fcs_op *op;
    fcs_attrs attrs;
    int n_in;
    int in[3]; /* >= 0: chain register; < 0: -1 - k is input k of the chain */
    int out;   /* chain register; may be one of in[] */
} fcs_lane;
/* A result: register (or input, as in fcs_lane.in) reg, stored to value, or summed to the value's
 * shape. */
typedef struct fcs_chain_io {
    int value, reg;
    bool sum;
} fcs_chain_io;
typedef struct fcs_chain {
    fcs_shape shape; /* iteration space */
    fcs_lane *lanes;
    int n_lanes; /* may be 0: a copy, a broadcast or a bare sum */
    int n_registers;
    int *inputs;
    int n_inputs; /* values, each broadcast to shape */
    fcs_chain_io *outputs;
    int n_outputs; /* a stored one may lie where an input of the same shape lies */
} fcs_chain;
typedef struct fcs_step {
    fcs_step_kind kind;
    fcs_apply_args args; /* kernel: op, attributes, shapes */
    int n_in;
    int in[FCS_MAX_IN];
    int out;         /* values; chains: see chain */
    uint32_t stream; /* random ops: fcs_random_stream of the node's name */
    fcs_chain *chain;
    size_t scratch, scratch_offset; /* bytes in the arena */
    char *name;
} fcs_step;
typedef struct fcs_arena {
    void *memory; /* the backend's */
    size_t size;
    int users;
} fcs_arena;
struct fcs_plan {
    fcs_context *ctx;
    fcs_value *values;
    int n_values;
    fcs_step *steps;
    int n_steps;
    size_t arena_bytes; /* peak of scratch */
    fcs_arena *arena;   /* allocated at the first run or by fcs_plan_share; at least arena_bytes */
    fcs_tensor **constants;
    int n_constants; /* values of constant nodes, filled when the plan is built */
    void *prepared;  /* what the backend keeps with the plan */
};
typedef struct fcs_plan_options {
    bool no_fusion,
        no_reuse; /* every node its own step and place: for naming culprits and for tests */
} fcs_plan_options;
fcs_status fcs_plan_build(fcs_graph *g, const fcs_plan_options *o, fcs_plan **out);
/* Lets plans share one arena (the largest's size), since only one runs at a time. Allocates it. */
fcs_status fcs_plan_share(fcs_plan *const *plans, int n, fcs_error *e);
fcs_status fcs_plan_allocate(fcs_plan *p); /* the plan's own arena, unless it has one */
/* Runs the steps first .. end - 1 only. */
fcs_status fcs_plan_run_steps(fcs_plan *p, int first, int end, uint64_t seed, uint64_t step);
/* The stored floats of a value now, on the host until unmapped; its arena must be there. */
float *fcs_plan_map(const fcs_plan *p, int value, fcs_map_mode mode);
fcs_status fcs_plan_unmap(const fcs_plan *p, int value, float *mapped);

#endif
