/* synth_channels.c: a net of river channels running from left to right that part and join again.
 *
 * A walker goes one column a step; its course changes in straight pieces of random slope. Some
 * courses cross the whole image; branches leave them and end in the next course that they meet,
 * which makes the islands of such nets. The image keeps each pixel's squared distance to the
 * nearest course; counting them by distance gives the channels' share for every width, so that
 * courses are added until the share fits and the width is then chosen to fit better. */
#include "image/synth.h"
#include <stdlib.h>
#include <string.h>

enum {
    REACH = 7,               /* half of the widest channel */
    FAR = REACH * REACH + 1, /* squared distance of pixels beyond */
    NARROW = 25,
    MIDDLE = 32,
    WIDE = 45, /* squared half widths: 10, 11 and 13 pixels */
    UNIT = 64, /* a course's position in parts of a pixel */
    NEAR = 20,
    HOME = 12,
    PIECES = 4, /* of choosing the next piece, in pixels */
    COURSES_MAX = 1 << 20
};

typedef struct net {
    fcs_image *image;
    uint8_t *distance2;
    int64_t count[FAR + 1]; /* pixels by squared distance */
    int64_t pixels, courses;
    int64_t start; /* row of the first course */
    fcs_dice *dice;
} net;

typedef struct walker {
    int64_t x, y, z;        /* y and z in UNITs */
    int way;                /* 1: to the right, -1: to the left */
    int64_t home_y, home_z; /* what it wanders about */
    int slope_y, slope_z;
    int64_t piece; /* columns left with this slope */
    int64_t free;  /* columns left in which it minds no other course */
} walker;

static int64_t distance(int64_t a, int64_t b) { return a > b ? a - b : b - a; }

static int64_t floor_unit(int64_t v) { return v >= 0 ? v / UNIT : -((UNIT - 1 - v) / UNIT); }

static int64_t below_width(const net *n, int radius2)
{
    int64_t sum = 0;
    for (int i = 0; i <= radius2; i++)
        sum += n->count[i];
    return sum;
}

static void stamp(net *n, int64_t x, int64_t y, int64_t z)
{
    const fcs_image *m = n->image;
    int reach_z = m->depth > 1 ? REACH : 0;
    for (int dz = -reach_z; dz <= reach_z; dz++)
        for (int dy = -REACH; dy <= REACH; dy++) {
            int64_t py = y + dy, pz = z + dz;
            if (py < 0 || py >= m->height || pz < 0 || pz >= m->depth)
                continue;
            uint8_t *row = n->distance2 + (pz * m->height + py) * m->width;
            for (int dx = -REACH; dx <= REACH; dx++) {
                int d = dx * dx + dy * dy + dz * dz;
                if (d >= FAR || x + dx < 0 || x + dx >= m->width || row[x + dx] <= d)
                    continue;
                n->count[row[x + dx]]--;
                n->count[d]++;
                row[x + dx] = (uint8_t)d;
            }
        }
}

/* Slopes in UNIT/64ths a column: often level, mostly gentle, seldom steep. */
static int random_slope(net *n)
{
    static const int slope[] = {0, 0, 0, 0, 0, 8, 8, 14, 14, 20, 20, 26, 26, 34, 34, 44, 60, 100};
    int s = slope[fcs_dice_below(n->dice, (int64_t)(sizeof slope / sizeof *slope))];
    return fcs_dice_below(n->dice, 2) ? s : -s;
}

/* Pixels of other courses within NEAR rows of a place: what a new piece avoids, so that courses
 * spread evenly. */
static int crowd(const net *n, int64_t x, int64_t y, int64_t z)
{
    const fcs_image *m = n->image;
    int found = 0;
    if (x < 0 || x >= m->width || z < 0 || z >= m->depth)
        return 0;
    for (int64_t at = y > NEAR ? y - NEAR : 0; at < m->height && at <= y + NEAR; at++)
        found += n->distance2[(z * m->height + at) * m->width + x] <= 1;
    return found;
}

/* The best of a few straight pieces: few others near, not too far from home, and a little chance.
 */
static void new_piece(net *n, walker *w)
{
    int64_t least = INT64_MAX;
    for (int i = 0; i < PIECES; i++) {
        int slope = random_slope(n), slope_z = n->image->depth > 1 ? random_slope(n) : 0;
        int64_t piece = 6 + fcs_dice_below(n->dice, abs(slope) > 40 ? 18 : 40);
        int64_t end = w->x + w->way * piece, ahead = end + w->way * piece;
        int64_t y = w->y + slope * piece, z = w->z + slope_z * piece;
        int64_t cost = crowd(n, end, floor_unit(y), floor_unit(z)) +
                       crowd(n, ahead, floor_unit(2 * y - w->y), floor_unit(2 * z - w->z)) +
                       (distance(y, w->home_y) + distance(z, w->home_z)) / (HOME * UNIT) +
                       fcs_dice_below(n->dice, 8);
        if (cost >= least)
            continue;
        least = cost;
        w->slope_y = slope;
        w->slope_z = slope_z;
        w->piece = piece;
    }
}

