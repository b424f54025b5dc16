/* /proc/PID: the directories of processes and threads. Layer: fs.
 * Inodes hold a proc_ref (number and birth), never a reference, so /proc keeps no dead process;
 * every access looks it up again. Dentries are not cached (DENTRY_UNCACHED): they go when their
 * last user goes, negative ones too. Sources: proc(5). */
#include "procfs_internal.h"
#include "pid_text.h"

#include <exo_abi/linux_fs.h>
#include <exo/errno.h>
#include <exo/memory.h>
#include <exo/string.h>

#define INO_PID(pid, slot) ((u64)(u32)(pid) << 32 | (u32)(slot))

static const struct inode_ops pid_dir_ops, text_ops, magic_ops, fd_dir_ops, fd_link_ops,
	task_dir_ops, fdinfo_dir_ops, fdinfo_ops;
static const struct file_ops pid_dir_fops, fd_dir_fops, task_dir_fops;

int proc_ref_get(const struct proc_ref *r, struct process **p, struct thread **t)
{
	*t = NULL;
	*p = process_find(r->pid);
	if (!*p)
		return -ESRCH;
	if (process_start_ns(*p) == r->start_ns) {
		*t = thread_find(r->tid ? r->tid : r->pid);
		if (!r->tid || (*t && (*t)->proc == *p)) /* a zombie has no thread any more */
			return 0;
	}
	proc_ref_put(*p, *t);
	return -ESRCH;
}

void proc_ref_put(struct process *p, struct thread *t)
{
	if (t)
		thread_put(t);
	process_put(p);
}

static int number_of(const struct dentry *d, u32 *out)
{
	u64 n;

	if (d->name[0] < '0' || d->name[0] > '9' || (d->name[0] == '0' && d->name[1]) ||
		str_to_u64(d->name, NULL, 10, &n) || n > 0x7fffffff)
		return -ENOENT;
	*out = (u32)n;
	return 0;
}

/* Attaches a fresh inode for @r to @d, owned by the process's effective ids. */
static int attach(struct inode *dir, struct dentry *d, u32 mode, u64 ino,
	const struct inode_ops *ops, const struct file_ops *fops, const struct proc_ref *r)
{
	struct proc_ref *copy = kmalloc(sizeof(*copy), ALLOC_KERNEL);
	struct process_stat *st = kmalloc(sizeof(*st), ALLOC_KERNEL);
	struct process *p = NULL;
	struct inode *i = NULL;
	int err = -ENOMEM;

	if (!copy || !st)
		goto free;
	*copy = *r;
	err = -ESRCH;
	p = process_find(r->pid);
	if (!p || process_stat_get(p, NULL, st))
		goto free;
	i = synth_inode(dir->sb, mode, ino, ops, fops, copy);
	err = -ENOMEM;
	if (!i) {
		cred_put(st->cred);
		goto free;
	}
	i->uid = st->cred->euid;
	i->gid = st->cred->egid;
	cred_put(st->cred);
	dentry_attach(d, i);
	copy = NULL;
	err = 0;
free:
	if (p)
		process_put(p);
	kfree(st);
	kfree(copy);
	return err == -ESRCH ? -ENOENT : err;
}

void proc_inode_free(struct inode *i)
{
	if (i->ops == &pid_dir_ops || i->ops == &text_ops || i->ops == &magic_ops ||
		i->ops == &fd_dir_ops || i->ops == &fd_link_ops || i->ops == &task_dir_ops ||
		i->ops == &fdinfo_dir_ops || i->ops == &fdinfo_ops || i->ops == &proc_mem_ops)
		kfree(i->priv);
}

int proc_pid_lookup(struct inode *dir, struct dentry *d)
{
	struct proc_ref r = {0};
	struct process *p;
	struct thread *t;
	u32 nr;

	__atomic_fetch_or(&d->flags, DENTRY_UNCACHED, __ATOMIC_RELAXED);
	if (number_of(d, &nr))
		return 0; /* negative */
	p = process_find((pid_t)nr);
	if (!p) { /* a thread's number works too, as on Linux, though it is not listed */
		t = thread_find((pid_t)nr);
		if (!t)
			return 0;
		p = t->proc;
		process_get(p);
		thread_put(t);
		r.tid = (pid_t)nr;
	}
	r.pid = process_pid(p);
	r.start_ns = process_start_ns(p);
	process_put(p);
	return attach(dir, d, S_IFDIR | 0555, INO_PID(nr, 1), &pid_dir_ops, &pid_dir_fops, &r);
}

