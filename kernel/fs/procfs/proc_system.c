/* The files of /proc that tell of the whole system, and /proc/sys. Layer: fs. Formats: proc(5). */
#include "procfs_internal.h"

#include <exo_abi/linux_fs.h>
#include <exo/cmdline.h>
#include <exo/drivers.h>
#include <exo/errno.h>
#include <exo/fs_locks.h>
#include <exo/log.h>
#include <exo/memory.h>
#include <exo/posix_calls.h>
#include <exo/string.h>
#include <exo/uts.h>
#include <exo/vfs.h>
#include <arch/cpu.h>
#include <arch/irq.h>

static void show_meminfo(struct seq *s, const void *ctx)
{
	struct mem_stats m;

	mem_stats_get(&m);
#define ROW(name, pages) seq_printf(s, "%-16s%8lu kB\n", name ":", KB(pages))
	ROW("MemTotal", m.pages_total);
	ROW("MemFree", m.pages_free);
	/* What tmpfs holds cannot go, nor is anything read back from a disk: */
	ROW("MemAvailable", m.pages_free + m.pages_slab_reclaimable);
	ROW("Buffers", 0);
	ROW("Cached", m.pages_cache);
	ROW("SwapCached", 0);
	ROW("Active", m.pages_anon + m.pages_cache);
	ROW("Inactive", 0); /* no page is aged: there is nowhere to evict it to */
	ROW("SwapTotal", 0);
	ROW("SwapFree", 0);
	ROW("Dirty", m.pages_dirty);
	ROW("Writeback", 0);
	ROW("AnonPages", m.pages_anon);
	ROW("Shmem", m.pages_shmem);
	ROW("AnonHugePages", m.pages_anon_huge);
	ROW("Slab", m.pages_slab);
	ROW("SReclaimable", m.pages_slab_reclaimable);
	ROW("SUnreclaim", m.pages_slab - m.pages_slab_reclaimable);
	ROW("KernelStack", m.pages_kstack);
	ROW("PageTables", m.pages_table);
	ROW("CommitLimit", vm_commit_limit());
	ROW("Committed_AS", vm_committed_pages());
#undef ROW
	seq_printf(s, "VmallocTotal:   34359738367 kB\nHugePages_Total:       0\nHugePages_Free:   "
		      "     0\nHugepagesize:       2048 kB\n");
}

static void show_cpu_line(struct seq *s, const char *name, const struct sched_stats *st)
{
	u64 tick = NS_PER_SEC / USER_HZ;

	seq_printf(s, "%s %lu %lu %lu %lu 0 %lu 0 0 0 0\n", name, st->user_ns / tick,
		st->nice_ns / tick, st->system_ns / tick, st->idle_ns / tick, st->irq_ns / tick);
}

static void show_stat(struct seq *s, const void *ctx)
{
	struct sched_stats sum = {0}, st;
	u32 running, total, cpu;
	u64 load[3];
	char name[8];

	for_each_online_cpu (cpu) {
		sched_cpu_stats(cpu, &st);
		sum.user_ns += st.user_ns;
		sum.nice_ns += st.nice_ns;
		sum.system_ns += st.system_ns;
		sum.idle_ns += st.idle_ns;
		sum.irq_ns += st.irq_ns;
		sum.switches += st.switches;
	}
	show_cpu_line(s, "cpu ", &sum);
	for_each_online_cpu (cpu) {
		sched_cpu_stats(cpu, &st);
		snprintf(name, sizeof(name), "cpu%u", cpu);
		show_cpu_line(s, name, &st);
	}
	sched_loadavg(load, &running, &total);
	seq_printf(s,
		"intr %lu\nctxt %lu\nbtime %lu\nprocesses %d\nprocs_running %u\nprocs_blocked "
		"0\nsoftirq 0\n",
		irq_count_total(), sum.switches,
		(clock_realtime() - clock_monotonic()) / NS_PER_SEC, pid_last(), running);
}

