/* Restartable sequences: user code that a preemption, a move to another CPU or a signal sends back
 * to its beginning. Layer: posix_x.
 *
 * The scheduler sets WORK_NOTIFY of a thread with THREAD_RSEQ when it loses its CPU against its
 * will or comes back on another one; a thread that sleeps in a system call cannot be in a sequence.
 * On the way to user mode the CPU number in the thread's area is made true, and a sequence that was
 * under way is aborted. Anything wrong in the area is SIGSEGV.
 *
 * Source: rseq(2). */
#include <arch/cpu.h>
#include <arch/uaccess.h>
#include "posix_x_internal.h"

#define RSEQ_CS_NO_RESTART_FLAGS 7u /* old flags that may not be set any more */

static int update_cpu(struct task *t)
{
	u32 cpu = cpu_id(), ids[] = {cpu, cpu};

	if (t->rseq_cpu == cpu)
		return 0;
	if (copy_to_user(&t->rseq->cpu_id_start, ids, sizeof(ids)))
		return -EFAULT;
	t->rseq_cpu = cpu;
	return 0;
}

/* Sends the program to the abort address when it stands inside a sequence. */
static int abort_sequence(struct trap_frame *f, struct task *t)
{
	struct rseq_cs_abi cs;
	u32 signature;
	u64 at;

	if (get_user_u64(&t->rseq->rseq_cs, &at))
		return -EFAULT;
	if (!at)
		return 0;
	if (copy_from_user(&cs, (const void USER *)at, sizeof(cs)))
		return -EFAULT;
	if (cs.version || (cs.flags & RSEQ_CS_NO_RESTART_FLAGS) || cs.start_ip >= USER_MAX ||
		cs.abort_ip >= USER_MAX || cs.start_ip + cs.post_commit_offset >= USER_MAX ||
		cs.start_ip + cs.post_commit_offset < cs.start_ip ||
		cs.abort_ip - cs.start_ip < cs.post_commit_offset)
		return -EINVAL;
	if (tf_ip(f) - cs.start_ip >= cs.post_commit_offset) /* outside: the area is stale */
		return put_user_u64(&t->rseq->rseq_cs, 0);
	if (get_user_u32((u32 USER *)(cs.abort_ip - sizeof(u32)), &signature))
		return -EFAULT;
	if (signature != t->rseq_signature)
		return -EINVAL;
	if (put_user_u64(&t->rseq->rseq_cs, 0))
		return -EFAULT;
	tf_set_ip(f, cs.abort_ip);
	return 0;
}

void rseq_return(struct trap_frame *f, bool signal)
{
	struct task *t = current_task();

	if (!abort_sequence(f, t) && !update_cpu(t))
		return;
	t->rseq = NULL;
	t->thread.flags &= ~THREAD_RSEQ;
	signal_force(SIGSEGV, SI_KERNEL, 0);
}

long rseq_register(void USER *user_area, u32 len, u32 flags, u32 signature)
{
	struct rseq_abi USER *area = user_area;
	struct task *t = current_task();
	u32 ids[2] = {0, RSEQ_CPU_ID_UNINITIALIZED};

	if (flags & ~RSEQ_FLAG_UNREGISTER || (flags && !t->rseq))
		return -EINVAL;
	if (t->rseq) {
		if (t->rseq != area || len != t->rseq_size)
			return -EINVAL;
		if (signature != t->rseq_signature)
			return -EPERM;
		if (!flags)
			return -EBUSY;
		if (copy_to_user(&area->cpu_id_start, ids, sizeof(ids)))
			return -EFAULT;
		t->rseq = NULL;
		t->thread.flags &= ~THREAD_RSEQ;
		return 0;
	}
	if (len < RSEQ_SIZE || ((u64)area & (RSEQ_SIZE - 1)))
		return -EINVAL;
	if (!user_range_ok(area, len))
		return -EFAULT;
	t->rseq = area;
	t->rseq_size = len;
	t->rseq_signature = signature;
	t->rseq_cpu = ~0u;
	t->thread.flags |= THREAD_RSEQ;
	work_set(&t->thread, WORK_NOTIFY); /* the area is filled on the way out */
	return 0;
}
