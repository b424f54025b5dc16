/* The first instructions: from 32-bit protected mode without paging (PVH, Multiboot2) to kernel_main in the upper half.
 * Layer: arch. Sources: Xen misc/pvh.pandoc; Multiboot2 specification 1.6 (header, "machine state"); Intel SDM vol. 3, 10.8.5.
 *
 * The boot tables map the first 4 GB three times: at 0 (until memory/kernel_map.c replaces them), at DIRECT_BASE and, the
 * first 1 GB only, at KERNEL_BASE. */
#include <offsets.h>

#define KERNEL_BASE 0xffffffff80000000
#define PHYS(x)     ((x) - KERNEL_BASE)
#define LOADER_PVH  1
#define LOADER_MB2  2

	.section .boot.header, "a"
	.balign 8
multiboot_header: /* no entry-address tag: the loader takes the ELF entry */
	.long 0xe85250d6, 0
	.long multiboot_header_end - multiboot_header
	.long -(0xe85250d6 + (multiboot_header_end - multiboot_header))
	.short 5, 1              /* framebuffer, optional: a text mode will do */
	.long 20, 0, 0, 0
	.long 0                  /* to 8 bytes */
	.short 0, 0
	.long 8
multiboot_header_end:

	.section .note.Xen, "a", @note
	.balign 4
	.long 4, 8, 18           /* name size, value size, XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.quad PHYS(pvh_start)

	.section .boot.text, "ax"
	.code32
pvh_start:
	movl $LOADER_PVH, %ebp
	jmp 1f
	.globl multiboot_start
multiboot_start:
	movl $LOADER_MB2, %ebp
	cmpl $0x36d76289, %eax
	jne boot_hang
1:	cli
	cld
	movl $PHYS(boot_stack_end), %esp
	rdtsc
	movl %eax, PHYS(boot_info + BOOT_ENTRY_CYCLES)
	movl %edx, PHYS(boot_info + BOOT_ENTRY_CYCLES + 4)
	movl %ebp, PHYS(boot_loader_kind)
	movl %ebx, PHYS(boot_loader_info)

	movl $0x80000000, %eax   /* long mode and NX are not optional */
	cpuid
	cmpl $0x80000001, %eax
	jb boot_hang
	movl $0x80000001, %eax
	cpuid
	andl $(1 << 29 | 1 << 20), %edx
	cmpl $(1 << 29 | 1 << 20), %edx
	jne boot_hang

	movl $PHYS(boot_pd), %edi /* 4 GB of 2 MB pages */
	movl $0x83, %eax
	xorl %edx, %edx
	movl $2048, %ecx
1:	movl %eax, (%edi)
	addl $0x200000, %eax
	addl $8, %edi
	loop 1b

/* The other CPUs come here from trampoline.S: ebp = 0. */
	.globl boot_long_mode
boot_long_mode:
	movl $PHYS(boot_pml4), %eax
	movl %eax, %cr3
	movl $0x20, %eax         /* PAE */
	movl %eax, %cr4
	movl $0xc0000080, %ecx   /* EFER: syscall, long mode, NX */
	xorl %edx, %edx
	movl $0x901, %eax
	wrmsr
	movl $0x80050033, %eax   /* PG AM WP NE ET MP PE */
	movl %eax, %cr0
	lgdt PHYS(boot_gdt_pointer)
	ljmp $0x10, $PHYS(boot_64)

boot_hang: /* not a 64-bit CPU or an unknown loader: say X on the serial line, nothing else can be trusted */
	movw $0x3f8, %dx
	movb $'X', %al
	outb %al, %dx
1:	hlt
	jmp 1b

	.code64
boot_64:
	movq $1f, %rax
	jmp *%rax
1:	xorl %eax, %eax
	.irp segment, ds, es, ss, fs, gs
	movl %eax, %\segment
	.endr
	testl %ebp, %ebp
	jz ap_start64
	xorl %edx, %edx
	movl $0xc0000101, %ecx   /* GS base 0: CPU 0's per-CPU data is the linked copy */
	wrmsr
	movq $boot_stack_end, %rsp
	xorl %ebp, %ebp
	call arch_slide
	addq %rax, %rsp
	movq $2f, %rax           /* where the image is now */
	jmp *%rax
2:	pushq %rbp
	call kernel_main
1:	hlt
	jmp 1b

	.section .data.page_aligned, "aw"
	.balign 4096
	.globl boot_pml4, boot_pdpt_kernel, boot_gdt
boot_pml4:
	.quad PHYS(boot_pdpt) + 3
	.fill 272, 8, 0
	.quad PHYS(boot_pdpt) + 3         /* 273: DIRECT_BASE */
#ifdef EXO_KASAN
	.fill 198, 8, 0
	.rept 32                          /* 472: the shadow, one page for all of it until shadow_init */
	.quad PHYS(kasan_zero_pdpt) + 3
	.endr
	.fill 7, 8, 0
#else
	.fill 237, 8, 0
#endif
	.quad PHYS(boot_pdpt_kernel) + 3  /* 511 */
boot_pdpt:
	.quad PHYS(boot_pd) + 3, PHYS(boot_pd) + 0x1003, PHYS(boot_pd) + 0x2003, PHYS(boot_pd) + 0x3003
	.fill 508, 8, 0
boot_pdpt_kernel:
	.fill 510, 8, 0
	.quad PHYS(boot_pd) + 3           /* KERNEL_BASE */
	.quad 0
#ifdef EXO_KASAN
	.globl kasan_zero_pdpt, kasan_zero_pd, kasan_zero_pt
.macro ALL_TO table, next
\table:
	.rept 512
	.quad PHYS(\next) + 3
	.endr
.endm
	ALL_TO kasan_zero_pdpt, kasan_zero_pd
	ALL_TO kasan_zero_pd, kasan_zero_pt
	ALL_TO kasan_zero_pt, kasan_zero_page
	.globl kasan_zero_page
kasan_zero_page:
	.fill 512, 8, 0
#endif
boot_gdt:
	.quad 0
	.quad 0x00cf9b000000ffff          /* 0x08 32-bit code */
	.quad 0x00af9b000000ffff          /* 0x10 kernel code */
	.quad 0x00cf93000000ffff          /* 0x18 kernel data */
boot_gdt_pointer:
	.short 31
	.quad PHYS(boot_gdt)

	.section .data
	.globl boot_loader_kind, boot_loader_info
boot_loader_kind:
	.long 0
boot_loader_info:
	.long 0

	.section .bss.page_aligned, "aw", @nobits
	.balign 4096
boot_pd:
	.skip 4 * 4096
	.globl boot_stack, boot_stack_end
	.skip 4096                        /* unmapped later: guard */
boot_stack:
	.skip KSTACK_BYTES
boot_stack_end:
	.section .note.GNU-stack, "", @progbits
