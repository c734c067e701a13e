/* maxpool.cl: max_pool and its adjoint max_unpool. An item is FCS_V channels of a pixel of the
 * result. Window o covers the pixels o * s - lo .. + k - 1 of x; its place is that of the first
 * largest x in the order D H W, a NaN counting as largest. */

/* y[o] = v at the place of window o. */
kernel void max_pool(global const float *x, int x_at, global const float *v, int v_at,
                     global float *y, int y_at, int items, int block, int cs, int y_d, int y_h,
                     int y_w, int x_d, int x_h, int x_w, int k_d, int k_h, int k_w, int s_d,
                     int s_h, int s_w, int lo_d, int lo_h, int lo_w)
{
    FCS_ITEMS(i, items, block)
    {
        int at = i * FCS_V, c = at % cs, p = at / cs;
        int w = p % y_w, q = p / y_w, h = q % y_h, r = q / y_h, d = r % y_d, n = r / y_d;
        int d0 = d * s_d - lo_d, h0 = h * s_h - lo_h, w0 = w * s_w - lo_w;
        V best = 0, value = 0;
        int started = 0; /* a mask: Oclgrind 21.10 chooses wrongly between vectors by a scalar */
        for (int a = max(d0, 0); a < min(d0 + k_d, x_d); a++)
            for (int b = max(h0, 0); b < min(h0 + k_h, x_h); b++)
                for (int e = max(w0, 0); e < min(w0 + k_w, x_w); e++) {
                    int from = (((n * x_d + a) * x_h + b) * x_w + e) * cs + c;
                    V xs = FCS_LOAD(x + x_at + from), vs = FCS_LOAD(v + v_at + from);
                    VI larger = (xs > best) | (xs != xs) | (VI)(started - 1);
                    value = FCS_SELECT(larger, vs, value);
                    best = FCS_SELECT(larger, xs, best);
                    started = 1;
                }
        FCS_STORE(value, y + y_at + at);
    }
}

/* Which lanes of window (d0, h0, w0) have their place at pixel p, where x is `own`: 1, else 0. */
V has_place(global const float *x, int cs, int p, V own, int image, int x_d, int x_h, int x_w,
            int d0, int h0, int w0, int k_d, int k_h, int k_w)
{
    V place = 1;
    for (int a = max(d0, 0); a < min(d0 + k_d, x_d); a++)
        for (int b = max(h0, 0); b < min(h0 + k_h, x_h); b++)
            for (int e = max(w0, 0); e < min(w0 + k_w, x_w); e++) {
                int q = (a * x_h + b) * x_w + e;
                if (q == p)
                    continue;
                V other = FCS_LOAD(x + (image + q) * cs);
                V largest = q < p ? FCS_SELECT(other >= own || other != other, FCS_ONE, FCS_ZERO)
                                  : FCS_SELECT(other > own || (other != other && own == own),
                                               FCS_ONE, FCS_ZERO);
                place = FCS_SELECT(largest > 0, FCS_ZERO, place);
            }
    return place;
}

/* z[p] = the sum of g[o] over the windows o whose place is p. Sizes of z and of g. */
kernel void max_unpool(global const float *x, int x_at, global const float *g, int g_at,
                       global float *z, int z_at, int items, int block, int cs, int x_d, int x_h,
                       int x_w, int g_d, int g_h, int g_w, int k_d, int k_h, int k_w, int s_d,
                       int s_h, int s_w, int lo_d, int lo_h, int lo_w)
{
    FCS_ITEMS(i, items, block)
    {
        int at = i * FCS_V, c = at % cs, p = at / cs, pixels = x_d * x_h * x_w, n = p / pixels;
        int w = p % x_w, q = p / x_w, h = q % x_h, d = q / x_h % x_d;
        V own = FCS_LOAD(x + x_at + at), total = 0;
        for (int a = max(d + lo_d - k_d + s_d, 0) / s_d; a <= min((d + lo_d) / s_d, g_d - 1); a++)
            for (int b = max(h + lo_h - k_h + s_h, 0) / s_h; b <= min((h + lo_h) / s_h, g_h - 1);
                 b++)
                for (int e = max(w + lo_w - k_w + s_w, 0) / s_w;
                     e <= min((w + lo_w) / s_w, g_w - 1); e++) {
                    V place =
                        has_place(x + x_at + c, cs, p % pixels, own, n * pixels, x_d, x_h, x_w,
                                  a * s_d - lo_d, b * s_h - lo_h, e * s_w - lo_w, k_d, k_h, k_w);
                    V add = FCS_LOAD(g + g_at + (((n * g_d + a) * g_h + b) * g_w + e) * cs + c);
                    total += FCS_SELECT(place > 0, add, FCS_ZERO);
                }
        FCS_STORE(total, z + z_at + at);
    }
}
