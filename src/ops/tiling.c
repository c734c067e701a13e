/* tiling.c: choice and geometry of tiles for minimal filtering. */
#include "ops/tiling.h"
#include <math.h>
#include <string.h>

/* Errors: about three times the largest met on random data, in units of 2^-24 times the sum over
 * channels of max |tile| times the sum of |w|, per axis. */
const fcs_filter_form fcs_forms[] = {
    {2, 2, true, 3},  {3, 2, true, 3},  {4, 2, false, 6}, {5, 2, false, 4}, {2, 3, true, 3},
    {4, 3, false, 4}, {3, 4, false, 4}, {2, 5, false, 4}, {4, 5, false, 6}, {6, 3, false, 8},
};
const int fcs_n_forms = (int)(sizeof fcs_forms / sizeof *fcs_forms);

static int64_t floor_div(int64_t a, int64_t b) { return a >= 0 ? a / b : -((b - 1 - a) / b); }

static int64_t ceil_div(int64_t a, int64_t b) { return -floor_div(-a, b); }

/* ---- geometry ---- */

/* Where the tiles of one interleaved image lie: tile t of written image v begins at q = first[v] +
 * results * t of its lattice, and reads read + read_step * q, the next kernel's pixel kernel_step
 * behind it, or writes write[v] + write_step * q. */
typedef struct image {
    int64_t read, read_step, kernel_step, write[FCS_TILE_STRIDE], write_step;
    int64_t first[FCS_TILE_STRIDE], tiles;
} image;

/* Taps that written image v has not, of as many as the tiles have: zeros before its own if the
 * whole image begins with a kernel's first tap, else behind them, so that all written images of the
 * whole begin in the same tile. */
static int64_t zeros_before(const fcs_tiling *t, const fcs_axis *a)
{
    return (t->dims.pad - t->origin) % t->dims.stride == 0 ? t->taps * t->reads - a->taps : 0;
}

/* The lattices and, for each written image, a q at which a tile begins. */
static void image_lattices(const fcs_tiling *t, int64_t r, image *i, int64_t *anchor)
{
    fcs_conv_dims d = t->dims;
    if (d.stride == 1) {
        i->read = t->adjoint ? r + d.pad - (d.kernel - 1) * d.dilation : r - d.pad;
        i->read_step = i->kernel_step = i->write_step = d.dilation;
        i->write[0] = r;
        anchor[0] = -floor_div(t->origin + r, d.dilation);
        return;
    }
    if (!t->adjoint) {
        i->read = -d.pad;
        i->read_step = d.stride;
        i->kernel_step = 1;
        i->write[0] = 0;
        i->write_step = 1;
        anchor[0] = -t->origin;
        return;
    }
    i->read = 0;
    i->read_step = i->kernel_step = 1;
    i->write_step = d.stride;
    /* where the whole image's first pixel of each lies; together: where its first pixel does */
    int64_t together = (d.stride - t->origin % d.stride) % d.stride;
    for (int64_t v = 0; v < d.stride; v++) {
        fcs_axis a = fcs_axis_adjoint(d, v);
        int64_t offset = a.offset - zeros_before(t, &a);
        i->write[v] = v - d.stride * offset;
        anchor[v] = offset + ((t->origin + v) % d.stride - t->origin - v) / d.stride;
    }
    for (int64_t v = 0, whole = anchor[together]; v < d.stride && !t->split; v++)
        anchor[v] = whole;
}

static int64_t written(const fcs_tiling *t) { return t->adjoint ? t->dims.x : t->dims.y; }

static void image_of(const fcs_tiling *t, int64_t r, image *i)
{
    int64_t anchor[FCS_TILE_STRIDE], begin[FCS_TILE_STRIDE], last[FCS_TILE_STRIDE];
    image_lattices(t, r, i, anchor);
    for (int64_t v = 0; v < t->writes; v++) {
        begin[v] = ceil_div(-i->write[v], i->write_step);
        last[v] = floor_div(written(t) - 1 - i->write[v], i->write_step);
    }
    for (int64_t v = 1; v < t->writes && !t->split; v++) { /* all in the first: they share tiles */
        begin[0] = begin[v] < begin[0] ? begin[v] : begin[0];
        last[0] = last[v] > last[0] ? last[v] : last[0];
    }
    i->tiles = 0;
    for (int64_t v = 0; v < t->writes; v++) {
        int64_t lo = begin[t->split ? v : 0], hi = last[t->split ? v : 0];
        i->first[v] = anchor[v] + t->results * floor_div(lo - anchor[v], t->results);
        int64_t tiles = hi < lo ? 0 : (hi - i->first[v]) / t->results + 1;
        i->tiles = tiles > i->tiles ? tiles : i->tiles;
    }
}

