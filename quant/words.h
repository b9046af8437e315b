/** Fixed-point words as bytes and as hexadecimal text: what test benches and drivers feed to firmware.
 *
 *  A code takes a slot of `slot` bits, sign-extended or filled up with zeros. `per_beat` slots lie side by
 * side in a beat, the first one in the lowest bits. A beat takes whole bytes. Rows begin with a beat of their
 * own; what is left of a row's last beat is 0.
 */
#ifndef NIB_QUANT_WORDS_H
#define NIB_QUANT_WORDS_H

#include <stddef.h>

#include "quant/fixed.h"

enum { NIB_WORDS_MOST_PER_BEAT = 1024 };

typedef struct nib_words {
    nib_fixed type;
    int slot;        /**< bits, at least those of the type, at most 64; 0: 8, 16, 32 or 64, what suffices */
    int per_beat;    /**< 1 to NIB_WORDS_MOST_PER_BEAT */
    bool big_endian; /**< bytes of a beat: the highest first */
} nib_words;

/** Check, and fill in a slot of 0. Errors: NIB_ERR_CONFIG with the limit. */
NIB_MUST_USE nib_status nib_words_settle(nib_words *words, nib_error *err);

/** Bytes of a beat, and of a row of `columns` codes. */
int64_t nib_words_beat_bytes(const nib_words *words);
int64_t nib_words_row_bytes(const nib_words *words, int64_t columns);

/** A row of codes to bytes and back. @param code  [columns] @param bytes  [nib_words_row_bytes] */
void nib_words_pack(const nib_words *words, int64_t columns, const int64_t *code, unsigned char *bytes);
void nib_words_unpack(const nib_words *words, int64_t columns, const unsigned char *bytes, int64_t *code);

/** A beat as 2 * nib_words_beat_bytes hexadecimal digits, the highest first, whatever the order of bytes;
 * `text` has room for them and a NUL. And back: false for anything else (blanks around it are allowed). */
void nib_words_print_beat(const nib_words *words, const unsigned char *beat, char *text);
bool nib_words_parse_beat(const nib_words *words, const char *text, unsigned char *beat);

#endif
