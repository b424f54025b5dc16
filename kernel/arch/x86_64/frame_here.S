/* arch_frame_here(struct trap_frame *f): the registers of this moment as a frame, for a panic that no exception caused. Layer: arch.
 * rip and rsp are those of the caller after the call; caller-saved registers are what the caller left in them. */
	.text
	.globl arch_frame_here
	.type arch_frame_here, @function
arch_frame_here:
	.set at, 0
	.irp reg, r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi
	movq %\reg, at(%rdi)
	.set at, at + 8
	.endr
	movq $-1, 120(%rdi)
	movq (%rsp), %rax
	movq %rax, 128(%rdi)
	movq %cs, %rax
	movq %rax, 136(%rdi)
	pushfq
	popq 144(%rdi)
	leaq 8(%rsp), %rax
	movq %rax, 152(%rdi)
	movq %ss, %rax
	movq %rax, 160(%rdi)
	ret
	.size arch_frame_here, . - arch_frame_here
	.section .note.GNU-stack, "", @progbits
