#include "datasets/reader.h"

#include <string.h>
#include <strings.h>

#define NIB_READER(name) extern const nib_reader nib_reader_##name;
#include "datasets/readers.def"
#undef NIB_READER

#define NIB_READER(name) &nib_reader_##name,
const nib_reader *const nib_readers[] = {
#include "datasets/readers.def"
};
#undef NIB_READER
const int nib_readers_count = (int)(sizeof nib_readers / sizeof *nib_readers);

const nib_reader *nib_reader_for(const char *path)
{
    size_t length = strlen(path);
    for (int i = 0; i < nib_readers_count; i++)
        for (const char *const *suffix = nib_readers[i]->suffixes; *suffix; suffix++) {
            size_t n = strlen(*suffix);
            if (length > n && strcasecmp(path + length - n, *suffix) == 0)
                return nib_readers[i];
        }
    return NULL;
}

nib_status nib_split_texts(nib_arena *arena, const char *text, int *count, const char *const **texts,
                           nib_error *err)
{
    static const char separators[] = ", \t\r\n";
    const char **list = NIB_NEW(arena, const char *, strlen(text) / 2 + 1);
    if (!list)
        return nib_fail_memory(err, "names");
    int n = 0;
    for (const char *p = text + strspn(text, separators); *p; p += strspn(p, separators)) {
        size_t length = strcspn(p, separators);
        list[n] = nib_arena_strndup(arena, p, length);
        if (!list[n++])
            return nib_fail_memory(err, "names");
        p += length;
    }
    *count = n;
    *texts = list;
    return NIB_OK;
}

nib_status nib_copy_texts(nib_arena *arena, int count, const char *const *texts, const char *const **copies,
                          nib_error *err)
{
    const char **list = NIB_NEW(arena, const char *, count);
    if (!list)
        return nib_fail_memory(err, "names");
    for (int i = 0; i < count; i++)
        if (!(list[i] = nib_arena_strdup(arena, texts[i])))
            return nib_fail_memory(err, "names");
    *copies = list;
    return NIB_OK;
}
