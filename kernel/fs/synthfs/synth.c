/* The tree of synthetic files: look-up, listing, links. Layer: fs.
 * Locks: tree_lock (S_MISC) for adding; readers walk child lists that only grow, each link
 * published by a release store. */
#include "synth_internal.h"

#include <exo_abi/linux_fs.h>
#include <exo/errno.h>
#include <exo/memory.h>
#include <exo/string.h>

static struct mutex tree_lock;
static u64 next_ino = 0x1000; /* [tree_lock] */
static bool tree_ready;

static const struct inode_ops dir_ops, file_iops, link_ops;
static const struct file_ops dir_fops;

static struct synth_node *child_find(const struct synth_node *dir, const char *name, size_t len)
{
	for (struct synth_node *n = __atomic_load_n(&dir->children, __ATOMIC_ACQUIRE); n;
		n = __atomic_load_n(&n->next, __ATOMIC_ACQUIRE)) {
		if (!strncmp(n->name, name, len) && !n->name[len])
			return n;
	}
	return NULL;
}

static struct synth_node *child_add(struct synth_node *dir, const char *name, size_t len, u32 mode)
{
	struct synth_node *n = kzalloc(sizeof(*n), ALLOC_KERNEL), **link = &dir->children;
	char *copy = kmalloc(len + 1, ALLOC_KERNEL);

	if (!n || !copy) {
		kfree(n);
		kfree(copy);
		return NULL;
	}
	memcpy(copy, name, len);
	copy[len] = 0;
	n->name = copy;
	n->mode = mode;
	n->parent = dir;
	n->ino = next_ino++;
	while (*link)
		link = &(*link)->next;
	__atomic_store_n(link, n, __ATOMIC_RELEASE); /* pairs with child_find */
	return n;
}

int synth_add(struct synth_fs *fs, const char *path, u32 mode, struct synth_node **out)
{
	struct synth_node *dir = &fs->root, *n;
	int err = 0;

	if (!tree_ready) { /* first call is at boot, on one CPU */
		mutex_init(&tree_lock, RANK_S_MISC);
		tree_ready = true;
	}
	mutex_lock(&tree_lock);
	for (;;) {
		const char *slash = strchr(path, '/');
		size_t len = slash ? (size_t)(slash - path) : strlen(path);

		n = child_find(dir, path, len);
		if (!slash)
			break;
		if (!n)
			n = child_add(dir, path, len, S_IFDIR | 0555);
		if (!n) {
			err = -ENOMEM;
			goto unlock;
		}
		dir = n;
		path = slash + 1;
	}
	if (n) {
		err = -EEXIST;
		goto unlock;
	}
	n = child_add(dir, path, strlen(path), mode);
	if (!n)
		err = -ENOMEM;
	else if (out)
		*out = n;
unlock:
	mutex_unlock(&tree_lock);
	return err;
}

struct inode *synth_inode(struct super_block *sb, u32 mode, u64 ino, const struct inode_ops *ops,
	const struct file_ops *fops, void *priv)
{
	struct inode *i = inode_create(sb, mode, ops, fops);

	if (!i)
		return NULL;
	i->ino = ino;
	i->uid = i->gid = 0;
	i->nlink = (mode & S_IFMT) == S_IFDIR ? 2 : 1;
	i->priv = priv;
	return i;
}

static struct inode *node_inode(struct super_block *sb, struct synth_node *n)
{
	u32 type = n->mode & S_IFMT;

	if (type == S_IFDIR)
		return synth_inode(sb, n->mode, n->ino, &dir_ops, &dir_fops, n);
	if (type == S_IFLNK)
		return synth_inode(sb, n->mode, n->ino, &link_ops, NULL, n);
	return synth_inode(sb, n->mode, n->ino, &file_iops, &synth_text_ops, n);
}

static int dir_lookup(struct inode *dir, struct dentry *d)
{
	struct synth_fs *fs = dir->sb->priv;
	struct synth_node *n = child_find(dir->priv, d->name, dentry_name_len(d));
	struct inode *i;

	if (!n)
		return dir->priv == &fs->root && fs->lookup_more ? fs->lookup_more(dir, d) : 0;
	i = node_inode(dir->sb, n);
	if (!i)
		return -ENOMEM;
	dentry_attach(d, i);
	return 0;
}

