/* order.c: which group runs before which, as a bit matrix that is kept transitively closed. */
#include "graph/planner.h"
#include <stdlib.h>

bool fcs_order_before(const fcs_planner *p, int first, int then)
{
    return p->before[(size_t)then * p->words + (size_t)first / 64] >> (first % 64) & 1;
}

static void join(fcs_planner *p, int group, int first)
{
    uint64_t *row = p->before + (size_t)group * p->words,
             *add = p->before + (size_t)first * p->words;
    for (size_t w = 0; w < p->words; w++)
        row[w] |= add[w];
    row[first / 64] |= (uint64_t)1 << (first % 64);
}

void fcs_order_require(fcs_planner *p, int first, int then)
{
    if (first == then || fcs_order_before(p, first, then))
        return;
    join(p, then, first);
    for (int g = 0; g < (int)p->n_groups; g++)
        if (fcs_order_before(p, then, g))
            join(p, g, then);
}

/* The ready group whose last node was made first comes next: close to the order in which the graph
 * was written. */
void fcs_order_sort(fcs_planner *p)
{
    int n = (int)p->n_groups;
    for (int i = 0; i < n; i++)
        p->order[i] = -1;
    bool *done = calloc((size_t)n + 1, sizeof *done);
    if (!done) {
        fcs_fail(p->e, FCS_FAILED, "out of memory");
        return;
    }
    for (int i = 0; i < n; i++) {
        int best = -1;
        for (int g = 0; g < n; g++) {
            if (done[g] || (best >= 0 && p->groups[g].key >= p->groups[best].key))
                continue;
            bool ready = true;
            for (size_t w = 0; ready && w < p->words; w++) {
                uint64_t wait = p->before[(size_t)g * p->words + w];
                for (; ready && wait; wait &= wait - 1) {
                    int other = (int)w * 64;
                    for (uint64_t low = wait & (~wait + 1); low > 1; low >>= 1)
                        other++;
                    ready = done[other];
                }
            }
            if (ready)
                best = g;
        }
        if (best < 0) {
            fcs_fail(p->e, FCS_FAILED, "internal: the plan's groups wait for each other");
            break;
        }
        p->order[i] = best;
        done[best] = true;
    }
    free(done);
}