fcs_tile_place fcs_tile_at(const fcs_tiling *t, int64_t tile)
{
    image i;
    int64_t r = 0;
    for (image_of(t, r, &i); tile >= i.tiles; image_of(t, ++r, &i))
        tile -= i.tiles;
    fcs_tile_place p = {
        .read_step = i.read_step, .kernel_step = i.kernel_step, .write_step = i.write_step};
    for (int64_t v = 0; v < t->writes; v++) {
        int64_t q = i.first[v] + t->results * tile;
        p.read[v] = i.read + i.read_step * q;
        p.write[v] = i.write[v] + i.write_step * q;
    }
    return p;
}

int64_t fcs_tiling_period(const fcs_tiling *t)
{
    fcs_conv_dims d = t->dims;
    return t->results * (d.stride == 1 ? d.dilation : t->adjoint ? d.stride : 1);
}

int64_t fcs_tile_tap(const fcs_tiling *t, int64_t c, int64_t v, int64_t j)
{
    fcs_conv_dims d = t->dims;
    int64_t k = c + d.stride * j;
    if (t->adjoint) {
        fcs_axis a = fcs_axis_adjoint(d, v);
        j += c - zeros_before(t, &a);
        k = j >= 0 && j < a.taps ? a.k0 + a.dk * j : d.kernel;
    }
    return k < d.kernel ? k : -1;
}

void fcs_tiles_reads(const fcs_tiling *t, int64_t from, int64_t to, int64_t *lo, int64_t *hi)
{
    *lo = INT64_MAX;
    *hi = INT64_MIN;
    for (int64_t r = 0; r < t->images; r++)
        for (int64_t v = 0; v < t->writes; v++) {
            image i;
            image_of(t, r, &i);
            int64_t begin = ceil_div(from - i.write[v], i.write_step),
                    last = floor_div(to - 1 - i.write[v], i.write_step);
            if (last < begin)
                continue;
            int64_t first = i.first[v];
            begin = first + floor_div(begin - first, t->results) * t->results;
            last = first + floor_div(last - first, t->results) * t->results + t->points - 1;
            begin = i.read + i.read_step * begin;
            last = i.read + i.read_step * last + i.kernel_step * (t->reads - 1) + 1;
            *lo = begin < *lo ? begin : *lo;
            *hi = last > *hi ? last : *hi;
        }
}

/* ---- choice ---- */

static bool is_op(const fcs_apply_args *a, const char *name) { return !strcmp(a->op->name, name); }

typedef struct problem {
    fcs_shape x, w, y;
    bool adjoint, weights; /* conv_dx, conv_dw */
    fcs_conv_dims dims[3];
} problem;

static problem problem_of(const fcs_apply_args *a)
{
    problem p = {.adjoint = is_op(a, "conv_dx"), .weights = is_op(a, "conv_dw")};
    p.x = p.adjoint ? a->out : a->in[0];
    p.w = p.weights ? a->out : a->in[1];
    p.y = p.adjoint ? a->in[0] : p.weights ? a->in[1] : a->out;
    for (int i = 0; i < 3; i++)
        p.dims[i] = fcs_conv_dims_of(&a->attrs, p.x, p.w, p.y, i);
    return p;
}

/* Whether there are several written images, which tiles can be shared by or not. */
static bool interleaved(const problem *p)
{
    return p->adjoint && (p->dims[0].stride > 1 || p->dims[1].stride > 1 || p->dims[2].stride > 1);
}

/* Results of so few channels that the written images' columns lie side by side in the products: the
 * images share tiles, and what a tile writes is a box of the image. */
static bool packs(const problem *p)
{
    return interleaved(p) && p->w.n[FCS_C] < FCS_TILING_CHANNELS && p->dims[0].dilation == 1 &&
           p->dims[1].dilation == 1 && p->dims[2].dilation == 1;
}

/* conv_dw with few channels of x has a kernel of its own. */
static bool thin(const problem *p) { return p->weights && p->w.n[FCS_C] < FCS_TILING_CHANNELS; }

