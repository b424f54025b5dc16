/* host: RCU for tests that do not link kernel/sync/rcu.c: callbacks wait until somebody says that
 * no reader is left. */
#include <host.h>
#include <exo/sync.h>
#include <pthread.h>

PER_CPU(u32, rcu_passed);
PER_CPU(u32, rcu_idle);
PER_CPU(u32, rcu_wake_wanted);
static struct rcu_head *queued; /* [lock] */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void rcu_call(struct rcu_head *h, void (*fn)(struct rcu_head *h))
{
	h->fn = fn;
	pthread_mutex_lock(&lock);
	h->next = queued;
	queued = h;
	pthread_mutex_unlock(&lock);
}

void host_rcu_run(void)
{
	for (;;) {
		struct rcu_head *h;

		pthread_mutex_lock(&lock);
		h = queued;
		queued = NULL;
		pthread_mutex_unlock(&lock);
		if (!h)
			return;
		while (h) {
			struct rcu_head *next = h->next;

			h->fn(h);
			h = next;
		}
	}
}

void rcu_synchronize(void)
{
}

void rcu_barrier(void)
{
	host_rcu_run();
}

void rcu_wake_worker(void)
{
}
