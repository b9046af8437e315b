/* Types as text: reading and writing. */
#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "core/names.h"
#include "quant/fixed.h"

enum { MAX_WORD_BYTES = 24, MAX_ARGUMENTS = 5, MAX_SHOWN = 80 };

static const char *const rounding_names[NIB_ROUNDING_COUNT] = {
    [NIB_ROUNDING_TRN] = "TRN",           [NIB_ROUNDING_TRN_ZERO] = "TRN_ZERO",
    [NIB_ROUNDING_RND] = "RND",           [NIB_ROUNDING_RND_ZERO] = "RND_ZERO",
    [NIB_ROUNDING_RND_INF] = "RND_INF",   [NIB_ROUNDING_RND_MIN_INF] = "RND_MIN_INF",
    [NIB_ROUNDING_RND_CONV] = "RND_CONV",
};

static const char *const overflow_names[NIB_OVERFLOW_COUNT] = {
    [NIB_OVERFLOW_WRAP] = "WRAP",
    [NIB_OVERFLOW_SAT] = "SAT",
    [NIB_OVERFLOW_SAT_ZERO] = "SAT_ZERO",
    [NIB_OVERFLOW_SAT_SYM] = "SAT_SYM",
};

const char *nib_rounding_name(nib_rounding rounding)
{
    return rounding_names[rounding];
}

const char *nib_overflow_name(nib_overflow overflow)
{
    return overflow_names[overflow];
}

/* ---- Reading ---- */

typedef struct reader {
    const char *text, *at;
    int *column;
    nib_error *err;
} reader;

/* "'fixed<0,3>', character 7: " + message, whatever bytes the text holds. */
static nib_status fail_at(const reader *r, const char *place, const char *format, ...) NIB_PRINTF(3, 4);

static nib_status fail_at(const reader *r, const char *place, const char *format, ...)
{
    char shown[MAX_SHOWN + 1];
    int n = 0;
    for (; r->text[n] && n < MAX_SHOWN; n++)
        shown[n] = isprint((unsigned char)r->text[n]) ? r->text[n] : '?';
    shown[n] = '\0';
    const int column = (int)(place - r->text) + 1;
    if (r->column)
        *r->column = column;
    va_list args;
    va_start(args, format);
    nib_status status = nib_fail_v(r->err, NIB_ERR_CONFIG, format, args);
    va_end(args);
    nib_error_prefix(r->err, "type '%s%s', character %d", shown, r->text[n] ? "..." : "", column);
    return status;
}

static void skip_blanks(reader *r)
{
    r->at += strspn(r->at, " \t");
}

/* What stands at the reader, for messages. */
static const char *found(const reader *r, char *text)
{
    if (*r->at == '\0')
        return "the end";
    (void)snprintf(text, 8, "'%c'", isprint((unsigned char)*r->at) ? *r->at : '?');
    return text;
}

static nib_status expect(reader *r, char mark, const char *what)
{
    char text[8];
    skip_blanks(r);
    if (*r->at != mark)
        return fail_at(r, r->at, "'%c' is expected %s, not %s", mark, what, found(r, text));
    r->at++;
    return NIB_OK;
}

/* Letters, digits and _; an empty word when there is none. */
static nib_status read_word(reader *r, char *word, const char **place)
{
    skip_blanks(r);
    *place = r->at;
    size_t n = 0;
    while (isalnum((unsigned char)r->at[n]) || r->at[n] == '_')
        n++;
    if (n >= MAX_WORD_BYTES)
        return fail_at(r, r->at, "a word of %zu letters: none here is that long", n);
    memcpy(word, r->at, n);
    word[n] = '\0';
    r->at += n;
    return NIB_OK;
}

static nib_status read_int(reader *r, const char *what, int *value, const char **place)
{
    char text[8];
    skip_blanks(r);
    *place = r->at;
    const bool negative = *r->at == '-';
    if (*r->at == '-' || *r->at == '+')
        r->at++;
    if (!isdigit((unsigned char)*r->at))
        return fail_at(r, *place, "%s is expected, not %s", what, found(r, text));
    int magnitude = 0;
    for (; isdigit((unsigned char)*r->at); r->at++)
        if (magnitude < 100000) /* beyond every limit already */
            magnitude = 10 * magnitude + (*r->at - '0');
    *value = negative ? -magnitude : magnitude;
    return NIB_OK;
}

/* Index of a mode, with or without AP_ or AC_. */
static nib_status read_mode(reader *r, const char *what, const char *const *names, int count, int *index)
{
    char word[MAX_WORD_BYTES], text[8], known[128] = "";
    const char *place;
    NIB_TRY(read_word(r, word, &place));
    if (!*word)
        return fail_at(r, place, "%s mode is expected, not %s", what, found(r, text));
    const char *bare = strncmp(word, "AP_", 3) == 0 || strncmp(word, "AC_", 3) == 0 ? word + 3 : word;
    for (*index = 0; *index < count; ++*index)
        if (strcmp(bare, names[*index]) == 0)
            return NIB_OK;
    const char *near = nib_names_nearest(bare, names, (size_t)count);
    if (near)
        return fail_at(r, place, "there is no %s mode '%s' (did you mean '%s'?)", what, word, near);
    for (int i = 0; i < count; i++)
        (void)snprintf(known + strlen(known), sizeof known - strlen(known), "%s%s", i ? ", " : "", names[i]);
    return fail_at(r, place, "there is no %s mode '%s' (known: %s)", what, word, known);
}

