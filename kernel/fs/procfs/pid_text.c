/* The texts of /proc/PID: stat, status, maps, ... Layer: fs. Formats: proc(5); numbers are what the
 * rooms count, and a field that this kernel does not have is 0, as Linux prints for features that
 * are off. */
#include "../vfs/vfs_internal.h"
#include "procfs_internal.h"

#include <exo_abi/linux_fs.h>
#include <exo/debug.h>
#include <exo/errno.h>
#include <exo/memory.h>
#include <exo/posix_calls.h>
#include <exo/string.h>
#include <exo/vfs.h>

static u64 ticks(u64 ns)
{
	return ns / (NS_PER_SEC / USER_HZ);
}

struct sizes {                        /* pages */
	const struct vm_space *space; /* +1, or one that is empty */
	u64 rss, rss_anon, rss_file, rss_shmem, text, lib;
};
static const struct vm_space no_space;

static int add_code(void *ctx, struct vm_area *a)
{
	if ((a->flags & (VM_EXEC | VM_WRITE | VM_STACK)) == VM_EXEC)
		*(u64 *)ctx += (a->end - a->start) / PAGE_SIZE;
	return 0;
}

static void sizes_put(struct sizes *z) /* for SCOPED */
{
	if (z->space != &no_space)
		vm_space_put((struct vm_space *)z->space);
}

/* Read without the space's lock: each number is true, together they may be of two moments. */
static struct sizes sizes_get(struct process *p)
{
	struct vm_space *s = process_space(p);
	struct sizes z = {.space = s ? s : &no_space};

	if (!s)
		return z;
	(void)vm_for_each_area(s, 0, add_code, &z.lib);
	z.text = ALIGN_UP(s->marks.code_end, PAGE_SIZE) - ALIGN_DOWN(s->marks.code, PAGE_SIZE);
	z.text = MIN(z.text / PAGE_SIZE, z.lib);
	z.lib -= z.text;
	z.rss_anon = (u64)MAX(READ_ONCE(s->rss_anon), 0);
	z.rss_file = (u64)MAX(READ_ONCE(s->rss_file), 0);
	z.rss_shmem = (u64)MAX(READ_ONCE(s->rss_shmem), 0);
	z.rss = vm_space_rss(s);
	return z;
}

struct process_stat *proc_stat_get(struct process *p, struct thread *t)
{
	struct process_stat *st = kmalloc(sizeof(*st), ALLOC_KERNEL);
	int err = st ? process_stat_get(p, t, st) : -ENOMEM;

	if (err) {
		kfree(st);
		return err_ptr(err);
	}
	return st;
}

void proc_stat_put(struct process_stat *st)
{
	cred_put(st->cred);
	kfree(st);
}

static void show_stat(struct seq *s, struct process *p, const struct process_stat *st)
{
	static const struct linux_mm_marks hidden = {.code = 1, .code_end = 1};
	struct sizes z SCOPED(sizes_put) = sizes_get(p);
	const struct linux_mm_marks *m =
		st->traceable || z.space == &no_space ? &z.space->marks : &hidden;

	seq_printf(s, "%d (%s) %c %d %d %d %d %d %u %lu %lu %lu %lu ", st->pid, st->comm, st->state,
		st->ppid, st->pgid, st->sid, st->tty_nr, st->tpgid, 0x400000u, st->used.min_flt,
		st->children.min_flt, st->used.maj_flt, st->children.maj_flt);
	seq_printf(s, "%lu %lu %lu %lu %d %d %u 0 %lu ", ticks(st->used.utime_ns),
		ticks(st->used.stime_ns), ticks(st->children.utime_ns),
		ticks(st->children.stime_ns), st->priority, st->nice, st->threads,
		ticks(st->start_ns));
	seq_printf(s, "%lu %lu %lu %lu %lu %lu 0 0 ", z.space->pages_total * PAGE_SIZE, z.rss,
		z.space->limit_as, m->code, m->code_end, m->stack);
	seq_printf(s, "%lu %lu %lu %lu %d 0 0 %d %u %u %u ", st->pending & 0x7fffffff,
		st->blocked & 0x7fffffff, st->ignored & 0x7fffffff, st->caught & 0x7fffffff,
		st->sleeps, (s32)st->exit_signal, st->cpu, (u32)st->rt_priority, (u32)st->policy);
	seq_printf(s, "0 0 0 %lu %lu %lu %lu %lu %lu %lu %d\n", m->data, m->data_end, m->brk_start,
		m->arg_start, m->arg_end, m->env_start, m->env_end,
		st->traceable ? st->exit_code : 0);
}

