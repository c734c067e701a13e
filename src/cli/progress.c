/* progress.c: how far it is. On a terminal one line, rewritten at most six times a second;
 * elsewhere (a file, a pipe, a batch queue) a plain line every ten seconds. */
#define CLI_TERMINAL_PERIOD (1 / 6.0)
#define CLI_PLAIN_PERIOD 10.0
#include "cli/cli.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static double now_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void cli_progress_begin(cli_progress *p, bool quiet)
{
    const char *columns = getenv("COLUMNS");
    memset(p, 0, sizeof *p);
    p->quiet = quiet;
    p->terminal = isatty(STDERR_FILENO) != 0;
    p->width = columns && atoi(columns) > 20 ? atoi(columns) : 80;
    p->start = now_seconds();
    p->last = p->terminal ? 0 : p->start;
}

static bool due(cli_progress *p)
{
    double now = now_seconds();
    if (p->quiet || now - p->last < (p->terminal ? CLI_TERMINAL_PERIOD : CLI_PLAIN_PERIOD))
        return false;
    p->last = now;
    return true;
}

static void show(cli_progress *p, const char *line)
{
    int n = (int)strlen(line);
    if (!p->terminal) {
        fprintf(stderr, "%s\n", line);
        return;
    }
    if (n > p->width - 1)
        n = p->width - 1;
    fprintf(stderr, "\r%.*s%*s", n, line, p->length > n ? p->length - n : 0, "");
    fflush(stderr);
    p->length = n;
    p->shown = true;
}

/* "1:05" minutes, "2:03:05" hours. */
static void clock_text(double seconds, char text[32])
{
    long long s = seconds > 0 && seconds < 1e12 ? (long long)(seconds + 0.5) : 0;
    if (s >= 3600)
        snprintf(text, 32, "%lld:%02lld:%02lld", s / 3600, s / 60 % 60, s % 60);
    else
        snprintf(text, 32, "%lld:%02lld", s / 60, s % 60);
}

static void bar(double done, char text[24])
{
    int full = (int)(12 * (done < 0 ? 0 : done > 1 ? 1 : done));
    memset(text, ' ', 14);
    text[0] = '[';
    memset(text + 1, '#', (size_t)full);
    text[13] = ']';
    text[14] = 0;
}

void cli_progress_train(void *user, const fcs_progress *now)
{
    cli_progress *p = user;
    char line[512], left[32], done[24];
    int n = 0;
    if (!due(p))
        return;
    /* Time may be the limit, not steps: the bar goes by what ends first. */
    double share =
        now->seconds_left >= 0 ? now->seconds / (now->seconds + now->seconds_left + 1e-9) : 0;
    clock_text(now->seconds_left, left);
    bar(share, done);
    if (p->terminal)
        n += snprintf(line + n, sizeof line - (size_t)n, "%s ", done);
    n += snprintf(line + n, sizeof line - (size_t)n, "step %lld", (long long)now->step);
    if (now->steps > 0)
        n += snprintf(line + n, sizeof line - (size_t)n, "/%lld", (long long)now->steps);
    n += snprintf(line + n, sizeof line - (size_t)n, "  %.3g img/s  %s left ",
                  now->images_per_second, isnan(now->seconds_left) ? "?" : left);
    int letters = p->terminal ? 4 : 40; /* a line of 80 columns has no room for whole words */
    for (int i = 0; i < now->n_losses && n < 400; i++)
        n += snprintf(line + n, sizeof line - (size_t)n, " %.*s %.3g", letters, now->loss_names[i],
                      now->losses[i]);
    if (!p->terminal && now->newest_sample)
        snprintf(line + n, sizeof line - (size_t)n, "  %.100s", now->newest_sample);
    show(p, line);
}

void cli_progress_part(void *user, double done)
{
    cli_progress *p = user;
    char line[96], left[32], drawn[24];
    if (!due(p))
        return;
    double passed = now_seconds() - p->start;
    clock_text(done > 0 ? passed / done - passed : 0, left);
    bar(done, drawn);
    snprintf(line, sizeof line, "%s %3.0f %%  %s left", drawn, 100 * done, left);
    show(p, line);
}

void cli_progress_end(cli_progress *p)
{
    if (p->shown)
        fputc('\n', stderr);
    p->shown = false;
}
