/* core/h5: round trips, equal bytes, damage at every length. */
#include <criterion/criterion.h>
#include <hdf5.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/file.h"
#include "core/h5.h"

#define OK(call)                                                                                             \
    do {                                                                                                     \
        nib_error ok_error_ = {0};                                                                           \
        nib_error *err = &ok_error_;                                                                         \
        nib_status ok_status_ = (call);                                                                      \
        cr_assert(ok_status_ == NIB_OK, "%s gives status %d: %s", #call, (int)ok_status_,                    \
                  ok_error_.message);                                                                        \
    } while (0)

static const float floats[6] = {0.0f, -1.5f, 3.0e38f, 1.2e-38f, 0.1f, -0.0f};
static const double doubles[2] = {0.1, -1e300};
static const int32_t ints[3] = {INT32_MIN, 0, INT32_MAX};
static const int64_t longs[2] = {INT64_MIN, INT64_MAX};
static const uint8_t bytes_u8[4] = {0, 1, 127, 255};
static const char *const words[3] = {"pT", "", "delta_\xce\xb7"};

/* One of everything that nibble writes. */
static nib_h5 *make_file(void)
{
    nib_h5 *file = NULL;
    OK(nib_h5_create(&file, err));
    OK(nib_h5_make_group(file, "/a/b", err));
    OK(nib_h5_write_f32(file, "/a/b/f32", 2, (const int64_t[]){3, 2}, floats, err));
    OK(nib_h5_write_f64(file, "a/f64", 1, (const int64_t[]){2}, doubles, err));
    OK(nib_h5_write_i32(file, "/i32", 1, (const int64_t[]){3}, ints, err));
    OK(nib_h5_write_i64(file, "/i64", 1, (const int64_t[]){2}, longs, err));
    OK(nib_h5_write_u8(file, "/new/deep/u8", 2, (const int64_t[]){2, 2}, bytes_u8, err));
    OK(nib_h5_write_f32(file, "/none", 2, (const int64_t[]){0, 4}, NULL, err));
    OK(nib_h5_write_text(file, "/text", "train:\n  seed: 1\n", err));
    OK(nib_h5_write_text(file, "/empty_text", "", err));
    OK(nib_h5_write_strings(file, "/words", 3, words, err));
    OK(nib_h5_set_attribute_text(file, "/", "backend", "tensorflow", err));
    OK(nib_h5_set_attribute_text(file, "/", "backend", "nibble", err));
    OK(nib_h5_set_attribute_strings(file, "/a", "layer_names", 3, words, err));
    OK(nib_h5_set_attribute_strings(file, "/a", "no_names", 0, NULL, err));
    OK(nib_h5_set_attribute_i64(file, "/a/b/f32", "version", -7, err));
    return file;
}

static void check_file(nib_h5 *file, nib_arena *arena)
{
    float f32[6];
    double f64[6];
    int64_t i64[4];
    const char *text;
    const char *const *list;
    int count;
    int64_t number;
    nib_h5_info info;
    OK(nib_h5_dataset_info(file, "a/b/f32", &info, err));
    cr_assert(info.class_ == NIB_H5_FLOAT && info.rank == 2 && info.dim[0] == 3 && info.dim[1] == 2, "f32");
    cr_assert(info.elements == 6 && info.chunk_rows == 0 && info.element_bytes == 4 && info.exact_in_float,
              "f32 info");
    OK(nib_h5_dataset_info(file, "/a/f64", &info, err));
    cr_assert(info.class_ == NIB_H5_FLOAT && !info.exact_in_float, "f64 is not exact in float");
    OK(nib_h5_read_f32(file, "/a/b/f32", 0, 3, f32, err));
    cr_assert_arr_eq(f32, floats, sizeof floats, "f32 bits");
    OK(nib_h5_read_f32(file, "/a/b/f32", 1, 1, f32, err));
    cr_assert_arr_eq(f32, floats + 2, 8, "one row");
    OK(nib_h5_read_f64(file, "/a/f64", 0, 2, f64, err));
    cr_assert_arr_eq(f64, doubles, sizeof doubles, "f64 bits");
    OK(nib_h5_read_f64(file, "/i32", 0, 3, f64, err));
    cr_assert(f64[0] == (double)INT32_MIN && f64[2] == (double)INT32_MAX, "integers as doubles");
    OK(nib_h5_read_i64(file, "/i64", 0, 2, i64, err));
    cr_assert_arr_eq(i64, longs, sizeof longs, "i64");
    OK(nib_h5_read_i64(file, "/new/deep/u8", 0, 2, i64, err));
    cr_assert(i64[2] == 127 && i64[3] == 255, "u8 as i64");
    OK(nib_h5_read_f32(file, "/none", 0, 0, f32, err));
    OK(nib_h5_read_text(file, "/text", arena, &text, err));
    cr_assert_str_eq(text, "train:\n  seed: 1\n", "text");
    OK(nib_h5_read_text(file, "/empty_text", arena, &text, err));
    cr_assert_str_eq(text, "", "empty text");
    OK(nib_h5_read_strings(file, "/words", arena, &count, &list, err));
    cr_assert(count == 3 && !strcmp(list[0], words[0]) && !strcmp(list[1], "") && !strcmp(list[2], words[2]),
              "strings");
    OK(nib_h5_attribute_text(file, "/", "backend", arena, &text, err));
    cr_assert_str_eq(text, "nibble", "a replaced attribute");
    OK(nib_h5_attribute_strings(file, "/a", "layer_names", arena, &count, &list, err));
    cr_assert(count == 3 && !strcmp(list[2], words[2]), "attribute strings");
    OK(nib_h5_attribute_strings(file, "/a", "no_names", arena, &count, &list, err));
    cr_assert(count == 0, "no strings");
    OK(nib_h5_attribute_i64(file, "/a/b/f32", "version", &number, err));
    cr_assert(number == -7, "attribute number");
}

