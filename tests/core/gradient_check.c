#include "tests/core/gradient_check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/exec.h"
#include "core/rng.h"
#include "core/yaml.h"

enum { FEW_ROWS = 70, MANY_ROWS = 515, MAX_FEEDS = 64, MAX_PARAMS = 64 };

/* y = sum_c x_c r_c: a projection of x onto data. The harness's own op: graphs take ops that core does not
 * list. */
static nib_status probe_infer(const void *options, const nib_shape *x, int inputs, nib_op_plan *plan,
                              nib_error *err)
{
    (void)options;
    (void)inputs;
    (void)err;
    plan->y = x[0];
    plan->y.rank = 1;
    plan->y.dim[0] = plan->y.dim[1] = plan->y.dim[2] = 1;
    return NIB_OK;
}

static void probe_forward(const nib_call *call)
{
    for (int64_t i = 0; i < call->rows; ++i) {
        const float *x = call->x[0].data + i * call->x[0].stride,
                    *r = call->x[1].data + i * call->x[1].stride;
        double sum = 0.0;
        for (int64_t c = 0; c < call->x[0].row_size; ++c)
            sum += (double)x[c] * (double)r[c];
        call->y.data[i * call->y.stride] = (float)sum;
    }
}

static void probe_backward(const nib_call *call)
{
    for (int64_t i = 0; i < call->rows; ++i) {
        const float *r = call->x[1].data + i * call->x[1].stride;
        float *dx = call->dx[0].data + i * call->dx[0].stride, dy = call->dy.data[i * call->dy.stride];
        for (int64_t c = 0; c < call->dx[0].row_size; ++c)
            dx[c] = dy * r[c] + (call->accumulate[0] ? dx[c] : 0.0f);
    }
}

static const nib_op probe = {
    .name = "probe",
    .min_inputs = 2,
    .max_inputs = 2,
    .flags = NIB_OP_READS_X,
    .no_gradient = 2u,
    .infer = probe_infer,
    .forward = probe_forward,
    .backward = probe_backward,
};

typedef struct check {
    const nib_op *op;
    const nib_op_case *what;
    nib_check_variant variant;
    int64_t rows;
    char *message;
    nib_arena *arena;
    nib_params *params;
    nib_graph *graph;
    nib_team *team;
    nib_exec *exec;
    nib_error err;
    int n_feeds, n_losses;
    nib_feed feed[MAX_FEEDS];
    nib_value input[NIB_MAX_INPUTS]; /* what the op gets */
    int param[NIB_MAX_INPUTS];       /* behind it, or -1 */
    float *weight;
    uint64_t seed;
} check;

static bool fail(check *c, const char *text)
{
    (void)snprintf(c->message, NIB_CHECK_MESSAGE_BYTES, "%s, case \"%s\", variant %d: %.300s", c->op->name,
                   c->what->name, (int)c->variant, text);
    return false;
}

static bool failed(check *c, nib_status status)
{
    if (status == NIB_OK)
        return false;
    (void)fail(c, c->err.message);
    return true;
}

static double draw(check *c, const nib_case_input *how, uint64_t element)
{
    const nib_rng rng = {.seed = c->seed, .stream = nib_rng_stream("check")};
    double u = nib_rng_uniform(&rng, element);
    switch (how->fill) {
    case NIB_FILL_POSITIVE:
        return 0.5 + u;
    case NIB_FILL_LABEL:
        return floor(u * how->limit);
    case NIB_FILL_BINARY:
        return u < 0.5 ? 0.0 : 1.0;
    case NIB_FILL_NORMAL:
        break;
    }
    double x = nib_rng_normal(&rng, element);
    return x < 0 ? x - 0.05 : x + 0.05;
}

/* A graph input with [rows, width] numbers. */
static bool add_feed(check *c, int64_t width, const nib_case_input *how, nib_value *value)
{
    char name[32];
    (void)snprintf(name, sizeof name, "data%d", c->n_feeds);
    float *data = NIB_NEW(c->arena, float, c->rows *width);
    c->seed++;
    for (int64_t i = 0; i < c->rows * width; ++i)
        data[i] = how ? (float)draw(c, how, (uint64_t)i) : (float)(i / width == i % width);
    c->feed[c->n_feeds++] = (nib_feed){.data = data};
    return !failed(c,
                   nib_graph_input(c->graph, name, NIB_FEED_F32, NIB_DOMAIN_SAMPLES, width, value, &c->err));
}

static bool add_param(check *c, int64_t rows, int64_t cols, nib_value *value, int *index)
{
    char name[32];
    (void)snprintf(name, sizeof name, "input%d", c->params->count);
    *index = nib_params_add(c->arena, c->params, name, "value", NIB_ROLE_KERNEL, rows ? 2 : 1,
                            rows ? rows : 1, cols, true);
    return !failed(c, nib_graph_param(c->graph, *index, value, &c->err));
}

