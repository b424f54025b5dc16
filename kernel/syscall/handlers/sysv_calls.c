/* System V IPC. Layer: syscall. */
#include <exo/memory.h>
#include <exo/sysv.h>
#include <exo/syscalls.h>
#include <arch/uaccess.h>

long sys_semtimedop(u64 id, u64 ops, u64 count, u64 utimeout)
{
	ns_t deadline_ns;
	int err = moment_from_user(utimeout, CLOCK_FROM_NOW, &deadline_ns);

	return err ? err
		   : sem_operate(
			     (s32)id, (const struct sembuf_abi USER *)ops, (u32)count, deadline_ns);
}

long sys_semctl(u64 id, u64 number, u64 command, u64 arg)
{
	if ((s32)command == SEM_GETALL || (s32)command == SEM_SETALL)
		return sem_values((s32)id, (s32)command == SEM_SETALL, (u16 USER *)arg);
	if ((s32)command >= SEM_GETPID && (s32)command <= SEM_SETVAL)
		return sem_value((s32)id, (s32)number, (s32)command, (s32)arg);
	return sysv_control(SYSV_SEM, (s32)id, (s32)command, (void USER *)arg);
}

/* ---- messages ---- */

long sys_msgsnd(u64 id, u64 umsg, u64 len_bytes, u64 flags)
{
	u64 type;

	if (get_user_u64((u64 USER *)umsg, &type))
		return -EFAULT;
	return msg_send((s32)id, (s64)type, (const void USER *)(umsg + 8), len_bytes, (u32)flags);
}

long sys_msgrcv(u64 id, u64 umsg, u64 len_bytes, u64 type, u64 flags)
{
	struct ipc_message *m SCOPED(kfree_at) =
		msg_receive((s32)id, len_bytes, (s64)type, (u32)flags);

	if (is_err(m))
		return ptr_err(m);
	len_bytes = MIN(len_bytes, m->len_bytes);
	return put_user_u64((u64 USER *)umsg, (u64)m->type) ||
			       copy_to_user((void USER *)(umsg + 8), m->text, len_bytes)
		       ? -EFAULT
		       : (long)len_bytes;
}
