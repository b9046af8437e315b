#include "core/h5_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/file.h"

/* The innermost entry of HDF5's error stack says most: keep that one. */
static herr_t keep_innermost(unsigned n, const H5E_error2_t *entry, void *context)
{
    char *text = context;
    if (n == 0 && entry->desc)
        (void)snprintf(text, 256, "%s", entry->desc);
    return 0;
}

nib_status nib_h5_fail(const nib_h5 *file, const char *object, nib_error *err, nib_status code,
                       const char *verb)
{
    char reason[256] = "no reason given";
    (void)H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_innermost, reason);
    (void)H5Eclear2(H5E_DEFAULT);
    for (char *c = reason; *c; c++)
        if ((unsigned char)*c < ' ')
            *c = ' ';
    return nib_fail(err, code, "%s: %s%scannot %s: %s", file->path, object, *object ? ": " : "", verb,
                    reason);
}

/* External links would read files that no fingerprint covers (and that a hostile file could choose). */
static herr_t refuse_external(const char *parent, const char *link, const char *target, const char *object,
                              unsigned *flags, hid_t access, void *context)
{
    (void)parent, (void)link, (void)target, (void)object, (void)flags, (void)access, (void)context;
    return -1;
}

nib_status nib_h5_new(nib_h5 **out, const char *path, nib_error *err)
{
    /* Messages come from nib_h5_fail; the library must never print. */
    (void)H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    nib_h5 *file = calloc(1, sizeof *file);
    if (!file)
        return nib_fail_memory(err, path);
    file->file = -1;
    file->path = strdup(path);
    file->access = H5Pcreate(H5P_DATASET_ACCESS);
    file->group_make = H5Pcreate(H5P_GROUP_CREATE);
    file->data_make = H5Pcreate(H5P_DATASET_CREATE);
    file->transfer = H5Pcreate(H5P_DATASET_XFER);
    if (!file->path || file->access < 0 || file->group_make < 0 || file->data_make < 0 ||
        file->transfer < 0 || H5Pset_buffer(file->transfer, NIB_H5_PIECE_BYTES, NULL, NULL) < 0 ||
        H5Pset_elink_cb(file->access, refuse_external, NULL) < 0 ||
        H5Pset_obj_track_times(file->group_make, 0) < 0 || H5Pset_obj_track_times(file->data_make, 0) < 0 ||
        H5Pset_fill_time(file->data_make, H5D_FILL_TIME_NEVER) < 0) {
        nib_h5_close(file);
        return nib_fail_memory(err, path);
    }
    *out = file;
    return NIB_OK;
}

static void close_lists(nib_h5 *file)
{
    if (file->access >= 0)
        (void)H5Pclose(file->access);
    if (file->group_make >= 0)
        (void)H5Pclose(file->group_make);
    if (file->data_make >= 0)
        (void)H5Pclose(file->data_make);
    if (file->transfer >= 0)
        (void)H5Pclose(file->transfer);
    free(file->path);
    free(file);
}

void nib_h5_close(nib_h5 *file)
{
    if (!file)
        return;
    if (file->file >= 0)
        (void)H5Fclose(file->file);
    (void)H5Eclear2(H5E_DEFAULT);
    if (file->sink.closed)
        free(file->sink.data);
    close_lists(file);
}

const char *nib_h5_path(const nib_h5 *file)
{
    return file->path;
}

/* Little-endian number of `n` bytes. */
static uint64_t little(const unsigned char *p, int n)
{
    uint64_t value = 0;
    for (int i = n - 1; i >= 0; i--)
        value = value << 8 | p[i];
    return value;
}

enum { HEAD_BYTES = 96 };

/* The superblock in `head`: is it one that libhdf5 can be trusted with, and is the whole file there?
 * @param start  offset of the superblock in the file */
static nib_status check_superblock(const char *path, const unsigned char *head, uint64_t start,
                                   uint64_t file_bytes, nib_error *err)
{
    int version = head[8];
    if (version > 3)
        return nib_fail(err, NIB_ERR_INPUT, "%s: HDF5 superblock version %d is unknown (0 to 3)", path,
                        version);
    int offset_bytes = version < 2 ? head[13] : head[9];
    int length_bytes = version < 2 ? head[14] : head[10];
    if ((offset_bytes != 4 && offset_bytes != 8) || (length_bytes != 4 && length_bytes != 8))
        return nib_fail(err, NIB_ERR_INPUT,
                        "%s: damaged HDF5 superblock (offsets of %d, lengths of %d bytes)", path,
                        offset_bytes, length_bytes);
    int base_at = version == 0 ? 24 : version == 1 ? 28 : 12;
    uint64_t base = little(head + base_at, offset_bytes);
    uint64_t end = little(head + base_at + 2 * offset_bytes, offset_bytes);
    if (base != 0 && base != start)
        return nib_fail(err, NIB_ERR_INPUT, "%s: damaged HDF5 superblock (base address %" PRIu64 ")", path,
                        base);
    /* Writers disagree on whether the end counts from the base: take the reading that accepts more. */
    if (end > file_bytes + base)
        return nib_fail(err, NIB_ERR_INPUT,
                        "%s: truncated: the file should have %" PRIu64 " bytes and has %" PRIu64, path, end,
                        file_bytes);
    return NIB_OK;
}

