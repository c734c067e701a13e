/* waves.c: latent channels with waves through all of an image, so that far parts of it agree: the
 * sine and the cosine of one phase, drawn per image, at each cell's place. The periodic dimensions
 * of Bergmann, Jetchev and Vollgraf 2017 ("Learning texture manifolds with the periodic spatial
 * GAN"), whose wave numbers are learnt; here they are given. */
#include "models/training.h"
#include "ops/ops.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double turn = 6.283185307179586; /* 2 pi */

/* sin or cos of the wave along its axis, at the cells of an image of the training size. */
static bool make_tensor(fcs_model *m, int i, int part)
{
    const fcs_wave *w = &m->waves[i];
    int64_t n = m->latent_size[w->axis];
    fcs_shape s = fcs_shape_of(1, 1, 1, 1, 1);
    s.n[FCS_D + w->axis] = n;
    float *values = fcs_alloc_array(&m->ctx->error, (size_t)n, sizeof *values);
    fcs_tensor *t = values ? fcs_tensor_new(m->ctx, "latent.wave", s) : NULL;
    for (int64_t k = 0; t && k < n; k++) {
        double angle = turn * (double)(k * m->stride) / w->period;
        values[k] = (float)(part ? cos(angle) : sin(angle));
    }
    bool done = t && fcs_tensor_set(t, values) == FCS_OK;
    m->wave[i][part] = t;
    free(values);
    return done;
}

/* A direction drawn evenly: two normal numbers over their length. */
static void draw_phase(fcs_model *m, fcs_graph *g, int64_t n, const char *name, int wave,
                       fcs_node *out[2])
{
    const fcs_attrs one = {.i = {n, 1, 1, 1, 1}};
    char full[64];
    for (int part = 0; part < 2; part++) {
        snprintf(full, sizeof full, "%s/wave%d.%d", name, wave + 1, part);
        out[part] = fcs_node_named(
            fcs_node_new(g, fcs_op_find(&m->ctx->error, "random_normal"), &one, 0, NULL), full);
    }
    fcs_node *length =
        fcs_unary("rsqrt", fcs_add(fcs_unary("square", out[0]), fcs_unary("square", out[1])));
    for (int part = 0; part < 2; part++)
        out[part] = fcs_mul(out[part], length);
}

fcs_node *fcs_waves_add(fcs_model *m, fcs_node *z, const char *name)
{
    fcs_node *all[1 + 2 * FCS_MAX_WAVES] = {z};
    if (!z || m->n_waves == 0)
        return z;
    fcs_graph *g = z->graph;
    fcs_shape one = z->shape;
    one.n[FCS_C] = 1;
    for (int i = 0; i < m->n_waves; i++) {
        fcs_node *along[2], *phase[2];
        for (int part = 0; part < 2; part++) {
            if (!m->wave[i][part] && !make_tensor(m, i, part))
                return NULL;
            along[part] = fcs_read(g, m->wave[i][part]);
        }
        draw_phase(m, g, z->shape.n[FCS_N], name, i, phase);
        /* sin(a + b) and cos(a + b) of sin a, cos a and cos b, sin b */
        fcs_node *sine = fcs_add(fcs_mul(along[0], phase[0]), fcs_mul(along[1], phase[1])),
                 *cosine = fcs_sub(fcs_mul(along[1], phase[0]), fcs_mul(along[0], phase[1]));
        all[1 + 2 * i] = fcs_broadcast(sine, one);
        all[2 + 2 * i] = fcs_broadcast(cosine, one);
    }
    const fcs_attrs axis = {.i = {FCS_C}};
    return fcs_op_node(g, "concat", &axis, 1 + 2 * m->n_waves, all);
}

float fcs_wave_value(const fcs_model *m, int64_t of, uint64_t seed, int64_t realization,
                     const int64_t cell[3], const int64_t period[3])
{
    const fcs_wave *w = &m->waves[of / 2];
    double side = period ? (double)(period[w->axis] * m->stride) : 0, length = w->period;
    if (side > 0)
        length = side / fmax(1, round(side / length));
    double turns = (double)(cell[w->axis] * m->stride) / length +
                   (double)fcs_random_uniform(seed, (uint64_t)realization,
                                              fcs_random_stream("latent.wave"), (uint64_t)(of / 2));
    double angle = turn * (turns - floor(turns));
    return (float)(of % 2 ? cos(angle) : sin(angle));
}
