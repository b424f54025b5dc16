/* sysfs: the files under /sys. Layer: fs. What programs of the tiers read: the CPUs and memory
 * nodes. */
#include "../synthfs/synth_internal.h"

#include <exo_abi/linux_fs.h>
#include <exo/errno.h>
#include <exo/log.h>
#include <exo/string.h>
#include <exo/vm.h>
#include <arch/cpu.h>

void sysfs_init(void);

static struct synth_fs sysfs;

static int sysfs_mount(const char *source, const char *data, u32 flags, struct super_block **out);
static struct fs_type sysfs_type = {.name = "sysfs", .mount = sysfs_mount, .flags = FS_NODEV};

static int sysfs_mount(const char *source, const char *data, u32 flags, struct super_block **out)
{
	return synth_mount(&sysfs, &sysfs_type, out);
}

int sysfs_register(const char *path, u32 mode, int (*show)(struct seq *s, void *ctx),
	ssize_t (*store)(const char *text, size_t len, void *ctx), void *ctx)
{
	struct synth_node *n;
	int err = synth_add(&sysfs, path, mode, &n);

	if (err)
		return err;
	n->show = show;
	n->store = store;
	n->ctx = ctx;
	return 0;
}

/* "0-3,5": the form of every CPU list. */
static int show_cpu_mask(struct seq *s, cpumask_t mask)
{
	const char *comma = "";

	for (u32 first = 0; first < CPUS_MAX; first++) {
		u32 last = first;

		if (!(mask >> first & 1))
			continue;
		while (last + 1 < CPUS_MAX && mask >> (last + 1) & 1)
			last++;
		seq_printf(s, last > first ? "%s%u-%u" : "%s%u", comma, first, last);
		comma = ",";
		first = last;
	}
	seq_printf(s, "\n");
	return 0;
}

static int show_online(struct seq *s, void *ctx)
{
	return show_cpu_mask(s, __atomic_load_n(&cpu_online_mask, __ATOMIC_ACQUIRE));
}

static int show_present(struct seq *s, void *ctx)
{
	return show_cpu_mask(s, cpu_count >= 64 ? ~0ULL : BIT(cpu_count) - 1);
}

static int show_text(struct seq *s, void *ctx)
{
	seq_printf(s, "%s\n", (const char *)ctx);
	return 0;
}

static int show_number(struct seq *s, void *ctx)
{
	seq_printf(s, "%lu\n", (u64)(uintptr_t)ctx);
	return 0;
}

static const char *const huge_modes[] = {
	[HUGE_NEVER] = "never", [HUGE_MADVISE] = "madvise", [HUGE_ALWAYS] = "always"};

static int show_huge(struct seq *s, void *ctx)
{
	u32 now = READ_ONCE(vm_huge_mode);

	for (u32 i = ARRAY_LEN(huge_modes); i-- > 0;)
		seq_printf(s, i == now ? "[%s]%c" : "%s%c", huge_modes[i], i ? ' ' : '\n');
	return 0;
}

static ssize_t store_huge(const char *text, size_t len, void *ctx)
{
	size_t word = len && text[len - 1] == '\n' ? len - 1 : len;

	for (u32 i = 0; i < ARRAY_LEN(huge_modes); i++)
		if (word == strlen(huge_modes[i]) && !memcmp(text, huge_modes[i], word)) {
			WRITE_ONCE(vm_huge_mode, i);
			return (ssize_t)len;
		}
	return -EINVAL;
}

static void add_processors(void)
{
	char path[80];

	for (u32 cpu = 0; cpu < cpu_count; cpu++) {
		snprintf(path, sizeof(path), "devices/system/cpu/cpu%u/topology/core_id", cpu);
		if (sysfs_register(path, S_IFREG | 0444, show_number, NULL, (void *)(uintptr_t)cpu))
			log_err("sysfs: no memory for %s", path);
	}
}

void sysfs_init(void)
{
	static const struct {
		const char *path;
		int (*show)(struct seq *s, void *ctx);
		const char *ctx;
	} files[] = {
		{"devices/system/cpu/possible", show_present, NULL},
		{"devices/system/cpu/present", show_present, NULL},
		{"devices/system/cpu/online", show_online, NULL},
		{"devices/system/cpu/kernel_max", show_text, "63"},
		{"devices/system/node/possible", show_text, "0"},
		{"devices/system/node/online", show_text, "0"},
		{"devices/system/node/has_memory", show_text, "0"},
		{"devices/system/node/node0/cpulist", show_present, NULL},
		{"devices/system/clocksource/clocksource0/current_clocksource", show_text, "tsc"},
		{"devices/system/clocksource/clocksource0/available_clocksource", show_text, "tsc"},
	};

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		if (sysfs_register(files[i].path, S_IFREG | 0444, files[i].show, NULL,
			    (void *)(uintptr_t)files[i].ctx))
			log_err("sysfs: no memory for %s", files[i].path);
	}
	if (sysfs_register("kernel/mm/transparent_hugepage/enabled", S_IFREG | 0644, show_huge,
		    store_huge, NULL))
		log_err("sysfs: no memory for transparent_hugepage");
	add_processors();
	fs_register(&sysfs_type);
	if (vfs_mkdir("/sys", 0555) || vfs_mount("sysfs", "sysfs", "/sys", 0, ""))
		log_err("sysfs: cannot mount on /sys");
}