/* An idle CPU is left as if by preemption. */
static void show_schedstat(struct seq *s, const void *ctx)
{
	struct sched_stats st;
	u32 cpu;

	for_each_online_cpu (cpu) {
		const u64 *calls = st.counts.calls;

		sched_cpu_stats(cpu, &st);
		seq_printf(s, "cpu%u run_ns %lu idle_ns %lu idles %lu switches %lu ", cpu,
			st.user_ns + st.nice_ns + st.system_ns, st.idle_ns, st.idles, st.switches);
		seq_printf(s, "picks %lu yields %lu preemptions %lu ",
			calls[SCHED_BLOCK] + calls[SCHED_PREEMPT] + calls[SCHED_YIELD],
			calls[SCHED_YIELD],
			calls[SCHED_PREEMPT] - st.counts.again[SCHED_PREEMPT] - st.idles);
		seq_printf(s, "wakes %lu steals %lu bursts %lu predicted %lu\n", st.counts.wakes,
			st.counts.steals, st.counts.bursts,
			st.counts.bursts - st.counts.bursts_wrong);
	}
}

/* For traces of the predictor (tests/unit/scheduler/traces). */
static void show_bursts(struct seq *s, const void *ctx)
{
	const struct sched_burst *b;

	for (u32 n = sched_bursts(&b); n; n--, b++)
		if (b->run_ns)
			seq_printf(s, "%u %lu %lu\n", b->thread, b->run_ns, b->at_ns);
		else
			seq_printf(s, "+ %u %u\n", b->thread, b->parent);
}

static void show_uptime(struct seq *s, const void *ctx)
{
	struct sched_stats st;
	u64 idle = 0, up = clock_monotonic();
	u32 cpu;

	for_each_online_cpu (cpu) {
		sched_cpu_stats(cpu, &st);
		idle += st.idle_ns;
	}
	seq_printf(s, "%lu.%02lu %lu.%02lu\n", up / NS_PER_SEC, up % NS_PER_SEC / 10000000,
		idle / NS_PER_SEC, idle % NS_PER_SEC / 10000000);
}

static void show_loadavg(struct seq *s, const void *ctx)
{
	u32 running, total;
	u64 load[3];

	sched_loadavg(load, &running, &total);
	for (int i = 0; i < 3; i++)
		seq_printf(s, "%lu.%02lu ", load[i] >> 11, (load[i] & 2047) * 100 >> 11);
	seq_printf(s, "%u/%u %d\n", running, total, pid_last());
}

static void show_cpuinfo(struct seq *s, const void *ctx)
{
	const size_t size = 8192;
	u32 cpu;

	for_each_online_cpu (cpu) {
		char *room = seq_room(s, size);

		if (room)
			s->len += MIN((size_t)arch_cpuinfo(cpu, room, size), size - 1);
	}
}

static void show_version(struct seq *s, const void *ctx)
{
	struct uts_names n;

	uts_get(&n);
	seq_printf(s, "%s version %s (Exo-OS) %s\n", n.sysname, n.release, n.version);
}

static void show_cmdline(struct seq *s, const void *ctx)
{
	seq_printf(s, "%s\n", cmdline_text());
}

static void show_filesystems(struct seq *s, const void *ctx)
{
	for (struct fs_type *t = fs_type_next(NULL); t; t = fs_type_next(t))
		seq_printf(s, "%s\t%s\n", t->flags & FS_NODEV ? "nodev" : "", t->name);
}

static void show_interrupts(struct seq *s, const void *ctx)
{
	u32 cpu;

	seq_printf(s, "     ");
	for_each_online_cpu (cpu)
		seq_printf(s, "       CPU%u", cpu);
	seq_printf(s, "\n");
	for (u32 vector = 32; vector < 256; vector++) {
		u64 sum = 0;

		for_each_online_cpu (cpu)
			sum += irq_count(cpu, vector);
		if (!sum)
			continue;
		seq_printf(s, "%3u: ", vector);
		for_each_online_cpu (cpu)
			seq_printf(s, "%11lu", irq_count(cpu, vector));
		seq_printf(s, "\n");
	}
}

static void show_slabinfo(struct seq *s, const void *ctx)
{
	const size_t size = 64 * 1024;
	char *room = seq_room(s, size);

	if (room)
		s->len += MIN(heap_slabinfo(room, size), size - 1);
}

