/* chain.c: runs an elementwise chain. A block of about a thousand floats goes through all lanes
 * before the next one, so that only inputs and outputs move through memory.
 *
 * Geometry. The chain's shape is `segments` x `pixels` (leading and trailing dimensions of N D H W,
 * cut where a sum or a broadcast input wants it), each pixel `cs` floats in `parts` pieces. A chunk
 * is a fixed number of blocks of one segment and piece; threads take whole chunks, so nothing
 * depends on their number. Within a chunk a sum adds `width` = fold x cs columns, row by row;
 * folded to cs columns they are the chunk's partial sum, and the partial sums of a result are added
 * pairwise. */
#include "cpu/chain.h"

#include <string.h>

enum { WIDEST = 1024, CHUNK_BLOCKS = 32, CACHE_FLOATS = 6144 };

/* An input that is not stored densely in the chain's shape. */
typedef struct source {
    const float *p;
    bool dense, fixed,
        splat; /* fixed: the same for all pixels of a segment; splat: one channel for all */
    int64_t n[4], stride[4]; /* N D H W: sizes of the chain, floats from one to the next */
    int buffer;              /* block buffer, -1 for dense */
} source;

/* How an output is made. */
typedef enum sink_kind {
    STORE,    /* written block by block */
    DIRECT,   /* a lane writes there */
    SEGMENTS, /* summed over pixels, by partial sums */
    PIXELS,   /* summed over channels only */
    STASH     /* other sums: stored in scratch, then summed */
} sink_kind;
typedef struct sink {
    sink_kind kind;
    fcs_view view;
    int reg;
    bool pad;            /* padding lanes need zeros */
    int turn;            /* STORE: 0 copies of inputs, 1 those in place of an input, 2 registers */
    bool channels;       /* channels summed too */
    int64_t groups;      /* SEGMENTS: pixels of the result */
    int64_t accumulator; /* its number in the thread's area */
    float *partials;     /* or the stash */
} sink;

typedef struct geometry {
    fcs_shape shape;
    int64_t n[4], cs, segments, pixels;
    int64_t part, parts; /* floats of a piece of a pixel, pieces */
    int64_t fold, width;
    int64_t block, chunk, chunks; /* pixels of a block and a chunk, chunks of a segment */
    int64_t capacity;             /* floats of a block buffer */
    int n_buffers, n_sums;
} geometry;

/* A lane's kernel, and the output that it writes, or -1. */
typedef struct instruction {
    fcs_cpu_lanes *run;
    int direct;
} instruction;

typedef struct job {
    geometry g;
    const fcs_chain_call *call;
    source *in;
    sink *out;
    instruction *code; /* per lane */
    bool *zero;        /* per register: its padding lanes are zero at the end of a block */
    char *threads;
    size_t thread_bytes;
} job;

static const int pixel_dims[4] = {FCS_N, FCS_D, FCS_H, FCS_W};

/* ---- geometry: from shapes alone ---- */

/* The number of leading pixel dimensions that `small` has in common with the chain before it has
 * only ones; -1 if it has more after a one. */
static int leading_level(const geometry *g, fcs_shape small)
{
    int level = 0;
    bool ended = false;
    for (int d = 0; d < 4; d++) {
        if (g->n[d] == 1)
            continue;
        if (small.n[pixel_dims[d]] == 1) {
            ended = true;
        } else {
            if (ended)
                return -1;
            level = d + 1;
        }
    }
    return level;
}

static int64_t pixels_from(const geometry *g, int level, int end)
{
    int64_t n = 1;
    for (int d = level; d < end; d++)
        n *= g->n[d];
    return n;
}

static sink_kind kind_of(const geometry *g, const fcs_chain_io *io, fcs_shape shape)
{
    if (!io->sum || fcs_shape_equal(shape, g->shape))
        return STORE;
    int level = leading_level(g, shape);
    if (level < 0)
        return STASH;
    return pixels_from(g, level, 4) == 1 && pixels_from(g, 0, 4) > 1 && g->cs <= WIDEST ? PIXELS
                                                                                        : SEGMENTS;
}

