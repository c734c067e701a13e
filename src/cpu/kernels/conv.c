/* conv.c: conv and conv_dx: one gather over phases.
 *
 * out[q, co] = sum over taps and ci of in[reach * q + offset + spread * tap, ci] * w[tap, ci, co]
 *
 * Register tiles of MR pixels x NR channels read the image where it lies; tiles that touch the
 * border or the end of a row, and images whose pixels fall on the same cache sets, go through a
 * patch: the MR pixels' inputs, zero padded. The sum over (tap, ci) is cut into chunks so that a
 * chunk of packed weights stays in the second cache while a block of pixels passes by. Chunks
 * depend on channels and taps only, so a window of an image has the bits of the whole.
 *
 * Small images of deep layers, few pixels and many weights, are mostly border, and their weights
 * would go to memory and come back. There a work item has all pixels of a phase and some columns,
 * packs the weights of a chunk, which is of one tap, and passes by the pixels whose tap lies
 * inside, while the next chunk's weights are fetched. Other forms than this direct one:
 * conv_tiled.c; images of few channels: conv_thin.c. */
#include "cpu/cpu.h"
#include "ops/axis.h"
#include "cpu/kernels/conv.h"

enum {
    GROUP = 512,           /* output channels that one work item covers */
    BLOCK = 384,           /* pixels of one work item, at most */
    CHUNK_FLOATS = 131072, /* wanted size of a chunk's weights */
    CHUNK_MIN = 128,
    CHUNK_MAX = 512,
    FEW_PIXELS = 1024,     /* of a phase, at most, */
    FEW_WEIGHTS = 1 << 18, /* and least number of weights, where items pack for themselves */
    FEW_GROUP = 64         /* output channels of such an item */
};

typedef struct phase {
    fcs_axis axis[3];
    int64_t pixels;        /* over all samples */
    int64_t runs, length;  /* stretches of contiguous input floats per pixel, one tap or one row of
                              taps each */
    int64_t run_taps;      /* taps in a run */
    int64_t pieces, batch; /* a run is cut into pieces, or a chunk holds a batch of runs */
    int64_t chunks;
    const int64_t *offset;   /* of each run from the first tap's pixel, in floats */
    float *weights;          /* [chunk][block of NR channels][k][NR]; few: not kept */
    int64_t item, pack_item; /* the first of its work items */
} phase;

typedef struct gather {
    fcs_view in, out;
    const float *w;
    int64_t channels;                    /* of in */
    int64_t lane_step, k_step, tap_step; /* of w: output channel, input channel, tap */
    int64_t kernel[3];
    fcs_shape shape_x, shape_w, shape_y;
    bool adjoint, few; /* few: pixels, of deep layers */
    phase *phases;
    int64_t n_phases, columns, group, groups, chunk_max;
    int64_t block; /* pixels of a work item */
    char *local;   /* per thread: a chunk's weights, tables (few); patch, a row that nobody reads */
    size_t chunk_floats, table_bytes, local_bytes;
} gather;

/* ---- phases ---- */

static int64_t gather_taps(const gather *g) { return g->kernel[0] * g->kernel[1] * g->kernel[2]; }

/* Of all packed weights that are kept. */
static size_t gather_weights(const gather *g)
{
    return g->few ? 0 : (size_t)(gather_taps(g) * g->channels * g->columns);
}

/* Whether a chunk is one tap's or a part of it. */
static bool gather_deep(const gather *g) { return 2 * g->channels > g->chunk_max; }

