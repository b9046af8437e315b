/* Wrong inputs: what each command says to them, word for word. None crashes or writes anything; all exit
 * with 2. */
#include <criterion/criterion.h>

#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/file.h"
#include "core/h5.h"
#include "tests/tools/call.h"

enum { ROWS = 200, FEATURES = 4 };

/* ---- The files that the cases speak of ---- */

static void write_text(const char *path, const char *text)
{
    nib_error err = {NIB_OK, ""};
    cr_assert_eq(nib_file_write(path, text, strlen(text), &err), NIB_OK, "%s", err.message);
}

typedef struct table {
    int64_t rows, labels, columns; /* rows of x and of the labels, columns of x */
    int64_t bad_row;               /* -1: none */
    float bad_value;
    int32_t bad_label;
} table;

/* x [rows, 4], label [labels] in {0, 1}, value [rows] real; one bad entry. */
static void write_h5(const char *path, const table *t)
{
    nib_error err = {NIB_OK, ""};
    nib_h5 *file;
    static float x[ROWS * FEATURES], value[ROWS];
    static int32_t label[ROWS];
    for (int i = 0; i < ROWS; i++) {
        label[i] = i % 2;
        value[i] = (float)i / ROWS;
        for (int j = 0; j < FEATURES; j++)
            x[i * FEATURES + j] = (float)((i * 7 + j * 3) % 11) + (float)label[i];
    }
    if (t->bad_row >= 0 && t->bad_label)
        label[t->bad_row] = t->bad_label;
    else if (t->bad_row >= 0)
        x[t->bad_row * FEATURES + 2] = t->bad_value;
    cr_assert_eq(nib_h5_create(&file, &err), NIB_OK, "%s", err.message);
    cr_assert_eq(nib_h5_write_f32(file, "x", 2, (int64_t[]){t->rows, t->columns}, x, &err), NIB_OK, "%s",
                 err.message);
    cr_assert_eq(nib_h5_write_i32(file, "label", 1, (int64_t[]){t->labels}, label, &err), NIB_OK, "%s",
                 err.message);
    cr_assert_eq(nib_h5_write_f32(file, "value", 1, (int64_t[]){t->rows}, value, &err), NIB_OK, "%s",
                 err.message);
    cr_assert_eq(nib_h5_write_text(file, "text", "hello", &err), NIB_OK, "%s", err.message);
    cr_assert_eq(nib_h5_commit(file, path, &err), NIB_OK, "%s", err.message);
}

static const char base[] = "data: {source: good.h5, x: x, y: label, test: {fraction: 0.2}}\n"
                           "model: {mlp: {hidden: [4]}}\n"
                           "train: {epochs: 1, batch: 32}\n";

static void truncate_file(const char *from, const char *to)
{
    nib_arena *arena = nib_arena_create();
    nib_error err = {NIB_OK, ""};
    char *data;
    size_t bytes;
    cr_assert_eq(nib_file_read(arena, from, 1 << 20, &data, &bytes, &err), NIB_OK, "%s", err.message);
    cr_assert_eq(nib_file_write(to, data, bytes / 2, &err), NIB_OK, "%s", err.message);
    nib_arena_destroy(arena);
}

