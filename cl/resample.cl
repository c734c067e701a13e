/* resample.cl: upsample and its adjoint sum_pool. An item is FCS_V channels of a pixel of y. */

/* y[i] = x[(i + lo) / f]. */
kernel void enlarge(global const float *x, int x_at, global float *y, int y_at, int items,
                     int block, int cs, int y_d, int y_h, int y_w, int x_d, int x_h, int x_w,
                     int f_d, int f_h, int f_w, int lo_d, int lo_h, int lo_w)
{
    FCS_ITEMS(i, items, block)
    {
        int at = i * FCS_V, c = at % cs, p = at / cs;
        int w = p % y_w, q = p / y_w, h = q % y_h, r = q / y_h, d = r % y_d, n = r / y_d;
        int from = ((n * x_d + (d + lo_d) / f_d) * x_h + (h + lo_h) / f_h) * x_w + (w + lo_w) / f_w;
        FCS_STORE(FCS_LOAD(x + x_at + from * cs + c), y + y_at + at);
    }
}

/* y[j] = the sum of x[i] with (i + lo) / f = j. */
kernel void sum_pool(global const float *x, int x_at, global float *y, int y_at, int items,
                     int block, int cs, int y_d, int y_h, int y_w, int x_d, int x_h, int x_w,
                     int f_d, int f_h, int f_w, int lo_d, int lo_h, int lo_w)
{
    FCS_ITEMS(i, items, block)
    {
        int at = i * FCS_V, c = at % cs, p = at / cs;
        int w = p % y_w, q = p / y_w, h = q % y_h, r = q / y_h, d = r % y_d, n = r / y_d;
        int d0 = max(d * f_d - lo_d, 0), d1 = min((d + 1) * f_d - lo_d, x_d);
        int h0 = max(h * f_h - lo_h, 0), h1 = min((h + 1) * f_h - lo_h, x_h);
        int w0 = max(w * f_w - lo_w, 0), w1 = min((w + 1) * f_w - lo_w, x_w);
        V total = 0;
        for (int a = d0; a < d1; a++)
            for (int b = h0; b < h1; b++)
                for (int e = w0; e < w1; e++)
                    total += FCS_LOAD(x + x_at + (((n * x_d + a) * x_h + b) * x_w + e) * cs + c);
        FCS_STORE(total, y + y_at + at);
    }
}
