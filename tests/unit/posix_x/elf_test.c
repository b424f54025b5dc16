/* ELF images and `#!` lines: what is accepted, what is refused, and what the checks make of it.
 *
 * needs: kernel/posix_x/elf.c
 */
#include <u_.h>
#include <exo/errno.h>
#include <posix_x/elf.h>

#define USER_TOP 0x7ffffffff000ull

static struct elf64_header good_header(u16 segments)
{
	struct elf64_header h = {.ident = {0x7f, 'E', 'L', 'F', 2, 1, 1},
		.type = ELF_TYPE_EXEC,
		.machine = ELF_MACHINE_X86_64,
		.version = 1,
		.entry = 0x401000,
		.phoff = 64,
		.ehsize = 64,
		.phentsize = 56,
		.phnum = segments};

	return h;
}

static struct elf64_segment load(u64 offset, u64 vaddr, u64 filesz, u64 memsz)
{
	return (struct elf64_segment){.type = PT_LOAD,
		.flags = PF_R,
		.offset = offset,
		.vaddr = vaddr,
		.filesz = filesz,
		.memsz = memsz,
		.align = PAGE_SIZE};
}

/* A header that names @n segments, with everything else right, so that only the segments are
 * judged. */
static int check(struct elf_image *img, const struct elf64_segment *s, u16 n)
{
	struct elf64_header h = good_header(n);

	if (elf_check_header(&h, sizeof(h), 1 << 20, img))
		return -1;
	return elf_check_segments(img, s, 1 << 20, USER_TOP);
}

U_TEST(header_is_checked_field_by_field)
{
	struct elf64_header h = good_header(2);
	struct elf_image img;

	u_eq(elf_check_header(&h, sizeof(h), 4096, &img), 0);
	u_eq(img.segment_count, 2);
	u_eq(img.segments_offset, 64);
	u_eq(elf_check_header(&h, sizeof(h) - 1, 4096, &img), -ENOEXEC);
	u_eq(elf_check_header(&h, sizeof(h), 64 + 2 * 56 - 1, &img), -ENOEXEC); /* table cut off */
	for (u32 i = 0; i < 6; i++) {
		h = good_header(2);
		h.ident[i] ^= 0x40;
		u_eq(elf_check_header(&h, sizeof(h), 4096, &img), -ENOEXEC);
	}
	h = good_header(2), h.type = 1;
	u_eq(elf_check_header(&h, sizeof(h), 4096, &img), -ENOEXEC);
	h = good_header(2), h.machine = 40;
	u_eq(elf_check_header(&h, sizeof(h), 4096, &img), -ENOEXEC);
	h = good_header(2), h.phentsize = 32;
	u_eq(elf_check_header(&h, sizeof(h), 4096, &img), -ENOEXEC);
	h = good_header(0);
	u_eq(elf_check_header(&h, sizeof(h), 4096, &img), -ENOEXEC);
	h = good_header(0xffff);
	u_eq(elf_check_header(&h, sizeof(h), ~0ull, &img),
		-ENOEXEC); /* a table of more than 64 KB */
	h = good_header(2), h.phoff = ~0ull - 8;
	u_eq(elf_check_header(&h, sizeof(h), 4096, &img), -ENOEXEC);
}

U_TEST(segments_give_span_headers_and_stack)
{
	struct elf64_segment s[4] = {load(0, 0x400000, 0x200, 0x200),
		load(0x1000, 0x401000, 0x10, 0x3010),
		{.type = PT_GNU_STACK, .flags = PF_R | PF_W | PF_X}, {.type = 0x12345678}};
	struct elf_image img;

	u_need(check(&img, s, 4) == 0);
	u_eq(img.load_count, 2);
	u_eq(img.start, 0x400000);
	u_eq(img.end, 0x405000);
	u_eq(img.headers_vaddr, 0x400040);
	u_eq(img.interp_bytes, 0);
	u_check(img.stack_exec);
	s[2].flags = PF_R | PF_W;
	u_need(check(&img, s, 4) == 0);
	u_check(!img.stack_exec);
	s[0].offset = 0x1000; /* the table is in no segment now */
	u_need(check(&img, s, 4) == 0);
	u_eq(img.headers_vaddr, 0);
}

