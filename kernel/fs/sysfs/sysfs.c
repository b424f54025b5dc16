/* sysfs: the files under /sys. Layer: fs. What programs of the tiers read: the CPUs and memory
 * nodes. */
#include "../synthfs/synth_internal.h"

#include <exo_abi/linux_fs.h>
#include <exo/errno.h>
#include <exo/string.h>
#include <exo/vm.h>
#include <arch/cpu.h>

void sysfs_init(void);

/* "0-3,5": the form of every CPU list; @as_mask: in words of 32. */
static int show_cpu_mask(struct seq *s, cpumask_t mask, const void *as_mask)
{
	const char *comma = "";

	if (as_mask) {
		seq_printf(s, "%08lx,%08x\n", mask >> 32, (u32)mask);
		return 0;
	}
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

static int show_online(struct seq *s, const void *ctx)
{
	return show_cpu_mask(s, __atomic_load_n(&cpu_online_mask, __ATOMIC_ACQUIRE), ctx);
}

static int show_present(struct seq *s, const void *ctx)
{
	return show_cpu_mask(s, cpu_count >= 64 ? ~0ULL : BIT(cpu_count) - 1, ctx);
}

static int show_alone(struct seq *s, const void *ctx)
{
	return show_cpu_mask(s, BIT((uintptr_t)ctx), "mask");
}

static int show_number(struct seq *s, const void *ctx)
{
	seq_printf(s, "%lu\n", (u64)(uintptr_t)ctx);
	return 0;
}

static const char *const huge_modes[] = {
	[HUGE_NEVER] = "never", [HUGE_MADVISE] = "madvise", [HUGE_ALWAYS] = "always"};

static int show_huge(struct seq *s, const void *ctx)
{
	u32 now = READ_ONCE(vm_huge_mode);

	for (u32 i = ARRAY_LEN(huge_modes); i-- > 0;)
		seq_printf(s, i == now ? "[%s]%c" : "%s%c", huge_modes[i], i ? ' ' : '\n');
	return 0;
}

static ssize_t store_huge(const char *text, size_t len, const void *ctx)
{
	size_t word = len && text[len - 1] == '\n' ? len - 1 : len;

	for (u32 i = 0; i < ARRAY_LEN(huge_modes); i++)
		if (word == strlen(huge_modes[i]) && !memcmp(text, huge_modes[i], word)) {
			WRITE_ONCE(vm_huge_mode, i);
			return (ssize_t)len;
		}
	return -EINVAL;
}

static struct objects_fs sysfs = {
	.type = {.name = "sysfs", .magic = 0x62656572, .flags = FS_NODEV}};

void sysfs_init(void)
{
	static const struct synth_file files[] = {
		SYNTH_FILE("devices/system/cpu/possible", show_present, NULL),
		SYNTH_FILE("devices/system/cpu/present", show_present, NULL),
		SYNTH_FILE("devices/system/cpu/online", show_online, NULL),
		SYNTH_TEXT("devices/system/cpu/kernel_max", "63"),
		SYNTH_TEXT("devices/system/node/possible", "0"),
		SYNTH_TEXT("devices/system/node/online", "0"),
		SYNTH_TEXT("devices/system/node/has_memory", "0"),
		SYNTH_FILE("devices/system/node/node0/cpulist", show_present, NULL),
		SYNTH_FILE("devices/system/node/node0/cpumap", show_present, "mask"),
		SYNTH_TEXT("devices/system/clocksource/clocksource0/current_clocksource", "tsc"),
		SYNTH_TEXT("devices/system/clocksource/clocksource0/available_clocksource", "tsc"),
		{"kernel/mm/transparent_hugepage/enabled", S_IFREG | 0644, show_huge, store_huge,
			NULL},
	};

	synth_start(&sysfs, "/sys");
	synth_add(&sysfs, files, ARRAY_LEN(files));
}

void sysfs_add_cpus(void)
{
	char path[80];

	for (uintptr_t cpu = 0; cpu < cpu_count; cpu++) {
		const struct synth_file topology[] = {
			SYNTH_FILE("core_id", show_number, (void *)cpu),
			SYNTH_FILE("physical_package_id", show_number, NULL),
			SYNTH_FILE("thread_siblings", show_alone, (void *)cpu),
			SYNTH_FILE("core_siblings", show_present, "mask")};

		for (u32 i = 0; i < ARRAY_LEN(topology); i++) {
			struct synth_file f = topology[i];

			snprintf(path, sizeof(path), "devices/system/cpu/cpu%lu/topology/%s", cpu,
				f.path);
			f.path = path;
			synth_add(&sysfs, &f, 1);
		}
	}
}
