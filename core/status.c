#include "core/status.h"

#include <stdio.h>
#include <string.h>

/* Names out of a file may hold anything; a message is one line and sends nothing odd to a terminal. */
static void one_line(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            *text = '?';
}

nib_status nib_fail_v(nib_error *err, nib_status code, const char *format, va_list args)
{
    if (err) {
        err->code = code;
        (void)vsnprintf(err->message, sizeof err->message, format, args);
        one_line(err->message);
    }
    return code;
}

nib_status nib_fail(nib_error *err, nib_status code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    nib_status status = nib_fail_v(err, code, format, args);
    va_end(args);
    return status;
}

nib_status nib_fail_memory(nib_error *err, const char *what)
{
    return nib_fail(err, NIB_ERR_MEMORY, "out of memory: %s", what);
}

void nib_error_prefix(nib_error *err, const char *format, ...)
{
    if (!err)
        return;
    char old[sizeof err->message];
    memcpy(old, err->message, sizeof old);
    va_list args;
    va_start(args, format);
    int n = vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    if (n >= 0 && (size_t)n < sizeof err->message)
        (void)snprintf(err->message + n, sizeof err->message - (size_t)n, ": %s", old);
    one_line(err->message);
}

int nib_status_exit_code(nib_status status)
{
    switch (status) {
    case NIB_OK:
        return 0;
    case NIB_ERR_USAGE:
    case NIB_ERR_CONFIG:
    case NIB_ERR_INPUT:
    case NIB_ERR_UNSUPPORTED:
        return 2;
    case NIB_ERR_INTERRUPTED:
        return 130;
    case NIB_ERR_IO:
    case NIB_ERR_MEMORY:
    case NIB_ERR_SHAPE:
    case NIB_ERR_DIVERGED:
    case NIB_ERR_SYSTEM:
        return 1;
    }
    return 1;
}
