/* facies.h: the one public header of libfacies.
 *
 * facies trains and runs image-generating adversarial networks and autoencoders, in 2D and 3D, on
 * any CPU and on OpenCL devices. Four groups: runs, graphs, images and metrics, diagnostics. No
 * global state: everything hangs from an fcs_context. A context, and all that was made from it, is
 * used by one thread at a time; several contexts may be used by several threads.
 *
 * Errors. A function that can fail returns an fcs_status; anything but FCS_OK leaves a one-line
 * message (what, where, what to do) in the context, read with fcs_message(). Out-parameters are set
 * to NULL or left alone then. The library never exits and never prints.
 *
 * Shapes are logical: five dimensions N C D H W (batch, channels, depth, height, width), row-major;
 * 2D has D = 1. Numbers are float32.
 */
#ifndef FACIES_H
#define FACIES_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FCS_VERSION "0.1.0"

#if defined(__GNUC__)
#define FCS_API __attribute__((visibility("default")))
#define FCS_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define FCS_API
#define FCS_PRINTF(f, a)
#endif

/* The values are the exit statuses of the program. */
typedef enum fcs_status {
    FCS_OK = 0,
    FCS_FAILED = 1,       /* data, file, recipe, key, value, memory, device */
    FCS_USAGE = 2,        /* a command line that cannot be read */
    FCS_MISMATCH = 3,     /* a check found numbers that differ */
    FCS_INTERRUPTED = 130 /* stopped on request; state was saved */
} fcs_status;

typedef struct fcs_context fcs_context;
typedef struct fcs_table fcs_table;
typedef struct fcs_image fcs_image;
typedef struct fcs_recipe fcs_recipe;
typedef struct fcs_run fcs_run;
typedef struct fcs_graph fcs_graph;
typedef struct fcs_node fcs_node;
typedef struct fcs_tensor fcs_tensor;
typedef struct fcs_plan fcs_plan;

/* ---- context ---- */

/* Zero means the default for every member. */
typedef struct fcs_options {
    const char *device; /* "cpu" (default), or an OpenCL device: its number in fcs_list("devices"),
                           a part of its name, or PLATFORM:NAME */
    int threads;        /* 0: one per processor that the process may use. In a child of fork() a
                           context computes with the calling thread alone */
    const char *isa;    /* instruction set by name as fcs_list("isas") prints it; NULL: the best the
                           machine has */
    void (*log)(void *user,
                const char *line); /* notes and warnings, one line without newline; may be NULL */
    void *user;
    int sync;      /* OpenCL: wait after each kernel, so that an error names the one that failed */
    int untrusted; /* OpenCL: take a device that failed its self-test, with a note */
} fcs_options;

/* Opens a context. At its first use with a driver an OpenCL device is tested for some seconds; one
 * that computes wrong numbers is refused. The verdict and built kernels are kept in
 * $XDG_CACHE_HOME/facies (~/.cache/facies). *out is set even on failure (unless memory is out), so
 * that the message can be read; it is closed with fcs_close() in any case. options may be NULL. */
FCS_API fcs_status fcs_open(fcs_context **out, const fcs_options *options);
FCS_API void fcs_close(fcs_context *ctx);
/* The message of the last failure, or "" when there was none. Valid until the next call with this
 * context. */
FCS_API const char *fcs_message(const fcs_context *ctx);
FCS_API const char *fcs_version(void);
/* Asks whatever runs in this context to stop at the next step; may be called from a signal handler.
 */
FCS_API void fcs_interrupt(fcs_context *ctx);

/* ---- tables: what diagnostics and metrics return ---- */

/* Rows of named columns; a cell is a number or a text. Column names are snake_case with the unit at
 * the end. */
typedef enum fcs_table_format { FCS_TEXT, FCS_CSV, FCS_JSON } fcs_table_format;
FCS_API void fcs_table_free(fcs_table *t);
FCS_API int fcs_table_rows(const fcs_table *t);
FCS_API int fcs_table_columns(const fcs_table *t);
FCS_API const char *fcs_table_name(const fcs_table *t, int column);
/* The cell's text; NULL where it is a number or empty. */
FCS_API const char *fcs_table_text(const fcs_table *t, int row, int column);
/* The cell's number; NaN where it is a text or empty. */
FCS_API double fcs_table_number(const fcs_table *t, int row, int column);
/* Writes the table: aligned text for people, CSV, or JSON (an array of objects). 0, or -1 with
 * errno on failure. */
