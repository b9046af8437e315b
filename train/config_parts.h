/** Parts of reading a config: private to train/config*.c and train/shorthand.c. */
#ifndef NIB_TRAIN_CONFIG_PARTS_H
#define NIB_TRAIN_CONFIG_PARTS_H

#include "train/config.h"

/** Names that the data section gives; shorthands and references are checked against them. */
typedef struct nib_data_names {
    int n_inputs, n_targets;
    const char *const *input, *const *target;
} nib_data_names;

/** Shorthands, each an edit of the parsed tree; doing it twice changes nothing. */
NIB_MUST_USE nib_status nib_shorthand_data(nib_arena *arena, nib_doc *data, nib_error *err);
NIB_MUST_USE nib_status nib_shorthand_model(nib_arena *arena, nib_doc *model, const nib_data_names *names,
                                            nib_error *err);
NIB_MUST_USE nib_status nib_shorthand_train(nib_arena *arena, nib_doc *train, const nib_data_names *names,
                                            nib_error *err);

/** Read an expanded section into `config` and give its canonical map. */
NIB_MUST_USE nib_status nib_config_read_model(nib_config *config, const nib_doc *model, const char *folder,
                                              const nib_data_names *names, nib_doc **resolved,
                                              nib_error *err);
NIB_MUST_USE nib_status nib_config_read_train(nib_config *config, const nib_doc *train, const char *folder,
                                              const nib_data_names *names, nib_doc **resolved,
                                              nib_error *err);

/** The section `quant:` (NULL: there is none, and *resolved is NULL), after model and train. */
NIB_MUST_USE nib_status nib_config_read_quant(nib_config *config, const nib_doc *quant,
                                              const nib_data_names *names, nib_doc **resolved,
                                              nib_error *err);
/** The sections `hls:` and `target:` (NULL: defaults, and *resolved is NULL), in this order, after model. */
NIB_MUST_USE nib_status nib_config_read_hls(nib_config *config, const nib_doc *map, nib_doc **resolved,
                                            nib_error *err);
NIB_MUST_USE nib_status nib_config_read_target(nib_config *config, const nib_doc *map, nib_doc **resolved,
                                               nib_error *err);

/** `resolved` is left alone where the section is not there. */
NIB_MUST_USE nib_status nib_config_read_prune(nib_config *config, const nib_doc *prune, nib_doc **resolved,
                                              nib_error *err);

/** Read a section by its table; a key that belongs to another section is told so. */
NIB_MUST_USE nib_status nib_config_read_section(nib_arena *arena, const nib_option_table *table,
                                                const nib_doc *map, const char *path, void *out,
                                                nib_error *err);

/** The nearest of the names, as " (did you mean 'x'?)"; when none is near all of them, as " (known: a, b)",
 * if they are few. `text` has NIB_HINT_BYTES. */
enum { NIB_HINT_BYTES = 256 };
const char *nib_config_hint(char *text, const char *name, const char *const *names, int count);

/** Tables of the sections, for nib_config_sections. */
extern const nib_option_table nib_table_config, nib_table_model, nib_table_mlp, nib_table_layer,
    nib_table_train, nib_table_early_stopping, nib_table_distill, nib_table_objective, nib_table_quant,
    nib_table_quant_set, nib_table_prune, nib_table_prune_part, nib_table_hls, nib_table_hls_layer,
    nib_table_hardware_target;

enum { NIB_MAX_LAYERS = 1000 };

#endif
