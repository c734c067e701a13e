/* shape.c: shapes and their storage. */
#include "graph/graph.h"

fcs_shape fcs_shape_of(int64_t n, int64_t c, int64_t d, int64_t h, int64_t w)
{
    return (fcs_shape){{n, c, d, h, w}};
}

bool fcs_shape_equal(fcs_shape a, fcs_shape b)
{
    for (int i = 0; i < FCS_DIMS; i++)
        if (a.n[i] != b.n[i])
            return false;
    return true;
}

int64_t fcs_shape_count(fcs_shape s) { return s.n[0] * s.n[1] * s.n[2] * s.n[3] * s.n[4]; }

int64_t fcs_channel_stride(int64_t channels)
{
    return channels < 8 ? channels : (channels + 15) / 16 * 16;
}

int64_t fcs_shape_floats(fcs_shape s)
{
    return s.n[0] * fcs_channel_stride(s.n[1]) * s.n[2] * s.n[3] * s.n[4];
}

void fcs_shape_text(fcs_shape s, char text[96])
{
    snprintf(text, 96, "%lldx%lldx%lldx%lldx%lld", (long long)s.n[0], (long long)s.n[1],
             (long long)s.n[2], (long long)s.n[3], (long long)s.n[4]);
}

bool fcs_shape_broadcast(fcs_shape a, fcs_shape b, fcs_shape *out)
{
    for (int i = 0; i < FCS_DIMS; i++) {
        if (a.n[i] != b.n[i] && a.n[i] != 1 && b.n[i] != 1)
            return false;
        out->n[i] = a.n[i] == 1 ? b.n[i] : a.n[i];
    }
    return true;
}
