/* interpolate.c: pixel j of the large side lies at (j + lo + 1 + 1/2) / 2 - 1/2 on the small side
 * (half-pixel centres, one pixel cut), where the hat function of width 1 gives its weights. */
#include "ref/reference.h"

#include <math.h>
#include <string.h>

fcs_ref fcs_ref_interpolate, fcs_ref_interpolate_dx;

/* The weight of the small side's pixel i in the large side's pixel j. */
static double weight(const fcs_attrs *a, const int64_t *small, const int64_t *large)
{
    double product = small[FCS_N] == large[FCS_N] && small[FCS_C] == large[FCS_C];
    for (int d = 0; d < 3; d++) {
        double at = (double)large[FCS_D + d];
        if (a->i[FCS_POOL_FACTOR + d] == 2)
            at = (at + (double)a->i[FCS_POOL_CROP_LO + d] + 1.5) / 2 - 0.5;
        product *= fmax(0, 1 - fabs(at - (double)small[FCS_D + d]));
    }
    return product;
}

/* Only the neighbours can have a weight: the cubes of 3 pixels a side around. */
static void add_all(fcs_ref_call *c, bool up)
{
    const fcs_attrs *a = &c->args->attrs;
    fcs_shape small = up ? c->args->in[0] : c->args->out,
              large = up ? c->args->out : c->args->in[0];
    size_t bytes = (size_t)fcs_shape_count(c->args->out) * sizeof *c->out;
    int64_t j[FCS_DIMS] = {0}, from = 0;
    memset(c->out, 0, bytes);
    if (c->magnitude)
        memset(c->magnitude, 0, bytes);
    c->terms = up ? 8 : 64;
    do {
        for (int k = 0; k < 125; k++) {
            int64_t i[FCS_DIMS] = {j[0], j[1]};
            int offset[3] = {k / 25 - 2, k / 5 % 5 - 2, k % 5 - 2};
            bool inside = true;
            for (int d = 0; d < 3; d++) {
                i[2 + d] = j[2 + d] / a->i[FCS_POOL_FACTOR + d] + offset[d];
                inside = inside && i[2 + d] >= 0 && i[2 + d] < small.n[2 + d];
            }
            double w = inside ? weight(a, i, j) : 0;
            if (!(w > 0))
                continue;
            int64_t s = fcs_ref_at(small, i), in = up ? s : from, out = up ? from : s;
            c->out[out] += w * c->in[0][in];
            if (c->magnitude)
                c->magnitude[out] += w * fabs(c->in[0][in]);
        }
        from++;
    } while (fcs_ref_next(large, j));
}

void fcs_ref_interpolate(fcs_ref_call *c) { add_all(c, true); }
void fcs_ref_interpolate_dx(fcs_ref_call *c) { add_all(c, false); }