static void show_vmstat(struct seq *s, const void *ctx)
{
	struct mem_stats m;

	mem_stats_get(&m);
	seq_printf(s,
		"nr_free_pages %lu\nnr_anon_pages %lu\nnr_file_pages %lu\nnr_dirty "
		"%lu\nnr_page_table_pages %lu\nnr_kernel_stack %lu\n",
		m.pages_free, m.pages_anon, m.pages_cache, m.pages_dirty, m.pages_table,
		KB(m.pages_kstack));
}

/* @ctx: the offset of the field in struct uts_names. */
static void show_uts(struct seq *s, const void *ctx)
{
	struct uts_names n;

	uts_get(&n);
	seq_printf(s, "%s\n", (const char *)&n + (uintptr_t)ctx);
}

static int store_hostname(const char *text, size_t len, const void *ctx)
{
	if (!cred_capable(current->cred, LCAP_SYS_ADMIN))
		return -EPERM;
	return uts_set((uintptr_t)ctx, text, len && text[len - 1] == '\n' ? len - 1 : len);
}

static void show_max(struct seq *s, const void *threads)
{
	seq_printf(s, "%u\n", threads ? threads_limit : (u32)pid_max_get());
}

int proc_number(const char *text, u64 *out)
{
	const char *end;
	int err = str_to_u64(text, &end, 0, out);

	return err || (*end && *end != '\n') ? -EINVAL : 0;
}

static int store_pid_max(const char *text, size_t len, const void *ctx)
{
	u64 n;

	return proc_number(text, &n) || n > 0x7fffffff ? -EINVAL : pid_max_set((pid_t)n);
}

static int store_core_setting(const char *text, size_t len, const void *ctx)
{
	char *setting = (char *)ctx;
	size_t n = MIN(len, (size_t)CORE_SETTING_BYTES - 1);
	u64 number;

	if (setting == core_uses_pid && (proc_number(text, &number) || number > INT32_MAX))
		return -EINVAL;
	while (n && text[n - 1] == '\n')
		n--;
	memcpy(setting, text, n);
	memset(setting + n, 0, CORE_SETTING_BYTES - n);
	return 0;
}

/* The page cache is the only copy of what tmpfs holds, so 1 (clean pages) drops no page; 2 and 3
 * drop dentries and all that the allocators keep at hand. */
static int store_drop_caches(const char *text, size_t len, const void *ctx)
{
	u64 n;

	if (proc_number(text, &n) || n < 1 || n > 4)
		return -EINVAL;
	if (n & 2)
		memory_drain();
	return 0;
}

static void show_file_nr(struct seq *s, const void *ctx)
{
	seq_printf(s, "%lu\t0\t%lu\n", READ_ONCE(files_open), ~0UL >> 1);
}

static void show_nothing(struct seq *s, const void *ctx)
{
}

static void show_printk(struct seq *s, const void *ctx)
{
	seq_printf(s, "%d\t4\t1\t7\n", READ_ONCE(log_console_level));
}

static void show_uuid(struct seq *s, const void *ctx)
{
	static u8 boot_id[16];
	u8 fresh[16], *b = ctx ? boot_id : fresh;
	static const char dashes[16] = {[4] = 1, [6] = 1, [8] = 1, [10] = 1};

	if (!ctx || !boot_id[6]) {
		random_bytes(b, 16);
		b[6] = (u8)((b[6] & 15) | 0x40); /* RFC 4122: version 4 */
		b[8] = (u8)((b[8] & 63) | 0x80);
	}
	for (int i = 0; i < 16; i++)
		seq_printf(s, "%s%02x", dashes[i] ? "-" : "", b[i]);
	seq_printf(s, "\n");
}

static void show_self(struct seq *s, const void *as_thread)
{
	if (current->proc)
		seq_printf(s, as_thread ? "%d/task/%d\n" : "%d\n", process_pid(current->proc),
			current->tid);
}

void proc_show_numbers(struct seq *s, const void *ctx)
{
	const struct proc_numbers *n = ctx;

	for (u64 i = 0; i < n->count; i++)
		seq_printf(s, "%lu%c", READ_ONCE(n->values[i]), i + 1 < n->count ? '\t' : '\n');
}

