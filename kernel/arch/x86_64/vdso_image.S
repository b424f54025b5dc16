/* The vDSO's ELF image, page aligned and padded, as programs map it. Layer: arch. */
	.section .rodata
	.balign 4096
	.globl vdso_image_start, vdso_image_end
vdso_image_start:
	.incbin VDSO_SO
	.balign 4096
vdso_image_end:
	.section .note.GNU-stack, "", @progbits