/* Where dimensions are cut into segments and pixels. Segments for the sake of an input only where
 * they stay large. */
static int cut_level(const geometry *g, const fcs_chain *chain, const fcs_value *values)
{
    int level = 0;
    for (int i = 0; i < chain->n_outputs; i++) {
        const fcs_chain_io *io = &chain->outputs[i];
        if (kind_of(g, io, values[io->value].shape) != SEGMENTS)
            continue;
        int own = leading_level(g, values[io->value].shape);
        level = own > level ? own : level;
    }
    for (int i = 0; i < chain->n_inputs; i++) {
        int own = leading_level(g, values[chain->inputs[i]].shape);
        if (own > level && pixels_from(g, own, 4) * g->cs >= 2 * WIDEST)
            level = own;
    }
    return level;
}

static bool is_dense(const geometry *g, fcs_shape shape)
{
    return fcs_shape_equal(g->shape, shape);
}

static geometry geometry_of(const fcs_chain *chain, const fcs_value *values)
{
    geometry g = {
        .shape = chain->shape, .cs = fcs_channel_stride(chain->shape.n[FCS_C]), .fold = 1};
    for (int d = 0; d < 4; d++)
        g.n[d] = chain->shape.n[pixel_dims[d]];
    int level = cut_level(&g, chain, values);
    g.segments = pixels_from(&g, 0, level);
    g.pixels = pixels_from(&g, level, 4);
    g.n_buffers = chain->n_registers;
    for (int i = 0; i < chain->n_inputs; i++)
        g.n_buffers += !is_dense(&g, values[chain->inputs[i]].shape);
    for (int i = 0; i < chain->n_outputs; i++)
        g.n_sums += chain->outputs[i].sum;
    int64_t arrays = chain->n_registers + chain->n_inputs + chain->n_outputs;
    int64_t floats = arrays * WIDEST <= CACHE_FLOATS ? WIDEST
                     : arrays * 512 <= CACHE_FLOATS  ? 512
                                                     : 256;
    g.parts = (g.cs + WIDEST - 1) / WIDEST;
    g.part = (g.cs + g.parts * 16 - 1) / (g.parts * 16) * 16;
    g.part = fcs_least(g.part, g.cs);
    while (g.cs * g.fold * 2 <= 128)
        g.fold *= 2;
    g.width = g.parts == 1 ? g.fold * g.cs : g.part;
    if (g.parts > 1)
        g.fold = 1;
    g.block = floats / g.part / g.fold * g.fold;
    if (g.block < g.fold)
        g.block = g.fold;
    if (g.parts > 1)
        g.block = 1;
    g.capacity = (g.block * g.part + 15) / 16 * 16;
    g.chunk = g.block * (CHUNK_BLOCKS * WIDEST / floats);
    g.chunks = (g.pixels + g.chunk - 1) / g.chunk;
    return g;
}

static int64_t partial_floats(const geometry *g, const sink *s)
{
    int64_t n = g->segments * g->chunks;
    return s->channels ? n * g->parts : n * g->cs;
}

/* ---- layout of the scratch ---- */

/* Advances *at by so many bytes; where they lie, unless only their number is asked for (no base).
 */
static void *take(char *base, size_t *at, size_t bytes)
{
    void *p = base ? base + *at : NULL;
    *at += (bytes + 63) & ~(size_t)63;
    return p;
}

static void *take_floats(char *base, size_t *at, int64_t floats)
{
    return take(base, at, (size_t)floats * sizeof(float));
}

