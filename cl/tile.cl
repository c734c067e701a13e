/* tile.cl: what the kernels that multiply share (matmul.cl, conv.cl come behind it). Each has two
 * forms (gather and weights a third, for few outputs, where FCS_DOT is defined), with the same
 * arguments; src/opencl/tile.c says which are there:
 *
 * in registers: an item has FCS_M rows and FCS_V columns of the result in named vectors. Neither
 *   local memory nor barriers: what processors want, and devices whose work groups are small.
 * in local memory, where FCS_BM is defined: a work group has FCS_BM rows and FCS_BN columns, FCS_M x
 *   FCS_V an item, and has FCS_BK terms of both factors at a time in local memory. No item leaves
 *   early and loops run equally often for all, so that all reach each barrier. */
#define ROWS_1(X) X(0)
#define ROWS_2(X) ROWS_1(X) X(1)
#define ROWS_3(X) ROWS_2(X) X(2)
#define ROWS_4(X) ROWS_3(X) X(3)
#define ROWS_5(X) ROWS_4(X) X(4)
#define ROWS_6(X) ROWS_5(X) X(5)
#define ROWS_7(X) ROWS_6(X) X(6)
#define ROWS_8(X) ROWS_7(X) X(7)
#define ROWS_9(X) ROWS_8(X) X(8)
#define ROWS_10(X) ROWS_9(X) X(9)
#define ROWS_11(X) ROWS_10(X) X(10)
#define ROWS_12(X) ROWS_11(X) X(11)
#define ROWS FCS_JOIN(ROWS_, FCS_M)
#define TILE_CLEAR(m) V acc##m = 0;

/* The n first of v; `whole`: all of it, zeros from the n-th on. */
void tile_store(V v, global float *to, int n, int whole)
{
    if (whole) {
        FCS_STORE(fcs_first(v, n), to);
    } else if (n >= FCS_V) {
        FCS_STORE(v, to);
    } else {
        float some[FCS_V];
        FCS_STORE(v, some);
        for (int c = 0; c < n; c++)
            to[c] = some[c];
    }
}

/* The sum of a vector's floats. */
float tile_total(V v)
{
    float some[FCS_V], total = 0;
    FCS_STORE(v, some);
    for (int c = 0; c < FCS_V; c++)
        total += some[c];
    return total;
}

#ifdef FCS_BM
#define TILE_ITEMS (FCS_BM / FCS_M * (FCS_BN / FCS_V))
#define TILE_KERNEL kernel __attribute__((reqd_work_group_size(TILE_ITEMS, 1, 1)))
/* The factors' parts, [term][row] and [term][column]. A row of the first is one longer, so that
 * items that write one column of it use different banks. */
#define TILE_A (FCS_BM + 1)
#define TILE_LOCALS local float ta[FCS_BK * TILE_A], tb[FCS_BK * FCS_BN];
/* Not get_group_id, which begins at 0 in each piece of a long launch. */
#define TILE_GROUP ((int)(get_global_id(0) / TILE_ITEMS))
/* Within the group: the item, its first row and column. */
#define TILE_PLACE                                                                                 \
    const int item = (int)get_local_id(0), row = item / (FCS_BN / FCS_V) * FCS_M,                  \
              column = item % (FCS_BN / FCS_V) * FCS_V;
#define TILE_ADD(m) acc##m += ta[term * TILE_A + row + m] * v;
#define TILE_MULTIPLY                                                                              \
    for (int term = 0; term < FCS_BK; term++) {                                                    \
        const V v = FCS_LOAD(tb + term * FCS_BN + column);                                         \
        ROWS(TILE_ADD)                                                                             \
    }
#else
#define TILE_KERNEL kernel
#endif
