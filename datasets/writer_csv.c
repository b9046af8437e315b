/** CSV: a header row, one line per row of data. */
#include "core/file.h"
#include "datasets/writer.h"

#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct text {
    char *data;
    size_t used, size;
} text;

static bool append(text *t, const char *piece, size_t n)
{
    if (t->used + n > t->size) {
        size_t size = 2 * (t->used + n) + 4096;
        char *data = realloc(t->data, size);
        if (!data)
            return false;
        t->data = data;
        t->size = size;
    }
    memcpy(t->data + t->used, piece, n);
    t->used += n;
    return true;
}

/** A name in quotes where it needs them (RFC 4180). */
static bool append_name(text *t, const char *name)
{
    if (!strpbrk(name, ",\"\r\n"))
        return append(t, name, strlen(name));
    bool ok = append(t, "\"", 1);
    for (const char *p = name; *p && ok; p++)
        ok = append(t, p, 1) && (*p != '"' || append(t, p, 1));
    return ok && append(t, "\"", 1);
}

/** Class names, or the target's name with the column number; with several targets the target's name first. */
static bool append_header(text *t, int count, const nib_table *table)
{
    bool ok = true;
    for (int i = 0; i < count; i++)
        for (int64_t j = 0; j < table[i].cols && ok; j++) {
            const char *column = table[i].columns ? table[i].columns[j] : NULL;
            char name[512];
            if (column && count == 1)
                (void)snprintf(name, sizeof name, "%s", column);
            else if (column)
                (void)snprintf(name, sizeof name, "%s_%s", table[i].name, column);
            else if (table[i].cols == 1)
                (void)snprintf(name, sizeof name, "%s", table[i].name);
            else
                (void)snprintf(name, sizeof name, "%s_%" PRId64, table[i].name, j);
            ok = (!t->used || append(t, ",", 1)) && append_name(t, name);
        }
    return ok && append(t, "\n", 1);
}

static bool append_row(text *t, int count, const nib_table *table, int64_t row)
{
    bool ok = true;
    for (int i = 0; i < count; i++)
        for (int64_t j = 0; j < table[i].cols && ok; j++) {
            char number[NIB_FLOAT_BYTES];
            int n = nib_format_float(table[i].values[row * table[i].cols + j], number);
            ok = (i + j == 0 || append(t, ",", 1)) && append(t, number, (size_t)n);
        }
    return ok && append(t, "\n", 1);
}

static nib_status write(const char *path, int count, const nib_table *table, nib_error *err)
{
    text t = {0};
    bool ok = append_header(&t, count, table);
    for (int64_t row = 0; row < table->rows && ok; row++)
        ok = append_row(&t, count, table, row);
    nib_status status = ok ? nib_file_write(path, t.data, t.used, err) : nib_fail_memory(err, "predictions");
    free(t.data);
    return status;
}

const nib_writer nib_writer_csv = {
    .name = "csv",
    .help = "CSV: a header row with the class names, shortest numbers that read back as the same float",
    .source = "RFC 4180",
    .suffixes = "csv",
    .max_tables = INT_MAX,
    .write = write,
};
