/* team.c: fcs_parallel, the only place that knows threads: OpenMP where configure found it, else
 * one thread. */
#include "base/base.h"
#include <stdlib.h>
#include <unistd.h>
#ifdef _OPENMP
#include <omp.h>
#endif

struct fcs_team {
    int threads;
};

fcs_team *fcs_team_new(fcs_error *e, int threads)
{
    fcs_team *team = fcs_alloc(e, sizeof *team);
    if (!team)
        return NULL;
#ifdef _OPENMP
    team->threads = threads > 0 ? threads : omp_get_num_procs();
#else
    (void)threads;
    team->threads = 1;
#endif
    return team;
}

void fcs_team_free(fcs_team *team) { free(team); }

int fcs_team_size(const fcs_team *team) { return team->threads; }

void fcs_parallel(fcs_team *team, int64_t n, int64_t grain, fcs_body *body, void *arg)
{
    if (grain < 1)
        grain = 1;
#ifdef _OPENMP
    int64_t blocks = (n + grain - 1) / grain;
    int threads = blocks < team->threads ? (int)blocks : team->threads;
    if (threads > 1) {
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads)
        for (int64_t i = 0; i < blocks; i++) {
            int64_t end = (i + 1) * grain;
            body(arg, i * grain, end < n ? end : n, omp_get_thread_num());
        }
        return;
    }
#endif
    (void)team;
    for (int64_t i = 0; i < n; i += grain)
        body(arg, i, i + grain < n ? i + grain : n, 0);
}