static const char *state_name(char c)
{
	static const char *const names[] = {"R (running)", "S (sleeping)", "D (disk sleep)",
		"T (stopped)", "t (tracing stop)", "Z (zombie)", "X (dead)"};
	u32 i = 0;

	while (i < ARRAY_LEN(names) - 1 && names[i][0] != c)
		i++;
	return names[i];
}

static void show_status_memory(struct seq *s, struct process *p)
{
	struct sizes z SCOPED(sizes_put) = sizes_get(p);
	const struct {
		const char *name;
		u64 pages;
	} rows[] = {{"VmSize", z.space->pages_total}, {"VmLck", z.space->pages_locked},
		{"VmPin", 0}, {"VmHWM", vm_space_rss_peak(z.space)}, {"VmRSS", z.rss},
		{"RssAnon", z.rss_anon}, {"RssFile", z.rss_file}, {"RssShmem", z.rss_shmem},
		{"VmData", z.space->pages_data}, {"VmStk", z.space->pages_stack}, {"VmExe", z.text},
		{"VmLib", z.lib}, {"VmPTE", pmap_table_pages(&z.space->pmap)}, {"VmSwap", 0}};

	for (u32 i = 0; z.space != &no_space && i < ARRAY_LEN(rows); i++)
		seq_printf(s, "%s:\t%8lu kB\n", rows[i].name, KB(rows[i].pages));
}

static void show_status(struct seq *s, struct process *p, const struct process_stat *st)
{
	const struct cred *c = st->cred;

	seq_printf(s, "Name:\t%s\nUmask:\t%04o\n", st->comm, st->umask);
	seq_printf(s, "State:\t%s\nTgid:\t%d\nNgid:\t0\nPid:\t%d\nPPid:\t%d\nTracerPid:\t%d\n",
		state_name(st->state), st->tgid, st->pid, st->ppid, st->tracer);
	seq_printf(s, "Uid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\nFDSize:\t%u\nGroups:\t", c->uid,
		c->euid, c->suid, c->fsuid, c->gid, c->egid, c->sgid, c->fsgid, st->fd_slots);
	for (u32 i = 0; i < c->group_count; i++)
		seq_printf(s, "%u ", c->groups[i]);
	seq_printf(s, "\nNStgid:\t%d\nNSpid:\t%d\nNSpgid:\t%d\nNSsid:\t%d\n", st->tgid, st->pid,
		st->pgid, st->sid);
	show_status_memory(s, p);
	seq_printf(s,
		"Threads:\t%u\nSigQ:\t%lu/"
		"%lu\nSigPnd:\t%016lx\nShdPnd:\t%016lx\nSigBlk:\t%016lx\nSigIgn:\t%016lx\nSigCgt:"
		"\t%016lx\n",
		st->threads, st->sigq, st->sigq_max, st->pending, st->shared_pending, st->blocked,
		st->ignored, st->caught);
	seq_printf(s,
		"CapInh:\t%016lx\nCapPrm:\t%016lx\nCapEff:\t%016lx\nCapBnd:\t%016lx\nCapAmb:\t%"
		"016lx\nNoNewPrivs:\t%d\nSeccomp:\t%u\nSeccomp_filters:\t%u\n",
		c->cap_inheritable, c->cap_permitted, c->cap_effective, c->cap_bounding,
		c->cap_ambient, st->no_new_privs, st->seccomp, st->filters);
	seq_printf(s,
		"Cpus_allowed:\t%lx\nMems_allowed:\t1\nvoluntary_ctxt_switches:\t%lu\nnonvoluntary_"
		"ctxt_switches:\t%lu\n",
		st->affinity, st->used.vcsw, st->used.ivcsw);
}

static int show_statm(struct seq *s, struct process *p, struct thread *t, u32 which)
{
	struct sizes z SCOPED(sizes_put) = sizes_get(p);

	seq_printf(s, "%lu %lu %lu %lu 0 %lu 0\n", z.space->pages_total, z.rss,
		z.rss_file + z.rss_shmem, z.text, z.space->pages_data + z.space->pages_stack);
	return 0;
}

static void show_comm(struct seq *s, struct process *p, const struct process_stat *st)
{
	seq_printf(s, "%s\n", st->comm);
}

