/* arch_prctl: the bases of FS and GS, for machines and programs that do not set them by
 * instruction. Layer: arch. */
#include <archimpl/x86.h>
#include <arch/mmu.h>
#include <arch/uaccess.h>
#include <exo/errno.h>
#include <exo/sched.h>
#include <exo_abi/linux_process.h>

long arch_prctl(u64 code, u64 addr)
{
	u64 v;

	switch (code) {
	case ARCH_SET_FS:
		if (addr >= USER_MAX)
			return -EPERM;
		arch_thread_set_tls(current, addr);
		return 0;
	case ARCH_SET_GS:
		if (addr >= USER_MAX)
			return -EPERM;
		wrmsr(MSR_KERNEL_GS_BASE,
			addr); /* the kernel's own base is in place while it runs */
		return 0;
	case ARCH_GET_FS:
		v = rdmsr(MSR_FS_BASE);
		return put_user_u64((u64 USER *)addr, v);
	case ARCH_GET_GS:
		v = rdmsr(MSR_KERNEL_GS_BASE);
		return put_user_u64((u64 USER *)addr, v);
	default:
		return -EINVAL;
	}
}
