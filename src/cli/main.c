/* main.c: the program: a table of subcommands. */
#include "cli/cli.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

const cli_command *const cli_commands[] = {
    &cli_train,       &cli_generate, &cli_evaluate,     &cli_compare, &cli_reconstruct,
    &cli_interpolate, &cli_encode,   &cli_inspect,      &cli_show,    &cli_list,
    &cli_check,       &cli_bench,    &cli_devices,      &cli_tune,    &cli_synth,
    &cli_convert,     &cli_view,     &cli_help_command, NULL,
};

const cli_command *cli_command_find(const char *name)
{
    for (int i = 0; cli_commands[i]; i++)
        if (!strcmp(cli_commands[i]->name, name))
            return cli_commands[i];
    return NULL;
}

static int unknown_command(const char *word)
{
    const char *names[32];
    int n = 0;
    for (; cli_commands[n] && n < 32; n++)
        names[n] = cli_commands[n]->name;
    const char *near = cli_nearest(word, names, n);
    if (near)
        cli_error("no command \"%.60s\"; did you mean %s? (facies --help lists them)", word, near);
    else
        cli_error("no command \"%.60s\" (facies --help lists them)", word);
    return FCS_USAGE;
}

static int run_command(const cli_command *c, int argc, char **argv)
{
    cli_args a;
    int status = (int)cli_parse(c, argc, argv, &a);
    if (!status && a.help)
        cli_help(c, stdout);
    else if (!status)
        status = c->run(&a);
    cli_args_free(&a);
    return status;
}

static int dispatch(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : "";
    if (argc < 2) {
        cli_help(NULL, stderr);
        return FCS_USAGE;
    }
    if (!strcmp(word, "--help") || !strcmp(word, "-h")) {
        cli_help(NULL, stdout);
        return FCS_OK;
    }
    if (!strcmp(word, "--version") || !strcmp(word, "-V")) {
        printf("facies %s\n", fcs_version());
        return FCS_OK;
    }
    const cli_command *c = cli_command_find(word);
    return c ? run_command(c, argc - 2, argv + 2) : unknown_command(word);
}

int main(int argc, char **argv)
{
#ifdef SIGXFSZ
    signal(SIGXFSZ,
           SIG_IGN); /* a file over the limit is then an error of write(), with a message */
#endif
    int status = dispatch(argc, argv);
    /* What was printed counts only once it is written: a full disk behind stdout shows here. */
    if (fflush(stdout) || ferror(stdout)) {
        cli_error("standard output: cannot be written: %s", strerror(errno));
        return status ? status : FCS_FAILED;
    }
    if (fclose(stdout)) {
        cli_error("standard output: cannot be written: %s", strerror(errno));
        return status ? status : FCS_FAILED;
    }
    return status;
}