static nib_status read_sign(reader *r, bool *is_signed)
{
    char word[MAX_WORD_BYTES];
    const char *place;
    NIB_TRY(read_word(r, word, &place));
    const bool yes = strcmp(word, "true") == 0 || strcmp(word, "1") == 0;
    if (!yes && strcmp(word, "false") != 0 && strcmp(word, "0") != 0)
        return fail_at(r, place, "true or false is expected (is the type signed?), not '%s'", word);
    *is_signed = yes;
    return NIB_OK;
}

static nib_status read_family(reader *r, nib_fixed *type, bool *sign_follows)
{
    static const char *const families[] = {"fixed", "ufixed", "ap_fixed", "ap_ufixed", "ac_fixed"};
    char word[MAX_WORD_BYTES];
    const char *place;
    NIB_TRY(read_word(r, word, &place));
    for (int i = 0; i < 5; i++)
        if (strcmp(word, families[i]) == 0) {
            type->is_signed = i % 2 == 0;
            *sign_follows = i == 4;
            return NIB_OK;
        }
    const char *near = *word ? nib_names_nearest(word, families, 5) : NULL;
    if (near)
        return fail_at(r, place, "there is no type '%s' (did you mean '%s'?)", word, near);
    return fail_at(r, place, "a type begins with fixed<, ufixed<, ap_fixed<, ap_ufixed< or ac_fixed<");
}

/* True when another argument follows. */
static bool next_argument(reader *r)
{
    skip_blanks(r);
    if (*r->at != ',')
        return false;
    r->at++;
    return true;
}

static nib_status read_modes(reader *r, nib_fixed *type, bool may_have_saturation_bits)
{
    int index;
    const char *place;
    if (!next_argument(r))
        return NIB_OK;
    NIB_TRY(read_mode(r, "rounding", rounding_names, NIB_ROUNDING_COUNT, &index));
    type->rounding = (nib_rounding)index;
    if (!next_argument(r))
        return NIB_OK;
    NIB_TRY(read_mode(r, "overflow", overflow_names, NIB_OVERFLOW_COUNT, &index));
    type->overflow = (nib_overflow)index;
    if (!may_have_saturation_bits || !next_argument(r))
        return NIB_OK;
    NIB_TRY(read_int(r, "a number of saturation bits", &index, &place));
    if (index != 0)
        return fail_at(r, place, "%d saturation bits: only 0 are supported", index);
    return NIB_OK;
}

static nib_status read_widths(reader *r, nib_fixed *type)
{
    const char *place;
    NIB_TRY(read_int(r, "a width in bits", &type->bits, &place));
    if (type->bits < 1 || type->bits > NIB_FIXED_MAX_BITS)
        return fail_at(r, place, "a width of %s%d bits: 1 to %d are possible",
                       type->bits >= 100000 ? "over " : "", type->bits >= 100000 ? 100000 : type->bits,
                       NIB_FIXED_MAX_BITS);
    NIB_TRY(expect(r, ',', "after the width"));
    NIB_TRY(read_int(r, "a number of integer bits", &type->integer, &place));
    if (type->integer < -NIB_FIXED_MAX_INTEGER || type->integer > NIB_FIXED_MAX_INTEGER)
        return fail_at(r, place, "%d integer bits: -%d to %d are possible", type->integer,
                       NIB_FIXED_MAX_INTEGER, NIB_FIXED_MAX_INTEGER);
    return NIB_OK;
}

nib_status nib_fixed_parse(const char *text, nib_fixed *type, int *column, nib_error *err)
{
    reader r = {text, text, column, err};
    nib_fixed made = {.rounding = NIB_ROUNDING_TRN, .overflow = NIB_OVERFLOW_WRAP};
    bool sign_follows = false;
    NIB_TRY(read_family(&r, &made, &sign_follows));
    NIB_TRY(expect(&r, '<', "after the type's name"));
    NIB_TRY(read_widths(&r, &made));
    if (sign_follows) {
        NIB_TRY(expect(&r, ',', "and then the sign (true or false)"));
        NIB_TRY(read_sign(&r, &made.is_signed));
    }
    NIB_TRY(read_modes(&r, &made, !sign_follows));
    NIB_TRY(expect(&r, '>', "at the end of the type"));
    skip_blanks(&r);
    if (*r.at)
        return fail_at(&r, r.at, "the type ends before this");
    *type = made;
    return NIB_OK;
}

/* ---- Writing ---- */

const char *nib_fixed_print(const nib_fixed *type, nib_fixed_style style, char *text)
{
    static const char *const prefixes[] = {
        [NIB_FIXED_PLAIN] = "", [NIB_FIXED_AP] = "ap_", [NIB_FIXED_AC] = "ac_"};
    static const char *const mode_prefixes[] = {
        [NIB_FIXED_PLAIN] = "", [NIB_FIXED_AP] = "AP_", [NIB_FIXED_AC] = "AC_"};
    const char *prefix = mode_prefixes[style], *sign = "";
    if (style == NIB_FIXED_AC)
        sign = type->is_signed ? ",true" : ",false";
    const bool overflow = type->overflow != NIB_OVERFLOW_WRAP;
    const bool rounding = overflow || type->rounding != NIB_ROUNDING_TRN;
    const int n =
        snprintf(text, NIB_FIXED_TEXT_BYTES, "%s%sfixed<%d,%d%s%s%s%s%s%s%s>", prefixes[style],
                 type->is_signed || style == NIB_FIXED_AC ? "" : "u", type->bits, type->integer, sign,
                 rounding ? "," : "", rounding ? prefix : "", rounding ? rounding_names[type->rounding] : "",
                 overflow ? "," : "", overflow ? prefix : "", overflow ? overflow_names[type->overflow] : "");
    assert(n > 0 && n < NIB_FIXED_TEXT_BYTES);
    (void)n;
    return text;
}
