#include "base/core_only.h"
#include "workload/arrival.h"

#include "base/units.h"

const char *arrival_problem(const struct arrival *arrival)
{
        switch (arrival->kind) {
        case ARRIVAL_GAPS: return dist_highest(&arrival->gap) == 0 ? "needs gaps above 0" : NULL;
        case ARRIVAL_BURSTS:
                if (dist_highest(&arrival->gap) == 0)
                        return "needs gaps above 0";
                return dist_highest(&arrival->on) == 0 && dist_highest(&arrival->off) == 0
                               ? "needs a time on or off above 0"
                               : NULL;
        case ARRIVAL_TIMES: return arrival->time_count == 0 ? "has no times" : NULL;
        }
        return NULL;
}

void arrival_begin(struct arrival_clock *at, uint64_t start_ns)
{
        *at = (struct arrival_clock){ .t_ns = start_ns };
}

/* TIME_NEVER stays what it is. */
static uint64_t later(uint64_t t_ns, uint64_t by_ns)
{
        return by_ns < TIME_NEVER - t_ns ? t_ns + by_ns : TIME_NEVER;
}

static uint64_t next_in_burst(const struct arrival *arrival, struct arrival_clock *at, struct prng *prng)
{
        uint64_t t_ns = at->t_ns;

        if (at->index > 0) {
                t_ns = later(t_ns, dist_draw(&arrival->gap, prng));
                if (t_ns < at->burst_ns)
                        return t_ns;
                t_ns = later(at->burst_ns, dist_draw(&arrival->off, prng));
        }
        at->index = 1;
        at->burst_ns = later(t_ns, dist_draw(&arrival->on, prng));
        return t_ns;
}

uint64_t arrival_next(const struct arrival *arrival, struct arrival_clock *at, struct prng *prng)
{
        switch (arrival->kind) {
        case ARRIVAL_GAPS: at->t_ns = later(at->t_ns, dist_draw(&arrival->gap, prng)); break;
        case ARRIVAL_BURSTS: at->t_ns = next_in_burst(arrival, at, prng); break;
        case ARRIVAL_TIMES:
                return at->index < arrival->time_count ? later(at->t_ns, arrival->times[at->index++]) : TIME_NEVER;
        }
        return at->t_ns;
}
