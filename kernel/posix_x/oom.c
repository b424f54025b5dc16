/* When memory is out: the largest process is killed, with a line in the log. Layer: posix_x.
 * Called by the memory room in thread context without spin locks. Kernel threads and pid 1 are
 * never chosen. */
#include <exo/log.h>
#include <exo/memory.h>
#include <exo/string.h>
#include "posix_x_internal.h"

#define OOM_ADJ_MIN       (-1000)
#define OOM_ADJ_MAX       1000
#define NOT_CHOSEN        (-__INT64_MAX__ - 1)
#define OOM_PAUSE_NS      (2 * NS_PER_MS)
#define OOM_VICTIMS_MAX   8
#define OOM_PAGES_ENOUGH  512 /* given back by one round */
#define OOM_PAGES_BESIDES 16  /* stack, tables and structs of a process */
#define OOM_PATIENCE_NS                                                           \
	(2 * NS_PER_SEC) /* a victim gets that long before the next one is chosen \
			  */

static u32 choosing;        /* [a] 1 while a thread chooses: acquire, release */
static ns_t patience_until; /* [a] */
static pid_t victim_nr;     /* [a] */

/* What may end with @p: not the pages of files. Tables count: with the page of zeroes in them they
 * are all that there is. */
static u64 pages_of(struct process *p)
{
	struct vm_space *s SCOPED(vm_space_put_at) = process_space(p);
	s64 pages = s ? READ_ONCE(s->rss_anon) + READ_ONCE(s->rss_shmem) +
				    (s64)pmap_table_pages(&s->pmap)
		      : 0;

	return pages > 0 ? (u64)pages : 0; /* counters may be read amid a change */
}

/* Pages that count against @p: its own, moved by oom_score_adj thousandths of all memory.
 * NOT_CHOSEN = not to be chosen. */
static s64 badness(struct process *p, u64 total)
{
	s64 adj = READ_ONCE(p->oom_score_adj), pages = (s64)pages_of(p);

	if (p->state != PROC_LIVE || (p->flags & PROC_GROUP_EXIT) || adj == OOM_ADJ_MIN || !pages ||
		p->nr == 1)
		return NOT_CHOSEN;
	return pages + adj * (s64)total / 1000;
}

u64 process_oom_score(struct process *p)
{
	s64 total = (s64)mem_pages_total(), n = badness(p, (u64)total);

	return n == NOT_CHOSEN ? 0 : (u64)(1000 + n * 1000 / total) * 2 / 3;
}

static struct process *largest(void)
{
	struct process *best = NULL, *p;
	u64 total = mem_pages_total();
	s64 n, most = NOT_CHOSEN;
	pid_t nr = 1;

	while ((p = process_next(&nr))) {
		n = badness(p, total);
		if (n > most) {
			process_put_at(&best);
			best = p;
			most = n;
		} else {
			process_put(p);
		}
	}
	return best;
}

static bool victim_dying(ns_t now)
{
	if (now >= __atomic_load_n(&patience_until, __ATOMIC_ACQUIRE))
		return false;
	struct process *p SCOPED(process_put_at) =
		process_find(__atomic_load_n(&victim_nr, __ATOMIC_RELAXED));
	return p && p->state == PROC_LIVE;
}

int process_oom_adj_set(struct process *p, s32 adj)
{
	if (adj < OOM_ADJ_MIN || adj > OOM_ADJ_MAX)
		return -EINVAL;
	if (adj < p->oom_score_adj && !cred_capable(current->cred, LCAP_SYS_RESOURCE))
		return -EACCES;
	p->oom_score_adj = (s16)adj;
	return 0;
}

/* Return: pages that its end should give back, a guess. */
static u64 kill_one(struct process *p)
{
	u64 pages = pages_of(p);
	char name[16] = "";
	struct task *t;
	ulong flags = process_lock(p);

	t = process_first_task_locked(p);
	if (t)
		str_copy(name, t->thread.name, sizeof(name));
	signal_group_exit_locked(p, SIGKILL);
	process_unlock(p, flags);
	log_printf(LOG_ERR, "oom: killed pid %d (%s), %lu KB", p->nr, name,
		pages * (PAGE_SIZE / 1024));
	return pages + OOM_PAGES_BESIDES;
}

/* A storm of small processes gives back little each: several go at a time. */
static bool kill_largest(void)
{
	struct process *p SCOPED(process_put_at) = largest();
	u64 pages = 0;

	if (!p)
		return false;
	__atomic_store_n(&victim_nr, p->nr, __ATOMIC_RELAXED);
	__atomic_store_n(&patience_until, clock_monotonic() + OOM_PATIENCE_NS, __ATOMIC_RELEASE);
	for (u32 n = 0; p && n < OOM_VICTIMS_MAX; n++) {
		pages += kill_one(p);
		process_put(p);
		p = pages < OOM_PAGES_ENOUGH ? largest() : NULL;
	}
	return true;
}

/* oom_kill - Return: true = memory will come back, try again. One thread at a time chooses; the
 * others wait for what comes of it. */
bool oom_kill(void)
{
	bool more = true;

	if (thread_fatal_pending(current))
		return false; /* we are the victim: fail and end */
	if (!victim_dying(clock_monotonic()) &&
		!__atomic_exchange_n(&choosing, 1, __ATOMIC_ACQUIRE)) {
		if (!victim_dying(clock_monotonic()))
			more = kill_largest();
		__atomic_store_n(&choosing, 0, __ATOMIC_RELEASE);
		return more;
	}
	(void)thread_sleep_until(clock_monotonic() + OOM_PAUSE_NS, WAIT_KILLABLE);
	return true;
}
