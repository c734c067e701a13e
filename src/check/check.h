/* check.h: the cross-check's parts: cases, guarded buffers, judging, and the entry that takes a
 * kernel table. May use base, graph, ops, ref and cpu. docs/cross-check.md says what is checked and
 * why. */
#ifndef FCS_CHECK_H
#define FCS_CHECK_H

#include "cpu/cpu.h"
#include "ops/tiling.h"
#include "ref/reference.h"

/* ---- cases (case.c) ---- */
/* An op applied to shapes. The text form is "conv in=1x3x1x9x9,4x3x1x3x3 stride=1,2,2"; the seed is
 * its hash. */
typedef struct fcs_case {
    fcs_apply_args args;
    char *text; /* "conv in=... stride=..." */
    uint64_t seed;
    bool edge; /* made for a tile's edge, not from the op's list */
} fcs_case;
/* Parses one case; the op's name may be left out where op is given. */
fcs_status fcs_case_parse(fcs_error *e, const fcs_op *op, const char *text, fcs_case *out);
void fcs_case_free(fcs_case *c);
/* The op's own cases and those with sizes around every tile's edge. */
fcs_status fcs_case_list(fcs_error *e, const fcs_op *op, fcs_case **out, int *n);
void fcs_case_list_free(fcs_case *cases, int n);
bool fcs_case_is_odd(const fcs_case *c); /* a size over 1 that is odd */

/* ---- data and reference results (data.c) ---- */
typedef enum fcs_data_kind {
    FCS_DATA_INTEGERS, /* -3 .. 3: partial sums are exact in float32 */
    FCS_DATA_RANDOM    /* in the op's domain, away from its kinks */
} fcs_data_kind;
/* Inputs as floats and as doubles, row-major, and what the reference makes of them. */
typedef struct fcs_sample_data {
    fcs_data_kind kind;
    float *in[FCS_MAX_IN];
    double *in_double[FCS_MAX_IN];
    double *want, *magnitude;
    int64_t terms;
    double form_error; /* convolutions whose form is not exact on integers, else 0: errors are */
    double mean_bound; /* form_error u magnitude then (tiles.c), and their normalized mean square */
} fcs_sample_data;
fcs_status fcs_sample_data_new(fcs_error *e, const fcs_case *c, fcs_data_kind kind,
                               fcs_sample_data *out);
/* Where the case is a convolution whose form is not exact on integers: its errors and magnitudes.
 */
fcs_status fcs_form_class(fcs_error *e, const fcs_case *c, double *const *in, fcs_sample_data *d);
void fcs_sample_data_free(const fcs_case *c, fcs_sample_data *d);
/* Fills values of input k; also used for directions and weights. */
void fcs_data_fill(const fcs_op *op, fcs_data_kind kind, uint64_t seed, int k, int64_t n,
                   double *out);
/* Magnitudes by tiles for the convolution a, cut by t (tiles.c), from its inputs; and the bound of
 * the normalized mean square error. */
fcs_status fcs_tile_magnitudes(fcs_error *e, const fcs_apply_args *a, const fcs_tiling t[3],
                               const double *x, const double *w, double *out);
double fcs_tile_mean_bound(const fcs_apply_args *a, const fcs_tiling t[3]);
uint32_t fcs_case_stream(const fcs_case *c); /* of random ops */

/* ---- running one kernel (apply.c) ---- */
/* A buffer between canaries. */
typedef struct fcs_guarded {
    float *base, *p;
    int64_t floats;
} fcs_guarded;
/* Floats of the one memory that an op's values lie in. */
typedef struct fcs_region {
    int64_t at, floats;
} fcs_region;
/* An op ready to run on a context's backend, its values between canaries: channels-last copies of
 * row-major inputs; output and scratch are NaN. */
typedef struct fcs_prepared {
    fcs_context *on;
    const fcs_apply_args *args;
    uint64_t seed;
    void *memory, *op; /* the backend's */
    int64_t floats;
    fcs_region in[FCS_MAX_IN], out, scratch;
} fcs_prepared;
enum { FCS_TROUBLE = 160 };
fcs_status fcs_prepare(fcs_context *on, const fcs_apply_args *a, const float *const *in,
                       uint64_t seed, uint32_t stream, fcs_prepared *p);
fcs_status fcs_prepared_run(const fcs_prepared *p); /* returns when it is done */
/* trouble gets one line when the kernel wrote where it must not (inputs, beyond a value, padding
 * lanes), else "". */
