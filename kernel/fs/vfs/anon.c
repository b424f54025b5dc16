/* Where files without a name live: pipes, eventfds, epolls; and the table of character devices.
 * Layer: fs. Locks: chardev_lock for registration; look-ups run under RCU-like rules: entries are
 * never removed. Limit: CHARDEV_RANGES. */
#include "vfs_internal.h"

struct mount *anon_mount;
struct inode *anon_inode;

static const struct super_ops anon_super_ops = {.inode_free = inode_free_bare};
static struct fs_type anon_type = {.name = "pipefs", .magic = PIPEFS_MAGIC, .flags = FS_NODEV};

struct mount *anon_mount_create(const struct fs_type *t)
{
	struct super_block *sb = super_create(t, &anon_super_ops, NULL);
	struct inode *root = sb ? inode_create(sb, S_IFDIR | 0755, NULL) : NULL;
	struct mount *m = NULL;

	if (root)
		sb->root = dentry_root(sb, root);
	if (root && sb->root)
		m = mount_create_internal(sb, t->name);
	if (!m)
		panic("anon: no memory");
	return m;
}

void anon_init(void)
{
	anon_mount = anon_mount_create(&anon_type);
	anon_inode = inode_create(anon_mount->sb, 0600, NULL);
	if (!anon_inode)
		panic("anon: no memory");
	fs_register(&anon_type);
}

/* ---- character devices ---- */

#define CHARDEV_RANGES 64
static struct chardev {
	u32 major, minor_first, count;
	int (*open)(struct inode *i, struct file *f);
} chardevs[CHARDEV_RANGES]; /* [chardev_lock write; entries below chardev_count are constant] */
static u32 chardev_count;   /* [a] release after the entry is written */
static spinlock_t chardev_lock = SPINLOCK_INIT(RANK_DENTRY);

int chardev_register(
	u32 major, u32 minor_first, u32 count, int (*open)(struct inode *i, struct file *f))
{
	spinlock_t *held SCOPED(spin_release) = spin_hold(&chardev_lock);

	if (chardev_count == CHARDEV_RANGES)
		return -ENOMEM;
	chardevs[chardev_count] = (struct chardev){major, minor_first, count, open};
	/* pairs with chardev_open */
	__atomic_store_n(&chardev_count, chardev_count + 1, __ATOMIC_RELEASE);
	return 0;
}

int chardev_open(struct inode *i, struct file *f)
{
	u32 n = __atomic_load_n(&chardev_count, __ATOMIC_ACQUIRE), major = DEV_MAJOR(i->rdev),
	    minor = DEV_MINOR(i->rdev);

	for (u32 k = 0; k < n; k++) {
		if (chardevs[k].major == major &&
			minor - chardevs[k].minor_first < chardevs[k].count)
			return chardevs[k].open(i, f);
	}
	return -ENXIO;
}
