#include "tools/bench_others.h"

#include <stdio.h>
#include <unistd.h>

#include "tools/bench_clock.h"

double nib_bench_others(void)
{
    /* user, nice, system, idle, waiting, interrupts, soft interrupts, stolen, in ticks (proc(5)) */
    enum { IDLE = 3, WAITING = 4, COUNT = 8 };
    unsigned long long t[COUNT];
    FILE *file = fopen("/proc/stat", "r");
    const long per_second = sysconf(_SC_CLK_TCK);
    if (!file)
        return -1;
    const int n = fscanf(file, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &t[0], &t[1], &t[2], &t[IDLE],
                         &t[WAITING], &t[5], &t[6], &t[7]);
    (void)fclose(file);
    if (n != COUNT || per_second < 1)
        return -1;
    const unsigned long long busy = t[0] + t[1] + t[2] + t[5] + t[6] + t[7];
    return (double)busy / (double)per_second - nib_bench_clock(CLOCK_PROCESS_CPUTIME_ID);
}
