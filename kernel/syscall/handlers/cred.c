/* User and group ids, capabilities. Layer: syscall. A call makes a changed copy of the caller's
 * credentials and publishes it whole.
 *
 * Source: credentials(7), capabilities(7) "Effect of user ID changes on capabilities", setuid(2),
 * setresuid(2), setfsuid(2), capset(2). */
#include <exo/memory.h>
#include <exo/posix_calls.h>
#include <exo/syscalls.h>
#include <arch/uaccess.h>
#include <exo_abi/linux_process.h>

#include "handlers.h"

#define KEEP 0xffffffffu /* -1: leave as it is */
#define FS_CAPS                                                                            \
	(1ULL << LCAP_CHOWN | 1ULL << LCAP_MKNOD | 1ULL << LCAP_DAC_OVERRIDE |             \
		1ULL << LCAP_DAC_READ_SEARCH | 1ULL << LCAP_FOWNER | 1ULL << LCAP_FSETID | \
		1ULL << LCAP_LINUX_IMMUTABLE | 1ULL << LCAP_MAC_OVERRIDE)

int call_ids_get(enum ids_kind kind, u64 real, u64 effective, u64 saved)
{
	const struct cred_ids *i = &current->cred->ids[kind];

	if (put_user_u32((u32 USER *)real, i->real) ||
		put_user_u32((u32 USER *)effective, i->effective) ||
		put_user_u32((u32 USER *)saved, i->saved))
		return -EFAULT;
	return 0;
}

/* What becoming root, or ceasing to be, does to the capabilities. */
static void uid_fixup(struct cred *c, const struct cred *old)
{
	if (c->securebits & SECBIT_NO_SETUID_FIXUP)
		return;
	if ((!old->uid || !old->euid || !old->suid) && c->uid && c->euid && c->suid) {
		if (!(c->securebits & SECBIT_KEEP_CAPS))
			c->cap_permitted = c->cap_effective = 0;
		c->cap_ambient = 0;
	}
	if (!old->euid && c->euid)
		c->cap_effective = 0;
	if (old->euid && !c->euid)
		c->cap_effective = c->cap_permitted;
}

static bool may_set_any(enum ids_kind kind)
{
	return cred_capable(current->cred, kind == USER_IDS ? LCAP_SETUID : LCAP_SETGID);
}

static long ids_commit(enum ids_kind kind, const struct cred_ids *i)
{
	struct cred c = *current->cred;

	c.ids[kind] = *i;
	if (kind == USER_IDS)
		uid_fixup(&c, current->cred);
	return process_cred_change(&c);
}

long call_id_set(enum ids_kind kind, u32 id)
{
	struct cred_ids i = current->cred->ids[kind];

	if (id == KEEP)
		return -EINVAL;
	if (may_set_any(kind))
		i.real = i.saved = id;
	else if (id != i.real && id != i.saved)
		return -EPERM;
	i.effective = i.fs = id;
	return ids_commit(kind, &i);
}

long call_re_set(enum ids_kind kind, u32 real, u32 effective)
{
	struct cred_ids old = current->cred->ids[kind], i = old;
	bool any = may_set_any(kind);

	if (real != KEEP && real != old.real && real != old.effective && !any)
		return -EPERM;
	if (effective != KEEP && effective != old.real && effective != old.effective &&
		effective != old.saved && !any)
		return -EPERM;
	if (real != KEEP)
		i.real = real;
	if (effective != KEEP)
		i.effective = effective;
	if (real != KEEP || (effective != KEEP && effective != old.real))
		i.saved = i.effective;
	i.fs = i.effective;
	return ids_commit(kind, &i);
}

static bool one_of(u32 id, const struct cred_ids *i)
{
	return id == KEEP || id == i->real || id == i->effective || id == i->saved;
}

long call_res_set(enum ids_kind kind, u32 real, u32 effective, u32 saved)
{
	struct cred_ids i = current->cred->ids[kind];

	if (!may_set_any(kind) &&
		(!one_of(real, &i) || !one_of(effective, &i) || !one_of(saved, &i)))
		return -EPERM;
	if (real != KEEP)
		i.real = real;
	if (effective != KEEP)
		i.effective = effective;
	if (saved != KEEP)
		i.saved = saved;
	i.fs = i.effective;
	return ids_commit(kind, &i);
}

/* setfsuid and setfsgid answer the old id, whether they changed it or not. */
long call_fs_set(enum ids_kind kind, u32 id)
{
	struct cred_ids i = current->cred->ids[kind];
	struct cred c = *current->cred;

	if (id == i.fs || id == KEEP || (!one_of(id, &i) && !may_set_any(kind)))
		return i.fs;
	c.ids[kind].fs = id;
	if (kind == USER_IDS && !(c.securebits & SECBIT_NO_SETUID_FIXUP)) {
		if (!i.fs)
			c.cap_effective &= ~FS_CAPS;
		else if (!id)
			c.cap_effective |= c.cap_permitted & FS_CAPS;
	}
	(void)!process_cred_change(&c); /* the answer is the same */
	return i.fs;
}

