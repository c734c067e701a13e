/* help.c: help texts and manual pages, from the tables that the command line is read by. */
#include "cli/cli.h"

#include <ctype.h>
#include <string.h>

/* What the numbers mean; the same for every command. */
static const char *const exit_statuses[][2] = {
    {"0", "success"},
    {"1", "failed: data, a file, a recipe, a key, a value, memory or a device; one line on "
          "standard error says which"},
    {"2", "the command line cannot be read"},
    {"3", "a check found numbers that differ"},
    {"130", "interrupted; everything was saved"},
};
#define MANUAL_DATE "2026-11-21" /* of the last change to the texts of the manual pages */
static const char program_summary[] = "train and run image-generating networks";
static const char program_text[] = "facies learns from a picture of a texture, such as the "
                                   "channels of a river bed, and makes new pictures of the same "
                                   "kind, of any size. It trains adversarial networks and "
                                   "autoencoders in two and three dimensions, on any processor or "
                                   "OpenCL device. A RECIPE is the name "
                                   "of a system (facies list recipes) or a text file; a RUN is the "
                                   "folder that training makes: recipe.cfg, log.csv, "
                                   "checkpoint.safetensors, sample pictures and report.html.";
static const char *const program_examples[] = {
    "facies synth channels --size 1024x1024 -o ti.png",
    "make an image to learn from",
    "facies train dsgan-small --data ti.png --minutes 30",
    "learn it; the run goes into dsgan-small-run",
    "facies generate dsgan-small-run --size 4000x4000 -o new.png",
    "make a large new one",
    "facies evaluate ti.png new.png",
    "compare the two",
    NULL};

/* ---- text for a terminal ---- */

/* Words of one paragraph, wrapped at 79 columns behind so many spaces; the first line is at
 * `column` already. */
static void wrap(FILE *f, const char *text, size_t length, int indent, int column)
{
    const char *end = text + length;
    while (text < end) {
        size_t n = strcspn(text, " \n");
        if (n > (size_t)(end - text))
            n = (size_t)(end - text);
        if (column + (int)n > 79 && column > indent) {
            fprintf(f, "\n%*s", indent, "");
            column = indent;
        }
        fprintf(f, "%.*s", (int)n, text);
        column += (int)n + 1;
        text += n;
        if (text < end && column <= 79)
            fputc(' ', f);
        text += text < end;
    }
    fputc('\n', f);
}

static void paragraphs(FILE *f, const char *text)
{
    for (const char *end; *text; text = end) {
        end = strstr(text, "\n\n");
        size_t n = end ? (size_t)(end - text) : strlen(text);
        wrap(f, text, n, 0, 0);
        end = end ? end + 2 : text + n;
        fputc('\n', f);
    }
}

static void option_word(const cli_option *o, char word[64])
{
    char letter[8] = "    ";
    if (o->letter)
        snprintf(letter, sizeof letter, "-%c, ", o->letter);
    snprintf(word, 64, "%s--%s%s%s", letter, o->name, o->argument ? " " : "",
             o->argument ? o->argument : "");
}

static void program_help(FILE *f)
{
    fprintf(f, "Usage: facies COMMAND [OPTION]...\n\n");
    wrap(f, program_text, sizeof program_text - 1, 0, 0);
    fprintf(f, "\nCommands:\n");
    for (int i = 0; cli_commands[i]; i++)
        fprintf(f, "  %-11s %s\n", cli_commands[i]->name, cli_commands[i]->summary);
    fprintf(f,
            "\nfacies help COMMAND says more; facies --version prints the version.\n\nExamples:\n");
    for (int i = 0; program_examples[i]; i += 2)
        fprintf(f, "  %s\n", program_examples[i]);
}

void cli_help(const cli_command *c, FILE *f)
{
    if (!c) {
        program_help(f);
        return;
    }
    fprintf(f, "Usage: facies %s %s [OPTION]...\n\n", c->name, c->operands);
    paragraphs(f, c->description);
    fprintf(f, "Options:\n");
    for (int i = 0; i < c->n_options; i++) {
        char word[64];
        option_word(&c->options[i], word);
        int n = fprintf(f, "  %-24s", word);
        if (n > 26)
            fprintf(f, "\n%26s", "");
        wrap(f, c->options[i].text, strlen(c->options[i].text), 26, 26);
    }
    fprintf(f, "\nExamples:\n");
    for (int i = 0; c->examples && c->examples[i]; i += 2)
        fprintf(f, "  %s\n      %s\n", c->examples[i], c->examples[i + 1]);
}

/* ---- manual pages: man(7) macros, understood by groff and mandoc ---- */

