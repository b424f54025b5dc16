/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * laws.c - what a scheduler promises, measured by threads that run under it. Prints one line of
 * figures; the case judges them.
 *
 *   laws weights CPUS THREADS MS MS_MAX   bound to each CPU so many computing threads, the first of
 *                           `nices`; looks after the first time, and on until they hold or the
 *                           second is over: a host that stops a processor charges who ran there
 *   laws crowd THREADS MS   computing threads of random nice values, bound to nothing
 *   laws wake HOGS WORK_US WAKES   one that works so long every 10 ms, among hogs
 *   laws turn THREADS MS    threads that do nothing but yield, on one CPU: the cost of a turn
 *   laws near CPU ROUNDS    sleeps on a CPU that another thread takes meanwhile: where does it
 * wake? laws stat THREADS MS   computing threads compare /proc/self/task/TID/schedstat with the
 * clocks
 *
 * Waits are gaps between two readings of the clock, which a computing thread makes all the time.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define MS INT64_C(1000000)

enum { NICES = 8, STACK_BYTES = 32768, SLEEPS = 20 };
#define OFF_MAX 0.10

static const int nices[NICES] = {0, 3, -3, 0, 5, -5, 10, 1};
static const double weights[NICES] = {1024, 526, 1991, 1024, 335, 3121, 110, 820};

struct worker {
	pthread_t thread;
	int nice, cpu; /* cpu < 0: any */
	int64_t before_ns, run_ns, gap_ns;
	long turns;
};
static _Atomic int64_t begin_at, end_at = INT64_MAX;
static atomic_int ready;
static pthread_rwlock_t gate = PTHREAD_RWLOCK_INITIALIZER; /* until begin_at is known */

static void need(int good, const char *what)
{
	if (good)
		return;
	perror(what);
	exit(2);
}

static int64_t now_ns(clockid_t clock)
{
	struct timespec t;

	need(!clock_gettime(clock, &t), "clock_gettime");
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static void sleep_until(int64_t at)
{
	struct timespec t = {at / 1000000000, at % 1000000000};

	need(!clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL), "clock_nanosleep");
}

static void work(int rounds)
{
	for (volatile int i = 0; i < rounds; i++)
		;
}

static void settle(const struct worker *w)
{
	cpu_set_t set;

	if (w->cpu >= 0) {
		CPU_ZERO(&set);
		CPU_SET(w->cpu, &set);
		need(!sched_setaffinity(0, sizeof(set), &set), "sched_setaffinity");
	}
	need(!w->nice || !setpriority(PRIO_PROCESS, (id_t)gettid(), w->nice), "setpriority");
	ready++;
	need(!pthread_rwlock_rdlock(&gate) && !pthread_rwlock_unlock(&gate), "gate");
	sleep_until(begin_at);
}

static void *compute(void *arg)
{
	struct worker *w = arg;
	int64_t ran, last, now;

	settle(w);
	ran = now_ns(CLOCK_THREAD_CPUTIME_ID);
	for (last = now_ns(CLOCK_MONOTONIC); last < end_at; last = now) {
		work(5000);
		now = now_ns(CLOCK_MONOTONIC);
		if (now - last > w->gap_ns)
			w->gap_ns = now - last;
	}
	w->run_ns = now_ns(CLOCK_THREAD_CPUTIME_ID) - ran;
	return NULL;
}

static void *yielding(void *arg)
{
	struct worker *w = arg;

	settle(w);
	while (now_ns(CLOCK_MONOTONIC) < end_at) {
		for (int i = 0; i < 8; i++)
			sched_yield();
		w->turns += 8;
	}
	return NULL;
}

static void start(struct worker *w, int n, void *(*fn)(void *))
{
	pthread_attr_t attr;

	need(!pthread_rwlock_wrlock(&gate), "gate");
	need(!pthread_attr_init(&attr) && !pthread_attr_setstacksize(&attr, STACK_BYTES), "attr");
	for (int i = 0; i < n; i++)
		need(!pthread_create(&w[i].thread, &attr, fn, &w[i]), "pthread_create");
	while (ready < n)
		usleep(10000);
}

static void begin(int64_t in_ms)
{
	begin_at = now_ns(CLOCK_MONOTONIC) + in_ms * MS;
	need(!pthread_rwlock_unlock(&gate), "gate");
}

static void run(struct worker *w, int n, int64_t ms)
{
	begin(100 + n / 10);
	end_at = begin_at + ms * MS;
	for (int i = 0; i < n; i++)
		need(!pthread_join(w[i].thread, NULL), "pthread_join");
}

