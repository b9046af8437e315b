#include <criterion/criterion.h>

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/cpu.h"

enum { BYTES = 200, ROOM = 64 };

Test(cpu, what_changed_is_written_and_nothing_behind_it)
{
    unsigned char from[BYTES], to[BYTES + ROOM], expected[BYTES + ROOM];
    for (int i = 0; i < BYTES; ++i)
        from[i] = (unsigned char)(i * 37 + 11);
    for (size_t bytes = 0; bytes <= BYTES; ++bytes)
        for (size_t differs = 0; differs < bytes; ++differs) {
            memset(to, 0xa5, sizeof to);
            memcpy(to, from, bytes);
            to[differs] ^= 1;
            memset(expected, 0xa5, sizeof expected);
            memcpy(expected, from, bytes);
            nib_write_changed(to, from, bytes);
            cr_assert(memcmp(to, expected, sizeof to) == 0, "%zu bytes, byte %zu", bytes, differs);
        }
}

/* On a page that cannot be written to. */
Test(cpu, what_is_the_same_is_left_alone)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    unsigned char *at = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    unsigned char same[BYTES];
    cr_assert(at != MAP_FAILED);
    memset(at, 7, page);
    memset(same, 7, sizeof same);
    cr_assert(mprotect(at, page, PROT_READ) == 0);
    nib_write_changed(at, same, sizeof same);
    cr_assert(munmap(at, page) == 0);
}
