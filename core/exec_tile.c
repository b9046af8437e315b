#include "core/exec_tile.h"

#include <assert.h>
#include <string.h>

float *nib_worker_address(const nib_exec *exec, const nib_worker *worker, nib_place place)
{
    const nib_plan *plan = exec->plan;
    switch (place.space) {
    case NIB_SPACE_TILE:
        return worker->arena + place.offset;
    case NIB_SPACE_THREAD:
        return worker->prepared + place.offset;
    case NIB_SPACE_BATCH:
        return exec->batch_arena + place.offset +
               worker->number * nib_plan_capacity(plan, place.domain) * place.stride;
    case NIB_SPACE_STEP:
        return exec->step_arena + place.offset;
    case NIB_SPACE_PARAM:
        return worker->params->value + place.offset;
    case NIB_SPACE_GRADIENT:
        return worker->gradient ? worker->gradient + place.offset : nib_exec_total_gradient(exec, place);
    case NIB_SPACE_NONE:
        break;
    }
    return NULL;
}

static nib_value source_of(const nib_exec *exec, const nib_node *node, int i)
{
    return exec->plan->node[node->input[i]].source;
}

static void bind_values(const nib_exec *exec, nib_worker *worker, nib_value v)
{
    const nib_node *node = nib_graph_node(exec->graph, v);
    const nib_plan_node *p = &exec->plan->node[v];
    nib_call *call = &worker->call[v];
    for (int i = 0; i < node->n_inputs; ++i) {
        const nib_value x = i == 0 ? p->operand : source_of(exec, node, i);
        call->x[i].data = nib_worker_address(exec, worker, exec->plan->node[x].value_at);
    }
    if (p->keeps_raw)
        call->fused_y.raw.data = nib_worker_address(exec, worker, p->value_at);
    if (p->keeps_pass)
        call->fused_y.pass = (unsigned char *)nib_worker_address(exec, worker, p->value_at);
    if (p->fused_x.grid) {
        const nib_plan_node *gate = &exec->plan->node[p->gate];
        float *at = nib_worker_address(exec, worker, gate->value_at);
        if (gate->keeps_pass)
            call->fused_x.pass = (unsigned char *)at;
        else
            call->fused_x.raw.data = at;
    }
    call->y.data = nib_worker_address(exec, worker, exec->plan->node[p->result].value_at);
    call->saved = nib_worker_address(exec, worker, p->saved_at);
    call->prepared = nib_worker_address(exec, worker, p->prepared_at);
}

/* Only what has changed: the call is read by whole vectors, which would have to wait for what was just
 * written. */
static void set_address(float **to, float *address)
{
    if (*to != address)
        *to = address;
}

static void bind_gradients(const nib_exec *exec, nib_worker *worker, nib_value v)
{
    const nib_node *node = nib_graph_node(exec->graph, v);
    const nib_plan_node *p = &exec->plan->node[v];
    nib_call *call = &worker->call[v];
    set_address(&call->dy.data, nib_worker_address(exec, worker, p->gradient_at));
    for (int i = 0; i < node->n_inputs; ++i) {
        if (!p->wants[i])
            continue;
        nib_place place = exec->plan->node[i == 0 ? p->receiver : node->input[i]].gradient_at;
        set_address(&call->dx[i].data, nib_worker_address(exec, worker, place));
        call->accumulate[i] = p->accumulate[i] || (place.space == NIB_SPACE_GRADIENT && !worker->overwrites);
    }
}

void nib_worker_bind(const nib_exec *exec, nib_worker *worker)
{
    for (nib_value v = 0; v < exec->plan->nodes; ++v)
        if (exec->plan->node[v].used && nib_graph_node(exec->graph, v)->kind == NIB_NODE_OP) {
            worker->call[v].tile = &worker->tile;
            bind_values(exec, worker, v);
        }
}

static int64_t data_row(const nib_batch *batch, int64_t row)
{
    return batch->index ? batch->index[row] : batch->first + row;
}

static const int64_t *set_offsets(const nib_exec *exec)
{
    for (nib_value v = 0; v < exec->plan->nodes; ++v) {
        const nib_node *node = nib_graph_node(exec->graph, v);
        if (node->kind == NIB_NODE_INPUT && node->shape.domain == NIB_DOMAIN_ELEMENTS)
            return exec->batch.feeds[exec->input_feed[v]].offsets;
    }
    return NULL;
}

