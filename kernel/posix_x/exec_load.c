/* Maps a program and its interpreter into a fresh address space. Layer: posix_x.
 *
 * The space is not current yet, so everything here may fail and leave the caller as it was.
 *
 * Layout, top down: stack, gap for its growth, mappings (interpreter, vDSO) below mmap_base;
 * programs that may stand anywhere at two thirds of user space; brk behind the program. Each part
 * moves by its own random number.
 *
 * Source: execve(2), personality(2) ADDR_NO_RANDOMIZE, vdso(7). */
#include <exo/drivers.h>
#include <exo/memory.h>
#include <exo/string.h>
#include <arch/cpu.h>
#include <arch/uaccess.h>
#include "exec_internal.h"

#define RANDOM_DYN_BITS 28
#define RANDOM_BRK_BITS 13
#define DYN_BASE        ALIGN_DOWN(USER_MAX / 3 * 2, PAGE_SIZE)

static bool randomize(void)
{
	return !current->proc || !(process_personality(0xffffffff) & ADDR_NO_RANDOMIZE);
}

static u64 random_pages(u64 bits)
{
	return randomize() ? vm_random_pages(bits) : 0;
}

static int file_read_all(struct file *f, void *buf, size_t len, u64 pos)
{
	while (len) {
		ssize_t n = file_read_kernel(f, buf, len, pos);

		if (n <= 0)
			return n ? (int)n : -EIO;
		buf = (u8 *)buf + n;
		pos += (u64)n;
		len -= (size_t)n;
	}
	return 0;
}

/* exec_file_open - opens with execute permission, reads the head. 0 | -errno of open. */
int exec_file_open(struct exec_file *f, cap_t dirfd, const char *name, u32 at_flags)
{
	struct file *file = vfs_open_exec(name, dirfd, at_flags);

	if (is_err(file))
		return (int)ptr_err(file);
	f->file = file;
	f->bytes = f->file->inode->pages.size_bytes;
	f->head_bytes = (u32)MIN(f->bytes, (u64)EXEC_HEAD_BYTES);
	return file_read_all(f->file, f->head, f->head_bytes, 0);
}

void exec_file_close(struct exec_file *f)
{
	if (f->file)
		file_put(f->file);
	f->file = NULL;
	kfree(f->segments);
	f->segments = NULL;
}

/* exec_read_segments - checks the header and the program headers, which usually stand in the head.
 * 0 | -ENOEXEC | -ENOMEM | -EIO. */
int exec_read_segments(struct exec_file *f)
{
	const struct elf64_segment *table;
	struct elf_image *img = &f->image;
	size_t bytes;
	int err = elf_check_header(f->head, f->head_bytes, f->bytes, img);

	if (err)
		return err;
	bytes = img->segment_count * sizeof(*table);
	if (img->segments_offset + bytes <= f->head_bytes && !(img->segments_offset & 7)) {
		table = (const struct elf64_segment *)(f->head + img->segments_offset);
	} else {
		f->segments = kmalloc(bytes, ALLOC_KERNEL);
		if (!f->segments)
			return -ENOMEM;
		err = file_read_all(f->file, f->segments, bytes, img->segments_offset);
		if (err)
			return err;
		table = f->segments;
	}
	return elf_check_segments(img, table, f->bytes, USER_MAX);
}

/* exec_layout - limits of the new space, and where things go in it. */
void exec_layout(struct exec *e)
{
	struct vm_space *s = e->space;

	s->limit_as = rlimit_current(RLIM_AS);
	s->limit_data = rlimit_current(RLIM_DATA);
	s->limit_stack = rlimit_current(RLIM_STACK);
	s->limit_memlock = rlimit_current(RLIM_MEMLOCK);
	vm_space_layout(s, randomize());
	e->top = s->mmap_base;
	random_bytes(e->random, sizeof(e->random));
}

static u32 area_flags(u32 segment_flags)
{
	return VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC | (segment_flags & PF_R ? VM_READ : 0) |
	       (segment_flags & PF_W ? VM_WRITE | VM_ACCOUNT : 0) |
	       (segment_flags & PF_X ? VM_EXEC : 0);
}

static int map_file_part(
	struct exec *e, struct exec_file *f, const struct elf64_segment *s, u64 bias)
{
	struct vm_map_request r = {
		.addr = ALIGN_DOWN(s->vaddr + bias, PAGE_SIZE),
		.flags = area_flags(s->flags),
		.fixed = true,
		.offset_bytes = ALIGN_DOWN(s->offset, PAGE_SIZE),
		.file = f->file,
	};
	vaddr_t out;
	int err;

	r.len_bytes = ALIGN_UP(s->vaddr + bias + s->filesz, PAGE_SIZE) - r.addr;
	if (!f->file->ops->mmap)
		return -ENOEXEC;
	err = f->file->ops->mmap(f->file, &r);
	return err ? err : vm_map(e->space, &r, &out);
}

/* The part of a segment that is not in the file: zeroes, from the middle of the last file page on.
 */
static int map_bss(struct exec *e, const struct elf64_segment *s, u64 bias)
{
	vaddr_t from = s->vaddr + bias + s->filesz,
		end = ALIGN_UP(s->vaddr + bias + s->memsz, PAGE_SIZE), out;
	vaddr_t page = ALIGN_UP(from, PAGE_SIZE);
	struct vm_map_request r = {.addr = page, .flags = area_flags(s->flags), .fixed = true};
	static const u8 zeroes[PAGE_SIZE];

	if (!s->filesz)
		page = r.addr = ALIGN_DOWN(from, PAGE_SIZE);
	/* A read-only tail keeps what the file has there: nobody may write it, and Linux does the
	 * same. */
	else if (page > from && (s->flags & PF_W)) {
		ssize_t n = vm_access(e->space, from, (void *)zeroes, page - from, true);

		if (n != (ssize_t)(page - from))
			return n < 0 ? (int)n : -EFAULT;
	}
	if (end <= page)
		return 0;
	r.len_bytes = end - page;
	return vm_map(e->space, &r, &out);
}

