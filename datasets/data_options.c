/** The keys of the `data:` section. */
#include "datasets/data_config_internal.h"

#define T nib_file_source_options
static const nib_option file_source_rows[] = {
    NIB_ROW(T, file, NIB_OPTION_STRING, NULL, 0, 0, NULL, "",
            "data file, relative to the config; ${NAME} is taken from the environment"),
    NIB_ROW(T, digest, NIB_OPTION_STRING, "", 0, 0, NULL, "",
            "crc32:XXXXXXXX that the contents must have (manifest.json names it)"),
};
const nib_option_table nib_table_file_source = NIB_OPTION_TABLE(T, file_source_rows);
#undef T

#define T nib_generator_source_options
static const nib_option generator_source_rows[] = {
    NIB_ROW(T, generator, NIB_OPTION_NODE, NULL, 0, 0, NULL, "", "NAME or {NAME: {options}}"),
    NIB_ROW(T, n, NIB_OPTION_INT, "100000", 1, 2147483647, NULL, "rows", "how many to make"),
};
const nib_option_table nib_table_generator_source = NIB_OPTION_TABLE(T, generator_source_rows);
#undef T

#define T nib_input_options
static const nib_option input_rows[] = {
    NIB_ROW(T, path, NIB_OPTION_STRING, NULL, 0, 0, NULL, "", "array in the source, one row per sample"),
    NIB_ROW(T, columns, NIB_OPTION_STRINGS, "", 0, 0, NULL, "", "names or numbers (from 0); empty: all"),
    NIB_ROW(T, preprocess, NIB_OPTION_NODE, "", 0, 0, NULL, "",
            "none, standardize (default) or minmax, fitted on the training rows"),
    NIB_ROW(T, features, NIB_OPTION_NODE, "", 0, 0, NULL, "",
            "column names: a list, a dataset, or ARRAY@ATTRIBUTE"),
};
const nib_option_table nib_table_input = NIB_OPTION_TABLE(T, input_rows);
#undef T

#define T nib_target_options
static const nib_option target_rows[] = {
    NIB_ROW(T, path, NIB_OPTION_STRING, NULL, 0, 0, NULL, "", "array of labels, one-hot rows or numbers"),
    NIB_ROW(T, columns, NIB_OPTION_STRINGS, "", 0, 0, NULL, "", "names or numbers (from 0); empty: all"),
    NIB_ROW(T, classes, NIB_OPTION_NODE, "", 0, 0, NULL, "",
            "class names: a list, a dataset, or ARRAY@ATTRIBUTE"),
};
const nib_option_table nib_table_target = NIB_OPTION_TABLE(T, target_rows);
#undef T

#define T nib_part_array_options
static const nib_option part_array_rows[] = {
    NIB_ROW(T, path, NIB_OPTION_STRING, NULL, 0, 0, NULL, "", "array in the source of this part"),
    NIB_ROW(T, columns, NIB_OPTION_STRINGS, "", 0, 0, NULL, "", "empty: those of the training rows"),
};
const nib_option_table nib_table_part_array = NIB_OPTION_TABLE(T, part_array_rows);
#undef T

#define T nib_fraction_options
static const nib_option fraction_rows[] = {
    NIB_ROW(T, fraction, NIB_OPTION_FLOAT, "0.2", 0, 0.999999, NULL, "",
            "of the rows, drawn by data.seed; the test part is drawn first; 0: none"),
    NIB_ROW(T, stratify, NIB_OPTION_BOOL, "false", 0, 0, NULL, "",
            "keep the shares of the first class target to within one row"),
};
const nib_option_table nib_table_fraction = NIB_OPTION_TABLE(T, fraction_rows);
#undef T

#define T nib_last_options
static const nib_option last_rows[] = {
    NIB_ROW(T, last, NIB_OPTION_FLOAT, NULL, 1e-9, 0.999999, NULL, "",
            "fraction at the end of the file, as Keras' validation_split"),
};
const nib_option_table nib_table_last = NIB_OPTION_TABLE(T, last_rows);
#undef T

#define T nib_rows_options
static const nib_option rows_rows[] = {
    NIB_ROW(T, rows, NIB_OPTION_STRING, NULL, 0, 0, NULL, "",
            "row numbers from 0: an .npy file, a text with one a line, or FILE.h5:path"),
    NIB_ROW(T, digest, NIB_OPTION_STRING, "", 0, 0, NULL, "",
            "crc32:XXXXXXXX that the contents must have (manifest.json names it)"),
};
const nib_option_table nib_table_rows = NIB_OPTION_TABLE(T, rows_rows);
#undef T

#define T nib_part_options
static const nib_option part_rows[] = {
    NIB_ROW(T, source, NIB_OPTION_NODE, "", 0, 0, NULL, "", "as data.source; absent: data.source itself"),
    NIB_ROW(T, inputs, NIB_OPTION_NODE, "", 0, 0, NULL, "", "NAME: path, for every input of data.inputs"),
    NIB_ROW(T, targets, NIB_OPTION_NODE, "", 0, 0, NULL, "", "NAME: path, for every target of data.targets"),
    NIB_ROW(T, weight, NIB_OPTION_STRING, "", 0, 0, NULL, "", "array of sample weights"),
};
const nib_option_table nib_table_part = NIB_OPTION_TABLE(T, part_rows);
#undef T

#define T nib_data_options
static const nib_option data_rows[] = {
    NIB_ROW(T, source, NIB_OPTION_NODE, NULL, 0, 0, NULL, "", "{file: F} or {generator: G, n: N}"),
    NIB_ROW(T, inputs, NIB_OPTION_NODE, NULL, 0, 0, NULL, "",
            "NAME: path or {path: ..., ...}; short: x: path"),
    NIB_ROW(T, targets, NIB_OPTION_NODE, NULL, 0, 0, NULL, "",
            "NAME: path or {path: ..., ...}; short: y: path"),
    NIB_ROW(T, weight, NIB_OPTION_STRING, "", 0, 0, NULL, "", "array of sample weights, one per row"),
    NIB_ROW(T, validation, NIB_OPTION_NODE, "", 0, 0, NULL, "",
            "{fraction: 0.2} (default), {last: F}, {rows: FILE} or a part with arrays of its own"),
    NIB_ROW(T, test, NIB_OPTION_NODE, "", 0, 0, NULL, "",
            "as validation; absent: no test rows; a fraction is drawn before the validation rows"),
    NIB_ROW(T, seed, NIB_OPTION_INT, "1", 0, 9007199254740992.0, NULL, "", "of the generator and the splits"),
};
const nib_option_table nib_table_data = NIB_OPTION_TABLE(T, data_rows);
#undef T

const nib_data_section nib_data_sections[] = {
    {"data", "where the rows come from", &nib_table_data},
    {"data.source", "a data file", &nib_table_file_source},
    {"data.source", "an embedded generator", &nib_table_generator_source},
    {"data.inputs.NAME", "an input of the model", &nib_table_input},
    {"data.targets.NAME", "a target of the model", &nib_table_target},
    {"data.validation, data.test", "rows drawn at random", &nib_table_fraction},
    {"data.validation, data.test", "the last rows", &nib_table_last},
    {"data.validation, data.test", "rows by number", &nib_table_rows},
    {"data.validation, data.test", "arrays of their own", &nib_table_part},
};
const int nib_data_sections_count = (int)(sizeof nib_data_sections / sizeof *nib_data_sections);