static void gather_init(gather *g, const fcs_apply_args *a, int threads, bool adjoint)
{
    *g = (gather){.adjoint = adjoint};
    g->shape_w = a->in[1];
    g->shape_x = adjoint ? a->out : a->in[0];
    g->shape_y = adjoint ? a->in[0] : a->out;
    g->channels = g->shape_w.n[adjoint ? FCS_N : FCS_C];
    g->columns = fcs_channel_stride(a->out.n[FCS_C]);
    int64_t group = g->columns < GROUP ? g->columns : GROUP, chunk = CHUNK_FLOATS / group;
    g->chunk_max = chunk < CHUNK_MIN ? CHUNK_MIN : chunk > CHUNK_MAX ? CHUNK_MAX : chunk;
    g->n_phases = 1;
    for (int i = 0; i < 3; i++) {
        g->kernel[i] = g->shape_w.n[FCS_D + i];
        fcs_conv_dims d = fcs_conv_dims_of(&a->attrs, g->shape_x, g->shape_w, g->shape_y, i);
        g->n_phases *= fcs_axis_phases(d, adjoint);
    }
    int64_t pixels = fcs_shape_count(a->out) / a->out.n[FCS_C];
    /* Both ways give the same bits: the team may be asked. */
    g->few = gather_deep(g) && pixels <= FEW_PIXELS * g->n_phases &&
             gather_taps(g) * g->channels * g->columns >= FEW_WEIGHTS &&
             g->n_phases * (g->columns / FEW_GROUP) >= 2 * threads;
    g->group = g->few ? FEW_GROUP : group;
    g->groups = (g->columns + g->group - 1) / g->group;
    g->chunk_floats = (size_t)(g->few ? g->chunk_max * g->group : 0);
    g->table_bytes = fcs_lines((size_t)(g->few ? pixels + FCS_MR : 0) * sizeof(float *));
    g->local_bytes =
        fcs_lines((g->chunk_floats + (size_t)(FCS_MR * (g->chunk_max + 32) + g->columns)) *
                  sizeof(float)) +
        2 * g->table_bytes;
}

static size_t gather_scratch(const fcs_apply_args *a, int threads, bool adjoint)
{
    gather g;
    gather_init(&g, a, threads, adjoint);
    size_t taps = (size_t)gather_taps(&g);
    return fcs_lines((size_t)g.n_phases * sizeof(phase)) + fcs_lines(taps * sizeof(int64_t)) +
           fcs_lines(gather_weights(&g) * sizeof(float)) + (size_t)threads * g.local_bytes;
}

/* How a phase's sum is cut: into runs and chunks. Depends on channels and taps only. */
static void phase_cut(const gather *g, phase *p)
{
    const fcs_axis *x = &p->axis[2];
    bool merged = x->spread == 1 && g->in.cs == g->channels && !gather_deep(g);
    p->run_taps = merged && x->taps ? x->taps : 1;
    p->runs = p->axis[0].taps * p->axis[1].taps * (x->taps / p->run_taps);
    p->length = p->run_taps * g->channels;
    p->pieces = p->batch = 1;
    p->chunks = 1;
    if (!p->runs)
        return;
    if (p->length >= g->chunk_max) {
        p->pieces = (p->length + g->chunk_max - 1) / g->chunk_max;
        p->chunks = p->runs * p->pieces;
    } else {
        int64_t most = g->chunk_max / p->length;
        p->chunks = (p->runs + most - 1) / most;
        p->batch = (p->runs + p->chunks - 1) / p->chunks;
        p->chunks = (p->runs + p->batch - 1) / p->batch;
    }
}

static int64_t *phase_offsets(const gather *g, phase *p, int64_t *offset)
{
    const fcs_axis *z = &p->axis[0], *y = &p->axis[1], *x = &p->axis[2];
    int64_t steps = x->taps / p->run_taps;
    p->offset = offset;
    for (int64_t i = 0; i < z->taps; i++)
        for (int64_t j = 0; j < y->taps; j++)
            for (int64_t k = 0; k < steps; k++)
                *offset++ = ((i * z->spread * y->size + j * y->spread) * x->size + k * x->spread) *
                            g->in.cs;
    return offset;
}

