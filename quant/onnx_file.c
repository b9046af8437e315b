#include "quant/onnx_file.h"

#include <stdio.h>
#include <string.h>

/* ---- Wire format: a key (field number, kind), then a number, 4 bytes, or a length and bytes ---- */

enum { VARINT = 0, LENGTH = 2, FIXED32 = 5 };

static uint8_t *grow(nib_proto *p, size_t bytes)
{
    if (p->failed)
        return NULL;
    if (p->bytes + bytes > p->capacity) {
        const size_t capacity = 2 * p->capacity + bytes + 64;
        uint8_t *data = NIB_NEW(p->arena, uint8_t, capacity);
        if (!data) {
            p->failed = true;
            return NULL;
        }
        if (p->bytes)
            memcpy(data, p->data, p->bytes);
        p->data = data;
        p->capacity = capacity;
    }
    uint8_t *at = p->data + p->bytes;
    p->bytes += bytes;
    return at;
}

static void put(nib_proto *p, const void *data, size_t bytes)
{
    uint8_t *at = grow(p, bytes);
    if (at && bytes)
        memcpy(at, data, bytes);
}

static void put_varint(nib_proto *p, uint64_t value)
{
    uint8_t byte[10];
    size_t n = 0;
    for (; value > 127; value >>= 7)
        byte[n++] = (uint8_t)(value | 128);
    byte[n++] = (uint8_t)value;
    put(p, byte, n);
}

static void put_key(nib_proto *p, int field, int kind)
{
    put_varint(p, (uint64_t)(field << 3 | kind));
}

static void put_int(nib_proto *p, int field, int64_t value)
{
    put_key(p, field, VARINT);
    put_varint(p, (uint64_t)value);
}

static void put_bytes(nib_proto *p, int field, const void *data, size_t bytes)
{
    put_key(p, field, LENGTH);
    put_varint(p, bytes);
    put(p, data, bytes);
}

static void put_text(nib_proto *p, int field, const char *text)
{
    put_bytes(p, field, text, strlen(text));
}

static void put_message(nib_proto *p, int field, const nib_proto *message)
{
    put_bytes(p, field, message->data, message->bytes);
    p->failed = p->failed || message->failed;
}

static nib_proto new_message(nib_arena *arena)
{
    return (nib_proto){.arena = arena};
}

/* ---- Messages of onnx.proto, by their field numbers ---- */

enum { FLOAT = 1, IR_VERSION = 8, OPERATORS = 13 };
enum {
    MODEL_IR_VERSION = 1,
    MODEL_PRODUCER = 2,
    MODEL_PRODUCER_VERSION = 3,
    MODEL_GRAPH = 7,
    MODEL_OPSET = 8
};
enum { OPSET_DOMAIN = 1, OPSET_VERSION = 2 };
enum {
    GRAPH_NODE = 1,
    GRAPH_NAME = 2,
    GRAPH_CONSTANT = 5,
    GRAPH_DOC = 10,
    GRAPH_INPUT = 11,
    GRAPH_OUTPUT = 12,
    GRAPH_VALUE = 13
};
enum { NODE_INPUT = 1, NODE_OUTPUT = 2, NODE_NAME = 3, NODE_OP = 4, NODE_ATTRIBUTE = 5, NODE_DOMAIN = 7 };
enum { ATTRIBUTE_NAME = 1, ATTRIBUTE_FLOAT = 2, ATTRIBUTE_INT = 3, ATTRIBUTE_TEXT = 4, ATTRIBUTE_TYPE = 20 };
enum { TENSOR_DIM = 1, TENSOR_TYPE = 2, TENSOR_NAME = 8, TENSOR_RAW = 9 };
enum { VALUE_NAME = 1, VALUE_TYPE = 2, TYPE_TENSOR = 1, TENSOR_ELEMENT = 1, TENSOR_SHAPE = 2, SHAPE_DIM = 1 };
enum { DIM_VALUE = 1 };

