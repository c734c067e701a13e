/* profile.h: what the steps of plans cost. While a context has a profile, every run of a plan adds
 * to it; with `steps` each step is timed by itself, which waits for the backend after each. */
#ifndef FCS_PROFILE_H
#define FCS_PROFILE_H

#include "graph/graph.h"

/* Steps of one name, op and shape are one row, in whatever plan they lie. */
typedef struct fcs_profile_row {
    char *name, *op, *shape;
    bool kernel;         /* an op with arithmetic of its own, not a chain or a copy */
    double flops, bytes; /* of one call: direct count; read and written once, as stored */
    double seconds;      /* of all calls */
    int64_t calls;
} fcs_profile_row;
typedef struct fcs_profile {
    bool steps;   /* fill the rows */
    double flops; /* of convolutions and products, by the direct count, of all runs */
    double work;  /* what fast forms make of them, their transforms left out */
    fcs_profile_row *rows;
    size_t n, capacity;
} fcs_profile;
void fcs_profile_clear(fcs_profile *p); /* counts and times; the rows stay */
void fcs_profile_free(fcs_profile *p);  /* what it holds */

/* Runs the plan, as fcs_plan_run does, and adds it to the context's profile. */
fcs_status fcs_profile_run(fcs_plan *p, uint64_t seed, uint64_t step);
/* Seconds to measure work by: of the processor where one of its threads does all (other programs
 * disturb that less), else of the clock on the wall. */
double fcs_profile_seconds(const fcs_context *ctx);
/* A step's operations by the direct count, and whether they count as arithmetic (fcs_profile.flops)
 * or are those of a chain; bytes that it reads and writes, each value once. */
double fcs_step_flops(const fcs_step *s);
bool fcs_step_counts(const fcs_step *s);
double fcs_step_bytes(const fcs_plan *p, const fcs_step *s);
/* "conv", "copy", "chain of 7"; its shape: of the result, of a chain's iterations. */
void fcs_step_words(const fcs_plan *p, const fcs_step *s, char op[64], char shape[96]);

#endif
