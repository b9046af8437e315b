/** A program of da4ml's instruction set (DAIS): adders, shifts, multiplexers on numbers of fixed step.
 * Private to quant/export_dais.c.
 *
 *  Format: da4ml 0.6.0, CombLogic.save: [[inputs, outputs], input shifts, output indices, output shifts,
 * output signs, ops, carry size, adder size] and, with tables, a ninth element. An op is [id0, id1, opcode,
 * data, [min, max, step], latency, cost]. Every op is exact but 3, which drops low bits (floor) and high bits
 * (wraps).
 */
#ifndef NIB_QUANT_DAIS_PROGRAM_H
#define NIB_QUANT_DAIS_PROGRAM_H

#include "quant/fixnet.h"

/** A number of the program: op `id`, codes from low to high at step 2^-fraction. */
typedef struct nib_dais_number {
    int64_t id;
    int64_t low, high;
    int fraction;
} nib_dais_number;

typedef struct nib_dais_op {
    int64_t id0, id1, data;
    int code;
    nib_dais_number out;
    int latency; /**< adders one after the other until it is there */
    int cost;    /**< bits of an adder */
} nib_dais_op;

typedef struct nib_dais_table {
    int64_t size;
    const int64_t *code; /**< [size] from the lowest input to the highest */
    int fraction, input_bits;
    int64_t low, high;
} nib_dais_table;

typedef struct nib_dais_program {
    nib_arena *arena;
    int64_t count, capacity;
    nib_dais_op *op;
    int n_tables, table_capacity;
    nib_dais_table *table;
    bool failed; /**< out of memory, or a number of more than 53 bits; says_wide which */
    bool says_wide;
} nib_dais_program;

/** Input number `index` of a type; a constant code * 2^-fraction. */
nib_dais_number nib_dais_input(nib_dais_program *p, int64_t index, const nib_fixed *type);
nib_dais_number nib_dais_constant(nib_dais_program *p, int64_t code, int fraction);

/** a + b * 2^shift, or a - b * 2^shift. */
nib_dais_number nib_dais_add(nib_dais_program *p, nib_dais_number a, nib_dais_number b, int shift,
                             bool subtract);

/** a * code * 2^-fraction for a constant: as sums over canonical signed digits. */
nib_dais_number nib_dais_times(nib_dais_program *p, nib_dais_number a, int64_t code, int fraction);

/** The sum of a[i] * w[i], w[i] = code[i] * 2^-fraction[i], and a constant, as a balanced tree. [n] */
nib_dais_number nib_dais_sum(nib_dais_program *p, int64_t n, const nib_dais_number *a, const int64_t *code,
                             const int *fraction, int64_t constant, int constant_fraction);

/** key < 0 ? a : b. */
nib_dais_number nib_dais_select(nib_dais_program *p, nib_dais_number key, nib_dais_number a,
                                nib_dais_number b);

/** x > 0 ? x : 0. */
nib_dais_number nib_dais_relu(nib_dais_program *p, nib_dais_number x);

/** The cast of x to a type, with its rounding and overflow; bits 0: the constant 0. */
nib_dais_number nib_dais_cast(nib_dais_program *p, nib_dais_number x, const nib_fixed *type);

/** table[raw bits of x], x of type `from`. @param code  [2^bits] by raw bits */
nib_dais_number nib_dais_lookup(nib_dais_program *p, nib_dais_number x, const nib_fixed *from,
                                const int64_t *code, const nib_fixed *to);

/** The outputs of a whole net, one after the other, as numbers of the program; inputs are numbered in the
 * order of the net's. @param out  [all outputs' positions * features], in the program's arena; their count in
 * *n_out Errors: NIB_ERR_UNSUPPORTED naming the node: a kind without a form here, or more than 53 bits. */
NIB_MUST_USE nib_status nib_dais_of_net(nib_dais_program *p, const nib_fixnet *net, nib_dais_number **out,
                                        int64_t *n_in, int64_t *n_out, nib_error *err);

/** Opcodes, as da4ml counts them. */
enum {
    NIB_DAIS_INPUT = -1,
    NIB_DAIS_ADD = 0,
    NIB_DAIS_SUBTRACT = 1,
    NIB_DAIS_RELU = 2,
    NIB_DAIS_QUANTIZE = 3,
    NIB_DAIS_ADD_CONSTANT = 4,
    NIB_DAIS_CONSTANT = 5,
    NIB_DAIS_SELECT = 6,
    NIB_DAIS_LOOKUP = 8
};

/** The JSON text. @param out  [n_out] */
NIB_MUST_USE nib_status nib_dais_print(const nib_dais_program *p, int64_t n_in, int64_t n_out,
                                       const nib_dais_number *out, const char **text, nib_error *err);

#endif
