/* Ranges of locks on one file. Layer: fs. No locks, no allocation.
 *
 * Invariants of the list: sorted by start; ranges of one owner do not overlap, and two that touch
 * are of different type. So at most one of them reaches over both ends of a request, and a change
 * needs two new entries at most.
 *
 * flock locks and record locks do not see each other; POSIX and OFD locks do.
 *
 * Source: fcntl(2), flock(2). */
#include "lock_ranges.h"

#include <exo_abi/linux_fs.h>

struct file_lock *lock_ranges_conflict(const struct list *locks, const struct file_lock *want)
{
	struct file_lock *l;

	list_for_each_entry (l, locks, node) {
		if (l->start > want->end)
			break;
		if (l->end < want->start || lock_same_owner(l, want) ||
			(l->type != F_WRLCK && want->type != F_WRLCK))
			continue;
		if ((l->kind == LOCK_FLOCK) == (want->kind == LOCK_FLOCK))
			return l;
	}
	return NULL;
}

bool lock_ranges_splits(const struct list *locks, const struct file_lock *want)
{
	struct file_lock *l;

	list_for_each_entry (l, locks, node) {
		if (l->start >= want->start)
			break;
		if (l->end > want->end && l->type != want->type && lock_same_owner(l, want))
			return true;
	}
	return false;
}

static void insert(struct list *locks, struct file_lock *new)
{
	struct list *at = locks->next;

	while (at != locks && list_entry(at, struct file_lock, node)->start <= new->start)
		at = at->next;
	list_add_tail(at, &new->node); /* before it */
}

static struct file_lock *take_spare(struct file_lock *spare[2])
{
	u32 i = spare[0] ? 0 : 1;
	struct file_lock *l = spare[i];

	spare[i] = NULL;
	return l;
}

/* Takes [want->start, want->end] out of @l, which overlaps it. */
static void cut(struct list *locks, struct file_lock *l, const struct file_lock *want,
	struct file_lock *spare[2], struct list *freed)
{
	bool left = l->start<want->start, right = l->end> want->end;
	struct file_lock *rest;

	if (left && right) {
		rest = take_spare(spare);
		*rest = *l;
		rest->start = want->end + 1;
		l->end = want->start - 1;
		insert(locks, rest);
	} else if (left) {
		l->end = want->start - 1;
	} else if (right) { /* its place in the list may change */
		list_del(&l->node);
		l->start = want->end + 1;
		insert(locks, l);
	} else {
		list_move_tail(freed, &l->node);
	}
}

void lock_ranges_apply(struct list *locks, const struct file_lock *want, struct file_lock *spare[2],
	struct list *freed)
{
	struct file_lock merged = *want, *l, *next;

	list_for_each_entry_safe (l, next, locks, node) {
		if (l->start > want->end && l->start - 1 > want->end)
			break;
		if (!lock_same_owner(l, want))
			continue;
		if (l->type != want->type) {
			if (lock_overlaps(l, want))
				cut(locks, l, want, spare, freed);
		} else if (l->end >= want->start || l->end + 1 == want->start) {
			merged.start = MIN(merged.start, l->start);
			merged.end = MAX(merged.end, l->end);
			list_move_tail(freed, &l->node);
		}
	}
	if (want->type == F_UNLCK)
		return;
	l = take_spare(spare);
	*l = merged;
	insert(locks, l);
}
