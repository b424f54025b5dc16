/* When memory is out: the largest process is killed, with a line in the log. Layer: posix_x.
 * Called by the memory room in thread context without spin locks. Kernel threads and pid 1 are never chosen. */
#include <exo/log.h>
#include <exo/memory.h>
#include <exo/string.h>
#include "posix_x_internal.h"

#define OOM_PATIENCE_NS (2 * NS_PER_SEC) /* a victim gets that long before the next one is chosen */

static ns_t patience_until; /* [a] */
static pid_t victim_nr;     /* [a] */

static u64 rss_of(struct process *p)
{
	struct vm_space *s = process_space(p);
	u64 pages;

	if (!s)
		return 0;
	pages = vm_space_rss(s);
	vm_space_put(s);
	return pages;
}

/* What the choice compares: pages, moved by oom_score_adj thousandths of all memory. 0 = never. */
static u64 badness(struct process *p)
{
	s32 adj = process_oom_adj(p);
	struct mem_stats m;
	u64 pages = rss_of(p);
	s64 points;

	if (adj == -1000 || !pages)
		return 0;
	if (!adj)
		return pages;
	mem_stats_get(&m);
	points = (s64)pages + adj * ((s64)m.pages_total / 1000);
	return points > 0 ? (u64)points : 1;
}

static struct process *largest(u64 *pages)
{
	struct process *best = NULL, *p;
	pid_t nr = 1;
	u64 n;

	*pages = 0;
	while ((p = process_next(&nr))) {
		n = p->state == PROC_LIVE && !(p->flags & PROC_GROUP_EXIT) ? badness(p) : 0;
		if (n > *pages) {
			if (best)
				process_put(best);
			best = p;
			*pages = n;
		} else {
			process_put(p);
		}
	}
	return best;
}

static bool victim_dying(ns_t now)
{
	struct process *p;
	bool alive;

	if (now >= __atomic_load_n(&patience_until, __ATOMIC_ACQUIRE))
		return false;
	p = process_find(__atomic_load_n(&victim_nr, __ATOMIC_RELAXED));
	if (!p)
		return false;
	alive = p->state == PROC_LIVE;
	process_put(p);
	return alive;
}

/* oom_kill - Return: true = memory will come back, try again. */
bool oom_kill(void)
{
	ns_t now = clock_monotonic();
	struct process *p;
	struct task *t;
	char name[16] = "";
	ulong flags;
	u64 pages, rss;

	if (thread_fatal_pending(current))
		return false; /* we are the victim: fail and end */
	if (victim_dying(now)) {
		(void)thread_sleep_until(now + NS_PER_MS, WAIT_UNINTERRUPTIBLE);
		return true;
	}
	p = largest(&pages);
	if (!p)
		return false;
	__atomic_store_n(&victim_nr, p->nr, __ATOMIC_RELAXED);
	__atomic_store_n(&patience_until, now + OOM_PATIENCE_NS, __ATOMIC_RELEASE);
	rss = rss_of(p);
	flags = process_lock(p);
	t = process_first_task_locked(p);
	if (t)
		str_copy(name, t->thread.name, sizeof(name));
	signal_group_exit_locked(p, SIGKILL);
	process_unlock(p, flags);
	log_printf(LOG_ERR, "oom: killed pid %d (%s), rss %lu KB", p->nr, name, rss * (PAGE_SIZE / 1024));
	process_put(p);
	return true;
}
