/* recipe.h: a system as text (libconfig), checked against the registries when it is read. May use
 * base/ and the tables of layers/, losses/, optim/, not graphs.
 *
 * A recipe is sections of keys; every key stands in a table of fcs_param with default, range and
 * meaning. A checked recipe is complete: it holds every key. */
#ifndef FCS_RECIPE_H
#define FCS_RECIPE_H

#include "base/base.h"
#include <libconfig.h>

/* One recipe value: what layers, losses, optimizers and the sections of a recipe have tables of. */
typedef struct fcs_param {
    const char *name;
    char kind; /* 'i' integer, 'f' float, 'b' true/false, 's' word, 'n' list of up to 3 integers
                  (one value: all axes; two: H W; three: D H W) */
    double standard;     /* default of i f b n */
    const char *word;    /* default of s */
    double min, max;     /* of i f n; of s: longest text in max, 0: 47 bytes */
    const char *choices; /* of s: "zero|reflect", NULL: any */
    const char *text;    /* what it means, unit, source */
} fcs_param;
enum { FCS_MAX_PARAMS = 24, FCS_MAX_FROM = 16, FCS_WORD = 48 };
/* Values by position in the entry's param table. */
typedef struct fcs_value_of {
    double number;
    int64_t list[3];
    char word[FCS_WORD];
} fcs_value_of;

struct fcs_recipe {
    fcs_context *ctx;
    config_t config;            /* complete: defaults are filled in by fcs_recipe_check */
    char *name, *text, *origin; /* origin: the file, for messages */
    bool checked;
};

/* ---- recipes ---- */
/* Fills in defaults, checks every key, range and word; messages name key, line and the nearest
 * known key. */
fcs_status fcs_recipe_check(fcs_recipe *r, fcs_error *e);
/* Values of a checked recipe by path "train.batch" (booleans: 0 or 1); NaN and NULL for a path that
 * the schema has not, which is a programming error. */
double fcs_recipe_number(const fcs_recipe *r, const char *path);
const char *fcs_recipe_word(const fcs_recipe *r, const char *path);
fcs_status fcs_recipe_from_text(fcs_context *ctx, const char *text, const char *origin,
                                fcs_recipe **out);

/* ---- tables of params ---- */
/* Checks the members of group against the table and adds what is missing. `also`: members that
 * others check (NULL-terminated, may be NULL). */
fcs_status fcs_params_check(fcs_error *e, const fcs_recipe *r, config_setting_t *group,
                            const fcs_param *params, int n, const char *const *also);
/* Reads a checked group's members into values[0..n-1]. */
void fcs_params_read(const config_setting_t *group, const fcs_param *params, int n,
                     fcs_value_of *values);
/* The default of a param as text, and its range: "3", "1 to 64", "same|valid". */
void fcs_param_standard(const fcs_param *p, char text[64]);
void fcs_param_range(const fcs_param *p, char text[96]);
/* Fails with "origin:line: path.of.setting: " before the message. */
fcs_status fcs_recipe_fail(fcs_error *e, const fcs_recipe *r, const config_setting_t *s,
                           const char *format, ...) FCS_PRINTF(4, 5);

/* ---- sections: the schema (schema.c) ---- */
typedef struct fcs_section {
    const char *path; /* "" (top), "data", ...; "NET" (the last one) stands for each net */
    const fcs_param *params;
    int n;
    const char *text;
} fcs_section;
extern const fcs_section fcs_sections[];
extern const int fcs_n_sections;
/* The table of section "loss": its own params, then a weight per registered loss term. */
int fcs_loss_params(fcs_param params[FCS_MAX_PARAMS]);

