#include "train/keras_zip.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <zlib.h>

#include "core/file.h"

enum {
    END_BYTES = 22,
    ENTRY_BYTES = 46,
    LOCAL_BYTES = 30,
    MOST_COMMENT = 65535,
    STORED = 0,
    DEFLATED = 8,
    ENCRYPTED = 1
};

static uint32_t u16(const unsigned char *p)
{
    return p[0] | (uint32_t)p[1] << 8;
}

static uint32_t u32(const unsigned char *p)
{
    return u16(p) | u16(p + 2) << 16;
}

/* The record at the end, which says where the directory is. */
static const unsigned char *find_end(const unsigned char *archive, size_t bytes)
{
    if (bytes < END_BYTES)
        return NULL;
    const size_t most = bytes - END_BYTES < MOST_COMMENT ? bytes - END_BYTES : MOST_COMMENT;
    for (size_t back = 0; back <= most; back++) {
        const unsigned char *at = archive + bytes - END_BYTES - back;
        if (u32(at) == 0x06054b50)
            return at;
    }
    return NULL;
}

/* The member's entry in the directory, or NULL; false in *well_formed: the directory is damaged. */
static const unsigned char *find_entry(const unsigned char *archive, size_t bytes, const char *member,
                                       bool *well_formed)
{
    const unsigned char *end = find_end(archive, bytes);
    *well_formed = end != NULL;
    if (!end)
        return NULL;
    size_t at = u32(end + 16);
    for (uint32_t i = 0; i < u16(end + 10); i++) {
        *well_formed = at <= bytes && bytes - at >= ENTRY_BYTES && u32(archive + at) == 0x02014b50;
        if (!*well_formed)
            return NULL;
        const unsigned char *entry = archive + at;
        const size_t name = u16(entry + 28), size = ENTRY_BYTES + name + u16(entry + 30) + u16(entry + 32);
        *well_formed = size <= bytes - at;
        if (!*well_formed)
            return NULL;
        if (name == strlen(member) && memcmp(entry + ENTRY_BYTES, member, name) == 0)
            return entry;
        at += size;
    }
    return NULL;
}

static bool inflate_all(const unsigned char *from, size_t from_bytes, char *to, size_t to_bytes)
{
    z_stream stream;
    memset(&stream, 0, sizeof stream);
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK)
        return false;
    unsigned char nothing[1];
    memcpy(nothing, "", 1);
    stream.next_in = (z_const Bytef *)(uintptr_t)from;
    stream.avail_in = (uInt)from_bytes;
    stream.next_out = (Bytef *)(to_bytes ? (unsigned char *)to : nothing);
    stream.avail_out = (uInt)to_bytes;
    const int said = inflate(&stream, Z_FINISH);
    const bool whole = said == Z_STREAM_END && stream.total_out == to_bytes;
    (void)inflateEnd(&stream);
    return whole;
}

nib_status nib_keras_zip_member(const char *name, const void *image, size_t bytes, const char *member,
                                size_t most, nib_arena *arena, char **data, size_t *data_bytes,
                                nib_error *err)
{
    const unsigned char *archive = image;
    bool well_formed;
    const unsigned char *entry = find_entry(archive, bytes, member, &well_formed);
    if (!well_formed)
        return nib_fail(err, NIB_ERR_INPUT, "%s: no ZIP archive, or a damaged one", name);
    if (!entry)
        return nib_fail(err, NIB_ERR_INPUT, "%s: there is no %s in it", name, member);
    const uint32_t method = u16(entry + 10), packed = u32(entry + 20), size = u32(entry + 24);
    const size_t local = u32(entry + 42);
    if ((u16(entry + 8) & ENCRYPTED) || (method != STORED && method != DEFLATED))
        return nib_fail(err, NIB_ERR_UNSUPPORTED, "%s: %s is encrypted or packed by method %u", name, member,
                        method);
    if (size > most)
        return nib_fail(err, NIB_ERR_INPUT, "%s: %s has %u bytes; %zu are possible", name, member, size,
                        most);
    if (local > bytes || bytes - local < LOCAL_BYTES || u32(archive + local) != 0x04034b50)
        return nib_fail(err, NIB_ERR_INPUT, "%s: damaged at %s", name, member);
    const size_t begin = local + LOCAL_BYTES + u16(archive + local + 26) + u16(archive + local + 28);
    if (begin > bytes || bytes - begin < packed || (method == STORED && packed != size))
        return nib_fail(err, NIB_ERR_INPUT, "%s: %s is truncated", name, member);
    char *out = NIB_NEW(arena, char, (int64_t)size + 1);
    if (!out)
        return nib_fail_memory(err, "archive");
    if (method == STORED)
        memcpy(out, archive + begin, size);
    else if (!inflate_all(archive + begin, packed, out, size))
        return nib_fail(err, NIB_ERR_INPUT, "%s: %s cannot be unpacked", name, member);
    if (nib_crc32(0, out, size) != u32(entry + 16))
        return nib_fail(err, NIB_ERR_INPUT, "%s: the checksum of %s is wrong", name, member);
    *data = out;
    *data_bytes = size;
    return NIB_OK;
}
