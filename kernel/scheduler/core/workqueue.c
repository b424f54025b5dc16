/* Work that interrupt context hands to a thread. Layer: scheduler. One worker for all: an item must
 * not sleep for long. */
#include "../scheduler_internal.h"
#include <exo/log.h>

static spinlock_t lock = SPINLOCK_INIT(RANK_WAITQUEUE);
static struct list queued = LIST_INIT(queued); /* [lock] */
static struct waitqueue worker_sleeps = WAITQUEUE_INIT(worker_sleeps);

void work_init(struct work *w, void (*fn)(struct work *w))
{
	list_init(&w->node);
	w->fn = fn;
}

static struct work *take(void)
{
	struct spin_guard g SCOPED(spin_unguard) = spin_guard(&lock);
	struct work *w = list_first(&queued, struct work, node);

	if (w)
		list_del(&w->node); /* from here it may be queued again */
	return w;
}

static void worker_main(void *arg)
{
	for (;;) {
		struct work *w;

		wait_event_mode(
			&worker_sleeps, (w = take()) != NULL, WAIT_INTERRUPTIBLE, NS_FOREVER, true);
		w->fn(w);
	}
}

void workqueue_init(void)
{
	if (!kthread_create("kworker", worker_main, NULL))
		panic("no memory for the work queue's thread");
}

bool work_queue(struct work *w)
{
	ulong flags = spin_lock_irq(&lock);
	bool fresh = list_empty(&w->node);

	if (fresh)
		list_add_tail(&queued, &w->node);
	spin_unlock_irq(&lock, flags);
	if (fresh)
		wake_one(&worker_sleeps, 0);
	return fresh;
}
