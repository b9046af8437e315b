#include "tools/word_files.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/file.h"
#include "datasets/npy.h"
#include "tools/numbers.h"

enum { MOST_BYTES = 1 << 30 };

nib_status nib_word_file_form(const char *command, const char *path, nib_word_file *form, nib_error *err)
{
    static const char *const suffixes[] = {".bin", ".hex", ".dat", ".npy"};
    const char *dot = strrchr(path, '.');
    for (int i = 0; dot && i < 4; i++)
        if (strcmp(dot, suffixes[i]) == 0) {
            *form = (nib_word_file)i;
            return NIB_OK;
        }
    return nib_fail(err, NIB_ERR_USAGE, "nibble %s: %s: words are .bin, .hex, .dat or .npy files", command,
                    path);
}

nib_status nib_word_file_words(const char *command, const char *type, int64_t slot, int64_t per_beat,
                               bool big_endian, nib_words *words, nib_error *err)
{
    *words =
        (nib_words){.slot = (int)slot, .per_beat = per_beat ? (int)per_beat : 1, .big_endian = big_endian};
    if (!type)
        return nib_fail(err, NIB_ERR_USAGE, "nibble %s: --type is missing, e.g. --type 'fixed<16,6>'",
                        command);
    nib_status status = nib_fixed_parse(type, &words->type, NULL, err);
    if (status == NIB_OK)
        status = nib_words_settle(words, err);
    if (status != NIB_OK)
        nib_error_prefix(err, "nibble %s", command);
    return status;
}

/* ---- Writing ---- */

static nib_status write_bin(const char *path, const nib_words *words, int64_t rows, int64_t columns,
                            const int64_t *code, nib_error *err)
{
    const int64_t row = nib_words_row_bytes(words, columns);
    unsigned char *bytes = malloc((size_t)(rows * row));
    if (!bytes)
        return nib_fail_memory(err, "words");
    for (int64_t i = 0; i < rows; i++)
        nib_words_pack(words, columns, code + i * columns, bytes + i * row);
    nib_status status = nib_file_write(path, bytes, (size_t)(rows * row), err);
    free(bytes);
    return status;
}

/* A stream in memory as a file. */
static nib_status commit(FILE *out, char **text, const size_t *bytes, const char *path, nib_error *err)
{
    const bool failed = !out || fclose(out) != 0 || !*text;
    nib_status status = failed ? nib_fail_memory(err, "words") : nib_file_write(path, *text, *bytes, err);
    free(*text);
    return status;
}

static nib_status write_hex(const char *path, const nib_words *words, int64_t rows, int64_t columns,
                            const int64_t *code, nib_error *err)
{
    const int64_t row = nib_words_row_bytes(words, columns), beat = nib_words_beat_bytes(words);
    char *text = NULL;
    size_t bytes = 0;
    unsigned char *packed = malloc((size_t)row);
    char *line = malloc((size_t)(2 * beat + 1));
    FILE *out = packed && line ? open_memstream(&text, &bytes) : NULL;
    for (int64_t i = 0; out && i < rows; i++) {
        nib_words_pack(words, columns, code + i * columns, packed);
        for (int64_t at = 0; at < row; at += beat) {
            nib_words_print_beat(words, packed + at, line);
            fprintf(out, "%s\n", line);
        }
    }
    free(packed);
    free(line);
    return commit(out, &text, &bytes, path, err);
}

static nib_status write_dat(const char *path, const nib_words *words, int64_t rows, int64_t columns,
                            const int64_t *code, nib_error *err)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    for (int64_t i = 0; out && i < rows; i++)
        for (int64_t k = 0; k < columns; k++)
            fprintf(out, "%.17g%c", nib_fixed_value(&words->type, code[i * columns + k]),
                    k + 1 < columns ? ' ' : '\n');
    return commit(out, &text, &bytes, path, err);
}

static nib_status write_npy(const char *path, const nib_words *words, int64_t rows, int64_t columns,
                            const int64_t *code, nib_error *err)
{
    const int64_t dim[] = {rows, columns};
    const size_t data = (size_t)(rows * columns) * sizeof(float);
    size_t header_bytes = 0;
    if (words->type.bits > NIB_FIXED_MAX_FAKE)
        return nib_fail(err, NIB_ERR_UNSUPPORTED,
                        "%s: float32 does not hold the %d bits of the type; write .dat, .bin or .hex", path,
                        words->type.bits);
    nib_arena *arena = nib_arena_create();
    char *header = arena ? nib_npy_header_f32(arena, 2, dim, &header_bytes) : NULL;
    char *image = header ? malloc(header_bytes + data) : NULL;
    nib_status status = NIB_ERR_MEMORY;
    if (image) {
        memcpy(image, header, header_bytes);
        for (int64_t i = 0; i < rows * columns; i++) {
            const float value = (float)nib_fixed_value(&words->type, code[i]);
            memcpy(image + header_bytes + (size_t)i * sizeof value, &value, sizeof value);
        }
        status = nib_file_write(path, image, header_bytes + data, err);
    } else {
        status = nib_fail_memory(err, "words");
    }
    free(image);
    nib_arena_destroy(arena);
    return status;
}

