/* tmpfs: files in memory. This file: mounting, limits, inodes. Layer: fs.
 *
 * A directory entry *is* a pinned dentry: there is no second structure to look in, and a name that
 * is not cached does not exist. Contents are the page cache, which is the memory object of the
 * inode. Locks: counters are atomic; the rest is the inode's lock. Limits: size= and nr_inodes=
 * (default: half of memory, and as many inodes as pages). Source: tmpfs(5). */
#include "tmpfs_internal.h"

static struct kmem_cache *tmpfs_cache;

/* ---- limits ---- */

static bool counter_add(s64 *used, u64 max, s64 n)
{
	s64 now = __atomic_add_fetch(used, n, __ATOMIC_RELAXED);

	if (n > 0 && max && now > (s64)max) {
		__atomic_fetch_sub(used, n, __ATOMIC_RELAXED);
		return false;
	}
	return true;
}

int tmpfs_charge(struct vm_object *o, s64 pages)
{
	struct tmpfs_super *ts = tmpfs_super_of(o->owner);

	return counter_add(&ts->pages_used, ts->pages_max, pages) ? 0 : -ENOSPC;
}

/* ---- inodes ---- */

struct inode *tmpfs_inode_create(struct super_block *sb, u32 mode)
{
	struct tmpfs_super *ts = sb->priv;
	struct tmpfs_inode *t;

	if (!counter_add(&ts->inodes_used, ts->inodes_max, 1))
		return err_ptr(-ENOSPC);
	t = kmem_cache_alloc(tmpfs_cache, ALLOC_KERNEL);
	if (!t) {
		counter_add(&ts->inodes_used, 0, -1);
		return err_ptr(-ENOMEM);
	}
	inode_init(&t->inode, sb, mode, &tmpfs_inode_ops, NULL);
	list_init(&t->xattrs);
	t->xattr_bytes = 0;
	t->seals = F_SEAL_SEAL;
	if (S_ISREG(mode)) {
		t->inode.ops = &tmpfs_file_inode_ops;
		t->inode.file_ops = &tmpfs_file_ops;
		vm_object_init(&t->inode.pages, &tmpfs_pages_ops, &t->inode);
		t->inode.pages.mem_counter = MEM_SHMEM;
		t->inode.pages_ready = true;
		t->backing.data = NULL;
		t->backing.len_bytes = 0;
	} else if (S_ISDIR(mode)) {
		t->inode.ops = &tmpfs_dir_inode_ops;
		t->inode.file_ops = &tmpfs_dir_ops;
		list_init(&t->dir.entries);
		t->dir.next_cookie = 2; /* 0 and 1 are "." and ".." */
		t->inode.nlink = 2;
		t->inode.pages.size_bytes = 2 * TMPFS_DIRENT_BYTES;
	}
	return &t->inode;
}

static void tmpfs_inode_free_rcu(struct rcu_head *h)
{
	struct tmpfs_inode *t = container_of(h, struct tmpfs_inode, inode.rcu);

	kfree(t->inode.link);
	kmem_cache_free(tmpfs_cache, t);
}

static void tmpfs_inode_gone(struct inode *i)
{
	tmpfs_xattrs_free(tmpfs_of(i));
	counter_add(&tmpfs_super_of(i)->inodes_used, 0, -1);
	rcu_call(&i->rcu, tmpfs_inode_free_rcu);
}

void tmpfs_pages_release(struct vm_object *o)
{
	tmpfs_inode_gone(o->owner);
}

static void tmpfs_inode_free(struct inode *i)
{
	/* the last reference comes back through tmpfs_pages_release */
	if (i->pages_ready)
		vm_object_put(&i->pages);
	else
		tmpfs_inode_gone(i);
}

