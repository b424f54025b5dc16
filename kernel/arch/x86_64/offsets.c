/* Constants that assembly takes from C structs; kernel.mk turns the output into
 * generated/offsets.h. Layer: arch. */
#include <exo/sched.h>
#include <arch/boot.h>
#include <arch/context.h>
#include <arch/cpu.h>
#include <arch/syscall.h>

#define OFFSET(name, type, field) \
	__asm__ volatile("\n#->" #name " %0" : : "i"(offsetof(type, field)))
#define VALUE(name, value) __asm__ volatile("\n#->" #name " %0" : : "i"(value))

void offsets(void);
void offsets(void)
{
	OFFSET(THREAD_WORK, struct thread, work);
	OFFSET(THREAD_SP, struct thread, arch.sp);
	OFFSET(TF_R15, struct trap_frame, r15);
	OFFSET(TF_R14, struct trap_frame, r14);
	OFFSET(TF_R13, struct trap_frame, r13);
	OFFSET(TF_R12, struct trap_frame, r12);
	OFFSET(TF_RBP, struct trap_frame, rbp);
	OFFSET(TF_RBX, struct trap_frame, rbx);
	OFFSET(TF_R11, struct trap_frame, r11);
	OFFSET(TF_R10, struct trap_frame, r10);
	OFFSET(TF_R9, struct trap_frame, r9);
	OFFSET(TF_R8, struct trap_frame, r8);
	OFFSET(TF_RAX, struct trap_frame, rax);
	OFFSET(TF_RCX, struct trap_frame, rcx);
	OFFSET(TF_RDX, struct trap_frame, rdx);
	OFFSET(TF_RSI, struct trap_frame, rsi);
	OFFSET(TF_RDI, struct trap_frame, rdi);
	OFFSET(TF_ORIG_RAX, struct trap_frame, orig_rax);
	OFFSET(TF_RIP, struct trap_frame, rip);
	OFFSET(TF_CS, struct trap_frame, cs);
	OFFSET(TF_RFLAGS, struct trap_frame, rflags);
	OFFSET(TF_RSP, struct trap_frame, rsp);
	OFFSET(TF_SS, struct trap_frame, ss);
	VALUE(KSTACK_BYTES, KSTACK_SIZE);
	VALUE(SYSCALL_COUNT, SYSCALLS_MAX);
	VALUE(NATIVE_CALLS_FIRST, NATIVE_FIRST);
	VALUE(NATIVE_CALLS, NATIVE_COUNT);
	OFFSET(BOOT_ENTRY_CYCLES, struct boot_info, entry_cycles);
}
