#include "tools/command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/isa.h"
#include "core/names.h"

#define NIB_COMMAND(name) extern const nib_command nib_command_##name;
#include "tools/commands.def"
#undef NIB_COMMAND

#define NIB_COMMAND(name) &nib_command_##name,
const nib_command *const nib_commands[] = {
#include "tools/commands.def"
};
#undef NIB_COMMAND
const int nib_commands_count = (int)(sizeof nib_commands / sizeof nib_commands[0]);

enum { MAX_ARGUMENTS = 1024 };

/* What is being parsed. */
typedef struct parser {
    const nib_command *command;
    char *options;
    int argc, at;
    const char *const *argv;
    bool help;
    int count;
    const char *argument[MAX_ARGUMENTS];
} parser;

static void print_usage(FILE *out)
{
    fprintf(
        out,
        "nibble: train small networks that must fit in a few bits\n\nusage: nibble COMMAND [options]\n\n");
    for (int i = 0; i < nib_commands_count; i++)
        fprintf(out, "  %-10s %s\n", nib_commands[i]->name, nib_commands[i]->help);
    fprintf(out, "\n`nibble COMMAND --help` shows a command's options; `nibble list` and `nibble describe "
                 "NAME` what a "
                 "config may hold.\n");
}

/* Between a command and its arguments, when it takes any. */
static const char *blank(const nib_command *c)
{
    return c->arguments[0] ? " " : "";
}

static void print_help(const nib_command *c)
{
    printf("usage: nibble %s%s%s%s\n\n%s\n", c->name, blank(c), c->arguments, c->n_args ? " [options]" : "",
           c->help);
    if (c->text)
        printf("\n%s\n", c->text);
    if (c->n_args)
        printf("\noptions:\n");
    for (int i = 0; i < c->n_args; i++) {
        const nib_arg *a = &c->args[i];
        char name[64];
        char letter[8] = "   ";
        if (a->letter)
            (void)snprintf(letter, sizeof letter, "-%c,", a->letter);
        (void)snprintf(name, sizeof name, "%s --%s%s%s", letter, a->name, a->value ? " " : "",
                       a->value ? a->value : "");
        printf("  %-28s %s\n", name, a->help);
    }
}

static const nib_arg *find_arg(const nib_command *c, const char *name, size_t length)
{
    for (int i = 0; i < c->n_args; i++)
        if (strlen(c->args[i].name) == length && strncmp(c->args[i].name, name, length) == 0)
            return &c->args[i];
    return NULL;
}

static const nib_arg *find_letter(const nib_command *c, char letter)
{
    for (int i = 0; i < c->n_args; i++)
        if (c->args[i].letter == letter)
            return &c->args[i];
    return NULL;
}

static nib_status unknown_option(const nib_command *c, const char *text, nib_error *err)
{
    const char *names[64];
    int n = 0;
    for (; n < c->n_args && n < 64; n++)
        names[n] = c->args[n].name;
    const char *plain = text;
    while (*plain == '-')
        plain++;
    const char *nearest = nib_names_nearest(plain, names, (size_t)n);
    if (nearest)
        return nib_fail(err, NIB_ERR_USAGE, "nibble %s: unknown option %s (did you mean --%s?)", c->name,
                        text, nearest);
    return nib_fail(err, NIB_ERR_USAGE, "nibble %s: unknown option %s (nibble %s --help lists them)", c->name,
                    text, c->name);
}

static nib_status parse_number(const nib_command *c, const nib_arg *a, const char *text, double *value,
                               nib_error *err)
{
    char *end;
    errno = 0;
    *value = strtod(text, &end);
    if (end == text || *end || errno)
        return nib_fail(err, NIB_ERR_USAGE, "nibble %s: --%s: '%s' is no number", c->name, a->name, text);
    if (a->kind == NIB_ARG_INT && *value != (double)(int64_t)*value)
        return nib_fail(err, NIB_ERR_USAGE, "nibble %s: --%s: '%s' is no whole number", c->name, a->name,
                        text);
    if (!(*value >= a->min && *value <= a->max))
        return nib_fail(err, NIB_ERR_USAGE, "nibble %s: --%s: %s is outside %g to %g", c->name, a->name, text,
                        a->min, a->max);
    return NIB_OK;
}

static nib_status store(parser *p, const nib_arg *a, const char *text, nib_error *err)
{
    void *field = p->options + a->offset;
    double number = 0;
    switch (a->kind) {
    case NIB_ARG_FLAG:
        *(bool *)field = true;
        return NIB_OK;
    case NIB_ARG_TEXT:
        *(const char **)field = text;
        return NIB_OK;
    case NIB_ARG_INT:
        NIB_TRY(parse_number(p->command, a, text, &number, err));
        *(int64_t *)field = (int64_t)number;
        return NIB_OK;
    case NIB_ARG_REAL:
        NIB_TRY(parse_number(p->command, a, text, &number, err));
        *(double *)field = number;
        return NIB_OK;
    case NIB_ARG_LIST: {
        nib_arg_list *list = field;
        if (list->count == NIB_ARG_LIST_MAX)
            return nib_fail(err, NIB_ERR_USAGE, "nibble %s: --%s given more than %d times", p->command->name,
                            a->name, NIB_ARG_LIST_MAX);
        list->text[list->count++] = text;
        return NIB_OK;
    }
    }
    return NIB_OK;
}

