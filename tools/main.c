/* OpenBLAS reads its environment before main: the program re-executes itself once so that its products run on
 * one thread (the team is ours). Skipped when the variable is set already: test runners, emulators, users who
 * know better. */
#include <stdlib.h>
#include <unistd.h>

#include "core/cpu.h"
#include "tools/command.h"

int main(int argc, char **argv)
{
    if (!getenv("OPENBLAS_NUM_THREADS") && setenv("OPENBLAS_NUM_THREADS", "1", 1) == 0)
        (void)execv("/proc/self/exe", argv); /* goes on below if that fails: slower, not wrong */
    nib_cpu_flush_denormals();
    return nib_main(argc, (const char *const *)argv);
}