static void make_files(void)
{
    enter_scratch();
    write_h5("good.h5", &(table){ROWS, ROWS, FEATURES, -1, 0, 0});
    write_h5("nan.h5", &(table){ROWS, ROWS, FEATURES, 17, NAN, 0});
    write_h5("inf.h5", &(table){ROWS, ROWS, FEATURES, 18, INFINITY, 0});
    write_h5("short.h5", &(table){ROWS, ROWS - 50, FEATURES, -1, 0, 0});
    write_h5("empty.h5", &(table){0, 0, FEATURES, -1, 0, 0});
    write_h5("negative.h5", &(table){ROWS, ROWS, FEATURES, 19, 0, -3});
    write_h5("narrow.h5", &(table){ROWS, ROWS, FEATURES - 1, -1, 0, 0});
    truncate_file("good.h5", "truncated.h5");
    write_text("text.h5", "this is no HDF5 file\n");
    write_text("zero.h5", "");
    write_text("base.yaml", base);
    write_text("syntax.yaml", "data: {source: good.h5\nmodel: [\n");
    write_text("twice.yaml", "train: {epochs: 1}\nmodel: {mlp: }\ntrain: {epochs: 2}\n");
    write_text("binary.yaml", "data: \x01\x02\n");
    write_text("quant.yaml", "data: {source: good.h5, x: x, y: label}\nmodel: {mlp: }\nquant: {bits: 1}\n");
    write_text("classes.yaml", "data: {source: good.h5, inputs: {x: x, classes: x}, targets: {y: label}}\n"
                               "model: {mlp: {hidden: [4]}}\n");
    write_text("empty.yaml", "# nothing\n");
    write_text(
        "mono.yaml",
        "data: {source: good.h5, x: x, y: label}\nmodel: {mlp: {hidden: [4]}}\ntrain: {monitor: val_f1}\n");
    cr_assert_eq(mkdir("folder", 0777), 0, "a folder");
    cr_assert_eq(mkdir("norun", 0777), 0, "a folder");
}

/* ---- What is there before and after ---- */

/* Names, sizes and contents of all files below the current folder, as one number. */
static uint32_t state;

static int add_to_state(const char *path, const struct stat *info, int type, struct FTW *at)
{
    (void)info, (void)at;
    nib_error err = {NIB_OK, ""};
    uint32_t crc = 0;
    int64_t bytes = 0;
    if (type == FTW_F)
        cr_assert_eq(nib_file_digest(path, &crc, &bytes, &err), NIB_OK, "%s", err.message);
    uint32_t own =
        nib_crc32(nib_crc32(nib_crc32(0, path, strlen(path)), &crc, sizeof crc), &bytes, sizeof bytes);
    state += own; /* whatever the order of the walk */
    return 0;
}

static uint32_t state_of_files(void)
{
    state = 0;
    cr_assert_eq(nftw(".", add_to_state, 16, FTW_PHYS), 0, "the scratch folder can be walked");
    return state;
}

/* ---- The cases ---- */

typedef struct wrong {
    const char *words, *message;
} wrong;

static void refuse_all(const wrong *cases, size_t n)
{
    uint32_t before = state_of_files();
    for (size_t i = 0; i < n; i++) {
        outcome o;
        char expected[2048];
        call_nibble(cases[i].words, &o);
        (void)snprintf(expected, sizeof expected, "%s%s\n",
                       strncmp(cases[i].message, "nibble ", 7) == 0 ? "" : "nibble: ", cases[i].message);
        cr_expect_eq(o.status, 2, "nibble %s: exit status %d", cases[i].words, o.status);
        cr_expect_str_eq(o.err, expected, "nibble %s:\n%s", cases[i].words, o.err);
        cr_expect_str_empty(o.out, "nibble %s: printed %s", cases[i].words, o.out);
    }
    cr_expect_eq(state_of_files(), before, "no file was made, changed or removed");
}