FCS_API int fcs_table_write(const fcs_table *t, fcs_table_format format, FILE *f);

/* ---- images ---- */

typedef enum fcs_sample { FCS_U8, FCS_U16, FCS_F32 } fcs_sample;

/* The distance from one sample to the next along x, y, z in `unit` ("um", "mm", ...); all zero and
 * "" where it is not known. */
typedef struct fcs_voxel {
    double size[3];
    char unit[16];
} fcs_voxel;

/* An image, a stack or a volume: depth pages of height rows of width pixels of channels samples,
 * interleaved: sample (z, y, x, c) is at ((z * height + y) * width + x) * channels + c. Depth 1 is
 * a 2D image. Channels: 1 grey, 3 red green blue. Free with fcs_image_free(). */
struct fcs_image {
    int64_t width, height, depth;
    int channels;
    fcs_sample sample;
    void *data;
    fcs_voxel voxel;
};
FCS_API void fcs_image_free(fcs_image *image);
/* A new image, all zero. Fails on sizes below 1 or over 2^40 bytes. */
FCS_API fcs_status fcs_image_new(fcs_context *ctx, int64_t width, int64_t height, int64_t depth,
                                 int channels, fcs_sample sample, fcs_image **out);
/* Reads a PNG, a TIFF or BigTIFF (all pages, which must agree in size; also ImageJ's stacks), or a
 * volume: NRRD (.nrrd, or .nhdr with its data beside it), MetaImage (.mha, or .mhd with its data;
 * .raw where a .mhd or .nhdr of its name lies beside it), VTK image data (.vti), NumPy (.npy).
 * Palettes become RGB (one channel where all their colours are grey), 1-, 2- and 4-bit images
 * become 8-bit (0 and 255 for 1-bit), an alpha channel is dropped with a note to the context's log;
 * wide or signed integers of a volume become the narrowest of U8 and U16 that holds them, else F32.
 */
FCS_API fcs_status fcs_image_read(fcs_context *ctx, const char *path, fcs_image **out);
/* Writes by the file name's ending: .png (depth 1, 8 or 16 bit; F32 in [0,1] is rounded to 8 bit),
 * .tif/.tiff (pages, with ImageJ's description), .nrrd, .mha, .mhd (and its .raw), .raw (and its
 * .mhd), .vti, .npy (any depth and sample type, uncompressed). All but .npy keep the voxel size,
 * all but .npy and .vti its unit; MetaImage knows um, mm and cm only. */
FCS_API fcs_status fcs_image_write(fcs_context *ctx, const fcs_image *image, const char *path);
/* Sample as a double: integers / their maximum (255, 65535), floats as they are. */
FCS_API double fcs_image_value(const fcs_image *image, int64_t z, int64_t y, int64_t x,
                               int channel);
/* A copy scaled to F32 in [0,1] (see fcs_image_value; floats unchanged). */
FCS_API fcs_status fcs_image_to_float(fcs_context *ctx, const fcs_image *image, fcs_image **out);

typedef struct fcs_convert_options {
    char slices; /* 'x', 'y', 'z': a numbered 2D file per page across that axis; 0: one file */
    const char *format; /* "labels": the distinct values become 0, 1, 2, ...; "grey": these spread
                           over 0..255; NULL: as they are */
    fcs_voxel voxel;    /* replaces what the file says, size and unit each where given */
    int cells;          /* .vti: values of cells instead of points */
} fcs_convert_options;
/* Reads a file, or the pictures of a folder as pages, and writes it in the format of `to`'s ending.
 * options may be NULL. */
FCS_API fcs_status fcs_convert(fcs_context *ctx, const char *from, const char *to,
                               const fcs_convert_options *options);

/* A procedurally made training image: kinds are listed by fcs_list(ctx, "synth"). Bits depend on
 * the arguments only. */
FCS_API fcs_status fcs_synth(fcs_context *ctx, const char *kind, int64_t width, int64_t height,
                             int64_t depth, uint64_t seed, fcs_image **out);
/* What is in the files or folders, one row a file: sizes, channels, depth, levels and shares, what
 * a run would do. A file that cannot be used has the reason in its row; FCS_FAILED only if none can
 * be used. */
FCS_API fcs_status fcs_inspect(fcs_context *ctx, const char *const *paths, int n, fcs_table **out);

/* ---- metrics ---- */

