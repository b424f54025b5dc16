/* System calls about the machine as a whole: names, statistics, log, random bytes, restart. Layer:
 * syscall. Sources: uname(2) sysinfo(2) reboot(2) syslog(2) getrandom(2) vhangup(2) sethostname(2).
 */
#include <exo/drivers.h>
#include <exo/fs.h>
#include <exo/log.h>
#include <exo/memory.h>
#include <exo/posix_calls.h>
#include <exo/sched.h>
#include <exo/security.h>
#include <exo/string.h>
#include <exo/syscalls.h>
#include <exo/time.h>
#include <exo/tty.h>
#include <exo/uts.h>
#include <exo_abi/linux_process.h>
#include <exo_abi/linux_system.h>
#include <arch/cpu.h>
#include <arch/uaccess.h>

#include "handlers.h"

long sys_uname(u64 a0)
{
	struct uts_names names;

	uts_get(&names);
	if (process_personality(0xffffffff) & UNAME26)
		str_copy(names.release, UTS_RELEASE_26, sizeof(names.release));
	return copy_to_user((void USER *)(uintptr_t)a0, &names, sizeof(names));
}

long call_name_set(u64 user, u64 len, size_t field)
{
	char name[UTS_NAME_MAX];

	if (!cred_capable(current->cred, LCAP_SYS_ADMIN))
		return -EPERM;
	if ((s32)len < 0 || (s32)len > UTS_NAME_MAX)
		return -EINVAL;
	if (copy_from_user(name, (const void USER *)(uintptr_t)user, (u32)len))
		return -EFAULT;
	return uts_set(field, name, (u32)len);
}

long sys_sysinfo(u64 a0)
{
	struct linux_sysinfo si = {.mem_unit = 1};
	struct mem_stats mem;
	u32 running, total;

	mem_stats_get(&mem);
	sched_loadavg(si.loads, &running, &total);
	for (u32 i = 0; i < 3; i++)
		si.loads[i] <<= 5; /* from 11 bits */
	si.uptime = (s64)((clock_monotonic() + NS_PER_SEC - 1) / NS_PER_SEC);
	si.totalram = mem.pages_total * PAGE_SIZE;
	si.freeram = mem.pages_free * PAGE_SIZE;
	si.sharedram = mem.pages_shmem * PAGE_SIZE;
	si.procs = (u16)MIN(threads_total(), 65535u);
	return copy_to_user((void USER *)(uintptr_t)a0, &si, sizeof(si));
}

/* ---- reboot ---- */

static bool reboot_magic_ok(u32 magic1, u32 magic2)
{
	return magic1 == REBOOT_MAGIC1 && (magic2 == 672274793 || magic2 == 85072278 ||
						  magic2 == 369367448 || magic2 == 537993216);
}

long sys_reboot(u64 a0, u64 a1, u64 a2, u64 a3)
{
	if (!cred_capable(current->cred, LCAP_SYS_BOOT))
		return -EPERM;
	if (!reboot_magic_ok((u32)a0, (u32)a1))
		return -EINVAL;
	switch ((u32)a2) {
	case REBOOT_CAD_ON:
	case REBOOT_CAD_OFF:
		return 0; /* Ctrl-Alt-Delete does nothing either way: the keyboard passes it on as
			     keys */
	case REBOOT_RESTART:
	case REBOOT_RESTART2:
		log_printf(LOG_EMERG, "reboot: Restarting system");
		arch_reboot();
	case REBOOT_HALT:
		log_printf(LOG_EMERG, "reboot: System halted");
		arch_halt_all();
	case REBOOT_POWER_OFF:
		log_printf(LOG_EMERG, "reboot: Power down");
		arch_power_off(0);
	}
	return -EINVAL;
}

/* ---- the log ---- */

#define SYSLOG_BUFFER_BYTES (128 * 1024)

static u64 syslog_read_seq;         /* [a] next line of SYSLOG_READ */
static u64 syslog_clear_seq;        /* [a] first line that was not cleared */
static int syslog_saved_level = -1; /* [a] console level before SYSLOG_CONSOLE_OFF */

struct syslog_scratch { /* too big for a stack */
	struct log_record record;
	char text[2 * LOG_LINE_MAX + 64];
};

/* Copies whole lines from *seq on until @size bytes are full. Return: bytes | -EFAULT. */
static long syslog_copy(struct syslog_scratch *s, u64 *seq, char USER *buf, size_t size)
{
	size_t done = 0, n;
	u64 next = *seq;

	while ((n = log_read(&next, s->text, MIN(sizeof(s->text), size - done)))) {
		if (copy_to_user(buf + done, s->text, n))
			return -EFAULT;
		done += n;
		*seq = next;
	}
	return (long)done;
}

