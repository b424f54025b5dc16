/* /proc/PID: the directories of processes and threads. Layer: fs.
 * Inodes hold a proc_ref (number and birth), never a reference, so /proc keeps no dead process;
 * every access looks it up again. Dentries are not cached (DENTRY_UNCACHED): they go when their
 * last user goes, negative ones too. What stands in the directories: pid_entries, in pid_text.c.
 * Sources: proc(5). */
#include "../tmpfs/tmpfs_internal.h"
#include "procfs_internal.h"

#include <exo_abi/linux_fs.h>
#include <exo/errno.h>
#include <exo/memory.h>
#include <exo/string.h>

#define INO_PID(pid, slot) ((u64)(u32)(pid) << 32 | (u32)(slot))

static const struct pid_entry pid_dir, fd_link, fdinfo_text;

struct proc_held proc_held_get(const struct proc_ref *r)
{
	struct proc_held h = {.p = process_find(r->pid)};

	if (h.p && process_start_ns(h.p) == r->start_ns) {
		h.t = thread_find(r->tid ? r->tid : r->pid);
		if (!r->tid || (h.t && h.t->proc == h.p)) /* a zombie has no thread any more */
			return h;
	}
	proc_held_put(&h);
	return (struct proc_held){NULL, NULL};
}

void proc_held_put(struct proc_held *h)
{
	thread_put_at(&h->t);
	process_put_at(&h->p);
}

/* The number that is the name of @d, which is not to be cached. */
static bool number_of(struct dentry *d, u32 *out)
{
	u64 n;

	__atomic_fetch_or(&d->flags, DENTRY_UNCACHED, __ATOMIC_RELAXED);
	if (d->name[0] < '0' || d->name[0] > '9' || (d->name[0] == '0' && d->name[1]) ||
		str_to_u64(d->name, NULL, 10, &n) || n > 0x7fffffff)
		return false;
	*out = (u32)n;
	return true;
}

static bool emit_number(
	struct file *f, struct dirent_sink *s, u32 n, u64 ino, u32 mode, u64 next_pos)
{
	char name[12];

	snprintf(name, sizeof(name), "%u", n);
	return dirent_emit(f, s, name, ino, mode, next_pos);
}

/* Attaches a fresh inode of kind @e for @r to @d, owned by the process's effective ids. */
static int attach(struct inode *dir, struct dentry *d, u64 ino, const struct pid_entry *e,
	const struct proc_ref *r)
{
	struct proc_ref *copy SCOPED(kfree_at) = kmalloc(sizeof(*copy), ALLOC_KERNEL);
	struct process *p SCOPED(process_put_at) = process_find(r->pid);
	struct process_stat *st = p ? proc_stat_get(p, NULL) : err_ptr(-ESRCH);
	struct inode *i = NULL;

	if (is_err(st))
		return ptr_err(st) == -ESRCH ? -ENOENT : -ENOMEM;
	if (copy)
		i = synth_inode(dir->sb, e->mode, ino, e->ops, e->fops, copy);
	if (i) {
		*copy = *r;
		copy = NULL;
		i->uid = st->cred->euid;
		i->gid = st->cred->egid;
		dentry_attach(d, i);
	}
	proc_stat_put(st);
	return i ? 0 : -ENOMEM;
}

static int root_lookup(struct inode *dir, struct dentry *d)
{
	struct proc_ref r = {.entry = pid_entries};
	struct process *p SCOPED(process_put_at) = NULL;
	u32 nr;

	if (!number_of(d, &nr))
		return 0; /* negative */
	p = process_of((pid_t)nr);
	if (!p)
		return 0;
	r.pid = process_pid(p);
	if (r.pid != (pid_t)nr) /* a thread's number works too, though it is not listed */
		r.tid = (pid_t)nr;
	r.start_ns = process_start_ns(p);
	return attach(dir, d, INO_PID(nr, 1), &pid_dir, &r);
}

static int root_readdir(struct file *f, struct dirent_sink *s)
{
	const u64 first_pos = 1ULL << 32; /* behind those of the static entries */
	pid_t pid = f->pos > first_pos ? (pid_t)(f->pos - first_pos) : 0;
	struct process *p;
	int err = tmpfs_readdir(f, s);

	if (err || f->pos < tmpfs_of(f->inode)->dir.next_cookie) /* no room for them all */
		return err;
	while ((p = process_next(&pid))) {
		process_put(p);
		if (!emit_number(f, s, (u32)pid, INO_PID(pid, 1), S_IFDIR, first_pos + (u64)pid))
			break;
	}
	return 0;
}

/* The inode numbers of the entries follow that of their directory: who has a directory below must
 * be the last. */
#define ENTRY_INO(dir, n) ((dir)->ino + 1 + (u64)(n))