typedef struct fcs_evaluate_options {
    const char *metrics; /* comma-separated names of fcs_list("metrics"); NULL: all */
    int crops;           /* random crops of the real image, for values and floor; 0: 100 */
    int64_t crop;   /* crop side in pixels; 0: the generated images' side, at most the real image's;
                       of volumes a quarter of it, at least 32 */
    int neighbours; /* 4 or 8 (6 or 26 in 3D) for connected components; 0: 4 (6) */
    double threshold; /* > 0: two phases, 1 is value > threshold; 0: the real set's distinct values
                         where there are 2 to 8, else 0.5 */
    int max_lag;      /* 0: half of the crop */
    int period;       /* whose multiples the repetition test looks at, pixels; 0: 32 */
    uint64_t seed;
    const char *html;     /* a page with tables and curve plots, or NULL */
    const char *features; /* safetensors of a net that facies knows: adds distances over what it
                             sees, named after it; or NULL */
    int64_t tile, stride; /* cut the real images into tiles, all of which are samples, scaled to the
                             generated images' side; 0: no; stride 0: that of the tile */
    const char *resize;   /* scale all images to the crop's side: "cover" (the shorter side fits) or
                             "stretch" (both); NULL: no */
} fcs_evaluate_options;

/* Compares sets of generated images with a real image. generated[i] names a file or folder: one set
 * each. The table has a row per set, metric, variant (raw or thresholded: by phase), with value,
 * the real value, the real-vs-real floor and the definition. For the share of lags inside the real
 * envelope the real value is what as many other crops of the real image score. REAL may be a file
 * or a folder. A file of 16 pages or more is a volume. A volume beside real pages is seen across
 * each axis (column "across"); whole volumes have rows of their own ("at" is "whole"), whose floor
 * and range are those of the real volume's eighths. */
FCS_API fcs_status fcs_evaluate(fcs_context *ctx, const char *real, const char *const *generated,
                                int n, const fcs_evaluate_options *options, fcs_table **out);

/* Single metrics, for programs. All take one 2D page in [0,1] (or phases), channel 0. */
/* Mean per pixel of sqrt(dx^2 + dy^2) (isotropic) and |dx| + |dy| (anisotropic), forward
 * differences. */
FCS_API fcs_status fcs_total_variation(fcs_context *ctx, const fcs_image *image, double *isotropic,
                                       double *anisotropic);
/* Connected components of phase (value > threshold) == phase: labels 1..count, 0 elsewhere; labels
 * holds width*height*depth. neighbours: 4 or 8 in 2D, 6 or 26 in 3D. */
FCS_API fcs_status fcs_components(fcs_context *ctx, const fcs_image *image, double threshold,
                                  int phase, int neighbours, uint32_t *labels, uint32_t *count);
/* Connectivity along axis ('x', 'y' or 'z') at lags 0..max_lag. tau: conditional (pairs in one
 * component / pairs both of the phase; NaN where there are none); c2: the same numerator / all
 * pairs; s2: two-point correlation (pairs both of the phase / all pairs). Each may be NULL, else
 * holds max_lag + 1 values. */
FCS_API fcs_status fcs_connectivity(fcs_context *ctx, const fcs_image *image, double threshold,
                                    int phase, int neighbours, char axis, int max_lag, double *tau,
                                    double *c2, double *s2);

/* Area between the phase and all else per volume, 1/pixel (Crofton, 13 directions). */
FCS_API fcs_status fcs_surface(fcs_context *ctx, const fcs_image *image, double threshold,
                               int phase, double *area);
/* Share of the phase in components that reach from one face to the other along the axis; NaN where
 * there is none of it. */
FCS_API fcs_status fcs_percolation(fcs_context *ctx, const fcs_image *image, double threshold,
                                   int phase, int neighbours, char axis, double *share);

/* ---- pictures of volumes ---- */

typedef struct fcs_render_options {
    int64_t width, height;     /* of the picture, pixels; 0: 1000 x 1000 (layers: 1200 wide) */
    const char *transparent;   /* phases to see through: "0", "0,2"; NULL: none */
    double cut;                /* share of the sides cut away at the corner towards the viewer */
    double azimuth, elevation; /* of the viewer, degrees; both 0: 32, 26 */
    double threshold; /* > 0: two phases, 1 is value > threshold; 0: up to eight distinct values
                         are phases, of others greys are shown */
} fcs_render_options;
/* A shaded view of a volume from one corner (x to the right, y away, z up), RGB. */
FCS_API fcs_status fcs_render(fcs_context *ctx, const fcs_image *volume,
                              const fcs_render_options *options, fcs_image **out);
