/* clang-format off */
/* Borrowing the user's vector registers for a moment. Assembly only. Layer: arch. See memory/page_ops.S for the rules.
 * AVX_BORROW n, AVX_RETURN n - ymm0..ymm(n-1), n = 1 or 4. Preemption is off between; after RETURN the zero flag says that
 * a reschedule is due. Clobbers rax, rcx, rdx, r8; r8 must live from BORROW to RETURN. */
#pragma once

.macro AVX_BORROW n
	addl $1, %gs:preempt_count(%rip)
	movl $1, %ecx
	xgetbv                   /* XINUSE */
	movl %eax, %r8d
	subq $32 * \n, %rsp
	vmovdqu %ymm0, (%rsp)
	.if \n == 4
	vmovdqu %ymm1, 32(%rsp)
	vmovdqu %ymm2, 64(%rsp)
	vmovdqu %ymm3, 96(%rsp)
	.endif
.endm
.macro AVX_RETURN n
	testb $4, %r8b
	jnz 888f
	vzeroupper
	movups (%rsp), %xmm0
	.if \n == 4
	movups 32(%rsp), %xmm1
	movups 64(%rsp), %xmm2
	movups 96(%rsp), %xmm3
	.endif
	jmp 889f
888:	vmovdqu (%rsp), %ymm0
	.if \n == 4
	vmovdqu 32(%rsp), %ymm1
	vmovdqu 64(%rsp), %ymm2
	vmovdqu 96(%rsp), %ymm3
	.endif
889:	addq $32 * \n, %rsp
	addl $-1, %gs:preempt_count(%rip)
.endm
