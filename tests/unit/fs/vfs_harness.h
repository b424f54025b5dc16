/* What the tests of the VFS share: a root file system, a process with descriptors, and the few functions of other rooms. */
#pragma once

#include <u_.h>
#include <exo/errno.h>
#include <exo/fs_locks.h>
#include <exo/fs_pipe.h>
#include <exo/memory.h>
#include <exo/posix_x.h>
#include <exo/sched.h>
#include <exo/vfs.h>
#include <exo_abi/linux_fs.h>
#include <fs/vfs/vfs_internal.h>
#include <memory/virtual/vm_internal.h>

static u64 limit_nofile = 1024, limit_fsize = ~0ULL; /* what process_rlimit says */
static int last_signal;                              /* of signal_send_current */

u64 process_rlimit(struct process *p, enum rlimit_id id)
{
	return id == RLIM_NOFILE ? limit_nofile : id == RLIM_FSIZE ? limit_fsize : ~0ULL;
}
pid_t process_pid(struct process *p)
{
	return 1;
}
int signal_send_current(int signo)
{
	last_signal = signo;
	return 0;
}
void signal_send_owner(const struct file_signal *due)
{
}

/* ---- of the memory room: no areas map anything here ---- */
void mem_stats_get(struct mem_stats *out)
{
	*out = (struct mem_stats){ .pages_total = 4096 };
}
int commit_charge(u32 flags, u64 pages)
{
	return 0;
}
void commit_uncharge(u32 flags, u64 pages)
{
}
ssize_t vm_access(struct vm_space *s, vaddr_t va, void *buf, size_t len_bytes, u32 write)
{
	return -EFAULT;
}
void space_gather_end(struct vm_space *s, struct tlb_gather *g)
{
}

static struct shrinker *dentry_shrinker;
void shrinker_register(struct shrinker *s)
{
	dentry_shrinker = s;
}
/* What is allocated when nothing waits for a grace period and no name is cached without need. */
static UNUSED u64 settled_live(void)
{
	do
		host_rcu_run();
	while (dentry_shrinker->shrink(dentry_shrinker, 1000));
	host_rcu_run();
	return host_heap_live();
}

static UNUSED struct cred user_cred; /* of an ordinary user, 1000:1000 */

static void fs_start(void)
{
	host_log_quiet = true;
	cred_root.cap_permitted = cred_root.cap_effective = (1ULL << LCAP_COUNT) - 1;
	current->cred = &cred_root;
	current->proc = (struct process *)1; /* names the stand-ins above */
	current->caps = cap_space_create();
	page_tree_init();
	object_cache_init();
	fs_init();
	current->fs = fs_context_copy(NULL);
	current->fs->umask = 022;
	user_cred = (struct cred){ .refs = 1, .uid = 1000, .euid = 1000, .suid = 1000, .fsuid = 1000, .gid = 1000, .egid = 1000, .sgid = 1000, .fsgid = 1000 };
}

static UNUSED void as_user(bool user)
{
	current->cred = user ? &user_cred : &cred_root;
}

/* One call on a path, as the handlers make it. */
#define WITH_TEXT(path, var, call)                                                                 \
	({                                                                                         \
		struct path_buf _buf_##var;                                                        \
		int _r_##var = path_buf_kernel(&_buf_##var, (path));                                     \
		if (!_r_##var) {                                                                         \
			const char *var = _buf_##var.text;                                                 \
			_r_##var = (call);                                                               \
			path_buf_fini(&_buf_##var);                                                \
		}                                                                                  \
		_r_##var;                                                                                \
	})
static UNUSED int t_mkdir(const char *path)
{
	return WITH_TEXT(path, t, vfs_make_text(AT_FDCWD, t, S_IFDIR | 0777, 0, NULL));
}
static UNUSED int t_rmdir(const char *path)
{
	return WITH_TEXT(path, t, vfs_remove_text(AT_FDCWD, t, true));
}
static UNUSED int t_unlink(const char *path)
{
	return WITH_TEXT(path, t, vfs_remove_text(AT_FDCWD, t, false));
}
static UNUSED int t_rename(const char *from, const char *to, u32 flags)
{
	return WITH_TEXT(from, a, WITH_TEXT(to, b, vfs_rename_text(AT_FDCWD, a, AT_FDCWD, b, flags)));
}
static UNUSED int t_symlink(const char *target, const char *path)
{
	return WITH_TEXT(path, t, vfs_make_text(AT_FDCWD, t, S_IFLNK | 0777, 0, target));
}
static UNUSED int t_link(const char *from, const char *to)
{
	struct path p;
	int err = path_lookup(AT_FDCWD, from, 0, &p);

	if (err)
		return err;
	err = WITH_TEXT(to, t, vfs_link_text(&p, AT_FDCWD, t));
	path_put(&p);
	return err;
}
static UNUSED int t_stat(const char *path, struct stat_k *st)
{
	return WITH_TEXT(path, t, path_stat(AT_FDCWD, t, LOOKUP_FOLLOW, st));
}
static UNUSED int t_lstat(const char *path, struct stat_k *st)
{
	return WITH_TEXT(path, t, path_stat(AT_FDCWD, t, 0, st));
}
static UNUSED int t_exists(const char *path)
{
	struct stat_k st;

	return t_stat(path, &st);
}
/* Opens, writes @text when not NULL, closes. */
static UNUSED int t_write_file(const char *path, const char *text)
{
	struct file *f = vfs_open(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, 0666);
	ssize_t n = 0;

	if (is_err(f))
		return (int)ptr_err(f);
	if (text)
		n = file_write_kernel(f, text, strlen(text), 0);
	file_put(f);
	return n < 0 ? (int)n : 0;
}
static UNUSED bool t_file_is(const char *path, const char *text)
{
	char buf[256] = "";
	struct file *f = vfs_open(AT_FDCWD, path, O_RDONLY, 0);
	ssize_t n;

	if (is_err(f))
		return false;
	n = file_read_kernel(f, buf, sizeof(buf) - 1, 0);
	file_put(f);
	return n == (ssize_t)strlen(text) && !memcmp(buf, text, (size_t)n);
}

/* What a directory lists, one after the other, with blanks between; "." and ".." are left out. */
struct list_sink {
	struct dirent_sink sink;
	char *text;
	u32 left; /* entries that it takes */
};
static bool list_emit(struct dirent_sink *s, const char *name, u32 len, u64 ino, u8 type, u64 next)
{
	struct list_sink *l = container_of(s, struct list_sink, sink);

	if (!l->left)
		return false;
	l->left--;
	if (name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.')))
		return true;
	sprintf(l->text + strlen(l->text), "%s%.*s", *l->text ? " " : "", (int)len, name);
	return true;
}
static UNUSED int t_list_some(struct file *f, char *text, u32 entries)
{
	struct list_sink l = { .sink.emit = list_emit, .text = text, .left = entries };

	text[0] = 0;
	return f->ops->readdir(f, &l.sink);
}
static UNUSED const char *t_list(const char *path)
{
	static char text[65536];
	struct file *f = vfs_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0);

	if (is_err(f))
		return "(error)";
	t_list_some(f, text, ~0u);
	file_put(f);
	return text;
}

static UNUSED int t_umount(const char *target, bool lazy)
{
	struct path p SCOPED(path_put) = {NULL, NULL};
	int err = path_lookup(AT_FDCWD, target, LOOKUP_FOLLOW, &p);

	return err ? err : vfs_umount(&p, lazy ? MNT_DETACH : 0);
}
