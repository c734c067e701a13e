/* matmul.cl: y = op(a) op(b). The second matrix is packed into panels of 16 columns,
 * [panel][k][16]; an item then has FCS_M rows of one panel in named registers, no local memory and
 * no barrier: what processors want. */
#define ROWS_1(X) X(0)
#define ROWS_2(X) ROWS_1(X) X(1)
#define ROWS_3(X) ROWS_2(X) X(2)
#define ROWS_4(X) ROWS_3(X) X(3)
#define ROWS_5(X) ROWS_4(X) X(4)
#define ROWS_6(X) ROWS_5(X) X(5)
#ifndef FCS_M
#define FCS_M 6
#endif
#define ROWS FCS_JOIN(ROWS_, FCS_M)

/* packed[panel][k][lane] = op(b)[k][panel * 16 + lane], 0 beyond the last column. An item is a k
 * of a panel. */
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

kernel void multiply(global const float *a, int a_at, global const float *packed, int packed_at,
                     global float *y, int y_at, int items, int rows, int k, int columns,
                     int row_step, int k_step, int y_cs)
{
    int id = (int)get_global_id(0);
    if (id >= items)
        return;
    int groups = (rows + FCS_M - 1) / FCS_M, row = id % groups * FCS_M, column = id / groups * 16;
    global const float *b = packed + packed_at + id / groups * k * 16;
#define POINTER(m) global const float *a##m = a + a_at + min(row + m, rows - 1) * row_step;
#define CLEAR(m) float16 acc##m = 0;
    ROWS(POINTER)
    ROWS(CLEAR)
    for (int i = 0; i < k; i++) {
        float16 v = vload16(i, b);
#define ADD(m) acc##m += *a##m * v;
#define STEP(m) a##m += k_step;
        ROWS(ADD)
        ROWS(STEP)
    }
    int lanes = min(columns - column, 16);
    global float *to = y + y_at + row * y_cs + column;
    if (y_cs % 16 == 0) {
#define WRITE(m)                                                                                   \
    if (row + m < rows)                                                                            \
        vstore16(lanes == 16 ? acc##m : fcs_first(acc##m, lanes), 0, to + m * y_cs);
        ROWS(WRITE)
    } else {
        float some[16];
#define WRITE_FEW(m)                                                                               \
    if (row + m < rows) {                                                                          \
        vstore16(acc##m, 0, some);                                                                 \
        for (int c = 0; c < lanes; c++)                                                            \
            to[m * y_cs + c] = some[c];                                                            \
    }
        ROWS(WRITE_FEW)
    }
}
