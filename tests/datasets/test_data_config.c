/* The data section: canonical form, the way back, shorthands, file names, messages. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/yaml.h"
#include "files_fixture.h"

TestSuite(data_config, .init = files_setup, .fini = files_teardown);

static char *text_of(const nib_doc *doc)
{
    char *text;
    cr_assert_eq(nib_yaml_write(fx.arena, doc, &text, &fx.err), NIB_OK, "%s", fx.err.message);
    return text;
}

static char *resolve(const char *yaml)
{
    nib_data_config *config;
    nib_doc *resolved;
    cr_assert_eq(fx_config(yaml, &config, &resolved), NIB_OK, "%s\n%s", yaml, fx.err.message);
    return text_of(resolved);
}

Test(data_config, resolved_with_every_default)
{
    (void)setenv("NIBBLE_TEST_FOLDER", "/data/set", 1);
    static const struct {
        const char *yaml, *resolved;
    } cases[] = {
        {"{source: {file: /d/j.h5}, x: a, y: b}", "source: {file: /d/j.h5}\n"
                                                  "inputs: {x: {path: a, preprocess: standardize}}\n"
                                                  "targets: {y: {path: b}}\n"
                                                  "validation: {fraction: 0.2, stratify: false}\n"
                                                  "seed: 1\n"},
        {"{source: '${NIBBLE_TEST_FOLDER}/.//j.h5', inputs: {u: {path: a, columns: pt, features: n@f, "
         "preprocess: {minmax: {high: 2}}}, v: w}, y: {path: b, classes: [q, g]}, validation: 0.5, "
         "test: {source: {file: /t.h5}}, seed: 7, weight: s}",
         "source: {file: /data/set/j.h5}\n"
         "inputs:\n"
         "  u:\n"
         "    path: a\n"
         "    columns: [pt]\n"
         "    preprocess: {minmax: {low: 0, high: 2}}\n"
         "    features: n@f\n"
         "  v: {path: w, preprocess: standardize}\n"
         "targets: {y: {path: b, classes: [q, g]}}\n"
         "weight: s\n"
         "validation: {fraction: 0.5, stratify: false}\n"
         "test: {source: {file: /t.h5}, inputs: {u: {path: a, columns: [pt]}, v: {path: w}}, targets: {y: "
         "{path: b}}}\n"
         "seed: 7\n"},
        {"{source: /j.h5, x: a, y: b, validation: {last: 0.25}, test: {fraction: 0.1, stratify: true}}",
         "source: {file: /j.h5}\n"
         "inputs: {x: {path: a, preprocess: standardize}}\n"
         "targets: {y: {path: b}}\n"
         "validation: {last: 0.25}\n"
         "test: {fraction: 0.1, stratify: true}\n"
         "seed: 1\n"},
        {"{source: /j.h5, x: a, y: b, validation: {rows: /v.npy}, test: {x: c, y: d, weight: w}}",
         "source: {file: /j.h5}\n"
         "inputs: {x: {path: a, preprocess: standardize}}\n"
         "targets: {y: {path: b}}\n"
         "validation: {rows: /v.npy}\n"
         "test: {inputs: {x: {path: c}}, targets: {y: {path: d}}, weight: w}\n"
         "seed: 1\n"},
        {"{source: /j.h5, x: a, y: b, validation: {fraction: 0}, test: 0}",
         "source: {file: /j.h5}\n"
         "inputs: {x: {path: a, preprocess: standardize}}\n"
         "targets: {y: {path: b}}\n"
         "validation: {fraction: 0, stratify: false}\n"
         "seed: 1\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *once = resolve(cases[i].yaml);
        cr_expect_str_eq(once, cases[i].resolved, "case %zu:\n%s", i, once);
        const char *twice = resolve(once);
        cr_expect_str_eq(twice, once, "case %zu, the second time:\n%s", i, twice);
    }
}

Test(data_config, relative_names_are_relative_to_the_config)
{
    char wanted[4200], here[4096];
    const char *text = resolve("{source: sub/j.h5, x: a, y: b}");
    (void)snprintf(wanted, sizeof wanted, "source: {file: %s/sub/j.h5}\n", fx.folder);
    cr_expect(strncmp(text, wanted, strlen(wanted)) == 0, "%s", text);

    nib_doc *doc, *value, *resolved;
    nib_data_config *config;
    const char yaml[] = "{source: sub/j.h5, x: a, y: b}", set[] = "{file: k.h5}";
    cr_assert_eq(nib_yaml_parse(fx.arena, "c", yaml, strlen(yaml), &doc, &fx.err), NIB_OK, "%s",
                 fx.err.message);
    cr_assert_eq(nib_yaml_parse(fx.arena, "--set data.source.file=k.h5", set, strlen(set), &value, &fx.err),
                 NIB_OK, "%s", fx.err.message);
    cr_assert_eq(nib_doc_set_path(fx.arena, doc, "source", value, &fx.err), NIB_OK, "%s", fx.err.message);
    cr_assert_eq(nib_data_config_read(fx.arena, doc, fx.folder, &config, &resolved, &fx.err), NIB_OK, "%s",
                 fx.err.message);
    cr_assert_not_null(realpath(".", here), "no current folder");
    (void)snprintf(wanted, sizeof wanted, "source: {file: %s/k.h5}\n", here);
    text = text_of(resolved);
    cr_expect(strncmp(text, wanted, strlen(wanted)) == 0, "%s", text);
}

Test(data_config, wrong_sections)
{
    static const struct {
        const char *yaml, *message;
    } cases[] = {
        {"{x: a, y: b}", "c.yaml:1:1: data.source is missing ({file: F} or {generator: G, n: N})"},
        {"{source: j.h5, y: b}",
         "c.yaml:1:1: data.inputs is missing (NAME: path or {path: ..., ...}; short: x: path)"},
        {"{source: j.h5, x: a}",
         "c.yaml:1:1: data.targets is missing (NAME: path or {path: ..., ...}; short: y: path)"},
        {"{source: j.h5, x: a, inputs: {x: a}, y: b}",
         "c.yaml:1:16: data: 'x' is short for 'inputs: {x: ...}'; give one of them"},
        {"{source: j.h5, x: a, y: b, sed: 1}",
         "c.yaml:1:28: unknown key 'sed' in data (did you mean 'seed'?)"},
        {"{source: {}, x: a, y: b}", "c.yaml:1:10: data.source: give file: F or generator: G"},
        {"{source: {fiel: j}, x: a, y: b}",
         "c.yaml:1:11: unknown key 'fiel' in data.source (did you mean 'file'?)"},
        {"{source: {file: j, generator: jets}, x: a, y: b}",
         "c.yaml:1:20: data.source: give either file or generator"},
        {"{source: {generator: calo}, x: a, y: b}",
         "c.yaml:1:22: data.source.generator: unknown generator 'calo'"},
        {"{source: '${NIBBLE_NO_SUCH}/j.h5', x: a, y: b}",
         "c.yaml:1:10: data.source.file: the environment variable NIBBLE_NO_SUCH is not set"},
        {"{source: '${A', x: a, y: b}",
         "c.yaml:1:10: data.source.file: '${A': write ${NAME} for the environment variable NAME"},
        {"{source: '', x: a, y: b}", "c.yaml:1:10: data.source.file: the file name is empty"},
        {"{source: j.h5, inputs: {}, y: b}",
         "c.yaml:1:24: data.inputs: write at least one input as 'NAME: path' or 'NAME: {path: ...}'"},
        {"{source: j.h5, inputs: {a-b: c}, y: b}",
         "c.yaml:1:25: data.inputs: the name 'a-b' must be letters, digits and _, no digit first"},
        {"{source: j.h5, inputs: {x: a, classes: c}, y: b}",
         "c.yaml:1:31: data.inputs: an input cannot be called 'classes': model files keep the names of the "
         "classes there"},
        {"{source: j.h5, x: {path: a, preproces: none}, y: b}",
         "c.yaml:1:29: unknown key 'preproces' in data.inputs.x (did you mean 'preprocess'?)"},
        {"{source: j.h5, x: {path: a, preprocess: standardise}, y: b}",
         "c.yaml:1:41: data.inputs.x.preprocess: unknown preprocessing 'standardise' (did you mean "
         "'standardize'?)"},
        {"{source: j.h5, x: {path: a, preprocess: pca}, y: b}",
         "c.yaml:1:41: data.inputs.x.preprocess: unknown preprocessing 'pca' (known: none, standardize, "
         "minmax)"},
        {"{source: j.h5, x: {path: a, preprocess: {minmax: {low: 2}}}, y: b}",
         "c.yaml:1:41: data.inputs.x.preprocess: low (2) must be below high (1)"},
        {"{source: j.h5, x: {columns: [1]}, y: b}",
         "c.yaml:1:19: data.inputs.x.path is missing (array in the source, one row per sample)"},
        {"{source: j.h5, x: a, y: b, validation: {fractoin: 0.1}}",
         "c.yaml:1:41: data.validation: unknown key 'fractoin' (did you mean 'fraction'?)"},
        {"{source: j.h5, x: a, y: b, validation: {fraction: 1}}",
         "c.yaml:1:51: data.validation.fraction: 1 is above the limit 0.999999"},
        {"{source: j.h5, x: a, y: b, validation: {last: 0.1, stratify: true}}",
         "c.yaml:1:52: unknown key 'stratify' in data.validation (known: last)"},
        {"{source: j.h5, x: a, y: b, validation: [0.1]}",
         "c.yaml:1:40: data.validation: write {fraction: F}, {last: F}, {rows: FILE} or {inputs: ..., "
         "targets: ...}"},
        {"{source: j.h5, x: a, y: b, validation: {x: c}}",
         "c.yaml:1:40: data.validation: 'targets' is missing"},
        {"{source: j.h5, x: a, y: b, test: {inputs: {z: c}, y: d}}",
         "c.yaml:1:44: data.test.inputs: 'z' is not among those of the training rows (did you mean 'x'?)"},
        {"{source: j.h5, inputs: {x: a, u: b}, y: b, test: {inputs: {x: c}, y: d}}",
         "c.yaml:1:59: data.test.inputs: 'u' is missing"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        nib_data_config *config;
        nib_doc *resolved;
        cr_expect_eq(fx_config(cases[i].yaml, &config, &resolved), NIB_ERR_CONFIG, "works: %s",
                     cases[i].yaml);
        cr_expect_str_eq(fx.err.message, cases[i].message, "%s\ngives : %s\nwanted: %s", cases[i].yaml,
                         fx.err.message, cases[i].message);
    }
}

Test(data_config, the_tables_are_complete)
{
    for (int i = 0; i < nib_data_sections_count; i++) {
        const nib_data_section *s = &nib_data_sections[i];
        cr_expect(s->path && s->help && s->table->count > 0, "section %d", i);
        for (int k = 0; k < s->table->count; k++)
            cr_expect(s->table->rows[k].help && *s->table->rows[k].help, "%s.%s has no help", s->path,
                      s->table->rows[k].name);
    }
}
