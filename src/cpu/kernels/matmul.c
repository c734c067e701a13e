/* matmul.c: y[M, N] = op(a) op(b), op the identity or the transpose.
 *
 * The product goes in passes of at most PASS_K x PASS_N of op(b), packed once for the whole team;
 * then blocks of rows go over it in chunks of CHUNK products, register tile by register tile. With
 * few rows each item packs the block of columns that it alone uses. The chunks are the same either
 * way, so are the bits. */
#include "cpu/cpu.h"
#include "cpu/kernels/conv.h"
#include "ops/ops.h"

enum {
    CHUNK = 256, /* products summed in one go */
    GROUP = 512, /* columns of a work item */
    BLOCK = 384, /* rows of a work item, at most */
    PASS_K = 2048,
    PASS_N = 2048, /* of op(b), packed at a time */
    FEW_ROWS = 64,
    SPAN = 128 /* with that few rows: columns of a work item, at most */
};
_Static_assert(PASS_K % CHUNK == 0 && PASS_N % GROUP == 0 && GROUP % FCS_NR == 0,
               "passes hold whole chunks");

typedef struct product {
    fcs_view a, b, out;
    bool ta, tb;
    int64_t rows, inner, columns, lanes; /* M, K, N with and without padding */
    int64_t k0, n0, pass_k, pass_n;      /* the pass */
    int64_t block, span;                 /* rows, with few rows columns, of a work item */
    float *packed, *local;
    size_t local_floats;
} product;

static void product_init(product *p, const fcs_apply_args *a)
{
    *p = (product){.ta = a->attrs.i[FCS_MATMUL_TA] != 0, .tb = a->attrs.i[FCS_MATMUL_TB] != 0};
    p->rows = a->out.n[FCS_N];
    p->lanes = a->out.n[FCS_C];
    p->columns = (p->lanes + 15) / 16 * 16;
    p->inner = a->in[0].n[p->ta ? FCS_N : FCS_C];
    p->pass_k = fcs_least(PASS_K, p->inner);
    p->pass_n = fcs_least(PASS_N, p->columns);
    /* patch of a, tile of y for narrow rows, row of y for those that do not exist, columns of b */
    p->local_floats = (size_t)(FCS_MR * (CHUNK + 16) + FCS_MR * FCS_NR + FCS_NR + CHUNK * SPAN);
}

static size_t matmul_scratch(const fcs_apply_args *a, int threads)
{
    product p;
    product_init(&p, a);
    size_t packed = p.rows > FEW_ROWS ? (size_t)(p.pass_k * p.pass_n) * sizeof(float) : 0;
    return fcs_lines(packed) + (size_t)threads * fcs_lines(p.local_floats * sizeof(float));
}

/* k0 .. k0 + n - 1 of one block of columns, [k][width]. */
static void pack_columns(const product *p, int64_t k0, int64_t n, int64_t column, int64_t width,
                         float *y)
{
    int64_t k_step = p->tb ? 1 : p->b.cs, lane_step = p->tb ? p->b.cs : 1,
            lanes = fcs_least(width, p->lanes - column);
    fcs_pack(y, p->b.p + k0 * k_step + column * lane_step, n, k_step, lane_step,
             lanes < 0 ? 0 : lanes, width);
}

static int64_t block_width(int64_t left) { return left < FCS_NR ? FCS_VLEN : FCS_NR; }

/* Rows row .. row + MR - 1 of op(a), k0 .. k0 + n - 1: where they lie, or copied, zeros for those
 * that do not exist. */
static const float *tile_a(const product *p, int64_t row, int64_t k0, int64_t n, float *patch,
                           int64_t *stride)
{
    int64_t exist = fcs_least(FCS_MR, p->rows - row), cs = p->a.cs;
    *stride = cs;
    if (!p->ta && exist == FCS_MR && cs % 256 != 0)
        return p->a.p + row * cs + k0;
    *stride = CHUNK + 16;
    if (p->ta)
        for (int64_t k = 0; k < n; k++)
            for (int64_t m = 0; m < exist; m++)
                patch[m * *stride + k] = p->a.p[(k0 + k) * cs + row + m];
    else
        for (int64_t m = 0; m < exist; m++)
            memcpy(patch + m * *stride, p->a.p + (row + m) * cs + k0, (size_t)n * sizeof *patch);
    for (int64_t m = exist; m < FCS_MR; m++)
        memset(patch + m * *stride, 0, (size_t)n * sizeof *patch);
    return patch;
}

/* Adds one chunk's products to a tile of y. b: [k][width]. */
static void tile_y(const product *p, int64_t row, int64_t column, int64_t width, int64_t k0,
                   int64_t n, const float *a, int64_t stride, const float *b, float *spare)
{
    static const int64_t start[1] = {0};
    float *out[FCS_MR];
    bool narrow = p->lanes < 8;
    for (int64_t m = 0; m < FCS_MR; m++)
        out[m] = narrow              ? spare + m * FCS_NR
                 : row + m < p->rows ? p->out.p + (row + m) * p->out.cs + column
                                     : spare + FCS_MR * FCS_NR;
    fcs_tile_runs(1, start, n, a, stride, b, (int)width, out, 0, !narrow && k0 > 0, NULL, 0);
    if (!narrow)
        return;
    for (int64_t m = 0; m < fcs_least(FCS_MR, p->rows - row); m++)
        for (int64_t i = column; i < fcs_least(column + width, p->lanes); i++) {
            float *y = p->out.p + (row + m) * p->out.cs + i;
            *y = k0 > 0 ? *y + spare[m * FCS_NR + i - column] : spare[m * FCS_NR + i - column];
        }
}