static sink sink_of(const geometry *g, const fcs_chain_io *io, fcs_shape shape)
{
    sink s = {.kind = kind_of(g, io, shape), .reg = io->reg};
    s.channels = shape.n[FCS_C] != g->shape.n[FCS_C];
    s.view.shape = shape;
    s.view.cs = fcs_channel_stride(shape.n[FCS_C]);
    int level = leading_level(g, shape);
    s.groups = level > 0 ? pixels_from(g, 0, level) : 1;
    return s;
}

/* A thread's area: block buffers, accumulators, pointers to registers and to inputs. */
static size_t thread_bytes(const geometry *g, const fcs_chain *chain)
{
    size_t bytes = 0;
    take_floats(NULL, &bytes, g->n_buffers * g->capacity);
    for (int i = 0; i < g->n_sums; i++)
        take_floats(NULL, &bytes, g->width);
    take(NULL, &bytes, (size_t)chain->n_registers * sizeof(float *));
    take(NULL, &bytes, (size_t)chain->n_inputs * sizeof(float *));
    return bytes;
}

/* Bytes of scratch; with a base also puts the job's arrays there. */
static size_t lay_out(job *j, const fcs_chain *chain, const fcs_value *values, int threads,
                      char *base)
{
    const geometry *g = &j->g;
    size_t at = 0;
    j->in = take(base, &at, (size_t)chain->n_inputs * sizeof *j->in);
    j->out = take(base, &at, (size_t)chain->n_outputs * sizeof *j->out);
    j->code = take(base, &at, (size_t)chain->n_lanes * sizeof *j->code);
    j->zero = take(base, &at, (size_t)chain->n_registers * sizeof *j->zero);
    for (int i = 0; i < chain->n_outputs; i++) {
        const fcs_chain_io *io = &chain->outputs[i];
        sink s = sink_of(g, io, values[io->value].shape);
        if (s.kind == SEGMENTS)
            s.partials = take_floats(base, &at, partial_floats(g, &s));
        if (s.kind == STASH)
            s.partials = take_floats(base, &at, fcs_shape_floats(g->shape));
        if (base)
            j->out[i] = s;
    }
    j->thread_bytes = thread_bytes(g, chain);
    j->threads = take(base, &at, (size_t)threads * j->thread_bytes);
    return at;
}

size_t fcs_chain_scratch(const fcs_chain *chain, const fcs_value *values, int threads)
{
    job j = {.g = geometry_of(chain, values)};
    return lay_out(&j, chain, values, threads, NULL);
}

/* ---- preparation: sources, padding, who writes where ---- */

static source source_of(const geometry *g, const float *p, fcs_shape shape, int *buffers)
{
    source s = {.p = p, .dense = is_dense(g, shape), .fixed = true, .buffer = -1};
    s.splat = shape.n[FCS_C] != g->shape.n[FCS_C];
    int64_t stride = fcs_channel_stride(shape.n[FCS_C]), pixels = 1;
    for (int d = 3; d >= 0; d--) {
        int64_t n = shape.n[pixel_dims[d]];
        s.n[d] = g->n[d];
        s.stride[d] = n == 1 ? 0 : stride;
        stride *= n;
        pixels *= g->n[d];
        if (n > 1 && pixels <= g->pixels)
            s.fixed = false; /* it varies within a segment */
    }
    if (!s.dense)
        s.buffer = (*buffers)++;
    return s;
}

/* Whether a stored output lies where input i lies. */
static bool overlaps(const job *j, const sink *s, int i)
{
    const int64_t floats = fcs_shape_floats(j->g.shape);
    const source *in = &j->in[i];
    return in->dense && in->p < s->view.p + floats && in->p + floats > s->view.p;
}

/* Whether an input that lies where the output lies is still needed after lane k. */
static bool read_later(const job *j, const sink *s, int k)
{
    const fcs_chain *chain = j->call->chain;
    for (int i = 0; i < chain->n_inputs; i++) {
        if (!overlaps(j, s, i))
            continue;
        for (int l = k + 1; l < chain->n_lanes; l++)
            for (int a = 0; a < chain->lanes[l].n_in; a++)
                if (chain->lanes[l].in[a] == -1 - i)
                    return true;
        for (int o = 0; o < chain->n_outputs; o++)
            if (j->out[o].reg == -1 - i)
                return true;
    }
    return false;
}

