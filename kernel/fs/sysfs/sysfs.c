/* sysfs: the files under /sys. Layer: fs. What programs of the tiers read: the CPUs with their
 * caches, and nodes. */
#include "../synthfs/synth_internal.h"

#include <exo_abi/linux_fs.h>
#include <exo/acpi.h>
#include <exo/errno.h>
#include <exo/memory.h>
#include <exo/string.h>
#include <exo/vm.h>
#include <arch/cpu.h>

void sysfs_init(void);

#define SYSTEM     "devices/system/"
#define CACHES_MAX 8u

/* What a file is of, in its ctx: a number, and of what, or how it is shown. */
#define OF(what, number) ((void *)((uintptr_t)(what) << 16 | (uintptr_t)(number)))

/* Sets of CPUs, or of nodes; as a list, or as a mask. */
enum { CPUS_PRESENT, CPUS_ONLINE, CPUS_OFFLINE, CPU_ALONE, CPUS_OF_NODE, NODES, NODES_WITH_CPU };
#define MASK 0x80

/* "0-3,5", or a mask in words of 32, as wide as the machine. */
static int show_bits(struct seq *s, u64 bits, bool as_mask)
{
	const char *comma = "";
	int digits = (int)(cpu_count + 3) / 4;

	if (as_mask && digits > 8)
		seq_printf(s, "%0*lx,", digits - 8, bits >> 32);
	if (as_mask)
		seq_printf(s, "%0*x", MIN(digits, 8), (u32)bits);
	for (u32 first = 0, last; !as_mask && first < CPUS_MAX; first = last + 1) {
		last = first;
		if (!(bits >> first & 1))
			continue;
		while (last + 1 < CPUS_MAX && bits >> (last + 1) & 1)
			last++;
		seq_printf(s, last > first ? "%s%u-%u" : "%s%u", comma, first, last);
		comma = ",";
	}
	seq_printf(s, "\n");
	return 0;
}

static int show_set(struct seq *s, const void *ctx)
{
	u32 set = (uintptr_t)ctx >> 16, number = (u16)(uintptr_t)ctx;
	u64 present = cpu_count >= 64 ? ~0ULL : BIT(cpu_count) - 1, of_node = 0, with_cpu = 0;
	u64 online = __atomic_load_n(&cpu_online_mask, __ATOMIC_ACQUIRE);

	for (u32 cpu = 0; cpu < cpu_count; cpu++) {
		of_node |= cpu_nodes[cpu] == number ? BIT(cpu) : 0;
		with_cpu |= BIT(cpu_nodes[cpu]);
	}
	const u64 sets[] = {[CPUS_PRESENT] = present, [CPUS_ONLINE] = online,
		[CPUS_OFFLINE] = present & ~online, [CPU_ALONE] = BIT(number),
		[CPUS_OF_NODE] = of_node, [NODES] = BIT(acpi_info.node_count) - 1,
		[NODES_WITH_CPU] = with_cpu};

	return show_bits(s, sets[set & ~MASK], set & MASK);
}

static int show_number(struct seq *s, const void *ctx)
{
	seq_printf(s, "%lu\n", (u64)(uintptr_t)ctx);
	return 0;
}

static int show_link(struct seq *s, const void *ctx) /* ctx: the kind's name, then the number */
{
	const char *kind = (uintptr_t)ctx >> 16 ? "node" : "cpu";

	seq_printf(s, "../../%s/%s%u\n", kind, kind, (u16)(uintptr_t)ctx);
	return 0;
}

static const char *const cache_names[] = {"level", "coherency_line_size", "ways_of_associativity",
	"number_of_sets", "physical_line_partition", "id", "size", "type", "shared_cpu_map",
	"shared_cpu_list"};

/* ctx: the place in cache_names; the cache's index times 256 and the CPU. */
static int show_cache(struct seq *s, const void *ctx)
{
	static const char *const types[] = {"", "Data", "Instruction", "Unified"};
	u32 what = (uintptr_t)ctx >> 16;
	struct cpu_cache c = arch_cpu_cache((u8)(uintptr_t)ctx, (uintptr_t)ctx >> 8 & 0xff);
	const u32 numbers[] = {c.level, c.line, c.ways, c.sets, c.partitions, c.id};

	if (what < ARRAY_LEN(numbers))
		seq_printf(s, "%u\n", numbers[what]);
	else if (what == 6)
		seq_printf(s, "%luK\n", (u64)c.line * c.ways * c.sets * c.partitions / 1024);
	else if (what == 7)
		seq_printf(s, "%s\n", types[c.type]);
	else
		show_bits(s, c.users, what == 8);
	return 0;
}

