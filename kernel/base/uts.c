/* The system's names. Layer: base. Locks: uts_lock (LOG rank: innermost) for the two that change.
 * Source: uname(2). */
#include <exo/uts.h>
#include <exo/errno.h>
#include <exo/string.h>
#include <exo/sync.h>

static spinlock_t uts_lock = SPINLOCK_INIT(RANK_LOG);
static struct uts_names names = {
	/* [uts_lock] nodename, domainname */
	.sysname = "Linux", /* what programs test for; the release says whose */
	.nodename = "exo",
	.release = UTS_RELEASE,
	.version = "#1 SMP PREEMPT Exo-OS",
	.machine = "x86_64",
	.domainname = "(none)",
};

void uts_get(struct uts_names *out)
{
	spinlock_t *held SCOPED(spin_release) = spin_hold(&uts_lock);

	*out = names;
}

int uts_set(size_t field, const char *name, size_t len_bytes)
{
	spinlock_t *held SCOPED(spin_release) = spin_hold(&uts_lock);
	char *text = (char *)&names + field;

	if (len_bytes > UTS_NAME_MAX)
		return -EINVAL;
	memset(text, 0, UTS_NAME_MAX + 1);
	memcpy(text, name, len_bytes);
	return 0;
}
