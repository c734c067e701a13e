/* shape.cl: numbers that move: pad, crop, concat, reshape. An item is FCS_V neighbouring floats. */

/* Where item i lies in an image of such sizes, and the next one without divisions. */
#define PLACE(i, n_c, n_w, n_h, n_d)                                                               \
    int c = (i) * FCS_V % (n_c), pixel = (i) * FCS_V / (n_c), w = pixel % (n_w),                   \
        row = pixel / (n_w), h = row % (n_h), slice = row / (n_h), d = slice % (n_d),              \
        n = slice / (n_d);
#define NEXT_PLACE(n_c, n_w, n_h, n_d)                                                             \
    c += FCS_V;                                                                                    \
    if (c >= (n_c)) {                                                                              \
        c = 0, w++;                                                                                \
        if (w >= (n_w)) {                                                                          \
            w = 0, h++;                                                                            \
            if (h >= (n_h)) {                                                                      \
                h = 0, d++;                                                                        \
                if (d >= (n_d))                                                                    \
                    d = 0, n++;                                                                    \
            }                                                                                      \
        }                                                                                          \
    }

/* y at (n, d, h, w, c) = x at (n - lead_n, ..), 0 where x does not reach or from `channels` on.
 * Sizes of y and of x; cs: floats of a pixel. Crop is a negative lead. */
kernel void move(global const float *x, int x_at, global float *y, int y_at, int items, int block,
                 int y_cs, int channels, int y_d, int y_h, int y_w, int x_cs, int x_n, int x_c,
                 int x_d, int x_h, int x_w, int lead_n, int lead_c, int lead_d, int lead_h,
                 int lead_w)
{
    PLACE((int)get_global_id(0) * block, y_cs, y_w, y_h, y_d)
    FCS_ITEMS(i, items, block)
    {
        int xw = w - lead_w, xh = h - lead_h, xd = d - lead_d, xn = n - lead_n, xc = c - lead_c;
        V v = 0;
        if (xw >= 0 && xw < x_w && xh >= 0 && xh < x_h && xd >= 0 && xd < x_d && xn >= 0 &&
            xn < x_n && xc >= 0 && xc < x_c && c < channels)
            v = FCS_LOAD(x + x_at + (((xn * x_d + xd) * x_h + xh) * x_w + xw) * x_cs + xc);
        FCS_STORE(v, y + y_at + i * FCS_V);
        NEXT_PLACE(y_cs, y_w, y_h, y_d)
    }
}

/* y at (n + to_n, ..) = x at (n, ..): one input of concat. x_c: floats of an item's pixel that go
 * over; from `channels` on they are 0 (padding lanes behind the last input). */
kernel void place(global const float *x, int x_at, global float *y, int y_at, int items, int block,
                  int x_cs, int x_c, int channels, int x_d, int x_h, int x_w, int y_cs, int y_d,
                  int y_h, int y_w, int to_n, int to_c, int to_d, int to_h, int to_w)
{
    PLACE((int)get_global_id(0) * block, x_c, x_w, x_h, x_d)
    FCS_ITEMS(i, items, block)
    {
        V v = 0;
        if (c < channels)
            v = FCS_LOAD(x + x_at + (((n * x_d + d) * x_h + h) * x_w + w) * x_cs + c);
        int to = (((n + to_n) * y_d + d + to_d) * y_h + h + to_h) * y_w + w + to_w;
        FCS_STORE(v, y + y_at + to * y_cs + c + to_c);
        NEXT_PLACE(x_c, x_w, x_h, x_d)
    }
}

/* The same numbers in row-major N C D H W order under other sizes; pixels: D H W in one. */
kernel void reshape(global const float *x, int x_at, global float *y, int y_at, int items,
                    int block, int y_cs, int y_c, int y_pixels, int x_cs, int x_c, int x_pixels)
{
    FCS_ITEMS(i, items, block)
    {
        int c = i % y_cs, p = i / y_cs, pixel = p % y_pixels, n = p / y_pixels;
        float v = 0;
        if (c < y_c) {
            int k = (n * y_c + c) * y_pixels + pixel; /* row-major number */
            int q = k % x_pixels, m = k / x_pixels;
            v = x[x_at + (m / x_c * x_pixels + q) * x_cs + m % x_c];
        }
        y[y_at + i] = v;
    }
}