/* All memory is given out as that of node 0. */
static int show_node_memory(struct seq *s, const void *ctx)
{
	struct mem_stats m;

	mem_stats_get(&m);
	const struct {
		const char *name;
		u64 pages;
	} rows[] = {{"MemTotal:", m.pages_total}, {"MemFree:", m.pages_free},
		{"MemUsed:", m.pages_total - m.pages_free}, {"Dirty:", m.pages_dirty},
		{"FilePages:", m.pages_cache}, {"AnonPages:", m.pages_anon},
		{"Shmem:", m.pages_shmem}, {"KernelStack:", m.pages_kstack},
		{"PageTables:", m.pages_table}, {"Slab:", m.pages_slab}};

	for (u32 i = 0; i < ARRAY_LEN(rows); i++)
		seq_printf(s, "Node %lu %-15s %8lu kB\n", (u64)(uintptr_t)ctx, rows[i].name,
			ctx ? 0 : rows[i].pages * (PAGE_SIZE / 1024));
	return 0;
}

static int show_distance(struct seq *s, const void *ctx)
{
	for (u32 to = 0; to < acpi_info.node_count; to++)
		seq_printf(s, to ? " %u" : "%u", acpi_info.distance[(uintptr_t)ctx][to]);
	seq_printf(s, "\n");
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
		SYNTH_FILE(SYSTEM "cpu/possible", show_set, OF(CPUS_PRESENT, 0)),
		SYNTH_FILE(SYSTEM "cpu/present", show_set, OF(CPUS_PRESENT, 0)),
		SYNTH_FILE(SYSTEM "cpu/online", show_set, OF(CPUS_ONLINE, 0)),
		SYNTH_FILE(SYSTEM "cpu/offline", show_set, OF(CPUS_OFFLINE, 0)),
		SYNTH_TEXT(SYSTEM "cpu/kernel_max", "63"),
		SYNTH_FILE(SYSTEM "node/possible", show_set, OF(NODES, 0)),
		SYNTH_FILE(SYSTEM "node/online", show_set, OF(NODES, 0)),
		SYNTH_FILE(SYSTEM "node/has_cpu", show_set, OF(NODES_WITH_CPU, 0)),
		SYNTH_TEXT(SYSTEM "node/has_memory", "0"),
		SYNTH_TEXT(SYSTEM "node/has_normal_memory", "0"),
		SYNTH_TEXT(SYSTEM "clocksource/clocksource0/current_clocksource", "tsc"),
		SYNTH_TEXT(SYSTEM "clocksource/clocksource0/available_clocksource", "tsc"),
		{"kernel/mm/transparent_hugepage/enabled", S_IFREG | 0644, show_huge, store_huge,
			NULL},
	};

	synth_start(&sysfs, "/sys");
	synth_add(&sysfs, files, ARRAY_LEN(files));
}

/* add - files into the folder devices/system/@kind@number. */
static void add(const char *kind, u32 number, const struct synth_file *files, size_t count)
{
	char path[100];

	for (size_t i = 0; i < count; i++) {
		struct synth_file f = files[i];

		snprintf(path, sizeof(path), SYSTEM "%s%u/%s", kind, number, f.path);
		f.path = path;
		synth_add(&sysfs, &f, 1);
	}
}

static void add_cpu(u32 cpu)
{
	char path[60];
	const struct synth_file topology[] = {
		SYNTH_FILE("topology/core_id", show_number, OF(0, cpu)),
		SYNTH_FILE("topology/physical_package_id", show_number, NULL),
		SYNTH_FILE("topology/thread_siblings", show_set, OF(CPU_ALONE | MASK, cpu)),
		SYNTH_FILE("topology/thread_siblings_list", show_set, OF(CPU_ALONE, cpu)),
		SYNTH_FILE("topology/core_siblings", show_set, OF(CPUS_PRESENT | MASK, 0)),
		SYNTH_FILE("topology/core_siblings_list", show_set, OF(CPUS_PRESENT, 0))};
	struct synth_file f = {path, S_IFLNK | 0777, show_link, NULL, OF(1, cpu_nodes[cpu])};

	add("cpu/cpu", cpu, topology, ARRAY_LEN(topology));
	snprintf(path, sizeof(path), "node%u", cpu_nodes[cpu]);
	add("cpu/cpu", cpu, &f, 1);
	snprintf(path, sizeof(path), "cpu%u", cpu);
	f.ctx = OF(0, cpu);
	add("node/node", cpu_nodes[cpu], &f, 1);
	for (u32 i = 0; i < CACHES_MAX && arch_cpu_cache(cpu, i).type; i++)
		for (u32 n = 0; n < ARRAY_LEN(cache_names); n++) {
			f = (struct synth_file)SYNTH_FILE(path, show_cache, OF(n, i << 8 | cpu));
			snprintf(path, sizeof(path), "cache/index%u/%s", i, cache_names[n]);
			add("cpu/cpu", cpu, &f, 1);
		}
}

void sysfs_add_cpus(void)
{
	for (u32 cpu = 0; cpu < cpu_count; cpu++)
		add_cpu(cpu);
	for (u32 node = 0; node < acpi_info.node_count; node++) {
		const struct synth_file files[] = {
			SYNTH_FILE("cpulist", show_set, OF(CPUS_OF_NODE, node)),
			SYNTH_FILE("cpumap", show_set, OF(CPUS_OF_NODE | MASK, node)),
			SYNTH_FILE("distance", show_distance, OF(0, node)),
			SYNTH_FILE("meminfo", show_node_memory, OF(0, node))};

		add("node/node", node, files, ARRAY_LEN(files));
	}
}