static void gather_phases(gather *g, const fcs_attrs *attrs, int64_t *offset, float *weights)
{
    int64_t classes[3];
    fcs_conv_dims d[3];
    for (int i = 0; i < 3; i++) {
        d[i] = fcs_conv_dims_of(attrs, g->shape_x, g->shape_w, g->shape_y, i);
        classes[i] = fcs_axis_phases(d[i], g->adjoint);
    }
    for (int64_t i = 0; i < g->n_phases; i++) {
        phase *p = &g->phases[i];
        int64_t r[3] = {i / (classes[1] * classes[2]), i / classes[2] % classes[1], i % classes[2]};
        p->pixels = g->in.shape.n[FCS_N];
        for (int k = 0; k < 3; k++) {
            p->axis[k] = fcs_axis_phase(d[k], g->adjoint, r[k]);
            p->pixels *= p->axis[k].count;
        }
        phase_cut(g, p);
        offset = phase_offsets(g, p, offset);
        p->weights = weights;
        weights += g->few ? 0 : p->runs * p->length * g->columns;
    }
}

/* ---- chunks ---- */

typedef struct chunk {
    int64_t run, runs;     /* runs run .. run + runs - 1, */
    int64_t begin, length; /* floats begin .. begin + length - 1 of each */
    int64_t k;             /* products before it */
} chunk;

static chunk phase_chunk(const phase *p, int64_t i)
{
    chunk c = {.run = i / p->pieces * p->batch};
    int64_t piece = (p->length + p->pieces - 1) / p->pieces;
    c.runs = p->batch < p->runs - c.run ? p->batch : p->runs - c.run;
    c.begin = i % p->pieces * piece;
    c.length = piece < p->length - c.begin ? piece : p->length - c.begin;
    c.k = c.run * p->length + c.begin;
    return c;
}

/* ---- weights ---- */

/* Offset in w of a run's tap. */
static int64_t tap_offset(const gather *g, const phase *p, int64_t run, int64_t tap)
{
    const fcs_axis *z = &p->axis[0], *y = &p->axis[1], *x = &p->axis[2];
    int64_t steps = x->taps / p->run_taps,
            j[3] = {run / steps / y->taps, run / steps % y->taps, run % steps * p->run_taps + tap};
    int64_t kz = z->k0 + z->dk * j[0], ky = y->k0 + y->dk * j[1], kx = x->k0 + x->dk * j[2];
    return ((kz * g->kernel[1] + ky) * g->kernel[2] + kx) * g->tap_step;
}

/* The chunk's weights of NR channels from `first` on. */
static void pack_block(const gather *g, const phase *p, chunk c, int64_t first, float *y)
{
    int64_t width = g->columns - first < FCS_NR ? g->columns - first : FCS_NR;
    int64_t lanes = g->out.shape.n[FCS_C] - first < width ? g->out.shape.n[FCS_C] - first : width;
    if (lanes < 0)
        lanes = 0;
    for (int64_t r = 0; r < c.runs; r++)
        for (int64_t i = c.begin; i < c.begin + c.length;) {
            int64_t ci = i % g->channels, n = g->channels - ci;
            if (n > c.begin + c.length - i)
                n = c.begin + c.length - i;
            fcs_pack(y,
                     g->w + tap_offset(g, p, c.run + r, i / g->channels) + ci * g->k_step +
                         first * g->lane_step,
                     n, g->k_step, g->lane_step, lanes, width);
            y += n * width;
            i += n;
        }
}

static void pack_items(void *arg, int64_t begin, int64_t end, int thread)
{
    const gather *g = arg;
    int64_t blocks = (g->columns + FCS_NR - 1) / FCS_NR;
    (void)thread;
    for (int64_t i = begin; i < end; i++) {
        const phase *p = g->phases;
        while (p + 1 < g->phases + g->n_phases && p[1].pack_item <= i)
            p++;
        int64_t at = i - p->pack_item;
        if (!p->runs)
            continue;
        chunk c = phase_chunk(p, at / blocks);
        int64_t first = at % blocks * FCS_NR;
        pack_block(g, p, c, first, p->weights + c.k * g->columns + first * c.runs * c.length);
    }
}

/* ---- tiles ---- */

typedef struct pixel {
    int64_t n, q[3];
} pixel;