static void check_listings(nib_h5 *file, nib_arena *arena)
{
    static const char *const expected[] = {"/a/b/f32",     "/a/f64", "/empty_text", "/i32",  "/i64",
                                           "/new/deep/u8", "/none",  "/text",       "/words"};
    const char *const *list;
    int count;
    OK(nib_h5_datasets(file, "/", arena, &count, &list, err));
    cr_assert(count == 9, "%d datasets", count);
    for (int i = 0; i < count; i++)
        cr_assert_str_eq(list[i], expected[i], "dataset %d", i);
    OK(nib_h5_datasets(file, "/a", arena, &count, &list, err));
    cr_assert(count == 2 && !strcmp(list[0], "/a/b/f32"), "below a group: %d", count);
    OK(nib_h5_members(file, "/a", arena, &count, &list, err));
    cr_assert(count == 2 && !strcmp(list[0], "b") && !strcmp(list[1], "f64"), "members");
    cr_assert(nib_h5_has(file, "/a/b") && nib_h5_is_group(file, "a/b"), "group");
    cr_assert(nib_h5_has(file, "/") && nib_h5_is_group(file, "/"), "root");
    cr_assert(nib_h5_has(file, "/i32") && !nib_h5_is_group(file, "/i32"), "dataset");
    cr_assert(!nib_h5_has(file, "/a/x/y") && !nib_h5_has(file, "/i32/y") && !nib_h5_has(file, ""), "absent");
}

/* Every object of the library that was opened is closed again. */
static void check_closed(void)
{
    cr_assert(H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL) == 0, "%d HDF5 objects are open",
              (int)H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL));
}

Test(h5, everything_survives_a_round_trip)
{
    char path[] = "/tmp/nibble-h5-XXXXXX";
    nib_h5 *file = NULL;
    nib_arena *arena = nib_arena_create();
    uint32_t before, after;
    cr_assert(mkstemp(path) >= 0, "temporary file");
    file = make_file();
    check_listings(file, arena);
    OK(nib_h5_digest(file, "/", &before, err));
    OK(nib_h5_commit(file, path, err));
    OK(nib_h5_open(&file, path, err));
    check_file(file, arena);
    check_listings(file, arena);
    OK(nib_h5_digest(file, "/", &after, err));
    cr_assert(before == after, "digests differ: %08x %08x", before, after);
    cr_assert_str_eq(nib_h5_path(file), path, "path");
    nib_h5_close(file);
    nib_arena_destroy(arena);
    (void)unlink(path);
}

Test(h5, equal_contents_give_equal_bytes)
{
    void *image[2];
    size_t bytes[2];
    for (int i = 0; i < 2; i++) {
        nib_h5 *file = make_file();
        OK(nib_h5_finish(file, &image[i], &bytes[i], err));
        void *dirt = malloc(1 << 20); /* what the library allocates next must not show */
        cr_assert(dirt != NULL, "memory");
        memset(dirt, 0x5a + i, 1 << 20);
        free(dirt);
        usleep(1100000); /* object times have seconds */
    }
    cr_assert(bytes[0] == bytes[1], "sizes %zu and %zu", bytes[0], bytes[1]);
    cr_assert_arr_eq(image[0], image[1], bytes[0], "the bytes differ");
    cr_assert(((unsigned char *)image[0])[8] == 2, "superblock version %d", ((unsigned char *)image[0])[8]);
    free(image[0]);
    free(image[1]);
}

