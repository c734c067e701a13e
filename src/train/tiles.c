/* tiles.c: cutting a generator's output into tiles; see tiles.h.
 *
 * The generator's graph for the whole image is built without memory. A tile is a window of that
 * graph: the box of the output, walked back to the box of the latent that it needs; padding acts at
 * the image's true edges only. Tiles that lie alike (same size, same phase within a latent cell,
 * same distance to edges that they can feel) share one plan. */
#include "graph/profile.h"
#include "train/tiles.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A plan for tiles that lie alike. */
typedef struct piece {
    int64_t key[3][4];
    fcs_plan *plan;
    fcs_tensor *latent, *out;
    bool borrows;    /* out is that of an earlier piece */
    int64_t from[4]; /* where the latent window begins, C D H W: spatial ones relative to the tile's
                        cell */
    fcs_box window;
} piece;

struct fcs_tiler {
    fcs_model *m;
    fcs_context *ctx;
    fcs_graph *whole;
    fcs_node *out;
    fcs_tensor *latent;
    fcs_shape shape; /* of the whole graph's output: the image, rounded up, and its margin when
                        periodic */
    bool volume, phases;
    int64_t size[3], stride[3], origin[3], margin[3], cells[3], period[3], halo[3];
    int64_t felt; /* pixels from an edge from which on it is not felt */
    int64_t tile[3], slab[3], n_slabs[3], tiles;
    int channels;
    size_t bytes;
    piece *pieces;
    int n_pieces;
    size_t pieces_capacity;
    float *cells_in; /* one latent window */
};

static int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

/* The generator's output for so many latent cells, in a new graph; graph and latent are the
 * caller's. */
