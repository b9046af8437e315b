/** The fixed-point network of a model, as the commands that run or show it need it. */
#ifndef NIB_TOOLS_NETWORK_H
#define NIB_TOOLS_NETWORK_H

#include "core/h5.h"
#include "core/log.h"
#include "train/lower.h"

/** Lower a model as its config says (allow_float, fallback). What got the fallback type is said once in the
 * log. A float model is refused with what quantizes it. All of it lives in the arena.
 *  @param fold  [inputs] preprocessing that the network takes in, or NULL */
NIB_MUST_USE nib_status nib_network_of_model(const nib_model *model, nib_arena *arena, const nib_log *log,
                                             const nib_input_fold *fold, nib_lowering *lowering,
                                             nib_error *err);

/** The network stored in a model file; NULL where it has none, and the model is all there is. */
NIB_MUST_USE nib_status nib_network_stored(const char *path, const nib_model *model, nib_arena *arena,
                                           const nib_fixnet **net, nib_error *err);

/** The same from an open file. */
NIB_MUST_USE nib_status nib_network_stored_in(nib_h5 *file, const nib_model *model, nib_arena *arena,
                                              const nib_fixnet **net, nib_error *err);

/** Has the stored network of a model file the preprocessing inside, which its trained weights have not? */
bool nib_network_is_folded(const char *path);

/** The network of a model file: the one stored in it, where it has one (exports), else the model's, lowered.
 *  @param path  of the file that the model was read from */
NIB_MUST_USE nib_status nib_network_of_file(const char *path, const nib_model *model, nib_arena *arena,
                                            const nib_log *log, const nib_fixnet **net, nib_error *err);

/** The lowering of a model file to compare with: the model's own, and where a network is stored in the file
 * that goes on with a softmax behind the logits (nibble quantize --like hls4ml), that network in place of the
 * model's, with its orders of additions and its last nodes. Errors as above. */
NIB_MUST_USE nib_status nib_network_lowering_of_file(const char *path, const nib_model *model,
                                                     nib_arena *arena, const nib_log *log,
                                                     nib_lowering *lowering, nib_error *err);

/** "fixed<8,3,RND,SAT>"; types that differ by feature or element: the width of the widest and narrowest,
 * "3 to 8 bits". In the arena; "" when out of memory. */
const char *nib_network_types(nib_arena *arena, const nib_fix_types *types);

#endif
