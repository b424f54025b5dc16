/* Whole pages and plain memory. Layer: arch.
 * Without vector registers the widest store is 8 bytes. Unrolled stores cost the emulator the least; string copies move 8 bytes an
 * instruction there and whole lines on hardware. */
	.text
	.balign 64
	.globl arch_page_clear
arch_page_clear:
	xorl %eax, %eax
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

	.balign 64
	.globl arch_page_copy
arch_page_copy:
	movl $512, %ecx
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