static int store_comm(struct process *p, struct thread *t, const char *text, u32 which)
{
	char name[16];
	size_t n;

	if (current->proc != p)
		return -EINVAL;
	str_copy(name, text, sizeof(name));
	n = strlen(name);
	if (n && name[n - 1] == '\n')
		name[n - 1] = 0;
	memcpy(t->name, name, sizeof(name));
	return 0;
}

/* Copies [start, end) of the process's memory, at most a megabyte, as the text. */
static int show_memory(struct seq *s, struct process *p, struct thread *t, u32 env)
{
	struct vm_space *space SCOPED(vm_space_put_at) = process_space(p);
	char chunk[256];
	vaddr_t at, end;

	if (!space)
		return 0; /* a kernel thread or a zombie: empty */
	at = env ? space->marks.env_start : space->marks.arg_start;
	end = MIN(env ? space->marks.env_end : space->marks.arg_end, at + (1u << 20));
	while (at < end) {
		ssize_t n = vm_access(space, at, chunk, MIN(sizeof(chunk), end - at), false);

		if (n <= 0)
			break;
		seq_write(s, chunk, (size_t)n);
		at += (u64)n;
	}
	return 0;
}

static int show_auxv(struct seq *s, struct process *p, struct thread *t, u32 which)
{
	struct vm_space *space SCOPED(vm_space_put_at) = process_space(p);

	if (space)
		seq_write(s, space->auxv, vm_auxv_bytes(space));
	return 0;
}

static const char *const residence_names[] = {
	"Rss:", "Pss:", "Pss_Dirty:", "Pss_Anon:", "Pss_File:", "Pss_Shmem:", "Shared_Clean:",
	"Shared_Dirty:", "Private_Clean:", "Private_Dirty:", "Referenced:", "Anonymous:",
	"LazyFree:", "AnonHugePages:", "ShmemPmdMapped:", "FilePmdMapped:", "Shared_Hugetlb:",
	"Private_Hugetlb:", "Swap:", "SwapPss:", "Locked:"};
/* Their places; from RES_USE on: + 1 dirty, + 2 private. */
enum { RES_RSS, RES_PSS, RES_PSS_DIRTY, RES_PSS_KIND, RES_USE = 6, RES_REFERENCED = 10, RES_ANON };
enum { RES_HUGE_KIND = 13, RES_LOCKED = 20 };
#define PSS_SHIFT 12 /* below a byte, so that thirds add up */
struct maps_ctx {
	struct seq *s;
	char *path;                            /* PATH_MAX_BYTES */
	vaddr_t start, end;                    /* of all areas, for a sum */
	u64 locked;                            /* the area is */
	u32 policy;                            /* of its thread, MPOL_* */
	u64 bytes[ARRAY_LEN(residence_names)]; /* << PSS_SHIFT */
};

static const char *area_name(const struct vm_area *a, const struct maps_ctx *m)
{
	const struct vm_space *s = a->space;
	int n;

	if (a->special)
		return a->special->name;
	if (a->file) {
		n = file_path_text(a->file, m->path, PATH_MAX_BYTES - 1);
		if (n < 0)
			return "";
		m->path[n] = 0;
		return m->path;
	}
	if (a->flags & VM_STACK)
		return "[stack]";
	if (a->flags & VM_HEAP ||
		(!a->object && a->start < s->marks.brk && a->end > s->marks.brk_start))
		return "[heap]";
	return a->flags & VM_SHARED ? "/dev/zero (deleted)" : "";
}

static int show_area(void *ctx, struct vm_area *a)
{
	struct maps_ctx *m = ctx;
	const struct inode *i = a->file ? a->file->inode : NULL;
	u64 dev = i && i->sb ? i->sb->dev : 0;
	const char *name = area_name(a, m);
	size_t start = m->s->len;

	seq_printf(m->s, "%08lx-%08lx %c%c%c%c %08lx %02x:%02x %lu ", a->start, a->end,
		a->flags & VM_READ ? 'r' : '-', a->flags & VM_WRITE ? 'w' : '-',
		a->flags & VM_EXEC ? 'x' : '-', a->flags & VM_SHARED ? 's' : 'p',
		a->object ? a->object_page << PAGE_SHIFT : 0, DEV_MAJOR(dev), DEV_MINOR(dev),
		i ? i->ino : 0);
	if (*name)
		seq_printf(m->s, "%*s%s", (int)MAX(73 - (s64)(m->s->len - start), 0), "", name);
	seq_printf(m->s, "\n");
	return m->s->overflow;
}

/* ---- smaps: what of an area is in memory ---- */

