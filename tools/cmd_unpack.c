/* nibble unpack: fixed-point words to numbers. */
#include <inttypes.h>
#include <stdio.h>

#include "core/file.h"
#include "datasets/writer.h"
#include "tools/command.h"
#include "tools/word_files.h"

typedef struct options {
    const char *output, *type;
    int64_t slot, per_beat, columns;
    bool big_endian, force, quiet;
} options;

static const nib_arg args[] = {
    {"output", 'o', NIB_ARG_TEXT, offsetof(options, output), 0, 0, "FILE", ".npy, .csv or .h5 (required)"},
    {"columns", 'c', NIB_ARG_INT, offsetof(options, columns), 1, 1 << 20, "N",
     "words of a row (.bin and .hex need it)"},
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

static nib_status unpack(const char *path, const options *o, nib_word_file form, const nib_words *words,
                         const nib_writer *writer, nib_arena *arena, nib_error *err)
{
    int64_t rows = 0, columns = o->columns;
    const int64_t *code = NULL;
    NIB_TRY(nib_word_file_read(path, form, words, arena, &rows, &columns, &code, err));
    float *value = NIB_NEW(arena, float, rows *columns);
    if (!value)
        return nib_fail_memory(err, "numbers");
    for (int64_t i = 0; i < rows * columns; i++)
        value[i] = (float)nib_fixed_value(&words->type, code[i]);
    const nib_table table = {"y", rows, columns, NULL, value};
    NIB_TRY(writer->write(o->output, 1, &table, err));
    if (!o->quiet)
        fprintf(stderr, "%" PRId64 " rows of %" PRId64 " numbers written to %s\n", rows, columns, o->output);
    return NIB_OK;
}

static nib_status run(const nib_invocation *call, nib_error *err)
{
    const options *o = call->options;
    const nib_writer *writer;
    nib_words words;
    nib_word_file form;
    if (!o->output)
        return nib_fail(err, NIB_ERR_USAGE, "nibble unpack: --output FILE is missing (.npy, .csv or .h5)");
    NIB_TRY(nib_word_file_words("unpack", o->type, o->slot, o->per_beat, o->big_endian, &words, err));
    if (words.type.bits > NIB_FIXED_MAX_FAKE)
        return nib_fail(err, NIB_ERR_UNSUPPORTED,
                        "nibble unpack: --type: float32 holds %d bits, not the %d of the type",
                        (int)NIB_FIXED_MAX_FAKE, words.type.bits);
    NIB_TRY(nib_word_file_form("unpack", call->argument[0], &form, err));
    NIB_TRY(nib_writer_for(o->output, &writer, err));
    if (nib_file_exists(o->output) && !o->force)
        return nib_fail(err, NIB_ERR_USAGE, "%s exists; choose another name or give --force", o->output);
    nib_arena *arena = nib_arena_create();
    nib_status status = arena ? unpack(call->argument[0], o, form, &words, writer, arena, err)
                              : nib_fail_memory(err, "words");
    nib_arena_destroy(arena);
    return status;
}

const nib_command nib_command_unpack = {
    .name = "unpack",
    .arguments = "FILE",
    .help = "fixed-point words (.bin, .hex, .dat, .npy) back to numbers",
    .text = "  nibble unpack y.hex --type 'fixed<16,6>' --columns 5 -o y.npy\n"
            "  nibble unpack y.bin --type 'fixed<9,4>' --slot 16 --per-beat 4 --columns 5 -o y.csv",
    .min_arguments = 1,
    .max_arguments = 1,
    NIB_ARG_TABLE(args),
    .option_bytes = sizeof(options),
    .run = run,
};
