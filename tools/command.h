/** Sub-commands of `nibble`: one .c file each, ending in one `const nib_command`, listed in
 * tools/commands.def.
 *
 *  A command states its options in a table; nib_main parses them into the command's struct, checks bounds and
 * the number of positional arguments, answers --help from the table, and suggests the nearest name for a
 * mistyped one.
 */
#ifndef NIB_TOOLS_COMMAND_H
#define NIB_TOOLS_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

typedef enum nib_arg_kind {
    NIB_ARG_FLAG, /**< bool */
    NIB_ARG_TEXT, /**< const char * */
    NIB_ARG_INT,  /**< int64_t within [min, max] */
    NIB_ARG_REAL, /**< double within [min, max] */
    NIB_ARG_LIST, /**< nib_arg_list: may be given several times */
} nib_arg_kind;

enum { NIB_ARG_LIST_MAX = 256 };

typedef struct nib_arg_list {
    int count;
    const char *text[NIB_ARG_LIST_MAX];
} nib_arg_list;

typedef struct nib_arg {
    const char *name; /**< "threads" for --threads */
    char letter;      /**< 't' for -t; 0: none */
    nib_arg_kind kind;
    size_t offset;     /**< of the field in the command's struct; fields not given stay zero */
    double min, max;   /**< numbers */
    const char *value; /**< what --help calls the value: "DIR"; NULL for flags */
    const char *help;  /**< one line */
} nib_arg;

/** How a command was called. */
typedef struct nib_invocation {
    const void *options; /**< the command's struct */
    int count;           /**< positional arguments */
    const char *const *argument;
    int argc; /**< the whole command line, for manifests */
    const char *const *argv;
} nib_invocation;

typedef struct nib_command {
    const char *name;
    const char *arguments; /**< "CONFIG" */
    const char *help;      /**< one line */
    const char *text;      /**< more, shown by `nibble NAME --help`, or NULL */
    int min_arguments, max_arguments;
    const nib_arg *args;
    int n_args;
    size_t option_bytes; /**< size of the struct, <= NIB_COMMAND_OPTION_BYTES */
    /** The message of a failure is printed by nib_main, which turns the status into the exit status. */
    nib_status (*run)(const nib_invocation *call, nib_error *err);
} nib_command;

enum { NIB_COMMAND_OPTION_BYTES = 16384 };

#define NIB_ARG_TABLE(rows) .args = (rows), .n_args = (int)(sizeof(rows) / sizeof((rows)[0]))

extern const nib_command *const nib_commands[];
extern const int nib_commands_count;

/** The whole program: parse, run, print errors on standard error. @return exit status */
int nib_main(int argc, const char *const *argv);

#endif