int proc_pid_readdir(struct file *f, struct dirent_sink *s, u64 first_pos)
{
	pid_t pid = f->pos > first_pos ? (pid_t)(f->pos - first_pos) : 0;
	struct process *p;
	char name[12];

	while ((p = process_next(&pid))) {
		bool room;

		process_put(p);
		snprintf(name, sizeof(name), "%d", pid);
		room = s->emit(s, name, (u32)strlen(name), INO_PID(pid, 1), S_DT(S_IFDIR),
			first_pos + (u64)pid);
		if (!room)
			return 0;
		f->pos = first_pos + (u64)pid;
	}
	return 0;
}

static const struct pid_entry *entries_of(const struct proc_ref *r)
{
	return r->entry == task_entries ? task_entries : pid_entries;
}

static int pid_dir_lookup(struct inode *dir, struct dentry *d)
{
	struct proc_ref r = *(struct proc_ref *)dir->priv;
	const struct pid_entry *first = entries_of(&r), *e;
	const struct inode_ops *ops;

	__atomic_fetch_or(&d->flags, DENTRY_UNCACHED, __ATOMIC_RELAXED);
	for (e = first; e->name && strcmp(e->name, d->name); e++)
		;
	if (!e->name)
		return 0;
	r.entry = e;
	ops = e->dir_ops ? e->dir_ops : (e->mode & S_IFMT) == S_IFREG ? &text_ops : &magic_ops;
	return attach(dir, d, e->mode, INO_PID(r.tid ? r.tid : r.pid, 2 + (e - first)), ops,
		e->dir_fops, &r);
}

static int pid_dir_readdir(struct file *f, struct dirent_sink *s)
{
	const struct proc_ref *r = f->inode->priv;
	const struct pid_entry *first = entries_of(r);

	if (!synth_emit_dots(f, s, f->inode->ino))
		return 0;
	for (u64 n = 0; first[n].name; n++) {
		if (n + 2 < f->pos)
			continue;
		if (!s->emit(s, first[n].name, (u32)strlen(first[n].name), INO_PID(r->pid, 2 + n),
			    (u8)(first[n].mode >> 12), n + 3))
			return 0;
		f->pos = n + 3;
	}
	return 0;
}

/* ---- texts ---- */

static int text_show(struct seq *s, struct inode *i)
{
	const struct proc_ref *r = i->priv;
	struct process *p;
	struct thread *t;
	int err = proc_ref_get(r, &p, &t);

	if (err)
		return err;
	err = r->entry->show ? r->entry->show(s, p, r->tid ? t : NULL) : -EINVAL;
	proc_ref_put(p, t);
	return err;
}

static ssize_t text_store(struct inode *i, const char *text, size_t len_bytes)
{
	const struct proc_ref *r = i->priv;
	struct process *p;
	struct thread *t;
	ssize_t ret = proc_ref_get(r, &p, &t);

	if (ret)
		return ret;
	ret = !r->entry->store ? -EINVAL : t ? r->entry->store(p, t, text, len_bytes) : -ESRCH;
	proc_ref_put(p, t);
	return ret;
}

static int text_open(struct inode *i, struct file *f)
{
	static const struct synth_text text = {text_show, text_store};

	return synth_text_open(i, f, &text);
}

/* ---- exe, cwd, root ---- */

/* Another user's private entries are closed, as ptrace rules say for one without CAP_SYS_PTRACE. */
static int private_permission(struct inode *i, u32 mask)
{
	return current->cred->fsuid == i->uid || cred_capable(current->cred, LCAP_SYS_PTRACE)
		       ? 0
		       : -EACCES;
}

static int magic_follow(struct inode *i, struct path *out, u32 *rights)
{
	const struct proc_ref *r = i->priv;
	struct process *p;
	struct thread *t;
	int err = private_permission(i, 0);

	if (err)
		return err;
	if (proc_ref_get(r, &p, &t))
		return -ENOENT;
	err = r->entry->follow(p, out);
	proc_ref_put(p, t);
	return err;
}

static int magic_readlink(struct inode *i, char *buf, size_t size)
{
	const struct proc_ref *r = i->priv;
	struct process *p;
	struct thread *t;
	int err = private_permission(i, 0);

	if (err)
		return err;
	if (proc_ref_get(r, &p, &t))
		return -ENOENT;
	err = r->entry->readlink(p, buf, size);
	proc_ref_put(p, t);
	return err;
}

/* ---- fd, fdinfo ---- */

/* The file in slot r->fd of the process, +1, and the rights there. err_ptr(-ENOENT). */
static struct file *ref_file_rights(const struct proc_ref *r, u32 *rights)
{
	struct grant *g = err_ptr(-ENOENT);
	struct object *o = err_ptr(-ENOENT);
	struct cap_space *caps = NULL;
	struct process *p;
	struct thread *t;

