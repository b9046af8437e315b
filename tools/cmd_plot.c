/* nibble plot: figures of what is there already. */
#include <stdio.h>
#include <string.h>

#include "core/file.h"
#include "tools/command.h"
#include "tools/sweep_plot.h"

typedef struct options {
    const char *output, *format;
} options;

static const nib_arg args[] = {
    {"output", 'o', NIB_ARG_TEXT, offsetof(options, output), 0, 0, "DIR",
     "where the figures go (DIR/figures)"},
    {"format", 'f', NIB_ARG_TEXT, offsetof(options, format), 0, 0, "svg|png|pdf", "kind of file (svg)"},
};

static nib_status run(const nib_invocation *call, nib_error *err)
{
    const options *o = call->options;
    const char *format = o->format ? o->format : "svg";
    nib_sweep_session s = {.arena = NULL};
    if (strcmp(call->argument[0], "sweep") != 0)
        return nib_fail(err, NIB_ERR_USAGE, "nibble plot: '%s': there are figures of: sweep",
                        call->argument[0]);
    if (strcmp(format, "svg") != 0 && strcmp(format, "png") != 0 && strcmp(format, "pdf") != 0)
        return nib_fail(err, NIB_ERR_USAGE, "--format: '%s' is none of svg, png, pdf", format);
    nib_status status = nib_sweep_session_open(call->argument[1], &s, err);
    const char *folder = status != NIB_OK ? NULL
                         : o->output      ? o->output
                                          : nib_path_join(s.arena, s.folder, "figures");
    if (status == NIB_OK)
        status = folder ? nib_sweep_plot(&s, folder, format, stdout, err) : nib_fail_memory(err, "figures");
    nib_sweep_session_close(&s);
    return status;
}

const nib_command nib_command_plot = {
    .name = "plot",
    .arguments = "sweep DIR",
    .help = "draw the figures of a sweep",
    .text = "  nibble plot sweep sweeps/bits-001\n\n"
            "Beside each figure lie the gnuplot script that draws it and its data.",
    .min_arguments = 2,
    .max_arguments = 2,
    NIB_ARG_TABLE(args),
    .option_bytes = sizeof(options),
    .run = run,
};
