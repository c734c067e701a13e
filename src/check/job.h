/* job.h: a case with its data, ready to run again and again: what bench.c and tune.c time. */
#ifndef FCS_JOB_H
#define FCS_JOB_H

#include "check/check.h"

typedef struct fcs_job {
    fcs_context *ctx;
    fcs_case c;
    float *in[FCS_MAX_IN];
    double *in_double[FCS_MAX_IN];
    fcs_prepared run;
} fcs_job;
/* op may be NULL where the text names it. Free the job in any case. */
fcs_status fcs_job_new(fcs_context *ctx, const fcs_op *op, const char *text, fcs_job *j);
void fcs_job_free(fcs_job *j);
/* Runs once and compares with the reference; trouble: memory that was written wrongly, or "". */
fcs_status fcs_job_verify(const fcs_job *j, fcs_finding *f, char trouble[FCS_TROUBLE]);
/* Runs once. */
fcs_status fcs_job_time(const fcs_job *j, double *seconds);
double fcs_job_flops(const fcs_job *j);
double fcs_job_bytes(const fcs_job *j); /* read and written once each, as stored */
/* Sorts the values. */
double fcs_median(double *values, int n);

#endif
