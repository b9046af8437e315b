/** Files: whole reads with a limit, atomic writes, checksums, paths. */
#ifndef NIB_CORE_FILE_H
#define NIB_CORE_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/arena.h"

/** Read a whole regular file of at most `limit` bytes. A NUL follows the contents. NIB_ERR_INPUT with the
 * reason. */
NIB_MUST_USE nib_status nib_file_read(nib_arena *arena, const char *path, size_t limit, char **data,
                                      size_t *bytes, nib_error *err);

/** Write atomically: `path.tmp.PID` in the same folder, fsync, rename, fsync of the folder. On failure the
 * temporary file is removed, an existing `path` is untouched, and the message says what happened
 * (NIB_ERR_IO). */
NIB_MUST_USE nib_status nib_file_write(const char *path, const void *data, size_t bytes, nib_error *err);

/** fsync the folder that `path` lies in: makes a new name survive a crash. */
NIB_MUST_USE nib_status nib_file_sync_folder(const char *path, nib_error *err);

/** Remove `*.tmp.PID` files in `folder` whose process is gone. */
void nib_file_remove_stale(const char *folder);

bool nib_file_exists(const char *path);
bool nib_file_is_folder(const char *path);

/** "a/b" + "c" -> "a/b/c"; an absolute `name` stays as it is. */
char *nib_path_join(nib_arena *arena, const char *folder, const char *name);
/** Folder part ("." if none) and last part. */
char *nib_path_folder(nib_arena *arena, const char *path);
const char *nib_path_base(const char *path);

/** Make a folder and its parents. */
NIB_MUST_USE nib_status nib_file_make_folders(const char *path, nib_error *err);

/** CRC-32 (zlib) continued from `crc` (start with 0). */
uint32_t nib_crc32(uint32_t crc, const void *data, size_t bytes);

/** CRC-32 of a file's contents and its size. */
NIB_MUST_USE nib_status nib_file_digest(const char *path, uint32_t *crc, int64_t *bytes, nib_error *err);

#endif
