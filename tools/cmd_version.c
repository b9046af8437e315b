#include <stdio.h>

#include "tools/command.h"

static nib_status run(const nib_invocation *call, nib_error *err)
{
    (void)call, (void)err;
    printf("nibble %s\n", NIBBLE_VERSION);
    return NIB_OK;
}

const nib_command nib_command_version = {
    .name = "version",
    .arguments = "",
    .help = "print the version",
    .run = run,
};