/* --name, --name=value, --name value, -n value, -nvalue */
static nib_status parse_option(parser *p, const char *text, nib_error *err)
{
    const nib_arg *a;
    const char *value = NULL;
    if (text[1] == '-') {
        size_t length = strcspn(text + 2, "=");
        if (strcmp(text, "--help") == 0) {
            p->help = true;
            return NIB_OK;
        }
        a = find_arg(p->command, text + 2, length);
        if (text[2 + length] == '=')
            value = text + 2 + length + 1;
    } else {
        if (strcmp(text, "-h") == 0) {
            p->help = true;
            return NIB_OK;
        }
        a = find_letter(p->command, text[1]);
        if (text[2])
            value = text + 2;
    }
    if (!a)
        return unknown_option(p->command, text, err);
    if (a->kind == NIB_ARG_FLAG) {
        if (value)
            return nib_fail(err, NIB_ERR_USAGE, "nibble %s: --%s takes no value", p->command->name, a->name);
    } else if (!value) {
        if (p->at + 1 >= p->argc)
            return nib_fail(err, NIB_ERR_USAGE, "nibble %s: --%s needs a value (%s)", p->command->name,
                            a->name, a->value);
        value = p->argv[++p->at];
    }
    return store(p, a, value, err);
}

static nib_status parse(parser *p, nib_error *err)
{
    const nib_command *c = p->command;
    bool only_arguments = false;
    for (p->at = 2; p->at < p->argc; p->at++) {
        const char *text = p->argv[p->at];
        if (!only_arguments && strcmp(text, "--") == 0) {
            only_arguments = true;
        } else if (!only_arguments && text[0] == '-' && text[1]) {
            NIB_TRY(parse_option(p, text, err));
        } else {
            if (p->count == c->max_arguments || p->count == MAX_ARGUMENTS)
                return nib_fail(err, NIB_ERR_USAGE,
                                "nibble %s: unexpected argument '%s' (usage: nibble %s%s%s)", c->name, text,
                                c->name, blank(c), c->arguments);
            p->argument[p->count++] = text;
        }
    }
    if (!p->help && p->count < c->min_arguments)
        return nib_fail(err, NIB_ERR_USAGE, "nibble %s: too few arguments (usage: nibble %s %s)", c->name,
                        c->name, c->arguments);
    return NIB_OK;
}

static const nib_command *find_command(const char *name, nib_error *err)
{
    const char *names[64];
    int n = 0;
    for (; n < nib_commands_count && n < 64; n++) {
        if (strcmp(nib_commands[n]->name, name) == 0)
            return nib_commands[n];
        names[n] = nib_commands[n]->name;
    }
    const char *nearest = nib_names_nearest(name, names, (size_t)n);
    if (nearest)
        (void)nib_fail(err, NIB_ERR_USAGE, "unknown command '%s' (did you mean '%s'?)", name, nearest);
    else
        (void)nib_fail(err, NIB_ERR_USAGE, "unknown command '%s' (nibble --help lists them)", name);
    return NULL;
}

static nib_status run(parser *p, nib_error *err)
{
    NIB_TRY(parse(p, err));
    if (p->help) {
        print_help(p->command);
        return NIB_OK;
    }
    nib_invocation call = {p->options, p->count, p->argument, p->argc, p->argv};
    return p->command->run(&call, err);
}

static int report(nib_status status, nib_error *err)
{
    if ((fflush(stdout) != 0 || ferror(stdout)) && status == NIB_OK)
        status = nib_fail(err, NIB_ERR_IO, "standard output cannot be written: %s", strerror(errno));
    bool named = strncmp(err->message, "nibble ", 7) == 0; /* "nibble train: unknown option" */
    if (status != NIB_OK)
        fprintf(stderr, "%s%s\n", named ? "" : "nibble: ", err->message);
    return nib_status_exit_code(status);
}

int nib_main(int argc, const char *const *argv)
{
    nib_error err = {NIB_OK, ""};
    nib_isa_choice choice;
    nib_status status = nib_isa_check(getenv("NIBBLE_ISA"), &choice, &err);
    if (status != NIB_OK)
        return report(status, &err);
    if (argc < 2) {
        print_usage(stderr);
        return nib_status_exit_code(NIB_ERR_USAGE);
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        print_usage(stdout);
        return 0;
    }
    const char *name = strcmp(argv[1], "--version") == 0 ? "version" : argv[1];
    const nib_command *command = find_command(name, &err);
    if (!command)
        return report(NIB_ERR_USAGE, &err);
    _Alignas(16) static char options[NIB_COMMAND_OPTION_BYTES];
    memset(options, 0, sizeof options);
    parser p = {.command = command, .options = options, .argc = argc, .argv = argv};
    return report(run(&p, &err), &err);
}