/* Bytes of the lines from @seq on; *start: the first from which they fit into @size. */
static size_t syslog_measure(struct syslog_scratch *s, u64 seq, size_t size, u64 *start)
{
	u64 next = seq;
	size_t total = 0, skip;

	while (log_next(&next, &s->record))
		total += log_format(&s->record, true, s->text, sizeof(s->text));
	skip = total > size ? total - size : 0;
	*start = next = seq;
	while (skip && log_next(&next, &s->record)) {
		skip -= MIN(skip, log_format(&s->record, true, s->text, sizeof(s->text)));
		*start = next;
	}
	return total;
}

static long syslog_read(struct syslog_scratch *s, char USER *buf, size_t size)
{
	long n;

	do {
		u64 seq = __atomic_load_n(&syslog_read_seq, __ATOMIC_RELAXED), end = log_head();

		n = syslog_copy(s, &seq, buf, size);
		__atomic_store_n(&syslog_read_seq, seq, __ATOMIC_RELAXED);
		if (!n) {
			log_wait_begin();
			n = log_wait(end);
			log_wait_end();
			if (n)
				return n;
		}
	} while (!n);
	return n;
}

static long syslog_read_all(struct syslog_scratch *s, char USER *buf, size_t size, bool clear)
{
	u64 start;
	long n;

	(void)syslog_measure(s, __atomic_load_n(&syslog_clear_seq, __ATOMIC_RELAXED), size, &start);
	n = syslog_copy(s, &start, buf, size);
	if (n >= 0 && clear)
		__atomic_store_n(&syslog_clear_seq, log_head(), __ATOMIC_RELAXED);
	return n;
}

static long syslog_bytes(u32 type, u64 buf, s32 len)
{
	struct syslog_scratch *s SCOPED(kfree_at) = NULL;
	u64 start;

	if (type != SYSLOG_SIZE_UNREAD && (!buf || len < 0))
		return -EINVAL;
	if (type != SYSLOG_SIZE_UNREAD && !len)
		return 0;
	s = kmalloc(sizeof(*s), ALLOC_KERNEL);
	if (!s)
		return -ENOMEM;
	if (type == SYSLOG_READ)
		return syslog_read(s, (char USER *)(uintptr_t)buf, (size_t)len);
	if (type == SYSLOG_SIZE_UNREAD)
		return (long)syslog_measure(
			s, __atomic_load_n(&syslog_read_seq, __ATOMIC_RELAXED), ~0ul, &start);
	return syslog_read_all(
		s, (char USER *)(uintptr_t)buf, (size_t)len, type == SYSLOG_READ_CLEAR);
}

static long syslog_console(u32 type, s32 level)
{
	if (type == SYSLOG_CONSOLE_LEVEL) {
		if (level < 1 || level > 8)
			return -EINVAL;
		log_console_level = level;
		syslog_saved_level = -1;
	} else if (type == SYSLOG_CONSOLE_OFF) {
		if (syslog_saved_level < 0)
			syslog_saved_level = log_console_level;
		log_console_level = 1;
	} else if (syslog_saved_level >= 0) {
		log_console_level = syslog_saved_level;
		syslog_saved_level = -1;
	}
	return 0;
}

long sys_syslog(u64 a0, u64 a1, u64 a2)
{
	u32 type = (u32)a0;

	if (type > SYSLOG_SIZE_BUFFER)
		return -EINVAL;
	if (type != SYSLOG_READ_ALL && type != SYSLOG_SIZE_BUFFER &&
		!cred_capable(current->cred, LCAP_SYSLOG) &&
		!cred_capable(current->cred, LCAP_SYS_ADMIN))
		return -EPERM;
	switch (type) {
	case SYSLOG_CLOSE:
	case SYSLOG_OPEN:
		return 0;
	case SYSLOG_CLEAR:
		__atomic_store_n(&syslog_clear_seq, log_head(), __ATOMIC_RELAXED);
		return 0;
	case SYSLOG_CONSOLE_OFF ... SYSLOG_CONSOLE_LEVEL:
		return syslog_console(type, (s32)a2);
	case SYSLOG_SIZE_BUFFER:
		return SYSLOG_BUFFER_BYTES;
	}
	return syslog_bytes(type, a1, (s32)a2);
}

/* ---- the rest ---- */

long sys_getrandom(u64 a0, u64 a1, u64 a2)
{
	u32 flags = (u32)a2;
	struct uio u;

	if ((flags & ~(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE)) ||
		(flags & (GRND_RANDOM | GRND_INSECURE)) == (GRND_RANDOM | GRND_INSECURE))
		return -EINVAL;
	uio_init_user(&u, (void USER *)(uintptr_t)a0, MIN(a1, 0x7ffff000ull));
	return random_read_uio(&u);
}

long sys_vhangup(void)
{
	struct tty *t;

	if (!cred_capable(current->cred, LCAP_SYS_TTY_CONFIG))
		return -EPERM;
	t = process_ctty_get();
	if (t)
		tty_hangup(t);
	tty_put(t);
	return 0;
}