/* Six successive layers from the middle, and below the middle slices across z, y and x. Height
 * follows from the width. */
FCS_API fcs_status fcs_render_layers(fcs_context *ctx, const fcs_image *volume,
                                     const fcs_render_options *options, fcs_image **out);

/* ---- graphs ---- */

typedef struct fcs_shape {
    int64_t n[5];
} fcs_shape; /* N C D H W, each at least 1 */

FCS_API fcs_graph *fcs_graph_new(fcs_context *ctx);
FCS_API void fcs_graph_free(fcs_graph *g);
/* A persistent tensor: parameters, inputs, held outputs. All zero at first. Owned by the context
 * until fcs_tensor_free. NULL on failure. Names need not be unique. */
FCS_API fcs_tensor *fcs_tensor_new(fcs_context *ctx, const char *name, fcs_shape shape);
FCS_API void fcs_tensor_free(fcs_tensor *t);
FCS_API fcs_shape fcs_tensor_shape(const fcs_tensor *t);
/* Copies from and to row-major N C D H W. */
FCS_API fcs_status fcs_tensor_set(fcs_tensor *t, const float *values);
FCS_API fcs_status fcs_tensor_get(const fcs_tensor *t, float *values);
/* A node that reads the tensor: its value at the start of each run. */
FCS_API fcs_node *fcs_read(fcs_graph *g, fcs_tensor *t);
/* Applies the op NAME with attributes as text, "stride=1,2,2 slope=0.2" (NULL or "": defaults), see
 * fcs_list("ops"). NULL on failure (also when an input is NULL, so that calls nest; the first
 * message is kept). */
FCS_API fcs_node *fcs_apply(fcs_graph *g, const char *name, const char *attributes, int n_inputs,
                            fcs_node *const *inputs);
FCS_API fcs_shape fcs_node_shape(const fcs_node *n);
/* At the end of each run, t holds n's value. Reads of t in the same run see the old value. */
FCS_API fcs_status fcs_assign(fcs_graph *g, fcs_tensor *t, fcs_node *n);
/* Adds nodes that compute, for each xs[i], sum_j d ys[j] / d xs[i] weighted by gys[j] (NULL: ones).
 * gxs[i] is never NULL on success: zeros where xs[i] has no influence. May be applied to its own
 * results. */
FCS_API fcs_status fcs_grad(fcs_graph *g, int n_ys, fcs_node *const *ys, fcs_node *const *gys,
                            int n_xs, fcs_node *const *xs, fcs_node **gxs);
/* Orders, fuses and places everything that the assignments of g need. The graph may be freed
 * afterwards. */
FCS_API fcs_status fcs_plan_new(fcs_graph *g, fcs_plan **out);
FCS_API void fcs_plan_free(fcs_plan *p);
/* Bytes of scratch memory that the plan needs, beside its persistent tensors. Known before anything
 * is allocated. */
FCS_API size_t fcs_plan_bytes(const fcs_plan *p);
/* One row a step: node names, op, shape, bytes, FLOPs. */
FCS_API fcs_status fcs_plan_table(const fcs_plan *p, fcs_table **out);
/* Runs the plan once. Random ops draw from (seed, step, name, index). */
FCS_API fcs_status fcs_plan_run(fcs_plan *p, uint64_t seed, uint64_t step);

/* ---- runs ---- */

/* A recipe by name (fcs_list("recipes")) or from a file; the word is a file if it holds a '/' or
 * ends in .cfg. */
FCS_API fcs_status fcs_recipe_load(fcs_context *ctx, const char *name_or_path, fcs_recipe **out);
FCS_API void fcs_recipe_free(fcs_recipe *r);
/* Sets "a.b=value"; list elements by index or name ("generator.layers.up1.filters=64"). An unknown
 * key is an error that names the nearest known one. */
FCS_API fcs_status fcs_recipe_set(fcs_recipe *r, const char *assignment);
/* The whole recipe as text, defaults included; owned by the recipe until its next change. */
FCS_API const char *fcs_recipe_text(fcs_recipe *r);

/* Training data: path of an image or a folder; axis 0, or 'x', 'y', 'z' for one image per axis. */
typedef struct fcs_data {
    char axis;
    const char *path;
} fcs_data;

/* Creates the run folder (which must not hold a run), reads and checks the data, builds the plans
 * and initializes all parameters from the seed (recipe value train.seed). Locks the folder.
 * folder NULL: a run without a folder, for planning and timing; nothing is written. */
