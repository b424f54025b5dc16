/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* sysfs.c - /sys/devices/system: processors, their caches and nodes, each number against another
 * source of it. oracle: machine, for the host's /sys may be a part only. */
#include "t_.h"

#include <dirent.h>
#include <linux/mempolicy.h>
#include <stdarg.h>

T_SUITE(sysfs);

enum { CPUS = 64, PAGE = 4096 };
typedef unsigned long long mask_t;

/* The text of a file below /sys/devices/system without its newline; "" = there is none. */
static __attribute__((format(printf, 1, 2))) const char *text(const char *format, ...)
{
	static char all[PAGE];
	char path[200] = "/sys/devices/system/";
	va_list ap;
	long n;

	va_start(ap, format);
	vsnprintf(path + strlen(path), sizeof(path) - strlen(path), format, ap);
	va_end(ap);
	n = t_slurp(path, all, sizeof(all));
	if (n > 0 && all[n - 1] == '\n')
		all[n - 1] = 0;
	return n > 0 ? all : "";
}

static mask_t of_list(const char *list)
{
	mask_t mask = 0;
	int first, last, used;

	for (; sscanf(list, "%d%n", &first, &used) == 1; list += *list == ',') {
		list += used;
		last = first;
		if (*list == '-' && sscanf(list, "-%d%n", &last, &used) == 1)
			list += used;
		for (; first <= last && last < CPUS; first++)
			mask |= 1ull << first;
	}
	return mask;
}

/* "3", "ff,ffffffff" */
static mask_t of_map(const char *map)
{
	mask_t mask = 0;

	for (; *map; map++)
		if (*map != ',')
			mask = mask << 4 |
			       (mask_t)(strchr("0123456789abcdef", *map) - "0123456789abcdef");
	return mask;
}

static int count_of(mask_t mask)
{
	return __builtin_popcountll(mask);
}

static long number(const char *folder, const char *name)
{
	char *end;
	const char *t = text("%s/%s", folder, name);
	long n = strtol(t, &end, 10);

	return end == t ? -1 : n;
}

T_CASE(sets_of_cpus)
{
	mask_t online = of_list(text("cpu/online")), present = of_list(text("cpu/present"));

	t_check(online & 1);
	t_eq(count_of(online), sysconf(_SC_NPROCESSORS_ONLN));
	t_eq(online & ~present, 0);
	t_eq(of_list(text("cpu/possible")) & present, present);
	t_check(count_of(present) <= atoi(text("cpu/kernel_max")) + 1);
}

T_CASE(topology)
{
	mask_t present = of_list(text("cpu/present"));
	int cpus = count_of(present);

	for (int cpu = 0; cpu < cpus; cpu++) {
		char folder[64];

		sprintf(folder, "cpu/cpu%d/topology", cpu);
		t_check(number(folder, "core_id") >= 0);
		t_check(number(folder, "physical_package_id") >= 0);
		t_check(of_map(text("%s/thread_siblings", folder)) >> cpu & 1);
		t_eq(of_list(text("%s/thread_siblings_list", folder)),
			of_map(text("%s/thread_siblings", folder)));
		t_check(of_map(text("%s/core_siblings", folder)) >> cpu & 1);
		t_eq(of_list(text("%s/core_siblings_list", folder)),
			of_map(text("%s/core_siblings", folder)));
		/* A map is as wide as the machine, in words of 32. */
		t_eq(strlen(text("%s/core_siblings", folder)), (cpus + 3) / 4 + (cpus - 1) / 32);
	}
}

static void check_cache(const char *folder, int cpu)
{
	static const char *const types[] = {"Data", "Instruction", "Unified"};
	long size = number(folder, "coherency_line_size") *
		    number(folder, "ways_of_associativity") * number(folder, "number_of_sets") *
		    number(folder, "physical_line_partition");
	long level = number(folder, "level");
	mask_t shared = of_map(text("%s/shared_cpu_map", folder));
	const char *type = text("%s/type", folder);
	bool known = false;

	t_check(level >= 1 && level <= 4);
	for (int i = 0; i < 3; i++)
		known |= strcmp(type, types[i]) == 0;
	t_check(known);
	t_check(size >= 1024);
	t_eq(number(folder, "size") * 1024, size);
	t_check(strchr(text("%s/size", folder), 'K') != NULL);
	t_check(shared >> cpu & 1);
	t_eq(of_list(text("%s/shared_cpu_list", folder)), shared);
	t_check(number(folder, "id") >= 0);
}

T_CASE(caches)
{
	mask_t present = of_list(text("cpu/present"));
	long first = 0, here;

	for (int cpu = 0; cpu < count_of(present); cpu++) {
		char folder[64], path[128];

		for (here = 0;; here++) {
			sprintf(folder, "cpu/cpu%d/cache/index%ld", cpu, here);
			sprintf(path, "/sys/devices/system/%s", folder);
			if (access(path, F_OK))
				break;
			check_cache(folder, cpu);
		}
		if (!cpu)
			first = here;
		t_check(here >= 3);
		t_eq(here, first);
	}
	t_eq(sysconf(_SC_LEVEL1_DCACHE_LINESIZE),
		number("cpu/cpu0/cache/index0", "coherency_line_size"));
	t_errno(open("/sys/devices/system/cpu/cpu0/cache/index0/none", O_RDONLY), ENOENT);
	struct stat st;
	t_ret(stat("/sys/devices/system/cpu/cpu0/cache/index0/size", &st), 0);
	t_eq(st.st_mode, S_IFREG | 0444);
}

