#include "quant/words.h"

#include <ctype.h>
#include <string.h>

nib_status nib_words_settle(nib_words *words, nib_error *err)
{
    NIB_TRY(nib_fixed_check(&words->type, NIB_FIXED_MAX_ACCUM, err));
    if (words->slot == 0)
        for (words->slot = 8; words->slot < words->type.bits;)
            words->slot *= 2;
    if (words->slot < words->type.bits || words->slot > 64)
        return nib_fail(err, NIB_ERR_CONFIG, "a slot of %d bits: %d to 64 are possible", words->slot,
                        words->type.bits);
    if (words->per_beat < 1 || words->per_beat > NIB_WORDS_MOST_PER_BEAT)
        return nib_fail(err, NIB_ERR_CONFIG, "%d words per beat: 1 to %d are possible", words->per_beat,
                        (int)NIB_WORDS_MOST_PER_BEAT);
    return NIB_OK;
}

int64_t nib_words_beat_bytes(const nib_words *words)
{
    return ((int64_t)words->slot * words->per_beat + 7) / 8;
}

int64_t nib_words_row_bytes(const nib_words *words, int64_t columns)
{
    return (columns + words->per_beat - 1) / words->per_beat * nib_words_beat_bytes(words);
}

/* Byte `index` of a beat, counted from the lowest. */
static int64_t place(const nib_words *words, int64_t index)
{
    return words->big_endian ? nib_words_beat_bytes(words) - 1 - index : index;
}

void nib_words_pack(const nib_words *words, int64_t columns, const int64_t *code, unsigned char *bytes)
{
    memset(bytes, 0, (size_t)nib_words_row_bytes(words, columns));
    for (int64_t i = 0; i < columns; ++i) {
        unsigned char *beat = bytes + i / words->per_beat * nib_words_beat_bytes(words);
        const int64_t first = i % words->per_beat * words->slot;
        for (int b = 0; b < words->slot; ++b)
            if ((uint64_t)code[i] >> b & 1) {
                const int64_t at = first + b;
                beat[place(words, at / 8)] |= (unsigned char)(1u << (at % 8));
            }
    }
}

void nib_words_unpack(const nib_words *words, int64_t columns, const unsigned char *bytes, int64_t *code)
{
    const int bits = words->type.bits;
    for (int64_t i = 0; i < columns; ++i) {
        const unsigned char *beat = bytes + i / words->per_beat * nib_words_beat_bytes(words);
        const int64_t first = i % words->per_beat * words->slot;
        uint64_t raw = 0;
        for (int b = 0; b < bits; ++b) {
            const int64_t at = first + b;
            raw |= (uint64_t)(beat[place(words, at / 8)] >> (at % 8) & 1) << b;
        }
        if (words->type.is_signed && raw >> (bits - 1))
            raw |= ~UINT64_C(0) << bits;
        code[i] = (int64_t)raw;
    }
}

void nib_words_print_beat(const nib_words *words, const unsigned char *beat, char *text)
{
    static const char digits[] = "0123456789abcdef";
    const int64_t n = nib_words_beat_bytes(words);
    for (int64_t i = 0; i < n; ++i) {
        const unsigned char byte = beat[place(words, n - 1 - i)];
        text[2 * i] = digits[byte >> 4];
        text[2 * i + 1] = digits[byte & 15];
    }
    text[2 * n] = '\0';
}

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    const int lower = tolower((unsigned char)c);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

bool nib_words_parse_beat(const nib_words *words, const char *text, unsigned char *beat)
{
    const int64_t n = nib_words_beat_bytes(words);
    text += strspn(text, " \t");
    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
        text += 2;
    const size_t length = strspn(text, "0123456789abcdefABCDEF");
    if (length == 0 || length > (size_t)(2 * n) || text[length + strspn(text + length, " \t\r\n")] != '\0')
        return false;
    memset(beat, 0, (size_t)n);
    for (size_t i = 0; i < length; ++i) /* from the last digit up */
        beat[place(words, (int64_t)(i / 2))] |=
            (unsigned char)(digit(text[length - 1 - i]) << (i % 2 ? 4 : 0));
    return true;
}
