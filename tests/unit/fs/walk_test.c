/* From a path to a file: components, links, mounts, permissions, texts.
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

U_TEST(plain_paths)
{
	struct stat_k st;

	fs_start();
	u_eq(t_mkdir("/a"), 0);
	u_eq(t_mkdir("/a/b"), 0);
	u_eq(t_mkdir("a/b/c"), 0);
	u_eq(t_write_file("/a/b/c/file", "text"), 0);
	u_eq(t_stat("/a/b/c/file", &st), 0);
	u_eq(st.size, 4);
	u_check(S_ISREG(st.mode));
	u_eq(t_exists("//a///b/./c/../c/file"), 0);
	u_eq(t_exists("/a/b/c/file/"), -ENOTDIR);
	u_eq(t_exists("/a/b/c/file/x"), -ENOTDIR);
	u_eq(t_exists("/a/b/c/"), 0);
	u_eq(t_exists("/a/b/c/."), 0);
	u_eq(t_exists("/../../a"), 0);
	u_eq(t_exists("/a/none"), -ENOENT);
	u_eq(t_exists("/a/none"), -ENOENT); /* from the negative dentry */
	u_eq(t_exists("/a/none/more"), -ENOENT);
	u_eq(t_exists(""), -ENOENT);
	u_eq(t_exists("/"), 0);
}

U_TEST(long_names)
{
	char path[5000] = "/", name[300];

	fs_start();
	memset(name, 'n', sizeof(name));
	name[255] = 0;
	strcat(path, name);
	u_eq(t_mkdir(path), 0);
	u_eq(t_exists(path), 0);
	strcat(path, "x");
	u_eq(t_mkdir(path), -ENAMETOOLONG);
	u_eq(t_exists(path), -ENAMETOOLONG);
	/* Every length around the words that names are hashed in, and names that differ in one letter only. */
	for (int len = 1; len <= 60; len++) {
		snprintf(path, sizeof(path), "/%.*s", len, name);
		u_eq(t_write_file(path, "1"), 0);
		path[len] = 'm';
		u_eq(t_exists(path), -ENOENT);
		u_eq(t_write_file(path, "22"), 0);
		u_check(t_file_is(path, "22"));
		path[len] = 'n';
		u_check(t_file_is(path, "1"));
	}
	memset(path, '/', 4096);
	path[4095] = 0;
	u_eq(t_exists(path), 0);
	path[4095] = '/';
	path[4096] = 0;
	u_eq(t_exists(path), -ENAMETOOLONG);
}

U_TEST(symbolic_links)
{
	struct stat_k st;
	char from[32], to[32];

	fs_start();
	u_eq(t_mkdir("/dir"), 0);
	u_eq(t_mkdir("/dir/sub"), 0);
	u_eq(t_write_file("/dir/sub/f", "yes"), 0);
	u_eq(t_symlink("dir/sub", "/l1"), 0);
	u_eq(t_symlink("/l1/f", "/dir/l2"), 0);
	u_eq(t_symlink("../l1/../../dir/l2", "/dir/l3"), 0);
	u_check(t_file_is("/l1/f", "yes"));
	u_check(t_file_is("/dir/l2", "yes"));
	u_check(t_file_is("/dir/l3", "yes"));
	u_eq(t_lstat("/dir/l3", &st), 0);
	u_check(S_ISLNK(st.mode));
	u_eq(st.size, 18);
	u_eq(t_lstat("/l1/", &st), 0);
	u_check(S_ISDIR(st.mode));
	u_eq(t_symlink("none", "/dangling"), 0);
	u_eq(t_exists("/dangling"), -ENOENT);
	u_eq(t_symlink("self", "/self"), 0);
	u_eq(t_exists("/self"), -ELOOP);
	u_eq(t_symlink("l1/f", "/to-file"), 0);
	u_eq(t_exists("/to-file/"), -ENOTDIR);
	/* 40 links in a chain are followed, 41 are not; and as many within each other. */
	u_eq(t_symlink("/dir/sub", "/c0"), 0);
	for (int i = 1; i <= 40; i++) {
		snprintf(from, sizeof(from), "/c%d", i);
		snprintf(to, sizeof(to), "c%d/.", i - 1);
		u_eq(t_symlink(to, from), 0);
	}
	u_check(t_file_is("/c39/f", "yes"));
	u_eq(t_exists("/c40/f"), -ELOOP);
}

