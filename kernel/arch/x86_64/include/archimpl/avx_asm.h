/* clang-format off */
/* Borrowing the user's vector registers for a moment. Assembly only. Layer: arch. See memory/page_ops.S for the rules.
 * AVX_BORROW n..., AVX_RETURN n... - the registers ymm(n), n = 0 to 3. Preemption is off between; after RETURN the zero flag says
 * that a reschedule is due. Clobbers rax, rcx, rdx, r8; r8 must live from BORROW to RETURN. */
#pragma once

.macro AVX_BORROW regs:vararg
	addl $1, %gs:preempt_count(%rip)
	movl $1, %ecx
	xgetbv                   /* XINUSE */
	movl %eax, %r8d
	subq $128, %rsp
	.irp reg, \regs
	vmovdqu %ymm\reg, 32 * \reg(%rsp)
	.endr
.endm
.macro AVX_RETURN regs:vararg
	testb $4, %r8b
	jnz 888f
	vzeroupper
	.irp reg, \regs
	movups 32 * \reg(%rsp), %xmm\reg
	.endr
	jmp 889f
888:
	.irp reg, \regs
	vmovdqu 32 * \reg(%rsp), %ymm\reg
	.endr
889:	addq $128, %rsp
	addl $-1, %gs:preempt_count(%rip)
.endm
/* MOVE_128 mov, offset - 128 bytes from offset(rsi) to offset(rdi) by ymm0..ymm3. Loads together, stores together: two pages that
 * share a cache or TLB set do not fight. */
.macro MOVE_128 mov, offset
	.irp reg, 0, 1, 2, 3
	\mov \offset + 32 * \reg(%rsi), %ymm\reg
	.endr
	.irp reg, 0, 1, 2, 3
	\mov %ymm\reg, \offset + 32 * \reg(%rdi)
	.endr
.endm
