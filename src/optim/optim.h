/* optim.h: optimizers as graph nodes on persistent state. */
#ifndef FCS_OPTIM_H
#define FCS_OPTIM_H

#include "layers/layers.h"

/* One update of a net's parameters in a graph. */
typedef struct fcs_update {
    fcs_graph *graph;
    const char *net; /* state tensors are "NET.optimizer.LAYER.weight.SUFFIX" */
    const fcs_value_of *values;
    fcs_node *factor; /* scalar: the rate is multiplied by it (decay over the run) */
    fcs_tensor *(*tensor)(void *user, const char *name, fcs_shape shape, fcs_role role, double mean,
                          double std);
    void *user;
    double clip;         /* 0, or parameters stay between -clip and clip */
    fcs_node *shared[2]; /* the optimizer's own, made by begin: bias corrections */
} fcs_update;

enum { FCS_RATE, FCS_DECAY_FROM };
typedef struct fcs_optimizer {
    const char *name, *text;
    const fcs_param *params;
    int n_params; /* the first two are rate and decay_from: FCS_RATE, FCS_DECAY_FROM */
    /* Nodes that all parameters share; false on failure. May be NULL. */
    bool (*begin)(fcs_update *u);
    /* What is subtracted from w (before the factor), from its gradient; p names its state. NULL on
     * failure. */
    fcs_node *(*change)(fcs_update *u, const fcs_net_parameter *p, fcs_node *gradient);
} fcs_optimizer;
extern const fcs_optimizer *const fcs_optimizers[];
extern const int fcs_n_optimizers;
const fcs_optimizer *fcs_optimizer_find(const char *name);

/* Adds the whole update: gradients[i] of parameters[i]; assigns the parameters and all state.
 * updated[i]: the new value, for use in the same graph. */
fcs_status fcs_optimize(const fcs_optimizer *o, fcs_update *u, const fcs_net_parameter *parameters,
                        int n, fcs_node *const *gradients, fcs_node **updated);
/* A scalar: 1 when the loss and the sum of squares of every gradient are finite, else 0. */
fcs_node *fcs_finite_flag(fcs_node *loss, int n, fcs_node *const *gradients);
/* Makes all assignments of the graph from number `first` on keep the old value when the flag is 0.
 */
fcs_status fcs_assign_when(fcs_graph *g, size_t first, fcs_node *flag);

/* ---- for entries ---- */
/* State of a parameter, or of the net where p is NULL: zero at first. */
fcs_node *fcs_update_state(fcs_update *u, const fcs_net_parameter *p, const char *suffix,
                           fcs_shape shape, fcs_tensor **tensor);
/* Assigns and returns the value; NULL on failure. */
fcs_node *fcs_update_keep(fcs_update *u, fcs_tensor *tensor, fcs_node *value);

#endif
