/* latent.c: losses of encoders: an image against its reconstruction, the latent's distribution
 * against N(0,1), features of a discriminator. */
#include "losses/losses.h"

/* ---- loss.image: sums over all values ---- */
/* -y log p - (1 - y) log(1 - p), p = sigmoid(x): softplus(x) - x y. */
static fcs_node *cross_entropy(fcs_node *x, fcs_node *y)
{
    return fcs_sum(fcs_sub(fcs_unary("softplus", x), fcs_mul(x, y)), "ncdhw");
}

/* -log N(y | x, 1/2) but for a constant. */
static fcs_node *squares(fcs_node *x, fcs_node *y)
{
    return fcs_sum(fcs_unary("square", fcs_sub(x, y)), "ncdhw");
}

static fcs_node *absolute(fcs_node *x, fcs_node *y)
{
    return fcs_sum(fcs_unary("abs", fcs_sub(x, y)), "ncdhw");
}

const fcs_loss fcs_loss_bce = {
    .name = "bce",
    .text = "cross-entropy of each value, for images in 0 to 1 and a sigmoid at the end",
    .distance = cross_entropy,
    .of_logits = true,
};
const fcs_loss fcs_loss_mse = {
    .name = "mse",
    .text = "the squared difference of each value",
    .distance = squares,
};
const fcs_loss fcs_loss_l1 = {
    .name = "l1",
    .text = "the absolute difference of each value",
    .distance = absolute,
};

/* ---- terms ---- */
/* A sum over values of the whole batch: per image, or per value of `of`. */
static fcs_node *shared(const fcs_loss_terms *t, fcs_node *sum, const fcs_node *of)
{
    int64_t parts = t->averaged ? fcs_shape_count(of->shape) : of->shape.n[FCS_N];
    return fcs_affine(sum, 1 / (double)parts, 0);
}

/* Larsen et al. 2016, eq. 7: the features of an image and of its reconstruction, as N(., 1/2). */
static fcs_node *feature_distance(fcs_loss_terms *t)
{
    fcs_node *sum = NULL;
    for (int i = 0; i < t->n_features; i++) {
        fcs_node *real = t->real_features[i];
        fcs_node *one = real ? shared(t, squares(t->fake_features[i], real), real) : NULL;
        sum = sum ? fcs_add(sum, one) : one;
    }
    return sum;
}

static fcs_node *reconstruction(fcs_loss_terms *t)
{
    if (t->of_features)
        return feature_distance(t);
    fcs_node *x = t->image->of_logits ? t->rebuilt_logits : t->rebuilt;
    return shared(t, t->image->distance(x, t->real), t->real);
}

/* Kingma and Welling 2014, appendix B: KL(N(m, v) || N(0,1)) = (m^2 + v - log v - 1) / 2. */
static fcs_node *divergence(fcs_loss_terms *t)
{
    fcs_node *spread = fcs_sub(fcs_unary("exp", t->logvar), t->logvar);
    fcs_node *each = fcs_affine(fcs_add(fcs_unary("square", t->mean), spread), 0.5, -0.5);
    return each ? shared(t, fcs_sum(each, "ncdhw"), t->mean) : NULL;
}

/* Salimans et al. 2016, section 3.1: the squared distance of the mean features of real images and
 * of fakes, averaged over the features. */
static fcs_node *matching(fcs_loss_terms *t)
{
    fcs_node *sum = NULL;
    for (int i = 0; i < t->n_features; i++) {
        fcs_node *gap =
            fcs_sub(fcs_mean(t->fake_features[i], "n"), fcs_mean(t->real_features[i], "n"));
        fcs_node *one = fcs_mean(fcs_unary("square", gap), "ncdhw");
        sum = sum ? fcs_add(sum, one) : one;
    }
    return sum;
}

const fcs_loss fcs_loss_feature_matching = {
    .name = "feature_matching",
    .text = "squared distance of the discriminator's mean features (loss.features) of real images "
            "and fakes",
    .of_discriminator = true,
    .generator = matching,
};
const fcs_loss fcs_loss_reconstruction = {
    .name = "reconstruction",
    .text = "loss.image between an image and its reconstruction, of pixels or of features",
    .of_encoder = true,
    .generator = reconstruction,
    .encoder = reconstruction,
};
const fcs_loss fcs_loss_kl = {
    .name = "kl",
    .text = "Kullback-Leibler divergence of the encoder's distribution from N(0,1): beta",
    .of_encoder = true,
    .warmed = true,
    .encoder = divergence,
};
