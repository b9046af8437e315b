/* Configs: shorthands, --set, messages, and a resolved text that resolves to itself. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "train/config.h"

#define DATA2  "data: {source: f.h5, x: a, targets: {u: b, v: c}}\n"
#define DATA   "data: {source: f.h5, x: a, y: b}\n"
#define PRUNED DATA "model: {mlp: {hidden: [4]}}\nprune: "

/* The resolved text, or the message. */
static const char *resolve(nib_arena *arena, const char *text, const char *const *sets, int n_sets)
{
    nib_error err = {NIB_OK, ""};
    nib_config *config;
    if (nib_config_parse("jets.yaml", "/d", text, strlen(text), sets, n_sets, &config, &err) != NIB_OK)
        return nib_arena_strdup(arena, err.message);
    const char *copy = nib_arena_strdup(arena, nib_config_text(config));
    nib_config_destroy(config);
    return copy;
}

Test(config, resolves_to_itself)
{
    static const char *const texts[] = {
        DATA "model: {mlp: }\n",
        DATA "model: {mlp: {hidden: [], activation: tanh}}\ntrain: {loss: mse, early_stopping: 5, keep: 3}\n",
        DATA "model: {layers: [dense: {units: 4}, relu, batch_norm: , dropout: {rate: 0.5}, dense: {units: "
             "auto}]}\n",
        "data: {source: f.h5, inputs: {a: p, b: q}, targets: {u: r, v: s}}\n"
        "model: {mlp: {hidden: [3], batch_norm: yes, dropout: .1, activation: leaky_relu}}\n"
        "train: {loss: {u: {huber: {delta: 2}, weight: 3}}, metrics: {v: [{top_k: {k: 2}}]}}\n",
        DATA "model: {layers: [dense: {name: a, units: 4, kernel_initializer: {constant: 0.1}},\n"
             "  dense: {name: b, units: 4, from: x}, add: {name: s, from: [a, b]}], outputs: s, init_from: "
             "runs/a}\n"
             "train: {optimizer: {sgd: {momentum: 0.9}}, lr_schedule: {cosine: {alpha: 0.1}}, warmup: 1}\n",
        PRUNED "{default: {schedule: cubic, sparsity: 0.8}, layers: {logits: {sparsity: 0.5, criterion: "
               "{n_m: {group: 2}}}, fc1: {cost: 2}}}\n",
        PRUNED "{scope: global, compatible: tfmot, default: {schedule: {one_shot: {at: 3}}, sparsity: .5}}\n",
        PRUNED "{layers: {fc1: {schedule: {iterative: {rewind: 0}}, sparsity: 1, biases: true}}}\n",
    };
    nib_arena *arena = nib_arena_create();
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const char *first = resolve(arena, texts[i], NULL, 0);
        cr_assert(strncmp(first, "data:", 5) == 0, "config %zu: %s", i, first);
        cr_expect_str_eq(resolve(arena, first, NULL, 0), first, "config %zu resolves to itself", i);
    }
    nib_arena_destroy(arena);
}

Test(config, mlp)
{
    static const char text[] =
        DATA "model: {mlp: {hidden: [5, 4], activation: sigmoid, batch_norm: true, dropout: 0.25}}\n";
    static const struct {
        const char *type, *name;
    } layers[] = {{"dense", "fc1"},        {"batch_norm", "bn1"}, {"sigmoid", "sigmoid1"},
                  {"dropout", "drop1"},    {"dense", "fc2"},      {"batch_norm", "bn2"},
                  {"sigmoid", "sigmoid2"}, {"dropout", "drop2"},  {"dense", "logits"}};
    nib_error err = {NIB_OK, ""};
    nib_config *c;
    cr_assert_eq(nib_config_parse("dir/jets.yaml", "/d", text, strlen(text), NULL, 0, &c, &err), NIB_OK, "%s",
                 err.message);
    cr_assert_eq(c->model.n_layers, 9, "nine layers");
    for (int i = 0; i < 9; i++) {
        cr_expect_str_eq(c->model.layer[i].name, layers[i].name, "name of layer %d", i);
        cr_expect_str_eq(c->model.layer[i].type->name, layers[i].type, "type of layer %d", i);
        cr_expect_eq(c->model.layer[i].place.line, 2, "a layer is where its shorthand is");
    }
    cr_expect_eq(*c->model.layer[4].type->units(c->model.layer[4].options), 4, "units of fc2");
    cr_expect_eq(*c->model.layer[8].type->units(c->model.layer[8].options), -1, "units of logits: auto");
    cr_expect(c->model.n_outputs == 1 && strcmp(c->model.output[0].layer, "logits") == 0, "the output");
    cr_expect_str_eq(c->name, "jets", "name of the config");
    cr_expect_str_eq(c->train.objective[0].loss->name, "categorical_crossentropy", "default loss");
    cr_expect_eq(c->train.objective[0].n_metrics, 2, "default metrics");
    cr_expect_str_eq(c->train.optimizer->name, "adam", "default optimizer");
    cr_expect_eq(*(const double *)c->train.optimizer_options, 1e-3, "default rate");
    nib_config_destroy(c);
}

