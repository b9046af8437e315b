/* Any text as a quantizer: refused with one line, or a quantizer that is written and read back and gives
 * finite values. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "quant/quantizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void demand(bool holds, const char *what, const char *text)
{
    if (holds)
        return;
    fprintf(stderr, "%s: %s\n", what, text);
    abort();
}

static void run(const nib_quantizer_config *q, const char *text)
{
    enum { ROWS = 3, COLS = 4 };
    static const float x[ROWS * COLS] = {0, -0.0f, 1, -1, 0.3f, -7.5f, 100, 1e-30f, 3e5f, -0.125f, 2, 0.5f};
    float y[ROWS * COLS], dx[ROWS * COLS];
    nib_quantize_call call = {
        .options = q->options, .rows = ROWS, .cols = COLS, .stride = COLS, .x = x, .y = y, .dy = x, .dx = dx};
    q->type->forward(&call);
    q->type->backward(&call);
    for (int i = 0; i < ROWS * COLS; i++)
        demand(isfinite(y[i]) && isfinite(dx[i]), "a value that is not finite", text);
}

static void check(nib_arena *arena, const char *text)
{
    nib_error err = {NIB_OK, ""};
    nib_quantizer_config q, again;
    if (nib_quantizer_parse(arena, text, &q, &err) != NIB_OK) {
        demand(err.message[0] && !strchr(err.message, '\n'), "a refusal is one line", err.message);
        return;
    }
    const char *written = nib_quantizer_print(arena, &q);
    demand(written, "a quantizer has a text", text);
    demand(nib_quantizer_parse(arena, written, &again, &err) == NIB_OK, err.message, written);
    demand(again.type == q.type && strcmp(nib_quantizer_print(arena, &again), written) == 0,
           "what is written reads as another quantizer", written);
    run(&q, text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    nib_arena *arena = nib_arena_create();
    char *text = malloc(bytes + 1);
    if (arena && text) {
        if (bytes)
            memcpy(text, data, bytes);
        text[bytes] = '\0';
        check(arena, text);
    }
    free(text);
    nib_arena_destroy(arena);
    return 0;
}
