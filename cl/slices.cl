/* slices.cl: pages of volumes at given positions, and the adjoint. An item is FCS_V channels of a
 * pixel of y. axis: 2, 3, 4 for D, H, W, across which the volume is cut. */

/* The page that a position means. */
int page_of(float position, int pages)
{
    return !(position > 0) ? 0 : position < (float)pages ? (int)position : pages - 1;
}

/* Image m = n count + p is page at[n, p] of volume n; y_h x y_w pixels each. */
kernel void cut(global const float *x, int x_at, global const float *at, int at_at, global float *y,
                int y_at, int items, int block, int cs, int y_h, int y_w, int x_d, int x_h, int x_w,
                int at_cs, int count, int axis)
{
    FCS_ITEMS(i, items, block)
    {
        int k = i * FCS_V, c = k % cs, p = k / cs, w = p % y_w, q = p / y_w, r = q % y_h,
            m = q / y_h;
        int n = m / count, pages = axis == 2 ? x_d : axis == 3 ? x_h : x_w;
        int page = page_of(at[at_at + n * at_cs + m % count], pages);
        int d = axis == 2 ? page : r, h = axis == 2 ? r : axis == 3 ? page : w;
        int from = ((n * x_d + d) * x_h + h) * x_w + (axis == 4 ? page : w);
        FCS_STORE(FCS_LOAD(x + x_at + from * cs + c), y + y_at + k);
    }
}

/* Each voxel adds up the pixels of the images that were cut through it, in order. */
kernel void uncut(global const float *x, int x_at, global const float *at, int at_at,
                  global float *y, int y_at, int items, int block, int cs, int y_d, int y_h,
                  int y_w, int x_h, int x_w, int at_cs, int count, int axis)
{
    FCS_ITEMS(i, items, block)
    {
        int k = i * FCS_V, c = k % cs, p = k / cs, w = p % y_w, q = p / y_w, h = q % y_h,
            s = q / y_h, d = s % y_d, n = s / y_d;
        int pages = axis == 2 ? y_d : axis == 3 ? y_h : y_w;
        int page = axis == 2 ? d : axis == 3 ? h : w;
        int row = axis == 2 ? h : d, column = axis == 4 ? h : w;
        V total = 0;
        for (int m = 0; m < count; m++)
            if (page_of(at[at_at + n * at_cs + m], pages) == page)
                total += FCS_LOAD(x + x_at +
                                  (((n * count + m) * x_h + row) * x_w + column) * cs + c);
        FCS_STORE(total, y + y_at + k);
    }
}