/* The last lane that writes an output's register writes to memory at once, where nothing speaks
 * against it. */
static void choose_direct(job *j)
{
    const fcs_chain *chain = j->call->chain;
    for (int k = 0; k < chain->n_lanes; k++)
        j->code[k] = (instruction){j->call->isa->ops[fcs_op_index(chain->lanes[k].op)]->lanes, -1};
    for (int o = 0; o < chain->n_outputs; o++) {
        sink *s = &j->out[o];
        if (s->kind != STORE)
            continue;
        for (int i = 0; i < chain->n_inputs; i++)
            if (s->reg < 0)
                s->turn = s->turn || overlaps(j, s, i);
        if (s->reg < 0)
            continue;
        s->turn = 2;
        int last = chain->n_lanes - 1;
        while (last >= 0 && chain->lanes[last].out != s->reg)
            last--;
        if (last < 0 || j->code[last].direct >= 0 || read_later(j, s, last))
            continue;
        j->code[last].direct = o;
        s->kind = DIRECT;
    }
}

/* Inputs have zeros in their padding lanes, blocks made of broadcast ones too. */
static void follow_zeros(job *j)
{
    const fcs_chain *chain = j->call->chain;
    for (int k = 0; k < chain->n_lanes; k++) {
        const fcs_lane *lane = &chain->lanes[k];
        bool zero = lane->op->preserves_zero > 0;
        for (int a = 0; a < lane->n_in; a++)
            zero = zero && (lane->in[a] < 0 || j->zero[lane->in[a]]);
        j->zero[lane->out] = zero;
    }
    for (int o = 0; o < chain->n_outputs; o++)
        j->out[o].pad =
            j->g.cs > j->g.shape.n[FCS_C] && j->out[o].reg >= 0 && !j->zero[j->out[o].reg];
}

static void prepare(job *j)
{
    const fcs_chain_call *call = j->call;
    const fcs_chain *chain = call->chain;
    int buffers = chain->n_registers, sums = 0;
    j->g = geometry_of(chain, call->values);
    lay_out(j, chain, call->values, fcs_team_size(call->team), call->scratch);
    for (int i = 0; i < chain->n_inputs; i++) {
        int value = chain->inputs[i];
        j->in[i] =
            source_of(&j->g, call->data(call->owner, value), call->values[value].shape, &buffers);
    }
    for (int o = 0; o < chain->n_outputs; o++) {
        j->out[o].view.p = call->data(call->owner, chain->outputs[o].value);
        if (chain->outputs[o].sum)
            j->out[o].accumulator = sums++;
    }
    choose_direct(j);
    follow_zeros(j);
}

/* ---- blocks ---- */

/* What a thread works with on a chunk. */
typedef struct worker {
    const job *j;
    float *buffers, *accumulators;
    float **reg;
    const float **in;
    int64_t first, part; /* first float and floats of the piece of a pixel */
    int64_t valid;       /* of those, below the channel count */
} worker;

static worker worker_of(const job *j, int thread, int64_t part)
{
    const geometry *g = &j->g;
    char *base = j->threads + (size_t)thread * j->thread_bytes;
    size_t at = 0;
    worker w = {.j = j, .first = part * g->part};
    w.buffers = take_floats(base, &at, g->n_buffers * g->capacity);
    w.accumulators = take_floats(base, &at, 0);
    for (int i = 0; i < g->n_sums; i++)
        take_floats(base, &at, g->width);
    w.reg = take(base, &at, (size_t)j->call->chain->n_registers * sizeof *w.reg);
    w.in = take(base, &at, (size_t)j->call->chain->n_inputs * sizeof *w.in);
    w.part = fcs_least(g->part, g->cs - w.first);
    int64_t left = g->shape.n[FCS_C] - w.first;
    w.valid = left < 0 ? 0 : fcs_least(left, w.part);
    return w;
}

