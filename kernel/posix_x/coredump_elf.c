/* Core files: a process's threads and memory as an ELF image. Layer: posix_x.
 *
 * Everything is written in order, so that a pipe can take it: head, program headers, notes, memory.
 * The sizes of the notes come from a first run that writes nothing. The other threads stand still;
 * should somebody else change the memory meanwhile, what cannot be read is a hole.
 *
 * Locks: none but the space's, while the areas are listed. The list of threads does not change.
 *
 * Source: core(5), elf(5), proc(5) coredump_filter. */
#include <exo/memory.h>
#include <exo/vfs.h>
#include <exo/vm.h>
#include <exo_abi/linux_core.h>
#include <exo_abi/linux_fs.h>
#include "coredump_internal.h"

#define REGSET_ROOM 16384u

struct core_area {
	vaddr_t start, end;
	u32 flags;      /* VM_* */
	u64 bytes;      /* from its beginning */
	bool anonymous; /* a page that is not there is zero */
};
struct core_row { /* of NT_FILE */
	u64 start, end, page;
};
struct area_list {
	struct core_area *area;
	struct core_row *rows; /* of the areas with a file, and the names, with their NULs */
	char *names;
	u64 named, name_bytes;
	u32 count, room, filter;
	u8 *page; /* REGSET_ROOM bytes, for this and that */
};

/* ---- output ---- */

static void emit(struct core_dump *d, const void *buf, size_t len)
{
	if (!d->measuring && !d->failed) {
		d->failed = d->written + len > d->limit_bytes ||
			    file_write_kernel(d->file, buf, len, d->pos) != (ssize_t)len;
		d->written += len;
	}
	d->pos += len;
}

/* At most a page. */
static void emit_hole(struct core_dump *d, size_t len)
{
	static const u8 zeros[PAGE_SIZE];

	if (d->stream)
		emit(d, zeros, len);
	else
		d->pos += len;
}

static void emit_note_head(struct core_dump *d, u32 type, size_t len)
{
	bool linux_own = type == NT_X86_XSTATE;
	struct elf_note n = {.name_bytes = linux_own ? 6 : 5, .bytes = (u32)len, .type = type};

	str_copy(n.name, linux_own ? "LINUX" : "CORE", sizeof(n.name));
	emit(d, &n, sizeof(n));
}

static void emit_note(struct core_dump *d, u32 type, const void *buf, size_t len)
{
	emit_note_head(d, type, len);
	emit(d, buf, len);
	emit_hole(d, -len % 4);
}

/* ---- notes ---- */

static void emit_status(struct core_dump *d, struct task *t)
{
	struct process *p = t->thread.proc;
	struct core_prstatus s = {.signo = d->info->signo,
		.current_signo = (s16)d->info->signo,
		.pending = t->pending.set & ~SIGBIT(SIGKILL),
		.blocked = t->blocked,
		.pid = t->thread.tid,
		.ppid = p->parent_nr,
		.pgrp = p->pgid,
		.sid = p->sid,
		.fp_valid = 1};
	u64 ns[] = {0, 0, p->children_usage.utime_ns, p->children_usage.stime_ns};

	thread_cpu_times(&t->thread, &ns[0], &ns[1]);
	for (u32 i = 0; i < ARRAY_LEN(ns); i++) {
		s.times[2 * i] = (s64)(ns[i] / NS_PER_SEC);
		s.times[2 * i + 1] = (s64)(ns[i] % NS_PER_SEC / 1000);
	}
	arch_regset_get(&t->thread, NT_PRSTATUS, &s.regs);
	emit_note(d, NT_PRSTATUS, &s, sizeof(s));
}

static void emit_thread(struct core_dump *d, struct task *t, void *room)
{
	static const u32 sets[] = {NT_PRFPREG, NT_X86_XSTATE};

	while (&t->thread != current && __atomic_load_n(&t->thread.on_cpu, __ATOMIC_ACQUIRE))
		cond_resched();
	emit_status(d, t);
	for (u32 i = 0; i < ARRAY_LEN(sets); i++) {
		size_t bytes = arch_regset_bytes(sets[i]);

		if (bytes && bytes <= REGSET_ROOM) {
			arch_regset_get(&t->thread, sets[i], room);
			emit_note(d, sets[i], room, bytes);
		}
	}
}

