/* synth.c: the table of procedural training images. */
#include "image/synth.h"
#include <string.h>

static const fcs_synth_kind kinds[] = {
    {"channels", "river channels in clay, 0 and 255, 27.5 % channel; tubes in 3D",
     fcs_synth_channels},
    {"spheres", "discs or balls of 6 to 16 pixels radius that do not overlap, 0 and 255",
     fcs_synth_spheres},
    {"grains", "a polycrystal: Voronoi cells of 24 pixels in grey levels", fcs_synth_grains},
    {"blobs", "three phases, 0, 128 and 255, with 45, 35 and 20 % of the pixels", fcs_synth_blobs},
    {"stripes", "undulating layers 12 pixels thick, 0 and 255, half each", fcs_synth_stripes},
};

const fcs_synth_kind *fcs_synth_kinds(int *n)
{
    *n = (int)(sizeof kinds / sizeof *kinds);
    return kinds;
}

static const fcs_synth_kind *find(fcs_error *e, const char *name)
{
    int n;
    const char *names[sizeof kinds / sizeof *kinds];
    fcs_synth_kinds(&n);
    for (int i = 0; i < n; i++) {
        if (strcmp(kinds[i].name, name) == 0)
            return &kinds[i];
        names[i] = kinds[i].name;
    }
    const char *near = fcs_nearest(name, names, n);
    if (near)
        fcs_fail(e, FCS_FAILED, "no synthetic image '%s'; did you mean '%s'?", name, near);
    else
        fcs_fail(e, FCS_FAILED, "no synthetic image '%s'; 'facies list synth' names them", name);
    return NULL;
}

fcs_status fcs_synth(fcs_context *ctx, const char *kind, int64_t width, int64_t height,
                     int64_t depth, uint64_t seed, fcs_image **out)
{
    fcs_error *e = &ctx->error;
    fcs_error_clear(e);
    *out = NULL;
    const fcs_synth_kind *k = find(e, kind);
    fcs_image *image = NULL;
    if (!k)
        return FCS_FAILED;
    if (width > 1 << 30 || height > 1 << 30 || depth > 1 << 30)
        return fcs_fail(e, FCS_FAILED, "synth: sizes are at most 2^30 pixels");
    if (fcs_image_new(ctx, width, height, depth, 1, FCS_U8, &image))
        return FCS_FAILED;
    char name[40];
    snprintf(name, sizeof name, "synth.%s", k->name);
    fcs_dice dice = {.seed = seed, .stream = fcs_random_stream(name)};
    if (k->make(e, image, &dice)) {
        fcs_image_free(image);
        return FCS_FAILED;
    }
    *out = image;
    return FCS_OK;
}