T_CASE(nodes)
{
	mask_t online = of_list(text("node/online")), cpus = 0, with_cpus = 0;
	long total = 0, free = 0;
	char at[100], to[PATH_MAX];

	t_check(online & 1);
	t_eq(of_list(text("node/possible")) & online, online);
	t_check(of_list(text("node/has_memory")) & 1);
	t_eq(of_list(text("node/has_memory")) & ~online, 0);
	for (int node = 0; node < count_of(online); node++) {
		mask_t here = of_list(text("node/node%d/cpulist", node));
		const char *distance;
		long kb = -1;
		int of, used, to_node = 0;

		t_eq(of_map(text("node/node%d/cpumap", node)), here);
		t_eq(cpus & here, 0); /* a CPU has one node */
		cpus |= here;
		with_cpus |= here ? 1ull << node : 0;
		for (int cpu = 0; cpu < CPUS; cpu++) {
			sprintf(at, "/sys/devices/system/node/node%d/cpu%d", node, cpu);
			t_eq(access(at, F_OK) == 0, here >> cpu & 1);
			sprintf(at, "/sys/devices/system/cpu/cpu%d/node%d", cpu, node);
			t_eq(access(at, F_OK) == 0, here >> cpu & 1);
			if (!(here >> cpu & 1))
				continue;
			t_check(realpath(at, to) != NULL);
			sprintf(at, "/sys/devices/system/node/node%d", node);
			t_str(to, at);
		}
		distance = text("node/node%d/distance", node);
		for (; sscanf(distance, "%d%n", &of, &used) == 1; distance += used, to_node++)
			t_check(to_node == node ? of == 10 : of > 10);
		t_eq(to_node, count_of(online));
		t_eq(sscanf(text("node/node%d/meminfo", node), "Node %d MemTotal: %ld kB", &of,
			     &kb),
			2);
		t_eq(of, node);
		t_check((kb > 0) == (int)(of_list(text("node/has_memory")) >> node & 1));
		total += kb;
		distance = strstr(text("node/node%d/meminfo", node), "MemFree:");
		t_check(distance && sscanf(distance, "MemFree: %ld", &kb) == 1);
		free += kb;
	}
	t_eq(cpus, of_list(text("cpu/online")));
	t_eq(with_cpus, of_list(text("node/has_cpu")));
	t_eq(total, sysconf(_SC_PHYS_PAGES) * 4);
	t_check(free > 0 && free < total);
}

/* A CPU's node is told alike by the call, by the vDSO and by /sys. */
T_CASE(node_of_a_cpu)
{
	mask_t online = of_list(text("cpu/online"));

	for (int cpu = 0; cpu < CPUS; cpu++) {
		unsigned by_call[2] = {99, 99}, by_vdso[2] = {99, 99};
		char at[100];
		cpu_set_t one;

		if (!(online >> cpu & 1))
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		t_ret(sched_setaffinity(0, sizeof(one), &one), 0);
		t_ret(syscall(SYS_getcpu, &by_call[0], &by_call[1], NULL), 0);
		t_ret(getcpu(&by_vdso[0], &by_vdso[1]), 0);
		t_eq(by_call[0], cpu);
		t_eq(by_vdso[0], cpu);
		t_eq(by_call[1], by_vdso[1]);
		sprintf(at, "/sys/devices/system/cpu/cpu%d/node%u/cpu%d", cpu, by_call[1], cpu);
		t_ret(access(at, F_OK), 0);
	}
}

/* A policy takes what nodes of the mask have memory; one node must. */
T_CASE(policies_of_nodes)
{
	unsigned long nodes[32] = {1 | 1ul << 40}, none[32] = {1ul << 40}, told = 0;
	void *at = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int mode = -1;

	t_ret(syscall(SYS_set_mempolicy, MPOL_BIND, nodes, 64), 0);
	t_ret(syscall(SYS_get_mempolicy, &mode, &told, 64, NULL, 0), 0);
	t_eq(mode, MPOL_BIND);
	t_eq(told, 1);
	t_ret(syscall(SYS_set_mempolicy, MPOL_INTERLEAVE, nodes, 64), 0);
	t_ret(syscall(SYS_mbind, at, PAGE, MPOL_PREFERRED, nodes, 64, 0), 0);
	t_ret(syscall(SYS_mbind, at, PAGE, MPOL_BIND, nodes, 2048, 0), 0);
	t_errno(syscall(SYS_set_mempolicy, MPOL_BIND, none, 64), EINVAL);
	t_errno(syscall(SYS_set_mempolicy, MPOL_PREFERRED, none, 64), EINVAL);
	t_errno(syscall(SYS_mbind, at, PAGE, MPOL_INTERLEAVE, none, 64, 0), EINVAL);
	int count = count_of(of_list(text("node/online")));
	t_errno(syscall(SYS_get_mempolicy, NULL, &told, count - 1, NULL, 0), EINVAL);
	t_ret(syscall(SYS_get_mempolicy, NULL, &told, count, NULL, 0), 0);
	t_ret(syscall(450 /* set_mempolicy_home_node */, at, PAGE, count - 1, 0), 0);
	t_errno(syscall(450, at, PAGE, count, 0), EINVAL);
	nodes[31] = 1; /* there can be no such node */
	t_errno(syscall(SYS_set_mempolicy, MPOL_BIND, nodes, 2048), EINVAL);
	t_errno(syscall(SYS_mbind, at, PAGE, MPOL_BIND, nodes, 2048, 0), EINVAL);
	t_ret(syscall(SYS_set_mempolicy, MPOL_BIND, nodes, 1024), 0);
	t_ret(syscall(SYS_set_mempolicy, MPOL_DEFAULT, NULL, 0), 0);
}