typedef struct byte_source {
    int fd; /* or -1: image */
    const unsigned char *image;
    uint64_t bytes;
} byte_source;

/* HEAD_BYTES at `offset`, zeros beyond the end. */
static bool read_head(const byte_source *source, uint64_t offset, unsigned char *head)
{
    memset(head, 0, HEAD_BYTES);
    size_t n = source->bytes - offset < HEAD_BYTES ? (size_t)(source->bytes - offset) : (size_t)HEAD_BYTES;
    if (source->image) {
        memcpy(head, source->image + offset, n);
        return true;
    }
    return pread(source->fd, head, n, (off_t)offset) == (ssize_t)n;
}

/* Find the superblock (at 0, 512, 1024, ...: a user block may come first) and check it. */
static nib_status check_source(const char *path, const byte_source *source, nib_error *err)
{
    static const unsigned char signature[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};
    unsigned char head[HEAD_BYTES];
    if (source->bytes == 0)
        return nib_fail(err, NIB_ERR_INPUT, "%s: the file is empty", path);
    for (uint64_t at = 0; at < source->bytes; at = at ? at * 2 : 512) {
        if (!read_head(source, at, head))
            return nib_fail(err, NIB_ERR_INPUT, "%s: cannot read", path);
        if (memcmp(head, signature, sizeof signature) == 0)
            return check_superblock(path, head, at, source->bytes, err);
    }
    return nib_fail(err, NIB_ERR_INPUT, "%s: not an HDF5 file", path);
}

static nib_status check_file(const char *path, int64_t *bytes, nib_error *err)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) != 0) {
        nib_status status = nib_fail(err, NIB_ERR_INPUT, "%s: cannot open: %s", path, strerror(errno));
        if (fd >= 0)
            (void)close(fd);
        return status;
    }
    nib_status status;
    if (!S_ISREG(st.st_mode)) {
        status = nib_fail(err, NIB_ERR_INPUT, "%s: not a regular file", path);
    } else {
        byte_source source = {fd, NULL, (uint64_t)st.st_size};
        status = check_source(path, &source, err);
    }
    (void)close(fd);
    *bytes = (int64_t)st.st_size;
    return status;
}

nib_status nib_h5_open(nib_h5 **out, const char *path, nib_error *err)
{
    int64_t bytes = 0;
    nib_h5 *file;
    NIB_TRY(check_file(path, &bytes, err));
    NIB_TRY(nib_h5_new(&file, path, err));
    file->bytes = bytes;
    file->file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    if (file->file < 0) {
        nib_status status = nib_h5_fail(file, "", err, NIB_ERR_INPUT, "open");
        nib_h5_close(file);
        return status;
    }
    *out = file;
    return NIB_OK;
}

/* HDF5 takes two open in-memory files of one name for the same file: name them by their address. */
static void image_name(const nib_h5 *file, char name[64])
{
    (void)snprintf(name, 64, "nibble-image-%p", (const void *)file);
}

nib_status nib_h5_open_image(nib_h5 **out, const char *name, const void *image, size_t bytes, nib_error *err)
{
    enum { GROW = 1 << 16 };
    byte_source source = {-1, image, bytes};
    nib_h5 *file;
    char inner[64];
    NIB_TRY(check_source(name, &source, err));
    NIB_TRY(nib_h5_new(&file, name, err));
    image_name(file, inner);
    file->bytes = (int64_t)bytes;
    void *copy = malloc(bytes); /* the library takes a writable pointer and copies */
    hid_t list = H5Pcreate(H5P_FILE_ACCESS);
    if (copy)
        memcpy(copy, image, bytes);
    if (copy && list >= 0 && H5Pset_fapl_core(list, GROW, 0) >= 0 &&
        H5Pset_file_image(list, copy, bytes) >= 0)
        file->file = H5Fopen(inner, H5F_ACC_RDONLY, list);
    nib_status status = NIB_OK;
    if (file->file < 0) {
        status = nib_h5_fail(file, "", err, NIB_ERR_INPUT, "open");
        nib_h5_close(file);
    } else {
        *out = file;
    }
    if (list >= 0)
        (void)H5Pclose(list);
    free(copy);
    return status;
}