void nib_onnx_begin(nib_onnx *onnx, nib_arena *arena)
{
    const nib_proto empty = new_message(arena);
    *onnx = (nib_onnx){arena, empty, empty, empty, empty, empty, 0, 0, NULL, false};
}

static bool is_taken(const nib_onnx *onnx, const char *name)
{
    for (int i = 0; i < onnx->n_names; i++)
        if (strcmp(onnx->name[i], name) == 0)
            return true;
    return false;
}

static bool make_room(nib_onnx *onnx)
{
    if (onnx->n_names < onnx->name_capacity)
        return true;
    const int capacity = 2 * onnx->name_capacity + 64;
    const char **name = NIB_NEW(onnx->arena, const char *, capacity);
    if (!name)
        return false;
    if (onnx->n_names)
        memcpy(name, onnx->name, (size_t)onnx->n_names * sizeof *name);
    onnx->name = name;
    onnx->name_capacity = capacity;
    return true;
}

const char *nib_onnx_name(nib_onnx *onnx, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    const int length = vsnprintf(text, sizeof text - 16, format, args);
    va_end(args);
    const size_t plain = length < 0 ? 0 : strlen(text);
    for (int i = 2; is_taken(onnx, text); i++)
        (void)snprintf(text + plain, 16, "_%d", i);
    const char *name = nib_arena_strdup(onnx->arena, text);
    if (!name || !make_room(onnx)) {
        onnx->failed = true;
        return "";
    }
    onnx->name[onnx->n_names++] = name;
    return name;
}

/* ValueInfoProto: name, element type and shape. */
static void put_value(nib_onnx *onnx, nib_proto *to, int field, const char *name, int rank,
                      const int64_t *dims)
{
    nib_proto shape = new_message(onnx->arena), tensor = shape, type = shape, value = shape;
    for (int i = 0; i < rank; i++) {
        nib_proto dim = new_message(onnx->arena);
        put_int(&dim, DIM_VALUE, dims[i]);
        put_message(&shape, SHAPE_DIM, &dim);
    }
    put_int(&tensor, TENSOR_ELEMENT, FLOAT);
    put_message(&tensor, TENSOR_SHAPE, &shape);
    put_message(&type, TYPE_TENSOR, &tensor);
    put_text(&value, VALUE_NAME, name);
    put_message(&value, VALUE_TYPE, &type);
    put_message(to, field, &value);
}

void nib_onnx_constant(nib_onnx *onnx, const char *name, int rank, const int64_t *dim, const float *value)
{
    nib_proto tensor = new_message(onnx->arena);
    size_t count = 1;
    for (int i = 0; i < rank; i++) {
        put_int(&tensor, TENSOR_DIM, dim[i]);
        count *= (size_t)dim[i];
    }
    put_int(&tensor, TENSOR_TYPE, FLOAT);
    put_text(&tensor, TENSOR_NAME, name);
    put_bytes(&tensor, TENSOR_RAW, value, count * sizeof *value); /* little-endian, as all hosts of nibble */
    put_message(&onnx->constants, GRAPH_CONSTANT, &tensor);
    put_value(onnx, &onnx->values, GRAPH_VALUE, name, rank, dim);
}

void nib_onnx_input(nib_onnx *onnx, const char *name, int64_t width)
{
    put_value(onnx, &onnx->inputs, GRAPH_INPUT, name, 2, (int64_t[]){1, width});
}

void nib_onnx_output(nib_onnx *onnx, const char *name, int64_t width)
{
    put_value(onnx, &onnx->outputs, GRAPH_OUTPUT, name, 2, (int64_t[]){1, width});
}

void nib_onnx_tensor(nib_onnx *onnx, const char *name, int64_t width)
{
    put_value(onnx, &onnx->values, GRAPH_VALUE, name, 2, (int64_t[]){1, width});
}

