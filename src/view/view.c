/* view.c: fcs_render: a volume as a picture, seen from one corner. */
#include "view/view.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SAMPLES = 3, DEFAULT_SIDE = 1000, MOST_SIDE = 20000 };

static const double pi = 3.14159265358979323846;

static void cross(const double a[3], const double b[3], double out[3])
{
    for (int i = 0; i < 3; i++)
        out[i] = a[(i + 1) % 3] * b[(i + 2) % 3] - a[(i + 2) % 3] * b[(i + 1) % 3];
}

/* x to the right and y away from the viewer at azimuth 0; then the viewer walks to the right. */
static void aim(const fcs_scene *s, double azimuth, double elevation, int64_t width, int64_t height,
                fcs_camera *c)
{
    double az = azimuth * pi / 180, el = elevation * pi / 180, reach[2] = {0, 0};
    const double forward[3] = {-sin(az) * cos(el), cos(az) * cos(el), -sin(el)};
    const double right[3] = {cos(az), sin(az), 0};
    memcpy(c->forward, forward, sizeof forward);
    memcpy(c->right, right, sizeof right);
    cross(right, forward, c->up);
    for (int a = 0; a < 3; a++) {
        double side = (double)s->n[a] * s->scale[a];
        c->centre[a] = side / 2;
        reach[0] += fabs(c->right[a]) * side;
        reach[1] += fabs(c->up[a]) * side;
    }
    c->pixel = 1.06 * fmax(reach[0] / (double)width, reach[1] / (double)height);
}

static void set_cut(fcs_scene *s, const fcs_camera *c, double cut)
{
    s->has_cut = cut > 0;
    for (int a = 0; a < 3; a++) {
        s->corner[a] = c->forward[a] < 0;
        s->cut[a] = (double)s->n[a] * (s->corner[a] ? 1 - cut : cut);
        s->cut[a] = fmin(fmax(floor(s->cut[a] + 0.5), 1), (double)s->n[a] - 1);
    }
}

/* ---- drawing ---- */

typedef struct picture {
    fcs_context *ctx;
    const fcs_scene *scene;
    fcs_camera camera;
    fcs_edge edges[FCS_EDGES_MAX];
    int n_edges;
    double line; /* half of a line's width, pixels */
    fcs_image *image;
} picture;

/* How much of a line covers the point, 0..1: of visible edges, of hidden ones. */
static double line_cover(const picture *p, double x, double y, bool hidden)
{
    double least = INFINITY;
    for (int i = 0; i < p->n_edges; i++) {
        const fcs_edge *k = &p->edges[i];
        if (k->hidden != hidden)
            continue;
        double dx = k->b[0] - k->a[0], dy = k->b[1] - k->a[1], length = dx * dx + dy * dy;
        double t = length > 0 ? ((x - k->a[0]) * dx + (y - k->a[1]) * dy) / length : 0;
        t = t < 0 ? 0 : t > 1 ? 1 : t;
        least = fmin(least, hypot(x - k->a[0] - t * dx, y - k->a[1] - t * dy));
    }
    return least <= p->line ? 1 : 0;
}

static void mix(float out[3], float to, double share)
{
    for (int c = 0; c < 3; c++)
        out[c] = (float)((1 - share) * (double)out[c] + share * (double)to);
}

/* Light at a point of the picture, in pixels from its middle, y upwards. */
static void sample_at(const picture *p, double x, double y, float out[3])
{
    const fcs_camera *c = &p->camera;
    double at[3];
    for (int a = 0; a < 3; a++)
        at[a] = c->centre[a] + c->pixel * (x * c->right[a] + y * c->up[a]);
    if (!fcs_ray_colour(p->scene, c, at, out)) {
        out[0] = out[1] = out[2] = 1;
        mix(out, 0.3f, 0.5 * line_cover(p, x, y, true));
    }
    mix(out, 0.012f, 0.62 * line_cover(p, x, y, false));
}

static void draw_rows(void *arg, int64_t begin, int64_t end, int thread)
{
    const picture *p = arg;
    const int64_t w = p->image->width, h = p->image->height;
    (void)thread;
    for (int64_t y = begin; y < end && !p->ctx->interrupted; y++)
        for (int64_t x = 0; x < w; x++) {
            float sum[3] = {0};
            for (int k = 0; k < SAMPLES * SAMPLES; k++) {
                float one[3];
                double dx = (k % SAMPLES + 0.5) / SAMPLES, dy = (k / SAMPLES + 0.5) / SAMPLES;
                sample_at(p, (double)x + dx - (double)w / 2, (double)h / 2 - (double)y - dy, one);
                for (int c = 0; c < 3; c++)
                    sum[c] += one[c] < 1 ? one[c] : 1;
            }
            for (int c = 0; c < 3; c++)
                ((unsigned char *)p->image->data)[(y * w + x) * 3 + c] =
                    fcs_srgb(sum[c] / (SAMPLES * SAMPLES));
        }
}

static fcs_status check_options(fcs_error *e, const fcs_render_options *o)
{
    if (o->width < 0 || o->height < 0 || o->width > MOST_SIDE || o->height > MOST_SIDE)
        return fcs_fail(e, FCS_FAILED, "view: a picture of %lld x %lld pixels: use up to %d",
                        (long long)o->width, (long long)o->height, MOST_SIDE);
    if (!(o->cut >= 0 && o->cut < 1))
        return fcs_fail(e, FCS_FAILED, "view: cut %g: use a share of the side from 0 to below 1",
                        o->cut);
    if (!(fabs(o->azimuth) <= 360) || !(fabs(o->elevation) < 90))
        return fcs_fail(e, FCS_FAILED,
                        "view: azimuth %g, elevation %g: use degrees, up to 360 and below 90",
                        o->azimuth, o->elevation);
    if (!(o->threshold >= 0 && o->threshold < 1))
        return fcs_fail(e, FCS_FAILED, "view: threshold %g: use a value between 0 and 1",
                        o->threshold);
    return FCS_OK;
}

fcs_status fcs_render(fcs_context *ctx, const fcs_image *volume, const fcs_render_options *options,
                      fcs_image **out)
{
    static const fcs_render_options defaults;
    const fcs_render_options *o = options ? options : &defaults;
    int64_t width = o->width ? o->width : o->height ? o->height : DEFAULT_SIDE;
    int64_t height = o->height ? o->height : width;
    bool given = o->azimuth != 0 || o->elevation != 0;
    fcs_scene scene = {0};
    picture p = {.ctx = ctx, .scene = &scene};
    fcs_error_clear(&ctx->error);
    *out = NULL;
    fcs_status status = check_options(&ctx->error, o);
    if (!status)
        status = fcs_scene_open(&ctx->error, volume, o, &scene);
    if (!status) {
        aim(&scene, given ? o->azimuth : 32, given ? o->elevation : 26, width, height, &p.camera);
        set_cut(&scene, &p.camera, o->cut);
        p.n_edges = fcs_edges_find(&scene, &p.camera, p.edges);
        p.line = 0.45 + 0.0002 * (double)width;
        status = fcs_scene_build(&ctx->error, &scene, ctx->team);
    }
    if (!status)
        status = fcs_image_make(&ctx->error, width, height, 1, 3, FCS_U8, &p.image);
    if (!status)
        fcs_parallel(ctx->team, height, 4, draw_rows, &p);
    fcs_scene_free(&scene);
    if (!status && ctx->interrupted) {
        ctx->interrupted = 0;
        status = fcs_fail(&ctx->error, FCS_INTERRUPTED, "view: stopped on request");
    }
    if (status)
        fcs_image_free(p.image);
    else
        *out = p.image;
    return status;
}
