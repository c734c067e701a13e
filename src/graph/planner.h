/* planner.h: what the parts of the planner share; private to src/graph.
 *
 * fuse.c  puts the live nodes into groups (a kernel, or a chain of elementwise ops and sums) and
 * emits each group's step; order.c keeps the order of groups: who must run before whom; place.c
 * finds lifetimes and offsets; before, recompute.c shortens the lifetimes of
 * large values. plan.c drives them. */
#ifndef FCS_PLANNER_H
#define FCS_PLANNER_H

#include "graph/graph.h"

typedef struct fcs_group {
    bool chain;
    fcs_shape shape; /* chains: iteration space */
    int *members;
    size_t n_members, members_capacity; /* node ids, ascending */
    int key;                            /* the last member's id: ties in the order */
    fcs_step step;
    bool empty; /* nothing of it is needed */
} fcs_group;

typedef struct fcs_planner {
    fcs_graph *g;
    fcs_plan *plan;
    fcs_plan_options options;
    fcs_error *e;
    int n_nodes;
    bool *live, *stored, *kernel_input;
    int *home;  /* node -> group, -1 */
    int *leaf;  /* node -> its only leaf if it can be computed again cheaply (-1: none); FCS_NO_LEAF
                 */
    int *lanes; /* node -> ops that computing it again takes */
    int *value; /* node -> value of the plan, -1 */
    fcs_group *groups;
    size_t n_groups, groups_capacity;
    uint64_t *before; /* bit matrix: before[g] has the groups that run before g, transitively */
    size_t words;
    int *order; /* groups in the order they run */
    size_t values_capacity;
} fcs_planner;
enum { FCS_NO_LEAF = -2 };

/* order.c */
bool fcs_order_before(const fcs_planner *p, int first,
                      int then);                             /* must `first` run before `then`? */
void fcs_order_require(fcs_planner *p, int first, int then); /* the caller has ruled out a cycle */
void fcs_order_sort(fcs_planner *p);                         /* fills p->order */
/* fuse.c */
bool fcs_fuse_groups(fcs_planner *p);
bool fcs_fuse_emit(fcs_planner *p); /* steps and values of all groups, in terms of values */
int fcs_fuse_value(fcs_planner *p,
                   const fcs_node *n); /* the value of a node, made if need be; -1 out of memory */
/* assign.c */
bool fcs_assign_places(
    fcs_planner *p); /* results straight into tensors where the order allows, copies elsewhere */
/* recompute.c */
bool fcs_recompute(fcs_planner *p); /* steps that compute values again rather than let them wait */
/* plan.c */
bool fcs_step_reads(const fcs_step *s, int value);
void fcs_chain_free(fcs_chain *c); /* NULL is allowed */
/* place.c */
bool fcs_place_values(fcs_planner *p);

#endif