/* conv with few channels of x transforms tiles side by side. */
static bool thin_read(const problem *p)
{
    return !p->weights && !p->adjoint && p->w.n[FCS_C] < FCS_TILING_CHANNELS;
}

static bool channels_fit(const problem *p, int64_t least)
{
    return p->w.n[FCS_N] >= least &&
           (p->w.n[FCS_C] >= least || packs(p) || thin(p) || thin_read(p));
}

/* F(results, taps) of an axis, -1 where there is none. */
static int find_form(int64_t results, int64_t taps)
{
    for (int i = 0; i < fcs_n_forms; i++)
        if (fcs_forms[i].results == results && fcs_forms[i].taps == taps)
            return i;
    return -1;
}

/* The axis with tiles of so many results (1: no form). False where that cannot be. */
static bool tile_axis(const problem *p, int axis, int64_t origin, int64_t results, bool split,
                      fcs_tiling *t)
{
    fcs_conv_dims d = p->dims[axis];
    int64_t taps = (d.kernel + d.stride - 1) / d.stride;
    bool plain = d.kernel == 1 && d.stride == 1;
    if (plain)
        results = 1;
    *t = (fcs_tiling){.dims = d, .adjoint = p->adjoint, .origin = origin, .split = split};
    if ((d.stride > 1 && d.dilation > 1) || d.stride > FCS_TILE_STRIDE || (taps < 2 && !plain) ||
        taps + results - 1 > FCS_TILE_POINTS)
        return false;
    t->form = find_form(results, taps);
    if (t->form < 0 && results > 1)
        return false;
    bool none = t->form < 0;
    t->results = (int)results;
    t->taps = none ? 1 : (int)taps;
    t->points = t->results + t->taps - 1;
    t->images = d.stride == 1 ? (d.dilation < written(t) ? d.dilation : written(t)) : 1;
    t->reads = none ? p->adjoint ? taps : d.kernel : p->adjoint ? 1 : d.stride;
    t->writes = p->adjoint ? d.stride : 1;
    for (int64_t r = 0; r < t->images; r++) {
        image i;
        image_of(t, r, &i);
        t->tiles += i.tiles;
    }
    return true;
}

/* Two axes of eight points take up the error that the form may have: the third has none then.
 * Kernels of few channels are read as they lie side by side along W. */
static bool tiles_fit(const problem *p, const fcs_tiling t[3])
{
    int64_t points = 1, reads = 1;
    int forms = 0, eight = 0;
    if ((thin(p) || thin_read(p)) && t[2].form < 0 && p->dims[2].dilation > 1)
        return false;
    for (int i = 0; i < 3; i++) {
        points *= t[i].points;
        reads *= t[i].reads;
        forms += t[i].form >= 0;
        eight += t[i].points == FCS_TILE_POINTS;
    }
    return points <= FCS_TILING_POINTS && reads <= FCS_TILING_READS && !(eight >= 2 && forms == 3);
}

/* Work in multiplications and additions of the product; an element that is transformed costs as
 * much as some of them, more where H and W have different forms and take a pass each, or D has
 * another one than they. F(5,2) in conv and conv_dx has many weights for what it saves, and pays
 * where they are transformed in strips. Measured on AVX2: 2 to 3 and 8 cycles for 8 lanes. */
enum { strips_results = 5 };
static const double pass_cost = 5, weight_cost = 10, apart_cost = 3, deep_cost = 2,
                    least_gain = 1.25;

/* With packed columns the product is short: elements that are transformed (by forms that are not
 * dyadic, of more terms, more so) and tiles cost more of it; so do the pixels of direct sums with
 * few outputs. Measured on AVX-512; AVX2 agrees in what pays. */
static const double packed_cost = 20, packed_inexact_cost = 26, tile_cost = 8000, pixel_cost = 375,
                    line = 16;

/* Transformed weights are written once (those of conv_dw are sums, as direct ones) and read once
 * for every block of tiles: of each, to and from the caches nearby, the last one, memory. */
static double stream_cost(double weights) { return weights < 1e5 ? 0 : weights < 2e6 ? 3 : 10; }
static double write_cost(double weights) { return weights < 2e6 ? 0 : 20; }

/* conv_dw with few channels of x: a product of few rows loads more, and next to it transforms weigh
 * much: gy's, the copies and transforms of x's short runs, gy's pixels from memory. Measured on
 * AVX-512; with AVX2 minimal filtering gains more. */
