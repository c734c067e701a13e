/* picture.h: what the files of src/image share: decoders, statistics, the file formats' writers. */
#ifndef FCS_PICTURE_H
#define FCS_PICTURE_H

#include "image/image.h"

/* What a file holds, and what the decoder converted. */
typedef struct fcs_facts {
    char format[12];
    int64_t width, height, depth;
    int channels, bits; /* as in the file */
    bool palette, is_float;
    fcs_voxel voxel; /* zero where the file does not say */
    double unit; /* one step of the file's own values, in those of the decoded image: 255 for 1 bit,
                    85 for 2 */
    char note[240]; /* what was converted or dropped, "" when nothing was */
} fcs_facts;

enum { FCS_LEVELS_MAX = 256 };

/* A distinct value of a grey image, a distinct colour of others. */
typedef struct fcs_level {
    uint64_t key; /* orders levels; grey integers: the value; colours: red, green, blue in 16 bits
                     each */
    double value; /* grey: in the decoded image's own values */
    int64_t count;
} fcs_level;
typedef struct fcs_stats {
    int levels;                          /* FCS_LEVELS_MAX + 1: more */
    fcs_level level[FCS_LEVELS_MAX + 1]; /* ascending; only as far as levels <= FCS_LEVELS_MAX */
    double low, high;                    /* of all samples, in the decoded image's own values */
    double sum[4];                       /* per channel */
    int64_t pixels;
    bool grey;   /* all channels of each pixel are equal */
    int64_t bad; /* index of the first pixel that is not finite, or -1 */
} fcs_stats;

/* Decodes by the file's first bytes. The message of a failure begins with the path. Warnings of
 * libtiff go to the log. */
fcs_status fcs_decode(fcs_context *ctx, fcs_error *e, const char *path, fcs_facts *facts,
                      fcs_image **out);
/* One format's decoder: f is the open file, at its start, of so many bytes. */
typedef fcs_status fcs_decoder(fcs_context *ctx, fcs_error *e, const char *path, FILE *f,
                               int64_t file_size, fcs_facts *facts, fcs_image **out);
fcs_decoder fcs_png_decode, fcs_tiff_decode, fcs_nrrd_decode, fcs_metaimage_decode, fcs_vti_decode,
    fcs_npy_decode, fcs_raw_decode;
/* Appends to facts->note, with "; " between. */
void fcs_facts_note(fcs_facts *facts, const char *format, ...) FCS_PRINTF(2, 3);

fcs_status fcs_image_make(fcs_error *e, int64_t width, int64_t height, int64_t depth, int channels,
                          fcs_sample sample, fcs_image **out);
size_t fcs_sample_bytes(fcs_sample sample);
double fcs_sample_max(fcs_sample sample); /* 255, 65535, 1 */
/* Checks a decoded size, `pixel` bytes each, against 2^36 bytes. */
fcs_status fcs_decode_limit(fcs_error *e, const char *path, int64_t width, int64_t height,
                            int64_t depth, int64_t pixel);

/* A rectangle of a page (NULL: all of it), scaled: height x width x channels values on the scale of
 * fcs_image_value. */
typedef struct fcs_part {
    int64_t x, y, width, height;
} fcs_part;
fcs_status fcs_resize(fcs_error *e, const fcs_image *m, int64_t z, const fcs_part *part,
                      fcs_filter filter, int64_t width, int64_t height, float *out);
/* Puts the fitted image in place of *m: tiles become the pages of a stack; what is scaled becomes
 * F32 (the scale of fcs_image_value). */
fcs_status fcs_fit_image(fcs_error *e, fcs_image **m, const fcs_fitting *f);
/* Fails where the image is smaller than a tile: to be called before. */
fcs_status fcs_fit_check(fcs_error *e, const char *path, const fcs_image *m, const fcs_fitting *f);
void fcs_image_to_grey(fcs_image *m); /* one channel of three */

void fcs_stats_of(const fcs_image *image, fcs_stats *stats);
void fcs_stats_merge(fcs_stats *into, const fcs_stats *other);
/* The range of an image's values that a run scales to its own: the data's for floats and for up to
 * eight integer levels, the sample type's for the others. */
void fcs_stats_range(const fcs_stats *stats, fcs_sample sample, double *from, double *to);
/* "2 levels: 0 and 255 become -1 and 1" and the like. */
void fcs_stats_plan(const fcs_stats *stats, fcs_sample sample, int channels, double unit,
                    double low, double high, char *text, size_t n);
/* "0: 74.07 %, 255: 25.93 %" for up to six levels, "" for more; unit as in fcs_facts. */
void fcs_stats_shares(const fcs_stats *stats, int channels, double unit, char *text, size_t n);
/* "" or why nothing can be learnt from an image with these statistics: not finite, constant. */
void fcs_stats_problem(const fcs_stats *stats, const fcs_image *image, double unit, char *text,
                       size_t n);

/* Page `at` across 'x' (shows y to the right, z down), 'y' (x, z) or 'z' (x, y). */
fcs_status fcs_image_slice(fcs_error *e, const fcs_image *m, char across, int64_t at,
                           fcs_image **out);

/* Files of a folder, sorted by name (bytes), or the one file; names not beginning with a dot. */
typedef struct fcs_paths {
    char **path;
    int n;
    size_t capacity;
    bool is_folder;
} fcs_paths;
fcs_status fcs_paths_of(fcs_error *e, const char *path, fcs_paths *out);
void fcs_paths_free(fcs_paths *paths);

/* Behind fcs_writer: rows of one format. */
typedef struct fcs_sink {
    fcs_file file;
    const char *path;
    fcs_form form;
    size_t row_bytes;
} fcs_sink;
typedef struct fcs_sink_kind {
    const char *endings[3];
    size_t size; /* of its state, which begins with an fcs_sink */
    fcs_status (*open)(fcs_error *e, void *state);
    fcs_status (*row)(fcs_error *e, void *state, const void *row);
    fcs_status (*close)(
        fcs_error *e, void *state); /* all rows are in: finish the file, which is then committed */
    void (*free)(void *state);      /* at any time after open was called */
} fcs_sink_kind;
extern const fcs_sink_kind fcs_png_sink, fcs_tiff_sink, fcs_nrrd_sink, fcs_mha_sink, fcs_mhd_sink,
    fcs_raw_sink, fcs_vti_sink, fcs_npy_sink;

#endif
