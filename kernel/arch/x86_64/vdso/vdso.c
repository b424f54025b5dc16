/* Clocks without entering the kernel. Runs in user mode; sees only vdso_data and its arguments.
 * Layer: none (user code). Sources: vdso(7); clock_gettime(2); getcpu(2). */
#include <arch/vdso_data.h>

struct timespec {
	s64 sec, nsec;
};
struct timeval {
	s64 sec, usec;
};

enum { REALTIME = 0 };
#define NR_clock_gettime 228
#define NR_gettimeofday  96
#define NR_clock_getres  229
#define SEL_CPU_NUMBER   0x7bu
#define EXPORT           __attribute__((visibility("default")))
#define ALIAS(of)        __attribute__((visibility("default"), weak, alias(#of)))

/* not const: the kernel writes it */
extern struct vdso_data vdso_data __attribute__((visibility("hidden")));

static inline long call2(long nr, long a, long b)
{
	__asm__ volatile("syscall" : "+a"(nr) : "D"(a), "S"(b) : "rcx", "r11", "memory");
	return nr;
}

/* LFENCE: the counter is not read before what the program did earlier. RDTSC clears the upper
 * halves of both registers. */
static inline u64 cycles(void)
{
	u64 lo, hi;

	__asm__ volatile("lfence\n\trdtsc" : "=a"(lo), "=d"(hi)::"memory");
	return hi << 32 | lo;
}

/* Nanoseconds of a clock. Return: 0 when only the kernel can say. */
static inline __attribute__((always_inline)) bool clock_ns(unsigned clock, u64 *ns)
{
	s64 offset;

	if (unlikely(clock >= VDSO_CLOCKS))
		return false;
	offset = READ_ONCE(vdso_data.offset_ns[clock]);
	if (unlikely(!offset))
		return false;
	*ns = vdso_scale(cycles(), vdso_data.mult) + (u64)offset;
	return true;
}

static inline __attribute__((always_inline)) int finish(u64 ns, struct timespec *ts)
{
	u64 sec = ns / NS_PER_SEC;

	ts->sec = (s64)sec;
	ts->nsec = (s64)(ns - sec * NS_PER_SEC);
	return 0;
}

EXPORT int __vdso_clock_gettime(int clock, struct timespec *ts);
EXPORT int __vdso_clock_gettime(int clock, struct timespec *ts)
{
	u64 ns;

	if (likely(clock_ns((unsigned)clock, &ns)))
		return finish(ns, ts);
	return (int)call2(NR_clock_gettime, clock, (long)ts);
}
int clock_gettime(int clock, struct timespec *ts) ALIAS(__vdso_clock_gettime);

EXPORT int __vdso_clock_getres(int clock, struct timespec *ts);
EXPORT int __vdso_clock_getres(int clock, struct timespec *ts)
{
	return (int)call2(NR_clock_getres, clock, (long)ts);
}
int clock_getres(int clock, struct timespec *ts) ALIAS(__vdso_clock_getres);

EXPORT int __vdso_gettimeofday(struct timeval *tv, void *zone);
EXPORT int __vdso_gettimeofday(struct timeval *tv, void *zone)
{
	struct timespec ts;
	u64 ns;

	if (zone || !clock_ns(REALTIME, &ns))
		return (int)call2(NR_gettimeofday, (long)tv, (long)zone);
	if (tv) {
		finish(ns, &ts);
		tv->sec = ts.sec;
		tv->usec = (s64)((u64)ts.nsec / 1000);
	}
	return 0;
}
int gettimeofday(struct timeval *tv, void *zone) ALIAS(__vdso_gettimeofday);

EXPORT s64 __vdso_time(s64 *t);
EXPORT s64 __vdso_time(s64 *t)
{
	struct timespec ts = {0};

	if (__vdso_clock_gettime(REALTIME, &ts))
		return -1;
	if (t)
		*t = ts.sec;
	return ts.sec;
}
s64 time(s64 *t) ALIAS(__vdso_time);

/* The limit of a segment that every CPU has: its own number, and its node. */
EXPORT long __vdso_getcpu(unsigned *cpu, unsigned *node, void *unused);
EXPORT long __vdso_getcpu(unsigned *cpu, unsigned *node, void *unused)
{
	unsigned number;

	(void)unused;
	__asm__ volatile("lsll %1, %0" : "=r"(number) : "r"(SEL_CPU_NUMBER) : "cc");
	if (cpu)
		*cpu = number & 0xfff;
	if (node)
		*node = number >> 12;
	return 0;
}
long getcpu(unsigned *cpu, unsigned *node, void *unused) ALIAS(__vdso_getcpu);