nib_status nib_word_file_write(const char *path, nib_word_file form, const nib_words *words, int64_t rows,
                               int64_t columns, const int64_t *code, nib_error *err)
{
    switch (form) {
    case NIB_WORD_FILE_BIN:
        return write_bin(path, words, rows, columns, code, err);
    case NIB_WORD_FILE_HEX:
        return write_hex(path, words, rows, columns, code, err);
    case NIB_WORD_FILE_DAT:
        return write_dat(path, words, rows, columns, code, err);
    case NIB_WORD_FILE_NPY:
        break;
    }
    return write_npy(path, words, rows, columns, code, err);
}

/* ---- Reading ---- */

/* Numbers of a .dat or .npy file, which must be codes of the type. */
static nib_status read_numbers(const char *path, const nib_words *words, int64_t *rows, int64_t *columns,
                               int64_t *code, const nib_numbers *numbers, nib_error *err)
{
    if (*columns && numbers->columns != *columns)
        return nib_fail(err, NIB_ERR_INPUT, "%s: rows of %" PRId64 " numbers, not of %" PRId64, path,
                        numbers->columns, *columns);
    *rows = numbers->rows;
    *columns = numbers->columns;
    for (int64_t i = 0; i < *rows * *columns; i++) {
        const double v = numbers->value[i] / nib_fixed_step(&words->type);
        if (!(v >= (double)nib_fixed_lowest(&words->type) && v <= (double)nib_fixed_highest(&words->type)) ||
            v != floor(v))
            return nib_fail(err, NIB_ERR_INPUT,
                            "%s: row %" PRId64 ", column %" PRId64 ": %.9g is no number of the type", path,
                            i / *columns, i % *columns, numbers->value[i]);
        code[i] = (int64_t)v;
    }
    return NIB_OK;
}

/* Bytes of the beats, from a .hex or .bin file. */
static nib_status read_beats(const char *path, nib_word_file form, const nib_words *words, nib_arena *arena,
                             unsigned char **beats, size_t *bytes, nib_error *err)
{
    char *data;
    NIB_TRY(nib_file_read(arena, path, MOST_BYTES, &data, bytes, err));
    *beats = (unsigned char *)data;
    if (form == NIB_WORD_FILE_BIN)
        return NIB_OK;
    const size_t beat = (size_t)nib_words_beat_bytes(words);
    size_t used = 0, lines = 1, line = 0;
    for (size_t i = 0; i < *bytes; i++)
        lines += data[i] == '\n';
    *beats = NIB_NEW(arena, unsigned char, (int64_t)(lines * beat));
    if (!*beats)
        return nib_fail_memory(err, "words");
    char *rest = NULL;
    for (char *text = strtok_r(data, "\n", &rest); text; text = strtok_r(NULL, "\n", &rest)) {
        line++;
        if (text[strspn(text, " \t\r")] == '\0' || strncmp(text, "//", 2) == 0)
            continue;
        if (!nib_words_parse_beat(words, text, *beats + used))
            return nib_fail(err, NIB_ERR_INPUT, "%s: line %zu: not a beat of at most %zu hexadecimal digits",
                            path, line, 2 * beat);
        used += beat;
    }
    *bytes = used;
    return NIB_OK;
}

nib_status nib_word_file_read(const char *path, nib_word_file form, const nib_words *words, nib_arena *arena,
                              int64_t *rows, int64_t *columns, const int64_t **code, nib_error *err)
{
    if (form == NIB_WORD_FILE_DAT || form == NIB_WORD_FILE_NPY) {
        nib_numbers numbers;
        NIB_TRY(nib_numbers_read(path, arena, &numbers, err));
        int64_t *out = NIB_NEW(arena, int64_t, numbers.rows * numbers.columns);
        *code = out;
        return out ? read_numbers(path, words, rows, columns, out, &numbers, err)
                   : nib_fail_memory(err, "words");
    }
    unsigned char *beats = NULL;
    size_t bytes = 0;
    if (*columns < 1)
        return nib_fail(err, NIB_ERR_USAGE, "%s: how many numbers has a row? Give --columns N", path);
    NIB_TRY(read_beats(path, form, words, arena, &beats, &bytes, err));
    const int64_t row = nib_words_row_bytes(words, *columns);
    if (bytes == 0 || (int64_t)bytes % row != 0)
        return nib_fail(err, NIB_ERR_INPUT, "%s: %zu bytes are no rows of %" PRId64 " bytes", path, bytes,
                        row);
    *rows = (int64_t)bytes / row;
    int64_t *out = NIB_NEW(arena, int64_t, *rows * *columns);
    if (!out)
        return nib_fail_memory(err, "words");
    for (int64_t i = 0; i < *rows; i++)
        nib_words_unpack(words, *columns, beats + i * row, out + i * *columns);
    *code = out;
    return NIB_OK;
}
