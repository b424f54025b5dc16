/* host: work items for tests without kernel/scheduler: they wait until host_work_run. */
#include <host.h>
#include <exo/sched.h>
#include <pthread.h>

static struct list queued = LIST_INIT(queued); /* [lock] */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void work_init(struct work *w, void (*fn)(struct work *w))
{
	list_init(&w->node);
	w->fn = fn;
}

bool work_queue(struct work *w)
{
	bool idle;

	pthread_mutex_lock(&lock);
	idle = list_empty(&w->node);
	if (idle)
		list_add_tail(&queued, &w->node);
	pthread_mutex_unlock(&lock);
	return idle;
}

void host_work_run(void)
{
	for (;;) {
		struct work *w;

		pthread_mutex_lock(&lock);
		w = list_pop(&queued, struct work, node);
		pthread_mutex_unlock(&lock);
		if (!w)
			return;
		w->fn(w);
	}
}