/* ---- supplementary groups ---- */

long sys_getgroups(u64 size, u64 to)
{
	const struct cred *c = current->cred;

	if ((int)size < 0 || ((int)size && (u32)size < c->group_count))
		return -EINVAL;
	if ((int)size && copy_to_user((void USER *)to, c->groups, c->group_count * sizeof(u32)))
		return -EFAULT;
	return c->group_count;
}

/* Shell's sort, by Knuth's gaps. */
static void sort(u32 *a, u32 n)
{
	u32 gap = 1, k;

	while (gap < n / 3)
		gap = 3 * gap + 1;
	for (; gap; gap /= 3) {
		for (u32 i = gap; i < n; i++) {
			u32 id = a[i];

			for (k = i; k >= gap && a[k - gap] > id; k -= gap)
				a[k] = a[k - gap];
			a[k] = id;
		}
	}
}

long sys_setgroups(u64 a0, u64 from)
{
	struct cred c = *current->cred;
	u32 n = (u32)a0, *groups SCOPED(kfree_at) = NULL;

	if (!cred_capable(&c, LCAP_SETGID))
		return -EPERM;
	if (n > GROUPS_MAX)
		return -EINVAL;
	groups = kmalloc(MAX(n, 1u) * sizeof(u32), ALLOC_KERNEL);
	if (!groups)
		return -ENOMEM;
	if (copy_from_user(groups, (const void USER *)from, n * sizeof(u32)))
		return -EFAULT;
	sort(groups, n);
	if (n && groups[n - 1] == UINT32_MAX)
		return -EINVAL;
	c.groups = n ? groups : NULL;
	c.group_count = n;
	return process_cred_change(&c);
}

/* ---- capabilities ---- */

/* Words of 32 bits in the data of this version; an unknown one is answered with ours. */
static int cap_version(u64 uheader, struct cap_header_abi *h, u32 *words)
{
	if (copy_from_user(h, (const void USER *)uheader, sizeof(*h)))
		return -EFAULT;
	*words = h->version == CAPABILITY_VERSION_1 ? 1 : 2;
	if (h->version == CAPABILITY_VERSION_1 || h->version == CAPABILITY_VERSION_2 ||
		h->version == CAPABILITY_VERSION_3)
		return 0;
	return put_user_u32((u32 USER *)uheader, CAPABILITY_VERSION_3) ? -EFAULT : -EINVAL;
}

long sys_capget(u64 uheader, u64 udata)
{
	struct cap_data_abi data[2];
	struct cap_header_abi h;
	struct thread *t SCOPED(thread_put_at) = NULL;
	u32 words;
	int err = cap_version(uheader, &h, &words);

	if (err)
		return err == -EINVAL && !udata ? 0 : err; /* a probe for the version */
	if (h.pid < 0)
		return -EINVAL;
	if (!udata)
		return 0;
	t = thread_find(h.pid ? h.pid : current->tid);
	if (!t)
		return -ESRCH;
	struct cred *c SCOPED(cred_put_at) = thread_cred_get(t);
	for (u32 i = 0; i < 2; i++)
		data[i] = (struct cap_data_abi){(u32)(c->cap_effective >> 32 * i),
			(u32)(c->cap_permitted >> 32 * i), (u32)(c->cap_inheritable >> 32 * i)};
	return copy_to_user((void USER *)udata, data, words * sizeof(*data));
}

long sys_capset(u64 uheader, u64 udata)
{
	const u64 all = LCAP_ALL;
	const struct cred *old = current->cred;
	struct cap_data_abi data[2] = {0};
	struct cap_header_abi h;
	struct cred c = *old;
	u32 words;
	int err = cap_version(uheader, &h, &words);

	if (err)
		return err;
	if (h.pid && h.pid != current->tid)
		return -EPERM;
	if (copy_from_user(data, (const void USER *)udata, words * sizeof(*data)))
		return -EFAULT;
	c.cap_effective = (data[0].effective | (u64)data[1].effective << 32) & all;
	c.cap_permitted = (data[0].permitted | (u64)data[1].permitted << 32) & all;
	c.cap_inheritable = (data[0].inheritable | (u64)data[1].inheritable << 32) & all;
	c.cap_ambient &= c.cap_permitted & c.cap_inheritable;
	if ((!cred_capable(old, LCAP_SETPCAP) &&
		    (c.cap_inheritable & ~(old->cap_inheritable | old->cap_permitted))) ||
		(c.cap_inheritable & ~(old->cap_inheritable | old->cap_bounding)) ||
		(c.cap_permitted & ~old->cap_permitted) || (c.cap_effective & ~c.cap_permitted))
		return -EPERM;
	return process_cred_change(&c);
}
