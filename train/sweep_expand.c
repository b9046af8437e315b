/* Texts with ranges: fixed<{2..8},1> is seven texts. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "train/sweep.h"

/* A part of the text: from `begin` to `end`, with the values that stand there. */
typedef struct part {
    int64_t count;
    const char **value;
} part;

enum { MAX_PARTS = 16 };

/* A whole number or a decimal one, and how many digits follow its point. */
static bool read_number(const char *text, size_t length, double *number, int *decimals)
{
    char copy[64], *end;
    if (length == 0 || length >= sizeof copy)
        return false;
    memcpy(copy, text, length);
    copy[length] = '\0';
    if (strspn(copy, "+-0123456789.") != length)
        return false;
    *number = strtod(copy, &end);
    const char *point = strchr(copy, '.');
    *decimals = point ? (int)strlen(point + 1) : 0;
    return *end == '\0' && isfinite(*number);
}

/* a..b or a..b..step between braces. @return false where it is none */
static bool read_range(const char *text, size_t length, double number[3], int *decimals)
{
    int found = 0, digits;
    *decimals = 0;
    number[2] = 1;
    while (found < 3) {
        size_t n = 0;
        while (n < length && !(text[n] == '.' && n + 1 < length && text[n + 1] == '.'))
            n++;
        if (!read_number(text, n, &number[found++], &digits))
            return false;
        *decimals = digits > *decimals ? digits : *decimals;
        if (n == length)
            return found >= 2;
        text += n + 2;
        length -= n + 2;
    }
    return false;
}

static nib_status count_up(nib_arena *arena, const char *text, size_t length, const double number[3],
                           int decimals, int64_t limit, part *out, nib_error *err)
{
    const double steps = number[2] != 0 ? floor((number[1] - number[0]) / number[2] + 1e-9) : -1;
    if (number[2] == 0)
        return nib_fail(err, NIB_ERR_CONFIG, "the range {%.*s} has a step of 0", (int)length, text);
    if (steps < 0)
        return nib_fail(err, NIB_ERR_CONFIG, "the range {%.*s} is empty (a step down is {8..2..-1})",
                        (int)length, text);
    if (steps >= (double)limit)
        return nib_fail(err, NIB_ERR_CONFIG, "the range {%.*s} has more than %lld values", (int)length, text,
                        (long long)limit);
    out->count = (int64_t)steps + 1;
    out->value = NIB_NEW(arena, const char *, out->count);
    for (int64_t i = 0; out->value && i < out->count; i++)
        if (!(out->value[i] = nib_arena_printf(arena, "%.*f", decimals, number[0] + (double)i * number[2])))
            return nib_fail_memory(err, "range");
    return out->value ? NIB_OK : nib_fail_memory(err, "range");
}

/* a,b,c: commas inside <>, () and quotes do not count. @return the number of texts, 0 where it is a map */
static int64_t split_list(const char *text, size_t length, const char **begin, size_t *bytes, int64_t most)
{
    int64_t count = 0;
    int depth = 0;
    size_t from = 0;
    for (size_t i = 0; i <= length; i++) {
        const char c = i < length ? text[i] : ',';
        depth += (c == '<' || c == '(' || c == '[') - (c == '>' || c == ')' || c == ']');
        if (c == ':' && depth == 0)
            return 0;
        if (c != ',' || (depth > 0 && i < length))
            continue;
        if (count == most || i == from)
            return 0;
        begin[count] = text + from;
        bytes[count++] = i - from;
        from = i + 1;
    }
    return count;
}

/* What stands between two braces. out->count stays 0 where that is no range. */
static nib_status read_braces(nib_arena *arena, const char *text, size_t length, int64_t limit, part *out,
                              nib_error *err)
{
    enum { MOST = 256 };
    const char *begin[MOST];
    size_t bytes[MOST];
    double number[3];
    int decimals;
    if (read_range(text, length, number, &decimals))
        return count_up(arena, text, length, number, decimals, limit, out, err);
    if (length > 0 && strstr(text, "..") && strstr(text, "..") < text + length &&
        strspn(text, "0123456789.+- ") >= length)
        return nib_fail(err, NIB_ERR_CONFIG, "{%.*s} is no range: write {2..8} or {2..8..2}", (int)length,
                        text);
    const int64_t count = split_list(text, length, begin, bytes, MOST);
    if (count < 2)
        return NIB_OK;
    out->count = count;
    out->value = NIB_NEW(arena, const char *, count);
    for (int64_t i = 0; out->value && i < count; i++) {
        while (bytes[i] > 0 && *begin[i] == ' ')
            begin[i]++, bytes[i]--;
        if (!(out->value[i] = nib_arena_strndup(arena, begin[i], bytes[i])))
            return nib_fail_memory(err, "range");
    }
    return out->value ? NIB_OK : nib_fail_memory(err, "range");
}

static nib_status keep_text(nib_arena *arena, const char *text, size_t length, part *out, nib_error *err)
{
    out->count = 1;
    out->value = NIB_NEW(arena, const char *, 1);
    if (!out->value || !(out->value[0] = nib_arena_strndup(arena, text, length)))
        return nib_fail_memory(err, "range");
    return NIB_OK;
}

/* The brace that closes the one at `text`, or NULL. */
static const char *closing(const char *text)
{
    int depth = 0;
    for (; *text; text++) {
        depth += (*text == '{') - (*text == '}');
        if (depth == 0)
            return text;
    }
    return NULL;
}

static nib_status split(nib_arena *arena, const char *text, int64_t limit, part *parts, int *count,
                        nib_error *err)
{
    const char *plain = text;
    for (const char *at = strchr(text, '{'); at; at = strchr(at, '{')) {
        const char *end = closing(at);
        part range = {0};
        if (!end)
            break;
        NIB_TRY(read_braces(arena, at + 1, (size_t)(end - at - 1), limit, &range, err));
        if (range.count == 0) {
            at++;
            continue;
        }
        if (*count + 3 > MAX_PARTS)
            return nib_fail(err, NIB_ERR_CONFIG, "more than %d ranges in '%s'", MAX_PARTS / 2 - 1, text);
        NIB_TRY(keep_text(arena, plain, (size_t)(at - plain), &parts[(*count)++], err));
        parts[(*count)++] = range;
        plain = at = end + 1;
    }
    return keep_text(arena, plain, strlen(plain), &parts[(*count)++], err);
}

nib_status nib_sweep_expand(nib_arena *arena, const char *text, int64_t limit, nib_strings *values,
                            nib_error *err)
{
    part parts[MAX_PARTS];
    int count = 0;
    int64_t total = 1;
    NIB_TRY(split(arena, text, limit, parts, &count, err));
    for (int i = 0; i < count; i++) {
        if (parts[i].count > limit / total)
            return nib_fail(err, NIB_ERR_CONFIG, "'%s' stands for more than %lld values", text,
                            (long long)limit);
        total *= parts[i].count;
    }
    const char **value = NIB_NEW(arena, const char *, total);
    if (!value)
        return nib_fail_memory(err, "range");
    for (int64_t i = 0; i < total; i++) {
        int64_t left = i, stride = total;
        const char *made = "";
        for (int k = 0; k < count && made; k++) {
            stride /= parts[k].count;
            made = nib_arena_printf(arena, "%s%s", made, parts[k].value[left / stride]);
            left %= stride;
        }
        if (!(value[i] = made))
            return nib_fail_memory(err, "range");
    }
    *values = (nib_strings){(int)total, value};
    return NIB_OK;
}
