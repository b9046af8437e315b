/* Edits to a valid file of nibble, for the fuzz targets that read such files: some of its datasets are
 * changed as the bytes of an input say, so that the edits reach nibble's checks and not only libhdf5's.
 * Included by these targets, which are one source each. */
#include "tests/fuzz/h5_items.c"

enum { MAX_EDITS = 8 };

/* libhdf5 1.10.8 leaks where it refuses damaged files; that nibble closes what it opens is checked below. */
const char *__lsan_default_suppressions(void), *__lsan_default_options(void);

const char *__lsan_default_suppressions(void)
{
    return "leak:libhdf5";
}

const char *__lsan_default_options(void)
{
    return "print_suppressions=0";
}

static void demand(nib_status status, const nib_error *err)
{
    if (status == NIB_OK || (err->message[0] && !strpbrk(err->message, "\n\r\033") && err->code == status))
        return;
    fprintf(stderr, "status %d, code %d: '%s'\n", (int)status, (int)err->code, err->message);
    abort();
}

/* ---- Edits ---- */

typedef struct bytes_left {
    const uint8_t *at;
    size_t left;
} bytes_left;

static unsigned take(bytes_left *in)
{
    if (!in->left)
        return 0;
    in->left--;
    return *in->at++;
}

static int64_t take_number(bytes_left *in)
{
    uint64_t value = 0;
    unsigned n = take(in) % 9;
    for (unsigned i = 0; i < n; i++)
        value |= (uint64_t)take(in) << (8 * i);
    return (int64_t)value;
}

/* A part of a text replaced by up to 255 bytes of the input; NUL becomes a space. */
static const char *splice(nib_arena *arena, const char *text, bytes_left *in)
{
    char piece[256];
    size_t n = strlen(text), at = (take(in) | take(in) << 8) % (n + 1), cut = take(in), add = take(in);
    cut = cut < n - at ? cut : n - at;
    for (size_t i = 0; i < add; i++) {
        piece[i] = (char)take(in);
        piece[i] = piece[i] ? piece[i] : ' ';
    }
    const char *joined =
        nib_arena_printf(arena, "%.*s%.*s%s", (int)at, text, (int)add, piece, text + at + cut);
    return joined ? joined : text;
}

static void reshape(item *it, bytes_left *in)
{
    it->rank = (int)(take(in) % 5);
    it->n = 1;
    for (int i = 0; i < it->rank; i++) {
        it->dim[i] = take(in) % 9;
        it->n *= it->dim[i];
    }
    if (it->n > MAX_VALUES) {
        it->rank = 1;
        it->n = it->dim[0] = MAX_VALUES;
    }
}

static void edit(nib_arena *arena, item *it, bytes_left *in)
{
    int64_t k = it->n > 0 ? (int64_t)take(in) % it->n : 0;
    switch (take(in) % 6) {
    case 0:
        it->path = NULL; /* dropped */
        break;
    case 1:
        reshape(it, in);
        break;
    case 2:
        it->class_ = (nib_h5_class)(take(in) % 3);
        it->narrow = take(in) % 2;
        break;
    case 3:
        it->integer[k] = take_number(in);
        memcpy(&it->real[k], &it->integer[k], sizeof(double));
        break;
    case 4:
        it->text[k] = splice(arena, it->text[k], in);
        break;
    default:
        it->path = splice(arena, it->path, in);
        break;
    }
}

/* A few items of `items`, which the caller owns, changed as the input says; their values are copied first. */
static void edit_items(nib_arena *arena, item *items, int count, bytes_left *in)
{
    for (int i = 0; i < MAX_EDITS && in->left > 2; i++) {
        item *it = &items[take(in) % (unsigned)count];
        if (!it->path)
            continue;
        item copy = *it; /* the values belong to the base */
        copy.real = NIB_NEW(arena, double, it->room);
        copy.integer = NIB_NEW(arena, int64_t, it->room);
        copy.text = NIB_NEW(arena, const char *, it->room);
        memcpy(copy.real, it->real, (size_t)it->room * sizeof *copy.real);
        memcpy(copy.integer, it->integer, (size_t)it->room * sizeof *copy.integer);
        memcpy(copy.text, it->text, (size_t)it->room * sizeof *copy.text);
        edit(arena, &copy, in);
        *it = copy;
    }
}

static void edit_head(nib_arena *arena, file_head *head, bytes_left *in)
{
    const unsigned change = take(in) % 16;
    if (change == 1)
        head->format = splice(arena, head->format, in);
    if (change == 2)
        head->kind = splice(arena, head->kind, in);
    if (change == 3)
        head->version = take_number(in);
    if (change == 4)
        head->fixnet = take_number(in);
}

static void write_edited(const item *items, int count, const char *kind, nib_arena *arena, bytes_left *in,
                         void **image, size_t *bytes)
{
    file_head head = {"nibble", kind, 1, NULL, 1};
    edit_head(arena, &head, in);
    write_items(items, count, &head, arena, image, bytes);
}
