#include "tools/bench_options.h"

#include <stdlib.h>

#include "core/team.h"

nib_status nib_bench_numbers(const char *name, const char *text, int64_t most, int64_t *numbers, int *count,
                             nib_error *err)
{
    const char *at = text;
    *count = 0;
    for (;; ++at) {
        char *end;
        const long number = *at >= '0' && *at <= '9' ? strtol(at, &end, 10) : 0;
        if (number < 1 || number > most || *count == NIB_BENCH_CHOICES)
            return nib_fail(err, NIB_ERR_USAGE,
                            "nibble bench: --%s %s: up to %d whole numbers from 1 to %lld, as in 1,2", name,
                            text, NIB_BENCH_CHOICES, (long long)most);
        numbers[(*count)++] = number;
        at = end;
        if (*at != ',')
            break;
    }
    if (*at)
        return nib_fail(err, NIB_ERR_USAGE, "nibble bench: --%s %s: '%s' is not part of a list such as 1,2",
                        name, text, at);
    return NIB_OK;
}

nib_status nib_bench_plan_of(const nib_bench_options *o, nib_bench_plan *plan, nib_error *err)
{
    enum { DEFAULT_ROUNDS = 9, MAX_BATCH = 1 << 20 };
    static const char *const nets[] = {"16-32-32-32-5", "16-64-32-32-5", "784-128-128-128-10"};
    const char *const *wanted = o->net.count ? o->net.text : nets;
    *plan = (nib_bench_plan){.n_nets = o->net.count ? o->net.count : (int)(sizeof nets / sizeof *nets),
                             .rows = o->rows,
                             .rounds = o->rounds ? o->rounds : DEFAULT_ROUNDS,
                             .seconds = o->seconds > 0 ? o->seconds : 0.2,
                             .hog = o->hog,
                             .cpu_time = o->cpu_time,
                             .straight = true};
    if (plan->n_nets > NIB_BENCH_CHOICES)
        return nib_fail(err, NIB_ERR_USAGE, "nibble bench: --net: at most %d nets", NIB_BENCH_CHOICES);
    for (int i = 0; i < plan->n_nets; ++i)
        NIB_TRY(nib_bench_net_parse(wanted[i], &plan->net[i], err));
    NIB_TRY(nib_bench_numbers("batch", o->batch ? o->batch : "128,1024", MAX_BATCH, plan->batch,
                              &plan->n_batches, err));
    return nib_bench_numbers("threads", o->threads ? o->threads : "1,2", NIB_MAX_THREADS, plan->threads,
                             &plan->n_threads, err);
}