static float *item_local(const product *p, int thread)
{
    return p->local + (size_t)thread * (fcs_lines(p->local_floats * sizeof(float)) / sizeof(float));
}

/* ---- many rows ---- */

/* Packs a block of columns of a chunk; of a pass: [chunk][block][k][NR]. */
static void pack_items(void *arg, int64_t begin, int64_t end, int thread)
{
    const product *p = arg;
    int64_t blocks = (p->pass_n + FCS_NR - 1) / FCS_NR;
    (void)thread;
    for (int64_t i = begin; i < end; i++) {
        int64_t k = i / blocks * CHUNK, n = fcs_least(CHUNK, p->pass_k - k),
                column = i % blocks * FCS_NR;
        pack_columns(p, p->k0 + k, n, p->n0 + column, block_width(p->pass_n - column),
                     p->packed + k * p->pass_n + column * n);
    }
}

static void row_items(void *arg, int64_t begin, int64_t end, int thread)
{
    const product *p = arg;
    float *patch = item_local(p, thread), *spare = patch + FCS_MR * (CHUNK + 16);
    int64_t groups = (p->pass_n + GROUP - 1) / GROUP;
    for (int64_t i = begin; i < end; i++) {
        int64_t first = i / groups * p->block, last = fcs_least(first + p->block, p->rows);
        int64_t left = i % groups * GROUP, right = fcs_least(left + GROUP, p->pass_n);
        for (int64_t k = 0; k < p->pass_k; k += CHUNK)
            for (int64_t row = first; row < last; row += FCS_MR) {
                int64_t n = fcs_least(CHUNK, p->pass_k - k), stride, width;
                const float *a = tile_a(p, row, p->k0 + k, n, patch, &stride);
                for (int64_t at = left; at < right; at += width) {
                    width = block_width(right - at);
                    tile_y(p, row, p->n0 + at, width, p->k0 + k, n, a, stride,
                           p->packed + k * p->pass_n + at * n, spare);
                }
            }
    }
}

static void many_rows(product *p, fcs_team *team)
{
    int64_t pass_k = p->pass_k, pass_n = p->pass_n;
    for (p->n0 = 0; p->n0 < p->columns; p->n0 += PASS_N)
        for (p->k0 = 0; p->k0 < p->inner; p->k0 += PASS_K) {
            p->pass_k = fcs_least(pass_k, p->inner - p->k0);
            p->pass_n = fcs_least(pass_n, p->columns - p->n0);
            int64_t groups = (p->pass_n + GROUP - 1) / GROUP;
            int64_t block = p->rows * groups / (4 * fcs_team_size(team));
            block = block > BLOCK ? BLOCK : block < FCS_MR ? FCS_MR : block;
            p->block = (block + FCS_MR - 1) / FCS_MR * FCS_MR;
            fcs_parallel(team,
                         (p->pass_k + CHUNK - 1) / CHUNK * ((p->pass_n + FCS_NR - 1) / FCS_NR), 1,
                         pack_items, p);
            fcs_parallel(team, (p->rows + p->block - 1) / p->block * groups, 1, row_items, p);
        }
}

/* ---- few rows ---- */

/* All blocks of an item's columns. Rows of b are read once, from left to right. */
static void pack_span(const product *p, int64_t k0, int64_t n, int64_t first, int64_t last,
                      float *y)
{
    if (p->tb || last > p->lanes) {
        for (int64_t at = first; at < last; at += FCS_NR)
            pack_columns(p, k0, n, at, block_width(last - at), y + (at - first) * n);
        return;
    }
    for (int64_t k = 0; k < n; k++)
        for (int64_t at = first, width; at < last; at += width) {
            width = block_width(last - at);
            memcpy(y + (at - first) * n + k * width, p->b.p + (k0 + k) * p->b.cs + at,
                   (size_t)width * sizeof *y);
        }
}

static void column_items(void *arg, int64_t begin, int64_t end, int thread)
{
    const product *p = arg;
    float *patch = item_local(p, thread), *spare = patch + FCS_MR * (CHUNK + 16);
    float *packed = spare + FCS_MR * FCS_NR + FCS_NR;
    for (int64_t i = begin; i < end; i++) {
        int64_t first = i * p->span, last = fcs_least(first + p->span, p->columns), stride;
        for (int64_t k = 0; k < p->inner; k += CHUNK) {
            int64_t n = fcs_least(CHUNK, p->inner - k);
            pack_span(p, k, n, first, last, packed);
            for (int64_t row = 0; row < p->rows; row += FCS_MR) {
                const float *a = tile_a(p, row, k, n, patch, &stride);
                for (int64_t at = first, width; at < last; at += width) {
                    width = block_width(last - at);
                    tile_y(p, row, at, width, k, n, a, stride, packed + (at - first) * n, spare);
                }
            }
        }
    }
}

static void few_rows(product *p, fcs_team *team)
{
    p->span = SPAN;
    while (p->span > FCS_NR && p->columns / p->span < 2 * fcs_team_size(team))
        p->span /= 2;
    fcs_parallel(team, (p->columns + p->span - 1) / p->span, 1, column_items, p);
}

static void matmul_run(const fcs_cpu_call *call)
{
    product p;
    product_init(&p, call->args);
    size_t packed = p.rows > FEW_ROWS ? (size_t)(p.pass_k * p.pass_n) * sizeof(float) : 0;
    p.a = call->in[0];
    p.b = call->in[1];
    p.out = call->out;
    p.packed = call->scratch;
    p.local = (float *)(void *)((char *)call->scratch + fcs_lines(packed));
    if (p.rows > FEW_ROWS)
        many_rows(&p, call->team);
    else
        few_rows(&p, call->team);
}

const fcs_cpu_op FCS_SYM(op_matmul) = {matmul_run, matmul_scratch, NULL};
