/* Core files: a process's threads and memory as an ELF image. Layer: posix_x.
 *
 * Everything is written in order, so that a pipe can take it: head, program headers, notes, memory.
 * The sizes of the notes come from a first run that writes nothing. The other threads stand still;
 * should somebody else change the memory meanwhile, what cannot be read is a hole.
 *
 * Locks: none but the space's, while the areas are listed.
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
	u32 flags;        /* VM_* */
	u64 bytes;        /* from its beginning */
	bool header_only; /* if it is that of an ELF file */
	bool anonymous;   /* a page that is not there is zero */
	u64 file_page;
	char *name; /* owned; of the file, NULL = none */
};
struct area_list {
	struct core_area *area;
	u32 count, room, filter;
	char *path; /* PATH_MAX_BYTES */
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

static void emit_hole(struct core_dump *d, size_t len)
{
	static const u8 zeros[PAGE_SIZE];

	if (d->stream && !d->measuring)
		emit(d, zeros, len); /* at most a page */
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
	emit_hole(d, ALIGN_UP(len, 4) - len);
}

/* ---- notes ---- */

static void split_time(s64 *to, u64 ns)
{
	to[0] = (s64)(ns / NS_PER_SEC);
	to[1] = (s64)(ns % NS_PER_SEC / 1000);
}

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
	struct usage u;

	usage_of_thread(&t->thread, &u);
	split_time(s.times, u.utime_ns);
	split_time(s.times + 2, u.stime_ns);
	split_time(s.times + 4, p->children_usage.utime_ns);
	split_time(s.times + 6, p->children_usage.stime_ns);
	arch_regset_get(&t->thread, NT_PRSTATUS, &s.regs);
	emit_note(d, NT_PRSTATUS, &s, sizeof(s));
}

static void emit_process(struct core_dump *d)
{
	struct process *p = current->proc;
	struct vm_space *space = current->space;
	const struct cred *c = current->cred;
	struct sched_params params;
	struct core_prpsinfo i = {.state_name = 'R',
		.uid = c->uid,
		.gid = c->gid,
		.pid = p->nr,
		.ppid = p->parent_nr,
		.pgrp = p->pgid,
		.sid = p->sid};
	size_t len = MIN(sizeof(i.args) - 1, space->arg_end - space->arg_start);

	sched_get_params(current, &params);
	i.nice = params.nice;
	str_copy(i.name, current->name, sizeof(i.name));
	if (vm_access(space, space->arg_start, i.args, len, 0) < 0)
		len = 0;
	for (size_t at = 0; at + 1 < len; at++)
		if (!i.args[at])
			i.args[at] = ' ';
	emit_note(d, NT_PRPSINFO, &i, sizeof(i));
	emit_note(d, NT_SIGINFO, d->info, sizeof(*d->info));
	emit_note(d, NT_AUXV, space->auxv,
		MIN(space->auxv_len, (u32)ARRAY_LEN(space->auxv)) * sizeof(u64));
}

static void emit_files(struct core_dump *d, const struct area_list *l)
{
	u64 head[2] = {0, PAGE_SIZE};
	size_t len = sizeof(head);

	for (u32 i = 0; i < l->count; i++)
		if (l->area[i].name) {
			head[0]++;
			len += 3 * sizeof(u64) + strlen(l->area[i].name) + 1;
		}
	emit_note_head(d, NT_FILE, len);
	emit(d, head, sizeof(head));
	for (u32 i = 0; i < l->count; i++) {
		const struct core_area *a = &l->area[i];
		u64 row[3] = {a->start, a->end, a->file_page};

		if (a->name)
			emit(d, row, sizeof(row));
	}
	for (u32 i = 0; i < l->count; i++)
		if (l->area[i].name)
			emit(d, l->area[i].name, strlen(l->area[i].name) + 1);
	emit_hole(d, ALIGN_UP(len, 4) - len);
}

static void emit_notes(struct core_dump *d, const struct area_list *l, void *room)
{
	static const u32 sets[] = {NT_PRFPREG, NT_X86_XSTATE};

	for (u32 i = 0; i < d->thread_count; i++) {
		struct thread *t = &d->threads[i]->thread;

		emit_status(d, task_of(t));
		if (!i) {
			emit_process(d);
			emit_files(d, l);
		}
		for (u32 s = 0; s < ARRAY_LEN(sets); s++) {
			size_t bytes = arch_regset_bytes(sets[s]);

			if (!bytes || bytes > REGSET_ROOM)
				continue;
			arch_regset_get(t, sets[s], room);
			emit_note(d, sets[s], room, bytes);
		}
	}
}

/* ---- memory ---- */

static void note_private(void *ctx, vaddr_t va, pte_t pte)
{
	if (!pte_special(pte) && phys_to_page(pte_paddr(pte))->flags & PG_ANON)
		*(bool *)ctx = true;
}

