/* tiler.h: what the files of the tiler share (tiles.h is what others see): tiles.c cuts and runs,
 * tile_pieces.c makes the plans of tiles, tile_choice.c finds their size. */
#ifndef FCS_TILER_H
#define FCS_TILER_H

#include "train/tiles.h"

/* A plan for tiles that lie alike. */
typedef struct fcs_piece {
    fcs_window *window, *next; /* of the first such tile, and of the one after it in its row */
    fcs_plan *plan;
    fcs_tensor *latent, *out; /* latent: NULL where all that is left to do with it was done by the
                                 tile before, in a row */
    bool borrows;             /* out is that of an earlier piece */
    int64_t from[4]; /* where the latent window begins, C D H W: spatial ones relative to the tile's
                        cell */
    fcs_box cells;   /* the latent window */
} fcs_piece;

/* What tiles in a row hand on: part of a node's value. */
typedef struct fcs_kept {
    int node;
    fcs_tensor *tensor;
} fcs_kept;

struct fcs_tiler {
    fcs_model *m;
    fcs_context *ctx;
    fcs_graph *whole;
    fcs_node *out;
    fcs_tensor *latent;
    fcs_shape shape; /* of the whole graph's output: the image, rounded up, and its margin when
                        periodic */
    bool volume, phases;
    int64_t size[3], stride[3], origin[3], margin[3], cells[3], period[3], halo[3];
    int row; /* the dimension along which tiles, whole slabs, hand on what they have; -1: none */
    int64_t tile[3], slab[3], n_slabs[3], tiles;
    int channels;
    size_t bytes;
    fcs_piece *pieces;
    int n_pieces;
    size_t pieces_capacity;
    int *piece_of; /* each tile's, in the order of slabs */
    size_t piece_of_capacity;
    fcs_kept *kept;
    size_t n_kept, kept_capacity;
    int64_t next_slab, next_tile; /* to run */
    float *cells_in;              /* one latent window */
};

/* ---- tile_pieces.c ---- */
/* The generator's output for so many latent cells, in a new graph; graph and latent are the
 * caller's. */
fcs_status fcs_tiler_whole(fcs_model *m, const int64_t cells[3], fcs_graph **g, fcs_node **out,
                           fcs_tensor **latent, fcs_error *e);
/* The window of a tile, in the whole graph's output coordinates; before: that of the tile before it
 * in its row, or NULL. */
fcs_window *fcs_tile_window(fcs_tiler *t, const int64_t lo[3], const int64_t hi[3],
                            const fcs_window *before);
/* The number of the piece for such tiles, or -1. */
int fcs_piece_find(const fcs_tiler *t, const fcs_window *w, const fcs_window *next);
/* Builds it; lo: the tile's first pixel. */
fcs_status fcs_piece_build(fcs_tiler *t, fcs_window *w, fcs_window *next, const int64_t lo[3],
                           fcs_piece *p, fcs_error *e);
void fcs_piece_free(fcs_piece *p);
size_t fcs_piece_tensor_bytes(const fcs_piece *p);
size_t fcs_piece_passing_bytes(const fcs_piece *p); /* the latent on its way to its tensor */

/* ---- tile_choice.c ---- */
/* Finds tiles within the memory (0: the usual) and builds all their pieces. */
fcs_status fcs_tiler_choose(fcs_tiler *t, size_t wanted, fcs_error *e);
size_t fcs_tiler_alone_bytes(const fcs_tiler *t, const fcs_piece *p); /* with no other piece */
void fcs_tiler_drop(fcs_tiler *t); /* all pieces, and what they hand on */

/* ---- tiles.c ---- */
/* The dimension along which tiles of these sides lie in one row, each all of a slab, or -1. */
int fcs_tiler_row(const fcs_tiler *t, const int64_t side[3]);
/* Tiles of these sides, where the image is larger, and the slabs that go with them. */
void fcs_tiler_cut(fcs_tiler *t, const int64_t side[3]);
/* Calls body for each tile of slab i, lo and hi in image coordinates. */
typedef fcs_status fcs_tile_body(fcs_tiler *t, const fcs_slab *slab, const int64_t lo[3],
                                 const int64_t hi[3], void *user);
fcs_status fcs_tiler_each(fcs_tiler *t, int64_t i, fcs_tile_body *body, void *user);
/* Image coordinates as the whole graph's. */
void fcs_tiler_to_whole(const fcs_tiler *t, const int64_t at[3], int64_t whole[3]);

#endif
