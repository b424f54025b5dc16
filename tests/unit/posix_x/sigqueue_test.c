/* Queues of signals: order, instances, accounts, failing allocations; the key of a futex.
 *
 * needs: kernel/posix_x/sigqueue.c kernel/posix_x/account.c
 * needs: kernel/sync/spinlock.c kernel/sync/lock_debug.c
 */
#include <u_.h>
#include <posix_x/futex_internal.h>

static u32 timer_puts;

u64 process_rlimit(struct process *p, enum rlimit_id id)
{
	return ~0ULL;
}
void posix_timer_put(struct posix_timer *t)
{
	timer_puts++;
}

static struct user_account *user;

static struct sigpending *begin(void)
{
	static struct sigpending s;

	sigqueue_init();
	user = account_get(1000);
	sigpending_init(&s);
	return &s;
}

static bool add(struct sigpending *s, int signo, int value, u64 limit)
{
	struct sigqueue *q = sigqueue_alloc(user, limit);

	if (!q)
		return false;
	siginfo_fill(&q->info, signo, SI_QUEUE);
	q->info.kill.value = (u64)value;
	list_add_tail(&s->queue, &q->node);
	s->set |= SIGBIT(signo);
	return true;
}

static int take(struct sigpending *s, int signo)
{
	struct posix_timer *timer;
	struct siginfo info;

	sigpending_take(s, signo, &info, &timer);
	return (int)info.kill.value;
}

U_TEST(instances_of_one_signal_keep_their_order)
{
	struct sigpending *s = begin();

	for (int i = 1; i <= 5; i++) {
		u_check(add(s, 40, i, 100));
		u_check(add(s, 35, 10 * i, 100));
	}
	u_eq(user->signals, 10);
	u_eq(sigset_first(s->set), 35);
	for (int i = 1; i <= 5; i++) {
		u_check(s->set & SIGBIT(40));
		u_eq(take(s, 40), i);
	}
	u_check(!(s->set & SIGBIT(40)));
	u_eq(take(s, 35), 10);
	u_check(s->set & SIGBIT(35));
	sigpending_remove(s, ~0ULL);
	u_eq(s->set, 0);
	u_check(list_empty(&s->queue));
	u_eq(user->signals, 0);
	u_eq(user->refs, 1);
}

U_TEST(faults_come_first)
{
	u_eq(sigset_first(0), 0);
	u_eq(sigset_first(SIGBIT(1) | SIGBIT(SIGSEGV)), SIGSEGV);
	u_eq(sigset_first(SIGBIT(1) | SIGBIT(2)), 1);
	u_eq(sigset_first(SIGBIT(64)), 64);
}

U_TEST(a_number_without_entry_is_still_a_signal)
{
	struct sigpending *s = begin();
	struct posix_timer *timer;
	struct siginfo info;

	s->set = SIGBIT(SIGTERM);
	sigpending_take(s, SIGTERM, &info, &timer);
	u_eq(info.signo, SIGTERM);
	u_eq(info.code, SI_USER);
	u_check(!timer);
	u_eq(s->set, 0);
}

U_TEST(the_limit_counts_per_user)
{
	struct sigpending *s = begin();

	u_check(add(s, 40, 1, 2));
	u_check(add(s, 40, 2, 2));
	u_check(!add(s, 40, 3, 2));
	u_eq(user->signals, 2);
	take(s, 40);
	u_check(add(s, 40, 3, 2));
	heap_fail_at(1);
	u_check(!add(s, 41, 4, 100));
	heap_fail_at(0);
	u_eq(user->signals, 2);
	sigpending_remove(s, ~0ULL);
}

U_TEST(removal_is_by_set)
{
	struct sigpending *s = begin();

	add(s, SIGTSTP, 1, 100);
	add(s, SIGCONT, 2, 100);
	add(s, SIGTTIN, 3, 100);
	sigpending_remove(s, SIGSET_STOP);
	u_eq(s->set, SIGBIT(SIGCONT));
	u_eq(take(s, SIGCONT), 2);
	u_eq(user->signals, 0);
}

U_TEST(a_timers_entry_belongs_to_the_timer)
{
	struct sigpending *s = begin();
	struct sigqueue q = {.timer = (struct posix_timer *)0x1000};
	struct posix_timer *timer;
	struct siginfo info;

	siginfo_fill(&q.info, SIGALRM, SI_TIMER);
	list_add_tail(&s->queue, &q.node);
	s->set = SIGBIT(SIGALRM);
	sigpending_take(s, SIGALRM, &info, &timer);
	u_check(timer == q.timer);
	u_eq(timer_puts, 0); /* the reference went to the caller */
	u_check(list_empty(&q.node));
	list_add_tail(&s->queue, &q.node);
	s->set = SIGBIT(SIGALRM);
	sigpending_remove(s, ~0ULL);
	u_eq(timer_puts, 1);
}

U_TEST(accounts_are_shared_and_go)
{
	struct user_account *a = account_get(5), *b = account_get(5), *c = account_get(69);

	u_check(a == b && a != c);
	u_eq(a->refs, 2);
	account_hold(a);
	account_put(a);
	account_put(b);
	account_put(a);
	a = account_get(5);
	u_eq(a->refs, 1);
	heap_fail_at(1);
	u_check(!account_get(7));
	heap_fail_at(0);
	account_put(a);
	account_put(c);
}

U_TEST(futex_keys)
{
	struct futex_key a = {.space = (void *)0x1000, .where = 64}, b = a, c = a, moved = a;
	u32 used[512] = {0}, most = 0;

	u_check(futex_key_equal(&a, &b) && futex_key_hash(&a) == futex_key_hash(&b));
	c.where = 68;
	u_check(!futex_key_equal(&a, &c));
	c = (struct futex_key){.object = (void *)0x1000, .where = 64};
	u_check(!futex_key_equal(&a, &(struct futex_key){.space = (void *)0x2000, .where = 64}));
	moved = (struct futex_key){
		.object = (void *)0x9000, .object_requeued = (void *)0x1000, .where = 64};
	u_check(futex_key_equal(&c, &moved)); /* a moved waiter counts where it went */
	for (u64 i = 0; i < 5120; i++) {      /* words side by side do not fall into one bucket */
		u32 n = ++used[futex_key_hash(&(struct futex_key){
				       .space = (void *)0x1000, .where = 0x7f0000000000 + i * 4}) %
			       512];

		most = n > most ? n : most;
	}
	u_check(most < 40);
}
