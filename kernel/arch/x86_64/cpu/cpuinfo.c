/* The text of /proc/cpuinfo and what else is told about a CPU. Layer: arch.
 * Source: proc(5) and the names that Linux gives the CPUID bits; only bits that we know by name are
 * listed. */
#include <archimpl/x86.h>
#include <exo/string.h>
#include <exo/time.h>

struct flag_name {
	u8 word, bit; /* word: 0 = 1.edx, 1 = 80000001.edx, 2 = 1.ecx, 3 = 80000001.ecx, 4 = 7.ebx,
			 5 = 7.ecx, 6 = 7.edx, 7 = d:1.eax */
	const char *name;
};
static const struct flag_name flag_names[] = {
	{0, 0, "fpu"},
	{0, 1, "vme"},
	{0, 2, "de"},
	{0, 3, "pse"},
	{0, 4, "tsc"},
	{0, 5, "msr"},
	{0, 6, "pae"},
	{0, 7, "mce"},
	{0, 8, "cx8"},
	{0, 9, "apic"},
	{0, 11, "sep"},
	{0, 12, "mtrr"},
	{0, 13, "pge"},
	{0, 14, "mca"},
	{0, 15, "cmov"},
	{0, 16, "pat"},
	{0, 17, "pse36"},
	{0, 19, "clflush"},
	{0, 23, "mmx"},
	{0, 24, "fxsr"},
	{0, 25, "sse"},
	{0, 26, "sse2"},
	{0, 27, "ss"},
	{0, 28, "ht"},
	{1, 11, "syscall"},
	{1, 20, "nx"},
	{1, 22, "mmxext"},
	{1, 25, "fxsr_opt"},
	{1, 26, "pdpe1gb"},
	{1, 27, "rdtscp"},
	{1, 29, "lm"},
	{1, 31, "3dnow"},
	{2, 0, "pni"},
	{2, 1, "pclmulqdq"},
	{2, 3, "monitor"},
	{2, 9, "ssse3"},
	{2, 12, "fma"},
	{2, 13, "cx16"},
	{2, 17, "pcid"},
	{2, 19, "sse4_1"},
	{2, 20, "sse4_2"},
	{2, 21, "x2apic"},
	{2, 22, "movbe"},
	{2, 23, "popcnt"},
	{2, 24, "tsc_deadline_timer"},
	{2, 25, "aes"},
	{2, 26, "xsave"},
	{2, 28, "avx"},
	{2, 29, "f16c"},
	{2, 30, "rdrand"},
	{2, 31, "hypervisor"},
	{3, 0, "lahf_lm"},
	{3, 2, "svm"},
	{3, 4, "cr8_legacy"},
	{3, 5, "abm"},
	{3, 6, "sse4a"},
	{3, 7, "misalignsse"},
	{3, 8, "3dnowprefetch"},
	{4, 0, "fsgsbase"},
	{4, 3, "bmi1"},
	{4, 5, "avx2"},
	{4, 7, "smep"},
	{4, 8, "bmi2"},
	{4, 9, "erms"},
	{4, 10, "invpcid"},
	{4, 16, "avx512f"},
	{4, 17, "avx512dq"},
	{4, 18, "rdseed"},
	{4, 19, "adx"},
	{4, 20, "smap"},
	{4, 23, "clflushopt"},
	{4, 24, "clwb"},
	{4, 28, "avx512cd"},
	{4, 29, "sha_ni"},
	{4, 30, "avx512bw"},
	{4, 31, "avx512vl"},
	{5, 1, "avx512vbmi"},
	{5, 2, "umip"},
	{5, 3, "pku"},
	{5, 8, "gfni"},
	{5, 9, "vaes"},
	{5, 10, "vpclmulqdq"},
	{5, 16, "la57"},
	{5, 22, "rdpid"},
	{6, 4, "fsrm"},
	{7, 0, "xsaveopt"},
	{7, 1, "xsavec"},
	{7, 2, "xgetbv1"},
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

const char *arch_cpu_model(u32 cpu)
{
	const char *name = x86.brand;

	while (*name == ' ')
		name++;
	return *name ? name : "unknown";
}

int arch_cpuinfo(u32 cpu, char *buf, size_t size)
{
	u32 words[8];
	int len;

	flag_words(words);
	len = snprintf(buf, size,
		"processor\t: %u\nvendor_id\t: %s\ncpu family\t: %u\nmodel\t\t: %u\nmodel name\t: "
		"%s\nstepping\t: %u\n"
		"cpu MHz\t\t: %lu.%03lu\nphysical id\t: 0\nsiblings\t: %u\ncore id\t\t: %u\ncpu "
		"cores\t: %u\napicid\t\t: %u\n"
		"initial apicid\t: %u\nfpu\t\t: yes\nfpu_exception\t: yes\ncpuid level\t: "
		"%u\nwp\t\t: yes\nflags\t\t:",
		cpu, x86.vendor, x86.family, x86.model, arch_cpu_model(cpu), x86.stepping,
		tsc_khz / 1000, tsc_khz % 1000, cpu_count, cpu, cpu_count, cpu_apic_ids[cpu],
		cpu_apic_ids[cpu], cpuid(0, 0).eax);
	for (size_t i = 0; i < ARRAY_LEN(flag_names); i++) {
		size_t at = (size_t)len < size ? (size_t)len : size;

		if (words[flag_names[i].word] >> flag_names[i].bit & 1)
			len += snprintf(buf + at, size - at, " %s", flag_names[i].name);
	}
	{
		size_t at = (size_t)len < size ? (size_t)len : size;

		len += snprintf(buf + at, size - at,
			"\nbugs\t\t:\nbogomips\t: %lu.%02lu\nclflush size\t: "
			"64\ncache_alignment\t: 64\n"
			"address sizes\t: %u bits physical, 48 bits virtual\npower management:\n\n",
			tsc_khz / 500, tsc_khz % 500 / 5, x86.phys_bits);
	}
	return len;
}
