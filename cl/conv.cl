/* conv.cl: conv and conv_dx as one gather over phases (src/ops/axis.h), and conv_dw.
 *
 *   y[q, co] = sum over taps and ci of x[reach * q + offset + spread * tap, ci] * w[tap, ci, co]
 *
 * The image x has room for every tap (it was padded with zeros), weights are packed into panels of
 * 16 output channels, [panel][tap][ci][16]. An item has FCS_M pixels of a row and one panel in
 * named registers; no local memory, no barrier. */
#define PIXELS_1(X) X(0)
#define PIXELS_2(X) PIXELS_1(X) X(1)
#define PIXELS_3(X) PIXELS_2(X) X(2)
#define PIXELS_4(X) PIXELS_3(X) X(3)
#define PIXELS_5(X) PIXELS_4(X) X(4)
#define PIXELS_6(X) PIXELS_5(X) X(5)
#ifndef FCS_M
#define FCS_M 6
#endif
#define PIXELS FCS_JOIN(PIXELS_, FCS_M)

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

/* Steps are in floats: x_n, x_d, x_h, x_w from one q to the next, t_d, t_h, t_w from one tap to the
 * next; y_n, y_d, y_h, y_w from one q to the next. A tap has `run` floats (ci, or several taps
 * along W that lie side by side). */
kernel void gather(global const float *x, int x_at, global const float *packed, int packed_at,
                   global float *y, int y_at, int items, int q_d, int q_h, int q_w, int x_n,
                   int x_d, int x_h, int x_w, int taps_d, int taps_h, int taps_w, int t_d, int t_h,
                   int t_w, int run, int y_n, int y_d, int y_h, int y_w, int outputs, int y_cs)
{
    int id = (int)get_global_id(0);
    if (id >= items)
        return;
    int blocks = (q_w + FCS_M - 1) / FCS_M, q = id % blocks * FCS_M, row = id / blocks;
    int h = row % q_h, r = row / q_h, d = r % q_d, s = r / q_d;
    int samples = items / (blocks * q_h * q_d * ((outputs + 15) / 16)), n = s % samples,
        panel = s / samples;
    global const float *w = packed + packed_at + panel * taps_d * taps_h * taps_w * run * 16;
    global const float *image = x + x_at + n * x_n + d * x_d + h * x_h;
#define START(m) int x##m = min(q + m, q_w - 1) * x_w;
#define CLEAR(m) float16 acc##m = 0;
    PIXELS(START)
    PIXELS(CLEAR)
    for (int td = 0; td < taps_d; td++)
        for (int th = 0; th < taps_h; th++)
            for (int tw = 0; tw < taps_w; tw++) {
                global const float *tap = image + td * t_d + th * t_h + tw * t_w;
#define POINTER(m) global const float *p##m = tap + x##m;
                PIXELS(POINTER)
                for (int i = 0; i < run; i++, w += 16) {
                    float16 v = vload16(0, w);
#define ADD(m) acc##m += p##m[i] * v;
                    PIXELS(ADD)
                }
            }
    int lanes = min(outputs - panel * 16, 16);
    global float *to = y + y_at + n * y_n + d * y_d + h * y_h + q * y_w + panel * 16;
    if (y_cs % 16 == 0) {
#define WRITE(m)                                                                                   \
    if (q + m < q_w)                                                                               \
        vstore16(lanes == 16 ? acc##m : fcs_first(acc##m, lanes), 0, to + m * y_w);
        PIXELS(WRITE)
    } else {
        float some[16];
#define WRITE_FEW(m)                                                                               \
    if (q + m < q_w) {                                                                             \
        vstore16(acc##m, 0, some);                                                                 \
        for (int c = 0; c < lanes; c++)                                                            \
            to[m * y_w + c] = some[c];                                                             \
    }
        PIXELS(WRITE_FEW)
    }
}

/* g[co, tap, ci] = sum over n and o of y[n, o, co] * x[n, reach * o + spread * tap, ci], for a part
 * of the rows (n, d, h) of y. An item has FCS_M channels co and 16 floats of a tap's run. Sums of a
 * row are added to those of the rows before it. y_d, y_h: sizes; x_*, t_*: as above; g_co, g_tap:
 * floats from one to the next. */
kernel void weights(global const float *x, int x_at, global const float *y, int y_at,
                    global float *g, int g_at, int items, int rows, int share, int y_d, int y_h,
                    int y_w, int y_cs, int outputs, int x_n, int x_d, int x_h, int x_w, int taps_d,
                    int taps_h, int taps_w, int t_d, int t_h, int t_w, int run, int g_co, int g_tap,
                    int g_part, int whole)
{
    int id = (int)get_global_id(0);
    if (id >= items)
        return;
    int blocks = (run + 15) / 16, groups = (outputs + FCS_M - 1) / FCS_M;
    int lane = id % blocks * 16, i = id / blocks, co = i % groups * FCS_M, t = i / groups;
    int tw = t % taps_w, u = t / taps_w, th = u % taps_h, v = u / taps_h, td = v % taps_d,
        part = v / taps_d;
    global const float *image = x + x_at + td * t_d + th * t_h + tw * t_w + lane;
#define CHANNEL(m) int c##m = min(co + m, outputs - 1);
    PIXELS(CHANNEL)
    PIXELS(CLEAR)
    for (int row = part * share, end = min(row + share, rows); row < end; row++) {
        int h = row % y_h, r = row / y_h, d = r % y_d, n = r / y_d;
        global const float *from = image + n * x_n + d * x_d + h * x_h;
        global const float *slope = y + y_at + row * y_w * y_cs;
#define CLEAR_ROW(m) float16 row##m = 0;
        PIXELS(CLEAR_ROW)
        for (int w = 0; w < y_w; w++, from += x_w, slope += y_cs) {
            float16 f = vload16(0, from);
#define ADD_ROW(m) row##m += slope[c##m] * f;
            PIXELS(ADD_ROW)
        }
#define ADD_UP(m) acc##m += row##m;
        PIXELS(ADD_UP)
    }
    int lanes = min(run - lane, 16), tap = (td * taps_h + th) * taps_w + tw;
    global float *to = g + g_at + part * g_part + co * g_co + tap * g_tap + lane;
    if (whole) { /* vectors may be written whole: zeros in padding lanes */
#define WRITE_WHOLE(m)                                                                             \
    if (co + m < outputs)                                                                          \
        vstore16(lanes == 16 ? acc##m : fcs_first(acc##m, lanes), 0, to + m * g_co);
        PIXELS(WRITE_WHOLE)
    } else {
        float some[16];
#define WRITE_LANES(m)                                                                             \
    if (co + m < outputs) {                                                                        \
        vstore16(acc##m, 0, some);                                                                 \
        for (int c = 0; c < lanes; c++)                                                            \
            to[m * g_co + c] = some[c];                                                            \
    }
        PIXELS(WRITE_LANES)
    }
}
