/* Which ranges of one file are locked by whom: the list of an inode. Pure; the caller's lock guards
 * it. Layer: fs. */
#pragma once

#include <exo/fs.h>

/* last byte that can be locked: to the end of the file, however long it gets */
#define LOCK_END ((u64)INT64_MAX)

enum lock_kind { LOCK_POSIX, LOCK_OFD, LOCK_FLOCK, LOCK_LEASE };
struct file_lock {
	struct list node; /* inode->file_locks, by start */
	u64 start, end;   /* bytes, end included */
	/* capability space (POSIX) or open file (OFD, flock): compared, never followed */
	const void *owner;
	struct file *file; /* made through it; it takes them along when it goes */
	pid_t pid;         /* for F_GETLK; of a lease the descriptor, for siginfo */
	u8 kind;           /* enum lock_kind */
	u8 type;           /* F_RDLCK F_WRLCK; F_UNLCK in requests */
	u8 wanted;         /* of a lease: what must become of it; its type while nobody minds */
	ns_t break_at;     /* of a lease: and then does by itself, CLOCK_MONOTONIC */
};
/* lock_ranges_conflict - the first lock of another owner (by start) that keeps @want from being
 * granted; NULL = none. */
struct file_lock *lock_ranges_conflict(const struct list *locks, const struct file_lock *want);
/* lock_ranges_apply - makes the owner's state in [want->start, want->end] what @want says:
 * neighbours of one type merge, others are cut.
 * @spare  up to two locks to use: one for a range that is locked (not for F_UNLCK), one for the
 * right part of a range cut in two (needed only when lock_ranges_splits). Entries that were used
 * become NULL.
 * @freed  gets the locks that are not needed any more. */
void lock_ranges_apply(struct list *locks, const struct file_lock *want, struct file_lock *spare[2],
	struct list *freed);
/* lock_ranges_splits - a range of the owner reaches over both ends of @want and is of another type.
 */
bool lock_ranges_splits(const struct list *locks, const struct file_lock *want);
static inline bool lock_same_owner(const struct file_lock *a, const struct file_lock *b)
{
	return a->owner == b->owner && a->kind == b->kind;
}
static inline bool lock_overlaps(const struct file_lock *a, const struct file_lock *b)
{
	return a->start <= b->end && b->start <= a->end;
}
