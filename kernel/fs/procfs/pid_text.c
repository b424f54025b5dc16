/* The texts of /proc/PID: stat, status, maps, ... Layer: fs. Formats: proc(5); numbers are what the
 * rooms count, and a field that this kernel does not have is 0, as Linux prints for features that
 * are off. */
#include "procfs_internal.h"

#include <exo_abi/linux_fs.h>
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
	vaddr_t text_start, text_end;
};
static const struct vm_space no_space;

static u64 clamp_count(const s64 *v)
{
	s64 n = __atomic_load_n(v, __ATOMIC_RELAXED);

	return n > 0 ? (u64)n : 0;
}

static int find_text(void *ctx, struct vm_area *a)
{
	struct sizes *z = ctx;

	if (!a->file || !(a->flags & VM_EXEC))
		return 0;
	if (a->file == a->space->exe) {
		if (!z->text_start)
			z->text_start = a->start;
		z->text_end = a->end;
		z->text += (a->end - a->start) / PAGE_SIZE;
	} else {
		z->lib += (a->end - a->start) / PAGE_SIZE;
	}
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
	(void)vm_for_each_area(s, 0, find_text, &z);
	z.rss_anon = clamp_count(&s->rss_anon);
	z.rss_file = clamp_count(&s->rss_file);
	z.rss_shmem = clamp_count(&s->rss_shmem);
	z.rss = z.rss_anon + z.rss_file + z.rss_shmem;
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
	struct sizes z SCOPED(sizes_put) = sizes_get(p);

	seq_printf(s, "%d (%s) %c %d %d %d %d %d %u %lu %lu %lu %lu ", st->pid, st->comm, st->state,
		st->ppid, st->pgid, st->sid, st->tty_nr, st->tpgid, 0x400000u, st->min_flt,
		st->cmin_flt, st->maj_flt, st->cmaj_flt);
	seq_printf(s, "%lu %lu %lu %lu %d %d %u 0 %lu ", ticks(st->utime_ns), ticks(st->stime_ns),
		ticks(st->cutime_ns), ticks(st->cstime_ns), st->priority, st->nice, st->threads,
		ticks(st->start_ns));
	seq_printf(s, "%lu %lu %lu %lu %lu %lu 0 0 ", z.space->pages_total * PAGE_SIZE, z.rss,
		z.space->limit_as, z.text_start, z.text_end, z.space->stack_top);
	seq_printf(s, "%lu %lu %lu %lu 0 0 0 %d %u %u %u ", st->pending & 0x7fffffff,
		st->blocked & 0x7fffffff, st->ignored & 0x7fffffff, st->caught & 0x7fffffff,
		(s32)st->exit_signal, st->cpu, (u32)st->rt_priority, (u32)st->policy);
	seq_printf(s, "0 0 0 0 0 %lu %lu %lu %lu %lu %d\n", z.space->brk_start, z.space->arg_start,
		z.space->arg_end, z.space->env_start, z.space->env_end, st->exit_code);
}

static const char *state_name(char c)
{
	static const char *const names[] = {"R (running)", "S (sleeping)", "D (disk sleep)",
		"T (stopped)", "t (tracing stop)", "Z (zombie)", "X (dead)", "I (idle)"};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (names[i][0] == c)
			return names[i];
	}
	return "? (unknown)";
}

static void show_status_memory(struct seq *s, struct process *p)
{
	struct sizes z SCOPED(sizes_put) = sizes_get(p);

	if (z.space == &no_space)
		return;
	seq_printf(s, "VmSize:\t%8lu kB\nVmLck:\t%8lu kB\nVmPin:\t%8u kB\n",
		KB(z.space->pages_total), KB(z.space->pages_locked), 0);
	seq_printf(s,
		"VmHWM:\t%8lu kB\nVmRSS:\t%8lu kB\nRssAnon:\t%8lu kB\nRssFile:\t%8lu "
		"kB\nRssShmem:\t%8lu kB\n",
		KB(MAX(z.space->rss_peak, z.rss)), KB(z.rss), KB(z.rss_anon), KB(z.rss_file),
		KB(z.rss_shmem));
	seq_printf(s,
		"VmData:\t%8lu kB\nVmStk:\t%8lu kB\nVmExe:\t%8lu kB\nVmLib:\t%8lu kB\nVmPTE:\t%8lu "
		"kB\nVmSwap:\t%8u kB\n",
		KB(z.space->pages_data), KB(z.space->pages_stack), KB(z.text), KB(z.lib),
		KB(pmap_table_pages(&z.space->pmap)), 0);
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
		st->affinity, st->vcsw, st->ivcsw);
}

static int show_statm(struct seq *s, struct process *p)
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

