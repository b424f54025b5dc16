/* Whole pages and plain memory. Layer: arch.
 *
 * With AVX a page is cleared by 128 stores and copied by 128 pairs. The registers are the user's, so they are borrowed: saved on the
 * stack and put back, with preemption off, because a switch would save or lend them on (fpu_owner). Upper halves that were in
 * their initial state are left so again. Interrupts may come: their handlers borrow in the same way or not at all. */
#include <archimpl/avx_asm.h>

	.text
	.balign 64
	.globl arch_page_clear
arch_page_clear:
	cmpb $0, x86_avx_usable(%rip)
	je 2f
	AVX_BORROW 0
	vpxor %ymm0, %ymm0, %ymm0
	.set offset, 0
	.rept 128
	vmovdqa %ymm0, offset(%rdi)
	.set offset, offset + 32
	.endr
	AVX_RETURN 0
	jz page_preempt
	ret
2:	xorl %eax, %eax
	leaq 4096(%rdi), %rcx
1:
	.set offset, 0
	.rept 64
	movq %rax, offset(%rdi)
	.set offset, offset + 8
	.endr
	addq $512, %rdi
	cmpq %rcx, %rdi
	jne 1b
	ret
page_preempt:
	jmp sched_preempt

	.balign 64
	.globl arch_page_copy
arch_page_copy:
	cmpb $0, x86_avx_usable(%rip)
	je 1f
	AVX_BORROW 0, 1, 2, 3
	.set offset, 0
	.rept 32
	MOVE_128 vmovdqa, offset
	.set offset, offset + 128
	.endr
	AVX_RETURN 0, 1, 2, 3
	jz page_preempt
	ret
1:	movl $512, %ecx
	rep movsq
	ret

/* memcpy(rdi, rsi, rdx) -> rdi */
	.balign 64
	.globl memcpy
memcpy:
	movq %rdi, %rax
	cmpq $8, %rdx
	jb 1f
	movq %rdx, %rcx
	movq -8(%rsi, %rdx), %r8 /* the tail, which may overlap the last whole word */
	leaq -8(%rdi, %rdx), %r9
	shrq $3, %rcx
	rep movsq
	movq %r8, (%r9)
	ret
1:	cmpl $4, %edx
	jb 2f
	movl (%rsi), %ecx
	movl -4(%rsi, %rdx), %r8d
	movl %ecx, (%rdi)
	movl %r8d, -4(%rdi, %rdx)
	ret
2:	movl %edx, %ecx
	rep movsb
	ret

/* memmove: forwards unless the destination starts inside the source. */
	.balign 64
	.globl memmove
memmove:
	movq %rdi, %rax
	subq %rsi, %rax
	cmpq %rdx, %rax
	jae memcpy
	movq %rdi, %rax
	leaq -1(%rdi, %rdx), %rdi
	leaq -1(%rsi, %rdx), %rsi
	movq %rdx, %rcx
	std
	cmpq $8, %rdx
	jb 1f
	andl $7, %ecx
	rep movsb
	subq $7, %rdi
	subq $7, %rsi
	movq %rdx, %rcx
	shrq $3, %rcx
	rep movsq
	cld
	ret
1:	rep movsb
	cld
	ret

/* memset(rdi, sil, rdx) -> rdi */
	.balign 64
	.globl memset
memset:
	movzbl %sil, %eax
	movabsq $0x0101010101010101, %rcx
	imulq %rcx, %rax
	movq %rdi, %r8
	cmpq $8, %rdx
	jb 1f
	movq %rdx, %rcx
	movq %rax, -8(%rdi, %rdx)
	shrq $3, %rcx
	rep stosq
	movq %r8, %rax
	ret
1:	movl %edx, %ecx
	rep stosb
	movq %r8, %rax
	ret
	.section .note.GNU-stack, "", @progbits
