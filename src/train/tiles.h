/* tiles.h: the generator's output for any size, in pieces that fit a memory budget and equal the
 * whole bit for bit. */
#ifndef FCS_TILES_H
#define FCS_TILES_H

#include "models/model.h"

typedef struct fcs_tiler fcs_tiler;
typedef struct fcs_tiler_options {
    int64_t size[3]; /* D H W of the image, in pixels */
    bool periodic;   /* wrap around: W and H (and D of volumes) are multiples of the stride */
    int64_t halo;  /* pixels that each slab brings along around its core: clipped at edges, wrapped
                      when periodic */
    bool phases;   /* slabs hold the number of the largest channel, the first of equals, alone */
    size_t memory; /* bytes for one tile's plan and one slab together; 0: 448 MiB, or what the
                      smallest tiles need */
} fcs_tiler_options;

/* Chooses the tiles, builds the plans that all of them need and allocates their one arena. */
fcs_status fcs_tiler_new(fcs_model *m, const fcs_tiler_options *o, fcs_error *e, fcs_tiler **out);
void fcs_tiler_free(fcs_tiler *t);
int fcs_tiler_channels(const fcs_tiler *t);  /* of slabs */
int64_t fcs_tiler_tiles(const fcs_tiler *t); /* of one image: for progress */
size_t fcs_tiler_bytes(const fcs_tiler *t);  /* arena, tile tensors and slab */
int fcs_tiler_plans(const fcs_tiler *t);     /* different plans among them */

/* Slabs cut the image into blocks of whole rows, in the order that writers want them: page by page
 * of groups of pages. core: the pixels that the slab is responsible for; reach: those that it
 * holds, halo included (below 0 or past the size when periodic). */
typedef struct fcs_slab {
    int64_t core_lo[3], core_hi[3], lo[3], hi[3];
} fcs_slab;
int64_t fcs_tiler_slabs(const fcs_tiler *t);
void fcs_tiler_slab(const fcs_tiler *t, int64_t i, fcs_slab *slab);
int64_t fcs_tiler_slab_floats(
    const fcs_tiler *t); /* of the largest one, halo and channels included */
/* Whether what a slab holds is not the image's rows already, one behind the other. */
bool fcs_tiler_rows_apart(const fcs_tiler *t);
/* Computes slab i of a realization, in their order (0 begins another image): out[c][z][y][x] over
 * its reach, in the generator's own range, or numbers of phases. done(user, n) is called after
 * every tile; false stops with FCS_INTERRUPTED. */
typedef bool fcs_tile_done(void *user);
fcs_status fcs_tiler_run(fcs_tiler *t, int64_t i, uint64_t seed, int64_t realization, float *out,
                         fcs_tile_done *done, void *user, fcs_error *e);

/* The reach of one latent cell: the margin, in cells, beyond which nothing in the output depends on
 * it or on the image's edges. Fails where the generator needs its whole latent. */
fcs_status fcs_model_margin(fcs_model *m, bool volume, int64_t *cells, fcs_error *e);

#endif
