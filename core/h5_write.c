#include <stdlib.h>
#include <string.h>

#include "core/h5_internal.h"

static nib_status make_group(nib_h5 *file, const char *path, nib_error *err)
{
    htri_t there = H5Lexists(file->file, path, H5P_DEFAULT);
    if (there < 0)
        return nib_h5_fail(file, path, err, NIB_ERR_IO, "look up the group");
    if (there)
        return NIB_OK;
    hid_t group = H5Gcreate2(file->file, path, H5P_DEFAULT, file->group_make, H5P_DEFAULT);
    if (group < 0 || H5Gclose(group) < 0)
        return nib_h5_fail(file, path, err, NIB_ERR_IO, "make the group");
    return NIB_OK;
}

/* Groups on the way to `path`, one by one: those that the library makes by itself carry times.
 * @param last  the path's last part is a group too */
static nib_status make_parents(nib_h5 *file, const char *path, bool last, nib_error *err)
{
    char part[1024];
    size_t n = strlen(path);
    if (n == 0 || n >= sizeof part)
        return nib_fail(err, NIB_ERR_IO, "%s: the name of an HDF5 object is empty or too long", file->path);
    memcpy(part, path, n + 1);
    char *slash = strrchr(part, '/');
    if (!last && slash)
        *slash = '\0';
    if ((!last && !slash) || strcmp(part, file->parent) == 0)
        return NIB_OK;
    n = strlen(part);
    for (size_t i = 1; i <= n; i++) {
        char c = part[i];
        if ((c != '/' && c != '\0') || part[i - 1] == '/')
            continue;
        part[i] = '\0';
        NIB_TRY(make_group(file, part, err));
        part[i] = c;
    }
    if (n < sizeof file->parent)
        memcpy(file->parent, part, n + 1);
    return NIB_OK;
}

nib_status nib_h5_make_group(nib_h5 *file, const char *path, nib_error *err)
{
    return make_parents(file, path, true, err);
}

nib_status nib_h5_copy(nib_h5 *from, const char *path, nib_h5 *to, nib_error *err)
{
    nib_h5_info info;
    NIB_TRY(nib_h5_dataset_info(from, path, &info, err)); /* within the limits of reading */
    NIB_TRY(make_parents(to, path, false, err));
    if (H5Ocopy(from->file, path, to->file, path, H5P_DEFAULT, H5P_DEFAULT) < 0)
        return nib_h5_fail(to, path, err, NIB_ERR_IO, "copy the dataset");
    return NIB_OK;
}

/* A dataset of `stored` type filled from `data` of `memory` type. */
static nib_status write_dataset(nib_h5 *file, const char *path, hid_t stored, hid_t memory, int rank,
                                const int64_t *dim, const void *data, nib_error *err)
{
    hsize_t size[NIB_H5_MAX_RANK] = {0};
    bool empty = false;
    if (rank < 0 || rank > NIB_H5_MAX_RANK)
        return nib_fail(err, NIB_ERR_SHAPE, "%s: %s: rank %d is not in 0..%d", file->path, path, rank,
                        NIB_H5_MAX_RANK);
    for (int i = 0; i < rank; i++) {
        size[i] = (hsize_t)dim[i];
        empty = empty || dim[i] == 0;
    }
    NIB_TRY(make_parents(file, path, false, err));
    hid_t space = rank ? H5Screate_simple(rank, size, NULL) : H5Screate(H5S_SCALAR);
    hid_t dataset =
        space < 0 ? -1
                  : H5Dcreate2(file->file, path, stored, space, H5P_DEFAULT, file->data_make, H5P_DEFAULT);
    bool good =
        dataset >= 0 && (empty || H5Dwrite(dataset, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0);
    nib_status status = good ? NIB_OK : nib_h5_fail(file, path, err, NIB_ERR_IO, "write");
    if (dataset >= 0 && H5Dclose(dataset) < 0 && status == NIB_OK)
        status = nib_h5_fail(file, path, err, NIB_ERR_IO, "close");
    if (space >= 0)
        (void)H5Sclose(space);
    return status;
}

nib_status nib_h5_write_f32(nib_h5 *file, const char *path, int rank, const int64_t *dim, const float *data,
                            nib_error *err)
{
    return write_dataset(file, path, H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, rank, dim, data, err);
}

nib_status nib_h5_write_f64(nib_h5 *file, const char *path, int rank, const int64_t *dim, const double *data,
                            nib_error *err)
{
    return write_dataset(file, path, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, rank, dim, data, err);
}

nib_status nib_h5_write_i32(nib_h5 *file, const char *path, int rank, const int64_t *dim, const int32_t *data,
                            nib_error *err)
{
    return write_dataset(file, path, H5T_STD_I32LE, H5T_NATIVE_INT32, rank, dim, data, err);
}

nib_status nib_h5_write_i64(nib_h5 *file, const char *path, int rank, const int64_t *dim, const int64_t *data,
                            nib_error *err)
{
    return write_dataset(file, path, H5T_STD_I64LE, H5T_NATIVE_INT64, rank, dim, data, err);
}

nib_status nib_h5_write_u8(nib_h5 *file, const char *path, int rank, const int64_t *dim, const uint8_t *data,
                           nib_error *err)
{
    return write_dataset(file, path, H5T_STD_U8LE, H5T_NATIVE_UINT8, rank, dim, data, err);
}

/* A fixed-length string type, NUL-padded as h5py's; -1 on failure. */
static hid_t string_type(size_t bytes)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    if (type >= 0 && (H5Tset_size(type, bytes ? bytes : 1) < 0 || H5Tset_strpad(type, H5T_STR_NULLPAD) < 0 ||
                      H5Tset_cset(type, H5T_CSET_UTF8) < 0)) {
        (void)H5Tclose(type);
        return -1;
    }
    return type;
}

