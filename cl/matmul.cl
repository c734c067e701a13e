/* matmul.cl: y = op(a) op(b). b is read in panels of 16 columns: where it lies, if its rows are
 * rows of y and end in whole lines, else packed, [panel][k][16]. So is a, in panels of 16 rows,
 * where an item in registers would read a column of it. */

/* packed[panel][k][lane] = op(b)[k][panel * 16 + lane], 0 beyond the last column (of op(a)'s
 * transpose likewise). An item is a k of a panel. */
kernel void pack(global const float *b, int b_at, global float *packed, int packed_at, int items,
                 int k, int columns, int k_step, int column_step)
{
    int i = (int)get_global_id(0);
    if (i >= items)
        return;
    int first = i / k * 16;
    global const float *from = b + b_at + i % k * k_step;
    global float *to = packed + packed_at + i * 16;
    for (int c = 0; c < 16; c++)
        to[c] = first + c < columns ? from[(first + c) * column_step] : 0;
}

/* Steps in floats: a_panel, a_row, a_k of op(a), a_panel from 16 rows to the next; b_panel, b_k of
 * the panels. written: columns of y that are written, padding lanes too. */
#define PARAMETERS                                                                                 \
    global const float *a, int a_at, global const float *b, int b_at, global float *y, int y_at,   \
        int items, int rows, int k, int columns, int written, int a_panel, int a_row, int a_k,     \
        int b_panel, int b_k, int y_row

#ifndef FCS_BM
kernel void multiply(PARAMETERS)
{
    int id = (int)get_global_id(0);
    if (id >= items)
        return;
    int groups = (rows + FCS_M - 1) / FCS_M, row = id % groups * FCS_M;
    int column = id / groups * FCS_V, lanes = columns - column, whole = y_row % 16 == 0;
    global const float *from = b + b_at + column / 16 * b_panel + column % 16;
#define POINTER(m)                                                                                 \
    const int r##m = min(row + m, rows - 1);                                                       \
    global const float *a##m = a + a_at + r##m / 16 * a_panel + r##m % 16 * a_row;
    ROWS(POINTER)
    ROWS(TILE_CLEAR)
    for (int i = 0; i < k; i++, from += b_k) {
        V v = FCS_LOAD(from);
#define ADD(m) acc##m += *a##m * v;
#define STEP(m) a##m += a_k;
        ROWS(ADD)
        ROWS(STEP)
    }
    global float *to = y + y_at + row * y_row + column;
#define WRITE(m)                                                                                   \
    if (row + m < rows)                                                                            \
        tile_store(acc##m, to + m * y_row, lanes, whole);
    ROWS(WRITE)
}
#else
TILE_KERNEL void multiply(PARAMETERS)
{
    TILE_LOCALS
    TILE_PLACE
    int group = TILE_GROUP, groups = (rows + FCS_BM - 1) / FCS_BM;
    int first_row = group % groups * FCS_BM, first_column = group / groups * FCS_BN;
    ROWS(TILE_CLEAR)
    for (int k0 = 0; k0 < k; k0 += FCS_BK) {
        for (int i = item; i < FCS_BM * FCS_BK; i += TILE_ITEMS) { /* neighbours read neighbours */
            int r = a_k == 1 ? i / FCS_BK : i % FCS_BM, t = a_k == 1 ? i % FCS_BK : i / FCS_BM;
            ta[t * TILE_A + r] = k0 + t < k && first_row + r < rows
                                     ? a[a_at + (first_row + r) * a_row + (k0 + t) * a_k]
                                     : 0;
        }
        for (int i = item; i < FCS_BN * FCS_BK; i += TILE_ITEMS) {
            int c = first_column + i % FCS_BN, t = k0 + i / FCS_BN;
            tb[i] = t < k && c < columns ? b[b_at + c / 16 * b_panel + c % 16 + t * b_k] : 0;
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        TILE_MULTIPLY
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    int lanes = columns - first_column - column, whole = y_row % 16 == 0;
    global float *to = y + y_at + (first_row + row) * y_row + first_column + column;
#define WRITE(m)                                                                                   \
    if (first_row + row + m < rows && first_column + column < written)                             \
        tile_store(acc##m, to + m * y_row, lanes, whole);
    ROWS(WRITE)
}
#endif
