/* softmax.cl: exp(x) over its sum over the channels of a pixel. An item is a pixel. */
kernel void softmax(global const float *x, int x_at, global float *y, int y_at, int items, int block,
                    int cs, int channels)
{
    FCS_ITEMS(i, items, block)
    {
        global const float *from = x + x_at + i * cs;
        global float *to = y + y_at + i * cs;
        float largest = from[0], total = 0;
        for (int c = 1; c < channels; c++)
            largest = fmax(largest, from[c]);
        for (int c = 0; c < channels; c++) {
            float e = exp(from[c] - largest);
            to[c] = e;
            total += e;
        }
        for (int c = 0; c < channels; c++)
            to[c] /= total;
        for (int c = channels; c < cs; c++)
            to[c] = 0;
    }
}
