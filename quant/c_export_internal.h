/** What the files that write C source share. Not for other modules. */
#ifndef NIB_QUANT_C_EXPORT_INTERNAL_H
#define NIB_QUANT_C_EXPORT_INTERNAL_H

#include <stdio.h>

#include "quant/c_export.h"
#include "quant/fixnet_internal.h"

/** Helpers of the source; those that are used are written in front of it. The second of a pair works on
 * numbers of 128 bits. */
typedef enum nib_c_helper {
    NIB_C_WIDE, /* the type */
    NIB_C_ROUND,
    NIB_C_ROUND_WIDE = NIB_C_ROUND + NIB_ROUNDING_COUNT,
    NIB_C_CLIP = NIB_C_ROUND_WIDE + NIB_ROUNDING_COUNT,
    NIB_C_CLIP_WIDE,
    NIB_C_ZERO,
    NIB_C_ZERO_WIDE,
    NIB_C_WRAP,
    NIB_C_UP_WIDE,
    NIB_C_FLOAT,
    NIB_C_HELPER_COUNT
} nib_c_helper;

typedef struct nib_c_writer {
    const nib_fixnet *net;
    const nib_c_export *record;
    nib_arena *arena;
    nib_fix_interval *interval; /**< [n_nodes] */
    FILE *out;                  /**< tables and functions of the nodes */
    bool used[NIB_C_HELPER_COUNT];
} nib_c_writer;

enum {
    NIB_C_BITS = 61,      /**< of a number that is computed in int64_t */
    NIB_C_MOST_SHIFT = 62 /**< what is shifted further down gives what this shift gives */
};

/** A number on its way to a cast: its type in C, and what it is for every index. */
typedef struct nib_c_cast {
    char prefix[48];            /**< of its tables: "n3" */
    int64_t count;              /**< of different casts; 1: constants */
    const nib_fix_span *before; /**< [count] */
    nib_fixed *type;            /**< [count] into it; bits 0: removed */
    int *align;                 /**< [count] shift up of the codes behind it, or NULL */
    /* found by nib_c_cast_plan */
    bool wide;
    const char *index; /**< of the tables, as C: "f" or "e" */
} nib_c_cast;

/** Decide on the C type; and once more, for numbers of so many bits on the way to `before`. */
void nib_c_cast_plan(nib_c_writer *w, nib_c_cast *cast);
void nib_c_cast_widen(nib_c_writer *w, nib_c_cast *cast, int bits);

/** Bits of the largest number of a span. */
int nib_c_span_bits(const nib_fix_span *span);

/** "int64_t" or "wide". */
const char *nib_c_cast_type(const nib_c_cast *cast);
/** The tables that the cast needs. Errors: NIB_ERR_MEMORY. */
NIB_MUST_USE nib_status nib_c_cast_tables(nib_c_writer *w, const nib_c_cast *cast, nib_error *err);
/** Statements that cast the variable `v` in place, each on a line of its own behind `indent` blanks. */
void nib_c_cast_code(nib_c_writer *w, const nib_c_cast *cast, int indent);

/** `static const TYPE NAME[count] = {...};` in the narrowest type. */
void nib_c_table(nib_c_writer *w, const char *name, int64_t count, const int64_t *value);

/** "int32_t" or "int64_t": elements of a node's tensor, which are codes at the interval's step. */
const char *nib_c_tensor_type(const nib_c_writer *w, int node);

/** Is there another cast for each element (not only for each feature)? */
bool nib_c_each_element(const nib_fix_node *node);

/** The cast of a node's results into its type, aligned as its tensor is.
 *  @param before  [features], or [elements] where nib_c_each_element */
NIB_MUST_USE nib_status nib_c_node_cast(nib_c_writer *w, int node, const nib_fix_span *before,
                                        nib_c_cast *cast, nib_error *err);

/** The function of a node and its tables. */
NIB_MUST_USE nib_status nib_c_write_node(nib_c_writer *w, int node, nib_error *err);
NIB_MUST_USE nib_status nib_c_write_input(nib_c_writer *w, int node, nib_error *err);
NIB_MUST_USE nib_status nib_c_write_dense(nib_c_writer *w, int node, nib_error *err);
NIB_MUST_USE nib_status nib_c_write_softmax(nib_c_writer *w, int node, nib_error *err);
NIB_MUST_USE nib_status nib_c_write_pool(nib_c_writer *w, int node, nib_error *err);

/** The head of a node's function; the body follows, then "}". */
void nib_c_begin(nib_c_writer *w, int node);

/** The helpers in use. */
void nib_c_write_helpers(const nib_c_writer *w, FILE *out);

#endif
