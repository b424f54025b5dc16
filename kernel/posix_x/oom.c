/* When memory is out: the largest process is killed, with a line in the log. Layer: posix_x.
 * Called by the memory room in thread context without spin locks. Kernel threads and pid 1 are never chosen. */
#include <exo/log.h>
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

static struct process *largest(u64 *pages)
{
	struct process *best = NULL, *p;
	pid_t nr = 1;
	u64 n;

	*pages = 0;
	while ((p = process_next(&nr))) {
		n = p->state == PROC_LIVE && !(p->flags & PROC_GROUP_EXIT) ? rss_of(p) : 0;
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
	u64 pages;

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
	flags = process_lock(p);
	t = process_first_task_locked(p);
	if (t)
		str_copy(name, t->thread.name, sizeof(name));
	signal_group_exit_locked(p, SIGKILL);
	process_unlock(p, flags);
	log_printf(LOG_ERR, "oom: killed pid %d (%s), rss %lu KB", p->nr, name, pages * (PAGE_SIZE / 1024));
	process_put(p);
	return true;
}
