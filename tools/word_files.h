/** What `pack` and `unpack` share: files of fixed-point words. */
#ifndef NIB_TOOLS_WORD_FILES_H
#define NIB_TOOLS_WORD_FILES_H

#include "core/arena.h"
#include "quant/words.h"

typedef enum nib_word_file {
    NIB_WORD_FILE_BIN, /**< the bytes of the beats */
    NIB_WORD_FILE_HEX, /**< a beat in each line, as $readmemh reads it */
    NIB_WORD_FILE_DAT, /**< the numbers as text, a row in each line, as hls4ml's test benches read them */
    NIB_WORD_FILE_NPY  /**< the numbers as float32, as VivadoAccelerator's drivers take them */
} nib_word_file;

/** The form of a file by its name. Errors: NIB_ERR_USAGE naming the forms. */
NIB_MUST_USE nib_status nib_word_file_form(const char *command, const char *path, nib_word_file *form,
                                           nib_error *err);

/** The options of a command as words. @param type  text of a fixed-point type, or NULL: missing */
NIB_MUST_USE nib_status nib_word_file_words(const char *command, const char *type, int64_t slot,
                                            int64_t per_beat, bool big_endian, nib_words *words,
                                            nib_error *err);

/** Write codes [rows, columns]. Errors: NIB_ERR_IO; NIB_ERR_UNSUPPORTED: float32 does not hold them. */
NIB_MUST_USE nib_status nib_word_file_write(const char *path, nib_word_file form, const nib_words *words,
                                            int64_t rows, int64_t columns, const int64_t *code,
                                            nib_error *err);

/** Read codes. @param columns  in: of a row (bin and hex; else checked when not 0); out: what the file has
 *  Errors: NIB_ERR_INPUT: damaged, of another length, a number that is no code of the type. */
NIB_MUST_USE nib_status nib_word_file_read(const char *path, nib_word_file form, const nib_words *words,
                                           nib_arena *arena, int64_t *rows, int64_t *columns,
                                           const int64_t **code, nib_error *err);

#endif
