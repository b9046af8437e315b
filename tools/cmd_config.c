/* nibble config: a config with every default spelled out. */
#include <stddef.h>
#include <stdio.h>

#include "tools/command.h"
#include "train/config.h"

typedef struct options {
    nib_arg_list set;
} options;

static const nib_arg args[] = {
    {"set", 's', NIB_ARG_LIST, offsetof(options, set), 0, 0, "KEY=VALUE",
     "change a key of the config (may be repeated)"},
};

static nib_status run(const nib_invocation *call, nib_error *err)
{
    const options *o = call->options;
    nib_config *config;
    NIB_TRY(nib_config_read(call->argument[0], o->set.text, o->set.count, &config, err));
    const char *text = nib_config_text(config);
    if (text)
        fputs(text, stdout);
    nib_config_destroy(config);
    return text ? NIB_OK : nib_fail_memory(err, "config");
}

const nib_command nib_command_config = {
    .name = "config",
    .arguments = "FILE",
    .help = "check a config and print it with every key and default spelled out",
    .text = "Shorthands are expanded: what is printed is a config that trains the same model.",
    .min_arguments = 1,
    .max_arguments = 1,
    NIB_ARG_TABLE(args),
    .option_bytes = sizeof(options),
    .run = run,
};
