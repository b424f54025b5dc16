/* The files of /proc that tell of the whole system, and /proc/sys. Layer: fs. Formats: proc(5). */
#include "procfs_internal.h"

#include <exo_abi/linux_fs.h>
#include <exo/cmdline.h>
#include <exo/drivers.h>
#include <exo/errno.h>
#include <exo/log.h>
#include <exo/memory.h>
#include <exo/posix_calls.h>
#include <exo/string.h>
#include <exo/uts.h>
#include <arch/cpu.h>
#include <arch/irq.h>

#define USER_HZ   100
#define KB(pages) ((u64)(pages) * (PAGE_SIZE / 1024))

static int show_meminfo(struct seq *s, void *ctx)
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
	ROW("CommitLimit", m.pages_total / 2);
	ROW("Committed_AS", vm_committed_pages());
#undef ROW
	seq_printf(s, "VmallocTotal:   34359738367 kB\nHugePages_Total:       0\nHugePages_Free:   "
		      "     0\nHugepagesize:       2048 kB\n");
	return 0;
}

static void show_cpu_line(struct seq *s, const char *name, const struct sched_stats *st)
{
	u64 tick = NS_PER_SEC / USER_HZ;

	seq_printf(s, "%s %lu %lu %lu %lu 0 %lu 0 0 0 0\n", name, st->user_ns / tick,
		st->nice_ns / tick, st->system_ns / tick, st->idle_ns / tick, st->irq_ns / tick);
}

static int show_stat(struct seq *s, void *ctx)
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
	return 0;
}

static int show_uptime(struct seq *s, void *ctx)
{
	struct sched_stats st;
	u64 idle = 0, up = clock_boottime();
	u32 cpu;

	for_each_online_cpu (cpu) {
		sched_cpu_stats(cpu, &st);
		idle += st.idle_ns;
	}
	seq_printf(s, "%lu.%02lu %lu.%02lu\n", up / NS_PER_SEC, up % NS_PER_SEC / 10000000,
		idle / NS_PER_SEC, idle % NS_PER_SEC / 10000000);
	return 0;
}

static int show_loadavg(struct seq *s, void *ctx)
{
	u32 running, total;
	u64 load[3];

	sched_loadavg(load, &running, &total);
	for (int i = 0; i < 3; i++)
		seq_printf(s, "%lu.%02lu ", load[i] >> 11, (load[i] & 2047) * 100 >> 11);
	seq_printf(s, "%u/%u %d\n", running, total, pid_last());
	return 0;
}

static int show_cpuinfo(struct seq *s, void *ctx)
{
	size_t size = 8192;
	char *buf = kmalloc(size, ALLOC_KERNEL);
	u32 cpu;

	if (!buf)
		return -ENOMEM;
	for_each_online_cpu (cpu)
		seq_write(s, buf, MIN((size_t)arch_cpuinfo(cpu, buf, size), size - 1));
	kfree(buf);
	return 0;
}

static int show_version(struct seq *s, void *ctx)
{
	struct uts_names n;

	uts_get(&n);
	seq_printf(s, "%s version %s (Exo-OS) %s\n", n.sysname, n.release, n.version);
	return 0;
}

static int show_cmdline(struct seq *s, void *ctx)
{
	seq_printf(s, "%s\n", cmdline_text());
	return 0;
}

static int show_filesystems(struct seq *s, void *ctx)
{
	for (struct fs_type *t = fs_type_next(NULL); t; t = fs_type_next(t))
		seq_printf(s, "%s\t%s\n", t->flags & FS_NODEV ? "nodev" : "", t->name);
	return 0;
}

static int show_interrupts(struct seq *s, void *ctx)
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
	return 0;
}

static int show_slabinfo(struct seq *s, void *ctx)
{
	size_t size = 64 * 1024, n;
	char *buf = kmalloc(size, ALLOC_KERNEL);

	if (!buf)
		return -ENOMEM;
	n = heap_slabinfo(buf, size);
	seq_write(s, buf, MIN(n, size - 1));
	kfree(buf);
	return 0;
}

