/* conv.cl: conv and conv_dx as one gather over phases (src/ops/axis.h), and conv_dw; 2D is 3D of
 * depth 1.
 *
 *   y[q, co] = sum over taps and ci of x[reach * q + offset + spread * tap, ci] * w[tap, ci, co]
 *
 * The image x has room for every tap (it was padded with zeros), weights are packed into panels of
 * 16 output channels, [panel][tap][ci][16]. Both kernels are products of matrices that are nowhere
 * stored (tile.cl has their forms): gather of pixels by taps and taps by outputs, weights of outputs
 * by pixels and pixels by taps. */

/* An item is a lane of 16 of packed[panel][tap][ci][16]. Tap j of a phase is kernel index
 * k0 + dk * j in each dimension. */
kernel void pack(global const float *w, int w_at, global float *packed, int packed_at, int items,
                 int channels, int outputs, int channel_step, int output_step, int tap_step,
                 int taps_d, int taps_h, int taps_w, int kernel_h, int kernel_w, int k0_d, int k0_h,
                 int k0_w, int dk_d, int dk_h, int dk_w)
{
    int i = (int)get_global_id(0);
    if (i >= items)
        return;
    int ci = i % channels, t = i / channels, tw = t % taps_w, u = t / taps_w, th = u % taps_h,
        v = u / taps_h, td = v % taps_d, first = v / taps_d * 16;
    int tap = ((k0_d + dk_d * td) * kernel_h + k0_h + dk_h * th) * kernel_w + k0_w + dk_w * tw;
    global const float *from = w + w_at + tap * tap_step + ci * channel_step;
    global float *to = packed + packed_at + i * 16;
    for (int c = 0; c < 16; c++)
        to[c] = first + c < outputs ? from[(first + c) * output_step] : 0;
}

/* to[panel][n, d, h, w][lane < width] = x at (n, d - lead_d, .., panel * width + lane), 0 where x
 * does not reach: pixels of a panel lie side by side, so that sums over them read one stream. An
 * item is a row of so many panels (bundle). Sizes of `to` and of x. */
kernel void panels(global const float *x, int x_at, global float *to, int to_at, int items,
                   int block, int to_n, int to_d, int to_h, int to_w, int x_d, int x_h, int x_w,
                   int lead_d, int lead_h, int lead_w, int x_cs, int channels, int width,
                   int bundle)
{
    FCS_ITEMS(i, items, block)
    {
        int h = i % to_h - lead_h, q = i / to_h, d = q % to_d - lead_d, s = q / to_d,
            n = s % to_n, begin = s / to_n * bundle * width;
        int inside = h >= 0 && h < x_h && d >= 0 && d < x_d, panel = to_n * to_d * to_h * to_w;
        int last = min(begin + bundle * width, channels), row = i % (to_n * to_d * to_h) * to_w;
        for (int w = 0; w < to_w; w++) {
            int real = inside && w >= lead_w && w < x_w + lead_w;
            global const float *from =
                x + x_at + (((n * x_d + d) * x_h + h) * x_w + w - lead_w) * x_cs;
            global float *pixel = to + to_at + begin * panel + (row + w) * width;
            for (int first = begin; first < last; first += width, pixel += panel * width) {
                int lanes = real ? channels - first : 0;
                if (width == 16 && lanes >= 16)
                    vstore16(vload16(0, from + first), 0, pixel);
                else if (width == 16 && !real)
                    vstore16((float16)(0), 0, pixel);
                else
                    for (int c = 0; c < width; c++)
                        pixel[c] = c < lanes ? from[first + c] : 0;
            }
        }
    }
}

/* For forms that add over channels: packed[output][tap][step] = w[tap, ci, output], 0 from the last
 * channel on. An item is a float of it. */
