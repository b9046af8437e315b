#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/h5_internal.h"

nib_status nib_h5_open_object(nib_h5 *file, const char *path, hid_t *object, nib_error *err)
{
    if (!nib_h5_has(file, path))
        return nib_fail(err, NIB_ERR_CONFIG, "%s: there is no \"%s\" in the file", file->path, path);
    *object = H5Oopen(file->file, path, file->access);
    return *object < 0 ? nib_h5_fail(file, path, err, NIB_ERR_INPUT, "open") : NIB_OK;
}

bool nib_h5_has(nib_h5 *file, const char *path)
{
    char part[1024];
    size_t n = strlen(path);
    bool there = n > 0 && n < sizeof part;
    if (there)
        memcpy(part, path, n + 1);
    /* H5Lexists answers for the last element only and fails when one before it is missing. */
    for (size_t i = 1; there && i <= n; i++) {
        if ((path[i] != '/' && path[i] != '\0') || path[i - 1] == '/')
            continue;
        part[i] = '\0';
        there = H5Lexists(file->file, part, file->access) > 0 &&
                H5Oexists_by_name(file->file, part, file->access) > 0;
        part[i] = path[i];
    }
    (void)H5Eclear2(H5E_DEFAULT);
    return there;
}

static H5O_type_t object_type(nib_h5 *file, const char *path)
{
    H5O_info_t info;
    H5O_type_t type = H5O_TYPE_UNKNOWN;
    if (nib_h5_has(file, path) &&
        H5Oget_info_by_name2(file->file, path, &info, H5O_INFO_BASIC, file->access) >= 0)
        type = info.type;
    (void)H5Eclear2(H5E_DEFAULT);
    return type;
}

bool nib_h5_is_group(nib_h5 *file, const char *path)
{
    return object_type(file, path) == H5O_TYPE_GROUP;
}

/* Class, size and exactness of an element type. */
static void describe_type(hid_t type, nib_h5_info *info)
{
    size_t sign, exponent_at, exponent, mantissa_at, mantissa;
    info->element_bytes = H5Tget_size(type);
    switch (H5Tget_class(type)) {
    case H5T_INTEGER:
    case H5T_ENUM: /* h5py's bool */
        info->class_ = NIB_H5_INTEGER;
        info->exact_in_float = info->element_bytes <= 2;
        break;
    case H5T_FLOAT:
        info->class_ = NIB_H5_FLOAT;
        info->exact_in_float =
            H5Tget_fields(type, &sign, &exponent_at, &exponent, &mantissa_at, &mantissa) >= 0 &&
            exponent <= 8 && mantissa <= 23;
        break;
    case H5T_STRING:
        info->class_ = NIB_H5_STRING;
        break;
    default:
        info->class_ = NIB_H5_OTHER;
        break;
    }
}

/* Shape within limits: rank and number of elements. */
static nib_status describe_shape(const nib_h5 *file, const char *path, hid_t space, nib_h5_info *info,
                                 nib_error *err)
{
    hsize_t dim[H5S_MAX_RANK];
    info->rank = H5Sget_simple_extent_ndims(space);
    if (info->rank < 0 || info->rank > NIB_H5_MAX_RANK)
        return nib_fail(err, NIB_ERR_INPUT, "%s: %s: rank %d is not in 0..%d", file->path, path, info->rank,
                        NIB_H5_MAX_RANK);
    if (H5Sget_simple_extent_dims(space, dim, NULL) < 0)
        return nib_h5_fail(file, path, err, NIB_ERR_INPUT, "read the shape");
    info->elements = H5Sget_simple_extent_type(space) == H5S_NULL ? 0 : 1;
    for (int i = 0; i < info->rank; i++) {
        int64_t bound = info->elements > 0 ? NIB_H5_MAX_ELEMENTS / info->elements : NIB_H5_MAX_ELEMENTS;
        if (dim[i] > (hsize_t)bound)
            return nib_fail(err, NIB_ERR_INPUT, "%s: %s: more than 2^40 elements", file->path, path);
        info->dim[i] = (int64_t)dim[i];
        info->elements *= info->dim[i];
    }
    return NIB_OK;
}

