/* tmpfs: extended attributes, a short list on each inode. Layer: fs.
 * Locks: the inode's, taken by the VFS. Limits: XATTR_SIZE_MAX a value, TMPFS_XATTR_BYTES_MAX an
 * inode. Source: xattr(7). */
#include "tmpfs_internal.h"

#define TMPFS_XATTR_BYTES_MAX (128 * 1024)

struct xattr {
	struct list node;
	struct rcu_head rcu;
	u32 size;
	u32 name_len;
	u8 *value; /* [RCU] behind the name in the same allocation, aligned */
	char name[];
};
_Static_assert(offsetof(struct xattr, name) % sizeof(u64) == 0, "values are aligned");

static struct xattr *xattr_find(struct tmpfs_inode *t, const char *name)
{
	struct xattr *x;

	list_for_each_entry (x, &t->xattrs, node) {
		if (!strcmp(x->name, name))
			return x;
	}
	return NULL;
}

ssize_t tmpfs_getxattr(struct inode *i, const char *name, void *buf, size_t size)
{
	bool all = capable(LCAP_SYS_ADMIN);
	size_t used = 0;
	struct xattr *x;

	list_for_each_entry (x, &tmpfs_of(i)->xattrs, node) {
		const void *from = name ? (const void *)x->value : x->name;
		size_t n = name ? x->size : x->name_len + 1;

		if (name ? strcmp(x->name, name) : !all && !strncmp(x->name, "trusted.", 8))
			continue;
		if (size) {
			if (used + n > size)
				return -ERANGE;
			memcpy((u8 *)buf + used, from, n);
		}
		used += n;
		if (name) /* there is one */
			return (ssize_t)n;
	}
	return name ? -ENODATA : (ssize_t)used;
}

RCU_KFREE(xattr_free, struct xattr, rcu)

static void xattr_remove(struct tmpfs_inode *t, struct xattr *x)
{
	list_del(&x->node);
	t->xattr_bytes -= x->size + x->name_len;
	rcu_call(&x->rcu, xattr_free); /* an ACL is read without a lock */
}

int tmpfs_setxattr(struct inode *i, const char *name, const void *buf, size_t size, int flags)
{
	struct tmpfs_inode *t = tmpfs_of(i);
	struct xattr *old = xattr_find(t, name), *x;
	struct linux_acl **acl = inode_acl_slot(i, name);
	size_t len = strlen(name), value_at = ALIGN_UP(len + 1, sizeof(u64));

	if (old && flags & XATTR_CREATE)
		return -EEXIST;
	if (!old && flags & XATTR_REPLACE)
		return -ENODATA;
	if (buf) {
		if (t->xattr_bytes - (old ? old->size + old->name_len : 0) + len + size >
			TMPFS_XATTR_BYTES_MAX)
			return -ENOSPC;
		x = kmalloc(sizeof(*x) + value_at + size, ALLOC_KERNEL);
		if (!x)
			return -ENOMEM;
		x->size = (u32)size;
		x->name_len = (u32)len;
		x->value = (u8 *)x->name + value_at;
		memcpy(x->name, name, len + 1);
		memcpy(x->value, buf, size);
		list_add_tail(&t->xattrs, &x->node);
		t->xattr_bytes += x->size + x->name_len;
	}
	if (acl) /* release; pairs with acl_bits */
		__atomic_store_n(acl, buf ? (struct linux_acl *)x->value : NULL, __ATOMIC_RELEASE);
	if (old)
		xattr_remove(t, old);
	i->ctime = time_now_inode();
	return 0;
}

void tmpfs_xattrs_free(struct tmpfs_inode *t)
{
	struct xattr *x;

	while ((x = list_first(&t->xattrs, struct xattr, node)) != NULL)
		xattr_remove(t, x);
}
