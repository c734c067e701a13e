/* tile_pieces.c: the plans of tiles. A tile is a window of the generator's graph for the whole
 * image, which is built without memory: the box of the output, walked back to the box of the latent
 * that it needs; padding acts at the image's true edges only. Tiles that lie alike, to edges and to
 * the tiles of minimal filtering, share one plan. */
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

/* ---- the margin ---- */

/* Whether the middle cell of a latent of 2k+1 cells feels nothing of the rim. */
static fcs_status margin_holds(fcs_model *m, bool volume, int64_t k, bool *holds, fcs_error *e)
{
    const int64_t cells[3] = {volume ? 2 * k + 1 : 1, 2 * k + 1, 2 * k + 1};
    fcs_graph *g;
    fcs_node *out;
    fcs_tensor *latent;
    fcs_status s = fcs_tiler_whole(m, cells, &g, &out, &latent, e);
    if (s)
        return s;
    fcs_box read, box = {{0},
                         {1, out->shape.n[FCS_C], out->shape.n[FCS_D], out->shape.n[FCS_H],
                          out->shape.n[FCS_W]}};
    for (int d = volume ? FCS_D : FCS_H; d <= FCS_W; d++) {
        box.lo[d] = fcs_least(k * m->stride, out->shape.n[d] - 1);
        box.hi[d] = fcs_least(box.lo[d] + m->stride, out->shape.n[d]);
    }
    fcs_window *w = fcs_window_new(out, &box, -1, NULL);
    bool reads = w && fcs_window_reads(w, latent, &read);
    *holds = true;
    for (int d = volume ? FCS_D : FCS_H; reads && d <= FCS_W; d++)
        *holds = *holds && read.lo[d] > 0 && read.hi[d] < latent->shape.n[d];
    s = w ? FCS_OK : FCS_FAILED;
    fcs_window_free(w);
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

fcs_window *fcs_tile_window(fcs_tiler *t, const int64_t lo[3], const int64_t hi[3],
                            const fcs_window *before)
{
    fcs_box box = {{0, 0, lo[0], lo[1], lo[2]}, {1, t->channels, hi[0], hi[1], hi[2]}};
    return fcs_window_new(t->out, &box, t->row, before);
}

int fcs_piece_find(const fcs_tiler *t, const fcs_window *w, const fcs_window *next)
{
    for (int i = 0; i < t->n_pieces; i++)
        if (fcs_window_same(t->pieces[i].window, t->pieces[i].next, w, next))
            return i;
    return -1;
}

typedef struct tensors_maker {
    fcs_tiler *t;
    fcs_piece *p;
    fcs_error *e;
} tensors_maker;

static fcs_tensor *latent_part(void *user, fcs_tensor *whole, const fcs_box *box)
{
    tensors_maker *m = user;
    if (whole != m->t->latent)
        return whole;
    if (!m->p->latent) {
        fcs_shape s;
        for (int d = 0; d < FCS_DIMS; d++)
            s.n[d] = box->hi[d] - box->lo[d];
        m->p->cells = *box;
        m->p->latent = fcs_tensor_new(m->t->ctx, "latent.window", s);
    }
    return m->p->latent;
}

static fcs_tensor *kept_tensor(void *user, int node, fcs_shape shape)
{
    tensors_maker *m = user;
    fcs_tiler *t = m->t;
    for (size_t i = 0; i < t->n_kept; i++)
        if (t->kept[i].node == node && fcs_shape_equal(t->kept[i].tensor->shape, shape))
            return t->kept[i].tensor;
    if (!fcs_grow(m->e, &t->kept, &t->kept_capacity, t->n_kept + 1, sizeof *t->kept))
        return NULL;
    fcs_tensor *tensor = fcs_tensor_new(t->ctx, "kept", shape);
    if (tensor)
        t->kept[t->n_kept++] = (fcs_kept){node, tensor};
    return tensor;
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

fcs_status fcs_piece_build(fcs_tiler *t, fcs_window *w, fcs_window *next, const int64_t lo[3],
                           fcs_piece *p, fcs_error *e)
{
    memset(p, 0, sizeof *p);
    tensors_maker m = {t, p, e};
    const fcs_window_tensors tensors = {latent_part, kept_tensor, &m};
    fcs_graph *g = fcs_graph_new(t->ctx);
    fcs_node *n = g ? fcs_window_build(w, next, g, &tensors) : NULL;
    p->window = fcs_window_share(w);
    p->next = fcs_window_share(next);
    p->out = n ? piece_out(t, p, n->shape) : NULL;
    fcs_status s = FCS_FAILED;
    if (n && !p->latent && t->row < 0)
        s = fcs_fail(e, FCS_FAILED,
                     "the generator does not read its latent: there is nothing to generate from");
    else if (p->out && !fcs_assign(g, p->out, n))
        s = fcs_plan_build(g, NULL, &p->plan);
    fcs_graph_free(g);
    for (int a = 0; !s && a < 3; a++)
        p->from[1 + a] = p->cells.lo[FCS_D + a] - lo[a] / t->stride[a];
    return s;
}

void fcs_piece_free(fcs_piece *p)
{
    fcs_plan_free(p->plan);
    fcs_tensor_free(p->latent);
    if (!p->borrows)
        fcs_tensor_free(p->out);
    fcs_window_free(p->window);
    fcs_window_free(p->next);
    memset(p, 0, sizeof *p);
}

size_t fcs_piece_tensor_bytes(const fcs_piece *p)
{
    size_t latent = p->latent ? (size_t)fcs_shape_floats(p->latent->shape) : 0;
    return (latent + (p->borrows ? 0 : (size_t)fcs_shape_floats(p->out->shape))) * sizeof(float);
}

size_t fcs_piece_passing_bytes(const fcs_piece *p)
{
    return p->latent ? (size_t)fcs_shape_count(p->latent->shape) * sizeof(float) : 0;
}