static const double thin_product = 1.5, thin_gy = 5, thin_x = 50, thin_pixel = 15;

static double thin_cost(const problem *p, const fcs_tiling t[3])
{
    double points = 1, results = 1, tiles = (double)p->x.n[FCS_N], rows = (double)p->w.n[FCS_C],
           lanes = line * ceil((double)p->w.n[FCS_N] / line);
    for (int i = 0; i < 3; i++) {
        points *= t[i].points;
        results *= t[i].results;
        tiles *= (double)t[i].tiles;
        rows *= (double)t[i].reads;
    }
    double passes = t[1].form == t[2].form && t[0].points == 1 ? 1 : apart_cost;
    double products = thin_product * rows * lanes,
           transforms = passes * (thin_gy * lanes + thin_x * rows);
    return tiles * (points * (products + transforms) + thin_pixel * results * lanes) +
           weight_cost * passes * points * rows * lanes;
}

/* conv with few channels of x: products so short that their sums are stored and transformed back in
 * more time than they take. Measured on AVX-512. */
static const double short_product = 13, beside_x = 40;

static double thin_read_cost(const problem *p, const fcs_tiling t[3])
{
    double points = 1, tiles = (double)p->x.n[FCS_N], sums = (double)p->w.n[FCS_C],
           lanes = line * ceil((double)p->w.n[FCS_N] / line);
    for (int i = 0; i < 3; i++) {
        points *= t[i].points;
        tiles *= (double)t[i].tiles;
        sums *= (double)t[i].reads;
    }
    double passes = t[1].form == t[2].form && t[0].points == 1 ? 1 : apart_cost;
    return tiles * points * (lanes * (sums + short_product * passes) + beside_x * passes * sums) +
           weight_cost * passes * points * sums * lanes;
}

static double tiling_cost(const problem *p, const fcs_tiling t[3])
{
    double points = 1, tiles = (double)p->x.n[FCS_N], ci = (double)p->w.n[FCS_C],
           co = (double)p->w.n[FCS_N];
    double in = p->adjoint ? co : ci, out = p->adjoint ? ci : co, read_again = 1;
    double each_pass = packs(p) ? packed_cost : pass_cost;
    for (int i = 0; i < 3; i++) {
        if (packs(p) && t[i].form >= 0 && !fcs_forms[t[i].form].dyadic)
            each_pass = packed_inexact_cost;
        points *= t[i].points;
        tiles *= (double)t[i].tiles;
        in *= (double)t[i].reads;
        out *= (double)t[i].writes;
        read_again *= t[i].split ? (double)t[i].writes : 1;
    }
    if (!tiles_fit(p, t))
        return -1;
    if (thin(p))
        return thin_cost(p, t);
    if (thin_read(p))
        return thin_read_cost(p, t);
    double passes = t[1].form != t[2].form && t[1].form >= 0 && t[2].form >= 0 ? apart_cost
                    : t[0].form != t[1].form && t[0].form >= 0                 ? deep_cost
                                                                               : 1;
    out = packs(p) ? line * ceil(out / line) : out;
    double weights = points * in * out, pass = passes * each_pass;
    double each = weight_cost * passes;
    bool strips = !p->weights && !packs(p) && fcs_tiling_strips(points, tiles, out, weights);
    for (int i = 0; i < 3 && !strips && !p->weights; i++)
        if (t[i].results == strips_results)
            return -1;
    if (!strips)
        each += (p->weights ? 0 : write_cost(weights)) +
                stream_cost(weights) * ceil(tiles / FCS_TILE_BLOCK);
    return points * (tiles * (in * out + pass * (in * read_again + out)) + each * in * out) +
           (packs(p) ? tiles * tile_cost : 0);
}

static double pixels_of(fcs_shape s)
{
    return (double)(s.n[FCS_N] * s.n[FCS_D] * s.n[FCS_H] * s.n[FCS_W]);
}

/* The adjoint's phases have no tap that meets nothing but padding. */
static double direct_cost(const problem *p)
{
    double work = (double)(p->w.n[FCS_N] * p->w.n[FCS_C] * p->y.n[FCS_N]);
    for (int i = 0; i < 3; i++) {
        int64_t sums = 0;
        for (int64_t r = 0; r < fcs_axis_phases(p->dims[i], p->adjoint); r++) {
            fcs_axis a = fcs_axis_phase(p->dims[i], p->adjoint, r);
            sums += a.taps * a.count;
        }
        work *= (double)sums;
    }
    return work;
}

