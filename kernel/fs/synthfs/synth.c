/* The tree of synthetic files: look-up, listing, links. Layer: fs.
 * Locks: tree_lock (S_MISC) for adding; readers walk child lists that only grow, each link
 * published by a release store. */
#include "synth_internal.h"

#include <exo_abi/linux_fs.h>
#include <exo/errno.h>
#include <exo/log.h>
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
		if (!strncmp(n->file.path, name, len) && !n->file.path[len])
			return n;
	}
	return NULL;
}

static struct synth_node *child_add(
	struct synth_node *dir, const char *name, size_t len, const struct synth_file *f)
{
	struct synth_node *n = kzalloc(sizeof(*n), ALLOC_KERNEL), **link = &dir->children;
	char *copy = kzalloc(len + 1, ALLOC_KERNEL);

	if (!n || !copy) {
		kfree(n);
		kfree(copy);
		return NULL;
	}
	memcpy(copy, name, len);
	n->file = *f;
	n->file.path = copy;
	n->ino = next_ino++;
	while (*link)
		link = &(*link)->next;
	__atomic_store_n(link, n, __ATOMIC_RELEASE); /* pairs with child_find */
	return n;
}

static void add_locked(struct synth_node *dir, const struct synth_file *f)
{
	static const struct synth_file directory = {.mode = S_IFDIR | 0555};
	const char *name = f->path, *slash;

	while (dir && (slash = strchr(name, '/')) != NULL) {
		struct synth_node *n = child_find(dir, name, (size_t)(slash - name));

		dir = n ? n : child_add(dir, name, (size_t)(slash - name), &directory);
		name = slash + 1;
	}
	if (!dir || child_find(dir, name, strlen(name)) || !child_add(dir, name, strlen(name), f))
		log_err("synthfs: %s could not be made", f->path);
}

void synth_add(struct synth_fs *fs, const struct synth_file *files, size_t count)
{
	if (!tree_ready) { /* first call is at boot, on one CPU */
		mutex_init(&tree_lock, RANK_S_MISC);
		tree_ready = true;
	}
	mutex_lock(&tree_lock);
	for (size_t i = 0; i < count; i++)
		add_locked(&fs->root, &files[i]);
	mutex_unlock(&tree_lock);
}

int synth_show_text(struct seq *s, const void *ctx)
{
	seq_printf(s, "%s\n", (const char *)ctx);
	return 0;
}

struct inode *synth_inode(struct super_block *sb, u32 mode, u64 ino, const struct inode_ops *ops,
	const struct file_ops *fops, void *priv)
{
	struct inode *i = inode_create(sb, mode, ops, fops);

	if (!i)
		return NULL;
	i->ino = ino;
	i->uid = i->gid = 0;
	i->nlink = S_ISDIR(mode) ? 2 : 1;
	i->priv = priv;
	return i;
}

static struct inode *node_inode(struct super_block *sb, struct synth_node *n)
{
	u32 mode = n->file.mode;

	return synth_inode(sb, mode, n->ino,
		S_ISDIR(mode)   ? &dir_ops
		: S_ISLNK(mode) ? &link_ops
				: &file_iops,
		S_ISDIR(mode) ? &dir_fops : NULL, n);
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

static int dir_readdir(struct file *f, struct dirent_sink *s)
{
	struct synth_fs *fs = f->inode->sb->priv;
	struct synth_node *dir = f->inode->priv;
	u64 pos = 2;

	if (!dirent_dots(f, s, dir->ino))
		return 0;
	for (struct synth_node *n = __atomic_load_n(&dir->children, __ATOMIC_ACQUIRE); n;
		n = __atomic_load_n(&n->next, __ATOMIC_ACQUIRE), pos++) {
		if (pos >= f->pos &&
			!dirent_emit(f, s, n->file.path, n->ino, n->file.mode, pos + 1))
			return 0;
	}
	/* Processes stand behind every static entry, at positions of their own. */
	return dir == &fs->root && fs->readdir_more ? fs->readdir_more(f, s, 1ULL << 32) : 0;
}

static int node_show(struct seq *s, struct inode *i)
{
	const struct synth_file *f = &((struct synth_node *)i->priv)->file;

	return f->show ? f->show(s, f->ctx) : -EINVAL;
}

static ssize_t node_store(struct inode *i, const char *text, size_t len_bytes)
{
	const struct synth_file *f = &((struct synth_node *)i->priv)->file;

	return f->store ? f->store(text, len_bytes, f->ctx) : -EINVAL;
}

static int node_open(struct inode *i, struct file *f)
{
	static const struct synth_text text = {node_show, node_store};

	return synth_text_open(i, f, &text);
}

static int link_readlink(struct inode *i, char *buf, size_t size)
{
	struct seq s = {0};
	int ret = node_show(&s, i);

	if (!ret && s.overflow)
		ret = -ENOMEM;
	if (!ret) {
		ret = (int)MIN(s.len - 1, size);
		memcpy(buf, s.buf, (size_t)ret);
	}
	kfree(s.buf);
	return ret;
}

static int deny_setattr(struct inode *i, const struct setattr *a)
{
	/* O_TRUNC before a store is fine */
	return a->valid & ~(ATTR_SIZE | ATTR_MTIME | ATTR_ATIME) ? -EPERM : 0;
}

/* No name can be made here: what is not listed does not exist. */
static int deny_make(struct inode *dir, struct dentry *d, u32 mode, u64 rdev, const char *target)
{
	return -ENOENT;
}

static const struct inode_ops dir_ops = {
	.lookup = dir_lookup, .make = deny_make, .setattr = deny_setattr};
static const struct file_ops dir_fops = {.readdir = dir_readdir, .seek = file_seek_generic};
static const struct inode_ops file_iops = {.open = node_open, .setattr = deny_setattr};
static const struct inode_ops link_ops = {.readlink = link_readlink, .setattr = deny_setattr};

static void sb_inode_free(struct inode *i)
{
	if (i->ino >= SYNTH_INO_MORE)
		kfree(i->priv);
	inode_free_bare(i);
}

void synth_start(struct synth_fs *fs, const char *at)
{
	static const struct super_ops ops = {.inode_free = sb_inode_free};
	struct super_block *sb = super_create(&fs->type, &ops, fs);
	struct inode *root;

	fs->root.file.mode = S_IFDIR | 0555;
	fs->root.ino = 1;
	root = sb ? node_inode(sb, &fs->root) : NULL;
	if (root)
		sb->root = dentry_root(sb, root);
	fs->type.flags = FS_NODEV;
	fs->type.shared = sb;
	fs_register(&fs->type);
	if (!root || !sb->root || vfs_mknod(at, S_IFDIR | 0555, 0) ||
		vfs_mount(fs->type.name, fs->type.name, at, 0, ""))
		log_err("%s: cannot mount on %s", fs->type.name, at);
}
