/* CRC-32 over the datasets of a file: their paths, classes, shapes and values. */
#include <stdlib.h>
#include <string.h>

#include "core/file.h"
#include "core/h5_internal.h"

/* The head of a dataset: path with its NUL, class, rank and shape as little-endian 64-bit numbers. */
static uint32_t digest_head(uint32_t crc, const char *path, const nib_h5_info *info)
{
    unsigned char bytes[8 * (2 + NIB_H5_MAX_RANK)];
    int n = 0;
    crc = nib_crc32(crc, path, strlen(path) + 1);
    for (int i = -2; i < info->rank; i++) {
        int64_t value = i == -2 ? (int64_t)info->class_ : i == -1 ? info->rank : info->dim[i];
        for (int shift = 0; shift < 64; shift += 8)
            bytes[n++] = (unsigned char)((uint64_t)value >> shift);
    }
    return nib_crc32(crc, bytes, (size_t)n);
}

static nib_status digest_numbers(nib_h5 *file, const char *path, hid_t dataset, const nib_h5_info *info,
                                 uint32_t *crc, nib_error *err)
{
    const int64_t block_bytes = 1 << 20;
    bool narrow = info->class_ == NIB_H5_FLOAT && info->element_bytes <= 4;
    hid_t memory = info->class_ == NIB_H5_INTEGER ? H5T_STD_I64LE : narrow ? H5T_IEEE_F32LE : H5T_IEEE_F64LE;
    int64_t rows = info->rank ? info->dim[0] : 1;
    if (info->elements == 0)
        return NIB_OK;
    int64_t row_bytes = info->elements / rows * (narrow ? 4 : 8);
    int64_t block = row_bytes < block_bytes ? block_bytes / row_bytes : 1;
    block = block < rows ? block : rows;
    void *values = calloc((size_t)block, (size_t)row_bytes);
    nib_status status = values ? NIB_OK : nib_fail_memory(err, path);
    for (int64_t first = 0; status == NIB_OK && first < rows; first += block) {
        int64_t n = rows - first < block ? rows - first : block;
        status = nib_h5_read_open(file, path, dataset, info, memory, first, n, values, err);
        if (status == NIB_OK)
            *crc = nib_crc32(*crc, values, (size_t)(n * row_bytes));
    }
    free(values);
    return status;
}

static nib_status digest_strings(nib_h5 *file, const char *path, uint32_t *crc, nib_error *err)
{
    nib_arena *arena = nib_arena_create();
    int count = 0;
    const char *const *text = NULL;
    nib_status status =
        arena ? nib_h5_read_strings(file, path, arena, &count, &text, err) : nib_fail_memory(err, path);
    for (int i = 0; status == NIB_OK && i < count; i++)
        *crc = nib_crc32(*crc, text[i], strlen(text[i]) + 1);
    nib_arena_destroy(arena);
    return status;
}

static nib_status digest_dataset(nib_h5 *file, const char *path, uint32_t *crc, nib_error *err)
{
    nib_h5_info info;
    hid_t dataset;
    NIB_TRY(nib_h5_open_dataset(file, path, &dataset, &info, err));
    nib_status status = NIB_OK;
    *crc = digest_head(*crc, path, &info);
    if (info.class_ == NIB_H5_STRING)
        status = digest_strings(file, path, crc, err);
    else if (info.class_ != NIB_H5_OTHER)
        status = digest_numbers(file, path, dataset, &info, crc, err);
    else
        status = nib_fail(err, NIB_ERR_INPUT, "%s: %s: neither numbers nor text", file->path, path);
    (void)H5Dclose(dataset);
    return status;
}

nib_status nib_h5_digest(nib_h5 *file, const char *group, uint32_t *crc, nib_error *err)
{
    int count = 0;
    const char *const *paths = NULL;
    nib_arena *arena = nib_arena_create();
    nib_status status =
        arena ? nib_h5_datasets(file, group, arena, &count, &paths, err) : nib_fail_memory(err, "digest");
    *crc = 0;
    for (int i = 0; status == NIB_OK && i < count; i++)
        status = digest_dataset(file, paths[i], crc, err);
    nib_arena_destroy(arena);
    return status;
}