static float *accumulator_of(const worker *w, const sink *s)
{
    size_t bytes = 0;
    take_floats(NULL, &bytes, w->j->g.width);
    return w->accumulators + (size_t)s->accumulator * (bytes / sizeof(float));
}

/* `count` pixels along W from x on, `step` floats apart. */
static void gather_run(const worker *w, const source *s, const float *x, int64_t step,
                       int64_t count, float *y)
{
    if (w->part == 1 && step == 1) {
        memcpy(y, x, (size_t)count * sizeof *y);
    } else if (s->splat || w->part == 1) {
        for (int64_t i = 0; i < count; i++, y += w->part, x += step) {
            for (int64_t c = 0; c < w->valid; c++)
                y[c] = *x;
            for (int64_t c = w->valid; c < w->part; c++)
                y[c] = 0;
        }
    } else {
        for (int64_t i = 0; i < count; i++, y += w->part, x += step)
            memcpy(y, x + w->first, (size_t)w->part * sizeof *y);
    }
}

/* The block of a broadcast input: `count` pixels from `pixel` on. */
static void gather(const worker *w, const source *s, int64_t pixel, int64_t count, float *y)
{
    while (count > 0) {
        int64_t offset = 0, rest = pixel;
        for (int d = 3; d >= 0; d--) {
            offset += rest % s->n[d] * s->stride[d];
            rest /= s->n[d];
        }
        int64_t run = fcs_least(count, s->n[3] - pixel % s->n[3]);
        gather_run(w, s, s->p + offset, s->stride[3], run, y);
        y += run * w->part, pixel += run, count -= run;
    }
}

/* The block of an input that is the same for all pixels: one pixel, doubled. */
static void repeat(const worker *w, const source *s, int64_t pixel, float *y)
{
    int64_t done = 1, all = w->j->g.block;
    gather(w, s, pixel, 1, y);
    for (; done < all; done += fcs_least(done, all - done))
        memcpy(y + done * w->part, y, (size_t)(fcs_least(done, all - done) * w->part) * sizeof *y);
}

static const float *value_of(const worker *w, int reg)
{
    return reg >= 0 ? w->reg[reg] : w->in[-1 - reg];
}

static void run_lanes(worker *w, int64_t offset, int64_t n)
{
    const job *j = w->j;
    const fcs_chain *chain = j->call->chain;
    for (int r = 0; r < chain->n_registers; r++)
        w->reg[r] = w->buffers + r * j->g.capacity;
    for (int k = 0; k < chain->n_lanes; k++) {
        const fcs_lane *lane = &chain->lanes[k];
        const float *in[3] = {NULL, NULL, NULL};
        for (int a = 0; a < lane->n_in; a++)
            in[a] = value_of(w, lane->in[a]);
        if (j->code[k].direct >= 0)
            w->reg[lane->out] = j->out[j->code[k].direct].view.p + offset;
        j->code[k].run(w->reg[lane->out], in[0], in[1], in[2], n, &lane->attrs);
    }
}

/* Adds a block to the accumulator: rows of `fold` pixels, what is left to the first of its columns.
 */
static void accumulate(const worker *w, const sink *s, int64_t count)
{
    const geometry *g = &w->j->g;
    const float *x = value_of(w, s->reg);
    float *sum = accumulator_of(w, s);
    int64_t rows = count / g->fold, rest = count % g->fold, width = g->fold * w->part;
    if (rows > 0)
        w->j->call->isa->sum_rows(sum, x, rows, width, width);
    if (rest > 0)
        w->j->call->isa->sum_rows(sum, x + rows * width, 1, rest * w->part, rest * w->part);
}

/* Sums first, then copies in their turn: an output may lie where an input of the same block lies.
 */
