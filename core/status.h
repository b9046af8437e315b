/** Status codes and the caller-owned error message.
 *
 *  Every function that can fail returns a nib_status and takes a `nib_error *` last. On failure the callee
 * fills the message once; callers may put context in front of it (nib_error_prefix) but never replace it.
 * `err` may be NULL. Programming errors are assertions, not statuses.
 */
#ifndef NIB_CORE_STATUS_H
#define NIB_CORE_STATUS_H

#include <stdarg.h>
#include <stddef.h>

#if defined(__GNUC__)
#define NIB_MUST_USE         __attribute__((warn_unused_result))
#define NIB_PRINTF(fmt, arg) __attribute__((format(printf, fmt, arg)))
#else
#define NIB_MUST_USE
#define NIB_PRINTF(fmt, arg)
#endif

typedef enum nib_status {
    NIB_OK = 0,
    NIB_ERR_USAGE,       /**< wrong command line */
    NIB_ERR_CONFIG,      /**< wrong configuration (file:line:column in the message) */
    NIB_ERR_INPUT,       /**< an input file is missing or cannot be used */
    NIB_ERR_IO,          /**< writing or reading failed (disk full, permission) */
    NIB_ERR_MEMORY,      /**< out of memory */
    NIB_ERR_SHAPE,       /**< shapes do not fit together */
    NIB_ERR_UNSUPPORTED, /**< valid, but nibble does not do it */
    NIB_ERR_DIVERGED,    /**< NaN or Inf while training */
    NIB_ERR_INTERRUPTED, /**< SIGINT or SIGTERM */
    NIB_ERR_SYSTEM,      /**< threads, processes, clocks */
} nib_status;

enum { NIB_ERROR_BYTES = 1024 };

typedef struct nib_error {
    nib_status code;
    char message[NIB_ERROR_BYTES]; /**< one line, no newline at the end */
} nib_error;

/** Fill `err` (if not NULL) and return `code`: `return nib_fail(err, NIB_ERR_CONFIG, "...")`. */
nib_status nib_fail(nib_error *err, nib_status code, const char *format, ...) NIB_PRINTF(3, 4);

/** The same with a va_list. */
nib_status nib_fail_v(nib_error *err, nib_status code, const char *format, va_list args) NIB_PRINTF(3, 0);

/** Out of memory while making `what`. Returns NIB_ERR_MEMORY. */
nib_status nib_fail_memory(nib_error *err, const char *what);

/** Put "context: " in front of the message. */
void nib_error_prefix(nib_error *err, const char *format, ...) NIB_PRINTF(2, 3);

/** Exit status of the command line: 0 done, 1 the run failed, 2 usage, configuration or unusable input,
 *  130 interrupted. */
int nib_status_exit_code(nib_status status);

/** Return from the calling function if `expr` is not NIB_OK. */
#define NIB_TRY(expr)                                                                                        \
    do {                                                                                                     \
        nib_status nib_try_status_ = (expr);                                                                 \
        if (nib_try_status_ != NIB_OK)                                                                       \
            return nib_try_status_;                                                                          \
    } while (0)

#endif
