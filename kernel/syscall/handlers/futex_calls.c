/* futex and robust lists. Layer: syscall. */
#include <exo/posix_calls.h>
#include <exo/syscalls.h>
#include <arch/uaccess.h>
#include <exo_abi/linux_process.h>
#include <exo_abi/linux_time.h>

/* The time-out as a moment of CLOCK_MONOTONIC. FUTEX_WAIT: from now on; FUTEX_WAIT_BITSET: a
 * moment, of CLOCK_REALTIME with that flag. */
static int futex_deadline(u64 from, u32 command, bool realtime, ns_t *out)
{
	return moment_from_user(from,
		command == FUTEX_WAIT ? CLOCK_FROM_NOW
		: realtime            ? CLOCK_REALTIME
				      : CLOCK_MONOTONIC,
		out);
}

long sys_futex(u64 uword, u64 op, u64 val, u64 arg4, u64 uword2, u64 val3)
{
	u32 command = (u32)op & ~(u32)(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME);
	bool shared = !(op & FUTEX_PRIVATE_FLAG), realtime = op & FUTEX_CLOCK_REALTIME;
	u32 USER *word = (u32 USER *)uword, *word2 = (u32 USER *)uword2;
	struct futex_counts n = {.wake = (s32)val, .requeue = (s32)arg4, .count_moved = true};
	u32 expected = (u32)val3;
	ns_t deadline;
	int err;

	if (realtime && command != FUTEX_WAIT_BITSET && command != FUTEX_WAIT &&
		command != FUTEX_LOCK_PI2 && command != FUTEX_WAIT_REQUEUE_PI)
		return -ENOSYS;
	switch (command) {
	case FUTEX_WAIT:
	case FUTEX_WAIT_BITSET:
		err = futex_deadline(arg4, command, realtime, &deadline);
		if (err)
			return err;
		return futex_wait(word, (u32)val, shared, deadline,
			command == FUTEX_WAIT ? FUTEX_BITSET_MATCH_ANY : (u32)val3);
	case FUTEX_WAKE:
		return futex_wake(word, shared, (u32)val, FUTEX_BITSET_MATCH_ANY);
	case FUTEX_WAKE_BITSET:
		return futex_wake(word, shared, (u32)val, (u32)val3);
	case FUTEX_REQUEUE:
		return futex_requeue(word, word2, shared, NULL, &n);
	case FUTEX_CMP_REQUEUE:
	case FUTEX_CMP_REQUEUE_PI:
		n.pi = command == FUTEX_CMP_REQUEUE_PI;
		return futex_requeue(word, word2, shared, &expected, &n);
	case FUTEX_WAKE_OP:
		return futex_wake_op(word, word2, shared, &n, (u32)val3);
	case FUTEX_LOCK_PI:
	case FUTEX_LOCK_PI2:
	case FUTEX_WAIT_REQUEUE_PI:
		err = futex_deadline(
			arg4, command, realtime || command == FUTEX_LOCK_PI, &deadline);
		if (err)
			return err;
		return command == FUTEX_WAIT_REQUEUE_PI
			       ? futex_wait_requeue_pi(word, (u32)val, shared, deadline, word2)
			       : futex_lock_pi(word, shared, deadline, false);
	case FUTEX_TRYLOCK_PI:
		return futex_lock_pi(word, shared, NS_FOREVER, true);
	case FUTEX_UNLOCK_PI:
		return futex_unlock_pi(word, shared);
	default:
		return -ENOSYS;
	}
}

long sys_futex_waitv(u64 uwords, u64 count, u64 flags, u64 utimeout, u64 clock)
{
	struct futex_waitv_abi *v SCOPED(kfree_at) = NULL;
	ns_t deadline;
	int err;

	if ((u32)flags || !(u32)count || (u32)count > FUTEX_WAITV_MAX || !uwords ||
		(utimeout && (s32)clock != CLOCK_REALTIME && (s32)clock != CLOCK_MONOTONIC))
		return -EINVAL;
	err = moment_from_user(utimeout, (s32)clock, &deadline);
	if (err)
		return err;
	v = kmalloc((u32)count * sizeof(*v), ALLOC_KERNEL);
	if (!v)
		return -ENOMEM;
	if (copy_from_user(v, (const void USER *)uwords, (u32)count * sizeof(*v)))
		return -EFAULT;
	for (u32 i = 0; i < (u32)count; i++)
		if (v[i].reserved || (v[i].flags & ~FUTEX_PRIVATE_FLAG) != FUTEX2_SIZE_U32 ||
			v[i].value >> 32)
			return -EINVAL;
	return futex_wait_many(v, (u32)count, deadline);
}

long sys_set_robust_list(u64 head, u64 len)
{
	if (len != sizeof(struct robust_list_head_abi))
		return -EINVAL;
	process_set_robust_list((void USER *)head);
	return 0;
}

long sys_get_robust_list(u64 tid, u64 uhead, u64 ulen)
{
	u64 head;
	int err = process_get_robust_list((pid_t)tid, &head);

	if (err)
		return err;
	if (put_user_u64((u64 USER *)ulen, sizeof(struct robust_list_head_abi)) ||
		put_user_u64((u64 USER *)uhead, head))
		return -EFAULT;
	return 0;
}