static ssize_t store_comm(struct process *p, struct thread *t, const char *text, size_t len_bytes)
{
	char name[16];
	size_t n = MIN(len_bytes, sizeof(name) - 1);

	if (current->proc != p)
		return -EINVAL;
	memcpy(name, text, n);
	name[n] = 0;
	if (n && name[n - 1] == '\n')
		name[n - 1] = 0;
	memcpy(t->name, name, sizeof(name));
	return (ssize_t)len_bytes;
}

/* Copies [start, end) of the process's memory, at most a megabyte, as the text. */
static int show_memory(struct seq *s, struct process *p, bool env)
{
	struct vm_space *space SCOPED(vm_space_put_at) = process_space(p);
	char chunk[256];
	vaddr_t at, end;

	if (!space)
		return 0; /* a kernel thread or a zombie: empty */
	rwsem_read_lock(&space->lock);
	at = env ? space->env_start : space->arg_start;
	end = env ? space->env_end : space->arg_end;
	rwsem_read_unlock(&space->lock);
	end = MIN(end, at + (1u << 20));
	while (at < end) {
		ssize_t n = vm_access(space, at, chunk, MIN(sizeof(chunk), end - at), false);

		if (n <= 0)
			break;
		seq_write(s, chunk, (size_t)n);
		at += (u64)n;
	}
	return 0;
}

static int show_cmdline(struct seq *s, struct process *p)
{
	return show_memory(s, p, false);
}

static int show_environ(struct seq *s, struct process *p)
{
	return show_memory(s, p, true);
}

static int show_auxv(struct seq *s, struct process *p)
{
	struct vm_space *space SCOPED(vm_space_put_at) = process_space(p);

	if (space)
		seq_write(s, space->auxv,
			MIN(space->auxv_len, (u32)ARRAY_LEN(space->auxv)) * sizeof(u64));
	return 0;
}

