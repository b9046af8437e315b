/** Messages to whoever runs the library. The library never prints: it hands lines to a sink (tools writes
 * them to the terminal and to train.log). A NULL log is silent. */
#ifndef NIB_CORE_LOG_H
#define NIB_CORE_LOG_H

#include "core/status.h"

typedef enum nib_log_level { NIB_LOG_INFO, NIB_LOG_WARNING } nib_log_level;

typedef struct nib_log {
    /** One line, without newline. Called from the thread that runs the job only. */
    void (*write)(void *context, nib_log_level level, const char *line);
    void *context;
} nib_log;

void nib_log_info(const nib_log *log, const char *format, ...) NIB_PRINTF(2, 3);
void nib_log_warning(const nib_log *log, const char *format, ...) NIB_PRINTF(2, 3);

#endif
