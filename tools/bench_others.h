/** What else the machine is busy with: a measurement of several threads means little when others run. */
#ifndef NIB_TOOLS_BENCH_OTHERS_H
#define NIB_TOOLS_BENCH_OTHERS_H

/** Processor seconds that all but this process have used since the machine started, time stolen by a
 * hypervisor included; differences count. Negative: the system does not tell. Resolution about 10 ms. */
double nib_bench_others(void);

#endif
