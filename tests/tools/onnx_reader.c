#include "tests/tools/onnx_reader.h"

#include <criterion/criterion.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Wire format ---- */

typedef struct span {
    const uint8_t *at, *end;
} span;

typedef struct field {
    int number, kind;
    int64_t value;
    float real;
    span bytes;
} field;

static uint64_t varint(span *s)
{
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
        cr_assert(s->at < s->end, "a number ends beyond its message");
        const uint8_t byte = *s->at++;
        value |= (uint64_t)(byte & 127) << shift;
        if (byte < 128)
            return value;
    }
    cr_assert_fail("a number of more than 64 bits");
    return 0;
}

static bool next(span *s, field *f)
{
    if (s->at == s->end)
        return false;
    const uint64_t key = varint(s);
    *f = (field){.number = (int)(key >> 3), .kind = (int)(key & 7)};
    if (f->kind == 0) {
        f->value = (int64_t)varint(s);
    } else if (f->kind == 5) {
        cr_assert(s->end - s->at >= 4, "a float ends beyond its message");
        memcpy(&f->real, s->at, 4);
        s->at += 4;
    } else {
        cr_assert(f->kind == 2, "field %d has kind %d", f->number, f->kind);
        const uint64_t bytes = varint(s);
        cr_assert(bytes <= (uint64_t)(s->end - s->at), "field %d ends beyond its message", f->number);
        f->bytes = (span){s->at, s->at + bytes};
        s->at += bytes;
    }
    return true;
}

static void copy_text(span s, char *text, size_t bytes)
{
    const size_t n = (size_t)(s.end - s.at);
    cr_assert(n < bytes, "a text of %zu bytes", n);
    memcpy(text, s.at, n);
    text[n] = '\0';
}

/* ---- Messages ---- */

static int tensor_named(onnx_graph *g, span name)
{
    char text[MAX_NAME];
    copy_text(name, text, sizeof text);
    const int found = onnx_find(g, text);
    if (found >= 0)
        return found;
    cr_assert(g->n_tensors < MAX_TENSORS, "too many tensors");
    memcpy(g->tensor[g->n_tensors].name, text, sizeof text);
    return g->n_tensors++;
}

int onnx_find(const onnx_graph *g, const char *name)
{
    for (int i = 0; i < g->n_tensors; i++)
        if (strcmp(g->tensor[i].name, name) == 0)
            return i;
    return -1;
}

static void read_shape(span s, onnx_tensor *t)
{
    field f, d;
    while (next(&s, &f)) {
        cr_assert(f.number == 1 && t->rank < 4, "a shape has field %d", f.number);
        cr_assert(next(&f.bytes, &d) && d.number == 1, "a dimension without a value");
        t->dim[t->rank++] = d.value;
    }
}

static int read_value(onnx_graph *g, span s)
{
    field f, t, e;
    int index = -1;
    while (next(&s, &f)) {
        if (f.number == 1) {
            index = tensor_named(g, f.bytes);
            continue;
        }
        cr_assert(f.number == 2 && index >= 0 && next(&f.bytes, &t) && t.number == 1,
                  "a ValueInfo has no tensor type");
        onnx_tensor *tensor = &g->tensor[index];
        cr_assert(!tensor->is_shaped, "%s has two shapes", tensor->name);
        tensor->is_shaped = true;
        tensor->rank = 0;
        while (next(&t.bytes, &e)) {
            if (e.number == 1)
                cr_assert(e.value == 1, "%s has elements of type %lld", tensor->name, (long long)e.value);
            else
                read_shape(e.bytes, tensor);
        }
    }
    return index;
}