U_TEST(create_through_links)
{
	struct file *f;

	fs_start();
	u_eq(t_mkdir("/d"), 0);
	u_eq(t_symlink("d/made", "/l"), 0);
	f = vfs_open(AT_FDCWD, "/l", O_CREAT | O_EXCL | O_WRONLY, 0644);
	u_eq(ptr_err(f), -EEXIST);
	f = vfs_open(AT_FDCWD, "/l", O_CREAT | O_NOFOLLOW | O_WRONLY, 0644);
	u_eq(ptr_err(f), -ELOOP);
	u_eq(t_write_file("/l", "through"), 0);
	u_check(t_file_is("/d/made", "through"));
	u_eq(t_symlink("nodir/x", "/bad"), 0);
	u_eq(t_write_file("/bad", ""), -ENOENT);
	u_eq(ptr_err(vfs_open(AT_FDCWD, "/d/new/", O_CREAT | O_WRONLY, 0644)), -EISDIR);
	u_eq(ptr_err(vfs_open(AT_FDCWD, "/d", O_WRONLY, 0)), -EISDIR);
	u_eq(ptr_err(vfs_open(AT_FDCWD, "/d", O_CREAT | O_RDONLY, 0)), -EISDIR);
	u_eq(ptr_err(vfs_open(AT_FDCWD, "/d/made", O_DIRECTORY | O_RDONLY, 0)), -ENOTDIR);
	u_eq(ptr_err(vfs_open(AT_FDCWD, "/l", O_NOFOLLOW | O_RDONLY, 0)), -ELOOP);
	f = vfs_open(AT_FDCWD, "/l", O_PATH | O_NOFOLLOW, 0);
	u_need(!is_err(f));
	u_check(S_ISLNK(f->inode->mode));
	file_put(f);
}

U_TEST(permissions_on_the_way)
{
	struct path p;

	fs_start();
	u_eq(t_mkdir("/closed"), 0);
	u_eq(t_write_file("/closed/f", "x"), 0);
	u_eq(path_lookup(AT_FDCWD, "/closed", 0, &p), 0);
	u_eq(vfs_chmod(&p, 0700), 0);
	as_user(true);
	u_eq(t_exists("/closed"), 0);
	u_eq(t_exists("/closed/f"), -EACCES);
	u_eq(t_exists("/closed/none"), -EACCES);
	u_eq(t_mkdir("/mine"), -EACCES);
	as_user(false);
	u_eq(vfs_chmod(&p, 0711), 0);
	as_user(true);
	u_eq(t_exists("/closed/f"), 0);
	u_eq(t_unlink("/closed/f"), -EACCES);
	u_eq(ptr_err(vfs_open(AT_FDCWD, "/closed", O_RDONLY, 0)), -EACCES);
	u_eq(ptr_err(vfs_open(AT_FDCWD, "/closed/f", O_RDWR, 0)), -EACCES);
	as_user(false);
	u_eq(vfs_chmod(&p, 01777), 0); /* sticky */
	as_user(true);
	u_eq(t_unlink("/closed/f"), -EPERM);
	u_eq(t_write_file("/closed/own", "x"), 0);
	u_eq(t_rename("/closed/own", "/closed/f", 0), -EPERM);
	u_eq(t_unlink("/closed/own"), 0);
	as_user(false);
	path_put(&p);
}

