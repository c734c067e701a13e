/* tiles.c: a generator's output in tiles; see tiles.h. */
#include "train/tiler.h"

#include <stdlib.h>
#include <string.h>

/* ---- cutting ---- */

int fcs_tiler_row(const fcs_tiler *t, const int64_t side[3])
{
    int along = t->volume ? 0 : 1;
    for (int a = along; a < 3; a++)
        if ((side[a] < t->size[a] + 2 * t->halo[a]) != (a == along))
            return -1;
    return FCS_D + along;
}

void fcs_tiler_cut(fcs_tiler *t, const int64_t side[3])
{
    t->row = fcs_tiler_row(t, side);
    for (int a = 0; a < 3; a++) {
        bool flat = a == 0 && !t->volume;
        int64_t reach = t->size[a] + 2 * t->halo[a];
        t->tile[a] = flat ? 1 : fcs_least(side[a], reach);
        int64_t core = t->tile[a] - 2 * t->halo[a];
        if (t->tile[a] < reach && core > t->stride[a])
            core -= core % t->stride[a]; /* few phases: few plans */
        t->slab[a] = core < t->size[a] ? core : t->size[a];
    }
    t->slab[2] = t->size[2];
    if (t->volume)
        t->slab[1] = t->size[1];
    for (int a = 0; a < 3; a++)
        t->n_slabs[a] = fcs_divide_up(t->size[a], t->slab[a]);
}

int64_t fcs_tiler_slabs(const fcs_tiler *t) { return t->n_slabs[0] * t->n_slabs[1]; }

void fcs_tiler_slab(const fcs_tiler *t, int64_t i, fcs_slab *slab)
{
    const int64_t at[3] = {i / t->n_slabs[1], i % t->n_slabs[1], 0};
    for (int a = 0; a < 3; a++) {
        slab->core_lo[a] = at[a] * t->slab[a];
        slab->core_hi[a] = fcs_least(slab->core_lo[a] + t->slab[a], t->size[a]);
        slab->lo[a] = slab->core_lo[a] - t->halo[a];
        slab->hi[a] = slab->core_hi[a] + t->halo[a];
        if (t->period[a])
            continue;
        slab->lo[a] = slab->lo[a] < 0 ? 0 : slab->lo[a];
        slab->hi[a] = fcs_least(slab->hi[a], t->size[a]);
    }
}

int64_t fcs_tiler_slab_floats(const fcs_tiler *t)
{
    int64_t n = fcs_tiler_channels(t);
    for (int a = 0; a < 3; a++)
        n *= t->slab[a] + 2 * t->halo[a];
    return n;
}

bool fcs_tiler_rows_apart(const fcs_tiler *t)
{
    return fcs_tiler_channels(t) > 1 || t->halo[2] > 0;
}

fcs_status fcs_tiler_each(fcs_tiler *t, int64_t i, fcs_tile_body *body, void *user)
{
    fcs_slab slab;
    fcs_tiler_slab(t, i, &slab);
    int64_t lo[3], hi[3];
    for (lo[0] = slab.lo[0]; lo[0] < slab.hi[0]; lo[0] = hi[0])
        for (hi[0] = fcs_least(lo[0] + t->tile[0], slab.hi[0]), lo[1] = slab.lo[1];
             lo[1] < slab.hi[1]; lo[1] = hi[1])
            for (hi[1] = fcs_least(lo[1] + t->tile[1], slab.hi[1]), lo[2] = slab.lo[2];
                 lo[2] < slab.hi[2]; lo[2] = hi[2]) {
                hi[2] = fcs_least(lo[2] + t->tile[2], slab.hi[2]);
                fcs_status s = body(t, &slab, lo, hi, user);
                if (s)
                    return s;
            }
    return FCS_OK;
}

void fcs_tiler_to_whole(const fcs_tiler *t, const int64_t at[3], int64_t whole[3])
{
    for (int a = 0; a < 3; a++)
        whole[a] = at[a] + t->origin[a];
}

/* ---- opening ---- */

