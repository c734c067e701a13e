/* terms.c: the weighted terms of a scheme's losses, and the numbers that are logged of them. */
#include "models/training.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

fcs_status fcs_terms_read(fcs_model *m, fcs_terms *t, const char *const *names, int n, fcs_error *e)
{
    for (int i = 0; i < n; i++) {
        t->of[m->n_losses] = -1;
        m->loss_names[m->n_losses++] = names[i];
    }
    t->weights = fcs_alloc_array(e, (size_t)fcs_n_losses, sizeof *t->weights);
    if (!t->weights)
        return FCS_FAILED;
    for (int i = 0; i < fcs_n_losses; i++) {
        char path[64];
        snprintf(path, sizeof path, "loss.%s", fcs_losses[i]->name);
        t->weights[i] = fcs_loss_weighs(fcs_losses[i]) ? fcs_recipe_number(m->recipe, path) : 0;
        if (t->weights[i] != 0 && !fcs_losses[i]->of_parameters && m->n_losses < FCS_MAX_LOSSES) {
            t->of[m->n_losses] = i;
            m->loss_names[m->n_losses++] = fcs_losses[i]->name;
        }
    }
    return FCS_OK;
}

/* Kept by checkpoints: a penalty that is not computed in every step is logged in all of them. */
fcs_status fcs_terms_tensors(fcs_model *m, fcs_terms *t, fcs_error *e)
{
    for (int i = 0; i < m->n_losses; i++) {
        char name[80];
        snprintf(name, sizeof name, "held.%s", m->loss_names[i]);
        t->held[i] = fcs_model_tensor_of(m, name, fcs_shape_of(1, 1, 1, 1, 1), false, e);
        if (!t->held[i])
            return FCS_FAILED;
    }
    return FCS_OK;
}

fcs_status fcs_terms_values(fcs_model *m, const fcs_terms *t)
{
    fcs_status status = FCS_OK;
    for (int i = 0; i < m->n_losses; i++) {
        float value = NAN;
        fcs_status read = fcs_tensor_get(t->held[i], &value);
        status = status == FCS_OK ? read : status;
        m->losses[i] = (double)value;
    }
    return status;
}

void fcs_terms_free(fcs_terms *t) { free(t->weights); }

bool fcs_terms_penalize(const fcs_terms *t)
{
    for (int i = 0; i < fcs_n_losses; i++)
        if (fcs_losses[i]->of_images && t->weights[i] != 0)
            return true;
    return false;
}

static fcs_node *(*term_of(const fcs_loss *l, fcs_part part))(fcs_loss_terms *)
{
    return part == FCS_OF_GENERATOR       ? l->generator
           : part == FCS_OF_DISCRIMINATOR ? l->discriminator
                                          : l->encoder;
}

fcs_node *fcs_terms_add(const fcs_terms *t, fcs_loss_terms *x, fcs_node *loss, fcs_part part,
                        int which, double penalty, const fcs_model *m, fcs_node **held)
{
    for (int i = 0; i < fcs_n_losses && loss; i++) {
        const fcs_loss *l = fcs_losses[i];
        double weight = t->weights[i];
        fcs_node *(*term)(fcs_loss_terms *) = term_of(l, part);
        bool wanted = which == FCS_ALL_TERMS || (which == FCS_PARAMETER_TERMS) == l->of_parameters;
        if (!term || weight == 0 || !wanted || (l->of_images && penalty == 0))
            continue;
        fcs_node *value = term(x);
        if (l->of_images)
            weight *= penalty;
        for (int h = 0; h < m->n_losses; h++)
            if (t->of[h] == i && value)
                held[h] = value;
        value = fcs_affine(value, weight, 0);
        loss = fcs_add(loss, l->warmed && x->warmth ? fcs_mul(value, x->warmth) : value);
    }
    return loss;
}

fcs_status fcs_terms_hold(const fcs_terms *t, const fcs_model *m, fcs_graph *g, fcs_node **held)
{
    for (int i = 0; i < m->n_losses; i++)
        if (held[i] && fcs_assign(g, t->held[i], held[i]) != FCS_OK)
            return FCS_FAILED;
    return FCS_OK;
}
