/* The names of the system. Layer: base. sysname is Linux's: programs choose their behaviour by it,
 * and the ABI is that one. release says which Linux's behaviour the calls follow. */
#include <exo/utsname.h>
#include <exo/errno.h>
#include <exo/string.h>
#include <exo/sync.h>

#ifndef EXO_MACHINE /* kernel.mk says it; host builds of this file alone do not */
#define EXO_MACHINE "x86_64"
#endif

static seqcount_t sequence; /* guards names; writers also hold lock */
static spinlock_t lock = SPINLOCK_INIT(RANK_CALLS);
static struct utsname_k names = {
	.sysname = "Linux",
	.nodename = "exo",
	.release = "6.1.0-exo",
	.version = "#1 SMP PREEMPT Exo-OS",
	.machine = EXO_MACHINE,
	.domainname = "(none)",
};

void utsname_get(struct utsname_k *out)
{
	u32 start;

	do {
		start = seq_read_begin(&sequence);
		memcpy(out, &names, sizeof(*out));
	} while (seq_read_retry(&sequence, start));
}

static int field_set(char *field, const char *name, size_t len_bytes)
{
	if (len_bytes >= UTS_FIELD_BYTES)
		return -EINVAL;
	spin_lock(&lock);
	seq_write_begin(&sequence);
	memset(field, 0, UTS_FIELD_BYTES);
	memcpy(field, name, len_bytes);
	seq_write_end(&sequence);
	spin_unlock(&lock);
	return 0;
}

int utsname_set_host(const char *name, size_t len_bytes)
{
	return field_set(names.nodename, name, len_bytes);
}

int utsname_set_domain(const char *name, size_t len_bytes)
{
	return field_set(names.domainname, name, len_bytes);
}
