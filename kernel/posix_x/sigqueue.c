/* Queues of pending signals: a set of numbers, and the siginfo of those that have one. Layer:
 * posix_x.
 *
 * A standard signal is queued once at most; of a real-time signal every instance is kept, first in
 * first out. A number may be in the set without an entry: memory was short, and then only the
 * siginfo is lost.
 *
 * Locks: the owner's (process->lock).
 *
 * Source: signal(7), "Queueing and delivery semantics". */
#include <exo/memory.h>
#include "posix_x_internal.h"

static struct kmem_cache *sigqueue_cache;

void sigqueue_init(void)
{
	sigqueue_cache = kmem_cache_create("sigqueue", sizeof(struct sigqueue), 0, 0);
}

/* sigqueue_alloc - an entry charged to @account, whose signals may not pass @limit. NULL = over the
 * limit or out of memory. */
struct sigqueue *sigqueue_alloc(struct user_account *account, u64 limit)
{
	struct sigqueue *q = NULL;

	if ((u64)__atomic_add_fetch(&account->signals, 1, __ATOMIC_RELAXED) <= limit)
		q = kmem_cache_alloc(sigqueue_cache, ALLOC_ATOMIC);
	if (!q) {
		__atomic_fetch_sub(&account->signals, 1, __ATOMIC_RELAXED);
		return NULL;
	}
	account_hold(account);
	q->account = account;
	q->timer = NULL;
	return q;
}

/* sigqueue_free - gives back an entry that is in no list; a timer's own entry only drops the
 * timer's reference. */
static void sigqueue_free(struct sigqueue *q)
{
	if (q->timer) {
		posix_timer_put(q->timer);
		return;
	}
	__atomic_fetch_sub(&q->account->signals, 1, __ATOMIC_RELAXED);
	account_put(q->account);
	kmem_cache_free(sigqueue_cache, q);
}

void sigpending_init(struct sigpending *s)
{
	s->set = 0;
	list_init(&s->queue);
}

void sigpending_remove(struct sigpending *s, sigset set)
{
	struct sigqueue *q, *next;

	if (!(s->set & set))
		return;
	s->set &= ~set;
	list_for_each_entry_safe (q, next, &s->queue, node)
		if (SIGBIT(q->info.signo) & set) {
			list_del(&q->node);
			sigqueue_free(q);
		}
}

/* sigset_first - the signal to take first: faults of the program itself, then the lowest number. 0
 * = none. */
int sigset_first(sigset set)
{
	if (set & SIGSET_SYNC)
		set &= SIGSET_SYNC;
	return set ? (int)bit_ffs(set) + 1 : 0;
}

/* sigpending_take - removes one instance of @signo, which is in the set. @timer: the timer whose
 * entry it was, +1, or NULL. */
void sigpending_take(
	struct sigpending *s, int signo, struct siginfo *info, struct posix_timer **timer)
{
	struct sigqueue *q, *found = NULL;
	bool more = false;

	*timer = NULL;
	list_for_each_entry (q, &s->queue, node) {
		if (q->info.signo != signo)
			continue;
		if (found) {
			more = true;
			break;
		}
		found = q;
	}
	if (!more)
		s->set &= ~SIGBIT(signo);
	if (!found) {
		siginfo_fill(info, signo, SI_USER);
		return;
	}
	list_del(&found->node);
	*info = found->info;
	if (found->timer)
		*timer = found->timer; /* its reference moves to the caller */
	else
		sigqueue_free(found);
}