/* The cheapest of all combinations of forms, with written images apart or not, if it is cheaper
 * than `least`. */
static bool choose_of(const problem *p, const int64_t *origin, bool split, double *least,
                      fcs_tiling best[3])
{
    enum { N = 6 }; /* results 1 .. N along each axis */
    fcs_tiling all[3][N];
    bool fits[3][N], found = false;
    for (int d = 0; d < 3; d++)
        for (int i = 0; i < N; i++)
            fits[d][i] = (i == 0 || p->dims[d].kernel > 1) &&
                         tile_axis(p, d, origin[d], i + 1, split, &all[d][i]);
    for (int i = 1; i < N * N * N; i++) {
        int which[3] = {i / (N * N), i / N % N, i % N};
        if (!fits[0][which[0]] || !fits[1][which[1]] || !fits[2][which[2]])
            continue;
        fcs_tiling t[3] = {all[0][which[0]], all[1][which[1]], all[2][which[2]]};
        double cost = tiling_cost(p, t);
        if (!(cost > 0 && cost < *least))
            continue;
        *least = cost;
        found = true;
        memcpy(best, t, sizeof t);
    }
    return found;
}

static bool choose(const problem *p, const int64_t *origin, fcs_tiling best[3])
{
    double direct = direct_cost(p);
    double least = packs(p) ? direct + pixel_cost * pixels_of(p->x) : direct / least_gain;
    if (!channels_fit(p, 16))
        return false;
    bool found = choose_of(p, origin, false, &least, best);
    return (interleaved(p) && !packs(p) && choose_of(p, origin, true, &least, best)) || found;
}

/* The attribute's three values; true where all are 1, or nothing is left of them. */
static bool explicit_tiling(const problem *p, const fcs_attrs *a, fcs_tiling t[3])
{
    int64_t results = 1;
    bool split = interleaved(p) && a->i[FCS_CONV_SPLIT];
    if (!channels_fit(p, FCS_TILING_CHANNELS) || (split && packs(p)))
        return false;
    for (int d = 0; d < 3; d++) {
        int64_t form = a->i[FCS_CONV_FORM + d];
        if (!tile_axis(p, d, a->i[FCS_CONV_ORIGIN + d], form ? form : 1, split, &t[d]))
            return false;
        results *= t[d].results;
    }
    return tiles_fit(p, t) && results > 1;
}

static bool all_are(const fcs_attrs *a, int64_t value)
{
    const int64_t *form = a->i + FCS_CONV_FORM;
    return form[0] == value && form[1] == value && form[2] == value;
}

bool fcs_conv_tiling(const fcs_apply_args *a, fcs_tiling t[3])
{
    problem p = problem_of(a);
    if (all_are(&a->attrs, 1))
        return false;
    return all_are(&a->attrs, 0) ? choose(&p, a->attrs.i + FCS_CONV_ORIGIN, t)
                                 : explicit_tiling(&p, &a->attrs, t);
}

bool fcs_conv_form_fits(const fcs_apply_args *a)
{
    problem p = problem_of(a);
    fcs_tiling t[3];
    return all_are(&a->attrs, 0) || all_are(&a->attrs, 1) || explicit_tiling(&p, &a->attrs, t);
}

double fcs_conv_work(const fcs_apply_args *a)
{
    problem p = problem_of(a);
    fcs_tiling t[3];
    double work = 2.0 * (double)(p.x.n[FCS_N] * p.w.n[FCS_N] * p.w.n[FCS_C]);
    if (!fcs_conv_tiling(a, t))
        return a->op->flops(a);
    for (int d = 0; d < 3; d++)
        work *= (double)t[d].points * (double)(t[d].tiles * t[d].reads * t[d].writes);
    return work;
}

double fcs_conv_form_error(const fcs_apply_args *a)
{
    fcs_tiling t[3];
    double error = 1;
    bool exact = true;
    if (!fcs_conv_tiling(a, t))
        return 0;
    for (int d = 0; d < 3; d++)
        if (t[d].form >= 0) {
            error *= fcs_forms[t[d].form].error;
            exact = exact && fcs_forms[t[d].form].dyadic;
        }
    return exact ? 0 : error;
}
