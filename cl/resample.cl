/* resample.cl: upsample and its adjoint sum_pool, interpolate and its adjoint. An item is FCS_V channels of a pixel of y. */

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

/* The nearer and the further of the two inputs between which output j lies. */
int near_of(int j, int f, int lo) { return f == 1 ? j : (j + lo + 1) / 2; }

int far_of(int j, int f, int lo)
{
    int at = j + lo;
    return f == 1 ? j : at % 2 ? at / 2 : at / 2 + 1;
}

/* 3/4 of the nearer and 1/4 of the further along each doubled dimension. */
kernel void interpolate(global const float *x, int x_at, global float *y, int y_at, int items,
                        int block, int cs, int y_d, int y_h, int y_w, int x_d, int x_h, int x_w,
                        int f_d, int f_h, int f_w, int lo_d, int lo_h, int lo_w)
{
    FCS_ITEMS(i, items, block)
    {
        int at = i * FCS_V, c = at % cs, p = at / cs;
        int w = p % y_w, q = p / y_w, h = q % y_h, r = q / y_h, d = r % y_d, n = r / y_d;
        V total = 0;
        for (int k = 0; k < 8; k++) {
            int far_d = k & 1, far_h = k >> 1 & 1, far_w = k >> 2;
            if ((far_d && f_d == 1) || (far_h && f_h == 1) || (far_w && f_w == 1))
                continue;
            float weight = (f_d == 1 ? 1.0f : far_d ? 0.25f : 0.75f) *
                           (f_h == 1 ? 1.0f : far_h ? 0.25f : 0.75f) *
                           (f_w == 1 ? 1.0f : far_w ? 0.25f : 0.75f);
            int a = far_d ? far_of(d, f_d, lo_d) : near_of(d, f_d, lo_d);
            int b = far_h ? far_of(h, f_h, lo_h) : near_of(h, f_h, lo_h);
            int e = far_w ? far_of(w, f_w, lo_w) : near_of(w, f_w, lo_w);
            total += weight * FCS_LOAD(x + x_at + (((n * x_d + a) * x_h + b) * x_w + e) * cs + c);
        }
        FCS_STORE(total, y + y_at + at);
    }
}

/* The weight of input 2 i - 2 + k, k from 0 to 3, in output i of the adjoint; 1 for factor 1. */
float tap_of(int f, int k) { return f == 1 ? 1.0f : k == 0 || k == 3 ? 0.25f : 0.75f; }

kernel void interpolate_dx(global const float *x, int x_at, global float *y, int y_at, int items,
                           int block, int cs, int y_d, int y_h, int y_w, int x_d, int x_h, int x_w,
                           int f_d, int f_h, int f_w, int lo_d, int lo_h, int lo_w)
{
    FCS_ITEMS(i, items, block)
    {
        int at = i * FCS_V, c = at % cs, p = at / cs;
        int w = p % y_w, q = p / y_w, h = q % y_h, r = q / y_h, d = r % y_d, n = r / y_d;
        V total = 0;
        for (int j = 0; j < (f_d == 1 ? 1 : 4); j++)
            for (int k = 0; k < (f_h == 1 ? 1 : 4); k++)
                for (int l = 0; l < (f_w == 1 ? 1 : 4); l++) {
                    int a = f_d == 1 ? d : 2 * d - 2 + j - lo_d;
                    int b = f_h == 1 ? h : 2 * h - 2 + k - lo_h;
                    int e = f_w == 1 ? w : 2 * w - 2 + l - lo_w;
                    if (a < 0 || a >= x_d || b < 0 || b >= x_h || e < 0 || e >= x_w)
                        continue;
                    float weight = tap_of(f_d, j) * tap_of(f_h, k) * tap_of(f_w, l);
                    total += weight *
                             FCS_LOAD(x + x_at + (((n * x_d + a) * x_h + b) * x_w + e) * cs + c);
                }
        FCS_STORE(total, y + y_at + at);
    }
}
