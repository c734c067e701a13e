/* sum.c: sums over any set of dimensions (cl/sum.cl). Pixel dimensions N D H W that are summed, or
 * kept, next to each other become one; where channels are summed too, the last ones become a run of
 * neighbouring floats. How a sum is cut into parts depends on shapes and the kind of device only.
 */
#include "opencl/opencl.h"

enum { MOST_PARTS = 256 };

typedef struct dims { /* sizes and steps in floats, 1 and 0 in front of the used ones */
    int64_t n[4], step[4];
    int used;
} dims;

typedef struct geometry {
    bool channels; /* summed too, or a single one along W */
    int vector;
    int64_t cv;  /* vectors of a pixel that are results of their own */
    int64_t run; /* floats side by side; channels kept: none */
    dims kept, summed;
    int64_t n_kept, n_summed, parts, share, piece;
} geometry;

/* A dimension, those within it being there already. */
static void add_dim(dims *d, int64_t n, int64_t step)
{
    int first = 4 - d->used;
    if (n == 1)
        return;
    if (d->used && d->step[first] * d->n[first] == step) {
        d->n[first] *= n;
        return;
    }
    d->n[first - 1] = n;
    d->step[first - 1] = step;
    d->used++;
}

static int64_t product(const dims *d) { return d->n[0] * d->n[1] * d->n[2] * d->n[3]; }

static int64_t round_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

/* Parts enough to keep the device busy, none too short. */
static void cut(const fcs_cl *cl, geometry *g)
{
    int64_t wanted = round_up(cl->cpu ? 64 : 16384, g->n_kept * g->cv);
    bool of_run = g->channels && g->n_summed == 1;
    int64_t most = of_run ? round_up(g->run, 256 * g->vector) : round_up(g->n_summed, 16);
    int64_t parts = wanted < most ? wanted : most;
    parts = parts < 1 ? 1 : parts > MOST_PARTS ? MOST_PARTS : parts;
    g->share = of_run ? 1 : round_up(g->n_summed, parts);
    g->piece = of_run ? round_up(round_up(g->run, parts), g->vector) * g->vector : g->run;
    g->parts = of_run ? round_up(g->run, g->piece) : round_up(g->n_summed, g->share);
}

static geometry geometry_of(const fcs_cl *cl, fcs_shape out, fcs_shape x)
{
    static const int order[4] = {FCS_W, FCS_H, FCS_D, FCS_N};
    const dims none = {{1, 1, 1, 1}, {0}, 0};
    bool single = x.n[FCS_C] == 1 && out.n[FCS_W] == 1;
    geometry g = {.channels = single || out.n[FCS_C] != x.n[FCS_C], .kept = none, .summed = none};
    int64_t cs = fcs_channel_stride(x.n[FCS_C]), step = cs;
    g.run = g.channels ? cs : 0;
    bool dense = g.channels;
    for (int i = 0; i < 4; i++) {
        int64_t n = x.n[order[i]];
        bool kept = out.n[order[i]] == n;
        dense = dense && (!kept || n == 1);
        if (dense)
            g.run *= n;
        else
            add_dim(kept ? &g.kept : &g.summed, n, step);
        step *= n;
    }
    g.vector = g.channels ? (cl->cpu ? 16 : 4) : fcs_cl_vector(cl, cs);
    g.cv = g.channels ? 1 : cs / g.vector;
    g.n_kept = product(&g.kept);
    g.n_summed = product(&g.summed);
    cut(cl, &g);
    return g;
}

/* Floats of one part's results. */
static int64_t part_floats(const geometry *g)
{
    return g->n_kept * (g->channels ? 1 : g->cv * g->vector);
}

size_t fcs_cl_sum_scratch(const fcs_cl *cl, fcs_shape out, fcs_shape x)
{
    geometry g = geometry_of(cl, out, x);
    return g.parts == 1 ? 0 : fcs_cl_lines((size_t)(g.parts * part_floats(&g)) * sizeof(float));
}

static void dims_arg(fcs_cl_launches *l, const dims *d)
{
    fcs_cl_ints_arg(l, d->n + 1, 3);
    fcs_cl_ints_arg(l, d->step, 4);
}

void fcs_cl_add_parts(fcs_cl_launches *to, const fcs_cl_view *out, const fcs_cl_view *parts,
                      int64_t floats, int64_t n)
{
    fcs_cl_begin(to, "sum", NULL, NULL, "sum_parts");
    fcs_cl_view_arg(to, parts);
    fcs_cl_view_arg(to, out);
    fcs_cl_ints_arg(to, (int64_t[]){floats, n}, 2);
    fcs_cl_end(to, floats, 64, (double)(floats * n));
}

void fcs_cl_sum_emit(fcs_cl_launches *to, const fcs_cl_view *out, const fcs_cl_view *x,
                     const fcs_cl_view *scratch)
{
    geometry g = geometry_of(to->cl, out->shape, x->shape);
    int64_t floats = part_floats(&g), items = g.n_kept * g.cv * g.parts;
    fcs_cl_begin(to, "sum", fcs_cl_vector_option(g.vector), NULL,
                 g.channels ? "sum_runs" : "sum_lanes");
    fcs_cl_view_arg(to, x);
    fcs_cl_view_arg(to, g.parts == 1 ? out : scratch);
    if (!g.channels)
        fcs_cl_int_arg(to, g.cv);
    fcs_cl_ints_arg(to, (int64_t[]){g.n_kept, g.n_summed, g.share}, 3);
    if (g.channels)
        fcs_cl_ints_arg(to, (int64_t[]){g.run, g.piece}, 2);
    fcs_cl_int_arg(to, items);
    dims_arg(to, &g.kept);
    dims_arg(to, &g.summed);
    fcs_cl_end(to, items, to->cl->cpu ? 1 : 64, (double)fcs_shape_floats(x->shape));
    if (g.parts == 1)
        return;
    fcs_cl_add_parts(to, out, scratch, floats, g.parts);
}

static void sum_apply(const fcs_cl_call *c)
{
    fcs_cl_sum_emit(c->to, &c->out, &c->in[0], &c->scratch);
}

static size_t sum_apply_scratch(fcs_cl *cl, const fcs_apply_args *a)
{
    return fcs_cl_sum_scratch(cl, a->out, a->in[0]);
}

const fcs_cl_op fcs_cl_op_sum = {.emit = sum_apply, .scratch = sum_apply_scratch};
