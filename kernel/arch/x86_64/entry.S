/* Ways into the kernel and out of it. Layer: arch.
 * Sources: Intel SDM vol. 3, 6.12-6.14; AMD APM vol. 2, 6.1 (SYSCALL/SYSRET); vol. 3 SWAPGS.
 *
 * The register frame (struct trap_frame) stands at the top of the thread's kernel stack when the entry was from user mode.
 * A system call stores r11..orig_rax and rip, rflags, rsp; the constant and the callee-saved slots are filled by frame_complete
 * only for who needs them. GS: the kernel's base is in GS exactly while the CPU runs kernel code after its first SWAPGS; NMI,
 * #DF and #MC may come before or after it, so they save the base and set their own (paranoid_common). */
#include <offsets.h>
#include <archimpl/user_asm.h>

#define SEL_USER_DATA  0x2b
#define SEL_USER_CODE  0x33
#define SEL_CPU_NUMBER 0x7b

.macro PUSH_CALLEE_SAVED
	PUSH rbx, rbp, r12, r13, r14, r15
.endm
.macro POP_CALLEE_SAVED
	POP r15, r14, r13, r12, rbp, rbx
.endm
.macro STORE_CALLEE_SAVED    /* into a frame whose slots are there */
	movq %rbx, TF_RBX(%rsp)
	movq %rbp, TF_RBP(%rsp)
	movq %r12, TF_R12(%rsp)
	movq %r13, TF_R13(%rsp)
	movq %r14, TF_R14(%rsp)
	movq %r15, TF_R15(%rsp)
.endm
.macro PUSH_CALLER_SAVED_BUT_RDI
	PUSH rsi, rdx, rcx, rax, r8, r9, r10, r11
.endm
.macro POP_CALLER_SAVED
	POP r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi
.endm

.macro PUSH_SYSCALL
	swapgs
	movq %rsp, %gs:syscall_user_sp(%rip)
	movq %gs:kernel_stack_top(%rip), %rsp
	pushq %gs:syscall_user_sp(%rip)
	pushq %r11
	pushq $SEL_USER_CODE
	PUSH rcx, rax, rdi, rsi, rdx
	subq $16, %rsp           /* rcx and rax: nothing to keep */
	PUSH r8, r9, r10
.endm

	.section .entry.text, "ax"

/* ---- system calls ----
 * rax number, rdi rsi rdx r10 r8 r9 arguments, rcx user rip, r11 user rflags; interrupts off, DF TF AC NT clear (SFMASK).
 * Stack below: one slot is TF offsets minus 48 (the callee-saved part is not stored). */
#define PARTIAL(offset) ((offset) - TF_R10)(%rsp)
	.balign 64
	.globl syscall_entry
syscall_entry:
	PUSH_SYSCALL
	sti
	cmpq $SYSCALL_COUNT, %rax
	jae syscall_bad_number
	movq %r10, %rcx
	call *syscall_table(, %rax, 8)
syscall_done:
	cli
	movq %gs:current_thread(%rip), %rcx
	cmpl $0, THREAD_WORK(%rcx)
	jne syscall_work
	/* rip is where SYSCALL left it, so it is canonical and SYSRET is safe. */
	movq PARTIAL(TF_R10), %r10
	movq PARTIAL(TF_R9), %r9
	movq PARTIAL(TF_R8), %r8
	movq PARTIAL(TF_RDX), %rdx
	movq PARTIAL(TF_RSI), %rsi
	movq PARTIAL(TF_RDI), %rdi
	movq PARTIAL(TF_RIP), %rcx
	movq PARTIAL(TF_RFLAGS), %r11
	movq PARTIAL(TF_RSP), %rsp
	swapgs
	sysretq

syscall_bad_number:          /* native calls come this way, so that the check costs the others nothing */
	subq $NATIVE_CALLS_FIRST, %rax
	cmpq $NATIVE_CALLS, %rax
	jae syscall_absent
	movq %r10, %rcx
	call *native_table(, %rax, 8)
	jmp syscall_done
syscall_absent:
	movq syscall_table + 8 * (SYSCALL_COUNT - 1)(%rip), %rcx /* the last entry is always absent: it logs and refuses */
	call *%rcx
	jmp syscall_done

/* MSR_LSTAR of threads whose calls somebody looks at: the whole frame, and C decides. */
	.balign 64
	.globl syscall_entry_slow
syscall_entry_slow:
	PUSH_SYSCALL
	subq $8, %rsp
	PUSH_CALLEE_SAVED
	sti
	call frame_complete
	movq %rsp, %rdi
	call syscall_slow
	jmp exit_to_user