bool synth_emit_dots(struct file *f, struct dirent_sink *s, u64 ino)
{
	if (f->pos == 0) {
		if (!s->emit(s, ".", 1, ino, S_DT(S_IFDIR), 1))
			return false;
		f->pos = 1;
	}
	if (f->pos == 1) {
		if (!s->emit(s, "..", 2, ino, S_DT(S_IFDIR), 2))
			return false;
		f->pos = 2;
	}
	return true;
}

static int dir_readdir(struct file *f, struct dirent_sink *s)
{
	struct synth_fs *fs = f->inode->sb->priv;
	struct synth_node *dir = f->inode->priv;
	u64 pos = 2;

	if (!synth_emit_dots(f, s, dir->ino))
		return 0;
	for (struct synth_node *n = __atomic_load_n(&dir->children, __ATOMIC_ACQUIRE); n;
		n = __atomic_load_n(&n->next, __ATOMIC_ACQUIRE), pos++) {
		if (pos < f->pos)
			continue;
		if (!s->emit(
			    s, n->name, (u32)strlen(n->name), n->ino, (u8)(n->mode >> 12), pos + 1))
			return 0;
		f->pos = pos + 1;
	}
	/* Processes stand behind every static entry, at positions of their own. */
	return dir == &fs->root && fs->readdir_more ? fs->readdir_more(f, s, 1ULL << 32) : 0;
}

static int link_readlink(struct inode *i, char *buf, size_t size)
{
	struct synth_node *n = i->priv;
	size_t len;

	if (n->link_fn)
		return n->link_fn(buf, size);
	len = MIN(strlen(n->link), size);
	memcpy(buf, n->link, len);
	return (int)len;
}

static int node_show(struct seq *s, struct inode *i)
{
	struct synth_node *n = i->priv;

	return n->show ? n->show(s, n->ctx) : -EINVAL;
}

static ssize_t node_store(struct inode *i, const char *text, size_t len_bytes)
{
	struct synth_node *n = i->priv;

	return n->store ? n->store(text, len_bytes, n->ctx) : -EINVAL;
}

static int node_open(struct inode *i, struct file *f)
{
	static const struct synth_text text = {node_show, node_store};

	return synth_text_open(i, f, &text);
}

static int sb_statfs(struct super_block *sb, struct statfs_k *out)
{
	*out = (struct statfs_k){.type = !strcmp(sb->type->name, "proc") ? 0x9fa0 : 0x62656572,
		.bsize = PAGE_SIZE,
		.namelen = 255,
		.frsize = PAGE_SIZE};
	return 0;
}

static int deny_setattr(struct inode *i, const struct setattr *a)
{
	return a->valid & ~(ATTR_SIZE | ATTR_MTIME | ATTR_ATIME)
		       ? -EPERM
		       : 0; /* O_TRUNC before a store is fine */
}

/* No name can be made here: what is not listed does not exist. */
static int deny_create(struct inode *dir, struct dentry *d, u32 mode)
{
	return -ENOENT;
}

static const struct inode_ops dir_ops = {
	.lookup = dir_lookup, .create = deny_create, .setattr = deny_setattr};
static const struct file_ops dir_fops = {.readdir = dir_readdir, .seek = file_seek_generic};
static const struct inode_ops file_iops = {.open = node_open, .setattr = deny_setattr};
static const struct inode_ops link_ops = {.readlink = link_readlink, .setattr = deny_setattr};
static void sb_inode_free(struct inode *i)
{
	struct synth_fs *fs = i->sb->priv;

	if (fs->inode_free)
		fs->inode_free(i);
	inode_free_bare(i);
}
static const struct super_ops sb_ops = {.statfs = sb_statfs, .inode_free = sb_inode_free};

int synth_mount(struct synth_fs *fs, const struct fs_type *type, struct super_block **out)
{
	struct super_block *sb = fs->sb;
	struct inode *root;

	if (!sb) {
		sb = super_create(type, &sb_ops, fs);
		if (!sb)
			return -ENOMEM;
		fs->root.mode = S_IFDIR | 0555;
		fs->root.ino = 1;
		root = node_inode(sb, &fs->root);
		sb->root = root ? dentry_root(sb, root) : NULL;
		if (!sb->root)
			return -ENOMEM; /* at boot only: nothing to undo */
		fs->sb = sb;
	}
	__atomic_fetch_add(&sb->refs, 1, __ATOMIC_RELAXED);
	*out = sb;
	return 0;
}
