#include "prune/schedule.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define NIB_PRUNE_SCHEDULE(name) extern const nib_prune_schedule nib_prune_schedule_##name;
#include "prune/schedules.def"
#undef NIB_PRUNE_SCHEDULE

#define NIB_PRUNE_SCHEDULE(name) &nib_prune_schedule_##name,
const nib_prune_schedule *const nib_prune_schedules[] = {
#include "prune/schedules.def"
};
#undef NIB_PRUNE_SCHEDULE
const int nib_prune_schedules_count = (int)(sizeof nib_prune_schedules / sizeof nib_prune_schedules[0]);

const nib_prune_schedule *nib_prune_schedule_find(const char *name)
{
    for (int i = 0; i < nib_prune_schedules_count; i++) {
        const nib_prune_schedule *s = nib_prune_schedules[i];
        if (strcmp(s->name, name) == 0 || (s->alias && strcmp(s->alias, name) == 0))
            return s;
    }
    return NULL;
}

nib_prune_span nib_prune_span_of(const nib_prune_span_options *o, const nib_prune_clock *clock)
{
    enum { STEPS_BETWEEN = 100 };
    const bool epochs = o->unit == NIB_PRUNE_EPOCHS;
    const int64_t unit = epochs ? clock->steps_per_epoch : 1;
    nib_prune_span span = {.begin = o->begin * unit + (epochs ? 1 : 0), .end = o->end};
    if (o->end == NIB_PRUNE_END_AUTO)
        span.end = clock->steps / 2;
    else if (o->end >= 0)
        span.end = o->end * unit;
    if (span.end >= 0 && span.end < span.begin)
        span.end = span.begin;
    span.frequency = o->frequency > 0 ? o->frequency * unit : epochs ? unit : STEPS_BETWEEN;
    return span;
}

bool nib_prune_span_due(const nib_prune_span *span, const nib_prune_clock *clock, int64_t step)
{
    if (step < span->begin || (span->end >= 0 && step > span->end))
        return false;
    return (step - span->begin) % span->frequency == 0 || (!clock->tfmot && step == span->end);
}

double nib_prune_span_share(const nib_prune_span *span, int64_t step)
{
    if (span->end >= 0 && step >= span->end)
        return 1;
    if (step <= span->begin)
        return 0;
    return (double)(step - span->begin) / (double)(span->end - span->begin);
}

const char *nib_prune_span_wrong(const nib_prune_span_options *o, bool may_be_endless, char *text)
{
    if (o->end == NIB_PRUNE_END_NEVER && !may_be_endless)
        return "end: a schedule that grows to its sparsity must end (auto or a number)";
    if (o->end < 0 || o->end >= o->begin)
        return NULL;
    (void)snprintf(text, NIB_PRUNE_TEXT_BYTES, "end (%" PRId64 ") is before begin (%" PRId64 ")", o->end,
                   o->begin);
    return text;
}
