/* Pid numbers: order, wrap-around, exhaustion, references, failing allocations.
 *
 * needs: kernel/posix_x/pid.c kernel/sync/spinlock.c kernel/sync/lock_debug.c
 */
#include <u_.h>
#include <posix_x/posix_x_internal.h>

static struct pid_table table = {.max = 1000};

static struct pid *made[2000]; /* reachable until the process of the test ends */
static u32 made_count;

static struct pid *fresh(void)
{
	return made[made_count++] = pid_create();
}

U_TEST(numbers_rise_and_wrap_above_the_reserved)
{
	struct pid *p[1000] = {0}, *q;

	for (int i = 1; i < 1000; i++) {
		p[i] = fresh();
		u_need(pid_table_insert(&table, p[i]) == 0);
		u_need(p[i]->nr == i);
	}
	q = fresh();
	u_eq(pid_table_insert(&table, q), -EAGAIN); /* full */
	pid_table_remove(&table, p[5]);             /* below the reserved: never given again */
	u_eq(pid_table_insert(&table, q), -EAGAIN);
	pid_table_remove(&table, p[700]);
	u_eq(pid_table_insert(&table, q), 0);
	u_eq(q->nr, 700);
	u_check(pid_table_find(&table, 700) == q);
	u_check(pid_table_find(&table, 5) == NULL);
	pid_table_remove(&table, p[400]);
	pid_table_remove(&table, p[800]);
	u_eq(pid_table_insert(&table, p[800]), 0); /* on from the last, not from the lowest */
	u_eq(p[800]->nr, 800);
	u_eq(pid_table_insert(&table, p[400]), 0);
	u_eq(p[400]->nr, 400);
}

U_TEST(a_smaller_limit_wraps_too)
{
	struct pid *p = fresh();

	table.last = 900;
	table.max = 500;
	u_eq(pid_table_insert(&table, p), 0);
	u_eq(p->nr, PID_RESERVED);
	table.max = 1000;
}

U_TEST(fixed_numbers)
{
	struct pid *p = fresh(), *q = fresh();

	u_eq(pid_table_insert_at(&table, p, 1), 0);
	u_eq(pid_table_insert_at(&table, q, 1), -EEXIST);
	u_eq(pid_table_insert_at(&table, q, 0), -EINVAL);
	u_eq(pid_table_insert_at(&table, q, 1000), -EINVAL);
	u_check(pid_table_find(&table, 1) == p);
	u_check(pid_table_find(&table, 0) == NULL);
	u_check(pid_table_find(&table, -1) == NULL);
	u_check(pid_table_find(&table, PID_MAX_LIMIT) == NULL);
	u_check(pid_table_find(&table, PID_MAX_LIMIT - 1) == NULL);
}

U_TEST(numbers_in_use_one_after_the_other)
{
	static const pid_t numbers[] = {1, 2, 511, 512, 999};
	pid_t n = 0;

	for (u32 i = 0; i < ARRAY_LEN(numbers); i++)
		u_need(pid_table_insert_at(&table, fresh(), numbers[i]) == 0);
	for (u32 i = 0; i < ARRAY_LEN(numbers); i++)
		u_eq(n = pid_table_next(&table, n), numbers[i]);
	u_eq(pid_table_next(&table, n), -1);
	table.max = 512;
	u_eq(pid_table_next(&table, 511), -1);
}

U_TEST(a_number_is_free_after_its_last_use)
{
	struct pid *p = fresh();
	ulong flags = tree_lock();

	u_need(pid_table_insert(&pids, p) == 0);
	pid_use(p);
	pid_use(p); /* a group outlives its process */
	pid_unuse(p);
	u_check(pid_table_find(&pids, p->nr) == p);
	pid_unuse(p);
	u_check(pid_table_find(&pids, 1) == NULL);
	tree_unlock(flags);
}

U_TEST(limit_of_pid_max)
{
	u_eq(pid_max_get(), PID_MAX_DEFAULT);
	u_eq(pid_max_set(PID_RESERVED), -EINVAL);
	u_eq(pid_max_set(PID_MAX_LIMIT + 1), -EINVAL);
	u_eq(pid_max_set(PID_MAX_LIMIT), 0);
	u_eq(pid_max_get(), PID_MAX_LIMIT);
}

U_TEST(out_of_memory_changes_nothing)
{
	struct pid *p = fresh();

	heap_fail_at(1);
	u_eq(pid_table_insert(&table, p), -ENOMEM);
	heap_fail_at(0);
	u_eq(table.last, 0);
	u_eq(pid_table_insert(&table, p), 0);
	u_eq(p->nr, 1);
}