	if (proc_ref_get(r, &p, &t))
		return err_ptr(-ENOENT);
	caps = process_caps(p);
	proc_ref_put(p, t);
	if (caps) {
		g = cap_get_grant(caps, r->fd);
		cap_space_put(caps);
	}
	if (!is_err(g)) {
		if (grant_live(g)) {
			o = g->object;
			object_get(o);
			*rights = g->rights;
		}
		grant_put(g);
	}
	if (is_err(o))
		return err_ptr(-ENOENT);
	if (o->type != &file_object_type) {
		object_put(o);
		return err_ptr(-ENOENT);
	}
	return object_file(o);
}

static struct file *ref_file(const struct proc_ref *r)
{
	u32 rights;

	return ref_file_rights(r, &rights);
}

static int slots_lookup(
	struct inode *dir, struct dentry *d, u32 mode, const struct inode_ops *ops, u32 ino_base)
{
	struct proc_ref r = *(struct proc_ref *)dir->priv;
	struct file *f;
	u32 fd;

	__atomic_fetch_or(&d->flags, DENTRY_UNCACHED, __ATOMIC_RELAXED);
	if (number_of(d, &fd))
		return 0;
	r.fd = (s32)fd;
	f = ref_file(&r);
	if (is_err(f))
		return 0;
	if ((mode & S_IFMT) == S_IFLNK)
		mode |= (f->mode & FMODE_READ ? 0500 : 0) | (f->mode & FMODE_WRITE ? 0300 : 0);
	file_put(f);
	return attach(dir, d, mode, INO_PID(r.pid, ino_base + fd), ops, NULL, &r);
}

static int fd_dir_lookup(struct inode *dir, struct dentry *d)
{
	return slots_lookup(dir, d, S_IFLNK, &fd_link_ops, 0x10000);
}

static int fdinfo_dir_lookup(struct inode *dir, struct dentry *d)
{
	return slots_lookup(dir, d, S_IFREG | 0444, &fdinfo_ops, 0x80000000);
}

static int fd_dir_readdir(struct file *f, struct dirent_sink *s)
{
	const struct proc_ref *r = f->inode->priv;
	u8 type = f->inode->ops == &fd_dir_ops ? S_DT(S_IFLNK) : S_DT(S_IFREG);
	struct cap_space *caps;
	struct process *p;
	struct thread *t;
	char name[12];
	cap_t fd;

	if (!synth_emit_dots(f, s, f->inode->ino))
		return 0;
	if (proc_ref_get(r, &p, &t))
		return 0;
	caps = process_caps(p);
	proc_ref_put(p, t);
	if (!caps)
		return 0;
	while ((fd = cap_next(caps, (cap_t)(f->pos - 2))) >= 0) {
		snprintf(name, sizeof(name), "%d", fd);
		if (!s->emit(s, name, (u32)strlen(name), INO_PID(r->pid, 0x10000 + fd), type,
			    (u64)fd + 3))
			break;
		f->pos = (u64)fd + 3;
	}
	cap_space_put(caps);
	return 0;
}

/* What is opened this way has no more rights than the descriptor. */
static int fd_follow(struct inode *i, struct path *out, u32 *rights)
{
	u32 held;
	struct file *f = ref_file_rights(i->priv, &held);
	int err;

	if (is_err(f))
		return -ENOENT;
	*rights &= held;
	err = file_path_get(f, out);
	file_put(f);
	return err;
}

static int fd_readlink(struct inode *i, char *buf, size_t size)
{
	struct file *f = ref_file(i->priv);
	int n;

	if (is_err(f))
		return -ENOENT;
	n = file_path_text(f, buf, size);
	file_put(f);
	return n;
}

static int fdinfo_show(struct seq *s, struct inode *i)
{
	struct file *f = ref_file(i->priv);

	if (is_err(f))
		return -ENOENT;
	seq_printf(s, "pos:\t%lu\nflags:\t0%o\nmnt_id:\t%d\nino:\t%lu\n", f->pos, f->flags, 1,
		f->inode ? f->inode->ino : 0);
	file_put(f);
	return 0;
}

static int fdinfo_open(struct inode *i, struct file *f)
{
	static const struct synth_text text = {fdinfo_show, NULL};

	return synth_text_open(i, f, &text);
}

/* ---- task ---- */

static int task_dir_lookup(struct inode *dir, struct dentry *d)
{
	struct proc_ref r = *(struct proc_ref *)dir->priv;
	struct thread *t;
	u32 tid;
	bool ours;

	__atomic_fetch_or(&d->flags, DENTRY_UNCACHED, __ATOMIC_RELAXED);
	if (number_of(d, &tid))
		return 0;
	t = thread_find((pid_t)tid);
	if (!t)
		return 0;
	ours = process_pid(t->proc) == r.pid;
	r.tid = (pid_t)tid;
	r.entry = task_entries;
	thread_put(t);
	return ours ? attach(dir, d, S_IFDIR | 0555, INO_PID(tid, 0x8000), &pid_dir_ops,
			      &pid_dir_fops, &r)
		    : 0;
}

