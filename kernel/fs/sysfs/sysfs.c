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

#define CACHES_MAX 8u /* of a CPU */
#define SYSTEM     "devices/system/"

/* The ctx of most files: what they show, of what. */
#define OF(what, index, number) ((void *)((uintptr_t)(what) << 16 | (index) << 8 | (number)))
#define WHAT(ctx)               ((u32)((uintptr_t)(ctx) >> 16))
#define INDEX(ctx)              ((u8)((uintptr_t)(ctx) >> 8))
#define NUMBER(ctx)             ((u8)(uintptr_t)(ctx))

/* "0-3,5", or as a mask in words of 32, as wide as the machine. */
static void show_bits(struct seq *s, u64 bits, bool as_mask)
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
}

/* The sets; a list of ALONE or FIRST is its number, too. */
enum { PRESENT, ONLINE, ALONE, FIRST, IN_NODE, NODES, NODES_WITH_CPU, AS_MASK = 8 };

static void show_set(struct seq *s, const void *ctx)
{
	u64 present = cpu_count >= 64 ? ~0ULL : BIT(cpu_count) - 1, in_node = 0, with_cpu = 0;

	for (u32 cpu = 0; cpu < cpu_count; cpu++) {
		in_node |= cpu_nodes[cpu] == NUMBER(ctx) ? BIT(cpu) : 0;
		with_cpu |= BIT(cpu_nodes[cpu]);
	}
	const u64 sets[AS_MASK] = {present, __atomic_load_n(&cpu_online_mask, __ATOMIC_ACQUIRE),
		BIT(NUMBER(ctx)), 1, in_node, BIT(acpi_info.node_count) - 1, with_cpu};

	show_bits(s, sets[WHAT(ctx) % AS_MASK], WHAT(ctx) & AS_MASK);
}

static void show_link(struct seq *s, const void *ctx)
{
	seq_printf(s, WHAT(ctx) ? "../../node/node%u\n" : "../../cpu/cpu%u\n", INDEX(ctx));
}

enum { CACHE_SIZE = sizeof(struct cpu_cache), CACHE_TYPE, CACHE_MAP, CACHE_LIST };

static void show_cache(struct seq *s, const void *ctx)
{
	struct cpu_cache c = arch_cpu_cache(NUMBER(ctx), INDEX(ctx));

	if (WHAT(ctx) >= CACHE_MAP)
		show_bits(s, c.users, WHAT(ctx) == CACHE_MAP);
	else if (WHAT(ctx) == CACHE_TYPE)
		seq_printf(
			s, "%s\n", (const char *[]){"", "Data", "Instruction", "Unified"}[c.type]);
	else if (WHAT(ctx) == CACHE_SIZE)
		seq_printf(s, "%luK\n", (u64)c.line * c.ways * c.sets * c.partitions / 1024);
	else
		seq_printf(s, "%u\n", *(u32 *)((char *)&c + WHAT(ctx)));
}

static void show_node_memory(struct seq *s, const void *ctx)
{
	struct mem_stats m = {0};
	u32 node = NUMBER(ctx), kb = PAGE_SIZE / 1024;

	if (!node) /* all memory is given out as that of node 0 */
		mem_stats_get(&m);
	seq_printf(s,
		"Node %u MemTotal:       %8lu kB\nNode %u MemFree:        %8lu kB\n"
		"Node %u MemUsed:        %8lu kB\n",
		node, m.pages_total * kb, node, m.pages_free * kb, node,
		(m.pages_total - m.pages_free) * kb);
}

static void show_distance(struct seq *s, const void *ctx)
{
	for (u32 to = 0; to < acpi_info.node_count; to++)
		seq_printf(s, "%u%c", acpi_info.distance[NUMBER(ctx)][to],
			to + 1 < acpi_info.node_count ? ' ' : '\n');
}

static const char *const huge_modes[] = {
	[HUGE_NEVER] = "never", [HUGE_MADVISE] = "madvise", [HUGE_ALWAYS] = "always"};

static void show_huge(struct seq *s, const void *ctx)
{
	u32 now = READ_ONCE(vm_huge_mode);

	for (u32 i = ARRAY_LEN(huge_modes); i-- > 0;)
		seq_printf(s, i == now ? "[%s]%c" : "%s%c", huge_modes[i], i ? ' ' : '\n');
}

static int store_huge(const char *text, size_t len, const void *ctx)
{
	size_t word = len && text[len - 1] == '\n' ? len - 1 : len;

	for (u32 i = 0; i < ARRAY_LEN(huge_modes); i++)
		if (word == strlen(huge_modes[i]) && !memcmp(text, huge_modes[i], word)) {
			WRITE_ONCE(vm_huge_mode, i);
			return 0;
		}
	return -EINVAL;
}

static struct objects_fs sysfs = {
	.type = {.name = "sysfs", .magic = 0x62656572, .flags = FS_NODEV}};

