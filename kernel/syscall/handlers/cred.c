/* User and group ids, capabilities. Layer: syscall. A call makes a changed copy of the caller's
 * credentials and publishes it whole.
 *
 * Source: credentials(7), capabilities(7) "Effect of user ID changes on capabilities", setuid(2),
 * setresuid(2), setfsuid(2), capset(2). */
#include <exo/memory.h>
#include <exo/posix_calls.h>
#include <exo/string.h>
#include <exo/syscalls.h>
#include <arch/uaccess.h>
#include <exo_abi/linux_process.h>

#define KEEP 0xffffffffu /* -1: leave as it is */
#define FS_CAPS                                                                            \
	(1ULL << LCAP_CHOWN | 1ULL << LCAP_MKNOD | 1ULL << LCAP_DAC_OVERRIDE |             \
		1ULL << LCAP_DAC_READ_SEARCH | 1ULL << LCAP_FOWNER | 1ULL << LCAP_FSETID | \
		1ULL << LCAP_LINUX_IMMUTABLE | 1ULL << LCAP_MAC_OVERRIDE)

long sys_getuid(void)
{
	return current->cred->uid;
}
long sys_geteuid(void)
{
	return current->cred->euid;
}
long sys_getgid(void)
{
	return current->cred->gid;
}
long sys_getegid(void)
{
	return current->cred->egid;
}

static int put_three(u64 a, u64 b, u64 c, u32 x, u32 y, u32 z)
{
	if (put_user_u32((u32 USER *)a, x) || put_user_u32((u32 USER *)b, y) ||
		put_user_u32((u32 USER *)c, z))
		return -EFAULT;
	return 0;
}

long sys_getresuid(u64 r, u64 e, u64 s)
{
	const struct cred *c = current->cred;

	return put_three(r, e, s, c->uid, c->euid, c->suid);
}