static void finish_block(const worker *w, int64_t pixel, int64_t count)
{
    const job *j = w->j;
    const int64_t offset = pixel * j->g.cs + w->first, n = count * w->part;
    for (int o = 0; o < j->call->chain->n_outputs; o++) {
        const sink *s = &j->out[o];
        const float *x = value_of(w, s->reg);
        if (s->kind == SEGMENTS)
            accumulate(w, s, count);
        if (s->kind == PIXELS)
            for (int64_t i = 0; i < count; i++)
                s->view.p[pixel + i] = fcs_sum_lanes(x + i * w->part, w->valid);
        if (s->kind == STASH)
            memcpy(s->partials + offset, x, (size_t)n * sizeof *x);
    }
    for (int turn = 0; turn < 3; turn++)
        for (int o = 0; o < j->call->chain->n_outputs; o++) {
            const sink *s = &j->out[o];
            if (s->kind == STORE && s->turn == turn && value_of(w, s->reg) != s->view.p + offset)
                memcpy(s->view.p + offset, value_of(w, s->reg), (size_t)n * sizeof(float));
        }
    for (int o = 0; o < j->call->chain->n_outputs; o++) {
        const sink *s = &j->out[o];
        if (!s->pad || w->valid == w->part || (s->kind != STORE && s->kind != DIRECT))
            continue;
        for (int64_t i = 0; i < count; i++)
            memset(s->view.p + offset + i * w->part + w->valid, 0,
                   (size_t)(w->part - w->valid) * sizeof(float));
    }
}

/* The accumulator folded to the pixel's columns, as the chunk's partial sum. */
static void finish_chunk(const worker *w, const sink *s, int64_t chunk, int64_t part)
{
    const geometry *g = &w->j->g;
    float *sum = accumulator_of(w, s);
    for (int64_t half = g->fold / 2; half > 0; half /= 2)
        for (int64_t i = 0; i < half * w->part; i++)
            sum[i] += sum[i + half * w->part];
    if (s->channels)
        s->partials[chunk * g->parts + part] = fcs_sum_lanes(sum, w->valid);
    else
        memcpy(s->partials + chunk * g->cs + w->first, sum, (size_t)w->part * sizeof *sum);
}

static void run_chunk(const job *j, int64_t task, int thread)
{
    const geometry *g = &j->g;
    const fcs_chain *chain = j->call->chain;
    int64_t part = task % g->parts, chunk = task / g->parts;
    int64_t start = chunk / g->chunks * g->pixels, begin = chunk % g->chunks * g->chunk;
    int64_t end = start + fcs_least(begin + g->chunk, g->pixels);
    worker w = worker_of(j, thread, part);
    for (int i = 0; i < chain->n_inputs; i++) {
        const source *s = &j->in[i];
        if (!s->dense)
            w.in[i] = w.buffers + s->buffer * g->capacity;
        if (!s->dense && s->fixed)
            repeat(&w, s, start, w.buffers + s->buffer * g->capacity);
    }
    for (int o = 0; o < chain->n_outputs; o++)
        if (j->out[o].kind == SEGMENTS)
            memset(accumulator_of(&w, &j->out[o]), 0, (size_t)g->width * sizeof(float));
    for (int64_t pixel = start + begin; pixel < end; pixel += g->block) {
        int64_t count = fcs_least(g->block, end - pixel), offset = pixel * g->cs + w.first;
        for (int i = 0; i < chain->n_inputs; i++) {
            const source *s = &j->in[i];
            if (s->dense)
                w.in[i] = s->p + offset;
            else if (!s->fixed)
                gather(&w, s, pixel, count, w.buffers + s->buffer * g->capacity);
        }
        run_lanes(&w, offset, count * w.part);
        finish_block(&w, pixel, count);
    }
    for (int o = 0; o < chain->n_outputs; o++)
        if (j->out[o].kind == SEGMENTS)
            finish_chunk(&w, &j->out[o], chunk, part);
}

