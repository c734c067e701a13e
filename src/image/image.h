/* image.h: pictures in and out, training data. May use base/ only. */
#ifndef FCS_IMAGE_H
#define FCS_IMAGE_H

#include "base/base.h"

/* ---- writers that take rows as they come, so that a big output needs constant memory ---- */
typedef struct fcs_writer fcs_writer;
/* What a file to be written will hold. */
typedef struct fcs_form {
    int64_t width, height, depth;
    int channels; /* 1 or 3 */
    fcs_sample sample;
    fcs_voxel voxel; /* zero: not known */
    bool cells;      /* .vti: values of cells instead of points, as solvers want them */
} fcs_form;
/* By the name's ending: .png (depth 1), .tif/.tiff (pages; BigTIFF when it could pass 4 GB), .nrrd,
 * .mha, .mhd, .raw, .vti, .npy. The file appears under its name only at commit. Checks the free
 * disk space first where the target is a regular file. */
fcs_status fcs_writer_open(fcs_error *e, const char *path, const fcs_form *form, fcs_writer **out);
/* The next n rows (width * channels samples each), page after page. */
fcs_status fcs_writer_rows(fcs_error *e, fcs_writer *w, const void *rows, int64_t n);
fcs_status fcs_writer_commit(fcs_error *e, fcs_writer *w); /* frees w in any case */
void fcs_writer_abort(fcs_writer *w);

/* "a/b.png", 7 -> "a/b-0007.png", to be freed. */
char *fcs_path_numbered(fcs_error *e, const char *path, int64_t number);
/* Size and unit of `with` where it has them. */
void fcs_voxel_replace(fcs_voxel *v, const fcs_voxel *with);

/* ---- what is in a file, and what was converted ---- */
typedef struct fcs_look {
    char format[12]; /* "png", "tiff", "nrrd", "metaimage", "vti", "npy" */
    int64_t width, height, depth;
    int channels, bits; /* as in the file: 2 is grey with alpha, 4 RGB with alpha */
    bool palette, is_float;
    int levels;             /* distinct values of channel 0 (or colours), capped at 257 */
    double low, high, mean; /* of the samples in the file's own units */
    fcs_voxel voxel;        /* zero where the file does not say */
    char shares[160];       /* "0: 74.07 %, 255: 25.93 %" for up to six levels */
    char plan[200];         /* what a run does with it: "2 levels scaled to -1 and 1" */
    char problem[200];      /* "" or why it cannot be used */
} fcs_look;
fcs_status fcs_look_at(fcs_context *ctx, const char *path, fcs_look *look);

/* ---- training data: random crops of one big image, or of the images of a folder ---- */
typedef enum fcs_filter {
    FCS_FILTER_AREA,     /* shrinking: the mean over the area of each pixel; else bilinear */
    FCS_FILTER_BILINEAR, /* shrinking: the triangle widened, so that nothing aliases */
    FCS_FILTER_POINTS    /* the four nearest pixels whatever the scale: aliases */
} fcs_filter;
typedef enum fcs_fit {
    FCS_FIT_NONE,
    FCS_FIT_COVER,  /* scaled, in shape, until the shorter side fits */
    FCS_FIT_STRETCH /* scaled to the wanted size, whatever its shape */
} fcs_fit;
/* What is done with each image before crops are taken of it. */
typedef struct fcs_fitting {
    int64_t width, height; /* wanted; set by fcs_dataset_open */
    fcs_fit fit;
    fcs_filter filter;
    int64_t tile, stride; /* cut into squares of `tile` pixels, each scaled to the wanted size;
                             0: not; stride 0: that of the tile */
} fcs_fitting;

typedef struct fcs_dataset fcs_dataset;
/* Phases of grey images: phase i is the values above threshold i - 1 and up to threshold i. */
enum { FCS_PHASES_MAX = 16 };
typedef struct fcs_phases {
    int n;
    double threshold[FCS_PHASES_MAX]; /* n - 1, ascending, in the file's own grey levels */
    double label[FCS_PHASES_MAX];     /* the grey level that stands for each phase */
    double share[FCS_PHASES_MAX];     /* of all pixels */
    char how[32]; /* "the grey levels", "Otsu's thresholds", "given thresholds" */
} fcs_phases;
typedef struct fcs_dataset_options {
    int64_t width, height, depth; /* crop */
    double low, high;             /* range that values are scaled to: -1, 1 for tanh */
    bool flip_x, flip_y, rotate;  /* random flips; rotate: by 90 degrees, square crops only */
    int channels; /* 1: colours become grey; 3: grey counts as RGB; 0: as they are */
    fcs_fitting fitting;
    const char *phases; /* NULL or "none": values. "auto": a phase for each grey level; "3": Otsu's
                           thresholds for so many, where there are more levels; "85,170": these
                           thresholds. Crops are then one-hot: a channel a phase, 0 or 1 */
} fcs_dataset_options;
/* Says that a folder's file is not used, of the first few by name: number 1, 2, ... */
void fcs_note_skipped(fcs_context *ctx, int number, const char *why);
/* Reads all files; fails on none usable, an image smaller than the crop, constant, or with NaN.
 * Notes to the log what the file is and what is done with it (folders: a summary; unusable files
 * are named, skipped and counted). In a folder with both, grey images count as RGB; where all are
 * grey in effect, there is one channel. Range: the data's own for floats and for integers of up to
 * eight levels, else the sample type's. */
fcs_status fcs_dataset_open(fcs_context *ctx, const char *path, const fcs_dataset_options *o,
                            fcs_dataset **out);
/* One for each axis, for media that look different along them: paths of images perpendicular to x,
 * y and z, which must have the same channels or phases. It is the first one's dataset, with parts.
 */
fcs_status fcs_dataset_open_axes(fcs_context *ctx, const char *const paths[3],
                                 const fcs_dataset_options *o, fcs_dataset **out);
/* The data of axis 0 to 2 (x y z): d itself where it has no parts. */
const fcs_dataset *fcs_dataset_part(const fcs_dataset *d, int axis);
bool fcs_dataset_has_parts(const fcs_dataset *d);
const fcs_phases *fcs_dataset_phases(const fcs_dataset *d); /* NULL: values */
void fcs_dataset_free(fcs_dataset *d);
int fcs_dataset_channels(const fcs_dataset *d);
/* Images, pages (of flat crops) or tiles: an epoch is as many crops, one of each. */
int64_t fcs_dataset_images(const fcs_dataset *d);
/* Different crops, flips and turns not counted: as many as images where each has the crop's size.
 */
int64_t fcs_dataset_crops(const fcs_dataset *d);
/* Crops in an epoch: one of each image that is a tile, was scaled to the crop's size or has it. 0
 * where crops lie anywhere in larger images. */
int64_t fcs_dataset_epoch(const fcs_dataset *d);
/* What is scaled to low..high, as fcs_image_value counts. */
void fcs_dataset_range(const fcs_dataset *d, double *from, double *to);
bool fcs_dataset_is_float(const fcs_dataset *d); /* its files hold floats, not integers */
double fcs_dataset_mean(const fcs_dataset *d,
                        int channel); /* of all pixels, after scaling to low..high */
/* Crop number `index` of the endless sequence of (seed, stream), epoch after epoch, the images of
 * each in an order of its own: order, position and flips by fcs_random_below only. out: channels x
 * depth x height x width (C D H W). */
void fcs_dataset_crop(const fcs_dataset *d, uint64_t seed, uint32_t stream, uint64_t index,
                      float *out);
/* The middle of image i, as it lies. */
void fcs_dataset_image(const fcs_dataset *d, int64_t i, float *out);

#endif
