/** Option tables: one row per key drives parsing, defaults, bounds, "did you mean", help, documentation and
 * the resolved config that is written back.
 *
 *  A table describes a struct. Reading fills the struct from a map node; every key not in the table is an
 * error at its place; writing turns the struct into a map again, with every default spelled out, so that
 *  read(write(read(x))) == read(x).
 */
#ifndef NIB_CORE_OPTIONS_H
#define NIB_CORE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/document.h"

typedef enum nib_option_kind {
    NIB_OPTION_BOOL,    /**< bool: true/false, yes/no, on/off */
    NIB_OPTION_INT,     /**< int64_t; 1e6 and 100_000 are accepted */
    NIB_OPTION_FLOAT,   /**< double, finite */
    NIB_OPTION_STRING,  /**< const char * */
    NIB_OPTION_CHOICE,  /**< int: index into `choices` */
    NIB_OPTION_INTS,    /**< nib_ints; a single number is a list of one */
    NIB_OPTION_FLOATS,  /**< nib_floats */
    NIB_OPTION_STRINGS, /**< nib_strings */
    NIB_OPTION_NODE, /**< const nib_doc *: a part that its owner reads (map of names, choice of descriptor) */
} nib_option_kind;

typedef struct nib_ints {
    int count;
    const int64_t *value;
} nib_ints;

typedef struct nib_floats {
    int count;
    const double *value;
} nib_floats;

typedef struct nib_strings {
    int count;
    const char *const *value;
} nib_strings;

typedef struct nib_option {
    const char *name;
    nib_option_kind kind;
    size_t offset; /**< of the field in the struct */
    const char
        *initial; /**< default as YAML text; NULL: required; "" (NODE, lists, STRING): absent -> NULL/empty */
    double min, max; /**< numbers and list elements: inclusive, not for words; min == max == 0: no bounds */
    const char *choices; /**< CHOICE: "a|b|c"; INT also: words that stand for -1, -2, ... ("auto") */
    const char *unit;    /**< "", "epochs", "GeV", ... */
    const char *help;    /**< one line */
} nib_option;

typedef struct nib_option_table {
    const nib_option *rows;
    int count;
    size_t bytes; /**< size of the struct */
} nib_option_table;

/** Rows: `NIB_ROW(my_struct, field, NIB_OPTION_INT, "10", 1, 100, NULL, "epochs", "help")`. */
#define NIB_ROW(type, field, kind, initial, min, max, choices, unit, help)                                   \
    {                                                                                                        \
#field, kind, offsetof(type, field), initial, min, max, choices, unit, help                          \
    }
#define NIB_OPTION_TABLE(type, rows)                                                                         \
    {                                                                                                        \
        rows, (int)(sizeof(rows) / sizeof((rows)[0])), sizeof(type)                                          \
    }
/** A table without rows. */
#define NIB_OPTION_TABLE_EMPTY                                                                               \
    {                                                                                                        \
        NULL, 0, 1                                                                                           \
    }

/** Fill `out` [table->bytes] from `map` (NULL or an empty scalar: all defaults). `path` is the dotted name of
 * the map for messages ("train.optimizer.adam"). Lists and strings live in the arena. Errors
 * (NIB_ERR_CONFIG): not a map, unknown key (with the nearest one), wrong type, out of bounds, missing
 * required key. */
NIB_MUST_USE nib_status nib_options_read(nib_arena *arena, const nib_option_table *table, const nib_doc *map,
                                         const char *path, void *out, nib_error *err);

/** The struct as a map with every row in table order (absent nodes and strings left out). NULL when out of
 * memory. */
nib_doc *nib_options_write(nib_arena *arena, const nib_option_table *table, const void *in);

/** Check a table itself, for tests: unique names, help, words only where they belong, defaults that their own
 * row accepts. */
NIB_MUST_USE nib_status nib_options_check(nib_arena *arena, const nib_option_table *table, const char *path,
                                          nib_error *err);

/** One scalar by the rules of one row. `target` points at the field itself. */
NIB_MUST_USE nib_status nib_options_read_value(nib_arena *arena, const nib_option *row, const nib_doc *value,
                                               const char *path, void *target, nib_error *err);

/** A descriptor choice: `adam` or `{adam: {lr: 1e-3}}`. Splits it into name and body (body NULL when there is
 * none).
 *  @param what  for messages: "optimizer" */
NIB_MUST_USE nib_status nib_options_split_choice(const nib_doc *value, const char *path, const char *what,
                                                 const char **name, const nib_doc **body, nib_error *err);

/** Shortest text that reads back as the same double ("0.001"). `text` has NIB_NUMBER_BYTES. */
enum { NIB_NUMBER_BYTES = 32 };
void nib_format_double(double value, char *text);

#endif