static pixel pixel_at(const phase *p, int64_t i)
{
    pixel r = {.n = 0};
    for (int k = 2; k >= 0; k--) {
        r.q[k] = i % p->axis[k].count;
        i /= p->axis[k].count;
    }
    r.n = i;
    return r;
}

static void pixel_next(const phase *p, pixel *r)
{
    for (int k = 2; k >= 0; k--) {
        if (++r->q[k] < p->axis[k].count)
            return;
        r->q[k] = 0;
    }
    r->n++;
}

static float *pixel_out(const gather *g, const phase *p, const pixel *r)
{
    int64_t at = r->n;
    for (int k = 0; k < 3; k++)
        at = at * g->out.shape.n[FCS_D + k] + p->axis[k].start + p->axis[k].step * r->q[k];
    return g->out.p + at * g->out.cs;
}

/* Where the first tap of the pixel lies in the image (may be outside), in floats. */
static int64_t pixel_in(const gather *g, const phase *p, const pixel *r)
{
    int64_t at = r->n;
    for (int k = 0; k < 3; k++)
        at = at * p->axis[k].size + p->axis[k].reach * r->q[k] + p->axis[k].offset;
    return at * g->in.cs;
}

/* Whether MR pixels from r on lie in one row and all their taps inside the image. */
static bool tile_inside(const phase *p, const pixel *r)
{
    for (int k = 0; k < 3; k++) {
        const fcs_axis *a = &p->axis[k];
        int64_t last = r->q[k] + (k == 2 ? FCS_MR - 1 : 0);
        if (last >= a->count || a->reach * r->q[k] + a->offset < 0 ||
            a->reach * last + a->offset + a->spread * (a->taps - 1) >= a->size)
            return false;
    }
    return true;
}

/* One pixel's inputs of a chunk, zeros outside the image; whether any lie inside. */
static bool patch_row(const gather *g, const phase *p, chunk c, const pixel *r, float *y)
{
    const fcs_axis *x = &p->axis[2];
    bool any = false;
    int64_t at[3], base = pixel_in(g, p, r), steps = x->taps / p->run_taps;
    for (int64_t run = c.run; run < c.run + c.runs; run++, y += c.length) {
        int64_t j[3] = {run / steps / p->axis[1].taps, run / steps % p->axis[1].taps, run % steps};
        for (int k = 0; k < 3; k++)
            at[k] = p->axis[k].reach * r->q[k] + p->axis[k].offset + p->axis[k].spread * j[k];
        int64_t lo = c.begin, hi = c.begin + c.length; /* floats of the run that lie inside */
        if (lo < -at[2] * g->channels)
            lo = -at[2] * g->channels;
        if (hi > (x->size - at[2]) * g->channels)
            hi = (x->size - at[2]) * g->channels;
        if (p->run_taps == 1 && at[2] >= 0 && at[2] < x->size)
            lo = c.begin, hi = c.begin + c.length;
        if (at[0] < 0 || at[0] >= p->axis[0].size || at[1] < 0 || at[1] >= p->axis[1].size ||
            lo >= hi) {
            memset(y, 0, (size_t)c.length * sizeof *y);
            continue;
        }
        any = true;
        memset(y, 0, (size_t)(lo - c.begin) * sizeof *y);
        memcpy(y + lo - c.begin, g->in.p + base + p->offset[run] + lo,
               (size_t)(hi - lo) * sizeof *y);
        memset(y + hi - c.begin, 0, (size_t)(c.begin + c.length - hi) * sizeof *y);
    }
    return any;
}

/* Up to MR pixels from r on; advances r. A chunk that meets none of the image is left out: in small
 * images of many channels, whose chunks are a tap or less, many do. */
