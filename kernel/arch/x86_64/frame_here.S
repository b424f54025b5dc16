/* arch_frame_here(struct trap_frame *f): the registers of this moment as a frame, for a panic that no exception caused. Layer: arch.
 * rip and rsp are those of the caller after the call; caller-saved registers are what the caller left in them. */
	.text
	.globl arch_frame_here
	.type arch_frame_here, @function
arch_frame_here:
	movq %r15, 0(%rdi)
	movq %r14, 8(%rdi)
	movq %r13, 16(%rdi)
	movq %r12, 24(%rdi)
	movq %rbp, 32(%rdi)
	movq %rbx, 40(%rdi)
	movq %r11, 48(%rdi)
	movq %r10, 56(%rdi)
	movq %r9, 64(%rdi)
	movq %r8, 72(%rdi)
	movq %rax, 80(%rdi)
	movq %rcx, 88(%rdi)
	movq %rdx, 96(%rdi)
	movq %rsi, 104(%rdi)
	movq %rdi, 112(%rdi)
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