static struct worker *workers(int n)
{
	struct worker *w = calloc((size_t)n, sizeof(*w));

	need(w != NULL, "calloc");
	for (int i = 0; i < n; i++)
		w[i].cpu = -1;
	return w;
}

static int64_t cpu_time_ns(const struct worker *w)
{
	clockid_t clock;

	need(!pthread_getcpuclockid(w->thread, &clock), "pthread_getcpuclockid");
	return now_ns(clock);
}

/* How far the worst of a CPU's threads is off its share, as a part of it. */
static double worst_of(const struct worker *mine, int n)
{
	double worst = 0, all = 0, sum = 0, ran[NICES];

	for (int k = 0; k < n; k++) {
		ran[k] = (double)(cpu_time_ns(&mine[k]) - mine[k].before_ns);
		sum += ran[k];
		all += weights[k];
	}
	for (int k = 0; k < n; k++) {
		double off = ran[k] / sum / (weights[k] / all) - 1;

		worst = off > worst ? off : -off > worst ? -off : worst;
	}
	return worst;
}

static void weights_law(int cpus, int each, int ms, int ms_max)
{
	int n = cpus * each;
	struct worker *w = workers(n);
	double worst;

	for (int i = 0; i < n; i++) {
		w[i].nice = nices[i % each];
		w[i].cpu = i / each;
	}
	start(w, n, compute);
	for (int i = 0; i < n; i++)
		w[i].before_ns = cpu_time_ns(&w[i]);
	begin(50);
	for (;; ms += 1000) {
		sleep_until(begin_at + ms * MS);
		worst = 0;
		for (int cpu = 0; cpu < cpus; cpu++) {
			double off = worst_of(w + cpu * each, each);

			worst = off > worst ? off : worst;
		}
		if (worst < OFF_MAX || ms + 1000 > ms_max)
			break;
	}
	printf("off_percent %.1f after_ms %d\n", worst * 100, ms);
	exit(0);
}

static void crowd_law(int n, int ms)
{
	struct worker *w = workers(n);
	int64_t gap = 0, least = INT64_MAX;

	for (int i = 0; i < n; i++)
		w[i].nice = (int)((unsigned)i * 2654435761u >> 16) % 40 - 20;
	start(w, n, compute);
	run(w, n, ms);
	for (int i = 0; i < n; i++) {
		gap = w[i].gap_ns > gap ? w[i].gap_ns : gap;
		least = w[i].run_ns < least ? w[i].run_ns : least;
	}
	printf("gap_ms %lld least_us %lld\n", (long long)(gap / MS), (long long)(least / 1000));
}

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void wake_law(int hogs, int work_us, int wakes)
{
	struct worker *w = workers(hogs);
	int64_t *late = calloc((size_t)wakes, sizeof(*late)), first;
	int rounds = 1000;

	need(late != NULL, "calloc");
	first = now_ns(CLOCK_MONOTONIC);
	work(rounds);
	rounds = (int)(work_us * INT64_C(1000) * rounds / (now_ns(CLOCK_MONOTONIC) - first + 1));
	start(w, hogs, compute);
	begin(50);
	sleep_until(begin_at + 500 * MS);
	for (int i = 0; i < wakes; i++) {
		int64_t at = now_ns(CLOCK_MONOTONIC) + 9 * MS + i % 7 * MS / 3;

		sleep_until(at);
		late[i] = now_ns(CLOCK_MONOTONIC) - at;
		work(rounds);
	}
	end_at = 0;
	first = late[0];
	qsort(late, (size_t)wakes, sizeof(*late), by_size);
	printf("p50_us %lld p99_us %lld max_us %lld first_us %lld\n",
		(long long)late[wakes / 2] / 1000, (long long)late[wakes * 99 / 100] / 1000,
		(long long)late[wakes - 1] / 1000, (long long)first / 1000);
}

static void turn_law(int n, int ms)
{
	struct worker *w = workers(n);
	long turns = 0, least = -1;

	start(w, n, yielding);
	run(w, n, ms);
	for (int i = 0; i < n; i++) {
		turns += w[i].turns;
		least = least < 0 || w[i].turns < least ? w[i].turns : least;
	}
	printf("turn_ns %lld turns %ld least %ld\n", ms * (long long)MS / (turns + 1), turns,
		least);
}

static void bind_to(cpu_set_t *set)
{
	need(!sched_setaffinity(0, sizeof(*set), set), "sched_setaffinity");
}

