/* What the files of exec share. Layer: posix_x. */
#pragma once

#include "elf.h"
#include "posix_x_internal.h"

#define EXEC_HEAD_BYTES \
	1024 /* of a file, read first: ELF header and usual program headers, or a `#!` line */
#define EXEC_SCRIPT_BYTES 256 /* of a `#!` line that count */
#define EXEC_SCRIPTS_MAX  5   /* interpreters that are scripts themselves, one above the other */
#define EXEC_PREFIX_MAX   (2 * EXEC_SCRIPTS_MAX + 2)
#define EXEC_STRING_MAX   131072 /* one argument, with NUL */
#define EXEC_ARGS_MAX     (6UL << 20)
#define EXEC_ARGS_MIN     131072UL

/* Strings on their way to the new stack, one after the other with their NULs, in chunks of a page.
 */
struct arg_chunk {
	struct arg_chunk *next;
	u8 data[PAGE_SIZE - sizeof(struct arg_chunk *)];
};
struct arg_list {
	struct arg_chunk *first, *last;
	size_t bytes;     /* in all chunks */
	size_t last_used; /* in the last one */
	u32 *offset;      /* offset[i]: where string i begins */
	u32 count, room;
};
struct exec_file {
	struct file *file; /* +1 */
	u64 bytes;
	struct elf_image image;
	struct elf64_segment *segments; /* owned when not in head */
	u32 head_bytes;
	u8 head[EXEC_HEAD_BYTES] ALIGNED(8);
};
struct exec {
	struct exec_file program, interp;
	struct arg_list argv, envp;
	char *prefix[EXEC_PREFIX_MAX]; /* owned; in the place of argv[0] when there are scripts; the
					  last one is the first argument */
	u32 prefix_count;
	char *path;             /* owned: as given, AT_EXECFN */
	size_t args_left;       /* bytes that arguments may still take, pointers included */
	struct vm_space *space; /* +1 the new one */
	struct cred *cred;      /* +1 */
	bool secure;
	vaddr_t program_bias, interp_base, entry, brk, sp;
	vaddr_t top; /* next mapping below mmap_base goes under top */
	u64 random[2];
};

/* exec_args.c */
/* arg_list_fill - adds the strings of @kernel, else those of @user, both ending with NULL.
 * @left: bytes that all arguments may still take. 0 | -ENOMEM -E2BIG -EFAULT -EINTR. */
int arg_list_fill(
	struct arg_list *l, const char *const *kernel, const u64 USER *user, size_t *left) MUST_USE;
void arg_list_free(struct arg_list *l);
int exec_build_stack(struct exec *e) MUST_USE;
/* exec_load.c */
int exec_file_open(struct exec_file *f, cap_t dirfd, const char *name, u32 at_flags) MUST_USE;
void exec_file_close(struct exec_file *f);
int exec_read_segments(struct exec_file *f) MUST_USE;
void exec_layout(struct exec *e);
int exec_map_images(struct exec *e) MUST_USE;
/* exec_cred.c */
/* exec_cred_keep - takes back what the program would have given beyond the caller's own rights. */
void exec_cred_keep(struct cred *c, const struct cred *old);
int exec_prepare_cred(struct exec *e) MUST_USE;
#define EXEC_STACK_SLACK 131072UL /* mapped below the arguments at once; the rest grows */
