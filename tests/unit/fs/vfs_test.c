/* Names and files under hard conditions: no memory, no room, many users, directories that change while they are read.
 * needs: kernel/fs/vfs/anon.c kernel/fs/vfs/attributes.c kernel/fs/vfs/dcache.c kernel/fs/vfs/file_object.c kernel/fs/vfs/fs_context.c
 * needs: kernel/fs/vfs/fs_init.c kernel/fs/vfs/inode.c kernel/fs/vfs/modify.c kernel/fs/vfs/mount_calls.c kernel/fs/vfs/mount_tree.c kernel/fs/vfs/open.c
 * needs: kernel/fs/vfs/path_text.c kernel/fs/vfs/path_walk.c kernel/fs/vfs/uio.c kernel/fs/vfs/acl.c kernel/fs/vfs/xattr.c
 * needs: kernel/fs/tmpfs/tmpfs_dir.c kernel/fs/tmpfs/tmpfs_file.c kernel/fs/tmpfs/tmpfs_super.c kernel/fs/tmpfs/tmpfs_xattr.c
 * needs: kernel/fs/tmpfs/memfd.c kernel/fs/devfs/devfs.c kernel/fs/pipe/pipe.c kernel/fs/poll/epoll.c
 * needs: kernel/fs/poll/inotify.c
 * needs: kernel/fs/locks/file_locks.c kernel/fs/locks/lock_ranges.c kernel/memory/virtual/vm_object.c kernel/memory/virtual/page_tree.c
 * needs: kernel/security/capability/space.c kernel/security/capability/object.c kernel/security/credentials.c
 * needs: kernel/sync/spinlock.c kernel/sync/lock_debug.c kernel/sync/mutex.c kernel/sync/rwsem.c kernel/sync/waitqueue.c
 */
#include "vfs_harness.h"

/* ---- no memory: the n-th allocation fails, for every n ---- */

static int op_mkdir(void)
{
	return t_mkdir("/base/new");
}
static int op_create(void)
{
	return t_write_file("/base/a-new-file-with-a-name-longer-than-forty-letters", "text");
}
static int op_symlink(void)
{
	return t_symlink("target", "/base/new");
}
static int op_link(void)
{
	return t_link("/base/file", "/base/new");
}
static int op_mknod(void)
{
	return vfs_mknod("/base/new", S_IFIFO | 0600, 0);
}
static int op_rename(void)
{
	return t_rename("/base/file", "/base/d/new-name-of-more-than-forty-letters-in-all", 0);
}
static int op_exchange(void)
{
	return t_rename("/base/file", "/base/d", RENAME_EXCHANGE);
}
static int op_open(void)
{
	struct file *f = vfs_open(AT_FDCWD, "/base/link/../file", O_RDWR, 0);

	if (is_err(f))
		return (int)ptr_err(f);
	file_put(f);
	return 0;
}
static int op_tmpfile(void)
{
	struct file *f = vfs_open(AT_FDCWD, "/base", O_TMPFILE | O_RDWR, 0600);

	if (is_err(f))
		return (int)ptr_err(f);
	file_put(f);
	return 0;
}
static int op_pipe(void)
{
	struct file *r, *w;
	int err = pipe_create(0, &r, &w);

	if (err)
		return err;
	file_put(r);
	file_put(w);
	return 0;
}
static int op_memfd(void)
{
	struct file *f = memfd_create_file("memfd:", "name", true);

	if (is_err(f))
		return (int)ptr_err(f);
	file_put(f);
	return 0;
}
static int op_mount(void)
{
	int err = vfs_mount("tmpfs", "source", "/base/d", 0, "");

	return err ? err : t_umount("/base/d", false);
}
static int op_xattr(void)
{
	struct path p;
	int err = path_lookup(AT_FDCWD, "/base/file", 0, &p);

	if (err)
		return err;
	err = vfs_setxattr(&p, "user.name", "value", 5, 0);
	if (!err)
		err = vfs_setxattr(&p, "user.name", NULL, 0, XATTR_REPLACE);
	path_put(&p);
	return err;
}
static int op_unlink(void)
{
	return t_unlink("/base/file");
}
static int op_chdir(void)
{
	struct fs_context *fs = fs_context_copy(current->fs);

	if (!fs)
		return -ENOMEM;
	fs_context_put(fs);
	return 0;
}

static void base_make(void)
{
	u_eq(t_mkdir("/base"), 0);
	u_eq(t_mkdir("/base/d"), 0);
	u_eq(t_write_file("/base/file", "contents"), 0);
	u_eq(t_symlink("d", "/base/link"), 0);
}

