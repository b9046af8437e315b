#include "train/train_state.h"

nib_status nib_train_state_create(nib_arena *arena, const nib_params *params, int n_losses, int n_watches,
                                  int n_slots, nib_train_state *state, nib_error *err)
{
    *state =
        (nib_train_state){.best_epoch = -1, .n_losses = n_losses, .n_watches = n_watches, .n_slots = n_slots};
    nib_lr_state_init(&state->lr);
    state->losses = NIB_NEW(arena, double, n_losses);
    state->watches = NIB_NEW(arena, double, n_watches);
    state->best = NIB_NEW(arena, float, params->size);
    bool complete = state->losses && state->watches && state->best;
    for (int i = 0; i < n_slots; i++) {
        state->slot[i] = NIB_NEW(arena, float, params->size);
        complete = complete && state->slot[i];
    }
    return complete ? NIB_OK : nib_fail_memory(err, "training state");
}