static int pid_dir_lookup(struct inode *dir, struct dentry *d)
{
	struct proc_ref r = *(struct proc_ref *)dir->priv;
	const struct pid_entry *e = r.entry;
	u64 ino;

	__atomic_fetch_or(&d->flags, DENTRY_UNCACHED, __ATOMIC_RELAXED);
	while (e->name && strcmp(e->name, d->name))
		e++;
	if (!e->name)
		return 0;
	ino = ENTRY_INO(dir, e - r.entry);
	r.entry = e->below ? e->below : e;
	return attach(dir, d, ino, e, &r);
}

static int pid_dir_readdir(struct file *f, struct dirent_sink *s)
{
	const struct proc_ref *r = f->inode->priv;
	const struct pid_entry *e = r->entry;

	if (!dirent_dots(f, s, f->inode->ino))
		return 0;
	for (u64 n = 0; e[n].name; n++) {
		if (n + 2 >= f->pos &&
			!dirent_emit(f, s, e[n].name, ENTRY_INO(f->inode, n), e[n].mode, n + 3))
			break;
	}
	return 0;
}

/* ---- texts ---- */

/* What an attacker would aim with is for those who may trace the process, as it is now. */
static bool is_denied(struct inode *i)
{
	return i->ops == &proc_secret_ops && proc_mem_ops.open(i, NULL) == -EACCES;
}

static int text_show(struct seq *s, struct inode *i)
{
	const struct proc_ref *r = i->priv;
	struct proc_held h SCOPED(proc_held_put) = proc_held_get(r);
	struct process_stat *st;

	if (!h.p || is_denied(i))
		return h.p ? -EACCES : -ESRCH;
	if (r->entry->show)
		return r->entry->show(s, h.p, h.t, r->entry->which);
	if (!r->entry->show_stat && !r->entry->format) /* to be written only */
		return -EINVAL;
	st = proc_stat_get(h.p, r->tid ? h.t : NULL);
	if (is_err(st))
		return (int)ptr_err(st);
	if (r->entry->format)
		seq_printf(s, r->entry->format, *(u32 *)((u8 *)st + r->entry->word));
	else
		r->entry->show_stat(s, h.p, st);
	proc_stat_put(st);
	return 0;
}

static int text_store(struct inode *i, const char *text, size_t len_bytes)
{
	const struct proc_ref *r = i->priv;
	struct proc_held h SCOPED(proc_held_put) = proc_held_get(r);

	if (h.p && !r->entry->store)
		return -EINVAL;
	return h.t ? r->entry->store(h.p, h.t, text, r->entry->which) : -ESRCH;
}

static int text_open(struct inode *i, struct file *f)
{
	return is_denied(i) ? -EACCES : synth_text_open(i, f);
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
	struct proc_held h SCOPED(proc_held_put) = proc_held_get(r);
	int err = private_permission(i, 0);

	if (err)
		return err;
	return h.p ? r->entry->follow(h.p, r->entry->which, out) : -ENOENT;
}

static int magic_readlink(struct inode *i, char *buf, size_t size)
{
	struct path p SCOPED(path_put) = {NULL, NULL};
	u32 rights = CAP_ALL;
	int err = i->ops->follow(i, &p, &rights);

	return err ? err : path_name(&p, buf, size);
}

/* ---- fd, fdinfo ---- */

static struct cap_space *ref_caps(const struct proc_ref *r) /* +1 | NULL */
{
	struct proc_held h SCOPED(proc_held_put) = proc_held_get(r);

	return h.p ? process_caps(h.p) : NULL;
}

/* The file in slot r->fd of the process, +1, and the rights there. NULL: there is none. */
static struct file *ref_file(const struct proc_ref *r, u32 *rights)
{
	struct cap_space *caps = ref_caps(r);
	struct grant *g SCOPED(grant_put_at) = caps ? cap_get_grant(caps, r->fd) : err_ptr(-ENOENT);
	struct file *f = NULL;

	if (!is_err(g) && grant_live(g) && g->object->type == &file_object_type) {
		f = object_file(g->object);
		file_get(f);
		*rights = g->rights;
	}
	if (caps)
		cap_space_put(caps);
	return f;
}

static int fd_dir_lookup(struct inode *dir, struct dentry *d)
{
	struct proc_ref r = *(struct proc_ref *)dir->priv;
	bool links = r.entry->mode == FD_DIR_MODE;
	u32 fd, rights;
	struct file *f;
	int err;

	if (!number_of(d, &fd))
		return 0;
	r.fd = (s32)fd;
	f = ref_file(&r, &rights);
	if (!f)
		return 0;
	err = attach(dir, d, INO_PID(r.pid, (links ? 0x10000 : 0x80000000) + fd),
		links ? &fd_link : &fdinfo_text, &r);
	if (!err && links)
		d->inode->mode |=
			(f->mode & FMODE_READ ? 0500 : 0) | (f->mode & FMODE_WRITE ? 0300 : 0);
	file_put(f);
	return err;
}

