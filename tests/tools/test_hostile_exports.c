/* Exported model files that are whole but not sound: cut datasets, numbers that no network has, other
 * versions. Every command that opens them says what is wrong in one line, with exit status 2. */
#include <criterion/criterion.h>

#include <math.h>

#include "core/file.h"
#include "tests/fuzz/h5_items.c"
#include "tests/tools/call.h"

typedef struct sound_file {
    nib_arena *arena;
    int count;
    item items[MAX_ITEMS];
} sound_file;

static void read_sound(sound_file *f)
{
    nib_h5 *h5;
    nib_error err = {NIB_OK, ""};
    f->arena = nib_arena_create();
    cr_assert_eq(nib_h5_open(&h5, NIB_TEST_FOLDER "/fuzz/corpus/model/base_channels.h5", &err), NIB_OK, "%s",
                 err.message);
    f->count = read_items(h5, f->arena, f->items);
    nib_h5_close(h5);
}

static item *find(sound_file *f, const char *path)
{
    for (int i = 0; i < f->count; i++)
        if (f->items[i].path && strcmp(f->items[i].path, path) == 0)
            return &f->items[i];
    cr_assert_fail("no dataset %s", path);
    return NULL;
}

static void write_bad(sound_file *f, const file_head *head)
{
    void *image;
    size_t bytes;
    nib_error err = {NIB_OK, ""};
    write_items(f->items, f->count, head, f->arena, &image, &bytes);
    cr_assert_eq(nib_file_write("bad.h5", image, bytes, &err), NIB_OK, "%s", err.message);
    free(image);
}

/* Does `words` fail with one line that holds `says`? */
static void refuses(const char *words, const char *what, const char *says)
{
    static outcome o;
    call_nibble(words, &o);
    const char *end = strchr(o.err, '\n');
    cr_expect(o.status == 2, "%s, %s: exit status %d, %s", what, words, o.status, o.err);
    cr_expect(strncmp(o.err, "nibble: ", 8) == 0 && end && !end[1], "%s, %s: '%s'", what, words, o.err);
    cr_expect(strstr(o.err, says) != NULL, "%s, %s: '%s' does not say '%s'", what, words, o.err, says);
}

Test(hostile_exports, heads)
{
    static const struct {
        const char *what;
        file_head head;
        const char *says;
    } cases[] = {
        {"a newer version", {"nibble", "export", 2, NULL, 1}, "version 2"},
        {"a version of no file", {"nibble", "export", 0, NULL, 1}, "version 0"},
        {"a version that fits into no int",
         {"nibble", "export", INT64_MAX, NULL, 1},
         "version 9223372036854775807"},
        {"another format", {"nybble", "export", 1, NULL, 1}, "format 'nybble'"},
        {"an unknown kind", {"nibble", "sculpture", 1, NULL, 1}, "kind 'sculpture'"},
        {"a wrong digest", {"nibble", "export", 1, "crc32:00000000", 1}, "damaged"},
        {"a digest that is none", {"nibble", "export", 1, "?", 1}, "damaged"},
    };
    sound_file f;
    enter_scratch();
    read_sound(&f);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_bad(&f, &cases[i].head);
        refuses("emulate bad.h5 --golden", cases[i].what, cases[i].says);
        refuses("inspect bad.h5", cases[i].what, cases[i].says);
        refuses("export bad.h5 -o out --synthetic", cases[i].what, cases[i].says);
        refuses("cost bad.h5", cases[i].what, cases[i].says);
    }
    nib_arena_destroy(f.arena);
    leave_scratch();
}

/* One dataset dropped (no edit), cut to no rows, or with its first number or text changed. */
typedef struct lie {
    const char *path;
    enum { DROP, EMPTY, NUMBER, REAL, TEXT } edit;
    double number;
    const char *text, *says;
} lie;

static void tell(sound_file *f, const lie *l)
{
    item *it = find(f, l->path);
    if (l->edit == DROP)
        it->path = NULL;
    else if (l->edit == EMPTY)
        it->n = it->dim[0] = 0;
    else if (l->edit == NUMBER)
        it->integer[0] = (int64_t)l->number;
    else if (l->edit == REAL)
        it->real[0] = l->number;
    else
        it->text[0] = l->text;
}