void nib_onnx_shape(nib_onnx *onnx, const char *name, int rank, const int64_t *dim)
{
    put_value(onnx, &onnx->values, GRAPH_VALUE, name, rank, dim);
}

nib_proto nib_onnx_attributes(nib_onnx *onnx)
{
    return new_message(onnx->arena);
}

void nib_onnx_int(nib_proto *attributes, const char *name, int64_t value)
{
    nib_proto a = new_message(attributes->arena);
    put_text(&a, ATTRIBUTE_NAME, name);
    put_int(&a, ATTRIBUTE_INT, value);
    put_int(&a, ATTRIBUTE_TYPE, 2);
    put_message(attributes, NODE_ATTRIBUTE, &a);
}

void nib_onnx_float(nib_proto *attributes, const char *name, float value)
{
    nib_proto a = new_message(attributes->arena);
    put_text(&a, ATTRIBUTE_NAME, name);
    put_key(&a, ATTRIBUTE_FLOAT, FIXED32);
    put(&a, &value, sizeof value);
    put_int(&a, ATTRIBUTE_TYPE, 1);
    put_message(attributes, NODE_ATTRIBUTE, &a);
}

void nib_onnx_text(nib_proto *attributes, const char *name, const char *value)
{
    nib_proto a = new_message(attributes->arena);
    put_text(&a, ATTRIBUTE_NAME, name);
    put_text(&a, ATTRIBUTE_TEXT, value);
    put_int(&a, ATTRIBUTE_TYPE, 3);
    put_message(attributes, NODE_ATTRIBUTE, &a);
}

void nib_onnx_node(nib_onnx *onnx, const char *domain, const char *op, int n, const char *const *inputs,
                   const char *output, const nib_proto *attributes)
{
    nib_proto node = new_message(onnx->arena);
    for (int i = 0; i < n; i++)
        put_text(&node, NODE_INPUT, inputs[i]);
    put_text(&node, NODE_OUTPUT, output);
    put_text(&node, NODE_NAME, output);
    put_text(&node, NODE_OP, op);
    if (attributes) {
        put(&node, attributes->data, attributes->bytes);
        node.failed = node.failed || attributes->failed;
    }
    if (*domain)
        put_text(&node, NODE_DOMAIN, domain);
    put_message(&onnx->nodes, GRAPH_NODE, &node);
}

static void put_opset(nib_proto *model, const char *domain, int64_t version)
{
    nib_proto set = new_message(model->arena);
    put_text(&set, OPSET_DOMAIN, domain);
    put_int(&set, OPSET_VERSION, version);
    put_message(model, MODEL_OPSET, &set);
}

static void put_all(nib_proto *graph, const nib_proto *fields)
{
    put(graph, fields->data, fields->bytes);
    graph->failed = graph->failed || fields->failed;
}

nib_status nib_onnx_finish(nib_onnx *onnx, const char *graph_name, const char *producer_version,
                           const char *origin, const char *domain, const void **data, size_t *bytes,
                           nib_error *err)
{
    nib_proto graph = new_message(onnx->arena), model = graph;
    put_all(&graph, &onnx->nodes);
    put_text(&graph, GRAPH_NAME, graph_name);
    put_all(&graph, &onnx->constants);
    put_text(&graph, GRAPH_DOC, origin);
    put_all(&graph, &onnx->inputs);
    put_all(&graph, &onnx->outputs);
    put_all(&graph, &onnx->values);
    put_int(&model, MODEL_IR_VERSION, IR_VERSION);
    put_text(&model, MODEL_PRODUCER, "nibble");
    put_text(&model, MODEL_PRODUCER_VERSION, producer_version);
    put_message(&model, MODEL_GRAPH, &graph);
    put_opset(&model, "", OPERATORS);
    put_opset(&model, domain, 1);
    *data = model.data;
    *bytes = model.bytes;
    return model.failed || onnx->failed ? nib_fail_memory(err, "ONNX file") : NIB_OK;
}