kernel void pack_dot(global const float *w, int w_at, global float *packed, int packed_at,
                     int items, int channels, int step, int channel_step, int output_step,
                     int tap_step, int taps_d, int taps_h, int taps_w, int kernel_h, int kernel_w,
                     int k0_d, int k0_h, int k0_w, int dk_d, int dk_h, int dk_w)
{
    int i = (int)get_global_id(0);
    if (i >= items)
        return;
    int ci = i % step, t = i / step, tw = t % taps_w, u = t / taps_w, th = u % taps_h,
        v = u / taps_h, td = v % taps_d, output = v / taps_d;
    int tap = ((k0_d + dk_d * td) * kernel_h + k0_h + dk_h * th) * kernel_w + k0_w + dk_w * tw;
    packed[packed_at + i] =
        ci < channels ? w[w_at + tap * tap_step + ci * channel_step + output * output_step] : 0;
}

/* Sums over taps. Steps are in floats: x_n, x_d, x_h, x_w from one q to the next, t_d, t_h, t_w
 * from one tap to the next; y_n, y_d, y_h, y_w from one q to the next. A tap has `run` floats (ci,
 * or several taps along W that lie side by side). written: channels of y that are written, padding
 * lanes too. */
#define GATHER_PARAMETERS                                                                          \
    global const float *x, int x_at, global const float *packed, int packed_at, global float *y,   \
        int y_at, int items, int samples, int q_d, int q_h, int q_w, int x_n, int x_d, int x_h,    \
        int x_w, int taps_d, int taps_h, int taps_w, int t_d, int t_h, int t_w, int run, int y_n,  \
        int y_d, int y_h, int y_w, int outputs, int written, int whole, int across
/* And over pixels: g[co, tap, lane] = sum over n and o of y[n, o, co] * x[n, reach * o + spread *
 * tap, lane], for a part of the rows (n, d, h) of y. y_d, y_h, y_w: sizes; y_group: floats from
 * FCS_M channels of y to the next, y_pixel: from a pixel to the next; x_panel: from 16 floats of a
 * pixel to the next; written: floats of a tap that are written. */
#define WEIGHTS_PARAMETERS                                                                         \
    global const float *x, int x_at, global const float *y, int y_at, global float *g, int g_at,   \
        int items, int rows, int share, int y_d, int y_h, int y_w, int y_group, int y_pixel,       \
        int outputs, int x_panel, int x_n, int x_d, int x_h, int x_w, int taps_d, int taps_h,      \
        int taps_w, int t_d, int t_h, int t_w, int run, int g_co, int g_tap, int g_part,           \
        int written, int whole

#ifdef FCS_DOT
/* Few outputs: an item has FCS_M pixels of a row and one output, a vector is of channels. A tap's
 * run ends in whole lines, where x and w are zero. */
