/** A fixed-point network as C source: one header and one source file without any dependency, for test benches
 * of firmware and for software triggers.
 *
 *  The source computes on integers what the engine computes (quant/engine.h), code for code: casts, order of
 * additions and overflows included. It is C11 for compilers whose right shifts of negative numbers round down
 * and, where a number needs more than 61 bits, that have __int128 (gcc, clang). It holds no state: any number
 * of threads may call it.
 */
#ifndef NIB_QUANT_C_EXPORT_H
#define NIB_QUANT_C_EXPORT_H

#include "quant/fixnet.h"

/** What the source says beside the network. */
typedef struct nib_c_export {
    const char *name;   /**< in front of the functions' names, with "_": a C identifier; NULL: nothing */
    const char *header; /**< how the source includes the header: "model.h" */
    const char *origin; /**< one line for the comment at the top: where it came from */
    /** Preprocessing y = (x - shift) / divisor of each input, [n_inputs] of [width]; NULL: no function for
     * raw rows is written. */
    const double *const *shift, *const *divisor;
    /** Names of an input's features, [n_inputs] each NULL or [width], and of an output's, [n_outputs]; or
     * NULL. */
    const char *const *const *features, *const *const *classes;
} nib_c_export;

/** Write both files as text, in the arena.
 *  @param net  checked
 *  Errors: NIB_ERR_MEMORY; NIB_ERR_CONFIG when a number of the network needs more than 63 bits. */
NIB_MUST_USE nib_status nib_c_export_write(const nib_fixnet *net, const nib_c_export *record,
                                           nib_arena *arena, const char **header, const char **source,
                                           nib_error *err);

#endif