U_TEST(mounts_are_crossed_both_ways)
{
	struct stat_k above, below;
	struct path p;
	struct file *f;

	fs_start();
	u_eq(t_mkdir("/m"), 0);
	u_eq(t_mkdir("/m/hidden"), 0);
	u_eq(t_stat("/m", &above), 0);
	u_eq(vfs_mount("tmpfs", "here", "/m", 0, "size=64k"), 0);
	u_eq(t_stat("/m", &below), 0);
	u_check(above.dev != below.dev);
	u_eq(t_exists("/m/hidden"), -ENOENT);
	u_eq(t_mkdir("/m/d"), 0);
	u_eq(t_stat("/m/d/../..", &below), 0);
	u_eq(t_stat("/", &above), 0);
	u_eq(above.ino, below.ino);
	u_eq(above.dev, below.dev);
	u_eq(t_rmdir("/m"), -EBUSY);
	u_eq(t_rename("/m", "/n", 0), -EBUSY);
	u_eq(t_rename("/m/d", "/d", 0), -EXDEV);
	u_eq(vfs_mount("tmpfs", "again", "/m", 0, ""), 0); /* on top */
	u_eq(t_exists("/m/d"), -ENOENT);
	u_eq(t_umount("/m", false), 0);
	u_eq(t_exists("/m/d"), 0);
	f = vfs_open(AT_FDCWD, "/m/d", O_RDONLY, 0);
	u_need(!is_err(f));
	u_eq(t_umount("/m", false), -EBUSY);
	u_eq(t_umount("/m/d", false), -EINVAL);
	file_put(f);
	u_eq(path_lookup(AT_FDCWD, "/m/d", 0, &p), 0);
	u_eq(t_umount("/m", true), 0);
	u_eq(t_exists("/m/hidden"), 0);
	path_put(&p);
	u_eq(vfs_mount("nosuchfs", "x", "/m", 0, ""), -ENODEV);
	u_eq(vfs_mount("tmpfs", "x", "/m", 0, "size=garbage"), -EINVAL);
	u_eq(vfs_mount("tmpfs", "x", "/none", 0, ""), -ENOENT);
	u_eq(t_umount("/", false), -EBUSY);
	as_user(true);
	u_eq(vfs_mount("tmpfs", "x", "/m", 0, ""), -EPERM);
	as_user(false);
}

U_TEST(read_only_mounts)
{
	struct path p;

	fs_start();
	u_eq(t_mkdir("/ro"), 0);
	u_eq(vfs_mount("tmpfs", "ro", "/ro", 0, ""), 0);
	u_eq(t_write_file("/ro/f", "x"), 0);
	u_eq(vfs_mount("", "", "/ro", MS_REMOUNT | MS_RDONLY, ""), 0);
	u_eq(t_write_file("/ro/g", "x"), -EROFS);
	u_eq(ptr_err(vfs_open(AT_FDCWD, "/ro/f", O_WRONLY, 0)), -EROFS);
	u_eq(t_unlink("/ro/f"), -EROFS);
	u_eq(t_mkdir("/ro/d"), -EROFS);
	u_check(t_file_is("/ro/f", "x"));
	u_eq(path_lookup(AT_FDCWD, "/ro/f", 0, &p), 0);
	u_eq(vfs_chmod(&p, 0), -EROFS);
	u_eq(vfs_access(&p, MAY_WRITE, true), -EROFS);
	u_eq(vfs_truncate(&p, 0), -EROFS);
	path_put(&p);
	u_eq(vfs_mount("", "", "/ro", MS_REMOUNT, ""), 0);
	u_eq(t_unlink("/ro/f"), 0);
}

static const char *text_of(const char *path)
{
	static char buf[PATH_MAX_BYTES];
	struct path p, root;
	int len;

	if (path_lookup(AT_FDCWD, path, 0, &p))
		return "(none)";
	fs_path_get(current->fs, &current->fs->root, &root);
	len = path_text(&p, &root, buf, sizeof(buf));
	path_put(&root);
	path_put(&p);
	return len < 0 ? "(error)" : buf;
}