/* Read all there is; whatever comes must be a status. */
static void read_everything(nib_h5 *file)
{
    nib_error err = {0};
    nib_arena *arena = nib_arena_create();
    const char *const *paths;
    int count = 0;
    uint32_t crc;
    (void)!nib_h5_digest(file, "/", &crc, &err);
    if (nib_h5_datasets(file, "/", arena, &count, &paths, &err) != NIB_OK)
        count = 0;
    for (int i = 0; i < count; i++) {
        nib_h5_info info;
        if (nib_h5_dataset_info(file, paths[i], &info, &err) != NIB_OK)
            cr_assert(!strstr(err.message, "no reason"), "%s", err.message);
    }
    nib_arena_destroy(arena);
}

Test(h5, every_truncation_is_an_error, .timeout = 120)
{
    void *image;
    size_t bytes;
    nib_h5 *file = make_file();
    OK(nib_h5_finish(file, &image, &bytes, err));
    for (size_t n = 0; n < bytes; n += n < 200 ? 1 : 97) {
        nib_error err = {0};
        file = NULL;
        nib_status status = nib_h5_open_image(&file, "cut.h5", image, n, &err);
        cr_assert(status == NIB_ERR_INPUT, "%zu of %zu bytes: status %d", n, bytes, (int)status);
        cr_assert(strncmp(err.message, "cut.h5: ", 8) == 0, "message: %s", err.message);
        cr_assert(n < 48 || strstr(err.message, "truncated: the file should have"), "%zu bytes: %s", n,
                  err.message);
    }
    check_closed();
    free(image);
}

Test(h5, flipped_bytes_never_crash_and_change_the_digest, .timeout = 120)
{
    unsigned char *image;
    void *raw;
    size_t bytes;
    uint32_t right, crc;
    nib_h5 *file = make_file();
    OK(nib_h5_digest(file, "/", &right, err));
    OK(nib_h5_finish(file, &raw, &bytes, err));
    image = raw;
    for (size_t at = 0; at < bytes; at += 13) {
        nib_error err = {0};
        image[at] ^= 0x10;
        if (nib_h5_open_image(&file, "flip.h5", image, bytes, &err) == NIB_OK) {
            read_everything(file);
            nib_h5_close(file);
        }
        image[at] ^= 0x10;
    }
    check_closed();
    for (size_t at = 0; at + 4 <= bytes; at++) { /* the float 0.1 of /a/b/f32 */
        if (memcmp(image + at, &floats[4], 4) != 0 || memcmp(image + at - 4, &floats[3], 4) != 0)
            continue;
        image[at] ^= 1;
        OK(nib_h5_open_image(&file, "value.h5", image, bytes, err));
        OK(nib_h5_digest(file, "/", &crc, err));
        cr_assert(crc != right, "a changed value keeps the digest");
        nib_h5_close(file);
        image[at] ^= 1;
    }
    free(image);
}

Test(h5, wrong_requests_are_named)
{
    static const struct {
        const char *path;
        nib_status status;
        const char *part;
    } cases[] = {
        {"/nowhere", NIB_ERR_CONFIG, "there is no dataset \"/nowhere\""},
        {"/a", NIB_ERR_CONFIG, "\"/a\" is a group"},
        {"/text", NIB_ERR_CONFIG, "holds no numbers"},
        {"/i32", NIB_ERR_INPUT, "rows 0 to 99 were asked for, there are 3"},
    };
    nib_h5 *file = make_file();
    float out[200];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        nib_error err = {0};
        nib_status status = nib_h5_read_f32(file, cases[i].path, 0, 99, out, &err);
        cr_assert(status == cases[i].status, "%s: status %d", cases[i].path, (int)status);
        cr_assert(strstr(err.message, cases[i].part), "%s: %s", cases[i].path, err.message);
    }
    nib_h5_close(file);
    check_closed();
}

/* Files as others write them, with the plain library. */
static void make_foreign(const char *path, void (*fill)(hid_t file))
{
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    cr_assert(file >= 0, "foreign file");
    fill(file);
    H5Fclose(file);
}