void nib_worker_start_tile(const nib_exec *exec, nib_worker *worker, int64_t number)
{
    const nib_batch *batch = &exec->batch;
    const int64_t capacity = exec->plan->tile_rows, first = number * capacity;
    nib_tile *tile = &worker->tile;
    *tile = exec->whole;
    tile->first = first;
    tile->samples = batch->rows - first < capacity ? batch->rows - first : capacity;
    tile->weight = worker->weight;
    const bool ones = !batch->weight && tile->samples == capacity;
    for (int64_t r = 0; !(ones && worker->ones) && r < capacity; ++r)
        worker->weight[r] = r >= tile->samples ? 0.0f
                            : batch->weight    ? batch->weight[data_row(batch, first + r)]
                                               : 1.0f;
    worker->ones = ones;
    worker->number = number;
    worker->lane = (int)(number % NIB_LANES);
    worker->first = number < NIB_LANES;
    worker->gradient = NULL;
    if (exec->use == NIB_LANES_APART)
        worker->gradient = exec->lane_gradient + worker->lane * exec->plan->lane_floats;
    if (worker->lane > 0 && exec->use == NIB_LANES_ADDED)
        worker->gradient = exec->lane_gradient;
    worker->overwrites = exec->use == NIB_LANES_NONE ? number == 0 : worker->first;
    if (exec->plan->tile_elements == 0)
        return;
    const int64_t *offsets = set_offsets(exec);
    worker->offsets[0] = 0;
    for (int64_t r = 0; r < tile->samples; ++r) {
        int64_t row = data_row(batch, first + r);
        worker->offsets[r + 1] = worker->offsets[r] + offsets[row + 1] - offsets[row];
    }
    tile->offsets = worker->offsets;
    tile->first_element = exec->first_element[number];
    tile->elements = worker->offsets[tile->samples];
}

static int64_t rows_of(const nib_worker *worker, nib_domain domain)
{
    return domain == NIB_DOMAIN_ELEMENTS ? worker->tile.elements : worker->tile.samples;
}

static void copy_rows(float *to, int64_t to_stride, const float *from, int64_t from_stride, int64_t width,
                      int64_t rows)
{
    for (int64_t r = 0; r < rows; ++r)
        memcpy(to + r * to_stride, from + r * from_stride, (size_t)width * sizeof *to);
}

static void gather_floats(const nib_exec *exec, const nib_worker *worker, float *to, int64_t stride,
                          const float *data, int64_t width)
{
    const nib_batch *batch = &exec->batch;
    const nib_tile *tile = &worker->tile;
    if (batch->index)
        exec->kernels->gather(to, stride, data, width, batch->index + tile->first, tile->samples);
    else
        copy_rows(to, stride, data + (batch->first + tile->first) * width, width, width, tile->samples);
}

static void gather_labels(const nib_exec *exec, const nib_worker *worker, float *to, int64_t stride,
                          const nib_feed *feed)
{
    const nib_batch *batch = &exec->batch;
    const nib_tile *tile = &worker->tile;
    const int32_t *index = batch->index ? batch->index + tile->first : NULL, *label = feed->data;
    for (int64_t r = 0; index && feed->bytes && r < tile->samples; ++r)
        to[r * stride] = (float)feed->bytes[index[r]];
    for (int64_t r = 0; !(index && feed->bytes) && r < tile->samples; ++r)
        to[r * stride] = (float)label[index ? index[r] : batch->first + tile->first + r];
}

static void gather_sets(const nib_exec *exec, const nib_worker *worker, float *to, int64_t stride,
                        const nib_feed *feed, int64_t width)
{
    const nib_tile *tile = &worker->tile;
    for (int64_t r = 0; r < tile->samples; ++r) {
        int64_t row = data_row(&exec->batch, tile->first + r);
        copy_rows(to + tile->offsets[r] * stride, stride,
                  (const float *)feed->data + feed->offsets[row] * width, width, width,
                  feed->offsets[row + 1] - feed->offsets[row]);
    }
}

static void gather(const nib_exec *exec, const nib_worker *worker, nib_value v)
{
    const nib_node *node = nib_graph_node(exec->graph, v);
    const nib_feed *feed = &exec->batch.feeds[exec->input_feed[v]];
    const nib_place place = exec->plan->node[v].value_at;
    float *to = nib_worker_address(exec, worker, place);
    if (node->feed == NIB_FEED_LABEL) {
        gather_labels(exec, worker, to, place.stride, feed);
    } else if (place.domain == NIB_DOMAIN_ELEMENTS) {
        gather_sets(exec, worker, to, place.stride, feed, node->shape.dim[0]);
    } else {
        gather_floats(exec, worker, to, place.stride, feed->data, node->shape.dim[0]);
    }
}

void nib_worker_fetch_next(const nib_exec *exec, const nib_worker *worker, int64_t first, int64_t end)
{
    enum { LINE_BYTES = 64 };
    const nib_batch *batch = &exec->batch;
    const int64_t tile = worker->number * exec->plan->tile_rows;
    if (end > batch->next_rows - tile)
        end = batch->next_rows - tile;
    const int32_t *next = batch->next + tile;
    for (int i = 0; i < exec->n_fetches; ++i) {
        const nib_fetch fetch = exec->fetch[i];
        const nib_feed *feed = &batch->feeds[fetch.feed];
        const char *data = feed->bytes ? (const char *)feed->bytes : feed->data;
        const int64_t row_bytes = feed->bytes ? 1 : fetch.row_bytes;
        for (int64_t b = 0; b < fetch.bytes; b += LINE_BYTES)
            for (int64_t r = first; r < end; ++r)
                __builtin_prefetch(data + next[r] * row_bytes + b, 0, 2);
    }
}