/* The core driver's memory is ours (its callbacks): new parts are zero, so that gaps hold no garbage, and the
 * closed file is kept. H5Fget_file_image of an open file would be simpler, but it clears the write flag of a
 * V18 superblock without mending its checksum (1.10.8), and such an image does not open. */
static void *sink_resize(void *data, size_t bytes, H5FD_file_image_op_t op, void *context)
{
    nib_h5_sink *sink = context;
    (void)op;
    char *grown = realloc(data, bytes);
    if (grown && bytes > sink->bytes)
        memset(grown + sink->bytes, 0, bytes - sink->bytes);
    if (grown)
        sink->bytes = bytes;
    return grown;
}

static void *sink_make(size_t bytes, H5FD_file_image_op_t op, void *context)
{
    (void)op, (void)context;
    return calloc(1, bytes);
}

static herr_t sink_keep(void *data, H5FD_file_image_op_t op, void *context)
{
    nib_h5_sink *sink = context;
    if (op != H5FD_FILE_IMAGE_OP_FILE_CLOSE) {
        free(data);
        return 0;
    }
    sink->data = data;
    sink->closed = true;
    return 0;
}

static void *sink_same(void *context)
{
    return context;
}

static herr_t sink_leave(void *context)
{
    (void)context;
    return 0;
}

static bool set_sink(hid_t access, nib_h5_sink *sink)
{
    H5FD_file_image_callbacks_t callbacks = {
        .image_malloc = sink_make,
        .image_memcpy = NULL,
        .image_realloc = sink_resize,
        .image_free = sink_keep,
        .udata_copy = sink_same,
        .udata_free = sink_leave,
        .udata = sink,
    };
    return H5Pset_file_image_callbacks(access, &callbacks) >= 0;
}

nib_status nib_h5_create(nib_h5 **out, nib_error *err)
{
    enum { GROW = 1 << 16 };
    nib_h5 *file;
    char inner[64];
    NIB_TRY(nib_h5_new(&file, "new file", err));
    image_name(file, inner);
    file->writing = true;
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    hid_t make = H5Pcreate(H5P_FILE_CREATE);
    /* V18: metadata checksums, attributes above 64 kB. The upper bound keeps the bytes independent of the
     * library's version. */
    if (access >= 0 && make >= 0 && H5Pset_fapl_core(access, GROW, 0) >= 0 && set_sink(access, &file->sink) &&
        H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_V18) >= 0 &&
        H5Pset_obj_track_times(make, 0) >= 0)
        file->file = H5Fcreate(inner, H5F_ACC_TRUNC, make, access);
    nib_status status = NIB_OK;
    if (file->file < 0) {
        status = nib_h5_fail(file, "", err, NIB_ERR_MEMORY, "create");
        nib_h5_close(file);
    } else {
        *out = file;
    }
    if (access >= 0)
        (void)H5Pclose(access);
    if (make >= 0)
        (void)H5Pclose(make);
    return status;
}

nib_status nib_h5_finish(nib_h5 *file, void **image, size_t *bytes, nib_error *err)
{
    enum { END_AT = 28 }; /* end-of-file address in a version 2 superblock with 8-byte offsets */
    nib_status status = NIB_OK;
    if (H5Fflush(file->file, H5F_SCOPE_GLOBAL) < 0)
        status = nib_h5_fail(file, "", err, NIB_ERR_IO, "flush");
    if (H5Fclose(file->file) < 0 && status == NIB_OK)
        status = nib_h5_fail(file, "", err, NIB_ERR_IO, "close");
    file->file = -1;
    const unsigned char *data = file->sink.data;
    if (status == NIB_OK && (!file->sink.closed || !data || file->sink.bytes < HEAD_BYTES || data[8] != 2 ||
                             little(data + END_AT, 8) > file->sink.bytes))
        status = nib_fail(err, NIB_ERR_IO, "%s: the HDF5 library left no complete image", file->path);
    if (status == NIB_OK) {
        *image = file->sink.data;
        *bytes = (size_t)little(data + END_AT, 8);
        file->sink.data = NULL;
    }
    nib_h5_close(file);
    return status;
}

nib_status nib_h5_commit(nib_h5 *file, const char *path, nib_error *err)
{
    void *image = NULL;
    size_t bytes = 0;
    char *name = strdup(path); /* messages name the file that was to be written */
    if (name) {
        free(file->path);
        file->path = name;
    }
    NIB_TRY(nib_h5_finish(file, &image, &bytes, err));
    nib_status status = nib_file_write(path, image, bytes, err);
    free(image);
    return status;
}
