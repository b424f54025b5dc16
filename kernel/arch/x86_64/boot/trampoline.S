/* Where the other CPUs begin: real mode at TRAMPOLINE, copied there by cpu/smp.c, then the boot page tables, then their own stack
 * and GS. All come at once: each finds its number by its APIC id and touches nothing of the others. Layer: arch.
 * Source: Intel SDM vol. 3, 8.4 and 9.9. */
#include <offsets.h>

#define KERNEL_BASE 0xffffffff80000000
#define PHYS(x)     ((x) - KERNEL_BASE)
#define TRAMPOLINE  0x8000

	.section .rodata
	.globl ap_trampoline, ap_trampoline_end
	.code16
ap_trampoline:
	cli
	xorw %ax, %ax
	movw %ax, %ds
	lgdtl TRAMPOLINE + (ap_gdt_pointer - ap_trampoline)
	movl %cr0, %eax
	orl $1, %eax
	movl %eax, %cr0
	ljmpl *TRAMPOLINE + (ap_entry_pointer - ap_trampoline)
ap_gdt_pointer:
	.short 31
	.long PHYS(boot_gdt)
ap_entry_pointer:
	.long PHYS(ap_start32)
	.short 8
ap_trampoline_end:

	.section .boot.text, "ax"
	.code32
ap_start32:
	movl $0x18, %eax
	movl %eax, %ds
	movl %eax, %ss
	xorl %ebp, %ebp          /* no loader */
	jmp boot_long_mode
	.code64
	.globl ap_start64
ap_start64:                  /* in long mode, in the upper half */
	movl $PHYS(kernel_top), %eax /* the final tables */
	movq %rax, %cr3
	movl $0xb, %eax          /* x2APIC id, if that leaf exists */
	xorl %ecx, %ecx
	movl ap_cpuid_max(%rip), %edi
	cmpl $0xb, %edi
	jb 1f
	cpuid
	testl %ebx, %ebx
	jnz 2f
1:	movl $1, %eax
	cpuid
	shrl $24, %ebx
	movl %ebx, %edx
2:	xorl %esi, %esi          /* our number */
	movl cpu_count(%rip), %edi
3:	cmpl %edx, cpu_apic_ids(, %rsi, 4)
	je 4f
	incl %esi
	cmpl %edi, %esi
	jb 3b
5:	cli                      /* not wanted: maxcpus=, or not in the tables */
	hlt
	jmp 5b
4:	movq ap_stacks(, %rsi, 8), %rsp
	testq %rsp, %rsp
	jz 5b
	movq percpu_deltas(, %rsi, 8), %rax
	movq %rax, %rdx
	shrq $32, %rdx
	movl $0xc0000101, %ecx
	wrmsr
	movl %esi, %edi
	xorl %ebp, %ebp
	pushq %rbp
	call ap_main
	.section .note.GNU-stack, "", @progbits