static nib_status check_filters(const nib_h5 *file, const char *path, hid_t list, nib_error *err)
{
    int n = H5Pget_nfilters(list);
    if (n < 0)
        return nib_h5_fail(file, path, err, NIB_ERR_INPUT, "read the filters");
    if (n > 4)
        return nib_fail(err, NIB_ERR_INPUT, "%s: %s: %d filters, at most 4 are read", file->path, path, n);
    for (unsigned i = 0; i < (unsigned)n; i++) {
        unsigned flags, config;
        size_t values = 0;
        char name[64] = "";
        H5Z_filter_t filter = H5Pget_filter2(list, i, &flags, &values, NULL, sizeof name - 1, name, &config);
        if (filter != H5Z_FILTER_DEFLATE && filter != H5Z_FILTER_SHUFFLE && filter != H5Z_FILTER_FLETCHER32)
            return nib_fail(
                err, NIB_ERR_UNSUPPORTED,
                "%s: %s: filter %d (%.40s) is not supported; use gzip, shuffle, fletcher32 or none "
                "(h5repack -f GZIP=1)",
                file->path, path, (int)filter, name);
    }
    return NIB_OK;
}

/* More bytes than deflate can make out of what is stored is a damaged or hostile shape. */
static nib_status check_stored(const nib_h5 *file, const char *path, hid_t dataset, bool chunked,
                               const nib_h5_info *info, nib_error *err)
{
    enum { DEFLATE_MOST = 1040, SLACK = 4096 };
    uint64_t stored = H5Dget_storage_size(dataset);
    uint64_t wanted = (uint64_t)info->elements * info->element_bytes;
    if (file->writing || info->elements == 0)
        return NIB_OK;
    (void)H5Eclear2(H5E_DEFAULT);
    if (stored == 0)
        return nib_fail(err, NIB_ERR_INPUT, "%s: %s: its values were never written", file->path, path);
    if (stored > (uint64_t)file->bytes ||
        wanted / (chunked ? DEFLATE_MOST : 1) > stored + (chunked ? SLACK : 0))
        return nib_fail(err, NIB_ERR_INPUT,
                        "%s: %s: damaged: %" PRIu64 " bytes of values cannot lie in %" PRIu64 " stored bytes",
                        file->path, path, wanted, stored);
    return NIB_OK;
}

static nib_status describe_layout(const nib_h5 *file, const char *path, hid_t dataset, nib_h5_info *info,
                                  nib_error *err)
{
    const hsize_t chunk_most = (hsize_t)1 << 30;
    hsize_t chunk[H5S_MAX_RANK];
    nib_status status = NIB_OK;
    hid_t list = H5Dget_create_plist(dataset);
    if (list < 0)
        return nib_h5_fail(file, path, err, NIB_ERR_INPUT, "read the layout");
    H5D_layout_t layout = H5Pget_layout(list);
    if (layout == H5D_VIRTUAL || H5Pget_external_count(list) != 0) {
        status = nib_fail(err, NIB_ERR_UNSUPPORTED,
                          "%s: %s: its values lie in other files; copy them into one (h5repack)", file->path,
                          path);
    } else if (layout == H5D_CHUNKED) {
        hsize_t bytes = info->element_bytes;
        int rank = H5Pget_chunk(list, H5S_MAX_RANK, chunk);
        bool good = rank == info->rank && bytes > 0;
        for (int i = 0; good && i < rank; i++) {
            good = chunk[i] > 0 && chunk[i] <= chunk_most / bytes;
            bytes *= chunk[i];
        }
        if (!good)
            status = nib_fail(err, NIB_ERR_INPUT, "%s: %s: chunks of more than 1 GiB, or damaged", file->path,
                              path);
        else
            info->chunk_rows = (int64_t)chunk[0];
        if (status == NIB_OK)
            status = check_filters(file, path, list, err);
    } else if (layout < 0) {
        status = nib_h5_fail(file, path, err, NIB_ERR_INPUT, "read the layout");
    }
    (void)H5Pclose(list);
    NIB_TRY(status);
    return check_stored(file, path, dataset, layout == H5D_CHUNKED, info, err);
}