static void count_page(void *ctx, vaddr_t va, pte_t pte)
{
	const struct page *page = phys_to_page(pte_paddr(pte));
	const u64 one = PAGE_SIZE << PSS_SHIFT;
	struct maps_ctx *m = ctx;

	if (pte_special(pte)) /* memory of a device has no struct page */
		return;
	u32 kind = page->flags & PG_ANON ? 0 : page->flags & PG_SHMEM ? 2 : 1;
	u32 marks = pte_marks(pte);
	u32 dirty = marks & PMAP_WRITTEN || page->flags & (PG_ANON | PG_DIRTY);
	u64 share = one / page_mappings(page);
	m->bytes[RES_RSS] += one;
	m->bytes[RES_PSS] += share;
	m->bytes[RES_PSS_DIRTY] += dirty * share;
	m->bytes[RES_PSS_KIND + kind] += share;
	m->bytes[RES_USE + dirty + (share == one ? 2 : 0)] += one;
	m->bytes[RES_REFERENCED] += marks & PMAP_USED ? one : 0;
	m->bytes[RES_ANON] += kind ? 0 : one;
	m->bytes[RES_HUGE_KIND + (3 - kind) % 3] += marks & PMAP_LARGE ? one : 0;
	m->bytes[RES_LOCKED] += m->locked ? share : 0;
}

static int sum_area(void *ctx, struct vm_area *a)
{
	struct maps_ctx *m = ctx;

	m->start = m->start ? m->start : a->start;
	m->end = a->end;
	m->locked = a->flags & VM_LOCKED;
	pmap_walk(&a->space->pmap, a->start, a->end, count_page, m);
	return 0;
}

static void show_residence(struct maps_ctx *m, bool sum)
{
	for (u32 i = 0; i < ARRAY_LEN(m->bytes); i++) {
		if (sum || i < RES_PSS_KIND || i >= RES_USE)
			seq_printf(m->s, "%-16s%8lu kB\n", residence_names[i],
				m->bytes[i] >> (PSS_SHIFT + 10));
	}
}

static int show_smap(void *ctx, struct vm_area *a)
{
	static const char names[] =
		"rdwrex..mrmwmeshgdnr....dcwflodd" /* by bits of enum vm_flags */
		"hg..acdenh";
	struct maps_ctx *m = ctx;
	u32 mode = READ_ONCE(vm_huge_mode);

	(void)show_area(ctx, a);
	memset(m->bytes, 0, sizeof(m->bytes));
	(void)sum_area(ctx, a);
	seq_printf(m->s, "Size:           %8lu kB\nKernelPageSize:        4 kB\n",
		KB((a->end - a->start) / PAGE_SIZE));
	seq_printf(m->s, "MMUPageSize:           4 kB\n");
	show_residence(m, false);
	seq_printf(m->s, "THPeligible:    %d\n",
		mode != HUGE_NEVER && (mode == HUGE_ALWAYS || a->flags & VM_HUGE) &&
			!(a->flags & (VM_NOHUGE | VM_STACK | VM_EXEC)) &&
			ALIGN_UP(a->start, PMAP_SPAN) + PMAP_SPAN <= a->end);
	if (arch_keys())
		seq_printf(m->s, "ProtectionKey:  %8u\n", (a->flags & VM_KEY) >> PMAP_KEY_SHIFT);
	seq_printf(m->s, "VmFlags: ");
	for (u32 i = 0; names[i]; i += 2) {
		if (a->flags & BIT(i / 2) && names[i] != '.')
			seq_printf(m->s, "%.2s ", names + i);
	}
	seq_printf(m->s, "\n");
	return m->s->overflow;
}

/* numa_maps: one node has all pages. */
static int show_numa(void *ctx, struct vm_area *a)
{
	static const char *const policies[] = {
		"default", "prefer:0", "bind:0", "interleave:0", "local", "prefer (many):0"};
	struct maps_ctx *m = ctx;
	const char *name = area_name(a, m);
	u32 policy = (a->flags & VM_POLICY) >> VM_POLICY_SHIFT;

	seq_printf(m->s, "%08lx %s", a->start, policies[policy ? policy : m->policy]);
	if (*name == '/')
		seq_printf(m->s, " file=%s", name);
	else if (*name && !a->special)
		seq_printf(m->s, " %.*s", (int)strlen(name) - 2, name + 1);
	memset(m->bytes, 0, sizeof(m->bytes));
	(void)sum_area(ctx, a);
	u64 all = m->bytes[RES_RSS] >> PSS_SHIFT, anon = m->bytes[RES_ANON] >> PSS_SHIFT;
	u64 dirty = (m->bytes[RES_USE + 1] + m->bytes[RES_USE + 3]) >> PSS_SHIFT;
	if (anon)
		seq_printf(m->s, " anon=%lu", anon / PAGE_SIZE);
	if (dirty)
		seq_printf(m->s, " dirty=%lu", dirty / PAGE_SIZE);
	if (all != anon && all != dirty)
		seq_printf(m->s, " mapped=%lu", all / PAGE_SIZE);
	if (all)
		seq_printf(m->s, " N0=%lu kernelpagesize_kB=4", all / PAGE_SIZE);
	seq_printf(m->s, "\n");
	return m->s->overflow;
}

