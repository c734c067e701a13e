/* random.cl: the numbers of src/base/random.c and src/base/normal.c, bit for bit: Philox 4x32-10 in
 * scalar integers, and for normal variates single + and * that become no fma. `table` is
 * src/base/normal-table.h, in front of this file. */
#pragma OPENCL FP_CONTRACT OFF

/* Word `index` of the stream. */
uint random_word(uint seed_lo, uint seed_hi, uint step_lo, uint step_hi, uint stream, uint index)
{
    uint c0 = index / 4, c1 = rotate(step_hi, 16u), c2 = step_lo, c3 = stream;
    uint k0 = seed_lo, k1 = seed_hi;
    for (int round = 0; round < 10; round++) {
        uint low0 = 0xD2511F53u * c0, high0 = mul_hi(0xD2511F53u, c0);
        uint low1 = 0xCD9E8D57u * c2, high1 = mul_hi(0xCD9E8D57u, c2);
        c0 = high1 ^ c1 ^ k0;
        c2 = high0 ^ c3 ^ k1;
        c1 = low1;
        c3 = low0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    uint w = index % 4;
    return w < 2 ? (w == 0 ? c0 : c1) : (w == 2 ? c2 : c3);
}

/* The top bit is the sign; v = 2 * the others + 1 chooses, by its octave and the next three bits, a
 * cubic, and t by the 24 bits behind. (Neither here nor above a << n | b >> (32 - n): compilers make
 * one instruction of it, which Oclgrind 21.10 does not know.) */
float normal_of(uint word)
{
    uint v = word << 1 | 1u, octave = clz(v), fraction = v << octave << 1;
    constant const float(*rows)[4] = table + octave * 8, *c = rows[fraction >> 29];
    float t = (float)(int)(fraction >> 5 & 0xffffffu) * 0x1p-24f;
    float x = c[3] * t;
    x = x + c[2];
    x = x * t;
    x = x + c[1];
    x = x * t;
    x = x + c[0];
    return word >> 31 ? -x : x;
}

/* Element i in row-major N C D H W order is number i; pixels: D H W in one. */
kernel void random(global float *y, int y_at, int items, int block, int cs, int channels,
                   int pixels, int normal, uint stream, uint seed_lo, uint seed_hi, uint step_lo,
                   uint step_hi)
{
    FCS_ITEMS(i, items, block)
    {
        int c = i % cs, p = i / cs, pixel = p % pixels, n = p / pixels;
        float v = 0;
        if (c < channels) {
            uint index = ((uint)n * (uint)channels + (uint)c) * (uint)pixels + (uint)pixel;
            uint word = random_word(seed_lo, seed_hi, step_lo, step_hi, stream, index);
            v = normal ? normal_of(word) : (float)(int)(word >> 8) * 0x1p-24f;
        }
        y[y_at + i] = v;
    }
}
