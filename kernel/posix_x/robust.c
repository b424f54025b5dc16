/* Robust lists: a thread that ends marks the locks that it still holds, so that others learn of it.
 * Layer: posix_x.
 *
 * The list is user memory and may say anything: it is walked for a bounded number of entries, each
 * word is changed only if it names this thread, and any fault ends the walk.
 *
 * Source: get_robust_list(2), pthread_mutexattr_setrobust(3). */
#include <arch/uaccess.h>
#include "posix_x_internal.h"

/* @pending: the entry of an operation under way; its word may have been let go without the wake-up.
 */
static bool owner_died(struct task *t, u64 entry, s64 offset, bool pending)
{
	u32 USER *word = (u32 USER *)((entry & ~1ULL) + (u64)offset);
	bool pi = entry & 1;
	u32 value, seen, tid = (u32)t->thread.tid;

	if (((u64)word & 3) || get_user_u32(word, &value))
		return false;
	for (;;) {
		if (pending && !pi && !(value & FUTEX_TID_MASK)) {
			(void)futex_wake_user(word, 1);
			return true;
		}
		if ((value & FUTEX_TID_MASK) != tid)
			return true;
		if (cmpxchg_user_u32(
			    word, value, (value & FUTEX_WAITERS) | FUTEX_OWNER_DIED, &seen))
			return false;
		if (seen == value)
			break;
		value = seen;
	}
	if (!pi && (value & FUTEX_WAITERS))
		(void)futex_wake_user(word, 1);
	return true;
}

void robust_list_exit(struct task *t)
{
	struct robust_list_head_abi head;
	u64 end = (u64)t->robust_list, entry, next;

	t->robust_list = NULL;
	if (!end || copy_from_user(&head, (const void USER *)end, sizeof(head)))
		return;
	entry = head.next;
	for (u32 i = 0; i < ROBUST_LIST_LIMIT && (entry & ~1ULL) != end; i++) {
		/* The next pointer first: the word's new owner may take the entry away. */
		if (get_user_u64((u64 USER *)(entry & ~1ULL), &next))
			return;
		if (entry != head.list_op_pending &&
			!owner_died(t, entry, head.futex_offset, false))
			return;
		entry = next;
	}
	if (head.list_op_pending & ~1ULL)
		(void)owner_died(t, head.list_op_pending, head.futex_offset, true);
}