static int show_areas(struct seq *s, struct process *p, struct thread *t, u32 which)
{
	static int (*const shows[])(void *ctx, struct vm_area *a) = {
		show_area, show_smap, sum_area, show_numa};
	struct vm_space *space SCOPED(vm_space_put_at) = process_space(p);
	char *path SCOPED(kfree_at) = kmalloc(PATH_MAX_BYTES, ALLOC_KERNEL);
	struct maps_ctx m = {.s = s, .path = path, .policy = t ? t->memory_policy : 0};

	if (!path)
		return -ENOMEM;
	if (space)
		(void)vm_for_each_area(space, 0, shows[which], &m);
	if (shows[which] == sum_area) {
		seq_printf(
			s, "%08lx-%08lx ---p 00000000 00:00 0%34s[rollup]\n", m.start, m.end, "");
		show_residence(&m, true);
	}
	return 0;
}

/* clear_refs: 1 all, 2 anonymous, 3 file pages were not used, 4 none was written; 5 VmHWM. */
static int forget_area(void *ctx, struct vm_area *a)
{
	u64 what = *(const u64 *)ctx;
	struct tlb_gather g;

	if (what == (a->file ? 2 : 3))
		return 0;
	struct rwsem *held SCOPED(write_release) = write_hold(&a->lock);
	tlb_gather_begin(&g, &a->space->pmap);
	pmap_protect(&a->space->pmap, a->start, a->end, what == 4 ? PMAP_WRITTEN : PMAP_USED, &g);
	tlb_gather_end(&g);
	return 0;
}

static int store_clear_refs(struct process *p, struct thread *t, const char *text, u32 which)
{
	struct vm_space *space SCOPED(vm_space_put_at) = process_space(p);
	u64 what;

	if (proc_number(text, &what) || what < 1 || what > 5)
		return -EINVAL;
	if (space && what == 5)
		WRITE_ONCE(space->rss_peak, 0); /* those of now count anyway */
	else if (space)
		(void)vm_for_each_area(space, 0, forget_area, &what);
	return 0;
}

static void show_limit(struct seq *s, u64 v)
{
	if (v == ~0ULL)
		seq_printf(s, "%-20s ", "unlimited");
	else
		seq_printf(s, "%-20lu ", v);
}

