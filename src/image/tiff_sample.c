/* tiff_sample.c: see tiff_sample.h. */
#include "image/tiff_sample.h"
#include <math.h>
#include <string.h>

unsigned fcs_unpack_bits(const uint8_t *row, int64_t i, int bits)
{
    int64_t bit = i * bits;
    return (unsigned)row[bit >> 3] >> (8 - bits - (int)(bit & 7)) & ((1u << bits) - 1);
}

static void unpack_narrow(const fcs_unpack_row *r)
{
    uint8_t *to = r->to;
    unsigned scale = 255 / ((1u << r->bits) - 1);
    for (int64_t i = 0; i < r->n; i++)
        to[i * r->channels] =
            (uint8_t)(fcs_unpack_bits(r->row, r->first + i * r->step, r->bits) * scale);
}

static void unpack_u16(const fcs_unpack_row *r)
{
    uint16_t *to = r->to;
    for (int64_t i = 0; i < r->n; i++)
        memcpy(to + i * r->channels, r->row + 2 * (r->first + i * r->step), 2);
}

/* IEEE 754 half precision: sign, 5 bits of exponent, 10 of fraction. */
static double half_value(uint16_t h)
{
    int exponent = h >> 10 & 31, fraction = h & 1023;
    double v = exponent == 31  ? (fraction ? NAN : INFINITY)
               : exponent == 0 ? ldexp(fraction, -24)
                               : ldexp(1024 + fraction, exponent - 25);
    return h & 0x8000 ? -v : v;
}

/* Reads one sample as type T at its (unaligned) place. */
#define UNPACK_FLOAT(name, T, value)                                                               \
    static void name(const fcs_unpack_row *r)                                                      \
    {                                                                                              \
        float *to = r->to;                                                                         \
        for (int64_t i = 0; i < r->n; i++) {                                                       \
            T v;                                                                                   \
            memcpy(&v, r->row + (size_t)(r->first + i * r->step) * sizeof v, sizeof v);            \
            to[i * r->channels] = (float)value;                                                    \
        }                                                                                          \
    }

UNPACK_FLOAT(unpack_i8, int8_t, v)
UNPACK_FLOAT(unpack_i16, int16_t, v)
UNPACK_FLOAT(unpack_u32, uint32_t, v)
UNPACK_FLOAT(unpack_i32, int32_t, v)
UNPACK_FLOAT(unpack_u64, uint64_t, v)
UNPACK_FLOAT(unpack_i64, int64_t, v)
UNPACK_FLOAT(unpack_half, uint16_t, half_value(v))
UNPACK_FLOAT(unpack_float, float, v)
UNPACK_FLOAT(unpack_double, double, v)

static const fcs_sample_kind kinds[] = {
    {1, 1, FCS_U8, 255, unpack_narrow}, {2, 1, FCS_U8, 85, unpack_narrow},
    {4, 1, FCS_U8, 17, unpack_narrow},  {8, 1, FCS_U8, 1, unpack_narrow},
    {16, 1, FCS_U16, 1, unpack_u16},    {32, 1, FCS_F32, 1, unpack_u32},
    {64, 1, FCS_F32, 1, unpack_u64},    {8, 2, FCS_F32, 1, unpack_i8},
    {16, 2, FCS_F32, 1, unpack_i16},    {32, 2, FCS_F32, 1, unpack_i32},
    {64, 2, FCS_F32, 1, unpack_i64},    {16, 3, FCS_F32, 1, unpack_half},
    {32, 3, FCS_F32, 1, unpack_float},  {64, 3, FCS_F32, 1, unpack_double},
};

const fcs_sample_kind *fcs_sample_kind_of(int bits, int format)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kinds[i].bits == bits && kinds[i].format == format)
            return &kinds[i];
    return NULL;
}