static void tile(const gather *g, const phase *p, chunk c, int64_t group, pixel *r, int64_t pixels,
                 float *patch)
{
    static const int64_t start[1] = {0};
    int64_t step = p->axis[2].reach * g->in.cs, stride = ((c.runs * c.length + 15) / 16 | 1) * 16;
    bool inside = pixels == FCS_MR && step % 512 != 0 && tile_inside(p, r),
         any = inside || c.k == 0;
    int64_t to_next = p->axis[2].step * g->out.cs;
    const float *a = inside ? g->in.p + pixel_in(g, p, r) + c.begin : patch;
    float *out[FCS_MR], *unread = patch + FCS_MR * (g->chunk_max + 32);
    for (int m = 0; m < FCS_MR; m++) {
        bool next = m > 0 && r->q[2] > 0; /* to the one before in its row */
        out[m] = m >= pixels ? unread : next ? out[m - 1] + to_next : pixel_out(g, p, r);
        if (!inside && m < pixels)
            any |= patch_row(g, p, c, r, patch + m * stride);
        else if (!inside)
            memset(patch + m * stride, 0, (size_t)(c.runs * c.length) * sizeof *patch);
        if (m < pixels)
            pixel_next(p, r);
    }
    if (!any)
        return;
    int64_t first = group * g->group,
            end = first + g->group < g->columns ? first + g->group : g->columns;
    for (int64_t at = first; at < end; at += FCS_NR) {
        const float *b = p->weights + c.k * g->columns + at * c.runs * c.length;
        int width = end - at < FCS_NR ? FCS_VLEN : FCS_NR;
        if (inside)
            fcs_tile_runs(c.runs, p->offset + c.run, c.length, a, step, b, width, out, at, c.k > 0,
                          NULL, 0);
        else
            fcs_tile_runs(1, start, c.runs * c.length, a, stride, b, width, out, at, c.k > 0, NULL,
                          0);
    }
}

static void tile_items(void *arg, int64_t begin, int64_t end, int thread)
{
    const gather *g = arg;
    float *patch = (float *)(void *)(g->local + (size_t)thread * g->local_bytes);
    for (int64_t i = begin; i < end; i++) {
        const phase *p = g->phases;
        while (p + 1 < g->phases + g->n_phases && p[1].item <= i)
            p++;
        int64_t at = i - p->item, first = at / g->groups * g->block;
        int64_t last = first + g->block < p->pixels ? first + g->block : p->pixels;
        for (int64_t k = 0; k < p->chunks; k++) {
            pixel r = pixel_at(p, first);
            chunk c = phase_chunk(p, k);
            for (int64_t q = first, n; q < last; q += n) {
                n = last - q < FCS_MR ? last - q : FCS_MR;
                tile(g, p, c, at % g->groups, &r, n, patch);
            }
        }
    }
}

/* ---- few pixels ---- */

/* The pixels for which the chunk's tap lies inside the image: their inputs and results; how many
 * there are. */
static int64_t places_inside(const gather *g, const phase *p, chunk c, const float **in,
                             float **out)
{
    const fcs_axis *a = p->axis;
    int64_t j[3] = {c.run / a[2].taps / a[1].taps, c.run / a[2].taps % a[1].taps,
                    c.run % a[2].taps};
    int64_t at[3], lo[3], hi[3], count = 0;
    for (int k = 0; k < 3; k++) {
        at[k] = a[k].offset + a[k].spread * j[k];
        int64_t room = a[k].size - 1 - at[k];
        lo[k] = at[k] < 0 ? (-at[k] + a[k].reach - 1) / a[k].reach : 0;
        hi[k] = room < 0 ? 0 : room / a[k].reach + 1;
        hi[k] = hi[k] < a[k].count ? hi[k] : a[k].count;
    }
    for (int64_t n = 0; n < g->in.shape.n[FCS_N]; n++)
        for (int64_t z = lo[0]; z < hi[0]; z++)
            for (int64_t y = lo[1]; y < hi[1]; y++)
                for (int64_t x = lo[2]; x < hi[2]; x++, count++) {
                    pixel r = {.n = n, .q = {z, y, x}};
                    in[count] = g->in.p + pixel_in(g, p, &r) + p->offset[c.run] + c.begin;
                    out[count] = pixel_out(g, p, &r);
                }
    return count;
}

