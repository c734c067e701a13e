/* backend.h: what a backend is: who stores values and runs plans. src/graph and everything above it
 * reach values through this table only; a context has one backend for its whole life.
 *
 * Memory is a handle of the backend's, for a tensor or for the scratch arena that plans share; what
 * lies in it is laid out as docs/architecture.md says (channels-last, padding lanes zero), on every
 * backend. The CPU's table is in src/cpu/run.c. */
#ifndef FCS_BACKEND_H
#define FCS_BACKEND_H

#include "graph/graph.h"

/* An op's values in one memory: offsets in bytes, multiples of 64. */
typedef struct fcs_op_place {
    const fcs_apply_args *args;
    void *memory;
    size_t in[FCS_MAX_IN], out, scratch;
    uint32_t stream; /* random ops */
} fcs_op_place;

/* A kind of problem whose kernels have several forms, between which time decides
 * (src/check/tune.c): its name, its op, the case that is timed, more cases that a form must get
 * right. */
typedef struct fcs_tuning_use {
    const char *name, *op, *timed;
    const char *const *checked; /* NULL behind the last */
} fcs_tuning_use;

typedef struct fcs_tuning {
    const fcs_tuning_use *uses;
    int n_uses;
    const char *(*form)(const fcs_context *ctx, int form); /* its name; NULL: there are no more */
    /* The use takes the form in what is planned from now on. False: it cannot. */
    bool (*choose)(fcs_context *ctx, int use, int form);
    /* The forms in force, "matmul=registers-6x16 conv=...", to be freed; and back. What set() does
     * not know changes nothing. */
    char *(*text)(fcs_context *ctx);
    fcs_status (*set)(fcs_context *ctx, const char *text);
    fcs_status (*keep)(fcs_context *ctx); /* for contexts that are opened later */
    /* What is run now is timed: waiting for it must not take longer than it does. */
    void (*timing)(fcs_context *ctx, bool on);
} fcs_tuning;

typedef struct fcs_backend {
    const char *name; /* "cpu", "opencl" */
    bool fast_forms;  /* convolutions by minimal filtering (src/ops/tiling.h) */
    bool owns_lines;  /* may write to the end of a value's last 64 bytes */
    const char *(*device_name)(const fcs_context *ctx); /* NULL: it is called like the backend */
    /* What else the bits of results depend on: instruction set, driver. */
    const char *(*kernels_name)(const fcs_context *ctx);
    /* Frees what the context holds for the backend. May be NULL. */
    void (*close)(fcs_context *ctx);

    /* Bytes of memory; zeroed where `zero`. NULL and a message on failure. */
    void *(*memory_new)(fcs_context *ctx, size_t bytes, bool zero);
    void (*memory_free)(fcs_context *ctx, void *memory);
    /* A range of memory as floats of the host's, until unmapped; NULL and a message on failure.
     * Writes are done when unmap returns. One range at a time in one memory. */
    float *(*map)(fcs_context *ctx, void *memory, size_t offset, size_t bytes, fcs_map_mode mode);
    fcs_status (*unmap)(fcs_context *ctx, void *memory, float *mapped);
    /* No value may lie across a multiple of so many bytes of the arena. NULL: it may. */
    size_t (*slab_bytes)(const fcs_context *ctx);

    /* Scratch that a step of the plan needs; asked by the planner. */
    size_t (*step_scratch)(const fcs_context *ctx, const fcs_plan *p, const fcs_step *s);
    /* Runs the steps first .. end - 1; the plan's arena is there. May return before they are done,
     * map waits for them. */
    fcs_status (*run)(fcs_plan *p, int first, int end, uint64_t seed, uint64_t step);
    /* Frees p->prepared, what run() keeps with the plan. May be NULL. */
    void (*forget)(fcs_plan *p);
    /* Waits until all that was run is done. NULL: it always is. */
    fcs_status (*finish)(fcs_context *ctx);

    /* Whether one thread of the process does all the work, so that its processor time is the
     * work's.
     */
    bool (*one_thread)(const fcs_context *ctx);

    const fcs_tuning *tuning; /* NULL: kernels have one form */

    /* One op outside a plan, for checks and benchmarks: what it needs beside its values, made
     * ready, run as often as wanted, freed. NULL and a message on failure. */
    size_t (*op_scratch)(const fcs_context *ctx, const fcs_apply_args *a);
    void *(*op_new)(fcs_context *ctx, const fcs_op_place *place);
    fcs_status (*op_run)(fcs_context *ctx, void *op, uint64_t seed, uint64_t step);
    void (*op_free)(fcs_context *ctx, void *op);
} fcs_backend;

/* What computes: "cpu", or the device's own name. */
static inline const char *fcs_device_name(const fcs_context *ctx)
{
    return ctx->backend->device_name ? ctx->backend->device_name(ctx) : ctx->backend->name;
}

#endif
