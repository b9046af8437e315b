#include "core/log.h"

#include <stdarg.h>
#include <stdio.h>

static void NIB_PRINTF(3, 0)
    write_line(const nib_log *log, nib_log_level level, const char *format, va_list args)
{
    char line[2048];
    if (!log || !log->write)
        return;
    (void)vsnprintf(line, sizeof line, format, args);
    log->write(log->context, level, line);
}

void nib_log_info(const nib_log *log, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    write_line(log, NIB_LOG_INFO, format, args);
    va_end(args);
}

void nib_log_warning(const nib_log *log, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    write_line(log, NIB_LOG_WARNING, format, args);
    va_end(args);
}