static int task_dir_readdir(struct file *f, struct dirent_sink *s)
{
	const struct proc_ref *r = f->inode->priv;
	struct process *p = process_find(r->pid);
	pid_t tid = f->pos > 2 ? (pid_t)(f->pos - 2) : 0;
	struct thread *t;
	char name[12];

	if (!p)
		return -ENOENT;
	if (synth_emit_dots(f, s, f->inode->ino)) {
		while ((t = process_thread_next(p, &tid))) {
			thread_put(t);
			snprintf(name, sizeof(name), "%d", tid);
			if (!s->emit(s, name, (u32)strlen(name), INO_PID(tid, 0x8000),
				    S_DT(S_IFDIR), (u64)tid + 2))
				break;
			f->pos = (u64)tid + 2;
		}
	}
	process_put(p);
	return 0;
}

int proc_deny_setattr(struct inode *i, const struct setattr *a)
{
	return a->valid & (ATTR_MODE | ATTR_UID | ATTR_GID) ? -EPERM : 0;
}

static const struct inode_ops pid_dir_ops = {
	.lookup = pid_dir_lookup, .setattr = proc_deny_setattr};
static const struct inode_ops text_ops = {.open = text_open, .setattr = proc_deny_setattr};
static const struct inode_ops magic_ops = {
	.follow = magic_follow, .readlink = magic_readlink, .setattr = proc_deny_setattr};
static const struct inode_ops fd_dir_ops = {
	.lookup = fd_dir_lookup, .permission = private_permission, .setattr = proc_deny_setattr};
static const struct inode_ops fdinfo_dir_ops = {.lookup = fdinfo_dir_lookup,
	.permission = private_permission,
	.setattr = proc_deny_setattr};
static const struct inode_ops fd_link_ops = {
	.follow = fd_follow, .readlink = fd_readlink, .setattr = proc_deny_setattr};
static const struct inode_ops fdinfo_ops = {.open = fdinfo_open, .setattr = proc_deny_setattr};
static const struct inode_ops task_dir_ops = {
	.lookup = task_dir_lookup, .setattr = proc_deny_setattr};
static const struct file_ops pid_dir_fops = {.readdir = pid_dir_readdir, .seek = file_seek_generic};
static const struct file_ops fd_dir_fops = {.readdir = fd_dir_readdir, .seek = file_seek_generic};
static const struct file_ops task_dir_fops = {
	.readdir = task_dir_readdir, .seek = file_seek_generic};

/* ---- the links' targets ---- */

static int exe_file(struct process *p, struct file **out)
{
	struct vm_space *space = process_space(p);

	*out = NULL;
	if (!space)
		return -ENOENT;
	rwsem_read_lock(&space->lock);
	if (space->exe) {
		*out = space->exe;
		file_get(*out);
	}
	rwsem_read_unlock(&space->lock);
	vm_space_put(space);
	return *out ? 0 : -ENOENT;
}

static int exe_follow(struct process *p, struct path *out)
{
	struct file *f;
	int err = exe_file(p, &f);

	if (err)
		return err;
	err = file_path_get(f, out);
	file_put(f);
	return err;
}

static int exe_readlink(struct process *p, char *buf, size_t size)
{
	struct file *f;
	int n = exe_file(p, &f);

	if (n)
		return n;
	n = file_path_text(f, buf, size);
	file_put(f);
	return n;
}

static int fs_path(struct process *p, bool root, struct path *out)
{
	struct fs_context *fs = process_fs(p);

	if (!fs)
		return -ENOENT;
	spin_lock(&fs->lock);
	*out = root ? fs->root : fs->cwd;
	path_get(out);
	spin_unlock(&fs->lock);
	fs_context_put(fs);
	return 0;
}

static int cwd_follow(struct process *p, struct path *out)
{
	return fs_path(p, false, out);
}

static int root_follow(struct process *p, struct path *out)
{
	return fs_path(p, true, out);
}

static int fs_readlink(struct process *p, bool root, char *buf, size_t size)
{
	struct path path, top;
	int n = fs_path(p, root, &path);

	if (n)
		return n;
	n = fs_path(p, true, &top);
	if (!n) {
		n = path_text(&path, current->fs ? &top : NULL, buf, size);
		path_put(&top);
	}
	path_put(&path);
	return n;
}

static int cwd_readlink(struct process *p, char *buf, size_t size)
{
	return fs_readlink(p, false, buf, size);
}

static int root_readlink(struct process *p, char *buf, size_t size)
{
	return fs_readlink(p, true, buf, size);
}

#include "pid_entries.h"
