/* Copies between kernel and user memory. Layer: arch.
 *
 * REP MOVSQ: under the emulator each step is one instruction for 8 bytes, on hardware it is microcode that moves whole lines.
 * A fault is first answered by going on byte by byte, so that the count of bytes not copied is exact.
 * rdi destination, rsi source, rdx bytes; the flag AC is set only between ALLOW_USER and FORBID_USER. */
#include <archimpl/avx_asm.h>
#include <archimpl/user_asm.h>

#define EFAULT     14
#define BULK_MIN   512  /* from here on borrowing vector registers pays */
#define BULK_MAX   4096 /* at a time with preemption off */
#define BULK_BLOCK 256

/* Leaves at \bad when [\reg, \reg + rdx) is not in user space. Clobbers rax, rcx. */
.macro CHECK_RANGE reg, bad
	movq \reg, %rax
	addq %rdx, %rax
	jc \bad
	movabsq $0x7ffffffff000, %rcx
	cmpq %rcx, %rax
	ja \bad
.endm

/* The copy itself. After it rcx = bytes not copied, and the flags do not matter. */
.macro COPY
	cmpq $8, %rdx
	jb 4f
	movq %rdx, %rcx
	shrq $3, %rcx
	andl $7, %edx
1:	rep movsq
	jz 9f                    /* rep leaves the flags of andl alone */
2:	movq -8(%rsi, %rdx), %rax
3:	movq %rax, -8(%rdi, %rdx)
	jmp 9f
4:	cmpl $4, %edx
	jb 7f
5:	movl (%rsi), %eax
	movl -4(%rsi, %rdx), %r8d
6:	movl %eax, (%rdi)
	movl %r8d, -4(%rdi, %rdx)
	jmp 9f
7:	movl %edx, %ecx
8:	rep movsb
9:
	FIXUP 1b, user_copy_quads
	FIXUP 2b, user_copy_tail
	FIXUP 3b, user_copy_tail
	FIXUP 5b, user_copy_tail
	FIXUP 5b + 2, user_copy_tail
	FIXUP 6b, user_copy_tail
	FIXUP 6b + 2, user_copy_tail
	FIXUP 8b, user_copy_end
.endm

	.text
/* Fault handlers. They do not return to the copy: the caller's stack holds one return address, rcx gets what is left, and
 * r11 says how the result is given: 0 = bytes, 1 = 0 or -EFAULT. */
user_copy_quads: /* rcx quads and rdx bytes are left */
	leaq (%rdx, %rcx, 8), %rcx
	jmp 1f
user_copy_tail:
	movq %rdx, %rcx
1:	rep movsb
user_copy_end:
	FIXUP 1b, user_copy_end
	FORBID_USER
	movq %rcx, %rax
	testl %r11d, %r11d
	jz 1f
	negq %rax
	sbbl %eax, %eax
	andl $-EFAULT, %eax
1:	ret

/* copy_bulk - copies blocks of 256 bytes, 4 KB at the most. Preemption is off, so a fault is not served but ends it.
 * Moves rdi, rsi and rdx on. Return: eax = 1 as far as it should, 0 = not. */
	.balign 64
copy_bulk:
	xorl %eax, %eax
	cmpb $0, x86_avx_usable(%rip)
	je 3f
	movq %rdx, %r9
	movq %rsi, %r10
	AVX_BORROW 0, 1, 2, 3
	movl $BULK_MAX, %ecx
	cmpq %rcx, %r9
	cmovb %r9, %rcx
	shrq $8, %rcx
	ALLOW_USER
	xorl %eax, %eax
1:
	MOVE_128 vmovdqu, 0
	MOVE_128 vmovdqu, 128
2:	addq $BULK_BLOCK, %rsi
	addq $BULK_BLOCK, %rdi
	decl %ecx
	jnz 1b
	movl $1, %eax
4:	FORBID_USER
	movq %r9, %rdx
	addq %r10, %rdx
	subq %rsi, %rdx
	AVX_RETURN 0, 1, 2, 3
	jz 5f
3:	ret
5:	PUSH rax, rdi, rsi, rdx, r11
	call sched_preempt
	POP r11, rdx, rsi, rdi, rax
	ret
	/* any of the sixteen moves may fault */
	FIXUP_RANGE 1b, 2b, 4b

.macro COPY_FUNCTION name, user, result
	.balign 32
	.globl \name
\name:
	CHECK_RANGE \user, \name\()_bad
	movl $\result, %r11d
	cmpq $BULK_MIN, %rdx
	jae \name\()_bulk
\name\()_rest:
	ALLOW_USER
	COPY
	FORBID_USER
	xorl %eax, %eax
	ret
\name\()_bulk:
	call copy_bulk
	testl %eax, %eax
	jz \name\()_rest
	cmpq $BULK_MIN, %rdx
	jae \name\()_bulk
	jmp \name\()_rest
\name\()_bad:
	.if \result
	movl $-EFAULT, %eax
	.else
	movq %rdx, %rax
	.endif
	ret
.endm
	COPY_FUNCTION copy_from_user, %rsi, 1
	COPY_FUNCTION copy_to_user, %rdi, 1
	COPY_FUNCTION copy_from_user_partial, %rsi, 0
	COPY_FUNCTION copy_to_user_partial, %rdi, 0

/* clear_user_partial(rdi, rsi bytes). A fault of the quads is answered as in copies: what is left goes byte by byte. */
	.balign 32
	.globl clear_user_partial
clear_user_partial:
	movq %rsi, %rdx
	CHECK_RANGE %rdi, 5f
	movq %rdx, %rcx
	shrq $3, %rcx
	andl $7, %edx
	xorl %eax, %eax
	ALLOW_USER
1:	rep stosq
2:	leaq (%rdx, %rcx, 8), %rcx
3:	rep stosb
4:	FORBID_USER
	movq %rcx, %rax
	ret
	FIXUP 1b, 2b
	FIXUP 3b, 4b
5:	movq %rdx, %rax
	ret
	.section .note.GNU-stack, "", @progbits