static void read_constant(onnx_graph *g, span s)
{
    field f;
    int64_t dim[4], count = 1;
    int rank = 0, index = -1;
    while (next(&s, &f)) {
        if (f.number == 1) {
            count *= dim[rank++] = f.value;
        } else if (f.number == 2) {
            cr_assert(f.value == 1, "a constant of type %lld", (long long)f.value);
        } else if (f.number == 8) {
            index = tensor_named(g, f.bytes);
        } else {
            cr_assert(f.number == 9 && index >= 0, "a constant has field %d", f.number);
            onnx_tensor *t = &g->tensor[index];
            cr_assert(f.bytes.end - f.bytes.at == 4 * count, "%s has %td bytes for %lld numbers", t->name,
                      f.bytes.end - f.bytes.at, (long long)count);
            t->is_constant = true;
            t->rank = rank;
            memcpy(t->dim, dim, sizeof dim);
            t->value = malloc((size_t)(4 * count));
            cr_assert(t->value, "out of memory");
            memcpy(t->value, f.bytes.at, (size_t)(4 * count));
        }
    }
}

static void read_attribute(onnx_node *n, span s)
{
    field f;
    char name[32] = "", text[16] = "";
    int64_t value = 0, type = 0;
    float real = 0;
    while (next(&s, &f)) {
        if (f.number == 1)
            copy_text(f.bytes, name, sizeof name);
        else if (f.number == 2)
            real = f.real;
        else if (f.number == 3)
            value = f.value;
        else if (f.number == 4)
            copy_text(f.bytes, text, sizeof text);
        else
            type = f.value;
    }
    if (strcmp(name, "signed") == 0)
        n->is_signed = value;
    else if (strcmp(name, "narrow") == 0)
        n->narrow = value;
    else if (strcmp(name, "axis") == 0)
        n->axis = value;
    else if (strcmp(name, "alpha") == 0)
        n->alpha = real;
    else
        memcpy(n->rounding, text, sizeof text);
    const int64_t expected = strcmp(name, "alpha") == 0 ? 1 : strcmp(name, "rounding_mode") == 0 ? 3 : 2;
    cr_assert(type == expected, "attribute %s has type %lld", name, (long long)type);
}

static void read_node(onnx_graph *g, span s)
{
    field f;
    cr_assert(g->n_nodes < MAX_NODES, "too many nodes");
    onnx_node *n = &g->node[g->n_nodes++];
    *n = (onnx_node){.n_inputs = 0};
    while (next(&s, &f)) {
        char name[MAX_NAME];
        if (f.number == 1)
            n->input[n->n_inputs++] = tensor_named(g, f.bytes);
        else if (f.number == 2)
            n->output = tensor_named(g, f.bytes);
        else if (f.number == 3)
            copy_text(f.bytes, name, sizeof name);
        else if (f.number == 4)
            copy_text(f.bytes, n->op, sizeof n->op);
        else if (f.number == 5)
            read_attribute(n, f.bytes);
        else
            copy_text(f.bytes, n->domain, sizeof n->domain);
    }
}

static void read_graph(onnx_graph *g, span s)
{
    field f;
    while (next(&s, &f)) {
        if (f.number == 1)
            read_node(g, f.bytes);
        else if (f.number == 5)
            read_constant(g, f.bytes);
        else if (f.number == 11)
            g->input[g->n_inputs++] = read_value(g, f.bytes);
        else if (f.number == 12)
            g->output[g->n_outputs++] = read_value(g, f.bytes);
        else if (f.number == 13)
            (void)read_value(g, f.bytes);
        else
            cr_assert(f.number == 2 || f.number == 10, "the graph has field %d", f.number);
    }
}

static void read_opset(onnx_graph *g, span s)
{
    field f;
    char domain[64] = "";
    int64_t version = 0;
    while (next(&s, &f)) {
        if (f.number == 1)
            copy_text(f.bytes, domain, sizeof domain);
        else
            version = f.value;
    }
    if (*domain == '\0')
        g->opset = version;
    else if (strcmp(domain, "qonnx.custom_op.general") == 0)
        g->quant_opset = version;
}

void onnx_read(const void *data, size_t bytes, onnx_graph *g)
{
    span s = {data, (const uint8_t *)data + bytes};
    field f;
    memset(g, 0, sizeof *g);
    while (next(&s, &f)) {
        if (f.number == 1)
            g->ir_version = f.value;
        else if (f.number == 7)
            read_graph(g, f.bytes);
        else if (f.number == 8)
            read_opset(g, f.bytes);
        else
            cr_assert(f.number == 2 || f.number == 3, "the model has field %d", f.number);
    }
}