static void emit_process(struct core_dump *d)
{
	struct process *p = current->proc;
	struct vm_space *space = current->space;
	struct sched_params params;
	struct core_prpsinfo i = {.state_name = 'R',
		.uid = current->cred->uid,
		.gid = current->cred->gid,
		.pid = p->nr,
		.ppid = p->parent_nr,
		.pgrp = p->pgid,
		.sid = p->sid};
	size_t len = MIN(sizeof(i.args) - 1, space->marks.arg_end - space->marks.arg_start);

	sched_get_params(current, &params);
	i.nice = params.nice;
	str_copy(i.name, current->name, sizeof(i.name));
	if (vm_access(space, space->marks.arg_start, i.args, len, 0) < 0)
		len = 0;
	for (size_t at = 0; at + 1 < len; at++)
		if (!i.args[at])
			i.args[at] = ' ';
	emit_note(d, NT_PRPSINFO, &i, sizeof(i));
	emit_note(d, NT_SIGINFO, d->info, sizeof(*d->info));
	emit_note(d, NT_AUXV, space->auxv, vm_auxv_bytes(space));
}

static void emit_files(struct core_dump *d, const struct area_list *l)
{
	u64 head[2] = {l->named, PAGE_SIZE}, rows_bytes = l->named * sizeof(*l->rows);
	size_t len = sizeof(head) + rows_bytes + l->name_bytes;

	emit_note_head(d, NT_FILE, len);
	emit(d, head, sizeof(head));
	emit(d, l->rows, rows_bytes);
	emit(d, l->names, l->name_bytes);
	emit_hole(d, -len % 4);
}

static void emit_notes(struct core_dump *d, const struct area_list *l)
{
	struct task *t;

	emit_thread(d, current_task(), l->page);
	emit_process(d);
	emit_files(d, l);
	list_for_each_entry (t, &current->proc->threads, thread_node)
		if (t != current_task())
			emit_thread(d, t, l->page);
}

/* ---- memory ---- */

static void note_private(void *ctx, vaddr_t va, pte_t pte)
{
	if (!pte_special(pte) && phys_to_page(pte_paddr(pte))->flags & PG_ANON)
		*(bool *)ctx = true;
}

/* How much of @a is wanted. */
static u64 area_bytes(struct vm_area *a, u32 filter)
{
	u64 all = a->end - a->start;
	bool named = a->file && READ_ONCE(a->file->inode->nlink), written = !a->object, elf;
	struct page *head;

	if (a->special)
		return a->start == a->space->vdso ? all : 0;
	if (a->flags & VM_DONTDUMP)
		return 0;
	if (a->flags & VM_SHARED)
		return filter & (named ? DUMP_MAPPED_SHARED : DUMP_ANON_SHARED) ? all : 0;
	if (a->object)
		pmap_walk(&a->space->pmap, a->start, a->end, note_private, &written);
	if ((written && filter & DUMP_ANON_PRIVATE) || (a->object && filter & DUMP_MAPPED_PRIVATE))
		return all;
	head = a->object && !a->object_page ? vm_object_peek(a->object, 0) : NULL;
	elf = head && !memcmp(page_to_virt(head), "\177ELF", 4);
	if (head)
		page_put(head);
	return elf && filter & DUMP_ELF_HEADERS ? PAGE_SIZE : 0;
}