int tmpfs_adopt(struct inode *i, const void *data, u64 len_bytes)
{
	struct tmpfs_inode *t = tmpfs_of(i);
	int err = 0;

	if (i->file_ops != &tmpfs_file_ops)
		return -EOPNOTSUPP;
	if (i->pages.size_bytes)
		err = tmpfs_setattr(i, &(struct setattr){.valid = ATTR_SIZE});
	if (err || !len_bytes)
		return err;
	i->pages.ops = &tmpfs_backed_ops;
	i->pages.mem_counter = MEM_CACHE; /* clean pages can be had again */
	i->pages.size_bytes = len_bytes;
	i->backed_pages = (len_bytes + PAGE_SIZE - 1) / PAGE_SIZE;
	t->backing.data = data;
	t->backing.len_bytes = len_bytes;
	return 0;
}

/* ---- options ---- */

struct option {
	const char *name;
	u64 *value;
	unsigned base; /* 10 of counts: they may end with k, m or g */
	u64 unit;      /* of a count, in bytes; 1: no share of the memory */
	u64 max;
};

static int parse_value(const struct option *o, const char *s, const char *end)
{
	static const char suffixes[] = "kmg";
	const char *after, *suffix;
	struct mem_stats mem;
	u32 shift = 0;
	u64 v;

	if (str_to_u64(s, &after, o->base, &v))
		return -EINVAL;
	if (*after == '%' && after + 1 == end && o->unit > 1) {
		mem_stats_get(&mem);
		*o->value = mem.pages_total * MIN(v, 10000ULL) / 100;
		return 0;
	}
	if (after < end && o->unit) {
		suffix = strchr(suffixes, *after | 32);
		shift = suffix ? 10 * (u32)(suffix - suffixes + 1) : 0;
		after += suffix != NULL;
	}
	if (after != end || v >> (63 - shift) || v > o->max)
		return -EINVAL;
	*o->value = o->unit ? ((v << shift) + o->unit - 1) / o->unit : v;
	return 0;
}

static int parse_option(struct tmpfs_super *ts, const char *s, const char *end)
{
	const struct option options[] = {
		{"size=", &ts->pages_max, 10, PAGE_SIZE, ~0ULL},
		{"nr_blocks=", &ts->pages_max, 10, 1, ~0ULL},
		{"nr_inodes=", &ts->inodes_max, 10, 1, ~0ULL},
		{"mode=", &ts->mode, 8, 0, 07777},
		{"uid=", &ts->uid, 10, 0, ~0u - 1},
		{"gid=", &ts->gid, 10, 0, ~0u - 1},
	};

	for (size_t i = 0; i < ARRAY_LEN(options); i++) {
		size_t len = strlen(options[i].name);

		if (!strncmp(s, options[i].name, len))
			return parse_value(&options[i], s + len, end);
	}
	/* of devpts, whose mounts come here too */
	return strncmp(s, "ptmxmode=", 9) && strncmp(s, "newinstance", 11) ? -EINVAL : 0;
}

static int parse_options(struct tmpfs_super *ts, const char *data)
{
	while (data && *data) {
		const char *end = strchr(data, ',');
		int err;

		if (!end)
			end = data + strlen(data);
		err = end == data ? 0 : parse_option(ts, data, end);
		if (err)
			return err;
		data = *end ? end + 1 : end;
	}
	return 0;
}

/* ---- superblock ---- */

static void tmpfs_statfs(struct super_block *sb, struct linux_statfs *out)
{
	struct tmpfs_super *ts = sb->priv;
	s64 pages = MAX(ts->pages_used, (s64)0), inodes = MAX(ts->inodes_used, (s64)0);

	out->blocks = (s64)ts->pages_max;
	out->bfree = out->bavail = (s64)(ts->pages_max - MIN((u64)pages, ts->pages_max));
	out->files = (s64)ts->inodes_max;
	out->ffree = (s64)(ts->inodes_max - MIN((u64)inodes, ts->inodes_max));
}

static void tmpfs_sb_free(struct super_block *sb)
{
	kfree(sb->priv);
}

