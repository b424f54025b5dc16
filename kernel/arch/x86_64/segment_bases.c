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
	/* The kernel's own GS base is in place while it runs. */
	u32 msr = code == ARCH_SET_FS || code == ARCH_GET_FS ? MSR_FS_BASE : MSR_KERNEL_GS_BASE;

	if (code == ARCH_GET_FS || code == ARCH_GET_GS)
		return put_user_u64((u64 USER *)addr, rdmsr(msr));
	if (code != ARCH_SET_FS && code != ARCH_SET_GS)
		return -EINVAL;
	if (addr >= USER_MAX)
		return -EPERM;
	wrmsr(msr, addr);
	return 0;
}