static void roff(FILE *f, const char *text)
{
    bool start = true;
    for (; *text; text++) {
        if (start && (*text == '.' || *text == '\''))
            fputs("\\&", f);
        if (*text == '\\')
            fputs("\\e", f);
        else if (*text == '-')
            fputs("\\-", f);
        else
            fputc(*text, f);
        start = *text == '\n';
    }
}

static void roff_line(FILE *f, const char *macro, const char *text)
{
    fprintf(f, "%s", macro);
    roff(f, text);
    fputc('\n', f);
}

static void roff_paragraphs(FILE *f, const char *text)
{
    bool first = true;
    for (const char *end = text; *text; text = end) {
        char part[4096];
        end = strstr(text, "\n\n");
        size_t n = end ? (size_t)(end - text) : strlen(text);
        snprintf(part, sizeof part, "%.*s", (int)n, text);
        roff_line(f, first ? "" : ".PP\n", part); /* a heading starts a paragraph by itself */
        first = false;
        end = end ? end + 2 : text + n;
    }
}

static void roff_pairs(FILE *f, const char *heading, const char *const *pairs)
{
    if (!pairs)
        return;
    fprintf(f, ".SH %s\n", heading);
    for (int i = 0; pairs[i]; i += 2) {
        roff_line(f, ".TP\n.B ", pairs[i]);
        roff_line(f, "", pairs[i + 1]);
    }
}

static void roff_exit_statuses(FILE *f)
{
    fprintf(f, ".SH EXIT STATUS\n");
    for (int i = 0; i < CLI_COUNT(exit_statuses); i++) {
        fprintf(f, ".TP\n.B %s\n", exit_statuses[i][0]);
        roff_line(f, "", exit_statuses[i][1]);
    }
}

static void roff_environment(FILE *f)
{
    fprintf(f, ".SH ENVIRONMENT\n.TP\n.B FACIES_ISA\nthe instruction set to use (facies list isas) "
               "instead of the best "
               "one that the machine has\n");
}

static void program_manual(FILE *f)
{
    fprintf(f,
            ".TH FACIES 1 \"" MANUAL_DATE
            "\" \"facies %s\" \"User Commands\"\n.SH NAME\nfacies \\- %s\n",
            fcs_version(), program_summary);
    fprintf(f, ".SH SYNOPSIS\n.B facies\n.I COMMAND\n[\\fIOPTION\\fR]...\n.SH DESCRIPTION\n");
    roff_line(f, "", program_text);
    fprintf(f, ".SH COMMANDS\n");
    for (int i = 0; cli_commands[i]; i++) {
        fprintf(f, ".TP\n.BR facies\\-%s (1)\n", cli_commands[i]->name);
        roff_line(f, "", cli_commands[i]->summary);
    }
    roff_exit_statuses(f);
    roff_environment(f);
    roff_pairs(f, "EXAMPLES", program_examples);
}

static void roff_options(FILE *f, const cli_command *c)
{
    fprintf(f, ".SH OPTIONS\n");
    for (int i = 0; i < c->n_options; i++) {
        const cli_option *o = &c->options[i];
        fprintf(f, ".TP\n");
        if (o->letter)
            fprintf(f, "\\fB\\-%c\\fR, ", o->letter);
        fprintf(f, "\\fB\\-\\-");
        roff(f, o->name);
        fprintf(f, "\\fR");
        if (o->argument)
            fprintf(f, " \\fI%s\\fR", o->argument);
        fprintf(f, "\n");
        roff_line(f, "", o->text);
    }
}

void cli_manual(const cli_command *c, FILE *f)
{
    char upper[32];
    size_t n = 0;
    if (!c) {
        program_manual(f);
        return;
    }
    for (; c->name[n] && n + 1 < sizeof upper; n++)
        upper[n] = (char)toupper((unsigned char)c->name[n]);
    upper[n] = 0;
    fprintf(f, ".TH FACIES\\-%s 1 \"" MANUAL_DATE "\" \"facies %s\" \"User Commands\"\n", upper,
            fcs_version());
    fprintf(f, ".SH NAME\nfacies\\-%s \\- ", c->name);
    roff_line(f, "", c->summary);
    fprintf(f, ".SH SYNOPSIS\n.B facies %s\n", c->name);
    roff_line(f, "", c->operands);
    fprintf(f, "[\\fIOPTION\\fR]...\n.SH DESCRIPTION\n");
    roff_paragraphs(f, c->description);
    roff_options(f, c);
    roff_exit_statuses(f);
    roff_environment(f);
    roff_pairs(f, "EXAMPLES", c->examples);
    fprintf(f, ".SH SEE ALSO\n.BR facies (1)");
    for (const char *word = c->see_also; word && *word;) {
        size_t length = strcspn(word, " ");
        fprintf(f, ",\n.BR facies\\-%.*s (1)", (int)length, word);
        word += length;
        word += *word == ' ';
    }
    fputc('\n', f);
}