/* As many as there are in the text, the first ones. */
int proc_store_numbers(const char *text, size_t len, const void *ctx)
{
	const struct proc_numbers *n = ctx;
	u64 value;

	for (u64 i = 0; i < n->count; i++) {
		while (*text && strchr(" \t\n", *text))
			text++;
		if (i && !*text)
			break;
		if (str_to_u64(text, &text, 10, &value) || value > n->max ||
			!strchr(" \t\n", *text))
			return -EINVAL;
		WRITE_ONCE(n->values[i], value);
	}
	return 0;
}

static const struct proc_numbers commit_limits[] = {
	{&vm_overcommit.ratio, 1, INT32_MAX}, {&vm_overcommit.kbytes, 1, ~0ull}};

/* The one that was written counts. */
static int store_commit_limit(const char *text, size_t len, const void *ctx)
{
	int err = proc_store_numbers(text, len, ctx);

	if (!err)
		WRITE_ONCE(*commit_limits[ctx == &commit_limits[0]].values, 0);
	return err;
}

static struct objects_fs procfs = {.type = {.name = "proc", .magic = 0x9fa0, .flags = FS_NODEV}};

void proc_add(const struct synth_file *files, size_t count)
{
	synth_add(&procfs, files, count);
}

#define UTS(path, field) SYNTH_FILE(path, show_uts, (void *)offsetof(struct uts_names, field))
static const struct synth_file files[] = {
	{"self", S_IFLNK | 0777, show_self, NULL, NULL},
	{"thread-self", S_IFLNK | 0777, show_self, NULL, "thread"},
	{"mounts", S_IFLNK | 0777, synth_show_text, NULL, "self/mounts"},
	SYNTH_FILE("meminfo", show_meminfo, NULL),
	SYNTH_FILE("stat", show_stat, NULL),
	SYNTH_FILE("schedstat", show_schedstat, NULL),
	{"schedbursts", S_IFREG | 0400, show_bursts, NULL, NULL},
	SYNTH_FILE("uptime", show_uptime, NULL),
	SYNTH_FILE("loadavg", show_loadavg, NULL),
	SYNTH_FILE("cpuinfo", show_cpuinfo, NULL),
	SYNTH_FILE("version", show_version, NULL),
	SYNTH_FILE("cmdline", show_cmdline, NULL),
	SYNTH_FILE("filesystems", show_filesystems, NULL),
	SYNTH_FILE("interrupts", show_interrupts, NULL),
	SYNTH_FILE("vmstat", show_vmstat, NULL),
	SYNTH_TEXT("devices",
		"Character devices:\n  1 mem\n  4 tty\n  4 ttyS\n  5 /dev/tty\n  5 /dev/console\n"
		"  5 /dev/ptmx\n136 pts\n\nBlock devices:"),
	SYNTH_TEXT("tty/drivers", "/dev/tty             /dev/tty        5       0 system:/dev/tty\n"
				  "/dev/console         /dev/console    5       1 system:console\n"
				  "/dev/ptmx            /dev/ptmx       5       2 system\n"
				  "serial               /dev/ttyS       4 64-67 serial\n"
				  "pty_slave            /dev/pts      136 0-1023 pty:slave\n"
				  "unknown              /dev/tty        4 1 console"),
	SYNTH_TEXT("partitions", "major minor  #blocks  name\n"),
	{"diskstats", S_IFREG | 0444, show_nothing, NULL, NULL},
	SYNTH_TEXT("swaps", "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority"),
	{"slabinfo", S_IFREG | 0400, show_slabinfo, NULL, NULL},
	SYNTH_TEXT("sys/kernel/ngroups_max", "65536"),
	SYNTH_TEXT("sys/kernel/cap_last_cap", "40"),
	SYNTH_FILE("sys/kernel/threads-max", show_max, "threads"),
	{"sys/kernel/pid_max", S_IFREG | 0644, show_max, store_pid_max, NULL},
	{"sys/kernel/core_pattern", S_IFREG | 0644, synth_show_text, store_core_setting,
		core_pattern},
	{"sys/kernel/core_uses_pid", S_IFREG | 0644, synth_show_text, store_core_setting,
		core_uses_pid},
	SYNTH_TEXT("sys/kernel/sched_rt_period_us", "1000000"),
	SYNTH_TEXT("sys/kernel/sched_rt_runtime_us", "950000"),
	SYNTH_TEXT("sys/kernel/randomize_va_space", "2"),
	UTS("sys/kernel/ostype", sysname),
	UTS("sys/kernel/osrelease", release),
	UTS("sys/kernel/version", version),
	UTS("sys/kernel/domainname", domainname),
	{"sys/kernel/hostname", S_IFREG | 0644, show_uts, store_hostname,
		(void *)offsetof(struct uts_names, nodename)},
	SYNTH_FILE("sys/kernel/printk", show_printk, NULL),
	SYNTH_TEXT("sys/kernel/dmesg_restrict", "0"),
	SYNTH_TEXT("sys/kernel/tainted", "0"),
	SYNTH_TEXT("sys/kernel/overflowuid", "65534"),
	SYNTH_TEXT("sys/kernel/overflowgid", "65534"),
	SYNTH_TEXT("sys/kernel/seccomp/actions_avail",
		"kill_process kill_thread trap errno user_notif trace log allow"),
	SYNTH_TEXT("sys/user/max_user_namespaces", "0"),
	SYNTH_FILE("sys/kernel/random/uuid", show_uuid, NULL),
	SYNTH_FILE("sys/kernel/random/boot_id", show_uuid, "boot"),
	SYNTH_TEXT("sys/kernel/random/entropy_avail", "256"),
	SYNTH_TEXT("sys/kernel/random/poolsize", "256"),
	{"sys/vm/drop_caches", S_IFREG | 0200, NULL, store_drop_caches, NULL},
	PROC_NUMBERS("sys/vm/overcommit_memory", &vm_overcommit.mode, 1, OVERCOMMIT_NEVER),
	{"sys/vm/overcommit_ratio", S_IFREG | 0644, proc_show_numbers, store_commit_limit,
		&commit_limits[0]},
	{"sys/vm/overcommit_kbytes", S_IFREG | 0644, proc_show_numbers, store_commit_limit,
		&commit_limits[1]},
	PROC_NUMBERS("sys/vm/admin_reserve_kbytes", &vm_overcommit.admin_reserve_kb, 1, ~0ull),
	PROC_NUMBERS("sys/vm/user_reserve_kbytes", &vm_overcommit.user_reserve_kb, 1, ~0ull),
	SYNTH_TEXT("sys/vm/max_map_count", "65530"),
	SYNTH_NUMBER("sys/vm/mmap_min_addr", USER_MIN),
	SYNTH_TEXT("sys/vm/panic_on_oom", "0"),
	SYNTH_TEXT("sys/vm/oom_kill_allocating_task", "0"),
	SYNTH_TEXT("sys/vm/legacy_va_layout", "0"),
	SYNTH_TEXT("sys/vm/nr_hugepages", "0"),
	SYNTH_NUMBER("sys/fs/mount-max", MOUNTS_MAX),
	SYNTH_NUMBER("sys/fs/inotify/max_user_watches", INOTIFY_WATCHES_MAX),
	SYNTH_NUMBER("sys/fs/inotify/max_queued_events", INOTIFY_EVENTS_MAX),
	SYNTH_TEXT("sys/fs/file-max", "9223372036854775807"),
	SYNTH_TEXT("sys/fs/nr_open", "1048576"),
	SYNTH_TEXT("sys/fs/pipe-max-size", "1048576"),
	SYNTH_TEXT("sys/fs/leases-enable", "1"),
	SYNTH_TEXT("sys/fs/dir-notify-enable", "1"),
	PROC_NUMBERS("sys/fs/lease-break-time", &lease_break_s, 1, INT32_MAX),
	SYNTH_FILE("sys/fs/file-nr", show_file_nr, NULL),
	SYNTH_TEXT("sys/net/core/somaxconn", "4096"),
};

void procfs_init(void);

void procfs_init(void)
{
	synth_start(&procfs, "/proc");
	procfs.root.dentry->inode->ops = &proc_root_ops;
	procfs.root.dentry->inode->file_ops = &proc_root_fops;
	proc_add(files, ARRAY_LEN(files));
	nsfs_init();
}
