/** Mapping prepared files. Texts and arrays are used where they lie in the file; every length is checked
 * against it first. */
#include "datasets/prepared_internal.h"

#include "core/file.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_COUNT = 1 << 20 };

typedef struct reading {
    nib_arena *arena;
    const char *name; /* of the file, for messages */
    const char *data;
    uint64_t at, head_bytes, total_bytes;
} reading;

static nib_status fail_damaged(const reading *r, nib_error *err)
{
    return nib_fail(err, NIB_ERR_INPUT, "%s: this prepared data file is damaged", r->name);
}

static nib_status get(reading *r, void *out, uint64_t bytes, nib_error *err)
{
    if (bytes > r->head_bytes - r->at)
        return fail_damaged(r, err);
    memcpy(out, r->data + r->at, bytes);
    r->at += bytes;
    return NIB_OK;
}

static nib_status get_number(reading *r, int64_t low, int64_t high, int64_t *number, nib_error *err)
{
    NIB_TRY(get(r, number, sizeof *number, err));
    return *number < low || *number > high ? fail_damaged(r, err) : NIB_OK;
}

static nib_status get_count(reading *r, int64_t low, int *count, nib_error *err)
{
    int64_t n = 0;
    NIB_TRY(get_number(r, low, MAX_COUNT, &n, err));
    *count = (int)n;
    return NIB_OK;
}

static nib_status get_text(reading *r, const char **text, nib_error *err)
{
    const char *begin = r->data + r->at, *end = memchr(begin, 0, r->head_bytes - r->at);
    if (!end)
        return fail_damaged(r, err);
    r->at += (uint64_t)(end - begin) + 1;
    *text = begin;
    return NIB_OK;
}

/** As many texts as `count`, or none. */
static nib_status get_texts(reading *r, int64_t count, const char *const **texts, nib_error *err)
{
    int64_t n = 0;
    *texts = NULL;
    NIB_TRY(get_number(r, -1, count, &n, err));
    if (n < 0)
        return NIB_OK;
    const char **list = NIB_NEW(r->arena, const char *, count);
    if (!list)
        return nib_fail_memory(err, "prepared data");
    if (n != count)
        return fail_damaged(r, err);
    for (int64_t i = 0; i < count; i++)
        NIB_TRY(get_text(r, &list[i], err));
    *texts = list;
    return NIB_OK;
}

static nib_status get_files(reading *r, nib_data *data, nib_error *err)
{
    NIB_TRY(get_count(r, 0, &data->n_files, err));
    nib_data_file *file = NIB_NEW(r->arena, nib_data_file, data->n_files);
    if (!file)
        return nib_fail_memory(err, "prepared data");
    for (int i = 0; i < data->n_files; i++) {
        int64_t crc = 0;
        NIB_TRY(get_text(r, &file[i].path, err));
        NIB_TRY(get_number(r, 0, UINT32_MAX, &crc, err));
        NIB_TRY(get_number(r, 0, INT64_MAX, &file[i].bytes, err));
        file[i].crc = (uint32_t)crc;
        file[i].name = nib_path_base(file[i].path);
    }
    data->files = file;
    return NIB_OK;
}

/** @param of_sets  an array of its own in every part: a mark until the arrays are found */
static nib_status get_input(reading *r, nib_preprocess_state *p, nib_data_input *input, nib_error *err)
{
    static const int64_t mark;
    int64_t of_sets = 0;
    NIB_TRY(get_text(r, &p->input, err));
    NIB_TRY(get_text(r, &p->kind, err));
    NIB_TRY(get_number(r, 1, MAX_COUNT, &p->width, err));
    double *shift = NIB_NEW(r->arena, double, p->width), *divisor = NIB_NEW(r->arena, double, p->width);
    if (!shift || !divisor)
        return nib_fail_memory(err, "prepared data");
    NIB_TRY(get(r, shift, (uint64_t)p->width * sizeof *shift, err));
    NIB_TRY(get(r, divisor, (uint64_t)p->width * sizeof *divisor, err));
    NIB_TRY(get_texts(r, p->width, &p->features, err));
    NIB_TRY(get_number(r, 0, 1, &of_sets, err));
    p->shift = shift;
    p->divisor = divisor;
    *input = (nib_data_input){p->input, p->width, p->features, NULL, of_sets ? &mark : NULL};
    return NIB_OK;
}

static nib_status get_target(reading *r, nib_data_target *target, nib_error *err)
{
    int64_t kind = 0;
    NIB_TRY(get_text(r, &target->name, err));
    NIB_TRY(get_number(r, NIB_TARGET_CLASS, NIB_TARGET_REAL, &kind, err));
    NIB_TRY(get_number(r, 1, MAX_COUNT, &target->width, err));
    NIB_TRY(get_texts(r, target->width, &target->classes, err));
    target->kind = (nib_target_kind)kind;
    return NIB_OK;
}

/** The next array lies at the next multiple of 64. */
static nib_status take_array(void *context, const void **array, uint64_t bytes, nib_error *err)
{
    reading *r = context;
    uint64_t at = (r->at + NIB_ALIGN - 1) / NIB_ALIGN * NIB_ALIGN;
    if (at > r->total_bytes || bytes > r->total_bytes - at)
        return fail_damaged(r, err);
    *array = r->data + at;
    r->at = at + bytes;
    return NIB_OK;
}

/** What a part's arrays are described by, while they are looked for. */
typedef struct part_reading {
    nib_dataset *set;
    nib_data_input *input;
    nib_data_target *target;
    bool weight;
} part_reading;