/* `count` strings side by side, each NUL-padded to the longest (at least 1 byte). From malloc, or NULL. */
static char *side_by_side(int count, const char *const *text, size_t *width)
{
    *width = 1;
    for (int i = 0; i < count; i++)
        if (strlen(text[i]) > *width)
            *width = strlen(text[i]);
    char *block = calloc(count > 0 ? (size_t)count : 1, *width);
    for (int i = 0; block && i < count; i++)
        memcpy(block + (size_t)i * *width, text[i], strlen(text[i]));
    return block;
}

static nib_status write_strings(nib_h5 *file, const char *path, int rank, int count, const char *const *text,
                                nib_error *err)
{
    size_t width;
    int64_t dim[1] = {count};
    char *block = side_by_side(count, text, &width);
    if (!block)
        return nib_fail_memory(err, path);
    hid_t type = string_type(width);
    nib_status status = type < 0 ? nib_h5_fail(file, path, err, NIB_ERR_IO, "make a string type")
                                 : write_dataset(file, path, type, type, rank, dim, block, err);
    if (type >= 0)
        (void)H5Tclose(type);
    free(block);
    return status;
}

nib_status nib_h5_write_text(nib_h5 *file, const char *path, const char *text, nib_error *err)
{
    return write_strings(file, path, 0, 1, &text, err);
}

nib_status nib_h5_write_strings(nib_h5 *file, const char *path, int count, const char *const *text,
                                nib_error *err)
{
    return write_strings(file, path, 1, count, text, err);
}

/* An attribute of the object at `path`, replacing one of that name. */
static nib_status set_attribute(nib_h5 *file, const char *path, const char *name, hid_t type, hid_t memory,
                                int rank, hsize_t count, const void *data, nib_error *err)
{
    hid_t object;
    NIB_TRY(nib_h5_open_object(file, path, &object, err));
    if (H5Aexists(object, name) > 0)
        (void)H5Adelete(object, name);
    hid_t space = rank ? H5Screate_simple(1, &count, NULL) : H5Screate(H5S_SCALAR);
    hid_t attribute = space < 0 ? -1 : H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    bool good = attribute >= 0 && (count == 0 || H5Awrite(attribute, memory, data) >= 0);
    nib_status status = good ? NIB_OK : nib_h5_fail(file, path, err, NIB_ERR_IO, "write an attribute");
    if (attribute >= 0 && H5Aclose(attribute) < 0 && status == NIB_OK)
        status = nib_h5_fail(file, path, err, NIB_ERR_IO, "close an attribute");
    if (space >= 0)
        (void)H5Sclose(space);
    (void)H5Oclose(object);
    return status;
}

static nib_status set_attribute_strings(nib_h5 *file, const char *path, const char *name, int rank, int count,
                                        const char *const *text, nib_error *err)
{
    size_t width;
    char *block = side_by_side(count, text, &width);
    if (!block)
        return nib_fail_memory(err, path);
    hid_t type = string_type(width);
    nib_status status = type < 0
                            ? nib_h5_fail(file, path, err, NIB_ERR_IO, "make a string type")
                            : set_attribute(file, path, name, type, type, rank, (hsize_t)count, block, err);
    if (type >= 0)
        (void)H5Tclose(type);
    free(block);
    return status;
}

nib_status nib_h5_set_attribute_text(nib_h5 *file, const char *path, const char *name, const char *text,
                                     nib_error *err)
{
    return set_attribute_strings(file, path, name, 0, 1, &text, err);
}

nib_status nib_h5_set_attribute_strings(nib_h5 *file, const char *path, const char *name, int count,
                                        const char *const *text, nib_error *err)
{
    /* Keras itself writes an empty list as float64 of shape (0,). */
    if (count == 0)
        return set_attribute(file, path, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, 1, 0, NULL, err);
    return set_attribute_strings(file, path, name, 1, count, text, err);
}

nib_status nib_h5_set_attribute_i64(nib_h5 *file, const char *path, const char *name, int64_t value,
                                    nib_error *err)
{
    return set_attribute(file, path, name, H5T_STD_I64LE, H5T_NATIVE_INT64, 0, 1, &value, err);
}