static double *lane_sums(const nib_exec *exec, const nib_worker *worker)
{
    return exec->lane_sum + worker->lane * exec->lane_stride;
}

/* Add a column over the rows of the tile, weighted or not, to a sum of the lane. */
static void add_column(const nib_exec *exec, const nib_worker *worker, nib_value v, const float *weight,
                       double *sum)
{
    const nib_place place = exec->plan->node[exec->plan->node[v].source].value_at;
    const float *y = nib_worker_address(exec, worker, place);
    const int64_t n = worker->tile.samples, stride = place.stride;
    double total[4] = {worker->first ? 0.0 : *sum, 0.0, 0.0, 0.0}; /* so that additions need not wait */
    int64_t r = 0;
    for (; r + 4 <= n; r += 4)
        for (int i = 0; i < 4; ++i)
            total[i] += (weight ? (double)weight[r + i] : 1.0) * (double)y[(r + i) * stride];
    for (; r < n; ++r)
        total[0] += (weight ? (double)weight[r] : 1.0) * (double)y[r * stride];
    *sum = (total[0] + total[1]) + (total[2] + total[3]);
}

static void copy_output(const nib_exec *exec, const nib_worker *worker, int output, nib_value v)
{
    if (!exec->outputs || !exec->outputs[output])
        return;
    const nib_place place = exec->plan->node[v].value_at;
    int64_t width = nib_shape_row(&nib_graph_node(exec->graph, v)->shape);
    copy_rows(exec->outputs[output] + worker->tile.first * width, width,
              nib_worker_address(exec, worker, place), place.stride, width, worker->tile.samples);
}

/* loss = factor * sum_i w_i y_i / rows, so dy_i = factor w_i / rows. */
static void seed(const nib_exec *exec, const nib_worker *worker, const nib_action *action)
{
    const nib_place place = exec->plan->node[action->value].gradient_at;
    const float factor = (float)(exec->loss[action->item].factor / (double)worker->tile.batch_samples);
    float *dy = nib_worker_address(exec, worker, place);
    for (int64_t r = 0; r < exec->plan->tile_rows; ++r) {
        float value = factor * worker->weight[r];
        dy[r * place.stride] = action->accumulate ? dy[r * place.stride] + value : value;
    }
}

static nib_call *prepare(const nib_exec *exec, nib_worker *worker, nib_value v)
{
    nib_call *call = &worker->call[v];
    call->rows = rows_of(worker, call->domain);
    if (exec->moves_values[v])
        bind_values(exec, worker, v);
    return call;
}

static double *partial_sums(const nib_exec *exec, const nib_worker *worker, nib_value v)
{
    double *sums = lane_sums(exec, worker) + exec->plan->node[v].sums;
    if (worker->first)
        memset(sums, 0, (size_t)nib_graph_node(exec->graph, v)->plan.reduce_doubles * sizeof *sums);
    return sums;
}

void nib_worker_act(const nib_exec *exec, nib_worker *worker, const nib_action *action)
{
    const nib_value v = action->value;
    const nib_op *op = action->op;
    if (exec->skips && exec->skip[v]) {
        if (action->kind == NIB_ACTION_LOSS)
            lane_sums(exec, worker)[action->item] = 0.0;
        if (action->kind == NIB_ACTION_WATCH)
            lane_sums(exec, worker)[exec->n_losses + action->item] = 0.0;
        return;
    }
    switch (action->kind) {
    case NIB_ACTION_GATHER:
        gather(exec, worker, v);
        break;
    case NIB_ACTION_FORWARD:
        op->forward(prepare(exec, worker, v));
        break;
    case NIB_ACTION_LOSS:
        add_column(exec, worker, v, worker->weight, lane_sums(exec, worker) + action->item);
        break;
    case NIB_ACTION_WATCH:
        add_column(exec, worker, v, NULL, lane_sums(exec, worker) + exec->n_losses + action->item);
        break;
    case NIB_ACTION_OUTPUT:
        copy_output(exec, worker, action->item, v);
        break;
    case NIB_ACTION_REDUCE:
        op->reduce(prepare(exec, worker, v), partial_sums(exec, worker, v));
        break;
    case NIB_ACTION_SEED:
        seed(exec, worker, action);
        break;
    case NIB_ACTION_BACKWARD: {
        const nib_call *call = prepare(exec, worker, v);
        bind_gradients(exec, worker, v);
        op->backward(call);
        break;
    }
    case NIB_ACTION_REDUCE_BACKWARD: {
        nib_call *call = prepare(exec, worker, v);
        call->dy.data = nib_worker_address(exec, worker, exec->plan->node[v].gradient_at);
        op->reduce_backward(call, partial_sums(exec, worker, v));
        break;
    }
    }
}