/* Whether another course passes column x within `reach` of row y. */
static bool course_near(const net *n, int64_t x, int64_t y, int reach)
{
    const fcs_image *m = n->image;
    for (int64_t at = y - reach; x >= 0 && x < m->width && at <= y + reach; at++)
        if (at >= 0 && at < m->height && n->distance2[at * m->width + x] == 0)
            return true;
    return false;
}

/* Leaves a course to the emptier side, for a home there. */
static void part(net *n, walker *w)
{
    int64_t x = w->x + w->way * 2 * NEAR, y = floor_unit(w->y);
    int below = crowd(n, x, y + 2 * NEAR, 0), above = crowd(n, x, y - 2 * NEAR, 0);
    int side = fcs_dice_below(n->dice, 2) ? 1 : -1;
    if (below != above)
        side = below < above ? 1 : -1;
    w->free = 40;
    w->home_y = w->y + side * (24 + fcs_dice_below(n->dice, 60)) * UNIT;
    w->slope_y = side * (int)(28 + fcs_dice_below(n->dice, 40));
    w->piece = 18 + fcs_dice_below(n->dice, 20);
}

/* One column on. False where another course is met. */
static bool step(net *n, walker *w)
{
    int64_t before = w->y;
    w->x += w->way;
    if (w->piece-- == 0)
        new_piece(n, w);
    w->y += w->slope_y;
    w->z += w->slope_z;
    if (w->free > 0)
        w->free--;
    else if (n->image->depth == 1 && course_near(n, w->x, floor_unit(w->y), 3))
        return false;
    int sign = w->y > before ? 1 : -1; /* steep pieces leave no gaps */
    for (int64_t y = before + sign * UNIT; sign * (w->y - y) > 0; y += sign * UNIT)
        stamp(n, w->x, floor_unit(y), floor_unit(w->z));
    stamp(n, w->x, floor_unit(w->y), floor_unit(w->z));
    return true;
}

/* The k-th of evenly spreading numbers in [0, range): k's bits reversed, as a fraction. */
static int64_t spread(uint32_t k, int64_t range)
{
    uint32_t r = 0;
    for (int i = 0; i < 32; i++)
        r |= (k >> i & 1) << (31 - i);
    return (int64_t)(((uint64_t)r * (uint64_t)range) >> 32);
}

/* A course through the whole image; where it meets another they go together for a while, then part.
 * It begins far to the left, so that the left edge looks like the rest. */
static void add_course(net *n)
{
    const fcs_image *m = n->image;
    const int64_t margin = m->height < 160 ? m->height / 8 : 20;
    walker w = {.x = -200, .way = 1};
    int64_t range = m->height + 2 * margin,
            offset = fcs_dice_below(n->dice, 24); /* the even spread is not to be seen */
    w.home_y = w.y =
        ((n->start + spread((uint32_t)n->courses, range) + offset) % range - margin) * UNIT;
    w.home_z = w.z = fcs_dice_below(n->dice, m->depth) * UNIT;
    n->courses++;
    while (w.x < m->width + REACH)
        if (!step(n, &w))
            w.free = 8 + fcs_dice_below(n->dice, 40);
}

/* A course that leaves another one somewhere, to either side, and ends in the next one that it
 * meets. */
static void add_branch(net *n)
{
    const fcs_image *m = n->image;
    int64_t x = fcs_dice_below(n->dice, m->width), from = fcs_dice_below(n->dice, m->height),
            y = from;
    n->courses++;
    while (n->distance2[y * m->width + x] != 0) {
        y = (y + 1) % m->height;
        if (y == from)
            return;
    }
    walker w = {.x = x, .y = y * UNIT, .way = fcs_dice_below(n->dice, 2) ? 1 : -1};
    part(n, &w);
    while (w.x > -REACH && w.x < m->width + REACH && step(n, &w))
        ;
}

fcs_status fcs_synth_channels(fcs_error *e, fcs_image *image, fcs_dice *dice)
{
    net n = {.image = image, .pixels = image->width * image->height * image->depth, .dice = dice};
    n.distance2 = fcs_alloc(e, (size_t)n.pixels);
    if (!n.distance2)
        return FCS_FAILED;
    n.start = fcs_dice_below(dice, image->height);
    memset(n.distance2, FAR, (size_t)n.pixels);
    n.count[FAR] = n.pixels;
    const int64_t wanted = n.pixels / 40 * 11 + n.pixels % 40 * 11 / 40; /* 27.5 % */
    const int64_t through = image->depth > 1 ? wanted : wanted / 16 * 9;
    /* In small images one course is a large share: stop early there, for the width can then only
     * shrink. */
    const int stop = image->height < 256 && image->depth == 1 ? WIDE : MIDDLE;
    while (below_width(&n, stop) < through && n.courses < COURSES_MAX)
        add_course(&n);
    while (below_width(&n, stop) < wanted && n.courses < COURSES_MAX)
        add_branch(&n);
    int best = NARROW;
    for (int r = NARROW; r <= WIDE; r++)
        if (distance(below_width(&n, r), wanted) < distance(below_width(&n, best), wanted))
            best = r;
    uint8_t *out = image->data;
    for (int64_t i = 0; i < n.pixels; i++)
        out[i] = n.distance2[i] <= best ? 255 : 0;
    free(n.distance2);
    return FCS_OK;
}