/* Everything about an open dataset, within limits. */
static nib_status describe(const nib_h5 *file, const char *path, hid_t dataset, nib_h5_info *info,
                           nib_error *err)
{
    memset(info, 0, sizeof *info);
    hid_t type = H5Dget_type(dataset);
    hid_t space = H5Dget_space(dataset);
    nib_status status = type < 0 || space < 0 ? nib_h5_fail(file, path, err, NIB_ERR_INPUT, "read the type")
                                              : describe_shape(file, path, space, info, err);
    if (status == NIB_OK) {
        describe_type(type, info);
        if (info->element_bytes == 0 || info->element_bytes > NIB_H5_MAX_TEXT_BYTES)
            status = nib_fail(err, NIB_ERR_INPUT, "%s: %s: elements of %zu bytes", file->path, path,
                              info->element_bytes);
    }
    if (type >= 0)
        (void)H5Tclose(type);
    if (space >= 0)
        (void)H5Sclose(space);
    NIB_TRY(status);
    return describe_layout(file, path, dataset, info, err);
}

nib_status nib_h5_open_dataset(nib_h5 *file, const char *path, hid_t *dataset, nib_h5_info *info,
                               nib_error *err)
{
    *dataset = H5Oopen(file->file, path, file->access);
    if (*dataset < 0 && nib_h5_has(file, path)) { /* asking has cleared the reason: fail again */
        *dataset = H5Oopen(file->file, path, file->access);
        if (*dataset < 0)
            return nib_h5_fail(file, path, err, NIB_ERR_INPUT, "open");
    }
    H5I_type_t type = *dataset < 0 ? H5I_BADID : H5Iget_type(*dataset);
    if (*dataset >= 0 && type != H5I_DATASET)
        (void)H5Oclose(*dataset);
    if (type == H5I_GROUP)
        return nib_fail(err, NIB_ERR_CONFIG, "%s: \"%s\" is a group, not a dataset", file->path, path);
    if (type != H5I_DATASET)
        return nib_fail(err, NIB_ERR_CONFIG, "%s: there is no dataset \"%s\" in the file", file->path, path);
    nib_status status = describe(file, path, *dataset, info, err);
    if (status != NIB_OK)
        (void)H5Dclose(*dataset);
    return status;
}

nib_status nib_h5_dataset_info(nib_h5 *file, const char *path, nib_h5_info *info, nib_error *err)
{
    hid_t dataset;
    NIB_TRY(nib_h5_open_dataset(file, path, &dataset, info, err));
    (void)H5Dclose(dataset);
    return NIB_OK;
}

/* The file space of rows [first, first + rows), and the matching dense memory space. */
static nib_status select_rows(const nib_h5 *file, const char *path, hid_t dataset, const nib_h5_info *info,
                              int64_t first, int64_t rows, hid_t *in_file, hid_t *in_memory, nib_error *err)
{
    hsize_t start[NIB_H5_MAX_RANK] = {0}, count[NIB_H5_MAX_RANK] = {0};
    for (int i = 0; i < info->rank; i++)
        count[i] = (hsize_t)info->dim[i];
    start[0] = (hsize_t)first;
    count[0] = (hsize_t)rows;
    *in_memory = info->rank ? H5Screate_simple(info->rank, count, NULL) : H5Screate(H5S_SCALAR);
    *in_file = H5Dget_space(dataset);
    if (*in_file >= 0 && *in_memory >= 0 &&
        (info->rank == 0 || H5Sselect_hyperslab(*in_file, H5S_SELECT_SET, start, NULL, count, NULL) >= 0))
        return NIB_OK;
    nib_status status = nib_h5_fail(file, path, err, NIB_ERR_INPUT, "select rows");
    if (*in_file >= 0)
        (void)H5Sclose(*in_file);
    if (*in_memory >= 0)
        (void)H5Sclose(*in_memory);
    return status;
}

