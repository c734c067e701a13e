/* opencl.h: the OpenCL backend, private to src/opencl (src/opencl/devices.h is for the rest).
 *
 * A plan's steps become launches once: kernel, arguments and size; running is queueing them, in
 * order, on one queue. device.c finds and opens devices, memory.c keeps values on them, program.c
 * builds the kernels of cl/, launch.c makes and queues launches, chain.c writes the kernels of
 * elementwise chains, sum.c adds, op_*.c say how each op of ops.def is launched, run.c ties them to
 * plans. One thread owns a context with all its OpenCL objects. */
#ifndef FCS_OPENCL_H
#define FCS_OPENCL_H

#define CL_TARGET_OPENCL_VERSION 120
#include "graph/backend.h"
#include "opencl/devices.h"

#include <CL/cl.h>

/* ---- forms of the kernels that multiply (tile.c) ---- */
typedef enum fcs_cl_style { FCS_CL_REGISTERS, FCS_CL_LOCAL, FCS_CL_DOT, FCS_CL_BLAST } fcs_cl_style;
typedef struct fcs_cl_tile {
    const char *name, *options; /* "registers-6x16", the numbers as -D */
    fcs_cl_style style;
    int m, n, k; /* results of a group (in registers: of an item); terms between barriers */
    int item_m, item_n; /* FCS_M, FCS_V */
} fcs_cl_tile;
/* Kinds of problem that take a form of their own: few: under 16 channels. */
typedef enum fcs_cl_use {
    FCS_CL_PRODUCT,
    FCS_CL_PRODUCT_FLAT, /* few rows */
    FCS_CL_CONV,         /* conv and conv_dx */
    FCS_CL_CONV_FEW_IN,
    FCS_CL_CONV_FEW_OUT,
    FCS_CL_DW,
    FCS_CL_DW_FEW_IN,
    FCS_CL_DW_FEW_OUT,
    FCS_CL_USES
} fcs_cl_use;
enum { FCS_CL_FORMS = 15 };
extern const fcs_tuning_use fcs_cl_uses[FCS_CL_USES];

/* ---- devices (device.c) ---- */
typedef struct fcs_cl_program {
    char *key;
    cl_program program;
} fcs_cl_program;

/* An open device: fcs_context.device. */
typedef struct fcs_cl {
    fcs_context *ctx;
    cl_platform_id platform;
    cl_device_id id;
    cl_context context;
    cl_command_queue queue; /* in order */
    char *name, *driver;
    int units;           /* that compute at the same time */
    bool cpu;            /* a processor: wide vectors, no local memory, few large work items */
    bool sync;           /* wait after each kernel */
    bool timing;         /* waiting must not sleep: what runs is timed */
    bool lost;           /* after a fatal error no call is made any more */
    bool exact_division; /* CL_FP_CORRECTLY_ROUNDED_DIVIDE_SQRT */
    bool embedded;       /* embedded profile: may round otherwise */
    bool cacheless;      /* the cache folder cannot be written */
    size_t slab_bytes;   /* of one buffer, at most */
    size_t memory_bytes, used_bytes; /* the device's; of all buffers here */
    size_t group_limit, local_bytes;
    const fcs_cl_tile *tiles; /* forms instead of tile.c's, for tests; or NULL */
    int form[FCS_CL_USES];
    signed char room[FCS_CL_USES][FCS_CL_FORMS]; /* for a form: 1 there is, -1 there is not, 0 not
                                                    known yet */
    fcs_cl_program *programs;
    size_t n_programs, programs_capacity;
    double queued, rate; /* work since the last wait; work per second, as measured (launch.c) */
    double held;         /* part of it that the driver was not told to begin with */
    double waited;       /* when the last wait ended, or the work since then began */
    double last_work, last_seconds; /* of the last wait */
} fcs_cl;
/* Records "what: the code's name"; fatal codes mark the device as lost. Returns FCS_FAILED. */
fcs_status fcs_cl_fail(fcs_cl *cl, cl_int code, const char *format, ...) FCS_PRINTF(3, 4);
/* False, with the message, once the device was lost. */
bool fcs_cl_alive(fcs_cl *cl);

/* ---- the cache folder (cache.c) ---- */
/* What was written for this device and driver under this kind and key (any text), a NUL behind it;
 * NULL where there is nothing, or something damaged. */
char *fcs_cl_cache_read(const fcs_cl *cl, const char *kind, const char *key, size_t *n);
/* Replaces it as a whole. Where that fails a note says so, once, and nothing more is written. */
void fcs_cl_cache_write(fcs_cl *cl, const char *kind, const char *key, const void *bytes, size_t n);

/* The folder, to be freed; make: it is there afterwards. NULL and a message on failure. */
char *fcs_cl_cache_folder(fcs_error *e, bool make);

/* ---- the self-test (selftest.c) ---- */
/* The verdict on an open device: "passed", or what was wrong, from the cache or by testing it now.
 * FCS_FAILED where it cannot be tested. */
