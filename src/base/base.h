/* base.h: what every folder may use: errors, memory, text, threads, random numbers, CPU features,
 * tables. No dependency on any other folder. */
#ifndef FCS_BASE_H
#define FCS_BASE_H

#include "facies.h"
#include <stdbool.h>
#include <stdarg.h>

/* ---- errors ---- */
typedef struct fcs_error {
    fcs_status status;
    char message[1024];
} fcs_error;

/* Records a failure (the first one is kept until cleared) and returns its status. The message is
 * one line: what, where, what to do. */
fcs_status fcs_fail(fcs_error *e, fcs_status status, const char *format, ...) FCS_PRINTF(3, 4);
/* Puts "where: " before the message that is already there; for callers that know more of the place.
 */
void fcs_error_where(fcs_error *e, const char *format, ...) FCS_PRINTF(2, 3);
void fcs_error_clear(fcs_error *e);

/* ---- the context (opaque in facies.h) ---- */
struct fcs_team;
struct fcs_context {
    fcs_error error;
    struct fcs_team *team;
    bool sync; /* wait after each kernel of a device, to name the one that fails */
    const struct fcs_backend *backend; /* stores values and runs plans (src/graph/backend.h) */
    void *device;                      /* the backend's; the CPU has none */
    bool plain_plans;  /* plans are made without fusion and reuse, so that nodes can be compared */
    char *device_word; /* that opened it */
    struct fcs_profile *profile; /* what runs of plans add to; NULL (src/graph/profile.h) */
    const struct fcs_isa *isa;   /* kernels of the chosen instruction set (src/cpu/cpu.h) */
    void (*log)(void *user, const char *line);
    void *user;
    volatile int interrupted; /* written by signal handlers: a lock-free int */
    uint64_t allocated,
        allocated_most; /* bytes of plan scratch and tensors: now; the most so far */
};
/* Passes a line to the context's log, if there is one. */
void fcs_note(fcs_context *ctx, const char *format, ...) FCS_PRINTF(2, 3);

/* Counts what backends allocate; less where negative. */
void fcs_count_memory(fcs_context *ctx, int64_t bytes);

/* ---- integers ---- */
static inline int64_t fcs_least(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t fcs_most(int64_t a, int64_t b) { return a > b ? a : b; }
static inline int64_t fcs_divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; } /* a >= 0 */

/* ---- memory: NULL and a message when out of memory. free() releases all of them. ---- */
void *fcs_alloc(fcs_error *e, size_t bytes);                /* zeroed */
void *fcs_alloc_array(fcs_error *e, size_t n, size_t size); /* zeroed, overflow-checked */
void *fcs_alloc_aligned(fcs_error *e, size_t bytes);        /* 64-byte aligned, NOT zeroed */
bool fcs_grow(fcs_error *e, void *array_pointer, size_t *capacity, size_t need,
              size_t size); /* realloc, new part zeroed */

/* ---- text ---- */
typedef struct fcs_text {
    char *s;
    size_t n, capacity;
    bool failed;
} fcs_text; /* start with {0}; free(t.s) */
void fcs_text_add(fcs_text *t, const char *format, ...) FCS_PRINTF(2, 3);
void fcs_text_put(fcs_text *t, const char *bytes, size_t n);
char *fcs_strdup(fcs_error *e, const char *s);
char *fcs_format(fcs_error *e, const char *format, ...) FCS_PRINTF(2, 3); /* malloc'ed */
/* The known word nearest to `word` by edit distance, or NULL when none is near; names[i], i < n. */
const char *fcs_nearest(const char *word, const char *const *names, int n);
bool fcs_parse_int64(const char *s, int64_t *out); /* whole string, decimal */
bool fcs_parse_double(const char *s, double *out); /* whole string, finite, '.' in every locale */
double fcs_seconds(void);                          /* monotonic clock */

/* ---- text files that come with the library (made by m4/embed.awk), lists end with a NULL name
 * ---- */
typedef struct fcs_embedded {
    const char *name;         /* of the file, without its ending */
    const char *const *lines; /* NULL-terminated, without newlines */
} fcs_embedded;

/* ---- files: written beside the target and renamed, directly where the target is neither absent
 * nor regular ---- */
typedef struct fcs_file {
    FILE *f;
    char *path, *temporary;
} fcs_file;
fcs_status fcs_file_open(fcs_error *e, fcs_file *file, const char *path);
/* Flushes, syncs, closes, renames; on failure removes the temporary file and leaves the target as
 * it was. */
fcs_status fcs_file_commit(fcs_error *e, fcs_file *file);
void fcs_file_abort(fcs_file *file);
char *fcs_file_read(fcs_error *e, const char *path, size_t limit,
                    size_t *size);           /* whole file, NUL behind it */
const char *fcs_file_name(const char *path); /* what is behind the last slash */

/* ---- threads: the only place that knows of them ---- */
typedef struct fcs_team fcs_team;
/* 0: one per processor that the process may use. In a child of fork() the caller works alone. */
fcs_team *fcs_team_new(fcs_error *e, int threads);
void fcs_team_free(fcs_team *team);
int fcs_team_size(const fcs_team *team);
/* Calls body(arg, i, thread) for i in [0, n), each once, spread over the team; thread <
 * fcs_team_size. Items are handed out dynamically in blocks of `grain`, so what they compute must
 * not depend on the thread. Bodies call no fcs_parallel of the same team. */
typedef void fcs_body(void *arg, int64_t begin, int64_t end, int thread);
void fcs_parallel(fcs_team *team, int64_t n, int64_t grain, fcs_body *body, void *arg);

/* ---- random numbers: Philox 4x32-10, counter based; the same bits on every machine ---- */
/* Four 32-bit words for counter (c0..c3) under key (k0, k1). Equation: Salmon et al. 2011. */
void fcs_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);
uint64_t fcs_hash(const char *s);                     /* FNV-1a 64, for keys from names */
uint64_t fcs_hash_bytes(const void *bytes, size_t n); /* the same of any bytes */
/* Number `index` of the stream (seed, step, name): uniform in [0,1) as k * 2^-24, or N(0,1). */
float fcs_random_uniform(uint64_t seed, uint64_t step, uint32_t stream, uint64_t index);
float fcs_random_normal(uint64_t seed, uint64_t step, uint32_t stream, uint64_t index);
/* Fill y[i] with numbers first + i of the stream. */
void fcs_random_uniforms(uint64_t seed, uint64_t step, uint32_t stream, uint64_t first, size_t n,
                         float *y);
void fcs_random_normals(uint64_t seed, uint64_t step, uint32_t stream, uint64_t first, size_t n,
                        float *y);
uint32_t fcs_random_stream(const char *name); /* stream id of a name */
/* An integer in [0, n), n < 2^31, unbiased to 2^-32. */
int64_t fcs_random_below(uint64_t seed, uint64_t step, uint32_t stream, uint64_t index, int64_t n);

/* ---- tables (fcs_table of facies.h) ---- */
fcs_table *fcs_table_new(fcs_error *e, const char *const *columns, int n); /* names are copied */
/* Adds a row: one letter per column in `kinds`: s (const char *, may be NULL: empty), d (double), i
 * (int64_t). */
fcs_status fcs_table_add(fcs_error *e, fcs_table *t, const char *kinds, ...);

#endif
