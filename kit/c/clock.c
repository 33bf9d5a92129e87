/* The time: the system's monotonic clock, read from the processor's counter where that is safe.
 *
 * Asking the system costs more than everything else in recording an event.  Where the system itself
 * reads the time stamp counter for its clock (Linux on x86-64 says so), it is the same on all
 * processors and never stands still, and a line from (counter, nanoseconds) pairs gives the clock's
 * value at half the price.  The line is drawn anew after at most 20 ms, by asking the system; it
 * never goes back, and where it was more than a microsecond off, or anything else is odd, the
 * system is asked each time until there is a new line that one can trust.
 *
 * KIT_CLOCK=system in the environment asks the system always.
 */
#include "kit.h"

#ifdef KIT_COUNTER

#include <stdlib.h>

struct kit_line kit_line; /* no span: not in use */

#define LONGEST 20000000      /* ns that a line is used */
#define SHORTEST_BASE 10000000 /* ns that a rate has to be measured over */
#define LONGEST_BASE 2000000000
#define TOLERANCE 1000        /* ns that a line may have been off */

typedef struct {
    uint64_t ticks;
    int64_t ns;
} Pair;

static bool usable;
static Pair base, next_base; /* the rate is measured from base; next_base follows it */

static int64_t
system_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Both clocks at one moment, as nearly as can be had. */
static Pair
pair(void)
{
    Pair best = {0, 0};
    uint64_t shortest = UINT64_MAX;
    for (int i = 0; i < 3; i++) {
        uint64_t before = kit_ticks();
        int64_t ns = system_clock();
        uint64_t took = kit_ticks() - before;
        if (took < shortest) {
            shortest = took;
            best = (Pair){before + took / 2, ns};
        }
    }
    return best;
}

COLD int64_t
kit_clock_anew(void)
{
    if (!usable)
        return system_clock();
    Pair now = pair();
    uint64_t since = now.ticks - kit_line.ticks;
    /* What the old line would have said, where it was in use a moment ago. */
    bool fresh = kit_line.span > 0 && since < 4 * kit_line.span;
    int64_t said = fresh ? kit_line.ns + (int64_t)((since >> 4) * kit_line.rate >> 28) : now.ns;
    kit_line.span = 0;
    if (said - now.ns > TOLERANCE || now.ns - said > TOLERANCE || now.ticks < base.ticks) {
        base = next_base = now; /* the counter or the clock has jumped */
        return now.ns;
    }
    int64_t measured = now.ns - base.ns;
    if (base.ticks == 0 || measured < SHORTEST_BASE) {
        if (base.ticks == 0)
            base = next_base = now;
        return now.ns;
    }
    double rate = (double)measured / (double)(now.ticks - base.ticks);
    if (!(rate > 0.05 && rate < 20)) {
        usable = false; /* no counter that we know how to use */
        return now.ns;
    }
    double length = measured / 2 < LONGEST ? measured / 2 : LONGEST;
    int64_t start = said > now.ns ? said : now.ns;
    /* Ahead of the clock, the line rises a little more slowly, and meets it at its end. */
    double slope = rate * (length - (double)(start - now.ns)) / length;
    kit_line.ticks = now.ticks;
    kit_line.ns = start;
    kit_line.rate = (uint64_t)(slope * 4294967296.0);
    kit_line.span = (uint64_t)(length / rate);
    if (measured > LONGEST_BASE) {
        base = next_base;
        next_base = now;
    }
    return start;
}

static bool
system_reads_the_counter(void)
{
    char name[16] = "";
    FILE *file = fopen("/sys/devices/system/clocksource/clocksource0/current_clocksource", "r");
    if (file == NULL)
        return false;
    bool found = fgets(name, sizeof(name), file) != NULL && strcmp(name, "tsc\n") == 0;
    fclose(file);
    return found;
}

static void
choose(void)
{
    const char *wanted = getenv("KIT_CLOCK");
    usable = (wanted == NULL || strcmp(wanted, "system") != 0) && system_reads_the_counter();
}

#else

static void
choose(void)
{
}

#endif

PyDoc_STRVAR(clock_doc, "clock()\n--\n\nThe time that events are stamped with, in nanoseconds.");

static PyObject *
ask(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
    return PyLong_FromLongLong(kit_clock());
}

static PyMethodDef functions[] = {
    {"clock", ask, METH_NOARGS, clock_doc},
    {NULL},
};

int
kit_init_clock(PyObject *module)
{
    choose();
    return PyModule_AddFunctions(module, functions);
}