static bool add_op(check *c, const nib_op *op, const char *name, const void *options, nib_value a,
                   nib_value b, nib_value third, nib_value *value)
{
    nib_value inputs[3] = {a, b, third};
    int n = third >= 0 ? 3 : 2;
    return !failed(c, nib_graph_add(c->graph, op, name, options, inputs, n, value, &c->err));
}

/* A loss that depends on every element of `value`. A step-rate array is made tile-rate by a product with
 * data. */
static bool consume(check *c, nib_value value)
{
    const nib_case_input any = {.fill = NIB_FILL_NORMAL};
    const nib_shape shape = nib_graph_node(c->graph, value)->shape;
    char name[32];
    (void)snprintf(name, sizeof name, "loss%d", c->n_losses++);
    if (shape.rate == NIB_RATE_STEP && shape.rank == 1 && shape.dim[0] == 1)
        return !failed(c, nib_graph_loss(c->graph, name, value, 1.7, &c->err));
    nib_value x, r, zero = -1, y = value;
    const nib_op *matmul = nib_op_find("matmul");
    if (shape.rate == NIB_RATE_STEP && shape.rank == 2) {
        if (!add_feed(c, shape.dim[0], &any, &x) || !add_op(c, matmul, "lift", NULL, x, value, -1, &y))
            return false;
    } else if (shape.rate == NIB_RATE_STEP) {
        int index;
        if (!add_feed(c, 1, &any, &x) || !add_param(c, 1, shape.dim[0], &zero, &index) ||
            !add_op(c, matmul, "lift", NULL, x, zero, value, &y))
            return false;
    }
    return add_feed(c, nib_shape_row(&nib_graph_node(c->graph, y)->shape), &any, &r) &&
           add_op(c, &probe, "probe", NULL, y, r, -1, &y) &&
           !failed(c, nib_graph_loss(c->graph, name, y, 0.3 + c->n_losses, &c->err));
}

static bool has_gradient(const check *c, int i)
{
    nib_fill fill = c->what->input[i].fill;
    return (fill == NIB_FILL_NORMAL || fill == NIB_FILL_POSITIVE) && !(c->op->no_gradient >> i & 1u);
}

static bool add_input(check *c, int i)
{
    const nib_case_input *in = &c->what->input[i];
    c->param[i] = -1;
    if (in->rate == NIB_RATE_STEP)
        return add_param(c, in->rows, in->cols, &c->input[i], &c->param[i]);
    if (!has_gradient(c, i))
        return add_feed(c, in->cols, in, &c->input[i]);
    nib_value one_hot, table;
    return add_feed(c, c->rows, NULL, &one_hot) && add_param(c, c->rows, in->cols, &table, &c->param[i]) &&
           add_op(c, nib_op_find("matmul"), "input", NULL, one_hot, table, -1, &c->input[i]);
}

static bool consume_inputs(check *c)
{
    for (int i = 0; i < c->what->inputs; ++i)
        if (has_gradient(c, i) && !consume(c, c->input[i]))
            return false;
    return true;
}

static bool read_options(check *c, void **options)
{
    const char *text = c->what->options ? c->what->options : "";
    nib_doc *doc;
    *options = nib_arena_alloc(c->arena, 1, c->op->options.bytes + 1);
    return !failed(c, nib_yaml_parse(c->arena, c->op->name, text, strlen(text), &doc, &c->err)) &&
           !failed(c, nib_options_read(c->arena, &c->op->options, doc, c->op->name, *options, &c->err));
}

static bool build(check *c)
{
    void *options;
    if (!read_options(c, &options))
        return false;
    for (int i = 0; i < c->what->inputs; ++i)
        if (!add_input(c, i))
            return false;
    if (c->variant == NIB_CHECK_USED_FIRST && !consume_inputs(c))
        return false;
    nib_value y;
    if (failed(c,
               nib_graph_add(c->graph, c->op, "checked", options, c->input, c->what->inputs, &y, &c->err)) ||
        !consume(c, y))
        return false;
    return c->variant != NIB_CHECK_USED_LATER || consume_inputs(c);
}

