/* From the first C instruction to the first program. Layer: boot.
 * The order below is the dependency order of the rooms; each call's header says what it needs. */
#include <exo/acpi.h>
#include <exo/boot_phases.h>
#include <exo/cmdline.h>
#include <exo/drivers.h>
#include <exo/fs.h>
#include <exo/log.h>
#include <exo/memory.h>
#include <exo/mqueue.h>
#include <exo/net.h>
#include <exo/posix_x.h>
#include <exo/sched.h>
#include <exo/syscalls.h>
#include <exo/sysv.h>
#include <exo/time.h>
#include <exo/vm.h>
#include <arch/boot.h>
#include <arch/cpu.h>
#include <arch/mmu.h>

#define INIT_ARGS_MAX 32

void selftest_run(const char *word) WEAK; /* debug room, `exo.selftest=1` */

/* Words of the command line are not passed on to init, but those behind "--". */
static void try_init(const char *path)
{
	static const char *argv[INIT_ARGS_MAX], *const envp[] = {"HOME=/", "TERM=linux", NULL};
	const char *word;
	bool after_dashes;
	u32 argc = 0;
	int err;

	argv[argc++] = path;
	for (u32 i = 0; (word = cmdline_word(i, &after_dashes)) && argc < INIT_ARGS_MAX - 1; i++)
		if (after_dashes)
			argv[argc++] = word;
	argv[argc] = NULL;
	err = process_start_init(path, argv, envp);
	log_err("boot: cannot run %s: error %d", path, -err);
}

static void start_first_program(void)
{
	static const char *const fallbacks[] = {
		"/init", "/sbin/init", "/etc/init", "/bin/init", "/bin/sh"};
	const char *wanted = cmdline_value("rdinit");

	if (!wanted || !*wanted)
		wanted = cmdline_value("init");
	if (wanted && *wanted)
		try_init(wanted);
	for (size_t i = 0; i < ARRAY_LEN(fallbacks); i++)
		try_init(fallbacks[i]);
	panic("no program to run: tried rdinit=, init=, /init, /sbin/init, /etc/init, /bin/init, "
	      "/bin/sh");
}

static void load_initramfs(void)
{
	if (!boot_info.initrd_bytes) {
		log_warn("initramfs: none was loaded");
		return;
	}
	/* A damaged archive is reported where it breaks; what was whole before that stays. */
	(void)initramfs_unpack(phys_to_virt(boot_info.initrd), boot_info.initrd_bytes);
	if (!initramfs_keeps_archive)
		phys_init_late();
}

static void deferred_main(void *arg)
{
	while (!__atomic_load_n(&boot_userspace_cycles, __ATOMIC_ACQUIRE))
		(void)!thread_sleep_until(clock_monotonic() + NS_PER_MS, WAIT_UNINTERRUPTIBLE);
	boot_report_userspace();
	boot_phase("deferred");
	drivers_init_deferred();
	boot_phase(NULL);
	if (cmdline_u64("exo.panic", 0))
		panic("asked for by exo.panic=1");
	thread_exit();
}

/* First thread of the normal phase; becomes pid 1. */
static void init_main(void *arg)
{
	rcu_init();
	process_init();
	fs_init();
	sysv_init();
	mqueue_init();
	net_init();
	drivers_init();
	load_initramfs();
	log_info("smp: %u CPUs online", arch_smp_boot());
	sysfs_add_cpus();
	if (selftest_run && cmdline_has("exo.selftest"))
		selftest_run(cmdline_value("exo.selftest"));
	if (cmdline_has("recovery"))
		recovery_shell();
	if (!kthread_create("deferred", deferred_main, NULL))
		panic("no memory for the deferred phase");
	boot_phase(NULL);
	start_first_program();
	thread_exit();
}

void kernel_main(void)
{
	arch_early_init();
	cmdline_parse(boot_info.cmdline);
	drivers_early_init();
	log_info("Exo-OS, entered by %s", boot_info.pvh ? "pvh" : "multiboot2");
	phys_init();
	heap_init();
	acpi_init();
	clock_init();
	boot_phase("critical");
	arch_cpu_init();
	arch_irq_init();
	vm_init();
	syscall_init();
	sched_init();
	arch_irq_enable();
	boot_phase("normal");
	if (!kthread_create("init", init_main, NULL))
		panic("no memory for the first thread");
	sched_idle(); /* this context is the idle thread of CPU 0 */
}
