/* OpenBLAS reads its environment before main: the program re-executes itself once so that its products run on
 * one thread (the team is ours) with the instruction set that nibble's own go. Skipped when the number of
 * threads is set already: test runners, emulators, users who know better. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/cpu.h"
#include "core/isa.h"
#include "tools/command.h"
#include "tools/probe.h"
#include "tools/sweep_process.h"

/* The kernels of OpenBLAS for the chosen set; NULL: its own choice. A core type that is set already stays. */
static const char *blas_core(void)
{
    switch (nib_isa_chosen().isa) {
    case NIB_ISA_AVX512:
        return "SkylakeX";
    case NIB_ISA_AVX2:
        return "Haswell";
    default:
        return NIB_ISA_X86 ? "Nehalem" : NULL;
    }
}

int main(int argc, char **argv)
{
    /* At once: no exit handlers, for libhdf5 leaks where it refuses damaged files and LeakSanitizer would
     * tell. */
    if (argc == 3 && strcmp(argv[1], NIB_PROBE_COMMAND) == 0)
        _exit(nib_probe_child(argv[2]));
    if (!getenv("OPENBLAS_NUM_THREADS") && setenv("OPENBLAS_NUM_THREADS", "1", 1) == 0) {
        const char *core = blas_core();
        if (core)
            (void)setenv("OPENBLAS_CORETYPE", core, 0);
        (void)execv("/proc/self/exe", argv); /* goes on below if that fails: slower, not wrong */
    }
    nib_child_follow_parent();
    nib_cpu_flush_denormals();
    nib_probe_enable();
    return nib_main(argc, (const char *const *)argv);
}