static int tmpfs_remount(struct super_block *sb, u32 flags, const char *data)
{
	struct tmpfs_super *ts = sb->priv, new = *ts;
	int err = parse_options(&new, data);

	if (err)
		return err;
	if ((new.pages_max && (s64) new.pages_max < ts->pages_used) ||
		(new.inodes_max && (s64) new.inodes_max < ts->inodes_used))
		return -EINVAL;
	__atomic_store_n(&ts->pages_max, new.pages_max, __ATOMIC_RELAXED);
	__atomic_store_n(&ts->inodes_max, new.inodes_max, __ATOMIC_RELAXED);
	return 0;
}

static int tmpfs_show_options(struct super_block *sb, char *buf, size_t size)
{
	struct tmpfs_super *ts = sb->priv;

	return snprintf(buf, size, ",size=%lluk,nr_inodes=%llu",
		(unsigned long long)ts->pages_max * (PAGE_SIZE / 1024),
		(unsigned long long)ts->inodes_max);
}

static const struct super_ops tmpfs_super_ops = {
	.inode_free = tmpfs_inode_free,
	.statfs = tmpfs_statfs,
	.sb_free = tmpfs_sb_free,
	.remount = tmpfs_remount,
	.show_options = tmpfs_show_options,
};

int tmpfs_super_create(const char *data, const struct fs_type *type, struct super_block **out)
{
	struct tmpfs_super *ts = kzalloc(sizeof(*ts), ALLOC_KERNEL);
	struct super_block *sb;
	struct mem_stats mem;
	struct inode *root;
	int err;

	if (!ts)
		return -ENOMEM;
	mem_stats_get(&mem);
	ts->pages_max = ts->inodes_max = mem.pages_total / 2;
	ts->mode = 01777;
	ts->uid = cred_now()->fsuid;
	ts->gid = cred_now()->fsgid;
	err = parse_options(ts, data);
	sb = err || !out ? NULL : super_create(type, &tmpfs_super_ops, ts);
	if (!sb) {
		kfree(ts);
		return err || !out ? err : -ENOMEM;
	}
	root = tmpfs_inode_create(sb, S_IFDIR | (u32)ts->mode);
	if (!is_err(root)) {
		root->uid = (u32)ts->uid;
		root->gid = (u32)ts->gid;
		sb->root = dentry_root(sb, root);
	}
	if (!sb->root) {
		super_put(sb);
		return -ENOMEM;
	}
	*out = sb;
	return 0;
}

static void objects_inode_free(struct inode *i)
{
	if (i->priv)
		tmpfs_super_of(i)->objects->gone(i);
	tmpfs_inode_free(i);
}

void objects_fs_init(struct objects_fs *o)
{
	static const struct super_ops ops = {.inode_free = objects_inode_free};
	struct super_block *sb;

	if (tmpfs_super_create("nr_inodes=0", &o->type, &sb) ||
		!(o->root.mount = mount_create_internal(sb, o->type.name)))
		panic("%s: no memory", o->type.name);
	o->root.dentry = sb->root;
	tmpfs_super_of(sb->root->inode)->objects = o;
	sb->ops = &ops;
	sb->root->inode->ops = &tmpfs_objects_dir_ops;
	o->type.shared = sb;
	fs_register(&o->type);
}

struct fs_type tmpfs_type = {
	.name = "tmpfs", .magic = TMPFS_MAGIC, .mount = tmpfs_super_create, .flags = FS_NODEV};
static struct fs_type ramfs_type = {
	.name = "ramfs", .magic = TMPFS_MAGIC, .mount = tmpfs_super_create, .flags = FS_NODEV};

void tmpfs_init(void)
{
	tmpfs_cache = kmem_cache_create("tmpfs_inode", sizeof(struct tmpfs_inode), 64, 0);
	fs_register(&ramfs_type);
	fs_register(&tmpfs_type);
}
