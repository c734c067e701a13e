/* cli.h: what the program's files share. The program is a thin client: of the project's headers it
 * uses facies.h only. */
#ifndef FCS_CLI_H
#define FCS_CLI_H

#include "facies.h"
#include <stdbool.h>

/* ---- options: one table gives parsing, --help, error messages and manual pages ---- */
typedef enum cli_kind {
    CLI_FLAG, /* bool */
    CLI_INT,  /* int64_t, in [min, max] */
    CLI_REAL, /* double, in [min, max] */
    CLI_TEXT, /* const char * */
    CLI_LIST, /* cli_words: may be given many times */
    CLI_SIZE  /* int64_t[3]: WxH or WxHxD */
} cli_kind;
typedef struct cli_option {
    const char *name;
    char letter; /* or 0 */
    cli_kind kind;
    size_t at;            /* offset in cli_args */
    const char *argument; /* its name in help texts; NULL for flags */
    const char *text;
    double min, max;
} cli_option;
typedef struct cli_words {
    const char **items;
    int n;
} cli_words;

/* All values that any option can set, zero where not given. */
typedef struct cli_args {
    bool help, quiet, resume, plan, periodic, has_threshold, failures, recipe_text, man, sync,
        cells, profile, untrusted;
    int64_t threads, seed, steps, count, first, median, memory, crops, crop, neighbours, max_lag;
    int64_t period;
    bool layers;
    int64_t tile, stride;
    bool has_seed;
    double minutes, threshold, seconds, cut, azimuth, elevation, limit;
    int64_t size[3];
    const char *device, *json, *csv, *html, *output, *metrics, *ops, *one_case, *isa, *model,
        *slices, *format, *voxel, *unit, *transparent, *phases, *density;
    const char *sweep, *features, *resize;
    int64_t rows;
    cli_words data, set, operands;
} cli_args;

typedef struct cli_command {
    const char *name;
    const char *operands;    /* "RECIPE --data PATH", for the synopsis */
    const char *summary;     /* one line, without a capital or full stop */
    const char *description; /* paragraphs, separated by empty lines */
    const cli_option *options;
    int n_options;
    int min_operands, max_operands; /* max -1: any number */
    const char *const *examples;    /* command, what it does, ..., NULL */
    const char *see_also;           /* "generate evaluate" */
    int (*run)(const cli_args *a);  /* returns the exit status */
} cli_command;
extern const cli_command cli_train, cli_generate, cli_evaluate, cli_inspect, cli_show, cli_list,
    cli_check, cli_bench, cli_devices, cli_synth, cli_convert, cli_view, cli_compare, cli_encode,
    cli_interpolate, cli_reconstruct, cli_tune, cli_help_command;
extern const cli_command *const cli_commands[]; /* NULL-terminated */
const cli_command *cli_command_find(const char *name);

#define CLI_AT(member) offsetof(cli_args, member)
#define CLI_COUNT(array) ((int)(sizeof(array) / sizeof *(array)))
/* What most commands have. */
/* clang-format off */
#define CLI_COMPUTE_OPTIONS                                                                        \
    {"device", 'd', CLI_TEXT, CLI_AT(device), "D",                                                 \
     "compute device: cpu, or a number or a part of a name that `facies devices` prints", 0, 0},   \
    {"sync", 0, CLI_FLAG, CLI_AT(sync), NULL,                                                      \
     "wait after each kernel of an OpenCL device, so that an error names it", 0, 0},               \
    {"untrusted", 0, CLI_FLAG, CLI_AT(untrusted), NULL,                                            \
     "use an OpenCL device that failed its self-test", 0, 0},                                      \
    {"threads", 't', CLI_INT, CLI_AT(threads), "T",                                                \
     "threads (one per processor); results do not depend on it", 1, 4096}
#define CLI_TABLE_OPTIONS                                                                          \
    {"json", 0, CLI_TEXT, CLI_AT(json), "FILE",                                                    \
     "write the table as JSON, - for standard output", 0, 0},                                      \
    {"csv", 0, CLI_TEXT, CLI_AT(csv), "FILE",                                                      \
     "write the table as CSV, - for standard output", 0, 0}
#define CLI_SET_OPTION                                                                             \
    {"set", 's', CLI_LIST, CLI_AT(set), "KEY=VALUE",                                               \
     "set a recipe value: generator.width=0.5; many times if wanted", 0, 0}
#define CLI_VOXEL_OPTIONS                                                                          \
    {"voxel", 0, CLI_TEXT, CLI_AT(voxel), "DX[xDYxDZ]",                                            \
     "size of a voxel: 0.4 or 0.4x0.4x1", 0, 0},                                                   \
    {"unit", 0, CLI_TEXT, CLI_AT(unit), "UNIT", "unit of the voxel's size: um, mm, ...", 0, 0}
#define CLI_HELP_OPTION {"help", 'h', CLI_FLAG, CLI_AT(help), NULL, "show this help", 0, 0}
/* clang-format on */

/* Reads the command line into *a; prints a message and returns FCS_USAGE where it cannot. Free with
 * cli_args_free(). */
fcs_status cli_parse(const cli_command *c, int argc, char **argv, cli_args *a);
void cli_args_free(cli_args *a);
/* The word nearest to `word`, or NULL when none is near. */
const char *cli_nearest(const char *word, const char *const *words, int n);

/* ---- help.c ---- */
void cli_help(const cli_command *c, FILE *f);   /* NULL: the program */
void cli_manual(const cli_command *c, FILE *f); /* a manual page in man(7) form */

/* ---- progress.c: a line that is rewritten on a terminal, a new line now and then elsewhere ----
 */
typedef struct cli_progress {
    bool quiet, terminal, shown;
    int width, length; /* of the terminal; of the line on it */
    double last, start;
} cli_progress;
void cli_progress_begin(cli_progress *p, bool quiet);
void cli_progress_train(void *user, const fcs_progress *now); /* user: the cli_progress */
void cli_progress_part(void *user, double done);              /* 0..1 */
void cli_progress_end(cli_progress *p);

/* ---- output.c ---- */
/* A context as the options and FACIES_ISA say; NULL after a message. Interrupts reach it. Its notes
 * go to standard error and past the progress line p, if there is one. */
fcs_context *cli_open(const cli_args *a, cli_progress *p);
void cli_close(fcs_context *ctx);
/* "facies: message" on standard error. */
void cli_error(const char *format, ...) FCS_PRINTF(1, 2);
/* Prints the context's message and returns status. */
int cli_failed(const fcs_context *ctx, fcs_status status);
/* Writes the table where --json and --csv say, else as text to standard output. Frees it. Returns
 * an exit status. */
int cli_table(const cli_args *a, fcs_table *t);
/* Opens the run that the first operand names, does the work and prints its table, if it makes one;
 * returns the exit status. what: "the strip", which -o or an option must name. */
typedef fcs_status cli_work(fcs_run *run, const cli_args *a, fcs_table **t);
int cli_with_run(const cli_args *a, const char *command, const char *what, cli_work *work);
/* What --voxel and --unit say; FCS_USAGE after a message. */
fcs_status cli_voxel(const cli_args *a, fcs_voxel *out);
/* ---- recipe.c ---- */
/* The recipe of a name, a file or a run folder, with --set, --seed, --tile and --stride applied;
 * NULL after a message. */
fcs_recipe *cli_recipe(fcs_context *ctx, const char *word, const cli_args *a);

#endif