static fcs_status build_whole(fcs_model *m, const int64_t cells[3], fcs_graph **g, fcs_node **out,
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
    bool data; /* false: only the box is wanted */
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
    fcs_status s = build_whole(m, cells, &g, &out, &latent, e);
    if (s)
        return s;
    fcs_box box = {
        {0},
        {1, out->shape.n[FCS_C], out->shape.n[FCS_D], out->shape.n[FCS_H], out->shape.n[FCS_W]}};
    for (int d = volume ? FCS_D : FCS_H; d <= FCS_W; d++) {
        box.lo[d] = least(k * m->stride, out->shape.n[d] - 1);
        box.hi[d] = least(box.lo[d] + m->stride, out->shape.n[d]);
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
static void piece_key(const fcs_tiler *t, const int64_t lo[3], const int64_t hi[3],
                      int64_t key[3][4])
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
static fcs_tensor *piece_out(const fcs_tiler *t, piece *p, fcs_shape shape)
{
    for (int i = 0; i < t->n_pieces; i++) {
        const piece *other = &t->pieces[i];
        p->borrows = other != p && other->out && fcs_shape_equal(other->out->shape, shape);
        if (p->borrows)
            return other->out;
    }
    return fcs_tensor_new(t->ctx, "tile", shape);
}

/* Boxes are in the whole graph's output coordinates. */
static fcs_status piece_build(fcs_tiler *t, const int64_t lo[3], const int64_t hi[3], piece *p,
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
    piece_key(t, lo, hi, p->key);
    for (int a = 0; !s && a < 3; a++)
        p->from[1 + a] = p->window.lo[FCS_D + a] - lo[a] / t->stride[a];
    return s;
}

static void piece_free(piece *p)
{
    fcs_plan_free(p->plan);
    fcs_tensor_free(p->latent);
    if (!p->borrows)
        fcs_tensor_free(p->out);
    memset(p, 0, sizeof *p);
}

static size_t piece_tensor_bytes(const piece *p)
{
    return ((size_t)fcs_shape_floats(p->latent->shape) +
            (p->borrows ? 0 : (size_t)fcs_shape_floats(p->out->shape))) *
           sizeof(float);
}

/* The latent on its way to its tensor. */
static size_t piece_passing_bytes(const piece *p)
{
    return (size_t)fcs_shape_count(p->latent->shape) * sizeof(float);
}

static piece *piece_find(fcs_tiler *t, const int64_t lo[3], const int64_t hi[3])
{
    int64_t key[3][4];
    piece_key(t, lo, hi, key);
    for (int i = 0; i < t->n_pieces; i++)
        if (!memcmp(t->pieces[i].key, key, sizeof key))
            return &t->pieces[i];
    return NULL;
}

/* ---- cutting ---- */

/* Tiles of these sides, where the image is larger, and the slabs that go with them. */
static void cut(fcs_tiler *t, const int64_t side[3])
{
    for (int a = 0; a < 3; a++) {
        bool flat = a == 0 && !t->volume;
        int64_t reach = t->size[a] + 2 * t->halo[a];
        t->tile[a] = flat ? 1 : least(side[a], reach);
        int64_t core = t->tile[a] - 2 * t->halo[a];
        if (t->tile[a] < reach && core > t->stride[a])
            core -= core % t->stride[a]; /* few phases: few plans */
        t->slab[a] = core < t->size[a] ? core : t->size[a];
    }
    t->slab[2] = t->size[2];
    if (t->volume)
        t->slab[1] = t->size[1];
    for (int a = 0; a < 3; a++)
        t->n_slabs[a] = divide_up(t->size[a], t->slab[a]);
}

int64_t fcs_tiler_slabs(const fcs_tiler *t) { return t->n_slabs[0] * t->n_slabs[1]; }

void fcs_tiler_slab(const fcs_tiler *t, int64_t i, fcs_slab *slab)
{
    const int64_t at[3] = {i / t->n_slabs[1], i % t->n_slabs[1], 0};
    for (int a = 0; a < 3; a++) {
        slab->core_lo[a] = at[a] * t->slab[a];
        slab->core_hi[a] = least(slab->core_lo[a] + t->slab[a], t->size[a]);
        slab->lo[a] = slab->core_lo[a] - t->halo[a];
        slab->hi[a] = slab->core_hi[a] + t->halo[a];
        if (t->period[a])
            continue;
        slab->lo[a] = slab->lo[a] < 0 ? 0 : slab->lo[a];
        slab->hi[a] = least(slab->hi[a], t->size[a]);
    }
}

int64_t fcs_tiler_slab_floats(const fcs_tiler *t)
{
    int64_t n = fcs_tiler_channels(t);
    for (int a = 0; a < 3; a++)
        n *= t->slab[a] + 2 * t->halo[a];
    return n;
}

/* Calls body for each tile of a slab, lo and hi in image coordinates. */
typedef fcs_status tile_body(fcs_tiler *t, const fcs_slab *slab, const int64_t lo[3],
                             const int64_t hi[3], void *user);
static fcs_status each_tile(fcs_tiler *t, int64_t i, tile_body *body, void *user)
{
    fcs_slab slab;
    fcs_tiler_slab(t, i, &slab);
    int64_t lo[3], hi[3];
    for (lo[0] = slab.lo[0]; lo[0] < slab.hi[0]; lo[0] = hi[0])
        for (hi[0] = least(lo[0] + t->tile[0], slab.hi[0]), lo[1] = slab.lo[1]; lo[1] < slab.hi[1];
             lo[1] = hi[1])
            for (hi[1] = least(lo[1] + t->tile[1], slab.hi[1]), lo[2] = slab.lo[2];
                 lo[2] < slab.hi[2]; lo[2] = hi[2]) {
                hi[2] = least(lo[2] + t->tile[2], slab.hi[2]);
                fcs_status s = body(t, &slab, lo, hi, user);
                if (s)
                    return s;
            }
    return FCS_OK;
}

static void to_whole(const fcs_tiler *t, const int64_t at[3], int64_t whole[3])
{
    for (int a = 0; a < 3; a++)
        whole[a] = at[a] + t->origin[a];
}

/* ---- choosing the tile ---- */

/* The slab, and its rows on their way out. */
static size_t slab_bytes(const fcs_tiler *t)
{
    return 2 * (size_t)fcs_tiler_slab_floats(t) * sizeof(float);
}

/* All bytes where there is no other piece. */
static size_t alone_bytes(const fcs_tiler *t, const piece *p)
{
    return p->plan->arena_bytes + piece_tensor_bytes(p) + piece_passing_bytes(p) + slab_bytes(t);
}

/* Builds the plan of a tile that feels as few edges as one can: in the middle, or at the first edge
 * where there are two. */
static fcs_status middle_build(fcs_tiler *t, const int64_t side[3], piece *p, fcs_error *e)
{
    int64_t lo[3], hi[3];
    for (int a = 0; a < 3; a++) {
        int64_t n = t->shape.n[FCS_D + a];
        lo[a] = 2 * side[a] >= n ? 0 : (n - side[a]) / 2 / t->stride[a] * t->stride[a];
        hi[a] = least(lo[a] + side[a], n);
    }
    return piece_build(t, lo, hi, p, e);
}

/* Bytes that tiles take at least. */
static fcs_status middle_bytes(fcs_tiler *t, size_t *bytes, fcs_error *e)
{
    piece p;
    fcs_status s = middle_build(t, t->tile, &p, e);
    if (!s)
        *bytes = alone_bytes(t, &p);
    piece_free(&p);
    return s;
}

/* ---- opening ---- */

/* The latent's size in cells so that the output covers `need` pixels per axis. */
static fcs_status cover(fcs_tiler *t, const int64_t need[3], fcs_error *e)
{
    for (int a = 0; a < 3; a++) {
        /* What the generator cuts from its rim: from n cells SliceGAN makes n - 2 cells' worth. */
        int64_t cut = t->stride[a] > 1 ? t->m->latent_size[a] * t->stride[a] - t->m->size[a] : 0;
        t->cells[a] = divide_up(need[a] + (cut > 0 ? cut : 0), t->stride[a]);
    }
    for (int attempt = 0; attempt < 8; attempt++) {
        fcs_status s = build_whole(t->m, t->cells, &t->whole, &t->out, &t->latent, e);
        if (s)
            return s;
        bool enough = true;
        t->shape = t->out->shape;
        t->channels = (int)t->shape.n[FCS_C];
        for (int a = 0; a < 3; a++) {
            int64_t lack = need[a] - t->shape.n[FCS_D + a];
            if (lack > 0) {
                enough = false;
                t->cells[a] += divide_up(lack, t->stride[a]);
            }
        }
        if (enough)
            return FCS_OK;
        fcs_graph_free(t->whole);
        fcs_tensor_free(t->latent);
        t->whole = NULL;
        t->latent = NULL;
    }
    return fcs_fail(e, FCS_FAILED, "size %lldx%lldx%lld: this generator cannot make it",
                    (long long)need[2], (long long)need[1], (long long)need[0]);
}

static fcs_status check_period(fcs_tiler *t, fcs_error *e)
{
    static const char *const names[3] = {"depth", "height", "width"};
    for (int a = 0; a < 3; a++) {
        int64_t n = t->size[a], s = t->stride[a];
        if (n % s == 0)
            continue;
        if (n < s)
            return fcs_fail(e, FCS_FAILED,
                            "%s %lld: a periodic image of this net needs a multiple of %lld: %lld",
                            names[a], (long long)n, (long long)s, (long long)s);
        return fcs_fail(
            e, FCS_FAILED,
            "%s %lld: a periodic image of this net needs a multiple of %lld: %lld or %lld",
            names[a], (long long)n, (long long)s, (long long)(n / s * s),
            (long long)(n / s * s + s));
    }
    return FCS_OK;
}

static fcs_status lay_out(fcs_tiler *t, const fcs_tiler_options *o, fcs_error *e)
{
    int64_t need[3], margin;
    fcs_status s = fcs_model_margin(t->m, t->volume, &margin, e);
    if (s)
        return s;
    t->felt = margin * t->m->stride;
    for (int a = 0; a < 3; a++) {
        bool flat = a == 0 && !t->volume;
        t->size[a] = o->size[a];
        t->stride[a] = flat ? 1 : t->m->stride;
        t->halo[a] = flat ? 0 : o->halo;
        t->margin[a] = o->periodic && !flat ? margin + divide_up(o->halo, t->m->stride) : 0;
        t->period[a] = o->periodic && !flat ? o->size[a] / t->m->stride : 0;
        t->origin[a] = t->margin[a] * t->stride[a];
        need[a] = t->size[a] + 2 * t->origin[a];
    }
    s = o->periodic ? check_period(t, e) : FCS_OK;
    return s ? s : cover(t, need, e);
}

static fcs_status add_piece(fcs_tiler *t, const fcs_slab *slab, const int64_t lo[3],
                            const int64_t hi[3], void *user)
{
    (void)slab;
    fcs_error *e = user;
    int64_t a[3], b[3];
    t->tiles++;
    to_whole(t, lo, a);
    to_whole(t, hi, b);
    if (piece_find(t, a, b))
        return FCS_OK;
    if (!fcs_grow(e, &t->pieces, &t->pieces_capacity, (size_t)t->n_pieces + 1, sizeof *t->pieces))
        return FCS_FAILED;
    return piece_build(t, a, b, &t->pieces[t->n_pieces++], e);
}

static void drop_pieces(fcs_tiler *t)
{
    for (int i = 0; i < t->n_pieces; i++)
        piece_free(&t->pieces[i]);
    t->n_pieces = 0;
    t->tiles = 0;
}

/* Builds the plans of all tiles and counts the bytes that they will take together. */
static fcs_status plan_tiles(fcs_tiler *t, fcs_error *e)
{
    size_t arena = 0, passing = 0;
    for (int64_t i = 0; i < fcs_tiler_slabs(t); i++)
        if (each_tile(t, i, add_piece, e))
            return FCS_FAILED;
    t->bytes = slab_bytes(t);
    for (int i = 0; i < t->n_pieces; i++) {
        const piece *p = &t->pieces[i];
        arena = p->plan->arena_bytes > arena ? p->plan->arena_bytes : arena;
        passing = piece_passing_bytes(p) > passing ? piece_passing_bytes(p) : passing;
        t->bytes += piece_tensor_bytes(p);
    }
    t->bytes += arena + passing;
    return FCS_OK;
}

/* ---- shapes of tiles ---- */

/* Operations of a cube or square in the middle. */
static fcs_status middle_work(fcs_tiler *t, int64_t side, double *work, fcs_error *e)
{
    const int64_t sides[3] = {t->volume ? side : 1, side, side};
    piece p;
    fcs_status s = middle_build(t, sides, &p, e);
    *work = 0;
    for (int i = 0; !s && i < p.plan->n_steps; i++)
        *work += fcs_step_flops(&p.plan->steps[i]);
    piece_free(&p);
    return s;
}

/* Pixels that a tile computes besides on each side, as if all layers had the same rim: what
 * (4 cells + 2 rim)^d to (2 cells + 2 rim)^d operations say. A cell where that cannot be known. */
static double find_rim(fcs_tiler *t, fcs_error *e)
{
    double cell = (double)t->stride[2], two, four;
    for (int a = t->volume ? 0 : 1; a < 3; a++)
        if (t->shape.n[FCS_D + a] < 8 * t->stride[a])
            return cell;
    if (middle_work(t, 2 * t->stride[2], &two, e) || middle_work(t, 4 * t->stride[2], &four, e)) {
        fcs_error_clear(e);
        return cell;
    }
    double ratio = pow(four / two, t->volume ? 1.0 / 3 : 0.5);
    return ratio < 2 ? (4 - 2 * ratio) / (ratio - 1) * cell / 2 : 0;
}

enum { SIDES = 64, LEAST_SIDE = 16 }; /* an axis of 2^20 pixels has 48 */

typedef struct tile_shape {
    int64_t side[3];
    double work;   /* about that, in pixels of the image */
    double pixels; /* of a tile */
} tile_shape;

/* Sides that cut an axis into equal parts, in whole cells: 1, 2, 3 and more of them. */
static int axis_sides(const fcs_tiler *t, int a, int64_t *sides)
{
    int n = 0;
    sides[n++] = t->size[a] + 2 * t->halo[a];
    bool flat = a == 0 && !t->volume;
    for (int64_t parts = 2; !flat && n < SIDES; parts += parts < 8 ? 1 : parts / 4) {
        int64_t core = divide_up(divide_up(t->size[a], parts), t->stride[a]) * t->stride[a];
        core = core > LEAST_SIDE ? core : LEAST_SIDE;
        int64_t side = core + 2 * t->halo[a];
        if (side < sides[n - 1])
            sides[n++] = side;
        if (core <= LEAST_SIDE || core <= t->stride[a])
            break;
    }
    return n;
}

/* The least work first, so that the smallest tiles are last; the same for the same work: slabs of
 * fewer slices and rows. */
static int less_work(const void *a, const void *b)
{
    const tile_shape *x = a, *y = b;
    if (x->work != y->work)
        return x->work < y->work ? -1 : 1;
    for (int i = 0; i < 2; i++)
        if (x->side[i] != y->side[i])
            return x->side[i] < y->side[i] ? -1 : 1;
    return 0;
}

/* All combinations of sides; the caller's to free. */
static tile_shape *tile_shapes(const fcs_tiler *t, double rim, size_t *n, fcs_error *e)
{
    int64_t sides[3][SIDES];
    size_t count[3], all = 1;
    for (int a = 0; a < 3; a++)
        all *= count[a] = (size_t)axis_sides(t, a, sides[a]);
    tile_shape *shapes = fcs_alloc_array(e, all, sizeof *shapes);
    for (size_t i = 0; shapes && i < all; i++) {
        size_t at = i;
        shapes[i].work = shapes[i].pixels = 1;
        for (int a = 0; a < 3; at /= count[a++]) {
            int64_t side = sides[a][at % count[a]],
                    cuts = divide_up(t->size[a], side - 2 * t->halo[a]) - 1;
            shapes[i].side[a] = side;
            shapes[i].work *= (double)t->size[a] + (double)cuts * 2 * (rim + (double)t->halo[a]);
            shapes[i].pixels *= (double)side;
        }
    }
    if (shapes)
        qsort(shapes, all, sizeof *shapes, less_work);
    *n = shapes ? all : 0;
    return shapes;
}

/* Tries tiles of these sides: *fits where they stay within the memory, else t->bytes says what they
 * would need. */
static fcs_status try_tiles(fcs_tiler *t, const int64_t side[3], size_t memory, bool *fits,
                            fcs_error *e)
{
    cut(t, side);
    fcs_status s = middle_bytes(t, &t->bytes, e);
    if (!s && t->bytes <= memory)
        s = plan_tiles(t, e);
    *fits = !s && t->bytes <= memory;
    if (!*fits)
        drop_pieces(t);
    return s;
}

/* The whole image as one tile if it stays within the memory, else of the tiles that do those that
 * cost least work. What tiles need is known when they are planned; the bytes per pixel of the last
 * ones that were say which are not worth it. */
static fcs_status choose_tiles(fcs_tiler *t, size_t wanted, fcs_error *e)
{
    const size_t usual = (size_t)448 << 20;
    size_t memory = wanted ? wanted : usual, n = 0;
    tile_shape *shapes = tile_shapes(t, find_rim(t, e), &n, e);
    double most = INFINITY; /* pixels of a tile */
    bool fits = false;
    fcs_status s = shapes ? FCS_OK : FCS_FAILED;
    for (size_t i = 0; i < n && !fits; i++) {
        bool last = i + 1 == n;
        if (last && !wanted)
            memory = SIZE_MAX;
        cut(t, shapes[i].side);
        if (!last && (slab_bytes(t) > memory || shapes[i].pixels > most))
            continue;
        s = try_tiles(t, shapes[i].side, memory, &fits, e);
        most = shapes[i].pixels * (s ? 0.9 : (double)memory / (double)t->bytes);
        if (s && !last) /* perhaps a value is larger than the device's buffers */
            fcs_error_clear(e);
    }
    free(shapes);
    if (s || fits)
        return s;
    return fcs_fail(e, FCS_FAILED,
                    "memory: the smallest tiles need %.0f MiB, %.0f MiB are allowed: allow more "
                    "(--memory)",
                    (double)t->bytes / 1048576 + 1, (double)memory / 1048576);
}

/* Gives the plans one arena, and allocates the buffer for latents. */
static fcs_status prepare(fcs_tiler *t, fcs_error *e)
{
    size_t latent = 0;
    fcs_plan **plans = fcs_alloc_array(e, (size_t)t->n_pieces, sizeof *plans);
    if (!plans)
        return FCS_FAILED;
    for (int i = 0; i < t->n_pieces; i++) {
        const piece *p = &t->pieces[i];
        plans[i] = p->plan;
        size_t n = (size_t)fcs_shape_count(p->latent->shape);
        latent = n > latent ? n : latent;
    }
    fcs_status s = fcs_plan_share(plans, t->n_pieces, e);
    free(plans);
    t->cells_in = s ? NULL : fcs_alloc_array(e, latent, sizeof *t->cells_in);
    return t->cells_in ? FCS_OK : FCS_FAILED;
}

/* ---- generators of one size ---- */

/* The whole image is one tile, without windows. */
static fcs_status one_piece(fcs_tiler *t, size_t memory, fcs_error *e)
{
    static const int64_t lo[3] = {0};
    fcs_graph *g;
    fcs_node *out;
    piece *p =
        fcs_grow(e, &t->pieces, &t->pieces_capacity, 1, sizeof *t->pieces) ? &t->pieces[0] : NULL;
    if (!p)
        return FCS_FAILED;
    memset(p, 0, sizeof *p);
    fcs_status s = build_whole(t->m, t->m->latent_size, &g, &out, &p->latent, e);
    if (s)
        return s;
    t->n_pieces = 1;
    t->tiles = 1;
    t->shape = out->shape;
    t->channels = (int)out->shape.n[FCS_C];
    for (int d = 0; d < FCS_DIMS; d++)
        p->window.hi[d] = p->latent->shape.n[d];
    p->out = fcs_tensor_new(t->ctx, "image", out->shape);
    s = p->out ? fcs_assign(g, p->out, out) : FCS_FAILED;
    if (!s)
        s = fcs_plan_build(g, NULL, &p->plan);
    fcs_graph_free(g);
    piece_key(t, lo, t->size, p->key);
    if (!s)
        t->bytes = alone_bytes(t, p);
    return !s && memory && t->bytes > memory
               ? fcs_fail(e, FCS_FAILED,
                          "memory: %.0f MiB are needed, %.0f MiB are allowed: allow more "
                          "(--memory)",
                          (double)t->bytes / 1048576 + 1, (double)memory / 1048576)
               : s;
}

static fcs_status lay_out_whole(fcs_tiler *t, const fcs_tiler_options *o, fcs_error *e)
{
    const char *name = fcs_recipe_word(t->m->recipe, "name");
    const int64_t *size = t->m->size;
    if (o->periodic)
        return fcs_fail(e, FCS_FAILED,
                        "recipe %s makes images of one size, which do not repeat: leave periodic "
                        "out, or train dsgan-small or another recipe without dense layers",
                        name);
    for (int a = 0; a < 3; a++) {
        if (o->size[a] != size[a])
            return fcs_fail(e, FCS_FAILED,
                            "size %lldx%lld: recipe %s makes images of %lldx%lld only, its first "
                            "layer is dense; train dsgan-small or another recipe without dense "
                            "layers for any size",
                            (long long)o->size[2], (long long)o->size[1], name, (long long)size[2],
                            (long long)size[1]);
        t->size[a] = t->stride[a] = t->tile[a] = t->slab[a] = size[a];
        t->n_slabs[a] = 1;
    }
    return one_piece(t, o->memory, e);
}

fcs_status fcs_tiler_new(fcs_model *m, const fcs_tiler_options *o, fcs_error *e, fcs_tiler **out)
{
    *out = NULL;
    fcs_tiler *t = fcs_alloc(e, sizeof *t);
    if (!t)
        return FCS_FAILED;
    t->m = m;
    t->ctx = m->ctx;
    t->volume = fcs_recipe_depth(m->recipe) > 1;
    t->phases = o->phases;
    fcs_status s = FCS_OK;
    if (!t->volume && o->size[0] > 1)
        s = fcs_fail(e, FCS_FAILED, "depth %lld: this recipe makes 2D images",
                     (long long)o->size[0]);
    if (!s && m->stride == 0) {
        s = lay_out_whole(t, o, e);
    } else if (!s) {
        s = lay_out(t, o, e);
        if (!s)
            s = choose_tiles(t, o->memory, e);
    }
    if (!s)
        s = prepare(t, e);
    if (s) {
        fcs_tiler_free(t);
        return s;
    }
    *out = t;
    return FCS_OK;
}

void fcs_tiler_free(fcs_tiler *t)
{
    if (!t)
        return;
    drop_pieces(t);
    fcs_graph_free(t->whole);
    fcs_tensor_free(t->latent);
    free(t->pieces);
    free(t->cells_in);
    free(t);
}

int fcs_tiler_channels(const fcs_tiler *t) { return t->phases ? 1 : t->channels; }
int64_t fcs_tiler_tiles(const fcs_tiler *t) { return t->tiles; }
size_t fcs_tiler_bytes(const fcs_tiler *t) { return t->bytes; }
int fcs_tiler_plans(const fcs_tiler *t) { return t->n_pieces; }

/* ---- running ---- */

typedef struct running {
    uint64_t seed;
    int64_t realization;
    float *out;
    fcs_tile_done *done;
    void *user;
    fcs_error *e;
} running;

/* Fills the piece's latent for a tile at `lo`, in latent cells counted from the image's first one.
 */
static fcs_status fill_latent(fcs_tiler *t, const piece *p, const int64_t lo[3], const running *r)
{
    fcs_box box = {{0, p->window.lo[FCS_C]}, {1, p->window.hi[FCS_C]}};
    for (int a = 0; a < 3; a++) {
        int64_t at = lo[a] / t->stride[a] + p->from[1 + a] - t->margin[a];
        if (t->period[a])
            at = (at % t->period[a] + t->period[a]) % t->period[a];
        box.lo[FCS_D + a] = at;
        box.hi[FCS_D + a] = at + p->latent->shape.n[FCS_D + a];
    }
    fcs_model_latent(t->m, r->seed, r->realization, &box, t->period, t->cells_in);
    return fcs_tensor_set(p->latent, t->cells_in);
}

typedef struct placing {
    const fcs_slab *slab;
    const int64_t *lo, *hi; /* of the tile */
    const float *from;      /* its values, channels-last */
    int64_t channels;
    bool phases;
    float *out;
} placing;

static int64_t largest(const float *x, int64_t n)
{
    int64_t best = 0;
    for (int64_t c = 1; c < n; c++)
        if (x[c] > x[best])
            best = c;
    return best;
}

/* Copies rows of a tile to their place in the slab. */
static void place_rows(void *arg, int64_t begin, int64_t end, int thread)
{
    const placing *p = arg;
    const fcs_slab *slab = p->slab;
    const int64_t d = slab->hi[0] - slab->lo[0], h = slab->hi[1] - slab->lo[1],
                  w = slab->hi[2] - slab->lo[2];
    const int64_t rows = p->hi[1] - p->lo[1], n = p->hi[2] - p->lo[2];
    const int64_t cs = fcs_channel_stride(p->channels);
    (void)thread;
    for (int64_t i = begin; i < end; i++) {
        int64_t z = p->lo[0] - slab->lo[0] + i / rows, y = p->lo[1] - slab->lo[1] + i % rows;
        const float *from = p->from + i * n * cs;
        for (int64_t c = 0; c < (p->phases ? 1 : p->channels); c++) {
            float *to = p->out + ((c * d + z) * h + y) * w + p->lo[2] - slab->lo[2];
            for (int64_t x = 0; x < n; x++)
                to[x] = p->phases ? (float)largest(from + x * cs, p->channels) : from[x * cs + c];
        }
    }
}

static fcs_status place(fcs_tiler *t, const piece *p, placing *q)
{
    float *values = fcs_tensor_map(p->out, FCS_MAP_READ);
    if (!values)
        return FCS_FAILED;
    q->from = values;
    q->channels = t->channels;
    q->phases = t->phases;
    fcs_parallel(t->ctx->team, (q->hi[0] - q->lo[0]) * (q->hi[1] - q->lo[1]), 16, place_rows, q);
    return fcs_tensor_unmap(p->out, values);
}

static fcs_status run_tile(fcs_tiler *t, const fcs_slab *slab, const int64_t lo[3],
                           const int64_t hi[3], void *user)
{
    const running *r = user;
    int64_t a[3], b[3];
    to_whole(t, lo, a);
    to_whole(t, hi, b);
    const piece *p = piece_find(t, a, b);
    fcs_status s = fill_latent(t, p, a, r);
    if (!s)
        s = fcs_plan_run(p->plan, r->seed, (uint64_t)r->realization);
    placing q = {.slab = slab, .lo = lo, .hi = hi, .out = r->out};
    if (!s)
        s = place(t, p, &q);
    if (s)
        return s;
    if (r->done && !r->done(r->user))
        return FCS_INTERRUPTED;
    return FCS_OK;
}

fcs_status fcs_tiler_run(fcs_tiler *t, int64_t i, uint64_t seed, int64_t realization, float *out,
                         fcs_tile_done *done, void *user, fcs_error *e)
{
    running r = {seed, realization, out, done, user, e};
    return each_tile(t, i, run_tile, &r);
}