/* The latent's size in cells so that the output covers `need` pixels per axis. */
static fcs_status cover(fcs_tiler *t, const int64_t need[3], fcs_error *e)
{
    for (int a = 0; a < 3; a++) {
        /* What the generator cuts from its rim: from n cells SliceGAN makes n - 2 cells' worth. */
        int64_t cut = t->stride[a] > 1 ? t->m->latent_size[a] * t->stride[a] - t->m->size[a] : 0;
        t->cells[a] = fcs_divide_up(need[a] + (cut > 0 ? cut : 0), t->stride[a]);
    }
    for (int attempt = 0; attempt < 8; attempt++) {
        fcs_status s = fcs_tiler_whole(t->m, t->cells, &t->whole, &t->out, &t->latent, e);
        if (s)
            return s;
        bool enough = true;
        t->shape = t->out->shape;
        t->channels = (int)t->shape.n[FCS_C];
        for (int a = 0; a < 3; a++) {
            int64_t lack = need[a] - t->shape.n[FCS_D + a];
            if (lack > 0) {
                enough = false;
                t->cells[a] += fcs_divide_up(lack, t->stride[a]);
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
    for (int a = 0; a < 3; a++) {
        bool flat = a == 0 && !t->volume;
        t->size[a] = o->size[a];
        t->stride[a] = flat ? 1 : t->m->stride;
        t->halo[a] = flat ? 0 : o->halo;
        t->margin[a] = o->periodic && !flat ? margin + fcs_divide_up(o->halo, t->m->stride) : 0;
        t->period[a] = o->periodic && !flat ? o->size[a] / t->m->stride : 0;
        t->origin[a] = t->margin[a] * t->stride[a];
        need[a] = t->size[a] + 2 * t->origin[a];
    }
    s = o->periodic ? check_period(t, e) : FCS_OK;
    return s ? s : cover(t, need, e);
}

/* Gives the plans one arena, and allocates the buffer for latents. */
static fcs_status prepare(fcs_tiler *t, fcs_error *e)
{
    size_t latent = 0;
    fcs_plan **plans = fcs_alloc_array(e, (size_t)t->n_pieces, sizeof *plans);
    if (!plans)
        return FCS_FAILED;
    for (int i = 0; i < t->n_pieces; i++) {
        const fcs_piece *p = &t->pieces[i];
        plans[i] = p->plan;
        size_t n = p->latent ? (size_t)fcs_shape_count(p->latent->shape) : 0;
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
    fcs_graph *g;
    fcs_node *out;
    if (!fcs_grow(e, &t->pieces, &t->pieces_capacity, 1, sizeof *t->pieces) ||
        !fcs_grow(e, &t->piece_of, &t->piece_of_capacity, 1, sizeof *t->piece_of))
        return FCS_FAILED;
    fcs_piece *p = &t->pieces[0];
    memset(p, 0, sizeof *p);
    t->piece_of[0] = 0;
    fcs_status s = fcs_tiler_whole(t->m, t->m->latent_size, &g, &out, &p->latent, e);
    if (s)
        return s;
    t->n_pieces = 1;
    t->tiles = 1;
    t->shape = out->shape;
    t->channels = (int)out->shape.n[FCS_C];
    for (int d = 0; d < FCS_DIMS; d++)
        p->cells.hi[d] = p->latent->shape.n[d];
    p->out = fcs_tensor_new(t->ctx, "image", out->shape);
    s = p->out ? fcs_assign(g, p->out, out) : FCS_FAILED;
    if (!s)
        s = fcs_plan_build(g, NULL, &p->plan);
    fcs_graph_free(g);
    if (!s)
        t->bytes = fcs_tiler_alone_bytes(t, p);
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
    t->row = -1;
    fcs_status s = FCS_OK;
    if (!t->volume && o->size[0] > 1)
        s = fcs_fail(e, FCS_FAILED, "depth %lld: this recipe makes 2D images",
                     (long long)o->size[0]);
    if (!s && m->stride == 0) {
        s = lay_out_whole(t, o, e);
    } else if (!s) {
        s = lay_out(t, o, e);
        if (!s)
            s = fcs_tiler_choose(t, o->memory, e);
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
    fcs_tiler_drop(t);
    fcs_graph_free(t->whole);
    fcs_tensor_free(t->latent);
    free(t->pieces);
    free(t->piece_of);
    free(t->kept);
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
static fcs_status fill_latent(fcs_tiler *t, const fcs_piece *p, const int64_t lo[3],
                              const running *r)
{
    fcs_box box = {{0, p->cells.lo[FCS_C]}, {1, p->cells.hi[FCS_C]}};
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

static fcs_status place(fcs_tiler *t, const fcs_piece *p, placing *q)
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
    int64_t a[3];
    fcs_tiler_to_whole(t, lo, a);
    const fcs_piece *p = &t->pieces[t->piece_of[t->next_tile++]];
    fcs_status s = p->latent ? fill_latent(t, p, a, r) : FCS_OK;
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
    if (i == 0)
        t->next_slab = t->next_tile = 0;
    if (i != t->next_slab++)
        return fcs_fail(e, FCS_FAILED, "internal: slab %lld is computed out of order",
                        (long long)i);
    return fcs_tiler_each(t, i, run_tile, &r);
}