/* Removes whatever an operation left below /base. */
static void base_remove(void)
{
	static const char *const names[] = { "/base/new", "/base/a-new-file-with-a-name-longer-than-forty-letters",
		"/base/d/new-name-of-more-than-forty-letters-in-all", "/base/file", "/base/link", "/base/d" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (t_unlink(names[i]) == -EISDIR)
			u_eq(t_rmdir(names[i]), 0);
	}
	u_eq(t_rmdir("/base"), 0);
}

static void fail_everywhere(const char *name, int (*op)(void))
{
	u64 live = settled_live(), n;
	bool whole = false;

	for (n = 1; n < 200 && !whole && !u_failures; n++) {
		int err;

		base_make();
		settled_live();
		heap_fail_at(n);
		err = op();
		heap_fail_at(0);
		if (err != -ENOMEM && !u_eq(err, 0))
			u_note("%s, allocation %llu", name, (unsigned long long)n);
		/* Once the operation needs no n-th allocation any more, it has been tried in full. */
		whole = err == 0 && op_open() != -EIO && n > 60;
		base_remove();
		if (!u_eq(settled_live(), live))
			u_note("%s leaks when allocation %llu fails", name, (unsigned long long)n);
	}
}

U_TEST_LIMIT(no_memory_anywhere, 60)
{
	static const struct {
		const char *name;
		int (*op)(void);
	} ops[] = { { "mkdir", op_mkdir }, { "create", op_create }, { "symlink", op_symlink }, { "link", op_link }, { "mknod", op_mknod },
		{ "rename", op_rename }, { "exchange", op_exchange }, { "open", op_open }, { "tmpfile", op_tmpfile }, { "pipe", op_pipe },
		{ "memfd", op_memfd }, { "mount", op_mount }, { "xattr", op_xattr }, { "unlink", op_unlink }, { "chdir", op_chdir } };

	fs_start();
	base_make();
	base_remove();
	for (size_t i = 0; i < ARRAY_LEN(ops); i++)
		fail_everywhere(ops[i].name, ops[i].op);
}

/* ---- no room ---- */

U_TEST(size_limit)
{
	static char data[5 * 4096];
	struct super_block *sb;
	struct linux_statfs st;
	struct path p;
	struct file *f;

	fs_start();
	u_eq(t_mkdir("/m"), 0);
	u_eq(vfs_mount("tmpfs", "t", "/m", 0, "size=16k,nr_inodes=4"), 0);
	f = vfs_open(AT_FDCWD, "/m/f", O_CREAT | O_RDWR, 0600);
	u_need(!is_err(f));
	u_eq(file_write_kernel(f, data, sizeof(data), 0), 4 * 4096); /* what fits */
	u_eq(file_write_kernel(f, data, 1, 4 * 4096), -ENOSPC);
	u_eq(file_write_kernel(f, data, 1, 4095), 1);
	sb = f->inode->sb;
	sb->ops->statfs(sb, &st);
	u_eq(st.blocks, 4);
	u_eq(st.bfree, 0);
	u_eq(st.files, 4);
	u_eq(st.ffree, 2);
	u_eq(path_lookup(AT_FDCWD, "/m/f", 0, &p), 0);
	u_eq(vfs_truncate(&p, 4096), 0);
	path_put(&p);
	host_rcu_run();
	sb->ops->statfs(sb, &st);
	u_eq(st.bfree, 3);
	u_eq(f->ops->fallocate(f, 0, 0, 5 * 4096), -ENOSPC);
	u_eq(t_mkdir("/m/d1"), 0);
	u_eq(t_mkdir("/m/d2"), 0);
	u_eq(t_mkdir("/m/d3"), -ENOSPC);
	u_eq(t_rmdir("/m/d1"), 0);
	host_rcu_run();
	u_eq(t_mkdir("/m/d3"), 0);
	u_eq(vfs_mount("", "", "/m", MS_REMOUNT, "nr_inodes=2"), -EINVAL); /* more are there */
	u_eq(vfs_mount("", "", "/m", MS_REMOUNT, "size=64k"), 0);
	u_eq(file_write_kernel(f, data, sizeof(data), 0), sizeof(data));
	file_put(f);
	u_eq(t_umount("/m", false), 0);
}

