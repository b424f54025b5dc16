/* host: threads and frames. A frame is only carried, never entered. Included by <arch/context.h>
 * only. Layer: arch. */
#pragma once

struct trap_frame {
	u64 ip, sp, ret, args[6];
	s64 syscall;
	bool user;
};
struct arch_thread {
	void *fiber; /* of the simulator; owned */
	void (*fn)(void *arg);
	void *arg;
	u64 tls;
	struct trap_frame frame;
};
static inline vaddr_t tf_ip(const struct trap_frame *f)
{
	return f->ip;
}
static inline vaddr_t tf_sp(const struct trap_frame *f)
{
	return f->sp;
}
static inline void tf_set_ip(struct trap_frame *f, vaddr_t ip)
{
	f->ip = ip;
}
static inline long tf_ret(const struct trap_frame *f)
{
	return (long)f->ret;
}
static inline void tf_set_ret(struct trap_frame *f, long ret)
{
	f->ret = (u64)ret;
}
static inline long tf_syscall(const struct trap_frame *f)
{
	return (long)f->syscall;
}
static inline bool tf_from_user(const struct trap_frame *f)
{
	return f->user;
}
static inline u64 tf_arg(const struct trap_frame *f, unsigned i)
{
	return f->args[i];
}