static int show_vmstat(struct seq *s, void *ctx)
{
	struct mem_stats m;

	mem_stats_get(&m);
	seq_printf(s,
		"nr_free_pages %lu\nnr_anon_pages %lu\nnr_file_pages %lu\nnr_dirty "
		"%lu\nnr_page_table_pages %lu\nnr_kernel_stack %lu\n",
		m.pages_free, m.pages_anon, m.pages_cache, m.pages_dirty, m.pages_table,
		KB(m.pages_kstack));
	return 0;
}

static int show_swaps(struct seq *s, void *ctx)
{
	seq_printf(s, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
	return 0;
}

static int show_text(struct seq *s, void *ctx)
{
	seq_printf(s, "%s\n", (const char *)ctx);
	return 0;
}

/* @ctx: the offset of the field in struct uts_names. */
static int show_uts(struct seq *s, void *ctx)
{
	struct uts_names n;

	uts_get(&n);
	seq_printf(s, "%s\n", (const char *)&n + (uintptr_t)ctx);
	return 0;
}

static ssize_t store_hostname(const char *text, size_t len, void *ctx)
{
	int err;

	if (!cred_capable(current->cred, LCAP_SYS_ADMIN))
		return -EPERM;
	err = uts_set_nodename(text, len && text[len - 1] == '\n' ? len - 1 : len);
	return err ? err : (ssize_t)len;
}

static int show_pid_max(struct seq *s, void *ctx)
{
	seq_printf(s, "%d\n", pid_max_get());
	return 0;
}

/* One decimal number, perhaps with a newline behind it. 0 | -EINVAL */
static int number_parse(const char *text, u64 *out)
{
	const char *end;
	int err = str_to_u64(text, &end, 10, out);

	return err || (*end && *end != '\n') ? -EINVAL : 0;
}

static ssize_t store_pid_max(const char *text, size_t len, void *ctx)
{
	u64 n;
	int err = number_parse(text, &n);

	if (!err)
		err = n > 0x7fffffff ? -EINVAL : pid_max_set((pid_t)n);
	return err ? err : (ssize_t)len;
}

static int show_core_pattern(struct seq *s, void *ctx)
{
	char text[128];

	core_pattern_get(text);
	seq_printf(s, "%s\n", text);
	return 0;
}

static ssize_t store_core_pattern(const char *text, size_t len, void *ctx)
{
	core_pattern_set(text, len);
	return (ssize_t)len;
}

static int show_u32(struct seq *s, void *ctx)
{
	seq_printf(s, "%u\n", __atomic_load_n((u32 *)ctx, __ATOMIC_RELAXED));
	return 0;
}

static ssize_t store_u32(const char *text, size_t len, void *ctx)
{
	u64 n;
	int err = number_parse(text, &n);

	if (err || n > INT32_MAX)
		return -EINVAL;
	__atomic_store_n((u32 *)ctx, (u32)n, __ATOMIC_RELAXED);
	return (ssize_t)len;
}

static int show_threads_max(struct seq *s, void *ctx)
{
	seq_printf(s, "%u\n", threads_max_get());
	return 0;
}

/* The page cache is the only copy of what tmpfs holds, so 1 (clean pages) drops no page; 2 and 3
 * drop dentries and all that the allocators keep at hand. */
static ssize_t store_drop_caches(const char *text, size_t len, void *ctx)
{
	u64 n;
	int err = number_parse(text, &n);

	if (err || n < 1 || n > 4)
		return -EINVAL;
	if (n & 2)
		memory_drain();
	return (ssize_t)len;
}

static int show_file_nr(struct seq *s, void *ctx)
{
	seq_printf(s, "%lu\t0\t%lu\n", files_open(), ~0UL >> 1);
	return 0;
}

static int show_uuid(struct seq *s, void *ctx)
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
	return 0;
}

static int link_self(char *buf, size_t size)
{
	return current->proc ? snprintf(buf, size, "%d", process_pid(current->proc)) : -ENOENT;
}

