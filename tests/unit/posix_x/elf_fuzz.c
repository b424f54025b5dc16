/* Bytes as the head of an ELF file, or as a `#!` line: no check may read outside of them, and what
 * passes holds its invariant.
 *
 * needs: kernel/posix_x/elf.c
 */
#include <stdlib.h>
#include <string.h>
#include <exo/errno.h>
#include <posix_x/elf.h>

#define USER_TOP 0x7ffffffff000ull

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(bool held)
{
	if (!held)
		abort();
}

static void image(const uint8_t *data, size_t size)
{
	struct elf64_segment *table;
	struct elf_image img;

	if (elf_check_header(data, size, size, &img))
		return;
	table = malloc(img.segment_count * sizeof(*table));
	memcpy(table, data + img.segments_offset, img.segment_count * sizeof(*table));
	if (!elf_check_segments(&img, table, size, USER_TOP)) {
		need(img.start < img.end && img.end <= USER_TOP && !(img.start % PAGE_SIZE) &&
			!(img.end % PAGE_SIZE));
		need(img.load_count <= img.segment_count && img.load_count);
		need(!(img.align & (img.align - 1)) && img.align >= PAGE_SIZE);
		need(img.interp_bytes <= ELF_INTERP_MAX &&
			img.interp_offset + img.interp_bytes <= size);
		for (u32 i = 0; i < img.segment_count; i++)
			if (table[i].type == PT_LOAD && table[i].memsz)
				need(table[i].vaddr >= img.start &&
					table[i].vaddr + table[i].memsz <= img.end);
	}
	free(table);
}

static void line(const uint8_t *data, size_t size)
{
	size_t n = size < 255 ? size : 255;
	char *copy = malloc(n + 1), *interp, *arg;

	memcpy(copy, data, n);
	copy[n] = '\0';
	if (!elf_script_line(copy, n + 1, n == size, &interp, &arg)) {
		need(*interp && strlen(interp) <= n && !strpbrk(interp, " \t\n"));
		need(!arg || (*arg && arg > interp && arg + strlen(arg) <= copy + n));
	}
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	image(data, size);
	line(data, size);
	return 0;
}