#define FIXNET "/nibble/fixnet/"
#define GOLDEN "/nibble/golden/"

Test(hostile_exports, networks_and_golden_samples)
{
    static const lie lies[] = {
        {FIXNET "nodes", DROP, 0, NULL, "nodes"},
        {FIXNET "nodes", EMPTY, 0, NULL, "nodes"},
        {FIXNET "nodes", TEXT, 0, "../../x", "fixnet"},
        {FIXNET "nodes", TEXT, 0, "logits", "fixnet"},
        {FIXNET "op/fc1/kind", TEXT, 0, "sculpture", "sculpture"},
        {FIXNET "op/fc1/kind", TEXT, 0, "add", "fixnet"},
        {FIXNET "op/fc1/inputs", TEXT, 0, "nowhere", "nowhere"},
        {FIXNET "op/fc1/inputs", TEXT, 0, "logits", "logits"},
        {FIXNET "op/fc1/kernel/code", DROP, 0, NULL, "code"},
        {FIXNET "op/fc1/kernel/code", EMPTY, 0, NULL, "kernel"},
        {FIXNET "op/fc1/kernel/code", NUMBER, 1e15, NULL, "kernel"},
        {FIXNET "op/fc1/kernel/type", NUMBER, 200, NULL, "kernel"},
        {FIXNET "op/fc1/kernel/type", NUMBER, -3, NULL, "kernel"},
        {FIXNET "op/fc1/kernel/modes", TEXT, 0, "UP", "kernel/modes"},
        {FIXNET "op/fc1/accum/type", NUMBER, 1e9, NULL, "accum"},
        {FIXNET "op/fc1/reuse", NUMBER, -1, NULL, "reuse"},
        {FIXNET "output/node", TEXT, 0, "nowhere", "output/node"},
        {GOLDEN "input/x/x", DROP, 0, NULL, "golden"},
        {GOLDEN "input/x/x", EMPTY, 0, NULL, "golden"},
        {GOLDEN "output/y/code", DROP, 0, NULL, "golden"},
        {GOLDEN "output/y/code", EMPTY, 0, NULL, "golden"},
    };
    static sound_file f;
    enter_scratch();
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        char what[160];
        read_sound(&f);
        tell(&f, &lies[i]);
        write_bad(&f, &(file_head){"nibble", "export", 1, NULL, 1});
        (void)snprintf(what, sizeof what, "%s, edit %d", lies[i].path, (int)lies[i].edit);
        refuses("emulate bad.h5 --golden", what, lies[i].says);
        nib_arena_destroy(f.arena);
    }
    leave_scratch();
}

Test(hostile_exports, models)
{
    static const lie lies[] = {
        {"/nibble/config", DROP, 0, NULL, "config"},
        {"/nibble/config", TEXT, 0, "{", "bad.h5"},
        {"/nibble/config", TEXT, 0, "model: {mlp: {hidden: [99999999]}}", "bad.h5"},
        {"/nibble/param/fc1/kernel", DROP, 0, NULL, "fc1/kernel"},
        {"/nibble/param/fc1/kernel", EMPTY, 0, NULL, "fc1/kernel"},
        {"/nibble/data/x/preprocess/divisor", REAL, 0, NULL, "divisor"},
        {"/nibble/data/x/preprocess/shift", REAL, (double)INFINITY, NULL, "shift"},
        {"/nibble/target/y/kind", TEXT, 0, "sculpture", "sculpture"},
        {"/nibble/target/y/width", NUMBER, -1, NULL, "width"},
        {"/nibble/target/y/width", NUMBER, 1e15, NULL, "width"},
        {"/nibble/data/classes/y", EMPTY, 0, NULL, "classes"},
    };
    static sound_file f;
    enter_scratch();
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        read_sound(&f);
        tell(&f, &lies[i]);
        write_bad(&f, &(file_head){"nibble", "export", 1, NULL, 1});
        refuses("inspect bad.h5", lies[i].path, lies[i].says);
        nib_arena_destroy(f.arena);
    }
    leave_scratch();
}