kernel void gather(GATHER_PARAMETERS)
{
    int id = (int)get_global_id(0);
    if (id >= items)
        return;
    int blocks = (q_w + FCS_M - 1) / FCS_M, q = id % blocks * FCS_M, row = id / blocks;
    int h = row % q_h, r = row / q_h, d = r % q_d, s = r / q_d, n = s % samples, co = s / samples;
    global const float *w = packed + packed_at + co * (taps_d * taps_h * taps_w * run);
    global const float *image = x + x_at + n * x_n + d * x_d + h * x_h;
#define START(m) int x##m = min(q + m, q_w - 1) * x_w;
    ROWS(START)
    ROWS(TILE_CLEAR)
    for (int td = 0; td < taps_d; td++)
        for (int th = 0; th < taps_h; th++)
            for (int tw = 0; tw < taps_w; tw++, w += run) {
                global const float *tap = image + td * t_d + th * t_h + tw * t_w;
                for (int i = 0; i < run; i += FCS_V) {
                    V v = FCS_LOAD(w + i);
#define ADD(m) acc##m += FCS_LOAD(tap + x##m + i) * v;
                    ROWS(ADD)
                }
            }
    global float *to = y + y_at + n * y_n + d * y_d + h * y_h + q * y_w + co;
#define WRITE(m)                                                                                   \
    if (q + m < q_w)                                                                               \
        to[m * y_w] = co < outputs ? tile_total(acc##m) : 0;
    ROWS(WRITE)
}
#elif !defined FCS_BM
kernel void gather(GATHER_PARAMETERS)
{
    int id = (int)get_global_id(0);
    if (id >= items)
        return;
    int place = id / across, blocks = (q_w + FCS_M - 1) / FCS_M, q = place % blocks * FCS_M;
    int row = place / blocks, h = row % q_h, r = row / q_h, d = r % q_d, s = r / q_d;
    int n = s % samples, column = (id % across + s / samples * across) * FCS_V;
    global const float *w =
        packed + packed_at + column / 16 * (taps_d * taps_h * taps_w * run * 16) + column % 16;
    global const float *image = x + x_at + n * x_n + d * x_d + h * x_h;
#define START(m) int x##m = min(q + m, q_w - 1) * x_w;
    ROWS(START)
    ROWS(TILE_CLEAR)
    for (int td = 0; td < taps_d; td++)
        for (int th = 0; th < taps_h; th++)
            for (int tw = 0; tw < taps_w; tw++) {
                global const float *tap = image + td * t_d + th * t_h + tw * t_w;
#define POINTER(m) global const float *p##m = tap + x##m;
                ROWS(POINTER)
                for (int i = 0; i < run; i++, w += 16) {
                    V v = FCS_LOAD(w);
#define ADD(m) acc##m += p##m[i] * v;
                    ROWS(ADD)
                }
            }
    global float *to = y + y_at + n * y_n + d * y_d + h * y_h + q * y_w + column;
#define WRITE(m)                                                                                   \
    if (q + m < q_w)                                                                               \
        tile_store(acc##m, to + m * y_w, outputs - column, whole);
    ROWS(WRITE)
}

#endif

#ifndef FCS_BM
/* Sums of some rows, 64 pixels or more, are added to those of the rows before them. An item has
 * FCS_V floats of a tap for FCS_M channels of y or, for few outputs, for one channel, FCS_M pixels
 * at a time. */
#define SUM_OF_ROW(m) V row##m = 0;
#define CLEAR_ROW(m) row##m = 0;
/* From here over rows `row` to `end` of y, at h, d, n. */
#define FIRST_ROW                                                                                  \
    int row = part * share, end = min(row + share, rows), since = 0;                               \
    int h = row % y_h, slice = row / y_h, d = slice % y_d, n = slice / y_d;
#define NEXT_ROW(ADD)                                                                              \
    if (++h == y_h) {                                                                              \
        h = 0;                                                                                     \
        if (++d == y_d)                                                                            \
            d = 0, n++;                                                                            \
    }                                                                                              \
    since += y_w;                                                                                  \
    if (since >= 64 || row + 1 == end) {                                                           \
        ROWS(ADD)                                                                                  \
        ROWS(CLEAR_ROW)                                                                            \
        since = 0;                                                                                 \
    }
#define ADD_EACH(m) acc##m += row##m;
#define ADD_ALL(m) acc0 += row##m;
#ifdef FCS_DOT
#define CHANNELS 1
#define PIXELS FCS_M
#define TERM(m) row##m += slope[m * y_pixel] * FCS_LOAD(from + m * x_w);
#else
#define CHANNELS FCS_M
#define PIXELS 1
#define TERM(m) row##m += slope[m] * f;
#endif
kernel void weights(WEIGHTS_PARAMETERS)
{
    int id = (int)get_global_id(0);
    if (id >= items)
        return;
    int blocks = (written + FCS_V - 1) / FCS_V, groups = (outputs + CHANNELS - 1) / CHANNELS;
    int tw = id % taps_w, u = id / taps_w, th = u % taps_h, v = u / taps_h, td = v % taps_d,
        s = v / taps_d, lane = s % blocks * FCS_V, i = s / blocks, group = i % groups,
        part = i / groups, co = group * CHANNELS;
    global const float *image =
        x + x_at + td * t_d + th * t_h + tw * t_w + lane / 16 * x_panel + lane % 16;
    ROWS(TILE_CLEAR)
    ROWS(SUM_OF_ROW)
    FIRST_ROW
    for (; row < end; row++) {
        int w = 0;
        global const float *from = image + n * x_n + d * x_d + h * x_h;
        global const float *slope = y + y_at + group * y_group + row * y_w * y_pixel;
        for (; w + PIXELS <= y_w; w += PIXELS, from += PIXELS * x_w, slope += PIXELS * y_pixel) {
#ifndef FCS_DOT
            V f = FCS_LOAD(from);
#endif
            ROWS(TERM)
        }
#ifdef FCS_DOT
        for (; w < y_w; w++, from += x_w, slope += y_pixel)
            row0 += *slope * FCS_LOAD(from);
        NEXT_ROW(ADD_ALL)
#else
        NEXT_ROW(ADD_EACH)
#endif
    }
    int tap = (td * taps_h + th) * taps_w + tw;
    global float *to = g + g_at + part * g_part + co * g_co + tap * g_tap + lane;
#ifdef FCS_DOT
    tile_store(acc0, to, run - lane, whole);
#else
#define WRITE_TAP(m)                                                                               \
    if (co + m < outputs)                                                                          \
        tile_store(acc##m, to + m * g_co, run - lane, whole);
    ROWS(WRITE_TAP)
#endif
}

/* The same for few channels of x: an item has FCS_M floats of a tap for FCS_V channels of y. Floats
 * beyond the last may be read, and are not used. */
kernel void weights_few(WEIGHTS_PARAMETERS)
{
    int id = (int)get_global_id(0);
    if (id >= items)
        return;
    int blocks = (outputs + FCS_V - 1) / FCS_V, groups = (written + FCS_M - 1) / FCS_M;
    int tw = id % taps_w, u = id / taps_w, th = u % taps_h, v = u / taps_h, td = v % taps_d,
        s = v / taps_d, first = s % groups * FCS_M, i = s / groups, co = i % blocks * FCS_V,
        part = i / blocks;
    global const float *image = x + x_at + td * t_d + th * t_h + tw * t_w + first;
    ROWS(TILE_CLEAR)
    ROWS(SUM_OF_ROW)
    FIRST_ROW
    for (; row < end; row++) {
        global const float *from = image + n * x_n + d * x_d + h * x_h;
        global const float *slope = y + y_at + row * y_w * y_pixel + co;
        for (int w = 0; w < y_w; w++, from += x_w, slope += y_pixel) {
            V f = FCS_LOAD(slope);
#define TERM_FEW(m) row##m += from[m] * f;
            ROWS(TERM_FEW)
        }
        NEXT_ROW(ADD_EACH)
    }
    int tap = (td * taps_h + th) * taps_w + tw, last = min(FCS_V, outputs - co);
    global float *to = g + g_at + part * g_part + co * g_co + tap * g_tap + first;
    float some[FCS_V];
#define WRITE_FEW(m)                                                                               \
    FCS_STORE(acc##m, some);                                                                       \
    for (int c = 0; c < last && first + m < written; c++)                                          \
        to[c * g_co + m] = first + m < run ? some[c] : 0;
    ROWS(WRITE_FEW)
}
#else /* in local memory */
TILE_KERNEL void gather(GATHER_PARAMETERS)
{
    TILE_LOCALS
    local int at[FCS_BM], to[FCS_BM]; /* where the rows' pixels lie in x and y */
    TILE_PLACE
    int pixels = samples * q_d * q_h * q_w, groups = (pixels + FCS_BM - 1) / FCS_BM;
    int group = TILE_GROUP, first_row = group % groups * FCS_BM;
    int first_column = group / groups * FCS_BN, k = taps_d * taps_h * taps_w * run;
    for (int i = item; i < FCS_BM; i += TILE_ITEMS) {
        int p = min(first_row + i, pixels - 1), w = p % q_w, r = p / q_w, h = r % q_h, s = r / q_h,
            d = s % q_d, n = s / q_d;
        at[i] = x_at + n * x_n + d * x_d + h * x_h + w * x_w;
        to[i] = y_at + n * y_n + d * y_d + h * y_h + w * y_w;
    }
    ROWS(TILE_CLEAR)
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int k0 = 0; k0 < k; k0 += FCS_BK) {
        int term = item % FCS_BK, t = min(k0 + term, k - 1); /* TILE_ITEMS is a multiple of FCS_BK */
        int tap = t / run, tw = tap % taps_w, u = tap / taps_w, th = u % taps_h, td = u / taps_h;
        int off = td * t_d + th * t_h + tw * t_w + t % run;
        for (int i = item; i < FCS_BM * FCS_BK; i += TILE_ITEMS)
            ta[term * TILE_A + i / FCS_BK] = k0 + term < k ? x[at[i / FCS_BK] + off] : 0;
        for (int i = item; i < FCS_BN * FCS_BK; i += TILE_ITEMS) {
            int c = first_column + i % FCS_BN, b = k0 + i / FCS_BN;
            tb[i] =
                b < k && c < outputs ? packed[packed_at + (c / 16 * k + b) * 16 + c % 16] : 0;
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        TILE_MULTIPLY
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    int first = first_column + column;
#define WRITE(m)                                                                                   \
    if (first_row + row + m < pixels && first < written)                                           \
        tile_store(acc##m, y + to[row + m] + first, outputs - first, whole);
    ROWS(WRITE)
}

TILE_KERNEL void weights(WEIGHTS_PARAMETERS)
{
    TILE_LOCALS
    local int at[FCS_BK], off[FCS_BN]; /* of the terms' pixels, of the columns' taps in x */
    TILE_PLACE
    int width = (written + FCS_V - 1) / FCS_V * FCS_V, columns = taps_d * taps_h * taps_w * width;
    int across = (columns + FCS_BN - 1) / FCS_BN, down = (outputs + FCS_BM - 1) / FCS_BM;
    int group = TILE_GROUP, first_column = group % across * FCS_BN, s = group / across,
        first_row = s % down * FCS_BM, part = s / down;
    int first = part * share * y_w, end = min(part * share + share, rows) * y_w;
#define PIXEL(k0)                                                                                  \
    for (int i = item; i < FCS_BK; i += TILE_ITEMS) {                                              \
        int p = min((k0) + i, end - 1), w = p % y_w, r = p / y_w, h = r % y_h, q = r / y_h,        \
            d = q % y_d, n = q / y_d;                                                              \
        at[i] = x_at + n * x_n + d * x_d + h * x_h + w * x_w;                                      \
    }
    for (int i = item; i < FCS_BN; i += TILE_ITEMS) {
        int c = min(first_column + i, columns - 1), lane = c % width, t = c / width,
            tw = t % taps_w, u = t / taps_w, th = u % taps_h, td = u / taps_h;
        off[i] = td * t_d + th * t_h + tw * t_w + lane / 16 * x_panel + lane % 16;
    }
    PIXEL(first)
    ROWS(TILE_CLEAR)
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int k0 = first; k0 < end; k0 += FCS_BK) {
        for (int i = item; i < FCS_BM * FCS_BK; i += TILE_ITEMS) {
            int r = i % FCS_BM, co = first_row + r, p = k0 + i / FCS_BM;
            ta[i / FCS_BM * TILE_A + r] =
                p < end && co < outputs
                    ? y[y_at + co / FCS_M * y_group + co % FCS_M + p * y_pixel]
                    : 0;
        }
        for (int i = item; i < FCS_BN * FCS_BK; i += TILE_ITEMS)
            tb[i] = k0 + i / FCS_BN < end ? x[at[i / FCS_BN] + off[i % FCS_BN]] : 0;
        barrier(CLK_LOCAL_MEM_FENCE);
        TILE_MULTIPLY
        PIXEL(k0 + FCS_BK) /* for the next round: this one's were read before the barrier */
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    int c = first_column + column, lane = c % width;
    global float *to = g + g_at + part * g_part + (first_row + row) * g_co + c / width * g_tap + lane;
#define WRITE_TAP(m)                                                                               \
    if (first_row + row + m < outputs && c < columns)                                              \
        tile_store(acc##m, to + m * g_co, run - lane, whole);
    ROWS(WRITE_TAP)
}
#endif
