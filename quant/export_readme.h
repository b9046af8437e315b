/** The README of an exported folder: private to quant/export_*.c. */
#ifndef NIB_QUANT_EXPORT_README_H
#define NIB_QUANT_EXPORT_README_H

#include "quant/export_graph.h"

/** Markdown, in the arena. */
NIB_MUST_USE nib_status nib_export_readme(const nib_export *export, const nib_keras_graph *graph,
                                          nib_arena *arena, const char **text, nib_error *err);

#endif
