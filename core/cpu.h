/** What the processor is and how it is set. */
#ifndef NIB_CORE_CPU_H
#define NIB_CORE_CPU_H

#include <stddef.h>

/** Set flush-to-zero and denormals-are-zero for the calling thread (x86 MXCSR, arm64 FPCR.FZ). Adam's moments
 * decay into denormals, which cost 30 to 40 % of the training speed on Intel. */
void nib_cpu_flush_denormals(void);

/** The instruction set that hot loops use (core/isa.h): "avx512", "avx2", "baseline" or "arm64". */
const char *nib_cpu_isa(void);

/** Model name as the operating system tells it, or "unknown". `text` has `bytes`. */
void nib_cpu_model(char *text, int bytes);

/** Processors this process may run on. */
int nib_cpu_count(void);

/** memcpy that leaves lines of the cache alone where nothing changes: other threads keep what they have read.
 */
void nib_write_changed(void *to, const void *from, size_t bytes);

#endif
