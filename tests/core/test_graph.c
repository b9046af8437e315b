/* Graphs: shapes that fit, and the message for each that does not. */
#include <criterion/criterion.h>

#include <string.h>

#include "tests/core/nets.h"

static nib_error err;

static const char *message_of(net *n, const char *op, const nib_value *inputs, int count)
{
    static const nib_scale_options any = {.factor = 1};
    nib_value value;
    nib_status status = nib_graph_add(n->graph, nib_op_find(op), "node", &any, inputs, count, &value, &err);
    return status == NIB_ERR_SHAPE ? err.message : "no error";
}

Test(graph, shapes_that_do_not_fit_are_named)
{
    net n;
    nib_value x, z, sets;
    net_start(&n);
    cr_assert(nib_graph_input(n.graph, "x", NIB_FEED_F32, NIB_DOMAIN_SAMPLES, 7, &x, &err) == NIB_OK,
              "input x");
    cr_assert(nib_graph_input(n.graph, "z", NIB_FEED_F32, NIB_DOMAIN_SAMPLES, 4, &z, &err) == NIB_OK,
              "input z");
    cr_assert(nib_graph_input(n.graph, "s", NIB_FEED_F32, NIB_DOMAIN_ELEMENTS, 7, &sets, &err) == NIB_OK,
              "input s");
    nib_value w = net_param(&n, "fc", "kernel", NIB_ROLE_KERNEL, 7, 5);
    nib_value b = net_param(&n, "fc", "bias", NIB_ROLE_BIAS, 0, 4);
    const struct {
        const char *op;
        int count;
        nib_value inputs[3];
        const char *message;
    } wrong[] = {
        {"matmul", 2, {z, w}, "node (matmul): the input is [rows, 4], but the kernel is [7, 5]"},
        {"matmul", 3, {x, w, b}, "node (matmul): the bias is [4], but the kernel is [7, 5]"},
        {"matmul", 2, {x, z}, "node (matmul): the kernel is [rows, 4], not a matrix of parameters"},
        {"matmul", 1, {x}, "node (matmul): 1 inputs, but it takes 2 to 3"},
        {"add", 2, {x, z}, "node (add): input 2 is [rows, 4], input 1 is [rows, 7]; they must be the same"},
        {"add",
         2,
         {x, sets},
         "node (add): input 2 is [elements, 7], input 1 is [rows, 7]; they must be the same"},
        {"concat",
         2,
         {x, w},
         "node (concat): input 2 is [7, 5], input 1 is [rows, 7]; only columns of the same rows can be "
         "joined"},
        {"dropout", 1, {w}, "node (dropout): parameters cannot be dropped, only values of rows"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; ++i) {
        const char *message = message_of(&n, wrong[i].op, wrong[i].inputs, wrong[i].count);
        cr_expect(strcmp(message, wrong[i].message) == 0, "%s", message);
    }
    nib_value bn[5] = {x, b, b, b, b};
    cr_expect(strcmp(message_of(&n, "batch_norm", bn, 5),
                     "node (batch_norm): input 2 is [4], not one number per column (7)") == 0,
              "%s", err.message);
    nib_arena_destroy(n.arena);
}

Test(graph, marks_need_one_number_per_sample)
{
    net n;
    net_create(&n, NET_PLAIN);
    nib_value w = nib_graph_node(n.graph, n.logits)->input[1];
    cr_expect(nib_graph_loss(n.graph, "a", n.logits, 1, &err) == NIB_ERR_SHAPE &&
                  strcmp(err.message, "loss a is [rows, 5], not one number per sample") == 0,
              "%s", err.message);
    cr_expect(nib_graph_watch(n.graph, "b", w, &err) == NIB_ERR_SHAPE &&
                  strcmp(err.message, "watched value b is [12, 5], not one number per sample") == 0,
              "%s", err.message);
    cr_expect(nib_graph_output(n.graph, "c", w, &err) == NIB_ERR_SHAPE &&
                  strcmp(err.message, "output c is [12, 5], not a row per sample") == 0,
              "%s", err.message);
    net_destroy(&n);
}

Test(graph, inputs_have_names_of_their_own)
{
    net n;
    nib_value x;
    net_start(&n);
    cr_assert(nib_graph_input(n.graph, "x", NIB_FEED_F32, NIB_DOMAIN_SAMPLES, 3, &x, &err) == NIB_OK,
              "first x");
    cr_expect(nib_graph_input(n.graph, "x", NIB_FEED_F32, NIB_DOMAIN_SAMPLES, 3, &x, &err) == NIB_ERR_SHAPE,
              "a second x");
    cr_expect(nib_graph_input(n.graph, "y", NIB_FEED_LABEL, NIB_DOMAIN_SAMPLES, 2, &x, &err) == NIB_ERR_SHAPE,
              "labels are one number");
    cr_expect(nib_graph_find_input(n.graph, "x") == 0 && nib_graph_find_input(n.graph, "q") == -1, "found");
    nib_arena_destroy(n.arena);
}

Test(graph, a_finished_graph_can_be_read)
{
    net n;
    net_create(&n, NET_DAG);
    const nib_graph_mark *mark;
    cr_expect(nib_graph_losses(n.graph, &mark) == 3 && strcmp(mark[1].name, "penalty") == 0,
              "losses in order");
    cr_expect(nib_graph_watches(n.graph, &mark) == 1 && strcmp(mark[0].name, "accuracy") == 0, "watches");
    cr_expect(nib_graph_find_output(n.graph, "logits") == 0 && nib_graph_find_output(n.graph, "z") == -1,
              "outputs by name");
    for (nib_value v = 0; v < nib_graph_nodes(n.graph); ++v)
        for (int i = 0; i < nib_graph_node(n.graph, v)->n_inputs; ++i)
            cr_assert(nib_graph_node(n.graph, v)->input[i] < v, "node %d comes after its inputs", v);
    cr_expect(nib_graph_params(n.graph) == n.params, "its parameters");
    net_destroy(&n);
}