U_TEST(hostile_segments_are_refused)
{
	struct elf64_segment s;
	struct elf_image img;

	s = load(0, 0xffffffff80000000, 16, 16);
	u_eq(check(&img, &s, 1), -EINVAL);
	s = load(0, 0x400000, 16, 1ull << 60);
	u_eq(check(&img, &s, 1), -EINVAL);
	s = load(0, USER_TOP - 4096, 16, 4097);
	u_eq(check(&img, &s, 1), -EINVAL);
	s = load(0, USER_TOP - 4096, 16, 4096);
	u_eq(check(&img, &s, 1), 0);
	u_eq(img.end, USER_TOP);
	s = load(0, 0x400000, 32, 16); /* more in the file than in memory */
	u_eq(check(&img, &s, 1), -EINVAL);
	s = load(~0ull - 4095, 0x400000, 32, 32);
	u_eq(check(&img, &s, 1), -EINVAL);
	s = load(1, 0x400000, 32, 32); /* offset and address differ within the page */
	u_eq(check(&img, &s, 1), -ENOEXEC);
	s = load(0, 0x400000, 0, 0); /* nothing to load at all */
	u_eq(check(&img, &s, 1), -ENOEXEC);
	s = (struct elf64_segment){.type = PT_GNU_STACK};
	u_eq(check(&img, &s, 1), -ENOEXEC);
}

U_TEST(interpreter_path_is_bounded)
{
	struct elf64_segment s[2] = {
		load(0, 0x400000, 16, 16), {.type = PT_INTERP, .offset = 0x100, .filesz = 28}};
	struct elf_image img;

	u_need(check(&img, s, 2) == 0);
	u_eq(img.interp_offset, 0x100);
	u_eq(img.interp_bytes, 28);
	s[1].filesz = 1;
	u_eq(check(&img, s, 2), -ENOEXEC);
	s[1].filesz = ELF_INTERP_MAX + 1;
	u_eq(check(&img, s, 2), -ENOEXEC);
	s[1].filesz = 28, s[1].offset = (1 << 20) - 27;
	u_eq(check(&img, s, 2), -ENOEXEC);
	s[1].offset = ~0ull;
	u_eq(check(&img, s, 2), -ENOEXEC);
}

/* Runs elf_script_line on a copy as exec does: at most 255 bytes, then a NUL. */
static int script(const char *text, char *interp, char *arg)
{
	static char line[256];
	size_t n = strlen(text) < 255 ? strlen(text) : 255;
	char *i, *a;
	int err;

	memcpy(line, text, n);
	line[n] = '\0';
	err = elf_script_line(line, n + 1, n == strlen(text), &i, &a);
	if (!err) {
		strcpy(interp, i);
		strcpy(arg, a ? a : "(none)");
	}
	return err;
}

U_TEST(script_lines)
{
	char interp[256], arg[256], text[400];

	u_eq(script("#!/bin/sh\n", interp, arg), 0);
	u_str_eq(interp, "/bin/sh");
	u_str_eq(arg, "(none)");
	u_eq(script("#! \t/bin/awk  -f  x \t\nrest", interp, arg), 0);
	u_str_eq(interp, "/bin/awk");
	u_str_eq(arg, "-f  x");                    /* one argument, blanks inside kept */
	u_eq(script("#!/bin/sh", interp, arg), 0); /* the file ends with the line */
	u_str_eq(interp, "/bin/sh");
	u_eq(script("#!\n", interp, arg), -ENOEXEC);
	u_eq(script("#!   \n", interp, arg), -ENOEXEC);
	u_eq(script("#!", interp, arg), -ENOEXEC);
	u_eq(script("#x/bin/sh\n", interp, arg), -ENOEXEC);
	memset(text, 'a', sizeof(text));
	memcpy(text, "#!/", 3);
	text[399] = '\0';
	u_eq(script(text, interp, arg), -ENOEXEC); /* the name goes on past what counts */
	memcpy(text + 100, " b", 2);
	u_eq(script(text, interp, arg), 0); /* only the argument is cut */
	u_eq(strlen(interp), 98);
}