static bool fill(check *c)
{
    if (failed(c, nib_params_allocate(c->arena, c->params, &c->err)))
        return false;
    for (int i = 0; i < c->what->inputs; ++i) {
        if (c->param[i] < 0)
            continue;
        const nib_param *row = &c->params->row[c->param[i]];
        nib_tensor view = nib_params_view(c->params, c->param[i], c->params->value);
        c->seed++;
        for (int64_t r = 0; r < row->rows; ++r)
            for (int64_t k = 0; k < row->cols; ++k)
                view.data[r * view.stride + k] =
                    (float)draw(c, &c->what->input[i], (uint64_t)(r * row->cols + k));
    }
    c->weight = NIB_NEW(c->arena, float, c->rows);
    const nib_case_input positive = {.fill = NIB_FILL_POSITIVE};
    for (int64_t r = 0; r < c->rows; ++r)
        c->weight[r] = (float)draw(c, &positive, (uint64_t)r);
    if (failed(c, nib_team_create(&c->team, 1, &c->err)))
        return false;
    return !failed(c, nib_exec_create(&c->exec, c->graph, NIB_MODE_TRAIN, c->rows, 0, c->team, &c->err));
}

static double loss_of(check *c)
{
    const nib_batch batch = {.rows = c->rows, .feeds = c->feed, .weight = c->weight, .seed = 5, .step = 3};
    nib_sums sums;
    nib_exec_train(c->exec, &batch, &sums);
    return sums.loss;
}

static double slope(check *c, float *at, float h)
{
    const float middle = *at;
    *at = middle + h;
    const double above = loss_of(c), x1 = (double)*at;
    *at = middle - h;
    const double below = loss_of(c), x0 = (double)*at;
    *at = middle;
    return (above - below) / (x1 - x0);
}

/* Some elements of one input, spread over all of it. A kink near an element spoils a long step, rounding a
 * short one, so one of two steps has to agree. */
static bool compare(check *c, int i, const float *gradient)
{
    const nib_param *row = &c->params->row[c->param[i]];
    const int64_t n = row->rows * row->cols, probes = c->variant == NIB_CHECK_MANY_TILES ? 7 : 40;
    const double tolerance = c->what->tolerance > 0 ? c->what->tolerance : 1e-3;
    double largest = 0.0;
    for (int64_t k = 0; k < row->rows * row->stride; ++k)
        largest = fmax(largest, fabs((double)gradient[row->offset + k]));
    for (int64_t k = 0; k<n; k += n> probes ? n / probes : 1) {
        const int64_t at = row->offset + k / row->cols * row->stride + k % row->cols;
        const double mine = (double)gradient[at];
        double numeric = 0.0, scale = 0.0;
        bool good = false;
        for (float h = 1e-2f; h > 1e-3f && !good; h /= 5.0f) {
            numeric = slope(c, &c->params->value[at], h);
            scale = fmax(largest, fabs(numeric));
            good = fabs(mine - numeric) <= tolerance * scale + 1e-9;
        }
        if (good)
            continue;
        char text[160];
        (void)snprintf(text, sizeof text,
                       "input %d [%d, %d]: gradient %.9g, numerically %.9g, largest of all %.3g", i,
                       (int)(k / row->cols), (int)(k % row->cols), mine, numeric, largest);
        return fail(c, text);
    }
    return true;
}

/* Nothing may be written into the padding of gradients. */
static bool padding_is_zero(check *c, const float *gradient)
{
    for (int p = 0; p < c->params->count; ++p) {
        const nib_param *row = &c->params->row[p];
        for (int64_t r = 0; r < row->rows; ++r)
            for (int64_t k = row->cols; k < row->stride; ++k)
                if (gradient[row->offset + r * row->stride + k] != 0.0f)
                    return fail(c, "the gradient's padding is not zero");
    }
    return true;
}

static bool run(check *c)
{
    if (!build(c) || !fill(c))
        return false;
    const double loss = loss_of(c);
    if (!isfinite(loss))
        return fail(c, "the loss is not finite");
    float *gradient = NIB_NEW(c->arena, float, c->params->size);
    memcpy(gradient, c->params->gradient, (size_t)c->params->size * sizeof *gradient);
    if (!padding_is_zero(c, gradient))
        return false;
    for (int i = 0; i < c->what->inputs; ++i)
        if (c->op->backward && has_gradient(c, i) && !compare(c, i, gradient))
            return false;
    return true;
}

bool nib_check_gradient(const nib_op *op, const nib_op_case *what, nib_check_variant variant, char *message)
{
    check c = {.op = op, .what = what, .variant = variant, .message = message};
    c.rows = variant == NIB_CHECK_MANY_TILES ? MANY_ROWS : FEW_ROWS;
    c.arena = nib_arena_create();
    c.params = nib_params_create(c.arena);
    c.graph = nib_graph_create(c.arena, c.params);
    bool good = run(&c);
    nib_exec_destroy(c.exec);
    nib_team_destroy(c.team);
    nib_arena_destroy(c.arena);
    return good;
}
