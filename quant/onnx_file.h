/** Writing ONNX files: the few messages of onnx.proto that a network of dense layers needs, in protobuf's
 * wire format. Private to quant/export_qonnx*.c.
 *
 *  Nodes, constants and tensors are appended in any order; every tensor gets a shape. All tensors are floats.
 *  Running out of memory is remembered and told by nib_onnx_finish.
 *
 *  Format: onnx.proto of ONNX 1.13 (IR version 8, operators of version 13), protobuf's encoding of messages.
 */
#ifndef NIB_QUANT_ONNX_FILE_H
#define NIB_QUANT_ONNX_FILE_H

#include "core/arena.h"

#include <stdbool.h>
#include <stdint.h>

/** A message that grows. */
typedef struct nib_proto {
    nib_arena *arena;
    uint8_t *data;
    size_t bytes, capacity;
    bool failed; /**< out of memory */
} nib_proto;

typedef struct nib_onnx {
    nib_arena *arena;
    nib_proto nodes, constants, inputs, outputs, values; /**< fields of GraphProto */
    int n_names, name_capacity;
    const char **name; /**< of all tensors */
    bool failed;
} nib_onnx;

/** @param arena  owns everything */
void nib_onnx_begin(nib_onnx *onnx, nib_arena *arena);

/** A name for a tensor that no other has: the text of printf, with a number where it is taken. */
const char *nib_onnx_name(nib_onnx *onnx, const char *format, ...) NIB_PRINTF(2, 3);

/** A constant with its shape. @param rank  0: a number */
void nib_onnx_constant(nib_onnx *onnx, const char *name, int rank, const int64_t *dim, const float *value);

/** Shapes [1, width] of what comes in, what is read out, and the tensors between. */
void nib_onnx_input(nib_onnx *onnx, const char *name, int64_t width);
void nib_onnx_output(nib_onnx *onnx, const char *name, int64_t width);
void nib_onnx_tensor(nib_onnx *onnx, const char *name, int64_t width);

/** The shape of a tensor that is made of constants. */
void nib_onnx_shape(nib_onnx *onnx, const char *name, int rank, const int64_t *dim);

/** Attributes of a node, to be handed to nib_onnx_node. */
nib_proto nib_onnx_attributes(nib_onnx *onnx);
void nib_onnx_int(nib_proto *attributes, const char *name, int64_t value);
void nib_onnx_float(nib_proto *attributes, const char *name, float value);
void nib_onnx_text(nib_proto *attributes, const char *name, const char *value);

/** An operator, named as its output. @param domain  "" for ONNX's own; attributes  NULL: none */
void nib_onnx_node(nib_onnx *onnx, const char *domain, const char *op, int n, const char *const *inputs,
                   const char *output, const nib_proto *attributes);

/** The whole file, in the arena. @param domain  of the operators beside ONNX's own, in version 1
 *  Errors: NIB_ERR_MEMORY. */
NIB_MUST_USE nib_status nib_onnx_finish(nib_onnx *onnx, const char *graph_name, const char *producer_version,
                                        const char *origin, const char *domain, const void **data,
                                        size_t *bytes, nib_error *err);

#endif