fcs_status fcs_cl_selftest(fcs_cl *cl, char *verdict, size_t size);
/* The verdict that is kept, without testing; false where there is none. */
bool fcs_cl_selftest_kept(const fcs_cl *cl, char *verdict, size_t size);

/* ---- memory (memory.c) ---- */
typedef struct fcs_cl_memory {
    cl_mem *slabs;
    int n_slabs;
    size_t slab_bytes, bytes;
    float *mapped; /* host copy of the range that is mapped */
    size_t offset, size;
    fcs_map_mode mode;
} fcs_cl_memory;
void *fcs_cl_memory_new(fcs_context *ctx, size_t bytes, bool zero);
void fcs_cl_memory_free(fcs_context *ctx, void *memory);
float *fcs_cl_map(fcs_context *ctx, void *memory, size_t offset, size_t bytes, fcs_map_mode mode);
fcs_status fcs_cl_unmap(fcs_context *ctx, void *memory, float *mapped);

/* A value on the device. Buffers hold whole lines of 64 bytes: what follows a value in its last
 * line is nobody's, so that vectors of 16 may be stored there. */
typedef struct fcs_cl_view {
    cl_mem buffer;
    int64_t at; /* floats from the buffer's beginning, a multiple of 16 */
    fcs_shape shape;
    int64_t cs; /* floats from one pixel to the next */
} fcs_cl_view;
fcs_cl_view fcs_cl_view_of(const fcs_cl_memory *m, size_t offset, fcs_shape shape);

/* ---- programs (program.c) ---- */
/* A new kernel of cl/<file>.cl (several files: blanks between them), with options such as
 * "-DFCS_V=16" and more source behind it (both may be NULL). NULL and a message with the build log
 * on failure. */
cl_kernel fcs_cl_kernel(fcs_cl *cl, const char *file, const char *options, const char *body,
                        const char *name);
void fcs_cl_programs_free(fcs_cl *cl);
extern const fcs_embedded fcs_cl_sources[]; /* cl/ and the table of normal variates */

/* ---- products by CLBlast (blast.c) ---- */
/* y[rows][columns] = op(a) op(b), of k terms; cs: floats from a row to the next. */
typedef struct fcs_cl_blast {
    fcs_cl_view a, b, y;
    bool ta, tb;
    int64_t rows, columns, k;
} fcs_cl_blast;
fcs_status fcs_cl_blast_queue(fcs_cl *cl, const fcs_cl_blast *p, const char *where);
void fcs_cl_blast_forget(void); /* what it keeps of contexts, before one is closed */

/* ---- launches (launch.c) ---- */
/* Long ones are queued in pieces: a kernel knows its place from get_global_id alone (with
 * get_local_id where groups share local memory), not from get_group_id or sizes of the whole. */
typedef struct fcs_cl_launch {
    fcs_cl_blast *blast; /* NULL: a kernel */
    cl_kernel kernel;
    const char *name; /* of the kernel */
    size_t global, local;
    cl_uint arguments;
    int random; /* position of four uints, seed and step, or -1 */
    double work;
} fcs_cl_launch;
typedef struct fcs_cl_launches {
    fcs_cl *cl;
    fcs_cl_launch *items;
    size_t n, capacity;
    bool failed; /* sticky: the first failure's message is in the context */
} fcs_cl_launches;
/* Begins a launch; arguments follow in the kernel's order, then fcs_cl_end. */
void fcs_cl_begin(fcs_cl_launches *l, const char *file, const char *options, const char *body,
                  const char *kernel);
void fcs_cl_view_arg(fcs_cl_launches *l, const fcs_cl_view *v); /* two: buffer, offset */
void fcs_cl_int_arg(fcs_cl_launches *l, int64_t i);
void fcs_cl_ints_arg(fcs_cl_launches *l, const int64_t *i, int n);
void fcs_cl_uint_arg(fcs_cl_launches *l, uint32_t i);
void fcs_cl_float_arg(fcs_cl_launches *l, double f);
void fcs_cl_random_arg(fcs_cl_launches *l); /* four: seed and step, low and high words */
/* A launch of its own. */
void fcs_cl_blast_launch(fcs_cl_launches *l, const fcs_cl_blast *p);
/* items: work items; group: wanted in a work group, 1 where an item is large. The device's limits
 * may make it smaller. work: floats moved and operations done, roughly. */
void fcs_cl_end(fcs_cl_launches *l, int64_t items, int64_t group, double work);
/* The same for kernels with a fixed group. */
void fcs_cl_groups_end(fcs_cl_launches *l, int64_t groups, int64_t group, double work);
void fcs_cl_launches_free(fcs_cl_launches *l);
/* For kernels with FCS_ITEMS: the arguments `items` and `block` of n items; and the launch's end.
 */
void fcs_cl_items_arg(fcs_cl_launches *l, int64_t n);
void fcs_cl_items_end(fcs_cl_launches *l, int64_t n, double work);
/* Floats of an elementwise kernel's vectors where pixels have so many; and the option that says it.
 */
