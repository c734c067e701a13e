/* scene.c: a volume made ready to be looked at: phases, colours, smoothed surfaces, shares of what
 * is opaque in coarser and coarser cells. */
#include "view/view.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- phases and colours ---- */

/* Told apart by the colour blind, and in print: dark blue, orange, cream, green, rose, violet,
 * gold, light blue. sRGB. */
static const unsigned char palette[FCS_SCENE_PHASES][3] = {
    {49, 84, 134},  {224, 142, 69},  {234, 226, 206}, {95, 160, 119},
    {186, 98, 112}, {140, 124, 184}, {214, 192, 96},  {126, 180, 200}};
/* Two phases: pores, then rock. */
static const unsigned char pair[2][3] = {{70, 116, 166}, {222, 205, 170}};

static float linear(double srgb)
{
    return (float)(srgb <= 0.04045 ? srgb / 12.92 : pow((srgb + 0.055) / 1.055, 2.4));
}

unsigned char fcs_srgb(float v)
{
    double x = v > 0 ? v < 1 ? (double)v : 1 : 0;
    double y = x <= 0.0031308 ? 12.92 * x : 1.055 * pow(x, 1 / 2.4) - 0.055;
    return (unsigned char)(y * 255 + 0.5);
}

/* Phases are up to eight distinct values, or two sides of a threshold. */
static fcs_status find_phases(fcs_error *e, const fcs_render_options *o, fcs_scene *s)
{
    fcs_stats *stats = fcs_alloc(e, sizeof *stats);
    double max = fcs_sample_max(s->image->sample);
    if (!stats)
        return FCS_FAILED;
    fcs_stats_of(s->image, stats);
    s->low = stats->low / max;
    s->high = stats->high > stats->low ? stats->high / max : s->low + 1;
    if (o->threshold > 0) {
        s->phases = 2;
        s->bound[0] = o->threshold;
    } else if (s->image->channels == 1 && stats->levels <= FCS_SCENE_PHASES && stats->bad < 0) {
        s->phases = stats->levels;
        for (int k = 0; k + 1 < s->phases; k++)
            s->bound[k] = (stats->level[k].value + stats->level[k + 1].value) / 2 / max;
    }
    for (int k = 0; k < s->phases; k++)
        for (int c = 0; c < 3; c++)
            s->colour[k][c] = linear((s->phases <= 2 ? pair[k][c] : palette[k][c]) / 255.0);
    free(stats);
    return FCS_OK;
}

static fcs_status set_transparent(fcs_error *e, const char *list, fcs_scene *s)
{
    int left = s->phases;
    s->all_opaque = true;
    for (int k = 0; k < s->phases; k++)
        s->opaque[k] = true;
    for (const char *at = list; at && *at;) {
        char *end;
        long k = strtol(at, &end, 10);
        if (s->phases == 0)
            return fcs_fail(
                e, FCS_FAILED,
                "view: the volume has no phases that could be transparent, but greys or "
                "colours: a threshold makes two");
        if (end == at || (*end && *end != ',') || k < 0 || k >= s->phases)
            return fcs_fail(e, FCS_FAILED,
                            "view: transparent phases \"%.40s\": use numbers from 0 to %d", list,
                            s->phases - 1);
        left -= s->opaque[k];
        s->opaque[k] = false;
        s->all_opaque = false;
        at = *end ? end + 1 : end;
    }
    if (s->phases && left < 1)
        return fcs_fail(e, FCS_FAILED,
                        "view: all %d phases are transparent: nothing is left to see", s->phases);
    return FCS_OK;
}

static double voxel_side(const fcs_image *m, int axis)
{
    return m->voxel.size[axis] > 0 ? m->voxel.size[axis] : 1;
}

fcs_status fcs_scene_open(fcs_error *e, const fcs_image *image, const fcs_render_options *o,
                          fcs_scene *s)
{
    const int64_t n[3] = {image->width, image->height, image->depth};
    memset(s, 0, sizeof *s);
    s->image = image;
    double least = fmin(fmin(voxel_side(image, 0), voxel_side(image, 1)), voxel_side(image, 2));
    for (int a = 0; a < 3; a++) {
        s->n[a] = n[a];
        s->scale[a] = fmin(voxel_side(image, a) / least, 1000);
    }
    if (image->depth < 2)
        return fcs_fail(e, FCS_FAILED, "view: one page: give it a volume");
    fcs_status status = find_phases(e, o, s);
    return status ? status : set_transparent(e, o->transparent, s);
}