/* ---- nets of a checked recipe (nets.c) ---- */
struct fcs_layer;
struct fcs_optimizer;
typedef struct fcs_net_layer {
    const struct fcs_layer *entry;
    char name[FCS_WORD];
    int n_from, from[FCS_MAX_FROM]; /* earlier layers; -1: the net's input */
    fcs_value_of values[FCS_MAX_PARAMS];
} fcs_net_layer;
typedef struct fcs_net {
    char name[FCS_WORD];
    double width, init_std, average;
    bool init_scaled;           /* init_std is divided by the root of the inputs of an output */
    char norm[FCS_WORD];        /* batch, instance or none: what layers of type norm are */
    bool norm_affine, spectral; /* trained scale and shift there; all kernels normalized */
    bool direct;                /* numerics: no minimal filtering */
    const struct fcs_optimizer *optimizer;
    fcs_value_of optimizer_values[FCS_MAX_PARAMS];
    fcs_net_layer *layers;
    int n_layers;
} fcs_net;
/* A dense layer of shape 0 gets the shape that makes images of data.size. */
fcs_status fcs_net_read(const fcs_recipe *r, const char *name, fcs_net *out, fcs_error *e);
void fcs_net_free(fcs_net *net);
/* Output size along an axis (0 D, 1 H, 2 W) for an input of that size; below 1 where the net cannot
 * take it, with the layer in *bad (may be NULL). */
int64_t fcs_net_size(const fcs_net *net, int axis, int64_t in, int *bad);
/* The layers named in a list "conv1,conv2" or, for "", the one before the last; -1 and a message
 * about the setting at `path` where there is no such layer. */
int fcs_net_find(const fcs_recipe *r, const fcs_net *net, const char *path, int out[FCS_MAX_FROM],
                 fcs_error *e);
/* A layer whose value for one image depends on the others of its batch; -1: none. */
int fcs_net_of_batch(const fcs_net *net);
/* Some layer's outputs depend on the whole input, so that the net has one size. */
bool fcs_net_whole(const fcs_net *net);

/* Latent cells along an axis (0 D, 1 H, 2 W) in training: latent.size, or what gives data.size; 0:
 * nothing does. */
int64_t fcs_recipe_latent_channels(const fcs_recipe *r); /* latent.channels; 0: half of data.size */
/* latent.waves, "y64,x100"; -1: the text is no such list. */
typedef struct fcs_wave {
    int axis;      /* 0 D, 1 H, 2 W */
    double period; /* pixels */
} fcs_wave;
enum { FCS_MAX_WAVES = 4 };
int fcs_recipe_waves(const fcs_recipe *r, fcs_wave waves[FCS_MAX_WAVES]);
/* What loss.passage is about: a phase of images of one channel, of values from low to high. */
typedef struct fcs_passage {
    int axis;       /* 0: along H, 1: along W */
    int64_t length; /* pixels, a multiple of FCS_PASSAGE_BLOCK, as the images' sides are */
    bool bright;    /* the phase is the values near high */
    double low, high;
} fcs_passage;
enum { FCS_PASSAGE_BLOCK = 4 };
fcs_passage fcs_recipe_passage(const fcs_recipe *r);
/* Depth of what the generator makes in training: data.depth, or data.size where the scheme makes
 * volumes from images. */
int64_t fcs_recipe_depth(const fcs_recipe *r);
/* Channels of the images: data.channels, or as many as data.phases says; what the data will have is
 * not known yet where these leave it open: 3 phases, 1 channel. */
int fcs_recipe_channels(const fcs_recipe *r);
int64_t fcs_recipe_latent_size(const fcs_recipe *r, const fcs_net *generator, int axis);

/* ---- training schemes as far as recipes know them (schemes.c) ---- */
typedef struct fcs_scheme_net {
    const char *name; /* of its section; NULL ends the list */
    bool optional;    /* a recipe may do without it */
    bool flat;        /* it takes images, whatever the others make */
    fcs_shape (*input)(const fcs_recipe *r, const fcs_net *net); /* one sample, in training */
} fcs_scheme_net;
typedef struct fcs_scheme_rules {
    const char *name, *text;
    bool volumes;                                           /* made from images */
    const fcs_scheme_net *nets;                             /* the first makes the images */
    fcs_status (*check)(fcs_error *e, const fcs_recipe *r); /* sections and nets are checked */
} fcs_scheme_rules;
extern const fcs_scheme_rules fcs_scheme_table[];                 /* ends with a NULL name */
const fcs_scheme_rules *fcs_scheme_rules_of(const fcs_recipe *r); /* of a checked recipe */
bool fcs_recipe_has(const fcs_recipe *r, const char *section);    /* an optional net is there */

/* ---- recipes that come with the library (embedded.c, made by m4/embed.awk) ---- */
extern const fcs_embedded fcs_embedded_recipes[]; /* ends with a NULL name */

#endif
