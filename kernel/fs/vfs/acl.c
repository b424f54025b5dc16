/* POSIX access control lists. Layer: fs.
 *
 * They are the attributes system.posix_acl_access and _default, kept by the file system in the form
 * in which programs give them; inode->acl and ->default_acl point to what it keeps. An access ACL
 * that says no more than a mode is not kept, so a kept one has a mask, and what it says of the
 * owner, the mask and the others is what the mode says. Like attributes it is changed under
 * inode->lock (write) and read without, under RCU: each permission is one store. Sources: acl(5),
 * xattr(7). */
#include "vfs_internal.h"

#define ACL_NAMED    (ACL_USER | ACL_GROUP)
#define ACL_NEEDED   (ACL_USER_OBJ | ACL_GROUP_OBJ | ACL_OTHER)
#define ACL_EXTENDED 01000 /* beside permission bits: they do not say all of the ACL */

static const char access_name[] = "system.posix_acl_access",
		  default_name[] = "system.posix_acl_default";

struct linux_acl **inode_acl_slot(struct inode *i, const char *name)
{
	if (!strcmp(name, access_name))
		return &i->acl;
	return strcmp(name, default_name) ? NULL : &i->default_acl;
}

static size_t entries_in(size_t size)
{
	return (size - sizeof(struct linux_acl)) / sizeof(struct linux_acl_entry);
}

/* Brings @a to the form in which it is kept. Return: the permission bits that it makes, perhaps
 * with ACL_EXTENDED | -EINVAL. */
static int acl_check(struct linux_acl *a, size_t count)
{
	u32 seen = 0;
	int mode = 0;

	for (struct linux_acl_entry *e = a->entries; count; e++, count--) {
		u32 tag = e->tag;
		bool named = tag & ACL_NAMED;

		/* in the order of their tags, and only named ones more than once */
		if (tag & (tag - 1) || tag > ACL_OTHER || seen >= tag << named || e->perm > 7)
			return -EINVAL;
		if (named && e->id == ACL_NO_ID)
			return -EINVAL;
		if (!named)
			e->id = ACL_NO_ID;
		seen |= tag;
		if (tag == ACL_USER_OBJ)
			mode |= e->perm << 6;
		else if (tag == ACL_GROUP_OBJ)
			mode |= e->perm << 3;
		else if (tag == ACL_MASK)
			mode = (mode & ~S_IRWXG) | e->perm << 3 | ACL_EXTENDED;
		else if (tag == ACL_OTHER)
			mode |= e->perm;
	}
	if (~seen & ACL_NEEDED || (seen & ACL_NAMED && !(seen & ACL_MASK)))
		return -EINVAL;
	return mode;
}

void acl_chmod(struct linux_acl *a, u32 mode)
{
	struct linux_acl_entry *e;

	for (e = a->entries; e->tag != ACL_OTHER; e++) {
		if (e->tag == ACL_USER_OBJ)
			e->perm = mode >> 6 & 7;
		else if (e->tag == ACL_MASK)
			e->perm = mode >> 3 & 7;
	}
	e->perm = mode & 7;
}

int acl_set(struct inode *i, const char *name, struct linux_acl *a, size_t size)
{
	bool access = inode_acl_slot(i, name) == &i->acl;
	struct setattr attr = {.mode = i->mode};
	int err, bits;

	if (a && (size < sizeof(*a) || (size - sizeof(*a)) % sizeof(a->entries[0])))
		return -EINVAL;
	if (a && a->version != ACL_VERSION)
		return -EOPNOTSUPP;
	if (a && !entries_in(size))
		a = NULL;
	if (!access && !S_ISDIR(i->mode))
		return a ? -EACCES : 0;
	bits = a ? acl_check(a, entries_in(size)) : (int)i->mode;
	if (access && bits >= 0)
		attr.mode = (i->mode & ~S_IRWXUGO) | (bits & S_IRWXUGO);
	err = inode_may_chmod(i, &attr);
	if (!err && bits < 0)
		err = bits;
	if (err)
		return err;
	if (access && !(bits & ACL_EXTENDED))
		a = NULL;
	/* The mode comes after an ACL that restricts its group bits, and before one that did so
	 * goes. */
	if (access && !a)
		i->mode = attr.mode;
	err = i->ops->setxattr(i, name, a, size, 0);
	if (access && !err)
		i->mode = attr.mode;
	return err;
}

int acl_inherit(struct inode *i, struct inode *dir)
{
	struct linux_acl *a = dir->default_acl;
	size_t size;
	int bits, err = 0;

	if (likely(!a) || S_ISLNK(i->mode))
		return 0;
	size = (size_t)dir->ops->getxattr(dir, default_name, NULL, 0);
	bits = acl_check(a, entries_in(size));
	i->mode &= (u32)bits | ~S_IRWXUGO;
	if (S_ISDIR(i->mode))
		err = i->ops->setxattr(i, default_name, a, size, 0);
	if (!err && bits & ACL_EXTENDED) {
		err = i->ops->setxattr(i, access_name, a, size, 0);
		if (!err)
			acl_chmod(i->acl, i->mode);
	}
	return err;
}

/* ---- permission ---- */

static u32 acl_rights(const struct linux_acl *a, u32 gid, u32 want, const struct cred *c)
{
	const struct linux_acl_entry *e, *mask;
	bool found = false;

	for (e = a->entries + 1; e->tag != ACL_OTHER; e++) {
		if (e->tag == ACL_USER
				? e->id != c->fsuid
				: e->tag == ACL_MASK ||
					  !cred_in_group(c, e->tag == ACL_GROUP ? e->id : gid))
			continue;
		found = true;
		if (e->tag != ACL_USER && want & ~(u32)e->perm)
			continue;
		for (mask = e; mask->tag != ACL_MASK; mask++)
			;
		return e->perm & mask->perm;
	}
	return found ? 0 : e->perm;
}

u32 acl_bits(struct inode *i, u32 mode, u32 want, const struct cred *c)
{
	const struct linux_acl *a;
	u32 bits;

	rcu_read_lock();
	a = __atomic_load_n(&i->acl, __ATOMIC_ACQUIRE); /* pairs with the file system's release */
	if (a && mode & S_IRWXG) /* as on Linux: with an empty mask it is the mode that counts */
		bits = acl_rights(a, i->gid, want, c);
	else
		bits = cred_in_group(c, i->gid) ? mode >> 3 : mode;
	rcu_read_unlock();
	return bits;
}