static int link_thread_self(char *buf, size_t size)
{
	return current->proc
		       ? snprintf(buf, size, "%d/task/%d", process_pid(current->proc), current->tid)
		       : -ENOENT;
}

static const struct {
	const char *path;
	int (*show)(struct seq *s, void *ctx);
	const void *ctx;
} files[] = {
	{"meminfo", show_meminfo, NULL},
	{"stat", show_stat, NULL},
	{"uptime", show_uptime, NULL},
	{"loadavg", show_loadavg, NULL},
	{"cpuinfo", show_cpuinfo, NULL},
	{"version", show_version, NULL},
	{"cmdline", show_cmdline, NULL},
	{"filesystems", show_filesystems, NULL},
	{"interrupts", show_interrupts, NULL},
	{"vmstat", show_vmstat, NULL},
	{"swaps", show_swaps, NULL},
	{"sys/kernel/ngroups_max", show_text, "65536"},
	{"sys/kernel/cap_last_cap", show_text, "40"},
	{"sys/kernel/threads-max", show_threads_max, NULL},
	{"sys/kernel/sched_rt_period_us", show_text, "1000000"},
	{"sys/kernel/sched_rt_runtime_us", show_text, "950000"},
	{"sys/kernel/randomize_va_space", show_text, "2"},
	{"sys/kernel/ostype", show_uts, (void *)offsetof(struct uts_names, sysname)},
	{"sys/kernel/osrelease", show_uts, (void *)offsetof(struct uts_names, release)},
	{"sys/kernel/version", show_uts, (void *)offsetof(struct uts_names, version)},
	{"sys/kernel/random/uuid", show_uuid, NULL},
	{"sys/kernel/random/boot_id", show_uuid, "boot"},
	{"sys/kernel/random/entropy_avail", show_text, "256"},
	{"sys/kernel/random/poolsize", show_text, "256"},
	{"sys/vm/overcommit_memory", show_text, "0"},
	{"sys/vm/max_map_count", show_text, "65530"},
	{"sys/fs/file-max", show_text, "9223372036854775807"},
	{"sys/fs/nr_open", show_text, "1048576"},
	{"sys/fs/pipe-max-size", show_text, "1048576"},
	{"sys/fs/file-nr", show_file_nr, NULL},
	{"sys/net/core/somaxconn", show_text, "4096"},
};

static void add_link(
	struct synth_fs *fs, const char *path, const char *text, int (*fn)(char *, size_t))
{
	struct synth_node *n;

	if (synth_add(fs, path, S_IFLNK | 0777, &n)) {
		log_err("procfs: no memory for %s", path);
		return;
	}
	n->link = text;
	n->link_fn = fn;
}

extern struct synth_fs procfs;

void proc_system_init(void)
{
	int err = 0;

	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		err |= proc_register(files[i].path, S_IFREG | 0444, files[i].show, NULL,
			(void *)(uintptr_t)files[i].ctx);
	err |= proc_register("slabinfo", S_IFREG | 0400, show_slabinfo, NULL, NULL);
	err |= proc_register("sys/kernel/hostname", S_IFREG | 0644, show_uts, store_hostname,
		(void *)offsetof(struct uts_names, nodename));
	err |= proc_register(
		"sys/kernel/pid_max", S_IFREG | 0644, show_pid_max, store_pid_max, NULL);
	err |= proc_register("sys/kernel/core_pattern", S_IFREG | 0644, show_core_pattern,
		store_core_pattern, NULL);
	err |= proc_register(
		"sys/kernel/core_uses_pid", S_IFREG | 0644, show_u32, store_u32, &core_uses_pid);
	err |= proc_register("sys/vm/drop_caches", S_IFREG | 0200, NULL, store_drop_caches, NULL);
	err |= proc_register("sys/kernel/domainname", S_IFREG | 0444, show_uts, NULL,
		(void *)offsetof(struct uts_names, domainname));
	if (err)
		log_err("procfs: not all files could be made");
	add_link(&procfs, "self", NULL, link_self);
	add_link(&procfs, "thread-self", NULL, link_thread_self);
	add_link(&procfs, "mounts", "self/mounts", NULL);
}
