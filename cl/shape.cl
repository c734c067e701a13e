/* shape.cl: numbers that move: pad, crop, concat, reshape. An item is FCS_V neighbouring floats. */

/* y at (n, d, h, w, c) = x at (n - lead_n, ..), 0 where x does not reach or from `channels` on.
 * Sizes of y and of x; cs: floats of a pixel. Crop is a negative lead. */
kernel void move(global const float *x, int x_at, global float *y, int y_at, int items, int block,
                 int y_cs, int channels, int y_d, int y_h, int y_w, int x_cs, int x_n, int x_c,
                 int x_d, int x_h, int x_w, int lead_n, int lead_c, int lead_d, int lead_h,
                 int lead_w)
{
    FCS_ITEMS(i, items, block)
    {
        int at = i * FCS_V, c = at % y_cs, p = at / y_cs;
        int w = p % y_w - lead_w, q = p / y_w, h = q % y_h - lead_h, r = q / y_h,
            d = r % y_d - lead_d, n = r / y_d - lead_n, from = c - lead_c;
        V v = 0;
        if (w >= 0 && w < x_w && h >= 0 && h < x_h && d >= 0 && d < x_d && n >= 0 && n < x_n &&
            from >= 0 && from < x_c && c < channels)
            v = FCS_LOAD(x + x_at + (((n * x_d + d) * x_h + h) * x_w + w) * x_cs + from);
        FCS_STORE(v, y + y_at + at);
    }
}

/* y at (n + to_n, ..) = x at (n, ..): one input of concat. x_c: floats of an item's pixel that go
 * over; from `channels` on they are 0 (padding lanes behind the last input). */
kernel void place(global const float *x, int x_at, global float *y, int y_at, int items, int block,
                  int x_cs, int x_c, int channels, int x_d, int x_h, int x_w, int y_cs, int y_d,
                  int y_h, int y_w, int to_n, int to_c, int to_d, int to_h, int to_w)
{
    FCS_ITEMS(i, items, block)
    {
        int at = i * FCS_V, c = at % x_c, p = at / x_c;
        int w = p % x_w, q = p / x_w, h = q % x_h, r = q / x_h, d = r % x_d, n = r / x_d;
        V v = 0;
        if (c < channels)
            v = FCS_LOAD(x + x_at + p * x_cs + c);
        int to = (((n + to_n) * y_d + d + to_d) * y_h + h + to_h) * y_w + w + to_w;
        FCS_STORE(v, y + y_at + to * y_cs + c + to_c);
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
