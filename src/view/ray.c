/* ray.c: what one ray sees: the box's faces, or behind transparent phases a smoothed surface; light
 * from above with soft shadows, and less of the sky where things stand close (both by cones through
 * the coarse shares: Crassin et al. 2011, on a dense pyramid). */
#include "view/view.h"
#include <math.h>
#include <string.h>

static const double sun[3] = {0.22, -0.52, 0.825}; /* to the light; length about 1 */

typedef struct hit {
    double p[3];      /* voxels */
    double normal[3]; /* world, length 1 */
    bool face;        /* on a face of the box or the cut */
} hit;

static double dot(const double *a, const double *b)
{
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

static void normalize(double v[3])
{
    double length = sqrt(dot(v, v));
    for (int a = 0; a < 3; a++)
        v[a] = length > 0 ? v[a] / length : a == 2;
}

/* ---- fields between voxels ---- */

/* Trilinear; beyond the border its value is repeated (field) or 0 (shares). */
static double trilinear(const unsigned char *v, const int64_t n[3], const double q[3], bool repeat)
{
    int64_t i[3];
    double f[3], sum = 0;
    for (int a = 0; a < 3; a++) {
        double x = floor(q[a]);
        f[a] = q[a] - x;
        i[a] = (int64_t)x;
        if (repeat && i[a] < 0) {
            i[a] = 0;
            f[a] = 0;
        } else if (repeat && i[a] >= n[a] - 1) {
            i[a] = n[a] - 1;
            f[a] = 0;
        } else if (i[a] < -1 || i[a] >= n[a]) {
            return 0;
        }
    }
    for (int k = 0; k < 8; k++) {
        int64_t c[3];
        double w = 1;
        bool in = true;
        for (int a = 0; a < 3; a++) {
            c[a] = i[a] + (k >> a & 1);
            w *= k >> a & 1 ? f[a] : 1 - f[a];
            in = in && c[a] >= 0 && c[a] < n[a];
        }
        if (in && w > 0)
            sum += w * v[(c[2] * n[1] + c[1]) * n[0] + c[0]];
    }
    return sum;
}

static double field_at(const fcs_scene *s, const double p[3])
{
    const double q[3] = {p[0] - 0.5, p[1] - 0.5, p[2] - 0.5};
    return trilinear(s->field, s->n, q, true);
}

/* Share of what is opaque round p, in a cell of 2^k voxels, 0..1. */
static double share_at(const fcs_scene *s, int k, const double p[3])
{
    double cell = (double)((int64_t)1 << k);
    const double q[3] = {p[0] / cell - 0.5, p[1] / cell - 0.5, p[2] / cell - 0.5};
    return trilinear(s->level[k].share, s->level[k].n, q, false) / 255;
}

/* ---- where the ray ends ---- */

/* The ray's piece inside the planes low..high; *axis: of the plane it enters through. */
static bool clip(const double o[3], const double d[3], const double low[3], const double high[3],
                 double *t0, double *t1, int *axis_in, int *axis_out)
{
    *t0 = -INFINITY;
    *t1 = INFINITY;
    *axis_in = *axis_out = 0;
    for (int a = 0; a < 3; a++) {
        double u = (low[a] - o[a]) / d[a], v = (high[a] - o[a]) / d[a];
        if (u > v) {
            double t = u;
            u = v;
            v = t;
        }
        if (u > *t0) {
            *t0 = u;
            *axis_in = a;
        }
        if (v < *t1) {
            *t1 = v;
            *axis_out = a;
        }
    }
    return *t0 < *t1;
}

/* Where the ray enters what is left of the box, and leaves it. */
static bool enter(const fcs_scene *s, const double o[3], const double d[3], double *t0, double *t1,
                  int *axis)
{
    const double zero[3] = {0, 0, 0}, n[3] = {(double)s->n[0], (double)s->n[1], (double)s->n[2]};
    double low[3], high[3], c0, c1;
    int in, out;
    if (!clip(o, d, zero, n, t0, t1, axis, &out))
        return false;
    if (!s->has_cut)
        return true;
    for (int a = 0; a < 3; a++) {
        low[a] = s->corner[a] ? s->cut[a] : 0;
        high[a] = s->corner[a] ? n[a] : s->cut[a];
    }
    /* The cut's faces look at the viewer: a ray is in it first or never. */
    if (clip(o, d, low, high, &c0, &c1, &in, &out) && c0 <= *t0 + 1e-9) {
        *t0 = c1;
        *axis = out;
    }
    return *t0 < *t1 - 1e-9;
}

static void along(const double o[3], const double d[3], double t, double p[3])
{
    for (int a = 0; a < 3; a++)
        p[a] = o[a] + t * d[a];
}

/* The distance to the end of the empty brick round p; 0 where the brick is not empty. */
static double skip(const fcs_scene *s, const double p[3], const double d[3])
{
    int64_t b[3];
    double least = INFINITY;
    for (int a = 0; a < 3; a++) {
        b[a] = (int64_t)(p[a] / FCS_BRICK);
        b[a] = b[a] < 0 ? 0 : b[a] >= s->bricks[a] ? s->bricks[a] - 1 : b[a];
        double wall = (double)((b[a] + (d[a] > 0)) * FCS_BRICK);
        least = fmin(least, (wall - p[a]) / d[a]);
    }
    if (s->brick[(b[2] * s->bricks[1] + b[1]) * s->bricks[0] + b[0]])
        return 0;
    return fmax(least, 0) + 1e-3;
}

static void surface_normal(const fcs_scene *s, const double p[3], double normal[3])
{
    for (int a = 0; a < 3; a++) {
        double below[3] = {p[0], p[1], p[2]}, above[3] = {p[0], p[1], p[2]};
        below[a] -= 1.2;
        above[a] += 1.2;
        normal[a] = (field_at(s, below) - field_at(s, above)) / s->scale[a];
    }
    normalize(normal);
}

/* Steps through the transparent phases to the surface. */
static bool march(const fcs_scene *s, const double o[3], const double d[3], double t, double t1,
                  hit *h)
{
    const double step = 0.6 / fmax(fmax(fabs(d[0]), fabs(d[1])), fabs(d[2]));
    double p[3], before = t;
    while (t < t1) {
        along(o, d, t, p);
        double empty = skip(s, p, d);
        if (empty > 0) {
            before = t;
            t += empty;
            continue;
        }
        if (field_at(s, p) >= 128)
            break;
        before = t;
        t += step;
    }
    if (t >= t1)
        return false;
    for (int i = 0; i < 6; i++) {
        double middle = (before + t) / 2;
        along(o, d, middle, p);
        if (field_at(s, p) >= 128)
            t = middle;
        else
            before = middle;
    }
    along(o, d, t, h->p);
    surface_normal(s, h->p, h->normal);
    h->face = false;
    return true;
}

static bool find_hit(const fcs_scene *s, const double o[3], const double d[3], hit *h)
{
    double t0, t1;
    int axis;
    if (!enter(s, o, d, &t0, &t1, &axis))
        return false;
    along(o, d, t0, h->p);
    memset(h->normal, 0, sizeof h->normal);
    h->normal[axis] = d[axis] > 0 ? -1 : 1;
    h->face = true;
    if (!s->field || field_at(s, h->p) >= 128)
        return true;
    return march(s, o, d, t0, t1, h);
}

/* ---- colour ---- */

/* The opaque phase with the largest trilinear weight at p, so that borders are no stairs; -1: none.
 */
static int phase_at(const fcs_scene *s, const double p[3])
{
    double weight[FCS_SCENE_PHASES] = {0};
    int best = -1;
    for (int k = 0; k < 8; k++) {
        int64_t i[3];
        double w = 1;
        for (int a = 0; a < 3; a++) {
            double q = p[a] - 0.5, low = floor(q);
            bool up = k >> a & 1;
            i[a] = (int64_t)low + up;
            i[a] = i[a] < 0 ? 0 : i[a] >= s->n[a] ? s->n[a] - 1 : i[a];
            w *= up ? q - low : 1 - q + low;
        }
        weight[s->phase[fcs_scene_index(s, i[0], i[1], i[2])]] += w;
    }
    for (int k = 0; k < s->phases; k++)
        if (s->opaque[k] && weight[k] > 0 && (best < 0 || weight[k] > weight[best]))
            best = k;
    return best;
}

static void plain_colour(const fcs_scene *s, const double p[3], float out[3])
{
    int64_t i[3];
    for (int a = 0; a < 3; a++) {
        i[a] = (int64_t)floor(p[a]);
        i[a] = i[a] < 0 ? 0 : i[a] >= s->n[a] ? s->n[a] - 1 : i[a];
    }
    fcs_scene_colour(s, i[0], i[1], i[2], out);
}

/* On a face what lies there; the smoothed surface may pass a little before the voxels it is of. */
static void hit_colour(const fcs_scene *s, const hit *h, float out[3])
{
    double p[3];
    int phase = -1;
    for (double depth = 0.3; depth < 4 && phase < 0; depth += 0.6) {
        for (int a = 0; a < 3; a++)
            p[a] = h->p[a] - depth * h->normal[a] / s->scale[a];
        if (s->phases == 0) {
            plain_colour(s, p, out);
            return;
        }
        phase = phase_at(s, p);
    }
    for (int k = 0; phase < 0 && k < s->phases; k++)
        phase = s->opaque[k] ? k : -1;
    memcpy(out, s->colour[phase], sizeof s->colour[phase]);
}

/* ---- light ---- */

/* How much of the sky is open: shares of ever larger cells, ever further along the normal. */
static double openness(const fcs_scene *s, const hit *h)
{
    double open = 1, p[3];
    for (int k = 1; k < FCS_SCENE_LEVELS; k++) {
        double distance = 0.9 * (double)((int64_t)1 << k);
        for (int a = 0; a < 3; a++)
            p[a] = h->p[a] + distance * h->normal[a] / s->scale[a];
        open *= 1 - 0.72 * share_at(s, k, p);
    }
    return open;
}

/* How much of the sun passes: a narrow cone that sees coarser cells further on. */
static double sunlight(const fcs_scene *s, const hit *h)
{
    double through = 1, p[3], longest = 0;
    for (int a = 0; a < 3; a++)
        longest = fmax(longest, (double)s->n[a] * s->scale[a]);
    for (double t = 2, step = 1; t < longest && through > 0.02; t += step) {
        int k = 1;
        while (k + 1 < FCS_SCENE_LEVELS && (double)((int64_t)2 << k) < 0.16 * t + 2)
            k++;
        step = 0.75 * (double)((int64_t)1 << k);
        for (int a = 0; a < 3; a++)
            p[a] = h->p[a] + (1.6 * h->normal[a] + t * sun[a]) / s->scale[a];
        through *= exp(-0.5 * step * share_at(s, k, p));
    }
    return through;
}

bool fcs_ray_colour(const fcs_scene *s, const fcs_camera *c, const double at[3], float out[3])
{
    double o[3], d[3], half[3];
    hit h;
    for (int a = 0; a < 3; a++) {
        d[a] = c->forward[a] / s->scale[a];
        if (fabs(d[a]) < 1e-9)
            d[a] = 1e-9;
        o[a] = at[a] / s->scale[a];
        half[a] = sun[a] - c->forward[a];
    }
    if (!find_hit(s, o, d, &h))
        return false;
    normalize(half);
    hit_colour(s, &h, out);
    double facing = fmax(dot(h.normal, sun), 0), open = openness(s, &h);
    double lit = facing > 0 ? facing * sunlight(s, &h) : 0;
    double sky = 0.5 + 0.5 * h.normal[2]; /* the ground reflects a third */
    double headlight = fmax(-dot(h.normal, c->forward), 0);
    double light = 0.76 * lit + open * (0.11 + 0.22 * sky + 0.10 * headlight);
    double gloss = h.face ? 0 : 0.08 * lit * pow(fmax(dot(h.normal, half), 0), 24);
    for (int a = 0; a < 3; a++)
        out[a] = (float)((double)out[a] * light + gloss);
    return true;
}
