/** The file form of fixnets: what is written comes back, and what is wrong is named. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "quant/fixnet_file.h"
#include "random_net.h"

static bool same_types(const nib_fix_types *a, const nib_fix_types *b)
{
    if (a->count != b->count || a->rounding != b->rounding || a->overflow != b->overflow)
        return false;
    for (int64_t i = 0; i < a->count; ++i)
        if (a->bits[i] != b->bits[i] || a->integer[i] != b->integer[i] || a->is_signed[i] != b->is_signed[i])
            return false;
    return true;
}

static bool same_type(const nib_fixed *a, const nib_fixed *b)
{
    return a->bits == b->bits && a->integer == b->integer && a->is_signed == b->is_signed &&
           a->rounding == b->rounding && a->overflow == b->overflow;
}

static bool same_codes(const int64_t *a, const int64_t *b, int64_t n)
{
    return n == 0 || memcmp(a, b, (size_t)n * sizeof *a) == 0;
}

static bool same_array(const nib_fix_array *a, const nib_fix_array *b)
{
    return a->rows == b->rows && (a->rows == 0 || (a->cols == b->cols && same_types(&a->type, &b->type))) &&
           same_codes(a->code, b->code, a->rows * a->cols);
}

static bool same_softmax(const nib_fix_softmax *a, const nib_fix_softmax *b)
{
    if (a->kind != b->kind || a->kind == NIB_FIX_SOFTMAX_ARGMAX)
        return a->kind == b->kind;
    const bool norm = a->kind != NIB_FIX_SOFTMAX_STABLE || same_type(&a->inp_norm, &b->inp_norm);
    return norm && same_type(&a->exp_table, &b->exp_table) && same_type(&a->inv_inp, &b->inv_inp) &&
           same_type(&a->inv_table, &b->inv_table) && same_type(&a->accum, &b->accum) &&
           a->exp_size == b->exp_size && a->inv_size == b->inv_size;
}

static bool same_record(const nib_fix_node *a, const nib_fix_node *b)
{
    switch (a->kind) {
    case NIB_FIX_DENSE:
        return same_array(&a->as.dense.kernel, &b->as.dense.kernel) &&
               same_array(&a->as.dense.bias, &b->as.dense.bias) &&
               same_type(&a->as.dense.accum, &b->as.dense.accum) &&
               a->as.dense.proven == b->as.dense.proven && a->as.dense.reuse == b->as.dense.reuse &&
               a->as.dense.order == b->as.dense.order;
    case NIB_FIX_LEAKY_RELU:
        return a->as.leaky_shift == b->as.leaky_shift;
    case NIB_FIX_TABLE:
        return strcmp(a->as.table.function, b->as.table.function) == 0 &&
               a->as.table.size == b->as.table.size &&
               same_codes(a->as.table.code, b->as.table.code, a->as.table.size);
    case NIB_FIX_SOFTMAX:
        return same_softmax(&a->as.softmax, &b->as.softmax);
    case NIB_FIX_POOL:
        return a->as.pool.kind == b->as.pool.kind && same_type(&a->as.pool.accum, &b->as.pool.accum) &&
               a->as.pool.proven == b->as.pool.proven;
    case NIB_FIX_SCALE:
        return same_array(&a->as.scale.scale, &b->as.scale.scale) &&
               same_array(&a->as.scale.shift, &b->as.scale.shift);
    default:
        return true;
    }
}

static bool same_node(const nib_fix_node *a, const nib_fix_node *b)
{
    const bool head = a->kind == b->kind && strcmp(a->name, b->name) == 0 &&
                      strcmp(a->layer, b->layer) == 0 && a->n_inputs == b->n_inputs &&
                      a->positions == b->positions && a->features == b->features;
    if (!head || !same_types(&a->type, &b->type))
        return false;
    for (int i = 0; i < a->n_inputs; ++i)
        if (a->input[i] != b->input[i])
            return false;
    return same_record(a, b);
}

static void *image_of(const nib_fixnet *net, size_t *bytes)
{
    nib_h5 *file;
    nib_error err = {0};
    void *image = NULL;
    cr_assert_eq(nib_h5_create(&file, &err), NIB_OK, "%s", err.message);
    cr_assert_eq(nib_fixnet_write(file, net, &err), NIB_OK, "%s", err.message);
    cr_assert_eq(nib_h5_finish(file, &image, bytes, &err), NIB_OK, "%s", err.message);
    return image;
}

Test(fixnet_file, round_trip)
{
    int nodes = 0;
    for (uint64_t seed = 1; seed <= 150; ++seed) {
        random_source source = {seed * 7919};
        nib_arena *arena = nib_arena_create();
        const nib_fixnet *net = random_net(&source, arena), *back = NULL;
        size_t bytes, again;
        void *image = image_of(net, &bytes);
        nib_h5 *file;
        nib_error err = {0};
        cr_assert_eq(nib_h5_open_image(&file, "net.h5", image, bytes, &err), NIB_OK, "%s", err.message);
        cr_assert(nib_fixnet_stored(file), "there is a fixnet in the file");
        cr_assert_eq(nib_fixnet_read(file, arena, &back, &err), NIB_OK, "seed %d: %s", (int)seed,
                     err.message);
        nib_h5_close(file);
        cr_assert(back->n_nodes == net->n_nodes && back->n_inputs == net->n_inputs &&
                      back->n_outputs == net->n_outputs,
                  "seed %d: counts", (int)seed);
        for (int i = 0; i < net->n_nodes; ++i, ++nodes)
            cr_assert(same_node(&net->node[i], &back->node[i]), "seed %d: %s", (int)seed, net->node[i].name);
        for (int i = 0; i < net->n_outputs; ++i)
            cr_assert(back->output[i].node == net->output[i].node &&
                          strcmp(back->output[i].target, net->output[i].target) == 0,
                      "seed %d: output %d", (int)seed, i);
        void *same = image_of(back, &again);
        cr_assert(again == bytes && memcmp(same, image, bytes) == 0, "seed %d: written again, the same bytes",
                  (int)seed);
        free(same);
        free(image);
        nib_arena_destroy(arena);
    }
    cr_log_info("%d nodes written and read", nodes);
}

/* x -> relu, with one number changed on the way to the file. */
typedef struct small {
    nib_fix_node node[2];
    nib_fix_output output;
    nib_fixnet net;
} small;

