/* A training step in which every thread has one lane at most and updates parameters of its own. What goes
 * from core to core are the lanes' gradients, once; nobody waits for the others' updates. All threads add the
 * same numbers in the same order, so that the copies of parameters and slots stay the same bit by bit: those
 * of the calling thread are everybody's (params->value, nib_exec_update.slot). */
#include "core/exec_tile.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

nib_status nib_exec_make_copies(nib_exec *exec, nib_error *err)
{
    enum { MOST_FLOATS = 8192 }; /* more take longer to update than to send from core to core */
    const nib_plan *plan = exec->plan;
    const int64_t size = exec->params->size;
    if (plan->mode != NIB_MODE_TRAIN || exec->threads == 1 || size > MOST_FLOATS)
        return NIB_OK;
    /* All that a step leaves behind is in the flat vectors. */
    if (plan->n_phases > 1 || plan->lane_floats != size || plan->gradient_floats != size ||
        exec->n_step_work > 0 || exec->n_param_steps > 0 || exec->n_unwritten > 0)
        return NIB_OK;
    bool ok = true;
    for (int w = 1; w < exec->threads && w < NIB_LANES; ++w) {
        nib_worker *worker = &exec->worker[w];
        worker->copy = *exec->params;
        worker->copy.value = NIB_NEW(exec->arena, float, size);
        worker->copy.gradient = NIB_NEW(exec->arena, float, size);
        ok = ok && worker->copy.value && worker->copy.gradient;
        for (int i = 0; i < NIB_EXEC_SLOTS; ++i) {
            worker->slot[i] = NIB_NEW(exec->arena, float, size);
            ok = ok && worker->slot[i];
        }
    }
    exec->copies = true;
    exec->steps = 1; /* no copy is of the step before the first */
    return ok ? NIB_OK : nib_fail_memory(err, "executor");
}

bool nib_exec_goes_together(const nib_exec *exec)
{
    const nib_exec_update *update = &exec->update;
    return exec->copies && exec->parts > 1 && exec->lanes <= exec->parts && update->range && !update->begin &&
           !update->whole && update->alone && !exec->params->mask;
}

/* What the calling thread has just written, all at once: one after the other, lines from another core take
 * long. */
static void ask_for(const void *memory, size_t bytes)
{
    for (size_t at = 0; at < bytes; at += NIB_ALIGN)
        __builtin_prefetch((const char *)memory + at);
}

static void copy_parameters(const nib_exec *exec, nib_worker *worker)
{
    const size_t bytes = (size_t)exec->params->size * sizeof(float);
    memcpy(worker->copy.value, exec->params->value, bytes);
    for (int i = 0; i < exec->update.n_slots; ++i)
        if (exec->update.slot[i])
            memcpy(worker->slot[i], exec->update.slot[i], bytes);
}

/* The loss is finite if it is on all lanes: sums of floats do not leave double's range. */
static bool lanes_are_finite(const nib_exec *exec, int part, int parts)
{
    for (int lane = part; lane < exec->lanes; lane += parts)
        for (int i = 0; i < exec->n_losses; ++i)
            if (!isfinite(exec->loss[i].factor * exec->lane_sum[lane * exec->lane_stride + i]))
                return false;
    return true;
}

static void update_own(const nib_exec *exec, const nib_worker *worker, float *const *slot)
{
    const nib_exec_update *update = &exec->update;
    const int64_t lane_floats = exec->plan->lane_floats;
    nib_params params = *worker->params;
    nib_exec_flat flat = {.params = &params, .slot = slot};
    if (exec->lanes == 2 && update->adds) {
        params.gradient = exec->lane_gradient;
        flat.second = exec->lane_gradient + lane_floats;
    } else {
        exec->kernels->sum_vectors(params.gradient, false, exec->lane_gradient, lane_floats, exec->lanes,
                                   params.size);
    }
    update->range(update->context, &flat, 0, params.size);
}

void nib_exec_run_together(void *context, int part, int parts)
{
    const nib_exec *exec = context;
    nib_worker *worker = &exec->worker[part];
    if (part > 0) {
        ask_for(&exec->batch, offsetof(nib_exec, claimed) - offsetof(nib_exec, batch));
        ask_for(exec->update.context, exec->update.context_bytes);
        if (worker->copied + 1 != exec->steps)
            copy_parameters(exec, worker);
        worker->copied = exec->steps;
    }
    nib_exec_run_lanes(context, part, parts);
    const bool fine = nib_team_meet(exec->team, part, parts, lanes_are_finite(exec, part, parts));
    for (int lane = 1; part == 0 && lane < exec->lanes; ++lane) /* for finish_sums */
        ask_for(exec->lane_sum + lane * exec->lane_stride, 1);
    if (fine)
        update_own(exec, worker, part > 0 ? worker->slot : exec->update.slot);
}
