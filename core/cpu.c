#include "core/cpu.h"

#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#if defined(__x86_64__) || defined(__i386__)
#include <xmmintrin.h>
#endif

#include "core/isa.h"

void nib_cpu_flush_denormals(void)
{
#if defined(__x86_64__) || defined(__i386__)
    _mm_setcsr(_mm_getcsr() | 0x8040u); /* FTZ is bit 15, DAZ bit 6 */
#elif defined(__aarch64__)
    uint64_t fpcr;
    __asm__ volatile("mrs %0, fpcr" : "=r"(fpcr));
    fpcr |= UINT64_C(1) << 24; /* FZ */
    __asm__ volatile("msr fpcr, %0" : : "r"(fpcr));
#endif
}

const char *nib_cpu_isa(void)
{
#if defined(__aarch64__)
    return "arm64";
#else
    return nib_isa_name(nib_isa_chosen().isa);
#endif
}

void nib_cpu_model(char *text, int bytes)
{
    (void)snprintf(text, (size_t)bytes, "unknown");
    FILE *file = fopen("/proc/cpuinfo", "r");
    if (!file)
        return;
    char line[256];
    while (fgets(line, sizeof line, file)) {
        const char *value = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || !value)
            continue;
        value += 1 + strspn(value + 1, " \t");
        (void)snprintf(text, (size_t)bytes, "%.*s", (int)strcspn(value, "\n"), value);
        break;
    }
    (void)fclose(file);
}

int nib_cpu_count(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        return 1;
    int count = CPU_COUNT(&set);
    return count < 1 ? 1 : count;
}

void nib_write_changed(void *to, const void *from, size_t bytes)
{
    enum { LINE_BYTES = 64 };
    for (size_t at = 0; at < bytes; at += LINE_BYTES) {
        const size_t count = bytes - at < LINE_BYTES ? bytes - at : LINE_BYTES;
        if (memcmp((const char *)to + at, (const char *)from + at, count) != 0)
            memcpy((char *)to + at, (const char *)from + at, count);
    }
}
