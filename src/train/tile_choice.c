/* tile_choice.c: the size of tiles: of those within the memory the one that computes least twice.
 * Slabs of one tile each, in a row, hand on what they have and compute nothing twice. */
#include "graph/profile.h"
#include "train/tiler.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- bytes ---- */

/* The slab, and its rows on their way out. */
static size_t slab_bytes(const fcs_tiler *t)
{
    size_t copies = fcs_tiler_rows_apart(t) ? 2 : 1;
    return copies * (size_t)fcs_tiler_slab_floats(t) * sizeof(float);
}

size_t fcs_tiler_alone_bytes(const fcs_tiler *t, const fcs_piece *p)
{
    return p->plan->arena_bytes + fcs_piece_tensor_bytes(p) + fcs_piece_passing_bytes(p) +
           slab_bytes(t);
}

/* What has been planned takes: one arena, the largest; all tensors. */
static size_t planned_bytes(const fcs_tiler *t)
{
    size_t arena = 0, passing = 0, bytes = slab_bytes(t);
    for (int i = 0; i < t->n_pieces; i++) {
        const fcs_piece *p = &t->pieces[i];
        arena = p->plan->arena_bytes > arena ? p->plan->arena_bytes : arena;
        passing = fcs_piece_passing_bytes(p) > passing ? fcs_piece_passing_bytes(p) : passing;
        bytes += fcs_piece_tensor_bytes(p);
    }
    for (size_t i = 0; i < t->n_kept; i++)
        bytes += (size_t)fcs_shape_floats(t->kept[i].tensor->shape) * sizeof(float);
    return bytes + arena + passing;
}

/* Builds the plan of a tile that feels as few edges as one can, in no row: in the middle, or at the
 * first edge where there are two. */
static fcs_status middle_build(fcs_tiler *t, const int64_t side[3], fcs_piece *p, fcs_error *e)
{
    int64_t lo[3], hi[3];
    for (int a = 0; a < 3; a++) {
        int64_t n = t->shape.n[FCS_D + a];
        lo[a] = 2 * side[a] >= n ? 0 : (n - side[a]) / 2 / t->stride[a] * t->stride[a];
        hi[a] = fcs_least(lo[a] + side[a], n);
    }
    memset(p, 0, sizeof *p);
    fcs_window *w = fcs_tile_window(t, lo, hi, NULL);
    fcs_status s = w ? fcs_piece_build(t, w, NULL, lo, p, e) : FCS_FAILED;
    fcs_window_free(w);
    return s;
}

/* Bytes that tiles take at least. */
static fcs_status middle_bytes(fcs_tiler *t, size_t *bytes, fcs_error *e)
{
    fcs_piece p;
    fcs_status s = middle_build(t, t->tile, &p, e);
    if (!s)
        *bytes = fcs_tiler_alone_bytes(t, &p);
    fcs_piece_free(&p);
    return s;
}

typedef struct planning {
    fcs_window
        *before;   /* in a row: of the last tile, which is planned when the next one is known */
    int64_t lo[3]; /* where that tile begins */
    size_t memory; /* planning ends where it would take more */
    fcs_error *e;
} planning;

static fcs_status add_tile(fcs_tiler *t, fcs_window *w, fcs_window *next, const int64_t lo[3],
                           const planning *p)
{
    fcs_error *e = p->e;
    int piece = fcs_piece_find(t, w, next);
    if (!fcs_grow(e, &t->piece_of, &t->piece_of_capacity, (size_t)t->tiles + 1,
                  sizeof *t->piece_of))
        return FCS_FAILED;
    if (piece < 0) {
        piece = t->n_pieces;
        if (!fcs_grow(e, &t->pieces, &t->pieces_capacity, (size_t)piece + 1, sizeof *t->pieces))
            return FCS_FAILED;
        fcs_status s = fcs_piece_build(t, w, next, lo, &t->pieces[t->n_pieces++], e);
        if (s)
            return s;
        t->bytes = planned_bytes(t);
    }
    t->piece_of[t->tiles++] = piece;
    return t->bytes > p->memory ? FCS_INTERRUPTED : FCS_OK;
}

