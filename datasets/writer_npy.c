#include "core/file.h"
#include "datasets/npy.h"
#include "datasets/writer.h"

#include <stdlib.h>
#include <string.h>

static nib_status write(const char *path, int count, const nib_table *table, nib_error *err)
{
    (void)count; /* one, by max_tables */
    const int64_t dim[] = {table->rows, table->cols};
    size_t header_bytes = 0, bytes = (size_t)(table->rows * table->cols) * sizeof(float);
    nib_arena *arena = nib_arena_create();
    char *header = arena ? nib_npy_header_f32(arena, 2, dim, &header_bytes) : NULL;
    char *image = header ? malloc(header_bytes + bytes) : NULL;
    nib_status status = NIB_ERR_MEMORY;
    if (image) {
        memcpy(image, header, header_bytes);
        memcpy(image + header_bytes, table->values, bytes);
        status = nib_file_write(path, image, header_bytes + bytes, err);
    } else {
        status = nib_fail_memory(err, "predictions");
    }
    free(image);
    nib_arena_destroy(arena);
    return status;
}

const nib_writer nib_writer_npy = {
    .name = "npy",
    .help = "NumPy: one float32 array [rows, width]",
    .source = "NEP 1, A simple file format for NumPy arrays, version 1.0",
    .suffixes = "npy",
    .max_tables = 1,
    .write = write,
};
