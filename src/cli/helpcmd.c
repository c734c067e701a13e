/* helpcmd.c: facies help. */
#include "cli/cli.h"

#include <stddef.h>
#include <string.h>

static const cli_option options[] = {
    {"man", 0, CLI_FLAG, CLI_AT(man), NULL, "print the manual page in man(7) form", 0, 0},
    CLI_HELP_OPTION,
};
static const char *const examples[] = {"facies help train", "about one command",
                                       "facies help --man train | man -l -", "its manual page",
                                       NULL};

static int run_help(const cli_args *a)
{
    const cli_command *c = a->operands.n ? cli_command_find(a->operands.items[0]) : NULL;
    if (a->operands.n && !c) {
        cli_error("help: no command \"%.60s\" (facies --help lists them)", a->operands.items[0]);
        return FCS_USAGE;
    }
    if (a->man)
        cli_manual(c, stdout);
    else
        cli_help(c, stdout);
    return FCS_OK;
}

const cli_command cli_help_command = {
    "help",
    "[COMMAND]",
    "explain a command",
    "Prints what a command does and its options; without COMMAND, the list of commands.",
    options,
    CLI_COUNT(options),
    0,
    1,
    examples,
    "",
    run_help};
