/* optimizers.c: adam, rmsprop, adadelta, sgd. */
#include "optim/optim.h"

#define DECAY_TEXT                                                                                 \
    "the rate falls linearly to a fiftieth from this share of train.decay_steps on; 1: never"
#define DECAY_PARAM                                                                                \
    {                                                                                              \
        "decay_from", 'f', 1, NULL, 0, 1, NULL, DECAY_TEXT                                         \
    }

static fcs_node *blend(double b, fcs_node *m, fcs_node *g)
{
    return fcs_add(fcs_affine(m, b, 0), fcs_affine(g, 1 - b, 0));
}

/* A state tensor of w's shape, moved towards g; its new value. */
static fcs_node *moment(fcs_update *u, const fcs_net_parameter *p, const char *suffix, double b,
                        fcs_node *g)
{
    fcs_tensor *t;
    fcs_node *m = fcs_update_state(u, p, suffix, p->tensor->shape, &t);
    return m ? fcs_update_keep(u, t, blend(b, m, g)) : NULL;
}

/* 1 - b^t after step t, by q' = b q + (1 - b) from 0: no cancellation. */
static fcs_node *correction(fcs_update *u, const char *suffix, double b)
{
    fcs_tensor *t;
    fcs_node *q = fcs_update_state(u, NULL, suffix, fcs_shape_of(1, 1, 1, 1, 1), &t);
    return q ? fcs_update_keep(u, t, fcs_affine(q, b, 1 - b)) : NULL;
}

/* ---- Adam: Kingma and Ba 2015, algorithm 1 ---- */
enum { ADAM_RATE, ADAM_DECAY, BETA1, BETA2, ADAM_EPS, ADAM_PARAMS };
static const fcs_param adam_params[ADAM_PARAMS] = {
    {"rate", 'f', 2e-4, NULL, 0, 10, NULL, "step size"},
    DECAY_PARAM,
    {"beta1", 'f', 0.5, NULL, 0, 0.99999, NULL, "decay of the mean of gradients"},
    {"beta2", 'f', 0.999, NULL, 0, 0.999999, NULL, "decay of the mean of squared gradients"},
    {"eps", 'f', 1e-8, NULL, 0, 1, NULL, "added to the root of the mean square"},
};

static bool adam_begin(fcs_update *u)
{
    u->shared[0] = correction(u, "correction1", u->values[BETA1].number);
    u->shared[1] = correction(u, "correction2", u->values[BETA2].number);
    return u->shared[0] && u->shared[1];
}

/* The corrections are scalars: the root of one and the rate go into small nodes, a pixel pays for
 * one division. */
static fcs_node *adam_change(fcs_update *u, const fcs_net_parameter *p, fcs_node *g)
{
    const fcs_value_of *v = u->values;
    fcs_node *m = moment(u, p, "mean", v[BETA1].number, g);
    fcs_node *s = moment(u, p, "square", v[BETA2].number, fcs_unary("square", g));
    fcs_node *mean =
        fcs_mul(m, fcs_affine(fcs_unary("reciprocal", u->shared[0]), v[ADAM_RATE].number, 0));
    fcs_node *root = fcs_unary("sqrt", fcs_mul(s, fcs_unary("reciprocal", u->shared[1])));
    return fcs_div(mean, fcs_affine(root, 1, v[ADAM_EPS].number));
}

const fcs_optimizer fcs_optimizer_adam = {
    .name = "adam",
    .text = "steps of the mean gradient over its root mean square, both corrected for their start",
    .params = adam_params,
    .n_params = ADAM_PARAMS,
    .begin = adam_begin,
    .change = adam_change,
};

/* ---- RMSprop: Tieleman and Hinton 2012 ---- */
enum { RMS_RATE, RMS_DECAY, RHO, RMS_EPS, RMS_PARAMS };
static const fcs_param rmsprop_params[RMS_PARAMS] = {
    {"rate", 'f', 3e-4, NULL, 0, 10, NULL, "step size"},
    DECAY_PARAM,
    {"rho", 'f', 0.99, NULL, 0, 0.999999, NULL, "decay of the mean of squared gradients"},
    {"eps", 'f', 1e-8, NULL, 0, 1, NULL, "added to the root of the mean square"},
};