static void put(hid_t file, const char *name, hid_t type, int rank, const hsize_t *dim, hid_t list,
                hid_t memory, const void *data)
{
    hid_t space = H5Screate_simple(rank, dim, NULL);
    hid_t dataset = H5Dcreate2(file, name, type, space, H5P_DEFAULT, list, H5P_DEFAULT);
    cr_assert(dataset >= 0, "%s", name);
    if (data)
        cr_assert(H5Dwrite(dataset, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0, "%s", name);
    H5Dclose(dataset);
    H5Sclose(space);
}

static void fill_foreign(hid_t file)
{
    const hsize_t dim[2] = {4, 3};
    const double values[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    const char *names[3] = {"mass", "tau21", "N2"};
    hid_t list = H5Pcreate(H5P_DATASET_CREATE);
    put(file, "big_endian", H5T_IEEE_F64BE, 2, dim, H5P_DEFAULT, H5T_NATIVE_DOUBLE, values);
    H5Pset_chunk(list, 2, (const hsize_t[]){2, 3});
    H5Pset_shuffle(list);
    H5Pset_deflate(list, 6);
    H5Pset_fletcher32(list);
    put(file, "packed", H5T_STD_I16LE, 2, dim, list, H5T_NATIVE_DOUBLE, values);
    H5Pclose(list);
    list = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(list, 2, (const hsize_t[]){2, 3});
    H5Pset_scaleoffset(list, H5Z_SO_INT, 0);
    put(file, "odd_filter", H5T_STD_I16LE, 2, dim, list, H5T_NATIVE_DOUBLE, values);
    H5Pclose(list);
    put(file, "unwritten", H5T_IEEE_F32LE, 2, dim, H5P_DEFAULT, H5T_NATIVE_DOUBLE, NULL);
    list = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_external(list, "/etc/hostname", 0, 12 * 8);
    put(file, "outside", H5T_IEEE_F64LE, 2, dim, list, H5T_NATIVE_DOUBLE, NULL);
    H5Pclose(list);
    char other[4096]; /* there, so that only the refusal keeps it from being read */
    cr_assert(H5Fget_name(file, other, sizeof other) > 0, "name");
    H5Lcreate_external(other, "/packed", file, "linked", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_soft("/packed", file, "alias", H5P_DEFAULT, H5P_DEFAULT);
    hid_t text = H5Tcopy(H5T_C_S1);
    H5Tset_size(text, H5T_VARIABLE);
    put(file, "names", text, 1, (const hsize_t[]){3}, H5P_DEFAULT, text, names);
    H5Tclose(text);
    put(file, "ranks", H5T_STD_I8LE, 9, (const hsize_t[]){1, 1, 1, 1, 1, 1, 1, 1, 1}, H5P_DEFAULT,
        H5T_NATIVE_INT8, "x");
}

Test(h5, foreign_files_are_read_or_refused_by_name)
{
    static const struct {
        const char *path, *part;
    } refused[] = {{"odd_filter", "filter 6"},
                   {"unwritten", "never written"},
                   {"outside", "other files"},
                   {"linked", "there is no dataset"},
                   {"ranks", "rank 9"}};
    char path[] = "/tmp/nibble-h5-XXXXXX";
    nib_h5 *file = NULL;
    double out[12];
    int count;
    const char *const *names;
    nib_h5_info info;
    nib_arena *arena = nib_arena_create();
    cr_assert(mkstemp(path) >= 0, "temporary file");
    make_foreign(path, fill_foreign);
    OK(nib_h5_open(&file, path, err));
    for (int i = 0; i < 3; i++) {
        static const char *const good[] = {"big_endian", "packed", "alias"};
        memset(out, 0, sizeof out);
        OK(nib_h5_read_f64(file, good[i], 1, 3, out, err));
        cr_assert(out[0] == 4 && out[8] == 12, "%s: %g %g", good[i], out[0], out[8]);
    }
    OK(nib_h5_dataset_info(file, "packed", &info, err));
    cr_assert(info.chunk_rows == 2 && info.exact_in_float, "chunks of %d", (int)info.chunk_rows);
    OK(nib_h5_read_strings(file, "names", arena, &count, &names, err));
    cr_assert(count == 3 && !strcmp(names[1], "tau21"), "variable strings");
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        nib_error err = {0};
        nib_status status = nib_h5_read_f64(file, refused[i].path, 0, 1, out, &err);
        cr_assert(status != NIB_OK && strstr(err.message, refused[i].part), "%s: %d %s", refused[i].path,
                  (int)status, err.message);
    }
    nib_h5_close(file);
    check_closed();
    nib_arena_destroy(arena);
    (void)unlink(path);
}

Test(h5, unusable_files_are_named)
{
    static const struct {
        const char *path, *part;
    } cases[] = {{"/tmp/no such file.h5", "cannot open: No such file"},
                 {"/tmp", "not a regular file"},
                 {"/dev/null", "not a regular file"},
                 {"/etc/passwd", "not an HDF5 file"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        nib_error err = {0};
        nib_h5 *file = NULL;
        cr_assert(nib_h5_open(&file, cases[i].path, &err) == NIB_ERR_INPUT, "%s", cases[i].path);
        cr_assert(strstr(err.message, cases[i].part), "%s", err.message);
    }
}
