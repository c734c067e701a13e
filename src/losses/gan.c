/* gan.c: adversarial losses on logits l, averaged over images and map. D(x) = sigmoid(l);
 * log-sigmoids are softplus: -log D = softplus(-l), -log(1 - D) = softplus(l) = softplus(-l) + l.
 */
#include "losses/losses.h"

static fcs_node *average(fcs_node *x) { return fcs_mean(x, "ncdhw"); }

/* Over all fakes, which may be of several kinds. */
static fcs_node *of_fakes(const fcs_loss_terms *t, fcs_node *x)
{
    return t->fake_kinds > 1 ? fcs_affine(average(x), t->fake_kinds, 0) : average(x);
}

static fcs_node *softplus(fcs_node *x) { return fcs_unary("softplus", x); }

/* -a log D(real) - (1 - a) log(1 - D(real)) - log(1 - D(fake)), a the label of real images:
 * Salimans et al. 2016. */
static fcs_node *entropy_discriminator(fcs_loss_terms *t)
{
    fcs_node *real =
        fcs_sub(softplus(t->real_logits), fcs_affine(t->real_logits, t->real_label, 0));
    return fcs_add(average(real), of_fakes(t, softplus(t->fake_logits)));
}

/* log(1 - D(fake)): Goodfellow et al. 2014, eq. 1. */
static fcs_node *standard_generator(fcs_loss_terms *t)
{
    return of_fakes(t, fcs_unary("neg", softplus(t->fake_logits)));
}

/* -log D(fake). */
static fcs_node *nonsaturating_generator(fcs_loss_terms *t)
{
    return of_fakes(t, softplus(fcs_unary("neg", t->fake_logits)));
}

/* max(0, 1 - D(real)) + max(0, 1 + D(fake)): Lim and Ye 2017. */
static fcs_node *hinge_discriminator(fcs_loss_terms *t)
{
    fcs_node *real = fcs_unary("relu", fcs_affine(t->real_logits, -1, 1));
    return fcs_add(average(real), of_fakes(t, fcs_unary("relu", fcs_affine(t->fake_logits, 1, 1))));
}

static fcs_node *critic_generator(fcs_loss_terms *t)
{
    return fcs_unary("neg", of_fakes(t, t->fake_logits));
}

/* ((D(real) - a)^2 + D(fake)^2) / 2 and (D(fake) - 1)^2 / 2: Mao et al. 2017, eq. 2 and 9. */
static fcs_node *squares_discriminator(fcs_loss_terms *t)
{
    fcs_node *real = fcs_unary("square", fcs_affine(t->real_logits, 1, -t->real_label));
    return fcs_affine(fcs_add(average(real), of_fakes(t, fcs_unary("square", t->fake_logits))), 0.5,
                      0);
}

static fcs_node *squares_generator(fcs_loss_terms *t)
{
    return fcs_affine(of_fakes(t, fcs_unary("square", fcs_affine(t->fake_logits, 1, -1))), 0.5, 0);
}

/* mean D(fake) - mean D(real): Arjovsky et al. 2017, with weights clipped after each update
 * (algorithm 1, line 7); or Gulrajani et al. 2017, with the slope penalized. */
static fcs_node *wasserstein_discriminator(fcs_loss_terms *t)
{
    return fcs_sub(of_fakes(t, t->fake_logits), average(t->real_logits));
}

const fcs_loss fcs_loss_standard = {
    .name = "standard",
    .text = "cross-entropy; the generator lowers log(1 - D(fake)), which is flat where it loses",
    .gan = true,
    .discriminator = entropy_discriminator,
    .generator = standard_generator,
};
const fcs_loss fcs_loss_nonsaturating = {
    .name = "nonsaturating",
    .text = "cross-entropy; the generator lowers -log D(fake)",
    .gan = true,
    .discriminator = entropy_discriminator,
    .generator = nonsaturating_generator,
};
const fcs_loss fcs_loss_hinge = {
    .name = "hinge",
    .text = "max(0, 1 - D(real)) + max(0, 1 + D(fake)); the generator lowers -D(fake)",
    .gan = true,
    .discriminator = hinge_discriminator,
    .generator = critic_generator,
};
const fcs_loss fcs_loss_least_squares = {
    .name = "least_squares",
    .text = "half of (D(real) - real_label)^2 + D(fake)^2; the generator: half of (D(fake) - 1)^2",
    .gan = true,
    .discriminator = squares_discriminator,
    .generator = squares_generator,
};
const fcs_loss fcs_loss_wasserstein = {
    .name = "wasserstein",
    .text = "D(fake) - D(real), D's weights clipped to loss.clip; the generator lowers -D(fake)",
    .gan = true,
    .clips = true,
    .discriminator = wasserstein_discriminator,
    .generator = critic_generator,
};
const fcs_loss fcs_loss_wasserstein_gp = {
    .name = "wasserstein_gp",
    .text = "D(fake) - D(real), D's slope held near 1 by gradient_penalty; the generator lowers "
            "-D(fake)",
    .gan = true,
    .with = "gradient_penalty",
    .with_weight = 10,
    .discriminator = wasserstein_discriminator,
    .generator = critic_generator,
};
