/* High-resolution timers: a red-black tree by deadline on each CPU over a one-shot hardware timer.
 * Layer: time.
 *
 * A timer belongs to the base of the CPU that started it. ->base changes only with the old base
 * locked; while it is on its way it is NULL. The hardware is programmed only for a deadline earlier
 * than what it is armed for: a cancelled timer leaves it armed, and the interrupt then finds
 * nothing. Callbacks run with interrupts off and no lock held; base->running names the one that
 * does. */
#include "time_internal.h"
#include <exo/log.h>
#include <arch/irq.h>

#define EXPIRE_MAX 256 /* callbacks in one interrupt; the rest follow at once in the next */

struct timer_base {
	spinlock_t lock;     /* TIMER */
	bool ready;          /* [c] */
	struct rb_tree tree; /* [lock] queued timers by deadline */
	/* [lock] whose fn is being called; maybe freed already: only compared */
	struct timer *running;
	ns_t armed_at; /* [p] what the hardware is armed for; NS_FOREVER = nothing */
};
static PER_CPU(struct timer_base, timer_bases);

void timer_init(struct timer *t, void (*fn)(struct timer *t))
{
	t->deadline_ns = 0;
	t->fn = fn;
	/* any is right; this one is likely the one that starts it */
	t->base = this_cpu_ptr(timer_bases);
	t->queued = false;
	t->of_day = false;
}

void time_cpu_init(void)
{
	struct timer_base *b = this_cpu_ptr(timer_bases);

	spin_init(&b->lock, RANK_TIMER);
	b->armed_at = NS_FOREVER;
	b->ready = true;
}

/* Locks the base that @t belongs to, interrupts off from then on: t->base, until the scope ends. */
static struct spin_guard lock_base(struct timer *t)
{
	ulong flags = arch_irq_save();

	for (;;) { /* bound: a timer changes its base only when it is started */
		struct timer_base *b = __atomic_load_n(&t->base, __ATOMIC_ACQUIRE);

		if (likely(b != NULL)) {
			spin_lock(&b->lock);
			if (likely(b == __atomic_load_n(&t->base, __ATOMIC_RELAXED)))
				return (struct spin_guard){&b->lock, flags};
			spin_unlock(&b->lock);
		}
		arch_cpu_relax();
	}
}

static bool earlier(const struct rb_node *a, const struct rb_node *b)
{
	return container_of(a, struct timer, node)->deadline_ns <
	       container_of(b, struct timer, node)->deadline_ns;
}

static bool dequeue(struct timer_base *b, struct timer *t)
{
	if (!t->queued)
		return false;
	rb_erase(&b->tree, &t->node);
	t->queued = false;
	return true;
}

/* [lock] on b's CPU */
static void arm(struct timer_base *b, ns_t deadline_ns)
{
	if (deadline_ns < b->armed_at) {
		b->armed_at = deadline_ns;
		arch_timer_arm(deadline_ns);
	}
}

void timer_start(struct timer *t, ns_t deadline_ns)
{
	struct spin_guard g SCOPED(spin_unguard) = lock_base(t);
	struct timer_base *b = t->base, *here = this_cpu_ptr(timer_bases);

	ASSERT(here->ready);
	dequeue(b, t);
	/* A timer whose fn runs on another CPU stays there, or timer_cancel_sync would not find the
	 * running one. */
	if (b != here && b->running != t) {
		__atomic_store_n(&t->base, NULL, __ATOMIC_RELAXED);
		spin_unlock(&b->lock);
		b = here;
		g.lock = spin_hold(&b->lock);
		__atomic_store_n(&t->base, b, __ATOMIC_RELEASE); /* pairs with lock_base */
	}
	t->deadline_ns = deadline_ns;
	t->queued = true;
	rb_insert(&b->tree, &t->node, earlier);
	if (b == here) /* else its own CPU is in timer_interrupt, which arms at its end */
		arm(b, deadline_ns);
}

bool timer_cancel(struct timer *t)
{
	struct spin_guard g SCOPED(spin_unguard) = lock_base(t);

	return dequeue(t->base, t);
}

bool timer_cancel_sync(struct timer *t)
{
	bool was_queued = false;

	for (;;) { /* bound: the running callback */
		struct spin_guard g = lock_base(t);
		bool running = t->base->running == t;

		was_queued |= dequeue(t->base, t);
		spin_unguard(&g);
		if (!running)
			return was_queued;
		arch_cpu_relax();
	}
}

ns_t timer_remaining(struct timer *t)
{
	struct spin_guard g SCOPED(spin_unguard) = lock_base(t);
	ns_t now = clock_monotonic();

	if (!t->queued)
		return 0;
	return t->deadline_ns > now ? t->deadline_ns - now : 1; /* 0 means: not queued */
}

/* On the CPU that they belong to: no hardware but its own can be armed. */
static void look_anew_here(void *arg)
{
	struct timer_base *b = this_cpu_ptr(timer_bases);
	struct rb_node *n, *next;

	if (!b->ready)
		return;
	spin_lock(&b->lock);
	for (n = rb_first(&b->tree); n; n = next) {
		struct timer *t = container_of(n, struct timer, node);

		next = rb_next(n);
		if (!t->of_day)
			continue;
		rb_erase(&b->tree, n);
		t->deadline_ns = 0;
		rb_insert_after(&b->tree, NULL, n);
		arm(b, 0);
	}
	spin_unlock(&b->lock);
}

void timers_look_anew(void)
{
	cpu_call(~0ull, look_anew_here, NULL);
}

/* Interrupt context. */
void timer_interrupt(void)
{
	struct timer_base *b = this_cpu_ptr(timer_bases);
	struct rb_node *first;
	ns_t now;

	if (!b->ready)
		return;
	spin_lock(&b->lock);
	b->armed_at = 0; /* so that what the callbacks start does not touch the hardware: it is
			    armed once, below */
	now = clock_monotonic();
	for (u32 n = 0; (first = rb_first(&b->tree)) && n < EXPIRE_MAX; n++) {
		struct timer *t = container_of(first, struct timer, node);

		if (t->deadline_ns > now) {
			now = clock_monotonic();
			if (t->deadline_ns > now)
				break;
		}
		dequeue(b, t);
		b->running = t;
		spin_unlock(&b->lock);
		t->fn(t);
		spin_lock(&b->lock);
		b->running = NULL;
	}
	b->armed_at = NS_FOREVER;
	if (first)
		arm(b, container_of(first, struct timer, node)->deadline_ns);
	spin_unlock(&b->lock);
}
