/* Any lines as --set options of a config: refused with one line, or a config that resolves to itself. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "train/config.h"

enum { MAX_SETS = 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static const char base[] =
    "data: {source: {file: f.h5}, x: train/x, targets: {y: train/y}, validation: {last: 0.2}}\n"
    "model: {mlp: {hidden: [4, 3], dropout: 0.1}}\n"
    "train: {loss: huber, optimizer: adam, metrics: [mae, mse]}\n";

static void demand(bool holds, const char *what, const char *text)
{
    if (holds)
        return;
    fprintf(stderr, "%s\n%s\n", what, text);
    abort();
}

static void check(const char *const *sets, int n)
{
    nib_error err = {NIB_OK, ""};
    nib_config *config, *again;
    if (nib_config_parse("base.yaml", "/data", base, strlen(base), sets, n, &config, &err) != NIB_OK) {
        demand(err.message[0] && !strchr(err.message, '\n'), "a refusal has a message of one line",
               err.message);
        return;
    }
    const char *first = nib_config_text(config);
    demand(first, "a config has a text", "");
    bool read =
        nib_config_parse("again.yaml", "/other", first, strlen(first), NULL, 0, &again, &err) == NIB_OK;
    demand(read, err.message, first);
    const char *second = nib_config_text(again);
    demand(second && strcmp(first, second) == 0, "resolved again it differs", first);
    nib_config_destroy(again);
    nib_config_destroy(config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    char *text = malloc(bytes + 1);
    if (!text)
        return 0;
    if (bytes)
        memcpy(text, data, bytes);
    text[bytes] = '\0';
    const char *sets[MAX_SETS];
    int n = 0;
    for (char *line = text; line && n < MAX_SETS;) {
        char *end = strchr(line, '\n');
        if (end)
            *end++ = '\0';
        sets[n++] = line;
        line = end;
    }
    check(sets, n);
    free(text);
    return 0;
}