/* out[m][at..] += over k in[m][k] * b[k]; nv is a literal. */
FCS_INLINE void sum_places(const float *const *in, int64_t length, const float *b, const int nv,
                           float *const *out, int64_t at)
{
    fcs_tile acc;
    fcs_tile_zero(acc, nv);
    fcs_tile_prefetch(out, at);
    for (int64_t k = 0; k < length; k++, b += nv * FCS_VLEN) {
        FCS_TILE_PRODUCT(acc, FCS_MR, nv, b, in[m][k]);
    }
    fcs_tile_store(acc, nv, out, at, true);
}

/* Share `i` of `shares` of the weights that the chunk packs for columns first .. end - 1. */
FCS_INLINE void fetch_weights(const gather *g, const phase *p, chunk c, int64_t first, int64_t end,
                              int64_t i, int64_t shares)
{
    int64_t lanes = fcs_least(end, g->out.shape.n[FCS_C]) - first;
    bool across = g->lane_step == 1;
    int64_t rows = across ? c.length : lanes, floats = across ? lanes : c.length,
            step = across ? g->k_step : g->lane_step;
    const float *w = g->w + tap_offset(g, p, c.run, 0) + c.begin * g->k_step + first * g->lane_step;
    for (int64_t r = i * rows / shares; r < (i + 1) * rows / shares; r++)
        for (int64_t k = 0; k < floats; k += 16)
            __builtin_prefetch(w + r * step + k, 0, 2);
}

/* All pixels of the phase, columns first .. end - 1. */
static void few_item(const gather *g, const phase *p, int64_t first, int64_t end, char *local)
{
    const float **in = (const float **)(void *)local;
    float **out = (float **)(void *)(local + g->table_bytes);
    float *weights = (float *)(void *)(local + 2 * g->table_bytes),
          *unread = weights + g->chunk_floats;
    pixel r = {.n = 0};
    for (int64_t i = 0; i < p->pixels; i++, pixel_next(p, &r))
        memset(pixel_out(g, p, &r) + first, 0, (size_t)(end - first) * sizeof(float));
    for (int64_t k = 0; k < p->chunks && p->runs; k++) {
        chunk c = phase_chunk(p, k);
        int64_t count = places_inside(g, p, c, in, out);
        for (int m = 0; m < FCS_MR; m++) { /* the end of the last tile */
            in[count + m] = g->in.p;
            out[count + m] = unread;
        }
        for (int64_t at = first; at < end && count; at += FCS_NR)
            pack_block(g, p, c, at, weights + (at - first) * c.length);
        int64_t panels = fcs_divide_up(end - first, FCS_NR),
                shares = fcs_divide_up(count, FCS_MR) * panels;
        for (int64_t q = 0; q < count; q += FCS_MR)
            for (int64_t at = first; at < end; at += FCS_NR) {
                const float *b = weights + (at - first) * c.length;
                if (k + 1 < p->chunks)
                    fetch_weights(g, p, phase_chunk(p, k + 1), first, end,
                                  q / FCS_MR * panels + (at - first) / FCS_NR, shares);
                if (end - at < FCS_NR)
                    sum_places(in + q, c.length, b, 1, out + q, at);
                else
                    sum_places(in + q, c.length, b, FCS_NV, out + q, at);
            }
    }
}

static void few_items(void *arg, int64_t begin, int64_t end, int thread)
{
    const gather *g = arg;
    for (int64_t i = begin; i < end; i++) {
        int64_t first = i % g->groups * g->group;
        few_item(g, &g->phases[i / g->groups], first,
                 first + g->group < g->columns ? first + g->group : g->columns,
                 g->local + (size_t)thread * g->local_bytes);
    }
}

/* ---- the ops ---- */

/* Pixels per work item: enough items for the team, large enough to pay for a pass over the weights.
 */
static int64_t gather_block(const gather *g, int threads)
{
    int64_t pixels = 0, block;
    for (int64_t i = 0; i < g->n_phases; i++)
        pixels += g->phases[i].pixels;
    block = pixels * g->groups / (4 * threads);
    block = block > BLOCK ? BLOCK : block < FCS_MR ? FCS_MR : block;
    return (block + FCS_MR - 1) / FCS_MR * FCS_MR;
}