long sys_getresgid(u64 r, u64 e, u64 s)
{
	const struct cred *c = current->cred;

	return put_three(r, e, s, c->gid, c->egid, c->sgid);
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

/* User and group ids follow the same rules: one code for both. */
enum kind { USER_IDS, GROUP_IDS };
struct ids {
	u32 real, effective, saved, fs;
};

static struct ids ids_of(const struct cred *c, enum kind kind)
{
	if (kind == USER_IDS)
		return (struct ids){c->uid, c->euid, c->suid, c->fsuid};
	return (struct ids){c->gid, c->egid, c->sgid, c->fsgid};
}

static bool may_set_any(enum kind kind)
{
	return cred_capable(current->cred, kind == USER_IDS ? LCAP_SETUID : LCAP_SETGID);
}

static long ids_commit(enum kind kind, const struct ids *i)
{
	const struct cred *old = current->cred;
	struct cred *c = cred_copy(old);

	if (!c)
		return -ENOMEM;
	if (kind == GROUP_IDS) {
		c->gid = i->real, c->egid = i->effective, c->sgid = i->saved, c->fsgid = i->fs;
		return process_cred_commit(c);
	}
	c->uid = i->real, c->euid = i->effective, c->suid = i->saved, c->fsuid = i->fs;
	uid_fixup(c, old);
	return process_cred_commit(c);
}

static long set_id(enum kind kind, u32 id)
{
	struct ids i = ids_of(current->cred, kind);

	if (id == KEEP)
		return -EINVAL;
	if (may_set_any(kind))
		i.real = i.saved = id;
	else if (id != i.real && id != i.saved)
		return -EPERM;
	i.effective = i.fs = id;
	return ids_commit(kind, &i);
}

static long set_re(enum kind kind, u32 real, u32 effective)
{
	struct ids old = ids_of(current->cred, kind), i = old;
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

static bool one_of(u32 id, const struct ids *i)
{
	return id == KEEP || id == i->real || id == i->effective || id == i->saved;
}

static long set_res(enum kind kind, u32 real, u32 effective, u32 saved)
{
	struct ids i = ids_of(current->cred, kind);

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
static long set_fs(enum kind kind, u32 id)
{
	struct ids i = ids_of(current->cred, kind);
	struct cred *c;

	if (id == i.fs || id == KEEP || (!one_of(id, &i) && !may_set_any(kind)))
		return i.fs;
	c = cred_copy(current->cred);
	if (!c)
		return i.fs;
	if (kind == GROUP_IDS) {
		c->fsgid = id;
	} else {
		c->fsuid = id;
		if (!(c->securebits & SECBIT_NO_SETUID_FIXUP)) {
			if (!i.fs)
				c->cap_effective &= ~FS_CAPS;
			else if (!id)
				c->cap_effective |= c->cap_permitted & FS_CAPS;
		}
	}
	(void)!process_cred_commit(c); /* the answer is the same */
	return i.fs;
}

long sys_setuid(u64 id)
{
	return set_id(USER_IDS, (u32)id);
}
long sys_setgid(u64 id)
{
	return set_id(GROUP_IDS, (u32)id);
}
long sys_setreuid(u64 r, u64 e)
{
	return set_re(USER_IDS, (u32)r, (u32)e);
}
long sys_setregid(u64 r, u64 e)
{
	return set_re(GROUP_IDS, (u32)r, (u32)e);
}
long sys_setresuid(u64 r, u64 e, u64 s)
{
	return set_res(USER_IDS, (u32)r, (u32)e, (u32)s);
}
long sys_setresgid(u64 r, u64 e, u64 s)
{
	return set_res(GROUP_IDS, (u32)r, (u32)e, (u32)s);
}
long sys_setfsuid(u64 id)
{
	return set_fs(USER_IDS, (u32)id);
}
long sys_setfsgid(u64 id)
{
	return set_fs(GROUP_IDS, (u32)id);
}

/* ---- supplementary groups ---- */

long sys_getgroups(u64 size, u64 to)
{
	const struct cred *c = current->cred;

	if ((int)size < 0)
		return -EINVAL;
	if (!(int)size)
		return c->group_count;
	if ((u32)size < c->group_count)
		return -EINVAL;
	if (copy_to_user((void USER *)to, c->groups, c->group_count * sizeof(u32)))
		return -EFAULT;
	return c->group_count;
}

static void sift_down(u32 *a, u32 root, u32 n)
{
	for (u32 child; (child = 2 * root + 1) < n; root = child) {
		u32 t;

		if (child + 1 < n && a[child + 1] > a[child])
			child++;
		if (a[root] >= a[child])
			return;
		t = a[root], a[root] = a[child], a[child] = t;
	}
}

static void heap_sort(u32 *a, u32 n)
{
	for (u32 i = n / 2; i-- > 0;)
		sift_down(a, i, n);
	for (u32 i = n; i-- > 1;) {
		u32 t = a[0];

		a[0] = a[i], a[i] = t;
		sift_down(a, 0, i);
	}
}

long sys_setgroups(u64 a0, u64 from)
{
	u32 n = (u32)a0, *groups = NULL;
	struct cred *c;

	if (!cred_capable(current->cred, LCAP_SETGID))
		return -EPERM;
	if (n > GROUPS_MAX)
		return -EINVAL;
	if (n) {
		groups = kmalloc(n * sizeof(u32), ALLOC_KERNEL);
		if (!groups)
			return -ENOMEM;
		if (copy_from_user(groups, (const void USER *)from, n * sizeof(u32))) {
			kfree(groups);
			return -EFAULT;
		}
		heap_sort(groups, n);
	}
	c = cred_copy(current->cred);
	if (!c) {
		kfree(groups);
		return -ENOMEM;
	}
	kfree(c->groups);
	c->groups = groups;
	c->group_count = n;
	return process_cred_commit(c);
}

/* ---- capabilities ---- */

/* Words of 32 bits in the data of this version; an unknown one is answered with ours. */
static int cap_version(u64 uheader, struct cap_header_abi *h, u32 *words)
{
	if (copy_from_user(h, (const void USER *)uheader, sizeof(*h)))
		return -EFAULT;
	switch (h->version) {
	case CAPABILITY_VERSION_1:
		*words = 1;
		return 0;
	case CAPABILITY_VERSION_2:
	case CAPABILITY_VERSION_3:
		*words = 2;
		return 0;
	default:
		if (put_user_u32((u32 USER *)uheader, CAPABILITY_VERSION_3))
			return -EFAULT;
		return -EINVAL;
	}
}

long sys_capget(u64 uheader, u64 udata)
{
	struct cap_data_abi data[2];
	struct cap_header_abi h;
	struct thread *t;
	struct cred *c;
	u32 words;
	int err = cap_version(uheader, &h, &words);

	if (err)
		return err == -EINVAL && !udata ? 0 : err; /* a probe for the version */
	if (h.pid < 0)
		return -EINVAL;
	if (!udata)
		return 0;
	t = h.pid ? thread_find(h.pid) : NULL;
	if (h.pid && !t)
		return -ESRCH;
	c = thread_cred_get(t ? t : current);
	if (t)
		thread_put(t);
	for (u32 i = 0; i < 2; i++)
		data[i] = (struct cap_data_abi){(u32)(c->cap_effective >> 32 * i),
			(u32)(c->cap_permitted >> 32 * i), (u32)(c->cap_inheritable >> 32 * i)};
	cred_put(c);
	return copy_to_user((void USER *)udata, data, words * sizeof(*data));
}

long sys_capset(u64 uheader, u64 udata)
{
	const u64 all = (1ULL << LCAP_COUNT) - 1;
	const struct cred *old = current->cred;
	struct cap_data_abi data[2] = {0};
	struct cap_header_abi h;
	u64 effective, permitted, inheritable;
	struct cred *c;
	u32 words;
	int err = cap_version(uheader, &h, &words);

	if (err)
		return err;
	if (h.pid && h.pid != current->tid)
		return -EPERM;
	if (copy_from_user(data, (const void USER *)udata, words * sizeof(*data)))
		return -EFAULT;
	effective = (data[0].effective | (u64)data[1].effective << 32) & all;
	permitted = (data[0].permitted | (u64)data[1].permitted << 32) & all;
	inheritable = (data[0].inheritable | (u64)data[1].inheritable << 32) & all;
	if ((!cred_capable(old, LCAP_SETPCAP) &&
		    (inheritable & ~(old->cap_inheritable | old->cap_permitted))) ||
		(inheritable & ~(old->cap_inheritable | old->cap_bounding)) ||
		(permitted & ~old->cap_permitted) || (effective & ~permitted))
		return -EPERM;
	c = cred_copy(old);
	if (!c)
		return -ENOMEM;
	c->cap_effective = effective;
	c->cap_permitted = permitted;
	c->cap_inheritable = inheritable;
	c->cap_ambient &= permitted & inheritable;
	return process_cred_commit(c);
}
