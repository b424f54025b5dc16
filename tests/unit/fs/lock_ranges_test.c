/* Lock ranges against a model that knows, for every byte, who holds it and how.
 * needs: kernel/fs/locks/lock_ranges.c
 */
#include "u_.h"

#include <stdlib.h>
#include <exo_abi/linux_fs.h>
#include <fs/locks/lock_ranges.h>

#define BYTES  24u /* the last stands for LOCK_END */
#define OWNERS 4u  /* 0, 1: POSIX; 2: OFD; 3: flock */
#define FREE   F_UNLCK

static u8 model[OWNERS][BYTES];
static struct list locks;
static u32 count;
static u64 seed;

static u32 rnd(u32 n)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (u32)(seed >> 33) % n;
}

static u64 byte_at(u32 i)
{
	return i == BYTES - 1 ? LOCK_END : i;
}

static struct file_lock request(u32 owner, u32 from, u32 to, u8 type)
{
	static const u8 kinds[OWNERS] = { LOCK_POSIX, LOCK_POSIX, LOCK_OFD, LOCK_FLOCK };

	return (struct file_lock){ .start = byte_at(from), .end = byte_at(to), .owner = &model[owner], .kind = kinds[owner], .type = type };
}

static bool model_conflict(u32 owner, u32 from, u32 to, u8 type)
{
	for (u32 o = 0; o < OWNERS; o++) {
		if (o == owner || (o == 3) != (owner == 3))
			continue;
		for (u32 i = from; i <= to; i++) {
			if (model[o][i] != FREE && (model[o][i] == F_WRLCK || type == F_WRLCK))
				return true;
		}
	}
	return false;
}

/* The list says what the model says, and keeps its invariants. Where byte_at jumps to LOCK_END a range covers both or ends before. */
static void compare(void)
{
	struct file_lock *l, *m;
	u64 last = 0;
	u32 n = 0;

	for (u32 o = 0; o < OWNERS; o++) {
		struct file_lock who = request(o, 0, 0, 0);

		for (u32 i = 0; i < BYTES; i++) {
			u8 type = FREE;

			list_for_each_entry(l, &locks, node)
			{
				if (lock_same_owner(l, &who) && l->start <= byte_at(i) && l->end >= byte_at(i)) {
					u_check(type == FREE); /* one owner, one range */
					type = l->type;
				}
			}
			if (type != model[o][i])
				u_fail(__FILE__, __LINE__, "owner %u byte %u: %u, not %u", o, i, type, model[o][i]);
		}
	}
	list_for_each_entry(l, &locks, node)
	{
		u_check(l->start >= last && l->start <= l->end && l->type != F_UNLCK);
		last = l->start;
		n++;
		list_for_each_entry(m, &locks, node)
		{
			if (m != l && lock_same_owner(l, m) && l->type == m->type)
				u_check(l->end + 1 < m->start || m->end + 1 < l->start); /* else they should be one */
		}
	}
	u_eq(n, count);
}

static void apply(const struct file_lock *want)
{
	bool splits = lock_ranges_splits(&locks, want);
	struct file_lock *spare[2] = { NULL, NULL };
	struct list freed = LIST_INIT(freed);
	u32 given = (want->type != F_UNLCK) + splits, left = 0;

	for (u32 i = 0; i < given; i++)
		spare[i] = malloc(sizeof(*spare[0]));
	lock_ranges_apply(&locks, want, spare, &freed);
	for (u32 i = 0; i < 2; i++) {
		left += spare[i] != NULL;
		free(spare[i]);
	}
	u_eq(left, 0); /* what was asked for was needed */
	count += given;
	while (!list_empty(&freed)) {
		struct file_lock *l = list_first(&freed, struct file_lock, node);

		list_del(&l->node);
		free(l);
		count--;
	}
}

static void clear(void)
{
	for (u32 o = 0; o < OWNERS; o++) {
		struct file_lock all = request(o, 0, BYTES - 1, F_UNLCK);

		memset(model[o], FREE, BYTES);
		apply(&all);
	}
	u_check(list_empty(&locks));
	u_eq(count, 0);
}

U_TEST_LIMIT(random_requests_follow_the_model, 60)
{
	for (seed = 1; seed < 60 && !u_failures; seed += 1) {
		u64 start_seed = seed;

		list_init(&locks);
		count = 0;
		memset(model, FREE, sizeof(model));
		for (u32 step = 0; step < 250 && !u_failures; step++) {
			static const u8 types[] = { F_RDLCK, F_WRLCK, F_UNLCK };
			u32 o = rnd(OWNERS), a = rnd(BYTES), b = rnd(BYTES), from = MIN(a, b), to = MAX(a, b);
			u8 type = types[rnd(3)];
			struct file_lock want, *blocker;

			if (o == 3) {
				from = 0;
				to = BYTES - 1;
			}
			want = request(o, from, to, type);
			blocker = type == F_UNLCK ? NULL : lock_ranges_conflict(&locks, &want);
			if (type != F_UNLCK)
				u_eq(blocker != NULL, model_conflict(o, from, to, type));
			if (blocker) {
				u_check(!lock_same_owner(blocker, &want) && lock_overlaps(blocker, &want));
				continue;
			}
			apply(&want);
			memset(&model[o][from], type, to - from + 1);
			compare();
		}
		if (u_failures)
			u_note("seed %llu", (unsigned long long)start_seed);
		clear();
		seed = start_seed;
	}
}

U_TEST(the_first_byte_in_the_way_is_named)
{
	struct file_lock a = request(0, 10, 12, F_WRLCK), b = request(1, 4, 6, F_RDLCK), want = request(2, 0, BYTES - 1, F_WRLCK);

	list_init(&locks);
	apply(&a);
	apply(&b);
	u_need(lock_ranges_conflict(&locks, &want));
	u_eq(lock_ranges_conflict(&locks, &want)->start, 4);
	want.type = F_RDLCK;
	u_eq(lock_ranges_conflict(&locks, &want)->start, 10);
	want.end = 9;
	u_check(!lock_ranges_conflict(&locks, &want));
	clear();
}

U_TEST(ends_of_the_numbers)
{
	struct file_lock all = request(0, 0, BYTES - 1, F_RDLCK), last = { .start = LOCK_END, .end = LOCK_END, .owner = &model[0], .type = F_WRLCK };
	struct file_lock first = { .start = 0, .end = 0, .owner = &model[0], .type = F_WRLCK };

	list_init(&locks);
	apply(&all);
	apply(&last);
	u_eq(count, 2);
	apply(&first);
	u_eq(count, 3);
	u_eq(list_first(&locks, struct file_lock, node)->end, 0);
	apply(&all);
	u_eq(count, 1);
	clear();
}