Test(config, set)
{
    static const struct {
        const char *sets[3];
        const char *part;
    } cases[] = {
        {{"train.epochs=1e2"}, "epochs: 100\n"},
        {{"model.layers.fc1.units=7"}, "name: fc1\n      units: 7\n"},
        {{"model.mlp.hidden=[9]", "model.layers.fc1.units=7"}, "name: fc1\n      units: 7\n"},
        {{"model.layers.fc1.units=7", "model.mlp.hidden=[9]"}, "name: fc1\n      units: 7\n"},
        {{"model.layers=[dense: {units: 3}]", "model.outputs=fc1"}, "outputs: {y: fc1}"},
        {{"train.optimizer.adam.lr=0.5"}, "lr: 0.5"},
        {{"train.optimizer=sgd", "train.optimizer.sgd.lr=0.5"}, "sgd: {lr: 0.5"},
        {{"train.loss=huber", "train.loss.y.huber.delta=3", "train.loss.y.weight=2"},
         "y: {huber: {delta: 3}, weight: 2}"},
        {{"train.loss=mse", "train.loss.y.weight=2"}, "y: {mse: {}, weight: 2}"},
        {{"train.monitor=val_auc_t"}, "monitor: val_auc_t"},
        {{"train.seed=!!int 7"}, "seed: 7"},
        {{"train.monitor=! accuracy"}, "monitor: accuracy"},
        {{"train.loss={weight: 2}"},
         "categorical_crossentropy: {label_smoothing: 0, class_weight: []}, weight: 2}"},
        {{"train.loss.y.weight=2"},
         "categorical_crossentropy: {label_smoothing: 0, class_weight: []}, weight: 2}"},
        {{"train.monitor=accuracy"}, "monitor: accuracy"},
        {{"train.metrics=accuracy"}, "metrics: {y: [accuracy]}"},
        {{"data.inputs.x.preprocess=none"}, "preprocess: none"},
        {{"data.x=other"}, "path: other"},
        {{"data.source.file=/abs/g.h5"}, "file: /abs/g.h5"},
        {{"train.early_stopping.patience=4"}, "patience: 4"},
        {{"train.epochs=abc"}, "--set train.epochs=abc: train.epochs: 'abc' is not an integer"},
        {{"train.epoch=3"}, "--set train.epoch=3: unknown key 'epoch' in train (did you mean 'epochs'?)"},
        {{"train.epochs=0"}, "--set train.epochs=0: train.epochs: 0 is below the limit 1 epochs"},
        {{"train.epochs"}, "--set train.epochs: path=value is expected, as in train.epochs=10"},
        {{"=1"}, "--set =1: path=value is expected, as in train.epochs=10"},
        {{"train.epochs=[1"},
         "--set train.epochs=[1: did not find expected ',' or ']' while parsing a flow sequence"},
        {{"train.epochs="}, "--set train.epochs=: train.epochs has no value (an integer is expected)"},
        {{"model.layers.fc3.units=1"},
         "--set model.layers.fc3.units=1: model.layers has no 'fc3' (did you mean 'fc1'?)"},
        {{"model.layers.fc1.unit=1"},
         "--set model.layers.fc1.unit=1: unknown key 'unit' in model.layers.fc1 (did you mean 'units'?)"},
        {{"train.optimizer.sgd.lr=1"},
         "--set train.optimizer.sgd.lr=1: train.optimizer is 'adam': it has no 'sgd'"},
        {{"quant.default=x"},
         "--set quant.default=x: quant.default: a single value where a map of options is expected"},
        {{"trian.epochs=1"}, "--set trian.epochs=1: unknown key 'trian' (did you mean 'train'?)"},
    };
    nib_arena *arena = nib_arena_create();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int n = 0;
        while (n < 3 && cases[i].sets[n])
            n++;
        const char *got = resolve(arena, DATA "model: {mlp: {hidden: [4, 4]}}\ntrain: {optimizer: adam}\n",
                                  cases[i].sets, n);
        cr_expect(strstr(got, cases[i].part), "case %zu, %s: no '%s' in\n%s", i, cases[i].sets[0],
                  cases[i].part, got);
        if (strncmp(cases[i].part, "--set", 5) == 0)
            cr_expect_str_eq(got, cases[i].part, "message of case %zu", i);
    }
    nib_arena_destroy(arena);
}