static unsigned char phase_of(const fcs_scene *s, double v)
{
    int k = 0;
    while (k + 1 < s->phases && v > s->bound[k])
        k++;
    return (unsigned char)k;
}

void fcs_scene_colour(const fcs_scene *s, int64_t x, int64_t y, int64_t z, float out[3])
{
    int channels = s->image->channels;
    if (s->phases) {
        int k = s->phase ? s->phase[fcs_scene_index(s, x, y, z)]
                         : phase_of(s, fcs_image_value(s->image, z, y, x, 0));
        memcpy(out, s->colour[k], sizeof s->colour[k]);
        return;
    }
    for (int c = 0; c < 3; c++) {
        double v = fcs_image_value(s->image, z, y, x, channels == 3 ? c : 0);
        out[c] = linear(channels == 3 && s->image->sample != FCS_F32
                            ? v
                            : fmin(fmax((v - s->low) / (s->high - s->low), 0), 1));
    }
}

bool fcs_scene_is_cut(const fcs_scene *s, const double p[3])
{
    for (int a = 0; a < 3; a++)
        if (!s->has_cut || (s->corner[a] ? p[a] <= s->cut[a] : p[a] >= s->cut[a]))
            return false;
    return true;
}

/* ---- fields ---- */

typedef struct job {
    fcs_scene *s;
    unsigned char *from, *to;
    int axis, level;
} job;

static void fill_phase(void *arg, int64_t begin, int64_t end, int thread)
{
    const job *j = arg;
    fcs_scene *s = j->s;
    (void)thread;
    for (int64_t z = begin; z < end; z++)
        for (int64_t y = 0; y < s->n[1]; y++)
            for (int64_t x = 0; x < s->n[0]; x++) {
                int64_t i = fcs_scene_index(s, x, y, z);
                unsigned char k = phase_of(s, fcs_image_value(s->image, z, y, x, 0));
                s->phase[i] = k;
                if (j->to)
                    j->to[i] = s->opaque[k] ? 255 : 0;
            }
}

/* (1 4 6 4 1) / 16 along one axis, the border repeated. */
static void blur(void *arg, int64_t begin, int64_t end, int thread)
{
    const job *j = arg;
    const fcs_scene *s = j->s;
    const int64_t stride[3] = {1, s->n[0], s->n[0] * s->n[1]};
    const int64_t n = s->n[j->axis], step = stride[j->axis];
    (void)thread;
    for (int64_t z = begin; z < end; z++)
        for (int64_t y = 0; y < s->n[1]; y++)
            for (int64_t x = 0; x < s->n[0]; x++) {
                int64_t i = fcs_scene_index(s, x, y, z);
                int64_t at = j->axis == 0 ? x : j->axis == 1 ? y : z;
                int64_t a = at > 0 ? step : 0, b = at > 1 ? 2 * step : a;
                int64_t c = at < n - 1 ? step : 0, d = at < n - 2 ? 2 * step : c;
                const unsigned char *f = j->from + i;
                j->to[i] =
                    (unsigned char)((f[-b] + 4 * f[-a] + 6 * f[0] + 4 * f[c] + f[d] + 8) / 16);
            }
}

static fcs_status make_field(fcs_error *e, fcs_scene *s, fcs_team *team)
{
    size_t n = (size_t)(s->n[0] * s->n[1] * s->n[2]);
    job j = {.s = s, .to = NULL};
    unsigned char *other = NULL;
    if (s->phases == 0)
        return FCS_OK;
    if (!(s->phase = fcs_alloc(e, n)))
        return FCS_FAILED;
    if (!s->all_opaque) {
        s->field = fcs_alloc(e, n);
        other = fcs_alloc(e, n);
        if (!s->field || !other) {
            free(other);
            return FCS_FAILED;
        }
        j.to = s->field;
    }
    fcs_parallel(team, s->n[2], 1, fill_phase, &j);
    for (int a = 0; a < 3 && s->field; a++) {
        j = (job){.s = s, .from = s->field, .to = other, .axis = a};
        fcs_parallel(team, s->n[2], 1, blur, &j);
        other = s->field;
        s->field = j.to;
    }
    free(other);
    return FCS_OK;
}