U_TEST(texts_of_paths)
{
	struct path p, root, old;
	char buf[64];
	struct file *f;

	fs_start();
	u_eq(t_mkdir("/x"), 0);
	u_eq(t_mkdir("/x/y"), 0);
	u_eq(vfs_mount("tmpfs", "t", "/x/y", 0, ""), 0);
	u_eq(t_mkdir("/x/y/z"), 0);
	u_str_eq(text_of("/"), "/");
	u_str_eq(text_of("/x/../x/y/z/."), "/x/y/z");
	u_str_eq(text_of("/dev/pts"), "/dev/pts");
	u_eq(path_lookup(AT_FDCWD, "/x/y/z", 0, &p), 0);
	fs_path_get(current->fs, &current->fs->root, &root);
	u_eq(path_text(&p, &root, buf, 8), -ENAMETOOLONG);
	u_eq(t_rmdir("/x/y/z"), 0);
	u_eq(path_text(&p, &root, buf, sizeof(buf)), 16);
	u_str_eq(buf, "/x/y/z (deleted)");
	path_put(&p);
	path_put(&root);
	u_eq(t_mkdir("/x/y/q"), 0);
	u_eq(path_lookup(AT_FDCWD, "/x/y/q", 0, &p), 0);
	fs_path_get(current->fs, &current->fs->root, &old);
	fs_path_set(current->fs, &current->fs->root, &p, NULL); /* chroot */
	u_str_eq(text_of("/"), "/");
	u_eq(t_exists("/x"), -ENOENT);
	u_eq(t_exists("/../../x"), -ENOENT);
	fs_path_get(current->fs, &current->fs->root, &root);
	u_eq(path_text(&old, &root, buf, sizeof(buf)), 14);
	u_str_eq(buf, "(unreachable)/");
	path_put(&root);
	fs_path_set(current->fs, &current->fs->root, &old, NULL);
	f = memfd_create_file("memfd:", "na/me", false);
	u_need(!is_err(f));
	u_eq(file_path_text(f, buf, sizeof(buf)), 22);
	u_str_eq(buf, "/memfd:na/me (deleted)");
	file_put(f);
}

U_TEST(starting_from_descriptors)
{
	struct stat_k st;
	struct file *f;
	cap_t dir, file;

	fs_start();
	u_eq(t_mkdir("/d"), 0);
	u_eq(t_write_file("/d/f", "x"), 0);
	dir = fd_install_new(vfs_open(AT_FDCWD, "/d", O_PATH | O_DIRECTORY, 0), 0);
	file = fd_install_new(vfs_open(AT_FDCWD, "/d/f", O_RDONLY, 0), 0);
	u_eq(dir, 0);
	u_eq(file, 1);
	u_eq(WITH_TEXT("f", t, path_stat(dir, t, 0, &st)), 0);
	u_eq(WITH_TEXT("../d/f", t, path_stat(dir, t, 0, &st)), 0);
	u_eq(WITH_TEXT("f", t, path_stat(file, t, 0, &st)), -ENOTDIR);
	u_eq(WITH_TEXT("f", t, path_stat(7, t, 0, &st)), -EBADF);
	u_eq(WITH_TEXT("/d/f", t, path_stat(7, t, 0, &st)), 0);
	u_eq(WITH_TEXT("", t, path_stat(file, t, 0, &st)), -ENOENT);
	u_eq(WITH_TEXT("", t, path_stat(file, t, LOOKUP_EMPTY, &st)), 0);
	u_eq(st.size, 1);
	f = vfs_open(dir, "made", O_CREAT | O_RDWR, 0600);
	u_need(!is_err(f));
	file_put(f);
	u_eq(t_exists("/d/made"), 0);
	u_eq(WITH_TEXT("sub", t, vfs_make_text(dir, t, S_IFDIR | 0755, 0, NULL)), 0);
	current->caps->confined = true;
	u_eq(t_exists("/d/f"), -EPERM);
	u_eq(WITH_TEXT("f", t, path_stat(dir, t, 0, &st)), 0);
	u_eq(WITH_TEXT("../dev", t, path_stat(dir, t, 0, &st)), -EPERM); /* ".." stops at the granted directory */
	u_eq(WITH_TEXT("sub/../../d/f", t, path_stat(dir, t, 0, &st)), -EPERM);
	current->caps->confined = false;
}