Test(wrong, arguments)
{
    static const wrong cases[] = {
        {"trian base.yaml", "unknown command 'trian' (did you mean 'train'?)"},
        {"train", "nibble train: CONFIG is missing (nibble init NAME writes one)"},
        {"train base.yaml base.yaml",
         "nibble train: unexpected argument 'base.yaml' (usage: nibble train CONFIG)"},
        {"train base.yaml --epochs 3",
         "nibble train: unknown option --epochs (nibble train --help lists them)"},
        {"train base.yaml --quite", "nibble train: unknown option --quite (did you mean --quiet?)"},
        {"train base.yaml --threads 0", "nibble train: --threads: 0 is outside 1 to 1024"},
        {"train base.yaml --threads two", "nibble train: --threads: 'two' is no number"},
        {"train base.yaml --threads 1.5", "nibble train: --threads: '1.5' is no whole number"},
        {"train base.yaml --set", "nibble train: --set needs a value (KEY=VALUE)"},
        {"train base.yaml --set train.epochs",
         "--set train.epochs: path=value is expected, as in train.epochs=10"},
        {"train base.yaml --quiet=1", "nibble train: --quiet takes no value"},
        {"train base.yaml --resume norun", "nibble train: --resume goes on with the run's own config; it "
                                           "takes no CONFIG, --set, --runs or --output"},
        {"train --resume no-run", "no-run: there is no such run folder"},
        {"train --resume norun", "norun: not a run that can be resumed: there is no config.yaml in it"},
        {"train base.yaml -o base.yaml",
         "base.yaml: exists already and is not an empty folder; runs are never overwritten"},
        {"eval", "nibble eval: too few arguments (usage: nibble eval RUN|MODEL)"},
        {"predict good.h5", "nibble predict: --output FILE is missing (.h5, .npy or .csv)"},
        {"predict good.h5 -o p.txt", "p.txt: predictions are written to .h5, .npy, .csv files"},
        {"predict good.h5 -o good.h5", "good.h5 exists; choose another name or give --force"},
        {"init base", "base.yaml is there already; nothing was written"},
        {"init base.yaml", "base.yaml is there already; nothing was written"},
        {"init folder/", "nibble init: 'folder/' is no name of a file"},
        {"init nowhere/new", "nowhere/new.yaml cannot be written: No such file or directory"},
        {"init new --recipe jet", "nibble init: there is no recipe 'jet' (did you mean 'jets'?)"},
        {"list layer_s", "nibble list: there are no 'layer_s' (did you mean 'layers'?)"},
        {"describe dens", "nibble describe: there is no 'dens' (did you mean 'dense'?)"},
        {"describe", "nibble describe: too few arguments (usage: nibble describe NAME)"},
    };
    make_files();
    refuse_all(cases, sizeof cases / sizeof *cases);
    leave_scratch();
}

Test(wrong, configs)
{
    static const wrong cases[] = {
        {"train no.yaml", "no.yaml: cannot open: No such file or directory"},
        {"train folder", "folder: not a regular file"},
        {"config good.h5", "good.h5:1:1: invalid leading UTF-8 octet"},
        {"train syntax.yaml",
         "syntax.yaml:2:6: did not find expected ',' or '}' while parsing a flow mapping"},
        {"train twice.yaml", "twice.yaml:3:1: duplicate key 'train' (first in line 1)"},
        {"train binary.yaml", "binary.yaml:1:7: control characters are not allowed"},
        {"train quant.yaml", "quant.yaml:3:15: quant.bits: 1 is below the limit 2 bits"},
        {"train mono.yaml",
         "mono.yaml:3:18: train.monitor: there is no column 'val_f1' (did you mean 'val_auc'?)"},
        {"train empty.yaml", "empty.yaml:1:1: data is missing (where the rows come from)"},
        {"train base.yaml --set train.epochs=0",
         "--set train.epochs=0: train.epochs: 0 is below the limit 1 epochs"},
        {"train base.yaml --set train.epoch=3",
         "--set train.epoch=3: unknown key 'epoch' in train (did you mean 'epochs'?)"},
        {"train base.yaml --set train.epochs=abc",
         "--set train.epochs=abc: train.epochs: 'abc' is not an integer"},
        {"train base.yaml --set train.batch=1e9",
         "--set train.batch=1e9: train.batch: 1e9 is above the limit 10000000 rows"},
        {"train base.yaml --set train.lr=0.1",
         "--set train.lr=0.1: unknown key 'lr' in train (it belongs in train.optimizer.adam)"},
        {"train base.yaml --set train.optimizer=adm",
         "--set train.optimizer=adm: train.optimizer: unknown optimizer 'adm' (did you mean 'adam'?)"},
        {"train base.yaml --set train.optimizer.adam.lr=fast",
         "--set train.optimizer.adam.lr=fast: train.optimizer.adam.lr: 'fast' is not a number"},
        {"train base.yaml --set train.loss=mse --set train.metrics=top_k",
         "--set train.metrics=top_k: train.metrics.y: top_k is no metric of a target with loss mse"},
        {"train base.yaml --set train.loss.y.categorical_crossentropy.class_weight=[1,2,3]",
         "--set train.loss.y.categorical_crossentropy.class_weight=[1,2,3]: train.loss: y "
         "(categorical_crossentropy): class_weight has 3 numbers, there are 2 classes"},
        {"train base.yaml --set model.layers.fc1.kernel_initializer=glorot",
         "--set model.layers.fc1.kernel_initializer=glorot: model.layers.fc1.kernel_initializer: there is no "
         "initializer 'glorot' (see nibble list initializers)"},
        {"train base.yaml --set model.layers.fc2.units=3",
         "--set model.layers.fc2.units=3: model.layers has no 'fc2' (did you mean 'fc1'?)"},
        {"train base.yaml --set model.layers.logits.units=7",
         "base.yaml:2:9: layer logits: 7 units, but target y has 2 classes (write units: auto)"},
        {"train base.yaml --set model.layers.fc1.name=kernel1",
         "--set model.layers.fc1.name=kernel1: layer name 'kernel1' contains 'kernel', which stands for a "
         "variable in model files"},
        {"train base.yaml --set model.outputs.y=relu1",
         "base.yaml:2:9: layer logits: units: auto is for layers named in model.outputs; write the number of "
         "outputs"},
        {"train base.yaml --set model.deepsets.hidden=[3]",
         "--set model.deepsets.hidden=[3]: model.deepsets: networks of sets are not supported by this "
         "version"},
        {"train base.yaml --set data.test.fraction=1.5",
         "--set data.test.fraction=1.5: data.test.fraction: 1.5 is above the limit 0.999999"},
        {"train base.yaml --set data.source={generator:~none}",
         "--set data.source={generator: none}: data.source.generator: unknown generator 'none'"},
        {"train base.yaml --set data.inputs.x.preprocess=standardise",
         "--set data.inputs.x.preprocess=standardise: data.inputs.x.preprocess: unknown preprocessing "
         "'standardise' (did you mean 'standardize'?)"},
        {"train base.yaml --set data.source.file=${NO_SUCH_VARIABLE}/f.h5",
         "--set data.source.file=${NO_SUCH_VARIABLE}/f.h5: data.source.file: the environment variable "
         "NO_SUCH_VARIABLE is not set"},
    };
    make_files();
    refuse_all(cases, sizeof cases / sizeof *cases);
    leave_scratch();
}

