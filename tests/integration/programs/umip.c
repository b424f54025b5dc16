/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * umip.c - does the CPU keep from programs where the kernel's tables are? Each instruction that
 * tells must end in SIGSEGV (Linux answers SGDT, SIDT and SMSW with constants instead).
 */
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>

static sigjmp_buf out;

static void on_fault(int sig)
{
	siglongjmp(out, sig);
}

#define TRY(insn)                                                             \
	do {                                                                  \
		unsigned char table[16] = {0};                                \
		int sig = sigsetjmp(out, 1);                                  \
                                                                              \
		if (!sig)                                                     \
			__asm__ volatile(insn " %0" : "=m"(table)::"memory"); \
		printf("%s %d\n", insn, sig);                                 \
	} while (0)

int main(void)
{
	signal(SIGSEGV, on_fault);
	TRY("sgdt");
	TRY("sidt");
	TRY("sldt");
	TRY("str");
	TRY("smsw");
	return 0;
}