static nib_status get_part(reading *r, int n_inputs, const nib_data_input *inputs, int n_targets,
                           const nib_data_target *targets, part_reading *part, nib_error *err)
{
    int64_t with_weight = 0;
    nib_dataset *set = part->set;
    NIB_TRY(get_number(r, 0, INT64_C(1) << 40, &set->rows, err));
    NIB_TRY(get_count(r, 0, &set->n_targets, err));
    NIB_TRY(get_number(r, 0, 1, &with_weight, err));
    if (set->n_targets != 0 && set->n_targets != n_targets)
        return fail_damaged(r, err);
    part->input = NIB_NEW(r->arena, nib_data_input, n_inputs);
    part->target = NIB_NEW(r->arena, nib_data_target, n_targets);
    if (!part->input || !part->target)
        return nib_fail_memory(err, "prepared data");
    for (int i = 0; i < n_inputs; i++)
        part->input[i] = inputs[i];
    for (int i = 0; i < n_targets; i++)
        part->target[i] = targets[i];
    set->n_inputs = n_inputs;
    set->input = part->input;
    set->target = set->n_targets ? part->target : NULL;
    part->weight = with_weight != 0;
    return NIB_OK;
}

static nib_status get_all(reading *r, nib_data *data, nib_error *err)
{
    part_reading parts[NIB_PART_COUNT] = {
        {.set = &data->train}, {.set = &data->validation}, {.set = &data->test}};
    int n_targets;
    NIB_TRY(get(r, &data->fingerprint, sizeof data->fingerprint, err));
    NIB_TRY(get_files(r, data, err));
    NIB_TRY(get_count(r, 1, &data->n_inputs, err));
    nib_preprocess_state *state = NIB_NEW(r->arena, nib_preprocess_state, data->n_inputs);
    nib_data_input *input = NIB_NEW(r->arena, nib_data_input, data->n_inputs);
    if (!state || !input)
        return nib_fail_memory(err, "prepared data");
    for (int i = 0; i < data->n_inputs; i++)
        NIB_TRY(get_input(r, &state[i], &input[i], err));
    data->preprocess = state;
    NIB_TRY(get_count(r, 0, &n_targets, err));
    nib_data_target *target = NIB_NEW(r->arena, nib_data_target, n_targets);
    if (!target)
        return nib_fail_memory(err, "prepared data");
    for (int i = 0; i < n_targets; i++)
        NIB_TRY(get_target(r, &target[i], err));
    for (int part = 0; part < NIB_PART_COUNT; part++)
        NIB_TRY(get_part(r, data->n_inputs, input, n_targets, target, &parts[part], err));
    if (r->at != r->head_bytes)
        return fail_damaged(r, err);
    for (part_reading *p = parts; p < parts + NIB_PART_COUNT; p++)
        NIB_TRY(nib_prepared_each_array(p->set, p->input, p->target, p->weight, take_array, r, err));
    return NIB_OK;
}

static nib_status check_head(reading *r, uint64_t bytes, nib_error *err)
{
    nib_prepared_head head;
    if (bytes < sizeof head)
        return fail_damaged(r, err);
    memcpy(&head, r->data, sizeof head);
    if (memcmp(head.magic, "nibPREP", 8) != 0 || head.byte_order != 0x01020304)
        return nib_fail(err, NIB_ERR_INPUT, "%s: not a prepared data file of this machine", r->name);
    if (head.version != NIB_PREPARED_VERSION)
        return nib_fail(err, NIB_ERR_INPUT, "%s: prepared by another version (%u, this is %d)", r->name,
                        head.version, NIB_PREPARED_VERSION);
    if (head.total_bytes != bytes || head.head_bytes > bytes || head.head_bytes < sizeof head ||
        nib_crc32(0, r->data + sizeof head, head.head_bytes - sizeof head) != head.crc)
        return fail_damaged(r, err);
    r->at = sizeof head;
    r->head_bytes = head.head_bytes;
    r->total_bytes = bytes;
    return NIB_OK;
}

static nib_status map_file(const char *path, void **mapping, size_t *bytes, nib_error *err)
{
    struct stat about;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return nib_fail(err, NIB_ERR_INPUT, "%s: cannot be opened", path);
    bool ok = fstat(fd, &about) == 0 && S_ISREG(about.st_mode) && about.st_size > 0;
    *bytes = ok ? (size_t)about.st_size : 0;
    *mapping = ok ? mmap(NULL, *bytes, PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;
    (void)close(fd);
    if (*mapping == MAP_FAILED)
        return nib_fail(err, NIB_ERR_INPUT, "%s: cannot be mapped", path);
    return NIB_OK;
}

nib_status nib_prepared_map(const char *path, nib_data **data, nib_error *err)
{
    *data = NULL;
    nib_arena *arena = nib_arena_create();
    nib_data *made = arena ? NIB_NEW(arena, nib_data, 1) : NULL;
    if (!made) {
        nib_arena_destroy(arena);
        return nib_fail_memory(err, "prepared data");
    }
    made->arena = arena;
    void *mapping = NULL;
    size_t bytes = 0;
    nib_status status = map_file(path, &mapping, &bytes, err);
    if (status == NIB_OK) {
        made->mapping = mapping;
        made->mapping_bytes = bytes;
        reading r = {.arena = arena, .name = path, .data = mapping};
        status = check_head(&r, bytes, err);
        if (status == NIB_OK)
            status = get_all(&r, made, err);
    }
    if (status != NIB_OK) {
        nib_data_destroy(made);
        return status;
    }
    *data = made;
    return NIB_OK;
}
