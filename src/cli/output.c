/* output.c: contexts, messages and tables of the program. */
#include "cli/cli.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void cli_error(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    fputs("facies: ", stderr);
    vfprintf(stderr, format, list);
    fputc('\n', stderr);
    va_end(list);
}

int cli_failed(const fcs_context *ctx, fcs_status status)
{
    cli_error("%s", fcs_message(ctx));
    return (int)status;
}

/* A note; the progress line, if one is shown, is wiped and comes again below. */
static void note(void *user, const char *line)
{
    cli_progress *p = user;
    if (p && p->shown)
        fprintf(stderr, "\r%*s\r", p->length, "");
    fprintf(stderr, "%s\n", line);
}

/* ---- contexts and interrupts ---- */

static fcs_context
    *volatile interrupted_context; /* a signal handler has no argument to find it by */

/* The first signal asks the run to stop and save, the second stops the program. */
static void on_signal(int number)
{
    fcs_context *ctx = interrupted_context;
    signal(number, SIG_DFL);
    if (ctx)
        fcs_interrupt(ctx);
}

fcs_context *cli_open(const cli_args *a, cli_progress *p)
{
    fcs_context *ctx = NULL;
    const fcs_options o = {
        .device = a->device,
        .sync = a->sync,
        .untrusted = a->untrusted,
        .threads = (int)a->threads,
        .isa = getenv("FACIES_ISA"),
        .log = a->quiet ? NULL : note,
        .user = p,
    };
    if (fcs_open(&ctx, &o)) {
        cli_error("%s", ctx ? fcs_message(ctx) : "out of memory");
        fcs_close(ctx);
        return NULL;
    }
    interrupted_context = ctx;
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    return ctx;
}

void cli_close(fcs_context *ctx)
{
    interrupted_context = NULL;
    fcs_close(ctx);
}

/* ---- tables ---- */

static int table_failed(const char *path, int why)
{
    cli_error("%s: cannot be written: %s", !strcmp(path, "-") ? "standard output" : path,
              strerror(why));
    return FCS_FAILED;
}

/* Beside its target and renamed where the target is a regular file or absent; directly otherwise.
 */
static int table_file(const fcs_table *t, fcs_table_format format, const char *path)
{
    struct stat st;
    if (!strcmp(path, "-"))
        return fcs_table_write(t, format, stdout) ? table_failed(path, errno) : FCS_OK;
    bool direct = stat(path, &st) == 0 && !S_ISREG(st.st_mode);
    size_t n = strlen(path) + 32;
    char *name = malloc(n);
    if (!name)
        return table_failed(path, ENOMEM);
    snprintf(name, n, direct ? "%s" : "%s.%ld.tmp", path, (long)getpid());
    FILE *f = fopen(name, "w");
    int bad = !f ? errno : fcs_table_write(t, format, f) ? errno : 0;
    if (f && fclose(f) && !bad)
        bad = errno;
    if (!bad && !direct && rename(name, path))
        bad = errno;
    if (bad && f && !direct)
        unlink(name);
    free(name);
    return bad ? table_failed(path, bad) : FCS_OK;
}

int cli_table(const cli_args *a, fcs_table *t)
{
    int status = FCS_OK;
    bool taken = (a->json && !strcmp(a->json, "-")) || (a->csv && !strcmp(a->csv, "-"));
    if (!taken)
        status = table_file(t, FCS_TEXT, "-");
    if (!status && a->json)
        status = table_file(t, FCS_JSON, a->json);
    if (!status && a->csv)
        status = table_file(t, FCS_CSV, a->csv);
    fcs_table_free(t);
    return status;
}

int cli_with_run(const cli_args *a, const char *command, const char *what, cli_work *work)
{
    fcs_run *run;
    fcs_table *t = NULL;
    if (!a->output && !a->sweep) {
        cli_error("%s: name %s to write (see facies %s --help)", command, what, command);
        return FCS_USAGE;
    }
    fcs_context *ctx = cli_open(a, NULL);
    if (!ctx)
        return FCS_FAILED;
    fcs_status s = fcs_run_open(ctx, a->operands.items[0], 0, &run);
    if (!s)
        s = work(run, a, &t);
    int status = s ? cli_failed(ctx, s) : t ? cli_table(a, t) : FCS_OK;
    fcs_run_close(run);
    cli_close(ctx);
    return status;
}
