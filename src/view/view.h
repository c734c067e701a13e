/* view.h: pictures of volumes: what the files of src/view share. Coordinates are in voxels, voxel i
 * from i to i + 1; directions of light and camera in the world, whose axes are the volume's, scaled
 * by the voxel. */
#ifndef FCS_VIEW_H
#define FCS_VIEW_H

#include "image/picture.h"

enum { FCS_SCENE_PHASES = 8, FCS_SCENE_LEVELS = 6 };

/* How much of a volume is opaque, in cells of 2^k voxels: for soft shadows. */
typedef struct fcs_scene_level {
    int64_t n[3];
    unsigned char *share; /* 255: all */
} fcs_scene_level;

typedef struct fcs_scene {
    const fcs_image *image;
    int64_t n[3];
    double scale[3];                   /* world units a voxel; the smallest is 1 */
    int phases;                        /* 0: greys or colours, shown as they are and opaque */
    double bound[FCS_SCENE_PHASES];    /* phase k lies above bound[k - 1] */
    double low, high;                  /* of greys */
    float colour[FCS_SCENE_PHASES][3]; /* linear light */
    bool opaque[FCS_SCENE_PHASES];
    bool all_opaque;
    int corner[3]; /* of the corner nearest to the viewer: 0 low, 1 high */
    bool has_cut;
    double cut[3];        /* that corner is cut away beyond these planes */
    unsigned char *phase; /* of each voxel; NULL where phases is 0 */
    unsigned char *field; /* smoothed opacity, surface at 128; NULL where all is opaque */
    unsigned char *brick; /* is anything in this cube of BRICK voxels? */
    int64_t bricks[3];
    fcs_scene_level level[FCS_SCENE_LEVELS]; /* 0 is unused */
} fcs_scene;
enum { FCS_BRICK = 8 };

/* ---- scene.c ---- */
/* Phases and colours only: what slices need. */
fcs_status fcs_scene_open(fcs_error *e, const fcs_image *image, const fcs_render_options *o,
                          fcs_scene *s);
/* What rays need. */
fcs_status fcs_scene_build(fcs_error *e, fcs_scene *s, fcs_team *team);
void fcs_scene_free(fcs_scene *s);
/* Colour of a voxel, linear light. */
void fcs_scene_colour(const fcs_scene *s, int64_t x, int64_t y, int64_t z, float out[3]);
static inline int64_t fcs_scene_index(const fcs_scene *s, int64_t x, int64_t y, int64_t z)
{
    return (z * s->n[1] + y) * s->n[0] + x;
}
/* Is the point in the part that was cut away? */
bool fcs_scene_is_cut(const fcs_scene *s, const double p[3]);
unsigned char fcs_srgb(float linear);

/* ---- ray.c ---- */
typedef struct fcs_camera { /* parallel rays: directions in the world, lengths 1 */
    double right[3], up[3], forward[3];
    double centre[3]; /* the world's point in the picture's middle */
    double pixel;     /* world units a pixel */
} fcs_camera;
/* The light that comes along the ray through the world's point `at`: false where it meets nothing.
 */
bool fcs_ray_colour(const fcs_scene *s, const fcs_camera *c, const double at[3], float out[3]);

/* ---- edges.c: the outline of the box, with its cut ---- */
typedef struct fcs_edge {
    double a[2], b[2]; /* in pixels from the picture's middle, y upwards */
    bool hidden;       /* behind the box */
} fcs_edge;
enum { FCS_EDGES_MAX = 64 };
int fcs_edges_find(const fcs_scene *s, const fcs_camera *c, fcs_edge edges[FCS_EDGES_MAX]);

#endif