struct maps_ctx {
	struct seq *s;
	char *path; /* PATH_MAX_BYTES */
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
	if (a->flags & VM_HEAP || (!a->object && a->start < s->brk && a->end > s->brk_start))
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

static int show_maps(struct seq *s, struct process *p)
{
	struct vm_space *space SCOPED(vm_space_put_at) = process_space(p);
	char *path SCOPED(kfree_at) = kmalloc(PATH_MAX_BYTES, ALLOC_KERNEL);
	struct maps_ctx m = {s, path};

	if (!path)
		return -ENOMEM;
	if (space)
		(void)vm_for_each_area(space, 0, show_area, &m);
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

static int exe_follow(struct process *p, struct path *out)
{
	struct vm_space *space = process_space(p);
	int err = -ENOENT;

	if (!space)
		return err;
	rwsem_read_lock(&space->lock);
	if (space->exe)
		err = file_path_get(space->exe, out);
	rwsem_read_unlock(&space->lock);
	vm_space_put(space);
	return err;
}

static int place_of(
	struct process *p, void (*get)(struct fs_context *, struct path *), struct path *out)
{
	struct fs_context *fs = process_fs(p);

	if (!fs)
		return -ENOENT;
	get(fs, out);
	fs_context_put(fs);
	return 0;
}

static int cwd_follow(struct process *p, struct path *out)
{
	return place_of(p, fs_cwd_get, out);
}

static int root_follow(struct process *p, struct path *out)
{
	return place_of(p, fs_root_get, out);
}

/* Blanks, tabs, newlines and backslashes of a path are written in octal. */
static void seq_escaped(struct seq *s, const char *text)
{
	for (; *text; text++) {
		if (strchr(" \t\n\\", *text))
			seq_printf(s, "\\%03o", (u8)*text);
		else
			seq_write(s, text, 1);
	}
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

static int mount_line(void *ctx, const struct mount_info *m)
{
	struct seq *s = ctx;

	seq_escaped(s, m->source);
	seq_printf(s, " ");
	seq_escaped(s, m->target);
	seq_printf(s, " %s ", m->type);
	seq_mount_flags(s, m->flags | m->sb_flags);
	seq_printf(s, "%s 0 0\n", m->options);
	return 0;
}

static int mountinfo_line(void *ctx, const struct mount_info *m)
{
	struct seq *s = ctx;

	seq_printf(s, "%u %u %u:%u ", m->id, m->parent_id, DEV_MAJOR(m->dev), DEV_MINOR(m->dev));
	seq_escaped(s, m->root);
	seq_printf(s, " ");
	seq_escaped(s, m->target);
	seq_printf(s, " ");
	seq_mount_flags(s, m->flags);
	if (m->shared)
		seq_printf(s, " shared:%u", m->shared);
	if (m->master)
		seq_printf(s, " master:%u", m->master);
	seq_printf(s, "%s - %s ", m->flags & 1u << 17 ? " unbindable" : "", m->type);
	seq_escaped(s, m->source);
	seq_printf(s, " %s%s\n", m->sb_flags & 1 ? "ro" : "rw", m->options);
	return 0;
}

static int show_mounts_of(
	struct seq *s, struct process *p, int (*fn)(void *ctx, const struct mount_info *m))
{
	struct path root SCOPED(path_put) = {NULL, NULL};

	return root_follow(p, &root) ? -EINVAL : mount_for_each(&root, fn, s);
}

static int show_mounts(struct seq *s, struct process *p)
{
	return show_mounts_of(s, p, mount_line);
}

static int show_mountinfo(struct seq *s, struct process *p)
{
	return show_mounts_of(s, p, mountinfo_line);
}

static int show_cgroup(struct seq *s, struct process *p)
{
	seq_printf(s, "0::/\n");
	return 0;
}

static int show_oom_score(struct seq *s, struct process *p)
{
	struct mem_stats m;
	struct sizes z SCOPED(sizes_put) = sizes_get(p);

	mem_stats_get(&m);
	seq_printf(s, "%lu\n", (z.rss) * 1000 / MAX(m.pages_total, 1UL));
	return 0;
}

static void show_oom_score_adj(struct seq *s, struct process *p, const struct process_stat *st)
{
	seq_printf(s, "%d\n", st->oom_score_adj);
}

static ssize_t store_oom_score_adj(
	struct process *p, struct thread *t, const char *text, size_t len_bytes)
{
	bool negative = *text == '-';
	u64 n;
	int err = proc_number(text + negative, &n);

	if (err || n > 1000)
		return -EINVAL;
	err = process_oom_adj_set(p, negative ? -(s32)n : (s32)n);
	return err ? err : (ssize_t)len_bytes;
}

static int show_wchan(struct seq *s, struct process *p)
{
	seq_printf(s, "0");
	return 0;
}

static int show_loginuid(struct seq *s, struct process *p)
{
	seq_printf(s, "4294967295");
	return 0;
}

static void show_coredump_filter(struct seq *s, struct process *p, const struct process_stat *st)
{
	seq_printf(s, "%08x\n", st->core_filter);
}

static ssize_t store_coredump_filter(
	struct process *p, struct thread *t, const char *text, size_t len_bytes)
{
	u64 n;

	if (proc_number(text, &n))
		return -EINVAL;
	process_core_filter_set(p, n);
	return (ssize_t)len_bytes;
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

/* ---- the directory ---- */

#define TEXT(n, m)                                                                         \
	{                                                                                  \
		.name = #n, .mode = S_IFREG | (m), .ops = &proc_text_ops, .show = show_##n \
	}
#define STAT(n, m, s)                                                                            \
	{                                                                                        \
		.name = #n, .mode = S_IFREG | (m), .ops = &proc_text_ops, .show_stat = show_##n, \
		.store = s                                                                       \
	}
#define LINK(n)                                                                                  \
	{                                                                                        \
		.name = #n, .mode = S_IFLNK | 0777, .ops = &proc_magic_ops, .follow = n##_follow \
	}
#define OTHER(n, m, o)                                                                  \
	{                                                                               \
		.name = #n, .mode = m, .ops = &proc_##o##_ops, .fops = &proc_##o##_fops \
	}

/* The first two are not in /proc/PID/task/TID: task_entries. */
const struct pid_entry pid_entries[] = {
	OTHER(task, S_IFDIR | 0555, task),
	STAT(coredump_filter, 0644, store_coredump_filter),
	STAT(stat, 0444, NULL),
	STAT(status, 0444, NULL),
	TEXT(statm, 0444),
	TEXT(cmdline, 0444),
	TEXT(environ, 0400),
	TEXT(maps, 0444),
	TEXT(auxv, 0400),
	STAT(limits, 0444, NULL),
	TEXT(mounts, 0444),
	TEXT(mountinfo, 0444),
	TEXT(cgroup, 0444),
	TEXT(oom_score, 0444),
	TEXT(wchan, 0444),
	TEXT(loginuid, 0444),
	STAT(schedstat, 0444, NULL),
	STAT(sched, 0444, NULL),
	STAT(comm, 0644, store_comm),
	STAT(oom_score_adj, 0644, store_oom_score_adj),
	OTHER(mem, S_IFREG | 0600, mem),
	LINK(exe),
	LINK(cwd),
	LINK(root),
	OTHER(fd, FD_DIR_MODE, fd),
	OTHER(fdinfo, S_IFDIR | 0555, fd),
	{.name = NULL},
};
