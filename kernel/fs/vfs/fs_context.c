/* Root, working directory and umask of a process. Layer: fs.
 * Locks: fs->lock for writers; the walk reads root and cwd through fs->seq under RCU. */
#include "vfs_internal.h"

struct fs_context fs_context_boot = {.refs = 1, .lock = SPINLOCK_INIT(RANK_DENTRY), .umask = 022};

struct fs_context *fs_context_copy(struct fs_context *from)
{
	struct fs_context *fs = kzalloc(sizeof(*fs), ALLOC_KERNEL);

	if (!fs)
		return NULL;
	if (!from)
		from = &fs_context_boot;
	fs->refs = 1;
	spin_init(&fs->lock, RANK_DENTRY);
	spinlock_t *held SCOPED(spin_release) = spin_hold(&from->lock);
	fs->root = from->root;
	fs->cwd = from->cwd;
	fs->umask = from->umask;
	path_get(&fs->root);
	path_get(&fs->cwd);
	return fs;
}

void fs_context_put(struct fs_context *fs)
{
	if (__atomic_sub_fetch(&fs->refs, 1, __ATOMIC_ACQ_REL))
		return;
	path_put(&fs->root);
	path_put(&fs->cwd);
	kfree(fs);
}

void fs_path_get(struct fs_context *fs, const struct path *from, struct path *out)
{
	spinlock_t *held SCOPED(spin_release) = spin_hold(&fs->lock);

	*out = *from;
	path_get(out);
}

void fs_path_set(
	struct fs_context *fs, struct path *to, const struct path *p, const struct path *only)
{
	struct path old = *p;

	spin_lock(&fs->lock);
	if (!only || path_equal(to, only)) {
		old = *to;
		seq_write_begin(&fs->seq);
		*to = *p;
		seq_write_end(&fs->seq);
	}
	spin_unlock(&fs->lock);
	path_put(&old);
}

void fs_replace(struct fs_context *fs, const struct path *from, const struct path *to)
{
	path_get(to);
	path_get(to);
	fs_path_set(fs, &fs->root, to, from);
	fs_path_set(fs, &fs->cwd, to, from);
}
