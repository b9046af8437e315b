/* Exported models (model.h5), two ways.
 *
 *  An input that begins with HDF5's signature is a file. Any other input chooses a sound export among the
 * seeds and is a list of edits to it: drop, reshape, retype, overwrite, splice, rename, another head. The
 * edited file gets a right digest, so that the edits reach the checks behind it. Both are read as the program
 * reads an export: its golden samples are run (`emulate --golden`), and its model is made, filled and
 * compared with its network (`emulate`, `inspect`). What comes back is NIB_OK or a message of one line, and
 * no HDF5 object stays open. (That the engine runs whatever network passes its checks is for fuzz_fixnet.)
 *
 *  The seeds base_*.h5 are `nibble export --rows 4` of small runs: see tests/fuzz/make_model_seeds.sh.
 */
#include <ctype.h>

#include "core/team.h"
#include "tools/export_check.h"
#include "tools/network.h"
#include "train/model_file.h"

#include "tests/fuzz/h5_edits.c" /* the fuzz targets are one source each */

enum { MAX_BYTES = 1 << 18, BASES = 3, MAX_DIGITS = 3 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

typedef struct base_file {
    int count;
    item items[MAX_ITEMS];
} base_file;

static base_file base[BASES];
static nib_arena *arena_of_bases;
static nib_team *team;

/* Those that nibble reads back; the others, which are for hls4ml and for people, would only cost time. */
static int keep_read(item *items, int count)
{
    int kept = 0;
    for (int i = 0; i < count; i++)
        if (strncmp(items[i].path, "/nibble/", 8) == 0 && strncmp(items[i].path, "/nibble/export/", 15) != 0)
            items[kept++] = items[i];
    return kept;
}

/* Making a model of a million units is no fault, but it takes the time that others need. */
static bool is_large(const char *config)
{
    int digits = 0;
    const char *model = strstr(config, "\nmodel:");
    for (const char *c = model ? model + 1 : config; *c && (*c != '\n' || isspace((unsigned char)c[1]));
         c++) {
        digits = isdigit((unsigned char)*c) ? digits + 1 : 0;
        if (digits > MAX_DIGITS || (digits && (c[1] == 'e' || c[1] == 'E')))
            return true;
    }
    return false;
}

/* Is the model made, and its network its own? */
static bool read_model(nib_h5 *h5)
{
    nib_error err = {0};
    nib_model_file *file = NULL;
    nib_model *model = NULL;
    const nib_fixnet *net;
    nib_status status = nib_model_file_from(h5, &file, &err);
    demand(status, &err);
    const bool large = status == NIB_OK && is_large(file->config_text);
    if (status == NIB_OK && !large) {
        status = nib_model_create(&model, file->config, &file->shapes, &err);
        demand(status, &err);
        if (status == NIB_OK)
            status = nib_model_file_load_from(h5, model->params, &err);
        demand(status, &err);
        if (status == NIB_OK)
            status = nib_network_stored_in(h5, model, file->arena, &net, &err);
        demand(status, &err);
    }
    nib_model_destroy(model);
    nib_model_file_close(file);
    return status == NIB_OK && !large;
}

/* Are all its golden samples answered alike? */
static bool run_golden(nib_h5 *h5)
{
    nib_error err = {0};
    nib_export_check check;
    const nib_status status = nib_export_check_from(h5, team, NULL, &check, &err);
    demand(status, &err);
    return status == NIB_OK && check.differing == 0;
}

/* What is edited must be sound before, or edits would be refused for something else. */
static void check_unedited(const base_file *b, nib_arena *arena)
{
    const file_head head = {"nibble", "export", 1, NULL, 1};
    nib_error err = {0};
    nib_h5 *h5;
    void *image;
    size_t bytes;
    write_items(b->items, b->count, &head, arena, &image, &bytes);
    require(nib_h5_open_image(&h5, "unedited.h5", image, bytes, &err), &err);
    if (!run_golden(h5) || !read_model(h5)) {
        fprintf(stderr, "an unedited file is refused\n");
        abort();
    }
    nib_h5_close(h5);
    free(image);
}

static void free_bases(void)
{
    nib_team_destroy(team);
    nib_arena_destroy(arena_of_bases);
}

static void make_bases(void)
{
    static const char *const names[BASES] = {"base_residual.h5", "base_channels.h5", "base_table.h5"};
    nib_error err = {0};
    nib_arena *arena = arena_of_bases = nib_arena_create();
    require(nib_team_create(&team, 1, &err), &err);
    (void)atexit(free_bases);
    for (int i = 0; i < BASES; i++) {
        nib_h5 *h5;
        require(nib_h5_open(
                    &h5, nib_arena_printf(arena, "%s/fuzz/corpus/model/%s", NIB_TEST_FOLDER, names[i]), &err),
                &err);
        base[i].count = keep_read(base[i].items, read_items(h5, arena, base[i].items));
        nib_h5_close(h5);
        check_unedited(&base[i], arena);
    }
}

static void read_image(const void *image, size_t bytes, unsigned parts)
{
    nib_error err = {0};
    nib_h5 *h5 = NULL;
    const nib_status status = nib_h5_open_image(&h5, "fuzz.h5", image, bytes, &err);
    demand(status, &err);
    if (status != NIB_OK)
        return;
    if (parts & 1)
        (void)run_golden(h5);
    if (parts & 2)
        (void)read_model(h5);
    nib_h5_close(h5);
    if (H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL) != 0) {
        fprintf(stderr, "HDF5 objects were left open\n");
        abort();
    }
}

static void read_edited(bytes_left in)
{
    void *image = NULL;
    size_t bytes = 0;
    const unsigned first = take(&in), parts = first / BASES % 3;
    const base_file *b = &base[first % BASES];
    nib_arena *arena = nib_arena_create();
    item *items = NIB_NEW(arena, item, b->count);
    memcpy(items, b->items, (size_t)b->count * sizeof *items);
    edit_items(arena, items, b->count, &in);
    write_edited(items, b->count, "export", arena, &in, &image, &bytes);
    read_image(image, bytes, parts ? parts : 3);
    free(image);
    nib_arena_destroy(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static const uint8_t signature[4] = {0x89, 'H', 'D', 'F'};
    if (!team)
        make_bases();
    if (bytes > MAX_BYTES)
        return 0;
    if (bytes >= sizeof signature && memcmp(data, signature, sizeof signature) == 0)
        read_image(data, bytes, 3);
    else
        read_edited((bytes_left){data, bytes});
    return 0;
}
