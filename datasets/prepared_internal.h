/** The layout of prepared files, the same for writing and mapping. Private to datasets/. */
#ifndef NIB_DATASETS_PREPARED_INTERNAL_H
#define NIB_DATASETS_PREPARED_INTERNAL_H

#include "datasets/prepared.h"
#include "datasets/split.h"

enum { NIB_PREPARED_VERSION = 1 };

/** First bytes of a file. */
typedef struct nib_prepared_head {
    char magic[8];       /**< "nibPREP" */
    uint32_t byte_order; /**< 0x01020304 */
    uint32_t version;
    uint64_t total_bytes; /**< of the file */
    uint64_t head_bytes;  /**< of this struct and the description behind it */
    uint32_t crc;         /**< of the description */
    uint32_t reserved;
} nib_prepared_head;

/** The arrays of a dataset in the order of the file. `visit` gets the address of the pointer and its bytes.
 *  Offsets of sets come before their elements, because they say how many there are.
 *  @return the first status that is not NIB_OK */
typedef nib_status (*nib_prepared_visit)(void *context, const void **array, uint64_t bytes, nib_error *err);
NIB_MUST_USE nib_status nib_prepared_each_array(nib_dataset *set, nib_data_input *input,
                                                nib_data_target *target, bool weight,
                                                nib_prepared_visit visit, void *context, nib_error *err);

#endif
