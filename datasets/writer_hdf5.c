#include "core/h5.h"
#include "datasets/writer.h"

#include <limits.h>

static nib_status fill(nib_h5 *file, int count, const nib_table *table, nib_error *err)
{
    for (int i = 0; i < count; i++) {
        const int64_t dim[] = {table[i].rows, table[i].cols};
        NIB_TRY(nib_h5_write_f32(file, table[i].name, 2, dim, table[i].values, err));
        if (table[i].columns)
            NIB_TRY(nib_h5_set_attribute_strings(file, table[i].name, "classes", (int)table[i].cols,
                                                 table[i].columns, err));
    }
    return NIB_OK;
}

static nib_status write(const char *path, int count, const nib_table *table, nib_error *err)
{
    nib_h5 *file;
    NIB_TRY(nib_h5_create(&file, err));
    nib_status status = fill(file, count, table, err);
    if (status == NIB_OK)
        return nib_h5_commit(file, path, err);
    nib_h5_close(file);
    return status;
}

const nib_writer nib_writer_hdf5 = {
    .name = "hdf5",
    .help = "HDF5: a float32 dataset [rows, width] per target, its class names in the attribute classes",
    .source = "HDF5 file format specification, version 3",
    .suffixes = "h5|hdf5",
    .max_tables = INT_MAX,
    .write = write,
};
