/* tile_pieces.c: the plans of tiles. A tile is a window of the generator's graph for the whole
 * image, which is built without memory: the box of the output, walked back to the box of the latent
 * that it needs; padding acts at the image's true edges only. Tiles that lie alike (same size, same
 * phase within a latent cell, same distance to edges that they can feel) share one plan. */
#include "train/tiler.h"

#include <string.h>

fcs_status fcs_tiler_whole(fcs_model *m, const int64_t cells[3], fcs_graph **g, fcs_node **out,
                           fcs_tensor **latent, fcs_error *e)
{
    *g = fcs_graph_new(m->ctx);
    if (!*g)
        return FCS_FAILED;
    fcs_status s = m->scheme->generator(m, *g, cells, out, latent, e);
    if (s) {
        fcs_graph_free(*g);
        *g = NULL;
    }
    return s;
}

/* ---- windows ---- */

typedef struct window_maker {
    fcs_context *ctx;
    fcs_tensor *whole, *part; /* the latent and its window */
    fcs_box box;
} window_maker;

static fcs_tensor *window_source(void *user, fcs_tensor *t, const fcs_box *box)
{
    window_maker *w = user;
    if (t != w->whole)
        return t;
    if (!w->part) {
        fcs_shape s;
        for (int d = 0; d < FCS_DIMS; d++)
            s.n[d] = box->hi[d] - box->lo[d];
        w->box = *box;
        w->part = fcs_tensor_new(w->ctx, "latent.window", s);
    }
    return w->part;
}

/* ---- the margin ---- */

/* Whether the middle cell of a latent of 2k+1 cells feels nothing of the rim. */
static fcs_status margin_holds(fcs_model *m, bool volume, int64_t k, bool *holds, fcs_error *e)
{
    const int64_t cells[3] = {volume ? 2 * k + 1 : 1, 2 * k + 1, 2 * k + 1};
    fcs_graph *g, *into = NULL;
    fcs_node *out;
    fcs_tensor *latent;
    fcs_status s = fcs_tiler_whole(m, cells, &g, &out, &latent, e);
    if (s)
        return s;
    fcs_box box = {
        {0},
        {1, out->shape.n[FCS_C], out->shape.n[FCS_D], out->shape.n[FCS_H], out->shape.n[FCS_W]}};
    for (int d = volume ? FCS_D : FCS_H; d <= FCS_W; d++) {
        box.lo[d] = fcs_least(k * m->stride, out->shape.n[d] - 1);
        box.hi[d] = fcs_least(box.lo[d] + m->stride, out->shape.n[d]);
    }
    window_maker w = {.ctx = m->ctx, .whole = latent};
    into = fcs_graph_new(m->ctx);
    s = into && fcs_graph_window(into, out, &box, window_source, &w) ? FCS_OK : FCS_FAILED;
    *holds = true;
    for (int d = volume ? FCS_D : FCS_H; !s && d <= FCS_W; d++)
        *holds = *holds && w.part && w.box.lo[d] > 0 && w.box.hi[d] < latent->shape.n[d];
    fcs_tensor_free(w.part);
    fcs_graph_free(into);
    fcs_graph_free(g);
    fcs_tensor_free(latent);
    return s;
}

fcs_status fcs_model_margin(fcs_model *m, bool volume, int64_t *cells, fcs_error *e)
{
    for (int64_t k = 2; k <= 64; k++) {
        bool holds;
        fcs_status s = margin_holds(m, volume, k, &holds, e);
        if (s)
            return s;
        if (holds) {
            *cells = k + 1;
            return FCS_OK;
        }
    }
    return fcs_fail(
        e, FCS_FAILED,
        "recipe %s: its generator's output depends on more than 64 latent cells around: "
        "it cannot be made in tiles",
        m->recipe->name ? m->recipe->name : "");
}

/* ---- pieces ---- */

/* What makes two tiles alike, per axis: length, phase in the latent cell, distances to the edges as
 * far as felt. */
void fcs_piece_key(const fcs_tiler *t, const int64_t lo[3], const int64_t hi[3], int64_t key[3][4])
{
    for (int a = 0; a < 3; a++) {
        int64_t before = lo[a], behind = t->shape.n[FCS_D + a] - hi[a];
        key[a][0] = hi[a] - lo[a];
        key[a][1] = lo[a] % t->stride[a];
        key[a][2] = before < t->felt ? before : t->felt;
        key[a][3] = behind < t->felt ? behind : t->felt;
    }
}

/* Where a tile's values come out: pieces of one shape share it. */
static fcs_tensor *piece_out(const fcs_tiler *t, fcs_piece *p, fcs_shape shape)
{
    for (int i = 0; i < t->n_pieces; i++) {
        const fcs_piece *other = &t->pieces[i];
        p->borrows = other != p && other->out && fcs_shape_equal(other->out->shape, shape);
        if (p->borrows)
            return other->out;
    }
    return fcs_tensor_new(t->ctx, "tile", shape);
}

fcs_status fcs_piece_build(fcs_tiler *t, const int64_t lo[3], const int64_t hi[3], fcs_piece *p,
                           fcs_error *e)
{
    fcs_box box = {{0, 0, lo[0], lo[1], lo[2]}, {1, t->channels, hi[0], hi[1], hi[2]}};
    window_maker w = {.ctx = t->ctx, .whole = t->latent};
    memset(p, 0, sizeof *p);
    fcs_graph *g = fcs_graph_new(t->ctx);
    fcs_node *n = g ? fcs_graph_window(g, t->out, &box, window_source, &w) : NULL;
    p->latent = w.part;
    p->window = w.box;
    p->out = n ? piece_out(t, p, n->shape) : NULL;
    fcs_status s = FCS_FAILED;
    if (n && !p->latent)
        s = fcs_fail(e, FCS_FAILED,
                     "the generator does not read its latent: there is nothing to generate from");
    else if (p->out && !fcs_assign(g, p->out, n))
        s = fcs_plan_build(g, NULL, &p->plan);
    fcs_graph_free(g);
    fcs_piece_key(t, lo, hi, p->key);
    for (int a = 0; !s && a < 3; a++)
        p->from[1 + a] = p->window.lo[FCS_D + a] - lo[a] / t->stride[a];
    return s;
}

void fcs_piece_free(fcs_piece *p)
{
    fcs_plan_free(p->plan);
    fcs_tensor_free(p->latent);
    if (!p->borrows)
        fcs_tensor_free(p->out);
    memset(p, 0, sizeof *p);
}

size_t fcs_piece_tensor_bytes(const fcs_piece *p)
{
    return ((size_t)fcs_shape_floats(p->latent->shape) +
            (p->borrows ? 0 : (size_t)fcs_shape_floats(p->out->shape))) *
           sizeof(float);
}

size_t fcs_piece_passing_bytes(const fcs_piece *p)
{
    return (size_t)fcs_shape_count(p->latent->shape) * sizeof(float);
}

fcs_piece *fcs_piece_find(fcs_tiler *t, const int64_t lo[3], const int64_t hi[3])
{
    int64_t key[3][4];
    fcs_piece_key(t, lo, hi, key);
    for (int i = 0; i < t->n_pieces; i++)
        if (!memcmp(t->pieces[i].key, key, sizeof key))
            return &t->pieces[i];
    return NULL;
}