static void show_limits(struct seq *s, struct process *p, const struct process_stat *st)
{
	static const struct {
		const char *name, *unit;
	} rows[RLIM_COUNT] = {
		[RLIM_CPU] = {"Max cpu time", "seconds"},
		[RLIM_FSIZE] = {"Max file size", "bytes"},
		[RLIM_DATA] = {"Max data size", "bytes"},
		[RLIM_STACK] = {"Max stack size", "bytes"},
		[RLIM_CORE] = {"Max core file size", "bytes"},
		[RLIM_RSS] = {"Max resident set", "bytes"},
		[RLIM_NPROC] = {"Max processes", "processes"},
		[RLIM_NOFILE] = {"Max open files", "files"},
		[RLIM_MEMLOCK] = {"Max locked memory", "bytes"},
		[RLIM_AS] = {"Max address space", "bytes"},
		[RLIM_LOCKS] = {"Max file locks", "locks"},
		[RLIM_SIGPENDING] = {"Max pending signals", "signals"},
		[RLIM_MSGQUEUE] = {"Max msgqueue size", "bytes"},
		[RLIM_NICE] = {"Max nice priority", ""},
		[RLIM_RTPRIO] = {"Max realtime priority", ""},
		[RLIM_RTTIME] = {"Max realtime timeout", "us"},
	};

	seq_printf(s, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
	for (u32 i = 0; i < RLIM_COUNT; i++) {
		seq_printf(s, "%-25s ", rows[i].name);
		show_limit(s, st->limits[i].cur);
		show_limit(s, st->limits[i].max);
		seq_printf(s, "%-10s\n", rows[i].unit);
	}
}

/* ---- exe, cwd, root; mounts ---- */

static int exe_follow(struct process *p, u32 which, struct path *out)
{
	struct vm_space *space SCOPED(vm_space_put_at) = process_space(p);

	if (!space)
		return -ENOENT;
	struct rwsem *held SCOPED(read_release) = read_hold(&space->lock);
	return space->exe ? file_path_get(space->exe, out) : -ENOENT;
}

static int place_follow(struct process *p, u32 root, struct path *out)
{
	struct fs_context *fs = process_fs(p);

	if (!fs)
		return -ENOENT;
	fs_path_get(fs, root ? &fs->root : &fs->cwd, out);
	fs_context_put(fs);
	return 0;
}

/* Blanks, tabs, newlines and backslashes of a path are written in octal; @behind it as it is. */
static void seq_escaped(struct seq *s, const char *text, const char *behind)
{
	for (; *text; text++) {
		if (strchr(" \t\n\\", *text))
			seq_printf(s, "\\%03o", (u8)*text);
		else
			seq_write(s, text, 1);
	}
	seq_printf(s, "%s", behind);
}

static void seq_mount_flags(struct seq *s, u32 flags)
{
	static const struct {
		u32 flag;
		const char *text;
	} names[] = {{2, ",nosuid"}, {4, ",nodev"}, {8, ",noexec"}, {1024, ",noatime"},
		{2048, ",nodiratime"}, {1 << 21, ",relatime"}, {256, ",nosymfollow"}};

	seq_printf(s, flags & 1 ? "ro" : "rw"); /* MS_* of mount(2) */
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (flags & names[i].flag)
			seq_printf(s, "%s", names[i].text);
	}
}

static void mount_line(void *ctx, const struct mount_info *m)
{
	struct seq *s = ctx;

	seq_escaped(s, m->mount->source, " ");
	seq_escaped(s, m->target, " ");
	seq_printf(s, "%s ", m->mount->sb->type->name);
	seq_mount_flags(s, m->mount->flags | m->mount->sb->flags);
	seq_printf(s, "%s 0 0\n", m->options);
}

static void mountinfo_line(void *ctx, const struct mount_info *m)
{
	const struct mount *at = m->mount;
	struct seq *s = ctx;

	seq_printf(s, "%u %u %u:%u ", at->id, m->parent_id, DEV_MAJOR(at->sb->dev),
		DEV_MINOR(at->sb->dev));
	seq_escaped(s, m->root, " ");
	seq_escaped(s, m->target, " ");
	seq_mount_flags(s, at->flags);
	if (at->shared)
		seq_printf(s, " shared:%u", at->shared);
	if (at->master)
		seq_printf(s, " master:%u", at->master);
	seq_printf(s, "%s - %s ", at->flags & 1u << 17 ? " unbindable" : "", at->sb->type->name);
	seq_escaped(s, at->source, " ");
	seq_printf(s, "%s%s\n", at->sb->flags & 1 ? "ro" : "rw", m->options);
}

static void mountstats_line(void *ctx, const struct mount_info *m)
{
	struct seq *s = ctx;

	seq_printf(s, "device ");
	seq_escaped(s, m->mount->source, " mounted on ");
	seq_escaped(s, m->target, " with fstype ");
	seq_printf(s, "%s \n", m->mount->sb->type->name);
}

static int show_mounts(struct seq *s, struct process *p, struct thread *t, u32 which)
{
	static void (*const lines[])(void *ctx, const struct mount_info *m) = {
		mount_line, mountinfo_line, mountstats_line};
	struct path root SCOPED(path_put) = {NULL, NULL};

	return place_follow(p, true, &root) ? -EINVAL : mount_for_each(&root, lines[which], s);
}

static int show_oom_score(struct seq *s, struct process *p, struct thread *t, u32 which)
{
	seq_printf(s, "%lu\n", process_oom_score(p));
	return 0;
}

/* The scale before: -17..15, 15 as 1000. */
static void show_oom_adj(struct seq *s, struct process *p, const struct process_stat *st)
{
	seq_printf(s, "%d\n", st->oom_score_adj == 1000 ? 15 : st->oom_score_adj * 17 / 1000);
}

