/* Reading ELF64 images: checks and nothing else, so that it runs on the host under a fuzzer. Layer:
 * posix_x. */
#pragma once

#include <exo/types.h>
#include <exo_abi/linux_elf.h>

#define ELF_SEGMENTS_BYTES_MAX 65536 /* program headers of one image, as on Linux */
#define ELF_INTERP_MAX         4096

struct elf_image {
	u16 type; /* ELF_TYPE_EXEC | ELF_TYPE_DYN */
	u16 segment_count;
	u64 entry;           /* as linked */
	u64 segments_offset; /* in the file */
	/* from elf_check_segments: */
	const struct elf64_segment *segments; /* borrowed */
	u32 load_count;
	u64 start, end;    /* pages that the PT_LOAD segments span, as linked */
	u64 align;         /* largest alignment of a PT_LOAD, at least a page */
	u64 headers_vaddr; /* program headers in memory as linked; 0 = not loaded */
	u64 interp_offset; /* path of the interpreter in the file */
	u32 interp_bytes;  /* 0 = none */
	bool stack_exec;
};
/* elf_check_header - @buf: the first @len bytes of a file of @file_bytes. 0 | -ENOEXEC. */
int elf_check_header(const void *buf, size_t len, u64 file_bytes, struct elf_image *out) MUST_USE;
/* elf_check_segments - @segments: img->segment_count entries, kept. User addresses end at
 * @user_max. 0 | -ENOEXEC | -EINVAL addresses that no program may have. */
int elf_check_segments(struct elf_image *img, const struct elf64_segment *segments, u64 file_bytes,
	u64 user_max) MUST_USE;
/* elf_script_line - the `#!` line in the first @len bytes, of which the last is a NUL behind what
 * was read; @whole: the file ends there.
 * @interp, @arg: where they stand, in place, NUL-terminated; arg may be NULL.
 * Return: 0 | -ENOEXEC no such line, no name in it, or a name longer than the buffer shows. */
int elf_script_line(char *buf, size_t len, bool whole, char **interp, char **arg) MUST_USE;
