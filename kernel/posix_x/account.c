/* What each user holds of things that RLIMIT_NPROC and RLIMIT_SIGPENDING bound. Layer: posix_x.
 *
 * Locks: users_lock guards the table; counts are atomic. An account goes when nobody of its user is
 * left.
 *
 * Source: getrlimit(2): both limits count per real user id. */
#include <exo/memory.h>
#include "posix_x_internal.h"

#define USER_BUCKETS 64

static struct hlist users[USER_BUCKETS]; /* [users_lock] users[uid % 64] */
static spinlock_t users_lock = SPINLOCK_INIT(RANK_SIGNAL);

struct user_account *account_get(u32 uid)
{
	struct spin_guard g SCOPED(spin_unguard) = spin_guard(&users_lock);
	struct user_account *a;

	hlist_for_each_entry (a, &users[uid % USER_BUCKETS], hash)
		if (a->uid == uid) {
			__atomic_fetch_add(&a->refs, 1, __ATOMIC_RELAXED);
			return a;
		}
	a = kzalloc(sizeof(*a), ALLOC_ATOMIC);
	if (!a)
		return NULL;
	a->uid = uid;
	a->refs = 1;
	hlist_add(&users[uid % USER_BUCKETS], &a->hash);
	return a;
}

void account_hold(struct user_account *a)
{
	__atomic_fetch_add(&a->refs, 1, __ATOMIC_RELAXED);
}

void account_put(struct user_account *a)
{
	u32 refs = __atomic_load_n(&a->refs, __ATOMIC_RELAXED);
	ulong flags;
	bool last;

	while (refs > 1) /* not the last: no lock */
		if (__atomic_compare_exchange_n(
			    &a->refs, &refs, refs - 1, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
			return;
	flags = spin_lock_irq(&users_lock);
	last = __atomic_sub_fetch(&a->refs, 1, __ATOMIC_ACQ_REL) == 0;
	if (last)
		hlist_del(&a->hash);
	spin_unlock_irq(&users_lock, flags);
	if (last)
		kfree(a);
}

int account_charge_flight(struct user_account **account, u32 count)
{
	struct user_account *a = *account ? *account : current_task()->account;

	if (__atomic_load_n(&a->flights, __ATOMIC_RELAXED) > (s64)rlimit_current(RLIM_NOFILE) &&
		!cred_capable(current->cred, LCAP_SYS_RESOURCE) &&
		!cred_capable(current->cred, LCAP_SYS_ADMIN))
		return -ETOOMANYREFS;
	__atomic_fetch_add(&a->flights, count, __ATOMIC_RELAXED);
	if (!*account)
		account_hold(a);
	*account = a;
	return 0;
}

int account_charge_queue(struct user_account **account, u64 bytes)
{
	struct user_account *a = current_task()->account;

	if ((u64)__atomic_add_fetch(&a->queue_bytes, bytes, __ATOMIC_RELAXED) >
		rlimit_current(RLIM_MSGQUEUE)) {
		__atomic_fetch_sub(&a->queue_bytes, bytes, __ATOMIC_RELAXED);
		return -EMFILE;
	}
	account_hold(a);
	*account = a;
	return 0;
}

void account_discharge(struct user_account *a, u32 flights, u64 queue_bytes)
{
	__atomic_fetch_sub(&a->flights, flights, __ATOMIC_RELAXED);
	__atomic_fetch_sub(&a->queue_bytes, queue_bytes, __ATOMIC_RELAXED);
	account_put(a);
}