U_TEST(file_size_limit)
{
	static char data[3000];
	struct file *f;

	fs_start();
	f = vfs_open(AT_FDCWD, "/f", O_CREAT | O_RDWR, 0600);
	u_need(!is_err(f));
	limit_fsize = 5000;
	u_eq(file_write_kernel(f, data, 3000, 0), 3000);
	u_eq(file_write_kernel(f, data, 3000, 3000), 2000);
	u_eq(last_signal, 0);
	u_eq(file_write_kernel(f, data, 1, 5000), -EFBIG);
	u_eq(last_signal, SIGNO_SIGXFSZ);
	last_signal = 0;
	u_eq(file_truncate(f->inode, 6000, NULL), -EFBIG);
	u_eq(last_signal, SIGNO_SIGXFSZ);
	u_eq(file_truncate(f->inode, 100, NULL), 0);
	file_put(f);
}

/* ---- directories that change while they are read ---- */

U_TEST(reading_while_names_come_and_go)
{
	char text[4096], name[32], seen[4096] = "";
	struct file *f;

	fs_start();
	u_eq(t_mkdir("/d"), 0);
	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "/d/n%02d", i);
		u_eq(t_write_file(name, NULL), 0);
	}
	f = vfs_open(AT_FDCWD, "/d", O_RDONLY | O_DIRECTORY, 0);
	u_need(!is_err(f));
	for (int i = 0; i < 25; i++) {
		u_eq(t_list_some(f, text, 3), 0);
		strcat(seen, text);
		strcat(seen, " ");
		if (i < 10) { /* the one just shown, one that was long ago, one that is to come; and a new one */
			snprintf(name, sizeof(name), "/d/n%02d", 3 * i);
			t_unlink(name);
			snprintf(name, sizeof(name), "/d/n%02d", 3 * i - 6);
			t_unlink(name);
			snprintf(name, sizeof(name), "/d/n%02d", 39 - i);
			t_unlink(name);
			snprintf(name, sizeof(name), "/d/x%02d", i);
			u_eq(t_write_file(name, NULL), 0);
			snprintf(name, sizeof(name), "/d/n%02d", 20);
			t_rename(name, "/d/moved", 0); /* goes to the end */
		}
	}
	/* Names that stood all the time are seen once each. */
	for (int i = 0; i < 30; i++) {
		char *first;

		if (i % 3 == 0 || i == 20)
			continue;
		snprintf(name, sizeof(name), "n%02d ", i);
		first = strstr(seen, name);
		u_check(first != NULL);
		u_check(!first || !strstr(first + 1, name));
	}
	u_check(strstr(seen, "moved ") != NULL);
	u_eq(f->ops->seek(f, 0, SEEK_SET), 0);
	u_eq(t_list_some(f, text, ~0u), 0);
	u_str_eq(t_list("/d"), text);
	file_put(f);
}

U_TEST(removed_directories)
{
	struct path p;
	char text[256];
	struct file *f;

	fs_start();
	u_eq(t_mkdir("/d"), 0);
	u_eq(t_exists("/d/absent"), -ENOENT); /* a negative name goes with it */
	f = vfs_open(AT_FDCWD, "/d", O_RDONLY | O_DIRECTORY, 0);
	u_need(!is_err(f));
	u_eq(path_lookup(AT_FDCWD, "/d", 0, &p), 0);
	fs_path_set(current->fs, &current->fs->cwd, &p, NULL);
	u_eq(t_rmdir("/d"), 0);
	u_eq(t_write_file("new", ""), -ENOENT);
	u_eq(t_mkdir("new"), -ENOENT);
	u_eq(t_exists("."), 0);
	u_eq(t_exists(".."), 0);
	u_eq(t_exists("absent"), -ENOENT);
	u_eq(t_list_some(f, text, 10), -ENOENT);
	u_eq(f->inode->nlink, 0);
	file_put(f);
	u_eq(path_lookup(AT_FDCWD, "/", 0, &p), 0);
	fs_path_set(current->fs, &current->fs->cwd, &p, NULL);
}

/* ---- life ---- */

U_TEST(nothing_is_left_behind)
{
	u64 live, pages;
	struct stat_k st;

	fs_start();
	u_eq(t_stat("/", &st), 0);
	for (int round = 0; round < 3; round++) {
		u64 before = settled_live();

		if (round)
			u_eq(before, live);
		live = before;
		u_eq(t_mkdir("/t"), 0);
		u_eq(vfs_mount("tmpfs", "t", "/t", 0, ""), 0);
		for (int i = 0; i < 100; i++) {
			char name[64], to[64];

			snprintf(name, sizeof(name), "/t/d%d", i);
			u_eq(t_mkdir(name), 0);
			snprintf(name, sizeof(name), "/t/d%d/file-%d-with-a-long-name-that-needs-room-of-its-own", i, i);
			u_eq(t_write_file(name, "some text"), 0);
			snprintf(to, sizeof(to), "/t/d%d/other", i / 2);
			t_rename(name, to, i % 3 ? 0 : RENAME_NOREPLACE);
			t_exists("/t/absent");
		}
		u_eq(t_umount("/t", false), 0);
		u_eq(t_rmdir("/t"), 0);
	}
	pages = settled_live();
	u_eq(pages, live);
}

