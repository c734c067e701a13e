/* run.h: what the files of src/train share: a run folder with its recipe, data, model, checkpoint,
 * log and samples. */
#ifndef FCS_RUN_H
#define FCS_RUN_H

#include "models/model.h"
#include "train/tiles.h"

/* What the latest generation had: plans and memory. The next one takes them if its tiles are the
 * same: planning, and memory that the system clears at its first touch, cost a tenth of an image's
 * time. */
typedef struct fcs_generator {
    fcs_tiler_options options;
    fcs_tiler *tiler;   /* NULL: nothing is kept */
    float *slab, *rows; /* planar with halo; interleaved without: values, or numbers of phases. The
                           same where these do not differ */
} fcs_generator;

struct fcs_run {
    fcs_context *ctx;
    fcs_recipe *recipe;  /* the run's own, complete */
    char *folder;        /* NULL: nothing is written */
    char *data_path;     /* absolute; NULL when only generating; the first of: */
    char *axis_paths[3]; /* of images perpendicular to x, y, z; NULL where one image is for all */
    fcs_dataset *data;
    fcs_model *model;
    bool training;
    int lock; /* descriptor of the locked file, or -1 */
    FILE *log;
    uint64_t seed;
    int64_t step;                       /* training steps done */
    int64_t saved, sampled, calibrated; /* the step at which each was last done; -1: never */
    double seconds;                     /* of training in earlier calls, as the log has it */
    char *sample;                       /* path of the newest sample picture, or NULL */
    fcs_generator generator;            /* until the next step */
};

/* ---- run folder (run.c) ---- */
char *fcs_run_path(fcs_run *run,
                   const char *name); /* folder/name, to be freed; NULL and a message */
/* Of runs opened to generate, which have neither: what the run was trained on, as data.txt names it
 * (data_path, axis_paths); then data itself. */
fcs_status fcs_run_find_data(fcs_run *run);
fcs_status fcs_run_open_data(fcs_run *run);
/* Its file's name, or those of the images perpendicular to x, y and z. */
void fcs_run_data_name(const fcs_run *run, char *text, size_t size);
/* Measures the frozen statistics that generation uses, once per step. */
fcs_status fcs_run_calibrate(fcs_run *run);
/* One step, its numbers checked to be finite; log and schedule are the caller's. */
fcs_status fcs_run_one_step(fcs_run *run);

/* What evaluation must do to the real images as training did: tiles and scaling. */
void fcs_run_fitting(const fcs_run *run, fcs_evaluate_options *o);

/* ---- checkpoint.c ---- */
fcs_status fcs_checkpoint_save(fcs_run *run, const char *path);
/* Fills the model's tensors, and step and seed, from a checkpoint. exact: the file must hold
 * nothing else. */
fcs_status fcs_checkpoint_load(fcs_run *run, const char *path, bool exact);
/* Takes the forms of kernels that the checkpoint was made with, where device and driver are its
 * own: before plans are made. */
fcs_status fcs_checkpoint_tuning(fcs_run *run, const char *path);
/* The recipe and channel count in a checkpoint. */
fcs_status fcs_checkpoint_recipe(fcs_context *ctx, const char *path, fcs_recipe **recipe,
                                 int *channels);

/* ---- log.c: log.csv, a row per log_every steps ---- */
/* Opens the log for appending after `step`: rows behind it are dropped. Sets run->seconds. */
fcs_status fcs_log_open(fcs_run *run);
fcs_status fcs_log_row(fcs_run *run, double seconds);
fcs_status fcs_log_flush(fcs_run *run); /* to the disk, before a checkpoint that counts on it */
void fcs_log_close(fcs_run *run);
/* The whole log as numbers: values[column * rows + row]; columns: step, seconds, losses. Freed by
 * the caller. */
typedef struct fcs_log_data {
    int columns, rows;
    char **names;
    double *values;
} fcs_log_data;
fcs_status fcs_log_load(fcs_run *run, fcs_log_data *out);
void fcs_log_data_free(fcs_log_data *d);

/* ---- generate.c ---- */
void fcs_generator_free(fcs_generator *g);

/* ---- samples.c: pictures of fixed latents ---- */
fcs_status fcs_run_sample(fcs_run *run); /* samples/step-000500.png */
enum { FCS_GRID_GAP = 4 };
/* A grey image with room for columns x rows images, FCS_GRID_GAP pixels between them; channels: 1
 * or 3. */
fcs_status fcs_grid_new(fcs_context *ctx, int64_t columns, int64_t rows, int64_t width,
                        int64_t height, int channels, fcs_image **grid);

/* ---- latents.c ---- */
/* What the latent does. With an encoder, given n crops as the net takes them: a row for each of the
 * numbers that say most of them, moved from -3 to 3 in the first one's latent; else rows from one
 * random latent to another. NULL for runs of phases and volumes. */
fcs_status fcs_run_sweep(fcs_run *run, const float *crops, int n, fcs_image **out);

/* ---- report.c: report.html ---- */
fcs_status fcs_run_report(fcs_run *run, bool metrics);
/* A real crop of run->data as a picture, or its reconstruction where there is an encoder. */
fcs_status fcs_run_crop(fcs_run *run, uint64_t index, bool rebuilt, fcs_image **out);

#endif