static int store_oom(struct process *p, struct thread *t, const char *text, u32 old_scale)
{
	bool negative = *text == '-';
	u64 n;
	bool bad = proc_number(text + negative, &n);
	s32 adj = negative ? -(s32)n : (s32)n;

	if (bad || n > 1000 || (old_scale && (adj < -17 || adj > 15)))
		return -EINVAL;
	if (old_scale)
		adj = adj == 15 ? 1000 : adj * 1000 / 17;
	return process_oom_adj_set(p, adj);
}

static void show_io(struct seq *s, struct process *p, const struct process_stat *st)
{
	static const char *const names[] = {"rchar", "wchar", "syscr", "syscw"};

	for (u32 i = 0; i < ARRAY_LEN(names); i++)
		seq_printf(s, "%s: %lu\n", names[i], st->used.io[i] + st->children.io[i]);
	seq_printf(s, "read_bytes: 0\nwrite_bytes: 0\ncancelled_write_bytes: 0\n");
}

static int store_coredump_filter(struct process *p, struct thread *t, const char *text, u32 which)
{
	u64 n;

	if (proc_number(text, &n))
		return -EINVAL;
	process_core_filter_set(p, n);
	return 0;
}

/* Of a process the first thread; nothing when it has ended. */
static void show_schedstat(struct seq *s, struct process *p, const struct process_stat *st)
{
	struct thread *t SCOPED(thread_put_at) = thread_find(st->pid);

	if (!t)
		return;
	seq_printf(s, "%lu %lu %lu\n", thread_cpu_time(t), t->wait_ns,
		t->switches_voluntary + t->switches_involuntary + t->on_cpu);
}

/* Read without the queue's lock: each number is true, together they may be of two moments. */
static void show_sched(struct seq *s, struct process *p, const struct process_stat *st)
{
	struct thread *t SCOPED(thread_put_at) = thread_find(st->pid);
	u64 predicted_ns;
	const char *band;

	if (!t)
		return;
	band = sched_band(t, &predicted_ns);
	seq_printf(s,
		"band: %s\npredicted_ns: %lu\nburst_ns: %lu\nrun_ns: %lu\nwait_ns: %lu\n"
		"voluntary: %lu\ninvoluntary: %lu\nmigrations: %lu\n",
		band, predicted_ns, t->se.burst_ns, thread_cpu_time(t), t->wait_ns,
		t->switches_voluntary, t->switches_involuntary, t->migrations);
}

/* ---- where a thread sleeps ---- */

enum { PLACE_NAME, PLACE_CALL, PLACE_STACK };

static void show_call(struct seq *s, long nr, const struct trap_frame *f)
{
	seq_printf(s, "%ld ", nr);
	for (u32 i = 0; nr >= 0 && i < 6; i++)
		seq_printf(s, "0x%lx ", tf_arg(f, i));
	seq_printf(s, "0x%lx 0x%lx\n", tf_sp(f), tf_ip(f));
}

static int show_place(struct seq *s, struct process *p, struct thread *t, u32 what)
{
	struct trap_frame user = {0}; /* a zombie has none */
	bool may = !t || process_may_trace(t);
	u64 at[32], offset, size;
	int i = 0, count = t && may ? thread_trace(t, &user, at, ARRAY_LEN(at)) : 0;

	if (what != PLACE_NAME && !may)
		return -EPERM;
	if (what == PLACE_STACK && !cred_capable(current->cred, LCAP_SYS_ADMIN))
		return -EACCES;
	while (i < count && at[i] >= (u64)sleep_text_start && at[i] < (u64)sleep_text_end)
		i++;
	if (what == PLACE_NAME)
		seq_printf(s, "%s", i < count ? symbol_lookup(at[i], &offset, &size) : "0");
	else if (what == PLACE_CALL && count < 0)
		seq_printf(s, "running\n");
	else if (what == PLACE_CALL)
		show_call(s, t ? tf_syscall(&user) : -1, &user);
	for (; what == PLACE_STACK && i < count; i++)
		seq_printf(s, "[<0>] %pS\n", (void *)at[i]);
	return 0;
}

/* ---- the directory ---- */

#define ENTRY(n, m, o, ...)                                                \
	{                                                                  \
		.name = #n, .mode = m, .ops = &proc_##o##_ops, __VA_ARGS__ \
	}
#define TEXT(n, m, ...)    ENTRY(n, S_IFREG | (m), text, __VA_ARGS__)
#define WORD(text, member) .format = text, .word = offsetof(struct process_stat, member)
#define LINK(n, ...)       ENTRY(n, S_IFLNK | 0777, magic, __VA_ARGS__)