static fcs_status plan_tile(fcs_tiler *t, const fcs_slab *slab, const int64_t lo[3],
                            const int64_t hi[3], void *user)
{
    (void)slab;
    planning *p = user;
    int64_t a[3], b[3];
    fcs_tiler_to_whole(t, lo, a);
    fcs_tiler_to_whole(t, hi, b);
    fcs_window *w = fcs_tile_window(t, a, b, p->before);
    fcs_status s = w ? FCS_OK : FCS_FAILED;
    if (w && t->row < 0)
        s = add_tile(t, w, NULL, a, p);
    else if (w && p->before)
        s = add_tile(t, p->before, w, p->lo, p);
    fcs_window_free(p->before);
    p->before = t->row < 0 ? NULL : w;
    if (t->row < 0)
        fcs_window_free(w);
    memcpy(p->lo, a, sizeof a);
    return s;
}

/* Builds the plans of all tiles and counts the bytes that they will take together; no further than
 * to `memory`. */
static fcs_status plan_tiles(fcs_tiler *t, size_t memory, fcs_error *e)
{
    planning p = {.memory = memory, .e = e};
    fcs_status s = FCS_OK;
    t->bytes = slab_bytes(t);
    for (int64_t i = 0; !s && i < fcs_tiler_slabs(t); i++)
        s = fcs_tiler_each(t, i, plan_tile, &p);
    if (!s && p.before)
        s = add_tile(t, p.before, NULL, p.lo, &p);
    fcs_window_free(p.before);
    return s == FCS_INTERRUPTED ? FCS_OK : s;
}

void fcs_tiler_drop(fcs_tiler *t)
{
    for (int i = 0; i < t->n_pieces; i++)
        fcs_piece_free(&t->pieces[i]);
    for (size_t i = 0; i < t->n_kept; i++)
        fcs_tensor_free(t->kept[i].tensor);
    t->n_pieces = 0;
    t->n_kept = 0;
    t->tiles = 0;
}

/* ---- shapes of tiles ---- */

/* Operations of a cube or square in the middle. */
static fcs_status middle_work(fcs_tiler *t, int64_t side, double *work, fcs_error *e)
{
    const int64_t sides[3] = {t->volume ? side : 1, side, side};
    fcs_piece p;
    fcs_status s = middle_build(t, sides, &p, e);
    *work = 0;
    for (int i = 0; !s && i < p.plan->n_steps; i++)
        *work += fcs_step_flops(&p.plan->steps[i]);
    fcs_piece_free(&p);
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

enum {
    SIDES = 64, /* an axis of 2^20 pixels has 48 */
    LEAST_SIDE = 16,
    ROW_CUT = 10 /* pixels' work that a cut in a row costs: long rows do not stay in the caches */
};

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
        int64_t core = fcs_divide_up(fcs_divide_up(t->size[a], parts), t->stride[a]) * t->stride[a];
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
        for (int a = 0; a < 3; at /= count[a++])
            shapes[i].side[a] = sides[a][at % count[a]];
        int row = fcs_tiler_row(t, shapes[i].side);
        for (int a = 0; a < 3; a++) {
            int64_t side = shapes[i].side[a], core = side - 2 * t->halo[a];
            double cuts = (double)(fcs_divide_up(t->size[a], core) - 1);
            double each = FCS_D + a == row ? ROW_CUT : 2 * (rim + (double)t->halo[a]);
            shapes[i].work *= (double)t->size[a] + cuts * each;
            shapes[i].pixels *= (double)side;
        }
    }
    if (shapes)
        qsort(shapes, all, sizeof *shapes, less_work);
    *n = shapes ? all : 0;
    return shapes;
}

/* Tries the tiles that the image is cut into: *fits where they stay within the memory, else
 * t->bytes says what they would need. */
static fcs_status try_tiles(fcs_tiler *t, size_t memory, bool last, bool *fits, fcs_error *e)
{
    fcs_status s = FCS_OK;
    t->bytes = 0;
    if (t->row < 0)
        s = middle_bytes(t, &t->bytes, e);
    if (!s && t->bytes <= memory)
        s = plan_tiles(t, last ? SIZE_MAX : memory, e);
    *fits = !s && t->bytes <= memory;
    if (!*fits)
        fcs_tiler_drop(t);
    return s;
}

/* The whole image as one tile if it stays within the memory, else of the tiles that do those that
 * cost least work. What tiles need is known when they are planned; the bytes per pixel of the last
 * ones that were say which are not worth it. */
fcs_status fcs_tiler_choose(fcs_tiler *t, size_t wanted, fcs_error *e)
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
        fcs_tiler_cut(t, shapes[i].side);
        if (!last && (slab_bytes(t) > memory || shapes[i].pixels > most))
            continue;
        s = try_tiles(t, memory, last, &fits, e);
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
