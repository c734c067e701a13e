/* coder.c: single images to the numbers of their latent, and back, with a trained model. */
#include "models/model.h"
#include <stdlib.h>

/* A plan from one tensor to one or two. */
struct fcs_coder {
    fcs_plan *plan;
    fcs_tensor *in, *out[2];
};

void fcs_coder_free(fcs_coder *c)
{
    if (!c)
        return;
    fcs_plan_free(c->plan);
    fcs_tensor_free(c->in);
    fcs_tensor_free(c->out[0]);
    fcs_tensor_free(c->out[1]);
    free(c);
}

int64_t fcs_model_latent_count(const fcs_model *m)
{
    return fcs_model_latent_width(m) * m->latent_size[0] * m->latent_size[1] * m->latent_size[2];
}

static fcs_shape image_shape(const fcs_model *m)
{
    return fcs_shape_of(1, m->channels, m->size[0], m->size[1], m->size[2]);
}

/* Tensors for the nodes, and the plan. */
static fcs_status finish(fcs_coder *c, fcs_graph *g, fcs_node *const *out, int n)
{
    for (int i = 0; i < n; i++) {
        c->out[i] = fcs_tensor_new(g->ctx, "code", out[i]->shape);
        if (!c->out[i] || fcs_assign(g, c->out[i], out[i]) != FCS_OK)
            return FCS_FAILED;
    }
    return fcs_plan_build(g, NULL, &c->plan);
}

static fcs_status make_encoder(fcs_model *m, fcs_coder *c, fcs_error *e)
{
    fcs_node *moments[2];
    fcs_graph *g = fcs_graph_new(m->ctx);
    c->in = fcs_tensor_new(m->ctx, "image", image_shape(m));
    fcs_status status =
        g && c->in ? m->scheme->encoder(m, g, fcs_read(g, c->in), &moments[0], &moments[1], e)
                   : FCS_FAILED;
    if (status == FCS_OK)
        status = finish(c, g, moments, 2);
    fcs_graph_free(g);
    return status;
}

static fcs_status make_decoder(fcs_model *m, fcs_coder *c, fcs_error *e)
{
    fcs_node *image;
    fcs_graph *g = fcs_graph_new(m->ctx);
    fcs_status status =
        g ? m->scheme->generator(m, g, m->latent_size, &image, &c->in, e) : FCS_FAILED;
    if (status == FCS_OK)
        status = finish(c, g, &image, 1);
    fcs_graph_free(g);
    return status;
}

/* The coder there is, or a new one. */
static fcs_status coder_of(fcs_model *m, fcs_coder **at,
                           fcs_status (*make)(fcs_model *m, fcs_coder *c, fcs_error *e),
                           fcs_error *e)
{
    if (*at)
        return FCS_OK;
    fcs_coder *c = fcs_alloc(e, sizeof *c);
    fcs_status status = c ? make(m, c, e) : FCS_FAILED;
    if (status == FCS_OK)
        *at = c;
    else
        fcs_coder_free(c);
    return status;
}

fcs_status fcs_model_encode(fcs_model *m, const float *images, int64_t n, float *mean,
                            float *logvar, fcs_error *e)
{
    int64_t pixels = fcs_shape_count(image_shape(m)), numbers = fcs_model_latent_count(m);
    if (!m->scheme->encoder)
        return fcs_fail(e, FCS_FAILED,
                        "recipe %s has no encoder, which finds the latent of an image: train "
                        "material-vae or another of scheme autoencoder",
                        fcs_recipe_word(m->recipe, "name"));
    fcs_status status = coder_of(m, &m->encoder, make_encoder, e);
    for (int64_t i = 0; i < n && status == FCS_OK; i++) {
        status = fcs_tensor_set(m->encoder->in, images + i * pixels);
        if (status == FCS_OK)
            status = fcs_plan_run(m->encoder->plan, m->seed, 0);
        if (status == FCS_OK)
            status = fcs_tensor_get(m->encoder->out[0], mean + i * numbers);
        if (status == FCS_OK && logvar)
            status = fcs_tensor_get(m->encoder->out[1], logvar + i * numbers);
    }
    return status;
}

fcs_status fcs_model_decode(fcs_model *m, const float *latents, int64_t n, float *images,
                            fcs_error *e)
{
    int64_t pixels = fcs_shape_count(image_shape(m)), numbers = fcs_model_latent_count(m);
    fcs_status status = coder_of(m, &m->decoder, make_decoder, e);
    for (int64_t i = 0; i < n && status == FCS_OK; i++) {
        status = fcs_tensor_set(m->decoder->in, latents + i * numbers);
        if (status == FCS_OK)
            status = fcs_plan_run(m->decoder->plan, m->seed, 0);
        if (status == FCS_OK)
            status = fcs_tensor_get(m->decoder->out[0], images + i * pixels);
    }
    return status;
}