void sysfs_init(void)
{
	static const struct synth_file files[] = {
		SYNTH_FILE(SYSTEM "cpu/possible", show_set, OF(PRESENT, 0, 0)),
		SYNTH_FILE(SYSTEM "cpu/present", show_set, OF(PRESENT, 0, 0)),
		SYNTH_FILE(SYSTEM "cpu/online", show_set, OF(ONLINE, 0, 0)),
		SYNTH_TEXT(SYSTEM "cpu/kernel_max", "63"),
		SYNTH_FILE(SYSTEM "node/possible", show_set, OF(NODES, 0, 0)),
		SYNTH_FILE(SYSTEM "node/online", show_set, OF(NODES, 0, 0)),
		SYNTH_FILE(SYSTEM "node/has_cpu", show_set, OF(NODES_WITH_CPU, 0, 0)),
		SYNTH_TEXT(SYSTEM "node/has_memory", "0"),
		SYNTH_TEXT(SYSTEM "clocksource/clocksource0/current_clocksource", "tsc"),
		SYNTH_TEXT(SYSTEM "clocksource/clocksource0/available_clocksource", "tsc"),
		{"kernel/mm/transparent_hugepage/enabled", S_IFREG | 0644, show_huge, store_huge,
			NULL},
	};

	synth_start(&sysfs, "/sys");
	synth_add(&sysfs, files, ARRAY_LEN(files));
}

/* Adds files whose paths have the place of a number and perhaps of an index. */
static void add(const struct synth_file *files, size_t count, u32 number, u32 index)
{
	char path[100];

	for (size_t i = 0; i < count; i++) {
		struct synth_file f = files[i];

		snprintf(path, sizeof(path), f.path, number, index);
		f.path = path;
		f.ctx = OF(WHAT(f.ctx), index, number);
		synth_add(&sysfs, &f, 1);
	}
}

void sysfs_add_cpus(void)
{
#define CPU               SYSTEM "cpu/cpu%u/"
#define NODE              SYSTEM "node/node%u/"
#define CACHE(name, what) SYNTH_FILE(CPU "cache/index%u/" name, show_cache, OF(what, 0, 0))
	static const struct synth_file cpu_files[] = {
		{CPU "node%u", S_IFLNK | 0777, show_link, NULL, OF(1, 0, 0)},
		SYNTH_FILE(CPU "topology/core_id", show_set, OF(ALONE, 0, 0)),
		SYNTH_FILE(CPU "topology/physical_package_id", show_set, OF(FIRST, 0, 0)),
		SYNTH_FILE(CPU "topology/thread_siblings", show_set, OF(ALONE | AS_MASK, 0, 0)),
		SYNTH_FILE(CPU "topology/thread_siblings_list", show_set, OF(ALONE, 0, 0)),
		SYNTH_FILE(CPU "topology/core_siblings", show_set, OF(PRESENT | AS_MASK, 0, 0)),
		SYNTH_FILE(CPU "topology/core_siblings_list", show_set, OF(PRESENT, 0, 0))};
	static const struct synth_file cache_files[] = {
		CACHE("level", offsetof(struct cpu_cache, level)),
		CACHE("id", offsetof(struct cpu_cache, id)),
		CACHE("coherency_line_size", offsetof(struct cpu_cache, line)),
		CACHE("ways_of_associativity", offsetof(struct cpu_cache, ways)),
		CACHE("number_of_sets", offsetof(struct cpu_cache, sets)),
		CACHE("physical_line_partition", offsetof(struct cpu_cache, partitions)),
		CACHE("size", CACHE_SIZE), CACHE("type", CACHE_TYPE),
		CACHE("shared_cpu_map", CACHE_MAP), CACHE("shared_cpu_list", CACHE_LIST)};
	static const struct synth_file node_files[] = {
		SYNTH_FILE(NODE "cpulist", show_set, OF(IN_NODE, 0, 0)),
		SYNTH_FILE(NODE "cpumap", show_set, OF(IN_NODE | AS_MASK, 0, 0)),
		SYNTH_FILE(NODE "distance", show_distance, NULL),
		SYNTH_FILE(NODE "meminfo", show_node_memory, NULL)};
	static const struct synth_file link = {NODE "cpu%u", S_IFLNK | 0777, show_link, NULL, NULL};

	for (u32 cpu = 0; cpu < cpu_count; cpu++) {
		add(cpu_files, ARRAY_LEN(cpu_files), cpu, cpu_nodes[cpu]);
		add(&link, 1, cpu_nodes[cpu], cpu);
		for (u32 i = 0; i < CACHES_MAX && arch_cpu_cache(cpu, i).type; i++)
			add(cache_files, ARRAY_LEN(cache_files), cpu, i);
	}
	for (u32 node = 0; node < acpi_info.node_count; node++)
		add(node_files, ARRAY_LEN(node_files), node, 0);
}