static void fill_bricks(void *arg, int64_t begin, int64_t end, int thread)
{
    fcs_scene *s = ((const job *)arg)->s;
    (void)thread;
    for (int64_t bz = begin; bz < end; bz++)
        for (int64_t z = bz * FCS_BRICK - 1; z <= (bz + 1) * FCS_BRICK; z++)
            for (int64_t y = 0; y < s->n[1] && z >= 0 && z < s->n[2]; y++)
                for (int64_t x = 0; x < s->n[0]; x++) {
                    if (s->field[fcs_scene_index(s, x, y, z)] < 100)
                        continue;
                    /* A surface between voxels belongs to the bricks on both sides. */
                    for (int64_t by = (y > 0 ? y - 1 : 0) / FCS_BRICK;
                         by <= (y + 1) / FCS_BRICK && by < s->bricks[1]; by++)
                        for (int64_t bx = (x > 0 ? x - 1 : 0) / FCS_BRICK;
                             bx <= (x + 1) / FCS_BRICK && bx < s->bricks[0]; bx++)
                            s->brick[(bz * s->bricks[1] + by) * s->bricks[0] + bx] = 1;
                }
}

static fcs_status make_bricks(fcs_error *e, fcs_scene *s, fcs_team *team)
{
    job j = {.s = s};
    for (int a = 0; a < 3; a++)
        s->bricks[a] = (s->n[a] + FCS_BRICK - 1) / FCS_BRICK;
    if (!s->field)
        return FCS_OK;
    s->brick = fcs_alloc(e, (size_t)(s->bricks[0] * s->bricks[1] * s->bricks[2]));
    if (!s->brick)
        return FCS_FAILED;
    fcs_parallel(team, s->bricks[2], 1, fill_bricks, &j);
    return FCS_OK;
}

/* ---- shares of what is opaque ---- */

static unsigned voxel_share(const fcs_scene *s, int64_t x, int64_t y, int64_t z)
{
    const double p[3] = {(double)x + 0.5, (double)y + 0.5, (double)z + 0.5};
    if (x >= s->n[0] || y >= s->n[1] || z >= s->n[2] || fcs_scene_is_cut(s, p))
        return 0;
    return s->field ? s->opaque[s->phase[fcs_scene_index(s, x, y, z)]] ? 255 : 0 : 255;
}

static unsigned cell_share(const fcs_scene_level *l, int64_t x, int64_t y, int64_t z)
{
    if (x >= l->n[0] || y >= l->n[1] || z >= l->n[2])
        return 0;
    return l->share[(z * l->n[1] + y) * l->n[0] + x];
}

static void fill_level(void *arg, int64_t begin, int64_t end, int thread)
{
    const job *j = arg;
    fcs_scene *s = j->s;
    fcs_scene_level *l = &s->level[j->level];
    (void)thread;
    for (int64_t z = begin; z < end; z++)
        for (int64_t y = 0; y < l->n[1]; y++)
            for (int64_t x = 0; x < l->n[0]; x++) {
                unsigned sum = 4;
                for (int i = 0; i < 8; i++) {
                    int64_t fx = 2 * x + (i & 1), fy = 2 * y + (i >> 1 & 1), fz = 2 * z + (i >> 2);
                    sum +=
                        j->level == 1 ? voxel_share(s, fx, fy, fz) : cell_share(l - 1, fx, fy, fz);
                }
                l->share[(z * l->n[1] + y) * l->n[0] + x] = (unsigned char)(sum / 8);
            }
}

static fcs_status make_levels(fcs_error *e, fcs_scene *s, fcs_team *team)
{
    for (int k = 1; k < FCS_SCENE_LEVELS; k++) {
        fcs_scene_level *l = &s->level[k];
        job j = {.s = s, .level = k};
        for (int a = 0; a < 3; a++)
            l->n[a] = ((k == 1 ? s->n[a] : l[-1].n[a]) + 1) / 2;
        l->share = fcs_alloc(e, (size_t)(l->n[0] * l->n[1] * l->n[2]));
        if (!l->share)
            return FCS_FAILED;
        fcs_parallel(team, l->n[2], 1, fill_level, &j);
    }
    return FCS_OK;
}

fcs_status fcs_scene_build(fcs_error *e, fcs_scene *s, fcs_team *team)
{
    fcs_status status = make_field(e, s, team);
    if (!status)
        status = make_bricks(e, s, team);
    return status ? status : make_levels(e, s, team);
}

void fcs_scene_free(fcs_scene *s)
{
    free(s->phase);
    free(s->field);
    free(s->brick);
    for (int k = 0; k < FCS_SCENE_LEVELS; k++)
        free(s->level[k].share);
    memset(s, 0, sizeof *s);
}
