/* nibble data: data sets from the generators, and observables of constituents. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/arena.h"
#include "core/cpu.h"
#include "core/file.h"
#include "core/names.h"
#include "tools/command.h"
#include "tools/data_command.h"
#include "tools/session.h"

static const nib_arg args[] = {
    {"rows", 'n', NIB_ARG_INT, offsetof(nib_data_command, rows), 1, 1e9, "N",
     "synth: how many rows (needed)"},
    {"output", 'o', NIB_ARG_TEXT, offsetof(nib_data_command, output), 0, 0, "FILE",
     "synth: where to, an .h5 file (needed)"},
    {"seed", 0, NIB_ARG_INT, offsetof(nib_data_command, seed), 1, 9007199254740992.0, "S",
     "synth: seed (1), as data.seed of a config"},
    {"set", 's', NIB_ARG_LIST, offsetof(nib_data_command, set), 0, 0, "OPTION=VALUE",
     "synth: an option of the generator (nibble describe GENERATOR lists them)"},
    {"path", 'p', NIB_ARG_TEXT, offsetof(nib_data_command, path), 0, 0, "PATH",
     "observables: the dataset [rows, constituents, 3] of pT, eta, phi in IN (x)"},
    {"force", 'f', NIB_ARG_FLAG, offsetof(nib_data_command, force), 0, 0, NULL, "replace an existing file"},
    {"threads", 't', NIB_ARG_INT, offsetof(nib_data_command, threads), 1, 1024, "N",
     "threads (NIBBLE_THREADS, else the processors); never changes a result"},
    {"quiet", 'q', NIB_ARG_FLAG, offsetof(nib_data_command, quiet), 0, 0, NULL, "print errors only"},
};

nib_status nib_data_check_output(const nib_data_command *options, const char *path, nib_error *err)
{
    size_t n = strlen(path);
    bool hdf5 = (n > 3 && strcmp(path + n - 3, ".h5") == 0) || (n > 5 && strcmp(path + n - 5, ".hdf5") == 0);
    if (!hdf5)
        return nib_fail(err, NIB_ERR_USAGE, "%s: the output is an HDF5 file; end its name in .h5", path);
    if (nib_file_is_folder(path))
        return nib_fail(err, NIB_ERR_USAGE, "%s is a folder", path);
    if (nib_file_exists(path) && !options->force)
        return nib_fail(err, NIB_ERR_USAGE, "%s exists; choose another name or give --force", path);
    nib_arena *arena = nib_arena_create();
    const char *folder = arena ? nib_path_folder(arena, path) : NULL;
    nib_status status = NIB_OK;
    if (!folder)
        status = nib_fail_memory(err, "a name");
    else if (!nib_file_is_folder(folder))
        status = nib_fail(err, NIB_ERR_USAGE, "%s: there is no folder %s", path, folder);
    nib_arena_destroy(arena);
    return status;
}

nib_status nib_data_write_names(nib_h5 *file, const char *path, const char *attribute, int count,
                                const char *const *names, nib_error *err)
{
    char dataset[256];
    (void)snprintf(dataset, sizeof dataset, "%s_names", path);
    NIB_TRY(nib_h5_set_attribute_strings(file, path, attribute, count, names, err));
    return nib_h5_write_strings(file, dataset, count, names, err);
}

static nib_status synth(const nib_invocation *call, nib_team *team, nib_error *err)
{
    const nib_data_command *o = call->options;
    if (call->count != 2)
        return nib_fail(err, NIB_ERR_USAGE,
                        "nibble data synth takes one generator: nibble data synth jets -n N -o FILE.h5");
    if (!o->rows)
        return nib_fail(err, NIB_ERR_USAGE, "nibble data synth: --rows N is missing");
    if (!o->output)
        return nib_fail(err, NIB_ERR_USAGE, "nibble data synth: --output FILE.h5 is missing");
    if (o->path)
        return nib_fail(err, NIB_ERR_USAGE, "nibble data synth: --path belongs to nibble data observables");
    return nib_data_synth(o, call->argument[1], team, err);
}

static nib_status observables(const nib_invocation *call, nib_team *team, nib_error *err)
{
    const nib_data_command *o = call->options;
    if (call->count != 3)
        return nib_fail(err, NIB_ERR_USAGE,
                        "nibble data observables takes two files: nibble data observables IN OUT.h5");
    if (o->rows || o->output || o->seed || o->set.count)
        return nib_fail(err, NIB_ERR_USAGE,
                        "nibble data observables: --rows, --output, --seed and --set belong to nibble data "
                        "synth");
    return nib_data_observables(o, call->argument[1], call->argument[2], team, err);
}

static nib_status run(const nib_invocation *call, nib_error *err)
{
    static const char *const verbs[] = {"synth", "observables"};
    const nib_data_command *o = call->options;
    const char *verb = call->argument[0];
    bool makes = strcmp(verb, verbs[0]) == 0;
    if (!makes && strcmp(verb, verbs[1]) != 0) {
        const char *nearest = nib_names_nearest(verb, verbs, 2);
        return nib_fail(err, NIB_ERR_USAGE, "nibble data: there is no '%s' (%s%s?)", verb,
                        nearest ? "did you mean " : "synth or observables", nearest ? nearest : "");
    }
    nib_team *team;
    nib_cpu_flush_denormals();
    NIB_TRY(nib_session_team(o->threads, INT64_MAX / 2, &team, err));
    nib_status status = makes ? synth(call, team, err) : observables(call, team, err);
    nib_team_destroy(team);
    return status;
}

const nib_command nib_command_data = {
    .name = "data",
    .arguments = "synth GENERATOR | observables IN OUT",
    .help = "make a data file with a generator, or compute jet observables",
    .text =
        "  nibble data synth jets -n 100000 -o jets.h5 --set pt_min=500 --seed 7\n"
        "  nibble data observables jets.h5 hlf16.h5 --path train/x\n\n"
        "synth writes the generator's arrays with their names, and the data section of a config that makes\n"
        "the same rows (dataset made_by). observables reads pT [GeV], eta and phi of each constituent (rows\n"
        "with pT <= 0 are padding) and writes the 16 observables of the hls4ml jet set (dataset hlf16).",
    .min_arguments = 1,
    .max_arguments = 3,
    NIB_ARG_TABLE(args),
    .option_bytes = sizeof(nib_data_command),
    .run = run,
};