static void near_law(int cpu, int rounds)
{
	struct worker *w = workers(1);
	int woke[CPU_SETSIZE] = {0};
	cpu_set_t all, one;

	need(!sched_getaffinity(0, sizeof(all), &all), "sched_getaffinity");
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	w->cpu = cpu;
	start(w, 1, compute);
	begin(1);
	for (int i = 0; i < rounds; i++) {
		bind_to(&one);
		bind_to(&all);
		sleep_until(now_ns(CLOCK_MONOTONIC) + 5 * MS);
		woke[sched_getcpu()]++;
	}
	end_at = 0;
	for (int i = 0; i < CPU_COUNT(&all); i++)
		printf("cpu%d %d ", i, woke[i]);
	printf("\n");
}

struct schedstat {
	long long run_ns, wait_ns, slices;
};

static struct schedstat schedstat(void)
{
	struct schedstat st;
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%d/schedstat", gettid());
	f = fopen(path, "r");
	need(f && fscanf(f, "%lld %lld %lld\n", &st.run_ns, &st.wait_ns, &st.slices) == 3 &&
			getc(f) == EOF,
		path);
	fclose(f);
	return st;
}

struct reading { /* what is counted, between two readings of each clock */
	int64_t clock_ns[2], cpu_ns[2];
	struct schedstat counted;
};

static struct reading reading(void)
{
	struct reading r;

	r.clock_ns[0] = now_ns(CLOCK_MONOTONIC);
	r.cpu_ns[0] = now_ns(CLOCK_THREAD_CPUTIME_ID);
	r.counted = schedstat();
	r.cpu_ns[1] = now_ns(CLOCK_THREAD_CPUTIME_ID);
	r.clock_ns[1] = now_ns(CLOCK_MONOTONIC);
	return r;
}

/* How far @counted is from what two readings of a clock allow. */
static int64_t beyond(int64_t counted, const int64_t first[2], const int64_t last[2])
{
	int64_t least = last[0] - first[1], most = last[1] - first[0];

	return counted < least ? least - counted : counted > most ? counted - most : 0;
}

/* A thread that never sleeps runs or waits. */
static void *counted(void *arg)
{
	struct worker *w = arg;
	struct reading first, last;
	long long ran, slices;

	settle(w);
	first = reading();
	while (now_ns(CLOCK_MONOTONIC) < end_at)
		work(5000);
	last = reading();
	ran = last.counted.run_ns - first.counted.run_ns;
	w->run_ns = beyond(ran, first.cpu_ns, last.cpu_ns);
	w->gap_ns = beyond(
		ran + last.counted.wait_ns - first.counted.wait_ns, first.clock_ns, last.clock_ns);
	slices = schedstat().slices;
	for (int i = 0; i < SLEEPS; i++)
		sleep_until(now_ns(CLOCK_MONOTONIC) + MS);
	w->turns = schedstat().slices - slices;
	return NULL;
}

static void stat_law(int n, int ms)
{
	struct worker *w = workers(n);
	int64_t run_off = 0, clock_off = 0;
	long least;

	start(w, n, counted);
	run(w, n, ms);
	least = w->turns;
	for (int i = 0; i < n; i++) {
		run_off = w[i].run_ns > run_off ? w[i].run_ns : run_off;
		clock_off = w[i].gap_ns > clock_off ? w[i].gap_ns : clock_off;
		least = w[i].turns < least ? w[i].turns : least;
	}
	printf("run_off_us %lld clock_off_us %lld slices %ld\n", (long long)run_off / 1000,
		(long long)clock_off / 1000, least);
}

int main(int count, char **words)
{
	const char *law = count > 3 ? words[1] : "";
	int a = count > 3 ? atoi(words[2]) : 0, b = count > 3 ? atoi(words[3]) : 0;

	setvbuf(stdout, NULL, _IONBF, 0);
	if (!strcmp(law, "weights") && count > 5 && b <= NICES)
		weights_law(a, b, atoi(words[4]), atoi(words[5]));
	else if (!strcmp(law, "crowd"))
		crowd_law(a, b);
	else if (!strcmp(law, "wake") && count > 4)
		wake_law(a, b, atoi(words[4]));
	else if (!strcmp(law, "near"))
		near_law(a, b);
	else if (!strcmp(law, "stat"))
		stat_law(a, b);
	else if (!strcmp(law, "turn"))
		turn_law(a, b);
	else
		return fprintf(stderr, "usage: laws LAW NUMBER NUMBER...\n"), 2;
	return 0;
}
