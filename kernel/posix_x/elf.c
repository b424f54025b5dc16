/* Checks of ELF64 images and of `#!` lines. Input is hostile: every number is bounded before it is
 * used. Layer: posix_x.
 *
 * Invariant: after elf_check_segments each PT_LOAD lies in user space, and no sum of its fields
 * wraps.
 *
 * Source: elf(5), execve(2), System V ABI chapter 5. */
#include <exo/errno.h>
#include <exo/string.h>
#include "elf.h"

int elf_check_header(const void *buf, size_t len, u64 file_bytes, struct elf_image *out)
{
	struct elf64_header h;
	u64 table_bytes;

	if (len < sizeof(h))
		return -ENOEXEC;
	memcpy(&h, buf, sizeof(h));
	table_bytes = (u64)h.phnum * sizeof(struct elf64_segment);
	if (memcmp(h.ident, "\177ELF", 4) || h.ident[4] != ELF_CLASS64 ||
		h.ident[5] != ELF_DATA_LSB || h.machine != ELF_MACHINE_X86_64 ||
		(h.type != ELF_TYPE_EXEC && h.type != ELF_TYPE_DYN) ||
		h.phentsize != sizeof(struct elf64_segment) || !h.phnum ||
		table_bytes > ELF_SEGMENTS_BYTES_MAX || h.phoff > file_bytes ||
		file_bytes - h.phoff < table_bytes)
		return -ENOEXEC;
	*out = (struct elf_image){.type = h.type,
		.segment_count = h.phnum,
		.entry = h.entry,
		.segments_offset = h.phoff};
	return 0;
}

/* A segment may reach beyond the end of the file, as on Linux: touching that part is SIGBUS. */
static int check_load(struct elf_image *img, const struct elf64_segment *s, u64 user_max)
{
	if (s->vaddr >= user_max || s->memsz > user_max - s->vaddr || s->filesz > s->memsz ||
		s->offset > INT64_MAX - s->memsz)
		return -EINVAL;
	if (s->filesz && (s->offset ^ s->vaddr) & (PAGE_SIZE - 1))
		return -ENOEXEC;
	if (!s->memsz)
		return 0;
	if (!img->load_count || ALIGN_DOWN(s->vaddr, PAGE_SIZE) < img->start)
		img->start = ALIGN_DOWN(s->vaddr, PAGE_SIZE);
	if (ALIGN_UP(s->vaddr + s->memsz, PAGE_SIZE) > img->end)
		img->end = ALIGN_UP(s->vaddr + s->memsz, PAGE_SIZE);
	if (s->align > img->align && !(s->align & (s->align - 1)) && s->align <= user_max / 4)
		img->align = s->align;
	if (img->segments_offset >= s->offset && img->segments_offset - s->offset < s->filesz)
		img->headers_vaddr = img->segments_offset - s->offset + s->vaddr;
	img->load_count++;
	return 0;
}

int elf_check_segments(
	struct elf_image *img, const struct elf64_segment *segments, u64 file_bytes, u64 user_max)
{
	img->segments = segments;
	img->align = PAGE_SIZE;
	for (u32 i = 0; i < img->segment_count; i++) {
		const struct elf64_segment *s = &segments[i];
		int err = s->type == PT_LOAD ? check_load(img, s, user_max) : 0;

		if (err)
			return err;
		if (s->type == PT_INTERP && !img->interp_bytes) { /* the first one counts */
			if (s->filesz < 2 || s->filesz > ELF_INTERP_MAX || s->offset > file_bytes ||
				s->filesz > file_bytes - s->offset)
				return -ENOEXEC;
			img->interp_offset = s->offset;
			img->interp_bytes = (u32)s->filesz;
		} else if (s->type == PT_GNU_STACK) {
			img->stack_exec = s->flags & PF_X;
		}
	}
	return img->load_count ? 0 : -ENOEXEC;
}

static bool blank(char c)
{
	return c == ' ' || c == '\t';
}

int elf_script_line(char *buf, size_t len, bool whole, char **interp, char **arg)
{
	char *end, *p, *name;

	if (len < 3 || buf[0] != '#' || buf[1] != '!')
		return -ENOEXEC;
	end = memchr(buf, '\n', len);
	if (!end) {
		/* The line goes on past what was read: good as long as the name itself is whole. */
		end = buf + len - 1;
		for (p = buf + 2; p < end && blank(*p); p++)
			;
		while (p < end && *p && !blank(*p))
			p++;
		if (p == end && !whole)
			return -ENOEXEC;
	}
	while (end > buf + 2 && blank(end[-1]))
		end--;
	*end = '\0';
	for (name = buf + 2; blank(*name); name++)
		;
	if (!*name)
		return -ENOEXEC;
	for (p = name; *p && !blank(*p); p++)
		;
	*arg = NULL;
	if (*p) {
		*p++ = '\0';
		while (blank(*p))
			p++;
		if (*p)
			*arg = p;
	}
	*interp = name;
	return 0;
}