static int fd_dir_readdir(struct file *f, struct dirent_sink *s)
{
	const struct proc_ref *r = f->inode->priv;
	u32 mode = r->entry->mode == FD_DIR_MODE ? S_IFLNK : S_IFREG;
	struct cap_space *caps;
	cap_t fd;

	if (!dirent_dots(f, s, f->inode->ino))
		return 0;
	caps = ref_caps(r);
	if (!caps)
		return 0;
	while ((fd = cap_next(caps, (cap_t)(f->pos - 2))) >= 0 &&
		emit_number(f, s, (u32)fd, INO_PID(r->pid, 0x10000 + fd), mode, (u64)fd + 3))
		;
	cap_space_put(caps);
	return 0;
}

/* What is opened this way has no more rights than the descriptor. */
static int fd_follow(struct inode *i, struct path *out, u32 *rights)
{
	u32 held;
	struct file *f = ref_file(i->priv, &held);
	int err;

	if (!f)
		return -ENOENT;
	*rights &= held;
	err = file_path_get(f, out);
	file_put(f);
	return err;
}

static int fdinfo_show(struct seq *s, struct inode *i)
{
	u32 rights;
	struct file *f = ref_file(i->priv, &rights);

	if (!f)
		return -ENOENT;
	seq_printf(s, "pos:\t%lu\nflags:\t0%o\nmnt_id:\t%d\nino:\t%lu\n", f->pos, f->flags, 1,
		f->inode ? f->inode->ino : 0);
	file_put(f);
	return 0;
}

/* ---- task ---- */

static int task_dir_lookup(struct inode *dir, struct dentry *d)
{
	struct proc_ref r = *(struct proc_ref *)dir->priv;
	struct thread *t SCOPED(thread_put_at) = NULL;
	u32 tid;

	if (!number_of(d, &tid))
		return 0;
	t = thread_find((pid_t)tid);
	if (!t || process_pid(t->proc) != r.pid)
		return 0;
	r.tid = (pid_t)tid;
	r.entry = task_entries;
	return attach(dir, d, INO_PID(tid, 0x8000), &pid_dir, &r);
}

static int task_dir_readdir(struct file *f, struct dirent_sink *s)
{
	const struct proc_ref *r = f->inode->priv;
	struct process *p SCOPED(process_put_at) = process_find(r->pid);
	pid_t tid = f->pos > 2 ? (pid_t)(f->pos - 2) : 0;
	struct thread *t;

	if (!p)
		return -ENOENT;
	while (dirent_dots(f, s, f->inode->ino) && (t = process_thread_next(p, &tid))) {
		thread_put(t);
		if (!emit_number(f, s, (u32)tid, INO_PID(tid, 0x8000), S_IFDIR, (u64)tid + 2))
			break;
	}
	return 0;
}

/* ---- what the entries are ---- */

const struct inode_ops proc_root_ops = {
	.lookup = root_lookup, .make = synth_deny_make, .setattr = synth_deny_setattr};
const struct file_ops proc_root_fops = {
	.readdir = root_readdir, .seek = file_seek_generic, .release = tmpfs_dir_release};
const struct inode_ops proc_dir_ops = {.lookup = pid_dir_lookup, .setattr = synth_deny_setattr};
static const struct inode_ops fd_link_ops = {
	.follow = fd_follow, .readlink = magic_readlink, .setattr = synth_deny_setattr};
static const struct inode_ops fdinfo_ops = {
	.open = synth_text_open, .show = fdinfo_show, .setattr = synth_deny_setattr};
const struct file_ops proc_dir_fops = {.readdir = pid_dir_readdir, .seek = file_seek_generic};
#define TEXT_OPS \
	.open = text_open, .show = text_show, .store = text_store, .setattr = synth_deny_setattr
const struct inode_ops proc_text_ops = {TEXT_OPS};
const struct inode_ops proc_secret_ops = {TEXT_OPS};
const struct inode_ops proc_magic_ops = {
	.follow = magic_follow, .readlink = magic_readlink, .setattr = synth_deny_setattr};
const struct inode_ops proc_fd_ops = {
	.lookup = fd_dir_lookup, .permission = private_permission, .setattr = synth_deny_setattr};
const struct file_ops proc_fd_fops = {.readdir = fd_dir_readdir, .seek = file_seek_generic};
const struct inode_ops proc_task_ops = {.lookup = task_dir_lookup, .setattr = synth_deny_setattr};
const struct file_ops proc_task_fops = {.readdir = task_dir_readdir, .seek = file_seek_generic};
static const struct pid_entry pid_dir = {
	.mode = S_IFDIR | 0555, .ops = &proc_dir_ops, .fops = &proc_dir_fops};
static const struct pid_entry fd_link = {.mode = S_IFLNK, .ops = &fd_link_ops};
static const struct pid_entry fdinfo_text = {.mode = S_IFREG | 0444, .ops = &fdinfo_ops};

struct process *proc_dir_process(const struct file *f)
{
	const struct proc_ref *r = f->ops == &proc_dir_fops ? f->inode->priv : NULL;
	struct proc_held h;

	if (!r || r->entry != pid_entries) /* /proc/PID/task/TID is none */
		return err_ptr(-EBADF);
	h = proc_held_get(r);
	thread_put_at(&h.t);
	return h.p ? h.p : err_ptr(-ESRCH);
}