static void small_net(small *s, nib_arena *arena)
{
    const nib_fixed type = {.bits = 8, .integer = 3, .is_signed = true};
    *s = (small){.output = {"y", 1}};
    s->node[0] =
        (nib_fix_node){.kind = NIB_FIX_INPUT, .name = "x", .layer = "x", .positions = 1, .features = 3};
    s->node[0].type = nib_fix_types_of(arena, &type);
    s->node[1] = (nib_fix_node){.kind = NIB_FIX_RELU,
                                .name = "relu1",
                                .layer = "relu1",
                                .n_inputs = 1,
                                .positions = 1,
                                .features = 3,
                                .type = s->node[0].type};
    s->net = (nib_fixnet){2, s->node, 1, 1, &s->output};
}

static void expect_refusal(nib_h5 *file, const char *word)
{
    void *image;
    size_t bytes;
    nib_error err = {0};
    nib_arena *arena = nib_arena_create();
    const nib_fixnet *back;
    cr_assert_eq(nib_h5_finish(file, &image, &bytes, &err), NIB_OK, "%s", err.message);
    cr_assert_eq(nib_h5_open_image(&file, "net.h5", image, bytes, &err), NIB_OK, "%s", err.message);
    cr_assert_neq(nib_fixnet_read(file, arena, &back, &err), NIB_OK, "\"%s\" is expected", word);
    cr_assert(strstr(err.message, word) && strstr(err.message, "net.h5"), "\"%s\" is expected: %s", word,
              err.message);
    nib_h5_close(file);
    free(image);
    nib_arena_destroy(arena);
}

static nib_h5 *small_file(nib_arena *arena)
{
    small s;
    small_net(&s, arena);
    nib_h5 *file;
    nib_error err = {0};
    cr_assert_eq(nib_h5_create(&file, &err), NIB_OK, "%s", err.message);
    cr_assert_eq(nib_fixnet_write(file, &s.net, &err), NIB_OK, "%s", err.message);
    return file;
}

Test(fixnet_file, what_is_wrong_is_named)
{
    nib_arena *arena = nib_arena_create();
    nib_h5 *file = small_file(arena);
    cr_assert_eq(nib_h5_set_attribute_i64(file, "/nibble/fixnet", "version", 2, NULL), NIB_OK, "version");
    expect_refusal(file, "version 2");
    cr_assert_eq(nib_h5_create(&file, NULL), NIB_OK, "an empty file");
    expect_refusal(file, "fixnet");

    /* Names, kinds and types of a net that are no names, kinds and types. */
    small s;
    small_net(&s, arena);
    static const int8_t many_bits[1] = {64}, few_bits[1] = {0};
    const struct {
        const int8_t *bits;
        const char *name, *word;
        int64_t features;
    } cases[] = {{many_bits, "relu1", "row 0: a width of 0 to 63", 3},
                 {few_bits, "relu1", "", 3}, /* removed: in order */
                 {NULL, "x", "x", 3},
                 {NULL, "a b", "no blank", 3},
                 {NULL, "relu1", "1 x 2 positions", 2},
                 {NULL, "relu1", "0 is not within 1 to", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
        small_net(&s, arena);
        s.node[1].name = cases[i].name;
        s.node[1].features = cases[i].features;
        if (cases[i].bits)
            s.node[1].type.bits = cases[i].bits;
        nib_error err = {0};
        cr_assert_eq(nib_h5_create(&file, &err), NIB_OK, "%s", err.message);
        if (nib_fixnet_write(file, &s.net, &err) != NIB_OK || !cases[i].word[0]) {
            cr_assert(i == 1 || i == 2, "case %zu cannot be written: %s", i, err.message);
            nib_h5_close(file);
            continue;
        }
        expect_refusal(file, cases[i].word);
    }
    nib_arena_destroy(arena);
}