Test(config, refused)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "jets.yaml:1:1: data is missing (where the rows come from)"},
        {DATA, "jets.yaml:1:1: model is missing (layers and outputs)"},
        {"[1]\n", "jets.yaml:1:1: a map of sections is expected"},
        {"data: {source: f.h5, x: a, y: b, batch: 3}\nmodel: {mlp: }\n",
         "jets.yaml:1:34: unknown key 'batch' in data (it belongs in train)"},
        {DATA "model: {hidden: [3]}\n",
         "jets.yaml:2:9: unknown key 'hidden' in model (it belongs in model.mlp)"},
        {DATA "model: {mlp: }\nepochs: 3\n", "jets.yaml:3:1: unknown key 'epochs' (it belongs in train)"},
        {DATA "model: {mlp: }\ntrain: {lr: 3}\n",
         "jets.yaml:3:9: unknown key 'lr' in train (it belongs in train.optimizer.adam)"},
        {DATA "model: {mlp: }\ntrain: {epoch: 3}\n",
         "jets.yaml:3:9: unknown key 'epoch' in train (did you mean 'epochs'?)"},
        {DATA "model: {mlp: }\nquant: {bits: 1}\n",
         "jets.yaml:3:15: quant.bits: 1 is below the limit 2 bits"},
        {PRUNED "{default: {sparsity: 1.5}}\n",
         "jets.yaml:3:29: prune.default.sparsity: 1.5 is above the limit 1"},
        {PRUNED "{sparsity: 0.5}\n",
         "jets.yaml:3:9: unknown key 'sparsity' in prune (it belongs in prune.default, prune.layers.NAME)"},
        {PRUNED "{default: {schedule: linear}}\n",
         "jets.yaml:3:29: prune.default.schedule: unknown schedule 'linear' (known: constant, polynomial, "
         "exponential, one_shot, iterative)"},
        {PRUNED "{default: {criterion: magnitud}}\n",
         "jets.yaml:3:30: prune.default.criterion: unknown criterion 'magnitud' (did you mean 'magnitude'?)"},
        {PRUNED "{default: {schedule: {cubic: {begin: 9, end: 3}}}}\n",
         "jets.yaml:3:37: prune.default.schedule.cubic: end (3) is before begin (9)"},
        {PRUNED "{default: {schedule: {polynomial: {end: never}}}}\n",
         "jets.yaml:3:42: prune.default.schedule.polynomial: end: a schedule that grows to its sparsity must "
         "end (auto or a number)"},
        {PRUNED "{default: {criterion: {n_m: {group: 4}}, sparsity: 0.6}}\n",
         "jets.yaml:3:30: prune.default.criterion: n_m: sparsity 0.6 of groups of 4 leaves 1.6 weights in "
         "each; a whole number is needed"},
        {PRUNED "{default: {criterion: neuron, biases: yes}}\n",
         "jets.yaml:3:46: prune.default.biases: only criteria of single weights prune biases, neuron does "
         "not"},
        {PRUNED "{layers: {fc2: {sparsity: 0.5}}}\n",
         "jets.yaml:3:18: prune.layers: there is no layer 'fc2' (did you mean 'fc1'?)"},
        {PRUNED "{layers: {relu1: {sparsity: 0.5}}}\n",
         "jets.yaml:3:18: prune.layers: layer 'relu1' (relu) has no kernel to prune"},
        {PRUNED "{layers: {fc1: 0.5}}\n",
         "jets.yaml:3:23: prune.layers.fc1: a map like {sparsity: 0.5} is expected"},
        {PRUNED "{scope: global, default: {criterion: neuron}}\n",
         "jets.yaml:3:16: prune.scope: neuron chooses within a layer; scope: global is for single weights"},
        {PRUNED "{compatible: tfmot, default: {sparsity: 1}}\n",
         "jets.yaml:3:21: prune.compatible: TFMOT refuses sparsity 1; leave out `compatible` or prune less"},
        {DATA "model: {deepsets: {}}\n",
         "jets.yaml:2:9: model.deepsets: networks of sets are not supported by this version"},
        {DATA "model: {mlp: , layers: []}\n",
         "jets.yaml:2:9: model has both mlp and layers: one of them is expected"},
        {DATA "model: {}\n",
         "jets.yaml:2:8: model has no layers (write layers: [...] or mlp: {hidden: [64, 32, 32]})"},
        {DATA "model: {layers: []}\n",
         "jets.yaml:2:17: model.layers: a list of at least one layer is expected"},
        {DATA "model: {layers: [dens: {units: 4}]}\n",
         "jets.yaml:2:18: unknown layer type 'dens' (did you mean 'dense'?)"},
        {DATA "model: {layers: [{dense: {units: 4}, relu: {}}]}\n",
         "jets.yaml:2:18: model.layers: a layer is {TYPE: {name: ..., options}}, one type each"},
        {DATA "model: {layers: [dense: {name: 1a, units: 4}]}\n",
         "jets.yaml:2:32: layer name '1a' is no identifier of letters, digits and _ (at most 60)"},
        {DATA "model: {layers: [dense: {name: input, units: 4}]}\n",
         "jets.yaml:2:32: a layer cannot be called 'input'"},
        {DATA "model: {layers: [dense: {name: table2, units: 4}]}\n",
         "jets.yaml:2:32: layer name 'table2' contains 'table', which stands for a variable in model files"},
        {DATA "model: {layers: [dense: {name: x, units: 4}]}\n",
         "jets.yaml:2:32: layer name 'x' is the name of an input"},
        {DATA "model: {layers: [dense: {name: a, units: 4}, relu: {name: a}]}\n",
         "jets.yaml:2:59: a second layer is called 'a'"},
        {DATA "model: {layers: [dense: {name: ab1, units: 4}, relu: {from: ab2}]}\n",
         "jets.yaml:2:61: model.layers.relu1.from: 'ab2' is no layer above and no input (did you mean "
         "'ab1'?)"},
        {DATA "model: {layers: [dense: {name: a, units: 0}]}\n",
         "jets.yaml:2:42: model.layers.a.units: 0 is below the limit 1"},
        {DATA "model: {layers: [dense: {name: a}]}\n",
         "jets.yaml:2:25: model.layers.a.units is missing (outputs; auto: as many as the target needs "
         "(output layers "
         "only))"},
        {DATA "model: {layers: [dense: {name: a, units: 4}], outputs: {z: a}}\n",
         "jets.yaml:2:57: model.outputs: unknown target 'z' (known: y)"},
        {DATA "model: {layers: [dense: {name: a, units: 4}], outputs: {y: bb}}\n",
         "jets.yaml:2:60: model.outputs.y: there is no layer 'bb' (known: a)"},
        {DATA "model: {layers: [dense: {name: a, units: 4}, softmax: {name: b}]}\n",
         "jets.yaml:2:62: model.outputs.y: name the layer before 'b': the loss categorical_crossentropy "
         "applies softmax "
         "itself"},
        {DATA "model: {mlp: {hiden: [4]}}\n",
         "jets.yaml:2:15: unknown key 'hiden' in model.mlp (did you mean 'hidden'?)"},
        {DATA "model: {mlp: {dropout: 1}}\n", "jets.yaml:2:24: model.mlp.dropout: 1 is above the limit 0.99"},
        {DATA "model: {mlp: }\ntrain: {loss: mea}\n",
         "jets.yaml:3:15: train.loss.y: unknown loss 'mea' (did you mean 'mae'?)"},
        {DATA "model: {mlp: }\ntrain: {loss: {y: {mae: , mse: }}}\n",
         "jets.yaml:3:27: train.loss.y: one loss is expected, 'mse' is a second one (after 'mae')"},
        {DATA "model: {mlp: }\ntrain: {loss: {z: mse}}\n",
         "jets.yaml:3:16: train.loss: unknown target 'z' (known: y)"},
        {DATA "model: {mlp: }\ntrain: {loss: {y: {mse: , weight: -1}}}\n",
         "jets.yaml:3:35: train.loss.y.weight: -1 is below the limit 0"},
        {DATA "model: {mlp: }\ntrain: {metrics: [mse]}\n",
         "jets.yaml:3:19: train.metrics.y: mse is no metric of a target with loss categorical_crossentropy"},
        {DATA "model: {mlp: }\ntrain: {metrics: [auc, auc]}\n",
         "jets.yaml:3:24: train.metrics.y: auc is there twice"},
        {DATA "model: {mlp: }\ntrain: {monitor: val_f1}\n",
         "jets.yaml:3:18: train.monitor: there is no column 'val_f1' (did you mean 'val_auc'?)"},
        {DATA "model: {mlp: }\ntrain: {monitor: hinge_of_nothing}\n",
         "jets.yaml:3:18: train.monitor: there is no column 'hinge_of_nothing' (known: loss, val_loss, "
         "val_accuracy, "
         "val_auc)"},
        {DATA "model: {layers: [dense: {name: a, units: 4, kernel_initializer: glorot}]}\n",
         "jets.yaml:2:65: model.layers.a.kernel_initializer: there is no initializer 'glorot' (see nibble "
         "list "
         "initializers)"},
        {DATA "model: {mlp: }\ntrain: {optimizer: {adam: {lr: 1e9}}}\n",
         "jets.yaml:3:32: train.optimizer.adam.lr: 1e9 is above the limit 1000"},
        {DATA "model: {mlp: }\ntrain: {optimizer: {adam: {}, sgd: {}}}\n",
         "jets.yaml:3:31: train.optimizer: one optimizer is expected, 'sgd' is a second one (after 'adam')"},
        {DATA "model: {layers: [dense: {name: a, units: 4}], outputs: [a]}\n",
         "jets.yaml:2:56: model.outputs: a map {TARGET: LAYER} is expected"},
        {DATA "model: {layers: [dense: {name: a, units: 4}], outputs: {y: [a]}}\n",
         "jets.yaml:2:60: model.outputs.y: the name of a layer is expected"},
        {DATA "model: {layers: [dense: {name: [a], units: 4}]}\n",
         "jets.yaml:2:32: model.layers.dense.name: a list where a text is expected"},
        {DATA "model: {layers: [[dense]]}\n",
         "jets.yaml:2:18: model.layers: a layer is {TYPE: {name: ..., options}}, one type each"},
        {DATA "model: {layers: dense}\n",
         "jets.yaml:2:17: model.layers: a list of at least one layer is expected"},
        {DATA "model: {layers: [dense: 4]}\n",
         "jets.yaml:2:25: model.layers.dense: a single value where a map of options is expected"},
        {DATA "model: {mlp: [64, 32]}\n",
         "jets.yaml:2:14: model.mlp: a list where a map of options is expected"},
        {DATA "model: 5\n", "jets.yaml:2:8: model: a single value where a map of options is expected"},
        {DATA "model: {mlp: }\ntrain: [1]\n",
         "jets.yaml:3:8: train: a list where a map of options is expected"},
        {DATA "model: {mlp: }\ntrain: {loss: [mse]}\n",
         "jets.yaml:3:15: train.loss.y: the name of one loss is expected, as in NAME or {NAME: {...}}"},
        {DATA "model: {mlp: }\ntrain: {loss: {y: [mse]}}\n",
         "jets.yaml:3:19: train.loss.y: the name of one loss is expected, as in NAME or {NAME: {...}}"},
        {DATA "model: {mlp: }\ntrain: {early_stopping: never}\n",
         "jets.yaml:3:25: train.early_stopping.patience: 'never' is not an integer"},
        {DATA "model: {mlp: }\ntrain: {early_stopping: {patience: 1.5}}\n",
         "jets.yaml:3:36: train.early_stopping.patience: '1.5' is not an integer"},
        {DATA "model: {mlp: }\ntrain: {keep: [0]}\n",
         "jets.yaml:3:16: train.keep: 0 is below the limit 1 epochs"},
        {DATA "model: {mlp: }\ntrain: {lr_schedule: {cosine: {alpha: 2}}}\n",
         "jets.yaml:3:39: train.lr_schedule.cosine.alpha: 2 is above the limit 1"},
        {DATA "model: {mlp: }\ntrain: {metrics: {y: {top_k: {k: 0}}}}\n",
         "jets.yaml:3:34: train.metrics.y.top_k.k: 0 is below the limit 1"},
        {DATA2 "model: {layers: [dense: {name: a, units: auto}], outputs: {u: a}}\n",
         "jets.yaml:2:59: model.outputs: no layer is named for target 'v'"},
        {DATA2 "model: {layers: [dense: {name: a, units: auto}]}\n",
         "jets.yaml:2:8: model.outputs: no layer is named for target 'u'"},
        {DATA2 "model: {mlp: }\ntrain: {monitor: val_w_accuracy}\n",
         "jets.yaml:3:18: train.monitor: there is no column 'val_w_accuracy' (did you mean "
         "'val_u_accuracy'?)"},
        {DATA2 "model: {mlp: }\ntrain: {metrics: [auc]}\n",
         "jets.yaml:3:18: train.metrics: there are 2 targets, say which one is meant (metrics: {u: ...})"},
        {DATA2 "model: {mlp: }\ntrain: {loss: mse}\n",
         "jets.yaml:3:15: train.loss: there are 2 targets, say which one is meant (loss: {u: ...})"},
    };
    nib_arena *arena = nib_arena_create();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_expect_str_eq(resolve(arena, cases[i].text, NULL, 0), cases[i].message, "message of case %zu", i);
    nib_arena_destroy(arena);
}

