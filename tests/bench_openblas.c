/* bench_openblas: our matrix product beside OpenBLAS's, 2048^3 in float32 on one thread each: nine
 * alternated runs, medians. A yardstick only: nothing else links OpenBLAS. Run by
 * bench-openblas.sh. */
#include "cpu/cpu.h"
#include "ops/ops.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { SIDE = 2048, RUNS = 9 };

/* The Fortran interface: column-major, so y' = b' a'. */
void sgemm_(const char *ta, const char *tb, const int *m, const int *n, const int *k,
            const float *alpha, const float *a, const int *lda, const float *b, const int *ldb,
            const float *beta, float *y, const int *ldy);
void openblas_set_num_threads(int n);

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *t)
{
    qsort(t, RUNS, sizeof *t, by_value);
    return t[RUNS / 2];
}

/* One thread: processor time, so that the machine's other users matter less. */
static double seconds(void) { return (double)clock() / CLOCKS_PER_SEC; }

int main(int argc, char **argv)
{
    fcs_error e = {0};
    const fcs_isa *isa = fcs_isa_find(&e, argc > 1 ? argv[1] : NULL);
    const fcs_op *op = fcs_op_find(&e, "matmul");
    if (!isa || !op) {
        fprintf(stderr, "bench_openblas: %s\n", e.message);
        return 1;
    }
    const fcs_cpu_op *kernel = isa->ops[fcs_op_index(op)];
    fcs_shape s = {{SIDE, SIDE, 1, 1, 1}};
    fcs_apply_args args = {.op = op, .n_in = 2, .in = {s, s}, .out = s};
    size_t bytes = (size_t)SIDE * SIDE * sizeof(float);
    float *a = fcs_alloc_aligned(&e, bytes), *b = fcs_alloc_aligned(&e, bytes),
          *y = fcs_alloc_aligned(&e, bytes);
    float *z = fcs_alloc_aligned(&e, bytes), one = 1, zero = 0;
    fcs_team *team = fcs_team_new(&e, 1);
    fcs_cpu_call call = {.args = &args,
                         .in = {{a, s, SIDE}, {b, s, SIDE}},
                         .out = {y, s, SIDE},
                         .scratch = fcs_alloc_aligned(&e, kernel->scratch(&args, 1)),
                         .team = team};
    if (!a || !b || !y || !z || !team || !call.scratch) {
        fprintf(stderr, "bench_openblas: %s\n", e.message);
        return 1;
    }
    fcs_random_uniforms(1, 0, 1, 0, (size_t)SIDE * SIDE, a);
    fcs_random_uniforms(1, 0, 2, 0, (size_t)SIDE * SIDE, b);
    openblas_set_num_threads(1);
    double ours[RUNS], theirs[RUNS], flops = 2.0 * SIDE * SIDE * SIDE, worst = 0;
    const int side = SIDE;
    for (int i = -1; i < RUNS; i++) { /* run -1 warms up */
        double t0 = seconds();
        kernel->run(&call);
        double t1 = seconds();
        sgemm_("N", "N", &side, &side, &side, &one, b, &side, a, &side, &zero, z, &side);
        double t2 = seconds();
        if (i >= 0)
            ours[i] = t1 - t0, theirs[i] = t2 - t1;
    }
    for (size_t i = 0; i < (size_t)SIDE * SIDE; i++)
        worst = fabs(y[i] - z[i]) > worst ? fabs(y[i] - z[i]) : worst;
    double f = flops / median(ours) * 1e-9, g = flops / median(theirs) * 1e-9;
    printf("%s: facies %.1f GFLOP/s, OpenBLAS %.1f, ratio %.3f, largest difference %.2g\n",
           isa->name, f, g, f / g, worst);
    return f >= 0.95 * g ? 0 : 3;
}
