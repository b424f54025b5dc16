/* The end: a line that names the cause, registers, backtrace, what the other CPUs were doing, and
 * the way out. Layer: boot. The first CPU to come here wins; others that panic meanwhile stop
 * silently. The output goes through the log, whose consoles ignore their locks after
 * log_panic_begin. */
#include <exo/debug.h>
#include <exo/log.h>
#include <exo/sched.h>
#include <exo/string.h>
#include <arch/boot.h>
#include <arch/cpu.h>

#define QEMU_EXIT_PANIC 0x31 /* isa-debug-exit: QEMU's own status becomes (0x31 << 1) | 1 = 99 */

static u32 panic_cpu = ~0u; /* [a] */

static void panic_begin(void)
{
	u32 nobody = ~0u, me = cpu_id();

	arch_irq_disable();
	if (!__atomic_compare_exchange_n(
		    &panic_cpu, &nobody, me, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
		if (nobody == me)
			arch_power_off(QEMU_EXIT_PANIC); /* a panic inside the panic: what is
							    printed must do */
		for (;;)
			arch_cpu_relax(); /* the NMI of the first one stops us */
	}
	arch_stop_others();
	log_panic_begin();
}

static NORETURN void panic_tell(const struct trap_frame *f, const char *fmt, va_list args)
{
	struct thread *t = current;
	char text[256];
	u64 ip, fp;

	panic_begin();
	vsnprintf(text, sizeof(text), fmt, args);
	log_printf(LOG_EMERG, "PANIC: %s", text);
	log_printf(
		LOG_EMERG, "CPU %u, thread %s[%d]", cpu_id(), t ? t->name : "none", t ? t->tid : 0);
	log_printf(LOG_EMERG, "  kernel_start %p", kernel_start);
	arch_frame_print(f);
	arch_registers_here(&ip, &fp, f);
	backtrace_print(ip, fp);
	arch_stopped_print();
	arch_power_off(QEMU_EXIT_PANIC);
}

void panic(const char *fmt, ...)
{
	struct trap_frame here;
	va_list args;

	arch_frame_here(&here);
	va_start(args, fmt);
	panic_tell(&here, fmt, args);
}

void panic_frame(const struct trap_frame *f, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	panic_tell(f, fmt, args);
}

void assert_failed(const char *expr, const char *file, int line)
{
	panic("assertion failed: %s (%s:%d)", expr, file, line);
}

u64 __stack_chk_guard = 0x595e9fbd94fda766; /* replaced at boot by a random value */
NORETURN void __stack_chk_fail(void);
void __stack_chk_fail(void)
{
	panic("a stack was smashed in %pS", __builtin_return_address(0));
}
