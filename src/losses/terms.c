/* terms.c: terms added to the adversarial loss, each with a weight of the recipe. */
#include "losses/losses.h"
#include "ops/ops.h"
#include <string.h>

/* sum of w^2 over all kernels (no half). */
static fcs_node *decay(fcs_loss_terms *t)
{
    fcs_node *sum = NULL;
    for (size_t i = 0; i < t->net->n_parameters; i++) {
        if (t->net->parameters[i].role != FCS_KERNEL)
            continue;
        fcs_node *square = fcs_sum(fcs_unary("square", t->net->parameters[i].node), "ncdhw");
        sum = sum ? fcs_add(sum, square) : square;
        if (!sum)
            return NULL;
    }
    return sum ? sum : fcs_constant(t->net->graph, 0);
}

/* d (sum of logits) / d image */
static fcs_node *image_gradient(fcs_node *logits, fcs_node *image)
{
    fcs_node *gradient = NULL, *sum = fcs_sum(logits, "ncdhw");
    if (!sum || fcs_grad(image->graph, 1, &sum, NULL, 1, &image, &gradient) != FCS_OK)
        return NULL;
    return gradient;
}

/* Mescheder et al. 2018, eq. 9, for a map of P logits: 1/2 mean over images of |d sum(logits) / d
 * x|^2 / P. Fields of neighbouring logits overlap, so that this is about 1/2 the mean square slope
 * of one logit. */
static fcs_node *r1(fcs_loss_terms *t)
{
    fcs_node *gradient = image_gradient(t->real_logits, t->real);
    return gradient ? fcs_affine(fcs_sum(fcs_unary("square", gradient), "ncdhw"),
                                 0.5 / (double)fcs_shape_count(t->real_logits->shape), 0)
                    : NULL;
}

/* Gulrajani et al. 2017, eq. 3: mean of (|d mean(logits) / d x| - 1)^2 at x between real and fake.
 */
static fcs_node *gradient_penalty(fcs_loss_terms *t)
{
    fcs_graph *g = t->real->graph;
    int64_t images = t->real->shape.n[FCS_N];
    fcs_attrs a;
    memset(&a, 0, sizeof a);
    fcs_shape each = fcs_shape_of(images, 1, 1, 1, 1);
    memcpy(a.i, each.n, sizeof each.n);
    fcs_node *share =
        fcs_node_named(fcs_node_new(g, fcs_op_find(t->net->error, "random_uniform"), &a, 0, NULL),
                       "gradient_penalty");
    fcs_node *between = fcs_add(t->fake, fcs_mul(share, fcs_sub(t->real, t->fake)));
    fcs_node *logits = fcs_net_build(t->net, between, "between");
    fcs_node *gradient = logits ? image_gradient(logits, between) : NULL;
    if (!gradient)
        return NULL;
    double map = (double)fcs_shape_count(logits->shape) / (double)images;
    fcs_node *square = fcs_sum(fcs_unary("square", fcs_affine(gradient, 1 / map, 0)), "cdhw");
    fcs_node *slope =
        fcs_unary("sqrt", fcs_affine(square, 1, 1e-12)); /* keeps the root's own slope finite */
    return fcs_mean(fcs_unary("square", fcs_affine(slope, 1, -1)), "ncdhw");
}

/* sum over channels of |mean of the fakes - mean of the data|; where each image has a mean of its
 * own to reach, the mean of that over the images. */
static fcs_node *share(fcs_loss_terms *t)
{
    if (!t->data_mean)
        return NULL;
    double images = (double)t->data_mean->shape.n[FCS_N];
    fcs_node *mean = fcs_mean(t->fake, images > 1 ? "dhw" : "ndhw");
    fcs_node *sum = fcs_sum(fcs_unary("abs", fcs_sub(mean, t->data_mean)), "ncdhw");
    return fcs_affine(sum, 1 / images, 0);
}

/* The mean square over places, summed over channels, of what images have in common at a place
 * beyond their own means: for A_i an image less its mean, the mean over pairs i != j of A_i A_j.
 * Images are independent, so that its expected value is the square of the expected A, without the
 * variance that A^2 would add; A is flat in a texture without edges and period. Values below 0 are
 * noise. */
