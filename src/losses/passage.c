/* passage.c: a phase that does not reach through so many pixels of the data shall not do so in the
 * fakes. A discriminator sees a dead end, but no step from it to a better image: its slope there is
 * the same wherever the line ends. Here the slope lies where the phase passes, at the narrowest
 * place of the widest way. */
#include "losses/losses.h"
#include "ops/ops.h"

enum {
    BLOCK = FCS_PASSAGE_BLOCK, /* pixels a side whose mean is looked at */
    BANDS = 5,                 /* of so many pixels, at even distances */
    ROUNDS = 72                /* of the flood: no way of more blocks is found */
};

static fcs_node *crop(fcs_node *x, int d, int64_t before, int64_t behind)
{
    fcs_attrs a = {.i = {0}};
    a.i[d] = before;
    a.i[FCS_DIMS + d] = behind;
    return x ? fcs_op_node(x->graph, "crop", &a, 1, &x) : NULL;
}

static fcs_node *concat(fcs_graph *g, int d, int n, fcs_node *const *in)
{
    const fcs_attrs a = {.i = {d}};
    return fcs_op_node(g, "concat", &a, n, in);
}

/* 1 where a block is all of the phase, 0 where an eighth of it or less is: a neck of one pixel's
 * width is a way too. */
static fcs_node *blocks(const fcs_passage *p, fcs_node *x)
{
    const double none = 1.0 / 8, scale = 1 / (1 - none) / (p->high - p->low);
    const fcs_attrs factor = {.i = {[FCS_POOL_FACTOR] = 1, BLOCK, BLOCK}};
    fcs_node *sum = fcs_op_node(x->graph, "sum_pool", &factor, 1, &x);
    fcs_node *share = fcs_affine(sum, (p->bright ? scale : -scale) / (BLOCK * BLOCK),
                                 (p->bright ? -p->low : p->high) * scale - none / (1 - none));
    return fcs_unary("relu", share);
}

/* Each band of each image as a channel of one image: that is how they lie side by side in lanes. */
static fcs_node *bands(fcs_node *c, int d, int64_t length)
{
    fcs_node *each[BANDS];
    int64_t room = c->shape.n[d] - length;
    int n = room + 1 < BANDS ? (int)room + 1 : BANDS;
    for (int i = 0; i < n; i++) {
        int64_t before = n > 1 ? room * i / (n - 1) : 0;
        each[i] = crop(c, d, before, room - before);
    }
    fcs_node *all = n > 1 ? concat(c->graph, FCS_N, n, each) : each[0];
    if (!all)
        return NULL;
    fcs_shape s = all->shape;
    s.n[FCS_C] = s.n[FCS_N];
    s.n[FCS_N] = 1;
    return fcs_reshape(all, s);
}

/* How far each block is reached from the band's first row: the largest, over ways of neighbouring
 * blocks, of the smallest value on the way (maximal paths: Pollack 1960). The mean over the last
 * row. */
static fcs_node *passage(fcs_loss_terms *t)
{
    const fcs_passage *p = &t->passage;
    int d = FCS_H + p->axis;
    int64_t length = p->length / BLOCK + 1;
    fcs_node *all = blocks(p, t->fake);
    fcs_node *c = all ? bands(all, d, length) : NULL;
    fcs_node *in[2] = {crop(c, d, 0, length - 1), fcs_affine(crop(c, d, 1, 0), 0, 0)};
    fcs_node *reached = concat(t->fake->graph, d, 2, in);
    for (int i = 0; i < ROUNDS && reached; i++) {
        fcs_node *both[2] = {c, fcs_apply(reached->graph, "max_pool",
                                          "kernel=1,3,3 stride=1 pad_lo=0,1,1 pad_hi=0,1,1", 1,
                                          &reached)};
        reached = fcs_op_node(c->graph, "min", NULL, 2, both);
    }
    return fcs_mean(crop(reached, d, length - 1, 0), "ncdhw");
}

const fcs_loss fcs_loss_passage = {
    .name = "passage",
    .text = "how far a phase reaches through loss.passage_length pixels",
    .generator = passage,
};