syscall_work: /* rsp at the r10 slot, rax the result: complete the frame */
	subq $8, %rsp
	PUSH_CALLEE_SAVED
	movq %rax, TF_RAX(%rsp)
	call frame_complete
	jmp exit_to_user

/* frame_complete - the slots that a system call leaves out. rsp + 8 = frame. */
frame_complete:
	movq 8 + TF_RIP(%rsp), %rcx
	movq 8 + TF_RFLAGS(%rsp), %r11
	movq %rcx, 8 + TF_RCX(%rsp)
	movq %r11, 8 + TF_R11(%rsp)
	movq $SEL_USER_DATA, 8 + TF_SS(%rsp)
	ret

/* F calls stand in syscall_table with this stub: it stores the whole frame, calls the handler from syscall_full_table and
 * leaves by the whole frame, which the handler may have rewritten. */
	.globl syscall_full_stub
syscall_full_stub:
	PUSH_CALLEE_SAVED        /* the return address stands in the r11 slot: frame_complete overwrites it */
	call frame_complete
	movq TF_R10(%rsp), %rcx
	call *syscall_full_table(, %rax, 8)
	movq %rax, TF_RAX(%rsp)
	cli
	movq %gs:current_thread(%rip), %rcx
	cmpl $0, THREAD_WORK(%rcx)
	je return_to_user_by_sysret
	jmp exit_to_user

/* A new user thread's first instructions: rax = the thread that ran before, as arch_switch returns it. */
	.globl thread_first_user
thread_first_user:
	call sched_first_switch
	jmp exit_to_user

	.globl thread_first_kernel
thread_first_kernel: /* rbx function, r12 argument */
	call sched_first_switch
	sti
	movq %r12, %rdi
	call *%rbx
	ud2

/* arch_enter_user(frame): never comes back. */
	.globl enter_user_frame
enter_user_frame:
	movq %rdi, %rsp
	xorl %ebp, %ebp
exit_to_user:                /* rsp = the whole frame */
	movq %rsp, %rdi
	call trap_exit_to_user   /* interrupts are off from here on */

/* SYSRET loads rip from rcx and rflags from r11. It must not see a non-canonical rip (the fault would come in kernel mode with
 * the user's stack) and cannot set RF or TF cleanly, so any other frame leaves by IRET. Interrupts off; rsp = frame. */
return_to_user_by_sysret:
	movq TF_RCX(%rsp), %rcx
	movq TF_R11(%rsp), %r11
	cmpq %rcx, TF_RIP(%rsp)
	jne return_by_iret
	cmpq %r11, TF_RFLAGS(%rsp)
	jne return_by_iret
	testl $0x10100, %r11d    /* RF, TF */
	jnz return_by_iret
	movq %rcx, %rax
	shrq $47, %rax
	jnz return_by_iret
	POP_CALLEE_SAVED
	addq $8, %rsp
	POP r10, r9, r8, rax
	addq $8, %rsp
	POP rdx, rsi, rdi
	movq TF_RSP - TF_ORIG_RAX(%rsp), %rsp
	swapgs
	sysretq
return_by_iret:
	POP_CALLEE_SAVED
return_by_iret_partial:
	POP_CALLER_SAVED
	addq $8, %rsp
	swapgs
	iretq

/* ---- interrupts: vector n pushes ~n, so that orig_rax is negative ---- */
	.balign 16
	.globl irq_stubs
irq_stubs:
	.set vector, 0x20
	.rept 256 - 0x20
	.balign 16
	pushq $~vector
	jmp irq_common
	.set vector, vector + 1
	.endr

	.balign 64
irq_common:
	pushq %rdi
	PUSH_CALLER_SAVED_BUT_RDI
	subq $48, %rsp
	FORBID_USER
	cld
	movq %rsp, %rdi
	testb $3, TF_CS(%rsp)
	jz irq_from_kernel
	swapgs
	call irq_dispatch
irq_exit:
	movq %gs:current_thread(%rip), %rcx
	cmpl $0, THREAD_WORK(%rcx)
	jne irq_exit_slow
	testl $0x80000000, %gs:preempt_count(%rip)
	jz irq_exit_slow
	addq $48, %rsp
	jmp return_by_iret_partial
irq_exit_slow:
	STORE_CALLEE_SAVED
trap_exit:
	movq %rsp, %rdi
	call trap_exit_to_user
	jmp return_by_iret

irq_from_kernel:
	call irq_dispatch
	cmpl $0, %gs:preempt_count(%rip)
	jne 1f
	call irq_preempt_kernel