U_TEST(unlinked_but_open)
{
	struct file *f;
	struct stat_k st;
	char buf[16];

	fs_start();
	u_eq(t_write_file("/f", "still here"), 0);
	f = vfs_open(AT_FDCWD, "/f", O_RDWR, 0);
	u_need(!is_err(f));
	u_eq(t_unlink("/f"), 0);
	u_eq(t_write_file("/f", "another"), 0);
	u_eq(file_read_kernel(f, buf, sizeof(buf), 0), 10);
	inode_getattr(&f->path, f->inode, &st);
	u_eq(st.nlink, 0);
	u_eq(t_link("/f", "/g"), 0);
	file_put(f);
	u_check(t_file_is("/g", "another"));
}

U_TEST(executing_and_writing)
{
	struct file *x, *w;

	fs_start();
	u_eq(t_write_file("/prog", "#!"), 0);
	u_eq(ptr_err(vfs_open_exec("/prog", AT_FDCWD, 0)), -EACCES);
	struct path p;
	u_eq(path_lookup(AT_FDCWD, "/prog", 0, &p), 0);
	u_eq(vfs_chmod(&p, 0755), 0);
	x = vfs_open_exec("/prog", AT_FDCWD, 0);
	u_need(!is_err(x));
	u_eq(ptr_err(vfs_open(AT_FDCWD, "/prog", O_WRONLY, 0)), -ETXTBSY);
	u_eq(vfs_truncate(&p, 0), -ETXTBSY);
	file_put(x);
	w = vfs_open(AT_FDCWD, "/prog", O_WRONLY, 0);
	u_need(!is_err(w));
	u_eq(ptr_err(vfs_open_exec("/prog", AT_FDCWD, 0)), -ETXTBSY);
	file_put(w);
	x = vfs_open_exec("/prog", AT_FDCWD, 0);
	u_need(!is_err(x));
	file_put(x);
	u_eq(ptr_err(vfs_open_exec("/", AT_FDCWD, 0)), -EACCES);
	path_put(&p);
}

U_TEST(backed_files)
{
	static char data[3 * 4096 + 100], buf[sizeof(data)];
	struct inode *i;
	struct file *f;
	struct stat_k st;

	fs_start();
	for (size_t k = 0; k < sizeof(data); k++)
		data[k] = (char)(k * 7 + k / 4096);
	f = vfs_open(AT_FDCWD, "/f", O_CREAT | O_RDWR, 0600);
	u_need(!is_err(f));
	i = f->inode;
	u_eq(tmpfs_adopt(i, data, sizeof(data)), 0);
	u_eq(i->pages.page_count, 0); /* nothing is copied before it is touched */
	inode_getattr(&f->path, i, &st);
	u_eq(st.size, sizeof(data));
	u_eq(st.blocks, 4 * 8);
	u_eq(f->ops->seek(f, 0, SEEK_DATA), 0);
	u_eq(f->ops->seek(f, 0, SEEK_HOLE), sizeof(data));
	u_eq(file_read_kernel(f, buf, 10, 4096), 10);
	u_mem_eq(buf, data + 4096, 10);
	u_eq(i->pages.page_count, 1);
	u_eq(file_write_kernel(f, "XY", 2, 2 * 4096 + 5), 2);
	u_eq(file_read_kernel(f, buf, sizeof(buf), 0), sizeof(data));
	u_mem_eq(buf, data, 2 * 4096 + 5);
	u_mem_eq(buf + 2 * 4096 + 7, data + 2 * 4096 + 7, sizeof(data) - 2 * 4096 - 7);
	u_mem_eq(buf + 2 * 4096 + 5, "XY", 2);
	/* What is cut off does not come back. */
	u_eq(file_truncate(i, 4096 + 50, f), 0);
	u_eq(file_truncate(i, sizeof(data), f), 0);
	u_eq(file_read_kernel(f, buf, sizeof(buf), 0), sizeof(data));
	u_mem_eq(buf, data, 4096 + 50);
	for (size_t k = 4096 + 50; k < sizeof(data); k++)
		u_need(buf[k] == 0);
	u_eq(f->ops->fallocate(f, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), 0);
	u_eq(file_read_kernel(f, buf, 4096, 0), 4096);
	u_check(buf[0] == 0 && buf[4095] == 0);
	u_eq(f->ops->seek(f, 0, SEEK_DATA), 4096);
	file_put(f);
}
