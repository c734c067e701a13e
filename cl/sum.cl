/* sum.cl: sums over any set of dimensions, in two stages: an item adds a part of what belongs to
 * one result (FCS_V channels of it), then sum_parts adds the parts. Adds are grouped by 64, so that
 * errors stay those of short sums. */

/* A position in up to four dimensions, counted without divisions. */
typedef struct walk {
    int i1, i2, i3, at;
} walk;

walk walk_begin(int i, int n1, int n2, int n3, int s0, int s1, int s2, int s3)
{
    walk w;
    w.i3 = i % n3, i /= n3;
    w.i2 = i % n2, i /= n2;
    w.i1 = i % n1, i /= n1;
    w.at = i * s0 + w.i1 * s1 + w.i2 * s2 + w.i3 * s3;
    return w;
}

void walk_next(walk *w, int n1, int n2, int n3, int s0, int s1, int s2, int s3)
{
    w->at += s3;
    if (++w->i3 < n3)
        return;
    w->i3 = 0, w->at += s2 - n3 * s3;
    if (++w->i2 < n2)
        return;
    w->i2 = 0, w->at += s1 - n2 * s2;
    if (++w->i1 < n1)
        return;
    w->i1 = 0, w->at += s0 - n1 * s1;
}

#define DIMENSIONS(p)                                                                              \
    int p##_n1, int p##_n2, int p##_n3, int p##_s0, int p##_s1, int p##_s2, int p##_s3
#define DIMENSIONS_OF(p) p##_n1, p##_n2, p##_n3, p##_s0, p##_s1, p##_s2, p##_s3

/* Channels kept. cv: vectors of a pixel; kept: results of a channel; summed: pixels added to each
 * in all; share: of them, a part's. */
kernel void sum_lanes(global const float *x, int x_at, global float *y, int y_at, int cv, int kept,
                      int summed, int share, int items, DIMENSIONS(k), DIMENSIONS(s))
{
    int id = (int)get_global_id(0);
    if (id >= items)
        return;
    int part = id / (cv * kept), r = part * share, end = min(r + share, summed);
    walk k = walk_begin(id / cv % kept, DIMENSIONS_OF(k)), s = walk_begin(r, DIMENSIONS_OF(s));
    global const float *from = x + x_at + k.at + id % cv * FCS_V;
    V total = 0;
    while (r < end) {
        V some = 0;
        for (int stop = min(r + 64, end); r < stop; r++) {
            some += FCS_LOAD(from + s.at);
            walk_next(&s, DIMENSIONS_OF(s));
        }
        total += some;
    }
    FCS_STORE(total, y + y_at + id * FCS_V);
}

float lanes_total(V v)
{
#if FCS_V == 1
    return v;
#elif FCS_V == 4
    return (v.s0 + v.s1) + (v.s2 + v.s3);
#else
    float8 a = v.lo + v.hi;
    float4 b = a.lo + a.hi;
    return (b.s0 + b.s1) + (b.s2 + b.s3);
#endif
}

/* Channels summed too: runs of so many floats lie side by side. With more than one run for a
 * result a part has `share` runs, else `piece` floats of the one. */
kernel void sum_runs(global const float *x, int x_at, global float *y, int y_at, int kept,
                     int summed, int share, int run, int piece, int items, DIMENSIONS(k),
                     DIMENSIONS(s))
{
    int id = (int)get_global_id(0);
    if (id >= items)
        return;
    int part = id / kept, r = summed > 1 ? part * share : 0, end = min(r + share, summed);
    int first = summed > 1 ? 0 : part * piece, last = min(first + piece, run);
    walk k = walk_begin(id % kept, DIMENSIONS_OF(k)), s = walk_begin(r, DIMENSIONS_OF(s));
    V total = 0;
    float rest = 0;
    for (; r < end; r++) {
        global const float *from = x + x_at + k.at + s.at;
        int i = first;
        while (i + FCS_V <= last) {
            V some = 0;
            for (int stop = min(i + 64 * FCS_V, last); i + FCS_V <= stop; i += FCS_V)
                some += FCS_LOAD(from + i);
            total += some;
        }
        for (; i < last; i++)
            rest += from[i];
        walk_next(&s, DIMENSIONS_OF(s));
    }
    y[y_at + id] = lanes_total(total) + rest;
}

/* y[i] = the sum of x[part * n + i]. */
kernel void sum_parts(global const float *x, int x_at, global float *y, int y_at, int n, int parts)
{
    int i = (int)get_global_id(0);
    if (i >= n)
        return;
    float total = 0;
    for (int p = 0; p < parts;) {
        float some = 0;
        for (int stop = min(p + 16, parts); p < stop; p++)
            some += x[x_at + p * n + i];
        total += some;
    }
    y[y_at + i] = total;
}