/* How much of @a is wanted. */
static u64 area_bytes(struct vm_area *a, u32 filter, bool *header_only)
{
	u64 all = a->end - a->start;
	bool written = !a->object;

	if (a->special)
		return a->start == a->space->vdso ? all : 0;
	if (a->flags & VM_DONTDUMP)
		return 0;
	if (a->flags & VM_SHARED) {
		bool named = a->file && READ_ONCE(a->file->inode->nlink);

		return filter & (named ? DUMP_MAPPED_SHARED : DUMP_ANON_SHARED) ? all : 0;
	}
	if (a->object)
		pmap_walk(&a->space->pmap, a->start, a->end, note_private, &written);
	if ((written && filter & DUMP_ANON_PRIVATE) || (a->object && filter & DUMP_MAPPED_PRIVATE))
		return all;
	*header_only = a->object && !a->object_page && filter & DUMP_ELF_HEADERS;
	return *header_only ? PAGE_SIZE : 0;
}

static int list_area(void *ctx, struct vm_area *a)
{
	struct area_list *l = ctx;
	struct core_area *c = &l->area[l->count];
	int n;

	if (l->count == l->room)
		return 1;
	*c = (struct core_area){.start = a->start,
		.end = a->end,
		.flags = a->flags,
		.anonymous = !a->object && !a->special,
		.file_page = a->object_page};
	c->bytes = area_bytes(a, l->filter, &c->header_only);
	n = a->file ? file_path_text(a->file, l->path, PATH_MAX_BYTES - 1) : -1;
	if (n >= 0) {
		l->path[n] = '\0';
		c->name = kstrdup(l->path, ALLOC_KERNEL);
	}
	l->count++;
	return 0;
}

static void list_free(struct area_list *l)
{
	for (u32 i = 0; i < l->count; i++)
		kfree(l->area[i].name);
	kfree(l->area);
	kfree(l->path);
}

static bool list_make(struct area_list *l)
{
	struct vm_space *s = current->space;
	u8 magic[4];

	l->filter = current->proc->core_filter;
	l->room = READ_ONCE(s->area_count) + 16;
	l->path = kmalloc(PATH_MAX_BYTES, ALLOC_KERNEL);
	l->area = kmalloc(l->room * sizeof(*l->area), ALLOC_KERNEL);
	if (!l->path || !l->area)
		return false;
	(void)vm_for_each_area(s, 0, list_area, l);
	for (u32 i = 0; i < l->count; i++) {
		struct core_area *c = &l->area[i];

		if (c->header_only &&
			(vm_access(s, c->start, magic, 4, 0) != 4 || memcmp(magic, "\177ELF", 4)))
			c->bytes = 0;
	}
	return true;
}

static void emit_area(struct core_dump *d, const struct core_area *a, void *room)
{
	struct vm_space *s = current->space;

	for (vaddr_t va = a->start; va < a->start + a->bytes && !d->failed; va += PAGE_SIZE) {
		bool there = !a->anonymous || pmap_lookup(&s->pmap, va);

		if (there && vm_access(s, va, room, PAGE_SIZE, 0) == PAGE_SIZE)
			emit(d, room, PAGE_SIZE);
		else
			emit_hole(d, PAGE_SIZE);
		cond_resched();
	}
}

/* ---- the whole ---- */

static void emit_segment(struct core_dump *d, const struct core_area *a, u64 *offset)
{
	struct elf64_segment s = {.type = PT_LOAD,
		.flags = (a->flags & VM_READ ? PF_R : 0) | (a->flags & VM_WRITE ? PF_W : 0) |
			 (a->flags & VM_EXEC ? PF_X : 0),
		.offset = *offset,
		.vaddr = a->start,
		.filesz = a->bytes,
		.memsz = a->end - a->start,
		.align = PAGE_SIZE};

	*offset += a->bytes;
	emit(d, &s, sizeof(s));
}

static bool emit_image(struct core_dump *d, const struct area_list *l, void *room)
{
	struct elf64_header h = {.ident = {0x7f, 'E', 'L', 'F', ELF_CLASS64, ELF_DATA_LSB, 1},
		.type = ELF_TYPE_CORE,
		.machine = ELF_MACHINE_X86_64,
		.version = 1,
		.phoff = sizeof(h),
		.ehsize = sizeof(h),
		.phentsize = sizeof(struct elf64_segment),
		.phnum = (u16)(l->count + 1)};
	struct elf64_segment notes = {.type = PT_NOTE, .align = 4};
	u64 offset;
	bool begun;

	d->measuring = true;
	emit_notes(d, l, room);
	notes.filesz = d->pos;
	notes.offset = sizeof(h) + h.phnum * sizeof(notes);
	offset = ALIGN_UP(notes.offset + notes.filesz, PAGE_SIZE);
	d->measuring = false;
	d->pos = 0;
	emit(d, &h, sizeof(h));
	begun = !d->failed;
	emit(d, &notes, sizeof(notes));
	for (u32 i = 0; i < l->count; i++)
		emit_segment(d, &l->area[i], &offset);
	emit_notes(d, l, room);
	emit_hole(d, ALIGN_UP(d->pos, PAGE_SIZE) - d->pos);
	for (u32 i = 0; i < l->count; i++)
		emit_area(d, &l->area[i], room);
	if (!d->stream && !d->failed) /* a hole at the end belongs to it */
		(void)!file_truncate(d->file->inode, d->pos, d->file);
	return begun;
}

bool core_elf_write(struct core_dump *d)
{
	struct area_list l = {0};
	void *room = kmalloc(REGSET_ROOM, ALLOC_KERNEL);
	bool done = room && list_make(&l) && l.count < UINT16_MAX - 1 && emit_image(d, &l, room);

	list_free(&l);
	kfree(room);
	return done;
}
