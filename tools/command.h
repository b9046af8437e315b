/** Sub-commands of `nibble`: one .c file each, ending in one `const nib_command`, listed in
 * tools/commands.def. */
#ifndef NIB_TOOLS_COMMAND_H
#define NIB_TOOLS_COMMAND_H

#include "core/status.h"

typedef struct nib_command {
    const char *name;
    const char *usage; /**< "train CONFIG [options]" */
    const char *help;  /**< one line */
    const char *text;  /**< the options, a line each, and an example */
    /** argv[0] is the command's name. The message of a failure goes to stderr in main. */
    nib_status (*run)(int argc, char **argv, nib_error *err);
} nib_command;

extern const nib_command *const nib_commands[];
extern const int nib_commands_count;

/** The whole program after main's re-execution: parse, run, print errors. @return exit status */
int nib_main(int argc, char **argv);

#endif
