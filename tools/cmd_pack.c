/* nibble pack: numbers to fixed-point words. */
#include <inttypes.h>
#include <stdio.h>

#include "core/file.h"
#include "tools/command.h"
#include "tools/numbers.h"
#include "tools/word_files.h"

typedef struct options {
    const char *output, *type;
    int64_t slot, per_beat;
    bool big_endian, force, quiet;
} options;

static const nib_arg args[] = {
    {"output", 'o', NIB_ARG_TEXT, offsetof(options, output), 0, 0, "FILE",
     ".bin, .hex, .dat or .npy (required)"},
    {"type", 0, NIB_ARG_TEXT, offsetof(options, type), 0, 0, "TYPE",
     "of the words: fixed<16,6,RND,SAT>, ufixed<8,0>, ..."},
    {"slot", 0, NIB_ARG_INT, offsetof(options, slot), 1, 64, "BITS",
     "that a word takes; default: 8, 16, 32 or 64, what suffices"},
    {"per-beat", 0, NIB_ARG_INT, offsetof(options, per_beat), 1, NIB_WORDS_MOST_PER_BEAT, "N",
     "words side by side in a beat, the first one in the lowest bits (1)"},
    {"big-endian", 0, NIB_ARG_FLAG, offsetof(options, big_endian), 0, 0, NULL,
     "in .bin: the highest byte of a beat first"},
    {"force", 'f', NIB_ARG_FLAG, offsetof(options, force), 0, 0, NULL, "replace an existing FILE"},
    {"quiet", 'q', NIB_ARG_FLAG, offsetof(options, quiet), 0, 0, NULL, "print nothing"},
};

static nib_status pack(const char *path, const options *o, nib_word_file form, const nib_words *words,
                       nib_arena *arena, nib_error *err)
{
    nib_numbers numbers;
    NIB_TRY(nib_numbers_read(path, arena, &numbers, err));
    const int64_t n = numbers.rows * numbers.columns;
    int64_t *code = NIB_NEW(arena, int64_t, n), changed = 0;
    if (!code)
        return nib_fail_memory(err, "words");
    for (int64_t i = 0; i < n; i++) {
        code[i] = nib_fixed_cast_double(&words->type, numbers.value[i]);
        changed += !(nib_fixed_value(&words->type, code[i]) == numbers.value[i]);
    }
    NIB_TRY(nib_word_file_write(o->output, form, words, numbers.rows, numbers.columns, code, err));
    if (!o->quiet)
        fprintf(stderr,
                "%" PRId64 " rows of %" PRId64 " words written to %s; the type changed %" PRId64
                " of %" PRId64 " numbers\n",
                numbers.rows, numbers.columns, o->output, changed, n);
    return NIB_OK;
}

static nib_status run(const nib_invocation *call, nib_error *err)
{
    const options *o = call->options;
    nib_words words;
    nib_word_file form;
    if (!o->output)
        return nib_fail(err, NIB_ERR_USAGE,
                        "nibble pack: --output FILE is missing (.bin, .hex, .dat or .npy)");
    NIB_TRY(nib_word_file_words("pack", o->type, o->slot, o->per_beat, o->big_endian, &words, err));
    NIB_TRY(nib_word_file_form("pack", o->output, &form, err));
    if (nib_file_exists(o->output) && !o->force)
        return nib_fail(err, NIB_ERR_USAGE, "%s exists; choose another name or give --force", o->output);
    nib_arena *arena = nib_arena_create();
    nib_status status =
        arena ? pack(call->argument[0], o, form, &words, arena, err) : nib_fail_memory(err, "words");
    nib_arena_destroy(arena);
    return status;
}

const nib_command nib_command_pack = {
    .name = "pack",
    .arguments = "FILE",
    .help = "numbers (.npy or text) to fixed-point words for test benches and drivers",
    .text =
        "  nibble pack x.npy --type 'fixed<16,6,RND,SAT>' -o x.hex\n"
        "  nibble pack x.npy --type 'fixed<9,4,RND,SAT>' --slot 16 --per-beat 4 -o x.bin\n\n"
        "FILE has a row of numbers for each sample. .bin holds the bytes of the beats, .hex a beat in each "
        "line (as $readmemh reads it),\n.dat the numbers as text (as hls4ml's test benches read them), .npy "
        "the numbers as float32 (as VivadoAccelerator's drivers take them).",
    .min_arguments = 1,
    .max_arguments = 1,
    NIB_ARG_TABLE(args),
    .option_bytes = sizeof(options),
    .run = run,
};