int fcs_cl_vector(const fcs_cl *cl, int64_t cs);
const char *fcs_cl_vector_option(int vector);
/* Queues launches first .. end - 1; where: for messages. */
fcs_status fcs_cl_queue(fcs_cl_launches *l, size_t first, size_t end, uint64_t seed, uint64_t step,
                        const char *where);
fcs_status fcs_cl_finish(fcs_cl *cl); /* waits until all that was queued is done */

/* ---- forms (tile.c) ---- */
const fcs_cl_tile *fcs_cl_tile_at(const fcs_cl *cl, int form); /* NULL: there are no more */
void fcs_cl_tiles_guess(fcs_cl *cl); /* what suits a processor, or all else */
/* The form that a use takes now. */
const fcs_cl_tile *fcs_cl_tile_for(fcs_cl *cl, fcs_cl_use use);
/* False where the device has no room for the form, or it is not one for the use. */
bool fcs_cl_tile_choose(fcs_cl *cl, fcs_cl_use use, int form);
/* The number of a form for the use by the n letters of its name; -1: there is none. */
int fcs_cl_tile_named(const fcs_cl *cl, fcs_cl_use use, const char *name, size_t n);
/* Ends a launch of a kernel of the form: groups of it, or items where it is in registers. */
void fcs_cl_tile_end(fcs_cl_launches *l, const fcs_cl_tile *t, int64_t groups, double work);

/* ---- ops (op_*.c): an op of ops.def without its fcs_cl_op_<name> does not link ---- */
typedef struct fcs_cl_call {
    fcs_cl_launches *to;
    const fcs_apply_args *args;
    fcs_cl_view in[FCS_MAX_IN], out, scratch;
    uint32_t stream; /* random ops */
} fcs_cl_call;
typedef struct fcs_cl_op {
    void (*emit)(const fcs_cl_call *c);
    size_t (*scratch)(fcs_cl *cl, const fcs_apply_args *a); /* bytes; NULL: none */
    const char *expression;                                 /* elementwise ops */
} fcs_cl_op;
extern const fcs_cl_op *const fcs_cl_ops[]; /* by fcs_op_index */

/* ---- chains (chain.c) and sums (sum.c) ---- */
typedef struct fcs_cl_chain {
    const fcs_chain *chain;
    const fcs_value *values;                           /* shapes, by value index */
    fcs_cl_view (*view)(const void *owner, int value); /* where a value lies */
    const void *owner;
    fcs_cl_view scratch;
    fcs_cl_launches *to;
} fcs_cl_chain;
void fcs_cl_chain_emit(const fcs_cl_chain *c);
size_t fcs_cl_chain_scratch(const fcs_cl *cl, const fcs_chain *chain, const fcs_value *values);
void fcs_cl_chain_apply(const fcs_cl_call *c); /* one op as a chain */
size_t fcs_cl_chain_apply_scratch(fcs_cl *cl, const fcs_apply_args *a);
/* out = x summed over the dimensions that out has no more. */
void fcs_cl_sum_emit(fcs_cl_launches *to, const fcs_cl_view *out, const fcs_cl_view *x,
                     const fcs_cl_view *scratch);
size_t fcs_cl_sum_scratch(const fcs_cl *cl, fcs_shape out, fcs_shape x);

/* out[i] = the sum of parts[k * floats + i], k < n. */
void fcs_cl_add_parts(fcs_cl_launches *to, const fcs_cl_view *out, const fcs_cl_view *parts,
                      int64_t floats, int64_t n);
/* y = x moved by lead, zeros where x does not reach (op_shape.c). */
void fcs_cl_move_emit(fcs_cl_launches *to, const fcs_cl_view *y, const fcs_cl_view *x,
                      const int64_t lead[FCS_DIMS]);

/* ---- the choice of forms, kept (tuning.c) ---- */
extern const fcs_tuning fcs_cl_tuning;
/* Takes what `facies tune` kept for the device, or a guess. */
void fcs_cl_tuning_load(fcs_cl *cl);

/* ---- plans (run.c) ---- */
fcs_status fcs_cl_run(fcs_plan *p, int first, int end, uint64_t seed, uint64_t step);
void fcs_cl_forget(fcs_plan *p);
size_t fcs_cl_step_scratch(const fcs_context *ctx, const fcs_plan *p, const fcs_step *s);
size_t fcs_cl_op_scratch(const fcs_context *ctx, const fcs_apply_args *a);
void *fcs_cl_op_new(fcs_context *ctx, const fcs_op_place *place);
fcs_status fcs_cl_op_run(fcs_context *ctx, void *op, uint64_t seed, uint64_t step);
void fcs_cl_op_free(fcs_context *ctx, void *op);
extern const fcs_backend fcs_cl_backend;

/* The part of a scratch area that begins so many bytes on. */
fcs_cl_view fcs_cl_part(const fcs_cl_view *scratch, size_t bytes);
static inline size_t fcs_cl_lines(size_t bytes) { return (bytes + 63) & ~(size_t)63; }

#endif
