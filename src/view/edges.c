/* edges.c: the outline of the box with its cut. The box is two cells along each axis, one of the
 * eight is missing; an edge is where the four cells round it are not all there, not all missing,
 * and not two side by side. */
#include "view/view.h"
#include <math.h>
#include <string.h>

static bool cell_is_there(const fcs_scene *s, const int c[3])
{
    bool near = true;
    for (int a = 0; a < 3; a++) {
        if (c[a] < 0 || c[a] > 1)
            return false;
        near = near && c[a] == s->corner[a];
    }
    return !(near && s->has_cut);
}

/* Does something change round the edge along `axis` that begins at lattice point i? */
static bool is_edge(const fcs_scene *s, int axis, const int i[3])
{
    int u = (axis + 1) % 3, v = (axis + 2) % 3, count = 0, first = -1, second = -1;
    for (int k = 0; k < 4; k++) {
        int c[3];
        c[axis] = i[axis];
        c[u] = i[u] - 1 + (k & 1);
        c[v] = i[v] - 1 + (k >> 1);
        if (!cell_is_there(s, c))
            continue;
        second = first;
        first = k;
        count++;
    }
    return count == 1 || count == 3 || (count == 2 && (first ^ second) == 3);
}

/* Is the way from p to the viewer free? */
static bool is_free(const fcs_scene *s, const fcs_camera *c, const double p[3])
{
    double reach = 0;
    for (int a = 0; a < 3; a++)
        reach += (double)s->n[a] * s->scale[a];
    for (int k = 1; k <= 400; k++) {
        double q[3];
        bool in = true;
        for (int a = 0; a < 3; a++) {
            q[a] = p[a] - c->forward[a] / s->scale[a] * reach * (k * k) / 160000;
            in = in && q[a] > 1e-6 && q[a] < (double)s->n[a] - 1e-6;
        }
        if (in && !fcs_scene_is_cut(s, q))
            return false;
    }
    return true;
}

static void project(const fcs_scene *s, const fcs_camera *c, const double p[3], double out[2])
{
    out[0] = out[1] = 0;
    for (int a = 0; a < 3; a++) {
        double w = p[a] * s->scale[a] - c->centre[a];
        out[0] += w * c->right[a] / c->pixel;
        out[1] += w * c->up[a] / c->pixel;
    }
}

static void lattice(const fcs_scene *s, const int i[3], double p[3])
{
    for (int a = 0; a < 3; a++) {
        double middle = s->has_cut ? s->cut[a] : (double)s->n[a] / 2;
        p[a] = i[a] == 0 ? 0 : i[a] == 1 ? middle : (double)s->n[a];
    }
}

int fcs_edges_find(const fcs_scene *s, const fcs_camera *c, fcs_edge edges[FCS_EDGES_MAX])
{
    int n = 0;
    for (int axis = 0; axis < 3; axis++)
        for (int k = 0; k < 18 && n < FCS_EDGES_MAX; k++) {
            int i[3], next[3];
            double a[3], b[3], middle[3];
            i[axis] = k % 2;
            i[(axis + 1) % 3] = k / 2 % 3;
            i[(axis + 2) % 3] = k / 6;
            if (!is_edge(s, axis, i))
                continue;
            memcpy(next, i, sizeof next);
            next[axis]++;
            lattice(s, i, a);
            lattice(s, next, b);
            for (int x = 0; x < 3; x++)
                middle[x] = (a[x] + b[x]) / 2;
            project(s, c, a, edges[n].a);
            project(s, c, b, edges[n].b);
            edges[n++].hidden = !is_free(s, c, middle);
        }
    return n;
}
