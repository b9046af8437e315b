/* Any text as a fixed-point type: refused with one line, or a type that is written and read back in every
 * dialect. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "quant/fixed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void demand(bool holds, const char *what, const char *text)
{
    if (holds)
        return;
    fprintf(stderr, "%s: %s\n", what, text);
    abort();
}

static void check(const char *text)
{
    nib_error err = {NIB_OK, ""};
    nib_fixed type, again;
    int column = 0;
    if (nib_fixed_parse(text, &type, &column, &err) != NIB_OK) {
        demand(err.message[0] && !strchr(err.message, '\n'), "a refusal is one line", err.message);
        demand(column >= 1 && (size_t)column <= strlen(text) + 1, "a refusal has its place in the text",
               text);
        return;
    }
    demand(nib_fixed_check(&type, NIB_FIXED_MAX_BITS, &err) == NIB_OK, "what is read is valid", text);
    for (int style = NIB_FIXED_PLAIN; style <= NIB_FIXED_AC; style++) {
        char written[NIB_FIXED_TEXT_BYTES];
        (void)nib_fixed_print(&type, (nib_fixed_style)style, written);
        demand(nib_fixed_parse(written, &again, NULL, &err) == NIB_OK, "what is written is read", written);
        demand(again.bits == type.bits && again.integer == type.integer &&
                   again.is_signed == type.is_signed && again.rounding == type.rounding &&
                   again.overflow == type.overflow,
               "what is written is the same type", written);
    }
    for (int64_t mantissa = -3; mantissa <= 3; mantissa++) {
        const int64_t code = nib_fixed_cast(&type, mantissa, nib_fixed_fraction(&type) + 1);
        demand(code <= nib_fixed_highest(&type) && code >= nib_fixed_lowest(&type),
               "a code is within its range", text);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    char *text = malloc(bytes + 1);
    if (!text)
        return 0;
    if (bytes)
        memcpy(text, data, bytes);
    text[bytes] = '\0';
    check(text);
    free(text);
    return 0;
}
