/** Reading one member of a ZIP archive, as .keras files are: stored or deflated members, no ZIP64, no
 * encryption. Source: PKWARE APPNOTE 6.3.3, sections 4.3 and 4.4. */
#ifndef NIB_TRAIN_KERAS_ZIP_H
#define NIB_TRAIN_KERAS_ZIP_H

#include "core/arena.h"

/** The member `member` of an archive in memory, with a NUL behind it, in the arena; its CRC-32 is checked.
 *  @param name  of the archive, for messages
 *  @param most  bytes that the member may have
 *  Errors: NIB_ERR_INPUT: no archive, damaged, no such member, too large; NIB_ERR_UNSUPPORTED. */
NIB_MUST_USE nib_status nib_keras_zip_member(const char *name, const void *archive, size_t bytes,
                                             const char *member, size_t most, nib_arena *arena, char **data,
                                             size_t *data_bytes, nib_error *err);

#endif