static void gather_run(const fcs_cpu_call *call, bool adjoint)
{
    gather g;
    int threads = fcs_team_size(call->team);
    int64_t items = 0, packs = 0;
    gather_init(&g, call->args, threads, adjoint);
    size_t taps = (size_t)gather_taps(&g);
    char *scratch = call->scratch;
    int64_t *offset = (int64_t *)(void *)(scratch + fcs_lines((size_t)g.n_phases * sizeof(phase)));
    float *weights = (float *)(void *)((char *)offset + fcs_lines(taps * sizeof(int64_t)));
    g.phases = (phase *)(void *)scratch;
    g.local = (char *)weights + fcs_lines(gather_weights(&g) * sizeof(float));
    g.in = call->in[0];
    g.out = call->out;
    g.w = call->in[1].p;
    g.tap_step = call->in[1].cs;
    g.lane_step = adjoint ? 1 : (int64_t)taps * g.tap_step;
    g.k_step = adjoint ? (int64_t)taps * g.tap_step : 1;
    gather_phases(&g, &call->args->attrs, offset, weights);
    g.block = gather_block(&g, threads);
    for (int64_t i = 0; i < g.n_phases; i++) {
        phase *p = &g.phases[i];
        p->item = items;
        p->pack_item = packs;
        items += (p->pixels + g.block - 1) / g.block * g.groups;
        packs += p->chunks * ((g.columns + FCS_NR - 1) / FCS_NR);
    }
    if (g.few) {
        fcs_parallel(call->team, g.n_phases * g.groups, 1, few_items, &g);
        return;
    }
    fcs_parallel(call->team, packs, 1, pack_items, &g);
    fcs_parallel(call->team, items, 1, tile_items, &g);
}

/* Tiles where they pay; direct sums under eight output channels have lanes over input channels or
 * taps instead. */
static bool few_columns(const fcs_apply_args *a) { return a->out.n[FCS_C] < 8; }

static void any_run(const fcs_cpu_call *c, bool adjoint)
{
    fcs_tiling t[3];
    if (fcs_conv_tiling(c->args, t))
        FCS_SYM(conv_tiled_run)(c, t);
    else if (FCS_SYM(conv_sums_fits)(c->args))
        FCS_SYM(conv_sums_run)(c, adjoint);
    else if (few_columns(c->args))
        FCS_SYM(conv_few_run)(c, adjoint);
    else if (FCS_SYM(conv_thin_fits)(c->args, adjoint))
        FCS_SYM(conv_thin_run)(c, adjoint);
    else
        gather_run(c, adjoint);
}

static size_t any_scratch(const fcs_apply_args *a, int threads, bool adjoint)
{
    fcs_tiling t[3];
    if (fcs_conv_tiling(a, t))
        return FCS_SYM(conv_tiled_scratch)(a, t, threads);
    if (FCS_SYM(conv_sums_fits)(a))
        return FCS_SYM(conv_sums_scratch)(a, adjoint);
    if (few_columns(a))
        return FCS_SYM(conv_few_scratch)(a, threads, adjoint);
    if (FCS_SYM(conv_thin_fits)(a, adjoint))
        return FCS_SYM(conv_thin_scratch)(a, threads, adjoint);
    return gather_scratch(a, threads, adjoint);
}

static void conv_run(const fcs_cpu_call *c) { any_run(c, false); }

static void conv_dx_run(const fcs_cpu_call *c) { any_run(c, true); }

static size_t conv_scratch(const fcs_apply_args *a, int threads)
{
    return any_scratch(a, threads, false);
}

static size_t conv_dx_scratch(const fcs_apply_args *a, int threads)
{
    return any_scratch(a, threads, true);
}

const fcs_cpu_op FCS_SYM(op_conv) = {conv_run, conv_scratch, NULL};
const fcs_cpu_op FCS_SYM(op_conv_dx) = {conv_dx_run, conv_dx_scratch, NULL};