/* File names are relative to the config; those of --set to the current folder. */
Test(config, file_names)
{
    static const char *const sets[] = {"data.source.file=g.h5", "model.init_from=a/b.h5"};
    char here[4096], expected[2][4200];
    nib_arena *arena = nib_arena_create();
    cr_assert_not_null(getcwd(here, sizeof here), "the current folder");
    (void)snprintf(expected[0], sizeof expected[0], "file: %s/g.h5", here);
    (void)snprintf(expected[1], sizeof expected[1], "init_from: %s/a/b.h5", here);
    const char *text = resolve(arena, DATA "model: {mlp: , init_from: runs/x}\n", NULL, 0);
    cr_expect(strstr(text, "file: /d/f.h5") && strstr(text, "init_from: /d/runs/x"), "%s", text);
    text = resolve(arena, DATA "model: {mlp: , init_from: runs/x}\n", sets, 2);
    cr_expect(strstr(text, expected[0]) && strstr(text, expected[1]), "%s", text);
    nib_arena_destroy(arena);
}

Test(config, limits)
{
    static char text[200000];
    nib_arena *arena = nib_arena_create();
    int n = snprintf(text, sizeof text, "%s", DATA "model: {layers: [");
    for (int i = 0; i < 1001; i++)
        n += snprintf(text + n, sizeof text - (size_t)n, "relu, ");
    (void)snprintf(text + n, sizeof text - (size_t)n, "]}\n");
    cr_expect_str_eq(resolve(arena, text, NULL, 0),
                     "jets.yaml:2:17: model.layers: 1001 layers, at most 1000 are possible", "message");
    n = snprintf(text, sizeof text, "%s", DATA "model: {mlp: {hidden: [");
    for (int i = 0; i < 201; i++)
        n += snprintf(text + n, sizeof text - (size_t)n, "4, ");
    (void)snprintf(text + n, sizeof text - (size_t)n, "]}}\n");
    cr_expect_str_eq(resolve(arena, text, NULL, 0),
                     "jets.yaml:2:9: model.mlp.hidden: 201 layers, at most 200 are possible", "message");
    nib_arena_destroy(arena);
}

Test(config, tables)
{
    nib_arena *arena = nib_arena_create();
    nib_error err = {NIB_OK, ""};
    for (int i = 0; i < nib_config_sections_count; i++)
        cr_expect_eq(
            nib_options_check(arena, nib_config_sections[i].table, nib_config_sections[i].path, &err), NIB_OK,
            "%s", err.message);
    for (int i = 0; i < nib_data_sections_count; i++)
        cr_expect_eq(nib_options_check(arena, nib_data_sections[i].table, nib_data_sections[i].path, &err),
                     NIB_OK, "%s", err.message);
    nib_arena_destroy(arena);
}