FCS_API fcs_status fcs_run_create(fcs_context *ctx, fcs_recipe *recipe, const fcs_data *data,
                                  int n_data, const char *folder, fcs_run **out);
/* A run without a folder that only generates, with weights as they start: for timing. */
FCS_API fcs_status fcs_run_untrained(fcs_context *ctx, fcs_recipe *recipe, fcs_run **out);
/* Opens a run folder for generating, or with resume for training on from its last checkpoint. */
FCS_API fcs_status fcs_run_open(fcs_context *ctx, const char *folder, int resume, fcs_run **out);
FCS_API void fcs_run_close(fcs_run *run);

typedef struct fcs_progress {
    int64_t step, steps;          /* done; wanted, or 0 when only minutes are */
    double seconds, seconds_left; /* of this call; NaN when unknown */
    double images_per_second;
    int n_losses;
    const char *const *loss_names;
    const double *losses;
    const char *newest_sample; /* path, or NULL */
} fcs_progress;
typedef struct fcs_train_options {
    int64_t steps;  /* train until this step (in all); 0: the recipe's train.steps */
    double minutes; /* stop after this many minutes; 0: no limit */
    void (*progress)(void *user, const fcs_progress *p); /* after each step; may be NULL */
    void *user;
} fcs_train_options;
/* Trains, writing log.csv, samples, checkpoints and, at the end, report.html. FCS_INTERRUPTED after
 * fcs_interrupt(), with everything saved. options may be NULL. */
FCS_API fcs_status fcs_run_train(fcs_run *run, const fcs_train_options *options);
/* One training step; losses (at most n) may be NULL. */
FCS_API fcs_status fcs_run_step(fcs_run *run, int n, double *losses);
FCS_API fcs_status fcs_run_save(fcs_run *run);
/* Bytes that training needs, by plan, before anything is allocated: a table with a row a plan. */
FCS_API fcs_status fcs_run_plan(fcs_run *run, fcs_table **out);

typedef struct fcs_generate_options {
    int64_t width, height, depth; /* 0: the training size; depth 0: 1 */
    uint64_t seed;
    int64_t first, count; /* realizations first .. first+count-1; count 0: 1 */
    int periodic;         /* latent index modulo the period: exact tiling without edges */
    int median;           /* side of a median filter, odd; 0: none */
    int has_threshold;
    double threshold; /* in [0,1] */
    /* Of runs that make phases: "labels": the data's grey levels; "grey": shades evenly from 0 to 1
     * (255 in files); "onehot": a file for each phase, FILE-phase1.tif, white where it is (images:
     * a channel each, 0 or 1). NULL: labels in files, grey in images. */
    const char *format;
    const double
        *density; /* wanted shares of the phases, or NULL; of runs that learnt to take them */
    int n_density;
    fcs_voxel voxel; /* written where the format has a place for it */
    size_t memory;   /* bytes of scratch to stay under; 0: 448 MiB, or the least that does */
    void (*progress)(void *user, double done); /* 0..1; may be NULL */
    void *user;
} fcs_generate_options;
/* Generates images, streamed in tiles, into files. path's ending chooses the format; with count > 1
 * the file name gets a number before its ending. Equal to what one piece would give. The run keeps
 * plans and memory for images of the same size and options until another size is asked for, it is
 * trained further or closed. */
FCS_API fcs_status fcs_generate(fcs_run *run, const fcs_generate_options *options,
                                const char *path);
/* The same into memory, realization `first` only: F32 in [0,1], or the labels of phases. */
FCS_API fcs_status fcs_generate_image(fcs_run *run, const fcs_generate_options *options,
                                      fcs_image **out);

/* Images to latents and back, of runs opened for generating. Images are files or folders, scaled
 * until the shorter side fits, the middle of each; grey or RGB as the run's are. All but
 * fcs_interpolate between seeds need a recipe with an encoder. */
/* A picture: originals above, what the means of their latents decode to below (up to 16); the table
 * has a row an image with the mean square error. */
FCS_API fcs_status fcs_reconstruct(fcs_run *run, const char *const *images, int n, const char *path,
                                   fcs_table **out);
/* A strip of `count` images from one to the other; each is an image, or a seed in digits: the
 * latent of fcs_generate with that seed. */
FCS_API fcs_status fcs_interpolate(fcs_run *run, const char *from, const char *to, int count,
                                   const char *path);