fcs_status fcs_prepared_result(const fcs_prepared *p, const float *const *in, float *out,
                               char trouble[FCS_TROUBLE]);
void fcs_prepared_free(fcs_prepared *p);
/* All of it, once. What cannot be made or run leaves its reason in trouble and NaN in out. */
fcs_status fcs_apply_kernel(fcs_context *on, const fcs_apply_args *a, const float *const *in,
                            float *out, uint64_t seed, uint32_t stream, char trouble[FCS_TROUBLE]);
/* A context that computes on the CPU with these kernels and threads, beside ctx: nothing of it is
 * to be freed. */
fcs_context fcs_context_with(const fcs_context *ctx, const fcs_isa *isa, fcs_team *team);
/* The elementwise kernel itself on n packed numbers at a 4-byte offset, in place of input
 * `in_place` (or -1). */
fcs_status fcs_apply_lanes(fcs_error *e, const fcs_isa *isa, const fcs_apply_args *a,
                           const float *const *in, int64_t n, int in_place, float *out,
                           char trouble[FCS_TROUBLE]);

/* ---- judging (judge.c) ---- */
typedef struct fcs_finding {
    const char *test; /* static */
    bool pass;
    double error, bound, got, want;
    char at[FCS_TROUBLE]; /* index, or what else was found */
} fcs_finding;
double fcs_finding_ratio(
    const fcs_finding *f); /* error / bound; infinite where the bound is 0 or anything is NaN */
/* Takes in one element: f fails where it is out of bound, and has the worst one's numbers; true
 * where that is this one. worst: the ratio so far, -1 before the first. */
bool fcs_finding_take(fcs_finding *f, const fcs_finding *one, double *worst);
/* Each element: class FCS_EXACT (or integers): equal; FCS_LINEAR: terms u magnitude, or
 * form_error u magnitude by tiles; FCS_FUNCTION: (ulp + 1) 2u |want|. */
void fcs_judge(const fcs_apply_args *a, const fcs_sample_data *d, const float *got, fcs_finding *f);
/* Normalized mean square error <= 1e-12 + 1e-15 terms, or <= mean_bound. */
void fcs_judge_mean(const fcs_apply_args *a, const fcs_sample_data *d, const float *got,
                    fcs_finding *f);
/* Equal numbers, element by element; shape is for the index in f->at. */
void fcs_judge_equal(fcs_shape shape, const float *got, const float *want, fcs_finding *f);
void fcs_judge_number(double got, double want, double bound, fcs_finding *f);

/* At least four cases, one of them of odd size. */
void fcs_judge_samples(const fcs_op *op, const fcs_case *cases, int n, fcs_finding *f);
/* At least half of the op's declared share of non-zeros; false where there are too few elements to
 * tell. */
bool fcs_judge_share(const fcs_case *c, const fcs_sample_data *d, fcs_finding *f);

/* ---- tests of one case ---- */
/* Gradients of the references against finite differences (gradient.c): order 1 or 2. */
fcs_status fcs_check_gradient(fcs_context *ctx, const fcs_case *c, int order, fcs_finding *f);
/* <x, gradient> = degree <y, gy> with the kernels on integers (adjoint.c); *ran is false where the
 * op is not homogeneous. */
fcs_status fcs_check_adjoint(fcs_context *on, const fcs_case *c, fcs_finding *f, bool *ran);
/* Output boxes computed from windows equal the whole (window.c). */
fcs_status fcs_check_window(fcs_context *on, const fcs_case *c, const fcs_sample_data *d,
                            const float *whole, fcs_finding *f, bool *ran);

/* Ops without a kernel, through a plan (source.c). */
fcs_status fcs_check_source(fcs_context *on, const fcs_case *c, fcs_finding *f);

/* ---- the walk (check.c) ---- */
/* fcs_check on given kernel tables; `available` is not asked. */
fcs_status fcs_check_tables(fcs_context *ctx, const fcs_check_options *options,
                            const fcs_isa *const *isas, int n_isas, fcs_table **out);
/* words: "conv,conv_dw", NULL or "" for all. Whether they choose this op; and whether all of them
 * are ops. */
bool fcs_check_chosen(const char *words, const char *name);
fcs_status fcs_check_words(fcs_error *e, const char *words);

/* ---- for benchmarks (verify.c) ---- */
/* Compares the result of a large case without the reference's full time. */
fcs_status fcs_verify(fcs_error *e, const fcs_case *c, double *const *in, const float *got,
                      fcs_finding *f);

#endif