static int map_segments(struct exec *e, struct exec_file *f, u64 bias)
{
	struct linux_mm_marks *m = &e->space->marks;

	for (u32 i = 0; i < f->image.segment_count; i++) {
		const struct elf64_segment *s = &f->image.segments[i];
		int err = 0;

		if (s->type != PT_LOAD || !s->memsz)
			continue;
		if (f == &e->program) { /* the data is the last segment */
			m->data = s->vaddr + bias;
			m->data_end = m->data + s->filesz;
			m->code = s->flags & PF_X && !m->code ? m->data : m->code;
			m->code_end = s->flags & PF_X ? m->data_end : m->code_end;
		}
		if (s->filesz)
			err = map_file_part(e, f, s, bias);
		if (!err && s->memsz > s->filesz)
			err = map_bss(e, s, bias);
		if (err)
			return err;
	}
	return 0;
}

/* Room for a span of pages below mmap_base. The space is fresh and filled only here, so a cursor is
 * all the search it needs. */
static int take_below(struct exec *e, u64 bytes, u64 align, vaddr_t *out)
{
	if (bytes > e->top - USER_MIN || e->top - bytes < USER_MIN + align)
		return -ENOMEM;
	e->top = *out = ALIGN_DOWN(e->top - bytes, align);
	return 0;
}

static int map_program(struct exec *e)
{
	struct elf_image *img = &e->program.image;
	vaddr_t at = img->start;
	int err;

	if (img->type == ELF_TYPE_DYN) {
		u64 span = img->end - img->start;

		if (img->interp_bytes) {
			at = ALIGN_DOWN(DYN_BASE + random_pages(RANDOM_DYN_BITS), img->align);
			if (span > e->top || at > e->top - span)
				return -ENOMEM;
		} else {
			err = take_below(e, span, img->align, &at);
			if (err)
				return err;
		}
		e->program_bias = at - img->start;
	}
	err = map_segments(e, &e->program, e->program_bias);
	e->brk = img->end + e->program_bias;
	if (img->type == ELF_TYPE_DYN && !img->interp_bytes)
		e->brk = DYN_BASE; /* a loader started as a program: its brk must not run into the
				      mappings */
	e->brk += random_pages(RANDOM_BRK_BITS);
	e->entry = img->entry + e->program_bias;
	return err;
}

static int map_interpreter(struct exec *e)
{
	struct elf_image *img = &e->interp.image;
	u64 bias = 0;
	vaddr_t at;
	int err;

	if (img->type == ELF_TYPE_DYN) {
		err = take_below(e, img->end - img->start, img->align, &at);
		if (err)
			return err;
		bias = at - img->start;
	}
	err = map_segments(e, &e->interp, bias);
	e->interp_base = bias;
	e->entry = img->entry + bias;
	return err;
}

/* ---- the vDSO: its code, and before it the page of clock data that it reads ---- */

static int vvar_fault(struct vm_area *a, vaddr_t va, paddr_t *pa, u32 *pmap_flags)
{
	*pa = vdso_data_page();
	*pmap_flags = PROT_R | PMAP_USER | PMAP_SPECIAL;
	return 0;
}

static int vdso_fault(struct vm_area *a, vaddr_t va, paddr_t *pa, u32 *pmap_flags)
{
	u32 count, index = (u32)((va - a->start) / PAGE_SIZE);

	*pa = vdso_code_page(index, &count);
	if (index >= count)
		return -EFAULT;
	*pmap_flags = PROT_R | PROT_X | PMAP_USER | PMAP_SPECIAL;
	return 0;
}

static const struct vm_special_ops vvar_ops = {"[vvar]", vvar_fault};
static const struct vm_special_ops vdso_ops = {"[vdso]", vdso_fault};

static int map_vdso(struct exec *e)
{
	struct vm_map_request r = {.fixed = true, .special = &vvar_ops};
	vaddr_t at, out;
	u32 count = 0;
	int err;

	(void)vdso_code_page(0, &count);
	if (!count)
		return 0;
	err = take_below(e, (1 + (u64)count) * PAGE_SIZE, PAGE_SIZE, &at);
	if (err)
		return err;
	r.addr = at;
	r.len_bytes = PAGE_SIZE;
	r.flags = VM_READ | VM_MAYREAD | VM_SPECIAL | VM_DONTDUMP;
	err = vm_map(e->space, &r, &out);
	if (err)
		return err;
	r.addr = at + PAGE_SIZE;
	r.len_bytes = count * PAGE_SIZE;
	r.flags = VM_READ | VM_EXEC | VM_MAYREAD | VM_MAYEXEC | VM_SPECIAL;
	r.special = &vdso_ops;
	e->space->vdso = r.addr;
	return vm_map(e->space, &r, &out);
}

/* exec_map_images - program, interpreter and vDSO into e->space; entry point and break. 0 | -ENOMEM
 * -ENOEXEC -EIO ... */
int exec_map_images(struct exec *e)
{
	int err = map_program(e);

	if (!err && e->program.image.interp_bytes)
		err = map_interpreter(e);
	if (!err)
		err = map_vdso(e);
	e->space->marks.brk_start = e->space->marks.brk = e->brk;
	return err;
}