static void run_chunks(void *arg, int64_t begin, int64_t end, int thread)
{
    for (int64_t i = begin; i < end; i++)
        run_chunk(arg, i, thread);
}

/* ---- results of sums ---- */

/* Adds the partial sums of each result pairwise, in place, and writes it. */
static void finish_sum(const job *j, const sink *s)
{
    const geometry *g = &j->g;
    const int64_t per_group = g->segments / s->groups * g->chunks * (s->channels ? g->parts : 1);
    const int64_t width = s->channels ? 1 : g->cs, channels = s->view.shape.n[FCS_C];
    for (int64_t group = 0; group < s->groups; group++) {
        float *p = s->partials + group * per_group * width, *y = s->view.p + group * s->view.cs;
        for (int64_t step = 1; step < per_group; step *= 2)
            for (int64_t i = 0; i + step < per_group; i += 2 * step)
                for (int64_t c = 0; c < width; c++)
                    p[i * width + c] += p[(i + step) * width + c];
        for (int64_t c = 0; c < s->view.cs; c++)
            y[c] = c < channels ? p[c] : 0;
    }
}

void fcs_chain_run(const fcs_chain_call *call)
{
    job j = {.call = call};
    prepare(&j);
    int64_t floats = fcs_least(j.g.chunk, j.g.pixels) * j.g.part,
            grain = CHUNK_BLOCKS * WIDEST / 2 / floats;
    fcs_parallel(call->team, j.g.segments * j.g.chunks * j.g.parts, grain, run_chunks, &j);
    for (int o = 0; o < call->chain->n_outputs; o++) {
        const sink *s = &j.out[o];
        if (s->kind == SEGMENTS)
            finish_sum(&j, s);
        if (s->kind != STASH)
            continue;
        fcs_view stash = {s->partials, j.g.shape, j.g.cs};
        fcs_sum_general(&s->view, &stash, call->isa, call->team);
    }
}

/* ---- one op as a chain ---- */

typedef struct alone {
    fcs_chain chain;
    fcs_lane lane;
    fcs_chain_io output;
    int inputs[3];
    fcs_value values[4];
    float *data[4];
} alone;

static void make_alone(alone *x, const fcs_apply_args *a)
{
    *x = (alone){.inputs = {0, 1, 2},
                 .output = {.value = 3, .reg = -1, .sum = a->op->kind == FCS_KIND_SUM}};
    x->chain = (fcs_chain){.shape = a->op->kind == FCS_KIND_SUM ? a->in[0] : a->out,
                           .lanes = &x->lane,
                           .inputs = x->inputs,
                           .n_inputs = a->n_in,
                           .outputs = &x->output,
                           .n_outputs = 1};
    for (int i = 0; i < a->n_in; i++)
        x->values[i].shape = a->in[i];
    x->values[3].shape = a->out;
    if (a->op->kind != FCS_KIND_LANES)
        return;
    x->lane = (fcs_lane){.op = a->op, .attrs = a->attrs, .n_in = a->n_in, .in = {-1, -2, -3}};
    x->output.reg = 0;
    x->chain.n_lanes = x->chain.n_registers = 1;
}

static float *alone_data(const void *owner, int value)
{
    return ((const alone *)owner)->data[value];
}

size_t fcs_chain_apply_scratch(const fcs_apply_args *a, int threads)
{
    alone x;
    make_alone(&x, a);
    return fcs_chain_scratch(&x.chain, x.values, threads);
}

void fcs_chain_apply(const fcs_cpu_call *c, const fcs_isa *isa)
{
    alone x;
    make_alone(&x, c->args);
    for (int i = 0; i < c->args->n_in; i++)
        x.data[i] = c->in[i].p;
    x.data[3] = c->out.p;
    fcs_chain_run(&(fcs_chain_call){&x.chain, x.values, alone_data, &x, isa, c->team, c->scratch});
}
