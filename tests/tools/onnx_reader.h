/* Reading what `nibble export --format qonnx` writes, and running it: written from onnx.proto and from
 * QONNX's description of Quant alone, so that the exporter can be wrong. */
#ifndef NIB_TESTS_TOOLS_ONNX_READER_H
#define NIB_TESTS_TOOLS_ONNX_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MAX_TENSORS = 256, MAX_NODES = 128, MAX_NODE_INPUTS = 4, MAX_NAME = 96 };

typedef struct onnx_tensor {
    char name[MAX_NAME];
    bool is_shaped, is_constant; /* has a ValueInfo; has values */
    int rank;
    int64_t dim[4];
    float *value;
} onnx_tensor;

typedef struct onnx_node {
    char op[32], domain[64], rounding[16];
    int n_inputs, input[MAX_NODE_INPUTS], output;
    int64_t is_signed, narrow, axis;
    float alpha;
} onnx_node;

typedef struct onnx_graph {
    int64_t ir_version, opset, quant_opset;
    int n_tensors, n_nodes, n_inputs, n_outputs, input[4], output[4];
    onnx_tensor tensor[MAX_TENSORS];
    onnx_node node[MAX_NODES];
} onnx_graph;

/* Every field must be one that the reader knows; it asserts otherwise. */
void onnx_read(const void *data, size_t bytes, onnx_graph *graph);
int onnx_find(const onnx_graph *graph, const char *name);
/* Run one sample; inputs and outputs are the tensors' values. Asserts that tensors are made before they are
 * read. */
void onnx_run(onnx_graph *graph);
void onnx_free(onnx_graph *graph);

#endif
