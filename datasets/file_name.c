/** File names of the config: environment, and what they are relative to. */
#include "core/file.h"
#include "core/names.h"
#include "datasets/data_config_internal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/** Text being put together in a buffer that the arena owns. */
typedef struct text {
    char *data;
    size_t used, size;
} text;

static bool append(nib_arena *arena, text *t, const char *piece, size_t n)
{
    if (t->used + n + 1 > t->size) {
        size_t size = 2 * (t->used + n + 1);
        char *data = NIB_NEW(arena, char, size);
        if (!data)
            return false;
        if (t->used)
            memcpy(data, t->data, t->used);
        t->data = data;
        t->size = size;
    }
    memcpy(t->data + t->used, piece, n);
    t->used += n;
    t->data[t->used] = '\0';
    return true;
}

static nib_status expand(nib_arena *arena, const nib_doc *value, const char *key, const char **out,
                         nib_error *err)
{
    text t = {0};
    const char *p = value->text;
    for (;;) {
        const char *dollar = strstr(p, "${");
        size_t n = dollar ? (size_t)(dollar - p) : strlen(p);
        if (!append(arena, &t, p, n))
            return nib_fail_memory(err, "file name");
        if (!dollar)
            break;
        const char *end = strchr(dollar, '}');
        char *name = nib_arena_strndup(arena, dollar + 2, end ? (size_t)(end - dollar - 2) : 0);
        if (!name)
            return nib_fail_memory(err, "file name");
        if (!end || !nib_names_is_identifier(name))
            return nib_doc_fail(&value->place, err, NIB_ERR_CONFIG,
                                "%s: '%s': write ${NAME} for the environment variable NAME", key,
                                value->text);
        const char *content = getenv(name);
        if (!content || !*content)
            return nib_doc_fail(&value->place, err, NIB_ERR_CONFIG,
                                "%s: the environment variable %s is not set", key, name);
        if (!append(arena, &t, content, strlen(content)))
            return nib_fail_memory(err, "file name");
        p = end + 1;
    }
    *out = t.data;
    return NIB_OK;
}

/** Drop "./" elements and doubled slashes; ".." stays (a link may stand before it). */
static void tidy(char *path)
{
    char *to = path;
    for (const char *from = path; *from;) {
        bool at_start = from == path || from[-1] == '/';
        if (at_start && from[0] == '.' && from[1] == '/') {
            from += 2;
        } else if (at_start && from[0] == '/' && from != path) {
            from++;
        } else {
            *to++ = *from++;
        }
    }
    *to = '\0';
}

nib_status nib_data_file_name(nib_arena *arena, const nib_doc *value, const char *folder, const char *key,
                              const char **path, nib_error *err)
{
    const char *name = "";
    NIB_TRY(expand(arena, value, key, &name, err));
    if (!*name)
        return nib_doc_fail(&value->place, err, NIB_ERR_CONFIG, "%s: the file name is empty", key);
    bool from_command_line = value->place.file && strncmp(value->place.file, "--set", 5) == 0;
    char *full = nib_path_join(arena, from_command_line || !folder ? "." : folder, name);
    if (full && full[0] != '/') {
        char here[4096];
        if (!getcwd(here, sizeof here))
            return nib_fail(err, NIB_ERR_SYSTEM, "the current folder has no name");
        full = nib_path_join(arena, here, full);
    }
    if (!full)
        return nib_fail_memory(err, "file name");
    tidy(full);
    *path = full;
    return NIB_OK;
}
