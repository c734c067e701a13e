/* sum.c: sums over any set of dimensions of a value that lies in memory. chain.c sums the usual
 * sets, leading dimensions kept, while it computes; this is for all others. */
#include "cpu/chain.h"

#include <string.h>

enum { COLUMNS = 1024, LEVELS = 3, SERIAL = 64 };

float fcs_sum_lanes(const float *x, int64_t n)
{
    if (n > 128) {
        int64_t half = n / 2;
        return fcs_sum_lanes(x, half) + fcs_sum_lanes(x + half, n - half);
    }
    float s[8] = {0};
    int64_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (int k = 0; k < 8; k++)
            s[k] += x[i + k];
    for (int k = 0; i < n; i++, k++)
        s[k] += x[i];
    return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
}

/* Pixel dimensions N D H W. The last kept ones (`row` pixels) lie densely: rows of floats are
 * added, over all summed coordinates; for each kept coordinate before them. */
typedef struct sum_job {
    const fcs_view *out, *x;
    const fcs_isa *isa;
    int64_t n[4], stride[4]; /* of x: sizes, floats; before the row */
    bool kept[4];
    int64_t row, summands, columns; /* floats of a row; rows added to one; pieces of a row */
    bool channels;                  /* summed as well */
} sum_job;

/* Offset of the i-th combination of the coordinates that are kept (or summed). */
static int64_t offset_of(const sum_job *j, bool kept, int64_t i)
{
    int64_t offset = 0;
    for (int d = 3; d >= 0; d--) {
        if (j->kept[d] != kept)
            continue;
        offset += i % j->n[d] * j->stride[d];
        i /= j->n[d];
    }
    return offset;
}

/* acc[0] = sum of all rows, at most SERIAL of them one after the other on each of the levels. */
static void add_rows(const sum_job *j, const float *x, int64_t n, float acc[LEVELS][COLUMNS])
{
    size_t bytes = (size_t)n * sizeof(float);
    for (int level = 0; level < LEVELS; level++)
        memset(acc[level], 0, bytes);
    for (int64_t r = 0; r < j->summands; r++) {
        j->isa->sum_rows(acc[0], x + offset_of(j, false, r), 1, n, n);
        int64_t count = r + 1;
        for (int level = 0; level + 1 < LEVELS && count % SERIAL == 0; level++, count /= SERIAL) {
            j->isa->sum_rows(acc[level + 1], acc[level], 1, n, n);
            memset(acc[level], 0, bytes);
        }
    }
    for (int level = 1; level < LEVELS; level++)
        j->isa->sum_rows(acc[0], acc[level], 1, n, n);
}

static void write_row(const sum_job *j, int64_t kept, int64_t first, int64_t n, const float *sums)
{
    const int64_t cs = j->x->cs, channels = j->x->shape.n[FCS_C];
    if (!j->channels) {
        float *y = j->out->p + kept * j->row + first;
        for (int64_t i = 0; i < n; i++)
            y[i] = (first + i) % cs < channels ? sums[i] : 0;
        return;
    }
    for (int64_t i = 0; i < n; i += cs)
        j->out->p[(kept * j->row + first + i) / cs] = fcs_sum_lanes(sums + i, channels);
}

/* A pixel of more channels than a piece has columns, channels summed: piece by piece. */
static void sum_wide_pixel(const sum_job *j, int64_t pixel, const float *x,
                           float acc[LEVELS][COLUMNS])
{
    float total = 0;
    for (int64_t c = 0; c < j->x->shape.n[FCS_C]; c += COLUMNS) {
        int64_t left = j->x->shape.n[FCS_C] - c, n = left < COLUMNS ? left : COLUMNS;
        add_rows(j, x + c, n, acc);
        total += fcs_sum_lanes(acc[0], n);
    }
    j->out->p[pixel] = total;
}

static int64_t piece_floats(const sum_job *j)
{
    const int64_t cs = j->x->cs;
    if (!j->channels)
        return COLUMNS;
    return cs > COLUMNS ? cs : COLUMNS / cs * cs;
}

static void sum_pieces(void *arg, int64_t begin, int64_t end, int thread)
{
    const sum_job *j = arg;
    float acc[LEVELS][COLUMNS];
    (void)thread;
    for (int64_t i = begin; i < end; i++) {
        int64_t kept = i / j->columns, first = i % j->columns * piece_floats(j);
        int64_t n = j->row - first < piece_floats(j) ? j->row - first : piece_floats(j);
        const float *x = j->x->p + offset_of(j, true, kept) + first;
        if (n > COLUMNS) {
            sum_wide_pixel(j, (kept * j->row + first) / j->x->cs, x, acc);
        } else {
            add_rows(j, x, n, acc);
            write_row(j, kept, first, n, acc[0]);
        }
    }
}

void fcs_sum_general(const fcs_view *out, const fcs_view *x, const fcs_isa *isa, fcs_team *team)
{
    static const int pixel_dims[4] = {FCS_N, FCS_D, FCS_H, FCS_W};
    sum_job j = {.out = out, .x = x, .isa = isa, .row = x->cs, .summands = 1};
    j.channels = out->shape.n[FCS_C] != x->shape.n[FCS_C];
    int64_t stride = x->cs, kept = 1;
    bool in_row = true;
    for (int d = 3; d >= 0; d--) {
        int64_t n = x->shape.n[pixel_dims[d]];
        bool is_kept = out->shape.n[pixel_dims[d]] == n;
        in_row = in_row && is_kept;
        j.n[d] = in_row ? 1 : n;
        j.kept[d] = is_kept;
        j.stride[d] = stride;
        stride *= n;
        if (in_row)
            j.row *= n;
        else if (is_kept)
            kept *= n;
        else
            j.summands *= n;
    }
    int64_t piece = piece_floats(&j);
    j.columns = (j.row + piece - 1) / piece;
    fcs_parallel(team, kept * j.columns, 1, sum_pieces, &j);
}