nib_status nib_h5_read_open(const nib_h5 *file, const char *path, hid_t dataset, const nib_h5_info *info,
                            hid_t memory, int64_t first, int64_t rows, void *out, nib_error *err)
{
    int64_t most = info->rank ? info->dim[0] : 1;
    hid_t in_file, in_memory;
    if (first < 0 || rows < 0 || first > most || rows > most - first)
        return nib_fail(err, NIB_ERR_INPUT,
                        "%s: %s: rows %" PRId64 " to %" PRId64 " were asked for, there are %" PRId64,
                        file->path, path, first, first + rows, most);
    if (rows == 0 || info->elements == 0)
        return NIB_OK;
    NIB_TRY(select_rows(file, path, dataset, info, first, rows, &in_file, &in_memory, err));
    nib_status status = H5Dread(dataset, memory, in_memory, in_file, file->transfer, out) < 0
                            ? nib_h5_fail(file, path, err, NIB_ERR_INPUT, "read")
                            : NIB_OK;
    (void)H5Sclose(in_file);
    (void)H5Sclose(in_memory);
    return status;
}

static nib_status read_numbers(nib_h5 *file, const char *path, bool integers, hid_t memory, int64_t first,
                               int64_t rows, void *out, nib_error *err)
{
    nib_h5_info info;
    hid_t dataset;
    nib_status status;
    NIB_TRY(nib_h5_open_dataset(file, path, &dataset, &info, err));
    if (info.class_ == NIB_H5_INTEGER || (info.class_ == NIB_H5_FLOAT && !integers))
        status = nib_h5_read_open(file, path, dataset, &info, memory, first, rows, out, err);
    else
        status = nib_fail(err, NIB_ERR_CONFIG, "%s: %s: holds no %s", file->path, path,
                          integers ? "integers" : "numbers");
    (void)H5Dclose(dataset);
    return status;
}

nib_status nib_h5_read_f32(nib_h5 *file, const char *path, int64_t first, int64_t rows, float *out,
                           nib_error *err)
{
    return read_numbers(file, path, false, H5T_NATIVE_FLOAT, first, rows, out, err);
}

nib_status nib_h5_read_f64(nib_h5 *file, const char *path, int64_t first, int64_t rows, double *out,
                           nib_error *err)
{
    return read_numbers(file, path, false, H5T_NATIVE_DOUBLE, first, rows, out, err);
}

nib_status nib_h5_read_i64(nib_h5 *file, const char *path, int64_t first, int64_t rows, int64_t *out,
                           nib_error *err)
{
    return read_numbers(file, path, true, H5T_NATIVE_INT64, first, rows, out, err);
}

static nib_status check_scalar(nib_h5 *file, const char *path, nib_error *err)
{
    nib_h5_info info;
    NIB_TRY(nib_h5_dataset_info(file, path, &info, err));
    if (info.elements == 1)
        return NIB_OK;
    return nib_fail(err, NIB_ERR_INPUT, "%s: %s: holds %" PRId64 " numbers, not one", file->path, path,
                    info.elements);
}

nib_status nib_h5_read_scalar_f64(nib_h5 *file, const char *path, double *out, nib_error *err)
{
    NIB_TRY(check_scalar(file, path, err));
    return nib_h5_read_f64(file, path, 0, 1, out, err);
}

nib_status nib_h5_read_scalar_i64(nib_h5 *file, const char *path, int64_t *out, nib_error *err)
{
    NIB_TRY(check_scalar(file, path, err));
    return nib_h5_read_i64(file, path, 0, 1, out, err);
}
