/* ELF64 as the System V ABI and the x86-64 psABI lay it out, and the auxiliary vector. Source:
 * elf(5), getauxval(3). */
#pragma once

#include <exo/types.h>

struct elf64_header {
	u8 ident[16];
	u16 type, machine;
	u32 version;
	u64 entry, phoff, shoff;
	u32 flags;
	u16 ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};
_Static_assert(sizeof(struct elf64_header) == 64, "ELF header");
struct elf64_segment {
	u32 type, flags;
	u64 offset, vaddr, paddr, filesz, memsz, align;
};
_Static_assert(sizeof(struct elf64_segment) == 56, "ELF program header");

#define ELF_CLASS64         2
#define ELF_DATA_LSB        1
#define ELF_TYPE_EXEC       2
#define ELF_TYPE_DYN        3
#define ELF_MACHINE_X86_64  62
#define ELF_MACHINE_AARCH64 183
#define ELF_MACHINE_RISCV   243
#define PT_LOAD             1
#define PT_INTERP           3
#define PT_PHDR             6
#define PT_GNU_STACK        0x6474e551
#define PF_X                1
#define PF_W                2
#define PF_R                4

#define AT_NULL              0
#define AT_IGNORE            1
#define AT_PHDR              3
#define AT_PHENT             4
#define AT_PHNUM             5
#define AT_PAGESZ            6
#define AT_BASE              7
#define AT_FLAGS             8
#define AT_ENTRY             9
#define AT_UID               11
#define AT_EUID              12
#define AT_GID               13
#define AT_EGID              14
#define AT_PLATFORM          15
#define AT_HWCAP             16
#define AT_CLKTCK            17
#define AT_SECURE            23
#define AT_RANDOM            25
#define AT_HWCAP2            26
#define AT_RSEQ_FEATURE_SIZE 27
#define AT_RSEQ_ALIGN        28
#define AT_EXECFN            31
#define AT_SYSINFO_EHDR      33
#define AT_MINSIGSTKSZ       51
