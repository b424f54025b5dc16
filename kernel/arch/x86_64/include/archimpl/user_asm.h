/* clang-format off */
/* Lists of registers on the stack; instructions that may fault on user memory: the exception table, and STAC/CLAC that become NOPs without SMAP. For C and
 * assembly of kernel/arch/x86_64 only. Layer: arch. */
#pragma once

#ifdef __ASSEMBLER__
.macro PUSH regs:vararg
	.irp reg, \regs
	pushq %\reg
	.endr
.endm
.macro POP regs:vararg
	.irp reg, \regs
	popq %\reg
	.endr
.endm
.macro ALLOW_USER
771:	stac
	.pushsection .cpu_patch, "a"
	.quad 771b
	.popsection
.endm
.macro FORBID_USER
771:	clac
	.pushsection .cpu_patch, "a"
	.quad 771b
	.popsection
.endm
/* FIXUP_RANGE from, end, to - a fault at an instruction in [from, end) goes on at @to. FIXUP at, to - at one instruction. */
.macro FIXUP_RANGE from, end, to
	.pushsection .exception_table, "a"
	.quad \from, \end, \to
	.popsection
.endm
.macro FIXUP at, to
	FIXUP_RANGE \at, \at + 1, \to
.endm
#else
#define X86_PATCHED(insn) "771:\t" insn "\n\t.pushsection .cpu_patch, \"a\"\n\t.quad 771b\n\t.popsection\n\t"
#define X86_FIXUP(at, to) "\n\t.pushsection .exception_table, \"a\"\n\t.quad " at ", " at " + 1, " to "\n\t.popsection\n\t"
static ALWAYS_INLINE void user_access_begin(void)
{
	__asm__ volatile(X86_PATCHED("stac") ::: "memory");
}
static ALWAYS_INLINE void user_access_end(void)
{
	__asm__ volatile(X86_PATCHED("clac") ::: "memory");
}
/* USER_LOAD(x, p, label) - between begin and end: x = *p, or on a fault on to @label. @p has the wanted type. */
#define USER_LOAD(x, p, label)                                                                     \
	__asm__ goto("770:\tmov %1, %0" X86_FIXUP("770b", "%l[" #label "]") : "=r"(x) : "m"(*(p)) : : label)
#define USER_STORE(x, p, label)                                                                    \
	__asm__ goto("770:\tmov %0, %1" X86_FIXUP("770b", "%l[" #label "]") : : "r"(x), "m"(*(p)) : "memory" : label)
#endif