typedef struct fcs_encode_options {
    const char *path;  /* .csv, or .safetensors with tensors mean and logvar; NULL: none */
    const char *sweep; /* a picture: a row for each of the latent numbers that say most of the
                          images, moved from -3 to 3 in the first image's latent; NULL: none */
    int rows;          /* of the sweep; 0: 8 */
} fcs_encode_options;
FCS_API fcs_status fcs_encode(fcs_run *run, const char *const *images, int n,
                              const fcs_encode_options *options);

typedef struct fcs_compare_options {
    const char *metrics; /* as in fcs_evaluate_options */
    int count, crops;    /* images of each run (0: 32), crops of its data (0: 64) */
    uint64_t seed;
    const char *html;     /* a page: samples, metrics, curves, recipes side by side; or NULL */
    const char *features; /* as in fcs_evaluate_options */
} fcs_compare_options;
/* Measures images of each run against its training data, cut and scaled as in training: a row a run
 * and metric. */
FCS_API fcs_status fcs_compare(fcs_context *ctx, const char *const *runs, int n,
                               const fcs_compare_options *options, fcs_table **out);

/* ---- diagnostics ---- */

/* what: ops layers losses optimizers recipes schemes keys (of recipes) metrics synth isas devices;
 * anything else is FCS_USAGE. */
FCS_API fcs_status fcs_list(fcs_context *ctx, const char *what, fcs_table **out);
/* The nets of a recipe layer by layer: shapes, parameters, FLOPs, receptive field, bytes. */
FCS_API fcs_status fcs_show(fcs_recipe *recipe, fcs_table **out);

typedef struct fcs_check_options {
    const char *ops;   /* comma-separated names, or NULL: all */
    const char *cases; /* one case as printed in a repeat line, or NULL */
    const char *isa;   /* one instruction set, or NULL: all that the machine has */
    int failures_only;
    double limit; /* only cases of at most so many operations (or numbers moved); 0: all */
} fcs_check_options;
/* The cross-check: every op and case on every instruction set against the double reference.
 * FCS_MISMATCH when a row fails; the table is set then too. */
FCS_API fcs_status fcs_check(fcs_context *ctx, const fcs_check_options *options, fcs_table **out);

/* A run's whole training step, from its last checkpoint, on the context's device and on the CPU
 * (the portable instruction set where the device is the CPU), node by node: each node gets the
 * CPU's inputs. A row per plan and op with its worst node, and one per node out of bounds. Nothing
 * is written to the run. */
FCS_API fcs_status fcs_check_model(fcs_context *ctx, const char *folder, fcs_table **out);

typedef struct fcs_bench_options {
    const char *ops; /* of fcs_bench_ops: comma-separated names or cases, or NULL: all */
    double seconds;  /* ops: per case, 0: 0.5; else in all, 0: 10 */
    int profile;     /* step, generate: a row per step of the plans instead of one row */
} fcs_bench_options;
/* Speed of ops beside FMA peak, GEMM and copy rate measured in the same run. Nothing is timed that
 * has not passed its check. */
FCS_API fcs_status fcs_bench_ops(fcs_context *ctx, const fcs_bench_options *options,
                                 fcs_table **out);

typedef struct fcs_tune_options {
    const char *uses; /* comma-separated kinds of problem, or NULL: all */
    double seconds;   /* per form of a kernel, at least; 0: 0.2 */
} fcs_tune_options;
/* Chooses, on an OpenCL device, the fastest form of the kernels of products and convolutions among
 * those that agree with the reference, and keeps the choice for the device and its driver in the
 * cache folder (see fcs_open). A row a kind of problem and form. */
FCS_API fcs_status fcs_tune(fcs_context *ctx, const fcs_tune_options *options, fcs_table **out);

/* Times whole training steps (which train the run on) or whole images beside a matrix product and
 * the peak of multiply-adds, measured in the same run: one row with milliseconds, operations
 * (gflop: of direct sums; done_gflop: what fast forms leave of them), rates, shares and bytes. With
 * `profile` a row per step of the plans, the costliest first: milliseconds per training step (or
 * image), share, rates, and what limits it: compute, memory, or overhead where neither reaches a
 * quarter of the machine's rate. */
FCS_API fcs_status fcs_bench_step(fcs_run *run, const fcs_bench_options *options, fcs_table **out);
FCS_API fcs_status fcs_bench_generate(fcs_run *run, const fcs_generate_options *generate,
                                      const fcs_bench_options *options, fcs_table **out);

#ifdef __cplusplus
}
#endif
#endif