static fcs_node *rmsprop_change(fcs_update *u, const fcs_net_parameter *p, fcs_node *g)
{
    fcs_node *s = moment(u, p, "square", u->values[RHO].number, fcs_unary("square", g));
    fcs_node *root = fcs_affine(fcs_unary("sqrt", s), 1, u->values[RMS_EPS].number);
    return fcs_div(fcs_affine(g, u->values[RMS_RATE].number, 0), root);
}

const fcs_optimizer fcs_optimizer_rmsprop = {
    .name = "rmsprop",
    .text = "steps of the gradient over its root mean square",
    .params = rmsprop_params,
    .n_params = RMS_PARAMS,
    .change = rmsprop_change,
};

/* ---- Adadelta: Zeiler 2012, algorithm 1 ---- */
enum { DELTA_RATE, DELTA_DECAY, DELTA_RHO, DELTA_EPS, DELTA_PARAMS };
static const fcs_param adadelta_params[DELTA_PARAMS] = {
    {"rate", 'f', 1, NULL, 0, 10, NULL, "factor of the step, which has a size of its own"},
    DECAY_PARAM,
    {"rho", 'f', 0.9, NULL, 0, 0.999999, NULL, "decay of the mean squares of gradients and steps"},
    {"eps", 'f', 1e-6, NULL, 1e-30, 1, NULL, "added to both mean squares; sets the first steps"},
};

static fcs_node *adadelta_change(fcs_update *u, const fcs_net_parameter *p, fcs_node *g)
{
    double rho = u->values[DELTA_RHO].number, eps = u->values[DELTA_EPS].number;
    fcs_tensor *steps;
    fcs_node *s = moment(u, p, "square", rho, fcs_unary("square", g));
    fcs_node *d = fcs_update_state(u, p, "steps", p->tensor->shape, &steps);
    fcs_node *ratio = fcs_div(fcs_affine(d, 1, eps), fcs_affine(s, 1, eps));
    fcs_node *step = fcs_mul(fcs_unary("sqrt", ratio), g);
    if (!fcs_update_keep(u, steps, blend(rho, d, fcs_unary("square", step))))
        return NULL;
    return fcs_affine(step, u->values[DELTA_RATE].number, 0);
}

const fcs_optimizer fcs_optimizer_adadelta = {
    .name = "adadelta",
    .text = "steps of the gradient times the root mean square of past steps over that of gradients",
    .params = adadelta_params,
    .n_params = DELTA_PARAMS,
    .change = adadelta_change,
};

/* ---- gradient descent with momentum: m' = momentum m + g ---- */
enum { SGD_RATE, SGD_DECAY, MOMENTUM, SGD_PARAMS };
static const fcs_param sgd_params[SGD_PARAMS] = {
    {"rate", 'f', 0.01, NULL, 0, 10, NULL, "step size"},
    DECAY_PARAM,
    {"momentum", 'f', 0, NULL, 0, 0.99999, NULL, "share of the last step's direction that is kept"},
};

static fcs_node *sgd_change(fcs_update *u, const fcs_net_parameter *p, fcs_node *g)
{
    fcs_node *m = g;
    if (u->values[MOMENTUM].number != 0) {
        fcs_tensor *t;
        m = fcs_update_state(u, p, "momentum", p->tensor->shape, &t);
        m = m ? fcs_update_keep(u, t, fcs_add(fcs_affine(m, u->values[MOMENTUM].number, 0), g))
              : NULL;
    }
    return fcs_affine(m, u->values[SGD_RATE].number, 0);
}

const fcs_optimizer fcs_optimizer_sgd = {
    .name = "sgd",
    .text = "steps of the gradient, with momentum",
    .params = sgd_params,
    .n_params = SGD_PARAMS,
    .change = sgd_change,
};