/* ---- Execution ---- */

static int64_t count_of(const onnx_tensor *t)
{
    int64_t count = 1;
    for (int i = 0; i < t->rank; i++)
        count *= t->dim[i];
    return count;
}

static double rounded(const char *mode, double v)
{
    if (strcmp(mode, "ROUND") == 0)
        return nearbyint(v);
    if (strcmp(mode, "FLOOR") == 0)
        return floor(v);
    if (strcmp(mode, "DOWN") == 0)
        return trunc(v);
    const bool up = strcmp(mode, "HALF_UP") == 0;
    cr_assert(up || strcmp(mode, "HALF_DOWN") == 0, "rounding mode '%s'", mode);
    return copysign(up ? floor(fabs(v) + 0.5) : ceil(fabs(v) - 0.5), v);
}

/* clamp(x / scale), round, times scale: brevitas' and QONNX's order. */
static float quant(const onnx_node *n, const onnx_graph *g, float x)
{
    const double scale = (double)*g->tensor[n->input[1]].value, bits = (double)*g->tensor[n->input[3]].value;
    cr_assert(*g->tensor[n->input[2]].value == 0, "a zero point");
    cr_assert(!(n->is_signed && bits == 1), "one bit with a sign is bipolar");
    const double high = n->is_signed ? exp2(bits - 1) - 1 : exp2(bits) - 1 - (double)n->narrow;
    const double low = n->is_signed ? (double)n->narrow - exp2(bits - 1) : 0;
    double v = (double)x / scale;
    v = v > high ? high : v < low ? low : v;
    return (float)(rounded(n->rounding, v) * scale);
}

static void run_node(onnx_graph *g, const onnx_node *n)
{
    const onnx_tensor *a = &g->tensor[n->input[0]], *b = n->n_inputs > 1 ? &g->tensor[n->input[1]] : NULL;
    onnx_tensor *y = &g->tensor[n->output];
    for (int i = 0; i < n->n_inputs; i++)
        cr_assert(g->tensor[n->input[i]].value, "%s is read before it is made", g->tensor[n->input[i]].name);
    const int64_t count = count_of(y), width = count_of(a);
    float *value = calloc((size_t)count, sizeof *value);
    cr_assert(value, "out of memory");
    for (int64_t i = 0; i < count; i++) {
        if (strcmp(n->op, "Quant") == 0)
            value[i] = quant(n, g, a->value[i]);
        else if (strcmp(n->op, "Relu") == 0)
            value[i] = a->value[i] > 0 ? a->value[i] : 0;
        else if (strcmp(n->op, "LeakyRelu") == 0)
            value[i] = a->value[i] > 0 ? a->value[i] : n->alpha * a->value[i];
        else if (strcmp(n->op, "Identity") == 0)
            value[i] = a->value[i];
        else if (strcmp(n->op, "Add") == 0)
            value[i] = a->value[i] + b->value[i];
        else if (strcmp(n->op, "Mul") == 0)
            value[i] = a->value[i] * b->value[i];
        else if (strcmp(n->op, "Concat") == 0)
            value[i] = i < width ? a->value[i] : b->value[i - width];
        else
            cr_assert(strcmp(n->op, "MatMul") == 0, "operator %s", n->op);
        for (int64_t k = 0; strcmp(n->op, "MatMul") == 0 && k < b->dim[0]; k++)
            value[i] += a->value[k] * b->value[k * b->dim[1] + i];
    }
    free(y->value);
    y->value = value;
}

void onnx_run(onnx_graph *g)
{
    for (int i = 0; i < g->n_nodes; i++)
        run_node(g, &g->node[i]);
}

void onnx_free(onnx_graph *g)
{
    for (int i = 0; i < g->n_tensors; i++)
        free(g->tensor[i].value);
    g->n_tensors = 0;
}