static int list_area(void *ctx, struct vm_area *a)
{
	struct area_list *l = ctx;
	int len = a->file ? file_path_text(a->file, (char *)l->page, PATH_MAX_BYTES - 1) : -1;
	char *names = NULL;

	if (l->count == l->room)
		return 1;
	l->area[l->count++] = (struct core_area){.start = a->start,
		.end = a->end,
		.flags = a->flags,
		.bytes = area_bytes(a, l->filter),
		.anonymous = !a->object && !a->special};
	if (len >= 0)
		names = krealloc(l->names, l->name_bytes + (u64)len + 1, ALLOC_KERNEL);
	if (!names)
		return 0;
	l->page[len] = '\0';
	memcpy(names + l->name_bytes, l->page, (size_t)len + 1);
	l->names = names;
	l->name_bytes += (u64)len + 1;
	l->rows[l->named++] = (struct core_row){a->start, a->end, a->object_page};
	return 0;
}

static void list_free(struct area_list *l) /* for SCOPED */
{
	kfree(l->area);
	kfree(l->rows);
	kfree(l->names);
	kfree(l->page);
}

static void emit_area(struct core_dump *d, const struct core_area *a, void *room)
{
	struct vm_space *s = current->space;

	/* SIGKILL ends it: an area may have more pages than anybody has time for */
	for (vaddr_t va = a->start; va < a->start + a->bytes && !d->failed; va += PAGE_SIZE) {
		bool there = !a->anonymous || pmap_lookup(&s->pmap, va);

		if (there && vm_access(s, va, room, PAGE_SIZE, 0) == PAGE_SIZE)
			emit(d, room, PAGE_SIZE);
		else
			emit_hole(d, PAGE_SIZE);
		d->failed |= thread_fatal_pending(current);
		cond_resched();
	}
}

/* ---- the whole ---- */

bool core_elf_write(struct core_dump *d)
{
	u32 room = READ_ONCE(current->space->area_count) + 16;
	struct area_list l SCOPED(list_free) = {.room = room,
		.filter = current->proc->core_filter,
		.page = kmalloc(REGSET_ROOM, ALLOC_KERNEL),
		.area = kmalloc(room * sizeof(*l.area), ALLOC_KERNEL),
		.rows = kmalloc(room * sizeof(*l.rows), ALLOC_KERNEL)};
	struct elf64_header h = {.ident = {0x7f, 'E', 'L', 'F', ELF_CLASS64, ELF_DATA_LSB, 1},
		.type = ELF_TYPE_CORE,
		.machine = ELF_MACHINE_X86_64,
		.version = 1,
		.phoff = sizeof(h),
		.ehsize = sizeof(h),
		.phentsize = sizeof(struct elf64_segment)};
	struct elf64_segment s = {.type = PT_NOTE, .align = 4};
	bool begun;

	if (!l.page || !l.area || !l.rows || room > UINT16_MAX - 1)
		return false;
	(void)vm_for_each_area(current->space, 0, list_area, &l);
	d->measuring = true;
	emit_notes(d, &l);
	h.phnum = (u16)(l.count + 1);
	s.filesz = d->pos;
	s.offset = sizeof(h) + h.phnum * sizeof(s);
	d->measuring = false;
	d->pos = 0;
	emit(d, &h, sizeof(h));
	begun = !d->failed;
	emit(d, &s, sizeof(s));
	s.offset = ALIGN_UP(s.offset + s.filesz, PAGE_SIZE);
	for (const struct core_area *a = l.area; a < l.area + l.count; a++) {
		s = (struct elf64_segment){.type = PT_LOAD,
			.flags = (a->flags & VM_READ ? PF_R : 0) |
				 (a->flags & VM_WRITE ? PF_W : 0) | (a->flags & VM_EXEC ? PF_X : 0),
			.offset = s.offset + (a == l.area ? 0 : s.filesz),
			.vaddr = a->start,
			.filesz = a->bytes,
			.memsz = a->end - a->start,
			.align = PAGE_SIZE};
		emit(d, &s, sizeof(s));
	}
	emit_notes(d, &l);
	emit_hole(d, -d->pos % PAGE_SIZE);
	for (u32 i = 0; i < l.count; i++)
		emit_area(d, &l.area[i], l.page);
	if (!d->stream && !d->failed) /* a hole at the end belongs to it */
		(void)!file_truncate(d->file->inode, d->pos, d->file);
	return begun;
}