/* Of the one namespace of users: all numbers are themselves, and stay so. */
#define MAP(n) TEXT(n, 0644, .format = "         0          0 4294967295\n", .store = store_map)
static int store_map(struct process *p, struct thread *t, const char *text, u32 which)
{
	return -EPERM;
}

#define NS(n, kind) LINK(n, .follow = nsfs_follow, .which = kind)
static const struct pid_entry ns_entries[] = {
	NS(cgroup, NS_CGROUP),
	NS(ipc, NS_IPC),
	NS(mnt, NS_MNT),
	NS(net, NS_NET),
	NS(pid, NS_PID),
	NS(pid_for_children, NS_PID),
	NS(time, NS_TIME),
	NS(time_for_children, NS_TIME),
	NS(user, NS_USER),
	NS(uts, NS_UTS),
	{.name = NULL},
};

/* The first two are not in /proc/PID/task/TID: task_entries. */
const struct pid_entry pid_entries[] = {
	ENTRY(task, S_IFDIR | 0555, task, .fops = &proc_task_fops),
	TEXT(coredump_filter, 0644, WORD("%08x\n", core_filter), .store = store_coredump_filter),
	TEXT(stat, 0444, .show_stat = show_stat),
	TEXT(status, 0444, .show_stat = show_status),
	TEXT(statm, 0444, .show = show_statm),
	TEXT(cmdline, 0444, .show = show_memory),
	ENTRY(environ, S_IFREG | 0400, secret, .show = show_memory, .which = true),
	ENTRY(maps, S_IFREG | 0444, secret, .show = show_areas),
	ENTRY(smaps, S_IFREG | 0444, secret, .show = show_areas, .which = 1),
	ENTRY(smaps_rollup, S_IFREG | 0444, secret, .show = show_areas, .which = 2),
	ENTRY(numa_maps, S_IFREG | 0444, secret, .show = show_areas, .which = 3),
	ENTRY(pagemap, S_IFREG | 0400, mem, .fops = &proc_pagemap_fops),
	TEXT(clear_refs, 0200, .store = store_clear_refs),
	ENTRY(auxv, S_IFREG | 0400, secret, .show = show_auxv),
	TEXT(limits, 0444, .show_stat = show_limits),
	TEXT(mounts, 0444, .show = show_mounts),
	TEXT(mountinfo, 0444, .show = show_mounts, .which = 1),
	ENTRY(mountstats, S_IFREG | 0400, secret, .show = show_mounts, .which = 2),
	TEXT(cgroup, 0444, .format = "0::/\n"), /* there are none */
	TEXT(oom_score, 0444, .show = show_oom_score),
	TEXT(wchan, 0444, .show = show_place, .which = PLACE_NAME),
	TEXT(syscall, 0400, .show = show_place, .which = PLACE_CALL),
	TEXT(stack, 0400, .show = show_place, .which = PLACE_STACK),
	TEXT(loginuid, 0444, .format = "4294967295"), /* nobody logged in */
	TEXT(sessionid, 0444, .format = "4294967295"),
	MAP(uid_map),
	MAP(gid_map),
	MAP(projid_map),
	TEXT(setgroups, 0644, .format = "allow\n", .store = store_map),
	TEXT(schedstat, 0444, .show_stat = show_schedstat),
	TEXT(sched, 0444, .show_stat = show_sched),
	ENTRY(io, S_IFREG | 0400, secret, .show_stat = show_io),
	ENTRY(personality, S_IFREG | 0400, secret, WORD("%08x\n", personality)),
	TEXT(comm, 0644, .show_stat = show_comm, .store = store_comm),
	TEXT(oom_score_adj, 0644, WORD("%d\n", oom_score_adj), .store = store_oom),
	TEXT(oom_adj, 0644, .show_stat = show_oom_adj, .store = store_oom, .which = true),
	ENTRY(mem, S_IFREG | 0600, mem, .fops = &proc_mem_fops),
	LINK(exe, .follow = exe_follow),
	LINK(cwd, .follow = place_follow),
	LINK(root, .follow = place_follow, .which = true),
	ENTRY(fd, FD_DIR_MODE, fd, .fops = &proc_fd_fops),
	ENTRY(fdinfo, S_IFDIR | 0555, fd, .fops = &proc_fd_fops),
	ENTRY(ns, S_IFDIR | 0511, dir, .fops = &proc_dir_fops, .below = ns_entries), /* last */
	{.name = NULL},
};
