/* The text of /proc/cpuinfo and what else is told about a CPU. Layer: arch.
 * Source: proc(5) and the names that Linux gives the CPUID bits; only bits that we know by name are
 * listed. */
#include <archimpl/x86.h>
#include <exo/string.h>
#include <exo/time.h>

/* The words that flag_words reads, from bit 0 up, each name behind its blank; a dot has none. */
static const char *const flag_names[8] = {
	" fpu vme de pse tsc msr pae mce cx8 apic . sep mtrr pge mca cmov pat pse36 ."
	" clflush . . . mmx fxsr sse sse2 ss ht", /* 1.edx */
	" . . . . . . . . . . . syscall . . . . . . . . nx . mmxext . . fxsr_opt"
	" pdpe1gb rdtscp . lm . 3dnow", /* 80000001.edx */
	" pni pclmulqdq . monitor . . . . . ssse3 . . fma cx16 . . . pcid . sse4_1"
	" sse4_2 x2apic movbe popcnt tsc_deadline_timer aes xsave . avx f16c rdrand"
	" hypervisor",                                                     /* 1.ecx */
	" lahf_lm . svm . cr8_legacy abm sse4a misalignsse 3dnowprefetch", /* 80000001.ecx */
	" fsgsbase . . bmi1 . avx2 . smep bmi2 erms invpcid . . . . . avx512f"
	" avx512dq rdseed adx smap . . clflushopt clwb . . . avx512cd sha_ni avx512bw"
	" avx512vl", /* 7.ebx */
	" . avx512vbmi umip pku . . . . gfni vaes vpclmulqdq . . . . . la57 . . . . ."
	" rdpid",                   /* 7.ecx */
	" . . . . fsrm",            /* 7.edx */
	" xsaveopt xsavec xgetbv1", /* d:1.eax */
};

static void flag_words(u32 words[8])
{
	struct cpuid_regs r = cpuid(1, 0);
	u32 max = cpuid(0, 0).eax;

	words[0] = r.edx;
	words[2] = r.ecx;
	r = cpuid(0x80000001, 0);
	words[1] = r.edx;
	words[3] = r.ecx;
	r = max >= 7 ? cpuid(7, 0) : (struct cpuid_regs){0};
	words[4] = r.ebx;
	words[5] = r.ecx;
	words[6] = r.edx;
	words[7] = max >= 0xd ? cpuid(0xd, 1).eax : 0;
}

static const char *cpu_model(void)
{
	const char *name = x86.brand;

	while (*name == ' ')
		name++;
	return *name ? name : "unknown";
}

int arch_cpuinfo(u32 cpu, char *buf, size_t size)
{
	u32 words[8];
	size_t at;
	int len;

	flag_words(words);
	len = snprintf(buf, size,
		"processor\t: %u\nvendor_id\t: %s\ncpu family\t: %u\nmodel\t\t: %u\nmodel name\t: "
		"%s\nstepping\t: %u\n"
		"cpu MHz\t\t: %lu.%03lu\nphysical id\t: 0\nsiblings\t: %u\ncore id\t\t: %u\ncpu "
		"cores\t: %u\napicid\t\t: %u\n"
		"initial apicid\t: %u\nfpu\t\t: yes\nfpu_exception\t: yes\ncpuid level\t: "
		"%u\nwp\t\t: yes\nflags\t\t:",
		cpu, x86.vendor, x86.family, x86.model, cpu_model(), x86.stepping, tsc_khz / 1000,
		tsc_khz % 1000, cpu_count, cpu, cpu_count, cpu_apic_ids[cpu], cpu_apic_ids[cpu],
		cpuid(0, 0).eax);
	for (u32 w = 0; w < ARRAY_LEN(flag_names); w++) {
		const char *name = flag_names[w], *end;

		for (u32 bit = 0; name; bit++, name = end) {
			end = strchr(name + 1, ' ');
			at = MIN((size_t)len, size);
			if (words[w] >> bit & 1 && name[1] != '.')
				len += snprintf(buf + at, size - at, "%.*s",
					end ? (int)(end - name) : 32, name);
		}
	}
	at = MIN((size_t)len, size);
	len += snprintf(buf + at, size - at,
		"\nbugs\t\t:\nbogomips\t: %lu.%02lu\nclflush size\t: "
		"64\ncache_alignment\t: 64\n"
		"address sizes\t: %u bits physical, 48 bits virtual\npower management:\n\n",
		tsc_khz / 500, tsc_khz % 500 / 5, x86.phys_bits);
	return len;
}

/* AMD's leaves from before 2011, in the form of the later ones: a word each for data, instructions,
 * L2 and L3. What they have no number of ways for is not told. */
static struct cpuid_regs cache_of_word(u32 index)
{
	static const u8 ways_of[16] = {0, 1, 2, 0, 4, 0, 8, 0, 16, 0, 32, 48, 64, 96, 128};
	struct cpuid_regs near = cpuid(0x80000005, 0), far = cpuid(0x80000006, 0);
	u32 w = (u32[]){near.ecx, near.edx, far.ecx, far.edx}[index], line = w & 0xff;
	u32 ways = index < 2 ? w >> 16 & 0xff : ways_of[w >> 12 & 15];
	u64 kb = index < 2 ? w >> 24 : index < 3 ? w >> 16 : (w >> 18) * 512;

	if (!line || !ways || !kb)
		return (struct cpuid_regs){0};
	return (struct cpuid_regs){.eax = MIN(index + 1, 3u) | MAX(index, 1u) << 5,
		.ebx = (line - 1) | (ways - 1) << 22,
		.ecx = (u32)(kb * 1024 / line / ways) - 1};
}

/* The number of a cache is that of the APIC without the bits in which its CPUs differ. The words do
 * not tell who shares: the L3 is the node's, and is numbered as the others, as on Linux. */
struct cpu_cache arch_cpu_cache(u32 cpu, u32 index)
{
	bool amd = !strcmp(x86.vendor, "AuthenticAMD") || !strcmp(x86.vendor, "HygonGenuine");
	bool words = amd && !(cpuid(0x80000001, 0).ecx & BIT(22));
	struct cpuid_regs r = {0};

	if (words ? index < 4 : amd || cpuid(0, 0).eax >= 4)
		r = words ? cache_of_word(index) : cpuid(amd ? 0x8000001d : 4, index);
	u32 others = r.eax >> 14 & 0xfff, bits = others ? bit_fls(others) + 1 : 0;
	struct cpu_cache c = {r.eax >> 5 & 7, (r.ebx & 0xfff) + 1, (r.ebx >> 22) + 1, r.ecx + 1,
		(r.ebx >> 12 & 0x3ff) + 1, cpu_apic_ids[cpu] >> bits, r.eax & 3, 0};

	for (u32 n = 0; n < cpu_count; n++)
		if (words && index == 3 ? cpu_nodes[n] == cpu_nodes[cpu]
					: cpu_apic_ids[n] >> bits == c.id)
			c.users |= BIT(n);
	return c;
}