static fcs_node *flatness(fcs_loss_terms *t)
{
    const fcs_shape s = t->fake->shape;
    double n = (double)s.n[FCS_N], places = (double)fcs_shape_count(s) / n / (double)s.n[FCS_C];
    if (n < 2) {
        fcs_fail(t->net->error, FCS_FAILED,
                 "loss.flatness compares the images of a batch, and there is one: set train.batch "
                 "(slices: train.generator_batch) to 2 or more");
        return NULL;
    }
    fcs_node *off = fcs_sub(t->fake, fcs_mean(t->fake, "dhw"));
    fcs_node *of_sum = fcs_sum(fcs_unary("square", fcs_sum(off, "n")), "ncdhw");
    fcs_node *of_each = fcs_sum(fcs_unary("square", off), "ncdhw");
    return fcs_affine(fcs_sub(of_sum, of_each), 1 / (n * (n - 1) * places), 0);
}

/* x[.. + 1 along axis] + sign x[..] */
static fcs_node *neighbours(fcs_node *x, int axis, double sign)
{
    fcs_node *side[2] = {NULL};
    for (int i = 0; i < 2 && x; i++) {
        fcs_attrs a;
        memset(&a, 0, sizeof a);
        a.i[i * FCS_DIMS + axis] = 1;
        side[i] = fcs_op_node(x->graph, "crop", &a, 1, &x);
    }
    return side[0] ? fcs_add(side[0], fcs_affine(side[1], sign, 0)) : NULL;
}

/* Differences along `axis` in cells of two pixels along each axis, summed over the others: of a
 * cell and its mirror image they are the same but for the sign, so that edges across the grid's
 * diagonals count alike, which plain differences between neighbours would not do. */
static fcs_node *slope_along(fcs_node *x, int axis)
{
    fcs_node *y = x;
    for (int d = FCS_D; d <= FCS_W && y; d++)
        if (x->shape.n[d] > 1)
            y = neighbours(y, d, d == axis ? -1 : 1);
    return y;
}

/* For T_ij = mean over all images of (slope along i)(slope along j), by channel, and E = T / (its
 * trace / axes) - identity: E : E, summed over channels. T is the tensor of interfaces' directions
 * (Schroeder-Turk et al. 2011, W_1^02 but for a factor): E is 0 where no direction is preferred. */
static fcs_node *isotropy(fcs_loss_terms *t)
{
    fcs_node *slopes[3], *tensor[3][3], *trace = NULL, *loss = NULL;
    int n = 0;
    for (int d = FCS_D; d <= FCS_W; d++)
        if (t->fake->shape.n[d] > 1)
            slopes[n++] = slope_along(t->fake, d);
    if (n < 2)
        return fcs_constant(t->fake->graph, 0);
    for (int i = 0; i < n; i++)
        for (int j = 0; j <= i; j++) {
            tensor[i][j] = fcs_mean(fcs_mul(slopes[i], slopes[j]), "ndhw");
            if (i == j)
                trace = trace ? fcs_add(trace, tensor[i][i]) : tensor[i][i];
        }
    trace = fcs_affine(trace, 1.0 / n, 1e-12); /* images of one value have no directions */
    for (int i = 0; i < n; i++)
        for (int j = 0; j <= i; j++) {
            fcs_node *part = fcs_affine(fcs_div(tensor[i][j], trace), 1, i == j ? -1 : 0);
            fcs_node *square = fcs_sum(fcs_unary("square", part), "ncdhw");
            square = fcs_affine(square, i == j ? 1 : 2, 0);
            loss = loss ? fcs_add(loss, square) : square;
        }
    return loss;
}

const fcs_loss fcs_loss_weight_decay = {
    .name = "weight_decay",
    .text = "sum of the squares of all kernels, in every net",
    .of_parameters = true,
    .discriminator = decay,
    .generator = decay,
    .encoder = decay,
};
const fcs_loss fcs_loss_r1 = {
    .name = "r1",
    .text = "half the squared slope of the discriminator at real images",
    .of_images = true,
    .discriminator = r1,
};
const fcs_loss fcs_loss_gradient_penalty = {
    .name = "gradient_penalty",
    .text = "(slope - 1)^2 of the discriminator between real images and fakes",
    .of_images = true,
    .discriminator = gradient_penalty,
};
const fcs_loss fcs_loss_share = {
    .name = "share",
    .text = "|mean of the fakes - mean of the data| summed over channels",
    .generator = share,
};
const fcs_loss fcs_loss_flatness = {
    .name = "flatness",
    .text = "mean square of what the fakes have in common at a place: edges, a period",
    .generator = flatness,
};
const fcs_loss fcs_loss_isotropy = {
    .name = "isotropy",
    .text = "how far the directions of the fakes' interfaces are from equal in number",
    .of_alike = true,
    .generator = isotropy,
};