1:	addq $48, %rsp
return_to_kernel_partial:
	POP_CALLER_SAVED
	addq $8, %rsp
	iretq

/* ---- exceptions ---- */
.macro TRAP n, has_error=0, entry=trap_common
	.balign 16
trap_\n:
	.if !\has_error
	pushq $0
	.endif
	pushq %rdi
	movl $\n, %edi
	jmp \entry
.endm
	.irp n, 0, 1, 3, 4, 5, 6, 7, 16, 19
	TRAP \n
	.endr
	.irp n, 10, 11, 12, 13, 17, 21
	TRAP \n, 1
	.endr
	TRAP 2, 0, paranoid_common
	TRAP 8, 1, paranoid_common
	TRAP 18, 0, paranoid_common

	.balign 64
trap_common:
	PUSH_CALLER_SAVED_BUT_RDI
	PUSH_CALLEE_SAVED
	FORBID_USER
	cld
	movl %edi, %esi
	movq TF_ORIG_RAX(%rsp), %rdx
	movq $-1, TF_ORIG_RAX(%rsp)
	movq %rsp, %rdi
	testb $3, TF_CS(%rsp)
	jz 1f
	swapgs
	call trap_dispatch
	jmp trap_exit
1:	call trap_dispatch
return_to_kernel:
	POP_CALLEE_SAVED
	jmp return_to_kernel_partial

/* The page fault is the hot one: the callee-saved registers are stored only when it was not simply resolved. */
	.balign 64
trap_14:
	pushq %rdi
	PUSH_CALLER_SAVED_BUT_RDI
	subq $48, %rsp
	FORBID_USER
	cld
	movq %rsp, %rdi
	movq TF_ORIG_RAX(%rsp), %rsi
	movq $-1, TF_ORIG_RAX(%rsp)
	testb $3, TF_CS(%rsp)
	jz page_fault_kernel
	swapgs
	call page_fault_resolve
	testl %eax, %eax
	jnz page_fault_failed
	cli
	jmp irq_exit
page_fault_failed:
	STORE_CALLEE_SAVED
	movq %rsp, %rdi
	movl %eax, %esi
	call page_fault_signal
	jmp trap_exit
page_fault_kernel:
	STORE_CALLEE_SAVED       /* a panic prints them */
	call page_fault_in_kernel
	addq $48, %rsp
	jmp return_to_kernel_partial

/* On a stack of their own, from anywhere: GS may be the user's or the kernel's. r14 keeps it. */
	.balign 64
paranoid_common:
	PUSH_CALLER_SAVED_BUT_RDI
	PUSH_CALLEE_SAVED
	FORBID_USER
	cld
	movl %edi, %ebx
	movl $SEL_CPU_NUMBER, %eax
	lsll %eax, %eax
	andl $0xfff, %eax
	movq percpu_deltas(, %rax, 8), %r15
	cmpb $0, x86_has_fsgsbase(%rip)
	je 1f
	rdgsbase %r14
	wrgsbase %r15
	jmp 2f
1:	movl $0xc0000101, %ecx
	rdmsr
	shlq $32, %rdx
	leaq (%rdx, %rax), %r14
	movl %r15d, %eax
	movq %r15, %rdx
	shrq $32, %rdx
	wrmsr
2:	movl %ebx, %esi
	movq TF_ORIG_RAX(%rsp), %rdx
	movq $-1, TF_ORIG_RAX(%rsp)
	movq %rsp, %rdi
	call trap_dispatch
	cmpb $0, x86_has_fsgsbase(%rip)
	je 1f
	wrgsbase %r14
	jmp return_to_kernel
1:	movl $0xc0000101, %ecx
	movl %r14d, %eax
	movq %r14, %rdx
	shrq $32, %rdx
	wrmsr
	jmp return_to_kernel

/* ---- switch_stacks(prev, next): the whole context switch of the kernel side. Return: prev, on next's stack. ---- */
	.text
	.balign 64
	.globl switch_stacks
switch_stacks:
	PUSH_CALLEE_SAVED
	movq %rsp, THREAD_SP(%rdi)
	movq THREAD_SP(%rsi), %rsp
	POP_CALLEE_SAVED
	movq %rdi, %rax
	ret

	.section .rodata
	.balign 8
	.globl trap_stubs
trap_stubs:
	.quad trap_0, trap_1, trap_2, trap_3, trap_4, trap_5, trap_6, trap_7, trap_8, 0, trap_10, trap_11, trap_12, trap_13, trap_14, 0
	.quad trap_16, trap_17, trap_18, trap_19, 0, trap_21, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
	.section .note.GNU-stack, "", @progbits
