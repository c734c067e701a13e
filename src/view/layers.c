/* layers.c: fcs_render_layers: six successive layers of a volume above its three middle slices, in
 * one picture. Bars along the slices' left and lower edges tell the axes: x red, y green, z blue.
 */
#include "view/view.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LAYERS = 6, GAP = 12, BAR = 4, DEFAULT_WIDTH = 1200, LEAST_WIDTH = 200, MOST_WIDTH = 20000 };

static const unsigned char axis_colour[3][3] = {{196, 60, 50}, {60, 150, 70}, {60, 90, 190}};

typedef struct panel {
    int u, v, w; /* axes to the right, downwards, across */
    int64_t at;  /* slice across w */
    int64_t x, y, width, height;
} panel;

static int64_t height_of(const fcs_scene *s, int u, int v, int64_t width)
{
    double ratio = (double)s->n[v] * s->scale[v] / ((double)s->n[u] * s->scale[u]);
    return (int64_t)fmax(floor(ratio * (double)width + 0.5), 1);
}

/* Mean colour of the slice under pixel (px, py) of the panel, from nine points. */
static void panel_pixel(const fcs_scene *s, const panel *p, int64_t px, int64_t py,
                        unsigned char *out)
{
    float sum[3] = {0};
    for (int k = 0; k < 9; k++) {
        int64_t i[3];
        float one[3];
        i[p->u] =
            (int64_t)(((double)px + (k % 3 + 0.5) / 3) * (double)s->n[p->u] / (double)p->width);
        i[p->v] =
            (int64_t)(((double)py + (k / 3 + 0.5) / 3) * (double)s->n[p->v] / (double)p->height);
        i[p->w] = p->at;
        fcs_scene_colour(s, i[0], i[1], i[2], one);
        for (int c = 0; c < 3; c++)
            sum[c] += one[c] / 9;
    }
    for (int c = 0; c < 3; c++)
        out[c] = fcs_srgb(sum[c]);
}

static void draw_panel(const fcs_scene *s, const panel *p, fcs_image *image)
{
    unsigned char *data = image->data;
    for (int64_t y = 0; y < p->height; y++)
        for (int64_t x = 0; x < p->width; x++)
            panel_pixel(s, p, x, y, data + ((p->y + y) * image->width + p->x + x) * 3);
}

static void fill(fcs_image *image, int64_t x, int64_t y, int64_t width, int64_t height,
                 const unsigned char colour[3])
{
    for (int64_t j = y; j < y + height; j++)
        for (int64_t i = x; i < x + width; i++)
            memcpy((unsigned char *)image->data + (j * image->width + i) * 3, colour, 3);
}

static void draw_bars(const panel *p, fcs_image *image)
{
    fill(image, p->x - BAR - 2, p->y, BAR, p->height, axis_colour[p->v]);
    fill(image, p->x, p->y + p->height + 2, p->width, BAR, axis_colour[p->u]);
}

/* The panels' places for a picture of that width; returns its height. */
static int64_t arrange(const fcs_scene *s, int64_t width, panel panels[LAYERS + 3])
{
    static const int axes[3][3] = {{0, 1, 2}, {0, 2, 1}, {1, 2, 0}};
    int64_t small = (width - (LAYERS + 1) * GAP) / LAYERS, first = s->n[2] / 2 - LAYERS / 2;
    int64_t large = (width - 4 * GAP) / 3, top = GAP + height_of(s, 0, 1, small) + GAP, low = 0;
    for (int i = 0; i < LAYERS; i++) {
        int64_t z = (first > 0 ? first : 0) + i;
        panels[i] = (panel){0,
                            1,
                            2,
                            z < s->n[2] ? z : s->n[2] - 1,
                            GAP + i * (small + GAP),
                            GAP,
                            small,
                            height_of(s, 0, 1, small)};
    }
    /* One scale for all three: the widest fills its place. */
    double widest = 0;
    for (int i = 0; i < 3; i++)
        widest = fmax(widest, (double)s->n[axes[i][0]] * s->scale[axes[i][0]]);
    for (int i = 0; i < 3; i++) {
        int u = axes[i][0], v = axes[i][1], w = axes[i][2];
        double share = (double)s->n[u] * s->scale[u] / widest;
        int64_t side = (int64_t)fmax(floor(share * (double)large + 0.5), 1);
        panels[LAYERS + i] = (panel){
            u, v, w, s->n[w] / 2, GAP + i * (large + GAP), top, side, height_of(s, u, v, side)};
        low = panels[LAYERS + i].height > low ? panels[LAYERS + i].height : low;
    }
    return top + low + GAP;
}

fcs_status fcs_render_layers(fcs_context *ctx, const fcs_image *volume,
                             const fcs_render_options *options, fcs_image **out)
{
    static const fcs_render_options defaults;
    const fcs_render_options *o = options ? options : &defaults;
    int64_t width = o->width ? o->width : DEFAULT_WIDTH;
    panel panels[LAYERS + 3];
    fcs_scene s = {0};
    fcs_error *e = &ctx->error;
    fcs_error_clear(e);
    *out = NULL;
    if (width < LEAST_WIDTH || width > MOST_WIDTH)
        return fcs_fail(e, FCS_FAILED, "view: layers %lld pixels wide: use %d to %d",
                        (long long)width, LEAST_WIDTH, MOST_WIDTH);
    fcs_status status = fcs_scene_open(e, volume, o, &s);
    int64_t height = status ? 0 : arrange(&s, width, panels);
    if (!status && height > 5 * (int64_t)MOST_WIDTH)
        status = fcs_fail(e, FCS_FAILED, "view: layers would be %lld pixels high: cut the volume",
                          (long long)height);
    if (!status)
        status = fcs_image_make(e, width, height, 1, 3, FCS_U8, out);
    if (!status)
        memset((*out)->data, 255, (size_t)(width * height * 3));
    for (int i = 0; !status && i < LAYERS + 3; i++) {
        draw_panel(&s, &panels[i], *out);
        if (i >= LAYERS)
            draw_bars(&panels[i], *out);
    }
    fcs_scene_free(&s);
    return status;
}