Test(wrong, files)
{
    static const wrong cases[] = {
        {"train base.yaml --set data.source.file=no.h5",
         "--set data.source.file=no.h5: @/no.h5: there is no such file"},
        {"train base.yaml --set data.source.file=folder", "@/folder: not a regular file"},
        {"train base.yaml --set data.source.file=text.h5", "@/text.h5: not an HDF5 file"},
        {"train base.yaml --set data.source.file=zero.h5", "@/zero.h5: the file is empty"},
        {"train base.yaml --set data.source.file=truncated.h5",
         "@/truncated.h5: truncated: the file should have 6853 bytes and has 3426"},
        {"train base.yaml --set data.source.file=nan.h5",
         "nan.h5: x: row 17, column 2: NaN; remove such rows or replace the value"},
        {"train base.yaml --set data.source.file=inf.h5",
         "inf.h5: x: row 18, column 2: Inf; remove such rows or replace the value"},
        {"train base.yaml --set data.source.file=short.h5", "short.h5: label has 150 rows, but x has 200"},
        {"train base.yaml --set data.source.file=empty.h5", "empty.h5: x is empty (0 rows of 4 values)"},
        {"train base.yaml --set data.source.file=negative.h5",
         "negative.h5: label: row 19: label -3; labels count from 0"},
        {"train base.yaml --set data.x=xx",
         "--set data.x=xx: data.inputs.x: good.h5 has no 'xx' (did you mean 'x'?)"},
        {"train base.yaml --set data.x=text", "good.h5: text holds no numbers"},
        {"train base.yaml --set data.y=value",
         "good.h5: value: row 1: 0.005 is not a class label; labels are integers from 0"},
        {"train base.yaml --set data.y=x",
         "good.h5: x: row 0, column 1: 3 in what should be one-hot rows of 0 and 1"},
        {"train classes.yaml", "classes.yaml:1:40: data.inputs: an input cannot be called 'classes': model "
                               "files keep the names of the "
                               "classes there"},
        {"train base.yaml --set data.inputs.x.columns=[9]",
         "--set data.inputs.x.columns=[9]: data.inputs.x.columns: there is no column 9; x has 4 columns, "
         "counted from 0"},
        {"train base.yaml --set data.test={rows:~no.npy}",
         "--set data.test={rows: no.npy}: @/no.npy: there is no such file"},
        {"train base.yaml --set data.test={rows:~base.yaml}",
         "base.yaml:1: 'data: {source: good.h5, x: x, y: label, ' is not a row number"},
        {"train base.yaml --set model.init_from=no.h5", "@/no.h5: there is no such run folder or model file"},
        {"train base.yaml --set model.init_from=good.h5",
         "@/good.h5: neither a model file of nibble nor a Keras weights file (no attribute layer_names); "
         "save the whole model as .h5 in Keras"},
        {"eval no-run", "no-run: there is no such run folder or model file"},
        {"eval norun", "norun: there is no best.h5 in this folder"},
        {"eval good.h5", "good.h5: not written by nibble: there is no group /nibble in it"},
        {"eval base.yaml", "base.yaml: not an HDF5 file"},
        {"inspect no.h5", "no.h5: there is no such run folder or model file"},
        {"inspect text.h5", "text.h5: not an HDF5 file"},
        {"inspect zero.h5", "zero.h5: the file is empty"},
        {"inspect truncated.h5", "truncated.h5: truncated: the file should have 6853 bytes and has 3426"},
        {"inspect norun", "norun: there is no best.h5 in this folder"},
        {"predict good.h5 -o p.h5", "good.h5: not written by nibble: there is no group /nibble in it"},
        {"predict truncated.h5 -o p.csv",
         "truncated.h5: truncated: the file should have 6853 bytes and has 3426"},
    };
    make_files();
    refuse_all(cases, sizeof cases / sizeof *cases);
    leave_scratch();
}

/* Of a run that is there and must stay as it is. */
Test(wrong, runs)
{
    static const wrong cases[] = {
        {"train base.yaml -o runs/base-001",
         "runs/base-001: exists already and is not an empty folder; runs are never overwritten"},
        {"eval runs/base-001 --part tset", "--part: 'tset' is none of test, validation, train"},
        {"eval runs/base-001 --data no.h5", "@/no.h5: there is no such file"},
        {"eval runs/base-001 --data nan.h5",
         "nan.h5: x: row 17, column 2: NaN; remove such rows or replace the value"},
        {"eval runs/base-001 --data narrow.h5",
         "narrow.h5: x has 3 columns, but input x has 4 in the trained model"},
        {"eval runs/base-001 --set model.layers.fc1.units=9",
         "runs/base-001/best.h5: /nibble/param/fc1/kernel: shape (4 x 4), but fc1/kernel of the model has (4 "
         "x 9)"},
        {"eval runs/base-001 --set train.metrics=[f1]",
         "--set train.metrics=[f1]: train.metrics.y: unknown metric 'f1' (known: accuracy, top_k, auc, "
         "rejection, mse, mae)"},
        {"predict runs/base-001 -o p.npy", "p.npy exists; choose another name or give --force"},
        {"predict runs/base-001 -o q.npy --data narrow.h5",
         "narrow.h5: x has 3 columns, but input x has 4 in the trained model"},
        {"predict runs/base-001 -o q.npy --part tset", "--part: 'tset' is none of test, validation, train"},
        {"inspect runs", "runs: there is no best.h5 in this folder"},
        {"train base.yaml --set model.init_from=runs/base-001 --set model.layers.fc1.units=9",
         "@/runs/base-001/best.h5: /nibble/param/fc1/kernel: shape (4 x 4), but fc1/kernel of the model has "
         "(4 x 9)"},
    };
    outcome o;
    make_files();
    call_nibble("train base.yaml --quiet", &o);
    cr_assert_eq(o.status, 0, "a run to speak of: %s", o.err);
    call_nibble("predict runs/base-001 -o p.npy --quiet", &o);
    cr_assert_eq(o.status, 0, "predictions to speak of: %s", o.err);
    refuse_all(cases, sizeof cases / sizeof *cases);
    leave_scratch();
}
